//! Whether the client is still read: at the end of a session, each request that was read needs its answer.

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::client_input::ClientInput;
use super::shared_session::lock_unpoisoned;
use crate::limits::{LAST_LOOK, LAST_REQUESTS};

#[derive(Debug)]
pub(super) struct ClientReading {
    state: Mutex<ReadState>,
    /// Only to see whether there is something to read.
    client: ClientInput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    /// Waits for something to read, and has handled all that it has read.
    Waiting,
    Busy,
    /// As [`Busy`](Self::Busy), but for the last time: there may be more to read, but the time for it is over.
    Last,
    Over,
}

impl ClientReading {
    pub(super) fn new(client: ClientInput) -> Self {
        Self { state: Mutex::new(ReadState::Waiting), client }
    }

    /// The pump calls this before it reads. Returns whether it may.
    #[must_use]
    pub(super) fn begin_read(&self) -> bool {
        let mut state = lock_unpoisoned(&self.state);
        if *state != ReadState::Waiting {
            return false;
        }
        *state = ReadState::Busy;
        true
    }

    /// The pump calls this when it has handled all that it has read and has written the answers.
    pub(super) fn end_read(&self) {
        let mut state = lock_unpoisoned(&self.state);
        match *state {
            ReadState::Busy => *state = ReadState::Waiting,
            ReadState::Last => *state = ReadState::Over,
            ReadState::Waiting | ReadState::Over => {}
        }
    }

    pub(super) fn mark_stopped(&self) {
        *lock_unpoisoned(&self.state) = ReadState::Over;
    }

    /// Waits until the pump has handled what the client has sent already, at most for [`LAST_REQUESTS`], and keeps it
    /// from reading more.
    pub(super) fn finish_reading(&self) {
        let start = Instant::now();
        self.client.wait_settled();
        loop {
            // Check this before locking the state: a pump that empties the pipe after this check is seen as busy.
            let is_late = start.elapsed() >= LAST_REQUESTS;
            let more = !is_late && self.client.is_readable();
            let mut state = lock_unpoisoned(&self.state);
            if *state == ReadState::Over || (*state == ReadState::Waiting && !more) {
                *state = ReadState::Over;
                return;
            }
            // A client that never stops sending might never let the pump be seen waiting.
            if is_late && *state == ReadState::Busy {
                *state = ReadState::Last;
            }
            drop(state);
            thread::sleep(LAST_LOOK);
        }
    }
}
