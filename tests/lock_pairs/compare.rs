//! How the definitions of servers change from one release to the next, as `policylayer lock diff` counts it.
//!
//! `cargo run --example lock_pairs DIR` prints the table of docs/lock.md; collect.mjs makes the listings in DIR.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use policylayer::lock::{ChangeKind, ItemKind, Lock, Subject, compare};
use policylayer::risk::{Catalogue, Listed, Risk, profile_tool};
use serde_json::Value;

/// How many releases of a server count.
const RELEASES: usize = 16;

/// A release of a server, and the lock of what it lists.
struct Release {
    published: String,
    lock: Lock,
    tools: usize,
}

fn read_release(file: &Path) -> Release {
    let listed: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let text = |key: &str| listed[key].as_str().unwrap_or_default();
    let catalogue = Catalogue::for_server(text("server"));
    let mut lock = Lock::new(text("server"));
    lock.set_instructions(listed.get("instructions").map(Value::to_string).as_deref()).unwrap();
    let tools = listed["tools"].as_array().unwrap();
    for tool in tools {
        let class = Listed::read(tool).map(|listed| profile_tool(catalogue, &listed).class);
        lock.insert(ItemKind::Tool, &tool.to_string(), class).unwrap();
    }
    for (kind, key) in [(ItemKind::Prompt, "prompts"), (ItemKind::Template, "templates")] {
        for item in listed[key].as_array().into_iter().flatten() {
            lock.insert(kind, &item.to_string(), None).unwrap();
        }
    }
    Release { published: text("published").to_owned(), lock, tools: tools.len() }
}

/// What one release changed.
#[derive(Default)]
struct Counts {
    pairs: usize,
    tools: usize,
    changed: usize,
    risky: usize,
    added: usize,
    removed: usize,
    untouched_pairs: usize,
    risky_pairs: usize,
    kinds: BTreeMap<String, usize>,
}

impl Counts {
    fn add(&mut self, old: &Release, new: &Release) {
        let changes = compare(&old.lock, &new.lock);
        let names = |is_meant: &dyn Fn(ChangeKind, Risk) -> bool| {
            let meant = changes.iter().filter(|change| is_meant(change.kind, change.risk));
            let tools = meant.filter_map(|change| match &change.subject {
                Subject::Item(ItemKind::Tool, name) => Some(name.as_str()),
                _ => None,
            });
            tools.collect::<BTreeSet<_>>().len()
        };
        let is_new = |kind| matches!(kind, ChangeKind::Added | ChangeKind::Removed);
        self.pairs += 1;
        self.tools += old.tools;
        let added = names(&|kind, _| kind == ChangeKind::Added);
        let removed = names(&|kind, _| kind == ChangeKind::Removed);
        // A new tool may have a sign of poisoning, which is no change of a definition.
        let all = names(&|_, _| true);
        self.changed += all - added - removed;
        let risky = changes.iter().filter(|change| change.risk >= Risk::High && !is_new(change.kind));
        let is_added = |name: &String| old.lock.find(ItemKind::Tool, name).is_none();
        let risky = risky.filter_map(|change| match &change.subject {
            Subject::Item(ItemKind::Tool, name) if !is_added(name) => Some(name),
            _ => None,
        });
        self.risky += risky.collect::<BTreeSet<_>>().len();
        self.added += added;
        self.removed += removed;
        self.untouched_pairs += usize::from(changes.is_empty());
        self.risky_pairs += usize::from(changes.iter().any(|change| change.risk >= Risk::High));
        for change in changes.iter().filter(|change| matches!(change.subject, Subject::Item(ItemKind::Tool, _))) {
            *self.kinds.entry(format!("{:?}, {}", change.kind, change.risk.as_str())).or_default() += 1;
        }
    }
}

fn main() {
    let dir = std::env::args().nth(1).expect("the directory of the listings is named");
    let (mut counts, mut servers) = (Counts::default(), 0);
    let mut dirs: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    for dir in dirs {
        let files = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
        let mut releases: Vec<_> = files.map(|file| read_release(&file)).collect();
        releases.sort_by(|one, other| one.published.cmp(&other.published));
        let from = releases.len().saturating_sub(RELEASES);
        let before = counts.pairs;
        releases[from..].windows(2).for_each(|pair| counts.add(&pair[0], &pair[1]));
        servers += usize::from(counts.pairs > before);
    }
    let percent = |part: usize, whole: usize| format!("{part} ({:.1} %)", 100.0 * part as f64 / whole.max(1) as f64);
    let Counts { pairs, tools, changed, risky, added, removed, untouched_pairs, risky_pairs, kinds } = counts;
    println!("| releases with the one before them | {pairs}, of {servers} servers |");
    println!("| definitions in the one before | {tools} |");
    println!("| … that differ in the next one | {} |", percent(changed, tools));
    println!("| … of these with a change of high or critical risk | {} |", percent(risky, tools));
    println!("| … that are gone | {} |", percent(removed, tools));
    println!("| definitions that are new | {added} |");
    println!("| releases that change nothing | {} |", percent(untouched_pairs, pairs));
    println!(
        "| releases with a change of high or critical risk, new tools among them | {} |",
        percent(risky_pairs, pairs)
    );
    println!("{kinds:#?}");
}
