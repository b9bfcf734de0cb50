//! Calls and fetched prompts: judged, refused or forwarded, and recorded.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::action::{Action, Commit, Payload, Turn};
use super::approval_questions::UnapprovedCall;
use super::approval_rounds::RoundOutcome;
use super::call_gate::AdmittedCall;
use super::lock_drift::{ListReason, advise_unread};
use super::open_requests::{PendingCall, RequestKind};
use super::origins::log_origins;
use super::preparations::{Need, Preparation};
use super::recorder::outcome_of_answer;
use super::refusal::{Refusal, Refused, Remedy, SubjectKind, format_refusal};
use super::tasks::result_type;
use super::{ClientRequest, Engine, Now};
use crate::lock::ItemKind;
use crate::policy::{Decision, Effect, LOCK_RULE, ToolRef};
use crate::provenance::CalledTool;
use crate::record::{self, Direction, Draft, Enforcement, Facts, LogEntry, Outcome, REQUIRED_RULE, Required};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::strict::KeyMarks;
use crate::wire::view;

impl Engine {
    pub(super) fn handle_tools_call(&mut self, request: ClientRequest<'_>, turn: &mut Turn<'_>) -> Result<(), Fault> {
        let call = request.read_call()?;
        self.recorder.record_client(|| call.client_info());
        self.note_call_source(&request, &call, turn);
        if !self.forward_plain_call(&request, &call, turn) {
            self.handle_read_call(request, call, &Preparation::default(), turn);
        }
        Ok(())
    }

    /// Handles a call about which `known` is known.
    pub(super) fn handle_prepared_call(
        &mut self,
        request: ClientRequest<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        let call = request.read_call()?;
        self.recorder.record_client(|| call.client_info());
        self.note_call_source(&request, &call, turn);
        self.handle_read_call(request, call, known, turn);
        Ok(())
    }

    /// Notes what will give the answer to a call, whichever way it takes.
    fn note_call_source(&mut self, request: &ClientRequest<'_>, call: &CallParams<'_>, turn: &Turn<'_>) {
        let about = (SubjectKind::Tool, request.method, &*call.name);
        self.note_source(&request.key, about, call.arguments.unwrap_or("{}"), turn.now);
    }

    fn handle_read_call(
        &mut self,
        request: ClientRequest<'_>,
        call: CallParams<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) {
        let ClientRequest { id, method, .. } = request;
        match self.handle_round(&request, &call, turn) {
            RoundOutcome::NewCall => {}
            RoundOutcome::Handled => return,
            RoundOutcome::Anew(line) => {
                self.resume_call(&line, request.since(turn.now.session), known.clone(), turn);
                return;
            }
        }
        if self.begin_tool_comparison(&request, &call, known, turn).is_break() {
            return;
        }
        let policy = Arc::clone(&self.policy);
        let tool = self.tools.resolve_called(&call.name, &policy);
        let tool = ToolRef { drift: self.heed_drift((ItemKind::Tool, &call.name), tool.drift, turn), ..tool };
        let look_alike = self.tools.find_look_alike(&call.name, &policy);
        let tool = self.with_strictest_class(&policy, &call, (tool, look_alike), turn.now);
        let shape = call.answer_shape();
        let about = record::Subject::Tool(&call.name);
        let facts = |rule| Facts { class: Some(policy.class_of(tool)), ..call_facts(method, about, &call, rule) };
        let (mut need, results) = (Need::Nothing, policy.result_plan(tool).map(Box::new));
        let pending = match self.gate.judge_call(&policy, &call, (tool, look_alike), turn.now) {
            Ok(AdmittedCall { decision, asking, counted, preview, sightings }) => {
                let enforcement = if asking.is_some() { self.enforcement } else { Enforcement::Enforced };
                if let (Some(asking), Enforcement::Enforced) = (&asking, enforcement) {
                    need = self.begin_preparation(&request, (&call, asking, preview, decision.rule), known, turn);
                    if need == Need::Begun {
                        counted.into_iter().for_each(|counted| self.gate.refund_call(*counted, turn.now));
                        return;
                    }
                }
                let is_asked = || asking.is_some() && enforcement == Enforcement::Enforced;
                if self.is_absent(&call.name) && (is_asked() || self.goes_by_unknown_class(&policy, &call.name)) {
                    counted.into_iter().for_each(|counted| self.gate.refund_call(*counted, turn.now));
                    self.refuse_absent_tool(&request, &call, decision, turn);
                    return;
                }
                let origins = log_origins(&sightings, turn.now.unix);
                let (effect, reason) = (decision.effect, origins.as_deref());
                let facts = Facts { effect, enforcement, reason, ..facts(decision.rule) };
                let draft = self.recorder.draft_decision(&facts, turn);
                let pending = PendingCall { counted, draft, shape, lists: None, results };
                if let (Some(asking), Enforcement::Enforced) = (asking, enforcement) {
                    let call = &call;
                    let (item, follows) = (None, known.follows);
                    let preview = preview.map(|of| (of, known.preview.clone()));
                    let unapproved =
                        UnapprovedCall { request, call, item, decision, asking, pending, preview, sightings, follows };
                    match need {
                        Need::Room => self.refuse_crowded(unapproved, turn),
                        Need::Nothing | Need::Begun => self.ask_person(unapproved, turn),
                    }
                    return;
                }
                if decision.effect == Effect::Allow {
                    self.learn_plain_call(&policy, tool, &call, &pending);
                }
                pending
            }
            Err(why) => {
                let decision = why.decision;
                let why = self.advise_unlisted(advise_unread(why, tool.drift), &policy, &call.name);
                let refusal = format_refusal(why, SubjectKind::Tool, &call.name);
                let facts = Facts { effect: decision.effect, ..facts(decision.rule) };
                let ControlFlow::Continue(draft) = self.refuse_request(id, shape, &refusal, facts, turn) else {
                    return;
                };
                PendingCall { counted: None, draft, shape, lists: None, results }
            }
        };
        let payload = request.payload();
        self.forward_call(id, request.key, (SubjectKind::Tool, &call.name), payload, pending, turn);
    }

    /// Lets a call wait for the list that tells how its tool differs from the lock, or its class, or refuses it if it cannot wait.
    fn begin_tool_comparison(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        known: &Preparation,
        turn: &mut Turn<'_>,
    ) -> ControlFlow<()> {
        let refuses = |engine: &Self| {
            engine.policy.decide_tool(ToolRef { drift: None, ..engine.tools.find_tool(&call.name) }).refuses()
        };
        match self.begin_lock_comparison(request, (ItemKind::Tool, &call.name), known, refuses, turn) {
            Need::Nothing => return self.begin_class_listing(request, call, known, turn),
            Need::Begun => {}
            Need::Room => {
                let facts = call_facts(request.method, record::Subject::Tool(&call.name), call, LOCK_RULE);
                let answer = (call.answer_shape(), facts);
                self.refuse_unlisted(request, ListReason::Lock, (SubjectKind::Tool, &call.name), answer, turn);
            }
        }
        ControlFlow::Break(())
    }

    /// Whether nobody knows of a tool, and it could still turn out that the server has it.
    pub(super) fn is_unheard_of(&self, tool: &str) -> bool {
        !self.policy.has_in_catalogue(tool) && !self.tools.has_listed(tool) && !self.tools.is_complete()
    }

    /// Whether the server is known not to have a tool.
    fn is_absent(&self, tool: &str) -> bool {
        !self.policy.has_in_catalogue(tool) && self.tools.is_complete() && !self.tools.has_listed(tool)
    }

    /// Refuses a call of a tool that the server does not have, about which a person would be asked otherwise, or of which rules for
    /// classes decide: by the rule that holds. A server may run what it does not list, and nobody is asked about what is not there.
    fn refuse_absent_tool(
        &mut self,
        request: &ClientRequest<'_>,
        call: &CallParams<'_>,
        decision: Decision<'_>,
        turn: &mut Turn<'_>,
    ) {
        let effect = Effect::Deny;
        let decision = Decision { effect, reason: None, ..decision };
        let subject = record::Subject::Tool(&call.name);
        let facts = Facts { effect, ..call_facts(request.method, subject, call, decision.rule) };
        let why = "The server does not list a tool of this name.".to_owned();
        let refused = Refused { decision, otherwise: Some(why), remedy: Remedy::Spelling };
        let refusal = format_refusal(refused, SubjectKind::Tool, &call.name);
        // Only where rules are enforced, a person is asked or a list is asked for.
        let _ = self.refuse_request(request.id, call.answer_shape(), &refusal, facts, turn);
    }

    /// Refuses a request, or, in a session that only observes, returns the draft for the request that is forwarded
    /// instead.
    pub(super) fn refuse_request(
        &mut self,
        id: &str,
        shape: AnswerShape,
        refusal: &Refusal<'_>,
        facts: Facts<'_>,
        turn: &mut Turn<'_>,
    ) -> ControlFlow<(), Option<Draft>> {
        let text = refusal.describe(facts.method.unwrap_or_default(), id);
        let facts = Facts { reason: Some(&refusal.meta.reason), enforcement: self.enforcement, ..facts };
        match self.enforcement {
            Enforcement::Observed => {
                turn.push_note(format!("observing, so passed on: would have {text}"));
                ControlFlow::Continue(self.recorder.draft_decision(&facts, turn))
            }
            Enforcement::Enforced => {
                turn.push_note(text);
                self.recorder.record_refusal(&facts, turn);
                self.send_refusal(id, shape, refusal, turn);
                ControlFlow::Break(())
            }
        }
    }

    /// Sends a call to the server, after it is in the log if the log is required.
    pub(super) fn forward_call(
        &mut self,
        id: &str,
        key: IdKey,
        (subject, name): (SubjectKind, &str),
        payload: Payload,
        mut pending: PendingCall,
        turn: &mut Turn<'_>,
    ) {
        self.put_back.move_record(&key, &mut pending.draft);
        let called = self.called_tool(&key, (subject, name));
        let entry = unanswered_if_required(self.required, pending.draft.as_ref(), turn.now);
        self.client_requests.insert(key, id, RequestKind::Call(pending));
        self.send_call(entry, (subject, name), called, payload, turn);
    }

    /// Sends a call that is open now, after `entry` is in the log if there is one.
    #[inline]
    pub(super) fn send_call(
        &mut self,
        entry: Option<LogEntry>,
        (subject, name): (SubjectKind, &str),
        called: Option<CalledTool>,
        payload: Payload,
        turn: &mut Turn<'_>,
    ) {
        if let Some(entry) = entry {
            called.iter().for_each(|call| self.gate.await_commit(call));
            return turn.push_action(Action::Commit(Box::new(Commit {
                entry,
                payload,
                subject,
                name: name.into(),
                called,
            })));
        }
        called.iter().for_each(|call| self.gate.provenance().remember_call(call));
        match payload {
            // Nearly all are. Moved, it would be read back in other pieces than it was written in, which waits for all writes before.
            Payload::Received => turn.push_action(Action::ToServer(Payload::Received)),
            payload => turn.push_action(Action::ToServer(payload)),
        }
    }

    pub(super) fn handle_call_answer(
        &mut self,
        call: PendingCall,
        (answer, keys): (Answer<'_>, KeyMarks),
        turn: &mut Turn<'_>,
    ) {
        let call = match answer {
            Answer::Result(result) => self.open_task(call, result, turn),
            Answer::Error(_) => Some(call),
        };
        let Some(PendingCall { counted, draft, shape, .. }) = call else { return };
        if counted.is_none() && draft.is_none() {
            return;
        }
        let outcome = outcome_of_answer(answer, keys);
        if let Some(counted) = counted {
            match answer {
                Answer::Result(result)
                    if shape != AnswerShape::Task
                        && outcome == Outcome::Ok
                        && result_type(result).as_deref() == Some("input_required") =>
                {
                    self.gate.continue_call(*counted, view::find_member(result, "requestState"));
                }
                _ => self.gate.settle_call(*counted, outcome, turn.now),
            }
        }
        turn.record_outcome(draft, outcome);
    }

    /// Handles a [`Commit`] that could not be written to the log, for the reason `why`: adds the refusal of the call,
    /// unless it was cancelled meanwhile.
    pub fn handle_commit_failed(&mut self, commit: &Commit, why: &str, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        commit.called.iter().for_each(|call| self.gate.forget_commit(call));
        let Some((id, call)) = self.client_requests.take_call(commit.entry.call_number()) else { return };
        let id = &*id;
        if let Some(counted) = call.counted {
            self.gate.refund_call(*counted, now);
        }
        let decision = Decision { effect: Effect::Deny, rule: REQUIRED_RULE, reason: None, file: None };
        let otherwise = format!("The audit log is required and cannot be written: {why}");
        let refused = Refused { decision, otherwise: Some(otherwise), remedy: Remedy::Log };
        let refusal = format_refusal(refused, commit.subject, &commit.name);
        turn.record_outcome(call.draft, Outcome::Refused);
        turn.push_note(format!("refused a call (id {id}) by {REQUIRED_RULE}: {why}"));
        self.send_refusal(id, call.shape, &refusal, turn);
    }

    /// Adds a record for each call that waits for its answer, in the form that it has if no answer comes.
    pub fn collect_unanswered(&self, now: Now, entries: &mut Vec<LogEntry>) {
        let open = self.client_requests.open_calls().chain(self.server_requests.open_calls());
        let drafts = open.filter_map(|call| call.draft.as_ref());
        entries.extend(drafts.map(|draft| unanswered_entry(draft, now)));
        entries.extend(self.tasks.unanswered(now.session));
    }
}

pub(super) fn call_facts<'a>(
    method: &'a str,
    subject: record::Subject<'a>,
    call: &CallParams<'a>,
    rule: &'a str,
) -> Facts<'a> {
    Facts {
        subject: Some(subject),
        arguments: Some(call.arguments.unwrap_or("{}")),
        inputs: call.input_responses(),
        traceparent: call.traceparent(),
        ..Facts::new(Direction::Client, Some(method), rule)
    }
}

/// Returns what has to be in the log before a call is sent, if the log is required.
#[inline]
pub(super) fn unanswered_if_required(required: Required, draft: Option<&Draft>, now: Now) -> Option<LogEntry> {
    let draft = draft.filter(|_| required == Required::Yes)?;
    Some(unanswered_entry(draft, now))
}

fn unanswered_entry(draft: &Draft, now: Now) -> LogEntry {
    draft.clone().finish(Outcome::Unknown, now.session)
}
