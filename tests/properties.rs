//! Properties that hold for any line: what the strict reader accepts reads the same under every reading that real
//! parsers have, and what is allowed leaves as it came.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt;
use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now};
use policylayer::policy::{self, Format, ServerName, Source};
use policylayer::wire::fault::Fault;
use policylayer::wire::frame::{Frame, Framer};
use policylayer::wire::id::IdKey;
use policylayer::wire::message::{CallParams, Message};
use policylayer::wire::skim::{Skimmer, skim};
use policylayer::wire::strict::{Judged, Reader};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON as it stands on the line: an object is the list of its members, duplicates and all.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Scalar(value.to_string()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Scalar(format!("{value:?}")))
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Scalar("null".into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::Array(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Object(members))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// How a parser looks up a key.
#[derive(Clone, Copy, Debug)]
enum Reading {
    LastWins,
    FirstWins,
    /// As Go did: without regard to case, with U+017F and U+212A folded; the last one wins.
    AnyCase,
    /// Cut at U+0000; the first one wins.
    CutAtNul,
}

impl Reading {
    const ALL: [Self; 4] = [Self::LastWins, Self::FirstWins, Self::AnyCase, Self::CutAtNul];

    fn get<'t>(self, tree: &'t Tree, key: &str) -> Option<&'t Tree> {
        let Tree::Object(members) = tree else { return None };
        let fold = |text: &str| text.replace('\u{17f}', "s").replace('\u{212a}', "k").to_lowercase();
        let cut = |text: &str| text.split('\0').next().unwrap().to_owned();
        let found = match self {
            Self::LastWins => members.iter().rfind(|(name, _)| name == key),
            Self::FirstWins => members.iter().find(|(name, _)| name == key),
            Self::AnyCase => members.iter().rfind(|(name, _)| fold(name) == fold(key)),
            Self::CutAtNul => members.iter().find(|(name, _)| cut(name) == key),
        };
        found.map(|(_, value)| value)
    }

    /// What a server would do with the message: method, id, tool, arguments.
    fn call(self, tree: &Tree) -> [Option<&Tree>; 4] {
        let params = self.get(tree, "params");
        let of_params = |key| params.and_then(|params| self.get(params, key));
        [self.get(tree, "method"), self.get(tree, "id"), of_params("name"), of_params("arguments")]
    }
}

/// Whether no object has two members of one name.
fn is_unambiguous(tree: &Tree) -> bool {
    match tree {
        Tree::Scalar(_) => true,
        Tree::Array(items) => items.iter().all(is_unambiguous),
        Tree::Object(members) => {
            let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
            names.sort();
            names.windows(2).all(|pair| pair[0] != pair[1]) && members.iter().all(|(_, value)| is_unambiguous(value))
        }
    }
}

/// Keys that attackers would use, as they are written on the line.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "name",
            "Name",
            "n\\u0061me",
            "name\\u0000",
            "NAME",
            "arguments",
            "argument\\u017f",
            "argument\u{17f}",
            "method",
            "Method",
            "m\\u0065thod",
            "METHOD",
            "params",
            "param\u{17f}",
            "Params",
            "id",
            "ID",
            "jsonrpc",
            "JSONRPC",
            "_meta",
            "task",
            "tas\u{212a}",
            "a",
            "b",
            "A",
            "",
            "\\ud83d\\ude00",
            "é",
        ])
        .prop_map(str::to_owned),
        "[a-c]{1,2}",
    ]
    .prop_map(|key| format!("\"{key}\""))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "1",
            "-0",
            "1.5e3",
            "\"2.0\"",
            "\"tools/call\"",
            "\"tools\\/call\"",
            "\"hidden\"",
            "\"h\\u0069dden\"",
            "\"get\"",
            "\"\"",
            "\"a\u{2028}b\"",
            "[]",
            "{}",
            "12345678901234567890123",
        ])
        .prop_map(str::to_owned),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

fn object(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let blank = prop::sample::select(vec!["", "", "", " ", "\t"]);
    prop::collection::vec((key(), value, blank), 0..6).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(key, value, blank)| format!("{blank}{key}{blank}:{value}{blank}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn value() -> impl Strategy<Value = String> + Clone {
    scalar().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            object(inner.clone()),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
        .boxed()
    })
}

/// A call that is close enough to one to be accepted often, and close enough to an attack to be refused often.
fn call() -> impl Strategy<Value = String> {
    let params = prop_oneof![
        object(value()),
        (scalar(), value(), prop::option::of((key(), value()))).prop_map(|(name, arguments, extra)| {
            let extra = extra.map(|(key, value)| format!(",{key}:{value}")).unwrap_or_default();
            format!("{{\"name\":{name},\"arguments\":{arguments}{extra}}}")
        }),
    ];
    (params, prop::option::of((key(), value())), scalar(), any::<prop::sample::Index>()).prop_map(
        |(params, extra, id, at)| {
            let mut members = vec![
                "\"jsonrpc\":\"2.0\"".to_owned(),
                format!("\"id\":{id}"),
                "\"method\":\"tools/call\"".to_owned(),
                format!("\"params\":{params}"),
            ];
            if let Some((key, value)) = extra {
                members.insert(at.index(members.len() + 1), format!("{key}:{value}"));
            }
            format!("{{{}}}", members.join(","))
        },
    )
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![call(), object(value()), value()]
}

fn engine(policy: &str) -> Engine {
    let server = ServerName::parse("stub").unwrap();
    let loaded = policy::load(&Source::new("policy.json", Format::Json, policy), &server);
    Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_reads_the_same_under_every_reading(text in line()) {
        let mut reader = Reader::default();
        let Ok(envelope) = reader.read(text.as_bytes(), Judged::EVERYTHING) else { return Ok(()) };
        let tree: Tree = serde_json::from_str(&text).expect("what is accepted is JSON");
        prop_assert!(is_unambiguous(&tree), "{text}");
        let Ok(Message::Request { method, params, .. }) = Message::of(&envelope) else { return Ok(()) };
        if method != "tools/call" {
            return Ok(());
        }
        let Ok(call) = CallParams::read(params) else { return Ok(()) };
        for reading in Reading::ALL {
            let seen = reading.call(&tree);
            prop_assert_eq!(seen, Reading::LastWins.call(&tree), "{:?}: {}", reading, text);
            prop_assert_eq!(seen[2], Some(&Tree::Scalar(format!("{:?}", call.name))), "{:?}: {}", reading, text);
            let arguments = call.arguments.map(|arguments| serde_json::from_str(arguments).unwrap());
            prop_assert_eq!(seen[3], arguments.as_ref(), "{:?}: {}", reading, text);
        }
    }

    #[test]
    fn json_is_refused_only_for_a_reason(text in line()) {
        let refused = Reader::default().read(text.as_bytes(), Judged::EVERYTHING).err();
        let tree: Result<Tree, _> = serde_json::from_str(&text);
        match refused {
            None => prop_assert!(tree.is_ok(), "{text}"),
            Some(Fault::Duplicate(_)) => prop_assert!(!is_unambiguous(&tree.unwrap()), "{text}"),
            Some(Fault::LookAlike { .. } | Fault::EscapedKey(_) | Fault::NulInKey(_)) => prop_assert!(tree.is_ok()),
            Some(Fault::Batch | Fault::NoObject) => prop_assert!(!matches!(tree, Ok(Tree::Object(_))), "{text}"),
            Some(fault) => prop_assert!(false, "{text}: {fault}"),
        }
    }

    #[test]
    fn damaged_lines_are_accepted_only_where_they_are_still_json(text in call(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if byte != b'\n' && Reader::default().read(&bytes, Judged::EVERYTHING).is_ok() {
            // serde_json alone refuses lone surrogates and numbers that overflow, which are odd and pass.
            let parsed: Result<Tree, _> = serde_json::from_slice(&bytes);
            if let Err(error) = parsed {
                let words = error.to_string();
                prop_assert!(words.contains("surrogate") || words.contains("out of range") || words.contains("hex escape"), "{words}");
            }
        }
    }

    #[test]
    fn no_call_of_a_hidden_tool_is_forwarded_under_any_reading(text in call()) {
        let mut actions = Vec::new();
        engine(r#"{"version":"1","default":"allow","hide":["hidden"]}"#).client_line(text.as_bytes(), Now::default(), &mut actions);
        if actions.contains(&Action::Forward) {
            let tree: Tree = serde_json::from_str(&text).unwrap();
            let hidden = Some(Tree::Scalar("\"hidden\"".into()));
            for reading in Reading::ALL {
                let [method, _, name, _] = reading.call(&tree);
                let is_call = method == Some(&Tree::Scalar("\"tools/call\"".into()));
                prop_assert!(!is_call || name != hidden.as_ref(), "{reading:?}: {text}");
            }
        }
    }

    #[test]
    fn every_request_is_forwarded_or_answered_once(text in line()) {
        let mut actions = Vec::new();
        engine(r#"{"version":"1","default":"deny","tools":{"get":{}}}"#).client_line(text.as_bytes(), Now::default(), &mut actions);
        let forwards = actions.iter().filter(|action| matches!(action, Action::Forward)).count();
        let replies = actions.iter().filter(|action| matches!(action, Action::Reply(_))).count();
        let replaces = actions.iter().filter(|action| matches!(action, Action::Replace(_))).count();
        prop_assert!(forwards + replies <= 1 && replaces == 0, "{text}: {actions:?}");
        let skimmed = skim(text.as_bytes());
        if skimmed.request_id().is_some() {
            prop_assert_eq!(forwards + replies, 1, "{}: {:?}", text, actions);
        }
    }

    #[test]
    fn skimming_in_pieces_is_skimming(text in line(), size in 1_usize..9) {
        let mut skimmer = Skimmer::new();
        for piece in text.as_bytes().chunks(size) {
            skimmer.feed(piece);
        }
        prop_assert_eq!(skimmer.finish(), skim(text.as_bytes()));
    }

    #[test]
    fn skimming_finds_the_id_of_what_is_accepted(text in call()) {
        let mut reader = Reader::default();
        let Ok(envelope) = reader.read(text.as_bytes(), Judged::EVERYTHING) else { return Ok(()) };
        if let Ok(Message::Request { key, .. }) = Message::of(&envelope) {
            prop_assert_eq!(skim(text.as_bytes()).request_id().map(IdKey::from), Some(key));
        }
    }

    #[test]
    fn an_allow_all_engine_equals_none_under_any_chunking(
        ids in prop::collection::hash_set(0_u32..1000, 1..12),
        params in object(value()),
        ends in prop::sample::select(vec!["\n", "\r\n", " \n"]),
        size in 1_usize..200,
    ) {
        let mut engine = engine(r#"{"version":"1","default":"allow"}"#);
        let lines: Vec<_> = ids
            .iter()
            .map(|id| format!("{{\"method\":\"x/y\", \"params\":{params},\"id\":{id},\"jsonrpc\":\"2.0\"}}{ends}"))
            .filter(|line| Reader::default().read(line.as_bytes(), Judged::EVERYTHING).is_ok())
            .collect();
        let stream = lines.concat();
        let (mut framer, mut out, mut actions) = (Framer::new(1 << 20), Vec::new(), Vec::new());
        for chunk in stream.as_bytes().chunks(size) {
            framer.room()[..chunk.len()].copy_from_slice(chunk);
            framer.filled(chunk.len());
            while let Some(Frame::Line(range)) = framer.next_frame() {
                engine.client_line(framer.bytes(&range), Now::default(), &mut actions);
                prop_assert_eq!(std::mem::take(&mut actions), vec![Action::Forward]);
                out.extend_from_slice(framer.bytes(&range));
            }
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), stream);
    }
}
