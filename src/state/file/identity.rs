//! Identifies the file that a path or an open handle leads to.

use std::fs::File;
use std::io;
use std::path::Path;

/// The identity of a file. It shows whether an open file was moved away or replaced, so that others would not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The device or volume, and the file's number on it.
    volume_and_file: (u64, u64),
}

impl Identity {
    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        return std::fs::metadata(path).map(|found| Self::of_metadata(&found));
        #[cfg(windows)]
        return Self::of_open_file(&open_for_attributes(path)?);
    }

    pub(crate) fn of_open_file(file: &File) -> io::Result<Self> {
        #[cfg(unix)]
        return file.metadata().map(|found| Self::of_metadata(&found));
        #[cfg(windows)]
        return winapi_util::file::information(file)
            .map(|found| Self { volume_and_file: (found.volume_serial_number(), found.file_index()) });
    }

    #[cfg(unix)]
    fn of_metadata(found: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { volume_and_file: (found.dev(), found.ino()) }
    }

    pub(crate) fn is_at(file: &File, path: &Path) -> bool {
        matches!((Self::of_open_file(file), Self::of_path(path)), (Ok(open), Ok(there)) if open.is_same(there))
    }

    /// Some network drives, and Wine for a file that was moved, report no volume number; then only the file numbers
    /// count.
    fn is_same(self, other: Self) -> bool {
        let ((volume, file), (other_volume, other_file)) = (self.volume_and_file, other.volume_and_file);
        file == other_file && (volume == other_volume || (cfg!(windows) && (volume == 0 || other_volume == 0)))
    }
}

/// Returns how many names a file has: hard links.
pub(crate) fn count_names(path: &Path) -> io::Result<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).map(|found| found.nlink())
    }
    #[cfg(windows)]
    winapi_util::file::information(open_for_attributes(path)?).map(|found| found.number_of_links())
}

/// Opens a file or directory without the right to read it, which no other program can refuse.
#[cfg(windows)]
fn open_for_attributes(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;

    const FILE_READ_ATTRIBUTES: u32 = 0x80;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    File::options().access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Returns whether a file was removed while a program still has it open: Windows lists its name until it is closed, and
/// refuses to open it, even for its attributes alone.
#[cfg(windows)]
pub(crate) fn is_being_removed(path: &Path) -> bool {
    open_for_attributes(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// On other systems a name is gone as soon as its file is removed.
#[cfg(not(windows))]
pub(crate) fn is_being_removed(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_was_replaced_moved_or_removed_is_not_at_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, "one").unwrap();
        let file = File::open(&path).unwrap();
        assert!(Identity::is_at(&file, &path));
        fs::rename(&path, &other).unwrap();
        assert!(!Identity::is_at(&file, &path) && Identity::is_at(&file, &other));
        fs::write(&path, "one").unwrap();
        assert!(!Identity::is_at(&file, &path) && Identity::is_at(&file, &other));
        fs::remove_file(&other).unwrap();
        // Wine opens a file that is being removed for its attributes.
        let is_wine = cfg!(windows) && Path::new(r"C:\windows\system32\winecfg.exe").exists();
        assert!(is_wine || !Identity::is_at(&file, &other));
        assert!(!is_being_removed(&path));
    }
}
