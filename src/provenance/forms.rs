//! The normal form of a text: what different spellings of one value have in common.
//!
//! Case, marks, width, letters of other scripts that look like Latin ones, and characters that show nothing make no difference.
//! Escapes (`%40`, `&#64;`, `&amp;`, `\u0040`) and base64 are read as well as what is written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::content::read_decoded;
use crate::unicode::LOOK_ALIKES;
use crate::wire::fold::find_char_frame;

/// How many readings of a text there are, each decoded once more: `%2540`.
const DEEPEST: usize = 3;

/// How many characters are remembered with their forms.
const MAX_MEMO: usize = 8_192;

/// From this length on, base64 is that of a file.
const MAX_BASE64: usize = 8_192;

/// References by a name to what stands in addresses and around them.
const REFERENCES: [(&str, &str); 14] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&nbsp;", " "),
    ("&commat;", "@"),
    ("&period;", "."),
    ("&colon;", ":"),
    ("&sol;", "/"),
    ("&num;", "#"),
    ("&hyphen;", "-"),
    ("&lowbar;", "_"),
    ("&plus;", "+"),
];

/// Makes normal forms.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// The forms of characters, which take long to find.
    memo: HashMap<char, Box<str>, BuildHasherDefault<CharHasher>>,
}

/// Hashes a character. There are too few for many to have one hash, whoever chooses them.
#[derive(Debug, Default)]
struct CharHasher(u64);

impl Hasher for CharHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl Forms {
    /// Writes a text in its normal form, in place of what `normal` has.
    pub(super) fn normalize(&mut self, text: &str, normal: &mut String) {
        normal.clear();
        if text.is_ascii() {
            normal.push_str(text);
            return normal.make_ascii_lowercase();
        }
        normal.reserve(text.len());
        for c in text.chars() {
            match c {
                _ if c.is_ascii() => normal.push(c.to_ascii_lowercase()),
                _ if c.is_whitespace() => normal.push(' '),
                _ => normal.push_str(self.form_of(c)),
            }
        }
    }

    fn form_of(&mut self, c: char) -> &str {
        if self.memo.len() >= MAX_MEMO && !self.memo.contains_key(&c) {
            self.memo.clear();
        }
        self.memo.entry(c).or_insert_with(|| {
            let plain = |c: char| {
                let alike = LOOK_ALIKES.iter().find(|(_, others)| !c.is_ascii() && others.contains(c));
                alike.map_or(c, |(plain, _)| *plain)
            };
            find_char_frame(c).chars().map(plain).collect::<String>().into()
        })
    }
}

/// Returns the other readings of a text: each as a program further on may decode the one before.
pub(super) fn find_readings(text: &str) -> Vec<String> {
    let mut readings: Vec<String> = Vec::new();
    if text.is_ascii() && memchr::memchr3(b'\\', b'%', b'&', text.as_bytes()).is_none() {
        return readings;
    }
    let mut last = Cow::Borrowed(text);
    while readings.len() < DEEPEST {
        let mut next = match read_decoded(&last) {
            Cow::Borrowed(same) if !same.contains('&') => break,
            next => next.into_owned(),
        };
        if next.contains('&') {
            REFERENCES.iter().for_each(|(name, of)| {
                if next.contains(name) {
                    next = next.replace(name, of);
                }
            });
        }
        if next == last {
            break;
        }
        readings.push(next.clone());
        last = Cow::Owned(next);
    }
    readings
}

/// The value of each byte as a digit of base64, in either alphabet.
static DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut byte = 0;
    while byte < digits.len() {
        let digit = byte as u8;
        digits[byte] = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => PADDING,
            _ => NO_DIGIT,
        };
        byte += 1;
    }
    digits
};

const PADDING: u8 = 64;
const NO_DIGIT: u8 = 65;

/// The fewest digits of base64 that are read.
const MIN_BASE64: usize = 8;

/// Whether a byte may be part of base64, in either alphabet.
fn is_base64(byte: u8) -> bool {
    DIGITS[usize::from(byte)] <= PADDING
}

/// Whether a byte may be part of base64 in lines.
pub(super) fn is_base64_line(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'\r' | b'\n')
}

/// Gives the texts that words are as base64.
pub(super) fn find_base64(text: &str, found: &mut dyn FnMut(&str)) {
    let mut give = |word: &[u8]| {
        if word.len() >= MIN_BASE64
            && let Some(decoded) = decode_base64(word)
        {
            found(&decoded);
        }
    };
    for word in text.as_bytes().split(|byte| !is_base64(*byte)).filter(|word| word.len() >= MIN_BASE64) {
        give(word);
        // In a URL or behind a name, some of its digits may be what joins words.
        for joints in [b"=/".as_slice(), b"=/-_+"] {
            for piece in word.split(|byte| joints.contains(byte)).filter(|piece| piece.len() < word.len()) {
                give(piece);
            }
        }
    }
}

/// Returns the text that base64 of a file is, whatever its length and however it is broken into lines; `None` if it is no text. What is no
/// character of a text is left out.
pub(super) fn decode_data(text: &str) -> Option<String> {
    /// One byte of so many may be none of a text.
    const TEXT: usize = 20;
    let digits = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'='));
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    decode_digits(digits, |byte| {
        bytes.push(byte);
        Some(())
    })?;
    let is_odd = |c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let decoded = String::from_utf8_lossy(&bytes);
    if decoded.chars().filter(|c| is_odd(*c)).count() > decoded.len() / TEXT {
        return None;
    }
    Some(decoded.chars().filter(|c| !is_odd(*c)).collect())
}

/// Returns the text that a word is as base64; `None` if it is none.
fn decode_base64(word: &[u8]) -> Option<String> {
    let padding = word.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = word.get(..word.len() - padding)?;
    if digits.len() < MIN_BASE64 || digits.len() % 4 == 1 {
        return None;
    }
    if digits.len() > MAX_BASE64 {
        return decode_data(str::from_utf8(word).ok()?);
    }
    // Most words are no base64, and end at such a byte, before anything is written.
    let mut following = 0;
    decode_digits(digits.iter().copied(), |byte| may_follow(byte, &mut following).then_some(()))?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    decode_digits(digits.iter().copied(), |byte| {
        bytes.push(byte);
        Some(())
    })?;
    String::from_utf8(bytes).ok()
}

/// Whether a byte may stand in a text, where so many bytes of a character are still to come.
fn may_follow(byte: u8, following: &mut u8) -> bool {
    if *following > 0 {
        *following -= 1;
        return matches!(byte, 0x80..=0xbf);
    }
    *following = match byte {
        b' '..=0x7e | b'\n' | b'\r' | b'\t' => 0,
        0xc2..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf4 => 3,
        _ => return false,
    };
    true
}

/// Gives the bytes of digits of base64; `None` if there are others, or if one is not taken.
fn decode_digits(digits: impl Iterator<Item = u8>, mut take: impl FnMut(u8) -> Option<()>) -> Option<()> {
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = DIGITS[usize::from(digit)];
        if value >= PADDING {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            take((bits >> count) as u8)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_have_one_form() {
        let mut forms = Forms::default();
        for text in ["Bob@Evil.com", "bob@еvil.соm", "ｂｏｂ@evil.com", "b\u{200b}ob@evil.com", "BÖB@evil.com"] {
            let mut normal = String::new();
            forms.normalize(text, &mut normal);
            assert_eq!(normal, "bob@evil.com", "{text}");
        }
    }

    #[test]
    fn escapes_are_read() {
        for text in
            ["bob%40evil.com", "bob&#64;evil.com", "bob\\u0040evil.com", "bob&commat;evil.com", "bob%2540evil.com"]
        {
            assert!(find_readings(text).iter().any(|reading| reading == "bob@evil.com"), "{text}");
        }
        assert_eq!(find_readings("bob@evil.com"), [""; 0]);
    }

    #[test]
    fn base64_of_text_is_read() {
        assert_eq!(decode_base64(b"Ym9iQGV2aWwuY29t").as_deref(), Some("bob@evil.com"));
        assert_eq!(decode_base64(b"Ym9iQGV2aWwuY29tIQ==").as_deref(), Some("bob@evil.com!"));
        for other in ["recommendation", "Ym9i", "AAAAAAAAAAAA", "/home/user/documents"] {
            assert_eq!(decode_base64(other.as_bytes()), None, "{other}");
        }
    }
}
