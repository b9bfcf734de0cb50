//! The value of a condition, as a policy writes it.

use crate::policy::tree::{Node, Value};

/// A value from a policy document, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A string, decoded.
    String(String),
    /// A number as it was written.
    Number(String),
    /// A boolean.
    Boolean(bool),
    /// A list.
    List(Vec<Constant>),
    /// What no operator takes, by its name with an article: `null`, `a date`, `a table`.
    Other(&'static str),
}

impl Constant {
    /// What it is, with an article, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl From<&Node> for Constant {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::String(text) => Self::String(text.clone()),
            Value::Integer(number) | Value::Float(number) => Self::Number(number.clone()),
            Value::Boolean(boolean) => Self::Boolean(*boolean),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            other => Self::Other(other.kind()),
        }
    }
}
