//! Decimal numbers, compared exactly at any size and never as floating point.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::json::json_number;

/// The bound of exponents. No text that fits into memory has enough digits to make up for the difference.
const FARTHEST: i64 = 1_000_000_000_000_000;

/// A decimal number in its text form: sign, digits and the place of the point. Parsing borrows the text and never
/// expands it, so `1e999999999` costs as much as `1`.
///
/// Numbers are ordered by value: `1.0` equals `1` and `1e0`, and `-0` equals `0`. Exponents are cut off at ±10^15.
#[derive(Clone, Debug)]
pub struct Number<'t> {
    /// The comparison with zero.
    sign: Ordering,
    /// From the first digit that is not zero to the last; the point may be among them. Empty for zero.
    digits: Cow<'t, str>,
    /// The magnitude is `0.DIGITS × 10^point`.
    point: i64,
}

impl<'t> Number<'t> {
    /// Parses a JSON number; `None` for any other text.
    pub fn parse(json: &'t str) -> Option<Self> {
        let (sign, rest) = match json.strip_prefix('-') {
            Some(rest) => (Ordering::Less, rest),
            None => (Ordering::Greater, json),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let digits = mantissa.trim_matches(['0', '.']);
        if digits.is_empty() {
            return Some(Self { sign: Ordering::Equal, digits: Cow::Borrowed(""), point: 0 });
        }
        let point = if whole == "0" {
            -to_length(fraction.len() - fraction.trim_start_matches('0').len())
        } else {
            to_length(whole.len())
        };
        Some(Self { sign, digits: Cow::Borrowed(digits), point: point.saturating_add(exponent) })
    }

    /// Parses a number of a policy: a JSON number, one with a `+`, or a whole number with `0x`, `0o` or `0b`. `None`
    /// for infinities, for leading zeros, which look octal, and for exponents beyond need.
    pub fn from_policy(text: &str) -> Option<Number<'static>> {
        let number = Number::parse(&json_number(text)?)?.into_owned();
        (number.point.abs() < FARTHEST / 2).then_some(number)
    }

    /// Returns the same number with its digits copied.
    pub fn into_owned(self) -> Number<'static> {
        Number { sign: self.sign, digits: Cow::Owned(self.digits.into_owned()), point: self.point }
    }

    /// The nearest double, as most servers keep numbers.
    pub(super) fn nearest_double(&self) -> f64 {
        let digits: String = self.digits().map(char::from).collect();
        let magnitude: f64 = format!("0.{digits}0e{}", self.point).parse().unwrap_or(f64::INFINITY);
        if self.is_negative() { -magnitude } else { magnitude }
    }

    /// Whether no other such number is the same double: a double keeps 15 digits.
    pub(super) fn is_kept_apart(&self) -> bool {
        self.digits.len() <= 15 && self.point.abs() < 300
    }

    /// Whether a program that keeps the nearest double writes the same number again.
    pub(super) fn is_kept_by_double(&self) -> bool {
        Number::parse(&self.nearest_double().to_string()).is_some_and(|kept| kept == *self)
    }

    /// Whether the number is less than zero.
    pub fn is_negative(&self) -> bool {
        self.sign == Ordering::Less
    }

    /// Returns the number times `10^decimals`.
    ///
    /// # Errors
    /// Returns an error if that is not a whole number, or too large.
    pub(super) fn scale_to(&self, decimals: u8) -> Result<i128, Unscalable> {
        // The largest power of ten in an i128.
        const MOST: i64 = 38;
        let end = self.point.saturating_add(i64::from(decimals));
        if end > MOST {
            return Err(Unscalable::TooLarge);
        }
        let shift = end.saturating_sub(to_length(self.digits().count()));
        let Ok(zeros) = usize::try_from(shift) else { return Err(Unscalable::TooFine) };
        let magnitude = self
            .digits()
            .chain(std::iter::repeat_n(b'0', zeros))
            .try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(digit - b'0')))
            .ok_or(Unscalable::TooLarge)?;
        Ok(if self.is_negative() { -magnitude } else { magnitude })
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.digits.bytes().filter(u8::is_ascii_digit)
    }
}

/// Why a number cannot be expressed in whole units of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unscalable {
    TooFine,
    TooLarge,
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = || self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits()));
        self.sign.cmp(&other.sign).then_with(|| match self.sign {
            Ordering::Less => magnitude().reverse(),
            Ordering::Equal => Ordering::Equal,
            Ordering::Greater => magnitude(),
        })
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number<'_> {}

fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) {
        return None;
    }
    let size = digits.bytes().fold(0, |size: i64, digit| (size * 10 + i64::from(digit - b'0')).min(FARTHEST));
    Some(if text.starts_with('-') { -size } else { size })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn to_length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
