//! Opens an address in the person's browser.

use std::io;
use std::process::{Command, Stdio};

/// The program of the system that opens an address, and the words before it.
const OPENER: &[&str] = if cfg!(windows) {
    &["rundll32.exe", "url.dll,FileProtocolHandler"]
} else if cfg!(target_os = "macos") {
    &["/usr/bin/open"]
} else {
    &["xdg-open"]
};

/// Starts the program of the system that opens an address, without a shell, and does not wait for it: it may stay as long as
/// the browser.
///
/// # Errors
/// Returns an error if it cannot be started. That it opens nothing is not noticed.
pub(crate) fn open_address(address: &str) -> io::Result<()> {
    let (program, words) = OPENER.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(words).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut opener = command.spawn()?;
    // So that it leaves no zombie.
    std::thread::Builder::new().name("browser".to_owned()).spawn(move || opener.wait())?;
    Ok(())
}
