//! What the lines of the log say beside the decision, in words.

use std::time::Duration;

use super::super::style::format_duration;
use crate::record::{Event, RecordedApproval, ResultRecord};
use crate::visible::count_of;

/// Says what happened to the log itself.
pub(crate) fn event_text(event: &Event, server: &str) -> String {
    match event {
        Event::Gap { lost, why } => format!("{lost} decisions of {server} are missing from here on: {why}"),
        Event::Killed { unanswered: 0 } => {
            format!("the session of {server} was killed; its last records may be missing")
        }
        Event::Killed { unanswered } => format!(
            "the session of {server} was killed; {} unanswered, and its last records may be missing",
            count_of(*unanswered, "call")
        ),
        Event::Resumed { .. } => format!("the previous line of {server} was cut off by a crash"),
    }
}

/// Returns what a person was asked, and answered: how it ended, by which channel, and after how long.
pub(crate) fn approval_text(approval: &RecordedApproval) -> String {
    let mut text = match approval.verdict.as_str() {
        "approved_once" => "approved by a person",
        "approved_for_session" => "approved by a person for the session",
        "granted" => "approved earlier",
        "refused" => "refused by a person",
        "refused_before" => "refused by a person shortly before",
        "timed_out" => "nobody answered in time",
        "cancelled" => "withdrawn while it waited",
        "client_ended" => "its client ended while it waited",
        "session_ended" => "a signal ended the session while it waited",
        "approved_late" => "approved by a person after it was answered, for a repetition",
        "approved_late_for_session" => "approved by a person after it was answered, for the rest of the session",
        "refused_late" => "refused by a person after it was answered",
        "unavailable" => "nobody could be asked",
        "outdated" => "approved, but what it is about had changed, so a person was asked anew",
        other => other,
    }
    .to_owned();
    match approval.client_answer.as_deref() {
        Some("unasked") => text.push_str(", answered by the client without asking"),
        Some("dismissed") => text.push_str(", dismissed in the client"),
        Some(other) => text.push_str(&format!(", {other} in the client")),
        None => {}
    }
    if let Some(channel) = &approval.channel {
        text.push_str(&format!(", {channel} channel"));
    }
    // The log may have been written by anybody.
    if let Some(waited) = Duration::try_from_secs_f64(approval.waited_ms / 1000.0).ok().filter(|it| !it.is_zero()) {
        text.push_str(&format!(", after {}", format_duration(waited)));
    }
    if let Some(note) = &approval.note {
        text.push_str(&format!(", saying {note:?}"));
    }
    text
}

/// Returns what was done to a result.
pub(crate) fn result_text(result: &ResultRecord) -> String {
    let ResultRecord { stripped, cut, stand_ins, put_back, withheld } = result;
    let mut texts = Vec::new();
    match withheld {
        Some(rule) => texts.push(format!("result withheld by {rule}")),
        None => {
            let stripped = (*stripped > 0).then(|| format!("{} stripped", count_of(*stripped, "character")));
            let cut = (*cut > 0).then(|| format!("{} cut", count_of(*cut, "text")));
            let done: Vec<_> = stripped.into_iter().chain(cut).collect();
            texts.extend((!done.is_empty()).then(|| format!("of its result: {}", done.join(", "))));
        }
    }
    if !stand_ins.is_empty() && withheld.is_none() {
        let kinds: Vec<_> = stand_ins.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        texts.push(format!("stand-ins in its result: {}", kinds.join(", ")));
    }
    if *put_back > 0 {
        texts.push(format!("{} put back", count_of(*put_back, "value")));
    }
    texts.join("; ")
}
