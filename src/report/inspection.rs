//! What an agent would see of a server: the server's own answers, passed through the engine as in a session.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::identity::Identity;
use super::limit::whole_seconds;
use crate::engine::limits::Memory;
use crate::engine::{Action, Engine, Now};
use crate::policy::{Amount, BuiltinTitle, Decision, Effect, Limit, Mode, Policy, Scope, Section, Window};
use crate::probe::{ProbeLine, ServerOffer};
use crate::report::lock_status::LockStatus;
use crate::risk::{Class, Confidence, Knowledge, Listed, Risk, SharedObjects, ToolFact, profile_tool};
use crate::visible::count_of;

/// A server under a policy.
#[derive(Debug, Serialize)]
pub(crate) struct InspectReport<'v> {
    /// The length of the answers to tools/list.
    pub(crate) bytes: ListBytes,
    /// The command that started the server.
    command: Vec<Cow<'v, str>>,
    /// The number of tools by class and by effect.
    pub(crate) counts: ToolCounts,
    /// Which server it is, and how that is known.
    pub(crate) identity: Identity,
    /// Its lock, and whether its package is the locked one; left out if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<LockStatus>,
    /// What a person should look into, each in a sentence.
    pub(crate) notes: Vec<String>,
    /// The policy in force.
    pub(crate) policy: PolicyInForce<'v>,
    /// The prompts, as the server lists them.
    pub(crate) prompts: Vec<InspectedPrompt<'v>>,
    /// The protocol revision that the server speaks.
    pub(crate) protocol: &'v str,
    /// The resources, as the server lists them.
    pub(crate) resource_list: Vec<InspectedResource<'v>>,
    /// The number of resource templates.
    resource_templates: usize,
    /// What the policy does to results, in words; left out if it has no rules for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<String>,
    /// The number of resources.
    resources: usize,
    /// The name that finds the policy.
    pub(crate) server: &'v str,
    /// What the server calls itself, as it wrote it.
    pub(crate) server_info: &'v Value,
    /// The templates of resources, as the server lists them.
    pub(crate) template_list: Vec<InspectedResource<'v>>,
    /// The approximate number of tokens that hiding saves in every conversation.
    pub(crate) tokens_saved: usize,
    /// The tools, as the server lists them.
    pub(crate) tools: Vec<InspectedTool<'v>>,
    /// The entries of the policy that match no tool.
    pub(crate) unmatched_entries: Vec<UnmatchedEntry<'v>>,
    /// The server's answers of which the agent gets nothing.
    pub(crate) withheld: Vec<WithheldAnswer>,
}

/// An answer of the server that is not passed on.
#[derive(Debug, Serialize)]
pub(crate) struct WithheldAnswer {
    /// The method of the request.
    pub(crate) method: String,
    /// Why, as the agent is told.
    pub(crate) reason: String,
}

/// The total length of the answers to tools/list, in bytes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ListBytes {
    /// What the agent would get.
    pub(crate) after: usize,
    /// What the server wrote.
    pub(crate) before: usize,
}

/// The number of tools of each kind.
#[derive(Debug, Serialize)]
pub(crate) struct ToolCounts {
    /// By the class that chooses the rules.
    pub(crate) by_class: BTreeMap<&'static str, usize>,
    /// By what happens to a call.
    pub(crate) by_effect: BTreeMap<&'static str, usize>,
}

impl ToolCounts {
    fn new(tools: &[InspectedTool<'_>]) -> Self {
        let mut by_class = BTreeMap::from(Class::ALL.map(|class| (class.as_str(), 0)));
        let mut by_effect = BTreeMap::from(Effect::ALL.map(|effect| (effect.as_str(), 0)));
        for tool in tools {
            *by_class.entry(tool.class.as_str()).or_default() += 1;
            *by_effect.entry(tool.effect.as_str()).or_default() += 1;
        }
        Self { by_class, by_effect }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PolicyInForce<'v> {
    /// The policy file; `null` for a built-in policy.
    pub(crate) file: Option<&'v str>,
    /// What is in force: the file, the built-in policy, or the file over the built-in policy.
    pub(crate) mode: Mode,
    /// What the built-in policy of the server is called in a sentence.
    #[serde(skip)]
    pub(crate) builtin: BuiltinTitle,
}

/// A tool under the policy.
#[derive(Debug, Serialize)]
pub(crate) struct InspectedTool<'v> {
    /// The class that chooses the policy's rules.
    pub(crate) class: Class,
    /// What determined its class.
    pub(crate) class_source: ClassSource,
    /// How sure the classifier is; `null` if it was not asked.
    pub(crate) confidence: Option<Confidence>,
    /// The server's description of it.
    pub(crate) description: Option<Cow<'v, str>>,
    /// What happens to a call.
    pub(crate) effect: Effect,
    /// What else is known or guessed of it, each with its reason.
    pub(crate) facts: Vec<ToolFact>,
    /// Whether it cannot be undone with the server's own tools.
    pub(crate) irreversible: bool,
    /// The limits of its calls.
    pub(crate) limits: Vec<ToolLimit<'v>>,
    /// Whether the effect also depends on the arguments.
    pub(crate) looks_at_arguments: bool,
    /// Whether the effect also depends on what the session has read and called before.
    pub(crate) looks_at_session: bool,
    /// Its name.
    pub(crate) name: &'v str,
    /// Whether it reads or writes personal data.
    pub(crate) personal_data: bool,
    /// What the agent is told about the rule.
    policy_reason: Option<&'v str>,
    /// Why it has its class.
    reason: Cow<'static, str>,
    /// The risk of its class.
    risk: Risk,
    /// The path of the rule that decides.
    pub(crate) rule: &'v str,
    /// Whether a message may go out because of a call.
    pub(crate) sends: bool,
    /// How bad one mistaken call is.
    pub(crate) severity: Risk,
    /// The title that the server gives it for display.
    title: Option<Cow<'v, str>>,
    /// Whether the agent sees it.
    pub(crate) visible: bool,
}

/// What determined a tool's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClassSource {
    /// An entry of the policy.
    Policy,
    /// The catalogue of the server.
    Catalogue,
    Classifier,
}

/// A limit of a tool's calls.
#[derive(Debug, Serialize)]
pub(crate) struct ToolLimit<'v> {
    /// How much a window lets through.
    pub(crate) max: Amount,
    /// The limit's path in the policy document.
    pub(super) rule: &'v str,
    /// Whose calls are counted together. Only an explanation sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    /// The length of the window, in seconds.
    #[serde(serialize_with = "whole_seconds")]
    pub(crate) window: Window,
}

impl<'v> From<&'v Limit> for ToolLimit<'v> {
    fn from(limit: &'v Limit) -> Self {
        Self { max: limit.max, rule: &limit.rule, scope: None, window: limit.window }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct InspectedPrompt<'v> {
    /// What happens when it is asked for.
    pub(crate) effect: Effect,
    /// Its name.
    pub(crate) name: &'v str,
    /// The path of the rule that hides it; `null` if it is visible.
    rule: Option<String>,
    /// Whether the agent sees it.
    pub(crate) visible: bool,
}

/// A resource or a template under the policy.
#[derive(Debug, Serialize)]
pub(crate) struct InspectedResource<'v> {
    /// Its URI, or the template.
    pub(crate) uri: &'v str,
    /// What happens when it is read.
    pub(crate) effect: Effect,
    /// The path of the rule that decides.
    rule: String,
    /// Whether the agent sees it.
    pub(crate) visible: bool,
}

impl<'v> InspectedResource<'v> {
    fn new(uri: &'v str, decision: Decision<'_>) -> Self {
        let visible = decision.effect != Effect::Hide;
        Self { uri, effect: decision.effect, rule: decision.rule.to_owned(), visible }
    }
}

/// An entry of the policy that matches no tool.
#[derive(Debug, Serialize)]
pub(crate) struct UnmatchedEntry<'v> {
    /// The tool that it names, if its path does not contain the name.
    pub(crate) name: Option<&'v str>,
    /// Its path in the policy document.
    pub(crate) rule: &'v str,
}

/// The number of bytes of a list per token, by a rule of thumb for English and JSON.
const BYTES_PER_TOKEN: usize = 4;

impl<'v> InspectReport<'v> {
    /// Passes the server's answers through a policy.
    pub(crate) fn new(offer: &'v ServerOffer, policy: &'v Arc<Policy>, command: &'v [OsString]) -> Self {
        let mut engine = Engine::new(Arc::clone(policy), Box::new(Memory::default()));
        let seen = AgentView::new(&offer.lines, &mut engine);
        let mut names = HashSet::new();
        let objects = SharedObjects::in_listing(policy.server().as_str(), &offer.tools);
        let read = |item: &'v Value| Some((item.get("name")?.as_str()?, Listed::read(item)?.among(&objects)));
        let items = offer.tools.iter().filter_map(read);
        // A name that is listed twice is one tool: calls go by name.
        let tools: Vec<_> = items
            .filter(|(name, _)| names.insert(*name))
            .map(|(name, listed)| InspectedTool::new(name, listed, policy, &engine, seen.tools.contains(name)))
            .collect();
        let prompts = offer.prompts.iter().filter_map(|item| item.get("name")?.as_str()).map(|name| {
            let Decision { effect, rule, .. } = engine.decide_prompt(name);
            let rule = (effect == Effect::Hide).then(|| rule.to_owned());
            InspectedPrompt { effect, name, rule, visible: seen.prompts.contains(name) }
        });
        let uris = |items: &'v [Value], key| items.iter().filter_map(move |item| item.get(key)?.as_str());
        let resources: Vec<_> =
            uris(&offer.resources, "uri").map(|uri| InspectedResource::new(uri, engine.decide_resource(uri))).collect();
        let templates: Vec<_> = uris(&offer.templates, "uriTemplate")
            .map(|template| InspectedResource::new(template, engine.decide_template(template)))
            .collect();
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        let unmatched = policy.entries_without(&names).into_iter().map(|(rule, name)| UnmatchedEntry { name, rule });
        let mut notes = offer.notes.clone();
        let (all, named) = (offer.tools.len(), tools.len());
        if all > named {
            notes.push(format!("{} of its {all} tools have no name of their own, and are left out here", all - named));
        }
        notes.extend(describe_unmentioned(offer, policy));
        let summary = policy.summarize();
        Self {
            tokens_saved: seen.bytes.before.saturating_sub(seen.bytes.after) / BYTES_PER_TOKEN,
            bytes: seen.bytes,
            command: command.iter().map(|word| word.to_string_lossy()).collect(),
            counts: ToolCounts::new(&tools),
            identity: Identity::of_command(policy.identity(), command),
            lock: None,
            notes,
            policy: PolicyInForce { file: summary.file, mode: summary.mode, builtin: summary.builtin },
            results: policy.describe_results(),
            prompts: prompts.collect(),
            protocol: &offer.protocol,
            resource_list: resources,
            resource_templates: offer.templates.len(),
            resources: offer.resources.len(),
            server: summary.server.as_str(),
            server_info: &offer.info,
            template_list: templates,
            tools,
            unmatched_entries: unmatched.collect(),
            withheld: seen.withheld,
        }
    }

    /// Adds what is known of its lock.
    pub(crate) fn with_lock(self, lock: Option<LockStatus>) -> Self {
        Self { lock, ..self }
    }
}

/// Describes what the server lists beside tools and a policy refuses without a word, as every policy does that knew tools only.
fn describe_unmentioned(offer: &ServerOffer, policy: &Policy) -> Option<String> {
    let kinds = [
        (Section::Resources, &offer.resources, "resource"),
        (Section::Resources, &offer.templates, "template"),
        (Section::Prompts, &offer.prompts, "prompt"),
    ];
    let refused: Vec<_> = kinds
        .into_iter()
        .filter(|(section, items, _)| !items.is_empty() && policy.refuses_unmentioned(*section))
        .map(|(_, items, what)| count_of(items.len() as u64, what))
        .collect();
    let note = "about which it says nothing; `beside_tools = \"builtin\"` lets what the server lists be read and used";
    (!refused.is_empty()).then(|| format!("the policy refuses {}, {note}", refused.join(", ")))
}

impl<'v> InspectedTool<'v> {
    fn new(name: &'v str, listed: Listed<'v>, policy: &'v Policy, engine: &Engine, visible: bool) -> Self {
        let tool = engine.find_tool(name);
        let profile = profile_tool(policy.catalogue(), &listed);
        let (class, decision) = (policy.class_of(tool), policy.decide_tool(tool));
        let (class_source, confidence) = match profile.source {
            _ if policy.names_class_of(name) => (ClassSource::Policy, None),
            Knowledge::Catalogue => (ClassSource::Catalogue, None),
            Knowledge::Classifier(confidence) => (ClassSource::Classifier, Some(confidence)),
        };
        Self {
            class,
            class_source,
            confidence,
            description: listed.description,
            effect: decision.effect,
            facts: profile.facts.list(),
            irreversible: profile.irreversible,
            limits: policy.limits_of(tool).map(ToolLimit::from).collect(),
            looks_at_arguments: policy.looks_at_arguments(tool),
            looks_at_session: policy.looks_at_session(tool),
            name,
            personal_data: profile.pii,
            policy_reason: decision.reason,
            reason: match class_source {
                ClassSource::Policy => Cow::Borrowed("The policy says so."),
                ClassSource::Catalogue | ClassSource::Classifier => profile.why,
            },
            risk: class.risk(),
            rule: decision.rule,
            sends: profile.sends,
            severity: profile.severity,
            title: listed.title,
            visible,
        }
    }
}

/// What the engine lets through to the agent.
#[derive(Default)]
struct AgentView {
    tools: HashSet<String>,
    prompts: HashSet<String>,
    bytes: ListBytes,
    withheld: Vec<WithheldAnswer>,
}

impl AgentView {
    /// Passes the exchange through the engine, line by line, as the wrapper does.
    fn new(lines: &[ProbeLine], engine: &mut Engine) -> Self {
        let (mut view, mut actions) = (Self::default(), Vec::new());
        let mut method = String::new();
        for line in lines {
            actions.clear();
            match line {
                ProbeLine::Client(line) => {
                    engine.handle_client_line(line, Now::default(), &mut actions);
                    let sent = serde_json::from_slice::<Value>(line).unwrap_or_default();
                    if sent.get("id").is_some() {
                        method = sent.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
                    }
                }
                ProbeLine::Server(line) => {
                    engine.handle_server_line(line, Now::default(), &mut actions);
                    let passed = actions.iter().find_map(|action| match action {
                        Action::ToClient(payload) => Some(payload.bytes(line)),
                        _ => None,
                    });
                    view.add_answer(&method, line, passed.unwrap_or_default());
                }
            }
        }
        view
    }

    fn add_answer(&mut self, method: &str, written: &[u8], passed: &[u8]) {
        let (names, key) = match method {
            "tools/list" => {
                self.bytes.before += line_len(written);
                self.bytes.after += line_len(passed);
                (&mut self.tools, "tools")
            }
            "prompts/list" => (&mut self.prompts, "prompts"),
            _ => return,
        };
        let message: Value = serde_json::from_slice(passed).unwrap_or_default();
        let items = message.get("result").and_then(|result| result.get(key)?.as_array()).into_iter().flatten();
        names.extend(items.filter_map(|item| Some(item.get("name")?.as_str()?.to_owned())));
        if let Some(error) = message.get("error").filter(|_| passed != written) {
            let why = error.get("message").and_then(Value::as_str).unwrap_or_default();
            self.withheld.push(WithheldAnswer { method: method.to_owned(), reason: why.to_owned() });
        }
    }
}

/// Returns the length of an answer with its newline; 0 if there is none.
fn line_len(line: &[u8]) -> usize {
    line.len() + usize::from(!line.is_empty() && !line.ends_with(b"\n"))
}
