//! A policy while it is edited: its text, its tree and what it decides.

use std::collections::BTreeSet;

use toml_edit::DocumentMut;

use super::change::{Change, HEAD, apply};
use super::{CannotEdit, Which};
use crate::policy::builtin::builtin_text;
use crate::policy::compile::{Mode, Policy};
use crate::policy::decision::Effect;
use crate::policy::decode;
use crate::policy::diagnostic::{Diagnostic, Report, quote};
use crate::policy::glob::Name;
use crate::policy::server::ServerName;
use crate::policy::source::{Format, Source};
use crate::policy::tree::{DocumentKey, DocumentNode};
use crate::policy::{self, Loaded};
use crate::risk::Catalogue;

/// A tool's name or a glob, with the key that means it in a policy.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) key: String,
    pub(super) name: Name,
}

impl Tool {
    /// Reads a name or glob as a policy does. A text that is neither is the name of a tool that has such characters.
    pub(super) fn parse(text: &str) -> Result<Self, CannotEdit> {
        let escaped = || policy::ToolGlob::key_for(text).and_then(|key| Some((Name::parse(&key).ok()?, key)));
        match Name::parse(text) {
            Ok(name) => Ok(Self { key: text.to_owned(), name }),
            Err(bad) => match escaped() {
                Some((name, key)) => Ok(Self { key, name }),
                None => CannotEdit::refused(format!(
                    "{} is no tool name or glob: {}; {}.",
                    quote(text),
                    bad.message,
                    bad.hint
                )),
            },
        }
    }

    /// The one tool that is meant; `None` for a glob.
    pub(super) fn exact(&self) -> Option<&str> {
        if let Name::Exact(name) = &self.name { Some(name) } else { None }
    }

    /// Whether a key or item of a policy means the same.
    pub(super) fn is(&self, written: &str) -> bool {
        match (&self.name, Name::parse(written)) {
            (Name::Exact(own), Ok(Name::Exact(other))) => *own == other,
            (Name::Glob(_), Ok(Name::Glob(_))) => self.key == written,
            _ => false,
        }
    }
}

/// A document that loads.
#[derive(Debug)]
pub(super) struct State<'s> {
    pub(super) source: Source,
    pub(super) root: DocumentNode,
    pub(super) policy: Policy,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) server: &'s ServerName,
}

impl<'s> State<'s> {
    pub(super) fn load(source: Source, server: &'s ServerName, which: Which) -> Result<Self, CannotEdit> {
        let Loaded { policy, diagnostics } = policy::load(&source, server);
        let root = decode::decode(&source, &mut Report::default());
        match policy.zip(root) {
            Some((policy, root)) => Ok(Self { source, root, policy, warnings: diagnostics, server }),
            None => Err(CannotEdit::Invalid { which, document: Box::new(source), diagnostics }),
        }
    }

    /// The same with changes in it.
    pub(super) fn with(&self, changes: &[Change]) -> Result<Self, CannotEdit> {
        let mut changes = changes.to_vec();
        // A document with `hide` alone is laid over the built-in policy. One that stood alone before stays so.
        let stands_alone = self.policy.mode == Mode::Standalone && self.policy.otherwise.effect != Effect::Allow;
        let is_bare = ["tools", "classes", "hide"].iter().all(|key| self.root.member(key).is_none());
        if stands_alone && is_bare && changes.iter().any(|change| matches!(change, Change::Hide(_))) {
            changes.insert(0, Change::Set(vec!["tools".to_owned()], DocumentNode::unplaced_table(Vec::new())));
        }
        let text = apply(&self.source, &changes)?;
        Self::load(self.renewed(text), self.server, Which::Edited)
    }

    fn renewed(&self, text: String) -> Source {
        Source::new(self.source.name(), self.source.format(), text)
    }

    /// The tool's own entry, with the path to it. What is meant for all tools has its own place.
    pub(super) fn entry(&self, tool: &Tool) -> (Vec<String>, Option<&DocumentNode>) {
        let tools = self.root.member("tools").map(DocumentNode::members).unwrap_or_default();
        let listed = if tool.name.matches_all() {
            if let Some(all) = self.root.member("all_tools") {
                return (vec!["all_tools".to_owned()], Some(all));
            }
            tools.iter().find(|(key, _)| Name::parse(&key.name).is_ok_and(|name| name.matches_all()))
        } else {
            tools.iter().find(|(key, _)| tool.is(&key.name))
        };
        match listed {
            Some((key, node)) => (vec!["tools".to_owned(), key.name.clone()], Some(node)),
            None if tool.name.matches_all() => (vec!["all_tools".to_owned()], None),
            None => (vec!["tools".to_owned(), tool.key.clone()], None),
        }
    }

    /// The entry that decides a tool without one of its own: the most specific glob's, else its class's.
    pub(super) fn governing(&self, tool: &Tool) -> Option<&DocumentNode> {
        let name = tool.exact()?;
        let literal = |key: &DocumentKey| match Name::parse(&key.name) {
            Ok(Name::Glob(patterns)) => patterns
                .iter()
                .filter(|pattern| pattern.matches(name) && !pattern.is_star())
                .map(|one| one.literal())
                .max(),
            _ => None,
        };
        let tools = self.root.member("tools").map(DocumentNode::members).unwrap_or_default();
        let globs = tools.iter().filter_map(|(key, node)| Some((literal(key)?, node)));
        let by_glob = globs.max_by_key(|(literal, _)| *literal).map(|(_, node)| node);
        by_glob.or_else(|| self.root.member("classes")?.member(self.policy.class(name).as_str()))
    }

    /// The items of `hide` that mean the tool, the last first, so that taking one out leaves the places of the others.
    pub(super) fn hidden_at(&self, tool: &Tool) -> Vec<usize> {
        let items = self.root.member("hide").map(DocumentNode::items).unwrap_or_default().iter().enumerate();
        let meant = items.filter(|(_, item)| item.as_text().is_some_and(|text| tool.is(text)));
        let mut places: Vec<usize> = meant.map(|(at, _)| at).collect();
        places.reverse();
        places
    }

    /// Whether what the document does not say is left to the built-in policy.
    pub(super) fn is_patch(&self) -> bool {
        self.policy.mode == Mode::Patch && self.policy.otherwise.effect != Effect::Allow
    }

    /// A document that only hides, with the rules of the built-in policy written into it.
    pub(super) fn standing_alone(&self) -> Result<Self, CannotEdit> {
        let builtin = Source::new("builtin", Format::Toml, builtin_text(self.server));
        let root = decode::decode(&builtin, &mut Report::default())
            .unwrap_or_else(|| DocumentNode::unplaced_table(Vec::new()));
        let rules: Vec<(DocumentKey, DocumentNode)> =
            root.members().iter().filter(|(key, _)| self.is_missing(&key.name)).cloned().collect();
        if self.source.format() == Format::Toml
            && let Some(text) = with_rules(self.source.text(), builtin.text(), &rules, self.server)
        {
            return Self::load(self.renewed(text), self.server, Which::Edited);
        }
        let mut changes: Vec<_> = rules.into_iter().map(|(key, node)| Change::Set(vec![key.name], node)).collect();
        if root.member("tools").is_none() {
            changes.push(Change::Set(vec!["tools".to_owned()], DocumentNode::unplaced_table(Vec::new())));
        }
        self.with(&changes)
    }

    /// Whether a part of the built-in policy holds under this document and is not in it.
    fn is_missing(&self, key: &str) -> bool {
        match key {
            "tools" => true,
            "classes" => !self.policy.classes.is_empty(),
            "all_tools" => self.root.member("all_tools").is_none(),
            _ => false,
        }
    }
}

/// Every tool that a policy, or the catalogue of its server, knows by its name.
pub fn known_tools(policy: &Policy) -> BTreeSet<String> {
    let own = policy.exact.keys().chain(policy.hidden.keys()).cloned();
    let known =
        Catalogue::of(policy.server.as_str()).into_iter().flat_map(Catalogue::tools).map(|tool| tool.name.clone());
    own.chain(known).collect()
}

/// The text of a TOML document with the tables of another behind it, their comments included.
fn with_rules(text: &str, builtin: &str, rules: &[(DocumentKey, DocumentNode)], server: &ServerName) -> Option<String> {
    let mut document: DocumentMut = builtin.parse().ok()?;
    let keys: Vec<String> = document.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys.iter().filter(|key| HEAD.contains(&key.as_str()) || !rules.iter().any(|(own, _)| own.name == **key))
    {
        document.remove(key);
    }
    if document.iter().any(|(_, item)| item.is_value()) {
        return None;
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if text.ends_with('\n') || text.is_empty() { "" } else { end };
    let rules = format!(
        "\n# With what follows, this file stands alone: these are the rules of policylayer's built-in policy for {server}.\n{document}"
    );
    Some(format!("{text}{gap}{}", rules.replace('\n', end)))
}
