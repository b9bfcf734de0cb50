//! The calls in the audit log, in the order of their decisions, and decided again under another policy.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::limits::{Charge, Denied, Memory, Reserved, Store, Unavailable};
use crate::engine::{Now, Trial, TrialDecision, TrialInput};
use crate::limits::{MAX_REORDERED, MAX_REORDERED_ARGUMENTS, MAX_REPLAYED_SESSIONS, MAX_TOLD_APART};
use crate::policy::{Effect, Listing, Policy, ToolRef};
use crate::record::{About, LogLine, Outcome, PROTOCOL_RULE, REQUIRED_RULE, RecordedArguments};
use crate::risk::Class;
use crate::wire::arguments::Arguments;
use crate::wire::method;

/// A recorded call of a tool.
#[derive(Debug)]
pub(crate) struct RecordedCall {
    pub(crate) time: Timestamp,
    pub(crate) session: Box<str>,
    /// The number of the decision in the session, from 1.
    pub(crate) number: u64,
    pub(crate) tool: Box<str>,
    pub(crate) class: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) rule: Box<str>,
    pub(crate) outcome: Outcome,
    /// The arguments; `None` if the log has not kept them.
    pub(crate) arguments: Option<Arguments>,
    /// What the call answered to the server's questions; `None` if the log has not kept that.
    input: Option<Arguments>,
}

impl RecordedCall {
    /// Returns the call that a line is about; `None` if there is none, or if no policy decided the call.
    pub(crate) fn from_line(line: &LogLine<'_>) -> Option<Self> {
        let About::Decision(record) = &line.about else { return None };
        let is_by_policy = ![PROTOCOL_RULE, REQUIRED_RULE].contains(&&*record.rule);
        if record.method.as_deref() != Some(method::TOOLS_CALL) || !is_by_policy {
            return None;
        }
        Some(Self {
            time: line.time,
            session: (&*line.session).into(),
            number: record.call,
            tool: record.tool.as_deref()?.into(),
            class: record.class.as_deref().map(Into::into),
            effect: parse_effect(&record.effect)?,
            rule: (&*record.rule).into(),
            outcome: record.outcome,
            arguments: recorded_arguments(record.arguments.as_ref()),
            input: recorded_arguments(record.inputs.as_ref()),
        })
    }

    pub(crate) fn reached_server(&self) -> bool {
        self.outcome != Outcome::Refused
    }

    /// Returns the tool with its class at that time. A class below what its name implies was set by the policy of that
    /// time and says nothing about another policy, so it is not used.
    fn tool_ref(&self) -> ToolRef<'_> {
        let by_name = ToolRef::from(&self.tool);
        let class = Class::ALL.into_iter().find(|class| Some(class.as_str()) == self.class.as_deref());
        class.map_or(by_name, |class| ToolRef { listing: Listing::As(class.max(by_name.guess_class())), ..by_name })
    }

    pub(crate) fn unix_time(&self) -> Duration {
        Duration::try_from(self.time.as_duration()).unwrap_or_default()
    }

    fn arguments_length(&self) -> usize {
        [&self.arguments, &self.input].into_iter().flatten().map(|kept| kept.as_str().len()).sum()
    }
}

/// Returns the value of a key, inserted if missing; `None` if the map is full.
pub(super) fn entry_if_room<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
    if map.len() >= MAX_TOLD_APART && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_insert_with(new))
}

fn parse_effect(word: &str) -> Option<Effect> {
    Effect::ALL.into_iter().find(|effect| effect.as_str() == word)
}

/// Returns the arguments if the log has all of them.
fn recorded_arguments(recorded: Option<&RecordedArguments<'_>>) -> Option<Arguments> {
    match recorded {
        None => Some(Arguments::default()),
        Some(kept) if kept.keys.is_empty() && kept.keys_left_out == 0 => Some(Arguments::default()),
        Some(kept) => Arguments::parse(kept.full?.get()).ok(),
    }
}

/// Sorts calls by the time of their decision: the log has them in the order in which they were answered.
#[derive(Debug, Default)]
pub(crate) struct CallOrder {
    /// By time, session, number in the session, and arrival.
    waiting: BTreeMap<(Timestamp, Box<str>, u64, u64), RecordedCall>,
    arrived: u64,
    weight: usize,
}

impl CallOrder {
    /// Adds a call, and returns the next one once the maximum number waits.
    pub(crate) fn push(&mut self, call: RecordedCall) -> Option<RecordedCall> {
        self.weight += call.arguments_length();
        self.arrived += 1;
        self.waiting.insert((call.time, call.session.clone(), call.number, self.arrived), call);
        let is_full = self.waiting.len() > MAX_REORDERED || self.weight > MAX_REORDERED_ARGUMENTS;
        if is_full { self.pop() } else { None }
    }

    /// Returns the next call, once no more are added.
    pub(crate) fn pop(&mut self) -> Option<RecordedCall> {
        let (_, call) = self.waiting.pop_first()?;
        self.weight -= call.arguments_length();
        Some(call)
    }
}

/// Decides recorded calls under another policy. Each session has its own counts, and all sessions share those of the
/// scope `server`; both follow the recorded times.
#[derive(Debug)]
pub(crate) struct Replayer<'p> {
    policy: &'p Policy,
    server: SharedCounts,
    /// Each with the number of the call that used it last.
    sessions: HashMap<Box<str>, (Trial, u64)>,
    calls: u64,
}

impl<'p> Replayer<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        Self { policy, server: SharedCounts::default(), sessions: HashMap::new(), calls: 0 }
    }

    /// Decides a call; `None` if that depends on arguments that the log lacks. Such a call counts against no limit.
    pub(crate) fn decide_call(&mut self, call: &RecordedCall) -> Option<TrialDecision> {
        let (none, tool) = (Arguments::default(), call.tool_ref());
        let lacks_arguments = call.arguments.is_none() && self.policy.looks_at_arguments(tool);
        if lacks_arguments || call.input.is_none() && self.policy.looks_at_input(tool) {
            return None;
        }
        let [arguments, input] = [&call.arguments, &call.input].map(|kept| kept.as_ref().unwrap_or(&none));
        self.calls += 1;
        if !self.sessions.contains_key(&call.session) {
            self.drop_old_sessions();
            let trial = Trial::with_store(Box::new(self.server.clone()));
            self.sessions.insert(call.session.clone(), (trial, self.calls));
        }
        let (trial, used) = self.sessions.get_mut(&call.session)?;
        *used = self.calls;
        let now = Now { session: call.unix_time(), unix: call.unix_time() };
        trial.try_call_at(self.policy, tool, TrialInput { arguments, input }, now, call.outcome).ok()
    }

    fn drop_old_sessions(&mut self) {
        if self.sessions.len() >= MAX_REPLAYED_SESSIONS {
            // Removes half of them at once, so that this happens rarely.
            let mut used: Vec<u64> = self.sessions.values().map(|(_, used)| *used).collect();
            let (_, middle, _) = used.select_nth_unstable(MAX_REPLAYED_SESSIONS / 2);
            let middle = *middle;
            self.sessions.retain(|_, (_, used)| *used > middle);
        }
    }
}

#[derive(Clone, Debug, Default)]
struct SharedCounts(Arc<Mutex<Memory>>);

impl Store for SharedCounts {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve_charges(charges, now)
    }

    fn refund_reserved(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refund_reserved(reserved, now)
    }
}
