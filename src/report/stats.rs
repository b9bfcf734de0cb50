//! Totals of the lines of the log.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::call_counts::{CallCounts, CallTimes, StretchStats};
use super::limit_peaks::{LimitPeak, LimitPeaks};
use super::log_records::{LogError, LogFilter, LogRecords};
use super::recorded_calls::{CallOrder, RecordedCall, entry_if_room};
use crate::env::Env;
use crate::paths;
use crate::record::{About, Event, LogLine, Record};
use crate::wire::method;

/// Totals of the lines of the log.
#[derive(Debug, Default, Serialize)]
pub(crate) struct StatsReport {
    /// The time of the first line.
    pub(crate) first: Option<Timestamp>,
    /// The time of the last line.
    pub(crate) last: Option<Timestamp>,
    /// How many decisions there were.
    pub(crate) decisions: u64,
    /// How many of them were about something other than a tool call.
    pub(crate) other_decisions: u64,
    /// How many decisions are missing from the log, by its own account.
    pub(crate) lost: u64,
    /// How many sessions were killed.
    pub(crate) killed: u64,
    /// How many decisions are only in the totals because there were too many tools, rules or sessions to list.
    pub(crate) not_told_apart: u64,
    /// The calls of each tool, by server and name.
    pub(crate) tools: Vec<ToolStats>,
    /// The calls of all tools by time: at most 48 stretches of one length, from the first call to the last.
    pub(crate) times: Vec<StretchStats>,
    /// What each rule refused, most frequent first.
    pub(crate) refusals: Vec<RefusalStats>,
    /// How close the calls came to the limits of the policies in force now, by server and rule.
    pub(crate) limits: Vec<LimitPeak>,
    /// What was kept back of results.
    pub(crate) results: ResultTotals,
    /// The sessions, by name.
    pub(crate) sessions: Vec<SessionStats>,
    /// The number of servers in the sessions.
    #[serde(skip)]
    pub(crate) servers: usize,
    /// Warnings about policies that cannot be loaded, so that limits are left out, and about lines that cannot be read.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// What was kept back of results, by the rules that the policy has for them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ResultTotals {
    /// How many results were withheld.
    pub(crate) withheld: u64,
    /// How many texts were cut.
    pub(crate) cut: u64,
    /// How many characters were taken out of texts.
    pub(crate) stripped: u64,
    /// How many values had stand-ins.
    pub(crate) stand_ins: u64,
    /// How many values took the places of stand-ins in requests.
    pub(crate) put_back: u64,
}

/// The calls of a tool.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ToolStats {
    /// The server.
    pub(crate) server: String,
    /// The tool's name.
    pub(crate) tool: String,
    /// Its risk class when it was last called.
    pub(crate) class: Option<String>,
    /// What became of its calls.
    #[serde(flatten)]
    pub(crate) counts: CallCounts,
}

/// What one rule refused.
#[derive(Debug, Serialize)]
pub(crate) struct RefusalStats {
    /// The server.
    pub(crate) server: String,
    /// The rule's path.
    pub(crate) rule: String,
    /// The effect of the last refusal.
    pub(crate) effect: String,
    /// How many refusals there were.
    pub(crate) count: u64,
    /// The time of the last refusal.
    pub(crate) last: Timestamp,
    /// The reason of the last refusal.
    pub(crate) reason: Option<String>,
}

/// One run of the wrapper.
#[derive(Debug, Serialize)]
pub(crate) struct SessionStats {
    /// The session's name.
    pub(crate) session: String,
    /// The server.
    pub(crate) server: String,
    /// The name and version that the client gave.
    pub(crate) client: Option<ClientClaim>,
    /// The time of the first line.
    pub(crate) first: Timestamp,
    /// The time of the last line.
    pub(crate) last: Timestamp,
    /// How many decisions there were.
    pub(crate) decisions: u64,
}

/// The name and version that a client gave.
#[derive(Debug, Serialize)]
pub(crate) struct ClientClaim {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

impl StatsReport {
    pub(crate) fn collect(records: &mut LogRecords, filter: &LogFilter, env: &Env) -> Result<Self, LogError> {
        let mut tally = StatsTally::default();
        tally.load_limits(records, env);
        let warnings = records.for_each(|line, _| {
            if filter.matches(line) {
                tally.add_line(line);
            }
            Ok::<_, LogError>(())
        })?;
        tally.report.warnings.extend(warnings);
        Ok(tally.into_report())
    }
}

/// A report under construction.
#[derive(Debug, Default)]
struct StatsTally {
    report: StatsReport,
    /// By server and name.
    tools: BTreeMap<(String, String), ToolStats>,
    /// By server and rule.
    refusals: BTreeMap<(String, String), RefusalStats>,
    times: CallTimes,
    sessions: BTreeMap<String, SessionStats>,
    limits: BTreeMap<String, (CallOrder, LimitPeaks)>,
}

impl StatsTally {
    /// Loads the policy in force of each server, as far as possible.
    fn load_limits(&mut self, records: &LogRecords, env: &Env) {
        let warnings = &mut self.report.warnings;
        let settings = match paths::load_settings(env) {
            Ok(settings) => settings,
            Err(error) => return warnings.push(format!("Limits are left out. {error}")),
        };
        for server in records.servers() {
            match paths::load_policy(None, &settings.server_by_name(server), &settings, env) {
                Ok(loaded) => {
                    let peaks = LimitPeaks::new(server, loaded.policy);
                    self.limits.insert(server.as_str().to_owned(), (CallOrder::default(), peaks));
                }
                Err(error) => warnings.push(format!("The limits of {server} are left out. {error}")),
            }
        }
    }

    fn add_line(&mut self, line: &LogLine<'_>) {
        let report = &mut self.report;
        report.first = Some(report.first.map_or(line.time, |first| first.min(line.time)));
        report.last = Some(report.last.map_or(line.time, |last| last.max(line.time)));
        match &line.about {
            About::Event(Event::Gap { lost, .. }) => report.lost += lost,
            About::Event(Event::Killed { .. }) => report.killed += 1,
            About::Event(Event::Resumed { .. }) | About::Reload(_) | About::LateAnswer(_) => {}
            About::Decision(record) => {
                report.decisions += 1;
                if let Some(result) = &record.result {
                    let totals = &mut report.results;
                    totals.withheld += u64::from(result.withheld.is_some());
                    totals.cut = totals.cut.saturating_add(result.cut);
                    totals.stripped = totals.stripped.saturating_add(result.stripped);
                    totals.stand_ins = totals.stand_ins.saturating_add(result.stand_ins.values().sum());
                    totals.put_back = totals.put_back.saturating_add(result.put_back);
                }
                let listed = [
                    self.add_to_session(line, record),
                    self.add_to_tool(line, record),
                    self.add_to_refusals(line, record),
                ];
                self.report.not_told_apart += u64::from(listed.contains(&None));
            }
        }
        if let Some(call) = RecordedCall::from_line(line)
            && let Some((order, peaks)) = self.limits.get_mut(&*line.server)
            && call.is_counted()
            && call.was_passed_on
            && let Some(next) = order.push(call)
        {
            peaks.count_call(&next);
        }
    }

    fn add_to_session(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        let new = || SessionStats {
            session: line.session.to_string(),
            server: line.server.to_string(),
            client: None,
            first: line.time,
            last: line.time,
            decisions: 0,
        };
        let session = entry_if_room(&mut self.sessions, line.session.to_string(), new)?;
        session.decisions += 1;
        session.first = session.first.min(line.time);
        session.last = session.last.max(line.time);
        if let Some(client) = &record.client {
            session.client = Some(ClientClaim { name: client.name.to_string(), version: client.version.to_string() });
        }
        Some(())
    }

    fn add_to_tool(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        let (Some(method::TOOLS_CALL), Some(tool)) = (record.method.as_deref(), &record.tool) else {
            self.report.other_decisions += 1;
            return Some(());
        };
        self.times.add_record(line.time, record);
        let (server, tool) = (line.server.to_string(), tool.to_string());
        let key = (server.clone(), tool.clone());
        let stats = entry_if_room(&mut self.tools, key, || ToolStats { server, tool, ..ToolStats::default() })?;
        stats.counts.add_record(record);
        if let Some(class) = &record.class {
            stats.class = Some(class.to_string());
        }
        Some(())
    }

    fn add_to_refusals(&mut self, line: &LogLine<'_>, record: &Record<'_>) -> Option<()> {
        if record.effect == "allow" {
            return Some(());
        }
        let new = || RefusalStats {
            server: line.server.to_string(),
            rule: record.rule.to_string(),
            effect: String::new(),
            count: 0,
            last: Timestamp::MIN,
            reason: None,
        };
        let refusals = entry_if_room(&mut self.refusals, (line.server.to_string(), record.rule.to_string()), new)?;
        refusals.count += 1;
        if line.time >= refusals.last {
            refusals.last = line.time;
            refusals.effect = record.effect.to_string();
            refusals.reason = record.reason.as_ref().map(ToString::to_string);
        }
        Some(())
    }

    fn into_report(self) -> StatsReport {
        let limits = self.limits.into_values().flat_map(|(mut order, mut peaks)| {
            while let Some(next) = order.pop() {
                peaks.count_call(&next);
            }
            peaks.into_peaks()
        });
        let mut refusals: Vec<_> = self.refusals.into_values().collect();
        refusals.sort_by_key(|refusals| Reverse(refusals.count));
        let servers: BTreeSet<_> = self.sessions.values().map(|session| session.server.as_str()).collect();
        StatsReport {
            servers: servers.len(),
            tools: self.tools.into_values().collect(),
            times: self.times.into_stretches(),
            refusals,
            limits: limits.collect(),
            sessions: self.sessions.into_values().collect(),
            ..self.report
        }
    }
}
