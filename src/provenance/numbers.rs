//! Numbers of accounts, cards, phones and orders, however their digits are grouped.

use super::spans::Spans;
use super::words::is_date;

/// The least and the largest number of digits that are compared. Fewer are amounts, years and counts.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=34;

/// How many groups one number may have.
const MAX_GROUPS: usize = 9;

/// How many digits at its end a number is compared by as well: a telephone number with and without its country.
const TAIL: usize = 9;

/// The lengths of telephone numbers with a country.
const PHONE: std::ops::RangeInclusive<usize> = 10..=15;

/// Gives each number of a text in its normal form: `#` and its digits, without zeros before them.
pub(super) fn find_numbers(text: &str, found: &mut impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut room = [String::new(), String::new()];
    let mut groups: Vec<&str> = Vec::new();
    // Where the last group ends, and how many digits they have.
    let (mut end, mut digits) = (0, 0);
    for span in Spans::new(bytes, |byte| byte.is_ascii_digit()) {
        let at = span.start;
        let between = bytes.get(end..at).unwrap_or_default();
        let is_sign = between == b"," || between == b"'" || between == "\u{2019}".as_bytes();
        let is_thousands = is_sign && span.len() == 3 && groups.last().is_some_and(|group| group.len() <= 3);
        let is_joined =
            is_thousands || matches!(between, b" " | b"-" | b"." | b"/" | b"(" | b")" | b") " | b" (" | b")-" | b" - ");
        let is_inside_word = at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_alphabetic);
        if !is_joined || is_inside_word {
            if digits >= *DIGITS.start() {
                give_numbers(&groups, &mut room, found);
            }
            groups.clear();
            digits = 0;
        }
        end = span.end;
        digits += span.len();
        groups.push(text.get(span).unwrap_or_default());
    }
    if digits >= *DIGITS.start() {
        give_numbers(&groups, &mut room, found);
    }
}

/// Gives the numbers that groups in a row can be.
fn give_numbers(groups: &[&str], [number, tail]: &mut [String; 2], found: &mut impl FnMut(&str)) {
    for first in 0..groups.len() {
        "#".clone_into(number);
        for (count, group) in groups.iter().skip(first).take(MAX_GROUPS).enumerate() {
            number.push_str(if number.len() == 1 { group.trim_start_matches('0') } else { group });
            let digits = number.get(1..).unwrap_or_default();
            if digits.len() > *DIGITS.end() {
                break;
            }
            let own = groups.get(first..=first + count).unwrap_or_default();
            if digits.len() < *DIGITS.start() || is_date(own) {
                continue;
            }
            if PHONE.contains(&digits.len())
                && let Some(last) = digits.get(digits.len() - TAIL..)
            {
                "#".clone_into(tail);
                tail.push_str(last.trim_start_matches('0'));
                found(tail);
            }
            found(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn numbers(line: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        find_numbers(line, &mut |number| {
            all.insert(number.to_owned());
        });
        all
    }

    #[test]
    fn groupings_of_one_number_have_one_form() {
        for (line, number) in [
            ("4111 1111 1111 1111", "#4111111111111111"),
            ("4111-1111-1111-1111 100", "#4111111111111111"),
            ("card 4111111111111111.", "#4111111111111111"),
            ("+1 (555) 010-9999", "#15550109999"),
            ("030 1234567", "#301234567"),
            ("0049301234567", "#301234567"),
            ("tel:+49-30-1234567", "#301234567"),
            ("1234567 7654321", "#7654321"),
            ("about 12,345,678 accounts", "#12345678"),
            ("1,000,000", "#1000000"),
            ("12'345'678", "#12345678"),
            ("CHF 12\u{2019}345\u{2019}678.50", "#12345678"),
            ("[1234567,7654321]", "#7654321"),
        ] {
            assert!(numbers(line).contains(number), "{line}: {:?}", numbers(line));
        }
    }

    #[test]
    fn amounts_years_and_dates_are_no_numbers() {
        for line in [
            "",
            "2024",
            "1,234.50",
            "123456",
            "2024-05-15",
            "15.05.2024",
            "5/15/2024",
            "10:30:00",
            "3 of 12",
            "1234,5678,9012",
            "1234'5678'9012",
        ] {
            assert_eq!(numbers(line), BTreeSet::new(), "{line}");
        }
    }
}
