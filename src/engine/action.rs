//! What the engine asks the I/O layer to do.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::approvals::{Question, Settled};
use super::refusal::SubjectKind;
use crate::provenance::CalledTool;
use crate::record::{Draft, LogEntry, Outcome};

/// One moment on two clocks, which the I/O layer reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since the session began, on a monotonic clock.
    pub session: Duration,
    /// Time since 1970 in UTC; the owner of the clock may set it back.
    pub unix: Duration,
}

/// One thing to do. A line that causes neither [`ToServer`](Self::ToServer), [`ToClient`](Self::ToClient) nor
/// [`Commit`](Self::Commit) reaches nobody.
#[must_use = "an action that is not carried out loses a message"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this line to the server.
    ToServer(Payload),
    /// Write this line to the client.
    ToClient(Payload),
    /// Show this part of the received line on stderr: it is not a message of the protocol.
    Stray(Range<usize>),
    /// Write this decision, with its outcome, to the audit log.
    Record(LogEntry),
    /// Write this call to the audit log, remember [what it calls](Commit::called), and then write it to the server. If the log
    /// cannot be written, do not send the call, and call [`Engine::handle_commit_failed`](super::Engine::handle_commit_failed).
    Commit(Box<Commit>),
    /// Ask a person on the local channel, and call [`Engine::handle_timeout`](super::Engine::handle_timeout) when
    /// [`Engine::poll_timeout`](super::Engine::poll_timeout) says so.
    Ask(Box<Question>),
    /// Close the question with this number on the local channel.
    Settle(u64, Settled),
    /// [`Engine::poll_timeout`](super::Engine::poll_timeout) says an earlier time than before.
    Schedule,
    /// Tell the user on stderr.
    Note(Note),
}

/// A line to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The line that was received, byte for byte. It is not copied.
    Received,
    /// A line that the engine wrote or changed, with its newline.
    Written(Vec<u8>),
    /// A line that the engine held, or a request of its own, with its newline. There are few at a time, and each is waited
    /// for: for the server it is never dropped.
    Kept(Vec<u8>),
}

impl Payload {
    /// Returns the line's bytes, given those of the received line.
    pub fn bytes<'a>(&'a self, received: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Received => received,
            Self::Written(line) | Self::Kept(line) => line,
        }
    }

    /// Returns the line as a buffer of its own, given the received line.
    pub fn into_bytes(self, received: &[u8]) -> Vec<u8> {
        match self {
            Self::Received => received.to_vec(),
            Self::Written(line) | Self::Kept(line) => line,
        }
    }
}

/// A call that must be in the audit log before the server gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The record for the log.
    pub entry: LogEntry,
    /// The line that the server gets afterwards.
    pub payload: Payload,
    pub(super) subject: SubjectKind,
    pub(super) name: Box<str>,
    /// What has been called then, as the session remembers it.
    pub(super) called: Option<CalledTool>,
}

impl Commit {
    /// Returns what has been called once the call is in the log: whoever sends it remembers that first.
    pub fn called(&self) -> Option<&CalledTool> {
        self.called.as_ref()
    }

    /// Returns the commit with a line that does not depend on the received one.
    #[must_use]
    pub fn with_bytes(self, received: &[u8]) -> Self {
        Self { payload: Payload::Written(self.payload.into_bytes(received)), ..self }
    }
}

/// A message for the user: one line of text without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Changes its text.
    pub(super) fn rewrite(&mut self, change: impl FnOnce(&str) -> String) {
        self.0 = change(&self.0);
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step of the engine: its time, and the actions that it causes.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    actions: &'a mut Vec<Action>,
    /// The message, if there is other text on the received line.
    message: Option<&'a [u8]>,
    /// What the client gets instead of the message.
    instead: Option<Vec<u8>>,
}

impl<'a> Turn<'a> {
    #[inline]
    pub(super) fn new(now: Now, actions: &'a mut Vec<Action>) -> Self {
        Self { now, actions, message: None, instead: None }
    }

    /// A turn for another message in place of this one.
    pub(super) fn for_message<'b>(&'b mut self, message: &'b [u8]) -> Turn<'b> {
        Turn { now: self.now, actions: self.actions, message: Some(message), instead: None }
    }

    /// Sets the message that shares its line with other text. Only the message is forwarded.
    pub(super) fn set_message(&mut self, message: &'a [u8]) {
        self.message = Some(message);
    }

    /// Sets the line that the client gets if the message is forwarded to it; `None` is the message itself.
    pub(super) fn set_instead(&mut self, line: Option<Vec<u8>>) {
        self.instead = line;
    }

    #[inline]
    pub(super) fn push_action(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn push_note(&mut self, text: String) {
        self.push_action(Action::Note(Note(text)));
    }

    pub(super) fn send_to_client(&mut self, line: Vec<u8>) {
        self.push_action(Action::ToClient(Payload::Written(line)));
    }

    pub(super) fn send_to_server(&mut self, line: Vec<u8>) {
        self.push_action(Action::ToServer(Payload::Written(line)));
    }

    #[inline]
    pub(super) fn forward_to_client(&mut self) {
        if let Some(line) = self.instead.take() {
            return self.send_to_client(line);
        }
        match self.message {
            None => self.push_action(Action::ToClient(Payload::Received)),
            Some(message) => self.send_to_client([message, b"\n"].concat()),
        }
    }

    pub(super) fn forward_to_server(&mut self) {
        self.push_action(Action::ToServer(Payload::Received));
    }

    /// Records a decision with its outcome, if a log is kept.
    #[inline]
    pub(super) fn record_outcome(&mut self, draft: Option<Draft>, outcome: Outcome) {
        if let Some(draft) = draft {
            self.push_action(Action::Record(draft.finish(outcome, self.now.session)));
        }
    }
}
