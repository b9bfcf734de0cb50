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
    let name = || "1@1".to_owned();
    let ledger = Ledger::new(dir.path(), Keeping::Always, Clients { name, is_running: |_| Some(true) });
    let memory = SessionMemory::default();
    for (name, size) in
        [("a result is remembered", 1_000), ("a result is remembered", 20_000), ("a result is remembered", 100_000)]
    {
        let both = [&memory as &dyn Provenance, &ledger].map(|memory| time(time_remember(memory, size)));
        let [one, other] = both;
        table.row(vec![name.to_owned(), grouped(size as f64), one, other]);
    }
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

/// The median time that new results take.
fn time_remember(memory: &dyn Provenance, size: usize) -> Duration {
    let source = Source { returns: vec![Returns::Untrusted], ..Source::default() };
    median((0..21).map(|seed| {
        let text = letter(seed * 1_000 + size as u64, size).replace('\n', "\\n");
        let result = format!("{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}");
        let start = Instant::now();
        memory.remember_result(&source, black_box(&result));
        start.elapsed()
    }))
}

fn time_look_up(memory: &dyn Provenance, text: &str) -> Duration {
    median((0..2_001).map(|_| {
        let start = Instant::now();
        black_box(memory.find_origins(black_box(text)));
        start.elapsed()
    }))
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[times.len() / 2]
}
