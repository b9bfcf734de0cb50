//! Conditions: what a rule asks of a call's arguments.
//!
//! A condition tests the value at one path, and its result is a [`ConditionOutcome`]. Types do not coerce. A value of a
//! type that the operator cannot judge is [`ConditionOutcome::Unjudgeable`], which refuses in every kind of group:
//! servers coerce, so retyping an argument must never be a way past a rule. What each operator does with each type:
//!
//! | operator | string | number | boolean | array | object | null |
//! |---|---|---|---|---|---|---|
//! | `eq` `neq` with a string | judged | – | – | – | – | – |
//! | `eq` `neq` with a number | – | judged | – | – | – | – |
//! | `eq` `neq` with a boolean | – | – | judged | – | – | – |
//! | `in` `not_in` | judged¹ | judged¹ | judged¹ | – | – | – |
//! | `lt` `lte` `gt` `gte` | – | judged | – | – | – | – |
//! | `regex` `not_regex` `starts_with` `ends_with` `glob` | judged | – | – | – | – | – |
//! | `under` | judged² | – | – | – | – | – |
//! | `contains` `not_contains` | judged³ | – | – | judged⁴ | – | – |
//! | `len_lte` `len_gte` | characters | – | – | elements | members | – |
//! | `exists` | there | there | there | there | there | there |
//!
//! – is unjudgeable, and so is a string with a lone surrogate for every operator except `exists`.
//! 1. If the list has a value of that type. In a list of several types, only a value that is in it is judged: `"5"`
//!    that is not in `["all", 5]` may become the 5 of the list.
//! 2. Unless its text does not tell where it leads, see `directory`.
//! 3. If the condition's value is a string.
//! 4. If an element equals the value. If none does, every element has to be of the value's type.
//!
//! Numbers compare exactly at any size. A number with a point or an exponent that differs only in digits that a double
//! loses is unjudgeable: to a server that keeps doubles, 77.00000000000000000001 is 77.
//!
//! On the way to the value, an absent key and an index beyond the end are [`ConditionOutcome::Missing`]. A key of a value
//! that is not an object, an index into a value that is not a list, and a key that some parser takes for another (by
//! case, folding, or a lone surrogate) are unjudgeable. With `[*]`, the condition must hold for every element: one
//! unjudgeable element makes the result unjudgeable, and the condition does not hold for an empty list.

mod constant;
mod directory;
mod error;
mod operator;
mod path;
mod test;

pub use constant::Constant;
pub use error::{ConditionError, ValueError};
pub use operator::Operator;
pub use path::{Path, PathError, PathProblem};

use super::keys::words::words;
pub(super) use test::OperatorTest;

/// The result of a condition on a call's arguments.
// In the order in which one element's outcome decides for all elements, the strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionOutcome {
    /// The condition is true.
    Holds,
    /// Nothing is at the path. Never the outcome of `exists`, which tests exactly that.
    Missing,
    /// The condition is false.
    Fails,
    /// There is a value that the operator cannot judge.
    Unjudgeable,
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    pub(super) path: Path,
    pub(super) operator: Operator,
    pub(super) test: OperatorTest,
}

impl Condition {
    /// Compiles `{ path, op, value }`.
    ///
    /// # Errors
    /// With the first of the three that is wrong, in this order.
    pub fn compile(path: &str, op: &str, value: Option<&Constant>) -> Result<Self, ConditionError> {
        let path = Path::parse(path).map_err(ConditionError::Path)?;
        let operator = Operator::parse(op)?;
        let test = OperatorTest::compile(operator, value)?;
        Ok(Self { path, operator, test })
    }

    /// The path of the value that it tests.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The operator that it tests with.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Judges the arguments of a call: an object from a line that the strict reader has read, or `{}` if the call has
    /// none. Takes time linear in their size.
    pub fn judge_arguments(&self, arguments: &str) -> ConditionOutcome {
        self.path.judge_values(arguments, |found| self.test.judge_value(self.operator, found))
    }

    /// Whether the condition holds as a denial: also if it cannot be judged, and for a negative operator if the
    /// argument is absent.
    pub fn holds_as_denial(&self, arguments: &str) -> bool {
        match self.judge_arguments(arguments) {
            ConditionOutcome::Holds | ConditionOutcome::Unjudgeable => true,
            ConditionOutcome::Missing => self.operator.is_negative(),
            ConditionOutcome::Fails => false,
        }
    }

    /// Whether the condition holds as a requirement: only if it is certainly true.
    pub fn holds_as_requirement(&self, arguments: &str) -> bool {
        self.judge_arguments(arguments) == ConditionOutcome::Holds
    }
}

words! {
    /// How the conditions of a group are joined.
    #[derive(Default)]
    pub enum Match("Match");
    /// All of the conditions.
    @default "all" => All,
    /// At least one of them.
    "any" => Any,
}

impl Match {
    /// Parses the value of `match`; `None` for other words.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|join| join.as_str() == word)
    }
}

/// Conditions that refuse, or are required, together.
#[derive(Clone, Debug, Default)]
pub struct ConditionGroup {
    /// The conditions. A group without conditions always holds, however they are joined.
    pub conditions: Vec<Condition>,
    /// How the conditions are joined.
    pub join: Match,
    /// The reason that the agent gets.
    pub reason: Option<String>,
}

impl ConditionGroup {
    /// Whether the group refuses these arguments as one of `deny_if`, or asks about them as one of `approve_if`.
    pub fn holds_as_denial(&self, arguments: &str) -> bool {
        self.join_conditions(|condition| condition.holds_as_denial(arguments))
    }

    /// Whether these arguments meet the group as one of `require`. With `match = "any"`, one condition that certainly
    /// holds is enough, whatever the others are.
    pub fn holds_as_requirement(&self, arguments: &str) -> bool {
        self.join_conditions(|condition| condition.holds_as_requirement(arguments))
    }

    fn join_conditions(&self, holds: impl Fn(&Condition) -> bool) -> bool {
        match self.join {
            Match::All => self.conditions.iter().all(holds),
            Match::Any => self.conditions.is_empty() || self.conditions.iter().any(holds),
        }
    }
}
