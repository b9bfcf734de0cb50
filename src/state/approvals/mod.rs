//! Questions for people at this machine: wrappers store them in the state store ([`SessionApprovals`]), and commands in other
//! terminals find and answer them there ([`StoredApprovals`]).
//!
//! ```text
//! waiting ─┬─▶ approved, denied          a person answered here
//!          ├─▶ settled                   … or in the client
//!          ├─▶ late ─▶ approved, denied  nobody answered in time: an answer is for one repetition of the call
//!          └─▶ expired                   nobody can answer any more
//!
//! approved, denied: no outcome ─▶ taken ─▶ what came of it      the session marks an answer before it acts on it
//!                              └─────────▶ granted ─▶ used      an approval for a repetition, also in the client's next session;
//!                                                 └─▶ over      the session or the time for it is over
//! ```
//! A question lives as long as its session, which holds a lock while it runs: a question that a dead wrapper left
//! behind can never be approved. With `approval_for = "client"` it lives until its time is up, and what the dead session
//! cannot have acted on is granted to the client's next one, once.

mod alive;
mod answer;
mod entry;
mod session;

pub use answer::{NotAnswered, StoreError, StoredApprovals};
pub use entry::{AnswerOutcome, ApprovalEntry, ApprovalState, Confirm, EntryKey};
pub use session::{Announce, AskedServer, SessionApprovals};

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::database::{Database, DatabaseError, sql_time};
use crate::limits::{KEEP_ASKED, LATE_APPROVAL};

/// The directory of the sessions' locks, in the state directory.
const LOCKS: &str = "approvals";

/// Returns the time since 1970.
pub fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Characters for ids and codes that people type: no look-alikes, and no vowels, which spell words.
pub const TYPEABLE: &[u8] = b"23456789bcdfghjkmnpqrtwxz";

/// Returns random text of these characters, each equally likely.
///
/// # Errors
/// Returns an error if the system has no randomness.
pub fn random_code(alphabet: &[u8], length: usize) -> Result<String, getrandom::Error> {
    let mut code = String::with_capacity(length);
    while code.len() < length {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        // Bytes beyond the alphabet, rounded up to a power of two, are skipped: a plain modulo would make some
        // characters more likely.
        let place = |byte: u8| usize::from(byte) % alphabet.len().next_power_of_two().max(1);
        let characters = bytes.into_iter().filter_map(|byte| alphabet.get(place(byte)));
        code.extend(characters.take(length - code.len()).map(|c| char::from(*c)));
    }
    Ok(code)
}

/// Runs a transaction on the questions, after those that nobody can answer any more are marked or removed. Arguments
/// are kept only while an answer can come; then they leave the disk at once.
fn change_approvals<T>(
    database: &mut Database,
    locks: &Path,
    mut work: impl FnMut(&Connection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let (done, forgotten) = database.write_transaction(|transaction| {
        sweep_expired(transaction, locks, unix_time())?;
        let done = work(transaction)?;
        let forgotten = transaction.execute(
            "UPDATE approvals SET arguments = NULL, beside = NULL, preview = NULL, changes = NULL
             WHERE state NOT IN ('waiting', 'late') AND coalesce(arguments, beside, preview, changes) IS NOT NULL",
            [],
        )?;
        Ok((done, forgotten))
    })?;
    if forgotten > 0 {
        database.empty_wal();
    }
    Ok(done)
}

/// Takes back what was granted of a call that a person has refused since: that of the question with this id.
fn revoke_granted(connection: &Connection, id: &str) -> Result<(), DatabaseError> {
    connection.execute(
        "UPDATE approvals SET outcome = 'over'
         WHERE outcome = 'granted' AND lives = 'client'
               AND (server, client, covers, command) = (SELECT server, client, covers, command FROM approvals WHERE id = ?1)",
        [id],
    )?;
    Ok(())
}

/// Marks questions that can no longer be answered and answers that dead sessions left, and removes those that are too old.
fn sweep_expired(connection: &Connection, locks: &Path, now: Duration) -> Result<(), DatabaseError> {
    let mut sessions = connection.prepare(
        "SELECT DISTINCT session FROM approvals
         WHERE state IN ('waiting', 'late') OR (state IN ('approved', 'denied') AND outcome IS NULL)
               OR (outcome = 'granted' AND lives = 'session')",
    )?;
    let sessions: Vec<String> = sessions.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for session in sessions.iter().filter(|session| !alive::check_alive(locks, session)) {
        connection.execute(
            "UPDATE approvals SET state = iif(lives = 'client', 'late', 'expired')
             WHERE session = ?1 AND state IN ('waiting', 'late')",
            [session],
        )?;
        // A session marks an answer before it acts on it, so nobody has acted on this one.
        connection.execute(
            "UPDATE approvals SET outcome = 'granted', expires = max(expires, answered + ?2)
             WHERE session = ?1 AND state = 'approved' AND outcome IS NULL AND lives = 'client' AND answer = 'once'",
            params![session, sql_time(LATE_APPROVAL)?],
        )?;
        connection.execute(
            "UPDATE approvals SET outcome = 'over'
             WHERE session = ?1 AND (state IN ('approved', 'denied') AND outcome IS NULL
                                     OR outcome = 'granted' AND lives = 'session')",
            [session],
        )?;
    }
    // What was approved for the session holds as long as that.
    let is_past = "UPDATE approvals SET outcome = 'over'
                   WHERE outcome = 'granted' AND state = 'approved' AND answer = 'once' AND expires <= ?1";
    connection.execute(is_past, [sql_time(now)?])?;
    connection
        .execute("UPDATE approvals SET state = 'expired' WHERE state = 'late' AND expires <= ?1", [sql_time(now)?])?;
    let long_ago = sql_time(now.saturating_sub(KEEP_ASKED))?;
    connection.execute(
        "DELETE FROM approvals WHERE state NOT IN ('waiting', 'late') AND max(expires, coalesce(answered, 0)) < ?1",
        params![long_ago],
    )?;
    Ok(())
}
