//! Calls that wait for a person, at the boundary of the engine and under a clock of our own: lines in, actions out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use policylayer::engine::{
    Action, ApprovalAnswer, ApprovalOptions, Asks, Channel, ClientRow, ClientTable, Local, NoteField, Opened, Payload,
    SessionEnd, Settled, Upshot,
};
use policylayer::limits::MAX_DIALOGUE;
use policylayer::record::{ArgumentRecorder, ArgumentsLogged, Digest, DigestKey, Required};
use serde_json::{Value, json};

use crate::support::desk::{
    BOTH, Desk, Done, POLICY, accept, answer, dialogue, line, policy, recorded, refused_by, released, typed,
};
use crate::support::recorded::{Recorded, list_of};

#[test]
fn what_is_approved_locally_is_what_runs_byte_for_byte() {
    let mut desk = Desk::new(BOTH);
    // This client has no dialogues.
    assert_eq!(desk.call(1, "send"), [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }]);
    // Others go on meanwhile, and a server that answers what it was never asked is not heard.
    assert_eq!(desk.call(2, "free"), [Done::PassedToServer]);
    assert_eq!(desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}})), []);
    desk.seconds = 12.5;
    let done = desk.local(1, ApprovalAnswer::Once);
    let settled = Done::Settled(1, Settled::Answered(Channel::Local, Upshot::Sent));
    assert_eq!(done, [Done::ToServer(line(1, "send") + "\n"), settled]);
    // Twice approved is approved once.
    assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)]);
    desk.seconds = 13.0;
    let done = desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}}));
    let approval = json!({"verdict":"approved_once","channel":"local","waited_ms":12500.0,"note":null});
    assert_eq!(done, [Done::Recorded(json!(["send", "require_approval", "ok", approval])), Done::PassedToClient]);
    // And once only.
    assert_eq!(desk.call(3, "send"), [Done::Asked { number: 2, local: Local::Asked, timeout: 600 }]);
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
    assert_eq!(done[0], Done::Asked { number: 1, local: Local::Asked, timeout: 600 });
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    let message = request["params"]["message"].as_str().unwrap();
    for part in ["send", "stub", "high: execute", "It mails people.", "tools.send", "\n  n: 1e1", "with any arguments"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    let schema = &request["params"]["requestedSchema"];
    assert_eq!(schema["properties"]["decision"]["enum"], json!(["refuse", "approve_once", "approve_for_session"]));
    assert_eq!(schema["properties"]["note"]["type"], "string");
    let parts: Vec<_> = request["id"].as_str().unwrap().split('-').collect();
    assert_eq!((parts[0], parts[1].len(), parts[2], parts[3].len(), parts.len()), ("policylayer", 8, "1", 32, 4));

    let done = desk.answer(&request["id"], accept("approve_once"));
    let settled = Done::Settled(1, Settled::Answered(Channel::Client, Upshot::Sent));
    assert_eq!(done, [Done::ToServer(line(7, "send") + "\n"), settled]);
    // The answer to our request is nobody else's, and there is one.
    assert_eq!(desk.answer(&request["id"], accept("approve_once")), []);
}

#[test]
fn whatever_is_not_plainly_an_approval_lets_nothing_through() {
    let refusals = [
        json!({"action":"decline"}),
        json!({"action":"accept","content":{"decision":"refuse","note":"no"}}),
        json!({"action":"decline","content":{"decision":"approve_once"}}),
    ];
    let no_choice = [
        json!({"action":"cancel"}),
        json!({"action":"cancel","content":{"decision":"approve_once"}}),
        json!({"action":"accept"}),
        json!({"action":"accept","content":{}}),
        json!({"action":"accept","content":{"decision":"APPROVE_ONCE"}}),
        json!({"action":"accept","content":{"decision":true}}),
        json!({"action":["accept"],"content":{"decision":"approve_once"}}),
        json!({"content":{"decision":"approve_once"}}),
        json!([]),
        json!("accept"),
    ];
    for result in refusals {
        let mut desk = Desk::with_dialogues(BOTH);
        let id = dialogue(&desk.call(1, "send"));
        let done = desk.answer(&id, result.clone());
        assert_eq!(released(&done), Vec::<&str>::new(), "{result}");
        assert!(refused_by(&done).1.contains("A person refused this call"), "{result}");
        assert!(done.contains(&Done::Settled(1, Settled::Answered(Channel::Client, Upshot::Refused))), "{done:?}");
    }
    // What is no choice closes the client's channel alone. Whoever is asked elsewhere can still answer.
    for result in no_choice {
        let mut desk = Desk::with_dialogues(BOTH);
        let id = dialogue(&desk.call(1, "send"));
        assert_eq!(desk.answer(&id, result.clone()), [], "{result}");
        assert_eq!(desk.answer(&id, accept("approve_once")), [], "{result}");
        let done = desk.local(1, ApprovalAnswer::Once);
        assert_eq!(released(&done).len(), 1, "{result}");
        let done = desk.server(json!({"jsonrpc":"2.0","id":1,"result":{}}));
        assert_eq!(recorded(&done)[0]["client_answer"], "dismissed", "{result}");

        let mut desk = Desk::with_dialogues(&[Channel::Client]);
        let id = dialogue(&desk.call(1, "send"));
        let done = desk.answer(&id, result.clone());
        let text = refused_by(&done).1;
        assert!(text.contains("dismissed in the client") && !text.contains("A person"), "{result}: {text}");
        assert_eq!(
            (&recorded(&done)[0]["verdict"], &recorded(&done)[0]["channel"]),
            (&json!("unavailable"), &Value::Null)
        );
    }
}

#[test]
fn an_answer_before_a_person_can_have_read_is_nobody_s() {
    let all = [
        accept("approve_once"),
        accept("approve_for_session"),
        accept("refuse"),
        json!({"action":"decline"}),
        json!({"action":"cancel"}),
    ];
    for result in all {
        let mut desk = Desk::with_dialogues(BOTH);
        let id = dialogue(&desk.call(1, "send"));
        desk.seconds = 0.299;
        assert_eq!(desk.client(answer(&id, result.clone())), [], "{result}");
        let done = desk.at(55.0);
        let text = refused_by(&done).1;
        assert!(text.contains("within 55 seconds, and the client answered without asking anyone."), "{text}");
        assert!(!text.contains("A person"), "{text}");
        let approval =
            json!({"verdict":"timed_out","channel":null,"waited_ms":55000.0,"note":null,"client_answer":"unasked"});
        assert_eq!(recorded(&done), [&approval]);

        let mut desk = Desk::with_dialogues(&[Channel::Client]);
        let id = dialogue(&desk.call(1, "send"));
        let done = desk.client(answer(&id, result.clone()));
        let text = refused_by(&done).1;
        assert!(text.contains("the client answered without asking anyone.") && !text.contains("A person"), "{text}");
        assert_eq!(recorded(&done)[0]["client_answer"], "unasked");
    }
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    desk.seconds = 0.3;
    assert_eq!(released(&desk.client(answer(&id, accept("approve_once")))).len(), 1);
}

#[test]
fn what_a_person_refused_is_refused_for_a_minute_in_their_words() {
    let mut desk = Desk::new(BOTH);
    desk.call(1, "send");
    desk.seconds = 5.0;
    desk.local(1, ApprovalAnswer::Refused { note: Some("Ask Ann first".to_owned()) });
    desk.seconds = 64.9;
    let done = desk.call(2, "send");
    assert!(refused_by(&done).1.contains("A person refused this call and says: Ask Ann first."), "{done:?}");
    let approval = json!({"verdict":"refused_before","channel":"local","waited_ms":0.0,"note":"Ask Ann first"});
    assert_eq!(recorded(&done), [&approval]);
    let other = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"send","arguments":{"n":2}}}"#;
    assert!(matches!(desk.client_text(other)[0], Done::Asked { .. }), "another call");
    desk.seconds = 65.0;
    assert!(matches!(desk.call(4, "send")[0], Done::Asked { .. }), "not reminded by its own repetition");
}

#[test]
fn the_last_word_of_a_person_counts() {
    let refuse = || ApprovalAnswer::Refused { note: None };
    // The same call twice, as clients do: what is refused last is refused.
    for approval in [ApprovalAnswer::Once, ApprovalAnswer::Session] {
        let mut desk = Desk::new(BOTH);
        desk.call(1, "send");
        desk.call(2, "send");
        desk.at(55.0);
        desk.local(1, approval.clone());
        desk.local(2, refuse());
        assert!(refused_by(&desk.call(3, "send")).1.contains("A person refused"), "{approval:?}");
        desk.at(116.0);
        assert!(matches!(desk.call(4, "send")[0], Done::Asked { .. }), "{approval:?}");

        let mut desk = Desk::new(BOTH);
        desk.call(1, "send");
        desk.call(2, "send");
        desk.at(55.0);
        desk.local(1, refuse());
        desk.local(2, approval.clone());
        assert_eq!(desk.call(3, "send"), [Done::PassedToServer], "{approval:?}");
    }
}

#[test]
fn nothing_in_a_request_opens_the_session_anew() {
    // Who has no dialogues gets none by saying so later, neither in a call nor by another `initialize`.
    let asks_client = |done: &[Done]| done.iter().any(|done| matches!(done, Done::ToClient(_)));
    let mut desk = Desk::new(BOTH);
    desk.hello("2025-06-18", json!({}));
    assert!(!asks_client(&desk.client(typed(1, json!({"n":1}), json!({})))));
    desk.hello("2025-06-18", json!({"elicitation":{}}));
    assert!(!asks_client(&desk.client(typed(2, json!({"n":2}), json!({})))));
    // Who has them keeps them, and is asked by requests.
    let mut desk = Desk::with_dialogues(BOTH);
    desk.hello("2025-06-18", json!({}));
    dialogue(&desk.client(typed(1, json!({"n":1}), json!({}))));
    // A session that began without stays without: its client cannot be asked by requests, which approve more.
    let mut desk = Desk::new(BOTH);
    desk.call(1, "send");
    desk.hello("2025-06-18", json!({"elicitation":{}}));
    assert!(!asks_client(&desk.call(2, "same")));
    // What a client tries before it knows the server is no opening, nor is an `initialize` that fails.
    let mut desk = Desk::new(BOTH);
    for (id, method) in [(1, "server/discover"), (2, "tools/list"), (3, "ping"), (4, "initialize")] {
        desk.client(json!({"jsonrpc":"2.0","id":id,"method":method,"params":{}}));
        desk.server(json!({"jsonrpc":"2.0","id":id,"error":{"code":-32601,"message":"no"}}));
    }
    desk.hello("2025-06-18", json!({"elicitation":{}}));
    dialogue(&desk.call(5, "send"));
}

#[test]
fn who_is_known_not_to_ask_or_to_cut_a_question_is_not_asked() {
    let row = ClientRow { name: "c".into(), ..ClientRow::default() };
    for (row, why) in [
        (ClientRow { asks: Some(Asks::Nobody), ..row.clone() }, "the client c is known to answer without asking"),
        (ClientRow { lines: Some(4), ..row }, "the client shows 4 lines of a question, and this one takes 10"),
    ] {
        let known = |channels: &[Channel]| {
            let clients = ClientTable::new(vec![row.clone()], || &[]);
            let mut desk =
                Desk::with_options(ApprovalOptions { channels: channels.to_vec(), clients, ..Default::default() });
            desk.hello("2025-06-18", json!({"elicitation":{}}));
            desk
        };
        assert_eq!(known(BOTH).call(1, "send"), [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }]);
        let done = known(&[Channel::Client]).call(1, "send");
        assert!(refused_by(&done).1.contains(why), "{done:?}");
    }
}

#[test]
fn a_client_that_takes_no_empty_text_gets_no_field_for_a_note() {
    let row = ClientRow { name: "c".into(), note: Some(NoteField::LeftOut), ..ClientRow::default() };
    let clients = ClientTable::new(vec![row], || &[]);
    let mut desk = Desk::with_options(ApprovalOptions { channels: BOTH.to_vec(), clients, ..Default::default() });
    desk.hello("2025-06-18", json!({"elicitation":{}}));
    let done = desk.call(1, "send");
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    let fields = request["params"]["requestedSchema"]["properties"].as_object().unwrap();
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["decision"]);
    let done = desk.answer(&request["id"], accept("approve_once"));
    assert_eq!(released(&done).len(), 1, "{done:?}");
}

#[test]
fn what_is_too_long_to_be_read_is_not_asked_in_the_client() {
    let call = |n: usize| json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send","arguments":{"text":"é".repeat(n)}}});
    let done = Desk::with_dialogues(BOTH).client(call(10));
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    let rest = MAX_DIALOGUE - request["params"]["message"].as_str().unwrap().chars().count();
    let done = Desk::with_dialogues(BOTH).client(call(10 + rest));
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    assert_eq!(request["params"]["message"].as_str().unwrap().chars().count(), MAX_DIALOGUE);
    let longer = call(11 + rest);
    let asked = [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }];
    assert_eq!(Desk::with_dialogues(BOTH).client(longer.clone()), asked);
    let done = Desk::with_dialogues(&[Channel::Client]).client(longer);
    assert!(refused_by(&done).1.contains("too long to be read in the client's dialogue"), "{done:?}");
}

#[test]
fn an_approval_is_for_all_that_the_server_reads() {
    let call = |id: u32, more: Value| {
        let mut params = json!({"name":"send","arguments":{"n":1}});
        for (key, value) in more.as_object().unwrap() {
            params[key] = value.clone();
        }
        json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params})
    };
    let others = [
        json!({"task":{"ttl":1}}),
        json!({"inputResponses":{"q":{}}}),
        json!({"requestState":"theirs"}),
        json!({"force":true}),
        json!({"force":null}),
        json!({"arguments":{"n":1.0}}),
        json!({"_meta":{"com.example/dryRun":false}}),
        // An id of another client's.
        json!({"_meta":{"callId":"1"}}),
    ];
    for approval in [ApprovalAnswer::Once, ApprovalAnswer::Session] {
        for more in [json!({}), json!({"dryRun":true})] {
            let row = ClientRow { name: "c".into(), ids: vec!["c/callId".into()], ..ClientRow::default() };
            let clients = ClientTable::new(vec![row], || &[]);
            let mut desk =
                Desk::with_options(ApprovalOptions { channels: BOTH.to_vec(), clients, ..Default::default() });
            desk.hello("2025-06-18", json!({}));
            desk.client(call(1, more.clone()));
            desk.at(55.0);
            desk.local(1, approval.clone());
            for (id, other) in (2..).zip(&others) {
                let is_any_arguments = approval == ApprovalAnswer::Session && other.get("arguments").is_some();
                let mut changed = more.clone();
                changed.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
                let done = desk.client(call(id, changed));
                assert_eq!(done == [Done::PassedToServer], is_any_arguments, "{approval:?} {other}: {done:?}");
            }
            // What says which message it is, is about no more than that.
            let mut same = more.clone();
            same["_meta"] = json!({"progressToken": 7, "traceparent": "00-0-0-00", "c/callId": "1",
                "io.modelcontextprotocol/logLevel": "debug"});
            assert_eq!(desk.client(call(90, same)), [Done::PassedToServer], "{approval:?} {more}");
            if more != json!({}) {
                assert!(matches!(desk.client(call(91, json!({})))[0], Done::Asked { .. }), "{approval:?}");
            }
        }
    }
    // What is bound is shown as well.
    let done = Desk::with_dialogues(BOTH)
        .client(call(1, json!({"task":{"ttl":1},"force":true,"_meta":{"x":1,"progressToken":2}})));
    let Done::ToClient(request) = &done[1] else { panic!("{done:?}") };
    let message = request["params"]["message"].as_str().unwrap();
    assert!(
        message.contains("\nAlso sent:")
            && message.contains("\n  force: true")
            && message.contains(r#"_meta: {"x":1}"#),
        "{message}"
    );
}

#[test]
fn an_approval_of_another_request_is_for_all_of_it_too() {
    let asks = r#"{"version":"1","default":"deny","tools":{},"resources":{"*":{"action":"require_approval"}},
        "prompts":{"*":{"action":"require_approval"}},"methods":{"*":{"action":"require_approval"}}}"#;
    for (method, params) in [
        ("resources/read", json!({"uri":"file:///a"})),
        ("prompts/get", json!({"name":"a","arguments":{"n":"1"}})),
        ("x-shop/sell", json!({"item":1})),
    ] {
        let request = |id: u32, more: Value| {
            let mut params = params.clone();
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"jsonrpc":"2.0","id":id,"method":method,"params":params})
        };
        for approval in [ApprovalAnswer::Once, ApprovalAnswer::Session] {
            let mut desk = Desk::new(BOTH);
            desk.engine.replace_policy(policy(asks), &mut Vec::new());
            desk.client(request(1, json!({"_meta":{"progressToken":1}})));
            desk.at(55.0);
            desk.local(1, approval.clone());
            for (id, more) in
                (2..).zip([json!({"force":true}), json!({"requestState":"s"}), json!({"inputResponses":{}})])
            {
                // For the session, another method is approved with any parameters: these are its arguments.
                let passes = method.starts_with("x-") && approval == ApprovalAnswer::Session;
                let done = desk.client(request(id, more.clone()));
                assert_eq!(done == [Done::PassedToServer], passes, "{method} {more}: {done:?}");
            }
            assert_eq!(
                desk.client(request(9, json!({"_meta":{"progressToken":2}}))),
                [Done::PassedToServer],
                "{method}"
            );
        }
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
    assert_eq!(released(&desk.answer(&id, accept("approve_once"))).len(), 1);
}

#[test]
fn the_first_answer_closes_the_other_channel() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    let done = desk.local(1, ApprovalAnswer::Once);
    let Done::ToClient(cancelled) = &done[0] else { panic!("{done:?}") };
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], id);
    assert_eq!(released(&done).len(), 1);
    assert_eq!(desk.answer(&id, accept("refuse")), [], "too late");
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
    assert!(refused_by(&done).1.contains("the client could not ask (no)."), "{done:?}");
}

#[test]
fn a_local_channel_that_fails_leaves_it_to_the_client() {
    for (mut desk, waits) in [(Desk::with_dialogues(BOTH), true), (Desk::new(BOTH), false)] {
        desk.call(1, "send");
        let done = desk.fail_locally(1, "the disk is full.");
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
    assert!(text.contains("can still approve it within 10 minutes"), "{text}");
    assert!(done.contains(&Done::Settled(1, Settled::Late)), "{done:?}");

    // A late approval is for one repetition, of the same tool with the same arguments.
    desk.seconds = 100.0;
    let done = desk.answer(&id, accept("approve_once"));
    assert_eq!(done[1..], [Done::Settled(1, Settled::Answered(Channel::Client, Upshot::Granted))]);
    let other = r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"send","arguments":{"n":11}}}"#;
    assert!(matches!(desk.client_text(other)[0], Done::Asked { .. }), "other arguments");
    assert_eq!(desk.call(2, "send"), [Done::PassedToServer]);
    let done = desk.server(json!({"jsonrpc":"2.0","id":2,"result":{}}));
    let approval = json!({"verdict":"granted","channel":"client","waited_ms":0.0,"note":null});
    assert_eq!(done[0], Done::Recorded(json!(["send", "require_approval", "ok", approval])));
    assert!(matches!(desk.call(3, "send")[0], Done::Asked { .. }), "once");
}

#[test]
fn a_question_is_open_for_its_whole_time_and_a_late_approval_for_five_minutes_at_least() {
    for (approved, called, passes) in
        [(56.0, 599.9, true), (56.0, 600.0, false), (599.9, 899.8, true), (599.9, 899.9, false), (600.0, 600.0, false)]
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
    assert_eq!(desk.at(600.0), [Done::Settled(1, Settled::Over)]);
    assert_eq!(desk.engine.poll_timeout(), None);
}

#[test]
fn a_question_that_ends_with_its_call_says_so() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "brief"));
    let done = desk.at(30.0);
    let text = refused_by(&done).1;
    assert!(
        text.contains("within 30 seconds") && text.contains("make the call again: they are then asked again"),
        "{text}"
    );
    assert!(done.contains(&Done::Settled(1, Settled::Over)), "{done:?}");
    assert_eq!(desk.answer(&id, accept("approve_once")), []);
    assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)]);
    assert!(matches!(desk.call(2, "brief")[0], Done::Asked { .. }));
}

#[test]
fn a_call_is_answered_before_its_client_gives_up() {
    for (waits, patience) in [(None, 55.0), (Some(60), 55.0), (Some(300), 295.0), (Some(10), 5.0), (Some(3600), 600.0)]
    {
        let row = ClientRow { name: "c".into(), waits: waits.map(Duration::from_secs), ..ClientRow::default() };
        let clients = ClientTable::new(vec![row], || &[]);
        let mut desk = Desk::with_options(ApprovalOptions { channels: BOTH.to_vec(), clients, ..Default::default() });
        desk.hello("2025-06-18", json!({"elicitation":{}}));
        desk.call(1, "send");
        assert_eq!(desk.engine.poll_timeout(), Some(Duration::from_secs_f64(patience)), "{waits:?}");
        assert_eq!(desk.at(patience - 0.001), [], "{waits:?}");
        assert_eq!(refused_by(&desk.at(patience)).0, 1, "{waits:?}");
    }
}

#[test]
fn a_call_that_is_made_again_before_it_is_approved_late_is_one_question() {
    let mut desk = Desk::with_dialogues(BOTH);
    let first = dialogue(&desk.call(1, "send"));
    desk.at(55.0);
    let done = desk.call(2, "send");
    // The local channel keeps the id that a person was sent.
    assert!(matches!(done[0], Done::Asked { number: 2, .. }), "{done:?}");
    assert_eq!(done[1], Done::Settled(1, Settled::Over), "{done:?}");
    assert!(matches!(&done[2], Done::ToClient(line) if line["params"]["requestId"] == first), "{done:?}");
    let second = dialogue(&done);
    assert_ne!(first, second);
    assert_eq!(desk.answer(&first, accept("approve_once")), []);
    assert_eq!(released(&desk.answer(&second, accept("approve_once"))).len(), 1);
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

/// What the policy in force now lets an approval for the session cover.
#[test]
fn an_approval_for_the_session_covers_no_more_than_the_policy_in_force_says() {
    let call = |id: u32, n: u32| json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{"name":"send","arguments":{"n":n}}});
    let mut desk = Desk::new(BOTH);
    desk.client(call(1, 1));
    desk.local(1, ApprovalAnswer::Session);
    assert_eq!(desk.client(call(2, 2)), [Done::PassedToServer]);
    let narrow = r#"{"version":"1","default":"deny","tools":{"send":{"action":"require_approval","approval_scope":"arguments"}}}"#;
    desk.engine.replace_policy(policy(narrow), &mut Vec::new());
    assert!(matches!(desk.client(call(3, 3))[0], Done::Asked { .. }), "other arguments");
    assert_eq!(desk.client(call(4, 1)), [Done::PassedToServer], "those that a person has seen");
}

#[test]
fn another_spelling_of_the_same_call_is_the_same_call() {
    let call = |id: u32, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"send","arguments":{arguments}}}}}"#
        )
    };
    let mut desk = Desk::new(BOTH);
    desk.client_text(&call(1, r#"{"a":1,"b":"x"}"#));
    desk.local(1, ApprovalAnswer::Refused { note: None });
    for (id, same) in (2..).zip([r#"{"b":"x","a":1}"#, r#"{ "a" : 1, "b" : "\u0078" }"#]) {
        assert!(refused_by(&desk.client_text(&call(id, same))).1.contains("A person refused"), "{same}");
    }
    for (id, other) in (4..).zip([r#"{"a":1.0,"b":"x"}"#, r#"{"a":1,"b":"X"}"#, r#"{"a":1,"b":"x","c":null}"#]) {
        assert!(matches!(desk.client_text(&call(id, other))[0], Done::Asked { .. }), "{other}");
    }
}

#[test]
fn arguments_decide_whether_a_person_is_asked() {
    let mut desk = Desk::new(BOTH);
    assert_eq!(desk.call(1, "some"), [Done::PassedToServer]);
    let many = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"some","arguments":{"n":11}}}"#;
    assert_eq!(desk.client_text(many), [Done::Asked { number: 1, local: Local::Asked, timeout: 600 }]);
    assert_eq!(desk.call(3, "slow"), [Done::Asked { number: 2, local: Local::Asked, timeout: 7200 }]);
}

#[test]
fn limits_are_taken_before_a_person_is_asked_and_given_back_when_they_refuse() {
    let mut desk = Desk::new(BOTH);
    assert!(matches!(desk.call(1, "few")[0], Done::Asked { .. }));
    let done = desk.call(2, "few");
    assert!(refused_by(&done).1.contains("limit"), "nobody is asked for a call that could not run: {done:?}");
    desk.local(1, ApprovalAnswer::Refused { note: None });
    assert!(refused_by(&desk.call(2, "few")).1.contains("A person refused"), "and that takes none");
    desk.seconds = 61.0;
    assert!(matches!(desk.call(3, "few")[0], Done::Asked { .. }), "it was given back");
    desk.at(116.0);
    assert!(matches!(desk.call(4, "few")[0], Done::Asked { number: 3, .. }), "given back when nobody answers");
    assert_eq!(released(&desk.local(3, ApprovalAnswer::Once)).len(), 1);
    assert!(refused_by(&desk.call(5, "few")).1.contains("limit"), "and taken by what runs");
}

#[test]
fn a_client_that_gives_up_by_itself_leaves_the_question_open() {
    for (reason, is_kept) in [
        // TypeScript, Rust; a person.
        (json!("McpError: MCP error -32001: Request timed out"), true),
        (json!("request timeout"), true),
        (json!("The user pressed Esc"), false),
        (json!(5), false),
    ] {
        let mut desk = Desk::new(BOTH);
        desk.call(1, "few");
        desk.seconds = 30.0;
        let done = desk.client(
            json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":reason}}),
        );
        let (settled, verdict) = if is_kept { (Settled::Late, "timed_out") } else { (Settled::Over, "cancelled") };
        assert!(done.contains(&Done::Settled(1, settled)), "{reason}: {done:?}");
        assert_eq!(recorded(&done)[0]["verdict"], verdict);
        assert_eq!(released(&done), Vec::<&str>::new());
        assert!(!done.iter().any(|done| matches!(done, Done::ToClient(_))), "it waits for no answer: {done:?}");
        desk.local(1, ApprovalAnswer::Once);
        // What it was counted with was given back, and one repetition passes.
        assert_eq!(desk.call(2, "few") == [Done::PassedToServer], is_kept, "{reason}");
    }
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
    assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)]);
    assert_eq!(desk.answer(&id, accept("approve_once")), []);
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
    desk.at(55.0);
    desk.call(2, "slow");
    let done = desk.end();
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
    assert_eq!(desk.local(2, ApprovalAnswer::Once), [Done::Settled(2, Settled::Over)]);
    assert_eq!(desk.answer(&id, accept("approve_once")), []);
    assert_eq!(desk.engine.poll_timeout(), None);
}

#[test]
fn what_ends_the_session_is_what_the_record_says() {
    let cancelled = ["send", "require_approval", "cancelled"];
    for (end, verdict) in [(SessionEnd::Client, "client_ended"), (SessionEnd::Signal, "session_ended")] {
        let mut desk = Desk::with_dialogues(BOTH);
        let id = dialogue(&desk.call(1, "send"));
        desk.call(2, "lasting");
        desk.opened(2, Opened::Asked);
        desk.seconds = 3.0;
        let done = desk.end_session(end);
        let said = recorded(&done);
        assert_eq!(said.len(), 2, "{done:?}");
        assert!(said.iter().all(|approval| approval["verdict"] == verdict), "{done:?}");
        assert_eq!(said[0]["waited_ms"], 3000.0);
        let first = done.iter().find_map(|done| if let Done::Recorded(record) = done { Some(record) } else { None });
        assert!(first.unwrap().as_array().unwrap().starts_with(&cancelled.map(Value::from)), "{done:?}");
        assert!(done.contains(&Done::Settled(1, Settled::Over)), "{done:?}");
        assert!(
            done.contains(&Done::Settled(2, Settled::Left)),
            "the next session of its client may have it: {done:?}"
        );
        // Nothing goes on from now on, and each call is still answered.
        assert_eq!(released(&desk.local(1, ApprovalAnswer::Once)), Vec::<&str>::new());
        assert_eq!(released(&desk.answer(&id, accept("approve_once"))), Vec::<&str>::new());
        let done = desk.end();
        assert_eq!(recorded(&done), Vec::<&Value>::new(), "once");
        let is_error = |done: &&Done| matches!(done, Done::ToClient(line) if !line["error"].is_null());
        assert_eq!(done.iter().filter(is_error).count(), 2, "{done:?}");
        assert_eq!(desk.end_session(end), []);
    }
}

#[test]
fn a_late_answer_is_in_the_log_whether_or_not_the_call_is_repeated() {
    let note = Some("Not today.".to_owned());
    for (answer, verdict) in [
        (ApprovalAnswer::Once, "approved_late"),
        (ApprovalAnswer::Session, "approved_late_for_session"),
        (ApprovalAnswer::Refused { note: note.clone() }, "refused_late"),
    ] {
        for tool in ["send", "lasting"] {
            let mut desk = Desk::new(BOTH);
            desk.hello("2025-06-18", json!({}));
            desk.call(1, tool);
            desk.opened(1, Opened::Asked);
            assert_eq!(recorded(&desk.at(55.0))[0]["verdict"], "timed_out");
            desk.seconds = 60.0;
            let done = desk.local(1, answer.clone());
            let note = if verdict == "refused_late" { json!("Not today.") } else { Value::Null };
            let approval = json!({"verdict": verdict, "channel": "local", "waited_ms": 60000.0, "note": note});
            let record = Done::Recorded(json!([tool, "require_approval", "refused", approval]));
            assert!(done.contains(&record), "{done:?}");
            assert_eq!(recorded(&done).len(), 1, "{done:?}");
        }
    }
}

#[test]
fn the_record_of_what_a_reload_refuses_names_its_rule() {
    let denies = r#"{"version":"1","default":"allow","tools":{"send":{"action":"deny","reason":"Not any more."}}}"#;
    let mut session = Recorded::new(POLICY);
    session.engine.name_policy(Digest::of_text(b"old"));
    session.client(&json!({"jsonrpc":"2.0","id":"list","method":"tools/list"}));
    session.server(&json!({"jsonrpc":"2.0","id":"list","result":list_of(&["send"])}));
    let done = session.client(&json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send"}}));
    let number = done.iter().find_map(|action| if let Action::Ask(asked) = action { Some(asked.number) } else { None });
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.replace_policy(policy(denies), &mut actions);
    session.engine.record_reload(Some(Digest::of_text(b"new")), None, now, &mut actions);
    session.engine.handle_local_answer(number.unwrap(), ApprovalAnswer::Once, now, &mut actions);
    session.carry(actions);
    let recorded = session.recorded(&["rule", "effect", "reason", "outcome", "policy", "tool"]);
    let new = Digest::of_text(b"new").to_string();
    assert_eq!(recorded[1], json!(["tools.send", "deny", "Not any more.", "refused", new, "send"]), "{recorded:?}");
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
        assert_eq!(commit.payload, Payload::Kept((line(1, "send") + "\n").into_bytes()));
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
            let message = line["params"]["message"].as_str().unwrap();
            assert!(message.ends_with(": `policylayer approvals`."), "{message}");
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

#[test]
fn an_answer_that_cannot_be_read_closes_the_client_s_channel_alone() {
    let mut desk = Desk::with_dialogues(BOTH);
    let id = dialogue(&desk.call(1, "send"));
    desk.seconds = 1.0;
    let done = desk
        .client_text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"decline","action":"accept"}}}}"#));
    assert!(!done.iter().any(|done| matches!(done, Done::Settled(..) | Done::ToServer(_))), "{done:?}");
    assert_eq!(desk.answer(&id, accept("approve_once")), [], "it was answered");
    assert_eq!(released(&desk.local(1, ApprovalAnswer::Once)).len(), 1);
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
