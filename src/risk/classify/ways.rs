//! The ways in which a tool works, where its text lists them: the worst of them is what it does.

use super::name::is_known_object;
use super::words::{Break, Tokens, find_verb};
use crate::risk::class::Class;

/// The worst of the ways in which a tool works, where its text lists them after what is no verb: "Dataset ops: list/get/delete",
/// "Actions: get, set". `None` if it lists none.
pub(super) fn find_ways(tokens: &Tokens) -> Option<(Class, &str)> {
    // A label has so few words.
    const LABEL: usize = 5;
    let mut words = tokens.words().enumerate().peekable();
    let (mut previous, mut first, mut is_thing) = ("", 0, true);
    while let Some((at, (word, before))) = words.next() {
        if before == Break::Sentence {
            (first, is_thing) = (at, at == 0 && find_verb(word).is_none());
        }
        let is_listing = matches!(previous, "actions" | "commands" | "operations" | "ops");
        let is_label = if first == 0 { is_listing && at <= LABEL } else { is_listing && at == first + 1 };
        let is_opened = match before {
            Break::Aside => is_label || std::mem::take(&mut is_thing),
            Break::Clause => {
                is_thing &= find_verb(word).is_none();
                is_label
            }
            Break::Sentence | Break::Word => false,
        };
        let is_list = words.peek().is_some_and(|(_, (_, before))| *before == Break::Clause);
        if is_opened
            && is_list
            && (is_label || find_verb(word).is_some())
            && let Some(class) = way(word)
        {
            let rest = words.map(|(_, next)| next).take_while(|(_, before)| *before != Break::Sentence);
            // What a text lists later may be of anything: there only verbs that are known count.
            let unknown = if first == 0 { Class::Execute } else { Class::Read };
            return Some(worst_way((class, word), rest, unknown));
        }
        previous = word;
    }
    None
}

/// The worst of what stands first, and of what is listed after it. `unknown` is the class of words that are in no table.
fn worst_way<'t>(
    first: (Class, &'t str),
    rest: impl Iterator<Item = (&'t str, Break)>,
    unknown: Class,
) -> (Class, &'t str) {
    let (mut worst, mut previous) = (first, "");
    for (word, before) in rest {
        let is_next = before == Break::Clause || matches!(previous, "and" | "or");
        previous = word;
        if is_next && !matches!(word, "and" | "or") {
            let class = way(word).unwrap_or(unknown);
            worst = if class > worst.0 { (class, word) } else { worst };
        }
    }
    worst
}

/// What a way in which a tool works does: "list", "delete_file", "metadata"; `None` if it is no verb that is known, and no thing.
fn way(word: &str) -> Option<Class> {
    let verb = word.split('_').next().and_then(find_verb).map(|verb| verb.class);
    match word {
        // It counts.
        "aggregate" => Some(Class::Read),
        _ => verb.or_else(|| is_known_object(word).then_some(Class::Read)),
    }
}
