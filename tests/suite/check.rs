//! What `policylayer check` prints, as text and as JSON, for whole files: compared with tests/golden/check.
//!
//! `UPDATE_GOLDEN=1 cargo test --test suite check::` writes what it prints now; read the difference before you keep it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{at_home, may_link, program, symlink, without_variables};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use policylayer::policy::{Server, ServerName, builtin_text};
use policylayer::record::Digest;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/check")
}

/// `policylayer check` with nothing of our own environment but the folder that is given.
fn check(home: &Path) -> Command {
    let mut command = std::process::Command::new(program());
    at_home(without_variables(&mut command), home).env("XDG_CONFIG_HOME", home.join("config")).arg("check");
    Command::from_std(command)
}

/// Writes a policy into the configuration folder.
fn configure(home: &Path, name: &str, text: &str) -> PathBuf {
    let folder = home.join("config").join("policylayer").join("policies");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a policy");
    path
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn every_document_is_diagnosed_as_it_was() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    let mut documents: Vec<_> =
        std::fs::read_dir(golden()).expect("golden").map(|entry| entry.expect("one").path()).collect();
    documents.sort();
    let server = Server::by_name(&ServerName::parse("iterable").expect("a name"));
    let digest = Digest::of_text(builtin_text(&server).as_bytes()).to_string();
    for document in documents {
        let name = document.file_name().and_then(OsStr::to_str).expect("a name");
        if name.contains(".expected.") {
            continue;
        }
        seen += 1;
        for format in ["text", "json"] {
            let home = tempfile::tempdir().expect("a folder");
            let ran =
                run(check(home.path()).current_dir(golden()).args([name, "--server", "iterable", "--format", format]));
            assert_eq!(ran.err, "", "{name}");
            let found = format!("{}exit {}\n", ran.out, ran.code.expect("a code"));
            let found = found.replace(&digest, "DIGEST").replace(&digest[..12], "DIGEST");
            let found = found.replace(env!("CARGO_PKG_VERSION"), "VERSION");
            let expected = golden().join(format!("{name}.expected.{format}"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&expected, &found).expect("writable");
            }
            let text = std::fs::read_to_string(&expected).unwrap_or_default();
            if text != found {
                wrong.push(format!("{name} as {format}:\n{found}\nbut expected:\n{text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 12);
}

/// The documents that have everything wrong: the three formats are told the same, each at its own place.
#[test]
fn every_format_is_told_the_same() {
    for (name, at_least) in [("language-errors", 60), ("language-warnings", 7)] {
        let home = tempfile::tempdir().expect("a folder");
        let mut first = None;
        for ending in ["toml", "json", "yaml"] {
            let file = format!("{name}.{ending}");
            let ran =
                run(check(home.path()).current_dir(golden()).args([&file, "--server", "iterable", "--format", "json"]));
            let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
            let said = |one: &serde_json::Value| [one["code"].clone(), one["message"].clone(), one["hint"].clone()];
            let mut all: Vec<_> =
                json["diagnostics"].as_array().expect("a list").iter().map(|one| format!("{:?}", said(one))).collect();
            all.sort();
            assert!(all.len() >= at_least, "{file}: {}", all.len());
            assert_eq!(first.get_or_insert(all.clone()), &all, "{file}");
        }
    }
}

#[test]
fn nothing_but_plain_text_goes_into_a_pipe_and_colour_where_it_is_asked_for() {
    let home = tempfile::tempdir().expect("a folder");
    let plain = run(check(home.path()).current_dir(golden()).arg("terminal-escapes.toml"));
    assert!(!plain.out.contains('\u{1b}') && !plain.out.contains('\u{202e}'), "{}", plain.out);
    let colour = run(check(home.path()).current_dir(golden()).arg("terminal-escapes.toml").env("CLICOLOR_FORCE", "1"));
    assert!(colour.out.contains("\u{1b}["));
    let forbidden = run(check(home.path()).current_dir(golden()).arg("terminal-escapes.toml").env("NO_COLOR", "1"));
    assert_eq!(forbidden.out, plain.out);
}

#[test]
fn the_policy_in_force_is_found_in_its_order() {
    let home = tempfile::tempdir().expect("a folder");
    let in_force = |command: &mut Command| run(command.args(["--server", "iterable"]));

    let builtin = in_force(&mut check(home.path()));
    assert_eq!(builtin.code, Some(0));
    let starts = "the built-in policy for iterable is in force where the server's command starts @iterable/mcp.";
    assert!(builtin.out.starts_with(starts), "{}", builtin.out);

    let found = configure(home.path(), "iterable.toml", "version = \"1\"\ndefault = \"allow\"\n");
    let ran = in_force(&mut check(home.path()));
    assert!(ran.out.contains(&format!("{} stands alone", found.display())), "{}", ran.out);

    let named = configure(home.path(), "named.json", r#"{"version":"1","default":"deny","hide":["get_lists"]}"#);
    let ran = in_force(check(home.path()).env("POLICYLAYER_POLICY", &named));
    assert!(ran.out.contains("named.json is laid over the built-in policy for iterable"), "{}", ran.out);

    let argument = configure(home.path(), "argument.yaml", "version: '1'\ndefault: deny\n");
    let ran = in_force(check(home.path()).arg(&argument).env("POLICYLAYER_POLICY", &named));
    assert!(ran.out.contains("argument.yaml stands alone"), "{}", ran.out);

    configure(home.path(), "iterable.yml", "version: '1'\ndefault: deny\n");
    let ran = in_force(&mut check(home.path()));
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("two policies for iterable")
            && ran.err.contains("iterable.yml")
            && ran.err.contains("iterable.toml"),
        "{}",
        ran.err
    );
}

#[test]
fn the_server_is_the_files_name_where_nothing_else_says() {
    let home = tempfile::tempdir().expect("a folder");
    let file = configure(home.path(), "iterable.json", r#"{"version":"1","default":"deny","hide":[]}"#);
    let ran = run(check(home.path()).arg(&file).args(["--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((json["server"].as_str(), json["tools"]["known"].as_u64()), (Some("iterable"), Some(120)));
    assert_eq!(json["mode"], "patch");
    let ran = run(check(home.path()).args(["--server", "../x"]));
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("not a server name"), "{}", ran.err);
}

#[test]
fn a_policy_that_cannot_be_used_is_an_error_that_says_what_to_do() {
    let home = tempfile::tempdir().expect("a folder");
    let large = configure(home.path(), "large.toml", &"#".repeat(1024 * 1024 + 1));
    let utf16 = configure(home.path(), "utf16.toml", "");
    std::fs::write(&utf16, [0xff, 0xfe, b'v', 0]).expect("writable");
    let text = configure(home.path(), "policy.txt", "version = \"1\"\n");
    let folder = home.path().join("folder.toml");
    std::fs::create_dir(&folder).expect("a folder");
    let cases: Vec<(PathBuf, &str)> = vec![
        (home.path().join("missing.toml"), "does not exist"),
        (PathBuf::from("~/policy.toml"), "`~` is not expanded"),
        (folder, "is a directory"),
        (text, "does not end in .toml"),
        (large, "larger than 1 MiB"),
        (utf16, "not UTF-8"),
    ];
    for (path, expected) in cases {
        let ran = run(check(home.path()).arg(&path));
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", path.display());
        assert!(ran.err.contains(expected), "{}: {}", path.display(), ran.err);
    }
    let ran = run(check(home.path()).env("POLICYLAYER_POLICY", ""));
    assert!(ran.code == Some(1) && ran.err.contains("POLICYLAYER_POLICY is set but empty"), "{}", ran.err);
    let base = if cfg!(windows) { "APPDATA" } else { "HOME" };
    let ran = run(check(home.path()).env(base, "relative").env_remove("XDG_CONFIG_HOME"));
    assert!(ran.code == Some(1) && ran.err.contains("configuration directory"), "{}", ran.err);
}

/// A link that leads nowhere, a folder and a pipe are policies that somebody wanted: no falling back.
#[test]
fn a_policy_that_is_there_and_cannot_be_read_is_not_passed_over() {
    let home = tempfile::tempdir().expect("a folder");
    let file = configure(home.path(), "x", "").with_file_name("iterable.toml");
    std::fs::create_dir(&file).expect("a folder");
    let ran = run(check(home.path()).args(["--server", "iterable"]));
    assert!(ran.code == Some(1) && ran.err.contains("is a directory"), "{}", ran.err);
    std::fs::remove_dir(&file).expect("it goes");

    // Windows has no file that stands for stdin.
    #[cfg(unix)]
    {
        let ran = run(check(home.path()).arg("/dev/stdin"));
        assert!(ran.code == Some(1) && ran.err.contains("a pipe or device"), "{}", ran.err);
    }
    if may_link() {
        symlink("/nowhere/at/all.toml", &file);
        let ran = run(check(home.path()).args(["--server", "iterable"]));
        assert!(ran.code == Some(1) && ran.err.contains("does not exist"), "{}", ran.err);
        let ring = home.path().join("ring.toml");
        symlink(ring.to_str().expect("UTF-8"), &ring);
        let ran = run(check(home.path()).arg(&ring));
        assert!(ran.code == Some(1) && ran.err.contains("lead in a ring"), "{}", ran.err);
    }
}

#[test]
fn what_becomes_of_results_is_said() {
    let home = tempfile::tempdir().unwrap();
    let said = |results: &str| {
        let file = home.path().join("p.toml");
        std::fs::write(
            &file,
            format!("version = \"1\"\ndefault = \"deny\"\n{results}\n[tools.x]\naction = \"allow\"\n"),
        )
        .unwrap();
        let text = run(check(home.path()).arg(&file)).out;
        let json: serde_json::Value =
            serde_json::from_str(&run(check(home.path()).arg(&file).args(["--format", "json"])).out).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("  results ")).map(|said| said.trim().to_owned());
        assert_eq!(line.as_deref(), json["results"].as_str(), "{text}");
        line
    };
    let more = "more for those of some entries or classes";
    let own = "[classes.read.results]\nmax_text = \"1KiB\"\n[tools.y.results]\nstand_ins = [\"card\"]";
    assert_eq!(said(""), None);
    assert_eq!(said(own), Some(format!("as they come; {more}")));
    let all = "[results]\nstrip = [\"ansi\"]\nstand_ins = [\"email\"]\nfields = [\"firstName\"]\n\
        deny_if = [{ path = \"result.**\", op = \"detects\", value = \"secret\" }]\n";
    let expected = "without escape sequences, with stand-ins for what is found of email, with stand-ins for the fields firstName, \
        withheld where results.deny_if[0] applies";
    assert_eq!(said(all).as_deref(), Some(expected));
    assert_eq!(said(&format!("{all}{own}")), Some(format!("{expected}; {more}")));
}

#[test]
fn without_a_name_every_policy_is_checked() {
    let home = tempfile::tempdir().expect("a folder");
    let none = run(&mut check(home.path()));
    assert_eq!(none.code, Some(0), "{}", none.err);
    assert!(none.out.contains("There is no policy in") && none.out.contains("--server iterable"), "{}", none.out);
    let folder = home.path().join("config/policylayer/policies");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("b.toml"), "version = \"1\"\ndefault = \"allow\"\n").expect("a file");
    std::fs::write(folder.join("a.json"), r#"{"version":"1","default":"dney"}"#).expect("a file");
    std::fs::write(folder.join("b.test.toml"), "no policy").expect("a file");
    std::fs::write(folder.join("b.lock.json"), r#"{"version":"1","server":"b"}"#).expect("a file");
    let both = run(&mut check(home.path()));
    assert_eq!(both.code, Some(3), "one is invalid: {}", both.out);
    let (first, second) = (both.out.find("a.json: invalid"), both.out.find("b.toml: valid"));
    assert!(first.is_some() && first < second, "{}", both.out);
    let json = run(check(home.path()).args(["--format", "json"]));
    let list: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(2), "{}", json.out);
}

#[test]
fn a_question_that_nothing_keeps_is_a_warning() {
    let home = tempfile::tempdir().expect("home");
    let check_all = |entry: &str, config: &str| {
        let policy = format!(
            "version = \"1\"\ndefault = \"deny\"\n[tools.send_campaign]\naction = \"require_approval\"\n{entry}"
        );
        let dir = configure(home.path(), "iterable.toml", &policy);
        let settings = dir.parent().and_then(Path::parent).expect("directory").join("config.toml");
        std::fs::write(settings, config).expect("config.toml");
        let ran = run(&mut check(home.path()));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let (client, local) = ("[approvals]\nchannels = [\"client\"]\n", "[approvals]\nchannels = [\"local\"]\n");
    for (lives, config, is_warned) in [
        ("approval_for = \"client\"\n", client, true),
        ("approval_for = \"client\"\n", local, false),
        ("approval_for = \"client\"\n", "", false),
        ("approval_for = \"session\"\n", client, false),
        ("", client, false),
    ] {
        let said = check_all(lives, config);
        assert_eq!(said.contains("question-not-kept"), is_warned, "{lives} {config}: {said}");
        assert!(!is_warned || said.contains("Add \"local\" to `channels`"), "{said}");
    }
}

#[test]
fn a_time_that_no_client_waits_is_a_warning() {
    let home = tempfile::tempdir().expect("home");
    let asks = |timeout: &str| {
        format!(
            "version = \"1\"\ndefault = \"deny\"\n[tools.send_campaign]\naction = \"require_approval\"\napproval_timeout = {timeout}\n"
        )
    };
    let dir = configure(home.path(), "iterable.toml", &asks("\"10m\""));
    let settings = dir.parent().and_then(Path::parent).expect("directory").join("config.toml");
    let check_all = |timeout: &str, config: &str| {
        configure(home.path(), "iterable.toml", &asks(timeout));
        std::fs::write(&settings, config).expect("config.toml");
        let ran = run(&mut check(home.path()));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let said = check_all("\"10m\"", "");
    for part in [
        "client-gives-up",
        "no call waits 10m for a person",
        "Claude Desktop",
        "any other after 1m",
        "Cursor",
        "for one repetition of the call",
        "[approvals.clients.NAME]",
        "1 warning",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Gemini CLI waits for 10 min, less what is needed to answer it in time.
    assert!(said.contains("Gemini CLI after 10m") && !said.contains("VS Code"), "{said}");
    assert!(!check_all("595", "").contains("Gemini CLI after"));
    for (timeout, config, is_warned) in [
        ("55", "", false),
        ("56", "", true),
        ("\"minute\"", "", true),
        ("\"10m\"", "[approvals.clients.claude-code]\nwaits = \"8h\"", false),
        ("\"9h\"", "[approvals.clients.claude-code]\nwaits = \"8h\"", true),
        ("\"10m\"", "[approvals.clients.claude-code]\nasks = false", true),
        ("55", "[approvals]\ntimeout = \"8h\"", false),
    ] {
        let said = check_all(timeout, config);
        assert_eq!(said.contains("client-gives-up"), is_warned, "{timeout} {config}: {said}");
    }
    let ran = run(check(home.path()).args(["--server", "iterable", "--format", "json"]));
    assert!(!ran.out.contains("client-gives-up"), "{}", ran.out);
}
