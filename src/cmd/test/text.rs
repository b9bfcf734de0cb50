//! For a person: each failure as a table of what was expected and what there is, and a line of summary.

use anstyle::{AnsiColor, Style};

use super::outcome::{Failure, Matches, Outcome, Tested, Totals};
use crate::term::table::{self, Cell};

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Colours are taken out again by a writer that is no terminal.
pub(super) fn write(tested: &[Tested]) -> anyhow::Result<String> {
    let mut out = String::new();
    for one in tested {
        if let Err(broken) = &one.result {
            out.push_str(&format!("{BAD}✘{BAD:#} {}: {}\n\n", one.file, broken.message.trim_end()));
        }
        for Outcome { case, failure } in one.outcomes() {
            let Some(failure) = failure else { continue };
            out.push_str(&format!("{BAD}✘{BAD:#} {} ({}:{})\n  {}\n", case.name, one.file, case.line, failure.call()));
            out.push_str(&compared(failure)?);
            out.push('\n');
        }
    }
    let Totals { passed, failed, broken } = Totals::of(tested);
    let style = if failed + broken == 0 { GOOD } else { BAD };
    out.push_str(&format!("{style}{passed} passed, {failed} failed"));
    match broken {
        0 => {}
        1 => out.push_str(", 1 file not run"),
        more => out.push_str(&format!(", {more} files not run")),
    }
    out.push_str(&format!("{style:#}\n"));
    Ok(out)
}

fn compared(failure: &Failure) -> anyhow::Result<String> {
    let rows: Vec<_> = failure
        .shown()
        .map(|part| {
            let (mark, style) = match part.matches {
                Matches::Yes => (" ", Style::new()),
                Matches::No => ("✘", BAD),
            };
            vec![
                Cell::styled(mark, style),
                Cell::plain(part.what),
                Cell::plain(part.expectation()),
                Cell::styled(part.finding(), style),
            ]
        })
        .collect();
    let mut written = Vec::new();
    table::write(&mut written, &["", "", "EXPECTED", "GOT"], &rows)?;
    Ok(String::from_utf8(written)?)
}
