//! The terminal: colours, messages, tables and diffs.

pub(crate) mod diff;
pub mod message;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;
