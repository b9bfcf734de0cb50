//! Leaves the tables for unwinding out of a release on Linux, half a megabyte that nothing reads: the program aborts on a
//! panic, and is stripped.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

const DISCARD: &str =
    "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } INSERT AFTER .text;\n";

fn main() -> io::Result<()> {
    let var = |name: &str| env::var(name).unwrap_or_default();
    let is_release = var("CARGO_CFG_TARGET_OS") == "linux" && var("PROFILE") == "release";
    // These linkers take no such script.
    let linker = format!("{} {}", var("RUSTC_LINKER"), var("CARGO_ENCODED_RUSTFLAGS"));
    let takes_scripts = !["mold", "wild", "gold"].iter().any(|name| linker.contains(name));
    let mut out = io::stdout();
    out.write_all(b"cargo::rerun-if-changed=build.rs\n")?;
    if is_release && takes_scripts {
        let script = PathBuf::from(var("OUT_DIR")).join("discard.ld");
        fs::write(&script, DISCARD)?;
        writeln!(out, "cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display())?;
    }
    Ok(())
}
