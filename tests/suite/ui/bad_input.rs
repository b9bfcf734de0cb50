//! Nothing that was typed is lost, whatever becomes of the session, the file or the disk meanwhile.

use std::fs;

use super::Ui;
use crate::support::log::Home;

const POLICY: &str = "version = \"1\"\ndefault = \"deny\"\n\n[tools.get_orders]\n";

#[test]
fn what_was_typed_is_shown_where_the_session_is_over() {
    let home = Home::new();
    let file = home.policy("shop.toml", POLICY);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let (form, origin) = ("name=shop&text=%3Cb%3E+typed+for+an+hour", format!("Origin: http://{}\r\n", ui.host));
    let lapsed = browser.post_with("change", form, &format!("{origin}Cookie: policylayer_ui=old\r\n"));
    assert_eq!(lapsed.status, 403);
    assert!(lapsed.body.contains("&lt;b&gt; typed for an hour</textarea>"), "{}", lapsed.body);
    assert!(!lapsed.body.contains("<b>") && !lapsed.body.contains("shop.toml"), "{}", lapsed.body);
    // Of another page, nothing is read.
    for headers in ["", "Origin: http://evil.test\r\n"] {
        let other = browser.post_with("change", form, headers);
        assert!(other.status == 403 && !other.body.contains("typed"), "{}", other.body);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), POLICY);
}

#[test]
fn a_policy_that_broke_meanwhile_keeps_what_was_typed() {
    let home = Home::new();
    let file = home.policy("shop.toml", POLICY);
    let ui = Ui::start(&home);
    let browser = ui.open();
    let fields = [("name", "shop"), ("tool", "get_orders"), ("action", "deny"), ("reason", "Typed <before>.")];
    let shown = browser.submit("change", &fields);
    assert_eq!(shown.status, 200, "{}", shown.body);
    let broken = POLICY.replace("\"deny\"", "\"dney\"");
    fs::write(&file, &broken).unwrap();
    for got in [browser.press(&shown, "save"), browser.submit("change", &fields)] {
        assert!(matches!(got.status, 409 | 422) && got.body.contains("Line 2, column"), "{}", got.body);
        assert!(got.body.contains("Typed &lt;before&gt;."), "{}", got.body);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), broken);
    // Fixed as text, and then it is saved as it was typed.
    fs::write(&file, POLICY).unwrap();
    assert_eq!(browser.press(&shown, "save").status, 303);
    assert!(fs::read_to_string(&file).unwrap().contains("Typed <before>."));
}

#[test]
#[cfg(unix)]
fn a_full_disk_loses_nothing() {
    use std::process::Command;

    let home = Home::new();
    let text = format!("{POLICY}{}", "# A comment that makes the file long.\n".repeat(400));
    let file = home.policy("shop.toml", &text);
    let program = home.command(&["ui", "--no-open"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "sh"]).arg(program.get_program());
    limited.args(program.get_args()).current_dir(home.path()).env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ui = Ui::start_with(limited);
    let browser = ui.open();
    let fields = [("name", "shop"), ("tool", "get_orders"), ("action", "deny"), ("reason", "Typed.")];
    let full = browser.press(&browser.submit("change", &fields), "save");
    assert!(full.status == 409 && full.body.contains("role=\"alert\""), "{} {}", full.status, full.body);
    assert!(full.body.contains("name=\"reason\" value=\"Typed.\""), "{}", full.body);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // The button is still there, for when there is room.
    assert_eq!(browser.press(&full, "save").status, 409);
}

#[test]
fn the_files_of_the_page_are_small() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let page = ui.open().get("").body;
    let paths = page.split('"').filter(|part| part.starts_with("/assets/"));
    let sizes: Vec<_> = paths.map(|path| ui.get(path, "").body.len()).collect();
    assert!(sizes.len() >= 2 && sizes.iter().all(|size| *size > 0), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() < 250 * 1024, "{sizes:?}");
}
