//! Approvals that come late, and what `approve` and `deny` say came of an answer, with real wrappers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::system::PATIENCE;
use crate::support::waiting::{call, fails, home, listed, prints, received, the_one, wait_for, wrapper_in};
use crate::support::wrapped::Wrapped;

/// A client that is taken to give up after ten seconds.
const QUICK: &str = "[approvals.clients.quick]\nwaits = \"10s\"\n";

/// The same client, which a busy machine does not keep waiting for too long.
const UNHURRIED: &str = "[approvals.clients.quick]\nwaits = \"4m\"\n";

/// A wrapper whose client calls itself so.
fn wrapper_of(home: &Path, client: &str, record: &str) -> Wrapped {
    let mut wrapper = wrapper_in(home, record);
    let params = format!(
        r#"{{"protocolVersion":"2025-06-18","capabilities":{{}},"clientInfo":{{"name":"{client}","version":"1"}}}}"#
    );
    let line = format!(r#"{{"jsonrpc":"2.0","id":"init","method":"initialize","params":{params}}}"#) + "\n";
    wrapper.send(line.as_bytes());
    assert!(wrapper.line().contains("\"init\""));
    wrapper
}

/// Waits until so many are listed, be it that they wait or that nobody has answered within the five seconds.
fn wait_for_count(home: &Path, count: usize) {
    let start = Instant::now();
    while listed(home).len() != count {
        assert!(start.elapsed() < PATIENCE, "not {count}: {:#?}", listed(home));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until what came of the answers is this, whatever their order.
fn wait_for_outcomes(home: &Path, outcomes: &[&str]) {
    let start = Instant::now();
    loop {
        let all: Vec<Value> = serde_json::from_str(&prints(home, &["list", "--all", "--format", "json"])).unwrap();
        if all.iter().map(|entry| entry["outcome"].as_str().unwrap_or_default()).eq(outcomes.iter().copied()) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{all:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn id_of(entry: &Value) -> &str {
    entry["id"].as_str().unwrap()
}

/// Where the server gets what each wrapper of a home records.
fn all_received(home: &Path) -> String {
    let records = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    records.filter(|name| name.starts_with("record")).map(|name| received(home, &name)).collect()
}

#[test]
fn a_late_approval_is_in_force_when_approve_returns() {
    const AT_ONCE: u32 = 25;
    let home = home(QUICK);
    let mut wrapper = wrapper_of(home.path(), "quick", "record");
    for round in 0..2 {
        let numbers = round * AT_ONCE..(round + 1) * AT_ONCE;
        for number in numbers.clone() {
            wrapper.send(call(number, "send", &format!("{{\"n\":{number}}}")).as_bytes());
        }
        for _ in numbers.clone() {
            let line = wrapper.line();
            assert!(line.contains("Nobody answered within 5 seconds"), "{line}");
        }
        for entry in wait_for(home.path(), usize::try_from(AT_ONCE).unwrap(), "late") {
            let said = prints(home.path(), &["approve", id_of(&entry)]);
            assert!(said.contains("Tell the agent to repeat it once") && said.contains(" min"), "{said}");
            let repetition = 1000 + u32::try_from(entry["arguments"]["n"].as_u64().unwrap()).unwrap();
            wrapper.send(call(repetition, "send", &entry["arguments"].to_string()).as_bytes());
            let line = wrapper.line();
            assert!(
                line.contains(&format!("\"id\":{repetition},")) && line.contains("\"result\":{\"method\""),
                "{line}"
            );
        }
    }
    let calls = received(home.path(), "record");
    assert_eq!(calls.lines().count(), 50, "{calls}");
    wait_for_outcomes(home.path(), &["used"; 50]);
    wrapper.send(call(2000, "send", "{\"n\":0}").as_bytes());
    wait_for_count(home.path(), 1);
}

#[test]
fn what_was_not_repeated_before_the_session_ended_is_said_to_be_over() {
    let home = home(QUICK);
    let mut wrapper = wrapper_of(home.path(), "quick", "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    assert!(wrapper.line().contains("Nobody answered"));
    let entry = wait_for(home.path(), 1, "late").remove(0);
    prints(home.path(), &["approve", id_of(&entry)]);
    wait_for_outcomes(home.path(), &["granted"]);
    wrapper.close();
    wait_for_outcomes(home.path(), &["over"]);
}

#[test]
fn a_late_refusal_holds_for_a_repetition() {
    let home = home(QUICK);
    let mut wrapper = wrapper_of(home.path(), "quick", "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let line = wrapper.line();
    assert!(line.contains("Nobody answered"), "{line}");
    let entry = wait_for(home.path(), 1, "late").remove(0);
    let said = prints(home.path(), &["deny", id_of(&entry), "--reason", "Not before Monday."]);
    assert!(said.contains("is refused without asking you"), "{said}");
    wrapper.send(call(2, "send", "{}").as_bytes());
    let line = wrapper.line();
    assert!(line.contains("A person refused this call and says: Not before Monday."), "{line}");
}

#[test]
fn the_next_session_of_the_client_makes_the_call_once() {
    for is_killed in [false, true] {
        let home = home(UNHURRIED);
        let line = |id| call(id, "lasting", "{\"n\":1}");
        let mut first = wrapper_of(home.path(), "quick", "record-1");
        first.send(line(1).as_bytes());
        let id = the_one(home.path());
        if is_killed {
            first.kill()
        } else {
            first.close()
        }
        first.end();
        assert_eq!(id_of(&wait_for(home.path(), 1, "late")[0]), id, "it can still be answered");
        assert!(fails(home.path(), &["approve", &id, "--session"]).contains("Approve the one call"));
        let said = prints(home.path(), &["approve", &id]);
        assert!(said.contains("in this session of its client or the next"), "{said}");
        assert_eq!(all_received(home.path()), "");

        let mut other = wrapper_of(home.path(), "other", "record-2");
        other.send(line(1).as_bytes());
        prints(home.path(), &["deny", &the_one(home.path())]);
        // With the same command, and so the same file.
        let mut next = wrapper_of(home.path(), "quick", "record-1");
        next.send(call(1, "lasting", "{\"n\":2}").as_bytes());
        prints(home.path(), &["deny", &the_one(home.path())]);
        assert!(next.line().contains("A person refused"));
        next.send(line(2).as_bytes());
        let answer = next.line();
        assert!(answer.contains("\"id\":2,") && answer.contains("\"result\":{\"method\""), "{answer}");
        assert_eq!(all_received(home.path()), line(2));
        let shown = prints(home.path(), &["show", &id]);
        assert!(shown.contains("the call was repeated, and went on"), "{shown}");
        next.send(line(3).as_bytes());
        the_one(home.path());
        assert_eq!(all_received(home.path()), line(2), "once");
    }
}

#[test]
fn a_session_that_lives_uses_the_approval_that_the_next_one_could_use() {
    let home = home(QUICK);
    let mut wrapper = wrapper_of(home.path(), "quick", "record-1");
    let line = |id| call(id, "lasting", "{}");
    wrapper.send(line(1).as_bytes());
    assert!(wrapper.line().contains("Nobody answered"));
    let entry = wait_for(home.path(), 1, "late").remove(0);
    prints(home.path(), &["approve", id_of(&entry)]);
    wrapper.send(line(2).as_bytes());
    let answer = wrapper.line();
    assert!(answer.contains("\"id\":2,") && answer.contains("\"result\":{\"method\""), "{answer}");
    assert_eq!(received(home.path(), "record-1"), line(2));
    let shown = prints(home.path(), &["show", id_of(&entry)]);
    assert!(shown.contains("the call was repeated, and went on"), "{shown}");
    // Of the same client for the same command, so nothing but the use of the approval keeps it from passing. Its server begins
    // the file anew.
    fs::write(home.path().join(".config/policylayer/config.toml"), UNHURRIED).unwrap();
    let mut next = wrapper_of(home.path(), "quick", "record-1");
    next.send(line(3).as_bytes());
    let asked = the_one(home.path());
    assert_ne!(asked, id_of(&entry));
    assert_eq!(received(home.path(), "record-1"), "");
    // The session itself has none left either.
    wrapper.send(line(4).as_bytes());
    wait_for_count(home.path(), 2);
}

#[test]
fn an_approval_that_the_policy_has_overtaken_is_said_to_be_none() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    fs::write(home.path().join("policy.json"), r#"{"version":"1","default":"deny","tools":{}}"#).unwrap();
    let start = Instant::now();
    let mut number = 2..;
    let mut is_refused = || {
        let number = number.next().unwrap();
        wrapper.send(call(number, "free", "{}").as_bytes());
        wrapper.line().contains("\"isError\":true")
    };
    while !is_refused() {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
    let said = fails(home.path(), &["approve", &id]);
    assert!(said.contains("Not sent: the policy, or what the server lists, was changed meanwhile"), "{said}");
    assert!(wrapper.line().contains("\"isError\":true"));
    assert!(!received(home.path(), "record").contains("\"send\""));
}

#[cfg(unix)]
#[test]
fn a_session_that_hangs_is_not_said_to_have_taken_note() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.send(call(1, "send", "{}").as_bytes());
    let id = the_one(home.path());
    wrapper.signal(libc::SIGSTOP);
    let said = prints(home.path(), &["approve", &id]);
    assert!(said.contains("is stored, but its session has not picked it up yet"), "{said}");
    assert!(prints(home.path(), &["show", &id]).contains("the session has not picked it up"));
    assert_eq!(received(home.path(), "record"), "");
    wrapper.signal(libc::SIGCONT);
    assert!(wrapper.line().contains("\"id\":1"));
    let start = Instant::now();
    while !prints(home.path(), &["show", &id]).contains("the call went on") {
        assert!(start.elapsed() < PATIENCE);
    }
}

/// Windows lets nobody remove a file that is open.
#[cfg(unix)]
#[test]
fn a_question_whose_store_is_removed_is_refused_in_words() {
    let all = |state: &Path| fs::remove_dir_all(state).unwrap();
    let store = |state: &Path| {
        for name in ["state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm"] {
            let _ = fs::remove_file(state.join(name));
        }
    };
    for remove in [&store as &dyn Fn(&Path), &all] {
        let home = home(QUICK);
        let mut wrapper = wrapper_of(home.path(), "patient", "record");
        wrapper.send(call(1, "send", "{}").as_bytes());
        let id = the_one(home.path());
        remove(&crate::support::system::state_in(home.path()));
        let refusal = wrapper.line();
        let words = "state.sqlite3 was removed or replaced, and the question with it";
        assert!(refusal.contains("\"id\":1,") && refusal.contains(words), "{refusal}");
        assert!(!refusal.contains("A person refused"), "{refusal}");
        let said = fails(home.path(), &["approve", &id]);
        assert!(said.contains(&id), "{said}");
        assert_eq!(received(home.path(), "record"), "");
        // The next call is asked about, and can be answered.
        wrapper.send(call(2, "send", "{}").as_bytes());
        prints(home.path(), &["approve", &the_one(home.path())]);
        assert!(wrapper.line().contains("\"result\":{\"method\""));
        assert_eq!(received(home.path(), "record"), call(2, "send", "{}"));
    }
}

#[test]
fn the_list_begins_with_what_waits_and_says_what_was_answered() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    let mut ids = Vec::new();
    for number in 1..=4 {
        wrapper.send(call(number, "send", &format!("{{\"n\":{number}}}")).as_bytes());
        let count = if number == 1 { 1 } else { 2 };
        let waiting = wait_for(home.path(), count, "waiting");
        let id = id_of(waiting.last().unwrap()).to_owned();
        match number {
            2 => _ = prints(home.path(), &["approve", &id]),
            3 => _ = prints(home.path(), &["deny", &id, "--reason", "No."]),
            _ => {}
        }
        ids.push(id);
    }
    wrapper.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":4}}\n");
    wait_for(home.path(), 1, "waiting");
    let list = prints(home.path(), &[]);
    let at = |text: &str| list.find(text).unwrap_or_else(|| panic!("{text:?} is not in:\n{list}"));
    assert!(at(&ids[0]) < at("Answered in the last day:"), "{list}");
    let row = |id: &str| list.lines().find(|line| line.contains(id)).unwrap();
    for (id, parts) in [
        (&ids[0], ["waiting", " ago", "high: execute"]),
        (&ids[1], ["approved once", "local", "the call went on"]),
        (&ids[2], ["refused", "local", "the agent was told"]),
    ] {
        parts.iter().for_each(|part| assert!(row(id).contains(part), "{part:?} is not in {:?}", row(id)));
    }
    assert!(!list.contains(&ids[3]) && list.contains("1 question expired; `policylayer approvals --all`"), "{list}");
    let list = prints(home.path(), &["--all"]);
    assert!(list.find("Expired:").unwrap() < list.find(&ids[3]).unwrap(), "{list}");
    // A program gets what can be answered, or everything.
    assert_eq!(listed(home.path()).len(), 1);
    let all: Value = serde_json::from_str(&prints(home.path(), &["list", "--all", "--format", "json"])).unwrap();
    let outcomes: Vec<_> = all.as_array().unwrap().iter().map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(outcomes, [Value::Null, "sent".into(), "refused".into(), Value::Null]);
}
