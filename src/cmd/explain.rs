//! `policylayer explain`: what a tool does, how it is abused, which rule is recommended for it, and what is in force.

mod json;
mod markdown;
mod text;

use std::io::Write as _;
use std::path::Path;

use anstream::AutoStream;

use super::decide::{Length, scope};
use super::tool_server::{self, KNOWN, catalogue_has};
use super::{Env, as_word, report_exit, settings_for};
use crate::author::snippet::Snippet;
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::exit::Exit;
use crate::paths::{self, LoadedPolicy};
use crate::policy::window::duration;
use crate::policy::{Amount, Effect, Format, Limit, Policy, ServerName, Source};
use crate::risk::{
    Action, Attack, Catalogue, Class, Counted, Listed, Profile, Rate, Recommended, classify, profile, recommend,
};
use crate::visible::visible;

/// Explains a tool. A policy that cannot be loaded is told of, and is the exit code; the tool is explained all the same.
///
/// # Errors
/// Where the server's name is none, or nothing can be printed.
pub fn run(args: &ExplainArgs, env: &Env) -> anyhow::Result<Exit> {
    let Some(server) = tool_server::find(&args.tool, args.server.as_deref(), args.policy.as_deref(), env)? else {
        return Ok(Exit::Usage);
    };
    let (loaded, exit) = match load(args.policy.as_deref(), &server, env) {
        Ok(loaded) => (Ok(loaded), Exit::Ok),
        Err((error, exit)) => (Err(error), exit),
    };
    let explained = Explained::new(args, &server, loaded.as_ref().map_err(String::as_str));
    let mut out = AutoStream::auto(std::io::stdout()).lock();
    let written = match args.format {
        ExplainFormat::Text => explained.text(text::width()),
        ExplainFormat::Json => explained.json()?,
        ExplainFormat::Markdown => explained.markdown(),
    };
    out.write_all(written.as_bytes())?;
    out.flush()?;
    Ok(match &loaded {
        Ok(_) => exit,
        Err(error) => report_exit(error, exit),
    })
}

/// The policy in force, or why there is none, and how a run ends that failed because of it.
fn load(named: Option<&Path>, server: &ServerName, env: &Env) -> Result<LoadedPolicy, (String, Exit)> {
    let settings = settings_for(named, env).map_err(|error| (error.to_string(), error.exit()))?;
    paths::load_policy(named, server, &settings, env).map_err(|error| (error.to_string(), error.exit()))
}

/// All that there is to say of a tool.
struct Explained<'e> {
    tool: &'e str,
    server: &'e ServerName,
    profile: Profile,
    /// What it does, where the catalogue has it.
    does: Option<&'static str>,
    /// What its name alone tells, where nothing else does.
    by_name: Option<Class>,
    /// Tools of the catalogue that may have been meant.
    nearest: Vec<&'static str>,
    attacks: Vec<&'static Attack>,
    recommended: Recommended,
    /// The rule to paste, in the format of the file in force.
    snippet: Option<Snippet>,
    format: Format,
    /// What puts it in place.
    commands: Vec<String>,
    in_force: Result<InForce<'e>, &'e str>,
}

/// What the policy in force says about the tool.
struct InForce<'p> {
    policy: &'p Policy,
    limits: Vec<&'p Limit>,
    standing: Standing,
}

/// How what is in force compares with what is recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is what is recommended.
    Same,
    /// It lets less through.
    Stricter,
    /// It is another rule.
    Other,
}

impl<'e> Explained<'e> {
    fn new(args: &'e ExplainArgs, server: &'e ServerName, loaded: Result<&'e LoadedPolicy, &'e str>) -> Self {
        let tool = args.tool.as_str();
        let listed = Listed::named(tool);
        let profile = profile(server.as_str(), &listed);
        let catalogue = Catalogue::of(server);
        let is_known = catalogue.is_some_and(|catalogue| catalogue.tool(tool).is_some());
        let recommended = recommend(&profile);
        let mode = loaded.ok().map(|loaded| loaded.policy.summary().mode);
        let snippet = Snippet::recommended(server, tool, &recommended, mode);
        let is_now = loaded.ok().map(|loaded| loaded.policy.decide(tool).effect);
        let in_force = loaded.map(|loaded| InForce::new(&loaded.policy, tool, &recommended, snippet.as_ref()));
        Self {
            tool,
            server,
            does: catalogue.and_then(|catalogue| catalogue.does(tool)),
            by_name: (!is_known).then(|| classify(&listed).class),
            nearest: if is_known { Vec::new() } else { tool_server::nearest(tool, catalogue) },
            attacks: Attack::on(server.as_str(), tool, &profile).collect(),
            format: match loaded {
                Ok(loaded) => loaded.source.as_ref().map(Source::format),
                Err(_) => args.policy.as_deref().and_then(|file| Format::from_ending(file.extension()?.to_str()?)),
            }
            .unwrap_or(Format::Toml),
            commands: commands(args, server, snippet.as_ref(), &recommended, is_now),
            profile,
            recommended,
            snippet,
            in_force,
        }
    }

    /// The catalogue's server, where it has a tool of this name and another one was asked about.
    fn known_elsewhere(&self) -> Option<&'static str> {
        (self.by_name.is_some() && self.server.as_str() != KNOWN && catalogue_has(self.tool)).then_some(KNOWN)
    }

    /// Why it is of another class than its name tells, where it is.
    fn raised(&self) -> Option<&'static str> {
        let by_name = self.by_name.filter(|class| *class != self.profile.class)?;
        let is_catalogued = Catalogue::of(self.server).is_some();
        Some(if is_catalogued && by_name < Class::Execute {
            "a name alone never makes a tool of this server harmless: the catalogue does not have it"
        } else {
            "what is not certain counts as the worse"
        })
    }

    /// Whether what is in force is stricter than what a name alone speaks for. That is no reason to let more through: the policy
    /// may have been written by somebody, or by `init`, with more to go by.
    fn keeps(&self) -> bool {
        let is_stricter = |in_force: &InForce<'_>| in_force.standing == Standing::Stricter;
        self.by_name.is_some() && self.in_force.as_ref().is_ok_and(is_stricter)
    }

    /// How the recommended rule comes into the policy.
    fn how(&self) -> &'static str {
        if self.snippet.as_ref().is_some_and(Snippet::looks_at_arguments) {
            "To put it in place, run this and paste the rule (it reads until Ctrl-D), or paste it into the policy:"
        } else {
            "To put it in place, run this, or paste the rule into the policy:"
        }
    }

    /// What is marked of it.
    fn marks(&self) -> Vec<&'static str> {
        let Profile { pii, sends, irreversible, .. } = self.profile;
        let marks = [(pii, "personal data"), (sends, "can send messages"), (irreversible, "cannot be undone")];
        marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect()
    }

    /// The recommendation in words, without what is looked at in the arguments.
    fn advice(&self) -> String {
        let limit = self.recommended.rate_limit.map(|rate| format!("{} a {}", rate.max, rate.window));
        match (self.recommended.action, limit) {
            (Action::Allow, None) => "Allow it.".to_owned(),
            (Action::Allow, Some(limit)) => format!("Allow it, {limit}."),
            (Action::RequireApproval, None) => "Ask a person about each call.".to_owned(),
            (Action::RequireApproval, Some(limit)) => format!("Ask a person about each call, {limit} at most."),
            (Action::Hide, _) => "Hide it.".to_owned(),
        }
    }
}

impl<'p> InForce<'p> {
    fn new(policy: &'p Policy, tool: &str, recommended: &Recommended, snippet: Option<&Snippet>) -> Self {
        let limits: Vec<_> = policy.limits(tool).collect();
        let rank = |effect| match effect {
            Effect::Allow => 0,
            Effect::RequireApproval => 1,
            Effect::Deny => 2,
            Effect::Hide => 3,
        };
        let (is, should_be) = (policy.decide(tool).effect, effect(recommended.action));
        let is_limited = recommended.rate_limit.is_none_or(|rate| limits.iter().any(|limit| is_within(limit, rate)));
        let is_guarded = policy.looks_at_arguments(tool) || snippet.is_none_or(|snippet| !snippet.looks_at_arguments());
        let standing = match rank(is).cmp(&rank(should_be)) {
            std::cmp::Ordering::Greater => Standing::Stricter,
            std::cmp::Ordering::Equal if is == Effect::Hide || (is_limited && is_guarded) => Standing::Same,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Less => Standing::Other,
        };
        Self { policy, limits, standing }
    }

    /// The rule, and where it stands.
    fn rule(&self, tool: &str) -> (String, String) {
        let rule = visible(self.policy.decide(tool).rule);
        let place = match self.policy.summary().file {
            Some(file) if !rule.starts_with("builtin:") => file.to_owned(),
            _ => format!("the built-in policy for {}", self.policy.server()),
        };
        (rule, place)
    }

    /// What else there is to say, each in a sentence.
    fn besides(&self, explained: &Explained<'_>) -> Vec<String> {
        let decision = self.policy.decide(explained.tool);
        let mut besides = Vec::new();
        let class = self.policy.class(explained.tool);
        if class != explained.profile.class {
            besides.push(format!("The policy counts the tool as {}.", class.as_str()));
        }
        // Where a call passes, the reason is told only once a limit is reached.
        if let Some(reason) = decision.reason.filter(|_| decision.effect != Effect::Allow) {
            besides.push(format!("Its reason: {}", visible(reason)));
        }
        if matches!(decision.effect, Effect::Deny | Effect::Hide) {
            return besides;
        }
        besides.extend(self.limits.iter().map(|limit| {
            format!("At most {} in each {}, counted for each {}.", limit.max, Length(limit.window), scope(limit))
        }));
        if self.policy.looks_at_arguments(explained.tool) {
            besides.push("What happens to a call depends on its arguments, too.".to_owned());
        }
        besides
    }
}

fn effect(action: Action) -> Effect {
    match action {
        Action::Allow => Effect::Allow,
        Action::RequireApproval => Effect::RequireApproval,
        Action::Hide => Effect::Hide,
    }
}

/// Whether the limit lets through no more than the rate does.
fn is_within(limit: &Limit, rate: Rate) -> bool {
    duration(rate.window) == Some(limit.window.length()) && limit.max <= Amount::from_count(u64::from(rate.max))
}

/// What puts the recommended rule in place. A limit alone lets nothing through that was refused or asked about, so where calls
/// do not pass now, they are let through first. No command but `add`, into which the rule is pasted, writes conditions.
fn commands(
    args: &ExplainArgs,
    server: &ServerName,
    snippet: Option<&Snippet>,
    recommended: &Recommended,
    is_now: Option<Effect>,
) -> Vec<String> {
    let file = args.policy.as_ref().map(|file| format!("--policy {}", as_word(&file.display().to_string())));
    let named = (args.server.is_some() || file.is_none()).then(|| format!("--server {server}"));
    let place = file.into_iter().chain(named).collect::<Vec<_>>().join(" ");
    if snippet.is_some_and(Snippet::looks_at_arguments) {
        return vec![format!("policylayer add - {place}")];
    }
    let tool = as_word(&args.tool);
    let limit = recommended.rate_limit.map(|rate| format!("policylayer limit {tool} {} {place}", limited(rate)));
    let verb = match recommended.action {
        Action::Allow if limit.is_some() && is_now == Some(Effect::Allow) => None,
        Action::Allow => Some("allow"),
        Action::RequireApproval => Some("ask"),
        Action::Hide => Some("hide"),
    };
    verb.map(|verb| format!("policylayer {verb} {tool} {place}")).into_iter().chain(limit).collect()
}

/// A rate as `limit` takes it.
fn limited(rate: Rate) -> String {
    match rate.counted {
        Counted::Session => rate.to_string(),
        Counted::Server => format!("{rate} --scope server"),
    }
}
