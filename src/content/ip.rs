//! IP addresses: four decimal numbers, or RFC 4291.

use std::ops::Range;

use super::decoded_text::{Meaning, find_meaning};
use super::{byte_at, byte_before, run_length, words};

/// Words after which four numbers are no address.
const VERSIONS: &[&str] =
    &["version", "ver", "v", "release", "section", "chapter", "oid", "build", "assemblyversion", "revision"];
/// The longest text of an address.
const LONGEST: usize = 45;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    let mut next = 0;
    for at in memchr::memchr2_iter(b'.', b':', bytes) {
        if at < next {
            continue;
        }
        let (before, after) = (byte_before(bytes, at), byte_at(bytes, at + 1));
        let address = match byte_at(bytes, at) {
            b'.' if before.is_ascii_digit() && after.is_ascii_digit() => find_four(text, at),
            b':' if after == b':' || (before.is_ascii_hexdigit() && after.is_ascii_hexdigit()) => find_six(text, at),
            _ => None,
        };
        if let Some(range) = address {
            next = range.end;
            if !found(range) {
                return;
            }
        }
    }
}

/// Whether the whole text is an address.
pub(super) fn is_address(text: &str) -> bool {
    four_length(text.as_bytes(), 0) == Some(text.len()) || read_six(text).is_some()
}

/// Whether an address may be in a text that may be decoded yet, whatever stands around it.
pub(super) fn may_be_in(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'.', b':', bytes).any(|at| {
        let (before, after) = (byte_before(bytes, at), byte_at(bytes, at + 1));
        match byte_at(bytes, at) {
            b'.' => before.is_ascii_digit() && after.is_ascii_digit() && read_four(bytes, at).is_some(),
            _ if after == b':' || (before.is_ascii_hexdigit() && after.is_ascii_hexdigit()) => {
                read_six_at(text, at).is_some()
            }
            _ => false,
        }
    })
}

/// Whether a colon that is written otherwise may be one of an address.
pub(super) fn may_join(text: &str, range: Range<usize>) -> bool {
    let is_colon = |c: char| find_meaning(c) == Some(Meaning::Char(':'));
    let is_part = |c: Option<char>| c.is_some_and(|c| matches!(c, ':' | '%' | '&' | '\\' | ';') || is_colon(c));
    let before = text.get(..range.start).and_then(|head| head.chars().next_back());
    let after = text.get(range.end..).and_then(|rest| rest.chars().next());
    let are_hex = [before, after].iter().all(|c| c.is_some_and(|c| c.is_ascii_hexdigit()));
    is_part(before) || is_part(after) || are_hex
}

/// Four numbers, of which the first dot is here.
fn read_four(bytes: &[u8], dot: usize) -> Option<Range<usize>> {
    let digits = bytes.iter().take(dot).rev().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let start = dot - digits;
    Some(start..start + four_length(bytes, start)?)
}

/// The address whose first dot is here.
fn find_four(text: &str, dot: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let Range { start, end } = read_four(bytes, dot)?;
    let before = byte_before(bytes, start);
    let before_that = byte_before(bytes, start.saturating_sub(1));
    // `lib-1.2.3.4`, `Chrome/1.2.3.4`, `=1.2.3.4.5`
    let is_part = before.is_ascii_alphanumeric()
        || matches!(before, b'.' | b'_')
        || (before == b'-' && before_that.is_ascii_alphabetic())
        || (before == b'/' && before_that.is_ascii_alphabetic());
    let after = byte_at(bytes, end);
    let after_that = byte_at(bytes, end + 1);
    let is_longer = after.is_ascii_alphanumeric()
        || (after == b'.' && after_that.is_ascii_alphanumeric() && !after_that.is_ascii_uppercase())
        || (after == b'-' && after_that.is_ascii_alphabetic());
    let is_version = words::words_before(text, start).next().is_some_and(|word| words::is_one_of(word, VERSIONS));
    let is_object = text.get(start..end) == Some("1.3.6.1");
    (!is_part && !is_longer && !is_version && !is_object).then_some(start..end)
}

/// The length of four numbers up to 255 with dots between, without leading zeros.
fn four_length(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for index in 0..4 {
        if index > 0 {
            (byte_at(bytes, at) == b'.').then_some(())?;
            at += 1;
        }
        let length = run_length(bytes, at, 4, |byte| byte.is_ascii_digit());
        let octet = bytes.get(at..at + length)?;
        let value = octet.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        if !(1..=3).contains(&length) || value > 255 || (length > 1 && octet.starts_with(b"0")) {
            return None;
        }
        at += length;
    }
    Some(at - start)
}

/// What is an address by itself, and its first colon is here.
fn read_six_at(text: &str, colon: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take(colon).rev().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let start = colon - digits;
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut end = start + run_length(bytes, start, LONGEST + 1, is_part);
    // The dot or the colon of a sentence.
    while matches!(byte_before(bytes, end), b'.' | b':') && end > start && !text.get(start..end)?.ends_with("::") {
        end -= 1;
    }
    let address = text.get(start..end)?;
    // A time has fewer, and is what most colons between digits belong to.
    const FEWEST_COLONS: usize = 6;
    if address.bytes().filter(|byte| *byte == b':').count() < FEWEST_COLONS && !address.contains("::") {
        return None;
    }
    let groups = read_six(address)?;
    // Eight bytes of a device, and names of a language.
    let is_device = address.split(':').count() == 8 && address.split(':').all(|group| group.len() == 2);
    let is_name = !address.bytes().any(|byte| byte.is_ascii_digit());
    let is_local = address == "::1";
    let is_short = groups < 3 && !is_local && !has_known_start(address);
    (!is_device && !is_name && !is_short).then_some(start..end)
}

/// The address whose first colon is here.
fn find_six(text: &str, colon: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let Range { start, end } = read_six_at(text, colon)?;
    let before = byte_before(bytes, start);
    let is_cut = before.is_ascii_alphanumeric()
        || matches!(before, b'_' | b':' | b'.')
        || !before.is_ascii() && before != 0
        || byte_at(bytes, end).is_ascii_alphanumeric()
        || matches!(byte_at(bytes, end), b'_' | b'(');
    // A slice of a list: `a[::2]`.
    let opener = byte_before(bytes, start.saturating_sub(1));
    let is_slice = before == b'[' && (opener.is_ascii_alphanumeric() || matches!(opener, b')' | b']' | b'_'));
    (!is_cut && !is_slice).then_some(start..end)
}

/// Whether it starts as addresses that are in use do.
fn has_known_start(address: &str) -> bool {
    let first = address.split(':').next().unwrap_or_default();
    let value = u32::from_str_radix(first, 16).unwrap_or(0);
    first.len() == 4 && matches!(value, 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xffff)
}

/// Reads an address of eight groups, of which `::` leaves out some; returns how many are written.
fn read_six(address: &str) -> Option<usize> {
    let (left, right) = match address.split_once("::") {
        Some((left, right)) => (left, Some(right)),
        None => (address, None),
    };
    let mut count = 0;
    for (index, side) in [Some(left), right].into_iter().enumerate() {
        let Some(side) = side.filter(|side| !side.is_empty()) else { continue };
        let mut groups = side.split(':').peekable();
        while let Some(group) = groups.next() {
            let is_last = groups.peek().is_none() && (index == 1 || right.is_none());
            let is_hex = (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_four = is_last && four_length(group.as_bytes(), 0) == Some(group.len());
            count += match (is_hex, is_four) {
                (true, _) => 1,
                (_, true) => 2,
                _ => return None,
            };
        }
    }
    let is_whole = if right.is_some() { (1..8).contains(&count) } else { count == 8 };
    is_whole.then_some(count)
}
