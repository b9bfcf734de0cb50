//! The classifier: what a tool that is in no catalogue probably does, from what its server says about it.
//!
//! It is deterministic and gives a reason for each verdict. Calls use the name, so the name counts most. What else the server says
//! raises what a name says, and never lowers it; it decides only where the name does not.

mod facts;
mod name;
mod nouns;
mod objects;
mod reason;
mod schema;
mod targets;
mod text;
mod verb_objects;
mod ways;
mod word_table;
mod words;

use serde::Serialize;

use super::class::Class;
use super::tool_claims::Listed;
pub use facts::{Fact, ToolFact, ToolFacts, find_facts};
use name::NameFindings;
pub use name::Objects;
pub use objects::{ObjectFinder, SharedObjects};
use reason::Reason;
use schema::{ArgumentBuffers, Sign};
pub use targets::{Addressed, is_text_argument};
use text::TextFindings;
use words::{SplitName, Tokens};

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
        count_as(self.class, self.confidence)
    }
}

fn count_as(class: Class, confidence: Confidence) -> Class {
    match confidence {
        Confidence::High => class,
        Confidence::Medium | Confidence::Low => class.max(Class::Execute),
    }
}

/// Classifies a tool by its name, description, arguments and annotations, in time linear in their length.
pub fn classify_tool(tool: &Listed<'_>) -> Classification {
    Classifier::default().judge(tool).explain()
}

/// Classifies a tool of a server whose `readOnlyHint` its user trusts: a tool with it counts as a read, unless its name or its
/// arguments say that it does more, or its texts that it destroys something or moves money.
pub fn classify_tool_by_hint(tool: &Listed<'_>) -> Classification {
    Classifier::default().judge_by_hint(tool).explain()
}

/// Classifies many tools, with the same buffers.
#[derive(Debug, Default)]
pub struct Classifier {
    name: SplitName,
    title: Tokens,
    description: Tokens,
    arguments: ArgumentBuffers,
}

impl Classifier {
    /// Returns whether a tool's arguments say whom or what a call reaches.
    pub fn find_addressed(&mut self, tool: &Listed<'_>) -> Addressed {
        Addressed::by_arguments(tool, &mut self.arguments.words)
    }

    /// Returns what a tool counts as, as by [`classify_tool`].
    pub fn count(&mut self, tool: &Listed<'_>) -> Class {
        self.judge(tool).counts_as()
    }

    /// Returns what a tool counts as, as by [`classify_tool_by_hint`].
    pub fn count_by_hint(&mut self, tool: &Listed<'_>) -> Class {
        self.judge_by_hint(tool).counts_as()
    }

    /// Returns what the server's other tools show about the words of a name, as [`SharedObjects::of`] does.
    pub fn find_objects(&mut self, name: &str, objects: &SharedObjects) -> Objects {
        self.name.fill(name);
        objects.of_split(&self.name)
    }

    fn judge<'t>(&'t mut self, tool: &'t Listed<'_>) -> Verdict<'t> {
        let (read, buffers) = self.read(tool);
        read.judge(buffers)
    }

    fn judge_by_hint<'t>(&'t mut self, tool: &'t Listed<'_>) -> Verdict<'t> {
        let (read, buffers) = self.read(tool);
        if tool.annotations.read_only != Some(true) || read.says_more(buffers) {
            return read.judge(buffers);
        }
        let reason = Reason::Fixed("Its server says that it only reads, which the policy trusts.");
        Verdict { class: Class::Read, confidence: Confidence::High, reason }
    }

    fn read<'t>(&'t mut self, tool: &'t Listed<'_>) -> (ReadTool<'t>, &'t mut ArgumentBuffers) {
        let Self { name, title, description, arguments } = self;
        name.fill(&tool.name);
        title.fill(text::skip_label(tool.title.as_deref().unwrap_or_default()));
        description.fill(text::skip_label(tool.description.as_deref().unwrap_or_default()));
        let (name, title, description) = (&*name, text::read_text(title), text::read_text(description));
        (ReadTool { tool, name, told: name::read_name(name, tool.objects), title, description }, arguments)
    }
}

/// A verdict whose reason is not written out.
#[derive(Clone, Copy, Debug)]
struct Verdict<'t> {
    class: Class,
    confidence: Confidence,
    reason: Reason<'t>,
}

impl Verdict<'_> {
    fn counts_as(self) -> Class {
        count_as(self.class, self.confidence)
    }

    fn explain(self) -> Classification {
        Classification { class: self.class, confidence: self.confidence, reason: self.reason.to_string() }
    }
}

/// A tool in words, and what they say.
struct ReadTool<'t> {
    tool: &'t Listed<'t>,
    name: &'t SplitName,
    told: NameFindings<'t>,
    title: TextFindings<'t>,
    description: TextFindings<'t>,
}

impl<'t> ReadTool<'t> {
    fn judge(&self, buffers: &mut ArgumentBuffers) -> Verdict<'t> {
        let Self { tool, told, description, .. } = self;
        // `manage_users` tells as little as `users`: what such a tool does is what its argument "action" can be.
        let is_open = told.class.is_none() || told.is_noun || told.manages;
        let action = if is_open {
            schema::sign_of_action(tool, self.name, buffers).filter(|_| self.is_explained())
        } else {
            None
        };
        let named = action.map(|(class, _)| class).or(told.class.map(|(class, _)| class));
        let said = self.claim();
        // What it opens with is what the tool does, if nothing in the texts says more.
        let opening = description.opening.filter(|opening| said.is_some_and(|(class, _)| class <= *opening));
        let declared = self.claim_of_declarations(named, opening, buffers);
        if told.odd {
            return judge_odd_name(told.class.map(|(class, _)| class), strongest_claim([said, declared]));
        }
        if let Some((class, reason)) = action
            && [said, declared].into_iter().flatten().all(|(claimed, _)| claimed <= class)
        {
            return Verdict { class, confidence: Confidence::High, reason };
        }
        let is_more = |class| [said, declared].into_iter().flatten().any(|(claimed, _)| claimed > class);
        if let Some(verdict) = self.judge_by_use().filter(|verdict| !is_more(verdict.class)) {
            return verdict;
        }
        // Whoever writes the query can only read with it, says the server.
        if told.runs && description.only_selects && !is_more(Class::Execute) {
            let reason = Reason::Fixed("Its description says that it runs queries that only read.");
            return Verdict { class: Class::Read, confidence: Confidence::High, reason };
        }
        let said = strongest_claim([said, self.claim_to_manage()]);
        let opening = opening.filter(|opening| said.is_some_and(|(class, _)| class <= *opening));
        let settled = || opening.filter(|_| self.is_explained());
        match told.class {
            Some(named) => self.judge_by_name(named, strongest_claim([said, declared]), settled),
            None => judge_without_name(said, declared, settled()),
        }
    }

    /// `settled` is what its description says, if that explains the name.
    fn judge_by_name(
        &self,
        (class, word): (Class, &'t str),
        claim: Claim<'t>,
        settled: impl Fn() -> Option<Class>,
    ) -> Verdict<'t> {
        let doubted = |besides| (Confidence::Medium, Reason::Word(word, besides));
        let is_doubted = || class <= Class::Write && !self.told.unknown.is_empty();
        let (confidence, reason) = match claim {
            // The verb that its description opens with ends its name: `research_import`.
            Some((Class::Write, reason @ Reason::Says { words, .. }))
                if class == Class::Read
                    && self.description.opening == Some(Class::Write)
                    && self.name.words().last().is_some_and(|last| is_form_of(words, last)) =>
            {
                return Verdict { class: Class::Write, confidence: Confidence::High, reason };
            }
            // Whoever says no more of a name that reads than that it writes is believed; the hint is said of what sends as well.
            Some((Class::Write, reason)) if class == Class::Read && self.only_writes() => {
                return Verdict { class: Class::Write, confidence: Confidence::High, reason };
            }
            // A class that is critical by the name stays: talk of money must not evade a rule against deleting.
            Some((claimed, reason)) if claimed > class && class < Class::Destructive => {
                return Verdict { class: claimed, confidence: Confidence::Medium, reason };
            }
            _ if self.told.leaves_open() && class == Class::Execute => doubted(""),
            _ if class > Class::Write && self.tool.annotations.read_only == Some(true) => {
                doubted(" Its server says that it only reads.")
            }
            _ if class == Class::Read && self.finds_secret() => doubted(" What it returns may be keys or passwords."),
            _ if is_doubted() && settled().is_none_or(|settled| settled > class) => {
                doubted(" What else the name says is not known.")
            }
            _ => (Confidence::High, Reason::Word(word, "")),
        };
        Verdict { class, confidence, reason }
    }

    /// Judges a tool whose verb says no more than that something is made, begun or posted, if the rest says for whom or what.
    fn judge_by_use(&self) -> Option<Verdict<'t>> {
        let Self { tool, told, description, .. } = self;
        let (class, reason) = if told.makes {
            // A prompt is for a model, whose calls are paid for.
            let has_prompt = tool.arguments.iter().any(|argument| argument.name.eq_ignore_ascii_case("prompt"));
            let is_generated = || {
                told.class.is_some_and(|(_, word)| word == "generate")
                    && tool.description.as_ref().is_some_and(|text| !text.trim().is_empty())
            };
            if let Some(argument) = tool.arguments.iter().find(|argument| schema::is_file(argument)) {
                (Class::Write, Reason::Takes(&argument.name))
            } else if has_prompt {
                return None;
            } else if description.returns || is_generated() || self.is_asked_for_format() {
                (Class::Read, Reason::Fixed("Nothing says that it keeps or sends what it makes."))
            } else {
                return None;
            }
        } else if told.prepares
            && description.opening == Some(Class::Read)
            && !self.takes_stages()
            && !schema::has_open_choice(tool)
        {
            (Class::Read, Reason::Fixed("Its description says that it reads."))
        } else if told.posts && description.opening == Some(Class::Write) && !description.mentions("post") {
            (Class::Write, Reason::Fixed("Its description says that it creates."))
        } else {
            return None;
        };
        Some(Verdict { class, confidence: Confidence::High, reason })
    }

    /// Whether what is aggregated goes through stages of the caller, of which one may write.
    fn takes_stages(&self) -> bool {
        let is_aggregated = self.told.class.is_some_and(|(_, word)| word == "aggregate");
        is_aggregated && self.tool.arguments.iter().any(|argument| argument.name.eq_ignore_ascii_case("pipeline"))
    }

    /// Whether the caller says how it wants what is exported, and the description nothing of a job or a place for it.
    fn is_asked_for_format(&self) -> bool {
        self.tool.arguments.iter().any(|argument| argument.name.eq_ignore_ascii_case("format"))
            && self.claim().is_none_or(|(class, _)| class == Class::Read)
    }

    /// Whether nothing is left in doubt where its texts or its arguments say that a name for reading writes.
    fn only_writes(&self) -> bool {
        self.told.unknown.is_empty() && !self.finds_secret() && self.tool.annotations.read_only != Some(false)
    }

    /// Whether more than its texts or its hints say that it does more than read, or they that it destroys something or moves money.
    fn says_more(&self, buffers: &mut ArgumentBuffers) -> bool {
        self.told.odd
            || self.told.class.is_some_and(|(class, _)| class > Class::Read)
            || schema::sign_of_arguments(self.tool, (self.name, &self.told), None, buffers)
                .is_some_and(|(class, _)| class > Class::Read)
            || self.claim().is_some_and(|(class, _)| class >= Class::Destructive)
    }

    /// What is checked is not returned.
    fn finds_secret(&self) -> bool {
        let is_checked =
            self.told.class.is_some_and(|(_, word)| matches!(word, "check" | "has" | "validate" | "verify"));
        !is_checked && !self.is_about_form() && facts::find_secret_word(self.name.words()).is_some()
    }

    /// The form of a key tells no key.
    fn is_about_form(&self) -> bool {
        let last = self.name.words().last();
        matches!(last, Some("definition" | "fields" | "policies" | "policy" | "requirements" | "schema" | "types"))
    }

    /// A description settles a doubt where the words of the name that are not known are things in it.
    fn is_explained(&self) -> bool {
        !schema::has_open_choice(self.tool)
            && !self.finds_secret()
            && self
                .told
                .unknown
                .all(|word| self.description.mentions(word) || nouns::is_no_verb(word) || nouns::is_activity(word))
    }

    /// What the title and the description say.
    fn claim(&self) -> Claim<'t> {
        // "Remove from favorites" is what `unfavorite` says.
        let is_same = |words: &str| self.told.undoes && matches!(words, "remove" | "removes");
        let of = |what, text: &TextFindings<'t>| {
            let (class, words) = text.claim.filter(|(_, words)| !is_same(words))?;
            Some((class, Reason::Says { what, words }))
        };
        strongest_claim([of("title", &self.title), of("description", &self.description)])
    }

    fn claim_to_manage(&self) -> Claim<'t> {
        let manages = self.title.manages || self.description.manages;
        manages.then_some((Class::Execute, Reason::Fixed("Its server says that it manages something.")))
    }

    /// The claim of the arguments and the annotations. `opening` is what the description says that the tool does.
    fn claim_of_declarations(
        &self,
        named: Option<Class>,
        opening: Option<Class>,
        buffers: &mut ArgumentBuffers,
    ) -> Claim<'t> {
        let told = named.or(opening);
        let arguments = schema::sign_of_arguments(self.tool, (self.name, &self.told), told, buffers);
        // The hints that raise are the ones that hold without any (MCP, ToolAnnotations). Of what changes something they tell
        // nothing. Libraries write all of them where their user gives none, so they tell nothing either where name and text agree.
        let is_told = told == Some(Class::Write)
            || self.tool.annotations.are_defaults() && named == Some(Class::Read) && opening == Some(Class::Read);
        let hints = if is_told { None } else { schema::sign_of_annotations(self.tool.annotations) };
        strongest_claim([arguments, hints])
    }
}

/// Whether a word is a verb in its base form or with an "s".
fn is_form_of(word: &str, verb: &str) -> bool {
    word == verb || word.strip_suffix('s') == Some(verb)
}

/// A class that the server claims for a tool, and what says so.
type Claim<'t> = Option<Sign<'t>>;

/// The claim of the highest class; the first one if they are equal.
fn strongest_claim(claims: [Claim<'_>; 2]) -> Claim<'_> {
    claims.into_iter().flatten().reduce(|most, next| if next.0 > most.0 { next } else { most })
}

/// Judges a tool whose name tells nothing. `settled` is what its description says, if that explains the name.
fn judge_without_name<'t>(said: Claim<'t>, declared: Claim<'t>, settled: Option<Class>) -> Verdict<'t> {
    let confidence = match settled {
        Some(_) => Confidence::High,
        None if said.is_some() => Confidence::Medium,
        None => Confidence::Low,
    };
    let (class, reason) = said.unwrap_or((Class::Execute, Reason::Fixed("Nothing shows what it does.")));
    match declared {
        Some((declared, reason)) if declared > class => {
            Verdict { class: declared, confidence: Confidence::Medium, reason }
        }
        _ => Verdict { class, confidence, reason },
    }
}

/// Judges a tool whose name can be mistaken for another one: it is never harmless.
fn judge_odd_name(told: Option<Class>, claim: Claim<'_>) -> Verdict<'_> {
    let named = told.map_or(Class::Execute, |class| class.max(Class::Execute));
    let confidence = Confidence::Low;
    match claim {
        Some((class, reason)) if class > named && named < Class::Destructive => Verdict { class, confidence, reason },
        _ => {
            let reason = "Its name has characters that may be taken for others or are not seen.";
            Verdict { class: named, confidence, reason: Reason::Fixed(reason) }
        }
    }
}
