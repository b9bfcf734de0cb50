//! Wrappers with a tool that needs a person's approval, and the commands of the person.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::system::{PATIENCE, SLOWNESS, at_home, program, without_terminal};
use super::wrapped::{Wrapped, command, stub};

/// How long `brief` asks, in seconds.
pub(crate) const BRIEF: u32 = SLOWNESS;

/// `send` asks, for as long as nobody answers; `brief` for [`BRIEF`]; `lasting` for the client; `free` does not.
pub(crate) const POLICY: &str = r#"{"version":"1","default":"deny","tools":{
    "send":{"action":"require_approval","reason":"Sends mail.","approval_timeout":"5m"},
    "brief":{"action":"require_approval","approval_timeout":"$BRIEFs"},
    "same":{"action":"require_approval","approval_timeout":"5m","approval_scope":"arguments"},
    "lasting":{"action":"require_approval","approval_timeout":"5m","approval_for":"client"},
    "free":{}}}"#;

/// A fresh home with that policy, and this config.toml.
pub(crate) fn home(settings: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("policy.json"), POLICY.replace("$BRIEF", &BRIEF.to_string())).unwrap();
    let folder = home.path().join(".config/policylayer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), settings).unwrap();
    home
}

/// A wrapper in this home, whose server writes down what it gets in the file `record`.
pub(crate) fn wrapper_in(home: &Path, record: &str) -> Wrapped {
    let (stub, record) = (stub(), home.join(record));
    let server = [stub.to_str().unwrap(), "--record", record.to_str().unwrap()];
    let mut command = command(home, &[], &server);
    // Whoever runs the tests is not asked anything on their desktop.
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    // The home that goes with it is not the one it works in, which others may use too.
    Wrapped::start(tempfile::tempdir().unwrap(), command)
}

/// The line of a call, in odd spelling.
pub(crate) fn call(id: u32, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{ "jsonrpc":"2.0", "id":{id},"method":"tools/call" ,"params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    ) + "\n"
}

/// `policylayer approvals` with these arguments, by a person at this home.
pub(crate) fn approvals(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    at_home(command.arg("approvals").args(args), home).env_remove("NO_COLOR");
    command
}

/// Its output, run without any terminal.
pub(crate) fn run(home: &Path, args: &[&str]) -> Output {
    without_terminal(&mut approvals(home, args)).output().unwrap()
}

/// What it prints, where it succeeds.
pub(crate) fn prints(home: &Path, args: &[&str]) -> String {
    let output = run(home, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says where it fails.
pub(crate) fn fails(home: &Path, args: &[&str]) -> String {
    let output = run(home, args);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What waits.
pub(crate) fn listed(home: &Path) -> Vec<Value> {
    serde_json::from_str(&prints(home, &["list", "--format", "json"])).unwrap()
}

/// Waits until this many are listed, all in this state.
pub(crate) fn wait_for(home: &Path, count: usize, state: &str) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let listed = listed(home);
        if listed.len() == count && listed.iter().all(|entry| entry["state"] == state) {
            return listed;
        }
        assert!(start.elapsed() < PATIENCE, "not {count} {state}: {listed:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The id of the one call that waits.
pub(crate) fn the_one(home: &Path) -> String {
    wait_for(home, 1, "waiting")[0]["id"].as_str().unwrap().to_owned()
}

/// The calls that reached a server, as they came.
pub(crate) fn received(home: &Path, record: &str) -> String {
    let lines = fs::read_to_string(home.join(record)).unwrap_or_default();
    lines.split_inclusive('\n').filter(|line| line.contains("tools/call")).collect()
}
