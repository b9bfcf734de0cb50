//! What a session owes nobody who reads its stderr: many clients never do, and some close it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

#[test]
fn a_session_outlives_whoever_read_its_stderr() {
    let home = tempfile::TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow","hide":["hidden_tool"]}"#).unwrap();
    let program = env!("CARGO_BIN_EXE_policylayer");
    let mut wrapper = Command::new(program)
        .args(["wrap", "--policy"])
        .arg(&policy)
        .args(["--", program, "demo-server"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (wrapper.stdin.take().unwrap(), BufReader::new(wrapper.stdout.take().unwrap()));
    drop(wrapper.stderr.take());

    for id in 0..3 {
        // Each refusal is told on stderr, where nobody is any more.
        writeln!(stdin, r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"hidden_tool"}}}}"#)
            .unwrap_or_else(|error| panic!("the session has ended before request {id}: {error}"));
        let mut answer = String::new();
        stdout.read_line(&mut answer).unwrap();
        assert!(answer.contains("[POLICY DENIED]"), "request {id}: {answer:?}");
    }
    drop(stdin);
    wrapper.wait().unwrap();
}
