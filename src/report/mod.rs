//! Answers to questions about policies, logs and approvals: one plain type per question.
//!
//! A report does not know how it is shown. `cmd` turns it into text; `--format json` prints the serialized type, so its
//! field names are a promise: fields are added and never removed.

pub(crate) mod approval_stores;
pub(crate) mod approval_watch;
pub(crate) mod call_counts;
pub(crate) mod catalogue;
pub(crate) mod check;
mod client_limits;
pub(crate) mod client_servers;
pub(crate) mod clients;
pub(crate) mod decision;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod explanation;
pub(crate) mod identity;
pub(crate) mod inspection;
pub(crate) mod latency;
pub(crate) mod limit;
pub(crate) mod limit_peaks;
pub(crate) mod lock;
pub(crate) mod lock_status;
pub(crate) mod log_policies;
pub(crate) mod log_records;
pub(crate) mod policy_tests;
pub(crate) mod recorded_calls;
pub(crate) mod registration;
pub(crate) mod replay;
pub(crate) mod section_explanation;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod survey;
pub(crate) mod tool_arguments;
pub(crate) mod tool_list;
pub(crate) mod tool_names;
pub(crate) mod update_changes;
pub(crate) mod verification;

use serde::Serialize;

use crate::visible::escape_invisible_json;

/// Formats a report for `--format json`: indented, with a line break at the end, and with every character escaped that
/// a terminal would act on.
pub(crate) fn to_json(report: &impl Serialize) -> serde_json::Result<String> {
    Ok(escape_invisible_json(&serde_json::to_string_pretty(report)?) + "\n")
}
