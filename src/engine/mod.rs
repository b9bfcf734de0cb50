//! The state machine of one session: a line in, actions out. It reads no clock and does no I/O, so that every question
//! of protocol and policy is tested by feeding it lines.

mod action;
mod announce;
mod calls;
pub mod limits;
mod list;
mod listed;
mod now;
mod open;
mod refusal;
mod trial;

use std::sync::Arc;

pub use action::{Action, Note};
use announce::Listeners;
use calls::Calls;
use limits::Store;
use list::{Keep, List};
use listed::ListedTools;
pub use now::Now;
use open::{Answered, Full, Kind, OpenRequests};
use refusal::{Refusal, Refused, Subject, refusal};
pub use trial::{Trial, TrialAnswer, Verdict};

use crate::limits::MAX_OPEN;
use crate::policy::{Effect, Policy};
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
            ended: None,
        }
    }

    /// Judges a line from the client, with or without its newline, and adds what is to be done to `actions`.
    pub fn client_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let message = self.reader.read(line, Judged::EVERYTHING).and_then(|envelope| Message::of(&envelope));
        let judged = match message {
            Ok(Message::Request { id, key, method, params }) => {
                self.client_request(Request { id, key, method: &method, params }, now, actions)
            }
            Ok(Message::Notification { method, params }) => {
                self.client_notification(&method, params, actions);
                Ok(())
            }
            Ok(Message::Response { id, key, .. }) => {
                self.client_response(id, &key, actions);
                Ok(())
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = judged {
            self.refuse_client_line(&skim(line), code_of(&fault), &unacceptable("message", &fault), actions);
        }
    }

    /// A line from the client that was over the bound of `max` bytes and was skipped.
    pub fn client_oversize(&mut self, skim: &Skim, max: usize, actions: &mut Vec<Action>) {
        let why = oversize("message", max);
        note(actions, || format!("to the client: {why}"));
        self.answer_server_instead(skim, &why, actions);
        // What was no request wants no answer; of what cannot be told, the client should know.
        if matches!(skim.shape, Shape::Request | Shape::Unknown) {
            actions.push(Action::Reply(reply::error(self.id_to_answer(skim), ErrorCode::InvalidRequest, &why)));
        }
    }

    /// Judges a line from the server, with or without its newline, and adds what is to be done to `actions`.
    pub fn server_line(&mut self, line: &[u8], now: Now, actions: &mut Vec<Action>) {
        let message = self.reader.read(line, Judged::ENVELOPE).and_then(|envelope| Message::of(&envelope));
        match message {
            Ok(Message::Request { id, key, method, .. }) => self.server_request(id, key, &method, actions),
            Ok(Message::Notification { method, params }) => {
                match method.as_ref() {
                    method::CANCELLED => {
                        if let Some(key) = message::cancelled_request(params) {
                            self.server_requests.cancel(&key);
                        }
                    }
                    method::SUBSCRIPTIONS_ACKNOWLEDGED => self.listeners.acknowledged(params),
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
                self.refuse_server_line(&skim(line), &unacceptable("answer", &fault), actions);
            }
        }
    }

    /// A line from the server that was over the bound of `max` bytes and was skipped.
    pub fn server_oversize(&mut self, skim: &Skim, max: usize, actions: &mut Vec<Action>) {
        note(actions, || format!("skipped a line of the server that is larger than {max} bytes"));
        self.refuse_server_line(skim, &oversize("answer", max), actions);
    }

    /// The server has ended, as `how` says ("it exited with code 1"): adds a `Replace` for each open request of the
    /// client. From here on every request of the client is answered at once.
    pub fn server_ended(&mut self, how: &str, actions: &mut Vec<Action>) {
        if self.ended.is_some() {
            return;
        }
        for open in self.client_requests.drain() {
            actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::UpstreamEnded, &ended(how))));
        }
        self.ended = Some(how.to_owned());
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
        let Request { id, key, method, params } = request;
        if let Some(how) = &self.ended {
            actions.push(Action::Reply(reply::error(Some(id), ErrorCode::UpstreamEnded, &ended(how))));
            return Ok(());
        }
        if let Err(full) = self.client_requests.room_for(&key) {
            no_room(full, id, "client", actions);
            return Ok(());
        }
        let kind = match method {
            method::TOOLS_CALL => {
                let call = CallParams::read(params)?;
                match self.calls.judge(&self.policy, &call, now) {
                    Ok(Some(counted)) => Kind::Counted(Box::new(counted)),
                    Ok(None) => Kind::Other,
                    Err(why) => {
                        let refusal = refusal(why, Subject::Tool, &call.name);
                        note(actions, || refused(method, id, &refusal));
                        let reply = reply::refusal(id, call.answer_shape(), &refusal.text, refusal.meta());
                        actions.push(Action::Reply(reply));
                        return Ok(());
                    }
                }
            }
            method::PROMPTS_GET => {
                let call = CallParams::read(params)?;
                if let Some(refusal) = self.refused_prompt(&call.name) {
                    note(actions, || refused(method, id, &refusal));
                    actions.push(Action::Reply(reply::refusal_error(id, &refusal.text, refusal.meta())));
                    return Ok(());
                }
                Kind::Other
            }
            method::TOOLS_LIST => Kind::List(List::Tools),
            method::PROMPTS_LIST => Kind::List(List::Prompts),
            method::INITIALIZE => Kind::Initialize,
            method::SUBSCRIPTIONS_LISTEN => {
                self.listeners.asked(&key, id, params);
                Kind::Subscription
            }
            _ => Kind::Other,
        };
        self.client_requests.insert(key, id, kind);
        actions.push(Action::Forward);
        Ok(())
    }

    fn refused_prompt<'a>(&'a self, prompt: &'a str) -> Option<Refusal<'a>> {
        self.listed
            .prompt(&self.policy, prompt)
            .map(|decision| refusal(Refused::from(decision), Subject::Prompt, prompt))
    }

    fn client_notification(&mut self, method: &str, params: Option<&str>, actions: &mut Vec<Action>) {
        match method {
            // Some servers run a call that has no id (the wrapper could not refuse it either), so it goes nowhere.
            method::TOOLS_CALL | method::PROMPTS_GET => {
                note(actions, || format!("dropped a {method} without an id"));
            }
            method::CANCELLED => {
                if let Some(key) = message::cancelled_request(params) {
                    self.client_requests.cancel(&key);
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
    fn refuse_client_line(&mut self, skim: &Skim, code: ErrorCode, why: &str, actions: &mut Vec<Action>) {
        note(actions, || format!("to the client: {why}"));
        self.answer_server_instead(skim, why, actions);
        actions.push(Action::Reply(reply::error(self.id_to_answer(skim), code, why)));
    }

    /// The id under which a line of the client is refused. What may be no request must not settle one that is open.
    fn id_to_answer<'s>(&self, skim: &'s Skim) -> Option<&'s str> {
        let id = skim.request_id()?;
        let is_free = || self.client_requests.room_for(&id.into()) != Err(Full::InFlight);
        (skim.shape == Shape::Request || is_free()).then(|| id.as_str())
    }

    /// Where a line of the client that is not forwarded was the answer to a request of the server, the server gets an
    /// error in its place.
    fn answer_server_instead(&mut self, skim: &Skim, why: &str, actions: &mut Vec<Action>) {
        if let Some(id) = skim.response_id()
            && let Answered::Waiting(open) = self.server_requests.answer(&id.into())
        {
            actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::InvalidRequest, why)));
        }
    }

    fn server_request(&mut self, id: &str, key: IdKey, method: &str, actions: &mut Vec<Action>) {
        if let Err(full) = self.server_requests.room_for(&key) {
            note(actions, || format!("refused a request of the server ({method:?}, id {id})"));
            no_room(full, id, "server", actions);
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
        let result = match (open.kind, answer) {
            (Kind::Counted(counted), answer) => {
                self.calls.answered(*counted, answer, now);
                return actions.push(Action::Forward);
            }
            (kind, Answer::Result(result)) => (kind, result),
            (_, Answer::Error(_)) => {
                self.listeners.over(key);
                return actions.push(Action::Forward);
            }
        };
        let (kind, result) = result;
        let edited = match kind {
            Kind::Other | Kind::Counted(_) => Ok(None),
            Kind::Initialize => Ok(self.listeners.initialized(result).map(|new| list::splice(line, result, &new))),
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
                actions.push(Action::Replace(reply::error(Some(&open.id), ErrorCode::UpstreamUnreadable, &why)));
            }
        }
    }

    /// The line without the items that the policy hides; `None` where it hides none.
    fn filter(&mut self, line: &[u8], result: &str, list: List) -> Result<Option<Vec<u8>>, Fault> {
        self.reader.read(line, Judged::LIST)?;
        let (policy, listed) = (&self.policy, &mut self.listed);
        let filtered = list::filter(result, list, |name| {
            let is_hidden = match list {
                List::Tools => {
                    listed.insert(&name);
                    policy.decide(&name).effect == Effect::Hide
                }
                List::Prompts => listed.prompt(policy, &name).is_some(),
            };
            if is_hidden { Keep::Hidden } else { Keep::Visible }
        })?;
        Ok(filtered.map(|filtered| list::splice(line, result, &filtered)))
    }

    /// A line of the server that is not forwarded: whoever waits for an answer to it or by it gets an error.
    fn refuse_server_line(&mut self, skim: &Skim, why: &str, actions: &mut Vec<Action>) {
        let Some(id) = &skim.id else { return };
        let is_answer = match (skim.shape, skim.version) {
            (Shape::Response, _) => true,
            // Neither request nor answer, and yet a message: then an answer that went wrong.
            (Shape::Unknown, Version::Named) => true,
            _ => false,
        };
        if is_answer || skim.shape == Shape::Request {
            note(actions, || format!("withheld a line of the server (id {id}): {why}"));
        }
        if is_answer {
            if let Answered::Waiting(open) = self.client_requests.answer(&id.into()) {
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

fn no_room(full: Full, id: &str, sender: &str, actions: &mut Vec<Action>) {
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
