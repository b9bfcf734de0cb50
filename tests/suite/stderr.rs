//! What a session owes nobody who reads its stderr: many clients never do, and some close it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::support::system::at_home;
use crate::support::wrapped;

#[test]
fn a_session_outlives_whoever_read_its_stderr() {
    let home = tempfile::TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow","hide":["hidden_tool"]}"#).unwrap();
    let program = crate::support::system::program();
    let mut wrapper = at_home(&mut Command::new(program), home.path())
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
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::wrapped::{Wrapped, command, home, stub};
    use super::{BufRead as _, BufReader, Stdio, fs};
    use crate::support::system::PATIENCE;

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

    /// Reads its stderr from now on.
    fn read_stderr(session: &mut Wrapped) -> Arc<Mutex<String>> {
        let stderr = BufReader::new(session.process.stderr.take().unwrap());
        let text = Arc::<Mutex<String>>::default();
        let shared = Arc::clone(&text);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                shared.lock().unwrap().extend([&*line, "\n"]);
            }
        });
        text
    }

    /// Waits until something is read. What is written last is not waited for by the end of the wrapper.
    fn until(text: &Mutex<String>, is_so: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !is_so(&text.lock().unwrap()) {
            assert!(start.elapsed() < PATIENCE, "{} bytes", text.lock().unwrap().len());
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn holds_no_answer_back_and_is_told_what_was_dropped() {
        let mut session = session(&[], &[], 10_000);
        refusals(&mut session, 6_000);
        session.assert_memory_below(16_000_000);
        let text = read_stderr(&mut session);
        until(&text, |text| text.contains("were dropped"));
        session.close();
        assert_eq!(session.code(), 0);
        let text = text.lock().unwrap();
        // The last one may be cut, by the end of the wrapper.
        let mut whole = text.lines().rev().skip(1);
        assert!(whole.all(|line| line.starts_with("policylayer ") || line.starts_with("[server stdout] ")));
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
        let text = read_stderr(&mut session);
        refusals(&mut session, 1_500);
        let counts = |text: &str| ["refused tools/call", "[server stdout]"].map(|words| text.matches(words).count());
        until(&text, |text| counts(text) == [1_500, 200]);
        session.close();
        assert_eq!(session.code(), 3);
    }
}
