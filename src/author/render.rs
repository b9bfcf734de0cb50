//! Values and entries of a policy as text, in the three formats.

use toml_edit::{Array, InlineTable, Key, Value};

use crate::policy::json::json_number;
use crate::policy::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::visible::{escape_invisible, escape_invisible_json, escape_invisible_yaml};

/// Converts a value to TOML. Tables within a list get a line each; `depth` counts the lists around the value.
pub(super) fn toml_value(node: &DocumentNode, depth: usize) -> Value {
    match &node.value {
        // TOML has no null, and no key takes one or a date.
        DocumentValue::Null | DocumentValue::Datetime => Value::from(""),
        DocumentValue::Boolean(boolean) => Value::from(*boolean),
        DocumentValue::Integer(text) | DocumentValue::Float(text) => {
            let text = number_text(text);
            // Numbers stay as written.
            text.parse().unwrap_or_else(|_| Value::from(text))
        }
        DocumentValue::String(text) => toml_text(text),
        DocumentValue::Array(items) => {
            let has_lines = has_tables(items);
            let inner = depth + usize::from(has_lines);
            let mut list: Array = items.iter().map(|item| toml_value(item, inner)).collect();
            if has_lines {
                list.iter_mut().for_each(|item| item.decor_mut().set_prefix(format!("\n{}", indent_for(inner))));
                list.set_trailing(format!("\n{}", indent_for(depth)));
                list.set_trailing_comma(true);
            }
            Value::from(list)
        }
        DocumentValue::Table(members) => {
            let members = members.iter().map(|(key, node)| (key.name.as_str(), toml_value(node, depth)));
            Value::from(members.collect::<InlineTable>())
        }
    }
}

/// Writes a text in TOML, with what is invisible in it as codes.
pub(super) fn toml_text(text: &str) -> Value {
    let quoted = if escape_invisible(text) == text { None } else { quote_yaml(text).parse().ok() };
    quoted.unwrap_or_else(|| Value::from(text))
}

/// Writes a key in TOML, with what is invisible in it as codes.
pub(super) fn toml_key(name: &str) -> Key {
    let quoted = if escape_invisible(name) == name { None } else { Key::parse(&quote_yaml(name)).ok() };
    quoted.and_then(|mut keys| keys.pop()).unwrap_or_else(|| Key::new(name))
}

pub(super) fn toml_members(members: &[DocumentMember]) -> String {
    let line = |(key, node): &DocumentMember| {
        format!("{} = {}\n", toml_key(&key.name), toml_value(node, 0).to_string().trim())
    };
    members.iter().map(line).collect()
}

/// Writes an entry of a policy in TOML: `[tools.NAME]` and its members.
pub(super) fn toml_entry(table: &str, key: &str, members: &[DocumentMember]) -> String {
    format!("[{table}.{}]\n{}", toml_key(key), toml_members(members))
}

/// Writes a value as JSON, with tables over several lines.
pub(super) fn json_lines(node: &DocumentNode, depth: usize) -> String {
    let (inner, outer) = (indent_for(depth + 1), indent_for(depth));
    let lines = |open, parts: Vec<String>, close| {
        format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
    };
    match &node.value {
        DocumentValue::Table(members) if !members.is_empty() => {
            let member = |(key, value): &DocumentMember| {
                // A limit reads best on one line.
                let value = if key.name == "rate_limit" { json_line(value) } else { json_lines(value, depth + 1) };
                format!("{}: {value}", quote_json(&key.name))
            };
            lines("{", members.iter().map(member).collect(), "}")
        }
        DocumentValue::Array(items) if has_tables(items) => lines("[", items.iter().map(json_line).collect(), "]"),
        _ => json_line(node),
    }
}

pub(super) fn json_line(node: &DocumentNode) -> String {
    write_flow(node, quote_json)
}

/// Writes the members of a table in YAML, one per line, each with its line end.
pub(super) fn yaml_members(members: &[DocumentMember], indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let member = |(key, value): &DocumentMember| {
        let value = match &value.value {
            DocumentValue::Table(members) if !members.is_empty() => format!("\n{}", yaml_members(members, indent + 2)),
            DocumentValue::Array(items) if has_tables(items) => {
                let item = |item| format!("{blanks}  - {}\n", yaml_line(item));
                format!("\n{}", items.iter().map(item).collect::<String>())
            }
            _ => format!(" {}\n", yaml_line(value)),
        };
        format!("{blanks}{}:{value}", yaml_text(&key.name))
    };
    members.iter().map(member).collect()
}

pub(super) fn yaml_line(node: &DocumentNode) -> String {
    write_flow(node, yaml_text)
}

/// Writes a text in YAML, quoted unless every YAML parser reads it as a string without quotes.
pub(super) fn yaml_text(text: &str) -> String {
    // Some YAML parsers take these for a boolean, a number or null.
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quote_yaml(text) }
}

/// Quotes a text as JSON, with what is invisible in it as codes.
fn quote_json(text: &str) -> String {
    escape_invisible_json(&serde_json::Value::from(text).to_string())
}

/// Quotes a text as YAML and TOML do: there, a code is a character and not half of one.
fn quote_yaml(text: &str) -> String {
    escape_invisible_yaml(&serde_json::Value::from(text).to_string())
}

/// Writes a value on one line, in JSON or in the flow style of YAML.
fn write_flow(node: &DocumentNode, write: fn(&str) -> String) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match &node.value {
        DocumentValue::Null | DocumentValue::Datetime => "null".to_owned(),
        DocumentValue::Boolean(boolean) => boolean.to_string(),
        DocumentValue::Integer(text) | DocumentValue::Float(text) => number_text(text),
        DocumentValue::String(text) => write(text),
        DocumentValue::Array(items) => {
            format!("[{}]", join(items.iter().map(|item| write_flow(item, write)).collect()))
        }
        DocumentValue::Table(members) if members.is_empty() => "{}".to_owned(),
        DocumentValue::Table(members) => {
            let member = |(key, value): &DocumentMember| format!("{}: {}", write(&key.name), write_flow(value, write));
            format!("{{ {} }}", join(members.iter().map(member).collect()))
        }
    }
}

/// Spells a number as JSON and the other formats do.
pub(super) fn number_text(text: &str) -> String {
    json_number(text).unwrap_or_else(|| text.to_owned())
}

fn has_tables(items: &[DocumentNode]) -> bool {
    items.iter().any(|item| matches!(item.value, DocumentValue::Table(_)))
}

fn indent_for(depth: usize) -> String {
    "  ".repeat(depth)
}
