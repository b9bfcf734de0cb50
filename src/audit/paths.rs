//! The paths of a server's log files.
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
//! audit/policies/SERVER-DIGEST.toml   the text of a policy that the log names
//! ```
//! Locked files are never read, as on Windows a lock keeps all others from reading. Version 0.1.0 had no
//! `open/SERVER-SESSION.lock` and locked the journal itself. On systems whose locks do not keep others from reading,
//! journals are therefore locked as well: wrappers of both versions leave each other's running journals alone, and take
//! over abandoned ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::mark::Mark;
use crate::policy::{Format, ServerName};
use crate::record::Digest;
use crate::state::file::{is_being_removed, is_missing};

/// The files of one server's log.
#[derive(Clone, Debug)]
pub struct LogPaths {
    dir: PathBuf,
    server: String,
}

impl LogPaths {
    /// Returns the paths of a server's log in the audit directory.
    pub fn new(dir: impl Into<PathBuf>, server: &ServerName) -> Self {
        Self { dir: dir.into(), server: server.as_str().to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Returns the file that is being written.
    pub fn current_file(&self) -> PathBuf {
        self.file_with_ending("jsonl")
    }

    /// Returns the file that was rotated away as the `number`th, from 1.
    pub fn rotated_file(&self, number: u64) -> PathBuf {
        self.file_with_ending(&format!("jsonl.{number:06}"))
    }

    /// Returns the numbers of the existing rotated files, oldest first.
    ///
    /// # Errors
    /// Returns an error if the directory exists and cannot be read.
    pub fn rotated_numbers(&self) -> io::Result<Vec<u64>> {
        let files = list_names(&self.dir)?.into_iter().filter_map(|name| parse_name(&name));
        let numbers = files.filter(|(server, _)| server.as_str() == self.server).filter_map(|(_, number)| number);
        let mut numbers: Vec<_> = numbers.filter(|number| !is_being_removed(&self.rotated_file(*number))).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The file that is locked while the log is changed.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.file_with_ending("lock")
    }

    /// Returns the file that records how far the log is synced.
    pub fn head_file(&self) -> PathBuf {
        self.file_with_ending("head")
    }

    /// Returns the file that records how far the log was pruned.
    pub fn anchor_file(&self) -> PathBuf {
        self.file_with_ending("anchor")
    }

    /// Returns the journal of a session.
    pub fn journal_file(&self, session: &str) -> PathBuf {
        self.dir.join("open").join(format!("{}-{session}.jsonl", self.server))
    }

    /// The file that is locked while a session runs.
    pub(super) fn session_lock(&self, session: &str) -> PathBuf {
        self.dir.join("open").join(format!("{}-{session}.lock", self.server))
    }

    /// Lists the sessions that have a journal: those that run, and those that were killed.
    ///
    /// # Errors
    /// Returns an error if the directory exists and cannot be read.
    pub fn list_journals(&self) -> io::Result<Vec<String>> {
        self.list_sessions(".jsonl")
    }

    pub(super) fn list_sessions(&self, ending: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{}-", self.server);
        let mut sessions = list_names(&self.dir.join("open"))?
            .iter()
            .filter_map(|name| name.strip_prefix(&prefix)?.strip_suffix(ending))
            .filter(|session| session.len() == 16 && session.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        sessions.sort_unstable();
        Ok(sessions)
    }

    /// The directory of the policies' texts, for all servers.
    pub(super) fn policy_dir(&self) -> PathBuf {
        self.dir.join("policies")
    }

    pub(super) fn policy_file(&self, digest: Digest, format: Format) -> PathBuf {
        self.policy_dir().join(format!("{}-{digest}.{}", self.server, format.as_str()))
    }

    fn file_with_ending(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.server))
    }
}

/// Parses a log file's name into its server and its number; the number is `None` for the current file.
fn parse_name(name: &str) -> Option<(ServerName, Option<u64>)> {
    let (rest, number) = match name.rsplit_once('.') {
        Some((rest, number)) if number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            (rest, Some(number.parse().ok()?))
        }
        _ => (name, None),
    };
    Some((ServerName::parse(rest.strip_suffix(".jsonl")?).ok()?, number))
}

/// Lists the servers that have a log in a directory, by name; none if there is no directory.
///
/// # Errors
/// Returns an error if the directory exists and cannot be read.
pub fn list_servers(dir: &Path) -> io::Result<Vec<ServerName>> {
    let mut servers: Vec<_> = list_names(dir)?.iter().filter_map(|name| Some(parse_name(name)?.0)).collect();
    servers.sort();
    servers.dedup();
    Ok(servers)
}

/// Lists the servers that have a log in a directory, or whose head says that they had one.
///
/// # Errors
/// Returns an error if the directory exists and cannot be read.
pub fn list_recorded_servers(dir: &Path) -> io::Result<Vec<ServerName>> {
    let mut servers = list_servers(dir)?;
    for server in list_names(dir)?.iter().filter_map(|name| ServerName::parse(name.strip_suffix(".head")?).ok()) {
        // A head that cannot be read may have been one of a log as well.
        let had_lines = !matches!(Mark::read_file(&LogPaths::new(dir, &server).head_file()), Ok(head) if head.is_none_or(|head| head.lines == 0));
        if had_lines && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.sort();
    Ok(servers)
}

pub(super) fn list_names(dir: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(dir) {
        Ok(entries) => {
            entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
        }
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let paths = |server| LogPaths::new(dir.path(), &ServerName::parse(server).unwrap());
        assert_eq!(paths("a").rotated_numbers().unwrap(), [0_u64; 0]);
        assert_eq!(paths("a").list_journals().unwrap(), [""; 0]);
        let (one, other) = (paths("a"), paths("a-0011223344556677"));
        fs::create_dir(dir.path().join("open")).unwrap();
        for path in [
            one.rotated_file(2),
            one.rotated_file(1_000_000),
            one.rotated_file(1),
            paths("a.jsonl").current_file(),
            paths("a.jsonl.000003").current_file(),
            one.journal_file("8899aabbccddeeff"),
            other.journal_file("0123456789abcdef"),
        ] {
            fs::write(path, "").unwrap();
        }
        assert_eq!(one.rotated_numbers().unwrap(), [1, 2, 1_000_000]);
        assert_eq!(one.list_journals().unwrap(), ["8899aabbccddeeff"]);
        assert_eq!(other.list_journals().unwrap(), ["0123456789abcdef"]);
    }
}
