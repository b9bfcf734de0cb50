//! Paths to values in a call's arguments.

use std::fmt;

use super::ConditionOutcome;
use crate::limits::MAX_PATH_STEPS;
use crate::wire::lookalike::is_alike;
use crate::wire::view;

/// A path into the arguments of a call: `args.a.b`, `args.items[0].id`, `args.items[*].id`, `args."a.b"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    /// The steps beneath `args`; the first is a key.
    steps: Vec<PathStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
    Every,
}

/// Why a text is not a path, and where the error is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct PathError {
    /// The byte of the text at which the error is; the length of the text if something is missing at its end.
    pub offset: usize,
    /// What is wrong there.
    pub problem: PathProblem,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// The path does not begin with `args`.
    #[error("a path starts with `args.`")]
    NotArguments,
    /// `args` with nothing beneath it.
    #[error("the path names no argument")]
    NoArgument,
    /// `args[0]`, `args[*]`.
    #[error("the arguments are an object: they have names and no places")]
    IndexedArguments,
    /// A dot without a key after it.
    #[error("a key is missing here")]
    NoKey,
    /// A character that only a quoted key can have.
    #[error("a key that has such a character needs quotes")]
    Unquoted,
    /// A quoted key that does not end, or has a wrong escape.
    #[error("the quoted key is no string")]
    BadQuotes,
    /// Brackets around something other than a number or a star.
    #[error("between brackets stands a number from zero up, or `*`")]
    BadIndex,
    /// Something other than a dot or a bracket after a step.
    #[error("here `.`, `[` or the end of the path is expected")]
    Trailing,
    /// More steps than arguments can be deep.
    #[error("the path has more than {max} steps", max = MAX_PATH_STEPS)]
    TooLong,
}

impl PathError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self.problem {
            PathProblem::NotArguments | PathProblem::NoArgument => {
                "name the argument after `args.`, as in `args.email`"
            }
            PathProblem::IndexedArguments => "name the argument first, as in `args.items[0]`",
            PathProblem::NoKey => "put the key after the dot, or take the dot out",
            PathProblem::Unquoted => "quote the key, as in `args.\"a.b\"`; all elements of a list are `[*]`",
            PathProblem::BadQuotes => "close the quotes; inside them, `\"` and `\\` take a backslash, as in JSON",
            PathProblem::BadIndex => "write `[0]` for the first element or `[*]` for all; quote keys: `args.\"a b\"`",
            PathProblem::Trailing => "put a dot before the next key",
            PathProblem::TooLong => "no tool's arguments are so deep: shorten it",
        }
    }
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// With what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let fail = |offset, problem| Err(PathError { offset, problem });
        let mut rest = match text.strip_prefix("args") {
            Some("") => return fail(text.len(), PathProblem::NoArgument),
            Some(rest) if rest.starts_with('[') => return fail("args".len(), PathProblem::IndexedArguments),
            Some(rest) if rest.starts_with('.') => rest,
            _ => return fail(0, PathProblem::NotArguments),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (step, used) = if let Some(key) = rest.strip_prefix('.') {
                let (key, used) = parse_key(key).map_err(|problem| match problem {
                    // The character is not the first one of the key: point at it.
                    PathProblem::Unquoted => PathError { offset: at + 1 + bare_key_length(key), problem },
                    problem => PathError { offset: at + 1, problem },
                })?;
                (PathStep::Key(key), 1 + used)
            } else if rest.starts_with('[') {
                parse_index(rest).ok_or(PathError { offset: at, problem: PathProblem::BadIndex })?
            } else {
                return fail(at, PathProblem::Trailing);
            };
            if steps.len() == MAX_PATH_STEPS {
                return fail(at, PathProblem::TooLong);
            }
            steps.push(step);
            rest = rest.get(used..).unwrap_or_default();
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The name of the argument itself, without the steps beneath it.
    pub fn argument_name(&self) -> &str {
        match self.steps.first() {
            Some(PathStep::Key(key)) => key,
            _ => "",
        }
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path has a `[*]` and so leads to several values.
    pub(in crate::policy) fn has_every(&self) -> bool {
        self.steps.contains(&PathStep::Every)
    }

    /// Returns the one value at the path as written; `None` if there is none, if it is ambiguous, or if the path leads
    /// to several values.
    pub(in crate::policy) fn find_value<'l>(&self, arguments: &'l str) -> Option<&'l str> {
        self.steps.iter().try_fold(arguments, |at, step| match step {
            PathStep::Key(name) => match find_member(at, name) {
                MemberMatch::Is(value) => Some(value),
                MemberMatch::Absent | MemberMatch::Ambiguous => None,
            },
            PathStep::Index(index) => view::elements(at).nth(*index).and_then(|range| at.get(range)),
            PathStep::Every => None,
        })
    }

    /// Judges the values at the path in an object that the strict reader has read (`None` if there is none).
    pub(super) fn judge_values(
        &self,
        arguments: &str,
        judge: impl Fn(Option<&str>) -> ConditionOutcome,
    ) -> ConditionOutcome {
        walk_steps(&self.steps, arguments, &judge)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses a bare or quoted key, and returns it with its length in bytes.
fn parse_key(text: &str) -> Result<(String, usize), PathProblem> {
    if !text.starts_with('"') {
        let used = bare_key_length(text);
        return match (text.get(..used), text.get(used..).and_then(|rest| rest.chars().next())) {
            (Some(key), None | Some('.' | '[')) if !key.is_empty() => Ok((key.to_owned(), used)),
            (_, None | Some('.' | '[')) => Err(PathProblem::NoKey),
            _ => Err(PathProblem::Unquoted),
        };
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
        _ => Err(PathProblem::BadQuotes),
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

/// Follows the steps. They are few, so this recurses; each step reads its container once.
fn walk_steps(steps: &[PathStep], json: &str, judge: &impl Fn(Option<&str>) -> ConditionOutcome) -> ConditionOutcome {
    let Some((step, rest)) = steps.split_first() else { return judge(Some(json)) };
    let below = |json: &str| walk_steps(rest, json, judge);
    match step {
        PathStep::Key(_) if !json.starts_with('{') => ConditionOutcome::Unjudgeable,
        PathStep::Index(_) | PathStep::Every if !json.starts_with('[') => ConditionOutcome::Unjudgeable,
        PathStep::Key(name) => match find_member(json, name) {
            MemberMatch::Is(value) => below(value),
            MemberMatch::Absent => judge(None),
            MemberMatch::Ambiguous => ConditionOutcome::Unjudgeable,
        },
        PathStep::Index(index) => match view::elements(json).nth(*index).and_then(|range| json.get(range)) {
            Some(element) => below(element),
            None => judge(None),
        },
        // The strongest outcome of an element is the outcome of all.
        PathStep::Every => view::elements(json)
            .map(|element| below(json.get(element).unwrap_or_default()))
            .max()
            .unwrap_or(ConditionOutcome::Fails),
    }
}

enum MemberMatch<'l> {
    Is(&'l str),
    Absent,
    /// Some parser may take another key for this one.
    Ambiguous,
}

fn find_member<'l>(object: &'l str, name: &str) -> MemberMatch<'l> {
    let mut found = MemberMatch::Absent;
    for member in view::members(object) {
        match member.key() {
            Some(key) if key == name => found = MemberMatch::Is(member.value),
            // Servers in some languages match keys case-insensitively, and parsers drop or replace a lone surrogate.
            // Renaming an argument must not be a way past a rule.
            Some(key) if is_alike(&key, name) => return MemberMatch::Ambiguous,
            None => return MemberMatch::Ambiguous,
            Some(_) => {}
        }
    }
    found
}
