//! The windows in which limits count.

use std::time::Duration;

use crate::limits::{MAX_WINDOW, MIN_WINDOW};

/// The period in which a limit lets through no more than its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// No interval of this length lets through more than the maximum.
    Sliding(WindowLength),
    /// No minute, hour or day of UTC lets through more than the maximum.
    Calendar(Calendar),
}

impl Window {
    /// Makes a sliding window of this length.
    ///
    /// # Errors
    /// Where the length is below [`MIN_WINDOW`] or above [`MAX_WINDOW`].
    pub fn sliding_of(length: Duration) -> Result<Self, BadWindow> {
        WindowLength::new(length).map(Self::Sliding)
    }

    /// Returns the length of the window.
    pub fn length(self) -> Duration {
        match self {
            Self::Sliding(span) => span.length(),
            Self::Calendar(unit) => unit.length(),
        }
    }
}

/// The length of a sliding window: at least [`MIN_WINDOW`], at most [`MAX_WINDOW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowLength(Duration);

impl WindowLength {
    /// Checks the bounds of a length.
    ///
    /// # Errors
    /// Where it is out of bounds. An empty window would let everything through.
    pub fn new(length: Duration) -> Result<Self, BadWindow> {
        if (MIN_WINDOW..=MAX_WINDOW).contains(&length) { Ok(Self(length)) } else { Err(BadWindow) }
    }

    /// Returns the length.
    pub fn length(self) -> Duration {
        self.0
    }
}

/// The error for a sliding window whose length is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a window is at least one millisecond and at most 366 days long")]
pub struct BadWindow;

/// A unit of the calendar, aligned to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// From second 0 to second 0.
    Minute,
    /// From minute 0 to minute 0.
    Hour,
    /// From midnight to midnight.
    Day,
}

impl Calendar {
    /// Returns the length of the unit. UTC days as Unix time counts them have no leap seconds.
    pub fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(60 * 60),
            Self::Day => Duration::from_secs(24 * 60 * 60),
        }
    }

    /// Returns the start of the unit that a time since 1970 is in.
    pub fn unit_start(self, unix: Duration) -> Duration {
        let seconds = unix.as_secs();
        Duration::from_secs(seconds - seconds % self.length().as_secs())
    }
}

/// Parses a duration in the words of a policy: `minute`, `90s`, `15m`, `2h`, `7d`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let seconds = match text {
        "second" => 1,
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        other => {
            let (number, unit) = other.split_at_checked(other.len().checked_sub(1)?)?;
            let unit = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => return None,
            };
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(unit)?
        }
    };
    Some(Duration::from_secs(seconds))
}
