//! A position in the chain that is stored beside the log: its head and its anchor.

use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::Digest;
use crate::state::file;

/// A position in the chain, just behind a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The number of lines up to here, since the first one ever.
    pub lines: u64,
    /// The digest of the last of these lines.
    pub last: Digest,
    /// The number of that line's file: the one that the file has, or will have once it is rotated away.
    pub file: u64,
    /// The offset behind the line in that file, in bytes.
    pub end: u64,
}

impl Mark {
    /// Before the first line.
    pub const START: Self = Self { lines: 0, last: Digest::START, file: 1, end: 0 };

    /// Reads a mark; `None` if there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or (as [`io::ErrorKind::InvalidData`]) is none.
    pub fn read_file(path: &Path) -> io::Result<Option<Self>> {
        let Some(text) = file::if_there(file::read_file(path))? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let name = path.file_name().unwrap_or_default().display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged: {error}"))
        })
    }

    /// Replaces the mark at `path`, and syncs it.
    pub(super) fn write_file(&self, path: &Path) -> io::Result<()> {
        self.prepare_file(path)?.persist()?;
        path.parent().map_or(Ok(()), file::sync_dir)
    }

    /// Writes the mark to the disk, which may be slow, so that [`PreparedMark::persist`] is fast.
    pub(super) fn prepare_file<'p>(&self, path: &'p Path) -> io::Result<PreparedMark<'p>> {
        let dir = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
        // Temporary files are accessible only to this user.
        let mut made = file::temporary_in(dir)?;
        serde_json::to_writer(&mut made, self)?;
        made.write_all(b"\n")?;
        made.as_file().sync_data()?;
        Ok(PreparedMark { made, path })
    }
}

/// A mark that is on the disk but not yet in place.
#[derive(Debug)]
pub(super) struct PreparedMark<'p> {
    made: tempfile::NamedTempFile,
    path: &'p Path,
}

impl PreparedMark<'_> {
    pub(super) fn persist(self) -> io::Result<()> {
        file::persist(self.made, self.path)
    }
}
