//! The calls of the audit log, in the order in which they were decided, and decided again.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::limits::{Charge, Denied, Memory, Reserved, Store, Unavailable};
use crate::engine::{Now, Trial, TrialDecision};
use crate::limits::{MAX_REORDERED, MAX_REORDERED_ARGUMENTS, MAX_REPLAYED_SESSIONS};
use crate::policy::{Effect, Listing, Policy, ToolRef};
use crate::record::{About, LogLine, Outcome, PROTOCOL_RULE, REQUIRED_RULE, Record};
use crate::risk::Class;
use crate::wire::arguments::Arguments;
use crate::wire::message::method;

/// A recorded call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    /// When it was decided.
    pub(super) time: Timestamp,
    pub(super) session: Box<str>,
    /// Its number in the session.
    number: u64,
    pub(super) tool: Box<str>,
    pub(super) class: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) rule: Box<str>,
    pub(super) outcome: Outcome,
    /// `None` where the log does not tell.
    pub(super) arguments: Option<Arguments>,
}

impl Call {
    /// The call that a line tells of; `None` where it tells of something else, or of one that no policy decided.
    pub(super) fn of(line: &LogLine<'_>) -> Option<Self> {
        let About::Decision(record) = &line.about else { return None };
        let is_policys = ![PROTOCOL_RULE, REQUIRED_RULE].contains(&&*record.rule);
        if record.method.as_deref() != Some(method::TOOLS_CALL) || !is_policys {
            return None;
        }
        Some(Self {
            time: line.time,
            session: (&*line.session).into(),
            number: record.call,
            tool: record.tool.as_deref()?.into(),
            class: record.class.as_deref().map(Into::into),
            effect: effect(&record.effect)?,
            rule: (&*record.rule).into(),
            outcome: record.outcome,
            arguments: arguments(record),
        })
    }

    /// Whether it was passed on to the server.
    pub(super) fn reached_the_server(&self) -> bool {
        self.outcome != Outcome::Refused
    }

    /// The tool, with the class that it had then. No listing lowers what a name tells: a class below that was given by the
    /// policy of then, which another policy does not know of.
    pub(super) fn tool(&self) -> ToolRef<'_> {
        let by_name = ToolRef::from(&self.tool);
        let class = Class::ALL.into_iter().find(|class| Some(class.as_str()) == self.class.as_deref());
        class.map_or(by_name, |class| ToolRef { listing: Listing::As(class.max(by_name.class())), ..by_name })
    }

    /// Since 1970.
    pub(super) fn unix(&self) -> Duration {
        Duration::try_from(self.time.as_duration()).unwrap_or_default()
    }

    fn weight(&self) -> usize {
        self.arguments.as_ref().map_or(0, |arguments| arguments.as_str().len())
    }
}

fn effect(word: &str) -> Option<Effect> {
    [Effect::Allow, Effect::Deny, Effect::Hide, Effect::RequireApproval].into_iter().find(|one| one.as_str() == word)
}

/// The arguments, where the log has all of them.
fn arguments(record: &Record<'_>) -> Option<Arguments> {
    match &record.arguments {
        None => Some(Arguments::default()),
        Some(kept) if kept.keys.is_empty() && kept.keys_left_out == 0 => Some(Arguments::default()),
        Some(kept) => Arguments::parse(kept.full?.get()).ok(),
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Call {}

impl PartialOrd for Call {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Call {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, &self.session, self.number).cmp(&(other.time, &other.session, other.number))
    }
}

/// Puts calls in order: the log has them in the order in which they were answered.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    waiting: BinaryHeap<Reverse<Call>>,
    weight: usize,
}

impl InOrder {
    /// Adds a call, and returns one that is next, where as many wait as may.
    pub(super) fn push(&mut self, call: Call) -> Option<Call> {
        self.weight += call.weight();
        self.waiting.push(Reverse(call));
        let is_full = self.waiting.len() > MAX_REORDERED || self.weight > MAX_REORDERED_ARGUMENTS;
        if is_full { self.pop() } else { None }
    }

    /// The next call, once no more come.
    pub(super) fn pop(&mut self) -> Option<Call> {
        let Reverse(call) = self.waiting.pop()?;
        self.weight -= call.weight();
        Some(call)
    }
}

/// Decides recorded calls under another policy. Each session has its own counts, and those of the scope `server` are
/// common to all; both follow the times that were recorded.
#[derive(Debug)]
pub(super) struct Replayer<'p> {
    policy: &'p Policy,
    server: Shared,
    /// With the number of the call that used it last.
    sessions: HashMap<Box<str>, (Trial, u64)>,
    calls: u64,
}

impl<'p> Replayer<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        Self { policy, server: Shared::default(), sessions: HashMap::new(), calls: 0 }
    }

    /// What the policy makes of a call; `None` where that depends on arguments that the log does not have. Such a call
    /// counts against no limit.
    pub(super) fn decide(&mut self, call: &Call) -> Option<TrialDecision> {
        let none = Arguments::default();
        let arguments = match &call.arguments {
            Some(arguments) => arguments,
            None if self.policy.looks_at_arguments(call.tool()) => return None,
            None => &none,
        };
        self.calls += 1;
        if !self.sessions.contains_key(&call.session) {
            self.make_room();
            let trial = Trial::sharing(Box::new(self.server.clone()));
            self.sessions.insert(call.session.clone(), (trial, self.calls));
        }
        let (trial, used) = self.sessions.get_mut(&call.session)?;
        *used = self.calls;
        let now = Now { session: call.unix(), unix: call.unix() };
        trial.call_at(self.policy, call.tool(), arguments, now, call.outcome).ok()
    }

    fn make_room(&mut self) {
        if self.sessions.len() >= MAX_REPLAYED_SESSIONS {
            // Half of them at once, so that it is done seldom.
            let mut used: Vec<u64> = self.sessions.values().map(|(_, used)| *used).collect();
            let (_, middle, _) = used.select_nth_unstable(MAX_REPLAYED_SESSIONS / 2);
            let middle = *middle;
            self.sessions.retain(|_, (_, used)| *used > middle);
        }
    }
}

/// The counts that all sessions share.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Memory>>);

impl Store for Shared {
    fn reserve(&mut self, charges: &[Charge<'_>], now: Now) -> Result<Reserved, Denied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve(charges, now)
    }

    fn refund(&mut self, reserved: Reserved, now: Now) -> Result<(), Unavailable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refund(reserved, now)
    }
}
