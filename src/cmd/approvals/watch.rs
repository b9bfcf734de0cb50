//! `policylayer approvals watch`: waiting calls, live in an open terminal, answered with single keys.

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Env;
use crate::engine::ApprovalAnswer;
use crate::exit::Exit;
use crate::limits::OUTCOME_PATIENCE;
use crate::report::approval_stores::ApprovalStores;
use crate::report::approval_watch::{ApprovalWatch, GivenAnswer, NoCode, WatchMode};
use crate::state::approvals::{ApprovalEntry, Confirm, StoreError, unix_time};
use crate::term::faces::approvals::frame::Painter;
use crate::term::faces::approvals::outcome::describe_outcome;
use crate::term::faces::approvals::refusal::{AnswerError, explain_refusal};
use crate::term::screen::Screen;

/// How often the store is checked for waiting calls.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(
        "`approvals watch` needs a terminal, and {0} is not one. Run it in a terminal of its own; in scripts, use `policylayer \
         approvals list --format json`."
    )]
    NoTerminal(&'static str),
    #[error("The terminal cannot be used: {0}. Use `policylayer approvals list` and `approve` instead.")]
    Terminal(io::Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyAction {
    None,
    Quit,
    Answer(GivenAnswer),
}

/// Watches until a person quits or a signal ends it.
pub(super) fn run(stores: &mut ApprovalStores, required: Confirm, env: &Env) -> anyhow::Result<Exit> {
    if !env.stdin_is_terminal() {
        return Err(WatchError::NoTerminal("stdin").into());
    }
    if !io::stdout().is_terminal() {
        return Err(WatchError::NoTerminal("stdout").into());
    }
    // Before the terminal is taken over, so that an error of the store is shown as usual.
    let all = stores.list_all()?;
    let mut watch = ApprovalWatch::new(required);
    watch.update_entries(all, unix_time());
    let mut screen = Screen::open(env).map_err(WatchError::Terminal)?;
    let watched = run_loop(stores, &mut watch, &mut screen);
    drop(screen);
    watched.map(|()| Exit::Ok)
}

fn run_loop(stores: &mut ApprovalStores, watch: &mut ApprovalWatch, screen: &mut Screen) -> anyhow::Result<()> {
    let mut painter = Painter::default();
    let mut looked = Instant::now();
    let mut awaited = None;
    loop {
        screen.draw_lines(painter.paint_screen(watch, screen.size(), unix_time())).map_err(WatchError::Terminal)?;
        announce_calls(watch, screen).map_err(WatchError::Terminal)?;
        let action = match screen.read_key().map_err(WatchError::Terminal)? {
            Some(key) => handle_key(watch, key, unix_time())?,
            None => KeyAction::None,
        };
        if screen.signal().is_some() || action == KeyAction::Quit {
            return Ok(());
        }
        if let KeyAction::Answer(given) = action {
            watch.message = match give_answer(stores, &given) {
                Ok(message) => {
                    awaited = Some((given.of.id().to_owned(), Instant::now() + OUTCOME_PATIENCE));
                    message
                }
                Err(message) => message,
            };
            take_entries(watch, stores.list_all())?;
        }
        if looked.elapsed() >= LOOK {
            take_entries(watch, stores.list_all())?;
            looked = Instant::now();
        }
        // What cannot be read now is read later.
        if let Some((id, until)) = &awaited
            && let Ok(entry) = stores.find_entry(id)
            && entry.as_ref().is_none_or(|entry| entry.has_outcome() || Instant::now() >= *until)
        {
            let came = entry.map(|entry| describe_outcome(&entry, unix_time()));
            came.into_iter().for_each(|came| watch.message = came.unwrap_or_else(|why| why));
            awaited = None;
        }
    }
}

/// Shows what waits now, or that the store is locked.
fn take_entries(watch: &mut ApprovalWatch, all: Result<Vec<ApprovalEntry>, StoreError>) -> Result<(), StoreError> {
    watch.trouble = match all {
        Ok(all) => {
            watch.update_entries(all, unix_time());
            None
        }
        Err(error) if error.is_locked() => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(())
}

/// Stores an answer. The errors are messages as well: the call can be answered again.
fn give_answer(stores: &mut ApprovalStores, given: &GivenAnswer) -> Result<String, String> {
    let GivenAnswer { of, approval, confirm } = given;
    match stores.answer_question(of, approval, *confirm).map_err(AnswerError::Store) {
        Ok(Ok(_)) => Ok("Answered. Waiting for the session to pick it up.".to_owned()),
        Ok(Err(why)) => Err(explain_refusal(why, of, stores).to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Shows in the title of the window how many calls wait, and rings the bell for a new one.
fn announce_calls(watch: &mut ApprovalWatch, screen: &mut Screen) -> io::Result<()> {
    let waiting = match watch.count_waiting() {
        0 => String::new(),
        count => format!("({count}) "),
    };
    screen.set_title(&format!("{waiting}policylayer approvals"))?;
    if watch.take_arrivals() > 0 { screen.ring_bell() } else { Ok(()) }
}

fn handle_key(watch: &mut ApprovalWatch, key: KeyEvent, now: Duration) -> Result<KeyAction, NoCode> {
    if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
        return Ok(KeyAction::Quit);
    }
    let mut answer = None;
    if watch.mode == WatchMode::Browse {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(KeyAction::Quit),
            KeyCode::Up | KeyCode::Char('k') => watch.show_previous(now),
            KeyCode::Down | KeyCode::Char('j') => watch.show_next(now),
            KeyCode::PageDown | KeyCode::Char(' ') => watch.scroll_down(),
            KeyCode::PageUp | KeyCode::Backspace => watch.scroll_up(),
            KeyCode::Home | KeyCode::Char('g') => watch.scroll = 0,
            // The painter limits the scroll to the end.
            KeyCode::End | KeyCode::Char('G') => watch.scroll = usize::MAX,
            KeyCode::Char('y') => answer = watch.approve(ApprovalAnswer::Once, now)?,
            KeyCode::Char('a') => answer = watch.approve(ApprovalAnswer::Session, now)?,
            KeyCode::Char('n') => watch.begin_refusal(now),
            _ => {}
        }
    } else {
        match key.code {
            KeyCode::Char(c) => watch.type_char(c),
            KeyCode::Backspace => watch.erase_char(),
            KeyCode::Esc => watch.cancel_typing(),
            KeyCode::Enter => answer = watch.submit_typed(),
            _ => {}
        }
    }
    Ok(answer.map_or(KeyAction::None, KeyAction::Answer))
}
