//! What it costs to remember a result, and to look up what a call has.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use policylayer::provenance::{Provenance, Returns, SessionMemory, Source};
use policylayer::state::{Clients, Keeping, Ledger};

use crate::table::{Table, grouped, time};

/// A letter with addresses, numbers and a table, in other words each time.
fn letter(seed: u64, size: usize) -> String {
    let mut state = seed.wrapping_add(1);
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut text = String::new();
    while text.len() < size {
        for _ in 0..12 {
            let word: String = (0..2 + next(8)).map(|_| char::from(b'a' + next(26) as u8)).collect();
            let _ = write!(text, "{word} ");
        }
        let _ = writeln!(
            text,
            "user{}@host{}.example, order ORD-{}; 40{} 1234.",
            next(9_999),
            next(99),
            next(99_999),
            next(9_999_999)
        );
    }
    text
}

pub(crate) fn measure() -> Table {
    let mut table = Table::new("Where values come from", &["what", "size", "in memory", "in a ledger"]);
    let dir = tempfile::tempdir().expect("a directory");
    // A new one for each kind, since there is room for a million values.
    let new = |kind: &str| {
        let clients = Clients { name: || "1@1".to_owned(), is_running: |_| Some(true) };
        (SessionMemory::default(), Ledger::new(dir.path().join(kind), Keeping::Always, clients))
    };
    for (name, make) in [
        ("prose is remembered", prose as fn(u64, usize) -> String),
        ("JSON in a text", json_in_text),
        ("structured content", structured),
    ] {
        let (memory, ledger) = new(name);
        for size in [1_000, 20_000, 100_000] {
            let both = [&memory as &dyn Provenance, &ledger].map(|memory| time(time_remember(memory, make, size)));
            let [one, other] = both;
            table.row(vec![name.to_owned(), grouped(size as f64), one, other]);
        }
    }
    let (memory, ledger) = new("looked up");
    let _ = [&memory as &dyn Provenance, &ledger].map(|memory| time_remember(memory, prose, 100_000));
    for (name, text) in [
        ("an address is looked up", "bob@example.com".to_owned()),
        ("a call's texts are looked up", "Dear Bob, here is what you asked for: https://example.com/x. ".repeat(16)),
    ] {
        let both = [&memory as &dyn Provenance, &ledger].map(|memory| time(time_look_up(memory, &text)));
        let [one, other] = both;
        table.row(vec![name.to_owned(), grouped(text.len() as f64), one, other]);
    }
    table
}

fn prose(seed: u64, size: usize) -> String {
    in_text(&letter(seed, size))
}

/// A list of people, each with an address, a number and a page.
fn people(seed: u64, size: usize) -> String {
    let mut list = String::from("[");
    let mut number = seed * 10_000;
    while list.len() < size {
        number += 1;
        let _ = write!(
            list,
            "{}{{\"id\":{},\"email\":\"user{number}@host{}.example\",\"name\":\"Person Number {number}\",\"page\":\
             \"https://site{}.example/people/{number}?tab=1\",\"note\":\"what there is to say about number {number}\"}}",
            if list.len() > 1 { "," } else { "" },
            number * 7_919,
            number % 50,
            number % 30
        );
    }
    list + "]"
}

fn json_in_text(seed: u64, size: usize) -> String {
    in_text(&people(seed, size))
}

fn structured(seed: u64, size: usize) -> String {
    format!("{{\"content\":[],\"structuredContent\":{{\"people\":{}}}}}", people(seed, size))
}

fn in_text(text: &str) -> String {
    serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string()
}

/// The time that a new result takes, the shortest of many: what else the machine does is no part of it.
fn time_remember(memory: &dyn Provenance, make: fn(u64, usize) -> String, size: usize) -> Duration {
    let source = Source { returns: vec![Returns::Untrusted], ..Source::default() };
    shortest((0..21).map(|seed| {
        let result = make(seed * 1_000 + size as u64, size);
        let start = Instant::now();
        memory.remember_result(&source, black_box(&result));
        start.elapsed()
    }))
}

fn time_look_up(memory: &dyn Provenance, text: &str) -> Duration {
    shortest((0..2_001).map(|_| {
        let start = Instant::now();
        memory.refresh();
        black_box(memory.find_origins(black_box(text)));
        start.elapsed()
    }))
}

fn shortest(times: impl Iterator<Item = Duration>) -> Duration {
    times.min().unwrap_or_default()
}
