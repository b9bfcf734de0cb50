//! Which tools of a server are known by name, from its catalogue, its policy, its lock and its log.

use std::collections::BTreeSet;
use std::path::Path;

use super::log_records::{LogError, LogRecords};
use crate::lock::ItemKind;
use crate::paths;
use crate::policy::{Policy, ServerName, nearest_word};
use crate::record::{About, Outcome, Subject};

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
        // A lock that cannot be used is reported where it is used.
        if let Some(Ok(Some((lock, _)))) = lock.map(|file| paths::read_lock(file, server.name())) {
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
