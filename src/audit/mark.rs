//! A place in the chain that is written down beside the log: its head and its anchor.

use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::Digest;
use crate::state::file;

/// A place in the chain: behind one of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// How many lines there are up to here since the first one ever.
    pub lines: u64,
    /// The digest of the last of them.
    pub last: Digest,
    /// The number of the file that it is in: the one that the file has, or will have once it is rotated away.
    pub file: u64,
    /// How far into that file it is, in bytes.
    pub end: u64,
}

impl Mark {
    /// Before the first line.
    pub const START: Self = Self { lines: 0, last: Digest::START, file: 1, end: 0 };

    /// Reads a mark; `None` where there is none.
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

    /// Puts the mark in the place of the one that is there. It outlives a power cut.
    pub(super) fn write_file(&self, path: &Path) -> io::Result<()> {
        self.prepare_file(path)?.persist()?;
        path.parent().map_or(Ok(()), file::sync_dir)
    }

    /// Writes the mark to the disk, which may take long, so that it can be put in its place at once.
    pub(super) fn prepare_file<'p>(&self, path: &'p Path) -> io::Result<PreparedMark<'p>> {
        let dir = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
        // Temporary files are for this user only.
        let mut made = file::temporary_in(dir)?;
        serde_json::to_writer(&mut made, self)?;
        made.write_all(b"\n")?;
        made.as_file().sync_data()?;
        Ok(PreparedMark { made, path })
    }
}

/// A mark that is on the disk and not yet in its place.
#[derive(Debug)]
pub(super) struct PreparedMark<'p> {
    made: tempfile::NamedTempFile,
    path: &'p Path,
}

impl PreparedMark<'_> {
    /// Puts it in its place.
    pub(super) fn persist(self) -> io::Result<()> {
        file::persist(self.made, self.path)
    }
}
