//! Calls that a person is asked about: held, and released, refused or withdrawn.

use std::time::Duration;

use super::action::Action;
use super::approvals::{
    self, Channel, Closed, Dialogue, DialogueAnswer, Local, Progress, Question, Settled, Verdict, Waiting, Words,
};
use super::calls::Passed;
use super::open::{Call, Kind};
use super::refusal::{Refused, Remedy, Subject, refusal, seconds};
use super::{Engine, Now, Request, finish, note, refused};
use crate::limits::MAX_HELD;
use crate::policy::{Asking, Decision, Effect};
use crate::record::{Approval, Draft, Outcome};
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::reply;

/// Whose line is worked on, and so how a message of ours gets to the client: as a reply to its own, or in place of one of
/// the server's. What is nobody's line, such as time passing, counts as the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    fn to_client(self, line: Vec<u8>) -> Action {
        match self {
            Self::Client => Action::Reply(line),
            Self::Server => Action::Replace(line),
        }
    }
}

impl Engine {
    /// A call that passes if a person lets it.
    pub(super) fn ask(
        &mut self,
        request: Request<'_>,
        call: &CallParams<'_>,
        passed: Passed<'_>,
        (asking, draft): (Asking, Option<Draft>),
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let Passed { decision, counted, .. } = passed;
        let arguments = call.arguments.unwrap_or("{}");
        let same = approvals::same(&call.name, arguments);
        let shape = call.answer_shape();
        let mut held = Call { counted, draft, shape };
        if let Some(note) = request.refused {
            let channel = Some(Channel::Client.as_str());
            held.approval(Approval { verdict: "refused", channel, note: note.clone(), ..Approval::default() });
            let why = by_a_person(Decision { reason: None, ..decision }, note);
            return self.refuse_held(held, (request.id, &call.name), why, Side::Client, now, actions);
        }
        if let Some(channel) = self.approvals.grants.take(&call.name, same, now.session) {
            let approval = Approval { verdict: "granted", channel: Some(channel.as_str()), ..Approval::default() };
            held.approved(approval, now);
            return self.pass_on(
                (request.id, request.key, request.line),
                held,
                (Subject::Tool, &call.name),
                now,
                actions,
            );
        }
        let channels = self.channels(call);
        if channels.is_empty() || !self.approvals.has_room(request.line.len()) {
            let (verdict, otherwise, remedy) = if channels.is_empty() {
                (
                    "unavailable",
                    "This call needs a person's approval, and nobody can be asked.".to_owned(),
                    Remedy::Channel,
                )
            } else {
                (
                    "unavailable",
                    format!("{MAX_HELD} calls are waiting for a person already, or many bytes of them."),
                    Remedy::Room,
                )
            };
            held.approval(Approval { verdict, ..Approval::default() });
            let decision = Decision { reason: None, ..decision };
            let refused = Refused { decision, otherwise: Some(otherwise), remedy };
            return self.refuse_held(held, (request.id, &call.name), refused, Side::Client, now, actions);
        }
        if let Some(closed) = self.approvals.comes_again(same) {
            close(closed, Settled::Over, "The call was made again.", Side::Client, actions);
        }
        let number = self.approvals.next_number();
        let local = if channels.contains(&Channel::Local) { Local::Asked } else { Local::Not };
        let timeout = asking.timeout.unwrap_or(self.approvals.asks.timeout);
        let class = self.policy.class(self.listed.tool(&call.name));
        let words = Words {
            server: self.policy.server().as_str(),
            tool: &call.name,
            class: class.as_str(),
            risk: class.risk().as_str(),
            rule: decision.rule,
            reason: decision.reason,
            arguments,
        };
        let mut line = request.line.trim_ascii_end().to_vec();
        line.push(b'\n');
        let question = Question {
            number,
            tool: call.name.as_ref().into(),
            class: class.as_str(),
            rule: decision.rule.into(),
            reason: decision.reason.map(Into::into),
            arguments: arguments.into(),
            line: crate::record::Digest::of(&line),
            timeout,
            local,
        };
        let by_client = channels.contains(&Channel::Client);
        let is_round = by_client && shape == AnswerShape::TypedResult;
        let seal = self.approvals.seal(if is_round { "state" } else { "id" }, number, &same);
        let dialogue = match (by_client, is_round) {
            (false, _) => None,
            (true, true) => Some(Dialogue::Round { state: seal.clone().into() }),
            (true, false) => {
                let id = format!("\"{seal}\"");
                crate::wire::id::IdKey::parse(id.as_bytes())
                    .ok()
                    .map(|key| Dialogue::Request { id: seal.clone().into(), key })
            }
        };
        note(actions, || {
            format!("tools/call of {:?} (id {}) waits for a person: {}", call.name, request.id, decision.rule)
        });
        actions.push(Action::Ask(Box::new(question.clone())));
        match &dialogue {
            Some(Dialogue::Request { id, .. }) => actions.push(Action::Reply(words.request(id))),
            Some(Dialogue::Round { state }) => {
                actions.extend(words.input_required(request.id, state).map(Action::Reply));
            }
            None => {}
        }
        let progress = call.progress_token().and_then(|token| Progress::new(token, now.session));
        if !is_round {
            self.client_requests.insert(request.key.clone(), request.id, Kind::Held(number));
        }
        self.approvals.wait(Waiting {
            question,
            id: request.id.into(),
            key: request.key,
            line: line.into(),
            file: decision.file.map(Into::into),
            same,
            scope: asking.scope.unwrap_or_default(),
            call: held,
            since: now.session,
            dialogue,
            progress: if is_round { None } else { progress },
        });
    }

    /// The channels by which a person can be asked about a call. In a round of the client's own (2026-07-28) there is
    /// nothing left to be held for another channel, so the first that can be had is the only one.
    fn channels(&self, call: &CallParams<'_>) -> Vec<Channel> {
        let is_typed = call.answer_shape() == AnswerShape::TypedResult;
        let by_client = match (is_typed, call.elicitation()) {
            (true, elicitation) => elicitation.is_some_and(approvals::has_form),
            (false, _) => self.approvals.offered == approvals::Offered::Form,
        };
        let can = |channel: &Channel| *channel == Channel::Local || by_client;
        let channels = self.approvals.asks.channels.iter().copied().filter(can);
        if is_typed { channels.take(1).collect() } else { channels.collect() }
    }

    /// A person has answered on the local channel.
    pub fn answered_locally(&mut self, number: u64, verdict: Verdict, now: Now, actions: &mut Vec<Action>) {
        self.decided(number, verdict, Channel::Local, Side::Server, now, actions);
    }

    /// Does what time has made due: calls that nobody answered are refused, clients are told that others still wait.
    pub fn time_passed(&mut self, now: Now, actions: &mut Vec<Action>) {
        while let Some(waiting) = self.approvals.timed_out(now.session) {
            self.time_is_over(waiting, now, actions);
        }
        while let Some(closed) = self.approvals.too_late(now.session) {
            close(closed, Settled::Over, "It is too late for this call.", Side::Server, actions);
        }
        for waiting in self.approvals.waiting() {
            let progress = waiting.progress.as_mut();
            actions.extend(progress.and_then(|p| p.due(&waiting.question.tool, now.session)).map(Action::Replace));
        }
    }

    /// When [`time_passed`](Self::time_passed) has something to do, since the session began.
    pub fn next_time(&self) -> Option<Duration> {
        self.approvals.next()
    }

    fn time_is_over(&mut self, waiting: Waiting, now: Now, actions: &mut Vec<Action>) {
        if let Some(closed) = self.approvals.is_late(&waiting, now.session) {
            close(closed, Settled::Over, "It is too late for this call.", Side::Server, actions);
        }
        if waiting.question.local == Local::Asked {
            actions.push(Action::Settle(waiting.question.number, Settled::Late));
        }
        let is_round = matches!(waiting.dialogue, Some(Dialogue::Round { .. }));
        let Waiting { question, id, key, file, mut call, since, .. } = waiting;
        call.approval(Approval {
            verdict: "timed_out",
            waited: now.session.saturating_sub(since),
            ..Approval::default()
        });
        let decision = asks(&question, file.as_deref());
        let otherwise = format!("Nobody has answered within {}.", seconds(question.timeout.as_secs()));
        let refused = Refused { decision, otherwise: Some(otherwise), remedy: Remedy::Again };
        if is_round {
            // The call itself was answered with the question; there is nobody to tell.
            self.withdraw(&mut call, now);
            finish(call.draft, Outcome::Refused, now, actions);
            return;
        }
        self.client_requests.remove(&key);
        self.refuse_held(call, (&id, &question.tool), refused, Side::Server, now, actions);
    }

    /// A person has decided.
    fn decided(
        &mut self,
        number: u64,
        verdict: Verdict,
        channel: Channel,
        side: Side,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let Some(waiting) = self.approvals.take(number) else {
            match self.approvals.answered_late(number, &verdict, channel) {
                Some(closed) => {
                    let closed = closed.answered_by(channel);
                    note(actions, || {
                        format!("a late answer to question {number}, by the {} channel", channel.as_str())
                    });
                    close(closed, Settled::Answered(channel), "It was answered elsewhere.", side, actions);
                }
                None => note(actions, || format!("an answer to question {number} came after it was settled")),
            }
            return;
        };
        let closed = waiting.closed().answered_by(channel);
        close(closed, Settled::Answered(channel), "It was answered elsewhere.", side, actions);
        self.settle(waiting, verdict, channel, side, now, actions);
    }

    fn settle(
        &mut self,
        waiting: Waiting,
        verdict: Verdict,
        channel: Channel,
        side: Side,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let Waiting { question, id, key, line, file, same, scope, mut call, since, progress, .. } = waiting;
        let approval = Approval {
            verdict: match verdict {
                Verdict::Once => "approved_once",
                Verdict::Session => "approved_for_session",
                Verdict::Refused { .. } => "refused",
            },
            channel: Some(channel.as_str()),
            waited: now.session.saturating_sub(since),
            note: match &verdict {
                Verdict::Refused { note } => note.clone(),
                _ => None,
            },
        };
        if let Verdict::Refused { note } = verdict {
            call.approval(approval);
            let decision = asks(&question, file.as_deref());
            self.client_requests.remove(&key);
            let why = by_a_person(decision, note);
            return self.refuse_held(call, (&id, &question.tool), why, side, now, actions);
        }
        // Another policy may be in force by now, and a person's word does not go beyond it.
        let policy = std::sync::Arc::clone(&self.policy);
        let judged = policy.judge(self.listed.tool(&question.tool), &question.arguments).decision;
        if matches!(judged.effect, Effect::Deny | Effect::Hide) {
            call.approval(approval);
            self.client_requests.remove(&key);
            return self.refuse_held(call, (&id, &question.tool), judged.into(), side, now, actions);
        }
        if verdict == Verdict::Session {
            self.approvals.grants.session(&question.tool, same, scope, channel);
        }
        if let Some(progress) = progress {
            self.approvals.progress.set(progress);
        }
        call.approved(approval, now);
        note(actions, || {
            format!("tools/call of {:?} (id {id}) was approved by the {} channel", question.tool, channel.as_str())
        });
        self.client_requests.remove(&key);
        self.commit_first(&call, (Subject::Tool, &question.tool), now, actions);
        self.client_requests.insert(key, &id, Kind::Call(call));
        actions.push(Action::Release(line.into()));
    }

    /// The client's answer to a request of ours; says whether it was one.
    pub(super) fn dialogue_answered(
        &mut self,
        key: &crate::wire::id::IdKey,
        answer: Answer<'_>,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> bool {
        let is_it = |dialogue: &Dialogue| matches!(dialogue, Dialogue::Request { key: ours, .. } if ours == key);
        let Some(number) = self.approvals.of_dialogue(is_it) else { return false };
        match approvals::read_answer(answer) {
            DialogueAnswer::Verdict(verdict) => {
                self.decided(number, verdict, Channel::Client, Side::Client, now, actions)
            }
            DialogueAnswer::Failed => {
                note(actions, || "the client could not ask its user".to_owned());
                if !self.approvals.dialogue_failed(number) {
                    self.nobody_can_be_asked(number, "and the client could not ask.", Side::Client, now, actions);
                }
            }
        }
        true
    }

    /// The local channel cannot take a question, as `why` says.
    pub fn local_failed(&mut self, number: u64, why: &str, now: Now, actions: &mut Vec<Action>) {
        note(actions, || format!("a person cannot be asked on the local channel: {why}"));
        if !self.approvals.local_failed(number) {
            let why = format!("and it cannot be laid out to be answered: {why}");
            self.nobody_can_be_asked(number, &why, Side::Server, now, actions);
        }
    }

    fn nobody_can_be_asked(&mut self, number: u64, why: &str, side: Side, now: Now, actions: &mut Vec<Action>) {
        let Some(waiting) = self.approvals.take(number) else { return };
        let Waiting { question, id, key, file, mut call, since, .. } = waiting;
        let waited = now.session.saturating_sub(since);
        call.approval(Approval { verdict: "unavailable", waited, ..Approval::default() });
        let decision = asks(&question, file.as_deref());
        let otherwise = Some(format!("This call needs a person's approval, {why}"));
        let refused = Refused { decision, otherwise, remedy: Remedy::Channel };
        self.client_requests.remove(&key);
        self.refuse_held(call, (&id, &question.tool), refused, side, now, actions);
    }

    /// Whether a call comes with a state of ours: then its answer to us is not for the server (2026-07-28). What only
    /// looks like it may be another wrapper's.
    pub(super) fn is_our_round(&self, call: &CallParams<'_>) -> bool {
        let Some(state) = call.request_state().and_then(crate::wire::view::string) else { return false };
        let same = approvals::same(&call.name, call.arguments.unwrap_or("{}"));
        let is_it = |dialogue: &Dialogue| matches!(dialogue, Dialogue::Round { state: ours } if **ours == *state);
        let number = || state.split('-').nth(1)?.parse().ok();
        self.approvals.of_dialogue(is_it).is_some()
            || number().is_some_and(|number| self.approvals.seal("state", number, &same) == *state)
    }

    /// A call that comes again with the answer to our question (2026-07-28). Says whether it was one.
    pub(super) fn round_answered(
        &mut self,
        request: &mut Request<'_>,
        call: &CallParams<'_>,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(answer) = call.answer_to(approvals::OURS) else { return false };
        let state = call.request_state().and_then(crate::wire::view::string).unwrap_or_default();
        let is_it = |dialogue: &Dialogue| matches!(dialogue, Dialogue::Round { state: ours } if **ours == *state);
        let same = approvals::same(&call.name, call.arguments.unwrap_or("{}"));
        let verdict = approvals::read_result(answer);
        let number = self.approvals.of_dialogue(is_it);
        if let Some(number) = number
            && let Some(waiting) = self.approvals.take(number)
        {
            // It is this request that wants an answer now, and what goes on is the line that was asked about.
            if waiting.same == same
                && let Some(line) = approvals::with_id(&waiting.line, &waiting.id, request.id)
            {
                let waiting = Waiting { id: request.id.into(), key: request.key.clone(), line, ..waiting };
                close(
                    waiting.closed().answered_by(Channel::Client),
                    Settled::Answered(Channel::Client),
                    "",
                    Side::Client,
                    actions,
                );
                self.settle(waiting, verdict, Channel::Client, Side::Client, now, actions);
                return true;
            }
            self.given_up(waiting, Outcome::Refused, now, actions);
        } else if let Some(number) = number {
            // It comes late, and is its own repetition.
            if let Verdict::Refused { note } = &verdict
                && self.approvals.is_late_for(number, same)
            {
                request.refused = Some(note.clone());
            }
            if let Some(closed) = self.approvals.answered_late(number, &verdict, Channel::Client) {
                close(
                    closed.answered_by(Channel::Client),
                    Settled::Answered(Channel::Client),
                    "",
                    Side::Client,
                    actions,
                );
            }
        }
        false
    }

    /// The client withdraws a call that waits. Says whether it was one.
    pub(super) fn held_cancelled(&mut self, key: &crate::wire::id::IdKey, now: Now, actions: &mut Vec<Action>) -> bool {
        let Some(number) = self.client_requests.held(key) else { return false };
        self.client_requests.remove(key);
        if let Some(waiting) = self.approvals.take(number) {
            close(waiting.closed(), Settled::Over, "The call was withdrawn.", Side::Client, actions);
            self.given_up(waiting, Outcome::Cancelled, now, actions);
        }
        true
    }

    /// The session ends: nothing waits any longer. The calls themselves are answered by whoever ends it.
    pub(super) fn nobody_waits(&mut self, now: Now, actions: &mut Vec<Action>) {
        for waiting in self.approvals.drain() {
            close(waiting.closed(), Settled::Over, "The MCP server has ended.", Side::Server, actions);
            self.given_up(waiting, Outcome::ServerDied, now, actions);
        }
        for closed in self.approvals.drain_late() {
            close(closed, Settled::Over, "The MCP server has ended.", Side::Server, actions);
        }
    }

    /// A call is given up before anybody has answered, and the log says that it never went on.
    fn given_up(&mut self, waiting: Waiting, outcome: Outcome, now: Now, actions: &mut Vec<Action>) {
        let Waiting { mut call, since, .. } = waiting;
        self.withdraw(&mut call, now);
        let waited = now.session.saturating_sub(since);
        call.approval(Approval { verdict: "cancelled", waited, ..Approval::default() });
        finish(call.draft, outcome, now, actions);
    }

    /// Refuses a call that was held, and gives back what it was counted with.
    fn refuse_held(
        &mut self,
        mut call: Call,
        (id, name): (&str, &str),
        why: Refused<'_>,
        side: Side,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        self.withdraw(&mut call, now);
        let refusal = refusal(why, Subject::Tool, name);
        note(actions, || refused("tools/call", id, &refusal));
        finish(call.draft, Outcome::Refused, now, actions);
        actions.push(side.to_client(reply::refusal(id, call.shape, &refusal.text, refusal.meta())));
    }

    fn withdraw(&mut self, call: &mut Call, now: Now) {
        if let Some(counted) = call.counted.take() {
            self.calls.withdrawn(*counted, now);
        }
    }
}

impl Waiting {
    fn closed(&self) -> Closed {
        Closed { number: self.question.number, dialogue: self.dialogue.clone(), local: self.question.local }
    }
}

impl Call {
    /// Writes down what became of the question.
    fn approval(&mut self, approval: Approval) {
        if let Some(draft) = &mut self.draft {
            draft.set_approval(approval);
        }
    }

    /// The call goes on, from now on.
    fn approved(&mut self, approval: Approval, now: Now) {
        if let Some(draft) = &mut self.draft {
            draft.set_approval(approval);
            draft.passed_on(now.session);
        }
        if let Some(counted) = &mut self.counted {
            counted.approve();
        }
    }
}

/// The decision that a question was asked by.
fn asks<'q>(question: &'q Question, file: Option<&'q str>) -> Decision<'q> {
    Decision { effect: Effect::RequireApproval, rule: &question.rule, reason: None, file }
}

/// A person has said no.
fn by_a_person(decision: Decision<'_>, note: Option<String>) -> Refused<'_> {
    let otherwise = match note {
        Some(note) => format!("A person refused this call and says: {note}"),
        None => "A person refused this call.".to_owned(),
    };
    Refused { decision, otherwise: Some(otherwise), remedy: Remedy::Person }
}

/// Closes what is still open of a question.
fn close(closed: Closed, how: Settled, why: &str, side: Side, actions: &mut Vec<Action>) {
    if closed.local == Local::Asked {
        actions.push(Action::Settle(closed.number, how));
    }
    if let Some(Dialogue::Request { id, .. }) = &closed.dialogue {
        actions.push(side.to_client(approvals::cancel_dialogue(id, why)));
    }
}
