//! The wrapper's side: stores questions and reads the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::alive::AliveLock;
use super::entry::Confirm;
use super::{LOCKS, change_approvals, unix_time};
use crate::engine::{ApprovalAnswer, LocalChannel, Question, Settled};
use crate::limits::{MAX_ASKED, MAX_ASKED_ARGUMENTS};
use crate::state::database::{Database, DatabaseError, explain_error, sql_time};

/// Called for each question with its id and the tool.
pub type Announce = Box<dyn Fn(&str, &str) + Send>;

/// In characters.
const ID: usize = 5;

/// The questions of one session, in the file that all wrappers of a user share. The file is opened with the first
/// question.
pub struct SessionApprovals {
    database: Database,
    locks: PathBuf,
    session: String,
    server: String,
    confirm: Confirm,
    announce: Announce,
    lock: Option<AliveLock>,
    /// The digests of the held lines whose questions can be answered, by call number.
    open: BTreeMap<u64, String>,
    is_failing: bool,
}

impl SessionApprovals {
    /// Creates the channel of a session. `session` is its name, in lowercase hexadecimal digits; `store` is the file in
    /// `dir`.
    pub fn new(dir: &Path, store: &str, session: String, server: String, confirm: Confirm) -> Self {
        Self {
            database: Database::new(dir.join(store)),
            locks: dir.join(LOCKS),
            session,
            server,
            confirm,
            announce: Box::new(|_, _| ()),
            lock: None,
            open: BTreeMap::new(),
            is_failing: false,
        }
    }

    /// Calls `announce` for each question.
    #[must_use]
    pub fn with_announce(self, announce: Announce) -> Self {
        Self { announce, ..self }
    }

    /// Stores a question, and returns its id; `None` if the waiting questions already take all the space there is.
    fn store_question(&mut self, question: &Question, expires: Duration) -> Result<Option<String>, DatabaseError> {
        if self.lock.is_none() {
            self.lock = Some(AliveLock::take(&self.locks, &self.session)?);
        }
        let asked = expires.saturating_sub(question.timeout);
        let cut = question.arguments.floor_char_boundary(MAX_ASKED_ARGUMENTS);
        let kept = question.arguments.get(..cut).unwrap_or_default();
        let length = |of: &str| i64::try_from(of.len()).unwrap_or(i64::MAX);
        change_approvals(&mut self.database, &self.locks, |connection| {
            let sum = "SELECT coalesce(sum(length(CAST(arguments AS BLOB))), 0) FROM approvals";
            let room: i64 = MAX_ASKED - connection.query_row(sum, [], |row| row.get::<_, i64>(0))?;
            if room < length(kept) {
                return Ok(None);
            }
            let id = unused_id(connection)?;
            connection.execute(
                    "INSERT INTO approvals (id, session, number, server, tool, class, rule, reason, arguments, length, line,
                                            asked, expires, confirm, state)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 'waiting')",
                    params![
                        id,
                        self.session,
                        sql_number(question.number),
                        self.server,
                        &*question.tool,
                        question.class.as_str(),
                        &*question.rule,
                        question.reason.as_deref(),
                        kept,
                        length(&question.arguments),
                        question.line.to_string(),
                        sql_time(asked)?,
                        sql_time(expires)?,
                        self.confirm.as_str(),
                    ],
                )?;
            Ok(Some(id))
        })
    }

    fn store_settled(&mut self, question: u64, how: Settled) -> Result<(), DatabaseError> {
        let (session, question) = (&self.session, sql_number(question));
        change_approvals(&mut self.database, &self.locks, |connection| {
            match how {
                Settled::Late => connection.execute(
                    "UPDATE approvals SET state = 'late' WHERE session = ?1 AND number = ?2 AND state = 'waiting'",
                    params![session, question],
                )?,
                Settled::Answered(channel) => connection.execute(
                    "UPDATE approvals SET state = 'settled', channel = ?3, answered = ?4
                     WHERE session = ?1 AND number = ?2 AND state IN ('waiting', 'late')",
                    params![session, question, channel.as_str(), sql_time(unix_time())?],
                )?,
                Settled::Over => connection.execute(
                    "UPDATE approvals SET state = 'expired'
                     WHERE session = ?1 AND number = ?2 AND state IN ('waiting', 'late')",
                    params![session, question],
                )?,
            };
            Ok(())
        })
    }

    fn read_answers(&mut self) -> Result<Vec<(u64, ApprovalAnswer)>, DatabaseError> {
        let Some((first, _)) = self.open.first_key_value() else { return Ok(Vec::new()) };
        let (session, open, first) = (&self.session, &self.open, sql_number(*first));
        let answers = self.database.read_transaction(|transaction| {
            let mut statement = transaction.prepare(
                "SELECT number, line, state, answer, note FROM approvals
                 WHERE session = ?1 AND number >= ?2 AND state IN ('approved', 'denied') ORDER BY answered, number",
            )?;
            let mut rows = statement.query(params![session, first])?;
            let mut answers = Vec::new();
            while let Some(row) = rows.next()? {
                let number = row.get::<_, i64>(0)?.unsigned_abs();
                let (line, state, answer): (String, String, Option<String>) = (row.get(1)?, row.get(2)?, row.get(3)?);
                // An answer is only for the line that is held.
                if open.get(&number) != Some(&line) {
                    continue;
                }
                let approval = match (state.as_str(), answer.as_deref()) {
                    ("approved", Some("session")) => ApprovalAnswer::Session,
                    ("approved", Some("once")) => ApprovalAnswer::Once,
                    _ => ApprovalAnswer::Refused { note: row.get(4)? },
                };
                answers.push((number, approval));
            }
            Ok(answers)
        })?;
        self.open.retain(|number, _| !answers.iter().any(|(answered, _)| answered == number));
        Ok(answers)
    }

    fn explain_error(&self, fault: &DatabaseError) -> String {
        explain_error(fault, self.database.path(), "cannot store questions for a person")
    }
}

impl LocalChannel for SessionApprovals {
    fn open_question(&mut self, question: &Question, expires: Duration) -> Result<(), String> {
        match self.store_question(question, expires) {
            Ok(Some(id)) => {
                self.open.insert(question.number, question.line.to_string());
                (self.announce)(&id, &question.tool);
                Ok(())
            }
            Err(error) => Err(self.explain_error(&error)),
            Ok(None) => Err(format!(
                "the arguments of the calls that wait already fill {} MiB. Answer some of them with `policylayer approvals`.",
                MAX_ASKED >> 20
            )),
        }
    }

    fn settle_question(&mut self, number: u64, how: Settled) {
        if how != Settled::Late {
            self.open.remove(&number);
        }
        if let Err(fault) = self.store_settled(number, how) {
            tracing::warn!("the outcome of a question cannot be stored: {}", self.explain_error(&fault));
        }
    }

    fn take_answers(&mut self) -> Vec<(u64, ApprovalAnswer)> {
        let answers = self.read_answers();
        let was_failing = std::mem::replace(&mut self.is_failing, answers.is_err());
        answers.unwrap_or_else(|fault| {
            if !was_failing {
                tracing::warn!("answers to questions cannot be read: {}", self.explain_error(&fault));
            }
            Vec::new()
        })
    }
}

impl fmt::Debug for SessionApprovals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionApprovals")
            .field("session", &self.session)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// SQLite's integers are signed; no session has that many questions.
fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unused_id(connection: &Connection) -> Result<String, DatabaseError> {
    loop {
        let id = super::random_code(super::TYPEABLE, ID).map_err(|error| std::io::Error::other(error.to_string()))?;
        let taken = "SELECT EXISTS (SELECT 1 FROM approvals WHERE id = ?1)";
        if !connection.query_row(taken, [&id], |row| row.get::<_, bool>(0))? {
            return Ok(id);
        }
    }
}
