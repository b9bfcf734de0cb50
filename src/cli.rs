//! The command line: definitions, and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A local policy between an MCP client and its server.
#[derive(Debug, Parser)]
#[command(name = "policylayer", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a policy file and say what it does.
    Check(CheckArgs),
}

/// What `check` takes.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The policy file; without it, the policy in force for --server.
    pub file: Option<PathBuf>,
    /// The server that the policy is for; without it, the file's name says.
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}
