//! Values that are known from elsewhere: where a later text has one, it is the same value, whatever stands around it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::{Bound, Range};

use crate::content::runs::{BLOCK, has_pair};
use crate::content::{byte_at, byte_before};

/// How long a value is, at least, to be known again. A shorter one may be a word of its own.
const SHORTEST: usize = 8;
/// How many values with the same beginning are compared at a place.
const MOST_COMPARED: usize = 64;
const FILTER_WORDS: usize = 1024;
/// How long the pieces are by which a text is looked through, at every fifth byte.
const PIECE: usize = 4;
const STEP: usize = SHORTEST - PIECE + 1;
/// How many bytes of an address are looked for before its at sign.
const BEFORE_AT: usize = 3;
/// The fewest bits of the filters for that, and how many there are for each value at least.
const FEWEST_BITS: usize = 1 << 16;
const BITS_EACH: usize = 64;

#[derive(Default)]
pub(super) struct KnownValues {
    values: BTreeSet<Box<str>>,
    longest: usize,
    /// A bit for each byte with which a value begins, and one for each way in which it does.
    firsts: [u64; 4],
    filter: Vec<u64>,
    /// How the numbers among them begin.
    numbers: HashSet<u32>,
    /// Of each other value eight bytes that stand in a text however it is escaped: those with an at sign in their middle or a
    /// capital at their start, and those that have neither.
    beginnings: Beginnings,
    other_beginnings: Beginnings,
    has_addresses: bool,
    has_capitals: bool,
    /// Whether such a capital goes on a word of its value.
    has_inner: bool,
    /// Whether a value has no such bytes, and whether one has such bytes that are not ASCII.
    has_hidden: bool,
    has_odd: bool,
}

/// Bytes that are looked for in texts.
#[derive(Default)]
struct Beginnings {
    all: HashSet<[u8; SHORTEST]>,
    /// A bit for each piece of these, and for each of them.
    pieces: Vec<u64>,
    whole: Vec<u64>,
}

impl Beginnings {
    fn add(&mut self, beginning: [u8; SHORTEST]) {
        self.all.insert(beginning);
        if self.all.len() * BITS_EACH > self.pieces.len() * 64 {
            let words = (self.pieces.len() * 4).max(FEWEST_BITS / 64);
            (self.pieces, self.whole) = (vec![0; words], vec![0; words]);
            let all: Vec<_> = self.all.iter().copied().collect();
            all.iter().for_each(|beginning| self.set_bits(beginning));
        } else {
            self.set_bits(&beginning);
        }
    }

    fn set_bits(&mut self, beginning: &[u8; SHORTEST]) {
        for piece in beginning.array_windows() {
            set_bit(&mut self.pieces, piece_hash(piece));
        }
        set_bit(&mut self.whole, whole_hash(beginning));
    }

    /// Whether one of them starts at a place.
    fn are_at(&self, bytes: &[u8], start: usize) -> bool {
        let beginning = bytes.get(start..).and_then(|rest| rest.first_chunk::<SHORTEST>());
        beginning.is_some_and(|beginning| has_bit(&self.whole, whole_hash(beginning)) && self.all.contains(beginning))
    }
}

impl fmt::Debug for KnownValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownValues").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

impl KnownValues {
    pub(super) fn add(&mut self, value: &str) {
        if value.len() < SHORTEST || is_plain(value) {
            return;
        }
        self.filter.resize(FILTER_WORDS, 0);
        let Some(beginning) = value.as_bytes().first_chunk() else { return };
        if let Some(word) = self.firsts.get_mut(usize::from(beginning[0] / 64)) {
            *word |= 1 << (beginning[0] % 64);
        }
        let (word, bit) = filter_place(beginning);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        self.longest = self.longest.max(value.len());
        self.values.insert(value.into());
        self.add_beginning(value);
    }

    /// Remembers what of a value is looked for: at digits, at signs and capitals, of which a text has few, if it has some.
    fn add_beginning(&mut self, value: &str) {
        let bytes = value.as_bytes();
        if let Some(number) = (0..bytes.len()).find_map(|at| first_digits(bytes, at)) {
            self.numbers.insert(number);
            return;
        }
        let is_plain = |byte: &u8| !matches!(byte, 0..b' ' | 0x7f | b'"' | b'\\' | b'/' | b'&' | b'\'' | b'<' | b'>');
        let pieces = || bytes.array_windows::<SHORTEST>().filter(|piece| piece.iter().all(is_plain));
        let ascii = || pieces().filter(|piece| piece.is_ascii());
        let is_address = |piece: &&[u8; SHORTEST]| piece.get(BEFORE_AT) == Some(&b'@');
        let is_capital = |piece: &[u8; SHORTEST]| {
            piece.first().is_some_and(u8::is_ascii_uppercase) && piece.is_ascii() && piece.iter().all(is_plain)
        };
        let capital = || bytes.array_windows().enumerate().find(|(_, piece)| is_capital(piece));
        if let Some(piece) = ascii().find(is_address) {
            self.has_addresses = true;
            self.beginnings.add(*piece);
        } else if let Some((at, piece)) = capital() {
            self.has_capitals = true;
            self.has_inner |= byte_before(bytes, at).is_ascii_alphanumeric();
            self.beginnings.add(*piece);
        } else if let Some(piece) = ascii().next().or_else(|| pieces().next()) {
            self.has_odd |= !piece.is_ascii();
            self.other_beginnings.add(*piece);
        } else {
            (self.has_odd, self.has_hidden) = (true, true);
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// How long the longest is.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether one has characters that are not ASCII where it is looked for.
    pub(super) fn have_odd(&self) -> bool {
        self.has_odd
    }

    /// Whether one is not found as it is written.
    pub(super) fn has_hidden(&self) -> bool {
        self.has_hidden
    }

    /// Whether one has to be looked for at capitals.
    pub(super) fn have_capitals(&self) -> bool {
        self.has_capitals
    }

    /// Whether one has to be looked for where digits begin.
    pub(super) fn have_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Whether one may stand around an at sign of a text that is not decoded yet.
    pub(super) fn may_be_around(&self, bytes: &[u8], at_sign: usize) -> bool {
        self.has_addresses && at_sign.checked_sub(BEFORE_AT).is_some_and(|start| self.beginnings.are_at(bytes, start))
    }

    /// Whether one has to be looked for at capitals within words, too.
    pub(super) fn have_inner_capitals(&self) -> bool {
        self.has_inner
    }

    /// Whether one may stand in such a text where there are capitals in a block.
    #[inline(always)]
    pub(super) fn may_be_at_capitals(&self, bytes: &[u8], base: usize, mut capitals: u64) -> bool {
        const AT_ONCE: usize = 2;
        let window = bytes.get(base..).and_then(|rest| rest.first_chunk::<{ BLOCK + SHORTEST }>());
        let Some(window) = window else { return true };
        loop {
            let mut is_any = false;
            // As many as most blocks have are looked at without a branch. Where there is no further one, that is as good.
            for _ in 0..AT_ONCE {
                let at = capitals.trailing_zeros() as usize;
                capitals &= capitals.wrapping_sub(1);
                let written = window.get(at..at + SHORTEST).and_then(|written| written.first_chunk());
                is_any |= written.is_none_or(|written| has_bit(&self.beginnings.whole, whole_hash(written)));
            }
            if is_any || capitals == 0 {
                return is_any;
            }
        }
    }

    /// Whether one may stand in such a text where there is this capital.
    pub(super) fn may_be_at_capital(&self, bytes: &[u8], at: usize) -> bool {
        self.beginnings.are_at(bytes, at)
    }

    /// Whether one may stand in such a text where digits begin.
    pub(super) fn may_be_at_digits(&self, bytes: &[u8], at: usize) -> bool {
        self.have_numbers() && first_digits(bytes, at).is_some_and(|digits| self.numbers.contains(&digits))
    }

    /// Finds where one may stand in such a text that none of these places tells.
    pub(super) fn find_others(&self, bytes: &[u8], places: &mut Vec<usize>) {
        let others = &self.other_beginnings;
        if others.all.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(piece) = bytes.get(at..).and_then(|rest| rest.first_chunk::<PIECE>()) {
            if has_bit(&others.pieces, piece_hash(piece)) {
                places.extend((at.saturating_sub(STEP - 1)..=at).filter(|start| others.are_at(bytes, *start)));
            }
            at += STEP;
        }
    }

    /// Whether one may stand in such a text.
    pub(super) fn may_be_in(&self, bytes: &[u8]) -> bool {
        let may_be_at = |(at, byte): (usize, &u8)| match byte {
            b'@' => self.may_be_around(bytes, at),
            b'A'..=b'Z' => self.has_capitals && self.may_be_at_capital(bytes, at),
            b'0'..=b'9' => self.may_be_at_digits(bytes, at),
            _ => false,
        };
        let mut others = Vec::new();
        self.find_others(bytes, &mut others);
        // What is not ASCII may be written as escapes.
        let is_escaped = || self.has_odd && has_pair(bytes, |byte, next| (byte == b'\\') & (next == b'u'));
        self.has_hidden || !others.is_empty() || is_escaped() || bytes.iter().enumerate().any(may_be_at)
    }

    /// Where whole known values stand in a text.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let bytes = text.as_bytes();
        if self.values.is_empty() || bytes.len() < SHORTEST {
            return found;
        }
        let mut next = 0;
        let starts = bytes.array_windows::<4>().take(bytes.len() - SHORTEST + 1).enumerate();
        for (at, beginning) in starts {
            let [first, ..] = *beginning;
            let is_first = self.firsts.get(usize::from(first / 64)).is_some_and(|word| word >> (first % 64) & 1 == 1);
            if !is_first || at < next || byte_before(bytes, at).is_ascii_alphanumeric() {
                continue;
            }
            let (word, bit) = filter_place(beginning);
            if self.filter.get(word).is_some_and(|word| word & bit != 0)
                && let Some(length) = self.find_at(text, at)
            {
                next = at + length;
                found.push(at..next);
            }
        }
        found
    }

    /// The length of the longest known value that is a whole word at a place.
    fn find_at(&self, text: &str, at: usize) -> Option<usize> {
        let is_word_before = text.get(..at)?.chars().next_back().is_some_and(char::is_alphanumeric);
        let mut end = (at + self.longest).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut rest = Bound::Included(text.get(at..end)?);
        for _ in 0..MOST_COMPARED {
            let value = self.values.range::<str, _>((Bound::Unbounded, rest)).next_back()?;
            let here = text.get(at..)?;
            if here.starts_with(&**value) {
                let is_word_after = here.get(value.len()..)?.starts_with(char::is_alphanumeric);
                if !is_word_before && !is_word_after {
                    return Some(value.len());
                }
                rest = Bound::Excluded(value);
                continue;
            }
            let mut common = here.bytes().zip(value.bytes()).take_while(|(one, other)| one == other).count();
            while !here.is_char_boundary(common) {
                common -= 1;
            }
            rest = Bound::Included(here.get(..common).filter(|common| common.len() >= SHORTEST)?);
        }
        None
    }
}

/// Whether a value is one lower-case word, which may be one of many and no name.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The first seven digits of a number that begins at a place, with only what people put between digits between them.
fn first_digits(bytes: &[u8], start: usize) -> Option<u32> {
    const DIGITS: usize = 7;
    let mut number = 0;
    let mut count = 0;
    byte_at(bytes, start).is_ascii_digit().then_some(())?;
    for byte in bytes.get(start..)? {
        match byte {
            b'0'..=b'9' => (number, count) = (number * 10 + u32::from(byte - b'0'), count + 1),
            // A slash may be escaped.
            b' ' | b'(' | b')' | b'-' | b'.' | b'/' | b'\\' => {}
            _ => return None,
        }
        if count == DIGITS {
            return Some(number);
        }
    }
    None
}

fn piece_hash(piece: &[u8; PIECE]) -> u32 {
    u32::from_le_bytes(*piece).wrapping_mul(0x9e37_79b1)
}

fn whole_hash(beginning: &[u8; SHORTEST]) -> u32 {
    (u64::from_le_bytes(*beginning).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// The place of a hash in as many words as a power of two: its highest bits are those that all of it counts for.
fn bit_place(words: &[u64], hash: u32) -> (usize, u64) {
    let place = (u64::from(hash) * (words.len() as u64 * 64)) >> 32;
    (place as usize / 64, 1 << (place % 64))
}

fn set_bit(words: &mut [u64], hash: u32) {
    let (word, bit) = bit_place(words, hash);
    if let Some(word) = words.get_mut(word) {
        *word |= bit;
    }
}

fn has_bit(words: &[u64], hash: u32) -> bool {
    let (word, bit) = bit_place(words, hash);
    words.get(word).is_some_and(|word| word & bit != 0)
}

fn filter_place(beginning: &[u8; 4]) -> (usize, u64) {
    let hash = u32::from_le_bytes(*beginning).wrapping_mul(0x9e37_79b1) >> 16;
    (hash as usize / 64 % FILTER_WORDS, 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_whole_word_is_found() {
        let mut known = KnownValues::default();
        for value in ["Anna Maria", "Anna Maria Schmidt", "Anna Mariaz", "short", "verylongword", "\u{e9}t\u{e9} 2024"]
        {
            known.add(value);
        }
        for (text, found) in [
            ("Hello Anna Maria Schmidt!", Some(6..24)),
            ("Hello Anna Maria Schmidts", Some(6..16)),
            ("xAnna Maria, Anna Maria.", Some(13..23)),
            ("Anna Mariazz", None),
            ("short verylongword", None),
            ("(\u{e9}t\u{e9} 2024)", Some(1..11)),
            ("d\u{e9}t\u{e9} 2024", None),
        ] {
            assert_eq!(known.find(text), Vec::from_iter(found), "{text}");
        }
    }
}
