//! `policylayer init`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use super::OnlyClients;
use super::catalogue::find_catalogue;
use crate::policy::{Format, Strength};
use crate::risk::Catalogue;

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer init [OPTIONS] <SERVER>\n       policylayer init [OPTIONS] -- <COMMAND> [ARGS]...",
    after_help = INIT
)]
pub(crate) struct InitArgs {
    /// The server, by its key in the clients' files or by its name: it is started as its client starts it
    #[arg(value_name = "SERVER", conflicts_with_all = ["server", "words"], required_unless_present_any = ["server", "words"])]
    pub key: Option<String>,
    /// With a command: the server's name, instead of the one that config.toml has for it or that is derived from it;
    /// otherwise the same as SERVER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The known server that this is, if its command does not show it
    #[arg(long, value_name = "NAME", value_parser = find_catalogue)]
    pub catalogue: Option<&'static Catalogue>,
    /// The file to write, `-` for stdout [default: where the server's policy is looked for: policies/SERVER.toml in the
    /// configuration directory]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The policy's format [default: as the file's extension says, else toml]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<PolicyFormat>,
    /// Replace a policy that is already there; the old one is kept beside the new one as SERVER.toml.before-init
    #[arg(long)]
    pub force: bool,
    /// Lock the server as well, as `policylayer lock` does
    #[arg(long)]
    pub lock: bool,
    /// Start nothing: write the whole built-in policy for the server
    #[arg(long, conflicts_with_all = ["catalogue", "lock", "stand_ins", "yes"])]
    pub full: bool,
    /// How strict it is, of a server without a catalogue: strict, balanced or quiet [default: as config.toml says, else strict]
    #[arg(long, value_name = "STRENGTH", value_parser = strength_words().map(read_strength), hide_possible_values = true)]
    pub strength: Option<Strength>,
    /// Give personal data in results stand-ins, so that the model does not get it: docs/results.md
    #[arg(long)]
    pub stand_ins: bool,
    /// Leave results as they come, without a question
    #[arg(long, conflicts_with = "stand_ins")]
    pub no_stand_ins: bool,
    /// Ask nothing: take what is recommended
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub only: OnlyClients,
    /// The server's command and its arguments, after `--`: it is started from here, without any client
    #[arg(id = "words", last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

fn strength_words() -> PossibleValuesParser {
    PossibleValuesParser::new(Strength::ALL.map(Strength::as_str))
}

fn read_strength(word: String) -> Strength {
    Strength::ALL.into_iter().find(|strength| strength.as_str() == word).unwrap_or_default()
}

/// How a policy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFormat {
    /// With comments.
    Toml,
    /// JSON has no comments, so it says less.
    Json,
    /// With comments.
    Yaml,
}

impl PolicyFormat {
    /// The format.
    pub(crate) fn document_format(self) -> Format {
        match self {
            Self::Toml => Format::Toml,
            Self::Json => Format::Json,
            Self::Yaml => Format::Yaml,
        }
    }
}

const INIT: &str = "\
Examples:
  policylayer init iterable                        as its client starts it
  policylayer init -- npx -y @iterable/mcp         asks, and writes the policy
  policylayer init --yes -- npx -y @iterable/mcp   takes what is recommended
  policylayer init --yes --stand-ins iterable      and keeps personal data here
  policylayer init --full iterable                 the built-in policy
  policylayer init -o - -- npx -y @iterable/mcp    prints it, and writes nothing
  policylayer init --server files --format yaml -- ./my-server --root /srv

The server is started, asked what it has, and stopped; no tool is called. On a terminal you are asked how strict the \
policy of a server without a catalogue is to be, about each class, and whether personal data in results gets stand-ins. docs/init.md has more.

What is recommended:
  read         allowed; what is known to return personal data is limited
  write        allowed, each tool 30 times a minute
  execute      a person has to approve each call
  destructive  hidden
  financial    a person has to approve each call, and 10 an hour pass at most

Listed resources, templates and prompts are allowed; a template that covers most of a disk or other hosts asks a person.

Exit codes:
  0 written   1 something failed, or there is a policy already
  2 wrong usage   3 config.toml is invalid";
