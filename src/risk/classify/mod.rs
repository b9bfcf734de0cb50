//! The classifier: what a tool that is in no catalogue probably does, from what its server says about it.
//!
//! It is deterministic and gives a reason for each verdict. Calls use the name, so the name counts most. What else the server says
//! raises what a name says, and never lowers it; it decides only where the name does not.

mod facts;
mod name;
mod nouns;
mod objects;
mod schema;
mod text;
mod words;

use std::borrow::Cow;

use serde::Serialize;

use super::class::Class;
use super::tool_claims::Listed;
pub use facts::{Fact, ToolFact, ToolFacts, find_facts};
pub use name::Objects;
pub use objects::SharedObjects;

/// How reliable a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing tells the class, or the spelling of the name is deceptive.
    Low,
    /// Only the server's claims tell the class, or they disagree with the name, or the name is ambiguous.
    Medium,
    /// The name tells the class, and no claim disagrees; or the description does, and the name fits it.
    High,
}

impl Confidence {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The verdict of the classifier about a tool.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// What the tool probably does.
    pub class: Class,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// Why, in one sentence.
    pub reason: String,
}

impl Classification {
    /// The class by which a policy's rules are chosen: below high confidence, no tool counts as a read or a write.
    pub fn counts_as(&self) -> Class {
        match self.confidence {
            Confidence::High => self.class,
            Confidence::Medium | Confidence::Low => self.class.max(Class::Execute),
        }
    }
}

/// Classifies a tool by its name, description, arguments and annotations, in time linear in their length.
pub fn classify_tool(tool: &Listed<'_>) -> Classification {
    let told = name::read_name(&tool.name, tool.objects);
    let texts = Texts::read(tool);
    // A description settles a doubt where the words of the name that are not known are things in it.
    let is_explained =
        || facts::find_secret(&tool.name).is_none() && told.unknown.iter().all(|word| texts.description.mentions(word));
    // `manage_users` tells as little as `users`: what such a tool does is what its argument "action" can be.
    let is_open = told.class.is_none() || told.manages;
    let action = if is_open { schema::sign_of_action(tool).filter(|_| is_explained()) } else { None };
    let named = action.as_ref().or(told.class.as_ref()).map(|(class, _)| *class);
    let said = texts.claim();
    // What it opens with is what the tool does, if nothing in the texts says more.
    let opening = texts.description.opening.filter(|opening| said.as_ref().is_some_and(|(class, _)| class <= opening));
    let declared = claim_of_declarations(tool, named, opening);
    if told.odd {
        return classify_odd_name(told.class, strongest_claim([said, declared]));
    }
    if let Some((class, reason)) = action
        && [&said, &declared].into_iter().flatten().all(|(claimed, _)| *claimed <= class)
    {
        return Classification { class, confidence: Confidence::High, reason };
    }
    let said = strongest_claim([said, texts.claim_to_manage()]);
    let opening = opening.filter(|opening| said.as_ref().is_some_and(|(class, _)| class <= opening));
    let settled = || opening.filter(|_| is_explained());
    let Some((class, word)) = &told.class else { return classify_without_name(said, declared, settled()) };
    let class = *class;
    let claim = strongest_claim([said, declared]);
    let by_name = format!("Its name has the word \"{}\".", schema::quote_for_reason(word));
    match claim {
        // A class that is critical by the name stays: talk of money must not evade a rule against deleting.
        Some((claimed, reason)) if claimed > class && class < Class::Destructive => {
            Classification { class: claimed, confidence: Confidence::Medium, reason }
        }
        _ if class > Class::Write && tool.annotations.read_only == Some(true) => {
            let reason = format!("{by_name} Its server says that it only reads.");
            Classification { class, confidence: Confidence::Medium, reason }
        }
        _ if class == Class::Read && facts::find_secret(&tool.name).is_some() => {
            let reason = format!("{by_name} What it returns may be keys or passwords.");
            Classification { class, confidence: Confidence::Medium, reason }
        }
        _ if class <= Class::Write && !told.unknown.is_empty() && settled().is_none_or(|settled| settled > class) => {
            let reason = format!("{by_name} What else the name says is not known.");
            Classification { class, confidence: Confidence::Medium, reason }
        }
        _ => Classification { class, confidence: Confidence::High, reason: by_name },
    }
}

/// Classifies a tool of a server whose `readOnlyHint` its user trusts: a tool with it counts as a read, unless its name or its
/// arguments say that it does more, or its texts that it destroys something or moves money.
pub fn classify_tool_by_hint(tool: &Listed<'_>) -> Classification {
    let told = name::read_name(&tool.name, tool.objects);
    let says_more = told.odd
        || told.class.is_some_and(|(class, _)| class > Class::Read)
        || schema::sign_of_arguments(tool, None).is_some_and(|(class, _)| class > Class::Read)
        || Texts::read(tool).claim().is_some_and(|(class, _)| class >= Class::Destructive);
    if says_more || tool.annotations.read_only != Some(true) {
        return classify_tool(tool);
    }
    let reason = "Its server says that it only reads, which the policy trusts.".to_owned();
    Classification { class: Class::Read, confidence: Confidence::High, reason }
}

/// A class that the server claims for a tool, and the sentence that says how.
type Claim = Option<schema::Sign>;

/// What the title and the description say.
struct Texts {
    title: text::TextFindings,
    description: text::TextFindings,
}

impl Texts {
    fn read(tool: &Listed<'_>) -> Self {
        let read = |text: &Option<Cow<'_, str>>| text::read_text(text.as_deref().unwrap_or_default());
        Self { title: read(&tool.title), description: read(&tool.description) }
    }

    fn claim(&self) -> Claim {
        let of = |what: &str, text: &text::TextFindings| {
            let (class, words) = text.claim.as_ref()?;
            Some((*class, format!("Its {what} says \"{}\".", schema::quote_for_reason(words))))
        };
        strongest_claim([of("title", &self.title), of("description", &self.description)])
    }

    fn claim_to_manage(&self) -> Claim {
        let manages = self.title.manages || self.description.manages;
        manages.then(|| (Class::Execute, "Its server says that it manages something.".to_owned()))
    }
}

/// The claim of the arguments and the annotations. `opening` is what the description says that the tool does.
fn claim_of_declarations(tool: &Listed<'_>, named: Option<Class>, opening: Option<Class>) -> Claim {
    let arguments = schema::sign_of_arguments(tool, named.or(opening));
    // The hints that raise are the ones that hold without any (MCP, ToolAnnotations). Of what changes something they tell nothing.
    let is_told = named.or(opening) == Some(Class::Write);
    let hints = if is_told { None } else { schema::sign_of_annotations(tool.annotations) };
    strongest_claim([arguments, hints])
}

/// The claim of the highest class; the first one if they are equal.
fn strongest_claim(claims: [Claim; 2]) -> Claim {
    claims.into_iter().flatten().reduce(|most, next| if next.0 > most.0 { next } else { most })
}

/// Classifies a tool whose name tells nothing. `settled` is what its description says, if that explains the name.
fn classify_without_name(said: Claim, declared: Claim, settled: Option<Class>) -> Classification {
    let confidence = match settled {
        Some(_) => Confidence::High,
        None if said.is_some() => Confidence::Medium,
        None => Confidence::Low,
    };
    let (class, reason) = said.unwrap_or_else(|| (Class::Execute, "Nothing shows what it does.".to_owned()));
    match declared {
        Some((declared, reason)) if declared > class => {
            Classification { class: declared, confidence: Confidence::Medium, reason }
        }
        _ => Classification { class, confidence, reason },
    }
}

/// Classifies a tool whose name can be mistaken for another one: it is never harmless.
fn classify_odd_name(told: Claim, claim: Claim) -> Classification {
    let named = told.map_or(Class::Execute, |(class, _)| class.max(Class::Execute));
    let reason = "Its name has characters that may be taken for others or are not seen.".to_owned();
    match claim {
        Some((class, reason)) if class > named && named < Class::Destructive => {
            Classification { class, confidence: Confidence::Low, reason }
        }
        _ => Classification { class: named, confidence: Confidence::Low, reason },
    }
}
