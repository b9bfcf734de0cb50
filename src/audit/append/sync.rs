//! Has what was written outlive a power cut, and writes down up to where it does.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::lock_log;
use crate::audit::mark::Mark;
use crate::audit::paths::LogPaths;
use crate::state::file;

/// What is written and not yet synced. It is synced away from the writer, which a slow disk would hold up.
#[derive(Debug)]
pub(in crate::audit) struct Sync {
    pub(super) paths: LogPaths,
    pub(super) files: Vec<Arc<File>>,
    pub(super) mark: Mark,
}

impl Sync {
    /// Syncs the files, then writes the head: it is never ahead of what is on the disk.
    pub(in crate::audit) fn run(&self) -> io::Result<()> {
        for file in &self.files {
            file.sync_data()?;
        }
        // The files' names.
        file::sync_dir(self.paths.dir())?;
        // A slow disk is waited for without the lock, which keeps all other sessions from writing.
        let path = self.paths.head_file();
        let head = self.mark.prepare_file(&path)?;
        let lock = lock_log(&self.paths, None)?;
        let is_news = match Mark::read_file(&path) {
            Ok(head) => head.is_none_or(|head| head.lines < self.mark.lines),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => true,
            Err(error) => return Err(error),
        };
        if is_news {
            head.persist()?;
        }
        lock.release();
        file::sync_dir(self.paths.dir())
    }
}
