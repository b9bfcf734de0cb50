//! What conditions look at in one message, and how much work that may be.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

use super::session::SessionFact;
use crate::limits::{JUDGE_WORK, JUDGE_WORK_PER_BYTE};
use crate::policy::compared_name::UriForms;
use crate::provenance::{CalledTool, Provenance, SessionFacts, Unremembered};
use crate::risk::Addressed;
use crate::wire::view::{self, Leaf};

/// What conditions look at in one message. All JSON is from a line that the strict reader has read.
#[derive(Clone, Copy, Debug)]
pub struct ConditionInput<'l> {
    /// The object of `args.…`; `{}` if there is none.
    pub args: &'l str,
    /// The object of `input.…`: the `inputResponses` of a call's later round. Without it, every such path is missing.
    pub input: Option<&'l str>,
    /// What `uri` is: the URI of a resource. Without it, the path is missing.
    pub uri: Option<&'l UriForms>,
    /// The object of `result.…`: what the server answers. Without it, every such path is missing.
    pub result: Option<&'l str>,
    /// Whether the tool's arguments say whom or what a call reaches.
    pub addressed: Addressed,
    /// What is remembered of the session. Without it, nothing of that can be told.
    pub provenance: Option<&'l dyn Provenance>,
    /// The tools whose calls wait until they are in the log, each with how many do. They count as called.
    pub uncommitted: Option<&'l BTreeMap<CalledTool, usize>>,
}

impl<'l, T: AsRef<str> + ?Sized> From<&'l T> for ConditionInput<'l> {
    fn from(args: &'l T) -> Self {
        Self {
            args: args.as_ref(),
            input: None,
            uri: None,
            result: None,
            addressed: Addressed::No,
            provenance: None,
            uncommitted: None,
        }
    }
}

/// What the paths of a condition can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathRoot {
    Args,
    Input,
    Uri,
    Result,
    Session(SessionFact),
}

/// What is known, before conditions look at it, of what they look for everywhere in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum AskedContent {
    /// It has nothing of that, and nothing that they do not judge.
    Nothing,
    Unknown,
}

/// The judgement of one message, whose work is bounded however many conditions look at it.
pub(in crate::policy) struct Evaluation<'l> {
    input: ConditionInput<'l>,
    asked: AskedContent,
    /// All that it may take.
    work: usize,
    /// The units of work that are left, about a nanosecond each; `None` once they did not suffice.
    left: Cell<Option<usize>>,
    names_prototype: [OnceCell<bool>; 2],
    is_fresh: OnceCell<()>,
    facts: OnceCell<SessionFacts>,
}

impl<'l> Evaluation<'l> {
    pub(in crate::policy) fn new(input: ConditionInput<'l>) -> Self {
        Self::within(input, usize::MAX)
    }

    /// Begins the judgement of a result.
    pub(in crate::policy) fn of_result(input: ConditionInput<'l>, asked: AskedContent) -> Self {
        Self { asked, ..Self::new(input) }
    }

    /// Begins a judgement that may take no more work than `most`.
    pub(in crate::policy) fn within(input: ConditionInput<'l>, most: usize) -> Self {
        let length = input.args.len()
            + input.input.map_or(0, str::len)
            + input.uri.map_or(0, UriForms::len)
            + input.result.map_or(0, str::len);
        let work = JUDGE_WORK.saturating_add(length.saturating_mul(JUDGE_WORK_PER_BYTE)).min(most);
        let left = Cell::new(Some(work));
        Self {
            input,
            asked: AskedContent::Unknown,
            work,
            left,
            names_prototype: Default::default(),
            is_fresh: OnceCell::new(),
            facts: OnceCell::new(),
        }
    }

    pub(super) fn asked(&self) -> AskedContent {
        self.asked
    }

    /// How much work it has taken.
    pub(in crate::policy) fn spent(&self) -> usize {
        self.work - self.left.get().unwrap_or_default()
    }

    /// Takes work from the budget; `None` if it does not suffice, and from then on.
    pub(in crate::policy) fn spend_work(&self, work: usize) -> Option<()> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(work)));
        self.left.get().map(drop)
    }

    /// Takes the work of walking over JSON once: most of it is in what separates values.
    pub(super) fn spend_walk(&self, json: &str) -> Option<()> {
        const TOKEN_WORK: usize = 24;
        let tokens = count_bytes(json, |byte| matches!(byte, b'"' | b',' | b':' | b'[' | b'{' | b'\\'));
        self.spend_work(json.len().saturating_add(tokens.saturating_mul(TOKEN_WORK)))
    }

    /// Takes the work of decoding a string as written.
    pub(super) fn spend_decode(&self, json: &str) -> Option<()> {
        const TEXT_WORK: usize = 256;
        const ESCAPE_WORK: usize = 32;
        match count_bytes(json, |byte| byte == b'\\') {
            0 => Some(()),
            escapes => self.spend_work(escapes.saturating_mul(ESCAPE_WORK).saturating_add(TEXT_WORK)),
        }
    }

    /// Whether the budget did not suffice. Whatever was judged meanwhile does not count: the message is refused.
    pub(in crate::policy) fn is_exhausted(&self) -> bool {
        self.left.get().is_none()
    }

    /// What is remembered of the session, as it is at the first look-up.
    pub(super) fn provenance(&self) -> &'l dyn Provenance {
        let provenance = self.input.provenance.unwrap_or(&Unremembered);
        self.is_fresh.get_or_init(|| provenance.refresh());
        provenance
    }

    /// What has happened in the session.
    pub(super) fn session_facts(&self) -> &SessionFacts {
        self.facts.get_or_init(|| self.provenance().session_facts())
    }

    /// The tools of calls that wait until they are in the log, and may never reach the server.
    pub(super) fn uncommitted(&self) -> impl ExactSizeIterator<Item = &'l CalledTool> {
        static NONE: BTreeMap<CalledTool, usize> = BTreeMap::new();
        self.input.uncommitted.unwrap_or(&NONE).keys()
    }

    pub(super) fn addressed(&self) -> Addressed {
        self.input.addressed
    }

    pub(super) fn uri(&self) -> Option<&'l UriForms> {
        self.input.uri
    }

    /// The object at a root of paths; `None` if there is none.
    pub(super) fn object(&self, root: PathRoot) -> Option<&'l str> {
        match root {
            PathRoot::Args => Some(self.input.args),
            PathRoot::Input => self.input.input,
            PathRoot::Uri | PathRoot::Session(_) => None,
            PathRoot::Result => self.input.result,
        }
    }

    /// Whether a key at any depth of a root is one that JavaScript takes for an object's prototype.
    pub(super) fn names_prototype(&self, root: PathRoot) -> bool {
        // Who reads a result is a model.
        let Some(object) = self.object(root).filter(|_| root != PathRoot::Result) else { return false };
        let [args, input] = &self.names_prototype;
        *if root == PathRoot::Args { args } else { input }.get_or_init(|| {
            // Out of work, it counts as named: the message is refused either way.
            self.spend_walk(object).is_none() || self.find_prototype(object)
        })
    }

    /// To JavaScript, what is beneath `__proto__`, `constructor` or `prototype` may be read in other places of the object.
    fn find_prototype(&self, json: &str) -> bool {
        /// The longest such key as written, in bytes: one that consists of escapes only.
        const LONGEST: usize = 6 * "constructor".len() + 2;
        view::leaves(json).any(|leaf| match leaf {
            Leaf::Key(key) if key.len() <= LONGEST => {
                self.spend_decode(key).is_none()
                    || view::decode_string(key)
                        .is_some_and(|key| matches!(&*key, "__proto__" | "constructor" | "prototype"))
            }
            Leaf::Key(_) | Leaf::Scalar(_) => false,
        })
    }
}

fn count_bytes(text: &str, is_counted: impl Fn(u8) -> bool) -> usize {
    text.bytes().filter(|byte| is_counted(*byte)).count()
}
