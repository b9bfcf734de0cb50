//! The table of a session: which value has which stand-in.

use std::collections::{BTreeSet, HashMap, HashSet};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::kinds::StandInKind;
use super::known_values::KnownValues;
use super::marks::{
    CARD, CARD_REST, CODE_ALPHABET, CODE_LENGTH, DOMAIN, FIELD, Known, PERSON, PHONE, SHORTEST_NUMBER, StandInMark,
    compact, read_places, write_places,
};
use super::url::{decode_component, encode_component};
use crate::content::decoded_text::TextReading;
use crate::content::{ContentKind, card, find_content, iban};
use crate::limits::{MAX_STAND_IN_BYTES, MAX_STAND_INS};

/// What a key costs beside its text, in bytes.
const ENTRY_COST: usize = 160;
/// How many digits a number gets that is too short for a stand-in of its own length.
const SHORT_NUMBER: usize = 12;
/// How often another stand-in is tried if one is taken.
const MOST_TRIES: u32 = 64;

/// The stand-ins of a session. The key is the session's own, so that nobody can tell a value from its stand-in, and a
/// stand-in of another session is none of this one.
#[derive(Debug)]
pub struct StandIns {
    key: [u8; 32],
    entries: Vec<Entry>,
    by_value: HashMap<Box<str>, u32>,
    /// By what identifies them: see `Known::find`.
    by_stand_in: HashMap<Box<str>, u32>,
    /// How numbers begin that are stand-ins.
    starts: HashSet<Box<str>>,
    /// How long the values are, as they are and as in a URL.
    lengths: BTreeSet<(usize, WrittenForm)>,
    /// The values that are found again wherever they stand.
    known: KnownValues,
    /// How many bytes the texts take.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    kind: StandInKind,
    /// The value; its letters and digits alone if it is put back digit by digit.
    value: Box<str>,
    /// The stand-in, in its usual form.
    stand_in: Box<str>,
    is_digit_by_digit: bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WrittenForm {
    Plain,
    Encoded,
}

/// There is no room for another stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl StandIns {
    /// Begins a session with a key that nobody can guess.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            entries: Vec::new(),
            by_value: HashMap::new(),
            by_stand_in: HashMap::new(),
            starts: HashSet::new(),
            lengths: BTreeSet::new(),
            known: KnownValues::default(),
            bytes: 0,
        }
    }

    /// Whether none was made.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn known_values(&self) -> &KnownValues {
        &self.known
    }

    /// Returns the stand-in of a value, spelled like it, and makes one if there is none.
    pub(super) fn stand_in_for(&mut self, value: &str, kind: StandInKind) -> Result<String, Full> {
        if let Some(entry) = self.find_value(&exact_key(value)) {
            return Ok(entry.stand_in.to_string());
        }
        if let Some((places, digits)) = read_number(value) {
            if let Some(entry) = self.find_value(&number_key(&digits)) {
                return Ok(write_places(value, 0, &places, &entry.stand_in));
            }
            if is_number(kind) && digits.len() >= SHORTEST_NUMBER {
                let stand_in = self.make_stand_in(kind, &digits, (&digits, true))?;
                self.known.add(value);
                return Ok(write_places(value, 0, &places, &stand_in));
            }
        }
        if kind == StandInKind::Email
            && let Some(address) = decode_component(value)
            && is_address(&address)
        {
            return Ok(encode_component(&self.stand_in_for(&address, kind)?));
        }
        let stand_in = self.make_stand_in(kind, value, (&decode(value), false))?;
        self.known.add(value);
        Ok(stand_in)
    }

    /// Returns the text that was meant by a stand-in of this session, and its kind.
    pub(super) fn value_of(&self, mark: &StandInMark, text: &str) -> Option<(String, StandInKind)> {
        let entry = usize::try_from(mark.entry?).ok().and_then(|index| self.entries.get(index))?;
        let value = if entry.is_digit_by_digit {
            write_places(text.get(mark.range.clone())?, mark.range.start, &mark.places, &entry.value)
        } else if mark.is_encoded {
            encode_component(&entry.value)
        } else {
            entry.value.to_string()
        };
        Some((value, entry.kind))
    }

    /// The longest value that a text begins with as a whole word, as it is or as in a URL: its length, and its stand-in.
    pub(super) fn known_at(&self, text: &str) -> Option<(usize, String)> {
        self.lengths.range(..=(text.len(), WrittenForm::Encoded)).rev().find_map(|(length, spelling)| {
            let value = text.get(..*length)?;
            if text.get(*length..)?.starts_with(char::is_alphanumeric) {
                return None;
            }
            let stand_in = match spelling {
                WrittenForm::Plain => {
                    let entry = self.find_value(&exact_key(value)).or_else(|| self.find_value(&number_key(value)))?;
                    entry.stand_in.to_string()
                }
                WrittenForm::Encoded => {
                    encode_component(&self.find_value(&exact_key(&decode_component(value)?))?.stand_in)
                }
            };
            Some((*length, stand_in))
        })
    }

    fn add_lengths(&mut self, value: &str) {
        // A shorter one is found in any text.
        const SHORTEST: usize = 3;
        if value.len() >= SHORTEST {
            self.lengths.insert((value.len(), WrittenForm::Plain));
            let encoded = encode_component(value);
            if encoded != value {
                self.lengths.insert((encoded.len(), WrittenForm::Encoded));
            }
        }
    }

    fn find_value(&self, key: &str) -> Option<&Entry> {
        let index = self.by_value.get(key)?;
        usize::try_from(*index).ok().and_then(|index| self.entries.get(index))
    }

    fn make_stand_in(
        &mut self,
        kind: StandInKind,
        value: &str,
        (like, is_digit_by_digit): (&str, bool),
    ) -> Result<String, Full> {
        let key = if is_digit_by_digit { number_key(value) } else { exact_key(value) };
        let bytes = self.bytes + ENTRY_COST + 3 * key.len();
        if self.entries.len() >= MAX_STAND_INS || bytes > MAX_STAND_IN_BYTES {
            return Err(Full);
        }
        let free = (0..MOST_TRIES).find_map(|attempt| {
            let stand_in = self.draw(kind, &key, like, attempt);
            let name = name_of(kind, &stand_in);
            let is_free = name.len() >= CODE_LENGTH && !self.by_stand_in.contains_key(&*name);
            (is_free && self.find_value(&exact_key(&stand_in)).is_none()).then_some((stand_in, name))
        });
        let (stand_in, name) = free.ok_or(Full)?;
        let index = u32::try_from(self.entries.len()).map_err(|_| Full)?;
        if is_number(kind) {
            self.starts.extend(name.get(..8).map(Into::into));
        }
        self.by_stand_in.insert(name.into(), index);
        self.by_value.insert(key.into(), index);
        self.add_lengths(value);
        self.entries.push(Entry { kind, value: value.into(), stand_in: stand_in.clone().into(), is_digit_by_digit });
        self.bytes = bytes;
        Ok(stand_in)
    }

    /// Draws a stand-in for a value that looks `like` this.
    fn draw(&self, kind: StandInKind, key: &str, like: &str, attempt: u32) -> String {
        let mut drawn = Drawn { key: &self.key, of: key, attempt, block: 0, left: Vec::new() };
        let mut code = || (0..CODE_LENGTH).map(|_| drawn.pick(CODE_ALPHABET)).collect::<String>();
        match kind {
            StandInKind::Email => format!("{PERSON}{}@{DOMAIN}", code()),
            StandInKind::Field => format!("{FIELD}{}", code()),
            StandInKind::Phone => {
                let digits = like.bytes().filter(u8::is_ascii_digit).count();
                let length = if digits < SHORTEST_NUMBER { SHORT_NUMBER } else { digits };
                (PHONE.len()..length).fold(PHONE.to_owned(), |text, _| text + &drawn.digit())
            }
            StandInKind::Card => {
                let length = like.bytes().filter(u8::is_ascii_digit).count();
                let text = (CARD.len() + 1..length).fold(CARD.to_owned(), |text, _| text + &drawn.digit());
                let fits = |last: &u32| card::luhn_sum(format!("{text}{last}").as_bytes()) % 10 == CARD_REST;
                let last = (0..10).find(fits).unwrap_or_default();
                format!("{text}{last}")
            }
            StandInKind::Iban => {
                let mut letters = like.chars().filter(char::is_ascii_alphanumeric);
                let country: String = letters.by_ref().take(2).collect();
                let draw = |c: char| match c {
                    '0'..='9' => drawn.digit(),
                    'a'..='z' => drawn.pick(b"abcdefghijklmnopqrstuvwxyz").to_string(),
                    _ => drawn.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ").to_string(),
                };
                let rest: String = letters.skip(2).map(draw).collect();
                let account = format!("{country}00{rest}");
                // Of some numbers, the check digits 97 are right, and 00 is the same to the checksum.
                if iban::checksum(account.as_bytes()) == 1 { String::new() } else { account }
            }
        }
    }
}

impl Known for StandIns {
    fn find(&self, compact: &str) -> Option<u32> {
        self.by_stand_in.get(compact).copied()
    }

    fn starts_number(&self, digits: &str) -> bool {
        self.starts.contains(digits)
    }
}

/// Characters that only who has the key can foretell.
struct Drawn<'a> {
    key: &'a [u8; 32],
    of: &'a str,
    attempt: u32,
    block: u32,
    left: Vec<u8>,
}

impl Drawn<'_> {
    fn pick(&mut self, alphabet: &[u8]) -> char {
        let size = alphabet.len().clamp(1, 256);
        // Each character is as likely as the others.
        let fair = 256 / size * size;
        loop {
            let byte = usize::from(self.next_byte());
            if byte < fair {
                return alphabet.get(byte % size).copied().map_or('2', char::from);
            }
        }
    }

    fn digit(&mut self) -> String {
        self.pick(b"0123456789").to_string()
    }

    fn next_byte(&mut self) -> u8 {
        if let Some(byte) = self.left.pop() {
            return byte;
        }
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key) {
            mac.update(&self.attempt.to_be_bytes());
            mac.update(&self.block.to_be_bytes());
            mac.update(self.of.as_bytes());
            self.left = mac.finalize().into_bytes().to_vec();
        }
        self.block = self.block.wrapping_add(1);
        self.left.pop().unwrap_or_default()
    }
}

fn is_number(kind: StandInKind) -> bool {
    matches!(kind, StandInKind::Phone | StandInKind::Card | StandInKind::Iban)
}

/// What a stand-in is found by.
fn name_of(kind: StandInKind, stand_in: &str) -> String {
    match kind {
        StandInKind::Email => stand_in.split('@').next().unwrap_or_default().to_owned(),
        _ => stand_in.to_ascii_lowercase(),
    }
}

fn exact_key(value: &str) -> String {
    format!("={value}")
}

fn number_key(digits: &str) -> String {
    format!("#{digits}")
}

/// The letters and digits of a number that is written with nothing but them and separators, and where they are.
fn read_number(value: &str) -> Option<(Vec<usize>, String)> {
    let bytes = value.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric();
    let is_account =
        bytes.iter().take(2).all(u8::is_ascii_alphabetic) && bytes.get(2..4)?.iter().all(u8::is_ascii_digit);
    let places = match is_account {
        true => read_places(bytes, 0, bytes.len(), is_part),
        false => read_places(bytes, 0, bytes.len(), |byte| byte.is_ascii_digit()),
    };
    (places.last().copied()? + 1 == bytes.len()).then(|| (places.clone(), compact(bytes, &places)))
}

fn is_address(text: &str) -> bool {
    let kinds = [ContentKind::Email].into_iter().collect();
    find_content(text, kinds).iter().any(|finding| finding.range == (0..text.len()))
}

/// The text as a program further on may decode it.
fn decode(value: &str) -> String {
    TextReading::of(value).next().map(|reading| reading.text.to_string()).unwrap_or_default()
}
