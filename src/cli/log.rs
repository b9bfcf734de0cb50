//! The command lines of the subcommands that read the audit log.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::Format;
use super::since::Since;
use crate::policy::{Effect, ServerName, ToolGlob};
use crate::record::Outcome;

#[derive(Debug, Args)]
#[command(after_help = LOG, args_conflicts_with_subcommands = true)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    pub command: Option<LogCommand>,
    /// Only lines of this server, by its key in a client's file or by its name
    #[arg(value_name = "SERVER", conflicts_with = "server")]
    pub key: Option<String>,
    #[command(flatten)]
    pub filters: Filters,
    /// Print the last N decisions, or `all` [default: all with --since, 10 with --follow, else 50]
    #[arg(long, short = 'n', value_name = "N", value_parser = parse_last)]
    pub limit: Option<Last>,
    /// Keep running, and print each decision as it is written
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Output format: for a person, or as the log's own lines, one JSON document each
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const LOG: &str = "\
Examples:
  policylayer log                              the last 50 decisions
  policylayer log -f iterable                  each decision as it is made
  policylayer log --effect deny --since 2h     recent refusals
  policylayer log --tool 'send_*' --since 2026-11-01 --format json | jq .reason
  policylayer log stats --since 7d             calls, refusals, latency, limits
  policylayer log policy                       which policies were in force?
  policylayer log verify                       is the log intact?

docs/log.md describes every field of a line.";

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print statistics: calls by tool and effect, refusals and their reasons, latency, limits that are nearly reached
    Stats(StatsArgs),
    /// Print under which policies decisions were made, or the text of one of them
    Policy(LogPolicyArgs),
    /// Check that no line was changed, removed or cut off. Exits with 0 if the log is intact, else with 1
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = STATS)]
pub(crate) struct StatsArgs {
    /// Only lines of this server, by its key in a client's file or by its name
    #[arg(value_name = "SERVER", conflicts_with = "server")]
    pub key: Option<String>,
    #[command(flatten)]
    pub filters: Filters,
    /// Output format: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const STATS: &str = "\
Examples:
  policylayer log stats
  policylayer log stats iterable --since 24h
  policylayer log stats --since 7d --format json | jq '.limits'

The limits are those of the policy in force now. A limit is nearly reached if the calls that passed in some window came to \
four fifths of it or more.";

/// `policylayer log policy`
#[derive(Debug, Args)]
#[command(after_help = POLICY)]
pub(crate) struct LogPolicyArgs {
    /// The policy whose text to print: the first digits of its SHA-256
    #[arg(value_name = "SHA-256", value_parser = parse_digits)]
    pub digest: Option<String>,
    /// Selects lines.
    #[command(flatten)]
    pub filters: Filters,
    /// Output format: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const POLICY: &str = "\
Examples:
  policylayer log policy --server iterable      which were in force, and when
  policylayer log policy --tool 'send_*'        which decided on these calls
  policylayer log policy 3f2a91 > then.toml     the exact text of one
  policylayer replay --policy then.toml --since 2h

The text of each policy that the log names is kept beside the log, as long as the log names it.

Exit codes:
  0 done   1 the text is not kept, or was changed   2 wrong usage";

#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub(crate) struct VerifyArgs {
    /// The server whose log to verify, by its key in a client's file or by its name; without it, every server's
    #[arg(value_name = "SERVER", conflicts_with = "server")]
    pub key: Option<String>,
    /// The same as SERVER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const VERIFY: &str = "\
Each line holds the SHA-256 of the line before it, so a change anywhere shows. docs/log.md explains what this can prove, \
and how to follow the chain with sha256sum.

Exit codes:
  0 intact   1 broken or unreadable   2 wrong usage";

#[derive(Debug, Args)]
#[command(after_help = SUGGEST)]
pub(crate) struct SuggestArgs {
    /// The server, by its key in a client's file or by its name; required if the log has several
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The policy to start from; without it, the one in force for the server
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Use only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// Write the whole suggested policy to this file, which must not exist, instead of printing what changes
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Put the suggested policy in force, and print what changes. `policylayer undo` takes it back
    #[arg(long, conflicts_with = "output")]
    pub apply: bool,
}

const SUGGEST: &str = "\
Examples:
  policylayer wrap --observe -- npx -y @iterable/mcp   first, for a while
  policylayer suggest --server iterable                what the policy lacks
  policylayer suggest --server iterable -o new.toml    the whole new policy
  policylayer replay --server iterable --policy new.toml
  policylayer suggest --server iterable --apply        puts it in force

It suggests the least that would have allowed what reached the server. Nothing takes effect without --apply. What you refused stays \
refused: what contradicts that is listed apart. Calls that failed count as no use.";

#[derive(Debug, Args)]
#[command(after_help = REPLAY)]
pub(crate) struct ReplayArgs {
    /// The policy to try on the recorded calls
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// The server; without it, the one that the policy file is named after, or the only one that has a log
    #[arg(long, value_name = "NAME", value_parser = ServerName::parse)]
    pub server: Option<ServerName>,
    /// Replay only calls since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// Output format: for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const REPLAY: &str = "\
Examples:
  policylayer replay --policy new.toml --server iterable
  policylayer replay --policy new.toml --since 7d --format json | jq '.changes'

Each recorded call is decided again, and limits count at the recorded times. Changed decisions are not a failure: the exit \
code is 0 with or without them.";

/// Selects lines of the log.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filters {
    /// Only lines of this server, by its key in a client's file or by its name
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Only lines of this tool, or of the tools that match a glob such as 'send_*'
    #[arg(long, value_name = "GLOB", value_parser = ToolGlob::parse)]
    pub tool: Option<ToolGlob>,
    /// Only decisions with this effect
    #[arg(long, value_name = "EFFECT", value_parser = PossibleValuesParser::new(EFFECTS.map(Effect::as_str)))]
    pub effect: Option<String>,
    /// Only lines with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str)))]
    pub outcome: Option<String>,
    /// Only lines of this session; the first digits of its id are enough
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Only lines since this time: 2h, 7d, 2026-11-22 or 2026-11-22T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
}

const EFFECTS: [Effect; 4] = [Effect::Allow, Effect::Deny, Effect::Hide, Effect::RequireApproval];

/// How many of the last lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// This many.
    Some(usize),
    /// All of them.
    All,
}

fn parse_last(text: &str) -> Result<Last, String> {
    if text == "all" {
        return Ok(Last::All);
    }
    text.parse().map(Last::Some).map_err(|_| "write a number, such as 200, or `all`".to_owned())
}

/// Parses the first digits of a SHA-256.
fn parse_digits(text: &str) -> Result<String, String> {
    if (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("write the first 4 to 64 hexadecimal digits of a SHA-256, such as 3f2a91".to_owned())
}
