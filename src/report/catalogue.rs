//! The known servers, and what is known about the tools of one.

use serde::Serialize;

use crate::policy::Effect;
use crate::report::explanation::effect_of;
use crate::risk::{
    Catalogue, CatalogueTool, Class, Listed, Recommended, Registry, Returns, Severity, profile_tool, recommend_rule,
};

/// Every known server.
#[derive(Debug, Serialize)]
pub(crate) struct CatalogueList {
    /// Sorted by name.
    pub(crate) servers: Vec<CatalogueHead>,
}

/// A known server.
#[derive(Debug, Serialize)]
pub(crate) struct CatalogueHead {
    /// Its name.
    pub(crate) server: &'static str,
    /// Its package, by its name in the registry.
    pub(crate) package: &'static str,
    /// The registry of the package: `npm`, `pypi` or `image`.
    pub(crate) registry: &'static str,
    /// The version that was examined.
    pub(crate) version: &'static str,
    /// What its tools were read from.
    pub(crate) read_from: &'static str,
    /// Where the names of the fields with personal data are from; absent if none are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fields_from: Option<&'static str>,
    /// The programs in PATH that are it.
    pub(crate) programs: &'static [&'static str],
    /// The images that are it.
    pub(crate) images: &'static [&'static str],
    /// The hosts that offer the same tools.
    pub(crate) hosts: &'static [&'static str],
    /// How many tools it has of each class.
    pub(crate) classes: ClassCounts,
}

/// A number of tools for each class.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ClassCounts {
    /// That only read.
    pub(crate) read: usize,
    /// That change what can be changed back.
    pub(crate) write: usize,
    /// With effects beyond the call.
    pub(crate) execute: usize,
    /// That delete or stop something for good.
    pub(crate) destructive: usize,
    /// That move money.
    pub(crate) financial: usize,
}

/// A known server with its tools.
#[derive(Debug, Serialize)]
pub(crate) struct CatalogueReport {
    /// The server.
    #[serde(flatten)]
    pub(crate) head: CatalogueHead,
    /// Sorted by name.
    pub(crate) tools: Vec<CatalogueToolReport>,
}

/// What is known about a tool.
#[derive(Debug, Serialize)]
pub(crate) struct CatalogueToolReport {
    /// Its name.
    pub(crate) tool: &'static str,
    /// What it does to the world.
    pub(crate) class: Class,
    /// How bad one mistaken call is.
    pub(crate) severity: Severity,
    /// Whether it reads or writes personal data.
    pub(crate) personal_data: bool,
    /// Whether it may cause a message to be sent.
    pub(crate) sends: bool,
    /// Whether the server's own tools cannot undo what it does.
    pub(crate) irreversible: bool,
    /// What it returns: `untrusted`, `personal`.
    pub(crate) returns: &'static [Returns],
    /// The fields of its result that hold personal data, by the last keys of the way to them.
    pub(crate) personal_fields: &'static [String],
    /// The argument with an address that it connects to; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url_argument: Option<&'static str>,
    /// The versions of the server that have it; absent if all do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) versions: Option<&'static str>,
    /// What it does, in one sentence.
    pub(crate) does: &'static str,
    /// Why it has this class.
    pub(crate) why: &'static str,
    /// The classes that two people gave it, if they differ; `why` settles them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) readings: Option<[Class; 2]>,
    /// The names of its arguments; absent if they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arguments: Option<&'static [String]>,
    /// The rule that the built-in policy has for it.
    pub(crate) recommended: RecommendedEffect,
}

/// A recommended rule.
#[derive(Debug, Serialize)]
pub(crate) struct RecommendedEffect {
    /// What happens to a call.
    pub(crate) effect: Effect,
    /// How many calls pass, such as `30/minute`; absent if all do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_limit: Option<String>,
    /// Why.
    pub(crate) why: &'static str,
}

impl CatalogueList {
    /// Unpacks every catalogue, to count the tools.
    pub(crate) fn new() -> Self {
        Self { servers: Catalogue::all().iter().map(CatalogueHead::new).collect() }
    }
}

impl CatalogueHead {
    fn new(known: &'static Catalogue) -> Self {
        let mut classes = ClassCounts::default();
        known.tools().iter().for_each(|tool| *classes.of_mut(tool.class) += 1);
        Self {
            server: known.server,
            package: known.package,
            registry: registry_key(known.registry),
            version: known.version,
            read_from: known.read_from,
            fields_from: known.fields_from,
            programs: known.programs,
            images: known.images,
            hosts: known.hosts,
            classes,
        }
    }
}

impl ClassCounts {
    fn of_mut(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Read => &mut self.read,
            Class::Write => &mut self.write,
            Class::Execute => &mut self.execute,
            Class::Destructive => &mut self.destructive,
            Class::Financial => &mut self.financial,
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.read + self.write + self.execute + self.destructive + self.financial
    }
}

impl CatalogueReport {
    pub(crate) fn new(known: &'static Catalogue) -> Self {
        let tools = known.tools().iter().map(|tool| CatalogueToolReport::new(known, tool)).collect();
        Self { head: CatalogueHead::new(known), tools }
    }
}

impl CatalogueToolReport {
    fn new(known: &'static Catalogue, tool: &'static CatalogueTool) -> Self {
        let Recommended { action, rate_limit, why } =
            recommend_rule(&profile_tool(Some(known), &Listed::with_name(tool.name.as_str())));
        Self {
            tool: &tool.name,
            class: tool.class,
            severity: tool.severity,
            personal_data: tool.pii,
            sends: tool.sends,
            irreversible: tool.irreversible,
            returns: &tool.returns,
            personal_fields: &tool.personal_fields,
            url_argument: tool.url_argument.as_deref(),
            versions: tool.versions.as_deref(),
            does: &tool.does,
            why: &tool.rationale,
            readings: tool.readings,
            arguments: known.argument_names(&tool.name),
            recommended: RecommendedEffect {
                effect: effect_of(action),
                rate_limit: rate_limit.map(|rate| rate.to_string()),
                why,
            },
        }
    }
}

/// Returns the word for a registry in `--format json` and in a catalogue's file.
pub(crate) fn registry_key(registry: Registry) -> &'static str {
    match registry {
        Registry::Npm => "npm",
        Registry::Pypi => "pypi",
        Registry::Image => "image",
        Registry::Program => "program",
        Registry::Host => "host",
    }
}
