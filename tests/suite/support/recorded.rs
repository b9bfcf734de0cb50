//! A session at the boundary of the engine, under a clock of its own: lines in, records and other actions out.

use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, ApprovalOptions, Channel, Engine, Now, Payload};
use policylayer::policy::{self, Format, Policy, Server, ServerName, Source};
use policylayer::provenance::Provenance;
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, LogEntry, Required, SessionName};
use serde_json::{Value, json};

/// The line passes to the server as it came.
pub(crate) const TO_SERVER: Action = Action::ToServer(Payload::Received);

/// The line passes to the client as it came.
pub(crate) const TO_CLIENT: Action = Action::ToClient(Payload::Received);

pub(crate) fn policy(text: &str) -> Arc<Policy> {
    let loaded = policy::load_policy(
        &Source::new("p.json", Format::Json, text),
        &Server::by_name(&ServerName::parse("stub").unwrap()),
    );
    Arc::new(loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)))
}

/// The result of tools/list with tools of these names.
pub(crate) fn list_of(names: &[&str]) -> Value {
    let tools: Vec<_> = names.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
    json!({ "tools": tools })
}

pub(crate) struct Recorded {
    pub(crate) engine: Engine,
    pub(crate) now: Duration,
    /// What was recorded since the last look: tool, outcome and milliseconds.
    records: Vec<Value>,
}

impl Recorded {
    pub(crate) fn new(text: &str) -> Self {
        Self::keeping(text, ArgumentsLogged::Keys)
    }

    pub(crate) fn keeping(text: &str, logged: ArgumentsLogged) -> Self {
        let asks = ApprovalOptions { channels: vec![Channel::Local], secret: [9; 32], ..ApprovalOptions::default() };
        let keyed = ArgumentRecorder::new(logged, Box::new(|| Some(DigestKey([3; 32]))));
        let engine = Engine::new(policy(text), Box::new(Memory::default())).with_approvals(asks);
        Self { engine: engine.with_recording(keyed, Required::No), now: Duration::ZERO, records: Vec::new() }
    }

    /// Judges by this memory of the session.
    pub(crate) fn with_provenance(mut self, provenance: Arc<dyn Provenance>) -> Self {
        self.engine = self.engine.with_provenance(provenance);
        self
    }

    /// The server lists tools of these names, and no others.
    pub(crate) fn list_tools(&mut self, names: &[&str]) {
        self.request(900, "tools/list", json!({}));
        self.answer(900, list_of(names));
    }

    pub(crate) fn time(&self) -> Now {
        Now { session: self.now, unix: Duration::from_secs(1_767_225_600) + self.now }
    }

    /// Carries out the engine's actions: records are kept apart, notes are left out.
    pub(crate) fn carry(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let mut others = Vec::new();
        for action in actions {
            match action {
                Action::Record(entry) => self.records.push(read_record(&entry)),
                Action::Note(_) | Action::Schedule => {}
                other => others.push(other),
            }
        }
        others
    }

    pub(crate) fn client(&mut self, line: &Value) -> Vec<Action> {
        let (mut actions, now) = (Vec::new(), self.time());
        self.engine.handle_client_line(line.to_string().as_bytes(), now, &mut actions);
        self.carry(actions)
    }

    pub(crate) fn server(&mut self, line: &Value) -> Vec<Action> {
        let (mut actions, now) = (Vec::new(), self.time());
        self.engine.handle_server_line(line.to_string().as_bytes(), now, &mut actions);
        self.carry(actions)
    }

    pub(crate) fn request(&mut self, id: u32, method: &str, params: Value) -> Vec<Action> {
        self.client(&json!({"jsonrpc":"2.0","id":id,"method":method,"params":params}))
    }

    pub(crate) fn answer(&mut self, id: u32, result: Value) -> Vec<Action> {
        self.server(&json!({"jsonrpc":"2.0","id":id,"result":result}))
    }

    /// Returns the members of the records since the last look.
    pub(crate) fn recorded(&mut self, members: &[&str]) -> Vec<Value> {
        let pick = |record: Value| members.iter().map(|name| record[name].clone()).collect();
        std::mem::take(&mut self.records).into_iter().map(pick).collect()
    }
}

pub(crate) fn read_record(entry: &LogEntry) -> Value {
    let session = SessionName { id: "00".to_owned(), server: "stub".to_owned() };
    let mut line = Vec::new();
    entry.write_line(&session, Digest::START, &mut line);
    serde_json::from_slice(&line).unwrap()
}

/// Returns the error or the text of a line of ours to the client.
pub(crate) fn told(actions: &[Action]) -> Value {
    match actions {
        [Action::ToClient(Payload::Written(line))] => serde_json::from_slice(line).unwrap(),
        actions => panic!("no line of ours: {actions:?}"),
    }
}
