//! What policies decide about the calls in their test files, compared with what the files expect.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::engine::{Trial, TrialDecision, TrialInput, TrialResult};
use crate::env::Env;
use crate::exit::Exit;
use crate::paths::{self, PolicyError, tested_policy_stem};
use crate::policy::{
    self, Colour, Effect, Expected, Format, Policy, RequestSubject, SeenResult, Server, ServerName, Source, TestCase,
    TestFile, TestStep,
};
use crate::settings::Settings;
use crate::visible::escape_invisible;
use crate::wire::arguments::Arguments;

/// A run of test files.
#[derive(Debug, Serialize)]
pub(crate) struct TestRun {
    /// The number of cases that passed.
    pub(crate) passed: usize,
    /// The number of cases that failed.
    pub(crate) failed: usize,
    /// The number of files that could not be run.
    pub(crate) not_run: usize,
    /// The files, in the order in which they were named.
    pub(crate) files: Vec<TestedFile>,
}

/// A test file that was run, or could not be.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TestedFile {
    /// The file, as it was named.
    pub(crate) file: String,
    /// The policy that it tests.
    policy: Option<String>,
    /// The server that the policy is for.
    server: Option<String>,
    /// Why it was not run, and what to do; over several lines if it shows places.
    pub(crate) error: Option<String>,
    /// Its cases.
    pub(crate) cases: Vec<TestedCase>,
    #[serde(skip)]
    exit: Option<Exit>,
}

/// A case that was run.
#[derive(Debug, Serialize)]
pub(crate) struct TestedCase {
    /// What the case shows.
    pub(crate) name: String,
    /// The line on which it begins.
    pub(crate) line: usize,
    /// Whether every call had the expected result.
    passed: bool,
    /// The first call that had another result.
    pub(crate) failure: Option<FailedCall>,
}

/// A call that did not have the expected result.
#[derive(Debug, Serialize)]
pub(crate) struct FailedCall {
    /// The number of the step, from 1.
    step: usize,
    /// The number of the call in its step, from 1.
    call: u32,
    /// What was called or asked for.
    #[serde(flatten)]
    subject: RequestSubject<String>,
    /// When the call was made, in seconds since the session began.
    at: u64,
    /// What was compared.
    parts: Vec<ComparedPart>,
    /// The step, the call and the time, for a person.
    #[serde(skip)]
    pub(crate) description: String,
}

/// One thing that was compared.
#[derive(Debug, Serialize)]
pub(crate) struct ComparedPart {
    /// `effect`, `rule`, `reason`, `retry_after`, `becomes`, or `call` for a call that no client can send.
    pub(crate) what: &'static str,
    /// Whether it is what was expected.
    pub(crate) matches: bool,
    /// The expected value; `null` if any value is accepted.
    expected: Option<String>,
    /// The actual value; `null` if there is none.
    got: Option<String>,
}

/// Finds the tests beside a policy.
pub(crate) fn find_tests_beside(policy: &Path) -> Vec<PathBuf> {
    let stem = policy.file_stem().unwrap_or_default().to_string_lossy();
    let tests = Format::ENDINGS.map(|ending| policy.with_file_name(format!("{stem}.test.{ending}")));
    tests.into_iter().filter(|file| file.exists()).collect()
}

/// Why a file was not run, and what to do.
type NotRun = (Exit, String);

impl TestRun {
    pub(crate) fn run_files(files: &[PathBuf], env: &Env) -> Self {
        let files: Vec<_> = files.iter().map(|file| TestedFile::run_file(file, env)).collect();
        let cases = || files.iter().flat_map(|file| &file.cases);
        let passed = cases().filter(|case| case.passed).count();
        let (failed, not_run) = (cases().count() - passed, files.iter().filter(|file| file.error.is_some()).count());
        Self { passed, failed, not_run, files }
    }

    /// Returns the worst exit code of any file.
    pub(crate) fn exit_code(&self) -> Exit {
        if self.files.iter().any(|file| file.exit == Some(Exit::InvalidPolicy)) {
            Exit::InvalidPolicy
        } else if self.failed + self.not_run > 0 {
            Exit::Failed
        } else {
            Exit::Ok
        }
    }
}

impl TestedFile {
    fn run_file(path: &Path, env: &Env) -> Self {
        let mut tested = Self { file: escape_invisible(&path.display().to_string()), ..Self::default() };
        if let Err((exit, message)) = tested.run_cases(path, env) {
            (tested.exit, tested.error) = (Some(exit), Some(message));
        }
        tested
    }

    /// Runs a file with this document as the policy that it tests.
    pub(crate) fn run_with(path: &Path, policy: &Source) -> Self {
        let mut tested = Self { file: escape_invisible(&path.display().to_string()), ..Self::default() };
        let run = || {
            let file = load_tests(path)?;
            let beside = || tested_policy_stem(path).and_then(|stem| ServerName::parse(stem).ok());
            let server = file.server.or_else(beside).unwrap_or_else(ServerName::unknown);
            let loaded = policy::load_policy(policy, &Server::by_name(&server));
            let invalid = || (Exit::InvalidPolicy, "The policy is invalid, so its tests were not run.".to_owned());
            let policy = loaded.policy.ok_or_else(invalid)?;
            Ok::<_, NotRun>(file.cases.into_iter().map(|case| TestedCase::run_case(case, &policy)).collect())
        };
        match run() {
            Ok(cases) => tested.cases = cases,
            Err((exit, message)) => (tested.exit, tested.error) = (Some(exit), Some(message)),
        }
        tested
    }

    fn run_cases(&mut self, path: &Path, env: &Env) -> Result<(), NotRun> {
        let file = load_tests(path)?;
        let policy = find_policy(path, &file)?;
        let server = file.server.or_else(|| ServerName::from_policy_file(&policy)).unwrap_or_else(ServerName::unknown);
        self.policy = Some(escape_invisible(&policy.display().to_string()));
        self.server = Some(server.to_string());
        let loaded = paths::load_policy(Some(&policy), &Server::by_name(&server), &Settings::default(), env)
            .map_err(|error| (error.exit_code(), error.to_string()))?;
        self.cases = file.cases.into_iter().map(|case| TestedCase::run_case(case, &loaded.policy)).collect();
        Ok(())
    }

    pub(crate) fn count_failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed).count()
    }
}

fn load_tests(path: &Path) -> Result<TestFile, NotRun> {
    let source = paths::read_policy(path).map_err(|error| match error {
        PolicyError::Missing(_) => {
            (Exit::Failed, "There is no such test file. Correct the path, or create the file.".to_owned())
        }
        error => (Exit::Failed, error.to_string()),
    })?;
    let loaded = policy::load_tests(&source);
    loaded.file.ok_or_else(|| {
        let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
        (Exit::InvalidPolicy, format!("The test file is invalid, and was not run.\n\n{rendered}"))
    })
}

/// Finds the policy that a file tests: the one that it names, else the one with its name in the same directory.
fn find_policy(path: &Path, file: &TestFile) -> Result<PathBuf, NotRun> {
    let dir = path.parent().unwrap_or(Path::new(""));
    if let Some(named) = &file.policy {
        return Ok(dir.join(named));
    }
    let stem = tested_policy_stem(path).ok_or_else(|| {
        let why = "It is not clear which policy this file tests. Name the file after the policy, such as \
                   iterable.test.toml for iterable.toml, or set `policy` in it.";
        (Exit::Failed, why.to_owned())
    })?;
    let beside = Format::ENDINGS.map(|ending| dir.join(format!("{stem}.{ending}")));
    let mut found = beside.into_iter().filter(|policy| fs::symlink_metadata(policy).is_ok());
    let why = match (found.next(), found.next()) {
        (Some(policy), None) => return Ok(policy),
        (Some(_), Some(_)) => {
            format!(
                "There are two policies called {stem} beside this file. Keep one, or set `policy` to the one you mean."
            )
        }
        (None, _) => format!(
            "There is no policy {stem}.toml, .json, .yaml or .yml beside this file. Put it there, or name it with `policy`."
        ),
    };
    Err((Exit::Failed, why))
}

impl TestedCase {
    /// Runs a case up to its first failure: later calls would be decided with other counts than intended.
    fn run_case(case: TestCase, policy: &Policy) -> Self {
        let mut trial = Trial::default();
        let failure = case.steps.iter().zip(1..).find_map(|(step, number)| {
            step.seen.iter().for_each(|seen| trial.see_result(policy, seen, step.at));
            (1..=step.times).find_map(|call| {
                let input = TrialInput { arguments: &step.arguments, input: &step.input };
                let parts = match trial.try_request(policy, step.subject.as_deref(), input, step.at) {
                    Ok(verdict) => {
                        let passed = verdict.effect == Effect::Allow;
                        let parts = try_result(policy, step, verdict);
                        if let (true, RequestSubject::Tool(tool)) = (passed, &step.subject) {
                            // What a later step can know of this one.
                            let (tool, result) = (tool.clone(), step.result.clone());
                            let seen = SeenResult { server: None, tool, returns: None, result };
                            trial.see_result(policy, &seen, step.at);
                        }
                        parts
                    }
                    Err(fault) => {
                        let (expected, got) = (Some("one that can be sent".to_owned()), Some(fault.to_string()));
                        vec![ComparedPart { what: "call", matches: false, expected, got }]
                    }
                };
                parts.iter().any(|part| !part.matches).then(|| FailedCall::new(step, number, call, parts))
            })
        });
        Self { name: case.name, line: case.line, passed: failure.is_none(), failure }
    }
}

/// Compares what becomes of a call, and of its result if the step has one: a withheld result counts as refused.
fn try_result(policy: &Policy, step: &TestStep, verdict: TrialDecision) -> Vec<ComparedPart> {
    let result = step.result.as_ref().filter(|_| verdict.effect == Effect::Allow);
    let Some(result) = result.map(|result| TrialResult::new(policy, step.subject.as_deref(), result)) else {
        return compare_parts(&step.expected, &verdict);
    };
    let verdict = match result.withheld {
        Some(by) => TrialDecision { effect: Effect::Deny, rule: by.rule, reason: by.reason, retry_after: None },
        None => verdict,
    };
    let mut parts = compare_parts(&step.expected, &verdict);
    if let Some(expected) = &step.expected.becomes {
        let is_same = is_same_json(expected.as_str(), &result.becomes) && verdict.effect == Effect::Allow;
        let got = if verdict.effect == Effect::Allow { result.becomes.as_str() } else { "nothing: it is withheld" };
        let shown = |text: &str| Some(escape_invisible(text));
        parts.push(ComparedPart {
            what: "becomes",
            matches: is_same,
            expected: shown(expected.as_str()),
            got: shown(got),
        });
    }
    parts
}

fn is_same_json(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

fn compare_parts(expected: &Expected, got: &TrialDecision) -> Vec<ComparedPart> {
    let part = |what, matches, expected: Option<String>, got: Option<String>| ComparedPart {
        what,
        matches,
        expected: expected.as_deref().map(escape_invisible),
        got: got.as_deref().map(escape_invisible),
    };
    let rule = expected.rule.as_ref().is_none_or(|rule| *rule == got.rule);
    let contains = |part| got.reason.as_ref().is_some_and(|reason| reason.contains(part));
    let reason = expected.reason.as_deref().is_none_or(contains);
    let retry = expected.retry_after.is_none() || expected.retry_after == got.retry_after;
    let seconds = |wait: Option<u64>| wait.map(|wait| wait.to_string());
    vec![
        part("effect", expected.effect == got.effect, Some(expected.effect.to_string()), Some(got.effect.to_string())),
        part("rule", rule, expected.rule.clone(), Some(got.rule.clone())),
        part("reason", reason, expected.reason.clone(), got.reason.clone()),
        part("retry_after", retry, seconds(expected.retry_after), seconds(got.retry_after)),
    ]
}

impl ComparedPart {
    pub(crate) fn describe_expected(&self) -> String {
        match (&self.expected, self.what) {
            (None, _) => "(anything)".to_owned(),
            (Some(part), "reason") => format!("… {part} …"),
            (Some(expected), _) => expected.clone(),
        }
    }

    pub(crate) fn describe_got(&self) -> &str {
        self.got.as_deref().unwrap_or("(none)")
    }
}

impl FailedCall {
    fn new(step: &TestStep, number: usize, call: u32, parts: Vec<ComparedPart>) -> Self {
        let TestStep { subject, arguments, input, times, at, .. } = step;
        let (shown, at) = (subject.as_deref(), at.as_secs());
        let mut description = format!("step {number}: {}{}", shown.label(), escape_invisible(shown.name()));
        if !matches!(subject, RequestSubject::Resource(_)) {
            description.push_str(&format!(" {}", escape_invisible(arguments.as_str())));
        }
        if *input != Arguments::default() {
            description.push_str(&format!(", input {}", escape_invisible(input.as_str())));
        }
        if *times > 1 {
            description.push_str(&format!(", call {call} of {times}"));
        }
        if at > 0 {
            description.push_str(&format!(", at {at} s"));
        }
        Self { step: number, call, subject: subject.clone(), at, parts, description }
    }

    /// Returns the parts that have an expected or an actual value.
    pub(crate) fn shown_parts(&self) -> impl Iterator<Item = &ComparedPart> {
        self.parts.iter().filter(|part| part.expected.is_some() || part.got.is_some())
    }
}
