//! Sizes in bytes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSize {
    /// The unit does not exist.
    #[error("`{0}` is not a unit; write KiB, MiB or GiB, or bytes without a unit")]
    Unit(String),
    /// The text does not begin with a whole number.
    #[error("write a whole number and a unit, such as 64MiB")]
    Number,
    /// The number overflows.
    #[error("that is more than this machine can address")]
    TooLarge,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
        match units.into_iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match text.get(digits.len()..).unwrap_or_default().trim() {
            "" | "B" => 1,
            "KiB" | "K" | "k" => KIB,
            "MiB" | "M" => MIB,
            "GiB" | "G" => GIB,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            other => return Err(BadSize::Unit(other.to_owned())),
        };
        let number: usize = digits.parse().map_err(|_| BadSize::Number)?;
        number.checked_mul(unit).map(Self).ok_or(BadSize::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("512KiB", 512 << 10, "512KiB"),
            ("1 GiB", 1 << 30, "1GiB"),
            ("1025M", 1025 << 20, "1025MiB"),
            ("1500", 1500, "1500"),
            ("2048", 2048, "2KiB"),
            ("3MB", 3_000_000, "3000000"),
            ("0", 0, "0"),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), shown);
        }
        for text in ["", "MiB", "-1", "1.5MiB", "64 parsecs", "99999999999999999999", "18446744073709551615K"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
