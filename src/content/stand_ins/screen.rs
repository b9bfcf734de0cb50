//! Where a text may hold what gets a stand-in, told from its bytes before any of it is decoded.
//!
//! Most results hold nothing, and most of the texts in the others. So what is looked for here is the least that each value has,
//! however the text is decoded later: not at all, as the inside of a JSON string, once or several times, with the escapes of
//! URLs and HTML, with other scripts' digits. Where that is not sure, there may be one.

use std::ops::Range;

use super::kinds::{FieldPattern, StandInRules};
use super::marks::{CARD, Known, PHONE, SHORTEST_NUMBER};
use super::table::StandIns;
use crate::content::decoded_text::{Meaning, find_meaning, may_be_odd};
use crate::content::runs::{LongRuns, Places};
use crate::content::{ContentKind, ContentKinds, byte_at, byte_before, card, email, iban, phone, run_length, words};

/// What is looked for in texts as they are written.
pub(super) struct TextScreen<'a> {
    pub(super) kinds: ContentKinds,
    pub(super) keys: &'a FieldKeys<'a>,
    pub(super) table: &'a StandIns,
}

/// The bytes of numbers: digits, what people put between them, and what that may be escaped with.
const IN_NUMBERS: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"0123456789 ()-./\\";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Where there may be something in a text, in order.
#[derive(Default)]
pub(super) struct Suspects {
    places: Vec<usize>,
    /// How many have been passed.
    passed: usize,
    is_everywhere: bool,
}

impl Suspects {
    pub(super) fn everywhere() -> Self {
        Self { is_everywhere: true, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && !self.is_everywhere
    }

    /// Whether there is one before `end`, and not before `start`. Each range lies behind the one before.
    pub(super) fn are_in(&mut self, start: usize, end: usize) -> bool {
        while self.places.get(self.passed).is_some_and(|place| *place < start) {
            self.passed += 1;
        }
        self.is_everywhere || self.places.get(self.passed).is_some_and(|place| *place < end)
    }
}

/// Something that is looked for in a text.
type Pass<S> = fn(&S, &str, &mut Vec<usize>);

impl TextScreen<'_> {
    /// Finds the places in a text. A value has at least one in each string that it stands in.
    pub(super) fn find(&self, text: &str) -> Suspects {
        if self.table.known_values().has_hidden() {
            return Suspects::everywhere();
        }
        let mut places = Vec::new();
        self.passes().for_each(|pass| pass(self, text, &mut places));
        places.sort();
        Suspects { places, ..Suspects::default() }
    }

    /// Whether there is a place in a text.
    pub(super) fn has_any(&self, text: &str) -> bool {
        let mut places = Vec::new();
        let mut finds = |pass: Pass<Self>| {
            pass(self, text, &mut places);
            !places.is_empty()
        };
        self.table.known_values().has_hidden() || self.passes().any(&mut finds)
    }

    /// What is looked for, most often found first.
    fn passes(&self) -> impl Iterator<Item = Pass<Self>> {
        let passes: [Pass<Self>; 6] = [
            Self::find_addresses,
            |screen, text, places| screen.keys.find(text.as_bytes(), places),
            |screen, text, places| screen.table.known_values().find_as_written(text.as_bytes(), places),
            Self::find_odd,
            Self::find_numbers,
            |screen, text, places| screen.find_accounts(text.as_bytes(), places),
        ];
        passes.into_iter()
    }

    fn find_addresses(&self, text: &str, places: &mut Vec<usize>) {
        if self.kinds.has(ContentKind::Email) {
            let is_address = |at: &usize| email::may_be_around(text, *at);
            places.extend(memchr::memchr_iter(b'@', text.as_bytes()).filter(is_address));
        }
    }

    /// Finds what a program may read as another character, where that could be a part of a value.
    fn find_odd(&self, text: &str, places: &mut Vec<usize>) {
        let bytes = text.as_bytes();
        let is_odd = |byte: u8, next: u8| {
            let is_escape = (next == b'u') | (next == b't') | (next == b'b') | (next == b'f');
            (byte == b'%')
                | ((byte == b'&') & (next == b'#'))
                | ((byte == b'\\') & is_escape)
                | ((byte == b'-') & (next | 0x20 == b'i'))
        };
        let is_suspect = |at: &usize| self.is_odd_at(text, *at);
        if text.is_ascii() {
            places.extend(Places::new(bytes, |byte, next, _, _| is_odd(byte, next)).filter(is_suspect));
        } else {
            let is_odd = |byte, next, _, _| is_odd(byte, next) | may_be_odd(byte, next);
            places.extend(Places::new(bytes, is_odd).filter(is_suspect));
        }
    }

    fn is_odd_at(&self, text: &str, at: usize) -> bool {
        let bytes = text.as_bytes();
        let unit = |start: usize, length: usize| {
            let hex = text.get(start..start + length).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u32::from_str_radix(hex, 16).ok()
        };
        // Digits behind an escape make one number with its own.
        let touches_digit = |end: usize| byte_at(bytes, end).is_ascii_digit();
        match (byte_at(bytes, at), byte_at(bytes, at + 1)) {
            (b'%', _) => match unit(at + 1, 2).and_then(char::from_u32) {
                Some(c @ ' '..='~') => touches_digit(at + 3) || may_matter(Some(Meaning::Char(c)), bytes, at),
                _ => false,
            },
            (b'\\', b'u') => match unit(at + 2, 4) {
                // `&`, `'`, `<` and `>`, which many programs escape.
                Some(0x26 | 0x27 | 0x3c | 0x3e) => touches_digit(at + 6) || byte_at(bytes, at + 6) == b'#',
                Some(0x80..) if self.table.known_values().have_odd() => true,
                // Halves of emoji.
                Some(0xd83c | 0xd83d | 0xdc00..=0xdfff) => touches_digit(at + 6),
                Some(code) => {
                    let c = char::from_u32(code).filter(|c| !c.is_ascii());
                    touches_digit(at + 6) || c.is_none_or(|c| may_matter(find_meaning(c), bytes, at))
                }
                None => false,
            },
            (b'\\', _) => follows_digit(bytes, at),
            (b'&', _) => true,
            // Of `stand-in`.
            (b'-', _) => byte_before(bytes, at) | 0x20 == b'd' && byte_at(bytes, at + 2) | 0x20 == b'n',
            _ => text
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(|c| may_matter(find_meaning(c), bytes, at)),
        }
    }

    /// Finds numbers of telephones and cards, and those of our own.
    fn find_numbers(&self, text: &str, places: &mut Vec<usize>) {
        const FEWEST_DIGITS: usize = 7;
        let bytes = text.as_bytes();
        for run in LongRuns::new(bytes, FEWEST_DIGITS, |byte| IN_NUMBERS.get(usize::from(byte)) == Some(&true)) {
            let digits = bytes.get(run.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
            let digits = digits.count();
            if digits >= FEWEST_DIGITS {
                self.find_in_run(text, (run, digits), places);
            }
        }
    }

    fn find_in_run(&self, text: &str, (run, digits): (Range<usize>, usize), places: &mut Vec<usize>) {
        const FEWEST_CARD_DIGITS: usize = 14;
        let bytes = text.as_bytes();
        let has_phones = self.kinds.has(ContentKind::Phone);
        let has_cards = self.kinds.has(ContentKind::Card) && digits >= FEWEST_CARD_DIGITS;
        let mut before = [(0, 0); 3];
        let mut is_first = true;
        // The digits of the run up to here, as far back as a number of our own goes.
        let mut nines = 0;
        let mut at = run.start;
        while at < run.end {
            let length = run_length(bytes, at, usize::MAX, |byte| byte.is_ascii_digit());
            if length == 0 {
                at += 1;
                continue;
            }
            let group = bytes.get(at..at + length).unwrap_or_default();
            let is_area = (b'2'..=b'9').contains(&byte_at(bytes, at));
            let is_international = is_first && byte_before(bytes, at) == b'+'
                || (group.starts_with(b"00")
                    && (3..=5).contains(&length)
                    && matches!(byte_at(bytes, at + length), b' ' | b'-' | b'/' | b'\\'));
            let is_phone = || {
                is_international
                    || (before[1].1 == 3 && before[2].1 == 3 && length == 4)
                    || (is_first && phone::may_follow_word(text, at))
            };
            nines = group.iter().fold(nines, |nines, digit| {
                if *digit == b'9' {
                    nines + 1
                } else if nines < PHONE.len() {
                    0
                } else {
                    nines
                }
            });
            if has_phones && is_phone() {
                places.push(at);
            }
            // The groups of a card are tried once the last of them is there.
            let [first, second, third] = before;
            let card = match (first.1, second.1, third.1, length) {
                (4, 4, 4, 4) => Some(first),
                (_, 4, 6, 4 | 5) => Some(second),
                (_, _, _, 14..) => Some((at, length)),
                _ => None,
            };
            if let Some((start, length)) = card.filter(|_| has_cards)
                && card::may_start(bytes, start, length)
            {
                places.push(start);
            }
            before = [before[1], before[2], (at, if length == 3 && !is_area { 0 } else { length })];
            is_first = false;
            at += length;
        }
        if nines >= PHONE.len() {
            self.find_own_numbers(bytes, run, places);
        }
    }

    /// Finds numbers in a run that are stand-ins, or look like some.
    fn find_own_numbers(&self, bytes: &[u8], run: Range<usize>, places: &mut Vec<usize>) {
        const FEWEST_CARD_DIGITS: usize = 14;
        let is_plus = byte_before(bytes, run.start) == b'+';
        let digits: Vec<(usize, u8)> =
            run.filter_map(|at| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (at, *byte))).collect();
        let text: String = digits.iter().map(|(_, digit)| char::from(*digit)).collect();
        for start in 0..text.len() {
            let rest = text.get(start..).unwrap_or_default();
            if !rest.starts_with(PHONE) {
                continue;
            }
            let is_known = rest.get(..8).is_some_and(|start| self.table.starts_number(start));
            let head = text.get(..start).unwrap_or_default();
            let is_like_one = rest.len() >= SHORTEST_NUMBER && ((start == 0 && is_plus) || head.ends_with("00"))
                || (rest.len() >= FEWEST_CARD_DIGITS && rest.starts_with(CARD));
            if is_known || is_like_one {
                places.extend(digits.get(start).map(|(at, _)| *at));
            }
        }
    }

    /// Finds account numbers, and those of our own.
    fn find_accounts(&self, bytes: &[u8], places: &mut Vec<usize>) {
        let has_accounts = self.kinds.has(ContentKind::Iban);
        let is_odd = |at: usize| matches!(byte_at(bytes, at), b'%' | b'&' | 0x80..) || is_escape(bytes, at);
        for at in Places::new(bytes, iban::is_start) {
            let is_ours = byte_at(bytes, at + 2) == b'0' && byte_at(bytes, at + 3) == b'0';
            let is_inside = || {
                byte_before(bytes, at).is_ascii_alphanumeric()
                    && !(1..=6).any(|length| {
                        let start = at.checked_sub(length);
                        start.is_some_and(|start| {
                            let (before, word) = bytes.split_at(start);
                            words::escape_end(before, word.get(..length).unwrap_or_default()) == Some(length)
                        })
                    })
            };
            if (has_accounts && !is_inside() && iban::may_start(bytes, at, is_odd))
                || (is_ours && iban::length_of([byte_at(bytes, at), byte_at(bytes, at + 1)]).is_some())
            {
                places.push(at);
            }
        }
    }
}

/// Whether an escape that is no quote, slash or line break begins at a place.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    let slashes = run_length(bytes, at, usize::MAX, |byte| byte == b'\\');
    slashes > 0 && matches!(byte_at(bytes, at + slashes), b't' | b'b' | b'f' | b'u' | b'/')
}

/// Whether a character that means something else could make a value of what stands around it.
fn may_matter(meaning: Option<Meaning>, bytes: &[u8], at: usize) -> bool {
    match meaning {
        None => false,
        Some(Meaning::Char(' ' | '-' | '.' | '/' | '(' | ')')) => follows_digit(bytes, at),
        Some(Meaning::Char(c)) => c.is_ascii_alphanumeric() || matches!(c, '@' | '+' | '%' | '&' | '\\'),
        Some(Meaning::Nothing) => true,
    }
}

/// Whether a digit stands before a place, or only what people put between digits stands behind one.
fn follows_digit(bytes: &[u8], at: usize) -> bool {
    const MOST: usize = 64;
    let is_between = |byte: &&u8| matches!(**byte, b' ' | b'(' | b')' | b'-'..=b'/' | b'\\');
    let before = bytes.get(at.saturating_sub(MOST)..at).unwrap_or_default();
    let skipped = before.iter().rev().take_while(is_between).count();
    skipped == MOST || before.iter().nth_back(skipped).is_some_and(u8::is_ascii_digit)
}

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

    fn find(&self, bytes: &[u8], places: &mut Vec<usize>) {
        if self.keys.is_empty() {
            return;
        }
        for colon in memchr::memchr_iter(b':', bytes) {
            let Some(end) = key_end(bytes, colon) else { continue };
            let before = bytes.get(..end).unwrap_or_default();
            let (word, bit) = before.last_chunk().map(end_place).unwrap_or_default();
            let is_key = |key: &&str| before.strip_suffix(key.as_bytes()).is_some_and(|before| before.ends_with(b"\""));
            if self.has_odd || (self.ends.get(word).is_some_and(|word| word & bit != 0) && self.keys.iter().any(is_key))
            {
                places.push(colon);
            }
        }
    }
}

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
                let slashes = bytes.iter().take(end - 1).rev().take_while(|byte| **byte == b'\\').count();
                end - 1 - slashes
            }
            _ => return None,
        };
    }
    let slashes = bytes.iter().take(end - 1).rev().take_while(|byte| **byte == b'\\').count();
    Some(end - 1 - slashes)
}
