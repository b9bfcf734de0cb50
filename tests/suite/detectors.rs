//! The detectors at their boundary: a text, and what is found in it. The corpus is in tests/detectors: what is made there by a
//! series of numbers, and hard cases by hand. What must be found is marked.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite detectors::` writes the table in docs/results.md anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../detectors/generate.rs"]
mod generate;

use std::fmt::Write as _;

use crate::support::system::computing_time;
use policylayer::content::{
    ContentKind, ContentKinds, FieldPattern, StandInCounts, StandInRules, StandIns, find_content, has_content,
};
use proptest::prelude::*;
use serde_json::json;

/// A string of the corpus, without its marks.
struct Labelled {
    text: String,
    values: Vec<(ContentKind, String)>,
}

fn parse(marked: &str) -> Labelled {
    let mut labelled = Labelled { text: String::new(), values: Vec::new() };
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('⟦') {
        let (mark, after) = after.split_once('⟧').unwrap_or_else(|| panic!("an open mark in {marked}"));
        let (kind, value) = mark.split_once(':').unwrap();
        let kind = ContentKind::ALL.into_iter().find(|known| known.as_str() == kind);
        labelled.values.push((kind.unwrap_or_else(|| panic!("no such kind in {marked}")), value.to_owned()));
        labelled.text += before;
        labelled.text += value;
        rest = after;
    }
    labelled.text += rest;
    labelled
}

fn corpus() -> Vec<Labelled> {
    let hard =
        include_str!("../detectors/hard.jsonl").lines().map(|line| serde_json::from_str::<String>(line).unwrap());
    generate::generate().iter().map(String::as_str).map(parse).chain(hard.map(|text| parse(&text))).collect()
}

fn all() -> ContentKinds {
    ContentKind::ALL.into_iter().collect()
}

/// How many values of a kind there are, and how many were found, missed and found where none is.
#[derive(Clone, Copy, Default)]
struct Score {
    found: usize,
    missed: usize,
    wrong: usize,
}

impl Score {
    fn precision(self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }

    fn recall(self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }
}

/// A value counts as found if exactly its text was.
fn score<'c>(corpus: impl Iterator<Item = &'c Labelled>, faults: &mut Vec<String>) -> [Score; ContentKind::ALL.len()] {
    let mut scores = [Score::default(); ContentKind::ALL.len()];
    for labelled in corpus {
        let mut open = labelled.values.clone();
        for finding in find_content(&labelled.text, all()) {
            let value = &labelled.text[finding.range.clone()];
            let score = &mut scores[finding.kind as usize];
            match open.iter().position(|(kind, other)| *kind == finding.kind && other == value) {
                Some(at) => {
                    open.remove(at);
                    score.found += 1;
                }
                None => {
                    score.wrong += 1;
                    faults.push(format!("no {}: {value:?} in {:?}", finding.kind, labelled.text));
                }
            }
        }
        for (kind, value) in open {
            scores[kind as usize].missed += 1;
            faults.push(format!("missed {kind}: {value:?} in {:?}", labelled.text));
        }
    }
    scores
}

#[test]
fn the_corpus_is_found() {
    let corpus = corpus();
    assert!(corpus.len() >= 2_000, "{}", corpus.len());
    // The detectors were written with the one half in view; the other was only ever counted.
    for half in 0..2 {
        let mut faults = Vec::new();
        let strings = corpus.iter().enumerate().filter(|(at, _)| at % 2 == half).map(|(_, labelled)| labelled);
        let scores = score(strings, &mut faults);
        for (kind, score) in ContentKind::ALL.into_iter().zip(scores) {
            let is_good = score.precision() >= 0.99 && score.recall() >= 0.97;
            let faults = if half == 0 { faults.join("\n") } else { String::new() };
            let Score { found, missed, wrong } = score;
            assert!(is_good, "half {half}, {kind}: {found} found, {missed} missed, {wrong} wrong\n{faults}");
        }
    }
}

/// The table that docs/results.md has.
#[test]
fn the_published_table_is_true() {
    const BEGIN: &str = "<!-- detectors -->\n\n";
    const END: &str = "\n<!-- end of detectors -->";
    let corpus = corpus();
    let mut table = format!("Of {} strings:\n\n", corpus.len());
    table += "| kind | values | found | found wrongly | precision | recall |\n|---|---|---|---|---|---|\n";
    for (kind, score) in ContentKind::ALL.into_iter().zip(score(corpus.iter(), &mut Vec::new())) {
        let Score { found, missed, wrong } = score;
        let (precision, recall) = (score.precision(), score.recall());
        let _ = writeln!(table, "| `{kind}` | {} | {found} | {wrong} | {precision:.3} | {recall:.3} |", found + missed);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/results.md");
    let page = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the table");
    let (published, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert_eq!(published, table);
    }
}

/// Texts that are long in ways in which detectors could take more than linear time.
#[test]
fn the_work_is_linear() {
    const SIZE: usize = 64_000;
    let pieces = [
        "a",
        "1",
        "@",
        "a@",
        "@a.",
        "a@b.c",
        "1 ",
        "1-",
        "1.",
        "1:",
        ":",
        "::",
        "a:",
        "+1",
        "+",
        "(0)",
        "( ",
        "eyJ.",
        "eyJ",
        "eyJ-",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----",
        "ghp_",
        "sk-",
        "DE89",
        "de89 ",
        "\\",
        "\\u",
        "%4",
        "%40",
        "&#",
        "&#64;",
        "?sig=",
        "\u{200b}",
        "1\u{200b}",
        "\u{ff11}",
        "\u{661}",
        "tel 1",
        "phone ",
        "\"@",
        "\"",
        "a.",
        "4111 1111 1111 1111",
        "1.1.1.1 ",
        "?X-Amz-a=",
        "x=",
    ];
    let time = |text: &str| {
        let start = computing_time();
        find_content(text, all());
        computing_time() - start
    };
    for piece in pieces {
        let text = piece.repeat(SIZE / piece.len());
        let half: String = piece.repeat(SIZE / piece.len() / 8);
        let least = |text: &str| (0..2).map(|_| time(text)).min().unwrap();
        let (short, long) = (least(&half), least(&text));
        // Eight times the text takes some eight times as long; a square would take sixty-four times.
        let is_linear = long < short * 30 + std::time::Duration::from_millis(500);
        assert!(is_linear, "{piece:?}: {short:?} for an eighth, {long:?} for all");
    }
}

proptest! {
    #[test]
    fn findings_are_in_order_and_inside_the_text(text in "(\\PC|[@.:+0-9 -]|\\\\u00|%4|\u{200b}|phone |4111|DE89 ){0,60}") {
        let findings = find_content(&text, all());
        for kind in ContentKind::ALL {
            let ranges: Vec<_> = findings.iter().filter(|finding| finding.kind == kind).map(|finding| finding.range.clone()).collect();
            prop_assert!(ranges.iter().all(|range| text.get(range.clone()).is_some_and(|value| !value.is_empty())));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?} in {text:?}");
            let only = [kind].into_iter().collect();
            prop_assert_eq!(has_content(&text, only), !ranges.is_empty(), "{} in {:?}", kind, text);
        }
    }

    #[test]
    fn what_is_split_or_escaped_is_found(at in 1_usize..15, split in prop::sample::select(vec!["\u{200b}", "\u{ad}", "\u{2060}", "\u{feff}"])) {
        let card = "4242424242424242";
        let (before, after) = card.split_at(at);
        let spellings = [
            format!("{before}{split}{after}"),
            format!("{before}\\u{:04x}{}", u32::from(after.chars().next().unwrap()), &after[1..]),
            format!("{before}%3{after}"),
            card.chars().map(|c| char::from_u32(0xff10 + c.to_digit(10).unwrap()).unwrap()).collect(),
            card.chars().map(|c| char::from_u32(0x966 + c.to_digit(10).unwrap()).unwrap()).collect(),
        ];
        for text in spellings {
            let only = [ContentKind::Card].into_iter().collect();
            prop_assert!(has_content(&text, only), "{}", text);
        }
    }
}

/// How a text is written before it becomes a text of a result.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Plain,
    /// As the inside of a JSON string, so many times.
    Json(u8),
    /// So, and with nothing but ASCII.
    AsciiJson(u8),
    /// Every so many characters as an escape: of JSON, of a URL or of HTML.
    Escapes(usize, fn(char) -> String),
    /// Its digits in full width.
    Wide,
    /// With a character that shows nothing behind every so many.
    Cut(usize),
}

impl Spelling {
    fn write(self, text: &str) -> String {
        let every = |nth: usize, write: &dyn Fn(char) -> String| {
            let write = |(at, c): (usize, char)| if at % nth == nth - 1 { write(c) } else { c.to_string() };
            text.chars().enumerate().map(write).collect()
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Json(times) => (0..times).fold(text.to_owned(), |text, _| json!({ "text": text }).to_string()),
            Self::AsciiJson(times) => {
                (0..times).fold(text.to_owned(), |text, _| in_ascii(&json!({ "text": text }).to_string()))
            }
            Self::Escapes(nth, escape) => every(nth, &escape),
            Self::Wide => {
                every(1, &|c| char::from_u32(u32::from(c) + 0xfee0).filter(|_| c.is_ascii_digit()).unwrap_or(c).into())
            }
            Self::Cut(nth) => every(nth, &|c| format!("{c}\u{200b}")),
        }
    }
}

/// A character as an escape of JSON.
fn json_escape(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// JSON as many programs write it: what is not ASCII as escapes.
fn in_ascii(json: &str) -> String {
    json.chars().map(|c| if c.is_ascii() { c.to_string() } else { json_escape(c) }).collect()
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let escapes: Vec<fn(char) -> String> = vec![
        json_escape,
        |c| c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
        |c| format!("&#{};", u32::from(c)),
        |c| format!("\\{c}"),
    ];
    prop_oneof![
        4 => Just(Spelling::Plain),
        2 => (1_u8..4).prop_map(Spelling::Json),
        2 => (1_u8..3).prop_map(Spelling::AsciiJson),
        3 => (1_usize..12, prop::sample::select(escapes)).prop_map(|(nth, escape)| Spelling::Escapes(nth, escape)),
        1 => Just(Spelling::Wide),
        1 => (1_usize..9).prop_map(Spelling::Cut),
    ]
}

/// What strings of the corpus stand behind.
const BETWEEN: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    ", ",
    "@",
    "9",
    "0",
    "00",
    "x",
    "+",
    "-",
    "\\",
    "\\u00",
    "%2",
    "&#",
    "/",
    "\":\"",
    "tel ",
    "Tel.\u{a0}",
    "tel%20",
    "tel%20.",
    "phone1 ",
    "phone 2 - ",
    "phone \u{2013} ",
    "phone \\u2013 ",
    "\u{2013} ",
    "\u{2013}-11-",
    "\u{96fb}\u{8a71} ",
    "mobile \u{1f4f1} ",
    "\u{7f}",
    "\u{e9}",
    "\u{a0}",
    "\u{2019}",
    "\u{3002}",
    "stand-in-bcdfghjk ",
    "person-bcdfghjk@stand-in.invalid ",
    "+999 123 456 7890 ",
    "DE",
];

/// A text of some strings of the corpus, each spelled in a way, wherever in a block of the screen they fall.
fn texts() -> impl Strategy<Value = String> {
    let corpus: Vec<String> = corpus().into_iter().map(|labelled| labelled.text).collect();
    let between = prop::sample::select(BETWEEN.to_vec());
    let piece = (0_usize..70, between, prop::sample::select(corpus), spelling());
    let write = |(padding, between, text, spelling): (usize, &str, String, Spelling)| {
        format!("{}{between}{}", "_ab c".chars().cycle().take(padding).collect::<String>(), spelling.write(&text))
    };
    prop::collection::vec(piece.prop_map(write), 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Texts are screened as they are written. Whatever is not suspected there has nothing in it: each result is the same as if every
    /// text were decoded and looked through, also where later ones have the values of earlier ones.
    #[test]
    fn a_quick_look_finds_what_a_slow_one_finds(texts in prop::collection::vec(texts(), 1..5), is_spaced in any::<bool>(), pick in 0_usize..3) {
        let kinds = [ContentKind::Email, ContentKind::Phone, ContentKind::Card, ContentKind::Iban];
        let fields = vec!["name".parse().unwrap(), "user.*.ab".parse().unwrap()];
        let rules = match pick {
            0 => StandInRules { kinds: kinds.into_iter().collect(), fields },
            1 => StandInRules { kinds: kinds[..1].iter().copied().collect(), fields },
            _ => StandInRules { kinds: kinds[1..].iter().copied().collect(), fields: Vec::new() },
        };
        let rest = texts.concat();
        let results = texts.iter().map(|text| json!({"content": [text, 4_242_424_242_424_242_u64], "name": text, text: [text]}));
        let last = json!({"text": rest, "inner": json!({"name": texts[0], "all": rest}).to_string()});
        let results = results.chain([last]).map(|result| if is_spaced { format!("{result:#}") } else { result.to_string() });
        let as_is: Vec<String> = results.collect();
        let in_ascii: Vec<String> = as_is.iter().map(|result| in_ascii(result)).collect();
        // Each in a session of its own: what is known from before is suspected more.
        for results in [as_is, in_ascii] {
            let [mut quick, mut slow] = [StandIns::new([7; 32]), StandIns::new([7; 32])];
            for written in results {
                let [mut quickly, mut slowly] = [StandInCounts::default(); 2];
                let hidden = quick.hide_values(&written, &rules, &mut quickly);
                let expected = slow.hide_values_slowly(&written, &rules, &mut slowly);
                prop_assert_eq!(&hidden, &expected, "{}", written);
                prop_assert_eq!(quickly, slowly);
                if hidden.is_err() {
                    break;
                }
            }
        }
    }
}

/// What stands between values in long texts: words, rows, and what may belong to a value on either side.
const FILLERS: &[&str] = &[
    "the quick brown fox ",
    "{\"id\":48151623,\"at\":\"2026-11-05 10:20:30 +00:00\",\"price\":19.99},\n",
    "x",
    "12 ",
    "1",
    "\u{e9}t\u{e9} ",
    "a/b.",
    "\\",
];

proptest! {
    /// Of a long text, only the pieces around what is suspected are decoded and looked through.
    #[test]
    fn what_a_long_text_holds_is_found_in_its_pieces(parts in prop::collection::vec((prop::sample::select(FILLERS.to_vec()), 0_usize..1_500, texts()), 2..7), is_ascii in any::<bool>()) {
        let write = |(filler, length, text): &(&str, usize, String)| filler.repeat(length / filler.len()) + text;
        let text: String = parts.iter().map(write).collect();
        let kinds = [ContentKind::Email, ContentKind::Phone, ContentKind::Card, ContentKind::Iban];
        let rules = StandInRules { kinds: kinds.into_iter().collect(), fields: vec!["name".parse().unwrap()] };
        let [mut quick, mut slow] = [StandIns::new([7; 32]), StandIns::new([7; 32])];
        for result in [json!({"text": text}), json!({"name": parts[0].2, "text": text}), json!({"text": text, "more": text})] {
            let written = if is_ascii { in_ascii(&result.to_string()) } else { result.to_string() };
            let [mut quickly, mut slowly] = [StandInCounts::default(); 2];
            let hidden = quick.hide_values(&written, &rules, &mut quickly);
            prop_assert_eq!(&hidden, &slow.hide_values_slowly(&written, &rules, &mut slowly), "{}", written);
            prop_assert_eq!(quickly, slowly);
            let Ok(hidden) = hidden else { break };
            let back = quick.put_back(hidden.as_deref().unwrap_or(&written), &|_| false).unwrap();
            // Characters that were written as escapes may come back as they are.
            let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
            prop_assert_eq!(read(back.map_or(written.clone(), |back| back.text).as_str()), result);
        }
    }
}

/// What a session without known values makes of a result: what is suspected looked at, and all of it.
fn hide_both_ways(written: &str, rules: &StandInRules) -> [Option<String>; 2] {
    [StandIns::hide_values, StandIns::hide_values_slowly].map(|hide| {
        let mut table = StandIns::new([7; 32]);
        hide(&mut table, written, rules, &mut StandInCounts::default()).unwrap()
    })
}

/// Every string of the corpus by itself, at each place of a block.
#[test]
fn each_string_of_the_corpus_is_suspected_wherever_it_stands() {
    let kinds = [ContentKind::Email, ContentKind::Phone, ContentKind::Card, ContentKind::Iban];
    let rules = StandInRules { kinds: kinds.into_iter().collect(), fields: Vec::new() };
    for (number, labelled) in corpus().into_iter().enumerate() {
        let paddings = [number % 64, (number + 31) % 64].map(|padding| "-".repeat(padding));
        let behind = BETWEEN.iter().copied().cycle().skip(number % BETWEEN.len()).step_by(11).take(3);
        for before in paddings.iter().map(String::as_str).chain(behind) {
            let text = format!("{before}{}", labelled.text);
            let written = json!({ "text": text }).to_string();
            for written in [in_ascii(&written), written] {
                let [quickly, slowly] = hide_both_ways(&written, &rules);
                assert_eq!(quickly, slowly, "{written}");
            }
        }
    }
}

/// The word before a number may end in an escape, or in digits, that the bytes before the number run into.
#[test]
fn numbers_are_suspected_behind_escapes_and_digits() {
    let rules = StandInRules { kinds: [ContentKind::Phone].into_iter().collect(), fields: Vec::new() };
    for text in [
        r"Tel.\u00a0(030) 1234567",
        r"Tel.\u00A0(030) 1234567",
        r"Phone \u2013 555 1234",
        r"Phone \u2014 555 1234",
        r"Phone \u2019 555 1234",
        r"Phone \u2022 555 1234",
        r"Phone \u2116 555 1234",
        r"Phone \\u2013 555 1234",
        r"Phone \u0026 555 1234",
        r"Phone \u0027 555 1234",
        r"\uc804\ud654 010-1234-5678",
        r"\u96fb\u8a71 03-1234-5678",
        r"\u043c\u043e\u0431. 9161234567",
        r"Mobile \ud83d\udcf1 555 1234",
        r"Mobile \ud83d\udd14 555 1234",
        r"Tel\uff1a 555 1234",
        // What looks like a date is the end of an escape, and the start of a number.
        r"Tel \u2013-11-05 1234567",
        r"tel%20.11.2024 5551",
        r"Phone1 555 1234",
        r"x phone2 (030) 1234567",
        r"phone1 - 555 1234",
        r"\nphone1 - 555 1234",
        r"%20phone1 - 555 1234",
        "phone20 \u{7f} 555 1234",
        "phone\u{661} 555 1234",
        r#"{\"a\":\"Tel.\\u00a0(030) 1234567\"}"#,
        r#"{\"a\":\"Phone \\u2013 555 1234\"}"#,
    ] {
        let written = format!(r#"{{"t":"{text}"}}"#);
        let [quickly, slowly] = hide_both_ways(&written, &rules);
        assert_eq!(quickly, slowly, "{written}");
        assert!(slowly.is_some(), "{written}");
    }
}

/// Whether a result of one text may have something of any kind, as it is written.
fn may_have_any(written: &str) -> bool {
    StandIns::new([7; 32]).screen(written, &StandInRules::default(), all()).may_have_asked
}

/// Where a look at a result as it is written says that there is nothing, no detector finds anything in its texts.
#[test]
fn what_is_detected_is_suspected_as_it_is_written() {
    let mut passed = 0;
    for (number, labelled) in corpus().into_iter().enumerate() {
        let padding = "-".repeat(number % 64);
        let behind = BETWEEN.iter().copied().cycle().skip(number % BETWEEN.len()).step_by(7).take(5);
        for before in std::iter::once(padding.as_str()).chain(behind) {
            let text = format!("{before}{}", labelled.text);
            let inner = json!({ "a": text }).to_string();
            for text in [text, inner] {
                let written = json!({ "text": text }).to_string();
                let slashed = written.replace('/', "\\/");
                for written in [in_ascii(&written), slashed, written] {
                    let is_suspected = may_have_any(&written);
                    passed += usize::from(!is_suspected);
                    assert!(is_suspected || !has_content(&text, all()), "{written}");
                }
            }
        }
    }
    assert!(passed > 10_000, "only {passed} are told to have nothing");
}

/// The digits of an escape, or of a part of a URL, run into the address behind it.
#[test]
fn addresses_are_suspected_behind_escapes() {
    for text in [r"\u00a0::1", r"\u2013fe80::1", r"x%20fe80::1", r"%20::1", r"\f::1", r"\u00a010.0.0.1", "%20255.1.1.1"]
    {
        let written = format!(r#"{{"t":"{text}"}}"#);
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert!(has_content(read["t"].as_str().unwrap(), all()), "{written}");
        assert!(may_have_any(&written), "{written}");
    }
}

/// What conditions do not judge is no text in which there is nothing.
#[test]
fn what_is_not_judged_is_suspected() {
    for written in [
        r#"{"a":"x\u0000y"}"#,
        r#"{"a":"\ud83d"}"#,
        r#"{"a":"\ude00 x"}"#,
        r#"{"a":"\ud83d\ud83d\ude00"}"#,
        r#"{"a":1.2345678e3}"#,
        r#"{"a":[1,-12345E+123]}"#,
        r#"{"a": 1e10000000}"#,
        r#"{"a":12345.6e12}"#,
    ] {
        assert!(may_have_any(written), "{written}");
    }
    for written in
        [r#"{"a":"\ud83d\ude42"}"#, r#"{"a":1.5e3,"b":"x4e5f6071"}"#, r#"{"a":"0b9d4e2e-1111-4222-8333-944455556666"}"#]
    {
        assert!(!may_have_any(written), "{written}");
    }
}

proptest! {
    #[test]
    fn what_is_detected_is_suspected_however_it_is_spelled(texts in prop::collection::vec(texts(), 1..4)) {
        let written = json!({ "content": texts, "inner": json!(texts).to_string() }).to_string();
        let inner = json!(texts).to_string();
        for written in [in_ascii(&written), written] {
            let is_there = texts.iter().chain([&inner]).any(|text| has_content(text, all()));
            prop_assert!(may_have_any(&written) || !is_there, "{}", written);
        }
    }
}

/// What becomes known in a result is known in the rest of it, also as escapes.
#[test]
fn values_of_the_same_result_are_known_as_escapes() {
    let rules = StandInRules { kinds: ContentKinds::default(), fields: vec!["name".parse().unwrap()] };
    for name in [
        "\u{410}\u{43d}\u{43d}\u{430} \u{418}\u{432}",
        "Zo\u{eb} \u{dc}r\u{fc}n",
        "\u{1f642}\u{1f642} x",
        "\u{e9}t\u{e9} Anna Schmidt",
    ] {
        let nested = in_ascii(&json!({ "text": name }).to_string());
        let written = json!({"a": "x", "name": name, "text": format!("Hello {name}!"), "z": nested}).to_string();
        for written in [in_ascii(&written), written] {
            let [quickly, slowly] = hide_both_ways(&written, &rules);
            assert_eq!(quickly, slowly, "{written}");
            assert_eq!(slowly.unwrap().matches("stand-in-").count(), 3, "{written}");
        }
    }
}

/// Half of what lies between emoji stands for nothing yet, and is left out where a text is decoded.
#[test]
fn what_shows_nothing_is_suspected_beside_emoji() {
    let kinds = [ContentKind::Phone, ContentKind::Card];
    let rules = StandInRules { kinds: kinds.into_iter().collect(), fields: Vec::new() };
    for c in ('\u{1f000}'..='\u{1f7ff}').step_by(3) {
        for text in [format!("+49 3012{c} 345678"), format!("4111 1111{c} 1111 1111")] {
            let written = json!({ "text": text }).to_string();
            for written in [in_ascii(&written), written] {
                let [quickly, slowly] = hide_both_ways(&written, &rules);
                assert_eq!(quickly, slowly, "{written}");
            }
        }
    }
    let [hidden, _] = hide_both_ways(r#"{"t":"+49 3012\ud83c\udcaf 345678"}"#, &rules);
    assert!(hidden.is_some());
}

/// A long text is looked at in pieces, but not the part of a field.
#[test]
fn a_field_is_hidden_to_its_end_in_a_part_of_a_text() {
    let rules = StandInRules { kinds: ContentKinds::default(), fields: vec![FieldPattern::parse("tags").unwrap()] };
    let names = vec!["\"Ada Lovelace\""; 300].join(", ");
    for (before, after) in [("", ""), ("\"", ""), ("x \"", ""), ("x: 1, '", ""), ("x", ""), ("", " and more")] {
        for key in ["tags", "tag\\u0073", "\\u0074ags", "t\\u0061gs"] {
            for quote in ["\"", "'"] {
                let written = json!({ "text": format!("{before}{key}{quote}: [{names}]{after}") }).to_string();
                let [quickly, slowly] = hide_both_ways(&written, &rules);
                assert_eq!(quickly, slowly, "{before:?} {key}");
            }
        }
    }
}

/// The digits on the back of a card are often written behind its number.
#[test]
fn a_card_is_found_before_three_more_digits() {
    let only = [ContentKind::Card].into_iter().collect();
    for (text, end) in [("4111 1111 1111 1111 123", 19), ("4111-1111-1111-1111-123", 0), ("3782 822463 10005 123", 17)]
    {
        let ends: Vec<_> = find_content(text, only).iter().map(|finding| finding.range.end).collect();
        assert_eq!(ends, Vec::from_iter((end > 0).then_some(end)), "{text}");
    }
}

#[test]
fn looking_for_tokens_is_linear() {
    let rules = StandInRules { kinds: [ContentKind::Secret].into_iter().collect(), fields: Vec::new() };
    for piece in ["eyJ", "eyJ-", "eyJ.", "eyJhbGciOiJIUzI1NiJ9-"] {
        let written = json!({ "text": piece.repeat(1_000_000 / piece.len()) }).to_string();
        let start = computing_time();
        hide_both_ways(&written, &rules);
        let took = computing_time() - start;
        assert!(took < std::time::Duration::from_secs(20), "{piece:?}: {took:?}");
    }
}
