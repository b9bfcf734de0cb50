//! The audit log as reports read it. What cannot be read is skipped, and returned so that a person can be told.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::recorded_calls::{CallOrder, RecordedCall};
use crate::audit::reader::{self, Reader};
use crate::exit::Exit;
use crate::limits::MAX_UNREADABLE_TOLD;
use crate::policy::{BadServerName, ServerName, ToolGlob};
use crate::record::{About, Line};
use crate::visible::visible;

/// How much of the reason is kept why a line cannot be read, in characters. It may quote all of the line.
const MAX_REASON: usize = 160;

/// The log of one server, or of all of them, from its first line on.
#[derive(Debug)]
pub struct LogRecords {
    reader: Reader,
    dir: PathBuf,
    server: Option<ServerName>,
    /// How many skipped lines were described, at most [`MAX_UNREADABLE_TOLD`].
    described: usize,
}

/// Lines that could not be read and were skipped.
#[derive(Debug, Default)]
#[must_use = "a person is to be told what was skipped"]
pub struct SkippedLines {
    /// The first of them.
    pub lines: Vec<SkippedLine>,
    /// How many more there were.
    pub more: usize,
}

/// A line that could not be read.
#[derive(Debug)]
pub struct SkippedLine {
    /// The file, fit for a terminal.
    pub file: String,
    /// The number of the line in the file, from 1.
    pub number: u64,
    /// What is wrong with it, fit for a terminal.
    pub why: String,
}

/// The log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("The audit log in {dir} cannot be read. Read it as the user who runs policylayer: {error}")]
pub struct ReadLogError {
    dir: String,
    error: io::Error,
}

impl ReadLogError {
    pub(super) fn new(dir: &Path, error: io::Error) -> Self {
        Self { dir: shown(dir), error }
    }
}

/// There is no log of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MissingLog {
    dir: String,
    server: Option<ServerName>,
    /// The servers that have a log.
    others: Vec<ServerName>,
}

impl fmt::Display for MissingLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = &self.dir;
        match &self.server {
            Some(server) if !self.others.is_empty() => {
                let others = join(&self.others);
                write!(f, "There is no audit log of {server} in {dir}; there is one of {others}.")?;
            }
            Some(server) => write!(f, "There is no audit log of {server} yet; it would be in {dir}.")?,
            None => write!(f, "There is no audit log yet; it would be in {dir}.")?,
        }
        f.write_str(" `policylayer wrap` starts it with its first decision.")
    }
}

/// Why it is not clear which server's log is meant.
#[derive(Debug, thiserror::Error)]
pub enum ChooseServerError {
    /// What was named is no server name.
    #[error(transparent)]
    BadName(#[from] BadServerName),
    /// The directory of the log cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadLogError),
    /// No server has a log.
    #[error(transparent)]
    Missing(#[from] MissingLog),
    /// Several servers have a log, and none of them was named.
    #[error("There are logs of several servers: {}. Name one of them, as in --server {first}.", join(.servers))]
    Several {
        /// The servers.
        servers: Vec<ServerName>,
        /// The first of them.
        first: ServerName,
    },
}

impl ChooseServerError {
    /// The exit code of a command that ends with this.
    pub fn exit(&self) -> Exit {
        match self {
            Self::BadName(_) | Self::Several { .. } => Exit::Usage,
            Self::Unreadable(_) | Self::Missing(_) => Exit::Failed,
        }
    }
}

/// Chooses the server whose log in `dir` is meant: the one that is named, else the one of the policy file, where it has a
/// log, else the only one that has a log.
///
/// # Errors
/// When the name is none, or when there is no log or more than one to choose from.
pub fn choose_server(
    named: Option<&str>,
    of_policy: Option<ServerName>,
    dir: &Path,
) -> Result<ServerName, ChooseServerError> {
    if let Some(name) = named {
        return Ok(ServerName::parse(name)?);
    }
    let servers = servers(dir)?;
    if let Some(server) = of_policy.filter(|server| servers.contains(server)) {
        return Ok(server);
    }
    match servers.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(MissingLog { dir: shown(dir), server: None, others: servers }.into()),
        [first, ..] => Err(ChooseServerError::Several { first: first.clone(), servers }),
    }
}

impl LogRecords {
    /// Opens the log of `server` in `dir`, or all logs there.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn open(dir: &Path, server: Option<&ServerName>) -> Result<Self, ReadLogError> {
        let reader = Reader::open(dir, server).map_err(|error| ReadLogError::new(dir, error))?;
        Ok(Self { reader, dir: dir.to_owned(), server: server.cloned(), described: 0 })
    }

    /// Passes each line that is there and was not passed on yet to `on`, also as text.
    ///
    /// # Errors
    /// When the log cannot be read, and what `on` fails with.
    pub fn for_each<E: From<ReadLogError>>(
        &mut self,
        mut on: impl FnMut(&Line<'_>, &str) -> Result<(), E>,
    ) -> Result<SkippedLines, E> {
        let mut skipped = SkippedLines::default();
        while let Some(found) = self.reader.next().map_err(|error| ReadLogError::new(&self.dir, error))? {
            match &found.line {
                Ok(line) => on(line, found.text)?,
                Err(_) if self.described == MAX_UNREADABLE_TOLD => skipped.more += 1,
                Err(error) => {
                    self.described += 1;
                    let why = visible(&error.to_string().chars().take(MAX_REASON).collect::<String>());
                    skipped.lines.push(SkippedLine { file: shown(found.file), number: found.number, why });
                }
            }
        }
        Ok(skipped)
    }

    /// Passes each recorded call of a tool to `on`, those since a time or all, in the order in which they were decided.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn for_each_call(
        &mut self,
        since: Option<Timestamp>,
        mut on: impl FnMut(&RecordedCall),
    ) -> Result<SkippedLines, ReadLogError> {
        let mut order = CallOrder::default();
        let skipped = self.for_each(|line, _| {
            if since.is_none_or(|since| line.time >= since)
                && let Some(call) = RecordedCall::from_line(line)
                && let Some(next) = order.push(call)
            {
                on(&next);
            }
            Ok::<_, ReadLogError>(())
        })?;
        while let Some(next) = order.pop() {
            on(&next);
        }
        Ok(skipped)
    }

    /// Looks for what was written since.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn look_again(&mut self) -> Result<(), ReadLogError> {
        self.reader.look_again().map_err(|error| ReadLogError::new(&self.dir, error))
    }

    /// The servers whose logs are read.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = &ServerName> {
        self.reader.servers()
    }

    /// Returns what is missing where there is no log at all of what was asked for.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn find_missing(&self) -> Result<Option<MissingLog>, ReadLogError> {
        if self.reader.servers().len() > 0 {
            return Ok(None);
        }
        let others = servers(&self.dir)?;
        Ok(Some(MissingLog { dir: shown(&self.dir), server: self.server.clone(), others }))
    }
}

/// Which lines of the log are meant. What is `None` excludes nothing.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// The tool's name. What happened to the log itself belongs to no tool.
    pub tool: Option<ToolGlob>,
    /// The effect, as the log has it.
    pub effect: Option<String>,
    /// The outcome, as the log has it.
    pub outcome: Option<String>,
    /// The first digits of the session's name.
    pub session: Option<String>,
    /// The time of the first decision that is meant.
    pub since: Option<Timestamp>,
}

impl LogFilter {
    /// Whether a line is meant.
    pub fn matches(&self, line: &Line<'_>) -> bool {
        let fits = |wanted: &Option<String>, word: &str| wanted.as_ref().is_none_or(|wanted| wanted == word);
        self.since.is_none_or(|since| line.time >= since)
            && self.session.as_ref().is_none_or(|session| line.session.starts_with(session.as_str()))
            && match &line.about {
                About::Event(_) => self.tool.is_none() && self.effect.is_none() && self.outcome.is_none(),
                About::Decision(record) => {
                    fits(&self.effect, &record.effect)
                        && fits(&self.outcome, record.outcome.as_str())
                        && self
                            .tool
                            .as_ref()
                            .is_none_or(|glob| record.tool.as_ref().is_some_and(|tool| glob.matches(tool)))
                }
            }
    }
}

fn servers(dir: &Path) -> Result<Vec<ServerName>, ReadLogError> {
    reader::servers(dir).map_err(|error| ReadLogError::new(dir, error))
}

fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

fn join(servers: &[ServerName]) -> String {
    servers.iter().map(ServerName::as_str).collect::<Vec<_>>().join(", ")
}
