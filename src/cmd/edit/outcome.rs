//! Which decisions an edit changes.

use serde::Serialize;

use crate::policy::edit::known_tools;
use crate::policy::{Effect, Limit, Policy, Scope};
use crate::report::limit::WindowText;
use crate::term::style::{ERROR, SUCCESS, WARN};
use crate::term::table::Cell;
use crate::visible::visible;

/// What `--format json` prints. Fields are added to it and never taken away.
#[derive(Serialize)]
pub(super) struct Json<'c> {
    pub(super) file: &'c str,
    pub(super) server: &'c str,
    pub(super) changed: bool,
    pub(super) written: bool,
    pub(super) decisions: Vec<Change<'c>>,
}

/// A tool that fares otherwise than before.
#[derive(Serialize)]
pub(super) struct Change<'c> {
    tool: String,
    before: Fares<'c>,
    after: Fares<'c>,
}

/// How a tool fares.
#[derive(Serialize, PartialEq)]
struct Fares<'c> {
    effect: &'static str,
    rule: &'c str,
    reason: Option<&'c str>,
    /// Such as `10 a minute`.
    limits: Vec<String>,
}

impl<'c> Fares<'c> {
    fn of(policy: &'c Policy, tool: &str) -> Self {
        let decision = policy.decide(tool);
        let limits: Vec<_> = match decision.effect {
            Effect::Allow | Effect::RequireApproval => policy.limits(tool).map(limit).collect(),
            Effect::Deny | Effect::Hide => Vec::new(),
        };
        Self { effect: decision.effect.as_str(), rule: decision.rule, reason: decision.reason, limits }
    }

    fn cell(&self, note: &str) -> Cell {
        let style = match self.effect {
            word if word == Effect::Allow.as_str() => SUCCESS,
            word if word == Effect::RequireApproval.as_str() => WARN,
            _ => ERROR,
        };
        let limits = if self.limits.is_empty() { String::new() } else { format!(", {}", self.limits.join(", ")) };
        Cell::styled(format!("{}{limits}{note}", self.effect), style)
    }
}

fn limit(limit: &Limit) -> String {
    let whose = if limit.scope == Scope::Server { " over all sessions" } else { "" };
    format!("{} a {}{whose}", limit.max, WindowText(limit.window))
}

impl Change<'_> {
    /// A row of the table.
    pub(super) fn row(&self) -> Vec<Cell> {
        let rule = Cell::plain(visible(self.after.rule));
        // Else a row would show the same twice, and not what changes.
        let is_told = self.before.effect != self.after.effect || self.before.limits != self.after.limits;
        let note = if is_told { "" } else { ", another reason" };
        vec![Cell::plain(visible(&self.tool)), self.before.cell(""), self.after.cell(note), rule]
    }
}

/// The known tools that fare otherwise than before, in the order of their names. A rule of the same effect that only stands
/// elsewhere is no change.
pub(super) fn changes<'c>(before: &'c Policy, after: &'c Policy) -> Vec<Change<'c>> {
    let mut tools = known_tools(before);
    tools.extend(known_tools(after));
    let changes = tools.into_iter().map(|tool| {
        let (before, after) = (Fares::of(before, &tool), Fares::of(after, &tool));
        Change { tool, before, after }
    });
    let same = |change: &Change<'_>| {
        let Change { before, after, .. } = change;
        before.effect == after.effect && before.reason == after.reason && before.limits == after.limits
    };
    changes.filter(|change| !same(change)).collect()
}
