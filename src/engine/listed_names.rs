//! The names in a server's lists, bounded in number and in bytes.

use std::iter;
use std::ops::Range;

use super::text_map::TextMap;
use crate::limits::{MAX_LISTED_NAMES, MAX_LISTED_TOOLS};

/// Names by a key that those have in common that may be taken for one another.
#[derive(Debug, Default)]
pub(super) struct ListedNames {
    /// Of each key the first and the last of its names.
    by_key: TextMap<(usize, usize)>,
    names: Vec<ListedName>,
    texts: String,
}

#[derive(Debug)]
struct ListedName {
    text: Range<usize>,
    /// The next one with the same key.
    next: Option<usize>,
}

impl ListedNames {
    /// Remembers a name, unless there are too many.
    pub(super) fn record(&mut self, key: &str, name: &str) {
        if self.is_full() || self.get(key).any(|known| known == name) {
            return;
        }
        let new = self.names.len();
        match self.by_key.get_mut(key) {
            None => self.by_key.add(key, (new, new)),
            Some((_, last)) => {
                let before = std::mem::replace(last, new);
                self.names.get_mut(before).into_iter().for_each(|before| before.next = Some(new));
            }
        }
        let start = self.texts.len();
        self.texts.push_str(name);
        self.names.push(ListedName { text: start..self.texts.len(), next: None });
    }

    /// Returns the names with this key, in the order in which they were listed.
    pub(super) fn get<'s>(&'s self, key: &str) -> impl Iterator<Item = &'s str> + Clone + use<'s> {
        let first = self.by_key.get(key).map(|(first, _)| *first);
        let find = |at: Option<usize>| self.names.get(at?);
        iter::successors(find(first), move |name| find(name.next)).map(|name| self.text(name))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| self.text(name))
    }

    pub(super) fn is_full(&self) -> bool {
        self.names.len() >= MAX_LISTED_TOOLS || self.texts.len() >= MAX_LISTED_NAMES
    }

    fn text(&self, name: &ListedName) -> &str {
        self.texts.get(name.text.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_one_key_stay_in_their_order() {
        let mut names = ListedNames::default();
        for (key, name) in [("a", "A"), ("b", "b"), ("a", "a"), ("a", "A"), ("c", "a"), ("a", "ａ")] {
            names.record(key, name);
        }
        assert_eq!(names.get("a").collect::<Vec<_>>(), ["A", "a", "ａ"]);
        assert_eq!(names.get("c").collect::<Vec<_>>(), ["a"]);
        assert_eq!(names.get("d").count(), 0);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["A", "b", "a", "a", "ａ"]);
    }
}
