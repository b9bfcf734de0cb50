//! Finds the configuration directory, and the policy file in force.
//!
//! The order: the file that was named, then `POLICYLAYER_POLICY`, then the file that config.toml names for the server,
//! then `policies/SERVER.{toml,json,yaml,yml}` in the configuration directory, then the built-in policy. A file that is
//! named or found but cannot be used is an error: another policy would let through what its author forbade.

mod config;
mod lock;
mod policy_list;
mod replace;
mod session;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::config::{SETTINGS_FILE, SettingsError, load_confirm, load_settings, read_settings};
pub use self::lock::{LockFileError, lock_path, read_lock};
pub use self::policy_list::{PolicyList, list_policies, may_ask_for_origins, tested_policy_stem};
pub(crate) use self::replace::remove_unchanged;
pub use self::replace::{ReplaceError, Unreplaced, replace_file};
pub use self::session::{Current, InForce, LoadedSession, SessionLock, SessionPlace};
pub use self::text::TextError;
pub(crate) use self::text::read_bytes;

use crate::env::Env;
use crate::exit::Exit;
use crate::limits::MAX_POLICY_FILE;
use crate::policy::{self, Colour, Diagnostic, Format, Policy, Server, ServerName, Source};
use crate::settings::Settings;
use crate::state::file::{self, is_missing};
use crate::visible::visible_path;

/// The environment variable that names a policy file.
pub const POLICY_VARIABLE: &str = "POLICYLAYER_POLICY";

/// The name of the log's directory in the state directory.
pub const AUDIT_DIR: &str = "audit";

/// The name of the state store in the state directory.
pub const STATE_FILE: &str = "state.sqlite3";

/// The directory in the state directory that holds what sessions remember of results.
pub const LEDGER_DIR: &str = "ledgers";

/// The policy in force, and the document that it came from.
#[derive(Debug)]
#[must_use]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Policy,
    /// The document; `None` if the built-in policy is in force.
    pub source: Option<Source>,
    /// The document's warnings.
    pub warnings: Vec<Diagnostic>,
}

impl LoadedPolicy {
    /// Renders the warnings with their locations; empty if there are none.
    pub fn render_warnings(&self, colour: Colour) -> String {
        self.source
            .as_ref()
            .map_or_else(String::new, |source| policy::render_diagnostics(source, &self.warnings, colour))
    }
}

/// Why no policy could be loaded. Each message says what is wrong and what to do, in plain text.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The variable is there and names nothing.
    #[error(
        "{POLICY_VARIABLE} is set but empty, so it is unclear which policy is meant. Set it to the path of a policy file, or unset it."
    )]
    EmptyVariable,
    /// The policy that `wrap` is told to use has a relative path.
    #[error(
        "The policy {} of {by} has a relative path, so the directory that a client starts this in would decide, and a cloned \
         repository could bring its own policy. Write the absolute path: {}", visible_path(.path), visible_path(.absolute)
    )]
    Relative {
        /// The option or the variable that names it.
        by: &'static str,
        /// The path as written.
        path: PathBuf,
        /// The file that it means here.
        absolute: PathBuf,
    },
    /// The configuration directory is unknown.
    #[error("The configuration directory cannot be found: {0}. Or name the policy with --policy FILE.")]
    NoConfigurationDir(&'static str),
    /// A file is where the directory of policies should be.
    #[error(
        "{} is a file, and the policies of servers are in a directory of that name. Move it away, into that directory if it is a policy.",
        visible_path(.0)
    )]
    NotADirectory(PathBuf),
    /// Two files in the configuration directory belong to the same server.
    #[error(
        "There are two policies for {}: {} and {}. Keep one of them, or name the one that is meant with --policy.",
        .0, visible_path(.1), visible_path(.2)
    )]
    TwoFiles(ServerName, PathBuf, PathBuf),
    /// config.toml names a policy for the server, and the directory of policies has another.
    #[error(
        "There are two policies for {}: config.toml names {}, and there is {} as well. Remove `policy` from \
         [servers.{}], move the other file away, or name the one that is meant with --policy.",
        .0, visible_path(.1), visible_path(.2), .0
    )]
    NamedAndFound(ServerName, PathBuf, PathBuf),
    /// A file in the directory of policies is meant for the server, but does not have its exact name, which is the last
    /// field.
    #[error(
        "The policy {} would not be read: {}. Rename it to {}.", visible_path(.1),
        if .0.device_name().is_some() { "on Windows that is the name of a device, so no server has it" }
        else { "the name of a server is in lower case, and here that is another file" },
        .2
    )]
    Misnamed(ServerName, PathBuf, String),
    /// There is a policy for the bridge before the server, whose name was that of all servers behind it once.
    #[error(
        "The policy {} would not be read: a server behind a bridge has the name of its host now, and this one is {}. Rename the file to {}, or copy it for each host.", visible_path(.1), .0, .2
    )]
    OfBridge(ServerName, PathBuf, String),
    /// The file's extension names no format.
    #[error("The policy {} does not end in .toml, .json, .yaml or .yml. Give it the extension of its format.", visible_path(.0))]
    UnknownEnding(PathBuf),
    /// There is no such file.
    #[error("The policy {} does not exist. {}", visible_path(.0), missing_remedy(.0))]
    Missing(PathBuf),
    /// The file cannot be read as text.
    #[error("The policy {} cannot be read: {}.", visible_path(.0), .1)]
    Unreadable(PathBuf, TextError),
    /// The document has errors: its name, and its diagnostics with their locations, over several lines.
    #[error(
        "The policy {0} is invalid, so it is not put in force.\n\n{1}\nFix it, and try it with `policylayer check {0}`."
    )]
    Invalid(String, String),
    /// The lock of the server cannot be used.
    #[error(transparent)]
    Lock(#[from] LockFileError),
    /// The policy demands a lock, and there is none.
    #[error(
        "The policy demands a lock (lock = \"required\"), and there is none at {}. Make one with `policylayer lock {}`, or, for a \
         server that no client has, with `policylayer lock --server {} {} COMMAND`.",
        visible_path(.0), .1, .1, crate::shell::as_word("--")
    )]
    NoLock(PathBuf, ServerName),
    /// A session is held to a lock that is gone.
    #[error(
        "The lock {} is gone. Restore it, or say lock = \"off\" in the policy if the server is not to be held to it.",
        visible_path(.0)
    )]
    LockGone(PathBuf),
}

impl PolicyError {
    fn from_text_error(path: &Path, why: TextError) -> Self {
        let path = path.to_owned();
        if matches!(why, TextError::Missing) { Self::Missing(path) } else { Self::Unreadable(path, why) }
    }

    /// Returns the exit code of a run that fails with this error.
    pub fn exit_code(&self) -> Exit {
        match self {
            Self::Invalid(..) => Exit::InvalidPolicy,
            Self::Relative { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// Checks that the path of the policy that `wrap` is told to use does not depend on where a client starts it.
///
/// # Errors
/// Returns an error if `--policy`, or else `POLICYLAYER_POLICY`, is a relative path. On Windows, a path without a drive and
/// one without a root are relative too.
pub fn check_policy_path(named: Option<&Path>, env: &Env) -> Result<(), PolicyError> {
    let (by, path) = match (named, env.var(POLICY_VARIABLE)) {
        (Some(path), _) => ("--policy", path),
        (None, Some(path)) => (POLICY_VARIABLE, Path::new(path)),
        (None, None) => return Ok(()),
    };
    // An empty variable is another error.
    if path.is_absolute() || path.as_os_str().is_empty() {
        return Ok(());
    }
    let absolute = match (path.strip_prefix("~"), env.home()) {
        // A shell would have expanded it; a client does not.
        (Ok(rest), Some(home)) => home.join(rest),
        _ => absolute_path(path, env),
    };
    Err(PolicyError::Relative { by, path: path.to_owned(), absolute })
}

/// Returns the absolute path of a file that is named relative to the working directory.
pub fn absolute_path(path: &Path, env: &Env) -> PathBuf {
    let path = env.working_dir().join(path);
    // On Windows the path is still relative if it names a drive and no root: `D:policy.toml`.
    std::path::absolute(&path).unwrap_or(path)
}

/// Finds, reads and loads the policy in force for a server; `named` is the file given on the command line.
///
/// # Errors
/// Returns an error if a policy is named or found and cannot be used. policylayer never falls back from one policy
/// to another.
pub fn load_policy(
    named: Option<&Path>,
    server: &Server,
    settings: &Settings,
    env: &Env,
) -> Result<LoadedPolicy, PolicyError> {
    let Some(path) = find_policy(named, server.name(), settings, env)? else {
        check_bridge(server, settings, env)?;
        return Ok(LoadedPolicy { policy: policy::builtin_policy(server), source: None, warnings: Vec::new() });
    };
    load_document(read_policy(&path)?, server)
}

fn load_document(source: Source, server: &Server) -> Result<LoadedPolicy, PolicyError> {
    let loaded = policy::load_policy(&source, server);
    match loaded.policy {
        Some(policy) => Ok(LoadedPolicy { policy, source: Some(source), warnings: loaded.diagnostics }),
        None => {
            let rendered = policy::render_diagnostics(&source, &loaded.diagnostics, Colour::Plain);
            Err(PolicyError::Invalid(source.name().to_owned(), rendered))
        }
    }
}

/// Returns every file that [`find_policy`] looks for.
pub fn policy_files(named: Option<&Path>, server: &ServerName, settings: &Settings, env: &Env) -> Vec<PathBuf> {
    match (named, env.var(POLICY_VARIABLE)) {
        (Some(path), _) => vec![path.to_owned()],
        (None, Some(path)) => vec![PathBuf::from(path)],
        (None, None) => configuration_dir(env).map_or_else(
            |_| Vec::new(),
            |dir| {
                let configured = settings.policy_of(server).map(|path| dir.join(path));
                configured.into_iter().chain(files_named_after(server, &dir)).collect()
            },
        ),
    }
}

fn files_named_after(server: &ServerName, dir: &Path) -> [PathBuf; 4] {
    Format::ENDINGS.map(|ending| dir.join("policies").join(format!("{server}.{ending}")))
}

/// Finds the policy file in force for a server; `None` if the built-in policy is in force.
///
/// # Errors
/// Returns an error if the variable is empty, two files compete, or the configuration directory cannot be found or
/// looked into.
pub fn find_policy(
    named: Option<&Path>,
    server: &ServerName,
    settings: &Settings,
    env: &Env,
) -> Result<Option<PathBuf>, PolicyError> {
    if let Some(path) = named {
        return Ok(Some(path.to_owned()));
    }
    if let Some(path) = env.var(POLICY_VARIABLE) {
        return if path.is_empty() { Err(PolicyError::EmptyVariable) } else { Ok(Some(PathBuf::from(path))) };
    }
    let dir = configuration_dir(env)?;
    let configured = settings.policy_of(server).map(|path| dir.join(path));
    let mut found: Option<PathBuf> = None;
    for path in files_named_after(server, &dir) {
        // Not `exists`: a dangling link is a policy that somebody wanted.
        match fs::symlink_metadata(&path) {
            Ok(_) if configured.as_ref().is_some_and(|configured| is_same(configured, &path)) => {}
            Ok(_) => match (&configured, found) {
                (Some(named), _) => return Err(PolicyError::NamedAndFound(server.clone(), named.clone(), path)),
                (None, Some(first)) => return Err(PolicyError::TwoFiles(server.clone(), first, path)),
                (None, None) => found = Some(path),
            },
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(PolicyError::Unreadable(path, TextError::Failed(error))),
        }
    }
    if configured.is_none() && found.is_none() {
        let policies = dir.join("policies");
        check_is_directory(&policies)?;
        check_misnamed(server, &policies)?;
    }
    Ok(configured.or(found))
}

/// Checks that there is no policy that was for every server behind the bridge: it must not lapse unseen.
fn check_bridge(server: &Server, settings: &Settings, env: &Env) -> Result<(), PolicyError> {
    let Some(bridge) = server.bridge() else { return Ok(()) };
    match find_policy(None, bridge, settings, env)? {
        Some(file) => {
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or("toml");
            let name = format!("{}.{ending}", server.name());
            Err(PolicyError::OfBridge(server.name().clone(), file, name))
        }
        None => Ok(()),
    }
}

/// Checks that the directory of policies has no file that is meant for the server but not named after it: a name in
/// upper case if that is another file, or `aux` for the server `aux-server`.
fn check_misnamed(server: &ServerName, dir: &Path) -> Result<(), PolicyError> {
    // An unreadable directory was reported before.
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    let device = server.device_name();
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let lower = name.to_ascii_lowercase();
        let Some((stem, ending)) = lower.rsplit_once('.') else { continue };
        let is_meant = (stem == server.as_str() && name != lower) || device.as_deref() == Some(stem);
        if is_meant && Format::from_ending(ending).is_some() {
            return Err(PolicyError::Misnamed(server.clone(), dir.join(&name), format!("{server}.{ending}")));
        }
    }
    Ok(())
}

/// Checks that no file is in the place of a directory, which need not exist.
fn check_is_directory(dir: &Path) -> Result<(), PolicyError> {
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Err(PolicyError::NotADirectory(dir.to_owned())),
        _ => Ok(()),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((file::real_path(one), file::real_path(other)), (Ok(one), Ok(other)) if one == other)
}

/// Returns the configuration directory: `$XDG_CONFIG_HOME/policylayer` if that is an absolute path, otherwise
/// `~/.config/policylayer` on Linux and macOS and `%APPDATA%\policylayer` on Windows. It need not exist.
///
/// # Errors
/// Returns an error if the environment does not tell.
pub fn configuration_dir(env: &Env) -> Result<PathBuf, PolicyError> {
    let (base, remedy) = if cfg!(windows) {
        (env.absolute_var("APPDATA"), "set APPDATA to an absolute path")
    } else {
        (env.home().map(|home| home.join(".config")), "set HOME to an absolute path")
    };
    let base = env.absolute_var("XDG_CONFIG_HOME").or(base).ok_or(PolicyError::NoConfigurationDir(remedy))?;
    Ok(base.join("policylayer"))
}

/// The state directory is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The state directory cannot be found: {0}.")]
pub struct NoStateDir(&'static str);

/// Returns the state directory: `$XDG_STATE_HOME/policylayer` if that is an absolute path, otherwise
/// `~/.local/state/policylayer` on Linux and Windows and `~/Library/Application Support/policylayer` on macOS. It need
/// not exist.
///
/// On Windows it is not below `%LOCALAPPDATA%`: a packaged Claude Desktop redirects what its child processes write
/// there to a private copy (<https://github.com/anthropics/claude-code/issues/93152>), so a terminal would see neither
/// the log nor the approvals.
///
/// # Errors
/// Returns an error if the environment does not tell.
pub fn state_dir(env: &Env) -> Result<PathBuf, NoStateDir> {
    let dir = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    // Joined by parts, so that Windows gets its own separator.
    let base = env.home().map(|home| dir.split('/').fold(home.to_owned(), |path, part| path.join(part)));
    let remedy = if cfg!(windows) { "set USERPROFILE to an absolute path" } else { "set HOME to an absolute path" };
    let base = env.absolute_var("XDG_STATE_HOME").or(base).ok_or(NoStateDir(remedy))?;
    Ok(base.join("policylayer"))
}

/// Returns the directory of the audit log, in the state directory. It need not exist.
///
/// # Errors
/// Returns an error if the environment does not tell.
pub fn audit_dir(env: &Env) -> Result<PathBuf, NoStateDir> {
    state_dir(env).map(|dir| dir.join(AUDIT_DIR))
}

/// Reads a policy file.
///
/// # Errors
/// Returns an error if its ending is unknown, or it is missing, no regular file, larger than 1 MiB, unreadable or not
/// UTF-8.
pub fn read_policy(path: &Path) -> Result<Source, PolicyError> {
    let error = |why| PolicyError::from_text_error(path, why);
    text::check_is_file(path).map_err(error)?;
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let format = Format::from_ending(&ending).ok_or_else(|| PolicyError::UnknownEnding(path.to_owned()))?;
    let text = text::read_text(path, MAX_POLICY_FILE).map_err(error)?;
    Ok(Source::new(visible_path(path), format, text))
}

fn missing_remedy(path: &Path) -> &'static str {
    if path.starts_with("~") {
        "`~` is not expanded here: write an absolute path."
    } else {
        "Create it, or fix the path; an absolute path is safest, since clients start servers anywhere."
    }
}
