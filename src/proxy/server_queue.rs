//! Lines for the server from threads that must not wait for it to read.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use super::shared_session::lock_unpoisoned;
use crate::engine::Commit;
use crate::limits::{MAX_HELD_BYTES, MAX_SERVER_REPLIES};

/// What is in the queue was decided before anything that a thread decides from now on.
#[derive(Debug, Default)]
pub(super) struct ServerQueue {
    lines: Mutex<VecDeque<QueuedLine>>,
    added: Condvar,
}

#[derive(Debug)]
pub(super) enum QueuedLine {
    Line(Vec<u8>),
    /// A call that must be in the audit log first.
    Commit(Box<Commit>),
}

impl QueuedLine {
    fn len(&self) -> usize {
        match self {
            Self::Line(line) => line.len(),
            Self::Commit(commit) => commit.payload.bytes(b"").len(),
        }
    }
}

impl ServerQueue {
    /// Adds a line. Call this only while the engine that decided on it is locked.
    pub(super) fn push_line(&self, line: QueuedLine) {
        lock_unpoisoned(&self.lines).push_back(line);
        self.added.notify_one();
    }

    /// Adds a line that may be dropped, and returns whether there was room for it.
    #[must_use]
    pub(super) fn push_unless_full(&self, line: Vec<u8>) -> bool {
        let has_room = lock_unpoisoned(&self.lines).len() < MAX_SERVER_REPLIES;
        if has_room {
            self.push_line(QueuedLine::Line(line));
        }
        has_room
    }

    /// Removes the oldest line. Call this only while the server's stdin is locked, so that nobody overtakes the line.
    pub(super) fn pop_line(&self) -> Option<QueuedLine> {
        lock_unpoisoned(&self.lines).pop_front()
    }

    /// Returns whether so much waits that no more calls may be held. Approved calls are in the queue, and held ones
    /// come from the client, so the thread that reads the client has to write the queue first.
    pub(super) fn is_backlogged(&self) -> bool {
        lock_unpoisoned(&self.lines).iter().map(QueuedLine::len).sum::<usize>() >= MAX_HELD_BYTES
    }

    pub(super) fn wait_for_line(&self) {
        drop(
            self.added
                .wait_while(lock_unpoisoned(&self.lines), |lines| lines.is_empty())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}
