//! `policylayer replay`: which recorded decisions another policy changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::log as support;

use std::fs;
use std::time::Duration;

use policylayer::lock::{ItemKind, Lock};
use policylayer::policy::Effect;
use policylayer::record::{ArgumentsLogged, Direction, Outcome, Subject};
use policylayer::risk::Class;
use serde_json::{Value, json};
use support::{Decision, Home, Log, TEN, observed, passed, refused, requested};

/// A policy file in the home's folder.
fn policy(home: &Home, text: &str) {
    fs::write(home.path().join("new.toml"), format!("version = \"1\"\ndefault = \"deny\"\n{text}")).unwrap();
}

fn replay(home: &Home) -> Value {
    home.json(&["replay", "--policy", "new.toml", "--format", "json"])
}

/// Each change: tool, calls, was, becomes, rule.
fn changes(json: &Value) -> Vec<Value> {
    let changes = json["changes"].as_array().unwrap();
    changes.iter().map(|one| json!([one["tool"], one["calls"], one["was"], one["becomes"], one["rule"]])).collect()
}

#[test]
fn what_changes_is_shown_with_rule_and_example() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Read));
    log.add(&refused(1, "send_mail", "tools.send_mail", "No."));
    log.add(&observed(2, "delete_list", Class::Destructive, "default"));
    log.add(&passed(3, "gone", Class::Read)).add(&passed(4, "gone", Class::Read));
    // What no policy decided is not decided again.
    log.add(&refused(5, "send_mail", "protocol", "Twice the key a."));
    log.add(&Decision { method: Some("prompts/get"), ..passed(6, "send_mail", Class::Execute) }).write();
    policy(&home, "[tools.get_lists]\n[tools.send_mail]\n[tools.delete_list]\naction = \"require_approval\"\n");
    let json = replay(&home);
    // The prompt of a tool that is allowed passes, as it did.
    assert_eq!((&json["calls"], &json["requests"]), (&6.into(), &1.into()));
    assert_eq!((&json["same"], &json["changed"]), (&2.into(), &4.into()));
    assert_eq!(
        changes(&json),
        [
            json!(["gone", 2, "allow", "hide", "default"]),
            json!(["delete_list", 1, "hide", "require_approval", "tools.delete_list"]),
            json!(["send_mail", 1, "deny", "allow", "tools.send_mail"]),
        ]
    );
    assert_eq!(json["changes"][0]["example"], "2026-11-22T10:00:03Z");
    assert_eq!(json["changes"][2]["recorded_rule"], "tools.send_mail");
    let text = home.good(&["replay", "--policy", "new.toml"]);
    assert!(
        text.starts_with("5 calls and 1 other request of shop under new.toml: 2 decided as before, 4 differently.\n"),
        "{text}"
    );
    assert!(text.contains("gone              2  allow  hide              default"), "{text}");
    let since = home.json(&["replay", "--policy", "new.toml", "--since", "2026-11-22T10:00:04Z", "--format", "json"]);
    assert_eq!((&since["calls"], &since["requests"]), (&2.into(), &1.into()));
}

#[test]
fn what_was_asked_for_beside_tool_calls_is_decided_again() {
    let home = Home::new();
    let resource = |uri| Some(Subject::Resource(uri));
    let prompt = |name| Some(Subject::Prompt(name));
    let server =
        |seconds, method, rule| Decision { direction: Direction::Server, ..requested(seconds, method, None, rule) };
    let mut log = Log::keeping(&home, "shop", ArgumentsLogged::Full);
    let read = "resources/read";
    for seconds in 0..3 {
        log.add(&requested(seconds, read, resource("file:///srv/reports/may.csv"), "builtin:resources"));
    }
    log.add(&requested(3, read, resource("FILE:///srv/reports/../etc/x"), "default"));
    log.add(&requested(4, "resources/subscribe", resource("db://sales"), "default"));
    log.add(&requested(5, "subscriptions/listen", resource("file:///srv/reports/june.csv"), "default"));
    log.add(&requested(6, "completion/complete", resource("file:///srv/reports/{name}"), "default"));
    log.add(&requested(7, "completion/complete", prompt("weekly"), "default"));
    let get = requested(8, "prompts/get", prompt("weekly"), "default");
    log.add(&Decision { arguments: Some(r#"{"team":"board"}"#), ..get });
    log.add(&Decision { arguments: Some(r#"{"team":"sales"}"#), ..get });
    log.add(&requested(9, "x-vendor/a", None, "default")).add(&requested(10, "notifications/x", None, "default"));
    log.add(&server(11, "roots/list", "default")).add(&server(12, "sampling/createMessage", "default"));
    // None of these was decided by a policy, or has a decision of its own.
    log.add(&server(13, "elicitation/create", "protocol"));
    log.add(&Decision { about: resource("file:///x"), ..server(14, "notifications/resources/updated", "default") });
    log.add(&Decision { method: Some("tasks/update"), ..passed(15, "get", Class::Read) });
    log.write();
    policy(
        &home,
        "[resources.\"file:///srv/reports/**\"]\nrate_limit = \"2/minute\"\n[prompts.weekly]\n\
         deny_if = [{ path = \"args.team\", op = \"eq\", value = \"board\" }]\n[requests.roots]\n[methods.\"x-vendor/*\"]\n\
         action = \"require_approval\"\n",
    );
    let json = replay(&home);
    assert_eq!((&json["calls"], &json["requests"], &json["uncertain"]), (&14.into(), &14.into(), &0.into()), "{json}");
    let changes: Vec<_> = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let kind = ["tool", "resource", "prompt", "method"].into_iter().filter(|kind| !one[*kind].is_null());
            let kind: Vec<_> = kind.collect();
            format!(
                "{} {} {} {}",
                kind.join("+"),
                one[kind[0]].as_str().unwrap(),
                one["becomes"],
                one["rule"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            r#"resource FILE:///srv/reports/../etc/x "hide" default"#,
            r#"resource db://sales "hide" default"#,
            r#"resource file:///srv/reports/may.csv "deny" resources."file:///srv/reports/**".rate_limit"#,
            r#"prompt weekly "deny" prompts.weekly.deny_if[0]"#,
            r#"method notifications/x "hide" default"#,
            r#"method sampling/createMessage "hide" default"#,
            r#"method x-vendor/a "require_approval" methods."x-vendor/*""#,
        ]
    );
    let text = home.good(&["replay", "--policy", "new.toml"]);
    assert!(text.starts_with("0 calls and 14 other requests of shop"), "{text}");
    assert!(
        text.contains("SUBJECT") && text.contains("resource db://sales ") && text.contains("prompt weekly "),
        "{text}"
    );
}

#[test]
fn what_depends_on_what_the_server_had_listed_is_certain_only_where_the_log_tells() {
    let home = Home::new();
    let read = |seconds, uri, rule| requested(seconds, "resources/read", Some(Subject::Resource(uri)), rule);
    let asked = |decision| Decision { effect: Effect::RequireApproval, outcome: Outcome::Refused, ..decision };
    let mut log = Log::new(&home, "shop");
    log.add(&read(0, "file:///listed", "builtin:resources")).add(&asked(read(1, "file:///other", "builtin:resources")));
    log.add(&read(2, "file:///either", "resources.\"file:///**\"")).add(&read(3, "ui://app/x", "default")).write();
    fs::write(home.path().join("new.toml"), "version = \"1\"\ndefault = \"deny\"\nhide = [\"x\"]\n").unwrap();
    let json = replay(&home);
    assert_eq!((&json["same"], &json["changed"], &json["uncertain"]), (&2.into(), &0.into(), &2.into()), "{json}");
    assert_eq!(json["uncertain_tools"][0], json!({"resource": "file:///either", "calls": 1, "lacks": "listing"}));
    let text = home.good(&["replay", "--policy", "new.toml"]);
    let told = "2 requests cannot be decided again for certain: the decision depends on what the server has listed, and \
                the log does not say that: resource file:///either (1), resource ui://app/x (1).";
    assert!(text.contains(told), "{text}");
    // A document that stands alone does not ask what is listed; only of an app, whose it is.
    policy(&home, "");
    let json = replay(&home);
    assert_eq!((&json["changed"], &json["uncertain"]), (&3.into(), &1.into()), "{json}");
    policy(&home, "[resources.\"ui://app/x\"]\n");
    assert_eq!(replay(&home)["uncertain"], 0);
}

#[test]
fn a_class_that_was_recorded_raises_what_a_name_tells_and_does_not_lower_it() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&passed(0, "get_lists", Class::Destructive)).add(&passed(1, "delete_list", Class::Read));
    log.add(&Decision { class: None, ..passed(2, "delete_all", Class::Read) }).write();
    policy(&home, "[classes.read]\n[classes.destructive]\naction = \"deny\"\n");
    let denied = |tool| json!([tool, 1, "allow", "deny", "classes.destructive"]);
    assert_eq!(changes(&replay(&home)), ["delete_all", "delete_list", "get_lists"].map(denied));
    // The policy itself has the last word, as it had when the class was recorded.
    policy(&home, "[classes.read]\n[classes.destructive]\naction = \"deny\"\n[tools.\"*_l*\"]\nclass = \"read\"\n");
    assert_eq!(changes(&replay(&home)), [denied("delete_all")]);
}

/// A class below that of a name that settles nothing came from the server's listing, or from the policy of that time.
#[test]
fn a_class_that_was_recorded_below_that_of_a_doubtful_name_is_used_where_the_lock_says_so() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    let call = |second, class| Decision {
        rule: if class == Class::Write { "classes.write" } else { "classes.execute" },
        ..passed(second, "gzip-file-as-resource", class)
    };
    log.add(&call(0, Class::Write)).add(&call(1, Class::Execute)).seal();
    let classes = "[classes.execute]\naction = \"hide\"\n[classes.write]\n";
    policy(&home, classes);
    let json = replay(&home);
    let hidden = json!(["gzip-file-as-resource", 1, "allow", "hide", "classes.execute"]);
    assert_eq!(changes(&json), std::slice::from_ref(&hidden));
    let lacks = json!([{ "tool": "gzip-file-as-resource", "calls": 1, "lacks": "class" }]);
    assert_eq!((&json["uncertain"], &json["uncertain_tools"]), (&json!(1), &lacks));
    let text = home.good(&["replay", "--policy", "new.toml"]);
    assert!(text.contains("the name alone does not tell the class") && text.contains("`policylayer lock`"), "{text}");
    // Nothing is asked that does not matter.
    for rules in [
        "[tools.gzip-file-as-resource]\n",
        "[classes.execute]\n[classes.write]\n[tools.\"gzip-*\"]\naction = \"hide\"\n",
        "",
    ] {
        policy(&home, rules);
        assert_eq!(replay(&home)["uncertain"], 0, "{rules}");
    }
    policy(&home, &format!("{classes}[tools.gzip-file-as-resource]\nclass = \"write\"\n"));
    assert_eq!((replay(&home)["uncertain"].clone(), changes(&replay(&home))), (json!(0), vec![]));

    // The policy of the server has a lock beside it, wherever the tried one is.
    policy(&home, classes);
    let beside = home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n");
    let tool = json!({ "name": "gzip-file-as-resource", "description": "Compresses a single file.", "inputSchema": { "type": "object" } });
    let mut lock = Lock::new("shop");
    lock.insert(ItemKind::Tool, &tool.to_string(), Some(Class::Write)).unwrap();
    fs::write(beside.with_file_name("shop.lock.json"), lock.write()).unwrap();
    let json = replay(&home);
    assert_eq!((&json["same"], &json["uncertain"], changes(&json)), (&json!(2), &json!(0), vec![]));
    policy(&home, "[classes.execute]\n[classes.write]\naction = \"hide\"\n");
    assert_eq!(changes(&replay(&home)), [json!(["gzip-file-as-resource", 2, "allow", "hide", "classes.write"])]);
    policy(&home, classes);
    let suggested = home.run(&["suggest", "--server", "shop", "--policy", "new.toml"]);
    assert!(
        suggested.err.contains("1 call of gzip-file-as-resource succeeded, and would be refused"),
        "{}",
        suggested.err
    );
}

#[test]
fn limits_count_at_the_recorded_times_by_session_and_in_the_order_of_the_decisions() {
    let call = |seconds: u64, session: &'static str| Decision {
        at: Duration::from_secs(TEN + seconds),
        session,
        ..passed(0, "get", Class::Read)
    };
    let of = |scope: &str| {
        let home = Home::new();
        let mut log = Log::new(&home, "shop");
        // The log has them as they were answered; the first took long.
        for seconds in [10, 0, 20, 61, 70] {
            log.add(&call(seconds, "a"));
        }
        log.add(&call(30, "b")).add(&call(31, "b")).write();
        policy(&home, &format!("[tools.get]\nrate_limit = {{ max = 2, window = \"minute\", scope = \"{scope}\" }}\n"));
        let json = replay(&home);
        (json["changed"].clone(), json["changes"][0]["example"].clone(), json["changes"][0]["rule"].clone())
    };
    let rule = || json!("tools.get.rate_limit");
    // 0 and 10 pass, 20 does not, 61 and 70 do again; the other session counts by itself.
    assert_eq!(of("session"), (json!(1), json!("2026-11-22T10:00:20Z"), rule()));
    // 20, 30 and 31 do not.
    assert_eq!(of("server"), (json!(3), json!("2026-11-22T10:00:20Z"), rule()));
}

#[test]
fn what_a_failed_call_took_is_returned_where_the_policy_says_so() {
    let home = Home::new();
    let mut log = Log::new(&home, "shop");
    log.add(&Decision { outcome: Outcome::ToolError, ..passed(0, "get", Class::Read) });
    log.add(&passed(1, "get", Class::Read)).write();
    for (refund, changed) in [("true", 0), ("false", 1)] {
        policy(
            &home,
            &format!("[tools.get]\nlimits = [{{ max = 1, window = \"hour\", refund_on_error = {refund} }}]\n"),
        );
        assert_eq!(replay(&home)["changed"], changed, "{refund}");
    }
}

#[test]
fn what_depends_on_arguments_is_certain_only_where_the_log_has_them() {
    let rules = "[tools.get]\ndeny_if = [{ path = \"args.id\", op = \"eq\", value = 7 }]\n[tools.pay]\nlimits = [{ max = 10, window = \"day\", increment_from = \"args.amount\" }]\n[tools.list]\n";
    for (kept, uncertain, changed) in [(ArgumentsLogged::Keys, 4, 0), (ArgumentsLogged::Full, 0, 2)] {
        let home = Home::new();
        let mut log = Log::keeping(&home, "shop", kept);
        for (tool, arguments) in [
            ("get", Some(r#"{"id":7}"#)),
            ("get", Some(r#"{"id":8}"#)),
            // Without any, there is nothing that the log does not tell.
            ("get", Some("{}")),
            ("get", None),
            ("pay", Some(r#"{"amount":6}"#)),
            ("pay", Some(r#"{"amount":5}"#)),
            ("list", Some(r#"{"q":1}"#)),
        ] {
            log.add(&Decision { arguments, ..passed(0, tool, Class::Read) });
        }
        log.write();
        policy(&home, rules);
        let json = replay(&home);
        assert_eq!((&json["uncertain"], &json["changed"]), (&uncertain.into(), &changed.into()), "{kept:?}: {json}");
        let text = home.good(&["replay", "--policy", "new.toml"]);
        let told = "4 calls cannot be decided again for certain: a rule looks at arguments or input, and the log has \
                    only their keys: get (2), pay (2).";
        assert_eq!(text.contains(told), uncertain > 0, "{text}");
        assert_eq!(text.contains("Set `arguments = \"full\"` under `[audit]`"), uncertain > 0, "{text}");
    }
    // A rule that refuses whatever the arguments needs none.
    let home = Home::new();
    Log::new(&home, "shop").add(&Decision { arguments: Some("{\"a\":1}"), ..passed(0, "get", Class::Read) }).write();
    policy(&home, "[tools.get]\naction = \"deny\"\nrequire = [{ path = \"args.a\", op = \"eq\", value = 1 }]\n");
    assert_eq!(changes(&replay(&home)), [json!(["get", 1, "allow", "deny", "tools.get"])]);
}

#[test]
fn what_depends_on_input_is_certain_only_where_the_log_has_it() {
    for (kept, uncertain, changed) in [(ArgumentsLogged::Keys, 1, 0), (ArgumentsLogged::Full, 0, 1)] {
        let home = Home::new();
        let mut log = Log::keeping(&home, "shop", kept);
        for inputs in [None, Some(r#"{"to":"all"}"#)] {
            log.add(&Decision { arguments: Some("{}"), inputs, ..passed(0, "mail", Class::Read) });
        }
        log.write();
        policy(&home, "[tools.mail]\ndeny_if = [{ path = \"input.to\", op = \"eq\", value = \"all\" }]\n");
        let json = replay(&home);
        assert_eq!((&json["uncertain"], &json["changed"]), (&uncertain.into(), &changed.into()), "{kept:?}: {json}");
    }
}

#[test]
fn what_cannot_be_replayed_is_an_error_with_a_remedy() {
    let home = Home::new();
    policy(&home, "");
    let run = |args: &[&str]| {
        let ran = home.run(&[&["replay"], args].concat());
        assert_eq!(ran.out, "");
        (ran.code, ran.err)
    };
    let (code, err) = run(&["--policy", "new.toml"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("There is no audit log yet"), "{err}");
    Log::new(&home, "shop").add(&passed(0, "get", Class::Read)).write();
    let (code, err) = run(&["--policy", "new.toml", "--server", "other"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("There is no audit log of other") && err.contains("one of shop"), "{err}");
    let (code, err) = run(&["--policy", "gone.toml"]);
    assert!(code == Some(1) && err.contains("does not exist"), "{err}");
    let (code, err) = run(&["--server", "shop"]);
    assert!(code == Some(2) && err.contains("--policy <FILE>"), "{err}");
    fs::write(home.path().join("bad.toml"), "version = \"1\"\n").unwrap();
    let (code, err) = run(&["--policy", "bad.toml"]);
    assert!(code == Some(3) && err.contains("is invalid"), "{err}");
    Log::new(&home, "mail").add(&passed(0, "get", Class::Read)).write();
    let (code, err) = run(&["--policy", "new.toml"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("There are logs of several servers: mail, shop.") && err.contains("--server mail"), "{err}");
    // A file that is named after a server is for that server.
    fs::copy(home.path().join("new.toml"), home.path().join("shop.toml")).unwrap();
    assert_eq!(home.json(&["replay", "--policy", "shop.toml", "--format", "json"])["server"], "shop");
}
