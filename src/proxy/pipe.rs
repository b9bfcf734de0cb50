//! Raw, unbuffered pipes: reads, and writes that wait while the pipe is full.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd as AsOwned, OwnedFd};
#[cfg(windows)]
use std::os::windows::io::{AsHandle as AsOwned, OwnedHandle as OwnedFd};
use std::time::{Duration, Instant};

use crate::limits::{BLOCKED_LOOK, READ_CHUNK};

pub(super) fn into_handle(pipe: impl Into<OwnedFd>) -> OwnedFd {
    pipe.into()
}

pub(super) fn into_file(pipe: impl Into<OwnedFd>) -> File {
    File::from(pipe.into())
}

/// Opens one of our own streams again, as an unbuffered file.
pub(super) fn duplicate_stream(stream: &impl AsOwned) -> io::Result<File> {
    #[cfg(unix)]
    let stream = stream.as_fd();
    #[cfg(windows)]
    let stream = stream.as_handle();
    Ok(into_file(stream.try_clone_to_owned()?))
}

/// Reads what is available; returns 0 at the end.
pub(super) fn read_available(mut pipe: &File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match pipe.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The runtimes of some clients make the pipe non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait_readable(pipe)?,
            result => return result,
        }
    }
}

/// Writes all of `bytes`, however long the reader takes.
pub(super) fn write_all(pipe: &File, bytes: &[u8]) -> io::Result<()> {
    // The first piece of what is large wakes the reader, which comes up while the rest is copied.
    let (first, rest) = if bytes.len() > 4 * READ_CHUNK { bytes.split_at(READ_CHUNK) } else { (bytes, &[][..]) };
    write_while(pipe, first, |_| true)?;
    write_while(pipe, rest, |_| true)
}

/// Writes all of `bytes` while `go_on` returns true. While the reader does not read, `go_on` is called about every
/// [`BLOCKED_LOOK`], with the time since the reader last did.
///
/// # Errors
/// Returns an error if the pipe is closed, and [`ErrorKind::TimedOut`] if `go_on` returned false.
pub(super) fn write_while(
    mut pipe: &File,
    mut bytes: &[u8],
    mut go_on: impl FnMut(Duration) -> bool,
) -> io::Result<()> {
    let mut blocked: Option<Instant> = None;
    while !bytes.is_empty() {
        match pipe.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.get(count..).unwrap_or_default();
                blocked = None;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let since = *blocked.get_or_insert_with(Instant::now);
                if !go_on(since.elapsed()) {
                    return Err(ErrorKind::TimedOut.into());
                }
                wait_writable(pipe)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
mod platform {
    use std::fs::File;
    use std::io;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::BLOCKED_LOOK;

    /// Makes our end of a pipe non-blocking, but not the other end.
    pub(in crate::proxy) fn set_nonblocking(pipe: &File) -> io::Result<()> {
        let flags = rustix::fs::fcntl_getfl(pipe)?;
        Ok(rustix::fs::fcntl_setfl(pipe, flags | rustix::fs::OFlags::NONBLOCK)?)
    }

    /// Sets the capacity of a pipe, if the system can.
    pub(in crate::proxy) fn set_capacity(pipe: &File, size: usize) {
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, size);
        #[cfg(not(target_os = "linux"))]
        let _ = (pipe, size);
    }

    /// Returns whether the other end of this pipe is closed, even if bytes are left to read.
    pub(in crate::proxy) fn is_hung_up(pipe: &File) -> bool {
        // Node's pipes are sockets: only this flag shows that an end is closed for writing but still reads.
        #[cfg(target_os = "linux")]
        let asked = PollFlags::RDHUP;
        // macOS reports only what is asked for, and counts this as reading.
        #[cfg(not(target_os = "linux"))]
        let asked = PollFlags::HUP;
        let mut polled = [PollFd::new(pipe, asked)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok()
            && polled.iter().any(|fd| fd.revents().intersects(asked | PollFlags::HUP | PollFlags::ERR))
    }

    /// Returns whether there are bytes to read, or the end.
    pub(in crate::proxy) fn is_readable(pipe: &File) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Returns whether there is room to write, or nobody who reads.
    pub(in crate::proxy) fn is_writable(pipe: &File) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&now)).is_ok_and(|ready| ready > 0)
    }

    pub(in crate::proxy) fn wait_readable(pipe: &File) -> io::Result<()> {
        poll_pipe(pipe, PollFlags::IN, None)
    }

    pub(super) fn wait_writable(pipe: &File) -> io::Result<()> {
        let look = Timespec { tv_sec: 0, tv_nsec: BLOCKED_LOOK.subsec_nanos().into() };
        poll_pipe(pipe, PollFlags::OUT, Some(&look))
    }

    fn poll_pipe(pipe: &File, flags: PollFlags, timeout: Option<&Timespec>) -> io::Result<()> {
        match poll(&mut [PollFd::new(pipe, flags)], timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::File;
    use std::io;

    /// Does nothing: pipes block here. A write that waits for a server ends with its job, and so with the other end of
    /// the pipe.
    pub(in crate::proxy) fn set_nonblocking(_pipe: &File) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: pipes hold 4 KiB here. A large write still lends its bytes to the reader, which takes them in one
    /// piece.
    pub(in crate::proxy) fn set_capacity(_pipe: &File, _size: usize) {}

    /// Always false: this system does not tell before something is written.
    pub(in crate::proxy) fn is_hung_up(_pipe: &File) -> bool {
        false
    }

    /// Always false: this system does not tell.
    pub(in crate::proxy) fn is_writable(_pipe: &File) -> bool {
        false
    }

    pub(in crate::proxy) fn wait_readable(_pipe: &File) -> io::Result<()> {
        std::thread::sleep(super::BLOCKED_LOOK);
        Ok(())
    }

    pub(super) use wait_readable as wait_writable;
}

#[cfg(unix)]
pub(super) use platform::is_readable;
use platform::wait_writable;
pub(super) use platform::{is_hung_up, is_writable, set_capacity, set_nonblocking, wait_readable};

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn an_end_that_has_closed_is_seen_while_bytes_are_left() {
        for (mut near, mut far) in [
            {
                let (reader, writer) = io::pipe().unwrap();
                (into_file(reader), into_file(writer))
            },
            {
                let (near, far) = UnixStream::pair().unwrap();
                (into_file(near), into_file(far))
            },
        ] {
            assert!(!is_hung_up(&near) && !is_readable(&near));
            far.write_all(b"left").unwrap();
            assert!(!is_hung_up(&near) && is_readable(&near));
            drop(far);
            assert!(is_hung_up(&near), "with bytes left");
            let mut left = String::new();
            near.read_to_string(&mut left).unwrap();
            assert_eq!(left, "left");
            assert!(is_hung_up(&near), "without any");
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_seen_by_who_writes() {
        let (reader, writer) = io::pipe().unwrap();
        let writer = into_file(writer);
        assert!(!is_hung_up(&writer));
        drop(reader);
        assert!(is_hung_up(&writer));
    }

    #[test]
    fn a_socket_that_only_reads_on_has_hung_up() {
        // Node's pipes are like this.
        let (near, far) = UnixStream::pair().unwrap();
        far.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(is_hung_up(&into_file(near)));
    }
}
