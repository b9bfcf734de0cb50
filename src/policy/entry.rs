//! What an entry says: under `tools.NAME`, under `classes.CLASS`, and as `all_tools`.

use std::collections::HashMap;

use super::asking::{ApprovalScope, Asking};
use super::condition::{Condition, ConditionError, Constant, Group, Match, Operator, Path, ValueError};
use super::decision::Effect;
use super::diagnostic::{Diagnostic, Report, quote};
use super::document::{choice, string, wrong_type};
use super::keys::{ALL_TOOLS, CONDITION, ENTRY, GROUP, Keys};
use super::limit_keys::{self, LimitAsWritten};
use super::rule_keys;
use super::source::Span;
use super::tree::{DocumentKey, DocumentNode, DocumentValue};
use super::window::Span as Length;
use crate::risk::Class;

/// The keys of an entry. What is absent, or was reported as wrong, is not there.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) action: Option<Effect>,
    pub(super) reason: Option<String>,
    pub(super) deny_if: Vec<Check>,
    pub(super) require: Vec<Check>,
    pub(super) rules: Vec<RuleCheck>,
    pub(super) limits: Vec<LimitAsWritten>,
    pub(super) approve_if: Vec<Check>,
    pub(super) class: Option<Class>,
    pub(super) asking: Asking,
    /// How many keys were written, wrong ones included.
    pub(super) keys: usize,
}

impl Body {
    /// Whether the entry does nothing but move its tool to another class.
    pub(super) fn only_classifies(&self) -> bool {
        self.class.is_some() && self.keys == 1
    }

    /// Whether something more than the action decides.
    pub(super) fn has_checks(&self) -> bool {
        !(self.deny_if.is_empty()
            && self.require.is_empty()
            && self.rules.is_empty()
            && self.limits.is_empty()
            && self.approve_if.is_empty()
            && self.asking == Asking::default())
    }

    /// Where its conditions and counts look.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let rules = self.rules.iter().filter_map(|rule| match rule {
            RuleCheck::Deny { .. } => None,
            RuleCheck::Require(check) => Some(check),
        });
        let checks = self.deny_if.iter().chain(&self.require).chain(&self.approve_if).chain(rules);
        let conditions = checks.flat_map(|check| &check.group.conditions).map(Condition::path);
        conditions.chain(self.limits.iter().filter_map(|limit| limit.increment.path()))
    }

    /// How many conditions there are.
    pub(super) fn conditions(&self) -> usize {
        let rules = self.rules.iter().filter_map(|rule| match rule {
            RuleCheck::Deny { .. } => None,
            RuleCheck::Require(check) => Some(check),
        });
        let checks = self.deny_if.iter().chain(&self.require).chain(&self.approve_if).chain(rules);
        checks.map(|check| check.group.conditions.len()).sum()
    }
}

/// A group of conditions with its place in the entry.
#[derive(Debug)]
pub(super) struct Check {
    /// Such as `deny_if[0]`.
    pub(super) path: String,
    pub(super) group: Group,
}

/// What one of Intercept's rules asks before its counters.
#[derive(Debug)]
pub(super) enum RuleCheck {
    Deny { path: String, reason: Option<String> },
    Require(Check),
}

/// Whose entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// One tool's, or one class's.
    Some,
    /// All tools'.
    All,
}

impl Of {
    fn keys(self) -> &'static Keys {
        match self {
            Self::Some => &ENTRY,
            Self::All => &ALL_TOOLS,
        }
    }
}

/// `reason`, or `on_deny`, which is the same word.
#[derive(Debug, Default)]
pub(super) struct Reason {
    word: Option<String>,
    pub(super) text: Option<String>,
}

impl Reason {
    pub(super) fn read(&mut self, key: &DocumentKey, node: &DocumentNode, report: &mut Report) {
        if self.word.as_ref().is_some_and(|earlier| *earlier != key.name) {
            report.push(
                Diagnostic::error("conflicting-keys", key.span.clone(), "`reason` and `on_deny` are the same word")
                    .hint("keep one of the two"),
            );
        }
        self.word = Some(key.name.clone());
        self.text = string(node, &quote(&key.name), report).map(str::to_owned);
    }
}

/// Reads the keys of an entry. `name` is that of the entry, for the paths of Intercept's counters.
pub(super) fn read(name: &str, of: Of, node: &DocumentNode, report: &mut Report) -> Option<Body> {
    let DocumentValue::Table(pairs) = &node.value else {
        let what = format!("the entry {}", quote(name));
        report.push(wrong_type(node, &what, "a table").hint("write {} for a tool that is just allowed"));
        return None;
    };
    let mut body = Body { keys: pairs.len(), ..Body::default() };
    let mut reason = Reason::default();
    let (mut rate, mut limits) = (None, Vec::new());
    let mut spend: Option<&DocumentNode> = None;
    let mut amount_from: Option<&DocumentNode> = None;
    for (key, value) in pairs {
        match key.name.as_str() {
            other if !of.keys().known.contains(&other) => report.push(of.keys().reject(other, key.span.clone())),
            "action" => body.action = action(value, report),
            "reason" | "on_deny" => reason.read(key, value, report),
            "rate_limit" => rate = limit_keys::rate_limit(value, report),
            "limits" => limits = limit_keys::limits(value, report),
            "spend_limit" => spend = Some(value),
            "amount_from" => amount_from = Some(value),
            "deny_if" => {
                body.deny_if = groups("deny_if", value, report);
                every_element(value, report);
            }
            "require" => body.require = groups("require", value, report),
            "approve_if" => {
                body.approve_if = groups("approve_if", value, report);
                every_element(value, report);
            }
            "rules" => rule_keys::rules(name, value, &mut body, report),
            "class" => body.class = class(value, report),
            "approval_timeout" => body.asking.timeout = limit_keys::window(value, report).map(Length::length),
            "approval_scope" => body.asking.scope = approval_scope(value, report),
            _ => {}
        }
    }
    let spend = limit_keys::spend_limit("spend_limit", spend, amount_from, report);
    // In one order, whatever that of the keys: which limit a refusal names must not hang on it.
    body.limits = rate.into_iter().chain(limits).chain(body.limits).chain(spend).collect();
    body.reason = reason.text;
    same_counter_twice(&body.limits, report);
    Some(body)
}

fn action(node: &DocumentNode, report: &mut Report) -> Option<Effect> {
    const ACTIONS: [(&str, Effect); 4] = [
        ("allow", Effect::Allow),
        ("deny", Effect::Deny),
        ("hide", Effect::Hide),
        ("require_approval", Effect::RequireApproval),
    ];
    choice(node, "action", &ACTIONS, report).map(|action| action.value)
}

fn approval_scope(node: &DocumentNode, report: &mut Report) -> Option<ApprovalScope> {
    const SCOPES: [(&str, ApprovalScope); 2] = [("tool", ApprovalScope::Tool), ("arguments", ApprovalScope::Arguments)];
    choice(node, "approval_scope", &SCOPES, report).map(|scope| scope.value)
}

fn class(node: &DocumentNode, report: &mut Report) -> Option<Class> {
    let words = Class::ALL.map(|class| (class.as_str(), class));
    choice(node, "class", &words, report).map(|class| class.value)
}

/// A limit without a counter is counted under its path, which a name of another may be as well.
fn same_counter_twice(limits: &[LimitAsWritten], report: &mut Report) {
    let name_of = |limit: &LimitAsWritten| limit.counter.as_ref().map_or(limit.path.clone(), |(name, _)| name.clone());
    let mut names: HashMap<String, Option<&Span>> = HashMap::new();
    for limit in limits {
        let name = name_of(limit);
        let span = limit.counter.as_ref().map(|(_, span)| span);
        let Some(earlier) = names.insert(name.clone(), span) else { continue };
        if let Some(span) = span.or(earlier) {
            let message = format!("the counter {} is counted twice in one entry", quote(&name));
            report.push(
                Diagnostic::error("duplicate-counter", span.clone(), message)
                    .hint("give each limit a counter of its own, or leave `counter` out"),
            );
        }
    }
}

/// A list of groups of conditions, or one group, or one bare condition.
fn groups(key: &'static str, node: &DocumentNode, report: &mut Report) -> Vec<Check> {
    match &node.value {
        DocumentValue::Array(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some(Check { path: format!("{key}[{index}]"), group: group(item, report)? }))
            .collect(),
        DocumentValue::Table(_) => {
            group(node, report).map(|group| Check { path: key.to_owned(), group }).into_iter().collect()
        }
        _ => {
            report.push(wrong_type(node, &quote(key), "a list of groups of conditions").hint(EXAMPLE));
            Vec::new()
        }
    }
}

/// A `[*]` where a match refuses or asks: it holds for every element or not at all, so one harmless element beside the
/// bad one would get the call past the rule.
fn every_element(node: &DocumentNode, report: &mut Report) {
    match &node.value {
        DocumentValue::Array(items) => items.iter().for_each(|item| every_element(item, report)),
        DocumentValue::Table(pairs) => {
            let part = |name: &str| pairs.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
            if let Some(conditions) = part("conditions") {
                every_element(conditions, report);
            }
            let Some(DocumentNode { span, value: DocumentValue::String(text) }) = part("path") else { return };
            if !Path::parse(text).is_ok_and(|path| path.has_every()) {
                return;
            }
            let opposite = part("op")
                .and_then(|op| if let DocumentValue::String(word) = &op.value { opposite(word) } else { None });
            let message = "this holds only if every element matches: one that does not gets the call past the rule";
            report.push(Diagnostic::warning("every-element", span.clone(), message).hint(match opposite {
                Some(word) => format!("to refuse if any element matches, use `require` with `{word}`"),
                None => "to refuse if any element matches, use `require` with what each of them has to be".to_owned(),
            }));
        }
        _ => {}
    }
}

/// The operator that holds for just the values for which another does not.
fn opposite(word: &str) -> Option<Operator> {
    use Operator::{Contains, Eq, Gt, Gte, In, Lt, Lte, Neq, NotContains, NotIn, NotRegex, Regex};
    let pairs = [(Eq, Neq), (In, NotIn), (Lt, Gte), (Lte, Gt), (Regex, NotRegex), (Contains, NotContains)];
    let operator = Operator::parse(word).ok()?;
    pairs.into_iter().find_map(|(one, other)| match operator {
        operator if operator == one => Some(other),
        operator if operator == other => Some(one),
        _ => None,
    })
}

const EXAMPLE: &str = "such as [{ conditions = [{ path = \"args.dataTypeName\", op = \"eq\", value = \"user\" }] }]";

/// `{ conditions, match?, on_deny? }`, or a bare `{ path, op, value, on_deny? }`.
fn group(node: &DocumentNode, report: &mut Report) -> Option<Group> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(wrong_type(node, "a group of conditions", "a table").hint(EXAMPLE));
        return None;
    };
    let mut reason = Reason::default();
    let is_bare = pairs.iter().any(|(key, _)| CONDITION.known.contains(&key.name.as_str()));
    let mut group = Group::default();
    if is_bare {
        let parts: Vec<_> =
            pairs.iter().filter(|(key, _)| !matches!(key.name.as_str(), "reason" | "on_deny")).collect();
        for (key, value) in pairs {
            if let "reason" | "on_deny" = key.name.as_str() {
                reason.read(key, value, report);
            }
        }
        group.conditions.push(condition(&node.span, &parts, report)?);
    } else {
        let mut has_conditions = false;
        for (key, value) in pairs {
            match key.name.as_str() {
                "conditions" => {
                    has_conditions = true;
                    group.conditions = conditions(value, report)?;
                }
                "match" => group.join = join(value, report)?,
                "reason" | "on_deny" => reason.read(key, value, report),
                other => report.push(GROUP.reject(other, key.span.clone())),
            }
        }
        if !has_conditions {
            let message = "the group has no `conditions`";
            report.push(
                Diagnostic::error("missing-key", node.span.clone(), message)
                    .hint("write `conditions` with [] for a group that holds always"),
            );
            return None;
        }
    }
    group.reason = reason.text;
    Some(group)
}

/// A list of conditions. Every one that is wrong is reported.
pub(super) fn conditions(node: &DocumentNode, report: &mut Report) -> Option<Vec<Condition>> {
    let DocumentValue::Array(items) = &node.value else {
        report.push(wrong_type(node, "`conditions`", "a list of conditions").hint(EXAMPLE));
        return None;
    };
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        if let DocumentValue::Table(pairs) = &item.value {
            all.push(condition(&item.span, &pairs.iter().collect::<Vec<_>>(), report));
        } else {
            report.push(wrong_type(item, "a condition", "a table of `path`, `op` and `value`").hint(EXAMPLE));
            all.push(None);
        }
    }
    all.into_iter().collect()
}

/// How the conditions of a group are joined.
pub(super) fn join(node: &DocumentNode, report: &mut Report) -> Option<Match> {
    choice(node, "match", &[("all", Match::All), ("any", Match::Any)], report).map(|join| join.value)
}

/// `{ path, op, value }`.
fn condition(span: &Span, pairs: &[&(DocumentKey, DocumentNode)], report: &mut Report) -> Option<Condition> {
    let (mut path, mut op, mut value) = (None, None, None);
    let mut known = true;
    for (key, node) in pairs {
        match key.name.as_str() {
            "path" => path = Some(node),
            "op" => op = Some(node),
            "value" => value = Some(node),
            other => {
                report.push(CONDITION.reject(other, key.span.clone()));
                known = false;
            }
        }
    }
    for (name, node) in [("path", path), ("op", op)] {
        if node.is_none() {
            let message = format!("the condition has no `{name}`");
            report.push(Diagnostic::error("missing-key", span.clone(), message).hint(
                "a condition has `path`, `op` and `value`, such as path = \"args.dataTypeName\", op = \"eq\", value = \"user\"",
            ));
        }
    }
    let (path, op) = (path?, op?);
    let (path_text, op_text) = (string(path, "`path`", report), string(op, "`op`", report));
    let constant = value.map(Constant::from);
    let (path_text, op_text) = (path_text?, op_text?);
    let compile = |path: &str| Condition::compile(path, op_text, constant.as_ref());
    let compiled = compile(path_text);
    // A wrong path must not keep back what else is wrong.
    let beside = matches!(compiled, Err(ConditionError::Path(_))).then(|| compile("args.any").err()).flatten();
    for error in compiled.as_ref().err().into_iter().chain(&beside) {
        let place = match error {
            ConditionError::Path(_) => &path.span,
            ConditionError::Operator { .. } => &op.span,
            ConditionError::Value { element, .. } => value.map_or(span, |value| element_span(value, *element)),
        };
        report.push(Diagnostic::error(code(error), place.clone(), error.to_string()).hint(error.hint()));
    }
    compiled.ok().filter(|_| known)
}

fn element_span(value: &DocumentNode, element: Option<usize>) -> &Span {
    match (&value.value, element) {
        (DocumentValue::Array(items), Some(element)) => items.get(element).map_or(&value.span, |item| &item.span),
        _ => &value.span,
    }
}

fn code(error: &ConditionError) -> &'static str {
    match error {
        ConditionError::Path(_) => "bad-path",
        ConditionError::Operator { .. } => "bad-operator",
        ConditionError::Value { problem: ValueError::Regex(_) | ValueError::RegexSize, .. } => "bad-regex",
        ConditionError::Value { problem: ValueError::Glob { .. }, .. } => "bad-glob",
        ConditionError::Value { .. } => "bad-value",
    }
}

/// What Intercept's conditions on counters may ask: the operators with which a limit can be said.
pub(super) const COUNTER_OPERATORS: [Operator; 2] = [Operator::Lt, Operator::Lte];
