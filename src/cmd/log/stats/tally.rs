//! Counting lines of the log.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::latency::Latency;
use crate::limits::MAX_TOLD_APART;
use crate::record::{About, Event, LogLine, Outcome, Record};
use crate::wire::message::method;

/// What lines come to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By server and name.
    pub(super) tools: BTreeMap<(String, String), Tool>,
    /// By server and rule.
    pub(super) refusals: BTreeMap<(String, String), Refusals>,
    /// By name.
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) decisions: u64,
    /// Decisions on something else than a tool's call.
    pub(super) others: u64,
    /// Decisions that the log itself says it lacks.
    pub(super) lost: u64,
    /// Sessions that were killed.
    pub(super) killed: u64,
    /// Decisions that are only in the sums: there were too many tools, rules or sessions to tell them apart.
    pub(super) not_told_apart: u64,
}

/// The calls of a tool.
#[derive(Debug, Default)]
pub(super) struct Tool {
    pub(super) class: Option<String>,
    pub(super) calls: u64,
    pub(super) allow: u64,
    pub(super) deny: u64,
    pub(super) hide: u64,
    pub(super) require_approval: u64,
    /// Those that would have been refused and were passed on (`wrap --observe`).
    pub(super) observed: u64,
    /// Those that were not passed on.
    pub(super) refused: u64,
    /// Those that the server answered with an error, or never.
    pub(super) failed: u64,
    pub(super) latency: Latency,
}

/// What one rule refused.
#[derive(Debug)]
pub(super) struct Refusals {
    pub(super) count: u64,
    pub(super) effect: String,
    pub(super) reason: Option<String>,
    pub(super) last: Timestamp,
}

/// One run of the wrapper.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) server: String,
    pub(super) client: Option<(String, String)>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) decisions: u64,
}

impl Tally {
    /// Counts a line.
    pub(super) fn add(&mut self, line: &LogLine<'_>) {
        self.first = Some(self.first.map_or(line.time, |first| first.min(line.time)));
        self.last = Some(self.last.map_or(line.time, |last| last.max(line.time)));
        match &line.about {
            About::Event(Event::Gap { lost, .. }) => self.lost += lost,
            About::Event(Event::Killed { .. }) => self.killed += 1,
            About::Event(Event::Resumed { .. }) => {}
            About::Decision(record) => {
                self.decisions += 1;
                let told = [self.session(line, record), self.tool(line, record), self.refusal(line, record)];
                self.not_told_apart += u64::from(told.contains(&None));
            }
        }
    }

    fn session(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        let new = || Session {
            server: line.server.to_string(),
            client: None,
            first: line.time,
            last: line.time,
            decisions: 0,
        };
        let session = slot(&mut self.sessions, line.session.to_string(), new)?;
        session.decisions += 1;
        session.first = session.first.min(line.time);
        session.last = session.last.max(line.time);
        if let Some(client) = &record.client {
            session.client = Some((client.name.to_string(), client.version.to_string()));
        }
        Some(())
    }

    fn tool(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        let (Some(method::TOOLS_CALL), Some(tool)) = (record.method.as_deref(), &record.tool) else {
            self.others += 1;
            return Some(());
        };
        let tool = slot(&mut self.tools, (line.server.to_string(), tool.to_string()), Tool::default)?;
        tool.calls += 1;
        let by_effect = match &*record.effect {
            "allow" => &mut tool.allow,
            "hide" => &mut tool.hide,
            "require_approval" => &mut tool.require_approval,
            _ => &mut tool.deny,
        };
        *by_effect += 1;
        if let Some(class) = &record.class {
            tool.class = Some(class.to_string());
        }
        match record.outcome {
            Outcome::Refused => tool.refused += 1,
            Outcome::Ok | Outcome::Cancelled => {}
            Outcome::ToolError | Outcome::Error | Outcome::ServerDied | Outcome::Unknown => tool.failed += 1,
        }
        if record.effect != "allow" && record.outcome != Outcome::Refused {
            tool.observed += 1;
        }
        if let (Some(ms), Outcome::Ok | Outcome::ToolError | Outcome::Error) = (record.duration_ms, record.outcome) {
            tool.latency.add(ms);
        }
        Some(())
    }

    fn refusal(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        if record.effect == "allow" {
            return Some(());
        }
        let new = || Refusals { count: 0, effect: String::new(), reason: None, last: Timestamp::MIN };
        let refusals = slot(&mut self.refusals, (line.server.to_string(), record.rule.to_string()), new)?;
        refusals.count += 1;
        if line.time >= refusals.last {
            refusals.last = line.time;
            refusals.effect = record.effect.to_string();
            refusals.reason = record.reason.as_ref().map(ToString::to_string);
        }
        Some(())
    }
}

/// What belongs to a key; `None` where it would be one too many.
fn slot<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
    if map.len() >= MAX_TOLD_APART && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_insert_with(new))
}
