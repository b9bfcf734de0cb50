//! What a tool's title and description say. They are the server's words, so they can raise a class and never lower it.

use super::schema::Sign;
use super::words::{Break, Form, MAX_VERB, Tokens, VerbPlace, find_verb, visit_base_forms};
use crate::risk::class::Class;

/// Phrases that are used only about harmful tools.
const PHRASES: [(&str, Class); 32] = [
    ("arbitrary code", Class::Execute),
    ("arbitrary command", Class::Execute),
    ("arbitrary commands", Class::Execute),
    ("arbitrary javascript", Class::Execute),
    ("arbitrary python", Class::Execute),
    ("arbitrary sql", Class::Execute),
    ("execute code", Class::Execute),
    ("executes code", Class::Execute),
    ("shell command", Class::Execute),
    ("shell commands", Class::Execute),
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
    ("overwrites", Class::Destructive),
    ("overwrite existing", Class::Destructive),
    ("moves money", Class::Financial),
    ("real money", Class::Financial),
    ("transfer funds", Class::Financial),
    ("transfers funds", Class::Financial),
];

/// Reads a title or a description, in time linear in its length.
pub(super) fn read_text(text: &str) -> Option<Sign> {
    let tokens = Tokens::split(text);
    let mut found: Option<(Class, &str)> = None;
    let mut raise = |class: Class, words| {
        if found.is_none_or(|(known, _)| class > known) {
            found = Some((class, words));
        }
    };
    let (mut sentence, mut place, mut previous) = (0_usize, 0_usize, "");
    for (word, before) in tokens.words() {
        place += 1;
        if before == Break::Sentence && !previous.is_empty() {
            (sentence, place) = (sentence + 1, 0);
        }
        let opening = Opening { before, previous, sentence, place };
        if word.len() <= MAX_VERB && !is_negation(previous) {
            visit_base_forms(word, |base, form| {
                if let Some(verb) = verb_of_text(base).filter(|verb| opening.lets(form, *verb, word)) {
                    raise(verb.0, word);
                }
            });
        }
        previous = word;
    }
    for (phrase, class) in PHRASES {
        if tokens.find_phrase(phrase).any(|previous| !is_negation(previous)) {
            raise(class, phrase);
        }
    }
    found.map(|(class, words)| (class, words.to_owned()))
}

fn is_negation(word: &str) -> bool {
    matches!(word, "not" | "never" | "without" | "cannot" | "non" | "nor" | "no") || word.ends_with("n't")
}

fn verb_of_text(word: &str) -> Option<(Class, VerbPlace)> {
    match word {
        "return" | "display" | "gather" | "provide" => Some((Class::Read, VerbPlace::First)),
        // "Call this tool when …" and "type" say nothing about what it does.
        "call" | "type" | "process" | "control" | "is" | "has" | "request" | "test" | "status" | "tree" | "accept"
        | "generate" | "handle" | "load" | "open" | "perform" | "prepare" | "refresh" | "sign" | "skip" | "split"
        | "use" => None,
        word => find_verb(word).map(|verb| (verb.class, verb.place)),
    }
}

struct Opening<'t> {
    before: Break,
    previous: &'t str,
    sentence: usize,
    place: usize,
}

impl Opening<'_> {
    /// Whether a word that can be a verb is a verb here. In later sentences only "deletes" and the like say what the
    /// tool does: "delete" may be advice to its user.
    fn lets(&self, form: Form, (class, place): (Class, VerbPlace), word: &str) -> bool {
        let subject = matches!(
            self.previous,
            "tool"
                | "this"
                | "it"
                | "that"
                | "which"
                | "can"
                | "will"
                | "may"
                | "also"
                | "then"
                | "endpoint"
                | "operation"
                | "function"
                | "method"
                | "immediately"
                | "automatically"
                | "permanently"
                | "recursively"
                | "optionally"
        ) || (self.previous == "to" && self.sentence == 0 && self.place <= 4);
        let begins = self.before == Break::Sentence || subject;
        let goes_on = self.before == Break::Clause || matches!(self.previous, "and" | "or");
        match (form, place) {
            (Form::Base, VerbPlace::Anywhere) => self.sentence == 0 && (begins || goes_on),
            (Form::Base, VerbPlace::First) => self.sentence == 0 && begins,
            // In "opens, sends and updates", the words are as often nouns; "deletes" is a verb everywhere.
            (Form::Third, VerbPlace::Anywhere) => {
                let noun =
                    matches!(word, "clears" | "drops" | "edits" | "kills" | "moves" | "resets" | "sends" | "updates");
                begins || (!noun && (goes_on || class >= Class::Execute))
            }
            (Form::Third, VerbPlace::First) => begins,
            // "For deleting users" says what the tool does, "for debugging" what it is good for.
            (Form::Ing, VerbPlace::First) => false,
            (Form::Ing, VerbPlace::Anywhere) => self.sentence == 0 && matches!(self.previous, "for" | "by"),
        }
    }
}
