//! Merging a pasted document, or a part of one, into a policy.

use super::change::Change;
use super::plan::{begin, finish};
use super::state::{State, Tool};
use super::{CannotEdit, Edited, Which};
use crate::policy::decode::decode;
use crate::policy::diagnostic::{Report, quote};
use crate::policy::document;
use crate::policy::glob::Name;
use crate::policy::lint;
use crate::policy::server::ServerName;
use crate::policy::source::{Format, Source};
use crate::policy::tree::{DocumentKey, DocumentNode};

/// A pasted document that is valid.
#[derive(Debug)]
#[must_use]
pub struct Pasted {
    root: DocumentNode,
}

impl Pasted {
    /// Reads a document of a format, or, where that is not told, of the format that it is written in. `version` and `default`
    /// may be missing: those of the policy that it is merged into stay.
    ///
    /// # Errors
    /// Where it has an error.
    pub fn read(name: &str, format: Option<Format>, text: &str) -> Result<Self, CannotEdit> {
        let source = |format| Source::new(name, format, text);
        let guessed = || {
            if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
                return Format::Json;
            }
            let mut report = Report::default();
            let is_toml = decode(&source(Format::Toml), &mut report).is_some() && !report.has_errors();
            if is_toml { Format::Toml } else { Format::Yaml }
        };
        let source = source(format.unwrap_or_else(guessed));
        let mut report = Report::default();
        let root = decode(&source, &mut report);
        if let Some(root) = &root {
            let mut whole = root.clone();
            if let crate::policy::tree::DocumentValue::Table(pairs) = &mut whole.value {
                for (key, value) in [("version", "1"), ("default", "deny")] {
                    if !pairs.iter().any(|(own, _)| own.name == key) {
                        pairs.push((DocumentKey::unplaced(key), DocumentNode::unplaced_string(value)));
                    }
                }
            }
            let document = document::read(&whole, &mut report);
            lint::errors(&document, &mut report);
        }
        match root.filter(|_| !report.has_errors()) {
            Some(root) if ["hide", "all_tools", "classes", "tools"].iter().all(|key| root.member(key).is_none()) => {
                CannotEdit::refused(format!(
                    "{name} has neither `hide` nor `tools`, `classes` or `all_tools`, so there is nothing to add. Paste a policy, \
                     or a part of one, such as {{\"hide\": [\"delete_*\"]}}."
                ))
            }
            Some(root) => Ok(Self { root }),
            None => {
                let diagnostics = report.finish(&source);
                Err(CannotEdit::Invalid { which: Which::Pasted, document: Box::new(source), diagnostics })
            }
        }
    }

    fn members(&self, table: &str) -> &[(DocumentKey, DocumentNode)] {
        self.root.member(table).map(DocumentNode::members).unwrap_or_default()
    }
}

/// Merges a pasted document into a policy: its `hide` is joined to the list that is there, each of its entries takes the place
/// of the whole entry that is there, and so does each key of its `all_tools`. What the policy says of itself and of all other
/// tools stays: `version`, `description`, `default` and `unlisted`.
///
/// # Errors
/// Where the policy cannot be edited.
pub fn add(source: Option<&Source>, name: &str, server: &ServerName, pasted: &Pasted) -> Result<Edited, CannotEdit> {
    let before = begin(source, name, server)?;
    let mut notes = Vec::new();
    for key in ["default", "unlisted"] {
        let word = |root: &DocumentNode| root.member(key).and_then(DocumentNode::as_text).map(str::to_owned);
        // Where `unlisted` is not there, it is "hide".
        let ours = word(&before.root).unwrap_or_else(|| "hide".to_owned());
        if let Some(theirs) = word(&pasted.root).filter(|theirs| *theirs != ours) {
            let (ours, theirs) = (quote(&ours), quote(&theirs));
            notes.push(format!("`{key}` stays {ours}; {theirs}, as it was pasted, is for a policy of its own."));
        }
    }
    let hidden: Vec<&str> = pasted
        .root
        .member("hide")
        .map(DocumentNode::items)
        .unwrap_or_default()
        .iter()
        .filter_map(DocumentNode::as_text)
        .collect();
    let (tools, classes, all) = (pasted.members("tools"), pasted.members("classes"), pasted.members("all_tools"));
    let named: Vec<Tool> = hidden
        .iter()
        .copied()
        .chain(tools.iter().map(|(key, _)| key.name.as_str()))
        .map(Tool::parse)
        .collect::<Result<_, _>>()?;

    let needs_entries = pasted.root.member("classes").is_some() || is_listed(tools);
    let mut state = Merged { before: &before, after: None };
    if before.is_patch() && needs_entries {
        state.after = Some(before.standing_alone()?);
    }
    for (key, node) in tools {
        let tool = Tool::parse(&key.name)?;
        if tool.name.matches_all() {
            state.for_all(&tool, node.members())?;
            continue;
        }
        // The pasted entry wins, also over a name in `hide`.
        if !hidden.iter().any(|item| tool.is(item)) {
            let shown: Vec<_> = state.now().hidden_at(&tool).into_iter().map(Change::Show).collect();
            state.make(&shown)?;
        }
        let (path, own) = state.now().entry(&tool);
        if !own.is_some_and(|own| own.is_same_value(node)) {
            state.make(&[Change::Set(path, node.clone())])?;
        }
    }
    for (key, node) in classes {
        if !state
            .now()
            .root
            .member("classes")
            .and_then(|classes| classes.member(&key.name))
            .is_some_and(|own| own.is_same_value(node))
        {
            state.make(&[Change::Set(vec!["classes".to_owned(), key.name.clone()], node.clone())])?;
        }
    }
    if !all.is_empty() {
        state.for_all(&Tool::parse("*")?, all)?;
    }
    for item in &hidden {
        if state.now().hidden_at(&Tool::parse(item)?).is_empty() {
            state.make(&[Change::Hide((*item).to_owned())])?;
        }
    }
    let is_about_all = !classes.is_empty() || !all.is_empty() || named.iter().any(|tool| tool.name.matches_all());
    let after = state.after;
    finish(before, after, |name| is_about_all || named.iter().any(|tool| tool.name.matches(name)), notes)
}

fn is_listed(tools: &[(DocumentKey, DocumentNode)]) -> bool {
    tools.iter().any(|(key, _)| !Name::parse(&key.name).is_ok_and(|name| name.matches_all()))
}

/// A policy into which a document is merged.
struct Merged<'b, 's> {
    before: &'b State<'s>,
    /// As it is by now, where something has changed.
    after: Option<State<'s>>,
}

impl<'s> Merged<'_, 's> {
    fn now(&self) -> &State<'s> {
        self.after.as_ref().unwrap_or(self.before)
    }

    fn make(&mut self, changes: &[Change]) -> Result<(), CannotEdit> {
        if !changes.is_empty() {
            self.after = Some(self.now().with(changes)?);
        }
        Ok(())
    }

    /// Takes over what is said of all tools, key by key.
    fn for_all(&mut self, all: &Tool, pairs: &[(DocumentKey, DocumentNode)]) -> Result<(), CannotEdit> {
        let (path, own) = self.now().entry(all);
        let at = |key: &str| path.iter().cloned().chain([key.to_owned()]).collect::<Vec<_>>();
        let mut changes = Vec::new();
        for (key, node) in pairs {
            // The same word twice would be a contradiction.
            let twin = match key.name.as_str() {
                "reason" => Some("on_deny"),
                "on_deny" => Some("reason"),
                _ => None,
            };
            if let Some(twin) = twin.filter(|twin| own.is_some_and(|own| own.member(twin).is_some())) {
                changes.push(Change::Remove(at(twin)));
            }
            if !own.and_then(|own| own.member(&key.name)).is_some_and(|old| old.is_same_value(node)) {
                changes.push(Change::Set(at(&key.name), node.clone()));
            }
        }
        self.make(&changes)
    }
}
