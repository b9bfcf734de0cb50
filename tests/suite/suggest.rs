//! `policylayer suggest`: the least policy that would have let through what was used. Each suggestion is loaded, and
//! tried on the calls that it was made from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log as support;

use std::fs;

use policylayer::policy::{self, Effect, Format, Policy, Section, Server, ServerName, Source};
use policylayer::record::{Direction, Outcome, ResultRecord, Subject};
use policylayer::risk::Class;
use proptest::prelude::*;
use support::{Decision, Home, Log, observed, passed, refused, requested};

fn load(text: &str) -> Policy {
    let source = Source::new("suggested.toml", Format::Toml, text);
    let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("shop").unwrap()));
    let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, policy::Colour::Plain);
    loaded.policy.unwrap_or_else(|| panic!("{text}\n{rendered}"))
}

/// The suggested policy, whole, and what was said beside it.
fn suggested(home: &Home, options: &[&str]) -> (String, String) {
    let file = home.path().join("out.toml");
    let _ = fs::remove_file(&file);
    let ran = home.run(&[&["suggest", "--server", "shop", "-o", "out.toml"], options].concat());
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    let text = fs::read_to_string(&file).unwrap();
    load(&text);
    (text, ran.err)
}

/// What was used beside tools, and another policy refuses.
fn refused_items(home: &Home, file: &str) -> Vec<String> {
    let json = home.json(&["replay", "--server", "shop", "--policy", file, "--format", "json"]);
    let is_refused = |change: &&serde_json::Value| change["becomes"] == "deny" || change["becomes"] == "hide";
    let changes =
        json["changes"].as_array().unwrap().iter().filter(is_refused).filter(|change| change["was"] == "allow");
    let name = |change: &serde_json::Value| {
        ["resource", "prompt", "method"].iter().find_map(|kind| change[*kind].as_str()).map(str::to_owned)
    };
    changes.filter_map(name).collect()
}

/// How many recorded calls another policy refuses.
fn refuses(home: &Home, file: &str) -> u64 {
    refused_tools(home, file).len() as u64
}

/// The tools of these calls.
fn refused_tools(home: &Home, file: &str) -> Vec<String> {
    let json = home.json(&["replay", "--server", "shop", "--policy", file, "--format", "json"]);
    let changes = json["changes"].as_array().unwrap().iter();
    let passes = |change: &&serde_json::Value| change["becomes"] == "allow" || change["becomes"] == "require_approval";
    let unused = |change: &&serde_json::Value| change["tool"] == "never_reached_the_server";
    let refused = changes.filter(|change| !passes(change) && !unused(change));
    refused.map(|change| change["tool"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_had_stand_ins_has_them_under_the_suggested_policy() {
    let result = |kinds: &[&str]| ResultRecord {
        stand_ins: kinds.iter().map(|kind| ((*kind).to_owned(), 2)).collect(),
        ..ResultRecord::default()
    };
    for (kinds, expected) in [
        (&["phone", "email"][..], "stand_ins = [\"email\", \"phone\"]\n"),
        (&["field"], "\n# Fields of results had stand-ins. "),
        (
            &["field", "iban"],
            "agent gets what they hold.\n\n# Values in results had stand-ins.\n[results]\nstand_ins = [\"iban\"]\n\n",
        ),
    ] {
        let home = Home::new();
        Log::new(&home, "shop").add_result(&passed(1, "get_user", Class::Read), result(kinds)).write();
        let out = home.good(&["suggest"]);
        assert!(out.contains(expected), "{out}");
        load(&out);
    }
}

#[test]
fn without_a_file_it_is_a_whole_policy_with_what_was_used_and_no_more() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for second in 0..14 {
        log.add(&passed(second, "get_lists", Class::Read));
    }
    log.add(&observed(100, "delete_list", Class::Destructive, "default"));
    log.add(&observed(101, "pay", Class::Financial, "default"));
    log.add(&refused(102, "never_reached_the_server", "default", "No."));
    log.add(&passed(3_000, "get_lists", Class::Read)).write();
    let out = home.good(&["suggest"]);
    let expected = r#"# The smallest policy that lets through what was used on shop on 2026-11-22: 17 calls of 3 tools.
# Suggested from the audit log by `policylayer suggest`. Read it before you put it in force.

version = "1"
description = "What was used on shop"
# What is not listed is hidden and refused.
default = "deny"

# destructive: a person is asked each time. 1 call, at most 1 in a minute; twice that, rounded up.
[tools.delete_list]
action = "require_approval"
rate_limit = "10/minute"

# 15 calls, at most 14 in a minute; twice that, rounded up.
[tools.get_lists]
rate_limit = "30/minute"

# financial: a person is asked each time. 1 call, at most 1 in a minute; twice that, rounded up.
[tools.pay]
action = "require_approval"
rate_limit = "10/minute"
"#;
    assert_eq!(out, expected);
    let policy = load(&out);
    assert_eq!(policy.decide_tool("never_reached_the_server").effect, Effect::Hide);
    let (text, err) = suggested(&home, &[]);
    assert_eq!(text, expected);
    assert!(err.contains("Wrote out.toml.") && err.contains("replay --server shop --policy out.toml"), "{err}");
    assert_eq!(refuses(&home, "out.toml"), 0);
    // Nothing is overwritten.
    let again = home.run(&["suggest", "-o", "out.toml"]);
    assert_eq!((again.code, again.out.as_str()), (Some(1), ""));
    assert!(again.err.contains("out.toml already exists"), "{}", again.err);
    let since = home.good(&["suggest", "--since", "2026-11-22T10:30:00Z"]);
    assert!(since.contains("[tools.get_lists]") && !since.contains("delete_list"), "{since}");
}

/// What a session did beside tool calls, the first of it by a policy of this rule.
fn beside_tools(log: &mut Log, rule: &str) {
    let resource = |uri| Some(Subject::Resource(uri));
    for seconds in 0..7 {
        log.add(&requested(seconds, "resources/read", resource("FILE:///srv/./may.csv"), rule));
    }
    log.add(&requested(8, "resources/read", resource("db://a*/{b}"), rule));
    log.add(&requested(9, "completion/complete", resource("db://{table}"), rule));
    log.add(&Decision { method: Some("prompts/get"), ..passed(10, "a_prompt", Class::Read) });
    log.add(&requested(11, "x-vendor/run", None, rule)).add(&requested(12, "notifications/x", None, rule));
    let server = |method| Decision { direction: Direction::Server, ..requested(13, method, None, rule) };
    log.add(&server("sampling/createMessage")).add(&server("sampling/createMessage")).add(&server("x/ask"));
    log.add(&Decision {
        outcome: Outcome::Refused,
        effect: Effect::Deny,
        ..requested(14, "resources/read", resource("file:///etc/shadow"), rule)
    });
}

#[test]
fn what_was_used_beside_tools_is_suggested_too() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read));
    beside_tools(&mut log, "builtin:default");
    log.write();
    let (text, err) = suggested(&home, &[]);
    let why = "1 completion for the template db://{table} would be refused. Nothing is suggested for it, because an entry for the \
               template (resources.\"db://*\") lets in every resource that fits it.";
    assert!(err.contains(why), "{err}");
    assert!(text.contains("1 call of 1 tool, and 7 items beside tools.\n"), "{text}");
    for entry in [
        "# 7 times, at most 7 in a minute; twice that, rounded up.\n[resources.\"file:///srv/may.csv\"]\nrate_limit = \"20/minute\"\n",
        "[resources.'db://a\\*/\\{b\\}']\nrate_limit = \"10/minute\"\n",
        "[prompts.a_prompt]\nrate_limit = \"10/minute\"\n",
        "[requests.sampling]\nrate_limit = \"10/minute\"\n",
        "[requests.\"x/ask\"]\n",
        "[methods.\"x-vendor/run\"]\naction = \"require_approval\"\nrate_limit = \"10/minute\"\n",
        "[methods.\"notifications/x\"]\nrate_limit = \"10/minute\"\n",
    ] {
        assert!(text.contains(entry), "{entry}\n{text}");
    }
    assert!(!text.contains("shadow"), "{text}");
    // The template promises more than what was read.
    assert_eq!(refused_items(&home, "out.toml"), ["db://{table}"]);
    // Over the built-in policy, and beside entries.
    for in_force in [
        "version = \"1\"\ndefault = \"deny\"\n[tools.get_lists]\n[resources.\"*\"]\naction = \"deny\"\n[prompts.a_prompt]\naction = \"deny\"\n",
        "version = \"1\"\ndefault = \"deny\"\ntools = { get_lists = {} }\nprompts = { a_prompt = { action = \"deny\" } }\n",
    ] {
        home.policy("shop.toml", in_force);
        let (text, err) = suggested(&home, &[]);
        assert!(text.starts_with(in_force.split("prompts").next().unwrap().trim_end_matches(['[', '\n'])), "{text}");
        assert!(
            err.contains("1 use of the prompt a_prompt would be refused by prompts.a_prompt, which stays."),
            "{err}"
        );
        let policy = load(&text);
        assert!(policy.names_item(Section::Requests, "sampling"), "{text}");
        // What is refused by a glob stays refused.
        let has_glob = in_force.contains("[resources");
        let refused = refused_items(&home, "out.toml");
        assert!(refused.contains(&"a_prompt".to_owned()), "{text}");
        assert_eq!(
            err.contains("file:///srv/may.csv would be refused by resources.\"*\", which stays"),
            has_glob,
            "{err}"
        );
    }
    // JSON is not edited.
    fs::remove_file(home.path().join("config/policylayer/policies/shop.toml")).unwrap();
    home.policy("shop.json", r#"{"version":"1","default":"deny","tools":{"get_lists":{}}}"#);
    let ran = home.run(&["suggest", "--server", "shop"]);
    assert!(
        ran.err.contains("add these entries under `resources`") && ran.err.contains("under `methods`"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("under `tools`"), "{}", ran.err);
    assert!(ran.out.contains("\"file:///srv/may.csv\": {\n    \"rate_limit\": \"20/minute\"\n  }"), "{}", ran.out);
}

#[test]
fn many_resources_share_a_directory() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    let uris: Vec<_> = (0..120).map(|n| format!("memo://notes/{n}")).collect();
    let etc: Vec<_> = (0..120).map(|n| format!("file:///etc/{n}")).collect();
    for (second, uri) in uris.iter().chain(&etc).enumerate() {
        log.add(&requested(second as u64, "resources/read", Some(Subject::Resource(uri)), "builtin:resources"));
    }
    log.write();
    let (text, err) = suggested(&home, &[]);
    assert!(text.contains("# 120 times") && text.contains("[resources.\"memo://notes/*\"]"), "{text}");
    assert_eq!(text.matches("[resources.").count(), 100);
    assert!(text.contains("# Used, and without an entry: file:///etc/"), "{text}");
    assert_eq!(err.matches("would be refused by default").count(), 21, "{err}");
}

const IN_FORCE: &str = r#"# Our shop.
version = "1"
default = "deny"   # strict
hide = [
  "delete_list",   # never
  "drop_*",
]

[classes.execute]
action = "deny"

# Reading is fine.
[tools.get_lists]
[tools.get_user]
deny_if = [{ path = "args.id", op = "eq", value = 7 }]

[tools.send_mail]
action = "deny"    # for now
reason = "Not yet."
"#;

#[test]
fn a_file_in_toml_keeps_its_comments_and_order_and_gets_the_least() {
    let home = Home::new();
    let file = home.policy("shop.toml", IN_FORCE);
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read));
    log.add(&observed(1, "send_mail", Class::Write, "tools.send_mail"));
    log.add(&observed(2, "delete_list", Class::Destructive, "hide[0]"));
    log.add(&observed(3, "run_command", Class::Execute, "classes.execute"));
    log.add(&observed(4, "get new", Class::Read, "default")).write();
    let ran = home.run(&["suggest"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let out = ran.out;
    let name = file.to_str().unwrap();
    let expected = format!(
        r#"--- {name}
+++ {name} (suggested)
@@ -17,3 +17,8 @@
 [tools.send_mail]
 action = "deny"    # for now
 reason = "Not yet."
+
+# Suggested by `policylayer suggest` from what was used on 2026-11-22.
+# 1 call, at most 1 in a minute; twice that, rounded up.
+[tools."get new"]
+rate_limit = "10/minute"
"#
    );
    assert_eq!(out, expected);
    // The file in force is as it was.
    assert_eq!(fs::read_to_string(&file).unwrap(), IN_FORCE);
    let (_, err) = suggested(&home, &[]);
    for (tool, rule) in
        [("delete_list", "hide[0]"), ("run_command", "classes.execute"), ("send_mail", "tools.send_mail")]
    {
        let said = format!("1 call of {tool} succeeded, and would be refused by {rule}, which stays.");
        assert!(err.contains(&said), "{err}");
    }
    assert_eq!(refuses(&home, "out.toml"), 2);
    // What suggest made of it needs nothing more.
    let again = home.run(&["suggest", "--policy", "out.toml"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), ""));
    assert!(again.err.contains("lets through what was used, except for this"), "{}", again.err);
}

#[test]
fn a_call_that_failed_or_was_refused_by_a_person_allows_nothing() {
    let home = Home::new();
    home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n\n[tools.get_lists]\n");
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read));
    for (tool, outcome) in [
        ("fails", Outcome::ToolError),
        ("breaks", Outcome::Error),
        ("dies", Outcome::ServerDied),
        ("stops", Outcome::Cancelled),
    ] {
        log.add(&Decision { outcome, ..observed(1, tool, Class::Read, "default") });
    }
    log.write();
    let ran = home.run(&["suggest"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    for tool in ["fails", "breaks", "dies", "stops"] {
        assert!(ran.err.contains(&format!("1 call of {tool} reached the server, and none succeeded")), "{}", ran.err);
    }
}

#[test]
fn what_is_applied_is_shown_in_force_and_undone() {
    for (file, text) in [
        ("shop.toml", "# Ours.\nversion = \"1\"\ndefault = \"deny\"\n\n[tools]\n"),
        ("shop.json", "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{}}"),
        ("shop.yaml", "version: \"1\"\ndefault: deny\ntools: {}\n"),
    ] {
        let home = Home::new();
        let path = home.policy(file, text);
        let mut log = Log::new(&home, "shop");
        log.add(&observed(0, "get_new", Class::Read, "default")).seal();
        let ran = home.run(&["suggest", "--apply"]);
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.err);
        assert!(ran.out.contains("+++ ") && ran.out.contains("get_new"), "{file}: {}", ran.out);
        let decided = home.run(&["decide", "get_new"]);
        assert_eq!(decided.code, Some(0), "{file}: {}", decided.out);
        assert_eq!(home.run(&["undo", "shop"]).code, Some(0));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    // Without a file, one is written.
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&observed(0, "get_new", Class::Read, "default")).seal();
    let ran = home.run(&["suggest", "--apply"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(home.path().join("config/policylayer/policies/shop.toml").exists());
    assert_eq!(home.run(&["undo"]).code, Some(0));
    assert!(!home.path().join("config/policylayer/policies/shop.toml").exists());
}

#[test]
fn rules_that_their_author_gave_a_condition_are_left_to_them() {
    let home = Home::new();
    home.policy("shop.toml", IN_FORCE);
    let mut log = Log::new(&home, "shop");
    let arguments = Some(r#"{"id":7}"#);
    log.add(&Decision { arguments, ..observed(0, "get_user", Class::Read, "tools.get_user.deny_if[0]") });
    log.add(&observed(1, "drop_all", Class::Destructive, "hide[1]")).write();
    let ran = home.run(&["suggest"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert_eq!(
        ran.err.lines().skip(1).collect::<Vec<_>>(),
        [
            "warning: 1 call of drop_all succeeded, and would be refused by hide[1], which stays. Decide about that rule \
             yourself.",
            "warning: 1 call of get_user succeeded, and, judged by what the log has of the arguments, would be refused \
             by tools.get_user.deny_if[0], which stays. Decide about that rule yourself.",
        ]
    );
}

#[test]
fn a_file_that_only_hides_lists_what_the_built_in_policy_let_through() {
    let home = Home::new();
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\nhide = [\"cancel_export_job\"]");
    let mut log = Log::new(&home, "iterable");
    log.add(&passed(0, "get_lists", Class::Read));
    log.add(&observed(1, "brand_new", Class::Read, "default")).write();
    let out = home.good(&["suggest"]);
    for words in [
        "\\ No newline at end of file",
        "+# With `tools` this file stands alone: the built-in policy under it is no longer in force.",
        "+[tools.get_lists]",
        "+[tools.brand_new]",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

#[test]
fn every_shape_of_a_document_gets_a_policy_that_loads() {
    for text in [
        "version = \"1\"\ndefault = \"deny\"\n",
        "version = \"1\"\r\ndefault = \"deny\"\r\n",
        "version = \"1\"\ndefault = \"deny\"\ntools = {}\n",
        "version = \"1\"\ndefault = \"deny\"\ntools = { used = { action = \"hide\" }, other = {} }\n",
        "version = \"1\"\ndefault = \"deny\"\ntools.used.action = \"deny\"\ntools.other.rate_limit = \"5/minute\"\n",
        "version = \"1\"\ndefault = \"deny\"\n[tools]\nother = {}\n",
        "version = \"1\"\ndefault = \"deny\"\n[tools.\"us*\"]\naction = \"deny\"\n[classes.read]\n",
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"used\"]\n",
        "version = \"1\"\ndefault = \"deny\"\nhide = [\"used\", \"other\", \"used\"]\n[tools.x]\n",
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"u\\u0073ed\"]\n",
        "version = \"1\"\ndefault = \"deny\"\n[all_tools]\nrate_limit = \"1000/minute\"\n[classes.read]\naction = \"hide\"",
    ] {
        let home = Home::new();
        home.policy("shop.toml", text);
        let mut log = Log::new(&home, "shop");
        log.add(&observed(0, "used", Class::Read, "default")).add(&observed(1, "used", Class::Read, "default")).write();
        let (out, err) = suggested(&home, &[]);
        // What a person wrote against it stays, and is named apart.
        let before = load(text).decide_tool("used").rule.to_owned();
        let is_kept = before != "default";
        let effect = load(&out).decide_tool("used").effect;
        assert_eq!(effect == Effect::Allow, !is_kept, "{text}\n{out}");
        assert_eq!(err.contains(&format!("would be refused by {before}, which stays")), is_kept, "{err}");
        assert_eq!(out.contains('\r'), text.contains('\r'), "{out}");
    }
}

#[test]
fn json_and_yaml_get_their_entries_to_be_put_in_by_hand() {
    for (file, text) in [
        ("shop.json", r#"{"version":"1","default":"deny","tools":{}}"#),
        ("shop.yaml", "version: \"1\"\ndefault: deny\ntools: {}\n"),
    ] {
        let home = Home::new();
        let path = home.policy(file, text);
        let mut log = Log::new(&home, "shop");
        log.add(&observed(0, "new", Class::Read, "default")).write();
        let ran = home.run(&["suggest"]);
        assert_eq!(ran.code, Some(0));
        assert!(
            ran.err.contains("is not TOML, so add these entries under `tools` yourself")
                && ran.err.lines().count() == 1,
            "{}",
            ran.err
        );
        let whole = match file {
            "shop.json" => text.replace("{}", ran.out.trim()),
            _ => {
                let indented: String = ran.out.lines().map(|line| format!("  {line}\n")).collect();
                text.replace(" {}\n", &format!("\n{indented}"))
            }
        };
        fs::write(&path, &whole).unwrap();
        let again = home.run(&["suggest"]);
        assert_eq!((again.code, again.out.as_str()), (Some(0), ""), "{whole}");
        assert!(again.err.starts_with("Nothing to add to"), "{}", again.err);
        let refused = home.run(&["suggest", "-o", "out.toml"]);
        assert_eq!(refused.code, Some(2), "{}", refused.err);
    }
}

#[test]
fn nothing_used_and_no_log_are_said() {
    let home = Home::new();
    let ran = home.run(&["suggest"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("There is no audit log yet"), "{}", ran.err);
    Log::new(&home, "shop").add(&refused(0, "x", "default", "No.")).write();
    let ran = home.run(&["suggest"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(ran.err.contains("there is nothing to suggest"), "{}", ran.err);
}

#[test]
fn names_that_no_key_can_have_are_said_and_leave_no_hole() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    for tool in ["evil\n[tools.\"*\"]", "a*", "{x,y}", " blank ", "quote\"s", "tab\there", "dot.ted", "é", "r\u{202e}l"]
    {
        log.add(&observed(0, tool, Class::Read, "default"));
    }
    log.write();
    let ran = home.run(&["suggest"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let policy = load(&ran.out);
    for tool in ["a*", "{x,y}", "quote\"s", "dot.ted", "é"] {
        assert_eq!(policy.decide_tool(tool).effect, Effect::Allow, "{tool}: {}", ran.out);
    }
    for tool in ["abc", "x", "y", "other", "blank", "evil"] {
        assert_eq!(policy.decide_tool(tool).effect, Effect::Hide, "{tool}: {}", ran.out);
    }
    assert!(ran.out.contains("# No key of a policy can name the tool evil\\u{a}[tools.\"*\"]."), "{}", ran.out);
    assert!(!ran.out.contains('\u{202e}') && !ran.err.contains('\u{202e}'), "{}", ran.out);
    assert!(ran.err.contains("1 call of evil\\u{a}"), "{}", ran.err);
}

#[test]
fn a_tool_that_a_person_refused_or_was_asked_about_is_not_simply_allowed() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    let asked = |verdict, outcome| {
        let call = Decision { outcome, effect: Effect::RequireApproval, ..passed(0, "send", Class::Write) };
        (call, verdict)
    };
    let (call, verdict) = asked("approved_once", Outcome::Ok);
    log.add_answered(&call, verdict).write();
    let text = home.good(&["suggest"]);
    assert!(text.contains("[tools.send]\naction = \"require_approval\""), "{text}");
    let (call, verdict) = asked("refused", Outcome::Refused);
    log.add_answered(&call, verdict);
    log.add(&passed(1, "get", Class::Read)).write();
    let ran = home.run(&["suggest"]);
    assert!(!ran.out.contains("[tools.send]") && ran.out.contains("[tools.get]"), "{}", ran.out);
    assert!(ran.err.contains("A person refused 1 call of send, so nothing is suggested for it."), "{}", ran.err);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever was used, the suggestion lets it through or asks.
    #[test]
    fn what_is_suggested_lets_through_what_was_used(
        calls in prop::collection::vec((0_usize..6, 0_u64..200, 0_usize..5, 0_usize..2), 1..60),
        hidden in prop::collection::vec(0_usize..6, 0..3),
        listed in prop::collection::vec((0_usize..6, 0_usize..3), 0..4),
        has_file: bool,
    ) {
        const TOOLS: [&str; 6] = ["get", "create", "delete*", "pay now", "söme", "x.y"];
        let home = Home::new();
        let mut kept: Vec<String> = Vec::new();
        if has_file {
            kept.extend(hidden.iter().map(|at| TOOLS[*at].to_owned()));
            let hidden: Vec<_> = hidden.iter().map(|at| serde_json::Value::from(TOOLS[*at].replace('*', "\\*"))).collect();
            let mut text = format!("version = \"1\"\ndefault = \"deny\"\nhide = {}\n", serde_json::Value::from(hidden));
            let mut seen = Vec::new();
            for (tool, action) in listed {
                if !seen.contains(&tool) {
                    seen.push(tool);
                    kept.extend((action == 1).then(|| TOOLS[tool].to_owned()));
                    let name = serde_json::Value::from(TOOLS[tool].replace('*', "\\*"));
                    let action = ["allow", "deny", "require_approval"][action];
                    text.push_str(&format!("[tools.{name}] # {action}\naction = \"{action}\"\n"));
                }
            }
            home.policy("shop.toml", &text);
        }
        let mut log = Log::new(&home, "shop");
        for (tool, second, class, session) in calls {
            let session = ["a", "b"][session];
            log.add(&Decision { session, ..observed(second, TOOLS[tool], Class::ALL[class], "default") });
        }
        log.write();
        suggested(&home, &[]);
        let refused = refused_tools(&home, "out.toml");
        prop_assert!(refused.iter().all(|tool| kept.contains(tool)), "{:?} {:?}", refused, kept);
    }
}
