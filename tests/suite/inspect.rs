//! `policylayer inspect`: what an agent would see, of servers that behave and of those that do not. Whatever the server does,
//! nothing of it is left running.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log;
use crate::support::node;
use crate::support::processes;
use crate::support::system::{PATIENCE, example, native};
#[cfg(unix)]
use crate::support::terminal::Terminal;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use log::{Home, Ran};
use node::upstream;
use processes::wait_until_gone;
use serde_json::{Value, json};

/// The stub server, which cargo builds beside the tests.
fn stub() -> String {
    example("stub_server").to_str().unwrap().to_owned()
}

/// What the stub is to answer, with a session that opens.
fn offer(home: &Home, answers: &[(&str, Value)]) -> PathBuf {
    let opened = json!({
        "protocolVersion": "2025-06-18",
        "serverInfo": { "name": "shop", "version": "1.2" },
        "capabilities": { "tools": {}, "prompts": {}, "resources": {} },
    });
    let mut offer = serde_json::Map::new();
    offer.insert("initialize".to_owned(), opened);
    offer.extend(answers.iter().map(|(method, answer)| ((*method).to_owned(), answer.clone())));
    let file = home.path().join("offer.json");
    fs::write(&file, Value::from(offer).to_string()).unwrap();
    file
}

fn tools(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "inputSchema": { "type": "object" } })).collect()
}

/// Inspects the stub with these habits.
fn inspect(home: &Home, options: &[&str], habits: &[&str]) -> Ran {
    let stub = stub();
    let server = ["inspect", "--server", "shop"];
    let ran = home.run(&[&server[..], options, &["--", &stub], habits].concat());
    wait_until_gone(home.path());
    ran
}

/// Inspects a stub that offers this.
fn offered(home: &Home, options: &[&str], answers: &[(&str, Value)]) -> Ran {
    let file = offer(home, answers);
    inspect(home, options, &["--offer", file.to_str().unwrap()])
}

const POLICY: &str = r#"version = "1"
default = "deny"
hide = ["drop_*", "gone"]

[classes.read]
[classes.execute]
action = "require_approval"

[tools.run_import]
rate_limit = "5/minute"
reason = "Reports are dear."
[tools.delete_list]
action = "deny"
class = "destructive"
[tools.send_mial]
"#;

fn shop() -> Vec<(&'static str, Value)> {
    let described = json!([
        { "name": "run_import", "title": "Run a report", "description": "Runs it.\nThen more.", "inputSchema": {}, "x": 1e300 },
        { "name": "drop_table", "inputSchema": {} },
    ]);
    vec![
        ("tools/list", json!({ "tools": tools(&["get_lists", "delete_list"]), "nextCursor": "two" })),
        ("tools/list#two", json!({ "tools": described, "nextCursor": "three" })),
        ("tools/list#three", json!({ "tools": tools(&["do_it"]) })),
        ("prompts/list", json!({ "prompts": [{ "name": "drop-table" }], "nextCursor": "p" })),
        ("prompts/list#p", json!({ "prompts": [{ "name": "greet" }] })),
        ("resources/list", json!({ "resources": [{ "uri": "a:b", "name": "a" }, { "uri": "a:c", "name": "b" }] })),
        ("resources/templates/list", json!({ "resourceTemplates": [{ "uriTemplate": "a:{x}", "name": "t" }] })),
    ]
}

#[test]
fn the_agent_sees_what_the_policy_leaves_of_all_pages() {
    let home = Home::new();
    home.policy("shop.toml", POLICY);
    let ran = offered(&home, &["--format", "json"], &shop());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let view: Value = serde_json::from_str(&ran.out).unwrap();
    let effects: Vec<_> = view["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| {
            let text = |key: &str| tool[key].as_str().unwrap_or("-").to_owned();
            [
                text("name"),
                text("class"),
                text("class_source"),
                text("effect"),
                text("rule"),
                tool["visible"].to_string(),
            ]
            .join(" ")
        })
        .collect();
    assert_eq!(
        effects,
        [
            "get_lists read classifier allow classes.read true",
            "delete_list destructive policy deny tools.delete_list true",
            "run_import execute classifier allow tools.run_import true",
            "drop_table destructive classifier hide hide[0] false",
            "do_it execute classifier require_approval classes.execute true",
        ]
    );
    let report = &view["tools"][2];
    assert_eq!((&report["title"], &report["policy_reason"]), (&json!("Run a report"), &json!("Reports are dear.")));
    assert_eq!(report["limits"], json!([{ "rule": "tools.run_import.rate_limit", "max": 5, "window": 60 }]));
    assert_eq!(
        (&report["risk"], &report["severity"], &report["confidence"]),
        (&json!("high"), &json!("high"), &json!("high"))
    );
    assert_eq!(
        view["prompts"],
        json!([
            { "name": "drop-table", "effect": "hide", "visible": false, "rule": "hide[0]" },
            { "name": "greet", "effect": "hide", "visible": false, "rule": "default" },
        ])
    );
    assert_eq!(
        (&view["resource_list"][0], &view["template_list"]),
        (
            &json!({ "uri": "a:b", "effect": "hide", "rule": "default", "visible": false }),
            &json!([{ "uri": "a:{x}", "effect": "hide", "rule": "default", "visible": false }]),
        )
    );
    assert_eq!((&view["resources"], &view["resource_templates"]), (&json!(2), &json!(1)));
    assert_eq!(
        view["counts"]["by_class"],
        json!({ "destructive": 2, "financial": 0, "execute": 2, "write": 0, "read": 1 })
    );
    assert_eq!(view["counts"]["by_effect"], json!({ "allow": 2, "deny": 1, "hide": 1, "require_approval": 1 }));
    assert_eq!(view["server_info"], json!({ "name": "shop", "version": "1.2" }));
    assert_eq!(view["policy"]["mode"], "standalone");
    let unmatched = view["unmatched_entries"].as_array().unwrap();
    assert_eq!(
        unmatched.iter().map(|entry| entry["rule"].as_str().unwrap()).collect::<Vec<_>>(),
        ["hide[1]", "tools.send_mial"]
    );
    // What hiding took away is the item and the comma before it.
    let (before, after) = (view["bytes"]["before"].as_u64().unwrap(), view["bytes"]["after"].as_u64().unwrap());
    let item = r#"{"inputSchema":{},"name":"drop_table"}"#.len() as u64 + 1;
    assert_eq!(before - after, item);
    assert_eq!(view["tokens_saved"], item / 4);
}

#[test]
fn a_person_reads_the_same() {
    let home = Home::new();
    home.policy("shop.toml", POLICY);
    let ran = offered(&home, &[], &shop());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let file = native(&home.path().join("config/policylayer/policies/shop.toml"));
    let expected = format!(
        r#"Server  shop 1.2, protocol 2025-06-18
Known   not a server that policylayer knows: {}, which no registry vouches for
Policy  {}
The agent sees 4 of 5 tools.

What the agent sees
  TOOL         RISK      SURE    A CALL           MARKS  RULE               WHAT IT DOES
  destructive: 1 tool
  delete_list  critical  policy  refused          !      tools.delete_list
  execute: 2 tools
  do_it        high      low     asks a person           classes.execute
  run_import   high      high    passes 5/minute         tools.run_import   Runs it.
  read: 1 tool
  get_lists    low       high    passes                  classes.read

Hidden from the agent
  TOOL        RISK      SURE  MARKS  RULE     WHAT IT DOES
  destructive: 1 tool
  drop_table  critical  high  !      hide[0]

  !  cannot be undone with the server's own tools
  RISK  how bad one mistaken call is: low, medium, high or critical
  SURE  how sure the class is: set by the policy,
        or by the classifier with this confidence

Classes    2 destructive, 2 execute, 1 read
Decisions  2 allowed, 1 asks a person, 1 refused, 1 hidden
Prompts    0 of 2 visible; hidden: drop-table, greet
Resources  0 of 2 visible; hidden: a:b, a:c
Templates  0 of 1 visible; hidden: a:{{x}}
"#,
        stub(),
        file.display()
    );
    assert!(ran.out.starts_with(&expected), "{}\n{expected}", ran.out);
    let rest = &ran.out[expected.len()..];
    assert!(rest.starts_with("tools/list ") && rest.contains("hiding saves about 9 tokens"), "{rest}");
    assert!(
        rest.ends_with(
            "2 entries of the policy match no tool of this server: gone (hide[1]), tools.send_mial\n\
             Note: the policy refuses 2 resources, 1 template, 2 prompts, about which it says nothing; \
             `beside_tools = \"builtin\"` lets what the server lists be read and used.\n"
        ),
        "{rest}"
    );
}

#[test]
fn what_becomes_of_results_is_said() {
    let home = Home::new();
    home.policy("shop.toml", &format!("{POLICY}\n[results]\nstand_ins = [\"email\"]\n"));
    let said = "with stand-ins for what is found of email";
    let text = offered(&home, &[], &shop()).out;
    assert!(text.contains(&format!("\nResults    {said}\n")), "{text}");
    let json: Value = serde_json::from_str(&offered(&home, &["--format", "json"], &shop()).out).unwrap();
    assert_eq!(json["results"], said);
}

#[test]
fn what_drives_a_terminal_is_escaped() {
    let home = Home::new();
    let evil = "get\u{1b}[2J\u{202e}x";
    let answers = [
        (
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {}, "prompts": {} },
            "serverInfo": { "name": evil, "version": evil } }),
        ),
        ("tools/list", json!({ "tools": [{ "name": evil, "description": evil, "title": evil, "inputSchema": {} }] })),
        ("prompts/list", json!({ "prompts": [{ "name": evil }] })),
    ];
    for options in [&[][..], &["--format", "json"]] {
        let ran = offered(&home, options, &answers);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let is_plain = |text: &str| !text.contains(['\u{1b}', '\u{202e}']);
        assert!(is_plain(&ran.out) && is_plain(&ran.err), "{:?}", ran.out);
        assert!(ran.out.contains("get\\u"), "{}", ran.out);
    }
    let refused = json!("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32603,\"message\":\"no \\u001b[2J\"}}");
    let ran = offered(&home, &[], &[("tools/list", refused)]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("-32603: no \\u{1b}[2J") && ran.err.contains("what to do: "), "{}", ran.err);
}

#[test]
fn a_server_that_is_no_good_ends_with_a_clear_error() {
    let home = Home::new();
    let page = |cursor: &str| json!({ "tools": tools(&["a"]), "nextCursor": cursor });
    let line = |text: &str| json!(text);
    let big = "x".repeat(17 * 1024 * 1024);
    let requests = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n".repeat(100);
    let items: Vec<_> = (0..10_001).map(|n| json!({ "name": format!("t{n}") })).collect();
    for (answer, expected) in [
        (page("$NEXT"), "its tools/list has more than 1000 pages"),
        (json!({ "tools": items }), "its tools/list has more than 10000 items"),
        (json!({ "tools": [{ "name": big }] }), "it wrote more than 16777216 bytes"),
        (json!({ "tools": {} }), "its answer to tools/list has no list `tools`"),
        (line("{\"id\":$ID,\"result\":7,\"jsonrpc\":\"1\"}"), "one of its answers is not a JSON-RPC message"),
        (line("[{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"tools\":[]}}]"), "one of its answers is inside an array"),
        (
            line("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":null,\"error\":{\"code\":-32000,\"message\":\"Shut\"}}"),
            "it answered tools/list with the error -32000: Shut",
        ),
        (json!(requests), "it sent more than 64 requests of its own"),
    ] {
        let start = Instant::now();
        let ran = offered(&home, &[], &[("tools/list", answer)]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{expected}");
        assert!(ran.err.starts_with("error: the server `") && ran.err.contains(expected), "{expected}\n{}", ran.err);
        assert!(ran.err.contains("\nwhat to do: "), "{}", ran.err);
        assert!(start.elapsed() < PATIENCE, "{expected}: {:?}", start.elapsed());
    }
    // A flood from the first moment on, and one while it answers.
    let ran = inspect(&home, &[], &["--flood"]);
    assert!(ran.code == Some(1) && ran.err.contains("it wrote more than 16777216 bytes"), "{}", ran.err);
    let ran = inspect(&home, &[], &["--chatter", "--silent"]);
    // Through Wine's pipes, or on a busy machine, so much does not come within a minute.
    let ends = ["it wrote more than 16777216 bytes", "did not answer within 60 seconds"];
    assert!(ran.code == Some(1) && ends.iter().any(|end| ran.err.contains(end)), "{}", ran.err);
    let ran = inspect(&home, &[], &["--endless-line", "--silent"]);
    assert!(ran.code == Some(1) && ran.err.contains("it wrote more than 16777216 bytes"), "{}", ran.err);
    // No answer of an MCP server.
    let ran = inspect(&home, &[], &[]);
    assert!(ran.code == Some(1) && ran.err.contains("its answer to initialize is not valid"), "{}", ran.err);
    let ran = offered(
        &home,
        &[],
        &[(
            "initialize",
            line("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32000,\"message\":\"Log in first\"}}"),
        )],
    );
    assert!(ran.code == Some(1) && ran.err.contains("with the error -32000: Log in first"), "{}", ran.err);
}

/// Servers that ignore the cursor, go in a circle, or end a list with an empty cursor.
#[test]
fn a_list_that_does_not_end_as_mcp_says_ends_with_a_note() {
    let home = Home::new();
    let opened = |protocol: &str| json!({ "protocolVersion": protocol, "serverInfo": { "name": "shop", "version": "1" }, "capabilities": { "prompts": {} } });
    let page = |name: &str, next: &str| json!({ "tools": tools(&[name]), "nextCursor": next });
    let prompts = |next: &str| json!({ "prompts": [{ "name": "greet" }], "nextCursor": next });
    let repeats = "its tools/list repeats a cursor, so the list was ended there; some clients would never end it";
    let empty = "its tools/list ends with an empty `nextCursor`; MCP ends a list without one";
    for (protocol, pages, names, notes) in [
        // The cursor is ignored: each page is the first.
        ("2025-11-25", vec![("tools/list", page("a", "same"))], vec!["a"], vec![repeats]),
        (
            "2025-06-18",
            vec![("tools/list", page("a", "x")), ("tools/list#x", page("b", "y")), ("tools/list#y", page("c", "x"))],
            vec!["a", "b", "c"],
            vec![repeats],
        ),
        (
            "2025-11-25",
            vec![("tools/list", page("a", "x")), ("tools/list#x", page("b", ""))],
            vec!["a", "b"],
            vec![empty],
        ),
        (
            "2024-11-05",
            vec![("tools/list", json!({ "tools": tools(&["a"]) })), ("prompts/list", prompts(""))],
            vec!["a"],
            vec!["its prompts/list ends with an empty `nextCursor`; MCP ends a list without one"],
        ),
    ] {
        let mut offer = pages;
        offer.push(("initialize", opened(protocol)));
        let ran = offered(&home, &["--format", "json"], &offer);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{notes:?}");
        let view: Value = serde_json::from_str(&ran.out).unwrap();
        let seen: Vec<_> =
            view["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!((seen, &view["notes"]), (names, &json!(notes)));
        let ran = offered(&home, &[], &offer);
        assert!(ran.out.ends_with(&format!("Note: {}.\n", notes[0])), "{}", ran.out);
    }
}

#[test]
fn a_line_that_two_parsers_could_read_differently_reaches_no_agent_here_either() {
    let home = Home::new();
    let twice =
        "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"tools\":[{\"name\":\"a\",\"name\":\"b\",\"inputSchema\":{}}]}}";
    let ran = offered(&home, &["--format", "json"], &[("tools/list", json!(twice))]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let view: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(view["tools"][0]["visible"], false);
    assert_eq!(view["withheld"][0]["method"], "tools/list", "{view}");
    let reason = view["withheld"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("name"), "{reason}");
    // It is the first thing that a person reads.
    let ran = offered(&home, &[], &[("tools/list", json!(twice))]);
    assert!(ran.out.starts_with("The agent gets none of this server's answer to tools/list: "), "{}", ran.out);
}

#[test]
fn what_a_server_prints_beside_the_protocol_does_no_harm() {
    let home = Home::new();
    let noisy = json!(
        "Listening on stdio…\n\n{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"tools\":[]}}"
    );
    let ran = offered(&home, &[], &[("tools/list", noisy)]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("The agent sees 0 of 0 tools."), "{}", ran.out);
    // Text on the line of the answer, and null for what is absent.
    let note = "it prints other text on the line of an answer";
    for (answer, is_noted) in [
        (
            "Ready. {\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{\"tools\":[{\"name\":\"get_a\",\"inputSchema\":{}}]}} done",
            true,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":null,\"result\":{\"tools\":[{\"name\":\"get_a\",\"inputSchema\":{}}],\"nextCursor\":null}}",
            false,
        ),
    ] {
        let ran = offered(&home, &["--format", "json"], &[("tools/list", json!(answer))]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{answer}");
        let view: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&view["tools"][0]["name"], view["tools"][0]["visible"].as_bool()), (&json!("get_a"), Some(true)));
        assert_eq!(view["notes"].to_string().contains(note), is_noted, "{answer}: {}", view["notes"]);
    }
    // Lists that it does not have.
    let ran = offered(&home, &["--format", "json"], &[("tools/list", json!({ "tools": tools(&["get_a"]) }))]);
    let view: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&view["prompts"], &view["resources"], &view["notes"]), (&json!([]), &json!(0), &json!([])));
    // And one that it has and does not give.
    let broken = json!("{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32603,\"message\":\"broken\"}}");
    let ran = offered(&home, &[], &[("tools/list", json!({ "tools": [] })), ("prompts/list", broken)]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.ends_with("Note: it answered prompts/list with the error -32603: broken.\n"), "{}", ran.out);
}

#[test]
fn a_server_that_ends_is_quoted() {
    let home = Home::new();
    let run = |server: &[&str]| {
        let ran = home.run(&[&["inspect", "--"], server].concat());
        wait_until_gone(home.path());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        ran.err
    };
    let stub = stub();
    let err = run(&[&stub, "--say", "one", "--say", "two \u{1b}[2J", "--end", "3"]);
    assert!(err.contains("ended before it had listed what it offers: it exited with code 3"), "{err}");
    assert!(err.contains("\n  one\n  two \\u{1b}[2J\nwhat to do: run the command by itself"), "{err}");
    let said = "Error: set SHOP_TOKEN to your access token";
    let err = run(&[&stub, "--say", "npm notice New version", "--say", said, "--end", "0"]);
    assert!(err.contains("it exited with code 0") && !err.contains("npm notice\n"), "{err}");
    assert!(err.contains("what to do: it asks for a key"), "{err}");
    let set = if cfg!(windows) { "SHOP_TOKEN" } else { "run this again:\n  export SHOP_TOKEN=your-key\n" };
    assert!(err.split("what to do: ").nth(1).unwrap().contains(set), "{err}");
    // What its client starts does not get the variables of this terminal.
    let file = home.path().join(".cursor").join("mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let entry = json!({"mcpServers": {"shop": {"command": stub, "args": ["--say", said, "--end", "0"]}}});
    fs::write(&file, entry.to_string()).unwrap();
    let ran = home.run(&["inspect", "shop"]);
    assert!(ran.err.contains("set SHOP_TOKEN in `env` of its entry"), "{}", ran.err);
    let err = run(&[&stub, "--print", "usage: shop COMMAND", "--end", "0"]);
    assert!(err.contains("where only MCP messages may be:\n  usage: shop COMMAND\nwhat to do: check that the command starts an MCP server"), "{err}");
    #[cfg(unix)]
    {
        let err = run(&["/bin/sh", "-c", "kill -9 $$"]);
        assert!(err.contains("SIGKILL"), "{err}");
    }
    let ran = inspect(&home, &[], &["--exit-at-request", "7"]);
    assert!(ran.err.contains("it exited with code 7"), "{}", ran.err);
    let ran = home.run(&["inspect", "--", "no-such-server"]);
    assert!(
        ran.code == Some(1)
            && ran.err.contains("there is no command `no-such-server`")
            && ran.err.contains("what to do: "),
        "{}",
        ran.err
    );
}

#[test]
fn wrong_usage_and_an_invalid_policy_start_no_server() {
    let home = Home::new();
    let pid = home.path().join("pid");
    let stub = stub();
    let server = ["--", &stub, "--pid", pid.to_str().unwrap()];
    let code = |options: &[&str]| home.run(&[&["inspect"], options, &server].concat()).code;
    fs::write(home.path().join("bad.toml"), "version = 2\n").unwrap();
    assert_eq!(code(&["--policy", "bad.toml"]), Some(3));
    assert_eq!(
        code(&["--policy", "missing.toml"]),
        home.run(&["decide", "--tool", "a", "--policy", "missing.toml"]).code
    );
    assert_eq!(code(&["--server", "a b"]), Some(2));
    assert_eq!(home.run(&["inspect"]).code, Some(2));
    assert!(!pid.exists());
}

/// A running `inspect` of a stub that never answers.
fn waiting(home: &Home, habits: &[&str]) -> std::process::Child {
    let pid = home.path().join("pid");
    let (stub, file) = (stub(), pid.to_str().unwrap().to_owned());
    let mut command = home.command(&[&["inspect", "--", &stub, "--pid", &file][..], habits].concat());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !pid.exists() {
        assert!(start.elapsed() < PATIENCE, "the server never started");
        thread::sleep(Duration::from_millis(10));
    }
    child
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_server_and_what_it_started() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let home = Home::new();
        let grandchild = home.path().join("grandchild");
        let child = waiting(
            &home,
            &["--ignore-signals", "--ignore-eof", "--silent", "--grandchild", grandchild.to_str().unwrap()],
        );
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("interrupted, and the server `"), "{err}");
        wait_until_gone(home.path());
    }
}

#[test]
fn killed_it_leaves_no_server() {
    let home = Home::new();
    let mut child = waiting(&home, &["--ignore-signals", "--ignore-eof", "--silent"]);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(home.path());
}

#[test]
fn a_server_that_ignores_the_end_of_its_stdin_is_ended() {
    let home = Home::new();
    let file = offer(&home, &[("tools/list", json!({ "tools": tools(&["get_a"]) }))]);
    let told = home.path().join("told");
    let mut habits = vec!["--offer", file.to_str().unwrap(), "--ignore-eof"];
    // Windows has no signal to tell of.
    if cfg!(unix) {
        habits.extend(["--tell-signal", told.to_str().unwrap()]);
    }
    let ran = inspect(&home, &[], &habits);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    if cfg!(unix) {
        assert_eq!(fs::read_to_string(told).unwrap(), "15");
    }
    wait_until_gone(home.path());
}

// It needs a pseudo-terminal.
#[cfg(unix)]
#[test]
fn eighty_columns_hold_what_matters() {
    let home = Home::new();
    home.policy("shop.toml", POLICY);
    let file = offer(&home, &shop());
    let stub = stub();
    let mut command = home.command(&["inspect", "--server", "shop", "--", &stub, "--offer", file.to_str().unwrap()]);
    command.env("TERM", "xterm");
    let mut terminal = Terminal::start(command);
    assert!(terminal.end().success());
    terminal.wait("tools.send_mial");
    let written = terminal.written();
    let (spinner, text) = written.split_once("Server  ").unwrap();
    assert!(spinner.contains("starting "), "{spinner:?}");
    let text = anstream::adapter::strip_str(text).to_string();
    let table: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert!(table.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert!(
        text.contains("run_import   high      high    passes 5/minute         tools.…\r\n      Runs it.\r\n"),
        "{text}"
    );
    assert!(text.contains("  tools.…  the entry of the tool's own name\r\n"), "what is left out is explained: {text}");
    assert!(text.contains("RULE\r\n      WHAT IT DOES\r\n"), "{text}");
}

/// Its name is that of a known server, and so are its tools' names; only its policy can make it that.
#[test]
fn a_name_makes_no_known_server() {
    let home = Home::new();
    let file = offer(&home, &[("tools/list", json!({ "tools": tools(&["cancel_export_job", "get_lists"]) }))]);
    let inspect = || {
        let stub = stub();
        let words =
            ["inspect", "--server", "iterable", "--format", "json", "--", &stub, "--offer", file.to_str().unwrap()];
        let view: Value = serde_json::from_str(&home.run(&words).out).unwrap();
        let source = |tool: usize| view["tools"][tool]["class_source"].clone();
        (view["identity"].clone(), [source(0), source(1)])
    };
    let (identity, sources) = inspect();
    assert_eq!((&identity["catalogue"], sources), (&Value::Null, [json!("classifier"), json!("classifier")]));
    assert!(identity["hint"].as_str().unwrap().contains("`catalogue = \"iterable\"`"), "{identity}");
    home.policy("iterable.toml", "version = \"1\"\ncatalogue = \"iterable\"\ndefault = \"deny\"\nhide = []\n");
    let (identity, sources) = inspect();
    assert_eq!((&identity["catalogue"], sources), (&json!("iterable"), [json!("catalogue"), json!("catalogue")]));
    assert!(identity["started"].as_str().unwrap().contains("its policy says that it is iterable"), "{identity}");
}

#[test]
fn the_real_iterable_server_is_shown_whole() {
    let Some(upstream) = upstream() else { return };
    let home = Home::new();
    let command = |with_key: bool, options: &[&str]| {
        let mut command: Command = home.command(&[&["inspect", "--server", "iterable"], options, &["--"]].concat());
        command.arg("iterable-mcp").env("PATH", upstream.path_with_iterable());
        if with_key {
            command.env("ITERABLE_API_KEY", "0123456789abcdef0123456789abcdef");
            for switch in ["ITERABLE_USER_PII", "ITERABLE_ENABLE_WRITES", "ITERABLE_ENABLE_SENDS"] {
                command.env(switch, "true");
            }
        }
        let output = command.output().unwrap();
        wait_until_gone(home.path());
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, out, err) = command(false, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let remedy = if cfg!(windows) {
        "\n  $env:ITERABLE_API_KEY = 'your-key'\n"
    } else {
        "\n  export ITERABLE_API_KEY=your-key\n"
    };
    assert!(err.contains("No API key found") && err.contains(remedy), "{err}");

    let (code, out, err) = command(true, &["--format", "json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let view: Value = serde_json::from_str(&out).unwrap();
    let tools = view["tools"].as_array().unwrap();
    assert_eq!((tools.len(), view["prompts"].as_array().unwrap().len()), (118, 42));
    assert_eq!(view["bytes"]["before"], 91_960);
    let (before, after) = (91_960, view["bytes"]["after"].as_u64().unwrap());
    assert_eq!(view["tokens_saved"], (before - after) / 4);
    assert!(tools.iter().all(|tool| tool["class_source"] == "catalogue"), "{out}");
    let hidden: Vec<_> = tools.iter().filter(|tool| tool["visible"] == false).collect();
    assert!(hidden.iter().all(|tool| tool["effect"] == "hide" && tool["class"] == "destructive"), "{hidden:#?}");
    assert_eq!(hidden.len(), 20);
    assert!(hidden.iter().any(|tool| tool["name"] == "cancel_export_job" && tool["irreversible"] == true));
    let (code, text, _) = command(true, &[]);
    assert_eq!(code, Some(0));
    assert!(text.contains("The agent sees 98 of 118 tools."), "{text}");
    assert!(text.contains("91,960 bytes before, "), "{text}");

    // What the agent sees is what a session passes on.
    fs::write(
        home.path().join("three.json"),
        r#"{"version":"1","default":"deny","hide":["cancel_export_job","get_lists"]}"#,
    )
    .unwrap();
    let (code, out, err) = command(true, &["--format", "json", "--policy", "three.json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let view: Value = serde_json::from_str(&out).unwrap();
    let prompt = view["prompts"].as_array().unwrap().iter().find(|prompt| prompt["name"] == "get-lists").unwrap();
    assert_eq!((&prompt["visible"], &prompt["rule"]), (&json!(false), &json!("hide[1]")));
}

#[test]
fn a_server_is_known_by_its_package_and_not_by_its_place() {
    let Some(upstream) = upstream() else { return };
    let home = Home::new();
    let inspect = |words: &[&OsStr]| -> Value {
        let mut command = home.command(&["inspect", "--format", "json", "--"]);
        command.args(words).arg(home.path());
        command.current_dir(&upstream.folder).env("PATH", std::env::var_os("PATH").unwrap());
        let output = command.output().unwrap();
        // npx, a shell and node.
        wait_until_gone(home.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let view: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(view["server"], "filesystem");
        assert_eq!(view["tools"].as_array().unwrap().len(), 14);
        view
    };
    let package = OsStr::new("@modelcontextprotocol/server-filesystem");
    let known = inspect(&[upstream.npx.as_os_str(), OsStr::new("-y"), package]);
    assert_eq!(known["identity"]["catalogue"], "filesystem");
    let tool = |view: &Value, name: &str| {
        view["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).cloned().unwrap()
    };
    assert!(known["tools"].as_array().unwrap().iter().all(|tool| tool["class_source"] == "catalogue"));
    assert_eq!(tool(&known, "read_text_file")["rule"], "builtin:tools.read_text_file");
    assert_eq!(tool(&known, "write_file")["class"], "write");

    let file = upstream.filesystem();
    let unknown = inspect(&[upstream.node.as_os_str(), file.as_os_str()]);
    assert_eq!(unknown["identity"]["catalogue"], Value::Null);
    let tools = unknown["tools"].as_array().unwrap();
    assert!(tools.iter().all(|tool| tool["class_source"] == "classifier" && tool["confidence"].is_string()));
    assert!(tools.iter().all(|tool| tool["visible"] == true && tool["rule"].as_str().unwrap().starts_with("builtin:")));
    assert_eq!(unknown["bytes"]["before"], unknown["bytes"]["after"]);
}

#[test]
fn a_server_that_asks_the_client_is_answered_and_shown() {
    let Some(upstream) = upstream() else { return };
    let home = Home::new();
    let mut command = home.command(&["inspect", "--format", "json", "--server", "everything", "--"]);
    command.arg(&upstream.node).arg(upstream.everything()).env("PATH", std::env::var_os("PATH").unwrap());
    let output = command.output().unwrap();
    wait_until_gone(home.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<_> = view["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    // Tools that it has only for clients that can do what they need.
    for name in ["echo", "get-roots-list", "trigger-sampling-request", "trigger-elicitation-request"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!((view["prompts"].as_array().unwrap().len(), &view["resource_templates"]), (4, &json!(2)));
    assert!(view["resources"].as_u64().unwrap() > 0 && view["notes"] == json!([]), "{view}");
}
