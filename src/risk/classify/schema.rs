//! What a tool's arguments and annotations say: the server's words too, which can raise a class and never lower it.

use super::name::{self, Objects};
use super::reason::Reason;
use super::verb_objects::class_with_object;
use super::words::{SplitName, find_verb, is_far_reaching, split_words, split_words_into};
use crate::risk::class::Class;
use crate::risk::tool_claims::{Annotations, Argument, Listed};

/// A class, and what explains it.
pub(super) type Sign<'t> = (Class, Reason<'t>);

/// Buffers for the words of names, kept from one argument to the next.
#[derive(Debug, Default)]
pub(super) struct ArgumentBuffers {
    pub(super) words: String,
    joined: String,
    value: SplitName,
}

/// The sign of the highest class among the arguments.
/// `named` is the class that the name tells.
pub(super) fn sign_of_arguments<'t>(
    tool: &'t Listed<'_>,
    (name, told): (&SplitName, &name::NameFindings<'_>),
    named: Option<Class>,
    buffers: &mut ArgumentBuffers,
) -> Option<Sign<'t>> {
    let has_word = |words: &[&str]| name.words().any(|word| words.contains(&word));
    let changes = named.is_some_and(|class| class > Class::Read);
    let mut found: Option<Sign<'t>> = None;
    let mut raise = |class: Class, reason: Reason<'t>| {
        if found.is_none_or(|(known, _)| class > known) {
            found = Some((class, reason));
        }
    };
    let mut pairs = ArgumentPairs::default();
    for argument in &tool.arguments {
        split_words_into(&argument.name, &mut buffers.words);
        let words = buffers.words.as_str();
        let taken = Reason::Takes(&argument.name);
        if let Some(class) = of_name(words, argument, &mut buffers.joined) {
            raise(class, taken);
        }
        if changes && (is_spending(words) || words.trim_ascii() == "budget" && has_word(&ADS)) {
            raise(Class::Financial, taken);
        } else if changes && (is_element(words) || is_signing_key(words)) {
            raise(Class::Execute, taken);
            pairs.signs |= is_signing_key(words);
        }
        pairs.add_words(words);
        let mut words = words.split_ascii_whitespace();
        if changes && words.clone().next_back().is_some_and(|word| matches!(word, "state" | "status")) {
            // A filter of a tool that reads has such values as well, and what is created so ends nothing.
            let ends = !has_word(&["add", "create"]);
            if let Some(value) = argument.values.iter().find(|value| ends && is_end(value)) {
                raise(Class::Destructive, can_be(argument, value));
            }
            if let Some(value) = argument.values.iter().find(|value| value.eq_ignore_ascii_case("approved")) {
                raise(Class::Execute, can_be(argument, value));
            }
        }
        let is_mode = words.clone().next_back() == Some("mode");
        if words.next().is_some_and(is_choice) || words.next_back().is_some_and(is_choice) {
            for value in &argument.values {
                if let Some(class) = class_of_choice(value, is_mode, name, &mut buffers.value) {
                    raise(class, can_be(argument, value));
                }
            }
        }
    }
    if pairs.amount && pairs.signs {
        raise(Class::Financial, Reason::Fixed("It takes an amount and the key that signs."));
    }
    if pairs.amount && pairs.currency {
        raise(Class::Financial, Reason::Fixed("It takes an amount and a currency."));
    }
    // A draft is sent by another call.
    let is_draft = named == Some(Class::Write) && has_word(&["draft"]);
    // Mails are found by whom they went to.
    let is_filter = named == Some(Class::Read) && told.searches;
    if pairs.is_message() && !is_draft && !is_filter {
        raise(Class::Execute, Reason::Fixed("It takes a recipient and a text."));
    }
    found
}

/// What is done if an argument that chooses it has this value; `None` if it is not more than a read.
fn class_of_choice(value: &str, is_mode: bool, name: &SplitName, split: &mut SplitName) -> Option<Class> {
    split.fill(value);
    // "dropIndexSuggestions" and "post_ids" name what is listed, and "around_post" where; "delete" and "delete_user" what
    // is done.
    let words = split.words();
    let is_opened = !is_mode || words.clone().next().is_some_and(|word| find_verb(word).is_some());
    let is_one = words.clone().count() == 1;
    let last = words.clone().last().unwrap_or_default();
    let is_short = words.count() <= 2 && last != "ids" && is_opened;
    let told = name::read_name(split, Objects::Own);
    // "top_trades" and "positions" are shown.
    let is_shown =
        !is_one && matches!(last, "data" | "history" | "info" | "stats") || told.is_noun && last.ends_with('s');
    let class = class_of_value(value, name, split, &told)?;
    (is_short && !is_shown && class > Class::Read).then_some(class)
}

/// What the argument "action" of a tool can be at worst, if all of its values say what they do.
pub(super) fn sign_of_action<'t>(
    tool: &'t Listed<'_>,
    name: &SplitName,
    buffers: &mut ArgumentBuffers,
) -> Option<Sign<'t>> {
    let ArgumentBuffers { words, value: split, .. } = buffers;
    let mut is_action = |argument: &&Argument<'_>| {
        split_words_into(&argument.name, words);
        matches!(words.trim_ascii(), "action" | "operation" | "subcommand") && !argument.values.is_empty()
    };
    let argument = tool.arguments.iter().find(&mut is_action)?;
    let mut most: Option<(Class, &str)> = None;
    for value in &argument.values {
        split.fill(value);
        let told = name::read_name(split, Objects::Own);
        let class = class_of_value(value, name, split, &told).filter(|_| !told.odd && told.unknown.is_empty())?;
        if most.is_none_or(|(known, _)| class > known) {
            most = Some((class, value));
        }
    }
    most.map(|(class, value)| (class, can_be(argument, value)))
}

/// What a value of "action" says, in a tool of this name. To start and stop what only notes what happens is no more than writing.
fn class_of_value(value: &str, name: &SplitName, split: &SplitName, told: &name::NameFindings<'_>) -> Option<Class> {
    // "aggregate" counts, and "totals" are shown.
    let is_shown = || !told.odd && value != "new" && split.words().all(name::is_known_object);
    let Some((class, _)) = told.class.filter(|_| value != "aggregate") else {
        return (value == "aggregate" || is_shown()).then_some(Class::Read);
    };
    // As in a name: to add a hook is more than to add a note.
    if class == Class::Write && name.words().any(is_far_reaching) {
        return Some(Class::Execute);
    }
    Some(if matches!(value, "start" | "stop") { class_with_object(value, class, name.words()) } else { class })
}

/// Whether the caller says what is done, and nothing says what that can be.
pub(super) fn has_open_choice(tool: &Listed<'_>) -> bool {
    tool.arguments.iter().any(|argument| {
        let is_choice = matches!(&*argument.name, "action" | "command" | "method" | "operation" | "subcommand");
        is_choice && argument.values.is_empty()
    })
}

pub(super) fn take_a_message(arguments: &[Argument<'_>]) -> bool {
    let mut pairs = ArgumentPairs::default();
    arguments.iter().for_each(|argument| pairs.add_words(&split_words(&argument.name)));
    pairs.is_message()
}

/// Arguments that only tell something together.
#[derive(Default)]
struct ArgumentPairs {
    amount: bool,
    currency: bool,
    signs: bool,
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
fn of_name(words: &str, argument: &Argument<'_>, joined: &mut String) -> Option<Class> {
    joined.clear();
    joined.extend(words.split(' '));
    let first = words.split_ascii_whitespace().next().unwrap_or_default();
    let about = |signs: &[&str]| {
        let text = argument.description.as_deref().unwrap_or_default();
        if text.is_ascii() {
            return signs.iter().any(|sign| has_ascii(text, sign));
        }
        let text = text.to_lowercase();
        signs.iter().any(|sign| text.contains(sign))
    };
    match joined.as_str() {
        "remove" | "drop" | "prune" => return Some(Class::Destructive),
        "sql" | "command" | "commands" | "cmd" | "script" | "shell" | "shellcommand" | "javascript" | "callbackurl"
        | "callback" | "webhookurl" | "webhook" => return Some(Class::Execute),
        "code" | "expression" | "query" | "function" | "statement"
            if about(&["execut", "evaluat", "javascript", "python", "sql", "code to run"])
                && !about(&["jql", "kql", "logql", "nrql", "promql", "soql", "traceql"]) =>
        {
            return Some(Class::Execute);
        }
        "dryrun" => return Some(Class::Write),
        _ => {}
    }
    match first {
        "overwrite" => Some(Class::Write),
        "delete" | "destroy" | "erase" | "purge" | "truncate" | "wipe" => Some(Class::Destructive),
        // `force_refresh` reads anew, and `force_color` forces nothing.
        "force"
            if joined == "force" && !about(&["again", "bypass", "cache", "fresh", "re-", "recompute"])
                || words.split_ascii_whitespace().nth(1).is_some_and(is_forced) =>
        {
            Some(Class::Execute)
        }
        _ => None,
    }
}

fn is_forced(word: &str) -> bool {
    !matches!(word, "refresh" | "reload") && find_verb(word).is_some_and(|verb| verb.class > Class::Read)
}

/// Whether a text of ASCII has another one in any case.
fn has_ascii(text: &str, sign: &str) -> bool {
    text.as_bytes().windows(sign.len()).any(|window| window.eq_ignore_ascii_case(sign.as_bytes()))
}

fn can_be<'t>(argument: &'t Argument<'_>, value: &'t str) -> Reason<'t> {
    Reason::CanBe { argument: &argument.name, value }
}

/// Whether an argument says where a file is.
pub(super) fn is_file(argument: &Argument<'_>) -> bool {
    let words = split_words(&argument.name);
    let last = words.split_ascii_whitespace().next_back().unwrap_or_default();
    matches!(last, "path" | "file" | "filename" | "filepath" | "dir" | "directory" | "folder" | "destination")
}

/// What a budget is spent on. That of a journey or a search is a wish.
const ADS: [&str; 5] = ["ad", "ads", "adset", "campaign", "campaigns"];

/// Whether an argument says how much may be spent.
fn is_spending(words: &str) -> bool {
    let mut words = words.split_ascii_whitespace().rev();
    match words.next() {
        Some("budget") => words.next().is_some_and(|word| !matches!(word, "from" | "in" | "is" | "to")),
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
    let ends = ["deleted", "void", "voided", "canceled", "cancelled", "terminated", "removed", "trashed"];
    ends.iter().any(|end| value.eq_ignore_ascii_case(end))
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
pub(super) fn sign_of_annotations(hints: Annotations) -> Option<Sign<'static>> {
    // The hint means something only for a tool that does not only read (MCP, ToolAnnotations). It is as often said of updates.
    if hints.destructive == Some(true) && hints.read_only != Some(true) {
        return Some((Class::Execute, Reason::Fixed("Its server says that it may destroy something.")));
    }
    (hints.read_only == Some(false))
        .then_some((Class::Write, Reason::Fixed("Its server says that it does not only read.")))
}
