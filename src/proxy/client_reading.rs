//! Whether the client is still read: at the end of a session no request that was read may go without its answer.

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::client_input::ClientInput;
use super::shared_session::lock;
use crate::limits::{LAST_LOOK, LAST_REQUESTS};

/// What the pump that reads the client is doing.
#[derive(Debug)]
pub(super) struct ClientReading {
    state: Mutex<ReadState>,
    /// Our stdin, only to look whether there is something in it.
    client: ClientInput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    /// It waits for something to read, and has read nothing that is not dealt with.
    Waiting,
    /// It reads, judges or writes.
    Busy,
    /// The same, for the last time: more may be there, and the time for it is up.
    Last,
    /// It reads no more.
    Over,
}

impl ClientReading {
    /// The client is about to be read from this input.
    pub(super) fn new(client: ClientInput) -> Self {
        Self { state: Mutex::new(ReadState::Waiting), client }
    }

    /// For the pump: there is something to read. Whether it may.
    #[must_use]
    pub(super) fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        if *state != ReadState::Waiting {
            return false;
        }
        *state = ReadState::Busy;
        true
    }

    /// For the pump: all that it has read is dealt with, answers included.
    pub(super) fn pause(&self) {
        let mut state = lock(&self.state);
        match *state {
            ReadState::Busy => *state = ReadState::Waiting,
            ReadState::Last => *state = ReadState::Over,
            ReadState::Waiting | ReadState::Over => {}
        }
    }

    /// For the pump: it has ended.
    pub(super) fn stop(&self) {
        *lock(&self.state) = ReadState::Over;
    }

    /// Lets the pump deal with what the client has sent already, for at most [`LAST_REQUESTS`] and with whole pieces, and
    /// keeps it from reading more.
    pub(super) fn finish(&self) {
        let start = Instant::now();
        self.client.settle();
        loop {
            // First this look: what is gone from the pipe after it was taken by a pump that was busy before.
            let is_late = start.elapsed() >= LAST_REQUESTS;
            let more = !is_late && self.client.is_readable();
            let mut state = lock(&self.state);
            if *state == ReadState::Over || (*state == ReadState::Waiting && !more) {
                *state = ReadState::Over;
                return;
            }
            // A client that never stops asking would not let it wait at a moment when somebody looks.
            if is_late && *state == ReadState::Busy {
                *state = ReadState::Last;
            }
            drop(state);
            thread::sleep(LAST_LOOK);
        }
    }
}
