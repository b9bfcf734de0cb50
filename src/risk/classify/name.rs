//! What a tool's name tells. Calls go by the name, so it is the one thing that a server cannot say otherwise.

use super::words::{Chunk, Place, Verb, glued, is_money, is_sending, is_set_off, segments, verb};
use crate::risk::class::Class;

/// What a name tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The class, and the word that says so; `None` where no word does.
    pub(super) class: Option<(Class, String)>,
    /// Whether it is written so that a reader may take it for another name.
    pub(super) odd: bool,
    /// Whether one of its verbs lets a message go out.
    pub(super) sends: bool,
}

/// Reads a name, which may have a namespace before it.
pub(super) fn read(name: &str) -> Told {
    let mut told = Told {
        odd: !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' ')),
        ..Told::default()
    };
    let segments = segments(name);
    let Some((last, namespace)) = segments.split_last() else { return told };
    let mut found = of_segment(last, &mut told.sends);
    // What comes before a dot is the name of a group; it cannot say that the tool is harmless.
    for segment in namespace {
        let group = of_segment(segment, &mut false);
        let verb_anywhere = |word: &str| verb(word).is_none_or(|verb| verb.place == Place::Anywhere);
        found = found.max(group.filter(|(class, word)| *class > Class::Read && verb_anywhere(word)));
    }
    told.class = found;
    told
}

/// The harmful beats the harmless, so `get_or_create` creates.
fn of_segment(chunks: &[Chunk], sends: &mut bool) -> Option<(Class, String)> {
    let mut found: Option<(Class, String)> = None;
    let mut raise = |class: Class, word: &str| {
        if found.as_ref().is_none_or(|(known, _)| class > *known) {
            found = Some((class, word.to_owned()));
        }
    };
    let words: Vec<&str> = chunks.iter().flat_map(|chunk| &chunk.words).map(String::as_str).collect();
    let (mut first, mut creates, mut changes) = (true, false, false);
    for word in &words {
        if matches!(*word, "and" | "or" | "then" | "with") {
            first = true;
            continue;
        }
        if let Some(Verb { class, .. }) = verb(word).filter(|verb| first || verb.place == Place::Anywhere) {
            raise(class, word);
            *sends |= is_sending(word);
            first = false;
            changes |= matches!(class, Class::Write | Class::Execute);
            creates |= matches!(*word, "create" | "add" | "insert" | "put");
        } else if let Some((verb, class)) = glued(word) {
            raise(class, verb);
        } else if changes && is_money(word) || creates && matches!(*word, "order" | "orders") {
            raise(Class::Financial, word);
        } else if creates && is_set_off(word) {
            raise(Class::Execute, word);
        }
    }
    for chunk in chunks {
        if let Some((verb, class)) = disguised(chunk) {
            raise(class, &verb);
        }
    }
    // `place_order` and the like, where nothing else tells.
    if found.is_none() && words.iter().any(|word| is_money(word) || matches!(*word, "order" | "payments")) {
        let word = words.iter().find(|word| is_money(word) || **word == "order").copied().unwrap_or_default();
        found = Some((Class::Financial, word.to_owned()));
    }
    found
}

/// A verb that changes something and is written `DeLeTe` or `de1ete`.
fn disguised(chunk: &Chunk) -> Option<(String, Class)> {
    let harmful = |word: &str| verb(word).filter(|verb| verb.place == Place::Anywhere && verb.class > Class::Read);
    let known = |word: &str| chunk.words.iter().any(|known| known == word);
    if let Some(verb) = harmful(&chunk.skeleton).filter(|_| !known(&chunk.skeleton)) {
        return Some((chunk.skeleton.clone(), verb.class));
    }
    for (at, start) in chunk.words.iter().enumerate() {
        let mut joined = start.clone();
        for more in chunk.words.iter().skip(at + 1) {
            joined.push_str(more);
            if joined.len() > 12 {
                break;
            }
            if let Some(verb) = harmful(&joined) {
                return Some((joined, verb.class));
            }
        }
    }
    None
}
