//! Names and methods: what a fold leaves, and that no spelling of a name gets a milder decision than the name itself.

use policylayer::policy::{self as policies, Decision, Effect, Format, Policy, ServerName, Source};
use policylayer::wire::fold::fold;
use policylayer::wire::method::{METHODS, MethodClass, classify_method};
use serde_json::{Value, json};

/// What a policy may name.
const PATTERNS: [&str; 10] =
    ["get_a", "Get_B", "delete_it", "ｐａｙ", "get_*", "Get_?", "*_it", "g*", "[A-G]et_[ab]", "DELETE_*"];

/// Names as a server may have them, which are their own folds.
const NAMES: [&str; 5] = ["get_a", "get_b", "delete_it", "pay", "grow"];

const ARGUMENTS: [&str; 2] = ["{}", r#"{"x":1}"#];

/// The first byte is the number of rules, each of the next ones is a rule, and the rest is a name.
pub fn holds(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (rules, name) = rest.split_at(usize::from(*count % 8).min(rest.len()));
    let name = String::from_utf8_lossy(name);
    folds_once(&name);
    methods_are_told_apart(&name);
    let Some(policy) = load(rules) else { return };
    for name in NAMES {
        for spelling in spellings(name).into_iter().filter(|spelling| !PATTERNS.contains(&spelling.as_str())) {
            assert_eq!(fold(&spelling), name);
            is_no_milder(&policy, name, &spelling);
        }
    }
}

fn folds_once(name: &str) {
    let folded = fold(name);
    assert_eq!(fold(&folded), folded, "{name:?}");
    for spelling in spellings(name) {
        assert_eq!(fold(&spelling), folded, "{name:?} and {spelling:?}");
    }
}

fn methods_are_told_apart(name: &str) {
    let alike = METHODS.iter().find(|method| fold(method.name) == fold(name));
    match classify_method(name) {
        MethodClass::Known(method) => assert_eq!(method.name, name),
        MethodClass::LooksLike(other) => assert_ne!(other, name),
        MethodClass::Unknown => assert_eq!(alike, None, "{name:?}"),
    }
}

/// Other spellings of a name.
fn spellings(name: &str) -> Vec<String> {
    let between = |c: char| name.chars().flat_map(|own| [own, c]).collect::<String>();
    vec![
        name.to_ascii_uppercase(),
        name.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c }).collect(),
        format!(" {name}\u{3000}"),
        between('\u{200b}'),
        between('\u{ad}').to_ascii_uppercase(),
        format!("{name}\n"),
    ]
}

fn load(rules: &[u8]) -> Option<Policy> {
    let mut document = json!({ "version": "1", "default": "allow", "hide": [], "tools": {} });
    for rule in rules {
        let pattern = PATTERNS[usize::from(rule / 8) % PATTERNS.len()];
        match rule % 8 {
            0 => document["default"] = json!("deny"),
            1 => document["hide"].as_array_mut().unwrap().push(json!(pattern)),
            kind => document["tools"][pattern] = entry(kind),
        }
    }
    let source = Source::new("policy.json", Format::Json, document.to_string());
    policies::load_policy(&source, &ServerName::parse("stub").unwrap()).policy
}

fn entry(kind: u8) -> Value {
    let condition = json!([{ "path": "args.x", "op": "eq", "value": 1 }]);
    match kind {
        2 => json!({}),
        3 => json!({ "action": "deny" }),
        4 => json!({ "action": "require_approval" }),
        5 => json!({ "rate_limit": { "max": 1, "window": 60 } }),
        6 => json!({ "deny_if": [{ "conditions": condition }] }),
        _ => json!({ "action": "hide" }),
    }
}

fn is_no_milder(policy: &Policy, name: &str, spelling: &str) {
    let strictness = |decision: Decision<'_>| match decision.effect {
        Effect::Allow => 0,
        Effect::RequireApproval => 1,
        Effect::Deny => 2,
        Effect::Hide => 3,
    };
    let (one, other) = (policy.decide_tool(name), policy.decide_tool(spelling));
    // What no rule names may be named in another spelling.
    if one.rule == "default" {
        return;
    }
    assert!(strictness(other) >= strictness(one), "{one:?}, and for {spelling:?} {other:?}");
    for arguments in ARGUMENTS {
        let (one, other) = (policy.judge_call(name, arguments), policy.judge_call(spelling, arguments));
        assert!(strictness(other.decision) >= strictness(one.decision), "{one:?}, and for {spelling:?} {other:?}");
        if strictness(other.decision) < 2 {
            let counters: Vec<_> = other.limits().map(|limit| &limit.counter).collect();
            assert!(one.limits().all(|limit| counters.contains(&&limit.counter)), "{one:?} and {other:?}");
        }
    }
}
