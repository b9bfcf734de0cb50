//! A list on stderr to choose from with the arrow keys.

use std::io::{self, Write as _};

use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, DisableLineWrap, EnableLineWrap};
use crossterm::{execute, queue};

use crate::term::guard::{TerminalGuard, end_by_signal};

/// Asks a person at a terminal. Between two questions the terminal is in its normal state.
pub(crate) struct Prompter(TerminalGuard);

impl Prompter {
    /// The caller has checked that stdin and stderr are terminals.
    pub(crate) fn new() -> io::Result<Self> {
        TerminalGuard::new(restore_terminal).map(Self)
    }

    /// Returns the index of the chosen item, or `None` if the person leaves with Esc, `q` or Ctrl-C. The cursor starts
    /// on the first item. A signal ends the program once the terminal is restored.
    pub(crate) fn select_item(&self, title: &str, items: &[String]) -> io::Result<Option<usize>> {
        loop {
            match self.select_or_go_back(title, items)? {
                Selection::Item(index) => return Ok(Some(index)),
                Selection::Left => return Ok(None),
                Selection::Back => {}
            }
        }
    }

    /// The same for one of several questions, the previous one of which can be asked again.
    pub(crate) fn select_or_go_back(&self, title: &str, items: &[String]) -> io::Result<Selection> {
        let selected = self.show_list(title, items);
        restore_terminal();
        end_by_signal(self.0.received_signal());
        let selected = selected?;
        if let Selection::Item(index) = selected
            && let Some(item) = items.get(index)
        {
            writeln!(io::stderr(), "{title}: {item}")?;
        }
        Ok(selected)
    }

    /// Returns a line that is not shown while it is typed, or `None` if the person leaves with Esc or Ctrl-C.
    pub(crate) fn read_secret(&self, question: &str) -> io::Result<Option<String>> {
        let line = self.read_hidden_line(question);
        restore_terminal();
        end_by_signal(self.0.received_signal());
        let line = line?;
        writeln!(io::stderr())?;
        Ok(line)
    }

    fn read_hidden_line(&self, question: &str) -> io::Result<Option<String>> {
        terminal::enable_raw_mode()?;
        write!(io::stderr(), "{question}")?;
        let mut line = String::new();
        while self.0.received_signal().is_none() {
            let Some(Event::Key(key)) = self.0.read_event()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
                (KeyCode::Enter, _) | (KeyCode::Char('j'), true) => return Ok(Some(line)),
                (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return Ok(None),
                (KeyCode::Char('u'), true) => line.clear(),
                (KeyCode::Backspace, _) | (KeyCode::Char('h'), true) => drop(line.pop()),
                (KeyCode::Char(c), false) => line.push(c),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Draws the list and handles keys. Clears what it drew before it returns.
    fn show_list(&self, title: &str, items: &[String]) -> io::Result<Selection> {
        terminal::enable_raw_mode()?;
        execute!(io::stderr(), Hide, DisableLineWrap)?;
        let mut selected = 0;
        loop {
            let height = draw_list(title, items, selected)?;
            let action = self.read_action(selected, items.len());
            queue!(io::stderr(), MoveUp(height), MoveToColumn(0), Clear(ClearType::FromCursorDown))?;
            match action? {
                ListAction::Move(index) => selected = index,
                ListAction::Choose => return Ok(Selection::Item(selected)),
                ListAction::GoBack => return Ok(Selection::Back),
                ListAction::Leave => return Ok(Selection::Left),
            }
        }
    }

    /// Waits for a meaningful key, a resize of the terminal, or a signal.
    fn read_action(&self, selected: usize, count: usize) -> io::Result<ListAction> {
        while self.0.received_signal().is_none() {
            match self.0.read_event()? {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    if let Some(action) = key_action(key, selected, count) {
                        return Ok(action);
                    }
                }
                Some(Event::Resize(..)) => return Ok(ListAction::Move(selected)),
                _ => {}
            }
        }
        Ok(ListAction::Leave)
    }
}

/// What a person did with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    Item(usize),
    /// They want the question before this one again.
    Back,
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListAction {
    Move(usize),
    Choose,
    GoBack,
    Leave,
}

fn key_action(key: KeyEvent, selected: usize, count: usize) -> Option<ListAction> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(ListAction::Leave),
            // An Enter that was typed before the terminal was in raw mode arrives as a line feed.
            KeyCode::Char('j') => Some(ListAction::Choose),
            _ => None,
        };
    }
    match key.code {
        KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => Some(ListAction::Move((selected + 1) % count.max(1))),
        KeyCode::Up | KeyCode::BackTab | KeyCode::Char('k') => {
            Some(ListAction::Move(selected.checked_sub(1).unwrap_or(count.saturating_sub(1))))
        }
        KeyCode::Enter | KeyCode::Char(' ') => Some(ListAction::Choose),
        KeyCode::Left | KeyCode::Backspace => Some(ListAction::GoBack),
        KeyCode::Esc | KeyCode::Char('q') => Some(ListAction::Leave),
        _ => None,
    }
}

/// Draws the title and the page with the selected item, and returns the number of lines drawn.
fn draw_list(title: &str, items: &[String], selected: usize) -> io::Result<u16> {
    // The title and the line of the cursor take one row each.
    let (_, rows) = terminal::size()?;
    let page = usize::from(rows).saturating_sub(2).max(1);
    let mut text = format!("{title}:\r\n");
    let mut height = 1;
    for (index, item) in items.iter().enumerate().skip(selected / page * page).take(page) {
        let marker = if index == selected { '>' } else { ' ' };
        text.push_str(&format!("{marker} {item}\r\n"));
        height += 1;
    }
    let mut out = io::stderr().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(height)
}

/// If this fails, the terminal is gone.
fn restore_terminal() {
    let _ = execute!(io::stderr(), Show, EnableLineWrap);
    let _ = terminal::disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_move_choose_and_leave() {
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
        for (key, selected, expected) in [
            (plain(KeyCode::Down), 0, Some(ListAction::Move(1))),
            (plain(KeyCode::Down), 2, Some(ListAction::Move(0))),
            (plain(KeyCode::Char('j')), 1, Some(ListAction::Move(2))),
            (plain(KeyCode::Tab), 1, Some(ListAction::Move(2))),
            (plain(KeyCode::Up), 1, Some(ListAction::Move(0))),
            (plain(KeyCode::BackTab), 0, Some(ListAction::Move(2))),
            (plain(KeyCode::Char('k')), 0, Some(ListAction::Move(2))),
            (plain(KeyCode::Enter), 1, Some(ListAction::Choose)),
            (plain(KeyCode::Char(' ')), 1, Some(ListAction::Choose)),
            (control('j'), 1, Some(ListAction::Choose)),
            (plain(KeyCode::Left), 1, Some(ListAction::GoBack)),
            (plain(KeyCode::Backspace), 1, Some(ListAction::GoBack)),
            (plain(KeyCode::Esc), 1, Some(ListAction::Leave)),
            (plain(KeyCode::Char('q')), 1, Some(ListAction::Leave)),
            (control('c'), 1, Some(ListAction::Leave)),
            (control('q'), 1, None),
            (plain(KeyCode::Char('x')), 1, None),
        ] {
            assert_eq!(key_action(key, selected, 3), expected, "{key:?} at {selected}");
        }
    }
}
