//! The code of `local_confirm = "code"`, shown and typed back on a terminal, so that a program without one cannot
//! approve.

use std::fs::{File, OpenOptions};
#[cfg(not(windows))]
use std::io::Write as _;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};

use crate::engine::ApprovalAnswer;
use crate::report::approval_watch::{NoCode, is_code, new_code};
use crate::state::approvals::{ApprovalEntry, unix_time};
use crate::term::faces::approvals::card;

/// The longest line that is read as an answer, in bytes.
const MAX_ANSWER: u64 = 256;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfirmError {
    #[error(
        "Nothing was approved: `local_confirm = \"code\"` in config.toml requires a code that a terminal shows, and there is \
         no terminal here ({0}). Run this in a terminal yourself, or use `policylayer approvals watch`."
    )]
    NoTerminal(io::Error),
    #[error(transparent)]
    NoCode(#[from] NoCode),
    #[error("Nothing was approved: the terminal cannot show the code ({0}). Run this in another one.")]
    NotShown(io::Error),
    #[error("Nothing was approved: that was not the code. The call still waits; run this again for another code.")]
    Wrong,
}

/// The terminal of this process, whatever stdin and stdout are.
pub(crate) struct OwnTerminal {
    input: File,
    output: File,
}

impl OwnTerminal {
    pub(crate) fn open() -> io::Result<Self> {
        let (input, output) = open_terminal()?;
        Ok(Self { input, output })
    }

    /// Whether what is typed goes to this process, and not to another that has the terminal meanwhile.
    pub(crate) fn is_in_front(&self) -> bool {
        #[cfg(unix)]
        let front = rustix::termios::tcgetpgrp(&self.input).is_ok_and(|group| group == rustix::process::getpgrp());
        #[cfg(not(unix))]
        let front = true;
        front
    }

    /// Shows what would be approved with a new code, and returns that.
    pub(crate) fn show_code(&self, entry: &ApprovalEntry, approval: &ApprovalAnswer) -> Result<String, ConfirmError> {
        let code = new_code()?;
        let what = match approval {
            ApprovalAnswer::Session => "this call, and others like it until its session ends",
            ApprovalAnswer::Once | ApprovalAnswer::Refused { .. } => "this call",
        };
        // What was typed before the code was shown is not meant for it. A terminal that cannot drop it has shown less.
        #[cfg(unix)]
        let _ = rustix::termios::tcflush(&self.input, rustix::termios::QueueSelector::IFlush);
        let mut text = Vec::new();
        let shown = card::write_card(&mut text, entry, unix_time()).and_then(|()| {
            let text = String::from_utf8_lossy(&text);
            let text = anstream::adapter::strip_str(&text);
            self.write(&format!("{text}\nTo approve {what}, type {code} and Enter: "))
        });
        shown.map_err(ConfirmError::NotShown)?;
        Ok(code)
    }

    /// Waits until a line is typed. Input that is not UTF-8, or the end of it, is an empty line.
    pub(crate) fn read_line(&self) -> String {
        let mut typed = String::new();
        match BufReader::new((&self.input).take(MAX_ANSWER)).read_line(&mut typed) {
            Ok(_) => typed,
            Err(_) => String::new(),
        }
    }

    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        write_text(&self.output, text)
    }
}

/// Shows an approval with a code on the terminal of this process, and reads the code back from there.
pub(crate) fn confirm_on_terminal(entry: &ApprovalEntry, approval: &ApprovalAnswer) -> Result<(), ConfirmError> {
    let terminal = OwnTerminal::open().map_err(ConfirmError::NoTerminal)?;
    let code = terminal.show_code(entry, approval)?;
    if is_code(&terminal.read_line(), &code) { Ok(()) } else { Err(ConfirmError::Wrong) }
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
