//! How long and how rare a value is, and what each byte of one may be.

use std::sync::LazyLock;

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

const LETTER: u8 = 1;
pub(super) const DIGIT: u8 = 2;
/// Joins the parts of an address.
pub(super) const JOINT: u8 = 4;
/// Of a character that is not ASCII.
pub(super) const OTHER: u8 = 8;
/// Stands between values in one word.
pub(super) const DIVIDER: u8 = 16;
/// May stand in a word. Bytes of other scripts may.
pub(super) const WORD: u8 = 32;

/// What each byte may be.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER | WORD,
            b'0'..=b'9' => DIGIT | WORD,
            b'.' => JOINT | WORD,
            b'@' | b'/' | b':' => JOINT | DIVIDER | WORD,
            b'_' | b'-' | b'+' => WORD,
            b'\\' | b'~' | b'%' | b'#' | b'=' | b'?' | b'&' | b'$' | b'*' => DIVIDER | WORD,
            0x80.. => OTHER | WORD,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

pub(super) fn class_of(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Whether a byte is a letter or a digit of ASCII.
pub(super) fn is_letter_or_digit(byte: u8) -> bool {
    class_of(byte) & (LETTER | DIGIT) != 0
}

/// Whether a value is long and rare enough that two that are equal were copied: [`MIN_LETTERS`] letters, or [`MIN_MIXED`]
/// characters of which one is a digit or joins the parts of an address, and no date, no number (see `numbers`), no common word.
pub(super) fn is_distinctive(value: &str) -> bool {
    Measure::of(value).is_distinctive(value)
}

/// Whether a value is a type of content, such as `text/plain`.
fn is_mime(value: &str) -> bool {
    value.starts_with(['a', 't', 'i', 'v'])
        && ["application/", "text/", "image/", "audio/", "video/"].iter().any(|kind| value.starts_with(kind))
}

fn is_common(value: &str) -> bool {
    // Few begin as these do and are as long.
    static BEGINNINGS: LazyLock<[u32; *COMMON_LENGTHS.end() + 1]> = LazyLock::new(|| {
        let mut beginnings = [0; *COMMON_LENGTHS.end() + 1];
        COMMON.iter().for_each(|word| beginnings[word.len()] |= beginning(word));
        beginnings
    });
    let beginnings = BEGINNINGS.get(value.len()).copied().unwrap_or_default();
    beginnings & beginning(value) != 0 && COMMON.binary_search(&value).is_ok()
}

/// A bit for what a value begins with.
fn beginning(value: &str) -> u32 {
    value.bytes().next().map_or(0, |byte| 1 << (byte % 32))
}

/// How much there is to a value.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) is_long: bool,
    has_letter: bool,
}

impl Measure {
    pub(super) fn of(value: &str) -> Self {
        let (mut letters, mut others) = (0, 0);
        for byte in value.bytes() {
            match class_of(byte) & (LETTER | DIGIT | JOINT | OTHER) {
                0 => {}
                OTHER => return Self::of_characters(value),
                LETTER => {
                    letters += 1;
                    if letters >= MIN_LETTERS {
                        break;
                    }
                }
                _ => others += 1,
            }
        }
        Self::new(letters, others)
    }

    /// The same for a value that is not ASCII: a script without spaces says more with a letter.
    fn of_characters(value: &str) -> Self {
        let letters = value.chars().filter(|c| c.is_alphabetic()).count();
        let others = value.bytes().filter(|byte| class_of(*byte) & (DIGIT | JOINT) != 0).count();
        Self::new(2 * letters, others)
    }

    fn new(letters: usize, others: usize) -> Self {
        let shortest = if others > 0 { MIN_MIXED } else { MIN_LETTERS };
        Self { is_long: letters + others >= shortest, has_letter: letters > 0 }
    }

    /// Whether the value that was measured is distinctive.
    pub(super) fn is_distinctive(self, value: &str) -> bool {
        let is_ip = || value.split('.').count() == 4 && value.split('.').all(|part| part.parse::<u8>().is_ok());
        let is_value = || if self.has_letter { !is_time(value) } else { is_ip() };
        self.is_long && is_value() && !is_mime(value) && !is_common(value)
    }
}

/// Whether a value is a time of ISO 8601: `2024-05-15t10:00:00z`.
fn is_time(value: &str) -> bool {
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let plain = value.trim_end_matches('z');
    let plain = plain.strip_suffix("am").or_else(|| plain.strip_suffix("pm")).unwrap_or(plain);
    let (day, time) = plain.split_once('t').unwrap_or((plain, ""));
    let has_no_letter =
        |part: &str| part.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '-' | '+' | ' '));
    day.starts_with(|c: char| c.is_ascii_digit()) && has_no_letter(day) && has_no_letter(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted_and_as_long_as_is_said() {
        assert!(COMMON.is_sorted() && COMMON.iter().all(|word| COMMON_LENGTHS.contains(&word.len())));
    }
}
