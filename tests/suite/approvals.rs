//! Calls that wait for a person, at the boundary of the engine and under a clock of our own: lines in, actions out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use policylayer::engine::limits::Memory;
use policylayer::engine::{
    Action, ApprovalAnswer, ApprovalOptions, Channel, ClientTable, Engine, Local, Now, Payload, Settled,
};
use policylayer::policy::{self, Format, Policy, ServerName, Source};
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, Required, SessionName};
use serde_json::{Value, json};

const POLICY: &str = r#"{"version":"1","default":"allow","tools":{
    "send":{"action":"require_approval","reason":"It mails people."},
    "slow":{"action":"require_approval","approval_timeout":"10m"},
    "same":{"action":"require_approval","approval_scope":"arguments"},
    "some":{"approve_if":[{"conditions":[{"path":"args.n","op":"gt","value":10}]}]},
    "few":{"action":"require_approval","rate_limit":{"max":1,"window":60}}}}"#;

const BOTH: &[Channel] = &[Channel::Client, Channel::Local];

struct Desk {
    engine: Engine,
    seconds: f64,
}

fn policy(text: &str) -> Arc<Policy> {
    let loaded = policy::load_policy(&Source::new("p.json", Format::Json, text), &ServerName::parse("stub").unwrap());
    Arc::new(loaded.policy.unwrap())
}

impl Desk {
    fn new(channels: &[Channel]) -> Self {
        let asks = ApprovalOptions {
            channels: channels.to_vec(),
            timeout: Duration::from_secs(55),
            secret: [9; 32],
            clients: ClientTable::default(),
        };
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))));
        let engine = Engine::new(policy(POLICY), Box::new(Memory::default())).with_approvals(asks);
        Self { engine: engine.with_recording(keyed, Required::No), seconds: 0.0 }
    }

    /// A session whose client has dialogues.
    fn with_dialogues(channels: &[Channel]) -> Self {
        let mut desk = Self::new(channels);
        desk.hello("2025-06-18", json!({"elicitation": {}}));
        desk
    }

    fn hello(&mut self, revision: &str, capabilities: Value) {
        let params = json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": {"name":"c","version":"1"}});
        self.client(json!({"jsonrpc":"2.0","id":"hello","method":"initialize","params":params}));
        let result =
            json!({"protocolVersion": revision, "capabilities": {"tools":{"listChanged":true}}, "serverInfo":{}});
        self.server(json!({"jsonrpc":"2.0","id":"hello","result":result}));
    }

    fn now(&self) -> Now {
        let session = Duration::from_secs_f64(self.seconds);
        Now { session, unix: Duration::from_secs(1_767_225_600) + session }
    }

    fn done(actions: Vec<Action>) -> Vec<Done> {
        actions.into_iter().filter_map(Done::of).collect()
    }

    fn client(&mut self, line: Value) -> Vec<Done> {
        self.client_text(&line.to_string())
    }

    fn client_text(&mut self, line: &str) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_client_line(line.as_bytes(), self.now(), &mut actions);
        Self::done(actions)
    }

    fn server(&mut self, line: Value) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_server_line(line.to_string().as_bytes(), self.now(), &mut actions);
        Self::done(actions)
    }

    fn call(&mut self, id: u32, tool: &str) -> Vec<Done> {
        self.client_text(&line(id, tool))
    }

    fn local(&mut self, number: u64, verdict: ApprovalAnswer) -> Vec<Done> {
        let mut actions = Vec::new();
        self.engine.handle_local_answer(number, verdict, self.now(), &mut actions);
        Self::done(actions)
    }

    fn at(&mut self, seconds: f64) -> Vec<Done> {
        self.seconds = seconds;
        let mut actions = Vec::new();
        self.engine.handle_timeout(self.now(), &mut actions);
        Self::done(actions)
    }
}

fn line(id: u32, tool: &str) -> String {
    // Spelled as nobody would spell it again.
    format!(
        r#"{{"jsonrpc":"2.0", "id":{id} ,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n" : 1e1}}}}}}"#
    )
}

/// An action without what the log is for, in a form that is read easily.
#[derive(Clone, Debug, PartialEq)]
enum Done {
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
    fn of(action: Action) -> Option<Self> {
        Some(match action {
            Action::ToServer(Payload::Received) => Self::PassedToServer,
            Action::ToClient(Payload::Received) => Self::PassedToClient,
            Action::ToClient(Payload::Written(line)) => Self::ToClient(serde_json::from_slice(&line).unwrap()),
            Action::Ask(question) => {
                Self::Asked { number: question.number, local: question.local, timeout: question.timeout.as_secs() }
            }
            Action::Settle(number, how) => Self::Settled(number, how),
            Action::ToServer(Payload::Written(line)) => Self::ToServer(String::from_utf8(line).unwrap()),
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
            Action::Commit(_) | Action::Note(_) | Action::Stray(_) => return None,
        })
    }
}

fn text(done: &Done) -> &str {
    let Done::ToClient(line) = done else { panic!("{done:?}") };
    line["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{line}"))
}

/// The id of the dialogue that was opened.
fn dialogue(done: &[Done]) -> Value {
    let opened = done.iter().find_map(|done| match done {
        Done::ToClient(line) if line["method"] == "elicitation/create" => Some(line["id"].clone()),
        _ => None,
    });
    opened.unwrap_or_else(|| panic!("{done:?}"))
}

fn answer(id: &Value, result: Value) -> Value {
    json!({"jsonrpc":"2.0","id":id,"result":result})
}

fn accept(decision: &str) -> Value {
    json!({"action":"accept","content":{"decision":decision}})
}

fn refused_by(done: &[Done]) -> (&Value, &str) {
    let found = done.iter().find_map(|done| match done {
        Done::ToClient(line) if line["result"]["isError"] == true => Some((&line["id"], text(done))),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{done:?}"))
}

fn released(done: &[Done]) -> Vec<&str> {
    done.iter().filter_map(|done| if let Done::ToServer(line) = done { Some(line.as_str()) } else { None }).collect()
}

#[test]
fn what_is_approved_locally_is_what_runs_byte_for_byte() {
    let mut desk = Desk::new(BOTH);
    // This client has no dialogues.
    assert_eq!(desk.call(1, "send"), [Done::Asked { number: 1, local: Local::Asked, timeout: 55 }]);
    // Others go on meanwhile, and a server that answers what it was never asked is not heard.
    assert_eq!(desk.call(2, "free"), [Done::PassedToServer]);
    assert_eq!(desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}})), []);
    desk.seconds = 12.5;
    let done = desk.local(1, ApprovalAnswer::Once);
    assert_eq!(done, [Done::Settled(1, Settled::Answered(Channel::Local)), Done::ToServer(line(1, "send") + "\n")]);
    // Twice approved is approved once.
    assert_eq!(desk.local(1, ApprovalAnswer::Once), []);
    desk.seconds = 13.0;
    let done = desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}}));
    let approval = json!({"verdict":"approved_once","channel":"local","waited_ms":12500.0,"note":null});
    assert_eq!(done, [Done::Recorded(json!(["send", "require_approval", "ok", approval])), Done::PassedToClient]);
    // And once only.
    assert_eq!(desk.call(3, "send"), [Done::Asked { number: 2, local: Local::Asked, timeout: 55 }]);
}

#[test]
fn a_person_who_refuses_is_quoted() {
    let mut desk = Desk::new(BOTH);
    desk.call(1, "send");
    let done = desk.local(1, ApprovalAnswer::Refused { note: Some("Ask Ann first".to_owned()) });
    let (id, text) = refused_by(&done);
    assert_eq!(id, 1);
    assert!(
        text.contains("A person refused this call and says: Ask Ann first.") && text.contains("tools.send"),
        "{text}"
    );
    assert!(text.contains("Do not retry it"), "{text}");
    let approval = json!({"verdict":"refused","channel":"local","waited_ms":0.0,"note":"Ask Ann first"});
    assert!(done.contains(&Done::Recorded(json!(["send", "require_approval", "refused", approval]))), "{done:?}");
}

#[test]
fn the_client_s_dialogue_shows_what_it_is_about() {
    let mut desk = Desk::with_dialogues(BOTH);
    let done = desk.call(7, "send");
    assert_eq!(done[0], Done::Asked { number: 1, local: Local::Asked, timeout: 55 });
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    let message = request["params"]["message"].as_str().unwrap();
    for part in ["send", "stub", "execute", "high", "It mails people.", "tools.send", "\n  n: 1e1"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let schema = &request["params"]["requestedSchema"];
    assert_eq!(schema["properties"]["decision"]["enum"], json!(["approve_once", "approve_for_session", "refuse"]));
    assert_eq!(schema["properties"]["note"]["type"], "string");
    assert!(request["id"].as_str().unwrap().starts_with("policylayer-1-"), "{request}");

    let done = desk.client(answer(&request["id"], accept("approve_once")));
    assert_eq!(done, [Done::Settled(1, Settled::Answered(Channel::Client)), Done::ToServer(line(7, "send") + "\n")]);
    // The answer to our request is nobody else's, and there is one.
    assert_eq!(desk.client(answer(&request["id"], accept("approve_once"))), []);
}

#[test]
fn whatever_is_not_plainly_an_approval_is_a_refusal() {
    for result in [
        json!({"action":"decline"}),
        json!({"action":"cancel"}),
        json!({"action":"accept"}),
        json!({"action":"accept","content":{}}),
        json!({"action":"accept","content":{"decision":"refuse","note":"no"}}),
        json!({"action":"accept","content":{"decision":"APPROVE_ONCE"}}),
        json!({"action":"accept","content":{"decision":true}}),
        json!({"action":"decline","content":{"decision":"approve_once"}}),
        json!({"action":["accept"],"content":{"decision":"approve_once"}}),
        json!({"content":{"decision":"approve_once"}}),
        json!([]),
        json!("accept"),
    ] {
        let mut desk = Desk::with_dialogues(BOTH);
        let id = dialogue(&desk.call(1, "send"));
        let done = desk.client(answer(&id, result.clone()));
        assert_eq!(released(&done), Vec::<&str>::new(), "{result}");
        assert_eq!(refused_by(&done).0, 1, "{result}");
        assert!(done.contains(&Done::Settled(1, Settled::Answered(Channel::Client))), "{done:?}");
    }
}

#[test]
fn nobody_but_the_client_answers_our_requests() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    // The server cannot, and cannot take the id for its own.
    assert_eq!(released(&desk.server(answer(&id, accept("approve_once")))), Vec::<&str>::new());
    // A guess does not hit.
    for guess in [json!("policylayer-1-"), json!("policylayer-1"), json!(1), json!(0), json!("1")] {
        assert_eq!(desk.client(answer(&guess, accept("approve_once"))), [], "{guess}");
    }
    // A server's request of the same moment keeps its own id and gets its own answer.
    assert_eq!(
        desk.server(json!({"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}})),
        [Done::PassedToClient]
    );
    assert_eq!(
        desk.client(answer(&json!(1), accept("approve_once"))),
        [Done::Recorded(json!([null, "allow", "ok", null])), Done::PassedToServer]
    );
    assert_eq!(released(&desk.client(answer(&id, accept("approve_once")))).len(), 1);
}

#[test]
fn the_first_answer_closes_the_other_channel() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    let done = desk.local(1, ApprovalAnswer::Once);
    let Done::ToClient(cancelled) = &done[1] else { panic!("{done:?}") };
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], id);
    assert_eq!(released(&done).len(), 1);
    assert_eq!(desk.client(answer(&id, accept("refuse"))), [], "too late");
}

#[test]
fn a_client_that_cannot_ask_leaves_it_to_the_local_channel() {
    let error = |id: &Value| json!({"jsonrpc":"2.0","id":id,"error":{"code":-32601,"message":"no"}});
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    assert_eq!(desk.client(error(&id)), []);
    assert_eq!(released(&desk.local(1, ApprovalAnswer::Once)).len(), 1);

    let mut desk = Desk::with_dialogues(&[Channel::Client]);
    let id = dialogue(&desk.call(1, "send"));
    let done = desk.client(error(&id));
    assert!(refused_by(&done).1.contains("the client could not ask"), "{done:?}");
}

#[test]
fn a_local_channel_that_fails_leaves_it_to_the_client() {
    for (mut desk, waits) in [(Desk::with_dialogues(BOTH), true), (Desk::new(BOTH), false)] {
        desk.call(1, "send");
        let mut actions = Vec::new();
        desk.engine.handle_local_failure(1, "the disk is full.", desk.now(), &mut actions);
        let done = Desk::done(actions);
        if waits {
            assert_eq!(done, []);
        } else {
            assert!(refused_by(&done).1.contains("the disk is full"), "{done:?}");
        }
    }
}

#[test]
fn who_can_be_asked_is_what_client_and_settings_say() {
    let asks = |desk: &mut Desk| {
        let done = desk.call(1, "send");
        let by_client =
            done.iter().any(|done| matches!(done, Done::ToClient(line) if line["method"] == "elicitation/create"));
        let locally = done.iter().any(|done| matches!(done, Done::Asked { local: Local::Asked, .. }));
        (by_client, locally)
    };
    for (revision, capabilities, by_client) in [
        ("2025-06-18", json!({"elicitation":{}}), true),
        ("2025-11-25", json!({"elicitation":{}}), true),
        ("2025-11-25", json!({"elicitation":{"form":{}}}), true),
        ("2025-11-25", json!({"elicitation":{"form":{},"url":{}}}), true),
        ("2025-11-25", json!({"elicitation":{"url":{}}}), false),
        ("2025-03-26", json!({"elicitation":{}}), false),
        ("2024-11-05", json!({"elicitation":{}}), false),
        ("2025-06-18", json!({}), false),
        ("2025-06-18", json!({"elicitation":true}), false),
    ] {
        let mut desk = Desk::new(BOTH);
        desk.hello(revision, capabilities.clone());
        assert_eq!(asks(&mut desk), (by_client, true), "{revision} {capabilities}");
    }
    assert_eq!(asks(&mut Desk::with_dialogues(&[Channel::Client])), (true, false));
    assert_eq!(asks(&mut Desk::with_dialogues(&[Channel::Local])), (false, true));
    // Nobody at all: refused at once, with a way to be asked.
    let done = Desk::new(&[Channel::Client]).call(1, "send");
    let text = refused_by(&done).1;
    assert!(text.contains("nobody can be asked") && text.contains("policylayer approvals watch"), "{text}");
}

#[test]
fn nobody_answers_in_time_and_then_somebody_does() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    assert_eq!(desk.engine.poll_timeout(), Some(Duration::from_secs(55)));
    assert_eq!(desk.at(54.9), []);
    let done = desk.at(55.0);
    let text = refused_by(&done).1;
    assert!(text.contains("within 55 seconds") && text.contains("the very same call again"), "{text}");
    assert!(done.contains(&Done::Settled(1, Settled::Late)), "{done:?}");

    // A late approval is for one repetition, of the same tool with the same arguments.
    desk.seconds = 100.0;
    let done = desk.client(answer(&id, accept("approve_once")));
    assert_eq!(done, [Done::Settled(1, Settled::Answered(Channel::Client))]);
    let other = r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"send","arguments":{"n":11}}}"#;
    assert!(matches!(desk.client_text(other)[0], Done::Asked { .. }), "other arguments");
    assert_eq!(desk.call(2, "send"), [Done::PassedToServer]);
    let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{}}));
    let approval = json!({"verdict":"granted","channel":"client","waited_ms":0.0,"note":null});
    assert_eq!(done[0], Done::Recorded(json!(["send", "require_approval", "ok", approval])));
    assert!(matches!(desk.call(3, "send")[0], Done::Asked { .. }), "once");
}

#[test]
fn a_late_approval_holds_for_five_minutes() {
    for (approved, called, passes) in
        [(56.0, 354.9, true), (354.9, 354.9, true), (56.0, 355.0, false), (355.0, 355.0, false)]
    {
        let mut desk = Desk::new(BOTH);
        desk.call(1, "send");
        desk.at(55.0);
        desk.at(approved);
        desk.local(1, ApprovalAnswer::Once);
        desk.at(called);
        assert_eq!(
            desk.call(2, "send") == [Done::PassedToServer],
            passes,
            "approved at {approved}, called at {called}"
        );
    }
    let mut desk = Desk::new(BOTH);
    desk.call(1, "send");
    desk.at(55.0);
    assert_eq!(desk.at(355.0), [Done::Settled(1, Settled::Over)]);
    assert_eq!(desk.engine.poll_timeout(), None);
}

#[test]
fn a_call_that_is_made_again_before_it_is_approved_late_is_one_question() {
    let mut desk = Desk::with_dialogues(BOTH);
    let first = dialogue(&desk.call(1, "send"));
    desk.at(55.0);
    let done = desk.call(2, "send");
    assert_eq!(done[0], Done::Settled(1, Settled::Over), "{done:?}");
    assert!(matches!(&done[1], Done::ToClient(line) if line["params"]["requestId"] == first), "{done:?}");
    let second = dialogue(&done);
    assert_ne!(first, second);
    assert_eq!(desk.client(answer(&first, accept("approve_once"))), []);
    assert_eq!(released(&desk.client(answer(&second, accept("approve_once")))).len(), 1);
}

#[test]
fn for_the_session_means_the_tool_or_the_same_arguments_as_the_entry_says() {
    let call = |id: u32, tool: &str, n: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":{n}}}}}}}"#
        )
    };
    for (tool, others_pass) in [("send", true), ("same", false)] {
        let mut desk = Desk::new(BOTH);
        desk.client_text(&call(1, tool, 1));
        desk.local(1, ApprovalAnswer::Session);
        for id in 2..5 {
            assert_eq!(desk.client_text(&call(id, tool, 1)), [Done::PassedToServer], "{tool}");
        }
        assert_eq!(desk.client_text(&call(9, tool, 2)) == [Done::PassedToServer], others_pass, "{tool}");
        assert!(matches!(desk.call(10, "slow")[0], Done::Asked { .. }), "another tool");
    }
}

#[test]
fn arguments_decide_whether_a_person_is_asked() {
    let mut desk = Desk::new(BOTH);
    assert_eq!(desk.call(1, "some"), [Done::PassedToServer]);
    let many = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"some","arguments":{"n":11}}}"#;
    assert_eq!(desk.client_text(many), [Done::Asked { number: 1, local: Local::Asked, timeout: 55 }]);
    assert_eq!(desk.call(3, "slow"), [Done::Asked { number: 2, local: Local::Asked, timeout: 600 }]);
}

#[test]
fn limits_are_taken_before_a_person_is_asked_and_given_back_when_they_refuse() {
    let mut desk = Desk::new(BOTH);
    assert!(matches!(desk.call(1, "few")[0], Done::Asked { .. }));
    let done = desk.call(2, "few");
    assert!(refused_by(&done).1.contains("limit"), "nobody is asked for a call that could not run: {done:?}");
    desk.local(1, ApprovalAnswer::Refused { note: None });
    assert!(matches!(desk.call(3, "few")[0], Done::Asked { .. }), "it was given back");
    desk.at(55.0);
    assert!(matches!(desk.call(4, "few")[0], Done::Settled(..)), "given back when nobody answers");
    assert_eq!(released(&desk.local(3, ApprovalAnswer::Once)).len(), 1);
    assert!(refused_by(&desk.call(5, "few")).1.contains("limit"), "and taken by what runs");
}

#[test]
fn a_call_that_is_withdrawn_never_runs() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "few"));
    let cancel = json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}});
    let done = desk.client(cancel);
    assert!(!done.contains(&Done::PassedToServer), "the server knows nothing of it");
    assert_eq!(done[0], Done::Settled(1, Settled::Over));
    assert!(matches!(&done[1], Done::ToClient(line) if line["params"]["requestId"] == id), "{done:?}");
    assert_eq!(desk.local(1, ApprovalAnswer::Once), []);
    assert_eq!(desk.client(answer(&id, accept("approve_once"))), []);
    assert!(matches!(desk.call(2, "few")[0], Done::Asked { .. }), "its limit was given back");
}

#[test]
fn what_the_server_lists_while_a_call_waits_counts_when_it_is_answered() {
    let classes = r#"{"version":"1","default":"deny","classes":{"read":{"action":"require_approval"},
        "execute":{"action":"require_approval"},"destructive":{"action":"hide"}}}"#;
    let list = |desk: &mut Desk, description: &str| {
        desk.client(json!({"jsonrpc":"2.0","id":"list","method":"tools/list"}));
        let tools = json!([{"name":"get_notes","description":description}]);
        desk.server(json!({"jsonrpc":"2.0","id":"list","result":{"tools":tools}}))
    };
    let held = |desk: &mut Desk, id: u32| {
        let done = desk.call(id, "get_notes");
        done.iter().find_map(|done| if let Done::Asked { number, .. } = done { Some(*number) } else { None }).unwrap()
    };
    let is_released = |done: &[Done]| done.iter().any(|done| matches!(done, Done::ToServer(_)));
    let mut desk = Desk::new(BOTH);
    desk.engine.replace_policy(policy(classes), &mut Vec::new());
    // Before it is listed, and then by a milder listing.
    let number = held(&mut desk, 1);
    list(&mut desk, "Gets the notes.");
    assert!(is_released(&desk.local(number, ApprovalAnswer::Once)));
    // A harsher one, for what was approved for one call and for the session.
    for verdict in [ApprovalAnswer::Once, ApprovalAnswer::Session] {
        let mut desk = Desk::new(BOTH);
        desk.engine.replace_policy(policy(classes), &mut Vec::new());
        list(&mut desk, "Gets the notes.");
        let number = held(&mut desk, 1);
        list(&mut desk, "Deletes all notes for good.");
        let done = desk.local(number, verdict);
        assert!(!is_released(&done), "{done:?}");
        let said = format!("{done:?}");
        assert!(said.contains("[POLICY DENIED]") && said.contains("classes.destructive"), "{said}");
    }
    // And what was approved for the session earlier.
    let mut desk = Desk::new(BOTH);
    desk.engine.replace_policy(policy(classes), &mut Vec::new());
    let number = held(&mut desk, 1);
    assert!(is_released(&desk.local(number, ApprovalAnswer::Session)));
    assert!(desk.call(2, "get_notes").contains(&Done::PassedToServer));
    list(&mut desk, "Deletes all notes for good.");
    assert!(!desk.call(3, "get_notes").contains(&Done::PassedToServer));
}

#[test]
fn a_policy_that_changes_meanwhile_has_the_last_word() {
    let mut desk = Desk::new(BOTH);
    desk.call(1, "send");
    desk.call(2, "slow");
    let denies = r#"{"version":"1","default":"allow","tools":{"send":{"action":"deny","reason":"Not any more."}}}"#;
    desk.engine.replace_policy(policy(denies), &mut Vec::new());
    let done = desk.local(1, ApprovalAnswer::Session);
    assert!(refused_by(&done).1.contains("Not any more."), "{done:?}");
    assert_eq!(released(&done), Vec::<&str>::new());
    assert_eq!(released(&desk.local(2, ApprovalAnswer::Once)).len(), 1);
    assert!(refused_by(&desk.call(3, "send")).1.contains("Not any more."), "nothing was granted");
}

#[test]
fn a_server_that_ends_takes_everything_that_waits_with_it() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    desk.call(2, "slow");
    desk.at(55.0);
    let mut actions = Vec::new();
    desk.engine.handle_server_end("it exited with code 1", desk.now(), &mut actions);
    let done = Desk::done(actions);
    let answered: Vec<_> =
        done.iter().filter(|done| matches!(done, Done::ToClient(line) if !line["error"].is_null())).collect();
    assert_eq!(answered.len(), 1, "only the second still waited: {done:?}");
    assert!(
        done.contains(&Done::Settled(1, Settled::Over)) && done.contains(&Done::Settled(2, Settled::Over)),
        "{done:?}"
    );
    let recorded = done.iter().find_map(|done| if let Done::Recorded(record) = done { Some(record) } else { None });
    assert_eq!(recorded.unwrap()[2], "server_died");
    assert_eq!(recorded.unwrap()[3]["verdict"], "cancelled", "it never went on");
    assert_eq!(desk.local(2, ApprovalAnswer::Once), []);
    assert_eq!(desk.client(answer(&id, accept("approve_once"))), []);
    assert_eq!(desk.engine.poll_timeout(), None);
}

#[test]
fn no_more_than_thirty_two_wait() {
    let mut desk = Desk::new(BOTH);
    for id in 0..32 {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"send","arguments":{{"n":{id}}}}}}}"#
        );
        assert!(matches!(desk.client_text(&call)[0], Done::Asked { .. }));
    }
    let done = desk.call(99, "send");
    assert!(refused_by(&done).1.contains("32 calls are waiting"), "{done:?}");
    desk.local(1, ApprovalAnswer::Once);
    assert!(matches!(desk.call(99, "send")[0], Done::Asked { .. }));
    // An id that waits is in use.
    assert!(matches!(&desk.call(5, "free")[0], Done::Recorded(_) | Done::ToClient(_)));
}

fn cancel(id: u32) -> Value {
    json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":id}})
}

#[test]
fn a_call_that_is_approved_and_then_cancelled_reaches_the_server_before_its_cancellation() {
    let mut desk = Desk::new(BOTH);
    let to_server = |done: Vec<Done>| {
        done.into_iter().filter(|done| matches!(done, Done::ToServer(_) | Done::PassedToServer)).collect::<Vec<_>>()
    };
    desk.call(1, "send");
    let done = [desk.local(1, ApprovalAnswer::Once), desk.client(cancel(1))].concat();
    assert_eq!(to_server(done), [Done::ToServer(line(1, "send") + "\n"), Done::PassedToServer]);
    desk.call(2, "send");
    let done = [desk.client(cancel(2)), desk.local(2, ApprovalAnswer::Once)].concat();
    assert_eq!(to_server(done), [], "the server knows nothing of it");
}

#[test]
fn where_the_log_is_required_an_approved_call_is_committed_with_its_line() {
    for (is_cancelled, answers) in [(false, 1), (true, 0)] {
        let mut desk = Desk::new(BOTH);
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([3; 32]))));
        desk.engine = desk.engine.with_recording(keyed, Required::Yes);
        desk.call(1, "send");
        let mut actions = Vec::new();
        desk.engine.handle_local_answer(1, ApprovalAnswer::Once, desk.now(), &mut actions);
        let commit = actions.iter().find_map(|action| match action {
            Action::Commit(commit) => Some(commit.clone()),
            _ => None,
        });
        let commit = commit.expect("the call waits for the log");
        assert_eq!(commit.payload, Payload::Written((line(1, "send") + "\n").into_bytes()));
        assert!(!actions.iter().any(|action| matches!(action, Action::ToServer(_))), "{actions:?}");
        if is_cancelled {
            assert!(desk.client(cancel(1)).contains(&Done::PassedToServer));
        }
        let mut instead = Vec::new();
        desk.engine.handle_commit_failed(&commit, "No space left on device.", desk.now(), &mut instead);
        let to_client = Desk::done(instead).into_iter().filter(|done| matches!(done, Done::ToClient(_)));
        assert_eq!(to_client.count(), answers, "who has cancelled waits for no answer");
    }
}

#[test]
fn progress_only_grows_also_when_the_server_s_follows() {
    let mut desk = Desk::new(BOTH);
    desk.client(
        json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send","_meta":{"progressToken":"t"}}}),
    );
    let mut last = f64::NEG_INFINITY;
    let mut told = 0;
    for second in 1..=54 {
        for done in desk.at(f64::from(second)) {
            let Done::ToClient(line) = done else { panic!("{done:?}") };
            assert_eq!(line["method"], "notifications/progress");
            assert_eq!(line["params"]["progressToken"], "t");
            let progress = line["params"]["progress"].as_f64().unwrap();
            assert!(progress > last && progress < 0.001, "{line}");
            last = progress;
            told += 1;
        }
    }
    assert_eq!(told, 10);
    desk.local(1, ApprovalAnswer::Once);
    let progress = |value: f64| json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":value}});
    assert_eq!(desk.server(progress(0.0)), [], "it would go back");
    assert_eq!(desk.server(progress(1.0)), [Done::PassedToClient]);
    assert_eq!(desk.server(progress(2.0)), [Done::PassedToClient]);
}

/// A call of revision 2026-07-28, whose client says with each what it can do.
fn typed(id: u32, arguments: Value, more: Value) -> Value {
    let mut params = json!({"name":"send","arguments":arguments,"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}});
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params})
}

#[test]
fn from_2026_07_28_on_the_call_comes_again_with_the_answer() {
    let mut desk = Desk::new(BOTH);
    let done = desk.client(typed(1, json!({"n":1}), json!({})));
    assert_eq!(done[0], Done::Asked { number: 1, local: Local::Not, timeout: 55 });
    let Done::ToClient(asked) = &done[1] else { panic!("{done:?}") };
    assert_eq!(asked["id"], 1);
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(asked["result"]["inputRequests"]["policylayer"]["method"], "elicitation/create");
    let state = asked["result"]["requestState"].clone();

    let again = |id: u32, n: u32, state: &Value, decision: &str| {
        typed(id, json!({"n":n}), json!({"requestState":state,"inputResponses":{"policylayer":accept(decision)}}))
    };
    // Another call than the one that was asked about, and a state that was never given.
    let mut other = Desk::new(BOTH);
    let done = other.client(typed(1, json!({"n":1}), json!({})));
    let Done::ToClient(theirs) = &done[1] else { panic!("{done:?}") };
    let theirs = theirs["result"]["requestState"].clone();
    assert_eq!(released(&other.client(again(2, 2, &theirs, "approve_once"))), Vec::<&str>::new());
    assert_eq!(released(&other.client(again(3, 1, &theirs, "approve_once"))), Vec::<&str>::new(), "used up");
    assert_eq!(released(&other.client(again(4, 1, &json!("policylayer-1-00"), "approve_once"))), Vec::<&str>::new());

    let done = desk.client(again(2, 1, &state, "approve_once"));
    let [line] = released(&done)[..] else { panic!("{done:?}") };
    let expected = typed(2, json!({"n":1}), json!({})).to_string() + "\n";
    assert_eq!(line, expected, "the line that was asked about, under the id that wants the answer");
    let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}));
    assert!(done.contains(&Done::PassedToClient), "{done:?}");
    assert_eq!(released(&desk.client(again(3, 1, &state, "approve_once"))), Vec::<&str>::new(), "one use");
}

#[test]
fn a_round_that_is_refused_or_too_late_says_so() {
    let mut desk = Desk::new(BOTH);
    let round = |desk: &mut Desk, id: u32| {
        let done = desk.client(typed(id, json!({"n":id}), json!({})));
        let state = done.iter().find_map(|done| match done {
            Done::ToClient(line) => Some(line["result"]["requestState"].clone()),
            _ => None,
        });
        state.unwrap()
    };
    let again = |id: u32, n: u32, state: &Value, result: Value| {
        typed(id, json!({"n":n}), json!({"requestState":state,"inputResponses":{"policylayer":result}}))
    };
    let state = round(&mut desk, 1);
    let done = desk.client(again(2, 1, &state, json!({"action":"decline"})));
    assert_eq!(refused_by(&done).0, 2);
    // Time is over; the answer comes with the call itself, which is its own repetition.
    let state = round(&mut desk, 3);
    let late = desk.at(60.0);
    assert!(!late.iter().any(|done| matches!(done, Done::ToClient(_))), "nobody waits for an answer: {late:?}");
    let done = desk.client(again(4, 3, &state, accept("approve_once")));
    assert_eq!(done, [Done::ToServer(typed(4, json!({"n":3}), json!({})).to_string() + "\n")]);
}

#[test]
fn what_the_server_asks_of_an_approved_call_needs_no_second_approval() {
    let mut desk = Desk::new(&[Channel::Local]);
    desk.client(typed(1, json!({"n":1}), json!({})));
    assert_eq!(released(&desk.local(1, ApprovalAnswer::Once)).len(), 1);
    let asks = json!({"resultType":"input_required","requestState":"theirs","inputRequests":{"q":{}}});
    desk.server(json!({"jsonrpc":"2.0","id":1,"result":asks}));
    let goes_on = typed(2, json!({"n":1}), json!({"requestState":"theirs","inputResponses":{"q":{"action":"accept"}}}));
    assert_eq!(desk.client(goes_on), [Done::PassedToServer]);
    // Another call with such a state is another call.
    let other = typed(3, json!({"n":2}), json!({"requestState":"theirs","inputResponses":{"q":{"action":"accept"}}}));
    assert!(matches!(desk.client(other)[0], Done::Asked { .. }));
}

#[test]
fn a_round_is_answered_also_where_its_line_begins_with_blanks() {
    let mut desk = Desk::new(BOTH);
    let asked = desk.client_text(&format!("  {}", typed(1, json!({"a":1}), json!({}))));
    let state = text_of_state(&asked);
    let retry = json!({"inputResponses":{"policylayer":accept("approve_once")},"requestState":state});
    let done = desk.client(typed(2, json!({"a":1}), retry));
    let line = released(&done);
    assert_eq!(line.len(), 1, "{done:?}");
    assert!(line[0].starts_with("  {"), "{line:?}");
    assert_eq!(serde_json::from_str::<Value>(line[0]).unwrap()["id"], 2);
}

fn text_of_state(done: &[Done]) -> String {
    let found = done.iter().find_map(|done| match done {
        Done::ToClient(message) => message["result"]["requestState"].as_str().map(str::to_owned),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{done:?}"))
}

#[test]
fn an_answer_that_cannot_be_read_is_a_refusal_at_once() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    let done = desk
        .client_text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"decline","action":"accept"}}}}"#));
    assert_eq!(refused_by(&done).0, 1, "{done:?}");
    assert!(done.contains(&Done::Settled(1, Settled::Answered(Channel::Client))), "{done:?}");
    assert!(desk.local(1, ApprovalAnswer::Once).is_empty(), "it was answered");
}

#[test]
fn what_is_ours_in_a_call_is_not_for_the_server() {
    let mut desk = Desk::new(BOTH);
    let state = text_of_state(&desk.client(typed(1, json!({"n":1}), json!({}))));
    desk.at(60.0);
    // Too late for the call that was held: it is its own repetition, and the server has asked nothing of it.
    let ours = json!({"requestState":state,"inputResponses":{"policylayer":accept("approve_once")}});
    let done = desk.client(typed(2, json!({"n":1}), ours.clone()));
    assert_eq!(released(&done), [typed(2, json!({"n":1}), json!({})).to_string() + "\n"]);
    // What is held has nothing of it either, nor what comes with answers to the server.
    let done = desk.client(typed(3, json!({"n":1}), ours));
    let next = text_of_state(&done);
    let both = json!({"requestState":state,"inputResponses":{"policylayer":accept("approve_once"),"q":{}}});
    let again = text_of_state(&desk.client(typed(4, json!({"n":1}), both)));
    for (id, state, kept) in [(5, next, json!({})), (6, again, json!({"inputResponses":{"q":{}}}))] {
        let answer = json!({"requestState":state,"inputResponses":{"policylayer":accept("approve_once")}});
        let done = desk.client(typed(id, json!({"n":1}), answer));
        let sent: Value = serde_json::from_str(released(&done)[0]).unwrap();
        assert_eq!(sent, typed(id, json!({"n":1}), kept));
    }
}

#[test]
fn what_another_wrapper_asks_passes_as_it_is() {
    let mut desk = Desk::new(BOTH);
    let theirs = json!({"requestState":"policylayer-1-00112233445566778899aabbccddeeff",
        "inputResponses":{"policylayer":accept("approve_once")}});
    let mut call = typed(1, json!({"n":1}), theirs);
    call["params"]["name"] = json!("free");
    assert_eq!(desk.client(call), [Done::PassedToServer]);
}

#[test]
fn a_late_refusal_is_one() {
    let mut desk = Desk::new(BOTH);
    let state = text_of_state(&desk.client(typed(1, json!({"n":1}), json!({}))));
    desk.at(60.0);
    let refuse = json!({"action":"accept","content":{"decision":"refuse","note":"Not today."}});
    let done =
        desk.client(typed(2, json!({"n":1}), json!({"requestState":state,"inputResponses":{"policylayer":refuse}})));
    let (id, text) = refused_by(&done);
    assert_eq!(id, 2);
    assert!(text.contains("Not today."), "{text}");
}

#[test]
fn what_waits_is_bounded_in_bytes_too() {
    let mut desk = Desk::new(BOTH);
    let call = |id: u32, bytes: usize| {
        let text = "x".repeat(bytes);
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"send","arguments":{{"a":"{text}"}}}}}}"#
        )
    };
    assert!(matches!(desk.client_text(&call(1, 12 << 20))[0], Done::Asked { .. }));
    assert!(matches!(desk.client_text(&call(2, 1 << 20))[0], Done::Asked { .. }));
    assert!(refused_by(&desk.client_text(&call(3, 8 << 20))).1.contains("waiting"));
    desk.local(1, ApprovalAnswer::Refused { note: None });
    assert!(matches!(desk.client_text(&call(3, 8 << 20))[0], Done::Asked { .. }));
}
