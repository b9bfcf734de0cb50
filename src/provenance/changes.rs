//! What of a reading has to be read, where all else was in the reading before: what reaches into a change.

use std::ops::Range;

use super::rarity::{WORD, class_of, is_letter_or_digit};
use super::shingles::SHARED;

/// How far from a change the longest value without blanks in a word may begin or end: an account number in groups.
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
    let is_word = |byte: u8| class_of(byte) & WORD != 0;
    let mut regions: Vec<Range<usize>> = Vec::new();
    let mut changes = changes.iter().peekable();
    while let Some(change) = changes.next() {
        let mut end = change.end;
        while let Some(next) = changes.next_if(|next| next.start <= end + REACH) {
            end = end.max(next.end);
        }
        let known = regions.last().map_or(0, |last| last.end);
        // What was passed over before is not passed over again.
        let start = change.start.max(known);
        let before = bytes.get(known..start).unwrap_or_default();
        let start = known
            + find_letters(before.iter().rev()).map(|far| far.max(REACH)).map_or(0, |far| {
                let before = before.get(..before.len().saturating_sub(far)).unwrap_or_default();
                before.iter().rposition(|byte| !is_word(*byte)).map_or(0, |last| last + 1)
            });
        let end = end.max(known);
        let behind = bytes.get(end..).unwrap_or_default();
        let end = find_letters(behind.iter()).map(|far| far.max(REACH)).map_or(bytes.len(), |far| {
            let word = behind.iter().skip(far).position(|byte| !is_word(*byte));
            word.map_or(bytes.len(), |length| end + far + length)
        });
        match regions.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = end,
            None => regions.push(start..end),
        }
    }
    regions
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
        let start = change.start - find_letters(before.iter().rev()).unwrap_or(before.len());
        let end = end + find_letters(behind.iter()).unwrap_or(behind.len());
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

/// Returns how many bytes have the letters and digits of any run; `None` if they are not near.
fn find_letters<'b>(bytes: impl Iterator<Item = &'b u8>) -> Option<usize> {
    let mut letters = 0;
    let last = bytes.take(FAR).position(|byte| {
        // Of others, those that begin a letter for certain: Cyrillic and Chinese.
        letters += usize::from(is_letter_or_digit(*byte) || matches!(byte, 0xd0 | 0xd1 | 0xe5..=0xe9));
        letters >= SHARED
    })?;
    Some(last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_whole_words_around_each_change() {
        let text = format!("{} x%y {} z", "word ".repeat(100), "word ".repeat(100));
        let at = text.find('%').unwrap();
        let regions = find_word_regions(&text, &[at..at + 1, at + 2..at + 2]);
        let [region] = regions.as_slice() else { panic!("{regions:?}") };
        assert!((REACH..REACH + 10).contains(&(at - region.start)) && region.end - at < REACH + 10, "{region:?}");
        assert!(text[region.clone()].starts_with("word ") && text[region.end..].starts_with(' '), "{region:?}");
        // Without enough letters nearby, all is read.
        assert_eq!(find_word_regions(&"-%".repeat(20), &[4..5, 30..31]), vec![0..40; 1]);
        let words = format!("{0} {0}", "a".repeat(500));
        assert_eq!(find_word_regions(&words, &[100..101, 900..901]), [0..500, 501..1001]);
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
