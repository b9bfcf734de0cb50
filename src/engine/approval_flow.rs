//! Calls that a person is asked about: held, and then sent, refused or cancelled.

use super::action::{Action, Payload, Turn};
use super::approvals::{
    self, ApprovalAnswer, ApprovalPrompt, Channel, Dialogue, ElicitationSupport, HeldCall, Local, OpenQuestion,
    Progress, Question, Settled,
};
use super::open_requests::{PendingCall, RequestKind};
use super::refusal::{Refused, Remedy, Subject, format_refusal, format_seconds};
use super::{ClientRequest, Engine, Now};
use crate::limits::MAX_HELD;
use crate::policy::{Asking, Decision, Effect};
use crate::record::{Approval, Digest, Outcome};
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::{reply, view};

pub(super) struct UnapprovedCall<'a> {
    pub(super) request: ClientRequest<'a>,
    pub(super) payload: Payload,
    pub(super) call: &'a CallParams<'a>,
    pub(super) decision: Decision<'a>,
    pub(super) asking: Asking,
    pub(super) pending: PendingCall,
}

/// What a repeated call says about an earlier question (2026-07-28).
#[derive(Debug)]
pub(super) enum RoundOutcome {
    /// The call brings no answer, or none that counts.
    NewCall,
    /// It answers the question about a held call, which is now settled.
    Settled,
    /// It brings a refusal that came too late for the call in question, and applies to this one.
    RefusedLate {
        /// The person's message to the agent.
        note: Option<String>,
    },
}

impl Engine {
    /// Asks a person about a call, unless one has answered already or nobody can be asked.
    pub(super) fn ask_person(&mut self, mut unapproved: UnapprovedCall<'_>, round: RoundOutcome, turn: &mut Turn<'_>) {
        let call = unapproved.call;
        if let RoundOutcome::RefusedLate { note } = round {
            let channel = Some(Channel::Client.as_str());
            let approval = Approval { verdict: "refused", channel, note: note.clone(), ..Approval::default() };
            return self.refuse_unasked(unapproved, approval, describe_refusal_by_person(note), Remedy::Person, turn);
        }
        let digest = approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        if let Some(channel) = self.approvals.grants.redeem_grant(&call.name, digest, turn.now.session) {
            let approval = Approval { verdict: "granted", channel: Some(channel.as_str()), ..Approval::default() };
            unapproved.pending.record_approval(approval, turn.now.session);
            let UnapprovedCall { request, payload, pending, .. } = unapproved;
            return self.forward_call(request.id, request.key, (Subject::Tool, &call.name), payload, pending, turn);
        }
        let channels = self.available_channels(call);
        if !channels.is_empty() && self.approvals.can_hold(unapproved.payload.bytes(unapproved.request.line).len()) {
            return self.hold_call(unapproved, digest, &channels, turn);
        }
        let (why, remedy) = if channels.is_empty() {
            ("This call needs a person's approval, and nobody can be asked.".to_owned(), Remedy::Channel)
        } else {
            (format!("{MAX_HELD} calls are waiting for a person already, or many bytes of them."), Remedy::Queue)
        };
        let approval = Approval { verdict: "unavailable", ..Approval::default() };
        self.refuse_unasked(unapproved, approval, why, remedy, turn);
    }

    fn refuse_unasked(
        &mut self,
        unapproved: UnapprovedCall<'_>,
        approval: Approval,
        why: String,
        remedy: Remedy,
        turn: &mut Turn<'_>,
    ) {
        let UnapprovedCall { request, call, decision, mut pending, .. } = unapproved;
        pending.set_approval(approval);
        let decision = Decision { reason: None, ..decision };
        let refused = Refused { decision, otherwise: Some(why), remedy };
        self.refuse_call(pending, (request.id, &call.name), refused, turn);
    }

    fn hold_call(&mut self, unapproved: UnapprovedCall<'_>, digest: Digest, channels: &[Channel], turn: &mut Turn<'_>) {
        if let Some(repeated) = self.approvals.take_repeated(digest) {
            close_question(repeated, Settled::Over, "The call was made again.", turn);
        }
        let UnapprovedCall { request, payload, call, decision, asking, pending } = unapproved;
        let mut line = payload.bytes(request.line).trim_ascii_end().to_vec();
        line.push(b'\n');
        let class = self.policy.class_of(self.tools.find_tool(&call.name));
        let question = Question {
            number: self.approvals.next_number(),
            tool: call.name.as_ref().into(),
            class: class.as_str(),
            rule: decision.rule.into(),
            reason: decision.reason.map(Into::into),
            arguments: call.arguments.unwrap_or("{}").into(),
            line: Digest::of_line(&line),
            timeout: asking.timeout.unwrap_or(self.approvals.options.timeout),
            local: if channels.contains(&Channel::Local) { Local::Asked } else { Local::Not },
        };
        let is_round = channels.contains(&Channel::Client) && pending.shape == AnswerShape::TypedResult;
        let dialogue = self.new_dialogue(&question, digest, channels, pending.shape);
        turn.push_note(format!(
            "tools/call of {:?} (id {}) waits for a person: {}",
            call.name, request.id, decision.rule
        ));
        turn.push_action(Action::Ask(Box::new(question.clone())));
        let server = self.policy.server().as_str();
        let prompt = ApprovalPrompt { server, risk: class.risk().as_str(), question: &question };
        let line_to_client = match &dialogue {
            Some(Dialogue::Request { id, .. }) => Some(prompt.build_request(id)),
            Some(Dialogue::Round { state }) => prompt.build_input_required(request.id, state),
            None => None,
        };
        if let Some(line) = line_to_client {
            turn.send_to_client(line);
        }
        let mut progress = None;
        if !is_round {
            self.client_requests.insert(request.key.clone(), request.id, RequestKind::Held(question.number));
            progress = call.progress_token().and_then(|token| Progress::new(token, turn.now.session));
        }
        self.approvals.add_held(HeldCall {
            question,
            id: request.id.into(),
            key: request.key,
            line: line.into(),
            file: decision.file.map(Into::into),
            digest,
            scope: asking.scope.unwrap_or_default(),
            pending,
            since: turn.now.session,
            dialogue,
            progress,
        });
    }

    /// `None` if the client is not one of the channels.
    fn new_dialogue(
        &self,
        question: &Question,
        digest: Digest,
        channels: &[Channel],
        shape: AnswerShape,
    ) -> Option<Dialogue> {
        if !channels.contains(&Channel::Client) {
            return None;
        }
        if shape == AnswerShape::TypedResult {
            return Some(Dialogue::Round {
                state: self.approvals.seal_question("state", question.number, &digest).into(),
            });
        }
        let id = self.approvals.seal_question("id", question.number, &digest);
        let key = IdKey::parse(format!("\"{id}\"").as_bytes()).ok()?;
        Some(Dialogue::Request { id: id.into(), key })
    }

    /// Returns the channels on which a person can be asked about a call. In a round of the client's own (2026-07-28)
    /// the call is not held, so another channel cannot release it: only the first possible channel counts.
    fn available_channels(&self, call: &CallParams<'_>) -> Vec<Channel> {
        let is_typed = call.answer_shape() == AnswerShape::TypedResult;
        let has_dialogues = if is_typed {
            call.elicitation().is_some_and(approvals::supports_forms)
        } else {
            self.approvals.elicitation == ElicitationSupport::Form
        };
        let can_ask = |channel: &Channel| *channel == Channel::Local || has_dialogues;
        let channels = self.approvals.options.channels.iter().copied().filter(can_ask);
        if is_typed { channels.take(1).collect() } else { channels.collect() }
    }

    /// Handles a person's answer on the local channel.
    pub fn handle_local_answer(&mut self, number: u64, answer: ApprovalAnswer, now: Now, actions: &mut Vec<Action>) {
        self.handle_answer(number, answer, Channel::Local, &mut Turn::new(now, actions));
    }

    /// Handles all deadlines up to `now`: refuses calls that nobody answered, and sends progress for those that still
    /// wait.
    pub fn handle_timeout(&mut self, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        while let Some(held) = self.approvals.take_timed_out(now.session) {
            self.time_out(held, turn);
        }
        while let Some(expired) = self.approvals.take_expired(now.session) {
            close_question(expired, Settled::Over, "It is too late for this call.", turn);
        }
        self.approvals.due_progress(now.session).for_each(|line| turn.send_to_client(line));
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called next, since the session began.
    pub fn poll_timeout(&self) -> Option<std::time::Duration> {
        self.approvals.next_deadline()
    }

    fn time_out(&mut self, held: HeldCall, turn: &mut Turn<'_>) {
        if let Some(oldest) = self.approvals.add_late(&held, turn.now.session) {
            close_question(oldest, Settled::Over, "It is too late for this call.", turn);
        }
        if held.question.local == Local::Asked {
            turn.push_action(Action::Settle(held.question.number, Settled::Late));
        }
        if let Some(Dialogue::Round { .. }) = held.dialogue {
            // The call was answered with the question, so the client does not wait for it.
            return self.end_held(held, "timed_out", Outcome::Refused, turn);
        }
        let why = format!("Nobody has answered within {}.", format_seconds(held.question.timeout.as_secs()));
        let approval = Approval { verdict: "timed_out", ..Approval::default() };
        self.refuse_held(held, approval, why, Remedy::Again, turn);
    }

    fn handle_answer(&mut self, number: u64, answer: ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        if let Some(held) = self.approvals.take_held(number) {
            self.settle_held(held, answer, channel, turn);
        } else if let Some(late) = self.approvals.answer_late(number, &answer, channel) {
            turn.push_note(format!("a late answer to question {number}, by the {} channel", channel.as_str()));
            close_question(late, Settled::Answered(channel), "It was answered elsewhere.", turn);
        } else {
            turn.push_note(format!("an answer to question {number} came after it was settled"));
        }
    }

    fn settle_held(&mut self, held: HeldCall, answer: ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        let question = held.open_question().answered_on(channel);
        close_question(question, Settled::Answered(channel), "It was answered elsewhere.", turn);
        let approval = Approval {
            verdict: match answer {
                ApprovalAnswer::Once => "approved_once",
                ApprovalAnswer::Session => "approved_for_session",
                ApprovalAnswer::Refused { .. } => "refused",
            },
            channel: Some(channel.as_str()),
            waited: turn.now.session.saturating_sub(held.since),
            note: None,
        };
        if let ApprovalAnswer::Refused { note } = answer {
            let approval = Approval { note: note.clone(), ..approval };
            return self.refuse_held(held, approval, describe_refusal_by_person(note), Remedy::Person, turn);
        }
        let HeldCall { question, id, key, line, digest, scope, mut pending, progress, .. } = held;
        self.client_requests.remove_answered(&key);
        // Another policy may be in force by now, and an approval does not override it.
        let policy = std::sync::Arc::clone(&self.policy);
        let decision = policy.judge_call(self.tools.find_tool(&question.tool), &question.arguments).decision;
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            pending.set_approval(approval);
            return self.refuse_call(pending, (&id, &question.tool), decision.into(), turn);
        }
        if answer == ApprovalAnswer::Session {
            self.approvals.grants.add_session(&question.tool, digest, scope, channel);
        }
        if let Some(progress) = progress {
            self.approvals.progress.set_floor(progress);
        }
        pending.record_approval(approval, turn.now.session);
        turn.push_note(format!(
            "tools/call of {:?} (id {id}) was approved by the {} channel",
            question.tool,
            channel.as_str()
        ));
        let payload = Payload::Written(line.into());
        self.forward_call(&id, key, (Subject::Tool, &question.tool), payload, pending, turn);
    }

    /// Handles the client's answer to a request of ours. Returns whether it was one.
    pub(super) fn handle_dialogue_answer(&mut self, key: &IdKey, answer: Answer<'_>, turn: &mut Turn<'_>) -> bool {
        let Some(number) = self.approvals.find_dialogue(|dialogue| dialogue.is_request(key)) else { return false };
        match answer {
            Answer::Result(result) => {
                self.handle_answer(number, approvals::read_result(result), Channel::Client, turn);
            }
            Answer::Error(_) => {
                turn.push_note("the client could not ask its user".to_owned());
                if !self.approvals.drop_dialogue(number) {
                    self.refuse_unanswerable(number, "and the client could not ask.", turn);
                }
            }
        }
        true
    }

    /// Handles a failure of the local channel to ask a question.
    pub fn handle_local_failure(&mut self, number: u64, why: &str, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        turn.push_note(format!("a person cannot be asked on the local channel: {why}"));
        if !self.approvals.drop_local(number) {
            self.refuse_unanswerable(number, &format!("and the local channel cannot ask: {why}"), turn);
        }
    }

    fn refuse_unanswerable(&mut self, number: u64, why: &str, turn: &mut Turn<'_>) {
        let Some(held) = self.approvals.take_held(number) else { return };
        let approval = Approval { verdict: "unavailable", ..Approval::default() };
        let why = format!("This call needs a person's approval, {why}");
        self.refuse_held(held, approval, why, Remedy::Channel, turn);
    }

    /// Returns whether a call carries a state of ours, so that its answer to us must not reach the server (2026-07-28).
    /// A state that only looks like ours may be another wrapper's.
    pub(super) fn is_our_round(&self, call: &CallParams<'_>) -> bool {
        let Some(state) = call.request_state().and_then(view::decode_string) else { return false };
        let digest = approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        let number = || state.split('-').nth(1)?.parse().ok();
        self.approvals.find_dialogue(|dialogue| dialogue.is_round(&state)).is_some()
            || number().is_some_and(|number| self.approvals.seal_question("state", number, &digest) == *state)
    }

    /// Handles the answer to our question that a repeated call may bring (2026-07-28).
    pub(super) fn handle_round(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        turn: &mut Turn<'_>,
    ) -> RoundOutcome {
        let Some(answer) = call.answer_to(approvals::OURS) else { return RoundOutcome::NewCall };
        let state = call.request_state().and_then(view::decode_string).unwrap_or_default();
        let Some(number) = self.approvals.find_dialogue(|dialogue| dialogue.is_round(&state)) else {
            return RoundOutcome::NewCall;
        };
        let digest = approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        let answer = approvals::read_result(answer);
        if let Some(held) = self.approvals.take_held(number) {
            // This request now waits for the answer, but the server gets the line that the person was asked about.
            if held.digest == digest
                && let Some(line) = approvals::replace_id(&held.line, &held.id, request.id)
            {
                let held = HeldCall { id: request.id.into(), key: request.key.clone(), line, ..held };
                self.settle_held(held, answer, Channel::Client, turn);
                return RoundOutcome::Settled;
            }
            self.end_held(held, "cancelled", Outcome::Refused, turn);
            return RoundOutcome::NewCall;
        }
        let is_this_call = self.approvals.is_late_for(number, digest);
        if let Some(late) = self.approvals.answer_late(number, &answer, Channel::Client) {
            close_question(late, Settled::Answered(Channel::Client), "", turn);
        }
        match answer {
            ApprovalAnswer::Refused { note } if is_this_call => RoundOutcome::RefusedLate { note },
            _ => RoundOutcome::NewCall,
        }
    }

    /// Handles the client's cancellation of a held call. Returns whether it was one.
    pub(super) fn cancel_held(&mut self, key: &IdKey, turn: &mut Turn<'_>) -> bool {
        let Some(number) = self.client_requests.held_question(key) else { return false };
        self.client_requests.remove_answered(key);
        if let Some(held) = self.approvals.take_held(number) {
            close_question(held.open_question(), Settled::Over, "The call was withdrawn.", turn);
            self.end_held(held, "cancelled", Outcome::Cancelled, turn);
        }
        true
    }

    /// Closes all questions, because the server has ended. The caller answers the calls themselves.
    pub(super) fn close_questions(&mut self, turn: &mut Turn<'_>) {
        for held in self.approvals.drain_held() {
            close_question(held.open_question(), Settled::Over, "The MCP server has ended.", turn);
            self.end_held(held, "cancelled", Outcome::ServerDied, turn);
        }
        for late in self.approvals.drain_late() {
            close_question(late, Settled::Over, "The MCP server has ended.", turn);
        }
    }

    /// Records that the server never got a held call. The client is not answered.
    fn end_held(&mut self, held: HeldCall, verdict: &'static str, outcome: Outcome, turn: &mut Turn<'_>) {
        let HeldCall { mut pending, since, .. } = held;
        self.refund_call(&mut pending, turn);
        let waited = turn.now.session.saturating_sub(since);
        pending.set_approval(Approval { verdict, waited, ..Approval::default() });
        turn.record_outcome(pending.draft, outcome);
    }

    fn refuse_held(&mut self, held: HeldCall, approval: Approval, why: String, remedy: Remedy, turn: &mut Turn<'_>) {
        let HeldCall { question, id, key, file, mut pending, since, .. } = held;
        pending.set_approval(Approval { waited: turn.now.session.saturating_sub(since), ..approval });
        self.client_requests.remove_answered(&key);
        let (effect, file) = (Effect::RequireApproval, file.as_deref());
        let decision = Decision { effect, rule: &question.rule, reason: None, file };
        let refused = Refused { decision, otherwise: Some(why), remedy };
        self.refuse_call(pending, (&id, &question.tool), refused, turn);
    }

    fn refuse_call(
        &mut self,
        mut pending: PendingCall,
        (id, name): (&str, &str),
        why: Refused<'_>,
        turn: &mut Turn<'_>,
    ) {
        self.refund_call(&mut pending, turn);
        let refusal = format_refusal(why, Subject::Tool, name);
        turn.push_note(refusal.describe("tools/call", id));
        turn.record_outcome(pending.draft, Outcome::Refused);
        turn.send_to_client(reply::refusal_line(id, pending.shape, &refusal.text, &refusal.meta));
    }

    fn refund_call(&mut self, pending: &mut PendingCall, turn: &Turn<'_>) {
        if let Some(counted) = pending.counted.take() {
            self.gate.refund_call(*counted, turn.now);
        }
    }
}

fn describe_refusal_by_person(note: Option<String>) -> String {
    match note {
        Some(note) => format!("A person refused this call and says: {note}"),
        None => "A person refused this call.".to_owned(),
    }
}

/// Closes a question wherever it is still open.
fn close_question(question: OpenQuestion, how: Settled, why: &str, turn: &mut Turn<'_>) {
    if question.local == Local::Asked {
        turn.push_action(Action::Settle(question.number, how));
    }
    if let Some(Dialogue::Request { id, .. }) = &question.dialogue {
        turn.send_to_client(approvals::build_cancellation(id, why));
    }
}
