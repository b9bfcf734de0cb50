//! Another policy for a session that runs.

use std::sync::Arc;

use super::Engine;
use super::action::{Action, Now, Turn};
use super::list_listeners::ChangingList;
use crate::policy::Policy;

impl Engine {
    /// Puts another policy in force from the next line on, and tells the client which lists it would see otherwise.
    pub fn replace_policy(&mut self, policy: Arc<Policy>, actions: &mut Vec<Action>) {
        let turn = &mut Turn::new(Now::default(), actions);
        [&self.policy, &policy].into_iter().for_each(|policy| policy.work().begin_line(0));
        // What was listed without a lock has not been held against it.
        let begins_lock = self.policy.locked().is_none() && policy.locked().is_some();
        let tools_differ = self.tools.shows_differ(&self.policy, &policy);
        let (prompts, resources) = self.find_hidden_items();
        self.tools.use_policy(&policy);
        let before = std::mem::replace(&mut self.policy, policy);
        self.tasks.forget_asked();
        let now = self.find_hidden_items();
        // `None` is more than can be remembered.
        let differ = [tools_differ, prompts.is_none() || prompts != now.0, resources.is_none() || resources != now.1];
        // What takes too long to compare may differ.
        let is_open = before.work().is_exhausted() || self.policy.work().is_exhausted();
        self.policy.work().end_line();
        for (list, differs) in ChangingList::ALL.into_iter().zip(differ) {
            if self.ended.is_none() && (begins_lock || is_open || differs) {
                self.listeners.list_changed_lines(list).into_iter().for_each(|line| turn.send_to_client(line));
            }
        }
    }
}
