//! Approvals in rounds: from revision 2026-07-28 on, a call is answered with the question, and comes again with the answer
//! and our `requestState`.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use super::action::Turn;
use super::approval_flow::read_choice;
use super::approvals::{
    self, ApprovalAnswer, Channel, Dialogue, HeldCall, NotChosen, OpenQuestion, Progress, StateOrigin,
};
use super::open_requests::RequestKind;
use super::{ClientRequest, Engine};
use crate::record::{Digest, Direction, Facts, PROTOCOL_RULE, Subject};
use crate::wire::message::{self, CallParams};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::view;

/// What a state is not good for. Nothing tells a caller which of these it is.
const BAD_STATE: &str = "Invalid requestState: it was altered, is used up, or belongs to another call. Make the call again \
                         without requestState and inputResponses.";

/// What a call says about an earlier question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RoundOutcome {
    /// It comes with no state of ours.
    NewCall,
    /// It was answered, or waits now.
    Handled,
    /// It is this new call: it came with the state of an earlier session for this server, which nobody can answer for now.
    Anew(Vec<u8>),
}

impl Engine {
    /// Handles a call that comes with a state of ours. A state that is not good for this very call is refused, as the
    /// specification demands (SEP-2322): it never reaches the server.
    pub(super) fn handle_round(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        turn: &mut Turn<'_>,
    ) -> RoundOutcome {
        let Some((origin, state)) = self.read_state(call.request_state()) else { return RoundOutcome::NewCall };
        match origin {
            StateOrigin::Own => {}
            StateOrigin::Nested | StateOrigin::Foreign => return RoundOutcome::NewCall,
            // A client that starts its server anew for each call comes back to another process than the one that asked.
            StateOrigin::Earlier => return RoundOutcome::Anew(approvals::without_round(request.line)),
            StateOrigin::Altered => {
                self.refuse_bad_state(request, Some(Subject::Tool(&call.name)), turn);
                return RoundOutcome::Handled;
            }
        }
        let digest = approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        let now = turn.now.session;
        let Some((mut question, held)) = self.take_round((&*state, digest), (request.id, call.progress_token()), now)
        else {
            self.refuse_bad_state(request, Some(Subject::Tool(&call.name)), turn);
            return RoundOutcome::Handled;
        };
        let choice = match call.answer_to(approvals::OURS) {
            Some(result) => read_choice(question.since, result, now),
            None => Err(NotChosen::Dismissed),
        };
        let number = question.number;
        let held = HeldCall { key: request.key.clone(), ..held };
        if let Some((answer, channel)) = question.answer.take() {
            self.settle_held(question, held, answer, channel, turn);
            return RoundOutcome::Handled;
        }
        match choice {
            Ok(answer) => {
                // Whoever writes lines could have chosen this, so it is for no more than this call.
                let answer = if answer == ApprovalAnswer::Session { ApprovalAnswer::Once } else { answer };
                self.settle_held(question, held, answer, Channel::Client, turn);
            }
            Err(not_chosen) => {
                let until = question.until.min(now.saturating_add(self.client_patience()));
                let progress = call.progress_token().and_then(|token| Progress::new(token, now));
                self.client_requests.insert(request.key.clone(), request.id, RequestKind::Held(number));
                question.call = Some(HeldCall { until, progress, ..held });
                self.approvals.add_question(question);
                self.close_dialogue(number, Ok(not_chosen), turn);
            }
        }
        RoundOutcome::Handled
    }

    /// Takes the question about a call that comes again with `state`. The request with the id `id` waits for the answer from
    /// `now` on, and its progress comes under `token`; the server gets the line that the person was asked about.
    fn take_round(
        &mut self,
        (state, digest): (&str, Digest),
        (id, token): (&str, Option<&str>),
        now: Duration,
    ) -> Option<(OpenQuestion, HeldCall)> {
        let is_it = |question: &OpenQuestion| {
            let is_round = matches!(&question.dialogue, Some(Dialogue::Round(open)) if **open == *state);
            is_round && question.digest == digest && question.call.is_some()
        };
        let mut question = self.approvals.take_question(is_it)?;
        let held = question.call.take()?;
        // The line has an id, since it was read before.
        let line = approvals::resend_line(&held.line, &held.id, (id, token))?;
        Some((question, HeldCall { id: id.into(), line, came: now, ..held }))
    }

    /// Refuses a request other than a call if it comes with a state of ours, which is only good for a call.
    pub(super) fn refuse_own_state(&mut self, request: &ClientRequest<'_>, turn: &mut Turn<'_>) -> ControlFlow<()> {
        let state = request.params.and_then(|params| view::find_member(params, "requestState"));
        match self.read_state(state) {
            None | Some((StateOrigin::Nested | StateOrigin::Foreign, _)) => return ControlFlow::Continue(()),
            Some((StateOrigin::Own | StateOrigin::Earlier | StateOrigin::Altered, _)) => {}
        }
        self.refuse_bad_state(request, None, turn);
        ControlFlow::Break(())
    }

    /// Returns whose a state of a round is, and the state, decoded.
    fn read_state<'l>(&self, state: Option<&'l str>) -> Option<(StateOrigin, Cow<'l, str>)> {
        let state = view::decode_string(state?)?;
        Some((self.approvals.find_origin(&state), state))
    }

    fn refuse_bad_state(&mut self, request: &ClientRequest<'_>, subject: Option<Subject<'_>>, turn: &mut Turn<'_>) {
        let ClientRequest { id, method, .. } = request;
        turn.push_note(format!("refused {method} (id {id}): {BAD_STATE}"));
        let traceparent = message::traceparent(request.params);
        let facts = Facts { subject, traceparent, ..Facts::new(Direction::Client, Some(method), PROTOCOL_RULE) };
        self.recorder.record_unacceptable(&facts, BAD_STATE, turn);
        turn.send_to_client(reply::error_line(Some(id), ErrorCode::InvalidParams, BAD_STATE));
    }
}
