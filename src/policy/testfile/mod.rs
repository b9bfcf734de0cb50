//! Policy tests: calls, and what a policy is expected to make of each.
//!
//! A file has cases. A case is a session of its own, in which every count begins at zero; its steps are calls on the
//! session's clock. What is wrong with a file is reported as it is of a policy: all of it at once, each with its place.

mod case;
mod step;

use super::decode;
use super::diagnostic::{Diagnostic, Report, quote};
use super::document::{string, wrong_type};
use super::keys::Keys;
use super::server::ServerName;
use super::source::{Source, Span};
use super::tree::{DocumentNode, DocumentValue};

pub use case::Case;
pub use step::{Expected, Step};

/// A test file without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFile {
    /// The policy to be tested, as written: a path from the folder of the test file. `None` where it is the one beside it.
    pub policy: Option<String>,
    /// The server that the policy is for; `None` where the policy's file is named after it.
    pub server: Option<ServerName>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// What came of a test file: its cases, unless there was an error, and everything that is wrong with it.
#[derive(Debug)]
#[must_use]
pub struct LoadedTests {
    /// The file; `None` exactly where there are errors.
    pub file: Option<TestFile>,
    /// The errors, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

const FILE: Keys = Keys { of: "a test file", known: &["policy", "server", "case", "$schema"] };

/// Loads a test file. Never panics and never fails but through its diagnostics.
pub fn load_tests(source: &Source) -> LoadedTests {
    let mut report = Report::default();
    let file = decode::decode(source, &mut report).and_then(|root| read(&root, source, &mut report));
    LoadedTests { file: file.filter(|_| !report.has_errors()), diagnostics: report.finish(source) }
}

fn read(root: &DocumentNode, source: &Source, report: &mut Report) -> Option<TestFile> {
    let DocumentValue::Table(pairs) = &root.value else {
        let message = format!("a test file is a table of keys, and this is {}", root.kind());
        report.push(Diagnostic::error("wrong-type", root.span.clone(), message).hint(case::EXAMPLE));
        return None;
    };
    let mut file = TestFile { policy: None, server: None, cases: Vec::new() };
    for (key, value) in pairs {
        match key.name.as_str() {
            "policy" => file.policy = string(value, "`policy`", report).map(str::to_owned),
            "server" => file.server = server(value, report),
            "case" => file.cases = case::cases(value, source, report),
            "$schema" => drop(string(value, "`$schema`", report)),
            other => report.push(FILE.reject_among(&[&case::CASE, &step::STEP], other, key.span.clone())),
        }
    }
    if !pairs.iter().any(|(key, _)| key.name == "case") {
        let error = Diagnostic::error("missing-key", root.span.clone(), "the file has no `case`, so it tests nothing");
        report.push(error.hint(case::EXAMPLE));
    }
    Some(file)
}

fn server(node: &DocumentNode, report: &mut Report) -> Option<ServerName> {
    match ServerName::parse(string(node, "`server`", report)?) {
        Ok(name) => Some(name),
        Err(error) => {
            let message = error.to_string();
            report.push(
                Diagnostic::error("bad-value", node.span.clone(), message).hint("write it as in `wrap --server`"),
            );
            None
        }
    }
}

fn missing(of: &str, key: &str, span: Span, hint: &str) -> Diagnostic {
    Diagnostic::error("missing-key", span, format!("{of} has no `{key}`")).hint(hint)
}

/// A whole number in a range.
fn whole(node: &DocumentNode, key: &str, range: std::ops::RangeInclusive<u32>, report: &mut Report) -> Option<u32> {
    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
    let DocumentValue::Integer(text) = &node.value else {
        report.push(wrong_type(node, &quote(key), &wanted).hint("write it without quotes"));
        return None;
    };
    let number = text.parse().ok().filter(|number| range.contains(number));
    if number.is_none() {
        let message = format!("{} takes {wanted}, not {}", quote(key), quote(text));
        report.push(Diagnostic::error("bad-value", node.span.clone(), message).hint("leave it out for one call"));
    }
    number
}
