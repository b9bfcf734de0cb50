//! What a server says of its tools: it can make the classifier's verdict stricter, and never milder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use serde_json::json;

/// Under `classes`, each class is told by its own refusal.
const CLASSES: &str = r#"{"version":"1","default":"deny","classes":{
    "read": {},
    "write": {"action":"deny","reason":"a write"},
    "execute": {"action":"deny","reason":"an execute"},
    "destructive": {"action":"hide","reason":"a destructive"},
    "financial": {"action":"deny","reason":"a financial"}
}}"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
}

struct Session(Engine);

impl Session {
    fn new(server: &str) -> Self {
        let server = ServerName::parse(server).unwrap();
        let loaded = policy::load_policy(&Source::new("policy.json", Format::Json, CLASSES), &Server::by_name(&server));
        Self(Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default())))
    }

    /// Another policy takes effect.
    fn reload(&mut self, server: &str, policy: &str) {
        let server = ServerName::parse(server).unwrap();
        let loaded = policy::load_policy(&Source::new("policy.json", Format::Json, policy), &Server::by_name(&server));
        self.0.replace_policy(Arc::new(loaded.policy.unwrap()), &mut Vec::new());
    }

    /// The client asks for the tools, and the server has this one; says whether the client sees it.
    fn list(&mut self, tool: &str) -> Seen {
        let mut actions = Vec::new();
        self.0.handle_client_line(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, Now::default(), &mut actions);
        actions.clear();
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tool}]}}}}"#);
        self.0.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
        match actions.as_slice() {
            [Action::ToClient(Payload::Received)] => Seen::Yes,
            [Action::ToClient(Payload::Written(line))] if line.windows(10).any(|part| part == b"\"tools\":[]") => {
                Seen::No
            }
            other => panic!("{other:?}"),
        }
    }

    /// What the policy takes a call of the tool for.
    fn call(&mut self, tool: &str) -> &'static str {
        let call = json!({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":tool}}).to_string();
        let mut actions = Vec::new();
        self.0.handle_client_line(call.as_bytes(), Now::default(), &mut actions);
        // A list that the wrapper asks for fails, so that it tells nothing.
        if let [Action::ToServer(Payload::Kept(line)), ..] = actions.as_slice() {
            let asked: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(asked["method"], "tools/list");
            let failed = json!({"jsonrpc":"2.0","id":asked["id"],"error":{"code":-32603,"message":"no"}}).to_string();
            actions.clear();
            self.0.handle_server_line(failed.as_bytes(), Now::default(), &mut actions);
        }
        let reply = actions.iter().find_map(|action| match action {
            Action::ToClient(Payload::Written(line)) => Some(String::from_utf8(line.clone()).unwrap()),
            _ => None,
        });
        let Some(reply) = reply else {
            self.0.handle_server_line(
                br#"{"jsonrpc":"2.0","id":2,"result":{"content":[]}}"#,
                Now::default(),
                &mut actions,
            );
            return "read";
        };
        ["write", "execute", "destructive", "financial"]
            .into_iter()
            .find(|class| reply.contains(&format!(" {class}. The call")))
            .unwrap_or_else(|| panic!("{reply}"))
    }
}

#[test]
fn a_tool_counts_as_execute_until_its_server_has_listed_it() {
    let mut session = Session::new("weather");
    assert_eq!(session.call("get_forecast"), "execute");
    session.list(r#"{"name":"get_forecast"}"#);
    assert_eq!(session.call("get_forecast"), "read");
    assert_eq!(session.call("get_other"), "execute");
}

#[test]
fn what_a_server_says_can_only_raise_a_class() {
    let honest = json!({"name":"get_forecast","description":"Gets the weather."});
    let deletes = json!({"name":"get_forecast","description":"Permanently deletes all records."});
    let hints = json!({"name":"get_forecast","annotations":{"destructiveHint":true,"readOnlyHint":false}});
    let lies = json!({"name":"delete_all","annotations":{"readOnlyHint":true},"description":"Only reads."});
    for (tool, class) in [(&honest, "read"), (&deletes, "destructive"), (&hints, "execute"), (&lies, "destructive")] {
        let mut session = Session::new("weather");
        let name = tool["name"].as_str().unwrap();
        let expected = if class == "destructive" { Seen::No } else { Seen::Yes };
        assert_eq!(session.list(&tool.to_string()), expected, "{tool}");
        assert_eq!(session.call(name), class, "{tool}");
    }
}

#[test]
fn a_listing_that_changes_takes_nothing_back() {
    let mut session = Session::new("weather");
    session.list(r#"{"name":"get_forecast","description":"Permanently deletes all records."}"#);
    assert_eq!(session.call("get_forecast"), "destructive");
    let milder = r#"{"name":"get_forecast","description":"Gets the weather."}"#;
    assert_eq!(session.list(milder), Seen::No);
    assert_eq!(session.call("get_forecast"), "destructive");
}

/// The same bytes are judged once, as long as nothing else has changed.
#[test]
fn a_page_that_was_judged_is_judged_anew_where_it_may_come_out_otherwise() {
    let harmless = r#"{"name":"get_forecast","description":"Gets the weather."}"#;
    let deletes = r#"{"name":"get_forecast","description":"Permanently deletes all records."}"#;
    let mut session = Session::new("weather");
    assert_eq!([session.list(harmless), session.list(harmless)], [Seen::Yes; 2]);
    assert_eq!([session.list(deletes), session.list(deletes)], [Seen::No; 2]);
    assert_eq!([session.list(harmless), session.list(harmless)], [Seen::No; 2], "another page has raised its class");
    // Another policy.
    let mut session = Session::new("weather");
    assert_eq!(session.list(harmless), Seen::Yes);
    session.reload("weather", r#"{"version":"1","default":"allow","hide":["get_*"]}"#);
    assert_eq!([session.list(harmless), session.list(harmless)], [Seen::No; 2]);
    session.reload("weather", r#"{"version":"1","default":"allow"}"#);
    assert_eq!([session.list(harmless), session.list(harmless)], [Seen::Yes; 2]);
    // What stands beside the result is read as strictly as before.
    let line = format!(r#"{{"jsonrpc":"2.0","id":1,"x":{{"a":1,"a":2}},"result":{{"tools":[{harmless}]}}}}"#);
    let mut actions = Vec::new();
    session.0.handle_client_line(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, Now::default(), &mut actions);
    actions.clear();
    session.0.handle_server_line(line.as_bytes(), Now::default(), &mut actions);
    assert!(actions.iter().all(|action| !matches!(action, Action::ToClient(Payload::Received))), "{actions:?}");
}

/// Of a page with hidden tools the same is left each time.
#[test]
fn the_same_page_is_filtered_alike_each_time() {
    let names = ["get_a", "delete_b", "get_c", "remove_d", "list_e"];
    let tools: Vec<_> = names.iter().map(|name| format!(r#" {{"name":"{name}" ,"n":[1, 2]}}"#)).collect();
    let list = |id: usize, cursor: &str| {
        let tools = tools.join(" , ");
        format!(r#"{{"result":{{ "tools" : [{tools} ] ,"nextCursor":"{cursor}"}},"id":{id},"jsonrpc":"2.0"}}"#) + "\n"
    };
    let mut session = Session::new("weather");
    for (id, cursor) in [(1, "x"), (2, "x"), (3, "y"), (4, "x"), (5, "y")] {
        let mut actions = Vec::new();
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{{"cursor":"c"}}}}"#);
        session.0.handle_client_line(request.as_bytes(), Now::default(), &mut actions);
        actions.clear();
        session.0.handle_server_line(list(id, cursor).as_bytes(), Now::default(), &mut actions);
        let [Action::ToClient(Payload::Written(line))] = actions.as_slice() else { panic!("{actions:?}") };
        let kept = r#"[{"name":"get_a" ,"n":[1, 2]},{"name":"get_c" ,"n":[1, 2]},{"name":"list_e" ,"n":[1, 2]}]"#;
        let expected =
            format!(r#"{{"result":{{ "tools" : {kept} ,"nextCursor":"{cursor}"}},"id":{id},"jsonrpc":"2.0"}}"#);
        assert_eq!(String::from_utf8_lossy(line), expected + "\n");
    }
}

#[test]
fn what_deletes_by_its_listing_is_not_talked_into_something_else() {
    let deletes = r#"{"name":"run_x","description":"Permanently deletes all records."}"#;
    let pays = r#"{"name":"run_x","description":"Charges the credit card. Makes a payment."}"#;
    let mut session = Session::new("weather");
    assert_eq!(session.list(deletes), Seen::No);
    assert_eq!(session.list(pays), Seen::No);
    assert_eq!(session.call("run_x"), "destructive");
    let mut session = Session::new("weather");
    assert_eq!(session.list(pays), Seen::Yes);
    assert_eq!(session.call("run_x"), "financial");
}

#[test]
fn a_listing_with_odd_values_counts_as_any_other() {
    // No double holds the number, and the string ends in half a character.
    for (description, class) in
        [("Permanently deletes all records. \\ud83d", "destructive"), ("Gets it. \\ud83d", "read")]
    {
        let mut session = Session::new("weather");
        session.list(&format!(r#"{{"name":"get_forecast","n":1e999,"description":"{description}"}}"#));
        assert_eq!(session.call("get_forecast"), class);
    }
}

#[test]
fn a_catalogue_knows_better_than_a_listing() {
    let mut session = Session::new("iterable");
    session.list(r#"{"name":"get_lists","description":"Permanently deletes all records."}"#);
    assert_eq!(session.call("get_lists"), "read");
    session.list(r#"{"name":"get_what_is_newer","description":"Gets what is newer."}"#);
    assert_eq!(session.call("get_what_is_newer"), "execute");
    assert_eq!(session.call("send_campaign"), "execute");
    assert_eq!(session.call("delete_list"), "destructive");
}

#[test]
fn what_is_called_before_it_is_listed_counts_as_listed_from_then_on() {
    let mut session = Session::new("weather");
    for (tool, unlisted, description, listed) in [
        ("get_a", "execute", "Gets the weather.", "read"),
        ("get_b", "execute", "Permanently deletes all records.", "destructive"),
        ("delete_c", "destructive", "Gets the weather.", "destructive"),
        ("create_d", "execute", "Creates a note.", "write"),
    ] {
        assert_eq!((session.call(tool), session.call(tool)), (unlisted, unlisted), "{tool}");
        session.list(&json!({"name":tool,"description":description}).to_string());
        assert_eq!((session.call(tool), session.call(tool)), (listed, listed), "{tool}");
    }
}

#[test]
fn a_session_remembers_so_many_tools_and_takes_the_rest_for_anything() {
    let mut session = Session::new("weather");
    for at in 0..10_001 {
        // Some of them spell what a classifier takes for more, such as `get_5311`.
        session.call(&format!("get_{at}"));
    }
    for round in 0..2 {
        // By now those that were called are remembered, and one is not.
        assert_eq!(session.call("delete_what_is_new"), "destructive", "{round}");
        assert_eq!(session.call("get_10000"), "execute", "{round}");
    }
    let tools =
        |word: &'static str| (0..10_001).map(move |at| format!(r#"{{"name":"get_{at}","description":"{word}"}}"#));
    session.list(&tools("Gets a note.").collect::<Vec<_>>().join(","));
    assert_eq!(session.call("get_9999"), "read");
    assert_eq!(session.call("get_10000"), "execute");
    // One that has a place can still be raised.
    session.list(r#"{"name":"get_9999","description":"Deletes all notes."}"#);
    assert_eq!(session.call("get_9999"), "destructive");
    assert_eq!(session.call("get_10000"), "execute");
}

#[test]
fn a_list_that_has_a_tool_twice_shows_neither_where_its_class_is_hidden() {
    let (mild, harsh) = (r#"{"name":"a"}"#, r#"{"name":"a","description":"Permanently deletes all records."}"#);
    for both in [format!("{mild},{harsh}"), format!("{harsh},{mild}")] {
        let mut session = Session::new("weather");
        assert_eq!(session.list(&both), Seen::No, "{both}");
        assert_eq!(session.call("a"), "destructive");
    }
}

#[test]
fn a_policy_that_changes_between_list_and_call_reads_the_list_anew() {
    let mut session = Session::new("weather");
    session.list(r#"{"name":"get_a","description":"Permanently deletes all records."}"#);
    session.list(r#"{"name":"get_b","description":"Gets the weather."}"#);
    // Without rules for classes, and with one that has the last word.
    session.reload("weather", r#"{"version":"1","default":"allow"}"#);
    assert_eq!(session.call("get_a"), "read");
    let tools = r#""tools":{"get_a":{"class":"write"},"get_b":{"class":"financial"}},"default""#;
    session.reload("weather", &CLASSES.replacen("\"default\"", tools, 1));
    assert_eq!((session.call("get_a"), session.call("get_b")), ("write", "financial"));
    session.reload("weather", CLASSES);
    assert_eq!((session.call("get_a"), session.call("get_b")), ("destructive", "read"));
}

#[test]
fn only_an_answer_that_the_client_gets_tells_of_tools() {
    let list = |id: &str, method: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
    let answer = |id: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{{"name":"get_a","description":"Gets."}}]}}}}"#)
    };
    let mut session = Session::new("weather");
    let feed = |session: &mut Session, client: &[&str], server: &str| {
        let mut actions = Vec::new();
        for line in client {
            session.0.handle_client_line(line.as_bytes(), Now::default(), &mut actions);
        }
        actions.clear();
        session.0.handle_server_line(server.as_bytes(), Now::default(), &mut actions);
        assert_eq!(session.call("get_a"), "execute", "{server}");
    };
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#;
    feed(&mut session, &[], &answer("4"));
    feed(&mut session, &[&list("5", "tools/list"), cancelled], &answer("5"));
    feed(&mut session, &[&list("6", "resources/list")], &answer("6"));
    feed(&mut session, &[&list("7", "prompts/list")], &answer("7"));
    feed(&mut session, &[&list("8", "tools/list")], &answer("9"));
    let late = r#"{"jsonrpc":"2.0","id":8,"result":{"resultType":"input_required","inputRequests":{}}}"#;
    feed(&mut session, &[], late);
    feed(&mut session, &[], &answer("8"));
}
