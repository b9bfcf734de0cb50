//! Compiles a document, and the built-in policy beneath it if there is one, to the tables that decide.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::approval_terms::Asking;
use super::builtin_policy;
use super::decision::Effect;
use super::diagnostic::escape_invisible;
use super::document::{Otherwise, PolicyDocument, Unlisted};
use super::entry::EntryBody;
use super::glob::{NamePattern, Pattern};
use super::group_keys::GroupCheck;
use super::limit::{CounterId, Limit};
use super::rule_keys::RuleCheck;
use super::server::ServerName;
use super::window::Window;
use crate::risk::{Catalogue, Class};

/// A compiled, immutable policy.
#[derive(Debug)]
pub struct Policy {
    pub(super) server: ServerName,
    pub(super) file: Option<String>,
    pub(super) mode: Mode,
    pub(super) hidden: HashMap<String, Arc<Rule>>,
    pub(super) hidden_globs: Vec<(Pattern, Arc<Rule>)>,
    pub(super) exact: HashMap<String, Arc<Rule>>,
    /// The most specific first, so that the first match is the one with the longest literal text.
    pub(super) globs: Vec<(Pattern, Arc<Rule>)>,
    pub(super) classes: HashMap<Class, Arc<Rule>>,
    pub(super) class_names: HashMap<String, Class>,
    pub(super) class_globs: Vec<(Pattern, Class)>,
    pub(super) all_tools: Option<Box<Checks>>,
    pub(super) otherwise: Rule,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    pub(super) path: String,
    pub(super) reason: Option<String>,
    /// `None` for most entries.
    pub(super) checks: Option<Box<Checks>>,
}

impl Rule {
    fn without_checks(effect: Effect, path: impl Into<String>, reason: Option<String>) -> Self {
        Self { effect, path: path.into(), reason, checks: None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) deny_if: Vec<GroupCheck>,
    pub(super) require: Vec<GroupCheck>,
    pub(super) rules: Vec<RuleCheck>,
    pub(super) limits: Vec<Limit>,
    pub(super) approve_if: Vec<GroupCheck>,
    pub(super) asking: Asking,
}

/// Which policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The document alone.
    Standalone,
    /// The document on top of the built-in policy: it has `hide` and neither `tools` nor `classes`.
    Patch,
    /// The built-in policy alone: there is no document.
    Builtin,
}

impl Mode {
    /// Returns the word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Patch => "patch",
            Self::Builtin => "builtin",
        }
    }
}

impl Policy {
    /// Makes a policy that refuses every tool, because none could be read.
    pub(super) fn refuse_everything(server: &ServerName, path: &str, reason: String) -> Self {
        let otherwise = Rule::without_checks(Effect::Deny, path, Some(reason));
        Self {
            server: server.clone(),
            file: None,
            mode: Mode::Builtin,
            hidden: HashMap::new(),
            hidden_globs: Vec::new(),
            exact: HashMap::new(),
            globs: Vec::new(),
            classes: HashMap::new(),
            class_names: HashMap::new(),
            class_globs: Vec::new(),
            all_tools: None,
            otherwise,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The effect for a tool that no rule names.
    pub(crate) fn otherwise(&self) -> Effect {
        self.otherwise.effect
    }

    pub(crate) fn has_class_rules(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Returns every tool that the policy, or the catalogue of its server, knows by name.
    pub fn known_tools(&self) -> BTreeSet<String> {
        let own = self.exact.keys().chain(self.hidden.keys()).cloned();
        let known = Catalogue::for_server(self.server.as_str()).into_iter().flat_map(Catalogue::tools);
        own.chain(known.map(|tool| tool.name.clone())).collect()
    }

    /// Whether no call of any tool can pass, not even with a person's approval.
    pub(super) fn allows_nothing(&self) -> bool {
        // A call that a person may approve is not refused.
        let may_pass = |effect| matches!(effect, Effect::Allow | Effect::RequireApproval);
        let rules = self.exact.keys().any(|name| may_pass(self.decide_tool(name).effect))
            || self.globs.iter().any(|(_, rule)| may_pass(rule.effect))
            || self.classes.values().any(|rule| may_pass(rule.effect))
            || may_pass(self.otherwise.effect);
        let all_hidden = self.hidden_globs.iter().any(|(pattern, _)| pattern.is_star());
        all_hidden || !rules
    }
}

pub(super) fn compile(document: &PolicyDocument, file: &str, server: &ServerName) -> Option<Policy> {
    let otherwise = default_rule(document)?;
    // `hide` alone promises that the rest of the server keeps working, so the built-in policy decides about the rest.
    let is_patch = document.hide.is_some() && document.tools.is_none() && document.classes.is_none();
    let mut policy = if is_patch && otherwise.effect != Effect::Allow {
        builtin_policy(server).only_exact_rules()
    } else {
        Policy::refuse_everything(server, "default", String::new())
    };
    policy.file = Some(escape_invisible(file));
    policy.mode = if is_patch { Mode::Patch } else { Mode::Standalone };
    policy.otherwise = otherwise;
    policy.add_rules(document, "");
    Some(policy)
}

pub(super) fn compile_builtin(document: &PolicyDocument, server: &ServerName, reason: String) -> Option<Policy> {
    let effect = default_rule(document)?.effect;
    let mut policy = Policy::refuse_everything(server, "builtin:default", reason);
    policy.otherwise.effect = effect;
    policy.add_rules(document, "builtin:");
    Some(policy)
}

fn default_rule(document: &PolicyDocument) -> Option<Rule> {
    let unlisted = document.unlisted.as_ref().map_or(Unlisted::Hide, |unlisted| unlisted.value);
    let effect = match (document.default.as_ref()?.value, unlisted) {
        (Otherwise::Allow, _) => Effect::Allow,
        (Otherwise::Deny, Unlisted::Hide) => Effect::Hide,
        (Otherwise::Deny, Unlisted::Deny) => Effect::Deny,
    };
    Some(Rule::without_checks(effect, "default", None))
}

impl Policy {
    /// Drops the rules that do not name a tool exactly.
    fn only_exact_rules(mut self) -> Self {
        self.globs.clear();
        self.hidden_globs.clear();
        self.classes.clear();
        self
    }

    fn add_rules(&mut self, document: &PolicyDocument, prefix: &str) {
        for item in document.hide.iter().flatten() {
            let path = format!("{prefix}{}", item.path);
            let rule = Arc::new(Rule::without_checks(Effect::Hide, path, None));
            match &item.tool.pattern {
                // If a name is hidden twice, the first rule stays.
                NamePattern::Exact(name) => drop(self.hidden.entry(name.clone()).or_insert(rule)),
                NamePattern::Glob(patterns) => {
                    self.hidden_globs.extend(patterns.iter().map(|pattern| (pattern.clone(), Arc::clone(&rule))));
                }
            }
        }
        for entry in document.classes.iter().flatten() {
            let path = format!("{prefix}classes.{}", entry.class.as_str());
            self.classes.insert(entry.class, Arc::new(self.compile_rule(&path, &entry.body)));
        }
        if let Some(all) = &document.all_tools {
            self.all_tools = self.compile_checks(&format!("{prefix}{}", all.path), &all.body);
        }
        for entry in document.tools.iter().flatten() {
            if let Some(class) = entry.body.class {
                match &entry.tool.pattern {
                    NamePattern::Exact(name) => drop(self.class_names.insert(name.clone(), class)),
                    NamePattern::Glob(patterns) => {
                        self.class_globs.extend(patterns.iter().map(|pattern| (pattern.clone(), class)));
                    }
                }
            }
            let rule = match entry.body.class {
                // An entry that only sets the class leaves the decision to the rules for that class, not to a glob.
                Some(class) if entry.body.only_classifies && document.classes.is_some() => {
                    let otherwise = || {
                        let Rule { effect, path, reason, .. } = &self.otherwise;
                        Arc::new(Rule::without_checks(*effect, path.clone(), reason.clone()))
                    };
                    self.classes.get(&class).cloned().unwrap_or_else(otherwise)
                }
                _ => Arc::new(self.compile_rule(&format!("{prefix}{}", entry.rule_path()), &entry.body)),
            };
            match &entry.tool.pattern {
                NamePattern::Exact(name) => drop(self.exact.insert(name.clone(), rule)),
                NamePattern::Glob(patterns) => {
                    self.globs.extend(patterns.iter().map(|pattern| (pattern.clone(), Arc::clone(&rule))));
                }
            }
        }
        self.class_globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_length()));
        self.globs.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal_length()));
    }

    fn compile_rule(&self, path: &str, body: &EntryBody) -> Rule {
        let effect = body.action.unwrap_or(Effect::Allow);
        Rule { effect, path: path.to_owned(), reason: body.reason.clone(), checks: self.compile_checks(path, body) }
    }

    fn compile_checks(&self, path: &str, body: &EntryBody) -> Option<Box<Checks>> {
        if !body.has_checks() {
            return None;
        }
        let or_own = |reason: &Option<String>| reason.clone().or_else(|| body.reason.clone());
        let in_document = |check: &GroupCheck| {
            let mut group = check.group.clone();
            group.reason = or_own(&group.reason);
            GroupCheck { path: format!("{path}.{}", check.path), group }
        };
        let all = |checks: &[GroupCheck]| checks.iter().map(in_document).collect();
        let rules = body.rules.iter().map(|rule| match rule {
            RuleCheck::Deny { path: own, reason } => {
                RuleCheck::Deny { path: format!("{path}.{own}"), reason: or_own(reason) }
            }
            RuleCheck::Require(check) => RuleCheck::Require(in_document(check)),
        });
        let limits = body.limits.iter().map(|limit| {
            let name = limit.counter_name();
            // Each calendar unit has its own counter: the end of a minute must not reset the count of the day.
            let name = match limit.window {
                Window::Sliding(_) => name.to_owned(),
                Window::Calendar(unit) => format!("{name}@{unit:?}"),
            };
            Limit {
                rule: format!("{path}.{}", limit.path),
                counter: CounterId::new(self.server.as_str(), path, &name),
                max: limit.max,
                window: limit.window,
                scope: limit.scope,
                increment: limit.increment.clone(),
                reason: or_own(&limit.reason),
                on_error: limit.on_error,
            }
        });
        Some(Box::new(Checks {
            deny_if: all(&body.deny_if),
            require: all(&body.require),
            rules: rules.collect(),
            limits: limits.collect(),
            approve_if: all(&body.approve_if),
            asking: body.asking,
        }))
    }
}
