//! Replaces a file that a person wrote: completely or not at all, and only if it is unchanged since it was read.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::text::remedy_for_reading;
use crate::limits::HELD_WAIT;
use crate::state::file::{self, create_dir, is_missing, sync_dir};
use crate::visible::visible_path;

/// The file that was left unchanged, and why. The message says what is wrong and what to do, in plain text.
#[derive(Debug, thiserror::Error)]
#[error("{} {why}", visible_path(.file))]
pub struct ReplaceError {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The reason.
    pub why: Unreplaced,
}

/// Why a file was left unchanged. Each text follows the file's name.
#[derive(Debug, thiserror::Error)]
pub enum Unreplaced {
    /// Somebody else changed or removed it since it was read.
    #[error("was changed by somebody else since it was read, so nothing was written. Look at it, and try again.")]
    Changed,
    /// Another edit is about to replace it.
    #[error("is being written by somebody else, so nothing was written. Try again when they are done.")]
    Busy,
    /// It was to be created, but exists.
    #[error("already exists, and is not overwritten. Look at it, and try again.")]
    Exists,
    /// It is a link to a file that does not exist.
    #[error("is a dangling link, so nothing was written. Fix the link, or remove it.")]
    DanglingLink,
    /// It is a directory, a pipe or a device.
    #[error("is {0}, not a file, so nothing was written. Move it out of the way.")]
    NotAFile(&'static str),
    /// It has other names, which would keep the old text.
    #[error(
        "has {0} names (hard links), and only this one would get the new text, so it was left as it is. Replace the other \
         names by symbolic links to it, or copy it over itself to make it a file of its own, and try again."
    )]
    HardLinked(u64),
    /// Its mode forbids writing.
    #[error(
        "is write-protected, so it was left as it is. To change it, make it writable for its owner first{}.",
        writable_hint(.0)
    )]
    WriteProtected(PathBuf),
    /// Another program has it open, and Windows does not replace such a file.
    #[error(
        "was left as it is: another program holds it open, and did not let go for {} seconds. Close it there (an MCP \
         client such as Claude Desktop, an editor, OneDrive or an antivirus program), and try again.",
        HELD_WAIT.as_secs()
    )]
    HeldOpen,
    /// The existing file cannot be read.
    #[error("cannot be read: {0}. {remedy}.", remedy = remedy_for_reading(.0))]
    Unreadable(io::Error),
    /// No file can be created in its directory.
    #[error(
        "cannot be written: nothing can be created in its directory {}: {}. The new text is written beside a file before \
         it replaces the file, so make the directory writable for the user who runs policylayer.",
        visible_path(.0), .1
    )]
    Directory(PathBuf, io::Error),
    /// The new text cannot replace the file.
    #[error(
        "cannot be replaced: {0}. It is unchanged. Check that the disk has space, and that the file and its directory \
         belong to the user who runs policylayer."
    )]
    Failed(io::Error),
}

impl Unreplaced {
    fn or_held_open(otherwise: fn(io::Error) -> Self) -> impl Fn(io::Error) -> Self {
        move |error| if file::is_held_open(&error) { Self::HeldOpen } else { otherwise(error) }
    }
}

/// Replaces a file's text. `expected` is the text that was read; `None` if the file must not exist yet: then it is
/// created, with its parent directories, for this user only.
///
/// Concurrent readers see the old text or the new one, never a part. If the path is a link, the file behind it is
/// replaced and the link stays. The mode is kept, and the owner if the system allows it.
///
/// # Errors
/// Returns an error if the file is not what was expected, or cannot be written; it is then unchanged.
pub fn replace_file(path: &Path, expected: Option<&[u8]>, new: &[u8]) -> Result<(), ReplaceError> {
    replace_at(path, expected, new).map_err(|why| ReplaceError { file: path.to_owned(), why })
}

fn replace_at(path: &Path, expected: Option<&[u8]>, new: &[u8]) -> Result<(), Unreplaced> {
    let failed = Unreplaced::or_held_open(Unreplaced::Failed);
    let real = real_path(path)?;
    let dir = real.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let in_dir = |error| Unreplaced::Directory(dir.to_owned(), error);
    // Without a lock, one of two simultaneous edits would replace the other between its last check and its write.
    let _lock = lock_file(&real)?;
    let found = check_expected(&real, expected)?;
    if found.is_none() {
        create_dir(dir).map_err(in_dir)?;
    }
    // In the same directory, so that it can replace the file in one step; for this user only.
    // The error would name the temporary file.
    let mut made = file::temporary_in(dir).map_err(|error| in_dir(error.kind().into()))?;
    made.write_all(new).map_err(&failed)?;
    if let Some(found) = &found {
        keep_owner_and_mode(made.as_file(), found).map_err(&failed)?;
    }
    made.as_file().sync_all().map_err(&failed)?;
    // Checked again, as late as possible.
    check_expected(&real, expected)?;
    match expected {
        Some(_) => file::persist(made, &real).map_err(failed)?,
        None => file::persist_new(made, &real).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Unreplaced::Exists,
            _ => failed(error),
        })?,
    }
    // The file is in place; that its name might not survive a power cut is not reported.
    let _ = sync_dir(dir);
    Ok(())
}

/// Removes a file if it still has this text, which nobody else wrote.
pub(crate) fn remove_unchanged(path: &Path, expected: &[u8]) -> Result<(), ReplaceError> {
    let remove = || {
        let real = real_path(path)?;
        let _lock = lock_file(&real)?;
        check_expected(&real, Some(expected))?;
        file::remove_file(&real).map_err(Unreplaced::or_held_open(Unreplaced::Failed))
    };
    remove().map_err(|why| ReplaceError { file: path.to_owned(), why })
}

/// Resolves all links of a path; returns the path itself if nothing exists there.
fn real_path(path: &Path) -> Result<PathBuf, Unreplaced> {
    match file::real_path(path) {
        Err(error) if !is_missing(&error) => Err(Unreplaced::Unreadable(error)),
        Err(_) if fs::symlink_metadata(path).is_ok() => Err(Unreplaced::DanglingLink),
        real => Ok(real.unwrap_or_else(|_| path.to_owned())),
    }
}

/// Keeps other edits of the file away until the result is dropped. `None` if the file does not exist, or cannot be
/// locked.
fn lock_file(real: &Path) -> Result<Option<File>, Unreplaced> {
    // Opening a pipe would wait for a writer.
    if !fs::metadata(real).is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    match file::lock_beside(real) {
        Ok(None) => Err(Unreplaced::Busy),
        // Whatever prevents the lock also prevents the replacement, which reports it.
        lock => Ok(lock.unwrap_or_default()),
    }
}

fn writable_hint(file: &Path) -> String {
    if cfg!(windows) { format!(" (attrib -r \"{}\")", visible_path(file)) } else { String::new() }
}

/// Checks that the file is as expected, and returns its metadata if it exists.
fn check_expected(real: &Path, expected: Option<&[u8]>) -> Result<Option<Metadata>, Unreplaced> {
    let unreadable = Unreplaced::or_held_open(Unreplaced::Unreadable);
    let found = match fs::metadata(real) {
        Ok(found) => found,
        Err(error) if is_missing(&error) => return expected.map_or(Ok(None), |_| Err(Unreplaced::Changed)),
        Err(error) => return Err(unreadable(error)),
    };
    if !found.is_file() {
        return Err(Unreplaced::NotAFile(if found.is_dir() { "a directory" } else { "a pipe or device" }));
    }
    let Some(expected) = expected else { return Err(Unreplaced::Exists) };
    // The length comes first: a file that has grown without bound need not be read.
    if found.len() != expected.len() as u64 || file::read_file(real).map_err(unreadable)? != expected {
        return Err(Unreplaced::Changed);
    }
    if found.permissions().readonly() {
        return Err(Unreplaced::WriteProtected(real.to_owned()));
    }
    // What cannot be counted is not held against the file.
    match file::count_names(real) {
        Ok(names @ 2..) => Err(Unreplaced::HardLinked(names)),
        _ => Ok(Some(found)),
    }
}

/// Gives the new file the mode of the old one, and its owner if we are allowed to.
#[cfg(unix)]
fn keep_owner_and_mode(made: &File, found: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let now = made.metadata()?;
    if now.uid() != found.uid() {
        let _ = std::os::unix::fs::fchown(made, Some(found.uid()), None);
    }
    if now.gid() != found.gid() {
        let _ = std::os::unix::fs::fchown(made, None, Some(found.gid()));
    }
    made.set_permissions(found.permissions())
}

/// On Windows a file's access rights come from its directory.
#[cfg(not(unix))]
fn keep_owner_and_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(result: Result<(), ReplaceError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_replaced_whole_where_it_is_what_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/er/policy.toml");
        replace_file(&file, None, b"one").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        replace_file(&file, Some(b"one"), b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");

        assert!(said(replace_file(&file, Some(b"one"), b"three")).contains("somebody else"));
        assert!(said(replace_file(&file, None, b"three")).contains("already exists"));
        assert_eq!(fs::read(&file).unwrap(), b"two");
        fs::remove_file(&file).unwrap();
        assert!(said(replace_file(&file, Some(b"two"), b"three")).contains("somebody else"));
        assert!(!file.exists());
        assert!(said(replace_file(dir.path(), None, b"")).contains("is a directory, not a file"));
        // Nothing is left behind.
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn two_do_not_replace_a_file_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("policy.toml");
        fs::write(&file, "one").unwrap();
        #[cfg(unix)]
        let other = File::open(&file).unwrap();
        #[cfg(unix)]
        other.lock().unwrap();
        #[cfg(windows)]
        let other = file::lock_beside(&file).unwrap().unwrap();
        assert!(said(replace_file(&file, Some(b"one"), b"two")).contains("is being written by somebody else"));
        assert_eq!(fs::read(&file).unwrap(), b"one");
        // Closing it would not do: a child that another test has just started may still share it.
        #[cfg(unix)]
        other.unlock().unwrap();
        drop(other);
        replace_file(&file, Some(b"one"), b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real.toml"), dir.path().join("link.toml"));
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        symlink("real.toml", &link).unwrap();
        replace_file(&link, Some(b"one"), b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o664);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(said(replace_file(&link, Some(b"two"), b"three")).contains("write-protected"));
        assert_eq!(fs::read(&file).unwrap(), b"two");

        let nowhere = dir.path().join("nowhere.toml");
        symlink("gone.toml", &nowhere).unwrap();
        assert!(said(replace_file(&nowhere, None, b"")).contains("is a dangling link"));
        // New files and directories are for this user only.
        let made = dir.path().join("made/policy.toml");
        replace_file(&made, None, b"one").unwrap();
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(made.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
