//! Files of the state directory and files that are replaced: private to their user, identified, and waited for while
//! another program holds them open.
//!
//! No lock is taken on a file that is read or written through another handle: on Windows a lock applies to every other
//! handle, even in the same process. Locks are on separate files, which nobody reads.

mod holder;
mod identity;
mod lock;
mod private;
mod real;
mod replace;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

pub(crate) use self::holder::{
    if_there, is_held_open, is_missing, open_file, open_to_read, read_file, wait_for_release,
};
pub(crate) use self::identity::{Identity, count_names, is_being_removed};
pub(crate) use self::lock::{FileLock, lock_beside, release_lock, wait_for_lock};
pub(crate) use self::private::{create_dir, create_private_dir, restrict_mode};
pub(crate) use self::real::{long_path, real_path};
pub(crate) use self::replace::{
    persist, persist_new, remove_file, remove_unless_held, rename_file, rename_unless_held, temporary_in,
};

/// Creates the file, empty, and its directory if they are missing, for this user only.
pub(super) fn prepare_file(path: &Path) -> io::Result<()> {
    let dir = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
    create_private_dir(dir)?;
    match fs::metadata(path) {
        Ok(found) if found.is_file() => restrict_mode(path, &found),
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a directory, not a file")),
        Ok(_) => Err(io::Error::other("it is a pipe or device, not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_being_removed(path) => create_file(dir, path),
        Err(error) => Err(error),
    }
}

/// Creates the file under another name and closes it before the rename: closing a file would drop the locks that SQLite
/// holds on it elsewhere in this process.
fn create_file(dir: &Path, path: &Path) -> io::Result<()> {
    match persist_new(temporary_in(dir)?, path) {
        Err(raced) if raced.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

/// Opens a file; a file that this creates is for this user only.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    holder::open_or_create(options, path)
}

/// When a file was written last, and how long it is; `None` if there is none.
pub(crate) type FileMark = Option<(SystemTime, u64)>;

/// Marks what a file is now. Another mark later shows that it was written; the file is not opened.
pub(crate) fn mark(path: &Path) -> FileMark {
    let found = path.metadata().ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Makes renames and new files in a directory survive a power cut.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The file system's own journal keeps renames and new files in a directory.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
