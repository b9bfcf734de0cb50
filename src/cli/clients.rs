//! The command lines of `clients`, `register` and `unregister`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Format;
use crate::clients::table;
use crate::policy::ServerName;

#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(crate) struct StatusArgs {
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const STATUS: &str = "\
Examples:
  policylayer status
  policylayer status --format json | jq '.clients[].servers[] | {name, state}'

A server is:
  protected     started through `wrap`, and the policy is valid
  observed      started through `wrap --observe`: nothing is enforced
  unprotected   started directly
  out of reach  only read, or its address cannot be carried over to `wrap --url`
  broken        cannot start: entry or policy invalid, or a program missing

Nothing is started. `policylayer doctor` starts servers, and checks more.";

#[derive(Debug, Args)]
#[command(after_help = CLIENTS)]
pub(crate) struct ClientsArgs {
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const CLIENTS: &str = "\
Examples:
  policylayer clients
  policylayer clients --format json | jq '.clients[].servers[].state'

A project's files (.mcp.json, .cursor/mcp.json, .vscode/mcp.json, ...) are looked for in the \
working directory. Values of environment variables are not printed, nor what looks like a key in a command.

docs/clients.md lists every client and its files.";

/// Selects clients.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Only this client; may be repeated
    #[arg(long, value_name = "CLIENT", value_delimiter = ',', value_parser = PossibleValuesParser::new(table::client_ids()))]
    pub client: Vec<String>,
    /// Every client that has the server; with a command for `register`, every installed client
    #[arg(long, conflicts_with = "client")]
    pub all_clients: bool,
}

/// The clients in which a server is looked for that is started as its client would start it.
#[derive(Debug, Args)]
pub(crate) struct OnlyClients {
    /// Only this client; may be repeated
    #[arg(
        long,
        value_name = "CLIENT",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(table::client_ids()),
        hide_possible_values = true,
        conflicts_with = "words"
    )]
    pub client: Vec<String>,
}

/// Every server at once.
#[derive(Debug, Args)]
pub(crate) struct All {
    /// Every server of every client, or of the clients that --client names: shows the plan, and asks before it writes
    #[arg(long, conflicts_with_all = ["key", "all_clients"])]
    pub all: bool,
    /// With --all: do not ask
    #[arg(long, requires = "all", conflicts_with = "key")]
    pub yes: bool,
    /// With --all: the output format of the plan and the result
    #[arg(long, value_name = "FORMAT", value_enum, requires = "all", conflicts_with = "key")]
    pub format: Option<Format>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer register [OPTIONS] [SERVER] [-- <COMMAND> [ARGS]...]",
    after_help = REGISTER
)]
pub(crate) struct RegisterArgs {
    /// The server, by its key in the client's file; optional if only one is not wrapped yet
    #[arg(value_name = "SERVER")]
    pub key: Option<String>,
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub all: All,
    /// The server's name, which finds its policy, instead of the one that `wrap` derives from its command
    #[arg(long, value_name = "NAME", value_parser = ServerName::parse, conflicts_with = "all")]
    pub server: Option<ServerName>,
    /// The policy file, instead of the one found by the server's name
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub policy: Option<PathBuf>,
    /// Only observe: log what the policy would refuse, and enforce nothing
    #[arg(long, conflicts_with = "enforce")]
    pub observe: bool,
    /// Enforce the policy of a server that was only observed
    #[arg(long, conflicts_with = "command")]
    pub enforce: bool,
    /// Lock the server as well, as `policylayer lock` does: it is started once
    #[arg(long, conflicts_with_all = ["all", "dry_run"])]
    pub lock: bool,
    /// A variable for the environment of a server that is added; the value is asked for, or read from stdin
    #[arg(long, value_name = "KEY", requires = "command", conflicts_with = "all")]
    pub env: Vec<String>,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A command, after `--`: adds a server that the client does not have yet, behind the policy
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "all")]
    pub command: Vec<OsString>,
}

const REGISTER: &str = "\
Examples:
  policylayer register iterable                        if one client has it
  policylayer register iterable --client cursor --dry-run
  policylayer register iterable --all-clients
  policylayer register --all                           every server there is
  policylayer register iterable --observe              only logs; see --enforce
  policylayer register --client zed --env API_KEY -- npx -y @iterable/mcp
                                                       adds a new server
  policylayer unregister iterable --client cursor      undoes it

Only the server's command and arguments change, and a copy of the old file is kept beside it. \
Restart the client afterwards: it starts `policylayer wrap -- COMMAND` instead of COMMAND. \
docs/clients.md lists the clients' files, and how to do the same by hand.

Exit codes:
  0 done, or nothing to do   1 something failed
  2 it is unclear which client or server you mean
  3 the policy or config.toml is invalid";

#[derive(Debug, Args)]
#[command(after_help = UNREGISTER)]
pub(crate) struct UnregisterArgs {
    /// The server, by its key in the client's file; optional if only one is wrapped
    #[arg(value_name = "SERVER")]
    pub key: Option<String>,
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub all: All,
    /// Take the server out of the file, too: `register -- COMMAND` has added it
    #[arg(long, conflicts_with = "all")]
    pub remove: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

const UNREGISTER: &str = "\
Examples:
  policylayer unregister iterable
  policylayer unregister iterable --client cursor --dry-run
  policylayer unregister iterable --all-clients
  policylayer unregister --all                         undoes `register --all`

The server stays in the client's file and is started by its own command again, without a policy. \
With --remove, which is for a server that `register -- COMMAND` added, it is taken out of the file.

Exit codes:
  0 done, or nothing to do   1 something failed
  2 it is unclear which client or server you mean";
