//! Groups of conditions, and the conditions in them.

use serde_json::json;

use super::condition::{
    Condition, ConditionGroup, Evaluation, GroupKind, Match, Operator, OperatorTest, Path, PathsOf, Sighting,
};
use super::diagnostic::{Report, quote_for_message};
use super::document::POLICY;
use super::entry::EntryCompiler;
use super::keys::kinds::Located;
use super::keys::words::list_words;
use super::keys::{Definitions, FromDocument, TableSpec, ValueKind, read_text, table, table_kind};
use super::tree::{DocumentNode, DocumentValue};

table! {
    /// A condition that stands alone, with its own words for the agent.
    pub(super) ConditionKeys = TableSpec {
        of: "a condition",
        many: "conditions",
        definition: "BareCondition",
        example: "{ path = \"args.dataTypeName\", op = \"eq\", value = \"user\" }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// Where the argument is.
    required "path" => path: Located<Path>,
    /// How it is compared.
    required "op" => op: Located<Operator>,
    /// What it is compared with.
    expected "value" => value: Operand,
    /// The reason that the agent gets.
    "reason" | "on_deny" => reason: String,
}

/// A condition in a group. The group has the reason for the agent.
#[derive(Clone, Debug)]
pub(super) struct GroupedCondition(ConditionKeys);

impl GroupedCondition {
    pub(super) const SPEC: TableSpec = TableSpec {
        definition: "Condition",
        doc: &["What is asked of one argument."],
        without: &["reason"],
        ..ConditionKeys::SPEC
    };

    pub(super) fn compile(node: &DocumentNode, report: &mut Report) -> Option<Condition> {
        Self::read(node, Self::SPEC.of, report)?.0.compile(PathsOf::Call, report)
    }
}

table_kind!(GroupedCondition, Self::SPEC, |read| Self(read));

table! {
    /// Conditions that hold together.
    pub(super) GroupKeys = TableSpec {
        of: "a group of conditions",
        many: "groups of conditions",
        definition: "Group",
        example: "{ conditions = [{ path = \"args.dataTypeName\", op = \"eq\", value = \"user\" }] }",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// The conditions; an empty list holds always.
    required "conditions" => conditions: Vec<GroupedCondition>,
    /// Whether all of them must hold, or any.
    "match" => join: Match = "all",
    /// The reason that the agent gets.
    "reason" | "on_deny" => reason: String,
}

#[derive(Clone, Debug)]
pub(super) struct GroupOrCondition {
    conditions: Vec<ConditionKeys>,
    join: Match,
    reason: Option<String>,
}

impl GroupOrCondition {
    fn compile(self, of: PathsOf, report: &mut Report) -> Option<ConditionGroup> {
        let conditions: Vec<_> = self.conditions.into_iter().map(|condition| condition.compile(of, report)).collect();
        let conditions = conditions.into_iter().collect::<Option<_>>()?;
        Some(ConditionGroup { conditions, join: self.join, reason: self.reason })
    }
}

impl FromDocument for GroupOrCondition {
    fn value_kind() -> ValueKind {
        let schema = |definitions: &mut Definitions| {
            let group = definitions.schema(GroupKeys::value_kind());
            json!({ "anyOf": [group, definitions.schema(ConditionKeys::value_kind())] })
        };
        let ValueKind { kind, many, item, example, empty, .. } = GroupKeys::value_kind();
        ValueKind { many, item, example, empty, ..ValueKind::new(kind, "GroupOrCondition", schema) }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        if node.members().iter().any(|(key, _)| GroupedCondition::SPEC.names().any(|name| name == key.name)) {
            let bare = ConditionKeys::read(node, what, report)?;
            return Some(Self { join: Match::All, reason: bare.reason.clone(), conditions: vec![bare] });
        }
        let group = GroupKeys::read(node, what, report)?;
        let conditions = group.conditions?.into_iter().map(|condition| condition.0).collect();
        Some(Self { conditions, join: group.join?, reason: group.reason })
    }
}

/// A list of groups, or one group, each with its place in the list.
#[derive(Clone, Debug)]
pub(super) struct Groups(Vec<(String, GroupOrCondition)>);

impl FromDocument for Groups {
    fn value_kind() -> ValueKind {
        let many = Vec::<GroupOrCondition>::value_kind;
        ValueKind::new(format!("{}, or one condition", many().kind), "Groups", move |definitions| {
            let one = definitions.describe_use(GroupOrCondition::value_kind(), "One group, or one bare condition.");
            json!({ "anyOf": [definitions.describe_use(many(), "Groups of conditions."), one] })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        if let DocumentValue::Table(_) = node.value {
            return GroupOrCondition::read(node, what, report).map(|group| Self(vec![(String::new(), group)]));
        }
        let groups = Vec::read(node, what, report)?.into_iter().enumerate();
        Some(Self(groups.map(|(index, group)| (format!("[{index}]"), group)).collect()))
    }
}

/// A compiled group of conditions with its path, such as `tools.send_campaign.deny_if[0]`.
#[derive(Debug)]
pub(super) struct GroupCheck {
    pub(super) path: String,
    pub(super) kind: GroupKind,
    pub(super) group: ConditionGroup,
}

impl GroupCheck {
    /// Whether the check stops every call, whatever its arguments: a denial without conditions does.
    pub(super) fn always_stops(&self) -> bool {
        self.kind == GroupKind::Denial && self.group.conditions.is_empty()
    }

    /// Finds the values of a message that came from where its conditions ask, once it is known that the check stops it.
    pub(super) fn find_sightings(&self, evaluation: &Evaluation<'_>) -> Vec<Sighting> {
        // What a requirement asks for did not come from there.
        let conditions = if self.kind == GroupKind::Denial { self.group.conditions.as_slice() } else { &[] };
        let mut sightings: Vec<Sighting> = Vec::new();
        for sighting in conditions.iter().filter_map(|condition| condition.find_sighting(self.kind, evaluation)) {
            if !sightings.contains(&sighting) {
                sightings.push(sighting);
            }
        }
        sightings
    }

    /// Whether the check refuses a message, or asks a person about it.
    pub(super) fn stops(&self, evaluation: &Evaluation<'_>) -> bool {
        self.group.holds(self.kind, evaluation) == (self.kind == GroupKind::Denial)
    }
}

impl Groups {
    /// Compiles the groups, and leaves out those that were reported as wrong.
    pub(super) fn compile(self, key: &str, kind: GroupKind, entry: &mut EntryCompiler<'_>) -> Vec<GroupCheck> {
        self.compile_paths_of(PathsOf::Call, key, kind, entry)
    }

    /// Compiles the groups, whose paths lead into `of`.
    pub(super) fn compile_paths_of(
        self,
        of: PathsOf,
        key: &str,
        kind: GroupKind,
        entry: &mut EntryCompiler<'_>,
    ) -> Vec<GroupCheck> {
        let check = |(place, group): (String, GroupOrCondition)| {
            let group = group.compile(of, entry.report)?;
            Some(entry.new_check(&format!("{key}{place}"), kind, group))
        };
        self.0.into_iter().filter_map(check).collect()
    }

    /// Warns of a `[*]` in a group whose match refuses or asks: it holds for every element or not at all, so one
    /// harmless element beside the bad one would get the call past the rule.
    pub(super) fn warn_of_every_element(&self, report: &mut Report) {
        for condition in self.0.iter().flat_map(|(_, group)| &group.conditions) {
            let Some(path) = condition.path.as_ref().filter(|path| path.value.has_every()) else { continue };
            let hint = match condition.op.as_ref().and_then(|op| op.value.opposite_operator()) {
                Some(word) => format!("to refuse if any element matches, use `require` with `{word}`"),
                None => "to refuse if any element matches, use `require` with what each of them has to be".to_owned(),
            };
            let message =
                "this holds only if every element matches: a single one that does not lets the call past the rule";
            report.push_warning("every-element", &path.span, message, hint);
        }
    }
}

impl ConditionKeys {
    fn compile(self, of: PathsOf, report: &mut Report) -> Option<Condition> {
        if !self.table.has("path") {
            return None;
        }
        if let Some(path) = self.path.as_ref().filter(|path| path.value.paths_of() != of) {
            let (message, hint) = match of {
                PathsOf::Call => {
                    ("what the server answers is not known yet", "put this condition under `deny_if` of `results`")
                }
                PathsOf::Result => {
                    ("`results` is about what the server answers", "start the path with `result.`, as in `result.**`")
                }
            };
            report.push_error("bad-path", &path.span, message, hint);
            return None;
        }
        let Located { span: op_place, value: operator } = self.op?;
        if of == PathsOf::Result && operator == Operator::CameFrom {
            let message = "a result is where values come from: there is nothing before it that it came from";
            let hint = "put the condition under `deny_if` or `approve_if` of the tool that is called with the value";
            report.push_error("bad-operator", &op_place, message, hint);
            return None;
        }
        if operator != Operator::CameFrom && self.path.as_ref().is_some_and(|path| path.value.is_targets()) {
            let message = "`targets` is judged by `came_from` alone";
            report.push_error(
                "bad-operator",
                &op_place,
                message,
                "use `came_from`, or name the argument, as in `args.to`",
            );
            return None;
        }
        let Some(Operand(value)) = self.value else {
            let (expected, example) = operator.expected_value();
            let message = format!("`{operator}` needs a value: {expected}");
            report.push_error("bad-value", &self.table.span, message, format!("add it, such as value = {example}"));
            return None;
        };
        let path = self.path?.value;
        let test = match path.session_fact() {
            Some(fact) => fact.compile((operator, &op_place), &value),
            None => OperatorTest::compile(operator, &value),
        };
        let test = test.map_err(|error| report.push(error)).ok()?;
        if let Some((message, hint)) = test.fault_when_deep().filter(|_| path.is_deep()) {
            report.push_error("bad-value", &value.span, message, hint);
            return None;
        }
        Some(Condition { path, operator, test }).filter(|_| self.table.errors == 0)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Operand(DocumentNode);

impl FromDocument for Operand {
    fn value_kind() -> ValueKind {
        ValueKind::new("a string, number or boolean, or a list of them", "Constant", |definitions| {
            let scalar = definitions.schema(ValueKind::new(
                "",
                "Scalar",
                |_| json!({ "anyOf": [{ "type": "string" }, { "type": "number" }, { "type": "boolean" }] }),
            ));
            json!({ "anyOf": [scalar, { "type": "array", "items": scalar }] })
        })
    }

    fn read(node: &DocumentNode, _: &str, _: &mut Report) -> Option<Self> {
        Some(Self(node.clone()))
    }
}

impl FromDocument for Path {
    fn value_kind() -> ValueKind {
        ValueKind::new("a path such as `\"args.email\"`", "ConditionPath", |_| {
            let examples = [
                "args.email",
                "args.items[0].id",
                "args.items[*].id",
                "args.\"a.b\"",
                "args.**",
                "result.**",
                "session.read_untrusted",
                "session.called",
            ];
            let pattern = r"^(args\..|input\..|result\..|(uri|targets|tool\.addressed)$|session\.(read_untrusted|read_personal|called)$|state\.)";
            json!({ "type": "string", "pattern": pattern, "examples": examples })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let parse = |text: &str| Self::parse(text).map_err(|error| ("bad-path", error.to_string(), error.hint));
        read_text(node, what, report, parse)
    }
}

impl FromDocument for Operator {
    fn value_kind() -> ValueKind {
        ValueKind::new("an [operator](#conditions)", "Operator", |_| json!({ "enum": Self::ALL.map(Self::as_str) }))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| {
            Self::parse(text).map_err(|nearest| {
                let hint = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("the operators are {}", list_words(&Self::ALL)),
                };
                ("bad-operator", format!("there is no operator {}", quote_for_message(text)), hint)
            })
        })
    }
}
