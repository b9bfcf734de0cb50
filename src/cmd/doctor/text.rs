//! What `policylayer doctor` prints for a person: a line a step.

use std::io::{self, Write};

use anstyle::Style;

use super::super::plural;
use super::{Check, Status, Step};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN};
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
        0 => writeln!(out, "{SUCCESS}All is well{warnings}.{SUCCESS:#}"),
        failed => writeln!(out, "{ERROR}{failed} of {} failed{warnings}.{ERROR:#}", plural(all as u64, "step")),
    }
}

fn write_step(out: &mut dyn Write, step: &Step, width: usize) -> io::Result<()> {
    let (mark, style) = match step.status {
        Status::Ok => ("✔", SUCCESS),
        Status::Warning => ("!", WARN),
        Status::Failed => ("✘", ERROR),
        Status::NotTried => ("-", DIM),
    };
    let mut lines = step.detail.lines();
    let first = visible(lines.next().unwrap_or_default());
    let name = step.id.name();
    match step.status {
        Status::NotTried => writeln!(out, "  {DIM}{mark} {name:width$}  {first}{DIM:#}")?,
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
