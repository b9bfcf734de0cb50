//! The command lines of the verbs that edit a policy.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use crate::author::edit;
use crate::policy::Scope;

/// Which policy, and how.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The server whose policy is edited; without it, the one that the policy file is named after, or the only one that has
    /// a policy file
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// The policy file; without it, the one that `wrap` would use for the server. Where the server has none yet, the built-in
    /// policy is written out first
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `policylayer allow`, `policylayer deny` and `policylayer hide`
#[derive(Debug, Args)]
pub struct ToolsArgs {
    /// The tools: names as in tools/list, or globs such as 'delete_*'
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    /// What the agent is told where a call is refused
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Which policy, and how.
    #[command(flatten)]
    pub edit: EditArgs,
}

/// `policylayer limit`
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// The tools: names as in tools/list; '*' limits all of them together
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    /// How many calls may pass in which time: 10/minute, 5/hour, 100/day, 3/90s
    #[arg(value_name = "RATE", value_parser = rate)]
    pub rate: String,
    /// Which calls are counted together: those of a session, or those of all sessions with the server [default: session]
    #[arg(long, value_name = "SCOPE", value_enum)]
    pub scope: Option<LimitScope>,
    /// What the agent is told where the limit is reached
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Which policy, and how.
    #[command(flatten)]
    pub edit: EditArgs,
}

/// Which calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LimitScope {
    /// Those of one session.
    Session,
    /// Those of all sessions with the server, across restarts.
    Server,
}

impl From<LimitScope> for Scope {
    fn from(scope: LimitScope) -> Self {
        match scope {
            LimitScope::Session => Self::Session,
            LimitScope::Server => Self::Server,
        }
    }
}

/// `policylayer ask`
#[derive(Debug, Args)]
pub struct AskArgs {
    /// How long a call waits for a person before it is refused, such as 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub timeout: Option<String>,
    /// The tools, and why.
    #[command(flatten)]
    pub tools: ToolsArgs,
}

/// `policylayer reset`
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The tools, or globs, as they are written in the policy
    #[arg(value_name = "TOOL", required = true)]
    pub tools: Vec<String>,
    /// Which policy, and how.
    #[command(flatten)]
    pub edit: EditArgs,
}

/// `policylayer add`
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The document, in TOML, JSON or YAML; `-` reads it from stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which policy, and how.
    #[command(flatten)]
    pub edit: EditArgs,
}

fn rate(text: &str) -> Result<String, String> {
    edit::check_rate(text).map(|()| text.to_owned())
}

fn length(text: &str) -> Result<String, String> {
    edit::check_length(text).map(|()| text.to_owned())
}

pub(super) const ALLOW: &str = "\
Examples:
  policylayer allow get_lists --server iterable
  policylayer allow 'get_*' --dry-run            what would change

The limits and conditions of a tool stay. What another rule refuses all the same is told, and nothing is written.";

pub(super) const DENY: &str = "\
Examples:
  policylayer deny send_campaign --reason \"Campaigns are sent from the web app.\"
  policylayer deny update_webhook create_catalog --dry-run

The tool stays visible. `policylayer hide` takes it out of tools/list as well, which costs the agent no context.";

pub(super) const HIDE: &str = "\
Examples:
  policylayer hide cancel_export_job --server iterable
  policylayer hide 'delete_*'                    later ones, too";

pub(super) const LIMIT: &str = "\
Examples:
  policylayer limit start_export_job 10/minute
  policylayer limit update_user update_email 100/day --scope server
  policylayer limit '*' 120/minute               all tools together

What else is said of the tool stays, so a limit never lets through what was refused.";

pub(super) const ASK: &str = "\
Examples:
  policylayer ask send_campaign --server iterable
  policylayer ask start_export_job --timeout 10m --reason \"Two pairs of eyes.\"

docs/approvals.md says where a person is asked.";

pub(super) const RESET: &str = "\
Examples:
  policylayer reset send_campaign                its class decides again
  policylayer reset 'delete_*'                   the glob is taken out of `hide`

What is said of the tool by its name is taken out: its entry, and its item in `hide`.";

pub(super) const ADD: &str = "\
Examples:
  echo '{\"hide\":[\"cancel_export_job\"]}' | policylayer add - --server iterable
  policylayer add pasted.yaml --dry-run          what would change

The lists `hide` are joined. An entry that is pasted takes the place of the whole entry for that tool, and so does each key \
of `all_tools`. The policy's own `default` and `unlisted` stay, and so do all other tools. `version` and `default` may be \
missing in what is pasted. docs/editing.md has the whole of it.";
