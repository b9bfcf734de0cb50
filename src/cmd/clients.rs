//! `policylayer clients`: the MCP clients on this machine, their servers, and which of them are behind a policy.

use std::io::{self, Write};

use anstyle::Style;

use super::output::print_report;
use super::{Env, count_of};
use crate::cli::ClientsArgs;
use crate::clients::key::visible_key;
use crate::exit::Exit;
use crate::report::clients::{ClientOverview, ClientReport, ClientServer};
use crate::report::doctor::ServerState;
use crate::term::path::fit_path;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};
use crate::visible::escape_invisible;

/// Prints the clients.
pub(crate) fn run(args: &ClientsArgs, env: &Env) -> anyhow::Result<Exit> {
    print_report(&ClientOverview::new(env), args.format, write_text)?;
    Ok(Exit::Ok)
}

fn write_text(out: &mut dyn Write, overview: &ClientOverview) -> io::Result<()> {
    if overview.clients.is_empty() {
        writeln!(out, "No MCP client was found. Looked for:")?;
        for searched in &overview.looked_in {
            writeln!(out, "  {} ({}): {}", searched.name, searched.id, escape_invisible(&searched.file))?;
        }
        return write_not_looked_into(out, overview);
    }
    for (index, client) in overview.clients.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_client(out, client)?;
    }
    write_summary(out, &overview.clients)?;
    write_not_looked_into(out, overview)
}

fn write_not_looked_into(out: &mut dyn Write, overview: &ClientOverview) -> io::Result<()> {
    writeln!(out, "\nNot looked into:")?;
    overview.not_looked_into.iter().try_for_each(|what| writeln!(out, "  {what}"))
}

fn write_client(out: &mut dyn Write, client: &ClientReport) -> io::Result<()> {
    let bold = Style::new().bold();
    let whose = match &client.folder {
        Some(folder) => format!("for the directory {}", escape_invisible(folder)),
        None => client.scope.to_owned(),
    };
    let package =
        client.package.as_ref().map(|package| format!(", package {}", escape_invisible(package))).unwrap_or_default();
    writeln!(out, "{bold}{}{bold:#} ({}), {whose}{package}", client.name, client.id)?;
    writeln!(out, "{DIM}{}{DIM:#}", fit_path(&escape_invisible(&client.file)))?;
    if let Some(note) = &client.note {
        writeln!(out, "  {WARN}note:{WARN:#} {note}")?;
    }
    match &client.error {
        Some(error) => {
            let message = error.message.trim_end_matches('.');
            writeln!(out, "  {ERROR}left alone:{ERROR:#} {message}. Fix it, and look again.")
        }
        None if !client.exists => writeln!(out, "  the file does not exist yet"),
        None if client.servers.is_empty() => writeln!(out, "  no servers"),
        None => {
            let rows: Vec<_> = client.servers.iter().map(server_row).collect();
            table::write_table(out, &["SERVER", "STATE", "POLICY", "COMMAND"], &rows)?;
            client.servers.iter().try_for_each(|server| write_notes(out, server))
        }
    }
}

fn server_row(server: &ClientServer) -> Vec<Cell> {
    let (state, style) = state_label(server.state);
    let state = if server.disabled { format!("{state}, disabled") } else { state.to_owned() };
    let command = match (&server.url, server.command.is_empty()) {
        (Some(url), _) => url.clone(),
        (None, true) => "-".to_owned(),
        (None, false) => server.command.join(" "),
    };
    let policy = server.policy.as_deref().map_or_else(|| Cell::new("-"), |policy| Cell::path(policy, Style::new()));
    vec![Cell::new(&server.key), Cell::styled(state, style), policy, Cell::new(command)]
}

/// How a state is shown.
pub(super) fn state_label(state: ServerState) -> (&'static str, Style) {
    match state {
        ServerState::Protected => ("protected", SUCCESS),
        ServerState::Observed => ("observed", WARN),
        ServerState::Unprotected => ("unprotected", WARN),
        ServerState::OutOfReach => ("out of reach", DIM),
        ServerState::Broken => ("broken", ERROR),
    }
}

/// Says why a server is broken or out of reach, and what to do.
pub(super) fn write_notes(out: &mut dyn Write, server: &ClientServer) -> io::Result<()> {
    let key = visible_key(&server.key);
    let Some(reason) = &server.reason else { return Ok(()) };
    writeln!(out, "  {key}: {}", escape_invisible(reason))?;
    server.remedy.iter().try_for_each(|remedy| writeln!(out, "    what to do: {}", escape_invisible(remedy)))
}

fn write_summary(out: &mut dyn Write, clients: &[ClientReport]) -> io::Result<()> {
    let count = |state| {
        let count = clients.iter().flat_map(|client| &client.servers).filter(|server| server.state == state).count();
        let (has, is, it) = if count == 1 { ("has", "is", "it") } else { ("have", "are", "them") };
        (count > 0).then(|| (count_of(count as u64, "server"), has, is, it))
    };
    if let Some((servers, has, _, it)) = count(ServerState::Unprotected) {
        writeln!(
            out,
            "\n{servers} {has} no policy in front of {it}: `policylayer register SERVER --client CLIENT` puts one \
             there, `policylayer register --all` in front of all."
        )?;
    }
    if let Some((servers, _, is, it)) = count(ServerState::OutOfReach) {
        writeln!(
            out,
            "\n{servers} {is} out of reach (by an entry that cannot be carried over, or started by what is not changed from here): no \
             policy of this program is in front of {it}."
        )?;
    }
    Ok(())
}
