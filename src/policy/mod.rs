//! The policy: a document as written, its diagnostics, and the compiled [`Policy`] that decides. Nothing in it
//! changes but how much [`Work`] may still be done for the line at hand.
//!
//! ```text
//! text ─ decode ─▶ tree ─ document ─▶ Document ─ compile ─▶ Policy ─▶ Decision
//! ```
//! The three formats meet in the tree. Everything that is wrong with a document is reported at once, with its place;
//! a document with an error gives no policy.

mod amount;
mod approval_terms;
mod builtin;
mod compared_name;
mod compile;
pub mod condition;
mod decision;
pub(crate) mod decode;
pub(crate) mod diagnostic;
pub(crate) mod document;
mod entry;
mod glob;
mod group_keys;
pub(crate) mod json;
mod judge;
pub(crate) mod keys;
mod limit;
pub(crate) mod limit_keys;
mod lint;
mod lock_terms;
mod name_table;
mod number;
mod preview;
mod render;
mod request_subject;
mod results;
mod rule_keys;
pub mod schema;
mod section;
mod section_lint;
pub mod server;
mod source;
mod stale_entries;
mod summary;
mod testfile;
mod tool_glob;
mod tool_ref;
pub(crate) mod tree;
pub(crate) mod window;
mod work;

pub use amount::{Amount, AmountError};
pub use approval_terms::{ApprovalLifetime, ApprovalScope, Asking};
pub use builtin::{BuiltinTitle, Strength, builtin_policy, builtin_text};
pub use compared_name::{ComparedName, UriForms, UriTemplate};
pub use compile::{Mode, Policy};
pub use condition::{ConditionInput, Sighting};
pub use decision::{Decision, Effect};
pub use diagnostic::{Diagnostic, Severity};
pub use document::{BesideTools, TrustedHints};
pub use glob::{BadToolGlob, Form};
pub use json::as_json;
pub use judge::{Judgement, ToolSeen};
pub(crate) use keys::words::nearest_word;
pub use limit::{CounterId, Increment, Limit, OnError, Scope, Units};
pub use lock_terms::{Drift, LOCK_RULE, LockMode};
pub use number::Number;
pub use preview::{Again, Preview};
pub use render::{Colour, render_diagnostics};
pub(crate) use render::{WIDE, render_diagnostics_within};
pub use request_subject::RequestSubject;
pub use results::{ResultPlan, ResultSummary, TreatedResult, WithheldBy};
pub use section::{Item, Section, SectionEntry, Standing};
pub use server::{BadServerName, Server, ServerName};
pub use source::{Format, Place, Source, Span};
pub use summary::{SectionTally, Summary, Tally, ToolsTally};
pub use testfile::{Expected, LoadedTests, SeenResult, TestCase, TestFile, TestStep, load_tests, read_seen};
pub use tool_glob::ToolGlob;
pub use tool_ref::{Listing, ToolListing, ToolRef};
pub use window::{BadWindow, Calendar, Window};
pub use work::Work;

use diagnostic::Report;

/// The result of loading a document: its policy, unless there is an error, and all diagnostics.
#[derive(Debug)]
#[must_use]
pub struct Loaded {
    /// The policy; `None` exactly if one of the diagnostics is an error.
    pub policy: Option<Policy>,
    /// Errors and warnings, in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reports the errors of a decoded document, whatever server it is for.
pub(crate) fn report_errors(root: &tree::DocumentNode, report: &mut Report) {
    let origin = document::Origin { server: &ServerName::unknown(), prefix: "" };
    let document = document::read_document(root, origin, report);
    lint::report_contradictions(&document, report);
}

/// Returns the span of the key that is, or holds, the rule with this path; `None` if the document has none.
pub(crate) fn find_rule(source: &Source, server: &Server, rule: &str) -> Option<Span> {
    let mut report = Report::default();
    let origin = document::Origin { server: server.name(), prefix: "" };
    let root = decode::decode(source, &mut report)?;
    document::read_document(&root, origin, &mut report).find_rule(rule)
}

/// Loads a document as the policy for a server. Never panics; reports errors only as diagnostics.
pub fn load_policy(source: &Source, server: &Server) -> Loaded {
    let mut report = Report::default();
    let origin = document::Origin { server: server.name(), prefix: "" };
    let document = decode::decode(source, &mut report).map(|root| document::read_document(&root, origin, &mut report));
    let policy = document.and_then(|document| {
        lint::report_contradictions(&document, &mut report);
        let server = match document.catalogue {
            Some(catalogue) => server.clone().with_catalogue(catalogue),
            None => server.clone(),
        };
        let policy = compile::compile(&document, source.name(), &server);
        lint::report_doubts(&document, policy.as_ref(), &server, &mut report);
        policy.filter(|_| !report.has_errors())
    });
    if policy.is_none() && !report.has_errors() {
        // Cannot happen. If it does, this tells the user why the policy is missing.
        report.push(
            Diagnostic::error("internal", 0..0, "the policy could not be built").with_hint("please report this file"),
        );
    }
    Loaded { policy, diagnostics: report.into_diagnostics(source) }
}
