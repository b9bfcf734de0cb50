//! The wrapper's side: stores questions and reads the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::alive::{self, AliveLock};
use super::entry::{AnswerOutcome, ApprovalState, COMPARED, Confirm, EFFECTS_BETWEEN};
use super::{LOCKS, change_approvals, revoke_granted, unix_time};
use crate::engine::{ApprovalAnswer, Channel, LocalChannel, Opened, Question, Settled, Upshot};
use crate::limits::{LATE_APPROVAL, MAX_ASKED, MAX_ASKED_ARGUMENTS};
use crate::policy::{Again, ApprovalLifetime};
use crate::record::Digest;
use crate::state::database::{Database, DatabaseError, explain_error, sql_time};
use crate::visible::visible_path;

/// Called for each question with its id.
pub type Announce = Box<dyn Fn(&str, &Question) + Send>;

/// In characters.
const ID: usize = 5;

/// The server that questions are about.
#[derive(Clone, Debug)]
pub struct AskedServer {
    /// Its name in the client's configuration.
    pub name: String,
    /// The digest of the words of its command. What is approved for the client's next session is for the same command.
    pub command: Digest,
}

/// What became of a question in the store.
enum StoredQuestion {
    /// It can be answered under this id.
    Asked(String),
    /// It is the same as an earlier one, and stays under its id.
    Kept,
    /// An earlier approval is for it, and is used up.
    Granted,
    /// The waiting questions already take all the space there is.
    NoRoom,
}

/// The questions of one session, in the file that all wrappers of a user share. The file is opened with the first
/// question.
pub struct SessionApprovals {
    database: Database,
    locks: PathBuf,
    session: String,
    server: AskedServer,
    confirm: Confirm,
    announce: Announce,
    lock: Option<AliveLock>,
    /// The digests of the held lines whose questions can be answered, by call number.
    open: BTreeMap<u64, String>,
    /// Of which opening of the file it is known that it has them.
    checked: u64,
    is_failing: bool,
}

impl SessionApprovals {
    /// Creates the channel of a session. `session` is its name, in lowercase hexadecimal digits; `store` is the file in
    /// `dir`.
    pub fn new(dir: &Path, store: &str, session: String, server: AskedServer, confirm: Confirm) -> Self {
        Self {
            database: Database::new(dir.join(store)),
            locks: dir.join(LOCKS),
            session,
            server,
            confirm,
            announce: Box::new(|_, _| ()),
            lock: None,
            open: BTreeMap::new(),
            checked: 0,
            is_failing: false,
        }
    }

    /// Calls `announce` for each question.
    #[must_use]
    pub fn with_announce(self, announce: Announce) -> Self {
        Self { announce, ..self }
    }

    /// Uses up an earlier approval of the same call, or stores the question.
    fn store_question(&mut self, question: &Question, expires: Duration) -> Result<StoredQuestion, DatabaseError> {
        // Somebody may have removed its file.
        if self.lock.is_none() || !alive::check_alive(&self.locks, &self.session) {
            self.lock = Some(AliveLock::take(&self.locks, &self.session)?);
        }
        let (session, server, confirm, locks) = (&self.session, &self.server, self.confirm, &self.locks);
        let shown = question.digest_shown(&server.name).to_string();
        change_approvals(&mut self.database, locks, |connection| {
            if question.lives == ApprovalLifetime::Client && redeem_granted(connection, server, question, confirm)? {
                return Ok(StoredQuestion::Granted);
            }
            let earlier = find_earlier(connection, locks, (session, server), question)?;
            if let Some((id, of)) = &earlier
                && of.as_ref() == Some(&shown)
            {
                // It reads the same, so it stays under the id that a person may have been sent, with an answer that may have come.
                connection.execute(
                    "UPDATE approvals SET session = ?2, number = ?3, line = ?4, expires = ?5, confirm = ?6,
                                          state = iif(state = 'late', 'waiting', state) WHERE id = ?1",
                    params![
                        id,
                        session,
                        sql_number(question.number),
                        question.line.to_string(),
                        sql_time(expires)?,
                        confirm.as_str()
                    ],
                )?;
                return Ok(StoredQuestion::Kept);
            }
            if let Some((id, _)) = &earlier {
                connection.execute(
                    "UPDATE approvals SET state = 'expired', arguments = NULL, beside = NULL, preview = NULL, changes = NULL
                     WHERE id = ?1 AND state IN ('waiting', 'late')",
                    [id],
                )?;
            }
            let sum = "SELECT coalesce(sum(length(CAST(arguments AS BLOB)) + coalesce(length(CAST(beside AS BLOB)), 0)
                                           + coalesce(length(CAST(preview AS BLOB)), 0)
                                           + coalesce(length(CAST(changes AS BLOB)), 0)), 0) FROM approvals";
            let room: i64 = MAX_ASKED - connection.query_row(sum, [], |row| row.get::<_, i64>(0))?;
            if room < sql_number(text_length(question) as u64) {
                return Ok(StoredQuestion::NoRoom);
            }
            let id = unused_id(connection)?;
            insert_question(connection, (&id, session, server), question, (&shown, expires, confirm))?;
            if let Some((earlier, _)) = &earlier {
                connection.execute("UPDATE approvals SET successor = ?2 WHERE id = ?1", [earlier, &id])?;
            }
            Ok(StoredQuestion::Asked(id))
        })
    }

    fn store_settled(&mut self, question: u64, how: Settled) -> Result<(), DatabaseError> {
        let (session, question) = (&self.session, sql_number(question));
        change_approvals(&mut self.database, &self.locks, |connection| {
            let set_state = |state: &str| {
                connection.execute(
                    "UPDATE approvals SET state = ?3 WHERE session = ?1 AND number = ?2 AND state IN ('waiting', 'late')",
                    params![session, question, state],
                )
            };
            let outcome = match how {
                Settled::Late | Settled::Left => {
                    set_state(ApprovalState::Late.as_str())?;
                    return Ok(());
                }
                Settled::Answered(channel, upshot) => {
                    let mut settle = connection.prepare(
                        "UPDATE approvals SET state = 'settled', channel = ?3, answered = ?4, outcome = ?5
                         WHERE session = ?1 AND number = ?2 AND state IN ('waiting', 'late') RETURNING id",
                    )?;
                    let now = sql_time(unix_time())?;
                    let settled = params![session, question, channel.as_str(), now, upshot.as_str()];
                    let id: Option<String> = settle.query_row(settled, |row| row.get(0)).optional()?;
                    if let (Some(id), Upshot::Refused | Upshot::Noted) = (&id, upshot) {
                        revoke_granted(connection, id)?;
                    }
                    if channel == Channel::Local { AnswerOutcome::Known(upshot) } else { AnswerOutcome::Elsewhere }
                }
                Settled::Used => {
                    connection.execute(
                        // Its time may be over by the clock of the machine, and not by that of the session.
                        "UPDATE approvals SET outcome = 'used'
                         WHERE session = ?1 AND number = ?2 AND outcome IN ('granted', 'over')",
                        params![session, question],
                    )?;
                    return Ok(());
                }
                Settled::Over => {
                    set_state(ApprovalState::Expired.as_str())?;
                    AnswerOutcome::Over
                }
            };
            // Whoever answered here waits for this.
            let is_granted = outcome == AnswerOutcome::Known(Upshot::Granted);
            let until = if is_granted { unix_time().saturating_add(LATE_APPROVAL) } else { Duration::ZERO };
            connection.execute(
                "UPDATE approvals SET outcome = ?3, expires = max(expires, ?4)
                 WHERE session = ?1 AND number = ?2 AND state IN ('approved', 'denied')
                       AND coalesce(outcome, 'taken') IN ('taken', 'kept')",
                params![session, question, outcome.as_str(), sql_time(until)?],
            )?;
            Ok(())
        })
    }

    fn read_answers(&mut self) -> Result<Vec<(u64, ApprovalAnswer)>, DatabaseError> {
        let Some((first, _)) = self.open.first_key_value() else { return Ok(Vec::new()) };
        let (session, open, first) = (&self.session, &self.open, sql_number(*first));
        let is_answered = self.database.read_transaction(|transaction| {
            let find = "SELECT EXISTS (SELECT 1 FROM approvals WHERE session = ?1 AND number >= ?2
                                       AND state IN ('approved', 'denied') AND outcome IS NULL)";
            Ok(transaction.query_row(find, params![session, first], |row| row.get::<_, bool>(0))?)
        })?;
        if !is_answered {
            return Ok(Vec::new());
        }
        let mut answers = self.database.write_transaction(|transaction| {
            let mut statement = transaction.prepare(
                "UPDATE approvals SET outcome = 'taken'
                 WHERE session = ?1 AND number >= ?2 AND state IN ('approved', 'denied') AND outcome IS NULL
                 RETURNING answered, number, line, state, answer, note",
            )?;
            let mut rows = statement.query(params![session, first])?;
            let mut answers = Vec::new();
            while let Some(row) = rows.next()? {
                let number = row.get::<_, i64>(1)?.unsigned_abs();
                let (line, state, answer): (String, String, Option<String>) = (row.get(2)?, row.get(3)?, row.get(4)?);
                // An answer is only for the line that is held.
                if open.get(&number) != Some(&line) {
                    continue;
                }
                let answer = match (state.as_str(), answer.as_deref()) {
                    ("approved", Some("session")) => ApprovalAnswer::Session,
                    ("approved", Some("once")) => ApprovalAnswer::Once,
                    _ => ApprovalAnswer::Refused { note: row.get(5)? },
                };
                answers.push((row.get::<_, i64>(0)?, number, answer));
            }
            Ok(answers)
        })?;
        answers.sort_by_key(|(answered, number, _)| (*answered, *number));
        self.open.retain(|number, _| !answers.iter().any(|(_, answered, _)| answered == number));
        Ok(answers.into_iter().map(|(_, number, answer)| (number, answer)).collect())
    }

    /// Returns the numbers of the open questions that the file lacks, because it is another one by now.
    fn find_lost(&mut self) -> Result<Vec<u64>, DatabaseError> {
        if self.database.openings() == self.checked {
            return Ok(Vec::new());
        }
        let session = &self.session;
        let kept: Vec<u64> = self.database.read_transaction(|transaction| {
            let mut find = transaction.prepare("SELECT number FROM approvals WHERE session = ?1")?;
            let numbers = find.query_map([session], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?;
            Ok(numbers.collect::<Result<_, _>>()?)
        })?;
        self.checked = self.database.openings();
        Ok(self.open.extract_if(.., |number, _| !kept.contains(number)).map(|(number, _)| number).collect())
    }

    fn explain_error(&self, fault: &DatabaseError) -> String {
        explain_error(fault, self.database.path(), "cannot store questions for a person")
    }
}

impl LocalChannel for SessionApprovals {
    fn open_question(&mut self, question: &Question, expires: Duration) -> Result<Opened, String> {
        if text_length(question) > MAX_ASKED_ARGUMENTS {
            return Err(format!(
                "what the call sends is longer than {} MiB, and nobody reads that. Make the call with less at a time.",
                MAX_ASKED_ARGUMENTS >> 20
            ));
        }
        match self.store_question(question, expires) {
            Ok(StoredQuestion::Asked(id)) => {
                self.open.insert(question.number, question.line.to_string());
                (self.announce)(&id, question);
                Ok(Opened::Asked)
            }
            Ok(StoredQuestion::Kept) => {
                // Whoever is to be told knows of it.
                question.follows.into_iter().for_each(|earlier| drop(self.open.remove(&earlier)));
                self.open.insert(question.number, question.line.to_string());
                Ok(Opened::Asked)
            }
            Ok(StoredQuestion::Granted) => Ok(Opened::Granted),
            Ok(StoredQuestion::NoRoom) => Err(format!(
                "the arguments of the calls that wait already fill {} MiB. Answer some of them with `policylayer approvals`.",
                MAX_ASKED >> 20
            )),
            Err(error) => Err(self.explain_error(&error)),
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

    fn take_lost(&mut self) -> Vec<(u64, String)> {
        // `take_answers` reports what keeps it from being read.
        let lost = self.find_lost().unwrap_or_default();
        let store = visible_path(self.database.path());
        let why = format!("the state store {store} was removed or replaced, and the question with it.");
        lost.into_iter().map(|number| (number, why.clone())).collect()
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

/// Returns how much there is to read about a question, in bytes.
fn text_length(question: &Question) -> usize {
    let shown = [&question.beside, &question.preview, &question.changes, &question.put_back, &question.origins]
        .into_iter()
        .flatten()
        .map(|text| text.len());
    question.tool.len() + question.arguments.len() + shown.sum::<usize>()
}

fn insert_question(
    connection: &Connection,
    (id, session, server): (&str, &str, &AskedServer),
    question: &Question,
    (shown, expires, confirm): (&str, Duration, Confirm),
) -> Result<(), DatabaseError> {
    let effects: Vec<_> = question.effects.iter().map(|effect| effect.as_str()).collect();
    connection.execute(
        "INSERT INTO approvals (id, session, number, server, tool, class, rule, reason, arguments, length, line, asked, expires,
                                confirm, client, severity, effects, scope, beside, preview, covers, lives, again, shown, command,
                                changes, put_back, origins, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
                 ?25, ?26, ?27, ?28, 'waiting')",
        params![
            id,
            session,
            sql_number(question.number),
            server.name,
            &*question.tool,
            question.class.as_str(),
            &*question.rule,
            question.reason.as_deref(),
            &*question.arguments,
            sql_number(question.arguments.len() as u64),
            question.line.to_string(),
            sql_time(expires.saturating_sub(question.timeout))?,
            sql_time(expires)?,
            confirm.as_str(),
            question.client.as_deref(),
            question.severity.as_str(),
            effects.join(EFFECTS_BETWEEN),
            question.scope.as_str(),
            question.beside.as_deref(),
            question.preview.as_deref(),
            question.covers.to_string(),
            question.lives.as_str(),
            (question.again == Again::Compared).then_some(COMPARED),
            shown,
            server.command.to_string(),
            question.changes.as_deref(),
            question.put_back.as_deref(),
            question.origins.as_deref(),
        ],
    )?;
    Ok(())
}

/// Uses up a late approval of the same call, from a session of the same client that could not use it. Returns whether
/// there was one.
fn redeem_granted(
    connection: &Connection,
    server: &AskedServer,
    question: &Question,
    confirm: Confirm,
) -> Result<bool, DatabaseError> {
    let used = connection.execute(
        "UPDATE approvals SET outcome = 'used' WHERE id = (
             SELECT id FROM approvals
             WHERE state = 'approved' AND answer = 'once' AND outcome = 'granted' AND lives = 'client'
                   AND server = ?1 AND client = ?2 AND covers = ?3 AND expires > ?4 AND confirm IN (?5, 'code')
                   AND command = ?6
             ORDER BY answered LIMIT 1)",
        params![
            server.name,
            question.client.as_deref(),
            question.covers.to_string(),
            sql_time(unix_time())?,
            confirm.as_str(),
            server.command.to_string(),
        ],
    )?;
    Ok(used > 0)
}

/// Returns the id of an earlier question about the same call, and the digest of what there was to read about it: one that this
/// session has asked, or one that a dead session left to the client's next one.
fn find_earlier(
    connection: &Connection,
    locks: &Path,
    (session, server): (&str, &AskedServer),
    question: &Question,
) -> Result<Option<(String, Option<String>)>, DatabaseError> {
    if let Some(number) = question.follows {
        // What this session has taken note of an answer of is over, whatever there is to read.
        let find = "SELECT id, iif(outcome IS NULL, shown, NULL) FROM approvals
                    WHERE session = ?1 AND number = ?2 AND state NOT IN ('expired', 'settled')";
        let found =
            connection.query_row(find, params![session, sql_number(number)], |row| Ok((row.get(0)?, row.get(1)?)));
        return Ok(found.optional()?);
    }
    if question.lives != ApprovalLifetime::Client {
        return Ok(None);
    }
    let mut orphans = connection.prepare(
        "SELECT id, shown, session FROM approvals
         WHERE state = 'late' AND lives = 'client' AND server = ?1 AND client = ?2 AND covers = ?3 AND command = ?4",
    )?;
    let call = [question.covers.to_string(), server.command.to_string()];
    let mut rows = orphans.query(params![server.name, question.client.as_deref(), call[0], call[1]])?;
    while let Some(row) = rows.next()? {
        let session: String = row.get(2)?;
        if !alive::check_alive(locks, &session) {
            return Ok(Some((row.get(0)?, row.get(1)?)));
        }
    }
    Ok(None)
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
