//! Decodes YAML from the parser's events, so that every key and value has its place and nothing is expanded implicitly.
//!
//! Anchors, aliases, tags and merge keys are refused: each makes a file mean something else than it shows.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle};

use super::super::diagnostic::{Diagnostic, Report, quote_for_message};
use super::super::source::Span;
use super::super::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use super::{syntax_error, too_deep_error};
use crate::limits::MAX_POLICY_DEPTH;

enum OpenContainer {
    List { span: Span, items: Vec<DocumentNode> },
    Table { span: Span, pairs: Vec<DocumentMember>, key: Option<DocumentKey> },
}

/// The part of the tree that the events have built so far.
#[derive(Default)]
struct TreeBuilder {
    open: Vec<OpenContainer>,
    root: Option<DocumentNode>,
}

impl TreeBuilder {
    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(OpenContainer::Table { key: None, .. }))
    }

    /// Adds a string: as the key of a table if one is expected, else as `value`.
    fn add_scalar(&mut self, span: Span, text: &str, value: DocumentValue) {
        match self.open.last_mut() {
            Some(OpenContainer::Table { key: key @ None, .. }) => {
                *key = Some(DocumentKey { span, name: text.to_owned() })
            }
            _ => self.add_node(DocumentNode { span, value }),
        }
    }

    fn add_node(&mut self, node: DocumentNode) {
        match self.open.last_mut() {
            Some(OpenContainer::List { items, .. }) => items.push(node),
            Some(OpenContainer::Table { pairs, key, .. }) => pairs.extend(key.take().map(|key| (key, node))),
            None => self.root = Some(node),
        }
    }

    fn close_container(&mut self) {
        let (span, value) = match self.open.pop() {
            Some(OpenContainer::List { span, items }) => (span, DocumentValue::Array(items)),
            Some(OpenContainer::Table { span, pairs, .. }) => (span, DocumentValue::Table(pairs)),
            None => return,
        };
        self.add_node(DocumentNode { span, value });
    }
}

pub(super) fn decode_yaml(text: &str, report: &mut Report) -> Option<DocumentNode> {
    let mut tree = TreeBuilder::default();
    let options = granit_parser::options! { emit_unresolved_aliases: true, emit_anchor_events: true };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok((event, span)) => (event, span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                let hint = "indent with spaces, put a space after each `key:`, and quote names with `*`, `{` or `[`";
                report.push(syntax_error(at..at, "YAML", &error.info()).with_hint(hint));
                return None;
            }
        };
        if let Event::Scalar(_, _, _, Some(tag))
        | Event::SequenceStart(_, _, Some(tag))
        | Event::MappingStart(_, _, Some(tag)) = &event
        {
            let message = format!("a policy cannot have tags: {}", quote_for_message(&tag.to_string()));
            let at = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(0..0);
            report.push_error("yaml-feature", &at, message, "remove the tag; quotes make a string");
        }
        let span = span.byte_range().unwrap_or(0..0);
        match event {
            Event::Scalar(word, ScalarStyle::Plain, ..) if tree.expects_key() && word == "<<" => {
                report.push(unsupported_feature(span, "merge keys"));
                return None;
            }
            Event::Scalar(word, style, ..) => tree.add_scalar(span, &word, type_scalar(word.clone(), style)),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let written = text.get(span.clone()).unwrap_or_default();
                let hint = "quote a glob that begins with `*`; write a value out where it is meant";
                report.push_error("yaml-feature", &span, "a policy cannot have aliases", hint);
                tree.add_scalar(span, written, DocumentValue::String(written.to_owned()));
            }
            Event::Anchor(..) => report.push(unsupported_feature(span, "anchors")),
            Event::DocumentStart(..) if tree.root.is_some() => {
                let hint = "a policy file holds one document: remove what follows, or put it into a file of its own";
                report.push_error("yaml-feature", &span, "a second document begins here", hint);
                break;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                // A caret under a whole block would hide what it points at.
                let span = span.start..(span.start + 1).min(text.len());
                if tree.expects_key() {
                    let hint = "keys are strings; quote one that begins with `[` or `{`";
                    report.push_error("syntax", &span, "a key is a list or a table", hint);
                    return None;
                }
                if tree.open.len() >= MAX_POLICY_DEPTH {
                    report.push(too_deep_error(span));
                    return None;
                }
                tree.open.push(if matches!(event, Event::SequenceStart(..)) {
                    OpenContainer::List { span, items: Vec::new() }
                } else {
                    OpenContainer::Table { span, pairs: Vec::new(), key: None }
                });
            }
            Event::SequenceEnd | Event::MappingEnd => tree.close_container(),
            _ => {}
        }
    }
    Some(tree.root.unwrap_or(DocumentNode { span: 0..0, value: DocumentValue::Null }))
}

fn unsupported_feature(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("yaml-feature", span, format!("a policy cannot have {what}"))
        .with_hint("write the value out where it is meant, so that the file shows what it does")
}

/// Types a scalar like YAML's core schema: quoted text is always a string.
fn type_scalar(text: Cow<'_, str>, style: ScalarStyle) -> DocumentValue {
    if style != ScalarStyle::Plain {
        return DocumentValue::String(text.into_owned());
    }
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => DocumentValue::Null,
        "true" | "True" | "TRUE" => DocumentValue::Boolean(true),
        "false" | "False" | "FALSE" => DocumentValue::Boolean(false),
        word if is_integer(word) => DocumentValue::Integer(text.into_owned()),
        word if is_float(word) => DocumentValue::Float(text.into_owned()),
        _ => DocumentValue::String(text.into_owned()),
    }
}

fn is_integer(word: &str) -> bool {
    let digits = |rest: &str, radix| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix));
    match (word.strip_prefix("0o"), word.strip_prefix("0x")) {
        (Some(octal), _) => digits(octal, 8),
        (_, Some(hex)) => digits(hex, 16),
        _ => digits(word.strip_prefix(['-', '+']).unwrap_or(word), 10),
    }
}

fn is_float(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(word, ".nan" | ".NaN" | ".NAN")
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.chars().any(|c| c.is_ascii_digit())
            && unsigned.parse::<f64>().is_ok())
}
