//! The words of a refusal: what, why, and what the agent can do about it. They name the rule, not the file's place on
//! this machine, which is no business of the model's.

use crate::policy::{Decision, Effect};
use crate::wire::reply::DecisionMeta;

/// What a call is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Tool,
    Prompt,
}

/// A refusal, ready to be written.
pub(super) struct Refusal<'a> {
    /// What the agent reads.
    pub(super) text: String,
    /// What a client reads.
    pub(super) meta: DecisionMeta<'a>,
}

/// Puts a refusal of `name` into words.
pub(super) fn refusal<'a>(decision: &Decision<'a>, subject: Subject, name: &'a str) -> Refusal<'a> {
    let reason = decision.reason.unwrap_or(match (decision.effect, subject) {
        (Effect::RequireApproval, _) => "This tool needs a person's approval, and this version cannot ask for it yet.",
        (Effect::Hide, Subject::Prompt) => "The policy hides the tool that this prompt is named after.",
        (Effect::Hide, Subject::Tool) => "The policy hides this tool.",
        (Effect::Deny | Effect::Allow, _) => "The policy does not allow this tool.",
    });
    let what = match subject {
        Subject::Tool => "call",
        Subject::Prompt => "prompt",
    };
    let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
    let remedy = match (decision.file, decision.rule.starts_with("builtin:")) {
        (Some(_), false) => "change that rule in the policy file",
        (Some(_), true) => "give it a rule of its own in the policy file",
        (None, _) => "write a policy file for this server",
    };
    let text = format!(
        "[POLICY DENIED] {reason}{stop} The {what} of {name:?} was refused by rule {rule} ({effect}) and did not reach the \
         server. Do not try it again or reach for it another way; go on without it. If it is needed, tell the user, who \
         can {remedy}.",
        rule = decision.rule,
        effect = decision.effect,
    );
    Refusal { text, meta: DecisionMeta { effect: decision.effect.as_str(), rule: decision.rule, reason, tool: name } }
}
