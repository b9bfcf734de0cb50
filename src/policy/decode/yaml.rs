//! YAML, from the parser's events, so that every key and value has its place and nothing is expanded in secret.
//!
//! Anchors, aliases, tags and merge keys are refused: each makes a file mean something else than it shows.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle};

use super::super::diagnostic::{Diagnostic, Report, quote};
use super::super::source::Span;
use super::super::tree::{DocumentKey, DocumentNode, DocumentValue};
use super::{syntax, too_deep};
use crate::limits::MAX_POLICY_DEPTH;

/// A list or table whose end has not come yet.
enum Open {
    List { span: Span, items: Vec<DocumentNode> },
    Table { span: Span, pairs: Vec<(DocumentKey, DocumentNode)>, key: Option<DocumentKey> },
}

pub(super) fn decode(text: &str, report: &mut Report) -> Option<DocumentNode> {
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<DocumentNode> = None;
    let options = granit_parser::options! { emit_unresolved_aliases: true, emit_anchor_events: true };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            match event {
                Ok((event, span)) => (event, span),
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                    report.push(syntax(at..at, "YAML", &error.info()).hint(
                        "indent with spaces, put a space after each `key:`, and quote names with `*`, `{` or `[`",
                    ));
                    return None;
                }
            };
        if let Event::Scalar(_, _, _, Some(tag))
        | Event::SequenceStart(_, _, Some(tag))
        | Event::MappingStart(_, _, Some(tag)) = &event
        {
            let message = format!("tags are not taken in a policy: {}", quote(&tag.to_string()));
            let at = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(0..0);
            report.push(Diagnostic::error("yaml-feature", at, message).hint("take the tag out; quotes make a string"));
        }
        let span = span.byte_range().unwrap_or(0..0);
        let is_key = matches!(open.last(), Some(Open::Table { key: None, .. }));
        let node =
            match event {
                Event::Scalar(word, style, ..) if is_key => {
                    if style == ScalarStyle::Plain && word == "<<" {
                        report.push(unsupported(span, "merge keys"));
                        return None;
                    }
                    take_key(&mut open, span, word.into_owned());
                    continue;
                }
                Event::Scalar(word, style, ..) => DocumentNode { value: scalar(word, style), span },
                Event::Alias(_) | Event::UnresolvedAlias(_) => {
                    let written = text.get(span.clone()).unwrap_or_default().to_owned();
                    report.push(
                        Diagnostic::error("yaml-feature", span.clone(), "aliases are not taken in a policy")
                            .hint("quote a glob that begins with `*`; write a value out where it is meant"),
                    );
                    if is_key {
                        take_key(&mut open, span, written);
                        continue;
                    }
                    DocumentNode { value: DocumentValue::String(written), span }
                }
                Event::Anchor(..) => {
                    report.push(unsupported(span, "anchors"));
                    continue;
                }
                Event::DocumentStart(..) if root.is_some() => {
                    report.push(Diagnostic::error("yaml-feature", span, "a second document begins here").hint(
                        "a policy file holds one document: take out what follows, or put it into a file of its own",
                    ));
                    break;
                }
                Event::SequenceStart(..) | Event::MappingStart(..) => {
                    // A caret under a whole block would hide what it points at.
                    let span = span.start..(span.start + 1).min(text.len());
                    if is_key {
                        report.push(
                            Diagnostic::error("syntax", span, "a key is a list or a table")
                                .hint("keys are strings; quote one that begins with `[` or `{`"),
                        );
                        return None;
                    }
                    if open.len() >= MAX_POLICY_DEPTH {
                        report.push(too_deep(span));
                        return None;
                    }
                    open.push(if matches!(event, Event::SequenceStart(..)) {
                        Open::List { span, items: Vec::new() }
                    } else {
                        Open::Table { span, pairs: Vec::new(), key: None }
                    });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(Open::List { span, items }) => DocumentNode { span, value: DocumentValue::Array(items) },
                    Some(Open::Table { span, pairs, .. }) => DocumentNode { span, value: DocumentValue::Table(pairs) },
                    None => continue,
                },
                _ => continue,
            };
        match open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { pairs, key, .. }) => pairs.extend(key.take().map(|key| (key, node))),
            None => root = Some(node),
        }
    }
    Some(root.unwrap_or(DocumentNode { span: 0..0, value: DocumentValue::Null }))
}

fn take_key(open: &mut [Open], span: Span, name: String) {
    if let Some(Open::Table { key, .. }) = open.last_mut() {
        *key = Some(DocumentKey { span, name });
    }
}

fn unsupported(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("yaml-feature", span, format!("{what} are not taken in a policy"))
        .hint("write the value out where it is meant, so that the file shows what it does")
}

/// Types a scalar as YAML's core schema does: quoted text is a string whatever it says.
fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> DocumentValue {
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
