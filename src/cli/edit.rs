//! The command lines of the subcommands that edit a policy.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use crate::author::edit;
use crate::policy::Scope;

/// Which policy to edit, and how.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The server whose policy is edited, by its key in a client's file or by its name; without it, the one that the policy
    /// file is named after, or the only one with a policy file
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The policy file; without it, the one that `wrap` would use for the server. If the server has none yet, its built-in
    /// policy is written out first
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write a policy for a server although nothing on this machine uses one of that name
    #[arg(long)]
    pub new: bool,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ToolsArgs {
    /// The tools: names as in tools/list, or globs such as 'delete_*'
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    /// What the agent is told if a call is refused
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Also take a tool that nothing here knows of the server
    #[arg(long)]
    pub anyway: bool,
    #[command(flatten)]
    pub edit: EditArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// The tools: names as in tools/list, or globs such as 'send_*'; '*' limits all of them together
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    /// How many calls may pass in a period: 10/minute, 10/min, 5/h, 100/day, 3/90s
    #[arg(value_name = "RATE", value_parser = edit::read_rate)]
    pub rate: String,
    /// Which calls are counted together: those of a session, of all sessions that one process of a client starts, or of all
    /// sessions with the server [default: session]
    #[arg(long, value_name = "SCOPE", value_enum)]
    pub scope: Option<LimitScope>,
    /// What the agent is told if the limit is reached
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Also take a tool that nothing here knows of the server
    #[arg(long)]
    pub anyway: bool,
    #[command(flatten)]
    pub edit: EditArgs,
}

/// Which calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimitScope {
    /// Those of one session.
    Session,
    /// Those of all sessions that one process of a client starts.
    Client,
    /// Those of all sessions with the server, across restarts.
    Server,
}

impl From<LimitScope> for Scope {
    fn from(scope: LimitScope) -> Self {
        match scope {
            LimitScope::Session => Self::Session,
            LimitScope::Client => Self::Client,
            LimitScope::Server => Self::Server,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// How long a person has to answer: seconds, such as 90, or 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = edit::read_length)]
    pub timeout: Option<String>,
    #[command(flatten)]
    pub tools: ToolsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    /// The tools or globs, as the policy has them
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    #[command(flatten)]
    pub edit: EditArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The document, in TOML, JSON or YAML, or `-` to read it from stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub edit: EditArgs,
}

pub(super) const ALLOW: &str = "\
Examples:
  policylayer allow get_lists --server iterable
  policylayer allow 'get_*' --dry-run            what would change

A glob changes every entry that matches, and holds for later tools. The limits and conditions of a tool stay. If another rule still refuses it, that rule is named and nothing is written.";

pub(super) const DENY: &str = "\
Examples:
  policylayer deny send_campaign --reason \"Campaigns are sent from the web app.\"
  policylayer deny update_webhook create_catalog --dry-run

The tool stays visible. `policylayer hide` also removes it from tools/list, which saves the agent's context.";

pub(super) const HIDE: &str = "\
Examples:
  policylayer hide cancel_export_job --server iterable
  policylayer hide 'delete_*'                    later ones, too";

pub(super) const LIMIT: &str = "\
Examples:
  policylayer limit start_export_job 10/minute
  policylayer limit update_user update_email 100/day --scope server
  policylayer limit 'send_*' 10/min              each of these tools
  policylayer limit '*' 120/minute               all tools together

The tool's other rules stay, so a limit never allows what was refused.";

pub(super) const ASK: &str = "\
Examples:
  policylayer ask send_campaign --server iterable
  policylayer ask start_export_job --timeout 10m --reason \"Two pairs of eyes.\"

docs/approvals.md explains where a person is asked.";

pub(super) const RESET: &str = "\
Examples:
  policylayer reset send_campaign                its class decides again
  policylayer reset 'delete_*'                   the glob is removed from `hide`

What the policy says about the tool by name is removed: its entry, and its item in `hide`.";

pub(super) const ADD: &str = "\
Examples:
  echo '{\"hide\":[\"cancel_export_job\"]}' | policylayer add - --server iterable
  policylayer add pasted.yaml --dry-run          what would change

The two `hide` lists are joined. A pasted entry replaces the whole entry with that name, and a pasted key of `all_tools` \
replaces that key; what is replaced is named. The policy's own `default`, `unlisted` and `beside_tools` stay, and so does \
everything else. What is pasted needs neither `version` nor `default`. docs/editing.md has the details.";
