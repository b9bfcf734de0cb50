//! What `--format json` prints, to the byte: names and order of fields are a promise to whoever reads it. Compared with
//! tests/golden/report; `explain`, `check` and `test` have golden files of their own.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite report_json::` writes what it prints now; read the difference before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log::Home;
use crate::support::system::{example, program};

use std::fs;
use std::path::Path;

use policylayer::lock::{ItemKind, Lock};
use policylayer::risk::Class;

use serde_json::json;

const POLICY: &str = r#"version = "1"
default = "deny"
hide = ["drop_*", "gone"]

[classes.read]
[tools.buy]
limits = [{ max = 12.5, window = "day", align = "calendar", increment_from = "args.amount" }]
[tools.run_import]
rate_limit = "5/minute"
reason = "Reports are dear."
[tools.delete_list]
action = "deny"
class = "destructive"
[tools.send_mial]
"#;

fn home() -> Home {
    let home = Home::new();
    home.policy("shop.toml", POLICY);
    let offer = json!({
        "initialize": {
            "protocolVersion": "2025-06-18",
            "serverInfo": { "name": "shop", "version": "1.2", "beyond": "the protocol" },
            "capabilities": { "tools": {}, "prompts": {}, "resources": {} },
        },
        "tools/list": { "tools": [
            { "name": "get_lists", "inputSchema": {}, "description": "Reads. Then more." },
            { "name": "run_import", "title": "Run a report", "inputSchema": {} },
            { "name": "drop_table", "inputSchema": {} },
            { "name": "delete_list", "inputSchema": {} },
        ] },
        "prompts/list": { "prompts": [{ "name": "drop-table" }, { "name": "greet" }] },
        "resources/list": { "resources": [{ "uri": "a:b", "name": "a" }] },
        "resources/templates/list": { "resourceTemplates": [{ "uriTemplate": "a:{x}", "name": "t" }] },
    });
    fs::write(home.path().join("offer.json"), offer.to_string()).unwrap();
    let stub = example("stub_server");
    let offer = home.path().join("offer.json");
    fs::write(home.path().join("config/policylayer/policies/store.lock.json"), older_lock()).unwrap();
    let entries = json!({ "mcpServers": {
        "shop": {
            "command": program(),
            "args": ["wrap", "--server", "shop", "--", &stub, "--offer", &offer],
            "env": { "API_KEY": "very-secret-value" },
        },
        "bare": { "command": "shop-mcp", "args": ["--api-key", "sk-123456"] },
        "off": { "command": "/nowhere/policylayer", "args": ["wrap", "--server", "it", "--", "y"], "disabled": true },
        "odd": {},
        "web": { "url": "https://shop.example/mcp?token=abc" },
    } });
    let file = home.path().join("config/Claude/claude_desktop_config.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, entries.to_string()).unwrap();
    fs::create_dir_all(home.path().join(".cursor")).unwrap();
    fs::write(home.path().join(".cursor/mcp.json"), "{\"mcpServers\": [}\n").unwrap();
    home
}

/// What was agreed to of the shop, before its tools became what they are.
fn older_lock() -> String {
    let mut lock = Lock::new("store");
    lock.set_instructions(Some("\"Be kind.\"")).unwrap();
    for (kind, definition, class) in [
        (
            ItemKind::Tool,
            json!({ "name": "get_lists", "inputSchema": {}, "description": "Reads." }),
            Some(Class::Write),
        ),
        (
            ItemKind::Tool,
            json!({ "name": "run_import", "title": "Run a report", "inputSchema": {} }),
            Some(Class::Execute),
        ),
        (
            ItemKind::Tool,
            json!({ "name": "drop_table", "inputSchema": { "properties": { "to": { "enum": ["a"] } } } }),
            None,
        ),
        (ItemKind::Tool, json!({ "name": "gone", "inputSchema": {} }), Some(Class::Read)),
        (ItemKind::Prompt, json!({ "name": "greet" }), None),
    ] {
        lock.insert(kind, &definition.to_string(), class).unwrap();
    }
    lock.write()
}

/// What differs between machines and days becomes a word.
fn normalize(printed: &str, home: &Home) -> String {
    let stub = example("stub_server");
    let mut text = String::new();
    for line in printed.lines() {
        let cut =
            [("\"detail\": \"20", "\"detail\": \"TIME\","), ("\"integrity\": \"sha256:", "\"integrity\": \"DIGEST\"")];
        let found = cut.iter().find_map(|(start, word)| Some(format!("{}{word}", line.split_once(start)?.0)));
        text.push_str(found.as_deref().unwrap_or(line));
        text.push('\n');
    }
    let text = text.replace(home.path().to_str().unwrap(), "HOME").replace(stub.to_str().unwrap(), "STUB");
    text.replace(program(), "POLICYLAYER").replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn reports_are_what_they_were() {
    let stub = example("stub_server");
    let stub = stub.to_str().unwrap();
    let mut wrong = Vec::new();
    for (name, args) in [
        ("inspect", &["inspect", "--server", "shop", "--", stub, "--offer", "offer.json"][..]),
        ("inspect-builtin", &["inspect", "--server", "other", "--", stub, "--offer", "offer.json"]),
        (
            "decide",
            &[
                "decide",
                "--tool",
                "buy",
                "--policy",
                "config/policylayer/policies/shop.toml",
                "--args",
                "{\"amount\": 3.25}",
            ],
        ),
        ("decide-uncounted", &["decide", "buy", "--policy", "config/policylayer/policies/shop.toml"]),
        ("decide-builtin", &["decide", "--tool", "send_campaign", "--server", "iterable"]),
        ("clients", &["clients"]),
        ("status", &["status"]),
        ("doctor", &["doctor", "shop"]),
        ("doctor-bare", &["doctor", "bare"]),
        ("doctor-file", &["doctor", "--client", "cursor"]),
        ("doctor-nothing", &["doctor", "shpo", "--client", "claude-desktop"]),
        ("doctor-command", &["doctor", "--", stub, "--offer", "offer.json"]),
        ("catalogue-fetch", &["catalogue", "fetch"]),
        ("lock", &["lock", "--server", "fresh", "--", stub, "--offer", "offer.json"]),
        ("lock-check", &["lock", "--check", "--server", "store", "--", stub, "--offer", "offer.json"]),
        ("lock-diff", &["lock", "diff", "--server", "store", "--", stub, "--offer", "offer.json"]),
        ("lock-accept", &["lock", "accept", "get_lists", "--server", "store", "--", stub, "--offer", "offer.json"]),
        ("check-unreadable", &["check", "nothing.toml"]),
    ] {
        let home = home();
        // Options come before the server's own command.
        let at = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
        let args = [&args[..at], &["--format", "json"], &args[at..]].concat();
        let printed = normalize(&home.run(&args).out, &home);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(format!("{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &printed).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(!printed.is_empty() && !printed.contains("secret-value"), "{name}: {printed}");
        if kept != printed {
            wrong.push(format!("{name}:\n{printed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
