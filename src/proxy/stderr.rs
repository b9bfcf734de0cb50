//! Our stderr, written by a thread of its own: many clients never read it, and what nobody reads must hold nobody up.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::pipe;
use super::shared_session::lock;
use crate::limits::{MAX_STDERR, STDERR_DRAIN};

/// The way to stderr: never blocks, keeps the order, and drops what finds no room.
#[derive(Clone, Debug)]
pub struct Stderr(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole texts, one after the other, at most [`MAX_STDERR`] bytes.
    waiting: Vec<u8>,
    /// How many texts found no room since the thread last took what waited.
    dropped: usize,
    /// Whether the thread is writing what it took.
    writing: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

impl Stderr {
    /// Starts the thread that writes. It ends with the process.
    ///
    /// # Errors
    /// When there is no stderr or no thread to be had.
    pub fn start() -> io::Result<Self> {
        let output = Output::stderr()?;
        let stderr = Self(Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() }));
        let shared = Arc::clone(&stderr.0);
        thread::Builder::new().name("stderr".to_owned()).spawn(move || shared.write_to(&output))?;
        Ok(stderr)
    }

    /// Says a text, which ends with a newline. Never waits: where there is no room the text is dropped and counted.
    pub fn say(&self, text: &[u8]) {
        let mut queue = lock(&self.0.queue);
        // Once something was dropped, so is what follows, until it can be said in the right place.
        if queue.dropped > 0 || queue.waiting.len() + text.len() > MAX_STDERR {
            queue.dropped += 1;
        } else {
            queue.waiting.extend_from_slice(text);
        }
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Waits until all is written, at most [`STDERR_DRAIN`]: the process is about to end.
    pub fn finish(&self) {
        let busy = |queue: &mut Queue| queue.writing || !queue.is_empty();
        drop(self.0.changed.wait_timeout_while(lock(&self.0.queue), STDERR_DRAIN, busy));
    }
}

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.say(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn write_to(&self, output: &Output) {
        let mut texts = Vec::new();
        loop {
            let mut queue = self
                .changed
                .wait_while(lock(&self.queue), |queue| queue.is_empty())
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
            // Somebody who has closed our stderr wants to know nothing.
            let _ = output.write_all(&texts);
            lock(&self.queue).writing = false;
            self.changed.notify_all();
        }
    }
}

/// Our stderr, unbuffered.
#[derive(Debug)]
enum Output {
    /// Raw, and without the lock that a panic's message would wait for.
    Raw(File),
    /// A console of Windows, which takes raw bytes for text of its own code page; the library writes UTF-16 to it.
    #[cfg(windows)]
    Console(io::Stderr),
}

impl Output {
    fn stderr() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd as _;
            Ok(Self::Raw(File::from(io::stderr().as_fd().try_clone_to_owned()?)))
        }
        #[cfg(windows)]
        {
            use std::io::IsTerminal as _;
            use std::os::windows::io::AsHandle as _;
            let stderr = io::stderr();
            if stderr.is_terminal() {
                // Colours are shown by a console that was told to; one that cannot shows the text with its escapes.
                let _ = crossterm::ansi_support::supports_ansi();
                return Ok(Self::Console(stderr));
            }
            Ok(Self::Raw(File::from(stderr.as_handle().try_clone_to_owned()?)))
        }
    }

    fn write_all(&self, text: &[u8]) -> io::Result<()> {
        match self {
            Self::Raw(file) => pipe::write_all(file, text),
            #[cfg(windows)]
            Self::Console(console) => console.lock().write_all(String::from_utf8_lossy(text).as_bytes()),
        }
    }
}
