//! Writes a decision as one line of the audit log. Pure: the decision, the time and the key come in, bytes go out.
//!
//! ```text
//! engine: Facts ─▶ Draft (when it is decided) ─▶ LogEntry (when it is answered) ─▶ line, chained by the writer
//! ```

mod arguments;
mod chain;
mod facts;
mod read;
mod traceparent;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub use arguments::{ArgumentRecorder, ArgumentsLogged, DigestKey};
pub use chain::Digest;
pub use facts::{Client, Direction, Enforcement, Facts, Outcome, Required, Subject};
pub use read::{
    About, Event, LineError, LogLine, Record, RecordedApproval, RecordedArguments, RecordedClient, read_line,
};

use traceparent::parse_traceparent;

use crate::content::{EditCounts, StandInCounts};
use crate::limits::MAX_LOGGED_NAME;
use crate::policy::Effect;
use crate::risk::Class;
use crate::visible::{escape_invisible_json, shorten};

/// The version of the lines that this program writes.
pub const VERSION: u64 = 1;

/// The rule that refuses messages that break the protocol; no policy can name a rule so.
pub const PROTOCOL_RULE: &str = "protocol";

/// The rule that refuses a stand-in of another session; no policy can name a rule so.
pub const STAND_IN_RULE: &str = "stand_ins";

/// The rule that refuses a call because the log cannot be written.
pub const REQUIRED_RULE: &str = "audit.required";

/// The rule of the line that says that a new policy is in force. It has the members of a decision, because version 0.1.0
/// takes a line with an event that it does not know for a damaged one.
pub const RELOAD_RULE: &str = "reload";

/// What a person was asked, and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// The result: `approved_once`, `approved_for_session`, `granted` (by an earlier approval), `refused`, `timed_out`,
    /// `cancelled`, `client_ended`, `session_ended`, `outdated`, `unavailable` (nobody could be asked), or a
    /// [`LateVerdict`].
    pub verdict: &'static str,
    /// The channel by which it was answered.
    pub channel: Option<&'static str>,
    /// How long the call waited.
    #[serde(rename = "waited_ms", serialize_with = "as_milliseconds")]
    pub waited: Duration,
    /// The person's note to the agent.
    pub note: Option<String>,
    /// What the client answered, if no person has chosen that: `unasked` (faster than a person can read) or `dismissed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_answer: Option<&'static str>,
}

/// What a person answered after the call was answered. No call goes on by it: an approval is for a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateVerdict {
    /// One repetition was approved.
    Approved,
    /// Further calls were approved until the session ends.
    ApprovedForSession,
    /// The call was refused.
    Refused,
}

impl LateVerdict {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Approved, Self::ApprovedForSession, Self::Refused];

    /// Returns the word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved_late",
            Self::ApprovedForSession => "approved_late_for_session",
            Self::Refused => "refused_late",
        }
    }
}

/// What was done to a result that the policy has rules for: counts, and never what was in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// How many characters were taken out of texts.
    pub stripped: u64,
    /// How many texts were cut.
    pub cut: u64,
    /// How many values have stand-ins in it, by their kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stand_ins: BTreeMap<String, u64>,
    /// How many values took the places of stand-ins in the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub put_back: u64,
    /// The rule that withheld the result.
    pub withheld: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ResultRecord {
    /// What was done to a result that passes.
    pub fn new(edits: EditCounts, stand_ins: StandInCounts) -> Self {
        let stand_ins = stand_ins.iter().map(|(kind, count)| (kind.as_str().to_owned(), count)).collect();
        Self { stripped: edits.stripped, cut: edits.cut, stand_ins, ..Self::default() }
    }

    /// Adds what was done to a further answer to the same call.
    pub fn add(&mut self, other: Self) {
        self.stripped = self.stripped.saturating_add(other.stripped);
        self.cut = self.cut.saturating_add(other.cut);
        for (kind, count) in other.stand_ins {
            let of = self.stand_ins.entry(kind).or_default();
            *of = of.saturating_add(count);
        }
        self.put_back = self.put_back.saturating_add(other.put_back);
        self.withheld = other.withheld.or_else(|| self.withheld.take());
    }
}

/// When a decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its number in its session, from 1.
    pub number: u64,
    /// The time since 1970.
    pub unix: Duration,
    /// The time since the session began.
    pub session: Duration,
}

/// What is in force when something is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Under {
    /// The digest of the policy's text, if that is known.
    pub policy: Option<Digest>,
    /// The digest of the lock file; `None` if nothing is held to one.
    pub lock: Option<Digest>,
}

/// A decision whose outcome is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a decision that is dropped is missing from the log"]
pub struct Draft {
    /// The members known so far, as JSON, each followed by a comma.
    body: Arc<[u8]>,
    made: Moment,
    /// When the message was passed on, since the session began.
    passed_on: Duration,
    approval: Option<Box<Approval>>,
    /// `None` if nothing was done to the result.
    result: Option<Box<ResultRecord>>,
    /// Where `body` says who sent the message.
    direction: Range<usize>,
    /// Where `body` has the effect, the rule and the reason.
    decision: Range<usize>,
    /// What it was decided under.
    under: Under,
    /// Whether the line names the policy even if the session's line before names the same one.
    always_names_policy: bool,
}

impl Draft {
    /// Creates the draft of a decision.
    pub fn new(facts: &Facts<'_>, client: Option<&Client>, keyed: &mut ArgumentRecorder, made: Moment) -> Self {
        let mut body = Vec::with_capacity(384);
        body.extend_from_slice(b"\"client\":");
        write_json(&client, &mut body);
        let start = body.len();
        write_member("direction", Some(facts.direction.as_str()), &mut body);
        let direction = start..body.len();
        write_name("method", facts.method, &mut body);
        // Every line has a `tool`; what else a message can be about has a member only where it is.
        match facts.subject {
            Some(Subject::Tool(name)) => write_name("tool", Some(name), &mut body),
            Some(other) => {
                write_name("tool", None, &mut body);
                write_name(other.kind(), Some(other.name()), &mut body);
            }
            None => write_name("tool", None, &mut body),
        }
        write_member("class", facts.class.map(Class::as_str), &mut body);
        let start = body.len();
        write_decision(facts.effect, facts.rule, facts.reason, &mut body);
        let decision = start..body.len();
        body.extend_from_slice(match facts.enforcement {
            Enforcement::Enforced => b",\"observed\":false,\"arguments\":",
            Enforcement::Observed => b",\"observed\":true,\"arguments\":",
        });
        match facts.arguments {
            Some(arguments) => keyed.write_arguments(arguments, &mut body),
            None => body.extend_from_slice(b"null"),
        }
        if let Some(inputs) = facts.inputs {
            body.extend_from_slice(b",\"inputs\":");
            keyed.write_arguments(inputs, &mut body);
        }
        if let Some(traceparent) = facts.traceparent.and_then(parse_traceparent) {
            write_member("traceparent", Some(traceparent), &mut body);
        }
        body.push(b',');
        Self {
            body: body.into(),
            made,
            passed_on: made.session,
            approval: None,
            result: None,
            direction,
            decision,
            under: Under::default(),
            always_names_policy: facts.rule == RELOAD_RULE,
        }
    }

    /// Returns the draft of the record of a person's answer about this call, which came after the call was answered.
    pub fn for_late_answer(&self, made: Moment) -> Self {
        let mut from_us = Vec::new();
        write_member("direction", Some(Direction::Wrapper.as_str()), &mut from_us);
        let moved = |at: usize| at + from_us.len() - self.direction.len();
        Self {
            body: self.splice_body(&self.direction, &from_us),
            made,
            passed_on: made.session,
            direction: self.direction.start..moved(self.direction.end),
            decision: moved(self.decision.start)..moved(self.decision.end),
            ..self.clone()
        }
    }

    /// Returns the draft with another decision about the same message.
    pub fn with_decision(self, effect: Effect, rule: &str, reason: Option<&str>) -> Self {
        let mut decided = Vec::new();
        write_decision(effect, rule, reason, &mut decided);
        let decision = self.decision.start..self.decision.start + decided.len();
        Self { body: self.splice_body(&self.decision, &decided), decision, ..self }
    }

    fn splice_body(&self, at: &Range<usize>, with: &[u8]) -> Arc<[u8]> {
        let (before, after) = (self.body.get(..at.start), self.body.get(at.end..));
        [before.unwrap_or_default(), with, after.unwrap_or_default()].concat().into()
    }

    /// Returns when the decision was made.
    pub fn made_at(&self) -> Moment {
        self.made
    }

    /// Returns its approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.body.len()
    }

    /// Sets what it was decided under.
    pub fn set_under(&mut self, under: Under) {
        self.under = under;
    }

    /// Adds what a person was asked, and answered.
    pub fn set_approval(&mut self, approval: Approval) {
        self.approval = Some(Box::new(approval));
    }

    /// Adds what was done to its result.
    pub fn add_result(&mut self, result: ResultRecord) {
        if result != ResultRecord::default() {
            self.result.get_or_insert_default().add(result);
        }
    }

    /// Sets when the message was passed on, if that was later than the decision: `session` after the session began.
    pub fn set_passed_on(&mut self, session: Duration) {
        self.passed_on = session;
    }

    /// Completes the decision with its outcome, `session` after the session began. A message that was never passed on
    /// took no time.
    pub fn finish(self, outcome: Outcome, session: Duration) -> LogEntry {
        let took = (outcome != Outcome::Refused).then(|| session.saturating_sub(self.passed_on));
        LogEntry { draft: self, outcome, took }
    }
}

/// A decision with its outcome, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    draft: Draft,
    outcome: Outcome,
    /// How long the answer took; `None` if the message was never passed on.
    took: Option<Duration>,
}

/// One run of the wrapper, as its lines name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName {
    /// An identifier that no other session has.
    pub id: String,
    /// The server's name.
    pub server: String,
}

impl LogEntry {
    /// Returns the number of the decision in its session, from 1.
    pub fn call_number(&self) -> u64 {
        self.draft.made.number
    }

    /// Returns its approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.draft.body.len()
    }

    /// Returns what it was decided under.
    pub fn under(&self) -> Under {
        self.draft.under
    }

    /// Appends the line, newline included, that follows the line with the digest `previous`.
    pub fn write_line(&self, session: &SessionName, previous: Digest, out: &mut Vec<u8>) {
        self.write_line_under(session, previous, Under::default(), out);
    }

    /// Appends the line, and leaves out the policy and the lock if they are those that earlier lines of the session have
    /// `named`. A lock that is no longer in force is `null`.
    pub fn write_line_under(&self, session: &SessionName, previous: Digest, named: Under, out: &mut Vec<u8>) {
        write_head(previous, self.draft.made.unix, session, out);
        out.extend_from_slice(b",\"call\":");
        write_json(&self.draft.made.number, out);
        let Under { policy, lock } = self.draft.under;
        let is_named = |policy: &Digest| !self.draft.always_names_policy && Some(*policy) == named.policy;
        if let Some(policy) = policy.filter(|policy| !is_named(policy)) {
            out.extend_from_slice(b",\"policy\":");
            policy.write_json(out);
        }
        if lock != named.lock {
            out.extend_from_slice(b",\"lock\":");
            write_json(&lock, out);
        }
        out.push(b',');
        out.extend_from_slice(&self.draft.body);
        if let Some(result) = &self.draft.result {
            out.extend_from_slice(b"\"result\":");
            write_json(result, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"outcome\":\"");
        out.extend_from_slice(self.outcome.as_str().as_bytes());
        out.extend_from_slice(b"\",\"duration_ms\":");
        write_json(&self.took.map(to_milliseconds), out);
        out.extend_from_slice(b",\"approval\":");
        write_json(&self.draft.approval, out);
        out.extend_from_slice(b"}\n");
    }
}

/// Appends the line of an event at `unix` since 1970. The line follows the line with the digest `previous`.
pub fn write_event(event: &Event, session: &SessionName, previous: Digest, unix: Duration, out: &mut Vec<u8>) {
    write_head(previous, unix, session, out);
    // The event's members without its opening brace.
    out.push(b',');
    let start = out.len();
    write_json(event, out);
    out.remove(start);
    out.push(b'\n');
}

fn write_head(previous: Digest, unix: Duration, session: &SessionName, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"prev\":\"");
    out.extend_from_slice(&previous.to_hex());
    out.extend_from_slice(b"\",\"v\":");
    write_json(&VERSION, out);
    out.extend_from_slice(b",\"time\":\"");
    write_time(unix, out);
    out.extend_from_slice(b"\",\"session\":");
    write_json(&session.id, out);
    write_member("server", Some(&session.server), out);
}

/// Writes a time since 1970 in UTC, to the microsecond.
fn write_time(unix: Duration, out: &mut Vec<u8>) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    // A clock beyond the year 9999 is written as the last possible time.
    let at = SignedDuration::try_from(unix).ok().and_then(|unix| Timestamp::from_duration(unix).ok());
    let _ = PRINTER.print_timestamp(&at.unwrap_or(Timestamp::MAX), jiff::fmt::StdIoWrite(out));
}

fn write_decision(effect: Effect, rule: &str, reason: Option<&str>, out: &mut Vec<u8>) {
    write_member("effect", Some(effect.as_str()), out);
    write_member("rule", Some(rule), out);
    write_member("reason", reason, out);
}

fn write_member(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_json(&value, out);
}

/// Writes a name that the sender chose, cut to [`MAX_LOGGED_NAME`].
fn write_name(member: &str, name: Option<&str>, out: &mut Vec<u8>) {
    write_member(member, name.map(|name| shorten(name, MAX_LOGGED_NAME)).as_deref(), out);
}

/// Writes a value, with what is invisible in it as codes: names and words from elsewhere are read where the log is.
fn write_json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    // Serializing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
    let written = out.get(start..).unwrap_or_default();
    if !written.is_ascii()
        && let Ok(text) = std::str::from_utf8(written)
    {
        let escaped = escape_invisible_json(text);
        out.truncate(start);
        out.extend_from_slice(escaped.as_bytes());
    }
}

/// Returns a time in milliseconds, with three decimals.
fn to_milliseconds(time: Duration) -> Option<Box<RawValue>> {
    let micros = time.as_micros();
    RawValue::from_string(format!("{}.{:03}", micros / 1_000, micros % 1_000)).ok()
}

fn as_milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    to_milliseconds(*time).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionName {
        SessionName { id: "0011223344556677".to_owned(), server: "iterable".to_owned() }
    }

    #[test]
    fn a_decision_is_one_line_that_is_read_back() {
        let client = Client::new("a \"client\"", "1.0");
        let facts = Facts {
            subject: Some(Subject::Tool("send_campaign")),
            class: Some(Class::Execute),
            effect: Effect::Deny,
            reason: Some("Not on a Friday.\n"),
            enforcement: Enforcement::Observed,
            arguments: Some(r#"{"campaignId":7}"#),
            ..Facts::new(Direction::Client, Some("tools/call"), "tools.send_campaign")
        };
        let mut keyed = ArgumentRecorder::new(ArgumentsLogged::Full, Box::new(|| Some(DigestKey([1; 32]))));
        let made = Moment { number: 3, unix: Duration::new(1_767_225_600, 5_000), session: Duration::from_secs(1) };
        let draft = Draft::new(&facts, Some(&client), &mut keyed, made);
        let entry = draft.finish(Outcome::ToolError, Duration::from_micros(1_012_345));
        let mut line = Vec::new();
        entry.write_line(&session(), Digest::of_line(b"before"), &mut line);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        let read = read_line(&line).unwrap();
        assert_eq!(read.previous, Digest::of_line(b"before"));
        assert_eq!(read.time.to_string(), "2026-01-01T00:00:00.000005Z");
        assert!(
            line.contains(r#""time":"2026-01-01T00:00:00.000005Z","session":"0011223344556677","server":"iterable""#)
        );
        let About::Decision(record) = read.about else { panic!("{line}") };
        assert_eq!((record.call, record.observed, record.duration_ms), (3, true, Some(12.345)));
        assert_eq!(record.client, Some(RecordedClient { name: "a \"client\"".into(), version: "1.0".into() }));
        assert_eq!((&*record.effect, &*record.rule), ("deny", "tools.send_campaign"));
        assert_eq!(record.reason.as_deref(), Some("Not on a Friday.\n"));
        assert_eq!(record.outcome, Outcome::ToolError);
        assert_eq!(record.arguments.unwrap().full.unwrap().get(), r#"{"campaignId":7}"#);
    }

    #[test]
    fn a_line_names_what_it_is_about() {
        let write = |facts: &Facts<'_>| {
            let mut keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None));
            let made = Moment { number: 1, unix: Duration::ZERO, session: Duration::ZERO };
            let mut line = Vec::new();
            let entry = Draft::new(facts, None, &mut keyed, made).finish(Outcome::Ok, Duration::ZERO);
            entry.write_line(&session(), Digest::START, &mut line);
            String::from_utf8(line).unwrap()
        };
        let read = Facts::new(Direction::Client, Some("resources/read"), "resources");
        let uri = format!("file:///{}", "x".repeat(MAX_LOGGED_NAME));
        let cut = format!("{}…", &uri[..MAX_LOGGED_NAME]);
        for (subject, members) in [
            (Some(Subject::Tool("a")), r#""tool":"a","class""#.to_owned()),
            (Some(Subject::Prompt("a")), r#""tool":null,"prompt":"a","class""#.to_owned()),
            (Some(Subject::Resource("file:///a")), r#""tool":null,"resource":"file:///a","class""#.to_owned()),
            (Some(Subject::Resource(&uri)), format!(r#""tool":null,"resource":"{cut}","class""#)),
            (None, r#""tool":null,"class""#.to_owned()),
        ] {
            let line = write(&Facts { subject, ..read });
            assert!(line.contains(&members), "{line}");
            let About::Decision(record) = read_line(&line).unwrap().about else { panic!("{line}") };
            let expected = if let Some(Subject::Resource(_)) = subject {
                record.resource.as_deref().map(Subject::Resource)
            } else {
                subject
            };
            assert_eq!(record.subject(), expected);
        }
        // Version 0.1.0 named a prompt as `tool`.
        let old = write(&Facts {
            subject: Some(Subject::Tool("a")),
            ..Facts::new(Direction::Client, Some("prompts/get"), "prompts")
        });
        let About::Decision(record) = read_line(&old).unwrap().about else { panic!("{old}") };
        assert_eq!(record.subject(), Some(Subject::Prompt("a")));

        let method = "m".repeat(MAX_LOGGED_NAME + 1);
        assert!(write(&Facts::new(Direction::Client, Some(&method), "methods")).contains("m…\",\"tool\":null"));
        let traceparent = r#""00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#;
        let line = write(&Facts { inputs: Some(r#"{"to":1}"#), traceparent: Some(traceparent), ..read });
        let members = format!(
            r#""arguments":null,"inputs":{{"keys":["to"],"hmac_sha256":null}},"traceparent":{traceparent},"outcome""#
        );
        assert!(line.contains(&members), "{line}");
        assert!(!write(&Facts { traceparent: Some("\"x\""), ..read }).contains("traceparent"));
    }

    #[test]
    fn events_are_lines_too() {
        for event in [
            Event::Gap { lost: 12, why: "No space left on device".to_owned() },
            Event::Resumed { after: Digest::of_line(b"whole") },
            Event::Killed { unanswered: 2 },
        ] {
            let mut line = Vec::new();
            write_event(&event, &session(), Digest::START, Duration::ZERO, &mut line);
            let line = String::from_utf8(line).unwrap();
            let About::Event(read) = read_line(&line).unwrap().about else { panic!("{line}") };
            assert_eq!(read, event);
        }
    }

    #[test]
    fn what_is_no_record_is_told_from_one() {
        let mut line = Vec::new();
        write_event(&Event::Resumed { after: Digest::START }, &session(), Digest::START, Duration::ZERO, &mut line);
        let line = String::from_utf8(line).unwrap();
        assert!(matches!(read_line(&line[..line.len() / 2]), Err(LineError::Malformed(_))));
        assert_eq!(read_line(&line.replace("\"v\":1", "\"v\":2")).unwrap_err(), LineError::Version(2));
        assert!(matches!(read_line(&line.replace("resumed", "tampered")), Err(LineError::Malformed(_))));
        assert!(matches!(read_line("{}"), Err(LineError::Malformed(_))));
    }
}
