//! Writes a decision as one line of the audit log. Pure: the decision, the time and the key come in, bytes go out.
//!
//! ```text
//! engine: Facts ─▶ Draft (when it is decided) ─▶ LogEntry (when it is answered) ─▶ line, chained by the writer
//! ```

mod arguments;
mod chain;
mod complete;
mod draft;
mod facts;
mod read;
mod short_digests;
mod text;
mod traceparent;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub use arguments::{ArgumentRecorder, ArgumentsLogged, DigestKey};
pub(crate) use chain::BlockDigest;
pub use chain::Digest;
pub use complete::LineCompleter;
pub(crate) use draft::digest_arguments;
pub use draft::{Draft, LogEntry, SessionName, write_event};
pub use facts::{Client, Direction, Enforcement, Facts, Outcome, Required, Subject};
pub use read::{
    About, Event, LineError, LogLine, Record, RecordedApproval, RecordedArguments, RecordedClient, read_line, read_time,
};
pub(crate) use text::WrittenSecond;

use crate::content::{EditCounts, StandInCounts};

/// The version of the lines that this program writes. Journals have lines of version 1, which each wrapper can take over.
pub const VERSION: u64 = 2;

/// How a line begins that goes on with the block of the line before it, and has only what is its own.
const GOES_ON: &[u8] = b"{\"call\":";

/// What stands before a tool's name in the rule that is its own entry.
const OWN_ENTRY: &str = "tools.";

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

    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        let Self { stripped, cut, stand_ins, put_back, withheld } = self;
        (*stripped, *cut, *put_back) == (0, 0, 0) && stand_ins.is_empty() && withheld.is_none()
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
    use std::sync::Arc;

    use super::*;
    use crate::limits::MAX_LOGGED_NAME;
    use crate::policy::Effect;
    use crate::risk::Class;

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
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Full, Box::new(|| Some(DigestKey([1; 32]))));
        let made = Moment { number: 3, unix: Duration::new(1_767_225_600, 5_000), session: Duration::from_secs(1) };
        let draft = Draft::new(&facts, Some(&client), &keyed, made);
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
    fn a_record_in_the_place_of_another_says_nothing_of_it() {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Full, Box::new(|| None));
        let made = |number| Moment { number, unix: Duration::from_secs(number), session: Duration::from_secs(number) };
        let facts = |tool| Facts {
            subject: Some(Subject::Tool(tool)),
            ..Facts::new(Direction::Client, Some("tools/call"), "tools.a")
        };
        let [mut one, mut other] = ["a", "b"].map(|tool| Draft::new(&facts(tool), None, &keyed, made(1)));
        let (under, client) = (Arc::new(Under::default()), Client::new("c", "1"));
        let mut before = other.again(r#"{"secret":1}"#, Some(&client), (made(2), &under), None);
        before.add_result(ResultRecord { put_back: 3, ..ResultRecord::default() });
        before.set_passed_on(Duration::from_secs(9));
        let mut before = before.with_decision(Effect::Deny, "x", Some("y")).finish(Outcome::Ok, Duration::from_secs(9));
        assert!(before.leaves_place());
        let [fresh, placed] = [None, Some(before)].map(|spent| one.again("{}", None, (made(3), &under), spent));
        assert_eq!(fresh, placed);
        // One of which there are no others takes more than its place.
        assert!(!Draft::new(&facts("a"), None, &keyed, made(4)).finish(Outcome::Ok, Duration::ZERO).leaves_place());
    }

    #[test]
    fn digests_that_are_made_together_stand_in_their_own_lines() {
        let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| Some(DigestKey([7; 32]))));
        let mut entries: Vec<_> = (0..40)
            .map(|number: u64| {
                let arguments =
                    format!("{{\"k{number}\":\"{}\"}}", "x".repeat([0, 9, 51, 52, 70, 5_000][number as usize % 6]));
                let arguments = Some(&*arguments).filter(|_| number % 7 != 3);
                let facts = Facts { arguments, ..Facts::new(Direction::Client, Some("tools/call"), "default") };
                let made = Moment { number, unix: Duration::ZERO, session: Duration::ZERO };
                Draft::new(&facts, None, &keyed, made).finish(Outcome::Ok, Duration::ZERO)
            })
            .collect();
        let lines = |entries: &[LogEntry]| {
            let mut lines = Vec::new();
            entries.iter().for_each(|entry| entry.write_line(&session(), Digest::START, &mut lines));
            String::from_utf8(lines).unwrap()
        };
        let one_by_one = lines(&entries);
        digest_arguments(&mut entries);
        assert_eq!(lines(&entries), one_by_one);
    }

    #[test]
    fn a_line_names_what_it_is_about() {
        let write = |facts: &Facts<'_>| {
            let keyed = ArgumentRecorder::new(ArgumentsLogged::Keys, Box::new(|| None));
            let made = Moment { number: 1, unix: Duration::ZERO, session: Duration::ZERO };
            let mut line = Vec::new();
            let entry = Draft::new(facts, None, &keyed, made).finish(Outcome::Ok, Duration::ZERO);
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
            r#""arguments":null,"inputs":{{"keys":["to"],"hmac_sha256":null,"blake3":null}},"traceparent":{traceparent},"outcome""#
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
        assert_eq!(read_line(&line.replace("\"v\":2", "\"v\":3")).unwrap_err(), LineError::Version(3));
        assert!(matches!(read_line(&line.replace("resumed", "tampered")), Err(LineError::Malformed(_))));
        assert!(matches!(read_line("{}"), Err(LineError::Malformed(_))));
    }
}
