//! A map from texts to values, of which none is removed: it allocates for many of them at once.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::ops::Range;

#[derive(Debug)]
pub(super) struct TextMap<V> {
    /// Of each hash the entry that was added last.
    last: HashMap<u64, usize>,
    texts: String,
    entries: Vec<TextEntry<V>>,
}

#[derive(Debug)]
struct TextEntry<V> {
    text: Range<usize>,
    /// The one before it whose text has the same hash.
    before: Option<usize>,
    value: V,
}

impl<V> Default for TextMap<V> {
    fn default() -> Self {
        Self { last: HashMap::new(), texts: String::new(), entries: Vec::new() }
    }
}

impl<V> TextMap<V> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, text: &str) -> Option<&V> {
        self.entries.get(self.find(text)?).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, text: &str) -> Option<&mut V> {
        let at = self.find(text)?;
        self.entries.get_mut(at).map(|entry| &mut entry.value)
    }

    /// Adds a text that is not in it.
    pub(super) fn add(&mut self, text: &str, value: V) {
        let start = self.texts.len();
        self.texts.push_str(text);
        let hash = self.last.hasher().hash_one(text);
        let before = self.last.insert(hash, self.entries.len());
        self.entries.push(TextEntry { text: start..self.texts.len(), before, value });
    }

    fn find(&self, text: &str) -> Option<usize> {
        let mut at = *self.last.get(&self.last.hasher().hash_one(text))?;
        loop {
            let entry = self.entries.get(at)?;
            if self.texts.get(entry.text.clone()) == Some(text) {
                return Some(at);
            }
            at = entry.before?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart() {
        let mut map = TextMap::default();
        let texts = || (0..1_000).map(|n| "é".repeat(n % 7) + &n.to_string());
        texts().enumerate().for_each(|(n, text)| map.add(&text, n));
        *map.get_mut("é1").unwrap() += 1_000;
        // Texts of one hash are kept apart as well.
        let hash = map.last.hasher().hash_one("x");
        map.last.insert(hash, 999);
        map.add("x", 5_000);
        assert!(texts().enumerate().all(|(n, text)| map.get(&text) == Some(&if n == 1 { 1_001 } else { n })));
        assert_eq!((map.len(), map.get("x"), map.get(""), map.get("é")), (1_001, Some(&5_000), None, None));
    }
}
