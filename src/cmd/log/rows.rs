//! Lines of the log, verbatim or as rows for a terminal.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use jiff::Zoned;

use crate::cli::Format;
use crate::limits::ALIGNED_ROWS;
use crate::record::{self, About, Direction, LogLine, Outcome, Record, Subject};
use crate::term::faces::log::{approval_text, event_text, result_text};
use crate::term::style::{DIM, ERROR, SUCCESS, WARN, format_local_time, format_milliseconds, terminal_width};
use crate::term::table::{Cell, Table};
use crate::visible::escape_invisible_json;
use crate::wire::method;

/// How many digits of a policy's SHA-256 are shown.
pub(super) const SHORT_DIGEST: usize = 12;

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
    pub(super) fn new(format: Format, columns: Columns, now: &Zoned) -> Self {
        let mut header = vec!["TIME", "TOOL", "CLASS", "EFFECT", "OUTCOME", "     MS", "RULE"];
        if columns == Columns::WithServer {
            header.insert(1, "SERVER");
        }
        let (choice, rows) = match format {
            // There is nothing to strip.
            Format::Json => (ColorChoice::AlwaysAnsi, None),
            Format::Text => {
                let table = Table::new(&header, terminal_width());
                let rows = LogRows { now: now.clone(), columns, table, waiting: Vec::new() };
                (AutoStream::choice(&io::stdout()), Some(rows))
            }
        };
        Self { out: BufWriter::new(AutoStream::new(io::stdout(), choice).lock()), rows, count: 0 }
    }

    pub(super) fn print_line(&mut self, text: &str) -> io::Result<()> {
        self.count += 1;
        let Some(rows) = &mut self.rows else { return writeln!(self.out, "{}", escape_invisible_json(text)) };
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
        About::Event(event) => vec![Cell::styled(format!("{time}  ! {}", event_text(event, &line.server)), WARN)],
        About::Reload(policy) => {
            let start: String = policy.to_string().chars().take(SHORT_DIGEST).collect();
            vec![Cell::styled(format!("{time}  a new policy is in force for {}: {start}", line.server), DIM)]
        }
        About::Decision(record) | About::LateAnswer(record) => {
            let mut row = vec![Cell::styled(time, DIM)];
            if columns == Columns::WithServer {
                row.push(Cell::new(&line.server));
            }
            row.extend(decision_cells(record));
            row
        }
    }
}

fn decision_cells(record: &Record<'_>) -> [Cell; 6] {
    let tool = match (record.subject(), record.method.as_deref()) {
        (Some(Subject::Tool(tool)), Some(method::TOOLS_CALL) | None) => Cell::new(tool),
        (Some(subject), method) => Cell::new(format_args!("{} {}", method.unwrap_or(subject.kind()), subject.name())),
        (None, Some(method)) => Cell::styled(method, DIM),
        (None, None) => Cell::styled(format_args!("(a line from the {})", record.direction), DIM),
    };
    let class = record.class.as_deref().map_or_else(|| Cell::styled("-", DIM), Cell::new);
    let outcome = match record.outcome {
        Outcome::Ok => Style::new(),
        Outcome::Refused => DIM,
        Outcome::ToolError | Outcome::Error | Outcome::Cancelled => WARN,
        Outcome::ServerDied | Outcome::Unknown => ERROR,
    };
    let took = record.duration_ms.map_or_else(|| "-".to_owned(), format_milliseconds);
    let rule = &record.rule;
    let approval =
        record.approval.as_ref().map_or_else(String::new, |approval| format!(" ({})", approval_text(approval)));
    // A preview is a call of ours, and no agent has made it; a late answer is about a call of an agent.
    let is_ours = record.direction == Direction::Wrapper.as_str() && record.approval.is_none();
    let by = if is_ours { " (made by policylayer)" } else { "" };
    let approval = format!(
        "{approval}{by}{}",
        record.result.as_ref().map_or_else(String::new, |result| format!(" ({})", result_text(result)))
    );
    let why = match (&record.reason, &*record.effect) {
        (Some(reason), _) => Cell::new(format_args!("{rule}{approval}: {reason}")),
        (None, "allow") => Cell::styled(format_args!("{rule}{approval}"), DIM),
        (None, _) => Cell::new(format_args!("{rule}{approval}")),
    };
    let outcome = Cell::styled(record.outcome.as_str(), outcome);
    [tool, class, effect_cell(&record.effect, record.observed), outcome, Cell::new(format!("{took:>7}")), why]
}

/// Returns the effect; for a decision that was only observed, what would have happened.
fn effect_cell(effect: &str, observed: bool) -> Cell {
    match (effect, observed) {
        ("allow", _) => Cell::styled("● allow", SUCCESS),
        ("require_approval", true) => Cell::styled("○ would ask", WARN),
        (effect, true) => Cell::styled(format_args!("○ would {effect}"), WARN),
        ("require_approval", false) => Cell::styled("◐ require_approval", WARN),
        (effect, false) => Cell::styled(format_args!("✘ {effect}"), ERROR),
    }
}
