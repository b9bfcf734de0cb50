//! Stand-ins in texts: those that the table has, and what has the shape of one.

use std::ops::Range;

use memchr::memmem;

use super::kinds::StandInKind;
use crate::content::runs::has_pair;
use crate::content::{byte_at, byte_before, card, iban};

/// The characters of codes. No word has so many of them in a row, and none looks like another.
pub(super) const CODE_ALPHABET: &[u8; 28] = b"23456789bcdfghjkmnpqrstvwxyz";
/// How long a code is.
pub(super) const CODE_LENGTH: usize = 8;
pub(super) const PERSON: &str = "person-";
pub(super) const DOMAIN: &str = "stand-in.invalid";
pub(super) const FIELD: &str = "stand-in-";
/// The digits that telephone numbers begin with: a code that is given to no country.
pub(super) const PHONE: &str = "999";
/// The digits that cards begin with: those of no issuer.
pub(super) const CARD: &str = "9999";
/// What the Luhn sum of a card leaves: that of a real one leaves nothing.
pub(super) const CARD_REST: u32 = 5;
/// The fewest digits of a number that stands in for another.
pub(super) const SHORTEST_NUMBER: usize = 10;
const LONGEST_NUMBER: usize = 19;
/// How many digits of a number are looked up first.
const NUMBER_START: usize = 8;
/// How many separators may stand between two digits.
const MOST_SEPARATORS: usize = 4;

/// Something that is a stand-in or looks like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StandInMark {
    pub(super) range: Range<usize>,
    pub(super) kind: StandInKind,
    /// Its number in the table; `None` if it is none of this session.
    pub(super) entry: Option<u32>,
    /// Whether it is written as in a URL.
    pub(super) is_encoded: bool,
    /// Where its letters and digits are; only of numbers.
    pub(super) places: Vec<usize>,
}

/// What is known of stand-ins.
pub(super) trait Known {
    /// The number of a stand-in, by its letters and digits in lower case.
    fn find(&self, compact: &str) -> Option<u32>;
    /// Whether a number begins so.
    fn starts_number(&self, digits: &str) -> bool;
}

/// Finds them in a text, in their order; they do not overlap.
pub(super) fn find_marks(text: &str, known: &dyn Known) -> Vec<StandInMark> {
    let mut marks = Vec::new();
    find_words(text, known, &mut marks);
    find_numbers(text, known, &mut marks);
    find_accounts(text, known, &mut marks);
    marks.sort_by_key(|mark| (mark.range.start, mark.entry.is_none(), usize::MAX - mark.range.end));
    let mut end = 0;
    marks.retain(|mark| {
        let is_apart = mark.range.start >= end;
        end = end.max(if is_apart { mark.range.end } else { 0 });
        is_apart
    });
    marks
}

/// Finds addresses, and the stand-ins of fields.
fn find_words(text: &str, known: &dyn Known, marks: &mut Vec<StandInMark>) {
    const NEEDLE: &str = "stand-in";
    if !has_pair(text.as_bytes(), |one, next| (one == b'-') & (next | 0x20 == b'i')) {
        return;
    }
    let lower = text.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    for at in memmem::find_iter(bytes, NEEDLE) {
        let rest = lower.get(at..).unwrap_or_default();
        if rest.starts_with(DOMAIN) {
            let before = lower.get(..at).unwrap_or_default();
            let local = before.strip_suffix('@').or_else(|| before.strip_suffix("%40"));
            let Some(local) = local else { continue };
            let is_encoded = before.len() - local.len() > 1;
            let length = PERSON.len() + CODE_LENGTH;
            let name = local.len().checked_sub(length).and_then(|start| local.get(start..));
            let entry = name.filter(|name| name.starts_with(PERSON)).and_then(|name| known.find(name));
            let is_local = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-');
            let length = match entry {
                Some(_) => length,
                None => local.as_bytes().iter().rev().take(64).take_while(is_local).count(),
            };
            if length > 0 {
                let range = local.len() - length..at + DOMAIN.len();
                marks.push(StandInMark { range, kind: StandInKind::Email, entry, is_encoded, places: Vec::new() });
            }
        } else if rest.starts_with(FIELD) {
            let code = rest.get(FIELD.len()..FIELD.len() + CODE_LENGTH);
            if code.is_some_and(|code| code.bytes().all(|byte| CODE_ALPHABET.contains(&byte))) {
                let range = at..at + FIELD.len() + CODE_LENGTH;
                let entry = lower.get(range.clone()).and_then(|name| known.find(name));
                marks.push(StandInMark {
                    range,
                    kind: StandInKind::Field,
                    entry,
                    is_encoded: false,
                    places: Vec::new(),
                });
            }
        }
    }
}

/// Finds telephone numbers and cards.
fn find_numbers(text: &str, known: &dyn Known, marks: &mut Vec<StandInMark>) {
    let bytes = text.as_bytes();
    let mut next = 0;
    for at in memchr::memchr_iter(b'9', bytes) {
        if at < next || !starts_phone(bytes, at) {
            continue;
        }
        let places = read_places(bytes, at, LONGEST_NUMBER + 1, |byte| byte.is_ascii_digit());
        let digits = compact(bytes, &places);
        if !digits.starts_with(PHONE) {
            continue;
        }
        // A digit before a stand-in does not make another number of it.
        let is_inside = || {
            (1..digits.len()).any(|start| find_known_number(digits.get(start..).unwrap_or_default(), known).is_some())
        };
        let mark = find_known_number(&digits, known)
            .or_else(|| find_unknown_number(bytes, &places, &digits).filter(|_| !is_inside()));
        if let Some((length, kind, entry)) = mark {
            let places = places.get(..length).unwrap_or_default().to_vec();
            let range = at..places.last().map_or(at, |last| last + 1);
            next = range.end;
            marks.push(StandInMark { range, kind, entry, is_encoded: false, places });
        }
    }
}

/// Whether the digits from a place on begin like those of a telephone number that stands in.
fn starts_phone(bytes: &[u8], mut at: usize) -> bool {
    for digit in PHONE.bytes().skip(1) {
        at += 1;
        for _ in 0..MOST_SEPARATORS {
            at += separator_length(bytes, at);
        }
        if byte_at(bytes, at) != digit {
            return false;
        }
    }
    true
}

fn find_known_number(digits: &str, known: &dyn Known) -> Option<(usize, StandInKind, Option<u32>)> {
    if !digits.get(..NUMBER_START).is_some_and(|start| known.starts_number(start)) {
        return None;
    }
    (SHORTEST_NUMBER..=LONGEST_NUMBER.min(digits.len())).rev().find_map(|length| {
        let entry = known.find(digits.get(..length)?)?;
        // Which of both it is, only the table knows.
        Some((length, StandInKind::Phone, Some(entry)))
    })
}

fn find_unknown_number(bytes: &[u8], places: &[usize], digits: &str) -> Option<(usize, StandInKind, Option<u32>)> {
    const LONGEST_PHONE: usize = 15;
    let start = places.first().copied()?;
    let end = places.last()? + 1;
    let before = byte_before(bytes, start);
    let is_apart = !before.is_ascii_alphanumeric() && !byte_at(bytes, end).is_ascii_alphanumeric();
    let is_card = (14..=LONGEST_NUMBER).contains(&digits.len()) && digits.starts_with(CARD);
    if is_card && is_apart && card::luhn_sum(digits.as_bytes()) % 10 == CARD_REST {
        return Some((digits.len(), StandInKind::Card, None));
    }
    let head = bytes.get(..start)?;
    let is_international = head.ends_with(b"+")
        || head.ends_with(b"%2B")
        || head.ends_with(b"%2b")
        || (head.ends_with(b"00") && !byte_before(bytes, start - 2).is_ascii_alphanumeric());
    (is_international && digits.len() >= SHORTEST_NUMBER)
        .then(|| (digits.len().min(LONGEST_PHONE), StandInKind::Phone, None))
}

/// Finds account numbers.
fn find_accounts(text: &str, known: &dyn Known, marks: &mut Vec<StandInMark>) {
    let bytes = text.as_bytes();
    if !has_pair(bytes, |one, next| (one == b'0') & (next == b'0')) {
        return;
    }
    for zeros in memmem::find_iter(bytes, "00") {
        let Some(at) = zeros.checked_sub(2) else { continue };
        let country = [byte_at(bytes, at), byte_at(bytes, at + 1)];
        if !country.iter().all(u8::is_ascii_alphabetic) {
            continue;
        }
        let Some(length) = iban::length_of(country) else { continue };
        let places = read_places(bytes, at, length, |byte| byte.is_ascii_alphanumeric());
        if places.len() < length {
            continue;
        }
        let range = at..places.last().map_or(at, |last| last + 1);
        let entry = known.find(&compact(bytes, &places).to_ascii_lowercase());
        let is_apart =
            !byte_before(bytes, at).is_ascii_alphanumeric() && !byte_at(bytes, range.end).is_ascii_alphanumeric();
        if entry.is_some() || is_apart {
            marks.push(StandInMark { range, kind: StandInKind::Iban, entry, is_encoded: false, places });
        }
    }
}

/// Where letters and digits are from `at` on, at most `most`, with what people put between them, also as in a URL.
pub(super) fn read_places(bytes: &[u8], at: usize, most: usize, is_part: impl Fn(u8) -> bool) -> Vec<usize> {
    let mut places = Vec::new();
    let mut next = at;
    let mut separators = 0;
    while places.len() < most {
        let byte = byte_at(bytes, next);
        let separator = separator_length(bytes, next);
        if separator > 0 && !places.is_empty() && separators < MOST_SEPARATORS {
            separators += 1;
            next += separator;
        } else if is_part(byte) {
            separators = 0;
            places.push(next);
            next += 1;
        } else {
            break;
        }
    }
    places
}

/// How long the separator at a place is; 0 if there is none.
fn separator_length(bytes: &[u8], at: usize) -> usize {
    let is_separator = |byte: u8| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')');
    match byte_at(bytes, at) {
        byte if is_separator(byte) => 1,
        b'%' => {
            let digit = |at: usize| char::from(byte_at(bytes, at)).to_digit(16);
            let byte = digit(at + 1).zip(digit(at + 2)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
            if byte.is_some_and(is_separator) { 3 } else { 0 }
        }
        _ => 0,
    }
}

/// The letters and digits at these places.
pub(super) fn compact(bytes: &[u8], places: &[usize]) -> String {
    places.iter().map(|at| char::from(byte_at(bytes, *at))).collect()
}

/// A text with other letters and digits at these places of it, `start` being where it begins.
pub(super) fn write_places(text: &str, start: usize, places: &[usize], others: &str) -> String {
    let mut others = others.chars();
    let mut places = places.iter().map(|at| at - start).peekable();
    let write = |(at, c): (usize, char)| match places.next_if_eq(&at) {
        Some(_) => others.next().unwrap_or(c),
        None => c,
    };
    text.char_indices().map(write).collect()
}
