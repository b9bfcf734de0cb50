//! What is wrong or doubtful in a policy document, and where.

use serde::Serialize;

use super::source::{Source, Span};
use crate::limits::MAX_DIAGNOSTICS;
pub(super) use crate::visible::escape_invisible;

/// Whether a diagnostic stops loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document loads, and probably does not mean what was meant.
    Warning,
}

impl Severity {
    /// The word in messages and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One error or warning, with its place and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops loading.
    pub severity: Severity,
    /// A stable identifier, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, in bytes of [`Source::text`].
    pub span: Span,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), span, hint: None }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same diagnostic with what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The diagnostics of one document: the first hundred are kept, and none is lost from the count.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.kept.len() < MAX_DIAGNOSTICS {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Adds an error at `span`, and what to do about it.
    pub(crate) fn push_error(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, span.clone(), message).with_hint(hint));
    }

    /// Adds a warning at `span`, and what to do about it.
    pub(super) fn push_warning(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Diagnostic::warning(code, span.clone(), message).with_hint(hint));
    }

    /// Whether what is pushed is only counted: no need then to put much work into it.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= MAX_DIAGNOSTICS
    }

    /// How many errors there are so far.
    pub(crate) fn count_errors(&self) -> usize {
        self.errors
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All that was kept, in the order of the document, with a last one that says how many were not kept.
    pub(crate) fn into_diagnostics(mut self, source: &Source) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity));
        if self.dropped > 0 {
            let end = source.text().len();
            let message = format!("there are {} more errors and warnings", self.dropped);
            let last = if self.has_errors() {
                Diagnostic::error("too-many", end..end, message)
            } else {
                Diagnostic::warning("too-many", end..end, message)
            };
            self.kept.push(last.with_hint("mend the ones above first"));
        }
        self.kept
    }
}

/// A name or value from a document, as it may be shown: in backticks, made visible, cut at 60 characters.
pub(crate) fn quote_for_message(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("`{}…`", escape_invisible(text.get(..cut).unwrap_or_default())),
        None => format!("`{}`", escape_invisible(text)),
    }
}
