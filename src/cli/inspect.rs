//! The command line of `policylayer inspect`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Format, OnlyClients};

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer inspect [OPTIONS] <SERVER>\n       policylayer inspect [OPTIONS] -- <COMMAND> [ARGS]...",
    after_help = INSPECT
)]
pub(crate) struct InspectArgs {
    /// The server, by its key in the clients' files or by its name: it is started as its client starts it
    #[arg(value_name = "SERVER", conflicts_with_all = ["server", "words"], required_unless_present_any = ["server", "words"])]
    pub key: Option<String>,
    /// The policy file (.toml, .json, .yaml or .yml), instead of the one that `wrap` would find by the server's name
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// With a command: the server's name, instead of the one that config.toml has for it or that is derived from it;
    /// otherwise the same as SERVER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(flatten)]
    pub only: OnlyClients,
    /// The server's command and its arguments, after `--`: it is started from here, without any client
    #[arg(id = "words", last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

const INSPECT: &str = "\
Examples:
  policylayer inspect iterable               as its client starts it
  policylayer inspect -- npx -y @modelcontextprotocol/server-filesystem /tmp
  ITERABLE_API_KEY=your-key policylayer inspect -- npx -y @iterable/mcp
  policylayer inspect --policy new.toml --format json -- npx -y @iterable/mcp

The server is started as `wrap` would start it, asked for its lists, and stopped. \
The lists pass through the policy as they would on the way to the agent. \
No tool is called. docs/inspect.md explains each column.

Exit codes:
  0 done   1 the server cannot be started or does not answer   2 wrong usage
  3 the policy or config.toml is invalid";
