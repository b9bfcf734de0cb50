//! The examples that are shipped, and those of the reference: each loads, and does what it says.
//!
//! `# get_lists: allow by tools.get_lists` says what becomes of a tool, and with arguments, as in
//! `# a {"n": 1}: allow by tools.a, counted by tools.a.rate_limit`, what becomes of a call and which limits count it.

use std::collections::BTreeSet;
use std::path::Path;

use policylayer::policy::{ConditionInput, Format, Policy, Severity};
use policylayer::provenance::SessionMemory;

use super::{codes, load, valid};

/// Every key of the language, of whatever table.
const KEYS: &[&str] = &[
    "$schema",
    "version",
    "description",
    "default",
    "unlisted",
    "hide",
    "all_tools",
    "classes",
    "tools",
    "action",
    "reason",
    "on_deny",
    "rate_limit",
    "limits",
    "spend_limit",
    "amount_from",
    "deny_if",
    "require",
    "approve_if",
    "results",
    "strip",
    "max_text",
    "rules",
    "class",
    "approval_timeout",
    "max",
    "window",
    "scope",
    "counter",
    "increment",
    "increment_from",
    "align",
    "refund_on_error",
    "conditions",
    "match",
    "path",
    "op",
    "value",
    "name",
    "state",
];

/// Every operator.
const OPERATORS: &[&str] = &[
    "eq",
    "neq",
    "in",
    "not_in",
    "lt",
    "lte",
    "gt",
    "gte",
    "regex",
    "not_regex",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "exists",
    "glob",
    "len_lte",
    "len_gte",
    "under",
    "detects",
    "came_from",
];

/// Whether the text has the word as a word.
fn has(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part)
    })
}

fn words_missing_in(text: &str) -> BTreeSet<&'static str> {
    KEYS.iter().chain(OPERATORS).copied().filter(|word| !has(text, word)).collect()
}

/// Holds a policy to the comments that say what it does, and counts them.
fn hold(policy: Option<&Policy>, comments: &str, place: &str) -> usize {
    let mut held = 0;
    for line in comments.lines().filter_map(|line| line.strip_prefix("# ")) {
        let end = line.rfind("}: ").map(|brace| brace + 1).or_else(|| line.find(": "));
        let Some((call, rest)) = end.map(|end| (&line[..end], &line[end + 2..])) else { continue };
        let Some((effect, rest)) = rest.split_once(" by ") else { continue };
        let (rule, limits) = rest.split_once(", counted by ").unwrap_or((rest, ""));
        let policy = policy.unwrap_or_else(|| panic!("{place}: {line}, but it is invalid"));
        let (decision, counted) = match call.split_once(' ') {
            None => (policy.decide_tool(call), Vec::new()),
            Some((tool, arguments)) => {
                serde_json::from_str::<serde_json::Value>(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
                // In a session that has read and called nothing.
                let memory = SessionMemory::default();
                let input = ConditionInput { provenance: Some(&memory), ..ConditionInput::from(arguments) };
                let judgement = policy.judge_call(tool, input);
                let is_counted = judgement.decision.effect.as_str() == "allow";
                let counted = judgement.limits().filter(|_| is_counted).map(|limit| limit.rule.as_str()).collect();
                (judgement.decision, counted)
            }
        };
        assert_eq!(
            (decision.effect.as_str(), decision.rule, counted.join(" ").as_str()),
            (effect, rule, limits),
            "{place}: {line}"
        );
        held += 1;
    }
    held
}

#[test]
fn every_shipped_example_loads_and_does_what_it_says() {
    let table = include_str!("examples.txt");
    let said = |name: &str| {
        let head = format!("== {name}\n");
        table.split_once(&head).map(|(_, rest)| rest.split("\n== ").next().expect("a part"))
    };
    let (mut found, mut all) = (0, String::new());
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")).expect("examples") {
        let path = entry.expect("an example").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let format = path.extension().and_then(|ending| ending.to_str()).and_then(Format::from_ending);
        let text = std::fs::read_to_string(&path).expect("readable");
        let policy = valid(format.expect("a format"), &text, "iterable");
        let comments = if name.ends_with(".json") { said(name).unwrap_or_default() } else { &text };
        assert!(hold(Some(&policy), comments, name) >= 1, "{name} says nothing of what it does");
        all.push_str(&text);
        found += 1;
    }
    assert!(found >= 20, "{found}");
    assert_eq!(words_missing_in(&all), BTreeSet::new(), "no example has these");
}

#[test]
fn the_reference_has_an_example_a_key_and_each_example_does_what_it_says() {
    let reference = include_str!("../../../docs/policy.md");
    let (mut examples, mut held, mut all) = (0, 0, String::new());
    for block in reference.split("\n```").skip(1).step_by(2) {
        let (head, body) = block.split_once('\n').expect("a fenced block");
        let mut words = head.split_whitespace();
        let Some(format) = words.next().and_then(Format::from_ending) else { continue };
        let is_error = words.next() == Some("error");
        let loaded = load(format, body, "iterable");
        assert_eq!(loaded.policy.is_none(), is_error, "{body}\n{:#?}", loaded.diagnostics);
        assert_eq!(codes(&loaded, Severity::Error).is_empty(), !is_error, "{body}");
        held += hold(loaded.policy.as_ref(), body, body);
        examples += 1;
        if !is_error {
            all.push_str(body);
        }
    }
    assert!(examples >= 25 && held >= 60, "{examples} examples, {held} sayings");
    assert_eq!(words_missing_in(&all), BTreeSet::new(), "no example has these");
}
