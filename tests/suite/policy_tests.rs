//! `policylayer test`: what it prints for whole files, as text, JSON and JUnit, compared with tests/golden/test; the tests
//! that are shipped; and docs/testing.md, page and all.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite policy_tests::` writes what it prints now; read the difference before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{at_home, program, without_variables};
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program in a folder, with nothing of our own environment but a home of its own.
fn policylayer(folder: &Path, home: &Path) -> Command {
    let mut command = std::process::Command::new(program());
    at_home(without_variables(command.current_dir(folder)), home).env("XDG_CONFIG_HOME", home.join("config"));
    Command::from_std(command)
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// `policylayer test` in a folder.
fn test(folder: &Path, args: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    run(policylayer(folder, home.path()).arg("test").args(args))
}

#[test]
fn every_file_comes_to_what_it_did() {
    let golden = root().join("tests/golden/test");
    let mut files: Vec<String> =
        fs::read_dir(&golden).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|name| name.contains(".test.") && !name.contains(".expected."));
    files.sort();
    assert!(files.len() >= 7);
    let mut wrong = Vec::new();
    for name in &files {
        for format in ["text", "json", "junit"] {
            let ran = test(&golden, &[name, "--format", format]);
            assert_eq!(ran.err, "", "{name}");
            let found = format!("{}exit {}\n", ran.out, ran.code.unwrap());
            let expected = golden.join(format!("{name}.expected.{format}"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&expected, &found).unwrap();
            }
            let text = fs::read_to_string(&expected).unwrap_or_default();
            if text != found {
                wrong.push(format!("{name} as {format}:\n{found}\nbut expected:\n{text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shipped_tests_of_the_shipped_policies_pass() {
    let folder = root().join("config/policies");
    let ran = test(&folder, &["iterable.test.toml"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    let passed: usize = ran.out.split(' ').next().unwrap().parse().unwrap();
    assert!(passed >= 10 && ran.out.ends_with(" passed, 0 failed\n"), "{}", ran.out);
}

/// A test that passes whatever the policy says would show nothing.
#[test]
fn the_shipped_tests_fail_under_another_policy() {
    let folder = tempfile::tempdir().unwrap();
    let tests = fs::read_to_string(root().join("config/policies/iterable.test.toml")).unwrap();
    fs::write(folder.path().join("iterable.test.toml"), tests).unwrap();
    for default in ["allow", "deny"] {
        let policy = format!("version = \"1\"\ndefault = \"{default}\"\ntools = {{}}\n");
        fs::write(folder.path().join("iterable.toml"), policy).unwrap();
        let ran = test(folder.path(), &["iterable.test.toml", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(ran.code, Some(1));
        assert!(json["failed"].as_u64() > json["passed"].as_u64(), "{default}: {}", ran.out);
    }
}

#[test]
fn several_files_are_summed_and_the_worst_is_the_exit_code() {
    let golden = root().join("tests/golden/test");
    let summary = |files: &[&str]| {
        let ran = test(&golden, files);
        (ran.out.lines().last().unwrap().to_owned(), ran.code.unwrap())
    };
    assert_eq!(summary(&["passing.test.yaml", "passing.test.yaml"]), ("14 passed, 0 failed".to_owned(), 0));
    assert_eq!(summary(&["passing.test.yaml", "failing.test.toml"]), ("8 passed, 6 failed".to_owned(), 1));
    let expected = ("7 passed, 0 failed, 1 file not run".to_owned(), 1);
    assert_eq!(summary(&["nowhere.test.toml", "passing.test.yaml"]), expected);
    let expected = ("1 passed, 6 failed, 2 files not run".to_owned(), 3);
    assert_eq!(summary(&["nowhere.test.toml", "failing.test.toml", "invalid.test.toml"]), expected);
}

#[test]
fn without_a_file_those_beside_the_policies_are_run() {
    let home = tempfile::tempdir().unwrap();
    let all = || run(policylayer(home.path(), home.path()).arg("test"));
    let none = all();
    assert_eq!((none.code, none.out.as_str()), (Some(1), ""));
    assert!(none.err.contains("There is no policy test in") && none.err.contains("iterable.test.toml"), "{}", none.err);

    let folder = home.path().join("config").join("policylayer").join("policies");
    fs::create_dir_all(&folder).unwrap();
    let case = "[[case]]\ntool = \"a\"\nexpect = \"allow\"\n";
    for (name, text) in [
        ("one.toml", "version = \"1\"\ndefault = \"allow\"\n"),
        ("one.test.toml", case),
        ("two.json", r#"{"version":"1","default":"deny","tools":{"a":{}}}"#),
        ("two.test.json", r#"{"case":[{"tool":"a","expect":"allow"},{"tool":"b","expect":"hide"}]}"#),
        ("notes.test.txt", "no test"),
        (".test.toml", "no test"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let ran = all();
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "3 passed, 0 failed\n"), "{}", ran.err);

    // The policy is the one beside the file, whatever else is configured.
    let elsewhere = home.path().join("other.toml");
    fs::write(&elsewhere, "version = \"1\"\ndefault = \"deny\"\n").unwrap();
    let ran = run(policylayer(home.path(), home.path()).arg("test").env("POLICYLAYER_POLICY", &elsewhere));
    assert_eq!(ran.code, Some(0), "{}", ran.out);

    fs::write(folder.join("one.yaml"), "version: '1'\ndefault: deny\n").unwrap();
    let ran = all();
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("There are two policies called one"), "{}", ran.out);
}

/// The server of the policy is the one that the file names, or that the policy is named after: the classes of its
/// catalogue decide.
#[test]
fn the_server_is_named_or_follows_from_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "version = \"1\"\ndefault = \"deny\"\n[classes.write]\n";
    let case = "[[case]]\ntool = \"create_blast_campaign\"\nexpect = \"allow\"\nrule = \"classes.write\"\n";
    for (name, text) in [
        ("iterable.toml", policy.to_owned()),
        ("iterable.test.toml", case.to_owned()),
        ("other.toml", policy.to_owned()),
        ("other.test.toml", case.to_owned()),
        ("third.test.toml", format!("policy = \"other.toml\"\nserver = \"iterable\"\n{case}")),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    for (name, code) in [("iterable.test.toml", 0), ("other.test.toml", 1), ("third.test.toml", 0)] {
        let ran = test(folder.path(), &[name]);
        assert_eq!(ran.code, Some(code), "{name}: {}", ran.out);
    }
}

/// A block of code on the page: its language and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    blocks
}

/// Files are blocks that begin with `# NAME`; each `$ command` prints what stands beneath it.
#[test]
fn the_page_on_testing_is_true() {
    let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut commands) = (0, 0);
    for (language, text) in blocks(&page) {
        if language != "console" {
            let name = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a name");
            fs::write(folder.path().join(name), &text).unwrap();
            files += 1;
            continue;
        }
        for part in text.split("$ policylayer ").skip(1) {
            let (command, expected) = part.split_once('\n').unwrap();
            let ran = run(policylayer(folder.path(), folder.path()).args(words(command)));
            assert_eq!((ran.out.as_str(), ran.err.as_str()), (expected, ""), "{command}");
            commands += 1;
        }
    }
    assert!(files >= 5 && commands >= 6, "{files} files, {commands} commands");
}

/// The words of a command line, of which some stand in single quotes.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// JUnit's readers are XML readers: every tag is closed and nothing of a policy is markup.
#[test]
fn the_xml_is_well_formed() {
    let golden = root().join("tests/golden/test");
    let files = ["failing.test.toml", "errors.test.toml", "passing.test.yaml", "nowhere.test.toml"];
    let ran = test(&golden, &[&files[..], &["--format", "junit"]].concat());
    let xml = ran.out.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('&') || text.split('&').skip(1).all(|rest| rest.contains(';')), "{text}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty() && !xml.contains(|c: char| c.is_control() && c != '\n'));
    assert!(xml.starts_with("<testsuites name=\"policylayer\" tests=\"16\" failures=\"6\" errors=\"2\">"), "{xml}");
    assert!(xml.contains(&format!("{}", PathBuf::from("failing.test.toml").display())));
}

/// As often as a step may try, and not once more often: see tests/golden/test/errors.test.toml.
#[test]
fn a_step_may_try_a_hundred_thousand_calls() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.toml"),
        "version = \"1\"\ndefault = \"deny\"\n[tools.a]\nrate_limit = \"99999/day\"\n",
    )
    .unwrap();
    let steps = "[{ expect = \"allow\", times = 99999 }, { expect = \"deny\", times = 100000 }]";
    let case = format!("[[case]]\ntool = \"a\"\nsteps = {steps}\n");
    fs::write(folder.path().join("a.test.toml"), case).unwrap();
    let ran = test(folder.path(), &["a.test.toml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "1 passed, 0 failed\n"), "{}", ran.err);
}
