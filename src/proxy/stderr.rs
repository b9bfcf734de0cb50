//! Our stderr, written by a separate thread: many clients never read it, and that must block nothing.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::raw_output::RawOutput;
use super::shared_session::lock_unpoisoned;
use crate::limits::{MAX_STDERR, STDERR_DRAIN, STDERR_LATE, STDERR_PATIENCE};

/// Stderr: a write never blocks, keeps the order, and is dropped if too much waits.
#[derive(Clone, Debug)]
pub struct Stderr(Arc<StderrState>);

#[derive(Debug)]
struct StderrState {
    output: RawOutput,
    queue: Mutex<StderrQueue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct StderrQueue {
    /// Whole texts, one after the other, at most [`MAX_STDERR`] bytes.
    waiting: Vec<u8>,
    /// How many texts were dropped since the thread last took the waiting ones.
    dropped: usize,
    writing: bool,
    /// Whether the thread was started.
    is_started: bool,
}

impl StderrQueue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

impl Stderr {
    /// Opens our stderr. Nothing is written before [`start_writer`](Self::start_writer).
    ///
    /// # Errors
    /// Returns an error if there is no stderr.
    pub fn open() -> io::Result<Self> {
        Ok(Self::over(RawOutput::open_stderr()?))
    }

    #[cfg(test)]
    pub(super) fn start_writer_to(output: RawOutput) -> io::Result<Self> {
        let stderr = Self::over(output);
        stderr.start_writer()?;
        Ok(stderr)
    }

    fn over(output: RawOutput) -> Self {
        Self(Arc::new(StderrState { output, queue: Mutex::default(), changed: Condvar::new() }))
    }

    /// Starts the thread that writes, which ends with the process, if it was not started before.
    ///
    /// # Errors
    /// Returns an error if there is no thread.
    pub fn start_writer(&self) -> io::Result<()> {
        let mut queue = lock_unpoisoned(&self.0.queue);
        if queue.is_started {
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name("stderr".to_owned()).spawn(move || shared.write_queued())?;
        queue.is_started = true;
        Ok(())
    }

    /// Writes a text, which ends with a newline. Never waits: if too much waits already, the text is dropped and
    /// counted.
    pub fn write_text(&self, text: &[u8]) {
        let mut queue = lock_unpoisoned(&self.0.queue);
        // After a dropped text, further texts are dropped until the count of dropped texts is in its place.
        if queue.dropped > 0 || queue.waiting.len() + text.len() > MAX_STDERR {
            queue.dropped += 1;
        } else {
            queue.waiting.extend_from_slice(text);
        }
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Writes a text as [`Self::write_text`] does, but waits a while for a reader first, and leaves half of the space
    /// to those who do not wait.
    pub(super) fn write_patiently(&self, text: &[u8]) {
        let is_full = |queue: &mut StderrQueue| queue.dropped == 0 && queue.waiting.len() + text.len() > MAX_STDERR / 2;
        drop(self.0.changed.wait_timeout_while(lock_unpoisoned(&self.0.queue), STDERR_PATIENCE, is_full));
        self.write_text(text);
    }

    /// Waits until all is written: the process is about to end. A reader that does not read is waited for at most
    /// [`STDERR_DRAIN`], a thread that the system does not run at most [`STDERR_LATE`].
    pub fn wait_written(&self) {
        let busy = |queue: &mut StderrQueue| queue.writing || !queue.is_empty();
        let until = Instant::now() + STDERR_LATE;
        let mut queue = lock_unpoisoned(&self.0.queue);
        loop {
            let waited = self.0.changed.wait_timeout_while(queue, STDERR_DRAIN, busy);
            let (left, end) = waited.unwrap_or_else(PoisonError::into_inner);
            if !end.timed_out() || Instant::now() >= until || !self.0.output.has_room() {
                return;
            }
            queue = left;
        }
    }
}

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.write_text(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StderrState {
    fn write_queued(&self) {
        let mut texts = Vec::new();
        loop {
            let mut queue = self
                .changed
                .wait_while(lock_unpoisoned(&self.queue), |queue| queue.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            texts.clear();
            std::mem::swap(&mut texts, &mut queue.waiting);
            let dropped = std::mem::take(&mut queue.dropped);
            queue.writing = true;
            drop(queue);
            if dropped > 0 {
                let note = format!("policylayer  WARN {dropped} lines were dropped here: nobody was reading stderr\n");
                texts.extend_from_slice(note.as_bytes());
            }
            // If our stderr is closed, nobody wants to read it.
            let _ = self.output.write_all(&texts);
            lock_unpoisoned(&self.queue).writing = false;
            self.changed.notify_all();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::proxy::pipe::into_file;

    /// A busy machine may run the thread only when the end waits already, and longer than a reader is waited for.
    #[test]
    fn the_end_waits_for_a_writer_that_is_late() {
        let (mut reader, writer) = io::pipe().unwrap();
        let stderr = Stderr::over(RawOutput::Pipe(into_file(writer)));
        stderr.write_text(b"why it ends\n");
        let late = stderr.clone();
        let starting = thread::spawn(move || {
            thread::sleep(STDERR_DRAIN * 3);
            late.start_writer().unwrap();
        });
        stderr.wait_written();
        let mut text = [0; 64];
        assert!(stderr.0.queue.lock().unwrap().is_empty(), "it did not wait");
        let count = reader.read(&mut text).unwrap();
        assert_eq!(&text[..count], b"why it ends\n");
        starting.join().unwrap();
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_does_not_read() {
        let (reader, writer) = io::pipe().unwrap();
        let stderr = Stderr::start_writer_to(RawOutput::Pipe(into_file(writer))).unwrap();
        // More than a pipe holds.
        stderr.write_text(&[b'x'; MAX_STDERR]);
        let until = Instant::now() + STDERR_LATE * 6;
        while stderr.0.output.has_room() {
            assert!(Instant::now() < until, "nothing is written");
            thread::yield_now();
        }
        let start = Instant::now();
        stderr.wait_written();
        assert!(start.elapsed() >= STDERR_DRAIN && stderr.0.queue.lock().unwrap().writing);
        drop(reader);
    }
}
