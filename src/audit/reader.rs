//! Reads the files of the audit log, oldest line first, while others write, rotate and prune them.
//!
//! ```text
//! iterable.jsonl.000001 ─▶ iterable.jsonl.000002 ─▶ iterable.jsonl      each numbered file keeps its name forever
//! ```
//! A reader keeps a file open: when the file is rotated, the reader keeps its position and continues with the next one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memmem;

use super::paths::LogPaths;
pub use super::paths::list_servers;
use crate::limits::{MAX_LOG_LINE, READ_CHUNK};
use crate::policy::ServerName;
use crate::record::{self, LineCompleter, LineError, LogLine};
use crate::state::file::{self, FileMark};

/// A line of the log and its position.
#[derive(Debug)]
pub struct FoundLine<'r> {
    /// The file.
    pub file: &'r Path,
    /// The number of the line in the file, from 1.
    pub number: u64,
    /// The text, without its newline: as written, or as a line that stands by itself if it goes on with a block. Invalid UTF-8 is
    /// replaced.
    pub text: &'r str,
    /// The parsed line.
    pub line: Result<LogLine<'r>, LineError>,
}

/// Reads the logs of one server, or those of all servers merged by time.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    wanted: Option<ServerName>,
    cursors: BTreeMap<ServerName, LogCursor>,
    /// The log of the line that was returned last, which is no longer the next one.
    last: Option<ServerName>,
}

impl Reader {
    /// Creates a reader that stands before the first line of `server`, or of all servers. A missing directory or log
    /// has no lines.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read.
    pub fn open(dir: &Path, server: Option<&ServerName>) -> io::Result<Self> {
        let mut reader = Self { dir: dir.to_owned(), wanted: server.cloned(), cursors: BTreeMap::new(), last: None };
        reader.look_again()?;
        Ok(reader)
    }

    /// As [`Reader::open`], for the lines since a time: leaves out the files that were last written before it, though not all
    /// earlier lines.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_since(dir: &Path, since: SystemTime) -> io::Result<Self> {
        let mut reader = Self { dir: dir.to_owned(), wanted: None, cursors: BTreeMap::new(), last: None };
        for server in list_servers(dir)? {
            let mut cursor = LogCursor::new(dir, &server);
            let is_over = |number: &u64| {
                let written = cursor.paths.rotated_file(*number).metadata().and_then(|file| file.modified());
                written.is_ok_and(|written| written < since)
            };
            cursor.done = cursor.paths.rotated_numbers()?.into_iter().take_while(is_over).last().unwrap_or_default();
            reader.cursors.insert(server, cursor);
        }
        reader.look_again()?;
        Ok(reader)
    }

    /// Returns the servers whose logs are read.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = &ServerName> {
        self.cursors.keys()
    }

    /// Returns the times and lengths by which a change is seen: of the directory, and of the files that are written.
    pub(crate) fn marks(&self) -> Vec<FileMark> {
        let written = self.cursors.values().map(|cursor| cursor.paths.current_file());
        std::iter::once(self.dir.clone()).chain(written).map(|file| file::mark(&file)).collect()
    }

    /// Looks for new logs, and for lines that were added since [`Reader::read_next`] returned `None`.
    ///
    /// # Errors
    /// Returns an error if the directory or a file cannot be read.
    pub fn look_again(&mut self) -> io::Result<()> {
        for server in list_servers(&self.dir)? {
            if self.wanted.as_ref().is_none_or(|wanted| *wanted == server) {
                let new = || LogCursor::new(&self.dir, &server);
                self.cursors.entry(server.clone()).or_insert_with(new);
            }
        }
        for cursor in self.cursors.values_mut() {
            cursor.read_ahead()?;
        }
        Ok(())
    }

    /// Returns the next line; `None` if there are no more for now. Of several logs, the one with the earlier line comes
    /// first.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub fn read_next(&mut self) -> io::Result<Option<FoundLine<'_>>> {
        if let Some(cursor) = self.last.take().and_then(|server| self.cursors.get_mut(&server)) {
            cursor.head.is_full = false;
            cursor.read_ahead()?;
        }
        let heads = self.cursors.iter_mut().filter(|(_, cursor)| cursor.head.is_full);
        let next = heads.min_by(|(_, one), (_, other)| time_text(&one.head.bytes).cmp(time_text(&other.head.bytes)));
        let Some((server, LogCursor { head, .. })) = next else { return Ok(None) };
        self.last = Some(server.clone());
        let NextLine { bytes, file, number, damage, .. } = head;
        if damage.is_some() {
            *bytes = String::from_utf8_lossy(bytes).into_owned().into_bytes();
        }
        let text = str::from_utf8(bytes).unwrap_or_default();
        let line = damage.take().map_or_else(|| record::read_line(text), Err);
        Ok(Some(FoundLine { file, number: *number, text, line }))
    }
}

/// Returns the line's time as text: all times have one format, so their texts compare. A line without a time sorts
/// first.
fn time_text(line: &[u8]) -> &[u8] {
    const MARK: &[u8] = b"\"time\":\"";
    let head = line.get(..160).unwrap_or(line);
    let from = memmem::find(head, MARK).and_then(|at| head.get(at + MARK.len()..)).unwrap_or_default();
    from.split(|byte| *byte == b'"').next().unwrap_or_default()
}

#[derive(Debug, Default)]
struct NextLine {
    bytes: Vec<u8>,
    file: PathBuf,
    number: u64,
    is_full: bool,
    /// Why it is not a line of the log.
    damage: Option<LineError>,
}

#[derive(Debug)]
struct LogCursor {
    paths: LogPaths,
    /// The number of the last numbered file that was read to its end.
    done: u64,
    open: Option<OpenLog>,
    head: NextLine,
}

#[derive(Debug)]
struct OpenLog {
    reader: BufReader<File>,
    path: PathBuf,
    /// `None` for the file that is still written.
    number: Option<u64>,
    lines: u64,
    /// The start of a line whose newline is not there yet, cut at the bound.
    partial: Vec<u8>,
    completer: LineCompleter,
}

impl LogCursor {
    fn new(dir: &Path, server: &ServerName) -> Self {
        Self { paths: LogPaths::new(dir, server), done: 0, open: None, head: NextLine::default() }
    }

    /// Reads the next line if there is one and none is waiting.
    fn read_ahead(&mut self) -> io::Result<()> {
        while !self.head.is_full {
            let Some(mut open) = self.open.take() else {
                self.open = self.open_next()?;
                if self.open.is_none() {
                    return Ok(());
                }
                continue;
            };
            if !open.read_line(&mut self.head)? {
                // The end, for now. A file that was rotated since it was opened has the next number and is no longer
                // written; what was written before the rotation is read first.
                open.number = match open.number {
                    None => self.next_number()?,
                    number => number,
                };
                if let Some(number) = open.number
                    && !open.read_line(&mut self.head)?
                {
                    // A last line without a newline never gets one.
                    if !open.partial.is_empty() {
                        open.hand_out(&mut self.head);
                    }
                    self.done = number;
                    continue;
                }
                if !self.head.is_full {
                    self.open = Some(open);
                    return Ok(());
                }
            }
            self.open = Some(open);
        }
        Ok(())
    }

    fn next_number(&self) -> io::Result<Option<u64>> {
        Ok(self.paths.rotated_numbers()?.into_iter().find(|number| *number > self.done))
    }

    fn open_next(&mut self) -> io::Result<Option<OpenLog>> {
        loop {
            let number = self.next_number()?;
            let path = number.map_or_else(|| self.paths.current_file(), |number| self.paths.rotated_file(number));
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            match (file::if_there(file::open_to_read(&path)).map_err(named)?, number) {
                // The file was rotated between the look and the opening: the open file comes later.
                (Some(_), None) if self.next_number()?.is_some() => {}
                (Some(file), _) => {
                    let reader = BufReader::with_capacity(READ_CHUNK, file);
                    return Ok(Some(OpenLog {
                        reader,
                        path,
                        number,
                        lines: 0,
                        partial: Vec::new(),
                        completer: LineCompleter::default(),
                    }));
                }
                // The file was pruned between the look and the opening.
                (None, Some(number)) => self.done = number,
                (None, None) => return Ok(None),
            }
        }
    }
}

impl OpenLog {
    /// Reads a line into `head` if a complete one is there.
    fn read_line(&mut self, head: &mut NextLine) -> io::Result<bool> {
        loop {
            // The rest of a longer line is read and dropped.
            let room = (MAX_LOG_LINE + 1).saturating_sub(self.partial.len()).max(1);
            let before = self.partial.len();
            let read = self.reader.by_ref().take(room as u64).read_until(b'\n', &mut self.partial)?;
            if read == 0 {
                return Ok(false);
            }
            if self.partial.last() == Some(&b'\n') {
                self.partial.pop();
                self.hand_out(head);
                return Ok(true);
            }
            if before >= MAX_LOG_LINE {
                self.partial.truncate(MAX_LOG_LINE);
            }
        }
    }

    fn hand_out(&mut self, head: &mut NextLine) {
        self.lines += 1;
        head.bytes.clear();
        let completed = match str::from_utf8(&self.partial) {
            Err(error) => Err(LineError::Malformed(error.to_string())),
            Ok(line) if line.len() >= MAX_LOG_LINE => {
                Err(LineError::Malformed(format!("it is longer than {MAX_LOG_LINE} bytes")))
            }
            Ok(line) => self.completer.complete(line).map(|line| head.bytes.extend_from_slice(line.as_bytes())),
        };
        head.damage = completed.err();
        if head.damage.is_some() {
            head.bytes.extend_from_slice(&self.partial);
        }
        self.partial.clear();
        head.file.clone_from(&self.path);
        head.number = self.lines;
        head.is_full = true;
    }
}
