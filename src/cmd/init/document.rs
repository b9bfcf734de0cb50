//! A policy as it is going to be written: values, their order, and what is said beside them.

use crate::policy::tree::{DocumentNode, DocumentValue};

/// A value of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A text.
    Text(String),
    /// A number or a boolean, as all three formats write it.
    Plain(String),
    /// A list.
    List(Vec<Self>),
    /// A table, in this order.
    Table(Pairs),
}

/// Keys with their values, in their order.
pub(super) type Pairs = Vec<(String, Written)>;

impl Written {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value of a document that was read; `None` where no policy has such a value.
    pub(super) fn of(node: &DocumentNode) -> Option<Self> {
        Some(match &node.value {
            DocumentValue::String(text) => Self::Text(text.clone()),
            DocumentValue::Integer(number) | DocumentValue::Float(number) => Self::Plain(number.clone()),
            DocumentValue::Boolean(value) => Self::Plain(value.to_string()),
            DocumentValue::Array(items) => Self::List(items.iter().map(Self::of).collect::<Option<_>>()?),
            DocumentValue::Table(pairs) => Self::Table(
                pairs.iter().map(|(key, value)| Some((key.name.clone(), Self::of(value)?))).collect::<Option<_>>()?,
            ),
            DocumentValue::Null | DocumentValue::Datetime => return None,
        })
    }

    /// The items of a list, where one of them is a table: those stand on lines of their own.
    pub(super) fn items_on_lines(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) if items.iter().any(|item| matches!(item, Self::Table(_))) => Some(items),
            _ => None,
        }
    }
}

/// A whole policy. Comments are lines without their mark; a format without comments leaves them out.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// What it is, before anything else.
    pub(super) head: Vec<String>,
    /// What stands at its top.
    pub(super) top: Vec<Entry>,
    /// The rules by class.
    pub(super) classes: Section,
    /// The tools, section by section.
    pub(super) tools: Vec<Section>,
}

/// Some entries under one heading.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// The heading.
    pub(super) title: String,
    /// What is to be said of all of it.
    pub(super) notes: Vec<String>,
    /// The entries.
    pub(super) entries: Vec<Entry>,
}

/// A key, its value, and what is said of it.
#[derive(Debug)]
pub(super) struct Entry {
    /// What is said of it.
    pub(super) comments: Vec<String>,
    /// The key and its value; `None` where there is only something to say.
    pub(super) pair: Option<(String, Written)>,
}
