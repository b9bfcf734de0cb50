//! The answering side: finds and answers questions from any terminal of the user.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::entry::{ApprovalEntry, ApprovalState, Confirm};
use super::{LOCKS, change_approvals, unix_time};
use crate::engine::{ApprovalAnswer, Channel};
use crate::state::database::{Database, DatabaseError, explain_error, sql_time};

/// The questions of all sessions of a user.
#[derive(Debug)]
pub struct StoredApprovals {
    database: Database,
    locks: PathBuf,
}

/// The store cannot be used. The message is complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(String);

/// Why an answer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAnswered {
    /// There is no such question.
    Unknown,
    /// It is already answered, or nobody can answer it any more.
    Over(Box<ApprovalEntry>),
    /// It can only be approved with a code.
    NeedsCode,
}

impl StoredApprovals {
    /// Opens those of a user; `store` is the file in `dir`. A missing file is not created: then nothing waits.
    pub fn new(dir: &Path, store: &str) -> Self {
        Self { database: Database::new(dir.join(store)), locks: dir.join(LOCKS) }
    }

    /// Lists every known question, the oldest first.
    ///
    /// # Errors
    /// Returns an error if the store cannot be used.
    pub fn list_all(&mut self) -> Result<Vec<ApprovalEntry>, StoreError> {
        if !self.database.path().exists() {
            return Ok(Vec::new());
        }
        let all = change_approvals(&mut self.database, &self.locks, |connection| {
            let mut all = connection.prepare("SELECT * FROM approvals ORDER BY asked, number")?;
            Ok(all.query_map([], ApprovalEntry::read_row)?.collect::<Result<_, _>>()?)
        });
        all.map_err(|fault| self.explain_error(&fault))
    }

    /// Answers a question if nobody has done so before, and returns it as it was. `given` is what the person entered
    /// with the answer.
    ///
    /// # Errors
    /// Returns an error if the store cannot be used.
    pub fn answer_question(
        &mut self,
        id: &str,
        verdict: &ApprovalAnswer,
        given: Confirm,
    ) -> Result<Result<ApprovalEntry, NotAnswered>, StoreError> {
        if !self.database.path().exists() {
            return Ok(Err(NotAnswered::Unknown));
        }
        let answered = change_approvals(&mut self.database, &self.locks, |connection| {
            store_answer(connection, id, verdict, given, unix_time())
        });
        answered.map_err(|fault| self.explain_error(&fault))
    }

    fn explain_error(&self, fault: &DatabaseError) -> StoreError {
        StoreError(explain_error(fault, self.database.path(), "cannot list the calls that wait for a person"))
    }
}

fn store_answer(
    connection: &Connection,
    id: &str,
    verdict: &ApprovalAnswer,
    given: Confirm,
    now: Duration,
) -> Result<Result<ApprovalEntry, NotAnswered>, DatabaseError> {
    let (state, word, note) = match verdict {
        ApprovalAnswer::Once => (ApprovalState::Approved, Some("once"), None),
        ApprovalAnswer::Session => (ApprovalState::Approved, Some("session"), None),
        ApprovalAnswer::Refused { note } => (ApprovalState::Denied, None, note.as_deref()),
    };
    let find = "SELECT * FROM approvals WHERE id = ?1";
    let Some(entry) = connection.query_row(find, [id], ApprovalEntry::read_row).optional()? else {
        return Ok(Err(NotAnswered::Unknown));
    };
    if !entry.state.is_open() {
        return Ok(Err(NotAnswered::Over(Box::new(entry))));
    }
    if state == ApprovalState::Approved && entry.confirm > given {
        return Ok(Err(NotAnswered::NeedsCode));
    }
    connection.execute(
        "UPDATE approvals SET state = ?2, answer = ?3, note = ?4, channel = ?5, answered = ?6
         WHERE id = ?1 AND state IN ('waiting', 'late')",
        params![id, state.as_str(), word, note, Channel::Local.as_str(), sql_time(now)?],
    )?;
    Ok(Ok(entry))
}
