//! The command lines of the verbs that look into MCP clients and change them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Format;
use crate::clients::table;

/// `policylayer clients`
#[derive(Debug, Args)]
#[command(after_help = CLIENTS)]
pub struct ClientsArgs {
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const CLIENTS: &str = "\
Examples:
  policylayer clients
  policylayer clients --format json | jq '.clients[].servers[].state'

A project's files (.mcp.json, .cursor/mcp.json, .vscode/mcp.json, ...) are looked for in the \
working folder. The values of environments are not printed, nor what looks like a key in a command.

docs/clients.md has every client and its files.";

/// Which clients are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// Only this client; may be given several times
    #[arg(long, value_name = "CLIENT", value_delimiter = ',', value_parser = PossibleValuesParser::new(table::ids()))]
    pub client: Vec<String>,
    /// Every client that has the server; for `register` with a command, every client that is installed
    #[arg(long, conflicts_with = "client")]
    pub all_clients: bool,
}

/// `policylayer register`
#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer register [OPTIONS] [SERVER] [-- <COMMAND> [ARGS]...]",
    after_help = REGISTER
)]
pub struct RegisterArgs {
    /// The server, by its key in the client's file; may be left out where there is only one that is not wrapped
    #[arg(value_name = "SERVER")]
    pub key: Option<String>,
    /// Which clients.
    #[command(flatten)]
    pub which: Which,
    /// The server's name, which finds its policy, where another than the one that `wrap` derives from its command is meant
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The policy file, where another than the one that is found by the server's name is meant
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Write nothing, and show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// A command, after `--`: adds a server that the client does not have yet, behind the policy
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

const REGISTER: &str = "\
Examples:
  policylayer register iterable                        where one client has it
  policylayer register iterable --client cursor --dry-run
  policylayer register iterable --all-clients
  policylayer register --client zed -- npx -y @iterable/mcp
                                                       one that is not there yet
  policylayer unregister iterable --client cursor      takes it out again

Only the command and the arguments of the server change, and the file as it was is kept beside it. \
Restart the client then: it starts `policylayer wrap -- COMMAND` instead of COMMAND. \
docs/clients.md has the clients' files, and how to do the same by hand.

Exit codes:
  0 done, or nothing was to be done   1 something failed
  2 it is unclear which client or server is meant
  3 the policy or config.toml is invalid";

/// `policylayer unregister`
#[derive(Debug, Args)]
#[command(after_help = UNREGISTER)]
pub struct UnregisterArgs {
    /// The server, by its key in the client's file; may be left out where only one is wrapped
    #[arg(value_name = "SERVER")]
    pub key: Option<String>,
    /// Which clients.
    #[command(flatten)]
    pub which: Which,
    /// Write nothing, and show what would change
    #[arg(long)]
    pub dry_run: bool,
}

const UNREGISTER: &str = "\
Examples:
  policylayer unregister iterable
  policylayer unregister iterable --client cursor --dry-run
  policylayer unregister iterable --all-clients

The server stays in the client's file, started by the command that it had, and no policy stands \
before it any more. So does one that `register` has added: take it out of the client's settings, if \
it is not wanted either.

Exit codes:
  0 done, or nothing was to be done   1 something failed
  2 it is unclear which client or server is meant";
