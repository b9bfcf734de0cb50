//! A policy during an edit: its text, its tree and its decisions.

use toml_edit::DocumentMut;

use super::change::{DocumentChange, HEAD, apply_changes};
use super::{CannotEdit, Which};
use crate::author::{builtin_document, text_member};
use crate::policy::decode::decode;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode};
use crate::policy::{
    self, BesideTools, BuiltinTitle, Diagnostic, Effect, Format, Loaded, Mode, Policy, Server, Source, ToolGlob,
    builtin_text,
};

/// A tool's name or a glob, with the key that stands for it in a policy.
#[derive(Clone, Debug)]
pub(in crate::author) struct ToolKey {
    pub(super) key: String,
    pub(super) name: ToolGlob,
}

impl ToolKey {
    /// Parses a name or glob as a policy does. Any other text is taken for the name of a tool with unusual characters.
    pub(super) fn parse(text: &str) -> Result<Self, CannotEdit> {
        ToolGlob::parse(text).map(|name| Self { key: text.to_owned(), name }).or_else(|bad| {
            Self::for_tool_name(text).ok_or_else(|| {
                CannotEdit::Refused(format!("{} is not a tool name or glob: {bad}.", quote_for_message(text)))
            })
        })
    }

    /// Returns the key of exactly this tool; `None` if no key can name it.
    pub(in crate::author) fn for_tool_name(tool: &str) -> Option<Self> {
        let key = ToolGlob::key_for(tool)?;
        Some(Self { name: ToolGlob::parse(&key).ok()?, key })
    }

    /// Returns the tool's name; `None` for a glob.
    pub(super) fn exact_name(&self) -> Option<&str> {
        self.name.exact_name()
    }

    /// Whether a key or item of a policy means the same.
    pub(super) fn is_same_key(&self, written: &str) -> bool {
        let Ok(other) = ToolGlob::parse(written) else { return false };
        match self.exact_name() {
            Some(name) => other.is_exactly(name),
            None => other.exact_name().is_none() && self.key == written,
        }
    }
}

#[derive(Debug)]
pub(in crate::author) struct EditState<'s> {
    pub(in crate::author) source: Source,
    pub(super) root: DocumentNode,
    pub(in crate::author) policy: Policy,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) server: &'s Server,
}

impl<'s> EditState<'s> {
    pub(in crate::author) fn load_source(source: Source, server: &'s Server, which: Which) -> Result<Self, CannotEdit> {
        let Loaded { policy, diagnostics } = policy::load_policy(&source, server);
        let root = decode(&source, &mut Report::default());
        match policy.zip(root) {
            Some((policy, root)) => Ok(Self { source, root, policy, warnings: diagnostics, server }),
            None => Err(CannotEdit::Invalid { which, document: Box::new(source), diagnostics }),
        }
    }

    pub(in crate::author) fn with_changes(&self, changes: &[DocumentChange]) -> Result<Self, CannotEdit> {
        let mut changes = changes.to_vec();
        // A document with only `hide` is laid over the built-in policy. One that stood alone before stays so.
        let stands_alone = self.policy.mode() == Mode::Standalone && self.policy.otherwise() != Effect::Allow;
        let is_bare = ["tools", "classes", "hide"].iter().all(|key| self.root.member(key).is_none());
        if stands_alone && is_bare && changes.iter().any(|change| matches!(change, DocumentChange::Hide(_))) {
            changes.insert(0, DocumentChange::no_tools());
        }
        self.with_text(apply_changes(&self.source, &changes)?)
    }

    fn with_text(&self, text: String) -> Result<Self, CannotEdit> {
        let source = Source::new(self.source.name(), self.source.format(), text);
        Self::load_source(source, self.server, Which::Edited)
    }

    pub(in crate::author) fn has_inline_table(&self, table: &str) -> bool {
        let text = |node: &DocumentNode| self.source.text().get(node.span.start..);
        self.root.member(table).and_then(text).is_some_and(|text| text.starts_with('{'))
    }

    pub(super) fn table_members(&self, table: &str) -> &[DocumentMember] {
        self.root.member(table).map(DocumentNode::members).unwrap_or_default()
    }

    /// Returns the tool's own entry and the path to it. Rules for all tools have their own place.
    pub(in crate::author) fn find_entry(&self, tool: &ToolKey) -> (Vec<String>, Option<&DocumentNode>) {
        let tools = self.table_members("tools");
        let listed = if tool.name.matches_all() {
            if let Some(all) = self.root.member("all_tools") {
                return (vec!["all_tools".to_owned()], Some(all));
            }
            tools.iter().find(|(key, _)| ToolGlob::parse(&key.name).is_ok_and(|name| name.matches_all()))
        } else {
            tools.iter().find(|(key, _)| tool.is_same_key(&key.name))
        };
        match listed {
            Some((key, node)) => (vec!["tools".to_owned(), key.name.clone()], Some(node)),
            None if tool.name.matches_all() => (vec!["all_tools".to_owned()], None),
            None => (vec!["tools".to_owned(), tool.key.clone()], None),
        }
    }

    /// Returns the entry that decides a tool without one of its own: the most specific glob's, else its class's.
    pub(super) fn governing_entry(&self, tool: &ToolKey) -> Option<&DocumentNode> {
        let name = tool.exact_name()?;
        let specificity = |key: &DocumentKey| ToolGlob::parse(&key.name).ok()?.specificity(name);
        let globs = self.table_members("tools").iter().filter_map(|(key, node)| Some((specificity(key)?, node)));
        let by_glob = globs.max_by_key(|(specificity, _)| *specificity).map(|(_, node)| node);
        by_glob.or_else(|| self.root.member("classes")?.member(self.policy.class_of(name).as_str()))
    }

    /// Returns the items of `hide` that mean the tool, last first, so that removing one does not shift the others.
    pub(in crate::author) fn hidden_at(&self, tool: &ToolKey) -> Vec<usize> {
        let items = self.root.member("hide").map(DocumentNode::items).unwrap_or_default().iter().enumerate().rev();
        let meant = items.filter(|(_, item)| item.as_text().is_some_and(|text| tool.is_same_key(text)));
        meant.map(|(at, _)| at).collect()
    }

    /// Returns the keys in `tools` that a glob covers, and the items in `hide`, last first. Its own are not among them.
    pub(super) fn find_within(&self, glob: &ToolKey) -> (Vec<ToolKey>, Vec<usize>) {
        let within = |text: &str| {
            let key = ToolKey::parse(text).ok()?;
            // A `*` of a narrower glob is text that a `*` matches.
            let is_within = glob.name.matches(key.exact_name().unwrap_or(text));
            (is_within && !glob.is_same_key(text)).then_some(key)
        };
        let keys = self.table_members("tools").iter().filter_map(|(key, _)| within(&key.name)).collect();
        let items = self.root.member("hide").map(DocumentNode::items).unwrap_or_default().iter().enumerate().rev();
        let hidden = items.filter(|(_, item)| item.as_text().and_then(within).is_some()).map(|(at, _)| at).collect();
        (keys, hidden)
    }

    pub(super) fn is_patch(&self) -> bool {
        self.policy.mode() == Mode::Patch && self.policy.otherwise() != Effect::Allow
    }

    /// Writes the rules of the built-in policy into a document that only hides.
    pub(super) fn make_standalone(&self) -> Result<Self, CannotEdit> {
        // With no entry beside tool calls, the built-in rules have to go on as well.
        if self.root.member("beside_tools").is_some() {
            return self.write_builtin_rules();
        }
        let (key, word) = text_member("beside_tools", BesideTools::Builtin.as_str());
        self.with_changes(&[DocumentChange::Set(vec![key.name], word)])?.write_builtin_rules()
    }

    fn write_builtin_rules(&self) -> Result<Self, CannotEdit> {
        let builtin = builtin_document(self.policy.identity());
        // Only rules that apply below this document and are not in it.
        let is_missing = |key: &str| match key {
            "tools" => true,
            "classes" => self.policy.has_class_rules(),
            "all_tools" => self.root.member(key).is_none(),
            _ => false,
        };
        let rules: Vec<_> = builtin.members().iter().filter(|(key, _)| is_missing(&key.name)).cloned().collect();
        if self.source.format() == Format::Toml
            && let Some(text) = append_rules(self.source.text(), &rules, self.policy.identity())
        {
            return self.with_text(text);
        }
        let mut changes: Vec<_> =
            rules.into_iter().map(|(key, node)| DocumentChange::Set(vec![key.name], node)).collect();
        if builtin.member("tools").is_none() {
            changes.push(DocumentChange::no_tools());
        }
        self.with_changes(&changes)
    }
}

/// Appends these rules of the built-in policy to the text of a TOML document, including their comments.
fn append_rules(text: &str, rules: &[DocumentMember], server: &Server) -> Option<String> {
    let mut document: DocumentMut = builtin_text(server).parse().ok()?;
    document.retain(|key, _| !HEAD.contains(&key) && rules.iter().any(|(own, _)| own.name == key));
    if document.iter().any(|(_, item)| item.is_value()) {
        return None;
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if text.ends_with('\n') || text.is_empty() { "" } else { end };
    let rules = format!(
        "\n# These rules of policylayer's built-in policy for {} make this file stand alone.\n{document}",
        BuiltinTitle::of(server).subject()
    );
    Some(format!("{text}{gap}{}", rules.replace('\n', end)))
}
