//! Messages to the person at the terminal, on stderr. What is invisible in them is shown as codes.

use std::io::Write as _;

use crate::term::style::stderr_width;
use crate::term::wrap::fit_lines;
use crate::visible::escape_styled;

/// The message is complete: what is wrong, where, why and what to do.
pub(crate) fn print_error(message: &str) {
    print_styled(&error_line(message));
}

pub(crate) fn print_warning(message: &str) {
    print_styled(&format!("{WARNING_LABEL}warning:{WARNING_LABEL:#} {message}\n"));
}

pub(crate) fn print_note(message: &str) {
    print_styled(&format!("{message}\n"));
}

/// Prints a text with colours of ours.
pub(crate) fn print_styled(text: &str) {
    let text = escape_styled(text);
    let text = stderr_width().map_or_else(|| text.clone(), |width| fit_lines(&text, width));
    // If nobody reads stderr, there is no better place for it.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

pub(crate) fn error_line(message: &str) -> String {
    format!("{ERROR_LABEL}error:{ERROR_LABEL:#} {message}\n")
}

const ERROR_LABEL: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const WARNING_LABEL: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
