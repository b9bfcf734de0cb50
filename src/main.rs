//! The `policylayer` program.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use policylayer::cli::{Cli, Command};
use policylayer::cmd::{Env, check};
use policylayer::exit::Exit;

fn main() -> ExitCode {
    let env = Env::capture();
    let result = match Cli::parse().command {
        Command::Check(args) => check::run(args, &env),
    };
    result
        .unwrap_or_else(|error| {
            let _ = writeln!(std::io::stderr(), "policylayer: {error:#}");
            Exit::Failed
        })
        .into()
}
