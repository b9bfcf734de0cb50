//! A rule as a policy file has it, in any of the three formats.

use std::fmt::Write as _;

use toml_edit::{DocumentMut, InlineTable, Item, Key, Table, Value};

use crate::policy::{Format, Mode, ServerName, ToolGlob, builtin_text};
use crate::risk::{Action, RateScope, Recommended, RecommendedRate};
use crate::visible::visible;

/// A rule for one tool.
#[derive(Debug)]
pub(super) enum Snippet {
    /// Its name in `hide`: for a document that only hides.
    Hide(String),
    /// Its entry under `tools`.
    Entry(String, Table),
}

impl Snippet {
    /// The rule that is recommended: the built-in policy's own entry, where it has one. A tool that is to be hidden is put
    /// into `hide` of a document that only hides. `None` where no key can name the tool so that a person sees what they read.
    pub(super) fn recommended(
        server: &ServerName,
        tool: &str,
        recommended: &Recommended,
        mode: Option<Mode>,
    ) -> Option<Self> {
        let key = ToolGlob::key_for(tool).filter(|key| visible(key) == *key)?;
        if mode == Some(Mode::Patch) && recommended.action == Action::Hide {
            return Some(Self::Hide(key));
        }
        Some(Self::Entry(key, builtin(server, tool).unwrap_or_else(|| entry(recommended))))
    }

    /// Whether it has conditions.
    pub(super) fn looks_at_arguments(&self) -> bool {
        matches!(self, Self::Entry(_, entry) if ["deny_if", "require"].iter().any(|key| entry.contains_key(key)))
    }

    /// The snippet in a format, over several lines, the last of which ends.
    pub(super) fn text(&self, format: Format) -> String {
        match format {
            Format::Toml => self.toml(),
            Format::Json => json(&self.node(), 0) + "\n",
            Format::Yaml => yaml(&self.node(), 0).trim_start_matches('\n').to_owned() + "\n",
        }
    }

    /// The snippet as JSON on one line.
    pub(super) fn compact(&self) -> String {
        flow(&self.node(), Keys::Quoted)
    }

    fn node(&self) -> Node {
        match self {
            Self::Hide(tool) => Node::Map(vec![("hide".to_owned(), Node::List(vec![Node::Plain(quoted(tool))]))]),
            Self::Entry(tool, entry) => {
                let tools = vec![(tool.clone(), of_table(entry))];
                Node::Map(vec![("tools".to_owned(), Node::Map(tools))])
            }
        }
    }

    fn toml(&self) -> String {
        let (key, entry) = match self {
            Self::Hide(key) => return format!("hide = [{}]\n", Value::from(key.as_str())),
            Self::Entry(key, entry) => (key, entry),
        };
        let mut out = format!("[tools.{}]\n", Key::new(key.as_str()));
        for (key, item) in entry {
            // As it is written in the built-in policy, list by list.
            let _ = writeln!(out, "{key} = {}", item.to_string().trim());
        }
        out
    }
}

/// The built-in policy's entry for the tool.
fn builtin(server: &ServerName, tool: &str) -> Option<Table> {
    let document: DocumentMut = builtin_text(server).parse().ok()?;
    document.get("tools")?.as_table()?.get(tool)?.as_table().cloned()
}

fn entry(recommended: &Recommended) -> Table {
    let mut entry = Table::new();
    if recommended.action != Action::Allow {
        entry.insert("action", recommended.action.as_str().into());
    }
    if let Some(rate) = recommended.rate_limit {
        let value = match rate.counted {
            RateScope::Session => rate.to_string().into(),
            RateScope::Server => of_server(rate),
        };
        entry.insert("rate_limit", Item::Value(value));
    }
    entry
}

fn of_server(rate: RecommendedRate) -> Value {
    let mut table = InlineTable::new();
    table.insert("max", i64::from(rate.max).into());
    table.insert("window", rate.window.into());
    table.insert("scope", "server".into());
    table.into()
}

/// A value of any of the formats.
enum Node {
    /// As JSON spells it, and so as YAML does.
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

fn of_table(table: &Table) -> Node {
    Node::Map(table.iter().filter_map(|(key, item)| Some((key.to_owned(), of_value(item.as_value()?)))).collect())
}

fn of_value(value: &Value) -> Node {
    match value {
        Value::String(text) => Node::Plain(quoted(text.value())),
        Value::Array(items) => Node::List(items.iter().map(of_value).collect()),
        Value::InlineTable(table) => {
            Node::Map(table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect())
        }
        Value::Integer(number) => Node::Plain(number.value().to_string()),
        Value::Boolean(boolean) => Node::Plain(boolean.value().to_string()),
        // The built-in policies have none of these.
        Value::Float(_) | Value::Datetime(_) => Node::Plain(quoted(value.to_string().trim())),
    }
}

fn json(node: &Node, depth: usize) -> String {
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match node {
        Node::Plain(text) => text.clone(),
        Node::Map(pairs) if !pairs.is_empty() => {
            let pairs = pairs.iter().map(|(key, value)| format!("{inner}{}: {}", quoted(key), json(value, depth + 1)));
            format!("{{\n{}\n{outer}}}", pairs.collect::<Vec<_>>().join(",\n"))
        }
        // A group of conditions reads best on a line.
        Node::List(items) if items.iter().any(|item| !matches!(item, Node::Plain(_))) => {
            let items = items.iter().map(|item| format!("{inner}{}", flow(item, Keys::Quoted)));
            format!("[\n{}\n{outer}]", items.collect::<Vec<_>>().join(",\n"))
        }
        Node::List(_) | Node::Map(_) => flow(node, Keys::Quoted),
    }
}

fn yaml(node: &Node, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match node {
        Node::Plain(text) => format!(" {text}"),
        Node::Map(pairs) if !pairs.is_empty() => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("\n{indent}{}:{}", Keys::Bare.key(key), yaml(value, depth + 1)));
            pairs.collect()
        }
        Node::List(items) if !items.is_empty() => {
            items.iter().map(|item| format!("\n{indent}- {}", flow(item, Keys::Bare))).collect()
        }
        Node::List(_) | Node::Map(_) => format!(" {}", flow(node, Keys::Bare)),
    }
}

/// Whether keys that need no quotes have them.
#[derive(Clone, Copy)]
enum Keys {
    Quoted,
    Bare,
}

impl Keys {
    fn key(self, key: &str) -> String {
        match self {
            Self::Bare if is_word(key) => key.to_owned(),
            Self::Bare | Self::Quoted => quoted(key),
        }
    }
}

/// A value on one line, which is JSON, or YAML's flow style.
fn flow(node: &Node, keys: Keys) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match node {
        Node::Plain(text) => text.clone(),
        Node::List(items) => format!("[{}]", joined(items.iter().map(|item| flow(item, keys)).collect())),
        Node::Map(pairs) if pairs.is_empty() => "{}".to_owned(),
        Node::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}: {}", keys.key(key), flow(value, keys)));
            format!("{{ {} }}", joined(pairs.collect()))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether YAML takes the key for a text without quotes.
fn is_word(key: &str) -> bool {
    let is_other =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&key.to_ascii_lowercase().as_str());
    !is_other
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{self, Colour, Effect, Source};
    use crate::risk::{Catalogue, Class, Listed, profile, recommend};

    /// The snippet within a document, as somebody would paste it.
    fn document(snippet: &Snippet, format: Format) -> String {
        let text = snippet.text(format);
        match format {
            Format::Toml => format!("version = \"1\"\ndefault = \"deny\"\n{text}"),
            Format::Yaml => format!("version: \"1\"\ndefault: deny\n{text}"),
            Format::Json => {
                let inner = text.trim().strip_prefix('{').unwrap();
                format!("{{\"version\": \"1\", \"default\": \"deny\",{inner}")
            }
        }
    }

    fn loads(snippet: &Snippet, server: &str) -> [policy::Policy; 3] {
        [Format::Toml, Format::Json, Format::Yaml].map(|format| {
            let text = document(snippet, format);
            let source = Source::new("snippet", format, text.as_str());
            let loaded = policy::load(&source, &ServerName::parse(server).unwrap());
            let said = policy::render(&source, &loaded.diagnostics, Colour::Plain);
            loaded.policy.unwrap_or_else(|| panic!("{text}\n{said}"))
        })
    }

    #[test]
    fn each_recommended_rule_loads_in_each_format_and_decides_as_the_built_in_policy() {
        let server = ServerName::parse("iterable").unwrap();
        let builtin = policy::builtin(&server);
        for tool in Catalogue::of("iterable").unwrap().tools().iter().map(|tool| tool.name.as_str()) {
            let recommended = recommend(&profile("iterable", &Listed::named(tool)));
            let snippet = Snippet::recommended(&server, tool, &recommended, None).unwrap();
            for policy in loads(&snippet, "iterable") {
                assert_eq!(policy.decide(tool).effect, builtin.decide(tool).effect, "{tool}");
                assert_eq!(policy.decide(tool).reason, builtin.decide(tool).reason, "{tool}");
                assert_eq!(policy.limits(tool).count(), builtin.limits(tool).count(), "{tool}");
                let looks = builtin.looks_at_arguments(tool);
                assert_eq!((policy.looks_at_arguments(tool), snippet.looks_at_arguments()), (looks, looks), "{tool}");
                for (argument, text) in
                    [("catalogName", ".."), ("identifier", "a/b"), ("email", "a%2fb"), ("itemId", "x")]
                {
                    let arguments = serde_json::json!({ argument: text }).to_string();
                    let effects = [&policy, &builtin].map(|policy| policy.judge(tool, &arguments).decision.effect);
                    assert_eq!(effects[0], effects[1], "{tool} {arguments}");
                }
            }
        }
    }

    #[test]
    fn each_class_of_another_server_has_a_rule_that_loads() {
        let server = ServerName::parse("elsewhere").unwrap();
        let mut known = profile("elsewhere", &Listed::named("get_it"));
        for (class, effect, limits) in [
            (Class::Read, Effect::Allow, 0),
            (Class::Write, Effect::Allow, 1),
            (Class::Execute, Effect::RequireApproval, 0),
            (Class::Destructive, Effect::Hide, 0),
            (Class::Financial, Effect::RequireApproval, 1),
        ] {
            known.class = class;
            let snippet = Snippet::recommended(&server, "do_it", &recommend(&known), None).unwrap();
            for policy in loads(&snippet, "elsewhere") {
                assert_eq!(policy.decide("do_it").effect, effect, "{class:?}");
                assert_eq!(policy.limits("do_it").count(), limits, "{class:?}");
            }
        }
    }

    #[test]
    fn names_that_need_it_are_quoted_and_those_that_cannot_be_read_have_no_snippet() {
        let server = ServerName::parse("elsewhere").unwrap();
        let recommended = recommend(&profile("elsewhere", &Listed::named("x")));
        for name in ["a.b", "a b", "a\"b", "a\\b", "true", "1", "ä", "a*b", "[a", "{a}"] {
            let entry = Snippet::recommended(&server, name, &recommended, None).unwrap();
            let hidden = Snippet::Hide(ToolGlob::key_for(name).unwrap());
            for policy in loads(&entry, "elsewhere") {
                assert!(policy.decide(name).rule.starts_with("tools."), "{name:?}");
            }
            for policy in loads(&hidden, "elsewhere") {
                assert_eq!(policy.decide(name).effect, Effect::Hide, "{name:?}");
            }
        }
        for name in ["a\u{1b}[31m", "a\u{202e}b", "a\u{e0041}b", "a\nb"] {
            assert!(Snippet::recommended(&server, name, &recommended, None).is_none(), "{name:?}");
        }
    }

    #[test]
    fn what_is_to_be_hidden_goes_into_the_list_of_a_document_that_only_hides() {
        let server = ServerName::parse("iterable").unwrap();
        for (tool, expected) in [
            ("delete_list", "hide = [\"delete_list\"]\n"),
            ("create_list", "[tools.create_list]\nrate_limit = \"30/minute\"\n"),
        ] {
            let recommended = recommend(&profile("iterable", &Listed::named(tool)));
            let snippet = Snippet::recommended(&server, tool, &recommended, Some(Mode::Patch)).unwrap();
            assert_eq!(snippet.text(Format::Toml), expected);
        }
    }
}
