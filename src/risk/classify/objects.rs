//! Which unknown words of a server's names are no verbs, as its other tools show: `slack` in `slack_list_channels`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::name::{Objects, is_known_object};
use super::words::{SplitName, find_verb, split_words};

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

/// Collects the names among which objects are found.
#[derive(Debug, Default)]
pub struct ObjectFinder {
    split: SplitName,
    /// The words of each name on a line.
    lines: String,
}

impl ObjectFinder {
    /// Adds a name.
    pub fn add(&mut self, name: &str) {
        self.split.fill(name);
        for word in self.split.words() {
            self.lines.push_str(word);
            self.lines.push(' ');
        }
        self.lines.push('\n');
    }

    /// Returns the objects that the names share. `server` is what the server is called, or several such names.
    pub fn find(&self, server: &str) -> SharedObjects {
        // Of each word the verbs beside it, as many as are enough.
        let mut beside: HashMap<&str, [&str; ENOUGH_VERBS]> = HashMap::new();
        let mut first: HashMap<&str, usize> = HashMap::new();
        let count = self.lines.lines().count();
        for words in self.lines.lines().map(str::split_ascii_whitespace) {
            if let Some(word) = words.clone().next().filter(|word| is_possible(word)) {
                *first.entry(word).or_default() += 1;
            }
            for (one, other) in words.clone().zip(words.skip(1)) {
                for (word, verb) in [(one, other), (other, one)] {
                    if find_verb(verb).is_some() && is_possible(word) {
                        add_verb(beside.entry(word).or_default(), verb);
                    }
                }
            }
        }
        let is_of_server = |tools: usize| count >= ENOUGH_TOOLS && tools * 5 >= count * 4;
        let begin = first.into_iter().filter(|(_, tools)| is_of_server(*tools)).map(|(word, _)| word);
        let objects =
            beside.into_iter().filter(|(_, verbs)| verbs.iter().all(|verb| !verb.is_empty())).map(|(word, _)| word);
        let own = split_words(server);
        let own = own.split_ascii_whitespace().filter(|word| is_possible(word));
        SharedObjects(begin.chain(objects).chain(own).map(Box::from).collect())
    }
}

/// Notes a verb that stands beside a word, unless there are enough.
fn add_verb<'n>(verbs: &mut [&'n str; ENOUGH_VERBS], verb: &'n str) {
    if let Some(place) = verbs.iter_mut().find(|known| known.is_empty() || **known == verb) {
        *place = verb;
    }
}

impl SharedObjects {
    /// Finds the objects that these names share. `server` is what the server is called, or several such names.
    pub fn among<'n>(server: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut finder = ObjectFinder::default();
        names.into_iter().for_each(|name| finder.add(name));
        finder.find(server)
    }

    /// Finds the objects that the items of tools/list share.
    pub fn in_listing(server: &str, items: &[Value]) -> Self {
        Self::among(server, items.iter().filter_map(|item| item.get("name")?.as_str()))
    }

    /// Returns whether they explain the unknown words of a name.
    pub fn of(&self, name: &str) -> Objects {
        self.of_split(&SplitName::of(name))
    }

    pub(super) fn of_split(&self, name: &SplitName) -> Objects {
        let mut words = name.words().take_while(|word| find_verb(word).is_none());
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
