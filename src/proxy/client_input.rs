//! Our stdin: what the client sends.
//!
//! The end of a session has to know whether the client has sent something that is not read yet, and whether it has left
//! while a server does not read. On unix `poll` tells both. On Windows a pipe tells neither unless it is read, and a
//! look at one that another thread reads waits for that thread. So on Windows a separate thread reads ahead, at most
//! [`CLIENT_AHEAD`](crate::limits::CLIENT_AHEAD), and its buffer tells both.

#[cfg(any(windows, test))]
mod read_ahead;

use std::io;

#[cfg(windows)]
pub(super) use read_ahead::ReadAhead as ClientInput;

use super::pipe;

/// Our stdin as a file: raw and unbuffered.
#[cfg(unix)]
#[derive(Clone, Debug)]
pub(super) struct ClientInput(std::sync::Arc<std::fs::File>);

#[cfg(unix)]
impl ClientInput {
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        pipe::read_available(&self.0, buffer)
    }

    pub(super) fn is_readable(&self) -> bool {
        pipe::is_readable(&self.0)
    }

    /// Does nothing: [`Self::is_readable`] sees all that the client has sent so far.
    pub(super) fn wait_settled(&self) {}

    pub(super) fn wait_readable(&self) -> io::Result<()> {
        pipe::wait_readable(&self.0)
    }

    /// Returns whether the client has closed our stdin, even if bytes are left to read.
    pub(super) fn is_hung_up(&self) -> bool {
        pipe::is_hung_up(&self.0)
    }

    /// Returns `None`: only a write that waits for the server needs to know this, and [`Self::is_hung_up`] tells it.
    pub(super) fn hung_up_for(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Opens our stdin. Nothing is read until it is asked for.
pub(super) fn open_stdin() -> io::Result<ClientInput> {
    let stdin = io::stdin();
    // A console gives bytes in a code page of its own; the library reads it as UTF-16 and gives UTF-8.
    #[cfg(windows)]
    if io::IsTerminal::is_terminal(&stdin) {
        return Ok(ClientInput::new(Box::new(stdin)));
    }
    let file = pipe::duplicate_stream(&stdin)?;
    #[cfg(windows)]
    return Ok(ClientInput::new(Box::new(file)));
    #[cfg(unix)]
    Ok(ClientInput(std::sync::Arc::new(file)))
}
