//! The decision: which rule applies to a tool, and what it makes of a call's arguments.

use super::approval_terms::Asking;
use super::compile::{Checks, Policy, Rule};
use super::decision::{Decision, Effect};
use super::glob::Pattern;
use super::group_keys::GroupCheck;
use super::limit::{Increment, Limit};
use super::rule_keys::RuleCheck;
use super::server::ServerName;
use super::tool_ref::{Listing, ToolRef};
use crate::risk::{Catalogue, Class};

/// Whether the upstream listed a tool of a name in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolSeen {
    /// tools/list had a tool of this name.
    Tool,
    /// It had none, or was not asked for.
    Unknown,
}

/// What a policy says about one call: the decision, and the limits to be counted before it may go on.
#[must_use = "a judgement that nobody obeys lets the call through"]
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'p> {
    /// What happens, if no limit is reached.
    pub decision: Decision<'p>,
    limits: [&'p [Limit]; 2],
    /// How a person is asked, where one is.
    pub asking: Asking,
}

impl<'p> Judgement<'p> {
    /// The limits that a call counts against, the tool's own first. All of them are taken, or none.
    pub fn limits(&self) -> impl Iterator<Item = &'p Limit> + use<'p> {
        self.limits.into_iter().flatten()
    }
}

/// Which rule applies, by how it was found.
#[derive(Clone, Copy)]
enum RuleMatch<'p> {
    /// One that names the tool.
    Named(&'p Rule),
    /// Its class's.
    Class(&'p Rule),
    /// None: the default.
    Default(&'p Rule),
}

impl<'p> RuleMatch<'p> {
    fn rule(self) -> &'p Rule {
        match self {
            Self::Named(rule) | Self::Class(rule) | Self::Default(rule) => rule,
        }
    }
}

impl Policy {
    /// What the policy says about a tool, whatever its arguments: whether it is listed, and refused always. Never fails
    /// and never allocates.
    pub fn decide_tool<'p, 't>(&'p self, tool: impl Into<ToolRef<'t>>) -> Decision<'p> {
        let rule = self.find_rule(tool.into()).rule();
        if matches!(rule.effect, Effect::Deny | Effect::Hide) {
            return self.decision_of_rule(rule);
        }
        let checks = [rule.checks.as_deref(), self.all_tools.as_deref()];
        match checks.iter().flatten().find_map(|checks| checks.refuses_always()) {
            Some((path, reason)) => self.new_decision(Effect::Deny, path, reason),
            None => self.decision_of_rule(rule),
        }
    }

    /// What the policy says about a call of `tool` with these arguments: an object as written on a line that the strict
    /// reader read, `{}` where the call has none.
    ///
    /// In this order, and the first refusal decides: `hide` and `action = "deny"`, `deny_if`, `require`, `rules`; then the
    /// same of the rules for all tools; then whether a person is to be asked. Takes time linear in the arguments.
    pub fn judge_call<'p, 't>(&'p self, tool: impl Into<ToolRef<'t>>, arguments: &str) -> Judgement<'p> {
        let rule = self.find_rule(tool.into()).rule();
        let refused = |decision| Judgement { decision, limits: [&[], &[]], asking: Asking::default() };
        if matches!(rule.effect, Effect::Deny | Effect::Hide) {
            return refused(self.decision_of_rule(rule));
        }
        let checks = [rule.checks.as_deref(), self.all_tools.as_deref()];
        if let Some((path, reason)) = checks.iter().flatten().find_map(|checks| checks.find_refusal(arguments)) {
            return refused(self.new_decision(Effect::Deny, path, reason));
        }
        let asks = checks.iter().flatten().find_map(|checks| checks.find_approval(arguments));
        let decision = match (rule.effect, asks) {
            (Effect::Allow, Some(asks)) => {
                self.new_decision(Effect::RequireApproval, &asks.path, asks.group.reason.as_deref())
            }
            _ => self.decision_of_rule(rule),
        };
        let [own, all] = checks.map(|checks| checks.map(|checks| checks.asking).unwrap_or_default());
        let limits = checks.map(|checks| checks.map_or(&[][..], |checks| &checks.limits));
        Judgement { decision, limits, asking: own.or_else_from(all) }
    }

    /// The decision on a prompt that is named after a hidden tool; `None` if the prompt is not hidden.
    ///
    /// A rule that names the tool hides the prompt of its name as well. A tool that is hidden only for being unlisted, or
    /// for its class, does so where there is such a tool: one of the server's catalogue, or one that tools/list had. All
    /// other prompts are not named after tools and are none of the policy's business.
    pub fn hides_prompt<'p>(&'p self, name: &str, seen: ToolSeen) -> Option<Decision<'p>> {
        let found = self.find_rule(ToolRef { name, listing: Listing::Missing });
        let is_tool = || {
            seen == ToolSeen::Tool
                || Catalogue::for_server(&self.server).is_some_and(|known| known.find_tool(name).is_some())
        };
        let hides = found.rule().effect == Effect::Hide && (matches!(found, RuleMatch::Named(_)) || is_tool());
        hides.then(|| self.decision_of_rule(found.rule()))
    }

    /// The server that the policy is for.
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// The risk class of a tool: as the policy says, else as the server's catalogue does, else as the classifier does. What
    /// a server has gained since its catalogue was written is `execute` at least.
    pub fn class_of<'t>(&self, tool: impl Into<ToolRef<'t>>) -> Class {
        let tool = tool.into();
        let by_policy = self.class_names.get(tool.name).copied();
        by_policy.or_else(|| first_match(&self.class_globs, tool.name).copied()).unwrap_or_else(|| {
            match Catalogue::for_server(&self.server).map(|catalogue| catalogue.find_tool(tool.name)) {
                Some(Some(known)) => known.class,
                Some(None) => tool.guess_class().max(Class::Execute),
                None => tool.guess_class(),
            }
        })
    }

    /// Whether the policy itself says what class the tool is of.
    pub fn names_class_of(&self, tool: &str) -> bool {
        self.class_names.contains_key(tool) || first_match(&self.class_globs, tool).is_some()
    }

    /// Whether the server's catalogue knows the tool, so that nothing the server says of it matters.
    pub fn has_in_catalogue(&self, tool: &str) -> bool {
        Catalogue::for_server(&self.server).is_some_and(|catalogue| catalogue.find_tool(tool).is_some())
    }

    /// Whether what the server says of the tool in a session may change what becomes of it: no rule names the tool, there are
    /// rules for classes, and its class is known by its name only.
    pub(crate) fn waits_for_listing(&self, tool: &str) -> bool {
        let is_named = || matches!(self.find_rule(tool.into()), RuleMatch::Named(_));
        !self.classes.is_empty() && !is_named() && !self.names_class_of(tool) && !self.has_in_catalogue(tool)
    }

    /// Whether a tool that is allowed is held back by a limit or, for some arguments, by a person.
    pub(super) fn limits_or_asks(&self, tool: &str) -> bool {
        let checks = [self.find_rule(tool.into()).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.iter().flatten().any(|checks| !checks.limits.is_empty() || !checks.approve_if.is_empty())
    }

    /// The limits that a call of the tool counts against where it is let through, the tool's own first.
    pub fn limits_of<'p, 't, T: Into<ToolRef<'t>>>(
        &'p self,
        tool: T,
    ) -> impl Iterator<Item = &'p Limit> + use<'p, 't, T> {
        let checks = [self.find_rule(tool.into()).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.into_iter().flatten().flat_map(|checks| &checks.limits)
    }

    /// Whether what happens to a call of the tool may be another with other arguments.
    pub fn looks_at_arguments<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        if matches!(self.decide_tool(tool).effect, Effect::Deny | Effect::Hide) {
            return false;
        }
        let checks = [self.find_rule(tool).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.into_iter().flatten().any(Checks::look_at_arguments)
    }

    /// Hidden first, then the exact name, then the most specific glob, then the class, then the default.
    fn find_rule(&self, tool: ToolRef<'_>) -> RuleMatch<'_> {
        let name = tool.name;
        let named = self.hidden.get(name).or_else(|| first_match(&self.hidden_globs, name));
        let named = named.or_else(|| self.exact.get(name)).or_else(|| first_match(&self.globs, name));
        if let Some(rule) = named {
            return RuleMatch::Named(rule);
        }
        if self.classes.is_empty() {
            return RuleMatch::Default(&self.otherwise);
        }
        self.classes
            .get(&self.class_of(tool))
            .map_or(RuleMatch::Default(&self.otherwise), |rule| RuleMatch::Class(rule))
    }

    fn decision_of_rule<'p>(&'p self, rule: &'p Rule) -> Decision<'p> {
        self.new_decision(rule.effect, &rule.path, rule.reason.as_deref())
    }

    fn new_decision<'p>(&'p self, effect: Effect, rule: &'p str, reason: Option<&'p str>) -> Decision<'p> {
        Decision { effect, rule, reason, file: self.file.as_deref() }
    }
}

impl Checks {
    /// A check that refuses whatever the arguments are: a denial without conditions, or a rule that denies.
    fn refuses_always(&self) -> Option<(&str, Option<&str>)> {
        let denied = self.deny_if.iter().find(|check| check.group.conditions.is_empty());
        let denied = denied.map(|check| (check.path.as_str(), check.group.reason.as_deref()));
        denied.or_else(|| {
            self.rules.iter().find_map(|rule| match rule {
                RuleCheck::Deny { path, reason } => Some((path.as_str(), reason.as_deref())),
                RuleCheck::Require(_) => None,
            })
        })
    }

    fn look_at_arguments(&self) -> bool {
        let groups = [&self.deny_if, &self.require, &self.approve_if];
        // Those that refuse always were looked for before.
        let conditions = groups.into_iter().flatten().any(|check| !check.group.conditions.is_empty());
        let amounts = self.limits.iter().any(|limit| matches!(limit.increment, Increment::From { .. }));
        conditions || !self.rules.is_empty() || amounts
    }

    /// The first check that refuses these arguments, by its path and with its reason.
    fn find_refusal(&self, arguments: &str) -> Option<(&str, Option<&str>)> {
        let denied = self.deny_if.iter().find(|check| check.group.holds_as_denial(arguments));
        let missed = || self.require.iter().find(|check| !check.group.holds_as_requirement(arguments));
        let ruled_out = || self.rules.iter().find_map(|rule| rule.find_refusal(arguments));
        let found = denied.or_else(missed).map(|check| (check.path.as_str(), check.group.reason.as_deref()));
        found.or_else(ruled_out)
    }

    /// The first check by which a person is to be asked.
    fn find_approval(&self, arguments: &str) -> Option<&GroupCheck> {
        self.approve_if.iter().find(|check| check.group.holds_as_denial(arguments))
    }
}

impl RuleCheck {
    fn find_refusal(&self, arguments: &str) -> Option<(&str, Option<&str>)> {
        match self {
            Self::Deny { path, reason } => Some((path, reason.as_deref())),
            Self::Require(check) if check.group.holds_as_requirement(arguments) => None,
            Self::Require(check) => Some((&check.path, check.group.reason.as_deref())),
        }
    }
}

/// What belongs to the first pattern that matches.
fn first_match<'p, T>(patterns: &'p [(Pattern, T)], tool: &str) -> Option<&'p T> {
    patterns.iter().find(|(pattern, _)| pattern.matches(tool)).map(|(_, value)| value)
}
