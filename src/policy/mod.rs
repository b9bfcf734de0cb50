//! The policy: a document as written, its diagnostics, and the compiled, immutable [`Policy`] that decides.

mod decision;
pub mod server;

pub use decision::{Decision, Effect};
pub use server::{BadServerName, ServerName};

/// A compiled, immutable policy.
#[derive(Debug)]
pub struct Policy {}

impl Policy {
    /// What the policy says about a call of `tool`. Never fails and never allocates.
    pub fn decide<'p>(&'p self, _tool: &str) -> Decision<'p> {
        Decision { effect: Effect::Deny, rule: "default", reason: None, file: None }
    }
}
