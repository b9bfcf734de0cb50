//! Limits on the real program: bursts, wrappers that share a count, and a count that cannot be kept.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::state_in;
use std::fs;
use std::path::Path;
use std::process::Command;
#[cfg(unix)]
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::wrapped;

use wrapped::{Wrapped, command, home, stub};

/// A wrapper in this home, whose policy limits the tool `a`.
fn limited(home: &Path, limit: &str) -> Wrapped {
    limited_below(home, limit, |command| command)
}

/// The same, started by another command.
fn limited_below(home: &Path, limit: &str, start: impl FnOnce(Command) -> Command) -> Wrapped {
    let policy = format!(r#"{{"version":"1","default":"deny","tools":{{"a":{{"limits":[{limit}]}},"b":{{}}}}}}"#);
    // Written once: another wrapper that starts here must not find it half written.
    if fs::read_to_string(home.join("policy.json")).unwrap() != policy {
        fs::write(home.join("policy.json"), policy).unwrap();
    }
    // The session's own home only holds its stderr.
    let own = wrapped::home();
    let mut command = start(command(home, &[], &[stub().to_str().unwrap()]));
    command.stderr(fs::File::create(own.path().join("stderr")).unwrap());
    Wrapped::start(own, command)
}

fn call(id: usize, tool: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\"}}}}\n")
}

/// Sends a burst in one write; how many pass, and the refusals.
fn burst(session: &mut Wrapped, count: usize) -> (usize, Vec<serde_json::Value>) {
    let calls: String = (0..count).map(|id| call(id, "a")).collect();
    session.send(calls.as_bytes());
    let answers: Vec<serde_json::Value> = (0..count).map(|_| serde_json::from_str(&session.line()).unwrap()).collect();
    let decision = |answer: &serde_json::Value| answer["result"]["_meta"]["policylayer/decision"].clone();
    let refusals: Vec<_> = answers.iter().map(decision).filter(|decision| !decision.is_null()).collect();
    (count - refusals.len(), refusals)
}

#[test]
fn exactly_ten_of_a_burst_of_a_hundred_pass() {
    let home = home();
    let mut session = limited(home.path(), r#"{"max":10,"window":60}"#);
    let start = Instant::now();
    let (passed, refusals) = burst(&mut session, 100);
    let took = start.elapsed().as_secs();
    assert_eq!(passed, 10);
    for refusal in refusals {
        assert_eq!(refusal["rule"], "tools.a.limits[0]");
        assert_eq!(refusal["effect"], "deny");
        let after = refusal["retry_after"].as_u64().unwrap();
        assert!((58_u64.saturating_sub(took)..=60).contains(&after), "after {took} s: {refusal}");
    }
    session.send(call(1000, "b").as_bytes());
    assert!(!session.line().contains("POLICY DENIED"), "another tool is not concerned");
    // A session begins at zero, and keeps no count.
    let mut another = limited(home.path(), r#"{"max":10,"window":60}"#);
    assert_eq!(burst(&mut another, 20).0, 10);
    assert!(!state_in(home.path()).join("state.sqlite3").exists());
}

#[test]
fn ten_again_in_the_next_window() {
    let home = home();
    let mut session = limited(home.path(), r#"{"max":10,"window":1}"#);
    for round in 0..3 {
        let start = Instant::now();
        let (passed, refusals) = burst(&mut session, 30);
        // Ten more pass for each window that has passed meanwhile, on a busy machine.
        let windows = usize::try_from(start.elapsed().as_secs()).unwrap();
        assert!((10..=10 + 10 * windows).contains(&passed), "round {round}: {passed} in {windows} s and a bit");
        assert!(refusals.iter().all(|refusal| refusal["retry_after"] == 1), "{refusals:?}");
        thread::sleep(Duration::from_millis(1_050));
    }
}

#[test]
fn wrappers_of_one_server_share_a_count_and_so_do_later_ones() {
    let home = home();
    let limit = r#"{"max":25,"window":"hour","scope":"server"}"#;
    let mut sessions: Vec<_> = (0..5).map(|_| limited(home.path(), limit)).collect();
    let passed: usize = thread::scope(|scope| {
        let bursts: Vec<_> = sessions.iter_mut().map(|session| scope.spawn(|| burst(session, 20).0)).collect();
        bursts.into_iter().map(|burst| burst.join().unwrap()).sum()
    });
    assert_eq!(passed, 25);
    for session in &mut sessions {
        session.kill();
    }
    assert_eq!(burst(&mut limited(home.path(), limit), 5).0, 0, "the count outlives the wrappers");
    assert!(state_in(home.path()).join("state.sqlite3").exists());
}

#[test]
fn a_client_counts_over_all_the_sessions_that_its_process_starts() {
    let home = home();
    let limit = r#"{"max":5,"window":"hour","scope":"client"}"#;
    for passes in [3, 2, 0] {
        let mut session = limited(home.path(), limit);
        let (passed, refusals) = burst(&mut session, 3);
        assert_eq!(passed, passes);
        for refusal in refusals {
            assert_eq!(refusal["rule"], "tools.a.limits[0]");
            assert!(refusal["retry_after"].as_u64().unwrap() > 3000, "{refusal}");
        }
        session.kill();
    }
    // What `server` counts is another count of the same limit.
    assert_eq!(burst(&mut limited(home.path(), &limit.replace("client", "server")), 9).0, 5);
}

/// A shell that runs this command, and waits for it.
#[cfg(unix)]
fn run_by(shell: &Path, command: &Command) -> Command {
    let mut run = Command::new(shell);
    run.arg("-c").arg("\"$0\" \"$@\"; exit $?").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => run.env(name, value),
            None => run.env_remove(name),
        };
    }
    crate::support::system::leads_a_group(run.stdin(Stdio::piped()).stdout(Stdio::piped()));
    run
}

#[cfg(unix)]
#[test]
fn a_shell_in_between_is_no_client_and_another_process_is_another() {
    let (home, place) = (home(), tempfile::tempdir().unwrap());
    let limit = r#"{"max":5,"window":"hour","scope":"client"}"#;
    let session = |shell: Option<&Path>| {
        let start = |command: Command| match shell {
            Some(shell) => run_by(shell, &command),
            None => command,
        };
        burst(&mut limited_below(home.path(), limit, start), 4).0
    };
    assert_eq!([session(None), session(Some(Path::new("/bin/sh"))), session(None)], [4, 1, 0]);
    // A shell by another name stands for a client, once for each start.
    let client = place.path().join("some-client");
    crate::support::system::copy_program(Path::new("/bin/sh"), &client);
    assert_eq!([session(Some(&client)), session(Some(&client)), session(None)], [4, 4, 0]);
}

#[test]
fn a_count_that_cannot_be_kept_refuses_says_so_and_heals() {
    let home = home();
    let state = state_in(home.path()).parent().unwrap().to_owned();
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    fs::write(&state, "in the way").unwrap();
    let mut session = limited(home.path(), r#"{"max":5,"window":60,"scope":"server"}"#);
    let (passed, refusals) = burst(&mut session, 3);
    assert_eq!(passed, 0);
    let reason = refusals[0]["reason"].as_str().unwrap();
    assert!(reason.contains("cannot be kept") && reason.contains("state"), "{reason}");
    session.send(call(1000, "b").as_bytes());
    assert!(!session.line().contains("POLICY DENIED"), "what needs no count goes on");
    fs::remove_file(&state).unwrap();
    assert_eq!(burst(&mut session, 10).0, 5);
}
