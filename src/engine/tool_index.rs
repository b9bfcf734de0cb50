//! The tools and prompts that the server has listed in this session: classes of tools, prompts that are named after
//! hidden ones, and whether another policy would show other tools.

use std::borrow::Cow;
use std::collections::HashMap;

use super::judged_pages::JudgedPages;
use super::list_filter::{self, ListKind};
use super::listed_names::ListedNames;
use super::lock_index::{Earlier, LockIndex};
use super::plain_calls::PlainCalls;
use super::text_map::TextMap;
use crate::limits::{MAX_CLASSIFIED_ITEM, MAX_LISTED_NAMES, MAX_LISTED_TOOLS};
use crate::lock::ItemKind;
use crate::policy::{
    Decision, Effect, Item, Listing, Policy, Section, Standing, ToolListing, ToolRef, ToolSeen, TrustedHints,
};
use crate::risk::{Addressed, Class, Classifier, Listed, ObjectFinder, SharedObjects};
use crate::wire::fault::Fault;
use crate::wire::fold::fold;

/// Whether all tools are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsComplete {
    Yes,
    No,
}

#[derive(Debug, Default)]
pub(super) struct ToolIndex {
    /// By the fold of the spelling that tools share with prompts named after them.
    tools: ListedNames,
    /// By fold.
    prompts: ListedNames,
    /// The classes that listings give to tools that are not in a catalogue, by fold.
    classes: TextMap<ListedClass>,
    /// The hints of the server that the policy believes.
    trusted_hints: Option<TrustedHints>,
    /// Which words of the names in the page of the list that is read are known to be no verbs.
    objects: SharedObjects,
    classifier: Classifier,
    pub(super) judged_pages: JudgedPages,
    pub(super) plain_calls: PlainCalls,
    /// The classes of tools that were called before they were listed, so that each name is classified once.
    unlisted: HashMap<Box<str>, Class>,
    /// The total size of their names, in bytes.
    unlisted_bytes: usize,
    /// Whether the server has listed all its tools, and has not said since that they are others.
    is_complete: bool,
    /// Whether it has said so since it listed them.
    has_changed: bool,
    /// Whether it has listed the first of them since.
    has_begun: bool,
    /// Whether the wrapper has asked for the list since, and does not know it all the same.
    has_failed: bool,
    /// What is listed, held against the lock.
    pub(super) lock: LockIndex,
}

/// The classes of a listed tool.
#[derive(Clone, Copy, Debug)]
struct ListedClass {
    class: Class,
    /// The class if its `readOnlyHint` is believed.
    by_hint: Class,
    addressed: Addressed,
}

impl ListedClass {
    fn under(self, trusted: Option<TrustedHints>) -> Class {
        match trusted {
            Some(TrustedHints::ReadOnly) => self.by_hint,
            None => self.class,
        }
    }
}

impl ToolIndex {
    pub(super) fn for_policy(policy: &Policy) -> Self {
        Self { trusted_hints: policy.trusted_hints(), lock: LockIndex::for_policy(policy), ..Self::default() }
    }

    /// Applies the parts of a policy that decide which class a listed tool counts as, and what it is held to.
    pub(super) fn use_policy(&mut self, policy: &Policy) {
        self.trusted_hints = policy.trusted_hints();
        self.judged_pages.forget_all();
        self.plain_calls.forget_all();
        self.lock.use_policy(policy);
    }

    /// Learns from the names on a page of the list, before its tools are recorded, and returns them, each with its item as written.
    pub(super) fn learn_names<'p>(
        &mut self,
        policy: &Policy,
        page: &'p str,
    ) -> Result<Vec<(Cow<'p, str>, &'p str)>, Fault> {
        self.plain_calls.forget_all();
        let (mut finder, mut items) = (ObjectFinder::default(), Vec::new());
        list_filter::filter_result(page, ListKind::Tools, |name, item| {
            finder.add(&name);
            items.push((name, item));
            false
        })?;
        self.objects = finder.find(policy.server().as_str());
        Ok(items)
    }

    /// Ends a page of the list: what was only kept from one of its items to the next is freed.
    pub(super) fn end_page(&mut self) {
        self.classifier = Classifier::default();
    }

    /// Adds a tool with its listing, an item of tools/list as written. A server that lists a tool again can only raise
    /// its class. Returns whether it did, or whether it makes a tool that was listed before differ from the lock.
    #[must_use]
    pub(super) fn record_listing(&mut self, tool: &str, item: &str, policy: &Policy) -> bool {
        self.plain_calls.forget_all();
        let is_raised = !policy.has_in_catalogue(tool) && self.record_class(tool, item);
        self.tools.record(&join_words(&fold(tool), '_'), tool);
        is_raised | (self.lock.record(ItemKind::Tool, tool, item) == Earlier::Drifts)
    }

    /// Remembers a listed prompt.
    pub(super) fn record_prompt(&mut self, prompt: &str) {
        self.prompts.record(&fold(prompt), prompt);
    }

    fn record_class(&mut self, tool: &str, item: &str) -> bool {
        let class = classify_listing(tool, item, &self.objects, &mut self.classifier);
        let folded = fold(tool);
        if let Some(known) = self.classes.get_mut(&folded) {
            let before = known.under(self.trusted_hints);
            known.class = known.class.raised_to(class.class);
            known.by_hint = known.by_hint.raised_to(class.by_hint);
            if class.addressed == Addressed::No {
                known.addressed = Addressed::No;
            }
            let is_raised = known.under(self.trusted_hints) > before;
            if is_raised {
                self.judged_pages.forget_all();
            }
            return is_raised;
        }
        if self.classes.len() < MAX_LISTED_TOOLS && !self.tools.is_full() {
            // Beyond the limit, a tool counts as not listed.
            self.classes.add(&folded, class);
        }
        false
    }

    /// Looks up a tool that is called. Only the first call of a tool that was not listed allocates.
    pub(super) fn resolve_called<'t>(&mut self, name: &'t str, policy: &Policy) -> ToolRef<'t> {
        let tool = ToolRef { drift: self.lock.find_used_drift(ItemKind::Tool, name), ..self.find_tool(name) };
        if tool.listing != Listing::Missing || policy.has_in_catalogue(name) {
            return tool;
        }
        let class = self.unlisted.get(name).copied().unwrap_or_else(|| {
            let class = tool.guess_class();
            if self.unlisted.len() < MAX_LISTED_TOOLS && self.unlisted_bytes < MAX_LISTED_NAMES {
                self.unlisted_bytes += name.len();
                self.unlisted.insert(name.into(), class);
            }
            class
        });
        ToolRef { listing: Listing::As(class), ..tool }
    }

    /// Looks up a tool. Does not allocate.
    pub(super) fn find_tool<'t>(&self, name: &'t str) -> ToolRef<'t> {
        let known = self.classes.get(&fold(name));
        let listing = known.map_or(Listing::Missing, |known| Listing::As(known.under(self.trusted_hints)));
        let addressed = known.map_or(Addressed::No, |known| known.addressed);
        ToolRef { name, listing, drift: self.lock.find_drift(ItemKind::Tool, name), addressed }
    }

    /// Returns the name that a server may take `name` for: one that it has listed, or that the policy or the catalogue
    /// has. `None` if there is none, or if the server has listed `name` itself.
    pub(super) fn find_look_alike<'s>(&'s self, name: &str, policy: &'s Policy) -> Option<&'s str> {
        let folded = fold(name);
        let listed = self.tools.get(&join_words(&folded, '_'));
        let mut alike = listed.clone().filter(|other| fold(other) == folded);
        if listed.clone().any(|other| other == name) {
            return None;
        }
        alike.next().or_else(|| policy.find_look_alike(name))
    }

    /// As [`find_look_alike`](Self::find_look_alike), for a prompt.
    pub(super) fn find_prompt_look_alike<'s>(&'s self, name: &str, policy: &'s Policy) -> Option<&'s str> {
        let mut alike = self.prompts.get(&fold(name));
        if alike.clone().any(|other| other == name) {
            return None;
        }
        alike.next().or_else(|| policy.find_item_look_alike(Section::Prompts, name))
    }

    /// Looks up a prompt, with the decision about the tool that it is named after, if there is one.
    ///
    /// A prompt has the name of its tool, or the same words joined by the other of `-` and `_`: Iterable's server calls
    /// the prompt of `get_lists` `get-lists`. Of several such tools, the strictest decision counts. Beyond the limit of
    /// tools, every prompt counts as named after one.
    pub(super) fn find_prompt<'p>(&self, policy: &'p Policy, prompt: &'p str) -> Item<'p> {
        let folded = fold(prompt);
        let listed = self.tools.get(&join_words(&folded, '_'));
        let listed = listed.map(|tool| policy.decide_tool(self.find_tool(tool)));
        let seen = if self.tools.is_full() { ToolSeen::Tool } else { ToolSeen::Unknown };
        let spellings = [prompt.into(), join_words(&folded, '_'), join_words(&folded, '-')];
        let known = spellings.iter().filter_map(|name| policy.decide_prompt_of_tool(name, seen));
        let decisions = listed.chain(known).map(Decision::without_asking);
        let strictest = decisions.reduce(|one, other| if one.refuses() { one } else { other });
        let standing = strictest.map_or(Standing::Unknown, Standing::OfTool);
        let drift = self.lock.find_drift(ItemKind::Prompt, prompt);
        Item { standing, drift, ..Item::unknown(Section::Prompts, prompt) }
    }

    /// Returns whether the client would see other tools under `new` than under `old`.
    pub(super) fn shows_differ(&self, old: &Policy, new: &Policy) -> bool {
        let is_hidden = |policy: &Policy, tool: &str| {
            let class = self.classes.get(&fold(tool)).map(|known| known.under(policy.trusted_hints()));
            let listing = class.map_or(Listing::Missing, Listing::As);
            let drift = self.lock.find_drift_under(policy, ItemKind::Tool, tool);
            policy.decide_tool(ToolRef { listing, drift, ..tool.into() }).effect == Effect::Hide
        };
        self.tools.is_full() || self.tools.iter().any(|tool| is_hidden(old, tool) != is_hidden(new, tool))
    }

    /// Returns of each listed prompt whether it is hidden; `None` if there are more than can be remembered.
    pub(super) fn find_hidden_prompts(&self, policy: &Policy) -> Option<Vec<bool>> {
        let is_hidden = |prompt| policy.decide_item(self.find_prompt(policy, prompt)).effect == Effect::Hide;
        (!self.prompts.is_full()).then(|| self.prompts.iter().map(is_hidden).collect())
    }

    /// Whether every tool that the server has is known.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete && !self.tools.is_full()
    }

    /// Marks the end of the list, or that the server has another list now.
    pub(super) fn set_complete(&mut self, is_complete: IsComplete) {
        // The last page alone is no list.
        self.is_complete = is_complete == IsComplete::Yes && self.has_begun;
        if self.is_complete {
            (self.has_changed, self.has_failed) = (false, false);
        } else if is_complete == IsComplete::No {
            (self.has_changed, self.has_begun, self.has_failed) = (true, false, false);
        }
        // What passes is judged anew.
        self.plain_calls.forget_all();
    }

    /// Notes that the list is read from its beginning.
    pub(super) fn begin_list(&mut self) {
        self.has_begun = true;
    }

    /// Notes that the wrapper's own list has ended.
    pub(super) fn end_asking(&mut self) {
        self.has_failed = !self.is_complete;
    }

    /// Whether asking the server for its list can tell more.
    pub(super) fn may_list_more(&self) -> bool {
        // Of a list that is whole and too long to be remembered, no more can be.
        !self.is_complete && !self.has_failed
    }

    /// Whether the server has listed a tool, and has not said since that its tools are others.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.has_listed(name) && !self.has_changed
    }

    /// Whether the server has listed a tool in this very spelling.
    pub(super) fn has_listed(&self, name: &str) -> bool {
        self.tools.get(&join_words(&fold(name), '_')).any(|listed| listed == name)
    }
}

/// Returns what a session finds of tools whose server lists these definitions, each with its name: their classes, and whether
/// their arguments say whom a call reaches. What a catalogue knows is left out.
pub fn read_listing<'d>(policy: &Policy, definitions: impl Iterator<Item = (&'d str, &'d str)> + Clone) -> ToolListing {
    let (mut index, mut finder) = (ToolIndex::for_policy(policy), ObjectFinder::default());
    definitions.clone().for_each(|(name, _)| finder.add(name));
    index.objects = finder.find(policy.server().as_str());
    for (name, item) in definitions.clone() {
        // Nothing was judged before that would have to be judged again.
        let _ = index.record_listing(name, item, policy);
    }
    let of_tool = |(name, _)| match index.find_tool(name) {
        ToolRef { listing: Listing::As(class), addressed, .. } => Some((Box::from(&*fold(name)), (class, addressed))),
        _ => None,
    };
    definitions.filter_map(of_tool).collect()
}

/// Falls back to the name if the listing cannot be read or is too large.
fn classify_listing(tool: &str, item: &str, objects: &SharedObjects, classifier: &mut Classifier) -> ListedClass {
    let by_name = ToolRef { listing: Listing::Missing, ..tool.into() };
    match Some(item).filter(|item| item.len() <= MAX_CLASSIFIED_ITEM).and_then(Listed::parse) {
        Some(mut listed) => {
            listed.objects = classifier.find_objects(&listed.name, objects);
            let class = classifier.count(&listed);
            let is_hinted = listed.annotations.read_only == Some(true) && class > Class::Read;
            let by_hint = if is_hinted { classifier.count_by_hint(&listed) } else { class };
            let other = by_name.class_of_other_spelling();
            let raise = |class: Class| other.map_or(class, |other| class.max(other));
            let addressed = classifier.find_addressed(&listed);
            ListedClass { class: raise(class), by_hint: raise(by_hint), addressed }
        }
        None => {
            let class = by_name.guess_class();
            ListedClass { class, by_hint: class, addressed: Addressed::No }
        }
    }
}

fn join_words(name: &str, joint: char) -> Cow<'_, str> {
    let other = if joint == '_' { '-' } else { '_' };
    if name.contains(other) { name.replace(other, joint.encode_utf8(&mut [0; 4])).into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_to_be_read_may_be_anything() {
        let item = |length: usize| {
            let empty = r#"{"name":"get_notes","description":""}"#.len();
            format!(r#"{{"name":"get_notes","description":"{}"}}"#, "a ".repeat((length - empty) / 2 + 1))
        };
        assert_eq!(
            classify_listing(
                "get_notes",
                &item(MAX_CLASSIFIED_ITEM - 8),
                &SharedObjects::default(),
                &mut Classifier::default()
            )
            .class,
            Class::Read
        );
        assert_eq!(
            classify_listing(
                "get_notes",
                &item(MAX_CLASSIFIED_ITEM + 8),
                &SharedObjects::default(),
                &mut Classifier::default()
            )
            .class,
            Class::Execute
        );
        assert_eq!(
            classify_listing(
                "delete_notes",
                &item(MAX_CLASSIFIED_ITEM + 8),
                &SharedObjects::default(),
                &mut Classifier::default()
            )
            .class,
            Class::Destructive
        );
    }
}
