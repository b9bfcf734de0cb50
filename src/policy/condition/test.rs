//! The test that an operator with its value makes of an argument.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::ConditionOutcome;
use super::constant::Constant;
use super::directory::Directory;
use super::error::{ConditionError, ValueError};
use super::operator::Operator;
use crate::limits::{MAX_REGEX_LENGTH, MAX_REGEX_SIZE};
use crate::policy::glob::NamePattern;
use crate::policy::number::Number;
use crate::wire::view;

/// The value of a condition, compiled for its operator. Negative operators share it with their opposites.
#[derive(Clone, Debug)]
pub(in crate::policy) enum OperatorTest {
    Equals(ScalarValue),
    OneOf(ValueSet),
    Compares(Number<'static>),
    Regex(Regex),
    Contains(ScalarValue),
    StartsWith(String),
    EndsWith(String),
    Exists(Presence),
    Glob(NamePattern),
    Length(usize),
    Under(Directory),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Presence {
    There,
    Missing,
}

#[derive(Clone, Debug)]
pub(in crate::policy) enum ScalarValue {
    String(String),
    Number(Number<'static>),
    Boolean(bool),
}

/// The values of a list, by type, each sorted.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct ValueSet {
    strings: Vec<String>,
    numbers: Vec<Number<'static>>,
    booleans: Vec<bool>,
}

enum ArgumentValue<'l> {
    String(&'l str),
    Number(&'l str),
    Boolean(bool),
    Array(&'l str),
    Object(&'l str),
    Null,
}

impl OperatorTest {
    pub(in crate::policy) fn compile(operator: Operator, value: Option<&Constant>) -> Result<Self, ConditionError> {
        let of = |problem| ConditionError::Value { element: None, problem };
        let value = value.ok_or(of(ValueError::Absent { operator }))?;
        if let (Operator::In | Operator::NotIn, Constant::List(items)) = (operator, value) {
            return ValueSet::compile(operator, items).map(Self::OneOf);
        }
        Self::compile_value(operator, value).map_err(of)
    }

    fn compile_value(operator: Operator, value: &Constant) -> Result<Self, ValueError> {
        Ok(match (operator, value) {
            (Operator::Eq | Operator::Neq, value) => Self::Equals(ScalarValue::compile(operator, value)?),
            (Operator::Contains | Operator::NotContains, value) => {
                Self::Contains(ScalarValue::compile(operator, value)?)
            }
            (Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte, Constant::Number(text)) => {
                Self::Compares(parse_number(text)?)
            }
            (Operator::Regex | Operator::NotRegex, Constant::String(pattern)) => Self::Regex(compile_regex(pattern)?),
            (Operator::StartsWith, Constant::String(text)) => Self::StartsWith(text.clone()),
            (Operator::EndsWith, Constant::String(text)) => Self::EndsWith(text.clone()),
            (Operator::Exists, Constant::Boolean(true)) => Self::Exists(Presence::There),
            (Operator::Exists, Constant::Boolean(false)) => Self::Exists(Presence::Missing),
            (Operator::Glob, Constant::String(glob)) => Self::Glob(
                NamePattern::parse(glob).map_err(|bad| ValueError::Glob { message: bad.message, hint: bad.hint })?,
            ),
            (Operator::LenLte | Operator::LenGte, Constant::Number(text)) => {
                let length = parse_number(text)?.scale_to(0).ok().and_then(|length| usize::try_from(length).ok());
                Self::Length(length.ok_or_else(|| ValueError::Length(text.clone()))?)
            }
            (Operator::Under, Constant::String(directory)) => {
                Self::Under(Directory::parse(directory).ok_or_else(|| ValueError::Directory(directory.clone()))?)
            }
            (operator, other) => return Err(ValueError::Type { operator, found: other.kind_name() }),
        })
    }

    /// Judges the value at the path as written; `None` if there is none.
    pub(super) fn judge_value(&self, operator: Operator, found: Option<&str>) -> ConditionOutcome {
        if let Self::Exists(presence) = self {
            let is = if found.is_some() { Presence::There } else { Presence::Missing };
            return if is == *presence { ConditionOutcome::Holds } else { ConditionOutcome::Fails };
        }
        let Some(json) = found else { return ConditionOutcome::Missing };
        match self.holds_for(operator, &ArgumentValue::from_json(json)) {
            Some(holds) if holds != operator.is_negative() => ConditionOutcome::Holds,
            Some(_) => ConditionOutcome::Fails,
            None => ConditionOutcome::Unjudgeable,
        }
    }

    /// Whether the argument matches the value, before a negative operator inverts the result; `None` if that cannot be
    /// judged.
    fn holds_for(&self, operator: Operator, argument: &ArgumentValue<'_>) -> Option<bool> {
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
            Self::Regex(regex) => Some(regex.is_match(&argument.as_string()?)),
            Self::Contains(scalar) => argument_contains(scalar, argument),
            Self::StartsWith(start) => Some(argument.as_string()?.starts_with(start.as_str())),
            Self::EndsWith(end) => Some(argument.as_string()?.ends_with(end.as_str())),
            Self::Glob(glob) => Some(glob.matches(&argument.as_string()?)),
            Self::Length(bound) => {
                let length = argument.count_length()?;
                Some(if operator == Operator::LenLte { length <= *bound } else { length >= *bound })
            }
            Self::Under(directory) => directory.contains_path(&argument.as_string()?),
            Self::Exists(_) => None,
        }
    }
}

impl ScalarValue {
    fn compile(operator: Operator, value: &Constant) -> Result<Self, ValueError> {
        match value {
            Constant::String(text) => Ok(Self::String(text.clone())),
            Constant::Number(text) => Ok(Self::Number(parse_number(text)?)),
            Constant::Boolean(boolean) => Ok(Self::Boolean(*boolean)),
            other => Err(ValueError::Type { operator, found: other.kind_name() }),
        }
    }

    fn equals_argument(&self, argument: &ArgumentValue<'_>) -> Option<bool> {
        match self {
            Self::String(own) => Some(*own == argument.as_string()?),
            Self::Number(own) => Some(argument.compare_with(own)? == Ordering::Equal),
            Self::Boolean(own) => Some(*own == argument.as_boolean()?),
        }
    }
}

fn argument_contains(scalar: &ScalarValue, argument: &ArgumentValue<'_>) -> Option<bool> {
    match (scalar, argument) {
        (ScalarValue::String(part), ArgumentValue::String(_)) => Some(argument.as_string()?.contains(part.as_str())),
        (_, ArgumentValue::Array(array)) => {
            let mut found = Some(false);
            for element in view::elements(array) {
                match scalar.equals_argument(&ArgumentValue::from_json(array.get(element)?)) {
                    Some(true) => return Some(true),
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
    fn compile(operator: Operator, items: &[Constant]) -> Result<Self, ConditionError> {
        if items.is_empty() {
            return Err(ConditionError::Value { element: None, problem: ValueError::Empty });
        }
        let mut set = Self::default();
        for (index, item) in items.iter().enumerate() {
            match ScalarValue::compile(operator, item) {
                Ok(ScalarValue::String(text)) => set.strings.push(text),
                Ok(ScalarValue::Number(number)) => set.numbers.push(number),
                Ok(ScalarValue::Boolean(boolean)) => set.booleans.push(boolean),
                Err(problem) => {
                    let problem = match problem {
                        ValueError::Type { found, .. } => ValueError::Element { found },
                        other => other,
                    };
                    return Err(ConditionError::Value { element: Some(index), problem });
                }
            }
        }
        set.strings.sort_unstable();
        set.numbers.sort_unstable();
        Ok(set)
    }

    fn contains_argument(&self, argument: &ArgumentValue<'_>) -> Option<bool> {
        let [strings, numbers, booleans] =
            [self.strings.is_empty(), self.numbers.is_empty(), self.booleans.is_empty()].map(|empty| !empty);
        let (found, only) = match argument {
            ArgumentValue::String(_) => {
                let text = argument.as_string()?;
                let found = self.strings.binary_search_by(|own| own.as_str().cmp(&text)).is_ok();
                (found, strings && !numbers && !booleans)
            }
            ArgumentValue::Number(_) => {
                let number = argument.as_number()?;
                let found = self.numbers.binary_search_by(|own| own.cmp(&number)).is_ok();
                if !found && self.numbers.iter().any(|own| argument.compare_with(own).is_none()) {
                    return None;
                }
                (found, numbers && !strings && !booleans)
            }
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
            Some(b'"') => Self::String(json),
            Some(b'{') => Self::Object(json),
            Some(b'[') => Self::Array(json),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'-' | b'0'..=b'9') => Self::Number(json),
            _ => Self::Null,
        }
    }

    fn as_string(&self) -> Option<std::borrow::Cow<'l, str>> {
        if let Self::String(json) = self { view::decode_string(json) } else { None }
    }

    /// Compares the argument with a number; `None` if it is not a number, or differs only in digits that a server
    /// loses: 77.00000000000000000001, written with a point or an exponent, is 77 to a server that keeps doubles.
    fn compare_with(&self, own: &Number<'_>) -> Option<Ordering> {
        let Self::Number(json) = self else { return None };
        let number = Number::parse(json)?;
        let order = number.cmp(own);
        let is_lost = order != Ordering::Equal
            && json.contains(['.', 'e', 'E'])
            && number.nearest_double() == own.nearest_double();
        (!is_lost).then_some(order)
    }

    fn as_number(&self) -> Option<Number<'l>> {
        if let Self::Number(json) = self { Number::parse(json) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(boolean) = self { Some(*boolean) } else { None }
    }

    fn count_length(&self) -> Option<usize> {
        match self {
            Self::String(_) => Some(self.as_string()?.chars().count()),
            Self::Array(array) => Some(view::elements(array).count()),
            Self::Object(object) => Some(view::members(object).count()),
            Self::Number(_) | Self::Boolean(_) | Self::Null => None,
        }
    }
}

fn parse_number(text: &str) -> Result<Number<'static>, ValueError> {
    Number::from_policy(text).ok_or_else(|| ValueError::Number(text.to_owned()))
}

fn compile_regex(pattern: &str) -> Result<Regex, ValueError> {
    if pattern.len() > MAX_REGEX_LENGTH {
        return Err(ValueError::RegexSize);
    }
    RegexBuilder::new(pattern).size_limit(MAX_REGEX_SIZE).dfa_size_limit(MAX_REGEX_SIZE).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(_) => ValueError::RegexSize,
            // The message draws the pattern with its own carets; only its last line says what is wrong.
            other => {
                let message = other.to_string();
                let last = message.lines().last().unwrap_or_default();
                ValueError::Regex(last.trim().trim_start_matches("error: ").to_owned())
            }
        }
    })
}
