//! A rule as it appears in a policy file, in any of the three formats.

use super::render::{json_line, json_lines, toml_entry, toml_members, yaml_members};
use super::{builtin_document, rate_member, readable_key, table_member, text_member};
use crate::policy::tree::{DocumentKey, DocumentMember, DocumentNode, DocumentValue};
use crate::policy::{Format, Mode, Server};
use crate::report::explanation::RuleText;
use crate::risk::{Action, Recommended};

/// Writes the rule that is recommended for a tool, as [`Explanation::new`](crate::report::explanation::Explanation::new) takes it.
pub(crate) fn write_recommended(
    server: &Server,
    tool: &str,
    recommended: &Recommended,
    mode: Option<Mode>,
    format: Format,
) -> RuleText {
    let snippet = Snippet::from_recommended(server, tool, recommended, mode);
    snippet.map_or_else(RuleText::default, |snippet| RuleText {
        rule: serde_json::from_str(&snippet.to_compact_json()).ok(),
        snippet: Some(snippet.to_text(format)),
        toml: Some(snippet.to_text(Format::Toml)),
        has_conditions: snippet.looks_at_arguments(),
        is_entry: snippet.is_entry(),
    })
}

/// The member of the document that is the rule: `tools` with one entry, or `hide` with one name.
#[derive(Debug)]
pub(crate) struct Snippet(DocumentMember);

impl Snippet {
    /// Builds the recommended rule: the built-in policy's own entry, if it has one. If the rule is to hide and the
    /// document only hides, the tool goes into `hide`. `None` if no key can name the tool legibly.
    pub(crate) fn from_recommended(
        server: &Server,
        tool: &str,
        recommended: &Recommended,
        mode: Option<Mode>,
    ) -> Option<Self> {
        let key = readable_key(tool)?;
        if mode == Some(Mode::Patch) && recommended.action == Action::Hide {
            let names = DocumentValue::Array(vec![DocumentNode::unplaced_string(key)]);
            return Some(Self((DocumentKey::unplaced("hide"), DocumentNode::unplaced(names))));
        }
        let document = builtin_document(server);
        let builtin = document.member("tools").and_then(|tools| tools.member(tool));
        let members = builtin.map_or_else(|| entry_members(recommended), |entry| entry.members().to_vec());
        Some(Self(table_member("tools", vec![table_member(&key, members)])))
    }

    /// Whether the rule is an entry under `tools`, and not a name in `hide`.
    pub(crate) fn is_entry(&self) -> bool {
        self.entry().is_some()
    }

    fn entry(&self) -> Option<&DocumentMember> {
        self.0.1.members().first()
    }

    pub(crate) fn looks_at_arguments(&self) -> bool {
        self.entry().is_some_and(|(_, entry)| ["deny_if", "require"].iter().any(|key| entry.member(key).is_some()))
    }

    /// Writes the snippet in a format, over several lines, with a line break at the end.
    pub(crate) fn to_text(&self, format: Format) -> String {
        let member = std::slice::from_ref(&self.0);
        match (format, self.entry()) {
            (Format::Toml, None) => toml_members(member),
            (Format::Toml, Some((key, entry))) => toml_entry("tools", &key.name, entry.members()),
            (Format::Json, _) => json_lines(&self.to_node(), 0) + "\n",
            (Format::Yaml, _) => yaml_members(member, 0),
        }
    }

    pub(crate) fn to_compact_json(&self) -> String {
        json_line(&self.to_node())
    }

    fn to_node(&self) -> DocumentNode {
        DocumentNode::unplaced_table(vec![self.0.clone()])
    }
}

fn entry_members(recommended: &Recommended) -> Vec<DocumentMember> {
    let action = Some(recommended.action).filter(|action| *action != Action::Allow);
    let action = action.map(|action| text_member("action", action.as_str()));
    action.into_iter().chain(recommended.rate_limit.map(rate_member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ServerName;
    use crate::policy::{self, Colour, Effect, Source};
    use crate::risk::{Catalogue, Class, Listed, profile_tool, recommend_rule};

    /// Returns the snippet within a document, as somebody would paste it.
    fn document(snippet: &Snippet, format: Format) -> String {
        let text = snippet.to_text(format);
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
            let loaded = policy::load_policy(&source, &Server::by_name(&ServerName::parse(server).unwrap()));
            let said = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
            loaded.policy.unwrap_or_else(|| panic!("{text}\n{said}"))
        })
    }

    #[test]
    fn each_recommended_rule_loads_in_each_format_and_decides_as_the_built_in_policy() {
        let server = ServerName::parse("iterable").unwrap();
        let builtin = policy::builtin_policy(&Server::by_name(&server));
        for tool in Catalogue::for_server("iterable").unwrap().tools().iter().map(|tool| tool.name.as_str()) {
            let recommended =
                recommend_rule(&profile_tool(Catalogue::for_server("iterable"), &Listed::with_name(tool)));
            let snippet = Snippet::from_recommended(&Server::by_name(&server), tool, &recommended, None).unwrap();
            for policy in loads(&snippet, "iterable") {
                assert_eq!(policy.decide_tool(tool).effect, builtin.decide_tool(tool).effect, "{tool}");
                assert_eq!(policy.decide_tool(tool).reason, builtin.decide_tool(tool).reason, "{tool}");
                assert_eq!(policy.limits_of(tool).count(), builtin.limits_of(tool).count(), "{tool}");
                let looks = builtin.looks_at_arguments(tool);
                assert_eq!((policy.looks_at_arguments(tool), snippet.looks_at_arguments()), (looks, looks), "{tool}");
                for (argument, text) in
                    [("catalogName", ".."), ("identifier", "a/b"), ("email", "a%2fb"), ("itemId", "x")]
                {
                    let arguments = serde_json::json!({ argument: text }).to_string();
                    let effects = [&policy, &builtin].map(|policy| policy.judge_call(tool, &arguments).decision.effect);
                    assert_eq!(effects[0], effects[1], "{tool} {arguments}");
                }
            }
        }
    }

    #[test]
    fn each_class_of_another_server_has_a_rule_that_loads() {
        let server = ServerName::parse("elsewhere").unwrap();
        let mut known = profile_tool(Catalogue::for_server("elsewhere"), &Listed::with_name("get_it"));
        for (class, effect, limits) in [
            (Class::Read, Effect::Allow, 0),
            (Class::Write, Effect::Allow, 1),
            (Class::Execute, Effect::RequireApproval, 0),
            (Class::Destructive, Effect::Hide, 0),
            (Class::Financial, Effect::RequireApproval, 1),
        ] {
            known.class = class;
            let snippet =
                Snippet::from_recommended(&Server::by_name(&server), "do_it", &recommend_rule(&known), None).unwrap();
            for policy in loads(&snippet, "elsewhere") {
                assert_eq!(policy.decide_tool("do_it").effect, effect, "{class:?}");
                assert_eq!(policy.limits_of("do_it").count(), limits, "{class:?}");
            }
        }
    }

    #[test]
    fn names_that_need_it_are_quoted_and_those_that_cannot_be_read_have_no_snippet() {
        let server = ServerName::parse("elsewhere").unwrap();
        let recommended = recommend_rule(&profile_tool(Catalogue::for_server("elsewhere"), &Listed::with_name("x")));
        for name in ["a.b", "a b", "a\"b", "a\\b", "true", "1", "ä", "a*b", "[a", "{a}"] {
            let entry = Snippet::from_recommended(&Server::by_name(&server), name, &recommended, None).unwrap();
            let hide = Recommended { action: Action::Hide, ..recommended };
            let hidden = Snippet::from_recommended(&Server::by_name(&server), name, &hide, Some(Mode::Patch)).unwrap();
            for policy in loads(&entry, "elsewhere") {
                assert!(policy.decide_tool(name).rule.starts_with("tools."), "{name:?}");
            }
            for policy in loads(&hidden, "elsewhere") {
                assert_eq!(policy.decide_tool(name).effect, Effect::Hide, "{name:?}");
            }
        }
        for name in ["a\u{1b}[31m", "a\u{202e}b", "a\u{e0041}b", "a\nb"] {
            assert!(
                Snippet::from_recommended(&Server::by_name(&server), name, &recommended, None).is_none(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn what_is_to_be_hidden_goes_into_the_list_of_a_document_that_only_hides() {
        let server = ServerName::parse("iterable").unwrap();
        for (tool, expected) in [
            ("delete_list", "hide = [\"delete_list\"]\n"),
            ("create_list", "[tools.create_list]\nrate_limit = \"30/minute\"\n"),
        ] {
            let recommended =
                recommend_rule(&profile_tool(Catalogue::for_server("iterable"), &Listed::with_name(tool)));
            let snippet =
                Snippet::from_recommended(&Server::by_name(&server), tool, &recommended, Some(Mode::Patch)).unwrap();
            assert_eq!(snippet.to_text(Format::Toml), expected);
        }
    }
}
