//! An approval as text.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::pretty;
use crate::state::approvals::{ApprovalEntry, ApprovalState};
use crate::term::style::DIM;
use crate::visible::escape_invisible;

const BOLD: Style = Style::new().bold();

/// Formats a duration in its two largest units.
pub(super) fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// Returns the facts about an approval with their names: all but the arguments.
pub(super) fn list_facts(entry: &ApprovalEntry, now: Duration) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("server", escape_invisible(&entry.server)),
        ("tool", escape_invisible(&entry.tool)),
        ("class", escape_invisible(&entry.class)),
        ("rule", escape_invisible(&entry.rule)),
    ];
    facts.extend(entry.reason.as_ref().map(|reason| ("reason", escape_invisible(reason))));
    facts.push(("asked", format!("{} ago", duration_text(now.saturating_sub(entry.asked)))));
    facts.push(match entry.state {
        ApprovalState::Waiting => ("left", duration_text(entry.time_left(now))),
        ApprovalState::Late => {
            ("left", format!("{}, for one repetition of the call", duration_text(entry.time_left(now))))
        }
        state => ("state", state.as_str().to_owned()),
    });
    facts
}

/// Returns the lines of the arguments, with a last one if some are left out.
pub(super) fn argument_lines(entry: &ApprovalEntry) -> Vec<String> {
    let Some(arguments) = &entry.arguments else {
        return vec!["(no longer kept, because the call is settled)".to_owned()];
    };
    let mut lines = pretty::pretty_lines(arguments);
    if entry.left_out > 0 {
        lines.push(format!(
            "({} of {} bytes are NOT shown: they are too long for this. Refuse the call if you need to see them.)",
            entry.left_out,
            entry.left_out + arguments.len() as u64
        ));
    }
    lines
}

pub(super) fn write_card(out: &mut dyn Write, entry: &ApprovalEntry, now: Duration) -> io::Result<()> {
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
        writeln!(out, "  {DIM}{name:<8}{DIM:#} {text}")?;
    }
    writeln!(out, "  {DIM}session {DIM:#} {}", escape_invisible(&entry.session))?;
    writeln!(out, "  {DIM}sha256  {DIM:#} {} (the line that is held)", escape_invisible(&entry.line))?;
    if let Some(note) = &entry.note {
        writeln!(out, "  {DIM}note    {DIM:#} {}", escape_invisible(note))?;
    }
    writeln!(out, "\n  {DIM}arguments{DIM:#}")?;
    for line in argument_lines(entry) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")]
        {
            assert_eq!(duration_text(Duration::from_secs(seconds)), text);
        }
    }
}
