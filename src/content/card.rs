//! The numbers of payment cards: what issuers' numbers begin with, how long they are, how they are grouped, and the Luhn
//! checksum.

use std::ops::Range;

use super::runs::LongRuns;
use super::{byte_at, byte_before, run_length, words};

const SHORTEST: usize = 14;
const LONGEST: usize = 19;
/// The groups in which cards show their numbers.
const GROUPINGS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    for run in LongRuns::new(bytes, SHORTEST, |byte| byte.is_ascii_digit() || is_separator(byte)) {
        let mut at = run.start;
        // Where the first of the groups starts that stand one behind the other.
        let mut first = at;
        while at < run.end {
            if !byte_at(bytes, at).is_ascii_digit() {
                at += 1;
                continue;
            }
            let is_next =
                is_separator(byte_before(bytes, at)) && at >= 2 && byte_before(bytes, at - 1).is_ascii_digit();
            if !is_next {
                first = at;
            }
            if let Some(end) = find_end(text, at, first) {
                if !found(at..end) {
                    return;
                }
                at = end;
            }
            at += run_length(bytes, at, usize::MAX, |byte| byte.is_ascii_digit()).max(1);
        }
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

/// Where the number that starts at a group of digits ends, if there is one.
fn find_end(text: &str, start: usize, first: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let before = byte_before(bytes, start);
    let is_joined = matches!(before, b'-' | b'.') && byte_before(bytes, start - 1).is_ascii_alphanumeric();
    if before.is_ascii_alphanumeric() || matches!(before, b'_' | b'#') || is_joined {
        return None;
    }
    let length = run_length(bytes, start, LONGEST + 1, |byte| byte.is_ascii_digit());
    let end = match length {
        14..=16 | 19 if !words::is_order_number(text, start) => start + length,
        4 => find_grouped_end(bytes, start)?,
        _ => return None,
    };
    let is_tracked = first != start && words::is_order_number(text, first);
    let after = byte_at(bytes, end);
    let is_longer = match after {
        b'-' => byte_at(bytes, end + 1).is_ascii_alphanumeric(),
        b'.' => byte_at(bytes, end + 1).is_ascii_digit(),
        _ => after.is_ascii_alphanumeric() || after == b'_',
    };
    (!is_longer && !is_tracked && is_number(bytes.get(start..end)?)).then_some(end)
}

/// Whether a card's number may start at a group of digits of this length, whatever stands around it.
pub(super) fn may_start(bytes: &[u8], start: usize, length: usize) -> bool {
    let end = match length {
        14..=16 | 19 => Some(start + length),
        4 => find_grouped_end(bytes, start),
        _ => None,
    };
    end.is_some_and(|end| bytes.get(start..end).is_some_and(is_number))
}

fn is_number(written: &[u8]) -> bool {
    let mut number = [0; LONGEST];
    let digits = written.iter().filter(|byte| byte.is_ascii_digit());
    let count = number.iter_mut().zip(digits).map(|(to, digit)| *to = *digit).count();
    let digits = number.get(..count).unwrap_or_default();
    is_issued(digits) && luhn_sum(digits).is_multiple_of(10)
}

/// Returns where a card's number in groups ends. Behind it, three digits may stand as another group: those on its back.
fn find_grouped_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut ends = GROUPINGS.iter().filter_map(|groups| find_groups_end(bytes, start, groups));
    ends.find(|end| bytes.get(start..*end).is_some_and(is_number))
}

fn find_groups_end(bytes: &[u8], start: usize, groups: &[usize]) -> Option<usize> {
    let mut at = start;
    for (index, length) in groups.iter().enumerate() {
        if index > 0 {
            at += usize::from(is_separator(byte_at(bytes, at)));
        }
        if run_length(bytes, at, length + 1, |byte| byte.is_ascii_digit()) != *length {
            return None;
        }
        at += length;
    }
    Some(at)
}

/// Whether an issuer's numbers begin so and are that long.
fn is_issued(digits: &[u8]) -> bool {
    let prefix =
        |length: usize| digits.iter().take(length).fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    match digits.len() {
        14 => matches!(prefix(2), 36 | 38 | 39) || matches!(prefix(3), 300..=305 | 309),
        15 => matches!(prefix(2), 34 | 37),
        16 | 19 => {
            let is_sixteen = digits.len() == 16;
            prefix(1) == 4
                || (is_sixteen && (matches!(prefix(2), 51..=55) || matches!(prefix(4), 2221..=2720)))
                || matches!(prefix(2), 62 | 65 | 81)
                || matches!(prefix(3), 644..=649)
                || matches!(prefix(4), 2200..=2204 | 3528..=3589 | 6011 | 9792)
                || matches!(prefix(4), 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

/// The Luhn sum of digits; that of a card's number is a multiple of ten.
pub(super) fn luhn_sum(digits: &[u8]) -> u32 {
    digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum()
}
