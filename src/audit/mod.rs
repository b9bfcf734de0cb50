//! The audit log: every decision as one line in the state folder, chained so that a change shows.

mod append;
mod journal;
mod key;
mod lines;
mod log;
mod mark;
mod place;
pub mod reader;
mod session_lock;
mod trouble;
pub mod verify;
mod writer;

use std::time::Duration;

use crate::limits::{AUDIT_FILE, KEEP_DAYS};

pub use key::key;
pub use lines::Lines;
pub use log::{Log, Unanswered};
pub use mark::Mark;
pub use place::Place;
pub use trouble::Trouble;
pub use verify::{Report, verify};

/// How the log's files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// From which size on a file is rotated away, in bytes.
    pub max_size: u64,
    /// How long a rotated file is kept after its last record.
    pub keep: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_size: AUDIT_FILE as u64, keep: Duration::from_secs(u64::from(KEEP_DAYS) * 24 * 60 * 60) }
    }
}
