//! What the engine asks the shell to do.

use std::fmt;

use super::approvals::{Question, Settled};
use super::refusal::Subject;
use crate::record::Entry;

/// What is to be done about a line, in order. A line with neither `Forward` nor `Replace` does not reach the other side.
#[must_use = "an action that is not carried out loses a message"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line goes to the other side, byte for byte.
    Forward,
    /// This line, its newline included, goes to the other side in place of the one that came.
    Replace(Vec<u8>),
    /// This line, its newline included, goes back to the side the line came from.
    Reply(Vec<u8>),
    /// The line is no message of the protocol: show it on stderr, and pass it to nobody.
    Stray,
    /// A decision with its outcome, for the audit log.
    Record(Entry),
    /// A call that may only go on once it is in the log; it comes before its `Forward`. Where it cannot be written,
    /// [`Engine::unlogged`](super::Engine::unlogged) says what is done instead.
    Commit(Box<Commit>),
    /// A call waits for a person: ask on the channels that are not the client's, and call
    /// [`Engine::time_passed`](super::Engine::time_passed) when it is due.
    Ask(Box<Question>),
    /// What was asked under this number on the local channel is settled.
    Settle(u64, Settled),
    /// This line, its newline included, goes to the server: it was held until now, or held something that was for us.
    Release(Vec<u8>),
    /// Something happened that a person may want to know.
    Note(Note),
}

/// A call that may only go on once it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// What is to be in the log.
    pub entry: Entry,
    pub(super) subject: Subject,
    pub(super) name: Box<str>,
}

/// Something that a person may want to know, as one line of text without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
