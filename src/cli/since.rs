//! A point in time as a person gives it.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp, Zoned};

/// From when on.
#[derive(Clone, Copy, Debug)]
pub enum Since {
    /// This long before now.
    Ago(Span),
    /// This time of the calendar and clock on the wall.
    Local(DateTime),
    /// This moment.
    At(Timestamp),
}

/// A text that tells no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write how long ago (30m, 2h, 7d), a day (2026-11-22), or a time (2026-11-22T14:30, 2026-11-22T14:30:00Z)"
)]
pub struct BadSince(&'static str);

impl Since {
    /// Reads `2h`, `2026-11-22`, `2026-11-22T14:30` or a time with its zone.
    ///
    /// # Errors
    /// Where it is none of them, or lies in the future.
    pub fn parse(text: &str) -> Result<Self, BadSince> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadSince("it is empty"));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        // A day alone would be read as its first moment, too; a zone that a date cannot have is not dropped in silence.
        if let Ok(day) = text.parse::<Date>()
            && text.len() == "2026-11-22".len()
        {
            return Ok(Self::Local(day.into()));
        }
        if let Ok(time) = text.parse::<DateTime>()
            && text.contains(['T', 't', ' '])
        {
            return Ok(Self::Local(time));
        }
        match text.trim_end_matches("ago").trim_end().parse::<Span>() {
            Ok(span) if span.is_negative() => Err(BadSince("it lies in the future")),
            Ok(span) if span.is_zero() => Err(BadSince("it is no time at all")),
            Ok(span) => Ok(Self::Ago(span)),
            Err(_) => Err(BadSince("it tells no time")),
        }
    }

    /// The moment that is meant, `now`, where the clocks of this zone are meant.
    pub fn moment(&self, now: &Zoned) -> Timestamp {
        match self {
            Self::Ago(span) => now.checked_sub(*span).map_or(Timestamp::MIN, |then| then.timestamp()),
            Self::Local(time) => {
                let zone: TimeZone = now.time_zone().clone();
                zone.to_ambiguous_timestamp(*time).compatible().unwrap_or(Timestamp::MIN)
            }
            Self::At(at) => *at,
        }
    }
}

impl PartialEq for Since {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ago(one), Self::Ago(other)) => {
                one.compare((*other, SpanRelativeTo::days_are_24_hours())).is_ok_and(std::cmp::Ordering::is_eq)
            }
            (Self::Local(one), Self::Local(other)) => one == other,
            (Self::At(one), Self::At(other)) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(span) => write!(f, "{span:#} ago"),
            Self::Local(time) => write!(f, "{time}"),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-22T12:00:00+01:00[Europe/Berlin]".parse().unwrap_or_else(|_| {
            // Where the machine has no database of zones.
            "2026-11-22T11:00:00Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::fixed(jiff::tz::offset(1)))
        });
        for (text, moment) in [
            ("2h", "2026-11-22T09:00:00Z"),
            ("30m", "2026-11-22T10:30:00Z"),
            ("90s", "2026-11-22T10:58:30Z"),
            ("7d", "2026-11-15T11:00:00Z"),
            ("1h30m", "2026-11-22T09:30:00Z"),
            ("2 hours ago", "2026-11-22T09:00:00Z"),
            ("1w", "2026-11-15T11:00:00Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("2026-11-22T10:15", "2026-11-22T09:15:00Z"),
            ("2026-11-22 10:15:30", "2026-11-22T09:15:30Z"),
            ("2026-11-22T10:15:30Z", "2026-11-22T10:15:30Z"),
            ("2026-11-22T10:15:30+02:00", "2026-11-22T08:15:30Z"),
        ] {
            assert_eq!(Since::parse(text).unwrap().moment(&now).to_string(), moment, "{text}");
        }
        for text in ["", "yesterday", "2", "-2h", "0s", "2026-13-01", "2026-11-22T25:00", "2h!", "1.5"] {
            let error = Since::parse(text).unwrap_err().to_string();
            assert!(error.ends_with("2026-11-22T14:30:00Z)"), "{text}: {error}");
        }
    }
}
