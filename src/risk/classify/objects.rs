//! Which unknown words of a server's names are no verbs, as its other tools show: `slack` in `slack_list_channels`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::name::{Objects, is_known_object};
use super::words::{Chunk, find_verb, split_segments, split_words};

/// So many verbs have to stand beside a word before it is known to be none itself.
const ENOUGH_VERBS: usize = 3;

/// Of so many tools at least, most have to begin with a word that names the server.
const ENOUGH_TOOLS: usize = 4;

/// The words of a server's names that are in no table, and no verbs: the server is called so, different verbs stand beside
/// them, or nearly all names begin with them.
///
/// A server can make a word such an object by listing tools for it. It gains nothing: it could call the tool `view` at once. A
/// word that is or looks like a verb never becomes one, so no list makes `delete_view` harmless.
#[derive(Clone, Debug, Default)]
pub struct SharedObjects(HashSet<Box<str>>);

impl SharedObjects {
    /// Finds the objects that these names share. `server` is what the server is called, or several such names.
    pub fn among<'n>(server: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut beside: HashMap<Box<str>, HashSet<Box<str>>> = HashMap::new();
        let mut first: HashMap<Box<str>, usize> = HashMap::new();
        let mut count = 0_usize;
        for name in names {
            count += 1;
            let segments = split_segments(name);
            let words: Vec<&str> = segments.iter().flatten().flat_map(Chunk::words).collect();
            if let Some(word) = words.first().filter(|word| is_possible(word)) {
                *first.entry((*word).into()).or_default() += 1;
            }
            for pair in words.windows(2) {
                let [one, other] = pair else { continue };
                for (word, verb) in [(one, other), (other, one)] {
                    if find_verb(verb).is_some() && is_possible(word) {
                        beside.entry((*word).into()).or_default().insert((*verb).into());
                    }
                }
            }
        }
        let is_of_server = |tools: usize| count >= ENOUGH_TOOLS && tools * 5 >= count * 4;
        let begin = first.into_iter().filter(|(_, tools)| is_of_server(*tools)).map(|(word, _)| word);
        let objects = beside.into_iter().filter(|(_, verbs)| verbs.len() >= ENOUGH_VERBS).map(|(word, _)| word);
        let own = split_words(server);
        let own = own.split_ascii_whitespace().filter(|word| is_possible(word)).map(Box::from);
        Self(begin.chain(objects).chain(own).collect())
    }

    /// Finds the objects that the items of tools/list share.
    pub fn in_listing(server: &str, items: &[Value]) -> Self {
        Self::among(server, items.iter().filter_map(|item| item.get("name")?.as_str()))
    }

    /// Returns whether they explain the unknown words of a name.
    pub fn of(&self, name: &str) -> Objects {
        let segments = split_segments(name);
        let mut words = segments.iter().flatten().flat_map(Chunk::words).take_while(|word| find_verb(word).is_none());
        if !self.0.is_empty() && words.all(|word| is_known_object(word) || self.0.contains(word)) {
            Objects::Shared
        } else {
            Objects::Own
        }
    }
}

/// Whether a word that is in no table can be an object: it does not look like a verb.
fn is_possible(word: &str) -> bool {
    const VERB_ENDS: [&str; 4] = ["ize", "ise", "ify", "ate"];
    const VERB_STARTS: [&str; 7] = ["un", "de", "dis", "re", "over", "out", "mis"];
    let is_derived = |start: &&str| word.strip_prefix(*start).is_some_and(|stem| find_verb(stem).is_some());
    find_verb(word).is_none()
        && !is_known_object(word)
        && !VERB_ENDS.iter().any(|end| word.ends_with(end))
        && !VERB_STARTS.iter().any(is_derived)
}
