//! The core alone: one line in, its actions out, no pipe and no process.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policylayer::engine::limits::Memory;
use policylayer::engine::{Action, Engine, Now};
use policylayer::lock::{Lock, LockedDigests};
use policylayer::policy::{self, Format, Policy, Server, ServerName, Source};

use crate::table::{Table, grouped, time};
use crate::{Length, allocations, lines};

/// What a line costs, of the many that were measured: the median of the times of whole rounds, by line.
struct Cost {
    time: Duration,
    allocations: f64,
}

pub(crate) fn measure(length: Length) -> Table {
    let title = "The core, with a policy of 100 entries (one line; lists come with every tenth tool hidden)";
    let mut table = Table::new(title, &["line", "bytes", "time", "MB/s", "allocations"]);
    let mut add = |name: &str, line: &str, cost: &Cost| {
        let rate = line.len() as f64 / cost.time.as_secs_f64() / 1e6;
        table.row(vec![
            name.to_owned(),
            grouped(line.len() as f64),
            time(cost.time),
            grouped(rate),
            format!("{:.2}", cost.allocations),
        ]);
    };
    let calls = |id| (lines::call(id, "tool_7"), format!("{}{id}{}", lines::BEFORE_ID, lines::SMALL_REST));
    let (call, answer) = calls(1_000);
    let [asked, answered] = exchange(length.of(500), 512, calls);
    add("client: tools/call", &call, &asked);
    add("server: its answer", &answer, &answered);
    let large = |id| (lines::call(id, lines::LARGE), format!("{}{id}{}", lines::BEFORE_ID, lines::large_rest()));
    let [_, answered] = exchange(length.of(100), 1, large);
    add("server: a 1 MB answer", &large(1).1, &answered);
    for (name, size, rounds) in [("48 KB", 48 * 1024, 2_000), ("1 MB", 1024 * 1024, 100)] {
        let lists = |id| (lines::list_request(id), lines::tools_list(id, size));
        let (request, list) = lists(1);
        let [asked, answered] = exchange(length.of(rounds), 1, lists);
        if size < 1_000_000 {
            add("client: tools/list", &request, &asked);
        }
        add(&format!("server: a {name} tools/list"), &list, &answered);
    }
    table
}

/// Rounds of `batch` requests, then their answers: what one of each costs.
fn exchange(rounds: usize, batch: usize, lines: impl Fn(usize) -> (String, String)) -> [Cost; 2] {
    let mut engine = new_engine();
    let lines: Vec<_> = (1_000..1_000 + batch).map(lines).collect();
    let mut actions = Vec::with_capacity(4);
    let mut took = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    let mut allocated = [0, 0];
    for round in 0..rounds + rounds / 10 + 1 {
        for (side, took) in took.iter_mut().enumerate() {
            let before = allocations::count();
            let start = Instant::now();
            for (request, answer) in &lines {
                match side {
                    0 => engine.handle_client_line(black_box(request.as_bytes()), Now::default(), &mut actions),
                    _ => engine.handle_server_line(black_box(answer.as_bytes()), Now::default(), &mut actions),
                }
                assert!(matches!(black_box(&actions)[..], [Action::ToServer(_) | Action::ToClient(_)]));
                actions.clear();
            }
            // The first rounds fill the caches.
            if round > rounds / 10 {
                took.push(start.elapsed());
                allocated[side] += allocations::count() - before;
            }
        }
    }
    let cost = |side: usize| {
        let mut took = took[side].clone();
        took.sort();
        Cost {
            time: took[took.len() / 2].div_f64(batch as f64),
            allocations: allocated[side] as f64 / (took.len() * batch) as f64,
        }
    };
    [cost(0), cost(1)]
}

pub(crate) fn new_engine() -> Engine {
    Engine::new(Arc::new(read_policy()), Box::new(Memory::default()))
}

/// An engine whose lists are held to a lock.
pub(crate) fn new_locked_engine(lock: &Lock) -> Engine {
    let policy = read_policy().with_lock(Arc::new(LockedDigests::from(lock)));
    Engine::new(Arc::new(policy), Box::new(Memory::default()))
}

fn read_policy() -> Policy {
    let source = Source::new("policy.toml", Format::Toml, lines::policy());
    let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse("echo").unwrap()));
    loaded.policy.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}
