//! What a tool's name says. Calls use the name, so it is the one thing about which a server cannot lie.

use super::facts::find_secret_word;
use super::nouns::{is_information, is_noun, is_thing_or_verb};
use super::verb_objects::class_with_object;
use super::words::{
    Chunk, Form, MAX_VERB, Segment, SplitName, Verb, VerbPlace, find_glued_verb, find_verb, is_browser, is_deal,
    is_ended_thing, is_far_reaching, is_handled_thing, is_infrastructure, is_media, is_money, is_plain_thing,
    is_running, is_sending, is_set_off, is_thing_too, visit_base_forms,
};
use crate::risk::class::Class;

/// The longest verb that is looked for in words without a separator between them, in bytes.
const MAX_JOINED: usize = 12;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameFindings<'n> {
    /// The class, and the word that tells it; `None` if no word does.
    pub(super) class: Option<(Class, &'n str)>,
    /// Whether the spelling is such that a reader may take it for another name.
    pub(super) odd: bool,
    /// The words that may be verbs themselves: those before the verb (`rework_list` need not list), and those after an "and".
    pub(super) unknown: Unknown<'n>,
    /// Its verb says that something is done, and not what: "manage".
    pub(super) manages: bool,
    /// Its verb takes back a change: `unfavorite`.
    pub(super) undoes: bool,
    /// No verb tells the class: it has nouns only.
    pub(super) is_noun: bool,
    /// Its verb is that of HTTP, or to publish: `jira_post`.
    pub(super) posts: bool,
    /// Its verb is one that takes what is looked for.
    pub(super) searches: bool,
    /// Its verb says no more than that something is begun.
    pub(super) prepares: bool,
    /// It queries what it is given.
    pub(super) runs: bool,
    /// Its verb says that it makes something, and not for whom: "export", "generate".
    pub(super) makes: bool,
    pub(super) sends: bool,
}

impl NameFindings<'_> {
    /// Whether its verb leaves it to the rest what is done.
    pub(super) fn leaves_open(&self) -> bool {
        self.manages || self.makes || self.posts || self.prepares || self.runs
    }
}

/// Reads a name, which may have a namespace before it.
pub(super) fn read_name(name: &SplitName, objects: Objects) -> NameFindings<'_> {
    let told = NameFindings { odd: name.is_odd(), ..NameFindings::default() };
    let Some(last) = name.segments().next_back() else { return told };
    let namespace = || {
        let mut segments = name.segments();
        segments.next_back();
        segments
    };
    let mut seen = NameReader { objects, ..NameReader::default() };
    // The first word is that of the group, if there is one.
    seen.is_first_known = objects == Objects::First && namespace().next().is_none();
    seen.read_verbs(last);
    // The group may be what is done: `vaporize.view`.
    if !objects.are_known() {
        let group = namespace().flat_map(Segment::words).skip(usize::from(objects == Objects::First));
        group.filter(|word| !is_known_object(word)).for_each(|word| seen.unknown.doubt(word));
    }
    // What is said to become a voice or a film is made by a model.
    if last.words().skip_while(|word| *word != "to").skip(1).any(|word| is_media(word) && word != "text") {
        seen.raise_class(Class::Execute, "to");
    }
    // `place_order` and the like, if nothing else tells the class. `credit_usage` is another matter.
    let mut words = last.words();
    if seen.found.is_none()
        && !words.clone().any(|word| matches!(word, "report" | "reports"))
        && !words.clone().last().is_some_and(is_information)
        && let Some(word) = words.find(|word| is_money(word) || is_deal(word))
    {
        seen.raise_class(Class::Financial, word);
    }
    namespace().for_each(|segment| seen.read_group(segment));
    // What stands after "to" or "from" is not what the verb acts on.
    let object =
        name.words().take_while(|word| !matches!(*word, "by" | "for" | "from" | "in" | "on" | "to" | "with")).last();
    seen.plain = object.is_some_and(is_plain_thing);
    seen.runs = name.words().filter(|word| find_verb(word).is_none()).last().is_some_and(is_running);
    // By what something is found is not what is changed.
    name.words().take_while(|word| *word != "by").for_each(|word| seen.read_noun(word));
    if seen.changes && find_secret_word(name.words()).is_some() {
        seen.raise_class(Class::Execute, "key");
    }
    if seen.renews
        && let Some(word) = find_paid(name.words())
        // What is changed of a number that one has costs nothing.
        && !(seen.updates && word.starts_with("number"))
    {
        seen.raise_class(Class::Financial, word);
    }
    NameFindings { unknown: seen.unknown, sends: seen.sends, ..seen.leave_open(name, told) }
}

/// Whether the next words begin with a verb that says what is done with the thing before it.
fn is_said_next(next: &str, after_next: Option<&str>) -> bool {
    find_verb(next).is_some_and(|verb| verb.class <= Class::Write) && (!is_thing_too(next) || after_next.is_some())
}

/// Whether a word that ends a name says what is told about the thing before it.
fn is_told_about(last: &str) -> bool {
    is_information(last) || matches!(last, "counts" | "status" | "values")
}

/// Whether the last of the next words is a verb that says what is done with the things before it: `leave_application_get`.
fn is_said_last<'w>(words: impl Iterator<Item = &'w str> + Clone) -> bool {
    let Some(last) = words.clone().last() else { return false };
    let before = words.clone().count().saturating_sub(1);
    find_verb(last).is_some_and(|verb| verb.class <= Class::Write)
        && !is_thing_too(last)
        && words.take(before).all(|word| is_known_object(word) && find_verb(word).is_none())
}

/// Whether the unknown words before the verb of a name may be verbs themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objects {
    /// Nothing is known of them.
    #[default]
    Own,
    /// The first one is none, as the server's other tools show.
    First,
    /// The server's other tools show that they are none.
    Shared,
    /// So they do, since the verbs of the server stand last.
    Ended,
}

impl Objects {
    fn are_known(self) -> bool {
        matches!(self, Self::Shared | Self::Ended)
    }
}

/// Whether a word is known, and not as a verb: a noun, or the plural of one or of a verb, as in `runs_list`.
pub(super) fn is_known_object(word: &str) -> bool {
    let mut known = is_noun(word) || is_information(word);
    if !known && word.len() <= MAX_VERB {
        visit_base_forms(word, |base, form| {
            known |= form == Form::Third && (is_noun(base) || is_thing_or_verb(base) || find_verb(base).is_some());
        });
    }
    known
}

#[derive(Debug, Default)]
struct NameReader<'n> {
    objects: Objects,
    is_first_known: bool,
    starts: bool,
    found: Option<(Class, &'n str)>,
    /// The first verb.
    verb: Option<&'n str>,
    /// There is a verb of the class write or execute.
    changes: bool,
    creates: bool,
    /// What the verb acts on only holds something.
    plain: bool,
    /// What the verb acts on runs by itself.
    runs: bool,
    drives: bool,
    updates: bool,
    writes: bool,
    /// There is a verb that may begin or change what is paid for by the month.
    renews: bool,
    deals: bool,
    queries: bool,
    /// It may only say what is told about a thing.
    tells: bool,
    sends: bool,
    unknown: Unknown<'n>,
}

/// More unknown words than these are not kept.
const MAX_UNKNOWN: usize = 4;

/// The words before the first verb and after an "and" that are not known, as far as they are so few that they can be looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown<'n> {
    words: [&'n str; MAX_UNKNOWN],
    count: usize,
}

impl<'n> Unknown<'n> {
    fn doubt(&mut self, word: &'n str) {
        if let Some(place) = self.words.get_mut(self.count) {
            *place = word;
        }
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether something holds for all of them. Of too many nothing does.
    pub(super) fn all(&self, mut holds: impl FnMut(&str) -> bool) -> bool {
        self.words.get(..self.count).is_some_and(|words| words.iter().all(|word| holds(word)))
    }
}

impl<'n> NameReader<'n> {
    /// Adds what the verb leaves open.
    fn leave_open(&self, name: &SplitName, told: NameFindings<'n>) -> NameFindings<'n> {
        let is_found = |is: fn(&str) -> bool| self.found.is_some_and(|(_, word)| is(word));
        // What another program makes costs something, and a key opens something.
        let is_kept = |word: &str| {
            is_media(word) || is_set_off(word) || (is_far_reaching(word) && word != "password") || is_money(word)
        };
        NameFindings {
            class: self.found,
            undoes: is_found(|word| word.starts_with("un")),
            is_noun: self.verb.is_none(),
            manages: is_found(|word| word == "manage"),
            posts: is_found(|word| word == "post") && name.words().last() == Some("post"),
            searches: matches!(self.verb, Some("filter" | "find" | "list" | "search")),
            prepares: self.tells
                || is_found(|word| {
                    matches!(word, "aggregate" | "handle" | "load" | "open" | "perform" | "prepare" | "process" | "use")
                })
                || is_found(|word| word == "track") && !name.words().any(is_counted),
            runs: matches!(self.verb, None | Some("query"))
                && is_found(|word| matches!(word, "cypher" | "database" | "db" | "graphql" | "query" | "sql"))
                || is_found(|word| matches!(word, "execute" | "run"))
                    && matches!(name.words().last(), Some("queries" | "query" | "select")),
            makes: is_found(|word| matches!(word, "export" | "generate")) && !name.words().any(is_kept),
            ..told
        }
    }

    /// Reads the part before a dot. It is the name of a group, and cannot make the tool harmless.
    fn read_group(&mut self, segment: Segment<'n>) {
        let mut group = NameReader::default();
        group.read_verbs(segment);
        let anywhere = |word: &str| find_verb(word).is_none_or(|verb| verb.place == VerbPlace::Anywhere);
        if let Some((class, word)) = group.found.filter(|(class, word)| *class > Class::Read && anywhere(word)) {
            self.raise_class(class, word);
        }
    }

    /// Keeps the more harmful class, so `get_or_create` creates.
    fn raise_class(&mut self, class: Class, word: &'n str) {
        if self.found.is_none_or(|(known, _)| class > known) {
            self.found = Some((class, word));
        }
    }

    fn read_verbs(&mut self, segment: Segment<'n>) {
        let (mut first, mut thing, mut previous) = (true, false, "");
        // Whether no word so far can be a verb that is not known.
        let mut known = true;
        let mut words = segment.words().peekable();
        while let Some(word) = words.next() {
            let before = std::mem::replace(&mut previous, word);
            // A pull request is a noun: nobody pulls.
            let next = words.peek().copied().unwrap_or_default();
            let after_next = words.clone().nth(1);
            let is_thing = matches!(word, "pull" | "merge") && matches!(next, "request" | "requests")
                // So is a mail of which something is got or listed.
                || first && is_handled_thing(word) && is_said_next(next, after_next)
                || first && is_ended_thing(word) && is_said_last(words.clone())
                || self.objects == Objects::Ended && !next.is_empty() && find_verb(word).is_some()
                // Things are listed from the trash, and restored.
                || word == "trash" && matches!(before, "from" | "in" | "list" | "get" | "search" | "view")
                || word == "drop" && self.verb == Some("drag")
                || word == "open" && next == "interest"
                || word == "reverse" && matches!(next, "geocode" | "geocoding" | "lookup")
                || matches!(before, "pull" | "merge") && word == "request"
                // Per what something is counted is a thing.
                || before == "per"
                || self.is_read_thing(first, word, next);
            if is_thing {
                continue;
            }
            // Whether something is told about a build, or by mail, the description has to say: `build_info`, `email_summary`.
            self.tells |= first && after_next.is_none() && is_handled_thing(word) && is_told_about(next);
            if matches!(word, "and" | "or" | "then" | "with") {
                first = true;
                // `list_and_vaporize` does more than list.
                if word != "with" && find_verb(next).is_none() && !is_known_object(next) && !next.is_empty() {
                    self.unknown.doubt(next);
                }
            } else if let Some(Verb { class, .. }) =
                find_verb(word).filter(|verb| first || verb.place == VerbPlace::Anywhere || (thing && next.is_empty()))
            {
                thing |= first && is_thing_too(word);
                first = false;
                let class = class_with_object(word, class, segment.words());
                self.raise_class(class, word);
                self.read_verb(class, word);
                // To look at another tab is no choice on its page.
                self.drives |= word == "select" && !matches!(next, "page" | "tab" | "window");
                self.verb = self.verb.or(Some(word));
            } else if let Some((verb, class)) = find_glued_verb(word) {
                self.raise_class(class, verb);
            } else {
                // An issue is read and written; a list may be issued.
                let is_object = is_thing_or_verb(word) && find_verb(next).is_some() && !is_thing_too(next);
                let is_named = before.is_empty() && self.is_first_known;
                if !is_object && !is_named && !is_known_object(word) {
                    known = false;
                    if self.found.is_none() && !self.objects.are_known() {
                        self.unknown.doubt(word);
                    }
                }
            }
        }
        for verb in segment.chunks().filter_map(find_disguised_verb) {
            self.raise_class(verb.class, verb.word);
        }
        if self.found.is_none() && (known || self.objects.are_known()) && is_information(previous) {
            self.raise_class(Class::Read, previous);
        }
    }

    /// Whether a word that can be a verb is part of what is read, as in `get_update`, `list_label` and `get_send_status`.
    fn is_read_thing(&self, first: bool, word: &str, next: &str) -> bool {
        let is_read = !first && self.found.is_some_and(|(class, _)| class == Class::Read);
        is_read
            && match self.verb {
                Some("list") if is_handled_thing(word) => true,
                Some("fetch" | "get" | "list") if !next.is_empty() => {
                    find_verb(word).is_some_and(|verb| verb.class < Class::Destructive)
                }
                _ => word == "update",
            }
    }

    fn read_verb(&mut self, class: Class, word: &str) {
        self.sends |= is_sending(word);
        self.queries |= word == "query";
        self.starts |=
            matches!(word, "analyse" | "analyze" | "audit" | "check" | "lint" | "scan" | "validate" | "verify");
        self.changes |= matches!(class, Class::Write | Class::Execute) && word != "download";
        self.drives |= matches!(word, "close" | "upload");
        self.writes |= matches!(word, "call" | "deploy" | "execute" | "invoke" | "send" | "write");
        self.updates |= matches!(word, "edit" | "modify" | "move" | "patch" | "reschedule" | "update");
        self.renews |= matches!(
            word,
            "add"
                | "change"
                | "create"
                | "downgrade"
                | "edit"
                | "modify"
                | "order"
                | "pause"
                | "provision"
                | "resume"
                | "update"
                | "upgrade"
        );
        self.creates |= matches!(word, "add" | "clone" | "create" | "insert" | "put");
        self.deals |= matches!(word, "close" | "complete" | "create" | "put" | "send" | "submit");
    }

    /// Raises the class by what is changed.
    fn read_noun(&mut self, word: &'n str) {
        // A contract on a chain is written to; one on paper is created and updated.
        if self.changes && is_money(word) && self.verb != Some(word)
            || self.writes && matches!(word, "contract" | "onchain")
            || self.deals && is_deal(word)
        {
            self.raise_class(Class::Financial, word);
        } else if !self.plain
            && (self.creates && is_set_off(word)
                || self.updates
                    && (self.runs && is_running(word) || matches!(word, "call" | "conference" | "event" | "meeting"))
                || self.changes && is_far_reaching(word))
            || self.changes && is_infrastructure(word)
            || self.drives && is_browser(word)
        {
            self.raise_class(Class::Execute, word);
        } else if (self.starts || self.writes) && matches!(word, "cli" | "pty" | "shell" | "stdin" | "terminal") {
            // Another program does it, and not the tool, or is told what to do.
            self.raise_class(Class::Execute, word);
        } else if self.queries && matches!(word, "cypher" | "database" | "db" | "graphql" | "sql") {
            // Whoever can write the query can write one that changes something.
            self.raise_class(Class::Execute, word);
        }
    }
}

/// Whether to track such a thing is to send it somewhere.
fn is_counted(word: &str) -> bool {
    matches!(
        word,
        "activity"
            | "click"
            | "conversion"
            | "conversions"
            | "event"
            | "events"
            | "expense"
            | "habit"
            | "metric"
            | "metrics"
            | "purchase"
            | "time"
            | "usage"
            | "view"
    )
}

/// Finds an object that is paid for by the month, as in `update_subscription` and `create_phone_number`.
fn find_paid<'w>(words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let (mut paid, mut phone) = (None, false);
    for word in words {
        match word {
            "subscription" => paid = Some(word),
            // Those of a newsletter, of a message queue or of a page.
            "alert" | "channel" | "email" | "event" | "events" | "list" | "marketing" | "notification"
            | "notifications" | "plan" | "pubsub" | "push" | "resource" | "thread" | "topic" | "user" | "webhook" => {
                return None;
            }
            "phone" => phone = true,
            "number" | "numbers" if phone => paid = Some(word),
            _ => {}
        }
    }
    paid
}

/// Finds a verb that changes something and is written like `DeLeTe` or `de1ete`.
fn find_disguised_verb(chunk: Chunk<'_>) -> Option<Verb> {
    let harmful =
        |word: &str| find_verb(word).filter(|verb| verb.place == VerbPlace::Anywhere && verb.class > Class::Read);
    let mut words = chunk.words();
    if !words.clone().any(|word| word == chunk.skeleton)
        && let Some(found) = harmful(chunk.skeleton)
    {
        return Some(found);
    }
    while let Some(word) = words.next() {
        let (mut joined, mut length) = ([0; MAX_JOINED], 0);
        for part in std::iter::once(word).chain(words.clone()) {
            let Some(room) = joined.get_mut(length..length + part.len()) else { break };
            room.copy_from_slice(part.as_bytes());
            let is_first = length == 0;
            length += part.len();
            let whole = joined.get(..length).and_then(|whole| str::from_utf8(whole).ok());
            if let Some(found) = whole.filter(|_| !is_first).and_then(harmful) {
                return Some(found);
            }
        }
    }
    None
}
