//! A server held against its lock, as text.

use std::io::{self, Write};

use crate::lock::{Change, Subject};
use crate::policy::LockMode;
use crate::report::lock::{LockReport, LockTotals, subject_name};
use crate::term::diff;
use crate::term::style::{DIM, SUCCESS, WARN, risk_style};
use crate::visible::{count_of, escape_invisible};

/// Writes what was done, or what was found.
pub(crate) fn write_result(out: &mut dyn Write, report: &LockReport, selector: &str) -> io::Result<()> {
    let LockReport { server, file, .. } = report;
    let (totals, changes) = (describe_totals(&report.totals), &report.changes);
    match (report.written, report.same) {
        (true, _) => {
            write_changes(out, report)?;
            match changes.len() as u64 {
                0 => {
                    writeln!(out, "{SUCCESS}Locked {server}{SUCCESS:#}: {totals}.")?;
                    writeln!(out, "  {}", describe_mode(report.mode))?;
                }
                count => writeln!(out, "{SUCCESS}Accepted {}{SUCCESS:#} of {server}.", count_of(count, "change"))?,
            }
        }
        (false, true) => writeln!(out, "{SUCCESS}{server} is as its lock says{SUCCESS:#}: {totals}.")?,
        (false, false) if changes.is_empty() => writeln!(out, "Nothing of that differs from the lock of {server}.")?,
        (false, false) => write_changes(out, report)?,
    }
    if let Some(held) = &report.held {
        writeln!(out, "  {held}")?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "  {WARN}note:{WARN:#} {note}"))?;
    writeln!(out, "  {DIM}{file}{DIM:#}")?;
    match report.remaining as u64 {
        _ if !report.written && !report.same && !changes.is_empty() => {
            writeln!(out, "`policylayer lock diff {selector}` prints the text of what changed.")
        }
        0 => Ok(()),
        count => {
            let are = if count == 1 { "is" } else { "are" };
            let others = count_of(count, "other change");
            writeln!(out, "{others} {are} not accepted: `policylayer lock diff {selector}` prints what differs.")
        }
    }
}

/// What sessions make of the lock under the policy.
fn describe_mode(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Hide | LockMode::Required => {
            "A session shows an agent what is in the lock, and hides what is new or differs until it is accepted."
        }
        LockMode::Ask => "A session asks a person about each use of what is new or differs, until it is accepted.",
        LockMode::Warn => {
            "Its policy says `lock = \"warn\"`: a session passes what is new or differs on, and says so on stderr and in the log."
        }
        LockMode::Off => "Its policy says `lock = \"off\"`: no session reads the lock.",
    }
}

/// `46 tools, 2 prompts and instructions`
fn describe_totals(totals: &LockTotals) -> String {
    let counted =
        [(totals.tools, "tool"), (totals.prompts, "prompt"), (totals.templates, "template"), (totals.apps, "app")];
    let counted = counted.into_iter().filter(|(count, what)| *count > 0 || *what == "tool");
    let mut parts: Vec<_> = counted.map(|(count, what)| count_of(count as u64, what)).collect();
    if totals.instructions {
        parts.push("instructions".to_owned());
    }
    parts.join(", ")
}

/// Writes what changed, in terms of risk.
pub(crate) fn write_changes(out: &mut dyn Write, report: &LockReport) -> io::Result<()> {
    let LockReport { server, changes, .. } = report;
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "{server}: {} since its lock", count_of(changes.len() as u64, "change"))?;
    let subjects: Vec<_> = changes.iter().map(|change| describe_subject(&change.subject)).collect();
    let width = subjects.iter().map(|subject| subject.chars().count()).max().unwrap_or_default().min(WIDEST);
    for (Change { risk, sentence, .. }, subject) in changes.iter().zip(&subjects) {
        let style = risk_style(risk.as_str());
        writeln!(out, "  {style}{:8}{style:#}  {subject:width$}  {}", risk.as_str(), escape_invisible(sentence))?;
    }
    Ok(())
}

/// How wide the column of names may be.
const WIDEST: usize = 32;

fn describe_subject(subject: &Subject) -> String {
    let name = escape_invisible(subject_name(subject));
    match subject {
        Subject::Item(kind, _) if kind.as_str() != "tool" => format!("{kind} {name}"),
        _ => name,
    }
}

/// Writes how the text of the lock would change.
pub(crate) fn write_diff(out: &mut dyn Write, report: &LockReport, old: &str, new: &str) -> io::Result<()> {
    if report.same {
        return writeln!(out, "{SUCCESS}{} is as its lock says.{SUCCESS:#}", report.server);
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "  {WARN}note:{WARN:#} {note}"))?;
    writeln!(out, "--- {}\n+++ {} lists now", report.file, report.server)?;
    diff::write_hunks(out, old, new)
}
