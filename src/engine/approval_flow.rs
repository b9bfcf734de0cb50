//! Calls that a person was asked about: answers, deadlines, and what becomes of the call.

use std::time::Duration;

use super::action::{Action, Payload, Turn};
use super::approval_records::{Dropped, answered, timed_out, unavailable, withdrawn};
use super::approval_subjects::RequestSubject;
use super::approvals::{
    self, ApprovalAnswer, Channel, Covered, Dialogue, HeldCall, Local, NotChosen, OpenQuestion, Settled, Upshot,
};
use super::item_requests::read_item_params;
use super::lock_drift::advise_unread;
use super::open_requests::PendingCall;
use super::preparations::Approved;
use super::refusal::{Refused, Remedy, SubjectKind, format_refusal, format_seconds};
use super::{Engine, Now};
use crate::limits::{LATE_APPROVAL, MAX_QUOTED, READING_TIME};
use crate::lock::ItemKind;
use crate::policy::{Decision, Effect, Judgement, LOCK_RULE, Policy, ToolRef};
use crate::record::{Approval, Outcome, PROTOCOL_RULE};
use crate::visible::{escape_invisible, shorten};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, CallParams};
use crate::wire::{message, view};

const ANSWERED: &str = "It was answered elsewhere.";
const TOO_LATE: &str = "It is too late for this call.";

impl Engine {
    /// Handles all deadlines up to `now`: answers calls whose client would give up, ends questions that nobody answered,
    /// and sends progress for calls that still wait.
    pub fn handle_timeout(&mut self, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        let is_due = |question: &OpenQuestion| {
            question.until.min(question.call.as_ref().map_or(Duration::MAX, |held| held.until)) <= now.session
        };
        self.time_out_preparations(turn);
        while let Some(question) = self.approvals.take_question(is_due) {
            self.time_out(question, turn);
        }
        self.approvals.due_progress(now.session).for_each(|line| turn.send_to_client(line));
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called next, since the session began.
    pub fn poll_timeout(&self) -> Option<std::time::Duration> {
        self.approvals.next_deadline().into_iter().chain(self.preparations.next_deadline()).min()
    }

    fn time_out(&mut self, mut question: OpenQuestion, turn: &mut Turn<'_>) {
        let left = question.until.saturating_sub(turn.now.session);
        let is_in_round = question.is_in_round();
        let Some(held) = question.call.take() else {
            return close_question(&mut question, Settled::Over, TOO_LATE, turn);
        };
        if is_in_round {
            // The call was answered with the question, so the client does not wait for it.
            let (approval, outcome) = match question.answer.take() {
                Some((answer, channel)) => (answered(answer, channel), Outcome::Cancelled),
                None => (timed_out(&question), Outcome::Refused),
            };
            self.end_held(held, approval, outcome, turn);
            return close_question(&mut question, Settled::Over, TOO_LATE, turn);
        }
        let approval = timed_out(&question);
        let waited = turn.now.session.saturating_sub(held.came);
        let but = question.not_chosen.map_or_else(String::new, |how| format!(", and {}", how.describe()));
        let why = format!("Nobody answered within {}{but}.", format_seconds(waited.as_secs()));
        let remedy = if left.is_zero() { Remedy::AskAgain } else { Remedy::Again(left) };
        self.refuse_held(&question.about, held, approval, why, remedy, turn);
        self.keep_late(question, turn);
    }

    /// Keeps the question of a call that was answered without a decision, or that its client has given up, if there is time
    /// left.
    fn keep_late(&mut self, mut question: OpenQuestion, turn: &mut Turn<'_>) {
        if question.until <= turn.now.session {
            return close_question(&mut question, Settled::Over, TOO_LATE, turn);
        }
        if question.local == Local::Asked {
            turn.push_action(Action::Settle(question.number, Settled::Late));
        }
        if let Some(mut oldest) = self.approvals.add_late(question) {
            close_question(&mut oldest, Settled::Over, TOO_LATE, turn);
        }
    }

    pub(super) fn handle_answer(&mut self, number: u64, answer: ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        let is_asked = |question: &OpenQuestion| question.local == Local::Asked || channel == Channel::Client;
        let is_open = |question: &OpenQuestion| question.number == number && question.answer.is_none();
        let Some(mut question) = self.approvals.take_question(|it| is_open(it) && is_asked(it)) else {
            let is_over =
                self.approvals.find_question(number).is_none() && self.preparations.find_compared(number).is_none();
            if channel == Channel::Local && is_over {
                // Whoever gave it waits to hear that.
                turn.push_action(Action::Settle(number, Settled::Over));
            }
            return turn.push_note(format!("an answer to question {number} came after it was settled"));
        };
        let now = turn.now.session;
        if question.is_in_round() {
            // The call waits for its client to come back with it, which takes as long as a repetition may.
            close_question(&mut question, Settled::Answered(channel, Upshot::Kept), ANSWERED, turn);
            if channel == Channel::Local {
                // What becomes of the call is told there later.
                question.local = Local::Asked;
            }
            question.extend(now.saturating_add(LATE_APPROVAL));
            if is_refusal(&answer) {
                self.drop_approvals(question.covers, turn);
            }
            question.answer = Some((answer, channel));
            return self.approvals.add_question(question);
        }
        match question.call.take() {
            Some(held) => self.settle_held(question, held, answer, channel, turn),
            None => {
                turn.push_note(format!("a late answer to question {number}, by the {} channel", channel.as_str()));
                self.settle_late(question, &answer, channel, turn);
            }
        }
    }

    /// Settles a question whose call is over by an answer: it is for a repetition of the call.
    fn settle_late(
        &mut self,
        mut question: OpenQuestion,
        answer: &ApprovalAnswer,
        channel: Channel,
        turn: &mut Turn<'_>,
    ) {
        // What the client's next session may use is kept by the local channel alone: nobody uses it twice.
        let is_kept_there = question.outlives_session() && channel == Channel::Local && *answer == ApprovalAnswer::Once;
        self.record_late_answer(&question, answer, channel, turn);
        let upshot = if is_refusal(answer) { Upshot::Noted } else { Upshot::Granted };
        close_question(&mut question, Settled::Answered(channel, upshot), ANSWERED, turn);
        self.remember_answer(question.covers, answer, channel, turn);
        if !is_kept_there {
            self.approvals.grant_late(&question, answer, channel, turn.now.session);
        }
    }

    /// Remembers an answer. A person's last word counts.
    fn remember_answer(&mut self, covers: Covered, answer: &ApprovalAnswer, channel: Channel, turn: &mut Turn<'_>) {
        self.approvals.remember_answer(covers, answer, channel, turn.now.session);
        if is_refusal(answer) {
            self.drop_approvals(covers, turn);
        }
    }

    /// Drops the approvals that wait for a call which a person has refused since.
    fn drop_approvals(&mut self, covers: Covered, turn: &mut Turn<'_>) {
        let is_approved = |it: &OpenQuestion| {
            it.answer.as_ref().is_some_and(|(answer, _)| !is_refusal(answer)) && it.is_about(covers)
        };
        while let Some(approved) = self.approvals.take_question(is_approved) {
            self.drop_question(approved, Dropped::RefusedSince, turn);
        }
    }

    /// Turns answers that the client has not come for into answers about the call that it makes now. The first approval is for that
    /// call; another one is for a repetition.
    pub(super) fn take_up_answers(&mut self, covers: Covered, turn: &mut Turn<'_>) {
        let mut is_taken = false;
        while let Some(mut question) = self.approvals.take_question(|it| it.answers(covers)) {
            let (Some((answer, channel)), Some(held)) = (question.answer.take(), question.call.take()) else {
                continue;
            };
            let is_refused = is_refusal(&answer);
            let approval = if is_refused { answered(answer.clone(), channel) } else { withdrawn() };
            if is_taken && !is_refused {
                self.settle_late(question, &answer, channel, turn);
            } else {
                is_taken = !is_refused;
                let upshot = if is_refused { Upshot::Refused } else { Upshot::Sent };
                // The answers come in their order: one that is still there was given later.
                self.approvals.remember_answer(covers, &answer, channel, turn.now.session);
                self.approvals.grant_late(&question, &answer, channel, turn.now.session);
                close_question(&mut question, Settled::Answered(channel, upshot), ANSWERED, turn);
            }
            self.end_held(held, approval, Outcome::Cancelled, turn);
        }
    }

    /// Settles a held call by an answer.
    pub(super) fn settle_held(
        &mut self,
        mut question: OpenQuestion,
        held: HeldCall,
        answer: ApprovalAnswer,
        channel: Channel,
        turn: &mut Turn<'_>,
    ) {
        close_dialogue_of(&mut question, Some(channel), ANSWERED, turn);
        let list = if is_refusal(&answer) { None } else { self.find_unread_list(&question) };
        let approved = Approved { question, held, answer, channel };
        match list {
            // Whoever answered waits until it is read.
            Some(list) => self.wait_for_definition(list, approved, turn),
            None => self.settle_listed(approved, turn),
        }
    }

    /// Settles a held call by an answer. The definition of what it uses has been looked at, if that could be done: an approval is
    /// for the one that the server had listed when the person was asked.
    pub(super) fn settle_listed(&mut self, approved: Approved, turn: &mut Turn<'_>) {
        if !is_refusal(&approved.answer) && self.is_redefined(&approved, turn.now) {
            return self.ask_anew(approved, None, turn);
        }
        let Approved { question, held, answer, channel } = approved;
        let (question, held) = match self.compare_preview(question, held, (answer.clone(), channel), turn) {
            // Whoever answered waits until it is compared.
            Ok(()) => return,
            Err(kept) => *kept,
        };
        let (number, local) = (question.number, question.local);
        let approval = answered(answer.clone(), channel);
        let upshot = self.carry_out_answer(question, held, (answer, channel), approval, turn);
        if local == Local::Asked {
            turn.push_action(Action::Settle(number, Settled::Answered(channel, upshot)));
        }
    }

    /// Sends or refuses a held call; `approval` is what is recorded about the answer.
    pub(super) fn carry_out_answer(
        &mut self,
        question: OpenQuestion,
        held: HeldCall,
        (answer, channel): (ApprovalAnswer, Channel),
        approval: Approval,
        turn: &mut Turn<'_>,
    ) -> Upshot {
        self.remember_answer(question.covers, &answer, channel, turn);
        let OpenQuestion { about, covers, scope, not_chosen, .. } = question;
        let waited = turn.now.session.saturating_sub(held.since);
        let client_answer = not_chosen.map(NotChosen::as_str);
        let approval = Approval { waited, client_answer, ..approval };
        if let ApprovalAnswer::Refused { note } = &answer {
            let why = describe_refusal_by_person(note.as_deref());
            self.refuse_held(&about, held, approval, why, Remedy::Person, turn);
            return Upshot::Refused;
        }
        let HeldCall { method, id, key, line, rule, mut pending, progress, .. } = held;
        self.client_requests.remove_answered(&key);
        let policy = std::sync::Arc::clone(&self.policy);
        if let Err(refused) = self.judge_held(&policy, &about, (&line, &rule), turn.now) {
            let refusal = format_refusal(refused.clone(), about.name().0, about.name().1);
            let overtaken = |asked| self.recorder.redraft_decision(asked, refused.decision, &refusal.meta.reason);
            pending.draft = pending.draft.map(overtaken);
            pending.set_approval(approval);
            self.refuse_call(pending, (&id, &method), about.name(), refused, turn);
            return Upshot::Forbidden;
        }
        if answer == ApprovalAnswer::Session {
            self.approvals.grants.add_session(covers, scope, (channel, turn.now.session));
        }
        if let Some(progress) = progress {
            self.approvals.progress.set_floor(progress);
        }
        pending.record_approval(approval, turn.now.session);
        let (name, channel) = (about.name(), channel.as_str());
        let shown = self.shown_name(name.1);
        turn.push_note(format!("{method} of {shown:?} (id {id}) was approved by the {channel} channel"));
        self.forward_call(&id, key, name, Payload::Kept(line.into()), pending, turn);
        Upshot::Sent
    }

    /// Judges an approved request once more: another policy may be in force by now, the server may have listed more, and
    /// an approval overrides neither. `rule` is the one that has asked.
    pub(super) fn judge_held<'p>(
        &self,
        policy: &'p Policy,
        about: &'p RequestSubject,
        (line, rule): (&[u8], &str),
        now: Now,
    ) -> Result<(), Refused<'p>> {
        // The line at hand is only the answer.
        policy.work().begin_line(line.len());
        let judged = self.judge_held_line(policy, about, line, now);
        policy.work().end_line();
        let decision = judged?.decision;
        if decision.rule == LOCK_RULE && *rule != *LOCK_RULE {
            // The person was asked before it differed.
            return Err(Refused { decision, otherwise: None, remedy: Remedy::AskAgain });
        }
        Ok(())
    }

    fn judge_held_line<'p>(
        &self,
        policy: &'p Policy,
        about: &'p RequestSubject,
        line: &[u8],
        now: Now,
    ) -> Result<Judgement<'p>, Refused<'p>> {
        let line = std::str::from_utf8(line).unwrap_or_default().trim_ascii();
        let params = view::find_member(line, "params").filter(|params| *params != "null");
        // They were read before, so this cannot fail.
        let unreadable = |fault: Fault| {
            let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
            Refused { decision, otherwise: Some(fault.to_string()), remedy: Remedy::Restart }
        };
        match about {
            RequestSubject::Tool(tool) => {
                let call = CallParams::read(params).map_err(unreadable)?;
                let drift = self.tools.lock.find_used_drift(ItemKind::Tool, tool);
                let found = ToolRef { drift, ..self.tools.find_tool(tool) };
                let look_alike = self.tools.find_look_alike(tool, policy);
                self.gate
                    .judge_tool(policy, &call, (found, look_alike), now)
                    .map_err(|refused| advise_unread(refused, drift))
            }
            RequestSubject::Item(section, name) => {
                let call = read_item_params(*section, name, params).map_err(unreadable)?;
                let look_alike = self.find_item_look_alike(policy, *section, name);
                self.gate.judge_item(policy, self.find_item(policy, *section, name), &call, look_alike, now)
            }
        }
    }

    /// Handles the client's answer to a request of ours. Returns whether it was one.
    pub(super) fn handle_dialogue_answer(&mut self, key: &IdKey, answer: Answer<'_>, turn: &mut Turn<'_>) -> bool {
        let is_it =
            |dialogue: &Dialogue| matches!((dialogue, key), (Dialogue::Request(id), IdKey::Text(key)) if id == key);
        let Some(number) = self.approvals.find_dialogue(is_it) else { return false };
        match answer {
            Answer::Result(result) => {
                let since = self.approvals.find_question(number).map_or(turn.now.session, |question| question.since);
                match read_choice(since, result, turn.now.session) {
                    Ok(answer) => self.handle_answer(number, answer, Channel::Client, turn),
                    Err(not_chosen) => self.close_dialogue(number, Ok(not_chosen), turn),
                }
            }
            Answer::Error(error) => {
                let message = view::find_member(error, "message").and_then(view::decode_string).unwrap_or_default();
                self.close_dialogue(number, Err(&message), turn);
            }
        }
        true
    }

    /// Closes the client's channel for a question: with what the client answered, or with the error of one that could not ask.
    pub(super) fn close_dialogue(&mut self, number: u64, answered: Result<NotChosen, &str>, turn: &mut Turn<'_>) {
        let not_chosen = answered.ok();
        let how = match answered {
            Ok(not_chosen) => not_chosen.describe().to_owned(),
            Err("") => "the client could not ask".to_owned(),
            Err(error) => format!("the client could not ask ({})", escape_invisible(&shorten(error, MAX_QUOTED))),
        };
        turn.push_note(format!("question {number} is closed in the client: {how}"));
        if let Some(question) = self.approvals.find_question(number) {
            question.dialogue = None;
            question.not_chosen = not_chosen.or(question.not_chosen);
        }
        self.refuse_unanswerable(number, &format!("and {how}."), turn);
    }

    /// Refuses a held call if no channel is left on which a person could answer.
    pub(super) fn refuse_unanswerable(&mut self, number: u64, why: &str, turn: &mut Turn<'_>) {
        let is_lost = |question: &OpenQuestion| {
            question.number == number && question.dialogue.is_none() && question.local == Local::Not
        };
        let Some(question) = self.approvals.take_question(is_lost) else { return };
        let OpenQuestion { about, call: Some(held), not_chosen, .. } = question else { return };
        let why = format!("This call needs a person's approval, {why}");
        let approval = Approval { client_answer: not_chosen.map(NotChosen::as_str), ..unavailable() };
        self.refuse_held(&about, held, approval, why, Remedy::Channel, turn);
    }

    /// Handles the client's cancellation of a held call. Returns whether it was one. A client that gives up before the call
    /// is answered leaves the question open, as if it was answered in time.
    pub(super) fn cancel_held(&mut self, key: &IdKey, params: Option<&str>, turn: &mut Turn<'_>) -> bool {
        let Some(number) = self.client_requests.held_question(key) else { return false };
        self.client_requests.remove_answered(key);
        let Some(mut question) = self.approvals.take_question(|question| question.number == number) else {
            self.cancel_preparation(number, turn);
            return true;
        };
        if message::has_timed_out(params)
            && let Some(held) = question.call.take()
        {
            self.end_held(held, timed_out(&question), Outcome::Cancelled, turn);
            self.keep_late(question, turn);
        } else {
            self.drop_question(question, Dropped::Withdrawn, turn);
        }
        true
    }

    /// Closes all questions, because the session ends. The caller answers the calls themselves.
    pub(super) fn close_questions(&mut self, why: Dropped, turn: &mut Turn<'_>) {
        for question in self.approvals.take_all_questions() {
            self.drop_question(question, why, turn);
        }
    }

    pub(super) fn drop_question(&mut self, mut question: OpenQuestion, why: Dropped, turn: &mut Turn<'_>) {
        let settled = match &question.answer {
            _ if !question.outlives_session() || !why.ends_session() => Settled::Over,
            // The client has not come for it, so nobody has made the call.
            Some((ApprovalAnswer::Once, Channel::Local)) => Settled::Answered(Channel::Local, Upshot::Granted),
            Some(_) => Settled::Over,
            None => Settled::Left,
        };
        close_question(&mut question, settled, why.describe(), turn);
        if let Some(held) = question.call {
            self.end_held(held, why.approval(), why.outcome(), turn);
        }
    }

    /// Records that the server never got a held call. The client is not answered.
    pub(super) fn end_held(&mut self, held: HeldCall, approval: Approval, outcome: Outcome, turn: &mut Turn<'_>) {
        let HeldCall { mut pending, since, .. } = held;
        self.refund_call(&mut pending, turn);
        let waited = turn.now.session.saturating_sub(since);
        pending.set_approval(Approval { waited, ..approval });
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

    pub(super) fn refuse_call(
        &mut self,
        mut pending: PendingCall,
        (id, method): (&str, &str),
        (subject, name): (SubjectKind, &str),
        why: Refused<'_>,
        turn: &mut Turn<'_>,
    ) {
        self.refund_call(&mut pending, turn);
        let refusal = format_refusal(why, subject, name);
        turn.push_note(self.shown_name(&refusal.describe(method, id)).into_owned());
        turn.record_outcome(pending.draft, Outcome::Refused);
        self.send_refusal(id, pending.shape, &refusal, turn);
    }

    fn refund_call(&mut self, pending: &mut PendingCall, turn: &Turn<'_>) {
        if let Some(counted) = pending.counted.take() {
            self.gate.refund_call(*counted, turn.now);
        }
    }
}

/// Returns what a person chose in the client's dialogue, which is open since `since`.
///
/// # Errors
/// Returns an error if no person has made a choice.
pub(super) fn read_choice(since: Duration, result: &str, now: Duration) -> Result<ApprovalAnswer, NotChosen> {
    if now.saturating_sub(since) < READING_TIME {
        return Err(NotChosen::Unasked);
    }
    approvals::read_result(result).ok_or(NotChosen::Dismissed)
}

fn is_refusal(answer: &ApprovalAnswer) -> bool {
    matches!(answer, ApprovalAnswer::Refused { .. })
}

pub(super) fn describe_refusal_by_person(note: Option<&str>) -> String {
    match note {
        Some(note) => format!("A person refused this call and says: {note}"),
        None => "A person refused this call.".to_owned(),
    }
}

/// Closes a question wherever it is still open. A round stays open for the call to come back.
fn close_question(question: &mut OpenQuestion, how: Settled, why: &str, turn: &mut Turn<'_>) {
    if std::mem::replace(&mut question.local, Local::Not) == Local::Asked {
        turn.push_action(Action::Settle(question.number, how));
    }
    let answered = if let Settled::Answered(channel, _) = how { Some(channel) } else { None };
    close_dialogue_of(question, answered, why, turn);
}

/// Closes the client's dialogue, unless that is where it was `answered`.
fn close_dialogue_of(question: &mut OpenQuestion, answered: Option<Channel>, why: &str, turn: &mut Turn<'_>) {
    let dialogue = question.dialogue.take_if(|dialogue| matches!(dialogue, Dialogue::Request(_)));
    if let (Some(Dialogue::Request(id)), true) = (dialogue, answered != Some(Channel::Client)) {
        turn.send_to_client(approvals::build_cancellation(&id, why));
    }
}
