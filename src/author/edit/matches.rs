//! Orders for a glob: every entry that it matches is changed.

use super::CannotEdit;
use super::change::DocumentChange;
use super::plan::{EditAction, Order, PolicyEdit, check_limit_allowed, verify_order};
use super::state::ToolKey;
use crate::policy::Effect;
use crate::policy::diagnostic::quote_for_message;

impl PolicyEdit<'_> {
    /// Carries out an order for every entry that a glob matches, and for the tools to come. Returns what that was.
    pub(super) fn apply_to_matching(&mut self, tool: &ToolKey, order: &Order) -> Result<String, CannotEdit> {
        if self.now.is_patch() {
            // Removing them from `hide` may be enough.
            let (_, hidden) = self.now.find_within(tool);
            let shown: Vec<_> = hidden.iter().map(|at| DocumentChange::Show(*at)).collect();
            if order.action == EditAction::Allow && order.reason.is_none() && !shown.is_empty() {
                let after = self.now.with_changes(&shown)?;
                if verify_order(&self.before, &after, tool, order).is_ok() {
                    self.now = after;
                    return Ok(describe_matching(tool, shown.len()));
                }
            }
            self.now = self.now.make_standalone()?;
        }
        let is_limit = matches!(order.action, EditAction::Limit { .. });
        let (mut keys, hidden) = self.now.find_within(tool);
        if is_limit {
            let known = self.now.policy.known_tools();
            let passing = known.iter().filter(|name| tool.name.matches(name)).filter(|name| {
                !matches!(self.now.policy.decide_tool(name).effect, Effect::Deny | Effect::Hide)
                    && !self.now.policy.waits_for_listing(name)
            });
            let others: Vec<_> = passing.filter_map(|name| ToolKey::for_tool_name(name)).collect();
            keys.retain(|key| key.exact_name().is_none());
            keys.extend(others);
        } else {
            let shown: Vec<_> = hidden.iter().map(|at| DocumentChange::Show(*at)).collect();
            self.make_changes(&shown)?;
        }
        let count = keys.len() + if is_limit { 0 } else { hidden.len() };
        for key in &keys {
            self.apply_order(key, order)?;
        }
        let (_, own) = self.now.find_entry(tool);
        // Without an entry for the glob, a limit of its own may let through what is refused; the tools have theirs.
        if !is_limit || own.is_some() || check_limit_allowed(&self.now, tool, own).is_ok() {
            self.apply_order(tool, order)?;
        } else if keys.is_empty() {
            check_limit_allowed(&self.now, tool, own)?;
        }
        Ok(describe_matching(tool, count))
    }
}

/// Whether an order is for a glob, and so for each entry that it matches.
pub(super) fn is_over_entries(tool: &ToolKey, order: &Order) -> bool {
    let is_glob = tool.exact_name().is_none() && !tool.name.matches_all();
    is_glob && !matches!(order.action, EditAction::Hide | EditAction::Reset)
}

fn describe_matching(tool: &ToolKey, count: usize) -> String {
    let entries = match count {
        0 => "no entry or tool of the policy; it holds for later ones".to_owned(),
        1 => "1 entry or tool of the policy".to_owned(),
        count => format!("{count} entries or tools of the policy"),
    };
    format!("{} matches {entries}.", quote_for_message(&tool.key))
}
