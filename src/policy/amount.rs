//! Exact amounts: counts and money, never in floating point.

use std::fmt;

/// How many of the smallest parts make one unit.
const PARTS: i128 = 1_000_000_000;

/// An exact decimal number, zero or more, in steps of 10^-9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One unit: what a call takes where no argument says otherwise.
    pub const ONE: Self = Self(PARTS);
    /// The largest amount.
    pub const MAX: Self = Self(i128::MAX);

    /// So many whole units.
    pub const fn from_units(units: u64) -> Self {
        // 2^64 × 10^9 is far below 2^127.
        Self(units as i128 * PARTS)
    }

    /// So many parts of 10^-9; `None` where the number is negative.
    pub const fn from_parts(parts: i128) -> Option<Self> {
        if parts < 0 { None } else { Some(Self(parts)) }
    }

    /// The amount in parts of 10^-9.
    pub const fn parts(self) -> i128 {
        self.0
    }

    /// The sum; `None` where it is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference; `None` where it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::from_parts)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / PARTS, self.0 % PARTS);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}
