//! Writes the values of a line. What nearly every value is, plain ASCII, is copied as it is.

use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::limits::MAX_LOGGED_NAME;
use crate::visible::{escape_invisible_json, shorten};
use crate::wire::text::is_plain_ascii;

/// Appends `,"name":value`.
pub(super) fn write_member(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    match value {
        Some(text) => write_text(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a name that the sender chose, cut to [`MAX_LOGGED_NAME`].
pub(super) fn write_name(member: &str, name: &str, out: &mut Vec<u8>) {
    match name.len() <= MAX_LOGGED_NAME {
        true => write_member(member, Some(name), out),
        false => write_member(member, Some(&shorten(name, MAX_LOGGED_NAME)), out),
    }
}

/// Appends a text as a JSON string.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain_ascii(text.as_bytes()) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        write_json(text, out);
    }
}

/// Appends a value, with what is invisible in it as codes: names and words from elsewhere are read where the log is.
pub(super) fn write_json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    // Serializing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
    let written = out.get(start..).unwrap_or_default();
    if !written.is_ascii()
        && let Ok(text) = std::str::from_utf8(written)
    {
        let escaped = escape_invisible_json(text);
        out.truncate(start);
        out.extend_from_slice(escaped.as_bytes());
    }
}

pub(super) fn write_number(number: u64, out: &mut Vec<u8>) {
    let (digits, start) = to_digits(number);
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends a time in milliseconds, with three decimals.
pub(super) fn write_milliseconds(time: Duration, out: &mut Vec<u8>) {
    let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()));
    write_number(micros / 1_000, out);
    let ([hundreds, _], [tens, ones]) = (digit_pair(micros % 1_000 / 100 * 10), digit_pair(micros));
    out.extend_from_slice(&[b'.', hundreds, tens, ones]);
}

/// How many digits a number can have.
const DIGITS: usize = 20;

/// Returns the digits of a number behind zeros, and where they begin.
#[inline]
fn to_digits(number: u64) -> ([u8; DIGITS], usize) {
    let (mut digits, mut rest, mut start) = ([b'0'; DIGITS], number, DIGITS);
    while rest >= 10 && start > 1 {
        start -= 2;
        [digits[start], digits[start + 1]] = digit_pair(rest);
        rest /= 100;
    }
    if rest > 0 || start == DIGITS {
        start -= 1;
        digits[start] = digit_pair(rest)[1];
    }
    (digits, start)
}

/// The numbers below a hundred, with two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0);
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Returns the last two digits of a number.
fn digit_pair(number: u64) -> [u8; 2] {
    PAIRS.get((number % 100) as usize).copied().unwrap_or_default()
}

/// The text of the second that was written last: most lines are of the same one as the line before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WrittenSecond(Option<(u64, TimeMember)>);

type TimeMember = [u8; 37];

/// Appends `,"time":"…"`: a time since 1970 in UTC, to the microsecond.
pub(super) fn write_time_member(unix: Duration, last: &mut WrittenSecond, out: &mut Vec<u8>) {
    let member = match &mut last.0 {
        Some((second, member)) if *second == unix.as_secs() => member,
        other => match to_time_member(unix.as_secs()) {
            Some(member) => &mut other.insert((unix.as_secs(), member)).1,
            None => {
                out.extend_from_slice(b",\"time\":\"");
                write_late_time(unix, out);
                return out.push(b'"');
            }
        },
    };
    let micros = u64::from(unix.subsec_micros());
    [member[29], member[30]] = digit_pair(micros / 10_000);
    [member[31], member[32]] = digit_pair(micros / 100);
    [member[33], member[34]] = digit_pair(micros);
    out.extend_from_slice(member);
}

/// Returns the member with the time of a second; `None` if the library does not know it.
fn to_time_member(second: u64) -> Option<TimeMember> {
    const DAY: u64 = 24 * 60 * 60;
    // The last whole day that the library knows: a clock beyond it is written as the last possible time.
    const LAST_DAY: u64 = 2_932_894;
    let (seconds, days) = (second % DAY, second / DAY);
    if days > LAST_DAY {
        return None;
    }
    // The civil date by Howard Hinnant's days_from_civil, backwards: eras of 400 years that begin in March.
    let (era, of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let mut text = *b",\"time\":\"0000-00-00T00:00:00.000000Z\"";
    let mut put = |at: usize, number: u64| [text[at], text[at + 1]] = digit_pair(number);
    put(9, year / 100);
    put(11, year);
    put(14, month);
    put(17, day);
    put(20, seconds / 3_600);
    put(23, seconds / 60 % 60);
    put(26, seconds % 60);
    Some(text)
}

fn write_late_time(unix: Duration, out: &mut Vec<u8>) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let at = SignedDuration::try_from(unix).ok().and_then(|unix| Timestamp::from_duration(unix).ok());
    let _ = PRINTER.print_timestamp(&at.unwrap_or(Timestamp::MAX), jiff::fmt::StdIoWrite(out));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_written_as_the_library_writes_them() {
        let step = 86_400 * 17 + 12_345;
        let mut last = WrittenSecond::default();
        for seconds in (0..253_402_300_000).step_by(step).chain([951_782_399, 951_782_400, 253_402_300_799, u64::MAX]) {
            for nanos in [123_456_789, 0, 999_999_999, 1_000] {
                let unix = Duration::new(seconds, nanos);
                let late = written(|out| write_late_time(unix, out));
                assert_eq!(written(|out| write_time_member(unix, &mut last, out)), format!(",\"time\":\"{late}\""));
            }
        }
    }

    #[test]
    fn numbers_are_written_as_the_library_writes_them() {
        let all = (0..20_000).chain((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit])).chain([u64::MAX]);
        for number in all.chain((0..20).flat_map(|power| [10_u64.pow(power) - 1, 10_u64.pow(power)])) {
            assert_eq!(written(|out| write_number(number, out)), number.to_string());
            let time = Duration::from_micros(number);
            let milliseconds = format!("{}.{:03}", number / 1_000, number % 1_000);
            assert_eq!(written(|out| write_milliseconds(time, out)), milliseconds);
        }
        assert_eq!(written(|out| write_milliseconds(Duration::MAX, out)), "18446744073709551.615");
    }

    #[test]
    fn texts_are_written_as_the_library_writes_them() {
        for text in
            ["", "a", "get_lists", "a\"b", "a\\b", "12345678\"", "1234567\n", "é", "\u{7f}", "aaaaaaaaé", "\u{202e}"]
        {
            assert_eq!(written(|out| write_text(text, out)), written(|out| write_json(text, out)), "{text:?}");
        }
    }
}
