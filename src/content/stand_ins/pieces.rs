//! The pieces of a long text around what is suspected in it: what a detector finds in them is what it finds in the whole.
//!
//! Whatever may be a value, or may keep another one from being found, is suspected itself. So around each suspect there has to be
//! as much as a value takes, and the words before it; and a piece ends where no number, address or URL goes on.

use std::ops::Range;

use crate::content::byte_at;
use crate::content::runs::{has_byte, has_pair};

/// How long a text is that is cut into pieces, at least.
pub(super) const LONG: usize = 2048;
/// How far a value goes on from what is suspected of it, as it is written, and how far before a value the words are that count.
const NEAR: usize = 128;
/// The same where characters may be written otherwise.
const FAR: usize = 1024;

/// The pieces of a text, as written, whose inside begins at `start`; the places are in order. What is looked for may be as long as
/// `reach`.
pub(super) fn pieces_around((inside, start): (&str, usize), places: &[usize], reach: usize) -> Vec<Range<usize>> {
    let bytes = inside.as_bytes();
    let margin = if has_odd(bytes) { FAR.max(8 * reach) } else { NEAR.max(2 * reach) };
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for place in places {
        let place = (place - start).min(bytes.len());
        let end = pieces.last().map_or(0, |last| last.end);
        if place + margin <= end {
            continue;
        }
        let first = find_break_before(bytes, place.saturating_sub(margin), end);
        let first = find_break_before(bytes, first.saturating_sub(margin), end);
        let last = find_break_after(bytes, place + margin);
        match pieces.last_mut() {
            Some(piece) if first <= piece.end => piece.end = last,
            _ => pieces.push(first..last),
        }
    }
    pieces
}

/// Whether a character may be written with more bytes than it has, or be read as another.
fn has_odd(written: &[u8]) -> bool {
    let is_code = |byte, next| (byte == b'\\') & ((next == b'u') | (next == b'\\'));
    has_byte(written, |byte| (byte >= 0x80) | (byte == b'%') | (byte == b'&')) || has_pair(written, is_code)
}

/// The next place before `at` where a text may be cut, or `first`.
fn find_break_before(bytes: &[u8], mut at: usize, first: usize) -> usize {
    while at > first && !is_break(bytes, at) {
        at -= 1;
    }
    at.max(first)
}

/// The next place from `at` on where a text may be cut, or its end.
fn find_break_after(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && !is_break(bytes, at) {
        at += 1;
    }
    at.min(bytes.len())
}

/// Whether a place is behind a quote, or between two words.
fn is_break(bytes: &[u8], at: usize) -> bool {
    let before = |by: usize| at.checked_sub(by).map_or(0, |at| byte_at(bytes, at));
    before(1) == b'"'
        || (before(1) == b' ' && before(2).is_ascii_alphabetic() && byte_at(bytes, at).is_ascii_alphabetic())
}

/// Whether a text, as written, may be that of an object or a list.
pub(super) fn may_be_container(inside: &str) -> bool {
    const BLANKS: [&str; 5] = [" ", "\\n", "\\r", "\\t", "\\f"];
    let (mut first, mut last) = (inside, inside);
    while let Some(rest) = BLANKS.iter().find_map(|blank| first.strip_prefix(blank)) {
        first = rest;
    }
    while let Some(rest) = BLANKS.iter().find_map(|blank| last.strip_suffix(blank)) {
        last = rest;
    }
    // Such a bracket may be written as an escape, and so may a blank.
    let is_escaped = last.len().checked_sub(6).and_then(|at| last.get(at..)).is_some_and(|end| end.starts_with("\\u"));
    first.starts_with(['{', '[', '\\']) && (last.ends_with(['}', ']']) || is_escaped)
}
