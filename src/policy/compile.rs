//! Compiles a document, and the built-in policy beneath it if there is one, to the tables that decide.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::builtin_policy;
use super::decision::Effect;
use super::diagnostic::escape_invisible;
use super::document::{BesideTools, Otherwise, PolicyDocument, TrustedHints, Unlisted};
use super::entry::Rule;
use super::keys::words::word_enum;
use super::lock_terms::{LockMode, PolicyLock};
use super::name_table::NameTable;
use super::results::ResultRules;
use super::section::SectionRule;
use super::server::Server;
use super::tool_ref::ToolListing;
use super::work::Work;
use crate::risk::{Catalogue, Class};

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    pub(super) server: Server,
    pub(super) file: Option<String>,
    pub(super) mode: Mode,
    pub(super) hidden: NameTable<Arc<Rule>>,
    pub(super) named: NameTable<Arc<Rule>>,
    pub(super) classes: HashMap<Class, Arc<Rule>>,
    pub(super) tool_classes: NameTable<Class>,
    /// What applies to every tool on top of its own rule: the checks of this one.
    pub(super) all_tools: Option<Arc<Rule>>,
    /// The rules for everything but tools, the most specific first.
    pub(super) sections: Vec<SectionRule>,
    /// What happens to everything that the server answers.
    pub(super) results: Option<Arc<ResultRules>>,
    /// Whether something happens to some of it.
    pub(super) has_result_rules: bool,
    /// Whether entries or classes have rules for results.
    pub(super) has_own_result_rules: bool,
    /// Whether something gets stand-ins.
    pub(super) has_stand_ins: bool,
    pub(super) beside_tools: BesideTools,
    pub(super) trusted_hints: Option<TrustedHints>,
    pub(super) lock_mode: Option<LockMode>,
    pub(super) lock: Option<PolicyLock>,
    /// It stands for the listing where no session has one.
    pub(super) listing: ToolListing,
    pub(super) otherwise: Arc<Rule>,
    pub(super) work: Work,
}

word_enum! {
    /// Which policy is in force.
    pub enum Mode;
    /// The document alone.
    "standalone" => Standalone,
    /// The document on top of the built-in policy: it has `hide` and neither `tools` nor `classes`.
    "patch" => Patch,
    /// The built-in policy alone: there is no document.
    "builtin" => Builtin,
}

impl Policy {
    /// Makes a policy that has only this rule.
    pub(super) fn with_default(server: &Server, otherwise: Rule) -> Self {
        Self {
            server: server.clone(),
            file: None,
            mode: Mode::Builtin,
            hidden: NameTable::default(),
            named: NameTable::default(),
            classes: HashMap::new(),
            tool_classes: NameTable::default(),
            all_tools: None,
            sections: Vec::new(),
            results: None,
            has_stand_ins: false,
            has_result_rules: false,
            has_own_result_rules: false,
            beside_tools: BesideTools::Builtin,
            trusted_hints: None,
            lock_mode: None,
            lock: None,
            listing: ToolListing::new(),
            otherwise: Arc::new(otherwise),
            work: Work::default(),
        }
    }

    /// What may still be done for the line at hand.
    pub fn work(&self) -> &Work {
        &self.work
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The effect for a tool that no rule names.
    pub(crate) fn otherwise(&self) -> Effect {
        self.otherwise.effect
    }

    /// What holds beside tool calls where the policy has no entry.
    pub fn beside_tools(&self) -> BesideTools {
        self.beside_tools
    }

    /// The hints of the server that are believed; `None` if none is.
    pub fn trusted_hints(&self) -> Option<TrustedHints> {
        self.trusted_hints
    }

    pub(crate) fn has_class_rules(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Returns every tool that the policy, or the catalogue of its server, knows by name.
    pub fn known_tools(&self) -> BTreeSet<String> {
        let own = self.named.exact.keys().chain(self.hidden.exact.keys()).cloned();
        let known = self.server.catalogue().into_iter().flat_map(Catalogue::tools);
        own.chain(known.map(|tool| tool.name.clone())).collect()
    }

    /// Whether nothing that the client sends can pass, not even with a person's approval.
    pub(super) fn allows_nothing(&self) -> bool {
        // A call that a person may approve is not refused.
        let may_pass = |effect| matches!(effect, Effect::Allow | Effect::RequireApproval);
        let rules = self.named.exact.keys().any(|name| may_pass(self.decide_tool(name).effect))
            || self.named.globs.iter().any(|(_, rule)| may_pass(rule.effect))
            || self.classes.values().any(|rule| may_pass(rule.effect))
            || self.sections.iter().any(|rule| rule.is_of_client() && may_pass(rule.effect()))
            || may_pass(self.otherwise.effect);
        let all_hidden = self.hidden.globs.iter().any(|(pattern, _)| pattern.is_star());
        all_hidden || !rules
    }

    fn add_rules(&mut self, document: &PolicyDocument) {
        for entry in document.hide.iter().flatten() {
            self.hidden.add(&entry.key.pattern, &entry.rule);
        }
        self.classes.extend(document.classes.iter().flatten().map(|entry| (entry.key, Arc::clone(&entry.rule))));
        if let Some(all) = &document.all_tools {
            self.all_tools = Some(Arc::clone(&all.rule));
        }
        self.named.reserve(document.tools.as_ref().map_or(0, Vec::len));
        for entry in document.tools.iter().flatten() {
            if let Some(class) = &entry.class {
                self.tool_classes.add(&entry.key.pattern, class);
            }
            let rule = match &entry.class {
                // An entry that only sets the class leaves the decision to the rules for that class, not to a glob.
                Some(class) if entry.only_classifies && document.classes.is_some() => {
                    self.classes.get(class).unwrap_or(&self.otherwise)
                }
                _ => &entry.rule,
            };
            self.named.add(&entry.key.pattern, rule);
        }
        for (section, entries) in &document.sections {
            self.sections.extend(entries.iter().flat_map(|entry| SectionRule::from_entry(*section, entry)));
        }
        self.sections.sort_by_key(|rule| std::cmp::Reverse(rule.weight()));
        self.results = document.results.clone();
        let tools = document.tools.iter().flatten().map(|entry| &entry.rule);
        let classes = document.classes.iter().flatten().map(|entry| &entry.rule);
        let others = document.sections.iter().flat_map(|(_, entries)| entries).map(|entry| &entry.rule);
        let of_entries = tools.chain(classes).chain(others).filter_map(|rule| rule.results.as_ref());
        let of_entries: Vec<_> = of_entries.collect();
        self.has_own_result_rules = !of_entries.is_empty();
        let all: Vec<_> = self.results.iter().chain(of_entries).collect();
        self.has_result_rules = !all.is_empty();
        self.has_stand_ins = all.iter().any(|rules| rules.has_stand_ins());
        self.named.sort_globs();
        self.tool_classes.sort_globs();
    }
}

pub(super) fn compile(document: &PolicyDocument, file: &str, server: &Server) -> Option<Policy> {
    let otherwise = Rule::without_checks(default_effect(document)?, "default", None);
    // `hide` alone promises that the rest of the server keeps working, so the built-in policy decides about the rest.
    let is_patch = document.hide.is_some() && document.tools.is_none() && document.classes.is_none();
    let mut policy = Policy::with_default(server, otherwise);
    let is_over_builtin = is_patch && policy.otherwise.effect != Effect::Allow;
    let implied = if is_over_builtin { BesideTools::Builtin } else { BesideTools::Default };
    policy.beside_tools = document.beside_tools.unwrap_or(implied);
    policy.trusted_hints = document.trust_hints.as_ref().map(|hints| hints.value);
    policy.lock_mode = document.lock.as_ref().map(|mode| mode.value);
    if is_over_builtin {
        let builtin = builtin_policy(server);
        policy.named = builtin.named;
        policy.hidden = builtin.hidden;
        policy.tool_classes = builtin.tool_classes;
        policy.all_tools = builtin.all_tools;
    }
    policy.file = Some(escape_invisible(file));
    policy.mode = if is_patch { Mode::Patch } else { Mode::Standalone };
    policy.add_rules(document);
    Some(policy)
}

pub(super) fn compile_builtin(document: &PolicyDocument, server: &Server, reason: String) -> Option<Policy> {
    let otherwise = Rule::without_checks(default_effect(document)?, "builtin:default", Some(reason));
    let mut policy = Policy::with_default(server, otherwise);
    policy.add_rules(document);
    Some(policy)
}

fn default_effect(document: &PolicyDocument) -> Option<Effect> {
    let unlisted = document.unlisted.as_ref().map_or(Unlisted::Hide, |unlisted| unlisted.value);
    Some(match (document.default.as_ref()?.value, unlisted) {
        (Otherwise::Allow, _) => Effect::Allow,
        (Otherwise::Deny, Unlisted::Hide) => Effect::Hide,
        (Otherwise::Deny, Unlisted::Deny) => Effect::Deny,
    })
}
