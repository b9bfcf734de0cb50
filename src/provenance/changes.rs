//! What of a reading has to be read, where all else was in the reading before: what reaches into a change.

use std::ops::Range;

use super::eights::any_eight;
use super::rarity::{WORD, class_of, is_letter_or_digit};
use super::shingles::SHARED;

/// How far from a change an account number in groups may begin or end.
const REACH: usize = 64;

/// How far letters and digits are looked for.
const FAR: usize = 1024;

/// The longest sign that divides pieces, in bytes: a quote.
const SIGN: usize = 4;

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

/// Returns the ranges of a text with all words and numbers that reach into a change. They end between words.
pub(super) fn find_word_regions(text: &str, changes: &[Range<usize>]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut regions: Vec<Range<usize>> = Vec::new();
    // How far goes what reaches into the changes before, and the last one beside which a group may stand.
    let (mut reached, mut last_group) = (None, None);
    for change in changes {
        if reached.is_none_or(|reached| change.end > reached) {
            let (known, before, behind) = around(bytes, &regions, change);
            let end = change.end + reach_of_words(behind.iter());
            add_region(&mut regions, known + before.len() - reach_of_words(before.iter().rev())..end);
            reached = Some(end);
        }
        if last_group != Some(change.end) && has_group(bytes, change) {
            last_group = Some(change.end);
            let (known, before, behind) = around(bytes, &regions, change);
            let start = known + before.len() - reach_of_groups(before.iter().rev());
            let end = change.end + reach_of_groups(behind.iter());
            add_region(&mut regions, start..end);
        }
    }
    regions
}

/// Returns where the last region ends, what stands between it and a change, and what stands behind the change.
fn around<'b>(bytes: &'b [u8], regions: &[Range<usize>], change: &Range<usize>) -> (usize, &'b [u8], &'b [u8]) {
    let known = regions.last().map_or(0, |last| last.end);
    let before = bytes.get(known..change.start.max(known)).unwrap_or_default();
    (known, before, bytes.get(change.end..).unwrap_or_default())
}

/// Whether a group of an account number may stand before a change, or in it: a digit with a blank behind it.
fn has_group(bytes: &[u8], change: &Range<usize>) -> bool {
    /// How long the first group is at most, with the blank.
    const FIRST: usize = 6;
    let end = (change.end + FIRST).min(bytes.len());
    let mut before = 0;
    any_eight(bytes.get(change.start.saturating_sub(REACH)..end).unwrap_or_default(), |eight| {
        let digits = eight.digits();
        let is_group = (digits << 8 | before) & eight.equal(b' ') != 0;
        before = digits >> 56;
        is_group
    })
}

/// Returns how far the groups of an account number reach, which may have other signs between them, and the word there.
fn reach_of_groups<'b>(bytes: impl ExactSizeIterator<Item = &'b u8>) -> usize {
    let (all, near) = (bytes.len(), REACH);
    let word = bytes.skip(near).position(|byte| class_of(*byte) & WORD == 0);
    word.map_or(all, |length| near + length)
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
        let start = change.start - reach_of_runs(before.iter().rev());
        let end = end + reach_of_runs(behind.iter());
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

/// Returns how far the word goes on that bytes begin with, and those behind it that may belong to one number with it.
fn reach_of_words<'b>(mut bytes: impl Iterator<Item = &'b u8> + Clone) -> usize {
    /// The longest that stands between the words of one number: `) `.
    const GAP: usize = 2;
    let is_word = |byte: &&u8| class_of(**byte) & WORD != 0;
    let is_gap = |byte: &&u8| matches!(**byte, b' ' | b'(' | b')' | b',');
    let (mut reach, mut gap) = (0, 0);
    loop {
        let (mut length, mut has_digit, mut is_hyphen) = (0, false, false);
        for byte in bytes.clone().take_while(is_word) {
            length += 1;
            has_digit |= byte.is_ascii_digit();
            is_hyphen = length == 1 && *byte == b'-';
        }
        if gap > 0 && !has_digit && !is_hyphen {
            return reach;
        }
        reach += gap + length;
        bytes.by_ref().take(length).for_each(drop);
        gap = bytes.clone().take(GAP + 1).take_while(is_gap).count();
        if !(1..=GAP).contains(&gap) {
            return reach;
        }
        bytes.by_ref().take(gap).for_each(drop);
    }
}

/// Returns how many bytes have as many letters and digits as there are before or behind one in any run that is kept; all, if these are
/// not near.
fn reach_of_runs<'b>(bytes: impl ExactSizeIterator<Item = &'b u8>) -> usize {
    let (all, mut letters) = (bytes.len(), 0);
    let far = bytes.take(FAR).position(|byte| {
        // Of others, those that begin a letter for certain: Cyrillic and Chinese.
        letters += usize::from(is_letter_or_digit(*byte) || matches!(byte, 0xd0 | 0xd1 | 0xe5..=0xe9));
        letters >= SHARED
    });
    far.map_or(all, |far| far + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_whole_words_and_numbers_around_each_change() {
        let regions = |text: &str, changes: &[Range<usize>]| -> Vec<String> {
            find_word_regions(text, changes).into_iter().map(|region| text[region].to_owned()).collect()
        };
        for (text, change, region) in [
            ("one two&three four", 7..8, "two&three"),
            ("one twothree four", 7..7, "twothree"),
            ("one & two", 4..5, "&"),
            ("a de89 3704 0044 x", 11..12, "de89 3704 0044"),
            ("call (030) 123 - 4567 now", 14..15, "(030) 123 - 4567"),
            ("1234567\n7654321", 8..8, "7654321"),
            ("1234567;  7654321", 11..12, "7654321"),
            ("so de89 3704, x 0044&0532 0130 x", 20..21, "so de89 3704, x 0044&0532 0130 x"),
        ] {
            assert_eq!(regions(text, &[change]), [region], "{text}");
        }
        assert_eq!(regions("one%two three%four five", &[3..4, 13..14]), ["one%two", "three%four"]);
        assert_eq!(regions("one%two%three", &[3..4, 7..8]), ["one%two%three"]);
        assert_eq!(regions("a b", &[0..0, 2..3]), ["a", "b"]);
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
        assert_eq!(find_run_regions(&"é".repeat(1_500), &[2_000..2_002]), vec![0..3_000; 1]);
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
