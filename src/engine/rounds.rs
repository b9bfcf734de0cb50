//! Calls in several rounds: from revision 2026-07-28 on, a server may answer a call with `input_required`, and the client
//! then calls again with the input and the server's `requestState`.
//!
//! Arguments and states are kept as digests: a state may be as long as a line, and it comes back with the client anyway.

use std::collections::VecDeque;
use std::time::Duration;

use super::approvals::members_beside;
use super::limits::Reserved;
use crate::limits::{MAX_OPEN_ROUNDS, MAX_ROUND_TIME, MAX_ROUNDS, MAX_TASK_ARGUMENTS};
use crate::record::Digest;
use crate::wire::message::CallParams;

/// What its rounds differ in, or are compared by in other ways.
const ROUND_KEYS: [&str; 4] = ["name", "arguments", "inputResponses", "requestState"];

/// What a call and its later rounds have in common.
#[derive(Clone, Debug)]
pub(super) struct RoundCall {
    pub(super) tool: Box<str>,
    /// Of the arguments and whatever else the server reads in each round.
    digest: Digest,
    /// The arguments, if the policy looks at them and they are short: a task may get further input.
    arguments: Option<Box<str>>,
    /// Whether a person approved it. That covers its later rounds.
    pub(super) is_approved: bool,
    /// The number of this round, from 1.
    number: u32,
    /// When the first round began, since the session began.
    since: Duration,
}

impl RoundCall {
    /// Describes the first round of a call.
    pub(super) fn new(method: &str, tool: &str, arguments: &str, others: Option<&str>, now: Duration) -> Self {
        let others = others.map_or(&b""[..], str::as_bytes);
        let digest = Digest::of_line(&[method.as_bytes(), b"\0", arguments.as_bytes(), b"\0", others].concat());
        Self { tool: tool.into(), digest, arguments: None, is_approved: false, number: 1, since: now }
    }

    /// Keeps the arguments, unless they are too long.
    pub(super) fn keep_arguments(&mut self, arguments: &str) {
        self.arguments = Some(arguments).filter(|arguments| arguments.len() <= MAX_TASK_ARGUMENTS).map(Into::into);
    }

    pub(super) fn arguments(&self) -> Option<&str> {
        self.arguments.as_deref()
    }

    /// Returns how much is kept, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.tool.len() + self.arguments().map_or(0, str::len)
    }

    /// Returns why there is no further round; `None` if there may be one.
    fn find_bound(&self, now: Duration) -> Option<String> {
        if self.number >= MAX_ROUNDS {
            Some(format!("This call has taken {MAX_ROUNDS} rounds already, which is the most that one call may take."))
        } else if now.saturating_sub(self.since) > MAX_ROUND_TIME {
            let minutes = MAX_ROUND_TIME.as_secs() / 60;
            Some(format!(
                "This call began more than {minutes} minutes ago, which is the longest that one call may take."
            ))
        } else {
            None
        }
    }
}

/// A call that the server answered with `input_required`.
#[derive(Debug)]
struct OpenRound {
    call: RoundCall,
    state: Option<Digest>,
    reserved: Reserved,
}

/// The calls that wait for their next round, oldest first. A call that is no longer among them counts as a new one.
#[derive(Debug, Default)]
pub(super) struct Rounds(VecDeque<OpenRound>);

impl Rounds {
    /// Remembers a call whose answer asks for input; `state` is the server's, as written.
    pub(super) fn open_round(&mut self, call: RoundCall, state: Option<&str>, reserved: Reserved) {
        if self.0.len() >= MAX_OPEN_ROUNDS {
            self.0.pop_front();
        }
        let call = RoundCall { arguments: None, ..call };
        self.0.push_back(OpenRound { call, state: state.map(digest_of_state), reserved });
    }

    /// Returns the next round of a call, and what the rounds before were counted with. If nothing is known of the call,
    /// this is its first round.
    ///
    /// # Errors
    /// Returns an error that says so if the call has taken too many rounds or too long. It then stays as it is.
    pub(super) fn take_round(
        &mut self,
        (method, call): (&str, &CallParams<'_>),
        arguments: &str,
        now: Duration,
    ) -> Result<(RoundCall, Reserved), String> {
        let others = call.with_others().map(|params| members_beside(params, &ROUND_KEYS));
        let mut first = RoundCall::new(method, &call.name, arguments, others.as_deref(), now);
        // What brings input without an open round is at least the second.
        first.number += u32::from(call.has_input());
        if !call.has_input() || self.0.is_empty() {
            return Ok((first, Reserved::default()));
        }
        let state = call.request_state().map(digest_of_state);
        let is_same =
            |open: &OpenRound| open.call.tool == first.tool && open.call.digest == first.digest && open.state == state;
        let Some(at) = self.0.iter().position(is_same) else { return Ok((first, Reserved::default())) };
        if let Some(why) = self.0.get(at).and_then(|open| open.call.find_bound(now)) {
            return Err(why);
        }
        let Some(OpenRound { call, reserved, .. }) = self.0.remove(at) else { return Ok((first, Reserved::default())) };
        Ok((RoundCall { number: call.number + 1, ..call }, reserved))
    }
}

fn digest_of_state(state: &str) -> Digest {
    Digest::of_line(state.as_bytes())
}
