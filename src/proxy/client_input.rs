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
#[cfg(unix)]
pub(super) use unix::ClientInput;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::proxy::pipe;

    /// Our stdin as a file: raw and unbuffered.
    #[derive(Clone, Debug)]
    pub(in crate::proxy) struct ClientInput(pub(super) Arc<File>);

    impl ClientInput {
        /// Reads what is available; returns 0 at the end.
        pub(in crate::proxy) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
            pipe::read_available(&self.0, buffer)
        }

        /// Returns whether there are bytes to read, or the end.
        pub(in crate::proxy) fn is_readable(&self) -> bool {
            pipe::is_readable(&self.0)
        }

        /// Waits until [`Self::is_readable`] sees what the client has sent so far. Here it asks the system, so there is
        /// no wait.
        pub(in crate::proxy) fn wait_settled(&self) {}

        pub(in crate::proxy) fn wait_readable(&self) -> io::Result<()> {
            pipe::wait_readable(&self.0)
        }

        /// Returns whether the client has closed our stdin, even if bytes are left to read.
        pub(in crate::proxy) fn is_hung_up(&self) -> bool {
            pipe::is_hung_up(&self.0)
        }

        /// Returns how long ago the client closed our stdin. Only a write that waits for the server needs this here.
        pub(in crate::proxy) fn hung_up_for(&self) -> Option<Duration> {
            None
        }
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
    let file = super::pipe::duplicate_stream(&stdin)?;
    #[cfg(windows)]
    let input = ClientInput::new(Box::new(file));
    #[cfg(unix)]
    let input = ClientInput(std::sync::Arc::new(file));
    Ok(input)
}
