//! What an edit of a policy did, and which decisions it changes.

use serde::Serialize;

use super::limit::WindowText;
use crate::policy::{Effect, Limit, Policy, Scope};

/// The result of `allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`.
#[derive(Debug, Serialize)]
pub(crate) struct EditReport<'p> {
    /// The policy file.
    pub(crate) file: &'p str,
    /// The server that the policy is for.
    pub(crate) server: &'p str,
    /// Whether the policy had to be changed.
    pub(crate) changed: bool,
    /// Whether the file was written; `false` after a dry run.
    pub(crate) written: bool,
    /// The decisions on known tools that change.
    pub(crate) decisions: Vec<DecisionChange<'p>>,
}

/// A known tool whose calls are decided differently than before.
#[derive(Debug, Serialize)]
pub(crate) struct DecisionChange<'p> {
    /// The tool.
    pub(crate) tool: String,
    /// The decision before.
    pub(crate) before: ToolDecision<'p>,
    /// The decision now.
    pub(crate) after: ToolDecision<'p>,
}

/// How calls of a tool are decided.
#[derive(Debug, Serialize)]
pub(crate) struct ToolDecision<'p> {
    /// `allow`, `require_approval`, `deny` or `hide`.
    pub(crate) effect: &'static str,
    /// The path of the rule that decides.
    pub(crate) rule: &'p str,
    /// The reason that the agent is given.
    pub(crate) reason: Option<&'p str>,
    /// The limits on calls that pass, such as `10 a minute`.
    pub(crate) limits: Vec<String>,
}

impl<'p> ToolDecision<'p> {
    fn new(policy: &'p Policy, tool: &str) -> Self {
        let decision = policy.decide_tool(tool);
        let limits = match decision.effect {
            Effect::Allow | Effect::RequireApproval => policy.limits_of(tool).map(describe_limit).collect(),
            Effect::Deny | Effect::Hide => Vec::new(),
        };
        Self { effect: decision.effect.as_str(), rule: decision.rule, reason: decision.reason, limits }
    }
}

fn describe_limit(limit: &Limit) -> String {
    let whose = if limit.scope == Scope::Server { " over all sessions" } else { "" };
    format!("{} a {}{whose}", limit.max, WindowText(limit.window))
}

/// Returns the known tools whose decisions differ, sorted by name. The same decision by another rule is no change.
pub(crate) fn compare_decisions<'p>(before: &'p Policy, after: &'p Policy) -> Vec<DecisionChange<'p>> {
    let mut tools = before.known_tools();
    tools.extend(after.known_tools());
    let change = |tool: String| {
        let (before, after) = (ToolDecision::new(before, &tool), ToolDecision::new(after, &tool));
        let is_same = before.effect == after.effect && before.reason == after.reason && before.limits == after.limits;
        (!is_same).then_some(DecisionChange { tool, before, after })
    };
    tools.into_iter().filter_map(change).collect()
}
