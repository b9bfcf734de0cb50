//! `policylayer init`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::policy::Format;

/// `policylayer init`
#[derive(Debug, Args)]
#[command(override_usage = "policylayer init [OPTIONS] -- <COMMAND> [ARGS]...", after_help = INIT)]
pub(crate) struct InitArgs {
    /// The server's name, instead of the one that config.toml has for its command or that is derived from the command
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The file to write, or `-` for stdout [default: policies/SERVER.toml in the configuration directory, where `wrap`
    /// finds it]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The format to write [default: by the file's extension, else toml]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<PolicyFormat>,
    /// Write even if there is a policy already, which is kept as SERVER.toml.before-init
    #[arg(long)]
    pub force: bool,
    /// Ask nothing and take the recommendations
    #[arg(long)]
    pub yes: bool,
    /// The server's command and its arguments, after `--`
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// The format in which a policy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFormat {
    /// With comments.
    Toml,
    /// Without comments, which JSON does not have.
    Json,
    /// With comments.
    Yaml,
}

impl PolicyFormat {
    /// The format of a policy document.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Toml => Format::Toml,
            Self::Json => Format::Json,
            Self::Yaml => Format::Yaml,
        }
    }

    /// The name of the format, which is also the extension of its files.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }
}

const INIT: &str = "\
Examples:
  policylayer init -- npx -y @iterable/mcp         asks and writes the policy
  policylayer init --yes -- npx -y @iterable/mcp   takes the recommendations
  policylayer init -o - -- npx -y @iterable/mcp    prints it and writes nothing
  policylayer init --server files --format yaml -- ./my-server --root /srv

The server is started, asked for its tools, and stopped; no tool is called. On a terminal you are asked about each class \
first. docs/init.md has more.

The recommendations:
  read         allowed; limited if the tool is known to return personal data
  write        allowed, each tool 30 times a minute
  execute      each call needs a person's approval
  destructive  hidden
  financial    each call needs a person's approval; at most 10 pass an hour

Exit codes:
  0 written   1 something failed, or there is a policy already
  2 wrong usage   3 config.toml is invalid";
