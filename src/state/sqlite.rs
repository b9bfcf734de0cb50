//! Counts in a SQLite file that all wrappers of a user share.

use std::path::PathBuf;
use std::sync::LazyLock;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::codec;
use super::database::{Database, DatabaseError, explain_error, sql_time};
use crate::engine::Now;
use crate::engine::limits::counts::{Clock, Count, Counts};
use crate::engine::limits::{Charge, Denied, Reserved, Store, Unavailable};
use crate::limits::PRUNE_EVERY;
use crate::policy::{Amount, CounterId};

/// Counts that all wrappers of a user share and that outlive them, in one file.
///
/// The file is opened with the first charge, and again after an error. Each reservation is one transaction that takes
/// the only write lock before it reads, so wrappers never count from stale numbers; it is committed before the call
/// continues, so a wrapper that is killed has counted what it let through. All windows follow the system clock, as no
/// other clock survives a restart.
#[derive(Debug)]
pub struct Sqlite {
    database: Database,
    /// What stands before the names of the counters.
    owner: Option<Owner>,
    latest: Clock,
    /// The number of reservations until entries that no longer count are removed.
    until_prune: u32,
}

/// A process of a client, once it is asked for.
type Owner = LazyLock<String, Box<dyn FnOnce() -> String + Send>>;

impl Sqlite {
    /// Creates a store in this file, which is neither opened nor created before it is needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { database: Database::new(path), owner: None, latest: Clock::default(), until_prune: 0 }
    }

    /// Creates a store in this file whose counts are those of one process of a client. `client` names it, and is asked
    /// with the first charge.
    pub fn for_client(path: impl Into<PathBuf>, client: impl FnOnce() -> String + Send + 'static) -> Self {
        let name = || format!("client {} ", client());
        Self { owner: Some(LazyLock::new(Box::new(name))), ..Self::new(path) }
    }

    fn explain_unavailable(&self, fault: &DatabaseError) -> Unavailable {
        Unavailable(explain_error(fault, self.database.path(), "cannot count this call"))
    }
}

impl Store for Sqlite {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        let charged = || charges.iter().filter(|charge| charge.amount > Amount::ZERO).map(|charge| charge.counter);
        if charged().next().is_none() {
            return Ok(Reserved::default());
        }
        let clock = wall_clock(now);
        let (mut latest, mut until_prune) = (self.latest, self.until_prune);
        let owner = owner_of(&self.owner);
        let reserved = self.database.write_transaction(|transaction| {
            let mut counts = read_counts(transaction, owner, charged(), latest)?;
            let reserved = counts.reserve(charges, clock);
            latest = counts.latest;
            if reserved.is_ok() {
                let prune = until_prune == 0;
                if prune {
                    transaction.execute("DELETE FROM counts WHERE expires <= ?1", [sql_time(clock.unix)?])?;
                }
                write_counts(transaction, owner, &counts)?;
                until_prune = if prune { PRUNE_EVERY } else { until_prune.saturating_sub(1) };
            }
            Ok(reserved)
        });
        (self.latest, self.until_prune) = (latest, until_prune);
        reserved.map_err(|fault| self.explain_unavailable(&fault))?
    }

    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        if reserved.is_empty() {
            return Ok(());
        }
        let (clock, latest, owner) = (wall_clock(now), self.latest, owner_of(&self.owner));
        let refunded = self.database.write_transaction(|transaction| {
            let mut counts =
                read_counts(transaction, owner, reserved.taken.iter().map(|taken| &taken.counter), latest)?;
            counts.refund(&reserved.taken, clock);
            write_counts(transaction, owner, &counts)
        });
        refunded.map_err(|fault| self.explain_unavailable(&fault))
    }
}

fn owner_of(owner: &Option<Owner>) -> &str {
    owner.as_ref().map_or("", |owner| owner)
}

/// The key of a counter in the file. Those of the server begin with a digit.
fn key_of(owner: &str, counter: &CounterId) -> String {
    [owner, counter.as_str()].concat()
}

fn wall_clock(now: Now) -> Clock {
    Clock { sliding: now.unix, unix: now.unix }
}

fn read_counts<'a>(
    transaction: &Transaction<'_>,
    owner: &str,
    counters: impl Iterator<Item = &'a CounterId>,
    latest: Clock,
) -> Result<Counts, DatabaseError> {
    let mut counts = Counts { latest, ..Counts::default() };
    let mut statement = transaction.prepare("SELECT count FROM counts WHERE counter = ?1")?;
    for counter in counters {
        if counts.by_counter.contains_key(counter) {
            continue;
        }
        let count = statement
            .query_row([key_of(owner, counter)], |row| Ok(codec::decode_count(row.get_ref(0)?.as_blob()?)))
            .optional()?
            .map_or(Some(Count::default()), |count| count)
            .ok_or(DatabaseError::Unreadable)?;
        counts.by_counter.insert(counter.clone(), count);
    }
    Ok(counts)
}

fn write_counts(transaction: &Transaction<'_>, owner: &str, counts: &Counts) -> Result<(), DatabaseError> {
    let mut statement = transaction.prepare(
        "INSERT INTO counts VALUES (?1, ?2, ?3)
         ON CONFLICT (counter) DO UPDATE SET expires = excluded.expires, count = excluded.count",
    )?;
    for (counter, count) in &counts.by_counter {
        // A count that lasts beyond the last time that can be stored is never removed.
        let expires = codec::to_nanoseconds(count.log.expires_at().max(count.bucket.expires_at())).unwrap_or(i64::MAX);
        let bytes = codec::encode_count(count).ok_or(DatabaseError::Clock)?;
        statement.execute(params![key_of(owner, counter), expires, bytes])?;
    }
    Ok(())
}
