//! The official conformance suite of MCP (`@modelcontextprotocol/conformance`), before a server and before the same server
//! behind the wrapper: every check comes to the same, for the revisions with a handshake and for 2026-07-28.
//!
//! The suite speaks to servers over HTTP alone, so a bridge stands between (tests/upstream/conformance). Windows is left
//! out: what is compared there would be how Wine keeps the time that some checks measure.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use support::node::{Upstream, upstream};
use support::system::{at_home, program, without_variables};
use tempfile::TempDir;

/// A scenario, a check of it, and what it came to.
type Check = (String, String, String);

/// The checks of HTTP headers for a tool's arguments are the only ones that the server does not serve.
const NOT_SERVED: &str = "http-custom-header-server-validation";

#[test]
fn the_wrapper_changes_no_check_of_the_conformance_suite() {
    let Some(upstream) = upstream() else { return };
    let home = TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow"}"#).unwrap();
    let over_http =
        [program().into(), "wrap".into(), "--policy".into(), policy.clone().into_os_string(), "--url".into()];
    let run = |name: &str, before: &[OsString]| {
        read_checks(&run_suite(upstream, before, &home.path().join(name), &["--suite", "all"]))
    };
    let (bare, wrapped, far) = thread::scope(|scope| {
        let bare = scope.spawn(|| run("bare", &[]));
        let far = scope.spawn(|| run("far", &over_http));
        let wrapped = run("wrapped", &wrap_by(policy));
        (bare.join().unwrap(), wrapped, far.join().unwrap())
    });
    let of = |status: &str| bare.iter().filter(|check| check.2 == status).collect::<Vec<_>>();
    assert!(of("SUCCESS").len() > 200, "the suite has not run: {bare:#?}");
    assert!(of("FAILURE").iter().all(|check| check.0 == NOT_SERVED), "{:#?}", of("FAILURE"));
    for (how, wrapped) in [("before the command", wrapped), ("over HTTP", far)] {
        let differ: Vec<_> = bare.iter().zip(&wrapped).filter(|(bare, wrapped)| bare != wrapped).collect();
        assert!(
            bare.len() == wrapped.len() && differ.is_empty(),
            "without the wrapper, and with it {how}: {differ:#?}"
        );
    }
}

/// The server of this scenario holds the state of a call with two rounds. Where the call is asked about first, the state that the
/// suite alters is the wrapper's.
#[test]
fn the_wrapper_rejects_a_state_of_its_own_that_was_altered() {
    let Some(upstream) = upstream() else { return };
    let home = TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    let rule = r#"{"test_input_required_result_tampered_state":{"action":"require_approval"}}"#;
    fs::write(&policy, format!(r#"{{"version":"1","default":"allow","tools":{rule}}}"#)).unwrap();
    let scenario = ["--scenario", "input-required-result-tampered-state"];
    let results = run_suite(upstream, &wrap_by(policy), &home.path().join("wrapped"), &scenario);
    let checks: Vec<Value> = results.iter().flat_map(|dir| checks_in(dir)).collect();
    let check = checks.iter().find(|check| check["id"] == "sep-2322-reject-tampered-state").expect("the check has run");
    assert_eq!(check["status"], "SUCCESS", "{check:#}");
    let error = &check["details"]["tamperedResponse"];
    assert_eq!(error["code"], -32602, "{check:#}");
    assert!(error["message"].as_str().unwrap().contains("belongs to another call"), "by the wrapper: {check:#}");
}

/// The words before a server's own that put this policy in front of it.
fn wrap_by(policy: PathBuf) -> [OsString; 5] {
    [program().into(), "wrap".into(), "--policy".into(), policy.into_os_string(), "--".into()]
}

/// Runs a part of the suite on the server, which starts behind these words: a directory for each scenario.
fn run_suite(upstream: &Upstream, before: &[OsString], home: &Path, part: &[&str]) -> Vec<PathBuf> {
    fs::create_dir_all(home).unwrap();
    let node = || {
        let mut command = Command::new(&upstream.node);
        at_home(without_variables(&mut command), home).env("PATH", std::env::var_os("PATH").unwrap()).current_dir(home);
        command
    };
    let script = |name: &str| upstream.folder.join("conformance").join(name);
    let server = [upstream.node.clone().into_os_string(), script("server.mjs").into_os_string()];
    let (mut bridges, mut words) = (Vec::new(), [before, &server].concat());
    // Over HTTP, the server has a bridge of its own.
    if before.last().is_some_and(|word| word == "--url") {
        let (bridge, url) = start_bridge(node().arg(script("bridge.mjs")).args(&server), &home.join("far-stderr"));
        bridges.push(bridge);
        words = [before, &[url.into()]].concat();
    }
    let (bridge, url) = start_bridge(node().arg(script("bridge.mjs")).args(words), &home.join("stderr"));
    bridges.insert(0, bridge);
    let results = home.join("results");
    let output = node()
        .args([OsStr::new("--import"), script("node20.mjs").as_os_str(), upstream.conformance().as_os_str()])
        .arg("server")
        .args(part)
        .args(["--url", &url, "--output-dir"])
        .arg(&results)
        .output()
        .unwrap();
    // A bridge ends when its stdin closes.
    for mut bridge in bridges {
        drop(bridge.stdin.take());
        bridge.wait().unwrap();
    }
    let report = String::from_utf8_lossy(&output.stdout);
    let stderr = fs::read_to_string(home.join("stderr")).unwrap();
    let has_ended = ["\nTotal: ", "\nPassed: "].iter().any(|end| report.contains(end));
    assert!(has_ended, "{report}\n{}\n{stderr}", String::from_utf8_lossy(&output.stderr));
    fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Starts a bridge, and returns the address that it listens on.
fn start_bridge(command: &mut Command, stderr: &Path) -> (Child, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(stderr).unwrap());
    let mut bridge = command.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(bridge.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (bridge, url.trim().to_owned())
}

fn checks_in(dir: &Path) -> Vec<Value> {
    serde_json::from_slice(&fs::read(dir.join("checks.json")).unwrap()).unwrap()
}

/// The checks of all scenarios, each of whose directories is named after it and the time: `server-ping-2026-11-28T10-00-00-000Z`.
fn read_checks(dirs: &[PathBuf]) -> Vec<Check> {
    let mut all = Vec::new();
    for dir in dirs {
        let name = dir.file_name().unwrap().to_str().unwrap();
        let scenario =
            name.strip_prefix("server-").unwrap().split_at(name.len() - "server--2026-11-28T10-00-00-000Z".len()).0;
        let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
        all.extend(checks_in(dir).iter().map(|check| (scenario.to_owned(), text(check, "id"), text(check, "status"))));
    }
    all.sort();
    all
}
