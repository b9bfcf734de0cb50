//! Counts calls, and refuses those that are over a limit.
//!
//! ```text
//! Charge… ─▶ Limits ─▶ session: Memory              all fit: Reserved, to refund if the call is not sent
//!                  └─▶ client, server: other Stores  one does not: Denied, and nothing is taken
//! ```
//! Time is passed in, and counts are exact. Neither a clock that is set back nor an argument lowers a count.

pub(crate) mod bucket;
pub(crate) mod counts;
mod memory;
pub(crate) mod window_log;

use std::fmt;
use std::time::Duration;

pub use memory::Memory;

use super::Now;
use crate::policy::{Amount, CounterId, Scope, Window};

/// What one call takes from the counter of one limit.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// Whose calls are counted.
    pub scope: Scope,
    /// The counter. If several charges of a call use the same one, their amounts are added.
    pub counter: &'a CounterId,
    /// The window.
    pub window: Window,
    /// The maximum in the window.
    pub max: Amount,
    /// What the call takes. Zero always fits.
    pub amount: Amount,
    /// The caller's number for the limit, used in [`Denied::Exceeded`].
    pub limit: usize,
}

/// What a call has taken. Give it back with [`Store::refund_reserved`] if the call is not sent; otherwise drop it.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Reserved {
    pub(crate) taken: Vec<Taken>,
}

impl Reserved {
    /// Returns whether there is nothing to give back.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Returns what was taken from the wanted counters. The rest stays taken.
    pub(crate) fn retain_counters(&self, wanted: impl Fn(&CounterId) -> bool) -> Self {
        Self { taken: self.taken.iter().filter(|taken| wanted(&taken.counter)).cloned().collect() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) scope: Scope,
    pub(crate) counter: CounterId,
    pub(crate) window: Window,
    /// By the clock of the store that counts it.
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
        /// How long the same call does not fit, if nothing else is let through meanwhile. `None` if it never fits. If a
        /// limit of the session is reached, those of the client and the server were not checked, and may be reached as well.
        retry_after: Option<Duration>,
    },
    /// The counts cannot be read or written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A store cannot count. The message says what is wrong and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Keeps counts.
pub trait Store: fmt::Debug + Send {
    /// Takes all charges of a call, or none of them.
    ///
    /// # Errors
    /// If one does not fit, or cannot be counted.
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied>;

    /// Gives back what a call has taken and not used. What has left its window is ignored.
    ///
    /// # Errors
    /// If it cannot be counted: then it stays taken until its windows are over.
    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable>;
}

/// The counts of one scope, beside those of the others.
#[derive(Debug)]
pub struct Limits {
    scope: Scope,
    of_scope: Box<dyn Store>,
    others: Box<dyn Store>,
}

impl Limits {
    /// Creates counts that begin at zero for the session, beside those of the other scopes, which are only used if a charge
    /// needs them.
    pub fn new(others: Box<dyn Store>) -> Self {
        Self { scope: Scope::Session, of_scope: Box::new(Memory::default()), others }
    }

    /// Creates counts of the scopes `client` and `server`, each in a store of its own.
    pub fn with_shared(client: Box<dyn Store>, server: Box<dyn Store>) -> Self {
        Self { scope: Scope::Client, of_scope: client, others: server }
    }
}

impl Store for Limits {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        if charges.iter().all(|charge| charge.scope == self.scope) {
            return self.of_scope.reserve_charges(charges, now);
        }
        let (of_scope, others): (Vec<_>, Vec<_>) =
            charges.iter().copied().partition(|charge| charge.scope == self.scope);
        // The narrower scope comes first: a session's refusal costs no I/O, and its refund cannot fail.
        let taken = self.of_scope.reserve_charges(&of_scope, now)?;
        match self.others.reserve_charges(&others, now) {
            Ok(reserved) => Ok(Reserved { taken: [taken.taken, reserved.taken].concat() }),
            Err(denied) => {
                self.of_scope.refund_reserved(taken, now)?;
                Err(denied)
            }
        }
    }

    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        let (of_scope, others): (Vec<_>, Vec<_>) =
            reserved.taken.into_iter().partition(|taken| taken.scope == self.scope);
        // What one store cannot give back is no reason for the other to keep it.
        let refunded = self.of_scope.refund_reserved(Reserved { taken: of_scope }, now);
        if !others.is_empty() {
            self.others.refund_reserved(Reserved { taken: others }, now)?;
        }
        refunded
    }
}
