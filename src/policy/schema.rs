//! The JSON Schemas (draft 2020-12) of policies and test files, for editors.
//!
//! They are made from the declarations of the keys. The loader checks more than a schema can, and its verdict is final; a
//! document that the loader accepts is always valid under the schema.

use serde_json::Value;

use super::document::DocumentKeys;
use super::entry::EntryKeys;
use super::group_keys::{ConditionKeys, GroupKeys};
use super::keys::{Definitions, TableSpec};
use super::limit_keys::LimitKeys;
use super::results::ResultKeys;
use super::rule_keys::{CounterKeys, RuleKeys};
use super::testfile::FileKeys;

const PLACE: &str = "https://raw.githubusercontent.com/policylayer/policylayer/main/config";

/// Returns the schema of a policy document.
pub fn policy_schema() -> Value {
    make_schema(&DocumentKeys::SPEC, "policy")
}

/// Returns the schema of a file with tests of a policy.
pub fn test_schema() -> Value {
    make_schema(&FileKeys::SPEC, "test")
}

fn make_schema(table: &TableSpec, name: &str) -> Value {
    let mut definitions = Definitions::default();
    let mut schema = table.schema(&mut definitions);
    schema["$defs"] = definitions.0.into();
    schema["$id"] = format!("{PLACE}/{name}.schema.json").into();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = format!("policylayer {name}").into();
    schema
}

/// Returns the tables of keys in docs/policy.md as Markdown, each with its name in the schema.
pub fn key_tables() -> Vec<(&'static str, String)> {
    const TABLES: [TableSpec; 8] = [
        DocumentKeys::SPEC,
        EntryKeys::SPEC,
        LimitKeys::SPEC,
        GroupKeys::SPEC,
        ConditionKeys::SPEC,
        RuleKeys::SPEC,
        CounterKeys::SPEC,
        ResultKeys::SPEC,
    ];
    TABLES.iter().map(|table| (table.definition, table.to_markdown())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::condition::Operator;
    use crate::policy::entry::ALL_TOOLS;
    use crate::policy::group_keys::GroupedCondition;
    use crate::policy::testfile::{CaseKeys, StepKeys};
    use crate::risk;

    fn words<'s>(schema: &'s Value, definition: &str) -> BTreeSet<&'s str> {
        let schema = if definition.is_empty() { schema } else { &schema["$defs"][definition] };
        if let Some(properties) = schema["properties"].as_object() {
            return properties.keys().map(String::as_str).collect();
        }
        let choices = schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
        choices.chain(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str)).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_loader() {
        let schema = policy_schema();
        for (definition, table) in [
            ("", DocumentKeys::SPEC),
            ("Entry", EntryKeys::SPEC),
            ("AllTools", ALL_TOOLS),
            ("Limit", LimitKeys::SPEC),
            ("Group", GroupKeys::SPEC),
            ("Condition", GroupedCondition::SPEC),
            ("BareCondition", ConditionKeys::SPEC),
            ("Rule", RuleKeys::SPEC),
            ("State", CounterKeys::SPEC),
            ("Results", ResultKeys::SPEC),
        ] {
            assert_eq!(words(&schema, definition), table.names().collect(), "{}", table.of);
            let closed = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
            assert_eq!(closed["additionalProperties"], false, "{}", table.of);
        }
        assert!(words(&schema, "AllTools").is_subset(&words(&schema, "Entry")));
        assert_eq!(
            &words(&schema, "BareCondition") - &words(&schema, "Condition"),
            BTreeSet::from(["reason", "on_deny"])
        );
    }

    #[test]
    fn the_keys_of_test_files_are_those_of_the_loader() {
        let schema = test_schema();
        for (definition, table) in [("", FileKeys::SPEC), ("Case", CaseKeys::SPEC), ("Step", StepKeys::SPEC)] {
            assert_eq!(words(&schema, definition), table.names().collect(), "{}", table.of);
            let closed = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
            assert_eq!(closed["additionalProperties"], false, "{}", table.of);
        }
        assert_eq!(words(&schema, "Action"), words(&policy_schema(), "Action"));
    }

    #[test]
    fn the_words_are_those_of_the_loader() {
        let schema = policy_schema();
        let classes: BTreeSet<_> = risk::Class::ALL.map(risk::Class::as_str).into();
        assert_eq!(words(&schema, "Class"), classes);
        assert_eq!(words(&schema, "Classes"), classes);
        let effects = ["allow", "deny", "hide", "require_approval"];
        assert_eq!(words(&schema, "Action"), effects.into());
        assert_eq!(words(&schema, "Operator"), Operator::ALL.map(Operator::as_str).into());
    }

    #[test]
    fn nothing_may_be_null() {
        assert!(!policy_schema().to_string().contains("null") && !test_schema().to_string().contains("null"));
    }
}
