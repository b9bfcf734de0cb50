//! Whether a session lives: it holds the lock of a file of its own, which the system takes back however it ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::state::file::{FileLock, create_private_folder};

/// The lock of a session, held until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _lock: FileLock,
}

impl Lock {
    /// Takes the lock of a session, and removes the files of those that are gone.
    pub(super) fn take(folder: &Path, session: &str) -> io::Result<Self> {
        create_private_folder(folder)?;
        for entry in fs::read_dir(folder)?.flatten() {
            if let Some(session) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".lock")) {
                let _ = is_alive(folder, session);
            }
        }
        let Some(path) = path(folder, session) else { return Err(io::Error::other("the session has no name")) };
        Ok(Self { _lock: FileLock::take(&path, None)? })
    }
}

/// Whether a session lives. The file of one that does not is removed.
pub(super) fn is_alive(folder: &Path, session: &str) -> bool {
    let Some(path) = path(folder, session) else { return false };
    match FileLock::remove_unless_taken(&path) {
        Ok(is_taken) => is_taken,
        // Whatever else it is says nothing about the session.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The file of a session, whose name is in lower-case hexadecimal digits.
fn path(folder: &Path, session: &str) -> Option<PathBuf> {
    let is_name = !session.is_empty() && session.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_name.then(|| folder.join(format!("{session}.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_as_long_as_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("approvals");
        assert!(!is_alive(folder, "0a"));
        let lock = Lock::take(folder, "0a").unwrap();
        assert!(is_alive(folder, "0a") && is_alive(folder, "0a"));
        fs::write(folder.join("0b.lock"), "").unwrap();
        let other = Lock::take(folder, "0c").unwrap();
        assert!(is_alive(folder, "0a") && is_alive(folder, "0c"));
        assert!(!folder.join("0b.lock").exists(), "left over, and removed");
        drop(lock);
        assert!(!is_alive(folder, "0a") && !folder.join("0a.lock").exists());
        drop(other);
    }

    #[test]
    fn a_session_with_a_name_that_leads_elsewhere_does_not_live() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.lock");
        fs::write(&file, "").unwrap();
        for name in ["../a", "", "A", "a/../a"] {
            assert!(!is_alive(&folder.path().join("approvals"), name));
            assert!(file.exists());
        }
    }
}
