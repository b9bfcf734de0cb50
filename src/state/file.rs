//! Files of the state directory and files that are replaced: private to their user, found again, and waited for where another
//! program holds them open.
//!
//! No lock is taken on a file that anybody reads or writes through another handle: on Windows a lock holds against every
//! other handle, those of the same process as well. Locks are on files of their own, which nobody reads.

mod held;
mod identity;
mod lock;
mod private;
mod real;
mod replace;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

pub(crate) use self::held::{is_held_open, open, read, wait_for_release};
pub(crate) use self::identity::{Identity, is_being_removed};
pub(crate) use self::lock::{FileLock, lock_beside, release, wait_for_lock};
pub(crate) use self::private::{create_folder, create_private_folder, protect};
pub(crate) use self::real::{long, real};
pub(crate) use self::replace::{
    persist, persist_new, remove, remove_unless_held, rename, rename_unless_held, temporary_in,
};

/// Creates the file, empty, and its folder where they are missing, for this user only.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    create_private_folder(folder)?;
    match fs::metadata(path) {
        Ok(found) if found.is_file() => protect(path, &found),
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a folder, not a file")),
        Ok(_) => Err(io::Error::other("it is a pipe or device, not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_being_removed(path) => create(folder, path),
        Err(error) => Err(error),
    }
}

/// The file is made under another name and closed before it gets its own: closing a file would drop the locks that
/// SQLite holds on it elsewhere in this process.
fn create(folder: &Path, path: &Path) -> io::Result<()> {
    match persist_new(temporary_in(folder)?, path) {
        Err(raced) if raced.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// Opens a file; where it is made, it is for this user only.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    held::open_or_create(options, path)
}

/// What was renamed or made in a folder outlives a power cut.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What was renamed or made in a folder is kept by the file system's own journal.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
