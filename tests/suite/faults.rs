//! Faults, each of them brought about: what ends, hangs, floods, fills up or jumps while a session runs.
//!
//! | fault | here | elsewhere |
//! |---|---|---|
//! | kill -9 of the wrapper | `kill` | tests/suite/wrap.rs: idle, its whole group, while it starts; tests/suite/iterable.rs: npx |
//! | kill -9 of the server | `kill` | tests/suite/wrap.rs: by itself, with a code, in the middle of a line |
//! | kill -9 of npx, and of node behind it | `kill` | tests/suite/iterable.rs: SIGTERM |
//! | a client that never reads | `client` | tests/suite/wrap.rs: while the server floods; tests/suite/stderr.rs: its stderr |
//! | a client that reads one byte at a time | `client` | tests/suite/wrap.rs: that writes so |
//! | a client that closes half | `client` | tests/suite/wrap.rs: without calls on the way |
//! | a server that floods stdout | `server` | tests/suite/wrap.rs: what nobody reads |
//! | a server that prints garbage | `server` | tests/suite/wrap.rs: prints for people; tests/vectors: hostile answers |
//! | a server that answers twice, late or never | `server` | tests/vectors: `second-answer` and the like |
//! | a server that closes stdout and lives | `server` | tests/suite/wrap.rs: one that ends by its closed stdin |
//! | a clock that jumps | `clock` | tests/suite/limits_windows.rs: the counts alone |
//! | a policy file that is deleted, a folder, unreadable | `policy_file` | tests/suite/reload.rs: that calls stay refused |
//! | 200 wrappers on one state store | `store` | tests/suite/limits_store.rs: ten processes without wrappers |
//! | a full disk for the state | `store` | tests/suite/limits_store.rs: a store that reached its own bound |
//! | a million messages | `soak` | tests/allocations.rs: what one line allocates |
#![allow(unsafe_code, reason = "what is done between fork and exec is")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::PATIENCE;
use crate::support::wrapped;

mod client;
mod clock;
mod kill;
mod policy_file;
mod server;
// Memory and open files are read from /proc.
#[cfg(target_os = "linux")]
mod soak;
mod store;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use wrapped::{Wrapped, command, stub};

const SECOND: Duration = Duration::from_secs(1);

/// Under this policy a call of `refused` is answered by the wrapper, whatever the server does.
const POLICY: &str = r#"{"version":"1","default":"allow","tools":{"refused":{"action":"deny"}}}"#;

/// A home with a policy, in which servers have as long to end as they may need on a busy machine.
fn home_with(policy: &str) -> tempfile::TempDir {
    home_with_grace(policy, "1m")
}

/// The same with another time to end.
fn home_with_grace(policy: &str, grace: &str) -> tempfile::TempDir {
    let home = wrapped::home_with_grace(grace);
    fs::write(home.path().join("policy.json"), policy).unwrap();
    home
}

/// The wrapper under [`POLICY`] around the stub with these habits.
fn session(habits: &[&str]) -> Wrapped {
    wrapped::wrap_with(home_with(POLICY), &[], habits)
}

/// The same around one that does not end by itself: it is soon ended.
fn stubborn_session(habits: &[&str]) -> Wrapped {
    wrapped::wrap_with(home_with_grace(POLICY, "1s"), &[], habits)
}

/// The stub with these habits as a command, in the home.
fn stub_in(home: &Path, habits: &[&str]) -> std::process::Command {
    let stub = stub();
    let server: Vec<&str> = [stub.to_str().unwrap()].into_iter().chain(habits.iter().copied()).collect();
    command(home, &[], &server)
}

fn call(id: impl std::fmt::Display, tool: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\"}}}}\n")
}

fn calls(ids: std::ops::Range<u64>, tool: &str) -> String {
    ids.map(|id| call(id, tool)).collect()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("no whole message: {error}: {line:?}"))
}

/// The ids of the answers among these lines, each of which must be a whole message.
fn ids(lines: &str) -> Vec<u64> {
    lines.lines().map(json).filter_map(|message| message["id"].as_u64()).collect()
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

/// Everything that still comes, as text.
fn rest(session: &mut Wrapped) -> String {
    String::from_utf8(session.rest()).unwrap()
}

/// The exit code of a wrapper that ends by itself.
fn code(session: &mut Wrapped) -> i32 {
    session.end().0.code().unwrap()
}

fn is_refused(answer: &str) -> bool {
    answer.contains("[POLICY DENIED]")
}

/// Calls a tool and waits for the answer; what else comes is passed over.
fn ask(session: &mut Wrapped, tool: &str) -> String {
    session.send(call("\"ask\"", tool).as_bytes());
    loop {
        let line = session.line();
        assert!(!line.is_empty(), "the session is over: {}", said(session));
        if line.contains("\"id\":\"ask\"") {
            return line;
        }
    }
}

fn said(session: &Wrapped) -> String {
    fs::read_to_string(session.home.path().join("stderr")).unwrap()
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends from a thread, as a client that does not look at what comes back; the sender ends with the session.
fn sending(session: &mut Wrapped, text: String) -> thread::JoinHandle<std::process::ChildStdin> {
    let mut stdin = session.stdin.take().unwrap();
    thread::spawn(move || {
        let _ = stdin.write_all(text.as_bytes());
        stdin
    })
}

/// Says, also where the test passes, what it has measured or which way it went.
fn tell(what: &str) {
    #[expect(clippy::explicit_write, reason = "the test runner keeps what a passing test prints to itself")]
    writeln!(std::io::stderr(), "{}: {what}", thread::current().name().unwrap_or("a test")).unwrap();
}
