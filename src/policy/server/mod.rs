//! The name of a server, and how it is derived from the command that starts it.

mod launcher;
mod naming;

use std::ffi::OsStr;
use std::fmt;

/// A server's name: lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit. It names the
/// policy file, so it is never a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(String);

/// Why a text is no server name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is no server name. A name has the letters a to z, digits, `.`, `_` and `-`, begins with a letter or digit and \
     is at most 64 characters long, such as `iterable`.",
    super::diagnostic::quote(.0)
)]
pub struct BadServerName(String);

impl ServerName {
    const LONGEST: usize = 64;

    /// The name that a person gave; upper case is lowered.
    ///
    /// # Errors
    /// Where it is empty, longer than 64 characters, or has a character that a name cannot have.
    pub fn parse(text: &str) -> Result<Self, BadServerName> {
        let name = text.to_ascii_lowercase();
        let is_good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= Self::LONGEST
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
        if is_good { Ok(Self(name)) } else { Err(BadServerName(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a server that nothing tells the name of.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }
}

impl AsRef<str> for ServerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of the server that a command starts: that of its package, module, image or program, without what every
/// MCP server has in its name. `None` where the command does not tell.
///
/// ```
/// use policylayer::policy::server::derive;
///
/// let name = derive(&["npx", "-y", "@iterable/mcp@1.9.0"]);
/// assert_eq!(name.as_ref().map(|name| name.as_str()), Some("iterable"));
/// ```
pub fn derive<S: AsRef<OsStr>>(command: &[S]) -> Option<ServerName> {
    let words: Vec<String> = command.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
    launcher::derive_from(&words, 0)
}
