//! What the log comes to, for a person.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;
use jiff::Zoned;

use super::super::super::plural;
use super::tally::{Tally, Tool};
use super::{Limits, NEAR};
use crate::report::limit::{WindowText, scope_word};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, local, milliseconds, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::visible;

const TITLE: Style = Style::new().bold();

/// How many characters the longest bar has.
const BAR: u64 = 24;

/// How many rules, sessions and clients are shown.
const SHOWN: usize = 10;

/// Writes a table for each question.
pub(super) fn write(out: &mut dyn Write, tally: &Tally, limits: &Limits, now: &Zoned) -> io::Result<()> {
    let (Some(first), Some(last)) = (tally.first, tally.last) else {
        return writeln!(out, "No line of the log matches.");
    };
    writeln!(
        out,
        "{} in {}, from {} to {}.",
        plural(tally.decisions, "decision"),
        plural(tally.sessions.len() as u64, "session"),
        local(first, now),
        local(last, now)
    )?;
    if tally.others > 0 {
        writeln!(out, "{} of them were on something else than a tool's call.", tally.others)?;
    }
    if tally.lost > 0 {
        writeln!(out, "{WARN}{} more could not be written, as the log says itself.{WARN:#}", tally.lost)?;
    }
    if tally.killed > 0 {
        writeln!(out, "{WARN}{} killed; its last records may be missing.{WARN:#}", plural(tally.killed, "session"))?;
    }
    if tally.not_told_apart > 0 {
        writeln!(out, "{WARN}{} are only in the sums: there are too many names.{WARN:#}", tally.not_told_apart)?;
    }
    let shows_server = tally.sessions.values().any(|session| Some(&session.server) != one_server(tally).as_ref());
    let named = |server: &str, name: &str| {
        if shows_server { format!("{}: {}", visible(server), visible(name)) } else { visible(name) }
    };
    calls(out, tally, &named)?;
    refusals(out, tally, now, &named)?;
    ceilings(out, limits, now, &named)?;
    sessions_and_clients(out, tally, now)
}

fn one_server(tally: &Tally) -> Option<String> {
    tally.sessions.values().next().map(|session| session.server.clone())
}

fn title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{TITLE}{text}{TITLE:#}")
}

fn calls(out: &mut dyn Write, tally: &Tally, named: &dyn Fn(&str, &str) -> String) -> io::Result<()> {
    if tally.tools.is_empty() {
        return Ok(());
    }
    title(out, "Calls (█ passed on, ░ refused)")?;
    let mut tools: Vec<_> = tally.tools.iter().collect();
    tools.sort_by_key(|(_, tool)| std::cmp::Reverse(tool.calls));
    let most = tools.first().map_or(1, |(_, tool)| tool.calls);
    let count = |count: u64, width: usize, style: Style| match count {
        0 => Cell::styled(format!("{:>width$}", "-"), DIM),
        count => Cell::styled(format!("{count:>width$}"), style),
    };
    let ms = |ms: Option<f64>| Cell::plain(format!("{:>7}", ms.map_or_else(|| "-".to_owned(), milliseconds)));
    let rows: Vec<_> = tools
        .into_iter()
        .map(|((server, name), tool)| {
            vec![
                Cell::plain(named(server, name)),
                tool.class.as_ref().map_or_else(|| Cell::styled("-", DIM), |class| Cell::plain(visible(class))),
                count(tool.calls, 6, Style::new()),
                count(tool.allow, 6, SUCCESS),
                count(tool.deny, 6, ERROR),
                count(tool.hide, 6, ERROR),
                count(tool.require_approval, 6, WARN),
                count(tool.observed, 8, WARN),
                count(tool.failed, 6, WARN),
                ms(tool.latency.percentile(50)),
                ms(tool.latency.percentile(99)),
                Cell::plain(bar(tool, most)),
            ]
        })
        .collect();
    let header = [
        "TOOL", "CLASS", " CALLS", " ALLOW", "  DENY", "  HIDE", "   ASK", "OBSERVED", "FAILED", " P50 MS", " P99 MS",
        "",
    ];
    Table::new(&header, terminal_width()).write(out, &rows)
}

fn bar(tool: &Tool, most: u64) -> String {
    let length = |count: u64| (count * BAR).div_ceil(most.max(1));
    let all = length(tool.calls).max(1);
    let refused = length(tool.refused).min(all);
    let times = |text: &str, count: u64| text.repeat(usize::try_from(count).unwrap_or_default());
    times("█", all - refused) + &times("░", refused)
}

fn refusals(out: &mut dyn Write, tally: &Tally, now: &Zoned, named: &dyn Fn(&str, &str) -> String) -> io::Result<()> {
    if tally.refusals.is_empty() {
        return Ok(());
    }
    let mut refusals: Vec<_> = tally.refusals.iter().collect();
    refusals.sort_by_key(|(_, refusals)| std::cmp::Reverse(refusals.count));
    title(out, &top("Refused, or would have been", refusals.len()))?;
    let rows: Vec<_> = refusals
        .into_iter()
        .take(SHOWN)
        .map(|((server, rule), refusals)| {
            vec![
                Cell::plain(named(server, rule)),
                Cell::plain(visible(&refusals.effect)),
                Cell::plain(format!("{:>6}", refusals.count)),
                Cell::styled(local(refusals.last, now), DIM),
                Cell::plain(refusals.reason.as_deref().map(visible).unwrap_or_default()),
            ]
        })
        .collect();
    Table::new(&["RULE", "EFFECT", " COUNT", "LAST", "REASON"], terminal_width()).write(out, &rows)
}

fn ceilings(out: &mut dyn Write, limits: &Limits, now: &Zoned, named: &dyn Fn(&str, &str) -> String) -> io::Result<()> {
    let mut near: Vec<_> = limits
        .servers
        .iter()
        .flat_map(|(server, (_, ceilings))| ceilings.peaks().map(move |peak| (server, peak)))
        .filter(|(_, peak)| peak.share() >= NEAR)
        .collect();
    if near.is_empty() {
        return Ok(());
    }
    near.sort_by(|(_, one), (_, other)| other.share().total_cmp(&one.share()));
    title(out, "Limits near their ceiling")?;
    let rows: Vec<_> = near
        .into_iter()
        .map(|(server, peak)| {
            vec![
                Cell::plain(named(server, &peak.limit.rule)),
                Cell::styled(
                    format!("{:>3.0} %", peak.share() * 100.0),
                    if peak.share() >= 1.0 { ERROR } else { WARN },
                ),
                Cell::plain(format!("{} of {}", peak.used, peak.limit.max)),
                Cell::plain(WindowText(peak.limit.window).to_string()),
                Cell::plain(scope_word(peak.limit.scope)),
                Cell::styled(local(peak.at, now), DIM),
                Cell::plain(visible(&peak.tool)),
            ]
        })
        .collect();
    let header = ["LIMIT", "PEAK", "USED", "WINDOW", "COUNTED FOR", "WHEN", "TOOL"];
    Table::new(&header, terminal_width()).write(out, &rows)
}

fn sessions_and_clients(out: &mut dyn Write, tally: &Tally, now: &Zoned) -> io::Result<()> {
    let mut clients: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for session in tally.sessions.values() {
        let (sessions, decisions) = clients.entry(client(session.client.as_ref())).or_default();
        *sessions += 1;
        *decisions += session.decisions;
    }
    let mut clients: Vec<_> = clients.into_iter().collect();
    clients.sort_by_key(|(_, (_, decisions))| std::cmp::Reverse(*decisions));
    title(out, &top("Clients, as they call themselves", clients.len()))?;
    let number = |number: u64| Cell::plain(format!("{number:>9}"));
    let rows: Vec<_> = clients
        .into_iter()
        .take(SHOWN)
        .map(|(client, (sessions, decisions))| vec![Cell::plain(client), number(sessions), number(decisions)])
        .collect();
    Table::new(&["CLIENT", " SESSIONS", "DECISIONS"], terminal_width()).write(out, &rows)?;

    let mut sessions: Vec<_> = tally.sessions.iter().collect();
    sessions.sort_by_key(|(_, session)| std::cmp::Reverse(session.last));
    title(out, &top("Sessions, the latest first", sessions.len()))?;
    let rows: Vec<_> = sessions
        .into_iter()
        .take(SHOWN)
        .map(|(id, session)| {
            vec![
                Cell::plain(visible(id)),
                Cell::plain(visible(&session.server)),
                Cell::plain(client(session.client.as_ref())),
                Cell::styled(local(session.first, now), DIM),
                Cell::styled(local(session.last, now), DIM),
                number(session.decisions),
            ]
        })
        .collect();
    let header = ["SESSION", "SERVER", "CLIENT", "FROM", "TO", "DECISIONS"];
    Table::new(&header, terminal_width()).write(out, &rows)
}

fn client(client: Option<&(String, String)>) -> String {
    client.map_or_else(|| "(unknown)".to_owned(), |(name, version)| visible(format!("{name} {version}").trim()))
}

fn top(what: &str, count: usize) -> String {
    if count > SHOWN { format!("{what} ({SHOWN} of {count})") } else { what.to_owned() }
}
