//! Calls that wait for a person: as a list, as a card, as a screen that is kept up to date, what came of an answer, and why one
//! does not count.

pub(crate) mod card;
pub(crate) mod frame;
pub(crate) mod list;
pub(crate) mod outcome;
mod pretty;
pub(crate) mod refusal;
