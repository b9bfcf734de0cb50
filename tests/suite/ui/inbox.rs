//! The inbox: what waits is shown as it is, and answered once, there or in a terminal.

use std::process::Command;

use super::{Browser, Got, Ui};
use crate::support::system::{at_home, program, without_terminal};
#[cfg(unix)]
use crate::support::terminal::Terminal;
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
    let line = call(7, "send", "{\"to\":\"<script>alert(1)</script>\u{202e}\"}");
    wrapper.send(line.as_bytes());
    let id = the_one(home.path());
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
    assert!(
        late.status == 409
            && late.body.contains("already approved on this machine")
            && late.body.contains("The first answer counts"),
        "{}",
        late.body
    );
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
    let long = press(&browser, &page, &[("answer", "deny"), ("note", &("<b>".to_owned() + &"x".repeat(500)))]);
    assert!(long.status == 409 && long.body.contains("Shorten it"), "{}", long.body);
    assert!(
        long.body.contains(&format!("value=\"&lt;b&gt;{}\"", "x".repeat(500))),
        "what was typed stays: {}",
        long.body
    );
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
    assert!(
        late.status == 409
            && late.body.contains("already approved on this machine")
            && late.body.contains("The first answer counts"),
        "{}",
        late.body
    );
}

#[test]
fn without_a_terminal_the_page_asks_for_no_code() {
    let home = home("[approvals]\nlocal_confirm = \"code\"\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let mut command = Command::new(program());
    at_home(command.args(["ui", "--no-open"]), home.path());
    without_terminal(&mut command);
    let ui = Ui::start_with(command);
    let browser = ui.open();
    wrapper.send(call(7, "send", "{}").as_bytes());
    let id = the_one(home.path());
    let got = press(&browser, &browser.get("inbox"), &[("answer", "once")]);
    let remedy = format!("policylayer approvals approve {id}");
    assert!(
        got.status == 409 && got.body.contains("not started in a terminal") && got.body.contains(&remedy),
        "{}",
        got.body
    );
    wait_for(home.path(), 1, "waiting");
    assert_eq!(received(home.path(), "record"), "");
    // Refusing needs no code.
    let page = browser.get("inbox");
    follow(&browser, &press(&browser, &page, &[("answer", "deny")]));
    assert!(wrapper.line().contains("A person refused this call"));
}

#[cfg(unix)]
#[test]
fn a_code_is_shown_and_typed_on_the_terminal_of_the_page() {
    let home = home("[approvals]\nlocal_confirm = \"code\"\n");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let mut command = Command::new(program());
    at_home(command.args(["ui", "--no-open"]), home.path());
    let mut terminal = Terminal::start_sized(command, 300, 40);
    terminal.wait("an hour without use.");
    let written = terminal.written();
    let ui = Ui::at(written.lines().next().unwrap().trim());
    let browser = ui.open();
    let line = call(7, "send", "{\"to\":\"a\"}");
    wrapper.send(line.as_bytes());
    let id = the_one(home.path());
    let page = browser.get("inbox");
    let press = |answer| press(&browser, &page, &[("answer", answer)]);
    // Each code is for one call and one answer, and never in the page.
    let code = |terminal: &Terminal, from: usize, before: &str| {
        let at = terminal.wait_from(from, before);
        let end = terminal.wait_from(at, " and Enter: ");
        (terminal.written()[at..].split(' ').next().unwrap().to_owned(), end)
    };
    let asked = follow(&browser, &press("session"));
    assert!(asked.body.contains("type the code there"), "{}", asked.body);
    let (wide, at) = code(&terminal, 0, "and others like it until its session ends, type ");
    assert!(terminal.written().contains("Sends mail."), "{}", terminal.written());
    assert!(!asked.body.contains(&wide));
    // The same again shows no second code.
    follow(&browser, &press("session"));
    assert!(!terminal.written()[at..].contains("type "));
    follow(&browser, &press("once"));
    let (once, at) = code(&terminal, at, "To approve this call, type ");
    terminal.type_in(&format!("{wide}\n"));
    let at = terminal.wait_from(at, "that was not the code");
    assert_eq!(received(home.path(), "record"), "");
    // One that was shown before is none any more, and what is typed while none is asked for is for nobody.
    terminal.type_in(&format!("{once}\n{once}\n"));
    // The terminal shows it when it has come there.
    let at = terminal.wait_from(terminal.wait_from(at, &once), &once);
    follow(&browser, &press("once"));
    let (new, at) = code(&terminal, at, "To approve this call, type ");
    wait_for(home.path(), 1, "waiting");
    terminal.type_in(&format!("{}\n", new.to_uppercase()));
    terminal.wait_from(at, "Approved: send of stub goes on, this once.");
    assert!(wrapper.line().contains("\"id\":7"));
    assert_eq!(received(home.path(), "record"), line);
    let page = browser.get(&format!("inbox?asked={id}"));
    assert!(page.body.contains("Approved: send of stub goes on"), "{}", page.body);
}
