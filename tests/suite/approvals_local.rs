//! Approvals by a person at this machine: a wrapped server, and `policylayer approvals` in another process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::state_in;
use crate::support::waiting;

use std::fs;

use policylayer::policy::{self, Format, Server, ServerName, Source};
use policylayer::record::Digest;
use policylayer::settings;
use policylayer::state::approvals::unix_time;
use serde_json::json;
use waiting::{BRIEF, approvals, call, fails, home, listed, prints, received, run, the_one, wait_for, wrapper_in};

#[test]
fn nothing_waits_where_there_is_no_store() {
    let home = home("");
    assert_eq!(prints(home.path(), &[]), "Nothing waits for a person.\n");
    assert_eq!(prints(home.path(), &["--format", "json"]), "[]\n");
    assert!(fails(home.path(), &["approve", "k7m2p"]).contains("Nothing waits at the moment."));
    assert!(!state_in(home.path()).exists(), "looking makes nothing");
}

#[test]
fn what_is_approved_is_what_runs_and_it_runs_once() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let asked = std::time::Instant::now();
    let arguments = "{\"to\" : [\"a\u{202e}b\", 1.50],  \"n\":-0}";
    let line = call(7, "send", arguments);
    wrapper.send(line.as_bytes());
    let entry = wait_for(home.path(), 1, "waiting").remove(0);
    for (key, value) in [
        ("server", json!("stub")),
        ("tool", json!("send")),
        ("class", json!("execute")),
        ("rule", json!("tools.send")),
        ("reason", json!("Sends mail.")),
        ("line", json!(Digest::of_line(line.as_bytes()).to_string())),
    ] {
        assert_eq!(entry[key], value, "{entry:#}");
    }
    let id = entry["id"].as_str().unwrap();
    assert_eq!(id.len(), 5);
    let expires: jiff::Timestamp = entry["expires"].as_str().unwrap().parse().unwrap();
    let left = expires.as_second() - i64::try_from(unix_time().as_secs()).unwrap();
    let passed = i64::try_from(asked.elapsed().as_secs()).unwrap();
    assert!((298 - passed..=300).contains(&left), "{left} s, {passed} s after the call");

    // Other messages flow on meanwhile, and nothing has reached the server.
    wrapper.request("8");
    assert!(wrapper.line().contains("\"id\":8"));
    assert_eq!(received(home.path(), "record"), "");

    let table = prints(home.path(), &["list"]);
    assert!(table.contains(id) && table.contains("waiting") && table.contains("\\u{202e}"), "{table}");
    let shown = prints(home.path(), &["show", &id.to_uppercase()]);
    for part in ["Sends mail.", "\n    \"to\": [\n      \"a\\u{202e}b\",\n      1.50\n    ],\n", "\"n\": -0"] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    for text in [table, shown, prints(home.path(), &["--format", "json"])] {
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'), "{text:?}");
    }

    assert!(prints(home.path(), &["approve", id]).starts_with("Approved: send of stub goes on"));
    assert!(wrapper.line().contains("\"id\":7"));
    assert_eq!(received(home.path(), "record"), line, "the very bytes");
    assert!(listed(home.path()).is_empty());
    assert!(fails(home.path(), &["approve", id]).contains("was already approved on this machine"));
    assert!(fails(home.path(), &["deny", id]).contains("already approved"));
    assert!(prints(home.path(), &["show", id]).contains("no longer kept"), "what was answered needs no arguments");

    // The next one is asked about again.
    wrapper.send(call(9, "send", arguments).as_bytes());
    the_one(home.path());
    assert_eq!(received(home.path(), "record"), line);
}

/// The files of a directory that hold a text.
fn files_with(dir: &std::path::Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files_with(&entry, text));
        // What the log replaces a file by has its name for a moment.
        } else if memchr::memmem::find(&fs::read(&entry).unwrap_or_default(), text.as_bytes()).is_some() {
            found.push(entry);
        }
    }
    found
}

#[test]
fn what_was_answered_leaves_the_disk_at_once() {
    const SECRET: &str = "mona@example.com";
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    for (round, answer) in [(1, "deny"), (2, "approve")] {
        // On pages of its own, and beside other columns.
        for length in [1, 20_000] {
            let arguments = format!("{{\"to\":\"{}{SECRET}\",\"n\":{round}}}", "x".repeat(length));
            wrapper.send(call(10 * round + 1, "send", &arguments).as_bytes());
            let id = the_one(home.path());
            assert!(!files_with(&state_in(home.path()), SECRET).is_empty(), "it is there while it can be answered");
            prints(home.path(), &[answer, &id]);
            assert_eq!(
                files_with(&state_in(home.path()), SECRET),
                Vec::<std::path::PathBuf>::new(),
                "{answer}, {length}"
            );
            wrapper.line();
        }
    }
    // A question that its wrapper left behind goes with the next look.
    wrapper.send(call(31, "send", &format!("{{\"to\":\"{SECRET}\"}}")).as_bytes());
    the_one(home.path());
    drop(wrapper);
    prints(home.path(), &["list"]);
    assert_eq!(files_with(&state_in(home.path()), SECRET), Vec::<std::path::PathBuf>::new());
}

#[test]
fn who_refuses_tells_the_agent_why() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    let near = format!("{}~", &id[..4]);
    assert!(fails(home.path(), &["deny", &near]).contains(&format!("Did you mean {id}?")));
    assert!(fails(home.path(), &["show", "zzzzzzzzzz"]).contains("`policylayer approvals` lists what waits"));
    assert!(fails(home.path(), &["deny", &id, "--reason", &"x".repeat(501)]).contains("at most 500"));
    let said = prints(home.path(), &["deny", &id, "--reason", " Not before \"Monday\". "]);
    assert!(said.starts_with("Refused: send of stub does not go on"), "{said}");
    let answer = wrapper.line();
    assert!(answer.contains("A person refused this call and says: Not before \\\"Monday\\\"."), "{answer}");
    assert!(fails(home.path(), &["approve", &id]).contains("was already refused"));
    assert_eq!(received(home.path(), "record"), "");
}

#[test]
fn of_many_answers_one_counts() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    for round in 1..=3 {
        // What was refused once is refused again for a while.
        wrapper.send(call(round, "send", &format!("{{\"n\":{round}}}")).as_bytes());
        let id = the_one(home.path());
        let answers: Vec<_> = (0..6)
            .map(|n| approvals(home.path(), &[if n % 2 == 0 { "approve" } else { "deny" }, &id]))
            .map(|mut command| {
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.wait_with_output().unwrap()).collect();
        let won: Vec<_> = answers.iter().filter(|answer| answer.status.success()).collect();
        assert_eq!(won.len(), 1, "{answers:#?}");
        let is_approved = won[0].stdout.starts_with(b"Approved");
        assert_eq!(wrapper.line().contains("\"isError\":true"), !is_approved);
        let ran = received(home.path(), "record").contains(&format!("\"id\":{round},"));
        assert_eq!(ran, is_approved);
    }
}

#[test]
fn who_comes_after_the_time_is_up_allows_nothing() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "brief", "{\"a\":1}").as_bytes());
    let brief = if BRIEF == 1 { "1 second".to_owned() } else { format!("{BRIEF} seconds") };
    assert!(wrapper.line().contains(&format!("Nobody answered within {brief}")));
    wait_for(home.path(), 0, "");
    let all: serde_json::Value =
        serde_json::from_str(&prints(home.path(), &["list", "--all", "--format", "json"])).unwrap();
    let id = all[0]["id"].as_str().unwrap();
    assert!(fails(home.path(), &["approve", id]).contains("has expired"));
    assert_eq!(received(home.path(), "record"), "");
}

#[test]
fn what_a_dead_wrapper_asked_cannot_be_approved() {
    let home = home("");
    let mut dead = wrapper_in(home.path(), "dead");
    dead.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    let mut alive = wrapper_in(home.path(), "alive");
    alive.send(call(1, "send", "{}").as_bytes());
    wait_for(home.path(), 2, "waiting");
    dead.kill();
    dead.end();
    let left = wait_for(home.path(), 1, "waiting");
    assert_ne!(left[0]["id"], json!(id));
    let table = prints(home.path(), &["--all"]);
    assert!(table.find("Expired:").unwrap() < table.find(&id).unwrap(), "{table}");
    for args in [["approve", id.as_str()], ["deny", id.as_str()]] {
        assert!(fails(home.path(), &args).contains("has expired: the client took it back, its session has ended"));
    }
    assert!(prints(home.path(), &["show", &id]).contains("has expired"));
    let folder = state_in(home.path()).join("approvals");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "its lock is gone too");
    // A wrapper that is closed leaves nothing that waits either.
    alive.close();
    alive.end();
    assert!(listed(home.path()).is_empty());
    assert!(fails(home.path(), &["approve", left[0]["id"].as_str().unwrap()]).contains("has expired"));
    assert_eq!(received(home.path(), "dead") + &received(home.path(), "alive"), "");
}

#[test]
fn a_call_that_the_client_takes_back_waits_no_longer() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    wrapper.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
    wait_for(home.path(), 0, "waiting");
    assert!(fails(home.path(), &["approve", &id]).contains("has expired"));
    assert_eq!(received(home.path(), "record"), "");
}

#[test]
fn several_wrappers_ask_in_one_place_and_each_gets_its_own_answer() {
    let home = home("");
    let records = ["record-0", "record-1", "record-2"];
    let mut wrappers: Vec<_> = records.iter().map(|record| wrapper_in(home.path(), record)).collect();
    for (n, wrapper) in wrappers.iter_mut().enumerate() {
        wrapper.send(call(1, "send", &format!("{{\"n\":{n}}}")).as_bytes());
        wait_for(home.path(), n + 1, "waiting");
    }
    let all = wait_for(home.path(), 3, "waiting");
    let order: Vec<_> = all.iter().map(|entry| entry["arguments"]["n"].as_u64().unwrap()).collect();
    assert_eq!(order, [0, 1, 2], "the oldest first");
    assert_ne!(all[0]["session"], all[1]["session"]);
    prints(home.path(), &["approve", all[1]["id"].as_str().unwrap()]);
    assert!(wrappers[1].line().contains("\"id\":1"));
    assert_eq!(wait_for(home.path(), 2, "waiting").len(), 2);
    assert_eq!(received(home.path(), "record-1"), call(1, "send", "{\"n\":1}"));
    assert_eq!(received(home.path(), "record-0") + &received(home.path(), "record-2"), "");
}

#[test]
fn an_approval_for_the_session_is_for_its_tool_or_its_arguments() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    for (tool, other_arguments_pass) in [("send", true), ("same", false)] {
        wrapper.send(call(1, tool, "{\"n\":1}").as_bytes());
        let said = prints(home.path(), &["approve", &the_one(home.path()), "--session"]);
        assert!(said.contains("until the session ends"), "{said}");
        assert!(wrapper.line().contains("\"id\":1"));
        wrapper.send(call(2, tool, "{\"n\":1}").as_bytes());
        assert!(wrapper.line().contains("\"id\":2"), "the same again");
        wrapper.send(call(3, tool, "{\"n\":2}").as_bytes());
        if other_arguments_pass {
            assert!(wrapper.line().contains("\"id\":3"));
        } else {
            prints(home.path(), &["deny", &the_one(home.path())]);
            assert!(wrapper.line().contains("\"isError\":true"));
        }
    }
    let mut other = wrapper_in(home.path(), "other");
    other.send(call(1, "send", "{\"n\":1}").as_bytes());
    the_one(home.path());
}

#[test]
fn without_a_terminal_there_is_no_code_and_no_approval() {
    let home = home("[approvals]\nlocal_confirm = \"code\"\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    let why = fails(home.path(), &["approve", &id]);
    assert!(why.contains("requires a code that a terminal shows, and there is no terminal here"), "{why}");
    // What has begun with a code is not approved without one, whatever is in the settings now.
    fs::write(home.path().join(".config/policylayer/config.toml"), "").unwrap();
    assert!(fails(home.path(), &["approve", &id]).contains("there is no terminal here"));
    assert_eq!(listed(home.path()).len(), 1, "it still waits");
    assert_eq!(received(home.path(), "record"), "");
    prints(home.path(), &["deny", &id]);
    assert!(wrapper.line().contains("A person refused this call"));
}

#[test]
fn without_a_terminal_nothing_is_watched() {
    let home = home("");
    let output = run(home.path(), &["watch"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(said.contains("needs a terminal, and stdin is not one") && said.contains("list --format json"), "{said}");
}

#[test]
fn config_toml_can_leave_this_machine_out() {
    let home = home("[approvals]\nchannels = [\"client\"]\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    assert!(wrapper.line().contains("nobody can be asked"));
    assert!(prints(home.path(), &[]).contains("does not include \"local\""));
}

#[test]
fn the_page_about_approvals_can_be_copied_from() {
    let page = include_str!("../../docs/approvals.md");
    let mut blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let policy = blocks.next().unwrap();
    let server = ServerName::parse("iterable").unwrap();
    let loaded = policy::load_policy(&Source::new("approvals.md", Format::Toml, policy), &Server::by_name(&server));
    assert!(loaded.policy.is_some() && loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let settings: Vec<_> = blocks.collect();
    assert_eq!(settings.len(), 2, "the program that tells, and the code");
    for text in settings {
        let loaded = settings::load_settings(&Source::new("approvals.md", Format::Toml, text));
        assert!(loaded.settings.is_some(), "{:#?}", loaded.diagnostics);
    }
}
