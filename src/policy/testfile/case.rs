//! The keys of a test case and of its steps, and the case that they make.

use std::time::Duration;

use serde_json::json;

use super::FAMILY;
use super::prior::{SeenKeys, SeenResult};
use crate::limits::MAX_TEST_CALLS;
use crate::policy::decision::Effect;
use crate::policy::diagnostic::Report;
use crate::policy::json;
use crate::policy::keys::kinds::{Located, WholeNumber};
use crate::policy::keys::{Definitions, FromDocument, TableSpec, ValueKind, table, table_kind, wrong_type};
use crate::policy::request_subject::RequestSubject;
use crate::policy::source::Source;
use crate::policy::tree::{DocumentNode, DocumentValue};
use crate::policy::window::WindowLength;
use crate::visible::escape_invisible;
use crate::wire::arguments::Arguments;

/// A test case: a session of its own, with its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCase {
    /// What the case shows; its number and its subject if the file does not say.
    pub name: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The calls, in the order of time.
    pub steps: Vec<TestStep>,
}

/// A call, or another request, to test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// The tool that is called, or what else is asked for.
    pub subject: RequestSubject<String>,
    /// The arguments of the call or prompt, or the parameters of the method.
    pub arguments: Arguments,
    /// What the call answers to the server's questions.
    pub input: Arguments,
    /// What the server answers, if that is tested.
    pub result: Option<Arguments>,
    /// What the session has seen before the call.
    pub seen: Vec<SeenResult>,
    /// The expected outcome of every one of the calls.
    pub expected: Expected,
    /// How often that is done, all at the same time.
    pub times: u32,
    /// The time since the case's session began.
    pub at: Duration,
}

/// The expected outcome of a call. A field that is `None` can be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What happens.
    pub effect: Effect,
    /// The path of the rule that decides.
    pub rule: Option<String>,
    /// A part of the reason that the agent gets.
    pub reason: Option<String>,
    /// The number of seconds after which the agent is told to try again.
    pub retry_after: Option<u64>,
    /// What the client gets of the result.
    pub becomes: Option<Arguments>,
}

table! {
    /// One call, or several as steps. A case takes all keys but `at` and `after`, a step all but `name` and `steps`.
    pub(in crate::policy) CaseKeys = TableSpec {
        of: "a case",
        many: "cases",
        definition: "Case",
        example: "[[case]] with tool = \"get_lists\" and expect = \"allow\" beneath it",
        empty: Some(("there is no case, so nothing is tested", "add one: [[case]] with `tool` and `expect` beneath it")),
        family: FAMILY,
        without: &["at", "after"],
        ..TableSpec::EMPTY
    };
    /// What the case shows.
    "name" => name: String,
    /// The tool that is called.
    "tool" => tool: String,
    /// Instead of a tool: the URI of a resource that is read.
    "resource" => resource: String,
    /// Instead of a tool: the name of a prompt that is fetched.
    "prompt" => prompt: String,
    /// Instead of a tool: a method of the client that the protocol does not know, or a request of the server.
    "method" => method: String,
    /// The arguments of the call or prompt, or the parameters of the method.
    "args" => args: Arguments,
    /// What it answers to the server's questions (`inputResponses`).
    "input" => input: Arguments,
    /// What the server answers (`result`), to test what `results` of the policy makes of it.
    "result" => result: Arguments,
    /// What the client gets of the result. If it is withheld, `expect` is `"deny"` and `rule` the rule of `results`.
    "becomes" => becomes: Arguments,
    /// What the session has seen before: results of this server and of others.
    "seen" => seen: Vec<SeenKeys>,
    /// What happens.
    "expect" => expect: Effect,
    /// The path of the rule that says so.
    "rule" => rule: String,
    /// A part of what the agent is told.
    "reason" => reason: String,
    /// How often the call is made, at once.
    "times" => times: WholeNumber<1, MAX_TEST_CALLS> = 1,
    /// After how many seconds the agent is told to try again.
    "retry_after" => retry_after: Moment,
    /// The calls, one after the other.
    "steps" => steps: Vec<StepKeys>,
    /// When the step is, since the case began.
    "at" => at: Located<Moment>,
    /// When the step is, since the one before it.
    "after" => after: Moment,
}

#[derive(Clone, Debug)]
pub(in crate::policy) struct StepKeys(CaseKeys);

impl StepKeys {
    pub(in crate::policy) const SPEC: TableSpec = TableSpec {
        of: "a step",
        many: "steps",
        definition: "Step",
        doc: &["A call, or another request."],
        example: "{ expect = \"allow\", times = 30 }, { expect = \"deny\", retry_after = 60 }",
        empty: Some(("there is no step, so nothing is tested", "such as [{ expect = \"allow\", times = 30 }]")),
        without: &["name", "steps"],
        ..CaseKeys::SPEC
    };
}

table_kind!(StepKeys, Self::SPEC, |read| Self(read));

/// The keys of a case that belong in its steps, if it has any.
const EXPECTATIONS: [&str; 7] = ["expect", "rule", "reason", "times", "retry_after", "result", "becomes"];

/// The keys that say what is asked for.
const SUBJECTS: [&str; 4] = ["tool", "resource", "prompt", "method"];

impl CaseKeys {
    /// `number` counts from 1. `None` if all of its steps are wrong.
    pub(super) fn into_case(mut self, number: usize, source: &Source, report: &mut Report) -> Option<TestCase> {
        let (name, line) = (self.name.take(), source.place_of(self.table.span.start).line);
        let before = if self.table.has("steps") { self.seen.take() } else { None };
        let mut steps: Vec<_> = match self.steps.take() {
            None if self.table.has("steps") => return None,
            None => self.into_step("case", Duration::ZERO, report).into_iter().collect(),
            Some(steps) => {
                for (key, span) in self.table.written.iter().filter(|(key, _)| EXPECTATIONS.contains(key)) {
                    let message = format!("a case with `steps` says `{key}` in each of them");
                    report.push_error("conflicting-keys", span, message, "move it into the steps");
                }
                let mut before = Duration::ZERO;
                let step = |StepKeys(mut step): StepKeys| {
                    if !SUBJECTS.iter().any(|key| step.table.has(key)) {
                        step.inherit_key(&self, &SUBJECTS);
                    }
                    if !step.table.has("args") && !step.table.has("resource") {
                        step.inherit_key(&self, &["args"]);
                    }
                    if !step.table.has("input") {
                        step.inherit_key(&self, &["input"]);
                    }
                    let step = step.into_step("step", before, report)?;
                    before = step.at;
                    Some(step)
                };
                steps.into_iter().filter_map(step).collect()
            }
        };
        if let (Some(first), Some(before)) = (steps.first_mut(), before) {
            let seen: Vec<_> = before.into_iter().filter_map(|seen| seen.into_seen(report)).collect();
            first.seen.splice(0..0, seen);
        }
        let first = steps.first()?;
        let unnamed = || {
            let subject = first.subject.as_deref();
            let (label, name) = (subject.label(), escape_invisible(subject.name()));
            format!("case {number}: {} of {label}{name}", first.expected.effect)
        };
        Some(TestCase { name: name.map_or_else(unnamed, |name| escape_invisible(&name)), line, steps })
    }

    /// `before` is the time of the step before it.
    fn into_step(mut self, of: &str, before: Duration, report: &mut Report) -> Option<TestStep> {
        let errors = report.count_errors();
        if !self.table.has("expect") {
            let hint = "say what is expected: \"allow\", \"deny\", \"hide\" or \"require_approval\"";
            report.push_error("missing-key", &self.table.span, format!("the {of} has no `expect`"), hint);
        }
        self.check_subject(of, report);
        if let Some(span) = self.table.span_of("becomes").filter(|_| !self.table.has("result")) {
            let hint = "add `result`: what the server answers";
            report.push_error("missing-key", span, format!("the {of} has no `result` that becomes this"), hint);
        }
        let at = self.step_time(before, report);
        let seen = self.seen.take();
        let arguments = if self.table.has("args") { self.args } else { Some(Arguments::default()) };
        let input = if self.table.has("input") { self.input } else { Some(Arguments::default()) };
        let step = TestStep {
            subject: self
                .tool
                .map(RequestSubject::Tool)
                .or_else(|| self.resource.map(RequestSubject::Resource))
                .or_else(|| self.prompt.map(RequestSubject::Prompt))
                .or_else(|| self.method.map(RequestSubject::Method))?,
            arguments: arguments?,
            input: input?,
            result: self.result,
            seen: seen.into_iter().flatten().filter_map(|seen| seen.into_seen(report)).collect(),
            expected: Expected {
                effect: self.expect?,
                rule: self.rule,
                reason: self.reason,
                retry_after: self.retry_after.map(|wait| wait.0.as_secs()),
                becomes: self.becomes,
            },
            times: self.times?.0,
            at: at?,
        };
        Some(step).filter(|_| report.count_errors() == errors && self.table.errors == 0)
    }

    /// Takes what the case says under these keys.
    fn inherit_key(&mut self, case: &Self, keys: &[&str]) {
        for (key, span) in case.table.written.iter().filter(|(key, _)| keys.contains(key)) {
            match *key {
                "tool" => self.tool.clone_from(&case.tool),
                "resource" => self.resource.clone_from(&case.resource),
                "prompt" => self.prompt.clone_from(&case.prompt),
                "method" => self.method.clone_from(&case.method),
                "input" => self.input.clone_from(&case.input),
                _ => self.args.clone_from(&case.args),
            }
            self.table.written.push((*key, span.clone()));
        }
    }

    /// Reports a step that says nothing, or several things, of what is asked for.
    fn check_subject(&self, of: &str, report: &mut Report) {
        let mut written = SUBJECTS.iter().filter_map(|key| Some((*key, self.table.span_of(key)?)));
        match (written.next(), written.next()) {
            (None, _) => {
                let hint = "name the tool that is called, as in tools/list; or set `resource`, `prompt` or `method`";
                report.push_error("missing-key", &self.table.span, format!("the {of} has no `tool`"), hint);
            }
            (Some((one, _)), Some((other, span))) => {
                let message = format!("`{one}` and `{other}` both say what the {of} is about");
                report.push_error("conflicting-keys", span, message, "keep one of the two");
            }
            (Some(("resource", _)), None) => {
                if let Some(span) = self.table.span_of("args") {
                    let message = "a resource is read without arguments";
                    report.push_error("conflicting-keys", span, message, "remove `args`");
                }
            }
            (Some(("method", place)), None) => {
                let subject = self.method.as_deref().map(RequestSubject::Method);
                if let (Some(subject), Some(owner)) = (subject, subject.and_then(RequestSubject::decided_by)) {
                    let method = subject.name();
                    let (message, hint) = match owner.key() {
                        Some(key) => (
                            format!("`{method}` is decided by {}", owner.describe()),
                            format!("write `{key}` instead of `method`"),
                        ),
                        None => (format!("`{method}` passes under every policy"), format!("remove the {of}")),
                    };
                    report.push_error("other-subject", place, message, hint);
                }
                if let Some(span) = self.table.span_of("input") {
                    let message = "the parameters of a method are its `args`, whatever it answers";
                    report.push_error("conflicting-keys", span, message, "write it in `args`, as `inputResponses`");
                }
            }
            (Some(_), None) => {}
        }
    }

    /// When the step is: `at` since the case began, or `after` the step before it.
    fn step_time(&self, before: Duration, report: &mut Report) -> Option<Duration> {
        match (&self.at, &self.after) {
            (Some(at), Some(_)) => {
                let message = "`at` and `after` both say when the step is";
                report.push_error("conflicting-keys", &at.span, message, "keep one of the two");
                None
            }
            (Some(at), None) if at.value.0 < before => {
                let hint = "`at` counts from the start of the case; `after` counts from the step before";
                let message = "the step before this one is later, and time does not go back";
                report.push_error("bad-time", &at.span, message, hint);
                None
            }
            (Some(at), None) => Some(at.value.0),
            (None, Some(after)) => Some(before.saturating_add(after.0)),
            (None, None) => Some(before),
        }
    }
}

/// A length of time, which may be zero: seconds, or a text as in windows.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Moment(Duration);

impl FromDocument for Moment {
    fn value_kind() -> ValueKind {
        let kind = WindowLength::value_kind();
        let schema = |definitions: &mut Definitions| {
            let length = definitions.schema(WindowLength::value_kind());
            json!({ "anyOf": [length, { "type": "integer", "const": 0 }] })
        };
        ValueKind { definition: "Moment", schema: Box::new(schema), ..kind }
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        if matches!(&node.value, DocumentValue::Integer(text) if text == "0") {
            return Some(Self(Duration::ZERO));
        }
        WindowLength::read(node, what, report).map(|length| Self(length.length()))
    }
}

/// The arguments as a table, or as a string in a client's own spelling.
impl FromDocument for Arguments {
    fn value_kind() -> ValueKind {
        let schema =
            json!({ "type": ["object", "string"], "description": "A table, or the same as a string in JSON." });
        ValueKind::new("a table of arguments", "Arguments", |_| schema)
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let mut text = String::new();
        match &node.value {
            DocumentValue::String(written) => text.clone_from(written),
            DocumentValue::Table(_) => json::write_node(node, &mut text).map_err(|error| report.push(error)).ok()?,
            _ => {
                let hint = "such as { campaignId = 77, dryRun = true }";
                report.push(wrong_type(node, what, "a table of arguments").with_hint(hint));
                return None;
            }
        }
        let arguments = Self::parse(&text);
        if let Err(fault) = &arguments {
            let message = format!("no call has these arguments: {fault}");
            let hint = "write one JSON object that every parser reads alike";
            report.push_error("bad-arguments", &node.span, message, hint);
        }
        arguments.ok()
    }
}
