//! A step: a call, some times over, and what is expected of each.

use std::time::Duration;

use super::{missing, whole};
use crate::limits::{MAX_TEST_CALLS, MAX_WINDOW};
use crate::policy::decision::Effect;
use crate::policy::diagnostic::{Diagnostic, Report};
use crate::policy::document::{choice, string, wrong_type};
use crate::policy::json;
use crate::policy::keys::Keys;
use crate::policy::limit_keys;
use crate::policy::tree::{DocumentKey, DocumentNode, DocumentValue};
use crate::wire::arguments::Arguments;

/// A call that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tool.
    pub tool: String,
    /// What it is called with.
    pub arguments: Arguments,
    /// What every one of the calls is to come to.
    pub expected: Expected,
    /// How often it is called, at once.
    pub times: u32,
    /// When, since the case's session began.
    pub at: Duration,
}

/// What is expected of a call. What is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What happens.
    pub effect: Effect,
    /// The path of the rule that says so.
    pub rule: Option<String>,
    /// A part of what the agent is told.
    pub reason: Option<String>,
    /// After how many seconds the agent is told to try again.
    pub retry_after: Option<u64>,
}

pub(super) const STEP: Keys =
    Keys { of: "a step", known: &["tool", "args", "expect", "rule", "reason", "times", "retry_after", "at", "after"] };

/// The keys of a case that belong into its steps, where it has any.
pub(super) const EXPECTATIONS: [&str; 5] = ["expect", "rule", "reason", "times", "retry_after"];

/// What a case says for all its steps.
#[derive(Default)]
pub(super) struct Inherited<'n> {
    tool: Option<&'n DocumentNode>,
    args: Option<&'n DocumentNode>,
}

impl<'n> Inherited<'n> {
    pub(super) fn of(pairs: &'n [(DocumentKey, DocumentNode)]) -> Self {
        let find = |name| pairs.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
        Self { tool: find("tool"), args: find("args") }
    }
}

/// Reads the keys of a step. `before` is the time of the step before it.
pub(super) fn read(
    of: &str,
    node: &DocumentNode,
    pairs: &[(DocumentKey, DocumentNode)],
    inherited: &Inherited<'_>,
    before: Duration,
    report: &mut Report,
) -> Option<Step> {
    let find = |name: &str| pairs.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
    let errors = report.errors();
    let tool = find("tool").or(inherited.tool);
    if tool.is_none() {
        report.push(missing(of, "tool", node.span.clone(), "name the tool that is called, as in tools/list"));
    }
    if find("expect").is_none() {
        let hint = "say what is expected: \"allow\", \"deny\", \"hide\" or \"require_approval\"";
        report.push(missing(of, "expect", node.span.clone(), hint));
    }
    let tool = tool.and_then(|node| string(node, "`tool`", report));
    let arguments = match find("args").or(inherited.args) {
        Some(args) => arguments(args, report),
        None => Some(Arguments::default()),
    };
    let effect = find("expect").and_then(|node| choice(node, "expect", &EFFECTS, report));
    let text = |name: &str, report: &mut Report| {
        find(name).and_then(|node| string(node, &format!("`{name}`"), report)).map(str::to_owned)
    };
    let (rule, reason) = (text("rule", report), text("reason", report));
    let times = find("times").map_or(Some(1), |node| whole(node, "times", 1..=MAX_TEST_CALLS, report));
    let retry_after = find("retry_after").and_then(|node| moment(node, report)).map(|wait| wait.as_secs());
    let at = time(find("at"), find("after"), before, report);
    let step = Step {
        tool: tool?.to_owned(),
        arguments: arguments?,
        expected: Expected { effect: effect?.value, rule, reason, retry_after },
        times: times?,
        at: at?,
    };
    Some(step).filter(|_| report.errors() == errors)
}

const EFFECTS: [(&str, Effect); 4] = [
    ("allow", Effect::Allow),
    ("deny", Effect::Deny),
    ("hide", Effect::Hide),
    ("require_approval", Effect::RequireApproval),
];

/// The arguments as a table, or as a string that holds them as a client may spell them.
fn arguments(node: &DocumentNode, report: &mut Report) -> Option<Arguments> {
    let text = match &node.value {
        DocumentValue::String(text) => text.clone(),
        DocumentValue::Table(_) => {
            let mut text = String::new();
            if let Err(error) = json::write(node, &mut text) {
                report.push(error);
                return None;
            }
            text
        }
        _ => {
            report.push(
                wrong_type(node, "`args`", "a table of arguments").hint("such as { campaignId = 77, dryRun = true }"),
            );
            return None;
        }
    };
    match Arguments::parse(&text) {
        Ok(arguments) => Some(arguments),
        Err(fault) => {
            let message = format!("no call has these arguments: {fault}");
            report.push(
                Diagnostic::error("bad-arguments", node.span.clone(), message)
                    .hint("they are one JSON object that every parser reads alike"),
            );
            None
        }
    }
}

/// When a step is: `at` since the case began, or `after` the step before it.
fn time(
    at: Option<&DocumentNode>,
    after: Option<&DocumentNode>,
    before: Duration,
    report: &mut Report,
) -> Option<Duration> {
    match (at, after) {
        (None, None) => Some(before),
        (Some(node), Some(_)) => {
            let message = "`at` and `after` both say when the step is";
            report.push(Diagnostic::error("conflicting-keys", node.span.clone(), message).hint("keep one of the two"));
            None
        }
        (Some(node), None) => {
            let at = moment(node, report)?;
            if at < before {
                let message = "the step before this one is later, and time does not go back";
                report.push(
                    Diagnostic::error("bad-time", node.span.clone(), message)
                        .hint("`at` counts from the start of the case; `after` counts from the step before"),
                );
                return None;
            }
            Some(at)
        }
        (None, Some(node)) => Some(before.saturating_add(moment(node, report)?)),
    }
}

/// A length of time, which may be none: seconds, or as windows are written.
fn moment(node: &DocumentNode, report: &mut Report) -> Option<Duration> {
    if matches!(&node.value, DocumentValue::Integer(text) if text == "0") {
        return Some(Duration::ZERO);
    }
    limit_keys::window(node, report).map(|length| length.length()).filter(|length| *length <= MAX_WINDOW)
}
