//! Which prompts are named after hidden tools.

use std::collections::HashMap;

use crate::limits::MAX_SEEN_TOOLS;
use crate::policy::{Decision, Effect, Policy, Seen};

/// The hidden tools that the server has listed in this session, by their names as prompts would have them.
#[derive(Debug, Default)]
pub(super) struct HiddenTools(HashMap<Box<str>, Box<str>>);

impl HiddenTools {
    /// Remembers a hidden tool.
    pub(super) fn insert(&mut self, tool: &str) {
        if self.0.len() < MAX_SEEN_TOOLS {
            self.0.entry(spelled(tool, '_').into()).or_insert_with(|| tool.into());
        }
    }

    /// By which rule the prompt of this name is hidden with the tool that it is named after.
    ///
    /// Prompts have the name of their tool, or the same words joined by the other of `-` and `_`: Iterable's server calls
    /// the prompt of `get_lists` `get-lists`. Once there are too many hidden tools to remember, every prompt counts as
    /// named after one.
    pub(super) fn prompt<'p>(&self, policy: &'p Policy, prompt: &str) -> Option<Decision<'p>> {
        let hidden = |tool: &str| Some(policy.decide(tool)).filter(|decision| decision.effect == Effect::Hide);
        if let Some(decision) = self.0.get(spelled(prompt, '_').as_str()).and_then(|tool| hidden(tool)) {
            return Some(decision);
        }
        let seen = if self.0.len() < MAX_SEEN_TOOLS { Seen::Unknown } else { Seen::Tool };
        let spellings = [prompt.to_owned(), spelled(prompt, '_'), spelled(prompt, '-')];
        spellings.iter().find_map(|name| policy.hides_prompt(name, seen))
    }
}

/// A name with all its words joined by one character.
fn spelled(name: &str, joint: char) -> String {
    name.replace(['-', '_'], joint.encode_utf8(&mut [0; 4]))
}
