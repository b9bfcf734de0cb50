//! Files of the state folder: private to their user, and the ones that are open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates the file, empty, and its folder where they are missing, for this user only.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    create_folder(folder)?;
    match fs::metadata(path) {
        Ok(found) if found.is_file() => protect(path, &found),
        Ok(found) if found.is_dir() => Err(io::Error::other("it is a folder, not a file")),
        Ok(_) => Err(io::Error::other("it is a pipe or device, not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(folder, path),
        Err(error) => Err(error),
    }
}

/// The file is made under another name and closed before it gets its own: closing a file would drop the locks that
/// SQLite holds on it elsewhere in this process.
fn create(folder: &Path, path: &Path) -> io::Result<()> {
    // Temporary files are for this user only.
    match tempfile::NamedTempFile::new_in(folder)?.into_temp_path().persist_noclobber(path) {
        Err(raced) if raced.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(|error| error.error),
    }
}

/// Creates a folder, and those above it, for this user only. One that is there stays as it is.
#[cfg(unix)]
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Opens a file; where it is made, it is for this user only.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
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

/// Takes from others what they may do with a file that has grown too open.
#[cfg(unix)]
pub(crate) fn protect(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) }
}

#[cfg(not(unix))]
pub(crate) fn protect(_: &Path, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Which file a path leads to. A file that was moved away or replaced is not to be counted in: others would not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl Identity {
    /// The file at this path.
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|found| Self::of_found(&found))
    }

    /// The file that this was asked of.
    #[cfg(unix)]
    pub(crate) fn of_found(found: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device_and_inode: (found.dev(), found.ino()) }
    }

    /// The file that this was asked of.
    #[cfg(not(unix))]
    pub(crate) fn of_found(_: &fs::Metadata) -> Self {
        Self {}
    }

    /// The file at this path. Here an open file can neither be moved nor replaced.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> io::Result<Self> {
        Ok(Self {})
    }
}
