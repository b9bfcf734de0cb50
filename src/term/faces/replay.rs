//! What `policylayer replay` prints for a person: which decisions change, and which cannot be told.

use std::io::{self, Write};

use jiff::Zoned;

use crate::policy::RequestSubject;
use crate::report::recorded_calls::Uncertain;
use crate::report::replay::{ReplayChange, ReplayReport, UncertainSubject};
use crate::term::style::{DIM, WARN, effect_style, format_local_time};
use crate::term::table::{self, Cell};
use crate::visible::{count_of, escape_invisible};

pub(crate) fn write_replay(out: &mut dyn Write, report: &ReplayReport, now: &Zoned) -> io::Result<()> {
    let ReplayReport { server, file, calls, requests, same, changed, .. } = report;
    if *calls == 0 {
        return writeln!(out, "The log of {server} has no matching call.");
    }
    let total = match requests {
        0 => count_of(*calls, "call"),
        requests => format!("{} and {}", count_of(calls - requests, "call"), count_of(*requests, "other request")),
    };
    writeln!(out, "{total} of {server} under {file}: {same} decided as before, {changed} differently.")?;
    if !report.changes.is_empty() {
        writeln!(out)?;
        let rows: Vec<_> = report.changes.iter().map(|change| change_row(change, now)).collect();
        let is_tool = |change: &ReplayChange| matches!(change.subject, RequestSubject::Tool(_));
        let subject = if report.changes.iter().all(is_tool) { "TOOL" } else { "SUBJECT" };
        let header = [subject, " CALLS", "WAS", "BECOMES", "RULE", "EXAMPLE", "REASON"];
        table::write_table(out, &header, &rows)?;
    }
    write_uncertain(
        out,
        report,
        Uncertain::Arguments,
        "a rule looks at arguments or input, and the log has only their keys",
        "Set `arguments = \"full\"` under `[audit]` in config.toml, and calls from then on can be.",
    )?;
    write_uncertain(
        out,
        report,
        Uncertain::Class,
        "a rule for classes decides, the name alone does not tell the class, and the log does not say whether the server's listing gave \
         the recorded one or the policy of that time",
        "`policylayer lock` keeps what the server lists, and `replay` goes by that.",
    )?;
    write_uncertain(
        out,
        report,
        Uncertain::Listing,
        "the decision depends on what the server has listed, and the log does not say that",
        "An entry under `resources` would decide about them.",
    )?;
    write_uncertain(
        out,
        report,
        Uncertain::Session,
        "a rule looks at what the session had read and called before, and the log does not hold what it had read",
        "`policylayer decide --seen FILE` decides such a call by what you say it had.",
    )
}

fn write_uncertain(
    out: &mut dyn Write,
    report: &ReplayReport,
    lacks: Uncertain,
    why: &str,
    remedy: &str,
) -> io::Result<()> {
    let subjects = report.uncertain_subjects.iter().filter(|subject| subject.lacks == lacks);
    let calls: u64 = subjects.clone().map(|subject| subject.calls).sum();
    if calls == 0 {
        return Ok(());
    }
    let named = subjects.map(|UncertainSubject { subject, calls, .. }| format!("{} ({calls})", show_subject(subject)));
    let noun = if lacks == Uncertain::Listing { "request" } else { "call" };
    writeln!(
        out,
        "\n{WARN}{} cannot be decided again for certain{WARN:#}: {why}: {}.\nNo limit counts them here. {remedy}",
        count_of(calls, noun),
        named.collect::<Vec<_>>().join(", ")
    )
}

fn show_subject(subject: &RequestSubject<Box<str>>) -> String {
    let subject = subject.as_deref();
    format!("{}{}", subject.label(), escape_invisible(subject.name()))
}

fn change_row(change: &ReplayChange, now: &Zoned) -> Vec<Cell> {
    vec![
        Cell::new(show_subject(&change.subject)),
        Cell::new(format!("{:>6}", change.calls)),
        Cell::new(change.was),
        Cell::styled(change.becomes, effect_style(change.becomes)),
        Cell::new(&change.rule),
        Cell::styled(format_local_time(change.example, now), DIM),
        Cell::new(change.reason.as_deref().unwrap_or_default()),
    ]
}
