//! Values by tool name or glob.

use std::collections::HashMap;

use super::glob::{NamePattern, Pattern};

/// The exact name wins, then the first glob that matches.
#[derive(Debug)]
pub(super) struct NameTable<T> {
    pub(super) exact: HashMap<String, T>,
    pub(super) globs: Vec<(Pattern, T)>,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), globs: Vec::new() }
    }
}

impl<T: Clone> NameTable<T> {
    /// Adds a value. If the name has one already, that one stays.
    pub(super) fn add(&mut self, name: &NamePattern, value: &T) {
        match name {
            NamePattern::Exact(name) => drop(self.exact.entry(name.clone()).or_insert_with(|| value.clone())),
            NamePattern::Glob(patterns) => {
                self.globs.extend(patterns.iter().map(|pattern| (pattern.clone(), value.clone())));
            }
        }
    }

    /// Puts the most specific globs first: those with the longest literal text.
    pub(super) fn sort_globs(&mut self) {
        self.globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_length()));
    }

    pub(super) fn find(&self, name: &str) -> Option<&T> {
        let glob = || self.globs.iter().find(|(pattern, _)| pattern.matches(name)).map(|(_, value)| value);
        self.exact.get(name).or_else(glob)
    }
}
