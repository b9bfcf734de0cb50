//! The known tools of a server, and how each of them is decided.

use std::collections::HashMap;

use serde::Serialize;

use super::edit::RuleDecision;
use super::tool_names::ToolNames;
use crate::policy::Policy;
use crate::risk::{Catalogue, Class, Listed, Risk, profile_tool};

/// A known tool.
#[derive(Debug, Serialize)]
pub(crate) struct ToolRow<'p> {
    /// The tool.
    pub(crate) tool: String,
    /// Its class under the policy.
    pub(crate) class: Class,
    /// How bad one mistaken call is.
    pub(crate) severity: Risk,
    /// What it does, if the catalogue has it.
    pub(crate) does: Option<&'static str>,
    /// How its calls are decided.
    #[serde(flatten)]
    pub(crate) decision: RuleDecision<'p>,
}

/// Lists the tools, the riskiest first. `locked` is what their server listed of them.
pub(crate) fn list_tools<'p>(
    policy: &'p Policy,
    known: &ToolNames,
    locked: &HashMap<String, Listed<'_>>,
) -> Vec<ToolRow<'p>> {
    let catalogue = policy.catalogue();
    let row = |tool: &str| ToolRow {
        tool: tool.to_owned(),
        class: policy.class_of(tool),
        severity: profile_tool(catalogue, locked.get(tool).unwrap_or(&Listed::with_name(tool))).severity,
        does: catalogue.and_then(|catalogue: &Catalogue| catalogue.tool_summary(tool)),
        decision: RuleDecision::for_tool(policy, tool),
    };
    let mut rows: Vec<_> = known.iter().map(row).collect();
    rows.sort_by(|one, other| (other.severity, other.class, &one.tool).cmp(&(one.severity, one.class, &other.tool)));
    rows
}
