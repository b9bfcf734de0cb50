//! Locks on files of their own.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{Identity, open_private, open_to_read, remove_file};

/// A lock file that this process has locked. The system takes the lock back however the process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Waits for the lock. `held` is the file as it was last opened; it is opened anew, and made where it is missing, if
    /// it is no longer the one at this path.
    pub(crate) fn wait_and_take(path: &Path, mut held: Option<File>) -> io::Result<Self> {
        loop {
            let file = match held.take() {
                Some(file) => file,
                None => open_private(File::options().read(true).write(true).create(true).truncate(false), path)?,
            };
            wait_for_lock(&file)?;
            // Where somebody has removed it, others lock another one.
            if Identity::is_at(&file, path) {
                return Ok(Self { file, path: path.to_owned() });
            }
        }
    }

    /// Takes the lock of a file that is there; `None` where another process has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = super::open_file(File::options().read(true).write(true), path)?;
        match file.try_lock() {
            Ok(()) if Identity::is_at(&file, path) => Ok(Some(Self { file, path: path.to_owned() })),
            Ok(()) => Err(io::ErrorKind::NotFound.into()),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a process has the lock of this file. Two who ask do not take each other for it.
    pub(crate) fn is_taken(path: &Path) -> io::Result<bool> {
        is_locked(&open_to_read(path)?)
    }

    /// Removes a lock file that no process has locked, and tells whether one has. Two who ask do not take each other for it.
    pub(crate) fn remove_unless_taken(path: &Path) -> io::Result<bool> {
        let file = open_to_read(path)?;
        let is_locked = is_locked(&file)?;
        if !is_locked {
            // One that stays is removed by whoever asks next.
            let _ = remove_file(path);
        }
        Ok(is_locked)
    }

    /// Gives the lock back; the open file is returned where it can be locked again.
    pub(crate) fn release(self) -> Option<File> {
        release_lock(&self.file).then_some(self.file)
    }

    /// Removes the lock file, and then gives the lock back.
    pub(crate) fn remove(self) {
        // One that stays is removed by whoever finds it and gets its lock.
        let _ = remove_file(&self.path);
    }
}

/// Whether another handle has a file locked; if not, this one has it until it is closed, shared with others who ask.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Waits for the lock of a file.
#[cfg(not(windows))]
pub(crate) fn wait_for_lock(file: &File) -> io::Result<()> {
    file.lock()
}

/// Waits for the lock of a file. Network redirectors, and Wine, look only every tenth of a second whether a lock is free,
/// which starves whoever waits behind writers that take it more often than that.
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

/// Unlocks a file. Where that fails, its lock goes only when it is closed, and `false` is returned.
///
/// On Windows, `File::unlock` unlocks twice and expects that the second time is refused in one way; under Wine, and on file
/// systems that answer in another way, it then reports an error although the file is unlocked.
pub(crate) fn release_lock(file: &File) -> bool {
    file.unlock().is_ok()
}

/// Keeps other edits of a file away, until it is dropped; `None` where another edit is under way.
///
/// The lock is a file beside the one that is edited, as whoever may edit that can make it, and as it is the same place
/// however the path is written and whoever the user is. It is open for nobody else, and Windows removes it once it is
/// closed, also when the process is killed.
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

/// Keeps other edits of a file away, until it is dropped; `None` where another edit is under way. Here a lock keeps nobody
/// from reading, so it is on the file itself.
#[cfg(not(windows))]
pub(crate) fn lock_beside(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Its file system may have no locks.
        _ => Ok(Some(file)),
    }
}
