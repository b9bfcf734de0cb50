//! The inside of JSON strings, as written on the line.

use crate::block_bits::{BLOCK, find_bits, has_any};

/// Returns where the next quote, backslash or control byte of a string is, from `at` on; `until` or a little more if
/// there is none before it, and the end if there is none at all.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize, until: usize) -> usize {
    while at < until {
        if let Some(end) = short_plain_end(bytes, at) {
            return end;
        }
        if bytes.len() < at + SHORT {
            return bytes.len().max(at);
        }
        at += SHORT;
    }
    at
}

const SHORT: usize = 16;

/// Returns where the next such byte is; `None` if it is not among the next 16.
#[inline]
pub(super) fn short_plain_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(block) => first_flag(flag_stops(block), at),
        None => late_plain_end(bytes, at),
    }
}

/// The same for the last bytes, from `at` on, which are fewer than 16.
#[inline(never)]
fn late_plain_end(bytes: &[u8], at: usize) -> Option<usize> {
    if let Some(last) = bytes.last_chunk() {
        let [first, second] = flag_stops(last);
        // What is before them is shifted out.
        let before = 8 * (at + SHORT).saturating_sub(bytes.len());
        let flags = (u128::from(second) << 64 | u128::from(first)).checked_shr(before as u32).unwrap_or_default();
        return first_flag([flags as u64, (flags >> 64) as u64], at);
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|byte| is_stop(*byte)).map(|end| at + end)
}

#[inline]
fn first_flag(flags: [u64; 2], at: usize) -> Option<usize> {
    match flags {
        [0, 0] => None,
        [0, second] => Some(at + 8 + (second.trailing_zeros() / 8) as usize),
        [first, _] => Some(at + (first.trailing_zeros() / 8) as usize),
    }
}

/// Returns which of these bytes are quotes, backslashes or control bytes: all bits of a byte, the first byte in the lowest bits.
/// It has no branch, so that it is compiled to vector instructions.
#[inline]
fn flag_stops(block: &[u8; SHORT]) -> [u64; 2] {
    // An iterator here is not always inlined without link-time optimisation, and then costs more than the work.
    let (mut flags, mut at) = ([0_u8; SHORT], 0);
    while at < SHORT {
        flags[at] = u8::from(is_stop(block[at])).wrapping_neg();
        at += 1;
    }
    let flags = u128::from_le_bytes(flags);
    [flags as u64, (flags >> 64) as u64]
}

/// The highest bit of each byte.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The lowest bit of each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Marks the highest bit of the first byte of a word that is this one. What is marked after it is not certain.
#[inline]
fn mark(byte: u8, word: u64) -> u64 {
    // The usual test for a zero byte in a word.
    let word = word ^ (ONES * u64::from(byte));
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The same for control bytes.
#[inline]
fn mark_control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

/// The same for quotes, backslashes and control bytes.
#[inline]
fn stops_in_word(word: &[u8; 8]) -> u64 {
    let word = u64::from_le_bytes(*word);
    mark(b'"', word) | mark(b'\\', word) | mark_control(word)
}

/// Whether a text stands for itself in a JSON string, and is ASCII. Reads eight bytes at a time.
pub(crate) fn is_plain_ascii(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let is_plain = |word: &[u8; 8]| stops_in_word(word) | (u64::from_le_bytes(*word) & HIGHS) == 0;
    words.iter().all(is_plain) && is_plain(&pad_word(rest))
}

/// Returns what is left of a text beside its words, with `-` behind it.
#[inline]
fn pad_word(rest: &[u8]) -> [u8; 8] {
    let mut word = [b'-'; 8];
    let (pairs, last) = rest.as_chunks::<2>();
    match *pairs {
        [] => {}
        [one] => (word[0], word[1]) = (one[0], one[1]),
        [one, two] => (word[0], word[1], word[2], word[3]) = (one[0], one[1], two[0], two[1]),
        [one, two, three, ..] => word = [one[0], one[1], two[0], two[1], three[0], three[1], b'-', b'-'],
    }
    if let ([byte], Some(place)) = (last, word.get_mut(2 * pairs.len())) {
        *place = *byte;
    }
    word
}

/// Whether a key as written is of printable ASCII, without escapes or blanks. Reads eight bytes at a time.
#[inline]
pub(super) fn is_plain_key(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let is_plain = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        mark_control(word) | mark(b' ', word) | mark(0x7f, word) | mark(b'\\', word) | (word & HIGHS) == 0
    };
    // The last bytes are looked at together as well.
    words.iter().all(is_plain) && is_plain(&pad_word(rest))
}

/// Returns where the quote is that ends a string which was read before, whose inside goes on at `at`.
#[inline]
pub(crate) fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    match short_plain_end(bytes, at).filter(|end| bytes.get(*end) == Some(&b'"')) {
        Some(end) => Some(end),
        None => end_of_other_string(bytes, at),
    }
}

#[inline(never)]
fn end_of_other_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    const NEAR: usize = 64;
    let long = at + NEAR;
    while at < long {
        at = plain_end(bytes, at, long);
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => break,
        }
    }
    let (mut base, mut blocks) = (at, BlockPass::default());
    while let Some(block) = bytes.get(base..).and_then(|rest| rest.first_chunk()) {
        if let Some(passed) = blocks.pass(bytes, base) {
            (at, base) = (passed.end, passed.end);
            continue;
        }
        let mut stops = stop_bits(block);
        while stops != 0 {
            let here = base + stops.trailing_zeros() as usize;
            stops &= stops - 1;
            if here >= at {
                match bytes.get(here)? {
                    b'"' => return Some(here),
                    b'\\' => at = here + 2,
                    _ => {}
                }
            }
        }
        base = at.max(base + block.len());
    }
    loop {
        base += memchr::memchr2(b'"', b'\\', bytes.get(base..)?)?;
        if bytes.get(base) == Some(&b'"') {
            return Some(base);
        }
        base += 2;
    }
}

/// Returns where the next backslash is.
pub(crate) fn find_backslash(bytes: &[u8], from: usize) -> Option<usize> {
    // They often stand close together.
    const NEAR: usize = 4;
    let rest = bytes.get(from..)?;
    let mut passed = 0;
    for word in rest.as_chunks().0.iter().take(NEAR) {
        let marks = mark(b'\\', u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(from + passed + (marks.trailing_zeros() / 8) as usize);
        }
        passed += word.len();
    }
    Some(from + passed + memchr::memchr(b'\\', rest.get(passed..)?)?)
}

/// Returns which of these bytes are quotes, backslashes or control bytes, the first byte in the lowest bit.
#[inline]
pub(super) fn stop_bits(block: &[u8; BLOCK]) -> u64 {
    find_bits(|at| is_stop_of_block(block[at]))
}

/// Passes over blocks of a string's inside that hold only plain bytes and short escapes, without visiting each escape: nearly all blocks
/// of a long text are like this.
#[derive(Debug, Default)]
pub(super) struct BlockPass {
    /// Whether the last block had escapes: then so has the next one.
    has_escapes: bool,
}

/// A block that was passed over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Where the inside goes on; no escape is half read.
    pub(super) end: usize,
    pub(super) has_escapes: bool,
}

impl BlockPass {
    /// Passes over the block at `at`, where an inside goes on and no escape is half read; `None` if its bytes have to be visited.
    #[inline]
    pub(super) fn pass(&mut self, bytes: &[u8], at: usize) -> Option<Passed> {
        if !self.has_escapes && !has_stop(bytes.get(at..)?.first_chunk()?) {
            return Some(Passed { end: at + BLOCK, has_escapes: false });
        }
        let around: &[u8; BLOCK + 2] = bytes.get(at.checked_sub(1)?..)?.first_chunk()?;
        // The byte before belongs to what is read. As a backslash, it would seem to escape the first byte.
        if around[0] == b'\\' {
            return None;
        }
        let (has_others, has_escapes) = look_around(around);
        if has_others {
            return None;
        }
        self.has_escapes = has_escapes;
        // An escape that begins with the last byte ends with the one after it.
        let end = at + BLOCK + usize::from(around[BLOCK] == b'\\');
        Some(Passed { end, has_escapes })
    }
}

/// Whether a block has quotes, backslashes or control bytes.
#[inline]
fn has_stop(block: &[u8; BLOCK]) -> bool {
    has_any(|at| is_stop_of_block(block[at]))
}

/// Returns of a block, given with the byte before, which is no backslash, and the one after it: whether anything among the block and the
/// byte after it has to be visited, which is a quote without a backslash before it, a control byte of the block, or a backslash of the
/// block with anything but `"`, `n`, `r` or `t` after it; and whether the block has backslashes. It has no branch, as [`stop_bits`].
#[inline]
fn look_around(around: &[u8; BLOCK + 2]) -> (bool, bool) {
    // The four parts are looked at side by side, so that little is left to be put together.
    const PART: usize = BLOCK / 4;
    let (mut others, mut escapes, mut at) = ([0_u8; PART], [0_u8; PART], 0);
    while at < PART {
        let [a, b, c, d] =
            [around[at + 1], around[at + PART + 1], around[at + 2 * PART + 1], around[at + 3 * PART + 1]];
        let in_pairs = odd_pair(a, around[at + 2])
            | odd_pair(b, around[at + PART + 2])
            | odd_pair(c, around[at + 2 * PART + 2])
            | odd_pair(d, around[at + 3 * PART + 2]);
        others[at] = in_pairs | all_bits(least(least(a, b), least(c, d)) < 0x20);
        escapes[at] = all_bits(a == b'\\') | all_bits(b == b'\\') | all_bits(c == b'\\') | all_bits(d == b'\\');
        at += 1;
    }
    let has_others = u128::from_le_bytes(others) != 0 || around[1] == b'"';
    (has_others, u128::from_le_bytes(escapes) != 0)
}

/// All bits of a byte if it is a backslash and `after` does not make it a short escape, or if `after` is a quote and it is no backslash.
#[inline]
const fn odd_pair(byte: u8, after: u8) -> u8 {
    let is_escape = all_bits(byte == b'\\');
    let is_letter = all_bits((after == b'n') | (after == b'r') | (after == b't'));
    is_escape ^ (all_bits(after == b'"') | (is_escape & is_letter))
}

#[inline]
const fn all_bits(is_set: bool) -> u8 {
    (is_set as u8).wrapping_neg()
}

#[inline]
const fn least(one: u8, other: u8) -> u8 {
    if one < other { one } else { other }
}

#[inline]
fn is_stop(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// The same, for blocks: with another second bit, a quote is the byte after the control bytes, which stay among themselves. Of 16 bytes
/// the compiler would make no vector of it.
#[inline]
fn is_stop_of_block(byte: u8) -> bool {
    ((byte ^ 0b10) <= (b'"' ^ 0b10)) | (byte == b'\\')
}

/// Decodes the inside of a JSON string that was read before. A lone surrogate becomes U+FFFD, as in many parsers.
pub(crate) fn push_decoded(inside: &str, into: &mut String) {
    into.reserve(inside.len());
    // What is before has been pushed, and what is before the other has been looked at: a quote stands for itself.
    let (mut copied, mut from) = (0, 0);
    while let Some(at) = find_backslash(inside.as_bytes(), from) {
        into.push_str(inside.get(copied..at).unwrap_or_default());
        let escape = inside.get(at + 1..).unwrap_or_default();
        let Some((c, used)) = decode_escape(escape) else {
            // It stands for itself, and goes with what follows.
            (copied, from) = (at + 1, at + 2);
            continue;
        };
        into.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        (copied, from) = (at + 1 + used, at + 1 + used);
    }
    into.push_str(inside.get(copied..).unwrap_or_default());
}

/// Rewrites the inside of a JSON string that was read before, so that equal texts are written alike: only what must be
/// escaped is, and in one way. Lone surrogates stay what they are.
pub(super) fn push_canonical(inside: &str, into: &mut String) {
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        into.push_str(plain);
        if escape.starts_with('u') {
            let (c, used) = unicode_escape(escape);
            match c {
                Ok(c) => push_escaped(c, into),
                Err(surrogate) => push_unit(surrogate, into),
            }
            rest = escape.get(used..).unwrap_or_default();
            continue;
        }
        let mut chars = escape.chars();
        match chars.next() {
            Some('/') => into.push('/'),
            Some(c) => into.extend(['\\', c]),
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

fn push_escaped(c: char, into: &mut String) {
    match c {
        '"' | '\\' => into.extend(['\\', c]),
        '\u{8}' => into.push_str("\\b"),
        '\u{c}' => into.push_str("\\f"),
        '\n' => into.push_str("\\n"),
        '\r' => into.push_str("\\r"),
        '\t' => into.push_str("\\t"),
        '\0'..' ' => push_unit(c as u16, into),
        c => into.push(c),
    }
}

fn push_unit(unit: u16, into: &mut String) {
    let digit = |shift: u32| char::from_digit(u32::from(unit >> shift & 0xf), 16).unwrap_or_default();
    into.extend(['\\', 'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Decodes an escape, from behind its backslash: the character, and the number of bytes it takes. `None` if what comes next
/// stands for itself. A lone surrogate is an error.
#[inline]
pub(crate) fn decode_escape(escape: &str) -> Option<(Result<char, u16>, usize)> {
    let c = match escape.bytes().next()? {
        b'u' => return Some(unicode_escape(escape)),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    };
    Some((Ok(c), 1))
}

/// Returns the character of a `u` with four digits, or of a pair of them, and the number of bytes it takes. A lone
/// surrogate is an error.
fn unicode_escape(escape: &str) -> (Result<char, u16>, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let first = unit(1).unwrap_or_default();
    let second = escape.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7));
    let pair = [first, second.unwrap_or_default()];
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (Ok(c), 11),
        Some(Ok(c)) => (Ok(c), 5),
        _ => (Err(first), 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_string_is_seen_wherever_it_stands() {
        for before in 0..300 {
            for escapes in ["", "\\\"", "\\\\", "\\n", "\t"] {
                for after in [0, 1, 63, 64, 200] {
                    let inside = format!("{}{escapes}{}", "é".repeat(before / 2), "x".repeat(after));
                    let text = format!("{inside}\"x\\\"\"");
                    assert_eq!(string_end(text.as_bytes(), 0), Some(inside.len()), "{text}");
                    assert_eq!(string_end(inside.as_bytes(), 0), None, "{inside}");
                }
            }
        }
    }

    #[test]
    fn blocks_have_the_stops_that_their_bytes_are() {
        assert!((0..=u8::MAX).all(|byte| is_stop(byte) == is_stop_of_block(byte)));
    }

    #[test]
    fn plain_keys_are_told_by_each_of_their_bytes() {
        for length in 0..40 {
            assert!(is_plain_key(&b"k".repeat(length)) && is_plain_ascii(&b"k".repeat(length)));
            for (at, byte) in (0..length).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
                let mut key = b"k".repeat(length);
                key[at] = byte;
                assert_eq!(is_plain_key(&key), byte.is_ascii_graphic() && byte != b'\\', "{byte} at {at} of {length}");
                assert_eq!(is_plain_ascii(&key), byte.is_ascii() && !is_stop(byte), "{byte} at {at} of {length}");
            }
        }
    }

    #[test]
    fn stops_are_seen_wherever_they_stand() {
        for stop in [b'"', b'\\', 0, 0x1f, b'\r'] {
            for before in 0..150 {
                let mut bytes: Vec<u8> = "é\u{7f}~!#[] ".bytes().cycle().take(before).collect();
                bytes.extend([stop, b'y', stop]);
                bytes.resize(200, b'x');
                assert_eq!(plain_end(&bytes, 0, usize::MAX), before, "{stop} after {before}");
                let ends: Vec<_> = (0..=before).map(|at| plain_end(&bytes, at, 100)).collect();
                assert!(ends.iter().all(|end| *end == before || (100..=before).contains(end)), "{ends:?}");
                for (index, block) in bytes.as_chunks().0.iter().enumerate() {
                    for (at, byte) in block.iter().enumerate() {
                        let is_stop = [before, before + 2].contains(&(index * 64 + at));
                        assert_eq!(stop_bits(block) >> at & 1 == 1, is_stop, "{byte} at {at} of block {index}");
                    }
                }
            }
        }
        assert_eq!(plain_end(&[0xff; 19], 3, usize::MAX), 19);
    }

    /// What a pass over a block may say, byte by byte: where it ends and whether there are escapes; `None` if it has to be visited.
    fn pass_by_bytes(bytes: &[u8], from: usize) -> Option<Passed> {
        let mut at = from;
        while at < from + BLOCK {
            at += match (bytes[at], bytes[at + 1]) {
                (b'\\', b'"' | b'n' | b'r' | b't') => 2,
                (b'\\' | b'"' | ..0x20, _) => return None,
                _ => 1,
            };
        }
        Some(Passed { end: at, has_escapes: bytes[from..at].contains(&b'\\') })
    }

    #[test]
    fn a_block_is_passed_over_as_its_bytes_say() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let odd: Vec<u8> = (0..=u8::MAX).collect();
        let usual = b"\\\\\\\"\"nrtu/bf\n\xc3\xa9";
        let mut passed = 0;
        for round in 0..200_000 {
            let dense = 1 + random(60);
            let mut bytes: Vec<u8> = Vec::new();
            while bytes.len() < 4 * BLOCK {
                match random(dense) {
                    0 if round % 3 > 0 => bytes.push(usual[random(usual.len() as u64) as usize]),
                    0 => bytes.push(odd[random(256) as usize]),
                    1 => bytes.extend([b'\\', b"\"nrt"[random(4) as usize]]),
                    _ => bytes.push(b'k'),
                }
            }
            for has_escapes in [false, true] {
                let from = random(BLOCK as u64) as usize;
                let expected = pass_by_bytes(&bytes, from);
                if let Some(seen) = (BlockPass { has_escapes }).pass(&bytes, from) {
                    assert_eq!(Some(seen), expected, "{:?} from {from}", String::from_utf8_lossy(&bytes));
                    passed += 1;
                } else {
                    let is_after_backslash = from == 0 || bytes[from - 1] == b'\\';
                    let is_before_quote = bytes[from + BLOCK] == b'"';
                    assert!(
                        expected.is_none() || is_after_backslash || is_before_quote,
                        "{:?}",
                        String::from_utf8_lossy(&bytes)
                    );
                }
            }
        }
        assert!(passed > 50_000, "{passed}");
    }
}
