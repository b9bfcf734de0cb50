//! What a command starts: a package of a registry, an image, a program, a file, or a bridge to another host.

use std::fmt;

use super::ServerName;
use super::name_rules::{from_address, from_image, from_module, from_package, from_script};
use crate::risk::{Catalogue, Registry};
use crate::wire::http::endpoint::Endpoint;

/// What a command starts, as far as its words tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    what: What,
    /// The program of the package that runs; `None` for the one that the package is for.
    program: Option<String>,
    /// Why its words do not tell whose code runs, though they name something known.
    doubt: Option<&'static str>,
    /// The program of [`launcher`](super::launcher) that the command was looked through, as `op`: the innermost.
    launcher: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A package that a registry's runner fetches; `spec` is what the runner is told.
    Package { registry: Registry, name: String, version: Option<String>, runner: String, spec: String },
    /// A container's image, with its tag or digest.
    Image(String),
    /// A module of whichever Python finds it.
    Module(String),
    /// A program that is searched in PATH.
    Program(String),
    /// A file, a directory, a repository or an archive.
    File(String),
    /// A server that a bridge reaches, or `wrap --url` itself.
    Remote { host: String, path: String, bridge: Option<String> },
}

impl Started {
    pub(super) fn new(what: What) -> Self {
        Self { what, program: None, doubt: None, launcher: None }
    }

    /// The server at an address.
    pub(super) fn at(endpoint: &Endpoint) -> Self {
        let (host, path) = (endpoint.authority(), endpoint.path().to_owned());
        Self::new(What::Remote { host, path, bridge: None })
    }

    /// Parses a package of a registry: `@scope/name@1.0`, `name==1.0`, `alias@npm:name`. What names a place (a path, a repository, an
    /// archive) is a file, also where it stands for the version of a package.
    pub(super) fn package(registry: Registry, spec: &str, runner: &str) -> Self {
        let written = spec;
        let spec = ["npm:", "jsr:"].iter().find_map(|registry| spec.strip_prefix(registry)).unwrap_or(spec);
        let after_scope = spec.strip_prefix('@').map_or(0, |scoped| scoped.find('/').map_or(0, |at| at + 2));
        let end = spec.get(after_scope..).and_then(|name| name.find(['@', '=', '<', '>', '~', '!', '[', ';', ' ']));
        let (name, version) = end.map_or((spec, ""), |end| spec.split_at(after_scope + end));
        let version = version.split_once(']').filter(|_| version.starts_with('[')).map_or(version, |(_, after)| after);
        let version = version.trim_start_matches(['@', '=']);
        if let Some(other) = version.strip_prefix("npm:") {
            return Self::package(registry, other, runner).told(written);
        }
        let is_name = !name.trim_start_matches('@').contains([':', '\\'])
            && name.matches('/').count() == usize::from(after_scope > 0);
        if !is_name || version.contains(['/', ':', '\\']) {
            return Self::new(What::File(spec.to_owned()));
        }
        let version = (!version.is_empty() && version != "latest").then(|| version.to_owned());
        let (name, runner, spec) = (name.to_owned(), runner.to_owned(), written.to_owned());
        Self::new(What::Package { registry, name, version, runner, spec })
    }

    fn told(mut self, words: &str) -> Self {
        if let What::Package { spec, .. } = &mut self.what {
            words.clone_into(spec);
        }
        self
    }

    /// The same package, of which this program runs: any in PATH can be named there.
    pub(super) fn running(self, program: &str) -> Self {
        Self { program: Some(program.to_owned()), ..self }
    }

    pub(super) fn with_doubt(self, doubt: Option<&'static str>) -> Self {
        Self { doubt: doubt.or(self.doubt), ..self }
    }

    pub(super) fn behind(self, launcher: &'static str) -> Self {
        Self { launcher: self.launcher.or(Some(launcher)), ..self }
    }

    pub(crate) fn what(&self) -> &What {
        &self.what
    }

    /// The program of the package that runs; `None` for the one that the package is for.
    pub(crate) fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// Why its words do not tell whose code runs.
    pub(crate) fn doubt(&self) -> Option<&'static str> {
        self.doubt
    }

    /// The innermost launcher before it, such as `op` or `wsl`.
    pub(crate) fn launcher(&self) -> Option<&'static str> {
        self.launcher
    }

    /// Returns the name of the server: that of its package, module, image, program or host, without what every MCP server has in its
    /// name. `None` if the command does not tell.
    pub fn server_name(&self) -> Option<ServerName> {
        match &self.what {
            What::Package { name, .. } => from_package(name),
            What::Image(image) => from_image(image),
            What::Module(module) => from_module(module),
            What::Program(path) | What::File(path) => from_script(path),
            What::Remote { host, path, .. } => from_address(host, path),
        }
    }

    /// Returns the name of the bridge that reaches the server, if one does.
    pub(super) fn bridge_name(&self) -> Option<ServerName> {
        match &self.what {
            What::Remote { bridge, .. } => from_package(bridge.as_deref()?),
            _ => None,
        }
    }

    /// Whether it is a bridge to a server over HTTP.
    pub fn is_bridge(&self) -> bool {
        matches!(self.what, What::Remote { bridge: Some(_), .. })
    }

    /// Returns what is known about the server, if it is the very package, image, program or host that a catalogue was made of. What only
    /// ends alike is no known server: a path, a repository, another's image.
    pub fn catalogue(&self) -> Option<&'static Catalogue> {
        if self.doubt.is_some() {
            return None;
        }
        let known = match &self.what {
            What::Package { registry, name, .. } => Catalogue::with_registry(*registry, name),
            What::Image(image) => Catalogue::with_registry(Registry::Image, &image_name(image)),
            What::Program(program) => {
                let program = program.to_ascii_lowercase();
                let stem = [".exe", ".cmd"].iter().find_map(|ending| program.strip_suffix(ending));
                Catalogue::with_registry(Registry::Program, stem.unwrap_or(&program))
            }
            What::Remote { host, .. } => Catalogue::with_registry(Registry::Host, host),
            What::Module(_) | What::File(_) => None,
        };
        known.filter(|known| self.program.as_ref().is_none_or(|program| known.has_program(program)))
    }

    /// Returns the registry and the name of the package or image, if it is one.
    pub fn published_as(&self) -> Option<(Registry, &str)> {
        match &self.what {
            What::Package { registry, name, .. } => Some((*registry, name)),
            What::Image(image) => Some((Registry::Image, image)),
            What::Module(_) | What::Program(_) | What::File(_) | What::Remote { .. } => None,
        }
    }
}

/// `mcp/fetch` for `docker.io/mcp/fetch:latest@sha256:…`.
fn image_name(image: &str) -> String {
    let path = image.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let end = path.get(at..).and_then(|last| last.find(':')).map_or(path.len(), |colon| at + colon);
    let name = path.get(..end).unwrap_or_default();
    name.strip_prefix("docker.io/").or_else(|| name.strip_prefix("index.docker.io/")).unwrap_or(name).to_owned()
}

/// How it is known which server this is, in a phrase: `@iterable/mcp from npm, unpinned: npx runs whatever is newest`.
impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Package { registry, name, version: Some(version), .. } => {
                write!(f, "{name} from {registry}, {version}")
            }
            What::Package { registry, name, version: None, runner, .. } => {
                write!(f, "{name} from {registry}, unpinned: `{runner}` runs whatever is newest")
            }
            What::Image(image) if image.contains('@') => write!(f, "the image {image}"),
            What::Image(image) => write!(f, "the image {image}, unpinned: a tag can be moved"),
            What::Module(module) => write!(f, "the Python module {module}, whoever it is from"),
            What::Program(program) => write!(f, "the program {program} that is first in PATH"),
            What::File(file) => write!(f, "{file}, which no registry vouches for"),
            What::Remote { host, bridge: Some(_), .. } => write!(f, "{host}, through a bridge"),
            What::Remote { host, bridge: None, .. } => write!(f, "{host}, over HTTP"),
        }?;
        self.doubt.map_or(Ok(()), |doubt| write!(f, "; {doubt}"))
    }
}
