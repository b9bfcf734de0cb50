//! The terminal: colours, messages, codes to type back, tables, diffs, prompts, a spinner, a screen of its own, and the faces of reports.

pub(crate) mod confirm;
pub(crate) mod diff;
pub(crate) mod faces;
pub(crate) mod guard;
pub(crate) mod message;
pub(crate) mod path;
pub(crate) mod prompt;
pub(crate) mod screen;
pub(crate) mod spinner;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;
