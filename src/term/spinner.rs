//! A spinner on stderr for slow operations.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossterm::cursor::MoveToColumn;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType, DisableLineWrap, EnableLineWrap};

use crate::visible::escape_invisible;

const FRAME: Duration = Duration::from_millis(100);

const FRAMES: [char; 8] = ['⠁', '⠂', '⠄', '⡀', '⢀', '⠠', '⠐', '⠈'];

/// Spins until it is dropped, which clears its line. It shows nothing if stderr is not a terminal.
#[must_use = "it stops when it is dropped"]
pub(crate) struct Spinner(Option<Running>);

struct Running {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Spinner {
    /// The message is one line.
    pub(crate) fn start(message: &str) -> Self {
        if !io::stderr().is_terminal() || is_dumb() {
            return Self(None);
        }
        let (stop, stopped) = mpsc::channel();
        let message = escape_invisible(message);
        let draw = move || {
            // If nobody reads stderr, there is nothing to show.
            let _ = draw_frames(&message, &stopped);
        };
        let thread = thread::Builder::new().name("spinner".to_owned()).spawn(draw);
        Self(thread.ok().map(|thread| Running { stop, thread }))
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(Running { stop, thread }) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn draw_frames(message: &str, stopped: &Receiver<()>) -> io::Result<()> {
    let start = Instant::now();
    for frame in FRAMES.iter().cycle() {
        let mut out = io::stderr().lock();
        queue!(out, DisableLineWrap, MoveToColumn(0))?;
        write!(out, "{frame} {message} {}", format_elapsed(start.elapsed()))?;
        queue!(out, Clear(ClearType::UntilNewLine), EnableLineWrap)?;
        out.flush()?;
        drop(out);
        if stopped.recv_timeout(FRAME) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    let mut out = io::stderr().lock();
    queue!(out, MoveToColumn(0), Clear(ClearType::CurrentLine))?;
    out.flush()
}

/// Formats `59s`, then `1m`.
fn format_elapsed(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds => format!("{}m", seconds / 60),
    }
}

/// Whether the terminal declares that it knows no escape sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb")
}
