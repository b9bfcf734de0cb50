//! Lines of the log, verbatim or as rows for a terminal.

use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use jiff::Zoned;

use super::super::count_of;
use crate::cli::Format;
use crate::limits::ALIGNED_ROWS;
use crate::record::{self, About, Direction, Event, LogLine, Outcome, Record, RecordedApproval, ResultRecord, Subject};
use crate::term::style::{
    DIM, ERROR, SUCCESS, WARN, format_duration, format_local_time, format_milliseconds, terminal_width,
};
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
        About::Event(event) => vec![Cell::styled(format!("{time}  {}", event_text(event, &line.server)), WARN)],
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

fn event_text(event: &Event, server: &str) -> String {
    match event {
        Event::Gap { lost, why } => {
            format!("! {lost} decisions of {server} are missing from here on: {why}")
        }
        Event::Killed { unanswered: 0 } => {
            format!("! the session of {server} was killed; its last records may be missing")
        }
        Event::Killed { unanswered } => format!(
            "! the session of {server} was killed; {} unanswered, and its last records may be missing",
            count_of(*unanswered, "call")
        ),
        Event::Resumed { .. } => format!("! the previous line of {server} was cut off by a crash"),
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
    let approval = format!("{approval}{by}{}", record.result.as_ref().map_or_else(String::new, result_text));
    let why = match (&record.reason, &*record.effect) {
        (Some(reason), _) => Cell::new(format_args!("{rule}{approval}: {reason}")),
        (None, "allow") => Cell::styled(format_args!("{rule}{approval}"), DIM),
        (None, _) => Cell::new(format_args!("{rule}{approval}")),
    };
    let outcome = Cell::styled(record.outcome.as_str(), outcome);
    [tool, class, effect_cell(&record.effect, record.observed), outcome, Cell::new(format!("{took:>7}")), why]
}

/// Returns what a person was asked, and answered: how it ended, by which channel, and after how long.
fn approval_text(approval: &RecordedApproval) -> String {
    let mut text = match approval.verdict.as_str() {
        "approved_once" => "approved by a person",
        "approved_for_session" => "approved by a person for the session",
        "granted" => "approved earlier",
        "refused" => "refused by a person",
        "refused_before" => "refused by a person shortly before",
        "timed_out" => "nobody answered in time",
        "cancelled" => "withdrawn while it waited",
        "client_ended" => "its client ended while it waited",
        "session_ended" => "a signal ended the session while it waited",
        "approved_late" => "approved by a person after it was answered, for a repetition",
        "approved_late_for_session" => "approved by a person after it was answered, for the rest of the session",
        "refused_late" => "refused by a person after it was answered",
        "unavailable" => "nobody could be asked",
        "outdated" => "approved, but what it is about had changed, so a person was asked anew",
        other => other,
    }
    .to_owned();
    match approval.client_answer.as_deref() {
        Some("unasked") => text.push_str(", answered by the client without asking"),
        Some("dismissed") => text.push_str(", dismissed in the client"),
        Some(other) => text.push_str(&format!(", {other} in the client")),
        None => {}
    }
    if let Some(channel) = &approval.channel {
        text.push_str(&format!(", {channel} channel"));
    }
    // The log may have been written by anybody.
    if let Some(waited) = Duration::try_from_secs_f64(approval.waited_ms / 1000.0).ok().filter(|it| !it.is_zero()) {
        text.push_str(&format!(", after {}", format_duration(waited)));
    }
    if let Some(note) = &approval.note {
        text.push_str(&format!(", saying {note:?}"));
    }
    text
}

/// Returns what was done to a result.
fn result_text(result: &ResultRecord) -> String {
    let ResultRecord { stripped, cut, withheld } = result;
    match withheld {
        Some(rule) => format!(" (result withheld by {rule})"),
        None => {
            format!(" (of its result: {} stripped, {} cut)", count_of(*stripped, "character"), count_of(*cut, "text"))
        }
    }
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
