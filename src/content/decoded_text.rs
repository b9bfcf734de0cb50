//! A text as a program further on may read it.
//!
//! A value may stand in a text that is decoded once more: JSON inside a string (`\u0040`), a part of a URL (`%40`), HTML
//! (`&#64;`). It may be written in full width or in another script's digits, which many programs take for ASCII, and be cut
//! by characters that show nothing. The decoded reading has none of that.
//!
//! What is decoded may also join what a reader sees apart (a digit and, behind an invisible character, a letter). So the text
//! is read as written as well, and decoded with its invisible characters.

use std::borrow::Cow;
use std::ops::Range;

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization as _;

use super::runs::{find_byte, has_byte};
use crate::visible::is_invisible;

pub(super) struct TextReading<'t> {
    pub(super) text: Cow<'t, str>,
    /// Where this text goes on at another place of the original than the one after; none if it is the original.
    shifts: Vec<Shift>,
}

/// From `read` on, the reading goes on at `original`; the first `length` bytes of it, if any, stand for `decoded` bytes.
struct Shift {
    read: usize,
    original: usize,
    length: usize,
    decoded: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Invisible {
    Remove,
    Keep,
}

/// What a program may make of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Char(char),
    Nothing,
}

impl<'t> TextReading<'t> {
    /// Returns the readings of a text, the most decoded one first.
    pub(super) fn of(text: &'t str) -> impl Iterator<Item = Self> {
        let plain = Self { text: Cow::Borrowed(text), shifts: Vec::new() };
        let (mut decoded, mut kept) = (None, None);
        if has_byte(text.as_bytes(), is_special) && find_special(text, 0).is_some() {
            let (reading, removed) = decode(text, Invisible::Remove);
            kept = (removed > 0).then(|| decode(text, Invisible::Keep).0);
            decoded = Some(reading);
        }
        [decoded, kept, Some(plain)].into_iter().flatten()
    }

    /// Returns which bytes of the original a range of the reading stands for.
    pub(super) fn to_original(&self, range: Range<usize>) -> Range<usize> {
        let shift_at = |at: usize| {
            let next = self.shifts.partition_point(|shift| shift.read <= at);
            next.checked_sub(1).and_then(|index| self.shifts.get(index))
        };
        let start = shift_at(range.start).map_or(range.start, |shift| shift.original + range.start - shift.read);
        let end = match (range.end.checked_sub(1).and_then(shift_at), range.end) {
            (Some(shift), end) if end <= shift.read + shift.length => shift.original + shift.decoded,
            (Some(shift), end) => shift.original + end - shift.read,
            (None, end) => end,
        };
        start..end
    }
}

/// A piece of a text that a program takes for another one.
pub(crate) struct Edit {
    pub(crate) original: Range<usize>,
    /// Where that is in the reading.
    pub(crate) read: Range<usize>,
}

impl Edit {
    /// Adds the next edit of a text. One that has very many is not kept in pieces: the last takes in all that follow, and what
    /// stands between.
    pub(crate) fn push_to(self, edits: &mut Vec<Self>, text: &str) {
        let is_full = edits.len() >= MAX_SMALL_EDITS.max(text.len() / BYTES_OF_EDIT);
        match edits.last_mut().filter(|_| is_full) {
            Some(last) => (last.original.end, last.read.end) = (self.original.end, self.read.end),
            None => edits.push(self),
        }
    }
}

/// So many edits are kept apart in any text, and one for so many bytes of a longer one.
const MAX_SMALL_EDITS: usize = 1_000;
const BYTES_OF_EDIT: usize = 16;

/// Returns the most decoded reading of a text, and what of it is not as in the text; `None` if all is.
pub(crate) fn read_decoded(text: &str) -> Option<(String, Vec<Edit>)> {
    let (mut read, mut edits) = (String::with_capacity(text.len()), Vec::new());
    let is_ascii = text.is_ascii();
    let find_next = |rest: &[u8]| match is_ascii {
        true => memchr::memchr3(b'\\', b'%', b'&', rest),
        false => find_byte(rest, may_be_special),
    };
    // Up to where the text is read, and where it is looked at.
    let (mut at, mut start) = (0, 0);
    while let Some(length) = find_next(text.as_bytes().get(start..).unwrap_or_default()) {
        start += length;
        let (meaning, length) = read_special(text.get(start..).unwrap_or_default());
        let end = start + length.max(1);
        if let Some(meaning) = meaning {
            read.push_str(text.get(at..start).unwrap_or_default());
            let from = read.len();
            if let Meaning::Char(c) = meaning {
                read.push(c);
            }
            Edit { original: start..end, read: from..read.len() }.push_to(&mut edits, text);
            at = end;
        }
        start = end;
    }
    if edits.is_empty() {
        return None;
    }
    read.push_str(text.get(at..).unwrap_or_default());
    Some((read, edits))
}

/// Whether a byte may begin what a program takes for another thing.
#[inline(always)]
fn may_be_special(byte: u8) -> bool {
    (byte == b'\\') | (byte == b'%') | (byte == b'&') | may_begin_odd(byte)
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    (byte >= 0x80) | (byte == b'\\') | (byte == b'%') | (byte == b'&')
}

/// Where the next piece of the text is that a program may take for another one: what for, and its length.
fn find_special(text: &str, mut at: usize) -> Option<(usize, Meaning, usize)> {
    loop {
        let rest = text.as_bytes().get(at..)?;
        at += rest.iter().position(|byte| is_special(*byte))?;
        match read_special(text.get(at..)?) {
            (Some(meaning), length) => return Some((at, meaning, length)),
            (None, length) => at += length,
        }
    }
}

/// Decodes the text, and counts the characters that show nothing.
fn decode(text: &str, invisible: Invisible) -> (TextReading<'_>, usize) {
    let mut read = String::with_capacity(text.len());
    let mut shifts: Vec<Shift> = Vec::new();
    let mut removed = 0;
    // Up to where the text is read, and how far before that the reading is.
    let (mut at, mut offset) = (0_usize, 0);
    let mut push = |piece: &str, original: usize, (length, decoded): (usize, usize)| {
        let is_decoded = decoded > 0;
        if !piece.is_empty() {
            if is_decoded || original.wrapping_sub(read.len()) != offset {
                shifts.push(Shift { read: read.len(), original, length, decoded });
            }
            offset = original.wrapping_sub(read.len());
            read.push_str(piece);
        }
    };
    while let Some((special, meaning, length)) = find_special(text, at) {
        push(text.get(at..special).unwrap_or_default(), at, (0, 0));
        let mut buffer = [0; 4];
        let piece = match meaning {
            Meaning::Nothing => {
                removed += 1;
                if invisible == Invisible::Keep { "\u{200b}" } else { "" }
            }
            Meaning::Char(c) => c.encode_utf8(&mut buffer),
        };
        push(piece, special, (piece.len(), length));
        at = special + length;
    }
    push(text.get(at..).unwrap_or_default(), at, (0, 0));
    (TextReading { text: Cow::Owned(read), shifts }, removed)
}

/// Reads what is special at the start of a text: what it means if that is another thing than it is, and its length.
fn read_special(rest: &str) -> (Option<Meaning>, usize) {
    let hex = |range: Range<usize>| {
        let digits = rest.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = rest.chars().next().unwrap_or_default();
    match first {
        '\\' => {
            let slashes = rest.bytes().take_while(|byte| *byte == b'\\').count();
            match rest.as_bytes().get(slashes) {
                Some(b'u') => match hex(slashes + 1..slashes + 5) {
                    Some(unit) => {
                        let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                        (Some(find_meaning(c).unwrap_or(Meaning::Char(c))), slashes + 5)
                    }
                    None => (None, slashes),
                },
                Some(b'n' | b'r') => (Some(Meaning::Char('\n')), slashes + 1),
                Some(b't' | b'b' | b'f') => (Some(Meaning::Char(' ')), slashes + 1),
                Some(byte @ (b'"' | b'/')) => (Some(Meaning::Char(char::from(*byte))), slashes + 1),
                _ => (None, slashes),
            }
        }
        '%' => match hex(1..3) {
            Some(code @ 0x20..=0x7e) => (char::from_u32(code).map(Meaning::Char), 3),
            _ => (None, 1),
        },
        '&' => match read_entity(rest) {
            Some((c, length)) => (Some(find_meaning(c).unwrap_or(Meaning::Char(c))), length),
            None => (None, 1),
        },
        c => (find_meaning(c), c.len_utf8()),
    }
}

/// Reads `&#64;` or `&#x40;` at the start of a text.
fn read_entity(rest: &str) -> Option<(char, usize)> {
    const LONGEST: usize = 8;
    let body = rest.strip_prefix("&#")?;
    let end = body.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let digits = body.get(..end)?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    Some((char::from_u32(code.ok()?)?, "&#;".len() + end))
}

/// Whether the character is one of the blocks that have nothing but letters, and most texts their letters from.
fn is_letter(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{24f}' | '\u{391}'..='\u{3a1}' | '\u{3a3}'..='\u{481}' | '\u{5d0}'..='\u{5ea}'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Whether a character that is not ASCII, and is more than itself or shows nothing, may begin with these bytes.
#[inline(always)]
pub(super) fn may_be_odd(byte: u8, next: u8) -> bool {
    let is_odd = (byte == 0xc2)
        | (0xcc..=0xcd).contains(&byte)
        | ((byte == 0xce) & ((next < 0x91) | (next == 0xa2)))
        | (0xd2..=0xdf).contains(&byte)
        | (0xe0..=0xe3).contains(&byte)
        | ((byte == 0xea) & (next < 0xb0))
        | (byte >= 0xed);
    is_odd & !((byte == 0xed) & (next <= 0x9d))
}

/// Whether one may begin with this byte.
#[inline(always)]
pub(super) const fn may_begin_odd(byte: u8) -> bool {
    ((byte == 0xc2) | (byte >= 0xcc)) & !matches!(byte, 0xcf..=0xd1) & !matches!(byte, 0xe4..=0xe9)
}

/// Whether the character with these bytes is one of those that most texts have of [`may_be_odd`], and means itself.
#[inline(always)]
pub(super) fn is_usual(byte: u8, next: u8, last: u8) -> bool {
    match (byte, next) {
        (0xc2, _) => next > 0xa0 && next != 0xad,
        (0xe2, 0x80) => (0x96..=0xa7).contains(&last),
        (0xe3, 0x80) => matches!(last, 0x81 | 0x83..=0x9b),
        (0xe3, 0x81) | (0xe3, 0x83) => (0x81..=0x96).contains(&last),
        _ => false,
    }
}

/// Whether the character is one of the signs and pictures that most texts have, all of which are seen.
pub(super) fn is_usual_sign(c: char) -> bool {
    matches!(c, '\u{a1}'..='\u{ac}' | '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{301f}' | '\u{ff01}'..='\u{ff5e}' | '\u{1f300}'..='\u{1f64f}')
}

/// What many programs take a character for; `None` if for itself.
pub(super) fn find_meaning(c: char) -> Option<Meaning> {
    if c.is_ascii() || is_letter(c) {
        return None;
    }
    if !is_usual_sign(c) && is_invisible(c) {
        return Some(Meaning::Nothing);
    }
    match c {
        '\u{3002}' | '\u{ff61}' => return Some(Meaning::Char('.')),
        '\u{2212}' => return Some(Meaning::Char('-')),
        // Full width, in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => return char::from_u32(u32::from(c) - 0xfee0).map(Meaning::Char),
        // Signs that most texts have.
        '\u{a1}'..='\u{ac}'
        | '\u{2016}'..='\u{2027}'
        | '\u{3001}'
        | '\u{3003}'..='\u{301b}'
        | '\u{1f300}'..='\u{1f64f}' => {
            return None;
        }
        // Small forms, and the letters and digits of mathematics.
        '\u{fe50}'..='\u{fe6b}' | '\u{1d400}'..='\u{1d7ff}' => {
            return c.nfkc().next().filter(char::is_ascii).map(Meaning::Char);
        }
        _ => {}
    }
    match get_general_category(c) {
        GeneralCategory::SpaceSeparator => Some(Meaning::Char(' ')),
        GeneralCategory::DashPunctuation => Some(Meaning::Char('-')),
        GeneralCategory::DecimalNumber => find_digit(c).map(Meaning::Char),
        _ => None,
    }
}

/// The digit that a character is in its script: Unicode has each script's ten in a row.
fn find_digit(c: char) -> Option<char> {
    const LONGEST_ROW: u32 = 50;
    let is_digit =
        |code: u32| char::from_u32(code).is_some_and(|c| get_general_category(c) == GeneralCategory::DecimalNumber);
    let before = (1..LONGEST_ROW).take_while(|back| is_digit(u32::from(c).saturating_sub(*back))).count();
    char::from_digit(before as u32 % 10, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_signs_are_seen_and_mean_what_they_mean() {
        for c in ('\u{80}'..=char::MAX).filter(|c| is_usual_sign(*c)) {
            assert!(!is_invisible(c), "{c:?}");
            let category = get_general_category(c);
            let compatible = c.nfkc().next().filter(|plain| matches!(c, '\u{ff01}'..='\u{ff5e}') && plain.is_ascii());
            let meant = match (c, category) {
                ('\u{3002}', _) => Some('.'),
                (_, GeneralCategory::SpaceSeparator) => Some(' '),
                _ if compatible.is_some() => compatible,
                (_, GeneralCategory::DashPunctuation) => Some('-'),
                _ => None,
            };
            assert!(find_meaning(c) == meant.map(Meaning::Char), "{c:?}");
        }
    }

    #[test]
    fn of_many_edits_the_last_takes_in_the_rest() {
        let text = "%41b".repeat(10_000);
        let (read, edits) = read_decoded(&text).unwrap();
        assert_eq!(read, "Ab".repeat(10_000));
        assert_eq!(edits.len(), text.len() / BYTES_OF_EDIT);
        let last = edits.last().unwrap();
        assert_eq!((last.original.end, last.read.end), (text.len() - 1, read.len() - 1));
        assert_eq!(text[last.original.clone()].replace("%41", "A"), read[last.read.clone()]);
    }

    #[test]
    fn what_is_more_than_itself_begins_so() {
        for c in ('\u{80}'..=char::MAX).filter(|c| find_meaning(*c).is_some()) {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert!(may_be_odd(bytes[0], bytes[1]) && may_begin_odd(bytes[0]), "{c:?}");
        }
        for c in ('\u{80}'..='\u{ffff}').filter(|c| find_meaning(*c).is_some()) {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert!(!is_usual(bytes[0], bytes[1], bytes.get(2).copied().unwrap_or_default()), "{c:?}");
        }
        for c in "\u{e9}\u{3b1}\u{44f}\u{4e2d}\u{d55c}".chars() {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert!(!may_be_odd(bytes[0], bytes[1]), "{c:?}");
        }
    }

    #[test]
    fn letters_that_are_passed_over_mean_themselves() {
        for c in ('\u{80}'..=char::MAX).filter(|c| is_letter(*c)) {
            assert!(!is_invisible(c), "{c}");
            let category = get_general_category(c);
            use GeneralCategory::{DashPunctuation, DecimalNumber, SpaceSeparator};
            assert!(!matches!(category, DashPunctuation | DecimalNumber | SpaceSeparator), "{c}");
        }
    }
}
