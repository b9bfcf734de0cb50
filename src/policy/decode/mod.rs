//! The three decoders. All give the same tree for the same document, so no later stage depends on the format.

mod json;
mod toml;
mod yaml;

use super::diagnostic::{Diagnostic, Report, escape_invisible};
use super::source::{Format, Source, Span};
use super::tree::{DocumentNode, DocumentValue, report_duplicates};
use crate::limits::MAX_POLICY_DEPTH;

/// Decodes a document, and reports syntax errors and duplicate keys. `None` if there is no tree to read further.
pub(crate) fn decode(source: &Source, report: &mut Report) -> Option<DocumentNode> {
    let root = match source.format() {
        Format::Toml => toml::decode_toml(source.text(), report),
        Format::Json => json::decode_json(source.text(), report),
        Format::Yaml => yaml::decode_yaml(source.text(), report),
    }?;
    report_duplicates(&root, report);
    Some(root)
}

/// Converts a TOML table that the caller has parsed; `None` if it nests deeper than [`MAX_POLICY_DEPTH`].
pub(crate) fn toml_table(table: &::toml::de::DeTable<'_>) -> Option<DocumentValue> {
    toml::decode_table(table, 1, &mut Report::default())
}

fn syntax_error(span: Span, format: &str, message: &str) -> Diagnostic {
    Diagnostic::error("syntax", span, format!("this is not {format}: {}", escape_invisible(message)))
}

fn too_deep_error(span: Span) -> Diagnostic {
    Diagnostic::error("too-deep", span, format!("lists and tables nest deeper than {MAX_POLICY_DEPTH} here"))
        .with_hint("flatten it: no key needs such depth")
}
