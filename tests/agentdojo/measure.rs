//! What the built-in policy does to AgentDojo's tasks and injections, through the real wrapper: docs/provenance.md.
//!
//! `cargo build && cargo run --example agentdojo [STRENGTH…]`. The example is its own server, by its first argument. With `--engine`, the
//! sessions are played in the engine, without processes: that takes seconds. `--engine=7` does so under another key.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod in_process;
mod play;
mod wrapped;

use std::env::{self, consts::EXE_SUFFIX};
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;

use corpus::Suite;
use in_process::EngineSession;
use play::{Figures, HEADING, play_chains};
use policylayer::policy::{Policy, Server, ServerName, Strength, builtin_policy};
use wrapped::{WrapperSession, serve};

fn builtin(strength: &str) -> Arc<Policy> {
    let strength = Strength::ALL.into_iter().find(|known| known.as_str() == strength).unwrap();
    Arc::new(builtin_policy(&Server::by_name(&ServerName::parse("played").unwrap()).with_strength(strength)))
}

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [first, script] = args.as_slice()
        && first == "serve"
    {
        return serve(script);
    }
    let this = env::current_exe()?;
    let program = this.ancestors().nth(2).unwrap().join(format!("policylayer{EXE_SUFFIX}"));
    assert!(program.exists(), "`cargo build` has to build the program first");
    let (options, args): (Vec<String>, Vec<String>) = args.into_iter().partition(|arg| arg.starts_with("--engine"));
    let in_engine =
        options.first().map(|option| option.strip_prefix("--engine=").map_or(0, |key| key.parse().unwrap()));
    let wanted = |strength: &&str| args.is_empty() || args.iter().any(|arg| arg == strength);
    let mut out = io::stdout().lock();
    writeln!(out, "{HEADING}")?;
    for strength in ["strict", "balanced", "quiet"].into_iter().filter(wanted) {
        let suites = Suite::read_all();
        let play = |suite: &Suite| {
            let mut figures = Figures::default();
            if let Some(key) = in_engine {
                let policy = builtin(strength);
                figures.play(suite, &|_| EngineSession::start(&policy, &suite.tools, key));
            } else {
                figures.play(suite, &|steps| WrapperSession::start(&program, strength, &suite.tools, steps));
            }
            figures
        };
        let all = thread::scope(|scope| {
            let running: Vec<_> =
                suites.iter().flat_map(Suite::split).map(|part| scope.spawn(move || play(&part))).collect();
            running.into_iter().fold(Figures::default(), |all, part| all.and(part.join().unwrap()))
        });
        writeln!(out, "{}", all.row(strength))?;
        let chains = match in_engine {
            Some(key) => play_chains(strength, &|tools, _| EngineSession::start(&builtin(strength), tools, key)),
            None => play_chains(strength, &|tools, steps| WrapperSession::start(&program, strength, tools, steps)),
        };
        writeln!(io::stderr(), "  with nothing read: {} of {}\n  chains: {chains}", all.held_alone, all.injections)?;
        for (task, tools) in &all.asking {
            writeln!(io::stderr(), "  asks: {task}: {}", tools.join(", "))?;
        }
        for (injection, tasks) in &all.loose {
            writeln!(io::stderr(), "  not held: {injection} in {}", tasks.join(", "))?;
        }
    }
    Ok(())
}
