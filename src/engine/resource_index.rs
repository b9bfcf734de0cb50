//! The resources and templates that the server has listed in this session, and the tools whose apps they are.

use std::collections::{HashMap, HashSet};

use super::tool_index::ToolIndex;
use crate::limits::{MAX_LISTED_RESOURCES, MAX_LISTED_TEMPLATES, MAX_LISTED_TOOLS};
use crate::policy::{ComparedUri, Decision, Item, Policy, Section, Standing, UriTemplate};
use crate::wire::fold::fold;
use crate::wire::uri;
use crate::wire::view::{self, find_member};

/// The scheme of the user interfaces of MCP Apps.
const APP_SCHEME: &str = "ui:";

#[derive(Debug, Default)]
pub(super) struct ResourceIndex {
    /// In normal form.
    uris: HashSet<Box<str>>,
    templates: Vec<(Box<str>, UriTemplate)>,
    /// The apps of tools, by the URI as the most lenient server could read it.
    apps: HashMap<Box<str>, Vec<App>>,
}

/// The user interface of a tool.
#[derive(Debug, PartialEq, Eq)]
struct App {
    /// In normal form.
    uri: Box<str>,
    tool: Box<str>,
}

impl ResourceIndex {
    /// Remembers a listed resource. Beyond the bound, a resource counts as not listed.
    pub(super) fn record_resource(&mut self, uri: &str) {
        if self.uris.len() < MAX_LISTED_RESOURCES {
            self.uris.insert(uri::normalize(uri).into());
        }
    }

    /// Remembers a listed template. Beyond the bound, a resource counts as one that fits no template.
    pub(super) fn record_template(&mut self, template: &str) {
        let is_known = self.templates.iter().any(|(known, _)| **known == *template);
        if !is_known && self.templates.len() < MAX_LISTED_TEMPLATES {
            self.templates.push((template.into(), UriTemplate::new(template)));
        }
    }

    /// Remembers whose app a resource is, from a tool's listing (MCP Apps: `_meta.ui.resourceUri`, at first
    /// `_meta["ui/resourceUri"]`).
    pub(super) fn record_app(&mut self, tool: &str, item: &str) {
        let Some(meta) = find_member(item, "_meta") else { return };
        let nested = find_member(meta, "ui").and_then(|ui| find_member(ui, "resourceUri"));
        for uri in [nested, find_member(meta, "ui/resourceUri")].into_iter().flatten().filter_map(view::decode_string) {
            if self.apps.len() >= MAX_LISTED_TOOLS {
                return;
            }
            let app = App { uri: uri::normalize(&uri).into(), tool: tool.into() };
            let apps = self.apps.entry(fold_uri(&uri).into()).or_default();
            if apps.len() < MAX_LISTED_TOOLS && !apps.contains(&app) {
                apps.push(app);
            }
        }
    }

    /// Looks up a resource, with what is known about it.
    pub(super) fn find_resource<'p>(&self, uri: &'p str, policy: &'p Policy, tools: &ToolIndex) -> Item<'p> {
        Item { section: Section::Resources, name: uri, standing: self.find_standing(uri, policy, tools) }
    }

    fn find_standing<'p>(&self, uri: &str, policy: &'p Policy, tools: &ToolIndex) -> Standing<'p> {
        let normal = uri::normalize(uri);
        let lenient = fold_uri(uri);
        if lenient.starts_with(APP_SCHEME)
            && let Some(apps) = self.apps.get(lenient.as_str())
        {
            let (exact, alike): (Vec<_>, Vec<_>) = apps.iter().partition(|app| *app.uri == *normal);
            let decide = |app: &&App| policy.decide_tool(tools.find_tool(&app.tool)).without_asking();
            // The app of several tools is hidden only if all of them are. What a server could take for a hidden app is
            // hidden with it.
            let decision = match exact.is_empty() {
                true => alike.iter().map(decide).find(Decision::refuses),
                false => exact.iter().map(decide).reduce(|one, other| if one.refuses() { other } else { one }),
            };
            if let Some(decision) = decision {
                return Standing::OfTool(decision);
            }
        }
        let fits_template = || {
            let uri = ComparedUri::new(uri);
            self.templates.iter().any(|(_, template)| template.fits(&uri))
        };
        // A server that joins slashes before it resolves dots reads another URI than the one that it has listed.
        let is_in_list = || self.uris.contains(normal.as_str()) && lenient == fold_uri(&normal);
        let is_listed = is_in_list() || (!self.templates.is_empty() && fits_template());
        if is_listed { Standing::Listed } else { Standing::Unknown }
    }
}

/// The URI as the most lenient server could read it.
fn fold_uri(uri: &str) -> String {
    uri::fold(uri, |text| fold(text).into_owned())
}
