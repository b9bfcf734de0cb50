//! Appends to a log that other sessions append to as well: each takes the lock, finds the end of the chain and
//! continues from there.

mod adopt;
mod prune;
mod sync;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};

pub(super) use sync::Sync;

use super::LogOptions;
use super::lines::{LogLines, is_record};
use super::log::lock_ignoring_poison;
use super::mark::Mark;
use super::paths::LogPaths;
use super::policies::{UnnamedTexts, keep_policy};
use crate::limits::{LOG_WRITE, MAX_LOG_BLOCK};
use crate::record::{BlockDigest, Client, Digest, Event, LogEntry, SessionName, Under, WrittenSecond, write_event};
use crate::state::approvals::unix_time;
use crate::state::file::{self, FileLock, Identity};

/// One session's access to its server's log.
#[derive(Debug)]
pub(super) struct Appender {
    paths: LogPaths,
    session: SessionName,
    options: LogOptions,
    /// The lock file from the last time that it was open.
    lock: Option<File>,
    /// The end of the log when this session last wrote to it.
    left: Option<Mark>,
    /// The end of the log, valid while it is locked.
    at: Mark,
    current: Option<Current>,
    /// The bytes to be written; `buffered` counts their lines, and `next` is the digest of the block that ended last.
    buffer: Vec<u8>,
    buffered: u64,
    next: Digest,
    last_second: WrittenSecond,
    /// The block that the next entry of this session goes on with.
    block: Option<OpenBlock>,
    unsynced: Vec<Arc<File>>,
    /// What this session's lines have named last, and the file that has those lines.
    named: (Under, u64),
    texts: Arc<Mutex<UnnamedTexts>>,
    /// Why the text of a policy could not be kept.
    policy_failure: Option<io::Error>,
    /// Whether the session has cleaned up after killed sessions and pruned the log.
    settled: bool,
}

/// A block of this session's entries at the end of the log.
#[derive(Debug)]
struct OpenBlock {
    digest: BlockDigest,
    lines: u64,
    client: Option<Client>,
    /// How many of its bytes are in the file, and where those begin in the buffer that are not.
    written: u64,
    buffered_from: usize,
    /// Up to where the digest has the buffer.
    digested: usize,
}

#[derive(Debug)]
struct Current {
    file: Arc<File>,
    identity: Identity,
}

impl Appender {
    pub(super) fn new(
        paths: LogPaths,
        session: SessionName,
        options: LogOptions,
        texts: Arc<Mutex<UnnamedTexts>>,
    ) -> Self {
        Self {
            paths,
            session,
            options,
            lock: None,
            left: None,
            at: Mark::START,
            current: None,
            buffer: Vec::new(),
            buffered: 0,
            next: Digest::START,
            last_second: WrittenSecond::default(),
            block: None,
            unsynced: Vec::new(),
            named: (Under::default(), 0),
            texts,
            policy_failure: None,
            settled: false,
        }
    }

    pub(super) fn append_event(&mut self, event: &Event) -> io::Result<()> {
        self.with_lock(|log| log.write_event_line(event))
    }

    /// Writes entries, and calls `written` with those that are in the file, even if a later write fails.
    pub(super) fn append(&mut self, entries: &[LogEntry], mut written: impl FnMut(&[LogEntry])) -> io::Result<()> {
        self.with_lock(|log| {
            let mut rest = entries;
            while !rest.is_empty() {
                let mut count = 0;
                while let Some(entry) = rest.get(count)
                    && (count == 0 || !log.is_full())
                {
                    let named = log.name_policy(entry.under());
                    log.buffer_entry(entry, named);
                    count += 1;
                }
                let (done, left) = rest.split_at(count);
                log.flush()?;
                written(done);
                rest = left;
            }
            log.flush()
        })
    }

    /// Returns what need not be named: what the session's lines before have named in the same file. The text of a policy that
    /// is named is kept.
    fn name_policy(&mut self, under: Under) -> Under {
        let file = self.at.file + u64::from(self.is_due_to_rotate());
        let (named, in_file) = self.named;
        let named = if in_file == file { named } else { Under::default() };
        if let Some(digest) = under.policy.filter(|digest| Some(*digest) != named.policy) {
            let text = lock_ignoring_poison(&self.texts).take(digest);
            self.policy_failure = keep_policy(&self.paths, digest, text).err();
        }
        self.named = (Under { policy: under.policy.or(named.policy), lock: under.lock }, file);
        named
    }

    /// Returns why the text of a policy could not be kept since this was last asked.
    pub(super) fn take_policy_failure(&mut self) -> Option<io::Error> {
        self.policy_failure.take()
    }

    /// Appends lines that are complete except for the digest at their start.
    pub(super) fn append_raw(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        self.with_lock(|log| {
            for line in lines {
                log.buffer_raw_line(line)?;
            }
            log.flush()
        })
    }

    /// Checks whether the log can be written, and creates its files if they are missing.
    pub(super) fn check_writable(&mut self) -> io::Result<()> {
        self.with_lock(|log| log.open_current(OpenOptions::new().create(true)).map(drop))
    }

    /// Takes the files that are not yet synced; `None` if there are none.
    pub(super) fn take_unsynced(&mut self) -> Option<Sync> {
        let mark = self.left.filter(|_| !self.unsynced.is_empty())?;
        Some(Sync { paths: self.paths.clone(), files: std::mem::take(&mut self.unsynced), mark })
    }

    pub(super) fn unsynced_files(&self) -> usize {
        self.unsynced.len()
    }

    fn with_lock(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let lock = lock_log(&self.paths, self.lock.take())?;
        let done = self.catch_up().and_then(|()| self.clean_up_once()).and_then(|()| work(self));
        if done.is_err() {
            // The next call finds the end of the log anew.
            (self.current, self.named) = (None, (Under::default(), 0));
            self.buffer.clear();
            (self.buffered, self.block) = (0, None);
        }
        self.lock = lock.release();
        done
    }

    fn catch_up(&mut self) -> io::Result<()> {
        let path = self.paths.current_file();
        if let (Some(current), Some(left)) = (&self.current, self.left)
            && Identity::of_path(&path).is_ok_and(|identity| identity == current.identity)
            // Some network file systems give files no numbers; a file that was rotated away is known by its new name.
            && (cfg!(unix) || !self.paths.rotated_file(left.file).exists())
        {
            let (file, length) = (Arc::clone(&current.file), current.file.metadata()?.len());
            (self.at, self.next) = (left, left.last);
            return self.read_appended(&file, length);
        }
        self.find_end()
    }

    /// Finds the end of the log, starting from where this session left it or from where it was last synced.
    fn find_end(&mut self) -> io::Result<()> {
        (self.current, self.block) = (None, None);
        let numbers = self.paths.rotated_numbers()?;
        let is_new = numbers.is_empty() && !self.paths.current_file().try_exists()?;
        let mut headless = false;
        self.at = match self.left {
            Some(left) => left,
            None => {
                let anchor = Mark::read_file(&self.paths.anchor_file())?.map_or(Mark::START, |anchor| Mark {
                    file: anchor.file.saturating_add(1),
                    end: 0,
                    ..anchor
                });
                match Mark::read_file(&self.paths.head_file()) {
                    Ok(Some(head)) if head.lines >= anchor.lines => head,
                    Ok(Some(_)) => anchor,
                    Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(error),
                    missing => {
                        headless = missing.is_err() || !is_new;
                        if is_new {
                            anchor.write_file(&self.paths.head_file())?;
                        }
                        anchor
                    }
                }
            }
        };
        let known = self.at;
        for number in numbers.into_iter().filter(|number| *number >= known.file) {
            let file = file::open_file(File::options().read(true).write(true), &self.paths.rotated_file(number))?;
            let from = if number == known.file { known.end } else { 0 };
            let block = if number == known.file { self.read_block(&file)? } else { Some(BlockDigest::default()) };
            let is_known = block.is_some();
            let mut block = block.unwrap_or_default();
            let mut lines = LogLines::new(file.try_clone()?, from, file.metadata()?.len())?;
            let count = lines.add_rest(&mut block)?;
            if count > 0 {
                self.at.lines += count;
                end_line(&mut block, lines.last_line());
                if is_known {
                    self.at.last = block.digest();
                }
            }
            (self.at.file, self.at.end, self.at.block) = (number + 1, 0, None);
            self.unsynced.push(Arc::new(file));
        }
        self.next = self.at.last;
        match file::if_there(self.open_current(&mut OpenOptions::new()))? {
            Some(current) => {
                let length = current.metadata()?.len();
                self.read_appended(&current, length)?;
            }
            // If the head says that there were lines, the chain continues from them, so that their loss shows.
            None => (self.at.end, self.at.block) = (0, None),
        }
        if headless {
            let head = self.paths.head_file().file_name().unwrap_or_default().to_string_lossy().into_owned();
            let why =
                format!("{head} was missing or damaged, so nobody can tell whether lines before this one were removed");
            self.write_event_line(&Event::Gap { lost: 0, why })?;
        }
        Ok(())
    }

    /// Reads the block that stands at the end of the lines that are known, up to there. Lines may go on with it. `None` if it is no
    /// longer what it was.
    fn read_block(&self, file: &File) -> io::Result<Option<BlockDigest>> {
        let mut block = BlockDigest::default();
        if let Some(start) = self.at.block {
            LogLines::new(file.try_clone()?, start, self.at.end)?.add_rest(&mut block)?;
            return Ok(Some(block).filter(|block| block.digest() == self.at.last));
        }
        Ok(Some(block))
    }

    fn read_appended(&mut self, file: &File, length: u64) -> io::Result<()> {
        let from = self.at.end;
        if length == from {
            return Ok(());
        }
        let known = match self.block.take() {
            Some(own) => Some(own.digest),
            None if length > from => self.read_block(file)?,
            None => None,
        };
        (self.at.end, self.at.block) = (length, None);
        if length < from {
            // A file that is shorter than before has lost lines; the chain continues from them, so that their loss
            // shows.
            return self.end_cut_file(file, length);
        }
        let Some(known) = known else {
            // The chain continues from what was there, so that the change shows.
            self.at.lines += LogLines::new(file.try_clone()?, from, length)?.add_rest(&mut BlockDigest::default())?;
            return self.end_cut_file(file, length);
        };
        let mut block = known.clone();
        let mut lines = LogLines::new(file.try_clone()?, from, length)?;
        let count = lines.add_rest(&mut block)?;
        let last = lines.last_line();
        let is_cut = !last.ends_with(b"\n");
        let is_whole = !is_cut && is_record(last);
        end_line(&mut block, last);
        let last = block.digest();
        let mut after = self.at.last;
        if !is_whole {
            // The writer was killed in the middle of a line.
            let mut block = known;
            let mut lines = LogLines::new(file.try_clone()?, from, length)?;
            while let Some(line) = lines.read_line()? {
                block.add_line(line);
                if line.ends_with(b"\n") && is_record(line) {
                    after = block.digest();
                }
            }
        }
        self.at.lines += count - u64::from(is_cut);
        if is_cut {
            self.end_cut_line();
        }
        (self.at.last, self.next) = (last, last);
        if is_whole { Ok(()) } else { self.write_event_line(&Event::Resumed { after }) }
    }

    /// Ends the last line of a file, if it is cut.
    fn end_cut_file(&mut self, file: &File, length: u64) -> io::Result<()> {
        if length > 0 && LogLines::new(file.try_clone()?, length - 1, length)?.read_line()? != Some(b"\n") {
            self.end_cut_line();
        }
        Ok(())
    }

    fn end_cut_line(&mut self) {
        self.buffer.push(b'\n');
        self.buffered += 1;
    }

    fn is_due_to_rotate(&self) -> bool {
        self.at.end > 0 && self.at.end >= self.options.max_size
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= LOG_WRITE || self.at.end + self.buffer.len() as u64 >= self.options.max_size
    }

    /// Buffers an entry: as a line that goes on with the block of those before it, if it can, or as the first of a new one.
    fn buffer_entry(&mut self, entry: &LogEntry, named: Under) {
        let rotates = self.is_due_to_rotate();
        let goes_on = |block: &OpenBlock| {
            block.lines < MAX_LOG_BLOCK && block.client.as_ref() == entry.client() && !(rotates && block.written > 0)
        };
        if !self.block.as_ref().is_some_and(goes_on) {
            self.end_block();
            let start = self.buffer.len();
            entry.write_first_line(&self.session, self.next, named, &mut self.buffer);
            self.block = Some(OpenBlock {
                digest: BlockDigest::default(),
                lines: 1,
                client: entry.client().cloned(),
                written: 0,
                buffered_from: start,
                digested: start,
            });
        } else if let Some(block) = &mut self.block {
            entry.write_next_line(named, &mut self.last_second, &mut self.buffer);
            block.lines += 1;
        }
        self.buffered += 1;
    }

    /// Brings the digest of the block up to the end of the buffer.
    fn digest_block(&mut self) {
        if let Some(block) = &mut self.block {
            block.digest.add(self.buffer.get(block.digested..).unwrap_or_default());
            block.digested = self.buffer.len();
            self.next = block.digest.digest();
        }
    }

    fn end_block(&mut self) {
        self.digest_block();
        self.block = None;
    }

    /// Buffers a line that is a block of its own.
    fn buffer_line(&mut self, write: impl FnOnce(Digest, &mut Vec<u8>)) {
        self.end_block();
        let start = self.buffer.len();
        write(self.next, &mut self.buffer);
        self.next = Digest::of_line(self.buffer.get(start..).unwrap_or_default());
        self.buffered += 1;
    }

    fn write_event_line(&mut self, event: &Event) -> io::Result<()> {
        let session = self.session.clone();
        self.buffer_line(|previous, out| write_event(event, &session, previous, unix_time(), out));
        self.flush()
    }

    /// Buffers a record after it replaces the digest of the line before.
    fn buffer_raw_line(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(tail) = line.get(BEFORE_DIGEST.len() + 64..) else { return Ok(()) };
        self.buffer_line(|previous, out| {
            out.extend_from_slice(BEFORE_DIGEST);
            out.extend_from_slice(&previous.to_hex());
            out.extend_from_slice(tail);
        });
        if self.is_full() { self.flush() } else { Ok(()) }
    }

    /// Writes the buffer with one write: all of it, or nothing.
    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.digest_block();
        // The newline that ends a cut line belongs in the same file as the line.
        if self.is_due_to_rotate() && !self.buffer.starts_with(b"\n") {
            self.rotate()?;
        }
        let file = match &self.current {
            Some(current) => Arc::clone(&current.file),
            None => self.open_current(OpenOptions::new().create(true))?,
        };
        let path = self.paths.current_file();
        file::wait_for_release(&path, || {
            (&mut &*file).write_all(&self.buffer).inspect_err(|_| {
                // A partial write is undone. If even that fails, the next writer finds a cut line.
                let _ = file::open_file(File::options().write(true), &path).and_then(|file| file.set_len(self.at.end));
            })
        })?;
        let end = self.at.end + self.buffer.len() as u64;
        if let Some(block) = &mut self.block {
            block.written += (self.buffer.len() - block.buffered_from) as u64;
            (block.buffered_from, block.digested) = (0, 0);
        }
        self.at = Mark {
            lines: self.at.lines + self.buffered,
            last: self.next,
            file: self.at.file,
            end,
            block: self.block.as_ref().map(|block| end - block.written),
        };
        self.left = Some(self.at);
        self.buffer.clear();
        self.buffered = 0;
        if !self.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, &file)) {
            self.unsynced.push(file);
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if !file::rename_unless_held(&self.paths.current_file(), &self.paths.rotated_file(self.at.file))? {
            // The file grows until the program that holds it open closes it.
            return Ok(());
        }
        self.current = None;
        (self.at.file, self.at.end, self.at.block) = (self.at.file + 1, 0, None);
        // Even if the new file cannot be created, this one is finished.
        self.left = Some(self.at);
        self.open_current(OpenOptions::new().create(true))?;
        self.prune_old_files()
    }

    fn open_current(&mut self, options: &mut OpenOptions) -> io::Result<Arc<File>> {
        let path = self.paths.current_file();
        let file = Arc::new(file::open_private(options.read(true).append(true), &path)?);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        file::restrict_mode(&path, &found)?;
        self.current = Some(Current { file: Arc::clone(&file), identity: Identity::of_open_file(&file)? });
        Ok(file)
    }

    /// At the first write of a session, adopts the journals of killed sessions and prunes old files.
    fn clean_up_once(&mut self) -> io::Result<()> {
        if !self.settled {
            self.adopt_journals()?;
            self.prune_old_files()?;
            self.settled = true;
        }
        Ok(())
    }
}

/// The start of each line, up to its digest.
pub(super) const BEFORE_DIGEST: &[u8] = b"{\"prev\":\"";

/// Adds the newline that the last line of a file lacks, if it is cut.
fn end_line(block: &mut BlockDigest, line: &[u8]) {
    if !line.is_empty() && !line.ends_with(b"\n") {
        block.add(b"\n");
    }
}

/// Locks the log, and creates its directory and lock file if they are missing. `held` is the lock file from the last
/// time.
fn lock_log(paths: &LogPaths, held: Option<File>) -> io::Result<FileLock> {
    match file::if_there(FileLock::wait_and_take(&paths.lock_file(), held))? {
        Some(lock) => Ok(lock),
        None => {
            file::create_private_dir(paths.dir())?;
            FileLock::wait_and_take(&paths.lock_file(), None)
        }
    }
}
