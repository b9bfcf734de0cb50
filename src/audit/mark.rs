//! A position in the chain that is stored beside the log: its head and its anchor.

use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::record::Digest;
use crate::state::file;

/// A position in the chain, just behind a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The number of lines up to here, since the first one ever.
    pub(super) lines: u64,
    /// The digest of the block that the last of these lines is in, up to that line.
    pub(super) last: Digest,
    /// The number of that line's file: the one that the file has, or will have once it is rotated away.
    pub(super) file: u64,
    /// The offset behind the line in that file, in bytes.
    pub(super) end: u64,
    /// The offset in that file where the block begins, if its session may go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) block: Option<u64>,
}

impl Mark {
    pub(super) const START: Self = Self { lines: 0, last: Digest::START, file: 1, end: 0, block: None };

    /// Reads a mark; `None` if there is none. A damaged one is [`io::ErrorKind::InvalidData`].
    pub(super) fn read_file(path: &Path) -> io::Result<Option<Self>> {
        let Some(text) = file::if_there(file::read_file(path))? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let name = path.file_name().unwrap_or_default().display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged: {error}"))
        })
    }

    /// Replaces the mark at `path`, and syncs it.
    pub(super) fn write_file(&self, path: &Path) -> io::Result<()> {
        let dir = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
        file::persist(self.write_temporary(dir)?, path)?;
        file::sync_dir(dir)
    }

    /// Writes the mark to the disk, which may be slow, so that putting it in place is fast.
    pub(super) fn write_temporary(&self, dir: &Path) -> io::Result<NamedTempFile> {
        // Temporary files are accessible only to this user.
        let mut made = file::temporary_in(dir)?;
        // One write: the file has no buffer.
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        made.write_all(&text)?;
        made.as_file().sync_data()?;
        Ok(made)
    }
}
