//! What a tool does, how such access is abused, which rule is recommended for it, and what is in force.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::decision::document_of_rule;
use super::inspection::ToolLimit;
use super::limit::WindowText;
use super::section_explanation::{SectionExplanation, describe_otherwise};
use crate::paths::LoadedPolicy;
use crate::policy::window::parse_duration;
use crate::policy::{Amount, Effect, Format, Limit, Mode, Policy, ResultSummary, Scope, ServerName, Source};
use crate::risk::{
    Action, Attack, Catalogue, Class, Confidence, Fact, Knowledge, Listed, Profile, RateScope, Recommended,
    RecommendedRate, Reference, Risk, ToolFact, classify_tool, profile_tool, recommend_rule,
};
use crate::shell::as_word;
use crate::visible::escape_invisible;

/// What is known about a tool.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation<'e> {
    /// The patterns of abuse that need what the tool offers.
    pub(crate) attacks: Vec<AttackSummary>,
    /// What the policy in force says beside tool calls; `null` if it cannot be loaded.
    pub(crate) beside_tools: Option<[SectionExplanation<'e>; 4]>,
    /// The class of the tool.
    pub(crate) class: Class,
    /// Tools of the catalogue that may have been meant.
    pub(crate) did_you_mean: Vec<&'static str>,
    /// What it does, if the catalogue has it.
    pub(crate) does: Option<&'static str>,
    /// Why the policy is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'e str>,
    /// What else is known or guessed of it, each with its reason.
    pub(crate) facts: Vec<ToolFact>,
    /// What the policy in force says about it.
    pub(crate) in_force: Option<InForce<'e>>,
    /// Whether it cannot be undone with the server's own tools.
    irreversible: bool,
    /// Whether the catalogue has it.
    pub(crate) known: bool,
    /// Whether its lock has what its server listed of it, which then counts, and not the name alone.
    pub(crate) listed: bool,
    /// Whether it reads or writes personal data.
    personal_data: bool,
    /// The rule that is recommended for it.
    pub(crate) recommended: Recommendation,
    /// The risk of its class.
    pub(crate) risk: Risk,
    /// The method and route that it calls.
    pub(crate) route: Option<&'static str>,
    /// Whether a message may go out because of a call.
    sends: bool,
    /// The server.
    pub(crate) server: &'e str,
    /// How bad one mistaken call is.
    pub(crate) severity: Risk,
    /// What determined its class.
    source: ClassOrigin,
    /// The tool.
    pub(crate) tool: &'e str,
    /// Why it needs a policy.
    pub(crate) why: String,
}

/// What determined a tool's class, and why.
#[derive(Debug, Serialize)]
struct ClassOrigin {
    /// `catalogue` or `classifier`.
    by: &'static str,
    /// The class before doubt made it stricter.
    class: Class,
    /// How sure the classifier is.
    confidence: Option<Confidence>,
    /// The reason.
    reason: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct AttackSummary {
    /// What happens.
    pub(crate) account: &'static str,
    /// Its identifier in docs/attacks.md.
    id: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What an attacker needs.
    pub(crate) needs: &'static str,
    /// The document that describes it.
    pub(crate) source: &'static Reference,
    /// What stops it.
    pub(crate) stopped_by: &'static str,
}

impl From<&'static Attack> for AttackSummary {
    fn from(attack: &'static Attack) -> Self {
        let Attack { id, name, account, needs, stops, source, .. } = attack;
        Self { account, id, name, needs, source, stopped_by: stops }
    }
}

/// The rule that is recommended for a tool.
#[derive(Debug, Serialize)]
pub(crate) struct Recommendation {
    /// The commands that put the rule in place.
    pub(crate) commands: Vec<String>,
    /// The recommended effect on a call.
    effect: Effect,
    /// The format of `snippet`.
    pub(crate) format: &'static str,
    /// The recommended maximum rate of calls.
    rate_limit: Option<String>,
    /// The rule as it is written.
    #[serde(flatten)]
    pub(crate) text: RuleText,
    /// Why it is recommended.
    pub(crate) why: &'static str,
    /// What to do, in a sentence.
    #[serde(skip)]
    pub(crate) advice: String,
}

/// The recommended rule as it is written; empty if no key can name the tool.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RuleText {
    /// The rule as a document.
    pub(crate) rule: Option<Value>,
    /// The rule to paste, in the format of the file in force.
    pub(crate) snippet: Option<String>,
    /// The same rule as TOML.
    pub(crate) toml: Option<String>,
    /// Whether it looks at arguments.
    #[serde(skip)]
    pub(crate) has_conditions: bool,
    /// Whether the rule is an entry under `tools`, and not in `hide`.
    #[serde(skip)]
    pub(crate) is_entry: bool,
}

/// What the policy in force says about a tool.
#[derive(Debug, Serialize)]
pub(crate) struct InForce<'p> {
    /// The tool's class under the policy.
    class: Class,
    /// How the rule in force compares with the recommendation.
    pub(crate) compared: Standing,
    /// What happens to a call.
    pub(crate) effect: Effect,
    /// The policy file; `null` for a built-in policy.
    file: Option<&'p str>,
    /// The limits of its calls.
    limits: Vec<ToolLimit<'p>>,
    /// Whether the effect also depends on the arguments.
    looks_at_arguments: bool,
    /// Whether the effect also depends on what the session has read and called before.
    looks_at_session: bool,
    /// What is in force: the file, the built-in policy, or the file over the built-in policy.
    mode: Mode,
    /// What decides, beside tool calls, where the policy has no entry.
    #[serde(skip)]
    sections_otherwise: &'static str,
    /// The document that the rule is in.
    #[serde(skip)]
    pub(crate) document: String,
    /// What the agent is told about the rule.
    reason: Option<&'p str>,
    /// What becomes of its results; `null` if nothing is done to them.
    results: Option<ResultSummary>,
    /// The path of the rule that decides.
    pub(crate) rule: &'p str,
}

/// How the rule in force compares with the recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// The rule is the recommended one.
    Same,
    /// The rule lets less through.
    Stricter,
    /// The rule is another one.
    Other,
}

pub(crate) struct ToolQuestion<'q> {
    pub(crate) tool: &'q str,
    pub(crate) server: &'q ServerName,
    /// The options that name the policy in a command.
    pub(crate) place: String,
    pub(crate) format: Option<Format>,
    /// What its server listed of it when it was locked.
    pub(crate) listed: Option<Listed<'static>>,
    /// The policy in force, or why it is unknown.
    pub(crate) loaded: Result<&'q LoadedPolicy, &'q str>,
}

/// Returns what a fact is called wherever a person reads of it.
pub(crate) fn fact_name(fact: Fact) -> &'static str {
    match fact {
        Fact::Personal => "personal data",
        Fact::Sends => "can send messages",
        Fact::ReturnsUntrusted => "returns what others wrote",
        Fact::ReturnsSecrets => "returns keys or passwords",
        Fact::UrlArgument => "connects where a call says",
    }
}

impl<'e> Explanation<'e> {
    /// Explains a tool. `write_rule` writes the recommended rule in a format.
    pub(crate) fn new(
        question: &ToolQuestion<'e>,
        write_rule: impl FnOnce(&Recommended, Option<Mode>, Format) -> RuleText,
    ) -> Self {
        let ToolQuestion { tool, server, loaded, .. } = *question;
        let is_listed = question.listed.is_some();
        let listed = question.listed.clone().unwrap_or_else(|| Listed::with_name(tool));
        let policy = loaded.ok().map(|loaded| &loaded.policy);
        let catalogue = policy.map_or_else(|| Catalogue::for_server(server), Policy::catalogue);
        let profile = profile_tool(catalogue, &listed);
        let known = catalogue.is_some_and(|catalogue| catalogue.find_tool(tool).is_some());
        // What the name alone implies, or what is listed, before doubt makes it stricter.
        let by_name = if known { profile.class } else { classify_tool(&listed).class };
        let recommended = recommend_rule(&profile);
        let format = match loaded {
            Ok(loaded) => loaded.source.as_ref().map(Source::format),
            Err(_) => question.format,
        };
        let format = format.unwrap_or(Format::Toml);
        let text = write_rule(&recommended, policy.map(|policy| policy.summarize().mode), format);
        let in_force = policy.map(|policy| InForce::new(policy, tool, &recommended, text.has_conditions));
        let (by, confidence) = match profile.source {
            Knowledge::Catalogue => ("catalogue", None),
            Knowledge::Classifier(confidence) => ("classifier", Some(confidence)),
        };
        Self {
            attacks: Attack::abusing(catalogue, tool, &profile).map(AttackSummary::from).collect(),
            beside_tools: policy.map(SectionExplanation::explain_policy),
            class: profile.class,
            did_you_mean: catalogue.filter(|_| !known).map(|known| known.similar_tools(tool)).unwrap_or_default(),
            does: catalogue.and_then(|catalogue| catalogue.tool_summary(tool)),
            error: loaded.err(),
            facts: profile.facts.list(),
            irreversible: profile.irreversible,
            known,
            listed: is_listed,
            personal_data: profile.pii,
            recommended: Recommendation {
                commands: match text.has_conditions {
                    // Only `add`, which takes the pasted rule, writes conditions.
                    true => vec![format!("policylayer add - {}", question.place)],
                    false => build_commands(question, &recommended, in_force.as_ref().map(|now| now.effect)),
                },
                effect: effect_of(recommended.action),
                format: format.as_str(),
                rate_limit: recommended.rate_limit.map(|rate| rate.to_string()),
                text,
                why: recommended.why,
                advice: describe_advice(&recommended),
            },
            in_force,
            risk: profile.class.risk(),
            route: profile.route,
            sends: profile.sends,
            server: server.as_str(),
            severity: profile.severity,
            why: explain_class(
                &profile,
                by_name,
                catalogue,
                if is_listed { "what its server listed" } else { "its name" },
            ),
            source: ClassOrigin { by, class: by_name, confidence, reason: profile.why.into_owned() },
            tool,
        }
    }

    /// Whether nothing that the server lists can make it milder than its name does.
    pub(crate) fn is_settled_by_name(&self) -> bool {
        self.source.confidence.is_none_or(|confidence| confidence == Confidence::High)
    }

    /// Returns the known servers that have a tool of this name, if the server that was asked about has none.
    pub(crate) fn known_elsewhere(&self) -> Vec<&'static str> {
        match self.known {
            true => Vec::new(),
            false => Catalogue::with_tool(self.tool).into_iter().map(|catalogue| catalogue.server).collect(),
        }
    }

    /// Returns whether the rule in force is stricter than the tool's name alone suggests. That is no reason to let more
    /// through: a person or `init` may have written the policy with more information.
    pub(crate) fn is_stricter_than_name(&self) -> bool {
        !self.known
            && !self.listed
            && self.in_force.as_ref().is_some_and(|in_force| in_force.compared == Standing::Stricter)
    }

    /// Returns whether pasting the rule turns a document that only hides into one that stands alone.
    pub(crate) fn pasting_drops_builtin(&self) -> bool {
        self.recommended.text.is_entry && self.in_force.as_ref().is_some_and(|in_force| in_force.mode == Mode::Patch)
    }

    pub(crate) fn list_marks(&self) -> Vec<&'static str> {
        let irreversible = self.irreversible.then_some("cannot be undone");
        self.facts.iter().map(|known| fact_name(known.fact)).chain(irreversible).collect()
    }

    /// Returns what decides, beside tool calls, where the policy has no entry.
    pub(crate) fn sections_otherwise(&self) -> Option<&'static str> {
        self.in_force.as_ref().map(|in_force| in_force.sections_otherwise)
    }

    /// Describes what else the policy in force says, each in a sentence.
    pub(crate) fn details_in_force(&self, in_force: &InForce<'_>) -> Vec<String> {
        let mut details = Vec::new();
        if in_force.class != self.class {
            details.push(format!("The policy puts the tool in the class {}.", in_force.class.as_str()));
        }
        // If a call passes, the agent is only told the reason once a limit is reached.
        if let Some(reason) = in_force.reason.filter(|_| in_force.effect != Effect::Allow) {
            details.push(format!("Its reason: {}", escape_invisible(reason)));
        }
        if matches!(in_force.effect, Effect::Deny | Effect::Hide) {
            return details;
        }
        details.extend(in_force.limits.iter().map(|limit| {
            let (window, scope) = (WindowText(limit.window), limit.scope.map(Scope::as_str).unwrap_or_default());
            format!("At most {} per {window}, counted for each {scope}.", limit.max)
        }));
        if in_force.looks_at_arguments {
            details.push("What happens to a call also depends on its arguments.".to_owned());
        }
        if in_force.looks_at_session {
            details
                .push("What happens to a call also depends on what the session has read and called before.".to_owned());
        }
        details.extend(in_force.results.as_ref().map(|results| escape_invisible(&results.describe())));
        details
    }
}

/// Explains why a tool has its class, and how sure that is.
fn explain_class(profile: &Profile, by_name: Class, catalogue: Option<&Catalogue>, source: &str) -> String {
    let reason = escape_invisible(&profile.why);
    let Knowledge::Classifier(confidence) = profile.source else { return reason };
    let class = profile.class.as_str();
    let by = format!("By {source} it is {}, with {} confidence: {reason}", by_name.as_str(), confidence.as_str());
    if by_name == profile.class {
        by
    } else if catalogue.is_some() && by_name < Class::Execute {
        format!(
            "{by} It counts as {class}: a tool of this server that is not in the catalogue is never taken for harmless."
        )
    } else {
        format!("{by} It counts as {class}: in doubt, the worse class applies.")
    }
}

/// Returns the recommendation as a sentence, without the conditions on arguments.
fn describe_advice(recommended: &Recommended) -> String {
    let limit = recommended.rate_limit.map(|rate| format!("{} per {}", rate.max, rate.window));
    match (recommended.action, limit) {
        (Action::Allow, None) => "Allow it.".to_owned(),
        (Action::Allow, Some(limit)) => format!("Allow it, {limit}."),
        (Action::RequireApproval, None) => "Ask a person about each call.".to_owned(),
        (Action::RequireApproval, Some(limit)) => format!("Ask a person about each call, {limit} at most."),
        (Action::Hide, _) => "Hide it.".to_owned(),
    }
}

impl<'p> InForce<'p> {
    fn new(policy: &'p Policy, tool: &str, recommended: &Recommended, has_conditions: bool) -> Self {
        // The stricter, the further.
        let order = [Effect::Allow, Effect::RequireApproval, Effect::Deny, Effect::Hide];
        let rank = |effect| order.iter().position(|other| *other == effect);
        let (decision, summary) = (policy.decide_tool(tool), policy.summarize());
        let is_limited =
            || recommended.rate_limit.is_none_or(|rate| policy.limits_of(tool).any(|limit| is_within(limit, rate)));
        let looks_at_arguments = policy.looks_at_arguments(tool);
        let is_guarded = looks_at_arguments || policy.looks_at_session(tool) || !has_conditions;
        let compared = match rank(decision.effect).cmp(&rank(effect_of(recommended.action))) {
            Ordering::Greater => Standing::Stricter,
            Ordering::Equal if decision.effect == Effect::Hide || (is_limited() && is_guarded) => Standing::Same,
            Ordering::Equal | Ordering::Less => Standing::Other,
        };
        let limits = policy.limits_of(tool);
        let limits = limits.map(|limit| ToolLimit { scope: Some(limit.scope), ..ToolLimit::from(limit) });
        Self {
            class: policy.class_of(tool),
            compared,
            effect: decision.effect,
            file: summary.file,
            limits: limits.collect(),
            looks_at_arguments,
            looks_at_session: policy.looks_at_session(tool),
            mode: summary.mode,
            sections_otherwise: describe_otherwise(policy),
            document: document_of_rule(decision.rule, policy),
            reason: decision.reason,
            results: policy.result_plan(tool).map(|plan| plan.summarize()),
            rule: decision.rule,
        }
    }
}

pub(crate) fn effect_of(action: Action) -> Effect {
    match action {
        Action::Allow => Effect::Allow,
        Action::RequireApproval => Effect::RequireApproval,
        Action::Hide => Effect::Hide,
    }
}

fn is_within(limit: &Limit, rate: RecommendedRate) -> bool {
    parse_duration(rate.window) == Some(limit.window.length()) && limit.max <= Amount::from_count(u64::from(rate.max))
}

/// Returns the commands that put a rule without conditions in place. A limit alone lets nothing through that was refused
/// or asked about, so calls that do not pass now are allowed first.
fn build_commands(question: &ToolQuestion<'_>, recommended: &Recommended, now: Option<Effect>) -> Vec<String> {
    let (tool, place) = (as_word(question.tool), &question.place);
    let limit = recommended.rate_limit.map(|rate| {
        let scope = if rate.counted == RateScope::Server { " --scope server" } else { "" };
        format!("policylayer limit {tool} {rate}{scope} {place}")
    });
    let subcommand = match recommended.action {
        Action::Allow if limit.is_some() && now == Some(Effect::Allow) => None,
        Action::Allow => Some("allow"),
        Action::RequireApproval => Some("ask"),
        Action::Hide => Some("hide"),
    };
    subcommand.map(|name| format!("policylayer {name} {tool} {place}")).into_iter().chain(limit).collect()
}
