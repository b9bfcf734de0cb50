//! What passes beside tool calls: resources, prompts, requests of the server, and methods that the protocol does not
//! know. Each has a section of its own in a document.

mod members;

use std::collections::HashSet;
use std::iter;
use std::sync::{Arc, LazyLock};

pub(crate) use self::members::SectionMembers;
use super::compared_name::{ComparedKey, ComparedName, UriForms};
use super::compile::Policy;
use super::condition::ConditionInput;
use super::decision::{Decision, Effect};
use super::document::{BesideTools, PolicyEntry, ToolName, quoted_key};
use super::entry::Rule;
use super::glob::{BadToolGlob, NamePattern, escape_wildcards};
use super::judge::{Judgement, RulesInForce};
use super::keys::words::word_enum;
use super::limit::Limit;
use super::lock_terms::Drift;
use super::summary::SectionTally;
use crate::wire::fold::fold;
use crate::wire::method::{Method, MethodClass, MethodKind, Sender, classify_method};
use crate::wire::uri;

word_enum! {
    /// A section of a policy.
    #[derive(PartialOrd, Ord)]
    pub enum Section;
    /// Resources and their templates, by URI.
    "resources" => Resources,
    /// Prompts, by name.
    "prompts" => Prompts,
    /// What the server asks of the client: `sampling`, `elicitation`, `roots`, or a method.
    "requests" => Requests,
    /// Methods of the client that no other section is about.
    "methods" => Methods,
}

/// Something other than a tool to decide about.
#[derive(Clone, Copy, Debug)]
pub struct Item<'i> {
    /// The section that it belongs to.
    pub section: Section,
    /// The URI, the name or the method, as it came.
    pub name: &'i str,
    /// What is known about it beyond its name.
    pub standing: Standing<'i>,
    /// How it differs from the lock of its server.
    pub drift: Option<Drift>,
}

impl<'i> Item<'i> {
    /// Makes an item about which nothing else is known.
    pub fn unknown(section: Section, name: &'i str) -> Self {
        Self { section, name, standing: Standing::Unknown, drift: None }
    }
}

/// What is known about an item beyond its name. It matters only if no entry of the policy is about the item.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'i> {
    /// Nothing.
    Unknown,
    /// The server has listed the resource, or a template that it fits.
    Listed,
    /// It belongs to a tool, with the decision about that tool: a prompt that is named after it, or its `ui://` resource.
    OfTool(Decision<'i>),
}

impl Section {
    /// Returns the section that is about a method and its name there: `requests` for what only servers request.
    pub fn of_method(method: &str) -> (Self, &str) {
        match classify_method(method) {
            MethodClass::Known(Method { kind: MethodKind::Request, sender: Sender::Server, .. }) => {
                (Self::Requests, Self::request_name(method))
            }
            _ => (Self::Methods, method),
        }
    }

    /// Returns what the section `requests` calls a request of the server.
    pub fn request_name(method: &str) -> &str {
        match method {
            "sampling/createMessage" => "sampling",
            "elicitation/create" => "elicitation",
            "roots/list" => "roots",
            other => other,
        }
    }

    fn parse_key(self, key: &str) -> Result<NamePattern, BadToolGlob> {
        match NamePattern::parse(key)? {
            NamePattern::Exact(method) if self == Self::Requests => {
                Ok(NamePattern::Exact(Self::request_name(&method).to_owned()))
            }
            NamePattern::Exact(uri) if self == Self::Resources => Ok(NamePattern::Exact(uri::normalize(&uri))),
            NamePattern::Glob(_) if self == Self::Resources => {
                if key.split('/').any(|segment| matches!(segment, "." | "..")) {
                    return Err(BadToolGlob {
                        message: "`.` and `..` are resolved before a URI is compared, so it matches nothing",
                        hint: "write the path that is meant",
                    });
                }
                NamePattern::parse(&uri::normalize_glob(key))
            }
            pattern => Ok(pattern),
        }
    }

    /// Returns the key that means exactly this name, or every spelling of this URI; `None` if no key can.
    pub fn key_for(self, name: &str) -> Option<String> {
        let name = if self == Self::Resources { uri::normalize(name) } else { name.to_owned() };
        let key = escape_wildcards(&name);
        let is_exact = |pattern| matches!(pattern, NamePattern::Exact(exact) if exact == name);
        self.parse_key(&key).is_ok_and(is_exact).then_some(key)
    }

    /// Returns the key that means every name which begins so; `None` if no key can.
    pub fn key_for_prefix(self, prefix: &str) -> Option<String> {
        let key = format!("{}*", escape_wildcards(prefix));
        self.parse_key(&key).is_ok_and(|pattern| ComparedKey::new(self, pattern).has_match(self)).then_some(key)
    }

    /// Returns the glob for the URIs that fit a template, and what it begins with; `None` if no key can.
    pub fn key_for_template(template: &str) -> Option<(String, String)> {
        let template = uri::normalize(template);
        let mut parts = template.split('{');
        let prefix = parts.next().unwrap_or_default();
        let mut key = escape_wildcards(prefix);
        for part in parts {
            key.push('*');
            key.push_str(&escape_wildcards(part.split_once('}')?.1));
        }
        let pattern = Self::Resources.parse_key(&key).ok()?;
        ComparedKey::new(Self::Resources, pattern).has_match(Self::Resources).then(|| (key, prefix.to_owned()))
    }

    /// Returns the path of the entry under a key.
    pub(crate) fn rule_path(self, key: &str) -> String {
        format!("{self}.{}", quoted_key(key))
    }

    /// Whether two keys mean the same, however they are written.
    pub(crate) fn is_same_key(self, one: &str, other: &str) -> bool {
        let both = [one, other].map(|key| self.parse_key(key));
        matches!(both, [Ok(one), Ok(other)] if one == other)
    }

    /// Whether two keys cannot stand in one document: both match some name, and neither is more specific.
    pub fn are_ambiguous(self, one: &str, other: &str) -> bool {
        let both = [one, other].map(|key| self.parse_key(key));
        matches!(both, [Ok(one), Ok(other)] if one.weight() == other.weight() && one.overlaps_with(&other))
    }

    /// What messages call one of what the section is about.
    pub fn item_noun(self) -> &'static str {
        match self {
            Self::Resources => "resource",
            Self::Prompts => "prompt",
            Self::Requests => "request",
            Self::Methods => "method",
        }
    }

    /// What messages call a key of the section, with an article.
    fn noun(self) -> &'static str {
        match self {
            Self::Resources => "a URI or glob",
            Self::Prompts => "the name of a prompt or a glob",
            Self::Requests => "`sampling`, `elicitation`, `roots`, a method or a glob",
            Self::Methods => "a method or a glob",
        }
    }
}

/// A compiled entry of a section.
#[derive(Debug)]
pub(super) struct SectionRule {
    section: Section,
    key: ComparedKey,
    pub(super) rule: Arc<Rule>,
}

impl SectionRule {
    /// Returns one rule for each alternative of the key.
    pub(super) fn from_entry(section: Section, entry: &PolicyEntry<ToolName>) -> impl Iterator<Item = Self> {
        let rule =
            move |pattern| Self { section, key: ComparedKey::new(section, pattern), rule: Arc::clone(&entry.rule) };
        entry.key.pattern.split().into_iter().map(rule)
    }

    /// How specific it is.
    pub(super) fn weight(&self) -> usize {
        self.key.exact.weight()
    }

    /// Whether the entry can refuse anything, or ask about it.
    fn restricts(&self) -> bool {
        self.rule.effect != Effect::Allow || self.rule.checks.is_some() || self.rule.results.is_some()
    }

    /// Whether it is about what the client sends.
    pub(super) fn is_of_client(&self) -> bool {
        self.section != Section::Requests
    }

    pub(super) fn effect(&self) -> Effect {
        self.rule.effect
    }

    fn refuses(&self) -> bool {
        is_refusal(self.rule.effect)
    }
}

/// An entry of a section, as it holds for what no more specific entry is about.
#[derive(Clone, Copy, Debug)]
pub struct SectionEntry<'p> {
    /// What it decides, whatever the arguments.
    pub decision: Decision<'p>,
    rule: &'p Rule,
}

impl<'p> SectionEntry<'p> {
    /// Returns the limits that a request counts against.
    pub fn limits(self) -> impl Iterator<Item = &'p Limit> {
        self.rule.checks.iter().flat_map(|checks| &checks.limits)
    }

    /// Whether the decision can depend on what the session has read and called before.
    pub fn looks_at_session(self) -> bool {
        self.rule.checks.as_ref().is_some_and(|checks| checks.look_at_session())
    }

    /// Whether the decision can depend on the URI or the arguments.
    pub fn looks_at_arguments(self) -> bool {
        self.rule.checks.as_ref().is_some_and(|checks| checks.look_at_arguments())
    }
}

fn is_refusal(effect: Effect) -> bool {
    matches!(effect, Effect::Deny | Effect::Hide)
}

/// What holds under the built-in policy where no entry says otherwise.
struct BuiltinRules {
    passes: Rule,
    listed: Rule,
    resource: Rule,
    method: Rule,
}

static BUILTIN: LazyLock<BuiltinRules> = LazyLock::new(|| {
    let rule = |effect, path: &str, reason: &str| {
        Rule::without_checks(effect, path, Some(reason.to_owned()).filter(|reason| !reason.is_empty()))
    };
    let not_listed = "The server has not listed this resource, and no policy has been written for it.";
    let unknown = "The protocol does not know this method, and no policy has been written for it.";
    BuiltinRules {
        passes: rule(Effect::Allow, "builtin:default", ""),
        listed: rule(Effect::Allow, "builtin:resources", ""),
        resource: rule(Effect::RequireApproval, "builtin:resources", not_listed),
        method: rule(Effect::RequireApproval, "builtin:methods", unknown),
    }
});

/// Where a URI leads to several places, whichever server reads it.
static AMBIGUOUS: LazyLock<Rule> = LazyLock::new(|| {
    let why = "Servers may read this URI as different places, because of dots, slashes or escapes in it or because of how its \
               host is written. Write the URI of the place that is meant.";
    Rule::without_checks(Effect::Deny, "protocol", Some(why.to_owned()))
});

impl Policy {
    /// Decides about an item whatever its arguments: whether it is listed, and whether it is always refused.
    pub fn decide_item<'p>(&'p self, item: Item<'p>) -> Decision<'p> {
        let (rules, base) = self.find_item_rules(item);
        self.hold_to_lock(self.decide_rules(&rules, base), item.drift)
    }

    /// Decides about a message that is about an item: its arguments alone, or a [`ConditionInput`]. What conditions on
    /// `uri` look at is the item's own name.
    pub fn judge_item<'p, 'l>(&'p self, item: Item<'p>, input: impl Into<ConditionInput<'l>>) -> Judgement<'p> {
        let (rules, base) = self.find_item_rules(item);
        let looks_at_uri = |rule: &&Rule| rule.conditions().any(|condition| condition.path().is_uri());
        let is_looked_at = item.section == Section::Resources && rules.iter().any(|rule| looks_at_uri(&rule));
        let uri = is_looked_at.then(|| UriForms::new(item.name));
        let judgement = self.judge_rules(rules, base, ConditionInput { uri: uri.as_ref(), ..input.into() });
        self.hold_judgement(judgement, item.drift)
    }

    /// Whether an entry has exactly this name, or this URI.
    pub fn names_item(&self, section: Section, name: &str) -> bool {
        let name = ComparedName::of(section, name);
        let is_exact = |rule: &SectionRule| rule.weight() == usize::MAX && rule.key.exact.matches(name.exact());
        self.sections.iter().any(|rule| rule.section == section && is_exact(rule))
    }

    /// Returns the limits that a message about an item counts against if it is let through.
    pub fn limits_of_item<'p>(&'p self, item: Item<'p>) -> impl Iterator<Item = &'p Limit> {
        let (rules, _) = self.find_item_rules(item);
        rules.checks().flat_map(|checks| &checks.limits).collect::<Vec<_>>().into_iter()
    }

    /// Whether the decision about an item can depend on what the session has read and called before.
    pub fn item_looks_at_session(&self, item: Item<'_>) -> bool {
        let (rules, base) = self.find_item_rules(item);
        !self.decide_rules(&rules, base).refuses() && rules.checks().any(|checks| checks.look_at_session())
    }

    /// Whether the decision about an item can depend on its URI or its arguments.
    pub fn item_looks_at_arguments(&self, item: Item<'_>) -> bool {
        let (rules, base) = self.find_item_rules(item);
        !self.decide_rules(&rules, base).refuses() && rules.checks().any(|checks| checks.look_at_arguments())
    }

    /// Decides about a template of resources, `file:///reports/{name}` for example: it is listed if a resource that fits
    /// it may pass.
    pub fn decide_template(&self, template: &str, drift: Option<Drift>) -> Decision<'_> {
        let name = ComparedName::of_uri(template);
        let shape = NamePattern::of_template(name.exact());
        let is_about = |rule: &&SectionRule| {
            let is_restricted = || rule.rule.effect != Effect::Allow && rule.key.touches(&name, &self.work);
            let overlaps = || {
                self.work.spend(shape.count_tokens().saturating_mul(rule.key.exact.count_tokens()));
                !self.work.is_exhausted() && rule.key.exact.overlaps_with(&shape)
            };
            rule.section == Section::Resources && (is_restricted() || !rule.refuses() && overlaps())
        };
        let decision = match self.sections.iter().find(is_about) {
            _ if self.work.is_exhausted() => return self.decision_of_exhausted(),
            Some(rule) => self.decision_of_rule(&rule.rule),
            None => self.decide_without_entry(Section::Resources, Standing::Listed),
        };
        self.hold_to_lock(decision, drift)
    }

    /// Returns the name in a section that a server may take this one for; `None` if there is none, or if this name is in
    /// it itself. URIs have none: theirs are compared in their normal form, and names that differ in case are others.
    pub fn find_item_look_alike(&self, section: Section, name: &str) -> Option<&str> {
        let folded = fold(name);
        let is_alike = |rule: &&SectionRule| rule.section == section && rule.key.is_spelled_as(&folded);
        let mut alike = self.sections.iter().filter(is_alike).filter_map(|rule| match &rule.key.exact {
            NamePattern::Exact(exact) if section != Section::Resources => Some(exact.as_str()),
            _ => None,
        });
        let first = alike.next()?;
        (first != name && alike.all(|other| other != name)).then_some(first)
    }

    /// Returns the rules that hold for an item, and the decision beneath them.
    ///
    /// An entry permits only the spelling that it gives. It restricts every spelling that some server could read as that
    /// one, unless a more specific entry permits the spelling at hand and the entry matches that spelling itself, or a more
    /// specific one permits the URI. So no spelling is milder than another.
    pub(super) fn find_item_rules<'p>(&'p self, item: Item<'p>) -> (RulesInForce<'p>, Decision<'p>) {
        let found = self.collect_item_rules(item);
        match self.find_exhausted() {
            Some(rule) => (RulesInForce::default(), self.decision_of_rule(rule)),
            None => found,
        }
    }

    fn collect_item_rules<'p>(&'p self, item: Item<'p>) -> (RulesInForce<'p>, Decision<'p>) {
        let Item { section, name, standing, .. } = item;
        let default = self.decide_without_entry(section, standing);
        let rules = || self.sections.iter().filter(|rule| rule.section == section);
        if rules().next().is_none() {
            return (RulesInForce::default(), default);
        }
        let name = ComparedName::of(section, name);
        let permit = rules().find(|rule| rule.key.covers(&name, &self.work));
        // Only an entry that names it exactly takes an item from the tool that it belongs to.
        let is_of_refused_tool = matches!(standing, Standing::OfTool(decision) if is_refusal(decision.effect));
        let permit = permit.filter(|rule| !is_of_refused_tool || rule.refuses() || rule.weight() == usize::MAX);
        let weight = permit.map_or(0, SectionRule::weight);
        let is_about_another = |rule: &SectionRule| {
            section != Section::Resources && !rule.key.exact.matches_within(name.exact_form(), &self.work)
        };
        // Each with whether it is about a place to which the name may lead.
        let restricting: Vec<_> = rules()
            .filter(|rule| rule.restricts() && (rule.weight() >= weight || is_about_another(rule)))
            .map(|rule| (rule, rule.key.touches(&name, &self.work)))
            .filter(|(_, touches)| *touches || name.is_ambiguous())
            .collect();
        // Of equals, the last is taken.
        let by_strictness = |(rule, _): &&(&SectionRule, bool)| rule.rule.effect.strictness();
        let strictest = restricting.iter().rev().max_by_key(by_strictness).map(|(rule, _)| &*rule.rule);
        let base = permit.map_or(default, |rule| self.decision_of_rule(&rule.rule));
        // Only where every place gets the same does it not matter which one is meant.
        if name.is_ambiguous()
            && rules().any(|rule| !rule.key.exact.matches_all() && (rule.restricts() || is_refusal(base.effect)))
        {
            let read = restricting.iter().rev().filter(|(_, touches)| *touches);
            let named = read.max_by_key(by_strictness).map(|(rule, _)| &*rule.rule);
            let others = iter::once(&*AMBIGUOUS).chain(strictest);
            return (RulesInForce::new(named, others.collect()), base);
        }
        let others = strictest.into_iter().chain(restricting.iter().map(|(rule, _)| &*rule.rule));
        (RulesInForce::new(permit.map(|rule| &*rule.rule), others.collect()), base)
    }

    /// Returns the entries of a section, the most specific first.
    pub fn section_entries(&self, section: Section) -> Vec<SectionEntry<'_>> {
        let mut paths = HashSet::new();
        let rules = self.sections.iter().filter(|rule| rule.section == section).map(|rule| &*rule.rule);
        let entry = |rule| SectionEntry { decision: self.decision_of_rule(rule), rule };
        rules.filter(|rule| paths.insert(&rule.path)).map(entry).collect()
    }

    /// Counts the entries of a section, and decides what holds where none is about an item.
    pub fn tally_section(&self, section: Section) -> SectionTally {
        let [otherwise, listed] =
            [Standing::Unknown, Standing::Listed].map(|standing| self.decide_without_entry(section, standing).effect);
        let mut tally = SectionTally { section, otherwise, listed, allowed: 0, asking: 0, refused: 0 };
        for entry in self.section_entries(section) {
            match entry.decision.effect {
                Effect::Allow => tally.allowed += 1,
                Effect::RequireApproval => tally.asking += 1,
                Effect::Deny | Effect::Hide => tally.refused += 1,
            }
        }
        tally
    }

    /// Whether what the section is about is refused because the document says nothing of it.
    pub fn refuses_unmentioned(&self, section: Section) -> bool {
        let has_entry = self.sections.iter().any(|rule| rule.section == section);
        !has_entry && self.beside_tools == BesideTools::Default && self.otherwise.effect != Effect::Allow
    }

    /// The decision where no entry is about an item.
    pub(super) fn decide_without_entry<'p>(&'p self, section: Section, standing: Standing<'p>) -> Decision<'p> {
        match (standing, self.beside_tools) {
            (Standing::OfTool(decision), _) => decision,
            (_, BesideTools::Default) => self.decision_of_rule(&self.otherwise),
            (standing, BesideTools::Builtin) => self.decision_of_rule(match (section, standing) {
                (Section::Resources, Standing::Listed) => &BUILTIN.listed,
                (Section::Resources, _) => &BUILTIN.resource,
                (Section::Methods, _) => &BUILTIN.method,
                (Section::Prompts | Section::Requests, _) => &BUILTIN.passes,
            }),
        }
    }
}
