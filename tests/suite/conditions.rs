//! Conditions at their boundary: a path, an operator and a value, arguments as written, and what comes of them.
//! The table is in conditions.jsonl.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{PATIENCE, computing_time};
use std::cmp::Ordering;

use policylayer::limits::{MAX_JUDGED_NUMBER, MAX_JUDGED_PATH, MAX_PATH_STEPS, MAX_REGEX_LENGTH};
use policylayer::policy::condition::{Condition, ConditionOutcome, GroupKind, Operator, Path};
use policylayer::policy::{
    Amount, AmountError, ConditionInput, Diagnostic, Effect, Format, Number, Policy, Server, ServerName, Source,
    UriForms, load_policy,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A condition, and values or arguments by what comes of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'r> {
    about: String,
    /// The argument that the values are given as; without it they are all arguments.
    of: Option<String>,
    path: String,
    op: String,
    #[serde(borrow)]
    value: &'r RawValue,
    holds: Vec<&'r RawValue>,
    fails: Vec<&'r RawValue>,
    #[serde(default)]
    missing: Vec<&'r RawValue>,
    unjudgeable: Vec<&'r RawValue>,
}

fn compile(path: &str, op: &str, value: &str) -> Result<Condition, Vec<Diagnostic>> {
    let path = serde_json::json!(path);
    let text = format!("{{\"path\":{path},\"op\":\"{op}\",\"value\":{value}}}");
    Condition::parse(&Source::new("condition", Format::Json, text))
}

fn condition(path: &str, op: &str, value: &str) -> Condition {
    compile(path, op, value).unwrap_or_else(|error| panic!("{path} {op} {value}: {error:?}"))
}

/// The outcome for arguments where it does not depend on the kind of the group.
fn judge(condition: &Condition, arguments: &str) -> ConditionOutcome {
    let outcomes = [GroupKind::Denial, GroupKind::Requirement].map(|kind| condition.judge(kind, arguments));
    assert_eq!(outcomes[0], outcomes[1], "{arguments}");
    outcomes[0]
}

/// A policy whose only tool has these keys, in JSON.
fn policy(entry: &str) -> Policy {
    let text = format!("{{\"version\":\"1\",\"default\":\"deny\",\"tools\":{{\"t\":{entry}}}}}");
    let loaded =
        load_policy(&Source::new("p.json", Format::Json, text), &Server::by_name(&ServerName::parse("shop").unwrap()));
    loaded.policy.unwrap_or_else(|| panic!("{entry}: {:?}", loaded.diagnostics))
}

/// What a policy with this entry makes of a call.
fn effect(entry: &str, arguments: &str) -> Effect {
    policy(entry).judge_call("t", arguments).decision.effect
}

fn denied(condition: &str, arguments: &str) -> bool {
    effect(&format!("{{\"deny_if\":[{{\"conditions\":[{condition}]}}]}}"), arguments) == Effect::Deny
}

fn let_through(condition: &str, arguments: &str) -> bool {
    effect(&format!("{{\"require\":[{condition}]}}"), arguments) == Effect::Allow
}

fn written(path: &str, op: &str, value: &str) -> String {
    format!("{{\"path\":{},\"op\":\"{op}\",\"value\":{value}}}", serde_json::json!(path))
}

#[test]
fn every_row_of_the_table() {
    let mut operators = Vec::new();
    for line in include_str!("conditions.jsonl").lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let condition = condition(&row.path, &row.op, row.value.get());
        let written = written(&row.path, &row.op, row.value.get());
        operators.push(condition.operator());
        for (expected, values) in [
            (ConditionOutcome::Holds, &row.holds),
            (ConditionOutcome::Fails, &row.fails),
            (ConditionOutcome::Missing, &row.missing),
            (ConditionOutcome::Unjudgeable, &row.unjudgeable),
        ] {
            for value in values {
                let arguments = match &row.of {
                    Some(name) => format!("{{ \"w\" : [] ,\t\"{name}\" : {value} }}"),
                    None => value.get().to_owned(),
                };
                assert_eq!(judge(&condition, &arguments), expected, "{}: {arguments}", row.about);

                let negative = matches!(row.op.as_str(), "neq" | "not_in" | "not_regex" | "not_contains");
                let denies = match expected {
                    ConditionOutcome::Holds | ConditionOutcome::Unjudgeable => true,
                    ConditionOutcome::Missing => negative,
                    ConditionOutcome::Fails => false,
                };
                assert_eq!(denied(&written, &arguments), denies, "{}: {arguments}", row.about);
                let satisfied = expected == ConditionOutcome::Holds;
                assert_eq!(let_through(&written, &arguments), satisfied, "{}: {arguments}", row.about);
            }
        }
        if row.of.is_some() && row.op != "exists" {
            assert_eq!(judge(&condition, "{}"), ConditionOutcome::Missing, "{}", row.about);
        }
    }
    for operator in Operator::ALL {
        assert!(operators.contains(&operator), "no row for {operator}");
    }
}

#[test]
fn an_argument_that_is_left_out_is_no_way_past() {
    for (op, value, denied) in [
        ("eq", "1", false),
        ("neq", "1", true),
        ("in", "[1]", false),
        ("not_in", "[1]", true),
        ("lt", "1", false),
        ("gte", "1", false),
        ("regex", "\"a\"", false),
        ("not_regex", "\"a\"", true),
        ("contains", "\"a\"", false),
        ("not_contains", "\"a\"", true),
        ("starts_with", "\"a\"", false),
        ("ends_with", "\"a\"", false),
        ("glob", "\"a\"", false),
        ("len_lte", "1", false),
        ("len_gte", "0", false),
        ("under", "\"/\"", false),
        ("detects", "\"secret\"", false),
        ("came_from", "\"untrusted\"", false),
        ("exists", "true", false),
        ("exists", "false", true),
    ] {
        let written = written("args.v", op, value);
        assert_eq!(self::denied(&written, "{}"), denied, "deny_if {op}");
        assert_eq!(let_through(&written, "{}"), (op, value) == ("exists", "false"), "require {op}");
    }
}

#[test]
fn an_element_that_lacks_what_a_negative_operator_asks_for_does_not_save_the_call() {
    let condition = written("args.to[*].kind", "neq", "\"test\"");
    for (arguments, denied) in [
        (r#"{"to":[{"kind":"live"},{}]}"#, true),
        (r#"{"to":[{"kind":"test"},{}]}"#, false),
        (r#"{"to":[]}"#, false),
        (r#"{"to":[{"kind":"test"},{"kind":1}]}"#, true),
        (r#"{}"#, true),
    ] {
        assert_eq!(self::denied(&condition, arguments), denied, "{arguments}");
    }
}

#[test]
fn groups() {
    let conditions = [("args.type", "eq", "\"user\""), ("args.limit", "gt", "100")];
    let conditions = conditions.map(|(path, op, value)| written(path, op, value)).join(",");
    let entry = |key: &str, conditions: &str, join: &str| {
        policy(&format!("{{\"{key}\":[{{\"conditions\":[{conditions}],\"match\":\"{join}\"}}]}}"))
    };
    let passes = |policy: &Policy, arguments: &str| policy.judge_call("t", arguments).decision.effect == Effect::Allow;
    let [deny, require] = ["deny_if", "require"].map(|key| ["all", "any"].map(|join| entry(key, &conditions, join)));
    // Arguments; denied by all and by any; enough for all and for any.
    for (arguments, [deny_all, deny_any, require_all, require_any]) in [
        (r#"{"type":"user","limit":101}"#, [true, true, true, true]),
        (r#"{"type":"user","limit":100}"#, [false, true, false, true]),
        (r#"{"type":"user"}"#, [false, true, false, true]),
        (r#"{"type":"event","limit":100}"#, [false, false, false, false]),
        (r#"{"type":"user","limit":"101"}"#, [true, true, false, true]),
        (r#"{"type":["user"],"limit":"101"}"#, [true, true, false, false]),
        (r#"{"type":null,"limit":1}"#, [false, true, false, false]),
        (r#"{}"#, [false, false, false, false]),
    ] {
        assert_eq!(deny.each_ref().map(|policy| !passes(policy, arguments)), [deny_all, deny_any], "deny {arguments}");
        let required = require.each_ref().map(|policy| passes(policy, arguments));
        assert_eq!(required, [require_all, require_any], "require {arguments}");
    }
    for join in ["all", "any"] {
        assert!(!passes(&entry("deny_if", "", join), "{}"), "an empty list always holds");
        assert!(passes(&entry("require", "", join), "{}"), "an empty list always holds");
    }
}

#[test]
fn paths_that_are_wrong_say_where() {
    for (path, offset) in [
        ("", 0),
        ("arg.a", 0),
        ("argsa", 0),
        ("Args.a", 0),
        ("$.a", 0),
        ("args", 4),
        ("args[0]", 4),
        ("args[*].a", 4),
        ("args[\"a\"]", 4),
        ("args.", 5),
        ("args.a.", 7),
        ("args..a", 5),
        ("args.[0]", 5),
        ("args.a b", 6),
        ("args.a.b c", 8),
        ("args.a.*", 7),
        ("args.é\"x", 7),
        ("args.\"a", 5),
        ("args.\"a\\\"", 5),
        ("args.\"a\\x\"", 5),
        ("args.\"\\ud83d\"", 5),
        ("args.\"a\\u0000\"", 5),
        ("args.\"a\"b", 8),
        ("args.a[", 6),
        ("args.a[]", 6),
        ("args.a[-1]", 6),
        ("args.a[01]", 6),
        ("args.a[1 ]", 6),
        ("args.a[b]", 6),
        ("args.a[99999999999999999999999]", 6),
        ("args.a[0]b", 9),
        ("args.a]", 6),
        ("args.**.a", 5),
        ("args.a.***", 7),
        ("args**", 0),
        ("input", 5),
        ("input[0]", 5),
        ("inputs.a", 0),
        ("uri.a", 3),
        ("uri[0]", 3),
        ("urine", 0),
        ("session", 7),
        ("session.reads", 7),
        ("sessions.called", 0),
    ] {
        let error = Path::parse(path).expect_err(path);
        assert_eq!(error.offset, offset, "{path}: {error}");
        assert!(!error.hint.is_empty() && !error.to_string().is_empty());
    }
    let deep = |steps: usize| format!("args.a{}", "[0]".repeat(steps - 1));
    assert!(Path::parse(&deep(MAX_PATH_STEPS)).is_ok());
    let error = Path::parse(&deep(MAX_PATH_STEPS + 1)).unwrap_err();
    assert_eq!(error.offset, deep(MAX_PATH_STEPS).len());
    assert!(error.to_string().contains(&MAX_PATH_STEPS.to_string()));
    assert_eq!(Path::parse("args.\"a.b\"[0].c").unwrap().argument_name(), Some("a.b"));
    for path in ["uri", "input.a", "args.**"] {
        assert_eq!(Path::parse(path).unwrap().argument_name(), None, "{path}");
    }
}

#[test]
fn operators_that_are_wrong_name_the_nearest() {
    for (op, expected) in [
        ("equal", None),
        ("EQ", Some("eq")),
        ("==", Some("eq")),
        ("start_with", Some("starts_with")),
        (">=", Some("gte")),
        ("not-in", Some("not_in")),
        ("", None),
    ] {
        let errors = compile("args.a", op, "1").unwrap_err();
        assert_eq!(errors[0].code, "bad-operator");
        let hint = errors[0].hint.clone().unwrap();
        match expected {
            Some(expected) => assert_eq!(hint, format!("did you mean `{expected}`?")),
            None => assert!(hint.starts_with("the operators are"), "{op}: {hint}"),
        }
    }
}

#[test]
fn values_that_are_wrong_say_what_is_expected() {
    // The code, the text at the place of the error, and the message.
    let refused = |op: &str, value: &str| {
        let errors = compile("args.a", op, value).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{op} {value}: {errors:?}") };
        assert!(!error.hint.as_ref().unwrap().is_empty() && !error.message.contains('\n'), "{error:?}");
        let text = format!("{{\"path\":\"args.a\",\"op\":\"{op}\",\"value\":{value}}}");
        (error.code, text[error.span.clone()].to_owned(), error.message.clone())
    };
    let wrong_types = [
        ("eq", "null"),
        ("eq", "[1]"),
        ("neq", "{}"),
        ("contains", "[1]"),
        ("in", "\"a\""),
        ("not_in", "1"),
        ("lt", "\"5\""),
        ("gte", "true"),
        ("regex", "5"),
        ("glob", "null"),
        ("starts_with", "5"),
        ("ends_with", "[\"a\"]"),
        ("exists", "\"true\""),
        ("exists", "1"),
        ("len_lte", "\"5\""),
        ("under", "[\"/\"]"),
        ("detects", "5"),
        ("detects", "[]"),
        ("detects", "[5]"),
    ];
    for (op, value) in wrong_types {
        let (code, _, message) = refused(op, value);
        assert!(code == "bad-value" && message.contains(&format!("`{op}` takes")), "{op} {value}: {message}");
    }
    for (value, element) in [("[1,[2]]", "["), ("[1,null]", "null"), ("[\"a\",{}]", "{")] {
        let (code, place, message) = refused("in", value);
        assert_eq!((code, place.as_str()), ("bad-value", element));
        assert!(message.contains("strings, numbers and booleans"), "{message}");
    }
    assert_eq!(refused("not_in", "[]").2, "the list is empty");
    for value in ["-1", "1.5", "1e30"] {
        assert_eq!(refused("len_gte", value), ("bad-value", value.to_owned(), format!("`{value}` is not a length")));
    }
    assert_eq!(refused("glob", "\"[a\"").0, "bad-glob");
    for directory in ["", "..", "../a", "/..", "/srv/%2e%2e", "C:data", "http://x/y", "/a/\\u0000"] {
        let (code, _, message) = refused("under", &format!("\"{directory}\""));
        assert!(code == "bad-value" && message.contains("does not show where it leads"), "{directory}: {message}");
    }
    for (value, place, hint) in [
        ("\"emails\"", "\"emails\"", "did you mean \"email\"?"),
        ("[\"card\",\"secrets\"]", "\"secrets\"", "did you mean \"secret\"?"),
        ("\"name\"", "\"name\"", "the kinds are `email`, `phone`, `card`, `iban`, `ip` and `secret`"),
    ] {
        assert_eq!(refused("detects", value).1, place);
        let errors = compile("args.a", "detects", value).unwrap_err();
        assert_eq!(errors[0].hint.as_deref(), Some(hint));
    }
    let message = "the pattern is not a regular expression: unclosed group".to_owned();
    assert_eq!(refused("regex", "\"a(b\""), ("bad-regex", "\"a(b\"".to_owned(), message));
    for pattern in ["(?=a)", "(a)\\\\1", "[", "a{2,1}", "*"] {
        assert_eq!(refused("not_regex", &format!("\"{pattern}\"")).0, "bad-regex", "{pattern}");
    }
    let long = "a".repeat(MAX_REGEX_LENGTH);
    condition("args.a", "regex", &format!("\"{long}\""));
    for pattern in [format!("{long}a"), "(((a{100}){100}){100}){100}".to_owned()] {
        let (code, _, message) = refused("regex", &format!("\"{pattern}\""));
        assert_eq!((code, message.as_str()), ("bad-regex", "the regular expression is too large"));
    }
    let absent = Source::new("condition", Format::Json, r#"{"path":"args.a","op":"exists"}"#);
    let absent = Condition::parse(&absent).unwrap_err();
    assert_eq!(absent[0].message, "`exists` needs a value: true or false");
    assert_eq!(absent[0].hint.as_deref(), Some("add it, such as value = true"));
    for (op, value) in [("eq", "true"), ("in", "[\"a\",false]"), ("contains", "5"), ("not_contains", "true")] {
        let errors = compile("args.**", op, value).unwrap_err();
        assert!(errors[0].message.contains("`**`"), "{op} {value}: {errors:?}");
        condition("args.a", op, value);
    }
}

#[test]
fn numbers_of_a_policy_in_every_spelling() {
    for (spelled, argument) in
        [("0x1F", "31"), ("0o17", "15"), ("0b101", "5"), ("+5", "5"), ("-5", "-5"), ("1e3", "1000"), ("-0.0", "0")]
    {
        assert_eq!(Number::from_policy(spelled), Number::parse(argument), "{spelled}");
    }
    for spelled in [
        "inf",
        "-inf",
        "nan",
        ".inf",
        ".NaN",
        "010",
        "1_000",
        ".5",
        "5.",
        "0x",
        "0x-1",
        "+-5",
        "",
        "1e9999999999999999",
    ] {
        assert_eq!(Number::from_policy(spelled), None, "{spelled}");
    }
}

/// A value of `**` decides alike at any depth.
fn nested(value: &str) -> [String; 4] {
    [
        format!("{{\"a\":{value}}}"),
        format!("{{\"a\":[null,[{value}]]}}"),
        format!("{{\"a\":{{\"b\":{{\"c\":{value}}}}},\"d\":null}}"),
        format!("{{\"n\":{{}},\"m\":[],\"a\":[{{\"b\":{value}}}]}}"),
    ]
}

#[test]
fn every_value_at_any_depth() {
    // What is refused and what a requirement lets through: of one value at any depth.
    for (op, value, leaf, refused, passes) in [
        ("contains", "\"secret\"", "\"a secret b\"", true, true),
        ("contains", "\"secret\"", "\"plain\"", false, false),
        ("contains", "\"secret\"", "\"secret\\u0000\"", true, false),
        ("not_contains", "\"secret\"", "\"plain\"", true, true),
        ("not_contains", "\"secret\"", "\"a secret b\"", false, false),
        // A number is the text that servers make of it.
        ("regex", "\"^41{3}\"", "4111222233334444", true, false),
        ("regex", "\"^41{3}\"", "41112222", true, true),
        ("regex", "\"^41{3}\"", "4.1112222e7", true, false),
        ("regex", "\"^41{3}\"", "5", false, false),
        ("regex", "\"^41{3}\"", "5.0", true, false),
        ("eq", "\"5\"", "5", true, true),
        ("eq", "\"5\"", "50e-1", true, false),
        ("len_lte", "3", "12", true, true),
        ("len_lte", "3", "1234", false, false),
        ("starts_with", "\"-\"", "-0", true, false),
        ("not_regex", "\"^[0-9]+$\"", "12", false, false),
        ("not_regex", "\"^[0-9]+$\"", "1.5", true, true),
        ("glob", "\"*@example.com\"", "\"a@example.com\"", true, true),
        ("under", "\"/srv\"", "\"/srv/a\"", true, true),
        // A string with a digit may be a number.
        ("gt", "1000", "1001", true, true),
        ("gt", "1000", "5", false, false),
        ("gt", "1000", "\"20000\"", true, false),
        ("gt", "1000", "\"２００００\"", true, false),
        ("gt", "1000", "\"Infinity\"", true, false),
        ("gt", "1000", "\"many\"", false, false),
        ("eq", "5", "\"5\"", true, false),
        ("neq", "5", "\"five\"", true, true),
        ("neq", "5", "\"5.0\"", true, false),
        ("lt", "9007199254740993", "9007199254740992", true, false),
        ("in", "[\"a\",5]", "\"a\"", true, true),
        ("in", "[\"a\",5]", "\"b\"", false, false),
        ("in", "[\"a\",5]", "\"6\"", true, false),
        ("in", "[\"a\",5]", "5", true, true),
        ("in", "[\"a\",5]", "6", false, false),
        ("in", "[\"a\",9007199254740992]", "9007199254740993", true, false),
        ("exists", "true", "\"\"", true, true),
        ("exists", "false", "0", false, false),
        ("detects", "\"card\"", "\"Paid with 4242 4242 4242 4242\"", true, true),
        ("detects", "\"card\"", "\"4242\\u200b424242424242\"", true, true),
        ("detects", "\"card\"", "\"4242424242424241\"", false, false),
        ("detects", "\"card\"", "\"4242424242424242\\u0000\"", true, false),
        // The digits of a number are looked at as they are written; an exponent may become any.
        ("detects", "\"card\"", "4242424242424242", true, true),
        ("detects", "\"card\"", "4242424242424241", false, false),
        ("detects", "\"card\"", "4.242424242424242e15", true, false),
        ("detects", "\"card\"", "1e999", false, false),
        ("detects", "[\"iban\",\"email\"]", "\"DE89 3704 0044 0532 0130 00\"", true, true),
        ("detects", "[\"iban\",\"email\"]", "\"4242424242424242\"", false, false),
        ("detects", "\"email\"", "\"{\\\"a\\\":\\\"anna\\\\u0040example.com\\\"}\"", true, true),
    ] {
        let condition = written("args.**", op, value);
        for arguments in nested(leaf) {
            assert_eq!(denied(&condition, &arguments), refused, "deny_if {condition} {arguments}");
            assert_eq!(let_through(&condition, &arguments), passes, "require {condition} {arguments}");
        }
    }
}

#[test]
fn one_of_many_values_refuses_and_each_is_required() {
    let bad = written("args.**", "contains", "\"x\"");
    let good = written("args.**", "regex", "\"^[a-z]*$\"");
    for (arguments, has_bad, all_good) in [
        (r#"{"a":["b",{"c":"d"}]}"#, false, true),
        (r#"{"a":["b",{"c":"x"}]}"#, true, true),
        (r#"{"a":["b",{"c":"D"}],"e":"x"}"#, true, false),
        (r#"{"a":["b",{"c":7}]}"#, false, false),
        // Keys, booleans and null are no strings and numbers; a requirement does not look at them.
        (r#"{"x":"a","X":{"x1":"b"},"t":true,"n":null}"#, false, true),
        // If there is none, the path is missing.
        (r#"{"a":[null,{}],"t":false}"#, false, false),
        (r#"{}"#, false, false),
    ] {
        assert_eq!(denied(&bad, arguments), has_bad, "{arguments}");
        assert_eq!(let_through(&good, arguments), all_good, "{arguments}");
    }
    for nothing in ["{}", r#"{"a":[null,{}],"t":false}"#] {
        assert!(denied(&written("args.**", "neq", "\"a\""), nothing), "leaving all out is no way past");
        assert!(!let_through(&written("args.**", "neq", "\"a\""), nothing));
        assert!(let_through(&written("args.**", "exists", "false"), nothing));
        assert!(!denied(&written("args.**", "exists", "true"), nothing));
    }
    // A string that is retyped to a boolean.
    for (op, value, arguments, refused) in [
        ("eq", "\"true\"", r#"{"a":true}"#, true),
        ("eq", "\"true\"", r#"{"a":false}"#, false),
        ("gte", "1", r#"{"a":[true]}"#, true),
        ("gte", "1", r#"{"a":[false]}"#, false),
        ("not_in", "[\"a\"]", r#"{"a":"a","t":true}"#, false),
    ] {
        assert_eq!(denied(&written("args.**", op, value), arguments), refused, "{op} {value} {arguments}");
    }
    // Beneath one argument, and in each element.
    assert!(denied(&written("args.a.**", "eq", "\"x\""), r#"{"a":{"b":["x"]},"c":"y"}"#));
    assert!(!denied(&written("args.a.**", "eq", "\"x\""), r#"{"a":{"b":["y"]},"c":"x"}"#));
    assert!(denied(&written("args.a.**", "eq", "\"x\""), r#"{"a":"x"}"#));
    assert!(denied(&written("args.a[*].**", "eq", "\"x\""), r#"{"a":[["x"],{"b":"x"}]}"#));
    assert!(denied(&written("args.**", "eq", "\"x\""), r#"{"a":{"constructor":1}}"#));
}

#[test]
fn inputs_and_uris_are_roots_beside_the_arguments() {
    let entry = |condition: &str| format!("{{\"deny_if\":[{{\"conditions\":[{condition}]}}],\"require\":[]}}");
    let [srv, etc, hidden, alias, ambiguous] =
        ["file:///srv/a", "file:///etc/a", "file:///%73rv/A%41", "file://localhost/srv/x?q", "file:///srv/..%2fetc"]
            .map(UriForms::new);
    let input = |args, input, uri| ConditionInput { input, uri, ..ConditionInput::from(args) };
    for (path, op, value, judged, refused) in [
        ("input.q.to", "eq", "\"all\"", input("{}", Some(r#"{"q":{"to":"all"}}"#), None), true),
        ("input.q.to", "eq", "\"all\"", input("{}", Some(r#"{"q":{"to":"one"}}"#), None), false),
        ("input.q.to", "eq", "\"all\"", input(r#"{"q":{"to":"all"}}"#, None, None), false),
        ("input.q.to", "neq", "\"one\"", input("{}", None, None), true),
        ("input.q.to", "eq", "\"all\"", input("{}", Some(r#"{"q":{"to":["all"]}}"#), None), true),
        ("input.q.to", "eq", "\"all\"", input("{}", Some(r#"{"q":{},"prototype":1}"#), None), true),
        ("args.to", "eq", "\"all\"", input("{}", Some(r#"{"to":"all","prototype":1}"#), None), false),
        ("input.**", "contains", "\"all\"", input("{}", Some(r#"{"q":[{"to":"to all"}]}"#), None), true),
        ("uri", "starts_with", "\"file:///srv/\"", input("{}", None, Some(&srv)), true),
        ("uri", "starts_with", "\"file:///srv/\"", input("{}", None, Some(&hidden)), true),
        ("uri", "contains", "\"aa\"", input("{}", None, Some(&hidden)), true),
        ("uri", "eq", "\"file:///srv/x\"", input("{}", None, Some(&alias)), true),
        ("uri", "neq", "\"file:///srv/x\"", input("{}", None, Some(&alias)), true),
        ("uri", "neq", "\"file:///srv/a\"", input("{}", None, Some(&srv)), false),
        ("uri", "neq", "\"file:///srv/..%2fetc\"", input("{}", None, Some(&ambiguous)), true),
        ("uri", "starts_with", "\"file:///srv/\"", input("{}", None, Some(&etc)), false),
        ("uri", "exists", "true", input(r#"{"uri":1}"#, None, None), false),
        ("uri", "not_regex", "\"^file:\"", input("{}", None, None), true),
    ] {
        let policy = policy(&entry(&written(path, op, value)));
        let effect = policy.judge_call("t", judged).decision.effect;
        assert_eq!(effect == Effect::Deny, refused, "{path} {op} {value} {judged:?}");
    }
    let required = |op, value: &str, uri| {
        let entry = format!("{{\"require\":[{}]}}", written("uri", op, value));
        policy(&entry).judge_call("t", input("{}", None, Some(uri))).decision.effect == Effect::Allow
    };
    assert!(required("starts_with", "\"file:///srv/\"", &srv));
    assert!(!required("starts_with", "\"file:///srv/\"", &hidden));
    assert!(!required("not_contains", "\"aa\"", &hidden));
    assert!(!required("ends_with", "\"q\"", &alias));
    assert!(!required("starts_with", "\"file:///\"", &ambiguous));
}

#[test]
fn time_is_linear_in_the_arguments() {
    let long = "a".repeat(400_000);
    let many = "{\"id\":\"x\"},".repeat(40_000);
    let digits = "9".repeat(400_000);
    let arguments = format!(
        "{{\"s\":\"{long}\",\"m\":[{many}{{\"id\":\"x\"}}],\"n\":{digits}e{digits},\"p\":\"{}\"}}",
        "a/../".repeat(MAX_JUDGED_PATH / 5)
    );
    let start = computing_time();
    let longer = format!("{{\"p\":\"/{}\"}}", "a".repeat(MAX_JUDGED_PATH));
    assert_eq!(judge(&condition("args.p", "under", "\"/\""), &longer), ConditionOutcome::Unjudgeable);
    for (length, outcome) in
        [(MAX_JUDGED_NUMBER, ConditionOutcome::Holds), (MAX_JUDGED_NUMBER + 1, ConditionOutcome::Unjudgeable)]
    {
        let number = format!("{{\"n\":{}}}", "9".repeat(length));
        assert_eq!(judge(&condition("args.n", "gt", "5"), &number), outcome, "{length}");
    }
    for (path, op, value, expected) in [
        ("args.s", "regex", "\"(a+)+(a|aa)*b$\"", ConditionOutcome::Fails),
        ("args.s", "glob", "\"*a*a*b\"", ConditionOutcome::Fails),
        ("args.s", "contains", "\"aaaaaaaaaaab\"", ConditionOutcome::Fails),
        ("args.m[*].id", "in", "[\"w\",\"x\",\"y\"]", ConditionOutcome::Holds),
        ("args.m[40000].id", "eq", "\"x\"", ConditionOutcome::Holds),
        ("args.n", "gt", "1e300", ConditionOutcome::Unjudgeable),
        ("args.p", "under", "\".\"", ConditionOutcome::Holds),
    ] {
        assert_eq!(judge(&condition(path, op, value), &arguments), expected, "{path} {op}");
    }
    let took = computing_time() - start;
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn amounts() {
    let shown = |json: &str| Amount::parse(json).map(|amount| amount.to_string());
    for (json, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("5", "5"),
        ("5.50", "5.5"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("15e-1", "1.5"),
        ("0.000000001", "0.000000001"),
        ("1000000000000000000", "1000000000000000000"),
        ("1.000000000000000000000", "1"),
    ] {
        assert_eq!(shown(json), Ok(expected.to_owned()), "{json}");
    }
    for (json, error) in [
        ("-1", AmountError::Negative),
        ("-1e-999", AmountError::Negative),
        ("-1e999", AmountError::Negative),
        ("\"5\"", AmountError::NotANumber),
        ("null", AmountError::NotANumber),
        ("true", AmountError::NotANumber),
        ("[5]", AmountError::NotANumber),
        ("NaN", AmountError::NotANumber),
        ("Infinity", AmountError::NotANumber),
        ("05", AmountError::NotANumber),
        ("+5", AmountError::NotANumber),
        ("", AmountError::NotANumber),
        ("1e308", AmountError::TooLarge),
        ("1e99999999999999999999999", AmountError::TooLarge),
        ("1000000000000000000.000000001", AmountError::TooLarge),
        ("0.0000000001", AmountError::TooFine),
        ("1e-99999999999999999999", AmountError::TooFine),
        ("9007199254740993", AmountError::Inexact),
        ("12345678901.123456789", AmountError::Inexact),
    ] {
        assert_eq!(Amount::parse(json), Err(error), "{json}");
    }
    assert_eq!(Amount::parse_whole("5.0"), Ok(Amount::from_count(5)));
    for json in ["0.5", "1e-400", "1.0000000000001"] {
        assert_eq!(Amount::parse_whole(json), Err(AmountError::Fraction), "{json}");
    }
    let amount = |json: &str| Amount::parse(json).unwrap();
    assert_eq!(amount("0.1").checked_add(amount("0.2")), Some(amount("0.3")));
    assert_eq!(amount("0.3").checked_sub(amount("0.1")), Some(amount("0.2")));
    assert_eq!(amount("0.1").checked_sub(amount("0.2")), None);
    assert_eq!(Amount::from_nanos(i128::MAX).unwrap().checked_add(amount("1")), None);
    assert_eq!(Amount::from_nanos(-1), None);
    assert!(amount("0.3") < amount("0.30000001") && Amount::ZERO == amount("-0.0"));
    assert_eq!(Amount::from_nanos(amount("2.25").as_nanos()), Some(amount("2.25")));
}

/// `mantissa × 10^-decimals`, spelled in one of the ways of JSON.
fn spelled(mantissa: i64, decimals: u32, spelling: usize) -> String {
    let (sign, digits) = (if mantissa < 0 { "-" } else { "" }, mantissa.unsigned_abs().to_string());
    let padded = format!("{digits:0>width$}", width = decimals as usize + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals as usize);
    let point = if fraction.is_empty() { "" } else { "." };
    match spelling {
        0 => format!("{sign}{whole}{point}{fraction}"),
        1 => format!("{mantissa}e-{decimals}"),
        2 => format!("{mantissa}.000E-{decimals:05}"),
        _ => format!("{sign}0.{digits}e{}", digits.len() as i64 - i64::from(decimals)),
    }
}

/// JSON of any shape, with everything that the strict reader lets through.
fn json() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "A", "a.b", "items", "\\u0061", "\\ud83d", "é", ""]);
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,30})?",
        "\"([a-z./\\\\\\\\~:% 0-9]|\\\\u[0-9a-f]{4}|\\\\n|é|😀){0,12}\""
            .prop_map(|text| text.replace("\\\\\\", "\\\\")),
        "[a-z/.]{0,9}".prop_map(|text| format!("\"{text}\"")),
    ];
    scalar.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// The same argument as another program may write it, or in another type that servers convert.
fn other_spellings(argument: &str) -> Vec<String> {
    let mut others = vec![format!("[{argument}]"), format!("{{\"value\":{argument}}}"), "null".to_owned()];
    if let Ok(text) = serde_json::from_str::<String>(argument) {
        others.push(serde_json::json!(format!("{text}\0")).to_string());
        others.push(argument.chars().map(|c| if c == 'a' { "\\u0061".to_owned() } else { c.to_string() }).collect());
        others.extend(Number::parse(&text).map(|_| text.clone()));
        others.extend(["true", "false"].into_iter().filter(|word| *word == text).map(str::to_owned));
    } else if Number::parse(argument).is_some() {
        others.push(format!("\"{argument}\""));
        if !argument.contains(['e', 'E', '.']) && argument.len() < 300 {
            others.extend([format!("{argument}.0"), format!("{argument}e0"), format!("{argument}0E-1")]);
            if argument.trim_start_matches('-') != "0" {
                others.push(format!("{argument}.00000000000000000000000000001"));
            }
        }
    } else if matches!(argument, "true" | "false") {
        others.push(format!("\"{argument}\""));
        others.push(u8::from(argument == "true").to_string());
    }
    others
}

fn conditions() -> impl Strategy<Value = Condition> {
    tests().prop_map(|(path, op, value)| condition(path, op, value))
}

fn tests() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let path = prop::sample::select(vec![
        "args.a",
        "args.a.b",
        "args.\"a.b\"",
        "args.items[0]",
        "args.items[*].a",
        "args.a[*][*]",
        "args.items[*]",
    ]);
    let test = prop::sample::select(vec![
        ("eq", "\"a\""),
        ("eq", "1"),
        ("neq", "true"),
        ("in", "[\"a\",\"b\"]"),
        ("not_in", "[1,\"a\"]"),
        ("lt", "10.5"),
        ("lte", "0"),
        ("gt", "-1e40"),
        ("gte", "1e-5"),
        ("regex", "\"[a-z]+\""),
        ("not_regex", "\"^\\\\w\""),
        ("contains", "\"a\""),
        ("not_contains", "5"),
        ("starts_with", "\"a\""),
        ("ends_with", "\"a\""),
        ("exists", "true"),
        ("exists", "false"),
        ("glob", "\"a*[b-z]?\""),
        ("len_lte", "3"),
        ("len_gte", "3"),
        ("under", "\"/a\""),
        ("under", "\"a\\\\b\""),
        ("detects", "[\"card\",\"email\"]"),
        ("under", "\".\""),
    ]);
    (path, test).prop_map(|(path, (op, value))| (path, op, value))
}

proptest! {
    #[test]
    fn numbers_compare_as_whole_numbers_of_the_smallest_unit_do(
        (one, other) in (any::<i64>(), any::<i64>()),
        near in -2_i64..=2,
        decimals in 0_u32..12,
        (first, second) in (0_usize..4, 0_usize..4),
    ) {
        for (one, other) in [(one, other), (one, one.saturating_add(near)), (one % 100, other % 100)] {
            let (left, right) = (spelled(one, decimals, first), spelled(other, decimals, second));
            let (a, b) = (Number::parse(&left).unwrap(), Number::parse(&right).unwrap());
            prop_assert_eq!(a.cmp(&b), one.cmp(&other), "{} {}", left, right);
            prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
        }
    }

    #[test]
    fn numbers_with_different_decimals_compare_exactly(one in -100_000_i64..100_000, other in -100_000_i64..100_000, places in 0_u32..6, fewer in 0_u32..6) {
        let (left, right) = (spelled(one, places, 0), spelled(other, fewer, 3));
        let scaled = |value: i64, decimals: u32| i128::from(value) * 10_i128.pow(6 - decimals);
        let order = Number::parse(&left).unwrap().cmp(&Number::parse(&right).unwrap());
        prop_assert_eq!(order, scaled(one, places).cmp(&scaled(other, fewer)), "{} {}", left, right);
    }

    #[test]
    fn amounts_are_what_whole_numbers_of_nanos_are(one in 0_i64..i64::MAX, other in 0_i64..i64::MAX, spelling in 0_usize..4) {
        let amount = |nanos: i64| Amount::from_number(&Number::parse(&spelled(nanos, 9, spelling)).unwrap()).unwrap();
        let (a, b) = (amount(one), amount(other));
        prop_assert_eq!(a.as_nanos(), i128::from(one));
        prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        prop_assert_eq!(a.checked_add(b).unwrap().as_nanos(), i128::from(one) + i128::from(other));
        prop_assert_eq!(a.checked_sub(b).map(Amount::as_nanos), (one >= other).then(|| i128::from(one - other)));
        let shown = a.to_string();
        prop_assert_eq!(Amount::from_number(&Number::parse(&shown).unwrap()), Ok(a), "shown and read again");
    }

    #[test]
    fn number_text_is_what_json_says(text in "[-+]?[0-9.eE+-]{0,8}") {
        prop_assert_eq!(Number::parse(&text).is_some(), serde_json::from_str::<Box<RawValue>>(&text).is_ok_and(|raw| raw.get() == text));
    }

    #[test]
    fn any_arguments_are_judged_alike_in_both_questions(condition in conditions(), value in json()) {
        for arguments in [format!("{{\"a\":{value}}}"), format!("{{\"items\": {value}}}"), value.clone()] {
            judge(&condition, &arguments);
        }
    }

    #[test]
    fn no_other_spelling_of_an_argument_is_milder(
        (_, op, value) in tests(),
        argument in prop_oneof![
            prop::sample::select(vec!["\"a\"", "\"5\"", "\"ab-user\"", "\"true\"", "\"/a/b\"", "5", "11", "-1e41", "0.1", "true", "[\"a\"]"])
                .prop_map(str::to_owned),
            json(),
        ],
    ) {
        // `len_…` judges lists as well as strings, `exists` everything.
        prop_assume!(!(op.starts_with("len") || op == "exists"));
        let condition = written("args.a", op, value);
        let call = |key: &str, argument: &str| format!("{{\"{key}\":{argument}}}");
        let certain = judge(&self::condition("args.a", op, value), &call("a", &argument));
        for other in other_spellings(&argument) {
            let other = call("a", &other);
            if certain == ConditionOutcome::Holds {
                prop_assert!(denied(&condition, &other), "{} {} {}", condition, argument, other);
            }
            if certain == ConditionOutcome::Fails {
                prop_assert!(!let_through(&condition, &other), "{} {} {}", condition, argument, other);
            }
        }
        for name in ["A", "\\u0061", "a\u{200b}", "ａ", "a\\ud800"] {
            let other = call(name, &argument);
            match certain {
                ConditionOutcome::Holds => prop_assert!(denied(&condition, &other), "{} {}", condition, other),
                _ => prop_assert!(!let_through(&condition, &other), "{} {}", condition, other),
            }
        }
    }

    #[test]
    fn text_that_is_no_json_at_all_never_panics(condition in conditions(), text in "[\\[\\]{}\",:ab1\\\\ ]{0,30}|\\PC{0,20}") {
        let _ = judge(&condition, &text);
    }

    #[test]
    fn any_path_parses_or_points_into_its_text(text in "\\PC{0,20}", like in "args[.\\[\\]*\"a0\\\\é ]{0,12}") {
        for text in [text, like] {
            match Path::parse(&text) {
                Ok(path) => prop_assert_eq!(path.as_str(), text),
                Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{:?} {:?}", text, error),
            }
        }
    }

    #[test]
    fn what_is_under_a_folder_is_where_the_resolved_path_leads(names in prop::collection::vec(prop::sample::select(vec!["a", "b", "..", ".", "", "c d"]), 0..8)) {
        let path = format!("/{}", names.join("/"));
        let mut stack = Some(Vec::new());
        for name in &names {
            match *name {
                "" | "." => {}
                ".." => stack = stack.and_then(|mut stack: Vec<&str>| stack.pop().map(|_| stack)),
                name => stack.iter_mut().for_each(|stack| stack.push(name)),
            }
        }
        let expected = match stack {
            Some(_) if path.starts_with("//") => ConditionOutcome::Unjudgeable,
            Some(stack) if stack.starts_with(&["a", "b"]) => ConditionOutcome::Holds,
            Some(_) => ConditionOutcome::Fails,
            None => ConditionOutcome::Unjudgeable,
        };
        let arguments = serde_json::json!({ "p": path }).to_string();
        prop_assert_eq!(judge(&condition("args.p", "under", "\"/a/b\""), &arguments), expected, "{}", path);
    }
}
