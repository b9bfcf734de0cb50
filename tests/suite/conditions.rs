//! Conditions at their boundary: a path, an operator and a value, arguments as written, and what comes of them.
//! The table is in conditions.jsonl.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{PATIENCE, computing_time};
use std::cmp::Ordering;

use policylayer::limits::{MAX_PATH_STEPS, MAX_REGEX_LENGTH};
use policylayer::policy::condition::{
    Condition, ConditionError, ConditionGroup, ConditionOutcome, Constant, Match, Operator, Path, ValueError,
};
use policylayer::policy::{Amount, AmountError, Number};
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

/// JSON as the constant that a policy would have.
fn constant(json: &str) -> Constant {
    match json.as_bytes()[0] {
        b'"' => Constant::String(serde_json::from_str(json).unwrap()),
        b't' => Constant::Boolean(true),
        b'f' => Constant::Boolean(false),
        b'n' => Constant::Other("null"),
        b'{' => Constant::Other("a table"),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).unwrap();
            Constant::List(items.into_iter().map(|item| constant(item.get())).collect())
        }
        _ => Constant::Number(json.to_owned()),
    }
}

fn compile(path: &str, op: &str, value: &str) -> Result<Condition, ConditionError> {
    Condition::compile(path, op, Some(&constant(value)))
}

fn condition(path: &str, op: &str, value: &str) -> Condition {
    compile(path, op, value).unwrap_or_else(|error| panic!("{path} {op} {value}: {error}"))
}

#[test]
fn every_row_of_the_table() {
    let mut operators = Vec::new();
    for line in include_str!("conditions.jsonl").lines() {
        let row: Row<'_> = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let condition = condition(&row.path, &row.op, row.value.get());
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
                assert_eq!(condition.judge_arguments(&arguments), expected, "{}: {arguments}", row.about);

                let negative = matches!(row.op.as_str(), "neq" | "not_in" | "not_regex" | "not_contains");
                let denies = match expected {
                    ConditionOutcome::Holds | ConditionOutcome::Unjudgeable => true,
                    ConditionOutcome::Missing => negative,
                    ConditionOutcome::Fails => false,
                };
                assert_eq!(condition.holds_as_denial(&arguments), denies, "{}: {arguments}", row.about);
                let satisfied = expected == ConditionOutcome::Holds;
                assert_eq!(condition.holds_as_requirement(&arguments), satisfied, "{}: {arguments}", row.about);
            }
        }
        if row.of.is_some() && row.op != "exists" {
            assert_eq!(condition.judge_arguments("{}"), ConditionOutcome::Missing, "{}", row.about);
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
        ("exists", "true", false),
        ("exists", "false", true),
    ] {
        let condition = condition("args.v", op, value);
        assert_eq!(condition.holds_as_denial("{}"), denied, "deny_if {op}");
        assert_eq!(condition.holds_as_requirement("{}"), (op, value) == ("exists", "false"), "require {op}");
    }
}

#[test]
fn an_element_that_lacks_what_a_negative_operator_asks_for_does_not_save_the_call() {
    let condition = condition("args.to[*].kind", "neq", "\"test\"");
    for (arguments, denied) in [
        (r#"{"to":[{"kind":"live"},{}]}"#, true),
        (r#"{"to":[{"kind":"test"},{}]}"#, false),
        (r#"{"to":[]}"#, false),
        (r#"{"to":[{"kind":"test"},{"kind":1}]}"#, true),
        (r#"{}"#, true),
    ] {
        assert_eq!(condition.holds_as_denial(arguments), denied, "{arguments}");
    }
}

fn group(conditions: &[(&str, &str, &str)], join: Match) -> ConditionGroup {
    let conditions = conditions.iter().map(|(path, op, value)| condition(path, op, value)).collect();
    ConditionGroup { conditions, join, reason: None }
}

#[test]
fn groups() {
    let conditions = [("args.type", "eq", "\"user\""), ("args.limit", "gt", "100")];
    let (all, any) = (group(&conditions, Match::All), group(&conditions, Match::Any));
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
        assert_eq!(all.holds_as_denial(arguments), deny_all, "deny all {arguments}");
        assert_eq!(any.holds_as_denial(arguments), deny_any, "deny any {arguments}");
        assert_eq!(all.holds_as_requirement(arguments), require_all, "require all {arguments}");
        assert_eq!(any.holds_as_requirement(arguments), require_any, "require any {arguments}");
    }
    for join in [Match::All, Match::Any] {
        let empty = group(&[], join);
        assert!(empty.holds_as_denial("{}") && empty.holds_as_requirement("{}"), "an empty list holds always");
    }
    assert_eq!(
        [Match::parse("all"), Match::parse("any"), Match::parse("or")],
        [Some(Match::All), Some(Match::Any), None]
    );
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
    ] {
        let error = Path::parse(path).expect_err(path);
        assert_eq!(error.offset, offset, "{path}: {error}");
        assert!(!error.hint().is_empty() && !error.to_string().is_empty());
    }
    let deep = |steps: usize| format!("args.a{}", "[0]".repeat(steps - 1));
    assert!(Path::parse(&deep(MAX_PATH_STEPS)).is_ok());
    assert_eq!(Path::parse(&deep(MAX_PATH_STEPS + 1)).unwrap_err().offset, deep(MAX_PATH_STEPS).len());
    assert_eq!(Path::parse("args.\"a.b\"[0].c").unwrap().argument_name(), "a.b");
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
        match compile("args.a", op, "1") {
            Err(ConditionError::Operator { nearest, .. }) => assert_eq!(nearest, expected, "{op}"),
            other => panic!("{op}: {other:?}"),
        }
    }
}

#[test]
fn values_that_are_wrong_say_what_is_expected() {
    let refused = |op: &str, value: &str| match compile("args.a", op, value) {
        Err(error @ ConditionError::Value { .. }) => {
            assert!(!error.hint().is_empty() && !error.to_string().contains('\n'), "{error}");
            let ConditionError::Value { element, problem } = error else { panic!() };
            (element, problem)
        }
        other => panic!("{op} {value}: {other:?}"),
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
    ];
    for (op, value) in wrong_types {
        assert!(matches!(refused(op, value), (None, ValueError::Type { .. })), "{op} {value}");
    }
    for value in ["[1,[2]]", "[1,null]", "[\"a\",{}]"] {
        assert!(matches!(refused("in", value), (Some(1), ValueError::Element { .. })), "{value}");
    }
    assert_eq!(refused("not_in", "[]"), (None, ValueError::Empty));
    for value in ["-1", "1.5", "1e30"] {
        assert_eq!(refused("len_gte", value), (None, ValueError::Length(value.to_owned())));
    }
    assert!(matches!(refused("glob", "\"[a\""), (None, ValueError::Glob { .. })));
    for folder in ["", "..", "../a", "/..", "/srv/%2e%2e", "C:data", "http://x/y", "/a/\\u0000"] {
        assert!(matches!(refused("under", &format!("\"{folder}\"")), (None, ValueError::Directory(_))), "{folder}");
    }
    assert_eq!(refused("regex", "\"a(b\""), (None, ValueError::Regex("unclosed group".into())));
    for pattern in ["(?=a)", "(a)\\\\1", "[", "a{2,1}", "*"] {
        assert!(matches!(refused("not_regex", &format!("\"{pattern}\"")), (None, ValueError::Regex(_))), "{pattern}");
    }
    let long = "a".repeat(MAX_REGEX_LENGTH);
    condition("args.a", "regex", &format!("\"{long}\""));
    assert_eq!(refused("regex", &format!("\"{long}a\"")), (None, ValueError::RegexSize));
    assert_eq!(refused("regex", "\"(((a{100}){100}){100}){100}\""), (None, ValueError::RegexSize));
    let absent = Condition::compile("args.a", "exists", None).unwrap_err();
    assert_eq!(absent.to_string(), "`exists` needs a value: true or false");
    assert_eq!(absent.hint(), "add it, such as value = true");
    assert!(matches!(compile("args", "nope", "[]"), Err(ConditionError::Path(_))), "the path is said first");
}

#[test]
fn numbers_of_a_policy_in_every_spelling() {
    let judge = |spelled: &str, argument: &str| {
        let value = Constant::Number(spelled.to_owned());
        Condition::compile("args.v", "eq", Some(&value)).map(|eq| eq.judge_arguments(&format!("{{\"v\":{argument}}}")))
    };
    for (spelled, argument) in
        [("0x1F", "31"), ("0o17", "15"), ("0b101", "5"), ("+5", "5"), ("-5", "-5"), ("1e3", "1000"), ("-0.0", "0")]
    {
        assert_eq!(judge(spelled, argument), Ok(ConditionOutcome::Holds), "{spelled}");
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
        assert!(judge(spelled, "1").is_err(), "{spelled}");
    }
}

#[test]
fn time_is_linear_in_the_arguments() {
    let long = "a".repeat(2_000_000);
    let many = "{\"id\":\"x\"},".repeat(200_000);
    let digits = "9".repeat(2_000_000);
    let arguments = format!(
        "{{\"s\":\"{long}\",\"m\":[{many}{{\"id\":\"x\"}}],\"n\":{digits}e{digits},\"p\":\"{}\"}}",
        "a/../".repeat(300_000)
    );
    let start = computing_time();
    for (path, op, value, expected) in [
        ("args.s", "regex", "\"(a+)+(a|aa)*b$\"", ConditionOutcome::Fails),
        ("args.s", "glob", "\"*a*a*b\"", ConditionOutcome::Fails),
        ("args.s", "contains", "\"aaaaaaaaaaab\"", ConditionOutcome::Fails),
        ("args.m[*].id", "in", "[\"w\",\"x\",\"y\"]", ConditionOutcome::Holds),
        ("args.m[200000].id", "eq", "\"x\"", ConditionOutcome::Holds),
        ("args.n", "gt", "1e300", ConditionOutcome::Holds),
        ("args.p", "under", "\".\"", ConditionOutcome::Holds),
    ] {
        assert_eq!(condition(path, op, value).judge_arguments(&arguments), expected, "{path} {op}");
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

fn conditions() -> impl Strategy<Value = Condition> {
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
        ("under", "\".\""),
    ]);
    (path, test).prop_map(|(path, (op, value))| condition(path, op, value))
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
        let amount = |nanos: i64| Amount::parse(&spelled(nanos, 9, spelling)).unwrap();
        let (a, b) = (amount(one), amount(other));
        prop_assert_eq!(a.as_nanos(), i128::from(one));
        prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        prop_assert_eq!(a.checked_add(b).unwrap().as_nanos(), i128::from(one) + i128::from(other));
        prop_assert_eq!(a.checked_sub(b).map(Amount::as_nanos), (one >= other).then(|| i128::from(one - other)));
        prop_assert_eq!(Amount::parse(&a.to_string()), Ok(a), "shown and read again");
    }

    #[test]
    fn number_text_is_what_json_says(text in "[-+]?[0-9.eE+-]{0,8}") {
        prop_assert_eq!(Number::parse(&text).is_some(), serde_json::from_str::<Box<RawValue>>(&text).is_ok_and(|raw| raw.get() == text));
    }

    #[test]
    fn any_arguments_are_judged_alike_in_both_questions(condition in conditions(), value in json()) {
        for arguments in [format!("{{\"a\":{value}}}"), format!("{{\"items\": {value}}}"), value.clone()] {
            let outcome = condition.judge_arguments(&arguments);
            prop_assert_eq!(condition.holds_as_requirement(&arguments), outcome == ConditionOutcome::Holds);
            prop_assert_eq!(condition.holds_as_denial(&arguments), match outcome {
                ConditionOutcome::Holds | ConditionOutcome::Unjudgeable => true,
                ConditionOutcome::Missing => condition.operator().is_negative(),
                ConditionOutcome::Fails => false,
            });
        }
    }

    #[test]
    fn text_that_is_no_json_at_all_never_panics(condition in conditions(), text in "[\\[\\]{}\",:ab1\\\\ ]{0,30}|\\PC{0,20}") {
        let _ = condition.judge_arguments(&text);
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
        prop_assert_eq!(condition("args.p", "under", "\"/a/b\"").judge_arguments(&arguments), expected, "{}", path);
    }
}
