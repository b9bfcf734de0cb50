//! `policylayer status`: every state of a server, what its wrappers do, and the one thing to do next.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log::Home;
use crate::support::system::{PATIENCE, example, program};

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

fn write(home: &Home, file: &str, value: &Value) {
    let path = home.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, serde_json::to_string_pretty(value).unwrap()).unwrap();
}

/// The servers of one client, by name.
fn servers(status: &Value) -> Vec<(&str, &str)> {
    let servers = status["clients"].as_array().unwrap().iter().flat_map(|client| client["servers"].as_array().unwrap());
    servers.map(|server| (server["name"].as_str().unwrap(), server["state"].as_str().unwrap())).collect()
}

fn status(home: &Home) -> Value {
    home.json(&["status", "--format", "json"])
}

/// An entry that starts the stub server behind a policy.
fn entry(options: &[&str]) -> Value {
    let stub = example("stub_server");
    let args: Vec<_> = [&["wrap"], options, &["--", stub.to_str().unwrap()]].concat();
    json!({ "command": program(), "args": args })
}

#[test]
fn a_desk_without_a_server_says_where_to_look() {
    let home = Home::new();
    let text = home.good(&["status"]);
    assert!(
        text.contains("No MCP client on this machine has a server.") && text.contains("policylayer clients"),
        "{text}"
    );
    let status = status(&home);
    assert_eq!((&status["clients"], &status["next"]), (&json!([]), &Value::Null));
}

#[test]
fn each_server_has_one_state_and_the_worst_comes_next() {
    let home = Home::new();
    home.policy("good.toml", "version = \"1\"\ndefault = \"allow\"\n");
    home.policy("bad.toml", "version = \"1\"\ndefault = \"allwo\"\n");
    let mut desk = json!({
        "good": entry(&["--server", "good"]),
        "seen": entry(&["--observe", "--server", "good"]),
        "bad": entry(&["--server", "bad"]),
        "gone": { "command": program(), "args": ["wrap", "--server", "good", "--", "no-such-server"] },
        "moved": { "command": "/nowhere/policylayer", "args": ["wrap", "--", program()] },
        "both": { "command": program(), "url": "https://x.test/mcp" },
        "odd": entry(&["--bogus", "--server", "good"]),
        "empty": { "command": program(), "args": ["wrap"] },
        "bare": { "command": program() },
        "web": { "url": "https://x.test/mcp?token=sesame" },
    });
    let states = [
        ("good", "protected"),
        ("seen", "observed"),
        ("bad", "broken"),
        ("gone", "broken"),
        ("moved", "broken"),
        ("both", "broken"),
        ("odd", "broken"),
        ("empty", "broken"),
        ("bare", "unprotected"),
        ("web", "out_of_reach"),
    ];
    // What is mended one after the other, and what is next until then.
    for (mended, next) in [
        ("bad", "policylayer doctor "),
        ("gone", "policylayer doctor "),
        ("moved", "policylayer doctor "),
        ("both", "policylayer doctor "),
        ("odd", "policylayer doctor "),
        ("empty", "policylayer doctor "),
        ("bare", "policylayer register bare --client claude-code"),
        ("seen", "policylayer register seen --client claude-code --enforce"),
    ] {
        write(&home, ".claude.json", &json!({ "mcpServers": desk }));
        let status = status(&home);
        let mut found = servers(&status);
        found.sort_unstable();
        let mut expected: Vec<_> = states.into_iter().filter(|(name, _)| desk.get(name).is_some()).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{status:#}");
        let command = status["next"]["command"].as_str().unwrap();
        assert!(command.starts_with(next), "{mended}: {command}");
        let text = home.good(&["status"]);
        assert!(text.contains(command) && !text.contains("sesame"), "{text}");
        for (name, state) in &expected {
            let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap();
            assert!(line.contains(&state.replace('_', " ")), "{line}");
        }
        assert_eq!(text.contains("nothing is enforced"), desk.get("seen").is_some(), "{text}");
        desk.as_object_mut().unwrap().remove(mended);
    }
    write(&home, ".claude.json", &json!({ "mcpServers": desk }));
    let status = status(&home);
    assert_eq!(servers(&status), [("good", "protected"), ("web", "out_of_reach")]);
    assert_eq!(status["next"], Value::Null, "what is out of reach cannot be mended here");
    assert_eq!(status["counts"]["protected"], 1);
}

#[test]
fn an_entry_whose_environment_leads_elsewhere_is_judged_by_that() {
    let home = Home::new();
    home.policy("shop.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("policylayer/policies")).unwrap();
    let bad = elsewhere.join("policylayer").join("policies").join("shop.toml");
    fs::write(&bad, "version = \"1\"\n default = \"allwo\"\n").unwrap();
    let with = |name: &str, value: &str| {
        let mut entry = entry(&["--server", "shop"]);
        entry["env"] = json!({ name: value });
        entry
    };
    let desk = json!({
        "here": entry(&["--server", "shop"]),
        "there": with("XDG_CONFIG_HOME", elsewhere.to_str().unwrap()),
        "relative": with("POLICYLAYER_POLICY", "shop.toml"),
        "empty": with("POLICYLAYER_POLICY", ""),
    });
    write(&home, ".claude.json", &json!({ "mcpServers": desk }));
    let status = status(&home);
    let of = |name: &str| {
        let servers = status["clients"][0]["servers"].as_array().unwrap();
        servers.iter().find(|server| server["name"] == name).unwrap().clone()
    };
    assert_eq!(of("here")["state"], "protected", "{status:#}");
    assert_eq!((of("there")["state"].as_str(), of("there")["policy"].as_str()), (Some("broken"), bad.to_str()));
    assert!(
        of("relative")["reason"].as_str().unwrap().contains("POLICYLAYER_POLICY has a relative path"),
        "{status:#}"
    );
    assert!(of("empty")["reason"].as_str().unwrap().contains("is set but empty"), "{status:#}");
    // `clients` and `doctor` say the same.
    let clients = home.json(&["clients", "--format", "json"]);
    for server in clients["clients"][0]["servers"].as_array().unwrap() {
        assert_eq!(server["state"], of(server["key"].as_str().unwrap())["state"], "{clients:#}");
    }
    let doctor = home.run(&["doctor", "there", "--format", "json"]);
    let doctor: Value = serde_json::from_str(&doctor.out).unwrap();
    assert_eq!(doctor["checks"][0]["state"], "broken");
}

#[test]
fn sessions_that_run_and_what_was_refused_are_counted() {
    let home = Home::new();
    home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n");
    write(&home, ".claude.json", &json!({ "mcpServers": { "shop": entry(&["--server", "shop"]) } }));
    let count = |key: &str| status(&home)["clients"][0]["servers"][0][key].clone();
    assert_eq!((count("sessions"), count("refused_last_day"), count("waiting")), (json!(0), json!(0), json!(0)));

    let stub = example("stub_server");
    let mut wrapper = home.command(&["wrap", "--server", "shop", "--", stub.to_str().unwrap()]);
    let mut wrapper = wrapper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = wrapper.stdin.take().unwrap();
    writeln!(stdin, r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"drop"}}}}"#).unwrap();
    let mut answer = String::new();
    BufReader::new(wrapper.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    assert!(answer.contains("POLICY DENIED"), "{answer}");
    // The log is written beside the answer.
    let start = std::time::Instant::now();
    while count("refused_last_day") != json!(1) || count("sessions") != json!(1) {
        assert!(start.elapsed() < PATIENCE, "{:#}", status(&home));
    }
    let text = home.good(&["status"]);
    assert!(text.contains("1 session runs, 1 refused in the last day"), "{text}");
    drop(stdin);
    assert!(wrapper.wait().unwrap().success());
    assert_eq!((count("sessions"), count("refused_last_day")), (json!(0), json!(1)));
}

#[test]
fn what_is_locked_is_said() {
    let home = Home::new();
    for name in ["held", "broken", "off", "none"] {
        let lock = if name == "off" { "lock = \"off\"\n" } else { "" };
        home.policy(&format!("{name}.toml"), &format!("version = \"1\"\ndefault = \"allow\"\n{lock}"));
    }
    let offer = json!({
        "initialize": { "protocolVersion": "2025-06-18", "serverInfo": { "name": "shop", "version": "1" }, "capabilities": { "tools": {} } },
        "tools/list": { "tools": [{ "name": "get_it", "inputSchema": {} }] },
    });
    write(&home, "offer.json", &offer);
    let offer = home.path().join("offer.json");
    let entry = |options: &[&str]| {
        let mut entry = entry(options);
        entry["args"].as_array_mut().unwrap().extend([json!("--offer"), json!(offer)]);
        entry
    };
    let desk: serde_json::Map<_, _> = ["held", "broken", "off", "none"]
        .into_iter()
        .map(|name| (name.to_owned(), entry(&["--server", name])))
        .chain([("bare".to_owned(), json!({ "command": program() }))])
        .collect();
    write(&home, ".claude.json", &json!({ "mcpServers": desk }));
    for name in ["held", "off"] {
        let ran = home.run(&["lock", name, "--yes"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    }
    home.policy("broken.lock.json", "{");
    let status = status(&home);
    let of = |name: &str| {
        let all = status["clients"][0]["servers"].as_array().unwrap();
        all.iter().find(|server| server["name"] == name).unwrap()["lock"].clone()
    };
    assert_eq!(
        (of("held"), of("broken"), of("off"), of("none")),
        (json!("held"), json!("unreadable"), json!("off"), json!("none"))
    );
    assert_eq!(of("bare"), Value::Null);
    assert!(home.good(&["status"]).contains("locked"));
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let home = Home::new();
    fs::create_dir_all(home.path().join(".cursor")).unwrap();
    fs::write(home.path().join(".cursor/mcp.json"), "{\"mcpServers\": [}\n").unwrap();
    write(&home, ".claude.json", &json!({ "mcpServers": { "bare": { "command": program() } } }));
    let text = home.good(&["status"]);
    assert!(text.contains("cannot be read: line 1, column 17") && text.contains("bare"), "{text}");
    assert_eq!(status(&home)["next"]["command"], "policylayer doctor --client cursor");
}

#[test]
fn without_a_terminal_a_bare_command_line_is_wrong_usage() {
    let ran = Home::new().run(&[]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("Usage:"), "{}", ran.err);
}

#[cfg(unix)]
mod on_a_terminal {
    use super::*;
    use crate::support::terminal::Terminal;
    use std::process::Command;
    use unicode_width::UnicodeWidthStr as _;

    fn shown(home: &Home, args: &[&str], columns: u16) -> String {
        let mut command: Command = home.command(args);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let mut terminal = Terminal::start_sized(command, columns, 40);
        terminal.wait(if args.is_empty() { "lists the commands" } else { "Next: policylayer" });
        assert!(terminal.end().success());
        terminal.written().replace('\r', "")
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_broken() {
        let home = Home::new();
        let long = "send_".repeat(20);
        write(
            &home,
            ".claude.json",
            &json!({ "mcpServers": {
                "good": entry(&["--server", "shop"]),
                "bare": { "command": program() },
                "web": { "url": "https://x.test/mcp?token=sesame" },
                &long: { "command": program() },
            } }),
        );
        for columns in [60, 80, 140] {
            let text = shown(&home, &["status"], columns);
            for line in text.lines() {
                // A path is not broken.
                let is_whole = line.split(' ').any(|word| word.width() + 20 > usize::from(columns));
                assert!(line.width() <= usize::from(columns) || is_whole, "{columns}: {line}");
            }
            for word in
                ["protected", "unprotected", "out of reach", "built-in policy", "Next: policylayer register --all"]
            {
                assert!(text.contains(word), "{columns}: {word} in {text}");
            }
            assert!(text.contains("send_send_…") || text.contains("send_send_send_sen…"), "a cut is marked: {text}");
        }
    }

    #[test]
    fn a_bare_command_line_shows_it_above_the_usage() {
        let home = Home::new();
        write(&home, ".claude.json", &json!({ "mcpServers": { "bare": { "command": program() } } }));
        let text = shown(&home, &[], 80);
        let (status, usage) = text.split_once("Usage:").unwrap();
        assert!(status.contains("Next: policylayer register bare") && usage.contains("policylayer help"), "{text}");
    }
}

/// Claude Code keeps servers of the user for each project: what to run is run there, as here there is no such server.
#[test]
fn what_is_told_about_a_server_of_another_project_is_run_there() {
    let home = Home::new();
    let other = home.path().join("other project");
    fs::create_dir_all(&other).unwrap();
    let place = other.to_str().unwrap();
    let stub = example("stub_server");
    for (server, verb) in [
        (json!({ "command": stub }), "register"),
        (json!({ "command": "/nowhere/policylayer", "args": ["wrap", "--", stub] }), "doctor"),
    ] {
        write(&home, ".claude.json", &json!({ "projects": { place: { "mcpServers": { "local": server } } } }));
        let status = status(&home);
        let command = status["next"]["command"].as_str().unwrap();
        let own = format!("policylayer {verb} local --client claude-code");
        let whole = if cfg!(windows) { format!("cd \"{place}\"; {own}") } else { format!("(cd '{place}' && {own})") };
        assert_eq!(command, whole);
        if verb == "doctor" {
            let remedy = status["clients"][0]["servers"][0]["remedy"].as_str().unwrap();
            assert!(remedy.contains(place) && remedy.contains("policylayer register local"), "{remedy}");
        }
        // In the project itself, nothing leads there.
        let mut there = home.command(&["status", "--format", "json"]);
        let out = there.current_dir(&other).output().unwrap().stdout;
        let there: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(there["next"]["command"], own);
    }
}
