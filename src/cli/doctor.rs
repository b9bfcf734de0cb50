//! The command line of `policylayer doctor`.

use std::ffi::OsString;

use clap::Args;

use super::{Format, OnlyClients};

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer doctor [OPTIONS] [SERVER]\n       policylayer doctor [OPTIONS] -- <COMMAND> [ARGS]...",
    after_help = DOCTOR
)]
pub(crate) struct DoctorArgs {
    /// The server, by its key in the clients' files or by its name; without it, every server behind a policy
    #[arg(value_name = "SERVER", conflicts_with = "words")]
    pub server: Option<String>,
    #[command(flatten)]
    pub only: OnlyClients,
    /// How many seconds a server may take to open a session, and again to list its tools
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A command, after `--`: it is started from here as `wrap` would start it, without any client
    #[arg(id = "words", last = true, value_name = "COMMAND")]
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
and working directory of its entry, and with the client's PATH, which is often
shorter than a terminal's. No tool is called and nothing is left running.
docs/doctor.md explains each step and what each client passes on.

Exit codes:
  0 everything works   1 a step failed, or nothing to check   2 wrong usage";
