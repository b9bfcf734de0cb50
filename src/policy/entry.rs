//! The body of an entry: `tools.NAME`, `classes.CLASS` or `all_tools`.

use std::collections::HashMap;

use super::approval_terms::{ApprovalScope, Asking};
use super::condition::{Condition, Path};
use super::decision::Effect;
use super::diagnostic::{Report, quote_for_message};
use super::document::POLICY;
use super::group_keys::{GroupCheck, Groups};
use super::keys::kinds::Located;
use super::keys::words::words;
use super::keys::{TableSpec, table};
use super::limit_keys::{AmountArgument, LimitAsWritten, LimitKeys, RateLimit, Spend, spend_limit};
use super::rule_keys::{RuleCheck, RuleKeys};
use super::source::Span;
use super::window::WindowLength;
use crate::risk::Class;

table! {
    /// What happens to the calls of a tool.
    pub(super) EntryKeys = TableSpec {
        of: "an entry",
        many: "entries",
        definition: "Entry",
        example: "{} for a tool that is just allowed",
        place: "it belongs to an entry: put it under `tools` and the tool's name",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// What happens.
    "action" => action: Effect = "allow",
    /// Overrides the tool's risk class.
    "class" => class: Class,
    /// The reason that the agent gets on refusal.
    "reason" | "on_deny" => reason: String,
    /// How many calls are let through.
    "rate_limit" => rate_limit: RateLimit,
    /// Limits, taken all or none.
    "limits" => limits: Vec<LimitKeys>,
    /// How much money is let through; needs `amount_from`.
    "spend_limit" => spend_limit: Located<Spend>,
    /// The argument that holds the amount for `spend_limit`.
    "amount_from" => amount_from: Located<AmountArgument>,
    /// Refused when one of the groups holds.
    "deny_if" => deny_if: Groups,
    /// Refused unless every group holds.
    "require" => require: Groups,
    /// A person is asked when one of the groups holds.
    "approve_if" => approve_if: Groups,
    /// Rules as Intercept has them, in order.
    "rules" => rules: Vec<RuleKeys>,
    /// How long to wait for a person; then the call is refused. Without it, `timeout` of config.toml holds.
    "approval_timeout" => approval_timeout: WindowLength,
    /// What an approval for the rest of the session covers; `"tool"` without it.
    "approval_scope" => approval_scope: ApprovalScope,
}

/// The table of `all_tools`, and of `tools."*"`, which means the same.
pub(super) const ALL_TOOLS: TableSpec = TableSpec {
    of: "`all_tools`",
    definition: "AllTools",
    example: "{ rate_limit = \"100/minute\" }",
    doc: &["What applies to every tool."],
    without: &["action", "class"],
    ..EntryKeys::SPEC
};

words! {
    for Class("Class");
    /// Reads and changes nothing.
    "read" => Read,
    /// Changes what can be changed back.
    "write" => Write,
    /// Sets something off outside: a send, an export, a run.
    "execute" => Execute,
    /// Takes something away for good.
    "destructive" => Destructive,
    /// Moves money.
    "financial" => Financial,
}

/// The body of an entry. A field is empty if its key is absent or was reported as wrong.
#[derive(Debug, Default)]
pub(super) struct EntryBody {
    pub(super) action: Option<Effect>,
    pub(super) reason: Option<String>,
    pub(super) deny_if: Vec<GroupCheck>,
    pub(super) require: Vec<GroupCheck>,
    pub(super) rules: Vec<RuleCheck>,
    pub(super) limits: Vec<LimitAsWritten>,
    pub(super) approve_if: Vec<GroupCheck>,
    pub(super) class: Option<Class>,
    pub(super) asking: Asking,
    /// Whether the entry only moves its tool to another class.
    pub(super) only_classifies: bool,
}

impl EntryBody {
    pub(super) fn new(keys: EntryKeys, report: &mut Report) -> Self {
        for groups in [&keys.deny_if, &keys.approve_if].into_iter().flatten() {
            groups.warn_of_every_element(report);
        }
        let mut groups = |key, groups: Option<Groups>| groups.map_or_else(Vec::new, |it| it.compile(key, report));
        let mut body = Self {
            action: keys.action,
            reason: keys.reason,
            deny_if: groups("deny_if", keys.deny_if),
            require: groups("require", keys.require),
            approve_if: groups("approve_if", keys.approve_if),
            class: keys.class,
            asking: Asking { timeout: keys.approval_timeout.map(WindowLength::length), scope: keys.approval_scope },
            only_classifies: keys.table.written.len() == 1 && keys.class.is_some(),
            ..Self::default()
        };
        // In a fixed order, whatever that of the keys: which limit a refusal names must not depend on it.
        body.limits.extend(keys.rate_limit.and_then(|rate| rate.into_limit(report)));
        for (index, limit) in keys.limits.into_iter().flatten().enumerate() {
            body.limits.extend(limit.into_limit(format!("limits[{index}]"), report));
        }
        for (index, rule) in keys.rules.into_iter().flatten().enumerate() {
            rule.add_to(&mut body, format!("rules[{index}]"), report);
        }
        body.limits.extend(spend_limit("spend_limit", keys.spend_limit, keys.amount_from, &keys.table, report));
        report_shared_counters(&body.limits, report);
        body
    }

    /// Whether the decision depends on more than the action.
    pub(super) fn has_checks(&self) -> bool {
        self.condition_groups().next().is_some()
            || !(self.rules.is_empty() && self.limits.is_empty() && self.asking == Asking::default())
    }

    pub(super) fn argument_paths(&self) -> impl Iterator<Item = &Path> {
        let conditions = self.condition_groups().flat_map(|check| &check.group.conditions).map(Condition::path);
        conditions.chain(self.limits.iter().filter_map(|limit| limit.increment.path()))
    }

    pub(super) fn count_conditions(&self) -> usize {
        self.condition_groups().map(|check| check.group.conditions.len()).sum()
    }

    fn condition_groups(&self) -> impl Iterator<Item = &GroupCheck> {
        let rules = self.rules.iter().filter_map(|rule| match rule {
            RuleCheck::Deny { .. } => None,
            RuleCheck::Require(check) => Some(check),
        });
        self.deny_if.iter().chain(&self.require).chain(&self.approve_if).chain(rules)
    }
}

/// Reports a name that two limits count under. Without a `counter`, a limit is counted under its path.
fn report_shared_counters(limits: &[LimitAsWritten], report: &mut Report) {
    let mut names: HashMap<&str, Option<&Span>> = HashMap::new();
    for limit in limits {
        let (name, span) = (limit.counter_name(), limit.counter.as_ref().map(|counter| &counter.span));
        let Some(earlier) = names.insert(name, span) else { continue };
        if let Some(span) = span.or(earlier) {
            let message = format!("the counter {} is counted twice in one entry", quote_for_message(name));
            let hint = "give each limit a counter of its own, or leave `counter` out";
            report.push_error("duplicate-counter", span, message, hint);
        }
    }
}
