//! `policylayer allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`, on the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log as support;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use policylayer::risk::Catalogue;
use support::{Home, Ran};

/// The three lines that people paste.
const PASTED: &str = r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#;

fn run_with(home: &Home, stdin: &str, args: &[&str]) -> Ran {
    let mut command = home.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: out.status.code(), out: text(out.stdout), err: text(out.stderr) }
}

fn good(home: &Home, args: &[&str]) -> Ran {
    let ran = home.run(args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.out, ran.err);
    ran
}

/// The effect on a tool and the rule that says so.
fn decided(home: &Home, tool: &str) -> (String, String) {
    let ran = home.run(&["decide", "--server", "iterable", "--tool", tool, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.err));
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    (text("effect"), text("rule"))
}

fn effect(home: &Home, tool: &str) -> String {
    decided(home, tool).0
}

fn policies(home: &Home) -> PathBuf {
    home.path().join("config").join("policylayer").join("policies")
}

#[test]
fn what_is_pasted_into_an_empty_home_hides_its_tool_and_leaves_the_rest_working() {
    let home = Home::new();
    let ran = run_with(&home, &format!("{PASTED}\n"), &["add", "-", "--server", "iterable", "--new"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("+hide = [\"cancel_export_job\"]"), "{}", ran.out);
    assert!(ran.err.contains("It is laid over the built-in policy for iterable"), "{}", ran.err);
    assert!(ran.out.starts_with("--- /dev/null\n"), "{}", ran.out);
    let file = policies(&home).join("iterable.toml");
    let text = fs::read_to_string(&file).unwrap();
    // The three lines, as the patch that they are.
    assert_eq!(text, "version = \"1\"\ndefault = \"deny\"\nhide = [\"cancel_export_job\"]\n");
    assert_eq!(decided(&home, "cancel_export_job"), ("hide".to_owned(), "hide[0]".to_owned()));
    for (tool, expected) in [
        ("get_lists", "allow"),
        ("send_campaign", "require_approval"),
        ("delete_list", "hide"),
        // As `default` says.
        ("new", "hide"),
    ] {
        assert_eq!(effect(&home, tool), expected, "{tool}");
    }
    assert!(ran.err.contains("does not know are hidden"), "{}", ran.err);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&policies(&home))), (0o600, 0o700));
    }
    // Twice is once.
    let again = run_with(&home, PASTED, &["add", "-", "--server", "iterable"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), ""));
    assert!(again.err.contains("Nothing to change"), "{}", again.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // And no more is left in the folder than the file.
    assert_eq!(fs::read_dir(policies(&home)).unwrap().count(), 1);
}

#[test]
fn the_three_lines_are_a_patch_for_every_known_server_and_a_part_of_them_is_an_edit() {
    let pasted = r#"{"version":"1","default":"deny","hide":["some_tool"]}"#;
    for known in Catalogue::all() {
        let home = Home::new();
        let ran = run_with(&home, pasted, &["add", "-", "--server", known.server, "--new"]);
        assert_eq!(ran.code, Some(0), "{}: {}", known.server, ran.err);
        let text = fs::read_to_string(policies(&home).join(format!("{}.toml", known.server))).unwrap();
        assert_eq!(text, "version = \"1\"\ndefault = \"deny\"\nhide = [\"some_tool\"]\n");
    }
    // Without `default` nobody said that other tools are hidden.
    for (pasted, server) in [(r#"{"hide":["some_tool"]}"#, "iterable"), (pasted, "shop")] {
        let home = Home::new();
        let ran = run_with(&home, pasted, &["add", "-", "--server", server, "--new"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let decided = home.run(&["decide", "new", "--server", server]);
        assert_eq!(decided.code, Some(5), "{}", decided.out);
    }
}

#[test]
fn what_is_pasted_is_merged_into_a_policy_of_any_format() {
    for (file, text, line) in [
        (
            "iterable.toml",
            "# Ours.\nversion = \"1\"\ndefault = \"deny\" # strict\nhide = [\n  \"delete_*\", # never\n]\n\n[tools.get_lists] # fine\n",
            "+  \"cancel_export_job\",",
        ),
        (
            "iterable.json",
            "{\n    \"version\": \"1\",\n    \"default\": \"deny\",\n    \"tools\": {\n        \"get_lists\": {}\n    }\n}\n",
            "+    \"hide\": [\"cancel_export_job\"],",
        ),
        (
            "iterable.yaml",
            "# Ours.\nversion: \"1\"\ndefault: deny # strict\ntools:\n  get_lists: {} # fine\n",
            "+hide: [cancel_export_job]",
        ),
    ] {
        let home = Home::new();
        let path = home.policy(file, text);
        assert_eq!(effect(&home, "get_lists"), "allow", "{file}");
        let ran = run_with(&home, PASTED, &["add", "-"]);
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.err);
        let added: Vec<&str> =
            ran.out.lines().filter(|line| line.starts_with('+') && !line.starts_with("+++")).collect();
        assert_eq!(added, [line], "{file}: {}", ran.out);
        assert!(!ran.out.lines().any(|line| line.starts_with('-') && !line.starts_with("---")), "{file}: {}", ran.out);
        let now = fs::read_to_string(&path).unwrap();
        assert!(text.lines().all(|line| now.contains(line)), "{now}");
        assert_eq!(effect(&home, "cancel_export_job"), "hide", "{file}");
        assert_eq!(effect(&home, "get_lists"), "allow", "{file}");

        // A fragment for one tool, with neither `version` nor `default`, and in each format.
        let fragment = r#"{"tools":{"cancel_export_job":{"action":"deny","reason":"Exports are left running."}}}"#;
        let ran = run_with(&home, fragment, &["add", "-"]);
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.err);
        assert_eq!(
            decided(&home, "cancel_export_job"),
            ("deny".to_owned(), "tools.cancel_export_job".to_owned()),
            "{file}"
        );
        let toml = "[tools.start_export_job]\nrate_limit = { max = 10, window = 60 }\n";
        assert_eq!(run_with(&home, toml, &["add", "-"]).code, Some(0), "{file}");
        let yaml = "tools:\n  create_list:\n    rules:\n      - name: few\n        rate_limit: 5/hour\n";
        assert_eq!(run_with(&home, yaml, &["add", "-"]).code, Some(0), "{file}");
        assert_eq!(
            (effect(&home, "start_export_job"), effect(&home, "create_list")),
            ("allow".to_owned(), "allow".to_owned()),
            "{file}"
        );
        assert_eq!(effect(&home, "get_lists"), "allow", "{file}");
        let checked = good(&home, &["check", "--server", "iterable"]);
        assert!(checked.out.contains("valid (0 errors"), "{file}: {}", checked.out);
    }
}

#[test]
fn a_document_that_only_hides_keeps_the_built_in_rules_whatever_is_ordered() {
    for (file, text) in [
        ("iterable.toml", "# Pasted.\nversion = \"1\"\ndefault = \"deny\"\nhide = [\"get_webhooks\"]\n"),
        ("iterable.json", "{\"version\":\"1\",\"default\":\"deny\",\"hide\":[\"get_webhooks\"]}"),
        ("iterable.yaml", "# Pasted.\nversion: \"1\"\ndefault: deny\nhide: [get_webhooks]\n"),
    ] {
        let home = Home::new();
        let path = home.policy(file, text);
        good(&home, &["hide", "get_channels"]);
        // Still laid over the built-in policy.
        assert!(!fs::read_to_string(&path).unwrap().contains("tools"), "{file}");
        assert_eq!(decided(&home, "get_lists").1, "builtin:tools.get_lists", "{file}");
        good(&home, &["limit", "start_export_job", "10/minute"]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("get_webhooks") && text.contains("get_channels"), "{file}: {text}");
        for (tool, expected) in [
            ("get_webhooks", "hide"),
            ("get_channels", "hide"),
            ("get_lists", "allow"),
            ("start_export_job", "require_approval"),
            ("send_campaign", "require_approval"),
            ("delete_list", "hide"),
        ] {
            assert_eq!(effect(&home, tool), expected, "{file}: {tool}");
        }
        good(&home, &["allow", "get_webhooks"]);
        assert_eq!(effect(&home, "get_webhooks"), "allow", "{file}");
        if file != "iterable.json" {
            assert!(text.starts_with("# Pasted.\n"), "{file}");
        }
    }
}

/// The effect on something beside tools.
fn effect_beside(home: &Home, about: [&str; 2]) -> String {
    let ran = home.run(&[&["decide", "--server", "shop", "--format", "json"], &about[..]].concat());
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.err));
    json["effect"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_edit_of_a_tool_leaves_what_passes_beside_tools() {
    let home = Home::new();
    let tried = [
        ["--prompt", "greet"],
        ["--resource", "file:///srv/may.csv"],
        ["--method", "sampling/createMessage"],
        ["--method", "x-vendor/do"],
    ];
    let expected = ["allow", "require_approval", "allow", "require_approval"];
    assert_eq!(tried.map(|about| effect_beside(&home, about)), expected);
    good(&home, &["hide", "drop_table", "--server", "shop", "--new"]);
    assert_eq!(tried.map(|about| effect_beside(&home, about)), expected);
}

#[test]
fn entries_beside_tools_are_merged_and_shown() {
    let home = Home::new();
    let text = "version = \"1\"\ndefault = \"deny\"\n\n[tools.get_stock]\n\n[resources.\"file:///srv/**\"]\n";
    let file = home.policy("shop.toml", text);
    let pasted = r#"{"resources":{"FILE:///srv/**":{"action":"deny"}},"prompts":{"weekly":{"rate_limit":"5/hour"}}}"#;
    let ran = run_with(&home, pasted, &["add", "-"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        vec!["resources.\"file:///srv/**\"", "allow", "deny"],
        vec!["prompts.weekly", "no", "entry", "allow,", "5", "per", "hour"],
    ] {
        assert!(rows.contains(&row), "{row:?} {}", ran.out);
    }
    assert!(ran.err.contains("`resources.\"file:///srv/**\"` was there already"), "{}", ran.err);
    let now = fs::read_to_string(&file).unwrap();
    assert_eq!(now, format!("{text}action = \"deny\"\n\n[prompts.weekly]\nrate_limit = \"5/hour\"\n"));
    assert_eq!(effect_beside(&home, ["--resource", "file:///srv/may.csv"]), "deny");
    assert_eq!(effect_beside(&home, ["--prompt", "weekly"]), "allow");

    // Two globs of which neither is more specific.
    let ran = run_with(&home, r#"{"resources":{"*ile:///srv/*a":{}}}"#, &["add", "-"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("can match the same resource"), "{}", ran.err);
}

#[test]
fn each_verb_does_what_it_says_and_shows_it() {
    let home = Home::new();
    let file = home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\nhide = [\"cancel_*\", \"get_lists\"]\n\n[classes.read]\n[classes.execute]\naction = \"require_approval\"\nrate_limit = \"30/minute\"\n");
    let ran = good(&home, &["limit", "start_export_job", "10/minute"]);
    assert!(
        ran.out.contains("require_approval, 30 per minute") && ran.out.contains("require_approval, 10 per minute"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("+[tools.start_export_job]\n+action = \"require_approval\"\n+rate_limit = \"10/minute\"\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("Running wrappers take it up within a moment."), "{}", ran.err);

    good(&home, &["allow", "get_lists", "send_campaign", "--server", "iterable"]);
    assert_eq!((effect(&home, "get_lists"), effect(&home, "send_campaign")), ("allow".to_owned(), "allow".to_owned()));
    // What limited it through its class still does.
    assert!(fs::read_to_string(&file).unwrap().contains("[tools.send_campaign]\nrate_limit = \"30/minute\"\n"));
    good(
        &home,
        &[
            "deny",
            "send_campaign",
            "--reason",
            "Campaigns are sent from \"the\" app.",
            "--policy",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(effect(&home, "send_campaign"), "deny");
    for (timeout, written) in [("60", "\"60s\""), ("60s", "\"60s\""), ("10m", "\"10m\"")] {
        good(&home, &["ask", "send_campaign", "--timeout", timeout]);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("approval_timeout = {written}")), "{timeout}: {text}");
    }
    assert_eq!(effect(&home, "send_campaign"), "require_approval");
    good(&home, &["hide", "send_campaign", "delete_*"]);
    assert_eq!((effect(&home, "send_campaign"), effect(&home, "delete_list")), ("hide".to_owned(), "hide".to_owned()));
    good(&home, &["reset", "send_campaign", "delete_*"]);
    assert_eq!(decided(&home, "send_campaign").1, "classes.execute");
    good(&home, &["limit", "*", "100/hour", "--scope", "server"]);
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("[all_tools]\nrate_limit = { max = 100, window = \"hour\", scope = \"server\" }")
    );

    // As a program reads it.
    let before = fs::read_to_string(&file).unwrap();
    let json = home.json(&["deny", "get_lists", "--format", "json", "--dry-run"]);
    assert_eq!(
        (&json["changed"], &json["written"], &json["server"]),
        (&true.into(), &false.into(), &"iterable".into())
    );
    let decision = &json["decisions"][0];
    assert_eq!(decision["tool"], "get_lists");
    assert_eq!((&decision["before"]["effect"], &decision["after"]["effect"]), (&"allow".into(), &"deny".into()));
    assert_eq!(decision["after"]["rule"], "tools.get_lists");
    let dry = good(&home, &["deny", "get_lists", "--dry-run"]);
    assert!(
        dry.out.contains("+action = \"deny\"") && dry.err.contains("nothing was written"),
        "{}{}",
        dry.out,
        dry.err
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // A tool that nobody knows is told of, and done if it is wanted all the same.
    let ran = home.run(&["deny", "get_list"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert!(ran.err.contains("Did you mean get_lists?") && ran.err.contains("--anyway"), "{}", ran.err);
    let ran = good(&home, &["deny", "get_list", "--anyway"]);
    assert!(ran.err.contains("did you mean `get_lists`?"), "{}", ran.err);
}

#[test]
fn what_cannot_come_out_as_asked_is_refused_and_nothing_is_written() {
    let text = "version = \"1\"\ndefault = \"deny\"\nhide = [\"cancel_*\"]\n\n[all_tools]\n\n[tools.get_lists]\ndeny_if = [{ conditions = [] }]\n[tools.\"get_[cl]*\"]\n";
    let home = Home::new();
    let file = home.policy("iterable.toml", text);
    for (args, code, said) in [
        (&["allow", "cancel_export_job"][..], 1, "`hide[0]` of"),
        (&["allow", "cancel_export_job"], 1, "policylayer reset 'cancel_*'"),
        (&["allow", "get_lists"], 1, "tools.get_lists.deny_if[0]"),
        (&["limit", "delete_list", "10/minute"], 1, "policylayer allow delete_list"),
        (&["limit", "send_*", "10/minute"], 1, "Limit the tools by name"),
        (&["deny", "*"], 1, "means every tool"),
        (&["hide", "send_*", "--reason", "No."], 1, "leave out --reason"),
        (&["allow", "get_[cx]*"], 3, "can match the same tool"),
        (&["deny", " "], 1, "is not a tool name or glob"),
        (&["limit", "get_campaigns", "often"], 2, "10/minute"),
        (&["ask", "get_campaigns", "--timeout", "soon"], 2, "15m"),
        (&["ask", "get_campaigns", "--timeout", "0"], 2, "write seconds, such as 60"),
        (&["ask", "get_campaigns", "--timeout", ""], 2, "write seconds, such as 60"),
        (&["ask", "get_campaigns", "--timeout", "1.5"], 2, "write seconds, such as 60"),
        (&["ask", "get_campaigns", "--timeout=-60"], 2, "write seconds, such as 60"),
        (&["ask", "get_campaigns", "--timeout", "99999999999999999999"], 2, "366 days"),
        (&["add", "missing.toml"], 1, "does not exist"),
        (&["allow", "x", "--policy", "missing.toml"], 1, "does not exist"),
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{args:?}");
    }
    let ran = run_with(&home, r#"{"tools":{"get_lists":{"acton":"deny"}}}"#, &["add", "-"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("did you mean `action`?") && ran.err.contains("stdin:1:"), "{}", ran.err);
    let ran = run_with(&home, "", &["add", "-"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("there is nothing to add"), "{}", ran.err);
    // One that does not load is not touched.
    let broken = home.policy("iterable.toml", "version = \"1\"\ndefault = \"dney\"\n");
    let ran = home.run(&["hide", "get_lists"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("so it was not edited") && ran.err.contains("did you mean \"deny\"?"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&broken).unwrap(), "version = \"1\"\ndefault = \"dney\"\n");
    // YAML in brackets is left to its author, who is told what to write.
    fs::remove_file(&broken).unwrap();
    let flow = "{version: \"1\", default: deny, tools: {get_lists: {}}}\n";
    let file = home.policy("iterable.yaml", flow);
    let ran = home.run(&["deny", "send_campaign"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("tools:\n  send_campaign:\n    action: deny"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), flow);
}

#[test]
fn what_a_name_alone_tells_is_not_what_the_server_may_say_of_the_tool() {
    let home = Home::new();
    let decide = |tool: &str| {
        let ran = home.run(&["decide", "--server", "acme", "--tool", tool, "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        (json["effect"].as_str().unwrap().to_owned(), json["rule"].as_str().unwrap().to_owned())
    };
    assert_eq!(decide("get_notes"), ("allow".to_owned(), "builtin:classes.read".to_owned()));
    // The server may list it as a tool that deletes. A limit must not take it away from the rule for those.
    let ran = home.run(&["limit", "get_notes", "10/minute", "--server", "acme", "--new"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("policylayer allow get_notes"), "{}", ran.err);
    assert!(!policies(&home).join("acme.toml").exists());
    // And what a person allows is allowed, whatever the server says.
    good(&home, &["allow", "get_notes", "--server", "acme", "--new"]);
    assert_eq!(decide("get_notes"), ("allow".to_owned(), "tools.get_notes".to_owned()));
    good(&home, &["ask", "run_it", "--server", "acme"]);
    assert_eq!(decide("run_it"), ("require_approval".to_owned(), "tools.run_it".to_owned()));
    good(&home, &["limit", "get_notes", "10/minute", "--server", "acme"]);
    // A tool of a catalogue is known, whatever its server says.
    let home = Home::new();
    let ran = good(&home, &["allow", "get_lists", "--server", "iterable", "--new"]);
    assert!(ran.err.contains("Nothing to change"), "{}", ran.err);
}

#[test]
fn the_server_is_named_or_the_only_one() {
    let home = Home::new();
    let ran = home.run(&["hide", "get_lists"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--server iterable"), "{}", ran.err);
    home.policy("shop.yaml", "version: \"1\"\ndefault: allow\n");
    good(&home, &["hide", "sell"]);
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let ran = home.run(&["hide", "get_lists"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("iterable, shop") && ran.err.contains("--server iterable"), "{}", ran.err);
    // A policy that the environment names is the one that is in force.
    let named = home.path().join("mine.toml");
    fs::write(&named, "version = \"1\"\ndefault = \"allow\"\n").unwrap();
    let out = home.command(&["hide", "x"]).env("POLICYLAYER_POLICY", &named).output().unwrap();
    assert!(out.status.success());
    assert!(fs::read_to_string(&named).unwrap().contains("hide = [\"x\"]"));
    // What the built-in policy says already needs no file.
    let fresh = Home::new();
    let ran = good(&fresh, &["hide", "delete_list", "--server", "iterable", "--new"]);
    assert!(ran.err.contains("the built-in policy for iterable already says this"), "{}", ran.err);
    assert!(!policies(&fresh).exists());
    // A row never shows the same twice.
    let ran = good(&fresh, &["ask", "send_campaign", "--reason", "Ann reviews it.", "--server", "iterable", "--new"]);
    assert!(ran.out.contains("require_approval  require_approval, another reason"), "{}", ran.out);
    let refused = fresh.run(&["limit", "delete_list", "3/minute", "--server", "iterable"]);
    assert!(
        refused.err.contains("`policylayer allow delete_list` with the same --server or --policy"),
        "{}",
        refused.err
    );
}

#[test]
fn line_ends_a_byte_order_mark_and_write_protection_stay() {
    let home = Home::new();
    let file =
        home.policy("iterable.toml", "\u{feff}version = \"1\"\r\ndefault = \"deny\"\r\n\r\n[tools.get_lists]\r\n");
    good(&home, &["deny", "get_lists"]);
    let expected = "\u{feff}version = \"1\"\r\ndefault = \"deny\"\r\n\r\n[tools.get_lists]\r\naction = \"deny\"\r\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let ran = home.run(&["allow", "get_lists"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("is write-protected"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

// Modes, and a link to the file.
#[cfg(unix)]
#[test]
fn the_file_is_replaced_as_it_stands() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let home = Home::new();
    let real = home.path().join("real.toml");
    // With a byte-order mark and the line ends of another system.
    fs::write(&real, "\u{feff}version = \"1\"\r\ndefault = \"deny\"\r\n\r\n[tools.get_lists]\r\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = home.policy("iterable.toml", "");
    fs::remove_file(&link).unwrap();
    symlink(&real, &link).unwrap();
    good(&home, &["deny", "get_lists"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let expected = "\u{feff}version = \"1\"\r\ndefault = \"deny\"\r\n\r\n[tools.get_lists]\r\naction = \"deny\"\r\n";
    assert_eq!(fs::read_to_string(&real).unwrap(), expected);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o440)).unwrap();
    let ran = home.run(&["allow", "get_lists"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("is write-protected"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&real).unwrap(), expected);
}

#[test]
fn of_edits_at_once_none_is_lost_that_is_said_to_be_done() {
    let home = Home::new();
    let file = home.path().join("iterable.toml");
    let path = file.to_str().unwrap();
    for _ in 0..20 {
        fs::write(&file, "version = \"1\"\ndefault = \"deny\"\n\n[tools]\n").unwrap();
        let edits: Vec<_> = (0..6)
            .map(|tool| {
                let mut command = home.command(&["allow", &format!("t{tool}"), "--policy", path, "--anyway"]);
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        let done: Vec<_> = edits.into_iter().map(|mut edit| edit.wait().unwrap().code()).collect();
        let text = fs::read_to_string(&file).unwrap();
        for (tool, code) in done.iter().enumerate() {
            assert_ne!(done, [Some(1); 6]);
            assert_eq!(*code == Some(0), text.contains(&format!("[tools.t{tool}]")), "{code:?}\n{text}");
        }
    }
}

#[test]
fn no_policy_is_written_that_is_too_large_to_be_read() {
    let home = Home::new();
    let file = home.path().join("iterable.toml");
    let head = "version = \"1\"\ndefault = \"deny\"\n\n[tools]\n";
    let text = format!("{head}# {}\n", "z".repeat(1024 * 1024 - head.len() - 3));
    assert_eq!(text.len(), 1024 * 1024);
    fs::write(&file, &text).unwrap();
    let ran = home.run(&["allow", "get_lists", "--policy", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{}", ran.out.len());
    assert!(ran.err.contains("may have at most 1048576"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn what_comes_from_stdin_is_bounded_and_text() {
    let home = Home::new();
    for (stdin, said) in [
        // The bound falls into a character.
        (format!("#{}", "é".repeat(512 * 1024)).into_bytes(), "more than 1 MiB"),
        (b"hide = [\"a\xff\"]".to_vec(), "not UTF-8"),
    ] {
        let mut command = home.command(&["add", "-", "--server", "iterable"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && err.contains(said), "{said}: {err}");
    }
    assert!(!policies(&home).exists());
}

#[test]
fn escape_sequences_in_a_policy_do_not_reach_the_terminal() {
    let home = Home::new();
    home.policy(
        "iterable.toml",
        "version = \"1\"\ndefault = \"deny\"\n# \u{9b}31m\n[tools.get_lists]\nreason = \"\\u001b[2Jx\"\n",
    );
    // In JSON, too: what deceives whoever reads is escaped, and a program reads the same.
    let json = good(&home, &["deny", "get_lists", "--reason", "a\u{202e}b", "--dry-run", "--format", "json"]);
    assert!(!json.out.contains(['\u{1b}', '\u{9b}', '\u{202e}']) && json.out.contains("a\\u202eb"), "{}", json.out);
    let ran = good(&home, &["deny", "get_lists"]);
    assert!(!format!("{}{}", ran.out, ran.err).contains(['\u{1b}', '\u{9b}']), "{}{}", ran.out, ran.err);
}
