//! Lines of the server that are no message: shown on stderr, and answered for if somebody waits for them.

use super::Engine;
use super::action::{Action, Turn};
use super::line_errors::describe_fault;
use crate::record::{Direction, Facts, Outcome, PROTOCOL_RULE};
use crate::wire::fault::Fault;
use crate::wire::message::{self, Message};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::{Shape, Skim, Version, skim_batch, skim_line};
use crate::wire::strict::StrictDepth;
use crate::wire::text_around::find_message;

impl Engine {
    pub(super) fn handle_stray_line<'a>(&mut self, line: &'a [u8], fault: &Fault, turn: &mut Turn<'a>) {
        let skims: Vec<Skim> = match fault {
            Fault::Batch => skim_batch(line).collect(),
            _ => vec![skim_line(line)],
        };
        if skims.iter().all(|skim| skim.id.is_none()) && self.handle_embedded_answer(line, turn) {
            return;
        }
        turn.push_action(Action::Stray(0..line.len()));
        let mut why = describe_fault("answer", fault);
        if matches!(fault, Fault::Utf8(_)) {
            why.push_str(" The line is not UTF-8; for a Python server set `PYTHONUTF8=1` in `env`.");
        }
        let traceparent = message::find_traceparent(line);
        skims.iter().for_each(|skim| self.refuse_server_line(skim, traceparent, &why, turn));
    }

    /// Handles an answer that shares its line with other text, if the client waits for it, or the wrapper does. Returns whether there is one.
    /// No request and no notification of the server is taken from such a line.
    fn handle_embedded_answer<'a>(&mut self, line: &'a [u8], turn: &mut Turn<'a>) -> bool {
        let Some((place, message)) =
            find_message(&mut self.reader, line).and_then(|place| Some((place.clone(), line.get(place)?)))
        else {
            return false;
        };
        let read = self.reader.read_line(message, StrictDepth::ENVELOPE);
        let Ok(Message::Response { id, key, answer, keys }) =
            read.and_then(|envelope| Message::from_envelope(&envelope))
        else {
            return false;
        };
        if !self.client_requests.waits_for_answer(&key) && !self.preparations.waits_for_answer(&key) {
            return false;
        }
        for around in [0..place.start, place.end..line.len()] {
            if line.get(around.clone()).is_some_and(|text| !text.trim_ascii().is_empty()) {
                turn.push_action(Action::Stray(around));
            }
        }
        turn.set_message(message);
        self.handle_server_response(message, (id, &key), (answer, keys), turn);
        true
    }

    /// Refuses a line of the server that is not forwarded: whoever waits for it, or for an answer to it, gets an error.
    pub(super) fn refuse_server_line(
        &mut self,
        skim: &Skim,
        traceparent: Option<&str>,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        let Some(id) = &skim.id else { return };
        // A message that is neither a request nor an answer is a damaged answer.
        let is_answer = skim.shape == Shape::Response || (skim.shape, skim.version) == (Shape::Unknown, Version::Named);
        if !is_answer && skim.shape != Shape::Request {
            return;
        }
        turn.push_note(format!("withheld a line from the server (id {id}): {why}"));
        let facts = Facts { traceparent, ..Facts::new(Direction::Server, None, PROTOCOL_RULE) };
        self.recorder.record_unacceptable(&facts, why, turn);
        if !is_answer {
            turn.send_to_server(reply::error_line(Some(id.as_str()), ErrorCode::InvalidRequest, why));
        } else if !self.handle_own_answer(&id.into(), None, turn)
            && let Some(open) = self.client_requests.take_waiting(&id.into())
        {
            turn.record_outcome(open.kind.into_draft(), Outcome::Error);
            turn.send_to_client(reply::error_line(Some(&open.id), ErrorCode::UpstreamUnreadable, why));
        }
    }
}
