//! Runs of digits and of what people put between them, as masks of bits where they are short.

use super::marks::PHONE;
use crate::content::runs::{BLOCK, find_bits, ones};
use crate::content::{byte_at, run_length};

const FEWEST_CARD_DIGITS: usize = 14;

/// The run at the start of a text.
pub(super) fn find_run(text: &[u8]) -> NumberRun {
    if let Some(block) = text.first_chunk::<BLOCK>() {
        let length = find_bits(|at| is_in_number(block[at])).trailing_ones() as usize;
        if length < BLOCK {
            let digits = find_bits(|at| block[at].is_ascii_digit()) & !(u64::MAX << length);
            return NumberRun { length, digits: Some(digits) };
        }
    }
    let length = text.iter().position(|byte| !is_in_number(*byte)).unwrap_or(text.len());
    NumberRun { length, digits: None }
}

/// Digits and what people put between them. It begins with a digit.
pub(super) struct NumberRun {
    pub(super) length: usize,
    /// A bit for each digit, the first one lowest; `None` if it is long.
    pub(super) digits: Option<u64>,
}

impl NumberRun {
    /// Whether it has at least so many digits.
    #[inline]
    pub(super) fn has_digits(&self, least: usize, bytes: &[u8], start: usize) -> bool {
        let Some(mut digits) = self.digits else {
            let written = bytes.iter().skip(start).take(self.length);
            return written.filter(|byte| byte.is_ascii_digit()).nth(least - 1).is_some();
        };
        (1..least).for_each(|_| digits &= digits.wrapping_sub(1));
        digits != 0
    }

    /// Which groups have exactly so many digits, from 3 up.
    #[inline(always)]
    pub(super) fn groups_of(digits: u64, length: usize) -> u64 {
        let starts = digits & !(digits << 1);
        (1..length).fold(starts & !(digits >> length), |groups, at| groups & digits >> at)
    }

    /// Whether it is one group of digits, too short for the number of a card.
    #[inline]
    pub(super) fn is_short_group(&self) -> bool {
        self.length < FEWEST_CARD_DIGITS && self.digits.is_some_and(|digits| digits & (digits + 1) == 0)
    }

    /// Whether it may have a group of at least three digits that begins with two zeros, or two groups of three and one of four.
    #[inline]
    pub(super) fn may_be_grouped(&self, written: &[u8]) -> bool {
        let Some(digits) = self.digits else { return true };
        let [three, four] = [Self::groups_of(digits, 3), Self::groups_of(digits, 4)];
        let is_zero = |at: usize| byte_at(written, at) == b'0' && byte_at(written, at + 1) == b'0';
        let long = digits & !(digits << 1) & digits >> 1 & digits >> 2;
        (four != 0 && three & three.wrapping_sub(1) != 0) || ones(long).any(is_zero)
    }

    /// Whether it may have a group of fourteen digits or more, four of four, or one of six beside some of four.
    #[inline]
    pub(super) fn may_be_card(&self) -> bool {
        let Some(digits) = self.digits else { return true };
        let both = |bits: u64, by: u32| bits & bits >> by;
        let four = || Self::groups_of(digits, 4);
        self.length >= FEWEST_CARD_DIGITS
            && digits.count_ones() as usize >= FEWEST_CARD_DIGITS
            && (both(both(both(both(digits, 1), 2), 4), 6) != 0
                || four().count_ones() >= 4
                || (four() != 0 && Self::groups_of(digits, 6) != 0))
    }

    /// Whether it may have as many nines as a number of ours.
    #[inline]
    pub(super) fn may_be_own(&self, bytes: &[u8], start: usize) -> bool {
        const SHORT: usize = 32;
        let rest = bytes.get(start..).unwrap_or_default();
        let count = match rest.first_chunk::<SHORT>().filter(|_| self.length <= SHORT) {
            // What is behind it counts as well: this is made vector instructions of.
            Some(chunk) => usize::from(chunk.iter().fold(0_u8, |count, byte| count + u8::from(*byte == b'9'))),
            None => rest.iter().take(self.length).filter(|byte| **byte == b'9').count(),
        };
        count >= PHONE.len()
    }

    /// The next group of digits from a place on that is no digit's inside: where it starts, and its length.
    #[inline]
    pub(super) fn find_group(&self, written: &[u8], from: usize) -> Option<(usize, usize)> {
        if let Some(digits) = self.digits {
            let rest = digits >> from;
            let skipped = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            return Some((from + skipped, (!(rest >> skipped)).trailing_zeros() as usize));
        }
        let at = from + written.get(from..)?.iter().position(u8::is_ascii_digit)?;
        Some((at, run_length(written, at, usize::MAX, |byte| byte.is_ascii_digit())))
    }
}

/// The bytes of numbers: digits, what people put between them, and what that may be escaped with.
#[inline(always)]
pub(super) fn is_in_number(byte: u8) -> bool {
    (b'-'..=b'9').contains(&byte) | (byte | 1 == b')') | (byte == b' ') | (byte == b'\\')
}
