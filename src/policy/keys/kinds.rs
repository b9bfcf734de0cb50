//! Kinds of values that are neither words nor tables of keys.

use std::marker::PhantomData;

use serde_json::json;

use super::{FromDocument, ValueKind, read_text, wrong_type};
use crate::policy::decode;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::source::{Format, Source, Span};
use crate::policy::tree::{DocumentMember, DocumentNode, DocumentValue};

#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) span: Span,
    pub(crate) value: T,
}

/// A value of kind `T` that is read later.
#[derive(Clone, Debug)]
pub(crate) struct Unread<T>(pub(crate) DocumentNode, PhantomData<T>);

impl FromDocument for String {
    fn value_kind() -> ValueKind {
        ValueKind::new("a string", "", |_| json!({ "type": "string" }))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| Ok::<_, (_, &str, &str)>(text.to_owned()))
    }
}

impl FromDocument for bool {
    fn value_kind() -> ValueKind {
        ValueKind::new("true or false", "", |_| json!({ "type": "boolean" }))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        if let DocumentValue::Boolean(value) = node.value {
            return Some(value);
        }
        report.push(wrong_type(node, what, "true or false").with_hint("write it without quotes"));
        None
    }
}

/// A list. A wrong item is reported and left out.
impl<T: FromDocument + 'static> FromDocument for Vec<T> {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            format!("a list of {}", T::value_kind().many),
            "",
            |definitions| json!({ "type": "array", "items": definitions.schema(T::value_kind()) }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let ValueKind { example, empty, item, .. } = T::value_kind();
        let DocumentValue::Array(items) = &node.value else {
            let hint = format!("put them into brackets: [{example}]");
            report.push(wrong_type(node, what, &Self::value_kind().kind).with_hint(hint));
            return None;
        };
        if let Some((message, hint)) = empty.filter(|_| items.is_empty()) {
            report.push_error("bad-value", &node.span, message, hint);
        }
        let item = if item.is_empty() { format!("an item of {what}") } else { item.to_owned() };
        Some(items.iter().filter_map(|node| T::read(node, &item, report)).collect())
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeNumber<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> FromDocument for WholeNumber<MIN, MAX> {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            format!("a whole number from {MIN} to {MAX}"),
            "",
            |_| json!({ "type": "integer", "minimum": MIN, "maximum": MAX }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let wanted = Self::value_kind().kind;
        let DocumentValue::Integer(text) = &node.value else {
            report.push(wrong_type(node, what, &wanted).with_hint("write it without quotes and without a fraction"));
            return None;
        };
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        check_bounds(number.map(Self), node, text, [what, &wanted, BOUNDS], report)
    }
}

const BOUNDS: &str = "write a number in these bounds, or leave the key out";

/// Returns the value, or reports that `text` is out of bounds. The words: what it is, what is expected, the hint.
pub(crate) fn check_bounds<T>(
    value: Option<T>,
    node: &DocumentNode,
    text: &str,
    [what, wanted, hint]: [&str; 3],
    report: &mut Report,
) -> Option<T> {
    if value.is_none() {
        report.push_error(
            "bad-value",
            &node.span,
            format!("{what} takes {wanted}, not {}", quote_for_message(text)),
            hint,
        );
    }
    value
}

impl<T: FromDocument> FromDocument for Located<T> {
    fn value_kind() -> ValueKind {
        T::value_kind()
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        Some(Self { span: node.span.clone(), value: T::read(node, what, report)? })
    }
}

impl<T: FromDocument> FromDocument for Unread<T> {
    fn value_kind() -> ValueKind {
        T::value_kind()
    }

    fn read(node: &DocumentNode, _: &str, _: &mut Report) -> Option<Self> {
        Some(Self(node.clone(), PhantomData))
    }
}

pub(crate) fn read_members<'n>(
    node: &'n DocumentNode,
    [what, kind, hint]: [&str; 3],
    report: &mut Report,
) -> Option<&'n [DocumentMember]> {
    if let DocumentValue::Table(members) = &node.value {
        return Some(members);
    }
    report.push(wrong_type(node, what, kind).with_hint(hint));
    None
}

/// Parses the default that a declaration gives for a key.
pub(crate) fn default_node(text: &str) -> DocumentNode {
    // Each entry has some of these, and they need no decoder.
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let word = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(is_plain);
    match (text, word) {
        (_, Some(word)) => DocumentNode::unplaced_string(word),
        ("true" | "false", _) => DocumentNode::unplaced(DocumentValue::Boolean(text == "true")),
        _ => {
            let read = decode::decode(&Source::new("default", Format::Json, text), &mut Report::default());
            read.unwrap_or(DocumentNode::unplaced(DocumentValue::Null))
        }
    }
}
