//! A law of sessions under a lock: whatever is listed, changed, reloaded and accepted in whatever order, nothing that differs from the
//! lock in force is shown or called under `hide`, nothing that is as it says is kept back, and an accept takes hold at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use policylayer::engine::{Action, Payload};
use policylayer::lock::{ItemKind, Lock, LockedDigests};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, policy};

const TOOLS: [&str; 4] = ["get", "send", "Get", "other"];

/// The versions of the tools that there are.
type Definitions = BTreeMap<usize, u8>;

#[derive(Clone, Debug)]
enum Step {
    /// The server has another version of a tool, or, with 0, none.
    Change(usize, u8),
    /// The server says that its list is another one.
    Announce,
    /// The server writes its definitions another way, or on other pages.
    Spell(bool, bool),
    /// The client lists.
    List,
    Call(usize),
    /// A policy with another mode is in force.
    Mode(&'static str),
    /// A person accepts what the server has now: of one tool, or all.
    Accept(Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let tool = 0..TOOLS.len();
    prop_oneof![
        3 => (tool.clone(), 0..3_u8).prop_map(|(tool, version)| Step::Change(tool, version)),
        2 => Just(Step::Announce),
        1 => any::<(bool, bool)>().prop_map(|(order, pages)| Step::Spell(order, pages)),
        3 => Just(Step::List),
        5 => tool.clone().prop_map(Step::Call),
        2 => prop::sample::select(vec!["hide", "hide", "required", "ask", "warn", "off"]).prop_map(Step::Mode),
        2 => prop::option::of(tool).prop_map(Step::Accept),
    ]
}

struct Session {
    recorded: Recorded,
    mode: &'static str,
    /// What the server has.
    has: Definitions,
    is_reversed: bool,
    is_paged: bool,
    locked: Definitions,
    /// What the session has read of the server's list; `None` if it does not count any more.
    known: Option<Definitions>,
    next: u32,
}

fn definition(tool: usize, version: u8, is_reversed: bool) -> String {
    let (name, text) = (format!(r#""name":"{}""#, TOOLS[tool]), format!(r#""description":"version {version}""#));
    if is_reversed { format!("{{ {text} , {name} }}") } else { format!("{{{name},{text}}}") }
}

impl Session {
    fn new() -> Self {
        let has = Definitions::from([(0, 1), (1, 1)]);
        let recorded = Recorded::new(r#"{"version":"1","default":"allow","lock":"off"}"#);
        let (mode, locked) = ("off", has.clone());
        let mut session =
            Self { recorded, mode, has, is_reversed: false, is_paged: false, locked, known: None, next: 1 };
        session.put_in_force("hide");
        session
    }

    fn put_in_force(&mut self, mode: &'static str) {
        let mut lock = Lock::new("stub");
        for (tool, version) in &self.locked {
            lock.insert(ItemKind::Tool, &definition(*tool, *version, false), None).unwrap();
        }
        if self.mode == "off" {
            self.known = None;
        }
        self.mode = mode;
        let text = json!({ "version": "1", "default": "allow", "lock": mode }).to_string();
        let policy = Arc::into_inner(policy(&text)).unwrap();
        self.recorded
            .engine
            .replace_policy(Arc::new(policy.with_lock(Arc::new(LockedDigests::from(&lock)))), &mut Vec::new());
    }

    /// The page of the server's list with this cursor.
    fn page(&self, cursor: &Value) -> String {
        let tools: Vec<_> =
            self.has.iter().map(|(tool, version)| definition(*tool, *version, self.is_reversed)).collect();
        let (first, second) = tools.split_at(if self.is_paged { tools.len() / 2 } else { tools.len() });
        match (self.is_paged, cursor.is_null()) {
            (true, true) => format!(r#"{{"tools":[{}],"nextCursor":"two"}}"#, first.join(",")),
            (true, false) => format!(r#"{{"tools":[{}]}}"#, second.join(" , ")),
            (false, _) => format!(r#"{{"tools":[{}]}}"#, tools.join(", ")),
        }
    }

    fn server(&mut self, line: &str) -> Vec<Action> {
        let (mut actions, now) = (Vec::new(), self.recorded.time());
        self.recorded.engine.handle_server_line(line.as_bytes(), now, &mut actions);
        self.recorded.carry(actions)
    }

    /// Answers the session's own requests for the list, and returns what else it does.
    fn settle(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let mut others = Vec::new();
        for action in actions {
            match &action {
                Action::ToServer(Payload::Kept(line)) => {
                    let request: Value = serde_json::from_slice(line).unwrap();
                    if request["method"] != "tools/list" {
                        others.push(action);
                        continue;
                    }
                    let page = self.page(&request["params"]["cursor"]);
                    self.known = Some(self.has.clone());
                    let actions =
                        self.server(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{page}}}"#, request["id"]));
                    others.extend(self.settle(actions));
                }
                _ => others.push(action),
            }
        }
        others
    }

    /// Whether a tool is as the lock says, in every spelling that the session knows.
    fn is_agreed(&self, tool: usize) -> bool {
        let known = self.known.as_ref().unwrap();
        let is_alike = |other: usize| TOOLS[other].eq_ignore_ascii_case(TOOLS[tool]);
        let alike = known.iter().filter(|(other, _)| is_alike(**other));
        self.locked.contains_key(&tool)
            && known.contains_key(&tool)
            && alike.clone().all(|(other, version)| self.locked.get(other) == Some(version))
    }

    fn hides(&self) -> bool {
        matches!(self.mode, "hide" | "required")
    }

    fn list(&mut self) {
        let mut shown = Vec::new();
        let mut cursor = Value::Null;
        self.known = Some(self.has.clone());
        loop {
            self.next += 1;
            let id = self.next;
            self.recorded.request(id, "tools/list", json!({ "cursor": cursor }));
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, self.page(&cursor));
            let actions = self.server(&line);
            let text = match actions.as_slice() {
                [Action::ToClient(payload)] => payload.bytes(line.as_bytes()).to_vec(),
                other => panic!("{other:?}"),
            };
            let answer: Value = serde_json::from_slice(&text).unwrap();
            shown.extend(answer["result"]["tools"].as_array().unwrap().clone());
            cursor = answer["result"]["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        let names: Vec<_> = shown.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        for (tool, version) in &self.has {
            let is_shown = names.contains(&TOOLS[*tool]);
            let text = format!("version {version}");
            assert!(!is_shown || shown.iter().any(|it| it["name"] == TOOLS[*tool] && it["description"] == text));
            if !self.hides() || self.is_agreed(*tool) {
                assert!(is_shown, "{} is kept back", TOOLS[*tool]);
            } else if self.locked.get(tool) != Some(version) {
                assert!(!is_shown, "{} is shown", TOOLS[*tool]);
            }
        }
    }

    fn call(&mut self, tool: usize) {
        self.next += 1;
        let id = self.next;
        let actions = self.recorded.request(id, "tools/call", json!({ "name": TOOLS[tool], "arguments": {} }));
        let actions = self.settle(actions);
        let is_sent = actions.iter().any(|action| matches!(action, Action::ToServer(_)));
        let is_asked = actions.iter().any(|action| matches!(action, Action::Ask(_)));
        if is_sent {
            self.recorded.answer(id, json!({ "content": [] }));
        }
        // A name that may be taken for one that the server has is refused, lock or not.
        let is_like_another = || {
            let is_alike = |other: &usize| *other != tool && TOOLS[*other].eq_ignore_ascii_case(TOOLS[tool]);
            (0..TOOLS.len()).any(|other| is_alike(&other))
        };
        let is_held = self.hides() || self.mode == "ask";
        if !is_held {
            assert!(is_sent || is_like_another(), "{} is refused", TOOLS[tool]);
            return;
        }
        let is_agreed = self.known.is_some() && self.is_agreed(tool);
        assert!(!is_sent || is_agreed, "{} is called, and differs", TOOLS[tool]);
        assert!(is_sent || !is_agreed, "{} is as the lock says, and refused: {actions:?}", TOOLS[tool]);
        assert!(!is_asked || self.mode == "ask");
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Change(tool, 0) => drop(self.has.remove(&tool)),
            Step::Change(tool, version) => drop(self.has.insert(tool, version)),
            Step::Announce => {
                self.server(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
                self.known = None;
            }
            Step::Spell(is_reversed, is_paged) => (self.is_reversed, self.is_paged) = (is_reversed, is_paged),
            Step::List => self.list(),
            Step::Call(tool) => self.call(tool),
            Step::Mode(mode) => self.put_in_force(mode),
            Step::Accept(one) => {
                for tool in 0..TOOLS.len() {
                    if one.is_some_and(|one| one != tool) {
                        continue;
                    }
                    match self.has.get(&tool) {
                        Some(version) => drop(self.locked.insert(tool, *version)),
                        None => drop(self.locked.remove(&tool)),
                    }
                }
                self.put_in_force(self.mode);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_session_shows_and_calls_what_was_agreed_to(steps in prop::collection::vec(step(), 1..40)) {
        let mut session = Session::new();
        steps.into_iter().for_each(|step| session.take(step));
    }
}

#[test]
fn an_accept_takes_hold_at_once() {
    let mut session = Session::new();
    for step in [
        Step::List,
        Step::Change(1, 2),
        Step::List,
        Step::Call(1),
        Step::Accept(Some(1)),
        Step::Call(1),
        Step::List,
        Step::Mode("off"),
        Step::Change(1, 1),
        Step::Call(1),
        Step::Mode("hide"),
        Step::Call(1),
        Step::Accept(None),
        Step::Call(1),
    ] {
        session.take(step);
    }
    assert!(session.is_agreed(1));
}
