//! Calls in several rounds (2026-07-28): what one count and one approval cover, and for how long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use policylayer::engine::{Action, ApprovalAnswer, Settled};
use policylayer::limits::{MAX_OPEN_ROUNDS, MAX_ROUND_TIME, MAX_ROUNDS};
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_CLIENT, TO_SERVER, policy, told};

const POLICY: &str = r#"{"version":"1","default":"allow","tools":{
    "twice":{"rate_limit":{"max":2,"window":3600}},
    "send":{"action":"require_approval"}}}"#;

fn call(tool: &str, round: Option<(&str, &Value)>) -> Value {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let mut params = json!({"name": tool, "arguments": {"n": 1}, "_meta": meta});
    if let Some((state, input)) = round {
        params["requestState"] = json!(state);
        params["inputResponses"] = input.clone();
    }
    params
}

fn asks(state: &str) -> Value {
    json!({"resultType": "input_required", "requestState": state, "inputRequests": {"q": {}}})
}

fn refusal(actions: &[Action]) -> String {
    let line = told(actions);
    assert_eq!(line["result"]["isError"], true, "{line}");
    line["result"]["content"][0]["text"].as_str().unwrap().to_owned()
}

#[test]
fn all_rounds_of_a_call_count_once_and_each_is_recorded() {
    let mut session = Recorded::new(POLICY);
    let input = json!({"q": {"action": "accept"}});
    assert_eq!(session.request(1, "tools/call", call("twice", None)), [TO_SERVER]);
    for round in 1..MAX_ROUNDS {
        assert_eq!(session.answer(round, asks(&format!("s{round}"))), [TO_CLIENT]);
        let next = call("twice", Some((&format!("s{round}"), &input)));
        assert_eq!(session.request(round + 1, "tools/call", next), [TO_SERVER], "{round}");
    }
    assert_eq!(session.answer(MAX_ROUNDS, json!({"resultType": "complete", "content": []})), [TO_CLIENT]);
    let recorded = session.recorded(&["tool", "outcome", "inputs"]);
    // What the server asks for is recorded as well, without a tool.
    let recorded: Vec<_> = recorded.into_iter().filter(|record| !record[0].is_null()).collect();
    assert_eq!(recorded.len(), MAX_ROUNDS as usize);
    assert_eq!((&recorded[0][2], &recorded[1][2]["keys"]), (&Value::Null, &json!(["q"])));
    // One call was counted, so one more passes.
    assert_eq!(session.request(50, "tools/call", call("twice", None)), [TO_SERVER]);
    assert!(refusal(&session.request(51, "tools/call", call("twice", None))).contains("The limit of 2 per hour"));
}

#[test]
fn a_call_takes_eight_rounds_and_no_more() {
    for tool in ["twice", "free"] {
        let mut session = Recorded::new(POLICY);
        session.request(1, "tools/call", call(tool, None));
        for round in 1..MAX_ROUNDS {
            session.answer(round, asks("s"));
            assert_eq!(session.request(round + 1, "tools/call", call(tool, Some(("s", &json!({}))))), [TO_SERVER]);
        }
        session.answer(MAX_ROUNDS, asks("s"));
        for id in [100, 101] {
            let refused = refusal(&session.request(id, "tools/call", call(tool, Some(("s", &json!({}))))));
            assert!(refused.contains("8 rounds") && refused.contains("from the start"), "{refused}");
        }
        // From the start it is another call.
        assert_eq!(session.request(102, "tools/call", call(tool, None)), [TO_SERVER]);
    }
}

#[test]
fn a_call_goes_on_for_ten_minutes_and_no_longer() {
    for (wait, passes) in [(MAX_ROUND_TIME, true), (MAX_ROUND_TIME + Duration::from_millis(1), false)] {
        let mut session = Recorded::new(POLICY);
        session.request(1, "tools/call", call("free", None));
        session.answer(1, asks("s1"));
        session.now += wait / 2;
        session.request(2, "tools/call", call("free", Some(("s1", &json!({})))));
        session.answer(2, asks("s2"));
        session.now += wait - wait / 2;
        let last = session.request(3, "tools/call", call("free", Some(("s2", &json!({})))));
        if passes {
            assert_eq!(last, [TO_SERVER]);
        } else {
            assert!(refusal(&last).contains("more than 10 minutes ago"));
        }
    }
}

/// A session whose server has listed `send`: nobody is asked about a tool that there may not be.
fn listing(policy: &str) -> Recorded {
    let mut session = Recorded::new(policy);
    session.list_tools(&["send"]);
    session
}

#[test]
fn an_approval_is_for_one_call_with_one_set_of_inputs() {
    let mut session = listing(POLICY);
    let approve = |session: &mut Recorded, number: u64| {
        let (mut actions, now) = (Vec::new(), session.time());
        session.engine.handle_local_answer(number, ApprovalAnswer::Once, now, &mut actions);
        let actions = session.carry(actions);
        assert!(matches!(&actions[..], [Action::ToServer(_), Action::Settle(..)]), "{actions:?}");
    };
    let is_asked = |actions: &[Action]| matches!(actions, [Action::Ask(_)]);
    assert!(is_asked(&session.request(1, "tools/call", call("send", None))));
    approve(&mut session, 1);
    session.answer(1, asks("s"));
    // The round that the server has asked for is part of the call, with whatever input.
    assert_eq!(session.request(2, "tools/call", call("send", Some(("s", &json!({"to": 1}))))), [TO_SERVER]);
    // The same state again, with other input, is another call.
    assert!(is_asked(&session.request(3, "tools/call", call("send", Some(("s", &json!({"to": 2})))))));
    // A late approval of it covers a repetition with the same input only.
    session.now += Duration::from_secs(60);
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_timeout(now, &mut actions);
    session.engine.handle_local_answer(2, ApprovalAnswer::Once, now, &mut actions);
    session.carry(actions);
    assert!(is_asked(&session.request(4, "tools/call", call("send", Some(("s", &json!({"to": 3})))))));
    let used = Action::Settle(2, Settled::Used);
    assert_eq!(session.request(5, "tools/call", call("send", Some(("s", &json!({"to": 2}))))), [used, TO_SERVER]);
}

/// Answers a question on the local channel, and returns what comes of it but the note that it is settled.
fn approve(session: &mut Recorded, number: u64) -> Vec<Action> {
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_local_answer(number, ApprovalAnswer::Once, now, &mut actions);
    let mut actions = session.carry(actions);
    actions.retain(|action| !matches!(action, Action::Settle(..)));
    actions
}

const ASKS_ABOUT_INPUT: &str = r#"{"version":"1","default":"allow","tools":{"send":{"approve_if":[
    {"conditions":[{"path":"args.n","op":"eq","value":1}]},
    {"conditions":[{"path":"input.to","op":"eq","value":"all"}]}]}}}"#;

#[test]
fn an_approval_covers_no_input_that_a_rule_looks_at() {
    let mut session = listing(ASKS_ABOUT_INPUT);
    assert!(matches!(session.request(1, "tools/call", call("send", None))[..], [Action::Ask(_)]));
    assert!(matches!(approve(&mut session, 1)[..], [Action::ToServer(_)]));
    session.answer(1, asks("s"));
    let round = call("send", Some(("s", &json!({"to": "all"}))));
    assert!(matches!(session.request(2, "tools/call", round)[..], [Action::Ask(_)]));
    assert!(matches!(approve(&mut session, 2)[..], [Action::ToServer(_)]));
}

#[test]
fn an_approved_task_gets_no_input_that_a_rule_looks_at() {
    let mut session = listing(ASKS_ABOUT_INPUT);
    session.request(1, "tools/call", call("send", None));
    approve(&mut session, 1);
    session.answer(1, json!({"resultType": "task", "taskId": "t", "status": "input_required"}));
    let refused = told(&session.request(2, "tasks/update", json!({"taskId": "t", "inputResponses": {"to": "all"}})));
    assert_eq!(refused["error"]["data"]["policylayer/decision"]["effect"], "require_approval", "{refused}");
}

#[test]
fn the_input_of_a_held_call_is_judged_again_once_it_is_approved() {
    let denies = r#"{"version":"1","default":"allow","tools":{"send":{"deny_if":[{"path":"input.to","op":"eq","value":"all"}]}},
        "prompts":{"p":{"deny_if":[{"path":"input.to","op":"eq","value":"all"}]}}}"#;
    let asks_about_all = r#"{"version":"1","default":"allow","all_tools":{"approve_if":[{"conditions":[]}]},
        "prompts":{"p":{"action":"require_approval"}}}"#;
    for (method, name) in [("tools/call", "send"), ("prompts/get", "p")] {
        for (to, passes) in [("all", false), ("bob", true)] {
            let mut session = listing(asks_about_all);
            let params = json!({"name": name, "inputResponses": {"to": to}});
            assert!(matches!(session.request(1, method, params)[..], [Action::Ask(_)]));
            session.engine.replace_policy(policy(denies), &mut Vec::new());
            let settled = approve(&mut session, 1);
            assert_eq!(matches!(settled[..], [Action::ToServer(_)]), passes, "{method} {to}: {settled:?}");
        }
    }
}

#[test]
fn a_late_approval_of_a_prompt_is_for_the_same_input() {
    let mut session =
        Recorded::new(r#"{"version":"1","default":"allow","prompts":{"p":{"action":"require_approval"}}}"#);
    let get = |to: &str| json!({"name": "p", "inputResponses": {"to": to}});
    session.request(1, "prompts/get", get("bob"));
    session.now += Duration::from_secs(60);
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_timeout(now, &mut actions);
    session.carry(actions);
    approve(&mut session, 1);
    assert!(matches!(session.request(2, "prompts/get", get("all"))[..], [Action::Ask(_)]));
    assert_eq!(session.request(3, "prompts/get", get("bob")), [Action::Settle(1, Settled::Used), TO_SERVER]);
    let recorded = session.recorded(&["method", "inputs"]);
    assert_eq!((&recorded[0][0], &recorded[0][1]["keys"]), (&json!("prompts/get"), &json!(["to"])));
}

#[test]
fn a_held_prompt_of_a_tool_that_is_hidden_meanwhile_is_refused() {
    let mut session =
        Recorded::new(r#"{"version":"1","default":"allow","prompts":{"get-*":{"action":"require_approval"}}}"#);
    session.request(1, "prompts/get", json!({"name": "get-lists"}));
    session.engine.replace_policy(policy(r#"{"version":"1","default":"allow","hide":["get_lists"]}"#), &mut Vec::new());
    assert_eq!(told(&approve(&mut session, 1))["error"]["data"]["policylayer/decision"]["effect"], "hide");
}

#[test]
fn open_rounds_are_bounded() {
    let mut session =
        Recorded::new(r#"{"version":"1","default":"allow","all_tools":{"rate_limit":{"max":100,"window":3600}}}"#);
    let count = u32::try_from(MAX_OPEN_ROUNDS).unwrap();
    for id in 0..=count {
        session.request(id, "tools/call", call("a", None));
        session.answer(id, asks(&format!("s{id}")));
    }
    // 65 calls are counted. The oldest round is forgotten, so its next one counts as a call; any other does not.
    let mut next =
        |state: u32, id: u32| session.request(id, "tools/call", call("a", Some((&format!("s{state}"), &json!({})))));
    for id in 1..=count {
        assert_eq!(next(id, 1000 + id), [TO_SERVER]);
    }
    for id in 0..35 {
        assert_eq!(next(0, 2000 + id), [TO_SERVER]);
    }
    assert!(refusal(&next(0, 3000)).contains("The limit of 100"));
}
