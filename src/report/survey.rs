//! What was used of a server, by its log, and which of it a policy refuses.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::log_records::{LogError, LogRecords};
use super::recorded_calls::{RecordedCall, Replayer, entry_if_room};
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Effect, Policy};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was used: calls that reached the server.
#[derive(Debug, Default)]
pub(crate) struct UsageSurvey {
    pub(crate) tools: BTreeMap<String, ToolUsage>,
    pub(crate) calls: u64,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    /// How many of them the policy refuses, by tool and rule.
    pub(crate) refused: BTreeMap<(String, String), u64>,
    /// How many calls are left out because there are too many tools.
    pub(crate) left_out: u64,
    /// Warnings about lines that could not be read.
    pub(crate) warnings: Vec<String>,
}

/// How a tool was used.
#[derive(Debug, Default)]
pub(crate) struct ToolUsage {
    /// Its risk class, if the log has one.
    pub(crate) class: Option<String>,
    pub(crate) calls: u64,
    /// The most calls that one session made in a minute.
    pub(crate) peak: u64,
}

impl UsageSurvey {
    /// Surveys the calls in a log since a time, or all of them.
    pub(crate) fn collect(
        records: &mut LogRecords,
        policy: &Policy,
        since: Option<Timestamp>,
    ) -> Result<Self, LogError> {
        let mut survey = Self::default();
        let mut minutes = LastMinute::default();
        let mut replayer = Replayer::new(policy);
        survey.warnings = records.for_each_call(since, |call| {
            if call.reached_server() {
                survey.add_call(call, &mut minutes, &mut replayer);
            }
        })?;
        Ok(survey)
    }

    fn add_call(&mut self, call: &RecordedCall, minutes: &mut LastMinute, replayer: &mut Replayer<'_>) {
        self.calls += 1;
        self.first = self.first.or(Some(call.time));
        self.last = Some(call.time);
        let Some(used) = entry_if_room(&mut self.tools, call.tool.to_string(), ToolUsage::default) else {
            self.left_out += 1;
            return;
        };
        used.calls += 1;
        used.peak = used.peak.max(minutes.count_call(call));
        if let Some(class) = &call.class {
            used.class = Some(class.to_string());
        }
        let refusal = match replayer.decide_call(call) {
            Some(verdict) => is_refusal(verdict.effect).then_some(verdict.rule),
            // The log lacks what the policy checks. If a rule of the tool refused the call then, it may do so again.
            None => is_refusal(call.effect).then(|| call.rule.to_string()),
        };
        if let Some(rule) = refusal {
            *self.refused.entry((call.tool.to_string(), rule)).or_default() += 1;
        }
    }

    pub(crate) fn is_refused(&self, tool: &str) -> bool {
        self.refused.keys().any(|(refused, _)| refused == tool)
    }
}

fn is_refusal(effect: Effect) -> bool {
    matches!(effect, Effect::Deny | Effect::Hide)
}

/// Whether the rule that refuses a tool is one that an entry of its own would replace, not a check or a rule for every
/// tool.
pub(crate) fn lacks_an_entry(policy: &Policy, tool: &str) -> bool {
    let decision = policy.decide_tool(tool);
    // A file with entries replaces the whole built-in policy.
    let is_builtin = decision.rule.starts_with("builtin:");
    let is_for_all = decision.rule.starts_with("all_tools") || decision.rule.starts_with("tools.\"*\"");
    is_refusal(decision.effect) && (is_builtin || !(decision.rule.ends_with(']') || is_for_all))
}

/// The calls of the last minute, by session and tool.
#[derive(Debug, Default)]
struct LastMinute(HashMap<(Box<str>, Box<str>), VecDeque<Timestamp>>);

impl LastMinute {
    /// Adds a call, and returns how many calls of the tool the session made in the last minute, including this one.
    fn count_call(&mut self, call: &RecordedCall) -> u64 {
        let is_over = |then: &Timestamp| call.time.duration_since(*then) >= MINUTE;
        if self.0.len() >= MAX_TOLD_APART {
            self.0.retain(|_, times| times.back().is_some_and(|last| !is_over(last)));
        }
        let times = self.0.entry((call.session.clone(), call.tool.clone())).or_default();
        while times.front().is_some_and(is_over) {
            times.pop_front();
        }
        times.push_back(call.time);
        times.len() as u64
    }
}
