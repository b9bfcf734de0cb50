//! The command line of `policylayer doctor`.

use std::ffi::OsString;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Format;
use crate::clients::table;

/// `policylayer doctor`
#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer doctor [OPTIONS] [SERVER]\n       policylayer doctor [OPTIONS] -- <COMMAND> [ARGS]...",
    after_help = DOCTOR
)]
pub struct DoctorArgs {
    /// The server, by its key in the clients' files; without it, every server that is behind a policy
    #[arg(value_name = "SERVER", conflicts_with = "command")]
    pub server: Option<String>,
    /// Only this client; may be given several times
    #[arg(
        long,
        value_name = "CLIENT",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(table::ids()),
        hide_possible_values = true,
        conflicts_with = "command"
    )]
    pub client: Vec<String>,
    /// How long a server may take to open a session, and then to list its tools, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A command, after `--`: it is started as `wrap` would start it from here, and no client is looked at
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

const DOCTOR: &str = "\
Examples:
  policylayer doctor                          every server behind a policy
  policylayer doctor iterable                 in every client that has it
  policylayer doctor iterable --client cursor
  policylayer doctor -- npx -y @iterable/mcp  a command, without a client
  policylayer doctor --format json | jq '.checks[].steps[]'

The server is started as the client starts it: with the command, environment
and working folder of its entry, and the PATH that the client has, which is
often poorer than a terminal's. No tool is called, and nothing is left running.
docs/doctor.md says what each step means, and what each client gives.

Exit codes:
  0 all is well   1 a step failed, or there is nothing to try   2 wrong usage";
