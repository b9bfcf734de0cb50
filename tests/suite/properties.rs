//! Properties that hold for any bytes (tests/laws), tried with generated ones and with what fuzzing has found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::laws;

use std::path::Path;
use std::sync::Arc;

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now, Payload};
use policylayer::policy::{self, Format, Server, ServerName, Source};
use policylayer::wire::fold::{find_frame, fold};
use policylayer::wire::frame::{Frame, Framer};
use policylayer::wire::strict::{Reader, StrictDepth};
use proptest::prelude::*;

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

/// A part of a stream of events, often with its line end.
fn event_part() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        prop::sample::select(vec![
            "data",
            "data:",
            "data: ",
            "data: {}",
            ":",
            ": x",
            "id: 1",
            "id",
            "id: \0",
            "event: endpoint",
            "event: message",
            "event",
            "retry: 10",
            "retry: x",
            "\u{feff}",
            "",
            "Data: x",
            "other: x",
        ])
        .prop_map(str::to_owned),
        "[a-e:: ]{0,6}",
        Just(r#"data: {"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned()),
    ];
    (line, prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", ""]))
        .prop_map(|(line, end)| line + end)
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
    let loaded = policy::load_policy(&Source::new("policy.json", Format::Json, policy), &Server::by_name(&server));
    Engine::new(Arc::new(loaded.policy.unwrap()), Box::new(Memory::default()))
}

/// A line with one of its bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (call(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    })
}

/// A tools/list result that is close enough to one to be filtered often.
fn list() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "hidden",
        "h\\u0069dden",
        "hidden\\u0000",
        "hidden\\ud83d",
        "delete_all",
        "get",
        "Hidden",
        "aé!",
        "",
    ]);
    let item = prop_oneof![
        4 => (name.prop_map(|name| format!("\"name\":\"{name}\"")), prop::option::of((key(), value()))).prop_map(
            |(name, extra)| {
                let extra = extra.map(|(key, value)| format!(",{key}: {value}")).unwrap_or_default();
                format!("{{{name}{extra}}}")
            }
        ),
        1 => value(),
    ];
    let members =
        prop::sample::select(vec!["", ",\"cacheScope\":\"public\"", ",\"nextCursor\" : \"2\"", ",\"Tools\":[]"]);
    (prop::collection::vec(item, 0..5), members, prop::option::of((key(), value()))).prop_map(|(items, more, extra)| {
        let extra = extra.map(|(key, value)| format!(",{key}:{value}")).unwrap_or_default();
        format!("{{\"tools\":[{}]{more}{extra}}}", items.join(" , "))
    })
}

/// A skills/list result, some of whose skills and files are hidden.
fn skills() -> impl Strategy<Value = String> {
    let uri = || {
        let places = [
            "skill://hidden/",
            "skill:\\/\\/hidden/",
            "SKILL://Hidden/./",
            "skill://get/",
            "skill://get/../hidden/",
            "x",
        ];
        (prop::sample::select(places.to_vec()), prop::sample::select(vec!["SKILL.md", "a", "\\u0000", "\\ud83d", ""]))
            .prop_map(|(place, file)| format!("\"uri\":\"{place}{file}\""))
    };
    let extra = || {
        prop::option::of((key(), value())).prop_map(|extra| extra.map_or(String::new(), |(k, v)| format!(",{k}:{v}")))
    };
    let file = prop_oneof![6 => (uri(), extra()).prop_map(|(uri, extra)| format!("{{{uri}{extra}}}")), 1 => value()];
    let files = prop_oneof![
        4 => prop::collection::vec(file, 0..4).prop_map(|files| format!("[{}]", files.join(" ,"))),
        1 => Just("\"dynamic\"".to_owned()),
        1 => value(),
    ];
    let names = prop::sample::select(vec!["resources", "resources", "resources", "Resources", "resourceſ"]);
    let skill = (uri(), names, files, extra())
        .prop_map(|(uri, name, files, extra)| format!("{{{uri}, \"{name}\" : {files}{extra}}}"));
    prop::collection::vec(skill, 0..4)
        .prop_map(|skills| format!("{{\"cacheScope\":\"public\",\"skills\":[{}]}}", skills.join(",")))
}

/// One step of a session, as tests/laws/engine.rs writes it.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let choices = || prop::collection::vec(any::<u8>(), 0..10);
    let with = |kind: u8, rest: Vec<u8>| {
        let mut step = vec![kind];
        step.extend(rest.into_iter().filter(|byte| *byte != b'\n'));
        step
    };
    prop_oneof![
        8 => choices().prop_map(move |rest| with(b'C', rest)),
        8 => choices().prop_map(move |rest| with(b'S', rest)),
        2 => line().prop_map(move |line| with(b'c', line.into_bytes())),
        2 => line().prop_map(move |line| with(b's', line.into_bytes())),
        1 => damaged().prop_map(move |line| with(b'c', line)),
        1 => damaged().prop_map(move |line| with(b'o', line)),
        1 => damaged().prop_map(move |line| with(b'O', line)),
        1 => any::<u8>().prop_map(move |which| with(b'p', vec![which])),
        1 => any::<[u8; 3]>().prop_map(move |step| with(b't', step.to_vec())),
    ]
}

/// What a URI can be made of, and what has a meaning only beside another.
const URI_PARTS: &[&str] = &[
    "/", ".", ":", "%", "A", "2", "%2e", "%2F", "%41", "//", "http:", "x:", ":80", "@", "?", "#", "[", "]", "\\", " ",
    "e", "%25", "%c3%a9", "%3A", "é", "\u{200b}", "ｆ", "İ",
];

#[test]
fn every_short_uri_has_one_normal_form() {
    // A part more from the front half: there stands what makes a scheme, an authority and dots.
    let (most, all) = (&URI_PARTS[..14], URI_PARTS);
    for a in most {
        for b in most {
            for c in most {
                for d in most {
                    laws::uris::has_one_normal_form(&[*a, b, c, d].concat());
                }
            }
        }
    }
    for a in all {
        for b in all {
            for c in all {
                laws::uris::has_one_normal_form(&[*a, b, c].concat());
            }
        }
    }
}

/// What hides where a path leads.
const PATH_PARTS: &[&str] = &[
    "/", "..", "%2f", "?", "%3F", ";", "\\", "s", "%2e", "#", "%23", "%3b", "%5c", "%25", ".c", "%252f", ".", "d",
    "%00", ".C", "D", "\u{ff1f}", "\u{ff1b}", "\u{ff0f}", "\u{ff23}",
];

#[test]
fn no_reading_of_a_short_uri_leads_past_a_rule() {
    let (most, all) = (&PATH_PARTS[..8], PATH_PARTS);
    for a in all {
        for b in all {
            for c in all {
                laws::uris::leads_past_no_rule(&["file:///d/", *a, b, c].concat());
            }
        }
    }
    for a in most {
        for b in most {
            for c in most {
                for end in ["/../../s", "%2F..%2F..%2Fs", "/s"] {
                    laws::uris::leads_past_no_rule(&["file:///d/", *a, b, c, end].concat());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_of_a_name_is_milder(rules in prop::collection::vec(any::<u8>(), 0..8), name in any::<String>()) {
        let mut data = vec![rules.len() as u8];
        data.extend(rules);
        data.extend(name.as_bytes());
        laws::names::holds(&data);
    }

    #[test]
    fn no_spelling_gets_past_a_glob(data in prop::collection::vec(any::<u8>(), 8..80)) {
        laws::names::globs_hold(&data);
    }

    #[test]
    fn frames_are_those_of_folds(name in "[\\PCßẞﬁİıéᾳ가\u{307}\u{301}\u{323}\u{345}\u{200b}\u{1100}\u{1161} a-z]{0,8}", one in any::<String>()) {
        for text in [name, one] {
            let folded = fold(&text);
            prop_assert_eq!(find_frame(&folded), find_frame(&text));
        }
    }

    #[test]
    fn a_uri_has_one_normal_form(parts in prop::collection::vec(prop::sample::select(URI_PARTS), 0..14)) {
        laws::uris::holds(parts.concat().as_bytes());
    }

    #[test]
    fn no_reading_of_a_uri_leads_past_a_rule(parts in prop::collection::vec(prop::sample::select(PATH_PARTS), 0..14)) {
        laws::uris::holds(parts.concat().as_bytes());
    }

    #[test]
    fn what_has_stand_ins_comes_back(texts in prop::collection::vec(prop_oneof![4 => 128_u8.., 1 => 32_u8..127, 1 => Just(0)], 0..24)) {
        laws::results::holds(&texts);
    }

    #[test]
    fn what_is_accepted_reads_the_same_under_every_reading(text in line()) {
        laws::strict::holds(text.as_bytes());
    }

    #[test]
    fn damaged_lines_are_refused_only_for_a_reason(line in damaged()) {
        laws::strict::holds(&line);
    }

    #[test]
    fn any_chunking_gives_the_same_frames(
        (max, sizes) in (any::<u8>(), prop::collection::vec(any::<u8>(), 0..8)),
        stream in "[a\n\r{}\":,1d]{0,80}|.{0,80}",
    ) {
        let header = [max, sizes.len() as u8];
        laws::framing::holds(&[&header[..], &sizes, stream.as_bytes()].concat());
    }

    #[test]
    fn any_chunking_gives_the_same_events(
        (max, sizes) in (0..24_u8, prop::collection::vec(any::<u8>(), 0..8)),
        parts in prop::collection::vec(event_part(), 0..12),
    ) {
        let header = [max, sizes.len() as u8];
        laws::events::holds(&[&header[..], &sizes, parts.concat().as_bytes()].concat());
    }

    #[test]
    fn lists_show_nothing_hidden_and_keep_all_else(which in 0_u8..2, list in list()) {
        laws::list::holds(&[&[which], list.as_bytes()].concat());
    }

    #[test]
    fn skills_show_no_hidden_file(which in 4_u8..6, list in skills()) {
        laws::list::holds(&[&[which], list.as_bytes()].concat());
    }

    #[test]
    fn two_definitions_are_one_only_if_they_read_the_same(one in value(), other in value()) {
        laws::lock::holds(format!("{one}\n{other}").as_bytes());
        laws::lock::holds(one.as_bytes());
    }

    #[test]
    fn sessions_keep_the_invariants(steps in prop::collection::vec(step(), 1..24), ends in any::<prop::sample::Index>(), does_end in 0..4_u8) {
        let mut steps = steps;
        if does_end == 0 {
            steps.insert(ends.index(steps.len()), b"e".to_vec());
        }
        laws::engine::holds(&steps.join(&b'\n'));
    }

    #[test]
    fn questions_keep_the_invariants(script in prop::collection::vec(any::<u8>(), 3..97)) {
        laws::approvals::holds(&script);
    }

    #[test]
    fn requests_alone_approve_nothing(script in prop::collection::vec(any::<u8>(), 3..97)) {
        laws::approvals::requests_alone_approve_nothing(&script);
    }

    #[test]
    fn every_line_alone_keeps_the_invariants(text in call(), policy in 0_u8..4) {
        laws::engine::holds(&[b"p", &[policy][..], b"\nc", text.replace('\n', " ").as_bytes()].concat());
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
            .filter(|line| Reader::default().read_line(line.as_bytes(), StrictDepth::EVERYTHING).is_ok())
            .collect();
        let stream = lines.concat();
        let (mut framer, mut out, mut actions) = (Framer::new(1 << 20), Vec::new(), Vec::new());
        for chunk in stream.as_bytes().chunks(size) {
            framer.free_space()[..chunk.len()].copy_from_slice(chunk);
            framer.advance(chunk.len());
            while let Some(Frame::Line(range)) = framer.next_frame() {
                engine.handle_client_line(framer.bytes(&range), Now::default(), &mut actions);
                prop_assert_eq!(std::mem::take(&mut actions), vec![Action::ToServer(Payload::Received)]);
                out.extend_from_slice(framer.bytes(&range));
            }
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), stream);
    }
}

// What can happen to a call that was asked about. See `Session::take_step` in tests/laws/approvals.rs.
const EVENTS: [[u8; 2]; 20] = [
    [0, 0],  // the call again
    [1, 0],  // the call comes again, approved
    [1, 10], // the call comes again, approved for the session
    [4, 3],  // a second
    [4, 5],  // just before the client gives up
    [4, 8],  // ten minutes
    [6, 0],  // the first call is cancelled
    [6, 64], // its client gives up
    [8, 0],  // approved on the local channel
    [8, 3],  // refused there
    [10, 0], // approved in the dialogue
    [12, 0], // the local channel says what it does with the question
    [13, 1], // another policy
    [15, 0], // the end of the server
    // Not in every order of three.
    [0, 8],  // the call again, of an earlier era
    [1, 6],  // the call comes again, dismissed
    [4, 0],  // 100 ms
    [4, 6],  // a minute
    [8, 2],  // approved on the local channel for the session
    [10, 4], // cancelled in the dialogue
];

/// Calls a tool whose questions end with the session, and one whose questions do not.
const FIRST_CALLS: [[u8; 2]; 2] = [[0, 0], [0, 0xa0]];

#[test]
fn every_order_of_two_events_keeps_the_invariants() {
    for (setup, call) in every_pair(&[0, 1, 2, 3, 4, 5], &FIRST_CALLS) {
        for (one, two) in every_pair(&EVENTS, &EVENTS) {
            laws::approvals::holds(&[&[setup][..], &call, &one, &two].concat());
        }
    }
}

/// With a session that is opened, and without.
#[test]
fn every_order_of_three_events_keeps_the_invariants() {
    for (setup, call) in every_pair(&[0, 1], &FIRST_CALLS) {
        for (one, two) in every_pair(&EVENTS[..14], &EVENTS[..14]) {
            for three in &EVENTS[..14] {
                laws::approvals::holds(&[&[setup][..], &call, &one, &two, three].concat());
            }
        }
    }
}

/// What can happen to a call whose preview is compared before it is sent.
const PREVIEW_EVENTS: [[u8; 2]; 15] = [
    [14, 1], // the server answers the preview as before
    [14, 5], // otherwise
    [14, 7], // with an error
    [0, 0xe0],
    [1, 0],
    [4, 3],
    [4, 5],
    [4, 8],
    [6, 0],
    [6, 64],
    [8, 0],
    [8, 3],
    [10, 0],
    [13, 1],
    [15, 0],
];

#[test]
fn every_order_of_three_events_keeps_what_was_shown() {
    let asked = [0, 0xe0, 14, 1];
    for setup in [0, 1] {
        for (one, two) in every_pair(&PREVIEW_EVENTS, &PREVIEW_EVENTS) {
            // Approved, and the preview is made again.
            laws::approvals::holds(&[&[setup][..], &asked, &[8, 0], &one, &two].concat());
            for three in &PREVIEW_EVENTS[..11] {
                laws::approvals::holds(&[&[setup][..], &asked, &one, &two, three].concat());
            }
        }
    }
}

/// Returns every pair of an element of one and an element of the other.
fn every_pair<A: Copy, B: Copy>(one: &[A], other: &[B]) -> impl Iterator<Item = (A, B)> {
    one.iter().flat_map(move |a| other.iter().map(move |b| (*a, *b)))
}

/// A law of tests/laws.
type Law = fn(&[u8]);

/// What fuzzing has found worth keeping: tests/fuzz/corpus, a folder a law.
#[test]
fn the_corpus_holds() {
    let laws: [(&str, Law); 11] = [
        ("strict", laws::strict::holds),
        ("framing", laws::framing::holds),
        ("events", laws::events::holds),
        ("policy", laws::policy::holds),
        ("list", laws::list::holds),
        ("lock", laws::lock::holds),
        ("engine", laws::engine::holds),
        ("names", laws::names::holds),
        ("uris", laws::uris::holds),
        ("approvals", laws::approvals::holds),
        ("results", laws::results::holds),
    ];
    for (name, holds) in laws {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 10, "{} is empty", folder.display());
        for file in files {
            holds(&std::fs::read(file).unwrap());
        }
    }
}
