//! What was used of a server, and what of it a policy refuses.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::super::calls::{Call, InOrder, Replayer};
use super::super::records::Records;
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Effect, Policy};
use crate::term::message;
use crate::visible::visible;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was used: calls that reached the server.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) tools: BTreeMap<String, Used>,
    pub(super) calls: u64,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// What the policy refuses of it, by tool and rule.
    pub(super) refused: BTreeMap<(String, String), u64>,
    /// Calls of tools beyond those that are told apart.
    pub(super) left_out: u64,
}

/// What was used of a tool.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) class: Option<String>,
    pub(super) calls: u64,
    /// The most calls that one session made in a minute.
    pub(super) peak: u64,
}

impl Survey {
    /// Goes through the log.
    pub(super) fn of(records: &mut Records, policy: &Policy, since: Option<Timestamp>) -> anyhow::Result<Self> {
        let mut survey = Self::default();
        let mut minutes = Minutes::default();
        let mut replayer = Replayer::new(policy);
        let mut order = InOrder::default();
        records.each(|line, _| {
            if since.is_none_or(|since| line.time >= since)
                && let Some(call) = Call::of(line).filter(Call::reached_the_server)
                && let Some(next) = order.push(call)
            {
                survey.add(&next, &mut minutes, &mut replayer);
            }
            Ok(())
        })?;
        while let Some(next) = order.pop() {
            survey.add(&next, &mut minutes, &mut replayer);
        }
        Ok(survey)
    }

    fn add(&mut self, call: &Call, minutes: &mut Minutes, replayer: &mut Replayer<'_>) {
        self.calls += 1;
        self.first = self.first.or(Some(call.time));
        self.last = Some(call.time);
        if self.tools.len() >= MAX_TOLD_APART && !self.tools.contains_key(&*call.tool) {
            self.left_out += 1;
            return;
        }
        let used = self.tools.entry(call.tool.to_string()).or_default();
        used.calls += 1;
        used.peak = used.peak.max(minutes.count(call));
        if call.class.is_some() {
            used.class = call.class.as_ref().map(ToString::to_string);
        }
        let refusal = match replayer.decide(call) {
            Some(verdict) => refuses(verdict.effect).then_some(verdict.rule),
            // What it looks at is not in the log. Where a rule of the tool refused then, it may do so again.
            None => refuses(call.effect).then(|| call.rule.to_string()),
        };
        if let Some(rule) = refusal {
            *self.refused.entry((call.tool.to_string(), rule)).or_default() += 1;
        }
    }

    /// Whether the policy refuses calls of this tool.
    pub(super) fn refuses(&self, tool: &str) -> bool {
        self.refused.keys().any(|(refused, _)| refused == tool)
    }

    /// What is refused by more than the lack of an entry.
    pub(super) fn refused_by_hand(&self, policy: &Policy) -> BTreeMap<(String, String), u64> {
        let by_hand = self.refused.iter().filter(|((tool, _), _)| !lacks_an_entry(policy, tool));
        by_hand.map(|(key, count)| (key.clone(), *count)).collect()
    }

    /// Tells a person what is still refused, and has to be decided by them.
    pub(super) fn tell_refused(&self, policy: &Policy) {
        for ((tool, rule), count) in &self.refused {
            let how = if policy.looks_at_arguments(tool) { ", as the log has it," } else { "" };
            message::print_warning(&format!(
                "{} of {} reached the server and{how} would be refused by {}. That rule is left to you.",
                super::super::plural(*count, "call"),
                visible(tool),
                visible(rule)
            ));
        }
        if self.left_out > 0 {
            message::print_warning(&format!(
                "{} left out: there are too many tools.",
                super::super::plural(self.left_out, "call")
            ));
        }
    }
}

fn refuses(effect: Effect) -> bool {
    matches!(effect, Effect::Deny | Effect::Hide)
}

/// Whether a tool is refused by a rule that an entry of its own would replace, and not by a check or for every tool.
pub(super) fn lacks_an_entry(policy: &Policy, tool: &str) -> bool {
    let decision = policy.decide(tool);
    // Of the built-in policy nothing is left once the file has entries.
    let is_builtin = decision.rule.starts_with("builtin:");
    let is_for_all = decision.rule.starts_with("all_tools") || decision.rule.starts_with("tools.\"*\"");
    refuses(decision.effect) && (is_builtin || !(decision.rule.ends_with(']') || is_for_all))
}

/// The calls of the last minute, by session and tool.
#[derive(Debug, Default)]
struct Minutes(HashMap<(Box<str>, Box<str>), VecDeque<Timestamp>>);

impl Minutes {
    /// How many calls, with this one, the session made of the tool in the last minute.
    fn count(&mut self, call: &Call) -> u64 {
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
