//! What a person calls a server and its tools, and which policy an edit then changes: the one that the running wrapper uses,
//! or none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use policylayer::lock::{ItemKind, Lock};
use policylayer::risk::Class;
use serde_json::{Value, json};

use crate::support::log::{Home, Log, Ran, passed};
use crate::support::system::{example, program};

/// A home whose Claude Code has these servers.
fn desk(servers: &Value) -> Home {
    let home = Home::new();
    fs::write(home.path().join(".claude.json"), json!({ "mcpServers": servers }).to_string()).unwrap();
    home
}

/// An entry that starts a server behind a policy.
fn wrapped(options: &[&str], command: &[&str]) -> Value {
    let args: Vec<&str> = [&["wrap"], options, &["--"], command].concat();
    json!({ "command": program(), "args": args })
}

const ITERABLE: &[&str] = &["npx", "-y", "@iterable/mcp"];

fn names_of_policies(home: &Home) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home.path().join("config/policylayer/policies")) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn refused(ran: &Ran, said: &[&str]) {
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    assert!(said.iter().all(|said| ran.err.contains(said)), "{said:?}: {}", ran.err);
}

/// Every subcommand that edits.
fn verbs() -> [Vec<&'static str>; 7] {
    [
        vec!["allow", "get_lists"],
        vec!["deny", "get_lists"],
        vec!["hide", "get_lists"],
        vec!["ask", "get_lists", "--timeout", "10m"],
        vec!["limit", "get_lists", "7/minute"],
        vec!["reset", "get_lists"],
        vec!["add", "pasted.json"],
    ]
}

#[test]
fn each_name_of_a_server_leads_to_the_policy_that_its_wrapper_uses() {
    let text =
        "version = \"1\"\ndefault = \"deny\"\nhide = [\"x\"]\n\n[tools.get_lists]\naction = \"require_approval\"\n";
    for verb in verbs() {
        // The key in the client's file, the name that the wrapper was given, and that of the catalogue.
        for name in ["Mail shots", "marketing", "iterable"] {
            let home = desk(&json!({ "Mail shots": wrapped(&["--server", "marketing"], ITERABLE) }));
            fs::write(home.path().join("pasted.json"), r#"{"hide":["get_lists"]}"#).unwrap();
            let file = home.policy("marketing.toml", text);
            let ran = home.run(&[&verb[..], &["--server", name]].concat());
            assert_eq!(ran.code, Some(0), "{verb:?} {name}: {}", ran.err);
            assert_ne!(fs::read_to_string(&file).unwrap(), text, "{verb:?} {name}");
            assert_eq!(names_of_policies(&home), ["marketing.toml"], "{verb:?} {name}");
        }
    }
    // Without a file yet, it is written where the wrapper looks for it; and a file that it is told to use is that.
    let home = desk(&json!({ "Mail shots": wrapped(&["--server", "marketing"], ITERABLE) }));
    let ran = home.run(&["deny", "get_lists", "--server", "Mail shots"]);
    assert_eq!((ran.code, names_of_policies(&home)), (Some(0), vec!["marketing.toml".to_owned()]), "{}", ran.err);
    let home = Home::new();
    let own = home.path().join("own.toml");
    fs::write(&own, text).unwrap();
    let servers = json!({ "crm": wrapped(&["--policy", own.to_str().unwrap()], ITERABLE) });
    fs::write(home.path().join(".claude.json"), json!({ "mcpServers": servers }).to_string()).unwrap();
    for words in [&["--server", "crm"][..], &["--server", "iterable"], &[]] {
        fs::write(&own, text).unwrap();
        let ran = home.run(&[&["deny", "get_lists"], words].concat());
        assert_eq!((ran.code, names_of_policies(&home).len()), (Some(0), 0), "{words:?}: {}", ran.err);
        assert!(fs::read_to_string(&own).unwrap().contains("\"deny\"\n"), "{words:?}");
    }
}

#[test]
fn a_name_that_nothing_uses_is_refused_with_the_nearest() {
    for verb in verbs() {
        let home = desk(&json!({ "marketing": wrapped(&["--server", "mail"], ITERABLE) }));
        fs::write(home.path().join("pasted.json"), r#"{"hide":["get_lists"]}"#).unwrap();
        for (name, near) in
            [("marketting", "Did you mean marketing?"), ("mial", "Did you mean mail?"), ("shop", "--new")]
        {
            refused(&home.run(&[&verb[..], &["--server", name]].concat()), &[near, "Nothing on this machine uses"]);
        }
        assert!(names_of_policies(&home).is_empty(), "{verb:?}");
        let ran = home.run(&[&verb[..], &["--server", "iterable-two", "--new", "--dry-run"]].concat());
        // Nothing is known of its tools: a reset has nothing to take out, and a limit could let through what is refused.
        assert_eq!(ran.code, Some(i32::from(["reset", "limit"].contains(&verb[0]))), "{verb:?}: {}", ran.err);
    }
    // A policy, a lock and a log are uses.
    let home = Home::new();
    home.policy("one.toml", "version = \"1\"\ndefault = \"allow\"\n");
    home.policy("two.lock.json", "{}");
    Log::new(&home, "three").add(&passed(0, "get_it", Class::Read)).seal();
    for server in ["one", "two", "three"] {
        let ran = home.run(&["hide", "get_it", "--server", server, "--dry-run"]);
        assert_eq!(ran.code, Some(0), "{server}: {}", ran.err);
    }
    // Two servers with one name and two policies.
    let home = desk(&json!({
        "a": wrapped(&["--server", "mail"], ITERABLE), "b": wrapped(&["--server", "post"], ITERABLE),
    }));
    let ran = home.run(&["hide", "get_lists", "--server", "iterable"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("a of Claude Code") && ran.err.contains("b of Claude Code"), "{}", ran.err);
}

#[test]
fn where_the_policy_does_not_hold_the_edit_says_so() {
    let home = desk(&json!({
        "bare": { "command": "npx", "args": ["-y", "@iterable/mcp"] },
        "seen": wrapped(&["--observe", "--server", "seen"], ITERABLE),
        "held": wrapped(&["--server", "held"], ITERABLE),
    }));
    for (name, said) in [("bare", "policylayer register bare"), ("seen", "only observes"), ("held", "")] {
        let ran = home.run(&["deny", "get_lists", "--server", name]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains(said), "{name}: {}", ran.err);
        assert_eq!(ran.err.contains("of Claude Code"), !said.is_empty(), "{name}: {}", ran.err);
    }
}

#[test]
fn a_tool_that_nothing_knows_is_refused_with_the_nearest() {
    let home = Home::new();
    let text = "version = \"1\"\ndefault = \"deny\"\n\n[tools.mail_boss]\n";
    for verb in verbs().into_iter().filter(|verb| verb[0] != "add") {
        let file = home.policy("iterable.toml", text);
        let with = |tool| [&[verb[0], tool], &verb[2..]].concat();
        for (tool, near) in [("get_list", "Did you mean get_lists?"), ("mail_bos", "Did you mean mail_boss?")] {
            refused(&home.run(&with(tool)), &[near, "Nothing was written"]);
        }
        refused(&home.run(&with("frobnicate_everything")), &["has a tool frobnicate_everything"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{verb:?}");
        if verb[0] != "reset" && verb[0] != "limit" {
            let ran = home.run(&[&with("get_list")[..], &["--anyway"]].concat());
            assert_eq!(ran.code, Some(0), "{verb:?}: {}", ran.err);
        }
    }
    // The log knows what the server has answered.
    let home = Home::new();
    home.policy("iterable.toml", text);
    refused(&home.run(&["deny", "get_weather"]), &["get_weather"]);
    Log::new(&home, "iterable").add(&passed(0, "get_weather", Class::Read)).seal();
    assert_eq!(home.run(&["deny", "get_weather"]).code, Some(0));
    // The lock knows what it lists.
    let home = Home::new();
    home.policy("shop.toml", text);
    let ran = home.run(&["deny", "sell"]);
    assert!(ran.code == Some(0) && ran.err.contains("was not checked"), "{}", ran.err);
    let offer = json!({
        "initialize": {
            "protocolVersion": "2025-06-18", "serverInfo": { "name": "shop", "version": "1" }, "capabilities": { "tools": {} },
        },
        "tools/list": { "tools": [{ "name": "refund", "inputSchema": { "type": "object" } }] },
    });
    fs::write(home.path().join("offer.json"), offer.to_string()).unwrap();
    let stub = example("stub_server");
    home.good(&["lock", "--server", "shop", "--", stub.to_str().unwrap(), "--offer", "offer.json"]);
    refused(&home.run(&["deny", "refnd"]), &["Did you mean refund?"]);
    refused(&home.run(&["deny", "frobnicate"]), &["--anyway"]);
    assert_eq!(home.run(&["deny", "refund"]).code, Some(0));
}

/// No policy is in a directory that is a file, and nobody is told that the built-in one is in force.
#[test]
fn a_file_in_the_place_of_the_directory_of_policies_is_an_error() {
    let home = Home::new();
    let dir = home.policy("shop.toml", "").parent().unwrap().to_owned();
    fs::remove_dir_all(&dir).unwrap();
    let text = "version = \"1\"\ndefault = \"deny\"\n";
    fs::write(&dir, text).unwrap();
    for words in [
        &["check", "iterable"][..],
        &["decide", "get_lists", "--server", "iterable"],
        &["explain", "get_lists", "--server", "iterable"],
        &["hide", "get_lists", "--server", "iterable"],
        &["wrap", "--server", "iterable", "--", "iterable-mcp"],
    ] {
        let ran = home.run(words);
        assert!(
            ran.code != Some(0) && ran.err.contains("is a file, and the policies"),
            "{words:?}: {} {}",
            ran.out,
            ran.err
        );
        assert!(ran.err.contains("Move it away"), "{words:?}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(&dir).unwrap(), text);
}

/// What the lock has of a tool decides what an edit is said to change, as it decides in a session.
#[test]
fn the_tools_of_the_lock_are_in_the_table_of_what_changes() {
    let home = Home::new();
    let policy =
        "version = \"1\"\ndefault = \"deny\"\n[classes.read]\n[classes.write]\n[classes.execute]\naction = \"hide\"\n";
    let file = home.policy("shop.toml", policy);
    let mut lock = Lock::new("shop");
    for (name, description, class) in [
        ("gzip-file-as-resource", "Compresses a single file.", Class::Write),
        ("get_notes", "Gets the notes, then deletes them.", Class::Destructive),
        ("get_lists", "Returns the lists.", Class::Read),
    ] {
        let tool = json!({ "name": name, "description": description, "inputSchema": { "type": "object" } });
        lock.insert(ItemKind::Tool, &tool.to_string(), Some(class)).unwrap();
    }
    fs::write(file.with_file_name("shop.lock.json"), lock.write()).unwrap();
    let changes = |words: &[&str]| {
        let json = home.json(&[words, &["--server", "shop", "--dry-run", "--format", "json"]].concat());
        let changes = json["decisions"].as_array().unwrap().clone();
        changes
            .iter()
            .map(|one| json!([one["tool"], one["before"]["effect"], one["after"]["effect"]]))
            .collect::<Vec<_>>()
    };
    assert_eq!(changes(&["hide", "gzip-file-as-resource"]), [json!(["gzip-file-as-resource", "allow", "hide"])]);
    // A glob, and what is hidden already.
    assert_eq!(changes(&["hide", "get_*"]), [json!(["get_lists", "allow", "hide"])]);
    assert_eq!(changes(&["ask", "get_notes"]), [json!(["get_notes", "hide", "require_approval"])]);
}

#[test]
fn questions_name_what_is_near() {
    let home = Home::new();
    for (words, near) in [
        (&["decide", "get_list", "--server", "iterable"][..], "get_lists"),
        (&["decide", "--tool", "get_list", "--server", "iterable"], "get_lists"),
        (&["decide", "get_lists", "--server", "iterabel"], "iterable"),
        (&["explain", "get_lists", "--server", "iterabel"], "iterable"),
        (&["check", "iterabel"], "iterable"),
    ] {
        let ran = home.run(words);
        assert!(ran.err.contains(&format!("Did you mean {near}?")), "{words:?}: {}{}", ran.out, ran.err);
    }
    let ran = home.run(&["decide", "get_lists", "--server", "iterable"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    // What the log has is known, too.
    home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n");
    Log::new(&home, "shop").add(&passed(0, "refund", Class::Write)).seal();
    for words in [["decide", "refnd"], ["explain", "refnd"], ["reset", "refnd"]] {
        let ran = home.run(&[&words[..], &["--server", "shop"]].concat());
        assert!(ran.err.contains("Did you mean refund?"), "{words:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_glob_changes_every_entry_that_it_matches() {
    let text = "version = \"1\"\ndefault = \"deny\"\nhide = [\"send_b\"]\n\n[tools.send_a]\nrate_limit = \"30/minute\"\n\n\
                [tools.\"send_c*\"]\naction = \"deny\"\n\n[tools.get_lists]\n";
    for (verb, effects) in [
        (&["allow", "send_*"][..], ["allow"; 4]),
        (&["deny", "send_*"], ["deny"; 4]),
        (&["ask", "send_*"], ["require_approval"; 4]),
        (&["limit", "send_*", "3/min"], ["allow", "hide", "deny", "hide"]),
    ] {
        let home = Home::new();
        let file = home.policy("shop.toml", text);
        let ran = home.run(verb);
        assert_eq!(ran.code, Some(0), "{verb:?}: {}", ran.err);
        let now = fs::read_to_string(&file).unwrap();
        for (tool, effect) in ["send_a", "send_b", "send_cc", "send_later"].into_iter().zip(effects) {
            let ran = home.run(&["decide", tool, "--format", "json"]);
            let json: Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!(json["effect"], effect, "{verb:?} {tool}\n{now}");
        }
        assert!(ran.out.contains("+++") && ran.err.contains("`send_*` matches"), "{}{}", ran.out, ran.err);
        assert_eq!(now.contains("rate_limit = \"3/minute\""), verb[0] == "limit", "{now}");
        // Nothing else.
        assert!(now.ends_with("\n[tools.get_lists]\n") || now.contains("\n[tools.get_lists]\n\n"), "{now}");
    }
    // Each known tool that passes gets its own limit.
    let home = Home::new();
    home.policy("iterable.toml", "version = \"1\"\ndefault = \"deny\"\n\n[classes.read]\n");
    let ran = home.run(&["limit", "get_list*", "5/h"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("get_lists") && ran.out.contains("5 per hour"), "{}", ran.out);
}

#[test]
fn a_rate_may_be_short() {
    for (written, meant) in [
        ("10/min", "10/minute"),
        ("10/m", "10/minute"),
        ("10/Minutes", "10/minute"),
        ("3/s", "3/second"),
        ("3/sec", "3/second"),
        ("5/h", "5/hour"),
        ("5/hr", "5/hour"),
        ("7/d", "7/day"),
        ("7/days", "7/day"),
        ("9/90s", "9/90s"),
    ] {
        let home = Home::new();
        let file = home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n\n[tools.sell]\n");
        assert_eq!(home.run(&["limit", "sell", written]).code, Some(0), "{written}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("rate_limit = \"{meant}\"")), "{written}: {text}");
    }
    for wrong in ["10/fortnight", "m", "/m", "ten/m", "10/mo"] {
        let home = Home::new();
        home.policy("shop.toml", "version = \"1\"\ndefault = \"deny\"\n\n[tools.sell]\n");
        assert_eq!(home.run(&["limit", "sell", wrong]).code, Some(2), "{wrong}");
    }
}
