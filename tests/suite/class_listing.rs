//! Tools that are called before the server has listed them: where rules go by class, the list is asked for first, and what is not on
//! it counts as the strictest class.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use policylayer::engine::{Action, Payload, SessionEnd};
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_SERVER, told};
use crate::support::wrapped::{Wrapped, command, home, stub};

/// The id of the list that the wrapper asks for itself, and its parameters.
fn own_list(actions: &[Action]) -> Option<(String, Value)> {
    let read = |line: &Vec<u8>| serde_json::from_slice::<Value>(line).unwrap();
    let lines = actions.iter().filter_map(|action| match action {
        Action::ToServer(Payload::Kept(line)) => Some(read(line)),
        _ => None,
    });
    let list = lines.into_iter().find(|line| line["method"] == "tools/list")?;
    Some((list["id"].as_str().unwrap().to_owned(), list["params"].clone()))
}

fn answer_own(session: &mut Recorded, id: &str, result: &Value) -> Vec<Action> {
    session.server(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// What becomes of a request: `sent`, `asked`, or the rule that refuses it.
fn fate(session: &mut Recorded, actions: &[Action]) -> String {
    let is_sent = |action: &Action| match action {
        Action::ToServer(Payload::Kept(line)) => !String::from_utf8_lossy(line).contains("tools/list"),
        action => *action == TO_SERVER,
    };
    if actions.iter().any(is_sent) {
        return "sent".to_owned();
    }
    if actions.iter().any(|action| matches!(action, Action::Ask(_))) {
        return "asked".to_owned();
    }
    assert!(matches!(actions, [Action::ToClient(Payload::Written(_))]), "{actions:?}");
    let last = session.recorded(&["rule"]).pop().unwrap();
    last[0].as_str().unwrap().to_owned()
}

fn fail_own(session: &mut Recorded, id: &str) -> Vec<Action> {
    session.server(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "no"}}))
}

fn destructive(name: &str) -> Value {
    json!({"name": name, "description": "Deletes all data of the account permanently.",
        "annotations": {"destructiveHint": true}, "inputSchema": {"type": "object"}})
}

fn read(name: &str) -> Value {
    json!({"name": name, "description": "Returns the thing.", "inputSchema": {"type": "object"}})
}

fn call(session: &mut Recorded, id: u32, name: &str) -> Vec<Action> {
    session.request(id, "tools/call", json!({"name": name, "arguments": {"x": 1}}))
}

#[test]
fn a_rule_for_a_class_holds_from_the_first_call_on() {
    let nothing = json!({ "tools": [] });
    let (worst, harmless) = (json!({"tools": [destructive("read_thing")]}), json!({"tools": [read("read_thing")]}));
    let of = |rest: &str| format!(r#"{{"version":"1",{rest}}}"#);
    let destructive_has = |rule: &str| format!(r#""default":"allow","classes":{{"destructive":{{{rule}}}}}"#);
    let by = "classes.destructive";
    let of_all = |action: &str| {
        format!(r#""default":"deny","classes":{{"read":{{}},"write":{{}},"execute":{{}},"financial":{{}}{action}}}"#)
    };
    let general = r#""results":{"max_text":100},"#;
    // What becomes of a call where the list has it as destructive, as a read, and not at all, and where the list fails.
    for (rules, fates) in [
        (destructive_has(r#""action":"hide""#), [by, "sent", by, by]),
        (
            r#""default":"allow","classes":{"financial":{"action":"deny"}}"#.to_owned(),
            ["sent", "sent", "classes.financial", "classes.financial"],
        ),
        (destructive_has(r#""action":"require_approval""#), ["asked", "sent", by, "asked"]),
        (
            destructive_has(r#""rate_limit":"0/hour""#),
            [&*format!("{by}.rate_limit"), "sent", &*format!("{by}.rate_limit"), &*format!("{by}.rate_limit")],
        ),
        (
            general.to_owned() + &destructive_has(r#""rate_limit":"0/hour""#),
            [&*format!("{by}.rate_limit"), "sent", &*format!("{by}.rate_limit"), &*format!("{by}.rate_limit")],
        ),
        (
            destructive_has(r#""deny_if":[{"path":"args.x","op":"eq","value":1}]"#),
            [&*format!("{by}.deny_if[0]"), "sent", &*format!("{by}.deny_if[0]"), &*format!("{by}.deny_if[0]")],
        ),
        // Nothing refuses it, but the server does not have it.
        (destructive_has(r#""deny_if":[{"path":"args.x","op":"eq","value":2}]"#), ["sent", "sent", "default", "sent"]),
        (r#""default":"deny","classes":{"read":{}}"#.to_owned(), ["default", "sent", "default", "default"]),
        (of_all(""), ["default", "sent", "default", "default"]),
        (of_all(r#","destructive":{"action":"deny"}"#), [by, "sent", by, by]),
    ] {
        let asked = || {
            let mut session = Recorded::new(&of(&rules));
            let got = call(&mut session, 1, "read_thing");
            let (id, _) = own_list(&got).unwrap_or_else(|| panic!("{rules}: {got:?}"));
            assert_eq!(got.len(), 1, "nothing else goes on: {got:?}");
            (session, id)
        };
        for (list, expected) in [&worst, &harmless, &nothing].into_iter().zip(fates) {
            let (mut session, id) = asked();
            let got = answer_own(&mut session, &id, list);
            assert_eq!(fate(&mut session, &got), expected, "{rules}, {list}");
        }
        let (mut session, id) = asked();
        let got = fail_own(&mut session, &id);
        assert_eq!(fate(&mut session, &got), fates[3], "{rules}");
        // It is not asked for again at each call, save before a person is asked.
        if fates[3] != "asked" {
            assert_eq!(own_list(&call(&mut session, 2, "read_other")), None, "{rules}");
        }
    }
}

/// A call that passes tells nothing of the next one, whose arguments another class may refuse.
#[test]
fn what_is_not_listed_is_judged_at_each_call() {
    let policy = r#"{"version":"1","default":"allow","classes":{"destructive":{"deny_if":[{"path":"args.x","op":"eq","value":2}]}}}"#;
    let mut session = Recorded::new(policy);
    let (id, _) = own_list(&call(&mut session, 1, "read_thing")).unwrap();
    let got = fail_own(&mut session, &id);
    assert_eq!(fate(&mut session, &got), "sent");
    let got = session.request(2, "tools/call", json!({"name": "read_thing", "arguments": {"x": 2}}));
    assert_eq!(told(&got)["result"]["isError"], true);
    let text = told(&got)["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("has not answered with its list of tools") && text.contains("Try again"), "{text}");
}

#[test]
fn no_list_is_asked_for_that_changes_nothing() {
    for policy in [
        r#"{"version":"1","default":"allow"}"#,
        r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}},"tools":{"do_thing":{}}}"#,
        r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}},"tools":{"do_thing":{"class":"read"}}}"#,
        r#"{"version":"1","default":"deny","tools":{"do_*":{}},"classes":{"destructive":{"action":"hide"}}}"#,
    ] {
        let mut session = Recorded::new(policy);
        assert_eq!(call(&mut session, 1, "do_thing"), [TO_SERVER], "{policy}");
    }
    for policy in [
        r#"{"version":"1","default":"deny","classes":{"destructive":{"action":"deny"}}}"#,
        r#"{"version":"1","default":"allow","hide":["do_thing"],"classes":{"destructive":{"action":"deny"}}}"#,
    ] {
        let mut session = Recorded::new(policy);
        let got = call(&mut session, 1, "do_thing");
        assert_eq!(own_list(&got), None, "{policy}");
        assert_eq!(told(&got)["result"]["isError"], true, "{policy}");
    }
    // What was listed is not asked for again.
    let mut session = Recorded::new(r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}}}"#);
    session.request(9, "tools/list", json!({}));
    session.answer(9, json!({"tools": [read("read_thing")]}));
    assert_eq!(call(&mut session, 1, "read_thing"), [TO_SERVER]);
}

#[test]
fn all_pages_count_and_the_clients_own_list_does_not_come_too_late() {
    let mut session = Recorded::new(r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}}}"#);
    session.request(9, "tools/list", json!({}));
    let (id, _) = own_list(&call(&mut session, 1, "do_thing")).unwrap();
    let next = answer_own(&mut session, &id, &json!({"tools": [read("read_thing")], "nextCursor": "two"}));
    let (id, params) = own_list(&next).unwrap();
    assert_eq!(params["cursor"], "two");
    // What the first page has is known by now.
    assert_eq!(call(&mut session, 2, "read_thing"), [TO_SERVER]);
    let got = answer_own(&mut session, &id, &json!({"tools": [destructive("do_thing")]}));
    assert_eq!(fate(&mut session, &got), "classes.destructive");
    // A new tool of a list that has changed.
    session.server(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    let (id, _) = own_list(&call(&mut session, 3, "do_other")).unwrap();
    let got = answer_own(&mut session, &id, &json!({"tools": [read("read_thing"), destructive("do_other")]}));
    assert_eq!(fate(&mut session, &got), "classes.destructive");
    // And one that was listed otherwise before, and has passed.
    assert_eq!(call(&mut session, 4, "read_thing"), [TO_SERVER]);
    assert_eq!(call(&mut session, 5, "read_thing"), [TO_SERVER]);
    session.server(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    let (id, _) = own_list(&call(&mut session, 6, "read_thing")).unwrap();
    let got = answer_own(&mut session, &id, &json!({"tools": [destructive("read_thing")]}));
    assert_eq!(fate(&mut session, &got), "classes.destructive");
}

#[test]
fn results_have_the_rules_of_the_class() {
    let policy = r#"{"version":"1","default":"allow","tools":{"do_thing":{}},
        "classes":{"destructive":{"results":{"deny_if":[{"path":"result.**","op":"contains","value":"key"}]}}}}"#;
    for (listed, is_withheld) in [(destructive("do_thing"), true), (read("do_thing"), false)] {
        let mut session = Recorded::new(policy);
        let (id, _) = own_list(&call(&mut session, 1, "do_thing")).unwrap();
        let got = answer_own(&mut session, &id, &json!({ "tools": [listed] }));
        assert_eq!(fate(&mut session, &got), "sent");
        let got = session.answer(1, json!({"content": [{"type": "text", "text": "the key"}]}));
        assert_eq!(got != [Action::ToClient(Payload::Received)], is_withheld, "{got:?}");
    }
}

#[test]
fn prompts_and_apps_of_a_tool_wait_for_its_class() {
    let policy = r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}}}"#;
    let with_app = |mut tool: Value| {
        tool["_meta"] = json!({"ui": {"resourceUri": "ui://shop/do"}});
        tool
    };
    for (method, params) in
        [("prompts/get", json!({"name": "do-thing"})), ("resources/read", json!({"uri": "ui://shop/do"}))]
    {
        for (tool, expected) in [(destructive("do_thing"), "classes.destructive"), (read("do_thing"), "sent")] {
            let mut session = Recorded::new(policy);
            let got = session.request(1, method, params.clone());
            let (id, _) = own_list(&got).unwrap_or_else(|| panic!("{method}: {got:?}"));
            let got = answer_own(&mut session, &id, &json!({"tools": [with_app(tool)]}));
            assert_eq!(fate(&mut session, &got), expected, "{method}");
            // All is known by now.
            let again = session.request(2, method, params.clone());
            assert_eq!(own_list(&again), None);
        }
    }
    let mut session = Recorded::new(policy);
    assert_eq!(session.request(1, "resources/read", json!({"uri": "file:///a"})), [TO_SERVER], "no app");
    // Whether a prompt is that of a tool, and whose an app is, only the list tells, whatever the class.
    let hides = r#"{"version":"1","default":"allow","hide":["wipe"],"classes":{"read":{}}}"#;
    let prompt = json!({"ref": {"type": "ref/prompt", "name": "delete_all"}, "argument": {"name": "a", "value": ""}});
    for (policy, method, params, tool) in [
        (policy, "prompts/get", json!({"name": "delete_all"}), "delete_all"),
        (policy, "completion/complete", prompt, "delete_all"),
        (hides, "resources/read", json!({"uri": "ui://shop/do"}), "wipe"),
    ] {
        let mut session = Recorded::new(policy);
        let got = session.request(1, method, params.clone());
        let (id, _) = own_list(&got).unwrap_or_else(|| panic!("{method}: {got:?}"));
        let got = answer_own(&mut session, &id, &json!({"tools": [with_app(destructive(tool))]}));
        assert_ne!(fate(&mut session, &got), "sent", "{method}");
        // A server that lists none is asked once.
        let mut session = Recorded::new(policy);
        let (id, _) = own_list(&session.request(1, method, params.clone())).unwrap();
        let got = fail_own(&mut session, &id);
        assert_eq!(fate(&mut session, &got), "sent", "{method}");
        assert_eq!(session.request(2, method, params), [TO_SERVER]);
    }
}

/// The last page of a list that has changed since its first one is no list.
#[test]
fn a_list_is_whole_from_its_first_page_on() {
    let mut session = Recorded::new(r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}}}"#);
    session.request(9, "tools/list", json!({}));
    session.answer(9, json!({"tools": [read("read_thing")], "nextCursor": "two"}));
    session.server(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    session.request(10, "tools/list", json!({"cursor": "two"}));
    session.answer(10, json!({"tools": [read("read_other")]}));
    assert!(own_list(&call(&mut session, 1, "read_thing")).is_some());
}

#[test]
fn many_calls_wait_for_one_list() {
    let mut session = Recorded::new(r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"hide"}}}"#);
    let (id, _) = own_list(&call(&mut session, 1, "read_thing")).unwrap();
    for number in 2..=100 {
        assert_eq!(call(&mut session, number, "read_thing"), [], "{number}");
    }
    let got = answer_own(&mut session, &id, &json!({"tools": [read("read_thing")]}));
    assert_eq!(got.len(), 100, "{got:?}");
}

/// What waits for the list goes on after the client has closed its end; what would be asked about is refused: nobody is there.
#[test]
fn a_client_that_sends_nothing_more_gets_its_answers() {
    let policy = r#"{"version":"1","default":"allow","classes":{"destructive":{"action":"require_approval"}}}"#;
    for (tool, expected) in [(read("do_thing"), "sent"), (destructive("do_thing"), "classes.destructive")] {
        let mut session = Recorded::new(policy);
        let (id, _) = own_list(&call(&mut session, 1, "do_thing")).unwrap();
        let (mut actions, now) = (Vec::new(), session.time());
        session.engine.handle_session_end(SessionEnd::Client, now, &mut actions);
        assert_eq!(session.carry(actions), []);
        assert!(session.engine.waits_for_lists());
        let got = answer_own(&mut session, &id, &json!({ "tools": [tool] }));
        assert!(!session.engine.waits_for_lists());
        assert_eq!(fate(&mut session, &got), expected);
    }
    for end in [SessionEnd::ClientGone, SessionEnd::Signal] {
        let mut session = Recorded::new(policy);
        let _ = call(&mut session, 1, "do_thing");
        let (mut actions, now) = (Vec::new(), session.time());
        session.engine.handle_session_end(end, now, &mut actions);
        assert!(!session.engine.waits_for_lists());
    }
}

/// As scripts do: all lines at once, and then the end.
#[test]
fn lines_that_are_piped_get_their_answers() {
    let home = home();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"deny","classes":{"read":{},"write":{}}}"#).unwrap();
    let offer = home.path().join("offer.json");
    let offered = json!({
        "initialize": {"protocolVersion": "2025-06-18", "serverInfo": {"name": "stub", "version": "1"}, "capabilities": {"tools": {}}},
        "tools/list": {"tools": [read("read_thing"), destructive("do_thing")]},
    });
    fs::write(&offer, offered.to_string()).unwrap();
    let stub = stub();
    let server = [stub.to_str().unwrap(), "--offer", offer.to_str().unwrap()];
    let command = command(home.path(), &[], &server);
    let mut session = Wrapped::start(home, command);
    let call =
        |id: u32, name: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}});
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "script", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        call(2, "read_thing"),
        call(3, "do_thing"),
    ];
    session.send(lines.map(|line| format!("{line}\n")).concat().as_bytes());
    session.close();
    let rest = String::from_utf8(session.rest()).unwrap();
    let answer = |id: u32| {
        let answers = rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        answers.into_iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("{id}: {rest}"))
    };
    // The stub has no tools to call, and says so: the call has reached it.
    assert_eq!(answer(2)["error"]["message"], "Method not found", "{rest}");
    assert!(answer(3).to_string().contains("[POLICY DENIED]"), "{rest}");
    assert_eq!(session.code(), 0);
}
