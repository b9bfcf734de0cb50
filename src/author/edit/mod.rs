//! Editing a policy: an order becomes changes at single places of the text, and everything else stays byte for byte.
//! The result is loaded and checked before the caller gets it.
//!
//! ```text
//! order ─ plan ─▶ changes ─ apply ─▶ text ─ load ─▶ policy: is it what was asked for, and nothing else?
//! ```

mod add;
pub(super) mod change;
mod json;
mod matches;
mod plan;
mod rules;
pub(super) mod state;
mod toml;
mod yaml;

pub use self::add::{Pasted, merge_pasted};
pub use self::plan::{EditAction, Order, carry_out_order};
pub(crate) use self::rules::{
    EntryRules, RuleEdit, RuleList, RulePlace, RuleReader, WrittenRule, carry_out_rule_edit, read_otherwise,
};

use self::change::{DocumentChange, nest_value};
use super::render;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::keys::FromDocument;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::window::WindowLength;
use crate::policy::{BuiltinTitle, Diagnostic, Format, Policy, Server, Source, builtin_text, limit_keys};
use crate::visible::escape_invisible;

/// An edited policy. It loads, and decides as ordered.
#[derive(Debug)]
#[must_use]
pub struct Edited {
    /// The new content of the file.
    pub source: Source,
    /// The policy that the new content loads as.
    pub policy: Policy,
    /// The linter's warnings.
    pub warnings: Vec<Diagnostic>,
    /// Whether anything differs from before.
    pub is_changed: bool,
    /// What else a person should know, each in a sentence or two.
    pub notes: Vec<String>,
}

/// Which document is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The document to edit.
    Present,
    /// The document to merge into it.
    Pasted,
    /// The document that the edit would produce.
    Edited,
}

/// Why a policy was not edited.
#[derive(Debug, thiserror::Error)]
pub enum CannotEdit {
    /// The order cannot be carried out. The message says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// A document has errors.
    #[error("{}", describe_invalid(*.which, .document.name()))]
    Invalid {
        /// Which one.
        which: Which,
        /// The document.
        document: Box<Source>,
        /// Its errors and warnings.
        diagnostics: Vec<Diagnostic>,
    },
}

fn describe_invalid(which: Which, name: &str) -> String {
    match which {
        Which::Present => format!("The policy {name} is invalid, so it was not edited. Fix it first."),
        Which::Pasted => format!("{name} is not a valid policy, so nothing was written. Fix it first."),
        Which::Edited => {
            format!(
                "With this change, the policy {name} would be invalid, so nothing was written. Its errors would be:"
            )
        }
    }
}

impl CannotEdit {
    fn refuse_edit<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Refused(why.into()))
    }

    /// Reports that the document is written in a way that cannot be edited, and what to do by hand.
    fn unsupported_shape(name: &str, change: &DocumentChange) -> Self {
        let by_hand = match change {
            DocumentChange::Set(path, node) => describe_addition(path, node),
            DocumentChange::Append(path, node) => {
                describe_addition(path, &DocumentNode::unplaced(DocumentValue::Array(vec![node.clone()])))
            }
            DocumentChange::Take(path, at) => {
                format!("Remove item {} from {} by hand.", at + 1, quote_for_message(&path.join(".")))
            }
            DocumentChange::Remove(path) => format!("Remove {} by hand.", quote_for_message(&path.join("."))),
            DocumentChange::Hide(item) => format!("Add {} to the list `hide` by hand.", quote_for_message(item)),
            DocumentChange::Show(at) => format!("Remove item {} from the list `hide` by hand.", at + 1),
        };
        Self::Refused(format!(
            "{name} is written in a style that policylayer cannot edit: in brackets over several lines, or all on one line. \
             Nothing was written. {by_hand}"
        ))
    }
}

fn describe_addition(path: &[String], node: &DocumentNode) -> String {
    let text = render::yaml_members(nest_value(path, node).members(), 0);
    let shown = text.lines().map(escape_invisible).collect::<Vec<_>>().join("\n");
    format!("Add this by hand (shown as YAML):\n\n{shown}")
}

/// Returns the text to edit if a server has no policy file yet: its built-in policy, with the head of a file.
pub fn write_out_builtin(server: &Server) -> String {
    let text = builtin_text(server);
    // The first paragraphs say that the policy is built in, and how to get a file of it.
    let head = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.len() + 1).sum();
    let (head, rest) = text.split_at_checked(head).unwrap_or(("", &text));
    let kept = head.split("\n#\n").skip_while(|paragraph| !paragraph.contains("uilt into policylayer")).skip(1);
    let kept: String = kept.map(|paragraph| format!("#\n{}\n", paragraph.trim_end())).collect();
    format!(
        "# What the agent may do with the MCP server {server}.\n#\n# It began as policylayer's built-in policy for {}, and \
         replaces it.\n{kept}{rest}",
        BuiltinTitle::of(server).subject()
    )
}

/// Returns a rate, such as `10/minute`, as policies write it: `10/min` and `10/m` mean the same.
///
/// # Errors
/// Returns what is wrong with it, and what to write instead.
pub fn read_rate(text: &str) -> Result<String, String> {
    const UNITS: [(&str, &[&str]); 4] = [
        ("second", &["s", "sec", "secs", "seconds"]),
        ("minute", &["m", "min", "mins", "minutes"]),
        ("hour", &["h", "hr", "hrs", "hours"]),
        ("day", &["d", "days"]),
    ];
    let short = text.trim().split_once('/').and_then(|(max, unit)| {
        let unit = unit.trim().to_ascii_lowercase();
        let (word, _) = UNITS.into_iter().find(|(word, short)| *word == unit || short.contains(&unit.as_str()))?;
        Some(format!("{}/{word}", max.trim()))
    });
    let text = short.unwrap_or_else(|| text.to_owned());
    check_text::<limit_keys::RateAsWritten>(&text).map(|()| text)
}

/// Returns a length of time, such as `10m`, as policies write it. A number without a unit is seconds.
///
/// # Errors
/// Returns what is wrong with it, and what to write instead.
pub fn read_length(text: &str) -> Result<String, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = if is_number { format!("{text}s") } else { text.to_owned() };
    check_text::<WindowLength>(&text).map(|()| text)
}

fn check_text<T: FromDocument>(text: &str) -> Result<(), String> {
    let mut report = Report::default();
    if T::read(&DocumentNode::unplaced_string(text), "", &mut report).is_some() {
        return Ok(());
    }
    let first = report.into_diagnostics(&Source::new("", Format::Json, "")).into_iter().next();
    Err(first.map(|first| format!("{}; {}", first.message, first.hint.unwrap_or_default())).unwrap_or_default())
}
