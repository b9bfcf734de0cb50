//! Reads the document from the tree: each part with its place, and everything that is wrong with it.

use std::sync::Arc;

use serde_json::json;

use super::decision::Effect;
use super::diagnostic::{Report, escape_invisible, quote_for_message};
use super::entry::{ALL_TOOLS, EntryKeys, Rule};
use super::glob::{BadToolGlob, NamePattern};
use super::group_keys::{GroupKeys, GroupedCondition};
use super::keys::kinds::{Located, read_members};
use super::keys::words::{Words as _, list_words, nearest_word, words};
use super::keys::{Family, FromDocument, ReadTable as _, TableSpec, ValueKind, read_text, table, table_kind};
use super::limit_keys::LimitKeys;
use super::lock_terms::LockMode;
use super::results::{PolicyResults, ResultKeys, ResultRules};
use super::section::{Section, SectionMembers};
use super::server::ServerName;
use super::source::Span;
use super::tree::{DocumentMember, DocumentNode, DocumentValue};
use crate::limits::MAX_CONDITIONS;
use crate::risk::{Catalogue, Class};

pub(super) const POLICY: Family = Family {
    tables: || {
        const {
            &[
                DocumentKeys::SPEC,
                EntryKeys::SPEC,
                LimitKeys::SPEC,
                GroupKeys::SPEC,
                GroupedCondition::SPEC,
                ResultKeys::SPEC,
            ]
        }
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
    /// What happens to a tool that is not listed.
    required "default" => default: Located<Otherwise>,
    /// How `default = "deny"` refuses: `"hide"` (also meant without the key) takes unlisted tools out of tools/list,
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
    /// Resources and templates of resources, by URI or glob. Listed means allowed, unless the entry says otherwise.
    "resources" => resources: SectionMembers,
    /// Prompts, by name or glob.
    "prompts" => prompts: SectionMembers,
    /// What the server asks of the client: `sampling`, `elicitation`, `roots`, or a method or glob.
    "requests" => requests: SectionMembers,
    /// Methods of the client that the protocol does not know, by name or glob.
    "methods" => methods: SectionMembers,
    /// What happens to everything that the server answers: what is taken out of texts, how long they may be, and what is
    /// withheld.
    "results" => results: PolicyResults,
    /// What holds for resources, prompts, requests and methods without an entry: `"default"`, or `"builtin"` for the
    /// built-in rules. Without the key, it is `"builtin"` in a document that is laid over the built-in policy.
    "beside_tools" => beside_tools: BesideTools,
    /// Which of the server's own hints are believed: `"read_only"` lets a tool with `readOnlyHint: true` count as a read, unless
    /// its name or its arguments say that it does more. Without the key, no hint makes a tool more harmless.
    "trust_hints" => trust_hints: Located<TrustedHints>,
    /// What happens to what the server lists differently from its lock: `"hide"` (also meant without the key), `"ask"`,
    /// `"warn"`, `"off"`, or `"required"`, which is `"hide"` and starts no session without a lock.
    "lock" => lock: Located<LockMode>,
    /// The known server that this is, if its command does not show it: its catalogue and its built-in policy are in force.
    "catalogue" => catalogue: KnownServer,
    /// The schema, for editors.
    "$schema" => _schema: String,
}

words! {
    /// What an unlisted tool gets.
    pub(crate) enum Otherwise("Default");
    /// Tools that are not listed are allowed, including those that the server adds later.
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

words! {
    /// What holds beside tool calls where no entry says otherwise.
    pub enum BesideTools("BesideTools");
    /// What `default` says: all of it passes, or none.
    "default" => Default,
    /// The built-in rules: listed resources, prompts and requests of the server pass; for other resources and unknown
    /// methods, a person is asked.
    "builtin" => Builtin,
}

words! {
    /// Which hints of the server are believed.
    pub enum TrustedHints("TrustedHints");
    /// That a tool only reads.
    "read_only" => ReadOnly,
}

/// A policy document with its entries compiled. A field is `None` if its key is absent or was reported as wrong.
#[derive(Debug, Default)]
pub(super) struct PolicyDocument {
    pub(super) default: Option<Located<Otherwise>>,
    pub(super) unlisted: Option<Located<Unlisted>>,
    pub(super) hide: Option<Vec<PolicyEntry<ToolName>>>,
    pub(super) all_tools: Option<PolicyEntry<()>>,
    pub(super) classes: Option<Vec<PolicyEntry<Class>>>,
    pub(super) tools: Option<Vec<PolicyEntry<ToolName>>>,
    pub(super) sections: Vec<(Section, Vec<PolicyEntry<ToolName>>)>,
    pub(super) results: Option<Arc<ResultRules>>,
    pub(super) beside_tools: Option<BesideTools>,
    pub(super) trust_hints: Option<Located<TrustedHints>>,
    pub(super) lock: Option<Located<LockMode>>,
    pub(super) catalogue: Option<&'static Catalogue>,
}

/// The name of a known server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownServer(&'static Catalogue);

impl FromDocument for KnownServer {
    fn value_kind() -> ValueKind {
        ValueKind::new(
            "the name of a known server",
            "KnownServer",
            |_| json!({ "enum": Catalogue::all().iter().map(|known| &known.server).collect::<Vec<_>>() }),
        )
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        read_text(node, what, report, |text| {
            let known = || Catalogue::all().iter().map(|known| known.server);
            Catalogue::for_server(text).map(Self).ok_or_else(|| {
                let message = format!("no known server is called {}", quote_for_message(text));
                match nearest_word(text, known()) {
                    Some(word) => ("bad-value", message, format!("did you mean \"{word}\"?")),
                    None => ("bad-value", message, format!("known are {}", list_words(&known().collect::<Vec<_>>()))),
                }
            })
        })
    }
}

impl PolicyDocument {
    /// Returns the span of the key of the entry that is, or holds, the rule with this path.
    pub(super) fn find_rule(&self, path: &str) -> Option<Span> {
        let of_tools = |entries: &Option<Vec<PolicyEntry<ToolName>>>| {
            let entries = entries.iter().flatten();
            entries.map(|entry| (entry.rule.path.clone(), entry.span.clone())).collect::<Vec<_>>()
        };
        let mut known = [of_tools(&self.hide), of_tools(&self.tools)].concat();
        known.extend(self.classes.iter().flatten().map(|entry| (entry.rule.path.clone(), entry.span.clone())));
        known.extend(self.all_tools.iter().map(|entry| (entry.rule.path.clone(), entry.span.clone())));
        let sections = self.sections.iter().flat_map(|(_, entries)| entries);
        known.extend(sections.map(|entry| (entry.rule.path.clone(), entry.span.clone())));
        known.extend(self.default.iter().map(|default| ("default".to_owned(), default.span.clone())));
        known.extend(self.unlisted.iter().map(|unlisted| ("unlisted".to_owned(), unlisted.span.clone())));
        let holds =
            |entry: &str| path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        let found = known.into_iter().filter(|(entry, _)| holds(entry));
        found.max_by_key(|(entry, _)| entry.len()).map(|(_, span)| span)
    }
}

#[derive(Debug)]
pub(super) struct PolicyEntry<K> {
    /// The span of the key.
    pub(super) span: Span,
    pub(super) key: K,
    /// The risk class that it gives to its tools.
    pub(super) class: Option<Class>,
    /// Whether the entry only moves its tools to another class.
    pub(super) only_classifies: bool,
    pub(super) rule: Arc<Rule>,
}

/// The server that a document is for, and what the paths of its rules begin with.
#[derive(Clone, Copy)]
pub(super) struct Origin<'o> {
    pub(super) server: &'o ServerName,
    pub(super) prefix: &'static str,
}

impl Origin<'_> {
    pub(super) fn compile<K>(
        self,
        (span, path, key): (Span, &str, K),
        keys: EntryKeys,
        report: &mut Report,
    ) -> PolicyEntry<K> {
        let class = keys.class;
        let only_classifies = keys.table.written.len() == 1 && class.is_some();
        let rule = keys.compile(self.server, [self.prefix, path].concat(), report);
        PolicyEntry { span, key, class, only_classifies, rule: Arc::new(rule) }
    }

    fn hide(self, index: usize, Located { span, value }: Located<ToolName>) -> PolicyEntry<ToolName> {
        let rule = Rule::without_checks(Effect::Hide, format!("{}hide[{index}]", self.prefix), None);
        PolicyEntry { span, key: value, class: None, only_classifies: false, rule: Arc::new(rule) }
    }
}

/// Formats a key for a path: bare if TOML accepts it bare, else quoted.
pub(crate) fn quoted_key(key: &str) -> String {
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return key.to_owned();
    }
    format!("\"{}\"", escape_invisible(&key.replace('\\', "\\\\").replace('"', "\\\"")))
}

pub(super) fn read_document(root: &DocumentNode, origin: Origin<'_>, report: &mut Report) -> PolicyDocument {
    let Some(keys) = DocumentKeys::read(root, DocumentKeys::SPEC.of, report) else { return PolicyDocument::default() };
    let span = keys.table.span_of("all_tools").cloned();
    let mut all_tools: Vec<_> =
        span.zip(keys.all_tools).map(|(span, all)| (span, "all_tools".to_owned(), all.0)).into_iter().collect();
    let hide = keys.hide.map(|hide| {
        let hidden = hide.into_iter().enumerate().map(|(index, item)| origin.hide(index, item));
        hidden.collect()
    });
    let classes = keys.classes.map(|classes| {
        let entries = classes.0.into_iter().map(|(span, class, keys)| {
            origin.compile((span, &format!("classes.{}", class.as_str()), class), keys, report)
        });
        entries.collect()
    });
    let tools = keys.tools.map(|tools| {
        let mut entries = Vec::with_capacity(tools.0.len());
        for (span, tool, keys) in tools.0 {
            let path = ["tools.", &quoted_key(&tool.text)].concat();
            if tool.pattern.matches_all() {
                all_tools.push((span, path, keys));
            } else {
                entries.push(origin.compile((span, &path, tool), keys, report));
            }
        }
        entries
    });
    all_tools.sort_by_key(|(span, ..)| span.start);
    let mut all_tools = all_tools.into_iter().map(|(span, path, keys)| origin.compile((span, &path, ()), keys, report));
    let first = all_tools.next();
    let others: Vec<_> = all_tools.collect();
    for other in others {
        let message = "`all_tools` and `tools.\"*\"` are the same thing, and both are here";
        report.push_error("conflicting-keys", &other.span, message, "merge them");
    }
    let sections = [
        (Section::Resources, keys.resources),
        (Section::Prompts, keys.prompts),
        (Section::Requests, keys.requests),
        (Section::Methods, keys.methods),
    ];
    let sections = sections
        .into_iter()
        .filter_map(|(section, members)| Some((section, members?.compile(section, origin, report))));
    let sections = sections.collect();
    let results = keys.results.map(|results| results.compile(origin, report));
    let (default, unlisted) = (keys.default, keys.unlisted);
    let (all_tools, beside_tools, trust_hints) = (first, keys.beside_tools, keys.trust_hints);
    let (lock, catalogue) = (keys.lock, keys.catalogue.map(|known| known.0));
    let document = PolicyDocument {
        default,
        unlisted,
        hide,
        all_tools,
        classes,
        tools,
        sections,
        results,
        beside_tools,
        trust_hints,
        lock,
        catalogue,
    };
    document.report_too_many_conditions(report);
    document
}

impl PolicyDocument {
    fn report_too_many_conditions(&self, report: &mut Report) {
        let all = self.all_tools.iter().map(|entry| (&entry.span, &entry.rule));
        let classes = self.classes.iter().flatten().map(|entry| (&entry.span, &entry.rule));
        let tools = self.tools.iter().flatten().map(|entry| (&entry.span, &entry.rule));
        let sections = self.sections.iter().flat_map(|(_, entries)| entries).map(|entry| (&entry.span, &entry.rule));
        let mut conditions = self.results.as_ref().map_or(0, |results| results.count_conditions());
        for (span, rule) in all.chain(classes).chain(tools).chain(sections) {
            conditions += rule.conditions().count();
            conditions += rule.results.as_ref().map_or(0, |results| results.count_conditions());
            if conditions > MAX_CONDITIONS {
                let message = format!("the policy has more than {MAX_CONDITIONS} conditions");
                return report.push_error("too-many-conditions", span, message, "use `in` for several values");
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct AllToolsKeys(EntryKeys);

table_kind!(AllToolsKeys, ALL_TOOLS, |read| Self(read));

/// The entries, each with the span of its key.
#[derive(Clone, Debug)]
pub(crate) struct ToolMembers(Vec<(Span, ToolName, EntryKeys)>);

#[derive(Clone, Debug)]
pub(crate) struct ClassMembers(Vec<(Span, Class, EntryKeys)>);

impl FromDocument for ToolMembers {
    fn value_kind() -> ValueKind {
        ValueKind::new("a table with one entry per tool", "Tools", |definitions| {
            let all = definitions.describe_use(AllToolsKeys::value_kind(), "The same as `all_tools`.");
            let others = definitions.schema(EntryKeys::value_kind());
            json!({ "type": "object", "properties": { "*": all }, "additionalProperties": others })
        })
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "write a table whose keys are the names of tools: an empty entry, {}, allows its tool";
        let members = read_members(node, [what, &Self::value_kind().kind, hint], report)?;
        let entry = |(key, value): &DocumentMember| {
            let tool = ToolName::parse(&key.name, &key.span, report);
            let is_star = tool.as_ref().is_some_and(|tool| tool.pattern.matches_all());
            let spec = if is_star { ALL_TOOLS } else { EntryKeys::SPEC };
            let what = ["the entry ", &quote_for_message(&key.name)].concat();
            let keys = EntryKeys::read_as(&spec, value, &what, report);
            Some((key.span.clone(), tool?, keys?))
        };
        // An entry is large, and a vector that grows would be copied again and again.
        let mut entries = Vec::with_capacity(members.len());
        entries.extend(members.iter().filter_map(entry));
        Some(Self(entries))
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
        let hint = "such as { read = { action = \"allow\" } }";
        let members = read_members(node, [what, &Self::value_kind().kind, hint], report)?;
        let entry = |(key, value): &DocumentMember| {
            let class = Class::ALL.into_iter().find(|class| class.as_str() == key.name);
            if class.is_none() {
                let words = Class::ALL.map(Class::as_str);
                let hint = match nearest_word(&key.name, words.into_iter()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("the classes are {}", list_words(&words)),
                };
                let message = format!("there is no class {}", quote_for_message(&key.name));
                report.push_error("unknown-key", &key.span, message, hint);
            }
            let keys = EntryKeys::read(value, &format!("the entry {}", quote_for_message(&key.name)), report);
            Some((key.span.clone(), class?, keys?))
        };
        Some(Self(members.iter().filter_map(entry).collect()))
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

impl ToolName {
    fn parse(text: &str, span: &Span, report: &mut Report) -> Option<Self> {
        let report_bad = |BadToolGlob { message, hint }| {
            let message = format!("{} is not a tool name or glob: {message}", quote_for_message(text));
            report.push_error("bad-glob", span, message, hint);
        };
        let pattern = NamePattern::parse(text).map_err(report_bad).ok()?;
        Some(Self { text: text.to_owned(), pattern })
    }
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
        let text = String::read(node, what, report)?;
        Self::parse(&text, &node.span, report)
    }
}
