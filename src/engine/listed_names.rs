//! The names in a server's lists, bounded in number and in bytes.

use std::collections::HashMap;

use crate::limits::{MAX_LISTED_NAMES, MAX_LISTED_TOOLS};

/// Names by a key that those have in common that may be taken for one another.
#[derive(Debug, Default)]
pub(super) struct ListedNames {
    by_key: HashMap<Box<str>, Vec<Box<str>>>,
    count: usize,
    /// The total size of the names, in bytes.
    bytes: usize,
}

impl ListedNames {
    /// Remembers a name, unless there are too many.
    pub(super) fn record(&mut self, key: &str, name: &str) {
        if self.is_full() {
            return;
        }
        let names = self.by_key.entry(key.into()).or_default();
        if !names.iter().any(|known| **known == *name) {
            names.push(name.into());
            self.count += 1;
            self.bytes += name.len();
        }
    }

    /// Returns the names with this key.
    pub(super) fn get(&self, key: &str) -> &[Box<str>] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.by_key.values().flatten().map(AsRef::as_ref)
    }

    pub(super) fn is_full(&self) -> bool {
        self.count >= MAX_LISTED_TOOLS || self.bytes >= MAX_LISTED_NAMES
    }
}
