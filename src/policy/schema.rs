//! The JSON Schema (draft 2020-12) of a policy document, for editors.
//!
//! The types here say how a document is written, and nothing is ever read into them: the loader says more than a schema
//! can, and has the last word. A document that the loader takes is always valid under the schema; a test holds both
//! together, key by key.
#![allow(dead_code, reason = "the types are for the schema alone")]

mod scalar;

use std::collections::BTreeMap;

use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use scalar::{Amount, Argument, ConditionPath, Op, Rate, Spend, Window};

/// Where the schema is published.
const ID: &str = "https://raw.githubusercontent.com/policylayer/policylayer/main/config/policy.schema.json";

/// The schema of a policy document.
pub fn policy() -> Schema {
    let mut schema = schemars::schema_for!(Document);
    schema.insert("$id".to_owned(), ID.into());
    Tidy.transform(&mut schema);
    schema
}

/// A key that may be left out may still not be null; and descriptions are sentences, without the line breaks of this file.
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::String(text)) = object.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|one| one != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                object.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|one| one != "null"));
            if let [Value::Object(only)] = choices.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
    }
}

/// What an agent may do with the tools of an MCP server.
#[derive(JsonSchema)]
#[schemars(title = "policylayer policy", deny_unknown_fields)]
struct Document {
    /// The version of the language: always "1", in quotes.
    version: Version,
    /// For people. It decides nothing.
    description: Option<String>,
    /// What a tool gets that is not listed.
    default: Default,
    /// How `default = "deny"` refuses: "hide" (which is meant where nothing is said) takes unlisted tools out of
    /// tools/list, "deny" leaves them visible.
    unlisted: Option<Unlisted>,
    /// Tools that are taken out of tools/list and refused, as names or globs (`*`, `?`, `[a-z]`, `{a,b}`). A document with
    /// `hide` and neither `tools` nor `classes` is laid over the built-in policy.
    hide: Option<Vec<Name>>,
    /// What applies to every tool, on top of its own rule. It can only restrict.
    all_tools: Option<AllTools>,
    /// Rules by risk class, for tools with no entry of their own.
    classes: Option<Classes>,
    /// The tools that are listed, by name or glob. Listed means allowed, unless the entry says otherwise.
    tools: Option<Tools>,
    /// The schema, for editors.
    #[schemars(rename = "$schema")]
    schema: Option<String>,
}

#[derive(JsonSchema)]
enum Version {
    #[schemars(rename = "1")]
    One,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Default {
    /// Tools that are not listed are allowed, also those that the server gains later.
    Allow,
    /// Tools that are not listed are refused.
    Deny,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Unlisted {
    /// Not in tools/list, and refused.
    Hide,
    /// In tools/list, and refused.
    Deny,
}

/// The name of a tool, or a glob.
#[derive(JsonSchema)]
struct Name(#[schemars(length(min = 1))] String);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Classes {
    /// Tools that read and change nothing.
    read: Option<Entry>,
    /// Tools that change what can be changed back.
    write: Option<Entry>,
    /// Tools that set something off outside: a send, an export, a run.
    execute: Option<Entry>,
    /// Tools that take something away for good.
    destructive: Option<Entry>,
    /// Tools that move money.
    financial: Option<Entry>,
}

#[derive(JsonSchema)]
struct Tools {
    /// The same as `all_tools`.
    #[schemars(rename = "*")]
    all: Option<AllTools>,
    #[schemars(flatten)]
    entries: BTreeMap<String, Entry>,
}

/// What happens to the calls of a tool.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Entry {
    /// What happens; "allow" where nothing is said.
    action: Option<Action>,
    /// Overrides the tool's risk class.
    class: Option<Class>,
    /// What the agent is told on refusal.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
    /// How many calls are let through.
    rate_limit: Option<RateLimit>,
    /// Limits, taken all or none.
    limits: Option<Vec<Limit>>,
    /// How much money is let through, such as "$500/day"; needs `amount_from`.
    spend_limit: Option<Spend>,
    /// The argument that holds the amount for `spend_limit`.
    amount_from: Option<Argument>,
    /// Refused when one of the groups holds.
    deny_if: Option<Groups>,
    /// Refused unless every group holds.
    require: Option<Groups>,
    /// A person is asked when one of the groups holds.
    approve_if: Option<Groups>,
    /// Rules as Intercept has them, in order.
    rules: Option<Vec<Rule>>,
    /// How long to wait for a person; then the call is refused.
    approval_timeout: Option<Window>,
    /// What an approval for the rest of the session covers; "tool" where nothing is said.
    approval_scope: Option<ApprovalScope>,
}

/// What applies to every tool.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct AllTools {
    /// What the agent is told on refusal.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
    /// How many calls are let through, of all tools together.
    rate_limit: Option<RateLimit>,
    /// Limits, taken all or none.
    limits: Option<Vec<Limit>>,
    /// How much money is let through, such as "$500/day"; needs `amount_from`.
    spend_limit: Option<Spend>,
    /// The argument that holds the amount for `spend_limit`.
    amount_from: Option<Argument>,
    /// Refused when one of the groups holds.
    deny_if: Option<Groups>,
    /// Refused unless every group holds.
    require: Option<Groups>,
    /// A person is asked when one of the groups holds.
    approve_if: Option<Groups>,
    /// Rules as Intercept has them, in order.
    rules: Option<Vec<Rule>>,
    /// How long to wait for a person; then the call is refused.
    approval_timeout: Option<Window>,
    /// What an approval for the rest of the session covers; "tool" where nothing is said.
    approval_scope: Option<ApprovalScope>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum ApprovalScope {
    /// Every further call of the tool.
    Tool,
    /// Further calls of the tool with the same arguments.
    Arguments,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Action {
    /// Calls pass, if the rest of the entry lets them.
    Allow,
    /// The tool stays visible, and every call is refused.
    Deny,
    /// The tool is taken out of tools/list, and every call is refused.
    Hide,
    /// Every call asks a person.
    RequireApproval,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Class {
    /// Reads and changes nothing.
    Read,
    /// Changes what can be changed back.
    Write,
    /// Sets something off outside.
    Execute,
    /// Takes something away for good.
    Destructive,
    /// Moves money.
    Financial,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum RateLimit {
    /// How many, a slash and the window: "10/minute", "3/90s".
    Short(Rate),
    /// A limit with all its keys.
    Long(Limit),
}

/// What one window lets through.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Limit {
    /// How much a window lets through. Written as a whole number, only whole amounts are counted.
    max: Amount,
    /// How long the window is.
    window: Window,
    /// Whose calls are counted together; "session" where nothing is said.
    scope: Option<Scope>,
    /// The name of the count; without one, the limit's own place in the file.
    counter: Option<Counter>,
    /// How much each call counts; 1 where nothing is said.
    increment: Option<Amount>,
    /// The argument that says how much a call counts.
    increment_from: Option<Argument>,
    /// Whether windows slide (which is meant where nothing is said) or are the calendar's minutes, hours and days in UTC.
    align: Option<Align>,
    /// What the agent is told when the limit is reached.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
    /// Whether a call counts no more that the server answered with an error.
    refund_on_error: Option<bool>,
}

#[derive(JsonSchema)]
struct Counter(#[schemars(length(min = 1))] String);

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Scope {
    /// One run of the wrapper.
    Session,
    /// All wrappers of this server by this user, across restarts.
    Server,
    /// The same as "server".
    Grant,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Align {
    /// In no interval as long as the window is more let through.
    Sliding,
    /// From the beginning of a minute, an hour or a day.
    Calendar,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Groups {
    /// Groups of conditions.
    Many(Vec<GroupOrCondition>),
    /// One group, or one bare condition.
    One(GroupOrCondition),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum GroupOrCondition {
    Group(Group),
    Bare(BareCondition),
}

/// Conditions that hold together.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Group {
    /// The conditions; an empty list holds always.
    conditions: Vec<Condition>,
    /// Whether all of them must hold (which is meant where nothing is said), or any.
    #[schemars(rename = "match")]
    join: Option<Match>,
    /// What the agent is told.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Match {
    /// All of the conditions.
    All,
    /// At least one of them.
    Any,
}

/// What is asked of one argument.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Condition {
    /// Where the argument is.
    path: ConditionPath,
    /// How it is compared.
    op: Op,
    /// With what it is compared.
    value: Constant,
}

/// A condition that stands alone, with its own words for the agent.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct BareCondition {
    /// Where the argument is.
    path: ConditionPath,
    /// How it is compared.
    op: Op,
    /// With what it is compared.
    value: Constant,
    /// What the agent is told.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Constant {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// A rule as Intercept has it: refused unless its conditions hold and its limits are not reached.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Rule {
    /// For people.
    name: Option<String>,
    /// "evaluate", which is meant where nothing is said, or "deny".
    action: Option<RuleAction>,
    /// What must hold. A condition on `state.TOOL.COUNTER` is the maximum of the rule's own counter.
    conditions: Option<Vec<Condition>>,
    /// Whether all of them must hold (which is meant where nothing is said), or any.
    #[schemars(rename = "match")]
    join: Option<Match>,
    /// What the agent is told.
    reason: Option<String>,
    /// The same as `reason`.
    on_deny: Option<String>,
    /// How many calls are let through in a minute, an hour or a day of UTC.
    rate_limit: Option<Rate>,
    /// How much money is let through, such as "$500/day"; needs `amount_from`.
    spend_limit: Option<Spend>,
    /// The argument that holds the amount for `spend_limit`.
    amount_from: Option<Argument>,
    /// The rule's own counter.
    state: Option<State>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum RuleAction {
    /// The call is judged by the rule.
    Evaluate,
    /// Every call is refused.
    Deny,
}

/// A counter of a rule.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct State {
    /// Its name.
    counter: Counter,
    /// How long it counts: a minute, an hour or a day of UTC.
    window: Window,
    /// How much each call counts; 1 where nothing is said.
    increment: Option<Amount>,
    /// The argument that says how much a call counts.
    increment_from: Option<Argument>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::condition::Operator;
    use crate::policy::keys::{self, Keys};
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
        let schema = policy().to_value();
        let all: [(&str, Keys); 8] = [
            ("", keys::DOCUMENT),
            ("Entry", keys::ENTRY),
            ("AllTools", keys::ALL_TOOLS),
            ("Limit", keys::LIMIT),
            ("Group", keys::GROUP),
            ("Condition", keys::CONDITION),
            ("Rule", keys::RULE),
            ("State", keys::STATE),
        ];
        for (definition, keys) in all {
            assert_eq!(words(&schema, definition), keys.known.iter().copied().collect(), "{}", keys.of);
            let closed = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
            assert_eq!(closed["additionalProperties"], false, "{}", keys.of);
        }
        let bare: BTreeSet<_> = keys::CONDITION.known.iter().copied().chain(["reason", "on_deny"]).collect();
        assert_eq!(words(&schema, "BareCondition"), bare);
    }

    #[test]
    fn the_words_are_those_of_the_loader() {
        let schema = policy().to_value();
        let classes: BTreeSet<_> = risk::Class::ALL.map(risk::Class::as_str).into();
        assert_eq!(words(&schema, "Class"), classes);
        assert_eq!(words(&schema, "Classes"), classes);
        let effects = ["allow", "deny", "hide", "require_approval"];
        assert_eq!(words(&schema, "Action"), effects.into());
        assert_eq!(words(&schema, "Operator"), Operator::ALL.map(Operator::as_str).into());
    }

    #[test]
    fn nothing_may_be_null() {
        assert!(!policy().to_value().to_string().contains("null"));
    }
}
