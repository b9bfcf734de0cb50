//! Conditions: what a rule asks of a call's arguments.
//!
//! A condition looks at one path and comes to an [`ConditionOutcome`]. Types do not coerce. A value that is there but of a type
//! that the operator cannot judge is [`ConditionOutcome::Unjudgeable`], and that refuses wherever it stands: servers coerce, so
//! retyping an argument must never be a way past a rule. What each operator makes of each type of argument:
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
//! – is unjudgeable, and so is a string with a lone surrogate for every operator but `exists`.
//! 1. Where the list has a value of that type. In a list of several types only a value that is in it is judged: `"5"`
//!    that is not in `["all", 5]` may become the 5 of the list.
//! 2. Unless its text does not tell where it leads, see `directory`.
//! 3. Where the condition's value is a string.
//! 4. It contains an element that equals the value. Where none does, every element has to be of the value's type.
//!
//! Numbers compare exactly at any size. One that is written with a point or an exponent, and differs only in digits that a
//! double loses, is unjudgeable: to a server that keeps doubles, 77.00000000000000000001 is 77.
//!
//! On the way to the value, a key that is absent and an index behind the end are [`ConditionOutcome::Missing`]. A key of
//! something that is no object, an index into something that is no list, and a key that some parser takes for another
//! (by case, folding, a lone surrogate) are unjudgeable. With `[*]` the condition must hold for every element: one
//! that is unjudgeable makes the whole so, and an empty list does not hold.

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

/// What a condition makes of a call's arguments.
// The order is that in which one element's outcome decides for all, the strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionOutcome {
    /// It is true.
    Holds,
    /// Nothing is at the path; never of `exists`, which judges just that.
    Missing,
    /// It is false.
    Fails,
    /// Something is there that the operator cannot judge.
    Unjudgeable,
}

/// One condition, compiled.
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

    /// Where it looks.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it judges.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Judges the arguments of a call: an object as written on a line that the strict reader read, and `{}` where the
    /// call has none. Takes time linear in their size.
    pub fn judge_arguments(&self, arguments: &str) -> ConditionOutcome {
        self.path.judge_values(arguments, |found| self.test.judge_value(self.operator, found))
    }

    /// Whether it holds where it refuses: also when it cannot be judged, and for a negative operator when the argument
    /// was left out.
    pub fn holds_as_denial(&self, arguments: &str) -> bool {
        match self.judge_arguments(arguments) {
            ConditionOutcome::Holds | ConditionOutcome::Unjudgeable => true,
            ConditionOutcome::Missing => self.operator.is_negative(),
            ConditionOutcome::Fails => false,
        }
    }

    /// Whether it holds where it is required: only when it certainly does.
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
    /// Reads the key `match`; `None` for other words.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|join| join.as_str() == word)
    }
}

/// Conditions that refuse, or are required, together.
#[derive(Clone, Debug, Default)]
pub struct ConditionGroup {
    /// The conditions. A group without any holds always, however it is joined.
    pub conditions: Vec<Condition>,
    /// How they are joined.
    pub join: Match,
    /// The reason that the agent gets.
    pub reason: Option<String>,
}

impl ConditionGroup {
    /// Whether the group refuses these arguments, as one of `deny_if` (or asks about them, as one of `approve_if`).
    pub fn holds_as_denial(&self, arguments: &str) -> bool {
        self.join_conditions(|condition| condition.holds_as_denial(arguments))
    }

    /// Whether these arguments are what the group demands, as one of `require`. With `match = "any"` one condition that
    /// certainly holds is enough, whatever the others are.
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
