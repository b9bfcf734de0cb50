//! Calls that the server answers with a task: they stay open until the task ends, so that outcome, refunds, latency and
//! log are those of the task.
//!
//! In 2025-11-25 the client asks for a task (`params.task`) and fetches its result with `tasks/result`; from 2026-07-28
//! on (extension `io.modelcontextprotocol/tasks`) the server decides, and a task carries its result or error itself.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Turn};
use super::open_requests::{PendingCall, RequestKind};
use super::recorder::outcome_of_answer;
use super::refusal::{Refused, Remedy, SubjectKind, format_refusal};
use super::{ClientRequest, Engine};
use crate::limits::{MAX_ID, MAX_TASK_BYTES, MAX_TASKS};
use crate::policy::{ConditionInput, Decision, Effect, ResultPlan, Section};
use crate::record::{self, Digest, Direction, Draft, Facts, LogEntry, Outcome, ResultRecord};
use crate::wire::fault::Fault;
use crate::wire::message::{self, Answer, AnswerShape};
use crate::wire::method;
use crate::wire::strict::KeyMarks;
use crate::wire::view::{self, find_member};

/// A JSON-RPC error that is about the request and not about the task: no such method, or no such task.
const REQUEST_ERRORS: [&str; 3] = ["-32600", "-32601", "-32602"];

/// The tasks of this session's calls.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    by_id: HashMap<Box<str>, CallTask>,
    /// Oldest first.
    ids: VecDeque<Box<str>>,
    /// How much is kept of the calls of open tasks.
    bytes: usize,
}

#[derive(Debug)]
struct CallTask {
    /// `None` once the call is settled. The task is still known then: the client may ask for it again.
    call: Option<PendingCall>,
    tool: Box<str>,
    /// What happens to its result, also if the client asks for it again.
    results: Option<Box<ResultPlan>>,
    /// When the server said that the task is complete without giving its result (2025-11-25).
    completed: Option<Duration>,
    /// The digest of the input that it has asked for last, if that has passed.
    asked: Option<Digest>,
}

/// A request of the client about a task of this session.
#[derive(Debug)]
pub(super) struct TaskRequest {
    pub(super) task: Box<str>,
    method: &'static str,
    /// `Some` if it is recorded by itself.
    pub(super) draft: Option<Draft>,
}

impl CallTask {
    fn weight(&self) -> usize {
        self.call.as_ref().map_or(0, PendingCall::weight)
    }

    /// Returns its record if no more is heard of it. A task that is complete needs no result to be so.
    fn end_entry(&self, otherwise: Outcome, session: Duration) -> Option<LogEntry> {
        let draft = self.call.as_ref()?.draft.clone()?;
        Some(match self.completed {
            Some(at) => draft.finish(Outcome::Ok, at),
            None => draft.finish(otherwise, session),
        })
    }
}

impl Tasks {
    /// Adds a task. Returns the calls of tasks that are no longer followed: one with the same id, and the oldest ones if
    /// there are too many.
    fn add_task(&mut self, id: &str, task: CallTask) -> Vec<CallTask> {
        let mut dropped: Vec<CallTask> = self.remove_task(id).into_iter().collect();
        self.bytes += task.weight();
        self.ids.push_back(id.into());
        self.by_id.insert(id.into(), task);
        while self.by_id.len() > MAX_TASKS || self.bytes > MAX_TASK_BYTES {
            let is_settled = |id: &str| self.by_id.get(id).is_some_and(|task| task.call.is_none());
            let at = self.ids.iter().position(|id| is_settled(id)).unwrap_or(0);
            let Some(oldest) = self.ids.get(at).cloned() else { break };
            dropped.extend(self.remove_task(&oldest));
        }
        dropped
    }

    fn remove_task(&mut self, id: &str) -> Option<CallTask> {
        let task = self.by_id.remove(id)?;
        self.ids.retain(|known| **known != *id);
        self.bytes -= task.weight();
        Some(task)
    }

    /// Returns a record for each task that has not ended, in the form that it has if no more is heard of it.
    pub(super) fn unanswered(&self, session: Duration) -> impl Iterator<Item = LogEntry> {
        self.by_id.values().filter_map(move |task| task.end_entry(Outcome::Unknown, session))
    }

    /// Returns whether the task has asked for this input before, and may.
    pub(super) fn has_asked(&self, id: &str, input: Digest) -> bool {
        self.by_id.get(id).is_some_and(|task| task.asked == Some(input))
    }

    pub(super) fn remember_asked(&mut self, id: &str, input: Digest) {
        if let Some(task) = self.by_id.get_mut(id) {
            task.asked = Some(input);
        }
    }

    /// Forgets what has passed: under another policy it is judged again.
    pub(super) fn forget_asked(&mut self) {
        self.by_id.values_mut().for_each(|task| task.asked = None);
    }

    /// Returns what happens to the result of a task; `None` if nothing does.
    pub(super) fn find_results(&self, id: &str) -> Option<Box<ResultPlan>> {
        self.by_id.get(id)?.results.clone()
    }

    /// Returns what happens to the results of the tasks.
    pub(super) fn result_plans(&self) -> impl Iterator<Item = &ResultPlan> {
        self.by_id.values().filter_map(|task| task.results.as_deref())
    }

    /// Adds to the record of a task's call what was done to its result, unless the call is settled.
    pub(super) fn add_result(&mut self, id: &str, result: ResultRecord) {
        let call = self.by_id.get_mut(id).and_then(|task| task.call.as_mut());
        if let Some(draft) = call.and_then(|call| call.draft.as_mut()) {
            draft.add_result(result);
        }
    }

    fn take_call(&mut self, id: &str) -> Option<PendingCall> {
        let task = self.by_id.get_mut(id)?;
        self.bytes -= task.weight();
        task.call.take()
    }
}

impl Engine {
    /// Keeps a call open whose answer, `result`, is a task. Returns the call if it is not.
    pub(super) fn open_task(&mut self, call: PendingCall, result: &str, turn: &mut Turn<'_>) -> Option<PendingCall> {
        let created = match call.shape {
            AnswerShape::Result | AnswerShape::Other => None,
            AnswerShape::Task => find_member(result, "task").filter(|task| task.starts_with('{')),
            AnswerShape::TypedResult => Some(result).filter(|_| result_type(result).as_deref() == Some("task")),
        };
        let Some((created, id)) = created.and_then(|created| Some((created, read_id(created)?))) else {
            return Some(call);
        };
        let tool = call.round().map(|round| round.tool.clone()).unwrap_or_default();
        let results = call.results.clone();
        let task = CallTask { call: Some(call), tool, results, completed: None, asked: None };
        for dropped in self.tasks.add_task(&id, task) {
            turn.push_note(
                "a task is no longer followed: its id was used again, or too many tasks are open".to_owned(),
            );
            drop_task(dropped, Outcome::Unknown, turn);
        }
        self.follow_task(&id, created, turn);
        None
    }

    /// Handles a request of the client about a task. One of a call of this session belongs to that call.
    pub(super) fn handle_task_request(&mut self, request: ClientRequest<'_>, turn: &mut Turn<'_>) -> Result<(), Fault> {
        let (mut id, mut inputs) = (None, None);
        for member in view::members(request.params.unwrap_or_default()) {
            match member.protocol_key(&["taskId", "inputResponses", "_meta"])? {
                Some("taskId") => id = view::decode_string(member.value),
                Some("inputResponses") => inputs = Some(member.value),
                _ => {}
            }
        }
        let method = match request.method {
            method::TASKS_GET => method::TASKS_GET,
            method::TASKS_RESULT => method::TASKS_RESULT,
            method::TASKS_CANCEL => method::TASKS_CANCEL,
            method::TASKS_UPDATE => method::TASKS_UPDATE,
            _ => "",
        };
        let Some(id) = id.filter(|id| !method.is_empty() && self.tasks.by_id.contains_key(id.as_ref())) else {
            // Not of a call of this session, or about all tasks: an ordinary method. Its input cannot be judged.
            if inputs.is_some() && method == method::TASKS_UPDATE && self.policy.looks_at_input_of_some_tool() {
                self.refuse_input_of_unknown_task(&request, turn);
                return Ok(());
            }
            return self.handle_item_request(request, Section::Methods, turn);
        };
        let mut draft = None;
        if let Some(inputs) = inputs.filter(|_| method == method::TASKS_UPDATE) {
            if !inputs.starts_with('{') {
                return Err(Fault::Type { name: "inputResponses", expected: "an object" });
            }
            match self.judge_task_input(&request, &id, inputs, turn) {
                ControlFlow::Continue(passing) => draft = passing,
                ControlFlow::Break(()) => return Ok(()),
            }
        }
        let task = TaskRequest { task: id.as_ref().into(), method, draft };
        self.client_requests.insert(request.key, request.id, RequestKind::Task(Box::new(task)));
        turn.forward_to_server();
        Ok(())
    }

    /// Refuses input for a task of which nothing is known: it may be of a tool whose rules look at input.
    fn refuse_input_of_unknown_task(&mut self, request: &ClientRequest<'_>, turn: &mut Turn<'_>) {
        let decision = Decision { effect: Effect::Deny, rule: record::PROTOCOL_RULE, reason: None, file: None };
        let why =
            "The policy has rules about such input, and the call of this task is not known or no longer followed.";
        let refused = Refused { decision, otherwise: Some(why.to_owned()), remedy: Remedy::Restart };
        let refusal = format_refusal(refused, SubjectKind::Method, request.method);
        let facts = Facts {
            effect: Effect::Deny,
            arguments: request.params,
            traceparent: message::traceparent(request.params),
            ..Facts::new(Direction::Client, Some(request.method), decision.rule)
        };
        if let ControlFlow::Continue(draft) = self.refuse_request(request.id, AnswerShape::Other, &refusal, facts, turn)
        {
            let results = self.policy.common_result_plan().map(Box::new);
            let pending = PendingCall { counted: None, draft, shape: AnswerShape::Other, lists: None, results };
            self.client_requests.insert(request.key.clone(), request.id, RequestKind::Call(pending));
            turn.forward_to_server();
        }
    }

    /// Judges the input that a `tasks/update` brings, with the arguments of the task's call. Returns its draft if it
    /// passes; a refused one is answered here.
    fn judge_task_input(
        &mut self,
        request: &ClientRequest<'_>,
        task: &str,
        inputs: &str,
        turn: &mut Turn<'_>,
    ) -> ControlFlow<(), Option<Draft>> {
        let Some(CallTask { tool, call, .. }) = self.tasks.by_id.get(task) else { return ControlFlow::Break(()) };
        let (name, round) = (tool.clone(), call.as_ref().and_then(PendingCall::round));
        let (arguments, is_approved) = round.map_or((None, false), |round| (round.arguments(), round.is_approved));
        let policy = Arc::clone(&self.policy);
        // The arguments came in another line.
        policy.work().begin_line(arguments.map_or(0, str::len).saturating_add(inputs.len()));
        let tool = self.tools.find_tool(&name);
        let input = ConditionInput { input: Some(inputs), ..self.gate.input(arguments.unwrap_or("{}")) };
        let judgement = policy.judge_call(tool, input);
        let decision = judgement.decision;
        let facts = Facts {
            subject: Some(record::Subject::Tool(&name)),
            class: Some(policy.class_of(tool)),
            inputs: Some(inputs),
            traceparent: message::traceparent(request.params),
            ..Facts::new(Direction::Client, Some(request.method), decision.rule)
        };
        let refused = if arguments.is_none() && policy.looks_at_arguments(tool) {
            let why = "The policy judges this input by the arguments of the task's call, and these are no longer kept.";
            let decision = Decision { effect: Effect::Deny, reason: None, ..decision };
            Some(Refused { decision, otherwise: Some(why.to_owned()), remedy: Remedy::Restart })
        } else {
            match decision.effect {
                Effect::Allow => None,
                Effect::RequireApproval if is_approved && !judgement.looks_at_input() => None,
                Effect::RequireApproval => {
                    let why = "This input needs a person's approval, which cannot be given for the input of a task.";
                    let decision = Decision { reason: None, ..decision };
                    Some(Refused { decision, otherwise: Some(why.to_owned()), remedy: Remedy::Policy })
                }
                Effect::Deny | Effect::Hide => Some(Refused::by_judgement(judgement, turn.now)),
            }
        };
        let Some(refused) = refused else { return ControlFlow::Continue(self.recorder.draft_decision(&facts, turn)) };
        let facts = Facts { effect: refused.decision.effect, ..facts };
        let refusal = format_refusal(refused, SubjectKind::Tool, &name);
        self.refuse_request(request.id, AnswerShape::Task, &refusal, facts, turn)
    }

    /// Handles the answer to a request about a task of this session.
    pub(super) fn handle_task_answer(&mut self, request: TaskRequest, answer: Answer<'_>, turn: &mut Turn<'_>) {
        let TaskRequest { task, method, draft } = request;
        match (method, answer) {
            (method::TASKS_RESULT, Answer::Result(_)) => {
                self.settle_task(&task, outcome_of_answer(answer, KeyMarks::ANY), turn)
            }
            (method::TASKS_RESULT, Answer::Error(error)) => {
                let code = find_member(error, "code").unwrap_or_default();
                if !REQUEST_ERRORS.contains(&code) {
                    self.settle_task(&task, Outcome::Error, turn);
                }
            }
            // From 2026-07-28 on, a cancellation is only acknowledged.
            (method::TASKS_CANCEL, Answer::Result(result)) if find_member(result, "status").is_none() => {
                self.settle_task(&task, Outcome::Cancelled, turn);
            }
            (method::TASKS_GET | method::TASKS_CANCEL, Answer::Result(state)) => self.follow_task(&task, state, turn),
            _ => {}
        }
        turn.record_outcome(draft, outcome_of_answer(answer, KeyMarks::ANY));
    }

    /// Handles a notification of the server about the state of a task. Returns why it must not reach the client.
    pub(super) fn handle_task_status(&mut self, line: &[u8], state: &str, turn: &mut Turn<'_>) -> Option<String> {
        let id = read_id(state);
        if let Some(id) = &id {
            self.follow_task(id, state, turn);
        }
        self.find_refused_input(line, (Answer::Result(state), KeyMarks::ANY), id.as_deref(), turn)
    }

    /// Follows a task to a state that the server gives.
    fn follow_task(&mut self, id: &str, state: &str, turn: &mut Turn<'_>) {
        let status = find_member(state, "status").and_then(view::decode_string);
        let outcome = match (status.as_deref(), find_member(state, "result")) {
            (Some("completed"), Some(result)) => outcome_of_answer(Answer::Result(result), KeyMarks::ANY),
            (Some("completed"), None) => {
                // The result comes by `tasks/result`, if the client asks for it.
                if let Some(task) = self.tasks.by_id.get_mut(id) {
                    task.completed.get_or_insert(turn.now.session);
                }
                return;
            }
            (Some("failed"), _) => Outcome::Error,
            (Some("cancelled"), _) => Outcome::Cancelled,
            _ => return,
        };
        self.settle_task(id, outcome, turn);
    }

    fn settle_task(&mut self, id: &str, outcome: Outcome, turn: &mut Turn<'_>) {
        let completed = self.tasks.by_id.get(id).and_then(|task| task.completed);
        let Some(PendingCall { counted, draft, .. }) = self.tasks.take_call(id) else { return };
        if let Some(counted) = counted {
            self.gate.settle_call(*counted, outcome, turn.now);
        }
        if let Some(draft) = draft {
            turn.push_action(Action::Record(draft.finish(outcome, completed.unwrap_or(turn.now.session))));
        }
    }

    /// Records all tasks that have not ended, because the server has.
    pub(super) fn end_tasks(&mut self, turn: &mut Turn<'_>) {
        for (_, task) in std::mem::take(&mut self.tasks).by_id {
            drop_task(task, Outcome::ServerDied, turn);
        }
    }
}

/// Returns the `resultType` of a result, which it has from revision 2026-07-28 on.
pub(super) fn result_type(result: &str) -> Option<Cow<'_, str>> {
    find_member(result, "resultType").and_then(view::decode_string)
}

fn drop_task(task: CallTask, otherwise: Outcome, turn: &mut Turn<'_>) {
    if let Some(entry) = task.end_entry(otherwise, turn.now.session) {
        turn.push_action(Action::Record(entry));
    }
}

fn read_id(task: &str) -> Option<Cow<'_, str>> {
    find_member(task, "taskId").and_then(view::decode_string).filter(|id| (1..=MAX_ID).contains(&id.len()))
}
