//! Decisions as rows for a terminal.

use std::io::{self, Write};

use anstyle::Style;
use jiff::Zoned;

use super::super::plural;
use crate::limits::ALIGNED_ROWS;
use crate::record::{About, Event, Line, Outcome, Record};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, local, milliseconds, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::visible;

/// The columns of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Every decision is about the same server.
    OfOneServer,
    /// The server is a column.
    WithServer,
}

/// Writes rows. Rows that come together are aligned.
pub(super) struct LogRows<'o> {
    out: Box<dyn Write + 'o>,
    now: Zoned,
    columns: Columns,
    table: Table,
    waiting: Vec<Vec<Cell>>,
}

impl<'o> LogRows<'o> {
    /// Rows for a person whose clock says `now`.
    pub(super) fn new(out: Box<dyn Write + 'o>, now: &Zoned, columns: Columns) -> Self {
        let mut header = vec!["TIME", "TOOL", "CLASS", "EFFECT", "OUTCOME", "     MS", "RULE"];
        if columns == Columns::WithServer {
            header.insert(1, "SERVER");
        }
        Self { out, now: now.clone(), columns, table: Table::new(&header, terminal_width()), waiting: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, line: &Line<'_>) -> io::Result<()> {
        let time = local(line.time, &self.now);
        self.waiting.push(match &line.about {
            About::Event(event) => vec![Cell::styled(format!("{time}  {}", event_text(event, &line.server)), WARN)],
            About::Decision(record) => {
                let mut row = vec![Cell::styled(time, DIM)];
                if self.columns == Columns::WithServer {
                    row.push(Cell::plain(visible(&line.server)));
                }
                row.extend(cells(record));
                row
            }
        });
        if self.waiting.len() >= ALIGNED_ROWS { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.table.write(&mut self.out, &self.waiting)?;
            self.waiting.clear();
        }
        self.out.flush()
    }
}

fn event_text(event: &Event, server: &str) -> String {
    let server = visible(server);
    match event {
        Event::Gap { lost, why } => {
            format!("! {lost} decisions of {server} are missing from here on: {}", visible(why))
        }
        Event::Killed { unanswered: 0 } => {
            format!("! the session of {server} was killed; its last records may be missing")
        }
        Event::Killed { unanswered } => format!(
            "! the session of {server} was killed; {} unanswered, and its last records may be missing",
            plural(*unanswered, "call")
        ),
        Event::Resumed { .. } => format!("! the line of {server} before was cut off by a crash"),
    }
}

fn cells(record: &Record<'_>) -> [Cell; 6] {
    let tool = match (&record.tool, record.method.as_deref()) {
        (Some(tool), Some("tools/call") | None) => Cell::plain(visible(tool)),
        (Some(name), Some(method)) => Cell::plain(format!("{} {}", visible(method), visible(name))),
        (None, Some(method)) => Cell::styled(visible(method), DIM),
        (None, None) => Cell::styled(format!("(a line from the {})", visible(&record.direction)), DIM),
    };
    let class = record.class.as_deref().map_or_else(|| Cell::styled("-", DIM), |class| Cell::plain(visible(class)));
    let outcome = match record.outcome {
        Outcome::Ok => Style::new(),
        Outcome::Refused => DIM,
        Outcome::ToolError | Outcome::Error | Outcome::Cancelled => WARN,
        Outcome::ServerDied | Outcome::Unknown => ERROR,
    };
    let took = record.duration_ms.map_or_else(|| "-".to_owned(), milliseconds);
    let rule = visible(&record.rule);
    let why = match (&record.reason, &*record.effect) {
        (Some(reason), _) => Cell::plain(format!("{rule}: {}", visible(reason))),
        (None, "allow") => Cell::styled(rule, DIM),
        (None, _) => Cell::plain(rule),
    };
    let outcome = Cell::styled(record.outcome.as_str(), outcome);
    [tool, class, effect(&record.effect, record.observed), outcome, Cell::plain(format!("{took:>7}")), why]
}

/// Returns the effect; of a decision that was only observed, what would have happened.
fn effect(effect: &str, observed: bool) -> Cell {
    match (effect, observed) {
        ("allow", _) => Cell::styled("● allow", SUCCESS),
        ("require_approval", true) => Cell::styled("○ would ask", WARN),
        (effect, true) => Cell::styled(format!("○ would {}", visible(effect)), WARN),
        ("require_approval", false) => Cell::styled("◐ require_approval", WARN),
        (effect, false) => Cell::styled(format!("✘ {}", visible(effect)), ERROR),
    }
}
