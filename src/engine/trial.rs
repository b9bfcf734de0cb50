//! Calls on trial: judged and counted as a session does it, and sent nowhere.

use std::time::Duration;

use super::calls::{Calls, Passed};
use super::limits::{Memory, Store};
use super::now::Now;
use super::refusal::{Subject, refusal};
use crate::policy::{Effect, Policy, ToolRef};
use crate::record::Outcome;
use crate::wire::arguments::Arguments;
use crate::wire::fault::Fault;
use crate::wire::message::{Answer, CallParams, Message};
use crate::wire::strict::{Judged, Reader};

/// When trials begin, since 1970: at 2026-01-01T00:00:00Z.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// One session in which calls are only tried. Its counts begin at zero, those of the scope `server` as well, and nothing
/// outside knows of them.
#[derive(Debug)]
pub struct Trial {
    calls: Calls,
    reader: Reader,
}

/// What became of a call.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What happens to the call.
    pub effect: Effect,
    /// The path of the rule that says so.
    pub rule: String,
    /// What the agent is told; `None` where the call passes.
    pub reason: Option<String>,
    /// After how many seconds the same call passes, where time is all that is missing.
    pub retry_after: Option<u64>,
}

impl Default for Trial {
    fn default() -> Self {
        Self { calls: Calls::new(Box::new(Memory::default())), reader: Reader::default() }
    }
}

impl Trial {
    /// A session whose counts of the scope `server` are kept by `store`, as those of other sessions may be.
    pub fn sharing(store: Box<dyn Store>) -> Self {
        Self { calls: Calls::new(store), reader: Reader::default() }
    }

    /// Tries a call as a client would send it, `elapsed` after the session began, and counts it if it passes.
    ///
    /// The session begins with a day of UTC, and so with an hour and a minute: windows that are aligned to the calendar
    /// end when a reader expects it.
    ///
    /// # Errors
    /// Where no line can hold such a call, because of its name or the depth of its arguments.
    pub fn call(
        &mut self,
        policy: &Policy,
        tool: &str,
        arguments: &Arguments,
        elapsed: Duration,
    ) -> Result<Verdict, Fault> {
        let now = Now { session: elapsed, unix: BEGIN.saturating_add(elapsed) };
        self.call_at(policy, tool.into(), arguments, now, Outcome::Refused)
    }

    /// Tries a call at a time of the caller's own, and counts it if it passes. Where its `outcome` is an error, what
    /// the policy returns then is returned at once; a call that a person is asked about counts if it was not refused.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub fn call_at(
        &mut self,
        policy: &Policy,
        tool: ToolRef<'_>,
        arguments: &Arguments,
        now: Now,
        outcome: Outcome,
    ) -> Result<Verdict, Fault> {
        let name = serde_json::Value::from(tool.name);
        let arguments = arguments.as_str();
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{{"name":{name},"arguments":{arguments}}}}}"#
        );
        let envelope = self.reader.read(line.as_bytes(), Judged::EVERYTHING)?;
        let Message::Request { params, .. } = Message::of(&envelope)? else { return Err(Fault::Shape) };
        let call = CallParams::read(params)?;
        Ok(match self.calls.judge(policy, &call, tool.listing, now) {
            Ok(Passed { decision, asks, counted }) => {
                match (counted, outcome) {
                    (Some(counted), Outcome::Error | Outcome::ToolError) => {
                        self.calls.answered(*counted, Answer::Error("{}"), outcome, now);
                    }
                    // Nobody is asked here, so it does not go on, and counts for nothing.
                    (Some(counted), Outcome::Refused) if asks.is_some() => self.calls.withdrawn(*counted, now),
                    _ => {}
                }
                let unsaid = asks.map(|_| "This call needs a person's approval.");
                Verdict {
                    effect: decision.effect,
                    rule: decision.rule.to_owned(),
                    reason: unsaid.map(|unsaid| decision.reason.unwrap_or(unsaid).to_owned()),
                    retry_after: None,
                }
            }
            Err(refused) => {
                let effect = refused.decision.effect;
                let refusal = refusal(refused, Subject::Tool, tool.name);
                let meta = refusal.meta();
                Verdict {
                    effect,
                    rule: meta.rule.to_owned(),
                    reason: Some(meta.reason.to_owned()),
                    retry_after: meta.retry_after,
                }
            }
        })
    }
}
