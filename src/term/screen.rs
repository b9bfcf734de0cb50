//! A full-screen view on the terminal of stdin and stdout, drawn line by line.

use std::io::{self, Write as _};

use anstyle::Style;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyEvent, KeyEventKind};
use crossterm::terminal::{
    self, Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use crate::env::Env;
use crate::term::guard::TerminalGuard;

/// Columns and rows.
pub(crate) type ScreenSize = (usize, usize);

/// No wider than the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScreenLine {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// The terminal in raw mode. Dropping it restores the terminal.
pub(crate) struct Screen {
    size: ScreenSize,
    styles: LineStyles,
    drawn: Vec<ScreenLine>,
    /// `None` if the terminal would print a title as text.
    title: Option<String>,
    guard: TerminalGuard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineStyles {
    All,
    /// All but colours, as NO_COLOR asks.
    WithoutColours,
    /// No styles: the Windows console shows them as text in its legacy mode.
    None,
}

impl Screen {
    /// Switches the terminal to raw mode.
    pub(crate) fn open(env: &Env) -> io::Result<Self> {
        let size = read_size()?;
        let is_plain = env.var("NO_COLOR").is_some_and(|value| !value.is_empty());
        let styles = match (obeys_escapes(), is_plain) {
            (false, _) => LineStyles::None,
            (true, true) => LineStyles::WithoutColours,
            (true, false) => LineStyles::All,
        };
        let has_title = obeys_escapes() && env.var("TERM").is_none_or(|term| term != "linux" && term != "dumb");
        let (title, restore): (_, fn()) =
            if has_title { (Some(String::new()), restore_with_title) } else { (None, restore_terminal) };
        let screen = Self { size, styles, drawn: Vec::new(), title, guard: TerminalGuard::new(restore)? };
        // From here on, dropping the screen restores everything, even after a partial failure.
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, DisableLineWrap, Hide)?;
        if screen.title.is_some() {
            write_now(PUSH_TITLE)?;
        }
        Ok(screen)
    }

    pub(crate) fn size(&self) -> ScreenSize {
        self.size
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.guard.received_signal()
    }

    /// Waits a moment for a key; `None` if none is pressed, or the terminal was resized.
    pub(crate) fn read_key(&mut self) -> io::Result<Option<KeyEvent>> {
        match self.guard.read_event()? {
            Some(Event::Key(key)) if key.kind != KeyEventKind::Release => return Ok(Some(key)),
            Some(Event::Resize(..)) => self.update_size()?,
            // Windows consoles report a resize only if their input mode asks for it.
            #[cfg(windows)]
            None => self.update_size()?,
            _ => {}
        }
        Ok(None)
    }

    /// Sets the title of the window, which must be ours: it is written as it is.
    pub(crate) fn set_title(&mut self, title: &str) -> io::Result<()> {
        match &mut self.title {
            Some(shown) if shown != title => {
                title.clone_into(shown);
                write_now(&format!("\u{1b}]2;{title}\u{7}"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn ring_bell(&self) -> io::Result<()> {
        write_now("\u{7}")
    }

    /// Reads the size again. The event's own size is not used: on Windows it is that of the scroll buffer.
    fn update_size(&mut self) -> io::Result<()> {
        let size = read_size()?;
        if cfg!(unix) || size != self.size {
            self.size = size;
            self.drawn.clear();
        }
        Ok(())
    }

    /// Draws the lines that have changed.
    pub(crate) fn draw_lines(&mut self, lines: Vec<ScreenLine>) -> io::Result<()> {
        if lines == self.drawn {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if self.drawn.is_empty() {
            queue!(out, Clear(ClearType::All))?;
        }
        for (row, line) in lines.iter().enumerate().filter(|(row, line)| self.drawn.get(*row) != Some(line)) {
            queue!(out, MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)), Clear(ClearType::CurrentLine))?;
            let style = match self.styles {
                LineStyles::All => line.style,
                LineStyles::WithoutColours => line.style.fg_color(None),
                LineStyles::None => Style::new(),
            };
            write!(out, "{style}{}{style:#}", line.text)?;
        }
        out.flush()?;
        self.drawn = lines;
        Ok(())
    }
}

fn read_size() -> io::Result<ScreenSize> {
    let (columns, rows) = terminal::size()?;
    Ok((columns.into(), rows.into()))
}

/// Puts the title of the window on the terminal's stack of titles.
const PUSH_TITLE: &str = "\u{1b}[22;2t";

/// Sets the title to the terminal's own, for a terminal without such a stack, and then to the one on the stack.
const POP_TITLE: &str = "\u{1b}]2;\u{7}\u{1b}[23;2t";

fn write_now(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn restore_with_title() {
    let _ = write_now(POP_TITLE);
    restore_terminal();
}

/// If this fails, the terminal is gone.
fn restore_terminal() {
    let _ = execute!(io::stdout(), Show, EnableLineWrap, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

fn obeys_escapes() -> bool {
    #[cfg(windows)]
    {
        crossterm::ansi_support::supports_ansi()
    }
    #[cfg(not(windows))]
    true
}
