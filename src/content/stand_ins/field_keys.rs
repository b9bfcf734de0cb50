//! The names of fields, where they end before a colon in a text as it is written.

use super::kinds::{FieldPattern, StandInRules};
use crate::content::{byte_before, length_before};

/// The last keys of the names of fields, as they are written before a colon.
pub(super) struct FieldKeys<'a> {
    fields: &'a [FieldPattern],
    /// A bit for each way in which one ends.
    ends: [u64; END_WORDS],
    /// Whether one can be written in several ways, or is too short for a look at its end.
    has_odd: bool,
}

const END: usize = 4;
const END_WORDS: usize = 64;

impl<'a> FieldKeys<'a> {
    pub(super) fn none() -> Self {
        Self { fields: &[], ends: [0; END_WORDS], has_odd: false }
    }

    pub(super) fn new(rules: &'a StandInRules) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.' | b' ');
        let mut keys = Self { fields: &rules.fields, ..Self::none() };
        for key in rules.fields.iter().filter_map(FieldPattern::last_key).map(str::as_bytes) {
            // Before one of three characters, its quote is a part of its end.
            let ends = match *key {
                [one, two, three] => [b'"', b'\''].map(|quote| Some([quote, one, two, three])),
                _ => [key.last_chunk().copied(); 2],
            };
            keys.has_odd |= ends.contains(&None) || !key.iter().copied().all(is_plain);
            for (word, bit) in ends.iter().flatten().map(end_place) {
                if let Some(word) = keys.ends.get_mut(word) {
                    *word |= bit;
                }
            }
        }
        keys
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn has_end_of(&self, before: &[u8]) -> bool {
        let is_quote = |before: &[u8]| matches!(before.last(), Some(b'"' | b'\''));
        let is_key = |key: &str| before.strip_suffix(key.as_bytes()).is_some_and(is_quote);
        self.fields.iter().filter_map(FieldPattern::last_key).any(is_key)
    }

    /// Whether one of them may end before a colon.
    #[inline]
    pub(super) fn may_end_before(&self, bytes: &[u8], colon: usize) -> bool {
        // Most keys stand in a text as they are, or in one that is the text of another.
        let end = match bytes.get(colon.wrapping_sub(7)..colon) {
            Some([_, _, three, four, five, six, b'"']) if *six != b'\\' => Some([*three, *four, *five, *six]),
            Some([_, two, three, four, five, b'\\', b'"']) if *five != b'\\' => Some([*two, *three, *four, *five]),
            _ => None,
        };
        if let Some(end) = end
            && !self.has_odd
            && !self.may_end_with(&end)
        {
            return false;
        }
        self.may_be_before(bytes, colon)
    }

    #[inline]
    fn may_end_with(&self, end: &[u8; END]) -> bool {
        let (word, bit) = end_place(end);
        self.ends.get(word).is_some_and(|word| word & bit != 0)
    }

    fn may_be_before(&self, bytes: &[u8], colon: usize) -> bool {
        let Some(end) = key_end(bytes, colon) else { return false };
        let before = bytes.get(..end).unwrap_or_default();
        self.has_odd || (before.last_chunk().is_some_and(|end| self.may_end_with(end)) && self.has_end_of(before))
    }
}

#[inline(always)]
fn end_place(end: &[u8; END]) -> (usize, u64) {
    let hash = u32::from_le_bytes(*end).wrapping_mul(0x9e37_79b1) >> 20;
    (hash as usize / 64 % END_WORDS, 1 << (hash % 64))
}

/// Where the key before a colon ends, if there is one: before its quote, and the backslashes before that.
pub(super) fn key_end(bytes: &[u8], colon: usize) -> Option<usize> {
    let mut end = colon;
    loop {
        end = match byte_before(bytes, end) {
            // Python writes texts with either.
            b'"' | b'\'' => break,
            b' ' | b'\t' | b'\n' | b'\r' => end - 1,
            b'n' | b'r' | b't' if byte_before(bytes, end - 1) == b'\\' => {
                end - 1 - length_before(bytes, end - 1, usize::MAX, |byte| byte == b'\\')
            }
            _ => return None,
        };
    }
    Some(end - 1 - length_before(bytes, end - 1, usize::MAX, |byte| byte == b'\\'))
}
