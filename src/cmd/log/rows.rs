//! Lines of the log, verbatim or as rows for a terminal.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use jiff::Zoned;

use super::super::count_of;
use crate::cli::LogFormat;
use crate::limits::ALIGNED_ROWS;
use crate::record::{self, About, Event, LogLine, Outcome, Record, Subject};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, format_local_time, format_milliseconds, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::escape_invisible;
use crate::wire::method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Every decision is about the same server, which is not shown.
    OfOneServer,
    WithServer,
}

/// Prints lines of the log on stdout, verbatim or as rows of a table, and counts them.
pub(super) struct LinePrinter {
    out: BufWriter<AutoStream<StdoutLock<'static>>>,
    rows: Option<LogRows>,
    pub(super) count: u64,
}

/// Rows of a table, aligned within each batch.
struct LogRows {
    now: Zoned,
    columns: Columns,
    table: Table,
    waiting: Vec<Vec<Cell>>,
}

impl LinePrinter {
    /// Creates a printer for a person whose clock shows `now`.
    pub(super) fn new(format: LogFormat, columns: Columns, now: &Zoned) -> Self {
        let mut header = vec!["TIME", "TOOL", "CLASS", "EFFECT", "OUTCOME", "     MS", "RULE"];
        if columns == Columns::WithServer {
            header.insert(1, "SERVER");
        }
        let (choice, rows) = match format {
            // The bytes pass unchanged.
            LogFormat::Json => (ColorChoice::AlwaysAnsi, None),
            LogFormat::Table => {
                let table = Table::new(&header, terminal_width());
                let rows = LogRows { now: now.clone(), columns, table, waiting: Vec::new() };
                (AutoStream::choice(&io::stdout()), Some(rows))
            }
        };
        Self { out: BufWriter::new(AutoStream::new(io::stdout(), choice).lock()), rows, count: 0 }
    }

    pub(super) fn print_line(&mut self, text: &str) -> io::Result<()> {
        self.count += 1;
        let Some(rows) = &mut self.rows else { return writeln!(self.out, "{text}") };
        if let Ok(line) = record::read_line(text) {
            rows.waiting.push(line_cells(&line, rows.columns, &rows.now));
        }
        if rows.waiting.len() >= ALIGNED_ROWS { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some(rows) = &mut self.rows
            && !rows.waiting.is_empty()
        {
            rows.table.write_rows(&mut self.out, &rows.waiting)?;
            rows.waiting.clear();
        }
        self.out.flush()
    }
}

fn line_cells(line: &LogLine<'_>, columns: Columns, now: &Zoned) -> Vec<Cell> {
    let time = format_local_time(line.time, now);
    match &line.about {
        About::Event(event) => vec![Cell::new_styled(format!("{time}  {}", event_text(event, &line.server)), WARN)],
        About::Decision(record) => {
            let mut row = vec![Cell::new_styled(time, DIM)];
            if columns == Columns::WithServer {
                row.push(Cell::new_plain(escape_invisible(&line.server)));
            }
            row.extend(decision_cells(record));
            row
        }
    }
}

fn event_text(event: &Event, server: &str) -> String {
    let server = escape_invisible(server);
    match event {
        Event::Gap { lost, why } => {
            format!("! {lost} decisions of {server} are missing from here on: {}", escape_invisible(why))
        }
        Event::Killed { unanswered: 0 } => {
            format!("! the session of {server} was killed; its last records may be missing")
        }
        Event::Killed { unanswered } => format!(
            "! the session of {server} was killed; {} unanswered, and its last records may be missing",
            count_of(*unanswered, "call")
        ),
        Event::Resumed { .. } => format!("! the line of {server} before was cut off by a crash"),
    }
}

fn decision_cells(record: &Record<'_>) -> [Cell; 6] {
    let tool = match (record.subject(), record.method.as_deref()) {
        (Some(Subject::Tool(tool)), Some(method::TOOLS_CALL) | None) => Cell::new_plain(escape_invisible(tool)),
        (Some(subject), method) => {
            let method = method.unwrap_or(subject.kind());
            Cell::new_plain(format!("{} {}", escape_invisible(method), escape_invisible(subject.name())))
        }
        (None, Some(method)) => Cell::new_styled(escape_invisible(method), DIM),
        (None, None) => Cell::new_styled(format!("(a line from the {})", escape_invisible(&record.direction)), DIM),
    };
    let class = record
        .class
        .as_deref()
        .map_or_else(|| Cell::new_styled("-", DIM), |class| Cell::new_plain(escape_invisible(class)));
    let outcome = match record.outcome {
        Outcome::Ok => Style::new(),
        Outcome::Refused => DIM,
        Outcome::ToolError | Outcome::Error | Outcome::Cancelled => WARN,
        Outcome::ServerDied | Outcome::Unknown => ERROR,
    };
    let took = record.duration_ms.map_or_else(|| "-".to_owned(), format_milliseconds);
    let rule = escape_invisible(&record.rule);
    let why = match (&record.reason, &*record.effect) {
        (Some(reason), _) => Cell::new_plain(format!("{rule}: {}", escape_invisible(reason))),
        (None, "allow") => Cell::new_styled(rule, DIM),
        (None, _) => Cell::new_plain(rule),
    };
    let outcome = Cell::new_styled(record.outcome.as_str(), outcome);
    [tool, class, effect_cell(&record.effect, record.observed), outcome, Cell::new_plain(format!("{took:>7}")), why]
}

/// Returns the effect; for a decision that was only observed, what would have happened.
fn effect_cell(effect: &str, observed: bool) -> Cell {
    match (effect, observed) {
        ("allow", _) => Cell::new_styled("● allow", SUCCESS),
        ("require_approval", true) => Cell::new_styled("○ would ask", WARN),
        (effect, true) => Cell::new_styled(format!("○ would {}", escape_invisible(effect)), WARN),
        ("require_approval", false) => Cell::new_styled("◐ require_approval", WARN),
        (effect, false) => Cell::new_styled(format!("✘ {}", escape_invisible(effect)), ERROR),
    }
}
