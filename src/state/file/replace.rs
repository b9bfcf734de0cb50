//! Replaces a file, completely or not at all.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::holder::{Holder, find_holder, holder_of_name, wait_for_holder};
use super::long_path;

/// Creates a file in a directory under a temporary name, for this user only if the system has modes. It is removed
/// unless it is put in place.
///
/// On Windows it is not marked as temporary: the mark would have to be removed before it is put in place.
pub(crate) fn temporary_in(dir: &Path) -> io::Result<NamedTempFile> {
    #[cfg(not(windows))]
    return NamedTempFile::new_in(dir);
    #[cfg(windows)]
    return tempfile::Builder::new()
        .make_in(long_path(dir), |path| fs::File::options().read(true).write(true).create_new(true).open(path));
}

/// Moves a file to a path in one step, and replaces the file there, if any. On Windows 10 and later that works while
/// others have the old file open, if they allow its removal; otherwise this waits for them.
pub(crate) fn rename_file(from: &Path, to: &Path) -> io::Result<()> {
    wait_for_holder(to, |error| holder_of(error, &[from, to]), || fs::rename(from, to))
}

/// Does the same as [`rename_file`] unless another program prevents it, and returns whether it was done.
pub(crate) fn rename_unless_held(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Err(error) if holder_of(&error, &[from, to]) == Holder::Certain => Ok(false),
        done => done.map(|()| true),
    }
}

/// Removes a file. A missing file is an error.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    wait_for_holder(path, |error| holder_of(error, &[path]), || fs::remove_file(path))
}

/// Removes a file unless another program prevents it, and returns whether it is gone.
pub(crate) fn remove_unless_held(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if holder_of(&error, &[path]) == Holder::Certain => Ok(false),
        done => done.map(|()| true),
    }
}

/// Puts a new file in place of another one, or where none was.
pub(crate) fn persist(made: NamedTempFile, to: &Path) -> io::Result<()> {
    // Closed first, so that nobody finds it open.
    let mut made = made.into_temp_path();
    rename_file(&made, to)?;
    made.disable_cleanup(true);
    Ok(())
}

pub(crate) fn persist_new(made: NamedTempFile, to: &Path) -> io::Result<()> {
    let mut made = Some(made.into_temp_path());
    wait_for_holder(
        to,
        |error| holder_of_name(error, to),
        || {
            let Some(path) = made.take() else { return Err(io::ErrorKind::NotFound.into()) };
            path.persist_noclobber(long_path(to)).map_err(|failed| {
                made = Some(failed.path);
                failed.error
            })
        },
    )
}

/// Returns whether another program is why a file cannot be renamed or removed: Windows says "access denied" for an open
/// file as well as for one that this user may not change.
#[cfg(windows)]
fn holder_of(error: &io::Error, paths: &[&Path]) -> Holder {
    use std::os::windows::fs::OpenOptionsExt as _;

    const DELETE: u32 = 0x0001_0000;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    if error.kind() != io::ErrorKind::PermissionDenied {
        return find_holder(error);
    }
    // Exclusive access to a file is granted only if nobody has it open.
    let alone = |path: &&Path| {
        let mut options = fs::File::options();
        options.access_mode(DELETE).share_mode(0).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)
    };
    let is_held = |path: &&Path| {
        alone(path).is_err_and(|error| find_holder(&error) == Holder::Certain) || super::is_being_removed(path)
    };
    if paths.iter().any(is_held) { Holder::Certain } else { Holder::Possible }
}

#[cfg(not(windows))]
fn holder_of(error: &io::Error, _: &[&Path]) -> Holder {
    find_holder(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_takes_its_place_or_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("a");
        let made = |text: &str| {
            let mut made = temporary_in(dir.path()).unwrap();
            made.write_all(text.as_bytes()).unwrap();
            made
        };
        persist_new(made("one"), &to).unwrap();
        assert_eq!(persist_new(made("two"), &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "one");
        persist(made("two"), &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        remove_file(&to).unwrap();
        assert_eq!(remove_file(&to).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(persist(made("three"), &dir.path().join("none/a")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
