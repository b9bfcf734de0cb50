//! How a person is asked for approval.

use std::time::Duration;

use super::keys::words::words;

words! {
    /// What an approval for the rest of the session covers.
    #[derive(Default)]
    pub enum ApprovalScope("ApprovalScope");
    /// Every further call of the tool.
    @default "tool" => Tool,
    /// Further calls of the tool with the same arguments.
    "arguments" => Arguments,
}

words! {
    /// How long a question, and a late approval of it, can be used.
    #[derive(Default)]
    pub enum ApprovalLifetime("ApprovalLifetime");
    /// As long as the session that asks.
    @default "session" => Session,
    /// Until its time is up: the client's next session can make the call.
    "client" => Client,
}

/// What an entry says about asking a person. A field that is `None` is decided elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// How long to wait for a person.
    pub timeout: Option<Duration>,
    /// What an approval for the rest of the session covers.
    pub scope: Option<ApprovalScope>,
    /// How long a question, and a late approval of it, can be used.
    pub lives: Option<ApprovalLifetime>,
}

impl Asking {
    /// Fills the fields that are `None` from `other`.
    pub(super) fn or_else_from(self, other: Self) -> Self {
        Self {
            timeout: self.timeout.or(other.timeout),
            scope: self.scope.or(other.scope),
            lives: self.lives.or(other.lives),
        }
    }
}
