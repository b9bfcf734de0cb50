//! Gives the Windows program its manifest.

use std::env;
use std::io::{self, Write as _};

use embed_manifest::{embed_manifest, new_manifest};

fn main() -> io::Result<()> {
    io::stdout().write_all(b"cargo::rerun-if-changed=build.rs\n")?;
    if env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "windows") {
        // Paths of more than 260 characters if the system is set so, and UTF-8 for what C code gets. There is no dependency on
        // the controls of Windows, since the program has none.
        let manifest = new_manifest("policylayer").remove_dependency("Microsoft.Windows.Common-Controls");
        embed_manifest(manifest)?;
    }
    Ok(())
}
