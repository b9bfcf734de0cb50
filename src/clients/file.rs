//! Reads a client's file, and replaces it after a backup.

use std::io;
use std::path::{Path, PathBuf};

use super::backup::{self, Backups};
use super::document::{BadDocument, ClientDocument, ClientFormat};
use crate::limits::MAX_CLIENT_FILE;
use crate::paths::{ReplaceError, Unreplaced, read_bytes, replace_file};
use crate::state::file;
use crate::visible::visible_path;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Unsaved {
    /// The backup failed.
    #[error(
        "The file cannot be backed up to {}: {}. Nothing was changed. Check that the disk has space, and that the user \
         who runs policylayer may write to its directory.",
        visible_path(.0), .1
    )]
    Backup(PathBuf, io::Error),
    /// The file cannot be replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// A file that was read.
#[derive(Debug)]
pub struct Opened {
    pub(crate) bytes: Vec<u8>,
    pub(crate) document: ClientDocument,
}

impl Opened {
    /// Returns what may keep a client from reading the file, in a sentence without its end.
    pub(crate) fn describe_oddity(&self, client: &str) -> Option<String> {
        let what = self.document.describe_oddity()?;
        Some(format!("{what}, and {client} is only known to read plain JSON"))
    }
}

/// Reads a client's file.
///
/// # Errors
/// Returns an error if it is not a file, is larger than any real client's file, cannot be read, or does not parse.
pub fn open_client_file(path: &Path, format: ClientFormat) -> Result<Opened, BadDocument> {
    let bytes =
        read_bytes(path, MAX_CLIENT_FILE).map_err(|why| BadDocument { place: None, message: why.to_string() })?;
    let document = ClientDocument::parse(&bytes, format)?;
    Ok(Opened { bytes, document })
}

/// Whether a file already has wrapped servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// No server is wrapped: the file is as it was before policylayer was registered.
    Original,
    /// Some servers are wrapped.
    Wrapped,
}

/// Replaces a file, and returns its backup, which has the same mode; `None` if no backup is left.
///
/// An original gets a backup unless one with the same content exists; a file with wrapped servers gets one only if
/// there is no backup at all. Backups that the file then equals are removed: they keep nothing.
///
/// # Errors
/// Returns an error if the file is no longer what was read, or cannot be backed up or written. It is then unchanged.
pub fn save_with_backup(
    path: &Path,
    backups: &Backups,
    (old, new): (Option<&[u8]>, &[u8]),
    state: FileState,
) -> Result<Option<PathBuf>, Unsaved> {
    let Some(bytes) = old else {
        replace_file(path, None, new)?;
        return Ok(None);
    };
    let (backup, is_new) = backups.back_up(path, bytes, state)?;
    let is_own = backup::is_copy(&backup, bytes).unwrap_or(false);
    let result = replace_file(path, Some(bytes), new);
    // Another process that is writing the file has seen this backup and relies on it.
    let is_unused = result.as_ref().is_err_and(|error| !matches!(error.why, Unreplaced::Busy | Unreplaced::Changed));
    if is_unused && is_new {
        let _ = file::remove_file(&backup);
    }
    result?;
    backups.remove_equal(new);
    // Another process may have removed it when the file was still equal to it.
    let backup = if is_own && !backup.exists() { backups.back_up(path, bytes, state)?.0 } else { backup };
    Ok(backup.exists().then_some(backup))
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::fs::File;

    use super::*;

    #[test]
    fn what_was_kept_stays_where_somebody_else_writes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mcp.json");
        fs::write(&file, "{}").unwrap();
        let backups = Backups::beside(&file);
        #[cfg(unix)]
        let other = File::open(&file).unwrap();
        #[cfg(unix)]
        other.lock().unwrap();
        #[cfg(windows)]
        let other = file::lock_beside(&file).unwrap().unwrap();
        assert!(save_with_backup(&file, &backups, (Some(b"{}"), b"{ }"), FileState::Original).is_err());
        // The other process has checked by now, and reports this backup to its user.
        assert_eq!(fs::read(backups.path_of(1)).unwrap(), b"{}");
        // Closing it would not do: a child that another test has just started may still share it.
        #[cfg(unix)]
        other.unlock().unwrap();
        drop(other);
        assert_eq!(
            save_with_backup(&file, &backups, (Some(b"{}"), b"{ }"), FileState::Original).unwrap(),
            Some(backups.path_of(1))
        );
        assert_eq!(fs::read(&file).unwrap(), b"{ }");
    }
}
