//! `policylayer history` and `policylayer undo`: the edits of policies that subcommands made.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::output::{UsageError, print, print_report};
use super::{Env, tool_server};
use crate::cli::{Format, HistoryArgs, UndoArgs};
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::shell::as_word;
use crate::state::file::{if_there, read_file, remove_file};
use crate::state::history::{EditHistory, KeptEdit, KeptFile};
use crate::term::style::format_local_time;
use crate::term::table::{self, Cell};
use crate::term::{diff, message};
use crate::visible::{count_of, escape_invisible, visible_path};

/// Keeps an edit that was made. That it is not kept does not undo it, so this only warns.
pub(super) fn keep_edit(server: &ServerName, file: &Path, before: Option<&[u8]>, after: Option<&[u8]>, env: &Env) {
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    keep_edits(server, vec![(file.to_owned(), text(before), text(after))], env);
}

/// A file, and its text before and after an edit.
pub(super) type EditedFile = (PathBuf, Option<String>, Option<String>);

/// The same for an edit that changed several files, the policy file first.
pub(super) fn keep_edits(server: &ServerName, files: Vec<EditedFile>, env: &Env) {
    let keep = || -> anyhow::Result<()> {
        let mut files = files.into_iter().map(|(file, before, after)| {
            let file = paths::absolute_path(&file, env).to_str().context("its path is not UTF-8")?.to_owned();
            anyhow::Ok(KeptFile { file, before, after })
        });
        let Some(KeptFile { file, before, after }) = files.next().transpose()? else { return Ok(()) };
        let edit = KeptEdit {
            number: 0,
            time: Timestamp::now(),
            user: user_name(env),
            server: server.to_string(),
            file,
            command: command_line(),
            before,
            after,
            others: files.collect::<Result<_, _>>()?,
        };
        EditHistory::new(&paths::state_dir(env)?).append(&edit)?;
        Ok(())
    };
    if let Err(error) = keep() {
        message::print_warning(&format!("This edit is not in the history, so it cannot be undone: {error:#}."));
    }
}

/// The name of the user, as the environment or the system has it.
fn user_name(env: &Env) -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| env.var(name)?.to_str());
    name.filter(|name| !name.is_empty()).map_or_else(system_user, str::to_owned)
}

#[cfg(unix)]
fn system_user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|account| {
        let mut fields = account.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id && !name.is_empty()).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {id}"))
}

#[cfg(not(unix))]
fn system_user() -> String {
    "unknown".to_owned()
}

fn command_line() -> String {
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
            return writeln!(out, "No edit of a policy is kept.");
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
    let Some(undone) = edits.iter().rfind(|edit| is_meant(edit) && has_number(edit)) else {
        return Err(match args.edit {
            Some(number) => {
                UsageError(format!("There is no edit {number}. `policylayer history` lists the edits.")).into()
            }
            None => anyhow::anyhow!("There is nothing to undo: no edit of a policy is kept."),
        });
    };
    let files = find_undone_files(&edits, undone);
    let Some((main, others)) = files.split_first() else { return Ok(Exit::Failed) };
    for KeptFile { file, after, .. } in &files {
        let shown = visible_path(Path::new(file));
        let found = if_there(read_file(Path::new(file))).with_context(|| format!("{shown} cannot be read"))?;
        if found.as_deref() != after.as_deref().map(str::as_bytes) {
            let found = found.as_deref().map(String::from_utf8_lossy);
            print(|out| write_difference(out, file, after.as_deref(), found.as_deref()))?;
            bail!(
                "{shown} was changed since edit {}, as shown above, so nothing was undone. Put it back by hand, or edit it as it is.",
                last_edit_of(&edits, file).map_or(undone.number, |last| last.number)
            );
        }
    }
    let last = last_edit_of(&edits, &undone.file).unwrap_or(undone);
    let report = UndoReport { edit: undone.number, file: &undone.file, server: &undone.server, written: !args.dry_run };
    if !args.dry_run {
        // What an edit moved out of its way comes back before the file that took its place is gone: until then no session
        // starts, and none starts without a policy.
        for KeptFile { file, before, after } in others.iter().chain([main]) {
            write_back(Path::new(file), after.as_deref(), before.as_deref())?;
        }
        if let Ok(server) = ServerName::parse(&undone.server) {
            let undo = |kept: &KeptFile| (PathBuf::from(&kept.file), kept.after.clone(), kept.before.clone());
            keep_edits(&server, files.iter().map(undo).collect(), env);
        }
    }
    print_report(&report, args.format, |out, _| {
        others
            .iter()
            .chain([main])
            .try_for_each(|kept| write_difference(out, &kept.file, kept.after.as_deref(), kept.before.as_deref()))
    })?;
    if args.format == Format::Text {
        message::print_note(&describe_undo(undone, last, args));
    }
    Ok(Exit::Ok)
}

fn last_edit_of<'e>(edits: &'e [KeptEdit], file: &str) -> Option<&'e KeptEdit> {
    edits.iter().rfind(|edit| edit.files().any(|kept| kept.file == file))
}

/// Returns the files that are put back to undo an edit and the later ones of its file: as they were before it, and as they have
/// to be now. The policy file is the first.
fn find_undone_files(edits: &[KeptEdit], undone: &KeptEdit) -> Vec<KeptFile> {
    let mut files: Vec<KeptFile> = Vec::new();
    let later = edits.iter().filter(|edit| edit.number >= undone.number);
    for kept in later.filter(|edit| edit.file == undone.file).flat_map(KeptEdit::files) {
        match files.iter_mut().find(|file| file.file == kept.file) {
            Some(file) => file.after = kept.after,
            None => files.push(kept),
        }
    }
    files
}

fn write_back(path: &Path, now: Option<&str>, then: Option<&str>) -> anyhow::Result<()> {
    match then {
        Some(text) => paths::replace_file(path, now.map(str::as_bytes), text.as_bytes())?,
        None if fs::symlink_metadata(path).is_ok() => {
            remove_file(path).with_context(|| format!("{} cannot be removed", visible_path(path)))?;
        }
        None => {}
    }
    Ok(())
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
