//! `policylayer wrap` as a process: bytes, the end of a session in all its forms, start failures, bounds.
#![allow(unsafe_code, reason = "what is done between fork and exec is")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{PATIENCE, at_home, program};
use crate::support::wrapped;

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::limits::{BATCH_LINES, MAX_SERVER_REPLIES, MAX_STRAY};
#[cfg(unix)]
use policylayer::limits::{KILL_WAIT, SIGNAL_GRACE};
#[cfg(unix)]
use wrapped::kill;
use wrapped::{KILLED, STOPPED, Wrapped, command, home, stub, wrap, wrap_with};

const SECOND: Duration = Duration::from_secs(1);

/// Valid messages in odd spellings, the last one without a newline.
fn odd_lines(method: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    for (n, value) in
        [r#""\ud83d""#, "1e999", "1234567890123456789012345678901234567890", "-0", r#"{"b":1,"a":[ ]}"#, r#""\u00e4ä""#]
            .iter()
            .cycle()
            .take(600)
            .enumerate()
    {
        let end = if n % 3 == 0 { " \r\n" } else { "\n" };
        let padding = "x".repeat(n * 7 % 3000);
        lines.extend_from_slice(
            format!(r#"{{ "params":{{"v":{value},"p":"{padding}"}},"method" :"{method}","jsonrpc":"2.0"}}{end}"#)
                .as_bytes(),
        );
    }
    lines.extend_from_slice(&vec![b' '; 100_000]);
    lines.extend_from_slice(format!(r#"{{"jsonrpc":"2.0","method":"{method}/last"}}"#).as_bytes());
    lines
}

#[test]
fn allowed_bytes_pass_both_ways_as_they_are() {
    let home = home();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let sent = odd_lines("notifications/client");
    let played = odd_lines("notifications/server");
    fs::write(path("play"), &played).unwrap();
    let (record, play) = (path("record"), path("play"));
    let mut session = wrap_with(home, &[], &["--record", &record, "--play", &play]);
    let mut stdin = session.stdin.take().unwrap();
    let bytes = sent.clone();
    let sending = thread::spawn(move || {
        let mut rest = bytes.as_slice();
        for size in [1, 5, 1000, 3, 70_000, 17, 4096].into_iter().cycle() {
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            stdin.write_all(piece).unwrap();
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
    });
    let received = session.rest();
    sending.join().unwrap();
    assert_eq!(session.code(), 0);
    // stdout carries whole lines only: the last one gets its newline.
    assert_eq!(received, [played, b"\n".to_vec()].concat());
    assert_eq!(fs::read(record).unwrap(), sent);
}

#[test]
fn the_wrapper_ends_with_the_code_of_the_server() {
    for code in [0, 1, 7, 255] {
        let mut session = wrap(&["--code", &code.to_string()]);
        session.close();
        assert_eq!(session.code(), code);
    }
    #[cfg(unix)]
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGUSR1] {
        let mut session = wrap(&["--signal-at-request", &signal.to_string()]);
        session.request("1");
        assert_eq!(session.code(), 128 + signal);
    }
}

#[test]
fn answers_in_flight_still_come_after_the_client_has_closed() {
    let mut session = wrap(&["--late", "150"]);
    for id in ["1", "2", "3"] {
        session.request(id);
    }
    session.close();
    let answers = String::from_utf8(session.rest()).unwrap();
    let ids: Vec<_> = answers.lines().map(|line| line.contains("result")).collect();
    assert_eq!(ids, [true; 3], "{answers}");
    assert_eq!(session.code(), 0);
}

/// Ends a session of a server that ends with 0 when it is asked to, and gives the signal by which it was asked. One that does not
/// get to it in time is killed, which on a busy machine shows nothing: that is done again.
#[cfg(unix)]
fn asked_by(end: impl Fn(&mut Wrapped)) -> (i32, Duration) {
    let start = Instant::now();
    loop {
        let home = home();
        let file = home.path().join("signal");
        let mut session = wrap_with(home, &[], &["--tell-signal", file.to_str().unwrap(), "--ignore-eof"]);
        session.greet();
        end(&mut session);
        let (status, took) = session.end();
        session.all_gone();
        if status.code() != Some(128 + libc::SIGKILL) {
            assert_eq!(status.code(), Some(0));
            return (session.told("signal").parse().unwrap(), took);
        }
        assert!(start.elapsed() < PATIENCE, "it is killed each time, after {took:?}");
    }
}

// Windows has no signal to ask by.
#[cfg(unix)]
#[test]
fn a_server_that_ignores_a_closed_stdin_is_asked_to_end_after_the_grace() {
    let (signal, took) = asked_by(Wrapped::close);
    assert_eq!(signal, libc::SIGTERM);
    assert!(took > 4 * SECOND + SECOND / 2, "{took:?}");
}

#[test]
fn a_server_that_ignores_everything_is_killed_after_the_grace() {
    let mut session = wrap(&["--ignore-signals", "--ignore-eof"]);
    session.greet();
    session.close();
    let (status, took) = session.end();
    assert_eq!(status.code(), Some(KILLED));
    // Windows has no signal between the two.
    let least = if cfg!(windows) { 4 * SECOND + SECOND / 2 } else { 6 * SECOND + SECOND / 2 };
    assert!(took > least, "{took:?}");
    session.all_gone();
}

/// The signals that end a session. Under `nohup` the tests, and what they start, ignore one of them.
#[cfg(unix)]
fn ending_signals() -> Vec<i32> {
    let is_ignored = |signal: &i32| {
        // SAFETY: nothing is set; the system writes what is in force into a structure that is ours.
        let action = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            assert_eq!(libc::sigaction(*signal, std::ptr::null(), &raw mut action), 0);
            action
        };
        action.sa_sigaction == libc::SIG_IGN
    };
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP].into_iter().filter(|signal| !is_ignored(signal)).collect()
}

#[cfg(unix)]
#[test]
fn a_signal_is_passed_on_at_once() {
    for signal in ending_signals() {
        // One that was not asked would be killed.
        assert_eq!(asked_by(|session| session.signal(signal)).0, signal);
    }
}

#[cfg(unix)]
#[test]
fn all_is_gone_a_while_after_a_signal() {
    // Clients kill the wrapper two seconds after they have asked it to end.
    const { assert!(SIGNAL_GRACE.as_millis() + KILL_WAIT.as_millis() < 1_500) };
    let home = home();
    let pid = home.path().join("pid");
    let mut session =
        wrap_with(home, &[], &["--ignore-signals", "--grandchild", pid.to_str().unwrap(), "--ignore-eof"]);
    session.greet();
    session.told("pid");
    session.signal(libc::SIGTERM);
    let (status, took) = session.end();
    assert_eq!(status.code(), Some(128 + libc::SIGKILL));
    assert!(took >= SIGNAL_GRACE, "{took:?}");
    session.all_gone();
}

/// The stub with everything that can keep it alive, and a descendant of the same kind.
const STUBBORN: [&str; 4] = ["--ignore-signals", "--ignore-eof", "--grandchild", "pid"];

/// A session in which the stubborn server runs, behind a shell that passes no signal on, as npx does.
fn stubborn_behind_a_shell() -> Wrapped {
    let home = home();
    let (stub, habits) = (stub(), STUBBORN.join(" "));
    let mut command = if cfg!(windows) {
        let script = home.path().join("server.cmd");
        fs::write(&script, format!("@\"{}\" {habits}\r\n", stub.display())).unwrap();
        command(home.path(), &[], &["cmd", "/c", script.to_str().unwrap()])
    } else {
        let script = format!("exec 3<&0; trap '' TERM INT HUP; {} {habits} <&3 & wait", stub.display());
        command(home.path(), &[], &["sh", "-c", &script])
    };
    command.current_dir(home.path());
    let mut session = Wrapped::start(home, command);
    session.greet();
    session.told("pid");
    // The wrapper, the watcher, the shell, the server, its descendant; where there is no /proc, the last two are seen.
    let seen = if cfg!(target_os = "linux") { 5 } else { 2 };
    assert_eq!(session.living().len(), seen, "{:#?}", session.living());
    session
}

#[test]
fn nothing_outlives_a_wrapper_that_is_killed() {
    let mut session = stubborn_behind_a_shell();
    session.kill();
    session.all_gone();
    assert_eq!(session.rest(), b"", "nobody holds our stdout");
}

#[cfg(unix)]
#[test]
fn nothing_outlives_a_wrapper_whose_whole_group_is_killed() {
    let mut session = stubborn_behind_a_shell();
    kill(-session.process.id().cast_signed(), libc::SIGKILL);
    session.all_gone();
    assert_eq!(session.rest(), b"", "nobody holds our stdout");
}

#[test]
fn nothing_outlives_a_wrapper_that_is_killed_while_it_starts() {
    for delay in 0..25 {
        let home = home();
        let stub = stub();
        let command = command(home.path(), &[], &[stub.to_str().unwrap(), "--ignore-signals", "--ignore-eof"]);
        let mut session = Wrapped::start(home, command);
        thread::sleep(Duration::from_micros(400) * delay);
        session.kill();
        session.all_gone();
    }
}

// The watcher is found in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_for_the_group_leaves_the_watcher_alone() {
    let mut session = wrap(&["--ignore-signals", "--ignore-eof"]);
    session.greet();
    let watcher = session.pid_of("watch-server");
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGQUIT] {
        kill(watcher, signal);
    }
    thread::sleep(SECOND / 10);
    assert_eq!(session.pid_of("watch-server"), watcher);
}

/// The watcher comes up while the policy is read, and may be asked for nothing then.
#[cfg(target_os = "linux")]
#[test]
fn a_policy_that_cannot_be_read_leaves_no_watcher_and_starts_no_server() {
    let home = home();
    std::fs::write(home.path().join("policy.json"), "{").unwrap();
    let began = home.path().join("began");
    let server = ["sh", "-c", "touch \"$0\"; cat", began.to_str().unwrap()];
    let command = command(home.path(), &[], &server);
    let mut session = Wrapped::start(home, command);
    session.request("1");
    assert!(session.line().contains("policy.json"));
    // It answers when it is through with the start.
    let left = session.living();
    assert!(!left.iter().any(|process| process.command.contains("watch-server")), "{left:#?}");
    assert!(!began.exists());
    session.close();
    assert_eq!(session.code(), 3);
    session.all_gone();
}

// Windows has a job instead of a watcher.
#[cfg(unix)]
#[test]
fn a_watcher_that_was_started_by_hand_ends_nobody() {
    let status = std::process::Command::new(program())
        .arg("watch-server")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

/// Pings with numbers for ids.
fn pings(ids: std::ops::Range<usize>) -> String {
    ids.map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n")).collect()
}

#[test]
fn a_client_that_writes_faster_than_answers_go_on_is_slowed_down_and_not_refused() {
    let mut session = wrap(&["--echo"]);
    // More than the pipe to the client and the open requests can take in.
    let count = 48_000;
    let (mut stdin, mut answers) = (session.stdin.take().unwrap(), session.stdout.take().unwrap());
    let writing = thread::spawn(move || stdin.write_all(pings(0..count).as_bytes()).map(|()| stdin));
    let mut line = String::new();
    for id in 0..count {
        line.clear();
        answers.read_line(&mut line).unwrap();
        assert!(line.contains(&format!("\"id\":{id},\"result\"")), "{line}");
        if id % 100 == 0 && !writing.is_finished() {
            thread::sleep(SECOND / 100);
        }
    }
    assert!(writing.join().unwrap().is_ok());
}

#[test]
fn a_server_that_answers_nothing_for_now_is_told_what_the_client_says_next() {
    let mut session = wrap(&["--at-cue"]);
    let count = 9_000;
    session.send(pings(0..count).as_bytes());
    session.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cue\"}\n");
    for id in 0..count {
        let answer = session.line();
        assert!(answer.contains(&format!("\"id\":{id},\"result\"")), "{answer}");
    }
}

#[test]
fn a_server_that_dies_leaves_no_request_without_its_one_answer() {
    let home = home();
    let mut session = wrap_with(home, &[], &["--late", "50", "--exit-at-request", "9"]);
    // At once: with the answer to the first the session may be over.
    let requests = ["7", "\"a\"", "-1"].map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n"));
    session.send(requests.concat().as_bytes());
    let answers = String::from_utf8(session.rest()).unwrap();
    let mut ids: Vec<String> = answers
        .lines()
        .map(|line| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(answer["error"]["message"].as_str().unwrap().contains("exited with code 9"), "{answer}");
            answer["id"].to_string()
        })
        .collect();
    ids.sort();
    // Those that came too late for the session are not there; those that are there are answered once.
    let all = ["\"a\"", "-1", "7"];
    assert!(ids.contains(&"7".to_owned()), "{answers}");
    assert!(
        ids.iter().all(|id| all.contains(&id.as_str())) && ids.windows(2).all(|pair| pair[0] != pair[1]),
        "{ids:?}"
    );
    assert_eq!(session.code(), 9);
}

#[test]
fn a_descendant_that_holds_the_pipe_does_not_hold_the_session() {
    let home = home();
    let pid = home.path().join("pid");
    let mut session = wrap_with(home, &[], &["--grandchild", pid.to_str().unwrap(), "--exit-at-request", "5"]);
    session.told("pid");
    session.request("1");
    // Its descendant never lets go.
    assert_eq!(session.code(), 5);
    session.all_gone();
}

#[test]
fn a_slow_client_gets_all_that_a_dead_server_wrote() {
    let home = home();
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{{\"a\":\"{}\"}}}}\n",
        "x".repeat(900)
    );
    let played = line.repeat(150).into_bytes();
    let play = home.path().join("play");
    fs::write(&play, &played).unwrap();
    let mut session = wrap_with(home, &[], &["--play", play.to_str().unwrap()]);
    session.close();
    thread::sleep(2 * SECOND);
    assert_eq!(session.rest(), played);
    assert_eq!(session.code(), 0);
}

#[test]
fn a_server_without_a_stdout_is_let_go() {
    let mut session = wrap(&["--close-stdout", "--silent"]);
    session.request("1");
    let answer: serde_json::Value = serde_json::from_str(&session.line()).unwrap();
    assert_eq!(answer["id"], 1);
    assert!(answer["error"]["message"].as_str().unwrap().contains("closed its stdout"), "{answer}");
    // Its stdin was closed after the answer, and that is what it ends by.
    assert_eq!(session.code(), 0);
    assert_eq!(session.rest(), b"");
}

#[test]
fn a_client_that_reads_no_more_ends_the_session() {
    let mut session = wrap_with(wrapped::home_with_grace("1m"), &[], &["--flood"]);
    session.line();
    session.stdout = None;
    // As without a wrapper: the server's next write fails.
    assert_eq!(session.code(), 3);
    session.all_gone();
}

// It is ended by a signal.
#[cfg(unix)]
#[test]
fn a_client_that_does_not_read_costs_no_memory() {
    let mut session = wrap(&["--flood"]);
    thread::sleep(SECOND);
    session.assert_memory_below(16_000_000);
    session.signal(libc::SIGTERM);
    session.end();
    session.all_gone();
}

// It is ended by a signal.
#[cfg(unix)]
#[test]
fn a_server_that_does_not_read_costs_no_memory_and_can_be_ended() {
    let mut session = wrap(&["--deaf"]);
    let mut stdin = session.stdin.take().unwrap();
    let line = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{{\"a\":\"{}\"}}}}\n",
        "x".repeat(9000)
    );
    let sending = thread::spawn(move || while stdin.write_all(line.as_bytes()).is_ok() {});
    thread::sleep(SECOND);
    session.assert_memory_below(16_000_000);
    session.signal(libc::SIGTERM);
    assert_eq!(session.code(), 128 + libc::SIGTERM);
    sending.join().unwrap();
}

#[test]
fn a_client_that_leaves_is_noticed_while_the_server_does_not_read() {
    let mut session = wrap(&["--deaf"]);
    let line = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n";
    session.send(line.repeat(1600).as_bytes());
    session.close();
    session.stdout = None;
    let (status, _) = session.end();
    assert_eq!(status.code(), Some(STOPPED));
    session.all_gone();
}

#[test]
fn a_line_over_the_bound_is_neither_held_nor_forwarded() {
    let home = home();
    let record = home.path().join("record");
    let mut session = wrap_with(home, &["--max-message", "64KiB"], &["--record", record.to_str().unwrap()]);
    session.greet();
    let mut long = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"a\":\"".to_vec();
    long.resize(30_000_000, b'x');
    long.extend_from_slice(b"\"}}\n");
    session.send(&long);
    session.greet();
    session.assert_memory_below(16_000_000);
    session.close();
    assert_eq!(session.code(), 0);
    assert!(fs::metadata(record).unwrap().len() < 1000);
}

#[test]
fn the_servers_stderr_is_ours() {
    let home = home();
    let stub = stub();
    let mut command = command(home.path(), &[], &[stub.to_str().unwrap(), "--say", "from the server"]);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("from the server\n"), "{stderr}");
    assert!(stderr.contains("policylayer"), "{stderr}");
}

/// Runs a wrapper whose start fails, and returns its code, its answers and its stderr.
fn failed_start(mut command: std::process::Command, input: &str) -> (i32, Vec<serde_json::Value>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // The wrapper may have ended already, where there is nothing to answer.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code().unwrap(), answers, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_failed_start_is_told_on_stderr_and_to_the_client() {
    let initialize = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n{\"id\":\"i-1\",\"jsonrpc\":\"2.0\",\"method\":\"initialize\",\"params\":{}}\n{\"id\":2,\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n";
    let home = home();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("plain"), "#!/bin/sh\n").unwrap();
    fs::write(path("broken.json"), "{\"version\":").unwrap();
    let (no_file, broken, no_policy) = (path("none"), path("broken.json"), path("no.json"));
    for (options, server, code, words) in [
        (&[][..], &["no-such-command-anywhere"][..], 1, &["no-such-command-anywhere", "PATH", "absolute path"][..]),
        (&[], &[&no_file], 1, &["no file", "none"]),
        #[cfg(unix)]
        (&[], &[&path("plain")], 1, &["may not be executed", "chmod +x"]),
        (&[], &["no\u{1b}[2J\u{202e}"], 1, &["`no\\u{1b}[2J\\u{202e}`"]),
        (&["--policy", &broken], &["true"], 3, &["broken.json"]),
        (&["--policy", &no_policy], &["true"], 1, &["no.json"]),
        (&[], &[], 2, &["policylayer wrap -- npx"]),
        (&["--max-message", "5"], &["true"], 2, &["at least 1KiB"]),
        (&["--colour"], &["true"], 2, &["--colour", "before `--`"]),
    ] {
        let mut wrap = std::process::Command::new(program());
        at_home(wrap.arg("wrap"), home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        if !options.contains(&"--policy") {
            wrap.args(["--policy", &path("policy.json")]);
        }
        wrap.args(options).arg("--").args(server);
        let (got, answers, stderr) = failed_start(wrap, initialize);
        assert_eq!(got, code, "{stderr}");
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0]["id"], "i-1");
        assert_eq!(answers[0]["error"]["code"], -31004);
        let message = answers[0]["error"]["message"].as_str().unwrap();
        for word in words {
            assert!(stderr.contains(word), "{word} is not in {stderr}");
            assert!(message.contains(word), "{word} is not in {message}");
        }
        assert!(!message.contains('\u{1b}'), "{message}");
    }
}

/// Whatever directory a client starts it in, a file there does not become the policy.
#[test]
fn a_relative_policy_is_refused_with_the_absolute_path_to_write() {
    let initialize = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n";
    let (home, repository) = (home(), tempfile::tempdir().unwrap());
    // What a repository would bring: everything is allowed.
    fs::write(repository.path().join("policy.toml"), "version = \"1\"\ndefault = \"allow\"\n").unwrap();
    // As the system names the working directory: without links, and on Windows without `\\?\`.
    let here = if cfg!(windows) { repository.path().to_owned() } else { repository.path().canonicalize().unwrap() };
    let at_root = if cfg!(windows) { vec!["\\policy.toml", "C:policy.toml"] } else { vec![] };
    for path in
        ["policy.toml", "./policy.toml", "sub/../policy.toml", "~/policy.toml", "missing.toml"].iter().chain(&at_root)
    {
        for by_variable in [false, true] {
            let mut wrap = std::process::Command::new(program());
            at_home(wrap.arg("wrap"), home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir(&here);
            if by_variable {
                wrap.env("POLICYLAYER_POLICY", path);
            } else {
                wrap.args(["--policy", path]);
            }
            let record = home.path().join("record");
            wrap.arg("--").arg(stub()).arg("--record").arg(&record);
            let (code, answers, stderr) = failed_start(wrap, initialize);
            assert_eq!(code, 2, "{path}: {stderr}");
            let message = answers[0]["error"]["message"].as_str().unwrap();
            let name = if by_variable { "POLICYLAYER_POLICY" } else { "--policy" };
            let absolute = match path.strip_prefix("~/") {
                Some(rest) => home.path().join(rest),
                None => std::path::absolute(here.join(path.trim_start_matches("C:"))).unwrap(),
            };
            for word in [name, "relative path", absolute.to_str().unwrap()] {
                assert!(stderr.contains(word) && message.contains(word), "{word} is not in {stderr} or {message}");
            }
            assert!(!record.exists(), "the server was started under {path}");
        }
    }
    // The other paths that it takes: a relative directory of the configuration is no directory of it, and a relative file in
    // config.toml is below that directory.
    let config = here.join("config/policylayer/policies");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("stub.toml"), "version = ").unwrap();
    let mut wrap = std::process::Command::new(program());
    at_home(wrap.args(["wrap", "--server", "stub", "--"]).arg(stub()), home.path()).current_dir(&here);
    wrap.env("XDG_CONFIG_HOME", "config").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = wrap.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_failed_start_answers_the_request_after_the_probe_too() {
    let home = home();
    let input = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"server/discover\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n";
    let (code, answers, _) = failed_start(command(home.path(), &[], &["no-such-command-anywhere"]), input);
    assert_eq!(code, 1);
    assert_eq!(answers.iter().map(|answer| answer["id"].to_string()).collect::<Vec<_>>(), ["0", "1"]);
}

#[test]
fn a_failed_start_does_not_wait_for_a_client_that_is_not_there() {
    let home = home();
    let (code, answers, stderr) = failed_start(command(home.path(), &[], &["no-such-command-anywhere"]), "");
    assert_eq!((code, answers.len()), (1, 0), "{stderr}");
}

#[test]
fn a_server_without_a_stdin_is_let_go() {
    let start = |home: tempfile::TempDir| {
        let pid = home.path().join("pid");
        wrap_with(home, &[], &["--close-stdin", "--pid", pid.to_str().unwrap(), "--deaf"])
    };
    let mut session = start(wrapped::home_with_grace("10m"));
    // Taken by the pipe before the server closes it, or refused by it: answered in either case.
    session.request("1");
    session.told("pid");
    session.request("2");
    let mut answers = [session.line(), session.line()];
    answers.sort();
    for (id, answer) in [1, 2].iter().zip(&answers) {
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["id"], *id);
        assert!(answer["error"]["message"].as_str().unwrap().contains("closed its stdin"), "{answer}");
    }
    // The client is still there, and what it asks now is answered at once.
    session.request("3");
    assert!(session.line().contains("closed its stdin"));
    drop(session);

    // Its grace is that of a server whose stdin we close.
    let (begun, mut session) = (Instant::now(), start(home()));
    session.request("1");
    session.told("pid");
    // Windows tells of it when more is written.
    session.request("2");
    for _ in 0..2 {
        assert!(session.line().contains("closed its stdin"));
    }
    let (status, _) = session.end();
    assert_eq!(status.code(), Some(STOPPED));
    assert!(begun.elapsed() > 4 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(session.rest(), b"");
    session.all_gone();
}

/// A server that has started two processes which have left its group and session; of one of them the parent has ended.
#[cfg(unix)]
fn with_strays(habits: &[&str]) -> Wrapped {
    let home = wrapped::home_with_grace("1s");
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let strays = ["--stray", &path("stray"), "--daemon", &path("daemon")];
    let mut session = wrap_with(home, &[], &[&strays, habits].concat());
    session.told("stray");
    session.told("daemon");
    if !habits.contains(&"--silent") {
        session.greet();
    }
    session
}

/// However a session ends, what has left the server's group ends with it. Elsewhere the parent of a process whose own
/// parent has ended is not to be found out.
#[cfg(target_os = "linux")]
#[test]
fn what_has_left_the_group_ends_with_the_session() {
    let stubborn: &[&str] = &["--ignore-signals", "--ignore-eof"];
    type End = fn(&mut Wrapped);
    let ends: [(&str, End); 4] = [
        ("stdin is closed", Wrapped::close),
        ("SIGTERM", |session| session.signal(libc::SIGTERM)),
        ("SIGKILL", Wrapped::kill),
        ("SIGKILL for the group", |session| kill(-session.process.id().cast_signed(), libc::SIGKILL)),
    ];
    for (how, end) in ends {
        for habits in [&[][..], stubborn] {
            let mut session = with_strays(habits);
            assert_eq!(session.living().len(), 5, "{:#?}", session.living());
            end(&mut session);
            session.end();
            session.all_gone();
            assert_eq!(session.rest(), b"", "{how}: nobody holds our stdout");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_has_left_the_group_ends_with_a_server_that_ends_by_itself() {
    // The greeting is its request.
    let mut session = with_strays(&["--exit-at-request", "3"]);
    assert_eq!(session.code(), 3);
    session.all_gone();
}

#[cfg(target_os = "macos")]
#[test]
fn what_has_left_the_group_ends_while_its_parent_lives() {
    let mut session = with_strays(&["--ignore-signals", "--ignore-eof"]);
    let daemon: u32 = session.told("daemon").parse().unwrap();
    session.kill();
    let left = |process: &crate::support::processes::Process| process.pid != daemon;
    let start = Instant::now();
    while session.living().iter().any(left) {
        assert!(start.elapsed() < PATIENCE, "{:#?}", session.living());
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_watcher_that_is_killed_takes_the_session_and_all_strays_with_it() {
    let seen = tempfile::NamedTempFile::new().unwrap();
    let record = ["--record", seen.path().to_str().unwrap()];
    let mut session = with_strays(&[&["--ignore-signals", "--ignore-eof", "--silent"][..], &record].concat());
    session.request("1");
    // Before the server has got it, the wrapper may still wait for the watcher to be ready.
    let start = Instant::now();
    while fs::read(seen.path()).unwrap().is_empty() {
        assert!(start.elapsed() < PATIENCE, "the request never came");
        thread::sleep(Duration::from_millis(5));
    }
    kill(session.pid_of("watch-server"), libc::SIGKILL);
    let answer = session.line();
    assert!(answer.contains("\"id\":1") && answer.contains("its watcher"), "{answer}");
    assert_eq!(session.code(), KILLED);
    session.all_gone();
}

/// A shell may have started other programs before it became the wrapper. They are its children, and none of the server's.
#[cfg(target_os = "linux")]
#[test]
fn children_that_are_not_the_servers_live_on() {
    let ends: [fn(&mut Wrapped); 2] = [Wrapped::close, |session| kill(session.pid_of("watch-server"), libc::SIGKILL)];
    for end in ends {
        let home = home();
        let plain = command(home.path(), &[], &[stub().to_str().unwrap()]);
        let mut shell = std::process::Command::new("sh");
        let helper = home.path().join("helper");
        let script = format!("sleep 600 & echo $! >{}; exec \"$0\" \"$@\"", helper.display());
        shell.args(["-c", &script]).arg(plain.get_program()).args(plain.get_args());
        at_home(&mut shell, home.path()).stderr(Stdio::null());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut session = Wrapped::start(home, shell);
        session.greet();
        let helper: u32 = session.told("helper").trim().parse().unwrap();
        end(&mut session);
        session.end();
        // What was the server's, and its watcher, may end a moment later.
        let start = Instant::now();
        while session.living().iter().any(|process| process.pid != helper) {
            assert!(start.elapsed() < PATIENCE, "{:#?}", session.living());
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(session.living().len(), 1, "the helper lives");
    }
}

#[test]
fn every_request_that_was_written_before_the_server_died_is_answered() {
    for round in 0..40 {
        let home = home();
        let policy = r#"{"version":"1","default":"allow","hide":["hidden_tool"]}"#;
        fs::write(home.path().join("policy.json"), policy).unwrap();
        // Dies in the middle of what it reads, each time at another place.
        let mut session = wrap_with(home, &[], &["--read", &(1 + round * 60).to_string()]);
        let requests: String = (0..200)
            .map(|id| match id % 3 {
                0 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"hidden_tool"}}}}"#),
                1 => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#),
                _ => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping","params":[]}}"#),
            } + "\n")
            .collect();
        session.send(requests.as_bytes());
        let answers = String::from_utf8(session.rest()).unwrap();
        let mut ids: Vec<_> = answers
            .lines()
            .map(|answer| serde_json::from_str::<serde_json::Value>(answer).unwrap()["id"].as_u64().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..200).collect::<Vec<_>>(), "round {round}");
        assert_eq!(session.code(), 0);
    }
}

/// Starts the stub behind a wrapper whose parent had SIGTERM, SIGINT, SIGHUP and SIGCHLD blocked, or some of them ignored.
#[cfg(unix)]
fn with_signals(habits: &[&str], set: fn() -> std::io::Result<()>) -> Wrapped {
    use std::os::unix::process::CommandExt as _;
    let home = home();
    let stub = stub();
    let server: Vec<_> = [stub.to_str().unwrap()].into_iter().chain(habits.iter().copied()).collect();
    let mut command = command(home.path(), &[], &server);
    // SAFETY: `set` only calls what is async-signal-safe.
    unsafe { command.pre_exec(set) };
    let mut session = Wrapped::start(home, command);
    session.greet();
    session
}

#[cfg(unix)]
fn block_signals() -> std::io::Result<()> {
    // SAFETY: the set is initialised by sigfillset before anything reads it.
    let result = unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(target_os = "linux")]
fn ignore_hangup() -> std::io::Result<()> {
    // SAFETY: no handler of ours is involved.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    Ok(())
}

/// As a shell without job control does it for what runs in the background.
#[cfg(unix)]
fn ignore_signals() -> std::io::Result<()> {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
        // SAFETY: no handler of ours is involved.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn signals_that_were_blocked_or_ignored_at_the_start_end_the_session() {
    for set in [block_signals, ignore_signals] {
        for signal in ending_signals() {
            let mut session = with_signals(&["--ignore-eof"], set);
            session.signal(signal);
            // The server had them from us as they are by default: it ended by the signal, and was not killed.
            assert_eq!(session.code(), 128 + signal);
            session.all_gone();
        }
    }
}

// The watcher is found in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let mut session = with_signals(&[], ignore_hangup);
    session.signal(libc::SIGHUP);
    thread::sleep(SECOND / 10);
    session.greet();
    // The watcher, which leads the server's group, has it blocked.
    kill(-session.pid_of("watch-server"), libc::SIGHUP);
    thread::sleep(SECOND / 10);
    session.greet();
    session.signal(libc::SIGTERM);
    assert_eq!(session.code(), 128 + libc::SIGTERM);
}

/// A session over a server that begins with these lines and then serves, or has the habit.
fn played(lines: &str, habits: &[&str]) -> Wrapped {
    let home = home();
    let play = home.path().join("play");
    fs::write(&play, lines).unwrap();
    wrap_with(home, &[], &[&["--play", play.to_str().unwrap()], habits].concat())
}

/// What the wrapper has said on stderr once it holds this text.
fn said(session: &Wrapped, text: &str) -> String {
    let start = Instant::now();
    loop {
        let said = session.told("stderr");
        if said.contains(text) {
            return said;
        }
        assert!(start.elapsed() < PATIENCE, "{text} was never said: {said}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_server_prints_goes_to_stderr_and_the_session_goes_on() {
    let strays =
        ["Server started on stdio", "npm notice update", "[1,2]", "42", "{\"jsonrpc\":\"1.0\"}", "\u{1b}[2J{", "{"];
    let mut session = played(&(strays.join("\n") + "\n\n"), &[]);
    session.greet();
    let said = said(&session, "[server stdout] {\n");
    for stray in strays {
        let shown = stray.replace('\u{1b}', "\\u{1b}");
        assert!(said.contains(&format!("[server stdout] {shown}\n")), "{shown} is not in {said}");
    }
    session.close();
    assert_eq!(session.rest(), b"", "no stray line reaches the client");
    assert_eq!(session.code(), 0);
}

#[test]
fn a_long_stray_line_is_cut() {
    let mut session = played(&format!("{}\n{}\n", "a".repeat(MAX_STRAY), "b".repeat(MAX_STRAY + 5)), &[]);
    session.greet();
    let said = said(&session, "bytes more)");
    assert!(said.contains(&format!("[server stdout] {}\n", "a".repeat(MAX_STRAY))), "{said}");
    assert!(said.contains(&format!("[server stdout] {}… (5 bytes more)\n", "b".repeat(MAX_STRAY))), "{said}");
}

#[test]
fn a_server_that_does_not_read_our_answers_loses_some_and_keeps_talking() {
    // More than fit: so many wait in our queue, and the pipe, of 65,536 bytes, holds fewer than a thousand.
    let requests: String = (0..MAX_SERVER_REPLIES + 1000)
        .map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"x\",\"params\":[]}}\n"))
        .collect();
    let last = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/last\"}\n";
    let mut session = played(&(requests + last), &["--deaf"]);
    assert_eq!(session.line(), last);
    said(&session, "dropped an answer to the server");
    #[cfg(unix)]
    {
        session.signal(libc::SIGTERM);
        assert_eq!(session.code(), 128 + libc::SIGTERM);
    }
}

#[test]
fn order_holds_over_more_lines_than_are_judged_at_once() {
    let count = BATCH_LINES * 5 + 7;
    let notification = |n: usize| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/{n}\"}}\n");
    let home = home();
    let (record, play) = (home.path().join("record"), home.path().join("play"));
    let lines: String = (0..count).map(notification).collect();
    fs::write(&play, &lines).unwrap();
    let habits = ["--record", record.to_str().unwrap(), "--play", play.to_str().unwrap()];
    let mut session = wrap_with(home, &[], &habits);
    // Between any two that are forwarded, one that is answered by us.
    let sent: String =
        (0..count).map(|n| notification(n) + &format!("{{\"jsonrpc\":\"2.0\",\"id\":{n},\"method\":7}}\n")).collect();
    session.send(sent.as_bytes());
    session.close();
    let received = String::from_utf8(session.rest()).unwrap();
    let (played, answers): (Vec<_>, Vec<_>) = received.lines().partition(|line| line.contains("\"method\""));
    assert_eq!(played.join("\n") + "\n", lines);
    let ids: Vec<_> = answers
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (0..count as u64).collect::<Vec<_>>());
    assert_eq!(fs::read_to_string(session.home.path().join("record")).unwrap(), lines);
    assert_eq!(session.code(), 0);
}

#[test]
fn a_client_that_never_stops_asking_does_not_hold_the_end() {
    let mut session = wrap(&["--exit-at-request", "6"]);
    let mut stdin = session.stdin.take().unwrap();
    let requests: String =
        (0..100).map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n")).collect();
    let sending = thread::spawn(move || while stdin.write_all(requests.as_bytes()).is_ok() {});
    let answers = session.rest();
    assert_eq!(answers.last(), Some(&b'\n'), "whole lines to the end");
    assert_eq!(session.code(), 6);
    sending.join().unwrap();
}
