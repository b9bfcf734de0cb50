//! `policylayer history` and `policylayer undo`, on the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use serde_json::{Value, json};

use crate::support::log::{Home, Ran};
use crate::support::system::{example, program};

const SHOP: &str = "# Ours.\nversion = \"1\"\ndefault = \"deny\"\n\n[tools.sell]\n";

fn good(home: &Home, args: &[&str]) -> Ran {
    let ran = home.run(args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.out, ran.err);
    ran
}

fn history(home: &Home) -> Vec<Value> {
    home.json(&["history", "--format", "json"]).as_array().unwrap().clone()
}

#[test]
fn every_edit_by_command_is_kept_and_can_be_undone_and_that_as_well() {
    for verb in [
        &["allow", "sell", "--reason", "It is fine."][..],
        &["deny", "sell"],
        &["hide", "sell"],
        &["ask", "sell"],
        &["limit", "sell", "3/min"],
        &["reset", "sell"],
        &["add", "pasted.json"],
    ] {
        for (name, text) in [
            ("shop.toml", SHOP),
            ("shop.json", "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"sell\":{}}}"),
            ("shop.yaml", "version: \"1\"\r\ndefault: deny\r\ntools:\r\n  sell: {}\r\n"),
        ] {
            let home = Home::new();
            fs::write(home.path().join("pasted.json"), r#"{"hide":["buy"]}"#).unwrap();
            let file = home.policy(name, text);
            let read = || fs::read_to_string(&file).unwrap();
            let out = home.command(verb).env("USER", "ann").output().unwrap();
            assert!(out.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&out.stderr));
            let edited = read();
            assert_ne!(edited, text, "{verb:?}");
            let kept = history(&home);
            assert_eq!(kept.len(), 1, "{verb:?}");
            assert_eq!((&kept[0]["user"], &kept[0]["server"]), (&json!("ann"), &json!("shop")));
            assert_eq!((&kept[0]["before"], &kept[0]["after"]), (&json!(text), &json!(edited)));
            let command = kept[0]["command"].as_str().unwrap();
            assert!(command.starts_with(&format!("policylayer {} ", verb[0])), "{command}");

            let dry = good(&home, &["undo", "--dry-run"]);
            assert!(dry.err.contains("dry run") && read() == edited, "{}", dry.err);
            let undone = good(&home, &["undo"]);
            assert!(undone.out.contains("+++ ") && read() == text, "{verb:?} {name}: {}", undone.out);
            good(&home, &["undo", "shop"]);
            assert_eq!((read(), history(&home).len()), (edited, 3), "{verb:?} {name}");
        }
    }
}

#[test]
fn a_file_that_an_edit_made_goes_and_comes_back() {
    let home = Home::new();
    good(&home, &["deny", "get_lists", "--server", "iterable", "--new"]);
    let file = home.path().join("config/policylayer/policies/iterable.toml");
    let text = fs::read_to_string(&file).unwrap();
    let undone = good(&home, &["undo"]);
    assert!(undone.err.contains("is gone") && !file.exists(), "{}", undone.err);
    good(&home, &["undo"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // What `init` writes is kept as well.
    let stub = example("stub_server");
    fs::write(home.path().join("offer.json"), offer().to_string()).unwrap();
    let init = ["init", "--yes", "--server", "shop", "--", stub.to_str().unwrap(), "--offer", "offer.json"];
    let ran = home.run(&init);
    let shop = home.path().join("config/policylayer/policies/shop.toml");
    assert!(ran.code == Some(0) && shop.exists(), "{}", ran.err);
    good(&home, &["undo", "shop"]);
    assert!(!shop.exists() && file.exists());
}

/// The policy of another format that `init --force` moves out of its way comes back, and goes again.
#[test]
fn what_init_moved_out_of_its_way_comes_back() {
    let home = Home::new();
    let old = "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"sell\":{}}}";
    let (json, toml) = (home.policy("shop.json", old), home.path().join("config/policylayer/policies/shop.toml"));
    fs::write(home.path().join("offer.json"), offer().to_string()).unwrap();
    let stub = example("stub_server");
    let server = ["--server", "shop", "--", stub.to_str().unwrap(), "--offer", "offer.json"];
    good(&home, &[&["init", "--yes", "--force", "-o", toml.to_str().unwrap()][..], &server[..]].concat());
    let new = fs::read_to_string(&toml).unwrap();
    assert!(!json.exists());
    assert_eq!(history(&home)[0]["others"][0]["before"], json!(old));
    good(&home, &["deny", "sell", "--server", "shop"]);
    let dry = good(&home, &["undo", "--edit", "1", "--dry-run"]);
    assert!(dry.out.contains("shop.json") && toml.exists() && !json.exists(), "{}", dry.out);
    // Somebody has put another one there meanwhile.
    fs::write(&json, "{}").unwrap();
    let ran = home.run(&["undo", "--edit", "1"]);
    assert!(ran.code == Some(1) && ran.err.contains("was changed since edit 1"), "{}", ran.err);
    fs::remove_file(&json).unwrap();
    good(&home, &["undo", "--edit", "1"]);
    assert_eq!((fs::read_to_string(&json).unwrap().as_str(), toml.exists()), (old, false));
    good(&home, &["undo"]);
    assert!(!json.exists() && toml.exists());
    good(&home, &["undo", "--edit", "2"]);
    assert_eq!(fs::read_to_string(&toml).unwrap(), new);
}

#[test]
fn who_made_an_edit_is_known_without_a_variable() {
    let home = Home::new();
    home.policy("shop.toml", SHOP);
    let mut command = home.command(&["deny", "sell"]);
    for name in ["USER", "LOGNAME", "USERNAME"] {
        command.env_remove(name);
    }
    assert!(command.output().unwrap().status.success());
    let user = history(&home)[0]["user"].as_str().unwrap().to_owned();
    if cfg!(unix) {
        let id = std::process::Command::new("id").arg("-un").output().unwrap();
        let name = String::from_utf8(id.stdout).unwrap();
        assert!(user == name.trim() || user.starts_with("uid "), "{user} for {name}");
    }
    assert!(!user.is_empty());
}

#[test]
fn what_was_changed_by_hand_is_not_undone() {
    let home = Home::new();
    let file = home.policy("shop.toml", SHOP);
    let nothing = home.run(&["undo"]);
    assert!(nothing.code == Some(1) && nothing.err.contains("nothing to undo"), "{}", nothing.err);
    assert!(good(&home, &["history"]).out.contains("No edit of a policy is kept"));
    good(&home, &["deny", "sell"]);
    let by_hand = format!("{}# By hand.\n", fs::read_to_string(&file).unwrap());
    fs::write(&file, &by_hand).unwrap();
    let ran = home.run(&["undo"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("+# By hand.") && ran.err.contains("was changed since edit 1"), "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), by_hand);
    // A file that is gone was changed as well.
    fs::remove_file(&file).unwrap();
    assert_eq!(home.run(&["undo"]).code, Some(1));
    assert!(!file.exists());
}

#[test]
fn edits_are_undone_by_server_and_by_number() {
    let home = Home::new();
    let (shop, files) = (home.policy("shop.toml", SHOP), home.policy("files.toml", SHOP));
    let read = |file| fs::read_to_string(file).unwrap();
    good(&home, &["deny", "sell", "--server", "shop"]);
    let first = read(&shop);
    good(&home, &["ask", "sell", "--server", "shop"]);
    good(&home, &["hide", "sell", "--server", "files"]);
    good(&home, &["undo", "shop"]);
    assert_eq!(read(&shop), first);
    assert_ne!(read(&files), SHOP);
    // That edit, and all later ones of its file.
    let ran = good(&home, &["undo", "--edit", "1"]);
    assert!(ran.err.contains("and the later ones"), "{}", ran.err);
    assert_eq!(read(&shop), SHOP);
    assert_eq!(home.run(&["undo", "--edit", "77"]).code, Some(2));
    let text = good(&home, &["history", "files"]).out;
    assert!(text.contains("hide sell") && !text.contains("deny sell"), "{text}");
    let text = good(&home, &["history", "--diff", "-n", "1"]).out;
    assert!(text.contains("@@ ") && text.contains("policylayer undo --edit 1"), "{text}");
}

fn offer() -> Value {
    json!({
        "initialize": {
            "protocolVersion": "2025-06-18", "serverInfo": { "name": "shop", "version": "1" }, "capabilities": { "tools": {} },
        },
        "tools/list": { "tools": [{ "name": "refund", "inputSchema": { "type": "object" } }] },
    })
}

/// A home whose Claude Code starts the stub behind a policy, with what it lists in the entry.
fn desk() -> Home {
    let home = Home::new();
    let file = home.path().join("offer.json");
    fs::write(&file, offer().to_string()).unwrap();
    let stub = example("stub_server");
    let (stub, file) = (stub.to_str().unwrap(), file.to_str().unwrap());
    let elsewhere = home.path().join("elsewhere");
    let entry = json!({
        "command": program(), "args": ["wrap", "--server", "shop", "--", stub, "--offer", file],
        "env": { "XDG_CONFIG_HOME": elsewhere, "APPDATA": elsewhere },
    });
    fs::write(home.path().join(".claude.json"), json!({ "mcpServers": { "My shop": entry } }).to_string()).unwrap();
    let policies = elsewhere.join("policylayer/policies");
    fs::create_dir_all(&policies).unwrap();
    fs::write(policies.join("shop.toml"), "version = \"1\"\ndefault = \"deny\"\n\n[tools.refund]\n").unwrap();
    let test = "[[case]]\nname = \"refunds\"\ntool = \"refund\"\nexpect = \"allow\"\n";
    fs::write(policies.join("shop.test.toml"), test).unwrap();
    home
}

#[test]
fn each_subcommand_takes_the_key_and_the_name_of_a_server_with_its_environment() {
    for name in ["My shop", "shop"] {
        let home = desk();
        let good = |args: &[&str]| good(&home, args).out;
        let inspected = good(&["inspect", name]);
        assert!(inspected.contains("refund") && inspected.contains("allow"), "{inspected}");
        assert!(good(&["check", name]).contains("elsewhere"));
        assert!(good(&["test", name]).contains("1 passed, 0 failed"));
        assert!(good(&["decide", "refund", "--server", name]).contains("tools.refund of"));
        assert!(good(&["explain", "refund", "--server", name]).contains("tools.refund"));
        assert!(good(&["explain", name, "refund"]).contains("tools.refund"));
        assert!(good(&["explain", name, "refund", "--server", name]).contains("tools.refund"));
        for words in [&["explain", name][..], &["explain", name, "refund", "--server", "other"]] {
            let ran = home.run(words);
            assert!(ran.code == Some(2) && ran.err.contains("server"), "{words:?}: {}", ran.err);
        }
        assert!(good(&["lock", name]).contains("Locked shop"));
        good(&["deny", "refund", "--server", name]);
        assert_eq!(home.run(&["decide", "refund", "--server", name]).code, Some(4));
        assert!(good(&["history", name]).contains("deny refund"));
        good(&["undo", name]);
        let ran = home.run(&["init", name, "--yes"]);
        assert!(ran.code == Some(1) && ran.err.contains("elsewhere"), "{}", ran.err);
        let ran = home.run(&["init", name, "--yes", "--force"]);
        assert!(ran.code == Some(0) && ran.err.contains("elsewhere"), "{}", ran.err);
        // What there is in the log and to approve.
        assert!(good(&["log", name]).contains("There is no audit log of shop"));
        assert!(good(&["log", "stats", name]).contains("There is no audit log of shop"));
        good(&["approvals", name]);
        assert!(home.run(&["doctor", name]).out.contains("My shop"));
    }
}

/// A tool may be called as a server is: both can be asked about.
#[test]
fn a_name_of_a_server_and_of_a_tool_is_explained_as_the_tool() {
    let home = Home::new();
    home.policy("get_lists.toml", SHOP);
    let text = good(&home, &["explain", "get_lists"]).out;
    assert!(text.contains("get_lists"), "{text}");
    let ran = home.run(&["explain", "iterable"]);
    assert!(ran.code == Some(2) && ran.err.contains("`policylayer catalogue iterable`"), "{}", ran.err);
    let text = good(&home, &["explain", "iterable", "iterable"]).out;
    assert!(text.contains("No catalogue has this tool"), "{text}");
}

/// What `approvals SERVER` lists can be shown and answered, also where the client gives another state directory.
#[test]
fn calls_of_a_server_whose_state_is_elsewhere_are_answered_from_here() {
    use policylayer::engine::{LocalChannel as _, Question};
    use policylayer::policy::ApprovalLifetime;
    use policylayer::state::approvals::{Confirm, SessionApprovals, unix_time};
    use std::time::Duration;

    use crate::support::question::{asked_server, question};

    let home = desk();
    let file = home.path().join(".claude.json");
    let mut clients: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let elsewhere = home.path().join("other-state");
    clients["mcpServers"]["My shop"]["env"]["XDG_STATE_HOME"] = json!(elsewhere);
    clients["mcpServers"]["My shop"]["env"]["LOCALAPPDATA"] = json!(elsewhere);
    fs::write(&file, clients.to_string()).unwrap();
    let state = elsewhere.join("policylayer");
    fs::create_dir_all(&state).unwrap();
    let mut local = SessionApprovals::new(&state, "state.sqlite3", "0a".into(), asked_server("shop"), Confirm::None);
    let until = Duration::from_secs(600);
    let asked = Question { lives: ApprovalLifetime::Client, timeout: until, ..question(1, "refund", "{}") };
    local.open_question(&asked, unix_time() + until).unwrap();

    assert!(good(&home, &["approvals"]).out.contains("refund"));
    assert!(good(&home, &["approvals", "iterable"]).out.contains("Nothing waits for a person."));
    let listed = home.json(&["approvals", "My shop", "--format", "json"]);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(good(&home, &["approvals", "show", id]).out.contains("refund"));
    // The page shows it as well.
    let ui = super::ui::Ui::start(&home);
    let page = ui.open().get("inbox").body;
    assert!(page.contains("refund of shop") && page.contains(id), "{page}");
    let denied = home.run(&["approvals", "deny", id, "--reason", "Not today."]);
    assert!(!denied.err.contains("No call"), "{}", denied.err);
    assert_eq!(home.json(&["approvals", "My shop", "--format", "json", "--all"])[0]["state"], "denied");
    assert!(home.run(&["approvals", "approve", "zzzzz"]).err.contains("No call zzzzz"));
}

#[test]
fn the_built_in_policy_is_written_whole_and_a_patch_says_on_which_one_it_stands() {
    let home = Home::new();
    let file = home.path().join("config/policylayer/policies/iterable.toml");
    let printed = good(&home, &["init", "--full", "iterable", "-o", "-"]).out;
    good(&home, &["init", "--full", "iterable"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text == printed && text.contains("# ---- Executes: visible"), "{text}");
    assert_eq!(home.run(&["init", "--full", "iterable"]).code, Some(1));
    good(&home, &["undo"]);
    assert!(!file.exists());
    assert_eq!(home.run(&["init", "--full", "iterable", "--format", "json"]).code, Some(2));

    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\nhide = [\"get_lists\"]\n");
    let text = good(&home, &["check", "iterable"]).out;
    assert!(
        text.contains(&format!("That is the built-in policy of policylayer {}", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    let json = home.json(&["check", "iterable", "--format", "json"]);
    assert_eq!(json["builtin"]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn another_version_is_asked_about_every_known_tool() {
    let home = Home::new();
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\nhide = [\"get_lists\"]\n");
    let json = home.json(&["changes", "iterable", "--with", program(), "--format", "json"]);
    assert!(json["tools"].as_u64().unwrap() > 100 && json["changes"] == json!([]), "{json}");
    let text = good(&home, &["changes", "--with", program()]).out;
    assert!(text.contains("known tools as"), "{text}");
    let ran = home.run(&["changes", "--with", "no-such-program"]);
    assert!(ran.code == Some(1) && ran.err.contains("cannot be asked"), "{}", ran.err);
}

/// Another version, as a script that decides everything alike.
#[cfg(unix)]
#[test]
fn what_another_version_decides_otherwise_is_shown() {
    let home = Home::new();
    home.policy("shop.toml", SHOP);
    let other = home.path().join("other");
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo policylayer 9.9.9; else\n\
                  echo '{\"effect\":\"deny\",\"rule\":\"tools.sell\",\"more\":1}'; exit 4; fi\n";
    crate::support::system::write_program(&other, script);
    let text = good(&home, &["changes", "shop", "--with", other.to_str().unwrap()]).out;
    assert!(text.contains("9.9.9 decides 1 differently") && text.contains("sell"), "{text}");
}
