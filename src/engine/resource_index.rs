//! The resources and templates that the server has listed in this session, and the tools whose apps they are.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::tool_index::ToolIndex;
use crate::limits::{
    MAX_LISTED_APP_BYTES, MAX_LISTED_APPS, MAX_LISTED_RESOURCES, MAX_LISTED_TEMPLATE_BYTES, MAX_LISTED_TEMPLATES,
    MAX_LISTED_URI_BYTES,
};
use crate::lock::ItemKind;
use crate::policy::{ComparedName, Decision, Effect, Item, LOCK_RULE, Policy, Section, Standing, UriTemplate};
use crate::record::PROTOCOL_RULE;
use crate::wire::uri;
use crate::wire::view::{self, find_member};

/// The scheme of the user interfaces of MCP Apps.
const APP_SCHEME: &str = "ui:";

#[derive(Debug, Default)]
pub(super) struct ResourceIndex {
    /// In normal form.
    uris: HashSet<Box<str>>,
    uri_bytes: usize,
    templates: HashMap<Box<str>, UriTemplate>,
    template_bytes: usize,
    /// The apps of tools, by each place to which a server could take the URI to lead.
    apps: HashMap<Box<str>, HashSet<App>>,
    app_count: usize,
    app_bytes: usize,
    /// What there was no room for.
    dropped: Dropped,
}

/// The user interface of a tool.
#[derive(Debug, PartialEq, Eq, Hash)]
struct App {
    /// In normal form.
    uri: Box<str>,
    tool: Box<str>,
}

#[derive(Debug, Default)]
struct Dropped {
    some: bool,
    is_said: bool,
    apps: bool,
}

impl ResourceIndex {
    /// Remembers a listed resource. Beyond the bound, a resource counts as not listed.
    pub(super) fn record_resource(&mut self, uri: &str) {
        let normal = uri::normalize(uri);
        let has_room = self.uris.len() < MAX_LISTED_RESOURCES && self.uri_bytes + normal.len() <= MAX_LISTED_URI_BYTES;
        if self.uris.contains(normal.as_str()) {
        } else if has_room {
            self.uri_bytes += normal.len();
            self.uris.insert(normal.into());
        } else {
            self.dropped.some = true;
        }
    }

    /// Remembers a listed template. Beyond the bound, a resource counts as one that fits no template.
    pub(super) fn record_template(&mut self, template: &str) {
        let bytes = self.template_bytes + template.len();
        let has_room = self.templates.len() < MAX_LISTED_TEMPLATES && bytes <= MAX_LISTED_TEMPLATE_BYTES;
        if self.templates.contains_key(template) {
        } else if has_room {
            self.template_bytes = bytes;
            self.templates.insert(template.into(), UriTemplate::new(template));
        } else {
            self.dropped.some = true;
        }
    }

    /// Remembers whose app a resource is, from a tool's listing (MCP Apps: `_meta.ui.resourceUri`, at first
    /// `_meta["ui/resourceUri"]`). Beyond the bound, a `ui://` resource counts as an app of a hidden tool.
    pub(super) fn record_app(&mut self, tool: &str, item: &str) {
        let Some(meta) = find_member(item, "_meta") else { return };
        let nested = find_member(meta, "ui").and_then(|ui| find_member(ui, "resourceUri"));
        for uri in [nested, find_member(meta, "ui/resourceUri")].into_iter().flatten().filter_map(view::decode_string) {
            for place in find_app_places(&ComparedName::of_uri(&uri)) {
                self.record_app_at(place, App { uri: uri::normalize(&uri).into(), tool: tool.into() });
            }
        }
    }

    fn record_app_at(&mut self, place: Box<str>, app: App) {
        let bytes = self.app_bytes + place.len() + app.uri.len() + app.tool.len();
        if self.apps.get(&place).is_some_and(|apps| apps.contains(&app)) {
        } else if self.app_count < MAX_LISTED_APPS && bytes <= MAX_LISTED_APP_BYTES {
            self.app_bytes = bytes;
            self.app_count += 1;
            self.apps.entry(place).or_default().insert(app);
        } else {
            (self.dropped.some, self.dropped.apps) = (true, true);
        }
    }

    /// Returns what to say of a list that was too long to be remembered; `None` if none was, or if it has been said.
    #[inline]
    pub(super) fn describe_dropped(&mut self) -> Option<&'static str> {
        let is_new = self.dropped.some && !std::mem::replace(&mut self.dropped.is_said, self.dropped.some);
        is_new.then_some(
            "the server lists more resources, templates or apps of tools than can be remembered: the others count as not \
             listed, and apps as those of a hidden tool",
        )
    }

    /// Returns of each listed resource and template whether it is hidden; `None` if there are more than can be remembered.
    pub(super) fn find_hidden(&self, policy: &Policy, tools: &ToolIndex) -> Option<Vec<bool>> {
        let resources = self.uris.iter().map(|uri| policy.decide_item(self.find_resource(uri, policy, tools)));
        let templates = self
            .templates
            .keys()
            .map(|template| policy.decide_template(template, tools.lock.find_drift(ItemKind::Template, template)));
        let is_hidden = |decision: Decision<'_>| decision.effect == Effect::Hide;
        (!self.dropped.some).then(|| resources.chain(templates).map(is_hidden).collect())
    }

    /// Looks up a resource, with what is known about it.
    pub(super) fn find_resource<'p>(&self, uri: &'p str, policy: &'p Policy, tools: &ToolIndex) -> Item<'p> {
        let drift =
            if tools.lock.is_in_force() && is_app(uri) { tools.lock.find_drift(ItemKind::App, uri) } else { None };
        Item { standing: self.find_standing(uri, policy, tools), drift, ..Item::unknown(Section::Resources, uri) }
    }

    fn find_standing<'p>(&self, uri: &str, policy: &'p Policy, tools: &ToolIndex) -> Standing<'p> {
        let name = ComparedName::of_uri(uri);
        if let Some(decision) = self.decide_app(&name, policy, tools) {
            return Standing::OfTool(decision);
        }
        // What servers read in several ways is none that this one has listed.
        let is_alike = || name.exact() == uri || ComparedName::of_uri(name.exact()).folded() == name.folded();
        let is_in_list = || self.uris.contains(name.exact()) && !name.is_ambiguous() && is_alike();
        // A template that was not agreed to vouches for nothing.
        let vouches =
            |template: &str| policy.decide_template(template, tools.lock.find_used_drift(ItemKind::Template, template));
        let is_listed = is_in_list()
            || self
                .templates
                .iter()
                .any(|(text, template)| template.fits(&name, policy.work()) && vouches(text).rule != LOCK_RULE);
        if is_listed { Standing::Listed } else { Standing::Unknown }
    }

    /// Returns a template that a resource fits, and of which only the server's list tells how it differs from the lock.
    pub(super) fn find_unread_template(&self, uri: &str, policy: &Policy, tools: &ToolIndex) -> Option<&str> {
        let name = ComparedName::of_uri(uri);
        let waits = |text: &str| tools.lock.waits_for_list(ItemKind::Template, text);
        self.templates
            .iter()
            .find(|(text, template)| template.fits(&name, policy.work()) && waits(text))
            .map(|(text, _)| &**text)
    }

    /// Decides about the app of a tool. That of several tools is hidden only if all of them are. What a server could take
    /// for a hidden app is hidden with it.
    fn decide_app<'p>(&self, name: &ComparedName, policy: &'p Policy, tools: &ToolIndex) -> Option<Decision<'p>> {
        if !name.folded().iter().any(|place| place.starts_with(APP_SCHEME)) {
            return None;
        }
        let decide = |app: &App| policy.decide_tool(tools.find_tool(&app.tool)).without_asking();
        if name.is_ambiguous() {
            return self.apps.values().flatten().map(decide).find(Decision::refuses);
        }
        let places = find_app_places(name);
        let apps = places.iter().filter_map(|place| self.apps.get(place)).flatten();
        let (exact, alike): (Vec<_>, Vec<_>) = apps.partition(|app| *app.uri == *name.exact());
        if self.dropped.apps && exact.is_empty() {
            let reason =
                Some("The server lists more apps of tools than can be remembered, so it may be that of a hidden tool.");
            return Some(Decision { effect: Effect::Hide, rule: PROTOCOL_RULE, reason, file: None });
        }
        match exact.is_empty() {
            true => alike.into_iter().map(decide).find(Decision::refuses),
            false => exact.into_iter().map(decide).reduce(|one, other| if one.refuses() { other } else { one }),
        }
    }
}

/// Whether a server may take a URI for that of an app.
pub(super) fn is_app(uri: &str) -> bool {
    ComparedName::of_uri(uri).folded().iter().any(|place| place.starts_with(APP_SCHEME))
}

/// Returns where servers may take an app to be, whatever slashes stand before and behind it.
fn find_app_places(name: &ComparedName) -> BTreeSet<Box<str>> {
    let places = name.folded().iter().map(|place| place.strip_prefix(APP_SCHEME).unwrap_or(place));
    places.map(|place| place.trim_matches('/').into()).collect()
}
