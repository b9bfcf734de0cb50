//! Judging charges: all of them fit, or none is taken. Every store judges with this.

use std::collections::HashMap;
use std::time::Duration;

use super::bucket::Bucket;
use super::log::Log;
use super::{Charge, CounterId, Taken, Window};
use crate::policy::Amount;

/// What is known of one counter. It is counted in both ways, since a policy may go from one to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// For sliding windows.
    pub(crate) log: Log,
    /// For calendar windows.
    pub(crate) bucket: Bucket,
}

/// The time on the clocks of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// What sliding windows are measured with.
    pub(crate) sliding: Duration,
    /// Since 1970.
    pub(crate) unix: Duration,
}

impl Clock {
    fn latest(self, other: Self) -> Self {
        Self { sliding: self.sliding.max(other.sliding), unix: self.unix.max(other.unix) }
    }
}

impl Count {
    /// Whether nothing of it counts any more.
    pub(super) fn is_idle(&self, now: Clock) -> bool {
        self.log.expires() <= now.sliding && self.bucket.expires() <= now.unix
    }
}

/// The charges that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The `limit` of the first.
    pub(crate) limit: usize,
    /// When all would fit; `None` where they never do.
    pub(crate) retry_after: Option<Duration>,
}

/// How long a charge does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    For(Duration),
    Forever,
}

/// Counters by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    counts: HashMap<CounterId, Count>,
    /// The latest time that was seen: time does not go back.
    latest: Clock,
}

impl Counts {
    /// No counters, at a time that was seen already.
    pub(crate) fn since(latest: Clock) -> Self {
        Self { counts: HashMap::new(), latest }
    }

    /// The latest time that was seen.
    pub(crate) fn latest(&self) -> Clock {
        self.latest
    }

    /// Sets what is known of a counter.
    pub(crate) fn insert(&mut self, counter: CounterId, count: Count) {
        self.counts.insert(counter, count);
    }

    /// The counters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CounterId, &Count)> {
        self.counts.iter()
    }

    /// How many counters there are.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether a counter is known.
    pub(crate) fn contains(&self, counter: &CounterId) -> bool {
        self.counts.contains_key(counter)
    }

    /// Forgets the counters of which nothing counts any more.
    pub(super) fn forget_idle(&mut self, clock: Clock) {
        self.latest = self.latest.latest(clock);
        let latest = self.latest;
        self.counts.retain(|_, count| !count.is_idle(latest));
    }

    /// Takes all charges, or none of them.
    pub(crate) fn reserve(&mut self, charges: &[Charge<'_>], clock: Clock) -> Result<Vec<Taken>, Exceeded> {
        self.latest = self.latest.latest(clock);
        let mut refused: Option<(usize, Wait)> = None;
        for charge in charges.iter().filter(|charge| charge.amount > Amount::ZERO) {
            if let Some(wait) = self.wait(charge, charges, clock) {
                let (limit, longest) = refused.unwrap_or((charge.limit, wait));
                refused = Some((limit, longest.max(wait)));
            }
        }
        match refused {
            None => Ok(self.take(charges)),
            Some((limit, Wait::For(wait))) => Err(Exceeded { limit, retry_after: Some(wait) }),
            Some((limit, Wait::Forever)) => Err(Exceeded { limit, retry_after: None }),
        }
    }

    /// Returns what was taken.
    pub(crate) fn refund(&mut self, taken: &[Taken], clock: Clock) {
        self.latest = self.latest.latest(clock);
        for taken in taken {
            let Some(count) = self.counts.get_mut(&taken.counter) else { continue };
            match taken.window {
                Window::Sliding(span) => {
                    count.log.refund(taken.amount, taken.at, span.length(), self.latest.sliding);
                }
                Window::Calendar(_) => count.bucket.refund(taken.amount, taken.at),
            }
        }
    }

    /// How long a charge does not fit, together with the others on its counter; `None` where it fits.
    fn wait(&mut self, charge: &Charge<'_>, charges: &[Charge<'_>], clock: Clock) -> Option<Wait> {
        let Some(amount) = demand(charge, charges) else { return Some(Wait::Forever) };
        let Some(count) = self.counts.get_mut(charge.counter) else {
            return (amount > charge.max).then_some(Wait::Forever);
        };
        // The wait is counted from what the clock shows, which may have been set back.
        let (fits, now, shown) = match charge.window {
            Window::Sliding(span) => {
                let now = self.latest.sliding;
                (count.log.fits(amount, charge.max, span.length(), now), now, clock.sliding)
            }
            Window::Calendar(unit) => {
                let now = self.latest.unix;
                (count.bucket.fits(amount, charge.max, unit, now), now, clock.unix)
            }
        };
        match fits {
            None => Some(Wait::Forever),
            Some(at) => (at > now).then(|| Wait::For(at.saturating_sub(shown))),
        }
    }

    fn take(&mut self, charges: &[Charge<'_>]) -> Vec<Taken> {
        let now = self.latest;
        let mut all = Vec::with_capacity(charges.len());
        for charge in charges.iter().filter(|charge| charge.amount > Amount::ZERO) {
            if !self.counts.contains_key(charge.counter) {
                self.counts.insert(charge.counter.clone(), Count::default());
            }
            let Some(count) = self.counts.get_mut(charge.counter) else { continue };
            let at = match charge.window {
                Window::Sliding(span) => count.log.take(charge.amount, span.length(), now.sliding),
                Window::Calendar(unit) => count.bucket.take(charge.amount, unit, now.unix),
            };
            let Charge { scope, window, amount, .. } = *charge;
            all.push(Taken { scope, counter: charge.counter.clone(), window, at, amount });
        }
        all
    }
}

/// What all charges together ask of the counter of one; `None` where that is too large for a number.
fn demand(charge: &Charge<'_>, charges: &[Charge<'_>]) -> Option<Amount> {
    let kind = std::mem::discriminant(&charge.window);
    charges
        .iter()
        .filter(|other| std::mem::discriminant(&other.window) == kind && other.counter == charge.counter)
        .try_fold(Amount::ZERO, |sum, other| sum.checked_add(other.amount))
}
