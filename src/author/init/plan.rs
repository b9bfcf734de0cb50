//! What happens to each tool: the recommendation, or a person's answer for its class.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::author::{builtin_document, rate_member, readable_key, text_member};
use crate::policy::tree::{DocumentMember, DocumentNode};
use crate::policy::{Effect, Server, Strength};
use crate::risk::{
    Action, Catalogue, Class, Knowledge, Listed, Profile, RateScope, RecommendedRate, profile_tool, recommend_rule,
};

/// A person's answer for the tools of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Recommended,
    Hide,
    /// Keeps them in the list, and refuses each call.
    Deny,
    Ask,
    /// Allows a number of calls per minute.
    Limit,
    Allow,
}

impl Answer {
    /// Returns the answers for a class, the recommended one first and only once.
    pub(crate) fn answers_for(class: Class) -> impl Iterator<Item = Self> {
        let recommended = match class {
            Class::Read => Self::Allow,
            Class::Write => Self::Limit,
            Class::Execute | Class::Financial => Self::Ask,
            Class::Destructive => Self::Hide,
        };
        let others = [Self::Hide, Self::Ask, Self::Deny, Self::Limit, Self::Allow];
        [Self::Recommended].into_iter().chain(others.into_iter().filter(move |answer| *answer != recommended))
    }

    /// Describes in a few words what the answer does to the tools of a class.
    pub(crate) fn describe_answer(self, class: Class) -> &'static str {
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

impl Answer {
    /// As [`describe_answer`](Self::describe_answer), for a server whose built-in policy has this strength.
    pub(crate) fn describe_under(self, class: Class, strength: Option<Strength>) -> Cow<'static, str> {
        match strength {
            Some(strength) if strength != Strength::Strict && self == Self::Recommended => {
                Cow::Owned(format!("as the {strength} built-in policy has it"))
            }
            _ => Cow::Borrowed(self.describe_answer(class)),
        }
    }
}

pub(crate) type Answers = BTreeMap<Class, Answer>;

const LIMIT: RecommendedRate = RecommendedRate { max: 30, window: "minute", counted: RateScope::Session };

/// The reason for the refusal of a call to a hidden tool.
const GONE: &str = "What it removes cannot be restored.";

#[derive(Debug)]
pub(crate) struct PlannedTool {
    pub(crate) name: String,
    /// The key that means exactly this tool, or why there is none.
    pub(crate) key: Result<String, &'static str>,
    pub(crate) description: Option<String>,
    pub(crate) profile: Profile,
    /// Its entry, a table.
    pub(super) rule: DocumentNode,
}

impl PlannedTool {
    pub(crate) fn effect(&self) -> Effect {
        let action = self.rule.member("action").and_then(DocumentNode::as_text);
        Effect::ALL.into_iter().find(|effect| Some(effect.as_str()) == action).unwrap_or(Effect::Allow)
    }

    pub(crate) fn is_limited(&self) -> bool {
        ["rate_limit", "limits"].iter().any(|key| self.rule.member(key).is_some())
    }
}

/// Profiles the tools, sorted by name. If a server lists one twice, the worse of the two counts.
pub(crate) fn profile_tools<'l>(
    server: &Server,
    tools: &'l [Listed<'l>],
) -> BTreeMap<&'l str, (&'l Listed<'l>, Profile)> {
    let mut known: BTreeMap<&str, (&Listed<'_>, Profile)> = BTreeMap::new();
    for tool in tools {
        let profile = profile_tool(server.catalogue(), tool);
        if known.get(&*tool.name).is_none_or(|(_, earlier)| profile.class > earlier.class) {
            known.insert(&tool.name, (tool, profile));
        }
    }
    known
}

pub(crate) fn plan_tools(server: &Server, tools: &[Listed<'_>], answers: &Answers) -> Vec<PlannedTool> {
    let known = Known::of_server(server);
    let planned =
        profile_tools(server, tools).into_values().map(|(tool, profile)| known.plan_tool(tool, profile, answers));
    let mut plan: Vec<_> = planned.collect();
    remove_idle_previews(&mut plan);
    plan
}

/// Removes the previews that could not be made: this server lacks their tool, or the policy does not allow it.
fn remove_idle_previews(plan: &mut [PlannedTool]) {
    let is_allowed = |tool: &PlannedTool| tool.key.is_ok() && tool.effect() == Effect::Allow;
    let allowed: BTreeSet<String> = plan.iter().filter(|it| is_allowed(it)).map(|it| it.name.clone()).collect();
    for tool in plan {
        let read = tool.rule.member("preview").and_then(|preview| preview.member("tool")?.as_text());
        if read.is_some_and(|read| !allowed.contains(read)) {
            let is_kept = |member: &&DocumentMember| !member.0.name.starts_with("preview");
            let kept = tool.rule.members().iter().filter(is_kept).cloned().collect();
            tool.rule = DocumentNode::unplaced_table(kept);
        }
    }
}

/// What is known about a server before it is asked.
#[derive(Debug)]
pub(super) struct Known {
    catalogue: Option<&'static Catalogue>,
    builtin: DocumentNode,
    /// Whether the rules by class of the built-in policy are milder than what is recommended for a tool alone.
    is_milder: bool,
}

impl Known {
    pub(super) fn of_server(server: &Server) -> Self {
        let is_milder = server.strength().is_some_and(|strength| strength != Strength::Strict);
        Self { catalogue: server.catalogue(), builtin: builtin_document(server), is_milder }
    }

    pub(super) fn plan_tool(&self, tool: &Listed<'_>, profile: Profile, answers: &Answers) -> PlannedTool {
        let answer = answers.get(&profile.class).copied().unwrap_or(Answer::Recommended);
        let is_new = self.catalogue.is_some() && profile.source != Knowledge::Catalogue;
        let key = match readable_key(&tool.name) {
            // The policy would warn about its entry at every start, because the catalogue lacks the tool.
            _ if is_new => Err("is newer than the catalogue of this server"),
            None => Err("has a name that no key can spell"),
            Some(key) => Ok(key),
        };
        let builtin = self.builtin.member("tools").and_then(|tools| tools.member(&tool.name));
        let builtin = builtin.or_else(|| self.find_milder(&profile).filter(|_| answer == Answer::Recommended));
        let rule = DocumentNode::unplaced_table(plan_rule(&profile, answer, builtin));
        let description = tool.description.as_deref().or(tool.title.as_deref()).map(str::to_owned);
        PlannedTool { name: tool.name.clone().into_owned(), key, description, profile, rule }
    }
}

impl Known {
    /// Returns the rule by class in which the built-in policy is milder than what is recommended for the tool alone.
    fn find_milder(&self, profile: &Profile) -> Option<&DocumentNode> {
        let is_plain_read = profile.class == Class::Read && profile.facts.url_argument.is_none();
        let rules = self.builtin.member("classes").filter(|_| self.is_milder && !is_plain_read)?;
        rules.member(profile.class.as_str())
    }
}

/// Builds the entry of a tool. The checks of the built-in policy stay, whatever the answer.
fn plan_rule(profile: &Profile, answer: Answer, builtin: Option<&DocumentNode>) -> Vec<DocumentMember> {
    let recommended = recommend_rule(profile);
    let own = |key: &str| builtin.and_then(|builtin| builtin.member(key)?.as_text());
    let (mut rule, rate) = match answer {
        Answer::Recommended => match (builtin, recommended.action) {
            (Some(builtin), _) => return builtin.members().to_vec(),
            (None, Action::Allow) => (Vec::new(), recommended.rate_limit),
            (None, Action::RequireApproval) => {
                (refusal_members("require_approval", recommended.why), recommended.rate_limit)
            }
            (None, Action::Hide) => (refusal_members("hide", GONE), recommended.rate_limit),
        },
        Answer::Hide => (refusal_members("hide", "The policy leaves this tool out."), None),
        Answer::Deny => (refusal_members("deny", "The policy lets nobody call this tool."), None),
        Answer::Ask => {
            let reason = own("action").filter(|action| *action == "require_approval").and_then(|_| own("reason"));
            let reason = reason.unwrap_or("A person has to approve each call.");
            (refusal_members("require_approval", reason), recommended.rate_limit)
        }
        Answer::Limit => (Vec::new(), Some(recommended.rate_limit.unwrap_or(LIMIT))),
        Answer::Allow => (Vec::new(), None),
    };
    rule.extend(rate.map(rate_member));
    if !matches!(answer, Answer::Hide | Answer::Deny) {
        let is_check = |key: &str| matches!(key, "deny_if" | "require" | "approve_if");
        let is_shown = |key: &str| matches!(answer, Answer::Ask) && matches!(key, "preview" | "preview_again");
        let members = builtin.map(DocumentNode::members).unwrap_or_default();
        rule.extend(members.iter().filter(|(key, _)| is_check(&key.name) || is_shown(&key.name)).cloned());
    }
    rule
}

fn refusal_members(action: &str, reason: &str) -> Vec<DocumentMember> {
    vec![text_member("action", action), text_member("reason", reason)]
}

/// Returns the rule for tools of a class that the server lists later.
pub(super) fn rule_for_later(class: Class) -> Vec<DocumentMember> {
    if class == Class::Destructive {
        return refusal_members("hide", GONE);
    }
    let mut rule = refusal_members("require_approval", "This tool is newer than the policy, so a person decides.");
    if class == Class::Financial {
        rule.push(rate_member(RecommendedRate { max: 10, window: "hour", counted: RateScope::Server }));
    }
    rule
}
