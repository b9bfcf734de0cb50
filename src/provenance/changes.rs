//! What of a reading has to be read, where all else was in the reading before: what reaches into a change.

use std::ops::Range;

use super::rarity::{WORD, class_of};
use super::shingles::SHARED;
use super::spans::{length_with, length_with_at_end};

/// How far from a change the longest value without blanks in a word may begin or end: an account number in groups.
const REACH: usize = 64;

/// The longest name of a mailbox (RFC 5321) in quotes, with a backslash before each character.
pub(super) const QUOTED: usize = 2 + 2 * 64;

/// How far letters and digits are looked for.
const FAR: usize = 1024;

/// The longest sign that divides pieces, in bytes: a quote.
pub(super) const SIGN: usize = 4;

/// Whether a range has a change, or stands beside one. The changes are in their order.
pub(super) fn is_changed(range: &Range<usize>, changes: &[Range<usize>]) -> bool {
    let next = changes.partition_point(|change| change.end + SIGN < range.start);
    changes.get(next).is_some_and(|change| change.start <= range.end + SIGN)
}

/// Returns those of the changes, which are in their order, that a range has or that stand beside it.
pub(super) fn changes_of<'c>(range: &Range<usize>, changes: &'c [Range<usize>]) -> &'c [Range<usize>] {
    let first = changes.partition_point(|change| change.end + SIGN < range.start);
    let changes = changes.get(first..).unwrap_or_default();
    let count = changes.iter().take_while(|change| change.start <= range.end + SIGN).count();
    changes.get(..count).unwrap_or_default()
}

/// Returns the ranges of a text with all words, numbers and mailboxes that reach into a change. They end between words.
pub(super) fn find_word_regions(text: &str, changes: &[Range<usize>]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut regions: Vec<Range<usize>> = Vec::new();
    for change in changes {
        let known = regions.last().map_or(0, |last| last.end);
        // Words are seldom passed over twice: only where signs and digits divide changes.
        let start = if change.start < known { known } else { find_start(bytes, change.start) };
        let end = find_end(bytes, change.end.max(known));
        add_region(&mut regions, with_quoted_mailbox(bytes, start..end));
    }
    regions
}

/// Returns a region with all of a mailbox that it is a part of, if the name of that is in quotes.
fn with_quoted_mailbox(bytes: &[u8], region: Range<usize>) -> Range<usize> {
    let behind = bytes.get(region.end..bytes.len().min(region.end + QUOTED)).unwrap_or_default();
    // Its last quote stands before the region or in it, as the first of what follows it, or somewhere behind.
    let of_region = bytes.get(region.clone()).unwrap_or_default();
    let closing = match memchr::memrchr(b'@', of_region) {
        Some(at) if bytes.get(..region.start + at).is_some_and(|before| before.ends_with(b"\"")) => {
            Some(region.start + at - 1)
        }
        _ => memchr::memchr(b'"', behind).map(|far| region.end + far),
    };
    let Some(closing) = closing.filter(|closing| bytes.get(closing + 1) == Some(&b'@')) else { return region };
    let before = bytes.get(closing.saturating_sub(QUOTED)..closing).unwrap_or_default();
    match memchr::memrchr(b'"', before) {
        Some(at) => {
            let end = closing + 1 + count_of_word(bytes.get(closing + 1..).unwrap_or_default().iter());
            region.start.min(closing - before.len() + at)..region.end.max(end)
        }
        None => region,
    }
}

/// Whether a byte may stand in a number that is written in groups, or between them: the last ones are those of an apostrophe.
fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'\'' | b'(' | b')' | b',' | b'-' | b'.' | b'/' | 0xe2 | 0x80 | 0x99)
}

/// Whether a word may be a group of an account number that goes on behind it.
fn is_group(word: &[u8]) -> bool {
    (4..=5).contains(&word.len()) && word.iter().all(u8::is_ascii_alphanumeric) && word.iter().any(u8::is_ascii_digit)
}

/// How many bytes of words text has at its end, or at its beginning.
fn count_of_word<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take_while(|byte| class_of(**byte) & WORD != 0).count()
}

/// Returns where what reaches up to a place begins.
fn find_start(bytes: &[u8], at: usize) -> usize {
    let before = |end: usize| bytes.get(..end).unwrap_or_default().iter().rev();
    let of_number = before(at).take(REACH).take_while(|byte| is_of_number(**byte));
    let digits = of_number.enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(far, _)| far + 1);
    let mut start = at - digits.last().unwrap_or_default();
    start -= count_of_word(before(start));
    // Groups are looked for between blanks: what else divides words is no part of them.
    let (far, mut piece) = (at.saturating_sub(REACH), start);
    loop {
        piece -= before(piece).take(REACH).take_while(|byte| **byte != b' ').count();
        let Some(end) = piece.checked_sub(1).filter(|_| piece > far) else { return start };
        let last = end - count_of_word(before(end).take(REACH));
        let first = end - before(end).take(REACH).take_while(|byte| **byte != b' ').count();
        let rest = bytes.get(first..end).unwrap_or_default();
        let first_word = rest.get(..count_of_word(rest.iter())).unwrap_or_default();
        if is_group(first_word) {
            start = first;
        } else if bytes.get(last..end).is_some_and(is_group) {
            return last;
        } else {
            return start;
        }
        piece = first;
    }
}

/// Returns where what reaches up to a place ends.
fn find_end(bytes: &[u8], at: usize) -> usize {
    let behind = |start: usize| bytes.get(start..).unwrap_or_default().iter();
    let of_number = behind(at).take(REACH).take_while(|byte| is_of_number(**byte));
    let digits = of_number.enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(far, _)| far + 1);
    let mut end = at + digits.last().unwrap_or_default();
    end += count_of_word(behind(end));
    let (far, mut piece) = (at + REACH, end);
    loop {
        let first = piece
            - bytes.get(..piece).unwrap_or_default().iter().rev().take(REACH).take_while(|byte| **byte != b' ').count();
        let next = piece + behind(piece).take(REACH).take_while(|byte| **byte != b' ').count();
        let rest = bytes.get(first..next).unwrap_or_default();
        let first_word = rest.get(..count_of_word(rest.iter())).unwrap_or_default();
        let last_word = rest.get(rest.len() - count_of_word(rest.iter().rev())..).unwrap_or_default();
        if next >= far || bytes.get(next) != Some(&b' ') || !(is_group(first_word) || is_group(last_word)) {
            return end;
        }
        end = next + 1 + count_of_word(behind(next + 1));
        piece = end;
    }
}

/// Returns the ranges of a text with all copied runs that reach into a change.
pub(super) fn find_run_regions(text: &str, changes: &[Range<usize>]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut regions: Vec<Range<usize>> = Vec::new();
    let mut changes = changes.iter().peekable();
    while let Some(change) = changes.next() {
        let mut end = change.end;
        while let Some(next) = changes.next_if(|next| next.start <= end + SHARED) {
            end = end.max(next.end);
        }
        let before = bytes.get(..change.start).unwrap_or_default();
        let behind = bytes.get(end..).unwrap_or_default();
        let near = before.get(before.len().saturating_sub(FAR)..).unwrap_or_default();
        let start = change.start - length_with_at_end(SHARED, near, begins_letter).unwrap_or(before.len());
        let near = behind.get(..FAR.min(behind.len())).unwrap_or_default();
        let end = end + length_with(SHARED, near, begins_letter).unwrap_or(behind.len());
        add_region(&mut regions, text.floor_char_boundary(start)..text.ceil_char_boundary(end));
    }
    regions
}

/// Adds a region behind the others, or to the last ones where they meet.
fn add_region(regions: &mut Vec<Range<usize>>, mut region: Range<usize>) {
    while let Some(last) = regions.pop_if(|last| region.start <= last.end) {
        region = region.start.min(last.start)..region.end.max(last.end);
    }
    regions.push(region);
}

/// Whether a byte is a letter or a digit, or of others one that begins a letter for certain: Cyrillic and Chinese.
#[inline]
fn begins_letter(byte: u8) -> bool {
    let is_among = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    is_among(b'0', b'9') | is_among(b'a', b'z') | is_among(b'A', b'Z') | is_among(0xd0, 0xd1) | is_among(0xe5, 0xe9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks a change, of which nothing or something may be left, by `^` before and behind it.
    fn regions_of(marked: &str) -> Vec<String> {
        let pieces: Vec<_> = marked.split('^').collect();
        let text = pieces.concat();
        let mut at = 0;
        let places = pieces.iter().map(|piece| {
            let start = at;
            at += piece.len();
            start..at
        });
        let changes: Vec<_> = places.skip(1).step_by(2).collect();
        find_word_regions(&text, &changes).into_iter().map(|region| text[region].to_owned()).collect()
    }

    #[test]
    fn regions_have_whole_words_around_each_change() {
        for (marked, regions) in [
            ("some words x^%^y and others", &["x%y"][..]),
            ("some words^ ^and others", &["words and"]),
            ("some x^^y, and ^z^ and others", &["xy", "z"]),
            ("call (030) 123 4^5^ 67-89 today", &["030) 123 45 67-89"]),
            ("call 030 123^ ^45 67 today", &["030 123 45 67"]),
            ("in 24, x^^y", &["xy"]),
            ("iban DE89 3704 0044 05^3^2 0130 00 now", &["DE89 3704 0044 0532 0130 00"]),
            ("iban DE89 3704 0a44^ ^0532 0130 00 now", &["DE89 3704 0a44 0532 0130 00"]),
            ("x,D^^E89 3704 0a44 now", &["DE89 3704 0a44 now"]),
            ("x,DE89 3704 ^0^", &["DE89 3704 0"]),
            ("^a^", &["a"]),
            ("to \"bob smi^t^h\"@x.io now", &["\"bob smith\"@x.io"]),
            ("to \"b^o^b smith\"@x.io now", &["\"bob smith\"@x.io"]),
            ("to \"bob\"^@^x.io now", &["\"bob\"@x.io"]),
            ("to \"bob\"@x^.^io now", &["\"bob\"@x.io"]),
            ("to ^\"^bob^\"^@x.io now", &["\"bob\"@x.io"]),
            ("say \"b^o^b\" and smith@x.io", &["bob"]),
        ] {
            assert_eq!(regions_of(marked), regions, "{marked}");
        }
        // One long word with many changes is passed over once.
        let word = "a".repeat(1_000);
        let changes: Vec<_> = (0..900).map(|at| at..at).collect();
        assert_eq!(find_word_regions(&word, &changes), vec![0..1_000; 1]);
    }

    #[test]
    fn regions_have_each_run_around_a_change() {
        let text = format!("{} x%y {} z", "word ".repeat(100), "word ".repeat(100));
        let at = text.find('%').unwrap();
        let regions = find_run_regions(&text, &[at..at + 1, at + 2..at + 2]);
        let [region] = regions.as_slice() else { panic!("{regions:?}") };
        let letters = |range: Range<usize>| text[range].chars().filter(|c| c.is_alphanumeric()).count();
        assert_eq!((letters(region.start..at), letters(at + 2..region.end)), (SHARED, SHARED), "{region:?}");
        // Without enough letters nearby, all is read.
        assert_eq!(find_run_regions(&"-%".repeat(20), &[4..5, 30..31]), vec![0..40; 1]);
        assert_eq!(find_run_regions(&"é".repeat(1_500), std::slice::from_ref(&(2_000..2_002))), vec![0..3_000; 1]);
        let far = format!("{0} {0}", "a".repeat(500));
        assert_eq!(find_run_regions(&far, &[100..101, 900..901]), [76..125, 876..925]);
    }

    #[test]
    fn what_stands_beside_a_change_is_changed() {
        let changes = [10..12, 40..40];
        for (range, is) in
            [(0..4, false), (0..8, true), (11..11, true), (16..20, true), (17..35, false), (44..50, true)]
        {
            assert_eq!(is_changed(&range, &changes), is, "{range:?}");
        }
    }
}
