//! The inbox: what waits is shown as it is, and answered once, there or in a terminal.

use std::process::Command;

use super::{Browser, Got, Ui};
use crate::support::system::{at_home, program};
use crate::support::waiting::{call, fails, home, prints, received, the_one, wait_for, wrapper_in};

fn start(home: &std::path::Path) -> Ui {
    let mut command = Command::new(program());
    at_home(command.args(["ui", "--no-open"]), home);
    Ui::start_with(command)
}

/// Presses a button of the one call on the page.
fn press(browser: &Browser<'_>, page: &Got, answer: &[(&str, &str)]) -> Got {
    let value = |name: &str| {
        let field = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        field.split('"').next().unwrap().to_owned()
    };
    let (id, shown) = (value("id"), value("shown"));
    browser.submit("answer", &[&[("id", id.as_str()), ("shown", shown.as_str())], answer].concat())
}

/// The page that a change leads to.
fn follow(browser: &Browser<'_>, got: &Got) -> Got {
    assert_eq!(got.status, 303, "{}", got.body);
    browser.get(got.header("location").unwrap().strip_prefix(&browser.base).unwrap())
}

#[test]
fn what_is_approved_in_the_page_runs_once() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let ui = start(home.path());
    let browser = ui.open();
    assert!(browser.get("inbox").body.contains("Nothing waits for a person."));
    assert_eq!(browser.get("inbox/open").body, "");
    let line = call(7, "send", "{\"to\":\"<script>alert(1)</script>\u{202e}\"}");
    wrapper.send(line.as_bytes());
    let id = the_one(home.path());
    assert!(browser.get("inbox/open").body.starts_with(&format!("{id}:")));
    let page = browser.get("inbox");
    for part in ["send of stub", "Sends mail.", "&lt;script&gt;alert(1)", "\\u{202e}", "Approve this call"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(!page.body.contains("<script>") && !page.body.contains('\u{202e}'));
    assert_eq!(received(home.path(), "record"), "");
    // What the page does not say is no answer.
    for answer in [vec![], vec![("answer", "yes")], vec![("answer", "once"), ("shown", "x")]] {
        let got = browser.submit("answer", &[&[("id", id.as_str())], &answer[..]].concat());
        assert_eq!(got.status, 409, "{}", got.body);
    }
    let got = press(&browser, &page, &[("answer", "once")]);
    let after = follow(&browser, &got);
    assert!(after.body.contains("Approved: send of stub goes on"), "{}", after.body);
    assert!(wrapper.line().contains("\"id\":7"));
    assert_eq!(received(home.path(), "record"), line, "the very bytes");
    // The other page, and the terminal, are told.
    let late = press(&browser, &page, &[("answer", "deny")]);
    assert!(late.status == 409 && late.body.contains("the first answer counts"), "{}", late.body);
    assert!(fails(home.path(), &["deny", &id]).contains("already approved"));
}

#[test]
fn what_is_denied_gets_the_note_and_a_terminal_may_be_first() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let ui = start(home.path());
    let browser = ui.open();
    wrapper.send(call(7, "send", "{}").as_bytes());
    the_one(home.path());
    let page = browser.get("inbox");
    let long = press(&browser, &page, &[("answer", "deny"), ("note", &"x".repeat(501))]);
    assert!(long.status == 409 && long.body.contains("Shorten it"), "{}", long.body);
    // Enter in the note presses the first button of its form.
    let form = page.body.split("<form").find(|form| form.contains("name=\"note\"")).unwrap();
    assert!(
        form.contains("value=\"deny\"") && !form.contains("value=\"once\"") && !form.contains("value=\"session\""),
        "{form}"
    );
    let got = press(&browser, &page, &[("answer", "deny"), ("note", "Not <b>today</b>.")]);
    follow(&browser, &got);
    assert!(wrapper.line().contains("Not <b>today</b>."));
    assert_eq!(received(home.path(), "record"), "");

    wrapper.send(call(8, "free", "{}").as_bytes());
    wrapper.line();
    wrapper.send(call(9, "same", "{}").as_bytes());
    let id = the_one(home.path());
    let page = browser.get("inbox");
    prints(home.path(), &["approve", &id]);
    let late = press(&browser, &page, &[("answer", "deny")]);
    assert!(late.status == 409 && late.body.contains("the first answer counts"), "{}", late.body);
    assert_eq!(browser.get("inbox/open").body, "");
}

#[test]
fn a_code_is_not_asked_for_in_the_page() {
    let home = home("[approvals]\nlocal_confirm = \"code\"\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let ui = start(home.path());
    let browser = ui.open();
    wrapper.send(call(7, "send", "{}").as_bytes());
    the_one(home.path());
    let page = browser.get("inbox");
    assert!(
        page.body.contains("policylayer approvals approve") && !page.body.contains("Approve this call"),
        "{}",
        page.body
    );
    let got = press(&browser, &page, &[("answer", "once")]);
    assert!(got.status == 409 && got.body.contains("needs a code"), "{}", got.body);
    wait_for(home.path(), 1, "waiting");
    assert_eq!(received(home.path(), "record"), "");
}
