//! One change to a document, and how it is applied to the text, whatever the format.

use super::{CannotEdit, json, toml, yaml};
use crate::policy::tree::{DocumentKey, DocumentNode};
use crate::policy::{Format, Source};

#[derive(Clone, Debug)]
pub(crate) enum DocumentChange {
    /// Sets the value of the key at the end of this path. Missing tables on the way are created.
    Set(Vec<String>, DocumentNode),
    Remove(Vec<String>),
    Hide(String),
    Show(usize),
    /// Adds an item at the end of the list at this path, which has items.
    Append(Vec<String>, DocumentNode),
    /// Removes one of several items of the list at this path.
    Take(Vec<String>, usize),
}

/// The keys at the head of a document. A new `hide` goes after them.
pub(super) const HEAD: [&str; 9] =
    ["$schema", "version", "description", "catalogue", "lock", "default", "unlisted", "beside_tools", "trust_hints"];

/// Whether a new key goes after the head of the document, and not to its end.
pub(super) fn goes_after_head(key: &str) -> bool {
    key == "hide" || HEAD.contains(&key)
}

impl DocumentChange {
    /// Makes sure that the document has a `tools` table, if only an empty one.
    pub(super) fn no_tools() -> Self {
        Self::Set(vec!["tools".to_owned()], DocumentNode::unplaced_table(Vec::new()))
    }
}

pub(super) fn nest_value(path: &[String], node: &DocumentNode) -> DocumentNode {
    path.iter()
        .rev()
        .fold(node.clone(), |value, key| DocumentNode::unplaced_table(vec![(DocumentKey::unplaced(key), value)]))
}

/// Applies the changes to the text in order. What they do not touch stays byte for byte. The result is not validated as
/// a policy.
///
/// # Errors
/// If the text is written in a way that cannot be edited.
pub(super) fn apply_changes(source: &Source, changes: &[DocumentChange]) -> Result<String, CannotEdit> {
    let edit = match source.format() {
        Format::Toml => toml::apply_change,
        Format::Json => json::apply_change,
        Format::Yaml => yaml::apply_change,
    };
    let mut text = source.text().to_owned();
    for change in changes {
        text = match text.contains('\r') {
            true => restore_line_ends(&text, &edit(&text.replace("\r\n", "\n"), source.name(), change)?),
            false => edit(&text, source.name(), change)?,
        };
    }
    Ok(text)
}

/// Restores the line ends of the old text. New lines end as its first line does.
fn restore_line_ends(old: &str, edited: &str) -> String {
    let olds: Vec<&str> = old.split_inclusive('\n').collect();
    let news: Vec<&str> = edited.split_inclusive('\n').collect();
    let same = |(old, new): &(&&str, &&str)| old.trim_end_matches(['\r', '\n']) == new.trim_end_matches(['\r', '\n']);
    let before = olds.iter().zip(&news).take_while(same).count();
    let rest = olds.len().min(news.len()) - before;
    let behind = olds.iter().rev().zip(news.iter().rev()).take(rest).take_while(same).count();
    let default = if olds.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let end_of = |old: &&str| match (old.ends_with("\r\n"), old.ends_with('\n')) {
        (true, _) => "\r\n",
        (_, true) => "\n",
        _ => default,
    };
    let added = std::iter::repeat_n(default, news.len() - before - behind);
    let ends = olds.iter().take(before).map(end_of).chain(added);
    let ends = ends.chain(olds.iter().skip(olds.len() - behind).map(end_of));
    news.iter().zip(ends).flat_map(|(new, end)| new.strip_suffix('\n').map_or([*new, ""], |line| [line, end])).collect()
}

/// Removes the lines from the one at `from` to the one that ends at or after `to`. If they form a paragraph, the
/// comment right above and the blank line below go as well; otherwise a comment above may be about what stays.
pub(super) fn remove_lines(text: &str, from: usize, to: usize) -> String {
    let (mut start, mut end) = (line_start(text, from), line_end(text, to.max(1) - 1));
    let line_behind = text.get(end..line_end(text, end)).unwrap_or_default();
    let is_blank = |line: &str| line.trim().is_empty();
    let line_above = |at: usize| text.get(line_start(text, at - 1)..at).unwrap_or_default();
    if is_blank(line_behind) {
        let mut above = start;
        while above > 0 && line_above(above).trim_start().starts_with('#') {
            above -= line_above(above).len();
        }
        if above == 0 || is_blank(line_above(above)) {
            start = above;
        }
        end += line_behind.len();
    }
    // The last paragraph takes the blank line before it along.
    let is_last = text.get(end..).unwrap_or_default().lines().all(|line| is_blank(line) || line.starts_with('#'));
    if is_last && start > 0 && is_blank(line_above(start)) {
        start -= line_above(start).len();
    }
    [text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default()].concat()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Returns the end of the line at `at`, behind its newline.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|behind| behind.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}
