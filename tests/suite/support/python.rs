//! Real servers from PyPI, in an environment of their own: pinned here, installed when absent.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::node::skip_test;

/// What is installed. The server brings the Python SDK of its time along.
const PINNED: &str = "mcp-server-git==2026.10.19";

/// The script of `mcp-server-git`, or `None` after a line that says why the test is skipped. Under `CI=true` a skip is a
/// failure.
pub(crate) fn git_server() -> Option<PathBuf> {
    install().map_err(|why| skip_test(&why)).ok()
}

fn install() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstream");
    let guard = File::create(dir.join(".python-lock")).map_err(|error| error.to_string())?;
    guard.lock().map_err(|error| error.to_string())?;
    let environment = dir.join(".venv");
    let (bin, python) = if cfg!(windows) { ("Scripts", "python") } else { ("bin", "python3") };
    let script = environment.join(bin).join("mcp-server-git");
    let marker = environment.join(".installed");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == PINNED) {
        return Ok(script);
    }
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(environment.join(bin).join(python)).args(["-m", "pip", "install", "--quiet", PINNED]))?;
    fs::write(marker, PINNED).map_err(|error| error.to_string())?;
    Ok(script)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}
