//! `policylayer wrap` over the real Iterable MCP server. Iterable's API is a stand-in on the loopback that records every
//! request: what was refused never arrived there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use policylayer::limits::READING_TIME;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use support::api::Api;
use support::client::{Client, Launch, Under, initialize_params};
use support::node::{Upstream, upstream};
use support::system::PATIENCE;

/// The file that people paste, to the letter.
const THREE_LINES: Under<'_> = Under::Policy(r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#);

#[cfg(unix)]
const ALLOW_ALL: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);

/// The server with every permission and a fresh HOME, not yet started. A key stored in HOME would win over ours.
fn iterable(upstream: &Upstream, api: &Api) -> Launch {
    with_account(Launch::new(Upstream::ITERABLE).env("PATH", upstream.path_with_iterable()), api)
}

fn with_account(launch: Launch, api: &Api) -> Launch {
    launch
        .env("ITERABLE_API_KEY", "0123456789abcdef0123456789abcdef")
        .env("ITERABLE_BASE_URL", api.url())
        .env("ITERABLE_USER_PII", "true")
        .env("ITERABLE_ENABLE_WRITES", "true")
        .env("ITERABLE_ENABLE_SENDS", "true")
}

/// A session that is past its handshake.
fn session(upstream: &Upstream, api: &Api, under: Under<'_>) -> Client {
    let mut client = iterable(upstream, api).start(under);
    let result = client.initialize(json!({}));
    assert_eq!(result["serverInfo"]["name"], "iterable-mcp", "{result}");
    client
}

/// The risk class of each tool that the catalogue knows.
fn classes() -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Catalogue {
        tools: Vec<Tool>,
    }
    #[derive(Deserialize)]
    struct Tool {
        tool: String,
        class: String,
    }
    let catalogue: Catalogue = serde_json::from_str(include_str!("../../config/catalogue/iterable.json")).unwrap();
    catalogue.tools.into_iter().map(|tool| (tool.tool, tool.class)).collect()
}

/// The effects that refuse a tool and leave it in the list.
const VISIBLE: &[&str] = &["deny", "require_approval"];

/// The effect that takes a tool out of the list as well.
const HIDDEN: &[&str] = &["hide"];

/// Asserts that a call was refused by the wrapper, in the shape that agents and clients are promised.
#[track_caller]
fn assert_refused(answer: &Value, tool: &str, effects: &[&str]) -> Value {
    let result = &answer["result"];
    assert_eq!(result["isError"], true, "not refused: {answer}");
    let content = result["content"].as_array().unwrap();
    assert_eq!(content.len(), 1, "{answer}");
    assert_eq!(content[0]["type"], "text", "{answer}");
    let text = content[0]["text"].as_str().unwrap();
    assert!(text.starts_with("[POLICY DENIED]"), "{text}");
    let decision = &result["_meta"]["policylayer/decision"];
    assert!(effects.iter().any(|effect| decision["effect"] == *effect), "{effects:?}: {answer}");
    assert_eq!(decision["tool"], tool, "{answer}");
    let reason = decision["reason"].as_str().unwrap();
    assert!(!reason.is_empty() && text.contains(reason), "the text gives the reason: {answer}");
    assert!(decision["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{answer}");
    assert_eq!(result.get("resultType"), None, "a legacy request gets no resultType: {answer}");
    decision.clone()
}

/// Asserts that a call went through: the server answered, with what Iterable's API said.
#[track_caller]
fn assert_passed(answer: &Value) {
    let result = &answer["result"];
    assert!(result["content"][0]["text"].is_string(), "not passed: {answer}");
    assert_ne!(result["isError"], true, "{answer}");
}

#[derive(Deserialize)]
struct ListAnswer<'a> {
    #[serde(borrow)]
    result: ListResult<'a>,
}
#[derive(Deserialize)]
struct ListResult<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
}

/// The tools of a tools/list answer, by name, as the server wrote them.
fn tools_as_written(line: &str) -> Vec<(String, &str)> {
    let answer: ListAnswer<'_> = serde_json::from_str(line).unwrap();
    let name = |tool: &str| serde_json::from_str::<Value>(tool).unwrap()["name"].as_str().unwrap().to_owned();
    answer.result.tools.into_iter().map(|tool| (name(tool.get()), tool.get())).collect()
}

/// The whole line that answers tools/list.
fn list_line(client: &mut Client) -> String {
    client.raw(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#);
    let line = client.expect_line();
    String::from_utf8(line.bytes).unwrap()
}

/// What the list line must become: the tools that stay, as they were; all around them as it was.
fn without(line: &str, hidden: impl Fn(&str) -> bool) -> String {
    let tools = tools_as_written(line);
    let all: Vec<&str> = tools.iter().map(|(_, tool)| *tool).collect();
    let kept: Vec<&str> = tools.iter().filter(|(name, _)| !hidden(name)).map(|(_, tool)| *tool).collect();
    let (all, kept) = (all.join(","), kept.join(","));
    assert!(line.contains(&all), "the server writes its list compactly");
    line.replace(&all, &kept)
}

#[test]
fn the_three_line_policy_keeps_its_promise() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let classes = classes();
    let as_written = list_line(&mut session(upstream, &api, Under::Nothing));
    let mut client = session(upstream, &api, THREE_LINES);

    let line = list_line(&mut client);
    let names: Vec<String> = tools_as_written(&line).into_iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name == "cancel_export_job"), "hidden tools are not listed");
    for (tool, _) in tools_as_written(&as_written) {
        let listed = names.contains(&tool);
        assert_eq!(listed, classes[&tool] != "destructive", "{tool}, which is of class {}", classes[&tool]);
    }
    assert_eq!(line, without(&as_written, |tool| classes[tool] == "destructive"), "nothing else of the list changes");

    let decision =
        assert_refused(&client.call("cancel_export_job", json!({"jobId": 4242})), "cancel_export_job", HIDDEN);
    assert_eq!(decision["rule"], "hide[0]");
    assert_eq!(api.arrived(), [], "a refused call reaches nothing");

    assert_passed(&client.call("get_lists", json!({})));
    assert_eq!(api.tools(), ["get_lists"]);

    assert_refused(&client.call("send_campaign", json!({"campaignId": 7})), "send_campaign", VISIBLE);
    assert_refused(&client.call("a_tool_of_tomorrow", json!({})), "a_tool_of_tomorrow", HIDDEN);
    assert_passed(&client.call("create_list", json!({"name": "N"})));
    assert_eq!(api.tools(), ["get_lists", "create_list"]);

    assert_eq!(client.unexpected(), Vec::<String>::new());
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn the_built_in_policy_reads_and_writes_and_does_nothing_that_stays_done() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = session(upstream, &api, Under::BuiltIn);

    let names = client.names("tools");
    let classes = classes();
    for (tool, class) in &classes {
        assert!(class != "destructive" || !names.contains(tool), "{tool} is destructive and listed");
    }
    assert!(names.contains(&"get_lists".into()) && names.contains(&"send_campaign".into()), "{names:?}");

    for (tool, class) in &classes {
        if !matches!(class.as_str(), "read" | "write") {
            let effects = if class == "destructive" { HIDDEN } else { VISIBLE };
            assert_refused(&client.call(tool, json!({})), tool, effects);
        }
    }
    // The server would take the dots as they are, and so read something else than a catalog.
    for name in ["..", ".", "a/../b", "%2e%2e"] {
        let arguments = json!({"catalogName": name});
        assert_refused(&client.call("get_catalog_items", arguments), "get_catalog_items", &["deny"]);
    }
    assert_eq!(api.arrived(), []);
    assert_passed(&client.call("get_lists", json!({})));
    assert_passed(&client.call("get_catalog_items", json!({"catalogName": "Shoes"})));
    for _ in 0..30 {
        assert_passed(&client.call("create_list", json!({"name": "N"})));
    }
    let decision = assert_refused(&client.call("create_list", json!({"name": "N"})), "create_list", &["deny"]);
    assert_eq!(decision["rule"], "builtin:tools.create_list.rate_limit");
    assert!(decision["retry_after"].as_u64().is_some_and(|seconds| (1..=60).contains(&seconds)), "{decision}");
    assert_eq!(api.tools().len(), 32);
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn send_campaign_waits_for_a_person_and_then_reaches_the_api_once() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = iterable(upstream, &api).config("").start(Under::BuiltIn);
    client.initialize(json!({}));
    let home = client.home().to_owned();
    let approvals = |arguments: &[&str]| {
        let mut command = Command::new(support::system::program());
        let command = support::system::at_home(support::system::without_variables(&mut command), &home);
        command.arg("approvals").args(arguments).output().unwrap()
    };
    let waiting = || {
        let listed = approvals(&["list", "--format", "json"]);
        serde_json::from_slice::<Vec<Value>>(&listed.stdout).unwrap_or_else(|error| panic!("{error}: {listed:?}"))
    };
    let call = |client: &mut Client, id: u32, campaign: u32| {
        let params = json!({"name": "send_campaign", "arguments": {"campaignId": campaign}});
        client.send(&json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params}));
        let start = Instant::now();
        loop {
            if let [one] = &waiting()[..] {
                return one["id"].as_str().unwrap().to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "the call never waited");
        }
    };
    let refused = call(&mut client, 501, 76);
    assert!(approvals(&["deny", &refused, "--reason", "Not today."]).status.success());
    let answer = client.expect_response(501).to_string();
    assert!(answer.contains("A person refused this call and says: Not today."), "{answer}");

    let approved = call(&mut client, 502, 77);
    let listed = &waiting()[0];
    assert_eq!((&listed["server"], &listed["tool"]), (&json!("iterable"), &json!("send_campaign")));
    assert_eq!(listed["arguments"], json!({"campaignId": 77}));
    // Other calls go on meanwhile, and this one does not.
    assert_passed(&client.call("get_lists", json!({})));
    // Each question has its preview.
    assert_eq!(api.tools(), ["get_campaign", "get_campaign", "get_lists"]);
    assert!(approvals(&["approve", &approved]).status.success());
    client.expect_response(502);
    assert_eq!(api.tools(), ["get_campaign", "get_campaign", "get_lists", "send_campaign"]);
    assert!(!approvals(&["approve", &approved]).status.success(), "an approval is used once");
    assert_eq!(client.finish().code(), Some(0));
    assert_eq!(api.tools().len(), 4, "once");
}

#[test]
fn a_client_with_dialogues_asks_before_send_campaign() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = iterable(upstream, &api).start(Under::BuiltIn);
    client.initialize(json!({"elicitation": {}}));
    for (id, decision, passes) in [(601, "refuse", false), (602, "approve_once", true)] {
        let params = json!({"name": "send_campaign", "arguments": {"campaignId": id}});
        client.send(&json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":params}));
        let question = client.expect_method("elicitation/create");
        let message = question["params"]["message"].as_str().unwrap();
        assert!(message.contains("send_campaign") && message.contains(&format!("campaignId: {id}")), "{message}");
        // A person reads it.
        std::thread::sleep(READING_TIME);
        let before = api.tools().len();
        let answer = json!({"action": "accept", "content": {"decision": decision}});
        client.send(&json!({"jsonrpc":"2.0","id":question["id"],"result":answer}));
        client.expect_response(id);
        assert_eq!(api.tools().len() - before, usize::from(passes), "{decision}");
    }
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn default_allow_with_hide_takes_one_tool_away() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let as_written = list_line(&mut session(upstream, &api, Under::Nothing));
    let policy = r#"{"version":"1","default":"allow","hide":["cancel_export_job"]}"#;
    let mut client = session(upstream, &api, Under::Policy(policy));

    assert_eq!(list_line(&mut client), without(&as_written, |tool| tool == "cancel_export_job"));
    assert_refused(&client.call("cancel_export_job", json!({"jobId": 4242})), "cancel_export_job", HIDDEN);
    assert_passed(&client.call("create_list", json!({"name": "N"})));
    assert_passed(&client.call("send_campaign", json!({"campaignId": 7})));
    assert_passed(&client.call("delete_list", json!({"listId": 3})));
    assert_eq!(api.tools(), ["create_list", "send_campaign", "delete_list"]);
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn a_prompt_named_after_a_hidden_tool_goes_with_it() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let direct = session(upstream, &api, Under::Nothing).names("prompts");
    assert!(direct.contains(&"get-lists".into()), "this server names prompts after tools: {direct:?}");

    for (hide, listed_before) in [("get_lists", false), ("get_lists", true), ("get_list?", true)] {
        let policy = json!({"version": "1", "default": "allow", "hide": [hide]}).to_string();
        let mut client = session(upstream, &api, Under::Policy(&policy));
        if listed_before {
            assert!(!client.names("tools").contains(&"get_lists".into()));
        }
        let expected: Vec<_> = direct.iter().filter(|name| *name != "get-lists").cloned().collect();
        assert_eq!(client.names("prompts"), expected, "hide {hide}");

        let refused = client.request("prompts/get", json!({"name": "get-lists", "arguments": {}}));
        let message = refused["error"]["message"].as_str().unwrap_or_else(|| panic!("not refused: {refused}"));
        assert!(message.to_lowercase().contains("policy"), "the wrapper's own refusal: {message}");
        let passed = client.request("prompts/get", json!({"name": "get-campaigns", "arguments": {}}));
        assert!(passed["result"]["messages"].is_array(), "{passed}");
        assert_eq!(client.finish().code(), Some(0));
    }
}

/// How the wrapper answers an attempt.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// With a refusal of this tool, for this effect.
    Refused(&'static str),
    /// With a JSON-RPC error: the line is not acceptable.
    Error,
    /// Not at all.
    Nothing,
}

/// A way to call something past a filter.
struct Attempt {
    how: &'static str,
    line: Vec<u8>,
    /// Without the wrapper, the call is carried out.
    works: bool,
    answer: Answer,
}

/// The attempts; every request in them has the id 9.
fn attempts() -> Vec<Attempt> {
    use Answer::{Error, Nothing, Refused};
    const REFUSED: Answer = Refused("cancel_export_job");
    let call = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"cancel_export_job","arguments":{"jobId":4242}}}"#;
    let lists = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"get_lists","arguments":{}}}"#;
    let edit = |from: &str, to: &str| {
        assert!(call.contains(from), "{from}");
        call.replace(from, to).into_bytes()
    };
    let edit_lists = |from: &str, to: &str| {
        assert!(lists.contains(from), "{from}");
        lists.replace(from, to).into_bytes()
    };
    let deep = format!(r#""arguments":{{"a":{}{}}}"#, "[".repeat(300), "]".repeat(300));
    let mut invalid_utf8 = edit_lists(r#""arguments":{}"#, r#""arguments":{"a":"?"}"#);
    let place = invalid_utf8.iter().position(|byte| *byte == b'?').unwrap();
    invalid_utf8[place] = 0xff;

    let attempts: Vec<(&str, Vec<u8>, bool, Answer)> = vec![
        ("a plain call", call.into(), true, REFUSED),
        ("CRLF at the end", format!("{call}\r").into(), true, REFUSED),
        ("spaces around", format!("  {call} ").into(), true, REFUSED),
        ("a tab before", format!("\t{call}").into(), true, Error),
        ("an escaped key", edit(r#""name""#, r#""n\u0061me""#), true, Error),
        ("an escaped name", edit("cancel_export_job", r"cancel\u005fexport_job"), true, REFUSED),
        ("an escaped method", edit("tools/call", r"tools\/c\u0061ll"), true, REFUSED),
        ("another spelling of the id", edit(r#""id":9"#, r#""id":9.0"#), true, REFUSED),
        ("two names, the last counts", edit(r#""name":"#, r#""name":"get_lists","name":"#), true, Error),
        ("two names, the last escaped", edit(r#""name":"#, r#""name":"get_lists","n\u0061me":"#), true, Error),
        ("two methods", edit(r#""method":"#, r#""method":"ping","method":"#), true, Error),
        ("two params", edit(r#""params":"#, r#""params":{"name":"get_lists"},"params":"#), true, Error),
        ("two arguments", edit_lists(r#""arguments":{}"#, r#""arguments":{"a":1},"arguments":{}"#), true, Error),
        ("a key twice in the arguments", edit_lists(r#""arguments":{}"#, r#""arguments":{"a":1,"a":2}"#), true, Error),
        ("two ids", edit(r#""id":9"#, r#""id":9,"id":9"#), true, Error),
        ("a second name in capitals", edit_lists(r#""name":"#, r#""NAME":"cancel_export_job","name":"#), true, Error),
        ("a key cut at NUL", edit_lists(r#""name":"#, r#""name\u0000x":"cancel_export_job","name":"#), true, Error),
        (
            "a key with the long s",
            edit_lists(r#""arguments":"#, "\"argument\u{17f}\":{\"a\":1},\"arguments\":"),
            true,
            Error,
        ),
        ("a method key in capitals", edit(r#""method""#, r#""Method""#), false, Error),
        ("a params key with the long s", edit(r#""params""#, "\"param\u{17f}\""), false, Error),
        ("invalid UTF-8", invalid_utf8, true, Error),
        ("too deep", edit_lists(r#""arguments":{}"#, &deep), true, Error),
        ("no id", edit(r#""id":9,"#, ""), false, Nothing),
        ("an id of null", edit(r#""id":9"#, r#""id":null"#), false, Error),
        ("an id with a fraction", edit(r#""id":9"#, r#""id":1.5"#), false, Error),
        ("a batch", format!("[{call}]").into(), false, Error),
        ("a byte order mark", format!("\u{feff}{call}").into(), false, Error),
        ("a control byte before", format!("\u{1}{call}").into(), false, Error),
        ("a line separator before", format!("\u{2028}{call}").into(), false, Error),
        ("text before", format!("x{call}").into(), false, Error),
        ("two on a line", format!("{lists}{call}").into(), false, Error),
        (
            "behind a bare CR",
            format!("{}\r{call}", r#"{"jsonrpc":"2.0","method":"notifications/x"}"#).into(),
            false,
            Error,
        ),
        (
            "another case of the name",
            edit("cancel_export_job", "Cancel_Export_Job"),
            false,
            Refused("Cancel_Export_Job"),
        ),
        (
            "a space after the name",
            edit("cancel_export_job", "cancel_export_job "),
            false,
            Refused("cancel_export_job "),
        ),
        ("a name that is no string", edit(r#""cancel_export_job""#, r#"["cancel_export_job"]"#), false, Error),
        ("params in an array", call.replace(r#"{"name"#, r#"[{"name"#).replace("}}}", "}}]}").into(), false, Error),
        ("100,000 open brackets", "[".repeat(100_000).into(), false, Error),
    ];
    attempts.into_iter().map(|(how, line, works, answer)| Attempt { how, line, works, answer }).collect()
}

/// What makes the next test worth something: the server itself carries these calls out.
#[test]
fn the_attempts_work_where_no_wrapper_is() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = session(upstream, &api, Under::Nothing);
    for attempt in attempts().into_iter().filter(|attempt| attempt.works) {
        let before = api.arrived().len();
        client.raw(&attempt.line);
        assert!(api.wait_for(before + 1), "{} reached nothing", attempt.how);
    }
}

#[test]
fn no_attempt_gets_past_the_wrapper() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = session(upstream, &api, THREE_LINES);
    for (passed, attempt) in attempts().into_iter().enumerate() {
        let how = attempt.how;
        client.raw(&attempt.line);
        let is_answer = |message: &Value| message.get("id").is_some_and(|id| id == 9 || id == 9.0 || id.is_null());
        match attempt.answer {
            Answer::Refused(tool) => {
                let answer = client.expect(how, is_answer);
                assert_refused(&answer, tool, HIDDEN);
            }
            Answer::Error => {
                let answer = client.expect(how, is_answer);
                let code = answer["error"]["code"].as_i64();
                assert!(matches!(code, Some(-32700 | -32600 | -32602)), "{how}: {answer}");
                assert!(
                    answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()),
                    "{how}: {answer}"
                );
            }
            Answer::Nothing => {}
        }
        // The session goes on; and since the server works in order, what had passed would have arrived by now.
        assert_passed(&client.call("get_lists", json!({})));
        assert_eq!(api.tools(), vec!["get_lists"; passed + 1], "{how}: reached the API");
        assert_eq!(client.unexpected(), Vec::<String>::new(), "{how}: one answer");
    }
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn calls_before_initialize_are_judged_too() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"cancel_export_job","arguments":{"jobId":4242}}}"#;

    let mut direct = iterable(upstream, &api).start(Under::Nothing);
    direct.raw(call);
    direct.expect_response(1);
    assert_eq!(api.tools(), ["cancel_export_job"], "the server carries such a call out");

    let api = Api::start();
    let mut client = iterable(upstream, &api).start(THREE_LINES);
    client.raw(call);
    assert_refused(&client.expect_response(1), "cancel_export_job", HIDDEN);
    assert_passed(&client.call("get_lists", json!({})));
    client.initialize(json!({}));
    assert_passed(&client.call("get_lists", json!({})));
    assert_eq!(api.tools(), ["get_lists", "get_lists"]);
    assert_eq!(client.finish().code(), Some(0));
}

/// A long line is judged as any other, one over the bound is refused, and the session goes on.
#[test]
fn long_lines_leave_the_session_alive() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = session(upstream, &api, THREE_LINES);
    let mut call = |id: u64, megabytes: usize| {
        let padding = "x".repeat(megabytes << 20);
        client.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "cancel_export_job", "arguments": {"jobId": 4242, "padding": padding}}
        }));
        client.expect_response(id)
    };
    assert_refused(&call(1, 20), "cancel_export_job", HIDDEN);
    let over = call(2, 65);
    assert!(over["error"]["message"].as_str().is_some_and(|message| message.contains("67108864")), "{over}");
    assert_passed(&client.call("get_lists", json!({})));
    assert_eq!(api.tools(), ["get_lists"]);
    assert_eq!(client.finish().code(), Some(0));
}

/// Requests as clients write them and as they hardly ever do; each gets one answer from the server.
#[cfg(unix)]
fn exchange() -> Vec<String> {
    let call = |id: &str, tool: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    };
    let forty = "1234567890".repeat(4);
    vec![
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": initialize_params(json!({}))}).to_string(),
        r#"{"method":"tools/list","id":"list","jsonrpc":"2.0"}"#.into(),
        r#"{ "jsonrpc" : "2.0", "id" : "\u0061\/b", "method" : "tools\/list", "params" : { } }"#.into(),
        r#"{"jsonrpc":"2.0","id":-1,"method":"prompts/list","params":{"_meta":{"x":[1e999,-0]}}}"#.into(),
        call("1.0", "get_lists", "{}"),
        call("9007199254740993", "get_campaigns", r#"{"page":1}"#),
        call(r#""x""#, "no_such_tool", "{}"),
        call("1e2", "cancel_export_job", r#"{"jobId":"not a number"}"#),
        call("2", "create_list", r#"{"name":"cut in the middle: \ud83d"}"#),
        call("3", "get_list_size", r#"{"listId":1e999}"#),
        call("4", "get_list_size", &format!(r#"{{"listId":{forty}}}"#)),
        call("5", "get_user_by_email", r#"{"email":"\ud83d@x"}"#),
        call(
            "6",
            "get_lists",
            &format!(r#"{{"Name":"a","name":"b","n":{{"s":"\ud83d","x":1e999,"y":-0,"z":{forty}.{forty}}}}}"#),
        ),
        r#"{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"no such prompt"}}"#.into(),
        r#"{"jsonrpc":"2.0","id":8,"method":"resources/list"}"#.into(),
        r#"{"jsonrpc":"2.0","id":9,"method":"no/such/method","params":{"ſ":"K"}}"#.into(),
        r#"{"jsonrpc":"2.0","id":10,"method":"ping"}"#.into(),
    ]
}

/// Carries the exchange out, one request at a time; what the server's stdin got, and what its stdout gave. It is written
/// down by tee, in a shell.
#[cfg(unix)]
fn record(upstream: &Upstream, api: &Api, under: Under<'_>) -> (String, Vec<String>) {
    let through_tee = Launch::new("sh")
        .arg("-c")
        .arg(r#"tee "$HOME/stdin" | "$0" "$1""#)
        .arg(&upstream.node)
        .arg(upstream.iterable());
    let mut client = with_account(through_tee, api).start(under);
    let mut answers = Vec::new();
    for line in exchange() {
        client.raw(line);
        answers.push(String::from_utf8(client.expect_line().bytes).unwrap());
    }
    client.notify("notifications/initialized");
    client.raw(r#"{"jsonrpc":"2.0","method":"notifications/\u0078","params":{"b":1,"a":[1e999,"\udc00"]}}"#);
    assert_eq!(client.finish().code(), Some(0));
    assert_eq!(client.unexpected(), Vec::<String>::new());
    let stdin = std::fs::read_to_string(client.home().join("stdin")).unwrap();
    (stdin, answers)
}

#[cfg(unix)]
#[test]
fn a_wrapper_that_allows_all_equals_no_wrapper_byte_for_byte() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let (direct_in, direct_out) = record(upstream, &api, Under::Nothing);
    let (wrapped_in, wrapped_out) = record(upstream, &api, ALLOW_ALL);
    assert!(direct_in.starts_with(&exchange().join("\n")), "the recording holds what was sent");
    assert_eq!(wrapped_in, direct_in, "client to server");
    for ((request, direct), wrapped) in exchange().iter().zip(&direct_out).zip(&wrapped_out) {
        // The one thing that the wrapper adds, so that clients listen for a new policy.
        let is_initialize = request.contains(r#""method":"initialize""#);
        let declare = |text: String, list| {
            text.replace(&format!(r#""{list}":{{}}"#), &format!(r#""{list}":{{"listChanged":true}}"#))
        };
        let added = ["tools", "prompts", "resources"].into_iter().fold(direct.clone(), declare);
        assert_eq!(is_initialize, added != *direct, "{direct}");
        assert_eq!(*wrapped, if is_initialize { added } else { direct.clone() }, "the answer to {request}");
    }
    assert_eq!(api.arrived().len() % 2, 0, "both reach the API alike");
}

#[test]
fn an_end_of_the_server_is_told_and_its_exit_code_kept() {
    let Some(upstream) = upstream() else { return };
    // Without a key this server prints a line and ends with 0.
    let mut client = Launch::new(Upstream::ITERABLE).env("PATH", upstream.path_with_iterable()).start(Under::BuiltIn);
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize_params(json!({}))}));
    let answer = client.expect_response(1);
    assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    assert_eq!(client.wait().code(), Some(0), "{}", client.transcript());
    assert!(client.stderr().contains("No API key found"), "{}", client.stderr());
}

/// npx passes no signal on, so its node would live on and go on executing, whether its client kills all that it has started or
/// ends the wrapper by SIGTERM. What lives is read from /proc.
#[cfg(target_os = "linux")]
#[test]
fn behind_npx_it_works_and_nothing_outlives_it() {
    use support::processes::{living, wait_until_gone};

    let Some(upstream) = upstream() else { return };
    for is_killed in [true, false] {
        let api = Api::start();
        let launch = Launch::new(&upstream.npx)
            .arg("-y")
            .arg("@iterable/mcp")
            .folder(&upstream.folder)
            .env("npm_config_update_notifier", "false");
        let mut client = with_account(launch, &api).start(THREE_LINES);
        client.initialize(json!({}));
        assert_refused(&client.call("cancel_export_job", json!({"jobId": 4242})), "cancel_export_job", HIDDEN);
        assert_passed(&client.call("get_lists", json!({})));
        assert_eq!(api.tools(), ["get_lists"]);

        let started = living(client.home());
        assert!(started.iter().any(|process| process.command.contains("iterable-mcp")), "{started:#?}");
        if is_killed {
            client.kill_group();
        } else {
            client.terminate();
            client.wait();
        }
        wait_until_gone(client.home());
    }
}

#[test]
fn the_catalogue_knows_the_arguments_of_every_tool() {
    use policylayer::risk::Catalogue;

    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = session(upstream, &api, Under::Nothing);
    let answer = client.request("tools/list", json!({}));
    let catalogue = Catalogue::for_server("iterable").expect("the catalogue is built in");
    for tool in answer["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let mut known: Vec<&str> =
            catalogue.argument_names(name).unwrap_or_default().iter().map(String::as_str).collect();
        let mut listed: Vec<&str> = tool["inputSchema"]["properties"]
            .as_object()
            .map(|all| all.keys().map(String::as_str).collect())
            .unwrap_or_default();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(known, listed, "{name}");
    }
    assert_eq!(client.finish().code(), Some(0));
}

/// Whether the server of this version has a tool of these versions: `None` is every one, "<1.9.0" those before.
fn has(versions: Option<&str>, version: &str) -> bool {
    let number = |version: &str| -> Vec<u32> { version.split('.').map(|part| part.parse().unwrap()).collect() };
    versions.is_none_or(|versions| number(version) < number(versions.strip_prefix('<').expect("only \"<X\" is known")))
}

#[test]
fn the_catalogue_has_every_tool_of_the_server_and_no_other() {
    use policylayer::risk::Catalogue;
    use std::collections::BTreeSet;

    let catalogue = Catalogue::for_server("iterable").expect("the catalogue is built in");
    assert_eq!(catalogue.tools().len(), 120);
    let Some(upstream) = upstream() else { return };
    let package = upstream.folder.join("node_modules/@iterable/mcp/package.json");
    let package: Value = serde_json::from_str(&std::fs::read_to_string(package).unwrap()).unwrap();
    let version = package["version"].as_str().unwrap();
    assert_eq!((catalogue.package, catalogue.version), ("@iterable/mcp", version));

    let api = Api::start();
    let mut client = session(upstream, &api, Under::Nothing);
    let listed: BTreeSet<String> = client.names("tools").into_iter().collect();
    let known = catalogue.tools().iter().filter(|tool| has(tool.versions.as_deref(), version));
    let known: BTreeSet<String> = known.map(|tool| tool.name.clone()).collect();
    let lacking: Vec<_> = listed.difference(&known).collect();
    assert!(lacking.is_empty(), "the server has tools that the catalogue lacks: {lacking:?}");
    let gone: Vec<_> = known.difference(&listed).collect();
    assert!(gone.is_empty(), "the catalogue has tools that the server no longer has: {gone:?}");
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn nothing_but_the_preview_reaches_the_api_before_a_person_has_approved() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let mut client = iterable(upstream, &api).start(Under::BuiltIn);
    client.initialize(json!({"elicitation": {}}));
    let params = json!({"name": "send_campaign", "arguments": {"campaignId": 78}});
    client.send(&json!({"jsonrpc":"2.0","id":701,"method":"tools/call","params":params}));
    let question = client.expect_method("elicitation/create");
    let message = question["params"]["message"].as_str().unwrap();
    for part in ["Preview: name: Spring sale", "Preview: sendSize: 48211", "sends to people", "campaignId: 78"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(api.tools(), ["get_campaign"]);
    // A person has to read the question first.
    std::thread::sleep(READING_TIME);
    let answer = json!({"action": "accept", "content": {"decision": "approve_once"}});
    client.send(&json!({"jsonrpc":"2.0","id":question["id"],"result":answer}));
    client.expect_response(701);
    assert_eq!(api.tools(), ["get_campaign", "send_campaign"]);
    assert_eq!(client.finish().code(), Some(0));
}

/// What a person is shown by the shipped policy once its destructive tools are in sight, and what reaches the API for that.
#[test]
fn the_shipped_policy_shows_what_is_archived_deleted_or_cancelled() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let shipped = include_str!("../../config/policies/iterable.toml");
    let in_sight = shipped.replace("action = \"hide\"", "action = \"require_approval\"");
    let launch = iterable(upstream, &api);
    let policies = launch.home().join(".config/policylayer/policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("iterable.toml"), in_sight).unwrap();
    let mut client = launch.start(Under::BuiltIn);
    client.initialize(json!({"elicitation": {}}));
    let before = api.tools().len();
    for (id, tool, arguments, reads, shown) in [
        (
            801,
            "archive_campaigns",
            json!({"campaignIds": [78, 79]}),
            "/api/campaigns/78",
            &["id: 78", "name: Spring sale"][..],
        ),
        (802, "delete_templates", json!({"ids": [9]}), "/api/templates/email/get", &["templateId: 9", "name: Receipt"]),
        (
            803,
            "delete_user_by_email",
            json!({"email": "ada@example.com"}),
            "/api/users/ada%40example.com",
            &["user.userId: ada"],
        ),
        (
            804,
            "delete_user_by_user_id",
            json!({"userId": "ada"}),
            "/api/users/byUserId/ada",
            &["user.email: ada@example.com"],
        ),
        (805, "cancel_export_job", json!({"jobId": 4242}), "/api/export/4242/files", &["jobState: running"]),
        // What the read fails for is asked all the same.
        (806, "archive_campaigns", json!({"campaignIds": []}), "", &["args.campaignIds[0] is missing"]),
    ] {
        client
            .send(&json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{"name":tool,"arguments":arguments}}));
        let question = client.expect_method("elicitation/create");
        let message = question["params"]["message"].as_str().unwrap();
        for part in shown {
            assert!(
                message.lines().any(|line| line.starts_with("Preview: ") && line.contains(part)),
                "{part}: {message}"
            );
        }
        if !reads.is_empty() {
            assert_eq!(api.arrived().last().unwrap().route, format!("GET {reads}"), "{tool}");
        }
        client.send(&json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":id}}));
    }
    let made = api.tools().split_off(before);
    assert_eq!(
        made,
        ["get_campaign", "get_email_template", "get_user_by_email", "get_user_by_user_id", "get_export_files"]
    );
    assert_eq!(client.finish().code(), Some(0));
}

/// What the API knows of a person reaches the API again, and never the model.
#[test]
fn a_user_is_found_and_changed_without_being_seen() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let policy = Under::Policy(
        r#"{"version":"1","default":"allow","results":{"stand_ins":["email","phone"],"fields":["userId","dataFields.*","dataFields.*.*"]}}"#,
    );
    let mut client = session(upstream, &api, policy);
    // The model has the address from its person only here.
    let found = client.call("get_user_by_email", json!({"email": "grace.hopper@example.org"}));
    let text = found["result"]["content"][0]["text"].as_str().unwrap();
    let user = &serde_json::from_str::<Value>(text).unwrap()["user"];
    let (email, name) = (user["email"].as_str().unwrap(), user["dataFields"]["firstName"].as_str().unwrap());
    assert!(email.ends_with("@stand-in.invalid"), "{text}");
    assert_eq!(user["dataFields"]["visits"], 12, "{text}");
    let update = json!({"email": email, "dataFields": {"greeting": format!("Dear {name}!"), "city": user["dataFields"]["home"]["city"]}});
    assert_passed(&client.call("update_user", update));
    assert_passed(&client.call("get_user_by_email", json!({"email": email})));

    let arrived = api.arrived();
    let body: Value = serde_json::from_str(&arrived[1].body).unwrap();
    assert_eq!(arrived[1].route, "POST /api/users/update");
    assert_eq!(body["email"], "grace.hopper@example.org");
    assert_eq!(body["dataFields"], json!({"greeting": "Dear Grace!", "city": "Arlington"}));
    assert_eq!((&arrived[2].route, arrived.len()), (&arrived[0].route, 3));
    for line in client.lines() {
        let line = String::from_utf8_lossy(&line.bytes).into_owned();
        for value in ["grace.hopper", "example.org", "gh-1906", "Grace", "2125550123", "Arlington"] {
            assert!(!line.contains(value), "{value} in {line}");
        }
    }
}
