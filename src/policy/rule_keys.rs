//! Intercept's rules: `tools.NAME.rules[]` with `name`, `action`, `conditions`, `on_deny`, `rate_limit` and `state`.
//!
//! A rule refuses unless its conditions hold. A condition on `state.TOOL.COUNTER` is the maximum of the rule's own
//! counter, which is aligned to the calendar and shared by all wrappers of the server.

use super::amount::Amount;
use super::condition::{Group, Operator};
use super::diagnostic::{Diagnostic, Report, quote};
use super::document::{choice, string, wrong_type};
use super::entry::{Body, COUNTER_OPERATORS, Check, Reason, RuleCheck, conditions, join};
use super::keys::{RULE, STATE};
use super::limit::{Increment, Scope, Units};
use super::limit_keys::{self, Align, LimitAsWritten, aligned, amount, argument, counter_name, spend_limit};
use super::source::Span;
use super::tree::{DocumentKey, DocumentNode, DocumentValue};
use super::window::Window;

/// Reads the rules of an entry into its body.
pub(super) fn rules(_entry: &str, node: &DocumentNode, body: &mut Body, report: &mut Report) {
    let DocumentValue::Array(items) = &node.value else {
        report.push(wrong_type(node, "`rules`", "a list of rules").hint("write [] for a tool that is just allowed"));
        return;
    };
    for (index, item) in items.iter().enumerate() {
        rule(format!("rules[{index}]"), item, body, report);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Evaluate,
    Deny,
}

fn rule(path: String, node: &DocumentNode, body: &mut Body, report: &mut Report) {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(
            wrong_type(node, "a rule", "a table").hint("such as { name = \"hourly limit\", rate_limit = \"5/hour\" }"),
        );
        return;
    };
    let mut action = Some(Action::Evaluate);
    let mut reason = Reason::default();
    let find = |name: &str| pairs.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
    let mut group = Group::default();
    for (key, value) in pairs {
        match key.name.as_str() {
            "name" => drop(string(value, "`name`", report)),
            "action" => {
                action = choice(value, "action", &[("evaluate", Action::Evaluate), ("deny", Action::Deny)], report)
                    .map(|action| action.value);
            }
            "reason" | "on_deny" => reason.read(key, value, report),
            "match" => group.join = join(value, report).unwrap_or_default(),
            "conditions" | "rate_limit" | "spend_limit" | "amount_from" | "state" => {}
            other => report.push(RULE.reject(other, key.span.clone())),
        }
    }
    let Some(action) = action else { return };
    let asks = ["conditions", "rate_limit", "spend_limit", "state"].into_iter().find(|key| find(key).is_some());
    match (action, asks) {
        (Action::Deny, None) => {
            body.rules.push(RuleCheck::Deny { path, reason: reason.text });
            return;
        }
        (Action::Deny, Some(key)) => {
            let message = format!("a rule that denies refuses always, so it takes no `{key}`");
            report.push(
                Diagnostic::error("conflicting-keys", node.span.clone(), message)
                    .hint("take it out, or write the conditions under `deny_if` of the tool"),
            );
            return;
        }
        (Action::Evaluate, None) => {
            report.push(
                Diagnostic::error("missing-key", node.span.clone(), "the rule asks for nothing")
                    .hint("give it `conditions` or a `rate_limit`, or `action` with \"deny\""),
            );
            return;
        }
        (Action::Evaluate, Some(_)) => {}
    }
    let mut maximum = None;
    let mut counters = Vec::new();
    if let Some(node) = find("conditions") {
        let (on_counters, others) = split(node);
        counters = on_counters;
        maximum = counters.iter().filter_map(|condition| counter_maximum(condition, report)).min();
        let Some(conditions) = conditions(&others, report) else { return };
        group.conditions = conditions;
    }
    if !group.conditions.is_empty() {
        group.reason.clone_from(&reason.text);
        body.rules.push(RuleCheck::Require(Check { path: path.clone(), group }));
    }
    let mut add = |limit: LimitAsWritten| {
        body.limits.push(LimitAsWritten { path: path.clone(), reason: reason.text.clone(), ..limit });
    };
    if let Some(limit) = find("rate_limit").and_then(|node| shorthand(node, report)) {
        add(limit);
    }
    if let Some(limit) = spend_limit(&path, find("spend_limit"), find("amount_from"), report) {
        // Both limits have the rule's path, and money must not be counted together with calls.
        let counter = find("spend_limit").map(|node| (format!("{path}.spend_limit"), node.span.clone()));
        add(LimitAsWritten { counter, ..limit });
    }
    match (find("state").map(|node| (node, state(node, report))), maximum) {
        (Some((_, Some(state))), Some(max)) => {
            for condition in &counters {
                same_counter(condition, &state.counter.0, report);
            }
            let units = if max.is_whole() { Units::Whole } else { Units::Decimal };
            let increment = state.increment.with_units(units);
            // Whole counts stop at a whole number: "less than 3" reads better as 2 than as 2.999999999.
            let max = if let Increment::Fixed(step) = &increment
                && step.is_whole()
            {
                max.floor()
            } else {
                max
            };
            add(LimitAsWritten {
                counter: Some(state.counter),
                increment,
                ..LimitAsWritten::on_calls("", max, state.window, Scope::Server)
            });
        }
        (Some((node, Some(_))), None) if counters.is_empty() => report.push(
            Diagnostic::error("no-maximum", node.span.clone(), "the rule counts, and no condition says how far")
                .hint("add a condition such as { path = \"state.TOOL.COUNTER\", op = \"lte\", value = 5 }"),
        ),
        (None, Some(_)) => report.push(
            Diagnostic::error("missing-key", node.span.clone(), "the rule asks for a counter that it does not keep")
                .hint("add `state` with `counter` and `window` to this rule"),
        ),
        (Some(_) | None, None) | (Some((_, None)), Some(_)) => {}
    }
}

/// `5/hour`, aligned to the calendar, as Intercept counts.
fn shorthand(node: &DocumentNode, report: &mut Report) -> Option<LimitAsWritten> {
    let text = string(node, "`rate_limit` of a rule", report)?;
    let (max, length) = limit_keys::rate(text, node, report)?;
    let window = aligned(length, Align::Calendar, &node.span, report)?;
    Some(LimitAsWritten::on_calls("", max, window, Scope::Server))
}

/// The conditions on counters, and the list of all others.
fn split(node: &DocumentNode) -> (Vec<&DocumentNode>, DocumentNode) {
    let DocumentValue::Array(items) = &node.value else { return (Vec::new(), node.clone()) };
    let (counters, others): (Vec<&DocumentNode>, Vec<&DocumentNode>) =
        items.iter().partition(|item| is_on_counter(item));
    let others = others.into_iter().cloned().collect();
    (counters, DocumentNode { span: node.span.clone(), value: DocumentValue::Array(others) })
}

fn part<'n>(item: &'n DocumentNode, name: &str) -> Option<&'n (DocumentKey, DocumentNode)> {
    let DocumentValue::Table(pairs) = &item.value else { return None };
    pairs.iter().find(|(key, _)| key.name == name)
}

fn is_on_counter(item: &DocumentNode) -> bool {
    matches!(part(item, "path"), Some((_, DocumentNode { value: DocumentValue::String(path), .. })) if path.starts_with("state."))
}

/// What a condition on a counter lets through at most: after the call is counted, as Intercept has it.
fn counter_maximum(item: &DocumentNode, report: &mut Report) -> Option<Amount> {
    let missing = |name: &str| {
        Diagnostic::error("missing-key", item.span.clone(), format!("the condition has no `{name}`"))
            .hint("a condition on a counter has `path`, `op` and `value`")
    };
    let (Some((_, op)), Some((_, value))) = (part(item, "op"), part(item, "value")) else {
        report.push(missing(if part(item, "op").is_none() { "op" } else { "value" }));
        return None;
    };
    let max = amount(value, "the maximum of a counter", report)?;
    let text = string(op, "`op`", report)?;
    match Operator::parse(text) {
        Ok(Operator::Lte) => Some(max),
        Ok(Operator::Lt) => max.before().or_else(|| {
            let message = "no count is below zero: every call would be refused";
            report.push(Diagnostic::error("bad-value", value.span.clone(), message).hint("use `action` with \"deny\""));
            None
        }),
        _ => {
            let message = format!("a counter cannot be asked with {}", quote(text));
            let words = COUNTER_OPERATORS.map(|operator| format!("`{operator}`")).join(" and ");
            report.push(
                Diagnostic::error("bad-operator", op.span.clone(), message).hint(format!("its operators are {words}")),
            );
            None
        }
    }
}

/// A rule asks about the counter that it keeps; the count of another would never be what it says.
fn same_counter(item: &DocumentNode, counter: &str, report: &mut Report) {
    let Some((_, DocumentNode { span, value: DocumentValue::String(path) })) = part(item, "path") else { return };
    if path.strip_suffix(counter).is_none_or(|before| !before.ends_with('.')) {
        let message = format!("{} is not the counter that this rule keeps", quote(path));
        let hint = format!("name the same one here and in `state`, whose counter is {}", quote(counter));
        report.push(Diagnostic::error("bad-path", span.clone(), message).hint(hint));
    }
}

/// The counter of a rule.
struct State {
    counter: (String, Span),
    window: Window,
    increment: Increment,
}

fn state(node: &DocumentNode, report: &mut Report) -> Option<State> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(
            wrong_type(node, "`state`", "a table").hint("such as { counter = \"daily_spend\", window = \"day\" }"),
        );
        return None;
    };
    let (mut counter, mut window, mut increment) = (None, None, Increment::Fixed(Amount::from_count(1)));
    for (key, value) in pairs {
        match key.name.as_str() {
            "counter" => counter = counter_name(value, report),
            "window" => {
                window = limit_keys::window(value, report)
                    .and_then(|length| aligned(length, Align::Calendar, &value.span, report));
            }
            "increment" => increment = Increment::Fixed(amount(value, "`increment`", report)?),
            "increment_from" => {
                increment = Increment::From { path: argument(value, report)?, units: Units::Decimal };
            }
            other => report.push(STATE.reject(other, key.span.clone())),
        }
    }
    for name in ["counter", "window"] {
        if !pairs.iter().any(|(key, _)| key.name == name) {
            let message = format!("the state has no `{name}`");
            report.push(
                Diagnostic::error("missing-key", node.span.clone(), message)
                    .hint("such as { counter = \"daily_spend\", window = \"day\" }"),
            );
        }
    }
    Some(State { counter: counter?, window: window?, increment })
}
