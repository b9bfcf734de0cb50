//! One file a verb: `run(args, &Env) -> anyhow::Result<Exit>`.

pub mod check;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The environment as it was at the start, passed in so that nothing else reads it.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// The variables.
    pub vars: HashMap<OsString, OsString>,
    /// The working folder.
    pub cwd: PathBuf,
}

impl Env {
    /// The environment of this process.
    pub fn capture() -> Self {
        Self { vars: std::env::vars_os().collect(), cwd: std::env::current_dir().unwrap_or_default() }
    }

    /// The value of a variable.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str)
    }
}
