//! `policylayer replay`: the recorded calls, decided again under another policy.

use std::io::{self, Write};

use jiff::Zoned;

use super::output::print_report;
use super::{Env, count_of, load_policy};
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::report::log_records::{LogRecords, choose_server};
use crate::report::replay::{ReplayChange, ReplayReport};
use crate::term::message;
use crate::term::style::{DIM, WARN, effect_style, format_local_time};
use crate::term::table::{self, Cell};
use crate::visible::escape_invisible;

/// Decides the recorded calls again and prints which decisions change. Changes are not a failure.
pub(crate) fn run(args: &ReplayArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let dir = paths::audit_dir(env)?;
    let of_policy = ServerName::from_policy_file(&args.policy);
    let server = choose_server(args.server.as_ref(), of_policy, &dir)?;
    let policy = load_policy(Some(&args.policy), &server, env)?.policy;
    let mut records = LogRecords::open_existing(&dir, Some(&server))?;
    let since = args.since.map(|since| since.resolve_at(&now));
    let report = ReplayReport::collect(&mut records, &server, &policy, since)?;
    report.warnings.iter().for_each(|warning| message::print_warning(warning));
    print_report(&report, args.format, |out, report| write_replay(out, report, &now))?;
    Ok(Exit::Ok)
}

fn write_replay(out: &mut dyn Write, report: &ReplayReport, now: &Zoned) -> io::Result<()> {
    let ReplayReport { server, file, calls, same, changed, uncertain, .. } = report;
    if *calls == 0 {
        return writeln!(out, "The log of {server} has no matching call.");
    }
    let calls = count_of(*calls, "call");
    writeln!(out, "{calls} of {server} under {file}: {same} decided as before, {changed} differently.")?;
    if !report.changes.is_empty() {
        writeln!(out)?;
        let rows: Vec<_> = report.changes.iter().map(|change| change_row(change, now)).collect();
        let header = ["TOOL", " CALLS", "WAS", "BECOMES", "RULE", "EXAMPLE", "REASON"];
        table::write_table(out, &header, &rows)?;
    }
    if *uncertain > 0 {
        let tools =
            report.uncertain_tools.iter().map(|tool| format!("{} ({})", escape_invisible(&tool.tool), tool.calls));
        writeln!(
            out,
            "\n{WARN}{} cannot be decided again for certain{WARN:#}: a rule looks at arguments or input, and the log has \
             only their keys: {}.\nNo limit counts them here. Set `arguments = \"full\"` under \
             `[audit]` in config.toml, and calls from then on can be.",
            count_of(*uncertain, "call"),
            tools.collect::<Vec<_>>().join(", ")
        )?;
    }
    Ok(())
}

fn change_row(change: &ReplayChange, now: &Zoned) -> Vec<Cell> {
    vec![
        Cell::new(&change.tool),
        Cell::new(format!("{:>6}", change.calls)),
        Cell::new(change.was),
        Cell::styled(change.becomes, effect_style(change.becomes)),
        Cell::new(&change.rule),
        Cell::styled(format_local_time(change.example, now), DIM),
        Cell::new(change.reason.as_deref().unwrap_or_default()),
    ]
}
