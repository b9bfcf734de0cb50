//! Syncs what was written, so that it survives a power cut, and records how far the log is synced.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::lock_log;
use crate::audit::mark::Mark;
use crate::audit::paths::LogPaths;
use crate::state::file;

/// Files that are written and not yet synced. They are synced off the writer's thread, which a slow disk would block.
#[derive(Debug)]
pub(in crate::audit) struct Sync {
    pub(super) paths: LogPaths,
    pub(super) files: Vec<Arc<File>>,
    pub(super) mark: Mark,
}

impl Sync {
    /// Syncs the files, then writes the head, which is therefore never ahead of what is on the disk.
    pub(in crate::audit) fn run(&self) -> io::Result<()> {
        for file in &self.files {
            file.sync_data()?;
        }
        // Syncs the files' names.
        file::sync_dir(self.paths.dir())?;
        // Waits for a slow disk without the lock, which keeps all other sessions from writing.
        let path = self.paths.head_file();
        let head = self.mark.write_temporary(self.paths.dir())?;
        let lock = lock_log(&self.paths, None)?;
        let is_news = match Mark::read_file(&path) {
            Ok(head) => head.is_none_or(|head| head.lines < self.mark.lines),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => true,
            Err(error) => return Err(error),
        };
        if is_news {
            file::persist(head, &path)?;
        }
        lock.release();
        file::sync_dir(self.paths.dir())
    }
}
