//! Calls that wait for a person: as a list, as a card, as a screen that is kept up to date, and what came of an answer.

pub(crate) mod card;
pub(crate) mod frame;
pub(crate) mod list;
pub(crate) mod outcome;
mod pretty;
