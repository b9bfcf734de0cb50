//! How long and how rare a value is, and what each byte of one may be.

use super::eights::{any_eight, count};

/// The shortest word of letters alone that is a value.
pub(super) const MIN_LETTERS: usize = 8;

/// The shortest value with a digit or with what joins the parts of an address.
pub(super) const MIN_MIXED: usize = 6;

/// The fewest bytes of a value: a letter counts as two where one of them is not ASCII.
pub(super) const MIN_BYTES: usize = 5;

/// Long words that stand in results and arguments alike without having been copied.
const COMMON: [&str; 66] = [
    "0.0.0.0",
    "127.0.0.1",
    "absolute",
    "abstract",
    "activity",
    "although",
    "application",
    "ascending",
    "assistant",
    "attachment",
    "automatic",
    "available",
    "cancelled",
    "category",
    "complete",
    "completed",
    "confirmed",
    "containing",
    "contents",
    "created_at",
    "critical",
    "database",
    "december",
    "default_value",
    "delivered",
    "descending",
    "description",
    "directory",
    "disabled",
    "document",
    "documents",
    "download",
    "duplicate",
    "february",
    "function",
    "important",
    "in_progress",
    "incoming",
    "information",
    "internal",
    "localhost",
    "location",
    "markdown",
    "multiple",
    "november",
    "optional",
    "outgoing",
    "personal",
    "plaintext",
    "position",
    "priority",
    "progress",
    "recursive",
    "reference",
    "relative",
    "required",
    "resource",
    "response",
    "saturday",
    "september",
    "something",
    "thursday",
    "undefined",
    "unlimited",
    "updated_at",
    "wednesday",
];

/// How long they are, in bytes.
const COMMON_LENGTHS: std::ops::RangeInclusive<usize> = 7..=13;

pub(super) const LETTER: u8 = 1;
pub(super) const DIGIT: u8 = 2;
/// Joins the parts of an address.
pub(super) const JOINT: u8 = 4;
/// Of a character that is not ASCII.
pub(super) const OTHER: u8 = 8;
/// Stands between values in one word.
pub(super) const DIVIDER: u8 = 16;
/// May stand in a word. Bytes of other scripts may.
pub(super) const WORD: u8 = 32;
/// Ends a sentence or opens a clause, where it is the first or the last of a word.
pub(super) const AROUND: u8 = 64;
/// Stands between the names and the values of one word.
pub(super) const BETWEEN: u8 = 128;

/// What each byte may be.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER | WORD,
            b'0'..=b'9' => DIGIT | WORD,
            b'.' => JOINT | WORD | AROUND,
            b'@' | b'/' => JOINT | DIVIDER | WORD,
            b':' => JOINT | DIVIDER | WORD | AROUND | BETWEEN,
            b'_' | b'-' | b'+' => WORD | AROUND,
            b'~' | b'%' | b'#' | b'=' | b'?' | b'&' | b'*' => DIVIDER | WORD | AROUND | BETWEEN,
            b'$' => DIVIDER | WORD | BETWEEN,
            b'\\' => DIVIDER | WORD,
            b',' | b';' => AROUND,
            0x80.. => OTHER | WORD,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

#[inline]
pub(super) fn class_of(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Whether a byte may stand in a word. Without branches, for many bytes.
#[inline]
pub(super) fn is_of_word(byte: u8) -> bool {
    let is_among = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    is_among(b'#', b'&')
        | is_among(b'*', b'+')
        | is_among(b'-', b':')
        | (byte == b'=')
        | is_among(b'?', b'Z')
        | (byte == b'\\')
        | (byte == b'_')
        | is_among(b'a', b'z')
        | (byte == b'~')
        | (byte >= 0x80)
}

/// Whether a byte is a letter or a digit of ASCII.
#[inline]
pub(super) fn is_letter_or_digit(byte: u8) -> bool {
    class_of(byte) & (LETTER | DIGIT) != 0
}

/// Whether a character is a letter: `char::is_alphabetic`, and sooner for those of which most texts are made.
#[inline]
pub(super) fn is_alphabetic(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    if matches!(c, '\u{400}'..='\u{481}' | '\u{4e00}'..='\u{9fff}') {
        return true;
    }
    match c {
        // Latin, Greek, Hebrew, Arabic.
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{3b1}'..='\u{3c9}' => true,
        '\u{5d0}'..='\u{5ea}' | '\u{621}'..='\u{63a}' | '\u{641}'..='\u{64a}' => true,
        // The parts of Korean syllables, Japanese.
        '\u{1100}'..='\u{1112}' | '\u{1161}'..='\u{1175}' | '\u{11a8}'..='\u{11c2}' => true,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' => true,
        c => c.is_alphabetic(),
    }
}

/// Whether a character is a letter or a digit: `char::is_alphanumeric`.
#[inline]
pub(super) fn is_alphanumeric(c: char) -> bool {
    is_alphabetic(c) || c.is_numeric()
}

/// Whether a value is long and rare enough that two that are equal were copied: [`MIN_LETTERS`] letters, or [`MIN_MIXED`]
/// characters of which one is a digit or joins the parts of an address, and no date, no number (see `numbers`), no common word.
#[inline]
pub(super) fn is_distinctive(value: &str) -> bool {
    Measure::of(value).is_distinctive(value)
}

/// Whether a value has as many dots as the address of a host.
fn has_dots(value: &str) -> bool {
    let mut dots = 0;
    any_eight(value.as_bytes(), |eight| {
        dots += count(eight.equal(b'.'));
        dots > 3
    });
    dots == 3
}

/// Whether a value is a type of content, such as `text/plain`.
#[inline]
fn is_mime(value: &str) -> bool {
    const KINDS: [&str; 5] = ["text/", "image/", "audio/", "video/", "application/"];
    // Few have a slash where these have it.
    let has_slash = |at: usize| value.as_bytes().get(at) == Some(&b'/');
    (has_slash(4) || has_slash(5) || has_slash(11)) && KINDS.iter().any(|kind| value.starts_with(kind))
}

/// Whether it is one of the words that stand in many texts.
#[inline(always)]
pub(super) fn is_common(value: &str) -> bool {
    // Few begin and end as these do and are as long.
    static ENDS: [u64; *COMMON_LENGTHS.end() + 1] = {
        let (mut ends, mut at) = ([0; *COMMON_LENGTHS.end() + 1], 0);
        while at < COMMON.len() {
            ends[COMMON[at].len()] |= ends_of(COMMON[at].as_bytes());
            at += 1;
        }
        ends
    };
    COMMON_LENGTHS.contains(&value.len())
        && ENDS[value.len()] & ends_of(value.as_bytes()) != 0
        && COMMON.binary_search(&value).is_ok()
}

/// A bit for what a value begins and ends with.
#[inline]
const fn ends_of(value: &[u8]) -> u64 {
    match value {
        [first, .., last] => 1 << ((first.wrapping_mul(7) ^ *last) % 64),
        _ => 0,
    }
}

/// How much there is to a value.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) is_long: bool,
    has_letter: bool,
}

impl Measure {
    #[inline]
    pub(super) fn of(value: &str) -> Self {
        let (mut letters, mut others, mut is_ascii) = (0, 0, true);
        any_eight(value.as_bytes(), |eight| {
            is_ascii = eight.others() == 0;
            letters += count(eight.letters());
            if letters < MIN_LETTERS {
                others += count(eight.among(b'.', b':') | eight.equal(b'@'));
            }
            // More of them change nothing.
            !is_ascii || letters >= MIN_LETTERS || (letters > 0 && others > 0 && letters + others >= MIN_MIXED)
        });
        if !is_ascii {
            return Self::of_characters(value);
        }
        Self::new(letters, others)
    }

    /// The same for a value that is not ASCII: a script without spaces says more with a letter.
    fn of_characters(value: &str) -> Self {
        let letters = value.chars().filter(|c| is_alphabetic(*c)).take(MIN_LETTERS / 2).count();
        let others = value.bytes().filter(|byte| class_of(*byte) & (DIGIT | JOINT) != 0).count();
        Self::new(2 * letters, others)
    }

    #[inline]
    fn new(letters: usize, others: usize) -> Self {
        let shortest = if others > 0 { MIN_MIXED } else { MIN_LETTERS };
        Self { is_long: letters + others >= shortest, has_letter: letters > 0 }
    }

    /// Whether it may be distinctive with other blanks and hyphens: without a letter, as an address of the network.
    #[inline]
    pub(super) fn may_be_distinctive(self, value: &str) -> bool {
        self.has_letter || has_dots(value)
    }

    /// Whether the value that was measured is distinctive.
    #[inline]
    pub(super) fn is_distinctive(self, value: &str) -> bool {
        let is_ip = || has_dots(value) && value.split('.').all(|part| part.parse::<u8>().is_ok());
        let is_value = || if self.has_letter { !is_time(value) } else { is_ip() };
        self.is_long && is_value() && !is_mime(value) && !is_common(value)
    }
}

/// Whether a value is a time of ISO 8601: `2024-05-15t10:00:00z`.
fn is_time(value: &str) -> bool {
    if !value.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let plain = value.trim_end_matches('z');
    let plain = plain.strip_suffix("am").or_else(|| plain.strip_suffix("pm")).unwrap_or(plain);
    // Digits and what divides them, and one `t`.
    let (mut usual, mut letters) = (0, 0);
    any_eight(plain.as_bytes(), |eight| {
        let signs = eight.equal(b'+') | eight.among(b'-', b'.') | eight.equal(b' ');
        usual += count(eight.among(b'0', b':') | signs);
        letters += count(eight.equal(b't'));
        false
    });
    plain.len() == usual || plain.len() == usual + 1 && letters == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted_and_as_long_as_is_said() {
        assert!(COMMON.is_sorted() && COMMON.iter().all(|word| COMMON_LENGTHS.contains(&word.len())));
    }

    #[test]
    fn letters_are_those_of_unicode() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_alphabetic(c), c.is_alphabetic(), "{c:?}");
            assert_eq!(is_alphanumeric(c), c.is_alphanumeric(), "{c:?}");
        }
    }

    #[test]
    fn bytes_of_words_are_those_of_their_class() {
        assert!((0..=u8::MAX).all(|byte| is_of_word(byte) == (class_of(byte) & WORD != 0)));
    }
}
