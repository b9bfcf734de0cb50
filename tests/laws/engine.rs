//! The whole engine: any lines in both directions, changes of the policy, steps in time and the server's end keep the
//! invariants.
//!
//! A script has one step a line, and its first byte says which: `c` a line of the client, `s` one of the server, `C` and
//! `S` a plausible line whose parts the other bytes choose, `o` and `O` a line over the bound, `p` another policy, `t` a
//! step in time, `e` the end of the server. So a script can be read, and a corpus can be written by hand.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::limits::{MAX_CANCELLED, MAX_OPEN};
use policylayer::policy::{ConditionInput, Effect, Policy};
use policylayer::record::{self, About, ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, LogEntry, Required};
use policylayer::wire::fault::Fault;
use policylayer::wire::id::IdKey;
use policylayer::wire::message::{Message, cancelled_request};
use policylayer::wire::method::{self, MethodKind, method_kind};
use policylayer::wire::skim::{Shape, Skim, skim_batch, skim_line};
use policylayer::wire::strict::{Reader, StrictDepth};

use super::models::{Node, Reading, Value, fold, parse};
use super::{compiled, list, plausible, shown};

/// How often a call of `limited` passes in [`WINDOW`], under the policies that limit it.
const MAX: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);

fn policies() -> &'static [(Arc<Policy>, Limited); 4] {
    static POLICIES: OnceLock<[(Arc<Policy>, Limited); 4]> = OnceLock::new();
    POLICIES.get_or_init(|| {
        let limited = r#""limited":{"rate_limit":{"max":3,"window":10}}"#;
        let mixed = format!(
            r#"{{"version":"1","default":"allow","hide":["hidden","delete_*"],"tools":{{{limited},
                "denied":{{"action":"deny"}},"asked":{{"action":"require_approval"}},
                "guarded":{{"deny_if":[{{"conditions":[{{"path":"args.x","op":"eq","value":"user"}}]}},
                    {{"conditions":[{{"path":"input.q","op":"eq","value":"bad"}}]}}]}},
                "paid":{{"limits":[{{"max":9,"window":60,"increment_from":"args.n","refund_on_error":true}}]}}}}}}"#
        );
        let listed = format!(r#"{{"version":"1","default":"deny","tools":{{"get":{{}},"hidden":{{}},{limited}}}}}"#);
        [
            (compiled(&mixed), Limited::Yes),
            (compiled(&listed), Limited::Yes),
            (compiled(r#"{"version":"1","default":"allow"}"#), Limited::No),
            (compiled(r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#), Limited::No),
        ]
    })
}

/// Whether a policy limits the tool `limited`.
#[derive(Clone, Copy, PartialEq)]
enum Limited {
    Yes,
    No,
}

/// How many steps of a script are taken.
const MAX_STEPS: usize = 64;

pub fn holds(script: &[u8]) {
    let mut session = Session::new();
    for step in script.split(|byte| *byte == b'\n').take(MAX_STEPS) {
        let Some((kind, rest)) = step.split_first() else { continue };
        match kind {
            b'c' => session.client(rest),
            b'C' => session.client(&plausible::client(rest)),
            b's' => session.server(rest),
            b'S' => session.server(&plausible::server(rest)),
            b'o' => session.client_oversize(rest),
            b'O' => session.server_oversize(rest),
            b'p' => session.replace_policy(usize::from(rest.first().copied().unwrap_or_default())),
            b't' => session.wait(rest),
            b'e' => session.end(),
            _ => {}
        }
        session.is_bounded();
    }
    // Whatever came before, every request has its answer in the end.
    session.end();
    assert!(session.client_requests.waiting().next().is_none());
}

/// A request that one side has sent and the other has got.
struct Open {
    id: String,
    method: String,
    is_cancelled: bool,
}

/// The open requests of one direction, as an observer would keep them.
#[derive(Default)]
struct Requests(HashMap<IdKey, Open>);

impl Requests {
    fn open(&mut self, key: IdKey, id: &str, method: &str) {
        let open = Open { id: id.to_owned(), method: method.to_owned(), is_cancelled: false };
        assert!(self.0.insert(key, open).is_none(), "the id {id} was in use");
    }

    fn cancel(&mut self, params: Option<&str>) {
        if let Some(open) = cancelled_request(params).and_then(|key| self.0.get_mut(&key)) {
            open.is_cancelled = open.is_cancelled || open.method != method::INITIALIZE;
        }
    }

    /// The request that an answer with this id closes; `None` where nobody waits for one.
    fn close(&mut self, key: &IdKey) -> Option<Open> {
        self.0.remove(key).filter(|open| !open.is_cancelled)
    }

    /// What was refused may have been the late answer to a request that was withdrawn, and its id is free then.
    fn may_be_late(&mut self, skim: &Skim) {
        if let Some(key) = skim.id.as_ref().map(IdKey::from)
            && self.0.get(&key).is_some_and(|open| open.is_cancelled)
        {
            self.0.remove(&key);
        }
    }

    fn waiting(&self) -> impl Iterator<Item = &Open> {
        self.0.values().filter(|open| !open.is_cancelled)
    }
}

fn is_batch(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"[")
}

/// The lines that came of a step.
#[derive(Default)]
struct Lines {
    forwards: usize,
    replaces: Vec<Vec<u8>>,
    replies: Vec<Vec<u8>>,
    /// The numbers of the decisions that were recorded.
    records: Vec<u64>,
}

/// Who caused a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    /// The server, or nobody.
    Server,
}

impl Lines {
    fn of(actions: Vec<Action>, sender: Sender) -> Self {
        let mut lines = Self::default();
        for action in actions {
            match action {
                Action::ToServer(payload) => lines.add(payload, sender == Sender::Server),
                Action::ToClient(payload) => lines.add(payload, sender == Sender::Client),
                Action::Record(entry) => lines.records.push(recorded(&entry)),
                Action::Commit(_) | Action::Ask(_) | Action::Settle(..) | Action::Schedule => {
                    panic!("no log is required here, and nobody can be asked")
                }
                Action::Stray(_) | Action::Note(_) => {}
            }
        }
        for line in lines.replaces.iter().chain(&lines.replies) {
            is_one_message(line);
        }
        lines
    }

    fn add(&mut self, payload: Payload, goes_back: bool) {
        match payload {
            Payload::Received => {
                assert!(!goes_back, "a line came back to its sender");
                self.forwards += 1;
            }
            Payload::Written(line) | Payload::Kept(line) if goes_back => self.replies.push(line),
            Payload::Written(line) | Payload::Kept(line) => self.replaces.push(line),
        }
    }

    fn counts(&self) -> [usize; 3] {
        [self.forwards, self.replaces.len(), self.replies.len()]
    }
}

/// The number of a decision, whose record is a line that is read back.
fn recorded(entry: &LogEntry) -> u64 {
    let mut line = Vec::new();
    let session = record::SessionName { id: "0".to_owned(), server: "stub".to_owned() };
    entry.write_line(&session, Digest::START, &mut line);
    let text = String::from_utf8(line).expect("a record is UTF-8");
    assert_eq!(text.find('\n'), Some(text.len() - 1), "a record is one line: {text:?}");
    match record::read_line(&text).unwrap_or_else(|error| panic!("{error}: {text}")).about {
        About::Decision(read) => assert_eq!(read.call, entry.call_number()),
        other => panic!("{other:?}"),
    }
    entry.call_number()
}

/// A line of ours is one JSON-RPC message with a newline at its end.
fn is_one_message(line: &[u8]) -> Node {
    let text = std::str::from_utf8(line).expect("a line of ours is UTF-8");
    let content = text.strip_suffix('\n').unwrap_or_else(|| panic!("a line of ours ends: {text:?}"));
    let content = content.strip_suffix('\r').unwrap_or(content);
    assert!(!content.contains(['\n', '\r']), "a line of ours is one line: {text:?}");
    let tree = parse(content).unwrap_or_else(|| panic!("a line of ours is JSON: {text:?}"));
    assert_eq!(Reading::LastWins.text(&tree, &["jsonrpc"]).as_deref(), Some("2.0"), "{text:?}");
    tree
}

/// The id of a line of ours, as written.
fn id_of(line: &[u8]) -> Option<String> {
    let tree = is_one_message(line);
    let id = Reading::LastWins.get(&tree, "id")?.raw(std::str::from_utf8(line).unwrap());
    (id != "null").then(|| id.to_owned())
}

fn key_of(id: &str) -> IdKey {
    IdKey::parse(id.as_bytes()).expect("an id of ours is an id")
}

struct Session {
    engine: Engine,
    policy: usize,
    now: Now,
    client_requests: Requests,
    server_requests: Requests,
    /// When calls of `limited` were forwarded.
    limited: VecDeque<Duration>,
    recorded: BTreeSet<u64>,
    has_ended: bool,
}

impl Session {
    fn new() -> Self {
        let unix = Duration::from_secs(20_000 * 86_400);
        Self {
            engine: Engine::new(policies()[0].0.clone(), Box::new(Memory::default())).with_recording(
                ArgumentRecorder::new(ArgumentsLogged::Full, Box::new(|| Some(DigestKey([5; 32])))),
                Required::No,
            ),
            policy: 0,
            now: Now { session: Duration::ZERO, unix },
            client_requests: Requests::default(),
            server_requests: Requests::default(),
            limited: VecDeque::new(),
            recorded: BTreeSet::new(),
            has_ended: false,
        }
    }

    fn policy(&self) -> &'static Policy {
        &policies()[self.policy].0
    }

    /// The lines that came of a step. What was decided is recorded once.
    fn lines(&mut self, actions: Vec<Action>, sender: Sender) -> Lines {
        let lines = Lines::of(actions, sender);
        for number in &lines.records {
            assert!(self.recorded.insert(*number), "decision {number} was recorded twice");
        }
        lines
    }

    fn client(&mut self, line: &[u8]) {
        let line = [line, b"\n"].concat();
        let mut actions = Vec::new();
        self.engine.handle_client_line(&line, self.now, &mut actions);
        let lines = self.lines(actions, Sender::Client);
        let [forwards, replaces, replies] = lines.counts();
        let why = || format!("{}: {:?}", shown(&line), lines.counts());
        if forwards > 0 {
            assert_eq!(lines.counts(), [1, 0, 0], "{}", why());
            self.reached_server(&line);
        }
        let mut reader = Reader::default();
        let message =
            reader.read_line(&line, StrictDepth::EVERYTHING).and_then(|envelope| Message::from_envelope(&envelope));
        match message {
            Ok(Message::Request { id, key, method, .. }) => {
                assert_eq!((forwards + replies, replaces), (1, 0), "a request gets one answer: {}", why());
                match lines.replies.first() {
                    Some(reply) => assert_eq!(id_of(reply).as_deref(), Some(id), "{}", why()),
                    None => {
                        assert!(!self.has_ended, "after its end the server gets no request: {}", why());
                        self.client_requests.open(key, id, &method);
                    }
                }
            }
            Ok(Message::Notification { method, params }) => {
                assert_eq!((replaces, replies), (0, 0), "a notification gets no answer: {}", why());
                // Whether a method passes that the protocol does not know is the policy's to say (`methods`).
                match method_kind(&method) {
                    Some(kind) => assert_eq!(forwards == 0, kind == MethodKind::Request, "{}", why()),
                    None => assert!(forwards <= 1, "{}", why()),
                }
                if method == method::CANCELLED {
                    self.client_requests.cancel(params);
                }
            }
            Ok(Message::Response { key, .. }) => {
                assert_eq!((replaces, replies), (0, 0), "an answer gets no answer: {}", why());
                let was_open = self.server_requests.close(&key).is_some();
                assert_eq!(forwards == 1, was_open, "an answer reaches who waits for it: {}", why());
            }
            Err(_) => {
                assert_eq!((forwards, replies), (0, 1), "what is not accepted is answered: {}", why());
                self.answered_instead(&line, &lines);
                self.settles_nothing(&line, &lines.replies[0]);
            }
        }
    }

    /// What the client sent was refused; a request of the server that it answered is answered by us, at most one.
    fn answered_instead(&mut self, line: &[u8], lines: &Lines) {
        self.server_requests.may_be_late(&skim_line(line));
        assert!(lines.replaces.len() <= 1);
        for line in &lines.replaces {
            let id = id_of(line).expect("who waits is named");
            let open = self.server_requests.close(&key_of(&id)).expect("somebody waits for what is answered");
            assert_eq!(open.id, id);
            is_error(line);
        }
    }

    /// What may be no request at all must not be answered as one that is open.
    fn settles_nothing(&self, line: &[u8], reply: &[u8]) {
        is_error(reply);
        if let Some(id) = id_of(reply) {
            let is_request = skim_line(line).shape == Shape::Request;
            assert!(is_request || !self.client_requests.0.contains_key(&key_of(&id)), "{}", shown(line));
        }
    }

    /// No model reader finds a call in the line that the policy refuses, and none finds too many calls.
    fn reached_server(&mut self, line: &[u8]) {
        let text = std::str::from_utf8(line).expect("what is forwarded is UTF-8");
        let tree = parse(text).expect("what is forwarded is JSON");
        for reading in Reading::ALL {
            let Some(asked) = reading.text(&tree, &["method"]) else { continue };
            let Some(name) = reading.text(&tree, &["params", "name"]) else { continue };
            if fold(&asked) == method::PROMPTS_GET {
                let of_tool = self.policy().decide_prompt_of_tool(&name, policylayer::policy::ToolSeen::Unknown);
                let is_refused = of_tool.is_some_and(|decision| decision.refuses());
                assert!(!is_refused, "{reading:?} finds the prompt {name:?} in {text:?}");
            }
            if fold(&asked) == method::TOOLS_CALL {
                assert!(reading.get(&tree, "id").is_some(), "{reading:?} finds a call without an id in {text:?}");
                let arguments = reading.path(&tree, &["params", "arguments"]).map_or("{}", |node| node.raw(text));
                let input = reading.path(&tree, &["params", "inputResponses"]).map(|node| node.raw(text));
                let input = ConditionInput { input, ..ConditionInput::from(arguments) };
                let decision = self.policy().judge_call(&name, input).decision;
                assert_eq!(decision.effect, Effect::Allow, "{reading:?} finds a call of {name:?} in {text:?}");
            }
        }
        let is = |path: &[&str], wanted| Reading::LastWins.text(&tree, path).as_deref() == Some(wanted);
        // A call that goes on with an earlier one is not counted again.
        let goes_on = ["inputResponses", "requestState"].map(|key| Reading::LastWins.path(&tree, &["params", key]));
        let is_counted = policies()[self.policy].1 == Limited::Yes && goes_on == [None, None];
        if is_counted && is(&["method"], method::TOOLS_CALL) && is(&["params", "name"], "limited") {
            self.limited.push_back(self.now.session);
            while self.limited.front().is_some_and(|at| *at + WINDOW <= self.now.session) {
                self.limited.pop_front();
            }
            assert!(self.limited.len() <= MAX, "{} calls of a tool that has {MAX} in {WINDOW:?}", self.limited.len());
        }
    }

    fn server(&mut self, line: &[u8]) {
        let line = [line, b"\n"].concat();
        let mut actions = Vec::new();
        self.engine.handle_server_line(&line, self.now, &mut actions);
        let lines = self.lines(actions, Sender::Server);
        let [forwards, replaces, replies] = lines.counts();
        let why = || format!("{}: {:?}", shown(&line), lines.counts());
        let mut reader = Reader::default();
        let message =
            reader.read_line(&line, StrictDepth::ENVELOPE).and_then(|envelope| Message::from_envelope(&envelope));
        match message {
            Ok(Message::Request { id, key, method, .. }) => {
                assert_eq!((forwards + replies, replaces), (1, 0), "a request gets one answer: {}", why());
                match lines.replies.first() {
                    Some(reply) => assert_eq!(id_of(reply).as_deref(), Some(id), "{}", why()),
                    // Nobody waits for the answer any more once the server has ended.
                    None if self.has_ended => {}
                    None => self.server_requests.open(key, id, &method),
                }
            }
            Ok(Message::Notification { method, params }) => {
                // An acknowledgement may gain lists, and what the client may not read is not named to it.
                let passes = match method.as_ref() {
                    _ if method_kind(&method) == Some(MethodKind::Request) => lines.counts() == [0, 0, 0],
                    method::SUBSCRIPTIONS_ACKNOWLEDGED => forwards + replaces == 1 && replies == 0,
                    "notifications/resources/updated" => forwards <= 1 && replaces + replies == 0,
                    // Whether a method passes that the protocol does not know is the policy's to say (`methods`).
                    _ if method_kind(&method).is_none() => forwards <= 1 && replaces + replies == 0,
                    _ => lines.counts() == [1, 0, 0],
                };
                assert!(passes, "a notification passes: {}", why());
                if method == method::CANCELLED {
                    self.server_requests.cancel(params);
                }
            }
            Ok(Message::Response { key, .. }) => {
                let open = self.client_requests.close(&key);
                let expected = usize::from(open.is_some());
                assert_eq!((forwards + replaces, replies), (expected, 0), "who waits gets one answer: {}", why());
                if let Some(open) = open {
                    self.reached_client(&open, lines.replaces.first().unwrap_or(&line));
                }
            }
            Err(fault) if self.embedded_answer(&line, &fault).is_some() => {
                let (key, message) = self.embedded_answer(&line, &fault).expect("it is there");
                let open = self.client_requests.close(&key).expect("somebody waits for it");
                assert_eq!(lines.counts(), [0, 1, 0], "who waits gets one answer: {}", why());
                self.reached_client(&open, &lines.replaces[0]);
                let is_passed_on = !matches!(open.method.as_str(), method::INITIALIZE | method::SERVER_DISCOVER);
                // One that asks for input is judged by what it asks for.
                let asks = message.windows(13).any(|part| part == b"inputRequests");
                if is_passed_on && !asks && !open.method.ends_with("/list") {
                    assert_eq!(lines.replaces[0], [message, b"\n"].concat(), "nothing but the message: {}", why());
                }
            }
            Err(_) => {
                assert!(
                    forwards == 0 && (is_batch(&line) || replaces + replies <= 1),
                    "what is not accepted stays: {}",
                    why()
                );
                skim_batch(&line).filter(|_| is_batch(&line)).for_each(|skim| self.client_requests.may_be_late(&skim));
                self.failed(&line, &lines);
                for reply in &lines.replies {
                    is_error(reply);
                }
            }
        }
    }

    /// The one answer that somebody waits for in a line with other text.
    fn embedded_answer<'l>(&self, line: &'l [u8], fault: &Fault) -> Option<(IdKey, &'l [u8])> {
        let names_id = match fault {
            Fault::Batch => skim_batch(line).any(|skim| skim.id.is_some()),
            _ => skim_line(line).id.is_some(),
        };
        let braces = |brace: u8| (0..line.len()).filter(move |at| line[*at] == brace);
        let start = braces(b'{').next().filter(|_| !names_id)?;
        let mut reader = Reader::default();
        let end = braces(b'}')
            .find(|end| *end > start && reader.read_line(&line[start..=*end], StrictDepth::ENVELOPE).is_ok())?;
        if braces(b'{').any(|at| at > end) {
            return None;
        }
        let message = &line[start..=end];
        let envelope = reader.read_line(message, StrictDepth::ENVELOPE).ok()?;
        let Ok(Message::Response { key, .. }) = Message::from_envelope(&envelope) else { return None };
        let is_open = self.client_requests.0.get(&key).is_some_and(|open| !open.is_cancelled);
        is_open.then_some((key, message))
    }

    /// What the server sent was refused; a request of the client that it answered is answered by us.
    fn failed(&mut self, line: &[u8], lines: &Lines) {
        self.client_requests.may_be_late(&skim_line(line));
        for line in &lines.replaces {
            let id = id_of(line).expect("who waits is named");
            let open = self.client_requests.close(&key_of(&id)).expect("somebody waits for what is answered");
            assert_eq!(open.id, id, "the id comes back as it was written");
            is_error(line);
        }
    }

    fn reached_client(&self, open: &Open, line: &[u8]) {
        let text = std::str::from_utf8(line).expect("what reaches the client is UTF-8");
        let tree = is_one_message(line);
        let id = id_of(line).expect("an answer has an id");
        assert_eq!(key_of(&id), key_of(&open.id), "{text:?}");
        if open.method == method::TOOLS_LIST {
            list::shows_nothing_hidden(self.policy(), &tree, text);
        }
    }

    fn client_oversize(&mut self, line: &[u8]) {
        let mut actions = Vec::new();
        self.engine.handle_client_oversize(&skim_line(line), 64, self.now, &mut actions);
        let lines = self.lines(actions, Sender::Client);
        assert!(lines.forwards == 0 && lines.replies.len() <= 1);
        assert!(skim_line(line).request_id().is_none() || lines.replies.len() == 1, "a request gets one answer");
        self.answered_instead(line, &lines);
        if let Some(reply) = lines.replies.first() {
            self.settles_nothing(line, reply);
        }
    }

    fn server_oversize(&mut self, line: &[u8]) {
        let mut actions = Vec::new();
        self.engine.handle_server_oversize(&skim_line(line), 64, self.now, &mut actions);
        let lines = self.lines(actions, Sender::Server);
        assert!(lines.forwards == 0 && lines.replaces.len() + lines.replies.len() <= 1);
        self.failed(line, &lines);
    }

    fn replace_policy(&mut self, which: usize) {
        self.policy = which % policies().len();
        let mut actions = Vec::new();
        self.engine.replace_policy(policies()[self.policy].0.clone(), &mut actions);
        let lines = self.lines(actions, Sender::Server);
        assert!(lines.forwards == 0 && lines.replies.is_empty());
        assert!(lines.replaces.is_empty() || !self.has_ended, "nobody is told after the end");
        for line in &lines.replaces {
            let asked = Reading::LastWins.text(&is_one_message(line), &["method"]);
            let lists = ["tools", "prompts", "resources"].map(|list| format!("notifications/{list}/list_changed"));
            assert!(asked.is_some_and(|asked| lists.contains(&asked)));
        }
    }

    /// The session's clock never goes back; the calendar's may.
    fn wait(&mut self, step: &[u8]) {
        let at = |index: usize| u64::from(step.get(index).copied().unwrap_or_default());
        self.now.session += Duration::from_millis(at(0) * 100);
        self.now.unix += Duration::from_millis(at(0) * 100 + at(1) * 60_000);
        self.now.unix -= Duration::from_secs(at(2) * 60);
    }

    fn end(&mut self) {
        let mut actions = Vec::new();
        self.engine.handle_server_end("it exited", self.now, &mut actions);
        let lines = self.lines(actions, Sender::Server);
        assert!(lines.forwards == 0 && lines.replies.is_empty());
        let mut answered: Vec<_> = lines.replaces.iter().map(|line| id_of(line).expect("who waits is named")).collect();
        let mut waiting: Vec<_> = self.client_requests.waiting().map(|open| open.id.clone()).collect();
        answered.sort();
        waiting.sort();
        assert_eq!(answered, waiting, "each open request is answered once");
        assert_eq!(
            self.recorded.last().map_or(0, |last| *last),
            self.recorded.len() as u64,
            "every decision is recorded"
        );
        self.client_requests.0.clear();
        self.has_ended = true;
        self.server_requests = Requests::default();
    }

    fn is_bounded(&self) {
        for requests in [&self.client_requests, &self.server_requests] {
            let waiting = requests.waiting().count();
            assert!(waiting <= MAX_OPEN && requests.0.len() <= MAX_OPEN + MAX_CANCELLED);
        }
    }
}

/// An answer of ours to what was refused is an error, and no request.
fn is_error(line: &[u8]) {
    let tree = is_one_message(line);
    assert!(matches!(Reading::LastWins.path(&tree, &["error", "code"]), Some(Node { value: Value::Scalar, .. })));
    assert!(Reading::LastWins.get(&tree, "method").is_none());
}
