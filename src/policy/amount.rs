//! Money and counts, added exactly.

use std::fmt;

use super::number::{Number, Unscalable};

const DECIMALS: u8 = 9;

/// One whole unit, in nanos: 10^9.
const ONE: i128 = 1_000_000_000;

/// A count or a sum of money: zero or more, exact to nine decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    nanos: i128,
}

/// Why something is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Below zero.
    #[error("it is negative")]
    Negative,
    /// A value of another type, such as a string or null.
    #[error("it is not a number")]
    NotANumber,
    /// Above [`Amount::MAX`].
    #[error("it is larger than {max}", max = Amount::MAX)]
    TooLarge,
    /// More than nine decimals.
    #[error("it has more than {DECIMALS} decimals")]
    TooFine,
    /// More digits than floating point keeps: many servers would read another number.
    #[error("it has more digits than floating point keeps")]
    Inexact,
    /// Not whole, although whole units are counted.
    #[error("it is not a whole number")]
    Fraction,
}

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self { nanos: 0 };

    /// One whole unit.
    pub const ONE: Self = Self { nanos: ONE };

    /// The largest amount that can be read: 10^18. Sums may be larger, see [`Amount::checked_add`].
    pub const MAX: Self = Self { nanos: 1_000_000_000_000_000_000 * ONE };

    /// Makes an amount of whole units.
    pub const fn from_count(count: u64) -> Self {
        Self { nanos: count as i128 * ONE }
    }

    /// Reads an amount from an argument as written in JSON.
    ///
    /// # Errors
    /// Returns an error if it is not a number, or one that is negative, above [`Amount::MAX`], finer than nine decimals,
    /// or not what a server reads that keeps doubles.
    pub fn parse(json: &str) -> Result<Self, AmountError> {
        let number = Number::parse(json).ok_or(AmountError::NotANumber)?;
        let amount = Self::from_number(&number)?;
        if number.is_kept_by_double() { Ok(amount) } else { Err(AmountError::Inexact) }
    }

    /// Reads an amount of whole units from an argument as written in JSON; `5.0` is whole.
    ///
    /// # Errors
    /// Returns the errors of [`Amount::parse`], and one if it is not whole.
    pub fn parse_whole(json: &str) -> Result<Self, AmountError> {
        match Self::parse(json) {
            Ok(amount) if amount.nanos % ONE == 0 => Ok(amount),
            Ok(_) | Err(AmountError::TooFine) => Err(AmountError::Fraction),
            Err(error) => Err(error),
        }
    }

    /// Converts a number to an amount.
    ///
    /// # Errors
    /// Returns an error if it is negative, above [`Amount::MAX`] or finer than nine decimals.
    pub fn from_number(number: &Number<'_>) -> Result<Self, AmountError> {
        if number.is_negative() {
            return Err(AmountError::Negative);
        }
        match number.scale_to(DECIMALS) {
            Ok(nanos) if nanos <= Self::MAX.nanos => Ok(Self { nanos }),
            Ok(_) | Err(Unscalable::TooLarge) => Err(AmountError::TooLarge),
            Err(Unscalable::TooFine) => Err(AmountError::TooFine),
        }
    }

    /// Adds two amounts; `None` on overflow, which takes more than 10^11 of the largest amounts.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self { nanos: self.nanos.checked_add(other.nanos)? })
    }

    /// Subtracts `other`; `None` if the result is negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_nanos(self.nanos.checked_sub(other.nanos)?)
    }

    /// Whether the amount has no fraction.
    pub fn is_whole(self) -> bool {
        self.nanos % ONE == 0
    }

    /// Returns the largest whole amount that is not larger than this one.
    #[must_use]
    pub fn round_down(self) -> Self {
        Self { nanos: self.nanos - self.nanos % ONE }
    }

    /// Returns the next smaller amount; `None` for zero.
    #[must_use]
    pub fn largest_below(self) -> Option<Self> {
        Self::from_nanos(self.nanos - 1)
    }

    /// Returns the amount in units of 10^-9, as it is stored.
    pub fn as_nanos(self) -> i128 {
        self.nanos
    }

    /// Makes an amount from units of 10^-9; `None` if they are negative.
    pub fn from_nanos(nanos: i128) -> Option<Self> {
        (nanos >= 0).then_some(Self { nanos })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.nanos / ONE, self.nanos % ONE);
        if nanos == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}
