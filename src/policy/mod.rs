//! The policy: a document as written, its diagnostics, and the compiled, immutable [`Policy`] that decides.

mod decision;

pub use decision::{Decision, Effect};

/// A compiled, immutable policy.
#[derive(Debug)]
pub struct Policy {}

impl Policy {
    /// What the policy says about a call of `tool`. Never fails and never allocates.
    pub fn decide<'p>(&'p self, _tool: &str) -> Decision<'p> {
        Decision { effect: Effect::Deny, rule: "default", reason: None, file: None }
    }

    /// Whether the prompt of this name is named after a tool that is hidden, and by which rule.
    pub fn hides_prompt(&self, _name: &str, _seen: Seen) -> Option<Decision<'_>> {
        None
    }
}

/// Whether the engine has seen a tool of a name in tools/list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It has, in this session.
    Tool,
    /// It has not.
    Unknown,
}
