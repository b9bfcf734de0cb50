//! The amount that a counter let through in the current minute, hour or day.

use std::time::Duration;

use crate::policy::{Amount, Calendar};

/// The amount of one calendar unit.
///
/// Time never goes back here: after the clock is set back, the later unit and its amount stay until real time has
/// passed that unit. That refuses too much rather than too little, and ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// When the unit began, since 1970.
    pub(crate) since: Duration,
    /// When the latest amount was taken. The policy may change the unit, so its end is not kept.
    pub(crate) last: Duration,
    pub(crate) used: Amount,
}

impl Bucket {
    /// Returns when the amount stops counting, whatever the unit.
    pub(crate) fn expires_at(&self) -> Duration {
        if self.used == Amount::ZERO { Duration::ZERO } else { self.last.saturating_add(Calendar::Day.length()) }
    }

    /// Returns when `amount` more fits under `max`: `now` if it fits at once, `None` if it never fits.
    pub(super) fn fits_at(&self, amount: Amount, max: Amount, unit: Calendar, now: Duration) -> Option<Duration> {
        let room = max.checked_sub(amount)?;
        let start = unit.unit_start(self.last.max(now));
        if self.last >= start && self.used > room {
            return Some(start.saturating_add(unit.length()));
        }
        Some(now)
    }

    /// Takes an amount, which must fit. Returns its time.
    pub(super) fn take_amount(&mut self, amount: Amount, unit: Calendar, now: Duration) -> Duration {
        let now = self.last.max(now);
        let start = unit.unit_start(now);
        if self.last < start || self.used == Amount::ZERO {
            (self.since, self.used) = (start, Amount::ZERO);
        }
        self.last = now;
        self.used = self.used.checked_add(amount).unwrap_or(Amount::MAX);
        now
    }

    /// Gives back an amount that was taken at `taken`, unless that was before the unit.
    pub(super) fn refund_amount(&mut self, amount: Amount, taken: Duration) {
        if taken >= self.since
            && let Some(rest) = self.used.checked_sub(amount)
        {
            self.used = rest;
        }
    }
}
