//! Tells whether a session runs: a running session holds the lock of its own file.

use std::fs::File;
#[cfg(unix)]
use std::fs::TryLockError;
use std::io;
use std::path::Path;

use super::paths::LogPaths;
use crate::policy::ServerName;
use crate::state::file::{self, FileLock, Identity};

/// The journal of a session that ended without removing it. Nobody else takes it over while this exists.
#[derive(Debug)]
pub(super) struct AbandonedJournal {
    pub(super) file: File,
    lock: Option<FileLock>,
}

impl AbandonedJournal {
    /// Returns the journal of a session; `None` if the session runs.
    pub(super) fn find_abandoned(paths: &LogPaths, session: &str) -> io::Result<Option<Self>> {
        // Without a lock file, version 0.1.0 left the journal, or the session was killed while it removed both files.
        let lock = match file::if_there(FileLock::try_take(&paths.session_lock(session)))? {
            Some(None) => return Ok(None),
            lock => lock.flatten(),
        };
        let path = paths.journal_file(session);
        let file = file::open_file(File::options().read(true).write(true), &path)?;
        #[cfg(unix)]
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Identity::is_at(&file, &path).then_some(Self { file, lock }))
    }

    /// Removes the journal, once the log has its calls.
    pub(super) fn remove(self, paths: &LogPaths, session: &str) {
        // If a file stays, the next session finds it again, and finds its calls in the log.
        let _ = file::remove_file(&paths.journal_file(session));
        drop(self.file);
        if let Some(lock) = self.lock {
            lock.remove();
        }
    }
}

/// Removes the lock file of a session that was killed before it had a journal, or after it removed it.
pub(super) fn remove_stale_lock(paths: &LogPaths, session: &str) {
    if let Ok(Some(lock)) = FileLock::try_take(&paths.session_lock(session))
        && !paths.journal_file(session).exists()
    {
        let _ = file::remove_file(&paths.journal_file(session).with_extension("new"));
        lock.remove();
    }
}

/// Locks a journal for version 0.1.0, which has no other sign that its session runs. Does so only on systems whose
/// locks do not keep others from reading.
pub(super) fn lock_journal(journal: &File) -> io::Result<()> {
    if cfg!(unix) { journal.lock() } else { Ok(()) }
}

/// Returns whether a session that has a journal runs; `None` if the journal is gone.
pub(super) fn is_running(paths: &LogPaths, session: &str) -> io::Result<Option<bool>> {
    if file::if_there(FileLock::is_taken(&paths.session_lock(session)))? == Some(true) {
        return Ok(Some(true));
    }
    let path = paths.journal_file(session);
    #[cfg(unix)]
    let is_locked = FileLock::is_taken(&path);
    #[cfg(not(unix))]
    let is_locked = Identity::of_path(&path).map(|_| false);
    match is_locked {
        Err(_) if file::is_being_removed(&path) => Ok(None),
        is_locked => file::if_there(is_locked),
    }
}

/// Counts the sessions of a server that run and write this log.
///
/// # Errors
/// Returns an error if the directory exists and cannot be read.
pub fn count_sessions(dir: &Path, server: &ServerName) -> io::Result<usize> {
    let paths = LogPaths::new(dir, server);
    let sessions = paths.list_sessions(".lock")?;
    let is_taken = |session: &String| FileLock::is_taken(&paths.session_lock(session)).unwrap_or(false);
    Ok(sessions.iter().filter(|session| is_taken(session)).count())
}
