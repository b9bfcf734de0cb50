//! Tells whether a session lives: a live session holds the lock of its own file, which the system releases however it
//! ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::state::file::{FileLock, create_private_dir};

/// The lock of a session, held until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct AliveLock(FileLock);

impl Drop for AliveLock {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl AliveLock {
    /// Takes the lock of a session, and removes the files of dead sessions.
    pub(super) fn take(dir: &Path, session: &str) -> io::Result<Self> {
        create_private_dir(dir)?;
        for entry in fs::read_dir(dir)?.flatten() {
            if let Some(session) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".lock")) {
                let _ = check_alive(dir, session);
            }
        }
        let Some(path) = lock_path(dir, session) else { return Err(io::Error::other("the session has no name")) };
        FileLock::wait_and_take(&path, None).map(Self)
    }
}

/// Returns whether a session lives. Removes the file of a dead one.
pub(super) fn check_alive(dir: &Path, session: &str) -> bool {
    let Some(path) = lock_path(dir, session) else { return false };
    match FileLock::remove_unless_taken(&path) {
        Ok(is_taken) => is_taken,
        // Any other error says nothing about the session.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Returns the lock file of a session; `None` if the name is not in lowercase hexadecimal digits.
fn lock_path(dir: &Path, session: &str) -> Option<PathBuf> {
    let is_name = !session.is_empty() && session.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_name.then(|| dir.join(format!("{session}.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_as_long_as_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let dir = &dir.path().join("approvals");
        assert!(!check_alive(dir, "0a"));
        let lock = AliveLock::take(dir, "0a").unwrap();
        assert!(check_alive(dir, "0a") && check_alive(dir, "0a"));
        fs::write(dir.join("0b.lock"), "").unwrap();
        let other = AliveLock::take(dir, "0c").unwrap();
        assert!(check_alive(dir, "0a") && check_alive(dir, "0c"));
        assert!(!dir.join("0b.lock").exists(), "left over, and removed");
        drop(lock);
        assert!(!check_alive(dir, "0a") && !dir.join("0a.lock").exists());
        drop(other);
    }

    #[test]
    fn a_session_is_over_although_a_copy_of_its_file_is_still_open() {
        let dir = tempfile::tempdir().unwrap();
        let dir = &dir.path().join("approvals");
        let lock = AliveLock::take(dir, "0a").unwrap();
        let copy = lock.0.copy();
        drop(lock);
        assert!(!check_alive(dir, "0a"), "a forked child has such a copy until it executes its program");
        drop(copy);
    }

    #[test]
    fn a_session_with_a_name_that_leads_elsewhere_does_not_live() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.lock");
        fs::write(&file, "").unwrap();
        for name in ["../a", "", "A", "a/../a"] {
            assert!(!check_alive(&dir.path().join("approvals"), name));
            assert!(file.exists());
        }
    }
}
