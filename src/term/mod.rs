//! The terminal: colours, messages, tables, diffs and shell quoting.

pub(crate) mod diff;
pub mod message;
pub(crate) mod shell;
pub(crate) mod style;
pub(crate) mod table;

/// `1 call`, `2 calls`.
pub(crate) fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
