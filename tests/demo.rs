//! The demo: what it shows is what happened, and what the README shows is what it prints.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_policylayer"));
    command.arg("demo").env_clear().env("HOME", home.path()).env("COLUMNS", "100");
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    let readme = include_str!("../README.md");
    let (_, shown) = readme.split_once("```text\nWhat the agent sees").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let lines: Vec<_> = shown.lines().skip(1).filter(|line| !line.trim().is_empty() && line.trim() != "…").collect();
    assert!(lines.len() > 20, "{lines:?}");
    for line in lines {
        // The table and the words are as wide as the terminal: what matters is what they say.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&out).contains(&words(line)), "the demo does not print {line:?}:\n{out}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "the demo leaves nothing behind");
}
