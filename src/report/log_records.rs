//! The audit log as reports read it. Unreadable lines are skipped; the report includes a warning about them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::recorded_calls::{CallOrder, RecordedCall};
use crate::audit::list_recorded_servers;
use crate::audit::reader::{self, Reader};
use crate::exit::Exit;
use crate::limits::MAX_UNREADABLE_TOLD;
use crate::policy::{ServerName, ToolGlob};
use crate::record::{About, LogLine, Subject};
use crate::state::file::FileMark;
use crate::visible::{escape_invisible, visible_path};

/// How much a warning quotes of why a line cannot be read, in characters. The reason may quote the whole line.
const MAX_REASON: usize = 160;

/// Why there is no log to report on. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("The audit log in {dir} cannot be read. Read it as the user who runs policylayer: {error}")]
    Unreadable { dir: String, error: io::Error },
    #[error("There is no audit log {0}. `policylayer wrap` starts it with its first decision.")]
    Missing(String),
    #[error(
        "The audit log of {servers} in {dir} is gone: its head is still there. Put the log back from a backup, and find out who \
         removed it; `policylayer log verify` says how many lines are missing."
    )]
    Gone { servers: String, dir: String },
    #[error("There are logs of several servers: {servers}. Name one of them, as in --server {first}.")]
    Several { servers: String, first: ServerName },
}

impl LogError {
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::Several { .. } => Exit::Usage,
            Self::Unreadable { .. } | Self::Missing(_) | Self::Gone { .. } => Exit::Failed,
        }
    }

    pub(super) fn from_io(dir: &Path, error: io::Error) -> Self {
        Self::Unreadable { dir: escape_invisible(&dir.display().to_string()), error }
    }

    fn for_missing_log(dir: &Path, server: Option<&ServerName>, others: &[ServerName]) -> Self {
        let dir = escape_invisible(&dir.display().to_string());
        Self::Missing(match server {
            Some(server) if !others.is_empty() => {
                format!("of {server} in {dir}; there is one of {}", join_names(others))
            }
            Some(server) => format!("of {server} yet; it would be in {dir}"),
            None => format!("yet; it would be in {dir}"),
        })
    }
}

/// Chooses the server whose log in `dir` is meant: the named one, else the one of the policy file if it has a log, else
/// the only one that has a log.
pub(crate) fn choose_server(
    named: Option<&ServerName>,
    of_policy: Option<ServerName>,
    dir: &Path,
) -> Result<ServerName, LogError> {
    if let Some(server) = named {
        return Ok(server.clone());
    }
    let servers = list_servers(dir)?;
    if let Some(server) = of_policy.filter(|server| servers.contains(server)) {
        return Ok(server);
    }
    match servers.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(LogError::for_missing_log(dir, None, &[])),
        [first, ..] => Err(LogError::Several { servers: join_names(&servers), first: first.clone() }),
    }
}

/// The log of one server, or of all of them, from its first line on.
#[derive(Debug)]
pub(crate) struct LogRecords {
    reader: Reader,
    dir: PathBuf,
    server: Option<ServerName>,
    /// The number of warnings about unreadable lines so far, at most [`MAX_UNREADABLE_TOLD`].
    warnings: usize,
}

impl LogRecords {
    /// Opens the log of `server` in `dir`, or all logs there. They may be missing.
    pub(crate) fn open(dir: &Path, server: Option<&ServerName>) -> Result<Self, LogError> {
        let reader = Reader::open(dir, server).map_err(|error| LogError::from_io(dir, error))?;
        Ok(Self { reader, dir: dir.to_owned(), server: server.cloned(), warnings: 0 })
    }

    /// Opens all logs in `dir` for their lines since a time; earlier ones may come as well.
    pub(crate) fn open_since(dir: &Path, since: SystemTime) -> Result<Self, LogError> {
        let reader = Reader::open_since(dir, since).map_err(|error| LogError::from_io(dir, error))?;
        Ok(Self { reader, dir: dir.to_owned(), server: None, warnings: 0 })
    }

    /// Opens the log of `server` in `dir`, or all logs there.
    pub(crate) fn open_existing(dir: &Path, server: Option<&ServerName>) -> Result<Self, LogError> {
        let records = Self::open(dir, server)?;
        records.find_missing()?.map_or(Ok(records), Err)
    }

    /// Returns what to tell a person if there is no log at all.
    pub(crate) fn find_missing(&self) -> Result<Option<LogError>, LogError> {
        if self.reader.servers().len() > 0 {
            return Ok(None);
        }
        let mut gone = list_recorded_servers(&self.dir).map_err(|error| LogError::from_io(&self.dir, error))?;
        gone.retain(|server| self.server.as_ref().is_none_or(|named| named == server));
        if !gone.is_empty() {
            return Ok(Some(LogError::Gone { servers: join_names(&gone), dir: visible_path(&self.dir) }));
        }
        Ok(Some(LogError::for_missing_log(&self.dir, self.server.as_ref(), &list_servers(&self.dir)?)))
    }

    /// Passes each available line that was not passed on yet to `on`, also as text. Returns warnings about the lines
    /// that were skipped.
    pub(crate) fn for_each<E: From<LogError>>(
        &mut self,
        mut on: impl FnMut(&LogLine<'_>, &str) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut warnings = Vec::new();
        let mut more = 0;
        while let Some(found) = self.reader.read_next().map_err(|error| LogError::from_io(&self.dir, error))? {
            match &found.line {
                Ok(line) => on(line, found.text)?,
                Err(_) if self.warnings == MAX_UNREADABLE_TOLD => more += 1,
                Err(error) => {
                    self.warnings += 1;
                    let file = escape_invisible(&found.file.display().to_string());
                    let why = escape_invisible(&error.to_string().chars().take(MAX_REASON).collect::<String>());
                    warnings.push(format!(
                        "line {} of {file} is skipped: {why}. `policylayer log verify` checks whether the log is intact.",
                        found.number
                    ));
                }
            }
        }
        if more > 0 {
            warnings.push(format!("{more} more lines cannot be read."));
        }
        Ok(warnings)
    }

    /// Passes the recorded tool calls since a time, or all of them, to `on`, in the order of their decisions. Returns
    /// warnings about the lines that were skipped.
    pub(crate) fn for_each_call(
        &mut self,
        since: Option<Timestamp>,
        mut on: impl FnMut(&RecordedCall),
    ) -> Result<Vec<String>, LogError> {
        let mut order = CallOrder::default();
        let warnings = self.for_each(|line, _| {
            if since.is_none_or(|since| line.time >= since)
                && let Some(call) = RecordedCall::from_line(line)
                && let Some(next) = order.push(call)
            {
                on(&next);
            }
            Ok::<_, LogError>(())
        })?;
        while let Some(next) = order.pop() {
            on(&next);
        }
        Ok(warnings)
    }

    /// Returns the times and lengths by which it is seen that there may be new lines.
    pub(crate) fn marks(&self) -> Vec<FileMark> {
        self.reader.marks()
    }

    /// Looks for lines that were written since.
    pub(crate) fn look_again(&mut self) -> Result<(), LogError> {
        self.reader.look_again().map_err(|error| LogError::from_io(&self.dir, error))
    }

    pub(crate) fn servers(&self) -> impl ExactSizeIterator<Item = &ServerName> {
        self.reader.servers()
    }
}

/// Selects lines of the log. A field that is `None` excludes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFilter {
    /// The name of the tool, or of a prompt. Entries about the log itself have none.
    pub(crate) tool: Option<ToolGlob>,
    /// The effect, as the log has it.
    pub(crate) effect: Option<String>,
    /// The outcome, as the log has it.
    pub(crate) outcome: Option<String>,
    /// The first digits of the session's name.
    pub(crate) session: Option<String>,
    /// The time of the earliest selected decision.
    pub(crate) since: Option<Timestamp>,
}

impl LogFilter {
    pub(crate) fn matches(&self, line: &LogLine<'_>) -> bool {
        let fits = |wanted: &Option<String>, word: &str| wanted.as_ref().is_none_or(|wanted| wanted == word);
        self.since.is_none_or(|since| line.time >= since)
            && self.session.as_ref().is_none_or(|session| line.session.starts_with(session.as_str()))
            && match &line.about {
                About::Event(_) | About::Reload(_) => {
                    self.tool.is_none() && self.effect.is_none() && self.outcome.is_none()
                }
                About::Decision(record) | About::LateAnswer(record) => {
                    fits(&self.effect, &record.effect)
                        && fits(&self.outcome, record.outcome.as_str())
                        && self.tool.as_ref().is_none_or(|glob| match record.subject() {
                            Some(Subject::Tool(name) | Subject::Prompt(name)) => glob.matches(name),
                            Some(Subject::Resource(_)) | None => false,
                        })
                }
            }
    }
}

fn list_servers(dir: &Path) -> Result<Vec<ServerName>, LogError> {
    reader::list_servers(dir).map_err(|error| LogError::from_io(dir, error))
}

fn join_names(servers: &[ServerName]) -> String {
    servers.iter().map(ServerName::as_str).collect::<Vec<_>>().join(", ")
}
