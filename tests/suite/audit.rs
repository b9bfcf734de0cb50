//! The audit log of the built wrapper: what a session writes, whatever ends it, and what happens where it cannot be written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::audit_log::complete;
use crate::support::system::{PATIENCE, at_home, program, state_in};
use crate::support::wrapped;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use policylayer::audit;
use policylayer::policy::ServerName;
use policylayer::record;
use serde_json::{Value, json};
use wrapped::{Wrapped, home, wrap_with};

const POLICY: &str = r#"{"version":"1","default":"allow","hide":["gone"],"tools":{
    "no":{"action":"deny","reason":"Never."},"once":{"rate_limit":{"max":1,"window":60}}}}"#;

fn home_with(config: &str) -> tempfile::TempDir {
    let home = home();
    fs::write(home.path().join("policy.json"), POLICY).unwrap();
    let folder = home.path().join(".config/policylayer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), config).unwrap();
    home
}

fn folder(home: &Path) -> PathBuf {
    state_in(home).join("audit")
}

/// The lines of the log, each of which is a record that is read.
fn log(home: &Path) -> Vec<Value> {
    read_log(&fs::read_to_string(folder(home).join("stub.jsonl")).unwrap_or_default())
}

fn read_log(text: &str) -> Vec<Value> {
    let lines = complete(text);
    for line in &lines {
        record::read_line(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn assert_verified(home: &Path) -> audit::VerifyReport {
    let report = audit::verify_log(&folder(home), &ServerName::parse("stub").unwrap()).unwrap();
    assert!(report.broken.is_none(), "{report:?}");
    report
}

fn call(wrapped: &mut Wrapped, id: u32, tool: &str) {
    let params = format!(r#"{{"name":"{tool}","arguments":{{"email":"bob@example.com"}}}}"#);
    wrapped.send(
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{params}}}\n").as_bytes(),
    );
}

/// A line comes when its call is answered, and two may be at the same time.
fn by_number(mut lines: Vec<Value>) -> Vec<Value> {
    lines.sort_by_key(|line| line["call"].as_u64());
    lines
}

fn facts(record: &Value) -> Value {
    ["call", "tool", "effect", "rule", "outcome"].iter().map(|name| record[name].clone()).collect()
}

#[test]
fn every_decision_of_a_session_is_one_line() {
    let mut wrapped = wrap_with(home_with(""), &[], &[]);
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"clientInfo":{"name":"a","version":"1"}}}"#;
    wrapped.send(format!("{hello}\n").as_bytes());
    wrapped.line();
    for (id, tool) in [(1, "yes"), (2, "no"), (3, "gone"), (4, "once"), (5, "once")] {
        call(&mut wrapped, id, tool);
        wrapped.line();
    }
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    let lines = by_number(log(wrapped.home.path()));
    let expected = [
        json!([1, "yes", "allow", "default", "ok"]),
        json!([2, "no", "deny", "tools.no", "refused"]),
        json!([3, "gone", "hide", "hide[0]", "refused"]),
        json!([4, "once", "allow", "tools.once", "ok"]),
        json!([5, "once", "deny", "tools.once.rate_limit", "refused"]),
    ];
    assert_eq!(lines.iter().map(facts).collect::<Vec<_>>(), expected);
    for line in &lines {
        assert_eq!(line["server"], "stub");
        assert_eq!(line["session"], lines[0]["session"]);
        assert_eq!(line["client"], json!({"name": "a", "version": "1"}));
        assert_eq!(line["arguments"]["keys"], json!(["email"]));
        assert_eq!(line["arguments"]["blake3"], lines[0]["arguments"]["blake3"], "the same arguments");
        assert!(!line.to_string().contains("bob@"), "an address is in the log");
    }
    assert_verified(wrapped.home.path());
    // The key is the user's own; another user's log has other digests.
    assert_eq!(fs::read(folder(wrapped.home.path()).join("key")).unwrap().len(), 32);
}

fn printed(home: &Path, args: &[&str]) -> std::process::Output {
    at_home(std::process::Command::new(program()).args(args), home).output().unwrap()
}

#[test]
fn the_log_has_the_text_under_which_a_call_was_let_through() {
    const REFUSE: &str = r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#;
    let mut wrapped = wrap_with(home_with(""), &[], &[]);
    wrapped.greet();
    assert!(wrapped.passes());
    fs::write(wrapped.home.path().join("policy.json"), REFUSE).unwrap();
    let start = Instant::now();
    while wrapped.passes() {
        assert!(start.elapsed() < PATIENCE, "{}", wrapped.said());
    }
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    let home = wrapped.home.path();
    let report = printed(home, &["log", "policy", "--format", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["unnamed"], 0);
    let [allowed, refused] = &report["policies"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(refused["decisions"], 1);
    for (policy, text, effect) in [(allowed, POLICY, "allow"), (refused, REFUSE, "deny")] {
        let digest = policy["sha256"].as_str().unwrap();
        assert_eq!(digest, record::Digest::of_text(text.as_bytes()).to_string());
        let shown = printed(home, &["log", "policy", &digest[..8]]);
        assert_eq!((String::from_utf8(shown.stdout).unwrap().as_str(), shown.status.code()), (text, Some(0)));
        assert!(fs::read_to_string(policy["file"].as_str().unwrap()).is_ok());
        let only = printed(home, &["log", "policy", "--effect", effect, "--format", "json"]);
        let only: Value = serde_json::from_slice(&only.stdout).unwrap();
        assert_eq!(only["policies"].as_array().unwrap().len(), 1, "{effect}: {only:#}");
        assert_eq!(only["policies"][0]["sha256"], digest);
    }
    let table = String::from_utf8(printed(home, &["log", "policy"]).stdout).unwrap();
    assert!(table.contains("SHA-256") && table.contains(&allowed["sha256"].as_str().unwrap()[..12]), "{table}");

    let digest = &refused["sha256"].as_str().unwrap()[..8];
    fs::write(refused["file"].as_str().unwrap(), POLICY).unwrap();
    let changed = printed(home, &["log", "policy", digest, "--format", "json"]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(String::from_utf8(changed.stderr).unwrap().contains("was changed after it was written"));
    for (start, code, said) in
        [("00000000", 1, "No policy whose SHA-256 begins with 00000000"), ("xyz", 2, "hexadecimal")]
    {
        let none = printed(home, &["log", "policy", start]);
        assert_eq!(none.status.code(), Some(code));
        assert!(String::from_utf8(none.stderr).unwrap().contains(said));
    }
}

/// Waits until the log has as many lines, and returns them.
fn wait_for_lines(home: &Path, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        // The last one may be read while it is written.
        let text = fs::read_to_string(folder(home).join("stub.jsonl")).unwrap_or_default();
        let lines = read_log(text.rfind('\n').map_or("", |end| &text[..=end]));
        if lines.len() >= count {
            return lines;
        }
        assert!(start.elapsed() < PATIENCE, "{} lines instead of {count}: {lines:#?}", lines.len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn each_reload_is_recorded_at_once_and_names_the_policy() {
    const SECOND: &str = r#"{"version":"1","default":"deny","tools":{"yes":{}}}"#;
    let mut wrapped = wrap_with(home_with(""), &[], &[]);
    wrapped.greet();
    let home = wrapped.home.path().to_owned();
    // No call is made: what is recorded is the reload.
    for (count, text) in [(1, SECOND), (2, POLICY), (3, SECOND)] {
        fs::write(home.join("policy.json"), text).unwrap();
        let line = wait_for_lines(&home, count).remove(count - 1);
        let digest = record::Digest::of_text(text.as_bytes()).to_string();
        let members = ["policy", "direction", "method", "tool", "rule", "effect", "outcome"];
        let found: Value = members.iter().map(|name| line[name].clone()).collect();
        assert_eq!(found, json!([digest, "wrapper", null, null, "reload", "allow", "ok"]), "{line}");
        let text_of_line = line.to_string();
        let read = record::read_line(&text_of_line).unwrap().about;
        assert!(matches!(read, record::About::Reload(named) if named.to_string() == digest), "{read:?}");
        let shown = printed(&home, &["log", "policy", &digest]);
        assert_eq!(String::from_utf8(shown.stdout).unwrap(), text, "the text is kept as well");
    }
    call(&mut wrapped, 1, "yes");
    wrapped.line();
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    let lines = log(&home);
    assert_eq!((lines.len(), &lines[3]["policy"]), (4, &Value::Null), "the line before names it");
    assert_verified(&home);

    let report = printed(&home, &["log", "policy", "--format", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let decisions: Vec<_> = report["policies"].as_array().unwrap().iter().map(|policy| &policy["decisions"]).collect();
    assert_eq!(decisions, [1, 0], "each that was in force, a reload is no decision: {report:#}");
    let stats = printed(&home, &["log", "stats", "--format", "json"]);
    assert_eq!(serde_json::from_slice::<Value>(&stats.stdout).unwrap()["decisions"], 1);
    let shown = String::from_utf8(printed(&home, &["log"]).stdout).unwrap();
    assert_eq!(shown.matches("a new policy is in force for stub: ").count(), 3, "{shown}");
    let filtered = String::from_utf8(printed(&home, &["log", "--effect", "allow"]).stdout).unwrap();
    assert!(!filtered.contains("a new policy") && filtered.contains("tools.yes"), "{filtered}");
}

#[test]
fn a_session_without_calls_leaves_nothing_behind() {
    let mut wrapped = wrap_with(home_with(""), &[], &[]);
    wrapped.greet();
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    assert!(!folder(wrapped.home.path()).exists(), "clients start processes that they throw away");
}

/// What a session has not needed yet it has not started: threads cost a client that waits for its first answer.
#[cfg(target_os = "linux")]
#[test]
fn a_session_starts_what_it_needs_when_it_needs_it() {
    let mut wrapped = wrap_with(home_with(""), &[], &[]);
    wrapped.greet();
    wrapped.send(b"{\"jsonrpc\":\"2.0\",\"id\":\"list\",\"method\":\"tools/list\"}\n");
    wrapped.line();
    let tasks = PathBuf::from(format!("/proc/{}/task", wrapped.process.id()));
    let threads = || -> Vec<String> {
        let name = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("comm")).ok();
        fs::read_dir(&tasks).unwrap().filter_map(name).map(|name| name.trim().to_owned()).collect()
    };
    let before = threads();
    for late in ["audit", "queue", "approvals", "notification"] {
        assert!(!before.iter().any(|name| name == late), "{before:?}");
    }
    // The main one, both pumps, both sides of stderr, and two that watch the policy, from a moment on.
    assert!(before.len() <= 7, "{before:?}");
    assert!(!state_in(wrapped.home.path()).exists(), "files");
    call(&mut wrapped, 1, "yes");
    wrapped.line();
    wait_for_lines(wrapped.home.path(), 1);
    assert!(threads().iter().any(|name| name == "audit"));
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
}

#[test]
fn arguments_are_kept_as_the_settings_say() {
    for (kept, name, expected) in
        [("redacted", "redacted", json!({"email": "<text>"})), ("full", "full", json!({"email": "bob@example.com"}))]
    {
        let mut wrapped = wrap_with(home_with(&format!("[audit]\narguments = \"{kept}\"\n")), &[], &[]);
        call(&mut wrapped, 1, "yes");
        wrapped.line();
        wrapped.close();
        assert_eq!(wrapped.code(), 0);
        assert_eq!(log(wrapped.home.path())[0]["arguments"][name], expected);
    }
}

#[test]
fn whatever_ends_a_session_nothing_is_lost() {
    // The server dies with a call open; the client leaves; a signal comes.
    let mut died = wrap_with(home_with(""), &[], &["--exit-at-request", "3"]);
    call(&mut died, 1, "yes");
    died.line();
    died.end();
    assert_eq!(
        log(died.home.path()).iter().map(facts).collect::<Vec<_>>(),
        [json!([1, "yes", "allow", "default", "server_died"])]
    );

    let mut signalled = wrap_with(home_with(""), &[], &[]);
    for id in 0..200 {
        call(&mut signalled, id, "yes");
    }
    for _ in 0..200 {
        signalled.line();
    }
    // Where there is no signal, the client leaves.
    #[cfg(unix)]
    signalled.signal(libc::SIGTERM);
    #[cfg(windows)]
    signalled.close();
    signalled.end();
    assert_eq!(log(signalled.home.path()).len(), 200);
    for wrapped in [died, signalled] {
        let report = assert_verified(wrapped.home.path());
        assert!(report.notes.is_empty(), "{report:?}");
    }
}

#[test]
fn a_call_that_ran_when_the_wrapper_was_killed_is_recorded_by_the_next_session() {
    let mut wrapped = wrap_with(home_with(""), &[], &["--silent"]);
    call(&mut wrapped, 1, "yes");
    // Its journal is there within a moment.
    let journals = folder(wrapped.home.path()).join("open");
    let written = |folder: &Path| {
        let files: Vec<_> = fs::read_dir(folder).map(|files| files.flatten().collect()).unwrap_or_default();
        files.iter().any(|file| fs::read_to_string(file.path()).is_ok_and(|text| text.contains("\"yes\"")))
    };
    let start = Instant::now();
    while !written(&journals) {
        assert!(start.elapsed() < PATIENCE, "no journal came");
        std::thread::sleep(Duration::from_millis(10));
    }
    wrapped.kill();
    wrapped.all_gone();
    assert_verified(wrapped.home.path());

    wrapped.process.wait().unwrap();
    let mut next = wrap_with(std::mem::replace(&mut wrapped.home, home()), &[], &[]);
    call(&mut next, 1, "no");
    next.line();
    next.close();
    assert_eq!(next.code(), 0);
    let lines = log(next.home.path());
    assert_eq!(lines.iter().filter(|line| line["event"] == "killed").count(), 1);
    let mut lines: Vec<_> = lines.iter().filter(|line| line["event"].is_null()).map(facts).collect();
    lines.sort_by_key(ToString::to_string);
    let expected = [json!([1, "no", "deny", "tools.no", "refused"]), json!([1, "yes", "allow", "default", "unknown"])];
    assert_eq!(lines, expected);
    assert_verified(next.home.path());
}

/// A file stands where the folder should be: nothing can be written, whoever the user is.
fn blocked(config: &str) -> tempfile::TempDir {
    let home = home_with(config);
    let folder = folder(home.path());
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "not a folder").unwrap();
    home
}

#[test]
fn a_log_that_cannot_be_written_is_said_once_and_stops_nothing() {
    let mut wrapped = wrap_with(blocked(""), &[], &[]);
    for id in 1..50 {
        call(&mut wrapped, id, "yes");
        assert!(wrapped.line().contains("\"result\""));
    }
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    let stderr = fs::read_to_string(wrapped.home.path().join("stderr")).unwrap();
    assert_eq!(stderr.matches("stub.jsonl cannot be written").count(), 1, "{stderr}");
    assert!(stderr.contains("Make its directory"), "{stderr}");
}

#[test]
fn a_log_that_is_required_and_cannot_be_written_refuses_calls_and_says_why() {
    let mut wrapped = wrap_with(blocked("[audit]\nrequired = true\n"), &["--log-level", "info"], &[]);
    for id in 1..4 {
        call(&mut wrapped, id, "once");
        let answer: Value = serde_json::from_str(&wrapped.line()).unwrap();
        assert_eq!(answer["id"], id);
        assert_eq!(answer["result"]["_meta"]["policylayer/decision"]["rule"], "audit.required", "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("The audit log is required and cannot be written"), "{text}");
    }
    // What is no call goes on, and once the log can be written calls do, with nothing counted for those refused.
    wrapped.greet();
    fs::remove_file(folder(wrapped.home.path())).unwrap();
    let start = Instant::now();
    let mut id = 10;
    loop {
        call(&mut wrapped, id, "once");
        let answer = wrapped.line();
        if !answer.contains("audit.required") {
            assert!(!answer.contains("isError"), "{answer}");
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{answer}");
        std::thread::sleep(Duration::from_millis(20));
        id += 1;
    }
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    assert!(
        log(wrapped.home.path())
            .iter()
            .any(|line| facts(line) == json!([line["call"], "once", "allow", "tools.once", "ok"]))
    );
    assert_verified(wrapped.home.path());
}

#[test]
fn a_required_log_holds_each_call_before_the_server_does() {
    let home = home_with("[audit]\nrequired = true\n");
    let record = home.path().join("record");
    let mut wrapped = wrap_with(home, &[], &["--silent", "--record", record.to_str().unwrap()]);
    for id in 1..6 {
        call(&mut wrapped, id, "yes");
    }
    let start = Instant::now();
    while !fs::read_to_string(&record).is_ok_and(|text| text.lines().count() == 5) {
        assert!(start.elapsed() < PATIENCE, "the server never got its calls");
        std::thread::sleep(Duration::from_millis(1));
    }
    wrapped.kill();
    wrapped.end();
    let journals = fs::read_dir(folder(wrapped.home.path()).join("open")).unwrap();
    let text: String = journals.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for number in 1..6 {
        assert!(text.contains(&format!("\"call\":{number},")), "{text}");
    }
}

#[test]
fn observing_refuses_nothing_and_writes_down_what_would_have_been() {
    let mut wrapped = wrap_with(home_with(""), &["--observe"], &[]);
    for (id, tool) in [(1, "no"), (2, "gone"), (3, "once"), (4, "once")] {
        call(&mut wrapped, id, tool);
        assert!(!wrapped.line().contains("isError"), "{tool} was refused");
    }
    wrapped.close();
    assert_eq!(wrapped.code(), 0);
    let told: Vec<_> =
        log(wrapped.home.path()).iter().map(|line| json!([line["tool"], line["effect"], line["observed"]])).collect();
    let expected = [
        json!(["no", "deny", true]),
        json!(["gone", "hide", true]),
        json!(["once", "allow", false]),
        json!(["once", "deny", true]),
    ];
    assert_eq!(told, expected);
    assert!(
        fs::read_to_string(wrapped.home.path().join("stderr"))
            .unwrap()
            .contains("observing: only what breaks the protocol is refused")
    );
}
