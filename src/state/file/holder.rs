//! Files that another program holds open. On Windows such a file may refuse to be opened, read, replaced, renamed or
//! removed. Most programs let go at once, so each attempt is repeated for [`HELD_WAIT`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::is_being_removed;
use crate::limits::{HELD_FIRST_PAUSE, HELD_LONGEST_PAUSE, HELD_WAIT};
use crate::visible::visible_path;

/// A file that another program still holds open after [`HELD_WAIT`].
#[derive(Debug, thiserror::Error)]
#[error(
    "another program holds {} open: {error}. Close the file there (an MCP client such as Claude Desktop, an editor, OneDrive \
     or an antivirus program) and do the same again",
    visible_path(.path)
)]
struct HeldOpen {
    path: PathBuf,
    error: io::Error,
}

pub(crate) fn is_held_open(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<HeldOpen>())
}

/// Whether an error is caused by another program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Certain,
    /// Another program may have held the file until a moment ago.
    #[cfg(windows)]
    Possible,
    None,
}

/// Runs `work`, which opens, reads or writes the file, until no other program prevents that.
///
/// # Errors
/// Returns what `work` fails with, or that the file is still held open.
pub(crate) fn wait_for_release<T>(path: &Path, work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    wait_for_holder(path, find_holder, work)
}

/// Repeats `work` while `find_holder` attributes its error to another program.
pub(super) fn wait_for_holder<T>(
    path: &Path,
    find_holder: impl Fn(&io::Error) -> Holder,
    mut work: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let start = Instant::now();
    let mut pause = HELD_FIRST_PAUSE;
    loop {
        let error = match work() {
            Err(error) => error,
            done => return done,
        };
        let holder = find_holder(&error);
        let patience = match holder {
            Holder::Certain => HELD_WAIT,
            #[cfg(windows)]
            Holder::Possible => HELD_WAIT / 2,
            Holder::None => Duration::ZERO,
        };
        if start.elapsed() < patience {
            thread::sleep(pause);
            pause = (pause * 2).min(HELD_LONGEST_PAUSE);
        } else if holder == Holder::Certain {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, HeldOpen { path: path.to_owned(), error }));
        } else {
            return Err(error);
        }
    }
}

/// Recognises sharing and lock violations, and a section that is still mapped into memory.
#[cfg(windows)]
pub(super) fn find_holder(error: &io::Error) -> Holder {
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    const USER_MAPPED_FILE: i32 = 1224;
    match error.raw_os_error() {
        Some(SHARING_VIOLATION | LOCK_VIOLATION | USER_MAPPED_FILE) => Holder::Certain,
        _ => Holder::None,
    }
}

/// On other systems an open file can be opened, replaced and removed.
#[cfg(not(windows))]
pub(super) fn find_holder(_: &io::Error) -> Holder {
    Holder::None
}

/// Opens an existing file. A file that is being removed, and that only its last user still has open, does not exist.
pub(crate) fn open_file(options: &OpenOptions, path: &Path) -> io::Result<File> {
    match wait_for_holder(path, find_holder, || options.open(path)) {
        Err(error) if is_removal(&error, path) => Err(io::ErrorKind::NotFound.into()),
        opened => opened,
    }
}

/// Opens or creates a file. If a file of that name is being removed, waits for the name.
pub(super) fn open_or_create(options: &OpenOptions, path: &Path) -> io::Result<File> {
    wait_for_holder(path, |error| holder_of_name(error, path), || options.open(path))
}

pub(super) fn holder_of_name(error: &io::Error, path: &Path) -> Holder {
    if is_removal(error, path) { Holder::Certain } else { find_holder(error) }
}

fn is_removal(error: &io::Error, path: &Path) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && is_being_removed(path)
}

pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    open_file(File::options().read(true), path)
}

pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Turns the error for a missing file into `None`.
pub(crate) fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    wait_for_release(path, || {
        let mut bytes = Vec::new();
        open_to_read(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_file_is_waited_for_and_then_named() {
        let path = Path::new("some/policy.toml");
        let mut left = 3;
        let done = wait_for_holder(
            path,
            |_| Holder::Certain,
            || {
                left -= 1;
                if left > 0 { Err(io::Error::other("held")) } else { Ok(()) }
            },
        );
        assert!(done.is_ok() && left == 0);

        let start = Instant::now();
        let error = wait_for_holder(path, |_| Holder::Certain, || Err::<(), _>(io::Error::other("held"))).unwrap_err();
        assert!(start.elapsed() >= HELD_WAIT && is_held_open(&error));
        let said = error.to_string();
        assert!(said.contains("policy.toml") && said.contains("Close the file there"), "{said}");

        let mut tries = 0;
        let mut denied = || {
            tries += 1;
            Err::<(), _>(io::Error::other("denied"))
        };
        assert!(!is_held_open(&wait_for_holder(path, |_| Holder::None, &mut denied).unwrap_err()));
        assert_eq!(tries, 1);
    }
}
