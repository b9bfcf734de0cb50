//! The words by which the classifier tells what a tool does, and how it splits a text into words.

use std::borrow::Cow;

use crate::risk::class::Class;
use crate::visible::is_invisible;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verb {
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

/// Returns the verb for a word in lower case, in its base form.
pub(super) fn find_verb(word: &str) -> Option<Verb> {
    use Class::{Destructive, Execute, Financial, Read, Write};
    use VerbPlace::{Anywhere, First};
    #[rustfmt::skip]
    let (class, place) = match word {
        "analyse" | "analyze" | "audit" | "blame" | "browse" | "calculate" | "cat" | "check" | "compare" | "compute" | "count"
        | "decode" | "describe" | "detect" | "diff" | "discover" | "echo" | "encode" | "enumerate" | "estimate" | "exists"
        | "explain" | "extract" | "fetch" | "filter" | "find" | "geocode" | "get" | "glob" | "grep" | "has" | "head"
        | "inspect" | "is" | "list" | "lookup" | "ls" | "monitor" | "parse" | "peek" | "ping" | "poll" | "preview" | "query"
        | "read" | "recall" | "retrieve" | "scrape" | "screenshot" | "search" | "show" | "stat" | "status" | "suggest"
        | "summarise" | "summarize" | "tail" | "tree" | "validate" | "view" | "wait" | "whoami" => (Read, First),

        "add" | "append" | "assign" | "attach" | "configure" | "create" | "deactivate" | "decrement" | "detach" | "disable"
        | "dismiss" | "edit" | "enable" | "increment" | "initialize" | "insert" | "modify" | "move" | "mutate" | "put"
        | "reassign" | "register" | "remember" | "rename" | "reopen" | "replace" | "save" | "subscribe" | "unarchive"
        | "unassign" | "unlock" | "unpin" | "unsubscribe" | "update" | "upsert" | "write" => (Write, Anywhere),
        "alter" | "annotate" | "block" | "bookmark" | "change" | "clone" | "close" | "comment" | "commit" | "complete"
        | "copy" | "download" | "draft" | "duplicate" | "fork" | "import" | "init" | "label" | "link" | "lock" | "mark" | "mute"
        | "patch" | "pin" | "pull" | "rebase" | "record" | "resize" | "set" | "stage" | "star" | "stash" | "store" | "tag" | "toggle"
        | "transition" | "upload" => (Write, First),

        "activate" | "approve" | "authorize" | "broadcast" | "click" | "deploy" | "dispatch" | "drain" | "enqueue" | "eval"
        | "evaluate" | "exec" | "execute" | "impersonate" | "install" | "invoke" | "launch" | "manage" | "migrate"
        | "navigate" | "notify" | "promote" | "provision" | "publish" | "reboot" | "reject" | "rerun" | "resend" | "restart"
        | "restore" | "retry" | "revert" | "revoke" | "rollback" | "send" | "shutdown" | "spawn" | "submit" | "unpublish"
            => (Execute, Anywhere),
        "apply" | "archive" | "build" | "call" | "checkout" | "connect" | "control" | "cordon" | "crawl" | "debug" | "dm"
        | "drag" | "email" | "export" | "fill" | "fire" | "follow" | "format" | "forward" | "goto" | "grant" | "hover" | "invite" | "kick"
        | "login" | "mail" | "merge" | "pause" | "play" | "post" | "press" | "process" | "push" | "release" | "reply"
        | "request" | "resume" | "rollout" | "rotate" | "run" | "scale" | "schedule" | "share" | "sms" | "ssh" | "start"
        | "stop" | "swipe" | "sync" | "tap" | "test" | "track" | "trigger" | "tweet" | "type" => (Execute, First),

// Other words that begin names, so that the next word is not a verb: `reorder_list_items` does not list anything.
        "accept" | "adjust" | "allow" | "annihilate" | "bypass" | "decline" | "demolish" | "escalate" | "generate" | "handle"
        | "hijack" | "ingest" | "inject" | "load" | "obliterate" | "open" | "optimize" | "override" | "perform" | "permit"
        | "prepare" | "rearrange" | "rebuild" | "recreate" | "refresh" | "regenerate" | "reindex" | "reorder" | "reorganize"
        | "sanitize" | "scrub" | "seed" | "shuffle" | "sign" | "skip" | "split" | "squash" | "strip" | "suspend" | "tweak"
        | "unblock" | "use" | "vacuum" | "wreck" => (Execute, First),

        "abort" | "cancel" | "clear" | "decommission" | "del" | "delete" | "deprovision" | "deregister" | "destroy" | "discard"
        | "drop" | "erase" | "evict" | "expunge" | "flush" | "forget" | "kill" | "nuke" | "overwrite" | "prune" | "purge"
        | "redact" | "remove" | "reset" | "rm" | "rmdir" | "shred" | "teardown" | "terminate" | "trash" | "truncate"
        | "uninstall" | "unregister" | "wipe" => (Destructive, Anywhere),
        "ban" | "clean" | "cleanup" | "deletion" | "empty" | "expire" | "removal" | "unlink" | "void" => (Destructive, First),

        "buy" | "disburse" | "donate" | "invest" | "reimburse" | "remit" | "sell" | "withdraw" => (Financial, Anywhere),
        "bid" | "bill" | "charge" | "deposit" | "invoice" | "pay" | "payment" | "payout" | "purchase" | "refund" | "stake"
        | "swap" | "topup" | "trade" | "transfer" | "wire" => (Financial, First),
        _ => return None,
    };
    Some(Verb { class, place })
}

/// Whether a verb for reading is as often a noun, as in `query_run` and `rework_query`.
#[rustfmt::skip]
pub(super) fn is_thing_too(word: &str) -> bool {
    matches!(word,
        "audit" | "count" | "diff" | "filter" | "head" | "list" | "query" | "screenshot" | "stat" | "status"
            | "tail" | "tree")
}

/// Whether a word is a plural; a verb in its base form hardly ever ends like one.
pub(super) fn is_plural(word: &str) -> bool {
    strip_plural(word) != word
}

/// Whether a change to such an object moves money.
#[rustfmt::skip]
pub(super) fn is_money(word: &str) -> bool {
    matches!(strip_plural(word),
        "bid" | "billing" | "charge" | "debit" | "deposit" | "donation" | "fund" | "invoice" | "money"
            | "payment" | "payout" | "payroll" | "purchase" | "refund" | "trade" | "transfer" | "withdrawal")
}

/// Whether such an object, once created, acts by itself: it is sent, runs, or reacts to what others do.
#[rustfmt::skip]
pub(super) fn is_set_off(word: &str) -> bool {
    matches!(strip_plural(word),
        "broadcast" | "build" | "call" | "campaign" | "deployment" | "event" | "execution" | "export"
            | "invitation" | "invite" | "job" | "meeting" | "message" | "notification" | "post" | "release"
            | "run" | "tweet" | "webhook")
}

/// Whether a change to such an object has wider effects: it is code that runs later, or says who may do what.
#[rustfmt::skip]
pub(super) fn is_far_reaching(word: &str) -> bool {
    matches!(strip_plural(word),
        "acl" | "apex" | "automation" | "collaborator" | "cron" | "crontab" | "hook" | "lambda" | "permission"
            | "pipeline" | "query" | "script" | "sql" | "worker")
}

/// Whether a tool with such a word acts on things outside its server: any page, any cluster.
pub(super) fn is_remote_control(word: &str) -> bool {
    matches!(word, "browser" | "helm" | "kubectl" | "playwright" | "puppeteer" | "selenium" | "terraform")
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
    const LONG: [&str; 8] =
        ["cancel", "delete", "destroy", "overwrite", "remove", "terminate", "truncate", "uninstall"];
    let (verb, rest) = LONG.iter().find_map(|verb| Some((*verb, word.strip_prefix(verb)?)))?;
    let inflected = rest.starts_with('l') || matches!(rest, "" | "d" | "s" | "r" | "rs" | "ed" | "er" | "ers" | "ing");
    (!inflected).then_some((verb, Class::Destructive))
}

/// Returns the base forms of a word in a text: "delete" of "deletes", "copy" of "copies", "stop" of "stopping".
pub(super) fn base_forms(word: &str) -> [Option<(Cow<'_, str>, Form)>; 6] {
    let cut = |end: &str| word.strip_suffix(end).filter(|rest| rest.len() > 1);
    let third = |base| Some((base, Form::Third));
    let ing = |base| Some((base, Form::Ing));
    // Without the last letter, if it is doubled.
    let single = |rest: &'_ str| -> Option<usize> {
        let mut letters = rest.char_indices().rev();
        let (at, last) = letters.next()?;
        letters.next().filter(|(_, before)| *before == last).map(|_| at)
    };
    [
        Some((Cow::Borrowed(word), Form::Base)),
        cut("s").and_then(|base| third(base.into())),
        cut("es").and_then(|base| third(base.into())),
        cut("ies").and_then(|base| third(format!("{base}y").into())),
        cut("ing").and_then(|rest| ing(single(rest).and_then(|at| rest.get(..at)).unwrap_or(rest).into())),
        cut("ing").and_then(|rest| ing(format!("{rest}e").into())),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Base,
    Third,
    Ing,
}

/// A piece of a name between two separators, without characters that are invisible or not ASCII.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The words in lower case: `getURLById2` is get, url, by, id.
    pub(super) words: Vec<String>,
    /// All letters in lower case, with digits and letters that look like others replaced by those.
    pub(super) skeleton: String,
}

impl Chunk {
    fn from_text(text: &str) -> Self {
        let letters: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut chunk = Self::default();
        let mut word = String::new();
        for (at, &c) in letters.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| letters.get(at));
            let starts = c.is_ascii_uppercase()
                && (before.is_some_and(char::is_ascii_lowercase)
                    || letters.get(at + 1).is_some_and(char::is_ascii_lowercase));
            if starts || c.is_ascii_digit() {
                chunk.finish_word(&mut word);
            }
            if !c.is_ascii_digit() {
                word.push(c.to_ascii_lowercase());
            }
            chunk.skeleton.push(match c {
                '0' => 'o',
                '1' | 'I' => 'l',
                '3' => 'e',
                '4' => 'a',
                '5' => 's',
                '7' => 't',
                c => c.to_ascii_lowercase(),
            });
        }
        chunk.finish_word(&mut word);
        // A number is a number, not a word that looks like one.
        if letters.iter().all(char::is_ascii_digit) {
            chunk.skeleton = letters.into_iter().collect();
        }
        chunk
    }

    fn finish_word(&mut self, word: &mut String) {
        if !word.is_empty() {
            self.words.push(std::mem::take(word));
        }
    }
}

/// Splits a name at the marks of a namespace (`iterable.get_lists`, `ns__tool`, `a/b`), and the parts into chunks.
pub(super) fn split_segments(name: &str) -> Vec<Vec<Chunk>> {
    let name = name.replace("__", ".");
    name.split(['.', '/', ':', '\\'])
        .map(|segment| {
            let chunks = segment.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control());
            chunks.map(Chunk::from_text).filter(|chunk| !chunk.skeleton.is_empty()).collect()
        })
        .filter(|segment: &Vec<Chunk>| !segment.is_empty())
        .collect()
}

/// Splits a short name, such as an argument's.
pub(super) fn split_words(name: &str) -> Vec<String> {
    split_segments(name).into_iter().flatten().flat_map(|chunk| chunk.words).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    Sentence,
    Clause,
    Word,
}

/// Splits a text into words in lower case, with what is before each. An apostrophe belongs to its word.
pub(super) fn split_tokens(text: &str) -> Vec<(String, Break)> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut before = Break::Sentence;
    let mut next = Break::Word;
    let mut dot = false;
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if c.is_alphanumeric() || c == '_' || ((c == '\'' || c == '’') && !word.is_empty()) {
            if word.is_empty() && !tokens.is_empty() {
                before = next;
            }
            word.extend(c.to_lowercase().map(|c| if c == '’' { '\'' } else { c }));
            dot = false;
            continue;
        }
        if !word.is_empty() {
            tokens.push((std::mem::take(&mut word), before));
            next = Break::Word;
        }
        // A dot within a word, as in "e.g" or "example.com", ends nothing.
        let ends = matches!(c, '!' | '?' | '\n' | '。') || (dot && c.is_whitespace());
        if ends {
            next = Break::Sentence;
        } else if matches!(c, ',' | ';' | ':' | '(' | '/' | '-' | '–' | '—' | '•' | '*' | '`' | '"')
            && next != Break::Sentence
        {
            next = Break::Clause;
        }
        dot = c == '.';
    }
    if !word.is_empty() {
        tokens.push((word, before));
    }
    tokens
}
