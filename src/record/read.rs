//! Reads lines of the audit log.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::Digest;
use super::{Outcome, VERSION};

/// A line of the log.
#[derive(Debug)]
pub struct Line<'l> {
    /// The digest of the line before.
    pub previous: Digest,
    /// When what it tells of was decided or happened.
    pub time: Timestamp,
    /// The session's name.
    pub session: Cow<'l, str>,
    /// The server's name.
    pub server: Cow<'l, str>,
    /// What it tells of.
    pub about: About<'l>,
}

/// What a line tells of.
#[derive(Debug)]
pub enum About<'l> {
    /// A decision.
    Decision(Box<Record<'l>>),
    /// Something that happened to the log itself.
    Event(Event),
}

/// A decision, as recorded.
#[derive(Debug)]
pub struct Record<'l> {
    /// The number of the decision in its session, from 1.
    pub call: u64,
    /// The client's name and version, where it told.
    pub client: Option<(Cow<'l, str>, Cow<'l, str>)>,
    /// `client` or `server`: which side the message came from.
    pub direction: Cow<'l, str>,
    /// The message's method.
    pub method: Option<Cow<'l, str>>,
    /// The tool or prompt.
    pub tool: Option<Cow<'l, str>>,
    /// The tool's risk class.
    pub class: Option<Cow<'l, str>>,
    /// The effect.
    pub effect: Cow<'l, str>,
    /// The rule's path.
    pub rule: Cow<'l, str>,
    /// The reason.
    pub reason: Option<Cow<'l, str>>,
    /// Whether the decision was only written down (`wrap --observe`), and the message passed on.
    pub observed: bool,
    /// What was kept of the arguments.
    pub arguments: Option<RecordedArguments<'l>>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long the answer took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// Who was asked.
    pub approval: Option<RecordedApproval>,
}

/// What was kept of a call's arguments.
#[derive(Debug, Deserialize)]
pub struct RecordedArguments<'l> {
    /// The keys.
    pub keys: Vec<String>,
    /// How many keys more there were.
    #[serde(default)]
    pub keys_left_out: u64,
    /// The keyed digest, in hexadecimal digits.
    pub hmac_sha256: Option<String>,
    /// Their structure.
    #[serde(borrow)]
    pub redacted: Option<&'l RawValue>,
    /// The arguments as they were written.
    #[serde(borrow)]
    pub full: Option<&'l RawValue>,
    /// Their length, where they were too long to be kept.
    pub bytes: Option<u64>,
}

/// What a person was asked, and answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedApproval {
    /// What came of it.
    pub verdict: String,
    /// By which channel it was answered.
    pub channel: Option<String>,
    /// How long the call has waited, in milliseconds.
    pub waited_ms: f64,
    /// The person's note to the agent.
    pub note: Option<String>,
}

/// Something that happened to the log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Decisions could not be written.
    Gap {
        /// How many.
        lost: u64,
        /// Why.
        why: String,
    },
    /// The line before was cut by a crash.
    Resumed {
        /// The digest of the last whole line.
        after: Digest,
    },
    /// The line's session was killed: its last records may be missing.
    Killed {
        /// How many calls it had not seen answered. Those that are in no line before this one follow it, with the
        /// outcome `unknown`.
        unanswered: u64,
    },
}

/// A line that is none of the log's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not what a wrapper writes.
    #[error("it is no record: {0}")]
    Malformed(String),
    /// A later policylayer wrote it.
    #[error("it is of version {0}, and this policylayer reads version {VERSION}")]
    Version(u64),
}

/// Reads a line, with or without its newline.
///
/// # Errors
/// Where it is no line of the log, or one of a version that is not known.
pub fn read(line: &str) -> Result<Line<'_>, Unreadable> {
    let malformed = Unreadable::Malformed;
    let raw: Raw<'_> =
        serde_json::from_str(line.trim_end_matches('\n')).map_err(|error| malformed(error.to_string()))?;
    if raw.v != VERSION {
        return Err(Unreadable::Version(raw.v));
    }
    let missing = |name: &'static str| move || malformed(format!("it has no `{name}`"));
    let digest =
        |text: &str| Digest::parse(text).ok_or_else(|| malformed("a digest is not 64 hexadecimal digits".into()));
    let previous = digest(&raw.prev)?;
    let time = raw.time.parse().map_err(|error: jiff::Error| malformed(error.to_string()))?;
    let about = match raw.event.as_deref() {
        None => About::Decision(Box::new(Record {
            call: raw.call.ok_or_else(missing("call"))?,
            client: raw.client.map(|client| (client.name, client.version)),
            direction: raw.direction.ok_or_else(missing("direction"))?,
            method: raw.method,
            tool: raw.tool,
            class: raw.class,
            effect: raw.effect.ok_or_else(missing("effect"))?,
            rule: raw.rule.ok_or_else(missing("rule"))?,
            reason: raw.reason,
            observed: raw.observed.ok_or_else(missing("observed"))?,
            arguments: raw.arguments,
            outcome: outcome(&raw.outcome.ok_or_else(missing("outcome"))?)?,
            duration_ms: raw.duration_ms,
            approval: raw.approval,
        })),
        Some("gap") => About::Event(Event::Gap {
            lost: raw.lost.ok_or_else(missing("lost"))?,
            why: raw.why.ok_or_else(missing("why"))?.into_owned(),
        }),
        Some("resumed") => About::Event(Event::Resumed { after: digest(&raw.after.ok_or_else(missing("after"))?)? }),
        Some("killed") => About::Event(Event::Killed { unanswered: raw.unanswered.ok_or_else(missing("unanswered"))? }),
        Some(other) => return Err(malformed(format!("`{other}` is no event"))),
    };
    Ok(Line { previous, time, session: raw.session, server: raw.server, about })
}

fn outcome(word: &str) -> Result<Outcome, Unreadable> {
    let found = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    found.ok_or_else(|| Unreadable::Malformed(format!("`{word}` is no outcome")))
}

#[derive(Deserialize)]
struct Raw<'l> {
    #[serde(borrow)]
    prev: Cow<'l, str>,
    v: u64,
    #[serde(borrow)]
    time: Cow<'l, str>,
    #[serde(borrow)]
    session: Cow<'l, str>,
    #[serde(borrow)]
    server: Cow<'l, str>,
    call: Option<u64>,
    #[serde(borrow)]
    client: Option<RawClient<'l>>,
    direction: Option<Cow<'l, str>>,
    method: Option<Cow<'l, str>>,
    tool: Option<Cow<'l, str>>,
    class: Option<Cow<'l, str>>,
    effect: Option<Cow<'l, str>>,
    rule: Option<Cow<'l, str>>,
    reason: Option<Cow<'l, str>>,
    observed: Option<bool>,
    #[serde(borrow)]
    arguments: Option<RecordedArguments<'l>>,
    outcome: Option<Cow<'l, str>>,
    duration_ms: Option<f64>,
    approval: Option<RecordedApproval>,
    event: Option<Cow<'l, str>>,
    lost: Option<u64>,
    unanswered: Option<u64>,
    why: Option<Cow<'l, str>>,
    after: Option<Cow<'l, str>>,
}

#[derive(Deserialize)]
struct RawClient<'l> {
    #[serde(borrow)]
    name: Cow<'l, str>,
    #[serde(borrow)]
    version: Cow<'l, str>,
}
