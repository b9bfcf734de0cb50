//! Approvals beyond one held call.

use std::time::Duration;

use super::Channel;
use crate::limits::MAX_GRANTS;
use crate::policy::ApprovalScope;
use crate::record::Digest;

/// Oldest first.
#[derive(Debug, Default)]
pub(in crate::engine) struct Grants(Vec<Grant>);

#[derive(Debug)]
struct Grant {
    covers: Covered,
    channel: Channel,
    /// `Some` for a grant of one call until this time; `None` for the rest of the session.
    until: Option<Duration>,
}

#[derive(Debug)]
enum Covered {
    Tool(Box<str>),
    /// Calls of a tool with the same arguments.
    Same(Digest),
}

impl Grants {
    /// Grants further calls for the rest of the session.
    pub(in crate::engine) fn add_session(
        &mut self,
        tool: &str,
        digest: Digest,
        scope: ApprovalScope,
        channel: Channel,
    ) {
        let covers = match scope {
            ApprovalScope::Tool => Covered::Tool(tool.into()),
            ApprovalScope::Arguments => Covered::Same(digest),
        };
        self.add_grant(Grant { covers, channel, until: None });
    }

    pub(super) fn add_once(&mut self, digest: Digest, channel: Channel, until: Duration) {
        self.add_grant(Grant { covers: Covered::Same(digest), channel, until: Some(until) });
    }

    fn add_grant(&mut self, grant: Grant) {
        // Calls that the oldest grant covers are asked about again.
        if self.0.len() >= MAX_GRANTS {
            self.0.remove(0);
        }
        self.0.push(grant);
    }

    /// Returns the channel on which a call was granted, if it was. This uses up a grant of one call.
    pub(in crate::engine) fn redeem_grant(&mut self, tool: &str, digest: Digest, now: Duration) -> Option<Channel> {
        self.0.retain(|grant| grant.until.is_none_or(|until| until > now));
        let at = self.0.iter().position(|grant| match &grant.covers {
            Covered::Tool(granted) => **granted == *tool,
            Covered::Same(granted) => *granted == digest,
        })?;
        let Grant { channel, until, .. } = self.0.get(at)?;
        let (channel, is_for_one_call) = (*channel, until.is_some());
        if is_for_one_call {
            self.0.remove(at);
        }
        Some(channel)
    }
}
