//! The keys of documents, each declared once.
//!
//! [`table!`] declares a table with its keys, and [`words!`] the words that a key accepts. From these declarations come
//! the typed values that the rest of the program reads, the errors for unknown, missing and conflicting keys, the JSON
//! Schema, the keys that the editor knows, and the tables of keys in docs/policy.md. A new key needs one line in its
//! table, and its doc comment. A value of a new kind implements [`FromDocument`].

pub(super) mod docs;
pub(crate) mod kinds;
pub(crate) mod words;

use serde_json::{Map, Value, json};

use super::decision::Effect;
use super::diagnostic::{Diagnostic, Report, quote_for_message};
use super::source::Span;
use super::tree::{DocumentKey, DocumentNode, DocumentValue};
use words::{list_words, nearest_word};

/// A value in a document: how it is read, and how it is described.
pub(crate) trait FromDocument: Sized {
    fn value_kind() -> ValueKind;

    /// Reads a value. Reports everything that is wrong with it, calls it `what`, and returns `None` if it is unusable.
    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self>;
}

pub(crate) struct ValueKind {
    /// What one is called, with an article, such as `a string`.
    pub(crate) kind: String,
    /// The plural, for lists.
    pub(crate) many: &'static str,
    /// What messages call an item of a list; empty for "an item of" the list.
    pub(crate) item: &'static str,
    /// An example in TOML.
    pub(crate) example: &'static str,
    /// If an empty list of these is wrong: the error and its hint.
    pub(crate) empty: Option<(&'static str, &'static str)>,
    /// The name in the JSON Schema; empty if the schema is inlined.
    pub(crate) definition: &'static str,
    pub(crate) schema: MakeSchema,
}

type MakeSchema = Box<dyn FnOnce(&mut Definitions) -> Value>;

impl ValueKind {
    pub(crate) fn new(
        kind: impl Into<String>,
        definition: &'static str,
        schema: impl FnOnce(&mut Definitions) -> Value + 'static,
    ) -> Self {
        let schema: MakeSchema = Box::new(schema);
        Self { kind: kind.into(), many: "values", item: "", example: "", empty: None, definition, schema }
    }

    /// A kind of value in config.toml, which has no schema.
    pub(crate) fn without_schema(kind: impl Into<String>) -> Self {
        Self::new(kind, "", |_| json!({}))
    }
}

pub(crate) struct TableSpec {
    /// What messages call one, with an article.
    pub(crate) of: &'static str,
    /// The plural, for messages.
    pub(crate) many: &'static str,
    /// The name in the JSON Schema.
    pub(crate) definition: &'static str,
    /// An example in TOML.
    pub(crate) example: &'static str,
    /// Where a key of this table belongs if it is in another one; empty for "it belongs to" the table.
    pub(crate) place: &'static str,
    /// If an empty list of these tables is wrong: the error and its hint.
    pub(crate) empty: Option<(&'static str, &'static str)>,
    pub(crate) family: Family,
    /// The lines of the doc comment.
    pub(crate) doc: &'static [&'static str],
    /// Declared keys that this table does not accept.
    pub(crate) without: &'static [&'static str],
    pub(crate) keys: &'static [KeySpec],
}

pub(crate) struct KeySpec {
    pub(crate) name: &'static str,
    /// Other names for the same key.
    pub(crate) aliases: &'static [&'static str],
    /// `required` if the key must be present, `expected` if the reader of the table reports its absence.
    pub(crate) required: &'static [&'static str],
    /// The value without the key, in TOML.
    pub(crate) default: &'static [&'static str],
    /// The lines of the doc comment.
    pub(crate) doc: &'static [&'static str],
    pub(crate) value_kind: fn() -> ValueKind,
}

#[derive(Clone, Copy)]
pub(crate) struct Family {
    /// The tables that a key in the wrong table can belong to, in the order of the search.
    pub(crate) tables: fn() -> Vec<&'static TableSpec>,
    /// Keys that no table accepts, each with what to write instead.
    pub(crate) reserved: &'static [(&'static str, &'static str)],
}

/// The place of a table, and which of its keys are present.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRead {
    pub(crate) span: Span,
    /// The keys that are present and that the table accepts, in the order of the document, under their first names.
    pub(crate) written: Vec<(&'static str, Span)>,
    pub(crate) errors: usize,
}

impl TableRead {
    /// Whether the key is present, even if its value is wrong.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.span_of(key).is_some()
    }

    pub(crate) fn span_of(&self, key: &str) -> Option<&Span> {
        self.written.iter().find(|(name, _)| *name == key).map(|(_, span)| span)
    }
}

impl TableSpec {
    /// The defaults for the fields of a table.
    pub(crate) const EMPTY: Self = Self {
        of: "",
        many: "",
        definition: "",
        example: "",
        place: "",
        empty: None,
        family: Family { tables: Vec::new, reserved: &[] },
        doc: &[],
        without: &[],
        keys: &[],
    };

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static KeySpec> {
        self.keys.iter().filter(|key| !self.without.contains(&key.name))
    }

    /// The names of the keys that the table accepts, aliases included.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys().flat_map(|key| std::iter::once(key.name).chain(key.aliases.iter().copied()))
    }

    /// Returns the members whose keys the table accepts, each with the key's first name. Reports all other keys, two
    /// names for one key, and missing keys; a value that is not a table has no members.
    pub(crate) fn members<'n>(
        &self,
        node: &'n DocumentNode,
        what: &str,
        report: &mut Report,
    ) -> Option<Vec<(&'static str, &'n DocumentKey, &'n DocumentNode)>> {
        if !matches!(node.value, DocumentValue::Table(_)) {
            // What a person wants who writes one word is not what an empty table says.
            let hint = match node.as_text().filter(|word| self.takes_action(word)) {
                Some(word) => format!("write a table in which the key `action` is \"{word}\""),
                None => format!("such as {}", self.example),
            };
            report.push(wrong_type(node, what, "a table").with_hint(hint));
            return None;
        }
        let mut members = Vec::new();
        let mut names: Vec<(&str, &str)> = Vec::new();
        for (key, value) in node.members() {
            let Some(spec) = self.keys().find(|spec| spec.name == key.name || spec.aliases.contains(&&*key.name))
            else {
                report.push(self.unknown_key(&key.name, key.span.clone()));
                continue;
            };
            if let Some((_, earlier)) = names.iter().find(|(first, name)| *first == spec.name && *name != key.name) {
                let message =
                    format!("{} and {} are the same key", quote_for_message(earlier), quote_for_message(&key.name));
                report.push_error("conflicting-keys", &key.span, message, "keep one of the two");
            }
            names.push((spec.name, &key.name));
            members.push((spec.name, key, value));
        }
        let is_missing =
            |key: &&KeySpec| key.required == ["required"] && !names.iter().any(|(name, _)| *name == key.name);
        for key in self.keys().filter(is_missing) {
            let of = self.of.split_once(' ').map_or(self.of, |(_, noun)| noun);
            report.push_error(
                "missing-key",
                &node.span,
                format!("the {of} has no `{}`", key.name),
                self.describe_minimum(),
            );
        }
        Some(members)
    }

    fn takes_action(&self, word: &str) -> bool {
        let is_entry = matches!(self.definition, "Entry" | "SectionEntry");
        is_entry && Effect::ALL.iter().any(|effect| effect.as_str() == word)
    }

    fn describe_minimum(&self) -> String {
        let required: Vec<_> = self.keys().filter(|key| !key.required.is_empty()).map(|key| key.name).collect();
        format!("{} has {}, such as {}", self.of, list_words(&required), self.example)
    }

    fn unknown_key(&self, key: &str, span: Span) -> Diagnostic {
        let error =
            Diagnostic::error("unknown-key", span, format!("{} has no key {}", self.of, quote_for_message(key)));
        if let Some((_, hint)) = self.family.reserved.iter().find(|(reserved, _)| *reserved == key) {
            return error.with_hint(*hint);
        }
        if let Some(other) = (self.family.tables)().into_iter().find(|table| table.names().any(|name| name == key)) {
            return error.with_hint(match other.place {
                "" => format!("it belongs to {}", other.of),
                place => place.to_owned(),
            });
        }
        error.with_hint(match nearest_word(key, self.names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("its keys are {}", list_words(&self.names().collect::<Vec<_>>())),
        })
    }

    pub(crate) fn schema(&self, definitions: &mut Definitions) -> Value {
        let mut properties = Map::new();
        for key in self.keys() {
            let mut schema = definitions.schema((key.value_kind)());
            schema["description"] = key.full_description().into();
            for alias in key.aliases {
                let mut schema = schema.clone();
                schema["description"] = format!("The same as `{}`.", key.name).into();
                properties.insert((*alias).to_owned(), schema);
            }
            properties.insert(key.name.to_owned(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !self.doc.is_empty() {
            schema["description"] = join_lines(self.doc).into();
        }
        let required: Vec<_> = self.keys().filter(|key| !key.required.is_empty()).map(|key| key.name).collect();
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }
}

impl KeySpec {
    fn full_description(&self) -> String {
        let doc = join_lines(self.doc);
        self.default.first().map_or(doc.clone(), |default| format!("{doc} Default: {default}."))
    }
}

fn join_lines(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// The `$defs` of a JSON Schema.
#[derive(Default)]
pub(crate) struct Definitions(pub(crate) Map<String, Value>);

impl Definitions {
    /// Returns the schema of a kind, or a reference to it if it has a name.
    pub(crate) fn schema(&mut self, kind: ValueKind) -> Value {
        if kind.definition.is_empty() {
            return (kind.schema)(self);
        }
        if !self.0.contains_key(kind.definition) {
            let schema = (kind.schema)(self);
            self.0.insert(kind.definition.to_owned(), schema);
        }
        json!({ "$ref": format!("#/$defs/{}", kind.definition) })
    }

    pub(crate) fn describe_use(&mut self, kind: ValueKind, description: &str) -> Value {
        let mut schema = self.schema(kind);
        schema["description"] = description.into();
        schema
    }
}

pub(crate) fn wrong_type(node: &DocumentNode, what: &str, wanted: &str) -> Diagnostic {
    let message = format!("{what} takes {wanted}, and this is {}", node.kind_name());
    Diagnostic::error("wrong-type", node.span.clone(), message)
}

pub(crate) trait ReadTable: Sized {
    /// Reads the keys that `spec` accepts; `None` if the value is not a table.
    fn read_as(spec: &TableSpec, node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self>;
}

/// Reads a string and parses it; `parse` returns the code, the message and the hint of an error.
pub(crate) fn read_text<T, M: Into<String>, H: Into<String>>(
    node: &DocumentNode,
    what: &str,
    report: &mut Report,
    parse: impl FnOnce(&str) -> Result<T, (&'static str, M, H)>,
) -> Option<T> {
    let Some(text) = node.as_text() else {
        report.push(wrong_type(node, what, "a string").with_hint("put it in quotes"));
        return None;
    };
    parse(text).map_err(|(code, message, hint)| report.push_error(code, &node.span, message, hint)).ok()
}

/// Declares a table of a document: a struct with an `Option` for each key, which is `None` if the key is absent or was
/// reported as wrong, its [`TableSpec`] as `SPEC`, and how it is read.
///
/// ```text
/// table! {
///     /// What one window lets through.
///     pub(super) LimitKeys = TableSpec { of: "a limit", ..TableSpec::EMPTY };
///     /// How much a window lets through.
///     required "max" => max: Amount,
///     /// Which calls are counted together.
///     "scope" => scope: Scope = "session",
///     /// The reason that the agent gets.
///     "reason" | "on_deny" => reason: String,
/// }
/// ```
macro_rules! table {
    (
        $(#[doc = $doc:literal])* $vis:vis $Name:ident = $spec:expr;
        $(
            $(#[doc = $key_doc:literal])*
            $($required:ident)? $key:literal $(| $alias:literal)* => $field:ident: $Kind:ty $(= $default:expr)?,
        )*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default)]
        $vis struct $Name {
            $vis table: $crate::policy::keys::TableRead,
            $($(#[doc = $key_doc])* $vis $field: Option<$Kind>,)*
        }

        impl $Name {
            /// The table and its keys.
            $vis const SPEC: $crate::policy::keys::TableSpec = $crate::policy::keys::TableSpec {
                doc: &[$($doc),*],
                keys: &[$($crate::policy::keys::KeySpec {
                    name: $key,
                    aliases: &[$($alias),*],
                    required: &[$(stringify!($required))?],
                    default: &[$(stringify!($default))?],
                    doc: &[$($key_doc),*],
                    value_kind: <$Kind as $crate::policy::keys::FromDocument>::value_kind,
                }),*],
                ..$spec
            };

        }

        impl $crate::policy::keys::ReadTable for $Name {
            fn read_as(
                spec: &$crate::policy::keys::TableSpec,
                node: &$crate::policy::tree::DocumentNode,
                what: &str,
                report: &mut $crate::policy::diagnostic::Report,
            ) -> Option<Self> {
                let before = report.count_errors();
                let mut read = Self::default();
                read.table.span = node.span.clone();
                for (name, key, value) in spec.members(node, what, report)? {
                    read.table.written.push((name, key.span.clone()));
                    let what = $crate::policy::diagnostic::quote_for_message(&key.name);
                    match name {
                        $($key => read.$field = <$Kind as $crate::policy::keys::FromDocument>::read(value, &what, report),)*
                        _ => {}
                    }
                }
                $($(if !read.table.has($key) {
                    let default = $crate::policy::keys::kinds::default_node(stringify!($default));
                    read.$field = <$Kind as $crate::policy::keys::FromDocument>::read(&default, $key, report);
                })?)*
                read.table.errors = report.count_errors() - before;
                Some(read)
            }
        }

        $crate::policy::keys::table_kind!($Name, Self::SPEC, |read| read);
    };
}

/// Implements [`FromDocument`] for a table: how `$Name` is made from the keys that a [`TableSpec`] accepts.
macro_rules! table_kind {
    ($Name:ident, $spec:expr, |$read:ident| $make:expr) => {
        impl $crate::policy::keys::FromDocument for $Name {
            fn value_kind() -> $crate::policy::keys::ValueKind {
                $crate::policy::keys::ValueKind {
                    many: $spec.many,
                    item: $spec.of,
                    example: $spec.example,
                    empty: $spec.empty,
                    ..$crate::policy::keys::ValueKind::new($spec.of, $spec.definition, |definitions| {
                        $spec.schema(definitions)
                    })
                }
            }

            fn read(
                node: &$crate::policy::tree::DocumentNode,
                what: &str,
                report: &mut $crate::policy::diagnostic::Report,
            ) -> Option<Self> {
                let $read = $crate::policy::keys::ReadTable::read_as(&$spec, node, what, report)?;
                Some($make)
            }
        }
    };
}

pub(crate) use {table, table_kind};
