//! What `policylayer doctor` prints for a person: a line a step.

use std::io::{self, Write};

use anstyle::Style;

use super::super::log::look::{BAD, GOOD, ODD, QUIET};
use super::super::plural;
use super::{Check, Status, Step};
use crate::visible::visible;

pub(super) fn write(out: &mut dyn Write, checks: &[Check]) -> io::Result<()> {
    let bold = Style::new().bold();
    for check in checks {
        let server = check.server.as_deref().map(visible);
        match (&check.client, server) {
            (Some((id, name, _)), Some(server)) => writeln!(out, "{bold}{server}{bold:#} in {name} ({id})")?,
            (Some((id, name, _)), None) => writeln!(out, "{bold}{name}{bold:#} ({id})")?,
            (None, server) => writeln!(out, "{bold}{}{bold:#}", server.unwrap_or_default())?,
        }
        let width = check.steps.iter().map(|step| step.id.name().len()).max().unwrap_or_default();
        check.steps.iter().try_for_each(|step| write_step(out, step, width))?;
        writeln!(out)?;
    }
    let count = |status| checks.iter().map(|check| check.count(status)).sum::<usize>();
    let all: usize = checks.iter().map(|check| check.steps.len()).sum();
    let warnings = match count(Status::Warning) {
        0 => String::new(),
        count => format!(", with {}", plural(count as u64, "warning")),
    };
    match count(Status::Failed) {
        0 => writeln!(out, "{GOOD}All is well{warnings}.{GOOD:#}"),
        failed => writeln!(out, "{BAD}{failed} of {} failed{warnings}.{BAD:#}", plural(all as u64, "step")),
    }
}

fn write_step(out: &mut dyn Write, step: &Step, width: usize) -> io::Result<()> {
    let (mark, style) = match step.status {
        Status::Ok => ("✔", GOOD),
        Status::Warning => ("!", ODD),
        Status::Failed => ("✘", BAD),
        Status::NotTried => ("-", QUIET),
    };
    let mut lines = step.detail.lines();
    let first = visible(lines.next().unwrap_or_default());
    let name = step.id.name();
    match step.status {
        Status::NotTried => writeln!(out, "  {QUIET}{mark} {name:width$}  {first}{QUIET:#}")?,
        _ => writeln!(out, "  {style}{mark}{style:#} {name:width$}  {first}")?,
    }
    for line in lines {
        writeln!(out, "      {}", visible(line))?;
    }
    if let Some(remedy) = &step.remedy {
        let mut lines = remedy.lines();
        writeln!(out, "      what to do: {}", visible(lines.next().unwrap_or_default()))?;
        for line in lines {
            writeln!(out, "        {}", visible(line))?;
        }
    }
    Ok(())
}
