//! State that wrappers share and that outlives them, in one SQLite file: the counts of the scopes `client` and `server`, and the
//! questions for people at this machine; and what sessions remember of results.

pub mod approvals;
mod codec;
mod database;
pub(crate) mod file;
pub mod history;
mod ledger;
mod sqlite;

pub use ledger::{Clients, Keeping, Ledger};
pub use sqlite::Sqlite;

use std::time::Duration;

use crate::engine::limits::{Charge, Denied, Reserved, Store, Unavailable};
use crate::engine::{ApprovalAnswer, LocalChannel, Now, Opened, Question, Settled};

/// The store without a state directory: it refuses every call that has to be counted in it.
#[derive(Debug)]
pub struct Nowhere(pub String);

impl Store for Nowhere {
    fn reserve_charges(&mut self, _charges: &[Charge<'_>], _now: Now) -> Result<Reserved, Denied> {
        Err(Unavailable(self.0.clone()).into())
    }

    fn refund_reserved(&mut self, _reserved: Reserved, _now: Now) -> Result<(), Unavailable> {
        Err(Unavailable(self.0.clone()))
    }
}

impl LocalChannel for Nowhere {
    fn open_question(&mut self, _question: &Question, _expires: Duration) -> Result<Opened, String> {
        Err(self.0.clone())
    }

    fn settle_question(&mut self, _number: u64, _how: Settled) {}

    fn take_answers(&mut self) -> Vec<(u64, ApprovalAnswer)> {
        Vec::new()
    }

    fn take_lost(&mut self) -> Vec<(u64, String)> {
        Vec::new()
    }
}
