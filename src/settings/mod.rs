//! `config.toml`: the settings for every wrapper of this user. Everything has a default, and the file need not exist.
//!
//! It is read like a policy: everything that is wrong with it is reported at once, each with its place, and a file with
//! an error gives no settings at all. This module does no I/O; `paths` finds and reads the file.

mod clients;
mod read;
mod scalar;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

pub use self::clients::KnownClient;
pub(crate) use self::scalar::format_seconds;
pub use self::servers::TwoNames;

use self::read::{ApprovalKeys, AuditKeys, WrapKeys};
pub use crate::engine::{Channel, ClientRow};
use crate::policy::diagnostic::Report;
use crate::policy::keys::words::words;
use crate::policy::{Diagnostic, ServerName, Source, Strength, decode};
pub use crate::record::{ArgumentsLogged, Required};

/// The settings of config.toml, with defaults for absent ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How strict the built-in policy is of servers without a catalogue.
    pub strength: Strength,
    /// `[servers.NAME]`, in the order of the file.
    pub servers: Vec<ServerSettings>,
    /// `[wrap]`
    pub wrap: WrapSettings,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[approvals]`
    pub approvals: ApprovalSettings,
}

/// `[servers.NAME]`: a server whose command does not tell its name, or whose policy is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The name.
    pub name: ServerName,
    /// The server has this name if one of these is a part of a word of its command.
    pub matches: Vec<String>,
    /// The policy file, relative to the configuration directory.
    pub policy: Option<PathBuf>,
}

/// `[wrap]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapSettings {
    /// The longest line in either direction, in bytes.
    pub max_message: usize,
    /// How long the server has to exit by itself after its stdin is closed.
    pub grace: Duration,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// What is logged of a call's arguments.
    pub arguments: ArgumentsLogged,
    /// Whether calls are refused while the log cannot be written.
    pub required: Required,
    /// The maximum size of one log file, in bytes.
    pub max_size: u64,
    /// The maximum size of one server's log with all its files, in bytes.
    pub max_total: u64,
    /// For how many days records are kept.
    pub keep_days: u32,
}

/// `[approvals]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalSettings {
    /// How a person can be asked, the preferred way first; never empty, and each at most once.
    pub channels: Vec<Channel>,
    /// How long a person has to answer.
    pub timeout: Duration,
    /// What the local channel asks for besides the answer.
    pub local_confirm: LocalConfirm,
    /// How a person is told of a question on the local channel; each at most once.
    pub notify: Vec<NotifyMethod>,
    /// The program that [`NotifyMethod::Command`] runs, and its arguments; empty exactly if nothing is run.
    pub command: Vec<String>,
    /// `[approvals.clients.NAME]`, in the order of the file.
    pub clients: Vec<ClientRow>,
}

words! {
    /// What a person has to give beside the answer, on the local channel.
    pub enum LocalConfirm("LocalConfirm");
    /// Nothing.
    "none" => None,
    /// A code that is shown with the question.
    "code" => Code,
}

words! {
    /// How a person is told of a question.
    pub enum NotifyMethod("NotifyMethod");
    /// By a notification on the desktop, where there is one.
    "desktop" => Desktop,
    /// By `command`, which gets the question as JSON.
    "command" => Command,
}

impl Default for WrapSettings {
    fn default() -> Self {
        WrapKeys::default().into()
    }
}

impl Default for AuditSettings {
    fn default() -> Self {
        AuditKeys::default().into()
    }
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        ApprovalKeys::default().into()
    }
}

/// The result of loading a config.toml: its settings, unless there is an error, and all errors.
#[derive(Debug)]
#[must_use]
pub struct LoadedSettings {
    /// The settings; `None` exactly if there are errors.
    pub settings: Option<Settings>,
    /// The errors, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads a config.toml. Never panics; reports errors only as diagnostics.
pub fn load_settings(source: &Source) -> LoadedSettings {
    let mut report = Report::default();
    let settings = decode::decode(source, &mut report).and_then(|root| read::read_settings(&root, &mut report));
    LoadedSettings { settings: settings.filter(|_| !report.has_errors()), diagnostics: report.into_diagnostics(source) }
}
