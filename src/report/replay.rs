//! Recorded calls and other requests, decided again under another policy.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::log_records::{LogError, LogRecords};
use super::recorded_calls::{Replayer, Uncertain, entry_if_room};
use crate::policy::{Policy, RequestSubject, ServerName};

/// How decisions change under another policy.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ReplayReport {
    /// The server.
    pub(crate) server: String,
    /// The policy file.
    pub(crate) file: String,
    /// How many calls and other requests there were.
    pub(crate) calls: u64,
    /// How many of them are no calls of tools.
    pub(crate) requests: u64,
    /// How many are decided as before.
    pub(crate) same: u64,
    /// How many are decided differently.
    pub(crate) changed: u64,
    /// The changes, most frequent first.
    pub(crate) changes: Vec<ReplayChange>,
    /// How many cannot be decided again because of what the log lacks.
    pub(crate) uncertain: u64,
    /// What these are about.
    #[serde(rename = "uncertain_tools")]
    pub(crate) uncertain_subjects: Vec<UncertainSubject>,
    /// Warnings about lines that could not be read.
    #[serde(skip)]
    pub(crate) warnings: Vec<String>,
}

/// Calls of one tool, or requests about one thing, whose decision changes in one way.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayChange {
    /// The tool, resource, prompt or method.
    #[serde(flatten)]
    pub(crate) subject: RequestSubject<Box<str>>,
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

/// Calls of one tool, or requests about one thing, that cannot be decided again.
#[derive(Debug, Serialize)]
pub(crate) struct UncertainSubject {
    /// The tool, resource, prompt or method.
    #[serde(flatten)]
    pub(crate) subject: RequestSubject<Box<str>>,
    /// How many calls there were.
    pub(crate) calls: u64,
    /// What the log lacks.
    pub(crate) lacks: Uncertain,
}

impl ReplayReport {
    /// Decides the calls and other requests in a server's log again, either those since a time or all.
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
            report.requests += u64::from(call.tool().is_none());
            let verdict = match replayer.decide_call(call) {
                Ok(verdict) => verdict,
                Err(lacks) => {
                    report.uncertain += 1;
                    let key = (call.subject.clone(), lacks);
                    _ = entry_if_room(&mut uncertain, key, u64::default).map(|calls| *calls += 1);
                    return;
                }
            };
            if verdict.effect == call.effect {
                report.same += 1;
                return;
            }
            report.changed += 1;
            let (was, becomes) = (call.effect.as_str(), verdict.effect.as_str());
            let key = (call.subject.clone(), was, becomes, verdict.rule.clone());
            let new = || ReplayChange {
                subject: call.subject.clone(),
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
        let uncertain = uncertain.into_iter();
        report.uncertain_subjects =
            uncertain.map(|((subject, lacks), calls)| UncertainSubject { subject, calls, lacks }).collect();
        Ok(report)
    }
}
