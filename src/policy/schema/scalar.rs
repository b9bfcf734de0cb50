//! What is one string or number in a document: said by patterns and ranges.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::policy::condition::Operator;

/// How many, a slash and the window.
pub(super) struct Rate;

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!(r"^\s*{NUMBER}\s*/\s*({LENGTH})\s*$"),
            "examples": ["10/minute", "5/hour", "100/day", "3/90s"],
        })
    }
}

/// Money, a slash and the window.
pub(super) struct Spend;

impl JsonSchema for Spend {
    fn schema_name() -> Cow<'static, str> {
        "Spend".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!(r"^[$€£]*\s*{NUMBER}\s*/\s*({LENGTH})\s*$"),
            "examples": ["$500/day"],
        })
    }
}

/// A number from zero up, as JSON writes it.
const NUMBER: &str = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?";

/// A length of time in words.
const LENGTH: &str = "second|minute|hour|day|[0-9]+[smhd]";

/// Seconds, a word, or a number with a unit.
pub(super) struct Window;

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let seconds = crate::limits::MAX_WINDOW.as_secs();
        json_schema!({
            "description": "Seconds, or \"second\", \"minute\", \"hour\" or \"day\", or such as \"90s\", \"15m\", \"2h\", \"7d\".",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": seconds },
                { "type": "string", "pattern": format!("^({LENGTH})$"), "examples": ["minute", "90s"] },
            ],
        })
    }
}

/// A number from zero up.
pub(super) struct Amount;

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000_000_000_000_000_u64 })
    }
}

/// Where one value stands in a call's arguments.
pub(super) struct Argument;

impl JsonSchema for Argument {
    fn schema_name() -> Cow<'static, str> {
        "Argument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^args\..", "examples": ["args.amount"] })
    }
}

/// Where a condition looks.
pub(super) struct ConditionPath;

impl JsonSchema for ConditionPath {
    fn schema_name() -> Cow<'static, str> {
        "ConditionPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^(args\..|state\.)",
            "examples": ["args.email", "args.items[0].id", "args.items[*].id", "args.\"a.b\""],
        })
    }
}

/// One of the operators.
pub(super) struct Op;

impl JsonSchema for Op {
    fn schema_name() -> Cow<'static, str> {
        "Operator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Operator::ALL.map(Operator::as_str) })
    }
}
