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
    covers: Digest,
    channel: Channel,
    /// `Some` for a grant of one call until this time; `None` for the rest of the session.
    until: Option<Duration>,
}

impl Grants {
    /// Grants further calls for the rest of the session.
    pub(in crate::engine) fn add_session(&mut self, covered: Covered, scope: ApprovalScope, channel: Channel) {
        let covers = match scope {
            ApprovalScope::Tool => covered.any_arguments,
            ApprovalScope::Arguments => covered.call,
        };
        self.add_grant(Grant { covers, channel, until: None });
    }

    pub(super) fn add_once(&mut self, covered: Covered, channel: Channel, until: Duration) {
        self.add_grant(Grant { covers: covered.call, channel, until: Some(until) });
    }

    fn add_grant(&mut self, grant: Grant) {
        // Calls that the oldest grant covers are asked about again.
        if self.0.len() >= MAX_GRANTS {
            self.0.remove(0);
        }
        self.0.push(grant);
    }

    /// Returns the channel on which a call was granted, if it was. This uses up a grant of one call.
    pub(in crate::engine) fn redeem_grant(&mut self, covered: Covered, now: Duration) -> Option<Channel> {
        self.0.retain(|grant| grant.until.is_none_or(|until| until > now));
        let at = self.0.iter().position(|grant| covered.is_covered_by(grant.covers))?;
        let Grant { channel, until, .. } = self.0.get(at)?;
        let (channel, is_for_one_call) = (*channel, until.is_some());
        if is_for_one_call {
            self.0.remove(at);
        }
        Some(channel)
    }

    /// Takes back what was granted of a call that a person has refused since.
    fn revoke(&mut self, covered: Covered) {
        self.0.retain(|grant| !covered.is_covered_by(grant.covers));
    }
}

/// What persons have refused, oldest first. The same call is not asked about again for a while.
#[derive(Debug, Default)]
pub(in crate::engine) struct Refusals(VecDeque<PersonsRefusal>);

#[derive(Clone, Debug)]
pub(in crate::engine) struct PersonsRefusal {
    covers: Digest,
    pub(in crate::engine) channel: Channel,
    pub(in crate::engine) note: Option<String>,
    until: Duration,
}

impl Refusals {
    fn add_refusal(&mut self, covers: Digest, channel: Channel, note: Option<String>, now: Duration) {
        self.forget(covers);
        if self.0.len() >= MAX_GRANTS {
            self.0.pop_front();
        }
        self.0.push_back(PersonsRefusal { covers, channel, note, until: now.saturating_add(REFUSED_FOR) });
    }

    fn forget(&mut self, covers: Digest) {
        self.0.retain(|refusal| refusal.covers != covers);
    }

    /// Returns the refusal of the very same call, if there was one lately.
    pub(in crate::engine) fn find_refusal(&self, covers: Digest, now: Duration) -> Option<PersonsRefusal> {
        self.0.iter().find(|refusal| refusal.covers == covers && refusal.until > now).cloned()
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
            ApprovalAnswer::Once | ApprovalAnswer::Session => self.refusals.forget(covered.call),
            ApprovalAnswer::Refused { note } => {
                self.grants.revoke(covered);
                self.refusals.add_refusal(covered.call, channel, note.clone(), now);
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
            ApprovalAnswer::Once => {
                let until = late.until.max(now.saturating_add(LATE_APPROVAL));
                self.grants.add_once(late.covers, channel, until);
            }
            ApprovalAnswer::Session => self.grants.add_session(late.covers, late.scope, channel),
            ApprovalAnswer::Refused { .. } => {}
        }
    }
}
