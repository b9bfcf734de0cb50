//! Counting what is let through, and refusing what is too much.
//!
//! ```text
//! Charge… ─▶ Limits ─▶ session: Memory        all fit: Reserved, to be refunded where the call was not forwarded
//!                  └─▶ server: another Store   one does not: Denied, and nothing is taken
//! ```
//! Time is passed in and counts are exact. No clock that is set back, and no argument, frees or lowers a count.

pub(crate) mod bucket;
pub(crate) mod counts;
pub(crate) mod log;
mod memory;

use std::fmt;
use std::time::Duration;

pub use memory::Memory;

use super::now::Now;
use crate::policy::{Amount, CounterId, Scope, Window};

/// What one limit asks of a counter for one call.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// Whose calls are counted.
    pub scope: Scope,
    /// The counter. Where several charges of a call are on the same one, their amounts are added.
    pub counter: &'a CounterId,
    /// The window.
    pub window: Window,
    /// How much the window lets through.
    pub max: Amount,
    /// How much the call takes. Nothing always fits.
    pub amount: Amount,
    /// The caller's own number of the limit, for [`Denied::Exceeded`].
    pub limit: usize,
}

/// What a call has taken. Hand it back with [`Store::refund`] where the call was not forwarded, else drop it.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Reserved {
    taken: Vec<Taken>,
}

impl Reserved {
    /// Whether there is nothing to hand back.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Only what was taken from these counters. The rest stays taken.
    pub(crate) fn only(&self, wanted: impl Fn(&CounterId) -> bool) -> Self {
        Self { taken: self.taken.iter().filter(|taken| wanted(&taken.counter)).cloned().collect() }
    }

    pub(crate) fn new(taken: Vec<Taken>) -> Self {
        Self { taken }
    }

    pub(crate) fn taken(&self) -> &[Taken] {
        &self.taken
    }
}

/// One charge that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) scope: Scope,
    pub(crate) counter: CounterId,
    pub(crate) window: Window,
    /// When, by the clock of the store that counts it.
    pub(crate) at: Duration,
    pub(crate) amount: Amount,
}

/// Why a call is refused. Nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A limit is reached.
    #[error("a limit is reached")]
    Exceeded {
        /// [`Charge::limit`] of the first charge that does not fit.
        limit: usize,
        /// After how long the very same call fits, if nothing else is let through until then: at that moment and not
        /// before. `None` where it never does. Where a limit of the session is reached, those of the server were not
        /// asked, and may be reached then.
        retry_after: Option<Duration>,
    },
    /// The counts cannot be read or written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A store cannot count. The message says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Keeps counts.
pub trait Store: fmt::Debug + Send {
    /// Takes all charges of a call, or none of them.
    ///
    /// # Errors
    /// Where one does not fit, or cannot be counted.
    fn reserve(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied>;

    /// Returns what a call has taken and not used. What has left its window is forgotten.
    ///
    /// # Errors
    /// Where it cannot be counted: then it stays taken until its windows are over.
    fn refund(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable>;
}

/// The counts of both scopes.
#[derive(Debug)]
pub struct Limits {
    session: Memory,
    server: Box<dyn Store>,
}

impl Limits {
    /// Counts that begin at zero for the session, and those of `server`, which is only asked where a charge needs it.
    pub fn new(server: Box<dyn Store>) -> Self {
        Self { session: Memory::default(), server }
    }
}

impl Store for Limits {
    fn reserve(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        if charges.iter().all(|charge| charge.scope == Scope::Session) {
            return self.session.reserve(charges, now);
        }
        let (session, server): (Vec<_>, Vec<_>) =
            charges.iter().copied().partition(|charge| charge.scope == Scope::Session);
        // The session first: what it refuses costs no I/O, and what it has taken can be put back without fail.
        let taken = self.session.reserve(&session, now)?;
        match self.server.reserve(&server, now) {
            Ok(reserved) => Ok(Reserved::new([taken.taken, reserved.taken].concat())),
            Err(denied) => {
                self.session.refund(taken, now)?;
                Err(denied)
            }
        }
    }

    fn refund(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        let (session, server): (Vec<_>, Vec<_>) =
            reserved.taken.into_iter().partition(|taken| taken.scope == Scope::Session);
        self.session.refund(Reserved::new(session), now)?;
        if server.is_empty() { Ok(()) } else { self.server.refund(Reserved::new(server), now) }
    }
}
