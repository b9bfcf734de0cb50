//! What a verification found.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::limits::MAX_VERIFY_NOTES;
use crate::record::Digest;
use crate::visible::escape_invisible;

/// What a verification found. It serializes as part of what `log verify --format json` prints: the order and the names of
/// the fields are promises.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// The first place where the log is not as it was written.
    pub broken: Option<ChainBreak>,
    /// How many lines were read.
    pub lines: u64,
    /// How many files were read.
    pub files: u64,
    /// How many lines were pruned before.
    pub pruned: u64,
    /// The time of the first record.
    pub first: Option<Timestamp>,
    /// The time of the last record.
    pub last: Option<Timestamp>,
    /// How many sessions the lines are of.
    pub sessions: u64,
    /// How many sessions run now.
    pub running: u64,
    /// How many times records could not be written, and how many these were.
    pub gaps: u64,
    /// How many records these were.
    pub lost: u64,
    /// How many calls have an outcome that nobody knows, as their session was killed.
    pub unknown: u64,
    /// The digest of the last line. Kept elsewhere, it shows whether the whole log was written anew.
    #[serde(serialize_with = "as_text")]
    pub last_sha256: Digest,
    /// What is to be known and is no tampering, at most [`MAX_VERIFY_NOTES`].
    #[serde(serialize_with = "as_texts")]
    pub notes: Vec<VerifyNote>,
    /// How many notes more there were.
    pub notes_left_out: u64,
}

/// What is to be known of a log and is no tampering.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyNote {
    /// A session was killed.
    #[error("session {} was killed; its last records may be missing{}", escape_invisible(.session), describe_left_open(*.unanswered))]
    Killed {
        /// The session.
        session: String,
        /// How many of its calls were unanswered; `None` where no session has looked yet.
        unanswered: Option<u64>,
    },
    /// A line is cut, as its session was killed while it wrote.
    #[error("{}, line {line}: it is cut, as its session was killed while it wrote it", display_path(.file))]
    Cut {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Records could not be written.
    #[error("{}, line {line}: {lost} records could not be written before it ({})", display_path(.file), escape_invisible(.why))]
    Gap {
        /// The file.
        file: PathBuf,
        /// The line that says so, from 1.
        line: u64,
        /// How many.
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
    /// The line, from 1; `None` where it is the whole file.
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
    serializer.serialize_str(&escape_invisible(&path.display().to_string()))
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakKind {
    /// The line is another one than was written.
    #[error("it was changed after it was written")]
    Changed,
    /// LogLines are missing before it.
    #[error("{} removed", describe_lines_before(*.0))]
    Removed(Option<u64>),
    /// The line before was changed, or lines between were removed.
    #[error("the line before it was changed, or lines before it were removed")]
    ChangedOrRemoved,
    /// The line was not there.
    #[error("it was inserted")]
    Inserted,
    /// The line and the next have changed places.
    #[error("it has changed places with the next one")]
    Swapped,
    /// The line is no record, for this reason.
    #[error("it was changed after it was written: {}", escape_invisible(.0))]
    NoRecord(String),
    /// The line is of another server's log.
    #[error("it is of the log of {}", escape_invisible(.0))]
    OtherServer(String),
    /// The file does not follow the one before it.
    #[error("the file does not follow the one before it: files have changed places")]
    OutOfOrder,
    /// The file is missing.
    #[error("the file is missing")]
    Missing,
    /// LogLines are missing at the end.
    #[error("the last {} missing at the end", if *.0 == 1 { "line is".to_owned() } else { format!("{} lines are", .0) })]
    CutEnd(u64),
    /// The head tells not what is the log's end, for this reason.
    #[error("it cannot be told whether the log's end was cut off: {}", escape_invisible(.0))]
    Head(String),
    /// The anchor tells not what was pruned, for this reason.
    #[error("it cannot be told what was pruned: {}", escape_invisible(.0))]
    Anchor(String),
}

impl ChainBreak {
    /// What to do.
    pub fn remedy(&self) -> &'static str {
        "Compare the log with a backup, and find out who changed it. To begin a new one, move all files of this server's \
         log away together; what is older than [audit] keep_days goes by itself."
    }
}

impl fmt::Display for ChainBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_path(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}. {}", self.what, self.remedy())
    }
}

fn describe_left_open(calls: Option<u64>) -> String {
    match calls {
        Some(0) => String::new(),
        Some(calls) => format!("; of {calls} calls nobody knows how they ended"),
        None => "; the next session records what it left unanswered".to_owned(),
    }
}

fn describe_lines_before(count: Option<u64>) -> String {
    match count {
        None => "lines before it were".to_owned(),
        Some(1) => "one line before it was".to_owned(),
        Some(count) => format!("{count} lines before it were"),
    }
}

/// A path as a person reads it.
fn display_path(path: &Path) -> String {
    escape_invisible(&path.display().to_string())
}

impl VerifyReport {
    pub(super) fn add_note(&mut self, note: VerifyNote) {
        if self.notes.len() < MAX_VERIFY_NOTES { self.notes.push(note) } else { self.notes_left_out += 1 }
    }

    pub(super) fn record_damaged_head(&mut self, file: PathBuf, why: String) {
        self.broken.get_or_insert(ChainBreak { file, line: None, what: BreakKind::Head(why) });
    }
}
