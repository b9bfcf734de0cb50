//! The decision: which rule applies to a tool, and what it does with a call's arguments.

use std::sync::{Arc, LazyLock};

use super::approval_terms::Asking;
use super::compile::Policy;
use super::condition::{Condition, ConditionInput, Evaluation, Sighting};
use super::decision::{Decision, Effect};
use super::entry::{Checks, Rule};
use super::group_keys::GroupCheck;
use super::limit::Limit;
use super::lock_terms::Drift;
use super::preview::Preview;
use super::server::{Server, ServerName};
use super::tool_ref::{Listing, ToolListing, ToolRef};
use crate::risk::{Catalogue, Class, Listed, Returns, profile_tool};
use crate::wire::fold::fold;

/// The reason of a refusal because the policy has too many conditions for a long call.
const TOO_MUCH_WORK: &str = "The arguments are too long for the number of conditions that the policy has for them, so \
                             they were not all checked. Shorten the arguments.";

/// What is refused because the policy has too many globs for the names of a line.
static TOO_MANY_GLOBS: LazyLock<Rule> = LazyLock::new(|| {
    let why = "The names in this message are too long, or too many, for the number of globs that the policy has, so they were \
               not all compared. Shorten the names, or send fewer of them.";
    Rule::without_checks(Effect::Deny, "protocol", Some(why.to_owned()))
});

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
#[derive(Clone, Debug)]
pub struct Judgement<'p> {
    /// What happens if no limit is reached.
    pub decision: Decision<'p>,
    /// None if the call is refused.
    rules: RulesInForce<'p>,
    /// How a person is asked, if the decision says so.
    pub asking: Asking,
    /// Where the values came from that make the rule refuse or ask.
    pub sightings: Vec<Sighting>,
}

impl<'p> Judgement<'p> {
    fn refused(decision: Decision<'p>, sightings: Vec<Sighting>) -> Self {
        Self { decision, rules: RulesInForce::default(), asking: Asking::default(), sightings }
    }

    /// The limits that the call counts against, the tool's own first. Either all of them are charged, or none.
    pub fn limits(&self) -> impl Iterator<Item = &'p Limit> {
        self.rules.checks().flat_map(|checks| &checks.limits)
    }

    /// Whether the decision can depend on the arguments.
    pub fn looks_at_arguments(&self) -> bool {
        self.rules.checks().any(Checks::look_at_arguments)
    }

    /// Whether the decision can depend on the input that a later round of the call brings.
    pub fn looks_at_input(&self) -> bool {
        self.rules.checks().any(Checks::look_at_input)
    }

    /// The read that is made before a person is asked. The tool's own entry comes first.
    pub fn preview(&self) -> Option<&'p Preview> {
        self.rules.checks().find_map(|checks| checks.preview.as_ref())
    }
}

/// The rules that hold together: first the one that may let a message pass, then others, which can only restrict it.
#[derive(Clone, Debug, Default)]
pub(super) struct RulesInForce<'p> {
    rules: [Option<&'p Rule>; 3],
    /// Those of names with the same fold.
    alike: &'p [(String, Arc<Rule>)],
    /// Those of globs for other spellings. Almost always there is none.
    others: Vec<&'p Rule>,
}

impl<'p> RulesInForce<'p> {
    pub(super) fn new(first: Option<&'p Rule>, others: Vec<&'p Rule>) -> Self {
        Self { rules: [first, None, None], alike: &[], others }
    }

    /// Returns each rule once.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'p Rule> {
        let [first, last @ ..] = self.rules;
        let named = move || self.alike.iter().map(|(_, rule)| &**rule).chain(self.others.iter().copied());
        let all = move || first.into_iter().chain(named()).chain(last.into_iter().flatten());
        let is_new = move |(at, rule): &(usize, &'p Rule)| !all().take(*at).any(|earlier| std::ptr::eq(earlier, *rule));
        all().enumerate().filter(is_new).map(|(_, rule)| rule)
    }

    pub(super) fn checks(&self) -> impl Iterator<Item = &'p Checks> {
        self.iter().filter_map(|rule| rule.checks.as_deref())
    }
}

impl Policy {
    /// Decides about a tool, whatever its arguments: whether it is listed, and whether it is always refused. Never
    /// fails and never allocates.
    pub fn decide_tool<'p, 't>(&'p self, tool: impl Into<ToolRef<'t>>) -> Decision<'p> {
        let tool = tool.into();
        let (own, rules) = self.find_rules(tool);
        self.hold_to_lock(self.decide_rules(&rules, self.decision_of_rule(own)), tool.drift)
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
        let tool = self.as_listed(tool.into());
        let (own, rules) = self.find_rules(tool);
        let input = ConditionInput { addressed: tool.addressed, ..input.into() };
        self.hold_judgement(self.judge_rules(rules, self.decision_of_rule(own), input), tool.drift)
    }

    /// Returns the name in the policy or the catalogue that a server may take this one for; `None` if there is none, or
    /// if this name is in them itself.
    pub fn find_look_alike(&self, name: &str) -> Option<&str> {
        let tables = [&self.hidden, &self.named];
        if tables.iter().any(|table| table.exact.contains_key(name)) || self.has_in_catalogue(name) {
            return None;
        }
        let folded = fold(name);
        let known = || self.catalogue()?.find_alike(&folded).map(|tool| tool.name.as_str());
        tables.iter().find_map(|table| table.find_name(&folded)).or_else(known)
    }

    /// Decides by the strictest of several rules and of a decision that holds without them. The checks of all rules hold.
    pub(super) fn judge_rules<'p>(
        &'p self,
        rules: RulesInForce<'p>,
        base: Decision<'p>,
        input: ConditionInput<'_>,
    ) -> Judgement<'p> {
        self.judge_checks(self.find_strictest(&rules, base), rules, input)
    }

    /// As [`hold_to_lock`](Self::hold_to_lock), for a judgement.
    pub(super) fn hold_judgement<'p>(&'p self, judgement: Judgement<'p>, drift: Option<Drift>) -> Judgement<'p> {
        // What the policy refuses is refused for the policy's reason.
        if judgement.decision.refuses() {
            return judgement;
        }
        let decision = self.hold_to_lock(judgement.decision, drift);
        let rules = if decision.refuses() { RulesInForce::default() } else { judgement.rules };
        Judgement { decision, rules, ..judgement }
    }

    /// Applies the checks of rules to a message, if the decision about it lets it pass.
    fn judge_checks<'p>(
        &'p self,
        decision: Decision<'p>,
        rules: RulesInForce<'p>,
        input: ConditionInput<'_>,
    ) -> Judgement<'p> {
        if decision.refuses() {
            return Judgement::refused(decision, Vec::new());
        }
        let evaluation = Evaluation::within(input, self.work.left());
        let judgement = self.judge_checks_within(decision, rules, &evaluation);
        self.work.spend(evaluation.spent());
        judgement
    }

    fn judge_checks_within<'p>(
        &'p self,
        decision: Decision<'p>,
        rules: RulesInForce<'p>,
        evaluation: &Evaluation<'_>,
    ) -> Judgement<'p> {
        let stops = |check: &&GroupCheck| check.stops(evaluation) || evaluation.is_exhausted();
        let refusal = rules.checks().flat_map(|checks| &checks.refusals).find(stops);
        if let Some(check) = refusal.filter(|_| !evaluation.is_exhausted()) {
            return Judgement::refused(
                self.decision_of_check(Effect::Deny, check),
                self.find_sightings(check, evaluation),
            );
        }
        let asks = || rules.checks().flat_map(|checks| &checks.approve_if).find(stops);
        let stopped = refusal.or_else(asks);
        let is_out_of_work = |limit: &&Limit| limit.increment.spend_work(evaluation).is_none();
        let uncounted = rules.checks().flat_map(|checks| &checks.limits).find(is_out_of_work);
        if evaluation.is_exhausted() {
            let limit = || uncounted.map_or(decision.rule, |limit| &limit.rule);
            let rule = stopped.map_or_else(limit, |check| &check.path);
            return Judgement::refused(self.new_decision(Effect::Deny, rule, Some(TOO_MUCH_WORK)), Vec::new());
        }
        let decision = match stopped {
            Some(check) if decision.effect == Effect::Allow => self.decision_of_check(Effect::RequireApproval, check),
            _ => decision,
        };
        let asking = rules.checks().fold(Asking::default(), |it, checks| it.or_else_from(checks.asking));
        let sightings = stopped.map_or_else(Vec::new, |check| self.find_sightings(check, evaluation));
        Judgement { decision, rules, asking, sightings }
    }

    /// Finds the values because of which a check stops a message. Where the agent must not see personal values, the names of what
    /// was read are left out: they can be such values.
    fn find_sightings(&self, check: &GroupCheck, evaluation: &Evaluation<'_>) -> Vec<Sighting> {
        let mut sightings = check.find_sightings(evaluation);
        if self.has_stand_ins {
            sightings.iter_mut().for_each(Sighting::leave_out_detail);
        }
        sightings
    }

    /// As [`judge_rules`](Self::judge_rules), whatever the arguments.
    pub(super) fn decide_rules<'p>(&'p self, rules: &RulesInForce<'p>, base: Decision<'p>) -> Decision<'p> {
        let decision = self.find_strictest(rules, base);
        let mut refusals = rules.checks().flat_map(|checks| &checks.refusals);
        match refusals.find(|check| check.always_stops()) {
            Some(check) if !decision.refuses() => self.decision_of_check(Effect::Deny, check),
            _ => decision,
        }
    }

    fn find_strictest<'p>(&'p self, rules: &RulesInForce<'p>, base: Decision<'p>) -> Decision<'p> {
        rules.iter().fold(base, |decision, rule| {
            let is_stricter = rule.effect.strictness() > decision.effect.strictness();
            if is_stricter { self.decision_of_rule(rule) } else { decision }
        })
    }

    /// Decides about a prompt that has the name of a tool; `None` if no tool has it.
    ///
    /// A tool exists if tools/list, the server's catalogue or an entry of the policy has its name. A rule that refuses
    /// tools of such a name refuses the prompt too, whether or not there is one.
    pub fn decide_prompt_of_tool<'p>(&'p self, name: &str, seen: ToolSeen) -> Option<Decision<'p>> {
        let decision = self.decide_tool(ToolRef { listing: Listing::Missing, ..name.into() });
        let exists = seen == ToolSeen::Tool || self.has_in_catalogue(name) || self.named.exact.contains_key(name);
        let is_refused = || decision.refuses() && self.find_named_rule(name).is_some();
        (exists || is_refused()).then_some(decision)
    }

    /// The server that the policy is for.
    pub fn server(&self) -> &ServerName {
        self.server.name()
    }

    /// The server that the policy is for, and which known server it is.
    pub fn identity(&self) -> &Server {
        &self.server
    }

    /// What is known about the server.
    pub fn catalogue(&self) -> Option<&'static Catalogue> {
        self.server.catalogue()
    }

    /// Returns the risk class of a tool: from the policy, else from the server's catalogue, else from the classifier. A
    /// tool that a server has gained since its catalogue was written is at least `execute`. Under a lock, a tool has the class
    /// that it was locked with, if that is stricter and the policy does not say otherwise.
    pub fn class_of<'t>(&self, tool: impl Into<ToolRef<'t>>) -> Class {
        let tool = self.as_listed(tool.into());
        self.tool_classes.find(tool.name, &self.work).copied().unwrap_or_else(|| {
            let class = match self.catalogue().map(|catalogue| catalogue.find_tool(tool.name)) {
                Some(Some(known)) => known.class,
                Some(None) => tool.guess_class().max(Class::Execute),
                None => tool.guess_class(),
            };
            self.locked().and_then(|locked| locked.class_of(tool.name)).map_or(class, |agreed| class.raised_to(agreed))
        })
    }

    /// Judges tools that are only named by what their server is known to list of them: the class and whether the arguments say
    /// whom a call reaches. A session goes by what is listed in it.
    #[must_use]
    pub fn with_listing(self, listing: ToolListing) -> Self {
        Self { listing, ..self }
    }

    /// Whether it is known what the server lists of a tool.
    pub fn knows_listing_of(&self, tool: &str) -> bool {
        self.listing.contains_key(&*fold(tool))
    }

    fn as_listed<'t>(&self, tool: ToolRef<'t>) -> ToolRef<'t> {
        if self.listing.is_empty() || tool.listing != Listing::NotAsked {
            return tool;
        }
        // As a session finds what is listed.
        let listed = self.listing.get(&*fold(tool.name));
        listed.map_or(tool, |(class, addressed)| ToolRef {
            listing: Listing::As(*class),
            addressed: *addressed,
            ..tool
        })
    }

    /// Returns what the results of a tool hold, as the policy says; `None` if it does not.
    pub fn stated_returns<'t>(&self, tool: impl Into<ToolRef<'t>>) -> Option<&[Returns]> {
        self.find_rules(tool.into()).0.returns.as_deref()
    }

    /// Returns what the results of a tool hold: as the policy says, else its server's catalogue, else the classifier by its name.
    pub fn returns_of(&self, tool: &str) -> Vec<Returns> {
        let by_name = || profile_tool(self.catalogue(), &Listed::with_name(tool)).returns;
        self.stated_returns(tool).unwrap_or_else(by_name).to_vec()
    }

    /// Whether the policy itself sets the tool's class.
    pub fn names_class_of(&self, tool: &str) -> bool {
        self.tool_classes.find(tool, &self.work).is_some()
    }

    /// Whether the tool is in the server's catalogue, so that nothing the server says about it matters.
    pub fn has_in_catalogue(&self, tool: &str) -> bool {
        self.catalogue().is_some_and(|catalogue| catalogue.find_tool(tool).is_some())
    }

    /// Whether the server's listing of the tool can change the decision: no rule names the tool, there are rules for
    /// classes, and only its name tells its class.
    pub(crate) fn waits_for_listing(&self, tool: &str) -> bool {
        !self.classes.is_empty()
            && self.find_named_rule(tool).is_none()
            && !self.names_class_of(tool)
            && !self.has_in_catalogue(tool)
    }

    /// Whether what a server lists of a tool decides how its calls or results are handled: its class, or whether its arguments say
    /// whom a call reaches.
    pub(crate) fn depends_on_listing(&self, tool: &str) -> bool {
        if self.has_in_catalogue(tool) {
            return false;
        }
        let as_class = |class| ToolRef { listing: Listing::As(class), ..tool.into() };
        let rules = |class| -> Vec<&Rule> {
            let (own, others) = self.find_rules(as_class(class));
            [own].into_iter().chain(others.iter()).collect()
        };
        // What is destructive or financial by its name stays so, whatever is listed.
        let by_name = ToolRef::from(tool).guess_class();
        let classes = || Class::ALL.into_iter().filter(|class| by_name < Class::Destructive || *class == by_name);
        let goes_by_class = || {
            let first = rules(by_name);
            let is_other = |other: Vec<&Rule>| {
                other.len() != first.len() || other.iter().zip(&first).any(|(one, other)| !std::ptr::eq(*one, *other))
            };
            self.has_results_of_classes() || classes().any(|class| is_other(rules(class)))
        };
        let may_pass = || classes().any(|class| !self.decide_tool(as_class(class)).refuses());
        let looks_at_it = || self.find_rules(tool.into()).1.checks().any(Checks::look_at_listing);
        ((!self.names_class_of(tool) && goes_by_class()) || looks_at_it()) && may_pass()
    }

    /// Whether a limit, or a person for some arguments, can hold back a tool that is allowed.
    pub(super) fn limits_or_asks(&self, tool: &str) -> bool {
        let (_, rules) = self.find_rules(tool.into());
        rules.checks().any(|checks| !checks.limits.is_empty() || !checks.approve_if.is_empty())
    }

    /// Returns the limits that a call of the tool counts against if it is let through, the tool's own first.
    pub fn limits_of<'t>(&self, tool: impl Into<ToolRef<'t>>) -> impl Iterator<Item = &Limit> {
        let (_, rules) = self.find_rules(tool.into());
        rules.checks().flat_map(|checks| &checks.limits).collect::<Vec<_>>().into_iter()
    }

    /// Whether the decision on a call of the tool can depend on its arguments.
    pub fn looks_at_arguments<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        !self.decide_tool(tool).refuses() && self.find_rules(tool).1.checks().any(Checks::look_at_arguments)
    }

    /// Whether a call of the tool passes, or not, by nothing but its tool: no check looks at it, counts it or asks about it.
    pub fn decides_by_tool<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        self.find_rules(tool.into()).1.checks().next().is_none() && self.find_exhausted().is_none()
    }

    /// Whether the decision on a call of the tool can depend on the input that a later round of it brings.
    pub fn looks_at_input<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        !self.decide_tool(tool).refuses() && self.find_rules(tool).1.checks().any(Checks::look_at_input)
    }

    /// Whether any rule for tools looks at the input that a later round of a call brings.
    pub fn looks_at_input_of_some_tool(&self) -> bool {
        let globs = self.named.globs.iter().map(|(_, rule)| rule);
        let rules = self.named.exact.values().chain(globs).chain(self.classes.values()).chain(&self.all_tools);
        rules.filter_map(|rule| rule.checks.as_deref()).any(Checks::look_at_input)
    }

    /// Whether the decision on a call of the tool can depend on what the session has read and called before.
    pub fn looks_at_session<'t>(&self, tool: impl Into<ToolRef<'t>>) -> bool {
        let tool = tool.into();
        !self.decide_tool(tool).refuses() && self.find_rules(tool).1.checks().any(Checks::look_at_session)
    }

    /// Whether any rule looks at what the session has read and called before.
    pub fn has_session_conditions(&self) -> bool {
        let globs = self.named.globs.iter().map(|(_, rule)| rule);
        let rules = self.named.exact.values().chain(globs).chain(self.classes.values()).chain(&self.all_tools);
        let sections = self.sections.iter().map(|section| &section.rule);
        rules.chain(sections).filter_map(|rule| rule.checks.as_deref()).any(Checks::look_at_session)
    }

    /// Looks for a hidden name first, then the exact name, the most specific glob, the class, and the default. Adds what
    /// restricts other spellings of the name: of a name that a server may take for this one.
    fn find_rules(&self, tool: ToolRef<'_>) -> (&Rule, RulesInForce<'_>) {
        let found = self.collect_rules(tool);
        match self.find_exhausted() {
            Some(rule) => (rule, RulesInForce::new(Some(rule), Vec::new())),
            None => found,
        }
    }

    /// Returns the rule that refuses everything once there is no work left for the line at hand.
    pub(super) fn find_exhausted(&self) -> Option<&Rule> {
        self.work.is_exhausted().then(|| &*TOO_MANY_GLOBS)
    }

    fn collect_rules(&self, tool: ToolRef<'_>) -> (&Rule, RulesInForce<'_>) {
        let (name, folded, all) = (tool.name, fold(tool.name), self.all_tools.as_deref());
        if let Some(own) = self.find_hidden(name, &folded) {
            return (own, RulesInForce { rules: [Some(own), all, None], ..RulesInForce::default() });
        }
        let by_class = |class| self.classes.get(&class).map(Arc::as_ref);
        let has_classes = !self.classes.is_empty();
        let named = self.named.find(name, &self.work).map(Arc::as_ref);
        let own = named.or_else(|| if has_classes { by_class(self.class_of(tool)) } else { None });
        let own = own.unwrap_or(&self.otherwise);
        let class = if has_classes { self.class_of_other_spelling(name, &folded) } else { None };
        let others = self.named.find_globs_of_others(name, &folded, &self.work).into_iter().map(Arc::as_ref).collect();
        let alike = self.named.find_alike(&folded);
        (own, RulesInForce { rules: [Some(own), class.and_then(by_class), all], alike, others })
    }

    /// Returns the rules that hold for a tool.
    pub(super) fn rules_of(&self, tool: ToolRef<'_>) -> RulesInForce<'_> {
        self.find_rules(tool).1
    }

    fn find_hidden(&self, name: &str, folded: &str) -> Option<&Arc<Rule>> {
        let alike = || self.hidden.find_alike(folded).first().map(|(_, rule)| rule);
        let named = self.hidden.find(name, &self.work).or_else(alike);
        named.or_else(|| self.hidden.find_globs_of_others(name, folded, &self.work).first().copied())
    }

    fn find_named_rule(&self, name: &str) -> Option<&Arc<Rule>> {
        let folded = fold(name);
        let alike = || self.named.find_alike(&folded).first().map(|(_, rule)| rule);
        let named = self.find_hidden(name, &folded).or_else(|| self.named.find(name, &self.work)).or_else(alike);
        named.or_else(|| self.named.find_globs_of_others(name, &folded, &self.work).first().copied())
    }

    /// The class that the catalogue gives to another spelling of a name, if that decides about that one.
    fn class_of_other_spelling(&self, name: &str, folded: &str) -> Option<Class> {
        let known = self.catalogue()?.find_alike(folded)?;
        (known.name != name && self.named.find(&known.name, &self.work).is_none()).then_some(known.class)
    }

    pub(super) fn decision_of_exhausted(&self) -> Decision<'_> {
        self.decision_of_rule(&TOO_MANY_GLOBS)
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
    pub(super) fn look_at_arguments(&self) -> bool {
        let conditions = |check: &GroupCheck| check.group.conditions.iter().any(Condition::looks_at_call);
        self.refusals.iter().chain(&self.approve_if).any(conditions)
            || self.limits.iter().any(|limit| limit.increment.path().is_some())
    }

    pub(super) fn look_at_session(&self) -> bool {
        let mut groups = self.refusals.iter().chain(&self.approve_if);
        groups.any(|check| check.group.conditions.iter().any(Condition::looks_at_session))
    }

    fn look_at_listing(&self) -> bool {
        let mut groups = self.refusals.iter().chain(&self.approve_if);
        groups.any(|check| check.group.conditions.iter().any(Condition::looks_at_listing))
    }

    fn look_at_input(&self) -> bool {
        let mut groups = self.refusals.iter().chain(&self.approve_if);
        groups.any(|check| check.group.conditions.iter().any(|condition| condition.path().is_beneath_input()))
    }
}
