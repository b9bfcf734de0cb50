//! Renders diagnostics for a person: the message, the place, the source line with a caret, and the hint.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use super::diagnostic::{Diagnostic, Severity, escape_invisible};
use super::source::{Source, floor_char_boundary};

/// Whether a rendering carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text: for files, logs and answers to the client.
    Plain,
    /// With escape sequences: for a terminal, or a writer that strips them.
    Styled,
}

/// Renders diagnostics of `source`, separated by empty lines, with a newline at the end.
pub fn render_diagnostics(source: &Source, diagnostics: &[Diagnostic], colour: Colour) -> String {
    render_diagnostics_within(source, diagnostics, colour, WIDE)
}

/// How much of a source line is shown around the caret where no terminal is narrower.
pub(crate) const WIDE: usize = 120;

/// The same with source lines of at most `width` columns.
pub(crate) fn render_diagnostics_within(
    source: &Source,
    diagnostics: &[Diagnostic],
    colour: Colour,
    width: usize,
) -> String {
    let renderer = match colour {
        Colour::Plain => Renderer::plain(),
        Colour::Styled => Renderer::styled(),
    }
    .decor_style(DecorStyle::Ascii)
    .term_width(width.min(WIDE));
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&renderer.render(&[annotate(source, diagnostic)]));
        out.push('\n');
    }
    out
}

/// Annotates the line on which the diagnostic starts: a caret under more than one line helps nobody.
fn annotate<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Group<'a> {
    let text = source.text();
    let start = floor_char_boundary(text, diagnostic.span.start);
    let (before, after) = text.split_at(start);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = start + after.find('\n').unwrap_or(after.len());
    let line = text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r');
    let in_line = |at: usize| floor_char_boundary(text, at).saturating_sub(line_start).min(line.len());
    let span = in_line(start)..in_line(diagnostic.span.end.max(start));

    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let snippet = Snippet::source(line)
        .line_start(source.place_of(start).line)
        .path(escape_invisible(source.name()))
        .annotation(AnnotationKind::Primary.span(span));
    let group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}
