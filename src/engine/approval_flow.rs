//! Calls that a person is asked about: held, and then sent, refused or cancelled.

use std::borrow::Cow;

use super::action::{Action, Payload, Turn};
use super::approvals::{
    self, ApprovalAnswer, Channel, Dialogue, ElicitationSupport, HeldCall, Local, OpenQuestion, Progress, Question,
    Settled,
};
use super::call_gate::{judge_item, judge_tool};
use super::item_requests::read_item_params;
use super::open_requests::{PendingCall, RequestKind};
use super::refusal::{Refused, Remedy, SubjectKind, format_refusal, format_seconds};
use super::{ClientRequest, Engine, Now};
use crate::limits::MAX_HELD;
use crate::policy::{Asking, Decision, Effect, Item, Policy, Section};
use crate::record::{Approval, Digest, Outcome, PROTOCOL_RULE};
use crate::risk::Class;
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::{reply, view};

const ANSWERED: &str = "It was answered elsewhere.";
const TOO_LATE: &str = "It is too late for this call.";

pub(super) struct UnapprovedCall<'a> {
    pub(super) request: ClientRequest<'a>,
    pub(super) payload: Payload,
    pub(super) call: &'a CallParams<'a>,
    /// `None` if it is a call of a tool. Otherwise `call` is named as a person is asked about it.
    pub(super) item: Option<Item<'a>>,
    pub(super) decision: Decision<'a>,
    pub(super) asking: Asking,
    pub(super) pending: PendingCall,
}

/// What a request that waits for a person is about.
#[derive(Clone, Debug)]
pub(super) enum RequestSubject {
    Tool(Box<str>),
    Item(Section, Box<str>),
}

impl RequestSubject {
    fn new(tool: &str, item: Option<Item<'_>>) -> Self {
        match item {
            None => Self::Tool(tool.into()),
            Some(Item { section, name, .. }) => Self::Item(section, name.into()),
        }
    }

    fn name(&self) -> (SubjectKind, &str) {
        match self {
            Self::Tool(name) => (SubjectKind::Tool, name),
            Self::Item(section, name) => (SubjectKind::of_section(*section), name),
        }
    }

    /// Returns the name that an approval for the session is for. A tool's name holds no NUL, so no other has it.
    pub(super) fn grant_name(&self) -> Cow<'_, str> {
        match self {
            Self::Tool(name) => Cow::Borrowed(name),
            Self::Item(section, name) => Cow::Owned(format!("{section}\0{name}")),
        }
    }
}

/// What a repeated call says about an earlier question (2026-07-28).
#[derive(Debug)]
pub(super) enum RoundOutcome {
    /// The call brings no answer, or none that counts.
    NewCall,
    /// It answers the question about a held call, which is now settled.
    Settled,
    /// It brings a refusal that came too late for the call in question, and applies to this one. The text is the
    /// person's note to the agent.
    RefusedLate(Option<String>),
}

impl Engine {
    /// Asks a person about a call, unless one has answered already or nobody can be asked.
    pub(super) fn ask_person(&mut self, unapproved: UnapprovedCall<'_>, round: RoundOutcome, turn: &mut Turn<'_>) {
        let call = unapproved.call;
        let about = RequestSubject::new(&call.name, unapproved.item);
        let covers = approvals::digest_of_round(&about.grant_name(), call);
        let channels = self.available_channels(call, unapproved.item);
        let (approval, why, remedy) = if let RoundOutcome::RefusedLate(note) = round {
            let channel = Some(Channel::Client.as_str());
            let approval = Approval { verdict: "refused", channel, note: note.clone(), ..Approval::default() };
            (approval, describe_refusal_by_person(note), Remedy::Person)
        } else if let Some(channel) = self.approvals.grants.redeem_grant(&about.grant_name(), covers, turn.now.session)
        {
            let UnapprovedCall { request, payload, mut pending, .. } = unapproved;
            let approval = Approval { verdict: "granted", channel: Some(channel.as_str()), ..Approval::default() };
            pending.record_approval(approval, turn.now.session);
            return self.forward_call(request.id, request.key, about.name(), payload, pending, turn);
        } else if channels.is_empty() {
            let why = "This call needs a person's approval, and nobody can be asked.";
            (unavailable(), why.to_owned(), Remedy::Channel)
        } else if self.approvals.can_hold(unapproved.payload.bytes(unapproved.request.line).len()) {
            return self.hold_call(unapproved, covers, &channels, turn);
        } else {
            let why = format!("{MAX_HELD} calls are waiting for a person already, or fewer very large ones.");
            (unavailable(), why, Remedy::Queue)
        };
        let UnapprovedCall { request, decision, mut pending, .. } = unapproved;
        pending.set_approval(approval);
        let refused = Refused { decision: Decision { reason: None, ..decision }, otherwise: Some(why), remedy };
        self.refuse_call(pending, (request.id, request.method), about.name(), refused, turn);
    }

    fn hold_call(&mut self, unapproved: UnapprovedCall<'_>, covers: Digest, channels: &[Channel], turn: &mut Turn<'_>) {
        if let Some(late) = self.approvals.take_question(|late| late.call.is_none() && late.covers == covers) {
            close_question(&late, Settled::Over, "The call was made again.", turn);
        }
        let UnapprovedCall { request, payload, call, item, decision, asking, pending } = unapproved;
        let about = RequestSubject::new(&call.name, item);
        let mut line = payload.bytes(request.line).trim_ascii_end().to_vec();
        line.push(b'\n');
        let class = match item.map(|item| item.section) {
            None => self.policy.class_of(self.tools.find_tool(&call.name)),
            Some(Section::Resources | Section::Prompts) => Class::Read,
            Some(Section::Methods | Section::Requests) => Class::Execute,
        };
        let digest = approvals::digest_of(&about.grant_name(), call.arguments.unwrap_or("{}"));
        let number = self.approvals.next_number();
        let question = Question {
            number,
            tool: call.name.as_ref().into(),
            class: class.as_str(),
            rule: decision.rule.into(),
            reason: decision.reason.map(Into::into),
            arguments: call.arguments.unwrap_or("{}").into(),
            line: Digest::of_line(&line),
            timeout: asking.timeout.unwrap_or(self.approvals.options.timeout),
            local: if channels.contains(&Channel::Local) { Local::Asked } else { Local::Not },
        };
        let dialogue = channels.contains(&Channel::Client).then(|| match pending.shape {
            AnswerShape::TypedResult => Dialogue::Round(self.approvals.seal_question("state", number, &digest)),
            _ => Dialogue::Request(self.approvals.seal_question("id", number, &digest)),
        });
        turn.push_note(format!(
            "{} of {:?} (id {}) waits for a person: {}",
            request.method,
            about.name().1,
            request.id,
            decision.rule
        ));
        let line_to_client = dialogue.as_ref().map(|dialogue| {
            let params = approvals::build_params(&question, self.policy.server().as_str(), class.risk().as_str());
            match dialogue {
                Dialogue::Request(id) => approvals::build_request(id, &params),
                Dialogue::Round(state) => approvals::build_input_required(request.id, state, params),
            }
        });
        let (shown, rule, local) = (question.tool.clone(), question.rule.clone(), question.local);
        let until = turn.now.session.saturating_add(question.timeout);
        turn.push_action(Action::Ask(Box::new(question)));
        if let Some(line) = line_to_client {
            turn.send_to_client(line);
        }
        let mut progress = None;
        if !matches!(dialogue, Some(Dialogue::Round(_))) {
            self.client_requests.insert(request.key.clone(), request.id, RequestKind::Held(number));
            progress = call.progress_token().and_then(|token| Progress::new(token, turn.now.session));
        }
        let call = HeldCall {
            method: request.method.into(),
            id: request.id.into(),
            key: request.key,
            line: line.into(),
            rule,
            file: decision.file.map(Into::into),
            pending,
            since: turn.now.session,
            progress,
        };
        let scope = asking.scope.unwrap_or_default();
        let call = Some(call);
        let question = OpenQuestion { number, shown, about, digest, covers, scope, local, dialogue, until, call };
        self.approvals.add_question(question);
    }

    /// Returns the channels on which a person can be asked about a call. In a round of the client's own (2026-07-28)
    /// the call is not held, so another channel cannot release it: only the first possible channel counts.
    fn available_channels(&self, call: &CallParams<'_>, item: Option<Item<'_>>) -> Vec<Channel> {
        let is_typed = call.answer_shape() == AnswerShape::TypedResult;
        let has_dialogues = if is_typed && item.is_some() {
            // Only a call can be answered with a question, and this revision has no requests of ours.
            false
        } else if is_typed {
            call.elicitation().is_some_and(approvals::supports_forms)
        } else {
            self.approvals.elicitation == ElicitationSupport::Form
        };
        let can_ask = |channel: &Channel| *channel == Channel::Local || has_dialogues;
        let channels = self.approvals.options.channels.iter().copied().filter(can_ask);
        if is_typed && item.is_none() { channels.take(1).collect() } else { channels.collect() }
    }

    /// Handles a person's answer on the local channel.
    pub fn handle_local_answer(&mut self, number: u64, answer: ApprovalAnswer, now: Now, actions: &mut Vec<Action>) {
        self.handle_answer(number, answer, Channel::Local, &mut Turn::new(now, actions));
    }

    /// Handles all deadlines up to `now`: refuses calls that nobody answered, and sends progress for those that still
    /// wait.
    pub fn handle_timeout(&mut self, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        while let Some(mut question) = self.approvals.take_question(|question| question.until <= now.session) {
            match question.call.take() {
                Some(held) => self.time_out(question, held, turn),
                None => close_question(&question, Settled::Over, TOO_LATE, turn),
            }
        }
        self.approvals.due_progress(now.session).for_each(|line| turn.send_to_client(line));
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called next, since the session began.
    pub fn poll_timeout(&self) -> Option<std::time::Duration> {
        self.approvals.next_deadline()
    }

    fn time_out(&mut self, question: OpenQuestion, held: HeldCall, turn: &mut Turn<'_>) {
        if question.local == Local::Asked {
            turn.push_action(Action::Settle(question.number, Settled::Late));
        }
        let approval = Approval { verdict: "timed_out", ..Approval::default() };
        if let Some(Dialogue::Round(_)) = question.dialogue {
            // The call was answered with the question, so the client does not wait for it.
            self.end_held(held, approval.verdict, Outcome::Refused, turn);
        } else {
            let timeout = question.until.saturating_sub(held.since);
            let why = format!("Nobody has answered within {}.", format_seconds(timeout.as_secs()));
            self.refuse_held(&question.about, held, approval, why, Remedy::Again, turn);
        }
        if let Some(oldest) = self.approvals.add_late(question, turn.now.session) {
            close_question(&oldest, Settled::Over, TOO_LATE, turn);
        }
    }

    fn handle_answer(&mut self, number: u64, answer: ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        let Some(mut question) = self.approvals.take_question(|question| question.number == number) else {
            return turn.push_note(format!("an answer to question {number} came after it was settled"));
        };
        match question.call.take() {
            Some(held) => self.settle_held(question, held, answer, channel, turn),
            None => {
                turn.push_note(format!("a late answer to question {number}, by the {} channel", channel.as_str()));
                self.settle_late(question, &answer, channel, turn);
            }
        }
    }

    fn settle_late(&mut self, late: OpenQuestion, answer: &ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        self.approvals.grant_late(&late, answer, channel);
        close_question(&late, Settled::Answered(channel), ANSWERED, turn);
    }

    fn settle_held(
        &mut self,
        question: OpenQuestion,
        held: HeldCall,
        answer: ApprovalAnswer,
        channel: Channel,
        turn: &mut Turn<'_>,
    ) {
        close_question(&question, Settled::Answered(channel), ANSWERED, turn);
        let OpenQuestion { about, covers, scope, .. } = question;
        let verdict = match answer {
            ApprovalAnswer::Once => "approved_once",
            ApprovalAnswer::Session => "approved_for_session",
            ApprovalAnswer::Refused { .. } => "refused",
        };
        let waited = turn.now.session.saturating_sub(held.since);
        let approval = Approval { verdict, channel: Some(channel.as_str()), waited, note: None };
        if let ApprovalAnswer::Refused { note } = answer {
            let approval = Approval { note: note.clone(), ..approval };
            return self.refuse_held(&about, held, approval, describe_refusal_by_person(note), Remedy::Person, turn);
        }
        let HeldCall { method, id, key, line, mut pending, progress, .. } = held;
        self.client_requests.remove_answered(&key);
        let policy = std::sync::Arc::clone(&self.policy);
        if let Err(refused) = self.judge_held(&policy, &about, &line) {
            pending.set_approval(approval);
            return self.refuse_call(pending, (&id, &method), about.name(), refused, turn);
        }
        if answer == ApprovalAnswer::Session {
            self.approvals.grants.add_session(&about.grant_name(), covers, scope, channel);
        }
        if let Some(progress) = progress {
            self.approvals.progress.set_floor(progress);
        }
        pending.record_approval(approval, turn.now.session);
        let (name, channel) = (about.name(), channel.as_str());
        turn.push_note(format!("{method} of {:?} (id {id}) was approved by the {channel} channel", name.1));
        self.forward_call(&id, key, name, Payload::Written(line.into()), pending, turn);
    }

    /// Judges an approved request once more: another policy may be in force by now, the server may have listed more, and
    /// an approval overrides neither.
    fn judge_held<'p>(&self, policy: &'p Policy, about: &'p RequestSubject, line: &[u8]) -> Result<(), Refused<'p>> {
        let line = std::str::from_utf8(line).unwrap_or_default().trim_ascii();
        let params = view::find_member(line, "params").filter(|params| *params != "null");
        // They were read before, so this cannot fail.
        let unreadable = |fault: Fault| {
            let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
            Refused { decision, otherwise: Some(fault.to_string()), remedy: Remedy::Restart }
        };
        let judged = match about {
            RequestSubject::Tool(tool) => {
                let call = CallParams::read(params).map_err(unreadable)?;
                let (listing, look_alike) =
                    (self.tools.find_tool(tool).listing, self.tools.find_look_alike(tool, policy));
                judge_tool(policy, &call, (listing, look_alike))
            }
            RequestSubject::Item(section, name) => {
                let call = read_item_params(*section, name, params).map_err(unreadable)?;
                let look_alike = self.find_item_look_alike(policy, *section, name);
                judge_item(policy, self.find_item(policy, *section, name), &call, look_alike)
            }
        };
        judged.map(drop)
    }

    /// Handles the client's answer to a request of ours. Returns whether it was one.
    pub(super) fn handle_dialogue_answer(&mut self, key: &IdKey, answer: Answer<'_>, turn: &mut Turn<'_>) -> bool {
        let is_it =
            |dialogue: &Dialogue| matches!((dialogue, key), (Dialogue::Request(id), IdKey::Text(key)) if id == key);
        let Some(number) = self.approvals.find_dialogue(is_it) else { return false };
        match answer {
            Answer::Result(result) => {
                self.handle_answer(number, approvals::read_result(result), Channel::Client, turn);
            }
            Answer::Error(_) => {
                turn.push_note("the client could not ask its user".to_owned());
                if let Some(question) = self.approvals.find_question(number) {
                    question.dialogue = None;
                }
                self.refuse_unanswerable(number, "and the client could not ask.", turn);
            }
        }
        true
    }

    /// Handles a failure of the local channel to ask a question.
    pub fn handle_local_failure(&mut self, number: u64, why: &str, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        turn.push_note(format!("a person cannot be asked on the local channel: {why}"));
        if let Some(question) = self.approvals.find_question(number) {
            question.local = Local::Not;
        }
        self.refuse_unanswerable(number, &format!("and the local channel cannot ask: {why}"), turn);
    }

    /// Refuses a held call if no channel is left on which a person could answer.
    fn refuse_unanswerable(&mut self, number: u64, why: &str, turn: &mut Turn<'_>) {
        let is_lost = |question: &OpenQuestion| {
            question.number == number && question.dialogue.is_none() && question.local == Local::Not
        };
        let Some(OpenQuestion { about, call: Some(held), .. }) = self.approvals.take_question(is_lost) else { return };
        let why = format!("This call needs a person's approval, {why}");
        self.refuse_held(&about, held, unavailable(), why, Remedy::Channel, turn);
    }

    /// Returns whether a call carries a state of ours, so that its answer to us must not reach the server (2026-07-28).
    /// A state that only looks like ours may be another wrapper's.
    pub(super) fn is_our_round(&self, call: &CallParams<'_>) -> bool {
        let Some(state) = call.request_state().and_then(view::decode_string) else { return false };
        let digest = approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        let number = || state.split('-').nth(1)?.parse().ok();
        self.approvals.find_round(&state).is_some()
            || number().is_some_and(|number| *self.approvals.seal_question("state", number, &digest) == *state)
    }

    /// Handles the answer to our question that a repeated call may bring (2026-07-28).
    pub(super) fn handle_round(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        turn: &mut Turn<'_>,
    ) -> RoundOutcome {
        let Some(answer) = call.answer_to(approvals::OURS).map(approvals::read_result) else {
            return RoundOutcome::NewCall;
        };
        let state = call.request_state().and_then(view::decode_string).unwrap_or_default();
        let number = self.approvals.find_round(&state);
        let Some(mut question) = self.approvals.take_question(|question| Some(question.number) == number) else {
            return RoundOutcome::NewCall;
        };
        let is_this_call = question.digest == approvals::digest_of(&call.name, call.arguments.unwrap_or("{}"));
        let Some(held) = question.call.take() else {
            self.settle_late(question, &answer, Channel::Client, turn);
            return match answer {
                ApprovalAnswer::Refused { note } if is_this_call => RoundOutcome::RefusedLate(note),
                _ => RoundOutcome::NewCall,
            };
        };
        // This request now waits for the answer, but the server gets the line that the person was asked about.
        if is_this_call && let Some(line) = approvals::replace_id(&held.line, &held.id, request.id) {
            let held = HeldCall { id: request.id.into(), key: request.key.clone(), line, ..held };
            self.settle_held(question, held, answer, Channel::Client, turn);
            return RoundOutcome::Settled;
        }
        self.end_held(held, "cancelled", Outcome::Refused, turn);
        RoundOutcome::NewCall
    }

    /// Handles the client's cancellation of a held call. Returns whether it was one.
    pub(super) fn cancel_held(&mut self, key: &IdKey, turn: &mut Turn<'_>) -> bool {
        let Some(number) = self.client_requests.held_question(key) else { return false };
        self.client_requests.remove_answered(key);
        if let Some(question) = self.approvals.take_question(|question| question.number == number) {
            self.drop_question(question, "The call was withdrawn.", Outcome::Cancelled, turn);
        }
        true
    }

    /// Closes all questions, because the server has ended. The caller answers the calls themselves.
    pub(super) fn close_questions(&mut self, turn: &mut Turn<'_>) {
        for question in self.approvals.take_all_questions() {
            self.drop_question(question, "The MCP server has ended.", Outcome::ServerDied, turn);
        }
    }

    fn drop_question(&mut self, mut question: OpenQuestion, why: &str, outcome: Outcome, turn: &mut Turn<'_>) {
        let held = question.call.take();
        close_question(&question, Settled::Over, why, turn);
        if let Some(held) = held {
            self.end_held(held, "cancelled", outcome, turn);
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

    fn refuse_held(
        &mut self,
        about: &RequestSubject,
        held: HeldCall,
        approval: Approval,
        why: String,
        remedy: Remedy,
        turn: &mut Turn<'_>,
    ) {
        let HeldCall { method, id, key, rule, file, mut pending, since, .. } = held;
        pending.set_approval(Approval { waited: turn.now.session.saturating_sub(since), ..approval });
        self.client_requests.remove_answered(&key);
        let effect = Effect::RequireApproval;
        let decision = Decision { effect, rule: &rule, reason: None, file: file.as_deref() };
        let refused = Refused { decision, otherwise: Some(why), remedy };
        self.refuse_call(pending, (&id, &method), about.name(), refused, turn);
    }

    fn refuse_call(
        &mut self,
        mut pending: PendingCall,
        (id, method): (&str, &str),
        (subject, name): (SubjectKind, &str),
        why: Refused<'_>,
        turn: &mut Turn<'_>,
    ) {
        self.refund_call(&mut pending, turn);
        let refusal = format_refusal(why, subject, name);
        turn.push_note(refusal.describe(method, id));
        turn.record_outcome(pending.draft, Outcome::Refused);
        turn.send_to_client(reply::refusal_line(id, pending.shape, &refusal.text, &refusal.meta));
    }

    fn refund_call(&mut self, pending: &mut PendingCall, turn: &Turn<'_>) {
        if let Some(counted) = pending.counted.take() {
            self.gate.refund_call(*counted, turn.now);
        }
    }
}

fn unavailable() -> Approval {
    Approval { verdict: "unavailable", ..Approval::default() }
}

fn describe_refusal_by_person(note: Option<String>) -> String {
    match note {
        Some(note) => format!("A person refused this call and says: {note}"),
        None => "A person refused this call.".to_owned(),
    }
}

/// Closes a question wherever it is still open.
fn close_question(question: &OpenQuestion, how: Settled, why: &str, turn: &mut Turn<'_>) {
    if question.local == Local::Asked {
        turn.push_action(Action::Settle(question.number, how));
    }
    // An answer in the client has closed its dialogue.
    if let (Some(Dialogue::Request(id)), true) = (&question.dialogue, how != Settled::Answered(Channel::Client)) {
        turn.send_to_client(approvals::build_cancellation(id, why));
    }
}
