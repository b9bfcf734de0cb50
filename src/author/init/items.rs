//! What a policy says of the resources, templates and prompts that a server lists: that they work.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::author::section_keys::{MAX_KEYS, SectionKey, choose_keys, choose_resource_keys, is_narrow};
use crate::author::{readable, text_member};
use crate::engine::find_item;
use crate::policy::tree::DocumentMember;
use crate::policy::{ComparedName, Effect, Item, Policy, Section, Standing, UriTemplate, Work};
use crate::probe::ServerOffer;
use crate::risk::Listed;
use crate::visible::count_of;
use crate::wire::fold::fold;
use crate::wire::uri;

/// Why reads of what fits a wide template ask a person.
const WIDE: &str = "This covers far more than the server has listed, so a person decides.";

/// An entry for what the server lists.
#[derive(Debug)]
pub(crate) struct PlannedItem {
    pub(super) section: Section,
    pub(super) key: String,
    /// Whether it is the glob of a template.
    is_template: bool,
    pub(super) effect: Effect,
    /// The URIs or names that it is for.
    names: Vec<String>,
    /// What the server says of it; untrusted.
    pub(super) claim: Option<String>,
}

/// What happens to what a server lists beside its tools.
#[derive(Debug, Default)]
pub(crate) struct ItemPlan {
    pub(super) entries: Vec<PlannedItem>,
    /// How many resources, templates and prompts were listed.
    listed: [usize; 3],
    /// How many of them belong to a tool, and follow it.
    of_tools: [usize; 3],
    /// What has no entry, and so is refused.
    left_out: BTreeSet<String>,
}

impl PlannedItem {
    pub(super) fn members(&self) -> Vec<DocumentMember> {
        match self.effect {
            Effect::RequireApproval => vec![text_member("action", "require_approval"), text_member("reason", WIDE)],
            _ => Vec::new(),
        }
    }

    /// How many things it is for, if they share a glob.
    pub(super) fn shared_by(&self) -> Option<usize> {
        Some(self.names.len()).filter(|count| !self.is_template && *count > 1)
    }
}

impl ItemPlan {
    /// Plans the entries. What belongs to a tool needs none: it follows the tool.
    pub(crate) fn new(offer: &ServerOffer, tools: &[Listed<'_>]) -> Self {
        let listed = [&offer.resources, &offer.templates, &offer.prompts].map(Vec::len);
        let mut plan = Self { listed, ..Self::default() };
        let templates = plan.add_templates(&claims_of(&offer.templates, "uriTemplate"));
        let apps: BTreeSet<String> = offer.tools.iter().flat_map(app_uris).map(|app| uri::normalize(&app)).collect();
        let resources = claims_of(&offer.resources, "uri");
        let mut open: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, claim) in resources {
            let compared = ComparedName::of_uri(name);
            let normal = uri::normalize(name);
            match templates.iter().find(|(_, template)| template.fits(&compared, &Work::default())) {
                _ if apps.contains(&normal) => plan.of_tools[0] += 1,
                Some((at, _)) => {
                    plan.entries.get_mut(*at).into_iter().for_each(|entry| entry.names.push(normal.clone()))
                }
                None => drop(open.entry(normal).or_insert(claim)),
            }
        }
        let (keys, left_out) = choose_resource_keys(open.keys().map(String::as_str));
        plan.left_out.extend(left_out.into_iter().map(str::to_owned));
        plan.add_keys(Section::Resources, keys, &|name| open.get(name).cloned().flatten());

        let words = |name: &str| fold(name).replace('-', "_");
        let of_tools: BTreeSet<String> = tools.iter().map(|tool| words(&tool.name)).collect();
        let prompts: BTreeMap<&str, Option<String>> = claims_of(&offer.prompts, "name").into_iter().collect();
        let (of_tools, own): (Vec<&str>, Vec<&str>) =
            prompts.keys().copied().partition(|name| of_tools.contains(&words(name)));
        plan.of_tools[2] = of_tools.len();
        let (keys, left_out) = choose_keys(Section::Prompts, own.into_iter());
        plan.left_out.extend(left_out.into_iter().map(str::to_owned));
        plan.add_keys(Section::Prompts, keys, &|name| prompts.get(name).cloned().flatten());
        plan
    }

    /// Returns the templates that are allowed, each with the index of its entry.
    fn add_templates(&mut self, templates: &[(&str, Option<String>)]) -> Vec<(usize, UriTemplate)> {
        let mut allowed = Vec::new();
        for (template, claim) in templates {
            let key = Section::key_for_template(template).filter(|(key, _)| key.len() <= MAX_TEMPLATE);
            let key = key.and_then(|(key, prefix)| Some((readable(key)?, prefix)));
            let key = key.filter(|(_, prefix)| uri::scheme(prefix).is_some_and(|scheme| scheme != "ui"));
            if key.as_ref().is_some_and(|(key, _)| self.entries.iter().any(|entry| entry.key == *key)) {
                continue;
            }
            let Some((key, prefix)) = key.filter(|(key, _)| self.entries.len() < MAX_KEYS && self.has_room_for(key))
            else {
                self.left_out.insert((*template).to_owned());
                continue;
            };
            let is_allowed = is_narrow(&prefix) || !template.contains('{');
            let effect = if is_allowed { Effect::Allow } else { Effect::RequireApproval };
            if effect == Effect::Allow {
                allowed.push((self.entries.len(), UriTemplate::new(template)));
            }
            let (section, names) = (Section::Resources, vec![(*template).to_owned()]);
            self.entries.push(PlannedItem { section, key, is_template: true, effect, names, claim: claim.clone() });
        }
        allowed
    }

    fn add_keys(&mut self, section: Section, keys: Vec<SectionKey<'_>>, claim_of: &dyn Fn(&str) -> Option<String>) {
        for SectionKey { key, names } in keys {
            let claim = names.first().filter(|_| names.len() == 1).and_then(|name| claim_of(name));
            let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            if section == Section::Resources && !self.has_room_for(&key) {
                self.left_out.extend(names);
                continue;
            }
            self.entries.push(PlannedItem { section, key, is_template: false, effect: Effect::Allow, names, claim });
        }
    }

    /// Whether a key of `resources` can stand beside the others.
    fn has_room_for(&self, key: &str) -> bool {
        !self.entries.iter().any(|entry| entry.key == key || Section::Resources.are_ambiguous(&entry.key, key))
    }

    /// Checks that a policy decides as planned. What it is stricter about is left out.
    ///
    /// # Errors
    /// Returns the name of what it is milder about.
    pub(super) fn verify(&self, policy: &Policy) -> Result<usize, String> {
        let mut left_out = self.left_out.clone();
        for entry in &self.entries {
            for (at, name) in entry.names.iter().enumerate() {
                let is_template = entry.is_template && at == 0;
                let sample = if is_template { fill_template(name) } else { name.clone() };
                let item = match entry.section {
                    Section::Resources => Item { standing: Standing::Listed, ..Item::unknown(entry.section, &sample) },
                    section => find_item(policy, section, &sample),
                };
                let effect = policy.decide_item(item).effect;
                if effect == Effect::Allow && entry.effect != Effect::Allow {
                    return Err(name.clone());
                }
                if effect != entry.effect || is_template && policy.decide_template(name, None).refuses() {
                    left_out.insert(name.clone());
                }
            }
        }
        Ok(left_out.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed == [0; 3]
    }

    /// Returns how many resources, templates and prompts are listed: `2 resources`, `1 template`.
    pub(crate) fn count_listed(&self) -> Vec<String> {
        count_kinds(self.listed)
    }

    /// Describes what happens to what is listed: `2 resources and 1 prompt allowed, reads by 1 wide template ask a person`.
    pub(crate) fn describe_effects(&self) -> String {
        let asking = self.entries.iter().filter(|entry| entry.effect == Effect::RequireApproval).count();
        let [resources, templates, prompts] = self.listed;
        let [apps, _, of_tools] = self.of_tools;
        let allowed = count_kinds([resources - apps, templates - asking, prompts - of_tools]);
        let mut effects = Vec::new();
        effects.extend((!allowed.is_empty()).then(|| format!("{} allowed", join_counts(&allowed))));
        effects.extend((asking > 0).then(|| {
            let templates = count_of(asking as u64, "wide template");
            format!("reads by {templates} ask a person")
        }));
        let of_tools = count_kinds(self.of_tools);
        let follow = if self.of_tools.iter().sum::<usize>() == 1 { "follows its tool" } else { "follow their tools" };
        effects.extend((!of_tools.is_empty()).then(|| format!("{} {follow}", join_counts(&of_tools))));
        effects.join(", ")
    }
}

fn count_kinds(counts: [usize; 3]) -> Vec<String> {
    let kinds = counts.into_iter().zip(["resource", "template", "prompt"]);
    kinds.filter(|(count, _)| *count > 0).map(|(count, noun)| count_of(count as u64, noun)).collect()
}

/// `2 resources, 1 template and 3 prompts`
pub(super) fn join_counts(counts: &[String]) -> String {
    match counts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns a URI that fits a template.
fn fill_template(template: &str) -> String {
    let mut parts = template.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        filled.push('x');
        filled.push_str(part.split_once('}').map_or("", |(_, literal)| literal));
    }
    filled
}

/// The longest key of a template, in bytes.
const MAX_TEMPLATE: usize = 512;

/// Returns the names of what is listed, each once, with what the server says of it.
fn claims_of<'v>(items: &'v [Value], key: &str) -> Vec<(&'v str, Option<String>)> {
    let mut seen = BTreeSet::new();
    let text = |item: &'v Value, key: &str| item.get(key).and_then(Value::as_str);
    let named = items.iter().filter_map(|item| Some((text(item, key)?, item)));
    let named = named.filter(|(name, _)| !name.is_empty() && seen.insert(*name));
    let claim = |item| ["description", "title", "name"].iter().find_map(|key| text(item, key)).map(str::to_owned);
    named.map(|(name, item)| (name, claim(item))).collect()
}

/// Returns the apps of a tool (MCP Apps), as they are written.
fn app_uris(tool: &Value) -> impl Iterator<Item = Cow<'_, str>> {
    let meta = tool.get("_meta");
    let nested = meta.and_then(|meta| meta.get("ui")?.get("resourceUri")?.as_str());
    let flat = meta.and_then(|meta| meta.get("ui/resourceUri")?.as_str());
    nested.into_iter().chain(flat).map(Cow::Borrowed)
}
