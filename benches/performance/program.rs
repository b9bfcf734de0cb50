//! Where the program is that is measured.

use std::env::{self, consts::EXE_SUFFIX};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the program in a profile of its own, such as `dist`, in which it is published. It goes into the directory of that name,
/// so target/release stays what `cargo build` left there.
pub(crate) fn build(profile: &str) -> io::Result<PathBuf> {
    let target = profile_directory()?.join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--profile", profile, "--bin", "policylayer", "--manifest-path"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).arg("--target-dir").arg(&target);
    if !command.status()?.success() {
        return Err(io::Error::other("the program cannot be built"));
    }
    Ok(target.join(profile).join(format!("policylayer{EXE_SUFFIX}")))
}

/// The program that `cargo test` has built for the tests.
pub(crate) fn beside_tests() -> io::Result<PathBuf> {
    let program = profile_directory()?.join(format!("policylayer{EXE_SUFFIX}"));
    if program.exists() { Ok(program) } else { Err(io::Error::other("`cargo build` has to build the program first")) }
}

/// The directory above that of the examples, such as target/debug.
fn profile_directory() -> io::Result<PathBuf> {
    let this = env::current_exe()?;
    this.ancestors()
        .nth(2)
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::other("the benchmark is in no target directory"))
}
