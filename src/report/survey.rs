//! What was used of a server, by its log, and what of that a policy refuses.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::policy::{Effect, Policy};

/// What was used: calls that reached the server.
#[derive(Debug, Default)]
pub struct UsageSurvey {
    /// By name.
    pub tools: BTreeMap<String, ToolUsage>,
    /// How many calls reached the server.
    pub calls: u64,
    /// The time of the first of them.
    pub first: Option<Timestamp>,
    /// The time of the last of them.
    pub last: Option<Timestamp>,
    /// How many of them the policy refuses, by tool and rule.
    pub refused: BTreeMap<(String, String), u64>,
    /// How many calls are left out because there are too many tools.
    pub left_out: u64,
}

/// How a tool was used.
#[derive(Debug, Default)]
pub struct ToolUsage {
    /// Its risk class, where the log has one.
    pub class: Option<String>,
    /// How many calls reached the server.
    pub calls: u64,
    /// The most calls that one session made in a minute.
    pub peak: u64,
}

impl UsageSurvey {
    /// Whether the policy refuses calls of this tool.
    pub fn is_refused(&self, tool: &str) -> bool {
        self.refused.keys().any(|(refused, _)| refused == tool)
    }
}

/// Whether a call that comes out so is refused.
pub(crate) fn refuses(effect: Effect) -> bool {
    matches!(effect, Effect::Deny | Effect::Hide)
}

/// Whether a tool is refused by a rule that an entry of its own would replace, and not by a check or for every tool.
pub fn lacks_an_entry(policy: &Policy, tool: &str) -> bool {
    let decision = policy.decide(tool);
    // A file with entries replaces all of the built-in policy.
    let is_builtin = decision.rule.starts_with("builtin:");
    let is_for_all = decision.rule.starts_with("all_tools") || decision.rule.starts_with("tools.\"*\"");
    refuses(decision.effect) && (is_builtin || !(decision.rule.ends_with(']') || is_for_all))
}
