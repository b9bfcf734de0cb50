//! The package that a command starts, as its launcher's own files tell: its version, and what its content is held by.
//!
//! Nothing is started and no registry is asked. What the files do not tell for certain is not known, and is said to be.

mod hold;
mod npm;
mod npm_settings;
mod pin;
mod program;
mod pypi;
mod python_env;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

pub(crate) use self::hold::{HeldStart, check_package, hold_package};
pub(crate) use self::pin::pin_version;

use crate::env::Env;
use crate::limits::MAX_PACKAGE_FILE;
use crate::lock::LockedPackage;
use crate::paths::read_bytes;
use crate::policy::server::{Started, What, find_started};
use crate::risk::Registry;

/// When the files are looked at: a runner that takes whatever is newest leaves what it took behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileMoment {
    /// Before a start: only what the start cannot change counts.
    Before,
    /// After a start.
    After,
}

/// What is known about the package that a command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageFacts {
    /// Its name and registry, and its version and integrity as far as they are known.
    pub(crate) package: LockedPackage,
    /// Why not all of it is held, in a clause; `None` if the integrity is known.
    pub(crate) gap: Option<Cow<'static, str>>,
}

/// Returns what is known about the package that a command starts; `None` if its words do not tell what that is.
pub(crate) fn find_facts<S: AsRef<OsStr>>(command: &[S], env: &Env, moment: FileMoment) -> Option<PackageFacts> {
    let started = find_started(command)?;
    let facts = Search { started: &started, env, moment, options: option_words(command) }.find();
    Some(facts)
}

/// The options of a command, which may say that a runner is to ignore what is installed.
fn option_words<S: AsRef<OsStr>>(command: &[S]) -> Vec<String> {
    let words = command.iter().map(|word| word.as_ref().to_string_lossy().into_owned());
    words.filter(|word| word.starts_with('-')).collect()
}

/// What is looked for, and where.
struct Search<'s> {
    started: &'s Started,
    env: &'s Env,
    moment: FileMoment,
    options: Vec<String>,
}

impl Search<'_> {
    fn find(&self) -> PackageFacts {
        let stated = self.stated();
        if let Some(doubt) = self.started.doubt() {
            return stated.with_gap(doubt);
        }
        if matches!(self.started.launcher(), Some("wsl" | "sudo")) {
            return stated.with_gap("its files are another system's or user's");
        }
        match self.started.what() {
            What::Package { runner, .. } => match runner.as_str() {
                "npx" | "npm exec" | "npm x" => npm::find_npx(self, stated),
                "uvx" => pypi::find_uvx(self, stated),
                _ => stated.with_gap(format!("policylayer does not read what `{runner}` keeps")),
            },
            What::Image(image) => image_facts(image),
            What::Module(_) => stated.with_gap("whichever Python runs decides where the module comes from"),
            What::Program(program) => match self.started.launcher() {
                Some(launcher @ ("mise" | "fnm" | "volta" | "op" | "doppler" | "dotenv" | "envmcp")) => {
                    stated.with_gap(format!("`{launcher}` may change where programs are found"))
                }
                _ => program::find_in_path(program, self.env, stated),
            },
            What::File(file) => program::find_file(Path::new(file), self.env, stated),
            What::Remote { .. } => stated.with_gap("it runs on its own host"),
        }
    }

    /// What the words of the command say.
    fn stated(&self) -> PackageFacts {
        let (registry, name, version) = match self.started.what() {
            What::Package { registry, name, version, .. } => {
                (*registry, name.as_str(), version.as_deref().filter(|version| is_exact(*registry, version)))
            }
            What::Image(image) => (Registry::Image, image.as_str(), None),
            What::Module(name) | What::Program(name) => (Registry::Program, name.as_str(), None),
            What::File(path) => (Registry::Program, file_name(path), None),
            What::Remote { host, .. } => (Registry::Host, host.as_str(), None),
        };
        PackageFacts::new(registry, name, version)
    }

    fn has_option(&self, options: &[&str]) -> bool {
        self.options.iter().any(|word| options.contains(&word.split('=').next().unwrap_or(word)))
    }
}

impl PackageFacts {
    fn new(registry: Registry, name: &str, version: Option<&str>) -> Self {
        let registry = match registry {
            Registry::Npm => "npm",
            Registry::Pypi => "pypi",
            Registry::Image => "image",
            Registry::Program => "program",
            Registry::Host => "host",
        };
        let package = LockedPackage {
            name: name.to_owned(),
            registry: registry.to_owned(),
            version: version.map(str::to_owned),
            integrity: None,
        };
        Self { package, gap: None }
    }

    fn with_gap(self, gap: impl Into<Cow<'static, str>>) -> Self {
        Self { gap: Some(gap.into()), ..self }
    }

    fn with_version(mut self, version: &str) -> Self {
        self.package.version = Some(version.to_owned());
        self
    }

    /// Adds the integrity, or says why there is none.
    fn with_integrity(mut self, integrity: Option<String>, otherwise: &'static str) -> Self {
        self.gap = integrity.is_none().then_some(Cow::Borrowed(otherwise));
        self.package.integrity = integrity;
        self
    }
}

/// `@iterable/mcp 1.9.0 from npm, held by its integrity`
impl fmt::Display for PackageFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe_package(&self.package))?;
        let held = match (&self.package.version, &self.package.integrity) {
            (_, Some(_)) => ", held by its integrity",
            (Some(_), None) => "; only the version is held",
            (None, None) => "; not even its version is held",
        };
        f.write_str(held)?;
        self.gap.as_ref().map_or(Ok(()), |gap| write!(f, ": {gap}"))
    }
}

/// `@iterable/mcp 1.9.0 from npm`
pub(crate) fn describe_package(package: &LockedPackage) -> String {
    let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let from = match package.registry.as_str() {
        "npm" => " from npm",
        "pypi" => " from PyPI",
        _ => "",
    };
    let what = match package.registry.as_str() {
        "image" => "the image ",
        "program" => "the program ",
        "host" => "the host ",
        _ => "",
    };
    format!("{what}{}{version}{from}", package.name)
}

/// Whether a version of a package names one release, not a range or a tag.
fn is_exact(registry: Registry, version: &str) -> bool {
    let is_plain = version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    match registry {
        // `1` and `1.2` are ranges, and so is `1.x`.
        Registry::Npm => {
            let release = version.split(['-', '+']).next().unwrap_or_default();
            let parts: Vec<_> = release.split('.').collect();
            let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
            is_plain && parts.len() == 3 && parts.iter().all(is_number)
        }
        _ => is_plain,
    }
}

/// An image is held by the digest in its name, if it has one.
fn image_facts(image: &str) -> PackageFacts {
    let (path, digest) = image.split_once('@').map_or((image, None), |(path, digest)| (path, Some(digest)));
    let last = path.rfind('/').map_or(0, |at| at + 1);
    let tag = path.get(last..).and_then(|name| name.find(':')).map(|at| path.split_at(last + at));
    let (name, tag) = tag.map_or((path, None), |(name, tag)| (name, tag.get(1..)));
    let facts = PackageFacts::new(Registry::Image, name, tag);
    let digest = digest.filter(|digest| digest.starts_with("sha256:")).map(str::to_owned);
    facts.with_integrity(digest, "a tag can be moved; name the image by its digest, as IMAGE@sha256:…")
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path)
}

/// Reads a JSON file of a launcher; `None` if there is none that can be understood.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&read_bytes(path, MAX_PACKAGE_FILE).ok()?).ok()
}

fn read_text(path: &Path) -> Option<String> {
    String::from_utf8(read_bytes(path, MAX_PACKAGE_FILE).ok()?).ok()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sha256_of(text: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests;
