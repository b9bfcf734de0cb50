//! Which words of a name are not verbs: nouns, and the small words between them.

use super::word_table::WordTable;
use super::words::{MAX_VERB, find_verb, visit_base_forms};
use crate::risk::class::Class;

/// No longer word is taken apart, in bytes.
const MAX_COMPOUND: usize = 24;

/// One word a line, sorted. Nouns that are hardly ever verbs, and the nouns of software.
const NOUNS: &str = include_str!("nouns.txt");

/// Small words that stand beside them.
const PARTICLES: &str = "active advanced all allowed any as assigned at available batch bulk by connected current for from \
    full global in into last latest many mass me more multi multiple my new next of on other previous private protected public \
    raw recent related self shared single take the to top via";

static TABLE: WordTable<4096> = WordTable::new(&[NOUNS, PARTICLES]);

/// The verbs of English, from WordNet (see verbs.LICENSE), and some of the slang of attacks. One word a line, sorted.
const VERBS: &str = include_str!("verbs.txt");

/// Whether a word that is in no other table is hardly a verb: it is none of English, looks like none, and has no harmful one in it.
pub(super) fn is_no_verb(word: &str) -> bool {
    const LEAST: usize = 3;
    const SHORT_VERBS: [&str; 9] = ["be", "cp", "dd", "do", "go", "kv", "ln", "mv", "up"];
    const VERB_ENDS: [&str; 4] = ["ize", "ise", "ify", "ate"];
    const VERB_STARTS: [&str; 7] = ["un", "de", "dis", "re", "over", "out", "mis"];
    let is_verb = |word: &str| {
        let mut is = word.len() > MAX_VERB;
        if !is {
            visit_base_forms(word, |base, _| is |= is_in(VERBS, base) || find_verb(base).is_some());
        }
        is
    };
    let is_harm = |half: Option<&str>| {
        half.filter(|half| half.len() > LEAST).and_then(find_verb).is_some_and(|verb| verb.class > Class::Write)
    };
    (2..=MAX_COMPOUND).contains(&word.len())
        && word.is_ascii()
        && !SHORT_VERBS.contains(&word)
        && !is_verb(word)
        && !VERB_ENDS.iter().any(|end| word.ends_with(end))
        && !VERB_STARTS.iter().any(|start| word.strip_prefix(start).is_some_and(is_verb))
        && !(1..word.len()).any(|at| is_harm(word.get(..at)) || is_harm(word.get(at..)))
}

/// Whether a word names what is done, and tells nobody to do it: "geocoding", but not "deleting" or "hamstring".
pub(super) fn is_activity(word: &str) -> bool {
    const LEAST: usize = 6;
    let mut is_harm = false;
    let is_verb = || find_verb(word).is_some() || is_in(VERBS, word);
    let is_form = (LEAST..=MAX_VERB).contains(&word.len()) && word.ends_with("ing") && !is_verb();
    if is_form {
        visit_base_forms(word, |base, _| is_harm |= find_verb(base).is_some_and(|verb| verb.class > Class::Read));
    }
    is_form && !is_harm
}

/// Whether a word in lower case cannot be the verb of a name.
pub(super) fn is_noun(word: &str) -> bool {
    word.len() < 2 || TABLE.has(word) || is_noun_by_form(word) || is_compound(word)
}

/// Whether a word ends as nouns and participles do, and no verb in its base form: "completed", "pagination", "geography".
fn is_noun_by_form(word: &str) -> bool {
    // The verbs that end so, and the nouns that say what is done.
    #[rustfmt::skip]
    const OTHERS: [&str; 54] = [
        "annihilation", "apportion", "auction", "cancellation", "caution", "commission", "condition", "deactivation",
        "decommission", "deletion", "demolition", "destruction", "donation", "dropship", "elimination", "envision",
        "eradication", "eviction", "exceed", "execution", "exfiltration", "expiration", "extermination", "fraction",
        "function", "harness", "injection", "liquidation", "mention", "motion", "obliteration", "partition",
        "petition", "portion", "position", "proceed", "proportion", "provision", "question", "ration", "reposition",
        "requisition", "revocation", "sanction", "section", "station", "succeed", "suction", "termination",
        "transaction", "transition", "vision", "witness", "worship",
    ];
    const ENDS: [&str; 10] = ["ed", "tion", "sion", "ness", "ility", "ology", "graphy", "ship", "ware", "ics"];
    const LEAST: usize = 6;
    word.len() >= LEAST && ENDS.iter().any(|end| word.ends_with(end)) && !OTHERS.contains(&word)
}

/// Whether a word consists of two nouns, as "localstorage" and "usergroup" do.
fn is_compound(word: &str) -> bool {
    const LEAST: usize = 4;
    let is_half = |half: Option<&str>| {
        half.is_some_and(|half| half.len() >= LEAST && TABLE.find(half).is_some_and(|(group, _)| group == 0))
    };
    word.len() <= MAX_COMPOUND && (LEAST..word.len()).any(|at| is_half(word.get(..at)) && is_half(word.get(at..)))
}

/// Whether a name that consists of nouns and ends in this one says what it returns, as in `agent_status`.
#[rustfmt::skip]
pub(super) fn is_information(word: &str) -> bool {
    matches!(word,
        "analysis" | "analytics" | "availability" | "balance" | "balances" | "capabilities" | "changelog" | "coordinates" | "definition" | "definitions"
            | "detail" | "details" | "diagnostics" | "directions" | "distance" | "docs" | "documentation" | "elevation" | "forecast" | "health" | "help"
            | "history" | "indexes" | "info" | "information" | "insights" | "leaderboard" | "location" | "log" | "logs" | "metadata" | "metrics"
            | "overview" | "prices" | "quotes" | "rates" | "reader" | "recommendations" | "references" | "results" | "schema"
            | "schemas" | "size" | "snapshot" | "statistics" | "stats" | "statuses" | "suggestions" | "summaries" | "summary" | "timeline"
            | "top" | "transcript" | "transcripts" | "trends" | "usage" | "version" | "versions" | "viewer" | "weather")
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

/// Looks a word up among sorted lines.
fn is_in(lines: &str, word: &str) -> bool {
    let (mut from, mut to) = (0, lines.len());
    while let Some(rest) = lines.get(from..to).filter(|rest| !rest.is_empty()) {
        let middle = from + rest.len() / 2;
        let start = lines.get(from..middle).and_then(|before| before.rfind('\n')).map_or(from, |at| from + at + 1);
        let end = lines.get(start..to).and_then(|line| line.find('\n')).map_or(to, |at| start + at);
        match lines.get(start..end).unwrap_or_default().cmp(word) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nouns_are_sorted_and_found() {
        assert!(VERBS.lines().collect::<Vec<_>>().is_sorted_by(|one, next| one < next) && VERBS.ends_with('\n'));
        let nouns: Vec<&str> = NOUNS.lines().collect();
        assert!(nouns.is_sorted_by(|one, next| one < next) && NOUNS.ends_with('\n'));
        assert!(nouns.iter().all(|noun| TABLE.find(noun) == Some((0, noun))));
        for word in ["", "a", "aa", "vaporize", "zap", "zzz", "dial", "\n"] {
            assert!(!TABLE.has(word), "{word:?}");
        }
    }

    #[test]
    fn no_noun_changes_anything_as_a_verb() {
        let changing = |noun: &&str| find_verb(noun).is_some_and(|verb| verb.class > Class::Read);
        assert_eq!(NOUNS.lines().filter(changing).collect::<Vec<_>>(), [""; 0]);
    }
}
