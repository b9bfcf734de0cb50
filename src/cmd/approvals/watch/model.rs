//! What the view shows, and what a key does to it.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::confirm;
use crate::engine::ApprovalAnswer;
use crate::limits::MAX_NOTE;
use crate::state::approvals::{ApprovalEntry, Confirm};

/// How long a call must have been shown before a key answers it: a key that was meant for another, or typed before this
/// one came up, must not.
const SEEN: Duration = Duration::from_millis(600);

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    None,
    Quit,
    /// An answer to the question of this id, and what was given beside it.
    Answer(String, ApprovalAnswer, Confirm),
}

/// What the keys are for at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    /// A note is written to the agent, with the refusal of the question of this id.
    Note {
        id: String,
        text: String,
    },
    /// The code is typed back.
    Code {
        id: String,
        verdict: ApprovalAnswer,
        code: String,
        typed: String,
    },
}

#[derive(Debug)]
pub(super) struct Model {
    required: Confirm,
    entries: Vec<ApprovalEntry>,
    /// The id of the call that is shown, and since when it is.
    selected: Option<(String, Duration)>,
    /// The first line of it that is shown.
    pub(super) scroll: usize,
    pub(super) mode: Mode,
    pub(super) message: String,
}

impl Model {
    pub(super) fn new(required: Confirm) -> Self {
        let (mode, message) = (Mode::Browse, String::new());
        Self { required, entries: Vec::new(), selected: None, scroll: 0, mode, message }
    }

    /// What can be answered, the oldest first.
    pub(super) fn entries(&self) -> &[ApprovalEntry] {
        &self.entries
    }

    /// The place of the call that is shown.
    pub(super) fn place(&self) -> Option<usize> {
        let (id, _) = self.selected.as_ref()?;
        self.entries.iter().position(|entry| entry.id == *id)
    }

    /// The call that is shown.
    pub(super) fn selected(&self) -> Option<&ApprovalEntry> {
        self.entries.get(self.place()?)
    }

    pub(super) fn say(&mut self, message: String) {
        self.message = message;
    }

    /// Shows what there is now. The call that was shown stays the one that is shown, as long as it is there.
    pub(super) fn update(&mut self, all: Vec<ApprovalEntry>, now: Duration) {
        let place = self.place();
        self.entries = all.into_iter().filter(|entry| entry.state.is_open()).collect();
        if self.place().is_none() {
            self.select(place.unwrap_or(0), now);
        }
        if let Mode::Note { id, .. } | Mode::Code { id, .. } = &self.mode
            && !self.entries.iter().any(|entry| entry.id == *id)
        {
            self.message = format!("The call {id} can no longer be answered.");
            self.mode = Mode::Browse;
        }
    }

    fn select(&mut self, place: usize, now: Duration) {
        let place = place.min(self.entries.len().saturating_sub(1));
        let id = self.entries.get(place).map(|entry| entry.id.clone());
        if self.selected.as_ref().map(|(id, _)| id) != id.as_ref() {
            self.scroll = 0;
            self.selected = id.map(|id| (id, now));
        }
    }

    /// What a key does.
    ///
    /// # Errors
    /// Where there is no randomness for a code.
    pub(super) fn key(&mut self, key: KeyEvent, now: Duration) -> anyhow::Result<Act> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Ok(Act::Quit);
        }
        if self.mode == Mode::Browse {
            return self.browse(key.code, now);
        }
        Ok(self.typed(key.code))
    }

    fn browse(&mut self, key: KeyCode, now: Duration) -> anyhow::Result<Act> {
        let place = self.place().unwrap_or(0);
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(Act::Quit),
            KeyCode::Up | KeyCode::Char('k') => self.select(place.saturating_sub(1), now),
            KeyCode::Down | KeyCode::Char('j') => self.select(place + 1, now),
            // The painter knows where the end is.
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = self.scroll.saturating_add(10),
            KeyCode::PageUp | KeyCode::Backspace => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.scroll = 0,
            KeyCode::End | KeyCode::Char('G') => self.scroll = usize::MAX,
            KeyCode::Char('y') => return self.approve(ApprovalAnswer::Once, now),
            KeyCode::Char('a') => return self.approve(ApprovalAnswer::Session, now),
            KeyCode::Char('n') => {
                if let Some(id) = self.seen(now) {
                    self.mode = Mode::Note { id, text: String::new() };
                    self.message.clear();
                }
            }
            _ => {}
        }
        Ok(Act::None)
    }

    fn approve(&mut self, verdict: ApprovalAnswer, now: Duration) -> anyhow::Result<Act> {
        let Some(id) = self.seen(now) else { return Ok(Act::None) };
        let needed = self.selected().map_or(Confirm::Code, |entry| entry.confirm.max(self.required));
        if needed == Confirm::Code {
            self.mode = Mode::Code { id, verdict, code: confirm::code()?, typed: String::new() };
            self.message.clear();
            return Ok(Act::None);
        }
        Ok(Act::Answer(id, verdict, Confirm::None))
    }

    /// The id of the call that is shown, if it was shown long enough to be answered.
    fn seen(&mut self, now: Duration) -> Option<String> {
        let (id, since) = self.selected.as_ref()?;
        if now.saturating_sub(*since) < SEEN {
            self.message = format!("{id} has only just come up. Look at it, and press the key again.");
            return None;
        }
        Some(id.clone())
    }

    fn typed(&mut self, key: KeyCode) -> Act {
        let (text, most) = match &mut self.mode {
            Mode::Note { text, .. } => (text, MAX_NOTE),
            Mode::Code { typed, .. } => (typed, 16),
            Mode::Browse => return Act::None,
        };
        match key {
            KeyCode::Char(c) if text.chars().count() < most => text.push(c),
            KeyCode::Backspace => _ = text.pop(),
            KeyCode::Esc => {
                self.mode = Mode::Browse;
                "Nothing was answered.".clone_into(&mut self.message);
            }
            KeyCode::Enter => match std::mem::replace(&mut self.mode, Mode::Browse) {
                Mode::Note { id, text } => {
                    let note = Some(text.trim().to_owned()).filter(|note| !note.is_empty());
                    return Act::Answer(id, ApprovalAnswer::Refused { note }, Confirm::None);
                }
                Mode::Code { id, verdict, code, typed } if confirm::matches(&typed, &code) => {
                    return Act::Answer(id, verdict, Confirm::Code);
                }
                Mode::Code { .. } => "That is not the code: nothing is approved.".clone_into(&mut self.message),
                Mode::Browse => {}
            },
            _ => {}
        }
        Act::None
    }
}
