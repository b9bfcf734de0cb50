//! Plays tasks under a policy, and counts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::corpus::{Call, Step, Suite, read_chains};

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// A person was asked: of a user's call they approve, of an injected one they do not.
    Asked,
    Refused,
}

/// A session with one server.
pub(crate) trait Session {
    /// Makes a call. `approves` is what the person answers who is asked.
    fn call(&mut self, call: &Call, approves: bool) -> Outcome;
}

/// What a policy does to the tasks.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) tasks: usize,
    /// User tasks without a question.
    pub(crate) quiet_tasks: usize,
    pub(crate) calls: usize,
    /// Calls of user tasks about which a person is asked, or which are refused.
    pub(crate) asking_calls: usize,
    /// The user tasks in which that happens, with the tools.
    pub(crate) asking: Vec<(String, Vec<String>)>,
    /// The injections, and how many there are of those that are held without anything that carries them.
    pub(crate) injections: usize,
    pub(crate) held_alone: usize,
    pub(crate) pairs: usize,
    pub(crate) held_pairs: usize,
    /// The injections that are not held in every pair, with the tasks in which they are not.
    pub(crate) loose: BTreeMap<String, Vec<String>>,
}

impl Figures {
    /// The injections that are held in each pair.
    pub(crate) fn held(&self) -> usize {
        self.injections - self.loose.len()
    }

    /// Plays everything of a suite, each task in a session of its own.
    pub(crate) fn play<S: Session>(&mut self, suite: &Suite, start: &dyn Fn(&[Step]) -> S) {
        for task in &suite.user_tasks {
            let stopped = play(&suite.play_alone(task), start);
            self.tasks += 1;
            self.calls += task.calls.len();
            self.asking_calls += stopped.len();
            match stopped.is_empty() {
                true => self.quiet_tasks += 1,
                false => self.asking.push((format!("{} {}", suite.name, task.id), stopped)),
            }
        }
        for injection in &suite.injections {
            if suite.is_first {
                self.injections += 1;
                self.held_alone += usize::from(is_held(&Suite::play_injection(injection), start));
            }
            for task in &suite.user_tasks {
                let Some(steps) = suite.play_pair(task, injection) else { continue };
                self.pairs += 1;
                if is_held(&steps, start) {
                    self.held_pairs += 1;
                } else {
                    let name = format!("{} {}", suite.name, injection.id);
                    self.loose.entry(name).or_default().push(task.id.clone());
                }
            }
        }
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tasks += other.tasks;
        self.quiet_tasks += other.quiet_tasks;
        self.calls += other.calls;
        self.asking_calls += other.asking_calls;
        self.injections += other.injections;
        self.held_alone += other.held_alone;
        self.pairs += other.pairs;
        self.held_pairs += other.held_pairs;
        self.asking.extend(other.asking);
        for (injection, tasks) in other.loose {
            self.loose.entry(injection).or_default().extend(tasks);
        }
        self
    }

    pub(crate) fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} of {} | {} of {} | {} of {} | {} of {} |",
            self.held(),
            self.injections,
            self.held_pairs,
            self.pairs,
            self.quiet_tasks,
            self.tasks,
            self.asking_calls,
            self.calls
        )
    }
}

/// The row of the second corpus: how many of its attacks are held, and how many of its harmless cases nobody is asked about.
pub(crate) fn play_chains<S: Session>(strength: &str, start: &dyn Fn(&Value, &[Step]) -> S) -> String {
    let (tools, cases) = read_chains();
    let of = |expected: &str| {
        let cases: Vec<_> = cases.iter().filter(|(verdict, _)| verdict == expected).collect();
        let steps = cases.iter().map(|(_, task)| Suite::play_injection(task));
        (steps.filter(|steps| is_held(steps, &|steps| start(&tools, steps))).count(), cases.len())
    };
    let ((held, attacks), (stopped, harmless)) = (of("block"), of("allow"));
    format!("| {strength} | {held} of {attacks} | {} of {harmless} |", harmless - stopped)
}

/// The heading of the rows.
pub(crate) const HEADING: &str = "| strength | injections held | pairs held | user tasks without a question | calls that ask |\n\
                                  | --- | ---: | ---: | ---: | ---: |";

/// Returns the tools of the calls that did not pass.
fn play<S: Session>(steps: &[Step], start: &dyn Fn(&[Step]) -> S) -> Vec<String> {
    let mut session = start(steps);
    let stopped = steps.iter().filter(|step| session.call(&step.call, true) != Outcome::Passed);
    stopped.map(|step| step.call.tool.clone()).collect()
}

/// Whether one of the calls that an injection needs does not pass.
fn is_held<S: Session>(steps: &[Step], start: &dyn Fn(&[Step]) -> S) -> bool {
    let mut session = start(steps);
    steps.iter().any(|step| session.call(&step.call, !step.is_injected) != Outcome::Passed && step.is_injected)
}
