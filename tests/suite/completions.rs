//! The shell completions kept in completions/ are those that the program prints.
//! `UPDATE_COMPLETIONS=1 cargo test --test suite completions::` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_files_are_what_the_program_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in [
        ("bash", "policylayer.bash"),
        ("zsh", "_policylayer"),
        ("fish", "policylayer.fish"),
        ("powershell", "_policylayer.ps1"),
        ("elvish", "policylayer.elv"),
    ] {
        let output = Command::new(crate::support::system::program()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("max-message") && !printed.contains("watch-server"), "{shell}: {printed}");
        let file = folder.join(file);
        if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
            fs::write(&file, &printed).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == printed,
            "{} is not current: run `UPDATE_COMPLETIONS=1 cargo test --test suite completions::`",
            file.display()
        );
    }
}
