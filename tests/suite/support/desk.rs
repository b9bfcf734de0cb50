//! A session with questions to persons, at the boundary of the engine and under a clock of its own.

use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{
    Action, ApprovalAnswer, ApprovalOptions, Channel, Engine, Local, Now, Opened, Payload, SessionEnd, Settled,
};
use policylayer::policy::{self, Format, Policy, Server, ServerName, Source};
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, Required, SessionName};
use serde_json::{Value, json};

use super::recorded::list_of;

pub(crate) const POLICY: &str = r#"{"version":"1","default":"allow","tools":{
    "send":{"action":"require_approval","reason":"It mails people."},
    "slow":{"action":"require_approval","approval_timeout":"2h"},
    "brief":{"action":"require_approval","approval_timeout":"30s"},
    "lasting":{"action":"require_approval","approval_timeout":"2h","approval_for":"client"},
    "same":{"action":"require_approval","approval_scope":"arguments"},
    "some":{"approve_if":[{"conditions":[{"path":"args.n","op":"gt","value":10}]}]},
    "few":{"action":"require_approval","rate_limit":{"max":1,"window":60}}}}"#;

const TOOLS: &[&str] = &["send", "slow", "brief", "lasting", "same", "some", "few", "free", "get_notes"];

pub(crate) const BOTH: &[Channel] = &[Channel::Client, Channel::Local];

pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) seconds: f64,
}

pub(crate) fn policy(text: &str) -> Arc<Policy> {
    let loaded = policy::load_policy(
        &Source::new("p.json", Format::Json, text),
        &Server::by_name(&ServerName::parse("stub").unwrap()),
    );
    Arc::new(loaded.policy.unwrap())
}

impl Desk {
    pub(crate) fn new(channels: &[Channel]) -> Self {
        Self::with_options(ApprovalOptions {
            channels: channels.to_vec(),
            secret: [9; 32],
            ..ApprovalOptions::default()
        })
    }

    pub(crate) fn with_options(asks: ApprovalOptions) -> Self {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))));
        let engine = Engine::new(policy(POLICY), Box::new(Memory::default())).with_approvals(asks);
        let mut desk = Self { engine: engine.with_recording(keyed, Required::No), seconds: 0.0 };
        desk.list_tools();
        desk
    }

    /// The server lists its tools, so nobody has to ask it which there are.
    fn list_tools(&mut self) {
        self.client(json!({"jsonrpc":"2.0","id":"list","method":"tools/list"}));
        self.server(json!({"jsonrpc":"2.0","id":"list","result":list_of(TOOLS)}));
    }

    /// A session whose client has dialogues.
    pub(crate) fn with_dialogues(channels: &[Channel]) -> Self {
        let mut desk = Self::new(channels);
        desk.hello("2025-06-18", json!({"elicitation": {}}));
        desk
    }

    pub(crate) fn hello(&mut self, revision: &str, capabilities: Value) {
        let params = json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": {"name":"c","version":"1"}});
        self.client(json!({"jsonrpc":"2.0","id":"hello","method":"initialize","params":params}));
        let result =
            json!({"protocolVersion": revision, "capabilities": {"tools":{"listChanged":true}}, "serverInfo":{}});
        self.server(json!({"jsonrpc":"2.0","id":"hello","result":result}));
    }

    pub(crate) fn now(&self) -> Now {
        let session = Duration::from_secs_f64(self.seconds);
        Now { session, unix: Duration::from_secs(1_767_225_600) + session }
    }

    pub(crate) fn done(actions: Vec<Action>) -> Vec<Done> {
        actions.into_iter().filter_map(Done::of).collect()
    }

    pub(crate) fn client(&mut self, line: Value) -> Vec<Done> {
        self.client_text(&line.to_string())
    }

    pub(crate) fn client_text(&mut self, line: &str) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.as_bytes(), self.now(), &mut actions);
        Self::done(actions)
    }

    pub(crate) fn server(&mut self, line: Value) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_server_line(line.to_string().as_bytes(), self.now(), &mut actions);
        Self::done(actions)
    }

    pub(crate) fn call(&mut self, id: u32, tool: &str) -> Vec<Done> {
        self.client_text(&line(id, tool))
    }

    /// The client's answer to a request of ours, after a second: a person has read the question.
    pub(crate) fn answer(&mut self, id: &Value, result: Value) -> Vec<Done> {
        self.seconds += 1.0;
        self.client(answer(id, result))
    }

    /// What the local channel does with a question.
    pub(crate) fn opened(&mut self, number: u64, opened: Opened) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_local_opened(number, opened, self.now(), &mut actions);
        Self::done(actions)
    }

    /// What the local channel cannot ask.
    pub(crate) fn fail_locally(&mut self, number: u64, why: &str) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_local_failure(number, why, self.now(), &mut actions);
        Self::done(actions)
    }

    /// The end of the server.
    pub(crate) fn end(&mut self) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_server_end("it exited with code 1", self.now(), &mut actions);
        Self::done(actions)
    }

    /// What ends the session before the server does.
    pub(crate) fn end_session(&mut self, end: SessionEnd) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_session_end(end, self.now(), &mut actions);
        Self::done(actions)
    }

    pub(crate) fn local(&mut self, number: u64, verdict: ApprovalAnswer) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_local_answer(number, verdict, self.now(), &mut actions);
        Self::done(actions)
    }

    pub(crate) fn at(&mut self, seconds: f64) -> Vec<Done> {
        self.seconds = seconds;
        let mut actions = Vec::new();
        self.engine.handle_timeout(self.now(), &mut actions);
        Self::done(actions)
    }
}

pub(crate) fn line(id: u32, tool: &str) -> String {
    // Spelled as nobody would spell it again.
    format!(
        r#"{{"jsonrpc":"2.0", "id":{id} ,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n" : 1e1}}}}}}"#
    )
}

/// An action without what the log is for, in a form that is read easily.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    /// The received line to the server.
    PassedToServer,
    /// The received line to the client.
    PassedToClient,
    /// A line of ours to the client.
    ToClient(Value),
    Asked {
        number: u64,
        local: Local,
        timeout: u64,
    },
    Settled(u64, Settled),
    /// A line that was held or changed to the server, as text.
    ToServer(String),
    Recorded(Value),
}

impl Done {
    pub(crate) fn of(action: Action) -> Option<Self> {
        Some(match action {
            Action::ToServer(Payload::Received) => Self::PassedToServer,
            Action::ToClient(Payload::Received) => Self::PassedToClient,
            Action::ToClient(Payload::Written(line) | Payload::Kept(line)) => {
                Self::ToClient(serde_json::from_slice(&line).unwrap())
            }
            Action::Ask(question) => {
                Self::Asked { number: question.number, local: question.local, timeout: question.timeout.as_secs() }
            }
            // Only the list of questions shows it.
            Action::Settle(_, Settled::Used) => return None,
            Action::Settle(number, how) => Self::Settled(number, how),
            Action::ToServer(Payload::Written(line) | Payload::Kept(line)) => {
                Self::ToServer(String::from_utf8(line).unwrap())
            }
            Action::Record(entry) => {
                let mut line = Vec::new();
                entry.write_line(
                    &SessionName { id: "0".to_owned(), server: "stub".to_owned() },
                    Digest::START,
                    &mut line,
                );
                let record: Value = serde_json::from_slice(&line).unwrap();
                Self::Recorded(json!([record["tool"], record["effect"], record["outcome"], record["approval"]]))
            }
            Action::Commit(_) | Action::Note(_) | Action::Stray(_) | Action::Schedule => return None,
        })
    }
}

pub(crate) fn text(done: &Done) -> &str {
    let Done::ToClient(line) = done else { panic!("{done:?}") };
    line["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{line}"))
}

/// The id of the dialogue that was opened.
pub(crate) fn dialogue(done: &[Done]) -> Value {
    let opened = done.iter().find_map(|done| match done {
        Done::ToClient(line) if line["method"] == "elicitation/create" => Some(line["id"].clone()),
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("{done:?}"))
}

pub(crate) fn answer(id: &Value, result: Value) -> Value {
    json!({"jsonrpc":"2.0","id":id,"result":result})
}

pub(crate) fn accept(decision: &str) -> Value {
    json!({"action":"accept","content":{"decision":decision}})
}

pub(crate) fn refused_by(done: &[Done]) -> (&Value, &str) {
    let found = done.iter().find_map(|done| match done {
        Done::ToClient(line) if line["result"]["isError"] == true => Some((&line["id"], text(done))),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{done:?}"))
}

pub(crate) fn released(done: &[Done]) -> Vec<&str> {
    done.iter().filter_map(|done| if let Done::ToServer(line) = done { Some(line.as_str()) } else { None }).collect()
}

/// The approvals in the records.
pub(crate) fn recorded(done: &[Done]) -> Vec<&Value> {
    done.iter().filter_map(|done| if let Done::Recorded(record) = done { Some(&record[3]) } else { None }).collect()
}

/// A call of `send` of revision 2026-07-28, whose client says with each what it can do.
pub(crate) fn typed(id: u32, arguments: Value, more: Value) -> Value {
    let mut params = json!({"name":"send","arguments":arguments,"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}});
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params})
}
