//! The state machine of one session: a line in, actions out. It reads no clock and does no I/O, so that every question
//! of protocol and policy is tested by feeding it lines.

mod action;
mod announce;
mod approvals;
mod asked;
mod calls;
mod judged;
pub mod limits;
mod list;
mod listed;
mod now;
mod open;
mod recorder;
mod refusal;
mod trial;

use std::borrow::Cow;
use std::sync::Arc;

pub use action::{Action, Commit, Note};
use announce::Listeners;
use approvals::{Approvals, Offered};
pub use approvals::{Asks, Channel, Local, LocalDesk, Question, Settled, Verdict as Approval};
use calls::Calls;
use limits::Store;
use list::{Keep, List};
use listed::ListedTools;
pub use now::Now;
use open::{Answered, Call, Full, Kind, OpenRequests};
use recorder::{Recorder, finish, outcome_of};
use refusal::Refusal;
pub use trial::{Trial, Verdict};

use crate::limits::MAX_OPEN;
use crate::policy::{Decision, Effect, Policy, ToolRef};
use crate::record::{Direction, Enforcement, Keyed, Outcome, Required};
use crate::wire::fault::Fault;
use crate::wire::id::IdKey;
use crate::wire::message::{self, Answer, CallParams, Message, method};
use crate::wire::reply::{self, ErrorCode};
use crate::wire::skim::{Shape, Skim, Version, skim};
use crate::wire::strict::{Judged, Reader};

/// One session: the policy in force and the requests that are open in each direction.
#[derive(Debug)]
pub struct Engine {
    policy: Arc<Policy>,
    calls: Calls,
    reader: Reader,
    /// What the client waits for.
    client_requests: OpenRequests,
    /// What the server waits for.
    server_requests: OpenRequests,
    listed: ListedTools,
    listeners: Listeners,
    recorder: Recorder,
    approvals: Approvals,
    required: Required,
    enforcement: Enforcement,
    /// How the server ended, once it has.
    ended: Option<String>,
}

impl Engine {
    /// A session under a policy. `store` keeps the counts of the scope `server`.
    pub fn new(policy: Arc<Policy>, store: Box<dyn Store>) -> Self {
        Self {
            policy,
            calls: Calls::new(store),
            reader: Reader::default(),
            client_requests: OpenRequests::default(),
            server_requests: OpenRequests::default(),
            listed: ListedTools::default(),
            listeners: Listeners::default(),
            recorder: Recorder::default(),
            approvals: Approvals::default(),
            required: Required::No,
            enforcement: Enforcement::Enforced,
            ended: None,
        }
    }

    /// Tells of every decision with an [`Action::Record`], and where the log is required, of every call that is about to
    /// be passed on with an [`Action::Commit`].
    #[must_use]
    pub fn recording(mut self, keyed: Keyed, required: Required) -> Self {
        self.recorder = Recorder::new(keyed);
        self.required = required;
        self
    }

    /// Asks a person where the policy wants one asked. Without it nobody can be.
    #[must_use]
    pub fn asking(mut self, asks: Asks) -> Self {
        self.approvals = Approvals::new(asks);
        self
    }

    /// Refuses nothing but what breaks the protocol; what the policy would have refused is recorded as such.
    #[must_use]
    pub fn observing(mut self) -> Self {
        self.enforcement = Enforcement::Observed;
        self
    }

    /// Judges a line from the client, with or without its newline, and adds what is to be done to `actions`.
    pub fn client_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let message = self.reader.read(line, Judged::EVERYTHING).and_then(|envelope| Message::of(&envelope));
        let judged = match message {
            Ok(Message::Request { id, key, method, params }) => self.client_request(
                Request { id, key, method: &method, params, line: line.into(), refused: None },
                now,
                actions,
            ),
            Ok(Message::Notification { method, params }) => {
                self.client_notification(&method, params, now, actions);
                Ok(())
            }
            Ok(Message::Response { id, key, answer }) => {
                if !self.dialogue_answered(&key, answer, now, actions) {
                    self.client_response(id, &key, actions);
                }
                Ok(())
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = judged {
            self.refuse_client_line(&skim(line), code_of(&fault), &unacceptable("message", &fault), now, actions);
        }
    }

    /// A line from the client that was over the bound of `max` bytes and was skipped.
    pub fn client_oversize(&mut self, skim: &Skim, max: usize, now: Now, actions: &mut Vec<Action>) {
        let why = oversize("message", max);
        note(actions, || format!("to the client: {why}"));
        self.recorder.unacceptable(Direction::Client, (None, None), &why, now, actions);
        self.answer_instead(skim, &why, now, actions);
        // What was no request wants no answer; of what cannot be told, the client should know.
        if matches!(skim.shape, Shape::Request | Shape::Unknown) {
            actions.push(Action::Reply(reply::error(self.id_to_answer(skim), ErrorCode::InvalidRequest, &why)));
        }
    }

    /// Judges a line from the server, with or without its newline, and adds what is to be done to `actions`.
    pub fn server_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let message = self.reader.read(line, Judged::ENVELOPE).and_then(|envelope| Message::of(&envelope));
        match message {
            Ok(Message::Request { id, key, method, .. }) => self.server_request(id, key, &method, now, actions),
            Ok(Message::Notification { method, params }) => {
                match method.as_ref() {
                    method::CANCELLED => {
                        if let Some(key) = message::cancelled_request(params) {
                            self.server_requests.cancel(&key);
                        }
                    }
                    method::SUBSCRIPTIONS_ACKNOWLEDGED => self.listeners.acknowledged(params),
                    approvals::PROGRESS if self.approvals.progress.falls_below(params) => {
                        return note(actions, || "dropped progress of the server that is below ours".to_owned());
                    }
                    _ => {}
                }
                actions.push(Action::Forward);
            }
            Ok(Message::Response { id, key, answer }) => {
                self.server_response(line, Response { id, key: &key, answer }, now, actions);
            }
            // npm and npx print blank lines.
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(fault) => {
                actions.push(Action::Stray);
                self.refuse_server_line(&skim(line), &unacceptable("answer", &fault), now, actions);
            }
        }
    }

    /// A line from the server that was over the bound of `max` bytes and was skipped.
    pub fn server_oversize(&mut self, skim: &Skim, max: usize, now: Now, actions: &mut Vec<Action>) {
        note(actions, || format!("skipped a line of the server that is larger than {max} bytes"));
        self.refuse_server_line(skim, &oversize("answer", max), now, actions);
    }

    /// The server has ended, as `how` says ("it exited with code 1"): adds a `Replace` for each open request of the
    /// client. From here on every request of the client is answered at once.
    pub fn server_ended(&mut self, how: &str, now: Now, actions: &mut Vec<Action>) {
        if self.ended.is_some() {
            return;
        }
        self.nobody_waits(now, actions);
        for open in self.client_requests.drain() {
            if let Kind::Call(call) = open.kind {
                finish(call.draft, Outcome::ServerDied, now, actions);
            }
            actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::UpstreamEnded, &ended(how))));
        }
        self.ended = Some(how.to_owned());
    }

    /// The tool of this name, with what the server has listed of it in this session: as calls of it are decided.
    pub fn tool<'t>(&self, name: &'t str) -> ToolRef<'t> {
        self.listed.tool(name)
    }

    /// By which rule the prompt of this name is hidden with the tool that it is named after; `None` where it is not.
    pub fn hides_prompt(&self, prompt: &str) -> Option<Decision<'_>> {
        self.listed.prompt(&self.policy, prompt)
    }

    /// Another policy takes effect, for the next line on. Where the client would see other tools, adds a `Replace` for
    /// each notification that tells it so.
    pub fn replace_policy(&mut self, policy: Arc<Policy>, actions: &mut Vec<Action>) {
        if self.ended.is_none() && self.listed.differ(&self.policy, &policy) {
            actions.extend(self.listeners.list_changed().into_iter().map(Action::Replace));
        }
        self.policy = policy;
    }

    fn client_request(&mut self, request: Request<'_>, now: Now, actions: &mut Vec<Action>) -> Result<(), Fault> {
        let Request { id, ref key, method, params, .. } = request;
        if let Some(how) = &self.ended {
            actions.push(Action::Reply(reply::error(Some(id), ErrorCode::UpstreamEnded, &ended(how))));
            return Ok(());
        }
        if let Err(full) = self.client_requests.room_for(key) {
            let why = no_room(full, id, "client", actions);
            self.recorder.unacceptable(Direction::Client, (Some(method), None), &why, now, actions);
            return Ok(());
        }
        let kind = match method {
            method::TOOLS_CALL => return self.tools_call(request, now, actions),
            method::PROMPTS_GET => return self.prompts_get(request, now, actions),
            method::TOOLS_LIST => Kind::List(List::Tools),
            method::PROMPTS_LIST => Kind::List(List::Prompts),
            method::INITIALIZE => {
                self.recorder.introduced(|| message::client_info(params));
                self.approvals.offered = Offered::declared(params);
                Kind::Initialize
            }
            method::SUBSCRIPTIONS_LISTEN => {
                self.listeners.asked(key, id, params);
                Kind::Subscription
            }
            _ => Kind::Other,
        };
        self.client_requests.insert(request.key, id, kind);
        actions.push(Action::Forward);
        Ok(())
    }

    fn client_notification(&mut self, method: &str, params: Option<&str>, now: Now, actions: &mut Vec<Action>) {
        match method {
            // Some servers run a call that has no id (the wrapper could not refuse it either), so it goes nowhere.
            method::TOOLS_CALL | method::PROMPTS_GET => {
                note(actions, || format!("dropped a {method} without an id"));
                let call = CallParams::read(params).ok();
                let name = call.as_ref().map(|call| call.name.as_ref());
                let why = "It has no id, so nobody could be told what came of it.";
                self.recorder.unacceptable(Direction::Client, (Some(method), name), why, now, actions);
            }
            method::CANCELLED => {
                if let Some(key) = message::cancelled_request(params) {
                    // The server knows nothing of it.
                    if self.held_cancelled(&key, now, actions) {
                        return;
                    }
                    if let Some(Kind::Call(call)) = self.client_requests.cancel(&key) {
                        finish(call.draft, Outcome::Cancelled, now, actions);
                    }
                    self.listeners.over(&key);
                }
                actions.push(Action::Forward);
            }
            _ => actions.push(Action::Forward),
        }
    }

    fn client_response(&mut self, id: &str, key: &IdKey, actions: &mut Vec<Action>) {
        match self.server_requests.answer(key) {
            Answered::Waiting(_) => actions.push(Action::Forward),
            Answered::Cancelled => {
                note(actions, || format!("dropped the client's late answer to cancelled request {id}"))
            }
            Answered::Nothing => {
                note(actions, || format!("dropped an answer of the client to no open request (id {id})"))
            }
        }
    }

    /// Answers a line of the client that is not acceptable.
    fn refuse_client_line(&mut self, skim: &Skim, code: ErrorCode, why: &str, now: Now, actions: &mut Vec<Action>) {
        note(actions, || format!("to the client: {why}"));
        self.recorder.unacceptable(Direction::Client, (None, None), why, now, actions);
        self.answer_instead(skim, why, now, actions);
        actions.push(Action::Reply(reply::error(self.id_to_answer(skim), code, why)));
    }

    /// The id under which a line of the client is refused. What may be no request must not settle one that is open.
    fn id_to_answer<'s>(&self, skim: &'s Skim) -> Option<&'s str> {
        let id = skim.request_id()?;
        let is_free = || self.client_requests.room_for(&id.into()) != Err(Full::InFlight);
        (skim.shape == Shape::Request || is_free()).then(|| id.as_str())
    }

    /// Where a line of the client that is not acceptable was the answer to a request of the server, the server gets an
    /// error in its place; where it was the answer to one of ours, it can only be taken for a refusal.
    fn answer_instead(&mut self, skim: &Skim, why: &str, now: Now, actions: &mut Vec<Action>) {
        let Some(id) = skim.response_id() else { return };
        let (key, unreadable) = (id.into(), Answer::Result("{}"));
        if !self.dialogue_answered(&key, unreadable, now, actions)
            && let Answered::Waiting(open) = self.server_requests.answer(&key)
        {
            actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::InvalidRequest, why)));
        }
    }

    fn server_request(&mut self, id: &str, key: IdKey, method: &str, now: Now, actions: &mut Vec<Action>) {
        if let Err(full) = self.server_requests.room_for(&key) {
            note(actions, || format!("refused a request of the server ({method:?}, id {id})"));
            let why = no_room(full, id, "server", actions);
            self.recorder.unacceptable(Direction::Server, (Some(method), None), &why, now, actions);
            return;
        }
        self.server_requests.insert(key, id, Kind::Other);
        actions.push(Action::Forward);
    }

    fn server_response(&mut self, line: &[u8], response: Response<'_>, now: Now, actions: &mut Vec<Action>) {
        let Response { id, key, answer } = response;
        let open = match self.client_requests.answer(key) {
            Answered::Waiting(open) => open,
            Answered::Cancelled => {
                return note(actions, || format!("dropped the late answer to cancelled request {id}"));
            }
            Answered::Nothing => return note(actions, || format!("dropped an answer to no open request (id {id})")),
        };
        let (kind, result) = match (open.kind, answer) {
            (Kind::Call(call), answer) => {
                self.answered(call, answer, now, actions);
                return actions.push(Action::Forward);
            }
            (kind, Answer::Result(result)) => (kind, result),
            (_, Answer::Error(_)) => {
                self.listeners.over(key);
                return actions.push(Action::Forward);
            }
        };
        let edited = match kind {
            Kind::Other | Kind::Call(_) | Kind::Held(_) => Ok(None),
            Kind::Initialize => {
                self.approvals.offered = self.approvals.offered.with_revision(result);
                Ok(self.listeners.initialized(result).map(|new| list::splice(line, result, &new)))
            }
            Kind::Subscription => {
                self.listeners.over(key);
                Ok(None)
            }
            Kind::List(list) => self.filter(line, result, list),
        };
        match edited {
            Ok(None) => actions.push(Action::Forward),
            Ok(Some(edited)) => actions.push(Action::Replace(edited)),
            Err(fault) => {
                let why = unacceptable("list", &fault);
                note(actions, || format!("withheld an answer of the server: {why}"));
                self.recorder.unacceptable(Direction::Server, (None, None), &why, now, actions);
                actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::UpstreamUnreadable, &why)));
            }
        }
    }

    /// The line without the items that the policy hides; `None` where it hides none.
    fn filter(&mut self, line: &[u8], result: &str, list: List) -> Result<Option<Vec<u8>>, Fault> {
        self.reader.read(line, Judged::LIST)?;
        let (policy, listed, enforcement) = (&self.policy, &mut self.listed, self.enforcement);
        let mut filter = |raised: &mut bool| {
            list::filter(result, list, |name, item| {
                let is_hidden = match list {
                    List::Tools => {
                        *raised |= listed.insert(&name, item, policy);
                        policy.decide(listed.tool(&name)).effect == Effect::Hide
                    }
                    List::Prompts => listed.prompt(policy, &name).is_some(),
                };
                if is_hidden && enforcement == Enforcement::Enforced { Keep::Hidden } else { Keep::Visible }
            })
        };
        let mut raised = false;
        let mut filtered = filter(&mut raised)?;
        if raised {
            // The tool may stand further up as well, where it still counted as something milder.
            filtered = filter(&mut false)?;
        }
        Ok(filtered.map(|filtered| list::splice(line, result, &filtered)))
    }

    /// A line of the server that is not forwarded: whoever waits for an answer to it or by it gets an error.
    fn refuse_server_line(&mut self, skim: &Skim, why: &str, now: Now, actions: &mut Vec<Action>) {
        let Some(id) = &skim.id else { return };
        let is_answer = match (skim.shape, skim.version) {
            (Shape::Response, _) => true,
            // Neither request nor answer, and yet a message: then an answer that went wrong.
            (Shape::Unknown, Version::Named) => true,
            _ => false,
        };
        if is_answer || skim.shape == Shape::Request {
            note(actions, || format!("withheld a line of the server (id {id}): {why}"));
            self.recorder.unacceptable(Direction::Server, (None, None), why, now, actions);
        }
        if is_answer {
            if let Answered::Waiting(open) = self.client_requests.answer(&id.into()) {
                if let Kind::Call(call) = open.kind {
                    finish(call.draft, Outcome::Error, now, actions);
                }
                actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::UpstreamUnreadable, why)));
            }
        } else if skim.shape == Shape::Request {
            actions.push(Action::Reply(reply::error(Some(id.as_str()), ErrorCode::InvalidRequest, why)));
        }
    }
}

/// A request of the client, as it was read.
struct Request<'l> {
    id: &'l str,
    key: IdKey,
    method: &'l str,
    params: Option<&'l str>,
    /// As it came, or without what was in it for us.
    line: Cow<'l, [u8]>,
    /// What a person has said to it, where that was no: the note to the agent, if there was one.
    refused: Option<Option<String>>,
}

/// An answer of the server, as it was read.
struct Response<'l> {
    id: &'l str,
    key: &'l IdKey,
    answer: Answer<'l>,
}

fn note(actions: &mut Vec<Action>, text: impl FnOnce() -> String) {
    actions.push(Action::Note(Note::new(text())));
}

fn refused(method: &str, id: &str, refusal: &Refusal<'_>) -> String {
    let meta = refusal.meta();
    format!("refused {method} of {:?} (id {id}) by {}: {}", meta.tool, meta.rule, meta.reason)
}

fn no_room(full: Full, id: &str, sender: &str, actions: &mut Vec<Action>) -> String {
    let (code, why) = match full {
        Full::InFlight => (
            ErrorCode::InvalidRequest,
            format!(
                "policylayer refused this request: its id {id} is still in use by an open request. Send it with a new id."
            ),
        ),
        Full::TooMany => (
            ErrorCode::TooMany,
            format!(
                "policylayer refused this request: {MAX_OPEN} requests of the {sender} are open. Wait for answers first."
            ),
        ),
    };
    actions.push(Action::Reply(reply::error(Some(id), code, &why)));
    why
}

fn code_of(fault: &Fault) -> ErrorCode {
    if fault.is_parse_error() { ErrorCode::Parse } else { ErrorCode::InvalidRequest }
}

fn unacceptable(what: &str, fault: &Fault) -> String {
    format!(
        "policylayer refused this {what}: {fault}. It was not passed on. A message must be one JSON-RPC 2.0 object on one \
         line that every JSON parser reads alike."
    )
}

fn oversize(what: &str, max: usize) -> String {
    format!(
        "policylayer refused this {what}: it is larger than {max} bytes and was not passed on. `policylayer wrap \
         --max-message` sets the bound."
    )
}

fn ended(how: &str) -> String {
    format!(
        "The MCP server has ended ({how}), so this request has no answer. Restart the server in the client to go on."
    )
}
