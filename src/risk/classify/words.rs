//! The words by which the classifier tells what a tool does, and how it splits a text into words.

use std::ops::Range;

use super::word_table::WordTable;
use crate::risk::class::Class;
use crate::visible::is_invisible;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verb {
    pub(super) word: &'static str,
    pub(super) class: Class,
    pub(super) place: VerbPlace,
}

/// Where a word counts as a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VerbPlace {
    /// Everywhere: nobody says "a delete".
    Anywhere,
    /// Only if no verb is before it: `export_list` exports, `get_export` gets.
    First,
}

/// The verbs in their base forms. Those of one group are of one class, and count in the same places.
#[rustfmt::skip]
const VERB_GROUPS: [&str; 10] = [
    "analyse analyze approximate assess audit autocomplete blame browse calculate cat check classify compare compute correlate count \
     decode describe detect determine diagnose diff discover echo encode enumerate estimate examine exists explain explore \
     calc decompile derive dig disassemble divide extract fetch filter find forecast geocode get glob grep has head hunt identify inspect introspect investigate is lint list \
     locate lookup ls measure monitor observe parse peek ping poll predict preview query rank read recall recommend rerank \
     research retrieve scan scrape screenshot search show stat status suggest summarise summarize tail translate tree \
     troubleshoot validate verify view wait whoami",
    "add append assign attach configure create customize deactivate decrement detach disable dismiss edit enable increment \
     initialize insert modify move mutate overwrite prepend put reassign register remember rename reopen replace replicate \
     reprioritize reschedule save subscribe unarchive unassign unapprove unfollow unhide unlike unlock unmerge unmute unpin \
     unresolve unschedule unset unstage unstar unsubscribe unwatch update upsert write",
    "ack acknowledge adjust align annotate arrange block bookmark categorize change clone close colorize combine comment commit complete compose compress concat concatenate convert copy crop decompress \
     define disconnect download draft draw duplicate emulate favorite favourite flag fork format freeze hide highlight import init \
     join label link lock mark mkdir mute note organize patch pin prioritize pull react rearrange rebase record reorder \
     reorganize resize resolve rewrite select set snooze sort split stage star stash store style tag toggle touch transition undo \
     upload redo watch",
    "activate approve authorize click deploy dispatch downgrade drain enqueue eval evaluate exec execute impersonate \
     install interact invoke launch manage migrate navigate notify promote provision publish reboot reject rerun resend \
     restart restore retry revert rollback send shutdown spawn submit unpublish upgrade",
    "aggregate answer apply ask book boot broadcast build call capture chat checkout compile connect control cordon crawl \
     debug dial dm drag email export fill fire focus follow forward goto grant hover invite kick leave like login mail \
     merge message pause play post press print process push release reload reply request reserve resume rollout rotate run \
     say scale schedule scroll share simulate sms speak start stop swipe switch sync tap test track train trigger turn \
     tweet type uncordon upvote vote",
    // Other words that begin names, so that the next word is not a verb: `rebuild_list_items` does not list anything.
    "accept allow alter annihilate bypass decline demolish escalate generate handle hijack ingest inject load \
     obliterate open optimize override perform permit prepare rebuild recreate refresh regenerate reindex sanitize scrub \
     seed shuffle sign skip squash strip suspend tweak unblock use vacuum wreck",
    "abort cancel clear decommission del delete deprovision deregister destroy discard drop erase evict expunge flush \
     forget kill nuke prune purge redact remove reset revoke rm rmdir shred teardown terminate trash truncate uninstall \
     unregister wipe",
    "archive ban burn clean cleanup deletion empty expire pop removal unlink void",
    "buy disburse donate invest liquidate reimburse remit repay sell withdraw",
    "bid bill borrow charge deposit invoice lend mint pay payment payout purchase redeem refund stake swap topup trade \
     transfer unstake wire",
];

/// What each of the groups says.
const VERB_KINDS: [(Class, VerbPlace); 10] = {
    use Class::{Destructive, Execute, Financial, Read, Write};
    use VerbPlace::{Anywhere, First};
    [
        (Read, First),
        (Write, Anywhere),
        (Write, First),
        (Execute, Anywhere),
        (Execute, First),
        (Execute, First),
        (Destructive, Anywhere),
        (Destructive, First),
        (Financial, Anywhere),
        (Financial, First),
    ]
};

static VERBS: WordTable<1024> = WordTable::new(&VERB_GROUPS);

/// Returns the verb for a word in lower case, in its base form.
pub(super) fn find_verb(word: &str) -> Option<Verb> {
    if let Some((group, known)) = VERBS.find(word) {
        let (class, place) = *VERB_KINDS.get(group)?;
        return Some(Verb { word: known, class, place });
    }
    // Taking back a change is one: `unfavorite`.
    let (group, known) = word.strip_prefix("un").and_then(|rest| VERBS.find(rest))?;
    let is_write = VERB_KINDS.get(group).is_some_and(|(class, _)| *class == Class::Write);
    is_write.then_some(Verb { word: known, class: Class::Write, place: VerbPlace::Anywhere })
}

/// Whether a verb for reading is as often a noun, as in `query_run` and `rework_query`.
#[rustfmt::skip]
pub(super) fn is_thing_too(word: &str) -> bool {
    matches!(word,
        "audit" | "count" | "diff" | "filter" | "head" | "list" | "query" | "screenshot" | "stat" | "status"
            | "tail" | "tree")
}

/// Whether a change to such an object moves money.
#[rustfmt::skip]
pub(super) fn is_money(word: &str) -> bool {
    matches!(strip_plural(word),
        "addon" | "bid" | "billing" | "charge" | "credit" | "debit" | "deposit" | "dispute" | "donation" | "fund" | "invoice" | "money"
            | "payment" | "payout" | "payroll" | "purchase" | "refund" | "trade" | "transfer" | "withdrawal")
}

/// Whether such an object, once created, acts by itself: it is sent, runs, or reacts to what others do.
#[rustfmt::skip]
pub(super) fn is_set_off(word: &str) -> bool {
    matches!(strip_plural(word),
        "backup" | "broadcast" | "build" | "call" | "campaign" | "chat" | "cluster" | "container" | "deployment" | "droplet"
            | "event" | "execution" | "export" | "instance" | "invitation" | "invite" | "job" | "key" | "machine" | "meeting" | "member"
            | "message" | "notification" | "participant" | "pod" | "post" | "release" | "replica" | "run" | "sandbox" | "schedule" | "server"
            | "service" | "session" | "sms" | "subscriber" | "tweet" | "vm")
}

/// Whether such an object runs, so that a change of it is deployed.
#[rustfmt::skip]
pub(super) fn is_running(word: &str) -> bool {
    matches!(strip_plural(word),
        "cluster" | "container" | "deployment" | "droplet" | "endpoint" | "instance" | "machine" | "nameserver"
            | "pod" | "server" | "service" | "vm")
}

/// Whether such an object only holds something, whatever the words before it name: a release note is no release.
#[rustfmt::skip]
pub(super) fn is_plain_thing(word: &str) -> bool {
    matches!(strip_plural(word),
        "categories" | "category" | "column" | "comment" | "draft" | "entries" | "entry" | "evidence" | "feedback" | "field" | "folder" | "label"
            | "log" | "metadata" | "note" | "section" | "stage" | "tag" | "template")
}

/// Whether such a verb is a thing where another verb says what is done with it: `list_label`, `mail_get_orders`.
#[rustfmt::skip]
pub(super) fn is_handled_thing(word: &str) -> bool {
    matches!(word,
        "archive" | "build" | "call" | "charge" | "chat" | "comment" | "email" | "export" | "import" | "invoice" | "label" | "mail" | "message"
            | "note" | "payment" | "payout" | "record" | "refund" | "release" | "schedule" | "tag" | "test" | "trash" | "trigger")
}

/// Whether such a verb is a thing as well where a verb ends the name: `leave_application_get`.
pub(super) fn is_ended_thing(word: &str) -> bool {
    is_handled_thing(word) || matches!(word, "dm" | "fork" | "leave" | "post" | "request" | "track")
}

/// Whether a change to such an object has wider effects: it is code that runs later, or says who may do what.
#[rustfmt::skip]
pub(super) fn is_far_reaching(word: &str) -> bool {
    matches!(strip_plural(word),
        "acl" | "apex" | "apikey" | "automation" | "certificate" | "collaborator" | "credential" | "cron" | "crontab" | "dns" | "domain"
            | "env" | "firewall" | "function" | "hook" | "journey" | "lambda" | "macro" | "member" | "oauth" | "password" | "permission" | "pipeline"
            | "policies" | "policy" | "protection" | "proxy" | "query" | "role" | "ruleset" | "script" | "secret" | "sql" | "ssl" | "token"
            | "trigger" | "variable" | "webhook" | "worker" | "workflow")
}

/// Whether such a thing is made by a model or a studio, which is paid for.
#[rustfmt::skip]
pub(super) fn is_media(word: &str) -> bool {
    matches!(strip_plural(word),
        "ai" | "audio" | "avatar" | "clip" | "content" | "image" | "mesh" | "model" | "movie" | "music" | "photo" | "picture" | "song"
            | "sound" | "speech" | "sprite" | "text" | "texture" | "video" | "voice")
}

/// Whether a tool with such a word changes what runs elsewhere.
pub(super) fn is_infrastructure(word: &str) -> bool {
    matches!(word, "helm" | "kubectl" | "terraform")
}

/// Whether a tool with such a word can act on pages.
pub(super) fn is_browser(word: &str) -> bool {
    matches!(word, "browser" | "page" | "playwright" | "puppeteer" | "selenium" | "tab")
}

/// Whether such an object is a deal, so that whoever creates or completes it may pay.
pub(super) fn is_deal(word: &str) -> bool {
    matches!(strip_plural(word), "order" | "position" | "transaction")
}

#[rustfmt::skip]
pub(super) fn is_personal(word: &str) -> bool {
    matches!(strip_plural(word),
        "account" | "address" | "attendee" | "birthday" | "contact" | "customer" | "email" | "employee"
            | "firstname" | "lastname" | "lead" | "member" | "passport" | "patient" | "people" | "person"
            | "phone" | "profile" | "recipient" | "ssn" | "subscriber" | "user" | "username")
}

/// Whether others can write such things, or what is in them, into what a tool returns.
#[rustfmt::skip]
pub(super) fn is_written_by_others(word: &str) -> bool {
    matches!(word, "news" | "replies")
        || matches!(strip_plural(word),
            "article" | "chat" | "comment" | "conversation" | "crawl" | "discussion" | "email" | "feed" | "forum" | "inbox"
                | "issue" | "mail" | "message" | "page" | "post" | "reply" | "review" | "scrape" | "thread" | "ticket" | "tweet"
                | "web" | "webpage" | "website")
}

#[rustfmt::skip]
pub(super) fn is_sending(word: &str) -> bool {
    matches!(word,
        "broadcast" | "call" | "dispatch" | "dm" | "email" | "forward" | "invite" | "mail" | "notify" | "post"
            | "publish" | "reply" | "resend" | "send" | "sms" | "trigger" | "tweet")
}

fn strip_plural(word: &str) -> &str {
    word.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with('s')).unwrap_or(word)
}

/// Finds a destructive verb with a suffix that does not inflect it, as in `deleteuser`. Short verbs begin other words.
pub(super) fn find_glued_verb(word: &str) -> Option<(&'static str, Class)> {
    const LONG: [&str; 7] = ["cancel", "delete", "destroy", "remove", "terminate", "truncate", "uninstall"];
    let (verb, rest) = LONG.iter().find_map(|verb| Some((*verb, word.strip_prefix(verb)?)))?;
    let inflected = rest.starts_with('l') || matches!(rest, "" | "d" | "s" | "r" | "rs" | "ed" | "er" | "ers" | "ing");
    (!inflected).then_some((verb, Class::Destructive))
}

/// No verb is longer, in any of its forms, in bytes.
pub(super) const MAX_VERB: usize = 16;

/// Visits the base forms of a word of at most [`MAX_VERB`] bytes: "delete" of "deletes", "copy" of "copies", "stop" of
/// "stopping".
pub(super) fn visit_base_forms(word: &str, mut visit: impl FnMut(&str, Form)) {
    let cut = |end: &str| word.strip_suffix(end).filter(|stem| stem.len() > 1);
    visit(word, Form::Base);
    for stem in [cut("s"), cut("es")].into_iter().flatten() {
        visit(stem, Form::Third);
    }
    let mut with_letter = |stem: &str, letter: u8, form: Form| {
        let mut base = [letter; MAX_VERB];
        base.iter_mut().zip(stem.bytes()).for_each(|(to, from)| *to = from);
        if let Some(Ok(base)) = base.get(..=stem.len()).map(str::from_utf8) {
            visit(base, form);
        }
    };
    if let Some(stem) = cut("ies") {
        with_letter(stem, b'y', Form::Third);
    }
    if let Some(stem) = cut("ing") {
        with_letter(stem, b'e', Form::Ing);
        let is_doubled = matches!(stem.as_bytes(), [.., one, other] if one == other);
        visit(stem.get(..stem.len() - usize::from(is_doubled)).unwrap_or(stem), Form::Ing);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Base,
    Third,
    Ing,
}

/// A name in words, split at the marks of a namespace (`iterable.get_lists`, `ns__tool`, `a/b`) and between them into chunks,
/// the pieces between two separators. Characters that are invisible or not ASCII are left out. Its buffers are kept from one
/// name to the next.
#[derive(Debug, Default)]
pub(super) struct SplitName {
    /// The words in lower case, with spaces between: `getURLById2` is "get url by id".
    words: String,
    skeletons: String,
    chunks: Vec<ChunkPlace>,
    odd: bool,
}

#[derive(Debug)]
struct ChunkPlace {
    /// Which part of the namespace it is in.
    segment: usize,
    words: Range<usize>,
    skeleton: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'s> {
    words: &'s str,
    /// All letters in lower case, with digits and letters that look like others replaced by those.
    pub(super) skeleton: &'s str,
}

/// The chunks of one part of a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'s> {
    split: &'s SplitName,
    chunks: &'s [ChunkPlace],
}

impl SplitName {
    pub(super) fn of(name: &str) -> Self {
        let mut split = Self::default();
        split.fill(name);
        split
    }

    pub(super) fn fill(&mut self, name: &str) {
        self.words.clear();
        self.skeletons.clear();
        self.chunks.clear();
        self.odd = !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ' '));
        let segments = name.split("__").flat_map(|part| part.split(['.', '/', ':', '\\']));
        for (segment, text) in segments.enumerate() {
            split_chunks(text).for_each(|chunk| self.push_chunk(segment, chunk));
        }
    }

    fn push_chunk(&mut self, segment: usize, text: &str) {
        let (words, skeleton) = (self.words.len(), self.skeletons.len());
        push_words(text, &mut self.words);
        let letters = || text.chars().filter(char::is_ascii_alphanumeric);
        // A number is a number, not a word that looks like one.
        let is_number = letters().all(|c| c.is_ascii_digit());
        self.skeletons.extend(letters().map(|c| match c {
            c if is_number => c,
            '0' => 'o',
            '1' | 'I' => 'l',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            c => c.to_ascii_lowercase(),
        }));
        if self.skeletons.len() == skeleton {
            self.words.truncate(words);
        } else {
            let (words, skeleton) = (words..self.words.len(), skeleton..self.skeletons.len());
            self.chunks.push(ChunkPlace { segment, words, skeleton });
        }
    }

    /// Whether its spelling is such that a reader may take it for another name.
    pub(super) fn is_odd(&self) -> bool {
        self.odd
    }

    /// All words.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> + Clone {
        self.words.split_ascii_whitespace()
    }

    /// The parts of the namespace that have letters or digits.
    pub(super) fn segments(&self) -> impl DoubleEndedIterator<Item = Segment<'_>> {
        let segments = self.chunks.chunk_by(|one, next| one.segment == next.segment);
        segments.map(|chunks| Segment { split: self, chunks })
    }
}

impl<'s> Segment<'s> {
    pub(super) fn chunks(self) -> impl Iterator<Item = Chunk<'s>> {
        let Self { split, chunks } = self;
        chunks.iter().map(|chunk| Chunk {
            words: split.words.get(chunk.words.clone()).unwrap_or_default(),
            skeleton: split.skeletons.get(chunk.skeleton.clone()).unwrap_or_default(),
        })
    }

    pub(super) fn words(self) -> impl Iterator<Item = &'s str> + Clone {
        let range = match self.chunks {
            [first, .., last] => first.words.start..last.words.end,
            [only] => only.words.clone(),
            [] => 0..0,
        };
        self.split.words.get(range).unwrap_or_default().split_ascii_whitespace()
    }
}

impl<'s> Chunk<'s> {
    pub(super) fn words(self) -> impl Iterator<Item = &'s str> + Clone {
        self.words.split_ascii_whitespace()
    }
}

/// Appends the words of a piece of a name, in lower case and each with a space after it. Digits end words.
fn push_words(text: &str, words: &mut String) {
    let mut letters = text.chars().filter(char::is_ascii_alphanumeric).peekable();
    let mut before = ' ';
    while let Some(c) = letters.next() {
        let is_start = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || letters.peek().is_some_and(char::is_ascii_lowercase));
        if is_start || c.is_ascii_digit() {
            words.push(' ');
        }
        if !c.is_ascii_digit() {
            words.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.push(' ');
}

fn split_chunks(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control())
}

/// Splits a short name, such as an argument's, into words in lower case with white space between.
pub(super) fn split_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    split_words_into(name, &mut words);
    words
}

/// As [`split_words`], into a buffer.
pub(super) fn split_words_into(name: &str, words: &mut String) {
    words.clear();
    split_chunks(name).for_each(|chunk| push_words(chunk, words));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    Sentence,
    /// A comma or a dash.
    Clause,
    /// A colon.
    Aside,
    Word,
}

/// The words of a text in lower case. Its buffers are kept from one text to the next.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// The words, with one space between them and around them.
    text: String,
    /// Where each word is, and what is before it.
    places: Vec<(Range<usize>, Break)>,
}

impl Tokens {
    /// Splits a text into words. An apostrophe belongs to its word.
    pub(super) fn fill(&mut self, text: &str) {
        self.text.clear();
        self.places.clear();
        self.text.push(' ');
        let (mut start, mut is_in_word, mut is_after_dot) = (1, false, false);
        let (mut next, mut is_after_space, mut is_wrapped) = (Break::Sentence, false, false);
        // The text ends like a line.
        let (mut rest, mut is_at_end) = (text, false);
        while !is_at_end {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let (plain, after) = rest.split_at(rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len()));
            if !plain.is_empty() {
                if is_wrapped && plain.starts_with(|c: char| c.is_ascii_lowercase()) {
                    next = Break::Word;
                }
                let start = self.text.len();
                self.text.push_str(plain);
                self.text.get_mut(start..).into_iter().for_each(str::make_ascii_lowercase);
                (is_wrapped, is_in_word, is_after_dot, is_after_space) = (false, true, false, false);
            }
            let mut chars = after.chars();
            let c = chars.next().unwrap_or('\n');
            is_at_end = after.is_empty();
            rest = chars.as_str();
            if is_invisible(c) {
                continue;
            }
            if c.is_alphanumeric() || c == '_' || ((c == '\'' || c == '’') && is_in_word) {
                // A line that goes on in lower case goes on with the sentence.
                if is_wrapped && c.is_lowercase() {
                    next = Break::Word;
                }
                is_wrapped = false;
                match c {
                    '’' => self.text.push('\''),
                    c if c.is_ascii() => self.text.push(c.to_ascii_lowercase()),
                    c => self.text.extend(c.to_lowercase()),
                }
                (is_in_word, is_after_dot, is_after_space) = (true, false, false);
                continue;
            }
            if is_in_word {
                self.places.push((start..self.text.len(), next));
                self.text.push(' ');
                (start, is_in_word, next) = (self.text.len(), false, Break::Word);
                is_wrapped = c == '\n';
            } else if !(c == ' ' || c == '\r') {
                is_wrapped = false;
            }
            // A dot within a word, as in "e.g" or "example.com", ends nothing.
            if matches!(c, '!' | '?' | '\n' | '。') || (is_after_dot && c.is_whitespace()) {
                next = Break::Sentence;
            } else if next == Break::Word {
                next = match c {
                    ':' => Break::Aside,
                    ',' | ';' | '(' | '/' | '–' | '—' => Break::Clause,
                    '-' if is_after_space => Break::Clause,
                    _ => next,
                };
            }
            is_after_space = c.is_whitespace();
            is_after_dot = c == '.';
        }
    }

    /// Returns each word, and what is before it.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, Break)> + Clone {
        self.places.iter().map(|(range, before)| (self.text.get(range.clone()).unwrap_or_default(), *before))
    }

    /// Returns each word, the word before it, and the text from it on.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let mut previous = "";
        self.places.iter().map(move |(range, _)| {
            let rest = self.text.get(range.start..).unwrap_or_default();
            let word = rest.get(..range.len()).unwrap_or_default();
            (word, std::mem::replace(&mut previous, word), rest)
        })
    }
}
