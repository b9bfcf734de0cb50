//! The terminal: colours, messages, tables, diffs, prompts and a spinner.

pub(crate) mod diff;
pub(crate) mod guard;
pub mod message;
pub(crate) mod prompt;
pub(crate) mod spinner;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;
