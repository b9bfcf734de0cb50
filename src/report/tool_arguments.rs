//! The arguments of a tool as a person fills them in: by the schema in the lock, or by the names in the catalogue of its server.

use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::lock::ItemKind;
use crate::paths;
use crate::policy::Server;
use crate::wire::arguments::Arguments;

/// How many values a choice may have; with more, the value is typed.
const MAX_CHOICES: usize = 200;

/// An argument, as the schema declares it at its top level. All of it is the server's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArgumentField {
    pub(crate) name: String,
    pub(crate) kind: ArgumentKind,
    pub(crate) is_required: bool,
    /// What the server says it is for.
    pub(crate) does: Option<String>,
    /// What the server takes if it is not given, as JSON.
    pub(crate) default: Option<String>,
}

/// What an argument can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    Text,
    /// A number; whether it is a whole one.
    Number(Wholeness),
    Boolean,
    /// One of these, each as JSON.
    Choice(Vec<String>),
    Array,
    Object,
    /// Anything, or nothing is known.
    Any,
}

/// Whether a number may have a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wholeness {
    Whole,
    Any,
}

impl ArgumentKind {
    /// What a person has to write.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number(Wholeness::Whole) => "a whole number",
            Self::Number(Wholeness::Any) => "a number",
            Self::Boolean => "true or false",
            Self::Choice(_) => "one of these",
            Self::Array => "an array, as JSON",
            Self::Object => "an object, as JSON",
            Self::Any => "any value, as JSON: text in quotes",
        }
    }

    /// Returns what was typed as JSON. What is wrong is said with what to do.
    pub(crate) fn read_typed(&self, typed: &str) -> Result<String, String> {
        let text = typed.trim();
        let starts_as = |starts: &[char]| text.starts_with(starts);
        let digits = |c: char| c.is_ascii_digit() || c == '-';
        let (is_kind, what) = match self {
            Self::Text => return Ok(Value::from(typed).to_string()),
            Self::Choice(values) => {
                let found = values.iter().find(|value| *value == text);
                return found
                    .cloned()
                    .ok_or_else(|| "This is none of the values of the schema. Choose one of them.".to_owned());
            }
            Self::Number(Wholeness::Whole) => (text.chars().all(digits), "no whole number. Write one such as 77"),
            Self::Number(Wholeness::Any) => (text.starts_with(digits), "no number. Write one such as 7.5"),
            Self::Boolean => (matches!(text, "true" | "false"), "neither true nor false. Write one of them"),
            Self::Array => (starts_as(&['[']), "no array. Write one such as [1, 2]"),
            Self::Object => (starts_as(&['{']), "no object. Write one such as {\"a\": 1}"),
            Self::Any => (true, ""),
        };
        if !is_kind {
            return Err(format!("This is {what}."));
        }
        // One value, as the reader of the wrapper takes it.
        let is_one = serde_json::from_str::<&RawValue>(text).is_ok();
        match Arguments::parse(&format!("{{\"x\":{text}}}")) {
            Ok(_) if is_one => Ok(text.to_owned()),
            _ if what.is_empty() => Err("This is no JSON. Write a text in quotes: \"…\".".to_owned()),
            _ if matches!(self, Self::Array | Self::Object) => {
                Err("This is no JSON that every parser reads alike.".to_owned())
            }
            _ => Err(format!("This is {what}.")),
        }
    }
}

/// Finds the arguments of a tool; `None` if nothing here knows them.
pub(crate) fn find_arguments(server: &Server, lock: Option<&Path>, tool: &str) -> Option<Vec<ArgumentField>> {
    // A lock that cannot be used is reported where it is used.
    let lock = lock.and_then(|file| paths::read_lock(file, server.name()).ok().flatten());
    if let Some(item) = lock.as_ref().and_then(|(lock, _)| lock.find(ItemKind::Tool, tool)) {
        let definition: Value = serde_json::from_str(item.definition()).ok()?;
        return Some(read_schema(definition.get("inputSchema").unwrap_or(&Value::Null)));
    }
    let names = server.catalogue()?.argument_names(tool)?;
    let field = |name: &String| ArgumentField {
        name: name.clone(),
        kind: ArgumentKind::Any,
        is_required: false,
        does: None,
        default: None,
    };
    Some(names.iter().map(field).collect())
}

/// Reads the arguments of an input schema, what is required first.
fn read_schema(schema: &Value) -> Vec<ArgumentField> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, declared): (&String, &Value)| ArgumentField {
        name: name.clone(),
        kind: read_kind(declared),
        is_required: required.contains(&name.as_str()),
        does: declared.get("description").and_then(Value::as_str).map(str::to_owned),
        default: declared.get("default").map(Value::to_string),
    };
    let mut fields: Vec<_> = properties.into_iter().flatten().map(field).collect();
    fields.sort_by_key(|field| !field.is_required);
    fields
}

fn read_kind(declared: &Value) -> ArgumentKind {
    let Some(declared) = declared.as_object() else { return ArgumentKind::Any };
    let values = declared.get("enum").and_then(Value::as_array).cloned();
    if let Some(values) = values.or_else(|| declared.get("const").map(|only| vec![only.clone()]))
        && values.len() <= MAX_CHOICES
    {
        return ArgumentKind::Choice(values.iter().map(Value::to_string).collect());
    }
    match only_type(declared) {
        Some("string") => ArgumentKind::Text,
        Some("integer") => ArgumentKind::Number(Wholeness::Whole),
        Some("number") => ArgumentKind::Number(Wholeness::Any),
        Some("boolean") => ArgumentKind::Boolean,
        Some("array") => ArgumentKind::Array,
        Some("object") => ArgumentKind::Object,
        Some(_) => ArgumentKind::Any,
        // What may also be null is declared as one of two.
        None => match ["anyOf", "oneOf"].iter().find_map(|key| declared.get(*key)?.as_array()) {
            Some(ways) => {
                let mut ways = ways.iter().filter(|way| way.get("type").and_then(Value::as_str) != Some("null"));
                match (ways.next(), ways.next()) {
                    (Some(only), None) if only.get("anyOf").or(only.get("oneOf")).is_none() => read_kind(only),
                    _ => ArgumentKind::Any,
                }
            }
            None => ArgumentKind::Any,
        },
    }
}

/// Returns the one type beside null.
fn only_type(declared: &Map<String, Value>) -> Option<&str> {
    match declared.get("type")? {
        Value::String(only) => Some(only),
        Value::Array(types) => {
            let mut types = types.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            types.next().filter(|_| types.next().is_none())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_becomes_fields() {
        for (declared, kind) in [
            (r#"{"type":"string"}"#, ArgumentKind::Text),
            (r#"{"type":["null","integer"]}"#, ArgumentKind::Number(Wholeness::Whole)),
            (r#"{"anyOf":[{"type":"number"},{"type":"null"}]}"#, ArgumentKind::Number(Wholeness::Any)),
            (r#"{"type":"boolean"}"#, ArgumentKind::Boolean),
            (
                r#"{"type":"string","enum":["a",1,null]}"#,
                ArgumentKind::Choice(vec!["\"a\"".into(), "1".into(), "null".into()]),
            ),
            (r#"{"const":true}"#, ArgumentKind::Choice(vec!["true".into()])),
            (r#"{"type":"array","items":{}}"#, ArgumentKind::Array),
            (r#"{"type":"object"}"#, ArgumentKind::Object),
            (r#"{"type":["string","integer"]}"#, ArgumentKind::Any),
            (r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#, ArgumentKind::Any),
            (r#"{"anyOf":[{"anyOf":[{"type":"string"}]}]}"#, ArgumentKind::Any),
            ("true", ArgumentKind::Any),
            (r##"{"$ref":"#/x"}"##, ArgumentKind::Any),
        ] {
            assert_eq!(read_kind(&serde_json::from_str(declared).unwrap()), kind, "{declared}");
        }
        let schema =
            r#"{"properties":{"b":{"description":"d","default":[1]},"a":{"type":"string"}},"required":["b",7]}"#;
        let fields = read_schema(&serde_json::from_str(schema).unwrap());
        let [b, a] = &fields[..] else { panic!("{fields:?}") };
        assert_eq!((b.name.as_str(), b.is_required, a.is_required), ("b", true, false));
        assert_eq!((b.does.as_deref(), b.default.as_deref()), (Some("d"), Some("[1]")));
        assert_eq!(read_schema(&Value::Null), []);
    }

    #[test]
    fn what_is_typed_is_json_or_said_to_be_wrong() {
        let choice = ArgumentKind::Choice(vec!["\"a\"".to_owned()]);
        for (kind, typed, json) in [
            (&ArgumentKind::Text, " a\"\n", Some("\" a\\\"\\n\"")),
            (&ArgumentKind::Number(Wholeness::Whole), " -77 ", Some("-77")),
            (&ArgumentKind::Number(Wholeness::Whole), "7.5", None),
            (&ArgumentKind::Number(Wholeness::Whole), "--7", None),
            (&ArgumentKind::Number(Wholeness::Whole), "7,\"b\":8", None),
            (&ArgumentKind::Number(Wholeness::Any), "7.50e1", Some("7.50e1")),
            (&ArgumentKind::Number(Wholeness::Any), "7,\"b\":8", None),
            (&ArgumentKind::Boolean, "true", Some("true")),
            (&ArgumentKind::Boolean, "yes", None),
            (&choice, "\"a\"", Some("\"a\"")),
            (&choice, "a", None),
            (&ArgumentKind::Array, "[1,", None),
            (&ArgumentKind::Array, "{}", None),
            (&ArgumentKind::Array, "[1],\"b\":[2]", None),
            (&ArgumentKind::Object, "{\"a\":1,\"a\":2}", None),
            (&ArgumentKind::Any, "a", None),
            (&ArgumentKind::Any, "null", Some("null")),
            (&ArgumentKind::Any, "1,\"b\":2", None),
        ] {
            assert_eq!(kind.read_typed(typed).ok().as_deref(), json, "{kind:?} {typed}");
        }
    }
}
