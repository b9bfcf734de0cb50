//! The normal form of a text: what different spellings of one value have in common.
//!
//! Case, marks, width, letters of other scripts that look like Latin ones, and characters that show nothing make no difference.
//! Escapes (`%40`, `&#64;`, `&amp;`, `\u0040`) and base64 are read as well as what is written.

use std::borrow::Cow;
use std::collections::HashMap;

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
    memo: HashMap<char, Box<str>>,
}

impl Forms {
    /// Writes a text in its normal form.
    pub(super) fn normalize(&mut self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_ascii_lowercase();
        }
        let mut normal = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                _ if c.is_ascii() => normal.push(c.to_ascii_lowercase()),
                _ if c.is_whitespace() => normal.push(' '),
                _ => normal.push_str(self.form_of(c)),
            }
        }
        normal
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
    let mut last = Cow::Borrowed(text);
    while readings.len() < DEEPEST {
        let mut next = read_decoded(&last).into_owned();
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

/// Whether a byte may be part of base64, in either alphabet.
pub(super) const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Whether a byte may be part of base64 in lines.
pub(super) const fn is_base64_line(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'\r' | b'\n')
}

/// Returns the text that base64 of a file is, whatever its length and however it is broken into lines; `None` if it is no text. What is no
/// character of a text is left out.
pub(super) fn decode_data(text: &str) -> Option<String> {
    /// One byte of so many may be none of a text.
    const TEXT: usize = 20;
    let digits = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'='));
    let bytes = decode_digits(digits, text.len(), |_| true)?;
    let is_odd = |c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let decoded = String::from_utf8_lossy(&bytes);
    if decoded.chars().filter(|c| is_odd(*c)).count() > decoded.len() / TEXT {
        return None;
    }
    Some(decoded.chars().filter(|c| !is_odd(*c)).collect())
}

/// Returns the six bits of a digit in either alphabet of base64.
fn digit_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Returns the text that a word is as base64; `None` if it is none.
pub(super) fn decode_base64(word: &str) -> Option<String> {
    const SHORTEST: usize = 8;
    let digits = word.trim_end_matches('=');
    if digits.len() < SHORTEST || digits.len() % 4 == 1 {
        return None;
    }
    if digits.len() > MAX_BASE64 {
        return decode_data(word);
    }
    // Most words are no base64, and end at such a byte.
    let is_text = |byte| byte >= b' ' && byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t');
    String::from_utf8(decode_digits(digits.bytes(), digits.len(), is_text)?).ok()
}

/// Returns the bytes of so many digits of base64, if all of them may be there.
fn decode_digits(digits: impl Iterator<Item = u8>, length: usize, may_be: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(digit_value(digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            let byte = (bits >> count) as u8;
            if !may_be(byte) {
                return None;
            }
            bytes.push(byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_have_one_form() {
        let mut forms = Forms::default();
        for text in ["Bob@Evil.com", "bob@еvil.соm", "ｂｏｂ@evil.com", "b\u{200b}ob@evil.com", "BÖB@evil.com"] {
            assert_eq!(forms.normalize(text), "bob@evil.com", "{text}");
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
        assert_eq!(decode_base64("Ym9iQGV2aWwuY29t").as_deref(), Some("bob@evil.com"));
        assert_eq!(decode_base64("Ym9iQGV2aWwuY29tIQ==").as_deref(), Some("bob@evil.com!"));
        for other in ["recommendation", "Ym9i", "AAAAAAAAAAAA", "/home/user/documents"] {
            assert_eq!(decode_base64(other), None, "{other}");
        }
    }
}
