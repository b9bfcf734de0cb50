//! Paths to values in a call's arguments.

use std::borrow::Cow;
use std::fmt;

use super::evaluation::{Evaluation, PathRoot};
use super::session::SessionFact;
use super::{ConditionOutcome, GroupKind};
use crate::limits::MAX_PATH_STEPS;
use crate::risk::is_text_argument;
use crate::wire::lookalike::{is_alike, may_become_ascii};
use crate::wire::view::{self, Leaf};

/// A path: `args.a.b`, `args.items[0].id`, `args.items[*].id`, `args."a.b"`, `args.**`, the same after `input` or
/// `result`, or `uri`, or `session.called` and its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    root: PathRoot,
    /// The steps beneath the root; the first is a key or `**`.
    steps: Vec<PathStep>,
}

/// What the paths of conditions lead into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum PathsOf {
    /// What is asked for.
    Call,
    /// What the server answers.
    Result,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
    Every,
    /// The last step: every string and number at any depth.
    Deep,
    /// The only step: the same, and of texts the addresses in them.
    Targets,
}

/// Why a text is not a path, and where the error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// The byte of the text at which the error is; the length of the text if something is missing at its end.
    pub offset: usize,
    message: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

/// Whether the keys beneath `**` are judged like its values, in a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeysOfDeep {
    Judged,
    Skipped,
}

/// A value that a path leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathValue<'l> {
    /// Nothing is there.
    Missing,
    /// A value as written.
    Json(&'l str),
    /// One of the values of `**`: a string, a number or, in a denial, a boolean, as written.
    Deep(&'l str),
    /// A decoded text.
    Text(&'l str),
    /// A string as written, of which only the addresses count.
    Prose(&'l str),
}

impl PathValue<'_> {
    /// Returns the text of a string or a number; `None` if it is neither.
    pub(super) fn read_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(*text)),
            Self::Json(json) | Self::Deep(json) | Self::Prose(json) if json.starts_with('"') => {
                view::decode_string(json)
            }
            Self::Json(json) | Self::Deep(json) if !json.starts_with(['{', '[', 't', 'f', 'n']) => {
                Some(Cow::Borrowed(*json))
            }
            _ => None,
        }
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// Returns what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let fail = |offset, message, hint| Err(PathError { offset, message, hint });
        let beneath =
            |root: &str| text.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if text == TARGETS {
            return Ok(Self { text: text.to_owned(), root: PathRoot::Args, steps: vec![PathStep::Targets] });
        }
        if text == "tool.addressed" {
            let root = PathRoot::Session(SessionFact::Addressed);
            return Ok(Self { text: text.to_owned(), root, steps: Vec::new() });
        }
        if let Some(fact) = beneath("session") {
            let fact = SessionFact::parse(fact).map_err(|hint| PathError {
                offset: "session".len(),
                message: "a session has `read_untrusted`, `read_personal` and `called`",
                hint,
            })?;
            return Ok(Self { text: text.to_owned(), root: PathRoot::Session(fact), steps: Vec::new() });
        }
        let objects = [("args", PathRoot::Args), ("input", PathRoot::Input), ("result", PathRoot::Result)];
        let object = objects.into_iter().find_map(|(name, root)| Some((root, beneath(name)?)));
        let (root, mut rest) = match (object, beneath("uri")) {
            (Some(object), _) => object,
            (None, Some("")) => (PathRoot::Uri, ""),
            (None, Some(_)) => {
                return fail("uri".len(), "`uri` is one text, with nothing beneath it", "write `uri` alone");
            }
            _ => {
                let message = "a path starts with `args.`, `input.`, `result.` or `session.`, or is `uri`, `targets` or `tool.addressed`";
                return fail(0, message, "name the argument after `args.`, as in `args.email`");
            }
        };
        let start = text.len() - rest.len();
        if rest.is_empty() && root != PathRoot::Uri {
            return fail(start, "the path names no argument", "name the argument after `args.`, as in `args.email`");
        }
        if rest.starts_with('[') {
            let message = "the arguments are an object: they have names, not indices";
            return fail(start, message, "name the argument first, as in `args.items[0]`");
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (step, used) = match rest.strip_prefix('.') {
                Some("**") => (PathStep::Deep, rest.len()),
                Some(key) => {
                    let (key, used) =
                        parse_key(key).map_err(|error| PathError { offset: at + 1 + error.offset, ..error })?;
                    (PathStep::Key(key), 1 + used)
                }
                None if rest.starts_with('[') => parse_index(rest).ok_or(PathError {
                    offset: at,
                    message: "brackets hold a whole number from zero up, or `*`",
                    hint: "write `[0]` for the first element or `[*]` for all; quote keys: `args.\"a b\"`",
                })?,
                None => {
                    let message = "`.`, `[` or the end of the path is expected here";
                    return fail(at, message, "put a dot before the next key");
                }
            };
            if steps.len() == MAX_PATH_STEPS {
                return fail(at, TOO_MANY_STEPS, "shorten it: no tool's arguments are so deep");
            }
            steps.push(step);
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(Self { text: text.to_owned(), root, steps })
    }

    /// The name of the argument itself, without the steps beneath it; `None` if the path names no argument.
    pub fn argument_name(&self) -> Option<&str> {
        match self.steps.first() {
            Some(PathStep::Key(key)) if self.root == PathRoot::Args => Some(key),
            _ => None,
        }
    }

    /// What the path leads into.
    pub(in crate::policy) fn paths_of(&self) -> PathsOf {
        if self.root == PathRoot::Result { PathsOf::Result } else { PathsOf::Call }
    }

    /// What the path says of the session; `None` if it leads to something else.
    pub(in crate::policy) fn session_fact(&self) -> Option<SessionFact> {
        if let PathRoot::Session(fact) = self.root { Some(fact) } else { None }
    }

    /// Whether the path is `uri`.
    pub(in crate::policy) fn is_uri(&self) -> bool {
        self.root == PathRoot::Uri
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path has a `[*]`.
    pub(in crate::policy) fn has_every(&self) -> bool {
        self.steps.contains(&PathStep::Every)
    }

    /// Whether the path leads to every value beneath some place.
    pub(in crate::policy) fn is_deep(&self) -> bool {
        matches!(self.steps.last(), Some(PathStep::Deep | PathStep::Targets))
    }

    /// Whether the path is `targets`.
    pub(in crate::policy) fn is_targets(&self) -> bool {
        self.steps.last() == Some(&PathStep::Targets)
    }

    /// Whether the path leads into the input of a later round.
    pub(in crate::policy) fn is_beneath_input(&self) -> bool {
        self.root == PathRoot::Input
    }

    /// Whether the path leads to one argument or one value in it.
    pub(in crate::policy) fn is_one_argument(&self) -> bool {
        self.root == PathRoot::Args && !self.has_every() && !self.is_deep()
    }

    /// Returns the one value at the path in the arguments, as written; `None` if there is none, if it cannot be judged
    /// which one it is, or if the path leads to several values.
    pub(in crate::policy) fn find_value<'l>(&self, evaluation: &Evaluation<'l>) -> Option<&'l str> {
        let arguments = evaluation.object(PathRoot::Args).filter(|_| !evaluation.names_prototype(PathRoot::Args))?;
        self.steps.iter().try_fold(arguments, |at, step| {
            evaluation.spend_walk(at)?;
            match step {
                PathStep::Key(name) => match find_member(at, name, evaluation) {
                    MemberMatch::Is(value) => Some(value),
                    MemberMatch::Absent | MemberMatch::Ambiguous => None,
                },
                PathStep::Index(index) => view::elements(at).nth(*index).and_then(|range| at.get(range)),
                PathStep::Every | PathStep::Deep | PathStep::Targets => None,
            }
        })
    }

    /// Whether it is `result.**`.
    pub(super) fn is_all_of_result(&self) -> bool {
        self.root == PathRoot::Result && self.steps == [PathStep::Deep]
    }

    /// Returns the object that the path leads into; `None` if there is none.
    pub(super) fn object<'l>(&self, evaluation: &Evaluation<'l>) -> Option<&'l str> {
        evaluation.object(self.root)
    }

    /// Judges the values at the path.
    pub(super) fn judge_values(
        &self,
        kind: GroupKind,
        evaluation: &Evaluation<'_>,
        keys: KeysOfDeep,
        judge: impl Fn(PathValue<'_>) -> ConditionOutcome,
    ) -> ConditionOutcome {
        match evaluation.object(self.root) {
            None => judge(PathValue::Missing),
            Some(_) if evaluation.names_prototype(self.root) => ConditionOutcome::Unjudgeable,
            Some(object) => Walk { kind, evaluation, keys, judge }.follow_steps(&self.steps, object),
        }
    }
}

/// The path to what a call reaches.
const TARGETS: &str = "targets";

const TOO_MANY_STEPS: &str = "the path has more than 32 steps";

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses a bare or quoted key, and returns it with its length in bytes. The offset of an error is from its start.
fn parse_key(text: &str) -> Result<(String, usize), PathError> {
    let fail = |offset, message, hint| Err(PathError { offset, message, hint });
    if !text.starts_with('"') {
        let used = bare_key_length(text);
        let (key, rest) = text.split_at(used);
        if key.is_empty() && (rest.is_empty() || rest.starts_with(['.', '['])) {
            return fail(0, "a key is missing here", "put the key after the dot, or remove the dot");
        }
        if !rest.is_empty() && !rest.starts_with(['.', '[']) {
            let hint = "quote the key, as in `args.\"a.b\"`; all elements of a list are `[*]`, and `.**` at the end is \
                        every value";
            return fail(used, "a key with such a character needs quotes", hint);
        }
        return Ok((key.to_owned(), used));
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let used = end.map_or(text.len(), |(at, quote)| at + quote.len_utf8());
    // The strict reader refuses every key with a NUL.
    match text.get(..used).and_then(view::decode_string) {
        Some(key) if end.is_some() && !key.contains('\0') => Ok((key.into_owned(), used)),
        _ => {
            let hint = "close the quotes; inside them, `\"` and `\\` take a backslash, as in JSON";
            fail(0, "the quoted key is not a string", hint)
        }
    }
}

fn bare_key_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@'))).unwrap_or(text.len())
}

/// Parses the brackets at the start of a text, and returns the step with its length in bytes.
fn parse_index(text: &str) -> Option<(PathStep, usize)> {
    let (inside, _) = text.strip_prefix('[')?.split_once(']')?;
    let step = if inside == "*" {
        PathStep::Every
    } else if inside.bytes().all(|byte| byte.is_ascii_digit()) && (inside == "0" || !inside.starts_with('0')) {
        PathStep::Index(inside.parse().ok()?)
    } else {
        return None;
    };
    Some((step, inside.len() + 2))
}

struct Walk<'e, 'l, J> {
    kind: GroupKind,
    evaluation: &'e Evaluation<'l>,
    keys: KeysOfDeep,
    judge: J,
}

impl<J: Fn(PathValue<'_>) -> ConditionOutcome> Walk<'_, '_, J> {
    /// Follows the steps. They are few, so this recurses; each step reads its container once.
    fn follow_steps(&self, steps: &[PathStep], json: &str) -> ConditionOutcome {
        let Some((step, rest)) = steps.split_first() else { return (self.judge)(PathValue::Json(json)) };
        if self.evaluation.spend_walk(json).is_none() {
            return ConditionOutcome::Unjudgeable;
        }
        match step {
            PathStep::Key(_) if !json.starts_with('{') => ConditionOutcome::Unjudgeable,
            PathStep::Index(_) | PathStep::Every if !json.starts_with('[') => ConditionOutcome::Unjudgeable,
            PathStep::Key(name) => match find_member(json, name, self.evaluation) {
                MemberMatch::Is(value) => self.follow_steps(rest, value),
                MemberMatch::Absent => (self.judge)(PathValue::Missing),
                MemberMatch::Ambiguous => ConditionOutcome::Unjudgeable,
            },
            PathStep::Index(index) => match view::elements(json).nth(*index).and_then(|range| json.get(range)) {
                Some(element) => self.follow_steps(rest, element),
                None => (self.judge)(PathValue::Missing),
            },
            // The strongest outcome of an element is the outcome of all.
            PathStep::Every => view::elements(json)
                .map(|element| self.follow_steps(rest, json.get(element).unwrap_or_default()))
                .max()
                .unwrap_or(ConditionOutcome::Fails),
            PathStep::Deep => self.judge_leaves(find_leaves(json, self.keys).map(PathValue::Deep)),
            PathStep::Targets => self.judge_leaves(view::members(json).flat_map(|member| {
                let is_text = member.key().is_some_and(|key| is_text_argument(&key));
                find_leaves(member.value, self.keys).map(move |leaf| match is_text && leaf.starts_with('"') {
                    true => PathValue::Prose(leaf),
                    false => PathValue::Deep(leaf),
                })
            })),
        }
    }

    /// The outcome for the first leaf that decides: one that does not hold in a requirement, one that does not fail in a
    /// denial.
    fn judge_leaves<'v>(&self, leaves: impl Iterator<Item = PathValue<'v>>) -> ConditionOutcome {
        let mut is_empty = true;
        for value in leaves {
            let (PathValue::Deep(leaf) | PathValue::Prose(leaf)) = value else { continue };
            // A boolean is neither string nor number, but a string that is retyped to one must not get past a denial.
            let is_boolean = leaf.starts_with(['t', 'f']);
            if leaf.starts_with('n') || (is_boolean && self.kind == GroupKind::Requirement) {
                continue;
            }
            match ((self.judge)(value), self.kind) {
                (ConditionOutcome::Holds, GroupKind::Requirement) | (ConditionOutcome::Fails, GroupKind::Denial) => {}
                (decided, _) => return decided,
            }
            is_empty &= is_boolean;
        }
        match self.kind {
            _ if is_empty => (self.judge)(PathValue::Missing),
            GroupKind::Denial => ConditionOutcome::Fails,
            GroupKind::Requirement => ConditionOutcome::Holds,
        }
    }
}

/// Returns the scalars at any depth, and the keys that are judged like them.
fn find_leaves(json: &str, keys: KeysOfDeep) -> impl Iterator<Item = &str> {
    view::leaves(json).filter_map(move |leaf| match leaf {
        Leaf::Scalar(leaf) => Some(leaf),
        Leaf::Key(key) => (keys == KeysOfDeep::Judged && may_be_value(key)).then_some(key),
    })
}

/// Whether a key is more than a name of an argument: it has a digit, or a character that stands in addresses and sentences.
fn may_be_value(key: &str) -> bool {
    key.bytes().any(|byte| !byte.is_ascii_alphabetic() && !matches!(byte, b'"' | b'_' | b'-'))
}

enum MemberMatch<'l> {
    Is(&'l str),
    Absent,
    /// Some parser may take another key for this one.
    Ambiguous,
}

fn find_member<'l>(object: &'l str, name: &str, evaluation: &Evaluation<'_>) -> MemberMatch<'l> {
    let mut found = MemberMatch::Absent;
    for member in view::members(object) {
        if evaluation.spend_decode(member.written_key()).is_none() {
            return MemberMatch::Ambiguous;
        }
        let Some(key) = member.key() else { return MemberMatch::Ambiguous };
        if key == name {
            found = MemberMatch::Is(member.value);
            continue;
        }
        // Servers in some languages match keys case-insensitively, and parsers drop or replace a lone surrogate.
        // Renaming an argument must not be a way past a rule.
        if compare_key(&key, name, evaluation).unwrap_or(true) {
            return MemberMatch::Ambiguous;
        }
    }
    found
}

/// Whether some parser may take a key for a name that it is not; `None` if there is too little work left to tell.
fn compare_key(key: &str, name: &str, evaluation: &Evaluation<'_>) -> Option<bool> {
    /// The units of work to look at a character that is not ASCII, and to fold a byte.
    const LOOK_WORK: usize = 256;
    const FOLD_WORK: usize = 512;
    if !key.is_ascii() || !name.is_ascii() {
        for c in key.chars().filter(|c| name.is_ascii() && !c.is_ascii()) {
            evaluation.spend_work(LOOK_WORK)?;
            if !may_become_ascii(c) {
                return Some(false);
            }
        }
        evaluation.spend_work(key.len().saturating_add(name.len()).saturating_mul(FOLD_WORK))?;
    }
    Some(is_alike(key, name))
}
