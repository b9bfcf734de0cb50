//! Restores the terminal however the program ends: by a signal, by a panic, or because the terminal is gone.

use std::io;
use std::panic;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(unix)]
use std::{io::IsTerminal as _, thread, time::Duration};

#[cfg(unix)]
const TERMINAL_CHECK: Duration = Duration::from_millis(200);

/// Holds back the signals that end the program, and calls `restore` when it is dropped and when the program panics.
///
/// Create the guard before the terminal is changed, so that nothing can end the program in between. Signals stay held
/// back after it is dropped: its owner checks [`TerminalGuard::received_signal`] and ends with [`end_by_signal`].
pub(crate) struct TerminalGuard {
    restore: fn(),
    #[cfg(unix)]
    signal: Arc<AtomicUsize>,
    /// The thread that watches the terminal ends when this is dropped.
    #[cfg(unix)]
    _is_held: Arc<()>,
}

impl TerminalGuard {
    /// `restore` gives the terminal back.
    pub(crate) fn new(restore: fn()) -> io::Result<Self> {
        #[cfg(unix)]
        let signal = {
            let signal = Arc::new(AtomicUsize::new(0));
            for number in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT] {
                let value = usize::try_from(number).unwrap_or_default();
                signal_hook::flag::register_usize(number, Arc::clone(&signal), value)?;
            }
            signal
        };
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            previous(info);
        }));
        #[cfg(unix)]
        let is_held = end_without_terminal()?;
        Ok(Self {
            restore,
            #[cfg(unix)]
            signal,
            #[cfg(unix)]
            _is_held: is_held,
        })
    }

    /// On Windows there are no signals.
    pub(crate) fn received_signal(&self) -> Option<i32> {
        #[cfg(unix)]
        {
            i32::try_from(self.signal.load(Ordering::Relaxed)).ok().filter(|number| *number != 0)
        }
        #[cfg(not(unix))]
        None
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        (self.restore)();
    }
}

/// Ends the program when its terminal is gone, as when a tmux session is killed. A read of a key never returns then, so
/// this needs its own thread. On Windows the system ends the program.
#[cfg(unix)]
fn end_without_terminal() -> io::Result<Arc<()>> {
    let is_held = Arc::new(());
    let watched = Arc::downgrade(&is_held);
    let watch = move || {
        while watched.strong_count() > 0 {
            if !io::stdin().is_terminal() {
                end_by_signal(Some(signal_hook::consts::SIGHUP));
            }
            thread::sleep(TERMINAL_CHECK);
        }
    };
    thread::Builder::new().name("terminal".to_owned()).spawn(watch)?;
    Ok(is_held)
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
