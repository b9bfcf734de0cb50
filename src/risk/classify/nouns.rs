//! Which words of a name are not verbs: nouns, and the small words between them.

use super::word_table::WordTable;

/// One word a line, sorted. Nouns that are hardly ever verbs, and the nouns of software.
const NOUNS: &str = include_str!("nouns.txt");

/// Small words that stand beside them.
const PARTICLES: &str = "active advanced all allowed any as assigned at available batch bulk by connected current for from \
    full global in into last latest many mass me more multi multiple my new next of on other previous private protected public \
    raw recent related self shared single take the to top via";

static TABLE: WordTable<4096> = WordTable::new(&[NOUNS, PARTICLES]);

/// Whether a word in lower case cannot be the verb of a name.
pub(super) fn is_noun(word: &str) -> bool {
    word.len() < 2 || TABLE.has(word) || is_compound(word)
}

/// Whether a word consists of two nouns, as "localstorage" and "usergroup" do.
fn is_compound(word: &str) -> bool {
    const LEAST: usize = 4;
    const MOST: usize = 24;
    let is_half = |half: Option<&str>| {
        half.is_some_and(|half| half.len() >= LEAST && TABLE.find(half).is_some_and(|(group, _)| group == 0))
    };
    word.len() <= MOST && (LEAST..word.len()).any(|at| is_half(word.get(..at)) && is_half(word.get(at..)))
}

/// Whether a name that consists of nouns and ends in this one says what it returns, as in `agent_status`.
#[rustfmt::skip]
pub(super) fn is_information(word: &str) -> bool {
    matches!(word,
        "analytics" | "capabilities" | "changelog" | "detail" | "details" | "docs" | "documentation" | "health" | "help"
            | "history" | "indexes" | "info" | "information" | "log" | "logs" | "metadata" | "metrics" | "overview" | "schema"
            | "schemas" | "size" | "statistics" | "stats" | "statuses" | "summaries" | "summary" | "top" | "usage"
            | "version" | "versions")
}

/// Whether a word is a noun as often as a verb, and in none of the other tables.
pub(super) fn is_thing_or_verb(word: &str) -> bool {
    matches!(
        word,
        "bank"
            | "budget"
            | "buffer"
            | "bundle"
            | "cache"
            | "claim"
            | "crash"
            | "credit"
            | "dump"
            | "exchange"
            | "fund"
            | "issue"
            | "match"
            | "offer"
            | "order"
            | "quote"
            | "review"
            | "shell"
            | "work"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nouns_are_sorted_and_found() {
        let nouns: Vec<&str> = NOUNS.lines().collect();
        assert!(nouns.is_sorted_by(|one, next| one < next) && NOUNS.ends_with('\n'));
        assert!(nouns.iter().all(|noun| TABLE.find(noun) == Some((0, noun))));
        for word in ["", "a", "aa", "vaporize", "zap", "zzz", "dial", "\n"] {
            assert!(!TABLE.has(word), "{word:?}");
        }
    }

    #[test]
    fn no_noun_changes_anything_as_a_verb() {
        use crate::risk::Class;
        use crate::risk::classify::words::find_verb;
        let changing = |noun: &&str| find_verb(noun).is_some_and(|verb| verb.class > Class::Read);
        assert_eq!(NOUNS.lines().filter(changing).collect::<Vec<_>>(), [""; 0]);
    }
}
