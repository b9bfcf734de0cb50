//! `cargo bench`: what the wrapper costs, in its core and between real pipes. See docs/performance.md.
//!
//! The program is its own echo server and its own relay, by a hidden first argument. Without `--bench`, as `cargo test` runs
//! it, it measures nothing and only tries its parts; with `--conditions` or `--provenance` it measures one thing alone, with `--counts`
//! it counts instructions and allocations, and `--check-counts` holds instructions to their bounds. `--profile NAME` measures another
//! build than the published one.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod allocations;
mod conditions;
mod counts;
mod echo;
mod engine;
mod lines;
mod pipes;
mod program;
mod provenance;
mod relay;
mod results;
mod session;
mod table;

use std::io::{self, Write};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    /// Enough for figures that can be trusted.
    Full,
    /// A look.
    Quick,
}

impl Length {
    /// So many where all is measured, fewer in a short run.
    pub(crate) fn of(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => (full / 5).max(1),
        }
    }
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("echo") => return echo::serve(),
        Some("relay") => return relay::run(args.get(1..).unwrap_or_default()),
        _ => {}
    }
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if has("--provenance") {
        return writeln!(io::stdout(), "{}", provenance::measure());
    }
    if has("--conditions") {
        return writeln!(io::stdout(), "{}", conditions::measure());
    }
    if has("--check-counts") {
        return counts::check(&program::build("counts")?, &mut io::stdout().lock());
    }
    if has("--counts") {
        return counts::measure(&program::build("counts")?, &mut io::stdout().lock());
    }
    if !has("--bench") && !has("--results") {
        counts::try_parts();
        return pipes::try_parts(program::beside_tests()?);
    }
    let named = args.iter().skip_while(|arg| *arg != "--profile").nth(1);
    let program = program::build(named.map_or("dist", String::as_str))?;
    let length = if has("--quick") { Length::Quick } else { Length::Full };
    let mut out = io::stdout().lock();
    if has("--results") {
        return writeln!(out, "{}\n{}", results::measure(), results::measure_pipes(length, program)?);
    }
    writeln!(out, "{}\n{}\n{}", engine::measure(length), conditions::measure(), pipes::measure(length, program)?)
}
