//! The command line of `policylayer lock`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, OnlyClients};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "policylayer lock [OPTIONS] [SERVER]\n       policylayer lock [OPTIONS] -- <COMMAND> [ARGS]...\n       \
                      policylayer lock diff|accept ...",
    after_help = LOCK
)]
pub(crate) struct LockArgs {
    #[command(subcommand)]
    pub command: Option<LockCommand>,
    /// The server, by its key in the clients' files or by its name; optional if only one is behind a policy
    #[arg(value_name = "SERVER", conflicts_with_all = ["server", "words"])]
    pub key: Option<String>,
    #[command(flatten)]
    pub target: LockTargetArgs,
    /// Write nothing, and exit with 1 if the server differs from its lock. It is started as `wrap` starts it: at the
    /// locked version
    #[arg(long)]
    pub check: bool,
    /// Ask nothing: replace a lock that differs
    #[arg(long, conflicts_with = "check")]
    pub yes: bool,
}

/// What to do about a lock.
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Print what changed since the lock: first in terms of risk, then the text
    Diff(LockDiffArgs),
    /// Print what changed since the lock, and accept it: all of it, or the named items only
    Accept(LockAcceptArgs),
}

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer lock diff [OPTIONS] [SERVER]\n       policylayer lock diff [OPTIONS] -- <COMMAND> [ARGS]...",
    after_help = DIFF
)]
pub(crate) struct LockDiffArgs {
    /// The server, by its key in the clients' files or by its name; optional if only one is behind a policy
    #[arg(value_name = "SERVER", conflicts_with_all = ["server", "words"])]
    pub key: Option<String>,
    #[command(flatten)]
    pub target: LockTargetArgs,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer lock accept [OPTIONS] [TOOL]...\n       policylayer lock accept [OPTIONS] [TOOL]... -- <COMMAND> [ARGS]...",
    after_help = ACCEPT
)]
pub(crate) struct LockAcceptArgs {
    /// What to accept: tools, prompts, templates or apps by their names, `instructions`, `package`; without any,
    /// everything
    #[arg(value_name = "TOOL")]
    pub items: Vec<String>,
    #[command(flatten)]
    pub target: LockTargetArgs,
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
}

/// Which server is meant.
#[derive(Debug, Args)]
pub(crate) struct LockTargetArgs {
    /// The server, by its key in the clients' files or by its name; with a command, its name instead of the one derived
    /// from the command
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    #[command(flatten)]
    pub only: OnlyClients,
    /// The policy file that the lock is beside, instead of the one that `wrap` would find
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How many seconds the server may take to open a session, and again for its lists
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The server's command, after `--`: it is started from here, without any client
    #[arg(id = "words", last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

const LOCK: &str = "\
Examples:
  policylayer lock iterable                  lock what it lists now
  policylayer lock -- npx -y @iterable/mcp   the same, without a client
  policylayer lock --check iterable          in CI: is it as its lock says?
  policylayer lock diff iterable             what changed since?
  policylayer lock accept --server iterable  agree to what changed
  policylayer lock --server diff             a server that is called `diff`

The server is started, asked for its lists, and stopped; no tool is called. SERVER.lock.json, beside its policy, \
then holds its tools, prompts, templates, apps and instructions, and its package: its version, and its integrity \
where the launcher's own files show it. What differs later does not reach the agent. docs/lock.md has more.

Exit codes:
  0 locked, or as the lock says
  1 something failed; with --check, the server differs or has no lock
  2 wrong usage   3 the policy or config.toml is invalid";

const DIFF: &str = "\
Examples:
  policylayer lock diff iterable
  policylayer lock diff -- npx -y @iterable/mcp
  policylayer lock diff iterable --format json | jq '.changes[] | .risk'

The server is started as its command is written, so a package without a version is started at its newest one: that is \
what an update would bring.

Exit codes:
  0 done   1 something failed, or there is no lock   2 wrong usage
  3 the policy or config.toml is invalid";

const ACCEPT: &str = "\
Examples:
  policylayer lock accept --server iterable                 all, after a look
  policylayer lock accept send_campaign --server iterable   only this tool
  policylayer lock accept package --server iterable         the new version
  policylayer lock accept --yes -- npx -y @iterable/mcp     asks nothing

On a terminal you are asked once you have seen the changes. Elsewhere --yes is needed to accept everything. A session that \
runs takes the lock over at once.

Exit codes:
  0 accepted, or nothing to accept   1 something failed, or there is no lock
  2 wrong usage   3 the policy or config.toml is invalid";
