//! The thread that writes the log: it collects records for a moment, writes them with one write, keeps the journal, and
//! has another thread sync the files.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::append::Appender;
use super::log::{LogShared, Queue, STACK, Unanswered, lock_ignoring_poison};
use super::notice::{
    LogNotice, describe_unkept_policy, describe_unsynced, describe_unwritable, describe_unwritable_journal,
};
use crate::limits::{
    JOURNAL_IDLE, JOURNAL_IDLE_TICK, JOURNAL_TICK, LOG_COLLECT, LOG_RETRY, LOG_SAY_AGAIN, LOG_SYNC, MAX_LOG_UNSYNCED,
};
use crate::record::{Event, LogEntry, digest_arguments};

pub(super) struct Writer {
    shared: Arc<LogShared>,
    appender: Appender,
    say: Box<dyn Fn(LogNotice) + Send>,
    unanswered: Unanswered,
    /// The entries that are being written; this list is swapped with the queue's.
    taken: Vec<LogEntry>,
    open: Vec<LogEntry>,
    /// The number of dropped records, and why they were dropped.
    lost: u64,
    why: String,
    /// When the next attempt is due, if the log cannot be written.
    retry: Option<Instant>,
    /// When a failure was last reported, and whether its end has to be reported.
    said: Option<Instant>,
    owes_end: bool,
    journal_trouble: Trouble,
    next_tick: Instant,
    /// When there last was something to record.
    busy: Instant,
    /// When the written files are to be synced, and the thread that syncs those before.
    sync_at: Option<Instant>,
    syncing: Option<JoinHandle<io::Result<()>>>,
    sync_trouble: Trouble,
}

/// Something that fails from time to time, and when it was last reported.
#[derive(Default)]
struct Trouble {
    is_there: bool,
    said: Option<Instant>,
}

impl Trouble {
    /// Returns whether a failure has to be reported: what fails again and again is not reported each time.
    fn is_news(&mut self, failed: bool) -> bool {
        let begins = failed && !std::mem::replace(&mut self.is_there, failed);
        let is_news = begins && self.said.is_none_or(|said| said.elapsed() >= LOG_SAY_AGAIN);
        if is_news {
            self.said = Some(Instant::now());
        }
        is_news
    }
}

impl Writer {
    pub(super) fn new(
        shared: Arc<LogShared>,
        appender: Appender,
        say: Box<dyn Fn(LogNotice) + Send>,
        unanswered: Unanswered,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            appender,
            say,
            unanswered,
            taken: Vec::new(),
            open: Vec::new(),
            lost: 0,
            why: String::new(),
            retry: None,
            said: None,
            owes_end: false,
            journal_trouble: Trouble::default(),
            next_tick: now + JOURNAL_TICK,
            busy: now,
            sync_at: None,
            syncing: None,
            sync_trouble: Trouble::default(),
        }
    }

    pub(super) fn run(mut self) {
        self.busy = Instant::now();
        self.next_tick = self.busy + JOURNAL_TICK;
        while !self.take_queue() {
            let now = Instant::now();
            if !self.taken.is_empty() {
                self.busy = now;
            }
            self.write_taken();
            if now >= self.next_tick {
                self.tick_journal();
                let is_idle = self.busy.elapsed() > JOURNAL_IDLE;
                self.next_tick = now + if is_idle { JOURNAL_IDLE_TICK } else { JOURNAL_TICK };
            }
            self.sync_if_due();
        }
        // One last attempt.
        self.retry = None;
        self.write_taken();
        self.finish_log();
    }

    /// Waits for work and takes the queue. Returns whether the session ends.
    fn take_queue(&mut self) -> bool {
        let until = [self.retry, self.sync_at].into_iter().flatten().fold(self.next_tick, Instant::min);
        let mut queue = self.shared.wait_for_work(self.shared.lock_queue(), until, |queue| queue.weight > 0);
        if queue.weight > 0 && !queue.is_large() {
            queue = self.shared.wait_for_work(queue, Instant::now() + LOG_COLLECT, Queue::is_large);
        }
        std::mem::swap(&mut queue.entries, &mut self.taken);
        queue.weight = 0;
        let lost = std::mem::take(&mut queue.lost);
        let is_last = queue.finishing;
        drop(queue);
        if lost > 0 {
            self.lost += lost;
            if self.retry.is_none() {
                "the log was written too slowly".clone_into(&mut self.why);
                if self.check_may_report() {
                    (self.say)(LogNotice::Behind { lost });
                }
            }
        }
        is_last
    }

    fn write_taken(&mut self) {
        let is_due = self.retry.is_none_or(|retry| Instant::now() >= retry);
        if !is_due {
            self.lost += self.taken.len() as u64;
        } else if !self.taken.is_empty() || self.lost > 0 || self.retry.is_some() {
            // If the session is killed, its journal shows that.
            let begun = lock_ignoring_poison(&self.shared.journal).create_file();
            self.record_journal_result(begun);
            digest_arguments(&mut self.taken);
            let mut written = 0;
            match self.append_taken(&mut written) {
                Ok(()) => self.record_success(),
                Err(error) => {
                    self.lost += (self.taken.len() - written) as u64;
                    self.record_failure(&error);
                }
            }
            self.sync_at.get_or_insert_with(|| Instant::now() + LOG_SYNC);
        }
        self.shared.record_done(&mut self.taken);
    }

    fn append_taken(&mut self, written: &mut usize) -> io::Result<()> {
        if self.lost > 0 {
            self.appender.append_event(&Event::Gap { lost: self.lost, why: self.why.clone() })?;
            if self.owes_end {
                (self.say)(LogNotice::Written { lost: self.lost });
                self.owes_end = false;
            }
            self.lost = 0;
        } else if self.retry.is_some() {
            self.appender.check_writable()?;
        }
        let shared = &self.shared;
        self.appender.append(&self.taken, |done| {
            *written += done.len();
            lock_ignoring_poison(&shared.journal).forget_recorded(done);
            shared.record_done(&mut Vec::new());
        })
    }

    fn record_success(&mut self) {
        if let Some(error) = self.appender.take_policy_failure() {
            (self.say)(LogNotice::Beside(describe_unkept_policy(&self.shared.paths.policy_dir(), &error)));
        }
        if self.retry.take().is_some() && self.owes_end {
            (self.say)(LogNotice::Written { lost: 0 });
            self.owes_end = false;
        }
        *self.shared.lock_failure() = None;
    }

    fn record_failure(&mut self, error: &io::Error) {
        let why = describe_unwritable(&self.shared.paths.current_file(), error);
        self.why = error.to_string();
        *self.shared.lock_failure() = Some(why.clone());
        let is_new = self.retry.is_none();
        self.retry = Some(Instant::now() + LOG_RETRY);
        if is_new && self.check_may_report() {
            (self.say)(LogNotice::Unwritable(why));
            self.owes_end = true;
        }
    }

    /// Returns whether a failure may be reported: a log that fails again and again is not reported each time.
    fn check_may_report(&mut self) -> bool {
        let may = self.said.is_none_or(|said| said.elapsed() >= LOG_SAY_AGAIN);
        if may {
            self.said = Some(Instant::now());
        }
        may
    }

    fn tick_journal(&mut self) {
        self.open.clear();
        let mut journal = lock_ignoring_poison(&self.shared.journal);
        (self.unanswered)(&mut self.open);
        let written = journal.write_unanswered(&self.open);
        drop(journal);
        if !self.open.is_empty() {
            self.busy = Instant::now();
        }
        self.record_journal_result(written);
    }

    fn record_journal_result(&mut self, written: io::Result<()>) {
        let is_news = self.journal_trouble.is_news(written.is_err());
        // If the log itself fails too, that report is enough.
        if let (Err(error), true, None) = (written, is_news, self.retry) {
            let why = describe_unwritable_journal(lock_ignoring_poison(&self.shared.journal).path(), &error);
            (self.say)(LogNotice::Beside(why));
        }
    }

    /// Has another thread sync the files, at most once a second: a slow disk would block this one.
    fn sync_if_due(&mut self) {
        let is_urgent = self.appender.unsynced_files() >= MAX_LOG_UNSYNCED;
        if is_urgent || self.syncing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join_sync();
        }
        if !is_urgent && self.sync_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        if self.syncing.is_some() {
            self.sync_at = Some(Instant::now() + LOG_SYNC);
            return;
        }
        self.sync_at = None;
        let Some(sync) = self.appender.take_unsynced().map(Arc::new) else { return };
        let shared = Arc::clone(&sync);
        let spawned =
            thread::Builder::new().name("audit sync".to_owned()).stack_size(STACK).spawn(move || shared.run());
        match spawned {
            Ok(thread) => self.syncing = Some(thread),
            Err(_) => self.record_sync_result(sync.run()),
        }
    }

    fn join_sync(&mut self) {
        let done = self.syncing.take().map(|thread| thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())));
        if let Some(done) = done {
            self.record_sync_result(done);
        }
    }

    fn record_sync_result(&mut self, done: io::Result<()>) {
        let is_news = self.sync_trouble.is_news(done.is_err());
        if let (Err(error), true, None) = (done, is_news, self.retry) {
            (self.say)(LogNotice::Beside(describe_unsynced(&self.shared.paths.current_file(), &error)));
        }
    }

    fn finish_log(mut self) {
        if self.retry.is_none() {
            let mut journal = lock_ignoring_poison(&self.shared.journal);
            let done = journal.read_open_calls(|lines| self.appender.append_raw(lines));
            // Otherwise the journal is left for the next session.
            if done.is_ok() {
                journal.remove();
            }
        }
        self.join_sync();
        if let Some(sync) = self.appender.take_unsynced() {
            let done = sync.run();
            self.record_sync_result(done);
        }
        self.shared.record_finished();
    }
}
