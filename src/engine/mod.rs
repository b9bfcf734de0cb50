//! The state machine of one session: a line in, actions out. It reads no clock and does no I/O, so tests of protocol
//! and policy feed it lines.

mod action;
mod answer_sources;
mod approval_flow;
mod approval_local;
mod approval_questions;
mod approval_records;
mod approval_rounds;
mod approval_subjects;
mod approvals;
mod call_gate;
mod class_lists;
mod client_log;
mod client_request;
mod id_map;
mod input_requests;
mod item_requests;
mod judged_pages;
pub mod limits;
mod line_errors;
mod list_answers;
mod list_filter;
mod list_listeners;
mod listed_names;
mod lock_drift;
mod lock_index;
mod look_ups;
mod open_requests;
mod origins;
mod plain_calls;
mod policy_change;
mod preparations;
mod previews;
mod recorder;
mod refusal;
mod resource_index;
mod results;
mod rounds;
mod stand_ins;
mod stray_lines;
mod tasks;
mod text_map;
mod tool_calls;
mod tool_index;
mod trial;

use std::ops::ControlFlow;
use std::sync::Arc;

use action::Turn;
pub use action::{Action, Commit, Note, Now, Payload};
use answer_sources::AnswerSources;
pub use approval_records::SessionEnd;
use approvals::Approvals;
pub use approvals::clients::{Asks, ClientHabits, ClientRow, ClientTable, ClientVersion, NoteField};
pub use approvals::{
    ApprovalAnswer, ApprovalOptions, Channel, Effects, Local, LocalChannel, Opened, Question, QuestionView,
    RoundApproval, Settled, Upshot,
};
use call_gate::CallGate;
use client_log::ClientLog;
use client_request::{ClientRequest, Received};
use item_requests::{is_of_server, is_other_method};
use limits::Store;
use line_errors::{describe_admit_error, describe_fault, describe_oversize, describe_server_end};
use list_filter::{ListKind, ListPart};
use list_listeners::Listeners;
use open_requests::{OpenRequests, RequestKind};
use preparations::{Preparation, Preparations};
use recorder::Recorder;
use resource_index::ResourceIndex;
use stand_ins::{PutBackValues, forward_instead};
use tasks::Tasks;
pub use tool_index::read_listing;
use tool_index::{IsComplete, ToolIndex};
pub use trial::{Trial, TrialDecision, TrialInput, TrialResult, find_item};

use crate::content::StandIns;
use crate::lock::ItemKind;
use crate::policy::{Policy, Section};
use crate::provenance::Provenance;
use crate::record::{ArgumentRecorder, Direction, Enforcement, Facts, Outcome, PROTOCOL_RULE, Required, ResultRecord};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{self, Answer, Message};
use crate::wire::method::{self, MethodKind};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::{Shape, Skim, skim_line};
use crate::wire::strict::{Envelope, KeyMarks, Reader, StrictDepth};

/// One session: the policy in force, and the open requests of each direction.
#[derive(Debug)]
pub struct Engine {
    policy: Arc<Policy>,
    gate: CallGate,
    reader: Reader,
    /// Whether the server's line was read to its depth, and all parsers read it alike.
    is_read_whole: bool,
    client_requests: OpenRequests,
    server_requests: OpenRequests,
    tools: ToolIndex,
    tasks: Tasks,
    resources: ResourceIndex,
    listeners: Listeners,
    client_log: ClientLog,
    recorder: Recorder,
    approvals: Approvals,
    preparations: Preparations,
    stand_ins: StandIns,
    put_back: PutBackValues,
    sources: AnswerSources,
    /// What was done to notifications since the last answer.
    notified: ResultRecord,
    required: Required,
    enforcement: Enforcement,
    /// How the server ended; `None` while it runs.
    ended: Option<String>,
}

impl Engine {
    /// Starts a session under a policy. `store` keeps the counts of the scopes `client` and `server`.
    pub fn new(policy: Arc<Policy>, store: Box<dyn Store>) -> Self {
        Self {
            tools: ToolIndex::for_policy(&policy),
            policy,
            gate: CallGate::new(store),
            reader: Reader::default(),
            is_read_whole: false,
            client_requests: OpenRequests::default(),
            server_requests: OpenRequests::default(),
            tasks: Tasks::default(),
            resources: ResourceIndex::default(),
            listeners: Listeners::default(),
            client_log: ClientLog::default(),
            recorder: Recorder::default(),
            approvals: Approvals::default(),
            preparations: Preparations::default(),
            stand_ins: StandIns::new([0; 32]),
            put_back: PutBackValues::default(),
            sources: AnswerSources::default(),
            notified: ResultRecord::default(),
            required: Required::No,
            enforcement: Enforcement::Enforced,
            ended: None,
        }
    }

    /// Judges by this memory of what the session has read and called. Without it, nothing of that can be told.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Arc<dyn Provenance>) -> Self {
        self.gate.set_provenance(provenance);
        self
    }

    /// What is remembered of the session.
    pub fn provenance(&self) -> &Arc<dyn Provenance> {
        self.gate.provenance()
    }

    /// Records every decision with an [`Action::Record`]. If the log is required, a call that passes is an
    /// [`Action::Commit`].
    #[must_use]
    pub fn with_recording(mut self, keyed: ArgumentRecorder, required: Required) -> Self {
        self.recorder = Recorder::new(keyed);
        self.required = required;
        self
    }

    /// Asks a person if the policy requires it. Without this, nobody can be asked.
    #[must_use]
    pub fn with_approvals(mut self, options: ApprovalOptions) -> Self {
        self.approvals = Approvals::new(options);
        self
    }

    /// Refuses only what breaks the protocol, and records what the policy would have refused.
    #[must_use]
    pub fn with_observation(mut self) -> Self {
        self.enforcement = Enforcement::Observed;
        self
    }

    /// Handles a line from the client, with or without its newline.
    pub fn handle_client_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let first = actions.len();
        self.policy.work().begin_line(line.len());
        if !self.can_put_back() {
            self.read_client_line(line, &mut Turn::new(now, actions));
        } else if let ControlFlow::Continue(put_back) = self.put_back_values(line, &mut Turn::new(now, actions)) {
            self.read_client_line(put_back.as_deref().unwrap_or(line), &mut Turn::new(now, actions));
            let caused = actions.get_mut(first..).unwrap_or_default();
            put_back.iter().for_each(|line| forward_instead(caused, line));
        }
        self.hide_in_notes(actions, first);
        self.policy.work().end_line();
    }

    fn read_client_line(&mut self, line: &[u8], turn: &mut Turn<'_>) {
        let read = self.reader.read_line(line, StrictDepth::EVERYTHING);
        if read.as_ref().is_ok_and(|envelope| self.forward_plain_line(envelope, turn)) {
            return;
        }
        if let Err(fault) = read.and_then(|envelope| self.handle_client_message(&envelope, line, turn)) {
            let code = if fault.is_parse_error() { ErrorCode::Parse } else { ErrorCode::InvalidRequest };
            let (skim, why) = (skim_line(line), describe_fault("message", &fault));
            self.refuse_client_line(&skim, message::find_traceparent(line), &why, turn);
            self.send_error(self.id_to_answer(&skim), code, &why, turn);
        }
    }

    fn handle_client_message(
        &mut self,
        envelope: &Envelope<'_>,
        line: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault> {
        match Message::from_envelope(envelope)? {
            Message::Request { id, key, method, params } => {
                let (call, received) = (envelope.call, Received::Now);
                let request = ClientRequest { id, key, method: &method, params, call, line, received };
                return self.handle_client_request(request, turn);
            }
            Message::Notification { method, params } => self.handle_client_notification(&method, params, turn),
            Message::Response { id, key, answer, .. } => {
                if !self.handle_dialogue_answer(&key, answer, turn) {
                    self.handle_client_response(id, &key, answer, turn);
                }
            }
        }
        Ok(())
    }

    /// Handles a line from the client that was longer than `max` bytes and was skipped.
    pub fn handle_client_oversize(&mut self, skim: &Skim, max: usize, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        let why = describe_oversize("message", max);
        self.refuse_client_line(skim, None, &why, turn);
        // Only a request wants an answer, but if the shape is unknown, the client should know.
        if matches!(skim.shape, Shape::Request | Shape::Unknown) {
            turn.send_to_client(reply::error_line(self.id_to_answer(skim), ErrorCode::InvalidRequest, &why));
        }
    }

    /// Handles a line from the server, with or without its newline.
    pub fn handle_server_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let first = actions.len();
        self.preparations.server_speaks = true;
        self.policy.work().begin_line(line.len());
        self.read_server_line(line, &mut Turn::new(now, actions));
        self.hide_in_notes(actions, first);
        self.policy.work().end_line();
    }

    fn read_server_line<'l>(&mut self, line: &'l [u8], turn: &mut Turn<'l>) {
        let envelope = self.read_envelope(line);
        if envelope.as_ref().is_ok_and(|envelope| self.pass_plain_answer(envelope, turn)) {
            return;
        }
        if let Some(message) = envelope.as_ref().ok().and_then(|envelope| self.leave_out_members(envelope, turn)) {
            return self.read_server_line(&message, &mut turn.for_message(message.trim_ascii_end()));
        }
        match envelope.as_ref().map_err(Fault::clone).and_then(Message::from_envelope) {
            Ok(Message::Request { id, key, method, params }) => match self.hide_in_request(line, params) {
                Ok(hidden) => {
                    turn.set_instead(hidden);
                    self.remember_message(&method, params, turn);
                    self.handle_server_request((id, key), &method, params, turn);
                }
                Err(why) => self.refuse_unhidden((id, &method), why, turn),
            },
            Ok(Message::Notification { method, params }) => {
                self.handle_server_notification(line, &method, params, turn);
            }
            Ok(Message::Response { id, key, answer, keys }) => {
                self.handle_server_response(line, (id, &key), (answer, keys), turn);
            }
            // npm and npx print blank lines.
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(fault) => self.handle_stray_line(line, &fault, turn),
        }
    }

    /// Handles a line from the server that was longer than `max` bytes and was skipped.
    pub fn handle_server_oversize(&mut self, skim: &Skim, max: usize, now: Now, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(now, actions);
        turn.push_note(format!("skipped a line from the server that is larger than {max} bytes"));
        self.refuse_server_line(skim, None, &describe_oversize("answer", max), turn);
    }

    /// Handles the end of the server, which `how` describes ("it exited with code 1"): answers each open request of the
    /// client, and from now on each new one.
    pub fn handle_server_end(&mut self, how: &str, now: Now, actions: &mut Vec<Action>) {
        if self.ended.is_some() {
            return;
        }
        let turn = &mut Turn::new(now, actions);
        self.drop_waiting(approval_records::Dropped::ServerEnded, turn);
        for open in self.server_requests.take_all_waiting() {
            if let RequestKind::Call(request) = open.kind {
                turn.record_outcome(request.draft, Outcome::ServerDied);
            }
        }
        for open in self.client_requests.take_all_waiting() {
            turn.record_outcome(open.kind.into_draft(), Outcome::ServerDied);
            turn.send_to_client(reply::error_line(Some(&open.id), ErrorCode::UpstreamEnded, &describe_server_end(how)));
        }
        self.end_tasks(turn);
        self.ended = Some(how.to_owned());
    }

    fn handle_client_request(&mut self, request: ClientRequest<'_>, turn: &mut Turn<'_>) -> Result<(), Fault> {
        let ClientRequest { id, ref key, method, params, .. } = request;
        if let Some(how) = &self.ended {
            turn.send_to_client(reply::error_line(Some(id), ErrorCode::UpstreamEnded, &describe_server_end(how)));
            return Ok(());
        }
        if let Err(error) = self.client_requests.check_capacity(key) {
            let (code, why) = describe_admit_error(error, id, "client");
            turn.send_to_client(reply::error_line(Some(id), code, &why));
            let facts = Facts {
                traceparent: message::traceparent(params),
                ..Facts::new(Direction::Client, Some(method), PROTOCOL_RULE)
            };
            self.recorder.record_unacceptable(&facts, &why, turn);
            return Ok(());
        }
        if method != method::TOOLS_CALL && method::method_kind(method) == Some(MethodKind::Notification) {
            let line = self.refuse_with_id(Direction::Client, (id, method), params, turn);
            turn.send_to_client(line);
            return Ok(());
        }
        self.approvals.observe_request(method);
        self.client_log.observe_request(method, params);
        if method != method::TOOLS_CALL && self.refuse_own_state(&request, turn).is_break() {
            return Ok(());
        }
        let kind = match method {
            method::TOOLS_CALL => return self.handle_tools_call(request, turn),
            method::PROMPTS_GET => return self.handle_item_request(request, Section::Prompts, turn),
            method::INITIALIZE => {
                self.recorder.record_client(|| message::client_info(params));
                self.approvals.handle_initialize(params);
                RequestKind::Initialize
            }
            method::SUBSCRIPTIONS_LISTEN => {
                if self.admit_subscriptions(&request, turn)?.is_break() {
                    return Ok(());
                }
                self.listeners.handle_listen(key, id, params);
                RequestKind::Subscription
            }
            method::SERVER_DISCOVER => RequestKind::Discover,
            _ if method.starts_with(method::TASKS_PREFIX) => return self.handle_task_request(request, turn),
            "resources/read" | "resources/subscribe" | method::DIRECTORY_READ | method::SKILLS_GET => {
                return self.handle_item_request(request, Section::Resources, turn);
            }
            method::COMPLETE => return self.handle_completion(request, &Preparation::default(), turn),
            _ if is_other_method(method) => return self.handle_item_request(request, Section::Methods, turn),
            _ => match ListKind::of_method(method) {
                Some(list) => RequestKind::List(list, ListPart::of_request(params)),
                None => RequestKind::Other,
            },
        };
        self.client_requests.insert(request.key, id, kind);
        turn.forward_to_server();
        Ok(())
    }

    fn handle_client_notification(&mut self, method: &str, params: Option<&str>, turn: &mut Turn<'_>) {
        match method {
            _ if method::method_kind(method) == Some(MethodKind::Request) => {
                return self.drop_without_id(Direction::Client, method, params, turn);
            }
            method::CANCELLED => {
                if let Some(key) = message::cancelled_request(params) {
                    // The server never saw a held call.
                    if self.cancel_held(&key, params, turn) {
                        return;
                    }
                    self.listeners.remove_subscription(&key);
                    if self.client_requests.remove_own_subscription(&key) {
                        return;
                    }
                    if let Some(kind) = self.client_requests.cancel_request(&key) {
                        turn.record_outcome(kind.into_draft(), Outcome::Cancelled);
                    }
                }
            }
            method::INITIALIZED => return self.handle_client_ready(turn),
            _ if is_other_method(method) && !self.admit_notification(Direction::Client, method, params, turn) => return,
            _ => {}
        }
        turn.forward_to_server();
    }

    fn handle_server_notification(&mut self, line: &[u8], method: &str, params: Option<&str>, turn: &mut Turn<'_>) {
        match method {
            _ if method::method_kind(method) == Some(MethodKind::Request) => {
                return self.drop_without_id(Direction::Server, method, params, turn);
            }
            method::CANCELLED => {
                if let Some(key) = message::cancelled_request(params)
                    && let Some(RequestKind::Call(request)) = self.server_requests.cancel_request(&key)
                {
                    turn.record_outcome(request.draft, Outcome::Cancelled);
                }
            }
            "notifications/tools/list_changed" => {
                self.tools.set_complete(IsComplete::No);
                self.tools.lock.mark_stale(ItemKind::Tool);
            }
            "notifications/prompts/list_changed" => self.tools.lock.mark_stale(ItemKind::Prompt),
            "notifications/resources/list_changed" => {
                self.tools.lock.mark_stale(ItemKind::App);
                self.tools.lock.mark_stale(ItemKind::Template);
            }
            method::SUBSCRIPTIONS_ACKNOWLEDGED => {
                if let Some(line) = self.listeners.handle_acknowledged(params) {
                    return turn.send_to_client(line);
                }
            }
            method::TASKS_NOTIFICATION | method::TASKS_STATUS => {
                if let Some(state) = params
                    && let Some(why) = self.handle_task_status(line, state, turn)
                {
                    return turn.push_note(why);
                }
            }
            "notifications/resources/updated" if !self.admit_resource_update(method, params, turn) => return,
            approvals::PROGRESS if self.approvals.progress.is_below_floor(params) => {
                return turn.push_note("dropped progress from the server that is below our own".to_owned());
            }
            _ if !is_of_server(method) && !self.admit_notification(Direction::Server, method, params, turn) => return,
            _ => {}
        }
        self.forward_notification(line, method, params, turn);
    }

    fn handle_server_response(
        &mut self,
        line: &[u8],
        (id, key): (&str, &IdKey),
        (answer, keys): (Answer<'_>, KeyMarks),
        turn: &mut Turn<'_>,
    ) {
        if self.handle_own_answer(key, Some((line, answer)), turn) {
            return;
        }
        let Some(open) = self.client_requests.take_answered(key) else {
            return turn.push_note(format!("dropped an answer that matches no open request (id {id})"));
        };
        self.sources.begin_answer();
        let refused = match (&open.kind, answer) {
            (RequestKind::Cancelled, _) => {
                return turn.push_note(format!("dropped the late answer to cancelled request {id}"));
            }
            (kind, answer) => self.find_refused_input(line, (answer, keys), kind.task(), turn),
        };
        let is_list = matches!(open.kind, RequestKind::List(..));
        let task = open.kind.task().map(str::to_owned);
        let edited = match (open.kind, answer) {
            (RequestKind::Call(call), answer) => self.treat_call_answer((&open.id, call), line, (answer, keys), turn),
            (RequestKind::Task(request), answer) => {
                let treated = self.treat_task_answer((&open.id, &request), (line, answer), turn);
                self.handle_task_answer(*request, answer, turn);
                Ok(treated)
            }
            (RequestKind::Subscription, Answer::Error(error)) if self.listeners.can_serve(key, error) => {
                // The server has no subscriptions. A change of the policy is ours to announce.
                self.client_requests.insert(key.clone(), &open.id, RequestKind::OwnSubscription);
                return turn.send_to_client(self.listeners.serve_subscription(key));
            }
            (RequestKind::Initialize, Answer::Error(_)) => {
                self.approvals.handle_initialized(answer);
                Ok(self.treat_other_answer(&open.id, (line, answer), turn))
            }
            (RequestKind::Subscription, _) | (_, Answer::Error(_)) => {
                self.listeners.remove_subscription(key);
                Ok(self.treat_other_answer(&open.id, (line, answer), turn))
            }
            (RequestKind::Discover, Answer::Result(result)) => {
                self.edit_greeting(line, result, |_, text| list_listeners::declare_list_changed(text), turn)
            }
            (RequestKind::Initialize, Answer::Result(result)) => {
                self.approvals.handle_initialized(answer);
                self.client_log.handle_greeting(result);
                self.edit_greeting(line, result, Listeners::handle_initialized, turn)
            }
            (RequestKind::List(list, part), Answer::Result(result)) => self.filter_list(line, result, (list, part)),
            (RequestKind::Other, _)
            | (RequestKind::Held(_) | RequestKind::OwnSubscription | RequestKind::Cancelled, _) => {
                Ok(self.treat_other_answer(&open.id, (line, answer), turn))
            }
        };
        self.finish_answer(turn);
        if let Some(why) = refused {
            turn.push_note(why.clone());
            return self.send_error(Some(&open.id), ErrorCode::Refused, &why, turn);
        }
        if edited.is_ok() {
            self.remember_result(key, task.as_deref(), answer, turn);
        }
        match edited {
            Ok(None) => turn.forward_to_client(),
            Ok(Some(edited)) => turn.send_to_client(edited),
            Err(fault) => {
                let why = describe_fault(if is_list { "list" } else { "answer" }, &fault);
                turn.push_note(format!("withheld an answer from the server: {why}"));
                let facts = Facts::new(Direction::Server, None, PROTOCOL_RULE);
                self.recorder.record_unacceptable(&facts, &why, turn);
                self.send_error(Some(&open.id), ErrorCode::UpstreamUnreadable, &why, turn);
            }
        }
    }
}
