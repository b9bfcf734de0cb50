//! The tools that the server has listed in this session: which prompts are named after hidden ones, and whether another
//! policy would show others.

use std::collections::HashMap;

use crate::limits::MAX_LISTED_TOOLS;
use crate::policy::{Decision, Effect, Policy, Seen};

/// The names of listed tools, by the one spelling that prompts named after them share.
#[derive(Debug, Default)]
pub(super) struct ListedTools {
    by_spelling: HashMap<Box<str>, Vec<Box<str>>>,
    count: usize,
}

impl ListedTools {
    /// Remembers a tool.
    pub(super) fn insert(&mut self, tool: &str) {
        if self.is_full() {
            return;
        }
        let names = self.by_spelling.entry(spelled(tool, '_').into()).or_default();
        if !names.iter().any(|name| **name == *tool) {
            names.push(tool.into());
            self.count += 1;
        }
    }

    /// By which rule the prompt of this name is hidden with the tool that it is named after.
    ///
    /// Prompts have the name of their tool, or the same words joined by the other of `-` and `_`: Iterable's server calls
    /// the prompt of `get_lists` `get-lists`. Once there are too many tools to remember, every prompt counts as named
    /// after one.
    pub(super) fn prompt<'p>(&self, policy: &'p Policy, prompt: &str) -> Option<Decision<'p>> {
        let hidden = |tool: &str| Some(policy.decide(tool)).filter(|decision| decision.effect == Effect::Hide);
        let listed = self.by_spelling.get(spelled(prompt, '_').as_str());
        if let Some(decision) = listed.and_then(|tools| tools.iter().find_map(|tool| hidden(tool))) {
            return Some(decision);
        }
        let seen = if self.is_full() { Seen::Tool } else { Seen::Unknown };
        let spellings = [prompt.to_owned(), spelled(prompt, '_'), spelled(prompt, '-')];
        spellings.iter().find_map(|name| policy.hides_prompt(name, seen))
    }

    /// Whether the client would see other tools under `new` than under `old`.
    pub(super) fn differ(&self, old: &Policy, new: &Policy) -> bool {
        let is_hidden = |policy: &Policy, tool: &str| policy.decide(tool).effect == Effect::Hide;
        let mut tools = self.by_spelling.values().flatten();
        self.is_full() || tools.any(|tool| is_hidden(old, tool) != is_hidden(new, tool))
    }

    fn is_full(&self) -> bool {
        self.count >= MAX_LISTED_TOOLS
    }
}

/// A name with all its words joined by one character.
fn spelled(name: &str, joint: char) -> String {
    name.replace(['-', '_'], joint.encode_utf8(&mut [0; 4]))
}
