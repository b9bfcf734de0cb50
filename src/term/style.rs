//! Colours, the width of the terminal, and the formats of times and durations.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};

/// For what passes.
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default();
/// For what is refused.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default();
/// For what deserves a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Returns the style of an effect, by its name.
pub(crate) fn effect_style(effect: &str) -> Style {
    match effect {
        "allow" => SUCCESS,
        "require_approval" => WARN,
        _ => ERROR,
    }
}

/// Returns the style of a risk, by its name: what is high is seen as high.
pub(crate) fn risk_style(risk: &str) -> Style {
    match risk {
        "low" => DIM,
        "medium" => WARN,
        "high" => ERROR,
        _ => ERROR.bold(),
    }
}

/// Returns the width of stdout's terminal, at least 40 columns; `None` if stdout is not a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    read_width(&io::stdout())
}

/// The same for stderr.
pub(crate) fn stderr_width() -> Option<usize> {
    read_width(&io::stderr())
}

fn read_width(stream: &impl IsTerminal) -> Option<usize> {
    let (columns, _) = stream.is_terminal().then(crossterm::terminal::size)?.ok()?;
    (columns > 0).then(|| usize::from(columns).max(40))
}

/// Leaves out the year if it is this year.
pub(crate) fn format_local_time(time: Timestamp, now: &Zoned) -> String {
    let then = time.to_zoned(now.time_zone().clone());
    then.strftime(if then.year() == now.year() { "%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

pub(crate) fn format_milliseconds(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// Formats a duration in its two largest units.
pub(crate) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")]
        {
            assert_eq!(format_duration(Duration::from_secs(seconds)), text);
        }
    }
}
