//! A point in time as a person writes it.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// The start of a period that ends now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    /// This long before now.
    Ago(Span),
    /// This date and time in the local time zone.
    Local(DateTime),
    /// This moment.
    At(Timestamp),
}

/// A text that is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write how long ago (30m, 2h, 7d), a day (2026-11-22), or a time (2026-11-22T14:30, 2026-11-22T14:30:00Z)"
)]
pub(crate) struct BadSince(&'static str);

impl Since {
    /// Reads `2h`, `2026-11-22`, `2026-11-22T14:30` or a time with its zone.
    pub(crate) fn parse(text: &str) -> Result<Self, BadSince> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadSince("it is empty"));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        // `Date` also parses a time with a zone and drops the zone, so only a bare date is accepted here.
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
            Ok(span) if span.is_negative() => Err(BadSince("it is in the future")),
            Ok(span) if span.is_zero() => Err(BadSince("it is zero")),
            Ok(span) => Ok(Self::Ago(span)),
            Err(_) => Err(BadSince("it is not a time")),
        }
    }

    /// Resolves it against the current time and its time zone.
    pub(crate) fn resolve_at(&self, now: &Zoned) -> Timestamp {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-22T12:00:00+01:00[Europe/Berlin]".parse().unwrap_or_else(|_| {
            // If the machine has no time zone database.
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
            assert_eq!(Since::parse(text).unwrap().resolve_at(&now).to_string(), moment, "{text}");
        }
        for text in ["", "yesterday", "2", "-2h", "0s", "2026-13-01", "2026-11-22T25:00", "2h!", "1.5"] {
            let error = Since::parse(text).unwrap_err().to_string();
            assert!(error.ends_with("2026-11-22T14:30:00Z)"), "{text}: {error}");
        }
    }
}
