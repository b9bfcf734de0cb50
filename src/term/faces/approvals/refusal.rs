//! Why an answer to a question does not count, in the same words in the terminal and in the page.

use std::time::Duration;

use crate::engine::ApprovalAnswer;
use crate::limits::MAX_NOTE;
use crate::policy::nearest_word;
use crate::report::approval_stores::ApprovalStores;
use crate::state::approvals::{ApprovalEntry, ApprovalState, EntryKey, NotAnswered, StoreError, unix_time};
use crate::term::style::format_duration;
use crate::visible::escape_invisible;

/// Why a call is not answered or shown. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("No call {id} waits for an approval. {remedy}")]
    Unknown { id: String, remedy: String },
    #[error("{0}")]
    Over(String),
    #[error(
        "The call {0} cannot be approved: it was stored by an earlier policylayer, which left out a part of its arguments. Deny \
         it, and ask the agent to make it again."
    )]
    Cut(String),
    #[error(
        "The session of the call {0} has ended, so there is nothing to approve for the rest of it. Approve the one call \
         instead."
    )]
    NoSession(String),
    #[error("What the call {0} shows you has changed, so nothing was answered. Look at it again.")]
    Changed(String),
    #[error("The reason has {0} characters, and the agent can be given at most {MAX_NOTE}. Shorten it.")]
    LongReason(usize),
    #[error(
        "The call {0} needs a code, because of `local_confirm = \"code\"`. Run `policylayer approvals \
         approve {0}` in a terminal."
    )]
    NeedsCode(String),
    #[error("Nothing was answered: {0}")]
    Store(#[from] StoreError),
}

/// Reads what a refusal tells the agent.
pub(crate) fn read_refusal(note: Option<&str>) -> Result<ApprovalAnswer, AnswerError> {
    let note = note.map(str::trim).filter(|note| !note.is_empty());
    match note.map(|note| note.chars().count()).filter(|length| *length > MAX_NOTE) {
        Some(length) => Err(AnswerError::LongReason(length)),
        None => Ok(ApprovalAnswer::Refused { note: note.map(str::to_owned) }),
    }
}

/// Finds a question by what a person typed.
pub(crate) fn find_entry<'a>(all: &'a [ApprovalEntry], id: &str) -> Result<&'a ApprovalEntry, AnswerError> {
    let id = id.to_lowercase();
    all.iter().find(|entry| entry.id == id).ok_or_else(|| name_near(&id, all))
}

/// Says why an answer was not stored.
pub(crate) fn explain_refusal(why: NotAnswered, of: &EntryKey, stores: &mut ApprovalStores) -> AnswerError {
    let id = of.id().to_owned();
    match why {
        NotAnswered::Unknown => stores.list_all().map_or_else(AnswerError::Store, |all| name_near(&id, &all)),
        NotAnswered::Over(entry) => AnswerError::Over(explain_end(&entry, unix_time())),
        NotAnswered::Changed => AnswerError::Changed(id),
        NotAnswered::NeedsCode => AnswerError::NeedsCode(id),
        NotAnswered::Cut => AnswerError::Cut(id),
        NotAnswered::NoSession => AnswerError::NoSession(id),
    }
}

fn name_near(id: &str, all: &[ApprovalEntry]) -> AnswerError {
    let open = || all.iter().filter(|entry| entry.state.is_open()).map(|entry| entry.id.as_str());
    let remedy = match (nearest_word(id, open()), open().count()) {
        (Some(near), _) => format!("Did you mean {near}? `policylayer approvals` lists what waits."),
        (None, 0) => "Nothing waits at the moment.".to_owned(),
        (None, _) => "`policylayer approvals` lists what waits.".to_owned(),
    };
    AnswerError::Unknown { id: escape_invisible(id), remedy }
}

/// Says why a question can no longer be answered.
fn explain_end(entry: &ApprovalEntry, now: Duration) -> String {
    let id = &entry.id;
    let ago =
        entry.answered.map(|then| format!(", {} ago", format_duration(now.saturating_sub(then)))).unwrap_or_default();
    let channel = match entry.channel.as_deref() {
        Some("client") => "in the client",
        _ => "on this machine",
    };
    let (what, remedy) = match entry.state {
        ApprovalState::Approved => ("approved", "nothing has changed"),
        ApprovalState::Settled => ("answered", "nothing has changed"),
        ApprovalState::Denied => {
            ("refused", "if you want it after all, ask the agent to make the call again, and approve that")
        }
        ApprovalState::Expired | ApprovalState::Waiting | ApprovalState::Late => {
            if let Some(successor) = &entry.successor {
                return format!(
                    "The call {id} was made again, and what it shows you has changed: {successor} has \
                     taken its place. Nothing was answered. Look at it with `policylayer approvals show {successor}`."
                );
            }
            return format!(
                "The call {id} has expired: the client took it back, its session has ended, or its time is over. If you still \
                 want it, ask the agent to make it again, and approve that."
            );
        }
    };
    format!("The call {id} was already {what} {channel}{ago}. The first answer counts; {remedy}.")
}
