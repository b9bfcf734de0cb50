//! Converts a document of any format, or a part of one, to JSON.

use super::decode;
use super::diagnostic::{Diagnostic, Report};
use super::number::Number;
use super::source::Source;
use super::tree::{DocumentNode, DocumentValue};

/// Converts a document to JSON with its keys in order; `None` if it has a syntax error or a value that JSON cannot
/// hold.
pub fn as_json(source: &Source) -> Option<String> {
    let mut report = Report::default();
    let root = decode::decode(source, &mut report).filter(|_| !report.has_errors())?;
    let mut out = String::new();
    write_node(&root, &mut out).ok().map(|()| out)
}

/// Appends a value as JSON, with numbers as they are written if JSON allows it. The decoder bounds the depth of the
/// tree.
pub(super) fn write_node(node: &DocumentNode, out: &mut String) -> Result<(), Diagnostic> {
    match &node.value {
        DocumentValue::Null => out.push_str("null"),
        DocumentValue::Boolean(true) => out.push_str("true"),
        DocumentValue::Boolean(false) => out.push_str("false"),
        DocumentValue::Integer(text) | DocumentValue::Float(text) => {
            out.push_str(&json_number(text).ok_or_else(|| {
                Diagnostic::error("no-json", node.span.clone(), "JSON has no such number")
                    .with_hint("write it as JSON does, such as 10 or 0.5; a call cannot hold anything else")
            })?)
        }
        DocumentValue::Datetime => {
            return Err(Diagnostic::error("no-json", node.span.clone(), "JSON has no dates")
                .with_hint("put it in quotes, as the tool takes it"));
        }
        DocumentValue::String(text) => write_string(text, out),
        DocumentValue::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_node(item, out)?;
            }
            out.push(']');
        }
        DocumentValue::Table(pairs) => {
            out.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(&key.name, out);
                out.push(':');
                write_node(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Spells a number of a policy as JSON does; `None` if JSON has no such number.
pub(crate) fn json_number(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if Number::parse(unsigned).is_some() {
        return (text == unsigned || !unsigned.starts_with('-')).then(|| unsigned.to_owned());
    }
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)];
    let (digits, radix) =
        radix.into_iter().find_map(|(prefix, radix)| Some((unsigned.strip_prefix(prefix)?, radix)))?;
    let number = u128::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))?;
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Format;

    #[test]
    fn every_format_becomes_json() {
        for (format, text, expected) in [
            (
                Format::Json,
                r#" {"b": 1.50, "a": [null, true, 1e400, "é\n"]} "#,
                r#"{"b":1.50,"a":[null,true,1e400,"é\n"]}"#,
            ),
            (
                Format::Toml,
                "b = 0x1F\na = { \"x y\" = [+5, 1_000, -0.5, 1e3] }\n",
                r#"{"b":31,"a":{"x y":[5,1000,-0.5,1e3]}}"#,
            ),
            (Format::Yaml, "b: 0x1F\na: [~, false, +1.5]\n", r#"{"b":31,"a":[null,false,1.5]}"#),
        ] {
            assert_eq!(as_json(&Source::new("test", format, text)).as_deref(), Some(expected), "{text}");
        }
        for (format, text) in [
            (Format::Toml, "a = 2026-01-01"),
            (Format::Toml, "a = inf"),
            (Format::Yaml, "a: .nan"),
            (Format::Json, r#"{"a":1,"a":2}"#),
            (Format::Toml, "a ="),
        ] {
            assert_eq!(as_json(&Source::new("test", format, text)), None, "{text}");
        }
    }
}
