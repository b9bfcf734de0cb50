//! Judges calls by the policy, and counts them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Now;
use super::limits::{Charge, Denied, Limits, Reserved, Store};
use super::refusal::{Refused, Remedy};
use super::rounds::{RoundCall, Rounds};
use crate::limits::{MAX_CALLED_TOOLS, MAX_QUOTED};
use crate::policy::{
    Amount, Asking, ConditionInput, CounterId, Decision, Effect, Increment, Item, Judgement, LOCK_RULE, Limit, OnError,
    Policy, Preview, Scope, Sighting, ToolRef,
};
use crate::provenance::{CalledTool, Provenance, Unremembered};
use crate::record::{Outcome, PROTOCOL_RULE};
use crate::visible::{escape_invisible, shorten};
use crate::wire::message::{AnswerShape, CallParams};
use crate::wire::method::TOOLS_CALL;

/// Judges and counts calls, and recognises the later rounds of a call.
#[derive(Debug)]
pub(super) struct CallGate {
    counts: Limits,
    rounds: Rounds,
    /// What is remembered of the session.
    provenance: Arc<dyn Provenance>,
    /// The tools of calls that wait until they are in the log, or did, each with how many.
    uncommitted: BTreeMap<CalledTool, usize>,
}

#[derive(Debug)]
pub(super) struct AdmittedCall<'p> {
    pub(super) decision: Decision<'p>,
    /// `None` if nobody has to be asked.
    pub(super) asking: Option<Asking>,
    /// `None` if no limit counts it and its answer ends it.
    pub(super) counted: Option<Box<CountedCall>>,
    /// The read that is made before a person is asked.
    pub(super) preview: Option<&'p Preview>,
    /// Where the values came from because of which a person is asked.
    pub(super) sightings: Vec<Sighting>,
}

#[derive(Debug)]
pub(super) struct CountedCall {
    reserved: Reserved,
    /// The counters that are refunded if the server answers with an error.
    on_error: Vec<CounterId>,
    /// `None` if its answer ends the call, whatever it is.
    pub(super) round: Option<RoundCall>,
}

impl CountedCall {
    /// Marks the call and its later rounds as approved by a person.
    pub(super) fn mark_approved(&mut self) {
        if let Some(round) = &mut self.round {
            round.is_approved = true;
        }
    }
}

/// Returns the judgement if it lets the message pass, and a server cannot take the name for another one.
pub(super) fn accept_name<'p>(
    judgement: Judgement<'p>,
    name: &str,
    look_alike: Option<&str>,
    now: Now,
) -> Result<Judgement<'p>, Refused<'p>> {
    let decision = judgement.decision;
    match look_alike {
        // A lock has no such spelling either, and this says which one is meant.
        Some(other) if !decision.refuses() || decision.rule == LOCK_RULE => Err(refuse_look_alike(name, other)),
        _ if decision.refuses() => Err(Refused::by_judgement(judgement, now)),
        _ => Ok(judgement),
    }
}

fn refuse_null_arguments<'p>(call: &CallParams<'_>, judgement: Judgement<'p>) -> Result<Judgement<'p>, Refused<'p>> {
    if !call.has_null_arguments || !judgement.looks_at_arguments() {
        return Ok(judgement);
    }
    let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
    let why = "\"arguments\" is null, and a rule of the policy looks at the arguments.";
    Err(Refused { decision, otherwise: Some(why.to_owned()), remedy: Remedy::Arguments })
}

/// Refuses a name that a server may take for another one: what is called by it is not what was judged.
pub(super) fn refuse_look_alike<'p>(name: &str, other: &str) -> Refused<'p> {
    let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
    let (name, other) = (escape_invisible(&shorten(name, MAX_QUOTED)), escape_invisible(&shorten(other, MAX_QUOTED)));
    let why = format!("The name \"{name}\" looks like \"{other}\" and is not it.");
    Refused { decision, otherwise: Some(why), remedy: Remedy::Spelling }
}

impl CallGate {
    /// Creates a gate whose counts begin at zero, except those of the scopes `client` and `server`, which are in `store`.
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        let provenance = Arc::new(Unremembered);
        Self { counts: Limits::new(store), rounds: Rounds::default(), provenance, uncommitted: BTreeMap::new() }
    }

    /// Judges by this memory of the session.
    pub(super) fn set_provenance(&mut self, provenance: Arc<dyn Provenance>) {
        self.provenance = provenance;
    }

    /// What is remembered of the session.
    pub(super) fn provenance(&self) -> &Arc<dyn Provenance> {
        &self.provenance
    }

    /// Notes that a call waits until it is in the log. The next one may be judged before that, and the other wrappers know of it only then.
    pub(super) fn await_commit(&mut self, call: &CalledTool) {
        let has_room = self.uncommitted.len() < MAX_CALLED_TOOLS;
        match self.uncommitted.get_mut(call) {
            Some(count) => *count += 1,
            None if has_room => drop(self.uncommitted.insert(call.clone(), 1)),
            None => self.provenance.remember_call(call),
        }
    }

    /// Notes that such a call has failed, and reached nobody.
    pub(super) fn forget_commit(&mut self, call: &CalledTool) {
        if let Some(count) = self.uncommitted.get_mut(call) {
            *count -= 1;
            if *count == 0 {
                self.uncommitted.remove(call);
            }
        }
    }

    /// Returns what conditions look at in a message with these arguments.
    pub(super) fn input<'l>(&'l self, args: &'l str) -> ConditionInput<'l> {
        let uncommitted = Some(&self.uncommitted);
        ConditionInput { provenance: Some(&*self.provenance), uncommitted, ..ConditionInput::from(args) }
    }

    fn input_of_call<'l>(&'l self, call: &'l CallParams<'_>) -> ConditionInput<'l> {
        ConditionInput { input: call.input_responses(), ..self.input(call.arguments.unwrap_or("{}")) }
    }

    /// Judges a call of a tool, and does not count it. `look_alike` is the name that a server may take the call's name for.
    pub(super) fn judge_tool<'p>(
        &self,
        policy: &'p Policy,
        call: &CallParams<'_>,
        (tool, look_alike): (ToolRef<'_>, Option<&str>),
        now: Now,
    ) -> Result<Judgement<'p>, Refused<'p>> {
        let judgement = policy.judge_call(tool, self.input_of_call(call));
        refuse_null_arguments(call, accept_name(judgement, &call.name, look_alike, now)?)
    }

    /// Judges a request about an item, and does not count it. `look_alike` is as for [`judge_tool`](Self::judge_tool).
    pub(super) fn judge_item<'p>(
        &self,
        policy: &'p Policy,
        item: Item<'p>,
        call: &CallParams<'_>,
        look_alike: Option<&str>,
        now: Now,
    ) -> Result<Judgement<'p>, Refused<'p>> {
        let judgement = policy.judge_item(item, self.input_of_call(call));
        refuse_null_arguments(call, accept_name(judgement, item.name, look_alike, now)?)
    }

    /// Judges a call and counts it. `look_alike` is the name that a server may take the call's name for.
    pub(super) fn judge_call<'p>(
        &mut self,
        policy: &'p Policy,
        call: &CallParams<'_>,
        (tool, look_alike): (ToolRef<'_>, Option<&str>),
        now: Now,
    ) -> Result<AdmittedCall<'p>, Refused<'p>> {
        let arguments = call.arguments.unwrap_or("{}");
        let judgement = self.judge_tool(policy, call, (tool, look_alike), now)?;
        let looks_at_arguments = judgement.looks_at_arguments();
        let mut admitted = self.admit(judgement, arguments, Some((TOOLS_CALL, call)), now)?;
        if let Some(round) = admitted.counted.as_mut().and_then(|counted| counted.round.as_mut())
            && looks_at_arguments
        {
            round.keep_arguments(arguments);
        }
        Ok(admitted)
    }

    /// Counts a judged request. `call` is `None` if it has no later rounds.
    pub(super) fn admit<'p>(
        &mut self,
        mut judgement: Judgement<'p>,
        arguments: &str,
        call: Option<(&str, &CallParams<'_>)>,
        now: Now,
    ) -> Result<AdmittedCall<'p>, Refused<'p>> {
        let decision = judgement.decision;
        if decision.refuses() {
            return Err(Refused::by_judgement(judgement, now));
        }
        let sightings = std::mem::take(&mut judgement.sightings);
        let (limits, preview): (Vec<&Limit>, _) = (judgement.limits().collect(), judgement.preview());
        let asking = (decision.effect == Effect::RequireApproval).then_some(judgement.asking);
        // A server may ask for input whatever revision the call names. If nothing counts the first round, the later ones do.
        let has_rounds = |call: &CallParams<'_>| call.answer_shape() != AnswerShape::Result || call.has_input();
        let call = call.filter(|(_, call)| has_rounds(call) || !limits.is_empty() || asking.is_some());
        if limits.is_empty() && asking.is_none() && call.is_none() {
            return Ok(AdmittedCall { decision, asking, counted: None, preview, sightings });
        }
        // A call counts once, at the time of its latest round. Otherwise many calls could be counted over time and then
        // all continue at once.
        let (round, earlier) = match call.map(|call| self.rounds.take_round(call, arguments, now.session)) {
            None => (None, Reserved::default()),
            Some(Ok((round, earlier))) => (Some(round), earlier),
            Some(Err(why)) => {
                let decision = Decision { effect: Effect::Deny, rule: PROTOCOL_RULE, reason: None, file: None };
                return Err(Refused { decision, otherwise: Some(why), remedy: Remedy::Restart });
            }
        };
        // A person who approved the call has not seen the input of its later rounds, so no rule about that is settled.
        let covers_round = |round: &RoundCall| round.is_approved && !judgement.looks_at_input();
        let asking = asking.filter(|_| !round.as_ref().is_some_and(covers_round));
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
        let counted = CountedCall { reserved, on_error, round };
        Ok(AdmittedCall { decision, asking, counted: Some(Box::new(counted)), preview, sightings })
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
                let why = format!("The policy counts {path}, which cannot be counted: {error}.");
                // The limit's own reason is about the limit, but the argument is what is wrong.
                refused(limit, None, why, Remedy::Arguments)
            })?;
            let Limit { scope, window, max, .. } = *limit;
            charges.push(Charge { scope, counter: &limit.counter, window, max, amount, limit: at });
        }
        self.counts.reserve_charges(&charges, now).map_err(|denied| {
            let limit = match &denied {
                Denied::Exceeded { limit, .. } => limits.get(*limit),
                Denied::Unavailable(_) => limits.iter().find(|limit| limit.scope != Scope::Session),
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

    /// Handles the end of a call: an error refunds what the policy says.
    pub(super) fn settle_call(&mut self, counted: CountedCall, outcome: Outcome, now: Now) {
        let CountedCall { reserved, on_error, .. } = counted;
        if matches!(outcome, Outcome::Error | Outcome::ToolError) {
            self.refund_charges(reserved.retain_counters(|counter| on_error.contains(counter)), now);
        }
    }

    /// Handles an answer that asks for input, with the server's state as written: the call waits for its next round.
    pub(super) fn continue_call(&mut self, counted: CountedCall, state: Option<&str>) {
        if let Some(round) = counted.round {
            self.rounds.open_round(round, state, counted.reserved);
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
