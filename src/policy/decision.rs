//! What a policy says about one call, and why.

use std::fmt;

use serde::Serialize;

/// What happens to a call or a listed tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The call goes to the upstream.
    Allow,
    /// The tool stays visible; every call is refused.
    Deny,
    /// The tool is taken out of tools/list and every call is refused.
    Hide,
    /// The call waits for a person, who lets it through or refuses it.
    RequireApproval,
}

impl Effect {
    /// The word used in policy files, messages and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hide => "hide",
            Self::RequireApproval => "require_approval",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One answer of a policy: the effect, the rule that gave it, and its reason.
#[must_use = "a decision that nobody obeys lets the call through"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// What happens.
    pub effect: Effect,
    /// The rule's path in its document, such as `hide[0]`, `tools.send_campaign` or `default`;
    /// prefixed with `builtin:` where the rule is the built-in policy's.
    pub rule: &'p str,
    /// The reason that the policy gives, in its author's words.
    pub reason: Option<&'p str>,
    /// The policy file to edit, as shown to a person; `None` where only the built-in policy is in force.
    pub file: Option<&'p str>,
}
