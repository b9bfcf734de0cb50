//! A word that is in no table may be a verb. It passes for an object only where the server's names or the other tools show that.

use policylayer::risk::{Class, Confidence, Listed, SharedObjects, classify_tool};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

/// Verbs that do harm, and are in no table.
const UNKNOWN_VERBS: [&str; 24] = [
    "vaporize",
    "zap",
    "smash",
    "scuttle",
    "torch",
    "yeet",
    "banish",
    "blitz",
    "bork",
    "brick",
    "clobber",
    "eject",
    "euthanize",
    "exfiltrate",
    "jettison",
    "leak",
    "mangle",
    "nullify",
    "oust",
    "pulverize",
    "quash",
    "retire",
    "sabotage",
    "unseat",
];

const READING: [&str; 14] = [
    "view",
    "users_list",
    "read_number",
    "list",
    "get_user",
    "status",
    "info",
    "search",
    "find_and_read",
    "user_logs",
    "query",
    "stats",
    "schema",
    "screenshot",
];

const FRIENDLY: [Option<&str>; 4] =
    [None, Some("Lists all users."), Some("Get the list. Read-only."), Some("Returns users")];

fn assert_asks(name: &str) {
    for description in FRIENDLY {
        let hints = json!({"readOnlyHint": true, "destructiveHint": false});
        let tool = json!({"name": name, "title": description, "description": description, "annotations": hints});
        let verdict = classify_tool(&Listed::read(&tool).unwrap());
        assert!(verdict.counts_as() > Class::Write, "{name} {description:?} {verdict:?}");
    }
}

#[test]
fn an_unknown_verb_before_a_reading_one_is_no_read() {
    for verb in UNKNOWN_VERBS {
        for reading in READING {
            assert_asks(&format!("{verb}_{reading}"));
            assert_asks(&format!("{verb}.{reading}"));
            assert_asks(&format!("user_{verb}_{reading}"));
            assert_asks(&format!("{verb}s_{reading}"));
        }
    }
    assert_asks("dial_read_number");
}

/// The verbs of English, as the classifier has them.
fn verbs() -> Vec<&'static str> {
    include_str!("../../../src/risk/classify/verbs.txt").lines().collect()
}

proptest! {
    #[test]
    fn any_unknown_word_before_a_reading_one_is_no_read(
        word in "[a-z]{3,12}",
        reading in select(READING.to_vec()),
        joint in select(vec!["_", "-", ".", "__", "/"]),
    ) {
        // A word of the tables is no unknown one.
        let alone = classify_tool(&Listed::with_name(format!("{word}_info")));
        prop_assume!(alone.class > Class::Read || alone.confidence < Confidence::High);
        // Nothing says that it is a thing, or that the tool reads.
        let name = format!("{word}{joint}{reading}");
        for description in [None, Some("All users."), Some("Users, read-only")] {
            let tool = json!({"name": name, "description": description, "annotations": {"readOnlyHint": true}});
            let verdict = classify_tool(&Listed::read(&tool).unwrap());
            prop_assert!(verdict.counts_as() > Class::Write, "{} {:?} {:?}", name, description, verdict);
        }
    }

}

/// The verbs that are a thing as often: before a word for reading they are taken for that.
const THINGS_TOO: [&str; 19] = [
    "bank", "budget", "buffer", "bundle", "cache", "claim", "crash", "credit", "dump", "exchange", "fund", "issue",
    "match", "offer", "order", "quote", "review", "shell", "work",
];

#[test]
fn no_verb_of_english_before_a_reading_one_is_a_read() {
    let mut unknown = 0;
    for (at, verb) in verbs().into_iter().enumerate() {
        for end in ["", "s"] {
            let alone = classify_tool(&Listed::with_name(format!("{verb}{end}_info")));
            // What the tables know is no unknown verb; `prepare` leaves it to the description.
            let is_known = alone.confidence == Confidence::High;
            let is_left = alone.class == Class::Execute && alone.confidence > Confidence::Low;
            if is_known || is_left || THINGS_TOO.contains(&verb) {
                continue;
            }
            unknown += 1;
            for reading in ["view", READING[at % READING.len()]] {
                assert_asks(&format!("{verb}{end}_{reading}"));
            }
        }
    }
    assert!(unknown > 5_000, "{unknown}");
}

#[test]
fn the_other_tools_show_which_words_are_objects() {
    let names = [
        "acme_list_users",
        "acme_get_user",
        "acme_create_user",
        "acme_grok_list",
        "zorb_list",
        "create_zorb",
        "get_zorb",
    ];
    let objects = SharedObjects::among("", names);
    let class = |name: &str| classify_tool(&Listed::with_name(name.to_owned()).among(&objects)).counts_as();
    assert_eq!(class("acme_list_users"), Class::Read);
    assert_eq!(class("acme_create_user"), Class::Write);
    assert_eq!(class("zorb_list"), Class::Read);
    assert_eq!(class("acme_grok_list"), Class::Execute);
    // The name that the user knows the server by is another such word, and only for that server.
    let by_name =
        |server| classify_tool(&Listed::with_name("acme_list").among(&SharedObjects::among(server, []))).counts_as();
    assert_eq!((by_name("acme"), by_name("other")), (Class::Read, Class::Execute));
}

#[test]
fn no_list_makes_a_harmful_word_an_object() {
    for prefix in ["delete", "send", "pay", "run", "vaporize", "unlist", "redeploy", "liquify", "eradicate"] {
        let decoys: Vec<String> = ["list", "get", "view", "find", "create", "search"]
            .iter()
            .map(|verb| format!("{prefix}_{verb}_users"))
            .collect();
        let objects = SharedObjects::among(prefix, decoys.iter().map(String::as_str));
        for decoy in &decoys {
            let verdict = classify_tool(&Listed::with_name(decoy.as_str()).among(&objects));
            assert!(verdict.counts_as() > Class::Write, "{decoy} {verdict:?}");
        }
    }
}
