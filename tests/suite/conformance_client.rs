//! The official conformance suite of MCP (`@modelcontextprotocol/conformance`) with `wrap --url` as the client under test, behind a plain
//! client over stdio (tests/upstream/conformance/client.mjs) that logs in as a person does: what each revision requires of a client.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use support::node::{Upstream, upstream};
use support::system::{at_home, program, without_variables};
use tempfile::TempDir;

/// Extensions that `policylayer login` does not have: logins without a person, proofs of possession, and those of an enterprise.
const OTHER_LOGINS: [&str; 6] = [
    "auth/client-credentials-basic",
    "auth/client-credentials-jwt",
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/enterprise-managed-authorization",
    "auth/wif-jwt-bearer",
];

#[test]
fn a_client_does_all_that_each_revision_requires() {
    let Some(upstream) = upstream() else { return };
    for (part, least) in
        [(["--requirements", "2025-11-25"], 14), (["--requirements", "2026-07-28"], 25), (["--suite", "backcompat"], 2)]
    {
        let report = run_suite(upstream, &part);
        let lines = report.split("=== SUITE SUMMARY ===").nth(1).expect("the suite has ended").lines();
        let of = |mark| {
            let lines = lines.clone().filter_map(move |line: &str| line.strip_prefix(mark)?.trim().split_once(": "));
            lines.map(|(scenario, _)| scenario).collect::<BTreeSet<_>>()
        };
        let (good, bad) = (of('✓'), of('✗'));
        let logins = good.iter().filter(|scenario| scenario.starts_with("auth/")).count();
        assert!(logins >= least, "{part:?}: only {logins} logins\n{report}");
        let unexpected: Vec<_> = bad.iter().filter(|scenario| !OTHER_LOGINS.contains(scenario)).collect();
        assert!(unexpected.is_empty(), "{part:?}: {unexpected:?}\n{report}");
    }
}

fn run_suite(upstream: &Upstream, part: &[&str]) -> String {
    let home = TempDir::new().unwrap();
    let policy = home.path().join("policy.json");
    fs::write(&policy, r#"{"version":"1","default":"allow"}"#).unwrap();
    let script = |name: &str| upstream.folder.join("conformance").join(name);
    let client = [upstream.node.clone(), script("client.mjs"), program().into()].map(|path| path.display().to_string());
    let client = format!("{} --policy {}", client.join(" "), policy.display());
    let mut suite = Command::new(&upstream.node);
    at_home(without_variables(&mut suite), home.path()).env("PATH", std::env::var_os("PATH").unwrap());
    let output = suite
        .args([OsStr::new("--import"), script("node20.mjs").as_os_str(), upstream.conformance().as_os_str()])
        .args(["client", "--verbose", "--timeout", "120000", "--command", &client])
        .args(part)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
