//! Clients that never read, read one byte at a time, or close half of what connects them.

use std::io::Read as _;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// What a wrapper may hold in private memory for a client that keeps it waiting.
const MEMORY: usize = 40_000_000;

/// Sends calls from a thread; how many bytes of them were taken can be seen from outside.
fn pushing(session: &mut Wrapped, text: String) -> (thread::JoinHandle<ChildStdin>, Arc<AtomicUsize>) {
    let mut stdin = session.stdin.take().unwrap();
    let taken = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&taken);
    let sender = thread::spawn(move || {
        for piece in text.as_bytes().chunks(1000) {
            stdin.write_all(piece).unwrap();
            count.fetch_add(piece.len(), Ordering::Relaxed);
        }
        stdin
    });
    (sender, taken)
}

/// A client that pushes and does not read is made to wait, and gets every answer once it reads.
#[test]
fn that_does_not_read_what_it_asked_for_is_made_to_wait_and_misses_nothing() {
    let mut session = session(&["--echo"]);
    session.greet();
    let text = calls(0..100_000, "open");
    let length = text.len();
    let (sender, taken) = pushing(&mut session, text);
    let mut before = usize::MAX;
    until("the sender waits", || {
        thread::sleep(SECOND / 2);
        std::mem::replace(&mut before, taken.load(Ordering::Relaxed)) == before
    });
    assert!(before < length / 2, "{before} of {length} bytes were taken without anybody reading the answers");
    session.assert_memory_below(MEMORY);
    let answers: String = (0..100_000).map(|_| session.line()).collect();
    // What was too much at once was refused, and such a refusal overtakes the answers of the server.
    assert_eq!(sorted(ids(&answers)), (0..100_000).collect::<Vec<_>>());
    session.assert_memory_below(MEMORY);
    drop(sender.join().unwrap());
    assert_eq!(code(&mut session), 0);
}

/// It holds our stdout, reads nothing, and closes our stdin: it gets the server's grace, and no more.
#[test]
fn that_never_reads_and_leaves_is_not_waited_for() {
    for habit in ["--chatter", "--flood", "--echo"] {
        let mut session = stubborn_session(&[habit]);
        let (sender, _) = pushing(&mut session, calls(0..100, "open"));
        drop(sender.join().unwrap());
        session.end();
        session.all_gone();
    }
}

#[test]
fn that_reads_and_writes_one_byte_at_a_time_gets_the_same_bytes() {
    let home = home_with(POLICY);
    let line = |n: usize| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/n\",\"params\":{{\"ä\":{n}}}}}\n");
    let played: String = (0..500).map(line).collect();
    let play = home.path().join("play");
    fs::write(&play, &played).unwrap();
    let mut session = wrapped::wrap_with(home, &[], &["--play", play.to_str().unwrap()]);
    let mut stdin = session.stdin.take().unwrap();
    let sender = thread::spawn(move || {
        for byte in (calls(0..100, "open") + &calls(100..200, "refused")).as_bytes() {
            stdin.write_all(&[*byte]).unwrap();
        }
    });
    let reader = session.stdout.take().unwrap();
    assert!(reader.buffer().is_empty());
    let (mut stdout, mut received, mut byte) = (reader.into_inner(), Vec::new(), [0]);
    while stdout.read(&mut byte).unwrap() == 1 {
        received.push(byte[0]);
    }
    sender.join().unwrap();
    let received = String::from_utf8(received).unwrap();
    let (notified, answers): (Vec<&str>, Vec<&str>) =
        received.split_inclusive('\n').partition(|line| line.contains("notifications/n"));
    assert_eq!(notified.concat(), played);
    assert_eq!(sorted(ids(&answers.concat())), (0..200).collect::<Vec<_>>());
    assert_eq!(code(&mut session), 0);
}

/// The half that is closed is the one that it writes to: it has said all, and wants every answer.
#[test]
fn that_closes_stdin_and_reads_on_gets_every_answer() {
    let mut session = session(&["--echo"]);
    let (sender, _) = pushing(&mut session, calls(0..2000, "open") + &calls(2000..2500, "refused"));
    let first: String = (0..1500).map(|_| session.line()).collect();
    drop(sender.join().unwrap());
    let answers = first + &rest(&mut session);
    assert_eq!(sorted(ids(&answers)), (0..2500).collect::<Vec<_>>());
    assert_eq!(code(&mut session), 0);
    session.all_gone();
}

/// The other half: a client that cannot be answered any more is gone, whatever it still writes.
#[test]
fn that_closes_stdout_and_writes_on_ends_the_session() {
    // What is to be answered by the server, and what by the wrapper alone.
    for (habit, tool) in [("--echo", "open"), ("--silent", "refused")] {
        let mut session = session(&[habit]);
        session.send(call(0, "refused").as_bytes());
        session.line();
        session.stdout = None;
        let mut stdin = session.stdin.take().unwrap();
        let sender = thread::spawn(move || while stdin.write_all(calls(0..100, tool).as_bytes()).is_ok() {});
        session.end();
        // The writer is told as well.
        sender.join().unwrap();
        session.all_gone();
    }
}
