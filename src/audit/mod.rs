//! The audit log: every decision as one line in the state folder, chained so that a change shows.

pub mod reader;
pub mod record;
