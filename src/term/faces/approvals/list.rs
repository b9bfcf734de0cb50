//! The list of questions as text: what waits comes first, then what was answered, and how.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::outcome::summarize_answer;
use crate::state::approvals::{ApprovalEntry, ApprovalState};
use crate::term::style::{DIM, WARN, format_duration, risk_style};
use crate::term::table::{self, Cell};
use crate::visible::{count_of, shorten};

/// How much of a call's arguments the list shows, in characters.
const SHOWN: usize = 48;

/// Whether expired questions are listed, or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Counted,
    Listed,
}

pub(crate) fn write_list(
    out: &mut dyn Write,
    all: &[ApprovalEntry],
    expired: Expired,
    now: Duration,
) -> io::Result<()> {
    let (open, over): (Vec<_>, Vec<_>) = all.iter().partition(|entry| entry.state.is_open());
    let (gone, answered): (Vec<_>, Vec<_>) = over.into_iter().partition(|entry| entry.state == ApprovalState::Expired);
    if open.is_empty() {
        writeln!(out, "Nothing waits for a person.")?;
    } else {
        let rows: Vec<_> = open.iter().map(|entry| open_row(entry, now)).collect();
        table::write_table(out, &["ID", "STATE", "ASKED", "LEFT", "SERVER", "TOOL", "RISK", "ARGUMENTS"], &rows)?;
    }
    if let Some(first) = open.first() {
        let id = &first.id;
        writeln!(
            out,
            "\n`policylayer approvals show {id}` shows a call in full, `approve {id}` lets it through, `deny {id}` refuses it."
        )?;
    }
    if open.iter().any(|entry| entry.state == ApprovalState::Late) {
        writeln!(out, "A late call is not held any more. Once approved, the agent may repeat it once.")?;
    }
    if !answered.is_empty() {
        writeln!(out, "\nAnswered in the last day:")?;
        let rows: Vec<_> = answered.iter().rev().map(|entry| answered_row(entry, now)).collect();
        table::write_table(out, &["ID", "ANSWERED", "ANSWER", "BY", "SERVER", "TOOL", "OUTCOME"], &rows)?;
    }
    match expired {
        _ if gone.is_empty() => Ok(()),
        Expired::Counted => {
            writeln!(
                out,
                "\n{} expired; `policylayer approvals --all` lists them.",
                count_of(gone.len() as u64, "question")
            )
        }
        Expired::Listed => {
            writeln!(out, "\nExpired:")?;
            let rows: Vec<_> = gone.iter().rev().map(|entry| expired_row(entry, now)).collect();
            table::write_table(out, &["ID", "ASKED", "SERVER", "TOOL", "RISK"], &rows)
        }
    }
}

fn ago(then: Duration, now: Duration) -> String {
    format!("{} ago", format_duration(now.saturating_sub(then)))
}

fn open_row(entry: &ApprovalEntry, now: Duration) -> Vec<Cell> {
    let style = if entry.state == ApprovalState::Late { WARN } else { Style::new().bold() };
    vec![
        Cell::styled(&entry.id, style),
        Cell::styled(entry.state.as_str(), style),
        Cell::new(ago(entry.asked, now)),
        Cell::new(format_duration(entry.time_left(now))),
        Cell::new(&entry.server),
        Cell::new(&entry.tool),
        Cell::styled(entry.view().risk_text(), risk_style(&entry.severity)),
        Cell::new(shorten(entry.arguments.as_deref().unwrap_or("-"), SHOWN)),
    ]
}

fn answered_row(entry: &ApprovalEntry, now: Duration) -> Vec<Cell> {
    let (answer, outcome) = summarize_answer(entry);
    vec![
        Cell::styled(&entry.id, DIM),
        Cell::new(entry.answered.map_or_else(|| "-".to_owned(), |then| ago(then, now))),
        Cell::new(answer),
        Cell::new(entry.channel.as_deref().unwrap_or("-")),
        Cell::new(&entry.server),
        Cell::new(&entry.tool),
        Cell::styled(outcome, DIM),
    ]
}

fn expired_row(entry: &ApprovalEntry, now: Duration) -> Vec<Cell> {
    vec![
        Cell::styled(&entry.id, DIM),
        Cell::new(ago(entry.asked, now)),
        Cell::new(&entry.server),
        Cell::new(&entry.tool),
        Cell::styled(entry.view().risk_text(), risk_style(&entry.severity)),
    ]
}
