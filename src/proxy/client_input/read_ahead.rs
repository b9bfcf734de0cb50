//! Reads a source ahead on a separate thread.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::CLIENT_AHEAD;
use crate::proxy::shared_session::lock_unpoisoned;

/// A source that is read ahead, from the first read on.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct ReadAhead(Arc<ReadAheadState>);

#[derive(Debug)]
struct ReadAheadState {
    buffer: Mutex<ReadAheadBuffer>,
    changed: Condvar,
}

#[derive(Debug)]
struct ReadAheadBuffer {
    /// At most [`CLIENT_AHEAD`] bytes.
    bytes: VecDeque<u8>,
    /// When the source ended or failed.
    ended: Option<Instant>,
    /// `None` once the thread is started.
    source: Option<AheadSource>,
}

struct AheadSource(Box<dyn Read + Send>);

impl fmt::Debug for AheadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AheadSource")
    }
}

impl ReadAhead {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        let buffer = ReadAheadBuffer { bytes: VecDeque::new(), ended: None, source: Some(AheadSource(source)) };
        Self(Arc::new(ReadAheadState { buffer: Mutex::new(buffer), changed: Condvar::new() }))
    }

    /// Reads what is available, and waits if that is nothing; returns 0 at the end.
    pub(in crate::proxy) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        self.wait_readable()?;
        let mut buffer = lock_unpoisoned(&self.0.buffer);
        let mut count = buffer.bytes.read(room)?;
        // The bytes may be in two parts.
        count += buffer.bytes.read(room.get_mut(count..).unwrap_or_default())?;
        drop(buffer);
        self.0.changed.notify_all();
        Ok(count)
    }

    pub(in crate::proxy) fn is_readable(&self) -> bool {
        lock_unpoisoned(&self.0.buffer).is_readable()
    }

    /// Waits until [`Self::is_readable`] sees what the client has sent so far, which the thread has to read first.
    #[cfg(windows)]
    pub(in crate::proxy) fn wait_settled(&self) {
        if !self.is_hung_up() {
            thread::sleep(crate::limits::LAST_READ_AHEAD);
        }
    }

    pub(in crate::proxy) fn wait_readable(&self) -> io::Result<()> {
        self.start_thread()?;
        let waits = |buffer: &mut ReadAheadBuffer| !buffer.is_readable();
        drop(self.0.changed.wait_while(lock_unpoisoned(&self.0.buffer), waits).unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Returns whether the source has ended, even if bytes are left to read.
    #[cfg(windows)]
    pub(in crate::proxy) fn is_hung_up(&self) -> bool {
        self.hung_up_for().is_some()
    }

    /// Returns how long ago the source ended; `None` if it has not.
    pub(in crate::proxy) fn hung_up_for(&self) -> Option<Duration> {
        lock_unpoisoned(&self.0.buffer).ended.map(|at| at.elapsed())
    }

    fn start_thread(&self) -> io::Result<()> {
        let mut buffer = lock_unpoisoned(&self.0.buffer);
        let Some(AheadSource(source)) = buffer.source.take() else { return Ok(()) };
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new().name("stdin".to_owned()).spawn(move || shared.fill_buffer(source));
        if let Err(error) = started {
            buffer.ended = Some(Instant::now());
            return Err(error);
        }
        Ok(())
    }
}

impl ReadAheadBuffer {
    fn is_readable(&self) -> bool {
        !self.bytes.is_empty() || self.ended.is_some()
    }
}

impl ReadAheadState {
    fn fill_buffer(&self, mut source: Box<dyn Read + Send>) {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            // A source that fails has nothing more to give, like one that ended.
            let count = match source.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let is_full = |buffer: &mut ReadAheadBuffer| buffer.bytes.len() + count > CLIENT_AHEAD;
            let mut buffer =
                self.changed.wait_while(lock_unpoisoned(&self.buffer), is_full).unwrap_or_else(PoisonError::into_inner);
            buffer.bytes.extend(chunk.get(..count).unwrap_or_default());
            if count == 0 {
                buffer.ended = Some(Instant::now());
            }
            drop(buffer);
            self.changed.notify_all();
            if count == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn until(condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "it never came");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_comes_is_read_in_order_and_the_end_is_known_before_the_last_byte_is_read() {
        let (reader, mut writer) = io::pipe().unwrap();
        let ahead = ReadAhead::new(Box::new(reader));
        writer.write_all(b"one\ntwo\n").unwrap();
        // Nobody has asked yet.
        thread::sleep(Duration::from_millis(20));
        assert!(!ahead.is_readable());
        ahead.wait_readable().unwrap();
        drop(writer);
        until(|| ahead.hung_up_for().is_some());
        assert!(ahead.is_readable());
        let mut room = [0; 5];
        assert_eq!(ahead.read(&mut room).unwrap(), 5);
        assert_eq!(&room, b"one\nt");
        assert_eq!(ahead.read(&mut room).unwrap(), 3);
        assert_eq!(&room[..3], b"wo\n");
        assert_eq!(ahead.read(&mut room).unwrap(), 0);
        assert_eq!(ahead.read(&mut room).unwrap(), 0);
    }

    /// An endless source that reports how many bytes it has given.
    struct Endless(mpsc::Sender<usize>, usize);

    impl Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            room.fill(b'x');
            self.1 += room.len();
            let _ = self.0.send(self.1);
            Ok(room.len())
        }
    }

    /// Waits until so much is given, and a moment for more.
    fn last(given: &Receiver<usize>, least: usize) -> usize {
        let mut last = 0;
        let patience = |last| if last < least { PATIENCE } else { Duration::from_millis(100) };
        while let Ok(count) = given.recv_timeout(patience(last)) {
            last = count;
        }
        last
    }

    #[test]
    fn no_more_is_read_ahead_than_there_is_room_for() {
        let (tell, given) = mpsc::channel();
        let ahead = ReadAhead::new(Box::new(Endless(tell, 0)));
        ahead.wait_readable().unwrap();
        let first = last(&given, CLIENT_AHEAD + 1);
        // The last piece waits with the thread.
        assert!(first > CLIENT_AHEAD && first <= CLIENT_AHEAD + 64 * 1024, "{first}");
        assert_eq!(lock_unpoisoned(&ahead.0.buffer).bytes.len(), CLIENT_AHEAD);
        let mut room = vec![0; 100_000];
        assert_eq!(ahead.read(&mut room).unwrap(), room.len());
        assert_eq!(last(&given, first + 64 * 1024), first + 64 * 1024);
    }
}
