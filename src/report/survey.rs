//! What was used of a server, by its log, and which of it a policy refuses.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::log_records::{LogError, LogRecords};
use super::recorded_calls::{Asked, RecordedCall, Replayer, entry_if_room};
use crate::content::StandInKind;
use crate::engine::find_item;
use crate::limits::MAX_TOLD_APART;
use crate::policy::{Effect, Policy, RequestSubject, Section};
use crate::record::Outcome;
use crate::wire::uri;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What was used: calls and other requests that were answered without an error.
#[derive(Debug, Default)]
pub(crate) struct UsageSurvey {
    pub(crate) tools: BTreeMap<String, ToolUsage>,
    /// What was used beside tools, by section and name; a URI in its normal form.
    pub(crate) items: BTreeMap<(Section, String), ToolUsage>,
    /// The kinds of values in their results that had stand-ins.
    pub(crate) stand_ins: BTreeSet<StandInKind>,
    /// How many calls of tools there were.
    pub(crate) calls: u64,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    /// How many of them the policy refuses, by tool and rule.
    pub(crate) refused: BTreeMap<(String, String), u64>,
    /// The same for the items.
    pub(crate) refused_items: BTreeMap<((Section, String), String), u64>,
    /// How many completions for a template the policy refuses.
    pub(crate) refused_templates: BTreeMap<String, u64>,
    /// Tools whose calls never succeeded, and those of which a person refused a call, with the number of such calls.
    pub(crate) failed: BTreeMap<String, FailedUse>,
    /// How many are left out because there are too many tools or items.
    pub(crate) left_out: u64,
    /// Warnings about lines that could not be read.
    pub(crate) warnings: Vec<String>,
}

/// How a tool, or another item, was used.
#[derive(Debug, Default)]
pub(crate) struct ToolUsage {
    /// Its risk class, if the log has one.
    pub(crate) class: Option<String>,
    pub(crate) calls: u64,
    /// The most calls that one session made in a minute.
    pub(crate) peak: u64,
    /// Whether a person was asked about a call.
    pub(crate) is_asked: bool,
}

/// Calls of a tool that did not succeed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailedUse {
    /// How many the server answered with an error, or not at all.
    pub(crate) errors: u64,
    /// How many a person refused.
    pub(crate) refusals: u64,
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
        survey.warnings = records.for_each_call(since, |call| match call.outcome {
            Outcome::Ok if call.is_template() => survey.add_completion(call, &mut replayer),
            _ if call.is_template() => {}
            Outcome::Ok => survey.add_call(call, &mut minutes, &mut replayer),
            _ => survey.add_failed(call),
        })?;
        Ok(survey)
    }

    fn add_completion(&mut self, call: &RecordedCall, replayer: &mut Replayer<'_>) {
        // What asks a person about a template refuses its completions.
        let passes = replayer.decide_call(call).is_ok_and(|verdict| verdict.effect == Effect::Allow);
        if let Some((_, template)) = call.section().filter(|_| !passes)
            && let Some(count) = entry_if_room(&mut self.refused_templates, template.to_owned(), u64::default)
        {
            *count += 1;
        }
    }

    fn add_failed(&mut self, call: &RecordedCall) {
        let (is_refusal, is_error) = (call.asked == Asked::Refused, call.was_passed_on);
        let Some(tool) = call.tool().filter(|_| is_refusal || is_error) else { return };
        if let Some(failed) = entry_if_room(&mut self.failed, tool.to_owned(), FailedUse::default) {
            failed.errors += u64::from(is_error);
            failed.refusals += u64::from(is_refusal);
        }
    }

    fn add_call(&mut self, call: &RecordedCall, minutes: &mut LastMinute, replayer: &mut Replayer<'_>) {
        let item = call.section().map(|(section, name)| match section {
            Section::Resources => (section, uri::normalize(name)),
            _ => (section, name.to_owned()),
        });
        self.calls += u64::from(item.is_none());
        self.first = self.first.or(Some(call.time));
        self.last = Some(call.time);
        self.stand_ins.extend(&call.stand_ins);
        let tool = call.tool().unwrap_or_default();
        let used = match &item {
            None => entry_if_room(&mut self.tools, tool.to_owned(), ToolUsage::default),
            Some(item) => entry_if_room(&mut self.items, item.clone(), ToolUsage::default),
        };
        let Some(used) = used else {
            self.left_out += 1;
            return;
        };
        used.calls += 1;
        used.is_asked |= call.asked != Asked::Nobody;
        used.peak = used.peak.max(minutes.count_call(call));
        if let Some(class) = &call.class {
            used.class = Some(class.to_string());
        }
        let refusal = match replayer.decide_call(call) {
            Ok(verdict) => is_refusal(verdict.effect).then_some(verdict.rule),
            // The log lacks what the policy checks. If a rule refused it then, it may do so again.
            Err(_) => is_refusal(call.effect).then(|| call.rule.to_string()),
        };
        if let Some(rule) = refusal {
            *match item {
                None => self.refused.entry((tool.to_owned(), rule)).or_default(),
                Some(item) => self.refused_items.entry((item, rule)).or_default(),
            } += 1;
        }
    }

    /// Whether a person refused a call of the tool.
    pub(crate) fn is_refused_by_person(&self, tool: &str) -> bool {
        self.failed.get(tool).is_some_and(|failed| failed.refusals > 0)
    }

    pub(crate) fn is_refused_item(&self, item: &(Section, String)) -> bool {
        self.refused_items.keys().any(|(refused, _)| refused == item)
    }

    pub(crate) fn is_refused(&self, tool: &str) -> bool {
        self.refused.keys().any(|(refused, _)| refused == tool)
    }
}

fn is_refusal(effect: Effect) -> bool {
    matches!(effect, Effect::Deny | Effect::Hide)
}

/// Whether a tool is refused only because nothing is said about it. What a person wrote against it stays.
pub(crate) fn lacks_an_entry(policy: &Policy, tool: &str) -> bool {
    let decision = policy.decide_tool(tool);
    is_refusal(decision.effect) && is_by_default(decision.rule)
}

/// Whether no person wrote a rule. A file with entries replaces the whole built-in policy.
fn is_by_default(rule: &str) -> bool {
    rule == "default" || rule.starts_with("builtin:")
}

/// The same for an item.
pub(crate) fn item_lacks_an_entry(policy: &Policy, (section, name): &(Section, String)) -> bool {
    let item = find_item(policy, *section, name);
    let decision = policy.decide_item(item);
    is_refusal(decision.effect) && is_by_default(decision.rule)
}

/// The calls of the last minute, by session and what they are about.
#[derive(Debug, Default)]
struct LastMinute(HashMap<SessionSubject, VecDeque<Timestamp>>);

/// A session, and what calls in it are about.
type SessionSubject = (Box<str>, RequestSubject<Box<str>>);

impl LastMinute {
    /// Adds a call, and returns how many such calls the session made in the last minute, including this one.
    fn count_call(&mut self, call: &RecordedCall) -> u64 {
        let is_over = |then: &Timestamp| call.time.duration_since(*then) >= MINUTE;
        if self.0.len() >= MAX_TOLD_APART {
            self.0.retain(|_, times| times.back().is_some_and(|last| !is_over(last)));
        }
        let times = self.0.entry((call.session.clone(), call.subject.clone())).or_default();
        while times.front().is_some_and(is_over) {
            times.pop_front();
        }
        times.push_back(call.time);
        times.len() as u64
    }
}
