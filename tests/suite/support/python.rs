//! Real servers and clients from PyPI, in an environment of their own: pinned here, installed when absent.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::node::skip_test;

/// What is installed. The server brings the Python SDK of its time along.
const PINNED: &[&str] = &["mcp-server-git==2026.10.19", "fastmcp==4.2.3"];

/// The script of `mcp-server-git`, or `None` after a line that says why the test is skipped. Under `CI=true` a skip is a
/// failure.
pub(crate) fn git_server() -> Option<PathBuf> {
    Some(python()?.with_file_name("mcp-server-git"))
}

/// The Python that has what is installed, or `None` as for [`git_server`].
pub(crate) fn python() -> Option<PathBuf> {
    install().map_err(|why| skip_test(&why)).ok()
}

fn install() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstream");
    let guard = File::create(dir.join(".python-lock")).map_err(|error| error.to_string())?;
    guard.lock().map_err(|error| error.to_string())?;
    let environment = dir.join(".venv");
    let (bin, python) = if cfg!(windows) { ("Scripts", "python") } else { ("bin", "python3") };
    let installed = environment.join(bin).join(python);
    let (marker, pinned) = (environment.join(".installed"), PINNED.join(" "));
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == pinned) {
        return Ok(installed);
    }
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment))?;
    run(Command::new(&installed).args(["-m", "pip", "install", "--quiet"]).args(PINNED))?;
    fs::write(marker, pinned).map_err(|error| error.to_string())?;
    Ok(installed)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}
