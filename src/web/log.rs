//! The log: its last decisions, one in full, new ones as they are made, and whether it is intact.

use std::collections::{BTreeSet, VecDeque};

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp, Zoned};
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::page::{as_sentence, in_code, show_page};
use super::server::EFFECTS;
use super::site::Site;
use crate::limits::MAX_UI_LINES;
use crate::paths;
use crate::policy::{ServerName, ToolGlob};
use crate::record::{self, About, Direction, LogLine, Outcome, Record};
use crate::report::log_records::{LogError, LogFilter, LogRecords};
use crate::report::verification::VerificationReport;
use crate::state::file::FileMark;
use crate::term::faces::log::{approval_text, event_text, result_text};
use crate::term::style::{format_local_time, format_milliseconds};
use crate::visible::{count_of, escape_invisible, escape_invisible_json};

/// How many lines are shown.
const LAST: usize = 200;

const OUTCOMES: [Outcome; 7] = [
    Outcome::Ok,
    Outcome::Refused,
    Outcome::ToolError,
    Outcome::Error,
    Outcome::Cancelled,
    Outcome::ServerDied,
    Outcome::Unknown,
];

/// The stretches of time that can be chosen: the hours until now, and what they are called.
const STRETCHES: [(&str, i64, &str); 4] = [
    ("1h", 1, "the last hour"),
    ("24h", 24, "the last day"),
    ("7d", 168, "the last week"),
    ("30d", 720, "the last 30 days"),
];

/// The lines that were found.
struct FoundLines {
    /// The newest last.
    lines: VecDeque<String>,
    count: u64,
    warnings: Vec<String>,
    servers: BTreeSet<String>,
    /// The log, read to its end.
    records: LogRecords,
}

/// Which lines are meant, and the fields that do not say so.
pub(super) struct LogQuery {
    pub(super) server: Option<ServerName>,
    pub(super) filter: LogFilter,
    /// What is wrong, by the name of the field.
    faults: Vec<(&'static str, String)>,
}

impl LogQuery {
    pub(super) fn read(query: &Fields) -> Self {
        let value = |name| query.value(name).map(str::to_owned);
        let mut faults = Vec::new();
        let mut note = |name, why: String| faults.push((name, as_sentence(&why)));
        let tool = query.value("tool").map(ToolGlob::parse).transpose();
        let tool = tool.map_err(|error| note("tool", error.to_string())).ok().flatten();
        let server = query.value("server").map(ServerName::parse).transpose();
        let server = server.map_err(|error| note("server", error.to_string())).ok().flatten();
        let hours = query.value("since").and_then(|since| STRETCHES.iter().find(|(word, ..)| *word == since));
        let since =
            hours.and_then(|(_, hours, _)| Timestamp::now().checked_sub(SignedDuration::from_hours(*hours)).ok());
        let (effect, outcome, session) = (value("effect"), value("outcome"), value("session"));
        Self { server, filter: LogFilter { tool, effect, outcome, session, since }, faults }
    }

    pub(super) fn is_right(&self) -> bool {
        self.faults.is_empty()
    }

    fn has(&self, line: &LogLine<'_>) -> bool {
        self.filter.matches(line) && self.server.as_ref().is_none_or(|server| *line.server == *server.as_str())
    }
}

/// A log that a page shows, to be read on from there.
pub(super) struct FollowedLog {
    records: LogRecords,
    query: LogQuery,
    marks: Vec<FileMark>,
}

impl FollowedLog {
    /// Returns the rows of new lines, the newest first, as an event: its name and its data.
    pub(super) fn look(&mut self) -> Option<(&'static str, String)> {
        let marks = self.records.marks();
        if marks == self.marks {
            return None;
        }
        self.marks = marks;
        let (mut rows, mut count, now) = (VecDeque::new(), 0_usize, Zoned::now());
        let query = &self.query;
        let read = self.records.look_again().and_then(|()| {
            self.records.for_each(|line, text| {
                if query.has(line) {
                    count += 1;
                    if count <= MAX_UI_LINES {
                        rows.push_front(show_line(line, text, &now).into_string());
                    }
                }
                Ok::<_, LogError>(())
            })
        });
        match (read, count) {
            // What cannot be read now is looked at again with the next change.
            (Err(_), _) | (Ok(_), 0) => None,
            (Ok(_), 1..=MAX_UI_LINES) => Some(("lines", rows.into_iter().collect())),
            (Ok(_), _) => Some(("many", count.to_string())),
        }
    }
}

pub(super) fn show_log(site: &Site, fields: &Fields) -> WebAnswer {
    let query = LogQuery::read(fields);
    let content = match paths::audit_dir(site.env()) {
        Err(error) => html! { p.bad { (error) } },
        Ok(_) if !query.is_right() => show_filter(site, fields, &query, &BTreeSet::new()),
        Ok(dir) => {
            let verified = fields.value("verify").map(|_| VerificationReport::collect(&dir, query.server.as_ref()));
            match find_lines(&dir, &query) {
                Ok(found) => html! {
                    (show_filter(site, fields, &query, &found.servers))
                    @if let Some(verified) = &verified { (show_verification(verified)) }
                    @for warning in &found.warnings { p.warn { (in_code(warning)) } }
                    (show_lines(site, found, query))
                },
                Err(error) => html! { p { (in_code(&error.to_string())) } },
            }
        }
    };
    show_page(site, StatusCode::OK, "log", "Log", content)
}

fn find_lines(dir: &std::path::Path, query: &LogQuery) -> Result<FoundLines, LogError> {
    let records = LogRecords::open_existing(dir, None)?;
    let (warnings, servers) = (Vec::new(), BTreeSet::new());
    let mut found = FoundLines { lines: VecDeque::new(), count: 0, warnings, servers, records };
    found.warnings = found.records.for_each(|line, text| {
        if !found.servers.contains(&*line.server) {
            found.servers.insert(line.server.clone().into_owned());
        }
        if query.has(line) {
            found.count += 1;
            if found.lines.len() == LAST {
                found.lines.pop_front();
            }
            found.lines.push_back(text.to_owned());
        }
        Ok::<_, LogError>(())
    })?;
    Ok(found)
}

/// The form that narrows the lines, for the page of the log and that of its charts.
pub(super) fn show_filter(site: &Site, fields: &Fields, query: &LogQuery, servers: &BTreeSet<String>) -> Markup {
    let value = |name| fields.value(name).unwrap_or_default();
    // A server without a line is chosen all the same, until another one is.
    let named = fields.value("server").filter(|named| !servers.contains(*named));
    let servers = servers.iter().map(String::as_str).chain(named);
    html! {
        form.filter method="get" action=(site.link_to("log")) role="search" {
            label { "Server " select name="server" {
                option value="" { "any" }
                @for server in servers { option value=(server) selected[value("server") == server] { (escape_invisible(server)) } }
            } }
            label { "Tool " input name="tool" value=(value("tool")) placeholder="send_*" size="16"
                aria-invalid=[is_wrong(query, "tool")] aria-describedby=[is_wrong(query, "tool").map(|_| "fault-tool")]; }
            label { "Decision " select name="effect" {
                option value="" { "any" }
                @for (effect, word) in EFFECTS { option value=(effect) selected[value("effect") == effect] { (word) } }
            } }
            label { "Outcome " select name="outcome" {
                option value="" { "any" }
                @for outcome in OUTCOMES.map(Outcome::as_str) {
                    option value=(outcome) selected[value("outcome") == outcome] { (outcome) }
                }
            } }
            label { "Session " input name="session" value=(value("session")) size="10"; }
            label { "Since " select name="since" {
                option value="" { "the start" }
                @for (word, _, name) in STRETCHES { option value=(word) selected[value("since") == word] { (name) } }
            } }
            button { "Filter" }
            button formaction=(site.link_to("charts")) { "Charts" }
            button name="verify" value="1" { "Filter, and verify the log" }
            @for (name, why) in &query.faults { p.bad id={ "fault-" (name) } role="alert" { (in_code(why)) } }
        }
    }
}

fn is_wrong(query: &LogQuery, name: &str) -> Option<&'static str> {
    query.faults.iter().any(|(wrong, _)| *wrong == name).then_some("true")
}

fn show_verification(verified: &Result<VerificationReport, LogError>) -> Markup {
    html! {
        div.box role="status" { @match verified {
            Err(error) => p.bad { (in_code(&error.to_string())) },
            Ok(report) => ul { @for server in &report.servers {
                li {
                    strong { (escape_invisible(&server.server)) } ": "
                    @match &server.found.broken {
                        None => span.good { "intact" },
                        Some(broken) => span.bad { (broken.state()) ": " (escape_invisible(&broken.to_string())) },
                    }
                    ", " (count_of(server.found.lines, "line")) " in " (count_of(server.found.files, "file"))
                    ". The last line's SHA-256 is " code { (server.found.last_sha256) }
                    @for note in &server.found.notes { p.note { (note) "." } }
                }
            } },
        } }
    }
}

fn show_lines(site: &Site, found: FoundLines, query: LogQuery) -> Markup {
    let now = Zoned::now();
    let rows = html! {
        @for text in found.lines.iter().rev() {
            @if let Ok(line) = record::read_line(text) { (show_line(&line, text, &now)) }
        }
    };
    // Without marks, the first look reads on from here.
    let followed = site.streams().keep_log(FollowedLog { records: found.records, query, marks: Vec::new() });
    html! {
        p.note role="status" {
            (count_of(found.count, "line")) " of the log"
            @if found.count > LAST as u64 { ", of which the last " (LAST) " are shown" }
            ", the newest first."
        }
        p #news role="status" {}
        table.stacked {
            thead { tr {
                th scope="col" { "Time" } th scope="col" { "Server" } th scope="col" { "What" }
                th scope="col" { "Decision" } th scope="col" { "Outcome" } th scope="col" { "Because of" }
            } }
            tbody #lines data-log=(followed) { (rows) }
        }
    }
}

fn show_line(line: &LogLine<'_>, text: &str, now: &Zoned) -> Markup {
    let full = serde_json::from_str::<serde_json::Value>(text).and_then(|value| serde_json::to_string_pretty(&value));
    let full = escape_invisible_json(full.as_deref().unwrap_or(text));
    html! {
        tr {
            td data-label="Time" {
                details { summary { (format_local_time(line.time, now)) } pre tabindex="0" aria-label="The record" { (full) } }
            }
            td data-label="Server" { (escape_invisible(&line.server)) }
            @match &line.about {
                About::Decision(record) | About::LateAnswer(record) => (show_record(record)),
                About::Reload(policy) => td colspan="4" data-label="What" { "A new policy is in force: " code { (policy) } },
                About::Event(event) => td.warn colspan="4" data-label="What" {
                    (as_sentence(&escape_invisible(&event_text(event, &line.server))))
                },
            }
        }
    }
}

fn show_record(record: &Record<'_>) -> Markup {
    let name = match (record.subject(), record.method.as_deref()) {
        (Some(subject), _) => escape_invisible(subject.name()),
        (None, Some(method)) => escape_invisible(method),
        (None, None) => format!("a line from the {}", escape_invisible(&record.direction)),
    };
    let word = EFFECTS.iter().find(|(known, _)| **known == *record.effect).map_or("unknown", |(_, word)| word);
    // A preview is a call of ours, and no agent has made it; a late answer is about a call of an agent.
    let is_ours = record.direction == Direction::Wrapper.as_str() && record.approval.is_none();
    let more = [record.approval.as_ref().map(approval_text), record.result.as_ref().map(result_text)];
    html! {
        td data-label="What" {
            (name) @if let Some(class) = &record.class { span.note { ", " (escape_invisible(class)) } }
            @if is_ours { p.note { "Made by policylayer itself." } }
        }
        td data-label="Decision" {
            span class={ "state effect-" (if word == "unknown" { "" } else { &*record.effect }) } { (word) }
            @if record.observed { p { "only observed" } }
        }
        td data-label="Outcome" { (record.outcome.as_str()) @if let Some(took) = record.duration_ms { span.note { ", " (format_milliseconds(took)) " ms" } } }
        td data-label="Because of" {
            code { (escape_invisible(&record.rule)) }
            @if let Some(reason) = &record.reason { p { (escape_invisible(reason)) } }
            @for text in more.iter().flatten() { p { (as_sentence(&escape_invisible(text))) } }
        }
    }
}
