//! From a document, and the built-in policy where it is laid over it, to the tables that decide.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::builtin;
use super::decision::{Decision, Effect};
use super::diagnostic::visible;
use super::document::{Document, Otherwise, Unlisted};
use super::glob::{Name, Pattern};
use super::server::ServerName;
use crate::risk::Catalogue;

/// A compiled, immutable policy.
#[derive(Debug)]
pub struct Policy {
    server: ServerName,
    file: Option<String>,
    mode: Mode,
    hidden: HashMap<String, Arc<Rule>>,
    hidden_globs: Vec<(Pattern, Arc<Rule>)>,
    exact: HashMap<String, Arc<Rule>>,
    /// The most specific first, so that the first match is the one with the longest literal text.
    globs: Vec<(Pattern, Arc<Rule>)>,
    otherwise: Rule,
}

/// What decides once it has been found.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    effect: Effect,
    path: String,
    reason: Option<String>,
}

/// What is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The document alone.
    Standalone,
    /// The document, laid over the built-in policy: it has `hide` and no `tools`.
    Patch,
    /// The built-in policy alone: there is no document.
    Builtin,
}

impl Mode {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Patch => "patch",
            Self::Builtin => "builtin",
        }
    }
}

/// Whether the upstream listed a tool of a name in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// tools/list had a tool of this name.
    Tool,
    /// It had none, or was not asked for.
    Unknown,
}

impl Policy {
    /// What the policy says about a call of `tool`. Never fails and never allocates.
    pub fn decide<'p>(&'p self, tool: &str) -> Decision<'p> {
        self.decision(self.named_rule(tool).unwrap_or(&self.otherwise))
    }

    /// The decision on a prompt that is named after a hidden tool; `None` where the prompt is not hidden.
    ///
    /// A rule that names the tool hides the prompt of its name as well. A tool that is hidden only for being unlisted
    /// does so where there is such a tool: one of the server's catalogue, or one that tools/list had. All other
    /// prompts are not named after tools and are none of the policy's business.
    pub fn hides_prompt<'p>(&'p self, name: &str, seen: Seen) -> Option<Decision<'p>> {
        let named = self.named_rule(name);
        let rule = named.unwrap_or(&self.otherwise);
        let is_tool = || {
            seen == Seen::Tool || Catalogue::of(self.server.as_str()).is_some_and(|known| known.tool(name).is_some())
        };
        (rule.effect == Effect::Hide && (named.is_some() || is_tool())).then(|| self.decision(rule))
    }

    /// What is in force, and what it does to the tools that are known of the server.
    pub fn summary(&self) -> Summary<'_> {
        let tools = Catalogue::of(self.server.as_str()).map(|known| {
            let mut tally = Tally::default();
            for tool in known.tools() {
                tally.known += 1;
                match self.decide(&tool.name).effect {
                    Effect::Allow => tally.allowed += 1,
                    // Until approvals exist, what asks a person is refused.
                    Effect::Deny | Effect::RequireApproval => tally.refused += 1,
                    Effect::Hide => tally.hidden += 1,
                }
            }
            tally
        });
        let otherwise = self.otherwise.effect;
        Summary { file: self.file.as_deref(), server: &self.server, mode: self.mode, otherwise, tools }
    }

    /// A policy that refuses every tool, for want of one that could be read.
    pub(super) fn refuse_everything(server: &ServerName, path: &str, reason: String) -> Self {
        let otherwise = Rule { effect: Effect::Deny, path: path.to_owned(), reason: Some(reason) };
        Self {
            server: server.clone(),
            file: None,
            mode: Mode::Builtin,
            hidden: HashMap::new(),
            hidden_globs: Vec::new(),
            exact: HashMap::new(),
            globs: Vec::new(),
            otherwise,
        }
    }

    /// The rule that was written for this tool: hidden first, then the exact name, then the most specific glob.
    fn named_rule(&self, tool: &str) -> Option<&Rule> {
        let by_glob = |globs: &'_ [(Pattern, Arc<Rule>)]| globs.iter().position(|(pattern, _)| pattern.matches(tool));
        self.hidden
            .get(tool)
            .or_else(|| by_glob(&self.hidden_globs).and_then(|at| self.hidden_globs.get(at)).map(|(_, rule)| rule))
            .or_else(|| self.exact.get(tool))
            .or_else(|| by_glob(&self.globs).and_then(|at| self.globs.get(at)).map(|(_, rule)| rule))
            .map(Arc::as_ref)
    }

    fn decision<'p>(&'p self, rule: &'p Rule) -> Decision<'p> {
        Decision { effect: rule.effect, rule: &rule.path, reason: rule.reason.as_deref(), file: self.file.as_deref() }
    }

    /// Whether no call of any tool can pass.
    pub(super) fn allows_nothing(&self) -> bool {
        let rules = self.exact.keys().any(|name| self.decide(name).effect == Effect::Allow)
            || self.globs.iter().any(|(_, rule)| rule.effect == Effect::Allow)
            || self.otherwise.effect == Effect::Allow;
        let all_hidden = self.hidden_globs.iter().any(|(pattern, _)| pattern.is_star());
        all_hidden || !rules
    }
}

/// Compiles a document without errors; `None` where what must be there is missing.
pub(super) fn compile(document: &Document, file: &str, server: &ServerName) -> Option<Policy> {
    let otherwise = otherwise(document)?;
    // `hide` alone promises that the rest of the server keeps working, so the rest is left to the built-in policy.
    let is_patch = document.hide.is_some() && document.tools.is_none();
    let mut policy = if is_patch && otherwise.effect != Effect::Allow {
        builtin(server).only_exact_rules()
    } else {
        Policy::refuse_everything(server, "default", String::new())
    };
    policy.file = Some(visible(file));
    policy.mode = if is_patch { Mode::Patch } else { Mode::Standalone };
    policy.otherwise = otherwise;
    policy.add_rules(document, "");
    Some(policy)
}

/// Compiles the document that is built in for a server.
pub(super) fn compile_builtin(document: &Document, server: &ServerName, reason: String) -> Option<Policy> {
    let effect = otherwise(document)?.effect;
    let mut policy = Policy::refuse_everything(server, "builtin:default", reason);
    policy.otherwise.effect = effect;
    policy.add_rules(document, "builtin:");
    Some(policy)
}

fn otherwise(document: &Document) -> Option<Rule> {
    let unlisted = document.unlisted.as_ref().map_or(Unlisted::Hide, |unlisted| unlisted.value);
    let effect = match (document.default.as_ref()?.value, unlisted) {
        (Otherwise::Allow, _) => Effect::Allow,
        (Otherwise::Deny, Unlisted::Hide) => Effect::Hide,
        (Otherwise::Deny, Unlisted::Deny) => Effect::Deny,
    };
    Some(Rule { effect, path: "default".to_owned(), reason: None })
}

impl Policy {
    /// The rules for the tools that this policy knows by name.
    fn only_exact_rules(mut self) -> Self {
        self.globs.clear();
        self.hidden_globs.clear();
        self
    }

    fn add_rules(&mut self, document: &Document, prefix: &str) {
        for item in document.hide.iter().flatten() {
            let path = format!("{prefix}{}", item.path());
            let rule = Arc::new(Rule { effect: Effect::Hide, path, reason: None });
            match &item.name {
                // A name that is hidden twice keeps the rule that stands first.
                Name::Exact(name) => drop(self.hidden.entry(name.clone()).or_insert(rule)),
                Name::Glob(patterns) => {
                    self.hidden_globs.extend(patterns.iter().map(|pattern| (pattern.clone(), Arc::clone(&rule))));
                }
            }
        }
        for entry in document.tools.iter().flatten() {
            let path = format!("{prefix}{}", entry.path());
            let rule = Arc::new(Rule { effect: entry.effect, path, reason: entry.reason.clone() });
            match &entry.name {
                Name::Exact(name) => drop(self.exact.insert(name.clone(), rule)),
                Name::Glob(patterns) => {
                    self.globs.extend(patterns.iter().map(|pattern| (pattern.clone(), Arc::clone(&rule))));
                }
            }
        }
        self.globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal()));
    }
}

/// What is in force, for the line at the start and for `check`.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'p> {
    /// The file, as shown to a person.
    pub file: Option<&'p str>,
    /// The server that the policy is for.
    pub server: &'p ServerName,
    /// What is in force.
    pub mode: Mode,
    /// What a tool gets that no rule names.
    pub otherwise: Effect,
    /// What happens to the tools of the server's catalogue, where it has one.
    pub tools: Option<Tally>,
}

/// What a policy does to the known tools of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many tools are known.
    pub known: usize,
    /// How many can be called.
    pub allowed: usize,
    /// How many are listed but refused.
    pub refused: usize,
    /// How many are taken out of tools/list.
    pub hidden: usize,
}

impl Tally {
    /// How many stay in tools/list.
    pub fn visible(&self) -> usize {
        self.allowed + self.refused
    }
}

/// Two sentences on one line: what is in force, and what it does to the known tools.
impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server;
        let is_known = self.tools.is_some();
        match (self.mode, self.otherwise) {
            (Mode::Standalone, _) => write!(f, "{} stands alone.", self.file.unwrap_or("the document"))?,
            (Mode::Patch, Effect::Allow) => {
                write!(f, "{} hides tools and allows all others.", self.file.unwrap_or("the document"))?;
            }
            (Mode::Patch, _) => {
                write!(f, "{} is laid over the built-in policy for {server}", self.file.unwrap_or("the document"))?;
                f.write_str(if is_known { "." } else { ", which knows no tool of this server." })?;
            }
            (Mode::Builtin, _) if is_known => write!(f, "the built-in policy for {server} is in force.")?,
            (Mode::Builtin, _) => write!(f, "there is no policy for {server}: every tool is refused.")?,
        }
        if let Some(tools) = self.tools {
            write!(
                f,
                " Of {} known tools {} are visible ({} allowed, {} refused) and {} hidden.",
                tools.known,
                tools.visible(),
                tools.allowed,
                tools.refused,
                tools.hidden
            )?;
        }
        Ok(())
    }
}
