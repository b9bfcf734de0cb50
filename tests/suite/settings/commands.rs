//! The program with a config.toml in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::wrapped::{Wrapped, stub};
use crate::support::system::{PATIENCE, at_home, may_link, program, symlink};

const ALLOW: &str = "version = \"1\"\ndefault = \"allow\"\n";
const REFUSE: &str = "version = \"1\"\ndefault = \"deny\"\nunlisted = \"deny\"\n[tools]\n";

/// A fresh home whose configuration folder has these files.
fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(home.path(), name, text);
    }
    home
}

fn write(home: &Path, name: &str, text: &str) -> PathBuf {
    let path = home.join(".config/policylayer").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    at_home(command.args(args), home);
    command
}

/// `policylayer wrap` with these options around the stub server with these habits.
fn wrap(home: tempfile::TempDir, options: &[&str], habits: &[&str]) -> Wrapped {
    let mut command = command(home.path(), &[&["wrap"], options, &["--"]].concat());
    command.arg(stub()).args(habits).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(fs::File::create(home.path().join("stderr")).unwrap());
    Wrapped::start(home, command)
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(home: &Path, args: &[&str]) -> Ran {
    let output = command(home, args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The answer to a message of so many bytes.
fn answer_to(session: &mut Wrapped, bytes: usize) -> String {
    let padding = "x".repeat(bytes);
    session.send(
        format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":{{\"p\":\"{padding}\"}}}}\n").as_bytes(),
    );
    session.line()
}

#[test]
fn the_longest_message_is_that_of_the_file_and_an_option_wins() {
    let files = [("config.toml", "[wrap]\nmax_message = \"2KiB\"\n"), ("policies/stub.toml", ALLOW)];
    for (options, bytes, is_refused) in
        [(&[][..], 1_000, false), (&[], 3_000, true), (&["--max-message", "4KiB"], 3_000, false)]
    {
        let mut session = wrap(home(&files), &[&["--server", "stub"], options].concat(), &[]);
        session.greet();
        let answer = answer_to(&mut session, bytes);
        assert_eq!(answer.contains("\"error\""), is_refused, "{options:?} {bytes}: {answer}");
        session.close();
        assert_eq!(session.code(), 0);
    }
}

#[test]
fn the_server_has_the_grace_of_the_file_to_end() {
    for (grace, at_least) in [("0s", 0), ("1s", 950)] {
        let home = home(&[("config.toml", &format!("[wrap]\ngrace = \"{grace}\"\n"))]);
        let mut session = wrap(home, &[], &["--ignore-eof"]);
        session.greet();
        session.close();
        let (_, took) = session.end();
        assert!(took >= Duration::from_millis(at_least), "{grace}: {took:?}");
    }
}

#[test]
fn a_name_by_match_finds_the_policy_and_an_option_wins() {
    let files = [
        ("config.toml", "[servers.mine]\nmatch = [\"stub_ser\"]\n"),
        ("policies/mine.toml", ALLOW),
        ("policies/other.toml", REFUSE),
    ];
    for (options, expected) in [(&[][..], true), (&["--server", "other"], false)] {
        let mut session = wrap(home(&files), options, &[]);
        session.greet();
        assert_eq!(session.passes(), expected, "{options:?}: {}", session.said());
    }
}

#[test]
fn the_policy_that_the_file_names_is_in_force_and_is_reloaded() {
    let config = "[servers.mine]\nmatch = [\"stub_ser\"]\npolicy = \"elsewhere/strict.toml\"\n";
    let home = home(&[("config.toml", config), ("elsewhere/strict.toml", REFUSE)]);
    let mut session = wrap(home, &[], &[]);
    session.greet();
    assert!(!session.passes());
    write(session.home.path(), "elsewhere/strict.toml", ALLOW);
    let until = |session: &mut Wrapped, wanted: bool| {
        let start = Instant::now();
        while session.passes() != wanted {
            assert!(start.elapsed() < PATIENCE, "{}", session.said());
            thread::sleep(Duration::from_millis(5));
        }
    };
    until(&mut session, true);
    // config.toml itself is read once: neither another policy in it nor an error takes effect.
    write(session.home.path(), "config.toml", "[servers.mine]\npolicy = \"refuse.toml\"\n[wrong]\n");
    write(session.home.path(), "refuse.toml", REFUSE);
    thread::sleep(Duration::from_millis(300));
    assert!(session.passes());
    // A second policy for the server is an error, which leaves the one in force where it is.
    let second = write(session.home.path(), "policies/mine.yaml", "version: '1'\ndefault: deny\n");
    let start = Instant::now();
    while !session.said().contains("two policies for mine") {
        assert!(start.elapsed() < PATIENCE, "{}", session.said());
        thread::sleep(Duration::from_millis(5));
    }
    assert!(session.passes());
    fs::remove_file(second).unwrap();
    write(session.home.path(), "elsewhere/strict.toml", REFUSE);
    until(&mut session, false);
}

/// Starts `wrap`, which does not come to be; its exit code, what it said and what the client was answered.
fn refused(home: tempfile::TempDir, options: &[&str]) -> (i32, String, String) {
    let mut session = wrap(home, options, &[]);
    session.request("1");
    let answer = session.line();
    session.close();
    let code = session.code();
    (code, session.said(), answer)
}

#[test]
fn what_is_wrong_with_the_file_stops_the_start_and_the_client_is_told() {
    let (code, said, answer) = refused(home(&[("config.toml", "[wrap]\ngrase = \"5s\"\n")]), &[]);
    assert_eq!(code, 3, "{said}");
    for text in [&said, &answer] {
        for part in ["config.toml are invalid", "has no key `grase`", "did you mean `grace`?", "policylayer check"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(said.contains("config.toml:2:1"), "{said}");
    // A policy that is named does not make the file good.
    let named = home(&[("config.toml", "x"), ("named.toml", ALLOW)]);
    let policy = named.path().join(".config/policylayer/named.toml");
    let (code, ..) = refused(named, &["--policy", policy.to_str().unwrap()]);
    assert_eq!(code, 3);

    let two = "[servers.one]\nmatch = [\"stub\"]\n[servers.two]\nmatch = [\"server\"]\n";
    let (code, said, answer) = refused(home(&[("config.toml", two)]), &[]);
    assert!(code == 1 && said.contains("[servers.one]") && answer.contains("[servers.two]"), "{code} {said} {answer}");

    let missing = "[servers.one]\nmatch = [\"stub\"]\npolicy = \"gone.toml\"\n";
    let (code, said, _) = refused(home(&[("config.toml", missing)]), &[]);
    assert!(code == 1 && said.contains("gone.toml does not exist"), "{code} {said}");
}

#[test]
fn a_file_that_cannot_be_read_is_not_passed_over() {
    let fresh = || home(&[("policies/a.toml", ALLOW)]);
    let path = |home: &tempfile::TempDir| home.path().join(".config/policylayer/config.toml");
    type Make = fn(&Path);
    let cases: &[(&str, Make)] = &[
        ("larger than 1 MiB", |path| fs::write(path, "#".repeat(1024 * 1024 + 1)).unwrap()),
        ("is a directory", |path| fs::create_dir(path).unwrap()),
        ("not UTF-8 text (byte 2", |path| fs::write(path, b"# \xff").unwrap()),
        ("does not exist", |path| symlink("/nowhere/at/all.toml", path)),
    ];
    for (expected, make) in &cases[..if may_link() { 4 } else { 3 }] {
        let home = fresh();
        make(&path(&home));
        for args in [&["check"][..], &["check", "--server", "a"], &["decide", "--server", "a", "--tool", "t"]] {
            let ran = run(home.path(), args);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{expected} {args:?}: {}", ran.err);
            assert!(ran.err.contains("config.toml cannot be read") && ran.err.contains(expected), "{}", ran.err);
        }
        let json = run(home.path(), &["check", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(
            (json["valid"].as_bool(), json["diagnostics"][0]["code"].as_str()),
            (Some(false), Some("unreadable"))
        );
        let (code, said, answer) = refused(home, &[]);
        assert!(code == 1 && said.contains(expected) && answer.contains(expected), "{code} {said} {answer}");
    }
    let home = fresh();
    fs::write(path(&home), format!("{}\n", "#".repeat(1024 * 1024 - 1))).unwrap();
    assert_eq!(run(home.path(), &["check"]).code, Some(0));
}

#[test]
fn check_and_decide_go_by_the_file() {
    let config = "[servers.mine]\npolicy = \"strict.toml\"\n[servers.unheard]\nmatch = [\"x\"]\n";
    let files = [("config.toml", config), ("strict.toml", REFUSE), ("policies/other.toml", ALLOW)];
    let home = home(&files);
    let path = |name: &str| home.path().join(".config/policylayer").join(name);

    let ran = run(home.path(), &["check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let at = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text}: {}", ran.out));
    let [settings, mine, other] = ["config.toml: valid (0 errors", "strict.toml: valid", "other.toml: valid"].map(at);
    assert!(settings < mine && mine < other && !ran.out.contains("unheard"), "{}", ran.out);
    let json = run(home.path(), &["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let servers: Vec<_> = json.as_array().unwrap().iter().map(|one| one["server"].as_str()).collect();
    assert_eq!(servers, [None, Some("mine"), Some("other")]);

    let ran = run(home.path(), &["check", "--server", "mine"]);
    assert!(ran.code == Some(0) && ran.out.contains("strict.toml") && !ran.out.contains("config.toml"), "{}", ran.out);
    assert_eq!(run(home.path(), &["decide", "--server", "mine", "--tool", "t"]).code, Some(4));
    assert_eq!(run(home.path(), &["decide", "--server", "other", "--tool", "t"]).code, Some(0));

    // The same file by another path is no second policy; another file is one.
    fs::rename(path("strict.toml"), path("policies/mine.toml")).unwrap();
    if may_link() {
        symlink("policies/mine.toml", path("strict.toml"));
        assert_eq!(run(home.path(), &["decide", "--server", "mine", "--tool", "t"]).code, Some(4));
    }
    for same in ["policies/mine.toml", "./policies/mine.toml", "policies/../policies/mine.toml"] {
        fs::write(path("config.toml"), format!("[servers.mine]\npolicy = \"{same}\"\n")).unwrap();
        assert_eq!(run(home.path(), &["decide", "--server", "mine", "--tool", "t"]).code, Some(4), "{same}");
    }
    fs::write(path("config.toml"), format!("[servers.mine]\npolicy = {:?}\n", path("policies/other.toml"))).unwrap();
    for args in [&["check"][..], &["check", "--server", "mine"], &["decide", "--server", "mine", "--tool", "t"]] {
        let ran = run(home.path(), args);
        assert_eq!(ran.code, Some(1), "{args:?}: {}", ran.out);
        for part in ["two policies for mine", "other.toml", "mine.toml", "[servers.mine]"] {
            assert!(ran.err.contains(part), "{part}: {}", ran.err);
        }
    }
}

#[test]
fn check_and_decide_stop_at_an_invalid_file_unless_a_policy_is_named() {
    let home = home(&[("config.toml", "[wrap]\ngrace = 'x'\n[audit]\nkeep = 1\n"), ("policies/a.toml", ALLOW)]);
    for args in [&["check"][..], &["check", "--server", "a"]] {
        let ran = run(home.path(), args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(3), ""), "{args:?}");
        for part in ["config.toml:2:9", "config.toml:4:1", "invalid, and refused as a whole (2 errors, 0 warnings)"] {
            assert!(ran.out.contains(part), "{part}: {}", ran.out);
        }
        assert!(!ran.out.contains("a.toml"), "{}", ran.out);
    }
    let json = run(home.path(), &["check", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json["valid"].as_bool(), json["errors"].as_u64()), (Some(false), Some(2)));
    assert_eq!((json["diagnostics"][1]["line"].as_u64(), json["server"].is_null()), (Some(4), true));
    let ran = run(home.path(), &["decide", "--server", "a", "--tool", "t"]);
    assert!(ran.code == Some(3) && ran.err.contains("config.toml are invalid"), "{}", ran.err);
    let file = home.path().join(".config/policylayer/policies/a.toml");
    let file = file.to_str().unwrap();
    assert_eq!(run(home.path(), &["check", file]).code, Some(0));
    assert_eq!(run(home.path(), &["decide", "--policy", file, "--tool", "t"]).code, Some(0));
}

#[test]
fn check_says_that_there_are_only_settings() {
    let home = home(&[("config.toml", "")]);
    let ran = run(home.path(), &["check"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("config.toml: valid") && ran.out.contains("There is no policy in"), "{}", ran.out);
}
