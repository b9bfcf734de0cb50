//! What the server lists, held against its lock.
//!
//! The digest of each listed definition is kept, so that a lock that is accepted while the session runs holds at once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::limits::{MAX_LISTED_NAMES, MAX_LISTED_TOOLS, MAX_QUOTED};
use crate::lock::{DefinitionDigest, ItemKind, LockReader, LockedDigests};
use crate::policy::{ComparedName, Drift, Policy};
use crate::record::Digest;
use crate::visible::{escape_invisible, shorten};
use crate::wire::fold::fold;

/// What no definition has: it could be read in more than one way.
const UNREADABLE: DefinitionDigest = [0; 32];

/// How many items a note names.
const NAMED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct LockIndex {
    /// `None` if nothing is held to a lock.
    locked: Option<Arc<LockedDigests>>,
    reader: LockReader,
    /// Of each kind, in the order of [`ItemKind::ALL`].
    lists: [ListedDefinitions; ItemKind::ALL.len()],
    count: usize,
    /// The total size of the names, in bytes.
    bytes: usize,
    /// What has been said to differ.
    said: HashSet<(ItemKind, Box<str>, DefinitionDigest, Drift)>,
    unsaid: Vec<(ItemKind, Box<str>, Drift)>,
}

/// The definitions that a server has listed of one kind.
#[derive(Debug, Default)]
struct ListedDefinitions {
    /// By the fold of their names: what may be taken for one another.
    by_fold: HashMap<Box<str>, Vec<ListedDefinition>>,
    /// Which reading of the list it is. What an earlier one had may be gone.
    reading: u64,
    is_complete: bool,
    /// Whether the server has said that it has another list now.
    is_stale: bool,
}

#[derive(Debug)]
struct ListedDefinition {
    name: Box<str>,
    digest: DefinitionDigest,
    reading: u64,
}

/// Whether an item that was recorded changes what is known of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    Stands,
    /// An item that may be taken for it was as the lock says until now.
    Drifts,
}

impl LockIndex {
    pub(super) fn for_policy(policy: &Policy) -> Self {
        Self { locked: policy.locked().cloned(), ..Self::default() }
    }

    /// Holds what is listed to the lock of another policy. Where there was no lock, nothing of what was listed is known.
    pub(super) fn use_policy(&mut self, policy: &Policy) {
        if self.locked.is_none() {
            *self = Self::default();
            ItemKind::ALL.into_iter().for_each(|kind| self.mark_stale(kind));
        }
        self.locked = policy.locked().cloned();
    }

    pub(super) fn is_in_force(&self) -> bool {
        self.locked.is_some()
    }

    /// Begins a list anew: what is not on its pages is listed no more.
    pub(super) fn begin_list(&mut self, kind: ItemKind) {
        let list = self.list_mut(kind);
        *list = ListedDefinitions {
            by_fold: std::mem::take(&mut list.by_fold),
            reading: list.reading + 1,
            is_complete: false,
            is_stale: false,
        };
    }

    /// Handles that the server has another list now: nothing counts as listed until it is read.
    pub(super) fn mark_stale(&mut self, kind: ItemKind) {
        self.begin_list(kind);
        self.list_mut(kind).is_stale = true;
    }

    /// Ends a list: what earlier readings had is gone.
    pub(super) fn end_list(&mut self, kind: ItemKind) {
        let list = self.list_mut(kind);
        if list.is_stale {
            return;
        }
        list.is_complete = true;
        let (reading, mut gone) = (list.reading, (0, 0));
        list.by_fold.retain(|_, listed| {
            let old = listed.extract_if(.., |one| one.reading != reading);
            old.for_each(|one| gone = (gone.0 + 1, gone.1 + one.name.len()));
            !listed.is_empty()
        });
        (self.count, self.bytes) = (self.count - gone.0, self.bytes - gone.1);
    }

    /// Records an item of a list, as the server wrote it.
    pub(super) fn record(&mut self, kind: ItemKind, name: &str, item: &str) -> Earlier {
        let Some(locked) = &self.locked else { return Earlier::Stands };
        let digest = self.reader.digest(kind, item).unwrap_or(UNREADABLE);
        let is_locked = locked.has_definition(kind, name, &digest);
        let has_room = self.count < MAX_LISTED_TOOLS && self.bytes < MAX_LISTED_NAMES;
        let Some(list) = self.lists.get_mut(kind as usize) else { return Earlier::Stands };
        let reading = list.reading;
        let listed = list.by_fold.entry(key_of(kind, name).into()).or_default();
        let before = listed.len();
        let mut bytes = 0;
        listed.retain(|one| {
            let stays = one.reading == reading || *one.name != *name;
            bytes += if stays { 0 } else { one.name.len() };
            stays
        });
        (self.count, self.bytes) = (self.count - (before - listed.len()), self.bytes - bytes);
        let is_known = listed.iter().any(|one| *one.name == *name && one.digest == digest);
        let stood = !listed.is_empty() && listed.iter().all(|one| locked.has_definition(kind, &one.name, &one.digest));
        // Beyond the bound, what is not known counts as not agreed to.
        if !is_known && has_room {
            listed.push(ListedDefinition { name: name.into(), digest, reading });
            (self.count, self.bytes) = (self.count + 1, self.bytes + name.len());
        }
        if !is_locked {
            let drift = if locked.has_name(kind, name) { Drift::Changed } else { Drift::New };
            self.say_once(kind, name, digest, drift);
        }
        if stood && !is_locked { Earlier::Drifts } else { Earlier::Stands }
    }

    /// Returns how an item differs from the lock, by what the server has listed; `None` if it does not, or if nothing is
    /// held to a lock.
    pub(super) fn find_drift(&self, kind: ItemKind, name: &str) -> Option<Drift> {
        self.find_drift_from(self.locked.as_deref()?, kind, name)
    }

    /// As [`find_drift`](Self::find_drift), under another policy.
    pub(super) fn find_drift_under(&self, policy: &Policy, kind: ItemKind, name: &str) -> Option<Drift> {
        self.find_drift_from(policy.locked()?, kind, name)
    }

    /// Names are compared by their fold: what differs in one spelling differs in all.
    fn find_drift_from(&self, locked: &LockedDigests, kind: ItemKind, name: &str) -> Option<Drift> {
        let is_page = || kind == ItemKind::App && locked.has_name(ItemKind::AppPage, name);
        if !locked.has_name(kind, name) && !is_page() {
            return Some(Drift::New);
        }
        match self.list(kind)?.by_fold.get(&*key_of(kind, name)) {
            Some(listed) => {
                let is_locked = |one: &ListedDefinition| locked.has_definition(kind, &one.name, &one.digest);
                (!listed.iter().all(is_locked)).then_some(Drift::Changed)
            }
            None => (self.count >= MAX_LISTED_TOOLS || self.bytes >= MAX_LISTED_NAMES).then_some(Drift::Unlisted),
        }
    }

    /// As [`find_drift`](Self::find_drift), for a tool that is called: one that is not listed now may be another by now.
    pub(super) fn find_called_drift(&self, tool: &str) -> Option<Drift> {
        let drift = self.find_drift(ItemKind::Tool, tool);
        drift.or_else(|| (self.is_in_force() && !self.is_listed_now(tool)).then_some(Drift::Unlisted))
    }

    /// Whether only the server's list can tell how a tool differs from the lock.
    pub(super) fn waits_for_list(&self, tool: &str) -> bool {
        let is_complete = || self.list(ItemKind::Tool).is_some_and(|list| list.is_complete);
        let is_locked = self.locked.as_ref().is_some_and(|locked| locked.has_name(ItemKind::Tool, tool));
        is_locked && !self.is_listed_now(tool) && !is_complete()
    }

    fn is_listed_now(&self, tool: &str) -> bool {
        let Some(list) = self.list(ItemKind::Tool) else { return false };
        let listed = list.by_fold.get(&*key_of(ItemKind::Tool, tool));
        listed.is_some_and(|listed| listed.iter().any(|one| one.reading == list.reading))
    }

    /// Whether the page of an app, as it is read, differs from the lock. Pages are read anew each time, so none is kept.
    pub(super) fn find_page_drift(&mut self, uri: &str, page: &str) -> Option<Drift> {
        let locked = self.locked.as_ref()?;
        let digest = self.reader.digest(ItemKind::AppPage, page).unwrap_or(UNREADABLE);
        if locked.has_definition(ItemKind::AppPage, uri, &digest) {
            return None;
        }
        let drift = if locked.has_name(ItemKind::AppPage, uri) { Drift::Changed } else { Drift::New };
        self.say_once(ItemKind::AppPage, uri, digest, drift);
        Some(drift)
    }

    /// Returns a digest of the definitions that the server has listed under a name, for an approval that is for them only.
    pub(super) fn digest_listed(&self, kind: ItemKind, name: &str) -> Digest {
        let listed = self.list(kind).and_then(|list| list.by_fold.get(&*key_of(kind, name)));
        let mut digests: Vec<_> = listed.into_iter().flatten().map(|one| one.digest).collect();
        digests.sort_unstable();
        Digest::of_text(digests.as_flattened())
    }

    /// Returns what to say of the items that differ and were not said to; `None` if there are none.
    pub(super) fn describe_unsaid(&mut self) -> Option<String> {
        let unsaid = std::mem::take(&mut self.unsaid);
        let describe = |(kind, name, drift): &(ItemKind, Box<str>, Drift)| {
            let how = match drift {
                Drift::New => "new",
                Drift::Changed => "changed",
                Drift::Unlisted => "unlisted",
            };
            let name = escape_invisible(&shorten(name, MAX_QUOTED));
            format!("{how} {kind} {name}")
        };
        let mut items: Vec<_> = unsaid.iter().take(NAMED).map(describe).collect();
        if unsaid.len() > NAMED {
            items.push(format!("{} more", unsaid.len() - NAMED));
        }
        (!items.is_empty()).then(|| items.join(", "))
    }

    /// Says that a called tool passes and differs from the lock.
    pub(super) fn say_called(&mut self, tool: &str, drift: Drift) {
        let is_said = self.said.iter().any(|(kind, name, ..)| *kind == ItemKind::Tool && **name == *tool);
        if !is_said {
            self.say_once(ItemKind::Tool, tool, UNREADABLE, drift);
        }
    }

    fn say_once(&mut self, kind: ItemKind, name: &str, digest: DefinitionDigest, drift: Drift) {
        // A server that lists ever new definitions is told of again in the end.
        if self.said.len() >= MAX_LISTED_TOOLS {
            self.said.clear();
        }
        if self.said.insert((kind, name.into(), digest, drift)) {
            self.unsaid.push((kind, name.into(), drift));
        }
    }

    fn list(&self, kind: ItemKind) -> Option<&ListedDefinitions> {
        self.lists.get(kind as usize)
    }

    fn list_mut(&mut self, kind: ItemKind) -> &mut ListedDefinitions {
        // There is a list of each kind.
        let [tools, prompts, templates, apps, pages] = &mut self.lists;
        match kind {
            ItemKind::Tool => tools,
            ItemKind::Prompt => prompts,
            ItemKind::Template => templates,
            ItemKind::App => apps,
            ItemKind::AppPage => pages,
        }
    }
}

/// What those names have in common that may be taken for one another.
fn key_of(kind: ItemKind, name: &str) -> Cow<'_, str> {
    match kind {
        ItemKind::Tool | ItemKind::Prompt => fold(name),
        ItemKind::Template | ItemKind::App | ItemKind::AppPage => {
            ComparedName::of_uri(name).folded().first().cloned().unwrap_or_default().into()
        }
    }
}
