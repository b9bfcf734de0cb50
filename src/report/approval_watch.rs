//! The model of `approvals watch`: which calls wait, which of them is shown, and what the person types about it.

use std::time::Duration;

use crate::engine::ApprovalAnswer;
use crate::limits::MAX_NOTE;
use crate::state::approvals::{self, ApprovalEntry, ApprovalState, Confirm, TYPEABLE};

/// How long a call must be shown before it can be answered: a key that was meant for another call, or pressed before
/// this one came up, must not answer it.
const SEEN: Duration = Duration::from_millis(600);

const CODE_LENGTH: usize = 4;

/// How many characters a person may type if a code is expected.
const MAX_TYPED: usize = 16;

#[derive(Debug, thiserror::Error)]
#[error("Nothing is approved: the system has no randomness to give for a code ({0}). Try again.")]
pub(crate) struct NoCode(#[from] getrandom::Error);

/// Makes a code for a person to type back.
pub(crate) fn new_code() -> Result<String, NoCode> {
    Ok(approvals::random_code(TYPEABLE, CODE_LENGTH)?)
}

pub(crate) fn is_code(typed: &str, code: &str) -> bool {
    typed.trim().eq_ignore_ascii_case(code)
}

/// A person's answer to an approval, and how they confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenAnswer {
    pub(crate) id: String,
    pub(crate) approval: ApprovalAnswer,
    pub(crate) confirm: Confirm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchMode {
    Browse,
    /// Writing a note to the agent that goes with the refusal of a call.
    Note {
        id: String,
        text: String,
    },
    /// Typing back a code to approve a call.
    Code {
        id: String,
        approval: ApprovalAnswer,
        code: String,
        typed: String,
    },
}

/// What waits, and what the person is doing with it.
#[derive(Debug)]
pub(crate) struct ApprovalWatch {
    required: Confirm,
    entries: Vec<ApprovalEntry>,
    /// How many calls have come since they were last taken; `None` before the first update.
    arrivals: Option<usize>,
    /// The id of the call that is shown, and since when it has been shown.
    shown: Option<(String, Duration)>,
    /// The index of its first visible line.
    pub(crate) scroll: usize,
    pub(crate) mode: WatchMode,
    pub(crate) message: String,
}

impl ApprovalWatch {
    /// Creates a watch that shows nothing yet. Approvals need at least `required`.
    pub(crate) fn new(required: Confirm) -> Self {
        let (mode, message) = (WatchMode::Browse, String::new());
        Self { required, entries: Vec::new(), arrivals: None, shown: None, scroll: 0, mode, message }
    }

    /// Returns the calls that can be answered, the oldest first.
    pub(crate) fn entries(&self) -> &[ApprovalEntry] {
        &self.entries
    }

    pub(crate) fn count_waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.state == ApprovalState::Waiting).count()
    }

    /// Returns how many calls have come since the last time, not counting those that waited from the start.
    pub(crate) fn take_arrivals(&mut self) -> usize {
        self.arrivals.as_mut().map_or(0, std::mem::take)
    }

    pub(crate) fn position(&self) -> Option<usize> {
        let (id, _) = self.shown.as_ref()?;
        self.entries.iter().position(|entry| entry.id == *id)
    }

    pub(crate) fn shown_entry(&self) -> Option<&ApprovalEntry> {
        self.entries.get(self.position()?)
    }

    /// Replaces the waiting calls. The call that is shown stays as long as it waits.
    pub(crate) fn update_entries(&mut self, all: Vec<ApprovalEntry>, now: Duration) {
        let position = self.position();
        let known =
            std::mem::replace(&mut self.entries, all.into_iter().filter(|entry| entry.state.is_open()).collect());
        let is_new = |entry: &&ApprovalEntry| known.iter().all(|known| known.id != entry.id);
        let new = self.entries.iter().filter(is_new).count();
        self.arrivals = Some(self.arrivals.map_or(0, |arrivals| arrivals + new));
        if self.position().is_none() {
            self.show_at(position.unwrap_or(0), now);
        }
        if let WatchMode::Note { id, .. } | WatchMode::Code { id, .. } = &self.mode
            && !self.entries.iter().any(|entry| entry.id == *id)
        {
            self.message = format!("The call {id} can no longer be answered.");
            self.mode = WatchMode::Browse;
        }
    }

    fn show_at(&mut self, index: usize, now: Duration) {
        let index = index.min(self.entries.len().saturating_sub(1));
        let id = self.entries.get(index).map(|entry| entry.id.clone());
        if self.shown.as_ref().map(|(id, _)| id) != id.as_ref() {
            self.scroll = 0;
            self.shown = id.map(|id| (id, now));
        }
    }

    pub(crate) fn show_previous(&mut self, now: Duration) {
        self.show_at(self.position().unwrap_or(0).saturating_sub(1), now);
    }

    pub(crate) fn show_next(&mut self, now: Duration) {
        self.show_at(self.position().unwrap_or(0) + 1, now);
    }

    /// Approves the call that is shown, or asks for a code first.
    pub(crate) fn approve(&mut self, approval: ApprovalAnswer, now: Duration) -> Result<Option<GivenAnswer>, NoCode> {
        let Some(id) = self.id_if_seen(now) else { return Ok(None) };
        let needed = self.shown_entry().map_or(Confirm::Code, |entry| entry.confirm.max(self.required));
        if needed == Confirm::Code {
            self.mode = WatchMode::Code { id, approval, code: new_code()?, typed: String::new() };
            self.message.clear();
            return Ok(None);
        }
        Ok(Some(GivenAnswer { id, approval, confirm: Confirm::None }))
    }

    /// Asks for a note that goes with the refusal of the call that is shown.
    pub(crate) fn begin_refusal(&mut self, now: Duration) {
        if let Some(id) = self.id_if_seen(now) {
            self.mode = WatchMode::Note { id, text: String::new() };
            self.message.clear();
        }
    }

    /// Returns the id of the call that is shown, if it was shown long enough to be answered.
    fn id_if_seen(&mut self, now: Duration) -> Option<String> {
        let (id, since) = self.shown.as_ref()?;
        if now.saturating_sub(*since) < SEEN {
            self.message = format!("{id} has only just come up. Look at it, and press the key again.");
            return None;
        }
        Some(id.clone())
    }

    /// Returns the text that the person types, and how many characters it may have.
    fn typed_text(&mut self) -> Option<(&mut String, usize)> {
        match &mut self.mode {
            WatchMode::Browse => None,
            WatchMode::Note { text, .. } => Some((text, MAX_NOTE)),
            WatchMode::Code { typed, .. } => Some((typed, MAX_TYPED)),
        }
    }

    pub(crate) fn type_char(&mut self, c: char) {
        if let Some((text, most)) = self.typed_text()
            && text.chars().count() < most
        {
            text.push(c);
        }
    }

    pub(crate) fn erase_char(&mut self) {
        _ = self.typed_text().and_then(|(text, _)| text.pop());
    }

    pub(crate) fn cancel_typing(&mut self) {
        self.mode = WatchMode::Browse;
        "Nothing was answered.".clone_into(&mut self.message);
    }

    /// Ends typing. Returns the answer, unless the code is wrong.
    pub(crate) fn submit_typed(&mut self) -> Option<GivenAnswer> {
        match std::mem::replace(&mut self.mode, WatchMode::Browse) {
            WatchMode::Browse => None,
            WatchMode::Note { id, text } => {
                let note = Some(text.trim().to_owned()).filter(|note| !note.is_empty());
                Some(GivenAnswer { id, approval: ApprovalAnswer::Refused { note }, confirm: Confirm::None })
            }
            WatchMode::Code { id, approval, code, typed } => {
                if is_code(&typed, &code) {
                    return Some(GivenAnswer { id, approval, confirm: Confirm::Code });
                }
                "That is not the code: nothing is approved.".clone_into(&mut self.message);
                None
            }
        }
    }
}
