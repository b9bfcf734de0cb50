//! What subcommands print on stdout, and how they report that they could not.

use crate::author::edit::CannotEdit;
use crate::author::init::TargetError;
use crate::clients::select::Refusal;
use crate::exit::Exit;
use crate::paths::{PolicyError, SettingsError};
use crate::policy::{self, Colour};

/// An error that ends the program with an exit code of its own.
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
                Self { message: error.to_string(), exit: error.exit() }
            }
        })*
    };
}

from_error_with_exit!(PolicyError, SettingsError, TargetError, Refusal);

impl From<CannotEdit> for ExitError {
    fn from(error: CannotEdit) -> Self {
        let message = error.to_string();
        let CannotEdit::Invalid { document, diagnostics, .. } = error else {
            return Self { message, exit: Exit::Failed };
        };
        let rendered = policy::render(&document, &diagnostics, Colour::Styled);
        Self { message: format!("{message}\n\n{}", rendered.trim_end()), exit: Exit::InvalidPolicy }
    }
}

impl ExitError {
    /// A mistake on the command line.
    pub(super) fn usage(message: String) -> Self {
        Self { message, exit: Exit::Usage }
    }
}
