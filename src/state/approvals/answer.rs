//! The answering side: finds and answers questions from any terminal of the user.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::entry::{ApprovalEntry, ApprovalState, Confirm, EntryKey};
use super::{LOCKS, alive, change_approvals, revoke_granted, sweep_expired, unix_time};
use crate::engine::{ApprovalAnswer, Channel};
use crate::limits::{OUTCOME_PATIENCE, OUTCOME_POLL};
use crate::state::database::{Database, DatabaseError, explain_error, sql_time};

/// How often to check whether the session has ended, while its outcome is waited for.
const SWEEP: Duration = Duration::from_secs(1);

/// The questions of all sessions of a user.
#[derive(Debug)]
pub struct StoredApprovals {
    database: Database,
    locks: PathBuf,
}

/// The store cannot be used. The message is complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    is_locked: bool,
}

impl StoreError {
    /// Returns whether another process keeps it locked, which may end at any time.
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }
}

/// Why an answer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAnswered {
    /// There is no such question.
    Unknown,
    /// It is already answered, or nobody can answer it any more.
    Over(Box<ApprovalEntry>),
    /// What there is to read about it is not what was shown.
    Changed,
    /// It can only be approved with a code.
    NeedsCode,
    /// It cannot be approved, because not all of it can be read.
    Cut,
    /// The session that asks has ended, so it cannot be approved for the session.
    NoSession,
}

impl StoredApprovals {
    /// Opens those of a user; `store` is the file in `dir`. A missing file is not created: then nothing waits.
    pub fn new(dir: &Path, store: &str) -> Self {
        Self { database: Database::new(dir.join(store)), locks: dir.join(LOCKS) }
    }

    /// The file of the store.
    pub fn file(&self) -> &Path {
        self.database.path()
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
        all.map_err(|fault| self.explain_error(&fault, UNLISTED))
    }

    /// Answers a question as it was `shown` if nobody has done so before, and returns it as it was. `given` is what the person
    /// entered with the answer.
    ///
    /// # Errors
    /// Returns an error if the store cannot be used.
    pub fn answer_question(
        &mut self,
        shown: &EntryKey,
        verdict: &ApprovalAnswer,
        given: Confirm,
    ) -> Result<Result<ApprovalEntry, NotAnswered>, StoreError> {
        if !self.database.path().exists() {
            return Ok(Err(NotAnswered::Unknown));
        }
        let (locks, id) = (&self.locks, shown.id());
        let answered = change_approvals(&mut self.database, locks, |connection| {
            let entry = match find_row(connection, id)? {
                Some(entry) => entry,
                None => return Ok(Err(NotAnswered::Unknown)),
            };
            if let Some(why) = find_obstacle(&entry, shown, (verdict, given), locks) {
                return Ok(Err(why));
            }
            store_answer(connection, id, verdict, given, unix_time())?;
            if let ApprovalAnswer::Refused { .. } = verdict {
                revoke_granted(connection, id)?;
            }
            // What a dead session asked is granted, or over, at once.
            sweep_expired(connection, locks, unix_time())?;
            Ok(Ok(entry))
        });
        answered.map_err(|fault| self.explain_error(&fault, "cannot take the answer"))
    }

    /// Returns a question as it is now. This only reads, and so blocks nobody.
    ///
    /// # Errors
    /// Returns an error if the store cannot be used.
    pub fn find_entry(&mut self, id: &str) -> Result<Option<ApprovalEntry>, StoreError> {
        if !self.database.path().exists() {
            return Ok(None);
        }
        let entry = self.database.read_transaction(|transaction| find_row(transaction, id));
        entry.map_err(|fault| self.explain_error(&fault, UNLISTED))
    }

    /// Waits until the session that asked has acted on an answer, and returns the question as it is then; `None` if it is gone.
    /// Gives up after [`OUTCOME_PATIENCE`]. `on_wait` is told how long it has waited, each time that it goes on.
    ///
    /// # Errors
    /// Returns an error if the store cannot be used.
    pub fn wait_for_outcome(
        &mut self,
        id: &str,
        mut on_wait: impl FnMut(Duration),
    ) -> Result<Option<ApprovalEntry>, StoreError> {
        let (start, mut swept) = (Instant::now(), Duration::ZERO);
        loop {
            let entry = self.find_entry(id)?;
            let waited = start.elapsed();
            if entry.as_ref().is_none_or(ApprovalEntry::has_outcome) || waited >= OUTCOME_PATIENCE {
                return Ok(entry);
            }
            on_wait(waited);
            // That a session has ended is seen when all are listed.
            if waited.saturating_sub(swept) >= SWEEP {
                swept = waited;
                self.list_all()?;
            }
            thread::sleep(OUTCOME_POLL);
        }
    }

    fn explain_error(&self, fault: &DatabaseError, cannot: &str) -> StoreError {
        let message = explain_error(fault, self.database.path(), cannot);
        StoreError { message, is_locked: fault.is_busy() }
    }
}

const UNLISTED: &str = "cannot list the calls that wait for a person";

fn find_row(connection: &Connection, id: &str) -> Result<Option<ApprovalEntry>, DatabaseError> {
    let find = "SELECT * FROM approvals WHERE id = ?1";
    Ok(connection.query_row(find, [id], ApprovalEntry::read_row).optional()?)
}

/// Returns why a question cannot be answered so.
fn find_obstacle(
    entry: &ApprovalEntry,
    shown: &EntryKey,
    (verdict, given): (&ApprovalAnswer, Confirm),
    locks: &Path,
) -> Option<NotAnswered> {
    let is_approval = !matches!(verdict, ApprovalAnswer::Refused { .. });
    if !entry.state.is_open() {
        Some(NotAnswered::Over(Box::new(entry.clone())))
    } else if !shown.is_of(entry) {
        Some(NotAnswered::Changed)
    } else if is_approval && entry.is_cut() {
        Some(NotAnswered::Cut)
    } else if is_approval && entry.confirm > given {
        Some(NotAnswered::NeedsCode)
    } else if *verdict == ApprovalAnswer::Session && !alive::check_alive(locks, &entry.session) {
        Some(NotAnswered::NoSession)
    } else {
        None
    }
}

fn store_answer(
    connection: &Connection,
    id: &str,
    verdict: &ApprovalAnswer,
    given: Confirm,
    now: Duration,
) -> Result<(), DatabaseError> {
    let (state, word, note) = match verdict {
        ApprovalAnswer::Once => (ApprovalState::Approved, Some("once"), None),
        ApprovalAnswer::Session => (ApprovalState::Approved, Some("session"), None),
        ApprovalAnswer::Refused { note } => (ApprovalState::Denied, None, note.as_deref()),
    };
    // A later session that needs a code takes no approval without one.
    connection.execute(
        "UPDATE approvals SET state = ?2, answer = ?3, note = ?4, channel = ?5, answered = ?6,
                              confirm = iif(?7 = 'code', 'code', confirm)
         WHERE id = ?1 AND state IN ('waiting', 'late')",
        params![id, state.as_str(), word, note, Channel::Local.as_str(), sql_time(now)?, given.as_str()],
    )?;
    Ok(())
}
