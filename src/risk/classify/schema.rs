//! What a tool's arguments and annotations say: the server's words too, which can raise a class and never lower it.

use super::name;
use super::words::split_words;
use crate::risk::class::Class;
use crate::risk::tool_claims::{Annotations, Argument};
use crate::visible::escape_invisible;

/// A class, and the sentence that explains it.
pub(super) type Sign = (Class, String);

/// The sign of the highest class among the arguments.
pub(super) fn sign_of_arguments(arguments: &[Argument]) -> Option<Sign> {
    let mut found: Option<Sign> = None;
    let mut raise = |class: Class, reason: &dyn Fn() -> String| {
        if found.as_ref().is_none_or(|(known, _)| class > *known) {
            found = Some((class, reason()));
        }
    };
    let mut pairs = ArgumentPairs::default();
    for argument in arguments {
        let words = split_words(&argument.name);
        let taken = || format!("It takes the argument \"{}\".", quote_for_reason(&argument.name));
        if let Some(class) = of_name(&words, argument) {
            raise(class, &taken);
        }
        pairs.add_words(&words);
        let mut words = words.split_ascii_whitespace();
        if words.next().is_some_and(is_choice) || words.next_back().is_some_and(is_choice) {
            for value in &argument.values {
                if let Some((class, _)) = name::read_name(value).class.filter(|(class, _)| *class > Class::Read) {
                    raise(class, &|| {
                        format!(
                            "Its argument \"{}\" can be \"{}\".",
                            quote_for_reason(&argument.name),
                            quote_for_reason(value)
                        )
                    });
                }
            }
        }
    }
    if pairs.amount && pairs.currency {
        raise(Class::Financial, &|| "It takes an amount and a currency.".to_owned());
    }
    if pairs.is_message() {
        raise(Class::Execute, &|| "It takes a recipient and a text.".to_owned());
    }
    found
}

pub(super) fn take_a_message(arguments: &[Argument]) -> bool {
    let mut pairs = ArgumentPairs::default();
    arguments.iter().for_each(|argument| pairs.add_words(&split_words(&argument.name)));
    pairs.is_message()
}

/// Arguments that only tell something together.
#[derive(Default)]
struct ArgumentPairs {
    amount: bool,
    currency: bool,
    recipient: bool,
    text: bool,
}

impl ArgumentPairs {
    fn add_words(&mut self, words: &str) {
        let has = |wanted: &[&str]| words.split_ascii_whitespace().any(|word| wanted.contains(&word));
        let is = |wanted: &[&str]| wanted.contains(&words.trim_ascii());
        self.amount |= has(&["amount"]);
        self.currency |= has(&["currency"]);
        self.recipient |= is(&["to"]) || has(&["recipient", "recipients"]);
        self.text |= is(&["body", "message", "text", "subject", "content", "html"]) || has(&["body"]);
    }

    fn is_message(&self) -> bool {
        self.recipient && self.text
    }
}

/// The class that an argument's own name tells.
fn of_name(words: &str, argument: &Argument) -> Option<Class> {
    let joined = words.replace(' ', "");
    let first = words.split_ascii_whitespace().next().unwrap_or_default();
    let about = |signs: &[&str]| {
        let text = argument.description.as_deref().unwrap_or_default().to_lowercase();
        signs.iter().any(|sign| text.contains(sign))
    };
    match joined.as_str() {
        "remove" | "drop" | "prune" => return Some(Class::Destructive),
        "confirmed" | "confirmation" | "yes" => return Some(Class::Execute),
        "sql" | "command" | "commands" | "cmd" | "script" | "shell" | "shellcommand" | "javascript" | "callbackurl"
        | "callback" | "webhookurl" | "webhook" => return Some(Class::Execute),
        "code" | "expression" | "query" | "function" | "statement"
            if about(&["execut", "evaluat", "javascript", "python", "sql", "code to run"]) =>
        {
            return Some(Class::Execute);
        }
        "dryrun" => return Some(Class::Write),
        _ => {}
    }
    match first {
        "delete" | "destroy" | "erase" | "overwrite" | "purge" | "truncate" | "wipe" => Some(Class::Destructive),
        "confirm" | "force" => Some(Class::Execute),
        _ => None,
    }
}

fn is_choice(word: &str) -> bool {
    matches!(
        word,
        "action"
            | "actions"
            | "command"
            | "method"
            | "mode"
            | "op"
            | "operation"
            | "operations"
            | "subcommand"
            | "verb"
    )
}

/// The class that the hints tell. An absent one tells nothing, and one that calls a tool harmless is only a claim.
pub(super) fn sign_of_annotations(hints: Annotations) -> Option<Sign> {
    if hints.destructive == Some(true) {
        return Some((Class::Destructive, "Its server says that it may destroy something.".to_owned()));
    }
    (hints.read_only == Some(false)).then(|| (Class::Write, "Its server says that it does not only read.".to_owned()))
}

/// Quotes the server's words in a sentence of ours: short, and without terminal control characters.
pub(super) fn quote_for_reason(text: &str) -> String {
    const MOST: usize = 48;
    let shown: String = text.chars().take(MOST).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", escape_invisible(&shown))
}
