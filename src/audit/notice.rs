//! The notices on stderr about a log that cannot be written.

use std::io;
use std::path::Path;

use crate::state::file::is_held_open;
use crate::visible::escape_invisible;

/// A notice about the log's condition, in complete sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogNotice {
    /// It cannot be written.
    #[error("{0} Until then records are dropped and counted, and writing is tried again every second.")]
    Unwritable(String),
    /// It can be written again.
    #[error("The audit log is written again; {lost} records are missing from it.")]
    Written {
        /// How many records are missing.
        lost: u64,
    },
    /// The writer did not keep up.
    #[error(
        "The audit log is written too slowly: {lost} records are missing from it. Put the state directory on a faster disk, or \
         keep less of the arguments."
    )]
    Behind {
        /// How many records are missing.
        lost: u64,
    },
    /// The log is written, but a file beside it is not.
    #[error("{0}")]
    Beside(String),
}

pub(super) fn describe_unwritable(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "Make room on the disk, or keep fewer days ([audit] keep_days)."
        }
        io::ErrorKind::InvalidData => {
            "Put the file back as it was, or move all files of this server's log away together to begin a new one."
        }
        // The error already says what to do.
        _ if is_held_open(error) => "",
        _ => "Make its directory one that the user who runs policylayer may write to.",
    };
    format!(
        "The audit log {} cannot be written ({error}).{}{remedy}",
        escape_invisible(&path.display().to_string()),
        if remedy.is_empty() { "" } else { " " }
    )
}

pub(super) fn describe_unwritable_journal(path: &Path, error: &io::Error) -> String {
    format!(
        "The journal {} cannot be written ({error}), so calls that are not yet answered are not recorded. Make its directory \
         one that the user who runs policylayer may write to, and make room on the disk.",
        escape_invisible(&path.display().to_string())
    )
}

pub(super) fn describe_unsynced(path: &Path, error: &io::Error) -> String {
    format!(
        "The audit log {} is written but cannot be synced to the disk ({error}): its last records would not outlive a power \
         cut. Make room on the disk, and look whether it is sound.",
        escape_invisible(&path.display().to_string())
    )
}
