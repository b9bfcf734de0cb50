//! The log: its last decisions, one in full, and whether it is intact.

use std::collections::{BTreeSet, VecDeque};

use hyper::StatusCode;
use jiff::Zoned;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::page::{in_code, show_page};
use super::server::EFFECTS;
use super::site::Site;
use crate::paths;
use crate::policy::{ServerName, ToolGlob};
use crate::record::{self, About, LogLine, Outcome, Record};
use crate::report::log_records::{LogError, LogFilter, LogRecords};
use crate::report::verification::VerificationReport;
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

/// The lines that were found.
struct FoundLines {
    /// The newest last.
    lines: VecDeque<String>,
    count: u64,
    warnings: Vec<String>,
    servers: BTreeSet<String>,
}

pub(super) fn show_log(site: &Site, query: &Fields) -> WebAnswer {
    let server = query.value("server").map(ServerName::parse).transpose();
    let content = match (paths::audit_dir(site.env()), server) {
        (Err(error), _) => html! { p.bad { (error) } },
        (_, Err(error)) => html! { p.bad { (in_code(&error.to_string())) } },
        (Ok(dir), Ok(server)) => {
            let verified = query.value("verify").map(|_| VerificationReport::collect(&dir, server.as_ref()));
            match find_lines(&dir, server.as_ref(), query) {
                Ok(found) => html! {
                    (show_filter(site, query, &found.servers))
                    @if let Some(verified) = &verified { (show_verification(verified)) }
                    @for warning in &found.warnings { p.warn { (in_code(warning)) } }
                    (show_lines(&found))
                },
                Err(error) => html! { p { (in_code(&error.to_string())) } },
            }
        }
    };
    show_page(site, StatusCode::OK, "log", "Log", content)
}

fn find_lines(dir: &std::path::Path, server: Option<&ServerName>, query: &Fields) -> Result<FoundLines, LogError> {
    let value = |name| query.value(name).map(str::to_owned);
    // What is no glob is the name of no tool.
    let tool = query.value("tool").and_then(|tool| ToolGlob::parse(tool).ok());
    let (effect, outcome, session) = (value("effect"), value("outcome"), value("session"));
    let filter = LogFilter { tool, effect, outcome, session, since: None };
    let mut records = LogRecords::open_existing(dir, None)?;
    let mut found = FoundLines { lines: VecDeque::new(), count: 0, warnings: Vec::new(), servers: BTreeSet::new() };
    found.warnings = records.for_each(|line, text| {
        if !found.servers.contains(&*line.server) {
            found.servers.insert(line.server.clone().into_owned());
        }
        if filter.matches(line) && server.is_none_or(|server| *line.server == *server.as_str()) {
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

fn show_filter(site: &Site, query: &Fields, servers: &BTreeSet<String>) -> Markup {
    let value = |name| query.value(name).unwrap_or_default();
    html! {
        form.filter method="get" action=(site.link_to("log")) role="search" {
            label { "Server " select name="server" {
                option value="" { "any" }
                @for server in servers { option value=(server) selected[query.value("server") == Some(server.as_str())] { (escape_invisible(server)) } }
            } }
            label { "Tool " input name="tool" value=(value("tool")) placeholder="send_*" size="16"; }
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
            button { "Filter" }
            button name="verify" value="1" { "Filter, and verify the log" }
        }
    }
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
                        Some(broken) => span.bad { "broken: " (escape_invisible(&broken.to_string())) },
                    }
                    ", " (count_of(server.found.lines, "line")) " in " (count_of(server.found.files, "file"))
                    ". The last line's SHA-256 is " code { (server.found.last_sha256) }
                    @for note in &server.found.notes { p.note { (note) "." } }
                }
            } },
        } }
    }
}

fn show_lines(found: &FoundLines) -> Markup {
    let now = Zoned::now();
    html! {
        p.note role="status" {
            (count_of(found.count, "line")) " of the log"
            @if found.count > LAST as u64 { ", of which the last " (LAST) " are shown" }
            ", the newest first."
        }
        table.stacked {
            thead { tr {
                th scope="col" { "Time" } th scope="col" { "Server" } th scope="col" { "What" }
                th scope="col" { "Decision" } th scope="col" { "Outcome" } th scope="col" { "Because of" }
            } }
            tbody { @for text in found.lines.iter().rev() {
                @if let Ok(line) = record::read_line(text) { (show_line(&line, text, &now)) }
            } }
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
                About::Event(_) => td.warn colspan="4" data-label="What" { "Something happened to the log itself: see the record." },
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
    html! {
        td data-label="What" { (name) @if let Some(class) = &record.class { span.note { ", " (escape_invisible(class)) } } }
        td data-label="Decision" {
            span class={ "state effect-" (if word == "unknown" { "" } else { &*record.effect }) } { (word) }
            @if record.observed { p { "only observed" } }
        }
        td data-label="Outcome" { (record.outcome.as_str()) @if let Some(took) = record.duration_ms { span.note { ", " (format_milliseconds(took)) " ms" } } }
        td data-label="Because of" {
            code { (escape_invisible(&record.rule)) }
            @if let Some(reason) = &record.reason { p { (escape_invisible(reason)) } }
        }
    }
}
