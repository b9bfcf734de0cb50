//! What the policy says of an item, with what the server has listed in this session.

use super::Engine;
use crate::lock::ItemKind;
use crate::policy::{Decision, ToolRef};

impl Engine {
    /// Looks up a tool, with what the server has listed about it in this session. Calls are decided by the result.
    pub fn find_tool<'t>(&self, name: &'t str) -> ToolRef<'t> {
        self.tools.find_tool(name)
    }

    /// Returns the decision about a prompt: by its own entry, else by the tool that it is named after.
    pub fn decide_prompt<'e>(&'e self, prompt: &'e str) -> Decision<'e> {
        self.policy.decide_item(self.tools.find_prompt(&self.policy, prompt))
    }

    /// Returns the decision about a resource, with what the server has listed in this session.
    pub fn decide_resource<'e>(&'e self, uri: &'e str) -> Decision<'e> {
        self.policy.decide_item(self.resources.find_resource(uri, &self.policy, &self.tools))
    }

    /// Returns the decision about a template, with what the server has listed in this session.
    pub fn decide_template(&self, template: &str) -> Decision<'_> {
        self.policy.decide_template(template, self.tools.lock.find_drift(ItemKind::Template, template))
    }
}
