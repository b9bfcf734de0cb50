//! The names of fields, where they end before a colon in a text as it is written.

use super::kinds::{FieldPattern, StandInRules};
use crate::content::{byte_at, byte_before, length_before};

/// The last keys of the names of fields, as they are written before a colon.
pub(super) struct FieldKeys<'a> {
    fields: &'a [FieldPattern],
    /// By a hash of the last four bytes of keys, a bit for each byte that stands before those, modulo 32.
    ends: [u32; ENDS],
    /// Whether one can be written in several ways, or is too short for a look at its end.
    has_odd: bool,
}

const END: usize = 4;
const ENDS: usize = 256;
/// How much before a colon is looked at.
const WRITTEN: usize = 8;

impl<'a> FieldKeys<'a> {
    pub(super) fn none() -> Self {
        Self { fields: &[], ends: [0; ENDS], has_odd: false }
    }

    pub(super) fn new(rules: &'a StandInRules) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.' | b' ');
        let mut keys = Self { fields: &rules.fields, ..Self::none() };
        for key in rules.fields.iter().filter_map(FieldPattern::last_key).map(str::as_bytes) {
            // A short one has its quote before it.
            for quote in [b'"', b'\''] {
                let (end, before) = match *key {
                    [.., before, one, two, three, four] => ([one, two, three, four], bit_of(before)),
                    [one, two, three, four] => ([one, two, three, four], bit_of(quote)),
                    [one, two, three] => ([quote, one, two, three], u32::MAX),
                    _ => ([0; END], 0),
                };
                if let Some(befores) = keys.ends.get_mut(place_of(end)) {
                    *befores |= before;
                }
            }
            keys.has_odd |= key.len() < END - 1 || !key.iter().copied().all(is_plain);
        }
        keys
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn has_end_of(&self, before: &[u8]) -> bool {
        let is_quote = |at: usize| matches!(byte_at(before, at), b'"' | b'\'');
        // A part of JSON may begin behind the quote.
        let is_key = |key: &str| {
            before.ends_with(key.as_bytes()) && before.len().checked_sub(key.len() + 1).is_none_or(is_quote)
        };
        self.fields.iter().filter_map(FieldPattern::last_key).any(is_key)
    }

    /// Whether one may end these bytes, of which the last one is its quote. Most stand in a text as they are, or in one that is
    /// the text of another.
    #[inline(always)]
    fn may_end(&self, written: u64) -> bool {
        let [.., six, seven] = written.to_le_bytes();
        let [before, one, two, three, four, ..] = (written >> if six == b'\\' { 8 } else { 16 }).to_le_bytes();
        let befores = self.ends.get(place_of([one, two, three, four])).copied().unwrap_or_default();
        (seven != b'"') | (four == b'\\') | (befores & bit_of(before) != 0)
    }

    /// Whether one of them may end before a colon.
    #[inline(always)]
    pub(super) fn may_end_before(&self, bytes: &[u8], colon: usize) -> bool {
        let written = colon.checked_sub(WRITTEN).and_then(|start| bytes.get(start..colon)?.first_chunk());
        let may_end = |written: &[u8; WRITTEN]| self.has_odd || self.may_end(u64::from_le_bytes(*written));
        let is_key = |end: usize| self.has_odd || self.has_end_of(bytes.get(..end).unwrap_or_default());
        written.is_none_or(may_end) && key_end(bytes, colon).is_some_and(is_key)
    }
}

#[inline(always)]
fn place_of(end: [u8; END]) -> usize {
    (u32::from_le_bytes(end).wrapping_mul(0x9e37_79b1) >> 24) as usize
}

#[inline(always)]
fn bit_of(byte: u8) -> u32 {
    1 << (byte % 32)
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
