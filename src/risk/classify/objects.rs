//! Which unknown words of a server's names are no verbs, as its other tools show: `slack` in `slack_list_channels`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::name::{Objects, is_known_object};
use super::nouns::is_no_verb;
use super::words::{SplitName, VerbPlace, find_verb, is_thing_too, split_words};
use crate::risk::class::Class;

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
pub struct SharedObjects {
    words: HashSet<Box<str>>,
    style: Style,
}

/// Where the verbs of a server's names stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Style {
    #[default]
    Mixed,
    /// At the end: `chat_list`, `chat_create`.
    VerbLast,
}

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
        let (count, mut ended) = (self.lines.lines().count(), 0_usize);
        for words in self.lines.lines().map(str::split_ascii_whitespace) {
            if let Some(word) = words.clone().next().filter(|word| is_possible(word)) {
                *first.entry(word).or_default() += 1;
            }
            let mut before = words.clone();
            let last = before.next_back();
            let is_ended = before.clone().next().is_some() && last.is_some_and(|last| find_verb(last).is_some());
            ended += usize::from(is_ended && !before.any(is_plain_verb));
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
        let is_ended = count >= ENOUGH_TOOLS && ended * 5 >= count * 3;
        let style = if is_ended { Style::VerbLast } else { Style::Mixed };
        SharedObjects { words: begin.chain(objects).chain(own).map(Box::from).collect(), style }
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
        let is_explained = |word: &str| is_known_object(word) || self.words.contains(word);
        let is_thing =
            |word: &str| find_verb(word).map_or(is_explained(word) || is_no_verb(word), |_| !is_plain_verb(word));
        let count = name.words().count();
        if self.style == Style::VerbLast
            && name.words().last().is_some_and(|last| find_verb(last).is_some())
            && name.words().take(count.saturating_sub(1)).all(is_thing)
        {
            return Objects::Ended;
        }
        let mut words = name.words().take_while(|word| find_verb(word).is_none());
        if self.words.is_empty() {
            Objects::Own
        } else if words.clone().all(is_explained) {
            Objects::Shared
        } else if words.next().is_some_and(is_explained) {
            Objects::First
        } else {
            Objects::Own
        }
    }
}

/// Whether a word is a verb wherever it stands, or what destroys or pays.
fn is_plain_verb(word: &str) -> bool {
    find_verb(word).is_some_and(|verb| {
        verb.place == VerbPlace::Anywhere
            || verb.class == Class::Destructive
            || (verb.class == Class::Read && !is_thing_too(word))
    })
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
