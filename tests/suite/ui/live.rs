//! What keeps a page up to date: who may listen, and what is told.

use std::fs;
use std::path::Path;
use std::process::Command;

use policylayer::risk::Class;

use super::{Browser, Events, Ui};
use crate::support::log::{Home, Log, passed, refused};
use crate::support::system::{at_home, program};
use crate::support::waiting::{call, home, prints, the_one, wrapper_in};

fn start(home: &Path) -> Ui {
    let mut command = Command::new(program());
    at_home(command.args(["ui", "--no-open"]), home);
    Ui::start_with(command)
}

/// Begins to listen for a page, by the number of its log.
fn follow_log(browser: &Browser<'_>, query: &str) -> Events {
    let page = browser.get(&format!("log?{query}")).body;
    let number = page.split("data-log=\"").nth(1).unwrap().split('"').next().unwrap();
    browser.listen(&format!("page=other&log={number}"))
}

#[test]
fn only_the_page_itself_listens() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let path = format!("{}live", browser.base);
    for headers in [
        String::new(),
        "Cookie: policylayer_ui=0\r\n".to_owned(),
        format!("Cookie: {}\r\nSec-Fetch-Site: same-site\r\n", browser.cookie),
        format!("Cookie: {}\r\nSec-Fetch-Site: cross-site\r\n", browser.cookie),
    ] {
        assert_eq!(ui.get(&path, &headers).status, 403, "{headers}");
    }
    let other = format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n{}\r\n", browser.headers());
    assert_eq!(ui.send(&other).status, 421);
    assert_eq!(browser.post("live", "").status, 404);
    browser.listen("page=inbox").wait("{\"open\":[],\"over\":{}}");
}

#[test]
fn what_waits_and_how_it_ends_is_told_to_each_page() {
    let home = home("");
    let mut wrapper = wrapper_in(home.path(), "record");
    wrapper.greet();
    let ui = start(home.path());
    let browser = ui.open();
    let (mut one, mut other) = (browser.listen("page=inbox"), browser.listen("page=other"));
    one.wait("\"open\":[]");
    other.wait("\"open\":[]");
    wrapper.send(call(7, "send", "{}").as_bytes());
    let id = the_one(home.path());
    one.wait(&format!("\"open\":[\"{id}:"));
    other.wait(&format!("\"open\":[\"{id}:"));
    prints(home.path(), &["deny", &id, "--reason", "No."]);
    assert!(wrapper.line().contains("\"id\":7"));
    for events in [&mut one, &mut other] {
        events.wait("\"open\":[]");
        events.wait(&format!("\"{id}:"));
        events.wait("refused: the agent was told");
    }
    // A session that is killed writes nothing: its calls are over all the same.
    wrapper.send(call(8, "same", "{}").as_bytes());
    let id = the_one(home.path());
    one.wait(&format!("\"open\":[\"{id}:"));
    wrapper.kill();
    one.wait("\"open\":[]");
    one.wait("expired");
}

#[test]
fn new_lines_of_the_log_come_once_and_escaped() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(1, "get_old", Class::Read)).write();
    let (mut all, mut some) = (follow_log(&browser, ""), follow_log(&browser, "tool=get_*&effect=allow"));
    log.add(&refused(2, "<b>drop</b>\u{202e}", "tools.drop", "No.\r\ndata: </td>\revent: inbox")).write();
    let text = all.wait("</tr>");
    assert!(text.contains("event: lines\n") && text.contains("&lt;b&gt;drop&lt;/b&gt;\\u{202e}"), "{text}");
    assert!(!text.contains("<b>") && !text.contains("</td>\r") && !text.contains("get_old"), "{text}");
    let lines = text.split("event: lines\n").nth(1).unwrap();
    assert!(lines.lines().filter(|line| !line.is_empty()).all(|line| line.starts_with("data: ")), "{lines}");
    log.add(&passed(3, "get_new", Class::Read)).write();
    let text = some.wait("</tr>");
    assert!(text.contains("get_new") && !text.contains("drop") && !text.contains("get_old"), "{text}");
    assert!(all.wait("</tr>").contains("get_new"));
    // Of many at once it is only told that they are there.
    for number in 4..60 {
        log.add(&passed(number, "get_more", Class::Read));
    }
    log.write();
    assert!(all.wait("event: many\ndata: 56\n").find("get_more").is_none());
    // A log that nobody keeps open any more is said to be lost.
    browser.listen("page=other&log=999").wait("event: lost\n");
}

#[test]
fn of_many_streams_the_oldest_gives_way_and_keeps_its_place() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(1, "get_old", Class::Read)).write();
    let page = browser.get("log").body;
    let number = page.split("data-log=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut first = browser.listen(&format!("page=other&log={number}"));
    first.wait("\"open\":[]");
    let more: Vec<_> = (0..4).map(|_| browser.listen("page=other")).collect();
    assert!(first.rest().contains("event: rest\n"));
    log.add(&passed(2, "get_between", Class::Read)).write();
    let mut again = browser.listen(&format!("page=other&log={number}"));
    assert!(again.wait("</tr>").contains("get_between"));
    drop(more);
    // What is answered meanwhile is not held up.
    assert_eq!(browser.get("inbox").status, 200);
}

#[test]
fn the_charts_have_the_numbers_of_the_subcommand() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert!(browser.get("charts").body.contains("There is no audit log"));
    let mut log = Log::new(&home, "shop");
    for at in 0..5 {
        log.add(&passed(at * 60, "get_orders", Class::Read));
    }
    log.add(&refused(400, "<b>drop</b>\u{202e}", "tools.\"<i>\"", "No </td>.")).write();
    let page = browser.get("charts").body;
    for part in [
        "6 decisions in",
        "At most 1 call.",
        "&lt;b&gt;drop&lt;/b&gt;\\u{202e}",
        "tools.\"&lt;i&gt;",
        "No &lt;/td&gt;.",
        "<title id=\"times-title\">",
    ] {
        assert!(page.contains(part) || page.contains(&part.replace('"', "&quot;")), "{part}: {page}");
    }
    assert!(
        !page.contains("<b>") && !page.contains("<i>") && !page.contains('\u{202e}') && !page.contains(" style="),
        "{page}"
    );
    let stats = home.json(&["log", "stats", "--format", "json"]);
    let times = stats["times"].as_array().unwrap();
    assert_eq!(
        (times.len(), times[0]["calls"].as_u64(), times[6]["deny"].as_u64()),
        (7, Some(1), Some(1)),
        "{times:?}"
    );
    assert_eq!(
        page.matches("<tr><th scope=\"row\" data-label=\"From\">").count(),
        6,
        "stretches without a call are left out"
    );
    let page = browser.get("charts?tool=get_*").body;
    assert!(page.contains("5 decisions in") && !page.contains("drop"), "{page}");
    // What no filter can mean is said beside its field, and nothing is lost.
    for path in ["charts", "log"] {
        let page = browser.get(&format!("{path}?tool=%5Bx&session=ab")).body;
        assert!(
            page.contains("aria-invalid=\"true\"") && page.contains("value=\"[x\"") && page.contains("value=\"ab\""),
            "{page}"
        );
    }
    fs::remove_dir_all(home.audit()).unwrap();
    assert_eq!(browser.get("charts").status, 200);
}
