//! What a policy says beside tool calls.

use serde::Serialize;

use super::inspection::ToolLimit;
use super::limit::WindowText;
use crate::policy::{BesideTools, Effect, Limit, Mode, Policy, Section, SectionEntry, SectionTally};
use crate::visible::escape_invisible;

/// A section of the policy in force.
#[derive(Debug, Serialize)]
pub(crate) struct SectionExplanation<'p> {
    /// How many entries it has, and what holds without one.
    #[serde(flatten)]
    pub(crate) tally: SectionTally,
    /// Its entries, the most specific first: of several that match, that one counts.
    pub(crate) entries: Vec<ExplainedEntry<'p>>,
}

/// An entry of a section.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedEntry<'p> {
    /// Its path in the policy document.
    pub(crate) rule: &'p str,
    /// What happens.
    pub(crate) effect: Effect,
    /// The limits.
    limits: Vec<ToolLimit<'p>>,
    /// Whether the effect also depends on the URI or the arguments.
    looks_at_arguments: bool,
    /// Whether it also depends on what the session has read and called before.
    looks_at_session: bool,
    /// What the agent is told about the rule.
    reason: Option<&'p str>,
}

impl<'p> SectionExplanation<'p> {
    /// Explains every section of a policy.
    pub(crate) fn explain_policy(policy: &'p Policy) -> [Self; 4] {
        Section::ALL.map(|section| Self {
            tally: policy.tally_section(section),
            entries: policy.section_entries(section).into_iter().map(ExplainedEntry::new).collect(),
        })
    }
}

impl<'p> ExplainedEntry<'p> {
    fn new(entry: SectionEntry<'p>) -> Self {
        let limit = |limit: &'p Limit| ToolLimit { scope: Some(limit.scope), ..ToolLimit::from(limit) };
        Self {
            rule: entry.decision.rule,
            effect: entry.decision.effect,
            limits: entry.limits().map(limit).collect(),
            looks_at_arguments: entry.looks_at_arguments(),
            looks_at_session: entry.looks_at_session(),
            reason: entry.decision.reason,
        }
    }

    /// Describes what else the entry says: `at most 2 per minute, depends on the arguments`.
    pub(crate) fn describe_details(&self) -> String {
        let refuses = matches!(self.effect, Effect::Deny | Effect::Hide);
        let mut details = Vec::new();
        if !refuses {
            details.extend(
                self.limits.iter().map(|limit| format!("at most {} per {}", limit.max, WindowText(limit.window))),
            );
            details
                .extend((self.looks_at_arguments || self.looks_at_session).then(|| "subject to conditions".to_owned()));
        }
        details.extend(self.reason.filter(|_| self.effect != Effect::Allow).map(escape_invisible));
        details.join(", ")
    }
}

/// Returns what decides where a section has no entry, in a sentence.
pub(crate) fn describe_otherwise(policy: &Policy) -> &'static str {
    let beside = policy.beside_tools();
    match (policy.mode(), policy.otherwise()) {
        (Mode::Builtin, _) => "These are the built-in rules. A policy file can have entries for each.",
        (Mode::Patch, Effect::Deny | Effect::Hide) if beside == BesideTools::Builtin => {
            "The file only hides, so the built-in rules cover what has no entry here."
        }
        _ if beside == BesideTools::Builtin => {
            "The file has `beside_tools = \"builtin\"`, so the built-in rules cover what has no entry here."
        }
        (_, Effect::Allow) => "`default = \"allow\"` covers what has no entry here.",
        (Mode::Patch, _) => "`default = \"deny\"` covers what has no entry here, as `beside_tools` says.",
        (Mode::Standalone, _) => "The file stands alone, so `default = \"deny\"` covers what has no entry here.",
    }
}
