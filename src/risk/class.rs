//! Risk classes: what a tool does to the world, and how much can go wrong.

use serde::{Deserialize, Serialize};

/// What a tool does to the world, from harmless to costly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Reads and changes nothing.
    Read,
    /// Changes what can be changed back.
    Write,
    /// Starts something outside: a send, an export, a run.
    Execute,
    /// Removes something for good.
    Destructive,
    /// Moves money.
    Financial,
}

impl Class {
    /// Every class, from the least to the greatest risk.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Execute, Self::Destructive, Self::Financial];

    /// The risk of the class, whatever the tool.
    pub fn risk(self) -> Risk {
        match self {
            Self::Read => Risk::Low,
            Self::Write => Risk::Medium,
            Self::Execute => Risk::High,
            Self::Destructive | Self::Financial => Risk::Critical,
        }
    }

    /// Returns the higher of two classes. A critical class stays: a mention of money must not evade a rule against deleting.
    #[must_use]
    pub fn raised_to(self, other: Self) -> Self {
        if self < Self::Destructive { self.max(other) } else { self }
    }

    /// The word used in policies and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Execute => "execute",
            Self::Destructive => "destructive",
            Self::Financial => "financial",
        }
    }
}

/// How much can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing that matters.
    Low,
    /// Something that can be put right.
    Medium,
    /// Something that people notice.
    High,
    /// Something that cannot be undone.
    Critical,
}

impl Risk {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
