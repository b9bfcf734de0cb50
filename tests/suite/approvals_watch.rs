//! `policylayer approvals watch`, and the codes of `approve`, under a real pseudo-terminal.
// Each test needs a pseudo-terminal.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(target_os = "linux")]
use crate::support::processes::living;
use crate::support::system::{PATIENCE, at_home, program};
use crate::support::terminal;
use crate::support::waiting;
use crate::support::wrapped;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use terminal::{BUSY, Terminal, processor_time_at_end};
use waiting::{approvals, call, home, listed, received, the_one, wait_for, wrapper_in};
use wrapped::kill;

/// What gives the terminal back.
const CURSOR_IS_SHOWN: &str = "\u{1b}[?25h";
const SCREEN_IS_LEFT: &str = "\u{1b}[?1049l";

fn watch(home: &Path) -> Terminal {
    let terminal = Terminal::start(approvals(home, &["watch"]));
    terminal.wait("policylayer approvals:");
    assert!(!terminal.is_cooked());
    terminal
}

/// What has just come up takes no answer yet.
fn look() {
    thread::sleep(Duration::from_millis(900));
}

fn is_given_back(terminal: &Terminal) {
    assert!(terminal.is_cooked());
    terminal.wait(SCREEN_IS_LEFT);
    terminal.wait(CURSOR_IS_SHOWN);
}

#[test]
fn y_approves_the_call_that_is_shown() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    let mut terminal = watch(home.path());
    terminal.wait("Nothing waits for a person.");
    let line = call(1, "send", "{\"to\":[\"a\u{202e}b\u{9b}2J\"]}");
    wrapper.send(line.as_bytes());
    // It shows up by itself, with the arguments in full and nothing that drives the terminal.
    terminal.wait("send of stub");
    terminal.wait("    \"a\\u{202e}b\\u{9b}2J\"");
    look();
    terminal.type_in("y");
    terminal.wait("Approved: send of stub goes on, this once.");
    assert!(wrapper.line().contains("\"id\":1"));
    assert_eq!(received(home.path(), "record"), line);
    assert!(!terminal.written().contains('\u{202e}') && !terminal.written().contains('\u{9b}'));
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
    is_given_back(&terminal);
}

/// A busy machine may bring the key to it so late that a person could have read the call. Then another call shows it.
#[test]
fn a_key_that_was_on_its_way_to_something_else_answers_nothing() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    let mut terminal = watch(home.path());
    let start = Instant::now();
    for number in 1.. {
        let from = terminal.written().len();
        wrapper.send(call(number, "send", &format!("{{\"n\":{number}}}")).as_bytes());
        terminal.wait_from(from, &format!("\"n\": {number}"));
        terminal.type_in("y");
        let (early, late) = ("has only just come up", "goes on, this once.");
        let is_said = |text: &str| terminal.written().get(from..).is_some_and(|new| new.contains(text));
        while !is_said(early) && !is_said(late) {
            assert!(start.elapsed() < PATIENCE, "{}", terminal.written());
            thread::sleep(Duration::from_millis(5));
        }
        if is_said(early) {
            break;
        }
        assert!(wrapper.line().contains("\"result\""));
    }
    assert_eq!(listed(home.path()).len(), 1);
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn n_refuses_with_a_note_and_arrows_choose() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    for n in 1..=2 {
        wrapper.send(call(n, "send", &format!("{{\"n\":{n}}}")).as_bytes());
        wait_for(home.path(), usize::try_from(n).unwrap(), "waiting");
    }
    let mut terminal = watch(home.path());
    terminal.wait("2 waiting");
    terminal.wait("\"n\": 1");
    // The second one, the first one, and the second one again.
    terminal.type_in("\u{1b}[B");
    let seen = terminal.wait("\"n\": 2");
    terminal.type_in("k");
    let seen = terminal.wait_from(seen, "\"n\": 1");
    terminal.type_in("j");
    terminal.wait_from(seen, "\"n\": 2");
    look();
    terminal.type_in("n");
    let seen = terminal.wait("A note to the agent");
    // Keys are text now; a person changes their mind, and then does not.
    terminal.type_in("y\u{1b}");
    let seen = terminal.wait_from(seen, "Nothing was answered.");
    terminal.type_in("n");
    terminal.wait_from(seen, "A note to the agent");
    terminal.type_in("Not nox\u{7f}w.\r");
    terminal.wait("Refused: send of stub does not go on");
    let answer = wrapper.line();
    assert!(answer.contains("\"id\":2") && answer.contains("says: Not now."), "{answer}");
    assert_eq!(listed(home.path()).len(), 1);
    assert_eq!(received(home.path(), "record"), "");
    terminal.type_in("\u{3}");
    assert_eq!(terminal.end().code(), Some(0));
    is_given_back(&terminal);
}

#[test]
fn long_arguments_scroll_and_another_size_is_followed() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    let items: Vec<_> = (0..60).map(|n| format!("\"item-{n:02}\"")).collect();
    wrapper.send(call(1, "send", &format!("{{\"items\":[{}]}}", items.join(","))).as_bytes());
    the_one(home.path());
    let mut terminal = watch(home.path());
    terminal.wait("item-00");
    terminal.wait("lines above");
    assert!(!terminal.written().contains("item-59"));
    terminal.type_in("\u{1b}[6~");
    terminal.wait("19 lines above");
    terminal.type_in("\u{1b}[F");
    terminal.wait("item-59");
    terminal.wait("0 below");
    for (columns, rows) in [(40, 12), (120, 40), (5, 3), (1, 1), (60, 20)] {
        let seen = terminal.written().len();
        terminal.resize(columns, rows);
        terminal.wait_from(seen, "\u{1b}[2J");
        if columns == 120 {
            terminal.wait_from(seen, &"─".repeat(120));
        }
    }
    look();
    // What was not on this screen cannot be approved.
    terminal.type_in("a");
    terminal.wait("Nothing is approved: there are ");
    terminal.type_in(&" ".repeat(20));
    terminal.type_in("a");
    terminal.wait("until the session ends");
    assert!(wrapper.line().contains("\"id\":1"));
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
    is_given_back(&terminal);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let home = home("");
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let mut terminal = watch(home.path());
        kill(terminal.process.id().cast_signed(), signal);
        assert_eq!(terminal.end().signal(), Some(signal));
        is_given_back(&terminal);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let home = home("");
    let used = processor_time_at_end(watch(home.path()).close());
    assert!(used < BUSY, "{used:?}");
    // Also where the signal that comes with it is held back.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" approvals watch"]).arg(program());
    at_home(&mut command, home.path());
    let terminal = Terminal::start(command);
    terminal.wait("policylayer approvals:");
    let used = processor_time_at_end(terminal.close());
    assert!(used < BUSY, "{used:?}");
}

/// `exit` ends the shell that it was started from, and another program has the terminal from then on.
#[cfg(target_os = "linux")]
#[test]
fn it_ends_when_reads_fail_while_the_terminal_stays() {
    let home = home("");
    let script = "set -m; sh -c 'echo $$ >shell; \"$0\" approvals watch </dev/tty & wait' \"$0\"; echo left; sleep 600";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program()).current_dir(home.path());
    at_home(&mut command, home.path());
    let mut terminal = Terminal::start(command);
    terminal.wait("policylayer approvals:");
    let shell = std::fs::read_to_string(home.path().join("shell")).unwrap();
    let watches = || {
        let all = living(home.path());
        all.iter().filter(|process| process.command.ends_with("approvals watch")).count()
    };
    assert!(watches() > 0);
    kill(shell.trim().parse().unwrap(), libc::SIGKILL);
    terminal.wait("left");
    // A key that the process may no longer read.
    terminal.type_in("x");
    let start = Instant::now();
    while watches() > 0 {
        assert!(start.elapsed() < PATIENCE, "it still runs");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_new_call_rings_the_bell_and_is_counted_in_the_title() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    the_one(home.path());
    let mut command = approvals(home.path(), &["watch"]);
    // Neither is a colour.
    command.env("NO_COLOR", "1").env("TERM", "xterm");
    let mut terminal = Terminal::start(command);
    terminal.wait("\u{1b}[22;2t");
    let seen = terminal.wait("\u{1b}]2;(1) policylayer approvals\u{7}");
    look();
    // What waited already is on the screen of somebody who looks at it.
    assert!(!terminal.written()[seen..].contains('\u{7}'));
    wrapper.send(call(2, "send", "{}").as_bytes());
    let seen = terminal.wait_from(seen, "\u{1b}]2;(2) policylayer approvals\u{7}");
    let seen = terminal.wait_from(seen, "\u{7}");
    look();
    assert!(!terminal.written()[seen..].contains('\u{7}'), "once is enough");
    terminal.type_in("y");
    let seen = terminal.wait_from(seen, "\u{1b}]2;(1) policylayer approvals\u{7}");
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
    terminal.wait_from(seen, "\u{1b}]2;\u{7}\u{1b}[23;2t");
    is_given_back(&terminal);
}

#[test]
fn a_terminal_without_titles_gets_none() {
    let home = home("");
    for term in ["linux", "dumb"] {
        let mut command = approvals(home.path(), &["watch"]);
        command.env("TERM", term);
        let mut terminal = Terminal::start(command);
        terminal.wait("policylayer approvals:");
        terminal.type_in("q");
        assert_eq!(terminal.end().code(), Some(0));
        is_given_back(&terminal);
        let written = terminal.written();
        assert!(!written.contains("\u{1b}]") && !written.contains(";2t"), "{written:?}");
    }
}

#[test]
fn what_fails_meanwhile_is_told_on_a_terminal_that_is_given_back() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    the_one(home.path());
    let mut terminal = watch(home.path());
    let store = crate::support::system::state_in(home.path()).join("state.sqlite3");
    std::fs::remove_file(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    assert_eq!(terminal.end().code(), Some(1));
    is_given_back(&terminal);
    let written = terminal.written();
    let (_, told) = written.rsplit_once(SCREEN_IS_LEFT).unwrap();
    assert!(told.contains("it is a directory, not a file"), "{told}");
}

#[test]
fn a_store_that_is_locked_is_waited_for() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    the_one(home.path());
    let mut terminal = watch(home.path());
    terminal.wait("1 waiting");
    let store = crate::support::system::state_in(home.path()).join("state.sqlite3");
    let other = rusqlite::Connection::open(&store).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    terminal.wait("This may be out of date");
    other.execute_batch("ROLLBACK").unwrap();
    look();
    terminal.type_in("y");
    assert!(wrapper.line().contains("\"id\":1"));
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
}

/// The code that the terminal asks for.
fn code(terminal: &Terminal, from: usize) -> String {
    let at = terminal.wait_from(from, "ype ");
    terminal.wait_from(at, " and Enter");
    terminal.written()[at..].split(' ').next().unwrap().to_owned()
}

#[test]
fn a_code_is_shown_and_typed_back() {
    let home = home("[approvals]\nlocal_confirm = \"code\"\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    let line = call(1, "send", "{\"n\":1}");
    wrapper.send(line.as_bytes());
    let id = the_one(home.path());

    let mut terminal = Terminal::start(approvals(home.path(), &["approve", &id]));
    terminal.wait("\"n\": 1");
    let shown = code(&terminal, 0);
    assert_eq!(shown.len(), 4);
    terminal.type_in("no\n");
    assert_eq!(terminal.end().code(), Some(1));
    terminal.wait("that was not the code");
    assert_eq!(listed(home.path()).len(), 1);

    let mut terminal = watch(home.path());
    terminal.wait("send of stub");
    look();
    terminal.type_in("y");
    let first = code(&terminal, 0);
    terminal.type_in("no\r");
    let seen = terminal.wait("That is not the code: nothing is approved.");
    terminal.type_in("y");
    let second = code(&terminal, seen);
    assert_ne!(first, second, "another one each time");
    assert_eq!(received(home.path(), "record"), "");
    terminal.type_in(&second);
    terminal.type_in("\r");
    terminal.wait("Approved: send of stub goes on");
    assert!(wrapper.line().contains("\"id\":1"));
    assert_eq!(received(home.path(), "record"), line);
    terminal.type_in("q");
    assert_eq!(terminal.end().code(), Some(0));
    is_given_back(&terminal);

    wrapper.send(call(2, "send", "{\"n\":2}").as_bytes());
    let id = the_one(home.path());
    let mut terminal = Terminal::start(approvals(home.path(), &["approve", &id]));
    let shown = code(&terminal, 0);
    terminal.type_in(&(shown.to_uppercase() + "\n"));
    assert_eq!(terminal.end().code(), Some(0));
    terminal.wait("Approved: send of stub goes on");
    assert!(wrapper.line().contains("\"id\":2"));
}
