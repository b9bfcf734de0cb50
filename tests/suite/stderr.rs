//! What a session owes nobody who reads its stderr: many clients never do, and some close it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::support::wrapped;

#[test]
fn a_session_outlives_whoever_read_its_stderr() {
    let home = tempfile::TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow","hide":["hidden_tool"]}"#).unwrap();
    let program = crate::support::system::program();
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

/// A client that holds our stderr and does not read it.
mod unread {
    use std::io::Read as _;
    use std::thread;

    use super::wrapped::{Wrapped, command, home, stub};
    use super::{Stdio, fs};

    /// A session whose stderr is a pipe, over the stub with these habits.
    fn session(options: &[&str], habits: &[&str], noise: usize) -> Wrapped {
        let home = home();
        fs::write(home.path().join("policy.json"), r#"{"version":"1","default":"allow","hide":["hidden_tool"]}"#)
            .unwrap();
        fs::write(home.path().join("noise"), "a stray print of the server\n".repeat(noise)).unwrap();
        let (stub, noise) = (stub(), home.path().join("noise"));
        let mut server = vec![stub.to_str().unwrap(), "--play", noise.to_str().unwrap()];
        server.extend(habits);
        let mut command = command(home.path(), options, &server);
        command.stderr(Stdio::piped());
        Wrapped::start(home, command)
    }

    /// Each refusal is told on stderr in some 100 bytes; a pipe holds 65,536.
    fn refusals(session: &mut Wrapped, count: usize) {
        for id in 0..count {
            let call = r#""method":"tools/call","params":{"name":"hidden_tool"}"#;
            session.send(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{call}}}\n").as_bytes());
            assert!(session.line().contains("[POLICY DENIED]"), "request {id}");
        }
    }

    #[test]
    fn holds_no_answer_back_and_is_told_what_was_dropped() {
        let mut session = session(&[], &[], 10_000);
        refusals(&mut session, 6_000);
        session.assert_memory_below(16_000_000);
        let mut stderr = session.process.stderr.take().unwrap();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        session.close();
        assert_eq!(session.code(), 0);
        let text = reading.join().unwrap();
        assert!(text.contains("were dropped"), "{} bytes", text.len());
        assert!(text.lines().all(|line| line.starts_with("policylayer ") || line.starts_with("[server stdout] ")));
    }

    #[test]
    fn does_not_keep_the_wrapper_from_ending() {
        let ends: &[fn(&mut Wrapped)] = &[
            |session| session.close(),
            #[cfg(unix)]
            |session| session.signal(libc::SIGTERM),
        ];
        for end in ends {
            let mut session = session(&["--log-level", "debug"], &[], 10_000);
            refusals(&mut session, 1_500);
            end(&mut session);
            session.end();
        }
    }

    #[test]
    fn is_different_from_one_who_reads_who_misses_nothing() {
        let mut session = session(&[], &["--code", "3"], 200);
        let mut stderr = session.process.stderr.take().unwrap();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        refusals(&mut session, 1_500);
        session.close();
        assert_eq!(session.code(), 3);
        let text = reading.join().unwrap();
        assert_eq!(text.matches("refused tools/call").count(), 1_500);
        assert_eq!(text.matches("[server stdout]").count(), 200);
    }
}
