//! Reads the document from the tree: each part with its place, and everything that is wrong with it.

use serde_json::json;

use super::decision::Effect;
use super::diagnostic::{Report, escape_invisible, quote_for_message};
use super::entry::{ALL_TOOLS, EntryBody, EntryKeys};
use super::glob::NamePattern;
use super::group_keys::{GroupKeys, GroupedCondition};
use super::keys::kinds::{Located, read_members};
use super::keys::words::{Words as _, list_words, nearest_word, words};
use super::keys::{Family, FromDocument, TableSpec, ValueKind, read_text, table, table_kind};
use super::limit_keys::LimitKeys;
use super::source::Span;
use super::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::limits::MAX_CONDITIONS;
use crate::risk::Class;

pub(super) const POLICY: Family = Family {
    tables: || {
        const { &[DocumentKeys::SPEC, EntryKeys::SPEC, LimitKeys::SPEC, GroupKeys::SPEC, GroupedCondition::SPEC] }
            .iter()
            .collect()
    },
    reserved: &[("when", "`when` is reserved: write conditions under `deny_if`, `require` or `approve_if`")],
};

table! {
    /// What an agent may do with the tools of an MCP server.
    pub(crate) DocumentKeys = TableSpec {
        of: "a policy",
        many: "policies",
        definition: "Document",
        example: "{ version = \"1\", default = \"deny\" }",
        place: "it belongs to a policy: put it at its top, outside `tools`",
        family: POLICY,
        ..TableSpec::EMPTY
    };
    /// The version of the language: always `"1"`, in quotes.
    required "version" => _version: Version,
    /// For people. It decides nothing.
    "description" => _description: String,
    /// What a tool gets that is not listed.
    required "default" => default: Located<Otherwise>,
    /// How `default = "deny"` refuses: `"hide"` (which is meant without the key) takes unlisted tools out of tools/list,
    /// `"deny"` leaves them visible.
    "unlisted" => unlisted: Located<Unlisted>,
    /// Tools that are taken out of tools/list and refused, as names or globs (`*`, `?`, `[a-z]`, `{a,b}`). A document with
    /// `hide` and neither `tools` nor `classes` is laid over the built-in policy.
    "hide" => hide: Vec<Located<ToolName>>,
    /// What applies to every tool, on top of its own rule. It can only restrict.
    "all_tools" => all_tools: AllToolsKeys,
    /// Rules by risk class, for tools with no entry of their own.
    "classes" => classes: ClassMembers,
    /// The tools that are listed, by name or glob. Listed means allowed, unless the entry says otherwise.
    "tools" => tools: ToolMembers,
    /// The schema, for editors.
    "$schema" => _schema: String,
}

words! {
    /// What an unlisted tool gets.
    pub(crate) enum Otherwise("Default");
    /// Tools that are not listed are allowed, also those that the server gains later.
    "allow" => Allow,
    /// Tools that are not listed are refused.
    "deny" => Deny,
}

words! {
    /// How `default = "deny"` refuses.
    pub(crate) enum Unlisted("Unlisted");
    /// Not in tools/list, and refused.
    "hide" => Hide,
    /// In tools/list, and refused.
    "deny" => Deny,
}

/// A policy document as written. A field is `None` if its key is absent or was reported as wrong.
#[derive(Debug, Default)]
pub(super) struct PolicyDocument {
    pub(super) default: Option<Located<Otherwise>>,
    pub(super) unlisted: Option<Located<Unlisted>>,
    pub(super) hide: Option<Vec<HiddenTool>>,
    pub(super) all_tools: Option<AllTools>,
    pub(super) classes: Option<Vec<ClassEntry>>,
    pub(super) tools: Option<Vec<ToolEntry>>,
}

#[derive(Debug)]
pub(super) struct AllTools {
    /// The span of the key.
    pub(super) span: Span,
    /// The path in the document as it is written: `all_tools`, or that of `tools."*"`.
    pub(super) path: String,
    pub(super) body: EntryBody,
}

#[derive(Debug)]
pub(super) struct ClassEntry {
    /// The span of the key.
    pub(super) span: Span,
    pub(super) class: Class,
    pub(super) body: EntryBody,
}

#[derive(Debug)]
pub(super) struct HiddenTool {
    pub(super) span: Span,
    pub(super) tool: ToolName,
    pub(super) path: String,
}

#[derive(Debug)]
pub(super) struct ToolEntry {
    /// The span of the key.
    pub(super) span: Span,
    pub(super) tool: ToolName,
    pub(super) body: EntryBody,
}

impl ToolEntry {
    /// The effect of the entry's action. A listed tool is allowed if the entry has none.
    pub(super) fn entry_effect(&self) -> Effect {
        self.body.action.unwrap_or(Effect::Allow)
    }

    pub(super) fn rule_path(&self) -> String {
        format!("tools.{}", quoted_key(&self.tool.text))
    }
}

/// Formats a key for a path: bare if TOML accepts it bare, else quoted.
fn quoted_key(key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return key.to_owned();
    }
    format!("\"{}\"", escape_invisible(&key.replace('\\', "\\\\").replace('"', "\\\"")))
}

pub(super) fn read_document(root: &DocumentNode, report: &mut Report) -> PolicyDocument {
    let Some(keys) = DocumentKeys::read(root, DocumentKeys::SPEC.of, report) else { return PolicyDocument::default() };
    let span = keys.table.written.iter().find(|(key, _)| *key == "all_tools").map(|(_, span)| span.clone());
    let all_tools = span.zip(keys.all_tools).map(|(span, all)| (span, "all_tools".to_owned(), all.0));
    let mut document = PolicyDocument { default: keys.default, unlisted: keys.unlisted, ..PolicyDocument::default() };
    document.hide = keys.hide.map(|hide| {
        let hidden = hide.into_iter().enumerate().map(|(index, Located { span, value })| {
            let path = format!("hide[{index}]");
            HiddenTool { span, tool: value, path }
        });
        hidden.collect()
    });
    document.classes = keys.classes.map(|classes| read_classes(&classes.0, report));
    let (tools, stars) = keys.tools.map(|tools| read_tools(&tools.0, report)).unzip();
    document.tools = tools;
    let mut all_tools: Vec<_> = all_tools.into_iter().chain(stars.into_iter().flatten()).collect();
    all_tools.sort_by_key(|(span, ..)| span.start);
    for (span, path, keys) in all_tools {
        let body = EntryBody::new(keys, report);
        if document.all_tools.is_some() {
            let message = "`all_tools` and `tools.\"*\"` are the same thing, and both are here";
            report.push_error("conflicting-keys", &span, message, "join them in one place");
        } else {
            document.all_tools = Some(AllTools { span, path, body });
        }
    }
    document.report_too_many_conditions(report);
    document
}

impl PolicyDocument {
    fn report_too_many_conditions(&self, report: &mut Report) {
        let all = self.all_tools.iter().map(|all| (&all.span, &all.body));
        let classes = self.classes.iter().flatten().map(|entry| (&entry.span, &entry.body));
        let tools = self.tools.iter().flatten().map(|entry| (&entry.span, &entry.body));
        let mut conditions = 0;
        for (span, body) in all.chain(classes).chain(tools) {
            conditions += body.count_conditions();
            if conditions > MAX_CONDITIONS {
                let message = format!("the policy has more than {MAX_CONDITIONS} conditions");
                return report.push_error("too-many-conditions", span, message, "use `in` for several values");
            }
        }
    }
}

/// Rules for all tools: the span of the key, the path, and the keys.
type Star = (Span, String, EntryKeys);

fn read_tools(members: &[DocumentMember], report: &mut Report) -> (Vec<ToolEntry>, Vec<Star>) {
    let (mut entries, mut stars) = (Vec::with_capacity(members.len()), Vec::new());
    for (key, value) in members {
        let name = DocumentNode { span: key.span.clone(), value: DocumentValue::String(key.name.clone()) };
        let tool = ToolName::read(&name, "a tool", report);
        let what = format!("the entry {}", quote_for_message(&key.name));
        if tool.as_ref().is_some_and(|tool| tool.pattern.matches_all()) {
            let keys = AllToolsKeys::read(value, &what, report);
            stars.extend(keys.map(|keys| (key.span.clone(), format!("tools.{}", quoted_key(&key.name)), keys.0)));
            continue;
        }
        let body = EntryKeys::read(value, &what, report).map(|keys| EntryBody::new(keys, report));
        let (Some(tool), Some(body)) = (tool, body) else { continue };
        entries.push(ToolEntry { span: key.span.clone(), tool, body });
    }
    (entries, stars)
}

fn read_classes(members: &[DocumentMember], report: &mut Report) -> Vec<ClassEntry> {
    let mut entries = Vec::with_capacity(members.len());
    for (key, value) in members {
        let class = Class::ALL.into_iter().find(|class| class.as_str() == key.name);
        if class.is_none() {
            let words = Class::ALL.map(Class::as_str);
            let hint = match nearest_word(&key.name, words.into_iter()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("the classes are {}", list_words(&words)),
            };
            report.push_error(
                "unknown-key",
                &key.span,
                format!("there is no class {}", quote_for_message(&key.name)),
                hint,
            );
        }
        let keys = EntryKeys::read(value, &format!("the entry {}", quote_for_message(&key.name)), report);
        let body = keys.map(|keys| EntryBody::new(keys, report));
        let (Some(class), Some(body)) = (class, body) else { continue };
        entries.push(ClassEntry { span: key.span.clone(), class, body });
    }
    entries
}

#[derive(Clone, Debug)]
pub(crate) struct AllToolsKeys(EntryKeys);

table_kind!(AllToolsKeys, ALL_TOOLS, |read| Self(read));

#[derive(Clone, Debug)]
pub(crate) struct ToolMembers(Vec<DocumentMember>);

#[derive(Clone, Debug)]
pub(crate) struct ClassMembers(Vec<DocumentMember>);

impl FromDocument for ToolMembers {
    fn value_kind() -> ValueKind {
        ValueKind::new("a table with one entry per tool", "Tools", |definitions| {
            let all = definitions.describe_use(AllToolsKeys::value_kind(), "The same as `all_tools`.");
            let others = definitions.schema(EntryKeys::value_kind());
            json!({ "type": "object", "properties": { "*": all }, "additionalProperties": others })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_members(node, [what, &Self::value_kind().kind, "write {} for a policy that lists no tool"], report)
            .map(Self)
    }
}

impl FromDocument for ClassMembers {
    fn value_kind() -> ValueKind {
        ValueKind::new("a table with one entry per class", "Classes", |definitions| {
            let entry = |(word, _, doc): &(&str, Class, &[&str])| {
                ((*word).to_owned(), definitions.describe_use(EntryKeys::value_kind(), doc.concat().trim()))
            };
            let properties: serde_json::Map<_, _> = Class::WORDS.iter().map(entry).collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_members(node, [what, &Self::value_kind().kind, "such as { read = { action = \"allow\" } }"], report)
            .map(Self)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Version;

impl FromDocument for Version {
    fn value_kind() -> ValueKind {
        ValueKind::new("`\"1\"`", "Version", |_| json!({ "type": "string", "enum": ["1"] }))
    }

    fn read(node: &DocumentNode, _: &str, report: &mut Report) -> Option<Self> {
        let (message, hint) = match &node.value {
            DocumentValue::String(text) if text == "1" => return Some(Self),
            DocumentValue::String(text) => (
                format!("there is no version {}", quote_for_message(text)),
                "the only version of the language is \"1\"",
            ),
            _ => (
                format!("the version is the string \"1\", and this is {}", node.kind_name()),
                "put it in quotes: \"1\"",
            ),
        };
        report.push_error("bad-version", &node.span, message, hint);
        None
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ToolName {
    pub(super) text: String,
    pub(super) pattern: NamePattern,
}

impl FromDocument for ToolName {
    fn value_kind() -> ValueKind {
        let schema = json!({ "description": "The name of a tool, or a glob.", "type": "string", "minLength": 1 });
        ValueKind {
            many: "tool names",
            example: "\"delete_*\"",
            ..ValueKind::new("a name or glob", "Name", |_| schema)
        }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| match NamePattern::parse(text) {
            Ok(pattern) => Ok(Self { text: text.to_owned(), pattern }),
            Err(bad) => {
                let message = format!("{} is not a tool name or glob: {}", quote_for_message(text), bad.message);
                Err(("bad-glob", message, bad.hint))
            }
        })
    }
}
