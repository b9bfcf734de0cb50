//! How a person is told that a call waits: `notify-send` on a Linux desktop, and `command` of `[approvals]`.
// The programs are shell scripts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::processes::wait_until_gone;
use crate::support::system::{PATIENCE, skip_part, write_program};
use crate::support::waiting::{call, home, prints, the_one, wait_for, wrapper_in};
#[cfg(target_os = "linux")]
use crate::support::wrapped::{self, Wrapped};

fn script(path: &Path, text: &str) -> PathBuf {
    write_program(path, text);
    path.to_owned()
}

/// Waits until the file holds something that is complete.
fn wait_for_file(path: &Path, is_complete: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if is_complete(&text) {
            return text;
        }
        assert!(start.elapsed() < PATIENCE, "{}: {text:?}", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_command_gets_the_question_as_it_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    // A word is passed on as it is: no shell reads it.
    let save = script(&dir.path().join("save me"), "#!/bin/sh\nprintf '%s\\n' \"$2\" >\"$1.word\"\ncat >\"$1\"\n");
    let command = serde_json::to_string(&[save.to_str().unwrap(), told.to_str().unwrap(), "$(exit) 'x'"]).unwrap();
    let home = home(&format!("[approvals]\ncommand = {command}\n"));
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{\"to\": [\"a\u{202e}b\"],\"n\":1.50}").as_bytes());
    let listed = wait_for(home.path(), 1, "waiting").remove(0);
    let json = wait_for_file(&told, |text| text.ends_with('\n'));
    assert_eq!(json.lines().count(), 1, "{json}");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), listed);
    assert!(json.contains("\"n\":1.50"), "as it was written: {json}");
    assert_eq!(fs::read_to_string(dir.path().join("told.word")).unwrap(), "$(exit) 'x'\n");
    prints(home.path(), &["approve", listed["id"].as_str().unwrap()]);
    assert!(wrapper.line().contains("\"id\":1"));
}

#[test]
fn a_command_that_does_not_end_holds_nothing_up_and_ends_with_the_session() {
    for command in ["sleep 600", "yes", "yes >&2", "trap '' TERM HUP; sleep 600"] {
        does_not_end(command);
    }
}

fn does_not_end(command: &str) {
    let home = home(&format!("[approvals]\nnotify = ['command']\ncommand = ['sh', '-c', \"{command}\"]\n"));
    let mut wrapper = wrapper_in(home.path(), "record");
    for id in 1..=3 {
        wrapper.send(call(id, "send", "{}").as_bytes());
    }
    wait_for(home.path(), 3, "waiting");
    wrapper.greet();
    let ids: Vec<_> = wait_for(home.path(), 3, "waiting").iter().map(|entry| entry["id"].to_string()).collect();
    for id in ids {
        prints(home.path(), &["approve", id.trim_matches('"')]);
        assert!(wrapper.line().contains("\"result\""));
    }
    wrapper.close();
    assert_eq!(wrapper.code(), 0);
    wait_until_gone(home.path());
    let said = fs::read_to_string(home.path().join("stderr")).unwrap();
    assert!(!said.contains("`command`"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_that_does_not_end_ends_with_a_wrapper_that_is_killed() {
    let home = home("[approvals]\ncommand = ['sh', '-c', 'echo $$ >\"$HOME/pid\"; exec sleep 600']\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    wait_for_file(&home.path().join("pid"), |pid| pid.ends_with('\n'));
    wrapper.kill();
    wrapper.end();
    wait_until_gone(home.path());
}

#[test]
fn a_command_that_fails_is_reported_once_with_what_to_do() {
    let home = home("[approvals]\ncommand = ['sh', '-c', 'echo no route >&2; echo x >>\"$HOME/runs\"; exit 7']\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    for id in 1..=2 {
        wrapper.send(call(id, "send", "{}").as_bytes());
        wait_for_file(&home.path().join("runs"), |runs| runs.lines().count() == usize::try_from(id).unwrap());
    }
    for part in ["`sh` failed with exit status: 7: no route", "`policylayer approvals` lists it"] {
        wait_for_file(&home.path().join("stderr"), |said| said.contains(part));
    }
    // The session goes on, and its end flushes what is still to be said.
    wrapper.greet();
    wrapper.close();
    wrapper.code();
    let said = fs::read_to_string(home.path().join("stderr")).unwrap();
    assert_eq!(said.matches("`command` of `[approvals]`").count(), 1, "{said}");
}

/// The desktop is a stand-in: a script in the PATH that writes down its arguments.
#[cfg(target_os = "linux")]
#[test]
fn notify_send_shows_it_on_a_linux_desktop() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().join("shown");
    script(&dir.path().join("notify-send"), "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >\"$SHOWN\"\n");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let start = |home: &Path, display: &str| {
        let mut command = wrapped::command(home, &[], &[wrapped::stub().to_str().unwrap()]);
        command.env("PATH", &path).env("SHOWN", &shown).env("XDG_RUNTIME_DIR", dir.path());
        command.env("DISPLAY", display).env_remove("WAYLAND_DISPLAY");
        Wrapped::start(tempfile::tempdir().unwrap(), command)
    };
    let is_shown = |shown: &str| shown.matches('\0').count() >= 4;
    // Not where nobody would see it, and not where it is switched off.
    for (settings, display) in [("", ""), ("[approvals]\nnotify = []", ":7")] {
        let home = home(settings);
        let mut wrapper = start(home.path(), display);
        wrapper.send(call(1, "send", "{}").as_bytes());
        the_one(home.path());
        wrapper.greet();
        wrapper.close();
        wrapper.code();
        assert!(!shown.exists(), "{settings}");
    }
    let home = home("");
    let mut wrapper = start(home.path(), ":7");
    wrapper.send(
        b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\
          \"clientInfo\":{\"name\":\"<b>a & b\",\"version\":\"1\"}}}\n",
    );
    wrapper.line();
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    let words = wait_for_file(&shown, is_shown);
    let words: Vec<_> = words.split_terminator('\0').collect();
    assert_eq!(
        words,
        [
            "--app-name=policylayer",
            "--",
            "send waits for your approval",
            &format!(
                "Server: stub\nClient: &lt;b&gt;a &amp; b (so it says)\nRisk: high: execute, cannot be undone, sends to people\n\
                 policylayer approvals show {id}"
            ),
        ]
    );
}

/// Takes one request, and returns its head and its body.
fn take_request(listener: &TcpListener) -> (String, String) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn the_examples_for_messengers_work() {
    for program in ["curl", "jq"] {
        if Command::new(program).arg("--version").output().is_err() {
            return skip_part(&format!("{program} is not installed"));
        }
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/approvals.md")).unwrap();
    let examples: Vec<_> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let places = ["https://hooks.slack.com", "https://ntfy.sh"];
    assert_eq!(examples.len(), places.len());
    for (example, place) in examples.iter().zip(places) {
        assert!(example.contains(place), "{example}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let (tell, requests) = mpsc::channel();
        thread::spawn(move || tell.send(take_request(&listener)));
        let dir = tempfile::tempdir().unwrap();
        let program = script(&dir.path().join("ask-me"), &example.replace(place, &here));
        let home = home(&format!("[approvals]\ncommand = ['{}']\n", program.display()));
        // What the example does with a name that the messenger would read as more than text.
        let policy = r#"{"version":"1","default":"deny","tools":{"<!channel> \"&":{"action":"require_approval"}}}"#;
        fs::write(home.path().join("policy.json"), policy).unwrap();
        let mut wrapper = wrapper_in(home.path(), "record");
        wrapper.send(call(1, "<!channel> \\\"&", "{}").as_bytes());
        let id = the_one(home.path());
        let (head, body) = requests.recv_timeout(PATIENCE).unwrap();
        assert!(head.starts_with("POST /"), "{head}");
        let text = if place.contains("slack") {
            assert!(head.contains("application/json"), "{head}");
            let json: Value = serde_json::from_str(&body).unwrap();
            json["text"].as_str().unwrap().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        } else {
            body.clone()
        };
        assert!(text.contains("<!channel> \"& of stub"), "{body}");
        assert!(text.contains(&format!("policylayer approvals approve {id}")), "{body}");
        assert!(!place.contains("slack") || !body.contains('<'), "{body}");
        prints(home.path(), &["approve", &id]);
        assert!(wrapper.line().contains("\"id\":1"));
    }
}
