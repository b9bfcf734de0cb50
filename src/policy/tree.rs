//! The document tree: a document of any of the three formats as values with their places.
//!
//! The decoders build it, the reader takes policies, settings and test files from it, and the editor compares and writes
//! it. [`DocumentNode::members`], [`DocumentNode::member`] and [`DocumentNode::items`] look into a node and return nothing
//! where it is of another kind; [`DocumentNode::kind`] says what it is, for messages.

use super::diagnostic::{Diagnostic, Report, quote_for_message};
use super::source::Span;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct DocumentNode {
    pub(crate) span: Span,
    pub(crate) value: DocumentValue,
}

/// What a document can hold. Numbers are kept as they were written.
#[derive(Clone, Debug)]
pub(crate) enum DocumentValue {
    Null,
    Boolean(bool),
    Integer(String),
    Float(String),
    /// TOML's dates and times, which no key takes.
    Datetime,
    String(String),
    Array(Vec<DocumentNode>),
    /// In the order of the document; a key that is written twice is there twice.
    Table(Vec<DocumentMember>),
}

/// A key and its value.
pub(crate) type DocumentMember = (DocumentKey, DocumentNode);

/// A key, decoded, and its place.
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

    /// A string without a place.
    pub(crate) fn unplaced_string(text: impl Into<String>) -> Self {
        Self::unplaced(DocumentValue::String(text.into()))
    }

    /// A table without a place.
    pub(crate) fn unplaced_table(members: Vec<DocumentMember>) -> Self {
        Self::unplaced(DocumentValue::Table(members))
    }

    /// The kind of the value, with an article, for messages.
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

    /// The members of a table; none if it is not a table.
    pub(crate) fn members(&self) -> &[DocumentMember] {
        if let DocumentValue::Table(members) = &self.value { members } else { &[] }
    }

    /// The value of the member `name`; the first one if the key is written twice.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The items of a list; none if it is not a list.
    pub(crate) fn items(&self) -> &[Self] {
        if let DocumentValue::Array(items) = &self.value { items } else { &[] }
    }

    /// The text of a string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let DocumentValue::String(text) = &self.value { Some(text) } else { None }
    }

    /// Whether both hold the same value, wherever they are.
    pub(crate) fn is_same_value(&self, other: &Self) -> bool {
        let json = |node| {
            let mut out = String::new();
            super::json::write_node(node, &mut out).ok().map(|()| out)
        };
        json(self).is_some_and(|text| json(other) == Some(text))
    }
}

impl DocumentKey {
    /// A key without a place, to be written into a document.
    pub(crate) fn unplaced(name: impl Into<String>) -> Self {
        Self { span: 0..0, name: name.into() }
    }
}

/// The error for a key that is written twice in one table.
pub(crate) fn duplicate_key(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error(
        "duplicate-key",
        span,
        format!("the key {} is written twice in one table", quote_for_message(name)),
    )
    .with_hint("keep one of the two, with everything that you meant under it")
}

/// Reports every key that is written twice. The depth of a tree is bounded by its decoder.
pub(crate) fn report_duplicates(node: &DocumentNode, report: &mut Report) {
    node.items().iter().for_each(|item| report_duplicates(item, report));
    let mut seen = std::collections::HashSet::new();
    for (key, value) in node.members() {
        if !seen.insert(key.name.as_str()) {
            report.push(duplicate_key(key.span.clone(), &key.name));
        }
        report_duplicates(value, report);
    }
}
