//! The log, and trying a call: what was decided, and what would be.

use std::fs;

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
