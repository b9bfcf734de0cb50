//! What an edit of a policy did, and which decisions it changes.

use serde::Serialize;

use super::limit::WindowText;
use super::tool_names::ToolNames;
use crate::policy::{BuiltinTitle, Decision, Effect, Limit, Policy, Scope, Section, SectionEntry};

/// The result of `allow`, `deny`, `hide`, `limit`, `ask`, `reset` and `add`.
#[derive(Debug, Serialize)]
pub(crate) struct EditReport<'p> {
    /// The policy file.
    pub(crate) file: &'p str,
    /// The server that the policy is for.
    pub(crate) server: &'p str,
    /// What the built-in policy of the server is called in a sentence.
    #[serde(skip)]
    pub(crate) builtin: BuiltinTitle,
    /// Whether the policy had to be changed.
    pub(crate) changed: bool,
    /// Whether the file was written; `false` after a dry run.
    pub(crate) written: bool,
    /// The decisions on known tools that change.
    pub(crate) decisions: Vec<DecisionChange<'p>>,
    /// The entries of the sections beside `tools` that change.
    pub(crate) entries: Vec<EntryChange<'p>>,
}

/// A known tool whose calls are decided differently than before.
#[derive(Debug, Serialize)]
pub(crate) struct DecisionChange<'p> {
    /// The tool.
    pub(crate) tool: String,
    /// The decision before.
    pub(crate) before: RuleDecision<'p>,
    /// The decision now.
    pub(crate) after: RuleDecision<'p>,
}

/// An entry for something other than a tool that decides differently than before.
#[derive(Debug, Serialize)]
pub(crate) struct EntryChange<'p> {
    /// The section that it is in.
    pub(crate) section: Section,
    /// Its path in the policy document.
    pub(crate) rule: &'p str,
    /// What it decided before; `None` if it was not there.
    pub(crate) before: Option<RuleDecision<'p>>,
    /// What it decides now; `None` if it is gone.
    pub(crate) after: Option<RuleDecision<'p>>,
}

/// How calls of a tool, or other requests, are decided.
#[derive(Debug, Serialize)]
pub(crate) struct RuleDecision<'p> {
    /// `allow`, `require_approval`, `deny` or `hide`.
    pub(crate) effect: &'static str,
    /// The path of the rule that decides.
    pub(crate) rule: &'p str,
    /// The reason that the agent is given.
    pub(crate) reason: Option<&'p str>,
    /// The limits on calls that pass, such as `10 per minute`.
    pub(crate) limits: Vec<String>,
}

impl<'p> RuleDecision<'p> {
    pub(crate) fn for_tool(policy: &'p Policy, tool: &str) -> Self {
        Self::new(policy.decide_tool(tool), policy.limits_of(tool))
    }

    fn of_entry(entry: SectionEntry<'p>) -> Self {
        Self::new(entry.decision, entry.limits())
    }

    fn new(decision: Decision<'p>, limits: impl Iterator<Item = &'p Limit>) -> Self {
        let limits = match decision.effect {
            Effect::Allow | Effect::RequireApproval => limits.map(describe_limit).collect(),
            Effect::Deny | Effect::Hide => Vec::new(),
        };
        Self { effect: decision.effect.as_str(), rule: decision.rule, reason: decision.reason, limits }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.effect == other.effect && self.reason == other.reason && self.limits == other.limits
    }
}

fn describe_limit(limit: &Limit) -> String {
    let whose = match limit.scope {
        Scope::Session => "",
        Scope::Client => " over all sessions of a client",
        Scope::Server => " over all sessions",
    };
    format!("{} per {}{whose}", limit.max, WindowText(limit.window))
}

/// Returns the known tools whose decisions differ, sorted by name. The same decision by another rule is no change.
pub(crate) fn compare_decisions<'p>(
    before: &'p Policy,
    after: &'p Policy,
    known: &ToolNames,
) -> Vec<DecisionChange<'p>> {
    let mut tools = before.known_tools();
    tools.extend(after.known_tools());
    tools.extend(known.iter().map(str::to_owned));
    let change = |tool: String| {
        let [before, after] = [before, after].map(|policy| RuleDecision::for_tool(policy, &tool));
        (!before.is_same(&after)).then_some(DecisionChange { tool, before, after })
    };
    tools.into_iter().filter_map(change).collect()
}

/// Returns the entries of the sections beside `tools` that differ, and those that only one of the policies has.
pub(crate) fn compare_entries<'p>(before: &'p Policy, after: &'p Policy) -> Vec<EntryChange<'p>> {
    Section::ALL.into_iter().flat_map(|section| compare_section(section, before, after)).collect()
}

fn compare_section<'p>(section: Section, before: &'p Policy, after: &'p Policy) -> Vec<EntryChange<'p>> {
    let [before, after] = [before, after].map(|policy| policy.section_entries(section));
    let find = |entries: &[SectionEntry<'p>], rule| entries.iter().find(|entry| entry.decision.rule == rule).copied();
    let gone = before.iter().filter(|old| find(&after, old.decision.rule).is_none());
    let rules = gone.chain(&after).map(|entry| entry.decision.rule);
    let change = |rule| {
        let [before, after] = [&before, &after].map(|entries| find(entries, rule).map(RuleDecision::of_entry));
        let is_same = matches!((&before, &after), (Some(before), Some(after)) if before.is_same(after));
        (!is_same).then_some(EntryChange { section, rule, before, after })
    };
    rules.filter_map(change).collect()
}
