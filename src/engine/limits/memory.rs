//! The counts of a session. They begin at zero.

use super::counts::{Clock, Counts};
use super::{Charge, Denied, Reserved, Store, Unavailable};
use crate::engine::Now;
use crate::limits::MAX_COUNTERS;

/// Counts in memory. Sliding windows follow the session's clock, which cannot be set back.
#[derive(Debug, Default)]
pub struct Memory {
    counts: Counts,
}

impl Memory {
    fn make_room(&mut self, charges: &[Charge<'_>], now: Now) -> Result<(), Unavailable> {
        let fits = |counts: &Counts| {
            let is_new = |charge: &&Charge<'_>| !counts.by_counter.contains_key(charge.counter);
            counts.by_counter.len() + charges.iter().filter(is_new).count() <= MAX_COUNTERS
        };
        if fits(&self.counts) {
            return Ok(());
        }
        self.counts.forget_idle(store_clock(now));
        if fits(&self.counts) {
            return Ok(());
        }
        Err(Unavailable(format!(
            "this session keeps {MAX_COUNTERS} counters already, and one more does not fit. Use fewer limits, or shorter \
             windows."
        )))
    }
}

fn store_clock(now: Now) -> Clock {
    Clock { sliding: now.session, unix: now.unix }
}

impl Store for Memory {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        self.make_room(charges, now)?;
        self.counts.reserve(charges, store_clock(now))
    }

    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        self.counts.refund(&reserved.taken, store_clock(now));
        Ok(())
    }
}
