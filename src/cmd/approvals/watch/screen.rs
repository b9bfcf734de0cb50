//! The terminal while it is ours, and given back however that ends.

use std::io::{self, Write as _};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::terminal::{
    self, Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use anstyle::Style;

use super::frame::{Line, Size};
use crate::env::Env;
use crate::term::guard::TerminalGuard;

/// The terminal, in raw mode and on a screen of its own, until it is dropped.
pub(super) struct Screen {
    size: Size,
    colours: Colours,
    drawn: Vec<Line>,
    guard: TerminalGuard,
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

impl Screen {
    pub(super) fn take(env: &Env) -> io::Result<Self> {
        let (columns, rows) = terminal::size()?;
        let plain = env.var("NO_COLOR").is_some_and(|value| !value.is_empty());
        // From here on everything is given back, also if a step fails.
        let guard = TerminalGuard::new(give_back)?;
        let screen = Self {
            size: (usize::from(columns), usize::from(rows)),
            colours: match (takes_escapes(), plain) {
                (false, _) => Colours::None,
                (true, true) => Colours::Plain,
                (true, false) => Colours::Shown,
            },
            drawn: Vec::new(),
            guard,
        };
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

    /// The signal that asked the program to end, if one has come.
    pub(super) fn signal(&self) -> Option<i32> {
        self.guard.signal()
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
