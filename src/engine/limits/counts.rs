//! Judges charges: all of them fit, or none is taken. Every store uses this.

use std::collections::HashMap;
use std::time::Duration;

use super::bucket::Bucket;
use super::window_log::WindowLog;
use super::{Charge, CounterId, Denied, Reserved, Taken, Window};
use crate::policy::Amount;

/// The amounts of one counter, counted in both ways: a policy may change from one to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// For sliding windows.
    pub(crate) log: WindowLog,
    /// For calendar windows.
    pub(crate) bucket: Bucket,
}

/// The time on a store's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) sliding: Duration,
    /// Since 1970.
    pub(crate) unix: Duration,
}

impl Clock {
    fn latest_of(self, other: Self) -> Self {
        Self { sliding: self.sliding.max(other.sliding), unix: self.unix.max(other.unix) }
    }
}

impl Count {
    pub(super) fn is_idle(&self, now: Clock) -> bool {
        self.log.expires_at() <= now.sliding && self.bucket.expires_at() <= now.unix
    }
}

/// The wait for what never fits.
const FOREVER: Duration = Duration::MAX;

#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) by_counter: HashMap<CounterId, Count>,
    /// The latest time so far: time never goes back.
    pub(crate) latest: Clock,
}

impl Counts {
    pub(super) fn forget_idle(&mut self, clock: Clock) {
        self.latest = self.latest.latest_of(clock);
        let latest = self.latest;
        self.by_counter.retain(|_, count| !count.is_idle(latest));
    }

    pub(crate) fn reserve(&mut self, charges: &[Charge<'_>], clock: Clock) -> Result<Reserved, Denied> {
        self.latest = self.latest.latest_of(clock);
        let mut refused: Option<(usize, Duration)> = None;
        for charge in charges.iter().filter(|charge| charge.amount > Amount::ZERO) {
            if let Some(wait) = self.wait_for_charge(charge, charges, clock) {
                let (limit, longest) = refused.unwrap_or((charge.limit, wait));
                refused = Some((limit, longest.max(wait)));
            }
        }
        match refused {
            None => Ok(self.take_charges(charges)),
            Some((limit, wait)) => {
                Err(Denied::Exceeded { limit, retry_after: Some(wait).filter(|wait| *wait != FOREVER) })
            }
        }
    }

    pub(crate) fn refund(&mut self, taken: &[Taken], clock: Clock) {
        self.latest = self.latest.latest_of(clock);
        for taken in taken {
            let Some(count) = self.by_counter.get_mut(&taken.counter) else { continue };
            match taken.window {
                Window::Sliding(span) => {
                    count.log.refund_amount(taken.amount, taken.at, span.length(), self.latest.sliding);
                }
                Window::Calendar(_) => count.bucket.refund_amount(taken.amount, taken.at),
            }
        }
    }

    /// Returns how long a charge does not fit, together with the others on its counter; `None` if it fits.
    fn wait_for_charge(&mut self, charge: &Charge<'_>, charges: &[Charge<'_>], clock: Clock) -> Option<Duration> {
        let Some(amount) = sum_charges(charge, charges) else { return Some(FOREVER) };
        let Some(count) = self.by_counter.get_mut(charge.counter) else {
            return (amount > charge.max).then_some(FOREVER);
        };
        // The wait begins at the time that the clock shows, which may have been set back.
        let (fits, now, shown) = match charge.window {
            Window::Sliding(span) => {
                let now = self.latest.sliding;
                (count.log.fits_at(amount, charge.max, span.length(), now), now, clock.sliding)
            }
            Window::Calendar(unit) => {
                let now = self.latest.unix;
                (count.bucket.fits_at(amount, charge.max, unit, now), now, clock.unix)
            }
        };
        match fits {
            None => Some(FOREVER),
            Some(at) => (at > now).then(|| at.saturating_sub(shown)),
        }
    }

    fn take_charges(&mut self, charges: &[Charge<'_>]) -> Reserved {
        let now = self.latest;
        let mut taken = Vec::with_capacity(charges.len());
        for charge in charges.iter().filter(|charge| charge.amount > Amount::ZERO) {
            if !self.by_counter.contains_key(charge.counter) {
                self.by_counter.insert(charge.counter.clone(), Count::default());
            }
            let Some(count) = self.by_counter.get_mut(charge.counter) else { continue };
            let at = match charge.window {
                Window::Sliding(span) => count.log.take_amount(charge.amount, span.length(), now.sliding),
                Window::Calendar(unit) => count.bucket.take_amount(charge.amount, unit, now.unix),
            };
            let Charge { scope, window, amount, .. } = *charge;
            taken.push(Taken { scope, counter: charge.counter.clone(), window, at, amount });
        }
        Reserved { taken }
    }
}

/// Sums up all charges on the counter of one charge; `None` if the sum overflows.
fn sum_charges(charge: &Charge<'_>, charges: &[Charge<'_>]) -> Option<Amount> {
    let kind = std::mem::discriminant(&charge.window);
    charges
        .iter()
        .filter(|other| std::mem::discriminant(&other.window) == kind && other.counter == charge.counter)
        .try_fold(Amount::ZERO, |sum, other| sum.checked_add(other.amount))
}
