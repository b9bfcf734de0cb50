//! What a verification found.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::limits::MAX_VERIFY_NOTES;
use crate::record::Digest;
use crate::visible::visible;

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many lines were read.
    pub lines: u64,
    /// How many lines were pruned before.
    pub pruned: u64,
    /// How many files were read.
    pub files: u64,
    /// The time of the first and the last record read.
    pub span: Option<(Timestamp, Timestamp)>,
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
    pub last: Digest,
    /// What is to be known and is no tampering, at most [`MAX_VERIFY_NOTES`].
    pub notes: Vec<Note>,
    /// How many notes more there were.
    pub notes_left_out: u64,
    /// The first place where the log is not as it was written.
    pub broken: Option<Broken>,
}

/// What is to be known of a log and is no tampering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A session was killed.
    Killed {
        /// The session.
        session: String,
        /// How many of its calls were unanswered; `None` where no session has looked yet.
        unanswered: Option<u64>,
    },
    /// A line is cut, as its session was killed while it wrote.
    Cut {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Records could not be written.
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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed { session, unanswered } => {
                write!(f, "session {} was killed; its last records may be missing", visible(session))?;
                match unanswered {
                    Some(0) => Ok(()),
                    Some(calls) => write!(f, "; of {calls} calls nobody knows how they ended"),
                    None => write!(f, "; the next session records what it left unanswered"),
                }
            }
            Self::Cut { file, line } => write!(
                f,
                "{}, line {line}: it is cut, as its session was killed while it wrote it",
                visible(&file.display().to_string())
            ),
            Self::Gap { file, line, lost, why } => write!(
                f,
                "{}, line {line}: {lost} records could not be written before it ({})",
                visible(&file.display().to_string()),
                visible(why)
            ),
        }
    }
}

/// The first place where a log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None` where it is the whole file.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The line is another one than was written.
    Changed,
    /// Lines are missing before it.
    Removed(Option<u64>),
    /// The line before was changed, or lines between were removed.
    ChangedOrRemoved,
    /// The line was not there.
    Inserted,
    /// The line and the next have changed places.
    Swapped,
    /// The line is no record, for this reason.
    NoRecord(String),
    /// The line is of another server's log.
    OtherServer(String),
    /// The file does not follow the one before it.
    OutOfOrder,
    /// The file is missing.
    Missing,
    /// Lines are missing at the end.
    CutEnd(u64),
    /// The head tells not what is the log's end, for this reason.
    Head(String),
    /// The anchor tells not what was pruned, for this reason.
    Anchor(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it was changed after it was written"),
            Self::Removed(None) => f.write_str("lines before it were removed"),
            Self::Removed(Some(1)) => f.write_str("one line before it was removed"),
            Self::Removed(Some(count)) => write!(f, "{count} lines before it were removed"),
            Self::ChangedOrRemoved => f.write_str("the line before it was changed, or lines before it were removed"),
            Self::Inserted => f.write_str("it was inserted"),
            Self::Swapped => f.write_str("it has changed places with the next one"),
            Self::NoRecord(why) => write!(f, "it was changed after it was written: {}", visible(why)),
            Self::OtherServer(server) => write!(f, "it is of the log of {}", visible(server)),
            Self::OutOfOrder => f.write_str("the file does not follow the one before it: files have changed places"),
            Self::Missing => f.write_str("the file is missing"),
            Self::CutEnd(1) => f.write_str("the last line is missing at the end"),
            Self::CutEnd(count) => write!(f, "the last {count} lines are missing at the end"),
            Self::Anchor(why) => write!(f, "it cannot be told what was pruned: {}", visible(why)),
            Self::Head(why) => write!(f, "it cannot be told whether the log's end was cut off: {}", visible(why)),
        }
    }
}

impl Broken {
    /// What to do.
    pub fn remedy(&self) -> &'static str {
        "Compare the log with a backup, and find out who changed it. To begin a new one, move all files of this server's \
         log away together; what is older than [audit] keep_days goes by itself."
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.file.display().to_string()))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}. {}", self.what, self.remedy())
    }
}

impl Report {
    pub(super) fn note(&mut self, note: Note) {
        if self.notes.len() < MAX_VERIFY_NOTES { self.notes.push(note) } else { self.notes_left_out += 1 }
    }

    pub(super) fn head_is_damaged(&mut self, file: PathBuf, why: String) {
        self.broken.get_or_insert(Broken { file, line: None, what: What::Head(why) });
    }
}
