//! Reads the files of the audit log, oldest line first, while others write, rotate and prune them.
//!
//! ```text
//! iterable.jsonl.000001 ─▶ iterable.jsonl.000002 ─▶ iterable.jsonl      each numbered file keeps its name for ever
//! ```
//! A reader holds a file open: when it is rotated, what was read of it stays read, and the next one follows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::limits::MAX_LOG_LINE;
use crate::policy::ServerName;
use crate::record::{self, Line, Unreadable};
use crate::state::file;

/// The folder of the audit log in the state folder.
pub const FOLDER: &str = "audit";

/// A line of the log where it stands.
#[derive(Debug)]
pub struct Found<'r> {
    /// The file.
    pub file: &'r Path,
    /// The number of the line in the file, from 1.
    pub number: u64,
    /// As it was written, without its newline. What is not UTF-8 in it is replaced.
    pub text: &'r str,
    /// What it says.
    pub line: Result<Line<'r>, Unreadable>,
}

/// Reads the logs of one server, or those of all of them together, by time.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    wanted: Option<ServerName>,
    cursors: BTreeMap<ServerName, Cursor>,
    /// The line that was handed out last.
    current: Head,
    /// The cursor that it came from: it is to be filled again.
    last: Option<ServerName>,
}

impl Reader {
    /// A reader that stands before the first line of `server`, or of all servers. A folder or log that is not there has
    /// no lines.
    ///
    /// # Errors
    /// Where the folder cannot be looked into.
    pub fn open(folder: &Path, server: Option<&ServerName>) -> io::Result<Self> {
        let mut reader = Self {
            folder: folder.to_owned(),
            wanted: server.cloned(),
            cursors: BTreeMap::new(),
            current: Head::default(),
            last: None,
        };
        reader.look_again()?;
        Ok(reader)
    }

    /// The servers whose logs are read.
    pub fn servers(&self) -> impl ExactSizeIterator<Item = &ServerName> {
        self.cursors.keys()
    }

    /// Looks for logs that are new, and for lines that were added since [`Reader::next`] said that there are no more.
    ///
    /// # Errors
    /// Where the folder cannot be looked into, or a file cannot be read.
    pub fn look_again(&mut self) -> io::Result<()> {
        for server in servers(&self.folder)? {
            if self.wanted.as_ref().is_none_or(|wanted| *wanted == server) && !self.cursors.contains_key(&server) {
                let cursor = Cursor::new(&self.folder, &server);
                self.cursors.insert(server, cursor);
            }
        }
        for cursor in self.cursors.values_mut() {
            cursor.fill()?;
        }
        Ok(())
    }

    /// The next line; `None` where there are no more for now. Of several logs, that with the earlier line comes first.
    ///
    /// # Errors
    /// Where a file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "a line is lent, and an iterator cannot lend")]
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        if let Some(cursor) = self.last.take().and_then(|server| self.cursors.get_mut(&server)) {
            cursor.fill()?;
        }
        let heads = self.cursors.iter().filter_map(|(server, cursor)| Some((stamp(cursor.head()?), server)));
        let Some(server) = heads.min().map(|(_, server)| server.clone()) else { return Ok(None) };
        let Some(cursor) = self.cursors.get_mut(&server) else { return Ok(None) };
        cursor.take(&mut self.current);
        self.last = Some(server);
        let Head { bytes, file, number, .. } = &mut self.current;
        if let Err(error) = str::from_utf8(bytes) {
            let why = Unreadable::Malformed(error.to_string());
            *bytes = String::from_utf8_lossy(bytes).into_owned().into_bytes();
            let text = str::from_utf8(bytes).unwrap_or_default();
            return Ok(Some(Found { file, number: *number, text, line: Err(why) }));
        }
        let text = str::from_utf8(bytes).unwrap_or_default();
        let line = if text.len() >= MAX_LOG_LINE {
            Err(Unreadable::Malformed(format!("it is longer than {MAX_LOG_LINE} bytes")))
        } else {
            record::read(text)
        };
        Ok(Some(Found { file, number: *number, text, line }))
    }
}

/// The time as the line has it: all are written alike, so they compare as texts. What has none comes at once.
fn stamp(line: &[u8]) -> &[u8] {
    const MARK: &[u8] = b"\"time\":\"";
    let head = line.get(..160).unwrap_or(line);
    let from = memmem::find(head, MARK).and_then(|at| head.get(at + MARK.len()..)).unwrap_or_default();
    from.split(|byte| *byte == b'"').next().unwrap_or_default()
}

/// The servers that have a log in a folder, by name; none where there is no folder.
///
/// # Errors
/// Where the folder cannot be looked into.
pub fn servers(folder: &Path) -> io::Result<Vec<ServerName>> {
    let mut servers: Vec<_> = names(folder)?.iter().filter_map(|name| Some(LogFile::of(name)?.server)).collect();
    servers.sort();
    servers.dedup();
    Ok(servers)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What a file of the log is called.
struct LogFile {
    server: ServerName,
    /// The number that it got when it was rotated; `None` of the one that is written.
    number: Option<u64>,
}

impl LogFile {
    fn of(name: &str) -> Option<Self> {
        let (rest, number) = match name.rsplit_once('.') {
            Some((rest, number)) if number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                (rest, Some(number.parse().ok()?))
            }
            _ => (name, None),
        };
        Some(Self { server: ServerName::parse(rest.strip_suffix(".jsonl")?).ok()?, number })
    }
}

/// A line that waits to be handed out.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    file: PathBuf,
    number: u64,
    is_full: bool,
}

/// A place in the log of one server.
#[derive(Debug)]
struct Cursor {
    folder: PathBuf,
    server: ServerName,
    /// The number of the last numbered file that was read to its end.
    done: u64,
    open: Option<Open>,
    head: Head,
}

#[derive(Debug)]
struct Open {
    reader: BufReader<File>,
    path: PathBuf,
    /// `None` of the file that is still written.
    number: Option<u64>,
    /// How many lines were read.
    lines: u64,
    /// What was read of a line whose newline is not there yet; of one that is too long, as much as the bound.
    partial: Vec<u8>,
}

impl Cursor {
    fn new(folder: &Path, server: &ServerName) -> Self {
        Self { folder: folder.to_owned(), server: server.clone(), done: 0, open: None, head: Head::default() }
    }

    fn head(&self) -> Option<&[u8]> {
        self.head.is_full.then_some(self.head.bytes.as_slice())
    }

    fn take(&mut self, into: &mut Head) {
        std::mem::swap(&mut self.head, into);
        self.head.is_full = false;
    }

    /// Reads the next line, where there is one and none is waiting.
    fn fill(&mut self) -> io::Result<()> {
        while !self.head.is_full {
            let Some(mut open) = self.open.take() else {
                self.open = self.open_next()?;
                if self.open.is_none() {
                    return Ok(());
                }
                continue;
            };
            if !open.read_line(&mut self.head)? {
                // The end, for now. A file that was rotated since it was opened has the next number, and is written no
                // more: what was written before that is read first.
                open.number = match open.number {
                    None => self.next_number()?,
                    number => number,
                };
                if let Some(number) = open.number
                    && !open.read_line(&mut self.head)?
                {
                    open.finish(&mut self.head);
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

    /// The lowest number of a file that was not read yet.
    fn next_number(&self) -> io::Result<Option<u64>> {
        let files = names(&self.folder)?.into_iter().filter_map(|name| LogFile::of(&name));
        let numbers = files.filter(|file| file.server == self.server).filter_map(|file| file.number);
        Ok(numbers.filter(|number| *number > self.done).min())
    }

    fn open_next(&mut self) -> io::Result<Option<Open>> {
        loop {
            let number = self.next_number()?;
            let name = match number {
                Some(number) => format!("{}.jsonl.{number:06}", self.server),
                None => format!("{}.jsonl", self.server),
            };
            let path = self.folder.join(name);
            match (file::open(File::options().read(true), &path), number) {
                (Ok(file), _) => {
                    // Rotated between the look and the opening: what is open now comes later.
                    if number.is_none() && self.next_number()?.is_some() {
                        continue;
                    }
                    let reader = BufReader::with_capacity(1 << 16, file);
                    return Ok(Some(Open { reader, path, number, lines: 0, partial: Vec::new() }));
                }
                // Pruned between the look and the opening.
                (Err(error), Some(number)) if error.kind() == io::ErrorKind::NotFound => self.done = number,
                (Err(error), None) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                (Err(error), _) => {
                    return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
                }
            }
        }
    }
}

impl Open {
    /// Reads a line into `head`, where a whole one is there.
    fn read_line(&mut self, head: &mut Head) -> io::Result<bool> {
        loop {
            // Of what is longer, the rest is read and forgotten.
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

    /// The last line of a file that is written no more, where it lacks its newline.
    fn finish(&mut self, head: &mut Head) {
        if !self.partial.is_empty() {
            self.hand_out(head);
        }
    }

    fn hand_out(&mut self, head: &mut Head) {
        self.lines += 1;
        head.bytes.clear();
        std::mem::swap(&mut head.bytes, &mut self.partial);
        head.file.clone_from(&self.path);
        head.number = self.lines;
        head.is_full = true;
    }
}
