//! Parses lines of the audit log.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::Digest;
use super::complete::time_of_next;
use super::{Direction, LateVerdict, Outcome, RELOAD_RULE, ResultRecord, Subject, VERSION};
use crate::wire::method;

/// A line of the log.
#[derive(Debug)]
pub struct LogLine<'l> {
    /// The digest of the line before.
    pub previous: Digest,
    /// When the decision was made, or the event happened.
    pub time: Timestamp,
    /// The session's name.
    pub session: Cow<'l, str>,
    /// The server's name.
    pub server: Cow<'l, str>,
    /// What it records.
    pub about: About<'l>,
}

/// What a line records.
#[derive(Debug)]
pub enum About<'l> {
    /// A decision.
    Decision(Box<Record<'l>>),
    /// A person has answered about a call after that was answered. It says again what the call was.
    LateAnswer(Box<Record<'l>>),
    /// A new policy is in force in the session: the digest of its text.
    Reload(Digest),
    /// Something that happened to the log itself.
    Event(Event),
}

/// A decision as recorded.
#[derive(Debug, Deserialize)]
pub struct Record<'l> {
    /// The number of the decision in its session, from 1.
    pub call: u64,
    /// The digest of the policy's text, where the session's lines before do not name the same one in the same file.
    pub policy: Option<Digest>,
    /// The client's own description of itself.
    #[serde(borrow)]
    pub client: Option<RecordedClient<'l>>,
    /// The side that the message came from: `client` or `server`.
    pub direction: Cow<'l, str>,
    /// The message's method.
    pub method: Option<Cow<'l, str>>,
    /// The tool. Version 0.1.0 named the prompt of a `prompts/get` here: see [`Record::subject`].
    pub tool: Option<Cow<'l, str>>,
    /// The prompt.
    pub prompt: Option<Cow<'l, str>>,
    /// The resource's URI, or the template.
    pub resource: Option<Cow<'l, str>>,
    /// The tool's risk class.
    pub class: Option<Cow<'l, str>>,
    /// The effect.
    pub effect: Cow<'l, str>,
    /// The rule's path.
    pub rule: Cow<'l, str>,
    /// The reason.
    pub reason: Option<Cow<'l, str>>,
    /// Whether the decision was only recorded (`wrap --observe`), and the message passed on.
    pub observed: bool,
    /// What was kept of the arguments.
    #[serde(borrow)]
    pub arguments: Option<RecordedArguments<'l>>,
    /// What was kept of the answers to the server's questions that the call brought.
    #[serde(borrow)]
    pub inputs: Option<RecordedArguments<'l>>,
    /// The trace of the client that the call belongs to (W3C Trace Context).
    pub traceparent: Option<Cow<'l, str>>,
    /// What became of the message.
    pub outcome: Outcome,
    /// How long the answer took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// What a person was asked, and answered.
    pub approval: Option<RecordedApproval>,
    /// What was done to the result; only where something was.
    pub result: Option<ResultRecord>,
}

impl Record<'_> {
    /// Returns what the message is about; `None` if about nothing but its method.
    pub fn subject(&self) -> Option<Subject<'_>> {
        match (&self.tool, &self.prompt, &self.resource) {
            (Some(name), ..) if self.method.as_deref() == Some(method::PROMPTS_GET) => Some(Subject::Prompt(name)),
            (Some(name), ..) => Some(Subject::Tool(name)),
            (None, Some(name), _) => Some(Subject::Prompt(name)),
            (None, None, Some(uri)) => Some(Subject::Resource(uri)),
            (None, None, None) => None,
        }
    }
}

impl Record<'_> {
    /// Whether the message was passed on to its receiver, as far as that is known: what was cancelled or whose session ended while it
    /// waited for a person was not.
    pub fn was_passed_on(&self) -> bool {
        match self.outcome {
            Outcome::Refused => false,
            Outcome::Ok | Outcome::ToolError | Outcome::Error => true,
            Outcome::Cancelled | Outcome::ServerDied | Outcome::Unknown => {
                let waited = |approval: &RecordedApproval| NEVER_PASSED_ON.contains(&&*approval.verdict);
                !self.approval.as_ref().is_some_and(waited)
            }
        }
    }

    fn is_late_answer(&self) -> bool {
        let is_late = |approval: &RecordedApproval| LateVerdict::ALL.iter().any(|of| of.as_str() == approval.verdict);
        self.direction == Direction::Wrapper.as_str() && self.approval.as_ref().is_some_and(is_late)
    }
}

/// The results of an approval under which nothing was passed on.
const NEVER_PASSED_ON: [&str; 7] =
    ["refused", "refused_before", "timed_out", "cancelled", "client_ended", "session_ended", "unavailable"];

/// A client's own description of itself: a claim.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RecordedClient<'l> {
    /// Its name.
    pub name: Cow<'l, str>,
    /// Its version.
    pub version: Cow<'l, str>,
}

/// What was kept of a call's arguments.
#[derive(Debug, Deserialize)]
pub struct RecordedArguments<'l> {
    /// The keys.
    pub keys: Vec<String>,
    /// The number of further keys.
    #[serde(default)]
    pub keys_left_out: u64,
    /// The keyed digest, in hexadecimal digits, as version 0.1.0 made it.
    pub hmac_sha256: Option<String>,
    /// The keyed digest since then.
    pub blake3: Option<String>,
    /// Their structure.
    #[serde(borrow)]
    pub redacted: Option<&'l RawValue>,
    /// The arguments as written.
    #[serde(borrow)]
    pub full: Option<&'l RawValue>,
    /// Their length in bytes, if they were too long to be kept.
    pub bytes: Option<u64>,
}

/// What a person was asked, and answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedApproval {
    /// The result.
    pub verdict: String,
    /// The channel by which it was answered.
    pub channel: Option<String>,
    /// How long the call waited, in milliseconds.
    pub waited_ms: f64,
    /// The person's note to the agent.
    pub note: Option<String>,
    /// What the client answered, if no person has chosen that.
    pub client_answer: Option<String>,
}

/// Something that happened to the log itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Decisions could not be written.
    Gap {
        /// The number of decisions.
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
        /// The number of its calls without a recorded answer. Those that no line before this one has follow it, with
        /// the outcome `unknown`.
        unanswered: u64,
    },
}

/// Why a line is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is not a line that a wrapper writes.
    #[error("it is not a record: {0}")]
    Malformed(String),
    /// A later policylayer wrote it.
    #[error("it is of version {0}, and this policylayer reads versions up to {VERSION}")]
    Version(u64),
}

/// Reads a line that stands by itself, with or without its newline. A [`LineCompleter`](super::LineCompleter) makes one of those
/// that go on with a block.
///
/// # Errors
/// Returns an error if it is not a line of the log, or is of an unknown version.
pub fn read_line(line: &str) -> Result<LogLine<'_>, LineError> {
    let line = line.trim_end_matches('\n');
    let head: LineHead<'_> = parse_json(line)?;
    if !(1..=VERSION).contains(&head.v) {
        return Err(LineError::Version(head.v));
    }
    let time = head.time.parse().map_err(|error: jiff::Error| LineError::Malformed(error.to_string()))?;
    let about = match head.event {
        None => {
            let record: Box<Record<'_>> = parse_json(line)?;
            match record.policy.filter(|_| record.rule == RELOAD_RULE) {
                Some(policy) => About::Reload(policy),
                None if record.is_late_answer() => About::LateAnswer(record),
                None => About::Decision(record),
            }
        }
        Some(_) => About::Event(parse_json(line)?),
    };
    Ok(LogLine { previous: head.prev, time, session: head.session, server: head.server, about })
}

/// Returns the time of a line, whether it stands by itself or goes on with a block; `None` if it is not a line of the log.
pub fn read_time(line: &str) -> Option<Timestamp> {
    let line = line.trim_end_matches('\n');
    time_of_next(line).or_else(|| Some(read_line(line).ok()?.time))
}

fn parse_json<'l, T: Deserialize<'l>>(line: &'l str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| LineError::Malformed(error.to_string()))
}

#[derive(Deserialize)]
struct LineHead<'l> {
    prev: Digest,
    v: u64,
    #[serde(borrow)]
    time: Cow<'l, str>,
    #[serde(borrow)]
    session: Cow<'l, str>,
    #[serde(borrow)]
    server: Cow<'l, str>,
    event: Option<IgnoredAny>,
}
