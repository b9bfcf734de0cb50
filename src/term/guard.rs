//! Restores the terminal however the program ends: by a signal, by a panic, or because the terminal is gone.

use std::io;
use std::panic;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
#[cfg(unix)]
use std::{io::IsTerminal as _, thread};

use crossterm::event::{self, Event};

/// How often the terminal is checked.
#[cfg(unix)]
const TERMINAL_CHECK: Duration = Duration::from_millis(200);

/// After how many checks a read that has not returned is stuck. It returns after [`MAX_EVENT_WAIT`] at the latest.
#[cfg(unix)]
const STUCK_AFTER: usize = 5;

/// The longest wait for an event.
const MAX_EVENT_WAIT: Duration = Duration::from_millis(100);

/// Holds back the signals that end the program, and calls `restore` when it is dropped and when the program panics.
///
/// Create the guard before the terminal is changed, so that nothing can end the program in between. When it is dropped, a
/// signal that was held back ends the program, and later ones act as usual.
pub(crate) struct TerminalGuard {
    restore: fn(),
    #[cfg(unix)]
    watched: Arc<WatchedTerminal>,
}

/// What the thread that watches the terminal sees. The thread ends when the guard is dropped.
#[cfg(unix)]
#[derive(Default)]
struct WatchedTerminal {
    /// The signal that was held back, or 0.
    signal: Arc<AtomicUsize>,
    is_released: Arc<AtomicBool>,
    /// Counts the beginnings and the ends of reads: it is odd during a read.
    reads: AtomicUsize,
}

impl TerminalGuard {
    /// `restore` gives the terminal back.
    pub(crate) fn new(restore: fn()) -> io::Result<Self> {
        #[cfg(unix)]
        let watched = {
            let watched = Arc::new(WatchedTerminal::default());
            for number in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT] {
                let value = usize::try_from(number).unwrap_or_default();
                signal_hook::flag::register_conditional_default(number, Arc::clone(&watched.is_released))?;
                signal_hook::flag::register_usize(number, Arc::clone(&watched.signal), value)?;
            }
            watched
        };
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            previous(info);
        }));
        #[cfg(unix)]
        end_without_terminal(&watched, restore)?;
        Ok(Self {
            restore,
            #[cfg(unix)]
            watched,
        })
    }

    /// Waits for an event of the terminal, but only for a moment: the caller then checks for signals.
    pub(crate) fn read_event(&self) -> io::Result<Option<Event>> {
        #[cfg(unix)]
        let _read = self.watched.begin_read();
        if event::poll(MAX_EVENT_WAIT)? { event::read().map(Some) } else { Ok(None) }
    }

    /// On Windows there are no signals.
    pub(crate) fn received_signal(&self) -> Option<i32> {
        #[cfg(unix)]
        {
            self.watched.received_signal()
        }
        #[cfg(not(unix))]
        None
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        (self.restore)();
        #[cfg(unix)]
        {
            self.watched.is_released.store(true, Ordering::SeqCst);
            end_by_signal(self.received_signal());
        }
    }
}

#[cfg(unix)]
impl WatchedTerminal {
    fn received_signal(&self) -> Option<i32> {
        i32::try_from(self.signal.load(Ordering::SeqCst)).ok().filter(|number| *number != 0)
    }

    fn begin_read(&self) -> impl Drop {
        struct Read<'w>(&'w AtomicUsize);
        impl Drop for Read<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        Read(&self.reads)
    }
}

/// Ends the program when its terminal is gone, as when a tmux session is killed, and when a read is stuck. crossterm
/// repeats a read that fails or that finds the end of the input, forever and without a pause: so does one of a process
/// whose parent is gone and that is no longer in the foreground. On Windows the system ends the program.
#[cfg(unix)]
fn end_without_terminal(watched: &Arc<WatchedTerminal>, restore: fn()) -> io::Result<()> {
    let watched = Arc::downgrade(watched);
    let watch = move || {
        let (mut seen, mut checks) = (0, 0);
        while let Some(watched) = watched.upgrade() {
            let reads = watched.reads.load(Ordering::Relaxed);
            checks = if reads == seen && reads % 2 == 1 { checks + 1 } else { 0 };
            seen = reads;
            let is_stuck = checks >= STUCK_AFTER;
            if is_stuck {
                restore();
            }
            if is_stuck || !io::stdin().is_terminal() {
                end_by_signal(watched.received_signal().or(Some(signal_hook::consts::SIGHUP)));
            }
            drop(watched);
            thread::sleep(TERMINAL_CHECK);
        }
    };
    thread::Builder::new().name("terminal".to_owned()).spawn(watch)?;
    Ok(())
}

/// Ends the program as the signal would have ended it. On Windows there are no signals.
pub(crate) fn end_by_signal(signal: Option<i32>) {
    #[cfg(unix)]
    if let Some(signal) = signal {
        // This does not return. If it fails, the program ends as after a `q`.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    #[cfg(not(unix))]
    let _ = signal;
}
