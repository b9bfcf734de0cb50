//! The model of `approvals watch`: which calls wait, which of them is shown, and what the person types about it.

use std::time::Duration;

use crate::engine::ApprovalAnswer;
use crate::limits::MAX_NOTE;
use crate::state::approvals::{self, ApprovalEntry, ApprovalState, Confirm, EntryKey, TYPEABLE};
use crate::visible::count_of;

/// How long a call must be shown before it can be answered: a key that was meant for another call, or pressed before
/// this one came up, must not answer it.
const SEEN: Duration = Duration::from_millis(600);

const CODE_LENGTH: usize = 4;

/// How many characters a person may type if a code is expected.
const MAX_TYPED: usize = 16;

#[derive(Debug, thiserror::Error)]
#[error("Nothing is approved: the system provides no random bytes for a code ({0}). Try again.")]
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
    pub(crate) of: EntryKey,
    pub(crate) approval: ApprovalAnswer,
    pub(crate) confirm: Confirm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchMode {
    Browse,
    /// Writing a note to the agent that goes with the refusal of a call.
    Note {
        of: EntryKey,
        text: String,
    },
    /// Typing back a code to approve a call.
    Code {
        of: EntryKey,
        approval: ApprovalAnswer,
        code: String,
        typed: String,
    },
}

/// How much of the call that is shown has been on the screen. What has not been cannot be approved.
#[derive(Debug, Default)]
struct Reading {
    /// How wide its lines are.
    columns: usize,
    /// How many of them, without a gap from the first one on, have been on the screen.
    read: usize,
    /// How many are there now.
    rows: usize,
    /// `None` before it was drawn.
    total: Option<usize>,
}

/// What waits, and what the person is doing with it.
#[derive(Debug)]
pub(crate) struct ApprovalWatch {
    required: Confirm,
    entries: Vec<ApprovalEntry>,
    /// How many calls have come since they were last taken; `None` before the first update.
    arrivals: Option<usize>,
    /// The call that is shown, and since when it has been shown.
    shown: Option<(EntryKey, Duration)>,
    /// The index of its first visible line.
    pub(crate) scroll: usize,
    reading: Reading,
    /// Why what is shown may be out of date.
    pub(crate) trouble: Option<String>,
    pub(crate) mode: WatchMode,
    pub(crate) message: String,
}

impl ApprovalWatch {
    /// Creates a watch that shows nothing yet. Approvals need at least `required`.
    pub(crate) fn new(required: Confirm) -> Self {
        let (mode, message) = (WatchMode::Browse, String::new());
        let reading = Reading::default();
        let (entries, arrivals, shown, trouble) = (Vec::new(), None, None, None);
        Self { required, entries, arrivals, shown, scroll: 0, reading, trouble, mode, message }
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
        let (shown, _) = self.shown.as_ref()?;
        self.entries.iter().position(|entry| shown.is_of(entry))
    }

    pub(crate) fn shown_entry(&self) -> Option<&ApprovalEntry> {
        self.entries.get(self.position()?)
    }

    /// Replaces the waiting calls. The call that is shown stays as long as it waits.
    pub(crate) fn update_entries(&mut self, all: Vec<ApprovalEntry>, now: Duration) {
        let position = self.position();
        let known =
            std::mem::replace(&mut self.entries, all.into_iter().filter(|entry| entry.state.is_open()).collect());
        let is_new = |entry: &&ApprovalEntry| known.iter().all(|known| !known.key().is_of(entry));
        let new = self.entries.iter().filter(is_new).count();
        self.arrivals = Some(self.arrivals.map_or(0, |arrivals| arrivals + new));
        if self.position().is_none() {
            self.show_at(position.unwrap_or(0), now);
        }
        if let WatchMode::Note { of, .. } | WatchMode::Code { of, .. } = &self.mode
            && !self.entries.iter().any(|entry| of.is_of(entry))
        {
            self.message = format!("The call {} can no longer be answered as it was shown.", of.id());
            self.mode = WatchMode::Browse;
        }
    }

    fn show_at(&mut self, index: usize, now: Duration) {
        let index = index.min(self.entries.len().saturating_sub(1));
        let of = self.entries.get(index).map(ApprovalEntry::key);
        if self.shown.as_ref().map(|(of, _)| of) != of.as_ref() {
            (self.scroll, self.reading) = (0, Reading::default());
            self.shown = of.map(|of| (of, now));
        }
    }

    /// Begins to draw the call that is shown. In lines of another width there is everything to be read again.
    pub(crate) fn begin_drawing(&mut self, columns: usize) {
        if self.reading.columns != columns {
            (self.scroll, self.reading) = (0, Reading { columns, ..Reading::default() });
        }
    }

    /// Takes note that `rows` lines of the call that is shown are on the screen, of `total`, from the first visible one on.
    pub(crate) fn finish_drawing(&mut self, rows: usize, total: usize) {
        if self.scroll <= self.reading.read {
            self.reading.read = self.reading.read.max(self.scroll + rows);
        }
        (self.reading.rows, self.reading.total) = (rows, Some(total));
    }

    /// Returns how many lines of the call that is shown have not been on the screen.
    pub(crate) fn count_unread(&self) -> usize {
        self.reading.total.map_or(0, |total| total.saturating_sub(self.reading.read))
    }

    /// Scrolls down by what is on the screen: no line is left out.
    pub(crate) fn scroll_down(&mut self) {
        // The painter limits the scroll to the end.
        self.scroll = self.scroll.saturating_add(self.reading.rows.max(1));
    }

    pub(crate) fn scroll_up(&mut self) {
        self.scroll = self.scroll.saturating_sub(self.reading.rows.max(1));
    }

    pub(crate) fn show_previous(&mut self, now: Duration) {
        self.show_at(self.position().unwrap_or(0).saturating_sub(1), now);
    }

    pub(crate) fn show_next(&mut self, now: Duration) {
        self.show_at(self.position().unwrap_or(0) + 1, now);
    }

    /// Approves the call that is shown, or asks for a code first.
    pub(crate) fn approve(&mut self, approval: ApprovalAnswer, now: Duration) -> Result<Option<GivenAnswer>, NoCode> {
        let Some(of) = self.key_if_seen(now) else { return Ok(None) };
        if self.reading.total.is_none() || self.count_unread() > 0 {
            let lines = count_of(self.count_unread() as u64, "line");
            self.message = match self.reading.rows {
                0 => "Nothing is approved: the window is too small to show the call. Make it larger.".to_owned(),
                _ => format!("Nothing is approved: there are {lines} more to read. Space shows them."),
            };
            return Ok(None);
        }
        let needed = self.shown_entry().map_or(Confirm::Code, |entry| entry.confirm.max(self.required));
        if needed == Confirm::Code {
            self.mode = WatchMode::Code { of, approval, code: new_code()?, typed: String::new() };
            self.message.clear();
            return Ok(None);
        }
        Ok(Some(GivenAnswer { of, approval, confirm: Confirm::None }))
    }

    /// Asks for a note that goes with the refusal of the call that is shown.
    pub(crate) fn begin_refusal(&mut self, now: Duration) {
        if let Some(of) = self.key_if_seen(now) {
            self.mode = WatchMode::Note { of, text: String::new() };
            self.message.clear();
        }
    }

    /// Returns what an answer to the call that is shown is bound to, if it was shown long enough to be answered.
    fn key_if_seen(&mut self, now: Duration) -> Option<EntryKey> {
        let (of, since) = self.shown.as_ref()?;
        if now.saturating_sub(*since) < SEEN {
            self.message = format!("{} has only just come up. Look at it, and press the key again.", of.id());
            return None;
        }
        Some(of.clone())
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
            WatchMode::Note { of, text } => {
                let note = Some(text.trim().to_owned()).filter(|note| !note.is_empty());
                Some(GivenAnswer { of, approval: ApprovalAnswer::Refused { note }, confirm: Confirm::None })
            }
            WatchMode::Code { of, approval, code, typed } => {
                if is_code(&typed, &code) {
                    return Some(GivenAnswer { of, approval, confirm: Confirm::Code });
                }
                "That is not the code: nothing is approved.".clone_into(&mut self.message);
                None
            }
        }
    }
}
