//! The command lines of the verbs that read the audit log.

use std::fmt;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};

use super::Format;
use super::since::Since;
use crate::policy::{Effect, ToolGlob};
use crate::record::Outcome;

/// `policylayer log`
#[derive(Debug, Args)]
#[command(after_help = LOG, args_conflicts_with_subcommands = true)]
pub struct LogArgs {
    /// What to make of the log; without it, its decisions are printed.
    #[command(subcommand)]
    pub command: Option<LogCommand>,
    /// Which lines.
    #[command(flatten)]
    pub filters: Filters,
    /// Print the last N decisions, or `all` of them. Without it: all with --since, 10 with --follow, else 50
    #[arg(long, short = 'n', value_name = "N", value_parser = last)]
    pub limit: Option<Last>,
    /// Go on, and print each decision as it is written
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// How to print: for a person, or the log's own lines, one JSON document each
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Table)]
    pub format: LogFormat,
}

const LOG: &str = "\
Examples:
  policylayer log                              the last 50 decisions
  policylayer log -f --server iterable         each decision as it is made
  policylayer log --effect deny --since 2h     what was refused lately
  policylayer log --tool 'send_*' --since 2026-11-01 --format json | jq .reason
  policylayer log stats --since 7d             calls, refusals, latency, limits
  policylayer log verify                       is the log whole, and unchanged?

docs/log.md has every field of a line.";

/// What to make of the log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Count: calls by tool and effect, what was refused and why, latency, limits near their ceiling
    Stats(StatsArgs),
    /// Check that no line was changed, taken out or cut off. Exit 0 where the log is whole, 1 where it is not
    Verify(VerifyArgs),
}

/// `policylayer log stats`
#[derive(Debug, Args)]
#[command(after_help = STATS)]
pub struct StatsArgs {
    /// Which lines.
    #[command(flatten)]
    pub filters: Filters,
    /// How to print: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Table)]
    pub format: LogFormat,
}

const STATS: &str = "\
Examples:
  policylayer log stats
  policylayer log stats --server iterable --since 24h
  policylayer log stats --since 7d --format json | jq '.limits'

Limits are those of the policy that is in force now: near its ceiling is one of which the calls that were passed on came \
to four fifths or more in some window.";

/// `policylayer log verify`
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub struct VerifyArgs {
    /// The server whose log is verified; without it, every server's
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const VERIFY: &str = "\
Each line names the SHA-256 of the line before it, so a change anywhere shows. docs/log.md says what this can prove, and \
how to follow the chain with sha256sum.

Exit codes:
  0 whole   1 broken, or it cannot be read   2 wrong usage";

/// `policylayer suggest`
#[derive(Debug, Args)]
#[command(after_help = SUGGEST)]
pub struct SuggestArgs {
    /// The server; needed where the log has several
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The policy to start from; without it, the one in force for the server
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Look only at calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// Write the whole suggested policy to this file, which must not exist yet, instead of printing what changes
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

const SUGGEST: &str = "\
Examples:
  policylayer wrap --observe -- npx -y @iterable/mcp   first, for a while
  policylayer suggest --server iterable                what the policy lacks
  policylayer suggest --server iterable -o new.toml    the whole policy with it
  policylayer replay --server iterable --policy new.toml

It suggests the least that would have let through what reached the server. Nothing is put in force: read it, then do so.";

/// `policylayer replay`
#[derive(Debug, Args)]
#[command(after_help = REPLAY)]
pub struct ReplayArgs {
    /// The policy to try on the recorded calls
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// The server; without it, the one that the policy file is named after, or the only one that has a log
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Replay only calls from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// How to print: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Table)]
    pub format: LogFormat,
}

const REPLAY: &str = "\
Examples:
  policylayer replay --policy new.toml --server iterable
  policylayer replay --policy new.toml --since 7d --format json | jq '.changes'

Each recorded call is decided again, limits counted at the times at which it was made. Changed decisions are no failure: \
the exit code is 0 with them and without.";

/// Which lines of the log are meant.
#[derive(Clone, Debug, Default, Args)]
pub struct Filters {
    /// Only those of this server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Only those of this tool; a glob such as 'send_*' means several
    #[arg(long, value_name = "GLOB", value_parser = ToolGlob::parse)]
    pub tool: Option<ToolGlob>,
    /// Only decisions with this effect
    #[arg(long, value_name = "EFFECT", value_parser = PossibleValuesParser::new(EFFECTS.map(Effect::as_str)))]
    pub effect: Option<String>,
    /// Only those with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str)))]
    pub outcome: Option<String>,
    /// Only those of this session; the first digits of its name are enough
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Only from then on: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
}

const EFFECTS: [Effect; 4] = [Effect::Allow, Effect::Deny, Effect::Hide, Effect::RequireApproval];

/// How to print what the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    #[value(name = "text", alias = "table")]
    Table,
    /// For a program.
    Json,
}

/// How many of the last lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// As many.
    Some(usize),
    /// Every one.
    All,
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Some(count) => write!(f, "{count}"),
            Self::All => f.write_str("all"),
        }
    }
}

fn last(text: &str) -> Result<Last, String> {
    if text == "all" {
        return Ok(Last::All);
    }
    text.parse().map(Last::Some).map_err(|_| "write a number, such as 200, or `all`".to_owned())
}
