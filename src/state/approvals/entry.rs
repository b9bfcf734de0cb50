//! A question as stored.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// What a person has to enter with an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Nothing.
    None,
    /// A code that a real terminal shows.
    Code,
}

impl Confirm {
    /// Returns the word in the settings and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Code => "code",
        }
    }
}

/// The state of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// Its call waits for the answer.
    Waiting,
    /// Nobody answered in time; an approval is for one repetition of the call.
    Late,
    /// A person approved it here.
    Approved,
    /// A person refused it here.
    Denied,
    /// Nobody can answer it any more.
    Expired,
    /// It was answered on another channel.
    Settled,
}

impl ApprovalState {
    const ALL: [Self; 6] = [Self::Waiting, Self::Late, Self::Approved, Self::Denied, Self::Expired, Self::Settled];

    /// Returns the word in the store and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Late => "late",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Settled => "settled",
        }
    }

    /// Returns whether it can be answered.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Late)
    }
}

/// A question. It serializes as the output of `approvals --format json`: the order and the names of the fields are
/// promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalEntry {
    /// The id that commands use.
    pub id: String,
    /// Its state.
    pub state: ApprovalState,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// The tool's risk class.
    pub class: String,
    /// The rule that asks.
    pub rule: String,
    /// The reason that the policy gives, if any.
    pub reason: Option<String>,
    /// The session that asks.
    pub session: String,
    /// When it was asked, since 1970.
    #[serde(serialize_with = "as_timestamp")]
    pub asked: Duration,
    /// Until when it can be answered, since 1970.
    #[serde(serialize_with = "as_timestamp")]
    pub expires: Duration,
    /// What an approval needs.
    pub confirm: Confirm,
    /// The SHA-256 of the line that is held.
    pub line: String,
    /// The channel that answered.
    pub channel: Option<String>,
    /// When it was answered, since 1970.
    #[serde(serialize_with = "as_optional_timestamp")]
    pub answered: Option<Duration>,
    /// The note to the agent.
    pub note: Option<String>,
    /// The arguments as written, cut to [`MAX_ASKED_ARGUMENTS`](crate::limits::MAX_ASKED_ARGUMENTS); `None` once it can
    /// no longer be answered. They serialize as the object that they are; cut ones as text.
    #[serde(serialize_with = "as_json")]
    pub arguments: Option<String>,
    /// The number of bytes cut from the arguments.
    pub left_out: u64,
}

fn as_timestamp<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    as_optional_timestamp(&Some(*time), serializer)
}

/// Serializes a time in RFC 3339 format, in UTC and to the millisecond.
fn as_optional_timestamp<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = time.and_then(|time| i64::try_from(time.as_millis()).ok());
    milliseconds.and_then(|time| Timestamp::from_millisecond(time).ok()).serialize(serializer)
}

/// Serializes JSON as written, and invalid JSON as text.
fn as_json<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_deref().map(serde_json::from_str::<&RawValue>) {
        Some(Ok(json)) => json.serialize(serializer),
        _ => text.serialize(serializer),
    }
}

impl ApprovalEntry {
    pub(super) fn read_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let arguments: Option<String> = row.get("arguments")?;
        let length = row.get::<_, i64>("length")?.unsigned_abs();
        let state: String = row.get("state")?;
        let confirm: String = row.get("confirm")?;
        let state = ApprovalState::ALL.into_iter().find(|known| known.as_str() == state);
        Ok(Self {
            id: row.get("id")?,
            session: row.get("session")?,
            server: row.get("server")?,
            tool: row.get("tool")?,
            class: row.get("class")?,
            rule: row.get("rule")?,
            reason: row.get("reason")?,
            left_out: arguments.as_ref().map_or(0, |kept| length.saturating_sub(kept.len() as u64)),
            arguments,
            line: row.get("line")?,
            asked: from_nanoseconds(row.get("asked")?),
            expires: from_nanoseconds(row.get("expires")?),
            // An unknown word requires more, not less.
            confirm: if confirm == Confirm::None.as_str() { Confirm::None } else { Confirm::Code },
            state: state.ok_or_else(|| rusqlite::Error::InvalidColumnType(0, "state".to_owned(), Type::Text))?,
            channel: row.get("channel")?,
            answered: row.get::<_, Option<i64>>("answered")?.map(from_nanoseconds),
            note: row.get("note")?,
        })
    }

    /// Returns how long it can still be answered.
    pub fn time_left(&self, now: Duration) -> Duration {
        self.expires.saturating_sub(now)
    }
}

fn from_nanoseconds(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}
