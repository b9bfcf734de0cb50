//! What the threads of a session share: the engine, the way to the server and the way to the client.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::approval_worker::ApprovalInbox;
use super::client_input::ClientInput;
use super::client_read_state::ClientReading;
use super::outbox::{Outbox, ServerRoute};
use super::pipe;
use super::raw_output::RawOutput;
use super::server_queue::{QueuedLine, ServerQueue};
use super::stderr::Stderr;
use crate::audit::AuditLog;
use crate::engine::{Commit, Engine, Now};
use crate::provenance::Provenance;
use crate::record::LogEntry;
use crate::wire::frame::Framer;

#[derive(Debug)]
pub(super) struct SharedSession {
    /// Never locked while something is written.
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) client: ClientWriter,
    pub(super) server: ServerWriter,
    /// Lines for the server that a thread leaves to others to write.
    pub(super) queue: ServerQueue,
    /// Whether a thread writes the queue.
    pub(super) writes_queue: AtomicBool,
    pub(super) reading: ClientReading,
    /// In bytes, for either direction.
    pub(super) max_message: usize,
    /// How long the server has to end by itself after its stdin is closed.
    pub(super) grace: Duration,
    pub(super) stderr: Stderr,
    pub(super) approvals: ApprovalInbox,
    /// `None` if no log is kept.
    pub(super) log: Option<AuditLog>,
    /// The engine's.
    pub(super) provenance: Arc<dyn Provenance>,
    pub(super) clock: SessionClock,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct SessionClock(Instant);

impl SessionClock {
    pub(super) fn start_now() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Now {
        // A time before 1970 counts as 1970.
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { session: self.0.elapsed(), unix }
    }
}

impl SharedSession {
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(super) fn lock_engine(&self) -> MutexGuard<'_, Engine> {
        lock_unpoisoned(&self.engine)
    }

    /// Returns how long ago the client closed our stdin, on systems that can tell only by reading ahead.
    pub(super) fn client_gone_for(&self) -> Option<Duration> {
        self.server.client.hung_up_for()
    }

    /// Writes whole lines to the server, after those in the queue, which were decided earlier. Waits for a server that
    /// is slow to read.
    pub(super) fn write_to_server(self: &Arc<Self>, lines: &[u8]) {
        let mut uncommitted = Vec::new();
        let mut stdin = lock_unpoisoned(&self.server.stdin);
        while let Some(queued) = self.queue.pop_line() {
            match queued {
                QueuedLine::Line(line) => self.server.write_lines(&mut stdin, &line),
                QueuedLine::Commit(commit) => match self.commit_to_log(&commit) {
                    Ok(()) => self.server.write_lines(&mut stdin, commit.payload.bytes(b"")),
                    Err(why) => uncommitted.push((commit, why)),
                },
            }
        }
        self.server.write_lines(&mut stdin, lines);
        drop(stdin);
        for (commit, why) in uncommitted {
            self.refuse_uncommitted(&commit, &why);
        }
    }

    /// Writes the server queue until the process ends.
    pub(super) fn write_queue(self: &Arc<Self>) {
        loop {
            self.queue.wait_for_line();
            self.write_to_server(b"");
        }
    }

    /// Unlocks the engine, and has the log's thread run if there is something for it to know.
    pub(super) fn begin_log(&self, engine: MutexGuard<'_, Engine>) {
        let has_decided = engine.has_decided();
        drop(engine);
        if let (Some(log), true) = (&self.log, has_decided) {
            log.begin();
        }
    }

    /// Has the thread run that writes the server queue. Without one, the next line of the client takes the queue with it.
    pub(super) fn begin_queue(self: &Arc<Self>) {
        if self.writes_queue.swap(true, Ordering::Relaxed) {
            return;
        }
        let session = Arc::clone(self);
        let started = thread::Builder::new().name("queue".to_owned()).spawn(move || session.write_queue());
        if let Err(error) = started {
            self.writes_queue.store(false, Ordering::Relaxed);
            tracing::error!(
                "the system cannot start a thread, so lines for the server wait for the client's next one: {error}"
            );
        }
    }

    /// Hands entries to the log, and returns earlier ones that are written by now.
    pub(super) fn record_entries(&self, entries: &mut Vec<LogEntry>) -> Vec<LogEntry> {
        if let Some(log) = &self.log {
            return log.push(entries);
        }
        entries.clear();
        Vec::new()
    }

    pub(super) fn commit_to_log(&self, commit: &Commit) -> Result<(), String> {
        let log = self.log.as_ref().ok_or("there is none")?;
        log.current_failure().map_or_else(|| log.commit_call(&commit.entry), Err)?;
        commit.called().into_iter().for_each(|call| self.provenance.remember_call(call));
        Ok(())
    }

    pub(super) fn refuse_uncommitted(self: &Arc<Self>, commit: &Commit, why: &str) {
        let mut outbox = Outbox::new(Arc::clone(self), ServerRoute::Queue);
        outbox.decide_without_line(|engine, now, actions| engine.handle_commit_failed(commit, why, now, actions));
        // A client that is gone ends the session elsewhere.
        let _ = outbox.deliver_all(&Framer::new(0));
    }
}

/// Locks a mutex, ignoring poison: no panic leaves its content half done, and a panic ends the session.
pub(super) fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Our stdout: whole lines, one writer at a time.
#[derive(Debug)]
pub(super) struct ClientWriter {
    stdout: Mutex<RawOutput>,
    /// Whether a thread is writing, or waiting for the client to read.
    writing: AtomicBool,
    written: AtomicU64,
}

impl ClientWriter {
    pub(super) fn new(stdout: RawOutput) -> Self {
        Self { stdout: Mutex::new(stdout), writing: AtomicBool::new(false), written: AtomicU64::new(0) }
    }

    pub(super) fn write_lines(&self, lines: &[&[u8]]) -> io::Result<()> {
        let stdout = lock_unpoisoned(&self.stdout);
        self.writing.store(true, Ordering::Relaxed);
        let result = lines.iter().try_for_each(|line| stdout.write_all(line));
        self.written.fetch_add(1, Ordering::Relaxed);
        self.writing.store(false, Ordering::Relaxed);
        result
    }

    /// Blocks all further writes, so that the end of the process does not cut a line.
    pub(super) fn block_writes(&self) {
        std::mem::forget(lock_unpoisoned(&self.stdout));
    }

    /// Returns the number of finished writes if the client keeps a thread waiting.
    pub(super) fn blocked_write_count(&self) -> Option<u64> {
        self.writing.load(Ordering::Relaxed).then(|| self.written.load(Ordering::Relaxed))
    }
}

/// The server's stdin, until it is closed.
#[derive(Debug)]
pub(super) struct ServerWriter {
    stdin: Mutex<Option<File>>,
    closing: AtomicBool,
    /// Whether a write failed because the server has closed its end.
    refused: AtomicBool,
    /// Our own stdin, which tells whether the client has left while the server does not read.
    client: ClientInput,
    /// How long a write goes on waiting for the server once the client has left.
    grace: Duration,
}

impl ServerWriter {
    /// Creates a writer to `stdin`. A write waits for the server while `client`, our own stdin, is open, and at least
    /// for `grace`.
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

    /// Writes whole lines to the locked `stdin`. Waits for a server that is slow to read, unless the session has to
    /// end.
    fn write_lines(&self, stdin: &mut Option<File>, lines: &[u8]) {
        let Some(pipe) = stdin.as_ref() else { return };
        let result = pipe::write_while(pipe, lines, |blocked| {
            !self.closing.load(Ordering::Relaxed) && (blocked < self.grace || !self.client.is_hung_up())
        });
        // If either side has closed it, the calls stay open and are answered when the server ends. The client is still
        // read: each of its requests needs an answer.
        if let Err(error) = result {
            *stdin = None;
            self.refused.store(error.kind() != ErrorKind::TimedOut, Ordering::Relaxed);
        }
    }

    /// Returns whether the server has closed its end. Never waits.
    pub(super) fn is_closed_by_server(&self) -> bool {
        // A running write notices by itself.
        let is_hung_up = || self.stdin.try_lock().is_ok_and(|stdin| stdin.as_ref().is_some_and(pipe::is_hung_up));
        self.refused.load(Ordering::Relaxed) || is_hung_up()
    }

    /// Waits a moment if a write is blocked, so this is not for the main thread.
    pub(super) fn close_stdin(&self) {
        self.closing.store(true, Ordering::Relaxed);
        *lock_unpoisoned(&self.stdin) = None;
    }
}
