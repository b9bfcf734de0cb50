//! The three decoders. Each gives the same tree for the same document, so nothing after them knows the format.

mod json;
mod toml;
mod yaml;

use super::diagnostic::{Diagnostic, Report, visible};
use super::source::{Format, Source, Span};
use super::tree::{DocumentNode, DocumentValue, report_duplicates};
use crate::limits::MAX_POLICY_DEPTH;

/// Decodes a document and reports what is wrong with its syntax, and every key that is written twice.
/// `None` if there is no tree to read further.
pub(crate) fn decode(source: &Source, report: &mut Report) -> Option<DocumentNode> {
    let root = match source.format() {
        Format::Toml => toml::decode(source.text(), report),
        Format::Json => json::decode(source.text(), report),
        Format::Yaml => yaml::decode(source.text(), report),
    }?;
    report_duplicates(&root, report);
    Some(root)
}

/// Converts a TOML table that the caller has parsed; `None` if it nests deeper than [`MAX_POLICY_DEPTH`].
pub(crate) fn toml_table(table: &::toml::de::DeTable<'_>) -> Option<DocumentValue> {
    toml::table(table, 1, &mut Report::default())
}

/// The error for text that is not a document of its format.
fn syntax(span: Span, format: &str, message: &str) -> Diagnostic {
    Diagnostic::error("syntax", span, format!("this is not {format}: {}", visible(message)))
}

/// The error for a document that nests too deeply to be a policy.
fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("too-deep", span, format!("lists and tables nest deeper than {MAX_POLICY_DEPTH} here"))
        .hint("no key nests so deeply")
}
