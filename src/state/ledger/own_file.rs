//! The ledger's file: this user's own, read and written at places, under a lock that nobody waits for without end.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::file::open_file;
#[cfg(windows)]
use super::super::file::{Identity, count_names};
use super::LedgerError;
use crate::limits::{LOCK_FIRST_PAUSE, LOCK_LONGEST_PAUSE};

/// Opens a file for reading and writing that is this user's alone, and no link.
#[cfg(unix)]
pub(super) fn open_own(path: &Path) -> Result<File, LedgerError> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let file = open_file(File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW), path)?;
    check_own(&file.metadata()?)?;
    Ok(file)
}

#[cfg(unix)]
fn check_own(found: &fs::Metadata) -> Result<(), LedgerError> {
    use std::os::unix::fs::MetadataExt as _;

    match found {
        _ if !found.is_file() => Err(LedgerError::Unusable("it is no file")),
        _ if found.uid() != rustix::process::geteuid().as_raw() => Err(LedgerError::Unusable("it is another user's")),
        _ if found.mode() & 0o077 != 0 => Err(LedgerError::Unusable("other users may read or write it")),
        _ if found.nlink() > 1 => Err(LedgerError::Unusable("it has another name as well")),
        _ => Ok(()),
    }
}

/// Checks that an open file is still the one at its place, and this user's alone. Returns how long it is.
#[cfg(unix)]
pub(super) fn check_in_place(file: &File, path: &Path) -> Result<u64, LedgerError> {
    use std::os::unix::fs::MetadataExt as _;

    let (open, there) = (file.metadata()?, fs::symlink_metadata(path));
    if !there.is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino())) {
        return Err(LedgerError::Unusable("it was removed or replaced"));
    }
    check_own(&open)?;
    Ok(open.len())
}

/// Checks that an open file is still the one at its place, and no link. Returns how long it is.
#[cfg(windows)]
pub(super) fn check_in_place(file: &File, path: &Path) -> Result<u64, LedgerError> {
    if !Identity::is_at(file, path) {
        return Err(LedgerError::Unusable("it was removed or replaced"));
    }
    check_own(path)?;
    Ok(file.metadata()?.len())
}

/// Its access rights come from its directory.
#[cfg(windows)]
fn check_own(path: &Path) -> Result<(), LedgerError> {
    match fs::symlink_metadata(path)? {
        found if !found.is_file() => Err(LedgerError::Unusable("it is no file")),
        _ if count_names(path)? > 1 => Err(LedgerError::Unusable("it has another name as well")),
        _ => Ok(()),
    }
}

/// Opens a file for reading and writing that is no link.
#[cfg(windows)]
pub(super) fn open_own(path: &Path) -> Result<File, LedgerError> {
    check_own(path)?;
    Ok(open_file(File::options().read(true).write(true), path)?)
}

/// Waits for a lock, but not for a process that has stopped with it.
pub(super) fn wait_within(lock: &File, patience: Duration) -> Result<(), LedgerError> {
    let start = Instant::now();
    let mut pause = LOCK_FIRST_PAUSE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(pause),
            Err(fs::TryLockError::WouldBlock) => {
                return Err(LedgerError::Busy("another process holds its lock and does not go on"));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        pause = (pause * 2).min(LOCK_LONGEST_PAUSE);
    }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: usize) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at as u64)
}

#[cfg(unix)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: usize) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at as u64)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: usize) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match std::os::windows::fs::FileExt::seek_read(file, rest, (at + done) as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}

#[cfg(windows)]
pub(super) fn write_at(file: &File, bytes: &[u8], at: usize) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match std::os::windows::fs::FileExt::seek_write(file, rest, (at + done) as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}
