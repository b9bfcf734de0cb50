//! An approval as text.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::outcome::summarize_answer;
use super::pretty;
use crate::state::approvals::{ApprovalEntry, ApprovalState};
use crate::term::style::{DIM, format_duration};
use crate::visible::escape_invisible;

const BOLD: Style = Style::new().bold();

/// The width of the labels, in columns.
pub(crate) const LABEL: usize = "Why you are asked".len();

/// Returns what there is to read about a question with its labels: all but what the call sends. The words are those of
/// the client's dialogue.
pub(crate) fn list_facts(entry: &ApprovalEntry, now: Duration) -> Vec<(&'static str, String)> {
    let mut facts = entry.view().rows();
    facts.push(("Asked", format!("{} ago", format_duration(now.saturating_sub(entry.asked)))));
    match entry.state {
        ApprovalState::Waiting => facts.push(("Left", format_duration(entry.time_left(now)))),
        ApprovalState::Late => {
            facts.push(("Left", format!("{}, for one repetition of the call", format_duration(entry.time_left(now)))));
        }
        ApprovalState::Expired => {
            let successor = entry.successor.iter().map(|id| ("Made again", format!("{id} has taken its place")));
            facts.extend(successor);
        }
        ApprovalState::Approved | ApprovalState::Denied | ApprovalState::Settled => {
            let (answer, outcome) = summarize_answer(entry);
            let ago = |then| format!(", {} ago", format_duration(now.saturating_sub(then)));
            let channel = entry.channel.as_deref().unwrap_or("unknown");
            let when = entry.answered.map_or_else(String::new, ago);
            facts.push(("Answer", format!("{answer} ({channel} channel{when}): {outcome}")));
        }
    }
    facts
}

/// Returns the lines of all that the call sends, each part with its label.
pub(crate) fn content_lines(entry: &ApprovalEntry) -> Vec<String> {
    let Some(arguments) = &entry.arguments else {
        return vec!["Arguments".to_owned(), "(no longer kept, because the call is settled)".to_owned()];
    };
    let mut lines: Vec<String> = Vec::new();
    lines.push("Arguments".to_owned());
    lines.extend(pretty::pretty_lines(arguments));
    if entry.is_cut() {
        lines.push(format!(
            "({} of {} bytes are NOT shown: an earlier policylayer left them out. The call cannot be approved.)",
            entry.left_out,
            entry.left_out + arguments.len() as u64
        ));
    }
    if let Some(beside) = &entry.beside {
        lines.push("Also sent".to_owned());
        lines.extend(pretty::pretty_lines(beside));
    }
    lines
}

pub(crate) fn write_card(out: &mut dyn Write, entry: &ApprovalEntry, now: Duration) -> io::Result<()> {
    let state = match entry.state {
        ApprovalState::Waiting => "waits for your approval",
        ApprovalState::Late => "timed out, and can still be approved for one repetition",
        ApprovalState::Approved => "was approved",
        ApprovalState::Denied => "was refused",
        ApprovalState::Expired => "has expired",
        ApprovalState::Settled => "was answered in the client",
    };
    let id = &entry.id;
    writeln!(out, "{BOLD}{id}{BOLD:#}  {BOLD}{}{BOLD:#} {state}\n", escape_invisible(&entry.tool))?;
    for (name, text) in list_facts(entry, now) {
        writeln!(out, "  {DIM}{name:<LABEL$}{DIM:#} {text}")?;
    }
    let rest = [
        ("Note to the agent", entry.note.as_deref().map(escape_invisible)),
        ("Session", Some(escape_invisible(&entry.session))),
        (
            "SHA-256",
            Some(format!(
                "{} (the line that {} held)",
                escape_invisible(&entry.line),
                if entry.state.is_open() { "is" } else { "was" }
            )),
        ),
    ];
    for (name, text) in rest.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        writeln!(out, "  {DIM}{name:<LABEL$}{DIM:#} {text}")?;
    }
    writeln!(out)?;
    for line in content_lines(entry) {
        writeln!(out, "  {line}")?;
    }
    if entry.state.is_open() {
        writeln!(
            out,
            "\n`policylayer approvals approve {id}` lets it through (--session: and others like it), \
             `deny {id} --reason TEXT` refuses it."
        )?;
    }
    Ok(())
}
