//! A pump moves lines from one side to the other, through the engine: read, judge, write, on a thread of its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::client_input::ClientInput;
use super::desk::Matter;
use super::link::{Link, lock};
use super::{pipe, stray};
use crate::engine::{Action, Commit, Engine, Note, Now};
use crate::limits::BATCH_LINES;
use crate::record::Entry;
use crate::wire::frame::{Frame, Framer};

/// Where a pump's lines come from.
#[derive(Debug)]
pub(super) enum From {
    /// From the client, for the server.
    Client,
    /// From the server, for the client. What goes back to the server is left to another thread: a server that does not
    /// read its stdin must not keep us from reading its stdout.
    Server(SyncSender<Vec<u8>>),
}

/// What a pump reads.
#[derive(Debug)]
pub(super) enum Source {
    /// Our stdin.
    Client(ClientInput),
    /// The server's stdout.
    Server(File),
}

impl Source {
    fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(input) => input.read(room),
            Self::Server(pipe) => pipe::read(pipe, room),
        }
    }
}

/// Why a pump ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// The side that it read from has closed.
    SourceClosed,
    /// The client reads no more.
    ClientGone,
}

/// Moves lines in one direction.
#[derive(Debug)]
pub(super) struct Pump {
    from: From,
    source: Source,
    framer: Framer,
    link: Arc<Link>,
    actions: Vec<Action>,
    batch: Batch,
}

/// What came of the lines of a batch. Kept from batch to batch, so that what is only forwarded allocates nothing.
#[derive(Debug, Default)]
struct Batch {
    writes: Vec<Write>,
    strays: Vec<Range<usize>>,
    notes: Vec<Note>,
    entries: Vec<Entry>,
    matters: Vec<Matter>,
    /// The last line's, where it has one, and where that line begins.
    commit: Option<(Box<Commit>, usize)>,
}

/// One thing to write; order matters.
#[derive(Debug)]
enum Write {
    /// Lines as they came, straight out of the framer's buffer.
    Forward(Range<usize>),
    /// A line of ours, to the other side.
    Replace(Vec<u8>),
    /// A line of ours, back to the side that the line came from.
    Reply(Vec<u8>),
    /// A line that was held, to the server.
    Release(Vec<u8>),
}

/// Whether the framer's buffer may hold more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    More,
    Done,
}

impl Pump {
    /// A pump that reads from `source`.
    pub(super) fn new(from: From, source: Source, link: Arc<Link>) -> Self {
        let framer = Framer::new(link.max_message);
        Self { from, source, framer, link, actions: Vec::new(), batch: Batch::default() }
    }

    /// Moves lines until one side closes.
    pub(super) fn run(mut self) -> Stopped {
        loop {
            if !self.may_read() {
                return Stopped::SourceClosed;
            }
            // A source that fails has nothing more to give, just as one that ended.
            let count = self.source.read(self.framer.room()).unwrap_or(0);
            self.framer.filled(count);
            let lines = if count == 0 { self.judge_last() } else { self.judge() };
            if let Err(stopped) = self.write_batches(lines) {
                return stopped;
            }
            if count == 0 {
                return Stopped::SourceClosed;
            }
        }
    }

    /// Waits for something to read, and says whether the session still takes it. What the server has to say always is.
    fn may_read(&self) -> bool {
        let Source::Client(input) = &self.source else { return true };
        self.link.reading.pause();
        // Where it is not known what comes, the end of the session waits for nothing.
        input.wait_readable().is_err() || self.link.reading.begin()
    }

    fn write_batches(&mut self, mut lines: Lines) -> Result<(), Stopped> {
        loop {
            self.commit();
            self.write()?;
            if lines == Lines::Done {
                return Ok(());
            }
            lines = self.judge();
        }
    }

    /// Judges the next lines under one lock.
    fn judge(&mut self) -> Lines {
        let Some(frame) = self.framer.next_frame() else { return Lines::Done };
        let link = Arc::clone(&self.link);
        let now = link.now();
        let mut engine = lock(&link.engine);
        self.judge_frame(&mut engine, now, frame);
        for _ in 1..BATCH_LINES {
            // What is to be in the log first is written there without holding the engine.
            if self.batch.commit.is_some() {
                return Lines::More;
            }
            let Some(frame) = self.framer.next_frame() else { return Lines::Done };
            self.judge_frame(&mut engine, now, frame);
        }
        Lines::More
    }

    /// Writes to the log what has to be there before its line goes on, or takes the line back.
    fn commit(&mut self) {
        let Some((commit, line)) = self.batch.commit.take() else { return };
        let Err(why) = self.link.commit(&commit.entry) else { return };
        self.batch.take_back(line);
        lock(&self.link.engine).unlogged(&commit, &why, self.link.now(), &mut self.actions);
        for action in self.actions.drain(..) {
            self.batch.add(action, None);
        }
    }

    /// Judges a last line that has no newline.
    fn judge_last(&mut self) -> Lines {
        if let Some(frame) = self.framer.finish() {
            let link = Arc::clone(&self.link);
            self.judge_frame(&mut lock(&link.engine), link.now(), frame);
            self.commit();
            // The server gets the client's last line as it is; what the client gets are whole lines.
            if let (From::Server(_), Some(Write::Forward(_))) = (&self.from, self.batch.writes.last()) {
                self.batch.writes.push(Write::Replace(b"\n".to_vec()));
            }
        }
        Lines::Done
    }

    fn judge_frame(&mut self, engine: &mut Engine, now: Now, frame: Frame) {
        let max = self.link.max_message;
        match (&self.from, &frame) {
            (From::Client, Frame::Line(line)) => engine.client_line(self.framer.bytes(line), now, &mut self.actions),
            (From::Client, Frame::Oversize(skim)) => engine.client_oversize(skim, max, now, &mut self.actions),
            (From::Server(_), Frame::Line(line)) => engine.server_line(self.framer.bytes(line), now, &mut self.actions),
            (From::Server(_), Frame::Oversize(skim)) => engine.server_oversize(skim, max, now, &mut self.actions),
        }
        // A line that was skipped is not there to be forwarded or shown.
        let line = if let Frame::Line(line) = frame { Some(line) } else { None };
        for action in self.actions.drain(..) {
            self.batch.add(action, line.as_ref());
        }
    }

    fn write(&mut self) -> Result<(), Stopped> {
        for write in self.batch.writes.drain(..) {
            match (&self.from, &write) {
                (From::Client, Write::Forward(lines)) => to_server(&self.link, self.framer.bytes(lines)),
                (From::Client, Write::Replace(line)) => to_server(&self.link, line),
                // The server's thread does not wait for a server that does not read.
                (From::Server(_), Write::Release(line)) => self.link.release(line.clone()),
                (From::Client, Write::Release(line)) => to_server(&self.link, line),
                (From::Client, Write::Reply(line)) | (From::Server(_), Write::Replace(line)) => {
                    to_client(&self.link, line)?;
                }
                (From::Server(_), Write::Forward(lines)) => to_client(&self.link, self.framer.bytes(lines))?,
                (From::Server(replies), Write::Reply(line)) => {
                    if replies.try_send(line.clone()).is_err() {
                        tracing::warn!("dropped an answer to the server: it does not read its stdin");
                    }
                }
            }
        }
        for stray in self.batch.strays.drain(..) {
            self.link.stderr.say(&stray::shown(self.framer.bytes(&stray)));
        }
        for note in self.batch.notes.drain(..) {
            tracing::info!("{}", stray::text(note.to_string().as_bytes()));
        }
        self.link.record(&mut self.batch.entries);
        self.link.desk.take(&mut self.batch.matters);
        Ok(())
    }
}

impl Batch {
    /// Takes in one action about a line.
    fn add(&mut self, action: Action, line: Option<&Range<usize>>) {
        match (action, line) {
            (Action::Forward, Some(line)) => self.forward(line.clone()),
            (Action::Stray, Some(line)) => self.strays.push(line.clone()),
            (Action::Commit(commit), Some(line)) => self.commit = Some((commit, line.start)),
            (Action::Forward | Action::Stray | Action::Commit(_), None) => {}
            (Action::Replace(line), _) => self.writes.push(Write::Replace(line)),
            (Action::Reply(line), _) => self.writes.push(Write::Reply(line)),
            (Action::Release(line), _) => self.writes.push(Write::Release(line)),
            (Action::Ask(question), _) => self.matters.push(Matter::Ask(question)),
            (Action::Settle(number, how), _) => self.matters.push(Matter::Settle(number, how)),
            (Action::Record(entry), _) => self.entries.push(entry),
            (Action::Note(note), _) => self.notes.push(note),
        }
    }

    /// The last line is not to be forwarded after all; it begins at `start`.
    fn take_back(&mut self, start: usize) {
        match self.writes.last_mut() {
            Some(Write::Forward(lines)) if lines.start < start => lines.end = start,
            Some(Write::Forward(_) | Write::Release(_)) => _ = self.writes.pop(),
            _ => {}
        }
    }

    /// Lines that follow one another in the buffer become one write.
    fn forward(&mut self, line: Range<usize>) {
        match self.writes.last_mut() {
            Some(Write::Forward(lines)) if lines.end == line.start => lines.end = line.end,
            _ => self.writes.push(Write::Forward(line)),
        }
    }
}

fn to_client(link: &Link, lines: &[u8]) -> Result<(), Stopped> {
    link.client.write(&[lines]).map_err(|_| Stopped::ClientGone)
}

fn to_server(link: &Link, lines: &[u8]) {
    // The server has closed its stdin, or we have. Its requests stay open and are answered when it ends; the client is
    // still read, since it may be about to leave, and each of its requests is owed an answer.
    let _ = link.server.write(lines);
}
