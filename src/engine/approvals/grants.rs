//! Answers that hold beyond one call.

use std::collections::VecDeque;
use std::time::Duration;

use super::{ApprovalAnswer, Approvals, Channel, Covered, OpenQuestion};
use crate::limits::{LATE_APPROVAL, MAX_GRANTS, REFUSED_FOR};
use crate::policy::ApprovalScope;
use crate::record::Digest;

/// Oldest first.
#[derive(Debug, Default)]
pub(in crate::engine) struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    covered: Covered,
    scope: ApprovalScope,
    channel: Channel,
    /// When the person answered.
    given: Duration,
    /// `Some` for a grant of one call until this time; `None` for the rest of the session.
    until: Option<Duration>,
    /// The question that a grant of one call is the answer to, if it was asked in this session.
    question: Option<u64>,
}

impl Grants {
    /// Grants further calls for the rest of the session.
    pub(in crate::engine) fn add_session(
        &mut self,
        covered: Covered,
        scope: ApprovalScope,
        (channel, given): (Channel, Duration),
    ) {
        self.add_grant(Grant { covered, scope, channel, given, until: None, question: None });
    }

    /// Grants one call. `answered` is the question that a person has answered for it, if it was asked in this session.
    fn add_once(&mut self, late: &OpenQuestion, (channel, given): (Channel, Duration), answered: Option<u64>) {
        let (covered, scope, question) = (late.covers, ApprovalScope::Arguments, answered);
        let until = Some(late.until.max(given.saturating_add(LATE_APPROVAL)));
        self.add_grant(Grant { covered, scope, channel, given, until, question });
    }

    fn add_grant(&mut self, grant: Grant) {
        // Calls that the oldest grant covers are asked about again.
        if self.0.len() >= MAX_GRANTS {
            self.0.remove(0);
        }
        self.0.push(grant);
    }

    fn find_grant(&self, covered: Covered, scope: ApprovalScope, now: Duration) -> Option<usize> {
        let is_open = |grant: &Grant| grant.until.is_none_or(|until| until > now);
        self.0.iter().position(|grant| is_open(grant) && grant.covers(covered, scope))
    }

    /// Returns whether a call is granted. `scope` is what the policy in force now lets an approval for the session cover.
    pub(in crate::engine) fn has_grant(&self, covered: Covered, scope: ApprovalScope, now: Duration) -> bool {
        self.find_grant(covered, scope, now).is_some()
    }

    /// Returns the channel on which a call was granted, and when, if it was. This uses up a grant of one call, whose question
    /// is returned as well if it was asked in this session.
    pub(in crate::engine) fn redeem_grant(
        &mut self,
        covered: Covered,
        scope: ApprovalScope,
        now: Duration,
    ) -> Option<(Channel, Duration, Option<u64>)> {
        self.0.retain(|grant| grant.until.is_none_or(|until| until > now));
        let at = self.find_grant(covered, scope, now)?;
        let Grant { channel, given, until, question, .. } = self.0.get(at)?;
        let (found, is_for_one_call) = ((*channel, *given, *question), until.is_some());
        if is_for_one_call {
            self.0.remove(at);
        }
        Some(found)
    }

    /// Takes back what was granted of a call that a person has refused since.
    fn revoke(&mut self, covered: Covered) {
        self.0.retain(|grant| grant.covered.made != covered.made && !grant.covers(covered, ApprovalScope::Tool));
    }
}

impl Grant {
    /// Whether it covers a call if an approval for the session covers no more than `scope`.
    fn covers(&self, call: Covered, scope: ApprovalScope) -> bool {
        let is_wide = self.scope == ApprovalScope::Tool && scope == ApprovalScope::Tool;
        self.covered.call == call.call || (is_wide && self.covered.any_arguments == call.any_arguments)
    }
}

/// What persons have refused, oldest first. The same call is not asked about again for a while.
#[derive(Debug, Default)]
pub(in crate::engine) struct Refusals(VecDeque<PersonsRefusal>);

#[derive(Clone, Debug)]
pub(in crate::engine) struct PersonsRefusal {
    /// The call, whatever was shown beside it.
    made: Digest,
    pub(in crate::engine) channel: Channel,
    pub(in crate::engine) note: Option<String>,
    until: Duration,
}

impl Refusals {
    fn add_refusal(&mut self, made: Digest, channel: Channel, note: Option<String>, now: Duration) {
        self.forget(made);
        if self.0.len() >= MAX_GRANTS {
            self.0.pop_front();
        }
        self.0.push_back(PersonsRefusal { made, channel, note, until: now.saturating_add(REFUSED_FOR) });
    }

    fn forget(&mut self, made: Digest) {
        self.0.retain(|refusal| refusal.made != made);
    }

    /// Returns the refusal of the very same call, if there was one lately.
    pub(in crate::engine) fn find_refusal(&self, covered: Covered, now: Duration) -> Option<PersonsRefusal> {
        self.0.iter().find(|refusal| refusal.made == covered.made && refusal.until > now).cloned()
    }
}

impl Approvals {
    /// Remembers an answer about a call: the last word of a person counts. What is refused is not asked about again for a
    /// while, and what was granted of it before is taken back.
    pub(in crate::engine) fn remember_answer(
        &mut self,
        covered: Covered,
        answer: &ApprovalAnswer,
        channel: Channel,
        now: Duration,
    ) {
        match answer {
            ApprovalAnswer::Once | ApprovalAnswer::Session => self.refusals.forget(covered.made),
            ApprovalAnswer::Refused { note } => {
                self.grants.revoke(covered);
                self.refusals.add_refusal(covered.made, channel, note.clone(), now);
            }
        }
    }

    /// Turns a late approval into a grant.
    pub(in crate::engine) fn grant_late(
        &mut self,
        late: &OpenQuestion,
        answer: &ApprovalAnswer,
        channel: Channel,
        now: Duration,
    ) {
        match answer {
            ApprovalAnswer::Once => self.grants.add_once(late, (channel, now), Some(late.number)),
            ApprovalAnswer::Session => self.grants.add_session(late.covers, late.scope, (channel, now)),
            ApprovalAnswer::Refused { .. } => {}
        }
    }

    /// Turns an earlier approval that the local channel has handed out into a grant: nobody was asked this question.
    pub(in crate::engine) fn grant_handed_out(&mut self, late: &OpenQuestion, now: Duration) {
        self.grants.add_once(late, (Channel::Local, now), None);
    }
}
