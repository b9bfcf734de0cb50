//! The terminal while it is ours, and given back however that ends.

use std::io::{self, Write as _};
use std::panic;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(unix)]
use std::{io::IsTerminal as _, thread, time::Duration};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::terminal::{
    self, Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use anstyle::Style;

use super::frame::{Line, Size};
use crate::env::Env;

/// The terminal, in raw mode and on a screen of its own. Dropping it gives it back.
pub(super) struct Screen {
    size: Size,
    colours: Colours,
    drawn: Vec<Line>,
    #[cfg(unix)]
    signal: Arc<AtomicUsize>,
}

/// Which escape sequences a line may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    /// All.
    Shown,
    /// None for a colour: nobody wants them.
    Plain,
    /// None: the console of Windows shows them as text, in its legacy mode.
    None,
}

/// How often it is looked whether the terminal is still there.
#[cfg(unix)]
const TERMINAL_LOOK: Duration = Duration::from_millis(200);

impl Screen {
    pub(super) fn take(env: &Env) -> io::Result<Self> {
        let (columns, rows) = terminal::size()?;
        let plain = env.var("NO_COLOR").is_some_and(|value| !value.is_empty());
        #[cfg(unix)]
        let signal = {
            let signal = Arc::new(AtomicUsize::new(0));
            for number in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGINT] {
                let told = usize::try_from(number).unwrap_or_default();
                signal_hook::flag::register_usize(number, Arc::clone(&signal), told)?;
            }
            signal
        };
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            previous(info);
        }));
        let screen = Self {
            size: (usize::from(columns), usize::from(rows)),
            colours: match (takes_escapes(), plain) {
                (false, _) => Colours::None,
                (true, true) => Colours::Plain,
                (true, false) => Colours::Shown,
            },
            drawn: Vec::new(),
            #[cfg(unix)]
            signal,
        };
        #[cfg(unix)]
        end_without_terminal()?;
        // From here on dropping it gives everything back, also what fails half-way.
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, DisableLineWrap, Hide)?;
        Ok(screen)
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The terminal may have another size now. What an event says of it is not taken: Windows tells the size of the buffer
    /// that a window scrolls over.
    pub(super) fn resized(&mut self) -> io::Result<()> {
        let (columns, rows) = terminal::size()?;
        let size = (usize::from(columns), usize::from(rows));
        if cfg!(unix) || size != self.size {
            self.size = size;
            self.drawn.clear();
        }
        Ok(())
    }

    /// The signal that asks for the end, if one has come.
    #[cfg(unix)]
    pub(super) fn signal(&self) -> Option<i32> {
        i32::try_from(self.signal.load(Ordering::Relaxed)).ok().filter(|number| *number != 0)
    }

    /// There are none here.
    #[cfg(not(unix))]
    pub(super) fn signal(&self) -> Option<i32> {
        None
    }

    /// Draws the lines that have changed.
    pub(super) fn draw(&mut self, lines: Vec<Line>) -> io::Result<()> {
        if lines == self.drawn {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if self.drawn.is_empty() {
            queue!(out, Clear(ClearType::All))?;
        }
        for (row, line) in lines.iter().enumerate().filter(|(row, line)| self.drawn.get(*row) != Some(line)) {
            queue!(out, MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)), Clear(ClearType::CurrentLine))?;
            let style = match self.colours {
                Colours::Shown => line.style,
                Colours::Plain => line.style.fg_color(None),
                Colours::None => Style::new(),
            };
            write!(out, "{style}{}{style:#}", line.text)?;
        }
        out.flush()?;
        self.drawn = lines;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back. Where that fails there is no terminal any more.
fn give_back() {
    let _ = execute!(io::stdout(), Show, EnableLineWrap, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// Whether the terminal obeys escape sequences.
fn takes_escapes() -> bool {
    #[cfg(windows)]
    {
        crossterm::ansi_support::supports_ansi()
    }
    #[cfg(not(windows))]
    true
}

/// Ends the program when its terminal is gone, as when a tmux session is killed. What waits for keys reads on and on then,
/// and nothing on its thread gets a turn: so this is a thread of its own. On Windows the system ends us.
#[cfg(unix)]
fn end_without_terminal() -> io::Result<()> {
    let watch = || {
        while io::stdin().is_terminal() {
            thread::sleep(TERMINAL_LOOK);
        }
        end_by(Some(signal_hook::consts::SIGHUP));
    };
    thread::Builder::new().name("terminal".to_owned()).spawn(watch).map(drop)
}

/// Ends as the signal would have ended us.
#[cfg(unix)]
pub(super) fn end_by(signal: Option<i32>) {
    if let Some(signal) = signal {
        // It does not come back; where it fails, the program ends as after a `q`.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
}

/// There are no signals here.
#[cfg(not(unix))]
pub(super) fn end_by(_: Option<i32>) {}
