//! What the two pumps share: the engine, and the two places that lines are written to.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::client_input::ClientInput;
use super::client_output::ClientOutput;
use super::desk::Desk;
use super::pipe;
use super::reading::Reading;
use super::stderr::Stderr;
use crate::audit::Log;
use crate::engine::{Engine, Now};
use crate::record::Entry;

/// What the two pumps share.
#[derive(Debug)]
pub(super) struct Link {
    /// Never locked while something is written.
    pub(super) engine: Arc<Mutex<Engine>>,
    /// Our stdout.
    pub(super) client: ToClient,
    /// The server's stdin.
    pub(super) server: ToServer,
    /// Whether our stdin is still read.
    pub(super) reading: Reading,
    /// The longest line in either direction, in bytes.
    pub(super) max_message: usize,
    /// How long the server has to end by itself once its stdin is closed.
    pub(super) grace: Duration,
    /// Where everything is said that is not protocol.
    pub(super) stderr: Stderr,
    /// Where questions for a person are left.
    pub(super) desk: Desk,
    /// The audit log, where one can be kept.
    pub(super) log: Option<Log>,
    /// When the session began.
    pub(super) began: Began,
}

/// When the session began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Began(Instant);

impl Began {
    /// Now.
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// The time on both clocks.
    pub(super) fn time(self) -> Now {
        // A clock that stands before 1970 counts as one that stands at it.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { session: self.0.elapsed(), unix }
    }
}

impl Link {
    /// The time on both clocks.
    pub(super) fn now(&self) -> Now {
        self.began.time()
    }

    /// How long ago the client closed our stdin, where only looking tells.
    pub(super) fn client_left_for(&self) -> Option<Duration> {
        self.server.client.hung_up_for()
    }

    /// Writes a line that was held to the server, without waiting for it to read.
    pub(super) fn release(self: &Arc<Self>, line: Vec<u8>) {
        let link = Arc::clone(self);
        let write = move || _ = link.server.write(&line);
        // Without a thread the call has no answer until the server ends, and then it has one.
        let _ = std::thread::Builder::new().name("release".to_owned()).spawn(write);
    }

    /// Hands over what was decided to the log.
    pub(super) fn record(&self, entries: &mut Vec<Entry>) {
        match &self.log {
            Some(log) if !entries.is_empty() => log.push(entries),
            _ => entries.clear(),
        }
    }

    /// Writes to the log what has to be there before a call goes on.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn commit(&self, entry: &Entry) -> Result<(), String> {
        let log = self.log.as_ref().ok_or("there is none")?;
        log.trouble().map_or_else(|| log.commit(entry), Err)
    }
}

/// Locks what no panic leaves half done: a panic ends the session.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our stdout: whole lines, one writer at a time.
#[derive(Debug)]
pub(super) struct ToClient {
    stdout: Mutex<ClientOutput>,
    /// Whether somebody is at this moment writing, or waiting for the client to read.
    writing: AtomicBool,
    /// Counts the writes that were finished.
    written: AtomicU64,
}

impl ToClient {
    /// Writes to this output.
    pub(super) fn new(stdout: ClientOutput) -> Self {
        Self { stdout: Mutex::new(stdout), writing: AtomicBool::new(false), written: AtomicU64::new(0) }
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) fn write(&self, lines: &[&[u8]]) -> io::Result<()> {
        let stdout = lock(&self.stdout);
        self.writing.store(true, Ordering::Relaxed);
        let result = lines.iter().try_for_each(|line| stdout.write_all(line));
        self.written.fetch_add(1, Ordering::Relaxed);
        self.writing.store(false, Ordering::Relaxed);
        result
    }

    /// Lets nothing more be written, so that no line is cut by the end of the process.
    pub(super) fn close(&self) {
        std::mem::forget(lock(&self.stdout));
    }

    /// Counts finished writes where the client keeps somebody waiting, `None` where it does not.
    pub(super) fn waiting(&self) -> Option<u64> {
        self.writing.load(Ordering::Relaxed).then(|| self.written.load(Ordering::Relaxed))
    }
}

/// The server's stdin, until it is closed.
#[derive(Debug)]
pub(super) struct ToServer {
    stdin: Mutex<Option<File>>,
    closing: AtomicBool,
    /// Whether a write found that the server has closed its end.
    refused: AtomicBool,
    /// Our own stdin, to see that the client has left while the server takes nothing.
    client: ClientInput,
    /// How long a write goes on waiting for the server once the client has left.
    grace: Duration,
}

impl ToServer {
    /// Writes to `stdin` for as long as `client`, our own stdin, is open or the server reads, and at
    /// least for `grace`.
    ///
    /// # Errors
    /// When the pipe cannot be made non-blocking.
    pub(super) fn new(stdin: File, client: ClientInput, grace: Duration) -> io::Result<Self> {
        // Non-blocking, so that a server that reads nothing cannot hold us back from ending it.
        pipe::set_nonblocking(&stdin)?;
        Ok(Self {
            stdin: Mutex::new(Some(stdin)),
            closing: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            client,
            grace,
        })
    }

    /// Writes whole lines; waits for a server that is slow to read.
    ///
    /// # Errors
    /// When the server's stdin is closed by either side, and [`ErrorKind::TimedOut`] when the session is to end and the
    /// server takes nothing.
    pub(super) fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut stdin = lock(&self.stdin);
        let Some(pipe) = stdin.as_ref() else { return Err(ErrorKind::BrokenPipe.into()) };
        let result = pipe::write_while(pipe, lines, |blocked| {
            !self.closing.load(Ordering::Relaxed) && (blocked < self.grace || !self.client.is_hung_up())
        });
        if let Err(error) = &result {
            *stdin = None;
            self.refused.store(error.kind() != ErrorKind::TimedOut, Ordering::Relaxed);
        }
        result
    }

    /// Whether the server has closed its end. Never waits.
    pub(super) fn is_refused(&self) -> bool {
        // A write that is under way finds out by itself.
        let is_hung_up = || self.stdin.try_lock().is_ok_and(|stdin| stdin.as_ref().is_some_and(pipe::is_hung_up));
        self.refused.load(Ordering::Relaxed) || is_hung_up()
    }

    /// Closes the server's stdin. Waits a moment where a write is blocked, so not for the main thread.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        *lock(&self.stdin) = None;
    }
}
