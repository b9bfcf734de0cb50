//! What macOS does otherwise than Linux: no death signal and no /proc, groups of zombies, paths with a blank, a file system
//! that takes upper for lower case, and the poor PATH of what the desktop starts.
#![cfg(target_os = "macos")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use policylayer::clients::entry::ClientEntry;
use policylayer::clients::servers::{ServerSection, is_here};
use policylayer::env::Env;
use serde_json::{Value, json};

use crate::support::system::PATIENCE;
use crate::support::terminal::Terminal;
use crate::support::waiting::approvals;
use crate::support::wrapped::{KILLED, Wrapped, command, home, home_with_grace, kill, stub, wrap, wrap_with};

const SUPPORT: &str = "Library/Application Support/policylayer";

/// Whether a process is there, or a zombie of it.
fn lives(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

fn wait_until_gone(pids: &[i32]) {
    let start = Instant::now();
    while let Some(pid) = pids.iter().find(|pid| lives(**pid)) {
        assert!(start.elapsed() < PATIENCE, "{pid} still lives");
        thread::sleep(Duration::from_millis(10));
    }
}

fn number(session: &Wrapped, file: &str) -> i32 {
    session.told(file).parse().unwrap()
}

/// A server that ignores what can be ignored, and a descendant of the same kind.
fn stubborn() -> (Wrapped, [i32; 2]) {
    let home = home_with_grace("1s");
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (own, below) = (path("own"), path("below"));
    let habits = ["--ignore-eof", "--ignore-signals", "--pid", &own, "--grandchild", &below];
    let mut session = wrap_with(home, &[], &habits);
    session.greet();
    let pids = [number(&session, "own"), number(&session, "below")];
    (session, pids)
}

#[test]
fn nothing_outlives_a_wrapper_that_is_killed() {
    let (session, pids) = stubborn();
    session.signal(libc::SIGKILL);
    wait_until_gone(&pids);
}

#[test]
fn nothing_outlives_a_wrapper_whose_whole_group_is_killed() {
    let (session, pids) = stubborn();
    kill(-session.process.id().cast_signed(), libc::SIGKILL);
    wait_until_gone(&pids);
}

#[test]
fn nothing_outlives_a_session_that_ends() {
    let (mut session, pids) = stubborn();
    session.close();
    session.end();
    wait_until_gone(&pids);
}

#[test]
fn a_watcher_that_is_killed_takes_the_session_with_it() {
    let (mut session, pids) = stubborn();
    kill(session.pid_of("watch-server"), libc::SIGKILL);
    assert_eq!(session.code(), KILLED);
    wait_until_gone(&pids);
}

#[test]
fn a_watcher_that_was_stopped_ends_the_server_once_it_goes_on() {
    let (session, pids) = stubborn();
    let watcher = session.pid_of("watch-server");
    kill(watcher, libc::SIGSTOP);
    session.signal(libc::SIGKILL);
    kill(watcher, libc::SIGCONT);
    wait_until_gone(&pids);
}

#[test]
fn the_code_of_a_server_passes_though_only_zombies_are_left_of_its_group() {
    // A signal to them is refused with EPERM, which is no failure.
    let mut session = wrap(&["--exit-at-request", "7"]);
    session.request("1");
    assert!(session.line().contains("\"id\":1"), "the request gets its one answer");
    assert_eq!(session.code(), 7);
    assert!(!session.said().contains("ERROR"), "{}", session.said());
}

#[test]
fn signals_have_the_numbers_and_names_of_this_system() {
    // SIGUSR1 is 30 here, and 10 on Linux.
    let mut session = wrap(&["--signal-at-request", &libc::SIGUSR1.to_string()]);
    session.request("1");
    let answer = session.line();
    assert!(answer.contains("SIGUSR1"), "{answer}");
    assert_eq!(session.code(), 128 + libc::SIGUSR1);
    let (mut session, pids) = stubborn();
    session.signal(libc::SIGTERM);
    session.end();
    wait_until_gone(&pids);
}

#[test]
fn a_server_that_has_closed_its_stdin_is_let_go() {
    // Nothing is written to it, and the client stays: only poll tells.
    let mut session = wrap(&["--close-stdin", "--deaf"]);
    let (status, _) = session.end();
    assert_eq!(status.code(), Some(128 + libc::SIGTERM), "{}", session.said());
}

#[test]
fn state_and_log_are_in_application_support_and_stay_whole() {
    let mut session = wrap(&[]);
    session.greet();
    assert!(session.passes());
    session.close();
    assert_eq!(session.code(), 0);
    let log = session.home.path().join(SUPPORT).join("audit/stub.jsonl");
    assert!(log.exists(), "{}", log.display());
    // Nobody else may look, whatever the mask says.
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o077, 0);
    let said = run(session.home.path(), &["log", "verify"]);
    assert!(said.0, "{}", said.1);
}

/// Whether a command of a person at this home ends with 0, and what it prints.
fn run(home: &Path, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_policylayer"));
    command.args(args).env_clear().env("HOME", home).current_dir(home);
    command.env("PATH", format!("{}:/usr/bin:/bin", home.join("rich bin").display()));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.success(), text.concat())
}

fn write(home: &Path, file: &str, text: &str) -> PathBuf {
    let path = home.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

const DESKTOP: &str = "Library/Application Support/Claude/claude_desktop_config.json";

#[test]
fn a_command_that_only_a_terminal_finds_is_told_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let tool = write(home, "rich bin/shop-mcp", "#!/bin/sh\nexit 0\n");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let program = env!("CARGO_BIN_EXE_policylayer");
    let entry = json!({ "command": program, "args": ["wrap", "--server", "shop", "--", "shop-mcp"] });
    let file = json!({ "mcpServers": { "shop": entry } }).to_string();
    // What launchd gives; Claude Desktop adds Homebrew's folders.
    for (client, place, path) in [
        ("claude-desktop", DESKTOP, ": /usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
        ("lm-studio", ".lmstudio/mcp.json", ": /usr/bin:/bin:/usr/sbin:/sbin"),
    ] {
        write(home, place, &file);
        let (is_good, said) = run(home, &["doctor", "shop", "--client", client, "--format", "json"]);
        assert!(!is_good, "{said}");
        let document: Value = serde_json::from_str(&said).unwrap();
        let steps = document["checks"][0]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["id"] == "command").unwrap();
        let (detail, remedy) = (step["detail"].as_str().unwrap(), step["remedy"].as_str().unwrap());
        assert!(detail.ends_with(path), "{detail}");
        assert!(remedy.contains(tool.to_str().unwrap()), "{remedy}");
    }
}

#[test]
fn register_writes_into_application_support_and_gives_it_back() {
    let home = tempfile::tempdir().unwrap();
    let text = "{\n  \"mcpServers\": { \"shop\": { \"command\": \"npx\", \"args\": [\"-y\", \"x\"] } }\n}\n";
    let file = write(home.path(), DESKTOP, text);
    let (is_good, said) = run(home.path(), &["register", "shop"]);
    assert!(is_good, "{said}");
    assert!(fs::read_to_string(&file).unwrap().contains("\"wrap\""));
    let (is_good, said) = run(home.path(), &["unregister", "shop"]);
    assert!(is_good, "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_printed_command_can_be_run_where_a_path_has_a_blank() {
    let home = tempfile::tempdir().unwrap();
    let policy = "version = \"1\"\ndefault = \"deny\"\n[tools.a]\nrate_limit = \"1/minute\"\nnonsense = 1\n";
    let file = write(home.path(), "Library/Application Support/my policy.toml", policy);
    let program = env!("CARGO_BIN_EXE_policylayer");
    let path = file.to_str().unwrap();
    let entry =
        json!({ "command": program, "args": ["wrap", "--server", "shop", "--policy", path, "--", "/usr/bin/true"] });
    write(home.path(), DESKTOP, &json!({ "mcpServers": { "shop": entry } }).to_string());
    let (_, said) = run(home.path(), &["doctor", "shop"]);
    let (_, rest) = said.split_once("`policylayer ").unwrap_or_else(|| panic!("{said}"));
    let (words, _) = rest.split_once('`').unwrap();
    // The shell reads it as one file, and `check` finds what is wrong in there.
    let output =
        Command::new("/bin/sh").args(["-c", &format!("'{program}' {words}")]).env("HOME", home.path()).output();
    let output = output.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}\n{told}");
    assert!(told.contains("nonsense"), "{told}");
}

#[test]
fn a_folder_is_the_same_in_every_spelling_that_the_file_system_takes() {
    let home = tempfile::tempdir().unwrap();
    // With an accented letter, and with a letter and its accent.
    let (one, other) = (home.path().join("caf\u{e9}"), home.path().join("cafe\u{301}"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(home.path().join("Shop")).unwrap();
    let here = |folder: &Path, written: &Path| {
        let section = ServerSection {
            keys: Vec::new(),
            dir: Some(written.to_str().unwrap().to_owned()),
            entries: Vec::<ClientEntry>::new(),
        };
        is_here(&section, &Env::new([("HOME", home.path())], folder))
    };
    assert!(here(&one, &one));
    for (folder, written) in [(&one, &other), (&home.path().join("Shop"), &home.path().join("shop"))] {
        // A volume can be made to tell them apart; then they are two.
        assert_eq!(here(folder, written), written.exists(), "{} {}", folder.display(), written.display());
    }
    // The temporary directory is behind a link of the system.
    let link = home.path().join("link");
    symlink(&one, &link).unwrap();
    assert!(here(&one, &link) && here(&one.canonicalize().unwrap(), &one));
}

#[test]
fn a_policy_that_is_renamed_into_place_behind_private_var_is_seen() {
    // The path of the policy goes through /var, which is a link to /private/var.
    let home = home();
    let command = command(home.path(), &[], &[stub().to_str().unwrap()]);
    let mut session = Wrapped::start(home, command);
    session.greet();
    assert!(session.passes());
    let file = session.home.path().join("policy.json");
    for (text, wanted) in [
        (r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#, false),
        (r#"{"version":"1","default":"allow"}"#, true),
    ] {
        let new = file.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &file).unwrap();
        let start = Instant::now();
        while session.passes() != wanted {
            assert!(start.elapsed() < PATIENCE, "{}", session.said());
            thread::sleep(Duration::from_millis(5));
        }
    }
    session.close();
    assert_eq!(session.code(), 0);
}

#[test]
fn approvals_watch_ends_when_its_terminal_goes_away() {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(approvals(home.path(), &["watch"]));
    terminal.wait("policylayer approvals:");
    let mut process = terminal.close();
    let start = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            process.kill().unwrap();
            panic!("it still runs");
        }
        thread::sleep(Duration::from_millis(20));
    }
}
