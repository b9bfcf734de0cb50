//! What subcommands print on stdout, and how they report that they could not.

use std::any::Any;
use std::io::{self, Write};
use std::path::Path;

use anstream::AutoStream;
use serde::Serialize;

use super::{Env, settings_for};
use crate::author::edit::CannotEdit;
use crate::author::init::TargetError;
use crate::cli::Format;
use crate::clients::select::Refusal;
use crate::exit::Exit;
use crate::paths::{self, LoadedPolicy, PolicyError, SettingsError};
use crate::policy::{self, Colour, ServerName};
use crate::report::log_records::LogError;
use crate::report::to_json;
use crate::term::spinner::Spinner;

/// An error that ends the program with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct ExitError {
    pub(super) message: String,
    pub(super) exit: Exit,
}

macro_rules! from_error_with_exit {
    ($($error:ty),*) => {
        $(impl From<$error> for ExitError {
            fn from(error: $error) -> Self {
                Self { message: error.to_string(), exit: error.exit_code() }
            }
        })*
    };
}

from_error_with_exit!(PolicyError, SettingsError, LogError, TargetError, Refusal);

impl From<CannotEdit> for ExitError {
    fn from(error: CannotEdit) -> Self {
        let message = error.to_string();
        let CannotEdit::Invalid { document, diagnostics, .. } = error else {
            return Self { message, exit: Exit::Failed };
        };
        let rendered = policy::render_diagnostics(&document, &diagnostics, Colour::Styled);
        Self { message: format!("{message}\n\n{}", rendered.trim_end()), exit: Exit::InvalidPolicy }
    }
}

impl ExitError {
    pub(super) fn from_usage(message: String) -> Self {
        Self { message, exit: Exit::Usage }
    }
}

/// Loads the settings that say where the policy is, and the policy that is named or in force for the server. A named
/// file is loaded without the settings.
///
/// # Errors
/// If config.toml or the policy cannot be read or is invalid.
pub(super) fn load_policy(named: Option<&Path>, server: &ServerName, env: &Env) -> Result<LoadedPolicy, ExitError> {
    Ok(paths::load_policy(named, server, &settings_for(named, env)?, env)?)
}

/// Prints a report as JSON, or as the text that `write_text` writes.
///
/// # Errors
/// If stdout cannot be written.
pub(super) fn print_report<R: Serialize>(
    report: &R,
    format: Format,
    write_text: impl FnOnce(&mut dyn Write, &R) -> io::Result<()>,
) -> anyhow::Result<()> {
    print(|out| match format {
        Format::Text => write_text(out, report),
        Format::Json => out.write_all(to_json(report)?.as_bytes()),
    })
}

/// Prints what `write` writes. Colours are left out if stdout does not support them.
///
/// # Errors
/// If stdout cannot be written.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = AutoStream::auto(io::stdout()).lock();
    write(&mut out)?;
    out.flush()?;
    Ok(())
}

/// Shows a spinner on stderr beside the command that is starting, until the returned value is dropped.
pub(super) fn show_start(command: &str) -> Box<dyn Any> {
    Box::new(Spinner::start(&format!("starting {command}")))
}
