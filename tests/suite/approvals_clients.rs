//! Clients of the field before a tool that a person has to approve: those that people write with the SDKs for Python and
//! TypeScript and with FastMCP, in both eras, and the Inspector.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use policylayer::limits::READING_TIME;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::node::upstream;
use crate::support::python::python;
use crate::support::system::{PATIENCE, at_home, program};
use crate::support::waiting::{home, listed, prints, received, the_one, wait_for};
use crate::support::wrapped::stub;

/// How a client speaks with its server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Era {
    /// It begins with `initialize`.
    Session,
    /// Revision 2026-07-28.
    Rounds,
}

/// A client that is written for these tests.
#[derive(Debug)]
struct Library {
    program: PathBuf,
    script: PathBuf,
}

/// What such a client prints: what each call has returned, and what each question has said.
#[derive(Debug, Deserialize)]
struct Played {
    texts: Vec<String>,
    asked: Vec<String>,
}

/// The clients, or none after a line that says why.
fn libraries() -> Vec<Library> {
    #[cfg(windows)]
    if crate::support::system::is_wine() {
        crate::support::system::skip_part("there is no Python for Wine to install");
        return Vec::new();
    }
    let (Some(upstream), Some(python)) = (upstream(), python()) else { return Vec::new() };
    let library =
        |program: &Path, script: &str| Library { program: program.to_owned(), script: upstream.client(script) };
    vec![
        library(&python, "python_sdk.py"),
        library(&python, "fastmcp_client.py"),
        library(&upstream.node, "typescript_sdk.mjs"),
    ]
}

/// The command of a wrapper around a stub server that speaks either era.
fn wrapped(home: &Path) -> Vec<String> {
    let tools = json!({"tools": [{"name": "send", "inputSchema": {"type": "object"}}, {"name": "lasting", "inputSchema": {"type": "object"}}],
        "resultType": "complete", "ttlMs": 0, "cacheScope": "private"});
    let info = json!({"name": "stub", "version": "1"});
    let offer = json!({
        "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "serverInfo": info,
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private"},
        "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info},
        "tools/list": tools,
        "tools/call": {"content": [{"type": "text", "text": "It ran."}], "resultType": "complete"},
    });
    let (offer_file, record) = (home.join("offer.json"), home.join("record"));
    fs::write(&offer_file, offer.to_string()).unwrap();
    let words = [program(), "wrap", "--server", "stub", "--policy"].map(str::to_owned).into_iter();
    let paths = [home.join("policy.json"), PathBuf::from("--"), stub(), PathBuf::from("--offer"), offer_file];
    let record = [PathBuf::from("--record"), record];
    words.chain(paths.into_iter().chain(record).map(|path| path.to_str().unwrap().to_owned())).collect()
}

fn at_desk<'c>(command: &'c mut Command, home: &Path) -> &'c mut Command {
    at_home(command, home).stdin(Stdio::null()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY")
}

impl Library {
    /// Calls `send` as often as `times` says, and answers the questions with these answers; without any, the client has no
    /// dialogue. Whatever the client leaves open is approved in a terminal.
    fn play(&self, home: &Path, era: Era, times: usize, answers: &Value, pause: Duration) -> Played {
        let era = if era == Era::Session { "legacy" } else { "auto" };
        let play = json!({"command": wrapped(home), "era": era, "tool": "send", "times": times, "answers": answers,
            "pause": pause.as_secs_f64()});
        let (out, said) = (home.join("client.out"), home.join("client.err"));
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(play.to_string());
        at_desk(&mut command, home).stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&said).unwrap());
        let (mut client, start, mut approved) = (command.spawn().unwrap(), Instant::now(), 0);
        let status = loop {
            if let Some(status) = client.try_wait().unwrap() {
                break status;
            }
            let text = fs::read_to_string(&said).unwrap();
            assert!(start.elapsed() < PATIENCE, "{self:?} still runs: {text}");
            // The wrapper says it on the stderr of its client.
            let left = if answers == &json!([]) { "waits for a person" } else { "is closed in the client" };
            if text.matches(left).count() > approved {
                prints(home, &["approve", &the_one(home)]);
                approved += 1;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read_to_string(said).unwrap();
        assert!(status.success(), "{self:?}: {said}");
        serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap()
    }
}

/// The approvals in the log, oldest first.
fn logged(home: &Path) -> Vec<Value> {
    let output = at_home(Command::new(program()).args(["log", "--format", "json"]), home).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let approvals = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["approval"].clone());
    approvals.filter(|approval| !approval.is_null()).collect()
}

fn ran(home: &Path) -> usize {
    received(home, "record").lines().count()
}

const ERAS: [Era; 2] = [Era::Session, Era::Rounds];

/// As long as a person needs to read.
const READS: Duration = Duration::from_millis(2 * READING_TIME.as_millis() as u64);

#[test]
fn a_person_in_the_client_s_dialogue_decides() {
    let choose = |decision: &str| json!({"action": "accept", "content": {"decision": decision}});
    for (library, era) in libraries().iter().flat_map(|library| ERAS.map(|era| (library, era))) {
        let home = home("[approvals]\nchannels = ['client']\n");
        // Whoever writes lines could have made the choice in a round, so it offers nothing for the session.
        let (second, asks) = if era == Era::Session { ("approve_for_session", 2) } else { ("approve_once", 3) };
        let answers = json!([choose("approve_once"), choose(second), choose("approve_once")]);
        let played = library.play(home.path(), era, 3, &answers, READS);
        assert_eq!(played.texts, ["It ran."; 3], "{library:?} {era:?}");
        assert_eq!((played.asked.len(), ran(home.path())), (asks, 3), "{library:?} {era:?}");
        for part in ["Tool: send", "Server: stub", "Sends mail.", "campaignId: 77"] {
            assert!(played.asked[0].contains(part), "{part}: {}", played.asked[0]);
        }
        let rounds = received(home.path(), "record").contains("2026-07-28");
        assert_eq!(rounds, era == Era::Rounds, "{library:?} speaks as it is told");

        let answers = json!([{"action": "decline"}]);
        let played = library.play(home.path(), era, 2, &answers, READS);
        assert!(played.texts.iter().all(|text| text.contains("A person refused")), "{library:?} {era:?}: {played:?}");
        assert_eq!((played.asked.len(), ran(home.path())), (1, 0), "the second call is refused in the same words");
    }
}

/// Claude Code without a terminal cancels or declines at once, Codex accepts an empty form, others have no dialogue.
#[test]
fn a_client_that_does_not_ask_its_person_leaves_it_to_a_terminal() {
    for (library, era) in libraries().iter().flat_map(|library| ERAS.map(|era| (library, era))) {
        let home = home("");
        let (cancel, empty) = (json!({"action": "cancel"}), json!({"action": "accept", "content": {}}));
        // FastMCP sends no form that the question does not allow.
        let second = if library.script.ends_with("fastmcp_client.py") { cancel.clone() } else { empty };
        let unasked = json!([cancel, second, {"action": "decline"}]);
        let played = library.play(home.path(), era, 3, &unasked, Duration::ZERO);
        assert_eq!(played.asked.len(), 3, "{library:?} {era:?}");
        assert_eq!(played.texts[..2], ["It ran."; 2], "{library:?} {era:?}");
        let logged = logged(home.path());
        let is_slow = logged[2]["waited_ms"].as_f64().unwrap() >= READING_TIME.as_secs_f64() * 1000.0;
        let is_refused = logged[2]["verdict"] == "refused";
        assert!(!is_refused || is_slow, "nobody refuses at once: {library:?} {era:?} {logged:?}");
        assert_eq!(ran(home.path()), 3 - usize::from(is_refused), "{library:?} {era:?}");
        for approval in &logged[..2] {
            assert_eq!((&approval["verdict"], &approval["channel"]), (&json!("approved_once"), &json!("local")));
            assert!(["unasked", "dismissed"].contains(&approval["client_answer"].as_str().unwrap()), "{approval}");
        }

        let played = library.play(home.path(), era, 1, &json!([]), Duration::ZERO);
        assert_eq!((&*played.texts, played.asked.len()), (&["It ran.".to_owned()][..], 0), "{library:?} {era:?}");
    }
}

/// The Inspector's command line, which has no dialogue and starts the server anew for each call.
#[test]
fn the_inspector_makes_the_call_that_was_approved_late() {
    let Some(upstream) = upstream() else { return };
    let waits = |time: &str| format!("[approvals.clients.inspector-cli]\nwaits = '{time}'\n");
    let home = home(&waits("4m"));
    let config = home.path().join("mcp.json");
    let command = wrapped(home.path());
    fs::write(&config, json!({"mcpServers": {"stub": {"command": command[0], "args": command[1..]}}}).to_string())
        .unwrap();
    let inspect = |tool: &str| {
        let mut command = Command::new(&upstream.node);
        command.arg(upstream.inspector()).args(["--cli", "--server", "stub", "--config"]).arg(&config);
        command.args(["--method", "tools/call", "--tool-name", tool, "--tool-arg", "campaignId=77"]);
        at_desk(&mut command, home.path()).env("MCP_INSPECTOR_SECRET_STORE", "memory");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let printed = |Output { stdout, stderr, .. }: Output| {
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    };
    let client = inspect("send");
    prints(home.path(), &["approve", &the_one(home.path())]);
    let (out, said) = printed(client.wait_with_output().unwrap());
    assert!(out.contains("It ran."), "{out} {said}");
    assert_eq!(ran(home.path()), 1);

    fs::write(home.path().join(".config/policylayer/config.toml"), waits("10s")).unwrap();
    let (out, said) = printed(inspect("lasting").wait_with_output().unwrap());
    assert!(out.contains("The user can still approve it"), "{out} {said}");
    assert_eq!(ran(home.path()), 0);
    let late = wait_for(home.path(), 1, "late");
    assert_eq!(late[0]["client"], "inspector-cli");
    prints(home.path(), &["approve", late[0]["id"].as_str().unwrap()]);
    let (out, said) = printed(inspect("lasting").wait_with_output().unwrap());
    assert!(out.contains("It ran."), "{out} {said}");
    assert_eq!((ran(home.path()), listed(home.path()).len()), (1, 0));
}
