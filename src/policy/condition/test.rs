//! The test that an operator with its value makes of an argument.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::directory::Directory;
use super::evaluation::Evaluation;
use super::operator::Operator;
use super::path::PathValue;
use super::regex::BoundedRegex;
use super::session::{SourceGlob, ValueSource};
use super::{ConditionOutcome, GroupKind};
use crate::content::{ContentKind, ContentKinds, has_content};
use crate::limits::MAX_JUDGED_NUMBER;
use crate::policy::diagnostic::{Diagnostic, quote_for_message};
use crate::policy::glob::NamePattern;
use crate::policy::keys::words::{list_words, nearest_word};
use crate::policy::number::Number;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::wire::view;

/// The units of work that the test of a value takes besides that of its bytes.
const VALUE_WORK: usize = 96;
/// The same for an element of a list that is searched.
const ELEMENT_WORK: usize = 128;
/// How long a number with an exponent may be that has too few digits for a detector.
pub(super) const FEW_DIGITS: usize = 8;

/// The value of a condition, compiled for its operator. Negative operators share it with their opposites.
#[derive(Debug)]
pub(in crate::policy) enum OperatorTest {
    Equals(ScalarValue),
    OneOf(ValueSet),
    Compares(NumberValue),
    Regex(Box<BoundedRegex>),
    Contains(ScalarValue),
    StartsWith(String),
    EndsWith(String),
    Exists(Presence),
    Glob(NamePattern),
    Length(usize),
    Under(Directory),
    Detects(ContentKinds),
    CameFrom(ValueSource),
    /// Of `session.called` alone.
    Called(SourceGlob),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Presence {
    There,
    Missing,
}

#[derive(Debug)]
pub(in crate::policy) enum ScalarValue {
    String(String),
    Number(NumberValue),
    Boolean(bool),
}

/// A number, and the double that most servers make of it.
#[derive(Debug)]
pub(in crate::policy) struct NumberValue {
    exact: Number<'static>,
    double: f64,
}

/// The values of a list, by type; strings and numbers are sorted.
#[derive(Debug, Default)]
pub(in crate::policy) struct ValueSet {
    strings: Vec<String>,
    numbers: Vec<NumberValue>,
    booleans: Vec<bool>,
}

pub(super) enum ArgumentValue<'l> {
    String(Cow<'l, str>),
    Number(&'l str),
    Boolean(bool),
    Array(&'l str),
    Object(&'l str),
    /// Null, and a string that programs read differently.
    Unjudgeable,
}

impl OperatorTest {
    /// Compiles the value of a condition for its operator, or returns what is wrong with it.
    pub(in crate::policy) fn compile(operator: Operator, value: &DocumentNode) -> Result<Self, Diagnostic> {
        let number = |text: &str| NumberValue::compile(value, text);
        Ok(match (operator, &value.value) {
            (Operator::In | Operator::NotIn, DocumentValue::Array(items)) => {
                Self::OneOf(ValueSet::compile(value, items)?)
            }
            (Operator::Eq | Operator::Neq, _) => Self::Equals(ScalarValue::compile(operator, value)?),
            (Operator::Contains | Operator::NotContains, _) => Self::Contains(ScalarValue::compile(operator, value)?),
            (
                Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte,
                DocumentValue::Integer(text) | DocumentValue::Float(text),
            ) => Self::Compares(number(text)?),
            (Operator::Regex | Operator::NotRegex, DocumentValue::String(pattern)) => {
                Self::Regex(Box::new(BoundedRegex::compile(pattern, &value.span)?))
            }
            (Operator::StartsWith, DocumentValue::String(text)) => Self::StartsWith(text.clone()),
            (Operator::EndsWith, DocumentValue::String(text)) => Self::EndsWith(text.clone()),
            (Operator::Exists, DocumentValue::Boolean(true)) => Self::Exists(Presence::There),
            (Operator::Exists, DocumentValue::Boolean(false)) => Self::Exists(Presence::Missing),
            (Operator::Glob, DocumentValue::String(glob)) => {
                Self::Glob(NamePattern::parse(glob).map_err(|bad| {
                    Diagnostic::error("bad-glob", value.span.clone(), bad.message).with_hint(bad.hint)
                })?)
            }
            (Operator::LenLte | Operator::LenGte, DocumentValue::Integer(text) | DocumentValue::Float(text)) => {
                let length = number(text)?.exact.scale_to(0).ok().and_then(|length| usize::try_from(length).ok());
                let message = || format!("{} is not a length", quote_for_message(text));
                Self::Length(length.ok_or_else(|| bad_value(value, message(), "write a whole number from zero up"))?)
            }
            (Operator::Under, DocumentValue::String(directory)) => {
                let message = || format!("the text of {} does not show where it leads", quote_for_message(directory));
                let hint = "write it from its root and without `%` escapes, such as \"/srv/data\"; a directory relative \
                            to the server's own may not climb out of it";
                Self::Under(Directory::parse(directory).ok_or_else(|| bad_value(value, message(), hint))?)
            }
            (Operator::Detects, DocumentValue::String(_)) => Self::Detects([read_kind(value)?].into_iter().collect()),
            (Operator::Detects, DocumentValue::Array(items)) if !items.is_empty() => {
                Self::Detects(items.iter().map(read_kind).collect::<Result<_, _>>()?)
            }
            (Operator::CameFrom, DocumentValue::String(text)) => Self::CameFrom(ValueSource::read(value, text)?),
            _ => return Err(wrong_type(operator, value)),
        })
    }

    /// Returns what is wrong with the test under `**`, which leads to strings and numbers; `None` if nothing is.
    pub(in crate::policy) fn fault_when_deep(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Equals(ScalarValue::Boolean(_)) => {}
            Self::OneOf(set) if !set.booleans.is_empty() => {}
            Self::Contains(ScalarValue::Number(_) | ScalarValue::Boolean(_)) => {
                return Some((
                    "`**` leads to strings and numbers, and neither contains this",
                    "use `eq` to compare each",
                ));
            }
            _ => return None,
        }
        Some(("`**` leads to strings and numbers, and this is a boolean", "name the argument, as in `args.dryRun`"))
    }

    /// Judges the value at the path.
    pub(super) fn judge_value(
        &self,
        (operator, kind): (Operator, GroupKind),
        found: PathValue<'_>,
        evaluation: &Evaluation<'_>,
    ) -> ConditionOutcome {
        if let Self::Exists(presence) = self {
            // A boolean among the values of `**` is none of them.
            let is_boolean = matches!(found, PathValue::Deep(json) if json.starts_with(['t', 'f']));
            let is = if matches!(found, PathValue::Missing) { Presence::Missing } else { Presence::There };
            return if is == *presence && !is_boolean { ConditionOutcome::Holds } else { ConditionOutcome::Fails };
        }
        let (PathValue::Json(written)
        | PathValue::Deep(written)
        | PathValue::Text(written)
        | PathValue::Prose(written)) = found
        else {
            return ConditionOutcome::Missing;
        };
        let work = VALUE_WORK.saturating_add(written.len().saturating_mul(self.work_per_byte(written)));
        if evaluation.spend_work(work).and_then(|()| self.spend_reading(found, written, evaluation)).is_none() {
            return ConditionOutcome::Unjudgeable;
        }
        let argument = match found {
            PathValue::Text(text) => ArgumentValue::String(Cow::Borrowed(text)),
            _ => ArgumentValue::from_json(written),
        };
        let holds = match found {
            _ if let Self::CameFrom(source) = self => source.judge_argument(&argument, found, kind, evaluation),
            PathValue::Deep(_) => self.holds_for_leaf(operator, argument, evaluation),
            _ => self.holds_for(operator, &argument, evaluation).map(|holds| holds != operator.is_negative()),
        };
        match holds {
            Some(true) => ConditionOutcome::Holds,
            Some(false) => ConditionOutcome::Fails,
            None => ConditionOutcome::Unjudgeable,
        }
    }

    /// Takes the work of reading a value: a list or an object is walked over, a string decoded.
    fn spend_reading(&self, found: PathValue<'_>, written: &str, evaluation: &Evaluation<'_>) -> Option<()> {
        /// The units of work to tell by a character whether a text may be a number.
        const DIGIT_WORK: usize = 16;
        match (self, written.as_bytes().first()) {
            (Self::Contains(_) | Self::Length(_), Some(b'[' | b'{')) => evaluation.spend_walk(written),
            (_, Some(b'"')) if !matches!(found, PathValue::Text(_)) => {
                let takes_numbers = match self {
                    Self::OneOf(set) => !set.numbers.is_empty(),
                    Self::Compares(_) | Self::Equals(ScalarValue::Number(_)) => true,
                    _ => false,
                };
                if takes_numbers && matches!(found, PathValue::Deep(_)) {
                    evaluation.spend_work(written.len().saturating_mul(DIGIT_WORK))?;
                }
                evaluation.spend_decode(written)
            }
            _ => Some(()),
        }
    }

    /// The units of work that the test of a byte takes, save those of a regular expression.
    fn work_per_byte(&self, written: &str) -> usize {
        /// A text that may be decoded is read up to three times.
        const READINGS: usize = 3;
        match self {
            Self::Detects(kinds) => {
                let is_special = written.bytes().any(|byte| !byte.is_ascii() || matches!(byte, b'\\' | b'%' | b'&'));
                (2 + 2 * kinds.count()) * if is_special { READINGS } else { 1 }
            }
            Self::Glob(glob) => 2 + glob.count_tokens(),
            Self::Under(_) => 64,
            _ => 2,
        }
    }

    /// Whether the argument matches the value, before a negative operator inverts the result; `None` if that cannot be
    /// judged.
    fn holds_for(&self, operator: Operator, argument: &ArgumentValue<'_>, evaluation: &Evaluation<'_>) -> Option<bool> {
        match self {
            Self::Equals(scalar) => scalar.equals_argument(argument),
            Self::OneOf(set) => set.contains_argument(argument),
            Self::Compares(number) => {
                let order = argument.compare_with(number)?;
                Some(match operator {
                    Operator::Lt => order == Ordering::Less,
                    Operator::Lte => order != Ordering::Greater,
                    Operator::Gt => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            Self::Regex(regex) => regex.is_match(argument.as_string()?, evaluation),
            Self::Contains(scalar) => argument_contains(scalar, argument, evaluation),
            Self::StartsWith(start) => Some(argument.as_string()?.starts_with(start.as_str())),
            Self::EndsWith(end) => Some(argument.as_string()?.ends_with(end.as_str())),
            Self::Glob(glob) => Some(glob.matches(argument.as_string()?)),
            Self::Length(bound) => {
                let length = argument.count_length()?;
                Some(if operator == Operator::LenLte { length <= *bound } else { length >= *bound })
            }
            Self::Under(directory) => directory.contains_path(argument.as_string()?),
            Self::Detects(kinds) => Some(has_content(argument.as_string()?, *kinds)),
            Self::Exists(_) | Self::CameFrom(_) | Self::Called(_) => None,
        }
    }

    /// Whether the condition holds for one of the values of `**`. A value of another type than the operator judges is
    /// not unjudgeable if no server makes one of that type of it: a text without digits does not equal a number.
    fn holds_for_leaf(&self, operator: Operator, leaf: ArgumentValue<'_>, evaluation: &Evaluation<'_>) -> Option<bool> {
        let (takes_text, takes_numbers) = match self {
            Self::OneOf(set) => (!set.strings.is_empty(), !set.numbers.is_empty()),
            Self::Compares(_) | Self::Equals(ScalarValue::Number(_)) => (false, true),
            _ => (true, false),
        };
        let matches_text = |text: Cow<'_, str>| match self {
            Self::OneOf(set) => Some(set.has_string(&text)),
            _ if !takes_text => Some(false),
            _ => self.holds_for(operator, &ArgumentValue::String(text), evaluation),
        };
        let matches_number = |json: &str| match self {
            Self::OneOf(set) => set.has_number(json),
            _ if !takes_numbers => Some(false),
            _ => self.holds_for(operator, &ArgumentValue::Number(json), evaluation),
        };
        let matches = match leaf {
            // It counts only where it matches, as the text or the number that servers make of it.
            ArgumentValue::Boolean(_) if operator.is_negative() => return Some(false),
            ArgumentValue::Boolean(boolean) => {
                let (text, number) = if boolean { ("true", "1") } else { ("false", "0") };
                matches_text(text.into()) == Some(true) || matches_number(number) == Some(true)
            }
            ArgumentValue::String(text) => {
                let is_unclear = takes_numbers && may_be_number(&text);
                matches_text(text).filter(|found| *found || !is_unclear)?
            }
            ArgumentValue::Number(json) => {
                let is_unclear = match self {
                    // A server may write out the digits of a number with an exponent.
                    Self::Detects(_) => json.len() > FEW_DIGITS && json.contains(['e', 'E']),
                    _ => takes_text && !is_plain(json),
                };
                matches_number(json)? || if is_unclear { return None } else { matches_text(json.into())? }
            }
            ArgumentValue::Array(_) | ArgumentValue::Object(_) | ArgumentValue::Unjudgeable => return None,
        };
        Some(matches != operator.is_negative())
    }
}

impl NumberValue {
    fn compile(node: &DocumentNode, text: &str) -> Result<Self, Diagnostic> {
        let exact = Number::from_policy(text).ok_or_else(|| {
            let message = format!("{} is not a decimal number", quote_for_message(text));
            bad_value(node, message, "write it in plain decimals, such as 100, -2.5 or 1e6")
        })?;
        Ok(Self { double: exact.nearest_double(), exact })
    }

    fn is_one_double_with(&self, other: &Number<'_>) -> bool {
        !(self.exact.is_kept_apart() && other.is_kept_apart()) && self.double == other.nearest_double()
    }
}

impl ScalarValue {
    fn compile(operator: Operator, node: &DocumentNode) -> Result<Self, Diagnostic> {
        match &node.value {
            DocumentValue::String(text) => Ok(Self::String(text.clone())),
            DocumentValue::Integer(text) | DocumentValue::Float(text) => {
                NumberValue::compile(node, text).map(Self::Number)
            }
            DocumentValue::Boolean(boolean) => Ok(Self::Boolean(*boolean)),
            _ => Err(wrong_type(operator, node)),
        }
    }

    fn equals_argument(&self, argument: &ArgumentValue<'_>) -> Option<bool> {
        match self {
            Self::String(own) => Some(own == argument.as_string()?),
            Self::Number(own) => Some(argument.compare_with(own)? == Ordering::Equal),
            Self::Boolean(own) => {
                if let ArgumentValue::Boolean(boolean) = argument {
                    Some(own == boolean)
                } else {
                    None
                }
            }
        }
    }
}

impl ScalarValue {
    fn is_part_of(&self, argument: &ArgumentValue<'_>) -> bool {
        matches!((self, argument), (Self::String(part), ArgumentValue::String(text)) if text.contains(part.as_str()))
    }
}

fn argument_contains(scalar: &ScalarValue, argument: &ArgumentValue<'_>, evaluation: &Evaluation<'_>) -> Option<bool> {
    match (scalar, argument) {
        (ScalarValue::String(part), ArgumentValue::String(text)) => Some(text.contains(part.as_str())),
        (_, ArgumentValue::Array(array)) => {
            let mut found = Some(false);
            for element in view::elements(array) {
                evaluation.spend_work(ELEMENT_WORK)?;
                let element = array.get(element)?;
                evaluation.spend_decode(element)?;
                let element = ArgumentValue::from_json(element);
                match scalar.equals_argument(&element) {
                    Some(true) => return Some(true),
                    // Some servers make one text of a list, and then it contains this.
                    Some(false) if scalar.is_part_of(&element) => found = None,
                    Some(false) => {}
                    None => found = None,
                }
            }
            found
        }
        _ => None,
    }
}

impl ValueSet {
    fn compile(list: &DocumentNode, items: &[DocumentNode]) -> Result<Self, Diagnostic> {
        if items.is_empty() {
            let hint = "put at least one value into it, such as [\"user\"]";
            return Err(bad_value(list, "the list is empty".to_owned(), hint));
        }
        let mut set = Self::default();
        for item in items {
            match &item.value {
                DocumentValue::String(text) => set.strings.push(text.clone()),
                DocumentValue::Integer(text) | DocumentValue::Float(text) => {
                    set.numbers.push(NumberValue::compile(item, text)?);
                }
                DocumentValue::Boolean(boolean) => set.booleans.push(*boolean),
                _ => {
                    let message =
                        format!("such a list holds strings, numbers and booleans; found {}", item.kind_name());
                    let hint = "write the values one after the other, such as [\"user\", \"event\"]";
                    return Err(bad_value(item, message, hint));
                }
            }
        }
        set.strings.sort_unstable();
        set.numbers.sort_unstable_by(|one, other| one.exact.cmp(&other.exact));
        Ok(set)
    }

    fn has_string(&self, text: &str) -> bool {
        self.strings.binary_search_by(|own| own.as_str().cmp(text)).is_ok()
    }

    /// Whether the number is in the list; `None` if it is not, but is one double with a number that is.
    fn has_number(&self, json: &str) -> Option<bool> {
        let number = parse_argument_number(json)?;
        match self.numbers.binary_search_by(|own| own.exact.cmp(&number)) {
            Ok(_) => Some(true),
            Err(at) => {
                let neighbours = [at.checked_sub(1), Some(at)].into_iter().flatten();
                let mut near = neighbours.filter_map(|at| self.numbers.get(at));
                if near.any(|own| own.is_one_double_with(&number)) { None } else { Some(false) }
            }
        }
    }

    fn contains_argument(&self, argument: &ArgumentValue<'_>) -> Option<bool> {
        let [strings, numbers, booleans] =
            [self.strings.is_empty(), self.numbers.is_empty(), self.booleans.is_empty()].map(|empty| !empty);
        let (found, only) = match argument {
            ArgumentValue::String(text) => (self.has_string(text), strings && !numbers && !booleans),
            ArgumentValue::Number(json) => (self.has_number(json)?, numbers && !strings && !booleans),
            ArgumentValue::Boolean(boolean) => (self.booleans.contains(boolean), booleans && !strings && !numbers),
            _ => return None,
        };
        // If the list has other types too, a server may convert the argument to one of those.
        if found || only { Some(found) } else { None }
    }
}

impl<'l> ArgumentValue<'l> {
    fn from_json(json: &'l str) -> Self {
        match json.as_bytes().first() {
            // Some programs end a string at a NUL.
            Some(b'"') => match view::decode_string(json) {
                Some(text) if !text.contains('\0') => Self::String(text),
                _ => Self::Unjudgeable,
            },
            Some(b'{') => Self::Object(json),
            Some(b'[') => Self::Array(json),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'-' | b'0'..=b'9') => Self::Number(json),
            _ => Self::Unjudgeable,
        }
    }

    fn as_string(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// Compares the argument with a number; `None` if it is not a number, or is one double with it and differs.
    fn compare_with(&self, own: &NumberValue) -> Option<Ordering> {
        let Self::Number(json) = self else { return None };
        let number = parse_argument_number(json)?;
        let order = number.cmp(&own.exact);
        (order == Ordering::Equal || !own.is_one_double_with(&number)).then_some(order)
    }

    fn count_length(&self) -> Option<usize> {
        match self {
            Self::String(text) => Some(text.chars().count()),
            Self::Array(array) => Some(view::elements(array).count()),
            Self::Object(object) => Some(view::members(object).count()),
            Self::Number(_) | Self::Boolean(_) | Self::Unjudgeable => None,
        }
    }
}

/// Reads the name of a kind of content.
fn read_kind(node: &DocumentNode) -> Result<ContentKind, Diagnostic> {
    let DocumentValue::String(word) = &node.value else { return Err(wrong_type(Operator::Detects, node)) };
    ContentKind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| {
        let hint = match nearest_word(word, ContentKind::ALL.iter().map(|kind| kind.as_str())) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None => format!("the kinds are {}", list_words(&ContentKind::ALL)),
        };
        bad_value(node, format!("there is no kind of content {}", quote_for_message(word)), &hint)
    })
}

/// Parses a number of a call; `None` also if it is too long to be compared at little cost.
fn parse_argument_number(json: &str) -> Option<Number<'_>> {
    Number::parse(json).filter(|_| json.len() <= MAX_JUDGED_NUMBER)
}

/// Whether every server that makes text of the number writes it like this: an integer, or a decimal that no language
/// writes with an exponent.
fn is_plain(json: &str) -> bool {
    const EXACT_DIGITS: usize = 15;
    let unsigned = json.strip_prefix('-').unwrap_or(json);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    unsigned.len() <= EXACT_DIGITS
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !fraction.ends_with('0')
        && json != "-0"
        && (whole != "0" || !fraction.starts_with("0000"))
}

/// Whether some server may make a number of the text: it has a digit of some script, or is a word for infinity.
fn may_be_number(text: &str) -> bool {
    let is_word = |word: &&str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    text.contains(char::is_numeric) || ["inf", "+inf", "-inf", "nan"].iter().any(is_word) || text.trim().is_empty()
}

pub(super) fn bad_value(node: &DocumentNode, message: String, hint: &str) -> Diagnostic {
    Diagnostic::error("bad-value", node.span.clone(), message).with_hint(hint)
}

fn wrong_type(operator: Operator, node: &DocumentNode) -> Diagnostic {
    let (expected, example) = operator.expected_value();
    let hint = match (operator, &node.value) {
        (Operator::Eq | Operator::Neq, DocumentValue::Array(_)) => "use `in` or `not_in` for several values".to_owned(),
        (Operator::Eq | Operator::Neq, DocumentValue::Null) => {
            "use `exists` to test whether an argument is there".to_owned()
        }
        _ => format!("types are not converted: write it as {example}"),
    };
    bad_value(node, format!("`{operator}` takes {expected}; found {}", node.kind_name()), &hint)
}
