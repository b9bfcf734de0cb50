//! All that is known of one tool: from the server's catalogue, else from the classifier.

use std::borrow::Cow;

use super::catalogue::Catalogue;
use super::class::{Class, Risk};
use super::classify::{Confidence, classify_tool, is_personal_data, is_sender};
use super::tool_claims::Listed;

/// What is known of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it does; this is the class that a policy's rules are chosen by.
    pub class: Class,
    /// How bad one mistaken call is.
    pub severity: Risk,
    /// Whether it reads or writes personal data, as far as that is known.
    pub pii: bool,
    /// Whether a message may go out because of it, as far as that is known.
    pub sends: bool,
    /// Whether what it does cannot be undone with the server's own tools, as far as that is known.
    pub irreversible: bool,
    /// The method and route that it calls, where they are known.
    pub route: Option<&'static str>,
    /// Why it is classed so.
    pub why: Cow<'static, str>,
    /// Who says so.
    pub source: Knowledge,
}

/// Where a profile comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// The server's catalogue: somebody has looked.
    Catalogue,
    /// The classifier, with this confidence.
    Classifier(Confidence),
}

/// What is known of a tool of a server.
pub fn profile_tool(server: &str, tool: &Listed<'_>) -> Profile {
    let catalogue = Catalogue::for_server(server);
    if let Some(known) = catalogue.and_then(|catalogue| catalogue.find_tool(&tool.name)) {
        return Profile {
            class: known.class,
            severity: known.severity,
            pii: known.pii,
            sends: known.sends,
            irreversible: known.irreversible,
            route: Some(&known.http),
            why: Cow::Borrowed(&known.rationale),
            source: Knowledge::Catalogue,
        };
    }
    let verdict = classify_tool(tool);
    let counted = verdict.counts_as();
    // What a known server has gained since somebody looked is never harmless by its name alone.
    let class = if catalogue.is_some() { counted.max(Class::Execute) } else { counted };
    let sends = class >= Class::Execute && is_sender(tool);
    Profile {
        class,
        severity: class.risk(),
        pii: is_personal_data(tool),
        sends,
        // A message is not called back, and money not by the one who had it.
        irreversible: sends || matches!(class, Class::Destructive | Class::Financial),
        route: None,
        why: Cow::Owned(verdict.reason),
        source: Knowledge::Classifier(verdict.confidence),
    }
}
