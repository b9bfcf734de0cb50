//! Answers to questions about policies, logs and approvals: one plain type per question.
//!
//! A report does not know how it is shown. `cmd` turns it into text; `--format json` prints the serialized type, so its
//! field names are a promise: fields are added and never removed.

pub mod approval_watch;
pub(crate) mod check;
pub(crate) mod clients;
pub(crate) mod decision;
pub(crate) mod doctor;
pub mod edit;
pub(crate) mod explanation;
pub(crate) mod inspection;
pub mod latency;
pub mod limit;
pub mod limit_peaks;
pub mod log_records;
pub(crate) mod policy_tests;
pub mod recorded_calls;
pub mod replay;
pub mod stats;
pub mod survey;
pub mod verification;

use serde::Serialize;

use crate::visible::escape_invisible_json;

/// Formats a report for `--format json`: indented, with a line break at the end, and with every character escaped that
/// a terminal would act on.
///
/// # Errors
/// When the report cannot be serialized.
pub fn to_json(report: &impl Serialize) -> serde_json::Result<String> {
    Ok(escape_invisible_json(&serde_json::to_string_pretty(report)?) + "\n")
}
