//! The classifier against the tools of real servers and against labels by hand: how often it is right, and that it never
//! takes for harmless what is not. `docs/risk.md` carries the figures; UPDATE_RISK=1 writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod laws;
mod measure;
mod unknown_words;
use crate::support;
mod vectors;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use policylayer::risk::{
    Catalogue, CatalogueTool, Class, Classification, Confidence, Listed, Profile, SharedObjects, classify_tool,
    profile_tool,
};
use serde_json::{Value, json};
use support::client::{Launch, Under};
use support::node::{Upstream, upstream};

/// A server, and what each of its tools does by the judgement of a person.
struct Labelled {
    name: &'static str,
    package: &'static str,
    /// How many of its tools the classifier must get right.
    floor: usize,
    launch: fn(&Upstream) -> Launch,
    labels: fn() -> BTreeMap<String, Class>,
}

macro_rules! labels {
    ($file:literal) => {
        || serde_json::from_str(include_str!(concat!("../classifier/labels/", $file, ".json"))).unwrap()
    };
}

fn servers() -> [Labelled; 6] {
    [
        Labelled {
            name: "iterable",
            package: "@iterable/mcp",
            floor: 115,
            launch: |upstream| {
                Launch::new(Upstream::ITERABLE)
                    .env("PATH", upstream.path_with_iterable())
                    .env("ITERABLE_API_KEY", "0123456789abcdef0123456789abcdef")
                    .env("ITERABLE_USER_PII", "true")
                    .env("ITERABLE_ENABLE_WRITES", "true")
                    .env("ITERABLE_ENABLE_SENDS", "true")
            },
            labels: || {
                let catalogue = Catalogue::for_server("iterable").unwrap();
                catalogue.tools().iter().map(|tool| (tool.name.clone(), tool.class)).collect()
            },
        },
        Labelled {
            name: "everything",
            package: "@modelcontextprotocol/server-everything",
            floor: 10,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.everything()),
            labels: labels!("everything"),
        },
        Labelled {
            name: "filesystem",
            package: "@modelcontextprotocol/server-filesystem",
            floor: 11,
            launch: |upstream| {
                let launch = Launch::new(&upstream.node).arg(upstream.filesystem());
                let allowed = launch.home().to_owned();
                launch.arg(allowed)
            },
            labels: labels!("filesystem"),
        },
        Labelled {
            name: "memory",
            package: "@modelcontextprotocol/server-memory",
            floor: 8,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.memory()),
            labels: labels!("memory"),
        },
        Labelled {
            name: "git",
            package: "@cyanheads/git-mcp-server",
            floor: 21,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.git()),
            labels: labels!("git"),
        },
        Labelled {
            name: "postgres",
            package: "@henkey/postgres-mcp-server",
            floor: 15,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.postgres()),
            labels: labels!("postgres"),
        },
    ]
}

/// A tool, what a person says of it, and what the classifier does.
struct Judged {
    server: &'static str,
    tool: String,
    label: Class,
    verdict: Classification,
}

/// Every labelled tool as its server lists it, judged; a tool that the server no longer lists by its name alone.
fn measured() -> Option<&'static [Judged]> {
    static MEASURED: OnceLock<Vec<Judged>> = OnceLock::new();
    let upstream = upstream()?;
    Some(MEASURED.get_or_init(|| servers().iter().flat_map(|server| judge(upstream, server)).collect()))
}

fn judge(upstream: &Upstream, server: &Labelled) -> Vec<Judged> {
    let listed = listed(upstream, server);
    let labels = (server.labels)();
    let unlabelled: Vec<_> = listed.keys().filter(|tool| !labels.contains_key(*tool)).collect();
    assert!(unlabelled.is_empty(), "{} lists tools without a label: {unlabelled:?}", server.name);
    let gone: Vec<_> = labels.keys().filter(|tool| !listed.contains_key(*tool)).cloned().collect();
    let older = Catalogue::for_server(server.name).map(Catalogue::tools).unwrap_or_default();
    let older: Vec<_> = older.iter().filter(|tool| tool.versions.is_some()).map(|tool| tool.name.clone()).collect();
    assert_eq!(gone, older, "{} no longer lists these", server.name);
    let objects = SharedObjects::among(server.name, listed.keys().map(String::as_str));
    let judge = |(tool, label): (String, Class)| {
        let known = listed.get(&tool).and_then(Listed::read).unwrap_or_else(|| Listed::with_name(tool.clone()));
        let verdict = classify_tool(&known.among(&objects));
        Judged { server: server.name, tool, label, verdict }
    };
    labels.into_iter().map(judge).collect()
}

/// What the real server lists, over all pages.
fn listed(upstream: &Upstream, server: &Labelled) -> BTreeMap<String, Value> {
    let mut client = (server.launch)(upstream).start(Under::Nothing);
    client.initialize(json!({}));
    let mut listed = BTreeMap::new();
    let mut params = json!({});
    loop {
        let answer = client.request("tools/list", params);
        for item in answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}")) {
            listed.insert(item["name"].as_str().unwrap().to_owned(), item.clone());
        }
        match &answer["result"]["nextCursor"] {
            Value::String(cursor) => params = json!({"cursor": cursor}),
            _ => return listed,
        }
    }
}

/// Labels of tools by their names alone, by server.
fn names() -> Vec<(String, String, Class)> {
    let labels: BTreeMap<String, BTreeMap<String, Class>> =
        serde_json::from_str(include_str!("../classifier/labels/names.json")).unwrap();
    let of = |(server, tools): (String, BTreeMap<String, Class>)| {
        tools.into_iter().map(move |(tool, label)| (server.clone(), tool, label))
    };
    labels.into_iter().flat_map(of).collect()
}

/// The same with the verdicts by the names alone, each among those of its server.
fn judged_names() -> Vec<(String, String, Class, Classification)> {
    let names = names();
    let judge = |(server, tool, label): &(String, String, Class)| {
        let of_server = names.iter().filter(|other| other.0 == *server).map(|other| other.1.as_str());
        let listed = Listed::with_name(tool.as_str()).among(&SharedObjects::among(server, of_server));
        (server.clone(), tool.clone(), *label, classify_tool(&listed))
    };
    names.iter().map(judge).collect()
}

/// What names alone cannot tell: who is invited, what an agent is set to work by, what costs money.
const UNTOLD: [(&str, &str); 5] = [
    ("github", "assign_copilot_to_issue"),
    ("sentry", "analyze_issue_with_seer"),
    ("spotify", "addToQueue"),
    ("supabase", "create_project"),
    ("telegram", "create_group"),
];

#[test]
fn nothing_that_reaches_out_or_destroys_counts_as_harmless() {
    for Judged { server, tool, label, verdict } in measured().unwrap_or_default() {
        if *label >= Class::Destructive {
            assert!(verdict.class > Class::Write, "{server} {tool}: {verdict:?}");
        }
        if *label >= Class::Execute {
            assert!(verdict.counts_as() >= Class::Execute, "{server} {tool}: {verdict:?}");
        }
        if *label == Class::Write {
            assert!(verdict.counts_as() > Class::Read, "{server} {tool}: {verdict:?}");
        }
    }
}

#[test]
fn names_alone_are_judged_harmless_only_where_they_cannot_tell() {
    let mut untold = Vec::new();
    for (server, tool, label, verdict) in judged_names() {
        if verdict.counts_as() < label.min(Class::Execute) {
            assert!(label < Class::Destructive || verdict.class > Class::Read, "{server} {tool}: {verdict:?}");
            untold.push((server, tool));
        }
    }
    let untold: Vec<_> = untold.iter().map(|(server, tool)| (server.as_str(), tool.as_str())).collect();
    assert_eq!(untold, UNTOLD);
}

#[test]
fn each_server_is_judged_as_well_as_it_was() {
    let measured = measured().unwrap_or_default();
    for server in servers().iter().filter(|_| !measured.is_empty()) {
        let right = measured.iter().filter(|one| one.server == server.name && one.label == one.verdict.class).count();
        assert!(right >= server.floor, "{}: {right} right, and it was {}", server.name, server.floor);
    }
    let right = judged_names().iter().filter(|(_, _, label, verdict)| verdict.class == *label).count();
    assert!(right >= 480, "{right} of the names are right");
}

/// Rows are what a person says, columns what the classifier does.
fn matrix(judged: impl Iterator<Item = (Class, Class)>) -> String {
    let mut counts = BTreeMap::new();
    judged.for_each(|pair| *counts.entry(pair).or_insert(0_usize) += 1);
    let mut text = String::from("| it is | read | write | execute | destructive | financial |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for label in Class::ALL {
        write!(text, "| {} |", label.as_str()).unwrap();
        for class in Class::ALL {
            write!(text, " {} |", counts.get(&(label, class)).copied().unwrap_or(0)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// One line of the figures of a server.
fn figures<'j>(server: &str, judged: impl Iterator<Item = (&'j Classification, Class)>) -> String {
    let (mut all, mut right, mut stricter, mut looser, mut sure) = (0, 0, 0, 0, 0);
    for (verdict, label) in judged {
        all += 1;
        right += usize::from(verdict.class == label);
        stricter += usize::from(verdict.class > label);
        looser += usize::from(verdict.class < label);
        sure += usize::from(verdict.confidence == Confidence::High);
    }
    let percent = right * 1000 / all;
    format!("| {server} | {all} | {right} | {}.{} % | {stricter} | {looser} | {sure} |\n", percent / 10, percent % 10)
}

const HEAD: &str = "| server | tools | right | share | stricter | looser | high confidence |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";

/// What the real servers give.
fn report(measured: &[Judged]) -> String {
    let mut text = matrix(measured.iter().map(|one| (one.label, one.verdict.class)));
    text.push('\n');
    text.push_str(HEAD);
    for server in servers() {
        let of = measured.iter().filter(|one| one.server == server.name).map(|one| (&one.verdict, one.label));
        text.push_str(&figures(&format!("`{}`", server.package), of));
    }
    text.push_str(&figures("all", measured.iter().map(|one| (&one.verdict, one.label))));
    text.push_str("\nWhere it and the labels differ:\n\n| server | tool | it is | verdict | confidence | reason |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for Judged { server, tool, label, verdict } in measured.iter().filter(|one| one.label != one.verdict.class) {
        let (label, class, confidence) = (label.as_str(), verdict.class.as_str(), verdict.confidence.as_str());
        writeln!(text, "| {server} | `{tool}` | {label} | {class} | {confidence} | {} |", verdict.reason).unwrap();
    }
    text
}

/// What the names alone give.
fn report_of_names() -> String {
    let judged: Vec<_> = judged_names().into_iter().map(|(_, _, label, verdict)| (verdict, label)).collect();
    let mut text = matrix(judged.iter().map(|(verdict, label)| (*label, verdict.class)));
    text.push('\n');
    text.push_str(HEAD);
    text.push_str(&figures("by name alone", judged.iter().map(|(verdict, label)| (verdict, *label))));
    text
}

/// Holds a part of docs/risk.md, between two marks, to what is measured now; UPDATE_RISK=1 writes it.
fn hold(mark: &str, measured: &str) {
    // The two tests may run at once, and both write the one file.
    static FILE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = FILE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join("risk.md");
    let page = fs::read_to_string(&file).unwrap().replace("\r\n", "\n");
    let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("docs/risk.md has no {start}"));
    let (written, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/risk.md has no {end}"));
    let measured = format!("\n{measured}\n");
    if std::env::var("UPDATE_RISK").as_deref() == Ok("1") {
        fs::write(file, format!("{before}{start}{measured}{end}{after}")).unwrap();
    } else {
        assert_eq!(written, measured, "docs/risk.md is stale: UPDATE_RISK=1 cargo test --test suite classifier::");
    }
}

#[test]
fn figures_of_servers() {
    let Some(measured) = measured() else { return };
    let report = report(measured);
    println!("{report}");
    hold("servers", &report);
}

#[test]
fn figures_of_names() {
    let report = report_of_names();
    println!("{report}");
    hold("names", &report);
}

/// How many a guess finds of those that the catalogue has, and how many others it takes for such.
fn found(pairs: &[(bool, bool)]) -> (usize, usize, usize) {
    let count = |known, guess| pairs.iter().filter(|pair| **pair == (known, guess)).count();
    (count(true, true), count(true, true) + count(true, false), count(false, true))
}

#[test]
fn figures_of_guesses() {
    let Some(upstream) = upstream() else { return };
    let [iterable, ..] = servers();
    let listed = listed(upstream, &iterable);
    let guess = |name: &str| Some(profile_tool(Catalogue::for_server("other"), &Listed::read(listed.get(name)?)?));
    let known = Catalogue::for_server("iterable").unwrap().tools().iter();
    let both: Vec<(&CatalogueTool, Profile)> = known.filter_map(|tool| Some((tool, guess(&tool.name)?))).collect();
    let table = |what: &str, (right, all, others)| format!("| {what} | {all} | {right} | {others} |\n");
    let of = |pair: fn(&(&CatalogueTool, Profile)) -> (bool, bool)| found(&both.iter().map(pair).collect::<Vec<_>>());
    let mut report =
        String::from("| the catalogue says | tools | found | wrongly besides |\n| --- | ---: | ---: | ---: |\n");
    report.push_str(&table("personal data", of(|(known, guess)| (known.pii, guess.pii))));
    report.push_str(&table("sends", of(|(known, guess)| (known.sends, guess.sends))));
    report.push_str(&table("irreversible", of(|(known, guess)| (known.irreversible, guess.irreversible))));
    println!("{report}");
    hold("guesses", &report);
}
