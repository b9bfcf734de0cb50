//! A place in the chain that is written down beside the log: its head and its anchor.

use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::Digest;
use crate::state::file;

/// A place in the chain: behind one of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

#[derive(Serialize, Deserialize)]
struct Written {
    lines: u64,
    last: String,
    file: u64,
    end: u64,
}

impl Mark {
    /// Before the first line.
    pub const START: Self = Self { lines: 0, last: Digest::START, file: 1, end: 0 };

    /// Reads a mark; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, or (as [`io::ErrorKind::InvalidData`]) is none.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match file::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let name = path.file_name().unwrap_or_default().display();
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged: {why}"));
        let Written { lines, last, file, end } =
            serde_json::from_slice(&text).map_err(|error| invalid(&error.to_string()))?;
        let last = Digest::parse(&last).ok_or_else(|| invalid("its digest is not 64 hexadecimal digits"))?;
        Ok(Some(Self { lines, last, file, end }))
    }

    /// Puts the mark in the place of the one that is there. It outlives a power cut.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        self.prepare(path)?.put()?;
        path.parent().map_or(Ok(()), file::sync_folder)
    }

    /// Writes the mark to the disk, which may take long, so that it can be put in its place at once.
    pub(super) fn prepare<'p>(&self, path: &'p Path) -> io::Result<PreparedMark<'p>> {
        let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
        let Self { lines, last, file, end } = *self;
        // Temporary files are for this user only.
        let mut made = file::temporary_in(folder)?;
        serde_json::to_writer(&mut made, &Written { lines, last: last.to_string(), file, end })?;
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
    pub(super) fn put(self) -> io::Result<()> {
        file::persist(self.made, self.path)
    }
}
