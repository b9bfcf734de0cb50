//! What a counter let through in the current minute, hour or day.

use std::time::Duration;

use crate::policy::{Amount, Calendar};

/// The amount of one unit of the calendar.
///
/// Time here never goes back: a clock that is set back stays in the later unit, and its amount, until real time has
/// passed that unit. That refuses too much rather than too little, and ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// When the unit began, since 1970.
    pub(crate) since: Duration,
    /// When the latest amount was taken. The unit may be changed in the policy, so its end is not kept.
    pub(crate) last: Duration,
    /// What was taken.
    pub(crate) used: Amount,
}

impl Bucket {
    /// When nothing of it counts any more in any unit.
    pub(crate) fn expires(&self) -> Duration {
        if self.used == Amount::ZERO { Duration::ZERO } else { self.last.saturating_add(Calendar::Day.length()) }
    }

    /// When `amount` more fits under `max`: `now` where it does at once, `None` where it never does.
    pub(super) fn fits(&self, amount: Amount, max: Amount, unit: Calendar, now: Duration) -> Option<Duration> {
        let room = max.checked_sub(amount)?;
        let start = unit.start(self.last.max(now));
        if self.last >= start && self.used > room {
            return Some(start.saturating_add(unit.length()));
        }
        Some(now)
    }

    /// Takes an amount that fits; returns the time that it is counted under.
    pub(super) fn take(&mut self, amount: Amount, unit: Calendar, now: Duration) -> Duration {
        let now = self.last.max(now);
        let start = unit.start(now);
        if self.last < start || self.used == Amount::ZERO {
            (self.since, self.used) = (start, Amount::ZERO);
        }
        self.last = now;
        self.used = self.used.checked_add(amount).unwrap_or(Amount::MAX);
        now
    }

    /// Returns what was taken at a time, unless that was before the unit.
    pub(super) fn refund(&mut self, amount: Amount, taken: Duration) {
        if taken >= self.since
            && let Some(rest) = self.used.checked_sub(amount)
        {
            self.used = rest;
        }
    }
}
