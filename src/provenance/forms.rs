//! The normal form of a text: what different spellings of one value have in common.
//!
//! Case, marks, width, letters of other scripts that look like Latin ones, and characters that show nothing make no difference.
//! Escapes (`%40`, `&#64;`, `&amp;`, `\u0040`) and base64 are read as well as what is written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::changes::SIGN;
use super::spans::Spans;
use super::words::split_bytes;
use crate::content::{Edit, read_decoded};
use crate::unicode::LOOK_ALIKES;
use crate::wire::fold::find_char_frame;

/// How many readings of a text there are, each decoded once more: `%2540`.
const DEEPEST: usize = 3;

/// How many characters are remembered with their forms.
const MAX_MEMO: usize = 8_192;

/// From this length on, base64 is that of a file.
const MAX_BASE64: usize = 8_192;

/// Makes normal forms.
#[derive(Debug)]
pub(super) struct Forms {
    /// The forms of characters of two bytes, where they are one character and were asked for before.
    near: Box<[Option<char>; NEAR]>,
    /// The forms of others, which take long to find.
    memo: HashMap<char, Box<str>, BuildHasherDefault<CharHasher>>,
}

/// How many characters take two bytes at most.
const NEAR: usize = 0x800;

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

impl Default for Forms {
    fn default() -> Self {
        Self { near: Box::new([None; NEAR]), memo: HashMap::default() }
    }
}

impl Forms {
    /// Writes a text in its normal form, in place of what `normal` has.
    pub(super) fn normalize(&mut self, text: &str, normal: &mut String) {
        normal.clear();
        self.push_normal(text, normal);
    }

    /// The same for a text of which some ranges matter: returns where they are in the normal form.
    pub(super) fn normalize_ranges(
        &mut self,
        text: &str,
        ranges: &[Range<usize>],
        normal: &mut String,
    ) -> Vec<Range<usize>> {
        normal.clear();
        let mut at = 0;
        let mut of_normal = Vec::with_capacity(ranges.len());
        for range in ranges {
            self.push_normal(text.get(at..range.start).unwrap_or_default(), normal);
            let start = normal.len();
            self.push_normal(text.get(range.clone()).unwrap_or_default(), normal);
            of_normal.push(start..normal.len());
            at = range.end;
        }
        self.push_normal(text.get(at..).unwrap_or_default(), normal);
        of_normal
    }

    fn push_normal(&mut self, text: &str, normal: &mut String) {
        if text.is_ascii() {
            return push_lower(text, normal);
        }
        normal.reserve(text.len());
        let mut at = 0;
        for others in Spans::new(text.as_bytes(), |byte| byte >= 0x80) {
            push_lower(text.get(at..others.start).unwrap_or_default(), normal);
            at = others.end;
            text.get(others).unwrap_or_default().chars().for_each(|c| self.push_other(c, normal));
        }
        push_lower(text.get(at..).unwrap_or_default(), normal);
    }

    /// Writes a character that is not ASCII.
    #[inline]
    fn push_other(&mut self, c: char, normal: &mut String) {
        match c {
            // Ideographs.
            '\u{4e00}'..='\u{9fff}' => normal.push(c),
            _ => match self.near.get(c as usize) {
                Some(Some(form)) => normal.push(*form),
                _ if c.is_whitespace() => normal.push(' '),
                _ => self.push_form(c, normal),
            },
        }
    }

    fn push_form(&mut self, c: char, normal: &mut String) {
        if self.memo.len() >= MAX_MEMO && !self.memo.contains_key(&c) {
            self.memo.clear();
        }
        let form = self.memo.entry(c).or_insert_with(|| {
            let plain = |c: char| {
                let alike = LOOK_ALIKES.iter().find(|(_, others)| !c.is_ascii() && others.contains(c));
                alike.map_or(c, |(plain, _)| *plain)
            };
            find_char_frame(c).chars().map(plain).collect::<String>().into()
        });
        normal.push_str(form);
        let mut characters = form.chars();
        if let (Some(near), Some(form), None) = (self.near.get_mut(c as usize), characters.next(), characters.next()) {
            *near = Some(form);
        }
    }

    /// Whether two texts have one form.
    fn are_alike(&mut self, one: &str, other: &str) -> bool {
        let (mut form, mut other_form) = (String::new(), String::new());
        self.push_normal(one, &mut form);
        self.push_normal(other, &mut other_form);
        form == other_form
    }
}

/// Writes a text of ASCII in lower case.
#[inline]
fn push_lower(text: &str, normal: &mut String) {
    let start = normal.len();
    normal.push_str(text);
    normal.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
}

/// A reading of a text: as a program further on may decode it.
#[derive(Debug)]
pub(super) struct Decoding {
    pub(super) text: String,
    /// Where it is not as the text that was read at first.
    pub(super) edited: Vec<Range<usize>>,
    /// Where its normal form is not that of the reading before.
    pub(super) changed: Vec<Range<usize>>,
}

/// Gives the other readings of a text, each of which decodes the one before; of the last one, that it is.
pub(super) fn find_readings(text: &str, forms: &mut Forms) -> Vec<Decoding> {
    let mut readings: Vec<Decoding> = Vec::new();
    if text.is_ascii() && memchr::memchr3(b'\\', b'%', b'&', text.as_bytes()).is_none() {
        return readings;
    }
    while readings.len() < DEEPEST {
        let (last, before) =
            readings.last().map_or((text, [].as_slice()), |last| (last.text.as_str(), last.edited.as_slice()));
        let decoded = read_decoded(last);
        let is_decoded = decoded.is_some();
        let (mut next, edits) =
            decoded.map_or((Cow::Borrowed(last), Vec::new()), |(text, edits)| (Cow::Owned(text), edits));
        let mut edited = carry(before, &edits);
        let is_change = |edit: &&Edit| {
            let original = last.get(edit.original.clone()).unwrap_or_default();
            // No escape is alike.
            original.is_ascii() || !forms.are_alike(original, next.get(edit.read.clone()).unwrap_or_default())
        };
        let mut changed: Vec<_> = edits.iter().filter(is_change).map(|edit| edit.read.clone()).collect();
        let references = read_references(&next);
        if !is_decoded && references.is_none() {
            break;
        }
        if let Some((read, edits)) = references {
            edited = carry(&edited, &edits);
            changed = carry(&changed, &edits);
            next = Cow::Owned(read);
        }
        let text = next.into_owned();
        readings.push(Decoding { text, edited, changed });
    }
    readings
}

/// Returns a text without references by a name, and where they were; `None` if there are none.
fn read_references(text: &str) -> Option<(String, Vec<Edit>)> {
    let (mut read, mut edits, mut at) = (String::new(), Vec::new(), 0);
    for start in memchr::memchr_iter(b'&', text.as_bytes()) {
        let Some((length, mut of)) = find_reference(text, start) else { continue };
        let mut end = start + length;
        // Its `&` may be that of another one.
        if of == "&"
            && let Some((length, other)) = find_reference(text, end - 1).filter(|(_, other)| *other != "&")
        {
            (end, of) = (end - 1 + length, other);
        }
        read.push_str(text.get(at..start).unwrap_or_default());
        Edit { original: start..end, read: read.len()..read.len() + of.len() }.push_to(&mut edits, text);
        read.push_str(of);
        at = end;
    }
    if edits.is_empty() {
        return None;
    }
    read.push_str(text.get(at..).unwrap_or_default());
    Some((read, edits))
}

/// Returns how long a reference by a name is whose `&` is at a place, or would be there, and what it means: what stands in addresses and
/// around them.
fn find_reference(text: &str, at: usize) -> Option<(usize, &'static str)> {
    Some(match text.as_bytes().get(at + 1..)? {
        [b'a', b'm', b'p', b';', ..] => (5, "&"),
        [b'l', b't', b';', ..] => (4, "<"),
        [b'g', b't', b';', ..] => (4, ">"),
        [b'q', b'u', b'o', b't', b';', ..] => (6, "\""),
        [b'a', b'p', b'o', b's', b';', ..] => (6, "'"),
        [b'n', b'b', b's', b'p', b';', ..] => (6, " "),
        [b'c', b'o', b'm', b'm', b'a', b't', b';', ..] => (8, "@"),
        [b'p', b'e', b'r', b'i', b'o', b'd', b';', ..] => (8, "."),
        [b'c', b'o', b'l', b'o', b'n', b';', ..] => (7, ":"),
        [b's', b'o', b'l', b';', ..] => (5, "/"),
        [b'n', b'u', b'm', b';', ..] => (5, "#"),
        [b'h', b'y', b'p', b'h', b'e', b'n', b';', ..] => (8, "-"),
        [b'l', b'o', b'w', b'b', b'a', b'r', b';', ..] => (8, "_"),
        [b'p', b'l', b'u', b's', b';', ..] => (6, "+"),
        _ => return None,
    })
}

/// Returns where ranges of a text and the edits of it are in its reading, in their order.
fn carry(ranges: &[Range<usize>], edits: &[Edit]) -> Vec<Range<usize>> {
    let mut carried = Vec::with_capacity(ranges.len() + edits.len());
    let mut edits = edits.iter().peekable();
    // The edit before.
    let (mut original, mut read) = (0, 0);
    for range in ranges {
        while let Some(edit) = edits.next_if(|edit| edit.original.end <= range.start) {
            carried.push(edit.read.clone());
            (original, read) = (edit.original.end, edit.read.end);
        }
        let mut whole = read + range.start.saturating_sub(original)..read + range.end.saturating_sub(original);
        // What was edited within it belongs to it.
        while let Some(edit) = edits.next_if(|edit| edit.original.start < range.end) {
            (original, read) = (edit.original.end, edit.read.end);
            whole = whole.start.min(edit.read.start)..read + range.end.saturating_sub(original);
        }
        carried.push(whole);
    }
    carried.extend(edits.map(|edit| edit.read.clone()));
    carried
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
#[inline]
fn is_base64(byte: u8) -> bool {
    DIGITS[usize::from(byte)] <= PADDING
}

/// The same without branches, for many bytes.
#[inline]
fn may_be_base64(byte: u8) -> bool {
    let is_among = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    is_among(b'a', b'z')
        | is_among(b'A', b'Z')
        | is_among(b'/', b'9')
        | (byte == b'+')
        | (byte == b'-')
        | (byte == b'=')
        | (byte == b'_')
}

/// Gives the ranges of a text with the words of base64 that reach into edits, which are in their order.
pub(super) fn find_base64_regions<'t>(text: &'t str, edited: &[Range<usize>], found: &mut dyn FnMut(&'t str)) {
    let bytes = text.as_bytes();
    let mut region = 0..0;
    for edit in edited {
        let start = text.floor_char_boundary(edit.start.saturating_sub(SIGN));
        let end = text.ceil_char_boundary(edit.end + SIGN).max(region.end);
        let behind = bytes.get(end..).unwrap_or_default().iter();
        let end = end + behind.take_while(|byte| is_base64(**byte)).count();
        if start > region.end {
            found(text.get(region.clone()).unwrap_or_default());
            let before = bytes.get(region.end..start).unwrap_or_default().iter().rev();
            region.start = start - before.take_while(|byte| is_base64(**byte)).count();
        }
        region.end = end;
    }
    found(text.get(region).unwrap_or_default());
}

/// Whether a byte may be part of base64 in lines.
pub(super) fn is_base64_line(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'\r' | b'\n')
}

/// Gives the texts that words are as base64.
pub(super) fn find_base64(text: &str, found: &mut dyn FnMut(&str)) {
    let is_few = |byte: u8| matches!(byte, b'=' | b'/');
    let is_other = |byte: u8| matches!(byte, b'-' | b'_' | b'+');
    let mut give = |word: &str| {
        if word.len() >= MIN_BASE64
            && let Some(decoded) = decode_base64(word.as_bytes())
        {
            found(&decoded);
        }
    };
    let words = Spans::at_least(MIN_BASE64, text.as_bytes(), may_be_base64).filter(|word| word.len() >= MIN_BASE64);
    for word in words.filter_map(|word| text.get(word)) {
        give(word);
        // In a URL or behind a name, some of its digits may be what joins words.
        let digits = word.trim_end_matches('=');
        let (mut has_few, mut has_others) = (false, false);
        for byte in digits.as_bytes() {
            has_few |= is_few(*byte);
            has_others |= is_other(*byte);
        }
        if has_few && has_others {
            split_bytes(digits, is_few).for_each(&mut give);
        }
        if has_few || has_others {
            split_bytes(digits, |byte| is_few(byte) || is_other(byte)).for_each(&mut give);
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
    let mut digits = word;
    while let [before @ .., b'='] = digits {
        digits = before;
    }
    if digits.len() < MIN_BASE64 || digits.len() % 4 == 1 {
        return None;
    }
    // Most words are no base64, which their first digits show.
    let mut following = 0;
    let first = digits.first_chunk::<4>()?.map(|digit| u32::from(DIGITS[usize::from(digit)]));
    let bits = first.iter().fold(0, |bits, digit| bits << 6 | digit);
    let is_none = first.iter().any(|digit| *digit >= u32::from(PADDING));
    if is_none || ![16, 8, 0].into_iter().all(|shift| may_follow((bits >> shift) as u8, &mut following)) {
        return (digits.len() > MAX_BASE64).then(|| decode_data(str::from_utf8(word).ok()?)).flatten();
    }
    if digits.len() > MAX_BASE64 {
        return decode_data(str::from_utf8(word).ok()?);
    }
    following = 0;
    decode_digits(digits.iter().copied(), |byte| may_follow(byte, &mut following).then_some(()))?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    decode_digits(digits.iter().copied(), |byte| {
        bytes.push(byte);
        Some(())
    })?;
    String::from_utf8(bytes).ok()
}

/// Whether a byte may stand in a text, where so many bytes of a character are still to come.
#[inline]
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
#[inline]
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
            let readings = find_readings(text, &mut Forms::default());
            assert!(readings.iter().any(|reading| reading.text == "bob@evil.com"), "{text}");
        }
        assert!(find_readings("bob@evil.com", &mut Forms::default()).is_empty());
    }

    #[test]
    fn references_by_a_name_are_read() {
        let written = "&lt;&gt;&quot;&apos;&nbsp;&commat;&period;&colon;&sol;&num;&hyphen;&lowbar;&plus;&amp;";
        assert_eq!(read_references(written).unwrap().0, "<>\"' @.:/#-_+&");
        let escaped = written.replace('&', "&amp;");
        let (read, edits) = read_references(&escaped).unwrap();
        // Only of another one it is read twice at once.
        assert_eq!((read.as_str(), edits.len()), ("<>\"' @.:/#-_+&amp;", 14));
        for other in ["&", "&am", "&amp", "&euro;", "amp;", "&AMP;", "&;"] {
            assert!(read_references(other).is_none(), "{other}");
        }
    }

    #[test]
    fn base64_of_text_is_read() {
        assert_eq!(decode_base64(b"Ym9iQGV2aWwuY29t").as_deref(), Some("bob@evil.com"));
        assert_eq!(decode_base64(b"Ym9iQGV2aWwuY29tIQ==").as_deref(), Some("bob@evil.com!"));
        for other in ["recommendation", "Ym9i", "AAAAAAAAAAAA", "/home/user/documents"] {
            assert_eq!(decode_base64(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn digits_of_base64_are_told_in_two_ways() {
        assert!((0..=u8::MAX).all(|byte| may_be_base64(byte) == is_base64(byte)));
    }
}
