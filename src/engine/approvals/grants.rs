//! Approvals beyond one held call.

use std::time::Duration;

use super::Channel;
use crate::limits::MAX_GRANTS;
use crate::policy::ApprovalScope;
use crate::record::Digest;

#[derive(Debug, Default)]
pub(in crate::engine) struct Grants {
    granted: Vec<Grant>,
}

#[derive(Debug)]
struct Grant {
    scope: GrantScope,
    channel: Channel,
}

#[derive(Debug)]
enum GrantScope {
    Tool(Box<str>),
    /// Every call of a tool with the same arguments.
    Same(Digest),
    /// The next call of a tool with the same arguments, until this time.
    Once(Digest, Duration),
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
        let scope = match scope {
            ApprovalScope::Tool => GrantScope::Tool(tool.into()),
            ApprovalScope::Arguments => GrantScope::Same(digest),
        };
        self.add_grant(Grant { scope, channel });
    }

    pub(super) fn add_once(&mut self, digest: Digest, channel: Channel, until: Duration) {
        self.add_grant(Grant { scope: GrantScope::Once(digest, until), channel });
    }

    fn add_grant(&mut self, grant: Grant) {
        // Calls that the oldest grant covers are asked about again.
        if self.granted.len() >= MAX_GRANTS {
            self.granted.remove(0);
        }
        self.granted.push(grant);
    }

    /// Returns the channel on which a call was granted, if it was. This uses up a grant for one call.
    pub(in crate::engine) fn redeem_grant(&mut self, tool: &str, digest: Digest, now: Duration) -> Option<Channel> {
        self.granted.retain(|grant| !matches!(grant.scope, GrantScope::Once(_, until) if until <= now));
        let at = self.granted.iter().position(|grant| match &grant.scope {
            GrantScope::Tool(granted) => **granted == *tool,
            GrantScope::Same(granted) | GrantScope::Once(granted, _) => *granted == digest,
        })?;
        let grant = self.granted.get(at)?;
        let channel = grant.channel;
        if matches!(grant.scope, GrantScope::Once(..)) {
            self.granted.remove(at);
        }
        Some(channel)
    }
}
