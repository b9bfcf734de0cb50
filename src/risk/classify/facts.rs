//! What a policy may care about beside a tool's class: whose data it handles, whether it sends, what its answers hold, and where
//! it reaches. Guesses from names and claims: `None` means no more than that nothing says so.

use std::borrow::Cow;

use serde::Serialize;

use super::name;
use super::reason::{Reason, quote_for_reason};
use super::schema::take_a_message;
use super::words::{SplitName, is_personal, is_written_by_others, split_words};
use crate::risk::class::Class;
use crate::risk::tool_claims::Listed;

/// Facts about a tool, each with the sentence that says why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFacts {
    /// It handles personal data.
    pub personal: Option<Cow<'static, str>>,
    /// It sends a message.
    pub sends: Option<Cow<'static, str>>,
    /// What it returns, others can have written.
    pub returns_untrusted: Option<Cow<'static, str>>,
    /// It returns keys or passwords.
    pub returns_secrets: Option<Cow<'static, str>>,
    /// The name of the argument with the address that it connects to.
    pub url_argument: Option<Cow<'static, str>>,
}

/// What a policy may care about beside a tool's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// It handles personal data.
    Personal,
    /// It sends a message.
    Sends,
    /// What it returns, others can have written.
    ReturnsUntrusted,
    /// It returns keys or passwords.
    ReturnsSecrets,
    /// It connects to an address that a call names.
    UrlArgument,
}

/// A fact about a tool, and the sentence that says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolFact {
    /// What is so.
    pub fact: Fact,
    /// Why.
    pub reason: Cow<'static, str>,
}

impl ToolFacts {
    /// Returns what is known or guessed, each with its reason.
    pub fn list(&self) -> Vec<ToolFact> {
        let connects = self.url_argument.as_deref();
        let connects = connects.map(|name| format!("It takes the argument \"{}\".", quote_for_reason(name)).into());
        let facts = [
            (Fact::Personal, self.personal.clone()),
            (Fact::Sends, self.sends.clone()),
            (Fact::ReturnsUntrusted, self.returns_untrusted.clone()),
            (Fact::ReturnsSecrets, self.returns_secrets.clone()),
            (Fact::UrlArgument, connects),
        ];
        facts.into_iter().filter_map(|(fact, reason)| Some(ToolFact { fact, reason: reason? })).collect()
    }
}

/// Returns the facts that a tool's name, arguments and annotations tell. `class` is what it counts as.
pub fn find_facts(tool: &Listed<'_>, class: Class) -> ToolFacts {
    let url_argument = tool.arguments.iter().map(|argument| &*argument.name).find(|name| is_address(name));
    ToolFacts {
        personal: find_personal(tool),
        sends: if class >= Class::Execute { find_sending(tool) } else { None },
        returns_untrusted: find_untrusted(tool, url_argument),
        returns_secrets: find_secret(&tool.name).map(Cow::Owned),
        url_argument: url_argument.map(|name| Cow::Owned(name.to_owned())),
    }
}

fn find_personal(tool: &Listed<'_>) -> Option<Cow<'static, str>> {
    let word_of =
        |name: &str| split_words(name).split_ascii_whitespace().find(|word| is_personal(word)).map(str::to_owned);
    let by_name =
        word_of(&tool.name).map(|word| format!("Its name has the word \"{}\".", quote_for_reason(&word)).into());
    by_name.or_else(|| {
        let argument = tool.arguments.iter().find(|argument| word_of(&argument.name).is_some())?;
        Some(format!("It takes the argument \"{}\".", quote_for_reason(&argument.name)).into())
    })
}

fn find_sending(tool: &Listed<'_>) -> Option<Cow<'static, str>> {
    if name::read_name(&SplitName::of(&tool.name), tool.objects).sends {
        return Some("Its name says that it sends.".into());
    }
    take_a_message(&tool.arguments).then_some("It takes a recipient and a text.".into())
}

fn find_untrusted(tool: &Listed<'_>, url_argument: Option<&str>) -> Option<Cow<'static, str>> {
    if tool.annotations.open_world == Some(true) {
        return Some("Its server says that it interacts with an open world.".into());
    }
    if let Some(name) = url_argument {
        return Some(format!("It returns what is at its argument \"{}\".", quote_for_reason(name)).into());
    }
    let words = split_words(&tool.name);
    let word = words.split_ascii_whitespace().find(|word| is_written_by_others(word))?;
    Some(format!("Its name has the word \"{}\".", quote_for_reason(word)).into())
}

fn find_secret(name: &str) -> Option<String> {
    Some(Reason::Word(find_secret_word(SplitName::of(name).words())?, "").to_string())
}

/// Finds the word of a name that says that the tool returns keys or passwords.
pub(super) fn find_secret_word<'n>(mut words: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let is_pair = |one: &str, other: &str| {
        matches!(
            (one, other),
            ("api", "key" | "keys")
                | ("private" | "secret", "key" | "keys")
                | ("access" | "auth" | "bearer", "token" | "tokens")
        )
    };
    let mut before = "";
    words.find(|word| {
        let previous = std::mem::replace(&mut before, word);
        is_pair(previous, word)
            || matches!(
                *word,
                "apikey"
                    | "credential"
                    | "credentials"
                    | "env"
                    | "otp"
                    | "passphrase"
                    | "password"
                    | "passwords"
                    | "secret"
                    | "secrets"
                    | "totp"
            )
    })
}

/// Whether an argument is an address that the tool connects to. One that is called back or shown is none.
fn is_address(name: &str) -> bool {
    let words = split_words(name);
    let mut words = words.split_ascii_whitespace().rev();
    let (last, before) = (words.next().unwrap_or_default(), words.next());
    match last {
        "url" | "urls" => !matches!(
            before,
            Some(
                "avatar"
                    | "callback"
                    | "hook"
                    | "icon"
                    | "image"
                    | "issue"
                    | "logo"
                    | "photo"
                    | "redirect"
                    | "return"
                    | "webhook"
            )
        ),
        "endpoint" | "host" | "hostname" | "href" | "website" => before.is_none(),
        _ => false,
    }
}
