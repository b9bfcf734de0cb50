//! Names and methods: what a fold leaves, and that no spelling of a name gets a milder decision than the name itself.

use policylayer::policy::{
    self as policies, Decision, Effect, Format, Item, Judgement, Policy, Section, Server, ServerName, Source, ToolGlob,
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
    globs_hold(data);
    let Some((count, rest)) = data.split_first() else { return };
    let (rules, name) = rest.split_at(usize::from(*count % 8).min(rest.len()));
    let name = String::from_utf8_lossy(name);
    folds_once(&name);
    methods_are_told_apart(&name);
    let Some(policy) = load(rules) else { return };
    for name in NAMES {
        for spelling in spellings(name) {
            assert_eq!(fold(&spelling), name);
            is_no_milder_spelling(&policy, None, name, &spelling);
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
    let decide = |name| policy.decide_item(Item::unknown(section, name));
    is_no_milder_decision(decide(name), (spelling, decide(spelling)));
    for arguments in ARGUMENTS {
        let judge = |name| policy.judge_item(Item::unknown(section, name), arguments);
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
            kind => document["tools"][pattern] = entry_of(pattern, kind.into()),
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

/// Letters whose fold is of another length, that vanish, or that join with those beside them, and what they fold to.
const LETTERS: [&str; 26] = [
    "s", "ß", "ẞ", "ſ", "f", "i", "ﬁ", "ﬃ", "İ", "ı", "\u{307}", "e", "é", "\u{301}", "\u{323}", "\u{200b}", "k", "m",
    "㎞", "가", "\u{1100}", "\u{1161}", "ᾳ", "\u{345}", "A", "_",
];

struct Bytes<'d>(std::slice::Iter<'d, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> usize {
        self.0.next().copied().unwrap_or_default().into()
    }

    fn letter(&mut self) -> &'static str {
        LETTERS[self.next() % LETTERS.len()]
    }

    /// A glob, and a name that it matches.
    fn glob(&mut self) -> (String, String) {
        let (mut glob, mut name) = (String::new(), String::new());
        for _ in 0..=self.next() % 4 {
            let (one, other, picks_first) = (self.letter(), self.letter(), self.next().is_multiple_of(2));
            let (token, text) = match self.next() % 7 {
                0 => ("*".to_owned(), [one, other].concat()),
                1 => ("?".to_owned(), one.to_owned()),
                2 => (format!("[{one}{other}]"), if picks_first { one } else { other }.to_owned()),
                3 => (format!("{{{one},{other}}}"), if picks_first { one } else { other }.to_owned()),
                _ => (one.to_owned(), one.to_owned()),
            };
            glob.push_str(&token);
            name.push_str(&text);
        }
        (glob, name)
    }
}

/// For any policy, whatever its globs and names: a name that a rule restricts is restricted in every spelling, unless the rule is
/// about that spelling as well, and a more specific one decides.
pub fn globs_hold(data: &[u8]) {
    let mut bytes = Bytes(data.iter());
    let section = [None, Some(Section::Prompts), Some(Section::Methods), Some(Section::Requests)][bytes.next() % 4];
    let default = if bytes.next().is_multiple_of(3) { "deny" } else { "allow" };
    let mut document = json!({ "version": "1", "default": default, "hide": [], "tools": {} });
    let mut names = Vec::new();
    for _ in 0..=bytes.next() % 4 {
        let (glob, name) = bytes.glob();
        let kind = bytes.next() % 8;
        match (section, kind) {
            (None, 1) => document["hide"].as_array_mut().unwrap().push(json!(glob)),
            (None, kind) => document["tools"][&glob] = entry_of(&glob, kind),
            (Some(Section::Requests), 4) => {}
            (Some(section), kind) => document[section.to_string()][&glob] = entry_of(&glob, kind),
        }
        names.push(name);
    }
    let Some(policy) = load_document(&document) else { return };
    for name in &names {
        for spelling in other_spellings(name).iter().filter(|spelling| *spelling != name) {
            is_no_milder_spelling(&policy, section, name, spelling);
            is_no_milder_spelling(&policy, section, spelling, name);
        }
    }
}

/// An entry that names its key in what it says.
fn entry_of(key: &str, kind: usize) -> Value {
    let condition = json!([{ "path": "args.x", "op": "eq", "value": 1 }]);
    match kind {
        5 => json!({ "limits": [{ "counter": key, "max": 1, "window": 60, "on_deny": key }] }),
        6 => json!({ "deny_if": [{ "conditions": condition, "on_deny": key }], "reason": key }),
        7 => json!({}),
        kind => json!({ "action": (["deny", "hide", "require_approval"][kind % 3]), "reason": key }),
    }
}

/// Spellings with the same fold, by way of the standard library and others.
fn other_spellings(name: &str) -> Vec<String> {
    let all = [
        fold(name).into_owned(),
        name.to_uppercase(),
        name.to_lowercase(),
        fold(name).to_uppercase(),
        format!("\u{200b}{name} "),
        name.replace("ss", "ß"),
        name.replace("fi", "ﬁ"),
        name.replace("e\u{301}", "é"),
        name.replace('é', "e\u{301}"),
        name.replace('\u{200b}', ""),
        name.replace("\u{1100}\u{1161}", "가"),
    ];
    all.into_iter().filter(|other| fold(other) == fold(name)).collect()
}

fn is_no_milder_spelling(policy: &Policy, section: Option<Section>, one: &str, other: &str) {
    let is_about_other = |key: &str| ToolGlob::parse(key).is_ok_and(|glob| glob.matches(other));
    for arguments in ARGUMENTS {
        let [judged, of_other] = [one, other].map(|name| match section {
            None => policy.judge_call(name, arguments),
            Some(section) => policy.judge_item(Item::unknown(section, name), arguments),
        });
        let decision = judged.decision;
        if decision.rule != "default" && !decision.reason.is_some_and(is_about_other) {
            let of_other = of_other.decision;
            assert!(strictness(of_other) >= strictness(decision), "{one:?}: {decision:?}, and {other:?}: {of_other:?}");
        }
        if strictness(of_other.decision) < 2 {
            for limit in judged.limits().filter(|limit| !limit.reason.as_deref().is_some_and(is_about_other)) {
                let is_counted = of_other.limits().any(|own| own.counter == limit.counter);
                assert!(is_counted, "{one:?}: {limit:?}, and {other:?}: {of_other:?}");
            }
        }
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
