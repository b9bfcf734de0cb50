//! Putting a server behind its policy, and taking it out again: the diff first, and then what `register` writes.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::overview::write_client;
use super::{Browser, Got, Ui};
use crate::support::log::Home;
use crate::support::system::program;

fn cursor(home: &Home) -> PathBuf {
    home.path().join(".cursor").join("mcp.json")
}

fn iterable() -> serde_json::Value {
    json!({ "iterable": { "command": "npx", "args": ["-y", "@iterable/mcp"], "env": { "ITERABLE_API_KEY": "sesame" } } })
}

/// A server that can be started.
fn shop() -> serde_json::Value {
    json!({ "shop": { "command": program(), "args": ["--version"], "env": { "SHOP_TOKEN": "sesame" } } })
}

/// Follows a link of a page, by the word that says what it does.
fn follow(browser: &Browser<'_>, page: &Got, word: &str) -> Got {
    let links = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let link = links.map(|link| link.replace("&amp;", "&")).find(|link| link.contains(&format!("do={word}")));
    browser.get(link.unwrap_or_else(|| panic!("{word}: {}", page.body)).strip_prefix(browser.base.as_str()).unwrap())
}

#[test]
fn a_server_is_put_behind_its_policy_and_taken_out_again() {
    let (home, other) = (Home::new(), Home::new());
    write_client(&home, &iterable());
    write_client(&other, &iterable());
    let before = fs::read_to_string(cursor(&home)).unwrap();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let overview = browser.get("");
    assert!(overview.body.contains("each of its tools passes") && overview.body.contains("<svg"), "{}", overview.body);
    let plan = follow(&browser, &overview, "protect");
    assert_eq!(plan.status, 200, "{}", plan.body);
    for part in
        ["Nothing is written yet.", "State afterwards", "<code>built-in</code>", "class=\"add\"", "120 known tools"]
    {
        assert!(plan.body.contains(part), "{part}: {}", plan.body);
    }
    assert!(!plan.body.contains("sesame"), "{}", plan.body);
    assert_eq!(fs::read_to_string(cursor(&home)).unwrap(), before);
    let done = browser.press(&plan, "register");
    assert!(
        done.status == 200 && done.body.contains("Restart Cursor") && done.body.contains("old file is kept"),
        "{}",
        done.body
    );
    // What `register` writes.
    assert_eq!(other.run(&["register", "iterable"]).code, Some(0));
    let written = fs::read_to_string(cursor(&home)).unwrap();
    assert_eq!(written, fs::read_to_string(cursor(&other)).unwrap());
    // Pressed twice, it is written once.
    assert_eq!(browser.press(&plan, "register").status, 409);
    assert_eq!(fs::read_to_string(cursor(&home)).unwrap(), written);
    let plan = follow(&browser, &browser.get(""), "unprotect");
    assert!(plan.body.contains("is started without its policy"), "{}", plan.body);
    assert_eq!(browser.press(&plan, "register").status, 200);
    assert_eq!(fs::read_to_string(cursor(&home)).unwrap(), before);
}

#[test]
fn a_server_is_observed_and_then_held_to_its_policy() {
    let home = Home::new();
    write_client(&home, &shop());
    let ui = Ui::start(&home);
    let browser = ui.open();
    let done = browser.press(&follow(&browser, &browser.get(""), "observe"), "register");
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(fs::read_to_string(cursor(&home)).unwrap().contains("--observe"));
    let done = browser.press(&follow(&browser, &browser.get(""), "enforce"), "register");
    assert_eq!(done.status, 200, "{}", done.body);
    let text = fs::read_to_string(cursor(&home)).unwrap();
    assert!(text.contains("wrap") && !text.contains("--observe"), "{text}");
}

#[test]
fn a_file_that_was_changed_meanwhile_is_not_overwritten() {
    let home = Home::new();
    write_client(&home, &shop());
    let ui = Ui::start(&home);
    let browser = ui.open();
    let plan = follow(&browser, &browser.get(""), "protect");
    let text = fs::read_to_string(cursor(&home)).unwrap().replace("sesame", "another");
    fs::write(cursor(&home), &text).unwrap();
    let late = browser.press(&plan, "register");
    assert!(late.status == 409 && late.body.contains("was changed since this was shown"), "{}", late.body);
    assert_eq!(fs::read_to_string(cursor(&home)).unwrap(), text);
    assert_eq!(browser.press(&late, "register").status, 200);
    let text = fs::read_to_string(cursor(&home)).unwrap();
    assert!(text.contains("another") && text.contains("wrap"), "{text}");
}

#[test]
fn a_server_that_would_not_start_is_left_alone() {
    let home = Home::new();
    // This client passes on where policies are.
    fs::write(home.path().join(".claude.json"), json!({ "mcpServers": shop() }).to_string()).unwrap();
    home.policy("shop.toml", "version = \"1\"\ndefault = \"dney\"\n");
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = follow(&browser, &browser.get(""), "protect").body;
    assert!(page.contains("is left alone") && page.contains("It would not start behind its policy"), "{page}");
    assert!(!page.contains("name=\"digest\""), "{page}");
}

#[test]
fn all_servers_are_registered_at_once_and_names_stay_text() {
    let home = Home::new();
    let hostile = "<img src=x onerror=alert(1)>\u{202e}";
    write_client(
        &home,
        &json!({ hostile: { "command": program(), "args": ["<b>"] }, "two": { "command": program() } }),
    );
    let ui = Ui::start(&home);
    let browser = ui.open();
    let overview = browser.get("");
    let plan = browser.get("register?do=protect");
    for page in [&overview.body, &plan.body] {
        assert!(page.contains("&lt;img") && page.contains("\\u{202e}"), "{page}");
        assert!(!page.contains("<img") && !page.contains('\u{202e}') && !page.contains("<b>"), "{page}");
    }
    let done = browser.press(&plan, "register");
    assert!(done.status == 200 && !done.body.contains("<img"), "{}", done.body);
    let text = fs::read_to_string(cursor(&home)).unwrap();
    assert_eq!(text.matches("\"wrap\"").count(), 2, "{text}");
    let named = follow(&browser, &browser.get(""), "unprotect");
    assert_eq!(browser.press(&named, "register").status, 200, "{}", named.body);
}

#[test]
fn a_second_account_gets_a_name_of_its_own() {
    let home = Home::new();
    write_client(&home, &iterable());
    let ui = Ui::start(&home);
    let browser = ui.open();
    let file = cursor(&home).display().to_string().replace('\\', "%5C").replace('/', "%2F").replace(' ', "%20");
    let plan = browser.get(&format!("register?do=protect&client=cursor&key=iterable&file={file}&as=iterable-eu"));
    assert!(plan.body.contains("iterable-eu"), "{}", plan.body);
    assert_eq!(browser.press(&plan, "register").status, 200);
    assert!(fs::read_to_string(cursor(&home)).unwrap().contains("iterable-eu"));
    let bad = browser.get(&format!("register?do=protect&client=cursor&key=iterable&file={file}&as=a%2Fb"));
    assert!(bad.status == 409 && bad.body.contains("name=\"as\" value=\"a/b\""), "{}", bad.body);
}
