//! The page of a server: its tools, and a change from what it would do to the file and back.

use std::fs;

use serde_json::json;

use super::overview::write_client;
use super::{Browser, Got, Ui};
use crate::support::log::Home;
use crate::support::system::program;

const POLICY: &str = "# What the shop may do.\nversion = \"1\"\ndefault = \"deny\"\n\n[tools.get_orders]\naction = \"allow\"   # harmless\n\n\
                      [tools.drop_shop]\naction = \"require_approval\"\n";

fn shop(text: &str) -> (Home, std::path::PathBuf) {
    let home = Home::new();
    let file = home.policy("shop.toml", text);
    (home, file)
}

fn change(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Got {
    browser.submit("change", &[&[("name", "shop")], fields].concat())
}

#[test]
fn it_lists_the_tools_and_finds_some_of_them() {
    let (home, _) = shop(POLICY);
    let args = ["wrap", "--server", "iterable", "--", "npx", "-y", "@iterable/mcp"];
    write_client(&home, &json!({ "iterable": { "command": program(), "args": args } }));
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("server?name=shop").body;
    assert!(page.contains("2 of 2 tools") && page.find("drop_shop") < page.find("get_orders"), "{page}");
    let row = page.split("<tr>").find(|row| row.contains("Choose drop_shop")).unwrap();
    assert!(row.contains(">asks</span>") && row.contains("tools.drop_shop"), "{row}");
    for (query, found) in
        [("q=GET", "get_orders"), ("effect=require_approval", "drop_shop"), ("class=destructive", "drop_shop")]
    {
        let page = browser.get(&format!("server?name=shop&{query}")).body;
        assert!(page.contains("1 of 2 tools") && page.contains(&format!("Choose {found}")), "{query} {page}");
    }
    let iterable = browser.get("server?name=iterable").body;
    assert!(iterable.contains("120 of 120 tools") && iterable.contains("built-in"), "{iterable}");
    let tool = browser.get("tool?name=iterable&tool=send_campaign").body;
    assert!(tool.contains("How it is abused") && tool.contains("Recommended"), "{tool}");
    assert_eq!(browser.get("server?name=nobody").status, 404);
    assert_eq!(browser.get("server?name=..%2f..%2fetc").status, 409, "no server has that name");
}

#[test]
fn a_change_is_shown_saved_and_undone() {
    let (home, file) = shop(POLICY);
    home.policy(
        "shop.test.toml",
        "[[case]]\nname = \"orders are read\"\ntool = \"get_orders\"\nexpect = \"allow\"\n\n[[case]]\nname = \"no <b>drop</b>\"\ntool = \
         \"drop_shop\"\nexpect = \"deny\"\n",
    );
    let ui = Ui::start(&home);
    let browser = ui.open();
    let hide = [("tool", "get_orders"), ("action", "hide"), ("reason", "Not <yours>.")];
    let shown = change(&browser, &hide);
    assert_eq!(shown.status, 200, "{}", shown.body);
    for part in [
        "Nothing is written yet.",
        ">allowed</span>",
        ">hidden</span>",
        "Not &lt;yours&gt;.",
        "class=\"add\"",
        "orders are read would break",
        "no &lt;b&gt;drop&lt;/b&gt; (it fails now as well)",
    ] {
        assert!(shown.body.contains(part), "{part}: {}", shown.body);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    let saved = browser.press(&shown, "save");
    assert_eq!((saved.status, saved.header("location").is_some()), (303, true), "{}", saved.body);
    let text = fs::read_to_string(&file).unwrap();
    // The same editor as that of the subcommand: comments stay.
    assert!(
        text.starts_with("# What the shop may do.") && text.contains("hide") && text.contains("Not <yours>."),
        "{text}"
    );
    let history = home.good(&["history"]);
    assert!(history.contains("policylayer ui: hide get_orders --reason"), "{history}");
    // The answer to the second press is that it is done already, or was changed.
    assert_eq!(browser.press(&shown, "save").status, 409);
    let page = browser.get("server?name=shop");
    assert!(page.body.contains("The last change"), "{}", page.body);
    assert_eq!(browser.press(&page, "undo").status, 303);
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    assert_eq!(browser.press(&page, "undo").status, 409, "it is another change now");
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
}

#[test]
fn of_two_tabs_the_second_is_told() {
    let (home, file) = shop(POLICY);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let one = change(&browser, &[("tool", "get_orders"), ("action", "deny")]);
    let other = change(&browser, &[("tool", "drop_shop"), ("action", "hide")]);
    let page = browser.get("server?name=shop");
    assert_eq!(browser.press(&one, "save").status, 303);
    let text = fs::read_to_string(&file).unwrap();
    let late = browser.press(&other, "save");
    assert!(late.status == 409 && late.body.contains("was changed since this change was shown"), "{}", late.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // What it does now is shown, and can be saved.
    assert_eq!(browser.press(&late, "save").status, 303);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("deny") && text.contains("drop_shop"), "{text}");
    // The text of a tab that was opened before.
    let base = page.body.split("name=\"base\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let stale = change(&browser, &[("base", base), ("text", &POLICY.replace("harmless", "harmless!"))]);
    assert!(stale.status == 409 && stale.body.contains("since you opened its text"), "{}", stale.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn an_order_that_is_not_one_loses_nothing() {
    let (home, file) = shop(POLICY);
    let ui = Ui::start(&home);
    let browser = ui.open();
    for (fields, why) in [
        (vec![("action", "hide")], "No tool is chosen"),
        (vec![("tool", "get_orders")], "It is not said what to do"),
        (vec![("tool", "get_orders"), ("action", "limit")], "Say how many calls pass"),
        (vec![("tool", "get_orders"), ("action", "limit"), ("max", "often <b>")], "as a number"),
        (vec![("tool", "get_orders"), ("action", "limit"), ("max", "5"), ("window", "<b>")], "no length of time"),
        (vec![("tool", "get_orders"), ("action", "ask"), ("timeout", "soon")], "The time to ask is not one"),
        (vec![("names", "drop_shpo"), ("action", "hide")], "Did you mean"),
    ] {
        let got = change(&browser, &fields);
        assert!(got.status == 422 && got.body.contains(why), "{why}: {} {}", got.status, got.body);
        for (name, value) in fields.iter().filter(|(name, _)| matches!(*name, "max" | "window" | "timeout" | "names")) {
            let value = value.replace('<', "&lt;").replace('>', "&gt;");
            assert!(got.body.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{}", got.body);
        }
    }
    let kept = change(&browser, &[("tool", "get_orders"), ("action", "limit")]).body;
    let row = kept.split("<tr>").find(|row| row.contains("Choose get_orders")).unwrap();
    assert!(row.contains(" checked"), "{row}");
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    let limit = change(&browser, &[("names", "get_*"), ("action", "limit"), ("max", "10"), ("window", "m")]);
    assert!(limit.body.contains("at most 10 per minute"), "{}", limit.body);
}

#[test]
fn a_policy_that_does_not_load_is_repaired_as_text() {
    let broken = POLICY.replace("\"deny\"", "\"dney\"");
    let (home, file) = shop(&broken);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("server?name=shop").body;
    assert!(
        page.contains("This policy is invalid") && page.contains("Line 3, column") && page.contains("dney"),
        "{page}"
    );
    let still = change(&browser, &[("text", &broken.replace("dney", "dnye</textarea><script>"))]);
    assert!(still.status == 422 && still.body.contains("Line 3, column"), "{}", still.body);
    assert!(
        still.body.contains("dnye&lt;/textarea&gt;&lt;script&gt;") && !still.body.contains("<script>"),
        "{}",
        still.body
    );
    let shown = change(&browser, &[("text", &POLICY.replace('\n', "\r\n"))]);
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(browser.press(&shown, "save").status, 303);
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY, "a browser's line breaks are not those of the file");
}

#[test]
fn a_pasted_part_is_merged() {
    let (home, file) = shop(POLICY);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let bad = change(&browser, &[("paste", "version = \"1\"\nhide = 7\n")]);
    assert!(bad.status == 422 && bad.body.contains("Line 2"), "{}", bad.body);
    let shown = change(&browser, &[("paste", "version = \"1\"\ndefault = \"deny\"\nhide = [\"drop_shop\"]\n")]);
    assert_eq!(browser.press(&shown, "save").status, 303, "{}", shown.body);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("# harmless") && text.contains("hide = [\"drop_shop\"]"), "{text}");
}

#[test]
fn the_recommended_rule_is_put_in_place_by_its_button() {
    let (home, file) = shop(&POLICY.replace("\"require_approval\"", "\"allow\""));
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("tool?name=shop&tool=drop_shop");
    assert!(page.body.contains("The recommended rule"), "{}", page.body);
    let shown = browser.press_form(&page, "name=\"paste\"", "change");
    assert_eq!(browser.press(&shown, "save").status, 303, "{}", shown.body);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# What the shop may do.") && text.contains("drop_shop"), "{text}");
    assert!(browser.get("tool?name=shop&tool=drop_shop").body.contains("That is in force."));
}

#[test]
fn a_tool_with_a_hostile_name_stays_text() {
    let name = "<img src=x onerror=alert(1)>";
    let (home, _) = shop(&format!(
        "version = \"1\"\ndefault = \"deny\"\n[tools.\"{name}\"]\naction = \"allow\"\nreason = \"</td>\u{e9}\"\n"
    ));
    let ui = Ui::start(&home);
    let browser = ui.open();
    for path in
        ["server?name=shop", "tool?name=shop&tool=%3Cimg%20src=x%20onerror=alert(1)%3E", "server?name=%3Cscript%3E"]
    {
        let page = browser.get(path).body;
        assert!(page.contains("&lt;") && !page.contains("<img") && !page.contains("<script>"), "{page}");
    }
    let shown = change(&browser, &[("tool", name), ("action", "deny")]);
    assert!(!shown.body.contains("<img") && shown.body.contains("&lt;img src=x"), "{}", shown.body);
}
