//! The command lines of `policylayer approvals`.

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = APPROVALS, args_conflicts_with_subcommands = true)]
pub(crate) struct ApprovalsArgs {
    #[command(subcommand)]
    pub command: Option<ApprovalsCommand>,
    #[command(flatten)]
    pub list: ApprovalsListArgs,
}

/// What to do about calls that wait.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List the calls that wait, those that timed out and can still be approved, and what was answered in the last day
    List(ApprovalsListArgs),
    /// Print a call with its arguments in full
    Show(ApprovalsShowArgs),
    /// Approve a call
    Approve(ApprovalsApproveArgs),
    /// Deny a call and tell the agent why
    Deny(ApprovalsDenyArgs),
    /// Keep a list of the waiting calls open in this terminal, and answer with single keys
    Watch,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsListArgs {
    /// Only calls of this server, by its key in a client's file or by its name
    #[arg(value_name = "SERVER")]
    pub server: Option<String>,
    /// Also list what has expired; with `--format json`, everything, and not only what can be answered
    #[arg(long)]
    pub all: bool,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsShowArgs {
    /// The id of the call, as `list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Output format: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The held call is forwarded byte for byte, once. If it has timed out already, the agent may make it once \
                  more, with the same arguments. The command waits until the session has picked up your answer, and \
                  says what came of it.\n\nWith `local_confirm = \"code\"` in config.toml, the terminal shows a \
                  code to type back."
)]
pub(crate) struct ApprovalsApproveArgs {
    /// The id of the call, as `list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Approve further calls of the tool as well, until the session ends: all of them, or, with `approval_scope =
    /// "arguments"` in the policy, those with the same arguments
    #[arg(long)]
    pub session: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsDenyArgs {
    /// The id of the call, as `list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// The reason that the agent gets, at most 500 characters
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

const APPROVALS: &str = "\
Examples:
  policylayer approvals                            what waits, what was answered
  policylayer approvals show k7m2p                 its arguments in full
  policylayer approvals approve k7m2p              this call goes on
  policylayer approvals approve k7m2p --session    and others like it
  policylayer approvals deny k7m2p --reason \"Not before Monday.\"
  policylayer approvals watch                      all of that with single keys

Anyone who can run this as your user can approve calls, and so can an agent with
a shell. docs/approvals.md describes what helps against that.";
