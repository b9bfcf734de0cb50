//! The log, and trying a call: what was decided, and what would be.

use std::fs;

use policylayer::lock::{ItemKind, Lock};
use policylayer::risk::Class;

use super::Ui;
use crate::support::log::{Home, Log, passed, refused};

#[test]
fn the_log_is_shown_filtered_and_verified() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    assert!(browser.get("log").body.contains("There is no audit log"));
    let mut log = Log::new(&home, "shop");
    log.add(&passed(1, "get_orders", Class::Read))
        .add(&refused(2, "<b>drop</b>\u{202e}", "tools.drop", "No </td>."))
        .write();
    let page = browser.get("log").body;
    assert!(page.contains("2 lines of the log") && page.find("drop") < page.find("get_orders"), "{page}");
    for part in
        ["&lt;b&gt;drop&lt;/b&gt;\\u{202e}", "No &lt;/td&gt;.", "tools.drop", ">refused</span>", "&quot;session&quot;"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
    for (query, count) in
        [("effect=deny", 1), ("outcome=ok", 1), ("tool=get_*", 1), ("server=shop", 2), ("server=other", 0)]
    {
        let page = browser.get(&format!("log?{query}")).body;
        assert!(page.contains(&format!("{count} line")), "{query}: {page}");
    }
    // The same verdict as that of the subcommand.
    let verdict = |home: &Home| home.run(&["log", "verify"]).code == Some(0);
    let page = browser.get("log?verify=1").body;
    assert_eq!((page.contains(">intact<"), page.contains("broken: ")), (verdict(&home), !verdict(&home)), "{page}");
    let text = fs::read_to_string(&log.file).unwrap();
    fs::write(&log.file, text.replace("get_orders", "get_orderz")).unwrap();
    let page = browser.get("log?verify=1").body;
    assert!(page.contains("broken: ") && !page.contains(">intact<"), "{page}");
}

#[test]
fn a_call_is_tried_and_nothing_is_called() {
    let home = Home::new();
    home.policy(
        "shop.toml",
        "version = \"1\"\ndefault = \"deny\"\n[tools.refund]\nrate_limit = \"5/hour\"\ndeny_if = [{ conditions = [{ path = \"args.amount\", op = \"gt\", value = 100 }], reason = \"Too much.\" }]\n",
    );
    let ui = Ui::start(&home);
    let browser = ui.open();
    let attempt = |args: &str| browser.submit("try", &[("name", "shop"), ("tool", "refund"), ("args", args)]).body;
    let page = attempt("{\"amount\": 5}");
    assert!(page.contains(">allowed</span>") && page.contains("at most 5 per hour"), "{page}");
    let page = attempt("{\"amount\":\n 500}");
    assert!(page.contains("The call is") && page.contains(">refused</span>") && page.contains("Too much."), "{page}");
    let page = attempt("{\"amount\": 5, \"amount\": 500}<b>");
    assert!(page.contains("These arguments are refused") && page.contains("500}&lt;b&gt;"), "{page}");
}

#[test]
fn a_call_is_tried_by_the_schema_of_its_tool() {
    let home = Home::new();
    let policy = home.policy(
        "shop.toml",
        "version = \"1\"\ndefault = \"deny\"\n\n[tools.\"ref*\"]\ndeny_if = [{ conditions = [{ path = \"args.amount\", op = \"gt\", value = 100 }], reason = \"Too much.\" }]\n[results]\nmax_text = \"64B\"\n",
    );
    let tool = serde_json::json!({ "name": "refund", "description": "x", "inputSchema": { "type": "object", "required": ["amount"], "properties": {
        "amount": { "type": "integer", "description": "<b>How much\u{202e}</b>", "default": 5 },
        "why": { "type": "string" }, "fast": { "type": "boolean" }, "kind": { "enum": ["<i>", 7] }, "lines": { "type": "array" },
        "<script>\"": { "type": ["number", "null"] },
    } } });
    let mut lock = Lock::new("shop");
    lock.insert(ItemKind::Tool, &tool.to_string(), Some(Class::Write)).unwrap();
    fs::write(policy.with_file_name("shop.lock.json"), lock.write()).unwrap();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("tool?name=shop&tool=refund").body;
    for part in [
        "a whole number, required by the server",
        "&lt;b&gt;How much\\u{202e}&lt;/b&gt;",
        "the server takes <code>5</code>",
        "<option value=\"&quot;&lt;i&gt;&quot;\">",
        "name=\"arg:&lt;script&gt;&quot;\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("<b>") && !page.contains("<i>") && !page.contains("<script>") && !page.contains('\u{202e}'),
        "{page}"
    );
    let attempt = |fields: &[(&str, &str)]| {
        browser.submit("try", &[&[("name", "shop"), ("tool", "refund"), ("tried", "1")], fields].concat()).body
    };
    let page = attempt(&[
        ("arg%3Aamount", "500"),
        ("arg%3Awhy", "a \"b\""),
        ("arg%3Afast", "true"),
        ("arg%3Akind", "7"),
        ("args", "{\"x\": [1]}"),
    ]);
    assert!(page.contains(">refused</span>") && page.contains("Too much."), "{page}");
    let sent = "{&quot;amount&quot;:500,&quot;fast&quot;:true,&quot;kind&quot;:7,&quot;why&quot;:&quot;a \\&quot;b\\&quot;&quot;,&quot;x&quot;: [1]}";
    assert!(page.contains(sent), "{page}");
    // The rule leads to its place in the file.
    let link = page.split("rule?").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let place = browser.get(&format!("rule?{}", link.split('#').next().unwrap())).body;
    assert!(
        place.contains("begins in line 4.") && place.contains("<mark id=\"here\">4 [tools.&quot;ref*&quot;]"),
        "{place}"
    );
    let place = browser.get("rule?name=shop&rule=builtin:nothing%3Cb%3E").body;
    assert!(place.contains("has no place of its own") && !place.contains("<b>"), "{place}");
    // What is wrong is said beside its field, and nothing is lost or tried.
    let page =
        attempt(&[("arg%3Aamount", "5,\"why\":1"), ("arg%3Alines", "{<b>"), ("arg%3Awhy", "kept"), ("args", "{")]);
    assert!(page.contains("Nothing was tried: 3 fields") && !page.contains("The call is"), "{page}");
    for part in [
        "no whole number",
        "This is no array",
        "These arguments are refused",
        "value=\"5,&quot;why&quot;:1\"",
        "{&lt;b&gt;</textarea>",
        "value=\"kept\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = attempt(&[("arg%3Aamount", "5"), ("args", "{\"amount\": 500}")]);
    assert!(page.contains("one of them stands in a field above"), "{page}");
    // A result is judged as well.
    let page = attempt(&[("arg%3Awhy", "x"), ("result", &("much too long <b>".to_owned() + &"x".repeat(500)))]);
    assert!(
        page.contains("1 text cut") && page.contains("requires <code>amount</code>") && !page.contains("<b>"),
        "{page}"
    );
}
