//! Where the files of a server's log are.
//!
//! ```text
//! audit/SERVER.jsonl          the lines that are being written
//! audit/SERVER.jsonl.000001   those before, oldest first
//! audit/SERVER.lock           locked for as long as a writer appends
//! audit/SERVER.head           up to where the lines are synced to the disk
//! audit/SERVER.anchor         up to where they were pruned
//! audit/open/SERVER-SESSION.jsonl   a session's unanswered calls
//! audit/open/SERVER-SESSION.lock    locked for as long as the session runs
//! audit/key                   the key of the arguments' digests
//! ```
//! The files that are locked are never read, as a lock hinders all others from reading on Windows. Version 0.1.0 had no
//! `open/SERVER-SESSION.lock` and locked the journal itself. Where a lock hinders nobody from reading, journals are
//! therefore locked as well: wrappers of both versions leave each other's journals alone, and take over what was left behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::policy::ServerName;
use crate::state::file::is_being_removed;

/// The files of one server's log.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
    server: String,
}

impl Place {
    /// The log of a server in the audit folder.
    pub fn new(folder: impl Into<PathBuf>, server: &ServerName) -> Self {
        Self { folder: folder.into(), server: server.as_str().to_owned() }
    }

    /// The audit folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's name.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The file that is being written.
    pub fn current(&self) -> PathBuf {
        self.file("jsonl")
    }

    /// The file that was rotated away as the `number`th, from 1.
    pub fn rotated(&self, number: u64) -> PathBuf {
        self.file(&format!("jsonl.{number:06}"))
    }

    /// The numbers of the rotated files that are there, oldest first.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn rotated_numbers(&self) -> io::Result<Vec<u64>> {
        let prefix = format!("{}.jsonl.", self.server);
        let mut numbers = names(&self.folder)?
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|number| number.parse().ok())
            .filter(|number| !is_being_removed(&self.rotated(*number)))
            .collect::<Vec<u64>>();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The file that is locked for as long as the log is changed.
    pub(super) fn lock(&self) -> PathBuf {
        self.file("lock")
    }

    /// Where it is written up to where the log is synced.
    pub fn head(&self) -> PathBuf {
        self.file("head")
    }

    /// Where it is written up to where the log was pruned.
    pub fn anchor(&self) -> PathBuf {
        self.file("anchor")
    }

    /// The journal of a session.
    pub fn journal(&self, session: &str) -> PathBuf {
        self.folder.join("open").join(format!("{}-{session}.jsonl", self.server))
    }

    /// The file that is locked for as long as a session runs.
    pub(super) fn session_lock(&self, session: &str) -> PathBuf {
        self.folder.join("open").join(format!("{}-{session}.lock", self.server))
    }

    /// The sessions that have a journal: those that run, and those that were killed.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn journals(&self) -> io::Result<Vec<String>> {
        self.sessions(".jsonl")
    }

    /// The sessions that have a lock file.
    pub(super) fn session_locks(&self) -> io::Result<Vec<String>> {
        self.sessions(".lock")
    }

    fn sessions(&self, ending: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{}-", self.server);
        let mut sessions = names(&self.folder.join("open"))?
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix(ending))
            .filter(|session| session.len() == 16 && session.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        sessions.sort_unstable();
        Ok(sessions)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.server))
    }
}

/// The names in a folder that are text; none where it is missing.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let place = |server| Place::new(folder.path(), &ServerName::parse(server).unwrap());
        assert_eq!(place("a").rotated_numbers().unwrap(), [0_u64; 0]);
        assert_eq!(place("a").journals().unwrap(), [""; 0]);
        let (one, other) = (place("a"), place("a-0011223344556677"));
        fs::create_dir(folder.path().join("open")).unwrap();
        for path in [
            one.rotated(2),
            one.rotated(1_000_000),
            one.rotated(1),
            place("a.jsonl").current(),
            place("a.jsonl.000003").current(),
            one.journal("8899aabbccddeeff"),
            other.journal("0123456789abcdef"),
        ] {
            fs::write(path, "").unwrap();
        }
        assert_eq!(one.rotated_numbers().unwrap(), [1, 2, 1_000_000]);
        assert_eq!(one.journals().unwrap(), ["8899aabbccddeeff"]);
        assert_eq!(other.journals().unwrap(), ["0123456789abcdef"]);
    }
}
