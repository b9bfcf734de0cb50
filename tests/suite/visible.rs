//! What comes from elsewhere is shown so that a person sees all of it: each subcommand's text and JSON, and each file that
//! is written, with a hostile name in every place that a server, a client or a log can fill.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use policylayer::engine::{LocalChannel as _, Question};
use policylayer::lock::{ItemKind, Lock};
use policylayer::policy::ApprovalLifetime;
use policylayer::record::{ArgumentsLogged, Event};
use policylayer::risk::Class;
use policylayer::state::approvals::{Confirm, SessionApprovals, StoredApprovals, unix_time};
use serde_json::json;

use crate::support::log::{Decision, Home, Log, passed, refused};
use crate::support::question::{asked_server, question};
use crate::support::system::example;

/// One of each kind: bidi, zero width, a tag, private use, unassigned, fillers, a joiner, a variation selector, a soft
/// hyphen, a line separator, a C1 control, a byte order mark.
const HIDDEN: &str = "\u{202e}\u{2066}\u{200b}\u{e0041}\u{e000}\u{378}\u{3164}\u{115f}\u{34f}\u{fe0f}\u{ad}\u{2028}\u{9b}\u{feff}\u{fff9}";

/// As long as no terminal is wide, with marks that pile up and what controls a terminal.
fn hostile() -> String {
    format!("get_{HIDDEN}a{}\u{1b}[8m\u{7}{}", "\u{301}".repeat(9), "n".repeat(90))
}

fn assert_visible(what: &str, text: &str) {
    let hidden: Vec<_> =
        text.chars().filter(|c| HIDDEN.contains(*c) || (c.is_control() && !"\n\t".contains(*c))).collect();
    assert!(hidden.is_empty(), "{what} has {hidden:?}:\n{text}");
    assert!(!text.contains(&"\u{301}".repeat(5)), "{what} has marks that pile up:\n{text}");
}

/// A home with a log, waiting calls, clients and policies that a hostile server, client or repository filled.
struct Hostile {
    home: Home,
    name: String,
    /// The server's command.
    server: Vec<String>,
}

impl Hostile {
    fn new() -> Self {
        let (home, name) = (Home::new(), hostile());
        let schema = json!({"type": "object", "properties": {&name: {"type": "string", "description": name}}});
        let tool = |name: &str| json!({"name": name, "title": name, "description": format!("{name}. Deletes all."), "inputSchema": schema});
        let named = json!({"name": name, "uri": format!("file:///{name}"), "uriTemplate": format!("file:///{name}")});
        let capabilities = json!({"tools": {}, "prompts": {}, "resources": {}});
        let offer = json!({
            "initialize": {
                "protocolVersion": "2025-11-25", "capabilities": capabilities, "instructions": name,
                "serverInfo": {"name": name, "version": name},
            },
            "tools/list": {"tools": [tool(&name), tool("delete_lists"), tool(&format!("send_{name}"))]},
            "prompts/list": {"prompts": [named]},
            "resources/list": {"resources": [named]},
            "resources/templates/list": {"resourceTemplates": [named]},
        });
        let file = home.path().join("offer.json");
        fs::write(&file, offer.to_string()).unwrap();
        let words = [&example("stub_server"), Path::new("--offer"), &file];
        let server = words.map(|word| word.to_str().unwrap().to_owned()).to_vec();
        let hostile = Self { home, name, server };
        hostile.write_log();
        hostile.ask();
        hostile
    }

    fn write_log(&self) {
        let name = &self.name;
        let arguments = json!({name: name}).to_string();
        let mut log = Log::keeping(&self.home, "shop", ArgumentsLogged::Full);
        log.add(&Decision { arguments: Some(&arguments), ..passed(0, name, Class::Read) });
        log.add(&refused(1, name, &format!("tools.{name}"), name));
        log.add(&Decision { method: Some(name), class: None, ..refused(2, name, name, name) });
        log.event(3, &Event::Gap { lost: 7, why: name.clone() });
        log.seal();
    }

    fn ask(&self) {
        let folder = self.home.path().join("state/policylayer");
        fs::create_dir_all(&folder).unwrap();
        let mut local =
            SessionApprovals::new(&folder, "state.sqlite3", "0a".to_owned(), asked_server("shop"), Confirm::None);
        let now = unix_time();
        let arguments = json!({&self.name: self.name}).to_string();
        let question = Question {
            reason: Some(self.name.clone().into()),
            client: Some(self.name.clone().into()),
            beside: Some(arguments.clone().into()),
            // So it waits although its session is over.
            lives: ApprovalLifetime::Client,
            timeout: Duration::from_secs(600),
            ..question(1, &self.name, &arguments)
        };
        local.open_question(&question, now + Duration::from_secs(600)).unwrap();
    }

    /// Runs, and looks at all that is printed.
    fn run(&self, args: &[&str]) -> String {
        let ran = self.home.run(args);
        let what = format!("{args:?} (exit code {:?})", ran.code);
        assert_visible(&what, &ran.out);
        assert_visible(&what, &ran.err);
        assert!(!ran.out.is_empty() || !ran.err.is_empty(), "{what} prints nothing");
        ran.out + &ran.err
    }

    fn run_on_server(&self, args: &[&str]) -> String {
        let server: Vec<_> = self.server.iter().map(String::as_str).collect();
        self.run(&[args, &["--"], &server[..]].concat())
    }
}

#[test]
fn a_server_cannot_hide_what_it_lists() {
    let hostile = Hostile::new();
    for format in ["text", "json"] {
        let out = hostile.run_on_server(&["inspect", "--server", "shop", "--format", format]);
        assert!(out.contains("get_\\u"), "{out}");
        hostile.run_on_server(&["doctor", "--format", format]);
    }
    for format in ["toml", "json", "yaml"] {
        let out = hostile.run_on_server(&["init", "--yes", "--server", "shop", "-o", "-", "--format", format]);
        assert!(out.contains("delete_lists"), "{out}");
        let file = format!("written.{format}");
        hostile.run_on_server(&["init", "--yes", "--server", "shop", "-o", &file]);
        let written = fs::read_to_string(hostile.home.path().join(&file)).unwrap();
        assert_visible(&file, &written);
        hostile.run(&["check", &file, "--server", "shop"]);
    }
    hostile.run_on_server(&["lock", "--server", "shop"]);
    let lock = fs::read_to_string(hostile.home.path().join("config/policylayer/policies/shop.lock.json")).unwrap();
    assert_visible("shop.lock.json", &lock);
    // Its digests are of what the server lists, and a lock that an earlier version wrote is the same lock.
    let parsed = Lock::parse(&lock).unwrap();
    assert!(parsed.items(ItemKind::Tool).iter().any(|tool| tool.name() == hostile.name), "{lock}");
    let raw = serde_json::from_str::<serde_json::Value>(&lock).unwrap().to_string();
    assert_eq!((raw.contains('\u{202e}'), Lock::parse(&raw)), (true, Ok(parsed)));
    hostile.run_on_server(&["demo"]);
}

/// What a log has of names and words can be read where it is written. Arguments in full are as they came.
#[test]
fn a_file_of_the_log_hides_nothing() {
    let (home, name) = (Home::new(), hostile());
    let arguments = json!({&name: name}).to_string();
    for (server, kept) in [("keys", ArgumentsLogged::Keys), ("redacted", ArgumentsLogged::Redacted)] {
        let mut log = Log::keeping(&home, server, kept);
        log.add(&Decision { arguments: Some(&arguments), inputs: Some(&arguments), ..refused(1, &name, &name, &name) });
        log.add(&Decision { method: Some(&name), ..passed(2, &name, Class::Read) });
        log.event(3, &Event::Gap { lost: 7, why: name.clone() });
        log.seal();
        let text = fs::read_to_string(home.audit().join(format!("{server}.jsonl"))).unwrap();
        assert_visible(server, &text);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&first["tool"], &first["reason"]), (&json!(name), &json!(name)));
        assert_eq!(home.run(&["log", "verify", "--server", server]).code, Some(0));
    }
}

#[test]
fn a_log_cannot_hide_what_it_has() {
    let hostile = Hostile::new();
    for format in ["text", "json"] {
        let out = hostile.run(&["log", "--format", format]);
        assert!(out.contains("get_\\u"), "{out}");
        hostile.run(&["log", "stats", "--format", format]);
        hostile.run(&["log", "verify", "--format", format]);
        hostile.run(&["approvals", "--format", format]);
        let policy = hostile.home.path().join("deny.toml");
        fs::write(&policy, "version = \"1\"\ndefault = \"deny\"\n[tools.x]\n").unwrap();
        hostile.run(&["replay", "--policy", "deny.toml", "--server", "shop", "--format", format]);
    }
    hostile.run(&["suggest", "--server", "shop"]);
    hostile.run(&["suggest", "--server", "shop", "--policy", "deny.toml"]);
    fs::write(hostile.home.path().join("deny.yaml"), "version: '1'\ndefault: deny\ntools: {}\n").unwrap();
    hostile.run(&["suggest", "--server", "shop", "--policy", "deny.yaml"]);
    let mut inbox = StoredApprovals::new(&hostile.home.path().join("state/policylayer"), "state.sqlite3");
    let id = inbox.list_all().unwrap()[0].id.clone();
    for format in ["text", "json"] {
        let out = hostile.run(&["approvals", "show", &id, "--format", format]);
        assert!(out.contains("get_\\u"), "{out}");
    }
    hostile.run(&["approvals", "deny", &id, "--reason", &hostile.name]);
}

#[test]
fn a_command_line_cannot_hide_what_it_names() {
    let hostile = Hostile::new();
    let name = &*hostile.name;
    hostile.home.policy("shop.toml", "version = \"1\"\ndefault = \"allow\"\n");
    for format in ["text", "json"] {
        hostile.run(&["decide", "--server", "shop", "--tool", name, "--format", format]);
        hostile.run(&["decide", "--server", "shop", "--tool", "x", "--args", name, "--format", format]);
        hostile.run(&["check", name, "--format", format]);
    }
    for format in ["text", "json", "markdown"] {
        hostile.run(&["explain", name, "--server", "shop", "--format", format]);
    }
    for order in ["allow", "deny", "hide", "ask", "reset"] {
        hostile.run(&[order, name, "--server", "shop"]);
        hostile.run(&[order, name, "--server", name]);
        hostile.run(&[order, "x", "--policy", name]);
    }
    hostile.run(&["deny", "x", "--server", "shop", "--reason", name]);
    for (server, file, empty) in [
        ("shop", "shop.toml", ""),
        ("json", "json.json", r#"{"version":"1","default":"allow"}"#),
        ("yaml", "yaml.yaml", "version: '1'\ndefault: allow\n"),
    ] {
        if !empty.is_empty() {
            hostile.home.policy(file, empty);
            hostile.run(&["hide", name, "--server", server]);
            hostile.run(&["deny", "x", "--server", server, "--reason", name]);
        }
        let written = fs::read_to_string(hostile.home.path().join("config/policylayer/policies").join(file)).unwrap();
        assert_visible(file, &written);
        assert!(written.contains("202e"), "{file} has the name or the reason:\n{written}");
    }
    hostile.run(&["limit", name, "10/minute", "--server", "shop"]);
    for args in [&["log", "--server", name][..], &["log", "--tool", name], &["approvals", "show", name], &[name]] {
        hostile.run(args);
    }
    hostile.run(&["wrap", "--", name]);
    hostile.run(&["wrap", "--server", name, "--", "true"]);
}

#[test]
fn a_policy_and_its_tests_cannot_hide_what_they_say() {
    let hostile = Hostile::new();
    let key = serde_json::to_string(&hostile.name).unwrap();
    let policy = format!(
        "{{\"version\":\"1\",\"default\":\"deny\",\"description\":{key},\"tools\":{{{key}:{{\"action\":\"deny\",\"reason\":{key},\
         {key}:1}}}}}}"
    );
    fs::write(hostile.home.path().join("shop.json"), &policy).unwrap();
    let valid = format!(
        "{{\"version\":\"1\",\"default\":\"deny\",\"tools\":{{\"x\":{{\"action\":\"deny\",\"reason\":{key}}}}}}}"
    );
    fs::write(hostile.home.path().join("good.json"), valid).unwrap();
    let case = json!({"case": [{"name": hostile.name, "tool": hostile.name, "expect": "allow"}]});
    fs::write(hostile.home.path().join("good.test.json"), case.to_string()).unwrap();
    for format in ["text", "json"] {
        hostile.run(&["check", "shop.json", "--format", format]);
        hostile.run(&["decide", "--policy", "good.json", "--tool", "x", "--format", format]);
    }
    for format in ["text", "json", "junit"] {
        hostile.run(&["test", "good.test.json", "--format", format]);
    }
    hostile.run(&["hide", "y", "--policy", "good.json", "--dry-run"]);
    hostile.run(&["add", "shop.json", "--policy", "good.json"]);
}

#[test]
fn a_client_cannot_hide_what_it_starts() {
    let hostile = Hostile::new();
    let (name, home) = (&*hostile.name, hostile.home.path());
    let entry = json!({"command": name, "args": [name], "env": {name: name}, "cwd": name});
    let servers = json!({"mcpServers": {"shop": entry, name: entry, "web": {"url": format!("https://x.test/{name}")}}});
    fs::create_dir_all(home.join(".cursor")).unwrap();
    // Escaped, as a client would write it.
    let text = serde_json::to_string_pretty(&servers).unwrap();
    fs::write(home.join(".cursor/mcp.json"), text).unwrap();
    for format in ["text", "json"] {
        hostile.run(&["clients", "--format", format]);
        hostile.run(&["doctor", "--client", "cursor", "--format", format]);
    }
    hostile.run(&["register", "shop", "--client", "cursor", "--server", "shop", "--dry-run"]);
    hostile.run(&["register", name, "--client", "cursor", "--server", "shop", "--dry-run"]);
    hostile.run(&["register", "shop", "--client", "cursor", "--server", "shop", "--policy", name]);
    hostile.run(&["register", "shop", "--client", "cursor", "--server", "shop"]);
    hostile.run(&["unregister", "shop", "--client", "cursor"]);
}

/// No table is wider than its terminal because of one name, and what is cut is marked.
#[cfg(unix)]
#[test]
fn tables_fit_their_terminal() {
    use crate::support::terminal::Terminal;
    use unicode_width::UnicodeWidthStr as _;

    let hostile = Hostile::new();
    fs::write(hostile.home.path().join("deny.toml"), "version = \"1\"\ndefault = \"deny\"\n[tools.x]\n").unwrap();
    let server: Vec<_> = hostile.server.iter().map(String::as_str).collect();
    let inspect = [&["inspect", "--server", "shop", "--"], &server[..]].concat();
    let demo = [&["demo", "--"], &server[..]].concat();
    for columns in [80, 40] {
        for args in [
            &inspect[..],
            &demo[..],
            &["log"],
            &["log", "stats"],
            &["approvals"],
            &["replay", "--policy", "deny.toml", "--server", "shop"],
        ] {
            let mut terminal = Terminal::start_sized(hostile.home.command(args), columns, 24);
            terminal.end();
            let written = anstream::adapter::strip_str(&terminal.written()).to_string();
            let is_row =
                |line: &&str| line.starts_with("  ") && line.contains('…') && line.split_whitespace().count() > 1;
            let rows: Vec<_> = written.lines().filter(is_row).collect();
            assert!(!rows.is_empty(), "{args:?} cuts nothing at {columns} columns:\n{written}");
            for row in rows {
                assert!(row.width() <= columns.into(), "{args:?} at {columns} columns: {row:?}");
            }
        }
    }
}
