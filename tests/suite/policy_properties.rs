//! Whatever a policy file holds: it loads or says why, and says the same in every format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::laws;

use laws::policy::load;
use policylayer::policy::{Format, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

const FORMATS: [Format; 3] = [Format::Toml, Format::Json, Format::Yaml];

const DOCUMENTS: [(Format, &str); 4] = [
    (Format::Toml, include_str!("../../config/examples/short.toml")),
    (Format::Json, include_str!("../../config/examples/hosted.json")),
    (Format::Yaml, include_str!("../../config/examples/intercept.yaml")),
    (Format::Json, include_str!("../../config/examples/hide-one-tool.json")),
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => prop::sample::select(vec!["1", "deny", "allow", "hide", "require_approval", "get_*", "delete_list", "a[", "*", "x\ty\u{1b}", "日本", "null", "1.5", "~", ""]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (-5_i64..5).prop_map(Value::from),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "version",
        "default",
        "unlisted",
        "hide",
        "tools",
        "description",
        "action",
        "reason",
        "on_deny",
        "limits",
        "get_*",
        "*_lists",
        "get_lists",
        "delete_list",
        "a b",
        "*",
        "\"q\"",
        "1",
        "null",
    ])
    .prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Value> {
    let entry = prop::collection::btree_map(key(), scalar(), 0..3).prop_map(|pairs| json!(pairs));
    let tools =
        prop::collection::btree_map(key(), prop_oneof![4 => entry, 1 => scalar()], 0..4).prop_map(|pairs| json!(pairs));
    let hide = prop::collection::vec(scalar(), 0..4).prop_map(Value::from).boxed();
    let extra = prop::collection::btree_map(key(), prop_oneof![scalar(), hide.clone()], 0..2);
    (extra, prop::option::of(tools), prop::option::of(hide), any::<u8>()).prop_map(|(extra, tools, hide, bits)| {
        let mut document = serde_json::Map::from_iter(extra);
        if bits & 7 != 0 {
            document.insert("version".to_owned(), json!("1"));
            document.insert("default".to_owned(), json!(if bits & 8 == 0 { "deny" } else { "allow" }));
        }
        document.extend(tools.map(|tools| ("tools".to_owned(), tools)));
        document.extend(hide.map(|hide| ("hide".to_owned(), hide)));
        Value::Object(document)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_loads_or_says_why(text in any::<String>(), syntax in "[a-z0-9 \\t\\n\\r\"'{}\\[\\]:,=#&*!|>%@.?<\\\\-]{0,200}") {
        for format in FORMATS {
            let _ = load(&Source::new("any", format, text.as_str()));
            let _ = load(&Source::new("any", format, syntax.as_str()));
        }
    }

    #[test]
    fn a_damaged_document_loads_or_says_why(
        which in 0..DOCUMENTS.len(), at in any::<prop::sample::Index>(), cut in 0..6_usize,
        patch in prop::sample::select(vec!["", "\"", "{", "]", "\n", "\r", "\t", ": ", "\u{0}", "&a ", "*a", "---\n", "é", "=", ",", "\\", "\u{feff}", "\u{202e}"]),
    ) {
        let (format, text) = DOCUMENTS[which];
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars.splice(at..(at + cut).min(chars.len()), patch.chars());
        let _ = load(&Source::new("damaged", format, chars.into_iter().collect::<String>()));
    }

    #[test]
    fn one_document_says_the_same_in_every_format(document in document()) {
        laws::policy::same_in_every_format(&document);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_loads_decides_the_same_each_time(document in document(), format in 0_u8..3) {
        laws::policy::holds(&[&[format], document.to_string().as_bytes()].concat());
    }
}
