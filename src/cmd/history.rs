//! `policylayer history` and `policylayer undo`: the edits of policies that subcommands made.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Zoned;
use serde::Serialize;

use super::output::{UsageError, print, print_report};
use super::{Env, tool_server};
use crate::author::history::{CannotUndo, NotKept, Undo};
use crate::cli::{Format, HistoryArgs, UndoArgs};
use crate::exit::Exit;
use crate::paths;
use crate::shell::as_word;
use crate::state::history::{EditHistory, KeptEdit, KeptFile};
use crate::term::style::format_local_time;
use crate::term::table::{self, Cell};
use crate::term::{diff, message};
use crate::visible::{count_of, escape_invisible, visible_path};

/// Warns of an edit that was made and is not in the history.
pub(super) fn report_kept(kept: Result<(), NotKept>) {
    if let Err(error) = kept {
        message::print_warning(&error.to_string());
    }
}

/// Returns the command line of this process, for the history.
pub(super) fn own_command() -> String {
    let words = std::env::args_os().skip(1).map(|word| as_word(&word.to_string_lossy()));
    ["policylayer".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

fn read_history(env: &Env) -> anyhow::Result<Vec<KeptEdit>> {
    let dir = paths::state_dir(env)?;
    let history = EditHistory::new(&dir).list();
    let (edits, unreadable) =
        history.with_context(|| format!("The history in {} cannot be read", visible_path(&dir.join("history"))))?;
    if unreadable > 0 {
        message::print_warning(&format!(
            "{} of the history in {} cannot be read, and left out.",
            count_of(unreadable as u64, "edit"),
            visible_path(&dir.join("history"))
        ));
    }
    Ok(edits)
}

/// Returns whether an edit is of the policy of this server.
fn find_filter(server: Option<&str>, env: &Env) -> anyhow::Result<impl Fn(&KeptEdit) -> bool> {
    let (named, _) = tool_server::find_log(server, env)?;
    Ok(move |edit: &KeptEdit| named.as_ref().is_none_or(|server| edit.server == server.as_str()))
}

/// Prints the last edits.
pub(crate) fn print_history(args: &HistoryArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut edits = read_history(env)?;
    edits.retain(find_filter(args.server.as_deref(), env)?);
    edits.drain(..edits.len().saturating_sub(args.limit));
    let now = Zoned::now();
    print_report(&edits, args.format, |out, edits| {
        if edits.is_empty() {
            let whose = args.server.as_deref().map(|server| format!(" of {}", escape_invisible(server)));
            return writeln!(
                out,
                "No edit of {} policy{} is kept.",
                if whose.is_some() { "the" } else { "a" },
                whose.unwrap_or_default()
            );
        }
        if args.diff {
            return edits.iter().try_for_each(|edit| write_edit(out, edit, &now));
        }
        let row = |edit: &KeptEdit| {
            let time = format_local_time(edit.time, &now);
            vec![
                Cell::new(edit.number),
                Cell::new(time),
                Cell::new(escape_invisible(&edit.user)),
                Cell::new(escape_invisible(&edit.server)),
                Cell::new(escape_invisible(&edit.command)),
            ]
        };
        let rows: Vec<_> = edits.iter().map(row).collect();
        table::write_table(out, &["EDIT", "TIME", "WHO", "SERVER", "COMMAND"], &rows)
    })?;
    Ok(Exit::Ok)
}

fn write_edit(out: &mut dyn Write, edit: &KeptEdit, now: &Zoned) -> io::Result<()> {
    let (time, user) = (format_local_time(edit.time, now), escape_invisible(&edit.user));
    writeln!(out, "Edit {}, {time}, by {user}: {}", edit.number, escape_invisible(&edit.command))?;
    for KeptFile { file, before, after } in edit.others.iter().chain([&edit.main_file()]) {
        write_difference(out, file, before.as_deref(), after.as_deref())?;
    }
    writeln!(out)
}

fn write_difference(out: &mut dyn Write, file: &str, old: Option<&str>, new: Option<&str>) -> io::Result<()> {
    let file = escape_invisible(file);
    let name = |text: Option<&str>| if text.is_some() { file.to_string() } else { "/dev/null".to_owned() };
    writeln!(out, "--- {}\n+++ {}", name(old), name(new))?;
    diff::write_hunks(out, old.unwrap_or_default(), new.unwrap_or_default())
}

/// What an undo did, or would do.
#[derive(Serialize)]
struct UndoReport<'u> {
    /// The edit that is undone, with all later ones of the file.
    edit: u64,
    /// The policy file.
    file: &'u str,
    /// The server that the policy is for.
    server: &'u str,
    /// Whether the file was written or removed; `false` after a dry run.
    written: bool,
}

/// Puts a file back as it was before its last edit, or before the named one.
pub(crate) fn undo_edit(args: &UndoArgs, env: &Env) -> anyhow::Result<Exit> {
    let (edits, is_meant) = (read_history(env)?, find_filter(args.server.as_deref(), env)?);
    let has_number = |edit: &KeptEdit| args.edit.is_none_or(|number| edit.number == number);
    let Some(undo) = Undo::find(&edits, |edit| is_meant(edit) && has_number(edit)) else {
        return Err(match args.edit {
            Some(number) => {
                UsageError(format!("There is no edit {number}. `policylayer history` lists the edits.")).into()
            }
            None => anyhow::anyhow!("There is nothing to undo: no edit of a policy is kept."),
        });
    };
    let undone = undo.undone;
    let last = undo.last_edit_of(&undone.file);
    let done = if args.dry_run { undo.check_files().map(Ok) } else { undo.carry_out(own_command(), env) };
    match done {
        Ok(kept) => report_kept(kept),
        Err(CannotUndo::Changed { left, number, found }) => {
            // A program reads one document from stdout, or nothing.
            let shown = match args.format {
                Format::Text => {
                    print(|out| write_difference(out, &left.file, left.after.as_deref(), found.as_deref()))?;
                    ", as shown above"
                }
                Format::Json => "",
            };
            bail!(
                "{} was changed since edit {number}{shown}, so nothing was undone. Put it back by hand, or edit it as it is.",
                visible_path(Path::new(&left.file))
            );
        }
        Err(error) => return Err(error.into()),
    }
    let report = UndoReport { edit: undone.number, file: &undone.file, server: &undone.server, written: !args.dry_run };
    print_report(&report, args.format, |out, _| {
        let mut files = undo.files();
        files.try_for_each(|kept| write_difference(out, &kept.file, kept.after.as_deref(), kept.before.as_deref()))
    })?;
    if args.format == Format::Text {
        message::print_note(&describe_undo(undone, last, args));
    }
    Ok(Exit::Ok)
}

fn describe_undo(undone: &KeptEdit, last: &KeptEdit, args: &UndoArgs) -> String {
    let file = visible_path(Path::new(&undone.file));
    let which = if undone.number == last.number {
        format!("edit {}", undone.number)
    } else {
        format!("edit {} and the later ones of this file", undone.number)
    };
    if args.dry_run {
        return format!("This was a dry run: {file} is as {which} left it.");
    }
    let now = if undone.before.is_some() {
        format!("{file} is as it was before {which}.")
    } else {
        format!("{file} is gone, as it was before {which}.")
    };
    format!("{now} `policylayer undo` brings the edit back.")
}
