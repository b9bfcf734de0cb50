//! An entry, `tools.NAME`, `classes.CLASS` or `all_tools`: its keys, and the rule that they make.

use std::collections::HashMap;
use std::sync::Arc;

use super::approval_terms::{ApprovalLifetime, ApprovalScope, Asking};
use super::condition::{Condition, ConditionGroup, GroupKind, Path};
use super::decision::Effect;
use super::diagnostic::{Report, quote_for_message};
use super::document::POLICY;
use super::group_keys::{GroupCheck, Groups};
use super::keys::kinds::Located;
use super::keys::words::words;
use super::keys::{TableSpec, table};
use super::limit::{CounterId, Limit};
use super::limit_keys::{AmountArgument, CounterName, LimitKeys, RateLimit, Spend, spend_limit};
use super::preview::{Again, Preview, PreviewKeys};
use super::results::{ResultKeys, ResultRules};
use super::rule_keys::RuleKeys;
use super::server::ServerName;
use super::source::Span;
use super::window::{Window, WindowLength};
use crate::risk::{Class, Returns};

table! {
    /// What happens to the calls of a tool.
    pub(super) EntryKeys = TableSpec {
        of: "an entry",
        many: "entries",
        definition: "Entry",
        example: "{}, which allows the tool, or with the key `action`",
        place: "it belongs to an entry: put it under `tools` and the tool's name",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// What happens.
    "action" => action: Effect = "allow",
    /// Overrides the tool's risk class.
    "class" => class: Class,
    /// What its results hold: what others have written, personal data, or neither (`[]`). Without it, what is known of the tool.
    "returns" => returns: Vec<Returns>,
    /// The reason that the agent gets on refusal.
    "reason" | "on_deny" => reason: String,
    /// How many calls are let through.
    "rate_limit" => rate_limit: RateLimit,
    /// Limits. A call counts against all of them or none.
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
    /// Whether a question, and a late approval of it, end with the session or are for the client's next one too;
    /// `"session"` without it.
    "approval_for" => approval_for: ApprovalLifetime,
    /// A read that is made before a person is asked, and shown beside the arguments.
    "preview" => preview: PreviewKeys,
    /// Whether that read is made again before an approved call is sent: if its answer differs, the person is asked anew.
    "preview_again" => preview_again: bool = false,
    /// What happens to what the server answers, beside what `results` of the policy says.
    "results" => results: ResultKeys,
}

/// The table of `all_tools`, and of `tools."*"`, which means the same.
pub(super) const ALL_TOOLS: TableSpec = TableSpec {
    of: "`all_tools`",
    definition: "AllTools",
    example: "{ rate_limit = \"100/minute\" }",
    doc: &["What applies to every tool."],
    without: &["action", "class", "returns", "results"],
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

words! {
    for Returns("Returns");
    /// What others have written: pages, mail, tickets, chat.
    "untrusted" => Untrusted,
    /// The data of people.
    "personal" => Personal,
}

/// What an entry does with calls.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    /// The entry's path in its document.
    pub(super) path: String,
    pub(super) reason: Option<String>,
    /// `None` for most entries.
    pub(super) checks: Option<Box<Checks>>,
    /// What happens to what the server answers.
    pub(super) results: Option<Arc<ResultRules>>,
    /// What results hold; `None` if the entry does not say.
    pub(super) returns: Option<Vec<Returns>>,
}

/// What an entry asks of a call's arguments, and how it counts the call.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Those of `deny_if`, then those of `require`, then those of `rules`. The first one that refuses decides.
    pub(super) refusals: Vec<GroupCheck>,
    pub(super) approve_if: Vec<GroupCheck>,
    pub(super) limits: Vec<Limit>,
    pub(super) asking: Asking,
    pub(super) preview: Option<Preview>,
}

impl Rule {
    pub(super) fn without_checks(effect: Effect, path: impl Into<String>, reason: Option<String>) -> Self {
        Self { effect, path: path.into(), reason, checks: None, results: None, returns: None }
    }

    /// Whether the entry can ask a person.
    pub(super) fn may_ask(&self) -> bool {
        let asks_if = self.checks.as_ref().is_some_and(|checks| !checks.approve_if.is_empty());
        self.effect == Effect::RequireApproval || asks_if
    }

    pub(super) fn argument_paths(&self) -> impl Iterator<Item = &Path> {
        let limits = self.checks.iter().flat_map(|checks| &checks.limits);
        self.conditions().map(Condition::path).chain(limits.filter_map(|limit| limit.increment.path()))
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let groups = self.checks.iter().flat_map(|checks| checks.refusals.iter().chain(&checks.approve_if));
        groups.flat_map(|check| &check.group.conditions)
    }
}

impl EntryKeys {
    /// Compiles the entry at this path. Leaves out checks and limits that are reported as wrong.
    pub(super) fn compile(self, server: &ServerName, path: String, report: &mut Report) -> Rule {
        for groups in [&self.deny_if, &self.approve_if].into_iter().flatten() {
            groups.warn_of_every_element(report);
        }
        let asking = Asking {
            timeout: self.approval_timeout.map(WindowLength::length),
            scope: self.approval_scope,
            lives: self.approval_for,
        };
        let reason = self.reason.as_deref();
        let compile = |keys: ResultKeys| keys.compile(server, &format!("{path}.results"), reason, report);
        let results = self.results.map(compile);
        let mut entry = EntryCompiler::new(server, &path, reason, report);
        entry.checks.asking = asking;
        for (key, kind, groups) in
            [("deny_if", GroupKind::Denial, self.deny_if), ("require", GroupKind::Requirement, self.require)]
        {
            let checks = groups.map_or_else(Vec::new, |groups| groups.compile(key, kind, &mut entry));
            entry.checks.refusals.extend(checks);
        }
        entry.checks.approve_if =
            self.approve_if.map_or_else(Vec::new, |groups| groups.compile("approve_if", GroupKind::Denial, &mut entry));
        // In a fixed order, whatever that of the keys: which limit a refusal names must not depend on it.
        if let Some(rate) = self.rate_limit {
            rate.compile(&mut entry);
        }
        for (index, limit) in self.limits.into_iter().flatten().enumerate() {
            limit.compile(&format!("limits[{index}]"), &mut entry);
        }
        for (index, rule) in self.rules.into_iter().flatten().enumerate() {
            rule.compile(&format!("rules[{index}]"), &mut entry);
        }
        if let Some(limit) = spend_limit(self.spend_limit, self.amount_from, &self.table, entry.report) {
            entry.add_limit("spend_limit", None, limit);
        }
        let again = if self.preview_again == Some(true) { Again::Compared } else { Again::No };
        entry.checks.preview = self.preview.and_then(|keys| Preview::compile(keys, again));
        let Checks { refusals, approve_if, limits, asking, preview } = &entry.checks;
        let has_no_check = refusals.is_empty() && approve_if.is_empty() && limits.is_empty();
        let is_empty = has_no_check && *asking == Asking::default() && preview.is_none();
        let checks = (!is_empty).then_some(Box::new(entry.checks));
        Rule {
            effect: self.action.unwrap_or(Effect::Allow),
            path,
            reason: self.reason,
            checks,
            results,
            returns: self.returns,
        }
    }
}

/// The checks of an entry, and what they take from it.
pub(super) struct EntryCompiler<'e> {
    server: &'e ServerName,
    path: &'e str,
    /// The reason of checks and limits that have none.
    reason: Option<&'e str>,
    /// The names that limits are counted under, with their places if they are written.
    counters: HashMap<String, Option<Span>>,
    pub(super) checks: Checks,
    pub(super) report: &'e mut Report,
}

impl<'e> EntryCompiler<'e> {
    pub(super) fn new(server: &'e ServerName, path: &'e str, reason: Option<&'e str>, report: &'e mut Report) -> Self {
        Self { server, path, reason, counters: HashMap::new(), checks: Checks::default(), report }
    }

    pub(super) fn new_check(&self, place: &str, kind: GroupKind, group: ConditionGroup) -> GroupCheck {
        let reason = group.reason.or_else(|| self.reason.map(str::to_owned));
        GroupCheck { path: format!("{}.{place}", self.path), kind, group: ConditionGroup { reason, ..group } }
    }

    /// Adds a limit without a rule or a counter. Without a name, it is counted under its place in the entry.
    pub(super) fn add_limit(&mut self, place: &str, counter: Option<Located<CounterName>>, limit: Limit) {
        let (name, span) = match counter {
            Some(Located { span, value: CounterName(name) }) => (name, Some(span)),
            None => (place.to_owned(), None),
        };
        // Each calendar unit has its own counter: the end of a minute must not reset the count of the day.
        let id = match limit.window {
            Window::Sliding(_) => name.clone(),
            Window::Calendar(unit) => format!("{name}@{unit:?}"),
        };
        self.checks.limits.push(Limit {
            rule: format!("{}.{place}", self.path),
            counter: CounterId::new(self.server.as_str(), self.path, &id),
            reason: limit.reason.or_else(|| self.reason.map(str::to_owned)),
            ..limit
        });
        let earlier = self.counters.get(&name);
        if let Some(span) = earlier.and_then(|earlier| span.as_ref().or(earlier.as_ref())) {
            let message = format!("the counter {} is counted twice in one entry", quote_for_message(&name));
            let hint = "give each limit its own counter, or leave `counter` out";
            self.report.push_error("duplicate-counter", span, message, hint);
        }
        self.counters.insert(name, span);
    }
}
