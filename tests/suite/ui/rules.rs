//! Rules by form: conditions on the arguments of a tool, limits, classes, and what no rule names.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::lock::{act, home_with};
use super::{Browser, Got, Ui};
use crate::support::log::Home;

const POLICY: &str = "# What the shop may do.\nversion = \"1\"\ndefault = \"deny\"\n\n[classes.read]   # harmless\naction = \"allow\"\n\n\
                      [tools.refund]   # money\naction = \"require_approval\"\n";

/// A home whose server has a lock, and so a schema for each tool.
fn shop() -> (Home, PathBuf) {
    let schema = json!({ "type": "object", "properties": {
        "amount": { "type": "number" },
        "email": { "type": "string" },
        "kind": { "type": "string", "enum": ["full", "<i>part</i>"] },
        "items": { "type": "array", "items": { "type": "object", "properties": { "id": { "type": "integer" } } } },
        "<script>\u{202e}": { "type": "string" },
    } });
    let tools = [
        json!({ "name": "refund", "description": "Pays back.", "inputSchema": schema }),
        json!({ "name": "get_orders", "inputSchema": { "type": "object", "properties": {} } }),
        json!({ "name": "delete_shop", "inputSchema": { "type": "object", "properties": {} } }),
    ];
    let home = home_with(&tools);
    let file = home.policy("shop.toml", POLICY);
    (home, file)
}

fn change(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Got {
    browser.submit("change", &[&[("name", "shop")], fields].concat())
}

const REFUND: [(&str, &str); 3] = [("tool", "refund"), ("edit", "condition"), ("form", "condition")];

#[test]
fn a_condition_is_chosen_from_the_schema_saved_and_removed() {
    let (home, file) = shop();
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert_eq!(act(&browser, &[("do", "make")]).status, 200);
    let page = browser.get("tool?name=shop&tool=refund").body;
    for part in ["args.amount (a number)", "args.items[*].id (a number)", "args.** (", "&lt;script&gt;", "\\u{202e}"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = browser.get("tool?name=shop&tool=refund&argument=args.amount&argument=args.kind").body;
    for part in ["name=\"path0\" value=\"args.amount\"", "is more than", "name=\"path1\"", "&lt;i&gt;part", "all hold"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    // The name of a field is the argument's own; what a person reads is not.
    let read: String = page.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect();
    assert!(!page.contains("<script>") && !page.contains("<i>") && !read.contains('\u{202e}'), "{page}");
    let of_number = page.split("op0").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(!of_number.contains("value=\"regex\""), "no text is expected: {of_number}");
    let typed = [
        ("list", "deny_if"),
        ("path0", "args.amount"),
        ("op0", "gt"),
        ("value0", "100"),
        ("reason", "Too <b>much</b>."),
    ];
    let shown = change(&browser, &[&REFUND[..], &typed].concat());
    assert_eq!(shown.status, 200, "{}", shown.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    assert_eq!(browser.press(&shown, "save").status, 303);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with(POLICY) && text.contains("{ path = \"args.amount\", op = \"gt\", value = 100 }"),
        "{text}"
    );
    let denied = browser.submit("try", &[("name", "shop"), ("tool", "refund"), ("args", "{\"amount\": 101}")]).body;
    assert!(denied.contains("Too &lt;b&gt;much"), "{denied}");
    // It is listed, and removed by its button.
    let page = browser.get("tool?name=shop&tool=refund");
    assert!(page.body.contains("Refused if <code>args.amount gt 100</code>"), "{}", page.body);
    let shown = browser.press_form(&page, "value=\"remove\"", "change");
    assert_eq!(browser.press(&shown, "save").status, 303, "{}", shown.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    // Pressed on a page that is old by now.
    let late = browser.press_form(&page, "value=\"remove\"", "change");
    assert!(late.status == 422 && late.body.contains("not there any more"), "{}", late.body);
}

#[test]
fn what_is_wrong_stands_beside_its_field_and_nothing_is_lost() {
    let (home, file) = shop();
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert_eq!(act(&browser, &[("do", "make")]).status, 200);
    let condition = |fields: &[(&'static str, &'static str)]| [&REFUND[..], fields].concat();
    let limit = |fields: &[(&'static str, &'static str)]| {
        [&[("tool", "refund"), ("edit", "limit"), ("form", "limit")], fields].concat()
    };
    let class = |fields: &[(&'static str, &'static str)]| {
        [&[("edit", "class"), ("form", "class"), ("of", "write")], fields].concat()
    };
    for (fields, field, why) in [
        (
            condition(&[("list", "deny_if"), ("path0", "args.amount"), ("value0", "5")]),
            "op0",
            "Choose how it is compared",
        ),
        (
            condition(&[("list", "deny_if"), ("path0", "args.amount"), ("op0", "gt"), ("value0", "a lot")]),
            "value0",
            "Write a number",
        ),
        (
            condition(&[("list", "deny_if"), ("path0", "args.amount"), ("op0", "gt")]),
            "value0",
            "Say what it is compared with",
        ),
        (
            condition(&[("list", "deny_if"), ("path0", "amount\""), ("op0", "gt"), ("value0", "5")]),
            "path0",
            "This is no path",
        ),
        (
            condition(&[("list", "deny_if"), ("path0", "args.email"), ("op0", "regex"), ("value0", "(<b>")]),
            "",
            "would be invalid",
        ),
        (limit(&[("window", "day")]), "max", "Say how many calls pass"),
        (limit(&[("max", "5"), ("window", "fortnight")]), "window", "no length of time"),
        (class(&[("action", "limit"), ("max", "many")]), "max", "as a number"),
        (class(&[("action", "ask"), ("timeout", "soon")]), "timeout", "The time to ask is not one"),
        (class(&[]), "action", "choose one of the actions"),
    ] {
        let sent = [&fields[..], &[("reason", "I \"typed\" <this>.")]].concat();
        let got = change(&browser, &sent);
        assert!(got.status == 422 && got.body.contains(why), "{why}: {} {}", got.status, got.body);
        assert!(got.body.contains("value=\"I &quot;typed&quot; &lt;this&gt;.\""), "{why}: {}", got.body);
        for (name, value) in fields.iter().filter(|(name, _)| matches!(*name, "value0" | "max" | "window" | "timeout"))
        {
            let value = value.replace('<', "&lt;").replace('>', "&gt;");
            assert!(got.body.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{why}: {}", got.body);
        }
        if !field.is_empty() {
            let form = fields.iter().find(|(name, _)| *name == "form").unwrap().1;
            assert!(got.body.contains(&format!("id=\"fault-{form}-{field}\"")), "{why}: {}", got.body);
            assert!(got.body.contains(&format!("aria-describedby=\"fault-{form}-{field}\"")), "{why}: {}", got.body);
        }
        assert!(!got.body.contains("<this>") && !got.body.contains("<b>"), "{why}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), POLICY);
    let refused = change(
        &browser,
        &[("tool", "delete_shop"), ("edit", "limit"), ("form", "limit"), ("max", "5"), ("window", "day")],
    );
    assert!(refused.status == 422 && refused.body.contains("already refused by"), "{}", refused.body);
}

#[test]
fn classes_all_tools_and_the_rest_are_changed_by_form() {
    let (home, file) = shop();
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert_eq!(act(&browser, &[("do", "make")]).status, 200);
    let save = |fields: &[(&str, &str)]| {
        let shown = change(&browser, fields);
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert_eq!(browser.press(&shown, "save").status, 303, "{}", shown.body);
        fs::read_to_string(&file).unwrap()
    };
    let page = browser.get("rules?name=shop").body;
    assert!(page.contains("none of its own") && page.contains("rules?name=shop&amp;place=class&amp;of=read"), "{page}");
    let text = save(&[("edit", "class"), ("of", "destructive"), ("action", "ask"), ("timeout", "5m")]);
    assert!(text.starts_with("# What the shop") && text.contains("[classes.read]   # harmless"), "{text}");
    assert!(text.contains("[classes.destructive]\naction = \"require_approval\"\napproval_timeout = \"5m\""), "{text}");
    let text = save(&[("edit", "limit"), ("place", "class"), ("of", "read"), ("max", "30"), ("window", "minute")]);
    assert!(text.contains("{ max = 30, window = \"minute\" }"), "{text}");
    let page = browser.get("rules?name=shop&place=class&of=read").body;
    assert!(page.contains("At most: <code>max = 30, window = &quot;minute&quot;</code>"), "{page}");
    let text = save(&[("edit", "limit"), ("place", "all"), ("max", "100"), ("window", "hour"), ("scope", "server")]);
    assert!(text.contains("[all_tools]") && text.contains("scope = \"server\""), "{text}");
    let more = [("edit", "limit"), ("tool", "refund"), ("max", "500"), ("window", "day"), ("counts", "args.amount")];
    assert!(save(&more).contains("increment_from = \"args.amount\""));
    let text = save(&[
        ("edit", "condition"),
        ("place", "all"),
        ("list", "deny_if"),
        ("path0", "args.**"),
        ("op0", "detects"),
        ("value0", "secret"),
    ]);
    assert!(text.contains("op = \"detects\", value = [\"secret\"]"), "{text}");
    let text = save(&[("edit", "otherwise"), ("otherwise", "deny")]);
    assert!(text.contains("default = \"deny\"\nunlisted = \"deny\"\n"), "{text}");
    assert_eq!(home.run(&["check", file.to_str().unwrap()]).code, Some(0));
}

#[test]
fn a_server_without_a_file_gets_one_by_its_first_rule() {
    let home = Home::new();
    super::overview::write_client(
        &home,
        &json!({ "iterable": { "command": crate::support::system::program(),
            "args": ["wrap", "--server", "iterable", "--", "npx", "-y", "@iterable/mcp"] } }),
    );
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("tool?name=iterable&tool=send_email").body;
    assert!(page.contains("A rule about an argument") && page.contains("args."), "{page}");
    let shown =
        browser.submit("change", &[("name", "iterable"), ("edit", "class"), ("of", "write"), ("action", "deny")]);
    assert!(shown.status == 200 && shown.body.contains("the built-in policy for iterable"), "{}", shown.body);
    assert_eq!(browser.press(&shown, "save").status, 303);
}
