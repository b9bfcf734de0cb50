//! Account numbers: the lengths of the IBAN registry, and the checksum of ISO 7064.

use std::ops::Range;

use super::runs::Places;
use super::{byte_at, byte_before};

/// Countries and the lengths of their numbers, as of release 99 of the registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    let mut next = 0;
    for at in Places::new(bytes, is_start) {
        if at < next {
            continue;
        }
        if let Some(end) = find_end(bytes, at) {
            next = end;
            if !found(at..end) {
                return;
            }
        }
    }
}

/// Whether a number may start with these.
#[inline(always)]
pub(super) fn is_start(one: u8, two: u8, three: u8, four: u8) -> bool {
    one.is_ascii_alphabetic() & two.is_ascii_alphabetic() & three.is_ascii_digit() & four.is_ascii_digit()
}

/// Whether a number may start at such a place, whatever stands before it. `is_odd` says what may stand for something else: a
/// number with that in it may be one.
pub(super) fn may_start(bytes: &[u8], start: usize, is_odd: impl Fn(usize) -> bool) -> bool {
    let Some(length) = length_of([byte_at(bytes, start), byte_at(bytes, start + 1)]) else { return false };
    let mut number = Vec::with_capacity(length);
    let mut at = start;
    while number.len() < length {
        let byte = byte_at(bytes, at);
        let is_between =
            matches!(byte, b' ' | b'-') && (byte_at(bytes, at + 1).is_ascii_alphanumeric() || is_odd(at + 1));
        if byte.is_ascii_alphanumeric() {
            number.push(byte);
        } else if !is_between {
            return is_odd(at);
        }
        at += 1;
    }
    !byte_at(bytes, at).is_ascii_alphanumeric() && is_one_case(&number) && checksum(&number) == 1
}

fn find_end(bytes: &[u8], start: usize) -> Option<usize> {
    let before = byte_before(bytes, start);
    if before.is_ascii_alphanumeric() || before == b'_' {
        return None;
    }
    let length = length_of([byte_at(bytes, start), byte_at(bytes, start + 1)])?;
    let mut number = Vec::with_capacity(length);
    let mut at = start;
    while number.len() < length {
        let byte = byte_at(bytes, at);
        let is_between = matches!(byte, b' ' | b'-') && byte_at(bytes, at + 1).is_ascii_alphanumeric();
        if byte.is_ascii_alphanumeric() {
            number.push(byte);
        } else if !is_between {
            return None;
        }
        at += 1;
    }
    let is_longer = byte_at(bytes, at).is_ascii_alphanumeric() || byte_at(bytes, at) == b'_';
    (!is_longer && is_one_case(&number) && checksum(&number) == 1).then_some(at)
}

/// How long the numbers of a country are.
pub(super) fn length_of(country: [u8; 2]) -> Option<usize> {
    let [one, two] = country.map(|letter| usize::from((letter | 0x20).wrapping_sub(b'a')));
    let length = LENGTH_OF.get(one)?.get(two).copied().unwrap_or(0);
    (length > 0).then_some(usize::from(length))
}

/// The lengths by their countries' letters; 0 where there is no such country.
static LENGTH_OF: [[u8; 26]; 26] = {
    let mut table = [[0; 26]; 26];
    let mut at = 0;
    while at < LENGTHS.len() {
        let ([one, two], length) = LENGTHS[at];
        table[(*one - b'A') as usize][(*two - b'A') as usize] = length as u8;
        at += 1;
    }
    table
};

fn is_one_case(number: &[u8]) -> bool {
    !number.iter().any(u8::is_ascii_lowercase) || !number.iter().any(u8::is_ascii_uppercase)
}

/// The number modulo 97, its first four characters moved to the end and each letter read as a number from 10 up.
pub(super) fn checksum(number: &[u8]) -> u32 {
    let (start, rest) = number.split_at(number.len().min(4));
    rest.iter().chain(start).fold(0, |remainder, byte| {
        let value = char::from(*byte).to_digit(36).unwrap_or(0);
        (remainder * if value < 10 { 10 } else { 100 } + value) % 97
    })
}
