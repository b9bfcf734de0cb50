//! The notices on stderr about a log that cannot be written.

use std::io;
use std::path::Path;

use super::journal::JournalFull;
use crate::state::file::is_held_open;
use crate::visible::visible_path;

/// A notice about the log, in complete sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogNotice {
    /// It cannot be written.
    #[error("{0} Until then, records are dropped and counted; writing is retried every second.")]
    Unwritable(String),
    /// It can be written again.
    #[error("The audit log is being written again; {lost} records are missing from it.")]
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
        // The error already says what to do.
        _ if is_held_open(error) => "",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            " Make room on the disk, or keep less of the log ([audit] keep_days, max_total)."
        }
        io::ErrorKind::InvalidData => {
            " Put the file back as it was, or move all files of this server's log away together to start a new one."
        }
        _ => " Make its directory writable for the user who runs policylayer.",
    };
    format!("The audit log {} cannot be written ({error}).{remedy}", visible_path(path))
}

pub(super) fn describe_unwritable_journal(path: &Path, error: &io::Error) -> String {
    let is_full = error.get_ref().is_some_and(|why| why.is::<JournalFull>());
    let remedy = match is_full {
        true => "Wait for some of their answers, or keep less of the arguments ([audit] arguments).",
        false => "Make its directory writable for the user who runs policylayer, and make room on the disk.",
    };
    format!(
        "The journal {} cannot be written ({error}), so unanswered calls are not recorded if this session is killed. {remedy}",
        visible_path(path)
    )
}

pub(super) fn describe_unsynced(path: &Path, error: &io::Error) -> String {
    format!(
        "The audit log {} is written but cannot be synced to the disk ({error}): its last records would not survive a power \
         cut. Make room on the disk, and check the disk.",
        visible_path(path)
    )
}

pub(super) fn describe_unkept_policy(dir: &Path, error: &io::Error) -> String {
    format!(
        "The text of the policy in force cannot be kept in {} ({error}), so the audit log has only its SHA-256. Make that \
         directory writable for the user who runs policylayer, and make room on the disk.",
        visible_path(dir)
    )
}
