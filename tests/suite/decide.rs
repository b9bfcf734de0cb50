//! `policylayer decide`: what would happen to a call, which rule says so, and the exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{at_home, program, without_variables};
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

const POLICY: &str = r#"
version = "1"
default = "deny"
hide = ["drop_*"]

[all_tools]
limits = [{ max = 60, window = "minute" }]

[tools.get_lists]
[tools.get_user]
deny_if = [{ path = "args.email", op = "ends_with", value = "@example.com", on_deny = "Not our own people." }]
[tools.export]
rate_limit = "10/minute"
[tools.pay]
reason = "Money is counted"
limits = [
  { max = 100.50, window = "day", align = "calendar", scope = "server", increment_from = "args.amount" },
  { max = 5, window = "90s" },
]
[tools.delete_list]
action = "deny"
[tools.send]
action = "require_approval"
reason = "Ask first!"
[tools.mail]
approve_if = [{ path = "args.count", op = "gt", value = 10 }, { path = "input.to", op = "eq", value = "all" }]

[resources."file:///srv/reports/**"]
rate_limit = "5/minute"
[prompts."weekly_*"]
deny_if = [{ path = "args.who", op = "eq", value = "all", on_deny = "Not to everybody." }]
[requests.roots]
[methods."x-shop/*"]
action = "require_approval"
"#;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// `policylayer decide` in a home of its own.
struct Decide {
    home: tempfile::TempDir,
}

impl Decide {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("shop.toml"), POLICY).unwrap();
        Self { home }
    }

    fn command(&self) -> Command {
        let home = self.home.path();
        let mut command = std::process::Command::new(program());
        at_home(without_variables(command.current_dir(home)), home).env("XDG_CONFIG_HOME", home.join("config"));
        command.env("XDG_STATE_HOME", home.join("state")).arg("decide");
        Command::from_std(command)
    }

    fn ask(&self, args: &[&str]) -> Ran {
        ran(self.command().args(args))
    }

    /// Under the policy above.
    fn shop(&self, tool: &str, arguments: Option<&str>) -> (Ran, Value) {
        let mut args = vec!["--policy", "shop.toml", "--tool", tool];
        args.extend(arguments.into_iter().flat_map(|arguments| ["--args", arguments]));
        let text = self.ask(&args);
        let json = self.ask(&[&args[..], &["--format", "json"]].concat());
        assert_eq!((json.code, json.err.as_str()), (text.code, text.err.as_str()), "{tool}");
        (text, serde_json::from_str(&json.out).unwrap_or_default())
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn the_effect_is_the_exit_code_and_the_rule_is_named() {
    let decide = Decide::new();
    for (tool, arguments, code, effect, rule, reason) in [
        ("get_lists", None, 0, "allow", "tools.get_lists", None),
        ("export", Some("{}"), 0, "allow", "tools.export", None),
        ("get_user", Some(r#"{"email":"a@example.org"}"#), 0, "allow", "tools.get_user", None),
        (
            "get_user",
            Some(r#"{"email":"a@example.com"}"#),
            4,
            "deny",
            "tools.get_user.deny_if[0]",
            Some("Not our own people."),
        ),
        ("delete_list", None, 4, "deny", "tools.delete_list", Some("The policy does not allow this call.")),
        ("drop_all", None, 4, "hide", "hide[0]", Some("The policy hides this tool.")),
        (
            "unheard_of",
            None,
            4,
            "hide",
            "default",
            Some("The policy does not list this tool, and refuses what it does not list."),
        ),
        ("send", None, 5, "require_approval", "tools.send", Some("Ask first!")),
        ("mail", Some(r#"{"count":11}"#), 5, "require_approval", "tools.mail.approve_if[0]", None),
        ("mail", Some(r#"{"count":10}"#), 0, "allow", "tools.mail", None),
    ] {
        let (text, json) = decide.shop(tool, arguments);
        assert_eq!((text.code, text.err.as_str()), (Some(code), ""), "{tool}");
        assert_eq!((json["effect"].as_str(), json["rule"].as_str()), (Some(effect), Some(rule)), "{tool}");
        assert_eq!(json["tool"], tool);
        assert_eq!((json["file"].as_str(), json["server"].as_str()), (Some("shop.toml"), Some("shop")));
        let first = text.out.lines().next().unwrap();
        assert!(first.starts_with(&format!("{effect}: ")) && first.ends_with(['.', '!']), "{first}");
        assert!(first.contains(&format!("{rule} of shop.toml")), "{first}");
        if let Some(reason) = reason {
            assert_eq!(json["reason"], reason, "{tool}");
            assert!(first.ends_with(reason), "{first}");
        }
        assert_eq!(json["reason"].is_null(), code == 0, "{tool}");
    }
}

#[test]
fn what_is_no_tool_is_decided_too() {
    let decide = Decide::new();
    for (args, code, out) in [
        (
            &["--resource", "FILE:///srv/reports/./may.csv"][..],
            0,
            "allow: reading FILE:///srv/reports/./may.csv passes, by the rule resources.\"file:///srv/reports/**\" of shop.toml.\n",
        ),
        (
            &["--resource", "file:///srv/reports/..%2f..%2fetc/shadow"],
            4,
            "hide: file:///srv/reports/..%2f..%2fetc/shadow is not listed, and is refused, by the rule default of shop.toml",
        ),
        (
            &["--prompt", "weekly_news", "--args", r#"{"who":"all"}"#],
            4,
            "deny: fetching the prompt weekly_news is refused by the rule prompts.\"weekly_*\".deny_if[0] of shop.toml: Not to",
        ),
        (
            &["--prompt", "get-lists"],
            0,
            "allow: fetching the prompt get-lists passes, by the rule tools.get_lists of shop.toml",
        ),
        (&["--method", "roots/list"], 0, "allow: roots/list passes, by the rule requests.roots of shop.toml"),
        (&["--method", "sampling/createMessage"], 4, "hide: sampling/createMessage is not listed, and is refused, by"),
        (
            &["--tool", "mail", "--input", r#"{"to":"all"}"#],
            5,
            "require_approval: a call to mail asks a person, by the rule tools.mail.approve_if[1] of shop.toml",
        ),
        (
            &["--tool", "mail", "--input", r#"{"to":"bob"}"#],
            0,
            "allow: a call to mail passes, by the rule tools.mail of",
        ),
        (
            &["--method", "x-shop/sell"],
            5,
            "require_approval: x-shop/sell asks a person, by the rule methods.\"x-shop/*\"",
        ),
        (
            &["--method", "tools/call "],
            4,
            "deny: tools/call  is refused by the rule protocol of shop.toml: The name \"tools",
        ),
        (&["--method", "tasks/get"], 4, "hide: tasks/get is not listed"),
        (&["--method", "notifications/message"], 4, "hide: notifications/message is not listed"),
    ] {
        let ran = decide.ask(&[&["--policy", "shop.toml"], args].concat());
        assert_eq!((ran.code, ran.out.starts_with(out)), (Some(code), true), "{args:?}: {}{}", ran.out, ran.err);
    }
    let ran = decide.ask(&["--policy", "shop.toml", "--resource", "file:///srv/reports/a", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&report["resource"], &report["effect"], &report["limits"][0]["max"], report.get("tool"), report.get("class")),
        (&json!("file:///srv/reports/a"), &json!("allow"), &json!(5), None, None)
    );
    for (method, why) in [
        (
            "tools/call",
            "error: tools/call is decided by `tools`, `classes`, `hide`. Give the tool's name instead of --method.",
        ),
        ("skills/get", "error: skills/get is decided by `resources`. Use --resource instead of --method."),
        (
            "completion/complete",
            "error: completion/complete is decided by the prompt or the template that it refers to. Use",
        ),
        ("ping", "error: No rule applies to ping: it passes under every policy."),
    ] {
        let ran = decide.ask(&["--policy", "shop.toml", "--method", method]);
        assert_eq!((ran.code, ran.err.starts_with(why)), (Some(2), true), "{method}: {}{}", ran.out, ran.err);
    }
    for wrong in [&["--resource", "a:b", "--tool", "get_lists"][..], &["--resource", "a:b", "--args", "{}"], &[]] {
        assert_eq!(decide.ask(&[&["--policy", "shop.toml"], wrong].concat()).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn the_limits_are_told_with_what_the_call_takes() {
    let decide = Decide::new();
    let (text, json) = decide.shop("pay", Some(r#"{"amount": 20.250}"#));
    assert_eq!(text.code, Some(0));
    assert_eq!(
        text.out,
        "allow: a call to pay passes, by the rule tools.pay of shop.toml.\n\
         It is counted, and refused if one of these limits is reached:\n  \
         LIMIT                MAX    WINDOW      COUNTED FOR  THIS CALL\n  \
         tools.pay.limits[0]  100.5  day (UTC)   server       20.25\n  \
         tools.pay.limits[1]  5      90 seconds  session      1\n  \
         all_tools.limits[0]  60     minute      session      1\n"
    );
    let expected = json!([
        {"rule": "tools.pay.limits[0]", "max": 100.5, "window": 86400, "align": "calendar", "scope": "server", "counts": 20.25},
        {"rule": "tools.pay.limits[1]", "max": 5, "window": 90, "align": "sliding", "scope": "session", "counts": 1},
        {"rule": "all_tools.limits[0]", "max": 60, "window": 60, "align": "sliding", "scope": "session", "counts": 1},
    ]);
    assert_eq!(json["limits"], expected);
    let (_, refused) = decide.shop("delete_list", None);
    assert_eq!(refused["limits"], json!([]));
}

#[test]
fn what_cannot_be_counted_or_never_fits_is_refused() {
    let decide = Decide::new();
    for (arguments, reason) in [
        (None, "The policy counts args.amount, which cannot be counted: it is not a number."),
        (Some(r#"{"amount":-1}"#), "The policy counts args.amount, which cannot be counted: it is negative."),
        (Some(r#"{"amount":"5"}"#), "The policy counts args.amount, which cannot be counted: it is not a number."),
        (
            Some(r#"{"amount":1e308}"#),
            "The policy counts args.amount, which cannot be counted: it is larger than 1000000000000000000.",
        ),
        (Some(r#"{"amount":100.51}"#), "Money is counted"),
    ] {
        let (text, json) = decide.shop("pay", arguments);
        assert_eq!(text.code, Some(4), "{arguments:?}");
        assert_eq!((json["effect"].as_str(), json["rule"].as_str()), (Some("deny"), Some("tools.pay.limits[0]")));
        assert_eq!(json["reason"], reason);
        let counted = arguments == Some(r#"{"amount":100.51}"#);
        assert_eq!(json["limits"][0]["counts"].is_null(), !counted);
        assert_eq!(text.out.contains("cannot be counted"), !counted, "{}", text.out);
    }
}

/// A limit that is asked about a hundred times is not a bit nearer.
#[test]
fn nothing_is_counted_and_no_store_is_opened() {
    let decide = Decide::new();
    for _ in 0..3 {
        assert_eq!(decide.shop("pay", Some(r#"{"amount":100}"#)).0.code, Some(0));
    }
    let mut left: Vec<_> = fs::read_dir(decide.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["shop.toml"]);
}

#[test]
fn arguments_come_from_stdin_over_many_lines() {
    let decide = Decide::new();
    let ask = |stdin: &str| {
        let mut command = decide.command();
        ran(command.args(["--policy", "shop.toml", "--tool", "get_user", "--args", "-"]).write_stdin(stdin))
    };
    assert_eq!(ask("{\r\n\t\"email\":\n \"a@example.com\"\r\n}\n").code, Some(4));
    assert_eq!(ask("{\n\"email\": \"a@example.org\"\n}").code, Some(0));
    assert_eq!(ask("").code, Some(2));
}

#[test]
fn arguments_that_two_parsers_may_read_differently_are_wrong_usage_with_their_place() {
    let decide = Decide::new();
    for (arguments, place, what) in [
        ("", "1:1", "not valid JSON"),
        ("[]", "1:1", "not a JSON object"),
        ("{\"a\":1,\n \"b\":}", "2:6", "not valid JSON"),
        (r#"{"email":"x","\u0065mail":"y"}"#, "1:1", "\"email\" appears twice"),
        (r#"{"a":1} {"a":2}"#, "1:9", "more than one value"),
        ("{\"a\":\"\n\"}", "1:7", "raw control byte 0x0a"),
        (r#"{"a":1},"name":"get_lists""#, "1:8", "more than one value"),
    ] {
        let (text, _) = decide.shop("get_user", Some(arguments));
        assert_eq!((text.code, text.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(text.err.contains(&format!("--> --args:{place}\n")) && text.err.contains(what), "{}", text.err);
        assert!(!text.err.contains("at byte"), "{}", text.err);
    }
    // The names in a call's arguments are the tool's, not the protocol's.
    assert_eq!(decide.shop("get_lists", Some(r#"{"id":1,"ID":2,"Method":"x","-":null}"#)).0.code, Some(0));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(260), "]".repeat(260));
    assert_eq!(decide.shop("get_lists", Some(&deep)).0.code, Some(2));
    assert_eq!(decide.shop("", None).0.code, Some(4), "a tool without a name is not listed");
}

#[test]
fn the_policy_is_the_one_that_wrap_would_use() {
    let decide = Decide::new();
    let asked = |args: &[&str]| {
        let ran = decide.ask(&[args, &["--tool", "cancel_export_job", "--format", "json"]].concat());
        let json: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        (ran.code, json)
    };
    let (code, json) = asked(&["--server", "iterable"]);
    assert_eq!((code, json["mode"].as_str(), json["class"].as_str()), (Some(4), Some("builtin"), Some("destructive")));
    assert!(json["file"].is_null() && json["rule"].as_str().unwrap().starts_with("builtin:"));
    let text = decide.ask(&["--server", "iterable", "--tool", "get_lists"]);
    assert!(text.out.contains("builtin:tools.get_lists of the built-in policy for iterable"), "{}", text.out);

    let folder = decide.home.path().join("config").join("policylayer").join("policies");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("iterable.json"), r#"{"version":"1","default":"deny","hide":["cancel_export_job"]}"#)
        .unwrap();
    let (code, json) = asked(&["--server", "iterable"]);
    assert_eq!((code, json["mode"].as_str(), json["rule"].as_str()), (Some(4), Some("patch"), Some("hide[0]")));

    // Without a name it is the only one with a policy, else the one whose catalogue has the tool; an unknown one is no answer.
    assert_eq!(asked(&[]).1["rule"], "hide[0]");
    fs::write(folder.join("shop.json"), r#"{"version":"1","default":"allow"}"#).unwrap();
    assert_eq!(asked(&[]).1["server"], "iterable");
    let unclear = decide.ask(&["--tool", "cancel_export_jobs"]);
    assert_eq!((unclear.code, unclear.out.as_str()), (Some(2), ""));
    assert!(unclear.err.contains("Did you mean cancel_export_job (iterable)"), "{}", unclear.err);

    let named = decide.home.path().join("other.yaml");
    fs::write(&named, "version: '1'\ndefault: allow\n").unwrap();
    let (code, json) = asked(&["--policy", named.to_str().unwrap()]);
    assert_eq!((code, json["server"].as_str(), json["class"].as_str()), (Some(0), Some("other"), Some("destructive")));
}

#[test]
fn what_is_wrong_with_the_policy_is_told() {
    let decide = Decide::new();
    let invalid = decide.home.path().join("invalid.toml");
    fs::write(&invalid, "version = \"1\"\ndefault = \"maybe\"\n").unwrap();
    let ran = decide.ask(&["--policy", "invalid.toml", "--tool", "a"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    assert!(ran.err.contains("invalid.toml:2:11"), "{}", ran.err);
    let ran = decide.ask(&["--policy", "missing.toml", "--tool", "a"]);
    assert!(ran.code == Some(1) && ran.err.contains("does not exist"), "{}", ran.err);
    assert_eq!(decide.ask(&[]).code, Some(2), "a tool has to be named");
    assert!(Path::new(&invalid).exists());
}

/// What a name may carry does not reach the terminal.
#[test]
fn a_terminal_is_given_no_escapes() {
    let decide = Decide::new();
    let (text, json) = decide.shop("a\u{1b}[2J\u{202e}b", None);
    assert!(!text.out.contains(['\u{1b}', '\u{202e}']), "{:?}", text.out);
    assert_eq!(json["tool"], "a\u{1b}[2J\u{202e}b");
}
