//! Colours, the width of the terminal, and how times and durations are shown.

use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};

/// Text about what passes.
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default();
/// Text about what is refused.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default();
/// Text about what deserves a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Text of minor importance.
pub(crate) const DIM: Style = Style::new().dimmed();

/// The width of the terminal that stdout goes to; at least 40 columns, since nobody can read less.
pub(crate) fn terminal_width() -> Option<usize> {
    let (columns, _) = io::stdout().is_terminal().then(crossterm::terminal::size)?.ok()?;
    (columns > 0).then(|| usize::from(columns).max(40))
}

/// Formats a time in the local time zone, without the year if it is this one.
pub(crate) fn format_local_time(time: Timestamp, now: &Zoned) -> String {
    let then = time.to_zoned(now.time_zone().clone());
    then.strftime(if then.year() == now.year() { "%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// Formats milliseconds with as many digits as matter.
pub(crate) fn format_milliseconds(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}
