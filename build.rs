//! Leaves the tables for unwinding out of a release on Linux, half a megabyte that nothing reads: the program aborts on a
//! panic, and is stripped. Gives the Windows program its manifest.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use embed_manifest::{embed_manifest, new_manifest};

const DISCARD: &str =
    "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } INSERT AFTER .text;\n";

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(b"cargo::rerun-if-changed=build.rs\n")?;
    // Nothing but the program's size depends on it, so it is done only where it is known to work. What begins a program
    // that is linked with musl, or statically, may refer to the tables.
    let is_known = var("CARGO_CFG_TARGET_OS") == "linux"
        && var("CARGO_CFG_TARGET_ENV") == "gnu"
        && !var("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static");
    if is_known && var("PROFILE") == "release" && takes_scripts(&var("RUSTC_LINKER"), &var("CARGO_ENCODED_RUSTFLAGS")) {
        let script = PathBuf::from(var("OUT_DIR")).join("discard.ld");
        fs::write(&script, DISCARD)?;
        writeln!(out, "cargo::rustc-link-arg-bins=-T{}", script.display())?;
    }
    if var("CARGO_CFG_TARGET_OS") == "windows" {
        // Paths of more than 260 characters where the system is set so, and UTF-8 for what is handed to C. No dependency on
        // the controls of windows: the program has none.
        let manifest = new_manifest("policylayer").remove_dependency("Microsoft.Windows.Common-Controls");
        embed_manifest(manifest)?;
    }
    Ok(())
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Whether the linker is GNU's or LLVM's, called through a C compiler. The flags stand between U+001F, and what they say
/// wins over Cargo's `linker`.
fn takes_scripts(linker: &str, flags: &str) -> bool {
    let mut chosen =
        flags.split('\u{1f}').filter_map(|flag| flag.trim_start_matches("-C").trim_start().strip_prefix("linker="));
    let name = Path::new(chosen.next_back().unwrap_or(linker)).file_name().unwrap_or_default().to_string_lossy();
    let is_compiler = name.is_empty() || name.contains("cc") || name.contains("clang");
    let others = ["mold", "wild", "gold", "zig", "linker-flavor"];
    is_compiler && !others.iter().any(|other| name.contains(other) || flags.contains(other))
}
