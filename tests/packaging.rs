//! What a release is made of: the npm packages work offline and start the program that they hold, and the names and
//! versions in packaging/ are those of Cargo.toml.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "suite/support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::node::upstream;
use support::processes::{living, wait_until_gone};
use support::system::PATIENCE;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The npm package, in a scope that nobody publishes to.
const NAME: &str = "@example/policylayer";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn targets() -> Vec<Value> {
    serde_json::from_str(&read("packaging/npm/targets.json")).unwrap()
}

/// The target that the tests run on, as the table of packages has it.
fn here() -> Option<Value> {
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    targets().into_iter().find(|target| target["os"] == os && target["cpu"] == cpu)
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// The program without what only a debugger reads, which is most of it and takes long to pack.
fn stripped(folder: &Path) -> PathBuf {
    let program = folder.join("policylayer");
    ran(Command::new("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_policylayer")));
    program
}

/// A folder in which both packages are installed, from archives and without a network.
fn installed() -> Option<(tempfile::TempDir, PathBuf)> {
    let (node, target) = (&upstream()?.node, here()?);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("packages");
    let pack = root().join("packaging/npm/pack.mjs");
    let platform = ["platform", NAME, target["target"].as_str().unwrap()];
    ran(Command::new(node).arg(&pack).args(platform).arg(stripped(folder.path())).arg(&out));
    ran(Command::new(node).arg(&pack).args(["main", NAME]).arg(&out));
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("package.json"), "{\"private\":true}").unwrap();
    let mut archives = Vec::new();
    for package in fs::read_dir(&out).unwrap() {
        let mut npm = npm(node, folder.path());
        let packed = ran(npm.args(["pack", "--silent"]).arg(package.unwrap().path()).current_dir(folder.path()));
        archives.push(folder.path().join(String::from_utf8(packed.stdout).unwrap().trim()));
    }
    // What is for other platforms is not to be had offline, and optional.
    let arguments = ["install", "--offline", "--no-audit", "--no-fund", "--no-save"];
    ran(npm(node, folder.path()).args(arguments).args(&archives).current_dir(&project));
    let program = project.join("node_modules/.bin/policylayer");
    Some((folder, program))
}

fn npm(node: &Path, home: &Path) -> Command {
    let mut npm = Command::new(node.with_file_name("npm"));
    npm.env("HOME", home).env("npm_config_cache", home.join("cache")).env("npm_config_update_notifier", "false");
    npm
}

#[test]
fn the_npm_package_starts_the_program_that_it_holds() {
    let Some((folder, program)) = installed() else { return };
    let policylayer = || {
        let mut command = Command::new(&program);
        command.env("HOME", folder.path()).env_remove("POLICYLAYER_POLICY").env_remove("XDG_CONFIG_HOME");
        command
    };
    let version = ran(policylayer().arg("--version"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("policylayer {VERSION}\n"));
    // Its exit code is the program's.
    let refused = policylayer().args(["decide", "--server", "iterable", "--tool", "delete_list"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4));

    // A session over its pipes, which ends with the client.
    let mut wrapper = policylayer();
    wrapper.args(["wrap", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut wrapper = wrapper.spawn().unwrap();
    let (mut stdin, stdout) = (wrapper.stdin.take().unwrap(), wrapper.stdout.take().unwrap());
    stdin.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert!(line.contains("\"ping\""), "{line}");
    drop(stdin);
    assert_eq!(wrapper.wait().unwrap().code(), Some(0));
}

/// npm's `policylayer` is another vendor's program: no package of ours takes the name, and nobody is told to install it.
#[test]
fn the_name_of_another_vendors_package_is_refused() {
    let Some(upstream) = upstream() else { return };
    let out = tempfile::tempdir().unwrap();
    for name in ["policylayer", "Policylayer", "policylayer-cli", "@scope", "@/x", "../x"] {
        let mut pack = Command::new(&upstream.node);
        let made =
            pack.arg(root().join("packaging/npm/pack.mjs")).args(["main", name]).arg(out.path()).output().unwrap();
        let said = String::from_utf8(made.stderr).unwrap();
        assert_eq!(made.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("with a scope that is yours"), "{said}");
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);

    let listed = ran(Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]));
    let files = String::from_utf8(listed.stdout).unwrap();
    for file in files.split_terminator('\0').filter(|file| *file != "tests/packaging.rs") {
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        for told in ["npx policylayer", "npx -y policylayer", "npm install policylayer", "npm i policylayer"] {
            assert!(!text.contains(told), "{file} tells people: {told}");
        }
        let global = ["npm install -g policylayer", "npm install --global policylayer", "npm i -g policylayer"];
        assert!(
            !global.iter().any(|told| text.contains(told)),
            "{file} tells people to install another vendor's program"
        );
    }
}

#[test]
fn a_signal_to_the_npm_package_ends_the_wrapper_and_its_server() {
    let Some((folder, program)) = installed() else { return };
    let mark = folder.path().join("server");
    let mut command = Command::new(&program);
    command.args(["wrap", "--", "sh", "-c"]).arg(format!("touch {}; exec sleep 600", mark.display()));
    command.env("HOME", folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut launcher = command.spawn().unwrap();
    eventually(|| mark.exists());
    // What becomes another program has no environment for a moment.
    eventually(|| living(folder.path()).iter().any(|process| process.command.contains("sleep 600")));
    let launched = rustix::process::Pid::from_raw(launcher.id().cast_signed()).unwrap();
    rustix::process::kill_process(launched, rustix::process::Signal::TERM).unwrap();
    let code = launcher.wait().unwrap().code();
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    wait_until_gone(folder.path());
}

fn eventually(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_package_is_of_a_target_that_a_release_builds() {
    let workflow = read(".github/workflows/release.yml");
    let targets = targets();
    for target in &targets {
        let name = target["target"].as_str().unwrap();
        let program = target["program"].as_str().unwrap();
        assert!(workflow.contains(&format!("target: {name}, program: {program} }}")), "{name} is not built");
    }
    assert_eq!(workflow.matches("- { os: ").count(), targets.len());
    // Built by the profile for it, and taken from where that puts it.
    assert_eq!(workflow.matches("cargo build --profile dist --locked").count(), 1);
    assert!(workflow.contains("PROGRAM: target/${{ matrix.target }}/dist/${{ matrix.program }}\n"));
    assert!(read("CHANGELOG.md").contains(&format!("\n## {VERSION}\n")), "CHANGELOG.md has no section for {VERSION}");
}

/// The formula is filled in from the archives that a release makes, and each archive holds what the formula installs.
#[test]
fn the_formula_is_filled_in_from_the_archives() {
    let folder = tempfile::tempdir().unwrap();
    let program = stripped(folder.path());
    let unix: Vec<String> = targets()
        .iter()
        .filter(|target| target["os"] != "win32")
        .map(|target| target["target"].as_str().unwrap().to_owned())
        .collect();
    for target in &unix {
        let mut archive = Command::new(root().join("packaging/archive.sh"));
        ran(archive.args([VERSION, target]).arg(&program).arg(folder.path()));
    }
    let filled = ran(Command::new(root().join("packaging/homebrew/fill.sh")).arg(VERSION).arg(folder.path()));
    let formula = String::from_utf8(filled.stdout).unwrap();
    assert!(!formula.contains('@') && formula.starts_with("class Policylayer < Formula\n"), "{formula}");
    for target in &unix {
        assert_eq!(formula.matches(&format!("policylayer-{VERSION}-{target}.tar.gz")).count(), 1, "{formula}");
    }
    let archive = folder.path().join(format!("policylayer-{VERSION}-{}.tar.gz", unix[0]));
    let listed = String::from_utf8(ran(Command::new("tar").arg("-tzf").arg(archive)).stdout).unwrap();
    for member in ["policylayer", "man/policylayer-wrap.1", "completions/_policylayer", "LICENSE", "CHANGELOG.md"] {
        assert!(listed.lines().any(|line| line == format!("./{member}")), "{member} is missing:\n{listed}");
    }
}
