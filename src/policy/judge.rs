//! The decision: which rule applies to a tool, and what it does with a call's arguments.

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

/// Whether the server has listed a tool with a given name in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolSeen {
    /// tools/list has a tool of this name.
    Tool,
    /// tools/list has none, or nobody has asked for it.
    Unknown,
}

/// What a policy says about one call: the decision, and the limits that it must be counted against before it may go on.
#[must_use = "a judgement that nobody obeys lets the call through"]
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'p> {
    /// What happens if no limit is reached.
    pub decision: Decision<'p>,
    limits: [&'p [Limit]; 2],
    /// How a person is asked, if the decision says so.
    pub asking: Asking,
}

impl<'p> Judgement<'p> {
    /// The limits that the call counts against, the tool's own first. Either all of them are charged, or none.
    pub fn limits(&self) -> impl Iterator<Item = &'p Limit> + use<'p> {
        self.limits.into_iter().flatten()
    }
}

/// The rule that applies, by how it was found.
#[derive(Clone, Copy)]
enum RuleMatch<'p> {
    Named(&'p Rule),
    Class(&'p Rule),
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
    /// Decides about a tool, whatever its arguments: whether it is listed, and whether it is always refused. Never
    /// fails and never allocates.
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

    /// Decides about a call of `tool` with these arguments: an object from a line that the strict reader has read, or
    /// `{}` if the call has none.
    ///
    /// The first refusal decides, in this order: `hide` and `action = "deny"`, `deny_if`, `require`, `rules`; the same
    /// for all tools; then whether a person has to be asked. Takes time linear in the arguments.
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

    /// Decides about a prompt that has the name of a hidden tool; `None` if the prompt is not hidden.
    ///
    /// A rule that names the tool also hides the prompt of that name. A tool that is hidden only because it is
    /// unlisted, or by its class, hides the prompt only if the tool exists: in the server's catalogue, or in
    /// tools/list. The policy does not concern other prompts.
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

    /// Returns the risk class of a tool: from the policy, else from the server's catalogue, else from the classifier. A
    /// tool that a server has gained since its catalogue was written is at least `execute`.
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

    /// Whether the policy itself sets the tool's class.
    pub fn names_class_of(&self, tool: &str) -> bool {
        self.class_names.contains_key(tool) || first_match(&self.class_globs, tool).is_some()
    }

    /// Whether the tool is in the server's catalogue, so that nothing the server says about it matters.
    pub fn has_in_catalogue(&self, tool: &str) -> bool {
        Catalogue::for_server(&self.server).is_some_and(|catalogue| catalogue.find_tool(tool).is_some())
    }

    /// Whether the server's listing of the tool can change the decision: no rule names the tool, there are rules for
    /// classes, and only its name tells its class.
    pub(crate) fn waits_for_listing(&self, tool: &str) -> bool {
        let is_named = || matches!(self.find_rule(tool.into()), RuleMatch::Named(_));
        !self.classes.is_empty() && !is_named() && !self.names_class_of(tool) && !self.has_in_catalogue(tool)
    }

    /// Whether a limit, or a person for some arguments, can hold back a tool that is allowed.
    pub(super) fn limits_or_asks(&self, tool: &str) -> bool {
        let checks = [self.find_rule(tool.into()).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.iter().flatten().any(|checks| !checks.limits.is_empty() || !checks.approve_if.is_empty())
    }

    /// Returns the limits that a call of the tool counts against if it is let through, the tool's own first.
    pub fn limits_of<'p, 't, T: Into<ToolRef<'t>>>(
        &'p self,
        tool: T,
    ) -> impl Iterator<Item = &'p Limit> + use<'p, 't, T> {
        let checks = [self.find_rule(tool.into()).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.into_iter().flatten().flat_map(|checks| &checks.limits)
    }

    /// Whether the decision on a call of the tool can depend on its arguments.
    pub fn looks_at_arguments<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        if matches!(self.decide_tool(tool).effect, Effect::Deny | Effect::Hide) {
            return false;
        }
        let checks = [self.find_rule(tool).rule().checks.as_deref(), self.all_tools.as_deref()];
        checks.into_iter().flatten().any(Checks::look_at_arguments)
    }

    /// Looks for a hidden name first, then the exact name, the most specific glob, the class, and the default.
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
    /// Returns a check that refuses whatever the arguments are: a denial without conditions, or a rule that denies.
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
        // Those that always refuse were checked before.
        let conditions = groups.into_iter().flatten().any(|check| !check.group.conditions.is_empty());
        let amounts = self.limits.iter().any(|limit| matches!(limit.increment, Increment::From { .. }));
        conditions || !self.rules.is_empty() || amounts
    }

    fn find_refusal(&self, arguments: &str) -> Option<(&str, Option<&str>)> {
        let denied = self.deny_if.iter().find(|check| check.group.holds_as_denial(arguments));
        let missed = || self.require.iter().find(|check| !check.group.holds_as_requirement(arguments));
        let ruled_out = || self.rules.iter().find_map(|rule| rule.find_refusal(arguments));
        let found = denied.or_else(missed).map(|check| (check.path.as_str(), check.group.reason.as_deref()));
        found.or_else(ruled_out)
    }

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

fn first_match<'p, T>(patterns: &'p [(Pattern, T)], tool: &str) -> Option<&'p T> {
    patterns.iter().find(|(pattern, _)| pattern.matches(tool)).map(|(_, value)| value)
}
