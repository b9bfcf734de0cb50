//! A request of the client, borrowed from its line.

use std::time::Duration;

use super::action::Payload;
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::CallParams;
use crate::wire::strict::CallMembers;

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
