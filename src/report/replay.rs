//! Recorded calls, decided again under another policy.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::log_records::{LogError, LogRecords};
use super::recorded_calls::{Replayer, entry_if_room};
use crate::policy::{Policy, ServerName};

/// How decisions change under another policy.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReplayReport {
    /// The server.
    pub(crate) server: String,
    /// The policy file.
    pub(crate) file: String,
    /// How many calls there were.
    pub(crate) calls: u64,
    /// How many are decided as before.
    pub(crate) same: u64,
    /// How many are decided differently.
    pub(crate) changed: u64,
    /// The changes, most frequent first.
    pub(crate) changes: Vec<ReplayChange>,
    /// How many calls cannot be decided again because the log lacks the arguments that a rule checks.
    pub(crate) uncertain: u64,
    /// The tools of these calls.
    pub(crate) uncertain_tools: Vec<UncertainTool>,
    /// Warnings about lines that could not be read.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// Calls of one tool whose decision changes in one way.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayChange {
    /// The tool.
    pub(crate) tool: String,
    /// How many calls there were.
    pub(crate) calls: u64,
    /// The recorded effect.
    pub(crate) was: &'static str,
    /// The recorded rule that decided the first of these calls.
    pub(crate) recorded_rule: String,
    /// The effect now.
    pub(crate) becomes: &'static str,
    /// The rule that decides now.
    pub(crate) rule: String,
    /// The reason now.
    pub(crate) reason: Option<String>,
    /// The time of the first of these calls.
    pub(crate) example: Timestamp,
    /// The session of the first of these calls.
    pub(crate) session: String,
}

/// Calls of one tool that cannot be decided again.
#[derive(Debug, Serialize)]
pub(crate) struct UncertainTool {
    /// The tool.
    pub(crate) tool: String,
    /// How many calls there were.
    pub(crate) calls: u64,
}

impl ReplayReport {
    /// Decides the calls in a server's log again, either those since a time or all.
    pub(crate) fn collect(
        records: &mut LogRecords,
        server: &ServerName,
        policy: &Policy,
        since: Option<Timestamp>,
    ) -> Result<Self, LogError> {
        let file = policy.summarize().file.unwrap_or_default().to_owned();
        let mut report = Self { server: server.as_str().to_owned(), file, ..Self::default() };
        let mut changes = BTreeMap::new();
        let mut uncertain = BTreeMap::new();
        let mut replayer = Replayer::new(policy);
        report.warnings = records.for_each_call(since, |call| {
            report.calls += 1;
            let Some(verdict) = replayer.decide_call(call) else {
                report.uncertain += 1;
                _ = entry_if_room(&mut uncertain, call.tool.to_string(), u64::default).map(|calls| *calls += 1);
                return;
            };
            if verdict.effect == call.effect {
                report.same += 1;
                return;
            }
            report.changed += 1;
            let (was, becomes) = (call.effect.as_str(), verdict.effect.as_str());
            let key = (call.tool.clone(), was, becomes, verdict.rule.clone());
            let new = || ReplayChange {
                tool: call.tool.to_string(),
                calls: 0,
                was,
                recorded_rule: call.rule.to_string(),
                becomes,
                rule: verdict.rule,
                reason: verdict.reason,
                example: call.time,
                session: call.session.to_string(),
            };
            _ = entry_if_room(&mut changes, key, new).map(|change| change.calls += 1);
        })?;
        report.changes = changes.into_values().collect();
        report.changes.sort_by_key(|change| Reverse(change.calls));
        report.uncertain_tools = uncertain.into_iter().map(|(tool, calls)| UncertainTool { tool, calls }).collect();
        Ok(report)
    }
}
