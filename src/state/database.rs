//! The SQLite file that all wrappers of a user share: how it is opened, how its lock is waited for, and how errors are
//! explained.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::codec;
use super::file::{self, Identity};
use crate::limits::{MAX_STATE, STATE_BUSY, WAL_BUSY};
use crate::visible::visible_path;

/// Marks the file as ours: "plcy".
const APPLICATION: i32 = 0x706c_6379;

const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE counts (counter TEXT PRIMARY KEY, expires INTEGER NOT NULL, count BLOB NOT NULL) STRICT;
    CREATE INDEX counts_expires ON counts (expires);
";

/// The questions for people. The table and its columns are added where they are missing, without a new version: programs
/// that do not know them ignore them. `length` is that of the arguments as written, which are kept only while an answer
/// can come.
const APPROVALS: &str = "
    CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY,
        session TEXT NOT NULL,
        number INTEGER NOT NULL,
        server TEXT NOT NULL,
        tool TEXT NOT NULL,
        class TEXT NOT NULL,
        rule TEXT NOT NULL,
        reason TEXT,
        arguments TEXT,
        length INTEGER NOT NULL,
        line TEXT NOT NULL,
        asked INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        confirm TEXT NOT NULL,
        state TEXT NOT NULL,
        answer TEXT,
        note TEXT,
        channel TEXT,
        answered INTEGER,
        UNIQUE (session, number)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS approvals_state ON approvals (state);
";

/// The columns that were added to `approvals`. A program that does not know them leaves them NULL.
const ADDED_COLUMNS: [&str; 16] = [
    "client",
    "severity",
    "effects",
    "scope",
    "beside",
    "preview",
    "covers",
    "lives",
    "outcome",
    "again",
    "shown",
    "successor",
    "command",
    "changes",
    "put_back",
    "origins",
];

/// How long a writer that finds the file locked waits before it tries again: the first and the last pause.
const LOCKED_LOOK: Duration = Duration::from_micros(500);

/// A connection to the file, opened when it is first needed, and again after an error.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    open: Option<OpenDatabase>,
    /// How often the file was opened: it may have become another one each time.
    openings: u64,
    /// Whether the `-wal` file still has what was removed.
    owes_emptying: bool,
}

#[derive(Debug)]
struct OpenDatabase {
    connection: Connection,
    identity: Identity,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("it is of version {0}, and this policylayer knows version {VERSION}. Use the same policylayer everywhere")]
    Version(i32),
    #[error("it belongs to another program")]
    Foreign,
    #[error("its contents are not readable")]
    Unreadable,
    #[error("the system's clock shows a time after the year 2262. Set the clock")]
    Clock,
}

impl DatabaseError {
    fn sqlite_code(&self) -> Option<ErrorCode> {
        let Self::Sqlite(error) = self else { return None };
        error.sqlite_error_code()
    }

    /// Returns whether another process keeps the file locked.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.sqlite_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

impl Database {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: None, openings: 0, owes_emptying: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn openings(&self) -> u64 {
        self.openings
    }

    /// Runs a transaction that holds the write lock. Waits up to [`STATE_BUSY`] for it.
    pub(super) fn write_transaction<T>(
        &mut self,
        work: impl FnMut(&Transaction<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let done = self.run_transaction(TransactionBehavior::Immediate, work)?;
        if self.owes_emptying {
            self.empty_wal();
        }
        Ok(done)
    }

    /// Empties the `-wal` file, which still has what was removed: in the file itself, SQLite has overwritten it. If others
    /// read all the time, the next write tries again.
    pub(super) fn empty_wal(&mut self) {
        let start = Instant::now();
        let mut looks = 0;
        while let Some(open) = &self.open {
            let is_kept = open.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
            let left = WAL_BUSY.saturating_sub(start.elapsed());
            self.owes_emptying = is_kept.unwrap_or(true);
            if !self.owes_emptying || left.is_zero() {
                return;
            }
            thread::sleep(retry_pause(looks, left));
            looks += 1;
        }
    }

    /// Runs a transaction that only reads, and so blocks nobody.
    pub(super) fn read_transaction<T>(
        &mut self,
        work: impl FnMut(&Transaction<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.run_transaction(TransactionBehavior::Deferred, work)
    }

    fn run_transaction<T>(
        &mut self,
        behavior: TransactionBehavior,
        mut work: impl FnMut(&Transaction<'_>) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let deadline = Instant::now() + STATE_BUSY;
        let mut looks = 0;
        loop {
            let result = self.ensure_open().and_then(|open| {
                let transaction = open.connection.transaction_with_behavior(behavior)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            });
            match result {
                Err(fault) if fault.is_busy() => {
                    if Instant::now() >= deadline {
                        return Err(fault);
                    }
                    thread::sleep(retry_pause(looks, deadline.saturating_duration_since(Instant::now())));
                    looks += 1;
                }
                Err(fault) => {
                    // The next call tries again with a new connection.
                    self.abandon_connection();
                    return Err(fault);
                }
                done => return done,
            }
        }
    }

    /// Closes a file that is damaged or gone. The last process to close a file usually empties and removes its `-wal`
    /// file, by name: that file may already belong to the file that replaced this one.
    fn abandon_connection(&mut self) {
        if let Some(open) = self.open.take() {
            // If even this fails, closing could not do anything else.
            let _ = open.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn ensure_open(&mut self) -> Result<&mut OpenDatabase, DatabaseError> {
        let is_there =
            |open: &OpenDatabase| Identity::of_path(&self.path).is_ok_and(|identity| identity == open.identity);
        if !self.open.as_ref().is_some_and(is_there) {
            self.abandon_connection();
        }
        match &mut self.open {
            Some(open) => Ok(open),
            none => {
                let open = none.insert(open_database(&self.path)?);
                self.openings += 1;
                Ok(open)
            }
        }
    }
}

/// Returns how long a writer waits after `looks` attempts with `left` time to go. If many wait, attempts cost more than
/// writes, so each writer tries less and less often; a writer that has waited longest tries more often again as its
/// time runs out. SQLite's own busy handler only backs off, and starves those writers.
fn retry_pause(looks: u32, left: Duration) -> Duration {
    LOCKED_LOOK.saturating_mul(1 << looks.min(16)).min(left / 16).max(LOCKED_LOOK)
}

pub(super) fn sql_time(time: Duration) -> Result<i64, DatabaseError> {
    codec::to_nanoseconds(time).ok_or(DatabaseError::Clock)
}

fn open_database(path: &Path) -> Result<OpenDatabase, DatabaseError> {
    file::prepare_file(path)?;
    let identity = Identity::of_path(path)?;
    // `transact` waits for locks, so SQLite itself must not.
    let mut connection = Connection::open_with_flags(
        file::long_path(path),
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::ZERO)?;
    // Checked before any change, as the file might belong to another program, and in a transaction, as another wrapper
    // may be creating the tables.
    let new = is_new(&*connection.transaction()?)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // A commit survives the process. It need not survive a power cut, which ends all sessions anyway.
    connection.pragma_update(None, "synchronous", "normal")?;
    // macOS may write a disk's cache in any order without this; other systems ignore it.
    connection.pragma_update(None, "checkpoint_fullfsync", "on")?;
    connection.pragma_update(None, "trusted_schema", "off")?;
    // Arguments are people's data: what is removed is overwritten.
    connection.pragma_update_and_check(None, "secure_delete", "on", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", MAX_STATE / 16, |_| Ok(()))?;
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update_and_check(None, "max_page_count", MAX_STATE / page.max(512), |_| Ok(()))?;
    if new || !missing_columns(&connection)?.is_empty() {
        create_tables(&mut connection)?;
    }
    Ok(OpenDatabase { connection, identity })
}

fn create_tables(connection: &mut Connection) -> Result<(), DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another wrapper may have been faster.
    if is_new(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.execute_batch(APPROVALS)?;
    for column in missing_columns(&transaction)? {
        transaction.execute_batch(&format!("ALTER TABLE approvals ADD COLUMN {column} TEXT"))?;
    }
    Ok(transaction.commit()?)
}

/// Returns the columns that `approvals` lacks: all of [`ADDED_COLUMNS`] if there is no such table.
fn missing_columns(connection: &Connection) -> Result<Vec<&'static str>, DatabaseError> {
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info('approvals')")?;
    let known: Vec<String> = columns.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(ADDED_COLUMNS.into_iter().filter(|column| !known.iter().any(|name| name == column)).collect())
}

/// Whether the file is empty. A file that is not empty must be ours and of the known version.
fn is_new(connection: &Connection) -> Result<bool, DatabaseError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(false),
        (APPLICATION, other) => Err(DatabaseError::Version(other)),
        (0, 0) => {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 { Ok(true) } else { Err(DatabaseError::Foreign) }
        }
        _ => Err(DatabaseError::Foreign),
    }
}

/// Explains why the file cannot be used; `cannot` is what could not be done.
pub(super) fn explain_error(error: &DatabaseError, path: &Path, cannot: &str) -> String {
    let store = visible_path(path);
    let what = match (error, error.sqlite_code()) {
        _ if error.is_busy() => {
            "another process keeps it locked. Try again; if that does not help, end the process that has it open"
                .to_owned()
        }
        (DatabaseError::Version(_) | DatabaseError::Clock, _) => error.to_string(),
        (DatabaseError::Foreign, _) => format!("{error}. Move {store} away"),
        (_, Some(ErrorCode::DiskFull)) => format!(
            "it cannot grow: the disk is full, or it has reached {} MiB. Make room on the disk, or use fewer limits of the scopes \
             client and server",
            MAX_STATE >> 20
        ),
        // A missing table or column, or a value of another type: somebody changed the file.
        (DatabaseError::Unreadable, _)
        | (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown))
        | (DatabaseError::Sqlite(_), None) => format!(
            "it is damaged ({error}). To count from zero again, move {store}, {store}-wal and {store}-shm away together"
        ),
        _ => {
            format!("it cannot be used ({error}). Make it and its directory writable for the user who runs policylayer")
        }
    };
    format!("the state store {store} {cannot}: {what}.")
}
