//! Calls and fetched prompts: judged, refused or passed on, and written down.

use std::borrow::Cow;
use std::sync::Arc;

use super::action::{Action, Commit};
use super::refusal::{Refused, Remedy, Subject, refusal};
use super::{Call, Engine, Kind, Now, Request, approvals, finish, list, note, outcome_of, refused};
use crate::policy::{Decision, Effect};
use crate::record::{Direction, Draft, Enforcement, Entry, Facts, Outcome, REQUIRED_RULE, Required};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::reply;

/// What lets a prompt pass: no rule of a policy does.
const PROMPTS_RULE: &str = "prompts";

impl Engine {
    pub(super) fn tools_call(
        &mut self,
        mut request: Request<'_>,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> Result<(), Fault> {
        let Request { id, method, params, .. } = request;
        let call = CallParams::read(params)?;
        self.recorder.introduced(|| call.client_info());
        let is_ours = self.is_our_round(&call);
        if self.round_answered(&mut request, &call, now, actions) {
            return Ok(());
        }
        if let (true, Some(params)) = (is_ours, params) {
            request.line = list::splice(&request.line, params, &approvals::without_ours(params)).into();
        }
        let policy = Arc::clone(&self.policy);
        let tool = self.listed.called(&call.name, &policy);
        let passes = |rule| Facts { class: Some(policy.class(tool)), ..of_call(method, &call, rule) };
        let (draft, counted) = match self.calls.judge(&policy, &call, tool.listing, now) {
            Ok(passed) => {
                let observed = passed.asks.is_some() && self.enforcement == Enforcement::Observed;
                let facts = Facts {
                    effect: passed.decision.effect,
                    enforcement: if observed { Enforcement::Observed } else { Enforcement::Enforced },
                    ..passes(passed.decision.rule)
                };
                let draft = self.recorder.decided(&facts, now);
                match passed.asks {
                    Some(asking) if !observed => {
                        self.ask(request, &call, passed, (asking, draft), now, actions);
                        return Ok(());
                    }
                    _ => (draft, passed.counted),
                }
            }
            Err(why) => {
                let decision = why.decision;
                let refusal = refusal(why, Subject::Tool, &call.name);
                let facts =
                    Facts { effect: decision.effect, reason: Some(refusal.meta().reason), ..passes(decision.rule) };
                if self.enforcement == Enforcement::Enforced {
                    note(actions, || refused(method, id, &refusal));
                    self.recorder.refused(&facts, now, actions);
                    let reply = reply::refusal(id, call.answer_shape(), &refusal.text, refusal.meta());
                    actions.push(Action::Reply(reply));
                    return Ok(());
                }
                note(actions, || format!("observing, so passed on: would have {}", refused(method, id, &refusal)));
                let facts = Facts { enforcement: Enforcement::Observed, ..facts };
                (self.recorder.decided(&facts, now), None)
            }
        };
        let shape = call.answer_shape();
        self.pass_on(
            (id, request.key, request.line),
            Call { counted, draft, shape },
            (Subject::Tool, &call.name),
            now,
            actions,
        );
        Ok(())
    }

    pub(super) fn prompts_get(
        &mut self,
        request: Request<'_>,
        now: Now,
        actions: &mut Vec<Action>,
    ) -> Result<(), Fault> {
        let Request { id, key, method, params, line, .. } = request;
        let call = CallParams::read(params)?;
        let facts = of_call(method, &call, PROMPTS_RULE);
        let draft = match self.listed.prompt(&self.policy, &call.name) {
            None => self.recorder.decided(&facts, now),
            Some(decision) => {
                let refusal = refusal(Refused::from(decision), Subject::Prompt, &call.name);
                let reason = Some(refusal.meta().reason);
                let facts = Facts { effect: decision.effect, rule: decision.rule, reason, ..facts };
                if self.enforcement == Enforcement::Enforced {
                    note(actions, || refused(method, id, &refusal));
                    self.recorder.refused(&facts, now, actions);
                    actions.push(Action::Reply(reply::refusal_error(id, &refusal.text, refusal.meta())));
                    return Ok(());
                }
                note(actions, || format!("observing, so passed on: would have {}", refused(method, id, &refusal)));
                self.recorder.decided(&Facts { enforcement: Enforcement::Observed, ..facts }, now)
            }
        };
        let passed = Call { counted: None, draft, shape: AnswerShape::Task };
        self.pass_on((id, key, line), passed, (Subject::Prompt, &call.name), now, actions);
        Ok(())
    }

    pub(super) fn pass_on(
        &mut self,
        (id, key, line): (&str, IdKey, Cow<'_, [u8]>),
        call: Call,
        (subject, name): (Subject, &str),
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        self.commit_first(&call, (subject, name), now, actions);
        self.client_requests.insert(key, id, Kind::Call(call));
        actions.push(match line {
            Cow::Borrowed(_) => Action::Forward,
            Cow::Owned(line) => Action::Release(line),
        });
    }

    /// Where the log is required, a call is in it before it goes on.
    pub(super) fn commit_first(
        &self,
        call: &Call,
        (subject, name): (Subject, &str),
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        if let (Required::Yes, Some(draft)) = (self.required, &call.draft) {
            actions.push(Action::Commit(Box::new(Commit { entry: open(draft, now), subject, name: name.into() })));
        }
    }

    /// A call was answered.
    pub(super) fn answered(&mut self, call: Call, answer: Answer<'_>, now: Now, actions: &mut Vec<Action>) {
        if call.counted.is_none() && call.draft.is_none() {
            return;
        }
        let outcome = outcome_of(answer);
        if let Some(counted) = call.counted {
            self.calls.answered(*counted, answer, outcome, now);
        }
        finish(call.draft, outcome, now, actions);
    }

    /// A call that was to be passed on could not be committed to the log, as `why` says: adds what is done instead. It is
    /// to be called before the call's `Forward` is carried out, which then must not be.
    pub fn unlogged(&mut self, commit: &Commit, why: &str, now: Now, actions: &mut Vec<Action>) {
        let number = commit.entry.number();
        let is_it = |call: &Call| call.draft.as_ref().is_some_and(|draft| draft.made().number == number);
        let key = self.client_requests.calls().find(|(_, call)| is_it(call)).map(|(key, _)| key.clone());
        let Some((id, call)) = key.and_then(|key| self.client_requests.take_call(&key)) else { return };
        if let Some(counted) = call.counted {
            self.calls.withdrawn(*counted, now);
        }
        let decision = Decision { effect: Effect::Deny, rule: REQUIRED_RULE, reason: None, file: None };
        let otherwise = format!("The audit log is required and cannot be written: {why}");
        let refused = Refused { decision, otherwise: Some(otherwise), remedy: Remedy::Log };
        let refusal = refusal(refused, commit.subject, &commit.name);
        finish(call.draft, Outcome::Refused, now, actions);
        note(actions, || format!("refused a call (id {id}) by {REQUIRED_RULE}: {why}"));
        actions.push(Action::Reply(reply::refusal(&id, call.shape, &refusal.text, refusal.meta())));
    }

    /// Adds every call that was passed on and is not answered yet, as it would stand in the log if nothing more was heard
    /// of it.
    pub fn unanswered(&self, now: Now, entries: &mut Vec<Entry>) {
        let drafts = self.client_requests.calls().filter_map(|(_, call)| call.draft.as_ref());
        entries.extend(drafts.map(|draft| open(draft, now)));
    }
}

fn of_call<'a>(method: &'a str, call: &'a CallParams<'_>, rule: &'a str) -> Facts<'a> {
    Facts {
        direction: Direction::Client,
        method: Some(method),
        tool: Some(&call.name),
        class: None,
        effect: Effect::Allow,
        rule,
        reason: None,
        enforcement: Enforcement::Enforced,
        arguments: Some(call.arguments.unwrap_or("{}")),
    }
}

fn open(draft: &Draft, now: Now) -> Entry {
    draft.clone().finish(Outcome::Unknown, now.session)
}
