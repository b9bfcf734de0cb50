//! A pump moves lines from one side to the other, through the engine: read, judge, write, on a thread of its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::link::{Link, lock};
use super::{pipe, stray};
use crate::audit::record::Entry;
use crate::engine::{Action, Engine, Note, Now};
use crate::limits::BATCH_LINES;
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
    source: File,
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
}

/// Whether the framer's buffer may hold more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    More,
    Done,
}

impl Pump {
    /// A pump that reads from `source`.
    pub(super) fn new(from: From, source: File, link: Arc<Link>) -> Self {
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
            let count = pipe::read(&self.source, self.framer.room()).unwrap_or(0);
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
        let From::Client = self.from else { return true };
        self.link.reading.pause();
        // Where it is not known what comes, the end of the session waits for nothing.
        pipe::until_readable(&self.source).is_err() || self.link.reading.begin()
    }

    fn write_batches(&mut self, mut lines: Lines) -> Result<(), Stopped> {
        loop {
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
            let Some(frame) = self.framer.next_frame() else { return Lines::Done };
            self.judge_frame(&mut engine, now, frame);
        }
        Lines::More
    }

    /// Judges a last line that has no newline.
    fn judge_last(&mut self) -> Lines {
        if let Some(frame) = self.framer.finish() {
            let link = Arc::clone(&self.link);
            self.judge_frame(&mut lock(&link.engine), link.now(), frame);
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
        for action in self.actions.drain(..) {
            match (action, &frame) {
                (Action::Forward, Frame::Line(line)) => self.batch.forward(line.clone()),
                (Action::Stray, Frame::Line(line)) => self.batch.strays.push(line.clone()),
                // A line that was skipped is not there to be forwarded or shown.
                (Action::Forward | Action::Stray, Frame::Oversize(_)) => {}
                (Action::Replace(line), _) => self.batch.writes.push(Write::Replace(line)),
                (Action::Reply(line), _) => self.batch.writes.push(Write::Reply(line)),
                (Action::Record(entry), _) => self.batch.entries.push(entry),
                (Action::Commit(_), _) => {}
                (Action::Note(note), _) => self.batch.notes.push(note),
            }
        }
    }

    fn write(&mut self) -> Result<(), Stopped> {
        for write in self.batch.writes.drain(..) {
            match (&self.from, &write) {
                (From::Client, Write::Forward(lines)) => to_server(&self.link, self.framer.bytes(lines)),
                (From::Client, Write::Replace(line)) => to_server(&self.link, line),
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
        self.batch.entries.clear();
        Ok(())
    }
}

impl Batch {
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

/// Our stdin and stdout as files: raw, unbuffered, the same on every platform.
pub(super) fn stdio() -> io::Result<(File, File)> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok((File::from(stdin), File::from(stdout)))
    }
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle;
        let stdin = io::stdin().as_handle().try_clone_to_owned()?;
        let stdout = io::stdout().as_handle().try_clone_to_owned()?;
        Ok((File::from(stdin), File::from(stdout)))
    }
}
