//! A client's configuration file as text and as a tree of values with their places.
//!
//! Files are edited as text: what is to change is cut out and put in at its place, and every other byte stays. The tree
//! only says where things stand, so that comments, key order, indentation and line ends need not be written anew.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, and the client takes comments and trailing commas.
    Jsonc,
    /// JSON, and the client takes nothing else. Comments and trailing commas that are there all the same are kept.
    Json,
    /// TOML.
    Toml,
}

/// Why a file is left alone: what is wrong with it, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct BadDocument {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A JSON object or a TOML table.
    Object(Vec<Member>),
    /// A list.
    Array(Vec<Node>),
    /// A text, decoded.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A number, a date or `null`: named as a person calls it.
    Other(&'static str),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Member {
    /// The key, decoded.
    pub key: String,
    /// The bytes of the key, with its quotes.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

/// A file that was read: its text without a byte order mark, and its tree.
#[derive(Clone, Debug)]
pub struct Document {
    /// The mark that the file begins with, or nothing.
    mark: &'static str,
    text: String,
    format: Format,
    root: Node,
}

/// A place of the text, and what is to stand there instead.
pub type Edit = (Range<usize>, String);

const MARK: &str = "\u{feff}";

impl Document {
    /// Reads a file. An empty one has no members.
    ///
    /// # Errors
    /// Where it is not UTF-8, does not parse, or is no object.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Self, BadDocument> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            at(&String::from_utf8_lossy(good), good.len(), "this is not UTF-8 text".to_owned())
        })?;
        let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |text| (MARK, text));
        let root = match format {
            Format::Toml => toml(text)?,
            Format::Json | Format::Jsonc => json(text)?,
        };
        if !matches!(root.value, Value::Object(_)) {
            let message = format!("the file holds {} instead of an object", root.value.kind());
            return Err(at(text, root.span.start, message));
        }
        Ok(Self { mark, text: text.to_owned(), format, root })
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A part of the text.
    pub fn part(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is written as a client of this format reads it: strict JSON has no comments and no trailing commas.
    pub fn is_plain(&self) -> bool {
        let strict = || serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        self.format != Format::Json || self.text.trim().is_empty() || strict()
    }

    /// The outermost object.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The error for something at this place.
    pub fn error(&self, place: usize, message: String) -> BadDocument {
        at(&self.text, place, message)
    }

    /// The bytes of the file with these changes, which do not overlap.
    pub fn edited(&self, mut edits: Vec<Edit>) -> Vec<u8> {
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut out = String::from(self.mark);
        let mut done = 0;
        for (span, new) in edits {
            out.push_str(self.part(done..span.start));
            out.push_str(&new);
            done = span.end;
        }
        out.push_str(self.part(done..self.text.len()));
        out.into_bytes()
    }

    /// The value at the end of a path of keys; `None` where there is none.
    ///
    /// # Errors
    /// Where a key on the way is there twice, or leads to something that has no members.
    pub fn find(&self, path: &[&str]) -> Result<Option<&Node>, BadDocument> {
        let mut node = &self.root;
        for key in path {
            match self.member(node, key)? {
                Some(member) => node = &member.node,
                None => return Ok(None),
            }
        }
        self.members(node).map(|_| Some(node))
    }

    /// The members of an object, none of which is there twice.
    ///
    /// # Errors
    /// Where it is no object, or a key is there twice.
    pub fn members<'n>(&self, node: &'n Node) -> Result<&'n [Member], BadDocument> {
        let Value::Object(members) = &node.value else {
            return Err(self.error(node.span.start, format!("here is {} instead of an object", node.value.kind())));
        };
        let mut seen = std::collections::HashSet::new();
        match members.iter().find(|member| !seen.insert(member.key.as_str())) {
            Some(twice) => {
                let key = crate::visible::visible(&twice.key);
                let message = format!("the key {key:?} is here a second time; clients differ in which one they take");
                Err(self.error(twice.key_span.start, message))
            }
            None => Ok(members),
        }
    }

    /// The member of an object with this key.
    ///
    /// # Errors
    /// As [`Document::members`].
    pub fn member<'n>(&self, node: &'n Node, key: &str) -> Result<Option<&'n Member>, BadDocument> {
        Ok(self.members(node)?.iter().find(|member| member.key == key))
    }
}

impl Value {
    /// What it is, with an article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array(_) => "a list",
            Self::Text(_) => "a text",
            Self::Boolean(_) => "a boolean",
            Self::Other(kind) => kind,
        }
    }
}

fn at(text: &str, place: usize, message: String) -> BadDocument {
    let before = text.get(..place).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    BadDocument { line: before.matches('\n').count() + 1, column: line.chars().count() + 1, message }
}

fn json(text: &str) -> Result<Node, BadDocument> {
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
        at(text, error.range().start, message)
    })?;
    Ok(parsed.value.map_or(Node { span: 0..0, value: Value::Object(Vec::new()) }, |value| json_node(&value)))
}

fn json_node(value: &ast::Value<'_>) -> Node {
    use jsonc_parser::common::Ranged as _;
    let range = value.range();
    let what = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.to_string()),
        ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
        ast::Value::NumberLit(_) => Value::Other("a number"),
        ast::Value::NullKeyword(_) => Value::Other("null"),
        ast::Value::Array(array) => Value::Array(array.elements.iter().map(json_node).collect()),
        ast::Value::Object(object) => {
            let member = |member: &ast::ObjectProp<'_>| {
                let key = member.name.range();
                let (key_span, node) = (key.start..key.end, json_node(&member.value));
                Member { key: member.name.as_str().to_owned(), key_span, node }
            };
            Value::Object(object.properties.iter().map(member).collect())
        }
    };
    Node { span: range.start..range.end, value: what }
}

fn toml(text: &str) -> Result<Node, BadDocument> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        at(text, place, error.message().to_owned())
    })?;
    Ok(Node { span: 0..text.len(), value: toml_table(table.get_ref()) })
}

fn toml_table(table: &DeTable<'_>) -> Value {
    let member = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Member {
        key: key.get_ref().clone().into_owned(),
        key_span: key.span(),
        node: toml_node(value),
    };
    let mut members: Vec<_> = table.iter().map(member).collect();
    // The parser sorts by name; the file's own order is the one that its author knows.
    members.sort_by_key(|member| member.key_span.start);
    Value::Object(members)
}

fn toml_node(value: &Spanned<DeValue<'_>>) -> Node {
    let what = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Integer(_) | DeValue::Float(_) => Value::Other("a number"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::Array(items.iter().map(toml_node).collect()),
        DeValue::Table(table) => toml_table(table),
    };
    Node { span: value.span(), value: what }
}
