//! The counts of a session: they begin at zero with it and end with it.

use std::collections::HashSet;

use super::counts::{Clock, Counts, Exceeded};
use super::{Charge, Denied, Reserved, Store, Unavailable};
use crate::engine::Now;
use crate::limits::MAX_COUNTERS;

/// Counts in memory. Sliding windows follow the session's clock, which nobody can set back.
#[derive(Debug, Default)]
pub struct Memory {
    counts: Counts,
}

impl Memory {
    /// Makes room for counters that are not known yet, where there would be too many.
    fn make_room(&mut self, charges: &[Charge<'_>], now: Now) -> Result<(), Unavailable> {
        if self.counts.len() + charges.len() <= MAX_COUNTERS {
            return Ok(());
        }
        self.counts.forget_idle(clock(now));
        let new: HashSet<_> =
            charges.iter().map(|charge| charge.counter).filter(|counter| !self.counts.contains(counter)).collect();
        if self.counts.len() + new.len() <= MAX_COUNTERS {
            return Ok(());
        }
        Err(Unavailable(format!(
            "this session counts {MAX_COUNTERS} counters already, and one more does not fit. Use fewer limits, or shorter \
             windows."
        )))
    }
}

fn clock(now: Now) -> Clock {
    Clock { sliding: now.session, unix: now.unix }
}

impl Store for Memory {
    fn reserve(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        self.make_room(charges, now)?;
        Ok(Reserved::new(self.counts.reserve(charges, clock(now))?))
    }

    fn refund(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        self.counts.refund(reserved.taken(), clock(now));
        Ok(())
    }
}

impl From<Exceeded> for Denied {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded { limit: exceeded.limit, retry_after: exceeded.retry_after }
    }
}
