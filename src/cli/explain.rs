//! The command line of `policylayer explain`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    override_usage = "policylayer explain [OPTIONS] [SERVER] <TOOL>",
    after_help = EXPLAIN,
    arg_required_else_help = true,
    allow_missing_positional = true
)]
pub(crate) struct ExplainArgs {
    /// The server that has the tool, by its key in a client's file or by its name; without it, the one that the policy file
    /// is named after, else the only one with a policy in the configuration directory, else `iterable` if it has a tool of this
    /// name
    #[arg(value_name = "SERVER")]
    pub key: Option<String>,
    /// The tool's name, as in tools/list
    #[arg(value_name = "TOOL", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub tool: String,
    /// The same as SERVER
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The policy file; without it, the policy that `wrap` would use for the server
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Output format: for a person, for a program, or as a section of a wiki page
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// How to print what is known about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For a person.
    Text,
    /// For a program: one JSON document.
    Json,
    /// For a wiki: a section in Markdown.
    Markdown,
}

const EXPLAIN: &str = "\
Examples:
  policylayer explain cancel_export_job
  policylayer explain iterable send_campaign --format markdown
  policylayer explain create_issue --policy github.toml

Nothing is started and nothing is changed. A tool that is in no catalogue is judged by its name. \
docs/explain.md has more, and docs/attacks.md has all attack patterns.

Exit codes:
  0 explained   1 something failed   2 wrong usage
  3 the policy or config.toml is invalid";
