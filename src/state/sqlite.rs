//! Counts in a SQLite file that all wrappers of a user share.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::codec;
use super::file::{self, Identity};
use crate::engine::Now;
use crate::engine::limits::counts::{Clock, Count, Counts};
use crate::engine::limits::{Charge, Denied, Reserved, Store, Unavailable};
use crate::limits::{MAX_STATE, PRUNE_EVERY, STATE_BUSY};
use crate::policy::Amount;
use crate::policy::CounterId;
use crate::visible::visible;

/// Marks the file as ours: "plcy".
const APPLICATION: i32 = 0x706c_6379;

/// The version of the tables.
const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE counts (counter TEXT PRIMARY KEY, expires INTEGER NOT NULL, count BLOB NOT NULL) STRICT;
    CREATE INDEX counts_expires ON counts (expires);
";

/// How long a writer that finds the file locked waits before it tries again, at first and at last.
const LOCKED_LOOK: Duration = Duration::from_micros(500);

/// Counts that all wrappers of a user share and that outlive them, in one file.
///
/// The file is opened with the first charge, and again after whatever went wrong with it is mended. Each reservation is
/// one transaction that has the only write lock before it reads, so wrappers never count on old numbers; it is written
/// before the call goes on, so a wrapper that is killed has counted what it let through. All windows follow the
/// system's clock, as nothing else outlives a restart.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    open: Option<Open>,
    latest: Clock,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    identity: Identity,
    /// How many reservations there are to go until what does not count any more is removed.
    until_prune: u32,
}

/// Why the file cannot be used.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    Sqlite(rusqlite::Error),
    /// The tables are of another version.
    Version(i32),
    /// The file belongs to another program.
    Foreign,
    /// A counter's bytes are not one.
    Unreadable,
    /// The clock shows a time that cannot be kept.
    Clock,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Sqlite(error)
                if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
        )
    }
}

impl Sqlite {
    /// The store in this file, which is neither opened nor created before it is needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: None, latest: Clock::default() }
    }

    /// Runs a transaction that has the write lock; `work` commits it. Waits up to [`STATE_BUSY`] for the lock.
    fn transact<T>(
        &mut self,
        mut work: impl FnMut(Transaction<'_>, &mut u32) -> Result<T, Fault>,
    ) -> Result<T, Unavailable> {
        let deadline = Instant::now() + STATE_BUSY;
        let mut looks = 0;
        loop {
            let result = self.opened().and_then(|open| {
                let transaction = open.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                work(transaction, &mut open.until_prune)
            });
            match result {
                Ok(done) => return Ok(done),
                Err(fault) if fault.is_busy() => {
                    if Instant::now() >= deadline {
                        return Err(unavailable(&fault, &self.path));
                    }
                    thread::sleep(until_next_look(looks, deadline.saturating_duration_since(Instant::now())));
                    looks += 1;
                }
                Err(fault) => {
                    // Whatever it is: the next call finds out with a fresh connection whether it is mended.
                    self.abandon();
                    return Err(unavailable(&fault, &self.path));
                }
            }
        }
    }

    /// Closes a file that is damaged or no longer there. The last to close a file usually empties and removes its
    /// `-wal`, by name: that one may already belong to the file that took its place.
    fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            // Where even this fails there is nothing that closing could do.
            let _ = open.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn opened(&mut self) -> Result<&mut Open, Fault> {
        let current = match &self.open {
            Some(open) => Identity::of(&self.path).is_ok_and(|identity| identity == open.identity),
            None => false,
        };
        if !current {
            self.abandon();
        }
        match &mut self.open {
            Some(open) => Ok(open),
            none => Ok(none.insert(open(&self.path)?)),
        }
    }
}

impl Store for Sqlite {
    fn reserve(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        let charged = || charges.iter().filter(|charge| charge.amount > Amount::ZERO).map(|charge| charge.counter);
        if charged().next().is_none() {
            return Ok(Reserved::default());
        }
        let clock = clock(now);
        let mut latest = self.latest;
        let reserved = self.transact(|transaction, until_prune| {
            let mut counts = read(&transaction, charged(), latest)?;
            let reserved = counts.reserve(charges, clock);
            latest = counts.latest();
            if reserved.is_ok() {
                let prune = *until_prune == 0;
                if prune {
                    transaction.execute("DELETE FROM counts WHERE expires <= ?1", [time(clock.unix)?])?;
                }
                write(&transaction, &counts)?;
                transaction.commit()?;
                *until_prune = if prune { PRUNE_EVERY } else { until_prune.saturating_sub(1) };
            }
            Ok(reserved)
        });
        self.latest = latest;
        Ok(Reserved::new(reserved??))
    }

    fn refund(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        if reserved.is_empty() {
            return Ok(());
        }
        let (clock, latest) = (clock(now), self.latest);
        self.transact(|transaction, _| {
            let mut counts = read(&transaction, reserved.taken().iter().map(|taken| &taken.counter), latest)?;
            counts.refund(reserved.taken(), clock);
            write(&transaction, &counts)?;
            Ok(transaction.commit()?)
        })
    }
}

fn clock(now: Now) -> Clock {
    Clock { sliding: now.unix, unix: now.unix }
}

/// How long a writer waits before it tries again, after so many tries, with so much time left. Where many wait, trying
/// costs more than writing, so each tries less and less often; but whoever has waited longest tries more often again, as
/// the time runs out. SQLite's own waiting only grows, and starves those.
fn until_next_look(looks: u32, left: Duration) -> Duration {
    LOCKED_LOOK.saturating_mul(1 << looks.min(16)).min(left / 16).max(LOCKED_LOOK)
}

fn time(time: Duration) -> Result<i64, Fault> {
    codec::nanoseconds(time).ok_or(Fault::Clock)
}

fn open(path: &Path) -> Result<Open, Fault> {
    file::prepare(path)?;
    let identity = Identity::of(path)?;
    // Whoever needs a lock waits in `transact`.
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::ZERO)?;
    // Asked before anything is changed: it might be somebody else's. In a transaction, as another may be making it ours.
    let new = is_new(&*connection.transaction()?)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // What was committed outlives the process. It need not outlive a power cut, which ends all sessions anyway.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "trusted_schema", "off")?;
    connection.pragma_update_and_check(None, "journal_size_limit", MAX_STATE / 16, |_| Ok(()))?;
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    connection.pragma_update_and_check(None, "max_page_count", MAX_STATE / page.max(512), |_| Ok(()))?;
    if new {
        create_tables(&mut connection)?;
    }
    Ok(Open { connection, identity, until_prune: 0 })
}

fn create_tables(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another may have been faster.
    if is_new(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    Ok(transaction.commit()?)
}

/// Whether the file is empty. One that is not must be ours, and of the version that we know.
fn is_new(connection: &Connection) -> Result<bool, Fault> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION, VERSION) => Ok(false),
        (APPLICATION, other) => Err(Fault::Version(other)),
        (0, 0) => {
            let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 { Ok(true) } else { Err(Fault::Foreign) }
        }
        _ => Err(Fault::Foreign),
    }
}

fn read<'a>(
    transaction: &Transaction<'_>,
    counters: impl Iterator<Item = &'a CounterId>,
    latest: Clock,
) -> Result<Counts, Fault> {
    let mut counts = Counts::since(latest);
    let mut statement = transaction.prepare("SELECT count FROM counts WHERE counter = ?1")?;
    for counter in counters {
        if counts.contains(counter) {
            continue;
        }
        let count = statement
            .query_row([counter.as_str()], |row| Ok(codec::decode(row.get_ref(0)?.as_blob()?)))
            .optional()?
            .map_or(Some(Count::default()), |count| count)
            .ok_or(Fault::Unreadable)?;
        counts.insert(counter.clone(), count);
    }
    Ok(counts)
}

fn write(transaction: &Transaction<'_>, counts: &Counts) -> Result<(), Fault> {
    let mut statement = transaction.prepare(
        "INSERT INTO counts VALUES (?1, ?2, ?3)
         ON CONFLICT (counter) DO UPDATE SET expires = excluded.expires, count = excluded.count",
    )?;
    for (counter, count) in counts.iter() {
        // What counts until after the last time that can be kept is never removed.
        let expires = codec::nanoseconds(count.log.expires().max(count.bucket.expires())).unwrap_or(i64::MAX);
        let bytes = codec::encode(count).ok_or(Fault::Clock)?;
        statement.execute(params![counter.as_str(), expires, bytes])?;
    }
    Ok(())
}

fn unavailable(fault: &Fault, path: &Path) -> Unavailable {
    let store = visible(&path.display().to_string());
    let damaged = |why: &dyn fmt::Display| {
        format!(
            "it is damaged ({why}). Move {store} away, and the files {store}-wal and {store}-shm with it, to count from \
             zero again"
        )
    };
    let unusable = |why: &dyn fmt::Display| {
        format!(
            "it cannot be used ({why}). Make it a file that the user who runs policylayer may write, in a folder that \
             this user may write to"
        )
    };
    let what = match fault {
        Fault::Io(error) => unusable(error),
        Fault::Version(version) => format!(
            "it is of version {version}, and this policylayer knows version {VERSION}. Use the same policylayer everywhere"
        ),
        Fault::Foreign => format!("it belongs to another program. Move {store} away"),
        Fault::Unreadable => damaged(&"a counter in it is not readable"),
        Fault::Clock => "the system's clock shows a time after the year 2262. Set the clock".to_owned(),
        Fault::Sqlite(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process keeps it locked. Try again; if that goes on, end the process that has it open"
                    .to_owned()
            }
            Some(ErrorCode::DiskFull) => format!(
                "it cannot grow: the disk is full, or it has reached {} MiB. Make room on the disk, or use fewer limits of \
                 the scope server",
                MAX_STATE >> 20
            ),
            // A table or a column that is not there, or a value of another type: somebody changed it.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) | None => damaged(error),
            Some(_) => unusable(error),
        },
    };
    Unavailable(format!("the state store {store} cannot count this call: {what}."))
}
