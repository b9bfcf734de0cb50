//! Intercept's rules: `tools.NAME.rules[]` with `name`, `action`, `conditions`, `on_deny`, `rate_limit` and `state`.
//!
//! A rule refuses unless its conditions hold. A condition on `state.TOOL.COUNTER` is the maximum of the rule's own
//! counter, which is aligned to the calendar and shared by all wrappers of the server.

use super::amount::Amount;
use super::condition::{ConditionGroup, GroupKind, Match, Operator};
use super::diagnostic::{Report, quote_for_message};
use super::document::POLICY;
use super::entry::EntryCompiler;
use super::group_keys::GroupedCondition;
use super::keys::kinds::{Located, Unread};
use super::keys::words::words;
use super::keys::{FromDocument as _, TableSpec, table};
use super::limit::{Increment, Limit, Scope, Units};
use super::limit_keys::{Align, AmountArgument, CounterName, RateAsWritten, Spend, spend_limit};
use super::tree::DocumentNode;
use super::window::WindowLength;

table! {
    /// A rule as Intercept has it: refused unless its conditions hold and its limits are not reached.
    pub(super) RuleKeys = TableSpec {
        of: "a rule",
        many: "rules",
        definition: "Rule",
        example: "{ name = \"hourly limit\", rate_limit = \"5/hour\" }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// For people.
    "name" => _name: String,
    /// Whether the rule judges the call, or refuses every call.
    "action" => action: RuleAction = "evaluate",
    /// What must hold. A condition on `state.TOOL.COUNTER` is the maximum of the rule's own counter.
    "conditions" => conditions: Vec<Unread<GroupedCondition>>,
    /// Whether all of them must hold, or any.
    "match" => join: Match = "all",
    /// The reason that the agent gets.
    "reason" | "on_deny" => reason: String,
    /// How many calls are let through in a minute, an hour or a day of UTC.
    "rate_limit" => rate_limit: Located<RateAsWritten>,
    /// How much money is let through; needs `amount_from`.
    "spend_limit" => spend_limit: Located<Spend>,
    /// The argument that holds the amount for `spend_limit`.
    "amount_from" => amount_from: Located<AmountArgument>,
    /// The rule's own counter.
    "state" => state: CounterKeys,
}

words! {
    /// What a rule does.
    pub(super) enum RuleAction("RuleAction");
    /// The call is judged by the rule.
    "evaluate" => Evaluate,
    /// Every call is refused.
    "deny" => Deny,
}

table! {
    /// A counter of a rule.
    pub(super) CounterKeys = TableSpec {
        of: "the state of a rule",
        many: "counters",
        definition: "State",
        example: "{ counter = \"daily_spend\", window = \"day\" }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// Its name.
    required "counter" => counter: Located<CounterName>,
    /// How long it counts: a minute, an hour or a day of UTC.
    required "window" => window: Located<WindowLength>,
    /// How much each call counts; 1 without it.
    "increment" => increment: Amount,
    /// The argument that says how much a call counts.
    "increment_from" => increment_from: AmountArgument,
}

impl RuleKeys {
    pub(super) fn compile(mut self, place: &str, entry: &mut EntryCompiler<'_>) {
        let span = &self.table.span;
        let asks = ["conditions", "rate_limit", "spend_limit", "state"].into_iter().find(|key| self.table.has(key));
        match (self.action, asks) {
            (Some(RuleAction::Evaluate), Some(_)) => {}
            (None, _) => return,
            (Some(RuleAction::Deny), None) => {
                // Without conditions, a denial always refuses.
                let group = ConditionGroup { reason: self.reason, ..ConditionGroup::default() };
                return entry.checks.refusals.push(entry.new_check(place, GroupKind::Denial, group));
            }
            (Some(RuleAction::Deny), Some(key)) => {
                let message = format!("a rule that denies refuses every call, so it takes no `{key}`");
                let hint = "remove it, or write the conditions under `deny_if` of the tool";
                return entry.report.push_error("conflicting-keys", span, message, hint);
            }
            (Some(RuleAction::Evaluate), None) => {
                let hint = "give it `conditions` or a `rate_limit`, or `action` with \"deny\"";
                return entry.report.push_error("missing-key", span, "the rule does nothing", hint);
            }
        }
        let conditions = self.conditions.take().unwrap_or_default().into_iter().map(|condition| condition.0);
        let (on_counters, others): (Vec<_>, Vec<_>) = conditions.partition(is_on_counter);
        let maximum = on_counters.iter().filter_map(|condition| counter_maximum(condition, entry.report)).min();
        let conditions: Vec<_> = others.iter().map(|node| GroupedCondition::compile(node, entry.report)).collect();
        let Some(conditions) = conditions.into_iter().collect::<Option<Vec<_>>>() else { return };
        let reason = self.reason.clone();
        if !conditions.is_empty() {
            let group = ConditionGroup { conditions, join: self.join.unwrap_or_default(), reason: reason.clone() };
            entry.checks.refusals.push(entry.new_check(place, GroupKind::Requirement, group));
        }
        if let Some(Located { span, value: RateAsWritten { max, length } }) = self.rate_limit.take()
            && let Some(window) = Align::Calendar.align_window(length, &span, entry.report)
        {
            let limit = Limit { reason: reason.clone(), ..Limit::on_calls(max, window, Scope::Server) };
            entry.add_limit(place, None, limit);
        }
        let (spend, amount_from) = (self.spend_limit.take(), self.amount_from.take());
        let span = spend.as_ref().map(|spend| spend.span.clone());
        if let Some(limit) = spend_limit(spend, amount_from, &self.table, entry.report) {
            // All limits of a rule have its path, and money must not be counted together with calls.
            let counter = span.map(|span| Located { span, value: CounterName(format!("{place}.spend_limit")) });
            entry.add_limit(place, counter, Limit { reason: reason.clone(), ..limit });
        }
        if let Some((counter, limit)) = self.counter_limit(&on_counters, maximum, entry.report) {
            entry.add_limit(place, Some(counter), Limit { reason, ..limit });
        }
    }

    /// Builds the limit of the rule's own counter from the conditions on it.
    fn counter_limit(
        self,
        conditions: &[DocumentNode],
        maximum: Option<Amount>,
        report: &mut Report,
    ) -> Option<(Located<CounterName>, Limit)> {
        if !self.table.has("state") && maximum.is_some() {
            let message = "the rule reads a counter that it does not keep";
            let hint = "add `state` with `counter` and `window` to this rule";
            report.push_error("missing-key", &self.table.span, message, hint);
        }
        let state = self.state?;
        let (counter, window) = (state.counter?, state.window?);
        let window = Align::Calendar.align_window(window.value, &window.span, report)?;
        let Some(max) = maximum else {
            if conditions.is_empty() {
                let hint = "add a condition such as { path = \"state.TOOL.COUNTER\", op = \"lte\", value = 5 }";
                let message = "the rule counts, and no condition says how far";
                report.push_error("no-maximum", &state.table.span, message, hint);
            }
            return None;
        };
        for condition in conditions {
            check_same_counter(condition, &counter.value.0, report);
        }
        let units = if max.is_whole() { Units::Whole } else { Units::Decimal };
        // If there are both `increment` and `increment_from`, the later one counts.
        let last = state.table.written.iter().rfind(|(key, _)| key.starts_with("increment"));
        let is_last = last.is_some_and(|(key, _)| *key == "increment_from");
        let increment = match (state.increment_from, state.increment) {
            (Some(AmountArgument(path)), _) if is_last => Increment::From { path, units },
            (_, fixed) => Increment::Fixed(fixed.unwrap_or(Amount::ONE)),
        };
        // A whole count stops at a whole number: as a maximum, "less than 3" reads better as 2 than as 2.999999999.
        let max = if matches!(&increment, Increment::Fixed(step) if step.is_whole()) { max.round_down() } else { max };
        Some((counter, Limit { increment, ..Limit::on_calls(max, window, Scope::Server) }))
    }
}

fn is_on_counter(condition: &DocumentNode) -> bool {
    condition.member("path").and_then(DocumentNode::as_text).is_some_and(|path| path.starts_with("state."))
}

/// The most that a condition on a counter lets through, with the call included, as in Intercept.
fn counter_maximum(condition: &DocumentNode, report: &mut Report) -> Option<Amount> {
    let mut member = |name| {
        let member = condition.member(name);
        if member.is_none() {
            let hint = "a condition on a counter has `path`, `op` and `value`";
            report.push_error("missing-key", &condition.span, format!("the condition has no `{name}`"), hint);
        }
        member
    };
    let (op, value) = (member("op")?, member("value")?);
    let max = Amount::read(value, "the maximum of a counter", report)?;
    let text = String::read(op, "`op`", report)?;
    match Operator::parse(&text) {
        Ok(Operator::Lte) => Some(max),
        Ok(Operator::Lt) => max.largest_below().or_else(|| {
            let message = "no count is below zero: every call would be refused";
            report.push_error("bad-value", &value.span, message, "use `action` with \"deny\"");
            None
        }),
        _ => {
            let message = format!("a counter cannot be compared with {}", quote_for_message(&text));
            report.push_error("bad-operator", &op.span, message, "its operators are `lt` and `lte`");
            None
        }
    }
}

/// Reports a condition on a counter that its rule does not keep: the condition would have no effect.
fn check_same_counter(condition: &DocumentNode, counter: &str, report: &mut Report) {
    let Some((node, path)) = condition.member("path").and_then(|node| Some((node, node.as_text()?))) else { return };
    if path.strip_suffix(counter).is_none_or(|before| !before.ends_with('.')) {
        let message = format!("{} is not the counter that this rule keeps", quote_for_message(path));
        let hint = format!("name the same one here and in `state`, whose counter is {}", quote_for_message(counter));
        report.push_error("bad-path", &node.span, message, hint);
    }
}
