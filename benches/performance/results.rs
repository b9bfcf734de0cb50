//! What `results` costs: one answer with and without it, in the core and between real pipes.

use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policylayer::engine::limits::Memory;
use policylayer::engine::{Engine, Now};
use policylayer::policy::{self, Format, Server, ServerName, Source};

use crate::Length;
use crate::lines::{self, PROSE, ROW};
use crate::session::{Between, Home, Session};
use crate::table::{Table, grouped, time};

const RESULTS: &str = r#"
[results]
strip = ["invisible", "ansi"]
stand_ins = ["email", "phone", "card", "iban"]
fields = ["firstName", "lastName", "fullName", "phoneNumber", "address", "city", "zip", "dataFields.*.street"]
deny_if = [{ path = "result.**", op = "detects", value = ["secret", "card", "iban"] }]
"#;

/// An answer after which the session has stand-ins, as most have.
const FIRST: &str =
    r#","result":{"email":"anna@example.com","firstName":"Anna-Maria Schmidt","address":"Hauptstrasse 1"}}"#;

const FRENCH: &str = "D\u{e9}j\u{e0} vu\u{a0}: le c\u{153}ur de l\u{2019}\u{e9}t\u{e9} \u{2013} on l\u{2019}a vu en 2024, \u{ab}\u{a0}peut-\u{ea}tre\u{a0}\u{bb}\u{2026}\\n";
const CHINESE: &str = "\u{6625}\u{7720}\u{4e0d}\u{89c9}\u{6653}\u{ff0c}\u{5904}\u{5904}\u{95fb}\u{557c}\u{9e1f}\u{3002}\u{591c}\u{6765}\u{98ce}\u{96e8}\u{58f0}\u{ff0c}\u{82b1}\u{843d}\u{77e5}\u{591a}\u{5c11}\u{3002}\\n";

pub(crate) fn measure() -> Table {
    let title = "An answer with `results` that has strip, four kinds of stand-ins, eight fields and what is detected, to one without `results`";
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

/// The whole program, one result at a time in which nothing applies, in turns with `results` and without.
pub(crate) fn measure_pipes(length: Length, program: PathBuf) -> io::Result<Table> {
    const TURNS: usize = 20;
    let homes = [Home::new(program.clone())?, Home::with_policy(program, &(lines::policy() + RESULTS))?];
    let mut sessions = Vec::new();
    for home in &homes {
        sessions.push(Session::start(Between::Wrapper, home)?);
    }
    let head = ["result", "bytes", "shortest, without", "with", "to without", "median", "processor time"];
    let mut table =
        Table::new("Results in which nothing applies, between real pipes, to those without `results`", &head);
    for kind in lines::SIZED_KINDS {
        for (size, count) in lines::SIZES.into_iter().zip([4_000, 4_000, 1_000, 500]) {
            let tool = lines::sized_tool(kind, size);
            let rest = lines::sized_rest(&tool).unwrap_or_default();
            let (mut took, mut busy) = ([Vec::new(), Vec::new()], [Some(0.0); 2]);
            for turn in 0..=TURNS {
                for ((took, busy), session) in took.iter_mut().zip(&mut busy).zip(&mut sessions) {
                    let before = session.processor_time();
                    let times = (0..length.of(count) / TURNS).map(|_| session.sized(&tool, rest.len()));
                    let times = times.collect::<io::Result<Vec<_>>>()?;
                    let after = session.processor_time();
                    // The first turn warms up.
                    if turn > 0 {
                        took.extend(times);
                        *busy = busy.zip(before).zip(after).map(|((sum, before), after)| sum + after - before);
                    }
                }
            }
            took.iter_mut().for_each(|took| took.sort());
            let of = |part: fn(&[Duration]) -> Duration| [part(&took[0]), part(&took[1])];
            let ratio = |[without, with]: [f64; 2]| format!("{:.2}", with / without);
            let (shortest, median) = (of(|took| took[0]), of(|took| took[took.len() / 2]));
            let busy =
                busy[0].zip(busy[1]).map_or("not known here".to_owned(), |(without, with)| ratio([without, with]));
            let [to_shortest, to_median] = [shortest, median].map(|times| ratio(times.map(|took| took.as_secs_f64())));
            let row = [kind.to_owned(), grouped(rest.len() as f64), time(shortest[0]), time(shortest[1]), to_shortest];
            table.row(row.into_iter().chain([to_median, busy]).collect());
        }
    }
    sessions.into_iter().try_for_each(Session::end)?;
    Ok(table)
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
