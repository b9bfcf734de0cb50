//! A request of the client, borrowed from its line.

use std::time::Duration;

use super::Engine;
use super::action::{Payload, Turn};
use super::open_requests::{OpenRequest, RequestKind};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, CallParams};
use crate::wire::strict::{CallMembers, KeyMarks};

/// A request of the client, as it is handled.
pub(super) struct ClientRequest<'l> {
    pub(super) id: &'l str,
    pub(super) key: IdKey,
    pub(super) method: &'l str,
    pub(super) params: Option<&'l str>,
    /// What the reader has seen of them, if that is all.
    pub(super) call: CallMembers<'l>,
    pub(super) line: &'l [u8],
    pub(super) received: Received,
}

/// When a line came that is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// It is the one that the actions of this turn are about.
    Now,
    /// It was kept since then, counted from the beginning of the session.
    Before(Duration),
}

impl<'l> ClientRequest<'l> {
    /// Reads the parameters of a call.
    pub(super) fn read_call(&self) -> Result<CallParams<'l>, Fault> {
        CallParams::from_members(&self.call, self.params)
    }

    /// Returns since when its client waits.
    pub(super) fn since(&self, now: Duration) -> Duration {
        match self.received {
            Received::Now => now,
            Received::Before(since) => since,
        }
    }

    /// Returns the line as it is sent on.
    pub(super) fn payload(&self) -> Payload {
        match self.received {
            Received::Now => Payload::Received,
            Received::Before(_) => Payload::Kept([self.line.trim_ascii_end(), b"\n"].concat()),
        }
    }
}

impl Engine {
    /// Handles the client's answer to a request of the server.
    pub(super) fn handle_client_response(&mut self, id: &str, key: &IdKey, answer: Answer<'_>, turn: &mut Turn<'_>) {
        match self.server_requests.take_answered(key).filter(|_| self.ended.is_none()) {
            None => turn.push_note(format!("dropped an answer from the client that matches no open request (id {id})")),
            Some(OpenRequest { kind: RequestKind::Cancelled, .. }) => {
                turn.push_note(format!("dropped the client's late answer to cancelled request {id}"));
            }
            Some(OpenRequest { kind: RequestKind::Call(request), .. }) => {
                self.handle_call_answer(request, (answer, KeyMarks::ANY), turn);
                turn.forward_to_server();
            }
            Some(_) => turn.forward_to_server(),
        }
    }
}
