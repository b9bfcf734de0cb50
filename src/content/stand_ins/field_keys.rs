//! The names of fields, where they end before a colon in a text as it is written.

use super::kinds::{FieldPattern, StandInRules};
use crate::content::{byte_before, length_before};

/// The last keys of the names of fields, as they are written before a colon.
pub(super) struct FieldKeys<'a> {
    keys: Vec<&'a str>,
    /// A bit for each way in which one ends.
    ends: Vec<u64>,
    /// Whether one can be written in several ways, or is too short for a look at its end.
    has_odd: bool,
}

const END: usize = 4;
const END_WORDS: usize = 64;

impl<'a> FieldKeys<'a> {
    pub(super) fn none() -> Self {
        Self { keys: Vec::new(), ends: Vec::new(), has_odd: false }
    }

    pub(super) fn new(rules: &'a StandInRules) -> Self {
        let keys: Vec<&str> = rules.fields.iter().filter_map(FieldPattern::last_key).collect();
        let is_usual = |key: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.' | b' ');
            key.len() + 1 >= END && key.bytes().all(is_plain)
        };
        let has_odd = !keys.iter().all(is_usual);
        let mut ends = vec![0; if keys.is_empty() { 0 } else { END_WORDS }];
        for key in &keys {
            if let Some((word, bit)) = format!("\"{key}").as_bytes().last_chunk().map(end_place)
                && let Some(word) = ends.get_mut(word)
            {
                *word |= bit;
            }
        }
        Self { keys, ends, has_odd }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn has_end_of(&self, before: &[u8]) -> bool {
        let is_key = |key: &&str| before.strip_suffix(key.as_bytes()).is_some_and(|before| before.ends_with(b"\""));
        self.keys.iter().any(is_key)
    }

    /// Whether one of them may end before a colon.
    pub(super) fn may_end_before(&self, bytes: &[u8], colon: usize) -> bool {
        // Such as in a time.
        if byte_before(bytes, colon).is_ascii_digit() {
            return false;
        }
        let Some(end) = key_end(bytes, colon) else { return false };
        let before = bytes.get(..end).unwrap_or_default();
        let (word, bit) = before.last_chunk().map(end_place).unwrap_or_default();
        self.has_odd || (self.ends.get(word).is_some_and(|word| word & bit != 0) && self.has_end_of(before))
    }
}

#[inline(always)]
fn end_place(end: &[u8; END]) -> (usize, u64) {
    let hash = u32::from_le_bytes(*end).wrapping_mul(0x9e37_79b1) >> 20;
    (hash as usize / 64 % END_WORDS, 1 << (hash % 64))
}

/// Where the key before a colon ends, if there is one: before its quote, and the backslashes before that.
fn key_end(bytes: &[u8], colon: usize) -> Option<usize> {
    let mut end = colon;
    loop {
        end = match byte_before(bytes, end) {
            b'"' => break,
            b' ' | b'\t' | b'\n' | b'\r' => end - 1,
            b'n' | b'r' | b't' if byte_before(bytes, end - 1) == b'\\' => {
                end - 1 - length_before(bytes, end - 1, usize::MAX, |byte| byte == b'\\')
            }
            _ => return None,
        };
    }
    Some(end - 1 - length_before(bytes, end - 1, usize::MAX, |byte| byte == b'\\'))
}
