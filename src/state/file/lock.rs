//! Locks on separate lock files.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{Identity, open_private, open_to_read, remove_file};

/// A lock file that this process has locked. The system releases the lock however the process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Waits for the lock. `held` is the file from the last time; it is opened anew, or created, if it is no longer the
    /// file at this path.
    pub(crate) fn wait_and_take(path: &Path, mut held: Option<File>) -> io::Result<Self> {
        loop {
            let file = match held.take() {
                Some(file) => file,
                None => open_private(File::options().read(true).write(true).create(true).truncate(false), path)?,
            };
            wait_for_lock(&file)?;
            // If the file was removed, other processes lock another one.
            if Identity::is_at(&file, path) {
                return Ok(Self { file, path: path.to_owned() });
            }
        }
    }

    /// Takes the lock of a file, which is created if it is not there; `None` if another process has it.
    pub(crate) fn try_create(path: &Path) -> io::Result<Option<Self>> {
        let file = open_private(File::options().read(true).write(true).create(true).truncate(false), path)?;
        match file.try_lock() {
            Ok(()) if Identity::is_at(&file, path) => Ok(Some(Self { file, path: path.to_owned() })),
            // It was removed meanwhile, or is taken.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock of an existing file; `None` if another process has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = super::open_file(File::options().read(true).write(true), path)?;
        match file.try_lock() {
            Ok(()) if Identity::is_at(&file, path) => Ok(Some(Self { file, path: path.to_owned() })),
            Ok(()) => Err(io::ErrorKind::NotFound.into()),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Returns whether a process has the lock. Two processes that check at once do not take each other for its holder.
    pub(crate) fn is_taken(path: &Path) -> io::Result<bool> {
        is_taken(&open_to_read(path)?)
    }

    /// Removes a lock file unless a process has locked it, and returns whether one has. Two processes that check at
    /// once do not take each other for its holder.
    pub(crate) fn remove_unless_taken(path: &Path) -> io::Result<bool> {
        let file = open_to_read(path)?;
        let is_locked = is_locked(&file)?;
        if !is_locked {
            // If the file stays, the next caller removes it.
            let _ = remove_file(path);
            let _ = release_lock(&file);
        }
        Ok(is_locked)
    }

    /// Releases the lock at once. Closing the file does not, while a child that another thread has just forked still
    /// shares it.
    pub(crate) fn unlock(&self) {
        // If that fails, the lock ends with the last handle.
        let _ = release_lock(&self.file);
    }

    /// Releases the lock. Returns the open file if it can be locked again.
    pub(crate) fn release(self) -> Option<File> {
        release_lock(&self.file).then_some(self.file)
    }

    /// Returns another handle of the same open file, as a forked child has one.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> File {
        self.file.try_clone().unwrap()
    }

    /// Removes the lock file, and then releases the lock.
    pub(crate) fn remove(self) {
        // If the file stays, whoever finds it and gets its lock removes it.
        let _ = remove_file(&self.path);
    }
}

/// Returns whether another handle has locked the file, and leaves it as it is.
fn is_taken(file: &File) -> io::Result<bool> {
    let is_locked = is_locked(file)?;
    if !is_locked {
        // Closing the file does not, while a child that another thread has just forked still shares it.
        let _ = release_lock(file);
    }
    Ok(is_locked)
}

/// Returns whether another handle has locked the file; if not, this handle shares the lock until it is released.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(not(windows))]
pub(crate) fn wait_for_lock(file: &File) -> io::Result<()> {
    file.lock()
}

/// Waits for the lock of a file. Network redirectors, and Wine, check only every tenth of a second whether a lock is
/// free, which starves a process that waits behind writers that take it more often.
#[cfg(windows)]
pub(crate) fn wait_for_lock(file: &File) -> io::Result<()> {
    use crate::limits::{LOCK_FIRST_PAUSE, LOCK_LONGEST_PAUSE};

    let mut pause = LOCK_FIRST_PAUSE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        pause = (pause * 2).min(LOCK_LONGEST_PAUSE);
    }
}

/// Unlocks a file. If that fails, the lock lasts until the file is closed, and this returns `false`.
///
/// On Windows, `File::unlock` unlocks twice and expects a specific error the second time; under Wine, and on file
/// systems that return another error, it reports an error although the file is unlocked.
pub(crate) fn release_lock(file: &File) -> bool {
    file.unlock().is_ok()
}

/// Keeps other edits of a file away until the result is dropped; `None` if another edit is in progress.
///
/// The lock is a file beside the edited one: whoever may edit that can create it, and its place is the same however the
/// path is written and whoever the user is. It is opened exclusively, and Windows removes it once it is closed, even if
/// the process is killed.
#[cfg(windows)]
pub(crate) fn lock_beside(path: &Path) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt as _;

    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x0400_0000;
    const FILE_ATTRIBUTE_HIDDEN: u32 = 0x2;
    const SHARING_VIOLATION: i32 = 32;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".policylayer-lock");
    let lock = path.with_file_name(name);
    let mut options = File::options();
    options.write(true).create(true).truncate(false).share_mode(0);
    options.custom_flags(FILE_FLAG_DELETE_ON_CLOSE).attributes(FILE_ATTRIBUTE_HIDDEN);
    match options.open(&lock) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        // Its last user is about to close it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && super::is_being_removed(&lock) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps other edits of a file away until the result is dropped; `None` if another edit is in progress. Here a lock
/// does not keep others from reading, so it is on the file itself.
#[cfg(not(windows))]
pub(crate) fn lock_beside(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // The file system may not support locks.
        _ => Ok(Some(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_at_a_lock_does_not_keep_it_for_a_forked_child() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        drop(FileLock::try_create(&path).unwrap().unwrap());
        let file = open_to_read(&path).unwrap();
        // As a child has one between fork and exec.
        let _childs = file.try_clone().unwrap();
        assert!(!is_taken(&file).unwrap());
        drop(file);
        let lock = FileLock::try_take(&path).unwrap().expect("nobody has it");
        assert!(FileLock::is_taken(&path).unwrap());
        lock.remove();
    }
}
