//! Whether a session runs: it holds the lock of a file of its own.

use std::fs::File;
#[cfg(unix)]
use std::fs::TryLockError;
use std::io;

use super::place::Place;
use crate::state::file::{self, FileLock, Identity};

/// The lock of a session that runs in this process.
#[derive(Debug)]
pub(super) struct SessionLock(FileLock);

impl SessionLock {
    /// Takes it before the session has a journal.
    pub(super) fn take(place: &Place, session: &str) -> io::Result<Self> {
        FileLock::take(&place.session_lock(session), None).map(Self)
    }

    /// Gives it back once the session has no journal any more.
    pub(super) fn remove(self) {
        self.0.remove();
    }
}

/// The journal of a session that has ended without removing it. Nobody else takes it over meanwhile.
#[derive(Debug)]
pub(super) struct AbandonedJournal {
    /// The journal, which can be read.
    pub(super) file: File,
    lock: Option<FileLock>,
}

impl AbandonedJournal {
    /// The journal of a session; `None` where the session runs.
    pub(super) fn find(place: &Place, session: &str) -> io::Result<Option<Self>> {
        let lock = match FileLock::try_take(&place.session_lock(session)) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Ok(None),
            // Left behind by version 0.1.0, or its session was killed while it removed both.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let path = place.journal(session);
        let file = file::open(File::options().read(true).write(true), &path)?;
        #[cfg(unix)]
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Identity::is_at(&file, &path).then_some(Self { file, lock }))
    }

    /// Removes it: the log has what it held.
    pub(super) fn remove(self, place: &Place, session: &str) {
        // What stays is found again by the next session, and then it is known that the log has it.
        let _ = file::remove(&place.journal(session));
        drop(self.file);
        if let Some(lock) = self.lock {
            lock.remove();
        }
    }
}

/// Removes the lock file of a session that was killed before it had a journal, or after that was removed.
pub(super) fn remove_stale_lock(place: &Place, session: &str) {
    if let Ok(Some(lock)) = FileLock::try_take(&place.session_lock(session))
        && !place.journal(session).exists()
    {
        let _ = file::remove(&place.journal(session).with_extension("new"));
        lock.remove();
    }
}

/// Locks a journal for version 0.1.0, which knows no other sign that its session runs. Only where that hinders nobody from
/// reading it.
pub(super) fn lock_journal(journal: &File) -> io::Result<()> {
    if cfg!(unix) { journal.lock() } else { Ok(()) }
}

/// Whether a session that has a journal runs; `None` where it has none any more.
pub(super) fn is_running(place: &Place, session: &str) -> io::Result<Option<bool>> {
    match FileLock::is_taken(&place.session_lock(session)) {
        Ok(true) => return Ok(Some(true)),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let path = place.journal(session);
    #[cfg(unix)]
    let is_locked = FileLock::is_taken(&path);
    #[cfg(not(unix))]
    let is_locked = Identity::of(&path).map(|_| false);
    match is_locked {
        Ok(is_locked) => Ok(Some(is_locked)),
        Err(_) if file::is_being_removed(&path) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
