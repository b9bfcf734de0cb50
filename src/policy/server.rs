//! Temporary: the policy room brings the real one.

use std::ffi::OsString;

/// Temporary.
#[derive(Clone, Debug)]
pub struct ServerName(String);

/// Temporary.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a server's name has no slash")]
pub struct BadServerName;

impl ServerName {
    /// Temporary.
    ///
    /// # Errors
    /// Temporary.
    pub fn new(name: &str) -> Result<Self, BadServerName> {
        if name.contains('/') { Err(BadServerName) } else { Ok(Self(name.to_owned())) }
    }
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Temporary.
pub fn derive(command: &[OsString]) -> Option<ServerName> {
    let name = std::path::Path::new(command.first()?).file_stem()?.to_str()?;
    ServerName::new(name).ok()
}
