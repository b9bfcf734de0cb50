//! The recommended rule for a tool. The built-in policies, `init` and `explain` agree with it.

use std::fmt;

use super::class::{Class, Risk};
use super::profile::{Knowledge, Profile};

/// What should happen to a tool's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The calls pass.
    Allow,
    /// A person is asked about each call.
    RequireApproval,
    /// The tool is removed from tools/list, and each call is refused.
    Hide,
}

impl Action {
    /// The word used in policies and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval => "require_approval",
            Self::Hide => "hide",
        }
    }
}

/// Which calls a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateScope {
    /// The calls of one session.
    Session,
    /// The calls of every session with the server, earlier ones included.
    Server,
}

/// How many calls may pass in a window. It is displayed as in `rate_limit`: `30/minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecommendedRate {
    /// The number of calls.
    pub max: u32,
    /// The window: `minute`, `hour` or `day`.
    pub window: &'static str,
    /// Which calls are counted.
    pub counted: RateScope,
}

impl RecommendedRate {
    const fn a_minute(max: u32) -> Self {
        Self { max, window: "minute", counted: RateScope::Session }
    }
}

impl fmt::Display for RecommendedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.max, self.window)
    }
}

/// The recommended rule for a tool.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommended {
    /// What should happen to a call.
    pub action: Action,
    /// How many calls should pass; `None` without a limit.
    pub rate_limit: Option<RecommendedRate>,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// Returns the recommended rule for a tool.
pub fn recommend_rule(profile: &Profile) -> Recommended {
    let (action, rate_limit, why) = match profile.class {
        Class::Read if profile.facts.url_argument.is_some() => (
            Action::RequireApproval,
            None,
            "It connects to any address that a call names, and an address can carry data away, so a person looks at it first.",
        ),
        // A read that is worse than other reads returns secrets, or many people at once.
        Class::Read if profile.severity >= Risk::High && (!profile.pii || profile.source != Knowledge::Catalogue) => (
            Action::RequireApproval,
            None,
            "It returns keys or passwords, and what has reached the model can be repeated anywhere, so a person looks at it first.",
        ),
        Class::Read if profile.pii && profile.severity >= Risk::High => (
            Action::Allow,
            Some(RecommendedRate::a_minute(10)),
            "It returns the personal data of many at once, so a loop must not empty the account.",
        ),
        Class::Read if profile.pii => (
            Action::Allow,
            Some(RecommendedRate::a_minute(60)),
            "It returns one person's data at a time; the limit keeps a loop from collecting them all.",
        ),
        Class::Read if profile.source == Knowledge::Catalogue => {
            (Action::Allow, None, "It changes nothing and returns nobody's personal data.")
        }
        Class::Read => (Action::Allow, None, "As far as is known, it changes nothing."),
        Class::Write => (
            Action::Allow,
            Some(RecommendedRate::a_minute(30)),
            "What it changes can be changed back, as long as it is not changed by the thousand.",
        ),
        Class::Execute => {
            (Action::RequireApproval, None, "What it sets off cannot be called back, so a person looks at it first.")
        }
        Class::Destructive => {
            (Action::Hide, None, "What it takes away is gone; an agent that does not see it cannot be talked into it.")
        }
        Class::Financial => (
            Action::RequireApproval,
            Some(RecommendedRate { max: 10, window: "hour", counted: RateScope::Server }),
            "It moves money: a person looks at each call, and a limit holds over all sessions.",
        ),
    };
    Recommended { action, rate_limit, why }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::{Amount, Effect, Scope, Server, ServerName, builtin_policy};
    use crate::risk::{Catalogue, CatalogueTool, Listed, profile_tool};

    fn rule(server: &str, tool: &str) -> Recommended {
        recommend_rule(&profile_tool(Catalogue::for_server(server), &Listed::with_name(tool)))
    }

    #[test]
    fn the_built_in_policies_are_what_is_recommended() {
        for catalogue in Catalogue::all() {
            let server = catalogue.server;
            let policy = builtin_policy(&Server::by_name(&ServerName::parse(server).unwrap()));
            for CatalogueTool { name: tool, .. } in catalogue.tools() {
                let recommended = rule(server, tool);
                let effect = match recommended.action {
                    Action::Allow => Effect::Allow,
                    Action::RequireApproval => Effect::RequireApproval,
                    Action::Hide => Effect::Hide,
                };
                assert_eq!(policy.decide_tool(tool).effect, effect, "{server}: {tool}");
                let limits: Vec<_> = policy
                    .judge_call(tool, r#"{"identifier":1}"#)
                    .limits()
                    .map(|limit| (limit.max, limit.window.length(), limit.scope))
                    .collect();
                let expected = recommended.rate_limit.map(|rate| {
                    let scope = match rate.counted {
                        RateScope::Session => Scope::Session,
                        RateScope::Server => Scope::Server,
                    };
                    let seconds = if rate.window == "hour" { 3600 } else { 60 };
                    (Amount::from_count(u64::from(rate.max)), Duration::from_secs(seconds), scope)
                });
                assert_eq!(limits, Vec::from_iter(expected), "{server}: {tool}");
            }
            assert_eq!(policy.decide_tool("new_tool").effect, Effect::RequireApproval, "{server}");
        }
    }

    #[test]
    fn each_class_has_its_rule() {
        let mut profile = profile_tool(Catalogue::for_server("elsewhere"), &Listed::with_name("get_status"));
        for (class, action, rate) in [
            (Class::Read, Action::Allow, None),
            (Class::Write, Action::Allow, Some("30/minute")),
            (Class::Execute, Action::RequireApproval, None),
            (Class::Destructive, Action::Hide, None),
            (Class::Financial, Action::RequireApproval, Some("10/hour")),
        ] {
            profile.class = class;
            let recommended = recommend_rule(&profile);
            assert_eq!(recommended.action, action, "{class:?}");
            assert_eq!(recommended.rate_limit.map(|rate| rate.to_string()).as_deref(), rate, "{class:?}");
        }
    }
}
