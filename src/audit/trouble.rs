//! What is said on stderr of a log that cannot be written.

use std::fmt;
use std::io;
use std::path::Path;

use crate::state::file::is_held_open;
use crate::visible::visible;

/// News of the log's condition, in whole sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be written.
    Unwritable(String),
    /// It can be written again.
    Written {
        /// How many records are missing.
        lost: u64,
    },
    /// Its writer did not keep up.
    Behind {
        /// How many records are missing.
        lost: u64,
    },
    /// It is written, and something beside it is not.
    Beside(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritable(why) => {
                write!(f, "{why} Until then records are dropped and counted, and writing is tried again every second.")
            }
            Self::Written { lost } => write!(f, "The audit log is written again; {lost} records are missing from it."),
            Self::Behind { lost } => write!(
                f,
                "The audit log is written too slowly: {lost} records are missing from it. Put the state folder on a faster \
                 disk, or keep less of the arguments."
            ),
            Self::Beside(why) => f.write_str(why),
        }
    }
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "Make room on the disk, or keep fewer days ([audit] keep_days)."
        }
        io::ErrorKind::InvalidData => {
            "Put the file back as it was, or move all files of this server's log away together to begin a new one."
        }
        // The error says it all.
        _ if is_held_open(error) => "",
        _ => "Make its folder one that the user who runs policylayer may write to.",
    };
    format!(
        "The audit log {} cannot be written ({error}).{}{remedy}",
        visible(&path.display().to_string()),
        if remedy.is_empty() { "" } else { " " }
    )
}

pub(super) fn unwritable_journal(path: &Path, error: &io::Error) -> String {
    format!(
        "The journal {} cannot be written ({error}), so calls that are not yet answered are not recorded. Make its folder \
         one that the user who runs policylayer may write to, and make room on the disk.",
        visible(&path.display().to_string())
    )
}

pub(super) fn unsynced(path: &Path, error: &io::Error) -> String {
    format!(
        "The audit log {} is written but cannot be synced to the disk ({error}): its last records would not outlive a power \
         cut. Make room on the disk, and look whether it is sound.",
        visible(&path.display().to_string())
    )
}
