//! For a program: one JSON document. Fields are added to it and never taken away.

use serde::Serialize;

use super::outcome::{Failure, Matches, Outcome, Part, Tested, Totals};

pub(super) fn write(tested: &[Tested]) -> serde_json::Result<String> {
    let Totals { passed, failed, broken } = Totals::of(tested);
    let files = tested.iter().map(JsonFile::from).collect();
    let mut text = serde_json::to_string_pretty(&Json { passed, failed, not_run: broken, files })?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct Json<'t> {
    passed: usize,
    failed: usize,
    /// Files with errors.
    not_run: usize,
    files: Vec<JsonFile<'t>>,
}

#[derive(Serialize)]
struct JsonFile<'t> {
    file: &'t str,
    policy: Option<&'t str>,
    server: Option<&'t str>,
    error: Option<&'t str>,
    cases: Vec<JsonCase<'t>>,
}

#[derive(Serialize)]
struct JsonCase<'t> {
    name: &'t str,
    line: usize,
    passed: bool,
    failure: Option<JsonFailure<'t>>,
}

#[derive(Serialize)]
struct JsonFailure<'t> {
    step: usize,
    call: u32,
    tool: &'t str,
    at: u64,
    parts: Vec<JsonPart<'t>>,
}

#[derive(Serialize)]
struct JsonPart<'t> {
    what: &'static str,
    matches: bool,
    expected: Option<&'t str>,
    got: Option<&'t str>,
}

impl<'t> From<&'t Tested> for JsonFile<'t> {
    fn from(tested: &'t Tested) -> Self {
        Self {
            file: &tested.file,
            policy: tested.policy.as_deref(),
            server: tested.server.as_ref().map(|server| server.as_str()),
            error: tested.result.as_ref().err().map(|broken| broken.message.as_str()),
            cases: tested.outcomes().iter().map(JsonCase::from).collect(),
        }
    }
}

impl<'t> From<&'t Outcome> for JsonCase<'t> {
    fn from(Outcome { case, failure }: &'t Outcome) -> Self {
        let failure = failure.as_ref();
        Self { name: &case.name, line: case.line, passed: failure.is_none(), failure: failure.map(JsonFailure::from) }
    }
}

impl<'t> From<&'t Failure> for JsonFailure<'t> {
    fn from(failure: &'t Failure) -> Self {
        Self {
            step: failure.number,
            call: failure.call,
            tool: &failure.step.tool,
            at: failure.step.at.as_secs(),
            parts: failure.parts.iter().map(JsonPart::from).collect(),
        }
    }
}

impl<'t> From<&'t Part> for JsonPart<'t> {
    fn from(part: &'t Part) -> Self {
        Self {
            what: part.what,
            matches: part.matches == Matches::Yes,
            expected: part.expected.as_deref(),
            got: part.got.as_deref(),
        }
    }
}
