//! Messages to the person at the terminal, on stderr.

use std::io::Write as _;

/// The message is complete: what is wrong, where, why and what to do.
pub(crate) fn print_error(message: &str) {
    // If nobody reads stderr, there is no better place for it.
    let _ = anstream::stderr().lock().write_all(error_line(message).as_bytes());
}

pub(crate) fn print_warning(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{WARNING_LABEL}warning:{WARNING_LABEL:#} {message}");
}

pub(crate) fn print_note(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{message}");
}

pub(crate) fn error_line(message: &str) -> String {
    format!("{ERROR_LABEL}error:{ERROR_LABEL:#} {message}\n")
}

const ERROR_LABEL: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const WARNING_LABEL: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
