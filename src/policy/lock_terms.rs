//! How a policy holds a session to the lock of its server.

use std::sync::Arc;

use super::compile::Policy;
use super::decision::{Decision, Effect};
use super::keys::words::words;
use crate::lock::{ItemKind, LockedDigests};

/// The rule that decides about what is not as the lock says: the key of the policy.
pub const LOCK_RULE: &str = "lock";

words! {
    /// What becomes of what a server lists otherwise than its lock says.
    pub enum LockMode("Lock");
    /// It is taken out of the lists, and refused.
    "hide" => Hide,
    /// It is listed, and a person is asked about each call.
    "ask" => Ask,
    /// It passes, and stderr and the log say so.
    "warn" => Warn,
    /// The lock is not read.
    "off" => Off,
    /// As `"hide"`, and without a lock no session starts.
    "required" => Required,
}

impl LockMode {
    /// Returns what happens to a definition that was not agreed to.
    pub fn effect(self) -> Effect {
        match self {
            Self::Hide | Self::Required => Effect::Hide,
            Self::Ask => Effect::RequireApproval,
            Self::Warn | Self::Off => Effect::Allow,
        }
    }
}

/// How something that the server has differs from the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drift {
    /// The lock does not have it.
    New,
    /// The lock has it with another definition.
    Changed,
    /// The lock has it, and the server does not list it now.
    Unlisted,
    /// The lock has it, and the server's list has not come, or cannot be read to its end.
    Unread,
}

impl Drift {
    /// Returns the word for what differs so.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unlisted => "unlisted",
            Self::Unread => "unread",
        }
    }
}

/// The lock that a session is held to.
#[derive(Debug)]
pub(super) struct PolicyLock {
    digests: Arc<LockedDigests>,
    effect: Effect,
    /// Of each [`Drift`]: the reason of a refusal.
    reasons: [String; 4],
}

impl Policy {
    /// Holds the sessions under this policy to a lock, as far as the policy says so.
    #[must_use]
    pub fn with_lock(mut self, digests: Arc<LockedDigests>) -> Self {
        let effect = self.lock_mode().effect();
        let look = format!("`policylayer lock diff --server {}` shows what changed.", self.server());
        let reasons = [
            "Nobody has agreed to it yet: the lock of this server does not have it.",
            "Its definition is not the one in the lock of this server, so it is not what was agreed to.",
            "The server does not list it now, so nobody can tell whether it is what the lock says.",
        ];
        let [new, changed, unlisted] = reasons.map(|reason| format!("{reason} {look}"));
        let unread = "The server has not sent the list that tells whether it is what the lock says, or not one that can be read.";
        let reasons = [new, changed, unlisted, unread.to_owned()];
        self.lock = (self.lock_mode() != LockMode::Off).then_some(PolicyLock { digests, effect, reasons });
        self
    }

    /// What becomes of what is not as the lock says.
    pub fn lock_mode(&self) -> LockMode {
        self.lock_mode.unwrap_or(LockMode::Hide)
    }

    /// What the policy says itself becomes of it; `None` if it has no word about a lock.
    pub fn written_lock_mode(&self) -> Option<LockMode> {
        self.lock_mode
    }

    /// The lock that a session is held to.
    pub fn locked(&self) -> Option<&Arc<LockedDigests>> {
        self.lock.as_ref().map(|lock| &lock.digests)
    }

    /// Returns how something differs from the lock by its name alone, before the server has listed anything.
    pub fn find_drift(&self, kind: ItemKind, name: &str) -> Option<Drift> {
        let locked = self.locked()?;
        let is_known = locked.has_name(kind, name) || kind == ItemKind::App && locked.has_name(ItemKind::AppPage, name);
        (!is_known).then_some(Drift::New)
    }

    /// Returns the decision about something that may differ from the lock, which makes no decision milder.
    pub fn hold_to_lock<'p>(&'p self, decision: Decision<'p>, drift: Option<Drift>) -> Decision<'p> {
        let (Some(lock), Some(drift)) = (&self.lock, drift) else { return decision };
        // A person who is asked anyway has to know that it is not what was agreed to.
        if lock.effect == Effect::Allow || lock.effect.strictness() < decision.effect.strictness() {
            return decision;
        }
        let reason = lock.reasons.get(drift as usize).map(String::as_str);
        Decision { effect: lock.effect, rule: LOCK_RULE, reason, file: decision.file }
    }
}
