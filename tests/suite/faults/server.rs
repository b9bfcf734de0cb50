//! Servers that flood, print garbage, answer twice, late or never, or close stdout and live on.

use super::*;

/// What a wrapper may hold in private memory whatever a server prints.
const MEMORY: usize = 40_000_000;

#[test]
fn that_floods_stdout_keeps_no_answer_from_the_client() {
    let mut session = session(&["--chatter"]);
    // Each answer comes behind all that is in the pipes.
    for _ in 0..10 {
        assert!(is_refused(&ask(&mut session, "refused")));
        assert!(!is_refused(&ask(&mut session, "open")));
    }
    session.assert_memory_below(MEMORY);
    session.close();
    let rest = rest(&mut session);
    assert!(rest.is_empty() || rest.ends_with('\n'), "whole lines to the end");
    session.end();
    session.all_gone();
}

/// A line without end is neither held nor passed on, and the other direction goes on. What is read is told by /proc.
#[cfg(target_os = "linux")]
#[test]
fn that_never_ends_its_line_costs_no_memory() {
    let mut session = wrapped::wrap_with(home_with(POLICY), &["--max-message", "64KiB"], &["--endless-line"]);
    let read = |session: &Wrapped| -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", session.process.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    };
    until("the wrapper reads 100 MB", || read(&session) > 100_000_000);
    session.assert_memory_below(MEMORY);
    assert!(is_refused(&ask(&mut session, "refused")));
    session.signal(libc::SIGTERM);
    session.end();
    assert_eq!(rest(&mut session), "", "nothing of the line reaches the client");
}

/// Bytes as they come from a broken pipe, a binary or a crash: newlines, NULs, halves of messages.
fn garbage() -> Vec<u8> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::new();
    for n in 0..4000 {
        for _ in 0..n % 97 {
            // xorshift: the same bytes in every run.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.extend_from_slice(&seed.to_le_bytes());
        }
        let half = [&b"{\"jsonrpc\":\"2.0\",\"id\":"[..], b"\",\"result\":{}}", b"\0\0\0", b"\r", b"\xff\xfe[["][n % 5];
        bytes.extend_from_slice(half);
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn that_prints_garbage_is_still_talked_to() {
    let home = home_with(POLICY);
    let play = home.path().join("play");
    fs::write(&play, garbage()).unwrap();
    let mut session = wrapped::wrap_with(home, &[], &["--play", play.to_str().unwrap()]);
    session.send((calls(0..50, "open") + &calls(50..100, "refused")).as_bytes());
    let answers: String = (0..100).map(|_| session.line()).collect();
    assert_eq!(sorted(ids(&answers)), (0..100).collect::<Vec<_>>());
    assert_eq!(answers.matches("\"method\":\"tools/call\"").count(), 50, "the server's own answers: {answers}");
    session.close();
    assert_eq!(rest(&mut session), "", "no garbage reaches the client");
    assert_eq!(code(&mut session), 0);
    assert!(said(&session).contains("[server stdout] "));
    assert!(!said(&session).contains(['\0', '\u{1b}', '\r']), "and none drives a terminal");
}

#[test]
fn that_answers_twice_is_heard_once() {
    let mut session = session(&["--twice"]);
    session.send(calls(0..100, "open").as_bytes());
    session.close();
    assert_eq!(ids(&rest(&mut session)), (0..100).collect::<Vec<_>>());
    assert_eq!(code(&mut session), 0);
}

/// The answer to what was cancelled comes late, when nobody waits for it; that to the other one late, but in time.
#[test]
fn that_answers_late_is_heard_where_somebody_still_waits() {
    let mut session = session(&["--at-cue"]);
    let cancelled = |id: u64| {
        format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":{id}}}}}\n")
    };
    for id in (0..100).step_by(2) {
        // The cancellation is the cue: both are answered after it.
        session.send((calls(id..id + 2, "open") + &cancelled(id)).as_bytes());
        let answer = session.line();
        assert_eq!(ids(&answer), [id + 1], "{answer}");
    }
    session.close();
    assert_eq!(rest(&mut session), "");
    assert_eq!(code(&mut session), 0);
}

#[test]
fn that_never_answers_is_answered_for_when_it_ends() {
    let mut session = session(&["--silent"]);
    session.send((calls(0..500, "open") + &call(500, "refused")).as_bytes());
    assert_eq!(ids(&session.line()), [500], "what needs no server is answered meanwhile");
    session.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7}}\n");
    session.close();
    let answers = rest(&mut session);
    assert!(answers.lines().all(|answer| answer.contains("exited with code 0")), "{answers}");
    let expected: Vec<_> = (0..500).filter(|id| *id != 7).collect();
    assert_eq!(sorted(ids(&answers)), expected, "each once, but what was cancelled");
    assert_eq!(code(&mut session), 0);
}

/// It goes mute in the middle of calls and holds on to life: it is answered for at once, and ended.
#[test]
fn that_closes_stdout_and_lives_is_answered_for_and_ended() {
    let home = home_with_grace(POLICY, "10s");
    let pid = home.path().join("pid");
    let habits = ["--close-stdout-at-request", "--ignore-eof", "--ignore-signals"];
    let mut session = wrapped::wrap_with(home, &[], &[&habits[..], &["--pid", pid.to_str().unwrap()]].concat());
    session.told("pid");
    session.send((calls(0..100, "open") + &call(100, "refused")).as_bytes());
    let answers: String = (0..=100).map(|_| session.line()).collect();
    assert_eq!(sorted(ids(&answers)), (0..=100).collect::<Vec<_>>());
    assert_eq!(answers.matches("closed its stdout").count(), 100, "{answers}");
    session.send(call(101, "open").as_bytes());
    assert_eq!(ids(&session.line()), [101], "what is asked now is answered, too");
    let (status, _) = session.end();
    assert_eq!(status.code(), Some(crate::support::wrapped::KILLED));
    assert_eq!(rest(&mut session), "", "each was answered once");
    session.all_gone();
}
