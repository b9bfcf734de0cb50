//! Values by tool name or glob, as a server may read names.

use std::collections::HashMap;

use super::glob::{Form, NamePattern, Pattern};
use super::work::Work;
use crate::wire::fold::{find_frame, fold};

/// The exact name wins, then the first glob that matches. What restricts also holds for all names with the same fold.
#[derive(Debug)]
pub(super) struct NameTable<T> {
    pub(super) exact: HashMap<String, T>,
    pub(super) globs: Vec<(Pattern, T)>,
    /// The exact names and their values, by fold.
    by_fold: HashMap<String, Vec<(String, T)>>,
    /// The globs, and those for frames.
    frames: Vec<FramedGlob<T>>,
}

/// A glob, and the glob for the frames of the names that it matches.
#[derive(Debug)]
struct FramedGlob<T> {
    exact: Pattern,
    frame: Pattern,
    /// Whether both are the same.
    is_own_frame: bool,
    value: T,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), globs: Vec::new(), by_fold: HashMap::new(), frames: Vec::new() }
    }
}

impl<T: Clone> NameTable<T> {
    /// Makes room for so many names.
    pub(super) fn reserve(&mut self, names: usize) {
        self.exact.reserve(names);
        self.by_fold.reserve(names);
    }

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
                self.frames.extend(patterns.iter().map(|exact| {
                    let frame = exact.frame();
                    FramedGlob { is_own_frame: *exact == frame, exact: exact.clone(), frame, value: value.clone() }
                }));
            }
        }
    }

    /// Puts the most specific globs first: those with the longest literal text.
    pub(super) fn sort_globs(&mut self) {
        self.globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_length()));
        self.frames.sort_by_key(|glob| std::cmp::Reverse(glob.exact.literal_length()));
    }

    pub(super) fn find(&self, name: &str, work: &Work) -> Option<&T> {
        let find_glob = || {
            let name = Form::new(name);
            self.globs.iter().find(|(pattern, _)| pattern.matches_within(&name, work))
        };
        self.exact.get(name).or_else(|| if self.globs.is_empty() { None } else { find_glob().map(|(_, value)| value) })
    }

    /// Returns the names with this fold, and their values.
    pub(super) fn find_alike(&self, folded: &str) -> &[(String, T)] {
        self.by_fold.get(folded).map_or(&[], Vec::as_slice)
    }

    /// Returns the values of the globs that match another spelling of a name, and not the name itself. However specific
    /// they are, what they restrict is restricted: which of the spellings a server means is open.
    pub(super) fn find_globs_of_others(&self, name: &str, folded: &str, work: &Work) -> Vec<&T> {
        if self.frames.is_empty() {
            return Vec::new();
        }
        let frame = Form::new(find_frame(folded));
        let is_plain = *frame == *name;
        let name = Form::new(name);
        let is_of_other = |glob: &&FramedGlob<T>| {
            // A glob that is its own frame matches such a name either way, or neither.
            !(is_plain && glob.is_own_frame)
                && glob.frame.matches_frame(&frame, work)
                && !glob.exact.matches_within(&name, work)
        };
        self.frames.iter().filter(is_of_other).map(|glob| &glob.value).collect()
    }

    /// Returns a name in the table that has this fold.
    pub(super) fn find_name(&self, folded: &str) -> Option<&str> {
        self.by_fold.get(folded)?.first().map(|(name, _)| name.as_str())
    }
}
