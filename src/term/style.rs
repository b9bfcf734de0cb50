//! Colours, the width of the terminal, and how times and durations are shown.

use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};

/// What passes.
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default();
/// What is refused.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default();
/// What to look into.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// What is read last.
pub(crate) const DIM: Style = Style::new().dimmed();

/// How wide the terminal is that stdout goes to.
pub(crate) fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout))?;
    // Narrower is no help to anybody.
    size.map(|(width, _)| usize::from(width.0).max(40))
}

/// A time as the clock on the wall shows it.
pub(crate) fn local(time: Timestamp, now: &Zoned) -> String {
    let then = time.to_zoned(now.time_zone().clone());
    then.strftime(if then.year() == now.year() { "%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// A duration as a person compares it.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}
