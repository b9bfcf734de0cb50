//! What is known about one tool: from the server's catalogue, else from the classifier.

use std::borrow::Cow;

use super::catalogue::{Catalogue, CatalogueTool, Returns};
use super::class::{Class, Risk};
use super::classify::{Confidence, ToolFacts, classify_tool, find_facts};
use super::tool_claims::Listed;

/// What is known about a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it does: the class by which a policy's rules are chosen.
    pub class: Class,
    /// How bad one mistaken call is.
    pub severity: Risk,
    /// Whether it reads or writes personal data, as far as that is known.
    pub pii: bool,
    /// Whether it can cause a message to be sent, as far as that is known.
    pub sends: bool,
    /// Whether the server's own tools cannot undo what it does, as far as that is known.
    pub irreversible: bool,
    /// What it returns that a policy may care about, as far as that is known.
    pub returns: &'static [Returns],
    /// The facts among these, each with its reason, and the argument with an address of the caller's choosing, to which it connects.
    pub facts: ToolFacts,
    /// The method and route that it calls; `None` if they are not known.
    pub route: Option<&'static str>,
    /// Why it has this class.
    pub why: Cow<'static, str>,
    /// The source of this knowledge.
    pub source: Knowledge,
}

/// The source of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// The server's catalogue: somebody has examined the tool.
    Catalogue,
    /// The classifier, with this confidence.
    Classifier(Confidence),
}

/// Returns what is known about a tool, by the catalogue of its server if it has one.
pub fn profile_tool(catalogue: Option<&'static Catalogue>, tool: &Listed<'_>) -> Profile {
    if let Some(known) = catalogue.and_then(|catalogue| catalogue.find_tool(&tool.name)) {
        return Profile {
            class: known.class,
            severity: known.severity,
            pii: known.pii,
            sends: known.sends,
            irreversible: known.irreversible,
            returns: &known.returns,
            facts: facts_of(known),
            route: Some(known.http.as_str()).filter(|route| !route.is_empty()),
            why: Cow::Borrowed(&known.rationale),
            source: Knowledge::Catalogue,
        };
    }
    let verdict = classify_tool(tool);
    let counted = verdict.counts_as();
    // A tool that a known server has gained since the examination is never harmless by its name alone.
    let class = if catalogue.is_some() { counted.max(Class::Execute) } else { counted };
    let facts = find_facts(tool, class);
    let sends = facts.sends.is_some();
    Profile {
        class,
        // Keys and passwords are worse than what other reads return.
        severity: if facts.returns_secrets.is_some() { class.risk().max(Risk::High) } else { class.risk() },
        pii: facts.personal.is_some(),
        sends,
        // A message cannot be called back, and the payer cannot take money back.
        irreversible: sends || matches!(class, Class::Destructive | Class::Financial),
        returns: match (facts.returns_untrusted.is_some(), facts.personal.is_some() && class == Class::Read) {
            (false, false) => &[],
            (true, false) => &[Returns::Untrusted],
            (false, true) => &[Returns::Personal],
            (true, true) => &[Returns::Untrusted, Returns::Personal],
        },
        facts,
        route: None,
        why: Cow::Owned(verdict.reason),
        source: Knowledge::Classifier(verdict.confidence),
    }
}

fn facts_of(known: &'static CatalogueTool) -> ToolFacts {
    let said = |is_so: bool| is_so.then_some(Cow::Borrowed("Its catalogue says so."));
    ToolFacts {
        personal: said(known.pii),
        sends: said(known.sends),
        returns_untrusted: said(known.returns.contains(&Returns::Untrusted)),
        returns_secrets: None,
        url_argument: known.url_argument.as_deref().map(Cow::Borrowed),
    }
}
