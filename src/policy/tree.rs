//! The document tree: a document in any of the three formats, as values with their places.
//!
//! The decoders build it, the reader takes policies, settings and test files from it, and the editor compares and
//! writes it. [`DocumentNode::members`], [`DocumentNode::member`] and [`DocumentNode::items`] return nothing if the
//! node is of another kind.

use super::diagnostic::{Diagnostic, Report, quote_for_message};
use super::source::Span;

#[derive(Clone, Debug)]
pub(crate) struct DocumentNode {
    pub(crate) span: Span,
    pub(crate) value: DocumentValue,
}

/// A value in a document. Numbers are kept as they are written.
#[derive(Clone, Debug)]
pub(crate) enum DocumentValue {
    Null,
    Boolean(bool),
    Integer(String),
    Float(String),
    /// TOML's dates and times, which no key accepts.
    Datetime,
    String(String),
    Array(Vec<DocumentNode>),
    /// In the order of the document; a duplicate key is there twice.
    Table(Vec<DocumentMember>),
}

pub(crate) type DocumentMember = (DocumentKey, DocumentNode);

#[derive(Clone, Debug)]
pub(crate) struct DocumentKey {
    pub(crate) span: Span,
    pub(crate) name: String,
}

impl DocumentNode {
    /// A value without a place, to be written into a document.
    pub(crate) fn unplaced(value: DocumentValue) -> Self {
        Self { span: 0..0, value }
    }

    pub(crate) fn unplaced_string(text: impl Into<String>) -> Self {
        Self::unplaced(DocumentValue::String(text.into()))
    }

    pub(crate) fn unplaced_table(members: Vec<DocumentMember>) -> Self {
        Self::unplaced(DocumentValue::Table(members))
    }

    /// The kind of the value with an article, for messages.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.value {
            DocumentValue::Null => "null",
            DocumentValue::Boolean(_) => "a boolean",
            DocumentValue::Integer(_) => "an integer",
            DocumentValue::Float(_) => "a number",
            DocumentValue::Datetime => "a date",
            DocumentValue::String(_) => "a string",
            DocumentValue::Array(_) => "a list",
            DocumentValue::Table(_) => "a table",
        }
    }

    pub(crate) fn members(&self) -> &[DocumentMember] {
        if let DocumentValue::Table(members) = &self.value { members } else { &[] }
    }

    /// The value of the member `name`; the first one if the key is a duplicate.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    pub(crate) fn items(&self) -> &[Self] {
        if let DocumentValue::Array(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let DocumentValue::String(text) = &self.value { Some(text) } else { None }
    }

    /// Whether both hold the same value, whatever their places.
    pub(crate) fn is_same_value(&self, other: &Self) -> bool {
        let json = |node| {
            let mut out = String::new();
            super::json::write_node(node, &mut out).ok().map(|()| out)
        };
        json(self).is_some_and(|text| json(other) == Some(text))
    }
}

impl DocumentKey {
    pub(crate) fn unplaced(name: impl Into<String>) -> Self {
        Self { span: 0..0, name: name.into() }
    }
}

pub(crate) fn duplicate_key(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "duplicate-key",
        span,
        format!("the key {} is written twice in one table", quote_for_message(name)),
    )
    .with_hint("keep one of the two, with everything that you meant under it")
}

/// Reports duplicate keys. The decoder bounds the depth of the tree.
pub(crate) fn report_duplicates(node: &DocumentNode, report: &mut Report) {
    node.items().iter().for_each(|item| report_duplicates(item, report));
    let members = node.members();
    let mut seen = std::collections::HashSet::with_capacity(if members.len() > 1 { members.len() } else { 0 });
    for (key, value) in members {
        if members.len() > 1 && !seen.insert(key.name.as_str()) {
            report.push(duplicate_key(key.span.clone(), &key.name));
        }
        report_duplicates(value, report);
    }
}
