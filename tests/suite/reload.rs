//! Live reload on the real program: a saved policy takes effect for the next call, however it is saved.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{PATIENCE, at_home, may_link, program, replace, symlink};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::wrapped;

use wrapped::{Wrapped, command, home, stub, wrap, wrap_with};

const ALLOW: &str = r#"{"version":"1","default":"allow"}"#;
const REFUSE: &str = r#"{"version":"1","default":"deny","unlisted":"deny","tools":{}}"#;

/// Waits until calls are judged so.
fn until(session: &mut Wrapped, wanted: bool) {
    let start = Instant::now();
    while session.passes() != wanted {
        assert!(start.elapsed() < PATIENCE, "{}", session.said());
        thread::sleep(Duration::from_millis(2));
    }
}

/// How often the system has told the wrapper of a change, without which it looks every two seconds.
fn changes(session: &Wrapped) -> usize {
    session.said().matches("the system reports a change").count()
}

/// Saves six times in turn, and waits each time until the save is in force and the system has told of it.
fn save_in_turn(name: &str, session: &mut Wrapped, mut save: impl FnMut(&Path, &str)) {
    let file = session.home.path().join("policy.json");
    for turn in 0..6 {
        let before = changes(session);
        save(&file, if turn % 2 == 0 { REFUSE } else { ALLOW });
        until(session, turn % 2 != 0);
        let start = Instant::now();
        while changes(session) == before {
            assert!(start.elapsed() < PATIENCE, "{name}: {}", session.said());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn a_save_is_noticed_however_it_is_made() {
    let write: fn(&Path, &str) = |file, text| fs::write(file, text).unwrap();
    let rename: fn(&Path, &str) = |file, text| {
        let new = file.with_extension("json~");
        fs::write(&new, text).unwrap();
        replace(new, file);
    };
    let dance: fn(&Path, &str) = |file, text| {
        replace(file, file.with_extension("old"));
        fs::write(file, text).unwrap();
        fs::remove_file(file.with_extension("old")).unwrap();
    };
    let slow: fn(&Path, &str) = |file, text| {
        fs::write(file, "").unwrap();
        thread::sleep(Duration::from_millis(60));
        fs::write(file, text).unwrap();
    };
    let swap: fn(&Path, &str) = |file, text| {
        let folder = file.with_file_name(format!("{:p}{}", text, text.len()));
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join("real.json");
        fs::write(&target, text).unwrap();
        let link = file.with_extension("link");
        symlink(target, &link);
        replace(link, file);
    };
    let saves = [("write", write), ("rename", rename), ("dance", dance), ("slow", slow), ("swap", swap)];
    for (name, save) in &saves[..if may_link() { 5 } else { 4 }] {
        let mut session = wrap_with(home(), &["--log-level", "debug"], &[]);
        session.greet();
        assert!(session.passes());
        save_in_turn(name, &mut session, save);
        session.close();
        assert_eq!(session.code(), 0);
    }
}

#[test]
fn a_swap_of_the_folder_on_the_way_is_seen() {
    if !may_link() {
        return;
    }
    let home = home();
    let at = |name: &str| home.path().join(name);
    for (folder, text) in [("one", ALLOW), ("two", REFUSE)] {
        fs::create_dir(at(folder)).unwrap();
        fs::write(at(folder).join("policy.json"), text).unwrap();
    }
    symlink("one", at("data"));
    fs::remove_file(at("policy.json")).unwrap();
    symlink("data/policy.json", at("policy.json"));
    let command = command(home.path(), &[], &[stub().to_str().unwrap()]);
    let mut session = Wrapped::start(home, command);
    session.greet();
    assert!(session.passes());
    let at = |session: &Wrapped, name: &str| session.home.path().join(name);
    symlink("two", at(&session, "data2"));
    fs::rename(at(&session, "data2"), at(&session, "data")).unwrap();
    until(&mut session, false);
    // And what the link leads to now is watched.
    fs::write(at(&session, "two").join("policy.json"), ALLOW).unwrap();
    until(&mut session, true);
}

#[test]
fn what_cannot_be_loaded_leaves_the_last_good_policy_in_force() {
    let mut session = wrap(&[]);
    session.greet();
    let file = session.home.path().join("policy.json");
    fs::write(&file, REFUSE).unwrap();
    until(&mut session, false);
    let break_it: [(&str, &dyn Fn()); 4] = [
        ("is invalid", &|| fs::write(&file, r#"{"version":"1","default":"alow"}"#).unwrap()),
        ("does not exist", &|| fs::remove_file(&file).unwrap()),
        ("a directory", &|| fs::create_dir(&file).unwrap()),
        ("not UTF-8", &|| {
            fs::remove_dir(&file).unwrap();
            fs::write(&file, b"{\"version\":\"\xff\"}").unwrap();
        }),
    ];
    for (words, break_it) in break_it {
        break_it();
        says(&session, words);
        says(&session, "stays in force");
        assert!(!session.passes(), "{words}");
    }
    fs::write(&file, ALLOW).unwrap();
    until(&mut session, true);
}

#[test]
fn a_first_policy_for_the_server_takes_effect() {
    let home = home();
    let folder = home.path().join(".config/policylayer/policies");
    fs::create_dir_all(&folder).unwrap();
    let mut command = std::process::Command::new(program());
    at_home(command.args(["wrap", "--server", "stub", "--"]).arg(stub()), home.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.stderr(fs::File::create(home.path().join("stderr")).unwrap());
    let mut session = Wrapped::start(home, command);
    session.greet();
    // Without a policy what is no read asks a person, and nobody answers.
    says(&session, "there is no policy for stub");
    fs::write(folder.join("stub.toml"), "version = \"1\"\ndefault = \"allow\"\n").unwrap();
    says(&session, "stub.toml");
    assert!(session.passes());
    // Without its file the session keeps what it has.
    fs::remove_file(folder.join("stub.toml")).unwrap();
    says(&session, "is gone");
    assert!(session.passes());
}

/// Waits until the wrapper has said it.
fn says(session: &Wrapped, what: &str) {
    let start = Instant::now();
    while !session.said().contains(what) {
        assert!(start.elapsed() < PATIENCE, "{}", session.said());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Watching a folder keeps nobody from moving or removing it, and a new one under its name is watched.
#[test]
fn the_folder_of_the_policies_can_be_moved_and_removed() {
    /// What holds a folder open on Windows lets go of it soon.
    fn soon<T>(mut work: impl FnMut() -> std::io::Result<T>) {
        let start = Instant::now();
        while let Err(error) = work() {
            assert!(start.elapsed() < PATIENCE, "{error}");
            thread::sleep(Duration::from_millis(20));
        }
    }
    let home = home();
    let folder = home.path().join("policies");
    let (file, moved) = (folder.join("policy.json"), home.path().join("moved"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, ALLOW).unwrap();
    let mut command = std::process::Command::new(program());
    command.args(["wrap", "--server", "stub", "--policy"]).arg(&file).arg("--").arg(stub());
    at_home(&mut command, home.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.stderr(fs::File::create(home.path().join("stderr")).unwrap());
    let mut session = Wrapped::start(home, command);
    session.greet();
    assert!(session.passes());
    soon(|| fs::rename(&folder, &moved));
    soon(|| fs::create_dir(&folder));
    fs::write(&file, REFUSE).unwrap();
    until(&mut session, false);
    soon(|| fs::remove_dir_all(&folder));
    soon(|| fs::create_dir(&folder));
    fs::write(&file, ALLOW).unwrap();
    until(&mut session, true);
    // The one that was moved away is not watched any more.
    fs::write(moved.join("policy.json"), REFUSE).unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(session.passes());
    session.close();
    assert_eq!(session.code(), 0);
}

#[test]
fn the_client_is_told_when_it_would_see_other_tools() {
    let home = home();
    let server = [program(), "demo-server"];
    let command = command(home.path(), &[], &server);
    let mut session = Wrapped::start(home, command);
    let ask = |session: &mut Wrapped, request: &str| -> serde_json::Value {
        session.send(format!("{request}\n").as_bytes());
        serde_json::from_str(&session.line()).unwrap()
    };
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let answer = ask(&mut session, initialize);
    assert_eq!(answer["result"]["capabilities"]["tools"]["listChanged"], true, "{answer}");
    session.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(ask(&mut session, list)["result"]["tools"].as_array().unwrap().len(), 12);

    let file = session.home.path().join("policy.json");
    // A policy under which the same tools are seen is none of the client's business.
    fs::write(&file, r#"{"version":"1","default":"allow","hide":["no_such_tool"]}"#).unwrap();
    says(&session, "a new policy is in force");
    fs::write(&file, r#"{"version":"1","default":"allow","hide":["delete_*"]}"#).unwrap();
    let told: serde_json::Value = serde_json::from_str(&session.line()).unwrap();
    assert_eq!(told, serde_json::json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    assert_eq!(ask(&mut session, list)["result"]["tools"].as_array().unwrap().len(), 10);
    session.close();
    assert_eq!(session.code(), 0);
}
