//! A document as any of the three formats gives it: values with their places.

use super::diagnostic::{Diagnostic, Report, quote};
use super::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a document may hold. Numbers are kept as they were written.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(String),
    Float(String),
    /// TOML's dates and times, which no key takes.
    Datetime,
    String(String),
    Array(Vec<Node>),
    /// In the order of the document; a key that is written twice is there twice.
    Table(Vec<(Key, Node)>),
}

/// A key, decoded, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) span: Span,
    pub(crate) name: String,
}

impl Value {
    /// What the value is, with an article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Datetime => "a date",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The error for a key that is written twice in one table.
pub(crate) fn duplicate_key(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("duplicate-key", span, format!("the key {} is written twice in one table", quote(name)))
        .hint("keep one of the two, with everything that you meant under it")
}

/// Reports every key that is written twice. The depth of a tree is bounded by its decoder.
pub(crate) fn report_duplicates(node: &Node, report: &mut Report) {
    match &node.value {
        Value::Array(items) => items.iter().for_each(|item| report_duplicates(item, report)),
        Value::Table(pairs) => {
            let mut seen = std::collections::HashSet::new();
            for (key, value) in pairs {
                if !seen.insert(key.name.as_str()) {
                    report.push(duplicate_key(key.span.clone(), &key.name));
                }
                report_duplicates(value, report);
            }
        }
        _ => {}
    }
}
