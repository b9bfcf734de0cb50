//! From the tree to the document: what a policy says, each part with its place, and everything that is wrong with it.

use super::decision::Effect;
use super::diagnostic::{Diagnostic, Report, quote, visible};
use super::entry::{self, Body, Of};
use super::glob::Name;
use super::keys::{DOCUMENT, list, nearest};
use super::source::Span;
use super::tree::{DocumentKey, DocumentNode, DocumentValue};
use crate::limits::MAX_CONDITIONS;
use crate::risk::Class;

/// A policy document as written. What is `None` is absent or was reported as wrong.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) default: Option<Located<Otherwise>>,
    pub(super) unlisted: Option<Located<Unlisted>>,
    pub(super) hide: Option<Vec<Hidden>>,
    /// What applies to every tool.
    pub(super) all_tools: Option<AllTools>,
    pub(super) classes: Option<Vec<ClassEntry>>,
    pub(super) tools: Option<Vec<Entry>>,
}

/// The rules for all tools.
#[derive(Debug)]
pub(super) struct AllTools {
    /// Of the key.
    pub(super) span: Span,
    /// The path in the document, as it was written.
    pub(super) path: String,
    pub(super) body: Body,
}

/// One entry under `classes`.
#[derive(Debug)]
pub(super) struct ClassEntry {
    /// Of the key.
    pub(super) span: Span,
    pub(super) class: Class,
    pub(super) body: Body,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) span: Span,
    pub(crate) value: T,
}

/// What an unlisted tool gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise {
    Allow,
    Deny,
}

/// How `default = "deny"` refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlisted {
    Hide,
    Deny,
}

/// One item of `hide`.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) span: Span,
    /// As written.
    pub(super) text: String,
    pub(super) name: Name,
    /// Where it stands in the list, from 0.
    pub(super) index: usize,
}

/// One entry under `tools`.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of the key.
    pub(super) span: Span,
    /// The key as written.
    pub(super) text: String,
    pub(super) name: Name,
    pub(super) body: Body,
}

impl Hidden {
    /// The path of the rule in the document.
    pub(super) fn path(&self) -> String {
        format!("hide[{}]", self.index)
    }
}

impl Entry {
    /// What the entry's action says; being listed means allowed.
    pub(super) fn effect(&self) -> Effect {
        self.body.action.unwrap_or(Effect::Allow)
    }

    /// The path of the rule in the document, its key bare where TOML would take it bare, else quoted.
    pub(super) fn path(&self) -> String {
        format!("tools.{}", quoted(&self.text))
    }
}

/// A key as a path has it: bare where TOML would take it bare, else quoted.
fn quoted(key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return key.to_owned();
    }
    format!("\"{}\"", visible(&key.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Reads a document out of a tree, reporting everything that is wrong with it at once.
pub(super) fn read(root: &DocumentNode, report: &mut Report) -> Document {
    let mut document = Document::default();
    let DocumentValue::Table(pairs) = &root.value else {
        let message = format!("a policy is a table of keys, and this is {}", root.kind());
        report.push(Diagnostic::error("wrong-type", root.span.clone(), message).hint(MINIMAL));
        return document;
    };
    for (key, value) in pairs {
        match key.name.as_str() {
            "version" => version(value, report),
            "default" => {
                document.default =
                    choice(value, "default", &[("allow", Otherwise::Allow), ("deny", Otherwise::Deny)], report);
            }
            "unlisted" => {
                document.unlisted =
                    choice(value, "unlisted", &[("hide", Unlisted::Hide), ("deny", Unlisted::Deny)], report);
            }
            "hide" => document.hide = hide(value, report),
            "all_tools" => everybody(key, "all_tools".to_owned(), value, &mut document.all_tools, report),
            "classes" => document.classes = classes(value, report),
            "tools" => document.tools = tools(value, &mut document.all_tools, report),
            "description" | "$schema" => {
                let _ = string(value, &quote(&key.name), report);
            }
            other => report.push(DOCUMENT.reject(other, key.span.clone())),
        }
    }
    let bodies = document.all_tools.iter().map(|all| (&all.span, &all.body));
    let bodies = bodies.chain(document.classes.iter().flatten().map(|entry| (&entry.span, &entry.body)));
    let bodies = bodies.chain(document.tools.iter().flatten().map(|entry| (&entry.span, &entry.body)));
    let mut conditions = 0;
    for (span, body) in bodies {
        conditions += body.conditions();
        if conditions > MAX_CONDITIONS {
            let message = format!("the policy has more than {MAX_CONDITIONS} conditions");
            report.push(
                Diagnostic::error("too-many-conditions", span.clone(), message).hint("use `in` for several values"),
            );
            break;
        }
    }
    for (name, hint) in [
        ("version", "add the key `version` with \"1\""),
        ("default", "say what a tool gets that is not listed: \"deny\" or \"allow\""),
    ] {
        if !pairs.iter().any(|(key, _)| key.name == name) {
            let message = format!("the policy has no `{name}`");
            report.push(Diagnostic::error("missing-key", root.span.clone(), message).hint(hint));
        }
    }
    document
}

const MINIMAL: &str = "the smallest policy has two keys: `version` with \"1\" and `default` with \"deny\" or \"allow\"";

fn version(node: &DocumentNode, report: &mut Report) {
    match &node.value {
        DocumentValue::String(text) if text == "1" => {}
        DocumentValue::Integer(number) | DocumentValue::Float(number) if number == "1" => report.push(
            Diagnostic::error("bad-version", node.span.clone(), "the version is a string, and this is a number")
                .hint("put it in quotes: \"1\""),
        ),
        DocumentValue::String(text) => report.push(
            Diagnostic::error("bad-version", node.span.clone(), format!("there is no version {}", quote(text)))
                .hint("the only version of the language is \"1\""),
        ),
        _ => {
            let message = format!("the version is the string \"1\", and this is {}", node.kind());
            report.push(
                Diagnostic::error("bad-version", node.span.clone(), message).hint("write \"1\", with the quotes"),
            );
        }
    }
}

fn hide(node: &DocumentNode, report: &mut Report) -> Option<Vec<Hidden>> {
    let DocumentValue::Array(items) = &node.value else {
        report.push(
            wrong_type(node, "`hide`", "a list of tool names").hint("put the names into brackets: [\"delete_*\"]"),
        );
        return None;
    };
    let mut hidden = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if let Some(text) = string(item, "an item of `hide`", report)
            && let Some(name) = name(text, &item.span, report)
        {
            hidden.push(Hidden { span: item.span.clone(), text: text.to_owned(), name, index });
        }
    }
    Some(hidden)
}

fn tools(node: &DocumentNode, all: &mut Option<AllTools>, report: &mut Report) -> Option<Vec<Entry>> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(
            wrong_type(node, "`tools`", "a table with an entry a tool")
                .hint("write {} for a policy that lists no tool"),
        );
        return None;
    };
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let name = name(&key.name, &key.span, report);
        if name.as_ref().is_some_and(Name::matches_all) {
            everybody(key, format!("tools.{}", quoted(&key.name)), value, all, report);
            continue;
        }
        let body = entry::read(&key.name, Of::Some, value, report);
        let (Some(name), Some(body)) = (name, body) else { continue };
        entries.push(Entry { span: key.span.clone(), text: key.name.clone(), name, body });
    }
    Some(entries)
}

/// The rules for all tools, which may be written in one of two places.
fn everybody(key: &DocumentKey, path: String, node: &DocumentNode, all: &mut Option<AllTools>, report: &mut Report) {
    let Some(body) = entry::read("*", Of::All, node, report) else { return };
    if all.is_some() {
        let message = "`all_tools` and `tools.\"*\"` are the same thing, and both are here";
        report.push(Diagnostic::error("conflicting-keys", key.span.clone(), message).hint("join them in one place"));
        return;
    }
    *all = Some(AllTools { span: key.span.clone(), path, body });
}

fn classes(node: &DocumentNode, report: &mut Report) -> Option<Vec<ClassEntry>> {
    let DocumentValue::Table(pairs) = &node.value else {
        report.push(
            wrong_type(node, "`classes`", "a table with an entry a class")
                .hint("such as { read = { action = \"allow\" } }"),
        );
        return None;
    };
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let class = Class::ALL.into_iter().find(|class| class.as_str() == key.name);
        let body = entry::read(&key.name, Of::Some, value, report);
        match (class, body) {
            (Some(class), Some(body)) => entries.push(ClassEntry { span: key.span.clone(), class, body }),
            (Some(_), None) => {}
            (None, _) => {
                let words = Class::ALL.map(Class::as_str);
                let message = format!("there is no class {}", quote(&key.name));
                let error = Diagnostic::error("unknown-key", key.span.clone(), message);
                report.push(match nearest(&key.name, words.into_iter()) {
                    Some(word) => error.hint(format!("did you mean `{word}`?")),
                    None => error.hint(format!("the classes are {}", list(&words))),
                });
            }
        }
    }
    Some(entries)
}

/// A string that is one of a few words.
pub(crate) fn choice<T: Copy>(
    node: &DocumentNode,
    key: &str,
    words: &[(&str, T)],
    report: &mut Report,
) -> Option<Located<T>> {
    let text = string(node, &quote(key), report)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(Located { span: node.span.clone(), value: *value });
    }
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let known = one_of(&quoted);
    let error = Diagnostic::error("bad-value", node.span.clone(), format!("`{key}` is {}, not {}", known, quote(text)));
    report.push(match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(word) => error.hint(format!("did you mean \"{word}\"?")),
        None => error.hint(format!("write {}", known)),
    });
    None
}

pub(crate) fn string<'n>(node: &'n DocumentNode, what: &str, report: &mut Report) -> Option<&'n str> {
    if let DocumentValue::String(text) = &node.value {
        return Some(text);
    }
    report.push(wrong_type(node, what, "a string").hint("put it in quotes"));
    None
}

fn name(text: &str, span: &Span, report: &mut Report) -> Option<Name> {
    match Name::parse(text) {
        Ok(name) => Some(name),
        Err(bad) => {
            let message = format!("{} is no tool name or glob: {}", quote(text), bad.message);
            report.push(Diagnostic::error("bad-glob", span.clone(), message).hint(bad.hint));
            None
        }
    }
}

/// `a`, `b` or `c`.
fn one_of(words: &[String]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

pub(crate) fn wrong_type(node: &DocumentNode, what: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error("wrong-type", node.span.clone(), format!("{what} takes {wanted}, and this is {}", node.kind()))
}
