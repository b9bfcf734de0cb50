//! The lock of a server: made, compared in terms of risk, and accepted item by item.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::overview::write_client;
use super::{Browser, Got, Ui};
use crate::support::log::Home;
use crate::support::system::{example, program};

fn tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": { "type": "object", "properties": {} } })
}

/// A home whose only server lists these tools.
pub(super) fn home_with(tools: &[Value]) -> Home {
    let home = Home::new();
    offer(&home, tools);
    let file = home.path().join("offer.json");
    let policy = home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n[classes.read]\naction = \"allow\"\n");
    let stub = example("stub_server");
    let words = ["wrap", "--server", "shop", "--policy", policy.to_str().unwrap(), "--"];
    let args: Vec<_> = words.into_iter().chain([stub.to_str().unwrap(), "--offer", file.to_str().unwrap()]).collect();
    write_client(&home, &json!({ "shop": { "command": program(), "args": args } }));
    home
}

fn offer(home: &Home, tools: &[Value]) {
    let offer = json!({
        "initialize": { "protocolVersion": "2025-06-18", "serverInfo": { "name": "shop", "version": "1" }, "capabilities": { "tools": {} } },
        "tools/list": { "tools": tools },
    });
    fs::write(home.path().join("offer.json"), offer.to_string()).unwrap();
}

fn lock_file(home: &Home) -> PathBuf {
    home.path().join("config/policylayer/policies/shop.lock.json")
}

pub(super) fn act(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Got {
    browser.submit("lock", &[&[("name", "shop")], fields].concat())
}

#[test]
fn a_lock_is_made_compared_and_accepted_tool_by_tool() {
    let home = home_with(&[tool("get_lists", "Returns the lists."), tool("add", "Adds.")]);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("lock?name=shop").body;
    assert!(page.contains("This server has no lock yet.") && page.contains("stub_server"), "{page}");
    assert!(!lock_file(&home).exists(), "looking starts nothing");
    let made = act(&browser, &[("do", "make")]);
    assert!(made.status == 200 && made.body.contains("2 tools"), "{}", made.body);
    let first = fs::read_to_string(lock_file(&home)).unwrap();
    assert_eq!(act(&browser, &[("do", "make")]).status, 409, "there is one by now");
    let same = act(&browser, &[("do", "compare")]).body;
    assert!(same.contains("is as its lock says"), "{same}");

    offer(&home, &[tool("get_lists", "</td><script>alert(1)</script>\u{202e}"), tool("drop_all", "Deletes all.")]);
    let shown = act(&browser, &[("do", "compare")]);
    let page = &shown.body;
    for part in
        ["value=\"get_lists\"", "value=\"drop_all\"", "value=\"add\"", "new, class destructive", "&lt;script&gt;"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>") && !page.contains('\u{202e}'), "{page}");
    assert!(page.find("drop_all") < page.find("no longer listed"), "the riskiest first: {page}");
    assert_eq!(fs::read_to_string(lock_file(&home)).unwrap(), first);
    assert_eq!(act(&browser, &[("do", "chosen")]).status, 409, "nothing is ticked");
    let some = act(&browser, &[("do", "chosen"), ("item", "drop_all")]);
    assert!(
        some.status == 200 && some.body.contains("Accepted: 1 change") && !some.body.contains("value=\"drop_all\""),
        "{}",
        some.body
    );
    let text = fs::read_to_string(lock_file(&home)).unwrap();
    assert!(text.contains("drop_all") && text.contains("Returns the lists."), "{text}");
    let all = act(&browser, &[("do", "accept")]);
    assert!(all.status == 200 && all.body.contains("is as its lock says"), "{}", all.body);
    // What `lock --check` says of it.
    assert_eq!(home.run(&["lock", "shop", "--check"]).code, Some(0));
}

#[test]
fn only_what_was_shown_is_accepted() {
    let home = home_with(&[tool("add", "Adds.")]);
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert_eq!(act(&browser, &[("do", "make")]).status, 200);
    let unseen = act(&browser, &[("do", "accept")]);
    assert!(unseen.status == 409 && unseen.body.contains("Compare again"), "{}", unseen.body);
    offer(&home, &[tool("add", "Adds two.")]);
    assert_eq!(act(&browser, &[("do", "compare")]).status, 200);
    // What the server lists after that is not accepted with it.
    offer(&home, &[tool("add", "Adds three.")]);
    assert_eq!(act(&browser, &[("do", "accept")]).status, 200);
    let text = fs::read_to_string(lock_file(&home)).unwrap();
    assert!(text.contains("Adds two.") && !text.contains("three"), "{text}");
    // Somebody else has written it since.
    assert_eq!(act(&browser, &[("do", "compare")]).status, 200);
    let other = text.replace("\"version\"", " \"version\"");
    fs::write(lock_file(&home), &other).unwrap();
    let late = act(&browser, &[("do", "accept")]);
    assert_eq!(late.status, 409, "{}", late.body);
    assert_eq!(fs::read_to_string(lock_file(&home)).unwrap(), other);
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let home = Home::new();
    write_client(
        &home,
        &json!({ "shop": { "command": program(), "args": ["wrap", "--server", "shop", "--", program(), "--version"] } }),
    );
    let ui = Ui::start(&home);
    let browser = ui.open();
    let got = act(&browser, &[("do", "make")]);
    assert!(got.status == 409 && got.body.contains("role=\"alert\""), "{}", got.body);
    assert_eq!(browser.get("lock?name=%3Cb%3E").status, 409);
    assert!(!browser.get("lock?name=%3Cb%3E").body.contains("<b>"));
    // It still serves.
    assert_eq!(browser.get("").status, 200);
}

#[test]
fn of_two_clients_one_is_chosen() {
    let home = home_with(&[tool("add", "Adds.")]);
    let other = json!({ "mcpServers": { "shop": { "command": program(), "args": ["--version"] } } });
    fs::write(home.path().join(".claude.json"), other.to_string()).unwrap();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("lock?name=shop");
    assert!(page.status == 300 && page.body.contains("lock?name=shop&amp;client=cursor"), "{}", page.body);
    let page = browser.get("lock?name=shop&client=cursor");
    assert!(page.status == 200 && page.body.contains("no lock yet"), "{}", page.body);
}

#[test]
#[cfg(unix)]
fn it_still_ends_with_a_signal_once_a_server_was_started() {
    let home = home_with(&[tool("add", "Adds.")]);
    let mut ui = Ui::start(&home);
    assert_eq!(act(&ui.open(), &[("do", "make")]).status, 200);
    let child = ui.child.as_mut().unwrap();
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

/// A name that says little is settled by what is listed, milder or worse: whoever tells a person what happens to a call has looked
/// at the lock as well.
#[test]
fn a_tool_is_judged_by_what_the_lock_has_of_it_as_a_session_does() {
    let tools = [
        tool("kcp_workspaces_list", "List all available kcp workspaces"),
        tool("get_notes", "Gets the notes, then deletes them."),
        tool("get_lists", "Returns the lists."),
    ];
    let home = home_with(&tools);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let said = |tool: &str| {
        let of = |command: &str| home.run(&[command, tool, "--server", "shop", "--format", "json"]).out;
        let [decided, explained] =
            ["decide", "explain"].map(|command| serde_json::from_str::<Value>(&of(command)).unwrap());
        let page = browser.get(&format!("tool?name=shop&tool={tool}")).body;
        let tried = browser.submit("try", &[("name", "shop"), ("tool", tool), ("tried", "1"), ("args", "{}")]).body;
        let (effect, now) = (&decided["effect"], &explained["in_force"]["effect"]);
        assert_eq!(effect, now, "{tool}");
        let shown = format!("state effect-{}", effect.as_str().unwrap());
        assert!(page.contains(&shown) && tried.matches(&shown).count() > 1, "{tool}: {effect}: {tried}");
        assert_eq!(decided["class"], explained["class"], "{tool}");
        (effect.clone(), decided["class"].clone())
    };
    let by_name = tools.each_ref().map(|tool| said(tool["name"].as_str().unwrap()));
    assert_eq!(by_name.map(|(effect, _)| effect), [json!("hide"), json!("allow"), json!("allow")]);
    assert!(home.good(&["explain", "kcp_workspaces_list", "--server", "shop"]).contains("does not settle"));
    assert!(home.good(&["explain", "get_lists", "--server", "shop"]).contains("never lower it"));

    assert_eq!(act(&browser, &[("do", "make")]).status, 200);
    let inspected = home.json(&["inspect", "shop", "--format", "json"]);
    for tool in inspected["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert_eq!(said(name), (tool["effect"].clone(), tool["class"].clone()), "{name}");
        assert!(browser.get("server?name=shop").body.contains(name));
    }
    assert_eq!(said("kcp_workspaces_list").0, "allow");
    assert_eq!(said("get_notes").0, "hide");
    assert!(home.good(&["explain", "get_notes", "--server", "shop"]).contains("when it was locked"));
}
