//! What the engine tells the audit log: lines in, records out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use policylayer::provenance::{Provenance as _, SessionMemory};
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, LogEntry, Required, SessionName};
use policylayer::wire::skim::skim_line;
use serde_json::{Value, json};

const POLICY: &str = r#"{"version":"1","default":"deny","hide":["cancel_export_job"],"tools":{
    "get_lists":{},
    "send_campaign":{"action":"deny","reason":"Not from here."},
    "start_export_job":{"rate_limit":{"max":1,"window":60}},
    "send_email":{"action":"require_approval"}},
    "prompts":{"hello":{}}}"#;

/// A session at the boundary: lines in, records and other actions out.
/// The line passes to the server as it came.
const TO_SERVER: Action = Action::ToServer(Payload::Received);

/// The line passes to the client as it came.
const TO_CLIENT: Action = Action::ToClient(Payload::Received);

struct Desk {
    engine: Engine,
    millis: u64,
}

impl Desk {
    fn new(required: Required) -> Self {
        Self { engine: engine().with_recording(keyed(), required), millis: 0 }
    }

    fn observing() -> Self {
        Self { engine: engine().with_recording(keyed(), Required::No).with_observation(), millis: 0 }
    }

    fn now(&self) -> Now {
        let session = Duration::from_millis(self.millis);
        Now { session, unix: Duration::from_secs(1_767_225_600) + session }
    }

    fn split(actions: Vec<Action>) -> (Vec<Action>, Vec<Value>) {
        let mut others = Vec::new();
        let mut records = Vec::new();
        for action in actions {
            match action {
                Action::Record(entry) => records.push(record(&entry)),
                Action::Note(_) | Action::Schedule => {}
                other => others.push(other),
            }
        }
        (others, records)
    }

    fn client(&mut self, line: &str) -> (Vec<Action>, Vec<Value>) {
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.as_bytes(), self.now(), &mut actions);
        Self::split(actions)
    }

    fn server(&mut self, line: &str) -> (Vec<Action>, Vec<Value>) {
        let mut actions = Vec::new();
        self.engine.handle_server_line(line.as_bytes(), self.now(), &mut actions);
        Self::split(actions)
    }

    fn call(&mut self, id: u32, tool: &str) -> (Vec<Action>, Vec<Value>) {
        self.client(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"a":"b"}}}}}}"#
        ))
    }
}

fn engine() -> Engine {
    let server = ServerName::parse("iterable").unwrap();
    let loaded = policy::load_policy(&Source::new("policy.json", Format::Json, POLICY), &Server::by_name(&server));
    Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default()))
}

fn keyed() -> ArgumentRecorder {
    ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))))
}

fn record(entry: &LogEntry) -> Value {
    let session = SessionName { id: "00".to_owned(), server: "iterable".to_owned() };
    let mut line = Vec::new();
    entry.write_line(&session, Digest::START, &mut line);
    serde_json::from_slice(&line).unwrap()
}

/// The members of a record that a case is about.
fn facts(record: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| record[name].clone()).collect()
}

const WHAT: [&str; 5] = ["tool", "effect", "rule", "outcome", "duration_ms"];

#[test]
fn a_call_is_recorded_when_it_is_answered() {
    let mut desk = Desk::new(Required::No);
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"clientInfo":{"name":"c","version":"2"}}}"#;
    assert_eq!(desk.client(hello), (vec![TO_SERVER], vec![]));
    for (id, answer, outcome) in [
        (1, r#""result":{"content":[]}"#, "ok"),
        (2, r#""result":{"content":[],"isError":false}"#, "ok"),
        (3, r#""result":{"content":[],"isError":true}"#, "tool_error"),
        (4, r#""result":{"content":[],"\u0069sError":true}"#, "tool_error"),
        (5, r#""result":{"content":[{"isError":true}]}"#, "ok"),
        (6, r#""error":{"code":-32602,"message":"no"}"#, "error"),
    ] {
        desk.millis = 1_000;
        assert_eq!(desk.call(id, "get_lists"), (vec![TO_SERVER], vec![]), "nothing is known yet");
        desk.millis = 1_250;
        let (actions, records) = desk.server(&format!(r#"{{"jsonrpc":"2.0","id":{id},{answer}}}"#));
        assert_eq!(actions, [TO_CLIENT]);
        assert_eq!(records.len(), 1, "{answer}");
        assert_eq!(
            facts(&records[0], &WHAT),
            json!(["get_lists", "allow", "tools.get_lists", outcome, 250.0]),
            "{answer}"
        );
        assert_eq!(records[0]["time"], "2026-01-01T00:00:01.000000Z");
        assert_eq!(records[0]["client"], json!({"name": "c", "version": "2"}));
        assert_eq!(
            facts(&records[0], &["call", "direction", "method", "class"]),
            json!([id, "client", "tools/call", "read"])
        );
        assert_eq!(records[0]["arguments"]["keys"], json!(["a"]));
        assert!(!records[0].to_string().contains("\"b\""), "a value is in the log");
    }
}

#[test]
fn a_refusal_is_recorded_at_once() {
    let mut desk = Desk::new(Required::No);
    desk.call(1, "start_export_job");
    for (tool, effect, rule, reason) in [
        ("send_campaign", "deny", "tools.send_campaign", "Not from here."),
        ("cancel_export_job", "hide", "hide[0]", "The policy hides this tool."),
        ("no_such_tool", "hide", "default", "The policy does not list this tool, and refuses what it does not list."),
        ("start_export_job", "deny", "tools.start_export_job.rate_limit", "The limit of 1 per minute is reached."),
    ] {
        let (actions, records) = desk.call(9, tool);
        assert!(matches!(actions[..], [Action::ToClient(Payload::Written(_))]));
        assert_eq!(facts(&records[0], &WHAT), json!([tool, effect, rule, "refused", null]));
        assert_eq!(records[0]["reason"], reason);
        assert_eq!(records.len(), 1);
    }
    let (_, records) = desk.call(9, "send_email");
    assert_eq!(
        facts(&records[0], &WHAT),
        json!(["send_email", "require_approval", "tools.send_email", "refused", null])
    );
}

#[test]
fn a_call_that_is_withdrawn_or_never_answered_is_recorded() {
    let mut desk = Desk::new(Required::No);
    desk.call(1, "get_lists");
    desk.call(2, "get_lists");
    desk.call(3, "get_lists");
    desk.millis = 40;
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let (_, records) = desk.client(cancelled);
    assert_eq!(facts(&records[0], &["call", "outcome", "duration_ms"]), json!([1, "cancelled", 40.0]));
    assert_eq!(desk.client(cancelled).1, Vec::<Value>::new(), "twice withdrawn is withdrawn once");
    assert_eq!(
        desk.server(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (vec![], vec![]),
        "a late answer is no decision"
    );
    // An answer that cannot be passed on.
    let (_, records) = desk.server(r#"{"jsonrpc":"2.0","id":2,"result":{},"result":{}}"#);
    assert_eq!(facts(&records[0], &["direction", "rule", "outcome"]), json!(["server", "protocol", "refused"]));
    assert_eq!(facts(&records[1], &["call", "outcome"]), json!([2, "error"]));
    let mut actions = Vec::new();
    desk.millis = 90;
    desk.engine.handle_server_end("it exited with code 1", desk.now(), &mut actions);
    let (_, records) = Desk::split(actions);
    assert_eq!(facts(&records[0], &["call", "outcome", "duration_ms"]), json!([3, "server_died", 90.0]));
}

#[test]
fn what_breaks_the_protocol_is_recorded_without_its_content() {
    let mut desk = Desk::new(Required::No);
    let lines = [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"secret"}}"#,
            json!(null),
            json!(null),
        ),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, json!(null), json!(null)),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"get_lists"}}"#,
            json!("tools/call"),
            json!("get_lists"),
        ),
    ];
    for (line, method, tool) in lines {
        let (_, records) = desk.client(line);
        let names = ["direction", "method", "tool", "effect", "rule", "outcome"];
        assert_eq!(
            facts(&records[0], &names),
            json!(["client", method, tool, "deny", "protocol", "refused"]),
            "{line}"
        );
        assert!(!records[0].to_string().contains("secret"), "{line}");
    }
    let mut actions = Vec::new();
    desk.engine.handle_client_oversize(
        &skim_line(b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"x\"}"),
        1000,
        desk.now(),
        &mut actions,
    );
    assert_eq!(Desk::split(actions).1[0]["rule"], "protocol");
    // What a server prints that is no message is noise, not a decision.
    assert_eq!(desk.server("Listening on stdio").1, Vec::<Value>::new());
}

#[test]
fn prompts_are_recorded_like_calls() {
    let mut desk = Desk::new(Required::No);
    let get = |id: u32, name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"prompts/get","params":{{"name":"{name}"}}}}"#)
    };
    let (_, records) = desk.client(&get(1, "cancel-export-job"));
    let what = ["tool", "prompt", "effect", "rule", "outcome", "duration_ms"];
    assert_eq!(facts(&records[0], &what), json!([null, "cancel-export-job", "hide", "hide[0]", "refused", null]));
    assert_eq!(desk.client(&get(2, "hello")).0, [TO_SERVER]);
    let (_, records) = desk.server(r#"{"jsonrpc":"2.0","id":2,"result":{"messages":[]}}"#);
    assert_eq!(facts(&records[0], &what), json!([null, "hello", "allow", "prompts.hello", "ok", 0.0]));
    assert_eq!(records[0]["method"], "prompts/get");
}

#[test]
fn the_trace_and_the_inputs_of_a_call_are_kept() {
    let mut desk = Desk::new(Required::No);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (id, brought, kept) in [(1, trace, json!(trace)), (2, "00-nonsense", Value::Null)] {
        desk.client(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"get_lists","inputResponses":{{"to":{{}}}},"_meta":{{"traceparent":"{brought}"}}}}}}"#
        ));
        let (_, records) = desk.server(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        assert_eq!(records[0]["traceparent"], kept);
        assert_eq!(records[0]["inputs"]["keys"], json!(["to"]));
    }
}

/// What of a policy speaks of a message does not matter, nor who sends it, nor whether it passes.
#[test]
fn the_trace_of_every_judged_message_is_kept() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let policy = |text: Value| {
        let server = ServerName::parse("iterable").unwrap();
        let loaded =
            policy::load_policy(&Source::new("policy.json", Format::Json, text.to_string()), &Server::by_name(&server));
        Arc::new(loaded.policy.unwrap())
    };
    let meta = json!({"traceparent": TRACE});
    let with = |mut params: Value| {
        params["_meta"] = meta.clone();
        params
    };
    let request = |method: &str, params: Value| json!({"jsonrpc":"2.0","id":7,"method":method,"params":with(params)});
    let notification = |method: &str, params: Value| json!({"jsonrpc":"2.0","method":method,"params":with(params)});
    let listen = json!({"notifications": {"resourceSubscriptions": ["file:///a"]}});
    let of_client = [
        request("tools/call", json!({"name": "get_lists"})),
        request("prompts/get", json!({"name": "hello"})),
        request("resources/read", json!({"uri": "file:///a"})),
        request("resources/subscribe", json!({"uri": "file:///a"})),
        request("resources/directory/read", json!({"uri": "file:///a"})),
        request("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "hello"}})),
        request("completion/complete", json!({"ref": {"type": "ref/resource", "uri": "file:///{a}"}})),
        request("subscriptions/listen", listen),
        request("skills/get", json!({"uri": "file:///a"})),
        request("tasks/get", json!({"taskId": "of-another"})),
        request("x-vendor/do", json!({})),
        notification("x-vendor/did", json!({})),
        notification("tools/call", json!({"name": "get_lists"})),
    ];
    let of_server = [
        request("sampling/createMessage", json!({"messages": []})),
        request("elicitation/create", json!({"message": "?"})),
        request("elicitation/create", json!({"message": "policylayer asks"})),
        request("roots/list", json!({})),
        request("x-vendor/ask", json!({})),
        notification("notifications/resources/updated", json!({"uri": "file:///a"})),
        notification("notifications/x-vendor/event", json!({})),
    ];
    for (effect, refused) in [("allow", false), ("deny", true)] {
        let items = json!({"*": {"action": effect}});
        let text = json!({"version": "1", "default": effect, "resources": items, "prompts": items, "requests": items,
            "methods": items});
        let lines = of_client.iter().map(|line| (true, line)).chain(of_server.iter().map(|line| (false, line)));
        for (is_clients, line) in lines {
            let engine = Engine::new(policy(text.clone()), Box::new(Memory::default()));
            let mut desk = Desk { engine: engine.with_recording(keyed(), Required::No), millis: 0 };
            let (_, mut records) =
                if is_clients { desk.client(&line.to_string()) } else { desk.server(&line.to_string()) };
            let answer = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
            records.extend(if is_clients { desk.server(answer).1 } else { desk.client(answer).1 });
            assert_eq!(records.len(), 1, "{effect}: {line}");
            assert_eq!(records[0]["traceparent"], TRACE, "{effect}: {line}: {}", records[0]);
            assert_eq!(records[0]["method"], line["method"]);
            assert!(!refused || records[0]["outcome"] == "refused", "{line}: {}", records[0]);
        }
    }
}

#[test]
fn the_trace_of_a_refused_line_is_kept_where_it_is_certain() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (line, kept) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"a",$META}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7,$META}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b",$META}}"#, true),
        (r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{$META}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{$META,$META}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{},$META}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[{$META}]}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{$META}"#, false),
    ] {
        let line = line.replace("$META", &format!(r#""_meta":{{"traceparent":"{TRACE}"}}"#));
        let (_, records) = Desk::new(Required::No).client(&line);
        let kept = if kept { json!(TRACE) } else { Value::Null };
        assert_eq!((&records[0]["traceparent"], &records[0]["method"]), (&kept, &Value::Null), "{line}");
    }
    let line = r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create ","params":{"_meta":{"traceparent":"$"}}}"#;
    let (_, records) = Desk::new(Required::No).server(&line.replace('$', TRACE));
    assert_eq!(records[0]["traceparent"], TRACE);
}

#[test]
fn a_client_that_introduces_itself_with_each_call_is_known() {
    let mut desk = Desk::new(Required::No);
    let info = r#"{"io.modelcontextprotocol/clientInfo":{"name":"new","version":"3"}}"#;
    desk.client(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_lists","_meta":{info}}}}}"#
    ));
    let (_, records) = desk.server(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(records[0]["client"], json!({"name": "new", "version": "3"}));
}

#[test]
fn observing_refuses_nothing_and_records_what_would_have_been() {
    let mut desk = Desk::observing();
    desk.call(1, "start_export_job");
    desk.server(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    for (tool, effect) in [
        ("send_campaign", "deny"),
        ("cancel_export_job", "hide"),
        ("start_export_job", "deny"),
        ("send_email", "require_approval"),
    ] {
        assert_eq!(desk.call(2, tool), (vec![TO_SERVER], vec![]));
        let (_, records) = desk.server(r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
        assert_eq!(facts(&records[0], &["tool", "effect", "observed", "outcome"]), json!([tool, effect, true, "ok"]));
    }
    desk.client(r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#);
    let list = r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"cancel_export_job"}]}}"#;
    assert_eq!(desk.server(list).0, [TO_CLIENT], "the list stays whole");
    let get = r#"{"jsonrpc":"2.0","id":4,"method":"prompts/get","params":{"name":"cancel-export-job"}}"#;
    assert_eq!(desk.client(get).0, [TO_SERVER]);
    // What breaks the protocol is refused all the same.
    let (actions, records) = desk.client(r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#);
    assert!(matches!(actions[..], [Action::ToClient(Payload::Written(_))]));
    assert_eq!(facts(&records[0], &["observed", "rule"]), json!([false, "protocol"]));
}

#[test]
fn where_the_log_is_required_a_call_is_committed_before_it_goes_on() {
    let mut desk = Desk::new(Required::Yes);
    let (actions, records) = desk.call(1, "start_export_job");
    assert_eq!(records, Vec::<Value>::new());
    let [Action::Commit(commit)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(commit.payload, Payload::Received);
    assert_eq!(facts(&record(&commit.entry), &["call", "tool", "outcome"]), json!([1, "start_export_job", "unknown"]));

    let mut instead = Vec::new();
    desk.engine.handle_commit_failed(commit, "No space left on device.", desk.now(), &mut instead);
    let (instead, records) = Desk::split(instead);
    assert_eq!(facts(&records[0], &["call", "outcome"]), json!([1, "refused"]));
    let [Action::ToClient(Payload::Written(reply))] = &instead[..] else { panic!("{instead:?}") };
    let reply: Value = serde_json::from_slice(reply).unwrap();
    let text = reply["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("\"start_export_job\"") && text.contains("No space left on device."), "{text}");
    assert_eq!(reply["result"]["_meta"]["policylayer/decision"]["rule"], "audit.required");
    assert_eq!(desk.server(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), (vec![], vec![]), "it was never passed on");

    // What it was counted with is given back: the one export a minute is still there.
    let (actions, _) = desk.call(2, "start_export_job");
    assert!(matches!(&actions[..], [Action::Commit(commit)] if commit.payload == Payload::Received));
    let (actions, _) = desk.call(3, "start_export_job");
    assert!(matches!(actions[..], [Action::ToClient(Payload::Written(_))]), "a refusal needs no log to go on");
}

/// Where that permits another, a call counts as called once it is in the log, and not if it never is.
#[test]
fn a_call_that_could_not_be_committed_was_not_called() {
    const POLICY: &str = r#"{"version":"1","default":"deny","tools":{"look":{},
        "act":{"require":[{"path":"session.called","op":"contains","value":"look"}]}}}"#;
    let server = Server::by_name(&ServerName::parse("shop").unwrap());
    let loaded = policy::load_policy(&Source::new("policy.json", Format::Json, POLICY), &server);
    let memory = Arc::new(SessionMemory::default());
    let engine = Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default()));
    let engine = engine.with_recording(keyed(), Required::Yes).with_provenance(memory.clone());
    let mut desk = Desk { engine, millis: 0 };
    let commit = |desk: &mut Desk, id: u32, tool: &str| match &desk.call(id, tool).0[..] {
        [Action::Commit(commit)] => Some(commit.clone()),
        _ => None,
    };
    assert!(commit(&mut desk, 1, "act").is_none(), "nothing was looked at");
    let look = commit(&mut desk, 2, "look").unwrap();
    assert!(commit(&mut desk, 3, "act").is_none(), "the first one is not in the log");
    assert_eq!(memory.session_facts().called, [], "other wrappers do not know of it yet");
    desk.engine.handle_commit_failed(&look, "No space left on device.", desk.now(), &mut Vec::new());
    assert!(commit(&mut desk, 4, "act").is_none(), "it was not called");
    let look = commit(&mut desk, 5, "look").unwrap();
    memory.remember_call(look.called().unwrap());
    assert_eq!(memory.session_facts().called.len(), 1);
    let failed = commit(&mut desk, 6, "look").unwrap();
    desk.engine.handle_commit_failed(&failed, "No space left on device.", desk.now(), &mut Vec::new());
    assert!(commit(&mut desk, 7, "act").is_some(), "the one before was");
}

#[test]
fn calls_that_wait_can_be_told_of_at_any_time() {
    let mut desk = Desk::new(Required::No);
    desk.call(1, "get_lists");
    desk.millis = 300;
    desk.call(2, "get_lists");
    let mut waiting = Vec::new();
    desk.engine.collect_unanswered(desk.now(), &mut waiting);
    let numbers: Vec<_> =
        waiting.iter().map(|entry| facts(&record(entry), &["call", "outcome", "duration_ms"])).collect();
    assert_eq!(numbers.len(), 2);
    assert!(
        numbers.contains(&json!([1, "unknown", 300.0])) && numbers.contains(&json!([2, "unknown", 0.0])),
        "{numbers:?}"
    );
}
