//! The command lines of `policylayer history`, `policylayer undo` and `policylayer changes`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = HISTORY)]
pub(crate) struct HistoryArgs {
    /// Only edits of this server's policy, by its key in a client's file or by its name
    #[arg(value_name = "SERVER")]
    pub server: Option<String>,
    /// Also print what each edit changed
    #[arg(long)]
    pub diff: bool,
    /// Print the last N edits
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const HISTORY: &str = "\
Examples:
  policylayer history                    the last edits of all policies
  policylayer history iterable --diff    and what each of them changed

Every edit by a subcommand is kept in the state directory, with the texts before and after. Edits by hand are not.";

#[derive(Debug, Args)]
#[command(after_help = UNDO)]
pub(crate) struct UndoArgs {
    /// Only edits of this server's policy, by its key in a client's file or by its name
    #[arg(value_name = "SERVER")]
    pub server: Option<String>,
    /// Put the file back as it was before this edit, by its number in `policylayer history`
    #[arg(long, value_name = "N")]
    pub edit: Option<u64>,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const UNDO: &str = "\
Examples:
  policylayer undo                       the last edit
  policylayer undo iterable              the last edit of this policy
  policylayer undo --edit 12             that edit and later ones of its file

A file that was changed by hand since is left as it is, and the difference is shown. An undo is an edit, so a second \
`policylayer undo` brings back what the first one took away.

Exit codes:
  0 done   1 nothing to undo, or the file was changed since   2 wrong usage";

#[derive(Debug, Args)]
#[command(after_help = CHANGES)]
pub(crate) struct ChangesArgs {
    /// The server, by its key in a client's file or by its name; without it, every server with a policy file
    #[arg(value_name = "SERVER")]
    pub server: Option<String>,
    /// The file of the other version of policylayer
    #[arg(long, value_name = "PROGRAM")]
    pub with: PathBuf,
    /// How to print: for a person, or for a program
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const CHANGES: &str = "\
Examples:
  policylayer changes --with ./new/policylayer
  policylayer changes iterable --with ./new/policylayer --format json

Both versions are asked about each known tool under the policy in force, as `policylayer decide` does. A policy that only \
hides, or none at all, stands on the built-in policy, which a new version may change. Differences are not a failure: the \
exit code is 0 with or without them.";
