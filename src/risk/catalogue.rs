//! The built-in catalogues: what is known about each tool of a server.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::class::{Class, Risk};

/// How bad a single mistaken call of a tool is; the same scale as a class's risk.
pub type Severity = Risk;

/// A tool in a catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueTool {
    /// The name in tools/list.
    #[serde(rename = "tool")]
    pub name: String,
    /// What it does.
    pub class: Class,
    /// How bad one mistaken call is.
    pub severity: Severity,
    /// The method and route that it calls.
    pub http: String,
    /// Whether it reads or writes personal data.
    pub pii: bool,
    /// Whether it can cause a message to be sent.
    pub sends: bool,
    /// Whether the server's own tools cannot undo what it does.
    pub irreversible: bool,
    /// Why it has this class.
    pub rationale: String,
    /// The versions of the server that have it; `None` if all do.
    pub versions: Option<String>,
}

/// Where a server comes from: whose word it is that a name means this very server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    /// A package of npm.
    Npm,
    /// A package of PyPI.
    Pypi,
    /// A container's image, by its name in its registry.
    Image,
    /// A program of its package that is searched in PATH.
    Program,
    /// A host that answers by HTTPS.
    Host,
}

impl std::fmt::Display for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Npm => "npm",
            Self::Pypi => "PyPI",
            Self::Image => "a registry of images",
            Self::Program => "PATH",
            Self::Host => "its host",
        })
    }
}

/// What is known about one server.
#[derive(Clone, Debug, Deserialize)]
pub struct Catalogue {
    /// The server's name.
    pub server: String,
    /// The server's package.
    pub package: String,
    /// The registry that the package is from.
    registry: Registry,
    /// The names of its programs.
    #[serde(default)]
    programs: Vec<String>,
    /// The names of its images.
    #[serde(default)]
    images: Vec<String>,
    /// The hosts where it is offered.
    #[serde(default)]
    hosts: Vec<String>,
    /// The version that was examined.
    pub version: String,
    /// Sorted by name.
    tools: Vec<CatalogueTool>,
}

/// One catalogue a server: there is no other with the same name.
impl PartialEq for Catalogue {
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
    }
}

impl Eq for Catalogue {}

impl Catalogue {
    /// All catalogues, sorted by name.
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Catalogue>> = LazyLock::new(|| {
            [include_str!("../../config/catalogue/iterable.json")].into_iter().filter_map(parse_catalogue).collect()
        });
        &ALL
    }

    /// Returns the catalogue of the server of that name, if there is one.
    pub fn for_server(server: impl AsRef<str>) -> Option<&'static Self> {
        Self::all().iter().find(|catalogue| catalogue.server == server.as_ref())
    }

    /// Returns the catalogue of what has this name at this registry, if there is one.
    pub fn with_registry(registry: Registry, name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|catalogue| match registry {
            Registry::Npm | Registry::Pypi => catalogue.registry == registry && catalogue.package == name,
            Registry::Image => catalogue.images.iter().any(|image| image == name),
            Registry::Program => catalogue.programs.iter().any(|program| program == name),
            Registry::Host => catalogue.hosts.iter().any(|host| host == name),
        })
    }

    /// Whether its package has a program of that name.
    pub fn has_program(&self, program: &str) -> bool {
        self.programs.iter().any(|own| own == program)
    }

    /// Returns the names of a tool's arguments in the schemas of the examined version; `None` if they are not known.
    pub fn argument_names(&self, tool: &str) -> Option<&'static [String]> {
        static ITERABLE: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
            serde_json::from_str(include_str!("../../config/catalogue/iterable.arguments.json")).unwrap_or_default()
        });
        ITERABLE.get(tool).map(Vec::as_slice)
    }

    /// Returns what a tool does, in one sentence.
    pub fn tool_summary(&self, tool: &str) -> Option<&'static str> {
        static ITERABLE: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
            serde_json::from_str(include_str!("../../config/catalogue/iterable.does.json")).unwrap_or_default()
        });
        ITERABLE.get(tool).map(String::as_str)
    }

    /// All known tools, sorted by name.
    pub fn tools(&self) -> &[CatalogueTool] {
        &self.tools
    }

    /// Returns the tool of that name.
    pub fn find_tool(&self, name: &str) -> Option<&CatalogueTool> {
        let at = self.tools.binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        self.tools.get(at)
    }

    /// Returns a few tools with similar names, the most similar first.
    pub fn similar_tools(&'static self, written: &str) -> Vec<&'static str> {
        let written = written.to_ascii_lowercase().replace(['-', ' '], "_");
        let similarity = |name: &'static str| {
            let is_part = written.len() >= 4 && name.contains(written.as_str());
            let similarity = strsim::normalized_damerau_levenshtein(&written, name);
            (similarity >= SIMILAR || is_part).then_some((similarity, name))
        };
        let mut found: Vec<_> = self.tools.iter().filter_map(|tool| similarity(&tool.name)).collect();
        found.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
        found.into_iter().take(MOST_SIMILAR).map(|(_, name)| name).collect()
    }
}

const MOST_SIMILAR: usize = 3;

/// How similar two names have to be, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// Returns `None` for an unreadable catalogue. The catalogues are part of the program, and a test reads each of them.
fn parse_catalogue(json: &str) -> Option<Catalogue> {
    let mut catalogue: Catalogue = serde_json::from_str(json).ok()?;
    catalogue.tools.sort_by(|a, b| a.name.cmp(&b.name));
    Some(catalogue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_and_half_a_name_are_understood() {
        let catalogue = Catalogue::for_server("iterable").unwrap();
        for (written, expected) in [
            ("cancel_export_jobs", &["cancel_export_job"][..]),
            ("cancel-export-job", &["cancel_export_job"]),
            ("export_files", &["get_export_files"]),
            ("DELETE_LIST", &["delete_list"]),
            ("webhook", &["get_webhooks", "update_webhook"]),
            ("frobnicate", &[]),
            ("", &[]),
        ] {
            let found = catalogue.similar_tools(written);
            assert!(
                found.starts_with(&expected[..expected.len().min(1)]) && found.len() <= MOST_SIMILAR,
                "{written}: {found:?}"
            );
            assert!(expected.iter().all(|name| found.contains(name)), "{written}: {found:?}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{written}: {found:?}");
        }
    }

    #[test]
    fn each_tool_has_one_short_sentence() {
        let catalogue = Catalogue::for_server("iterable").unwrap();
        let written: HashMap<String, String> =
            serde_json::from_str(include_str!("../../config/catalogue/iterable.does.json")).unwrap();
        assert!(written.keys().all(|tool| catalogue.find_tool(tool).is_some()), "a tool that the catalogue lacks");
        for tool in catalogue.tools() {
            let does = catalogue.tool_summary(&tool.name).unwrap_or_else(|| panic!("{} has none", tool.name));
            assert!(does.ends_with('.') && does.len() <= 110 && does.is_ascii(), "{}: {does}", tool.name);
        }
    }
}
