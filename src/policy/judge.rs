//! The decision: which rule applies to a tool, and what it does with a call's arguments.

use std::sync::Arc;

use super::approval_terms::Asking;
use super::compile::Policy;
use super::condition::{ConditionInput, Evaluation};
use super::decision::{Decision, Effect};
use super::entry::{Checks, Rule};
use super::group_keys::GroupCheck;
use super::limit::Limit;
use super::server::ServerName;
use super::tool_ref::{Listing, ToolRef};
use crate::risk::{Catalogue, Class};

/// The reason of a refusal because the policy has too many conditions for a long call.
const TOO_MUCH_WORK: &str = "The arguments are too long for the number of conditions that the policy has for them, so \
                             they were not all checked. Shorten the arguments.";

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
    limits: [&'p [Limit]; 3],
    /// How a person is asked, if the decision says so.
    pub asking: Asking,
}

impl<'p> Judgement<'p> {
    /// The limits that the call counts against, the tool's own first. Either all of them are charged, or none.
    pub fn limits(&self) -> impl Iterator<Item = &'p Limit> + use<'p> {
        self.limits.into_iter().flatten()
    }
}

impl Policy {
    /// Decides about a tool, whatever its arguments: whether it is listed, and whether it is always refused. Never
    /// fails and never allocates.
    pub fn decide_tool<'p, 't>(&'p self, tool: impl Into<ToolRef<'t>>) -> Decision<'p> {
        let rule = self.find_rule(tool.into());
        if matches!(rule.effect, Effect::Deny | Effect::Hide) {
            return self.decision_of_rule(rule);
        }
        let mut refusals = self.checks_with(rule).into_iter().flatten().flat_map(|checks| &checks.refusals);
        match refusals.find(|check| check.always_stops()) {
            Some(check) => self.decision_of_check(Effect::Deny, check),
            None => self.decision_of_rule(rule),
        }
    }

    /// Decides about a call of `tool`: its arguments alone, or a [`ConditionInput`] with all that conditions look at.
    ///
    /// The first refusal decides, in this order: `hide` and `action = "deny"`, `deny_if`, `require`, `rules`; the same
    /// for all tools; then whether a person has to be asked. Takes time linear in the input, however many rules there
    /// are: a call that would take longer is refused.
    pub fn judge_call<'p, 't, 'l>(
        &'p self,
        tool: impl Into<ToolRef<'t>>,
        input: impl Into<ConditionInput<'l>>,
    ) -> Judgement<'p> {
        let rule = self.find_rule(tool.into());
        let [own, all] = self.checks_with(rule);
        self.judge_checks(self.decision_of_rule(rule), [own, all, None], input.into())
    }

    /// Decides by the strictest of several rules and of a decision that holds without them. The checks of all rules hold.
    pub(super) fn judge_rules<'p>(
        &'p self,
        rules: [Option<&'p Rule>; 3],
        base: Decision<'p>,
        input: ConditionInput<'_>,
    ) -> Judgement<'p> {
        let checks = rules.map(|rule| rule?.checks.as_deref());
        self.judge_checks(self.decide_rules(rules, base), checks, input)
    }

    /// Applies checks to a message, if the decision about it lets it pass.
    fn judge_checks<'p>(
        &'p self,
        decision: Decision<'p>,
        checks: [Option<&'p Checks>; 3],
        input: ConditionInput<'_>,
    ) -> Judgement<'p> {
        let refused = |decision| Judgement { decision, limits: [&[]; 3], asking: Asking::default() };
        if decision.refuses() {
            return refused(decision);
        }
        let evaluation = Evaluation::new(input);
        let stops = |check: &&GroupCheck| check.stops(&evaluation) || evaluation.is_exhausted();
        let refusal = checks.into_iter().flatten().flat_map(|checks| &checks.refusals).find(stops);
        if let Some(check) = refusal.filter(|_| !evaluation.is_exhausted()) {
            return refused(self.decision_of_check(Effect::Deny, check));
        }
        let asks = || checks.into_iter().flatten().flat_map(|checks| &checks.approve_if).find(stops);
        let stopped = refusal.or_else(asks);
        let limits = checks.map(|checks| checks.map_or(&[][..], |checks| &checks.limits));
        let is_out_of_work = |limit: &&Limit| limit.increment.spend_work(&evaluation).is_none();
        let uncounted = limits.into_iter().flatten().find(is_out_of_work);
        if evaluation.is_exhausted() {
            let limit = || uncounted.map_or(decision.rule, |limit| &limit.rule);
            let rule = stopped.map_or_else(limit, |check| &check.path);
            return refused(self.new_decision(Effect::Deny, rule, Some(TOO_MUCH_WORK)));
        }
        let decision = match stopped {
            Some(check) if decision.effect == Effect::Allow => self.decision_of_check(Effect::RequireApproval, check),
            _ => decision,
        };
        let asking = checks.into_iter().flatten().fold(Asking::default(), |it, checks| it.or_else_from(checks.asking));
        Judgement { decision, limits, asking }
    }

    /// As [`judge_rules`](Self::judge_rules), whatever the arguments.
    pub(super) fn decide_rules<'p>(&'p self, rules: [Option<&'p Rule>; 3], base: Decision<'p>) -> Decision<'p> {
        let stricter = |decision: Decision<'p>, rule: &'p Rule| {
            let is_stricter = rule.effect.strictness() > decision.effect.strictness();
            if is_stricter { self.decision_of_rule(rule) } else { decision }
        };
        let decision = rules.into_iter().flatten().fold(base, stricter);
        let checks = rules.into_iter().flatten().filter_map(|rule| rule.checks.as_deref());
        let mut refusals = checks.flat_map(|checks| &checks.refusals);
        match refusals.find(|check| check.always_stops()) {
            Some(check) if !decision.refuses() => self.decision_of_check(Effect::Deny, check),
            _ => decision,
        }
    }

    /// Decides about a prompt that has the name of a tool; `None` if no tool has it.
    ///
    /// A tool exists if tools/list, the server's catalogue or an entry of the policy has its name. A rule that refuses
    /// tools of such a name refuses the prompt too, whether or not there is one.
    pub fn decide_prompt_of_tool<'p>(&'p self, name: &str, seen: ToolSeen) -> Option<Decision<'p>> {
        let decision = self.decide_tool(ToolRef { name, listing: Listing::Missing });
        let exists = seen == ToolSeen::Tool || self.has_in_catalogue(name) || self.named.exact.contains_key(name);
        let is_refused = || decision.refuses() && self.find_named_rule(name).is_some();
        (exists || is_refused()).then_some(decision)
    }

    /// The server that the policy is for.
    pub fn server(&self) -> &ServerName {
        &self.server
    }

    /// Returns the risk class of a tool: from the policy, else from the server's catalogue, else from the classifier. A
    /// tool that a server has gained since its catalogue was written is at least `execute`.
    pub fn class_of<'t>(&self, tool: impl Into<ToolRef<'t>>) -> Class {
        let tool = tool.into();
        self.tool_classes.find(tool.name).copied().unwrap_or_else(|| {
            match Catalogue::for_server(&self.server).map(|catalogue| catalogue.find_tool(tool.name)) {
                Some(Some(known)) => known.class,
                Some(None) => tool.guess_class().max(Class::Execute),
                None => tool.guess_class(),
            }
        })
    }

    /// Whether the policy itself sets the tool's class.
    pub fn names_class_of(&self, tool: &str) -> bool {
        self.tool_classes.find(tool).is_some()
    }

    /// Whether the tool is in the server's catalogue, so that nothing the server says about it matters.
    pub fn has_in_catalogue(&self, tool: &str) -> bool {
        Catalogue::for_server(&self.server).is_some_and(|catalogue| catalogue.find_tool(tool).is_some())
    }

    /// Whether the server's listing of the tool can change the decision: no rule names the tool, there are rules for
    /// classes, and only its name tells its class.
    pub(crate) fn waits_for_listing(&self, tool: &str) -> bool {
        !self.classes.is_empty()
            && self.find_named_rule(tool).is_none()
            && !self.names_class_of(tool)
            && !self.has_in_catalogue(tool)
    }

    /// Whether a limit, or a person for some arguments, can hold back a tool that is allowed.
    pub(super) fn limits_or_asks(&self, tool: &str) -> bool {
        let mut checks = self.checks_with(self.find_rule(tool.into())).into_iter().flatten();
        checks.any(|checks| !checks.limits.is_empty() || !checks.approve_if.is_empty())
    }

    /// Returns the limits that a call of the tool counts against if it is let through, the tool's own first.
    pub fn limits_of<'p, 't, T: Into<ToolRef<'t>>>(
        &'p self,
        tool: T,
    ) -> impl Iterator<Item = &'p Limit> + use<'p, 't, T> {
        self.checks_with(self.find_rule(tool.into())).into_iter().flatten().flat_map(|checks| &checks.limits)
    }

    /// Whether the decision on a call of the tool can depend on its arguments.
    pub fn looks_at_arguments<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        !matches!(self.decide_tool(tool).effect, Effect::Deny | Effect::Hide)
            && self.checks_with(self.find_rule(tool)).into_iter().flatten().any(Checks::look_at_arguments)
    }

    /// Looks for a hidden name first, then the exact name, the most specific glob, the class, and the default.
    fn find_rule(&self, tool: ToolRef<'_>) -> &Rule {
        let by_class = || if self.classes.is_empty() { None } else { self.classes.get(&self.class_of(tool)) };
        self.find_named_rule(tool.name).or_else(|| by_class().map(Arc::as_ref)).unwrap_or(&self.otherwise)
    }

    fn find_named_rule(&self, name: &str) -> Option<&Rule> {
        self.hidden.find(name).or_else(|| self.named.find(name)).map(Arc::as_ref)
    }

    /// The checks of a rule and those for all tools.
    fn checks_with<'p>(&'p self, rule: &'p Rule) -> [Option<&'p Checks>; 2] {
        [Some(rule), self.all_tools.as_deref()].map(|rule| rule?.checks.as_deref())
    }

    pub(super) fn decision_of_rule<'p>(&'p self, rule: &'p Rule) -> Decision<'p> {
        self.new_decision(rule.effect, &rule.path, rule.reason.as_deref())
    }

    fn decision_of_check<'p>(&'p self, effect: Effect, check: &'p GroupCheck) -> Decision<'p> {
        self.new_decision(effect, &check.path, check.group.reason.as_deref())
    }

    fn new_decision<'p>(&'p self, effect: Effect, rule: &'p str, reason: Option<&'p str>) -> Decision<'p> {
        Decision { effect, rule, reason, file: self.file.as_deref() }
    }
}

impl Checks {
    fn look_at_arguments(&self) -> bool {
        let conditions = |check: &GroupCheck| !check.group.conditions.is_empty();
        self.refusals.iter().chain(&self.approve_if).any(conditions)
            || self.limits.iter().any(|limit| limit.increment.path().is_some())
    }
}
