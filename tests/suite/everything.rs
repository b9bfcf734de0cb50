//! `policylayer wrap` over the reference servers: one that does everything the protocol knows, requests to the client
//! included, and one that touches files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
#[cfg(target_os = "linux")]
use support::client::Client;
use support::client::{Launch, Under};
use support::node::{Upstream, upstream};

const HIDE_ECHO: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow","hide":["echo"]}"#);
const ALLOW_ALL: Under<'_> = Under::Policy(r#"{"version":"1","default":"allow"}"#);

fn everything(upstream: &Upstream) -> Launch {
    Launch::new(&upstream.node).arg(upstream.everything()).arg("stdio")
}

#[track_caller]
fn assert_refused(answer: &Value, tool: &str, effect: &str) {
    let result = &answer["result"];
    assert_eq!(result["isError"], true, "not refused: {answer}");
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with("[POLICY DENIED]"), "{answer}");
    assert_eq!(result["_meta"]["policylayer/decision"]["tool"], tool, "{answer}");
    assert_eq!(result["_meta"]["policylayer/decision"]["effect"], effect, "{answer}");
}

fn text(answer: &Value) -> String {
    let content = answer["result"]["content"].as_array().unwrap_or_else(|| panic!("no content: {answer}"));
    content.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn call(id: u64, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {"prompt": "Hi"}}})
}

#[test]
fn one_tool_is_hidden_and_all_else_is_there() {
    let Some(upstream) = upstream() else { return };
    let mut direct = everything(upstream).start(Under::Nothing);
    direct.initialize(json!({}));
    let mut client = everything(upstream).start(HIDE_ECHO);
    client.initialize(json!({}));

    let mut tools = direct.names("tools");
    assert!(tools.contains(&"echo".into()));
    tools.retain(|tool| tool != "echo");
    assert_eq!(client.names("tools"), tools);
    assert_refused(&client.call("echo", json!({"message": "x"})), "echo", "hide");
    assert_eq!(
        text(&client.call("get-sum", json!({"a": 2, "b": 3}))),
        text(&direct.call("get-sum", json!({"a": 2, "b": 3})))
    );

    for kind in ["prompts", "resources"] {
        assert_eq!(client.names(kind), direct.names(kind), "{kind}");
    }
    let read = json!({"uri": "demo://resource/static/document/features.md"});
    let get = json!({"name": "args-prompt", "arguments": {"city": "Bern"}});
    for (method, params) in [("resources/read", read), ("prompts/get", get)] {
        let (wrapped, plain) = (client.request(method, params.clone()), direct.request(method, params));
        assert!(plain["result"].is_object(), "{plain}");
        assert_eq!(wrapped["result"], plain["result"], "{method}");
    }
    assert_eq!(client.finish().code(), Some(0));
}

/// The server asks for the roots, and works with the answer.
#[test]
fn a_request_of_the_server_reaches_the_client_and_its_answer_the_server() {
    let Some(upstream) = upstream() else { return };
    let mut client = everything(upstream).start(HIDE_ECHO);
    client.initialize(json!({"roots": {"listChanged": true}}));
    let request = client.expect_method("roots/list");
    let roots = json!([{"uri": "file:///srv/seventh-root", "name": "Seventh"}]);
    client.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": {"roots": roots}}));
    client.expect_method("notifications/message");
    let answer = text(&client.call("get-roots-list", json!({})));
    assert!(answer.contains("file:///srv/seventh-root"), "{answer}");
    assert_eq!(client.finish().code(), Some(0));
}

/// The ids of the two directions are separate numbers: here the same id is open in both, three times.
#[test]
fn ids_that_collide_are_kept_apart() {
    let Some(upstream) = upstream() else { return };
    let mut client = everything(upstream).start(HIDE_ECHO);
    client.initialize(json!({"sampling": {}, "elicitation": {}}));
    // Two of this server's tools are registered only now.
    client.expect_method("notifications/tools/list_changed");

    let sampled = |text: &str| json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": text}});
    let accepted = json!({"action": "accept", "content": {"name": "Ann Onymous"}});
    let rounds = [
        ("trigger-sampling-request", "sampling/createMessage", sampled("a first answer"), "a first answer"),
        ("trigger-elicitation-request", "elicitation/create", accepted, "Ann Onymous"),
        ("trigger-sampling-request", "sampling/createMessage", sampled("a second answer"), "a second answer"),
    ];
    for (id, (tool, method, result, outcome)) in (0_u64..).zip(rounds) {
        client.send(&call(id, tool));
        let request = client.expect_method(method);
        assert_eq!(request["id"], id, "this server counts from 0, and so do we: {request}");
        client.no_response_within(Duration::from_millis(50), id);
        client.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
        let answer = text(&client.expect_response(id));
        assert!(answer.contains(outcome), "{answer}");
    }
    assert_eq!(client.finish().code(), Some(0));
}

/// A client's error as the answer to a server's request reaches the server as well.
#[test]
fn an_error_of_the_client_reaches_the_server() {
    let Some(upstream) = upstream() else { return };
    let mut client = everything(upstream).start(ALLOW_ALL);
    client.initialize(json!({"sampling": {}}));
    client.expect_method("notifications/tools/list_changed");
    client.send(&call(0, "trigger-sampling-request"));
    let request = client.expect_method("sampling/createMessage");
    client.send(&json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -1, "message": "The user said no."}}));
    let answer = client.expect_response(0);
    assert!(answer.to_string().contains("The user said no."), "{answer}");
    assert_eq!(client.finish().code(), Some(0));
}

#[test]
fn progress_passes_in_order_and_before_the_answer() {
    let Some(upstream) = upstream() else { return };
    let mut client = everything(upstream).start(HIDE_ECHO);
    client.initialize(json!({}));
    let start = client.lines().len();
    let answer = client.request(
        "tools/call",
        json!({
            "_meta": {"progressToken": "the token"},
            "name": "trigger-long-running-operation",
            "arguments": {"duration": 0.4, "steps": 8}
        }),
    );
    assert!(answer["result"]["content"].is_array(), "{answer}");
    let seen: Vec<Value> = client.lines()[start..].iter().map(|line| line.json().unwrap()).collect();
    let progress: Vec<&Value> = seen.iter().filter(|message| message["method"] == "notifications/progress").collect();
    let steps: Vec<u64> = progress.iter().map(|message| message["params"]["progress"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(progress.iter().all(|message| message["params"]["progressToken"] == "the token"), "{progress:?}");
    assert_eq!(seen.last().unwrap()["id"], answer["id"], "the answer comes last");
    assert_eq!(client.finish().code(), Some(0));
}

/// The exchange runs twice, and each line of the server must be the same.
#[test]
fn a_wrapper_that_allows_all_equals_no_wrapper() {
    let Some(upstream) = upstream() else { return };
    let forty = "9876543210".repeat(4);
    let echo = |id: &str, message: &str| {
        format!(
            r#"{{"id":{id},"method":"tools/call","params":{{"arguments":{{"message":{message},"n":[1e999,-0,{forty}]}},"name":"echo"}},"jsonrpc":"2.0"}}"#
        )
    };
    let lines = [
        r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":2,"method":"resources/templates/list"}"#.to_owned(),
        echo("3.0", r#""cut in the middle: \ud83d""#),
        echo("-9007199254740991", r#""\u2028 and \u0000 and \uD83D\uDE00""#),
        echo(r#""\u0000""#, r#""raw: é 😀""#),
        echo("4", "1e999"),
        r#"{"jsonrpc":"2.0","id":5,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"completable-prompt"},"argument":{"name":"department","value":"E"}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"get-tiny-image","arguments":{}}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"method":"server/discover","params":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#.to_owned(),
    ];
    let record = |under| {
        let mut client = everything(upstream).start(under);
        let answers = lines.each_ref().map(|line| {
            client.raw(line);
            // Some notifications come when they like; the answers are what can be compared one by one.
            loop {
                let line = client.expect_line();
                let line = String::from_utf8(line.bytes).unwrap();
                if !line.contains(r#""method":"#) {
                    return line;
                }
            }
        });
        assert_eq!(client.finish().code(), Some(0));
        answers
    };
    let (direct, wrapped) = (record(Under::Nothing), record(ALLOW_ALL));
    for ((line, direct), wrapped) in lines.iter().zip(direct).zip(wrapped) {
        assert_eq!(wrapped, direct, "the answer to {line}");
    }
}

/// Once its simulated logging runs, this server ignores a closed stdin. That it lives is read from /proc.
#[cfg(target_os = "linux")]
fn stubborn(upstream: &Upstream) -> Client {
    let mut client = everything(upstream).start(ALLOW_ALL);
    client.initialize(json!({}));
    client.call("toggle-simulated-logging", json!({}));
    assert!(support::processes::living(client.home()).iter().any(|process| process.command.contains("everything")));
    client
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_ignores_a_closed_stdin_is_ended() {
    let Some(upstream) = upstream() else { return };
    let mut client = stubborn(upstream);
    client.close_stdin();
    // Five seconds of grace, then SIGTERM, two more, then SIGKILL.
    client.wait();
    support::processes::wait_until_gone(client.home());
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_ignores_a_closed_stdin_does_not_outlive_a_killed_wrapper() {
    let Some(upstream) = upstream() else { return };
    for kill in [Client::kill, Client::kill_group] {
        let mut client = stubborn(upstream);
        kill(&mut client);
        support::processes::wait_until_gone(client.home());
    }
}

#[cfg(unix)]
#[test]
fn sigterm_ends_all() {
    let Some(upstream) = upstream() else { return };
    let mut client = everything(upstream).start(ALLOW_ALL);
    client.initialize(json!({}));
    client.terminate();
    client.wait();
    #[cfg(target_os = "linux")]
    support::processes::wait_until_gone(client.home());
}

#[test]
fn a_refused_write_leaves_the_disk_as_it_was() {
    let Some(upstream) = upstream() else { return };
    let policy = r#"{"version":"1","default":"allow","tools":{"write_file":{"action":"deny","reason":"This folder is for reading."}}}"#;
    for under in [Under::Nothing, Under::Policy(policy)] {
        let launch = Launch::new(&upstream.node).arg(upstream.filesystem());
        // As the server resolves it: a temporary folder may lie behind a symbolic link.
        let folder = fs::canonicalize(launch.home()).unwrap().join("files");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("there.txt"), "what was there").unwrap();
        let mut client = launch.arg(&folder).start(under);
        client.initialize(json!({}));

        assert!(client.names("tools").contains(&"write_file".into()), "denied tools stay visible");
        assert!(text(&client.call("list_directory", json!({"path": folder}))).contains("there.txt"));
        assert_eq!(text(&client.call("read_text_file", json!({"path": folder.join("there.txt")}))), "what was there");

        let write = |file: &str| json!({"path": folder.join(file), "content": "overwritten"});
        let answers = [client.call("write_file", write("there.txt")), client.call("write_file", write("new.txt"))];
        if matches!(under, Under::Nothing) {
            // The control: without the wrapper, these very calls write.
            assert_eq!(fs::read_to_string(folder.join("there.txt")).unwrap(), "overwritten");
            assert!(folder.join("new.txt").exists());
        } else {
            for answer in &answers {
                assert_refused(answer, "write_file", "deny");
                assert!(text(answer).contains("This folder is for reading."), "{answer}");
            }
            assert_eq!(fs::read_to_string(folder.join("there.txt")).unwrap(), "what was there");
            assert!(!folder.join("new.txt").exists());
        }
        assert_eq!(client.finish().code(), Some(0));
    }
}

/// Under `default = "deny"` only what is listed is there.
#[test]
fn a_list_of_tools_is_all_there_is() {
    let Some(upstream) = upstream() else { return };
    let policy = r#"{"version":"1","default":"deny","tools":{"read_text_file":{},"list_*":{"action":"allow"}}}"#;
    let launch = Launch::new(&upstream.node).arg(upstream.filesystem());
    let folder = fs::canonicalize(launch.home()).unwrap();
    let mut client = launch.arg(&folder).start(Under::Policy(policy));
    client.initialize(json!({}));
    let mut names = client.names("tools");
    names.sort();
    assert_eq!(names, ["list_allowed_directories", "list_directory", "list_directory_with_sizes", "read_text_file"]);
    assert_refused(&client.call("create_directory", json!({"path": folder.join("new")})), "create_directory", "hide");
    assert!(!folder.join("new").exists());
    assert!(text(&client.call("list_directory", json!({"path": folder}))).contains("policy.json"));
    assert_eq!(client.finish().code(), Some(0));
}
