//! Editing a policy, on every document that is shipped and on documents written in other ways: it comes out as ordered or
//! is refused, twice is once, and what is not concerned stays as it is, byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use policylayer::author::edit::{self, CannotEdit, EditAction, Edited, Order, Pasted, Which};
use policylayer::policy::{self, Effect, Format, Mode, Scope, Server, ServerName, Source};
use proptest::prelude::*;

const TOOLS: [&str; 9] = [
    "get_lists",
    "delete_list",
    "send_campaign",
    "start_export_job",
    "update_user",
    "newer_than_policylayer",
    "with blank \"and\" quotes",
    "ünï.code: # x",
    "star\\*",
];

/// Documents that people write otherwise than the examples are written.
const WRITTEN: [(Format, &str); 19] = [
    (Format::Toml, "version = \"1\"\ndefault = \"deny\"\n"),
    (Format::Toml, "version = \"1\"\ndefault = \"allow\"\nhide = [ \"a\", \"get_lists\" ] # both"),
    (
        Format::Toml,
        "version = \"1\" # one\ndefault = \"deny\"\nhide = [\n    \"a\", # A\n    # all of them\n    \"get_lists\", # L\n]\n\n[all_tools]\nrate_limit = \"5/minute\"\n",
    ),
    (Format::Toml, "version = \"1\"\ndefault = \"deny\"\nhide = [\n  \"a\" # A\n]\n[tools]\n"),
    (
        Format::Toml,
        "version = '1'\ntools.get_lists.action = \"deny\"\ntools.update_user.reason = 'x'\ndefault = \"deny\"\n# The end.\n",
    ),
    (
        Format::Toml,
        "version = \"1\"\ndefault = \"deny\"\ntools = { get_lists = { action = \"deny\" }, send_campaign = {} }\n",
    ),
    (
        Format::Toml,
        "version = \"1\"\ndefault = \"deny\"\n\n[tools]\nget_lists = { }\nupdate_user.action = \"hide\"   # why\n\n[[tools.delete_list.limits]]\nmax = 1\nwindow = \"day\"\n\n[classes.execute]\naction = \"deny\"\ndeny_if = []\n",
    ),
    (
        Format::Toml,
        "version = \"1\"\ndefault = \"deny\"\n\n# ---- Lists\n\n# This one.\n[tools.get_lists]\n\n# That one.\n[tools.delete_list]\naction = \"deny\"\n",
    ),
    (
        Format::Toml,
        "version = \"1\"\ndefault = \"deny\"\n[classes.read]\naction = \"deny\"\n[classes.write]\naction = \"require_approval\"\nrate_limit = \"3/hour\"\n[tools.get_lists]\nclass = \"read\"\n[tools.update_user]\nclass = \"write\"\n[tools.\"send_*\"]\naction = \"require_approval\"\n",
    ),
    (Format::Json, r#"{"version":"1","default":"deny","hide":["get_lists"]}"#),
    (
        Format::Json,
        "{\n\t\"version\": \"1\",\n\t\"tools\": {\n\t\t\"get_lists\": {\"action\": \"deny\", \"on_deny\": \"No.\"},\n\t\t\"send_campaign\": {}\n\t},\n\t\"default\": \"deny\"\n}\n",
    ),
    (Format::Json, "{ \"version\": \"1\", \"default\": \"allow\", \"tools\": {} }"),
    (Format::Yaml, "version: \"1\"\ndefault: deny\n"),
    (
        Format::Yaml,
        "---\nversion: \"1\" # one\ndefault: allow\nhide:\n- a # A\n# all of them\n- get_lists # L\ntools:\n    get_lists:\n        # own\n        action: deny   # why\n\n    send_campaign: {}   # just so\n# The end.\n",
    ),
    (
        Format::Yaml,
        "version: '1'\ntools:\n  get_lists:\n    action: hide\n  update_user: { action: deny, reason: \"a, b\" } # flow\n  start_export_job: {rate_limit: {max: 3, window: 60}}\ndefault: deny",
    ),
    (Format::Yaml, "version: \"1\"\ndefault: deny\nhide: [a, get_lists, 'b']\ntools: {}\n"),
    (
        Format::Yaml,
        "version: \"1\"\ndefault: deny\nhide: [\n  a, # A\n  get_lists\n]\ntools: { get_lists: {}, send_campaign: { action: deny } }\n",
    ),
    (Format::Yaml, "{version: \"1\", default: deny, tools: {get_lists: {}}}\n"),
    (
        Format::Yaml,
        "version: \"1\"\ndefault: deny\ndescription: |\n  tools:\n    get_lists: no\ntools:\n  get_lists:\n    reason: >-\n      Over\n      lines.\n    action: deny\nhide:\n  - \"delete_*\"\n",
    ),
];

fn documents() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut found: Vec<_> = WRITTEN.iter().map(|(format, text)| Source::new("written", *format, *text)).collect();
    for folder in ["examples", "policies"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.contains(".test.") {
                let format = Format::from_ending(path.extension().unwrap().to_str().unwrap()).unwrap();
                found.push(Source::new(name, format, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 35, "{}", found.len());
    found
}

/// The tools that are tried on a document: few on one that the whole built-in policy is written into.
fn tools(source: &Source) -> &'static [&'static str] {
    let policy = policy::load_policy(source, &Server::by_name(&server())).policy.unwrap();
    let is_long = policy.summarize().mode == Mode::Patch || source.text().len() > 5_000;
    if is_long { &TOOLS[3..4] } else { &TOOLS }
}

fn server() -> ServerName {
    ServerName::parse("iterable").unwrap()
}

fn orders() -> Vec<(EditAction, Option<&'static str>)> {
    vec![
        (EditAction::Allow, None),
        (EditAction::Deny, None),
        (EditAction::Deny, Some("Not \"here\": # no, 'never'.")),
        (EditAction::Hide, None),
        (EditAction::Hide, Some("Gone.")),
        (EditAction::Ask { timeout: None }, None),
        (EditAction::Ask { timeout: Some("10m".to_owned()) }, Some("Ask first.")),
        (EditAction::Limit { rate: "10/minute".to_owned(), scope: None }, None),
        (EditAction::Limit { rate: "2.5/90s".to_owned(), scope: Some(Scope::Server) }, Some("Slowly.")),
        (EditAction::Reset, None),
    ]
}

fn order(source: &Source, action: &EditAction, tool: &str, reason: Option<&str>) -> Result<Edited, CannotEdit> {
    let order = Order { action: action.clone(), tools: vec![tool.to_owned()], reason: reason.map(str::to_owned) };
    edit::carry_out_order(Some(source), source.name(), &Server::by_name(&server()), &order)
}

/// What a refusal may be: something in the way, or a way of writing that is not edited.
fn check_refusal(error: &CannotEdit, context: &str) {
    match error {
        CannotEdit::Refused(why) => {
            assert!(why.ends_with(['.', '}', ']', '"']) || why.contains("by hand"), "{context}: {why}")
        }
        CannotEdit::Invalid { which, diagnostics, .. } => panic!("{context}: {which:?} {diagnostics:#?}"),
    }
}

/// That the new text is the old one but for one run of lines, or several that the action is about: every old line that went is
/// about the tool, and no comment went with it.
fn check_lines(old: &str, new: &str, context: &str) {
    let mut rest = new.lines();
    let gone: Vec<&str> = old
        .lines()
        .filter(|line| !rest.clone().any(|new| new == *line) || rest.find(|new| new == line).is_none())
        .collect();
    assert!(gone.len() <= 8, "{context}: {gone:#?}\n{new}");
    let comment = gone.iter().find(|line| line.trim_start().starts_with('#'));
    assert_eq!(comment, None, "{context}\n{new}");
}

#[test]
fn every_action_comes_out_as_ordered_or_is_refused_and_twice_is_once() {
    let mut done = 0;
    for source in documents() {
        for tool in tools(&source) {
            for (action, reason) in orders() {
                let context = format!("{action:?} {tool} {reason:?} in {}:\n{}\n", source.name(), source.text());
                let edited = match order(&source, &action, tool, reason) {
                    Ok(edited) => edited,
                    Err(error) => {
                        check_refusal(&error, &context);
                        continue;
                    }
                };
                done += 1;
                let name = tool.replace('\\', "");
                let name = name.as_str();
                let decision = edited.policy.decide_tool(name);
                let context = format!("{context}gave\n{}", edited.source.text());
                let expected = match &action {
                    EditAction::Allow => Some(Effect::Allow),
                    EditAction::Deny => Some(Effect::Deny),
                    EditAction::Hide => Some(Effect::Hide),
                    EditAction::Ask { .. } => Some(Effect::RequireApproval),
                    EditAction::Limit { .. } | EditAction::Reset => None,
                };
                assert!(expected.is_none_or(|effect| decision.effect == effect), "{context}");
                if let (Some(reason), EditAction::Deny | EditAction::Hide | EditAction::Ask { .. }) = (reason, &action)
                {
                    assert_eq!(decision.reason, Some(reason), "{context}");
                }
                if let EditAction::Limit { .. } = action {
                    let limit = edited
                        .policy
                        .limits_of(name)
                        .find(|limit| limit.rule.ends_with(".rate_limit"))
                        .expect(&context);
                    let expected = if reason.is_some() { ("2.5", 90) } else { ("10", 60) };
                    assert_eq!(
                        (limit.max.to_string().as_str(), limit.window.length().as_secs()),
                        expected,
                        "{context}"
                    );
                }
                assert_eq!(!edited.is_changed, edited.source.text() == source.text(), "{context}");
                let again =
                    order(&edited.source, &action, tool, reason).unwrap_or_else(|error| panic!("{context}{error}"));
                assert!(!again.is_changed, "{context}and again\n{}", again.source.text());
                if action != EditAction::Reset {
                    check_lines(source.text(), edited.source.text(), &context);
                }
            }
        }
    }
    assert!(done > 1_500, "{done}");
}

#[test]
fn line_ends_stay_as_they_are() {
    for source in documents() {
        if !source.text().trim_end().contains('\n') {
            continue;
        }
        let dos = Source::new(source.name(), source.format(), source.text().replace('\n', "\r\n"));
        for tool in tools(&source).iter().step_by(4) {
            for (action, reason) in orders() {
                let (unix, dos) = (order(&source, &action, tool, reason), order(&dos, &action, tool, reason));
                match (unix, dos) {
                    (Ok(unix), Ok(dos)) => {
                        // A text in a block of YAML is another then, and so is nothing else.
                        let expected = unix.source.text().replace('\n', "\r\n");
                        assert_eq!(dos.source.text(), expected, "{action:?} {tool} {reason:?} in {}", source.name());
                    }
                    (Err(_), Err(_)) => {}
                    (unix, dos) => panic!("{action:?} {tool} in {}: {unix:?} {dos:?}", source.text()),
                }
            }
        }
    }
}

#[test]
fn what_is_added_for_a_tool_is_taken_out_again_without_a_trace() {
    let mut tried = 0;
    for source in documents() {
        let root = source.text();
        let has_tools = ["[tools", "\ntools", "\"tools\""].iter().any(|tools| root.contains(tools));
        if !has_tools || source.text().len() > 5_000 || root.contains("tools.\"*\"") {
            continue;
        }
        for tool in ["newer_than_policylayer", "with blank \"and\" quotes"] {
            let Ok(denied) = order(&source, &EditAction::Deny, tool, Some("No.")) else { continue };
            let reset = order(&denied.source, &EditAction::Reset, tool, None).unwrap();
            // What was empty, or on one line, is laid out otherwise by then.
            let is_laid_out = ["tools: {", "\"tools\": {}", "tools\": {\"", "tools = {", "[tools]\n"]
                .iter()
                .any(|one| root.contains(one));
            let ends = root.ends_with('\n');
            if !is_laid_out && ends && source.format() != Format::Json {
                assert_eq!(reset.source.text(), root, "{}\n{}", source.name(), denied.source.text());
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn whole_documents_are_merged_into_each_other() {
    let all = documents();
    let mut done = 0;
    for (i, into) in all.iter().enumerate() {
        for (j, from) in all.iter().enumerate() {
            let is_long = tools(into).len() == 1 || from.text().len() > 5_000;
            if (i + j) % if is_long { 41 } else { 5 } != 0 {
                continue;
            }
            let context = format!("{}\n{}into\n{}", from.name(), from.text(), into.text());
            let pasted = match Pasted::read("pasted", Some(from.format()), from.text()) {
                Err(CannotEdit::Refused(why)) if !from.text().contains("tools") && !from.text().contains("hide") => {
                    assert!(why.contains("nothing to add"), "{why}");
                    continue;
                }
                read => read.unwrap(),
            };
            let edited = match edit::merge_pasted(Some(into), into.name(), &Server::by_name(&server()), &pasted) {
                Ok(edited) => edited,
                // Two globs may be ambiguous beside each other.
                Err(CannotEdit::Invalid { which: Which::Edited, diagnostics, .. }) => {
                    assert!(
                        diagnostics.iter().any(|one| ["ambiguous-glob", "conflicting-keys"].contains(&one.code)),
                        "{context} {diagnostics:#?}"
                    );
                    continue;
                }
                Err(error) => {
                    check_refusal(&error, &context);
                    continue;
                }
            };
            done += 1;
            let again = edit::merge_pasted(Some(&edited.source), into.name(), &Server::by_name(&server()), &pasted)
                .unwrap_or_else(|error| panic!("{context}{error}"));
            assert!(!again.is_changed, "{context}\ngave\n{}\nand\n{}", edited.source.text(), again.source.text());
        }
    }
    assert!(done > 100, "{done}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Any name, any reason, several actions in a row: each result loads, and the comments of the beginning are all still there.
    #[test]
    fn whatever_is_ordered_in_a_row_the_comments_stay(
        at in any::<prop::sample::Index>(),
        steps in prop::collection::vec((any::<prop::sample::Index>(), "[a-z_*?{}\\[\\]\"' #:.,\u{e9}-]{1,12}", prop::option::of("\\PC{0,20}")), 1..6),
    ) {
        let documents = documents();
        let mut source = at.get(&documents).clone();
        let comments: Vec<String> = source.text().lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
        for (action, tool, reason) in steps {
            let orders = orders();
            let (action, _) = action.get(&orders);
            if matches!(action, EditAction::Reset) {
                continue;
            }
            match order(&source, action, &tool, reason.as_deref()) {
                Ok(edited) => source = edited.source,
                Err(CannotEdit::Refused(_)) => {}
                Err(CannotEdit::Invalid { which, diagnostics, .. }) => {
                    prop_assert_eq!(which, Which::Edited);
                    prop_assert!(diagnostics.iter().any(|one| one.code == "ambiguous-glob"), "{:#?}", diagnostics);
                }
            }
        }
        for comment in comments {
            prop_assert!(source.text().lines().any(|line| line == comment), "{comment} is gone from\n{}", source.text());
        }
    }
}
