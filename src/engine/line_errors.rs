//! What the wrapper says of lines that it cannot pass on, whatever the policy.

use super::Engine;
use super::action::Turn;
use super::open_requests::{AdmitError, RequestKind};
use crate::limits::{MAX_OPEN, MAX_OPEN_BYTES};
use crate::record::{Direction, Facts, Outcome, PROTOCOL_RULE};
use crate::wire::fault::Fault;
use crate::wire::message::Answer;
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::{Shape, Skim};

impl Engine {
    /// Refuses an unacceptable line of the client. If it was the answer to a request of the server, the server gets an
    /// error instead; if it was the answer to a request of ours, it is a refusal.
    pub(super) fn refuse_client_line(
        &mut self,
        skim: &Skim,
        traceparent: Option<&str>,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        turn.push_note(format!("to the client: {why}"));
        let facts = Facts { traceparent, ..Facts::new(Direction::Client, None, PROTOCOL_RULE) };
        self.recorder.record_unacceptable(&facts, why, turn);
        let Some(id) = skim.response_id() else { return };
        let (key, unreadable) = (id.into(), Answer::Result("{}"));
        if !self.handle_dialogue_answer(&key, unreadable, turn)
            && let Some(open) = self.server_requests.take_waiting(&key)
        {
            if self.ended.is_none() {
                turn.send_to_server(reply::error_line(Some(&open.id), ErrorCode::InvalidRequest, why));
            }
            if let RequestKind::Call(request) = open.kind {
                turn.record_outcome(request.draft, Outcome::Error);
            }
        }
    }

    /// Returns the id under which a line of the client is refused. A line that may not be a request must not be taken
    /// for the answer to an open one.
    pub(super) fn id_to_answer<'s>(&self, skim: &'s Skim) -> Option<&'s str> {
        let id = skim.request_id()?;
        let is_free = || !self.client_requests.is_in_flight(&id.into());
        (skim.shape == Shape::Request || is_free()).then(|| id.as_str())
    }
}

pub(super) fn describe_admit_error(error: AdmitError, id: &str, sender: &str) -> (ErrorCode, String) {
    let (code, why) = match error {
        AdmitError::InFlight => {
            (ErrorCode::InvalidRequest, format!("its id {id} is still in use by an open request. Use a new id."))
        }
        AdmitError::TooMany => (
            ErrorCode::TooMany,
            format!("{MAX_OPEN} requests of the {sender} are open. Wait for some of their answers first."),
        ),
        AdmitError::TooLarge => (
            ErrorCode::TooMany,
            format!(
                "the open requests of the {sender} take up {} MiB. Wait for some of their answers first.",
                MAX_OPEN_BYTES >> 20
            ),
        ),
    };
    (code, format!("policylayer refused this request: {why}"))
}

pub(super) fn describe_fault(what: &str, fault: &Fault) -> String {
    let rule = match fault {
        Fault::Work => "Write fewer globs, or have the server list less on one page.",
        _ => "A message must be one JSON-RPC 2.0 object on one line that every JSON parser reads the same way.",
    };
    format!("policylayer refused this {what} and did not pass it on: {fault}. {rule}")
}

pub(super) fn describe_oversize(what: &str, max: usize) -> String {
    format!(
        "policylayer refused this {what} and did not pass it on: it is larger than {max} bytes. The limit is set by \
         `policylayer wrap --max-message`."
    )
}

pub(super) fn describe_server_end(how: &str) -> String {
    format!(
        "The MCP server has ended ({how}), so there is no answer to this request. Restart the server in the client."
    )
}
