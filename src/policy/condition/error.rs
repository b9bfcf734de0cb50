//! What is wrong with a condition, by part, so that a caret can point at it.

use super::operator::Operator;
use super::path::PathError;
use crate::limits::{MAX_REGEX_LENGTH, MAX_REGEX_SIZE};
use crate::policy::diagnostic::quote_for_message;
use crate::policy::keys::words::list_words;

/// Why a condition cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The path is wrong.
    #[error("{0}")]
    Path(PathError),
    /// The operator is unknown.
    #[error("there is no operator {}", quote_for_message(op))]
    Operator {
        /// The word in its place.
        op: String,
        /// The operator that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The value is wrong or absent.
    #[error("{problem}")]
    Value {
        /// The index of the wrong element in a list, from zero; `None` for the value as a whole.
        element: Option<usize>,
        /// What is wrong with it.
        problem: ValueError,
    },
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The value is absent.
    #[error("`{operator}` needs a value: {expected}", expected = operator.expected_value())]
    Absent {
        /// The operator that needs it.
        operator: Operator,
    },
    /// The operator does not take a value of this type.
    #[error("`{operator}` takes {expected}, and this is {found}", expected = operator.expected_value())]
    Type {
        /// The operator.
        operator: Operator,
        /// The type of the value, with an article.
        found: &'static str,
    },
    /// No list takes an element of this type.
    #[error("such a list holds strings, numbers and booleans, and this is {found}")]
    Element {
        /// The type of the element, with an article.
        found: &'static str,
    },
    /// The list is empty.
    #[error("the list is empty")]
    Empty,
    /// The number is infinite, or written in a way that parsers read differently.
    #[error("{} is no decimal number", quote_for_message(.0))]
    Number(String),
    /// The length is negative or has a fraction.
    #[error("{} is no length", quote_for_message(.0))]
    Length(String),
    /// The pattern is not a regular expression.
    #[error("the pattern is no regular expression: {0}")]
    Regex(String),
    /// The pattern is too long, or compiles to too large a program.
    #[error("the regular expression is too large")]
    RegexSize,
    /// The text is not a glob.
    #[error("{message}")]
    Glob {
        /// What is wrong with it.
        message: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The directory cannot be resolved by its text.
    #[error("{} cannot be resolved to a directory by its text alone", quote_for_message(.0))]
    Directory(String),
}

impl ConditionError {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Path(error) => error.hint().to_owned(),
            Self::Operator { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Self::Operator { nearest: None, .. } => format!("the operators are {}", list_words(&Operator::ALL)),
            Self::Value { problem, .. } => problem.hint(),
        }
    }
}

impl ValueError {
    fn hint(&self) -> String {
        match self {
            Self::Absent { operator } => format!("add it, such as value = {}", operator.example_value()),
            Self::Type { operator: Operator::Eq | Operator::Neq, found: "a list" } => {
                "use `in` or `not_in` for several values".to_owned()
            }
            Self::Type { operator: Operator::Eq | Operator::Neq, found: "null" } => {
                "ask with `exists` whether an argument is there".to_owned()
            }
            Self::Type { operator, .. } => format!("types are not converted: write it as {}", operator.example_value()),
            Self::Element { .. } => "write the values one after the other, such as [\"user\", \"event\"]".to_owned(),
            Self::Empty => "put at least one value into it, such as [\"user\"]".to_owned(),
            Self::Number(_) => "write it in plain decimals, such as 100, -2.5 or 1e6".to_owned(),
            Self::Length(_) => "write a whole number from zero up".to_owned(),
            Self::Regex(_) => {
                "patterns have no lookaround and no backreferences, which keeps them linear; `\\` before a character \
                 takes it as it is"
                    .to_owned()
            }
            Self::RegexSize => format!(
                "shorten it, or lower its repetitions: it may be {MAX_REGEX_LENGTH} bytes long and compile to {} KiB",
                MAX_REGEX_SIZE / 1024
            ),
            Self::Glob { hint, .. } => (*hint).to_owned(),
            Self::Directory(_) => {
                "write it from its root and without `%` escapes, such as \"/srv/data\"; a directory relative to the \
                 server's own may not climb out of it"
                    .to_owned()
            }
        }
    }
}
