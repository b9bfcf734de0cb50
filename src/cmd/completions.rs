//! `policylayer completions SHELL`: the completions for a shell, on stdout.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Env;
use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Exit;

/// Prints the completions.
pub(crate) fn run(args: &CompletionsArgs, _env: &Env) -> anyhow::Result<Exit> {
    io::stdout().lock().write_all(&generate_completions(args.shell))?;
    Ok(Exit::Ok)
}

/// Returns the completions as the content of a file.
pub(crate) fn generate_completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "policylayer", &mut script);
    script
}
