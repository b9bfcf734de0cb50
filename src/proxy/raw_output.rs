//! Our own stdout and stderr, unbuffered.

use std::fs::File;
use std::io;

use super::pipe;

#[derive(Debug)]
pub(super) enum RawOutput {
    /// A pipe or a file. It is written without the library's lock, for which the message of a panic would wait.
    Pipe(File),
    /// The stdout of a person at a Windows console. A console takes raw bytes for text of its own code page; the
    /// library writes UTF-16 to it.
    #[cfg(windows)]
    ConsoleOut(io::Stdout),
    #[cfg(windows)]
    ConsoleErr(io::Stderr),
}

impl RawOutput {
    pub(super) fn open_stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        #[cfg(windows)]
        if io::IsTerminal::is_terminal(&stdout) {
            return Ok(Self::ConsoleOut(stdout));
        }
        Ok(Self::Pipe(pipe::duplicate_stream(&stdout)?))
    }

    pub(super) fn open_stderr() -> io::Result<Self> {
        let stderr = io::stderr();
        #[cfg(windows)]
        if io::IsTerminal::is_terminal(&stderr) {
            // This enables colours; a console without colours shows the text with its escapes.
            let _ = crossterm::ansi_support::supports_ansi();
            return Ok(Self::ConsoleErr(stderr));
        }
        Ok(Self::Pipe(pipe::duplicate_stream(&stderr)?))
    }

    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe::write_all(pipe, bytes),
            #[cfg(windows)]
            Self::ConsoleOut(console) => write_text(console.lock(), bytes),
            #[cfg(windows)]
            Self::ConsoleErr(console) => write_text(console.lock(), bytes),
        }
    }

    /// Returns whether a write would not wait for a reader; false where the system does not tell.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Pipe(pipe) => pipe::is_writable(pipe),
            #[cfg(windows)]
            Self::ConsoleOut(_) | Self::ConsoleErr(_) => true,
        }
    }

    pub(super) fn set_capacity(&self, size: usize) {
        match self {
            Self::Pipe(pipe) => pipe::set_capacity(pipe, size),
            #[cfg(windows)]
            Self::ConsoleOut(_) | Self::ConsoleErr(_) => {}
        }
    }
}

#[cfg(windows)]
fn write_text(mut console: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    console.write_all(String::from_utf8_lossy(bytes).as_bytes())?;
    console.flush()
}
