//! What `policylayer clients` prints for a person.

use std::io::{self, Write};

use anstyle::Style;

use super::super::{as_word, plural};
use super::{Listed, Server, State};
use crate::clients::place::{ClientFile, Presence};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::visible;

pub(super) fn write(out: &mut dyn Write, listed: &[Listed], places: &[&ClientFile]) -> io::Result<()> {
    if listed.is_empty() {
        writeln!(out, "No MCP client was found. Looked for:")?;
        for place in places {
            writeln!(out, "  {} ({}): {}", place.row.name, place.row.id, visible(&place.file.display().to_string()))?;
        }
        return Ok(());
    }
    for (index, one) in listed.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_one(out, one)?;
    }
    write_summary(out, listed)
}

fn write_one(out: &mut dyn Write, one: &Listed) -> io::Result<()> {
    let bold = Style::new().bold();
    let whose = match &one.folder {
        Some(folder) => format!("for the folder {}", visible(folder)),
        None => one.scope.as_str().to_owned(),
    };
    let package = one.package.as_ref().map(|package| format!(", package {}", visible(package))).unwrap_or_default();
    writeln!(out, "{bold}{}{bold:#} ({}), {whose}{package}", one.name, one.id)?;
    writeln!(out, "{DIM}{}{DIM:#}", visible(&one.file))?;
    if let Some(note) = &one.note {
        writeln!(out, "  {WARN}note:{WARN:#} {note}")?;
    }
    match (&one.error, one.presence) {
        (Some(trouble), _) => writeln!(
            out,
            "  {ERROR}left alone:{ERROR:#} {}. Mend it, and look again.",
            trouble.message.trim_end_matches('.')
        ),
        (None, Presence::File) if one.servers.is_empty() => writeln!(out, "  no servers"),
        (None, Presence::File) => {
            let rows: Vec<_> = one.servers.iter().map(row).collect();
            Table::new(&["SERVER", "STATE", "POLICY", "COMMAND"], terminal_width()).write(out, &rows)?;
            one.servers.iter().try_for_each(|server| write_notes(out, server))
        }
        (None, _) => writeln!(out, "  no such file yet"),
    }
}

fn row(server: &Server) -> Vec<Cell> {
    let (state, style) = match server.state {
        State::Wrapped => ("wrapped", SUCCESS),
        State::NotWrapped => ("not wrapped", WARN),
        State::Remote => ("out of reach", DIM),
        State::Unclear(_) => ("unclear", ERROR),
    };
    let state = if server.is_disabled { format!("{state}, disabled") } else { state.to_owned() };
    let policy = match &server.policy {
        None => Cell::plain("-"),
        Some((_, Ok(policy))) => Cell::plain(visible(policy)),
        Some((_, Err(_))) => Cell::styled("error", ERROR),
    };
    let command = match (&server.url, server.command.is_empty()) {
        (Some(url), _) => visible(url),
        (None, true) => "-".to_owned(),
        (None, false) => visible(&server.command.join(" ")),
    };
    vec![Cell::plain(visible(&server.key)), Cell::styled(state, style), policy, Cell::plain(command)]
}

fn write_notes(out: &mut dyn Write, server: &Server) -> io::Result<()> {
    let key = visible(&server.key);
    if let State::Unclear(why) = &server.state {
        writeln!(out, "  {key}: {why}")?;
    }
    if let Some((_, Err(why))) = &server.policy {
        writeln!(out, "  {key}: {why}")?;
    }
    if let Some(lost) = &server.lost {
        let (lost, word) = (visible(lost), as_word(&server.key));
        writeln!(
            out,
            "  {key}: {lost} is not there any more, so it cannot start. Run `policylayer register {word}` again."
        )?;
    }
    Ok(())
}

fn write_summary(out: &mut dyn Write, listed: &[Listed]) -> io::Result<()> {
    let servers = || listed.iter().flat_map(|one| &one.servers);
    let bare = servers().filter(|server| matches!(server.state, State::NotWrapped)).count() as u64;
    let remote = servers().filter(|server| matches!(server.state, State::Remote)).count() as u64;
    if bare > 0 {
        let verb = if bare == 1 { "has" } else { "have" };
        writeln!(
            out,
            "\n{} {verb} no policy before {}: `policylayer register SERVER --client CLIENT` puts one there.",
            plural(bare, "server"),
            if bare == 1 { "it" } else { "them" }
        )?;
    }
    if remote > 0 {
        let verb = if remote == 1 { "is" } else { "are" };
        writeln!(
            out,
            "\n{} {verb} reached over HTTP or server-sent events, which is out of a stdio wrapper's reach: no policy of this \
             program stands before {}.",
            plural(remote, "server"),
            if remote == 1 { "it" } else { "them" }
        )?;
    }
    Ok(())
}
