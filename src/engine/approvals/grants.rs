//! What a person has allowed beyond one call.

use std::time::Duration;

use super::Channel;
use crate::limits::MAX_GRANTS;
use crate::policy::ApprovalScope;
use crate::record::Digest;

/// What was allowed in this session.
#[derive(Debug, Default)]
pub(in crate::engine) struct Grants {
    granted: Vec<Grant>,
}

#[derive(Debug)]
struct Grant {
    what: What,
    channel: Channel,
}

#[derive(Debug)]
enum What {
    /// Every call of a tool.
    Tool(Box<str>),
    /// Every call of a tool with the same arguments.
    Same(Digest),
    /// The next call of a tool with the same arguments, until then.
    Once(Digest, Duration),
}

impl Grants {
    /// Allows further calls for the rest of the session.
    pub(in crate::engine) fn session(&mut self, tool: &str, same: Digest, scope: ApprovalScope, channel: Channel) {
        let what = match scope {
            ApprovalScope::Tool => What::Tool(tool.into()),
            ApprovalScope::Arguments => What::Same(same),
        };
        self.add(Grant { what, channel });
    }

    /// Allows one call, until then.
    pub(super) fn once(&mut self, same: Digest, channel: Channel, until: Duration) {
        self.add(Grant { what: What::Once(same, until), channel });
    }

    fn add(&mut self, grant: Grant) {
        // The oldest is forgotten, and asked about again.
        if self.granted.len() >= MAX_GRANTS {
            self.granted.remove(0);
        }
        self.granted.push(grant);
    }

    /// Whether a call is allowed already, and by which channel that was said. What is for one call is used up.
    pub(in crate::engine) fn take(&mut self, tool: &str, same: Digest, now: Duration) -> Option<Channel> {
        self.granted.retain(|grant| !matches!(grant.what, What::Once(_, until) if until <= now));
        let at = self.granted.iter().position(|grant| match &grant.what {
            What::Tool(granted) => **granted == *tool,
            What::Same(granted) | What::Once(granted, _) => *granted == same,
        })?;
        let channel = self.granted.get(at)?.channel;
        if matches!(self.granted.get(at)?.what, What::Once(..)) {
            self.granted.remove(at);
        }
        Some(channel)
    }
}
