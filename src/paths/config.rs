//! Finds and loads the settings: config.toml in the configuration directory.

use std::fs;
use std::path::PathBuf;

use super::configuration_dir;
use super::text::{self, TextError};
use crate::env::Env;
use crate::exit::Exit;
use crate::limits::MAX_SETTINGS_FILE;
use crate::policy::{self, Colour, Format, Source};
use crate::settings::{self, LocalConfirm, Settings};
use crate::state::approvals::Confirm;
use crate::state::file::is_missing;
use crate::visible::visible_path;

/// The name of the settings file in the configuration directory.
pub const SETTINGS_FILE: &str = "config.toml";

/// Why the settings could not be loaded. Each message says what is wrong and what to do, in plain text.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file exists but cannot be read as text.
    #[error("The settings {} cannot be read: {}.", visible_path(.0), .1)]
    Unreadable(PathBuf, TextError),
    /// The file has errors: its name, and its diagnostics with their locations, over several lines.
    #[error(
        "The settings {0} are invalid, so nothing is started with them.\n\n{1}\nFix them, and try them with \
         `policylayer check`."
    )]
    Invalid(String, String),
}

impl SettingsError {
    /// Returns the exit code of a run that fails with this error.
    pub fn exit_code(&self) -> Exit {
        if matches!(self, Self::Invalid(..)) { Exit::InvalidPolicy } else { Exit::Failed }
    }
}

/// Reads and loads config.toml; returns the defaults if there is none.
///
/// # Errors
/// Returns an error if it exists and cannot be used: going on with the defaults would drop what its author asked for.
pub fn load_settings(env: &Env) -> Result<Settings, SettingsError> {
    let Some(source) = read_settings(env)? else { return Ok(Settings::default()) };
    let loaded = settings::load_settings(&source);
    loaded.settings.ok_or_else(|| {
        let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
        SettingsError::Invalid(source.name().to_owned(), rendered)
    })
}

/// Returns the confirmation that config.toml requires now for answers on this machine. A session also keeps the one that it
/// started with.
///
/// # Errors
/// As [`load_settings`].
pub fn load_confirm(env: &Env) -> Result<Confirm, SettingsError> {
    Ok(match load_settings(env)?.approvals.local_confirm {
        LocalConfirm::None => Confirm::None,
        LocalConfirm::Code => Confirm::Code,
    })
}

/// Reads config.toml; `None` if there is none, or the configuration directory is unknown.
///
/// # Errors
/// Returns an error if it exists and is not a regular file, larger than 1 MiB, unreadable or not UTF-8.
pub fn read_settings(env: &Env) -> Result<Option<Source>, SettingsError> {
    let Ok(dir) = configuration_dir(env) else { return Ok(None) };
    let path = dir.join(SETTINGS_FILE);
    // A dangling link is a file that somebody wanted.
    if fs::symlink_metadata(&path).is_err_and(|error| is_missing(&error)) {
        return Ok(None);
    }
    match text::read_text(&path, MAX_SETTINGS_FILE) {
        Ok(text) => Ok(Some(Source::new(visible_path(&path), Format::Toml, text))),
        Err(why) => Err(SettingsError::Unreadable(path, why)),
    }
}
