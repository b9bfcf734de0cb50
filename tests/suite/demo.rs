//! The demo: what it shows is what happened, and what the README shows is what it prints.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{at_home, program, without_variables};
use std::process::Command;

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    at_home(without_variables(command.arg("demo")), home.path()).env("COLUMNS", "100");
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    let readme = include_str!("../../README.md");
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

/// The table goes by what the server lists, as `inspect` does, and not by the name alone.
#[test]
fn a_server_of_ones_own_is_classed_as_inspect_does() {
    let home = tempfile::tempdir().unwrap();
    let program = program();
    std::fs::create_dir_all(home.path().join("config/policylayer")).unwrap();
    // Under another name than the catalogue's, so that the classifier has to tell.
    std::fs::write(home.path().join("config/policylayer/config.toml"), "[servers.shop]\nmatch = [\"demo-server\"]\n")
        .unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(program);
        at_home(without_variables(command.args(args).args(["--", program, "demo-server"])), home.path());
        command.env("XDG_CONFIG_HOME", home.path().join("config")).env("XDG_STATE_HOME", home.path().join("state"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let demo = run(&["demo"]);
    let inspected: serde_json::Value = serde_json::from_str(&run(&["inspect", "--format", "json"])).unwrap();
    assert_eq!(inspected["server"], "shop");
    let tools = inspected["tools"].as_array().unwrap();
    assert!(tools.len() > 10);
    for tool in tools {
        let (name, class) = (tool["name"].as_str().unwrap(), tool["class"].as_str().unwrap());
        let call = if tool["effect"] == "allow" { "passes" } else { "asks a person" };
        let line = demo.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
        assert!(line.contains(class) && line.contains(call), "{line}: {tool}");
    }
}
