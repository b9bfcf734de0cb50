//! Decodes TOML. Tables and keys keep their spans; the parser bounds its own recursion.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::source::Span;
use super::super::tree::{DocumentKey, DocumentNode, DocumentValue, duplicate_key};
use super::{syntax_error, too_deep_error};
use crate::limits::MAX_POLICY_DEPTH;

pub(super) fn decode_toml(text: &str, report: &mut Report) -> Option<DocumentNode> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut usable = true;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        if error.message() == "duplicate key" {
            // The parser has kept the first one, so the rest of the tree is still worth reading.
            let written = text.get(span.clone()).unwrap_or_default();
            report.push(duplicate_key(span, written.trim_matches(['"', '\''])));
        } else {
            usable = false;
            report.push(syntax_error(span, "TOML", error.message()).with_hint(syntax_hint(error.message())));
        }
    }
    if !usable {
        return None;
    }
    let value = decode_table(root.get_ref(), 1, report)?;
    Some(DocumentNode { span: 0..text.len().min(1), value })
}

fn syntax_hint(message: &str) -> &'static str {
    if message.contains("key") {
        "quote a name that has other characters than letters, digits, `-` and `_`"
    } else if message.contains("string") || message.contains("quote") {
        "put strings in double quotes, such as key = \"text\""
    } else {
        "TOML has one `key = value` per line, and tables as `[NAME]`"
    }
}

pub(super) fn decode_table(pairs: &DeTable<'_>, depth: usize, report: &mut Report) -> Option<DocumentValue> {
    let mut out = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let node = decode_node(value, depth + 1, report)?;
        out.push((DocumentKey { span: key.span(), name: key.get_ref().clone().into_owned() }, node));
    }
    // The parser sorts by name; the order of the document makes rule paths and messages easy to follow.
    out.sort_by_key(|(key, _)| key.span.start);
    Some(DocumentValue::Table(out))
}

fn decode_node(value: &Spanned<DeValue<'_>>, depth: usize, report: &mut Report) -> Option<DocumentNode> {
    let span: Span = value.span();
    if depth > MAX_POLICY_DEPTH {
        report.push(too_deep_error(span));
        return None;
    }
    let value = match value.get_ref() {
        DeValue::String(text) => DocumentValue::String(text.clone().into_owned()),
        DeValue::Integer(integer) => DocumentValue::Integer(integer.to_string()),
        DeValue::Float(float) => DocumentValue::Float(float.to_string()),
        DeValue::Boolean(boolean) => DocumentValue::Boolean(*boolean),
        DeValue::Datetime(_) => DocumentValue::Datetime,
        DeValue::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                out.push(decode_node(item, depth + 1, report)?);
            }
            DocumentValue::Array(out)
        }
        DeValue::Table(pairs) => decode_table(pairs, depth, report)?,
    };
    Some(DocumentNode { span, value })
}
