//! What a policy holds a tool's calls to, whatever their arguments: to tell a person, not to decide.

use super::compile::{Checks, Policy};
use super::limit::Limit;

/// What calls of one tool are held to, besides its decision.
#[derive(Debug)]
pub struct Terms<'p> {
    /// What is counted, the tool's own limits first.
    pub limits: Vec<&'p Limit>,
    /// How many groups of conditions look at the arguments.
    pub conditions: usize,
}

impl Policy {
    /// What calls of the tool are held to, whatever their arguments.
    pub fn terms(&self, tool: &str) -> Terms<'_> {
        let checks = || self.checks_of(tool).into_iter().flatten();
        Terms {
            limits: checks().flat_map(|checks| &checks.limits).collect(),
            conditions: checks().map(conditions).sum(),
        }
    }
}

fn conditions(checks: &Checks) -> usize {
    checks.deny_if.len() + checks.require.len() + checks.rules.len() + checks.approve_if.len()
}
