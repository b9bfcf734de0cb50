//! The built-in catalogues: what is known about each tool of a server.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::{Deserialize, Serialize};

use super::class::{Class, Risk};

/// How bad a single mistaken call of a tool is; the same scale as a class's risk.
pub type Severity = Risk;

/// What a tool returns that a policy may care about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Returns {
    /// What others have written: pages, mail, tickets, chat.
    Untrusted,
    /// The data of people.
    Personal,
}

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
    /// The method and route that it calls; empty if they are not known.
    #[serde(default)]
    pub http: String,
    /// Whether it reads or writes personal data.
    pub pii: bool,
    /// Whether it can cause a message to be sent.
    pub sends: bool,
    /// Whether the server's own tools cannot undo what it does.
    pub irreversible: bool,
    /// What it returns that a policy may care about.
    #[serde(default)]
    pub returns: Vec<Returns>,
    /// The argument with an address of the caller's choosing, to which it connects.
    #[serde(default)]
    pub url_argument: Option<String>,
    /// What it does, in one sentence.
    pub does: String,
    /// Why it has this class.
    pub rationale: String,
    /// The classes of two readings that were made apart and differ; the rationale settles them.
    #[serde(default)]
    pub readings: Option<[Class; 2]>,
    /// The names of its arguments in the examined version; `None` if they are not known.
    #[serde(default)]
    arguments: Option<Vec<String>>,
    /// The fields of its result that hold personal data, as `fields` of a policy's `results` has them.
    #[serde(default)]
    pub personal_fields: Vec<String>,
    /// The versions of the server that have it; `None` if all do.
    #[serde(default)]
    pub versions: Option<String>,
}

/// Where a server comes from: whose word it is that a name means this very server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// What is known about one server. What identifies it is in the program as it is; its tools are packed until they are asked for.
#[derive(Debug)]
pub struct Catalogue {
    /// The server's name.
    pub server: &'static str,
    /// The server's package.
    pub package: &'static str,
    /// The registry that the package is from.
    pub registry: Registry,
    /// The names of its programs.
    pub programs: &'static [&'static str],
    /// The names of its images.
    pub images: &'static [&'static str],
    /// The hosts that offer the same tools.
    pub hosts: &'static [&'static str],
    /// The version that was examined.
    pub version: &'static str,
    /// What the tools were read from.
    pub read_from: &'static str,
    /// Where the names of the fields with personal data are from; `None` if none are known.
    pub fields_from: Option<&'static str>,
    /// The tools as JSON, packed.
    packed: &'static [u8],
    /// Sorted by name.
    tools: OnceLock<Vec<CatalogueTool>>,
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
        &CATALOGUES
    }

    /// Returns the catalogue of the server of that name, if there is one.
    pub fn for_server(server: impl AsRef<str>) -> Option<&'static Self> {
        let at = CATALOGUES.binary_search_by(|catalogue| catalogue.server.cmp(server.as_ref())).ok()?;
        CATALOGUES.get(at)
    }

    /// Returns the catalogues that have a tool of this name.
    pub fn with_tool(tool: &str) -> Vec<&'static Self> {
        CATALOGUES.iter().filter(|catalogue| catalogue.find_tool(tool).is_some()).collect()
    }

    /// Returns the catalogue of what has this name at this registry, if there is one.
    pub fn with_registry(registry: Registry, name: &str) -> Option<&'static Self> {
        CATALOGUES.iter().find(|catalogue| match registry {
            Registry::Npm => catalogue.registry == registry && catalogue.package == name,
            Registry::Pypi => catalogue.registry == registry && is_same_on_pypi(catalogue.package, name),
            Registry::Image => catalogue.images.contains(&name),
            Registry::Program => catalogue.programs.contains(&name),
            Registry::Host => catalogue.hosts.contains(&name),
        })
    }

    /// Whether its package has a program of that name.
    pub fn has_program(&self, program: &str) -> bool {
        self.programs.contains(&program)
    }

    /// Returns the names of a tool's arguments in the schemas of the examined version; `None` if they are not known.
    pub fn argument_names(&self, tool: &str) -> Option<&[String]> {
        self.find_tool(tool)?.arguments.as_deref()
    }

    /// Returns what a tool does, in one sentence.
    pub fn tool_summary(&self, tool: &str) -> Option<&str> {
        self.find_tool(tool).map(|tool| tool.does.as_str())
    }

    /// Returns the fields with personal data of all tools, sorted.
    pub fn personal_fields(&self) -> BTreeSet<&str> {
        self.tools().iter().flat_map(|tool| &tool.personal_fields).map(String::as_str).collect()
    }

    /// All known tools, sorted by name.
    pub fn tools(&self) -> &[CatalogueTool] {
        // A test reads each catalogue. If one cannot be read nevertheless, each of its tools counts as new, and asks.
        self.tools.get_or_init(|| unpack_tools(self.packed).unwrap_or_default())
    }

    /// Returns the tool of that name.
    pub fn find_tool(&self, name: &str) -> Option<&CatalogueTool> {
        let at = self.tools().binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        self.tools().get(at)
    }

    /// Returns the tool whose name has this fold. Names in a catalogue are ASCII, and no two have one fold.
    pub fn find_alike(&self, folded: &str) -> Option<&CatalogueTool> {
        self.find_tool(folded).or_else(|| self.tools().iter().find(|tool| tool.name.eq_ignore_ascii_case(folded)))
    }

    /// Returns a few tools with similar names, the most similar first.
    pub fn similar_tools(&'static self, written: &str) -> Vec<&'static str> {
        find_similar(written, std::iter::once(self)).into_iter().map(|(_, name)| name).collect()
    }

    /// Returns a few tools of all servers with similar names, each behind its server, the most similar first.
    pub fn similar_tools_of_all(written: &str) -> Vec<(&'static str, &'static str)> {
        find_similar(written, CATALOGUES.iter())
    }
}

fn find_similar(
    written: &str,
    catalogues: impl Iterator<Item = &'static Catalogue>,
) -> Vec<(&'static str, &'static str)> {
    let written = written.to_ascii_lowercase().replace(['-', ' '], "_");
    let similarity = |server: &'static str, name: &'static str| {
        let is_part = written.len() >= 4 && name.contains(written.as_str());
        let similarity = strsim::normalized_damerau_levenshtein(&written, name);
        (similarity >= SIMILAR || is_part).then_some((similarity, server, name))
    };
    let mut found: Vec<_> = catalogues
        .flat_map(|catalogue| catalogue.tools().iter().map(|tool| (catalogue.server, tool.name.as_str())))
        .filter_map(|(server, name)| similarity(server, name))
        .collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.2, one.1).cmp(&(other.2, other.1))));
    found.into_iter().take(MOST_SIMILAR).map(|(_, server, name)| (server, name)).collect()
}

const MOST_SIMILAR: usize = 3;

/// How similar two names have to be, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// PyPI takes `MCP_Server.Git` for `mcp-server-git` (PEP 503).
fn is_same_on_pypi(one: &str, other: &str) -> bool {
    let words = |name| str::split(name, ['-', '_', '.']).filter(|word| !word.is_empty());
    words(one).map(str::len).eq(words(other).map(str::len))
        && words(one).zip(words(other)).all(|(one, other)| one.eq_ignore_ascii_case(other))
}

// `CATALOGUES`, from the files in config/catalogue and sorted by the server's name; build.rs writes it.
include!(concat!(env!("OUT_DIR"), "/catalogues.rs"));

/// The longest list of tools that is unpacked, in bytes.
const MAX_UNPACKED: usize = 1 << 20;

fn unpack_tools(packed: &[u8]) -> Option<Vec<CatalogueTool>> {
    let json = decompress_to_vec_zlib_with_limit(packed, MAX_UNPACKED).ok()?;
    let mut tools: Vec<CatalogueTool> = serde_json::from_slice(&json).ok()?;
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    Some(tools)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::policy::ServerName;

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

    /// Whose packages, programs, images and hosts a catalogue claims.
    fn claims(catalogue: &Catalogue) -> Vec<(Registry, &str)> {
        let each = |registry, names: &'static [&'static str]| names.iter().map(move |name| (registry, *name));
        let package =
            [(catalogue.registry, catalogue.package)].into_iter().filter(|(registry, _)| *registry != Registry::Image);
        package
            .chain(each(Registry::Program, catalogue.programs))
            .chain(each(Registry::Image, catalogue.images))
            .chain(each(Registry::Host, catalogue.hosts))
            .collect()
    }

    #[test]
    fn nothing_identifies_two_servers_and_no_common_word_identifies_one() {
        let mut owners: HashMap<(Registry, &str), &str> = HashMap::new();
        for catalogue in Catalogue::all() {
            for claim @ (registry, name) in claims(catalogue) {
                let server = catalogue.server;
                if let Some(other) = owners.insert(claim, server) {
                    panic!("{name} is {other} and {server}");
                }
                assert_eq!(Catalogue::with_registry(registry, name), Some(catalogue), "{name}");
                let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "@._-/".contains(c);
                assert!(!name.is_empty() && name.chars().all(is_plain), "{server}: {name}");
                // A program of any name can be first in PATH, so its name has to say what it is.
                let words = name.split(|c: char| !c.is_ascii_alphanumeric());
                let telling = words.filter(|word| !["mcp", "server", "stdio", "cli", "main", "run", ""].contains(word));
                assert!(telling.count() > 0, "{server}: {name} can be any server");
                let kind = match registry {
                    Registry::Program => name.split(['-', '.', '_']).any(|word| word == "mcp"),
                    Registry::Image => name.contains('/'),
                    Registry::Host => name.contains('.'),
                    Registry::Npm | Registry::Pypi => true,
                };
                assert!(kind || PROGRAMS_WITHOUT_MCP.contains(&name), "{server}: {name} does not tell that it is one");
            }
        }
    }

    /// Programs whose names do not say that they are MCP servers, and that nothing else has.
    const PROGRAMS_WITHOUT_MCP: [&str; 1] = ["desktop-commander"];

    #[test]
    fn each_catalogue_can_be_read_and_is_sound() {
        for catalogue in Catalogue::all() {
            let server = catalogue.server;
            let tools = unpack_tools(catalogue.packed).unwrap_or_else(|| panic!("{server} cannot be read"));
            assert!(
                !tools.is_empty() && ServerName::parse(server).is_ok_and(|name| name.as_str() == server),
                "{server}"
            );
            assert!(catalogue.version.starts_with(|c: char| c.is_ascii_digit()), "{server}: {}", catalogue.version);
            assert!(!catalogue.read_from.is_empty(), "{server}");
            assert_eq!(catalogue.fields_from.is_some(), !catalogue.personal_fields().is_empty(), "{server}");
            for tool in &tools {
                if let Err(wrong) = check_tool(tool) {
                    panic!("{server}: {}: {wrong}", tool.name);
                }
            }
            assert!(tools.windows(2).all(|pair| pair[0].name < pair[1].name), "{server} has a tool twice");
        }
        assert!(Catalogue::all().windows(2).all(|pair| pair[0].server < pair[1].server));
    }

    fn check_tool(tool: &CatalogueTool) -> Result<(), String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        let is_sentence = |text: &str| text.len() > 1 && text.ends_with('.') && text.is_ascii();
        let is_capital = |text: &str| text.starts_with(|c: char| c.is_ascii_uppercase());
        let is_sorted = |names: &[String]| names.windows(2).all(|pair| pair[0] < pair[1]);
        let severities = match tool.class {
            Class::Read | Class::Write => Risk::Low..=Risk::High,
            Class::Execute | Class::Destructive => Risk::Low..=Risk::Critical,
            Class::Financial => Risk::High..=Risk::Critical,
        };
        let is_read = tool.class == Class::Read;
        let checks = [
            (!tool.name.is_empty() && tool.name.chars().all(is_plain), "its name"),
            (
                is_sentence(&tool.does) && is_capital(&tool.does) && tool.does.len() <= 110,
                "`does` must be one sentence of at most 110 characters",
            ),
            (is_sentence(&tool.rationale), "`rationale` must be a sentence"),
            (severities.contains(&tool.severity), "its severity does not fit its class"),
            (!is_read || !tool.sends, "a read sends nothing"),
            (!is_read || !tool.irreversible, "a read needs no way back"),
            (tool.pii || !tool.returns.contains(&Returns::Personal), "it returns personal data, so it is `pii`"),
            (tool.pii || tool.personal_fields.is_empty(), "it returns personal data, so it is `pii`"),
            (is_sorted(&tool.personal_fields), "`personal_fields` are not sorted"),
            (
                // They hold for the results of all tools of the server, so a common word would be another thing elsewhere.
                !tool.personal_fields.iter().any(|field| COMMON_FIELDS.contains(&field.as_str())),
                "a field with a common name: write the key before it as well",
            ),
            (tool.returns.windows(2).all(|pair| pair[0] != pair[1]), "`returns` has a word twice"),
            (tool.arguments.as_deref().is_none_or(is_sorted), "`arguments` are not sorted"),
            (
                tool.url_argument.iter().all(|url| tool.arguments.as_ref().is_none_or(|all| all.contains(url))),
                "`url_argument` is none of its arguments",
            ),
            (tool.readings.as_ref().is_none_or(|[first, second]| first != second), "`readings` that agree"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, wrong)| Err(wrong.to_owned()))
    }

    const COMMON_FIELDS: [&str; 12] = [
        "address",
        "description",
        "id",
        "line",
        "name",
        "properties",
        "state",
        "status",
        "text",
        "title",
        "type",
        "value",
    ];

    #[test]
    fn all_catalogues_together_are_small() {
        let heads: usize = Catalogue::all().iter().map(|known| size_of_val(known) + known.read_from.len()).sum();
        let packed: usize = Catalogue::all().iter().map(|known| known.packed.len()).sum();
        assert!(heads + packed < 400_000, "{heads} + {packed} bytes");
    }
}
