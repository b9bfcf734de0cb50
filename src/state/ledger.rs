//! What a session remembers of results, in a file that all wrappers of one client process share.
//!
//! The file only grows: a head, and the records of [`Index`]. Whoever adds to it holds the lock, writes behind what is there, and
//! then how much there is; whoever reads takes in what has been added since, and needs no lock. So a wrapper that is killed
//! leaves nothing half written that anybody reads. Where the file cannot be reached, or is not the one that it was, nothing can
//! be told any more, and that counts as seen.

mod own_file;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use self::own_file::{check_in_place, open_own, read_at, wait_within, write_at};
use super::file::{
    create_private_dir, is_missing, open_private, persist_new, release_lock, remove_unless_held, temporary_in,
};
use crate::limits::{HELD_WAIT, KEEP_UNKNOWN_LEDGER, MAX_LEDGER_HEAD_READS, MAX_REMEMBERED};
use crate::provenance::{CalledTool, Index, Origins, Provenance, SessionFacts, Source, Unknown};
use crate::visible::visible_path;

/// What a ledger begins with. Another version has another number.
const MAGIC: &[u8; 24] = b"policylayer ledger 0001\n";

/// The size of the head: the magic, the key, how much there is and its complement, and two marks.
const HEAD: usize = 64;

/// Where in the head how much there is stands.
const COMMITTED: usize = 40;

/// Where the mark is that something was not remembered because of a failure.
const LOST: usize = 56;

/// Where the mark is that something was read before the ledger was there.
const MISSED: usize = 57;

/// Whether a ledger is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// A policy may ask: it is made when there is something to remember.
    Always,
    /// Only if another wrapper has made it.
    IfThere,
}

/// Which processes are clients.
#[derive(Debug)]
pub struct Clients {
    /// Names the client of this process.
    pub name: fn() -> String,
    /// Whether a client of this name still runs; `None` if that cannot be told of it.
    pub is_running: fn(&str) -> Option<bool>,
}

/// The memory of all sessions of one client process.
#[derive(Debug)]
pub struct Ledger(Mutex<Keeper>);

#[derive(Debug)]
struct Keeper {
    dir: PathBuf,
    clients: Clients,
    keeping: Keeping,
    path: LazyLock<PathBuf, Box<dyn FnOnce() -> PathBuf + Send>>,
    open: Option<OpenLedger>,
    /// Why nothing can be told any more.
    failed: Option<Unknown>,
    /// Whether the ledger that is at its place has no mark of that yet.
    is_unmarked: bool,
    /// Whether the client got a result that is not remembered.
    has_missed: bool,
    /// Whether what others have added could not be taken in for now.
    is_stale: bool,
    /// Whether that was said.
    has_said: bool,
}

/// What is not remembered if something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Something was to be looked up, or noted that only loosens rules.
    Nothing,
    Something,
}

#[derive(Debug)]
struct OpenLedger {
    file: File,
    lock: File,
    path: PathBuf,
    index: Index,
    /// The marks in the head.
    unknown: Option<Unknown>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
enum LedgerError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Unusable(&'static str),
    /// It may be otherwise the next time.
    #[error("{0}")]
    Busy(&'static str),
}

impl From<crate::provenance::Damaged> for LedgerError {
    fn from(_: crate::provenance::Damaged) -> Self {
        Self::Unusable("it is damaged")
    }
}

impl Ledger {
    /// Creates the memory of the client's sessions, in a file in this directory that is opened when it is needed.
    pub fn new(dir: impl Into<PathBuf>, keeping: Keeping, clients: Clients) -> Self {
        let dir = dir.into();
        let (folder, name) = (dir.clone(), clients.name);
        let path = move || folder.join(format!("{}.ledger", name()));
        let path = LazyLock::new(Box::new(path) as Box<dyn FnOnce() -> PathBuf + Send>);
        Self(Mutex::new(Keeper {
            dir,
            clients,
            keeping,
            path,
            open: None,
            failed: None,
            is_unmarked: false,
            has_missed: false,
            is_stale: false,
            has_said: false,
        }))
    }

    /// Makes the ledger, so that other wrappers find it: one of them may read before this one asks.
    pub fn begin(&self) {
        // A failure is said, and answers everything from now on.
        let _ = self.with_keeper(|keeper| keeper.with_ledger(Keeping::Always, Loss::Nothing, |_| Ok(())));
    }

    fn with_keeper<T>(&self, work: impl FnOnce(&mut Keeper) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keeper {
    /// Opens the ledger, and makes it if it is wanted; whether it is open.
    fn open(&mut self, keeping: Keeping) -> Result<bool, LedgerError> {
        if self.open.is_some() {
            return Ok(true);
        }
        if keeping == Keeping::IfThere && !self.may_be_there() {
            return Ok(false);
        }
        let path: &Path = &self.path;
        let mut opened = OpenLedger::open(path);
        if matches!(&opened, Err(LedgerError::Io(error)) if is_missing(error)) {
            if keeping == Keeping::IfThere {
                return Ok(false);
            }
            create_private_dir(&self.dir)?;
            remove_stale(&self.dir, path, &self.clients);
            create_ledger(&self.dir, path)?;
            opened = OpenLedger::open(path);
        }
        let mut open = opened?;
        if self.has_missed {
            open.mark(MISSED)?;
        }
        open.refresh()?;
        self.open = Some(open);
        Ok(true)
    }

    /// Whether the client can have a ledger. Who the client is takes longer to find out than that there is no ledger of anybody.
    fn may_be_there(&self) -> bool {
        !matches!(fs::symlink_metadata(&self.dir), Err(error) if is_missing(&error))
    }

    /// Does something with the open ledger; `None` if there is none, and none is wanted. After a failure that lasts or loses something,
    /// nothing can be told any more, by any wrapper that reaches it.
    fn with_ledger<T>(
        &mut self,
        keeping: Keeping,
        loss: Loss,
        work: impl FnOnce(&mut OpenLedger) -> Result<T, LedgerError>,
    ) -> Result<Option<T>, Unknown> {
        if let Some(why) = self.failed {
            if loss == Loss::Something || self.is_unmarked {
                self.mark_lost();
            }
            return Err(why);
        }
        let done = match self.open(keeping) {
            Ok(false) => return Ok(None),
            Ok(true) => self.open.as_mut().map(work).transpose(),
            Err(error) => Err(error),
        };
        done.map_err(|error| {
            if matches!((&error, loss), (LedgerError::Busy(_), Loss::Nothing)) {
                if !std::mem::replace(&mut self.has_said, true) {
                    let path = visible_path(&self.path);
                    tracing::warn!(
                        "where values come from cannot be told for now: {path}: {error}. Until then, rules that ask for it take \
                         every value as one of untrusted and personal content"
                    );
                }
                return Unknown::Unreachable;
            }
            self.mark_lost();
            self.failed = Some(Unknown::Unreachable);
            let path = visible_path(&self.path);
            tracing::warn!(
                "where values come from cannot be told any more: {path}: {error}. Rules that ask for it take every value as one of \
                 untrusted and personal content, until the client is started anew"
            );
            Unknown::Unreachable
        })
    }

    /// Tells the other wrappers that something is not remembered: those that have this ledger open, and those that have the one that is at
    /// its place now, which can be another. If that fails, it is tried again with the next look-up.
    fn mark_lost(&mut self) {
        if let Some(open) = &mut self.open {
            let _ = open.mark(LOST);
        }
        self.is_unmarked = OpenLedger::open(&self.path).and_then(|mut other| other.mark(LOST)).is_err();
    }

    fn append(&mut self, keeping: Keeping, loss: Loss, write: impl FnOnce(&Index) -> Vec<u8>) -> Result<bool, Unknown> {
        self.with_ledger(keeping, loss, |ledger| ledger.append(write)).map(|done| done.is_some())
    }
}

impl Ledger {
    /// Looks something up, as the ledger was when it was last taken in.
    fn look_up<T: Default>(&self, find: impl FnOnce(&mut OpenLedger) -> T) -> Result<T, Unknown> {
        self.with_keeper(|keeper| {
            if keeper.is_stale {
                return Err(Unknown::Unreachable);
            }
            let found = keeper.with_ledger(Keeping::Always, Loss::Nothing, |ledger| Ok(find(ledger)));
            found.map(Option::unwrap_or_default)
        })
    }

    fn look_up_origins(&self, find: impl FnOnce(&mut Index) -> Origins) -> Origins {
        let found = self.look_up(|ledger| {
            let origins = find(&mut ledger.index);
            Origins { unknown: origins.unknown.or(ledger.unknown), ..origins }
        });
        found.unwrap_or_else(Origins::unknown)
    }
}

impl Provenance for Ledger {
    fn settle(&self) {
        self.with_keeper(|keeper| _ = LazyLock::force(&keeper.path));
    }

    fn refresh(&self) {
        // A failure is said, and marked if it lasts; else the look-ups find it again.
        self.with_keeper(|keeper| {
            let fresh = keeper.with_ledger(Keeping::Always, Loss::Nothing, OpenLedger::refresh);
            keeper.is_stale = fresh.is_err();
        });
    }

    fn find_origins(&self, text: &str) -> Origins {
        self.look_up_origins(|index| index.find_origins(text))
    }

    fn find_whole_origins(&self, text: &str) -> Origins {
        self.look_up_origins(|index| index.find_whole_origins(text))
    }

    fn session_facts(&self) -> SessionFacts {
        let found = self.look_up(|ledger| {
            let facts = ledger.index.session_facts();
            SessionFacts { unknown: facts.unknown.or(ledger.unknown), ..facts }
        });
        found.unwrap_or_else(|why| SessionFacts { unknown: Some(why), ..SessionFacts::default() })
    }

    fn remember_result(&self, source: &Source, result: &str) {
        self.with_keeper(|keeper| {
            let keeping = keeper.keeping;
            // Read before the lock is taken, which others wait for.
            let values = keeper.with_ledger(keeping, Loss::Something, |ledger| Ok(ledger.index.read_result(result)));
            match values {
                Ok(Some(values)) => {
                    // A failure is said and marked.
                    let _ = keeper.append(keeping, Loss::Something, |index| index.write_result(source, &values));
                }
                Ok(None) => keeper.has_missed = true,
                Err(_) => {}
            }
        });
    }

    fn remember_call(&self, call: &CalledTool) {
        self.with_keeper(|keeper| {
            let keeping = keeper.keeping;
            if keeper.append(keeping, Loss::Something, |index| index.write_call(call)) == Ok(false) {
                keeper.has_missed = true;
            }
        });
    }

    fn remember_written(&self, arguments: &str) {
        self.with_keeper(|keeper| {
            let keeping = keeper.keeping;
            let values = keeper.with_ledger(keeping, Loss::Nothing, |ledger| {
                ledger.refresh()?;
                let may_count = !ledger.index.has_read();
                Ok(may_count.then(|| ledger.index.read_arguments(arguments)))
            });
            if let Ok(Some(Some(values))) = values {
                let _ = keeper.append(keeping, Loss::Nothing, |index| index.write_written(&values));
            }
        });
    }

    fn miss_result(&self) {
        self.with_keeper(|keeper| keeper.has_missed = true);
    }

    fn is_in_use(&self) -> bool {
        self.with_keeper(|keeper| {
            let is_asked_for = keeper.keeping == Keeping::Always || keeper.open.is_some();
            is_asked_for || (keeper.may_be_there() && keeper.path.exists())
        })
    }
}

impl OpenLedger {
    /// Opens a ledger of this user's.
    fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = open_own(path)?;
        let mut head = [0; HEAD];
        read_at(&file, &mut head, 0)?;
        let key = head.get(MAGIC.len()..COMMITTED).and_then(|key| key.try_into().ok());
        let (true, Some(key)) = (head.starts_with(MAGIC), key) else {
            return Err(LedgerError::Unusable("it is of another version of policylayer, or no ledger"));
        };
        let lock = open_private(
            File::options().read(true).write(true).create(true).truncate(false),
            &path.with_extension("ledger-lock"),
        )?;
        Ok(Self { file, lock, path: path.to_owned(), index: Index::new(key), unknown: None })
    }

    /// Takes in what has been added, by any wrapper.
    fn refresh(&mut self) -> Result<(), LedgerError> {
        let committed = self.read_head()?;
        // Asked for afterwards: another wrapper may add to it meanwhile.
        let length = check_in_place(&self.file, &self.path)?;
        let is_whole = committed <= MAX_REMEMBERED && length >= (HEAD + committed) as u64;
        let known = self.index.length();
        let Some(new) = committed.checked_sub(known).filter(|_| is_whole) else {
            return Err(LedgerError::Unusable("it is damaged"));
        };
        if new > 0 {
            let mut bytes = vec![0; new];
            read_at(&self.file, &mut bytes, HEAD + known)?;
            self.index.take_in(&bytes)?;
        }
        Ok(())
    }

    /// Returns how much there is behind the head.
    fn read_head(&mut self) -> Result<usize, LedgerError> {
        for _ in 0..MAX_LEDGER_HEAD_READS {
            let mut head = [0; HEAD - COMMITTED];
            read_at(&self.file, &mut head, COMMITTED)?;
            let [committed, complement, marks] = head.as_chunks::<8>().0 else { break };
            let [lost, missed, ..] = *marks;
            self.unknown = match (lost, missed) {
                (0, 0) => None,
                (0, _) => Some(Unknown::NotRemembered),
                _ => Some(Unknown::Unreachable),
            };
            let committed = u64::from_le_bytes(*committed);
            if committed == !u64::from_le_bytes(*complement) {
                return usize::try_from(committed).map_err(|_| LedgerError::Unusable("it is damaged"));
            }
            // Another wrapper is writing it.
            thread::yield_now();
        }
        Err(LedgerError::Busy("another process writes it and does not go on, or it is damaged"))
    }

    /// Adds what `write` makes of all that is there.
    fn append(&mut self, write: impl FnOnce(&Index) -> Vec<u8>) -> Result<(), LedgerError> {
        wait_within(&self.lock, HELD_WAIT)?;
        let done = self.append_locked(write);
        release_lock(&self.lock);
        done
    }

    fn append_locked(&mut self, write: impl FnOnce(&Index) -> Vec<u8>) -> Result<(), LedgerError> {
        self.refresh()?;
        let bytes = write(&self.index);
        if bytes.is_empty() {
            return Ok(());
        }
        let known = self.index.length();
        write_at(&self.file, &bytes, HEAD + known)?;
        let committed = u64::try_from(known + bytes.len()).unwrap_or(u64::MAX);
        let head = [committed.to_le_bytes(), (!committed).to_le_bytes()];
        write_at(&self.file, head.as_flattened(), COMMITTED)?;
        self.index.take_in(&bytes)?;
        Ok(())
    }

    /// Sets a mark in the head, for all wrappers.
    fn mark(&mut self, at: usize) -> Result<(), LedgerError> {
        Ok(write_at(&self.file, &[1], at)?)
    }
}

/// Creates an empty ledger, unless another wrapper has just done so.
fn create_ledger(dir: &Path, path: &Path) -> Result<(), LedgerError> {
    let mut head = Vec::with_capacity(HEAD);
    head.extend(MAGIC);
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|_| LedgerError::Unusable("the system's random number generator failed"))?;
    head.extend(key);
    head.extend(0_u64.to_le_bytes());
    head.extend((!0_u64).to_le_bytes());
    head.resize(HEAD, 0);
    let made = temporary_in(dir)?;
    write_at(made.as_file(), &head, 0)?;
    match persist_new(made, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => Ok(done?),
    }
}

/// Removes the ledgers of clients that have ended. What cannot be removed stays.
fn remove_stale(dir: &Path, own: &Path, clients: &Clients) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let (Some(name), Some("ledger")) =
            (path.file_stem().and_then(|name| name.to_str()), path.extension().and_then(|end| end.to_str()))
        else {
            continue;
        };
        let is_old = || {
            let written = path.metadata().and_then(|found| found.modified());
            let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
            age.is_some_and(|age| age > KEEP_UNKNOWN_LEDGER)
        };
        let is_stale = (clients.is_running)(name).map_or_else(is_old, |is_running| !is_running);
        if is_stale && path != own {
            let _ = remove_unless_held(&path);
            let _ = remove_unless_held(&path.with_extension("ledger-lock"));
        }
    }
}
