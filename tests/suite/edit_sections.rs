//! Every key of a policy under every command that edits one: it stays as it is, is merged, or the command says that it is
//! left out. What holds beside tool calls changes only where it was named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use policylayer::author::edit::{self, EditAction, Edited, Order, Pasted};
use policylayer::policy::{
    self, Decision, Effect, Format, Item, Policy, Section, Server, ServerName, Source, Standing, builtin_policy,
};
use serde_json::{Value, json};

const TOML: &str = r##"# Ours.
"$schema" = "./policy.schema.json"
version = "1"
description = "Everything."
default = "deny"
unlisted = "deny"
beside_tools = "builtin"
trust_hints = "read_only"
lock = "warn"
catalogue = "iterable"
hide = ["hidden_tool"] # never

[all_tools]
rate_limit = "100/minute"

[classes.read]
rate_limit = "50/minute"

[tools.get_lists]
rate_limit = "10/minute"

# Reports.
[resources."file:///srv/**"]
rate_limit = "5/minute"

[prompts."weekly_*"]
action = "deny"

[requests.sampling]
action = "deny" # no model

[methods."x-vendor/*"]
action = "deny"

[results]
max_text = "4KiB"
"##;

const YAML: &str = r##"# Ours.
$schema: ./policy.schema.json
version: "1"
description: Everything.
default: deny
unlisted: deny
beside_tools: builtin
trust_hints: read_only
lock: warn
catalogue: iterable
hide: [hidden_tool] # never
all_tools: { rate_limit: 100/minute }
classes:
  read: { rate_limit: 50/minute }
tools:
  get_lists: { rate_limit: 10/minute }
# Reports.
resources:
  "file:///srv/**":
    rate_limit: 5/minute
prompts:
  "weekly_*": { action: deny }
requests:
  sampling: { action: deny } # no model
methods: { "x-vendor/*": { action: deny } }
results: { max_text: 4KiB }
"##;

/// A value for each key.
fn full() -> Value {
    json!({
        "$schema": "./policy.schema.json",
        "version": "1",
        "description": "Everything.",
        "default": "deny",
        "unlisted": "deny",
        "beside_tools": "builtin",
        "trust_hints": "read_only",
        "lock": "warn",
        "catalogue": "iterable",
        "hide": ["hidden_tool"],
        "all_tools": { "rate_limit": "100/minute" },
        "classes": { "read": { "rate_limit": "50/minute" } },
        "tools": { "get_lists": { "rate_limit": "10/minute" } },
        "resources": { "file:///srv/**": { "rate_limit": "5/minute" } },
        "prompts": { "weekly_*": { "action": "deny" } },
        "requests": { "sampling": { "action": "deny" } },
        "methods": { "x-vendor/*": { "action": "deny" } },
        "results": { "max_text": "4KiB" },
    })
}

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn json_source(document: &Value) -> Source {
    Source::new("policy.json", Format::Json, serde_json::to_string_pretty(document).unwrap())
}

fn document(source: &Source) -> Value {
    serde_json::from_str(&policy::as_json(source).unwrap()).unwrap()
}

fn load(source: &Source, server: &ServerName) -> Policy {
    let loaded = policy::load_policy(source, &Server::by_name(server));
    loaded.policy.unwrap_or_else(|| panic!("{}\n{:#?}", source.text(), loaded.diagnostics))
}

/// The same document in each format.
fn everything() -> [Source; 3] {
    let written = [(Format::Toml, TOML), (Format::Yaml, YAML)].map(|(format, text)| Source::new("p", format, text));
    let [toml, yaml] = written;
    [toml, yaml, json_source(&full())]
}

/// Documents that only hide, in each format, and one that has a section as well.
fn patches() -> [Source; 4] {
    [
        (Format::Toml, "# Ours.\nversion = \"1\"\ndefault = \"deny\"\nhide = [\n  \"hidden_tool\", # never\n]\n# The end.\n"),
        (Format::Yaml, "version: \"1\"\ndefault: deny\nhide:\n  - hidden_tool # never\n"),
        (Format::Json, "{\"version\":\"1\",\"default\":\"deny\",\"hide\":[\"hidden_tool\"]}"),
        (
            Format::Toml,
            "version = \"1\"\ndefault = \"deny\"\nhide = [\"hidden_tool\"]\n\n[resources.\"file:///etc/**\"]\naction = \"deny\"\n",
        ),
    ]
    .map(|(format, text)| Source::new("patch", format, text))
}

fn actions() -> [EditAction; 6] {
    [
        EditAction::Allow,
        EditAction::Deny,
        EditAction::Hide,
        EditAction::Ask { timeout: Some("10m".to_owned()) },
        EditAction::Limit { rate: "3/minute".to_owned(), scope: None },
        EditAction::Reset,
    ]
}

fn carry_out(source: Option<&Source>, server: &ServerName, action: &EditAction, tool: &str) -> Option<Edited> {
    let order = Order { action: action.clone(), tools: vec![tool.to_owned()], reason: None };
    edit::carry_out_order(source, "policy.toml", &Server::by_name(server), &order).ok()
}

fn paste(into: Option<&Source>, server: &ServerName, pasted: &Value) -> Edited {
    let pasted = Pasted::read("pasted", Some(Format::Json), &pasted.to_string()).unwrap();
    edit::merge_pasted(into, "policy.toml", &Server::by_name(server), &pasted).unwrap()
}

/// How a policy decides beside tool calls, with and without entries.
fn beside_tools(policy: &Policy) -> Vec<(Effect, String)> {
    let names = [
        (Section::Resources, "file:///srv/may.csv"),
        (Section::Resources, "file:///etc/shadow"),
        (Section::Resources, "demo://x"),
        (Section::Prompts, "weekly_report"),
        (Section::Prompts, "greet"),
        (Section::Requests, "sampling"),
        (Section::Requests, "elicitation"),
        (Section::Requests, "roots"),
        (Section::Requests, "x-vendor/ask"),
        (Section::Methods, "x-vendor/do"),
        (Section::Methods, "y-vendor/do"),
        (Section::Methods, "tasks/get"),
    ];
    let hidden = Decision { effect: Effect::Hide, rule: "hide[0]", reason: None, file: None };
    let standings = [Standing::Unknown, Standing::Listed, Standing::OfTool(hidden)];
    let items = names
        .iter()
        .flat_map(|(section, name)| standings.map(|standing| Item { standing, ..Item::unknown(*section, name) }));
    let decide = |item: Item<'_>| {
        let limits: Vec<_> = policy.limits_of_item(item).map(|limit| (limit.max, limit.window)).collect();
        (policy.decide_item(item).effect, format!("{item:?} {limits:?}"))
    };
    items.map(decide).collect()
}

#[test]
fn the_table_has_every_key_and_the_three_formats_say_the_same() {
    let schema = policy::schema::policy_schema();
    let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let tried: BTreeSet<_> = full().as_object().unwrap().keys().cloned().collect();
    assert_eq!(known, tried, "a key is not tried");
    for source in everything() {
        load(&source, &server("shop"));
        assert_eq!(document(&source), full(), "{}", source.text());
    }
}

#[test]
fn an_edit_of_a_tool_changes_no_other_key() {
    let shop = server("shop");
    let mut done = 0;
    for source in everything() {
        let before = beside_tools(&load(&source, &shop));
        for action in actions() {
            for tool in ["get_lists", "hidden_tool", "new_tool", "new_*", "*"] {
                let Some(edited) = carry_out(Some(&source), &shop, &action, tool) else { continue };
                done += 1;
                let context = format!("{action:?} {tool}\n{}", edited.source.text());
                let now = document(&edited.source);
                for (key, value) in full().as_object().unwrap() {
                    let may_change = ["hide", "tools"].contains(&key.as_str()) || tool == "*" && key == "all_tools";
                    assert!(may_change || now[key] == *value, "{key} {context}");
                }
                for untouched in [("get_lists", "tools"), ("hidden_tool", "hide")] {
                    let (name, key) = untouched;
                    let is_kept = now[key].to_string().contains(name);
                    assert!(is_kept || name == tool, "{name} {context}");
                }
                assert_eq!(beside_tools(&edited.policy), before, "{context}");
                if source.format() != Format::Json {
                    for comment in source.text().lines().filter(|line| line.starts_with('#')) {
                        assert!(edited.source.text().contains(comment), "{context}");
                    }
                }
            }
        }
    }
    assert!(done > 60, "{done}");
}

#[test]
fn the_built_in_rules_beside_tools_go_on_in_a_file_that_stands_alone() {
    let patches = patches();
    let mut stand_alone = 0;
    for name in ["shop", "iterable"] {
        let server = server(name);
        for source in patches.iter().map(Some).chain([None]) {
            let policy =
                source.map_or_else(|| builtin_policy(&Server::by_name(&server)), |source| load(source, &server));
            let before = beside_tools(&policy);
            // Writing a long policy out takes a while.
            let tools = if name == "shop" { &["hidden_tool", "get_lists", "new_tool"][..] } else { &["new_tool"] };
            for action in actions() {
                for tool in tools {
                    let Some(edited) = carry_out(source, &server, &action, tool) else { continue };
                    let context = format!("{name} {action:?} {tool}\n{}", edited.source.text());
                    assert_eq!(beside_tools(&load(&edited.source, &server)), before, "{context}");
                    stand_alone += usize::from(edited.policy.summarize().mode == policy::Mode::Standalone);
                }
            }
            for pasted in [json!({ "tools": { "new_tool": {} } }), json!({ "classes": { "read": {} } })] {
                let edited = paste(source, &server, &pasted);
                assert_eq!(beside_tools(&edited.policy), before, "{pasted}\n{}", edited.source.text());
            }
        }
    }
    assert!(stand_alone > 30, "{stand_alone}");
}

/// What becomes of a key of a pasted document.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It is merged into what is there.
    Merged,
    /// That of the policy stays, and the command says so.
    Stays,
    /// That of the policy stays; it decides nothing.
    DecidesNothing,
}

fn fate_of(key: &str) -> Fate {
    match key {
        "hide" | "all_tools" | "classes" | "tools" | "results" | "resources" | "prompts" | "requests" | "methods" => {
            Fate::Merged
        }
        "default" | "unlisted" | "beside_tools" | "trust_hints" | "lock" | "catalogue" => Fate::Stays,
        "$schema" | "version" | "description" => Fate::DecidesNothing,
        _ => panic!("what becomes of {key}?"),
    }
}

/// Whether all of one value is in another.
fn includes(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|own| includes(own, value)))
        }
        (Value::Array(whole), Value::Array(part)) => part.iter().all(|item| whole.contains(item)),
        _ => whole == part,
    }
}

#[test]
fn each_key_that_is_pasted_is_merged_or_said_to_be_left_out() {
    let shop = server("shop");
    let bare = [
        (Format::Toml, "version = \"1\"\ndefault = \"allow\"\n"),
        (Format::Yaml, "version: \"1\"\ndefault: allow\n"),
        (Format::Json, "{\"version\":\"1\",\"default\":\"allow\"}"),
    ]
    .map(|(format, text)| Source::new("bare", format, text));
    let others = json!({
        "version": "1", "default": "allow", "hide": ["other"],
        "tools": { "other": {} }, "classes": { "write": {} }, "all_tools": { "reason": "No." },
        "resources": { "other:x": {} }, "prompts": { "other": {} },
        "requests": { "roots": {} }, "methods": { "other/x": {} },
    });
    let targets: Vec<_> = bare.into_iter().chain([json_source(&others)]).chain(patches()).map(Some).collect();
    for into in targets.into_iter().chain([None]) {
        for (key, value) in full().as_object().unwrap() {
            // A paste needs something to merge.
            let pasted =
                if fate_of(key) == Fate::Merged { json!({ key: value }) } else { json!({ key: value, "hide": ["x"] }) };
            let before = into.as_ref().map(document);
            let edited = paste(into.as_ref(), &shop, &pasted);
            let (now, notes) = (document(&edited.source), edited.notes.join("\n"));
            let context = format!("{key}: {notes}\n{}", edited.source.text());
            match fate_of(key) {
                Fate::Merged => assert!(includes(&now[key], value), "{context}"),
                Fate::Stays => {
                    let is_same =
                        now[key] == *value || key == "beside_tools" && *value == *edited.policy.beside_tools().as_str();
                    assert!(is_same || notes.contains(&format!("`{key}` stays")), "{context}");
                }
                Fate::DecidesNothing => {}
            }
            if let Some(before) = before {
                let kept = before.as_object().unwrap().iter();
                kept.for_each(|(key, value)| assert!(includes(&now[key], value), "{key} of the policy, {context}"));
            }
            let again = paste(Some(&edited.source), &shop, &pasted);
            assert!(!again.is_changed, "{context}\nand again\n{}", again.source.text());
        }
    }
}

#[test]
fn an_entry_that_is_replaced_is_named_whatever_its_spelling() {
    let shop = server("shop");
    for (key, old, new, rule) in [
        ("tools", "get_lists", "get_lists", "tools.get_lists"),
        ("classes", "read", "read", "classes.read"),
        ("all_tools", "", "", "all_tools.rate_limit"),
        ("resources", "file:///srv/**", "FILE:///srv/**", "resources.\"file:///srv/**\""),
        ("resources", "file:///a/b", "file:///a/./c/../b", "resources.\"file:///a/b\""),
        ("prompts", "weekly", "weekly", "prompts.weekly"),
        ("requests", "sampling", "sampling/createMessage", "requests.sampling"),
        ("methods", "x/y", "x/y", "methods.\"x/y\""),
    ] {
        let entry = |name: &str, rate: &str| match name {
            "" => json!({ key: { "rate_limit": rate } }),
            name => json!({ key: { name: { "rate_limit": rate } } }),
        };
        let mut document = entry(old, "5/minute");
        document["version"] = json!("1");
        document["default"] = json!("deny");
        let source = json_source(&document);
        let edited = paste(Some(&source), &shop, &entry(new, "7/hour"));
        let notes = edited.notes.join("\n");
        assert!(notes.contains(&format!("`{rule}` was there already")), "{notes}\n{}", edited.source.text());
        let text = edited.source.text();
        assert!(text.contains("7/hour") && !text.contains("5/minute"), "{text}");
        assert_eq!(text.matches("rate_limit").count(), 1, "{text}");
    }
}
