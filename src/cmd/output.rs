//! What subcommands print on stdout, and how they report that they could not.

use std::any::Any;
use std::io::{self, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::author::edit::CannotEdit;
use crate::author::init::TargetError;
use crate::cli::Format;
use crate::clients::select::Refusal;
use crate::exit::Exit;
use crate::paths::{PolicyError, SettingsError};
use crate::policy::{self, BadServerName, Colour};
use crate::report::client_servers::ServedError;
use crate::report::lock::LockCommandError;
use crate::report::log_records::LogError;
use crate::report::to_json;
use crate::term::message;
use crate::term::spinner::Spinner;
use crate::term::style::{stderr_width, terminal_width};
use crate::term::wrap::fit_lines;
use crate::visible::escape_styled;

/// The command line does not say enough, or something that cannot be. The message says what to write.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// Prints why a subcommand failed, and returns the exit code.
pub(crate) fn report_error(error: &anyhow::Error) -> Exit {
    if let Some(CannotEdit::Invalid { document, diagnostics, .. }) = error.downcast_ref() {
        let rendered = policy::render_diagnostics_within(
            document,
            diagnostics,
            Colour::Styled,
            stderr_width().unwrap_or(policy::WIDE),
        );
        message::print_error(&format!("{error}\n\n{}", rendered.trim_end()));
        return Exit::InvalidPolicy;
    }
    message::print_error(&format!("{error:#}"));
    exit_code(error)
}

/// Returns the exit code of a run that fails with this error.
pub(super) fn exit_code(error: &anyhow::Error) -> Exit {
    let codes = [
        error.downcast_ref().map(|_: &UsageError| Exit::Usage),
        error.downcast_ref().map(|_: &BadServerName| Exit::Usage),
        error.downcast_ref().map(PolicyError::exit_code),
        error.downcast_ref().map(SettingsError::exit_code),
        error.downcast_ref().map(LogError::exit_code),
        error.downcast_ref().map(LockCommandError::exit_code),
        error.downcast_ref().map(ServedError::exit_code),
        error.downcast_ref().map(TargetError::exit_code),
        error.downcast_ref().map(Refusal::exit_code),
    ];
    codes.into_iter().flatten().next().unwrap_or(Exit::Failed)
}

/// Prints a report as JSON, or as the text that `write_text` writes.
pub(super) fn print_report<R: Serialize>(
    report: &R,
    format: Format,
    write_text: impl FnOnce(&mut dyn Write, &R) -> io::Result<()>,
) -> anyhow::Result<()> {
    match format {
        Format::Text => print(|out| write_text(out, report)),
        Format::Json => print_verbatim(&to_json(report)?),
    }
}

/// Prints what `write` writes, fitted into the terminal if stdout is one. Colours are left out if stdout does not support
/// them, and what is invisible is shown as codes, wherever it came from.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    match terminal_width() {
        Some(width) => print_verbatim(&fit_lines(&text, width)),
        None => print_verbatim(&text),
    }
}

/// The same for a text whose lines have to stay as they are, such as a document that is to be copied.
pub(super) fn print_verbatim(text: &str) -> anyhow::Result<()> {
    let mut out = AutoStream::auto(io::stdout()).lock();
    out.write_all(escape_styled(text).as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Shows a spinner on stderr beside the command that is starting, until the returned value is dropped.
pub(super) fn show_start(command: &str) -> Box<dyn Any> {
    Box::new(Spinner::start(&format!("starting {command}")))
}
