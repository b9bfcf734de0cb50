//! What `results` costs: one answer with and without it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policylayer::engine::limits::Memory;
use policylayer::engine::{Engine, Now};
use policylayer::policy::{self, Format, Server, ServerName, Source};

use crate::lines;
use crate::table::{Table, grouped, time};

const RESULTS: &str = r#"
[results]
strip = ["invisible", "ansi"]
stand_ins = ["email", "phone", "card", "iban"]
fields = ["firstName", "lastName", "fullName", "phoneNumber", "address", "city", "zip", "dataFields.*.street"]
"#;

/// An answer after which the session has stand-ins, as most have.
const FIRST: &str =
    r#","result":{"email":"anna@example.com","firstName":"Anna-Maria Schmidt","address":"Hauptstrasse 1"}}"#;

/// Pieces of texts, as they stand in a line: JSON in a string is full of escapes.
const PROSE: &str =
    "The quick brown fox jumps over the lazy dog, and nobody of them knows why it should; it sleeps on.\\n";
const ROW: &str = r#"{\"id\":48151623,\"campaignId\":\"4242\",\"name\":\"Spring sale - part 2\",\"createdAt\":\"2026-11-05 10:20:30 +00:00\",\"price\":19.99,\"uuid\":\"0b9d4c2e-1111-4222-8333-944455556666\",\"note\":\"the quick brown fox jumps over it\"},\n"#;

const FRENCH: &str = "D\u{e9}j\u{e0} vu\u{a0}: le c\u{153}ur de l\u{2019}\u{e9}t\u{e9} \u{2013} on l\u{2019}a vu en 2024, \u{ab}\u{a0}peut-\u{ea}tre\u{a0}\u{bb}\u{2026}\\n";
const CHINESE: &str = "\u{6625}\u{7720}\u{4e0d}\u{89c9}\u{6653}\u{ff0c}\u{5904}\u{5904}\u{95fb}\u{557c}\u{9e1f}\u{3002}\u{591c}\u{6765}\u{98ce}\u{96e8}\u{58f0}\u{ff0c}\u{82b1}\u{843d}\u{77e5}\u{591a}\u{5c11}\u{3002}\\n";

pub(crate) fn measure() -> Table {
    let title =
        "An answer with `results` that has strip, four kinds of stand-ins and eight fields, to one without `results`";
    let mut table = Table::new(title, &["answer", "bytes", "without", "with", "to without"]);
    for (name, text) in texts() {
        let answer = format!(",\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}\n");
        let rounds = (100_000_000 / answer.len()).clamp(50, 20_000);
        let [without, with] =
            [lines::policy(), lines::policy() + RESULTS].map(|policy| time_answer(&policy, &answer, rounds));
        let ratio = format!("{:.2}", with.as_secs_f64() / without.as_secs_f64());
        table.row(vec![name.to_owned(), grouped(answer.len() as f64), time(without), time(with), ratio]);
    }
    table
}

/// The median time that an answer takes.
fn time_answer(policy: &str, answer: &str, rounds: usize) -> Duration {
    let source = Source::new("policy.toml", Format::Toml, policy);
    let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("echo").unwrap()));
    let mut engine = Engine::new(Arc::new(loaded.policy.expect("it loads")), Box::new(Memory::default()));
    let mut actions = Vec::new();
    engine.handle_client_line(lines::call(0, lines::LARGE).as_bytes(), Now::default(), &mut actions);
    engine.handle_server_line(format!("{}0{FIRST}", lines::BEFORE_ID).as_bytes(), Now::default(), &mut actions);
    actions.clear();
    let mut took: Vec<_> = (1..=rounds)
        .map(|id| {
            let answer = format!("{}{id}{answer}", lines::BEFORE_ID);
            engine.handle_client_line(lines::call(id, lines::LARGE).as_bytes(), Now::default(), &mut actions);
            actions.clear();
            let start = Instant::now();
            engine.handle_server_line(black_box(answer.as_bytes()), Now::default(), &mut actions);
            let took = start.elapsed();
            black_box(&actions);
            actions.clear();
            took
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

fn texts() -> Vec<(&'static str, String)> {
    let fill = |piece: &str, size: usize| piece.repeat(size / piece.len());
    let addresses: String =
        (0..1_000).map(|number| format!(r#"{{\"email\":\"user{number}@example.com\"}},"#) + &fill(ROW, 900)).collect();
    vec![
        ("nothing in it: 1 KB of JSON", fill(ROW, 1_000)),
        ("nothing in it: 20 KB of JSON", fill(ROW, 20_000)),
        ("nothing in it: 1 MB of prose", fill(PROSE, 1_000_000)),
        ("nothing in it: 1 MB of JSON", fill(ROW, 1_000_000)),
        ("nothing in it: 1 MB of French", fill(FRENCH, 1_000_000)),
        ("nothing in it: 1 MB of Chinese", fill(CHINESE, 1_000_000)),
        ("one address at its end: 1 MB of JSON", fill(ROW, 1_000_000) + "anna@example.com"),
        ("1,000 addresses in 1 MB of JSON", addresses),
    ]
}
