//! Laws of the classifier, over names and claims of every kind: what a server claims never makes its tool more harmless than
//! its name says.

use std::borrow::Cow;

use policylayer::risk::{Annotations, Argument, Catalogue, Class, Confidence, Listed, classify_tool, profile_tool};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::names;

const HINTS: [Option<bool>; 3] = [None, Some(false), Some(true)];

fn every_annotation() -> impl Iterator<Item = Annotations> {
    let triple = |read_only| HINTS.into_iter().map(move |destructive| (read_only, destructive));
    let pairs = HINTS.into_iter().flat_map(triple);
    pairs.flat_map(|(read_only, destructive)| {
        HINTS.into_iter().map(move |open_world| Annotations { read_only, destructive, open_world })
    })
}

/// Names as servers have them, and any text.
fn name() -> impl Strategy<Value = String> {
    let word = select(vec![
        "get", "list", "delete", "send", "create", "query", "payment", "order", "and", "x", "user", "run", "email",
        "DELETE", "reset", "pull", "request", "browser", "sql", "database", "1", "é", "manage", "generate", "export",
        "post",
    ]);
    let made = (vec(word, 1..5), select(vec!["_", "-", ".", "__", "/", ""])).prop_map(|(words, by)| words.join(by));
    prop_oneof![3 => made, 1 => any::<String>()]
}

fn text() -> impl Strategy<Value = String> {
    let word = select(vec![
        "Gets",
        "Get",
        "deletes",
        "not",
        "never",
        "permanently",
        "this",
        "tool",
        "sends",
        "charges",
        "a",
        "the",
        ".",
        ",",
        "read-only",
        "Refund",
        "and",
        "to",
        "remove",
        "without",
        "executes",
        "code",
        "query",
        "Returns",
        "Creates",
        "\u{200b}",
        "\n",
    ]);
    prop_oneof![3 => vec(word, 0..12).prop_map(|words| words.join(" ")), 1 => any::<String>()]
}

fn argument() -> impl Strategy<Value = Argument<'static>> {
    let name = prop_oneof![
        select(vec![
            "force",
            "confirm",
            "dryRun",
            "amount",
            "currency",
            "sql",
            "query",
            "to",
            "body",
            "callbackUrl",
            "action",
            "mode",
            "deleteAll",
            "id",
            "__proto__",
        ])
        .prop_map(str::to_owned),
        any::<String>()
    ];
    let values = vec(select(vec!["create", "delete", "get", "x"]).prop_map(str::to_owned), 0..3);
    (name, option::of(text()), values).prop_map(|(name, description, values)| Argument {
        name: name.into(),
        description: description.map(Cow::Owned),
        values: values.into_iter().map(Cow::Owned).collect(),
    })
}

fn annotations() -> impl Strategy<Value = Annotations> {
    let hint = || select(HINTS.to_vec());
    (hint(), hint(), hint()).prop_map(|(read_only, destructive, open_world)| Annotations {
        read_only,
        destructive,
        open_world,
    })
}

/// Whether its verb says that something is done, and leaves it to the rest what: such a name alone is no more than medium.
fn leaves_open(name: &str) -> bool {
    ["manage", "generate", "export", "post", "query"].iter().any(|verb| name.to_ascii_lowercase().contains(verb))
}

proptest! {
    #[test]
    fn a_claim_never_makes_a_tool_more_harmless(
        name in name(),
        title in option::of(text()),
        description in option::of(text()),
        arguments in vec(argument(), 0..4),
        annotations in annotations(),
    ) {
        let bare = classify_tool(&Listed::with_name(name.as_str()));
        let full = Listed {
            name: Cow::Borrowed(name.as_str()),
            title: title.map(Cow::Owned),
            description: description.map(Cow::Owned),
            arguments,
            annotations,
            ..Listed::default()
        };
        let verdict = classify_tool(&full);
        // Where the name leaves no doubt, nothing else lowers what it counts as; where it has a verb, nothing lowers its class.
        if bare.confidence == Confidence::High {
            prop_assert!(verdict.counts_as() >= bare.counts_as(), "{bare:?} {full:?} {verdict:?}");
        }
        if bare.reason != "Nothing shows what it does." && !leaves_open(&name) {
            prop_assert!(verdict.class >= bare.class, "{bare:?} {full:?} {verdict:?}");
        }
        // What is critical by its name keeps its class: rules against deleting are not evaded by talk of money.
        if bare.class >= Class::Destructive {
            prop_assert_eq!(verdict.class, bare.class);
        }
        prop_assert_eq!(&verdict, &classify_tool(&full), "the same every time");
        prop_assert!(verdict.reason.ends_with('.') && verdict.reason.chars().count() < 200, "{}", verdict.reason);
        prop_assert!(!verdict.reason.chars().any(char::is_control), "{}", verdict.reason);
        // Each claim alone, taken away from the whole, takes no class with it that it did not bring.
        let without = Listed { annotations: Annotations::default(), ..full.clone() };
        prop_assert!(verdict.class >= classify_tool(&without).class, "hints lower: {full:?}");
        prop_assert!(verdict.counts_as() >= classify_tool(&without).counts_as(), "hints lower: {full:?}");
        // An argument "action" says what a name without a verb does.
        let is_action = verdict.reason.contains(" can be ");
        let without = Listed { arguments: Vec::new(), ..full.clone() };
        prop_assert!(is_action || verdict.class >= classify_tool(&without).class, "arguments lower: {full:?}");
        prop_assert!(is_action || verdict.counts_as() >= classify_tool(&without).counts_as(), "arguments lower: {full:?}");
        // A description settles a doubt, and takes nothing back that the name, the arguments or the hints say.
        let without = Listed { description: None, ..full };
        let untold = classify_tool(&without);
        if untold.confidence == Confidence::High {
            prop_assert!(verdict.counts_as() >= untold.counts_as(), "the description lowers: {without:?}");
        }
        let by_arguments = classify_tool(&Listed { annotations: Annotations::default(), ..without });
        let is_harm = by_arguments.reason.contains("argument");
        prop_assert!(!is_harm || verdict.class >= by_arguments.class, "the description lowers: {by_arguments:?}");
    }
}

#[test]
fn no_set_of_hints_lowers_any_name() {
    for (_, tool, _) in names() {
        let bare = classify_tool(&Listed::with_name(tool.as_str()));
        for annotations in every_annotation() {
            let hinted = classify_tool(&Listed { annotations, ..Listed::with_name(tool.as_str()) });
            assert!(hinted.counts_as() >= bare.counts_as(), "{tool} {annotations:?}");
            assert!(hinted.class >= bare.class, "{tool} {annotations:?}");
        }
    }
    assert_eq!(every_annotation().count(), 27);
}

#[test]
fn an_unknown_tool_of_a_known_server_is_at_least_execute() {
    for (_, tool, _) in names() {
        let known = profile_tool(Catalogue::for_server("iterable"), &Listed::with_name(tool.as_str()));
        if known.route.is_none() {
            assert!(known.class >= Class::Execute, "{tool}: {known:?}");
        }
        let other = profile_tool(Catalogue::for_server("other"), &Listed::with_name(tool.as_str()));
        assert_eq!(other.class, classify_tool(&Listed::with_name(tool.as_str())).counts_as());
        assert!(!other.sends || other.class >= Class::Execute, "{tool}: {other:?}");
    }
}
