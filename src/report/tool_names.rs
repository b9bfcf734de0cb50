//! Which tools of a server are known by name, from its catalogue, its policy, its lock and its log.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::log_records::{LogError, LogRecords};
use crate::engine::read_listing;
use crate::lock::{ItemKind, Lock};
use crate::paths;
use crate::policy::{Policy, ServerName, nearest_word};
use crate::record::{About, Outcome, Subject};
use crate::risk::{Listed, SharedObjects};

/// The tools that are known of a server.
pub(crate) struct ToolNames {
    names: BTreeSet<String>,
    /// Whether all its tools are known, as they were when it was catalogued or locked.
    pub(crate) is_listed: bool,
}

impl ToolNames {
    /// Collects what the policy and its server's catalogue name, and what the lock has.
    pub(crate) fn of_policy(policy: &Policy, lock: Option<&Path>) -> Self {
        let server = policy.identity();
        let mut known = Self { names: policy.known_tools(), is_listed: server.catalogue().is_some() };
        if let Some(lock) = read_usable_lock(lock, server.name()) {
            known.names.extend(lock.items(ItemKind::Tool).iter().map(|item| item.name().to_owned()));
            known.is_listed = true;
        }
        known
    }

    /// Adds the tools that the server has answered a call of, according to its log.
    pub(crate) fn add_logged(&mut self, audit: &Path, server: &ServerName) {
        let Ok(mut records) = LogRecords::open(audit, Some(server)) else { return };
        let added = records.for_each(|line, _| -> Result<(), LogError> {
            if let About::Decision(record) = &line.about
                && record.outcome == Outcome::Ok
                && let Some(Subject::Tool(tool)) = record.subject()
            {
                self.names.insert(tool.to_owned());
            }
            Ok(())
        });
        // What cannot be read adds nothing.
        drop(added);
    }

    /// Returns the names, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(crate) fn has(&self, tool: &str) -> bool {
        self.names.contains(tool)
    }

    /// Returns the tool that was most probably meant.
    pub(crate) fn nearest(&self, tool: &str) -> Option<&str> {
        nearest_word(tool, self.names.iter().map(String::as_str))
    }
}

/// Reads a lock. One that cannot be used is reported where it is used.
fn read_usable_lock(lock: Option<&Path>, server: &ServerName) -> Option<Lock> {
    Some(paths::read_lock(lock?, server).ok()??.0)
}

/// Lets a policy judge the tools that are in the lock of its server by the definitions there, as a session does whose server lists
/// them so, and not by their names alone.
pub(crate) fn judge_as_locked(policy: Policy, lock: Option<&Path>) -> Policy {
    let Some(lock) = read_usable_lock(lock, policy.server()) else { return policy };
    let definitions = lock.items(ItemKind::Tool).iter().map(|item| (item.name(), item.definition()));
    let listing = read_listing(&policy, definitions);
    policy.with_listing(listing)
}

/// Lists the tools in a lock, as their server listed them.
pub(crate) fn list_locked_tools(lock: Option<&Path>, server: &ServerName) -> HashMap<String, Listed<'static>> {
    let Some(lock) = read_usable_lock(lock, server) else { return HashMap::new() };
    let items: Vec<_> =
        lock.items(ItemKind::Tool).iter().filter_map(|item| serde_json::from_str(item.definition()).ok()).collect();
    let objects = SharedObjects::in_listing(server.as_str(), &items);
    let read = |item| Some(Listed::read(item)?.among(&objects));
    items.iter().filter_map(read).map(|listed| (listed.name.to_string(), listed)).collect()
}
