//! What is to happen to each tool: what is recommended, or what a person has answered for its class.

use std::collections::BTreeMap;

use super::document::{Pairs, Written};
use crate::policy::decode::decode;
use crate::policy::diagnostic::Report;
use crate::policy::{Effect, Format, ServerName, Source, ToolGlob, builtin_text};
use crate::risk::{
    Action, Catalogue, Class, Knowledge, Listed, Profile, RateScope, RecommendedRate, profile, recommend,
};
use crate::visible::visible;

/// What a person wants of the tools of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// What is recommended for each of them.
    Recommended,
    /// They are taken out of the list.
    Hide,
    /// They stay in the list, and each call is refused.
    Deny,
    /// A person is asked about each call.
    Ask,
    /// So many calls a minute pass.
    Limit,
    /// Every call passes.
    Allow,
}

impl Answer {
    /// What may be answered for a class, what is recommended first. What is recommended is not there twice.
    pub(super) fn of(class: Class) -> impl Iterator<Item = Self> {
        let recommended = match class {
            Class::Read => Self::Allow,
            Class::Write => Self::Limit,
            Class::Execute | Class::Financial => Self::Ask,
            Class::Destructive => Self::Hide,
        };
        let others = [Self::Hide, Self::Ask, Self::Deny, Self::Limit, Self::Allow];
        [Self::Recommended].into_iter().chain(others.into_iter().filter(move |answer| *answer != recommended))
    }

    /// What it does to the tools of a class, in a few words.
    pub(super) fn words(self, class: Class) -> &'static str {
        match (self, class) {
            (Self::Recommended, Class::Read) => "allowed; what is known to return personal data is limited",
            (Self::Recommended, Class::Write) | (Self::Limit, _) => "allowed, each tool 30 times a minute",
            (Self::Recommended, Class::Execute) | (Self::Ask, _) => "visible, and a person has to approve each call",
            (Self::Recommended, Class::Destructive) => "hidden, since what is gone stays gone",
            (Self::Recommended, Class::Financial) => "a person has to approve each call, and 10 an hour pass at most",
            (Self::Hide, _) => "hidden",
            (Self::Deny, _) => "visible, and each call is refused",
            (Self::Allow, _) => "allowed, without a limit",
        }
    }
}

/// What a person has answered, by class.
pub(super) type Answers = BTreeMap<Class, Answer>;

/// Limits that nobody has thought about further.
const LIMIT: RecommendedRate = RecommendedRate { max: 30, window: "minute", counted: RateScope::Session };

/// What is told of a hidden tool that is called all the same.
const GONE: &str = "What it takes away cannot be brought back.";

/// What is to happen to one tool.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its name.
    pub(super) name: String,
    /// The key that means it and no other; why there is none, where there is none.
    pub(super) key: Result<String, &'static str>,
    /// What the server says of it.
    pub(super) description: Option<String>,
    /// What is known of it.
    pub(super) profile: Profile,
    /// Its entry.
    pub(super) rule: Pairs,
}

impl Planned {
    /// What its entry makes of its calls.
    pub(super) fn effect(&self) -> Effect {
        let action = self.rule.iter().find_map(|(key, value)| match value {
            Written::Text(action) if key == "action" => Some(action.as_str()),
            _ => None,
        });
        match action {
            Some("hide") => Effect::Hide,
            Some("deny") => Effect::Deny,
            Some("require_approval") => Effect::RequireApproval,
            _ => Effect::Allow,
        }
    }

    /// Whether its calls are counted.
    pub(super) fn is_limited(&self) -> bool {
        self.rule.iter().any(|(key, _)| key == "rate_limit" || key == "limits")
    }
}

/// The tools, each with what is known of it, by name. Where a server lists one twice, the worse of the two counts.
pub(super) fn survey<'l>(server: &ServerName, tools: &'l [Listed<'l>]) -> BTreeMap<&'l str, (&'l Listed<'l>, Profile)> {
    let mut known: BTreeMap<&str, (&Listed<'_>, Profile)> = BTreeMap::new();
    for tool in tools {
        let profile = profile(server.as_str(), tool);
        if known.get(&*tool.name).is_none_or(|(_, earlier)| profile.class > earlier.class) {
            known.insert(&tool.name, (tool, profile));
        }
    }
    known
}

/// Plans what is to happen to each tool, in the order of their names.
pub(super) fn plan(server: &ServerName, tools: &[Listed<'_>], answers: &Answers) -> Vec<Planned> {
    let known = Known::of(server);
    survey(server, tools).into_values().map(|(tool, profile)| known.plan(tool, profile, answers)).collect()
}

/// What is known of a server before it is asked.
#[derive(Debug)]
pub(super) struct Known {
    catalogue: Option<&'static Catalogue>,
    /// The entries of the policy that is built in for it, by tool.
    builtin: BTreeMap<String, Pairs>,
}

impl Known {
    pub(super) fn of(server: &ServerName) -> Self {
        Self { catalogue: Catalogue::of(server), builtin: builtin_entries(server) }
    }

    /// Plans what is to happen to one tool.
    pub(super) fn plan(&self, tool: &Listed<'_>, profile: Profile, answers: &Answers) -> Planned {
        let answer = answers.get(&profile.class).copied().unwrap_or(Answer::Recommended);
        let is_new = self.catalogue.is_some() && profile.source != Knowledge::Catalogue;
        let key = match ToolGlob::key_for(&tool.name).filter(|key| visible(key) == *key) {
            // An entry for it would be doubted at every start: no such tool is known.
            _ if is_new => Err("is newer than what is known of this server"),
            None => Err("has a name that no key can stand for"),
            Some(key) => Ok(key),
        };
        let rule = rule(&profile, answer, self.builtin.get(&*tool.name));
        let description = tool.description.as_deref().or(tool.title.as_deref()).map(str::to_owned);
        Planned { name: tool.name.clone().into_owned(), key, description, profile, rule }
    }
}

/// The entries of the policy that is built in for a server, by tool.
fn builtin_entries(server: &ServerName) -> BTreeMap<String, Pairs> {
    let source = Source::new("", Format::Toml, builtin_text(server));
    let root = decode(&source, &mut Report::default()).and_then(|root| Written::of(&root));
    let tools = match root {
        Some(Written::Table(root)) => root.into_iter().find(|(key, _)| key == "tools"),
        _ => None,
    };
    match tools {
        Some((_, Written::Table(tools))) => tools
            .into_iter()
            .filter_map(|(name, entry)| match entry {
                Written::Table(pairs) => Some((name, pairs)),
                _ => None,
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The entry of a tool. What the built-in policy says of it is taken over, and its checks stay whatever is answered.
fn rule(profile: &Profile, answer: Answer, builtin: Option<&Pairs>) -> Pairs {
    let recommended = recommend(profile);
    if let (Answer::Recommended, Some(builtin)) = (answer, builtin) {
        return builtin.clone();
    }
    let (action, rate) = match answer {
        Answer::Recommended => (action(recommended.action, recommended.why), recommended.rate_limit),
        Answer::Hide => (refusal("hide", "The policy leaves this tool out."), None),
        Answer::Deny => (refusal("deny", "The policy lets nobody call this tool."), None),
        Answer::Ask => {
            let reason = builtin_reason(builtin, "require_approval").unwrap_or("A person has to approve each call.");
            (refusal("require_approval", reason), recommended.rate_limit)
        }
        Answer::Limit => (Vec::new(), Some(recommended.rate_limit.unwrap_or(LIMIT))),
        Answer::Allow => (Vec::new(), None),
    };
    let mut rule = action;
    rule.extend(rate.map(|rate| ("rate_limit".to_owned(), rate_limit(rate))));
    if !matches!(answer, Answer::Hide | Answer::Deny) {
        let is_check = |key: &str| matches!(key, "deny_if" | "require" | "approve_if");
        rule.extend(builtin.into_iter().flatten().filter(|(key, _)| is_check(key)).cloned());
    }
    rule
}

/// The reason that the built-in entry gives for this action.
fn builtin_reason<'b>(builtin: Option<&'b Pairs>, action: &str) -> Option<&'b str> {
    let text = |wanted: &str| {
        builtin?.iter().find_map(|(key, value)| match value {
            Written::Text(text) if key == wanted => Some(text.as_str()),
            _ => None,
        })
    };
    text("action").filter(|found| *found == action).and_then(|_| text("reason"))
}

fn action(action: Action, why: &str) -> Pairs {
    match action {
        Action::Allow => Vec::new(),
        Action::RequireApproval => refusal("require_approval", why),
        Action::Hide => refusal("hide", GONE),
    }
}

fn refusal(action: &str, reason: &str) -> Pairs {
    vec![("action".to_owned(), Written::text(action)), ("reason".to_owned(), Written::text(reason))]
}

fn rate_limit(rate: RecommendedRate) -> Written {
    match rate.counted {
        RateScope::Session => Written::text(rate.to_string()),
        RateScope::Server => Written::Table(vec![
            ("max".to_owned(), Written::Plain(rate.max.to_string())),
            ("window".to_owned(), Written::text(rate.window)),
            ("scope".to_owned(), Written::text("server")),
        ]),
    }
}

/// What is to happen to the tools of a class that the server lists later.
pub(super) fn later(class: Class) -> Pairs {
    const NEW: &str = "This tool is newer than the policy, so a person decides.";
    match class {
        Class::Read | Class::Write | Class::Execute => refusal("require_approval", NEW),
        Class::Destructive => refusal("hide", GONE),
        Class::Financial => {
            let mut rule = refusal("require_approval", NEW);
            let rate = RecommendedRate { max: 10, window: "hour", counted: RateScope::Server };
            rule.push(("rate_limit".to_owned(), rate_limit(rate)));
            rule
        }
    }
}
