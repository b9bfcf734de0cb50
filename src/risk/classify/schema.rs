//! What a tool's arguments and annotations say: the server's words too, which can raise a class and never lower it.

use super::name::{self, Objects};
use super::words::{find_verb, split_words};
use crate::risk::class::Class;
use crate::risk::tool_claims::{Annotations, Argument, Listed};
use crate::visible::escape_invisible;

/// A class, and the sentence that explains it.
pub(super) type Sign = (Class, String);

/// The sign of the highest class among the arguments.
/// `named` is the class that the name tells.
pub(super) fn sign_of_arguments(tool: &Listed<'_>, named: Option<Class>) -> Option<Sign> {
    let changes = named.is_some_and(|class| class > Class::Read);
    let mut found: Option<Sign> = None;
    let mut raise = |class: Class, reason: &dyn Fn() -> String| {
        if found.as_ref().is_none_or(|(known, _)| class > *known) {
            found = Some((class, reason()));
        }
    };
    let mut pairs = ArgumentPairs::default();
    for argument in &tool.arguments {
        let words = split_words(&argument.name);
        let taken = || format!("It takes the argument \"{}\".", quote_for_reason(&argument.name));
        if let Some(class) = of_name(&words, argument) {
            raise(class, &taken);
        }
        if changes && is_spending(&words) {
            raise(Class::Financial, &taken);
        } else if changes && (is_element(&words) || is_signing_key(&words)) {
            raise(Class::Execute, &taken);
        }
        pairs.add_words(&words);
        let mut words = words.split_ascii_whitespace();
        if changes && words.clone().next_back().is_some_and(|word| matches!(word, "state" | "status")) {
            // A filter of a tool that reads has such values as well.
            if let Some(value) = argument.values.iter().find(|value| is_end(value)) {
                raise(Class::Destructive, &|| can_be(argument, value));
            }
            if let Some(value) = argument.values.iter().find(|value| value.eq_ignore_ascii_case("approved")) {
                raise(Class::Execute, &|| can_be(argument, value));
            }
        }
        let is_mode = words.clone().next_back() == Some("mode");
        if words.next().is_some_and(is_choice) || words.next_back().is_some_and(is_choice) {
            for value in &argument.values {
                // "dropIndexSuggestions" and "post_ids" name what is listed, and "around_post" where; "delete" and
                // "delete_user" what is done.
                let words = split_words(value);
                let mut words = words.split_ascii_whitespace();
                let is_opened = !is_mode || words.clone().next().is_some_and(|word| find_verb(word).is_some());
                let is_short = words.clone().count() <= 2 && words.next_back() != Some("ids") && is_opened;
                let told = name::read_name(value, Objects::Own).class;
                if let Some((class, _)) = told.filter(|(class, _)| is_short && *class > Class::Read) {
                    raise(class, &|| can_be(argument, value));
                }
            }
        }
    }
    if pairs.amount && pairs.currency {
        raise(Class::Financial, &|| "It takes an amount and a currency.".to_owned());
    }
    // A draft is sent by another call.
    let is_draft =
        named == Some(Class::Write) && split_words(&tool.name).split_ascii_whitespace().any(|word| word == "draft");
    if pairs.is_message() && !is_draft {
        raise(Class::Execute, &|| "It takes a recipient and a text.".to_owned());
    }
    found
}

/// What the argument "action" of a tool can be at worst, if all of its values say what they do.
pub(super) fn sign_of_action(tool: &Listed<'_>) -> Option<Sign> {
    let is_action = |argument: &&Argument| {
        matches!(split_words(&argument.name).trim_ascii(), "action" | "operation" | "subcommand")
            && !argument.values.is_empty()
    };
    let argument = tool.arguments.iter().find(is_action)?;
    let mut most: Option<(Class, &str)> = None;
    for value in &argument.values {
        let told = name::read_name(value, Objects::Own);
        let (class, _) = told.class.filter(|_| !told.odd && told.unknown.is_empty())?;
        if most.is_none_or(|(known, _)| class > known) {
            most = Some((class, value));
        }
    }
    most.map(|(class, value)| (class, can_be(argument, value)))
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
        "overwrite" => Some(Class::Write),
        "delete" | "destroy" | "erase" | "purge" | "truncate" | "wipe" => Some(Class::Destructive),
        "force" if !matches!(joined.as_str(), "forcereload" | "forcerefresh" | "forcefresh") => Some(Class::Execute),
        _ => None,
    }
}

fn can_be(argument: &Argument, value: &str) -> String {
    format!("Its argument \"{}\" can be \"{}\".", quote_for_reason(&argument.name), quote_for_reason(value))
}

/// Whether an argument says how much may be spent.
fn is_spending(words: &str) -> bool {
    let mut words = words.split_ascii_whitespace().rev();
    match words.next() {
        Some("budget") => true,
        Some("cap" | "limit") => words.next() == Some("spend"),
        Some("amount") => matches!(words.next(), Some("bid" | "budget")),
        _ => false,
    }
}

/// Whether an argument points at an element of a page, so that the tool drives it.
fn is_element(words: &str) -> bool {
    matches!(words.trim_ascii(), "css selector" | "selector" | "xpath")
}

/// Whether an argument is the key that signs what is then on a chain for good.
fn is_signing_key(words: &str) -> bool {
    matches!(words.trim_ascii(), "private key" | "mnemonic" | "seed phrase" | "wallet private key")
}

/// Whether a value says that something has ended for good.
fn is_end(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "deleted" | "void" | "voided" | "canceled" | "cancelled" | "terminated" | "removed" | "trashed"
    )
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
    // The hint means something only for a tool that does not only read (MCP, ToolAnnotations). It is as often said of updates.
    if hints.destructive == Some(true) && hints.read_only != Some(true) {
        return Some((Class::Execute, "Its server says that it may destroy something.".to_owned()));
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
