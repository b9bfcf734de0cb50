//! One file a verb: each has `run(args, &Env)`.

pub mod check;
pub mod completions;
pub mod demo;
pub mod table;
pub mod wrap;

use std::io::Write as _;

pub use crate::env::Env;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// Does what the command line says.
///
/// # Errors
/// What a person is to be told; the verb has said nothing of it yet.
pub fn run(cli: &Cli, env: &Env) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Wrap(args) => wrap::run(args, env),
        Command::Check(args) => check::run(args, env),
        Command::Demo(args) => demo::run(args, env),
        Command::Completions(args) => completions::run(args, env),
    }
}

/// Tells a person what went wrong. The message is complete: what, where, why and what to do.
pub fn report(message: &str) {
    // Nobody may be reading stderr; there is no better place to say it.
    let _ = anstream::stderr().lock().write_all(error_line(message).as_bytes());
}

/// What went wrong, as a terminal with colours shows it.
fn error_line(message: &str) -> String {
    format!("{ERROR}error:{ERROR:#} {message}\n")
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
