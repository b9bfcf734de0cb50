//! Stand-ins at the boundary of the engine: what the client gets instead of personal values, and what reaches the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;

use policylayer::content::{ContentKind, ContentKinds, StandInCounts, StandInRules, StandIns, find_content};
use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, ApprovalAnswer, Engine, Now, Payload};
use policylayer::limits::MAX_STAND_INS;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::recorded::{Recorded, TO_CLIENT, TO_SERVER, policy, told};

const POLICY: &str = r#"{"version":"1","default":"allow",
    "results":{"stand_ins":["email","phone","card","iban"],"fields":["firstName","dataFields.*.address"]},
    "tools":{
        "pay":{"deny_if":[{"path":"args.**","op":"contains","value":"@blocked.example"}]},
        "ask":{"action":"require_approval"}},
    "resources":{"users://**":{"action":"deny"},"file:///**":{"action":"allow"}}}"#;

const EMAIL: &str = "anna@example.com";
const ALL: [ContentKind; 4] = [ContentKind::Email, ContentKind::Phone, ContentKind::Card, ContentKind::Iban];

/// What the client gets of a result.
fn hidden(session: &mut Recorded, id: u32, result: &Value) -> Value {
    session.request(id, "tools/call", json!({"name": "get_user", "arguments": {}}));
    let got = session.answer(id, result.clone());
    if got == [TO_CLIENT] { result.clone() } else { told(&got)["result"].clone() }
}

fn hidden_text(session: &mut Recorded, id: u32, text: &str) -> String {
    hidden(session, id, &json!({ "t": text }))["t"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// The line that the server gets.
fn sent(actions: &[Action]) -> Value {
    match actions {
        [Action::ToServer(Payload::Kept(line))] => serde_json::from_slice(line).unwrap(),
        actions => panic!("nothing is put back: {actions:?}"),
    }
}

/// What reaches the server of these arguments.
fn received(session: &mut Recorded, id: u32, arguments: &Value) -> Value {
    let got = session.request(id, "tools/call", json!({"name": "update_user", "arguments": arguments}));
    if got == [TO_SERVER] { arguments.clone() } else { sent(&got)["params"]["arguments"].clone() }
}

#[test]
fn a_value_is_hidden_and_comes_back() {
    let mut session = Recorded::new(POLICY);
    let result = json!({"content": [{"type": "text", "text": format!("Write to {EMAIL}, or call +49 30 901820.")}],
        "structuredContent": {"email": EMAIL, "firstName": "Anna", "age": 41, "dataFields": {"home": {"address": "Hauptstr. 1\n10115 Berlin"}},
            "iban": "DE89 3704 0044 0532 0130 00", "card": "4242-4242-4242-4242"}});
    let got = hidden(&mut session, 1, &result);
    let fields = &got["structuredContent"];
    let email = fields["email"].as_str().unwrap();
    assert!(email.starts_with("person-") && email.ends_with("@stand-in.invalid"), "{email}");
    let text = got["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(&format!("Write to {email}, or call +99 9")), "the same in a text: {text}");
    assert!(fields["firstName"].as_str().unwrap().starts_with("stand-in-"), "{fields}");
    assert!(fields["card"].as_str().unwrap().starts_with("9999-"), "{fields}");
    assert!(fields["iban"].as_str().unwrap().starts_with("DE00 "), "{fields}");
    assert_eq!(fields["age"], 41);
    let none: Vec<_> =
        ["card", "iban"].iter().flat_map(|key| find_content(fields[*key].as_str().unwrap(), kinds())).collect();
    assert_eq!(none, [], "they fail their checksums");
    let counted = json!({"email": 2, "phone": 1, "card": 1, "iban": 1, "field": 2});
    assert_eq!(session.recorded(&["result"])[0][0]["stand_ins"], counted);
    // Whole, within a text, in JSON in a text, in a URL, in another case, as a key, and regrouped.
    let card = fields["card"].as_str().unwrap();
    let arguments = json!({"all": got, "text": format!("x{email}y"), "json": fields.to_string(),
        "url": format!("https://api.example/?email={}&n=1", email.replace('@', "%40")), "upper": email.to_uppercase(),
        email: 1, "card": card.replace('-', ""), "spaced": card.replace('-', " ")});
    let put_back = received(&mut session, 2, &arguments);
    assert_eq!(put_back["all"], result);
    assert_eq!(put_back["text"], format!("x{EMAIL}y"));
    assert_eq!(serde_json::from_str::<Value>(put_back["json"].as_str().unwrap()).unwrap(), result["structuredContent"]);
    assert_eq!(put_back["url"], "https://api.example/?email=anna%40example.com&n=1");
    assert_eq!((&put_back["upper"], &put_back[EMAIL]), (&json!(EMAIL), &json!(1)));
    assert_eq!((&put_back["card"], &put_back["spaced"]), (&json!("4242424242424242"), &json!("4242 4242 4242 4242")));
    assert_eq!(hidden(&mut session, 3, &put_back)["all"], got, "what is echoed has the same stand-ins");
    session.answer(2, json!({}));
    let records = session.recorded(&["result"]);
    assert!(records.iter().any(|record| record[0]["put_back"].as_u64() > Some(7)), "{records:?}");
}

fn kinds() -> ContentKinds {
    ALL.into_iter().collect()
}

#[test]
fn all_but_the_stand_ins_stays_byte_for_byte() {
    let mut session = Recorded::new(POLICY);
    session.request(1, "tools/call", json!({"name": "get_user", "arguments": {}}));
    let line = r#"{"jsonrpc": "2.0","id" :1, "result":{ "c" :[{"t":"a\u0040 \/ anna\u0040example.com\u00bb"}, 1.50e2 ],"requestState":"anna@example.com" }}"#;
    let mut actions = Vec::new();
    session.engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    let got = actions.iter().find_map(|action| match action {
        Action::ToClient(payload) => Some(String::from_utf8(payload.bytes(b"").to_vec()).unwrap()),
        _ => None,
    });
    let got = got.unwrap();
    let (before, rest) = got.split_once("person-").unwrap();
    assert_eq!(before, r#"{"jsonrpc": "2.0","id" :1, "result":{ "c" :[{"t":"a\u0040 \/ "#);
    assert_eq!(&rest[8..], "@stand-in.invalid\\u00bb\"}, 1.50e2 ],\"requestState\":\"anna@example.com\" }}\n");
    let call = format!(
        r#"{{"jsonrpc":"2.0", "id":2,"method":"tools/call","params":{{"arguments":{{ "a":"\u0041person-{}\u0040stand-in.invalid","n":1.0 }} ,"name":"x"}}}}"#,
        &rest[..8]
    );
    actions.clear();
    session.engine.handle_client_line(call.as_bytes(), Now::default(), &mut actions);
    let expected = r#"{"jsonrpc":"2.0", "id":2,"method":"tools/call","params":{"arguments":{ "a":"\u0041anna@example.com","n":1.0 } ,"name":"x"}}"#;
    let Some(Action::ToServer(Payload::Kept(line))) =
        actions.iter().find(|action| matches!(action, Action::ToServer(_)))
    else {
        panic!("{actions:?}")
    };
    assert_eq!(String::from_utf8_lossy(line), format!("{expected}\n"));
    // Nothing to hide, and nothing to put back.
    assert_eq!(hidden_text(&mut session, 3, "4242 4242 4242 4241"), "4242 4242 4242 4241");
    assert_eq!(session.request(4, "tools/call", json!({"name": "x", "arguments": {"a": "plain"}})), [TO_SERVER]);
}

#[test]
fn hostile_results_come_back_and_give_nothing_away() {
    // What the server sends, and what the client must not see.
    for (text, secrets) in [
        ("anna\\u0040example.com", &["example.com"][..]),
        ("<anna&#64;example.com>", &["example.com"]),
        ("https://x.example/?e=anna%40mail.example&f=1", &["mail.example"]),
        (r#"{"e":"anna\u0040example.com","n":"{\"e\":\"anna@example.com\"}"}"#, &["example.com"]),
        ("+\u{664}\u{669} 30 901820", &["901820"]),
        ("Card \u{664}\u{662}\u{664}\u{662}424242424242", &["4242"]),
        ("4242 4242\u{200b} 4242 4242", &["4242"]),
        ("anna@exa\u{200b}mple.com", &["anna"]),
        ("anna@example.com,bob@example.com;4242424242424242", &["example.com", "4242"]),
        ("+4930901820@sms.example.com", &["901820", "example.com"]),
        ("DE89370400440532013000 4242424242424242", &["3704", "4242"]),
        ("tel. 555 1234 and phone: (212) 555-0123", &["555"]),
        ("\"anna b\"@example.com", &["anna", "example.com"]),
        ("9 4242 4242 4242 4242 9 +49 30 901820 99", &["4242", "901820"]),
        ("mailto:anna@example.com?cc=bob%40example.com", &["example.com"]),
        // The server's own stand-ins are values.
        ("person-bcdfghjk@stand-in.invalid", &["bcdfghjk"]),
        ("PERSON-bcdfghjk%40STAND-IN.invalid", &["bcdfghjk"]),
        ("stand-in-bcdfghjk", &["bcdfghjk"]),
        ("+999 123 456 7890", &["456 7890"]),
        ("9999 1234 5678 9014", &["5678"]),
        ("DE00 3704 0044 0532 0130 00", &["3704"]),
    ] {
        let mut session = Recorded::new(POLICY);
        let result = json!({"t": text, "again": [text], "nested": json!({"u": text}).to_string()});
        let got = hidden(&mut session, 1, &result);
        let seen = got.to_string();
        assert!(secrets.iter().all(|secret| !seen.contains(secret)), "{text}: {seen}");
        assert_eq!(got["t"], got["again"][0], "{text}");
        // JSON in a text comes back as the same JSON.
        assert_eq!(read(&received(&mut session, 2, &got)), read(&result), "{text}: {seen}");
        let parts = json!({"a": format!("<{}>", got["t"].as_str().unwrap()), "b": got.to_string()});
        let put_back = received(&mut session, 3, &parts);
        if serde_json::from_str::<Value>(text).is_err() {
            assert_eq!(put_back["a"], format!("<{text}>"), "{seen}");
        }
        assert_eq!(read(&put_back["b"]), read(&result), "{seen}");
    }
    // What is split over texts is not found.
    let split = json!({"content": [{"type": "text", "text": "anna@exam"}, {"type": "text", "text": "ple.com"}]});
    assert_eq!(hidden(&mut Recorded::new(POLICY), 1, &split), split);
}

/// A value with the JSON in its texts read.
fn read(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Array(_) | Value::Object(_))) => read(&inner),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(read).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), read(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn every_answer_and_message_of_the_server_is_looked_at() {
    let mut session = Recorded::new(POLICY);
    let stand_in = hidden_text(&mut session, 1, EMAIL);
    for (id, method, params) in [
        (2, "resources/read", json!({"uri": "file:///a"})),
        (3, "prompts/get", json!({"name": "p"})),
        (
            4,
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "x"}}),
        ),
        (5, "x-vendor/list", json!({})),
    ] {
        session.request(id, method, params.clone());
        assert_eq!(told(&session.answer(id, json!({"x": [EMAIL]})))["result"]["x"][0], stand_in, "{method}");
        session.request(id, method, params);
        let failed = json!({"jsonrpc":"2.0","id":id,"error":{"code":-32000,"message":format!("no {EMAIL}")}});
        assert_eq!(told(&session.server(&failed))["error"]["message"], format!("no {stand_in}"), "{method}");
    }
    let progress = json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":EMAIL}});
    assert_eq!(told(&session.server(&progress))["params"]["message"], stand_in);
    let log = json!({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"to":EMAIL}}});
    assert_eq!(told(&session.server(&log))["params"]["data"]["to"], stand_in);
    // What the server asks, and the client's answer.
    let sampling = json!({"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":EMAIL}}],"maxTokens":9}});
    assert_eq!(told(&session.server(&sampling))["params"]["messages"][0]["content"]["text"], stand_in);
    let answer =
        json!({"jsonrpc":"2.0","id":"s","result":{"content":{"type":"text","text":format!("Hello {stand_in}")}}});
    assert_eq!(sent(&session.client(&answer))["result"]["content"]["text"], format!("Hello {EMAIL}"));
    // Tasks.
    session.request(6, "tools/call", json!({"name": "get_user", "arguments": {}, "task": {"ttl": 60000}}));
    session.answer(6, json!({"task": {"taskId": "t", "status": "working"}}));
    session.request(7, "tasks/result", json!({"taskId": "t"}));
    assert_eq!(told(&session.answer(7, json!({"t": EMAIL})))["result"]["t"], stand_in);
    // URIs, prompts and completions of the client.
    let read =
        session.request(8, "resources/read", json!({"uri": format!("file:///{}", stand_in.replace('@', "%40"))}));
    assert_eq!(sent(&read)["params"]["uri"], "file:///anna%40example.com");
    let prompt = session.request(9, "prompts/get", json!({"name": "p", "arguments": {"to": stand_in}}));
    assert_eq!(sent(&prompt)["params"]["arguments"]["to"], EMAIL);
    let complete =
        json!({"ref": {"type": "ref/prompt", "name": stand_in}, "argument": {"name": "a", "value": stand_in}});
    let complete = sent(&session.request(10, "completion/complete", complete));
    assert_eq!(
        (&complete["params"]["argument"]["value"], &complete["params"]["ref"]["name"]),
        (&json!(EMAIL), &json!(stand_in))
    );
}

/// What the client gets of a line of the server.
fn forwarded(session: &mut Recorded, line: &str) -> String {
    let mut actions = Vec::new();
    session.engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    let sent = actions.iter().find_map(|action| match action {
        Action::ToClient(payload) => Some(String::from_utf8(payload.bytes(line.as_bytes()).to_vec()).unwrap()),
        _ => None,
    });
    sent.unwrap_or_else(|| panic!("{line}: {actions:?}"))
}

#[test]
fn no_text_of_an_odd_message_passes() {
    let session = || {
        let mut session = Recorded::new(POLICY);
        session.request(1, "tools/call", json!({"name": "get_user", "arguments": {}}));
        session
    };
    let value = r#"{"code":-32000,"message":"anna@example.com","data":["anna@example.com"]}"#;
    for answer in [
        format!(r#""result":null,"error":{value}"#),
        format!(r#""result":{value},"error":null"#),
        format!(r#""error":null,"result":[{value},"anna@example.com"]"#),
        r#""result":"anna@example.com""#.to_owned(),
        r#""error":"anna@example.com""#.to_owned(),
        format!(r#""result":{{}},"params":{value}"#),
        format!(r#""result":{{}},"x":{value},"anna@example.com":1"#),
        format!(r#""_meta":{value},"error":{{"code":1,"message":"no"}},"X":"anna@example.com""#),
        r#""result":{"content":[{"type":"resource","resource":{"uri":"u://x/anna@example.com","text":"anna@example.com"}},
            {"type":"resource_link","uri":"u://x","name":"anna@example.com","title":"anna@example.com"},
            {"type":"text","text":"x","annotations":{"audience":["anna@example.com"]},"_meta":{"a":"anna@example.com"}}],
            "isError":true,"structuredContent":{"anna@example.com":{"k":["anna@example.com"]}},"_meta":{"to":"anna@example.com"}}"#
            .replace('\n', ""),
    ] {
        let got = forwarded(&mut session(), &format!(r#"{{"jsonrpc":"2.0","id":1,{answer}}}"#));
        let read: Value = serde_json::from_str(&got).unwrap();
        assert!(read["id"] == 1 && !got.contains("example.com"), "{answer}: {got}");
    }
    // Two answers at once are none.
    let got = forwarded(&mut session(), &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value},"error":{value}}}"#));
    assert!(!got.contains("example.com"), "{got}");
    for message in [
        r#""method":"notifications/progress","params":{"progressToken":1,"progress":1},"note":"anna@example.com""#,
        r#""method":"notifications/x","note":"anna@example.com""#,
        r#""id":"s","method":"elicitation/create","params":{"message":"anna@example.com","requestedSchema":{"type":"object",
            "properties":{"a":{"type":"string","description":"anna@example.com","default":"anna@example.com"}}}},"x":["anna@example.com"]"#,
        r#""id":"s","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"systemPrompt":"anna@example.com"},"x":1"#,
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0",{}}}"#, message.replace('\n', ""));
        let got = forwarded(&mut session(), &line);
        assert!(!got.contains("example.com"), "{message}: {got}");
    }
    // Errors of what is no call.
    for method in ["tools/list", "prompts/list", "initialize", "ping", "logging/setLevel"] {
        let mut session = Recorded::new(POLICY);
        session.request(1, method, json!({}));
        let got = forwarded(&mut session, &format!(r#"{{"jsonrpc":"2.0","id":1,"error":{value}}}"#));
        assert!(!got.contains("example.com"), "{method}: {got}");
    }
    // Without rules for results, a line is what it was.
    let mut plain = Recorded::new(r#"{"version":"1","default":"allow","tools":{}}"#);
    plain.request(1, "tools/call", json!({"name": "x", "arguments": {}}));
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"x":{value}}}"#);
    assert_eq!(forwarded(&mut plain, &line), line);
}

#[test]
fn what_is_real_is_judged_and_nothing_of_ours_names_it() {
    let mut session = Recorded::new(POLICY);
    session.list_tools(&["ask", "pay", "get_user"]);
    let blocked = hidden_text(&mut session, 1, "bob@blocked.example");
    let got = session.request(2, "tools/call", json!({"name": "pay", "arguments": {"to": blocked}}));
    assert_eq!(told(&got)["result"]["_meta"]["policylayer/decision"]["rule"], "tools.pay.deny_if[0]");
    assert!(!told(&got).to_string().contains("blocked.example"), "{got:?}");
    // A URI is quoted in the refusal, in the note and in the log.
    let email = hidden_text(&mut session, 3, EMAIL);
    for uri in [format!("users://{email}"), format!("users://{}", email.replace('@', "%40"))] {
        let line = json!({"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri": uri}}).to_string();
        let mut actions = Vec::new();
        session.engine.handle_client_line(line.as_bytes(), Now::default(), &mut actions);
        let shown = format!("{actions:?}");
        assert!(actions.iter().any(|action| matches!(action, Action::ToClient(_))), "{shown}");
        let told: Vec<_> = actions.iter().filter(|action| !matches!(action, Action::Record(_))).collect();
        let told = format!("{told:?}");
        assert!(!told.contains("anna") && told.contains("person-"), "{told}");
        let records = session.carry(actions);
        drop(records);
        let recorded = session.recorded(&["resource"]);
        assert!(!recorded.iter().any(|record| record.to_string().contains("anna")), "{recorded:?}");
    }
    // What a person is asked has what is real, and says where it is; the refusal to the agent does not.
    let got = session.request(5, "tools/call", json!({"name": "ask", "arguments": {"to": email, "n": [email]}}));
    let question = got.iter().find_map(|action| if let Action::Ask(question) = action { Some(question) } else { None });
    let question = question.unwrap_or_else(|| panic!("{got:?}"));
    assert_eq!(&*question.arguments, format!(r#"{{"n":["{EMAIL}"],"to":"{EMAIL}"}}"#));
    let rows = question.view("stub").rows();
    assert!(
        rows.contains(&("Real values", "in place of the agent's stand-ins: args.n, args.to".to_owned())),
        "{rows:?}"
    );
    let (number, mut actions) = (question.number, Vec::new());
    let note = Some(format!("not to {EMAIL}"));
    session.engine.handle_local_answer(number, ApprovalAnswer::Refused { note }, Now::default(), &mut actions);
    let told: Vec<_> =
        actions.iter().filter(|action| matches!(action, Action::ToClient(_) | Action::Note(_))).collect();
    assert!(!format!("{told:?}").contains("anna"), "{told:?}");
}

#[test]
fn a_stand_in_of_another_session_is_refused() {
    let mut session = Recorded::new(POLICY);
    for text in [
        "person-bcdfghjk@stand-in.invalid",
        "to: PERSON-bcdfghjk%40stand-in.INVALID.",
        "stand-in-bcdfghjk",
        "+999 123 456 7890",
        "tel:+9991234567890",
        "9999 1234 5678 9014",
        "DE00 3704 0044 0532 0130 00",
    ] {
        let got = session.request(1, "tools/call", json!({"name": "get_user", "arguments": {"a": {"b": text}}}));
        assert_ne!(got, [TO_SERVER], "{text}");
        let got = told(&got);
        assert_eq!(got["result"]["_meta"]["policylayer/decision"]["rule"], "stand_ins", "{text}: {got}");
        let said = got["result"]["content"][0]["text"].as_str().unwrap();
        assert!(said.contains("args.a.b holds a stand-in") && said.contains("Fetch the value again"), "{said}");
    }
    for text in
        ["understand-invalid", "stand-in-director", "99 999", "9999", "DE00", "order 9991234567890", "stand-in.invalid"]
    {
        let got = session.request(1, "tools/call", json!({"name": "get_user", "arguments": {"a": text}}));
        assert_eq!(got, [TO_SERVER], "{text}");
        session.answer(1, json!({}));
    }
    // In an answer to the server, which is told instead.
    session.server(&json!({"jsonrpc":"2.0","id":"s","method":"roots/list"}));
    let got =
        session.client(&json!({"jsonrpc":"2.0","id":"s","result":{"roots":[{"uri":"file:///stand-in-bcdfghjk"}]}}));
    assert!(
        matches!(&got[..], [Action::ToServer(Payload::Written(line))] if String::from_utf8_lossy(line).contains("error")),
        "{got:?}"
    );
    // Without stand-ins in the policy, such a text is one like any other.
    let mut plain = Recorded::new(r#"{"version":"1","default":"allow","tools":{}}"#);
    let got = plain.request(1, "tools/call", json!({"name": "x", "arguments": {"a": "stand-in-bcdfghjk"}}));
    assert_eq!(got, [TO_SERVER]);
}

#[test]
fn sessions_differ_and_a_reload_keeps_the_table() {
    let stand_in = |key: u8| {
        let mut engine = Engine::new(policy(POLICY), Box::new(Memory::default())).with_stand_in_key([key; 32]);
        let mut actions = Vec::new();
        let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}).to_string();
        engine.handle_client_line(call.as_bytes(), Now::default(), &mut actions);
        let line = json!({"jsonrpc":"2.0","id":1,"result":{"t":EMAIL}}).to_string();
        actions.clear();
        engine.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
        told(&actions)["result"]["t"].clone()
    };
    assert_eq!(stand_in(1), stand_in(1));
    assert_ne!(stand_in(1), stand_in(2));
    let mut session = Recorded::new(POLICY);
    let email = hidden_text(&mut session, 1, EMAIL);
    let mut actions = Vec::new();
    session.engine.replace_policy(policy(r#"{"version":"1","default":"allow","tools":{}}"#), &mut actions);
    assert_eq!(received(&mut session, 2, &json!({"to": email})), json!({"to": EMAIL}));
    // An observed session changes nothing.
    let mut engine = Engine::new(policy(POLICY), Box::new(Memory::default())).with_observation();
    let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":"stand-in-bcdfghjk"}}});
    actions.clear();
    engine.handle_client_line(call.to_string().as_bytes(), Now::default(), &mut actions);
    assert!(actions.contains(&TO_SERVER), "{actions:?}");
    actions.clear();
    engine.handle_server_line(
        json!({"jsonrpc":"2.0","id":1,"result":{"t":EMAIL}}).to_string().as_bytes(),
        Now::default(),
        &mut actions,
    );
    assert!(actions.contains(&TO_CLIENT), "{actions:?}");
}

#[test]
fn a_full_table_withholds_the_result() {
    let mut table = StandIns::new([1; 32]);
    let rules = StandInRules { kinds: kinds(), fields: Vec::new() };
    let mut counts = StandInCounts::default();
    for batch in 0..MAX_STAND_INS / 1_000 {
        let texts: Vec<_> = (0..1_000).map(|at| format!("u{batch}-{at}@example.com")).collect();
        table.hide_values(&json!({ "t": texts }).to_string(), &rules, &mut counts).unwrap();
    }
    assert_eq!(table.len(), MAX_STAND_INS);
    let again = json!({"t": "u1-1@example.com"}).to_string();
    assert!(table.hide_values(&again, &rules, &mut counts).unwrap().is_some(), "what is known has its stand-in");
    assert!(table.hide_values(&json!({"t": "new@example.com"}).to_string(), &rules, &mut counts).is_err());
    let mut long = StandIns::new([1; 32]);
    let fields = StandInRules { fields: vec!["name".parse().unwrap()], ..rules };
    let results: Vec<_> = (0..20)
        .map(|at| {
            long.hide_values(&json!({"name": format!("{at}{}", "x".repeat(1 << 20))}).to_string(), &fields, &mut counts)
        })
        .collect();
    assert!(results[0].is_ok() && results[19].is_err(), "a bound in bytes as well");
}

#[test]
fn a_name_that_is_known_is_known_everywhere() {
    let mut session = Recorded::new(POLICY);
    let got = hidden(
        &mut session,
        1,
        &json!({"firstName": "Anna-Maria Schmidt", "user": {"firstName": "Bo"}, "phoneNumber": "030 9018 2000"}),
    );
    let name = got["firstName"].as_str().unwrap();
    assert_eq!(hidden_text(&mut session, 2, "No user Anna-Maria Schmidt!"), format!("No user {name}!"));
    assert_eq!(
        hidden_text(&mut session, 3, "Bo is short, and Anna-Maria Schmidts another"),
        "Bo is short, and Anna-Maria Schmidts another"
    );
    // The name of the field says what its number is, and what is in it has its shape.
    let mut session = Recorded::new(&POLICY.replace("firstName", "phoneNumber"));
    let got = hidden(&mut session, 1, &json!({"phoneNumber": "030 9018 2000"}));
    assert!(got["phoneNumber"].as_str().unwrap().starts_with("999 "), "{got}");
}

#[test]
fn a_text_of_ours_names_no_value_of_a_full_table() {
    let mut table = StandIns::new([1; 32]);
    let rules = StandInRules { kinds: kinds(), fields: vec!["name".parse().unwrap()] };
    for batch in 0..MAX_STAND_INS / 1_000 {
        let texts: Vec<_> = (0..1_000).map(|at| format!("u{batch}-{at}@example.com")).collect();
        let name = format!("Name {batch} O'Hara");
        let _ =
            table.hide_values(&json!({ "t": texts, "name": name }).to_string(), &rules, &mut StandInCounts::default());
    }
    for (text, seen) in [
        ("no user u7-77@example.com.", "example.com"),
        ("users://u7-77%40example.com/x", "example.com"),
        ("(Name 7 O'Hara) timed out", "Hara"),
        ("Name%207%20O'Hara", "Hara"),
    ] {
        let hidden = table.hide_known(text);
        assert!(!hidden.contains(seen) && hidden.contains("stand-in"), "{hidden}");
    }
    for other in ["xu7-77@example.com", "u7-77@example.community", "Name 7 O'Haras", "\u{e9}", ""] {
        assert_eq!(table.hide_known(other), other);
    }
}

#[test]
fn hiding_and_putting_back_take_linear_time() {
    for piece in [
        "9",
        "+9",
        "99 ",
        "stand-in",
        "stand-in-",
        "@stand-in.invalid",
        "00",
        "DE00",
        "a@b.co ",
        "%40",
        "{\\\"a\\\":",
        "999.",
        "AB00 ",
    ] {
        let time = |size: usize| {
            let json = format!("{{\"t\":\"{}\"}}", piece.repeat(size / piece.len()));
            let rules = StandInRules { kinds: kinds(), fields: Vec::new() };
            let mut table = StandIns::new([1; 32]);
            let start = crate::support::system::computing_time();
            let _ = table.hide_values(&json, &rules, &mut StandInCounts::default());
            let _ = table.put_back(&json, &|_| false);
            crate::support::system::computing_time() - start
        };
        let (short, long) = (time(8_000), time(64_000));
        assert!(long < short * 30 + std::time::Duration::from_millis(1000), "{piece:?}: {short:?}, {long:?}");
    }
}

/// A value of a kind, as servers write it.
fn value() -> impl Strategy<Value = String> {
    let email = "[a-z]{1,8}(\\.[a-z]{1,6})?@[a-z]{2,8}\\.(com|example|org)";
    let phone = prop_oneof!["\\+49 30 [1-9][0-9]{6,7}", "\\+4930[1-9][0-9]{6,7}", "\\([2-9][0-9]{2}\\) 555-0[0-9]{3}"];
    let card = "4[0-9]{14}".prop_map(|digits: String| {
        let sum = |last: u32| {
            format!("{digits}{last}").bytes().rev().enumerate().fold(0, |sum, (at, digit)| {
                let digit = u32::from(digit - b'0');
                sum + if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
            })
        };
        let last = (0..10).find(|last| sum(*last) % 10 == 0).unwrap();
        format!("{digits}{last}")
    });
    let iban = "[0-9]{18}".prop_map(|account: String| {
        let read =
            format!("{account}131400").bytes().fold(0_u32, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
        format!("DE{:02}{account}", 98 - read)
    });
    prop_oneof![3 => email, 2 => phone, 1 => card, 1 => iban]
}

proptest! {
    /// For any result of labelled values, and any later call of its parts: the client has none of the values, no two of them share a
    /// stand-in, and the server gets what it would have got.
    #[test]
    fn what_is_hidden_comes_back_wherever_it_is(
        values in prop::collection::vec(value(), 1..8),
        before in "[a-z ,;]{0,6}", after in "[ ,;][a-z]{0,4}",
    ) {
        let mut session = Recorded::new(POLICY);
        let texts: Vec<_> = values.iter().map(|value| format!("{before} {value}{after}")).collect();
        let result = json!({"values": values, "texts": texts, "all": values.join(" | "), "nested": json!({"v": values}).to_string()});
        let got = hidden(&mut session, 1, &result);
        let seen = got.to_string();
        for value in &values {
            prop_assert!(!seen.contains(value.as_str()), "{} in {}", value, seen);
        }
        let stand_ins: Vec<String> = got["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect();
        let distinct = |texts: &[String]| texts.iter().collect::<HashSet<_>>().len();
        prop_assert_eq!(distinct(&stand_ins), distinct(&values));
        let of = |texts: &[String]| json!({
            "whole": texts, "joined": texts.join(","), "inside": format!("<b>{}</b>", texts.join("</b><b>")),
            "json": json!([{ "v": texts }]).to_string(), "twice": json!(json!({ "v": texts }).to_string()).to_string(),
        });
        prop_assert_eq!(received(&mut session, 2, &of(&stand_ins)), of(&values));
        prop_assert_eq!(received(&mut session, 3, &got), result);
    }
}

/// Users as a server writes them: whole, by lines, under a heading, as a difference, as Python does, and as a text in JSON.
fn written_users(names: &[String]) -> Vec<String> {
    let users: Vec<_> = names
        .iter()
        .map(|name| json!({ "id": 7, "firstName": name, "dataFields": { "home": { "address": name } } }))
        .collect();
    let (compact, pretty) = (json!(users).to_string(), serde_json::to_string_pretty(&users).unwrap());
    let lines: String = users.iter().map(|user| format!("{user}\n")).collect();
    let difference: String = pretty.lines().map(|line| format!("+{line}\n")).collect();
    let python = compact.replace('"', "'");
    let nested = json!({ "body": compact }).to_string();
    let twice = json!({ "body": nested }).to_string();
    vec![
        format!("It's \"{}\" users:\n{pretty}", users.len()),
        compact,
        pretty,
        lines,
        difference,
        python,
        nested,
        twice,
    ]
}

/// What is told of each field: what stands behind its colon and opening quote.
fn told_fields(text: &str) -> Vec<&str> {
    let quote = |text: &'_ str| text.trim_start_matches('\\').strip_prefix(['"', '\'']).map(str::len);
    let told = |at: usize| {
        let rest = text.get(at..)?.strip_prefix("firstName").or_else(|| text.get(at..)?.strip_prefix("address"))?;
        let rest = rest.get(rest.len() - quote(rest)?..)?.trim_start().strip_prefix(':')?.trim_start();
        rest.get(rest.len() - quote(rest)?..)
    };
    (0..text.len()).filter_map(told).collect()
}

proptest! {
    /// An agent that asks for a part of a file gets no more of a field than one that asks for all of it.
    #[test]
    fn no_part_of_json_shows_a_field(
        names in prop::collection::vec("[A-Z][a-z]{2,9}", 1..5),
        from in 0.0..1.0_f64, length in 0.0..1.0_f64,
    ) {
        for text in written_users(&names) {
            let mut session = Recorded::new(POLICY);
            let begin = (from * text.len() as f64) as usize;
            let end = begin + (length * (text.len() - begin) as f64).ceil() as usize;
            for (at, part) in (1..).zip([&text[begin..end], &text[begin..], &text[..end]]) {
                // What is JSON as a whole is read as that, and a field is named there by the whole way to it.
                if serde_json::from_str::<Value>(part).is_ok() {
                    continue;
                }
                let result = json!({ "t": part });
                let got = hidden(&mut session, 2 * at, &result);
                let shown = got["t"].as_str().unwrap();
                for told in told_fields(shown) {
                    prop_assert!(told.is_empty() || told.starts_with("stand-in-") || told.starts_with(['"', '\'', '\\']), "{}: {}", part, shown);
                }
                prop_assert_eq!(received(&mut session, 2 * at + 1, &got), result);
            }
        }
    }
}
