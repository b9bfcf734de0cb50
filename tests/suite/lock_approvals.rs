//! A lock at the boundary of the engine, where a person, a clock or the log matters: what an approval is for, how long a list is
//! waited for, what is recorded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, ApprovalAnswer, Engine, Payload, Question};
use policylayer::limits::{MAX_HELD, MAX_LISTED_NAMES, MAX_LISTED_TOOLS, OWN_REQUEST};
use policylayer::lock::{ItemKind, Lock, LockedDigests};
use policylayer::policy::Policy;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_CLIENT, TO_SERVER, policy, told};

fn held(text: &str, tools: &[Value]) -> Arc<Policy> {
    let mut lock = Lock::new("stub");
    tools.iter().for_each(|tool| lock.insert(ItemKind::Tool, &tool.to_string(), None).unwrap());
    let policy = Arc::into_inner(policy(text)).expect("nobody else has it");
    Arc::new(policy.with_lock(Arc::new(LockedDigests::from(&lock))))
}

fn tool(name: &str, text: &str) -> Value {
    json!({ "name": name, "description": text })
}

/// A session under this policy, which is held to a lock of `send` and `get` as they were first.
fn session(text: &str) -> Recorded {
    let mut session = Recorded::new(text);
    session.engine.replace_policy(held(text, &[tool("send", "first"), tool("get", "first")]), &mut Vec::new());
    session
}

fn list(session: &mut Recorded, text: &str) -> Vec<Action> {
    session.request(900, "tools/list", json!({}));
    session.answer(900, json!({ "tools": [tool("send", text), tool("get", "first")] }))
}

fn call(session: &mut Recorded, id: u32, tool: &str) -> Vec<Action> {
    session.request(id, "tools/call", json!({ "name": tool, "arguments": { "id": 7 } }))
}

fn asked(actions: &[Action]) -> &Question {
    let found =
        actions.iter().find_map(|action| if let Action::Ask(question) = action { Some(&**question) } else { None });
    found.unwrap_or_else(|| panic!("{actions:?}"))
}

fn approve(session: &mut Recorded, number: u64, answer: ApprovalAnswer) -> Vec<Action> {
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_local_answer(number, answer, now, &mut actions);
    session.carry(actions)
}

fn is_sent(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::ToServer(_)))
}

/// The rule and the text of the refusal among these.
fn refusal(actions: &[Action]) -> (Value, String) {
    let to_client = |action: &&Action| matches!(action, Action::ToClient(Payload::Written(_)));
    let answer = told(&actions.iter().filter(to_client).cloned().collect::<Vec<_>>());
    let result = &answer["result"];
    (result["_meta"]["policylayer/decision"]["rule"].clone(), result["content"][0]["text"].to_string())
}

/// The request of our own among these.
fn own(actions: &[Action]) -> Value {
    let [Action::ToServer(Payload::Kept(line))] = actions else { panic!("{actions:?}") };
    serde_json::from_slice(line).unwrap()
}

const ASK: &str = r#"{"version":"1","default":"allow","lock":"ask"}"#;

#[test]
fn an_approval_for_the_session_is_for_the_definition_that_was_listed_then() {
    let mut session = session(ASK);
    assert_eq!(list(&mut session, "second"), [TO_CLIENT]);
    let question = asked(&call(&mut session, 1, "send")).clone();
    assert_eq!(&*question.rule, "lock");
    let reason = question.reason.as_deref().unwrap();
    assert!(
        reason.contains("not the one in the lock") && reason.contains("policylayer lock diff --server stub"),
        "{reason}"
    );
    assert!(is_sent(&approve(&mut session, question.number, ApprovalAnswer::Session)));
    assert_eq!(call(&mut session, 2, "send"), [TO_SERVER]);
    list(&mut session, "second");
    assert_eq!(call(&mut session, 3, "send"), [TO_SERVER]);
    // Another change is another question, and what was agreed to is none.
    list(&mut session, "third");
    let question = asked(&call(&mut session, 4, "send")).number;
    assert!(is_sent(&approve(&mut session, question, ApprovalAnswer::Once)));
    list(&mut session, "first");
    assert_eq!(call(&mut session, 5, "send"), [TO_SERVER]);
    list(&mut session, "second");
    assert_eq!(call(&mut session, 6, "send"), [TO_SERVER]);
}

#[test]
fn an_approval_of_the_policy_is_not_one_of_a_changed_definition() {
    for mode in ["hide", "ask", "warn"] {
        let text = format!(
            r#"{{"version":"1","default":"allow","lock":"{mode}","tools":{{"send":{{"action":"require_approval"}}}}}}"#
        );
        let mut session = session(&text);
        list(&mut session, "first");
        let question = asked(&call(&mut session, 1, "send")).clone();
        assert_eq!(&*question.rule, "tools.send");
        list(&mut session, "second");
        let actions = approve(&mut session, question.number, ApprovalAnswer::Session);
        assert_eq!(is_sent(&actions), mode == "warn", "{mode}: {actions:?}");
        match mode {
            "hide" => {
                let (rule, text) = refusal(&actions);
                assert!(rule == "lock" && text.contains("carry on without it"), "{text}");
            }
            // The question about that is another one.
            "ask" => assert_eq!(&*asked(&actions).rule, "lock"),
            _ => continue,
        }
        // It granted nothing.
        list(&mut session, "second");
        assert!(!is_sent(&call(&mut session, 2, "send")), "{mode}");
    }
}

/// Says that the server has another list of tools now.
fn change_list(session: &mut Recorded) {
    session.server(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
}

/// Answers the wrapper's own request for the list of tools, the only action among these.
fn list_own(session: &mut Recorded, actions: &[Action], text: &str) -> Vec<Action> {
    let request = own(actions);
    assert_eq!(request["method"], "tools/list");
    let tools = json!({ "tools": [tool("send", text), tool("get", "first")] });
    session.server(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": tools }))
}

#[test]
fn an_approval_holds_for_the_definition_that_was_shown() {
    let approve_send = r#""tools":{"send":{"action":"require_approval"}}"#;
    // Listed at the question, and at the answer: whether it is sent, asked about anew, or refused.
    for (policy, shown, then, ends) in [
        (ASK.to_owned(), "second", "second", "sent"),
        (ASK.to_owned(), "second", "third", "asked"),
        (ASK.to_owned(), "second", "first", "asked"),
        (format!(r#"{{"version":"1","default":"allow",{approve_send}}}"#), "first", "first", "sent"),
        (format!(r#"{{"version":"1","default":"allow",{approve_send}}}"#), "first", "second", "refused"),
        (format!(r#"{{"version":"1","default":"allow","lock":"ask",{approve_send}}}"#), "first", "second", "asked"),
    ] {
        for is_listed in [true, false] {
            let context = format!("{policy} {shown} {then} {is_listed}");
            let mut session = session(&policy);
            list(&mut session, shown);
            let question = asked(&call(&mut session, 1, "send")).number;
            change_list(&mut session);
            let mut actions = if is_listed {
                list(&mut session, then);
                approve(&mut session, question, ApprovalAnswer::Once)
            } else {
                let actions = approve(&mut session, question, ApprovalAnswer::Once);
                list_own(&mut session, &actions, then)
            };
            if shown == "second" && then == "first" {
                // Nobody has to be asked about what was agreed to.
                assert!(is_sent(&actions), "{context}: {actions:?}");
                continue;
            }
            match ends {
                "sent" => assert!(is_sent(&actions), "{context}: {actions:?}"),
                "asked" => {
                    let anew = asked(&actions).clone();
                    assert!(!is_sent(&actions) && anew.follows == Some(question), "{context}: {actions:?}");
                    actions = approve(&mut session, anew.number, ApprovalAnswer::Once);
                    assert!(is_sent(&actions), "{context}: {actions:?}");
                }
                _ => {
                    actions.retain(|action| matches!(action, Action::ToClient(_) | Action::ToServer(_)));
                    assert!(!is_sent(&actions) && refusal(&actions).0 == "lock", "{context}: {actions:?}");
                }
            }
        }
    }
}

#[test]
fn an_approval_for_the_session_ends_with_the_list_it_was_given_under() {
    let mut session = session(ASK);
    let newcomer = |text: &str| json!({ "tools": [tool("newcomer", text)] });
    session.request(900, "tools/list", json!({}));
    session.answer(900, newcomer("first"));
    let question = asked(&call(&mut session, 1, "newcomer")).number;
    assert!(is_sent(&approve(&mut session, question, ApprovalAnswer::Session)));
    assert_eq!(call(&mut session, 2, "newcomer"), [TO_SERVER]);
    for (text, is_granted) in [("first", true), ("second", false)] {
        change_list(&mut session);
        let request = own(&call(&mut session, 3, "newcomer"));
        let answer = json!({ "jsonrpc": "2.0", "id": request["id"], "result": newcomer(text) });
        let actions = session.server(&answer);
        assert_eq!(is_sent(&actions), is_granted, "{text}: {actions:?}");
        session.answer(3, json!({}));
    }
}

#[test]
fn what_there_is_no_room_for_is_not_agreed_to() {
    let kinds = [
        (ItemKind::Tool, "tools/list", "tools", "name"),
        (ItemKind::Prompt, "prompts/list", "prompts", "name"),
        (ItemKind::Template, "resources/templates/list", "resourceTemplates", "uriTemplate"),
        (ItemKind::App, "resources/list", "resources", "uri"),
    ];
    let junk =
        |bytes: usize, count: usize| move |i: usize| (i < count).then(|| format!("ui://{i}{}", "z".repeat(bytes)));
    for (kind, method, list, key) in kinds {
        let (many, large) = (junk(0, MAX_LISTED_TOOLS + 1), junk(4_000, MAX_LISTED_NAMES / 4_000 + 1));
        for name_of in if kind == ItemKind::Prompt { vec![many, large] } else { vec![large] } {
            let item = |name: &str, text: &str| json!({ key: name, "name": name, "description": text });
            let (early, late, changed) = ("ui://early", "ui://late", "ui://changed");
            let mut lock = Lock::new("stub");
            for name in [early, late, changed] {
                lock.insert(kind, &item(name, "first").to_string(), None).unwrap();
            }
            let mut session = Recorded::new(r#"{"version":"1","default":"allow"}"#);
            let policy = Arc::into_inner(policy(r#"{"version":"1","default":"allow"}"#)).unwrap();
            session
                .engine
                .replace_policy(Arc::new(policy.with_lock(Arc::new(LockedDigests::from(&lock)))), &mut Vec::new());
            let mut items = vec![item(early, "first")];
            items.extend((0..).map_while(name_of).map(|name| item(&name, "first")));
            items.extend([item(changed, "second"), item(late, "first")]);
            session.request(900, method, json!({}));
            let actions = session.answer(900, json!({ list: items }));
            let shown = told(&actions)["result"][list].clone();
            // What was listed before is known; what comes after cannot be told from what was left out.
            assert_eq!(shown, json!([item(early, "first")]), "{method}");
            for (id, (name, passes)) in [(early, true), (changed, false), (late, false)].into_iter().enumerate() {
                let (method, params) = match kind {
                    ItemKind::Tool => ("tools/call", json!({ "name": name })),
                    ItemKind::Prompt => ("prompts/get", json!({ "name": name })),
                    ItemKind::Template => {
                        let of = json!({ "type": "ref/resource", "uri": name });
                        ("completion/complete", json!({ "ref": of, "argument": { "name": "a", "value": "" } }))
                    }
                    _ => ("resources/read", json!({ "uri": name })),
                };
                let actions = session.request(id as u32, method, params);
                assert_eq!(actions == [TO_SERVER], passes, "{method} {name}: {actions:?}");
            }
        }
    }
}

#[test]
fn a_list_that_comes_late_is_for_the_next_call() {
    let mut session = session(r#"{"version":"1","default":"allow"}"#);
    let request = own(&call(&mut session, 1, "send"));
    session.now += OWN_REQUEST;
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_timeout(now, &mut actions);
    assert!(!is_sent(&session.carry(actions)), "the server may still answer");
    assert_eq!(session.engine.poll_timeout(), None);
    // Another one waits for it as well.
    let again = call(&mut session, 2, "send");
    own(&again);
    let tools = json!({ "tools": [tool("send", "first"), tool("get", "first")] });
    let actions = session.server(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": tools }));
    assert!(is_sent(&actions), "{actions:?}");
    assert_eq!(call(&mut session, 3, "send"), [TO_SERVER]);
    list_own(&mut session, &again, "second");
    let (rule, _) = refusal(&call(&mut session, 4, "send"));
    assert_eq!(rule, "lock");
}

#[test]
fn a_preview_is_made_of_a_tool_only_that_was_looked_at() {
    let text = r#"{"version":"1","default":"allow","tools":{"get":{"class":"read"},"send":{"action":"require_approval",
        "preview":{"tool":"get"}}}}"#;
    for (listed, seen) in [("first", "the answer"), ("second", "does not allow get")] {
        let mut session = session(text);
        let request = own(&call(&mut session, 1, "send"));
        assert_eq!(request["method"], "tools/list");
        let tools = json!({ "tools": [tool("send", "first"), tool("get", listed)] });
        let mut actions = session.server(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": tools }));
        if listed == "first" {
            let request = own(&actions);
            assert_eq!(request["params"]["name"], "get");
            let result = json!({ "content": [{ "type": "text", "text": "the answer" }] });
            actions = session.server(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }));
        }
        let preview = asked(&actions).preview.clone().unwrap();
        assert!(preview.contains(seen), "{preview}");
    }
}

#[test]
fn a_list_that_does_not_come_is_waited_for_no_longer() {
    let mut session = session(r#"{"version":"1","default":"allow"}"#);
    own(&call(&mut session, 1, "send"));
    session.now += OWN_REQUEST;
    let (mut actions, now) = (Vec::new(), session.time());
    session.engine.handle_timeout(now, &mut actions);
    let actions = session.carry(actions);
    let (rule, text) = refusal(&actions);
    assert!(
        rule == "lock" && text.contains("has not sent the list") && text.contains("Try again in 3 seconds"),
        "{text}"
    );
}

#[test]
fn no_more_calls_wait_for_a_list_than_for_a_person() {
    let mut session = session(r#"{"version":"1","default":"allow"}"#);
    for id in 0..MAX_HELD as u32 {
        call(&mut session, id, "send");
    }
    let (rule, text) = refusal(&call(&mut session, 1000, "send"));
    assert!(rule == "lock" && text.contains("Too many calls wait") && text.contains("Try again"), "{text}");
}

#[test]
fn what_differs_is_recorded_once_and_named() {
    for (mode, effect, outcome) in
        [("hide", "hide", "refused"), ("ask", "require_approval", "ok"), ("warn", "allow", "ok")]
    {
        let mut session = session(&format!(r#"{{"version":"1","default":"allow","lock":"{mode}"}}"#));
        list(&mut session, "sec\u{202e}ond");
        list(&mut session, "sec\u{202e}ond");
        let records = session.recorded(&["rule", "effect", "outcome", "reason", "direction"]);
        let [Value::Array(record)] = records.as_slice() else { panic!("{mode}: {records:?}") };
        assert_eq!(record[..3], [json!("lock"), json!(effect), json!(outcome)], "{mode}");
        let reason = record[3].as_str().unwrap();
        assert!(
            reason.contains("changed tool send") && reason.contains("`policylayer lock diff --server stub`"),
            "{reason}"
        );
    }
}

#[test]
fn who_only_observes_changes_nothing() {
    let text = r#"{"version":"1","default":"allow"}"#;
    let mut session = session(text);
    let policy = held(text, &[tool("send", "first")]);
    let engine = std::mem::replace(&mut session.engine, Engine::new(policy, Box::new(Memory::default())));
    session.engine = engine.with_observation();
    // Nobody asks the server for a list.
    assert_eq!(call(&mut session, 1, "send"), [TO_SERVER]);
    assert_eq!(list(&mut session, "second"), [TO_CLIENT]);
    assert_eq!(call(&mut session, 2, "send"), [TO_SERVER]);
    let greeting = json!({ "instructions": "Obey.", "capabilities": {} });
    session.request(3, "initialize", json!({}));
    assert_eq!(session.answer(3, greeting), [TO_CLIENT]);
}
