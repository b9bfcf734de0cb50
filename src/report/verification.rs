//! Whether the log is as it was written.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::log_records::{LogRecords, ReadLogError};
use crate::audit::verify;
use crate::policy::ServerName;
use crate::visible::visible;

/// Whether logs are as they were written.
#[derive(Debug, Serialize)]
pub struct VerificationReport {
    /// Whether all of them are.
    pub whole: bool,
    /// Each log, by server.
    pub servers: Vec<ServerVerification>,
}

/// Whether the log of one server is as it was written.
#[derive(Debug, Serialize)]
pub struct ServerVerification {
    /// The server.
    pub server: String,
    /// Whether the log is as it was written.
    pub whole: bool,
    /// The first place where it is not.
    pub broken: Option<BrokenPlace>,
    /// How many lines were read.
    pub lines: u64,
    /// How many files were read.
    pub files: u64,
    /// How many lines before them were pruned for their age.
    pub pruned: u64,
    /// The time of the first line.
    pub first: Option<Timestamp>,
    /// The time of the last line.
    pub last: Option<Timestamp>,
    /// How many sessions the lines are from.
    pub sessions: u64,
    /// How many sessions are running now.
    pub running: u64,
    /// How many times decisions could not be written.
    pub gaps: u64,
    /// How many decisions these were.
    pub lost: u64,
    /// How many calls have an unknown outcome because their session was killed.
    pub unknown: u64,
    /// The digest of the last line.
    pub last_sha256: String,
    /// What else is worth knowing and is no tampering.
    pub notes: Vec<String>,
    /// How many more notes there were.
    pub notes_left_out: u64,
}

/// A place where a log is not as it was written.
#[derive(Debug, Serialize)]
pub struct BrokenPlace {
    /// The file, fit for a terminal.
    pub file: String,
    /// The line, from 1; `None` if it is the whole file.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// The place, what is wrong and what to do, for a person.
    #[serde(skip)]
    pub message: String,
}

impl VerificationReport {
    /// Verifies the logs in `dir` that `records` reads.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn collect(records: &LogRecords, dir: &Path) -> Result<Self, ReadLogError> {
        let verify = |server: &ServerName| match verify::verify(dir, server) {
            Ok(report) => Ok(ServerVerification::new(server, &report)),
            Err(error) => Err(ReadLogError::new(dir, error)),
        };
        let servers = records.servers().map(verify).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { whole: servers.iter().all(|server| server.whole), servers })
    }
}

impl ServerVerification {
    fn new(server: &ServerName, report: &verify::Report) -> Self {
        let broken = report.broken.as_ref().map(|broken| BrokenPlace {
            file: visible(&broken.file.display().to_string()),
            line: broken.line,
            what: broken.what.to_string(),
            message: broken.to_string(),
        });
        let (first, last) = report.span.unzip();
        Self {
            server: server.as_str().to_owned(),
            whole: broken.is_none(),
            broken,
            lines: report.lines,
            files: report.files,
            pruned: report.pruned,
            first,
            last,
            sessions: report.sessions,
            running: report.running,
            gaps: report.gaps,
            lost: report.lost,
            unknown: report.unknown,
            last_sha256: report.last.to_string(),
            notes: report.notes.iter().map(ToString::to_string).collect(),
            notes_left_out: report.notes_left_out,
        }
    }
}
