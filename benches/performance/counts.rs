//! Counts, which are the same on each machine: instructions by valgrind's callgrind, and allocations.
//!
//! An instruction of the wrapper counts in the part of the program that it is in. One of a library counts in the part that
//! called it, by how much of the library's work was for whom.

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use policylayer::engine::{Engine, Now};

use crate::engine::{new_engine, new_locked_engine};
use crate::session::Home;
use crate::table::{Table, grouped};
use crate::{allocations, lines};

/// The parts of the program, each with the paths of its functions. The first that fits counts.
const PARTS: [(&str, &[&str]); 8] = [
    (
        "digests (SHA-256 without the processor's instructions for it, and BLAKE3)",
        &[
            "blake3::",
            "sha2::",
            "digest::",
            "hmac::",
            "block_buffer::",
            "ring::",
            "ring_core_",
            "policylayer::record::short_digests",
        ],
    ),
    ("the strict reader", &["policylayer::wire::strict", "policylayer::wire::text"]),
    ("what a line says: its members, names, ids", &["policylayer::wire::"]),
    ("the decision", &["policylayer::policy::"]),
    ("what is said of a listed tool", &["policylayer::risk::"]),
    // Of the engine only what is not called without a log.
    (
        "the log: records, their lines, its thread",
        &[
            "policylayer::record::",
            "policylayer::audit::",
            "policylayer::engine::recorder::Recorder::draft_again",
            "policylayer::engine::recorder::<impl policylayer::engine::Engine>::reuse_records",
            "policylayer::engine::tool_calls::<impl policylayer::engine::Engine>::collect_unanswered",
            "policylayer::engine::tool_calls::unanswered_entry",
            "policylayer::proxy::start_log",
        ],
    ),
    ("the engine: open requests, lists", &["policylayer::engine::"]),
    ("reading and writing", &["policylayer::proxy::", "policylayer::"]),
];

/// The parts that are there only because a log is kept.
const LOG: [usize; 2] = [0, 5];

const LIBRARIES: &str = "the standard library, for nobody in particular";

/// What a session took, by part, in instructions.
type Cost = Vec<f64>;

/// The most instructions that a call and its answer may take: all, and all but the digests and the log. What is measured is
/// in docs/performance.md.
const MOST: [f64; 2] = [15_000.0, 4_000.0];

/// Holds the counts to their bounds and to what docs/performance.md says.
pub(crate) fn check(program: &Path, out: &mut impl io::Write) -> io::Result<()> {
    let home = Home::new(program.to_owned())?;
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md"))?;
    let mut least = [None, None];
    let mut call = call_cost(&home, &mut least)?;
    for _ in 1..TRIES {
        if compare(&call, &docs, &mut io::sink()).is_ok() {
            break;
        }
        call = call_cost(&home, &mut least)?;
    }
    compare(&call, &docs, out)
}

/// How often a session is counted until it is taken for what it costs. A busy machine can only add to it: what goes by the clock, such
/// as the writes of the log, comes more often there.
const TRIES: usize = 5;

/// Compares the counts of a call with the bounds and with what a page says.
fn compare(call: &Cost, docs: &str, out: &mut impl io::Write) -> io::Result<()> {
    let all: f64 = call.iter().sum();
    let mut wrong = Vec::new();
    for (part, count) in PARTS.iter().map(|(part, _)| *part).zip(call).chain([("all", &all)]) {
        let row = docs.lines().find_map(|line| line.strip_prefix(&format!("| {part} |")));
        let said = row.and_then(|row| row.split('|').next()?.trim().replace(',', "").parse::<f64>().ok());
        writeln!(
            out,
            "{part}: {}, and docs/performance.md says {}",
            grouped(count.abs()),
            grouped(said.unwrap_or(0.0))
        )?;
        // A part of next to nothing is not in the table; the layout of the program moves the others a little.
        if said.is_none_or(|said| (said - count).abs() > NEAR * all.max(said)) && count.abs() > NEAR * all {
            wrong.push(part);
        }
    }
    let rest = all - LOG.map(|part| call[part]).iter().sum::<f64>();
    for (count, most, what) in [(all, MOST[0], "all"), (rest, MOST[1], "all but digests and log")] {
        if count > most {
            writeln!(out, "{what}: {} is above the bound of {}", grouped(count), grouped(most))?;
            wrong.push(what);
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(format!("not as it should be: {wrong:?}"))),
    }
}

/// How far a count may be from what is said of it, as a part of all.
const NEAR: f64 = 0.05;

/// What a call and its answer take, by the least that each of two sessions has taken so far.
fn call_cost(home: &Home, least: &mut [Option<Cost>; 2]) -> io::Result<Cost> {
    for (count, least) in [1_000, 11_000].into_iter().zip(&mut *least) {
        let calls: String = (1..=count).map(|id| lines::call(id, "tool_7")).collect();
        let counted = count_instructions(&calls, home)?;
        let all = |cost: &Cost| cost.iter().sum::<f64>();
        if least.as_ref().is_none_or(|least| all(&counted) < all(least)) {
            *least = Some(counted);
        }
    }
    let [Some(few), Some(many)] = least else { return Err(io::Error::other("nothing was counted")) };
    Ok(few.iter().zip(many.iter()).map(|(few, many)| (many - few) / 10_000.0).collect())
}

/// Prints the counts.
pub(crate) fn measure(program: &Path, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{}", count_allocations())?;
    let home = Home::new(program.to_owned())?;
    let call = call_cost(&home, &mut [None, None])?;
    let mut table = Table::new("Instructions of the wrapper", &["part", "a call and its answer"]);
    for (part, count) in PARTS.iter().map(|(part, _)| *part).chain([LIBRARIES]).zip(&call) {
        table.row(vec![part.to_owned(), grouped(count.abs())]);
    }
    table.row(vec!["all".to_owned(), grouped(call.iter().sum())]);
    writeln!(out, "{table}")?;
    let mut table = Table::new("Instructions of the wrapper for a list", &["list", "the first time", "again"]);
    for (name, size) in SIZES {
        let locked = Home::new(program.to_owned())?;
        locked.lock(&lines::lock_of_list(size))?;
        let lists = |count: usize| {
            let lists = (2..2 + count).map(|id| lines::sized_list_request(id, size));
            std::iter::once(lines::call(1, "tool_7")).chain(lists).collect::<String>()
        };
        for (name, home) in [(name.to_owned(), &home), (format!("{name}, under a lock"), &locked)] {
            let first = slope([&lists(0), &lists(1)], 1, home)?;
            let again = slope([&lists(1), &lists(6)], 5, home)?;
            table.row(vec![name, grouped(first.iter().sum()), grouped(again.iter().sum())]);
        }
    }
    writeln!(out, "{table}")
}

const SIZES: [(&str, usize); 2] = [("48 KB, 100 tools", 48 * 1024), ("1 MB", 1024 * 1024)];

/// How many times the engine allocates for a line.
fn count_allocations() -> Table {
    let mut table = Table::new("Allocations of the engine", &["line", "the first time", "again"]);
    let small = |id| format!("{}{id}{}", lines::BEFORE_ID, lines::SMALL_REST);
    let mut row = |name: &str, [first, again]: [usize; 2]| {
        table.row(vec![name.to_owned(), first.to_string(), again.to_string()]);
    };
    let [call, answer] = exchange(new_engine(), |id| [lines::call(id, "tool_7"), small(id)]);
    row("tools/call", call);
    row("its answer", answer);
    for (name, size) in SIZES {
        let exchange = |engine| exchange(engine, |id| [lines::list_request(id), lines::tools_list(id, size)]);
        let [_, list] = exchange(new_engine());
        row(&format!("a tools/list of {name}"), list);
        let [_, list] = exchange(new_locked_engine(&lines::lock_of_list(size)));
        row(&format!("a tools/list of {name}, under a lock"), list);
    }
    table
}

/// Counts for a request and its answer: for the first ones of a session, and then the most for any.
fn exchange(mut engine: Engine, lines: impl Fn(usize) -> [String; 2]) -> [[usize; 2]; 2] {
    let mut actions = Vec::with_capacity(4);
    let mut counts = [[0; 2]; 2];
    for id in 1..=12 {
        for (side, line) in lines(id).iter().enumerate() {
            let before = allocations::count();
            match side {
                0 => engine.handle_client_line(black_box(line.as_bytes()), Now::default(), &mut actions),
                _ => engine.handle_server_line(black_box(line.as_bytes()), Now::default(), &mut actions),
            }
            let count = allocations::count() - before;
            actions.clear();
            let [first, again] = &mut counts[side];
            match id {
                1 => *first = count,
                // What grows with the number of calls has grown by then.
                2..=10 => {}
                _ => *again = count.max(*again),
            }
        }
    }
    counts
}

/// What each of `count` lines takes that the second session has more than the first.
fn slope(sessions: [&str; 2], count: usize, home: &Home) -> io::Result<Cost> {
    let [few, many] = sessions;
    let (few, many) = (count_instructions(few, home)?, count_instructions(many, home)?);
    Ok(few.iter().zip(&many).map(|(few, many)| (many - few) / count as f64).collect())
}

/// Runs a session with the wrapper under callgrind, and checks that each line has its answer.
fn count_instructions(calls: &str, home: &Home) -> io::Result<Cost> {
    let directory = tempfile::tempdir()?;
    let counts = directory.path().join("counts");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", counts.display()));
    let mut valgrind = home.under_wrapper(valgrind)?;
    valgrind.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut child = valgrind.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let expected = calls.lines().count();
    let answers = thread::scope(|scope| {
        // If the wrapper has ended, too few answers tell it.
        scope.spawn(|| stdin.write_all(calls.as_bytes()));
        BufReader::new(stdout).lines().take(expected).collect::<io::Result<Vec<_>>>()
    })?;
    // The session ends with its input, and not before it has all answers.
    drop(stdin);
    child.wait()?;
    assert_eq!(answers.len(), expected, "each line is answered");
    assert!(answers.iter().all(|answer| answer.contains("\"result\":")), "no call is refused");
    Ok(read_profile(&fs::read_to_string(counts)?))
}

/// A function in a profile.
#[derive(Default)]
struct Function {
    part: Option<usize>,
    own: f64,
    /// Of each of its callers what it and those beneath it took for it.
    callers: HashMap<usize, f64>,
}

/// Reads a profile as callgrind writes it (its manual, "Callgrind Format Specification").
fn read_profile(text: &str) -> Cost {
    let mut functions: Vec<Function> = Vec::new();
    let (mut current, mut callee, mut is_call) = (0, 0, false);
    let mut number = |named: &str| {
        let (number, name) = named.strip_prefix('(').and_then(|rest| rest.split_once(')')).unwrap();
        let number: usize = number.parse().unwrap();
        if functions.len() <= number {
            functions.resize_with(number + 1, Function::default);
        }
        let path = name.trim().trim_start_matches(['<', '&']).trim_start_matches("mut ");
        let is_in =
            |paths: &[&str]| paths.iter().any(|of| path.starts_with(of) || path.contains(&format!("<impl {of}")));
        if !path.is_empty() {
            functions[number].part = PARTS.iter().position(|(_, paths)| is_in(paths));
        }
        number
    };
    let mut costs = Vec::new();
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("fn=") {
            current = number(named);
        } else if let Some(named) = line.strip_prefix("cfn=") {
            callee = number(named);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost: f64 = line.split_once(' ').map_or(0.0, |(_, cost)| cost.trim().parse().unwrap());
            costs.push((current, std::mem::take(&mut is_call).then_some(callee), cost));
        }
    }
    for (function, callee, cost) in costs {
        match callee {
            None => functions[function].own += cost,
            Some(callee) if callee != function => *functions[callee].callers.entry(function).or_default() += cost,
            Some(_) => {}
        }
    }
    attribute(functions)
}

/// Gives what libraries took to those who called them, one caller further up in each round.
fn attribute(functions: Vec<Function>) -> Cost {
    const ROUNDS: usize = 24;
    let mut parts = vec![0.0; PARTS.len() + 1];
    let mut open: Vec<f64> = functions.iter().map(|function| function.own).collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; functions.len()];
        for (function, cost) in functions.iter().zip(open) {
            let all: f64 = function.callers.values().sum();
            match function.part {
                Some(part) => parts[part] += cost,
                None if all > 0.0 => {
                    function.callers.iter().for_each(|(caller, share)| next[*caller] += cost * share / all);
                }
                None => parts[PARTS.len()] += cost,
            }
        }
        open = next;
    }
    parts[PARTS.len()] += open.iter().sum::<f64>();
    parts
}

/// Tries what needs no valgrind.
pub(crate) fn try_parts() {
    let profile = "fn=(1) policylayer::wire::strict::x\n5 10\ncfn=(2) memcpy\ncalls=1 0\n5 6\nfn=(2)\n* 8\n+3 1\nfn=(3) main\n1 4\ncfn=(2)\ncalls=1 0\n1 3\n";
    let cost = read_profile(profile);
    assert_eq!((cost[1], cost[PARTS.len()]), (16.0, 7.0));
}
