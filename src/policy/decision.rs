//! The decision of a policy about one call, and its reason.

use super::keys::words::words;

words! {
    /// What happens to a call or a listed tool.
    #[derive(PartialOrd, Ord)]
    pub enum Effect("Action");
    /// Calls pass, if the rest of the entry lets them.
    "allow" => Allow,
    /// The tool stays visible, and every call is refused.
    "deny" => Deny,
    /// The tool is taken out of tools/list, and every call is refused.
    "hide" => Hide,
    /// Every call asks a person, who lets it through or refuses it.
    "require_approval" => RequireApproval,
}

/// A policy's answer: the effect, the rule that gave it, and its reason.
#[must_use = "a decision that nobody obeys lets the call through"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'p> {
    /// What happens.
    pub effect: Effect,
    /// The rule's path in its document, such as `hide[0]`, `tools.send_campaign` or `default`; prefixed with `builtin:`
    /// if the rule is in the built-in policy.
    pub rule: &'p str,
    /// The reason that the policy gives, in its author's words.
    pub reason: Option<&'p str>,
    /// The policy file to edit, as shown to a person; `None` if only the built-in policy is in force.
    pub file: Option<&'p str>,
}

impl Decision<'_> {
    /// Returns the decision about what belongs to a tool and does nothing itself, a prompt for example: it passes where
    /// the tool asks a person.
    pub fn without_asking(self) -> Self {
        match self.effect {
            Effect::RequireApproval => Self { effect: Effect::Allow, ..self },
            _ => self,
        }
    }

    /// Whether it refuses everything.
    pub fn refuses(&self) -> bool {
        matches!(self.effect, Effect::Deny | Effect::Hide)
    }
}

impl Effect {
    /// How strict it is, for comparing two rules about one thing.
    pub(super) fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::RequireApproval => 1,
            Self::Deny => 2,
            Self::Hide => 3,
        }
    }
}
