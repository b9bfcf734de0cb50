//! `policylayer replay`: the recorded calls, decided again under another policy.

use std::io::{self, Write};

use jiff::Zoned;

use super::output::{ExitError, load_policy, print_report};
use super::{Env, count_of};
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{Effect, ServerName};
use crate::report::log_records::{LogRecords, choose_server};
use crate::report::replay::{ReplayChange, ReplayReport};
use crate::term::message;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, format_local_time, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::escape_invisible;

/// Decides the recorded calls again and prints which decisions change. Changes are not a failure.
///
/// # Errors
/// If the log cannot be read.
pub(crate) fn run(args: &ReplayArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let dir = paths::audit_dir(env)?;
    let of_policy = ServerName::from_policy_file(&args.policy);
    let server = choose_server(args.server.as_deref(), of_policy, &dir).map_err(ExitError::from)?;
    let policy = load_policy(Some(&args.policy), &server, env)?.policy;
    let mut records = LogRecords::open_existing(&dir, Some(&server))?;
    let since = args.since.map(|since| since.resolve_at(&now));
    let report = ReplayReport::collect(&mut records, &server, &policy, since)?;
    report.warnings.iter().for_each(|warning| message::print_warning(warning));
    print_report(&report, args.format.into(), |out, report| write_replay(out, report, &now))?;
    Ok(Exit::Ok)
}

fn write_replay(out: &mut dyn Write, report: &ReplayReport, now: &Zoned) -> io::Result<()> {
    let ReplayReport { server, file, calls, same, changed, uncertain, .. } = report;
    if *calls == 0 {
        return writeln!(out, "The log of {server} has no matching call.");
    }
    let calls = count_of(*calls, "call");
    writeln!(out, "{calls} of {server} under {file}: {same} decided as before, {changed} otherwise.")?;
    if !report.changes.is_empty() {
        writeln!(out)?;
        let rows: Vec<_> = report.changes.iter().map(|change| change_row(change, now)).collect();
        let header = ["TOOL", " CALLS", "WAS", "BECOMES", "RULE", "EXAMPLE", "REASON"];
        Table::new(&header, terminal_width()).write_rows(out, &rows)?;
    }
    if *uncertain > 0 {
        let tools =
            report.uncertain_tools.iter().map(|tool| format!("{} ({})", escape_invisible(&tool.tool), tool.calls));
        writeln!(
            out,
            "\n{WARN}{} cannot be decided again for certain{WARN:#}: a rule looks at arguments, and the log has only \
             their keys: {}.\nNo limit counts them here. Set `arguments = \"full\"` under \
             `[audit]` in config.toml, and calls from then on can be.",
            count_of(*uncertain, "call"),
            tools.collect::<Vec<_>>().join(", ")
        )?;
    }
    Ok(())
}

fn change_row(change: &ReplayChange, now: &Zoned) -> Vec<Cell> {
    let becomes = match change.becomes {
        word if word == Effect::Allow.as_str() => SUCCESS,
        word if word == Effect::RequireApproval.as_str() => WARN,
        _ => ERROR,
    };
    vec![
        Cell::new_plain(escape_invisible(&change.tool)),
        Cell::new_plain(format!("{:>6}", change.calls)),
        Cell::new_plain(change.was),
        Cell::new_styled(change.becomes, becomes),
        Cell::new_plain(escape_invisible(&change.rule)),
        Cell::new_styled(format_local_time(change.example, now), DIM),
        Cell::new_plain(change.reason.as_deref().map(escape_invisible).unwrap_or_default()),
    ]
}
