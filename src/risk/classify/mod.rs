//! The classifier: what a tool that no catalogue knows probably does, from what its server says of it.
//!
//! It is deterministic and has a reason for each verdict. Whatever a server claims can raise a class and never lower it,
//! since the server may lie; the name is what calls go by, so it counts most.

mod name;
mod schema;
mod text;
mod words;

use std::borrow::Cow;

use serde::Serialize;

use super::class::Class;
use super::tool_claims::Listed;
use words::{is_personal, split_words};

/// How much a verdict can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing tells, or the name is written so that it deceives.
    Low,
    /// Only the server's claims tell, or they disagree with the name, or the name may mean two things.
    Medium,
    /// The name tells, and no claim disagrees.
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

/// What the classifier makes of a tool.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// What the tool probably does.
    pub class: Class,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in one sentence.
    pub reason: String,
}

impl Classification {
    /// The class that a policy's rules are chosen by: below high confidence no tool counts as a read or a write.
    pub fn counts_as(&self) -> Class {
        match self.confidence {
            Confidence::High => self.class,
            Confidence::Medium | Confidence::Low => self.class.max(Class::Execute),
        }
    }
}

/// Classes a tool by its name, its description, its arguments and its annotations, in time linear in their length.
pub fn classify_tool(tool: &Listed<'_>) -> Classification {
    let told = name::read_name(&tool.name);
    let said = claim_of_texts(tool);
    let claim = strongest_claim([said.clone(), claim_of_declarations(tool)]);
    if told.odd {
        return classify_odd_name(told.class, claim);
    }
    let Some((class, word)) = told.class else { return classify_without_name(said, claim_of_declarations(tool)) };
    let by_name = format!("Its name has the word \"{}\".", schema::quote_for_reason(&word));
    match claim {
        // What is critical by its name stays what it is: a rule against deleting must not be evaded by talk of money.
        Some((claimed, reason)) if claimed > class && class < Class::Destructive => {
            Classification { class: claimed, confidence: Confidence::Medium, reason }
        }
        _ if class > Class::Read && tool.annotations.read_only == Some(true) => {
            let reason = format!("{by_name} Its server says that it only reads.");
            Classification { class, confidence: Confidence::Medium, reason }
        }
        _ if class == Class::Read && told.doubtful => {
            let reason = format!("{by_name} What else the name says is not known.");
            Classification { class, confidence: Confidence::Medium, reason }
        }
        _ => Classification { class, confidence: Confidence::High, reason: by_name },
    }
}

/// A class that the server claims for a tool, and the sentence that says how.
type Claim = Option<schema::Sign>;

/// What the server says in words.
fn claim_of_texts(tool: &Listed<'_>) -> Claim {
    let of = |what: &str, text: &Option<Cow<'_, str>>| {
        let (class, words) = text::read_text(text.as_deref()?)?;
        Some((class, format!("Its {what} says \"{}\".", schema::quote_for_reason(&words))))
    };
    strongest_claim([of("title", &tool.title), of("description", &tool.description)])
}

/// What the server declares in other ways.
fn claim_of_declarations(tool: &Listed<'_>) -> Claim {
    strongest_claim([schema::sign_of_arguments(&tool.arguments), schema::sign_of_annotations(tool.annotations)])
}

/// The first of those that claim most.
fn strongest_claim(claims: [Claim; 2]) -> Claim {
    claims.into_iter().flatten().reduce(|most, next| if next.0 > most.0 { next } else { most })
}

/// A name that tells nothing: words alone may say what the tool does, and never so surely that it counts as less than
/// execute.
fn classify_without_name(said: Claim, declared: Claim) -> Classification {
    let confidence = if said.is_some() { Confidence::Medium } else { Confidence::Low };
    let (class, reason) = said.unwrap_or_else(|| (Class::Execute, "Nothing tells what it does.".to_owned()));
    match declared {
        Some((declared, reason)) if declared > class => {
            Classification { class: declared, confidence: Confidence::Medium, reason }
        }
        _ => Classification { class, confidence, reason },
    }
}

/// A name that may be taken for another one is never harmless.
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

/// Whether a tool's name or arguments speak of people.
pub(super) fn is_personal_data(tool: &Listed<'_>) -> bool {
    let names = std::iter::once(tool.name.as_ref()).chain(tool.arguments.iter().map(|argument| argument.name.as_str()));
    names.flat_map(split_words).any(|word| is_personal(&word))
}

/// Whether a message goes out, by the tool's name or since it takes a recipient and a text.
pub(super) fn is_sender(tool: &Listed<'_>) -> bool {
    name::read_name(&tool.name).sends || schema::take_a_message(&tool.arguments)
}
