//! `policylayer register --all` and `unregister --all` in whole homes with several clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::log::{Home, Ran};
use crate::support::system::{may_link, native, program, symlink};
#[cfg(unix)]
use crate::support::terminal::Terminal;

use serde_json::{Value, json};

const DESKTOP: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Claude/claude_desktop_config.json"
} else {
    "config/Claude/claude_desktop_config.json"
};
const VSCODE: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Code/User/mcp.json"
} else {
    "config/Code/User/mcp.json"
};

/// A desk: Claude Desktop, Claude Code, Cursor, VS Code, Codex and Gemini, each with its habits of writing.
const DESK: [(&str, &str); 7] = [
    (
        DESKTOP,
        "{\n  \"mcpServers\": {\n    \"iterable\": {\n      \"command\": \"npx\",\n      \"args\": [\n        \"-y\",\n        \
         \"@iterable/mcp\"\n      ],\n      \"env\": { \"ITERABLE_API_KEY\": \"sesame\" }\n    },\n    \"db\": { \"command\": \
         \"db-mcp\" }\n  },\n  \"theme\": \"dark\"\n}",
    ),
    (
        ".claude.json",
        "{\"numStartups\":7,\"mcpServers\":{\"web\":{\"type\":\"http\",\"url\":\"https://x.test/mcp?token=sesame\"}},\
         \"projects\":{\"/a/b\":{\"mcpServers\":{\"db\":{\"type\":\"stdio\",\"command\":\"node\",\"args\":[\"/srv/db.js\"]}}},\
         \"/none\":{\"allowedTools\":[]}}}\n",
    ),
    (
        ".cursor/mcp.json",
        "{\r\n\t\"mcpServers\": {\r\n\t\t\"iterable\": {\"command\": \"npx\", \"args\": []}\r\n\t}\r\n}\r\n",
    ),
    (
        ".mcp.json",
        "{\n  \"mcpServers\": { \"shared\": { \"command\": \"uvx\", \"args\": [\"mcp-server-time\"] } }\n}\n",
    ),
    (
        VSCODE,
        "{\n  // mine\n  \"servers\": {\n    \"everything\": {\n      \"type\": \"stdio\",\n      \"command\": \"npx\",\n      \
         \"args\": [\"-y\", \"@modelcontextprotocol/server-everything\"], // all of it\n    },\n  },\n  \"inputs\": [],\n}\n",
    ),
    (
        ".codex/config.toml",
        "model = \"o5\"\n\n[mcp_servers.docs]\ncommand = 'docs-mcp'\nenv = { KEY = \"sesame\" }\n\n[mcp_servers.\"with \
         blank\"]\ncommand = \"x\" # why\nargs = [ 'a' ]\nenabled = false\n",
    ),
    (
        ".gemini/settings.json",
        "{\"mcpServers\": {\"time\": {\"command\": \"uvx\", \"args\": [\"mcp-server-time\"], \"trust\": true}}}",
    ),
];

fn write(home: &Home, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = native(&home.path().join(file));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn desk() -> Home {
    let home = Home::new();
    DESK.iter().for_each(|(file, text)| drop(write(&home, file, text)));
    home
}

/// Every file of the clients below the home, with its bytes.
fn snapshot(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut dirs) = (BTreeMap::new(), vec![home.path().to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // The program's own.
                if path.file_name().is_none_or(|name| name != "state" && name != "policylayer") {
                    dirs.push(path);
                }
            } else if !path.to_string_lossy().contains("policylayer-backup") {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What happens to each server: `client/folder/server` and the action.
fn actions(report: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in report["files"].as_array().unwrap() {
        for server in file["servers"].as_array().unwrap() {
            let key = format!("{}/{}", file["client"].as_str().unwrap(), server["name"].as_str().unwrap());
            all.insert(key, server["action"].as_str().unwrap().to_owned());
        }
    }
    all
}

fn run_json(home: &Home, args: &[&str], code: i32) -> Value {
    let ran = home.run(args);
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

fn states(home: &Home) -> BTreeMap<String, String> {
    let status = home.json(&["status", "--format", "json"]);
    let clients = status["clients"].as_array().unwrap();
    let of = |client: &Value| {
        let id = client["client"].as_str().unwrap().to_owned();
        let state = move |server: &Value| {
            (format!("{id}/{}", server["name"].as_str().unwrap()), server["state"].as_str().unwrap().to_owned())
        };
        client["servers"].as_array().unwrap().iter().map(state).collect::<Vec<_>>()
    };
    clients.iter().flat_map(of).collect()
}

fn code(ran: &Ran, code: i32) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.out, ran.err);
}

#[test]
fn a_whole_desk_goes_there_and_back_byte_for_byte() {
    let home = desk();
    let before = snapshot(&home);
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 0);
    for words in [
        "Claude Desktop (claude-desktop)",
        "Claude Code (claude-code), for /a/b",
        "9 servers in 7 files",
        "out of reach",
        "The file belongs to the project",
        "its client is told not to start it",
        "To undo it: policylayer unregister --all\n",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.out.contains("sesame"), "{}", ran.out);
    // Which policy is in force is known of a program that its client can start, as it does npx where that is in the usual PATH.
    assert!(cfg!(windows) || ran.out.contains("built-in policy: "), "{}", ran.out);
    // `status` cannot find these programs, and yet says that they are wrapped.
    let all = run_json(&home, &["register", "--all", "--format", "json"], 0);
    assert_eq!(all["applied"], false);
    let actions = actions(&all);
    assert_eq!(actions.len(), 10, "{actions:?}");
    assert!(
        actions.iter().all(|(name, action)| *action == if name == "claude-code/web" { "out_of_reach" } else { "none" })
    );
    // The rest of each file is as it was.
    let codex = fs::read_to_string(home.path().join(".codex/config.toml")).unwrap();
    assert!(
        codex.contains("model = \"o5\"") && codex.contains("# why") && codex.contains("enabled = false"),
        "{codex}"
    );
    let ran = home.run(&["unregister", "--all", "--yes"]);
    code(&ran, 0);
    assert!(ran.out.contains("9 servers in 7 files"), "{}", ran.out);
    assert_eq!(snapshot(&home), before);
    let ran = home.run(&["unregister", "--all"]);
    code(&ran, 0);
    assert!(ran.out.contains("nothing to change"), "{}", ran.out);
}

#[test]
fn nothing_is_written_unless_somebody_agrees() {
    let home = desk();
    let before = snapshot(&home);
    for args in [&["register", "--all"][..], &["register", "--all", "--format", "json"]] {
        let ran = home.run(args);
        code(&ran, 2);
        assert!(ran.err.contains("nobody can be asked") && ran.err.contains("--all --yes"), "{}", ran.err);
        assert!(ran.out.contains("iterable"), "the plan is shown: {}", ran.out);
    }
    let ran = home.run(&["register", "--all", "--dry-run"]);
    code(&ran, 0);
    assert!(ran.out.contains("+  ") && ran.out.contains("\"wrap\"") && !ran.out.contains("sesame"), "{}", ran.out);
    assert_eq!(snapshot(&home), before);
    for args in [
        &["register", "iterable", "--yes"][..],
        &["register", "iterable", "--format", "json"],
        &["register", "iterable", "--all"],
        &["register", "--all", "--all-clients"],
        &["register", "--all", "--server", "x"],
        &["register", "--all", "--", "srv"],
        &["unregister", "iterable", "--all"],
    ] {
        code(&home.run(args), 2);
    }
    assert_eq!(snapshot(&home), before);
}

#[cfg(unix)]
#[test]
fn a_person_sees_the_plan_and_is_asked() {
    for (columns, keys, changes) in [(80, "\r", true), (140, "\u{1b}[B\r", false), (80, "q", false)] {
        let home = desk();
        let before = snapshot(&home);
        let mut terminal = Terminal::start_sized(home.command(&["register", "--all"]), columns, 50);
        terminal.wait("yes, change 9 servers in 7 files");
        assert_eq!(snapshot(&home), before);
        terminal.type_in(keys);
        let status = terminal.end();
        assert_eq!(status.success(), changes, "{}", terminal.written());
        assert_eq!(snapshot(&home) != before, changes);
        if !changes {
            terminal.wait("Nothing was changed.");
            continue;
        }
        // What takes protection away is not the first choice.
        let mut terminal = Terminal::start_sized(home.command(&["unregister", "--all"]), columns, 50);
        terminal.wait("yes, change 9 servers in 7 files");
        terminal.type_in("\r");
        assert!(!terminal.end().success());
        assert_ne!(snapshot(&home), before);
    }
}

#[cfg(unix)]
#[test]
fn what_changes_before_the_answer_is_not_written_over() {
    let home = desk();
    let file = home.path().join(".cursor/mcp.json");
    let mut terminal = Terminal::start_sized(home.command(&["register", "--all"]), 80, 60);
    terminal.wait("yes, change 9 servers in 7 files");
    fs::write(&file, "{\"mcpServers\": {}}").unwrap();
    terminal.type_in("\r");
    assert!(!terminal.end().success());
    terminal.wait("1 file could not be changed; 6 files were changed");
    assert!(terminal.written().contains("was changed by somebody else"), "{}", terminal.written());
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"mcpServers\": {}}");
    // A second run finishes.
    code(&home.run(&["register", "--all", "--yes"]), 0);
}

#[test]
fn each_server_gets_the_name_that_register_gives_it() {
    let home = Home::new();
    home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n");
    let stub = program();
    let one = json!({ "mcpServers": {
        "iterable": { "command": "npx", "args": ["-y", "@iterable/mcp"] },
        "iterable-staging": { "command": "npx", "args": ["-y", "@iterable/mcp"] },
        "shop": { "command": stub },
    } });
    let two = json!({ "mcpServers": {
        "iterable": { "command": "node", "args": ["/srv/mine.js"] },
        "shop": { "command": "npx", "args": ["-y", "mcp-server-time"] },
    } });
    let names = |home: &Home| {
        let mut all = BTreeMap::new();
        for file in [DESKTOP, ".cursor/mcp.json"] {
            let text: Value = serde_json::from_slice(&fs::read(home.path().join(file)).unwrap()).unwrap();
            for (key, entry) in text["mcpServers"].as_object().unwrap() {
                all.insert(format!("{file}/{key}"), entry["args"].to_string());
            }
        }
        all
    };
    let write_desk = |home: &Home| {
        write(home, DESKTOP, one.to_string());
        write(home, ".cursor/mcp.json", two.to_string());
    };
    write_desk(&home);
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 0);
    assert_eq!(report["applied"], true);
    let together = names(&home);
    write_desk(&home);
    for key in ["iterable", "iterable-staging", "shop"] {
        code(&home.run(&["register", key, "--all-clients"]), 0);
    }
    assert_eq!(together, names(&home));
    assert!(together[&format!("{DESKTOP}/iterable-staging")].contains("iterable-staging"), "{together:?}");
}

#[test]
fn what_is_not_changed_is_named_with_the_reason() {
    let home = Home::new();
    home.policy("bad.toml", "version = \"1\"\ndefault = \"allwo\"\n");
    let text = json!({ "mcpServers": {
        "done": { "command": program(), "args": ["wrap", "--server", "done", "--", program()] },
        "seen": { "command": program(), "args": ["wrap", "--observe", "--server", "seen", "--", program()] },
        "bad": { "command": program() },
        "both": { "command": program(), "url": "https://x.test" },
        "web": { "url": "https://x.test/mcp?token=sesame" },
        "good": { "command": program() },
        "elsewhere": { "command": program(), "env": { "XDG_CONFIG_HOME": native(&home.path().join("other")) } },
    } });
    let other = home.path().join("other/policylayer/policies");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("policylayer.toml"), "version = \"9\"\n").unwrap();
    write(&home, ".claude.json", text.to_string());
    let broken = write(&home, DESKTOP, "{\"mcpServers\": {,}}");
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 1);
    let found = actions(&report);
    let expected = [
        ("done", "none"),
        ("seen", "none"),
        ("bad", "left_alone"),
        ("both", "left_alone"),
        ("web", "out_of_reach"),
        ("good", "protect"),
        ("elsewhere", "left_alone"),
    ];
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(key, action)| (format!("claude-code/{key}"), (*action).to_owned())).collect();
    assert_eq!(found, expected, "{report:#}");
    let files = report["files"].as_array().unwrap();
    for server in files.iter().flat_map(|file| file["servers"].as_array().unwrap()) {
        assert_eq!(server["reason"].is_null(), server["action"] == "protect", "{server:#}");
        assert!(!server.to_string().contains("sesame"));
    }
    let unread = files.iter().find(|file| file["client"] == "claude-desktop").unwrap();
    assert_eq!(unread["result"], "failed");
    assert!(unread["error"].as_str().unwrap().contains("line 1"), "{unread:#}");
    assert_eq!(fs::read_to_string(&broken).unwrap(), "{\"mcpServers\": {,}}");
    let states = states(&home);
    for (key, state) in [("good", "protected"), ("bad", "unprotected"), ("seen", "observed"), ("done", "protected")] {
        assert_eq!(states[&format!("claude-code/{key}")], state, "{states:?}");
    }
    // Other servers of the client were wrapped before, so the undo is not for all of them.
    assert_eq!(report["undo"], json!(["policylayer unregister good --client claude-code"]));
}

#[test]
fn observing_takes_no_policy_out_of_force() {
    let home = Home::new();
    let text = json!({ "mcpServers": {
        "old": { "command": program(), "args": ["wrap", "--server", "old", "--", program()] },
        "new": { "command": program() },
    } });
    let file = write(&home, ".cursor/mcp.json", text.to_string());
    code(&home.run(&["register", "--all", "--observe", "--yes"]), 0);
    let now = states(&home);
    assert_eq!((now["cursor/old"].as_str(), now["cursor/new"].as_str()), ("protected", "observed"));
    let report = run_json(&home, &["register", "--all", "--enforce", "--yes", "--format", "json"], 0);
    assert_eq!(actions(&report)["cursor/new"], "enforce");
    assert_eq!(report["undo"], json!(["policylayer register new --client cursor --observe"]));
    assert_eq!(states(&home)["cursor/new"], "protected");
    let undo = ["register", "new", "--client", "cursor", "--observe"];
    code(&home.run(&undo), 0);
    assert_eq!(states(&home)["cursor/new"], "observed");
    code(&home.run(&["unregister", "new", "--client", "cursor"]), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text.to_string());
}

#[test]
fn only_the_named_clients_are_changed() {
    let home = desk();
    let before = snapshot(&home);
    let ran = home.run(&["register", "--all", "--client", "cursor,codex", "--yes"]);
    code(&ran, 0);
    assert!(ran.out.contains("To undo it: policylayer unregister --all --client codex,cursor\n"), "{}", ran.out);
    let changed: Vec<_> = before.iter().filter(|(file, bytes)| fs::read(file).unwrap() != **bytes).collect();
    assert_eq!(changed.len(), 2);
    // The others have none that was wrapped before, and these have: each change has an undo of its own.
    code(&home.run(&["unregister", "iterable", "--client", "cursor"]), 0);
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 0);
    assert!(
        ran.out.contains("policylayer unregister --all --client claude-code,claude-desktop,cursor,gemini-cli,vscode\n"),
        "{}",
        ran.out
    );
    code(&home.run(&["unregister", "--all", "--yes"]), 0);
    assert_eq!(snapshot(&home), before);
    code(&home.run(&["register", "--all", "--client", "zed", "--yes"]), 1);
}

#[test]
fn a_file_that_cannot_be_written_stops_no_other_and_a_second_run_finishes() {
    let home = desk();
    let before = snapshot(&home);
    let file = native(&home.path().join(".cursor/mcp.json"));
    let set_readonly = |value| {
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(value);
        fs::set_permissions(&file, permissions).unwrap();
    };
    set_readonly(true);
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 1);
    for words in
        ["is write-protected", "1 file could not be changed; 6 files were changed", "run the same command again"]
    {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    assert_eq!(ran.out.matches("Changed ").count(), 6, "{}", ran.out);
    assert_eq!(fs::read(&file).unwrap(), before[&file]);
    set_readonly(false);
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 0);
    let results: Vec<_> = report["files"].as_array().unwrap().iter().map(|file| &file["result"]).collect();
    assert_eq!(results.iter().filter(|result| **result == "written").count(), 1, "{results:?}");
    code(&home.run(&["unregister", "--all", "--yes"]), 0);
    assert_eq!(snapshot(&home), before);
}

#[test]
fn what_others_change_in_between_stays() {
    let home = desk();
    code(&home.run(&["register", "--all", "--yes"]), 0);
    let file = native(&home.path().join(DESKTOP));
    let text = fs::read_to_string(&file).unwrap().replace("\"dark\"", "\"light\"");
    fs::write(&file, &text).unwrap();
    code(&home.run(&["unregister", "--all", "--yes"]), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), DESK[0].1.replace("\"dark\"", "\"light\""));
}

#[test]
fn a_file_that_two_clients_share_is_counted_and_written_once() {
    if !may_link() {
        return;
    }
    let home = Home::new();
    let text = json!({ "mcpServers": { "s": { "command": program() } } }).to_string();
    let real = write(&home, "dotfiles/mcp.json", &text);
    for link in [".cursor/mcp.json", DESKTOP] {
        let link = home.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&real, link);
    }
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 0);
    assert!(ran.out.contains("in 1 file") && ran.out.matches("Changed ").count() == 1, "{}", ran.out);
    code(&home.run(&["unregister", "--all", "--yes"]), 0);
    assert_eq!(fs::read_to_string(&real).unwrap(), text);
}

#[test]
fn a_home_without_clients_or_with_hostile_names_is_no_trouble() {
    let home = Home::new();
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 0);
    assert!(ran.out.contains("No MCP client here has a server"), "{}", ran.out);
    let report = run_json(&home, &["register", "--all", "--format", "json"], 0);
    assert_eq!(report["files"], json!([]));
    let names = ["", "a\u{202e}b", "--all", "x\ny", "\u{1b}[31mred", "$(id)", "é'\"\\"];
    let entries: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "command": program() }))).collect();
    let text = json!({ "mcpServers": entries }).to_string();
    let file = write(&home, ".cursor/mcp.json", &text);
    let broken = write(&home, ".kiro/settings/mcp.json", "{");
    let ran = home.run(&["unregister", "--all"]);
    code(&ran, 1);
    assert!(ran.out.contains("nothing to change in the files that can be read"), "{}", ran.out);
    fs::remove_file(broken).unwrap();
    let twice = write(&home, DESKTOP, "{\"mcpServers\":{\"s\":{\"command\":\"x\"},\"s\":{\"command\":\"y\"}}}");
    let ran = home.run(&["register", "--all", "--yes"]);
    code(&ran, 1);
    assert!(!ran.out.contains(['\u{202e}', '\u{1b}']) && ran.out.contains("the key \"s\" is here"), "{}", ran.out);
    assert!(Path::new(&twice).exists() && fs::read_to_string(&file).unwrap() != text);
    code(&home.run(&["unregister", "--all", "--yes"]), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

/// Each line is run as a shell reads it.
#[cfg(unix)]
#[test]
fn what_it_tells_to_undo_it_does_so_whatever_the_names() {
    let home = Home::new();
    let wrapped = json!({ "command": program(), "args": ["wrap", "--server", "old", "--", program()] });
    let mut entries = serde_json::Map::from_iter([("old".to_owned(), wrapped)]);
    let long = "long".repeat(200);
    let hostile = [
        "",
        "a\u{202e}b",
        "--all",
        "-",
        "x\ny",
        "\u{1b}[31mred\u{7}",
        "$(id)",
        "é'\"\\",
        "diff",
        "\\u{1b}",
        "\u{1b}",
        &long,
    ];
    entries.extend(hostile.iter().map(|name| ((*name).to_owned(), json!({ "command": program() }))));
    let text = json!({ "mcpServers": entries }).to_string();
    let file = write(&home, ".cursor/mcp.json", &text);
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 0);
    let undo: Vec<_> = report["undo"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(undo.len(), hostile.len(), "{undo:?}");
    for line in undo {
        let script = format!("set -- {line}; printf '%s\\n' \"$@\"");
        let words = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let words = String::from_utf8(words.stdout).unwrap();
        let words: Vec<_> = words.strip_suffix('\n').unwrap().split('\n').collect();
        let before = fs::read_to_string(&file).unwrap();
        code(&home.run(&words[1..]), 0);
        assert_ne!(fs::read_to_string(&file).unwrap(), before, "{line} does something");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // What cannot be found is not repeated at length, and an empty name is seen.
    let ran = home.run(&["unregister", &format!("{long}er")]);
    assert!(ran.err.contains("longlong…") && !ran.err.contains(&long), "{}", ran.err);
    let ran = home.run(&["register", "--all", "--dry-run"]);
    assert!(ran.out.contains("  \"\" "), "{}", ran.out);
}

#[test]
fn a_command_that_is_empty_is_left_alone() {
    let home = Home::new();
    write(&home, ".cursor/mcp.json", r#"{"mcpServers":{"e":{"command":""}}}"#);
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 1);
    let server = &report["files"][0]["servers"][0];
    assert_eq!(server["action"], "left_alone", "{server}");
    assert!(server["reason"].as_str().unwrap().contains("the command is empty"), "{server}");
}

#[test]
fn a_file_that_cannot_be_read_says_once_what_to_do() {
    if !may_link() {
        return;
    }
    let home = Home::new();
    let place = write(&home, ".cursor/mcp.json", "");
    fs::remove_file(&place).unwrap();
    symlink("nowhere", &place);
    write(&home, ".gemini/settings.json", r#"{"mcpServers":{"#);
    for args in [&["register", "--all", "--dry-run"][..], &["status"]] {
        let ran = home.run(args);
        let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("Create it, or fix the path.") && !text.contains("path. Fix it"), "{text}");
        assert!(text.contains("unterminated object. Fix it."), "{text}");
    }
}

#[test]
fn files_for_other_things_are_changed_and_get_no_new_server() {
    let home = Home::new();
    let settings = VSCODE.replace("mcp.json", "settings.json");
    let text = "{\n  // mine\n  \"editor.fontSize\": 14,\n}\n";
    let file = write(&home, &settings, text);
    // Without servers it is not named, and a new server goes into mcp.json.
    assert!(!home.good(&["clients"]).contains("VS Code settings"));
    code(&home.run(&["register", "new", "--client", "vscode", "--", "srv"]), 0);
    assert!(native(&home.path().join(VSCODE)).exists());
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let text = "{\n  // mine\n  \"mcp\": { \"servers\": { \"old\": { \"command\": \"srv\" } } },\n}\n";
    fs::write(&file, text).unwrap();
    code(&home.run(&["register", "--all", "--yes"]), 0);
    assert!(fs::read_to_string(&file).unwrap().contains("\"wrap\""));
    code(&home.run(&["unregister", "old", "--client", "vscode"]), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn what_its_client_may_not_read_is_said() {
    for (text, why) in [
        ("{ \"mcpServers\": { \"s\": { \"command\": \"srv\" }, } }", "comments or trailing commas"),
        ("{ \"mcpServers\": { \"s\": { \"command\": \"srv\" } } } // mine", "comments or trailing commas"),
        ("\u{feff}{ \"mcpServers\": { \"s\": { \"command\": \"srv\" } } }", "byte order mark"),
    ] {
        let home = Home::new();
        write(&home, ".cursor/mcp.json", text);
        for args in [&["register", "--all", "--dry-run"][..], &["clients"]] {
            let ran = home.run(args);
            code(&ran, 0);
            let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains(why), "{args:?}: {}", ran.out);
        }
        let ran = home.run(&["register", "s"]);
        code(&ran, 0);
        assert!(ran.out.contains(why), "{}", ran.out);
        let ran = home.run(&["doctor", "s"]);
        code(&ran, 1);
        assert!(ran.out.contains("✘ client's file") && ran.out.contains(why), "{}", ran.out);
    }
}

#[test]
fn whoever_writes_its_file_itself_is_to_be_quit_first() {
    let home = desk();
    let plan = home.run(&["register", "--all", "--dry-run"]).out;
    assert!(plan.contains("Quit Claude Code and Claude Desktop first"), "{plan}");
    let ran = home.run(&["register", "iterable", "--client", "cursor"]);
    assert!(!ran.out.contains("Quit "), "{}", ran.out);
    let ran = home.run(&["register", "iterable", "--client", "claude-desktop"]);
    assert!(ran.out.contains("Quit Claude Desktop first"), "{}", ran.out);
}

/// The name after `--server` of each entry, if it has one.
fn names(file: &Path) -> BTreeMap<String, Option<String>> {
    let text: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let of = |entry: &Value| {
        let args: Vec<_> = entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        assert_eq!(args[0], "wrap", "{args:?}");
        args.iter().position(|arg| *arg == "--server").map(|at| args[at + 1].to_owned())
    };
    text["mcpServers"].as_object().unwrap().iter().map(|(key, entry)| (key.clone(), of(entry))).collect()
}

#[test]
fn two_servers_never_share_a_name_that_is_made_from_their_keys() {
    let home = Home::new();
    let entry = |bin: &str| json!({ "command": "cargo", "args": ["run", "--bin", bin] });
    let one = json!({ "mcpServers": { "db": entry("one"), "my shop": entry("two") } });
    let two = json!({ "mcpServers": {
        "db": entry("three"), "my-shop": entry("four"), "\u{43c}": entry("five"),
        "\u{43d}": entry("six"),
    } });
    // The same server again keeps its name.
    let three = json!({ "mcpServers": { "db": entry("one") } });
    let files =
        [(".cursor/mcp.json", &one), (".codeium/windsurf/mcp_config.json", &two), (".kiro/settings/mcp.json", &three)];
    let write_desk = || files.map(|(file, text)| write(&home, file, text.to_string()));
    let paths = write_desk();
    let report = run_json(&home, &["register", "--all", "--yes", "--format", "json"], 0);
    let together: Vec<_> = paths.iter().map(|path| names(path)).collect();
    let name = |file: usize, key: &str| together[file][key].clone().unwrap();
    assert_eq!((name(0, "db").as_str(), name(1, "db").as_str(), name(2, "db").as_str()), ("db", "db-2", "db"));
    assert_eq!((name(0, "my shop").as_str(), name(1, "my-shop").as_str()), ("my-shop", "my-shop-2"));
    assert_ne!(name(1, "\u{43c}"), name(1, "\u{43d}"));
    assert!(report.to_string().contains("Another server here is called db, so this one is called db-2."), "{report:#}");
    // One after the other it is the same, and a second run changes nothing.
    write_desk();
    for (key, client) in
        [("db", "cursor"), ("my shop", "cursor"), ("db", "windsurf"), ("my-shop", "windsurf"), ("db", "kiro")]
    {
        code(&home.run(&["register", key, "--client", client]), 0);
    }
    code(&home.run(&["register", "--all", "--yes"]), 0);
    assert_eq!(paths.iter().map(|path| names(path)).collect::<Vec<_>>(), together);
    let before = snapshot(&home);
    code(&home.run(&["register", "--all", "--yes"]), 0);
    assert_eq!(snapshot(&home), before);
}

/// Each file is written in one step, so whatever ends a run leaves some files as they were and the others as they should be, and
/// perhaps a backup of the one that was next.
#[test]
fn after_a_crash_between_two_files_a_second_run_and_the_undo_complete() {
    let home = desk();
    let original = snapshot(&home);
    code(&home.run(&["register", "--all", "--yes"]), 0);
    let complete = snapshot(&home);
    let changed: Vec<_> =
        original.iter().filter(|(path, bytes)| complete[*path] != **bytes).map(|(path, _)| path.clone()).collect();
    assert!(changed.len() > 5, "{changed:?}");
    code(&home.run(&["unregister", "--all", "--yes"]), 0);
    assert_eq!(snapshot(&home), original);
    for written in 0..=changed.len() {
        let crash = || {
            for (index, path) in changed.iter().enumerate() {
                fs::write(path, if index < written { &complete[path] } else { &original[path] }).unwrap();
                let mut backup = path.clone().into_os_string();
                backup.push(".policylayer-backup");
                let _ = fs::remove_file(&backup);
                if index <= written {
                    fs::write(&backup, &original[path]).unwrap();
                }
            }
        };
        crash();
        code(&home.run(&["register", "--all", "--yes"]), 0);
        assert_eq!(snapshot(&home), complete, "{written}");
        code(&home.run(&["unregister", "--all", "--yes"]), 0);
        assert_eq!(snapshot(&home), original, "{written}");
        crash();
        code(&home.run(&["unregister", "--all", "--yes"]), 0);
        assert_eq!(snapshot(&home), original, "{written}");
    }
}

/// As with `register --all --yes | head`.
#[test]
fn a_reader_that_leaves_early_stops_no_change() {
    let home = desk();
    let before = snapshot(&home);
    let mut command = home.command(&["register", "--all", "--yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("Changed ")));
    drop(said);
    child.wait().unwrap();
    let after = snapshot(&home);
    let unchanged: Vec<_> = before.iter().filter(|(path, bytes)| after[*path] == **bytes).collect();
    assert!(unchanged.is_empty(), "{unchanged:?}");
}
