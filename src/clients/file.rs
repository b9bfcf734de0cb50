//! Reads a client's file, and replaces it after a backup beside it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

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
        "The file cannot be backed up to {}: {}. Nothing was changed. Make its directory writable for the user who runs \
         policylayer.",
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

/// Replaces a file, and returns its backup, which is beside it and has the same mode.
///
/// An original gets a backup unless one with the same content exists; a file with wrapped servers gets one only if
/// there is no backup at all.
///
/// # Errors
/// Returns an error if the file is no longer what was read, or cannot be backed up or written. It is then unchanged.
pub fn save_with_backup(
    path: &Path,
    old: Option<&[u8]>,
    new: &[u8],
    state: FileState,
) -> Result<Option<PathBuf>, Unsaved> {
    let Some(bytes) = old else {
        replace_file(path, None, new)?;
        return Ok(None);
    };
    let (backup, is_new) = back_up(path, bytes, state)?;
    let result = replace_file(path, Some(bytes), new);
    // Another process that is writing the file has seen this backup and relies on it.
    let is_unused = result.as_ref().is_err_and(|error| !matches!(error.why, Unreplaced::Busy | Unreplaced::Changed));
    if is_unused && is_new {
        let _ = file::remove_file(&backup);
    }
    result?;
    Ok(Some(backup))
}

/// Returns the backup, and whether this call made it.
fn back_up(path: &Path, bytes: &[u8], state: FileState) -> Result<(PathBuf, bool), Unsaved> {
    let mut first = None;
    for number in 1_u32.. {
        let file = backup_name(path, number);
        let failed = |error| Unsaved::Backup(file.clone(), error);
        match is_copy(&file, bytes) {
            Ok(true) => return Ok((file, false)),
            Ok(false) => {
                first.get_or_insert(file);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if let Some(first) = first.filter(|_| state == FileState::Wrapped) {
            return Ok((first, false));
        }
        write_new(path, &file, bytes).map_err(failed)?;
        return Ok((file, true));
    }
    Ok((path.to_owned(), false))
}

/// Whether a file holds these bytes. It is read only if its length matches: it may be of any size, or a pipe.
fn is_copy(file: &Path, bytes: &[u8]) -> io::Result<bool> {
    let found = fs::metadata(file)?;
    Ok(found.is_file() && found.len() == bytes.len() as u64 && file::read_file(file)? == bytes)
}

/// `NAME.policylayer-backup`, then `NAME.policylayer-backup-2` and so on.
fn backup_name(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".policylayer-backup");
    if number > 1 {
        name.push(format!("-{number}"));
    }
    path.with_file_name(name)
}

fn write_new(path: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by this user only, until it gets the mode of the original file.
    let mut made = file::temporary_in(directory)?;
    made.write_all(bytes)?;
    made.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    made.as_file().sync_all()?;
    file::persist_new(made, file)
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::fs::File;

    use super::*;

    #[test]
    fn what_was_kept_stays_where_somebody_else_writes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mcp.json");
        fs::write(&file, "{}").unwrap();
        #[cfg(unix)]
        let other = File::open(&file).unwrap();
        #[cfg(unix)]
        other.lock().unwrap();
        #[cfg(windows)]
        let other = file::lock_beside(&file).unwrap().unwrap();
        assert!(save_with_backup(&file, Some(b"{}"), b"{ }", FileState::Original).is_err());
        // The other process has checked by now, and reports this backup to its user.
        assert_eq!(fs::read(backup_name(&file, 1)).unwrap(), b"{}");
        drop(other);
        assert_eq!(
            save_with_backup(&file, Some(b"{}"), b"{ }", FileState::Original).unwrap(),
            Some(backup_name(&file, 1))
        );
        assert_eq!(fs::read(&file).unwrap(), b"{ }");
    }
}
