//! The environment of the process, captured once and passed down.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use directories::BaseDirs;

/// The environment of the process, captured once, so that tests can replace it.
#[derive(Clone, Debug, Default)]
pub struct Env {
    vars: HashMap<OsString, OsString>,
    home: Option<PathBuf>,
    dir: PathBuf,
    program: Option<PathBuf>,
    stdin_is_terminal: bool,
    stderr_is_terminal: bool,
}

impl Env {
    /// Captures the environment of this process.
    pub fn capture() -> Self {
        let env = Self::new(std::env::vars_os(), PathBuf::new());
        Self {
            // On Linux and macOS that is HOME, and if a client starts us without it, the system knows.
            home: env.user_profile().or_else(|| BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())),
            // If the directory is gone, relative paths fail where they are used, in errors that name them.
            dir: std::env::current_dir().unwrap_or_default(),
            program: std::env::current_exe().ok(),
            stdin_is_terminal: io::stdin().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            ..env
        }
    }

    /// Creates an environment with these variables and this working directory, and no terminal.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (K, V)>,
        dir: impl Into<PathBuf>,
    ) -> Self {
        let vars: HashMap<OsString, OsString> =
            vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let env = Self { vars, dir: dir.into(), ..Self::default() };
        // There is no system to ask, so Windows falls back to HOME.
        Self { home: env.user_profile().or_else(|| env.var("HOME").map(PathBuf::from)), ..env }
    }

    /// The home directory that the environment names on Windows. The system would return the user's own even if a
    /// client's entry, or a test, names another one. HOME is ignored: Git's and MSYS2's shells set it, and the clients'
    /// files are in USERPROFILE.
    fn user_profile(&self) -> Option<PathBuf> {
        self.absolute_var("USERPROFILE").filter(|_| cfg!(windows))
    }

    /// Returns a variable, even if it is empty. On Windows `Path` is PATH.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        let in_another_case =
            || self.vars().find(|(other, _)| cfg!(windows) && other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).or_else(in_another_case)
    }

    /// Returns a variable that holds an absolute path.
    pub(crate) fn absolute_var(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Returns every variable.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns the home directory, as an absolute path.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref().filter(|home| home.is_absolute())
    }

    /// Returns the working directory.
    pub fn working_dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the path of the running program, if the system reports it.
    pub fn program_path(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn with_program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: Some(program.into()), ..self }
    }

    /// Returns the same environment without a variable.
    #[must_use]
    pub fn without_var(mut self, name: &str) -> Self {
        self.vars.retain(|other, _| !(other == name || (cfg!(windows) && other.eq_ignore_ascii_case(name))));
        self
    }

    /// Whether stdin is a terminal: then a person is waiting, not a client.
    pub fn stdin_is_terminal(&self) -> bool {
        self.stdin_is_terminal
    }

    /// Whether a person can be asked: stdin and stderr are terminals.
    pub fn asks_on_terminal(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    /// Whether stderr is a terminal that may be coloured.
    pub fn colours_stderr(&self) -> bool {
        self.stderr_is_terminal && self.var("NO_COLOR").is_none_or(OsStr::is_empty)
    }
}
