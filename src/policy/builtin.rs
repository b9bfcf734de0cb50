//! The policy that applies if there is no file, and beneath a document that only hides.

use std::borrow::Cow;
use std::fmt;

use super::compile::{Policy, compile_builtin};
use super::decision::Effect;
use super::decode::decode;
use super::diagnostic::Report;
use super::document::{Origin, read_document};
use super::entry::Rule;
use super::keys::words::words;
use super::server::Server;
use super::source::{Format, Source};
use crate::risk::{Action, Catalogue, Class, Listed, RateScope, profile_tool, recommend_rule};

words! {
    /// How strict the built-in policy of a server without a catalogue is.
    #[derive(Default)]
    pub enum Strength("Strength");
    /// What is surely a read passes, everything else asks.
    @default "strict" => Strict,
    /// Asks where others may have written what a call reaches, where its arguments do not tell, and about what destroys.
    "balanced" => Balanced,
    /// Asks only where the session has read what others wrote.
    "quiet" => Quiet,
}

/// Returns the built-in policy for a server, compiled.
pub fn builtin_policy(server: &Server) -> Policy {
    parse_builtin(&builtin_text(server), server).unwrap_or_else(|| {
        // A test reads every built-in policy; if one is broken nevertheless, it lets nothing pass.
        let reason =
            format!("The built-in policy for {server} cannot be read, so every call is refused. Please report this.");
        Policy::with_default(server, Rule::without_checks(Effect::Deny, "builtin:default", Some(reason)))
    })
}

/// Returns the built-in policy for a server in TOML: its own, the one that its catalogue recommends, or the one for servers without a
/// catalogue.
pub fn builtin_text(server: &Server) -> Cow<'static, str> {
    match server.catalogue() {
        Some(known) if known.server == "iterable" => Cow::Borrowed(include_str!("../../config/policies/iterable.toml")),
        Some(known) => Cow::Owned(write_recommended(known)),
        None => Cow::Borrowed(match server.strength().unwrap_or_default() {
            Strength::Strict => include_str!("../../config/policies/other.toml"),
            Strength::Balanced => include_str!("../../config/policies/other-balanced.toml"),
            Strength::Quiet => include_str!("../../config/policies/other-quiet.toml"),
        }),
    }
}

/// What the built-in policy of a server is called in a sentence: after the server that it was written for. A server that has only the name
/// of a known one gets the policy for any server, of the strength that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinTitle {
    known: Option<&'static str>,
    strength: Strength,
}

impl BuiltinTitle {
    /// Returns the title of a server's built-in policy.
    pub fn of(server: &Server) -> Self {
        let known = server.catalogue().map(|known| known.server);
        Self { known, strength: server.strength().unwrap_or_default() }
    }

    /// Returns what it was written for.
    pub fn subject(self) -> &'static str {
        self.known.unwrap_or("any server")
    }
}

impl fmt::Display for BuiltinTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Strict is what it is unless somebody chose another one.
        let milder = match (self.known, self.strength) {
            (Some(_), _) | (None, Strength::Strict) => "",
            (None, Strength::Balanced) => "balanced ",
            (None, Strength::Quiet) => "quiet ",
        };
        write!(f, "the {milder}built-in policy for {}", self.subject())
    }
}

/// Writes a policy with the recommended rule for each tool of a catalogue.
fn write_recommended(catalogue: &'static Catalogue) -> String {
    let head = include_str!("../../config/policies/known.toml");
    let mut text = head.replace("SERVER", catalogue.server).replace("PACKAGE", catalogue.package);
    for class in Class::ALL {
        let tools = || catalogue.tools().iter().filter(|tool| tool.class == class);
        if tools().next().is_some() {
            text += &format!("\n# ---- {} ----\n", class.as_str());
        }
        for tool in tools() {
            let recommended = recommend_rule(&profile_tool(Some(catalogue), &Listed::with_name(&*tool.name)));
            text += &format!("\n# {}\n[tools.{:?}]\n", tool.does, tool.name);
            text += &match recommended.action {
                Action::Allow => String::new(),
                action => format!("action = {:?}\nreason = {:?}\n", action.as_str(), recommended.why),
            };
            text += &match recommended.rate_limit {
                Some(rate) if rate.counted == RateScope::Server => {
                    format!("rate_limit = {{ max = {}, window = {:?}, scope = \"server\" }}\n", rate.max, rate.window)
                }
                Some(rate) => format!("rate_limit = \"{rate}\"\n"),
                None => String::new(),
            };
        }
    }
    text
}

fn parse_builtin(text: &str, server: &Server) -> Option<Policy> {
    let source = Source::new(format!("builtin:{server}"), Format::Toml, text);
    let mut report = Report::default();
    let origin = Origin { server: server.name(), prefix: "builtin:" };
    let document = read_document(&decode(&source, &mut report)?, origin, &mut report);
    let reason = format!("The built-in policy for {server} has no rule for this tool.");
    compile_builtin(&document, server, reason).filter(|_| !report.has_errors())
}
