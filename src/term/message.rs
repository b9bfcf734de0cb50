//! Messages to the person at the terminal, on stderr.

use std::io::Write as _;

/// Tells a person what went wrong. The message is complete: what, where, why and what to do.
pub fn print_error(message: &str) {
    // Nobody may be reading stderr; there is no better place to say it.
    let _ = anstream::stderr().lock().write_all(error_line(message).as_bytes());
}

/// Tells a person what they should look into. The command continues.
pub(crate) fn print_warning(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{WARNING_LABEL}warning:{WARNING_LABEL:#} {message}");
}

/// Tells a person something that is not part of the output.
pub(crate) fn print_note(message: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{message}");
}

/// What went wrong, as a terminal with colours shows it.
pub(crate) fn error_line(message: &str) -> String {
    format!("{ERROR_LABEL}error:{ERROR_LABEL:#} {message}\n")
}

const ERROR_LABEL: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const WARNING_LABEL: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
