//! Recorded calls, decided again under another policy.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::log_records::{LogError, LogRecords};
use super::recorded_calls::{RecordedCall, Replayer};
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Policy, ServerName};

/// How decisions change under another policy.
#[derive(Debug, Default, Serialize)]
pub struct ReplayReport {
    /// The server.
    pub server: String,
    /// The policy file.
    pub file: String,
    /// How many calls there were.
    pub calls: u64,
    /// How many are decided as before.
    pub same: u64,
    /// How many are decided differently.
    pub changed: u64,
    /// The changes, most frequent first.
    pub changes: Vec<ReplayChange>,
    /// How many calls cannot be decided again because the log lacks the arguments that a rule checks.
    pub uncertain: u64,
    /// The tools of these calls.
    pub uncertain_tools: Vec<UncertainTool>,
    /// Warnings about lines that could not be read.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Calls of one tool whose decision changes in one way.
#[derive(Debug, Serialize)]
pub struct ReplayChange {
    /// The tool.
    pub tool: String,
    /// How many calls there were.
    pub calls: u64,
    /// The recorded effect.
    pub was: &'static str,
    /// The recorded rule that decided the first of these calls.
    pub recorded_rule: String,
    /// The effect now.
    pub becomes: &'static str,
    /// The rule that decides now.
    pub rule: String,
    /// The reason now.
    pub reason: Option<String>,
    /// The time of the first of these calls.
    pub example: Timestamp,
    /// The session of the first of these calls.
    pub session: String,
}

/// Calls of one tool that cannot be decided again.
#[derive(Debug, Serialize)]
pub struct UncertainTool {
    /// The tool.
    pub tool: String,
    /// How many calls there were.
    pub calls: u64,
}

impl ReplayReport {
    /// Decides the calls in a server's log again, either those since a time or all.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn collect(
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
                if uncertain.len() < MAX_TOLD_APART || uncertain.contains_key(&call.tool) {
                    *uncertain.entry(call.tool.clone()).or_default() += 1;
                }
                return;
            };
            if verdict.effect == call.effect {
                report.same += 1;
                return;
            }
            report.changed += 1;
            let (was, becomes) = (call.effect.as_str(), verdict.effect.as_str());
            let key = (call.tool.clone(), was, becomes, verdict.rule.clone());
            if changes.len() < MAX_TOLD_APART || changes.contains_key(&key) {
                let new = || ReplayChange::new(call, becomes, verdict.rule, verdict.reason);
                changes.entry(key).or_insert_with(new).calls += 1;
            }
        })?;
        report.changes = changes.into_values().collect();
        report.changes.sort_by_key(|change| Reverse(change.calls));
        let uncertain = uncertain.into_iter().map(|(tool, calls)| UncertainTool { tool: tool.into(), calls });
        report.uncertain_tools = uncertain.collect();
        Ok(report)
    }
}

impl ReplayChange {
    fn new(call: &RecordedCall, becomes: &'static str, rule: String, reason: Option<String>) -> Self {
        Self {
            tool: call.tool.to_string(),
            calls: 0,
            was: call.effect.as_str(),
            recorded_rule: call.rule.to_string(),
            becomes,
            rule,
            reason,
            example: call.time,
            session: call.session.to_string(),
        }
    }
}
