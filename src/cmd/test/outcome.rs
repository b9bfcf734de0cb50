//! What came of a test file, a case, a call.

use crate::engine::{Trial, TrialDecision};
use crate::exit::Exit;
use crate::policy::{Case, Expected, Policy, ServerName, Step};
use crate::visible::visible;

/// A test file that was run, or could not be.
pub(super) struct Tested {
    /// As it was named.
    pub(super) file: String,
    pub(super) policy: Option<String>,
    pub(super) server: Option<ServerName>,
    pub(super) result: Result<Vec<Outcome>, Broken>,
}

/// Why a file was not run.
pub(super) struct Broken {
    pub(super) exit: Exit,
    /// What is wrong and what to do, over several lines where it shows places.
    pub(super) message: String,
}

/// A case that was run.
pub(super) struct Outcome {
    pub(super) case: Case,
    /// The first call that did not come to what was expected.
    pub(super) failure: Option<Failure>,
}

/// A call that did not come to what was expected.
pub(super) struct Failure {
    pub(super) step: Step,
    /// Which step it is, from 1.
    pub(super) number: usize,
    /// Which of the step's calls it is, from 1.
    pub(super) call: u32,
    pub(super) parts: Vec<Part>,
}

/// One thing that was compared.
pub(super) struct Part {
    pub(super) what: &'static str,
    /// `None` where anything would do.
    pub(super) expected: Option<String>,
    /// `None` where there is none.
    pub(super) got: Option<String>,
    pub(super) matches: Matches,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    Yes,
    No,
}

impl Broken {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }
}

impl Tested {
    pub(super) fn new(file: String) -> Self {
        Self { file, policy: None, server: None, result: Ok(Vec::new()) }
    }

    pub(super) fn outcomes(&self) -> &[Outcome] {
        self.result.as_deref().unwrap_or_default()
    }

    pub(super) fn passed(&self) -> usize {
        self.outcomes().len() - self.failed()
    }

    pub(super) fn failed(&self) -> usize {
        self.outcomes().iter().filter(|outcome| outcome.failure.is_some()).count()
    }
}

impl Outcome {
    /// Runs a case up to its first failure: what comes after that would be judged by other counts than were meant.
    pub(super) fn of(case: Case, policy: &Policy) -> Self {
        let mut trial = Trial::default();
        let steps = case.steps.iter().zip(1..);
        let failure = steps.into_iter().find_map(|(step, number)| {
            (1..=step.times).find_map(|call| {
                let parts = match trial.call(policy, &step.tool, &step.arguments, step.at) {
                    Ok(verdict) => compare(&step.expected, verdict),
                    Err(fault) => vec![Part {
                        what: "call",
                        expected: Some("one that can be sent".to_owned()),
                        got: Some(fault.to_string()),
                        matches: Matches::No,
                    }],
                };
                let fails = parts.iter().any(|part| part.matches == Matches::No);
                fails.then(|| Failure { step: step.clone(), number, call, parts })
            })
        });
        Self { case, failure }
    }
}

fn compare(expected: &Expected, got: TrialDecision) -> Vec<Part> {
    let part = |what, expected: Option<String>, got: Option<String>, matches| {
        let matches = if matches { Matches::Yes } else { Matches::No };
        Part { what, expected, got, matches }
    };
    let rule = expected.rule.as_ref().is_none_or(|rule| *rule == got.rule);
    let reason = expected.reason.as_ref();
    let says = reason.is_none_or(|part| got.reason.as_ref().is_some_and(|reason| reason.contains(part)));
    let waits = expected.retry_after.is_none_or(|wait| Some(wait) == got.retry_after);
    vec![
        part("effect", Some(expected.effect.to_string()), Some(got.effect.to_string()), expected.effect == got.effect),
        part("rule", expected.rule.as_deref().map(visible), Some(visible(&got.rule)), rule),
        part("reason", reason.map(|part| visible(part)), got.reason.as_deref().map(visible), says),
        part(
            "retry_after",
            expected.retry_after.map(|wait| wait.to_string()),
            got.retry_after.map(|wait| wait.to_string()),
            waits,
        ),
    ]
}

impl Part {
    /// What was expected, in words.
    pub(super) fn expectation(&self) -> String {
        match (&self.expected, self.what) {
            (None, _) => "(anything)".to_owned(),
            (Some(part), "reason") => format!("… {part} …"),
            (Some(expected), _) => expected.clone(),
        }
    }

    /// What there is, in words.
    pub(super) fn finding(&self) -> &str {
        self.got.as_deref().unwrap_or("(none)")
    }
}

impl Failure {
    /// Which call it is, in words.
    pub(super) fn call(&self) -> String {
        let Step { tool, arguments, times, at, .. } = &self.step;
        let mut words = format!("step {}: {} {}", self.number, visible(tool), visible(arguments.as_str()));
        if *times > 1 {
            words.push_str(&format!(", call {} of {times}", self.call));
        }
        if !at.is_zero() {
            words.push_str(&format!(", at {} s", at.as_secs()));
        }
        words
    }

    /// What was compared and is of interest: what was expected, and what there is.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.expected.is_some() || part.got.is_some())
    }
}

/// The sum over all files.
pub(super) struct Totals {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Files that were not run.
    pub(super) broken: usize,
}

impl Totals {
    pub(super) fn of(tested: &[Tested]) -> Self {
        Self {
            passed: tested.iter().map(Tested::passed).sum(),
            failed: tested.iter().map(Tested::failed).sum(),
            broken: tested.iter().filter(|one| one.result.is_err()).count(),
        }
    }
}
