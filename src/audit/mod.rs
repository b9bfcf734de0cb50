//! The audit log: one line per decision in the state directory, chained so that a change shows.

mod append;
mod journal;
mod key;
mod lines;
mod log;
mod mark;
mod notice;
mod paths;
mod policies;
pub mod reader;
mod session_lock;
pub mod verify;
mod writer;

use std::time::Duration;

use crate::limits::{AUDIT_FILE, AUDIT_TOTAL, KEEP_DAYS};

pub use key::load_key;
pub(crate) use lines::LogLines;
pub use log::{AuditLog, Unanswered};
pub use notice::LogNotice;
pub use paths::{LogPaths, list_recorded_servers};
pub use policies::{KeptPolicy, PolicyText, list_policies};
pub use session_lock::count_sessions;
pub use verify::{VerifyReport, verify_log};

/// How large the log's files grow, and how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The size from which on a file is rotated away, in bytes.
    pub max_size: u64,
    /// The size of all files together above which the oldest are removed, in bytes.
    pub max_total: u64,
    /// How long a rotated file is kept after its last record.
    pub keep: Duration,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            max_size: AUDIT_FILE as u64,
            max_total: AUDIT_TOTAL as u64,
            keep: Duration::from_secs(u64::from(KEEP_DAYS) * 24 * 60 * 60),
        }
    }
}
