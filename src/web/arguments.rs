//! The arguments that a tool declares, as the paths of conditions, and the operators that fit each of them.

use std::path::Path;

use serde_json::Value;

use crate::lock::ItemKind;
use crate::paths;
use crate::policy::ServerName;
use crate::policy::condition::Operator;
use crate::policy::document::quoted_key;
use crate::policy::json::json_number;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::risk::Catalogue;

/// How deep arguments are listed.
const MAX_DEPTH: usize = 4;

/// The most arguments that are listed.
const MAX_ARGUMENTS: usize = 200;

/// What an argument is declared to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgumentKind {
    Text,
    Number,
    Boolean,
    List,
    Object,
    /// Strings and numbers at any depth.
    Leaves,
    /// What of it a call reaches.
    Targets,
    /// Whether the tool has an argument that says what a call reaches.
    Addressed,
    /// Whether the session has read something before.
    SessionRead,
    /// The tools that the session has called before.
    SessionCalls,
    Unknown,
}

/// An argument that a condition can be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// Its path, such as `args.items[*].id`.
    pub(super) path: String,
    pub(super) kind: ArgumentKind,
    /// The values that it may have, if they are listed.
    pub(super) values: Vec<String>,
}

impl ArgumentKind {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Leaves => "each text and number in the call",
            Self::Targets => "the addresses, accounts and names that a call reaches",
            Self::Addressed => "true or false: whether the arguments say what a call reaches",
            Self::SessionRead => "true or false, of the session so far",
            Self::SessionCalls => "the tools that were called before",
            Self::Unknown => "of a kind that is not known",
        }
    }

    /// A value that a condition on it may have.
    pub(super) fn example_value(self) -> &'static str {
        match self {
            Self::Number => "100",
            Self::Boolean | Self::Addressed | Self::SessionRead => "true",
            Self::List | Self::Object => "10",
            Self::Leaves => "secret",
            Self::Targets => "untrusted",
            Self::SessionCalls => "read_email",
            Self::Text | Self::Unknown => "",
        }
    }

    /// The operators that can judge it.
    pub(super) fn operators(self) -> Vec<Operator> {
        use Operator::{
            CameFrom, Contains, Detects, EndsWith, Eq, Exists, Glob, Gt, Gte, In, LenGte, LenLte, Lt, Lte, Neq,
            NotContains, NotIn, NotRegex, Regex, StartsWith, Under,
        };
        match self {
            Self::Text => vec![
                Eq,
                Neq,
                In,
                NotIn,
                Contains,
                NotContains,
                StartsWith,
                EndsWith,
                Glob,
                Regex,
                NotRegex,
                Under,
                LenLte,
                LenGte,
                Detects,
                CameFrom,
                Exists,
            ],
            Self::Number => vec![Eq, Neq, Lt, Lte, Gt, Gte, In, NotIn, CameFrom, Exists],
            Self::Boolean => vec![Eq, Neq, Exists],
            Self::List => vec![Contains, NotContains, LenLte, LenGte, Exists],
            Self::Object => vec![LenLte, LenGte, Exists],
            Self::Leaves => {
                vec![
                    Detects,
                    CameFrom,
                    Contains,
                    NotContains,
                    Eq,
                    Neq,
                    In,
                    NotIn,
                    StartsWith,
                    EndsWith,
                    Glob,
                    Regex,
                    NotRegex,
                    Lt,
                    Lte,
                    Gt,
                    Gte,
                ]
            }
            Self::Targets => vec![CameFrom],
            Self::Addressed => vec![Eq, Neq],
            Self::SessionRead => vec![Eq],
            Self::SessionCalls => vec![Contains, NotContains, Glob],
            Self::Unknown => Operator::ALL.to_vec(),
        }
    }
}

/// Says what an operator asks, for a person.
pub(super) fn describe_operator(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "is",
        Operator::Neq => "is not",
        Operator::In => "is one of",
        Operator::NotIn => "is none of",
        Operator::Lt => "is less than",
        Operator::Lte => "is at most",
        Operator::Gt => "is more than",
        Operator::Gte => "is at least",
        Operator::Regex => "matches the regular expression",
        Operator::NotRegex => "does not match the regular expression",
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::StartsWith => "starts with",
        Operator::EndsWith => "ends with",
        Operator::Exists => "is there (true or false)",
        Operator::Glob => "fits the pattern, such as *@example.com",
        Operator::LenLte => "is at most so long",
        Operator::LenGte => "is at least so long",
        Operator::Under => "is inside the directory",
        Operator::Detects => "holds (secret, email, phone, card, iban, …)",
        Operator::CameFrom => "came from (untrusted, personal, or tool: with a tool's name)",
    }
}

/// Lists what conditions on a tool can be about: from its definition in the lock, else from the catalogue.
pub(super) fn list_arguments(
    tool: &str,
    server: &ServerName,
    lock: Option<&Path>,
    catalogue: Option<&Catalogue>,
) -> Vec<Argument> {
    let mut found = Vec::new();
    let definition = lock
        .and_then(|file| paths::read_lock(file, server).ok().flatten())
        .and_then(|(lock, _)| serde_json::from_str::<Value>(lock.find(ItemKind::Tool, tool)?.definition()).ok());
    match definition.as_ref().and_then(|definition| definition.get("inputSchema")) {
        Some(schema) => add_members("args", schema, 0, &mut found),
        None => {
            let names = catalogue.and_then(|catalogue| catalogue.argument_names(tool)).unwrap_or_default();
            let unknown = |name: &String| Argument {
                path: format!("args.{}", quoted_key(name)),
                kind: ArgumentKind::Unknown,
                values: Vec::new(),
            };
            found.extend(names.iter().take(MAX_ARGUMENTS).map(unknown));
        }
    }
    found.extend(common_arguments());
    found
}

/// Returns what conditions on any tool can be about.
pub(super) fn common_arguments() -> impl Iterator<Item = Argument> {
    let common = [
        ("args.**", ArgumentKind::Leaves),
        ("targets", ArgumentKind::Targets),
        ("tool.addressed", ArgumentKind::Addressed),
        ("session.read_untrusted", ArgumentKind::SessionRead),
        ("session.read_personal", ArgumentKind::SessionRead),
        ("session.called", ArgumentKind::SessionCalls),
    ];
    common.into_iter().map(|(path, kind)| Argument { path: path.to_owned(), kind, values: Vec::new() })
}

fn add_members(path: &str, schema: &Value, depth: usize, found: &mut Vec<Argument>) {
    let Some(members) = schema.get("properties").and_then(Value::as_object).filter(|_| depth < MAX_DEPTH) else {
        return;
    };
    for (name, member) in members {
        add_argument(format!("{path}.{}", quoted_key(name)), member, depth, found);
    }
}

fn add_argument(path: String, schema: &Value, depth: usize, found: &mut Vec<Argument>) {
    if found.len() >= MAX_ARGUMENTS {
        return;
    }
    let kind = kind_of(schema);
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
    found.push(Argument { path: path.clone(), kind, values });
    match kind {
        ArgumentKind::Object => add_members(&path, schema, depth + 1, found),
        ArgumentKind::List if depth + 1 < MAX_DEPTH => {
            if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
                add_argument(format!("{path}[*]"), items, depth + 1, found);
            }
        }
        _ => {}
    }
}

fn kind_of(schema: &Value) -> ArgumentKind {
    let declared = schema.get("type");
    let several = declared.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> =
        declared.and_then(Value::as_str).into_iter().chain(several).filter(|word| *word != "null").collect();
    match words.as_slice() {
        ["string"] => ArgumentKind::Text,
        ["number" | "integer"] | ["number", "integer"] | ["integer", "number"] => ArgumentKind::Number,
        ["boolean"] => ArgumentKind::Boolean,
        ["array"] => ArgumentKind::List,
        ["object"] => ArgumentKind::Object,
        [] if schema
            .get("enum")
            .is_some_and(|values| values.as_array().is_some_and(|all| all.iter().all(Value::is_string))) =>
        {
            ArgumentKind::Text
        }
        _ => ArgumentKind::Unknown,
    }
}

/// Reads what was typed as the value of an operator.
///
/// # Errors
/// Returns what is wrong with it.
pub(super) fn read_operand(operator: Operator, kind: ArgumentKind, typed: &str) -> Result<DocumentNode, String> {
    let text = || DocumentNode::unplaced_string(typed);
    match operator {
        Operator::Exists => read_boolean(typed),
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte | Operator::LenLte | Operator::LenGte => {
            read_number(typed)
        }
        Operator::In | Operator::NotIn => read_list(typed, |item| read_scalar(kind, item)),
        Operator::Detects => read_list(typed, |item| Ok(DocumentNode::unplaced_string(item))),
        Operator::Eq | Operator::Neq | Operator::Contains | Operator::NotContains => read_scalar(kind, typed),
        Operator::Regex
        | Operator::NotRegex
        | Operator::Glob
        | Operator::Under
        | Operator::StartsWith
        | Operator::EndsWith
        | Operator::CameFrom => Ok(text()),
    }
}

/// What is not known to be a text is read as JSON writes it, if it is a number or a boolean.
fn read_scalar(kind: ArgumentKind, typed: &str) -> Result<DocumentNode, String> {
    match kind {
        ArgumentKind::Number => read_number(typed),
        ArgumentKind::Boolean | ArgumentKind::Addressed | ArgumentKind::SessionRead => read_boolean(typed),
        ArgumentKind::Text | ArgumentKind::SessionCalls => Ok(DocumentNode::unplaced_string(typed)),
        _ => {
            let quoted = serde_json::from_str::<String>(typed).ok().map(|text| Ok(DocumentNode::unplaced_string(text)));
            quoted.unwrap_or_else(|| {
                let other = read_number(typed).or_else(|_| read_boolean(typed));
                Ok(other.unwrap_or_else(|_| DocumentNode::unplaced_string(typed)))
            })
        }
    }
}

fn read_boolean(typed: &str) -> Result<DocumentNode, String> {
    match typed.trim() {
        "true" => Ok(DocumentNode::unplaced(DocumentValue::Boolean(true))),
        "false" => Ok(DocumentNode::unplaced(DocumentValue::Boolean(false))),
        _ => Err("Write `true` or `false`.".to_owned()),
    }
}

pub(super) fn read_number(typed: &str) -> Result<DocumentNode, String> {
    let number = json_number(typed.trim()).ok_or_else(|| "Write a number, such as `100` or `0.5`.".to_owned())?;
    let is_whole = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    Ok(DocumentNode::unplaced(if is_whole { DocumentValue::Integer(number) } else { DocumentValue::Float(number) }))
}

/// Reads several values, one on each line, or separated by commas.
fn read_list(typed: &str, read: impl Fn(&str) -> Result<DocumentNode, String>) -> Result<DocumentNode, String> {
    let separator = if typed.contains('\n') { '\n' } else { ',' };
    let items = typed.split(separator).map(str::trim).filter(|item| !item.is_empty()).map(read);
    let items: Vec<_> = items.collect::<Result<_, _>>()?;
    if items.is_empty() {
        return Err("Write the values, separated by commas.".to_owned());
    }
    Ok(DocumentNode::unplaced(DocumentValue::Array(items)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn describe_value(node: &DocumentNode) -> String {
        match &node.value {
            DocumentValue::String(text) => format!("{text:?}"),
            DocumentValue::Integer(text) | DocumentValue::Float(text) => text.clone(),
            DocumentValue::Boolean(boolean) => boolean.to_string(),
            _ => format!("[{}]", node.items().iter().map(describe_value).collect::<Vec<_>>().join(", ")),
        }
    }

    #[test]
    fn the_arguments_of_a_schema_are_paths_with_their_kinds() {
        let schema = json!({ "properties": {
            "email": { "type": "string" },
            "a.b": { "type": ["integer", "null"] },
            "kind": { "enum": ["user", "event"] },
            "items": { "type": "array", "items": { "type": "object", "properties": { "id": { "type": "number" } } } },
            "any": {},
        } });
        let mut found = Vec::new();
        add_members("args", &schema, 0, &mut found);
        let mut found: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.kind)).collect();
        found.sort_by_key(|(path, _)| *path);
        assert_eq!(
            found,
            [
                ("args.\"a.b\"", ArgumentKind::Number),
                ("args.any", ArgumentKind::Unknown),
                ("args.email", ArgumentKind::Text),
                ("args.items", ArgumentKind::List),
                ("args.items[*]", ArgumentKind::Object),
                ("args.items[*].id", ArgumentKind::Number),
                ("args.kind", ArgumentKind::Text),
            ]
        );
    }

    #[test]
    fn a_value_is_of_the_kind_of_its_argument() {
        use ArgumentKind::{
            Addressed, Boolean, Leaves, List, Number, SessionCalls, SessionRead, Targets, Text, Unknown,
        };
        for (operator, kind, typed, read) in [
            (Operator::Eq, Text, "5", Some("\"5\"")),
            (Operator::Eq, Number, " 5 ", Some("5")),
            (Operator::Eq, Number, "five", None),
            (Operator::Gt, Unknown, "1e3", Some("1e3")),
            (Operator::Eq, Boolean, "yes", None),
            (Operator::Exists, Text, "false", Some("false")),
            (Operator::In, Text, "a, 5", Some("[\"a\", \"5\"]")),
            (Operator::In, Unknown, "a\n5\n\"5\"", Some("[\"a\", 5, \"5\"]")),
            (Operator::In, Text, " , ", None),
            (Operator::Contains, List, "true", Some("true")),
            (Operator::Regex, Number, "^5", Some("\"^5\"")),
            (Operator::Detects, Text, "secret", Some("[\"secret\"]")),
            (Operator::CameFrom, Leaves, "untrusted", Some("\"untrusted\"")),
            (Operator::CameFrom, Targets, "untrusted", Some("\"untrusted\"")),
            (Operator::Eq, Addressed, "false", Some("false")),
            (Operator::Neq, Addressed, "5", None),
            (Operator::Eq, SessionRead, "true", Some("true")),
            (Operator::Eq, SessionRead, "yes", None),
            (Operator::Contains, SessionCalls, "5", Some("\"5\"")),
        ] {
            let got = read_operand(operator, kind, typed).ok().map(|node| describe_value(&node));
            assert_eq!(got.as_deref(), read, "{operator} {typed}");
        }
    }
}
