//! The journal of a session: the calls that were forwarded and that the log does not have yet. It outlives the session
//! only if the session is killed; the next writer then takes it over. A lock file is held while the session runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::lines::{LogLines, parse_line};
use super::paths::LogPaths;
use super::session_lock::lock_journal;
use crate::limits::{JOURNAL_CHUNK, JOURNAL_COMPACT, MAX_JOURNAL};
use crate::record::{About, Digest, LogEntry, SessionName};
use crate::state::file::{self, FileLock};

/// The journal has no room for more calls.
#[derive(Debug, thiserror::Error)]
#[error("it is full: the calls that it holds take up {} MiB", MAX_JOURNAL >> 20)]
pub(super) struct JournalFull;

#[derive(Debug)]
pub(super) struct Journal {
    paths: LogPaths,
    path: PathBuf,
    session: SessionName,
    lock: Option<FileLock>,
    file: Option<File>,
    /// The numbers of the journal's calls that the log does not have yet.
    open: BTreeSet<u64>,
    /// The highest number that was open at the last tick, or was committed: newer calls are likely to be answered soon.
    known: u64,
    /// The file's size in bytes, and the size from which on it is compacted.
    size: u64,
    compact: u64,
    buffer: Vec<u8>,
}

impl Journal {
    pub(super) fn new(paths: &LogPaths, session: &SessionName) -> Self {
        Self {
            paths: paths.clone(),
            path: paths.journal_file(&session.id),
            session: session.clone(),
            lock: None,
            file: None,
            open: BTreeSet::new(),
            known: 0,
            size: 0,
            compact: JOURNAL_COMPACT,
            buffer: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(super) fn create_file(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            // A file that was closed to be replaced, and could not be replaced, still exists.
            self.file = Some(match self.size {
                0 => self.make_file(None)?.0,
                _ => file::open_file(File::options().read(true).write(true), &self.path)?,
            });
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, entry: &LogEntry) -> io::Result<()> {
        self.buffer.clear();
        entry.write_line(&self.session, Digest::START, &mut self.buffer);
        self.write_buffer()?;
        self.open.insert(entry.call_number());
        self.known = self.known.max(entry.call_number());
        Ok(())
    }

    /// Writes those unanswered calls that were already unanswered at the last tick.
    pub(super) fn write_unanswered(&mut self, unanswered: &[LogEntry]) -> io::Result<()> {
        self.buffer.clear();
        let written = self.write_known(unanswered);
        let highest = unanswered.iter().map(LogEntry::call_number).max();
        self.known = self.known.max(highest.unwrap_or_default());
        written
    }

    fn write_known(&mut self, unanswered: &[LogEntry]) -> io::Result<()> {
        let mut added = Vec::new();
        for entry in unanswered {
            let number = entry.call_number();
            if number <= self.known && !self.open.contains(&number) {
                entry.write_line(&self.session, Digest::START, &mut self.buffer);
                added.push(number);
            }
            if self.buffer.len() >= JOURNAL_CHUNK {
                self.write_buffer()?;
                self.open.extend(added.drain(..));
                self.buffer.clear();
            }
        }
        if added.is_empty() {
            return self.compact_file();
        }
        self.write_buffer()?;
        self.open.extend(added);
        Ok(())
    }

    /// Forgets calls that the log now has.
    pub(super) fn forget_recorded(&mut self, entries: &[LogEntry]) {
        for entry in entries {
            self.open.remove(&entry.call_number());
        }
    }

    /// Hands out the lines of the calls that the log does not have, some at a time.
    pub(super) fn read_open_calls(&self, mut take: impl FnMut(&[Vec<u8>]) -> io::Result<()>) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| !self.open.is_empty()) else { return Ok(()) };
        let (mut lines, mut size) = (Vec::new(), 0);
        self.for_each_open_call(file.try_clone()?, |line| {
            size += line.len();
            lines.push(line.to_vec());
            if size >= JOURNAL_CHUNK {
                take(&lines)?;
                lines.clear();
                size = 0;
            }
            Ok(())
        })?;
        if lines.is_empty() { Ok(()) } else { take(&lines) }
    }

    fn for_each_open_call(&self, file: File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut lines = LogLines::new(file, 0, self.size)?;
        while let Some(line) = lines.read_line()? {
            if let Some(About::Decision(record)) = parse_line(line).map(|line| line.about)
                && self.open.contains(&record.call)
            {
                each(line)?;
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self) {
        if self.file.take().is_some() {
            // A file that stays is taken over like that of a killed session, and adds no call that the log already has.
            let _ = file::remove_file(&self.path);
        }
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
    }

    /// Appends all of the buffer or nothing.
    fn write_buffer(&mut self) -> io::Result<()> {
        self.create_file()?;
        self.compact_file()?;
        let length = self.buffer.len() as u64;
        if self.size + length > MAX_JOURNAL {
            self.rewrite_file()?;
        }
        if self.size + length > MAX_JOURNAL {
            return Err(io::Error::other(JournalFull));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file::wait_for_release(&self.path, || {
            file.seek(SeekFrom::Start(self.size)).and_then(|_| file.write_all(&self.buffer))
        });
        match written {
            Ok(()) => self.size += length,
            // The next line ends a line that stays cut, and readers skip it.
            Err(_) => drop(file.set_len(self.size)),
        }
        written
    }

    /// Removes the calls that the log has by now, if the file is large enough for that.
    fn compact_file(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.size > 0) else { return Ok(()) };
        if self.open.is_empty() {
            file.set_len(0)?;
            (self.size, self.compact) = (0, JOURNAL_COMPACT);
        } else if self.size >= self.compact {
            self.rewrite_file()?;
        }
        Ok(())
    }

    fn rewrite_file(&mut self) -> io::Result<()> {
        let Some(old) = self.file.as_ref().map(File::try_clone).transpose()? else { return Ok(()) };
        if cfg!(windows) {
            // Not every Windows file system can replace an open file.
            self.file = None;
        }
        let (file, size) = self.make_file(Some(old))?;
        (self.file, self.size) = (Some(file), size);
        self.compact = (size * 2).max(JOURNAL_COMPACT);
        Ok(())
    }

    /// Creates the file with the open calls of the old one, and returns its size as well. It gets its name only once the session
    /// is locked, so nobody takes it over.
    fn make_file(&mut self, old: Option<File>) -> io::Result<(File, u64)> {
        if let Some(dir) = self.path.parent() {
            file::create_private_dir(dir)?;
        }
        if self.lock.is_none() {
            self.lock = Some(FileLock::wait_and_take(&self.paths.session_lock(&self.session.id), None)?);
        }
        let new = self.path.with_extension("new");
        let mut file = file::open_private(File::options().read(true).write(true).create(true).truncate(true), &new)?;
        lock_journal(&file)?;
        let mut size = 0;
        let copied = old.map_or(Ok(()), |old| {
            let mut out = BufWriter::new(&mut file);
            self.for_each_open_call(old, |line| {
                size += line.len() as u64;
                out.write_all(line)
            })?;
            out.flush()
        });
        let made = copied.and_then(|()| file::rename_file(&new, &self.path));
        if made.is_err() {
            let _ = file::remove_file(&new);
        }
        made.map(|()| (file, size))
    }
}
