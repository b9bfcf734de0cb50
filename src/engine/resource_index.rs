//! The resources and templates that the server has listed in this session, and the tools whose apps they are.

use std::collections::{HashMap, HashSet};

use super::tool_index::ToolIndex;
use crate::limits::{MAX_LISTED_RESOURCES, MAX_LISTED_TEMPLATES, MAX_LISTED_TOOLS};
use crate::policy::{ComparedUri, Item, Policy, Section, Standing, UriTemplate};
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
    /// The tools whose apps the resources are, by URI in normal form.
    apps: HashMap<Box<str>, Vec<Box<str>>>,
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
            let tools = self.apps.entry(uri::normalize(&uri).into()).or_default();
            if !tools.iter().any(|known| **known == *tool) {
                tools.push(tool.into());
            }
        }
    }

    /// Looks up a resource, with what is known about it.
    pub(super) fn find_resource<'p>(&self, uri: &'p str, policy: &'p Policy, tools: &ToolIndex) -> Item<'p> {
        Item { section: Section::Resources, name: uri, standing: self.find_standing(uri, policy, tools) }
    }

    /// The app of several tools is hidden only if all of them are.
    fn find_standing<'p>(&self, uri: &str, policy: &'p Policy, tools: &ToolIndex) -> Standing<'p> {
        let normal = uri::normalize(uri);
        if normal.starts_with(APP_SCHEME)
            && let Some(owners) = self.apps.get(normal.as_str())
        {
            let mut decisions = owners.iter().map(|tool| policy.decide_tool(tools.find_tool(tool)));
            let first = decisions.next();
            let passing = first.filter(|first| !first.refuses()).or_else(|| decisions.find(|it| !it.refuses()));
            if let Some(decision) = passing.or(first) {
                return Standing::OfTool(decision.without_asking());
            }
        }
        let fits_template = || {
            let uri = ComparedUri::new(uri);
            self.templates.iter().any(|(_, template)| template.fits(&uri))
        };
        // A server that joins slashes before it resolves dots reads another URI than the one that it has listed.
        let lenient = |uri: &str| uri::fold(uri, |text| fold(text).into_owned());
        let is_in_list = || self.uris.contains(normal.as_str()) && lenient(uri) == lenient(&normal);
        let is_listed = is_in_list() || (!self.templates.is_empty() && fits_template());
        if is_listed { Standing::Listed } else { Standing::Unknown }
    }
}
