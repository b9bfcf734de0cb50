//! Merging a pasted document, or a part of one, into a policy.

use super::change::DocumentChange;
use super::plan::{NOBODYS, PolicyEdit, Start, join_path, set_members};
use super::state::{EditState, ToolKey};
use super::{CannotEdit, Edited, Which};
use crate::author::text_member;
use crate::policy::decode::decode;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::document::quoted_key;
use crate::policy::keys::words::list_words;
use crate::policy::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{BuiltinTitle, Format, Section, Server, Source, ToolGlob, report_errors};

/// A pasted document that is valid.
#[derive(Debug)]
#[must_use]
pub struct Pasted {
    root: DocumentNode,
}

impl Pasted {
    /// Reads a document, and guesses its format if none is given. `version` and `default` may be missing: the target
    /// policy keeps its own.
    ///
    /// # Errors
    /// Returns an error if the document has one, or nothing that could be merged.
    pub fn read(name: &str, format: Option<Format>, text: &str) -> Result<Self, CannotEdit> {
        let source = |format| Source::new(name, format, text);
        let guess = || {
            if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
                return Format::Json;
            }
            let mut report = Report::default();
            let is_toml = decode(&source(Format::Toml), &mut report).is_some() && !report.has_errors();
            if is_toml { Format::Toml } else { Format::Yaml }
        };
        let source = source(format.unwrap_or_else(guess));
        let mut report = Report::default();
        let root = decode(&source, &mut report);
        if let Some(root) = &root {
            let mut whole = root.clone();
            if let DocumentValue::Table(members) = &mut whole.value {
                let defaults = [("version", "1"), ("default", "deny")].into_iter();
                let missing = defaults.filter(|(key, _)| root.member(key).is_none());
                members.extend(missing.map(|(key, value)| text_member(key, value)));
            }
            report_errors(&whole, &mut report);
        }
        let Some(root) = root.filter(|_| !report.has_errors()) else {
            let diagnostics = report.into_diagnostics(&source);
            return Err(CannotEdit::Invalid { which: Which::Pasted, document: Box::new(source), diagnostics });
        };
        let merged =
            ["hide", "tools", "classes", "all_tools", "results"].into_iter().chain(Section::ALL.map(Section::as_str));
        let merged: Vec<_> = merged.collect();
        if merged.iter().all(|key| root.member(key).is_none()) {
            return CannotEdit::refuse_edit(format!(
                "{name} has none of {}, so there is nothing to add. Paste a policy, or a part of one, such as \
                 {{\"hide\": [\"delete_*\"]}}.",
                list_words(&merged)
            ));
        }
        Ok(Self { root })
    }
}

/// Merges a pasted document into a policy. `hide` lists are joined. A pasted entry replaces the whole existing entry,
/// and a pasted key of `all_tools` or `results` replaces the existing key; a note says so. `version`, `description`, `default`,
/// `unlisted`, `beside_tools`, `trust_hints` and `lock` of the policy stay.
///
/// # Errors
/// Returns an error if the policy cannot be edited.
pub fn merge_pasted(
    source: Option<&Source>,
    name: &str,
    server: &Server,
    pasted: &Pasted,
) -> Result<Edited, CannotEdit> {
    let members = |table| pasted.root.member(table).map(DocumentNode::members).unwrap_or_default();
    let needs_entries = pasted.root.member("classes").is_some() || is_listed(members("tools"));
    let start = if is_whole_patch(pasted, server) && !needs_entries { Start::Patch } else { Start::Whole };
    let mut edit = PolicyEdit::begin(source, name, server, start)?;
    let (mut notes, mut replaced) = (describe_kept(&edit.before, pasted), Vec::new());
    let hidden = pasted.root.member("hide").map(DocumentNode::items).unwrap_or_default();
    let hidden: Vec<&str> = hidden.iter().filter_map(DocumentNode::as_text).collect();
    let [tools, classes, all] = ["tools", "classes", "all_tools"].map(members);
    let names = hidden.iter().copied().chain(tools.iter().map(|(key, _)| key.name.as_str()));
    let named: Vec<ToolKey> = names.map(ToolKey::parse).collect::<Result<_, _>>()?;

    if edit.now.is_patch() && needs_entries {
        edit.now = edit.now.make_standalone()?;
    }
    for (key, node) in tools {
        let tool = ToolKey::parse(&key.name)?;
        if tool.name.matches_all() {
            merge_all_tools(&mut edit, &tool, node.members(), &mut replaced)?;
            continue;
        }
        // The pasted entry wins, even over a name in `hide`.
        if !hidden.iter().any(|item| tool.is_same_key(item)) {
            let shown: Vec<_> = edit.now.hidden_at(&tool).into_iter().map(DocumentChange::Show).collect();
            edit.make_changes(&shown)?;
        }
        let (path, own) = edit.now.find_entry(&tool);
        if !own.is_some_and(|own| own.is_same_value(node)) {
            replace_values(&mut edit, &[DocumentChange::Set(path, node.clone())], &mut replaced)?;
        }
    }
    for (key, pasted) in [("classes", classes), ("results", members("results"))] {
        let changes = set_members(&[key.to_owned()], edit.now.root.member(key), pasted);
        replace_values(&mut edit, &changes, &mut replaced)?;
    }
    if !all.is_empty() {
        merge_all_tools(&mut edit, &ToolKey::parse("*")?, all, &mut replaced)?;
    }
    for item in &hidden {
        if edit.now.hidden_at(&ToolKey::parse(item)?).is_empty() {
            edit.make_changes(&[DocumentChange::Hide((*item).to_owned())])?;
        }
    }
    let mut entries = Vec::new();
    for section in Section::ALL {
        merge_section(&mut edit, section, members(section.as_str()), &mut entries, &mut replaced)?;
    }
    // Without a file, what is replaced is of the built-in policy, and nobody wrote it.
    if source.is_some() {
        notes.extend(replaced);
    }
    let is_patch = source.is_none() && start == Start::Patch;
    if is_patch {
        notes.push(format!(
            "Tools that {} does not know are hidden, as the pasted `default` says.",
            BuiltinTitle::of(server)
        ));
    }
    let is_about_all = !classes.is_empty() || !all.is_empty() || named.iter().any(|tool| tool.name.matches_all());
    let is_default = |name: &str| is_patch && name == NOBODYS;
    edit.finish(
        |name| is_about_all || is_default(name) || named.iter().any(|tool| tool.name.matches(name)),
        &entries,
        notes,
    )
}

/// Returns a note for each pasted key that does not replace the policy's own.
fn describe_kept(before: &EditState<'_>, pasted: &Pasted) -> Vec<String> {
    // Each with what holds if it is missing.
    let keys = [
        ("default", ""),
        ("unlisted", "hide"),
        ("beside_tools", before.policy.beside_tools().as_str()),
        ("lock", "hide"),
    ];
    let known = before.policy.catalogue().map_or("", |known| known.server);
    let catalogue = pasted.root.member("catalogue").and_then(DocumentNode::as_text).filter(|theirs| *theirs != known);
    let catalogue = catalogue.map(|theirs| {
        format!(
            "`catalogue` stays as it was: the pasted {} does not say which server this is.",
            quote_for_message(theirs)
        )
    });
    let hints = pasted.root.member("trust_hints").and_then(DocumentNode::as_text);
    let hints = hints.filter(|_| before.policy.trusted_hints().is_none()).map(|theirs| {
        format!(
            "`trust_hints` stays out: the pasted {} would believe the server's own hints.",
            quote_for_message(theirs)
        )
    });
    let describe = |(key, implied): (&str, &str)| {
        let word = |root: &DocumentNode| root.member(key).and_then(DocumentNode::as_text).map(str::to_owned);
        let ours = word(&before.root).unwrap_or_else(|| implied.to_owned());
        let theirs = word(&pasted.root).filter(|theirs| *theirs != ours)?;
        let (ours, theirs) = (quote_for_message(&ours), quote_for_message(&theirs));
        Some(format!("`{key}` stays {ours}: the pasted {theirs} does not replace it."))
    };
    keys.into_iter().filter_map(describe).chain(catalogue).chain(hints).collect()
}

/// Merges the entries of a section. Adds the paths of their rules.
fn merge_section(
    edit: &mut PolicyEdit<'_>,
    section: Section,
    pasted: &[DocumentMember],
    entries: &mut Vec<String>,
    replaced: &mut Vec<String>,
) -> Result<(), CannotEdit> {
    for (key, node) in pasted {
        let own = edit.now.table_members(section.as_str());
        let own = own.iter().find(|(own, _)| section.is_same_key(&own.name, &key.name));
        let name = own.map_or(&key.name, |(own, _)| &own.name).clone();
        entries.push(section.rule_path(&name));
        if !own.is_some_and(|(_, own)| own.is_same_value(node)) {
            let path = vec![section.as_str().to_owned(), name];
            replace_values(edit, &[DocumentChange::Set(path, node.clone())], replaced)?;
        }
    }
    Ok(())
}

/// Makes changes, and notes what they replace of the document that is edited.
fn replace_values(
    edit: &mut PolicyEdit<'_>,
    changes: &[DocumentChange],
    replaced: &mut Vec<String>,
) -> Result<(), CannotEdit> {
    for change in changes {
        let DocumentChange::Set(path, _) = change else { continue };
        let old = path.iter().try_fold(&edit.before.root, |node, key| node.member(key));
        if let (Some(_), Some((table, keys))) = (old, path.split_first()) {
            let keys: String = keys.iter().map(|key| format!(".{}", quoted_key(key))).collect();
            replaced.push(format!("`{table}{keys}` was there already: what is pasted replaces it."));
        }
    }
    edit.make_changes(changes)
}

/// Whether a pasted document is one that is laid over the built-in policy, as it is. Of a server without a catalogue, such
/// a document would leave no tool.
fn is_whole_patch(pasted: &Pasted, server: &Server) -> bool {
    let hides = pasted.root.member("hide").is_some_and(|hide| !hide.items().is_empty());
    let denies = pasted.root.member("default").and_then(DocumentNode::as_text) == Some("deny");
    hides && denies && server.catalogue().is_some()
}

fn is_listed(tools: &[DocumentMember]) -> bool {
    tools.iter().any(|(key, _)| !ToolGlob::parse(&key.name).is_ok_and(|name| name.matches_all()))
}

fn merge_all_tools(
    edit: &mut PolicyEdit<'_>,
    all: &ToolKey,
    members: &[DocumentMember],
    replaced: &mut Vec<String>,
) -> Result<(), CannotEdit> {
    let (path, own) = edit.now.find_entry(all);
    let has = |key: &str| own.is_some_and(|own| own.member(key).is_some());
    // `reason` and `on_deny` are two names of one key, so having both would be a contradiction.
    let twins = [("reason", "on_deny"), ("on_deny", "reason")].into_iter();
    let twins = twins.filter(|(key, twin)| has(twin) && members.iter().any(|(own, _)| own.name == *key));
    let gone = twins.map(|(_, twin)| DocumentChange::Remove(join_path(&path, twin)));
    let changes: Vec<_> = gone.chain(set_members(&path, own, members)).collect();
    replace_values(edit, &changes, replaced)
}
