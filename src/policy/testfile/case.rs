//! A case: one call, or several as steps.

use std::time::Duration;

use super::FILE;
use super::step::{self, Inherited, STEP, Step};
use crate::policy::diagnostic::{Diagnostic, Report};
use crate::policy::document::{string, wrong_type};
use crate::policy::keys::Keys;
use crate::policy::source::Source;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::visible::visible;

/// A session of its own, with its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What the case shows; where the file does not say, its number and its tool.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The calls, in the order of time.
    pub steps: Vec<Step>,
}

pub(super) const CASE: Keys = Keys {
    of: "a case",
    known: &["name", "tool", "args", "expect", "rule", "reason", "times", "retry_after", "steps"],
};

pub(super) const EXAMPLE: &str =
    "a case has `tool` and `expect`, such as [[case]] with tool = \"get_lists\" and expect = \"allow\" beneath it";

pub(super) fn cases(node: &DocumentNode, source: &Source, report: &mut Report) -> Vec<Case> {
    let DocumentValue::Array(items) = &node.value else {
        report.push(wrong_type(node, "`case`", "a list of cases").hint(EXAMPLE));
        return Vec::new();
    };
    if items.is_empty() {
        let error = Diagnostic::error("bad-value", node.span.clone(), "there is no case, so nothing is tested");
        report.push(error.hint(EXAMPLE));
    }
    items.iter().enumerate().filter_map(|(index, item)| case(index + 1, item, source, report)).collect()
}

fn case(number: usize, node: &DocumentNode, source: &Source, report: &mut Report) -> Option<Case> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(wrong_type(node, "a case", "a table").hint(EXAMPLE));
        return None;
    };
    let mut name = None;
    let mut steps = None;
    for (key, value) in pairs {
        match key.name.as_str() {
            "name" => name = string(value, "`name`", report),
            "steps" => steps = Some(value),
            known if CASE.known.contains(&known) => {}
            other => report.push(CASE.reject_among(&[&STEP, &FILE], other, key.span.clone())),
        }
    }
    let steps = match steps {
        None => {
            step::read("the case", node, pairs, &Inherited::default(), Duration::ZERO, report).into_iter().collect()
        }
        Some(steps) => {
            for (key, _) in pairs.iter().filter(|(key, _)| step::EXPECTATIONS.contains(&key.name.as_str())) {
                let message = format!("a case with `steps` says `{}` in each of them", key.name);
                report.push(
                    Diagnostic::error("conflicting-keys", key.span.clone(), message).hint("move it into the steps"),
                );
            }
            all_steps(steps, &Inherited::of(pairs), report)
        }
    };
    let line = source.place(node.span.start).line;
    let first = steps.first()?;
    let name = match name {
        Some(name) => visible(name),
        None => format!("case {number}: {} of {}", first.expected.effect, visible(&first.tool)),
    };
    Some(Case { name, line, steps })
}

fn all_steps(node: &DocumentNode, inherited: &Inherited<'_>, report: &mut Report) -> Vec<Step> {
    const EXAMPLE: &str = "such as [{ expect = \"allow\", times = 30 }, { expect = \"deny\", retry_after = 60 }]";
    let DocumentValue::Array(items) = &node.value else {
        report.push(wrong_type(node, "`steps`", "a list of steps").hint(EXAMPLE));
        return Vec::new();
    };
    if items.is_empty() {
        report.push(
            Diagnostic::error("bad-value", node.span.clone(), "there is no step, so nothing is tested").hint(EXAMPLE),
        );
    }
    let mut steps: Vec<Step> = Vec::with_capacity(items.len());
    for item in items {
        let DocumentValue::Table(pairs) = &item.value else {
            report.push(wrong_type(item, "a step", "a table").hint(EXAMPLE));
            continue;
        };
        for (key, _) in pairs.iter().filter(|(key, _)| !STEP.known.contains(&key.name.as_str())) {
            report.push(STEP.reject_among(&[&CASE, &FILE], &key.name, key.span.clone()));
        }
        let before = steps.last().map_or(Duration::ZERO, |step| step.at);
        steps.extend(step::read("the step", item, pairs, inherited, before, report));
    }
    steps
}
