//! What outlives a run of the wrapper: the counts of the scope `server`, in one SQLite file.

mod codec;
pub(crate) mod file;
mod sqlite;

pub use sqlite::Sqlite;

use crate::engine::Now;
use crate::engine::limits::{Charge, Denied, Reserved, Store, Unavailable};

/// A store that there is no place for: what has to be counted in it is refused.
#[derive(Debug)]
pub struct Nowhere(pub String);

impl Store for Nowhere {
    fn reserve(&mut self, _charges: &[Charge<'_>], _now: Now) -> Result<Reserved, Denied> {
        Err(Unavailable(self.0.clone()).into())
    }

    fn refund(&mut self, _reserved: Reserved, _now: Now) -> Result<(), Unavailable> {
        Err(Unavailable(self.0.clone()))
    }
}
