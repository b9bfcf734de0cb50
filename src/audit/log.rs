//! A session's audit log: a queue that is filled off the forwarding path, and a thread that empties it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::LogOptions;
use super::append::Appender;
use super::journal::Journal;
use super::notice::{LogNotice, describe_unwritable, describe_unwritable_journal};
use super::paths::LogPaths;
use super::policies::{PolicyText, UnnamedTexts};
use super::writer::Writer;
use crate::limits::{LOG_WAIT, MAX_LOG_QUEUE, MAX_SPENT_RECORDS};
use crate::policy::ServerName;
use crate::record::{LogEntry, SessionName};

/// Adds the calls that were forwarded and are not yet answered.
pub type Unanswered = Box<dyn Fn(&mut Vec<LogEntry>) + Send>;

/// The log of a session. Clones share it.
#[derive(Clone, Debug)]
pub struct AuditLog(Arc<LogShared>);

/// The state that the session's threads and the writer share. A thread holds at most one of its locks at a time, except
/// that `failure` is looked at under the queue's, and that the writer asks for the unanswered calls under the journal's.
pub(super) struct LogShared {
    pub(super) session: SessionName,
    pub(super) paths: LogPaths,
    options: LogOptions,
    queue: Mutex<Queue>,
    /// Wakes the writer when there is work.
    wake: Condvar,
    /// Wakes threads that wait for the writer when it has made progress.
    progress: Condvar,
    /// Why the log cannot be written now, and what to do.
    failure: Mutex<Option<String>>,
    pub(super) journal: Mutex<Journal>,
    probed: AtomicBool,
    is_begun: AtomicBool,
    texts: Arc<Mutex<UnnamedTexts>>,
    /// What the thread runs, until there is something to record.
    unstarted: Mutex<Option<Box<Writer>>>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) entries: Vec<LogEntry>,
    /// What was written of them.
    spent: Vec<LogEntry>,
    pub(super) weight: usize,
    /// The number of records that are neither in the log nor given up.
    unwritten: u64,
    /// The number of records dropped because the queue was full.
    pub(super) lost: u64,
    /// Counts each step of the writer's progress.
    progress: u64,
    pub(super) finishing: bool,
    finished: bool,
}

impl Queue {
    fn is_full_for(&self, weight: usize) -> bool {
        self.weight > 0 && self.weight + weight > MAX_LOG_QUEUE
    }

    pub(super) fn is_large(&self) -> bool {
        self.weight >= WAKE
    }
}

impl fmt::Debug for LogShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogShared").field("session", &self.session).field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Starts the log of a new session. No thread runs before [`AuditLog::begin`] or the first record, and no file is created
    /// before the first record.
    ///
    /// `say` gets each notice for stderr. `unanswered` adds the calls that were forwarded and are not yet answered, as
    /// entries with the outcome [`Unknown`](crate::record::Outcome::Unknown); it may take locks that no caller of
    /// [`AuditLog::push`] or [`AuditLog::commit_call`] holds.
    ///
    /// # Errors
    /// Returns an error if the system has no randomness.
    pub fn start(
        dir: PathBuf,
        server: &ServerName,
        options: LogOptions,
        say: Box<dyn Fn(LogNotice) + Send>,
        unanswered: Unanswered,
    ) -> io::Result<Self> {
        let id = getrandom::u64().map_err(io::Error::other)?;
        let session = SessionName { id: format!("{id:016x}"), server: server.as_str().to_owned() };
        let paths = LogPaths::new(dir, server);
        let shared = Arc::new(LogShared {
            journal: Mutex::new(Journal::new(&paths, &session)),
            session,
            paths,
            options,
            queue: Mutex::default(),
            wake: Condvar::new(),
            progress: Condvar::new(),
            failure: Mutex::default(),
            probed: AtomicBool::new(false),
            is_begun: AtomicBool::new(false),
            texts: Arc::default(),
            unstarted: Mutex::default(),
        });
        let writer = Writer::new(Arc::clone(&shared), shared.new_appender(), say, unanswered);
        *lock_ignoring_poison(&shared.unstarted) = Some(Box::new(writer));
        Ok(Self(shared))
    }

    /// Starts the thread: something was decided, and what is forwarded now and not answered has to be in the journal soon.
    pub fn begin(&self) {
        if self.0.is_begun.load(Ordering::Acquire) {
            return;
        }
        let Some(writer) = lock_ignoring_poison(&self.0.unstarted).take() else { return };
        let started = thread::Builder::new().name("audit".to_owned()).stack_size(STACK).spawn(move || writer.run());
        if let Err(error) = started {
            // Nobody writes: whatever has to be in the log is refused, and the rest is counted as lost.
            *self.0.lock_failure() = Some(describe_unwritable(&self.0.paths.current_file(), &error));
            self.0.record_finished();
        }
        self.0.is_begun.store(true, Ordering::Release);
    }

    /// Returns the session as its records name it.
    pub fn session(&self) -> &SessionName {
        &self.0.session
    }

    /// Has the text of a policy kept beside the log once a line names it. Call this before a decision is made under it.
    pub fn add_policy(&self, text: PolicyText) {
        lock_ignoring_poison(&self.0.texts).add(text);
    }

    /// Queues the entries, and leaves `entries` empty. Returns earlier ones that are written by now: their memory can be used again.
    /// The caller must not hold a lock that the function `unanswered` takes.
    ///
    /// If the queue is full, this waits while the writer makes progress, and at most [`LOG_WAIT`] without progress;
    /// then the entries are dropped and counted.
    pub fn push(&self, entries: &mut Vec<LogEntry>) -> Vec<LogEntry> {
        if entries.is_empty() {
            return Vec::new();
        }
        self.begin();
        let weight: usize = entries.iter().map(LogEntry::weight).sum();
        let shared = &*self.0;
        let mut queue = shared.wait_for_space(shared.lock_queue(), weight);
        if queue.is_full_for(weight) {
            queue.lost += entries.len() as u64;
            entries.clear();
            return Vec::new();
        }
        let before = queue.weight;
        queue.weight += weight;
        queue.unwritten += entries.len() as u64;
        queue.entries.append(entries);
        let is_news = before == 0 || (before < WAKE && queue.weight >= WAKE);
        let spent = std::mem::take(&mut queue.spent);
        drop(queue);
        if is_news {
            shared.wake.notify_one();
        }
        spent
    }

    /// Returns why the log cannot be written now, and what to do; `None` if it can.
    pub fn current_failure(&self) -> Option<String> {
        self.0.lock_failure().clone()
    }

    /// Writes a call to the journal before it is forwarded, so that it is recorded whatever happens. The caller must
    /// not hold a lock that the function `unanswered` takes.
    ///
    /// # Errors
    /// Returns why it cannot be written, and what to do.
    pub fn commit_call(&self, entry: &LogEntry) -> Result<(), String> {
        self.begin();
        let shared = &*self.0;
        if let Some(why) = self.current_failure() {
            return Err(why);
        }
        if !shared.probed.load(Ordering::Acquire) {
            shared
                .new_appender()
                .check_writable()
                .map_err(|error| describe_unwritable(&shared.paths.current_file(), &error))?;
            shared.probed.store(true, Ordering::Release);
        }
        let mut journal = lock_ignoring_poison(&shared.journal);
        journal.commit(entry).map_err(|error| describe_unwritable_journal(journal.path(), &error))
    }

    /// Ends the session's log: writes and syncs everything, and removes the journal. Waits at most `limit`, and returns
    /// how many records were not written by then.
    #[must_use]
    pub fn finish(&self, limit: Duration) -> u64 {
        if lock_ignoring_poison(&self.0.unstarted).take().is_some() {
            return 0;
        }
        let mut queue = self.0.lock_queue();
        queue.finishing = true;
        self.0.wake.notify_one();
        let waited = self.0.progress.wait_timeout_while(queue, limit, |queue| !queue.finished);
        waited.unwrap_or_else(PoisonError::into_inner).0.unwritten
    }
}

/// The queue size that wakes the writer early, in bytes.
const WAKE: usize = MAX_LOG_QUEUE / 4;

pub(super) const STACK: usize = 256 * 1024;

impl LogShared {
    fn new_appender(&self) -> Appender {
        Appender::new(self.paths.clone(), self.session.clone(), self.options, Arc::clone(&self.texts))
    }

    pub(super) fn lock_queue(&self) -> MutexGuard<'_, Queue> {
        lock_ignoring_poison(&self.queue)
    }

    fn wait_for_space<'q>(&'q self, mut queue: MutexGuard<'q, Queue>, weight: usize) -> MutexGuard<'q, Queue> {
        let mut seen = queue.progress;
        let mut deadline = Instant::now() + LOG_WAIT;
        while queue.is_full_for(weight) && !queue.finished && self.lock_failure().is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let stuck = io::Error::new(io::ErrorKind::TimedOut, "another process or a slow disk blocks it");
                *self.lock_failure() = Some(describe_unwritable(&self.paths.current_file(), &stuck));
                break;
            }
            self.wake.notify_one();
            queue = self.progress.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
            if queue.progress != seen {
                seen = queue.progress;
                deadline = Instant::now() + LOG_WAIT;
            }
        }
        queue
    }

    pub(super) fn wait_for_work<'q>(
        &'q self,
        queue: MutexGuard<'q, Queue>,
        until: Instant,
        enough: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'q, Queue> {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.wake.wait_timeout_while(queue, left, |queue| !queue.finishing && !enough(queue));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Records the writer's progress: these entries are written, or counted as lost. It leaves none.
    pub(super) fn record_done(&self, entries: &mut Vec<LogEntry>) {
        let records = entries.len() as u64;
        // The others are freed here, and not where lines are forwarded.
        entries.retain_mut(LogEntry::leaves_place);
        let mut queue = self.lock_queue();
        queue.unwritten = queue.unwritten.saturating_sub(records);
        queue.progress += 1;
        let room = MAX_SPENT_RECORDS.saturating_sub(queue.spent.len()).min(entries.len());
        queue.spent.extend(entries.drain(..room));
        drop(queue);
        entries.clear();
        self.progress.notify_all();
    }

    pub(super) fn record_finished(&self) {
        self.lock_queue().finished = true;
        self.progress.notify_all();
    }

    pub(super) fn lock_failure(&self) -> MutexGuard<'_, Option<String>> {
        lock_ignoring_poison(&self.failure)
    }
}

/// Takes a lock even if its holder has panicked: the log records as much as it can.
pub(super) fn lock_ignoring_poison<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
