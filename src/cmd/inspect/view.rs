//! What the agent would see: the server's own answers, passed through the engine as in a session.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::limits::Memory;
use crate::engine::{Action, Engine, Now};
use crate::policy::{Decision, Effect, Limit, Policy};
use crate::probe::{Line, Offer};
use crate::risk::{Catalogue, Class, Confidence, Knowledge, Listed, Profile, profile};

/// A server under a policy.
pub(super) struct View<'v> {
    pub(super) offer: &'v Offer,
    pub(super) policy: &'v Policy,
    /// As the server lists them.
    pub(super) tools: Vec<Tool<'v>>,
    pub(super) prompts: Vec<Prompt<'v>>,
    /// How long the answers to tools/list are together, in bytes: the server's, and what the agent gets of them.
    pub(super) before: usize,
    pub(super) after: usize,
    /// The document's entries that match no tool, by path and, where it tells more, by name.
    pub(super) unmatched: Vec<(&'v str, Option<&'v str>)>,
    /// What a person should look into, in a sentence each.
    pub(super) notes: Vec<String>,
}

/// A tool under the policy.
pub(super) struct Tool<'v> {
    pub(super) name: &'v str,
    pub(super) listed: Listed<'v>,
    pub(super) profile: Profile,
    /// The class by which the policy's rules are chosen.
    pub(super) class: Class,
    pub(super) source: ClassSource,
    pub(super) decision: Decision<'v>,
    pub(super) limits: Vec<&'v Limit>,
    /// Whether what happens depends on the arguments as well.
    pub(super) looks_at_arguments: bool,
    pub(super) visible: bool,
}

/// Who says what class a tool is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassSource {
    Policy,
    Catalogue,
    Classifier(Confidence),
}

/// A prompt under the policy.
pub(super) struct Prompt<'v> {
    pub(super) name: &'v str,
    pub(super) visible: bool,
    pub(super) rule: Option<String>,
}

impl<'v> View<'v> {
    pub(super) fn new(offer: &'v Offer, policy: &'v Arc<Policy>) -> Self {
        let mut engine = Engine::new(Arc::clone(policy), Box::new(Memory::default()));
        let seen = Seen::of(&offer.lines, &mut engine);
        let server = policy.server().as_str();
        let mut names = HashSet::new();
        let items = offer.tools.iter().filter_map(|item| Some((item.get("name")?.as_str()?, Listed::read(item)?)));
        // A name that is listed twice is one tool: calls go by the name.
        let tools: Vec<_> = items
            .filter(|(name, _)| names.insert(*name))
            .map(|(name, listed)| Tool::new(name, listed, server, policy, &engine, &seen))
            .collect();
        let prompts = offer.prompts.iter().filter_map(|item| item.get("name")?.as_str());
        let prompts = prompts.map(|name| Prompt {
            name,
            visible: seen.prompts.contains(name),
            rule: engine.hides_prompt(name).map(|decision| decision.rule.to_owned()),
        });
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        let mut notes = offer.notes.clone();
        notes.extend(seen.notes);
        if offer.tools.len() > tools.len() {
            notes.push(format!(
                "{} of its {} tools have no name of their own, and are left out here",
                offer.tools.len() - tools.len(),
                offer.tools.len()
            ));
        }
        Self {
            offer,
            policy,
            prompts: prompts.collect(),
            before: seen.before,
            after: seen.after,
            unmatched: policy.entries_without(&names),
            tools,
            notes,
        }
    }

    /// About how many tokens hiding saves in every conversation.
    pub(super) fn tokens_saved(&self) -> usize {
        self.before.saturating_sub(self.after) / BYTES_A_TOKEN
    }

    /// How many tools are of this class.
    pub(super) fn of_class(&self, class: Class) -> usize {
        self.tools.iter().filter(|tool| tool.class == class).count()
    }

    /// How many tools get this.
    pub(super) fn of_effect(&self, effect: Effect) -> usize {
        self.tools.iter().filter(|tool| tool.decision.effect == effect).count()
    }

    /// The catalogue of the server.
    pub(super) fn catalogue(&self) -> Option<&'static Catalogue> {
        Catalogue::of(self.policy.server())
    }
}

/// How many bytes of a list make a token, by a rule of thumb for English and JSON.
const BYTES_A_TOKEN: usize = 4;

impl<'v> Tool<'v> {
    fn new(name: &'v str, listed: Listed<'v>, server: &str, policy: &'v Policy, engine: &Engine, seen: &Seen) -> Self {
        let tool = engine.tool(name);
        let profile = profile(server, &listed);
        let class = policy.class(tool);
        let source = match profile.source {
            _ if policy.names_class_of(name) => ClassSource::Policy,
            Knowledge::Catalogue => ClassSource::Catalogue,
            Knowledge::Classifier(confidence) => ClassSource::Classifier(confidence),
        };
        Self {
            name,
            listed,
            profile,
            class,
            source,
            decision: policy.decide(tool),
            limits: policy.limits(tool).collect(),
            looks_at_arguments: policy.looks_at_arguments(tool),
            visible: seen.tools.contains(name),
        }
    }

    /// Why it is of its class.
    pub(super) fn reason(&self) -> Cow<'_, str> {
        match self.source {
            ClassSource::Policy => Cow::Borrowed("The policy says so."),
            ClassSource::Catalogue | ClassSource::Classifier(_) => Cow::Borrowed(&*self.profile.why),
        }
    }
}

/// What came out of the engine.
#[derive(Default)]
struct Seen {
    tools: HashSet<String>,
    prompts: HashSet<String>,
    before: usize,
    after: usize,
    notes: Vec<String>,
}

impl Seen {
    /// Passes the exchange through the engine, line by line, as the wrapper's pumps do.
    fn of(lines: &[Line], engine: &mut Engine) -> Self {
        let (mut seen, mut actions) = (Self::default(), Vec::new());
        let mut method = String::new();
        for line in lines {
            actions.clear();
            match line {
                Line::Client(line) => {
                    engine.client_line(line, Now::default(), &mut actions);
                    let asked = serde_json::from_slice::<Value>(line).unwrap_or_default();
                    if asked.get("id").is_some() {
                        method = asked.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
                    }
                }
                Line::Server(line) => {
                    engine.server_line(line, Now::default(), &mut actions);
                    let passed = actions.iter().find_map(|action| match action {
                        Action::ToClient(payload) => Some(payload.bytes(line)),
                        _ => None,
                    });
                    seen.take(&method, line, passed.unwrap_or_default());
                }
            }
        }
        seen
    }

    fn take(&mut self, method: &str, written: &[u8], passed: &[u8]) {
        let (names, key) = match method {
            "tools/list" => {
                self.before += line_length(written);
                self.after += line_length(passed);
                (&mut self.tools, "tools")
            }
            "prompts/list" => (&mut self.prompts, "prompts"),
            _ => return,
        };
        let message: Value = serde_json::from_slice(passed).unwrap_or_default();
        let items = message.get("result").and_then(|result| result.get(key)).and_then(Value::as_array);
        let found = items.into_iter().flatten().filter_map(|item| item.get("name")?.as_str());
        names.extend(found.map(str::to_owned));
        if let Some(error) = message.get("error").filter(|_| passed != written) {
            let why = error.get("message").and_then(Value::as_str).unwrap_or_default();
            self.notes.push(format!("the agent would get none of this answer to {method}: {why}"));
        }
    }
}

/// How long an answer is, its newline included; 0 where there is none.
fn line_length(line: &[u8]) -> usize {
    let text = line.strip_suffix(b"\n").unwrap_or(line).len();
    if text == 0 { 0 } else { text + 1 }
}
