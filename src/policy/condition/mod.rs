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
//! | `detects` | judged | – | – | – | – | – |
//! | `came_from` | judged⁵ | judged⁵ | – | – | – | – |
//! | `under` | judged² | – | – | – | – | – |
//! | `contains` `not_contains` | judged³ | – | – | judged⁴ | – | – |
//! | `len_lte` `len_gte` | characters | – | – | elements | members | – |
//! | `exists` | there | there | there | there | there | there |
//!
//! – is unjudgeable. So is a string with a lone surrogate or a NUL for every operator except `exists`.
//! 1. If the list has a value of that type. In a list of several types, only a value that is in it is judged: `"5"`
//!    that is not in `["all", 5]` may become the 5 of the list.
//! 2. Unless its text does not show where it leads, see `directory`.
//! 3. If the condition's value is a string.
//! 4. If an element equals the value. If none does, every element has to be of the value's type, and none may have it as
//!    a part: a server that makes one text of the list finds it.
//! 5. If it can be told what the session has read: see [`crate::provenance`]. A number is looked up as it is written.
//!
//! Numbers compare exactly at any size. Two numbers that differ and are one double are unjudgeable: to a server that
//! keeps doubles, 9007199254740993 is 9007199254740992, and 77.00000000000000000001 is 77.
//!
//! On the way to the value, an absent key and an index beyond the end are [`ConditionOutcome::Missing`]. A key of a value
//! that is not an object, an index into a value that is not a list, and a key that some parser takes for another (by
//! case, folding, or a lone surrogate) are unjudgeable. So is everything in arguments with a key that is `__proto__`,
//! `constructor` or `prototype` at any depth. With `[*]`, the condition must hold for every element: one unjudgeable
//! element makes the result unjudgeable, and the condition does not hold for an empty list.
//!
//! `targets` is as `args.**`, without what an argument for texts holds, save the addresses in it. `tool.addressed` is whether the tool has
//! an argument that says whom or what a call reaches.
//!
//! `session.read_untrusted` and `session.read_personal` are true or false, `session.called` is the list of the tools that were
//! called. What cannot be told of them is unjudgeable.
//!
//! `uri` is judged in every form that a server may make of it. A URI that servers read as different places is unjudgeable.
//!
//! `**` is every string and number at any depth. As a denial, the condition holds if it holds for one of them; as a
//! requirement, if it holds for each. If there is none, the path is missing. Text operators judge a number as the text
//! in which servers write it; a number that is spelled in another way is unjudgeable, and so is a string that may be a
//! number to operators on numbers. `detects` and `came_from` judge a number as it is written, unless it has an exponent.

mod directory;
mod evaluation;
mod operator;
mod origin;
mod path;
mod regex;
mod session;
mod test;

pub use evaluation::ConditionInput;
pub(super) use evaluation::{AskedContent, Evaluation};
pub use operator::Operator;
pub use origin::Sighting;
pub(super) use path::PathsOf;
use path::{KeysOfDeep, PathValue};
pub use path::{Path, PathError};
use session::SessionFact;
pub(super) use test::OperatorTest;

use super::compared_name::UriForms;
use super::decode::decode;
use super::diagnostic::{Diagnostic, Report};
use super::group_keys::GroupedCondition;
use super::keys::words::words;
use super::source::Source;
use crate::content::ContentKinds;

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

/// What a group of conditions is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// The call is refused, or a person is asked, if the group holds: `deny_if`, `approve_if`.
    Denial,
    /// The call is refused unless the group holds: `require`, `rules`.
    Requirement,
}

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    pub(super) path: Path,
    pub(super) operator: Operator,
    pub(super) test: OperatorTest,
}

impl Condition {
    /// Reads `{ path, op, value }` from a document that holds only this.
    ///
    /// # Errors
    /// Returns everything that is wrong with it.
    pub fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let mut report = Report::default();
        let condition = decode(source, &mut report).and_then(|root| GroupedCondition::compile(&root, &mut report));
        condition.ok_or_else(|| report.into_diagnostics(source))
    }

    /// The path of the value that it tests.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The operator that it tests with.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// Whether it looks at what the session has read and called before.
    pub(super) fn looks_at_session(&self) -> bool {
        self.path.session_fact().is_some_and(|fact| fact != SessionFact::Addressed)
            || matches!(self.test, OperatorTest::CameFrom(_))
    }

    /// Whether it looks at what the server lists of the tool.
    pub(super) fn looks_at_listing(&self) -> bool {
        self.path.session_fact() == Some(SessionFact::Addressed)
    }

    /// Whether it looks at the call itself.
    pub(super) fn looks_at_call(&self) -> bool {
        self.path.session_fact().is_none()
    }

    /// Judges a message as in a group of this kind. Takes time linear in its size.
    pub fn judge<'l>(&self, kind: GroupKind, input: impl Into<ConditionInput<'l>>) -> ConditionOutcome {
        self.evaluate(kind, &Evaluation::new(input.into()))
    }

    /// What it looks for everywhere in a result; `None` if it asks something else.
    pub(super) fn asked_of_result(&self) -> Option<ContentKinds> {
        match &self.test {
            OperatorTest::Detects(kinds) if self.path.is_all_of_result() => Some(*kinds),
            _ => None,
        }
    }

    fn evaluate(&self, kind: GroupKind, evaluation: &Evaluation<'_>) -> ConditionOutcome {
        let is_known = kind == GroupKind::Denial && evaluation.asked() == AskedContent::Nothing;
        if is_known && self.asked_of_result().is_some() {
            return ConditionOutcome::Fails;
        }
        if let Some(fact) = self.path.session_fact() {
            return fact.judge((self.operator, &self.test), kind, evaluation);
        }
        let judge = |found: PathValue<'_>| self.test.judge_value((self.operator, kind), found, evaluation);
        self.evaluate_values(kind, evaluation, &judge)
    }

    fn evaluate_values(
        &self,
        kind: GroupKind,
        evaluation: &Evaluation<'_>,
        judge: &dyn Fn(PathValue<'_>) -> ConditionOutcome,
    ) -> ConditionOutcome {
        match evaluation.uri() {
            Some(uri) if self.path.is_uri() => self.evaluate_uri(kind, uri, |form| judge(PathValue::Text(form))),
            _ => {
                // What is copied into a key is sent as well.
                let is_origin = kind == GroupKind::Denial && matches!(self.test, OperatorTest::CameFrom(_));
                let keys = if is_origin { KeysOfDeep::Judged } else { KeysOfDeep::Skipped };
                self.path.judge_values(kind, evaluation, keys, judge)
            }
        }
    }

    /// A denial holds if it holds for some form of the URI, a requirement if it does for each. A form in lower case counts
    /// where a text that is found restricts: nobody could require a text otherwise.
    fn evaluate_uri(
        &self,
        kind: GroupKind,
        uri: &UriForms,
        judge: impl Fn(&str) -> ConditionOutcome,
    ) -> ConditionOutcome {
        if uri.is_ambiguous() {
            return ConditionOutcome::Unjudgeable;
        }
        let folded = if (kind == GroupKind::Denial) == self.operator.is_negative() { &[] } else { uri.folded() };
        let mut outcomes = uri.exact().iter().chain(folded).map(|form| judge(form));
        let restricts = |outcome: &ConditionOutcome| match kind {
            GroupKind::Denial => matches!(outcome, ConditionOutcome::Holds | ConditionOutcome::Unjudgeable),
            GroupKind::Requirement => *outcome != ConditionOutcome::Holds,
        };
        let otherwise = match kind {
            GroupKind::Denial => ConditionOutcome::Fails,
            GroupKind::Requirement => ConditionOutcome::Holds,
        };
        outcomes.find(restricts).unwrap_or(otherwise)
    }

    /// A denial also holds if it cannot be judged, and with a negative operator if nothing is at the path. A requirement
    /// holds only if it is certainly true.
    fn holds(&self, kind: GroupKind, evaluation: &Evaluation<'_>) -> bool {
        match (self.evaluate(kind, evaluation), kind) {
            (ConditionOutcome::Holds, _) | (ConditionOutcome::Unjudgeable, GroupKind::Denial) => true,
            (ConditionOutcome::Missing, GroupKind::Denial) => self.operator.is_negative(),
            _ => false,
        }
    }
}

words! {
    /// How the conditions of a group are joined.
    #[derive(Default)]
    pub(super) enum Match("Match");
    /// All of the conditions.
    @default "all" => All,
    /// At least one of them.
    "any" => Any,
}

/// Conditions that refuse, or are required, together.
#[derive(Debug, Default)]
pub(super) struct ConditionGroup {
    /// The conditions. A group without conditions always holds, however they are joined.
    pub(super) conditions: Vec<Condition>,
    pub(super) join: Match,
    /// The reason that the agent gets.
    pub(super) reason: Option<String>,
}

impl ConditionGroup {
    /// Whether the group holds. With `match = "any"`, one condition that holds is enough, whatever the others are.
    pub(super) fn holds(&self, kind: GroupKind, evaluation: &Evaluation<'_>) -> bool {
        let holds = |condition: &Condition| condition.holds(kind, evaluation);
        match self.join {
            Match::All => self.conditions.iter().all(holds),
            Match::Any => self.conditions.is_empty() || self.conditions.iter().any(holds),
        }
    }
}
