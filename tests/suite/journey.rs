//! The whole way of a user, on every system: register, start what the client's file now says as the client would, use it, check the
//! log, kill the wrapper, unregister. On Windows the server stands behind `npx.cmd`, a batch file that starts another program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::node::upstream;
use crate::support::processes::{living, wait_until_gone};
use crate::support::system::{at_home, example, leads_a_group, program, without_terminal, without_variables};
use crate::support::wrapped::Wrapped;

const POLICY: &str = r#"version = "1"
default = "deny"
hide = ["cancel_export_job"]

[tools.get_lists]

[tools.get_campaigns]
rate_limit = "1/hour"

[tools.send_campaign]
action = "require_approval"
approval_timeout = "10m"
"#;

/// A person's desk: a home with Claude Desktop's file, which has the server as Iterable's README writes it.
struct Desk {
    home: tempfile::TempDir,
    file: PathBuf,
    before: Vec<u8>,
    /// What the client's PATH begins with.
    programs: PathBuf,
    /// The working directory that the client gives.
    directory: PathBuf,
}

impl Desk {
    fn new(programs: &Path, directory: Option<&Path>, env: &Value) -> Self {
        let home = tempfile::tempdir().unwrap();
        let base = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let file = home.path().join(base).join("Claude").join("claude_desktop_config.json");
        let entry = json!({ "mcpServers": {
            "iterable": { "command": "npx", "args": ["-y", "@iterable/mcp"], "env": env },
            "web": { "url": "https://mcp.example.test/" },
        }});
        // As an editor of the system writes it.
        let text = serde_json::to_string_pretty(&entry).unwrap();
        let before = if cfg!(windows) { text.replace('\n', "\r\n") } else { text }.into_bytes();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &before).unwrap();
        let policies = home.path().join(".config").join("policylayer").join("policies");
        fs::create_dir_all(&policies).unwrap();
        fs::write(policies.join("iterable.toml"), POLICY).unwrap();
        let directory = directory.unwrap_or(home.path()).to_owned();
        Self { home, file, before, programs: programs.to_owned(), directory }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program in the environment that this user's programs have.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(std::iter::once(self.programs.clone()).chain(std::env::split_paths(&path)));
        at_home(without_variables(&mut command), self.home()).env("PATH", path.unwrap());
        command.current_dir(&self.directory);
        command
    }

    /// What `policylayer` prints, where it succeeds.
    fn prints(&self, args: &[&str]) -> String {
        let output = without_terminal(self.command(program()).args(args)).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {:?}\n{out}\n{err}", output.status);
        out.into_owned()
    }

    /// Starts the server as the client's file says now.
    fn start(&self) -> Session {
        let file: Value = serde_json::from_slice(&fs::read(&self.file).unwrap()).unwrap();
        let entry = &file["mcpServers"]["iterable"];
        let words = |value: &Value| {
            value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut command = self.command(entry["command"].as_str().unwrap());
        command.args(words(&entry["args"])).stdin(Stdio::piped()).stdout(Stdio::piped());
        for (name, value) in entry["env"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        let own = tempfile::tempdir().unwrap();
        leads_a_group(command.stderr(fs::File::create(own.path().join("stderr")).unwrap()));
        Session { wrapped: Wrapped::start(own, command), next: 0 }
    }
}

/// A client's end of a session.
struct Session {
    wrapped: Wrapped,
    next: u64,
}

impl Session {
    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let line = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        self.wrapped.send(format!("{line}\n").as_bytes());
        self.next
    }

    /// The answer to a request, whatever comes before it.
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self.wrapped.line();
            assert!(!line.is_empty(), "the session is over: {}", self.wrapped.said());
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    fn open(&mut self) {
        let client = json!({ "name": "journey", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let answer = self.request("initialize", &params);
        assert!(answer["result"]["serverInfo"].is_object(), "{answer}\n{}", self.wrapped.said());
        self.wrapped.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    }
}

fn rule(answer: &Value) -> &str {
    answer["result"]["_meta"]["policylayer/decision"]["rule"].as_str().unwrap_or("none: it reached the server")
}

/// From register to unregister. `reached` tells which calls the server has got so far.
fn walk(desk: &Desk, reached: &dyn Fn() -> Vec<String>) {
    desk.prints(&["register", "iterable", "--client", "claude-desktop"]);
    let registered = fs::read(&desk.file).unwrap();
    assert_ne!(registered, desk.before);

    let mut session = desk.start();
    session.open();
    let listed = session.request("tools/list", &json!({}));
    let names: Vec<_> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    for (tool, is_listed) in
        [("get_lists", true), ("get_campaigns", true), ("send_campaign", true), ("cancel_export_job", false)]
    {
        assert_eq!(names.contains(&tool), is_listed, "{tool}: {names:?}");
    }

    assert_eq!(rule(&session.call("get_lists", &json!({}))), "none: it reached the server");
    assert_eq!(rule(&session.call("cancel_export_job", &json!({ "jobId": 4242 }))), "hide[0]");
    assert_eq!(rule(&session.call("get_campaigns", &json!({}))), "none: it reached the server");
    let limited = session.call("get_campaigns", &json!({}));
    assert_eq!(rule(&limited), "tools.get_campaigns.rate_limit", "{limited}");

    // A call waits for a person, who answers in another terminal.
    let id = session.send("tools/call", &json!({ "name": "send_campaign", "arguments": { "campaignId": 77 } }));
    let waiting = loop {
        let listed: Vec<Value> =
            serde_json::from_str(&desk.prints(&["approvals", "list", "--format", "json"])).unwrap();
        if let Some(waiting) = listed.iter().find(|entry| entry["state"] == "waiting") {
            break waiting["id"].as_str().unwrap().to_owned();
        }
    };
    assert_eq!(reached(), ["get_lists", "get_campaigns"]);
    desk.prints(&["approvals", "approve", &waiting]);
    let sent = session.answer(id);
    assert_eq!(rule(&sent), "none: it reached the server", "{sent}");
    assert_eq!(reached(), ["get_lists", "get_campaigns", "send_campaign"]);

    session.wrapped.close();
    let status = session.wrapped.end().0;
    assert_eq!(status.code(), Some(0), "{}", session.wrapped.said());
    let said = session.wrapped.said();
    assert!(!said.contains(" ERROR ") && !said.contains("cannot be written"), "{said}");

    let records = desk.prints(&["log", "--server", "iterable", "--format", "json"]);
    let calls = records.lines().filter(|line| line.contains("\"method\":\"tools/call\"")).count();
    assert_eq!(calls, 5, "{records}");
    desk.prints(&["log", "verify", "--server", "iterable"]);

    // A client that kills what it started leaves nothing behind, and no hole in the log.
    let mut killed = desk.start();
    killed.open();
    assert_eq!(rule(&killed.call("get_lists", &json!({}))), "none: it reached the server");
    killed.wrapped.kill();
    wait_until_gone(desk.home());
    desk.prints(&["log", "verify", "--server", "iterable"]);

    desk.prints(&["unregister", "iterable", "--client", "claude-desktop"]);
    assert_eq!(fs::read(&desk.file).unwrap(), desk.before, "the client's file is as it was, byte for byte");
}

/// A directory with the command that Iterable's README names, which starts the stub server and leaves its own arguments out.
fn npx(record: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let tools = ["get_lists", "get_campaigns", "send_campaign", "cancel_export_job"];
    let tools = tools.map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
    let offer = json!({
        "initialize": {
            "protocolVersion": "2025-06-18",
            "serverInfo": { "name": "iterable-mcp", "version": "1.9.0" },
            "capabilities": { "tools": {} },
        },
        "tools/list": { "tools": tools },
    });
    fs::write(directory.path().join("offer.json"), offer.to_string()).unwrap();
    let stub = example("stub_server");
    let (stub, record) = (stub.display(), record.display());
    if cfg!(windows) {
        // What npm puts there: a script for Unix shells that no Windows program can start, and the batch file.
        fs::write(directory.path().join("npx"), "#!/bin/sh\nexit 1\n").unwrap();
        let batch = format!("@echo off\r\n\"{stub}\" --record \"{record}\" --offer \"%~dp0offer.json\"\r\n");
        fs::write(directory.path().join("npx.cmd"), batch).unwrap();
    } else {
        let offer = directory.path().join("offer.json");
        let script = format!("#!/bin/sh\n'{stub}' --record '{record}' --offer '{}'\nexit $?\n", offer.display());
        #[cfg(unix)]
        crate::support::system::write_program(&directory.path().join("npx"), &script);
        #[cfg(windows)]
        drop(script);
    }
    directory
}

#[test]
fn from_register_to_unregister_with_a_server_behind_a_script() {
    let records = tempfile::tempdir().unwrap();
    let record = records.path().join("record");
    let programs = npx(&record);
    let desk = Desk::new(programs.path(), None, &json!({ "ITERABLE_API_KEY": "sesame" }));
    let reached = || {
        let lines = fs::read_to_string(&record).unwrap_or_default();
        let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let calls = messages.filter(|message| message["method"] == "tools/call");
        calls.map(|call| call["params"]["name"].as_str().unwrap().to_owned()).collect()
    };
    walk(&desk, &reached);
    assert!(living(desk.home()).is_empty());
}

/// The same with Iterable's own server, as npx starts it.
#[test]
fn from_register_to_unregister_with_the_real_iterable_server() {
    let Some(upstream) = upstream() else { return };
    let api = Api::start();
    let programs = upstream.npx.parent().unwrap();
    let env = json!({
        "ITERABLE_API_KEY": "0123456789abcdef0123456789abcdef",
        "ITERABLE_BASE_URL": api.url(),
        "ITERABLE_ENABLE_WRITES": "true",
        "ITERABLE_ENABLE_SENDS": "true",
        "npm_config_update_notifier": "false",
    });
    // npx finds what is installed here, without a network.
    let desk = Desk::new(programs, Some(&upstream.folder), &env);
    walk(&desk, &|| api.tools());
}
