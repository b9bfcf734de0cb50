//! `approval_for = "client"` at the boundary of the engine: the local channel is heard before the client is asked, and
//! keeps what outlives the session.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use policylayer::engine::{ApprovalAnswer, Channel, Opened, Settled, Upshot};
use serde_json::{Value, json};

use crate::support::desk::{BOTH, Desk, Done, accept, dialogue, line, recorded, refused_by, typed};

const TOOL: &str = "lasting";

/// A call of a client that gives its name with each request (2026-07-28).
fn named(id: u32) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    });
    typed(id, json!({"n": 1}), json!({"name": TOOL, "_meta": meta}))
}

fn is_question(done: &[Done]) -> bool {
    matches!(done, [Done::Asked { number: 1, .. }])
}

#[test]
fn the_client_is_asked_once_the_local_channel_knows_of_no_approval() {
    let mut desk = Desk::with_dialogues(BOTH);
    assert!(is_question(&desk.call(1, TOOL)), "no dialogue yet");
    let opened = desk.opened(1, Opened::Asked);
    assert_eq!(opened.len(), 1);
    let id = dialogue(&opened);
    assert_eq!(desk.opened(1, Opened::Asked), [], "once");
    let done = desk.answer(&id, accept("approve_once"));
    assert!(done.contains(&Done::ToServer(line(1, TOOL) + "\n")), "{done:?}");
    assert!(done.contains(&Done::Settled(1, Settled::Answered(Channel::Client, Upshot::Sent))), "{done:?}");
}

#[test]
fn the_client_is_asked_if_the_local_channel_cannot_ask() {
    let mut desk = Desk::with_dialogues(BOTH);
    desk.call(1, TOOL);
    let id = dialogue(&desk.fail_locally(1, "The disk is full."));
    let done = desk.answer(&id, accept("approve_once"));
    assert!(done.contains(&Done::ToServer(line(1, TOOL) + "\n")), "{done:?}");
    let mut desk = Desk::new(BOTH);
    desk.hello("2025-06-18", json!({}));
    desk.call(1, TOOL);
    let done = desk.fail_locally(1, "The disk is full.");
    assert!(refused_by(&done).1.contains("The disk is full."), "{done:?}");
}

#[test]
fn a_dialogue_is_read_from_when_it_is_open() {
    let mut desk = Desk::with_dialogues(BOTH);
    desk.call(1, TOOL);
    // The store was busy for two seconds.
    desk.seconds = 2.0;
    let id = dialogue(&desk.opened(1, Opened::Asked));
    let done = desk.client(json!({"jsonrpc":"2.0","id":id,"result":accept("approve_once")}));
    assert_eq!(done, [], "no person answers so soon");
}

#[test]
fn a_call_that_was_approved_before_is_sent_without_a_question() {
    let mut desk = Desk::with_dialogues(BOTH);
    assert!(is_question(&desk.call(1, TOOL)));
    assert_eq!(desk.opened(1, Opened::Granted), [Done::ToServer(line(1, TOOL) + "\n")]);
    let done = desk.server(json!({"jsonrpc":"2.0","id":1,"result":{"content":[]}}));
    let approval = recorded(&done)[0];
    assert_eq!((&approval["verdict"], &approval["channel"]), (&json!("granted"), &json!("local")));
    // It was for one call.
    assert!(matches!(desk.call(2, TOOL)[..], [Done::Asked { .. }]));

    let mut desk = Desk::new(BOTH);
    assert!(is_question(&desk.client(named(1))), "it is not answered with a question");
    assert_eq!(desk.opened(1, Opened::Granted), [Done::ToServer(named(1).to_string() + "\n")]);
}

#[test]
fn an_approval_for_a_call_that_is_over_sends_nothing() {
    let mut desk = Desk::with_dialogues(BOTH);
    desk.call(1, TOOL);
    desk.client(json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}));
    assert_eq!(desk.opened(1, Opened::Granted), []);
    // If only its client has given up, its repetition passes.
    let mut desk = Desk::with_dialogues(BOTH);
    desk.call(1, TOOL);
    desk.at(55.0);
    assert_eq!(desk.opened(1, Opened::Granted), []);
    assert_eq!(desk.call(2, TOOL), [Done::PassedToServer]);
    assert!(matches!(desk.call(3, TOOL)[..], [Done::Asked { .. }]));
}

#[test]
fn a_round_begins_once_the_local_channel_knows_of_no_approval() {
    let mut desk = Desk::new(BOTH);
    assert!(is_question(&desk.client(named(1))));
    let done = desk.opened(1, Opened::Asked);
    let Done::ToClient(asked) = &done[0] else { panic!("{done:?}") };
    assert_eq!((&asked["id"], &asked["result"]["resultType"]), (&json!(1), &json!("input_required")));
    // The call is answered: its id is free, and nobody answers it again.
    assert_eq!(desk.at(60.0), []);
    let mut again = named(1);
    again["params"]["requestState"] = asked["result"]["requestState"].clone();
    again["params"]["inputResponses"] = json!({"policylayer": accept("approve_once")});
    let done = desk.client(again);
    assert!(matches!(&done[0], Done::ToServer(line) if line.contains(TOOL)), "{done:?}");
}

#[test]
fn a_late_approval_is_kept_by_the_local_channel_alone() {
    let mut desk = Desk::new(BOTH);
    desk.hello("2025-06-18", json!({}));
    desk.call(1, TOOL);
    desk.opened(1, Opened::Asked);
    let late = desk.at(55.0);
    assert!(late.contains(&Done::Settled(1, Settled::Late)), "{late:?}");
    let granted = Done::Settled(1, Settled::Answered(Channel::Local, Upshot::Granted));
    assert_eq!(desk.local(1, ApprovalAnswer::Once)[1..], [granted]);
    // So this session, too, gets it from there.
    assert!(matches!(desk.call(2, TOOL)[..], [Done::Asked { number: 2, .. }]));
    assert_eq!(desk.opened(2, Opened::Granted), [Done::ToServer(line(2, TOOL) + "\n")]);
}

#[test]
fn an_approval_for_the_session_stays_in_it() {
    let mut desk = Desk::new(BOTH);
    desk.hello("2025-06-18", json!({}));
    desk.call(1, TOOL);
    desk.opened(1, Opened::Asked);
    desk.at(55.0);
    desk.local(1, ApprovalAnswer::Session);
    for id in 2..5 {
        assert_eq!(desk.call(id, TOOL), [Done::PassedToServer]);
    }
}

#[test]
fn the_end_of_the_session_leaves_the_question() {
    for is_late in [false, true] {
        let mut desk = Desk::new(BOTH);
        desk.hello("2025-06-18", json!({}));
        desk.call(1, TOOL);
        desk.call(2, "send");
        if is_late {
            desk.at(55.0);
        }
        let done = desk.end();
        assert!(done.contains(&Done::Settled(1, Settled::Left)), "{done:?}");
        assert!(done.contains(&Done::Settled(2, Settled::Over)), "that of another policy is over: {done:?}");
        // Nothing that comes later is taken for an answer.
        assert_eq!(desk.local(1, ApprovalAnswer::Once), [Done::Settled(1, Settled::Over)]);
    }
    // A call that its client takes back is wanted by nobody.
    let mut desk = Desk::with_dialogues(BOTH);
    desk.call(1, TOOL);
    let done = desk.client(json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}));
    assert_eq!(done[0], Done::Settled(1, Settled::Over));
}

#[test]
fn an_approval_that_no_client_came_for_is_for_the_next_session() {
    let refusal = || ApprovalAnswer::Refused { note: None };
    let granted = Settled::Answered(Channel::Local, Upshot::Granted);
    for (answer, settled) in
        [(ApprovalAnswer::Once, granted), (ApprovalAnswer::Session, Settled::Over), (refusal(), Settled::Over)]
    {
        let mut desk = Desk::new(BOTH);
        desk.client(named(1));
        desk.opened(1, Opened::Asked);
        desk.seconds = 1.0;
        let kept = Done::Settled(1, Settled::Answered(Channel::Local, Upshot::Kept));
        assert_eq!(desk.local(1, answer), [kept]);
        let done = desk.end();
        assert!(done.contains(&Done::Settled(1, settled)), "{done:?}");
    }
}

#[test]
fn a_client_without_a_name_has_no_next_session() {
    for name in [Value::Null, json!("")] {
        let mut desk = Desk::new(BOTH);
        let mut call = named(1);
        let meta = &mut call["params"]["_meta"];
        if name.is_null() {
            meta.as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
        } else {
            meta["io.modelcontextprotocol/clientInfo"]["name"] = name;
        }
        let done = desk.client(call);
        assert!(matches!(done[..], [Done::Asked { .. }, Done::ToClient(_)]), "it is asked at once: {done:?}");
        let done = desk.end();
        assert!(done.contains(&Done::Settled(1, Settled::Over)), "{done:?}");
    }
}
