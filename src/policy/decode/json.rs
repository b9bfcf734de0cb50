//! Decodes JSON. Each value is first read as raw text, so that its place is known, and then parsed.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::diagnostic::Report;
use super::super::source::{Span, floor_char_boundary};
use super::super::tree::{DocumentKey, DocumentNode, DocumentValue};
use super::{syntax_error, too_deep_error};
use crate::limits::MAX_POLICY_DEPTH;

pub(super) fn decode_json(text: &str, report: &mut Report) -> Option<DocumentNode> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => decode_node(text, raw, 1, report),
        Err(error) => report_syntax_error(text, 0, &error, report),
    }
}

fn decode_node(text: &str, raw: &RawValue, depth: usize, report: &mut Report) -> Option<DocumentNode> {
    let json = raw.get();
    let span = span_in_text(text, json);
    if depth > MAX_POLICY_DEPTH {
        report.push(too_deep_error(span.start..span.start + 1));
        return None;
    }
    let value = match json.as_bytes().first() {
        Some(b'{') => {
            let mut pairs = Vec::new();
            for (key, value) in parse_part::<JsonMembers>(text, json, report)?.0 {
                let name = parse_part::<String>(text, key.get(), report)?;
                let key = DocumentKey { span: span_in_text(text, key.get()), name };
                pairs.push((key, decode_node(text, value, depth + 1, report)?));
            }
            DocumentValue::Table(pairs)
        }
        Some(b'[') => {
            let mut items = Vec::new();
            for item in parse_part::<Vec<&RawValue>>(text, json, report)? {
                items.push(decode_node(text, item, depth + 1, report)?);
            }
            DocumentValue::Array(items)
        }
        Some(b'"') => DocumentValue::String(parse_part::<String>(text, json, report)?),
        Some(b't') => DocumentValue::Boolean(true),
        Some(b'f') => DocumentValue::Boolean(false),
        Some(b'n') => DocumentValue::Null,
        _ if json.contains(['.', 'e', 'E']) => DocumentValue::Float(json.to_owned()),
        _ => DocumentValue::Integer(json.to_owned()),
    };
    // A caret under a whole table would hide what it points at.
    let span = if matches!(value, DocumentValue::Table(_) | DocumentValue::Array(_)) {
        span.start..span.start + 1
    } else {
        span
    };
    Some(DocumentNode { span, value })
}

/// Parses `part`, a slice of `text`, and reports an error at its place in `text`.
fn parse_part<'a, T: serde::Deserialize<'a>>(text: &'a str, part: &'a str, report: &mut Report) -> Option<T> {
    match serde_json::from_str(part) {
        Ok(value) => Some(value),
        Err(error) => report_syntax_error(text, span_in_text(text, part).start, &error, report),
    }
}

fn report_syntax_error<T>(text: &str, base: usize, error: &serde_json::Error, report: &mut Report) -> Option<T> {
    let part = text.get(base..).unwrap_or_default();
    let line_start: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = (base + line_start + error.column().saturating_sub(1)).min(text.len());
    let words = error.to_string();
    let message = match words.split(" at line ").next().unwrap_or_default() {
        "expected ident" => "here should be an object, a list, a string, a number, true, false or null",
        message => message,
    };
    let (before, after) = text.split_at(floor_char_boundary(text, at));
    let hint = if after.starts_with([']', '}']) && before.trim_end().ends_with(',') {
        "remove the comma before the closing bracket"
    } else if message.starts_with("trailing characters") {
        "a policy file holds one JSON object and nothing after it"
    } else {
        "JSON has its keys and strings in double quotes, a comma between two members, and no comments"
    };
    report.push(syntax_error(at..(at + 1).min(text.len().max(at)), "JSON", message).with_hint(hint));
    None
}

/// The span of `part`, a slice of `text`.
fn span_in_text(text: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// The members of an object in their order, duplicates included.
struct JsonMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for JsonMembers<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = JsonMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(JsonMembers(pairs))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
