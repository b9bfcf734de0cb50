//! Values by tool name or glob, as a server may read names.

use std::collections::HashMap;

use super::glob::{NamePattern, Pattern};
use crate::wire::fold::fold;

/// The exact name wins, then the first glob that matches. What restricts also holds for all names with the same fold.
#[derive(Debug)]
pub(super) struct NameTable<T> {
    pub(super) exact: HashMap<String, T>,
    pub(super) globs: Vec<(Pattern, T)>,
    /// The exact names and their values, by fold.
    by_fold: HashMap<String, Vec<(String, T)>>,
    /// The globs with their texts folded, in the same order.
    folded_globs: Vec<(Pattern, T)>,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), globs: Vec::new(), by_fold: HashMap::new(), folded_globs: Vec::new() }
    }
}

impl<T: Clone> NameTable<T> {
    /// Adds a value. If the name has one already, that one stays.
    pub(super) fn add(&mut self, name: &NamePattern, value: &T) {
        match name {
            NamePattern::Exact(name) if self.exact.contains_key(name) => {}
            NamePattern::Exact(name) => {
                self.exact.insert(name.clone(), value.clone());
                let alike = self.by_fold.entry(fold(name).into_owned()).or_default();
                alike.push((name.clone(), value.clone()));
            }
            NamePattern::Glob(patterns) => {
                self.globs.extend(patterns.iter().map(|pattern| (pattern.clone(), value.clone())));
                self.folded_globs.extend(
                    patterns.iter().map(|pattern| (pattern.map_text(|text| fold(text).into_owned()), value.clone())),
                );
            }
        }
    }

    /// Puts the most specific globs first: those with the longest literal text.
    pub(super) fn sort_globs(&mut self) {
        for globs in [&mut self.globs, &mut self.folded_globs] {
            globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_length()));
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&T> {
        self.exact.get(name).or_else(|| find_glob(&self.globs, name))
    }

    /// Returns what restricts a name by its fold: the values of the names with this fold, and unless the name itself is
    /// in the table, those of the first glob whose fold matches and of the first glob that matches. Does not allocate.
    pub(super) fn find_alike(&self, name: &str, folded: &str) -> (&[(String, T)], [Option<&T>; 2]) {
        let globs = match self.exact.contains_key(name) {
            true => [None, None],
            false => [&self.folded_globs, &self.globs].map(|globs| find_glob(globs, folded)),
        };
        (self.by_fold.get(folded).map_or(&[], Vec::as_slice), globs)
    }

    /// Returns a name in the table that has this fold.
    pub(super) fn find_name(&self, folded: &str) -> Option<&str> {
        self.by_fold.get(folded)?.first().map(|(name, _)| name.as_str())
    }
}

fn find_glob<'t, T>(globs: &'t [(Pattern, T)], name: &str) -> Option<&'t T> {
    globs.iter().find(|(pattern, _)| pattern.matches(name)).map(|(_, value)| value)
}
