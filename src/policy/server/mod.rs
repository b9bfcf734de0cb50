//! The name of a server, and how it is derived from the command that starts it.

mod launcher;
mod name_rules;
mod origin;

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

pub use origin::Started;
pub(crate) use origin::What;

use super::builtin::Strength;
use crate::risk::Catalogue;

/// A server's name: lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit. It names the policy
/// file, so it is never a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(String);

/// Why a text is not a server name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0)]
pub struct BadServerName(Wrong);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error(
        "{} is not a server name. A name has the letters a to z, digits, `.`, `_` and `-`, begins with a letter or digit and \
         is at most 64 characters long, such as `iterable`.",
        super::diagnostic::quote_for_message(.0)
    )]
    Text(String),
    #[error(
        "{} cannot be a server name: it is the name of a device on Windows, where no file can have it. Choose another one, such \
         as `{}`.",
        super::diagnostic::quote_for_message(.0), ServerName::beside_device(.0)
    )]
    Device(String),
    #[error(
        "{} cannot be a server name: the file of its policy would be the lock or the tests of another server. Choose another one, \
         such as `{}`.",
        super::diagnostic::quote_for_message(.0), ServerName::beside_companion(.0)
    )]
    Companion(String),
}

impl ServerName {
    const LONGEST: usize = 64;

    /// Parses a name that a person gave, and lowers its case.
    ///
    /// # Errors
    /// If it is empty, longer than 64 characters, has a character that a name cannot have, or is that of another kind of file.
    pub fn parse(text: &str) -> Result<Self, BadServerName> {
        let name = text.to_ascii_lowercase();
        let is_good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= Self::LONGEST
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
        if !is_good {
            return Err(BadServerName(Wrong::Text(text.to_owned())));
        }
        match name {
            name if is_device(&name) => Err(BadServerName(Wrong::Device(name))),
            name if is_companion(&name) => Err(BadServerName(Wrong::Companion(name))),
            name => Ok(Self(name)),
        }
    }

    /// Returns the server that a policy file is named after: `policies/iterable.toml` is for `iterable`.
    pub(crate) fn from_policy_file(file: &Path) -> Option<Self> {
        Self::from_derived(file.file_stem()?.to_str()?)
    }

    /// Makes a name that is derived from a command. Nobody chose it, so the name of a Windows device gets a suffix, and that of
    /// another kind of file a hyphen.
    pub(crate) fn from_derived(text: &str) -> Option<Self> {
        match Self::parse(text) {
            Ok(name) => Some(name),
            Err(BadServerName(Wrong::Device(name))) => Self::parse(&Self::beside_device(&name)).ok(),
            Err(BadServerName(Wrong::Companion(name))) => Self::parse(&Self::beside_companion(&name)).ok(),
            Err(BadServerName(Wrong::Text(_))) => None,
        }
    }

    /// `aux-server` for `aux`.
    fn beside_device(name: &str) -> String {
        let (device, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
        format!("{device}-server{rest}")
    }

    /// `shop-lock` for `shop.lock`.
    fn beside_companion(name: &str) -> String {
        name.rsplit_once('.').map_or_else(|| name.to_owned(), |(stem, ending)| format!("{stem}-{ending}"))
    }

    /// Returns the device whose name this name was derived from: `aux` for `aux-server`.
    pub fn device_name(&self) -> Option<String> {
        let (device, rest) = self.0.split_once("-server")?;
        let name = format!("{device}{rest}");
        (is_device(&name) && Self::beside_device(&name) == self.0).then_some(name)
    }

    /// Whether this is the other name and more, as `iterable-staging` is: a second account of the same server.
    pub(crate) fn is_account_of(&self, other: &Self) -> bool {
        let (own, other) = (self.as_str(), other.as_str());
        let before = own.strip_suffix(other).and_then(|rest| rest.strip_suffix(['-', '_', '.']));
        let more = own.strip_prefix(other).and_then(|rest| rest.strip_prefix(['-', '_', '.'])).or(before);
        more.is_some_and(|more| name_rules::without_noise(more).is_some())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a server whose name is not known.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }
}

/// Whether Windows reserves the name for a device, whatever its ending and directory. Policies and logs have servers'
/// names and move between machines, so such a name is invalid on every system.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let is_port = |rest: &str| matches!(rest.as_bytes(), [b'1'..=b'9']);
    matches!(stem, "con" | "prn" | "aux" | "nul")
        || stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")).is_some_and(is_port)
}

/// Whether a file with this stem is beside the policy of another server: its lock, or its tests.
fn is_companion(stem: &str) -> bool {
    stem.ends_with(".lock") || stem.ends_with(".test")
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

/// A server as a policy knows it: its name here, and which known server it is, if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    name: ServerName,
    catalogue: Option<&'static Catalogue>,
    bridge: Option<ServerName>,
    strength: Strength,
}

impl Server {
    /// A server of which there is no command to look at: its name says which one is asked about.
    pub fn by_name(name: &ServerName) -> Self {
        Self { catalogue: Catalogue::for_server(name), name: name.clone(), bridge: None, strength: Strength::default() }
    }

    /// A server that a command starts. A name is a claim: which known server it is comes from the command alone.
    pub fn of_command<S: AsRef<OsStr>>(name: &ServerName, command: &[S]) -> Self {
        let started = find_started(command);
        let catalogue = started.as_ref().and_then(Started::catalogue);
        let is_derived = started.as_ref().and_then(Started::server_name).as_ref() == Some(name);
        let bridge = started.filter(|_| is_derived).and_then(|started| started.bridge_name());
        Self { name: name.clone(), catalogue, bridge, strength: Strength::default() }
    }

    /// The server, as the person who wrote its policy says: `catalogue = "…"`.
    #[must_use]
    pub fn with_catalogue(self, catalogue: &'static Catalogue) -> Self {
        Self { catalogue: Some(catalogue), ..self }
    }

    /// The server, with the strength of its built-in policy that config.toml or a command has.
    #[must_use]
    pub fn with_strength(self, strength: Strength) -> Self {
        Self { strength, ..self }
    }

    /// Its name: that of its policy file and of its log.
    pub fn name(&self) -> &ServerName {
        &self.name
    }

    /// The name of the bridge before it, if its own name is that of the host behind it.
    pub fn bridge(&self) -> Option<&ServerName> {
        self.bridge.as_ref()
    }

    /// What is known about it.
    pub fn catalogue(&self) -> Option<&'static Catalogue> {
        self.catalogue
    }

    /// How strict its built-in policy is; `None` if its catalogue has a rule for each tool.
    pub fn strength(&self) -> Option<Strength> {
        Some(self.strength).filter(|_| self.catalogue.is_none())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Returns what a command starts; `None` if its words do not tell. The address of a server, as the first word, is that server.
///
/// ```
/// use policylayer::policy::server::find_started;
///
/// let catalogue = |command: &[&str]| find_started(command).and_then(|started| started.catalogue()).is_some();
/// assert!(catalogue(&["npx", "-y", "@iterable/mcp"]));
/// assert!(!catalogue(&["docker", "run", "-i", "evil/iterable-mcp"]));
/// ```
pub fn find_started<S: AsRef<OsStr>>(command: &[S]) -> Option<Started> {
    let words: Vec<String> = command.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
    launcher::find_started(&words, 0)
}

/// The name of the server that a command starts: that of its package, module, image or program, without what every
/// MCP server has in its name. `None` if the command does not tell.
///
/// ```
/// use policylayer::policy::server::derive_name;
///
/// let name = derive_name(&["npx", "-y", "@iterable/mcp@1.9.0"]);
/// assert_eq!(name.as_ref().map(|name| name.as_str()), Some("iterable"));
/// ```
pub fn derive_name<S: AsRef<OsStr>>(command: &[S]) -> Option<ServerName> {
    find_started(command)?.server_name()
}
