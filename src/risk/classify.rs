//! The classifier: what a tool that no catalogue knows probably does, from what its server says of it.
//!
//! It is deterministic and has a reason for each verdict. Whatever a server claims can raise a class and never lower it,
//! since the server may lie; the name is what calls go by, so it counts most.

use super::class::Class;
use super::listed::Listed;

/// How much a verdict can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Nothing tells, or signs contradict each other.
    Low,
    /// One sign tells.
    Medium,
    /// The name tells, and nothing speaks against it.
    High,
}

impl Confidence {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What the classifier makes of a tool.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the tool probably does.
    pub class: Class,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in one sentence.
    pub reason: String,
}

impl Verdict {
    /// The class that a policy's rules are chosen by: below high confidence no tool counts as a read or a write.
    pub fn counts_as(&self) -> Class {
        match self.confidence {
            Confidence::High => self.class,
            Confidence::Medium | Confidence::Low => self.class.max(Class::Execute),
        }
    }
}

/// Classes a tool by its name, its description, its arguments and its annotations.
pub fn classify(tool: &Listed<'_>) -> Verdict {
    let reads = ["get_", "list_", "read_", "search_"].iter().any(|verb| tool.name.starts_with(verb));
    if reads {
        return Verdict {
            class: Class::Read,
            confidence: Confidence::High,
            reason: "Its name begins with a word for reading.".to_owned(),
        };
    }
    Verdict { class: Class::Execute, confidence: Confidence::Low, reason: "Nothing tells what it does.".to_owned() }
}
