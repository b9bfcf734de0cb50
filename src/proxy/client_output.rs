//! Our stdout: what the client reads.

use std::fs::File;
use std::io;

use super::pipe;

/// Our stdout, unbuffered.
#[derive(Debug)]
pub(super) enum ClientOutput {
    /// A pipe, as a client has it, or a file.
    Raw(File),
    /// A console of Windows, where a person looks on: it takes raw bytes for text of its own code page, and the library
    /// writes UTF-16 to it.
    #[cfg(windows)]
    Console(io::Stdout),
}

impl ClientOutput {
    /// Our stdout.
    ///
    /// # Errors
    /// When the system has no room for another handle.
    pub(super) fn stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        #[cfg(unix)]
        {
            use std::os::fd::AsFd as _;
            Ok(Self::Raw(File::from(stdout.as_fd().try_clone_to_owned()?)))
        }
        #[cfg(windows)]
        {
            use std::io::IsTerminal as _;
            use std::os::windows::io::AsHandle as _;
            if stdout.is_terminal() {
                return Ok(Self::Console(stdout));
            }
            Ok(Self::Raw(File::from(stdout.as_handle().try_clone_to_owned()?)))
        }
    }

    /// Writes all of `bytes`, however long the reader takes.
    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Raw(pipe) => pipe::write_all(pipe, bytes),
            #[cfg(windows)]
            Self::Console(console) => {
                use std::io::Write as _;
                let mut console = console.lock();
                console.write_all(String::from_utf8_lossy(bytes).as_bytes())?;
                console.flush()
            }
        }
    }

    /// Lets it hold so many bytes, where it is a pipe and the system can.
    pub(super) fn widen(&self, size: usize) {
        match self {
            Self::Raw(pipe) => pipe::widen(pipe, size),
            #[cfg(windows)]
            Self::Console(_) => {}
        }
    }
}
