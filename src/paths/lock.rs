//! Where the lock of a server is: beside its policy.

use std::path::{Path, PathBuf};

use super::{PolicyError, TextError, configuration_dir, find_policy, text::read_text};
use crate::env::Env;
use crate::limits::MAX_LOCK;
use crate::lock::{Lock, LockError};
use crate::policy::ServerName;
use crate::settings::Settings;
use crate::visible::visible_path;

/// Why a lock is not used. Each message says which file it is, what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// The file cannot be read.
    #[error("The lock {} cannot be read: {}.", visible_path(.0), .1)]
    Unreadable(PathBuf, TextError),
    /// The file is no lock that can be used.
    #[error("The lock {} is not used: {}.", visible_path(.0), .1)]
    Invalid(PathBuf, LockError),
    /// The file is that of another server.
    #[error(
        "The lock {} is not used: it belongs to the server \"{}\", and this is \"{}\". Fix: move the file to where it belongs, and \
         make one for this server with `policylayer lock`.",
        visible_path(.0), crate::visible::escape_invisible(.1), .2
    )]
    Foreign(PathBuf, String, ServerName),
}

/// Returns the path of a server's lock: `SERVER.lock.json` beside its policy file, or in the directory of policies if the built-in
/// policy is in force. It need not exist.
///
/// # Errors
/// As [`find_policy`].
pub fn lock_path(
    named: Option<&Path>,
    server: &ServerName,
    settings: &Settings,
    env: &Env,
) -> Result<PathBuf, PolicyError> {
    let name = file_name(server);
    Ok(match find_policy(named, server, settings, env)? {
        Some(policy) => policy.with_file_name(name),
        None => configuration_dir(env)?.join("policies").join(name),
    })
}

pub(super) fn file_name(server: &ServerName) -> String {
    format!("{server}.lock.json")
}

/// Reads the lock of a server, and returns it with its text; `None` if there is none.
///
/// # Errors
/// Returns an error if it cannot be used. There is no going on without it.
pub fn read_lock(path: &Path, server: &ServerName) -> Result<Option<(Lock, String)>, LockFileError> {
    let Some(text) = read_lock_text(path)? else { return Ok(None) };
    Ok(Some((parse_lock(path, &text, server)?, text)))
}

pub(super) fn read_lock_text(path: &Path) -> Result<Option<String>, LockFileError> {
    match read_text(path, MAX_LOCK) {
        Ok(text) => Ok(Some(text)),
        Err(TextError::Missing) if path.symlink_metadata().is_err() => Ok(None),
        Err(why) => Err(LockFileError::Unreadable(path.to_owned(), why)),
    }
}

pub(super) fn parse_lock(path: &Path, text: &str, server: &ServerName) -> Result<Lock, LockFileError> {
    let lock = Lock::parse(text).map_err(|why| LockFileError::Invalid(path.to_owned(), why))?;
    if lock.server() != server.as_str() {
        return Err(LockFileError::Foreign(path.to_owned(), lock.server().to_owned(), server.clone()));
    }
    Ok(lock)
}
