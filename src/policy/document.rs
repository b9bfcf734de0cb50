//! From the tree to the document: what a policy says, each part with its place, and everything that is wrong with it.

use super::decision::Effect;
use super::diagnostic::{Diagnostic, Report, quote, visible};
use super::glob::Name;
use super::keys::{DOCUMENT, ENTRY, nearest, not_enforced};
use super::source::Span;
use super::tree::{Key, Node, Value};

/// A policy document as written. What is `None` is absent or was reported as wrong.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) default: Option<Located<Otherwise>>,
    pub(super) unlisted: Option<Located<Unlisted>>,
    pub(super) hide: Option<Vec<Hidden>>,
    pub(super) tools: Option<Vec<Entry>>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) span: Span,
    pub(super) value: T,
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
    pub(super) effect: Effect,
    pub(super) reason: Option<String>,
}

impl Hidden {
    /// The path of the rule in the document.
    pub(super) fn path(&self) -> String {
        format!("hide[{}]", self.index)
    }
}

impl Entry {
    /// The path of the rule in the document, its key bare where TOML would take it bare, else quoted.
    pub(super) fn path(&self) -> String {
        let key = &self.text;
        if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return format!("tools.{key}");
        }
        format!("tools.\"{}\"", visible(&key.replace('\\', "\\\\").replace('"', "\\\"")))
    }
}

/// Reads a document out of a tree, reporting everything that is wrong with it at once.
pub(super) fn read(root: &Node, report: &mut Report) -> Document {
    let mut document = Document::default();
    let Value::Table(pairs) = &root.value else {
        let message = format!("a policy is a table of keys, and this is {}", root.value.kind());
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
            "tools" => document.tools = tools(value, report),
            "description" | "$schema" => {
                let _ = string(value, &quote(&key.name), report);
            }
            other => report.push(DOCUMENT.reject(other, key.span.clone())),
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

fn version(node: &Node, report: &mut Report) {
    match &node.value {
        Value::String(text) if text == "1" => {}
        Value::Integer(number) | Value::Float(number) if number == "1" => report.push(
            Diagnostic::error("bad-version", node.span.clone(), "the version is a string, and this is a number")
                .hint("put it in quotes: \"1\""),
        ),
        Value::String(text) => report.push(
            Diagnostic::error("bad-version", node.span.clone(), format!("there is no version {}", quote(text)))
                .hint("the only version of the language is \"1\""),
        ),
        other => {
            let message = format!("the version is the string \"1\", and this is {}", other.kind());
            report.push(
                Diagnostic::error("bad-version", node.span.clone(), message).hint("write \"1\", with the quotes"),
            );
        }
    }
}

fn hide(node: &Node, report: &mut Report) -> Option<Vec<Hidden>> {
    let Value::Array(items) = &node.value else {
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

fn tools(node: &Node, report: &mut Report) -> Option<Vec<Entry>> {
    let Value::Table(pairs) = &node.value else {
        report.push(
            wrong_type(node, "`tools`", "a table with an entry a tool")
                .hint("write {} for a policy that lists no tool"),
        );
        return None;
    };
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let name = name(&key.name, &key.span, report);
        let entry = entry(key, value, report);
        let (Some(name), Some((effect, reason))) = (name, entry) else { continue };
        if name.matches_all() {
            report
                .push(not_enforced("rules for all tools (`tools.\"*\"` is the same as `all_tools`)", key.span.clone()));
            continue;
        }
        entries.push(Entry { span: key.span.clone(), text: key.name.clone(), name, effect, reason });
    }
    Some(entries)
}

/// Reads one entry. An entry without `action` allows: being listed means that.
fn entry(key: &Key, node: &Node, report: &mut Report) -> Option<(Effect, Option<String>)> {
    let Value::Table(pairs) = &node.value else {
        let what = format!("the entry {}", quote(&key.name));
        report.push(wrong_type(node, &what, "a table").hint("write {} for a tool that is just allowed"));
        return None;
    };
    let (mut effect, mut reason) = (Effect::Allow, None);
    let mut reason_key: Option<&str> = None;
    for (key, value) in pairs {
        match key.name.as_str() {
            "action" => effect = action(value, report).unwrap_or(effect),
            word @ ("reason" | "on_deny") => {
                if reason_key.is_some_and(|earlier| earlier != word) {
                    report.push(
                        Diagnostic::error(
                            "conflicting-keys",
                            key.span.clone(),
                            "`reason` and `on_deny` are the same word",
                        )
                        .hint("keep one of the two"),
                    );
                }
                reason_key = Some(word);
                reason = string(value, &quote(word), report).map(str::to_owned);
            }
            other => report.push(ENTRY.reject(other, key.span.clone())),
        }
    }
    Some((effect, reason))
}

fn action(node: &Node, report: &mut Report) -> Option<Effect> {
    const ACTIONS: [(&str, Effect); 4] = [
        ("allow", Effect::Allow),
        ("deny", Effect::Deny),
        ("hide", Effect::Hide),
        ("require_approval", Effect::RequireApproval),
    ];
    choice(node, "action", &ACTIONS, report).map(|action| action.value)
}

/// A string that is one of a few words.
fn choice<T: Copy>(node: &Node, key: &str, words: &[(&str, T)], report: &mut Report) -> Option<Located<T>> {
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

fn string<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n str> {
    if let Value::String(text) = &node.value {
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

fn wrong_type(node: &Node, what: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error(
        "wrong-type",
        node.span.clone(),
        format!("{what} takes {wanted}, and this is {}", node.value.kind()),
    )
}
