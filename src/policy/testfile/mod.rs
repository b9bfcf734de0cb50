//! Policy tests: calls, and the outcome that is expected of each.
//!
//! A file has cases. A case is a session of its own, in which every count begins at zero; its steps are calls on the
//! session's clock. Errors in a file are reported like those of a policy: all at once, each with its place.

mod case;
mod prior;

use serde_json::json;

use super::decode;
use super::diagnostic::{Diagnostic, Report};
use super::keys::{Family, FromDocument, TableSpec, ValueKind, read_text, table};
use super::server::ServerName;
use super::source::Source;
use super::tree::DocumentNode;

pub(in crate::policy) use case::{CaseKeys, StepKeys};
pub use case::{Expected, TestCase, TestStep};
pub(in crate::policy) use prior::SeenKeys;
pub use prior::{SeenResult, read_seen};

/// A test file without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFile {
    /// The policy to test as written: a path from the test file's directory. `None` if it is the one beside the file.
    pub policy: Option<String>,
    /// The server that the policy is for; `None` if the policy's file is named after it.
    pub server: Option<ServerName>,
    /// The cases, in the order of the file.
    pub cases: Vec<TestCase>,
}

/// The result of loading a test file: its cases, unless there is an error, and all errors.
#[derive(Debug)]
#[must_use]
pub struct LoadedTests {
    /// The file; `None` exactly if there are errors.
    pub file: Option<TestFile>,
    /// The errors, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

const FAMILY: Family = Family {
    tables: || const { &[CaseKeys::SPEC, StepKeys::SPEC, SeenKeys::SPEC, FileKeys::SPEC] }.iter().collect(),
    reserved: &[],
};

table! {
    /// A test file.
    pub(super) FileKeys = TableSpec {
        of: "a test file",
        example: CaseKeys::SPEC.example,
        family: FAMILY,
        ..TableSpec::EMPTY
    };
    /// The policy that is tested.
    "policy" => policy: String,
    /// The server that the policy is for.
    "server" => server: ServerName,
    /// The cases.
    required "case" => cases: Vec<CaseKeys>,
    /// The schema, for editors.
    "$schema" => _schema: String,
}

/// Loads a test file. Never panics; reports errors only as diagnostics.
pub fn load_tests(source: &Source) -> LoadedTests {
    let mut report = Report::default();
    let file = decode::decode(source, &mut report).and_then(|root| read_test_file(&root, source, &mut report));
    LoadedTests { file: file.filter(|_| !report.has_errors()), diagnostics: report.into_diagnostics(source) }
}

fn read_test_file(root: &DocumentNode, source: &Source, report: &mut Report) -> Option<TestFile> {
    let FileKeys { policy, server, cases, .. } = FileKeys::read(root, FileKeys::SPEC.of, report)?;
    let cases = cases.into_iter().flatten().enumerate();
    let cases = cases.filter_map(|(index, case)| case.into_case(index + 1, source, report)).collect();
    Some(TestFile { policy, server, cases })
}

impl FromDocument for ServerName {
    fn value_kind() -> ValueKind {
        ValueKind::new("a server's name", "", |_| json!({ "type": "string", "minLength": 1 }))
    }

    fn read(node: &DocumentNode, what: &str, report: &mut Report) -> Option<Self> {
        let hint = "write it as in `wrap --server`";
        let parse = |text: &str| Self::parse(text).map_err(|error| ("bad-value", error.to_string(), hint));
        read_text(node, what, report, parse)
    }
}
