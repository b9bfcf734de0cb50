//! Questions for programs.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::state::approvals::ApprovalEntry;
use crate::visible::visible_json;

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    state: &'static str,
    server: &'a str,
    tool: &'a str,
    class: &'a str,
    rule: &'a str,
    reason: Option<&'a str>,
    session: &'a str,
    asked: Option<String>,
    expires: Option<String>,
    confirm: &'static str,
    /// The SHA-256 of the held line.
    line: &'a str,
    channel: Option<&'a str>,
    answered: Option<String>,
    note: Option<&'a str>,
    arguments: Option<Arguments<'a>>,
    /// How many bytes of the arguments are left out; then `arguments` is a text that is cut.
    left_out: u64,
}

/// The arguments: the object, as it was written, or the text of its beginning.
enum Arguments<'a> {
    Whole(&'a RawValue),
    Cut(&'a str),
}

impl Serialize for Arguments<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(object) => object.serialize(serializer),
            Self::Cut(text) => text.serialize(serializer),
        }
    }
}

/// An array of them.
pub(super) fn list(entries: &[&ApprovalEntry]) -> serde_json::Result<String> {
    write(&entries.iter().map(|entry| shown(entry)).collect::<Vec<_>>())
}

/// An object.
pub(super) fn one(entry: &ApprovalEntry) -> serde_json::Result<String> {
    write(&shown(entry))
}

fn write(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(visible_json(&serde_json::to_string_pretty(value)?) + "\n")
}

fn shown(entry: &ApprovalEntry) -> Shown<'_> {
    let arguments = entry.arguments.as_deref().map(|written| match serde_json::from_str(written) {
        Ok(object) if entry.left_out() == 0 => Arguments::Whole(object),
        _ => Arguments::Cut(written),
    });
    Shown {
        id: &entry.id,
        state: entry.state.as_str(),
        server: &entry.server,
        tool: &entry.tool,
        class: &entry.class,
        rule: &entry.rule,
        reason: entry.reason.as_deref(),
        session: &entry.session,
        asked: timestamp(entry.asked),
        expires: timestamp(entry.expires),
        confirm: entry.confirm.as_str(),
        line: &entry.line,
        channel: entry.channel.as_deref(),
        answered: entry.answered.and_then(timestamp),
        note: entry.note.as_deref(),
        arguments,
        left_out: entry.left_out(),
    }
}

/// A time in the form of RFC 3339, in UTC.
fn timestamp(time: Duration) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(time.as_millis()).ok()?).ok()?;
    Some(time.to_string())
}
