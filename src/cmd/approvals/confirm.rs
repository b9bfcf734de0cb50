//! The code of `local_confirm = "code"`, shown and typed back on a terminal, so that a program without one cannot
//! approve.

use std::fs::{File, OpenOptions};
#[cfg(not(windows))]
use std::io::Write as _;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};

use crate::report::approval_watch::{is_code, new_code};
use crate::state::approvals::{ApprovalEntry, unix_time};
use crate::term::faces::approvals::card;

/// The longest line that is read as an answer, in bytes.
const MAX_ANSWER: u64 = 256;

#[derive(Debug, thiserror::Error)]
enum ConfirmError {
    #[error(
        "Nothing was approved: `local_confirm = \"code\"` in config.toml requires a code that a terminal shows, and there is \
         no terminal here ({0}). Run this in a terminal yourself, or use `policylayer approvals watch`."
    )]
    NoTerminal(io::Error),
    #[error("Nothing was approved: that was not the code. The call still waits; run this again for another code.")]
    Wrong,
}

/// Shows an approval with a code on the terminal of this process, and reads the code back from there, whatever stdin
/// and stdout are.
pub(super) fn confirm_on_terminal(entry: &ApprovalEntry) -> anyhow::Result<()> {
    let (input, output) = open_terminal().map_err(ConfirmError::NoTerminal)?;
    let code = new_code()?;
    let mut text = Vec::new();
    card::write_card(&mut text, entry, unix_time())?;
    let text = String::from_utf8_lossy(&text);
    let text = anstream::adapter::strip_str(&text);
    write_text(&output, &format!("{text}\nTo approve this call, type {code} and Enter: "))?;
    let mut typed = String::new();
    // Input that is not UTF-8 is not the code.
    let read = BufReader::new(input.take(MAX_ANSWER)).read_line(&mut typed);
    if read.is_ok() && is_code(&typed, &code) { Ok(()) } else { Err(ConfirmError::Wrong.into()) }
}

fn open_terminal() -> io::Result<(File, File)> {
    let (input, output) = if cfg!(windows) { ("CONIN$", "CONOUT$") } else { ("/dev/tty", "/dev/tty") };
    let input = OpenOptions::new().read(true).write(cfg!(windows)).open(input)?;
    let output = OpenOptions::new().write(true).read(cfg!(windows)).open(output)?;
    if !input.is_terminal() || !output.is_terminal() {
        return Err(io::Error::other("it is not a terminal"));
    }
    Ok((input, output))
}

#[cfg(not(windows))]
fn write_text(mut output: &File, text: &str) -> io::Result<()> {
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Bytes that are written to a console are interpreted in its code page, which is hardly ever UTF-8, so write UTF-16.
#[cfg(windows)]
fn write_text(_: &File, text: &str) -> io::Result<()> {
    use crossterm_winapi::{Console, Handle};

    /// A console of Windows 7 takes no more than 64 kB at once.
    const AT_ONCE: usize = 8 * 1024;
    let console = Console::from(Handle::current_out_handle()?);
    let mut rest = text;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.floor_char_boundary(AT_ONCE));
        console.write_char_buffer(now.as_bytes())?;
        rest = later;
    }
    Ok(())
}
