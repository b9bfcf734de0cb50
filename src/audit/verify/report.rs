//! The result of a verification.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::limits::MAX_VERIFY_NOTES;
use crate::record::{Digest, LineError, VERSION};
use crate::visible::{escape_invisible, visible_path};

/// The result of a verification. It serializes as part of the output of `log verify --format json`: the order and the
/// names of the fields are promises.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// The first place where the log is not as it was written.
    pub broken: Option<ChainBreak>,
    /// The number of lines that were read.
    pub lines: u64,
    /// The number of files that were read.
    pub files: u64,
    /// The number of lines that were pruned before.
    pub pruned: u64,
    /// The time of the first record.
    pub first: Option<Timestamp>,
    /// The time of the last record.
    pub last: Option<Timestamp>,
    /// The number of sessions that the lines belong to.
    pub sessions: u64,
    /// The number of sessions that run now.
    pub running: u64,
    /// How many times records could not be written.
    pub gaps: u64,
    /// How many records could not be written.
    pub lost: u64,
    /// The number of calls with an unknown outcome, as their session was killed.
    pub unknown: u64,
    /// The digest of the last block, up to the last line. Kept elsewhere, it shows whether the whole log was rewritten.
    #[serde(serialize_with = "as_text")]
    pub last_sha256: Digest,
    /// Notes that are not about tampering, at most [`MAX_VERIFY_NOTES`].
    #[serde(serialize_with = "as_texts")]
    pub notes: Vec<VerifyNote>,
    /// The number of further notes.
    pub notes_left_out: u64,
}

/// Something that a reader of the log should know, and that is no tampering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyNote {
    /// A session was killed.
    #[error("session {} was killed; its last records may be missing{}", escape_invisible(.session), describe_left_open(*.unanswered))]
    Killed {
        /// The session.
        session: String,
        /// The number of its unanswered calls; `None` if no session has recorded it yet.
        unanswered: Option<u64>,
    },
    /// A line is cut, as its session was killed during the write.
    #[error("{}, line {line}: it is cut off, because its session was killed while writing it", visible_path(.file))]
    Cut {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Records could not be written.
    #[error("{}, line {line}: {lost} records could not be written before it ({})", visible_path(.file), escape_invisible(.why))]
    Gap {
        /// The file.
        file: PathBuf,
        /// The line that says so, from 1.
        line: u64,
        /// The number of records.
        lost: u64,
        /// Why.
        why: String,
    },
}

/// The first place where a log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainBreak {
    /// The file.
    #[serde(serialize_with = "as_visible_path")]
    pub file: PathBuf,
    /// The line, from 1; `None` if the whole file is meant.
    pub line: Option<u64>,
    /// What is wrong.
    #[serde(serialize_with = "as_text")]
    pub what: BreakKind,
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_texts<S: Serializer>(values: &[impl fmt::Display], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

fn as_visible_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&visible_path(path))
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakKind {
    /// The line was changed after it was written.
    #[error("it was changed after it was written")]
    Changed,
    /// One of the lines from it up to the line of this number was changed, or some of them were removed.
    #[error("it, or a line between it and line {0}, was changed, removed or inserted after it was written")]
    ChangedIn(u64),
    /// Lines before it are missing; the number is `None` if it is unknown.
    #[error("{} removed", describe_lines_before(*.0))]
    Removed(Option<u64>),
    /// The line before was changed, or lines between were removed.
    #[error("the line before it was changed, or lines before it were removed")]
    ChangedOrRemoved,
    /// The line was inserted.
    #[error("it was inserted")]
    Inserted,
    /// The line, or the block that begins with it, and the next one have changed places.
    #[error("it was swapped with what comes after it")]
    Swapped,
    /// The line is not a record, for this reason.
    #[error("it was changed after it was written: {}", escape_invisible(.0))]
    NoRecord(String),
    /// The line says that it is of this version of the log, which is later than those that are known here.
    #[error(
        "it is of version {0} of the log, and this policylayer reads versions up to {VERSION}: a newer one has written it, or it was changed"
    )]
    Newer(u64),
    /// The line belongs to another server's log.
    #[error("it belongs to the log of {}", escape_invisible(.0))]
    OtherServer(String),
    /// The file does not follow the one before it.
    #[error("the file does not follow the one before it: files were swapped")]
    OutOfOrder,
    /// The file is missing.
    #[error("the file is missing")]
    Missing,
    /// The newest file is gone, and with it this many lines.
    #[error("the file is gone, and with it {}", if *.0 == 1 { "the last line".to_owned() } else { format!("the last {} lines", .0) })]
    Gone(u64),
    /// This many lines are missing at the end.
    #[error("the last {} missing at the end", if *.0 == 1 { "line is".to_owned() } else { format!("{} lines are", .0) })]
    CutEnd(u64),
    /// The head does not tell where the log ends, for this reason.
    #[error("nobody can tell whether the end of the log was cut off: {}", escape_invisible(.0))]
    Head(String),
    /// The anchor does not tell what was pruned, for this reason.
    #[error("nobody can tell what was pruned: {}", escape_invisible(.0))]
    Anchor(String),
}

impl BreakKind {
    pub(super) fn of_line(error: LineError) -> Self {
        match error {
            LineError::Version(version) => Self::Newer(version),
            LineError::Malformed(_) => Self::NoRecord(error.to_string()),
        }
    }

    /// Returns what is said of a line that the chain shows to be another one than was written.
    pub(super) fn into_change(self) -> Self {
        match self {
            Self::Newer(version) => Self::NoRecord(LineError::Version(version).to_string()),
            other => other,
        }
    }
}

impl ChainBreak {
    /// Returns what the log is for it, in a word or two.
    pub fn state(&self) -> &'static str {
        if matches!(self.what, BreakKind::Newer(_)) { "cannot be checked" } else { "broken" }
    }

    /// Returns the advice for the reader of the report.
    pub fn remedy(&self) -> &'static str {
        if matches!(self.what, BreakKind::Newer(_)) {
            return "Verify the log with the newest policylayer that you have used: this one cannot tell whether it is intact.";
        }
        "Compare the log with a backup, and find out who changed it. To start a new log, move all files of this server's log \
         away together. Files older than [audit] keep_days, or above [audit] max_total, are removed automatically."
    }
}

impl fmt::Display for ChainBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        write!(f, "{}{line}: {}. {}", visible_path(&self.file), self.what, self.remedy())
    }
}

fn describe_left_open(calls: Option<u64>) -> String {
    match calls {
        Some(0) => String::new(),
        Some(1) => "; the outcome of 1 call is unknown".to_owned(),
        Some(calls) => format!("; the outcome of {calls} calls is unknown"),
        None => "; the next session records the calls that it left unanswered".to_owned(),
    }
}

fn describe_lines_before(count: Option<u64>) -> String {
    match count {
        None => "lines before it were".to_owned(),
        Some(1) => "one line before it was".to_owned(),
        Some(count) => format!("{count} lines before it were"),
    }
}

impl VerifyReport {
    pub(super) fn add_note(&mut self, note: VerifyNote) {
        if self.notes.len() < MAX_VERIFY_NOTES { self.notes.push(note) } else { self.notes_left_out += 1 }
    }

    pub(super) fn record_damaged_head(&mut self, file: PathBuf, why: String) {
        self.broken.get_or_insert(ChainBreak { file, line: None, what: BreakKind::Head(why) });
    }
}
