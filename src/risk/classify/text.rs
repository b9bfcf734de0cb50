//! What a tool's title and description say. They are the server's words, so they can raise a class and never lower it.

use super::nouns::{is_activity, is_information, is_no_verb, is_noun};
use super::verb_objects::class_with_object;
use super::ways::find_ways;
use super::word_table::WordTable;
use super::words::{Break, Form, MAX_VERB, Tokens, VerbPlace, find_verb, visit_base_forms};
use crate::risk::class::Class;

/// Phrases that are used only about harmful tools.
const PHRASES: [(&str, Class); 38] = [
    ("arbitrary code", Class::Execute),
    ("arbitrary command", Class::Execute),
    ("arbitrary commands", Class::Execute),
    ("arbitrary javascript", Class::Execute),
    ("arbitrary python", Class::Execute),
    ("arbitrary sql", Class::Execute),
    ("execute code", Class::Execute),
    ("executes code", Class::Execute),
    ("file input", Class::Execute),
    ("opens a browser", Class::Execute),
    ("opens browser", Class::Execute),
    ("opens the browser", Class::Execute),
    ("sends an email", Class::Execute),
    ("sends a message", Class::Execute),
    ("will be sent to", Class::Execute),
    ("can't be undone", Class::Destructive),
    ("cannot be recovered", Class::Destructive),
    ("cannot be restored", Class::Destructive),
    ("cannot be reversed", Class::Destructive),
    ("cannot be undone", Class::Destructive),
    ("can not be undone", Class::Destructive),
    ("data loss", Class::Destructive),
    ("irrecoverable", Class::Destructive),
    ("irreversible", Class::Destructive),
    ("irreversibly", Class::Destructive),
    ("permanent deletion", Class::Destructive),
    ("permanently", Class::Destructive),
    ("will be deleted", Class::Destructive),
    ("overwrites", Class::Write),
    ("overwrite existing", Class::Write),
    ("automatically pay", Class::Financial),
    ("automatically pays", Class::Financial),
    ("moves money", Class::Financial),
    ("paid automatically", Class::Financial),
    ("real money", Class::Financial),
    ("spends money", Class::Financial),
    ("transfer funds", Class::Financial),
    ("transfers funds", Class::Financial),
];

/// The words that these phrases begin with.
static PHRASE_STARTS: WordTable<64> = WordTable::new(&[
    "arbitrary automatically execute executes file sends will can can't cannot data irrecoverable irreversible irreversibly permanent permanently \
     opens overwrites overwrite moves paid real spends transfer transfers",
]);

/// What a title or a description says.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextFindings<'t> {
    /// The worst that it says, and the words that say it.
    pub(super) claim: Option<(Class, &'t str)>,
    /// What the verb that opens it says.
    pub(super) opening: Option<Class>,
    /// Whether it says that the tool manages something, which is at least execute where nothing says what that is.
    pub(super) manages: bool,
    /// Whether it says that the tool returns something.
    pub(super) returns: bool,
    /// Whether its first sentence says that the tool runs queries that only read.
    pub(super) only_selects: bool,
    tokens: &'t Tokens,
}

impl TextFindings<'_> {
    /// Whether it has a word, or its plural or singular, as the name of a thing: not where a verb stands.
    pub(super) fn mentions(&self, word: &str) -> bool {
        let is_same = |one: &str, other: &str| one == other || one.strip_suffix('s') == Some(other);
        let mut previous = "";
        self.tokens.words().any(|(token, before)| {
            let previous = std::mem::replace(&mut previous, token);
            let is_verb =
                before == Break::Sentence || matches!(previous, "and" | "can" | "or" | "then" | "to" | "will");
            !is_verb && !word.is_empty() && (is_same(token, word) || is_same(word, token))
        })
    }
}

/// Of so many words after a verb, one may be its object.
const OBJECTS: usize = 8;

/// Reads a title or a description, in time linear in its length: finds the worst that it says, what the verb that opens it
/// says, and whether it says "manage".
pub(super) fn read_text(tokens: &Tokens) -> TextFindings<'_> {
    let (mut opening, mut manages) = (None, false);
    let mut claim: Option<(Class, &str)> = None;
    let mut raise = |class: Class, words| {
        if claim.is_none_or(|(known, _)| class > known) {
            claim = Some((class, words));
        }
    };
    let mut at = TextPlace::default();
    let mut words = tokens.words().peekable();
    while let Some((word, before)) = words.next() {
        at.advance(before);
        let next = words.peek().copied();
        if at.sentence > 0 && before == Break::Sentence && is_heading(word, next) {
            break;
        }
        // "Gets a user - use this to check or restore it": what it is good for is not what it does.
        at.is_advice |= word == "use" && before != Break::Word && at.opening.is_some();
        if before == Break::Sentence {
            at.tells = is_third(word);
        }
        at.has_object = next.is_some_and(|(next, before)| before == Break::Word && is_determiner(next));
        if word == "crud" && at.sentence == 0 && !is_negation(at.previous) {
            raise(Class::Destructive, word);
            opening = opening.max(Some(Class::Destructive));
        }
        if word.len() <= MAX_VERB
            && !is_negation(at.previous)
            && !is_label(next)
            && !at.is_advice
            && !at.is_drag(word)
            && !at.is_inverse(word)
        {
            let mut opened = None;
            visit_base_forms(word, |base, form| {
                let Some((class, place)) = verb_of_text(base) else { return };
                if at.lets(form, (class, place), word) {
                    let objects = words.clone().take(OBJECTS).map(|(word, _)| word);
                    let class = if is_calling(base) {
                        class_of_call(words.clone())
                    } else {
                        Some(class_with_object(base, class, objects))
                    };
                    if base == "manage" {
                        manages = true;
                        at.manages |= at.sentence == 0;
                    } else {
                        class.into_iter().for_each(|class| raise(class, word));
                    }
                    if at.sentence == 0 {
                        opening = opening.or(class);
                    }
                    opened = Some(form);
                }
            });
            at.opening = at.opening.or(opened);
        }
        at.before_previous = std::mem::replace(&mut at.previous, word);
    }
    if let Some((class, word)) = find_ways(tokens) {
        raise(class, word);
        opening = opening.max(Some(class));
    }
    let phrases = find_phrases(tokens);
    let said = PHRASES.iter().enumerate().filter(|(at, _)| phrases >> at & 1 == 1);
    said.for_each(|(_, &(phrase, class))| raise(class, phrase));
    if claim.is_none() && opening.is_none() {
        claim = find_information(tokens).map(|word| (Class::Read, word));
        opening = claim.map(|(class, _)| class);
    }
    let mut previous = "";
    let returns = tokens.words().any(|(word, _)| {
        let before = std::mem::replace(&mut previous, word);
        matches!(word, "return" | "returns") && !is_negation(before)
    });
    TextFindings { claim, opening, manages, returns, only_selects: only_selects(tokens), tokens }
}

/// What the tool returns, where its text does not begin with a verb but says what it is: "Funding rate history".
fn find_information(tokens: &Tokens) -> Option<&str> {
    const REACH: usize = 8;
    let (first, _) = tokens.words().next()?;
    let is_thing = |word: &str| is_noun(word) || is_no_verb(word) || is_activity(word);
    let mut words =
        tokens.words().enumerate().take(REACH).take_while(|(at, (_, before))| *at == 0 || *before == Break::Word);
    let is_told = |word: &str| is_information(word) || matches!(word, "data" | "news" | "number" | "rate" | "tickers");
    words.find(|(_, (word, _))| is_told(word)).map(|(_, (word, _))| word).filter(|_| is_thing(first))
}

/// "Run a read-only SQL query".
fn only_selects(tokens: &Tokens) -> bool {
    const REACH: usize = 4;
    let mut left = 0;
    let (mut previous, mut before_previous) = ("", "");
    for (at, (word, before)) in tokens.words().enumerate() {
        if at > 0 && before == Break::Sentence {
            return false;
        }
        let only_reads = word == "readonly" || (word == "only" && previous == "read" && !is_negation(before_previous));
        if only_reads {
            left = REACH;
        } else if left > 0 {
            left -= 1;
            if matches!(word, "queries" | "query" | "sql" | "statement" | "statements") {
                return true;
            }
        }
        before_previous = std::mem::replace(&mut previous, word);
    }
    false
}

/// Skips what is in brackets before the first sentence: "[Read] Gets a user", "(beta) Lists files".
pub(super) fn skip_label(text: &str) -> &str {
    let text = text.trim_start();
    let close = match text.chars().next() {
        Some('[') => ']',
        Some('(') => ')',
        _ => return text,
    };
    text.find(close).and_then(|end| text.get(end + 1..)).filter(|rest| !rest.trim().is_empty()).unwrap_or(text)
}

/// Returns which of the phrases stand somewhere without a negation before them, the first in the lowest bit.
fn find_phrases(tokens: &Tokens) -> u64 {
    let mut found = 0;
    for (word, previous, rest) in tokens.places() {
        if !PHRASE_STARTS.has(word) || is_negation(previous) {
            continue;
        }
        for (at, (phrase, _)) in PHRASES.iter().enumerate() {
            let is_said = rest.strip_prefix(*phrase).is_some_and(|after| after.starts_with(' '));
            found |= u64::from(is_said) << at;
        }
    }
    found
}

/// Whether the word after such a one says what the tool does.
#[rustfmt::skip]
fn is_subject(word: &str) -> bool {
    matches!(word,
        "tool" | "this" | "it" | "that" | "which" | "can" | "will" | "may" | "also" | "then" | "endpoint" | "operation" | "function"
            | "method" | "immediately" | "automatically" | "permanently" | "recursively" | "optionally")
}

/// Whether a word is a verb that is said of the tool: "closes".
fn is_third(word: &str) -> bool {
    let mut is_verb = false;
    if word.len() <= MAX_VERB {
        visit_base_forms(word, |base, form| is_verb |= form == Form::Third && find_verb(base).is_some());
    }
    is_verb
}

/// Whether a word begins what a verb acts on: "book a flight", "switch it off", and no noun stands before it.
fn is_determiner(word: &str) -> bool {
    matches!(word, "a" | "an" | "any" | "each" | "it" | "its" | "off" | "on" | "the" | "them" | "this" | "your")
}

/// Whether what follows describes arguments and results, and not the tool.
fn is_heading(word: &str, next: Option<(&str, Break)>) -> bool {
    matches!(
        word,
        "args"
            | "arguments"
            | "example"
            | "examples"
            | "input"
            | "output"
            | "parameters"
            | "params"
            | "returns"
            | "usage"
    ) && next.is_none_or(|(_, before)| matches!(before, Break::Aside | Break::Sentence))
}

/// Whether a word is the label of what follows it, as in "updates: what to change".
fn is_label(next: Option<(&str, Break)>) -> bool {
    next.is_some_and(|(_, before)| before == Break::Aside)
}

fn is_negation(word: &str) -> bool {
    matches!(word, "not" | "never" | "without" | "cannot" | "non" | "nor" | "no") || word.ends_with("n't")
}

/// Verbs that mean something else in a text than in a name, and what they mean there.
static TEXT_VERBS: WordTable<256> = WordTable::new(&[
    "display download gather obtain provide receive return screen see track aggregate",
    // "Call this tool when …" and "type" say nothing about what it does, and "allows you to read" is read.
    "accept adjust allow answer apply ask call chat control debug define focus format generate handle has is like load mark \
     message note open optimize prepare print process record refresh request resolve select sign skip split status \
     store switch test tree type use verify",
    "conduct perform",
    // Of a value: it is set to nothing.
    "clear reset",
]);

fn verb_of_text(word: &str) -> Option<(Class, VerbPlace)> {
    match TEXT_VERBS.find(word) {
        None => find_verb(word).map(|verb| (verb.class, verb.place)),
        Some((0, _)) => Some((Class::Read, VerbPlace::First)),
        Some((2, _)) => Some((Class::Execute, VerbPlace::First)),
        Some((3, _)) => Some((Class::Write, VerbPlace::Anywhere)),
        Some(_) => None,
    }
}

/// Whether a verb only says that something is done, and its object what: "Execute a search", "Run a find query".
fn is_calling(verb: &str) -> bool {
    matches!(verb, "conduct" | "execute" | "invoke" | "perform" | "run")
}

/// The class of what a verb of calling does, by the few words after it.
fn class_of_call<'t>(after: impl Iterator<Item = (&'t str, Break)>) -> Option<Class> {
    const REACH: usize = 8;
    let mut class = None;
    for (word, _) in after.take_while(|(_, before)| *before != Break::Sentence).take(REACH) {
        match word {
            "cli" | "code" | "command" | "commands" | "javascript" | "js" | "python" | "script" | "shell" | "sql"
            | "program" => {
                return Some(Class::Execute);
            }
            "aggregation" | "aggregations" | "avg" | "count" | "sum" | "analysis" | "audit" | "benchmark" | "check"
            | "checks" | "diagnostics" | "find" | "get" | "list" | "lookup" | "probe" | "queries" | "query"
            | "read" | "report" | "search" | "searches" | "select" => {
                class = class.or(Some(Class::Read));
            }
            "operation" | "operations" => {}
            "patch" | "post" | "put" => return Some(Class::Execute),
            _ => {
                if let Some(verb) = find_verb(word).filter(|verb| verb.place == VerbPlace::Anywhere) {
                    class = class.max(Some(verb.class));
                }
            }
        }
    }
    class.or(Some(Class::Execute))
}

/// Where the reader is.
#[derive(Default)]
struct TextPlace<'t> {
    before: Option<Break>,
    previous: &'t str,
    before_previous: &'t str,
    sentence: usize,
    /// The number of the word in its sentence.
    word: usize,
    /// The form of the verb that opens the sentence.
    opening: Option<Form>,
    is_after_colon: bool,
    /// The sentence says that something is managed, and then how: "Manage lists: create, delete".
    manages: bool,
    /// The word is one before what a verb acts on.
    has_object: bool,
    /// The sentence begins with a verb with an "s": "Closes all sessions, deletes the cookies".
    tells: bool,
    /// What is said from here on is what the tool is good for.
    is_advice: bool,
}

impl TextPlace<'_> {
    /// Whether a word is that of "drag and drop".
    fn is_drag(&self, word: &str) -> bool {
        word == "drop" && self.before_previous == "drag"
    }

    fn advance(&mut self, before: Break) {
        self.word += 1;
        if before == Break::Sentence {
            self.sentence += usize::from(self.before.is_some());
            (self.word, self.opening, self.is_after_colon, self.is_advice) = (0, None, false, false);
        }
        self.is_after_colon |= before == Break::Aside;
        self.before = Some(before);
    }

    /// Whether a word only takes back what the one before it does: "adds or removes a label".
    fn is_inverse(&self, word: &str) -> bool {
        matches!(word, "remove" | "removes")
            && matches!(self.previous, "and" | "or")
            && matches!(self.before_previous, "add" | "adds")
    }

    /// Whether a word acts on something: "Find and book a flight", but not "Get comments and label names". What is got is
    /// converted for the caller.
    fn acts(&self, word: &str) -> bool {
        self.has_object && !matches!(word, "convert" | "converts")
    }

    /// Whether the sentence begins with a verb as this one is, which destroys: "Closes all sessions, deletes the cookies".
    fn destroys(&self, class: Class) -> bool {
        let is_joined = self.before == Some(Break::Clause) || matches!(self.previous, "and" | "or");
        self.tells && is_joined && class >= Class::Destructive
    }

    /// Whether a word that can be a verb is a verb here. In later sentences only "deletes" and the like say what the
    /// tool does: "delete" may be advice to its user.
    fn lets(&self, form: Form, (class, place): (Class, VerbPlace), word: &str) -> bool {
        let is_tool = matches!(self.previous, "endpoint" | "operation" | "function" | "method")
            && !matches!(self.before_previous, "" | "the" | "this");
        let subject = self.before == Some(Break::Word)
            && !is_tool // "lists endpoint builds"
            // "If you can run a command" says nothing about the tool.
            && !matches!(self.before_previous, "you" | "agents" | "clients" | "users")
            && is_subject(self.previous)
            // "Wait for it to complete" waits; "use this to delete" deletes.
            || (self.previous == "to"
                && self.sentence == 0
                && self.word <= 4
                && (self.opening.is_none() || place == VerbPlace::Anywhere));
        // "SEEDER: Generates rows", "Safely gets", "Lets you list".
        let is_first = self.sentence == 0 && self.opening.is_none();
        // "That share labels" is of the things: the verb of a tool has an "s" there.
        let is_plural = form == Form::Base
            && matches!(
                self.previous,
                "tool" | "this" | "it" | "that" | "which" | "endpoint" | "operation" | "function" | "method"
            );
        let begins = self.before == Some(Break::Sentence)
            || subject && !is_plural
            || is_first && self.before == Some(Break::Aside) && self.word <= 3
            || is_first && self.word == 1 && self.previous.ends_with("ly")
            || is_first && self.before_previous.starts_with("let") && self.previous == "you"
            || is_first && self.word <= 3 && matches!(self.previous, "help" | "helps");
        let is_listed = self.before == Some(Break::Clause);
        let is_joined = matches!(self.previous, "and" | "or");
        // "Get or set a value".
        let is_second = self.previous == "or" && self.word <= 2 && self.opening == Some(Form::Base);
        let is_next = (is_listed || is_joined) && self.opening == Some(form) && self.acts(word);
        match (form, place) {
            (Form::Base, VerbPlace::Anywhere) => {
                let is_way = self.manages && (is_listed || is_joined || self.before == Some(Break::Aside));
                let goes_on = is_way || is_joined || (is_listed && self.word <= 6 && !self.is_after_colon);
                let will = self.previous == "will" && class >= Class::Destructive;
                will || (self.sentence == 0 && (begins || (goes_on && (is_way || self.opening == Some(Form::Base)))))
            }
            (Form::Base, VerbPlace::First) => {
                self.sentence == 0
                    && (begins
                        || is_second
                        || is_next
                        || self.manages && (is_listed || self.before == Some(Break::Aside)))
            }
            // In "opens, sends and updates", the words are as often nouns; "deletes" is a verb everywhere.
            (Form::Third, VerbPlace::Anywhere) => {
                let noun = matches!(
                    word,
                    "clears" | "drops" | "edits" | "kills" | "moves" | "resets" | "sends" | "updates" | "clicks"
                );
                let goes_on = (is_listed || is_joined) && self.opening == Some(Form::Third);
                // Later on, "rejects" and "retries" at the start may be of something else.
                let is_own = if self.sentence == 0 || class >= Class::Destructive { begins } else { subject };
                is_own
                    || (!noun
                        && (goes_on || self.destroys(class) || (self.sentence == 0 && class >= Class::Destructive)))
            }
            (Form::Third, VerbPlace::First) => self.sentence == 0 && (begins || is_next),
            // "For deleting users" says what the tool does, "for debugging" what it is good for.
            (Form::Ing, VerbPlace::First) => false,
            (Form::Ing, VerbPlace::Anywhere) => self.sentence == 0 && matches!(self.previous, "for" | "by"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_is_found() {
        assert!(PHRASES.len() <= 64);
        for (at, (phrase, class)) in PHRASES.into_iter().enumerate() {
            let mut tokens = Tokens::default();
            tokens.fill(&format!("What {phrase}, it says"));
            assert_eq!(find_phrases(&tokens) >> at & 1, 1, "{phrase}");
            assert!(read_text(&tokens).claim.is_some_and(|(said, _)| said >= class), "{phrase}");
            tokens.fill(&format!("not {phrase} {phrase}s"));
            assert_eq!(find_phrases(&tokens) >> at & 1, 0, "{phrase}");
        }
    }
}
