//! Our stdin: what the client sends.
//!
//! The end of a session has to know whether the client has sent something that is not read yet, and whether it has left while a
//! server takes nothing. On unix `poll` tells both. A pipe on Windows tells neither without being read, and looking at one
//! that another thread reads waits for that thread. So there a thread of its own reads ahead, as much as
//! [`CLIENT_AHEAD`](crate::limits::CLIENT_AHEAD), and what it has is looked at instead.

#[cfg(any(windows, test))]
mod read_ahead;

use std::io;

#[cfg(unix)]
pub(super) use unix::ClientInput;
#[cfg(windows)]
pub(super) use windows::ClientInput;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd as _;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::proxy::pipe;

    /// Our stdin as a file: raw and unbuffered.
    #[derive(Clone, Debug)]
    pub(in crate::proxy) struct ClientInput(Arc<File>);

    impl ClientInput {
        pub(super) fn stdin() -> io::Result<Self> {
            Ok(Self(Arc::new(File::from(io::stdin().as_fd().try_clone_to_owned()?))))
        }

        /// Reads what is there; 0 at the end.
        pub(in crate::proxy) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
            pipe::read(&self.0, room)
        }

        /// Whether a read would not wait, be it for bytes or for the end.
        pub(in crate::proxy) fn is_readable(&self) -> bool {
            pipe::is_readable(&self.0)
        }

        /// Waits until [`Self::is_readable`] knows what the client has sent so far: at once, as it asks the system.
        pub(in crate::proxy) fn settle(&self) {}

        /// Waits until a read would not.
        ///
        /// # Errors
        /// Where that cannot be had without reading.
        pub(in crate::proxy) fn wait_readable(&self) -> io::Result<()> {
            pipe::wait_readable(&self.0)
        }

        /// Whether the client has closed it, also while bytes are left to read.
        pub(in crate::proxy) fn is_hung_up(&self) -> bool {
            pipe::is_hung_up(&self.0)
        }

        /// How long ago that was seen. Nobody looks for it here: a write that waits for the server does.
        pub(in crate::proxy) fn hung_up_for(&self) -> Option<Duration> {
            None
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::io::{self, IsTerminal as _};
    use std::os::windows::io::AsHandle as _;
    use std::time::Duration;

    use super::read_ahead::ReadAhead;
    use crate::limits::LAST_READ_AHEAD;

    /// Our stdin, read ahead.
    #[derive(Clone, Debug)]
    pub(in crate::proxy) struct ClientInput(ReadAhead);

    impl ClientInput {
        pub(super) fn stdin() -> io::Result<Self> {
            let stdin = io::stdin();
            // A console gives bytes in a code page of its own; the library reads it as UTF-16 and gives UTF-8.
            Ok(Self(if stdin.is_terminal() {
                ReadAhead::new(Box::new(stdin))
            } else {
                ReadAhead::new(Box::new(std::fs::File::from(stdin.as_handle().try_clone_to_owned()?)))
            }))
        }

        /// Reads what is there; 0 at the end.
        pub(in crate::proxy) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
            self.0.read(room)
        }

        /// Whether a read would not wait, be it for bytes or for the end.
        pub(in crate::proxy) fn is_readable(&self) -> bool {
            self.0.is_readable()
        }

        /// Waits until [`Self::is_readable`] knows what the client has sent so far, which the thread first has to read.
        pub(in crate::proxy) fn settle(&self) {
            if !self.is_hung_up() {
                std::thread::sleep(LAST_READ_AHEAD);
            }
        }

        /// Waits until a read would not.
        ///
        /// # Errors
        /// When there is no thread to be had for it.
        pub(in crate::proxy) fn wait_readable(&self) -> io::Result<()> {
            self.0.wait_readable()
        }

        /// Whether the client has closed it, also while bytes are left to read.
        pub(in crate::proxy) fn is_hung_up(&self) -> bool {
            self.0.ended_for().is_some()
        }

        /// How long ago that was seen.
        pub(in crate::proxy) fn hung_up_for(&self) -> Option<Duration> {
            self.0.ended_for()
        }
    }
}

/// Our stdin. Nothing is read from it before somebody asks.
///
/// # Errors
/// When the system has no room for another handle.
pub(super) fn stdin() -> io::Result<ClientInput> {
    ClientInput::stdin()
}
