//! The attack patterns: how access to tools is abused, what each pattern needs, and which rule stops it.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::catalogue::Catalogue;
use super::catalogue::Severity;
use super::class::Class;
use super::profile::{Knowledge, Profile};

/// A documented attack pattern.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// The name for programs and links.
    pub id: String,
    /// The title.
    pub name: String,
    /// What happens.
    pub account: String,
    /// The access that the attack needs.
    pub needs: String,
    /// Which rule stops it.
    pub stops: String,
    /// The tool in the example of the rule.
    pub example: String,
    /// The rule in TOML: what a policy needs besides `version` and `default`, or a whole policy.
    pub rule: String,
    /// Where it is documented.
    pub source: Reference,
    /// The attack abuses a tool if one of these holds.
    applies: Vec<Applies>,
}

/// A public document.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The title.
    pub name: String,
    /// The address.
    pub url: String,
}

/// The properties of a tool that a pattern abuses; `None` means either.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Applies {
    classes: Option<Vec<Class>>,
    severity: Option<Severity>,
    personal_data: Option<bool>,
    sends: Option<bool>,
    irreversible: Option<bool>,
    known: Option<bool>,
    server: Option<String>,
    names: Option<Vec<String>>,
    routes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attack: Vec<Attack>,
}

impl Attack {
    /// Returns every pattern, in the order of the file.
    pub fn all_patterns() -> &'static [Self] {
        static ATTACKS: OnceLock<Vec<Attack>> = OnceLock::new();
        // The file is part of the program, and a test reads it; if it is unreadable, there are no patterns.
        ATTACKS.get_or_init(|| read_patterns().map(|file| file.attack).unwrap_or_default())
    }

    /// Returns the patterns that abuse what the tool offers.
    pub fn abusing<'t>(
        catalogue: Option<&'static Catalogue>,
        tool: &'t str,
        profile: &'t Profile,
    ) -> impl Iterator<Item = &'static Self> + use<'t> {
        let server = catalogue.map_or("", |known| known.server);
        Self::all_patterns()
            .iter()
            .filter(move |attack| attack.applies.iter().any(|applies| applies.holds_for(server, tool, profile)))
    }
}

fn read_patterns() -> Result<File, serde_json::Error> {
    let document = DeTable::parse(include_str!("../../config/attacks.toml")).map_err(serde::de::Error::custom)?;
    serde_json::from_value(table_to_json(document.get_ref()))
}

fn table_to_json(table: &DeTable<'_>) -> Value {
    Value::Object(table.iter().map(|(key, item)| (key.get_ref().to_string(), value_to_json(item.get_ref()))).collect())
}

/// Converts a value to JSON. The file has no numbers or dates; they become a value that no key accepts.
fn value_to_json(item: &DeValue<'_>) -> Value {
    match item {
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Array(items) => items.iter().map(|item| value_to_json(item.get_ref())).collect(),
        DeValue::Table(items) => table_to_json(items),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Value::Null,
    }
}

impl Applies {
    fn holds_for(&self, server: &str, tool: &str, profile: &Profile) -> bool {
        fn is<T>(asked: Option<&T>, holds: impl FnOnce(&T) -> bool) -> bool {
            asked.is_none_or(holds)
        }
        let name = tool.to_ascii_lowercase();
        is(self.classes.as_ref(), |classes| classes.contains(&profile.class))
            && is(self.severity.as_ref(), |least| profile.severity >= *least)
            && is(self.personal_data.as_ref(), |asked| profile.pii == *asked)
            && is(self.sends.as_ref(), |asked| profile.sends == *asked)
            && is(self.irreversible.as_ref(), |asked| profile.irreversible == *asked)
            && is(self.known.as_ref(), |asked| (profile.source == Knowledge::Catalogue) == *asked)
            && is(self.server.as_ref(), |asked| asked == server)
            && is(self.names.as_ref(), |names| names.iter().any(|pattern| matches_pattern(pattern, &name)))
            && is(self.routes.as_ref(), |routes| {
                profile.route.is_some_and(|route| routes.iter().any(|pattern| matches_pattern(pattern, route)))
            })
    }
}

/// Whether the text matches the pattern, in which `*` is any text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part).and_then(|at| text.get(at + part.len()..)) {
            Some(after) => text = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{self, Colour, Format, Server, ServerName, Source};
    use crate::risk::{Catalogue, Listed, profile_tool};

    fn on(server: &str, tool: &str) -> Vec<&'static str> {
        let profile = profile_tool(Catalogue::for_server(server), &Listed::with_name(tool));
        Attack::abusing(Catalogue::for_server(server), tool, &profile).map(|attack| attack.id.as_str()).collect()
    }

    #[test]
    fn every_pattern_is_whole() {
        let read = read_patterns().unwrap();
        assert_eq!(read.attack.len(), Attack::all_patterns().len());
        assert!((12..=16).contains(&Attack::all_patterns().len()), "{}", Attack::all_patterns().len());
        let catalogue = Catalogue::for_server("iterable").unwrap();
        let server = ServerName::parse("iterable").unwrap();
        let mut ids = std::collections::HashSet::new();
        for attack in Attack::all_patterns() {
            let id = &attack.id;
            assert!(ids.insert(id) && id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id}");
            for text in [&attack.account, &attack.needs, &attack.stops] {
                assert!(text.ends_with('.') && text.len() < 220, "{id}: {text}");
            }
            assert!(attack.source.url.starts_with("https://") && !attack.source.name.is_empty(), "{id}");
            assert!(
                attack.applies.iter().all(|applies| {
                    applies.names.iter().chain(&applies.routes).all(|patterns| !patterns.is_empty())
                })
            );
            let tools = catalogue.tools().iter().filter(|tool| on("iterable", &tool.name).contains(&id.as_str()));
            assert!(tools.clone().any(|tool| tool.name == attack.example), "{id} does not apply to {}", attack.example);
            assert!(tools.count() < 60, "{id} applies to half of all tools, and tells nobody anything");

            let head = if attack.rule.contains("version") { "" } else { "version = \"1\"\ndefault = \"deny\"\n" };
            let source = Source::new("rule.toml", Format::Toml, format!("{head}{}", attack.rule));
            let loaded = policy::load_policy(&source, &Server::by_name(&server));
            let said = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
            assert!(loaded.policy.is_some() && said.is_empty(), "{id}:\n{said}");
        }
    }

    #[test]
    fn what_a_tool_offers_tells_its_patterns() {
        for (server, tool, expected) in [
            ("iterable", "get_campaigns", vec![]),
            ("iterable", "cancel_export_job", vec!["destruction"]),
            ("iterable", "send_campaign", vec!["mass-sending", "audience-tampering", "retry-loop"]),
            ("iterable", "start_export_job", vec!["bulk-export", "retry-loop", "denial-of-wallet"]),
            ("iterable", "update_webhook", vec!["confused-deputy", "webhook-rerouting"]),
            ("iterable", "get_webhooks", vec!["credential-leak"]),
            ("elsewhere", "get_file", vec!["prompt-injection", "tool-poisoning", "argument-smuggling"]),
            ("elsewhere", "update_webhook", vec!["tool-poisoning", "retry-loop", "webhook-rerouting"]),
        ] {
            assert_eq!(on(server, tool), expected, "{tool}");
        }
    }

    #[test]
    fn each_tool_that_does_more_than_read_settings_has_a_pattern() {
        let catalogue = Catalogue::for_server("iterable").unwrap();
        for tool in catalogue.tools() {
            let is_plain = tool.severity < Severity::High && !tool.pii && tool.class < Class::Execute;
            assert!(is_plain || !on("iterable", &tool.name).is_empty(), "{} has none", tool.name);
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*b", "abc", false),
            ("*b*", "abc", true),
            ("a*c*", "abcd", true),
            ("a*b*c", "ab", false),
            ("a*a", "a", false),
            ("*a*b", "ab", true),
            ("*a*b", "ba", false),
            ("*é*", "caféx", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
