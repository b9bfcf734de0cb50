//! Judges calls by the policy, and counts them.

use std::collections::VecDeque;

use super::Now;
use super::limits::{Charge, Denied, Limits, Reserved, Store};
use super::refusal::{Refused, Remedy};
use crate::limits::{MAX_CONTINUATION, MAX_CONTINUATIONS};
use crate::policy::{
    Amount, Asking, CounterId, Decision, Effect, Increment, Limit, Listing, OnError, Policy, Scope, ToolRef,
};
use crate::record::Outcome;
use crate::wire::message::{Answer, AnswerShape, CallParams};
use crate::wire::view;

/// Judges and counts calls, and recognises calls that continue one that was counted.
#[derive(Debug)]
pub(super) struct CallGate {
    counts: Limits,
    /// Newest last.
    continuations: VecDeque<Continuation>,
}

#[derive(Debug)]
pub(super) struct AdmittedCall<'p> {
    pub(super) decision: Decision<'p>,
    /// `None` if nobody has to be asked.
    pub(super) asking: Option<Asking>,
    /// `None` if no limit counts it.
    pub(super) counted: Option<Box<CountedCall>>,
}

#[derive(Debug)]
pub(super) struct CountedCall {
    reserved: Reserved,
    /// The counters that are refunded if the server answers with an error.
    on_error: Vec<CounterId>,
    /// `None` if the call cannot be retried, or is too large to remember.
    retry: Option<Retry>,
}

/// What a call and its retry have in common.
#[derive(Debug)]
struct Retry {
    tool: Box<str>,
    arguments: Box<str>,
    is_approved: bool,
}

impl CountedCall {
    /// Marks the call and its continuations as approved by a person.
    pub(super) fn mark_approved(&mut self) {
        if let Some(retry) = &mut self.retry {
            retry.is_approved = true;
        }
    }
}

/// A call that was answered with `input_required`, which servers may do from revision 2026-07-28 on. The client then
/// calls again, with the input and the server's `requestState`. If tool, arguments and state are the same, both are one
/// call and count once.
#[derive(Debug)]
struct Continuation {
    retry: Retry,
    state: Option<Box<str>>,
    reserved: Reserved,
}

impl CallGate {
    /// Creates a gate whose counts begin at zero, except those of the scope `server`, which are in `store`.
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self { counts: Limits::new(store), continuations: VecDeque::new() }
    }

    pub(super) fn judge_call<'p>(
        &mut self,
        policy: &'p Policy,
        call: &CallParams<'_>,
        listing: Listing,
        now: Now,
    ) -> Result<AdmittedCall<'p>, Refused<'p>> {
        let arguments = call.arguments.unwrap_or("{}");
        let judgement = policy.judge_call(ToolRef { name: &call.name, listing }, arguments);
        let decision = judgement.decision;
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            return Err(decision.into());
        }
        let limits: Vec<&Limit> = judgement.limits().collect();
        let asking = (decision.effect == Effect::RequireApproval).then_some(judgement.asking);
        if limits.is_empty() && asking.is_none() {
            return Ok(AdmittedCall { decision, asking, counted: None });
        }
        // A continued call counts once, at the time of its continuation. Otherwise many calls could be counted over
        // time and then all continue at once.
        let (earlier, is_approved) = self.take_continuation(call, arguments);
        let asking = asking.filter(|_| !is_approved);
        self.refund_charges(earlier.retain_counters(|_| true), now);
        let reserved = match self.charge_limits(&limits, arguments, decision, now) {
            Ok(reserved) => reserved,
            Err(refused) => {
                self.charge_again(&earlier, now);
                return Err(refused);
            }
        };
        let on_error = limits.iter().filter(|limit| limit.on_error == OnError::Refund);
        let on_error = on_error.map(|limit| limit.counter.clone()).collect();
        let can_continue = call.answer_shape() == AnswerShape::TypedResult && arguments.len() <= MAX_CONTINUATION;
        let retry =
            can_continue.then(|| Retry { tool: call.name.as_ref().into(), arguments: arguments.into(), is_approved });
        let counted = CountedCall { reserved, on_error, retry };
        Ok(AdmittedCall { decision, asking, counted: Some(Box::new(counted)) })
    }

    /// Refunds a counted call that the server never got.
    pub(super) fn refund_call(&mut self, counted: CountedCall, now: Now) {
        self.refund_charges(counted.reserved, now);
    }

    fn charge_limits<'p>(
        &mut self,
        limits: &[&'p Limit],
        arguments: &str,
        decision: Decision<'p>,
        now: Now,
    ) -> Result<Reserved, Refused<'p>> {
        let refused = |limit: &'p Limit, reason: Option<&'p str>, otherwise: String, remedy| {
            let decision = Decision { effect: Effect::Deny, rule: &limit.rule, reason, ..decision };
            Refused { decision, otherwise: Some(otherwise), remedy }
        };
        let mut charges = Vec::with_capacity(limits.len());
        for (at, limit) in limits.iter().copied().enumerate() {
            let amount = limit.increment.amount_for(arguments).map_err(|error| {
                let path =
                    if let Increment::From { path, .. } = &limit.increment { path.as_str() } else { "the increment" };
                let why = format!("{path} is counted by the policy, and it cannot be: {error}.");
                // The limit's own reason is about the limit, but the argument is what is wrong.
                refused(limit, None, why, Remedy::Arguments)
            })?;
            let Limit { scope, window, max, .. } = *limit;
            charges.push(Charge { scope, counter: &limit.counter, window, max, amount, limit: at });
        }
        self.counts.reserve_charges(&charges, now).map_err(|denied| {
            let limit = match &denied {
                Denied::Exceeded { limit, .. } => limits.get(*limit),
                Denied::Unavailable(_) => limits.iter().find(|limit| limit.scope == Scope::Server),
            };
            let Some(limit) = limit.or(limits.first()) else { return decision.into() };
            match denied {
                Denied::Exceeded { retry_after, .. } => {
                    let why = format!("The limit of {} is reached.", format_rate(limit));
                    let remedy = retry_after.map_or(Remedy::Arguments, Remedy::Wait);
                    refused(limit, limit.reason.as_deref(), why, remedy)
                }
                Denied::Unavailable(unavailable) => {
                    let why = format!("The count of this limit cannot be kept: {unavailable}");
                    refused(limit, None, why, Remedy::Store)
                }
            }
        })
    }

    pub(super) fn handle_answer(&mut self, counted: CountedCall, answer: Answer<'_>, outcome: Outcome, now: Now) {
        let CountedCall { reserved, on_error, retry } = counted;
        match (outcome, answer, retry) {
            (Outcome::Ok, Answer::Result(result), Some(retry)) => {
                let kind = view::find_member(result, "resultType").and_then(view::decode_string);
                if kind.as_deref() == Some("input_required") {
                    let state = view::find_member(result, "requestState").map(Into::into);
                    if self.continuations.len() == MAX_CONTINUATIONS {
                        self.continuations.pop_front();
                    }
                    self.continuations.push_back(Continuation { retry, state, reserved });
                }
            }
            (Outcome::Ok, ..) => {}
            _ => self.refund_charges(reserved.retain_counters(|counter| on_error.contains(counter)), now),
        }
    }

    fn refund_charges(&mut self, reserved: Reserved, now: Now) {
        if !reserved.is_empty() {
            // What cannot be refunded stays taken: that refuses more calls, never fewer.
            let _ = self.counts.refund_reserved(reserved, now);
        }
    }

    /// Takes back a refund, because the call's continuation is refused: its first part has reached the server.
    fn charge_again(&mut self, earlier: &Reserved, now: Now) {
        let charges = earlier.taken.iter().map(|taken| Charge {
            scope: taken.scope,
            counter: &taken.counter,
            window: taken.window,
            max: Amount::MAX,
            amount: taken.amount,
            limit: 0,
        });
        let charges: Vec<_> = charges.collect();
        if !charges.is_empty() {
            // No such maximum is exceeded, and this call is refused already.
            let _ = self.counts.reserve_charges(&charges, now);
        }
    }

    /// Returns what the call that this one continues was counted with, and whether a person approved it.
    fn take_continuation(&mut self, call: &CallParams<'_>, arguments: &str) -> (Reserved, bool) {
        if !call.has_input() {
            return Default::default();
        }
        let is_same = |one: &Continuation| {
            *one.retry.tool == *call.name
                && *one.retry.arguments == *arguments
                && one.state.as_deref() == call.request_state()
        };
        let found = self.continuations.iter().position(is_same).and_then(|at| self.continuations.remove(at));
        found.map(|found| (found.reserved, found.retry.is_approved)).unwrap_or_default()
    }
}

/// Formats a limit as in "10 per minute".
fn format_rate(Limit { max, window, .. }: &Limit) -> String {
    let length = window.length();
    let unit = match length.as_secs() {
        1 => "second",
        60 => "minute",
        3_600 => "hour",
        86_400 => "day",
        _ => return format!("{max} per {} seconds", length.as_secs_f64()),
    };
    format!("{max} per {unit}")
}
