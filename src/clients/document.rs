//! A client's configuration file as text and as a document tree.
//!
//! Files are edited as text: an edit replaces a span, and every other byte stays. The tree only locates values, so
//! comments, key order, indentation and line ends are never rewritten.

use std::collections::HashSet;
use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml::de::DeTable;

use crate::policy::decode;
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::visible::escape_invisible;

/// The format of a client's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFormat {
    /// JSON whose client accepts comments and trailing commas.
    Jsonc,
    /// JSON whose client accepts nothing else. Comments and trailing commas in it are kept all the same.
    Json,
    /// TOML.
    Toml,
}

/// Why a file is left alone: what is wrong with it, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .place.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default())]
pub struct BadDocument {
    /// The line and the character in it, both counted from 1; `None` if the file cannot be read at all.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

/// A parsed file: its text without a byte order mark, and its tree.
#[derive(Clone, Debug)]
pub struct ClientDocument {
    /// The byte order mark of the file, or an empty string.
    mark: &'static str,
    pub(super) text: String,
    pub(super) format: ClientFormat,
    pub(crate) root: DocumentNode,
}

/// A span of the text, and its replacement.
pub type TextEdit = (Range<usize>, String);

const MARK: &str = "\u{feff}";

impl ClientDocument {
    /// Parses a file. An empty one has no members.
    ///
    /// # Errors
    /// Returns an error if it is not UTF-8, does not parse, or is not an object.
    pub fn parse(bytes: &[u8], format: ClientFormat) -> Result<Self, BadDocument> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            bad_document_at(&String::from_utf8_lossy(good), good.len(), "this is not UTF-8 text".to_owned())
        })?;
        let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |text| (MARK, text));
        let root = match format {
            ClientFormat::Toml => parse_toml(text)?,
            ClientFormat::Json | ClientFormat::Jsonc => parse_json(text)?,
        };
        if !matches!(root.value, DocumentValue::Table(_)) {
            let message = format!("the file holds {} instead of an object", describe_kind(&root));
            return Err(bad_document_at(text, root.span.start, message));
        }
        Ok(Self { mark, text: text.to_owned(), format, root })
    }

    pub(crate) fn text_of(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn format(&self) -> ClientFormat {
        self.format
    }

    /// Returns what a client of this format may be unable to read; `None` if there is nothing: strict JSON has no comments,
    /// no trailing commas and no byte order mark.
    pub fn describe_oddity(&self) -> Option<&'static str> {
        let is_strict = || serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        if self.format != ClientFormat::Json {
            return None;
        }
        if !self.mark.is_empty() {
            return Some("it begins with a byte order mark");
        }
        (!self.text.trim().is_empty() && !is_strict()).then_some("there are comments or trailing commas in it")
    }

    /// Builds the error for what is at this offset.
    pub(super) fn error_at(&self, place: usize, message: String) -> BadDocument {
        bad_document_at(&self.text, place, message)
    }

    /// Applies these edits, which must not overlap, and returns the bytes of the file.
    pub fn apply_edits(&self, mut edits: Vec<TextEdit>) -> Vec<u8> {
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut out = String::from(self.mark);
        let mut done = 0;
        for (span, new) in edits {
            out.push_str(self.text_of(done..span.start));
            out.push_str(&new);
            done = span.end;
        }
        out.push_str(self.text_of(done..self.text.len()));
        out.into_bytes()
    }

    /// Finds the table at the end of a path of keys; `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if a key on the way is duplicated, or leads to something that has no members.
    pub(crate) fn find_table(&self, path: &[&str]) -> Result<Option<&DocumentNode>, BadDocument> {
        let mut node = &self.root;
        for key in path {
            match self.unique_member(node, key)? {
                Some((_, value)) => node = value,
                None => return Ok(None),
            }
        }
        self.unique_members(node).map(|_| Some(node))
    }

    /// Returns the members of an object, after a check for duplicate keys.
    ///
    /// # Errors
    /// Returns an error if the node is not an object, or a key is duplicated.
    pub(crate) fn unique_members<'n>(&self, node: &'n DocumentNode) -> Result<&'n [DocumentMember], BadDocument> {
        if !matches!(node.value, DocumentValue::Table(_)) {
            return Err(self.error_at(node.span.start, format!("here is {} instead of an object", describe_kind(node))));
        }
        let mut seen = HashSet::new();
        match node.members().iter().find(|(key, _)| !seen.insert(key.name.as_str())) {
            Some((twice, _)) => {
                let key = escape_invisible(&twice.name);
                let message = format!("the key {key:?} is here a second time; clients differ in which one they take");
                Err(self.error_at(twice.span.start, message))
            }
            None => Ok(node.members()),
        }
    }

    /// Returns the member of an object with this key.
    ///
    /// # Errors
    /// As [`ClientDocument::unique_members`].
    pub(crate) fn unique_member<'n>(
        &self,
        node: &'n DocumentNode,
        key: &str,
    ) -> Result<Option<&'n DocumentMember>, BadDocument> {
        Ok(self.unique_members(node)?.iter().find(|(own, _)| own.name == key))
    }
}

/// Returns the kind of a value, with an article, as users of a JSON file call it.
pub(super) fn describe_kind(node: &DocumentNode) -> &'static str {
    if matches!(node.value, DocumentValue::Table(_)) { "an object" } else { node.kind_name() }
}

fn bad_document_at(text: &str, place: usize, message: String) -> BadDocument {
    let before = text.get(..place).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    BadDocument { place: Some((before.matches('\n').count() + 1, line.chars().count() + 1)), message }
}

fn parse_json(text: &str) -> Result<DocumentNode, BadDocument> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        let message = error.kind().to_string();
        let mut message = message.trim_end_matches('.').to_owned();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        bad_document_at(text, error.range().start, message)
    })?;
    let empty = DocumentNode { span: 0..0, value: DocumentValue::Table(Vec::new()) };
    Ok(parsed.value.map_or(empty, |value| convert_json(&value)))
}

fn convert_json(value: &ast::Value<'_>) -> DocumentNode {
    let member = |member: &ast::ObjectProp<'_>| {
        let (key, name) = (member.name.range(), member.name.as_str().to_owned());
        (DocumentKey { span: key.start..key.end, name }, convert_json(&member.value))
    };
    let range = value.range();
    let value = match value {
        ast::Value::StringLit(text) => DocumentValue::String(text.value.to_string()),
        ast::Value::BooleanLit(boolean) => DocumentValue::Boolean(boolean.value),
        ast::Value::NumberLit(number) => DocumentValue::Float(number.value.to_owned()),
        ast::Value::NullKeyword(_) => DocumentValue::Null,
        ast::Value::Array(array) => DocumentValue::Array(array.elements.iter().map(convert_json).collect()),
        ast::Value::Object(object) => DocumentValue::Table(object.properties.iter().map(member).collect()),
    };
    DocumentNode { span: range.start..range.end, value }
}

fn parse_toml(text: &str) -> Result<DocumentNode, BadDocument> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        bad_document_at(text, place, error.message().to_owned())
    })?;
    let value = decode::toml_table(table.get_ref())
        .ok_or_else(|| bad_document_at(text, 0, "lists and tables nest too deeply here".to_owned()))?;
    Ok(DocumentNode { span: 0..text.len(), value })
}
