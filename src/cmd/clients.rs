//! `policylayer clients`: the MCP clients on this machine, their servers, and which of them are behind a policy.

use std::io::{self, Write};

use anstyle::Style;

use super::output::print_report;
use super::{Env, as_word, count_of};
use crate::cli::ClientsArgs;
use crate::exit::Exit;
use crate::paths::{self, POLICY_VARIABLE};
use crate::report::clients::{ClientOverview, ClientReport, ClientServer, WrapState};
use crate::settings::Settings;
use crate::term::message;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
use crate::term::table::{self, Cell};
use crate::visible::escape_invisible;

/// Prints the clients.
pub(crate) fn run(args: &ClientsArgs, env: &Env) -> anyhow::Result<Exit> {
    // A client may lack what is in this shell's environment.
    let env = &env.clone().without_var(POLICY_VARIABLE);
    let (settings, broken) = match paths::load_settings(env) {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::default(), Some(error)),
    };
    print_report(&ClientOverview::new(&settings, env), args.format, write_text)?;
    if let Some(broken) = broken {
        message::print_warning(&format!("{broken}\nThe policies above were found without it."));
    }
    Ok(Exit::Ok)
}

fn write_text(out: &mut dyn Write, overview: &ClientOverview) -> io::Result<()> {
    if overview.clients.is_empty() {
        writeln!(out, "No MCP client was found. Looked for:")?;
        for searched in &overview.looked_in {
            writeln!(out, "  {} ({}): {}", searched.name, searched.id, escape_invisible(&searched.file))?;
        }
        return Ok(());
    }
    for (index, client) in overview.clients.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_client(out, client)?;
    }
    write_summary(out, &overview.clients)
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
    writeln!(out, "{DIM}{}{DIM:#}", escape_invisible(&client.file))?;
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
    let (state, style) = match server.state {
        WrapState::Wrapped => ("wrapped", SUCCESS),
        WrapState::NotWrapped => ("not wrapped", WARN),
        WrapState::OutOfReach => ("out of reach", DIM),
        WrapState::Unclear => ("unclear", ERROR),
    };
    let state = if server.disabled { format!("{state}, disabled") } else { state.to_owned() };
    let policy = match (&server.policy, &server.policy_error) {
        (Some(policy), _) => Cell::new(policy),
        (None, Some(_)) => Cell::styled("error", ERROR),
        (None, None) => Cell::new("-"),
    };
    let command = match (&server.url, server.command.is_empty()) {
        (Some(url), _) => url.clone(),
        (None, true) => "-".to_owned(),
        (None, false) => server.command.join(" "),
    };
    vec![Cell::new(&server.key), Cell::styled(state, style), policy, Cell::new(command)]
}

fn write_notes(out: &mut dyn Write, server: &ClientServer) -> io::Result<()> {
    let key = escape_invisible(&server.key);
    let unclear = server.reason.as_ref().filter(|_| server.state == WrapState::Unclear);
    for why in unclear.into_iter().chain(&server.policy_error) {
        writeln!(out, "  {key}: {why}")?;
    }
    if let Some(missing) = &server.missing_program {
        let (missing, word) = (escape_invisible(missing), as_word(&server.key));
        writeln!(
            out,
            "  {key}: {missing} no longer exists, so it cannot start. Run `policylayer register {word}` again."
        )?;
    }
    Ok(())
}

fn write_summary(out: &mut dyn Write, clients: &[ClientReport]) -> io::Result<()> {
    let count = |state| {
        let count = clients.iter().flat_map(|client| &client.servers).filter(|server| server.state == state).count();
        let (has, is, it) = if count == 1 { ("has", "is", "it") } else { ("have", "are", "them") };
        (count > 0).then(|| (count_of(count as u64, "server"), has, is, it))
    };
    if let Some((servers, has, _, it)) = count(WrapState::NotWrapped) {
        writeln!(
            out,
            "\n{servers} {has} no policy in front of {it}: `policylayer register SERVER --client CLIENT` puts one there."
        )?;
    }
    if let Some((servers, _, is, it)) = count(WrapState::OutOfReach) {
        writeln!(
            out,
            "\n{servers} {is} reached over HTTP or server-sent events, which is out of a stdio wrapper's reach: no policy of \
             this program is in front of {it}."
        )?;
    }
    Ok(())
}
