//! A session in the engine, without a process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, ApprovalOptions, Channel, Engine, Now, Payload};
use policylayer::policy::Policy;
use policylayer::provenance::SessionMemory;
use serde_json::{Value, json};

use super::corpus::Call;
use super::play::{Outcome, Session};

pub(crate) struct EngineSession {
    engine: Engine,
    seconds: u64,
}

enum Line {
    ToServer,
    ToClient(Value),
}

impl EngineSession {
    /// Starts a session. By its key, copied runs of 16 to 23 letters are found or not: a wrapper has another one for each client.
    pub(crate) fn start(policy: &Arc<Policy>, tools: &Value, key: u8) -> Self {
        let options =
            ApprovalOptions { channels: vec![Channel::Client], secret: [5; 32], ..ApprovalOptions::default() };
        let engine = Engine::new(Arc::clone(policy), Box::new(Memory::default())).with_approvals(options);
        let mut session = Self { engine: engine.with_provenance(Arc::new(SessionMemory::new([key; 16]))), seconds: 0 };
        let hello = json!({"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"player","version":"1"}});
        session.client(json!({"jsonrpc":"2.0","id":"hello","method":"initialize","params":hello}));
        let result =
            json!({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}});
        session.server(json!({"jsonrpc":"2.0","id":"hello","result":result}));
        session.client(json!({"jsonrpc":"2.0","method":"notifications/initialized"}));
        session.client(json!({"jsonrpc":"2.0","id":"list","method":"tools/list"}));
        session.server(json!({"jsonrpc":"2.0","id":"list","result":{"tools":tools}}));
        session
    }

    fn now(&mut self) -> Now {
        // Slow enough for every limit by the minute, and for a person to read a question.
        self.seconds += 10;
        let session = Duration::from_secs(self.seconds);
        Now { session, unix: Duration::from_secs(1_767_225_600) + session }
    }

    fn client(&mut self, line: Value) -> Vec<Line> {
        let (now, line, mut actions) = (self.now(), line.to_string(), Vec::new());
        self.engine.handle_client_line(line.as_bytes(), now, &mut actions);
        lines(actions, line.as_bytes())
    }

    fn server(&mut self, line: Value) {
        let (now, mut actions) = (self.now(), Vec::new());
        self.engine.handle_server_line(line.to_string().as_bytes(), now, &mut actions);
    }
}

fn lines(actions: Vec<Action>, received: &[u8]) -> Vec<Line> {
    let value = |payload: &Payload| serde_json::from_slice(payload.bytes(received)).unwrap();
    let line = |action: Action| match action {
        Action::ToServer(_) | Action::Commit(_) => Some(Line::ToServer),
        Action::ToClient(payload) => Some(Line::ToClient(value(&payload))),
        _ => None,
    };
    actions.into_iter().filter_map(line).collect()
}

impl Session for EngineSession {
    fn call(&mut self, call: &Call, approves: bool) -> Outcome {
        let id = self.seconds;
        let params = json!({"name": call.tool, "arguments": call.arguments});
        let done = self.client(json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params}));
        let mut outcome = Outcome::Passed;
        let mut sent = done.iter().any(|line| matches!(line, Line::ToServer));
        let question = done.iter().find_map(|line| match line {
            Line::ToClient(line) if line["method"] == "elicitation/create" => Some(line["id"].clone()),
            _ => None,
        });
        if let Some(question) = question {
            outcome = Outcome::Asked;
            let answer = match approves {
                true => json!({"action":"accept","content":{"decision":"approve_once"}}),
                false => json!({"action":"decline"}),
            };
            let done = self.client(json!({"jsonrpc":"2.0","id":question,"result":answer}));
            sent = done.iter().any(|line| matches!(line, Line::ToServer));
            assert_eq!(sent, approves, "{}: {}", call.tool, call.arguments);
        } else if !sent {
            outcome = Outcome::Refused;
        }
        if sent {
            let result = json!({"content":[{"type":"text","text":call.result}],"isError":call.is_error});
            self.server(json!({"jsonrpc":"2.0","id":id,"result":result}));
        }
        outcome
    }
}
