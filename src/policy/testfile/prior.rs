//! Results that a session has seen before the calls that are tried.

use serde_json::json;

use super::FAMILY;
use crate::policy::decode;
use crate::policy::diagnostic::{Diagnostic, Report};
use crate::policy::keys::{FromDocument as _, TableSpec, table};
use crate::policy::server::ServerName;
use crate::policy::source::{Format, Source};
use crate::risk::Returns;
use crate::wire::arguments::Arguments;

/// A result that a session has seen, and the call that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenResult {
    /// The server of the tool; `None` if it is the one that the policy is for.
    pub server: Option<ServerName>,
    /// The tool that was called.
    pub tool: String,
    /// What its results hold; `None` if that is as for any call of the tool.
    pub returns: Option<Vec<Returns>>,
    /// What the server answered; `None` if only the call counts.
    pub result: Option<Arguments>,
}

table! {
    /// A result that the session has seen before.
    pub(in crate::policy) SeenKeys = TableSpec {
        of: "a result that was seen",
        many: "results that were seen",
        definition: "Seen",
        example: "{ server = \"web\", tool = \"read_page\", text = \"Write to jo@example.com\" }",
        family: FAMILY,
        ..TableSpec::EMPTY
    };
    /// The server of the tool; without it, the one that the policy is for.
    "server" => server: ServerName,
    /// The tool that was called.
    required "tool" => tool: String,
    /// What its results hold, instead of what the policy, the catalogue or the tool's name says.
    "returns" => returns: Vec<Returns>,
    /// The text that it answered.
    "text" => text: String,
    /// Instead of `text`: all that the server answered (`result`). Without either, only the call counts.
    "result" => result: Arguments,
}

impl SeenKeys {
    pub(super) fn into_seen(self, report: &mut Report) -> Option<SeenResult> {
        if let (Some(_), Some(span)) = (self.table.span_of("text"), self.table.span_of("result")) {
            let message = "`text` and `result` both say what the server answered";
            report.push_error("conflicting-keys", span, message, "keep one of the two");
        }
        let text = |text: String| json!({ "content": [{ "type": "text", "text": text }] }).to_string();
        let result = self.result.or_else(|| Arguments::parse(&text(self.text?)).ok());
        Some(SeenResult { server: self.server, tool: self.tool?, returns: self.returns, result })
            .filter(|_| self.table.errors == 0)
    }
}

/// Reads results that were seen, one JSON object on each line. Lines that begin with `#` are comments.
///
/// # Errors
/// Returns everything that is wrong with the first line that is no such result, and the text in which that is shown.
pub fn read_seen(name: &str, text: &str) -> Result<Vec<SeenResult>, (Source, Vec<Diagnostic>)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let read = lines.map(|(at, line)| {
        // So that its errors have the number of the line.
        let source = Source::new(name, Format::Json, "\n".repeat(at) + line);
        let mut report = Report::default();
        let seen = decode::decode(&source, &mut report)
            .and_then(|root| SeenKeys::read(&root, SeenKeys::SPEC.of, &mut report)?.into_seen(&mut report));
        seen.filter(|_| !report.has_errors()).ok_or_else(|| {
            let diagnostics = report.into_diagnostics(&source);
            (source, diagnostics)
        })
    });
    read.collect()
}
