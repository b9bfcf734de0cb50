//! The house rules that a compiler does not hold: which room may use what, and what no file may contain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of these endings, as a path from the root with `/`, and its text.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing found in {folder}");
    found
}

/// The source without its comments and without its unit tests, which may do as they like.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The first component after `src/`: the room a file belongs to.
fn room(file: &str) -> &str {
    file.trim_start_matches("src/").split('/').next().unwrap().trim_end_matches(".rs")
}

const CORE: [&str; 9] = ["wire", "policy", "risk", "record", "engine", "limits", "visible", "size", "settings"];

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let forbidden = [
        "std::fs",
        "std::env",
        "std::process",
        "std::net",
        "std::io",
        "std::thread",
        "tokio",
        "anyhow",
        "SystemTime",
        "Instant",
        "rustix",
        "env!(\"HOME",
        "include_bytes",
    ];
    for (file, text) in files("src", &["rs"]) {
        if CORE.contains(&room(&file)) {
            for word in forbidden {
                assert!(!code(&text).contains(word), "{file} uses {word}, but the core is sans-IO");
            }
        }
    }
}

#[test]
fn rooms_import_downwards_only() {
    // Lowest first: a room may use those before it.
    let order = [
        "limits", "visible", "size", "wire", "risk", "policy", "record", "engine", "state", "exit", "env", "shell",
        "lookup", "settings", "paths", "audit", "clients", "proxy", "probe", "report", "author", "term", "cli", "cmd",
        "main", "lib",
    ];
    let rank = |room: &str| order.iter().position(|other| *other == room);
    for (file, text) in files("src", &["rs"]) {
        let here = room(&file);
        let rank_here = rank(here).unwrap_or_else(|| panic!("{file}: the room {here:?} has no place in the order"));
        for used in code(&text).replace("record", "record").split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(rank_used) = rank(&used) {
                assert!(rank_used <= rank_here, "{file} uses crate::{used}, which stands above {here}");
            }
        }
    }
}

#[test]
fn the_front_page_names_every_room() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let page: String = text.lines().filter(|line| line.starts_with("//!")).collect();
    let rooms = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let missing: Vec<_> = rooms.filter(|room| !page.contains(&format!("`{room}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn unsafe_code_is_in_one_file() {
    for (file, text) in files("src", &["rs"]) {
        if file != "src/proxy/child/unix.rs" {
            let code = code(&text);
            assert!(!code.contains("unsafe ") && !code.contains("allow(unsafe_code)"), "{file} has unsafe code");
        }
    }
}

#[test]
fn nothing_is_unfinished_or_skipped() {
    let words = ["todo!", "unimplemented!", "#[ignore", "FIXME", "XXX", "unwrap_or_else(|_| unreachable"];
    for folder in ["src", "tests"] {
        for (file, text) in files(folder, &["rs"]) {
            for word in words.iter().filter(|_| file != "tests/suite/tidy.rs") {
                assert!(!text.contains(word), "{file} contains {word}");
            }
        }
    }
}

#[test]
fn files_are_small_enough_to_be_one_room() {
    for (file, text) in files("src", &["rs"]) {
        let lines = code(&text).lines().count();
        assert!(lines <= 520, "{file} has {lines} lines without its tests: split it");
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let home = std::env::var("HOME").ok().filter(|home| home.len() > 1);
    let places: Vec<String> = [Some(env!("CARGO_MANIFEST_DIR").to_owned()), home].into_iter().flatten().collect();
    for folder in ["src", "tests", "docs", "config"] {
        for (file, text) in files(folder, &["rs", "md", "toml", "json", "jsonl", "yaml", "yml"]) {
            for place in &places {
                assert!(!text.contains(&format!("{place}/")), "{file} contains {place}");
            }
            assert!(!text.contains("\"resolved\":"), "{file} names a registry");
        }
    }
}

/// The anchor that GitHub gives a heading: lower case, spaces as hyphens, without punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let mut in_code = false;
    let headings = text.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    let written = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    headings.map(anchor).chain(written.map(str::to_owned)).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut followed = 0;
    let mut broken = Vec::new();
    let mut documents = files("docs", &["md"]);
    documents.extend(files("tests/fuzz", &["md"]));
    documents.extend(["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| {
        let text = fs::read_to_string(root().join(name)).unwrap();
        (name.to_owned(), text)
    }));
    for (file, text) in &documents {
        let directory = root().join(file).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            followed += 1;
            let (path, fragment) = link.split_once('#').map_or((link, None), |(path, fragment)| (path, Some(fragment)));
            let target = if path.is_empty() { root().join(file) } else { directory.join(path) };
            let has_anchor = |fragment: &str| {
                fs::read_to_string(&target).is_ok_and(|text| anchors(&text).iter().any(|anchor| anchor == fragment))
            };
            if !target.exists() || !fragment.is_none_or(has_anchor) {
                broken.push(format!("{file}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed >= 50, "only {followed} links");
}
