//! Runs of digits and of what people put between them: whether there may be a number, and where.

use std::ops::Range;

use fearless_simd::{Simd, SimdMask};

use super::blocks::{are_digits, are_in_number, are_letters, is_in_number};
use super::known_values::KnownValues;
use super::marks::{CARD, Known, PHONE, SHORTEST_NUMBER};
use super::screen::TextScreen;
use crate::block_bits::{BLOCK, Lanes};
use crate::content::{ContentKind, byte_at, byte_before, card, length_before, phone, run_length};

/// The fewest digits of a number of a telephone, a card or ours.
const FEWEST_DIGITS: u32 = 7;
/// The fewest digits of a card's number.
const FEWEST_CARD_DIGITS: usize = 14;

/// Which numbers are looked for.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) phones: bool,
    pub(super) cards: bool,
    /// Those that stand in for others.
    pub(super) own: bool,
    /// Those that are known, whatever they are.
    pub(super) known: bool,
}

impl Numbers {
    /// Whether one may be in the run that ends with a window. Most have nothing of what is asked for here.
    #[inline(always)]
    pub(super) fn may_be_in_run(self, simd: impl Simd, window: &[u8; BLOCK]) -> bool {
        let lanes = Lanes::of(simd, window);
        let digits = are_digits(&lanes).to_bitmask();
        let others = !are_in_number(&lanes).to_bitmask();
        if others == 0 {
            return true;
        }
        let run = !(u64::MAX >> others.leading_zeros());
        let bits = RunBits {
            digits: digits & run,
            nines: lanes.are(b'9').to_bitmask() & run,
            zeros: lanes.are(b'0').to_bitmask(),
        };
        if bits.digits.count_ones() < FEWEST_DIGITS {
            return false;
        }
        if self.known || (self.own && bits.may_be_own()) || bits.may_be_grouped() || (self.cards && bits.may_be_card())
        {
            return true;
        }
        let chars = digits | are_letters(&lanes).to_bitmask();
        let start = bits.digits.trailing_zeros() as usize;
        self.phones && phone::may_be_before(window, start, (chars, lanes.are_not_ascii()))
    }
}

/// A bit for each byte of a run.
#[derive(Clone, Copy)]
struct RunBits {
    digits: u64,
    nines: u64,
    zeros: u64,
}

impl RunBits {
    /// Whether it may have a group of at least three digits that begins with two zeros, or two groups of three and one of four.
    #[inline(always)]
    fn may_be_grouped(self) -> bool {
        let DigitGroups { three, four, .. } = DigitGroups::of(self.digits);
        let long = self.digits & !(self.digits << 1) & self.digits >> 1 & self.digits >> 2;
        long & self.zeros & self.zeros >> 1 != 0 || (three & three.wrapping_sub(1) != 0 && four != 0)
    }

    /// Whether it may have a group of fourteen digits or more, four of four, or one of six beside some of four.
    #[inline(always)]
    fn may_be_card(self) -> bool {
        let DigitGroups { four, six, long, .. } = DigitGroups::of(self.digits);
        let is_grouped = long != 0 || four.count_ones() >= 4 || (six != 0 && four != 0);
        is_grouped && self.digits.count_ones() >= FEWEST_CARD_DIGITS as u32
    }

    /// Whether it may have as many nines as a number of ours.
    #[inline(always)]
    fn may_be_own(self) -> bool {
        self.nines.count_ones() as usize >= PHONE.len()
    }
}

/// Where groups of exactly so many digits begin, and of fourteen at least.
struct DigitGroups {
    three: u64,
    four: u64,
    six: u64,
    long: u64,
}

impl DigitGroups {
    #[inline(always)]
    fn of(digits: u64) -> Self {
        let starts = digits & !(digits << 1);
        let two = digits & digits >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        Self {
            three: starts & two & digits >> 2 & !(digits >> 3),
            four: starts & four & !(digits >> 4),
            six: starts & four & two >> 4 & !(digits >> 6),
            long: eight & eight >> 6,
        }
    }
}

impl TextScreen<'_> {
    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            phones: self.looks_for(ContentKind::Phone),
            cards: self.looks_for(ContentKind::Card),
            own: self.table.is_some(),
            known: self.known().is_some_and(KnownValues::have_numbers),
        }
    }

    /// Finds numbers of telephones and cards, those of our own, and those that are known, in the run that ends before a place.
    #[inline(never)]
    pub(super) fn find_in_run_before(&self, text: &str, end: usize, places: &mut Vec<usize>) {
        let bytes = text.as_bytes();
        let length = length_before(bytes, end, usize::MAX, is_in_number);
        let others = run_length(bytes, end - length, length, |byte| !byte.is_ascii_digit());
        let start = end - length + others;
        let digits = bytes.get(start..end).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
        if digits.take(FEWEST_DIGITS as usize).count() == FEWEST_DIGITS as usize {
            self.find_in_groups(text, start..end, places);
        }
    }

    /// The same, at each group of digits.
    fn find_in_groups(&self, text: &str, run: Range<usize>, places: &mut Vec<usize>) {
        let bytes = text.as_bytes();
        let wanted = self.numbers();
        let known = self.known().filter(|known| known.have_numbers());
        let mut before = [(0, 0); 3];
        let mut at = run.start;
        while at < run.end {
            let length = run_length(bytes, at, usize::MAX, |byte| byte.is_ascii_digit());
            let is_area = (b'2'..=b'9').contains(&byte_at(bytes, at));
            let has_zeros = || {
                (3..=5).contains(&length)
                    && (byte_at(bytes, at), byte_at(bytes, at + 1)) == (b'0', b'0')
                    && matches!(byte_at(bytes, at + length), b' ' | b'-' | b'/' | b'\\')
            };
            let is_american = before[1].1 == 3 && before[2].1 == 3 && length == 4;
            let is_phone = || is_american || has_zeros() || (at == run.start && is_first_phone(text, at));
            if (wanted.phones && is_phone()) || known.is_some_and(|known| known.may_be_at_digits(bytes, at)) {
                places.push(at);
            }
            // The groups of a card are tried once the last of them is there.
            let [first, second, third] = before;
            let card = match (first.1, second.1, third.1, length) {
                (4, 4, 4, 4) => Some(first),
                (_, 4, 6, 4 | 5) => Some(second),
                (_, _, _, 14..) => Some((at, length)),
                _ => None,
            };
            if let Some((start, length)) = card.filter(|_| wanted.cards)
                && card::may_start(bytes, start, length)
            {
                places.push(start);
            }
            before = [before[1], before[2], (at, if length == 3 && !is_area { 0 } else { length })];
            at += length;
            at += run_length(bytes, at, run.end - at, |byte| !byte.is_ascii_digit());
        }
        let nines = bytes.get(run.clone()).unwrap_or_default().iter().filter(|byte| **byte == b'9');
        if wanted.own && nines.count() >= PHONE.len() {
            self.find_own_numbers(bytes, run, places);
        }
    }

    /// Finds numbers in a run that are stand-ins, or look like some.
    fn find_own_numbers(&self, bytes: &[u8], run: Range<usize>, places: &mut Vec<usize>) {
        let is_plus = byte_before(bytes, run.start) == b'+';
        let digits: Vec<(usize, u8)> =
            run.filter_map(|at| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (at, *byte))).collect();
        let text: String = digits.iter().map(|(_, digit)| char::from(*digit)).collect();
        for start in 0..text.len() {
            let rest = text.get(start..).unwrap_or_default();
            if !rest.starts_with(PHONE) {
                continue;
            }
            let is_known = rest.get(..8).zip(self.table).is_some_and(|(start, table)| table.starts_number(start));
            let head = text.get(..start).unwrap_or_default();
            let is_like_one = rest.len() >= SHORTEST_NUMBER && ((start == 0 && is_plus) || head.ends_with("00"))
                || (rest.len() >= FEWEST_CARD_DIGITS && rest.starts_with(CARD));
            if is_known || is_like_one {
                places.extend(digits.get(start).map(|(at, _)| *at));
            }
        }
    }
}

/// Whether the first digits of a run may be a number of a telephone: behind a plus, or a word for it.
#[inline]
fn is_first_phone(text: &str, start: usize) -> bool {
    byte_before(text.as_bytes(), start) == b'+' || phone::may_follow_word(text, start)
}
