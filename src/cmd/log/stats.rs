//! `policylayer log stats`: totals of the log.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;
use jiff::Zoned;

use super::super::output::{print, print_report};
use super::super::{Env, count_of};
use crate::cli::{Format, StatsArgs};
use crate::exit::Exit;
use crate::report::limit::WindowText;
use crate::report::stats::{ClientClaim, ResultTotals, StatsReport, ToolStats};
use crate::term::message;
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, format_local_time, format_milliseconds};
use crate::term::table::{self, Cell};

const TITLE: Style = Style::new().bold();

/// The length of the longest bar, in characters.
const BAR: u64 = 24;

/// How many rules, sessions and clients are shown.
const SHOWN: usize = 10;

pub(super) fn run(args: &StatsArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let (mut records, filter) = super::open_records(args.key.as_ref(), &args.filters, &now, env)?;
    if let (Some(missing), Format::Text) = (records.find_missing()?, args.format) {
        print(|out| writeln!(out, "{missing}"))?;
        return Ok(Exit::Ok);
    }
    let report = StatsReport::collect(&mut records, &filter, env)?;
    report.warnings.iter().for_each(|warning| message::print_warning(warning));
    print_report(&report, args.format, |out, report| write_stats(out, report, &now))?;
    Ok(Exit::Ok)
}

fn write_stats(out: &mut dyn Write, report: &StatsReport, now: &Zoned) -> io::Result<()> {
    let (Some(first), Some(last)) = (report.first, report.last) else {
        return writeln!(out, "No line of the log matches.");
    };
    writeln!(
        out,
        "{} in {}, from {} to {}.",
        count_of(report.decisions, "decision"),
        count_of(report.sessions.len() as u64, "session"),
        format_local_time(first, now),
        format_local_time(last, now)
    )?;
    if report.other_decisions > 0 {
        writeln!(out, "{} of them were not about tool calls.", report.other_decisions)?;
    }
    if report.lost > 0 {
        writeln!(out, "{WARN}{} more could not be written, as the log itself says.{WARN:#}", report.lost)?;
    }
    if report.killed > 0 {
        writeln!(out, "{WARN}{} killed; its last records may be missing.{WARN:#}", count_of(report.killed, "session"))?;
    }
    let ResultTotals { withheld, cut, stripped, stand_ins, put_back } = report.results;
    if withheld + cut + stripped > 0 {
        let (withheld, cut) = (count_of(withheld, "result"), count_of(cut, "text"));
        let stripped = count_of(stripped, "character");
        writeln!(out, "Of what the server answered: {withheld} withheld, {cut} cut, {stripped} stripped.")?;
    }
    if stand_ins + put_back > 0 {
        let stand_ins = count_of(stand_ins, "value");
        writeln!(
            out,
            "Of what the server answered, the client got stand-ins for {stand_ins}; in calls, {put_back} were put back."
        )?;
    }
    if report.not_told_apart > 0 {
        writeln!(
            out,
            "{WARN}{} are only in the totals, because there are too many names.{WARN:#}",
            report.not_told_apart
        )?;
    }
    write_calls(out, report)?;
    write_refusals(out, report, now)?;
    write_limits(out, report, now)?;
    write_clients(out, report)?;
    write_sessions(out, report, now)
}

/// Returns a name, with its server if there are several.
fn name_cell(report: &StatsReport, server: &str, name: &str) -> Cell {
    if report.servers > 1 { Cell::new(format_args!("{server}: {name}")) } else { Cell::new(name) }
}

fn write_table(out: &mut dyn Write, title: &str, header: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
    writeln!(out, "\n{TITLE}{title}{TITLE:#}")?;
    table::write_table(out, header, rows)
}

fn write_calls(out: &mut dyn Write, report: &StatsReport) -> io::Result<()> {
    let mut tools: Vec<_> = report.tools.iter().collect();
    tools.sort_by_key(|tool| Reverse(tool.counts.calls));
    let Some(most) = tools.first().map(|tool| tool.counts.calls) else { return Ok(()) };
    let count = |count: u64, width: usize, style: Style| match count {
        0 => Cell::styled(format!("{:>width$}", "-"), DIM),
        count => Cell::styled(format!("{count:>width$}"), style),
    };
    let ms = |ms: Option<f64>| Cell::new(format!("{:>7}", ms.map_or_else(|| "-".to_owned(), format_milliseconds)));
    let row = |tool: &ToolStats| {
        vec![
            name_cell(report, &tool.server, &tool.tool),
            tool.class.as_ref().map_or_else(|| Cell::styled("-", DIM), Cell::new),
            count(tool.counts.calls, 6, Style::new()),
            count(tool.counts.allow, 6, SUCCESS),
            count(tool.counts.deny, 6, ERROR),
            count(tool.counts.hide, 6, ERROR),
            count(tool.counts.require_approval, 6, WARN),
            count(tool.counts.observed, 8, WARN),
            count(tool.counts.failed, 6, WARN),
            ms(tool.counts.latency.percentile(50)),
            ms(tool.counts.latency.percentile(99)),
            Cell::new(draw_bar(tool, most)),
        ]
    };
    let header = [
        "TOOL", "CLASS", " CALLS", " ALLOW", "  DENY", "  HIDE", "   ASK", "OBSERVED", "FAILED", " P50 MS", " P99 MS",
        "",
    ];
    let rows: Vec<_> = tools.into_iter().map(row).collect();
    write_table(out, "Calls (█ passed on, ░ refused)", &header, &rows)
}

fn draw_bar(tool: &ToolStats, most: u64) -> String {
    let length = |count: u64| (count * BAR).div_ceil(most.max(1));
    let all = length(tool.counts.calls).max(1);
    let refused = length(tool.counts.refused).min(all);
    let times = |text: &str, count: u64| text.repeat(usize::try_from(count).unwrap_or_default());
    times("█", all - refused) + &times("░", refused)
}

fn write_refusals(out: &mut dyn Write, report: &StatsReport, now: &Zoned) -> io::Result<()> {
    if report.refusals.is_empty() {
        return Ok(());
    }
    let rows = report.refusals.iter().take(SHOWN).map(|refusals| {
        vec![
            name_cell(report, &refusals.server, &refusals.rule),
            Cell::new(&refusals.effect),
            Cell::new(format!("{:>6}", refusals.count)),
            Cell::styled(format_local_time(refusals.last, now), DIM),
            Cell::new(refusals.reason.as_deref().unwrap_or_default()),
        ]
    });
    let title = title_of_top("Refused or asked about, or would have been", report.refusals.len());
    write_table(out, &title, &["RULE", "EFFECT", " COUNT", "LAST", "REASON"], &rows.collect::<Vec<_>>())
}

fn write_limits(out: &mut dyn Write, report: &StatsReport, now: &Zoned) -> io::Result<()> {
    let mut near: Vec<_> = report.limits.iter().filter(|peak| peak.near).collect();
    if near.is_empty() {
        return Ok(());
    }
    near.sort_by(|one, other| other.share.total_cmp(&one.share));
    let rows = near.into_iter().map(|peak| {
        let style = if peak.share >= 1.0 { ERROR } else { WARN };
        vec![
            name_cell(report, &peak.server, &peak.rule),
            Cell::styled(format!("{:>3.0} %", peak.share * 100.0), style),
            Cell::new(format!("{} of {}", peak.used, peak.max)),
            Cell::new(WindowText(peak.window).to_string()),
            Cell::new(peak.scope),
            Cell::styled(format_local_time(peak.at, now), DIM),
            Cell::new(format_args!("{}{}", peak.subject.as_deref().label(), peak.subject.as_deref().name())),
        ]
    });
    let header = ["LIMIT", "PEAK", "USED", "WINDOW", "COUNTED FOR", "WHEN", "CALL"];
    write_table(out, "Limits near their ceiling", &header, &rows.collect::<Vec<_>>())
}

fn write_clients(out: &mut dyn Write, report: &StatsReport) -> io::Result<()> {
    let mut clients: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for session in &report.sessions {
        let (sessions, decisions) = clients.entry(client_name(session.client.as_ref())).or_default();
        *sessions += 1;
        *decisions += session.decisions;
    }
    let mut clients: Vec<_> = clients.into_iter().collect();
    clients.sort_by_key(|(_, (_, decisions))| Reverse(*decisions));
    let title = title_of_top("Clients, as they call themselves", clients.len());
    let rows = clients.into_iter().take(SHOWN);
    let rows = rows
        .map(|(client, (sessions, decisions))| vec![Cell::new(client), number_cell(sessions), number_cell(decisions)]);
    write_table(out, &title, &["CLIENT", " SESSIONS", "DECISIONS"], &rows.collect::<Vec<_>>())
}

fn write_sessions(out: &mut dyn Write, report: &StatsReport, now: &Zoned) -> io::Result<()> {
    let mut sessions: Vec<_> = report.sessions.iter().collect();
    sessions.sort_by_key(|session| Reverse(session.last));
    let rows = sessions.into_iter().take(SHOWN).map(|session| {
        vec![
            Cell::new(&session.session),
            Cell::new(&session.server),
            Cell::new(client_name(session.client.as_ref())),
            Cell::styled(format_local_time(session.first, now), DIM),
            Cell::styled(format_local_time(session.last, now), DIM),
            number_cell(session.decisions),
        ]
    });
    let header = ["SESSION", "SERVER", "CLIENT", "FROM", "TO", "DECISIONS"];
    let title = title_of_top("Sessions, the latest first", report.sessions.len());
    write_table(out, &title, &header, &rows.collect::<Vec<_>>())
}

fn number_cell(number: u64) -> Cell {
    Cell::new(format!("{number:>9}"))
}

fn client_name(client: Option<&ClientClaim>) -> String {
    let shown = |ClientClaim { name, version }: &ClientClaim| format!("{name} {version}").trim().to_owned();
    client.map_or_else(|| "(unknown)".to_owned(), shown)
}

fn title_of_top(what: &str, count: usize) -> String {
    if count > SHOWN { format!("{what} ({SHOWN} of {count})") } else { what.to_owned() }
}
