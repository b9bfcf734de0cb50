//! The entries of a section, as a document has them.

use serde_json::json;

use super::Section;
use crate::policy::diagnostic::{Report, quote_for_message};
use crate::policy::document::{Origin, PolicyEntry, ToolName};
use crate::policy::entry::EntryKeys;
use crate::policy::glob::BadToolGlob;
use crate::policy::keys::kinds::read_members;
use crate::policy::keys::{FromDocument, TableSpec, ValueKind, table_kind};
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode};

/// The entries of a section, each with the span of its key.
#[derive(Clone, Debug)]
pub(crate) struct SectionMembers(Vec<(DocumentKey, SectionKeys)>);

impl FromDocument for SectionMembers {
    fn value_kind() -> ValueKind {
        ValueKind::new("a table with one entry per name", "Section", |definitions| {
            let name =
                json!({ "description": "A URI, a name or a method, or a glob.", "type": "string", "minLength": 1 });
            let entry = definitions.schema(SectionKeys::value_kind());
            json!({ "type": "object", "propertyNames": name, "additionalProperties": entry })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "such as { \"file:///srv/reports/**\" = {} }";
        let members = read_members(node, [what, &Self::value_kind().kind, hint], report)?;
        let entry = |(key, value): &DocumentMember| {
            let keys = SectionKeys::read(value, &format!("the entry {}", quote_for_message(&key.name)), report);
            Some((key.clone(), keys?))
        };
        Some(Self(members.iter().filter_map(entry).collect()))
    }
}

#[derive(Clone, Debug)]
struct SectionKeys(EntryKeys);

/// The table of an entry that is not about a tool.
const SECTION_ENTRY: TableSpec = TableSpec {
    definition: "SectionEntry",
    doc: &["What happens to requests with this name."],
    without: &["class", "approval_scope"],
    ..EntryKeys::SPEC
};

table_kind!(SectionKeys, SECTION_ENTRY, |read| Self(read));

impl SectionMembers {
    pub(in crate::policy) fn compile(
        self,
        section: Section,
        origin: Origin<'_>,
        report: &mut Report,
    ) -> Vec<PolicyEntry<ToolName>> {
        let mut entries = Vec::with_capacity(self.0.len());
        for (DocumentKey { name: text, span }, SectionKeys(keys)) in self.0 {
            let pattern = match section.parse_key(&text) {
                Ok(pattern) => pattern,
                Err(BadToolGlob { message, hint }) => {
                    let message = format!("{} is not {}: {message}", quote_for_message(&text), section.noun());
                    report.push_error("bad-glob", &span, message, hint);
                    continue;
                }
            };
            let path = section.rule_path(&text);
            let entry = origin.compile((span, &path, ToolName { text, pattern }), keys, report);
            if section == Section::Requests && entry.rule.may_ask() {
                let message = "a request from the server cannot ask for approval";
                let hint = "write \"allow\" or \"deny\": the client itself asks a person about what a server requests";
                report.push_error("bad-value", &entry.span, message, hint);
            }
            if section == Section::Requests && entry.rule.results.is_some() {
                let message = "the server does not answer its own requests";
                let hint =
                    "put `results` at the top of the policy, or into an entry of `tools`, `resources` or `prompts`";
                report.push_error("bad-value", &entry.span, message, hint);
            }
            entries.push(entry);
        }
        entries
    }
}
