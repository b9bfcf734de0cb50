//! A call under the policy: judged, counted, and followed to its answer where the answer matters to a count.

use std::collections::VecDeque;
use std::fmt;

use super::limits::{Charge, Denied, Limits, Reserved, Store};
use super::now::Now;
use super::refusal::{Refused, Remedy};
use crate::limits::{MAX_CONTINUATION, MAX_CONTINUATIONS};
use crate::policy::{
    Amount, Asking, Calendar, CounterId, Decision, Effect, Increment, Limit, Listing, OnError, Policy, Scope, ToolRef,
    Window,
};
use crate::record::Outcome;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::view;

/// Counts calls, and knows which of them go on with one that was counted.
#[derive(Debug)]
pub(super) struct Calls {
    counts: Limits,
    /// The newest last.
    interim: VecDeque<Continuation>,
}

/// A call that passes.
#[derive(Debug)]
pub(super) struct Passed<'p> {
    pub(super) decision: Decision<'p>,
    /// How a person is to be asked first; `None` where none is.
    pub(super) asks: Option<Asking>,
    /// `None` where no limit counts it.
    pub(super) counted: Option<Box<Counted>>,
}

/// A counted call that waits for its answer.
#[derive(Debug)]
pub(super) struct Counted {
    /// What it has taken.
    reserved: Reserved,
    /// The counters that get it back where the server answers with an error.
    on_error: Vec<CounterId>,
    /// What a retry has in common with this call; `None` where no retry can come, or it is too large to remember.
    retry: Option<Retry>,
}

/// What a call and its retry have in common.
#[derive(Debug)]
struct Retry {
    tool: Box<str>,
    arguments: Box<str>,
    approved: Approved,
}

/// Whether a person has approved a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Approved {
    #[default]
    No,
    Yes,
}

impl Counted {
    /// A person has approved the call, and with it what goes on with it.
    pub(super) fn approve(&mut self) {
        if let Some(retry) = &mut self.retry {
            retry.approved = Approved::Yes;
        }
    }
}

/// From revision 2026-07-28 on, a server may answer a call with `input_required`; the client then calls again, with the
/// input and the server's `requestState`. That is one call, and counts once: if tool, arguments and state are the same.
#[derive(Debug)]
struct Continuation {
    retry: Retry,
    state: Option<Box<str>>,
    /// What the call was counted with.
    reserved: Reserved,
}

impl Calls {
    /// Counts from zero, and those of `store` for the scope `server`.
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self { counts: Limits::new(store), interim: VecDeque::new() }
    }

    /// Judges a call and counts it.
    pub(super) fn judge<'p>(
        &mut self,
        policy: &'p Policy,
        call: &CallParams<'_>,
        listing: Listing,
        now: Now,
    ) -> Result<Passed<'p>, Refused<'p>> {
        let arguments = call.arguments.unwrap_or("{}");
        let judgement = policy.judge(ToolRef { name: &call.name, listing }, arguments);
        let decision = judgement.decision;
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            return Err(decision.into());
        }
        let limits: Vec<&Limit> = judgement.limits().collect();
        let asks = (decision.effect == Effect::RequireApproval).then_some(judgement.asking);
        if limits.is_empty() && asks.is_none() {
            return Ok(Passed { decision, asks, counted: None });
        }
        // A call that goes on counts once, and from now on: else many could be counted in time, and all go on at once.
        let (earlier, approved) = self.goes_on(call, arguments);
        let asks = asks.filter(|_| approved == Approved::No);
        self.refund(earlier.only(|_| true), now);
        let reserved = match self.charge(&limits, arguments, decision, now) {
            Ok(reserved) => reserved,
            Err(refused) => {
                self.keep(&earlier, now);
                return Err(refused);
            }
        };
        let on_error = limits.iter().filter(|limit| limit.on_error == OnError::Refund);
        let on_error = on_error.map(|limit| limit.counter.clone()).collect();
        let counted = Counted { reserved, on_error, retry: retry(call, arguments, approved) };
        Ok(Passed { decision, asks, counted: Some(Box::new(counted)) })
    }

    /// A counted call that never went on.
    pub(super) fn withdrawn(&mut self, counted: Counted, now: Now) {
        self.refund(counted.reserved, now);
    }

    fn charge<'p>(
        &mut self,
        limits: &[&'p Limit],
        arguments: &str,
        decision: Decision<'p>,
        now: Now,
    ) -> Result<Reserved, Refused<'p>> {
        let refused = |limit: &'p Limit, otherwise: String, remedy| {
            let decision =
                Decision { effect: Effect::Deny, rule: &limit.rule, reason: limit.reason.as_deref(), ..decision };
            Refused { decision, otherwise: Some(otherwise), remedy }
        };
        let mut charges = Vec::with_capacity(limits.len());
        for (at, limit) in limits.iter().copied().enumerate() {
            let amount = limit.increment.of(arguments).map_err(|error| {
                let path =
                    if let Increment::From { path, .. } = &limit.increment { path.as_str() } else { "the increment" };
                let why = format!("{path} is counted by the policy, and it cannot be: {error}.");
                // What is wrong is the argument, whatever the limit says of being reached.
                let decision = Decision { effect: Effect::Deny, rule: &limit.rule, reason: None, ..decision };
                Refused { decision, otherwise: Some(why), remedy: Remedy::Arguments }
            })?;
            charges.push(Charge {
                scope: limit.scope,
                counter: &limit.counter,
                window: limit.window,
                max: limit.max,
                amount,
                limit: at,
            });
        }
        self.counts.reserve(&charges, now).map_err(|denied| match denied {
            Denied::Exceeded { limit, retry_after } => match limits.get(limit).copied().or(limits.first().copied()) {
                Some(limit) => {
                    let remedy = retry_after.map_or(Remedy::Arguments, Remedy::Wait);
                    refused(limit, format!("The limit of {} is reached.", Rate(limit)), remedy)
                }
                None => decision.into(),
            },
            Denied::Unavailable(unavailable) => {
                let needs =
                    limits.iter().copied().find(|limit| limit.scope == Scope::Server).or(limits.first().copied());
                match needs {
                    Some(limit) => {
                        let decision = Decision { effect: Effect::Deny, rule: &limit.rule, reason: None, ..decision };
                        let otherwise = format!("The count of this limit cannot be kept: {unavailable}");
                        Refused { decision, otherwise: Some(otherwise), remedy: Remedy::Store }
                    }
                    None => decision.into(),
                }
            }
        })
    }

    /// A counted call was answered.
    pub(super) fn answered(&mut self, counted: Counted, answer: Answer<'_>, outcome: Outcome, now: Now) {
        let Counted { reserved, on_error, retry } = counted;
        match (outcome, answer, retry) {
            (Outcome::Ok, Answer::Result(result), Some(retry)) => {
                let member = |name: &str| view::members(result).find(|member| member.key().as_deref() == Some(name));
                let kind = member("resultType").and_then(|member| view::string(member.value));
                if kind.as_deref() == Some("input_required") {
                    let state = member("requestState").map(|member| member.value.into());
                    if self.interim.len() == MAX_CONTINUATIONS {
                        self.interim.pop_front();
                    }
                    self.interim.push_back(Continuation { retry, state, reserved });
                }
            }
            (Outcome::Ok, ..) => {}
            _ => self.refund(reserved.only(|counter| on_error.contains(counter)), now),
        }
    }

    fn refund(&mut self, reserved: Reserved, now: Now) {
        if !reserved.is_empty() {
            // What cannot be returned stays taken, which refuses more and not less.
            let _ = self.counts.refund(reserved, now);
        }
    }

    /// Takes again what was returned for a call that then did not go on: its first part has reached the server.
    fn keep(&mut self, earlier: &Reserved, now: Now) {
        let charges = earlier.taken().iter().map(|taken| Charge {
            scope: taken.scope,
            counter: &taken.counter,
            window: taken.window,
            max: Amount::MAX,
            amount: taken.amount,
            limit: 0,
        });
        let charges: Vec<_> = charges.collect();
        if !charges.is_empty() {
            // Nothing is refused by such a maximum, and this call is refused already.
            let _ = self.counts.reserve(&charges, now);
        }
    }

    /// What the call was counted with that this one goes on with, and whether a person approved it; nothing where it goes
    /// on with none.
    fn goes_on(&mut self, call: &CallParams<'_>, arguments: &str) -> (Reserved, Approved) {
        if !call.has_input() {
            return Default::default();
        }
        let same = |one: &Continuation| {
            *one.retry.tool == *call.name
                && *one.retry.arguments == *arguments
                && one.state.as_deref() == call.request_state()
        };
        let found = self.interim.iter().position(same).and_then(|at| self.interim.remove(at));
        found.map(|found| (found.reserved, found.retry.approved)).unwrap_or_default()
    }
}

fn retry(call: &CallParams<'_>, arguments: &str, approved: Approved) -> Option<Retry> {
    let is_possible = call.answer_shape() == AnswerShape::TypedResult && arguments.len() <= MAX_CONTINUATION;
    is_possible.then(|| Retry { tool: call.name.as_ref().into(), arguments: arguments.into(), approved })
}

/// A limit in words: `10 per minute`.
struct Rate<'l>(&'l Limit);

impl fmt::Display for Rate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limit { max, window, .. } = self.0;
        let seconds = window.length().as_secs();
        match (window, seconds) {
            (Window::Calendar(Calendar::Minute), _) | (_, 60) => write!(f, "{max} per minute"),
            (Window::Calendar(Calendar::Hour), _) | (_, 3_600) => write!(f, "{max} per hour"),
            (Window::Calendar(Calendar::Day), _) | (_, 86_400) => write!(f, "{max} per day"),
            (_, 1) => write!(f, "{max} per second"),
            (_, seconds) => write!(f, "{max} per {seconds} seconds"),
        }
    }
}
