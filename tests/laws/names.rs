//! Names and methods: what a fold leaves, and that no spelling of a name gets a milder decision than the name itself.

use policylayer::policy::{
    self as policies, Decision, Effect, Format, Item, Judgement, Policy, Section, Server, ServerName, Source,
};
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
    // One section for each set of rules: a policy takes longer to load than to decide.
    let sections = [Section::Resources, Section::Prompts, Section::Methods, Section::Requests];
    let section = sections[rules.iter().map(|rule| usize::from(*rule)).sum::<usize>() % sections.len()];
    let Some(policy) = load_section(section, rules) else { return };
    for name in NAMES {
        let is_named = |spelling: &String| SECTION_PATTERNS.contains(&spelling.as_str());
        let names = spellings(name).into_iter().filter(|spelling| !is_named(spelling));
        let (name, others) = match section {
            Section::Resources => (format!("{DIRECTORY}{name}"), uri_spellings(name)),
            _ => (name.to_owned(), names.collect()),
        };
        for spelling in others {
            is_no_milder_item(&policy, section, &name, &spelling);
        }
    }
}

/// What a section may name. Its globs are written as their fold: one in upper case names such spellings.
const SECTION_PATTERNS: [&str; 10] =
    ["get_a", "Get_B", "delete_it", "ｐａｙ", "get_*", "get_?", "*_it", "g*", "*", "d?lete_*"];

const DIRECTORY: &str = "file:///srv/";

/// Other spellings of a URI in the directory.
fn uri_spellings(name: &str) -> Vec<String> {
    // A blank before a segment is another segment; at the ends of a URI it is none.
    let mut all = spellings(&format!("{DIRECTORY}{name}"));
    all.extend(spellings(name).into_iter().filter(|own| !own.starts_with(' ')).map(|own| format!("{DIRECTORY}{own}")));
    let escaped: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
    all.extend([
        format!("FILE:///srv/{name}"),
        format!("file:///srv/{escaped}"),
        format!("file:///srv/{}", escaped.replace('%', "%25")),
        format!("file:///SRV/{name}"),
        format!("file:///srv//{name}"),
        format!("file:///srv/x/../{name}"),
        format!("file:///srv/x%2f..%2F{name}"),
        format!("file:///srv/./{name}"),
        format!("file:///srv\\{name}"),
        format!("file:///srv/{name}."),
        format!("file:///x/..%5csrv/{name}"),
    ]);
    all
}

fn load_section(section: Section, rules: &[u8]) -> Option<Policy> {
    let mut document = json!({ "version": "1", "default": "allow", "tools": {} });
    for rule in rules {
        let pattern = SECTION_PATTERNS[usize::from(rule / 8) % SECTION_PATTERNS.len()];
        let pattern = if section == Section::Resources { format!("{DIRECTORY}{pattern}") } else { pattern.to_owned() };
        match rule % 8 {
            0 => document["default"] = json!("deny"),
            // A request of the server cannot ask.
            4 if section == Section::Requests => {}
            kind => document[section.to_string()][pattern] = entry(if kind == 1 { 7 } else { kind }),
        }
    }
    load_document(&document)
}

fn is_no_milder_item(policy: &Policy, section: Section, name: &str, spelling: &str) {
    fn item(section: Section, name: &str) -> Item<'_> {
        Item::unknown(section, name)
    }
    let decide = |name| policy.decide_item(item(section, name));
    is_no_milder_decision(decide(name), (spelling, decide(spelling)));
    for arguments in ARGUMENTS {
        let judge = |name| policy.judge_item(item(section, name), arguments);
        is_no_milder_judgement(judge(name), (spelling, judge(spelling)));
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
    load_document(&document)
}

fn load_document(document: &Value) -> Option<Policy> {
    let source = Source::new("policy.json", Format::Json, document.to_string());
    policies::load_policy(&source, &Server::by_name(&ServerName::parse("stub").unwrap())).policy
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
    let (one, other) = (policy.decide_tool(name), policy.decide_tool(spelling));
    // What no rule names may be named in another spelling.
    if one.rule == "default" {
        return;
    }
    is_no_milder_decision(one, (spelling, other));
    for arguments in ARGUMENTS {
        is_no_milder_judgement(policy.judge_call(name, arguments), (spelling, policy.judge_call(spelling, arguments)));
    }
}

fn is_no_milder_decision(one: Decision<'_>, (spelling, other): (&str, Decision<'_>)) {
    assert!(strictness(other) >= strictness(one), "{one:?}, and for {spelling:?} {other:?}");
}

fn is_no_milder_judgement(one: Judgement<'_>, (spelling, other): (&str, Judgement<'_>)) {
    is_no_milder_decision(one.decision, (spelling, other.decision));
    if strictness(other.decision) < 2 {
        let counters: Vec<_> = other.limits().map(|limit| &limit.counter).collect();
        assert!(one.limits().all(|limit| counters.contains(&&limit.counter)), "{one:?} and {other:?}");
    }
}

fn strictness(decision: Decision<'_>) -> u8 {
    match decision.effect {
        Effect::Allow => 0,
        Effect::RequireApproval => 1,
        Effect::Deny => 2,
        Effect::Hide => 3,
    }
}
