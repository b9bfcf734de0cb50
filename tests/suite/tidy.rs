//! The house rules that a compiler does not hold: which module may use what ([`layers`]), and what no file
//! may contain.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bounds;
mod layers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `dir` with one of these endings, as a path from the root with `/`, and its text.
fn files(dir: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(dir)];
    while let Some(dir) = directories.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("target") {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing found in {dir}");
    found
}

/// The source without its comments and without its unit tests, which may do as they like.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_front_page_names_every_module() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let page: String = text.lines().filter(|line| line.starts_with("//!")).collect();
    let modules =
        text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let missing: Vec<_> = modules.filter(|module| !page.contains(&format!("`{module}`"))).collect();
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
    for dir in ["src", "tests"] {
        for (file, text) in files(dir, &["rs"]) {
            for word in words.iter().filter(|_| file != "tests/suite/tidy.rs") {
                assert!(!text.contains(word), "{file} contains {word}");
            }
        }
    }
}

#[test]
fn no_test_fails_because_a_machine_is_busy() {
    for (file, text) in files("src", &["rs"]).into_iter().chain(files("tests", &["rs"])) {
        let bounds = text.lines().filter(|line| line.contains("assert!(") && line.contains(".elapsed() <"));
        let hasty = bounds.filter(|line| !line.contains("PATIENCE") && !line.contains("from_secs(60)"));
        let hasty: Vec<_> = hasty.filter(|_| file != "tests/suite/tidy.rs").collect();
        assert!(hasty.is_empty(), "{file}: less than a minute is too little for a busy machine: {hasty:#?}");
    }
}

#[test]
fn files_are_small_enough_to_be_one_module() {
    for (file, text) in files("src", &["rs"]) {
        let lines = code(&text).lines().count();
        assert!(lines <= 520, "{file} has {lines} lines without its tests: split it");
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let home = std::env::var("HOME").ok().filter(|home| home.len() > 1);
    let places: Vec<String> = [Some(env!("CARGO_MANIFEST_DIR").to_owned()), home].into_iter().flatten().collect();
    for dir in ["src", "tests", "docs", "config"] {
        for (file, text) in files(dir, &["rs", "md", "toml", "json", "jsonl", "yaml", "yml"]) {
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
