//! The amounts that a counter let through, with their times: the exact log behind sliding windows.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::MAX_LOG_ENTRIES;
use crate::policy::Amount;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowEntry {
    pub(crate) at: Duration,
    pub(crate) amount: Amount,
}

/// The amounts that a counter let through, oldest first, as far back as the longest window reaches.
///
/// Time never goes back here: it is the later of the clock and the newest entry, so that setting the clock back frees
/// nothing. An entry stops counting exactly one window after its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WindowLog {
    entries: VecDeque<WindowEntry>,
    total: Amount,
    /// The longest window that was used with these entries: a policy may change while they count.
    retention: Duration,
}

impl WindowLog {
    /// Restores a log; `None` if the entries are too many, out of order, or overflow the sum.
    pub(crate) fn from_parts(retention: Duration, entries: impl IntoIterator<Item = WindowEntry>) -> Option<Self> {
        let mut log = Self { retention, ..Self::default() };
        for entry in entries {
            if log.entries.len() >= MAX_LOG_ENTRIES || log.entries.back().is_some_and(|last| last.at > entry.at) {
                return None;
            }
            log.total = log.total.checked_add(entry.amount)?;
            log.entries.push_back(entry);
        }
        Some(log)
    }

    pub(crate) fn retention(&self) -> Duration {
        self.retention
    }

    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &WindowEntry> {
        self.entries.iter()
    }

    pub(crate) fn expires_at(&self) -> Duration {
        self.entries.back().map_or(Duration::ZERO, |last| last.at.saturating_add(self.retention))
    }

    /// Returns when `amount` more fits under `max`: `now` if it fits at once, `None` if it never fits.
    pub(super) fn fits_at(&mut self, amount: Amount, max: Amount, window: Duration, now: Duration) -> Option<Duration> {
        let room = max.checked_sub(amount)?;
        let effective = self.forget_expired(window, now);
        let mut fits = self.frees_at(room, window, effective);
        if self.retention > window {
            // The sum includes entries that only a longer window counts, and it must not overflow.
            fits = fits.max(self.frees_at(Amount::MAX.checked_sub(amount)?, self.retention, effective));
        }
        Some(if fits > effective { fits } else { now })
    }

    /// Takes an amount, which must fit. Returns its time in the log.
    pub(super) fn take_amount(&mut self, amount: Amount, window: Duration, now: Duration) -> Duration {
        let now = self.forget_expired(window, now);
        self.total = self.total.checked_add(amount).unwrap_or(Amount::MAX);
        match self.entries.back_mut() {
            Some(last) if last.at == now => last.amount = last.amount.checked_add(amount).unwrap_or(Amount::MAX),
            _ => {
                if self.entries.len() >= MAX_LOG_ENTRIES {
                    self.merge_entries();
                }
                self.entries.push_back(WindowEntry { at: now, amount });
            }
        }
        now
    }

    /// Gives back an amount that was taken at `taken`, unless it no longer counts.
    pub(super) fn refund_amount(&mut self, amount: Amount, taken: Duration, window: Duration, now: Duration) {
        let now = self.latest_time(now);
        if taken.saturating_add(window) <= now {
            return;
        }
        // Merging moves an entry to a later time, onto the next one, so the first entry that is not earlier has the
        // amount. It stays even if it is empty, so that time does not go back.
        let place = self.entries.partition_point(|entry| entry.at < taken);
        if let Some(entry) = self.entries.get_mut(place)
            && let (Some(rest), Some(total)) = (entry.amount.checked_sub(amount), self.total.checked_sub(amount))
        {
            (entry.amount, self.total) = (rest, total);
        }
    }

    fn latest_time(&self, clock: Duration) -> Duration {
        self.entries.back().map_or(clock, |last| last.at.max(clock))
    }

    /// Removes the entries that no window counts any more. Returns the time, which is never before the newest entry.
    fn forget_expired(&mut self, window: Duration, clock: Duration) -> Duration {
        let now = self.latest_time(clock);
        self.retention = if self.entries.is_empty() { window } else { self.retention.max(window) };
        while let Some(oldest) = self.entries.front()
            && oldest.at.saturating_add(self.retention) <= now
        {
            self.total = self.total.checked_sub(oldest.amount).unwrap_or(Amount::ZERO);
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            self.retention = window;
        }
        now
    }

    /// Returns the earliest time, `now` or later, at which the window holds no more than `room`.
    fn frees_at(&self, room: Amount, window: Duration, now: Duration) -> Duration {
        let (first, mut used) = if window == self.retention {
            (0, self.total)
        } else {
            let first = self.entries.partition_point(|entry| entry.at.saturating_add(window) <= now);
            let earlier = self.entries.iter().take(first);
            (first, earlier.fold(self.total, |sum, entry| sum.checked_sub(entry.amount).unwrap_or(sum)))
        };
        let mut free = now;
        for entry in self.entries.iter().skip(first) {
            if used <= room {
                break;
            }
            used = used.checked_sub(entry.amount).unwrap_or(used);
            free = entry.at.saturating_add(window);
        }
        free
    }

    /// Merges entries that are close together, so that at most half of them stay. A merged entry has the later time, so
    /// it counts longer, by at most 2/[`MAX_LOG_ENTRIES`] of the window: never more is let through. The grid is fixed,
    /// so that another merge moves nothing further.
    fn merge_entries(&mut self) {
        let cell = (self.retention.as_nanos() / (MAX_LOG_ENTRIES as u128 / 2)).saturating_add(1);
        let cell_of = |at: Duration| at.as_nanos() / cell;
        let mut merged: VecDeque<WindowEntry> = VecDeque::with_capacity(MAX_LOG_ENTRIES);
        for entry in self.entries.drain(..) {
            match merged.back_mut() {
                Some(last) if cell_of(last.at) == cell_of(entry.at) => {
                    last.at = entry.at;
                    last.amount = last.amount.checked_add(entry.amount).unwrap_or(Amount::MAX);
                }
                _ => merged.push_back(entry),
            }
        }
        self.entries = merged;
    }
}
