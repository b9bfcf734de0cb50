//! Errors and warnings about a policy document, with their places.

use super::keys::words::word_enum;
use super::source::{Source, Span};
use crate::limits::MAX_DIAGNOSTICS;
pub(super) use crate::visible::escape_invisible;

word_enum! {
    /// Whether a diagnostic stops loading.
    #[derive(PartialOrd, Ord)]
    pub enum Severity;
    /// The document is refused.
    "error" => Error,
    /// The document loads, but probably does not mean what its author meant.
    "warning" => Warning,
}

/// An error or a warning, with its place and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops loading.
    pub severity: Severity,
    /// A stable identifier, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The place in bytes of [`Source::text`].
    pub span: Span,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Makes an error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), span, hint: None }
    }

    /// Makes a warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The diagnostics of one document. The first [`MAX_DIAGNOSTICS`] are kept; the others are only counted.
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

    pub(crate) fn push_error(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Diagnostic::error(code, span.clone(), message).with_hint(hint));
    }

    pub(super) fn push_warning(
        &mut self,
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Diagnostic::warning(code, span.clone(), message).with_hint(hint));
    }

    /// Whether further diagnostics are only counted, so that they are not worth much work.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= MAX_DIAGNOSTICS
    }

    pub(crate) fn count_errors(&self) -> usize {
        self.errors
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns the diagnostics that were kept, in the order of the document, then one that counts the others.
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
            self.kept.push(last.with_hint("fix the ones above first"));
        }
        self.kept
    }
}

/// Quotes a name or value of a document: in backticks, with invisible characters escaped, cut at 60 characters.
pub(crate) fn quote_for_message(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => ["`", &escape_invisible(text.get(..cut).unwrap_or_default()), "…`"].concat(),
        None => ["`", &escape_invisible(text), "`"].concat(),
    }
}
