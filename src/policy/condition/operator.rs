//! The operators and their words.

use std::fmt;

use super::error::ConditionError;
use crate::policy::keys::nearest;

/// How a condition judges a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented by its word, in the table of the module")]
pub enum Operator {
    Eq,
    Neq,
    In,
    NotIn,
    Lt,
    Lte,
    Gt,
    Gte,
    Regex,
    NotRegex,
    Contains,
    NotContains,
    StartsWith,
    EndsWith,
    Exists,
    Glob,
    LenLte,
    LenGte,
    Under,
}

impl Operator {
    /// All operators, in the order of the language's page.
    pub const ALL: [Self; 19] = [
        Self::Eq,
        Self::Neq,
        Self::In,
        Self::NotIn,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::Regex,
        Self::NotRegex,
        Self::Contains,
        Self::NotContains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Exists,
        Self::Glob,
        Self::LenLte,
        Self::LenGte,
        Self::Under,
    ];

    /// The words of all operators, in the same order.
    pub const WORDS: [&'static str; 19] = {
        let mut words = [""; 19];
        let mut at = 0;
        while at < words.len() {
            words[at] = Self::ALL[at].as_str();
            at += 1;
        }
        words
    };

    /// The word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Regex => "regex",
            Self::NotRegex => "not_regex",
            Self::Contains => "contains",
            Self::NotContains => "not_contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Exists => "exists",
            Self::Glob => "glob",
            Self::LenLte => "len_lte",
            Self::LenGte => "len_gte",
            Self::Under => "under",
        }
    }

    pub(in crate::policy) fn parse(word: &str) -> Result<Self, ConditionError> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == word).ok_or_else(|| {
            let nearest = nearest_sign(word).or_else(|| nearest(word, Self::WORDS.into_iter()));
            ConditionError::Operator { op: word.to_owned(), nearest }
        })
    }

    /// Whether it says what must not be: true for most values, and in a denial for an argument that was left out.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::Neq | Self::NotIn | Self::NotRegex | Self::NotContains)
    }

    /// The value that it takes, for messages.
    pub(super) fn expects(self) -> &'static str {
        match self {
            Self::Eq | Self::Neq | Self::Contains | Self::NotContains => "a string, a number or a boolean",
            Self::In | Self::NotIn => "a list of strings, numbers or booleans",
            Self::Lt | Self::Lte | Self::Gt | Self::Gte => "a number",
            Self::Regex | Self::NotRegex => "a regular expression, as a string",
            Self::StartsWith | Self::EndsWith => "a string",
            Self::Exists => "true or false",
            Self::Glob => "a glob, as a string",
            Self::LenLte | Self::LenGte => "a whole number",
            Self::Under => "a folder, as a string",
        }
    }

    /// A value that it takes.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Eq | Self::Neq => "\"user\" or 5",
            Self::Contains | Self::NotContains => "\"user\"",
            Self::In | Self::NotIn => "[\"user\", \"event\"]",
            Self::Lt | Self::Lte | Self::Gt | Self::Gte | Self::LenLte | Self::LenGte => "100",
            Self::Regex | Self::NotRegex => "\"^[a-z]+$\"",
            Self::StartsWith | Self::EndsWith => "\"test-\"",
            Self::Exists => "true",
            Self::Glob => "\"*@example.com\"",
            Self::Under => "\"/srv/data\"",
        }
    }
}

/// The operator for a sign of other languages.
fn nearest_sign(sign: &str) -> Option<&'static str> {
    match sign {
        "=" | "==" | "===" | "equals" => Some("eq"),
        "!=" | "<>" | "!==" | "ne" | "not_equals" => Some("neq"),
        "<" => Some("lt"),
        "<=" | "le" => Some("lte"),
        ">" => Some("gt"),
        ">=" | "ge" => Some("gte"),
        "~" | "=~" | "matches" => Some("regex"),
        "!~" => Some("not_regex"),
        _ => None,
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
