//! Where the values came from that make a rule refuse or ask.

use std::cell::RefCell;
use std::sync::Arc;

use super::path::PathValue;
use super::test::OperatorTest;
use super::{Condition, ConditionOutcome, Evaluation, GroupKind};
use crate::limits::MAX_QUOTED;
use crate::provenance::{CameFrom, Origins, Source, Unknown, find_addresses};
use crate::visible::{escape_invisible, shorten};
use crate::wire::view;

/// A value that came from somewhere, as far as a condition asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Where the value is in the call: `iban`, `to[0].address`, `uri`. Nothing in it is invisible.
    pub place: String,
    /// The result that had it first, or why that cannot be told.
    pub origin: Result<Arc<Source>, Unknown>,
    /// Whether no result at all had it before.
    pub is_first: bool,
}

impl Sighting {
    /// Leaves out what was read, such as the name of a file.
    pub(in crate::policy) fn leave_out_detail(&mut self) {
        if let Ok(source) = &mut self.origin {
            *source = Arc::new(Source { detail: None, ..Source::clone(source) });
        }
    }
}

impl Condition {
    /// Finds the value for which `came_from` holds, or about which it cannot be told; `None` if there is none.
    pub(in crate::policy) fn find_sighting(&self, kind: GroupKind, evaluation: &Evaluation<'_>) -> Option<Sighting> {
        let OperatorTest::CameFrom(source) = &self.test else { return None };
        let object = self.path.object(evaluation);
        let found = RefCell::new(None);
        let outcome = self.evaluate_values(kind, evaluation, &|value: PathValue<'_>| {
            let outcome = self.test.judge_value((self.operator, kind), value, evaluation);
            if matches!(outcome, ConditionOutcome::Holds | ConditionOutcome::Unjudgeable) {
                let text = value.read_text();
                let find = |text: &str| evaluation.provenance().find_origins(text);
                let origins = match (text, value) {
                    (Some(text), PathValue::Prose(_)) => {
                        let of_addresses = find_addresses(&text).map(find);
                        let is_seen =
                            |origins: &Origins| origins.came_from(|it| source.admits(it, kind)) != CameFrom::Nowhere;
                        of_addresses.into_iter().find(is_seen).unwrap_or_default()
                    }
                    (Some(text), _) => find(&text),
                    (None, _) => Origins::default(),
                };
                let place = match (value, object) {
                    (PathValue::Json(json) | PathValue::Deep(json) | PathValue::Prose(json), Some(object)) => {
                        describe_place(object, json)
                    }
                    _ => "uri".to_owned(),
                };
                found.replace(match origins.came_from(|origin| source.admits(origin, kind)) {
                    CameFrom::Here(source) => {
                        let is_first = origins.sources.first().is_some_and(|first| Arc::ptr_eq(first, &source));
                        Some(Sighting { place, origin: Ok(source), is_first })
                    }
                    CameFrom::Unknown(why) => Some(Sighting { place, origin: Err(why), is_first: false }),
                    // Of a type that is not judged, or written in a way that servers read differently.
                    CameFrom::Nowhere => None,
                });
            }
            outcome
        });
        found.into_inner().filter(|_| matches!(outcome, ConditionOutcome::Holds | ConditionOutcome::Unjudgeable))
    }
}

/// Describes where a value stands in an object: `to[0].address`.
fn describe_place(object: &str, value: &str) -> String {
    let address = |text: &str| text.as_ptr() as usize;
    let holds = |part: &str| address(part) <= address(value) && address(value) < address(part) + part.len();
    let (mut at, mut place) = (object, String::new());
    while at.len() > value.len() {
        if at.starts_with('{') {
            let Some(member) = view::members(at).find(|member| holds(member.value)) else { break };
            let key = member.key().unwrap_or_default();
            place = if place.is_empty() { key.into_owned() } else { format!("{place}.{key}") };
            at = member.value;
        } else {
            let elements = view::elements(at).filter_map(|range| at.get(range)).enumerate();
            let Some((index, element)) = elements.into_iter().find(|(_, element)| holds(element)) else { break };
            place.push_str(&format!("[{index}]"));
            at = element;
        }
    }
    if place.is_empty() {
        return "the name of an argument".to_owned();
    }
    escape_invisible(&shorten(&place, MAX_QUOTED))
}
