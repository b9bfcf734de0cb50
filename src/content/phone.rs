//! Telephone numbers: E.164 with the lengths of their countries, those of North America in their usual forms, and others where
//! the word before says that it is one.

use std::borrow::Cow;
use std::ops::Range;

use super::runs::{BLOCK, LongRuns};
use super::{byte_at, byte_before, length_before, run_length, words};

const SHORTEST_NATIONAL: usize = 7;
const LONGEST: usize = 15;
/// How many separators may stand between two digits, as in ` / ` and `) `.
const MOST_SEPARATORS: usize = 3;
/// How many words may stand between the word for a telephone and its number.
const MOST_FILLERS: usize = 3;

/// How many digits numbers have with their country's code, where that is known to be narrow.
const LENGTHS: &[(&str, usize, usize)] = &[
    ("1", 11, 11),
    ("7", 11, 11),
    ("20", 11, 12),
    ("27", 11, 11),
    ("30", 12, 12),
    ("31", 11, 11),
    ("32", 10, 11),
    ("33", 11, 11),
    ("34", 11, 11),
    ("36", 10, 11),
    ("39", 9, 13),
    ("40", 11, 11),
    ("41", 11, 11),
    ("43", 9, 15),
    ("44", 11, 12),
    ("45", 10, 10),
    ("46", 9, 12),
    ("47", 10, 10),
    ("48", 11, 11),
    ("49", 9, 15),
    ("52", 12, 13),
    ("55", 12, 13),
    ("60", 10, 12),
    ("61", 11, 11),
    ("64", 10, 12),
    ("65", 10, 10),
    ("81", 11, 12),
    ("82", 11, 12),
    ("86", 11, 13),
    ("90", 12, 12),
    ("91", 12, 12),
];
/// Other codes of two digits; all that begin with other digits have three.
const OTHER_CODES: &[&str] =
    &["51", "53", "54", "56", "57", "58", "62", "63", "66", "84", "92", "93", "94", "95", "98"];
const LONG_CODES: &[&str] = &[
    "21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69", "80", "85", "87",
    "88", "96", "97", "99",
];

/// Words that say that a number is that of a telephone.
const PHONE_WORDS: &[&str] = &[
    "tel",
    "fax",
    "call",
    "dial",
    "ring",
    "mobile",
    "mobil",
    "mob",
    "cell",
    "cellphone",
    "telefon",
    "telefono",
    "teléfono",
    "telefone",
    "téléphone",
    "tél",
    "handy",
    "móvil",
    "movil",
    "celular",
    "cellulare",
    "portable",
    "whatsapp",
    "sms",
    "text",
    "тел",
    "телефон",
    "моб",
];
/// Words that may stand between such a word and its number.
const FILLERS: &[&str] = &[
    "number", "no", "nr", "num", "numero", "número", "nummer", "is", "at", "on", "me", "us", "my", "our", "the",
    "work", "home", "office", "direct", "line", "mobile", "private", "business", "de", "support", "him", "her", "them",
    "ist", "est", "es", "main", "text",
];

const WORD_ENDS: &[&str] = &["phone", "phones", "电话", "電話", "手机", "手機", "携帯", "전화", "전화번호"];
const NO_PHONES: &[&str] = &["iphone", "smartphone", "headphone", "headphones", "microphone", "earphones", "saxophone"];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>) -> bool) {
    let bytes = text.as_bytes();
    for run in LongRuns::new(bytes, SHORTEST_NATIONAL, |byte| byte.is_ascii_digit() || is_separator(byte)) {
        let digits = bytes.get(run.clone()).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
        if digits.take(SHORTEST_NATIONAL).count() < SHORTEST_NATIONAL {
            continue;
        }
        let mut at = if byte_before(bytes, run.start) == b'+' { run.start - 1 } else { run.start };
        while at < run.end {
            let range = match byte_at(bytes, at) {
                b'+' => find_international(text, at, at + 1),
                b'0'..=b'9' => find_at_digit(text, at),
                _ => {
                    at += 1;
                    continue;
                }
            };
            match range {
                Some(range) => {
                    at = range.end;
                    if !found(range) {
                        return;
                    }
                }
                None => at += run_length(bytes, at, usize::MAX, |byte| byte.is_ascii_digit()).max(1),
            }
        }
    }
}

/// What people put between the digits of a number.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

/// The number that starts at a group of digits.
fn find_at_digit(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = if byte_before(bytes, at) == b'(' { at - 1 } else { at };
    let before = byte_before(bytes, start);
    let before_that = byte_before(bytes, start.saturating_sub(1));
    let is_joined = (matches!(before, b'-' | b'.' | b'/') && before_that.is_ascii_alphanumeric())
        || (before == b',' && before_that.is_ascii_digit());
    if before.is_ascii_alphanumeric() || matches!(before, b'_' | b'#' | b'+') || is_joined {
        return None;
    }
    find_with_zeros(text, start).or_else(|| find_american(text, start)).or_else(|| find_national(text, start))
}

/// Digits in groups, with where each group ends and how many digits there are up to there.
struct Groups {
    ends: Vec<(usize, usize)>,
    /// Whether there are more digits than a number has.
    is_longer: bool,
}

/// Reads digits from `at` on, with what people put between them. `(0)` is left out: nobody dials it from abroad.
fn read_groups(bytes: &[u8], mut at: usize) -> Groups {
    let mut groups = Groups { ends: Vec::new(), is_longer: false };
    let mut count = 0;
    loop {
        let mut separators = run_length(bytes, at, MOST_SEPARATORS + 1, is_separator);
        let blanks = run_length(bytes, at, MOST_SEPARATORS, |byte| byte == b' ');
        if bytes.get(at + blanks..).is_some_and(|rest| rest.starts_with(b"(0)")) {
            at += blanks + "(0)".len();
            separators = run_length(bytes, at, MOST_SEPARATORS + 1, |byte| matches!(byte, b' ' | b'-' | b'/'));
        }
        let start = at + separators;
        let length = run_length(bytes, start, LONGEST + 1, |byte| byte.is_ascii_digit());
        if length == 0 || separators > MOST_SEPARATORS {
            return groups;
        }
        count += length;
        if count > LONGEST {
            groups.is_longer = true;
            return groups;
        }
        at = start + length;
        groups.ends.push((at, count));
    }
}

/// A number that begins with its country's code, whose first digit is at `code`.
fn find_international(text: &str, start: usize, code: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = byte_before(bytes, start);
    if before.is_ascii_alphanumeric() || matches!(before, b'+' | b')') || !byte_at(bytes, code).is_ascii_digit() {
        return None;
    }
    let groups = read_groups(bytes, code);
    let first: Vec<u8> =
        bytes.iter().skip(code).take(8).filter(|byte| byte.is_ascii_digit()).take(4).copied().collect();
    let first = str::from_utf8(&first).ok()?;
    let (shortest, longest) = find_lengths(first)?;
    let fits = |&&(end, count): &&(usize, usize)| {
        (shortest..=longest).contains(&count) && !byte_at(bytes, end).is_ascii_alphanumeric()
    };
    // What stands behind the number may be a date; what is too long as one group is no number.
    let (end, _) = groups.ends.iter().rev().find(fits)?;
    (!groups.is_longer || groups.ends.len() > 1).then_some(start..*end)
}

/// How many digits a number has that begins so, at least and at most.
fn find_lengths(first: &str) -> Option<(usize, usize)> {
    const USUAL: (usize, usize) = (9, LONGEST);
    if let Some((code, shortest, longest)) = LENGTHS.iter().find(|(code, ..)| first.starts_with(code)) {
        let is_area = *code != "1" || first.as_bytes().get(1).is_some_and(|digit| (b'2'..=b'9').contains(digit));
        return is_area.then_some((*shortest, *longest));
    }
    let starts = |codes: &[&str]| codes.iter().any(|code| first.starts_with(code));
    (starts(OTHER_CODES) || starts(LONG_CODES)).then_some(USUAL)
}

/// `0049 30 …`: two zeros instead of the plus, and the code for itself.
fn find_with_zeros(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let length = run_length(bytes, start, LONGEST, |byte| byte.is_ascii_digit());
    // `DE89 3704 0044 0532 …`
    let is_inside = byte_before(bytes, start) == b' ' && byte_before(bytes, start - 1).is_ascii_digit();
    let is_code = bytes.get(start..)?.starts_with(b"00") && (3..=5).contains(&length) && !is_inside;
    (is_code && matches!(byte_at(bytes, start + length), b' ' | b'-' | b'/'))
        .then(|| find_international(text, start, start + 2))?
}

/// `(212) 555-0123`, `212-555-0123`, `1-212-555-0123`, with dots as well.
fn find_american(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let digits = |at: usize, count: usize| {
        let is_area = count != 3 || (b'2'..=b'9').contains(&byte_at(bytes, at));
        (is_area && run_length(bytes, at, count + 1, |byte| byte.is_ascii_digit()) == count).then_some(at + count)
    };
    let dash = |at: usize| matches!(byte_at(bytes, at), b'-' | b'.').then_some(at + 1);
    let area = match (byte_at(bytes, start), dash(start + 1)) {
        (b'1', Some(area)) => area,
        _ => start,
    };
    let exchange = if byte_at(bytes, area) == b'(' {
        let closed = digits(area + 1, 3)?;
        (byte_at(bytes, closed) == b')').then_some(())?;
        closed + 1 + usize::from(byte_at(bytes, closed + 1) == b' ')
    } else {
        dash(digits(area, 3)?)?
    };
    let end = digits(dash(digits(exchange, 3)?)?, 4)?;
    let is_longer = byte_at(bytes, end).is_ascii_alphanumeric()
        || (matches!(byte_at(bytes, end), b'-' | b'.') && byte_at(bytes, end + 1).is_ascii_alphanumeric());
    (!is_longer && !words::is_order_number(text, start)).then_some(start..end)
}

/// A number behind a word that says that it is one.
fn find_national(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first_digit = start + usize::from(byte_at(bytes, start) == b'(');
    if is_date(bytes, first_digit) || !has_word_before(text, start) {
        return None;
    }
    let groups = read_groups(bytes, start);
    let (end, count) = groups.ends.last()?;
    let is_number = (SHORTEST_NATIONAL..=LONGEST).contains(count) && !groups.is_longer;
    (is_number && !byte_at(bytes, *end).is_ascii_alphanumeric()).then_some(start..*end)
}

fn has_word_before(text: &str, at: usize) -> bool {
    for word in words::words_before(text, at).take(MOST_FILLERS + 1) {
        let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase());
        let word = if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
        if is_word(&word) {
            return true;
        }
        if !FILLERS.contains(&&*word) {
            return false;
        }
    }
    false
}

/// Whether a number may start at the first group of a run of digits and what people put between them, in a text that may be
/// decoded yet; `digits` says where that group is. A number with a plus or two zeros is left to others.
#[inline]
pub(super) fn may_follow_word(text: &str, at: usize) -> bool {
    may_be_word_before(text.as_bytes(), at) && !is_date_apart(text.as_bytes(), at) && has_known_word_before(text, at)
}

#[inline(never)]
fn has_known_word_before(text: &str, at: usize) -> bool {
    // How far back words are read: with their escapes, those that count may stand further off.
    const REACH: usize = 256;
    let start = text.floor_char_boundary(at.saturating_sub(REACH));
    let mut before = text.get(start..at).unwrap_or_default();
    let mut left = MOST_FILLERS + 1;
    while left > 0 {
        before = before.trim_end_matches(|c: char| !c.is_alphanumeric());
        let head = before.trim_end_matches(char::is_alphanumeric);
        let word = before.get(head.len()..).unwrap_or_default();
        let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let word = if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
        if head.is_empty() && start > 0 {
            return true;
        }
        if word.is_empty() {
            return false;
        }
        // What an escape ends with is no part of the word behind it.
        let escaped = words::escape_end(head.as_bytes(), word.as_bytes()).unwrap_or_default();
        let readings = [&*word, word.get(escaped..).unwrap_or_default()];
        if readings.iter().any(|reading| is_word(reading)) {
            return true;
        }
        let is_none = readings.contains(&"");
        // Of a letter that is written with an escape, the word is not known.
        if head.ends_with('\\') && word.starts_with('u') && !words::is_sign_escape(&word) {
            return true;
        }
        if !is_none && !readings.iter().any(|reading| FILLERS.contains(reading)) {
            return false;
        }
        left -= usize::from(!is_none);
        before = head;
    }
    false
}

/// Whether there is a date whose first digits are no end of an escape or a word: behind those, a number may start.
fn is_date_apart(bytes: &[u8], at: usize) -> bool {
    let before = byte_before(bytes, at);
    is_date(bytes, at) && before != b'%' && (!before.is_ascii_alphanumeric() || words::is_behind_escape(bytes, at))
}

/// Whether the word before a place may be one of those. Most words are told by their ends and lengths not to be. Where
/// the digits at the place go on a word or an escape, the number may start behind them.
fn may_be_word_before(bytes: &[u8], at: usize) -> bool {
    const LONGEST: usize = 24;
    let signs = length_before(bytes, at, LONGEST, |byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    let end = at - signs;
    let length = length_before(bytes, end, LONGEST, |byte| byte.is_ascii_alphanumeric());
    let (head, word) = bytes.get(..end).unwrap_or_default().split_at(end - length);
    let [Some(first), Some(last)] = [word.first(), word.last()] else { return !head.is_empty() };
    let is_whole = length < LONGEST && head.last().is_none_or(|byte| byte.is_ascii() && !matches!(byte, b'\\' | b'%'));
    let starts = |start: &[u8]| word.get(..start.len()).is_some_and(|word| word.eq_ignore_ascii_case(start));
    let ends = |end: &[u8]| {
        length.checked_sub(end.len()).and_then(|at| word.get(at..)).is_some_and(|word| word.eq_ignore_ascii_case(end))
    };
    // Of words with digits at their end, only these say anything.
    !is_whole
        || starts(b"phone")
        || (signs > 0 && (is_like_word(*first, *last, length) || ends(b"phone") || ends(b"phones")))
}

/// Whether the digits at a place in a window may be those of a telephone: a plus, such a word, or what is not known stands before
/// them. This is a quicker look at what [`may_follow_word`] reads; it is told where letters and digits are in the window, and
/// what is not ASCII.
#[inline(always)]
pub(super) fn may_be_before(window: &[u8; BLOCK], at: usize, (chars, odd): (u64, u64)) -> bool {
    let below = |bits: u64, at: usize| bits & !(u64::MAX << at);
    let end = BLOCK - below(chars, at).leading_zeros() as usize;
    let start = BLOCK - below(!chars, end % BLOCK).leading_zeros() as usize;
    let byte = |at: usize| window[at % BLOCK];
    let letter = |at: usize| byte(at) | 0x20;
    let before = byte(start.wrapping_sub(1));
    // A word that begins with the window may be longer.
    if start == 0
        || end == 0
        || before >= 0x80
        || matches!(before, b'\\' | b'%')
        || below(odd, at) >> (end % BLOCK) != 0
    {
        return true;
    }
    let last = letter(end - 1);
    (end < at && is_like_word(byte(start), last, end - start))
        || (letter(start) == b'p' && letter(start + 1) == b'h')
        || (end < at && letter(end - 2) == b'n' && last == b'e')
        || (end < at && letter(end.wrapping_sub(3)) == b'n' && last == b's')
        || byte(at.wrapping_sub(1)) == b'+'
}

/// Whether one of the words begins with the one letter, ends with the other, and is as long.
#[inline(always)]
fn is_like_word(first: u8, last: u8, length: usize) -> bool {
    let letter = |byte: u8| usize::from((byte | 0x20).wrapping_sub(b'a'));
    let lengths = LENGTHS_BY_ENDS.get(letter(first)).and_then(|lengths| lengths.get(letter(last)));
    lengths.is_some_and(|lengths| lengths >> (length % 32) & 1 == 1)
}

/// A bit for each length of the words that begin with a letter and end with another, of those that are ASCII.
static LENGTHS_BY_ENDS: [[u32; 26]; 26] = {
    let mut table = [[0; 26]; 26];
    let lists = [PHONE_WORDS, FILLERS];
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            let word = lists[list][at].as_bytes();
            let (first, last) = (word[0].wrapping_sub(b'a') as usize, word[word.len() - 1].wrapping_sub(b'a') as usize);
            if first < 26 && last < 26 {
                table[first][last] |= 1 << word.len();
            }
            at += 1;
        }
        list += 1;
    }
    table
};

fn is_word(word: &str) -> bool {
    let is_compound = word.starts_with("phone") || WORD_ENDS.iter().any(|end| word.ends_with(end));
    PHONE_WORDS.contains(&word)
        || (is_compound && !NO_PHONES.contains(&word))
        || word.starts_with("tele") && word.ends_with("phone")
}

/// `2024-11-05` or `05.11.2024`.
fn is_date(bytes: &[u8], start: usize) -> bool {
    let Some(&[a, b, c, d, e, f, g, h, i, j]) = bytes.get(start..start + 10) else { return false };
    let is_between = |byte: u8| matches!(byte, b'-' | b'.' | b'/');
    let is_year = |one: u8, two: u8| matches!([one, two], [b'1', b'9'] | [b'2', b'0']);
    let digits = |one: u8, two: u8| one.is_ascii_digit() && two.is_ascii_digit();
    (is_year(a, b) && is_between(e) && digits(f, g) && is_between(h) && digits(i, j))
        || (digits(a, b) && is_between(c) && digits(d, e) && is_between(f) && is_year(g, h))
}
