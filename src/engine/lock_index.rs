//! What the server lists, held against its lock.
//!
//! The digest of each listed definition is kept, so that a lock that is accepted while the session runs holds at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::judged_pages::PageKey;
use crate::limits::{MAX_CHANGED_TEXT, MAX_LISTED_NAMES, MAX_LISTED_TOOLS, MAX_QUOTED};
use crate::lock::{Change, DefinitionDigest, ItemKind, Lock, LockReader, LockedDigests, compare_item};
use crate::policy::{ComparedName, Drift, Effect, Policy};
use crate::record::Digest;
use crate::risk::Class;
use crate::visible::{count_of, escape_invisible, shorten};
use crate::wire::fold::fold;

/// What no definition has: it could be read in more than one way.
const UNREADABLE: DefinitionDigest = [0; 32];

/// How many items a note names.
const NAMED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct LockIndex {
    /// `None` if nothing is held to a lock.
    locked: Option<Arc<LockedDigests>>,
    /// Whether a person is asked about what the lock does not have, so that its definition matters as well.
    asks: bool,
    reader: LockReader,
    /// Of each kind, in the order of [`ItemKind::ALL`].
    lists: [ListedDefinitions; ItemKind::ALL.len()],
    /// What has been said to differ, with the digests of the names.
    said: HashSet<(ItemKind, Digest, DefinitionDigest, Drift)>,
    unsaid: Vec<(ItemKind, Box<str>, Drift)>,
}

/// The definitions that a server has listed of one kind, as far as its list has been read.
#[derive(Debug, Default)]
struct ListedDefinitions {
    /// By the fold of their names: what may be taken for one another.
    by_fold: HashMap<Box<str>, AlikeDefinitions>,
    count: usize,
    /// The total size of the names, in bytes.
    bytes: usize,
    /// That of the definitions that are kept.
    kept: usize,
    /// Which reading of the list it is.
    reading: u64,
    is_complete: bool,
    /// Whether the server has said that it has another list now.
    is_stale: bool,
    /// Whether something was left out of which nothing is known, not even its name.
    is_cut: bool,
    /// The page that is the whole list.
    whole: Option<PageKey>,
}

/// The definitions that may be taken for one another: hardly ever more than one.
#[derive(Debug)]
struct AlikeDefinitions {
    first: ListedDefinition,
    others: Vec<ListedDefinition>,
}

impl AlikeDefinitions {
    fn iter(&self) -> impl Iterator<Item = &ListedDefinition> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

#[derive(Debug)]
enum ListedDefinition {
    Known {
        name: Box<str>,
        digest: DefinitionDigest,
        /// What differs from the lock, if a person is asked about it and there is room.
        text: Option<Box<str>>,
    },
    /// There is more that may be taken for it, and there was no room for that.
    More,
}

impl ListedDefinition {
    fn is_locked(&self, locked: &LockedDigests, kind: ItemKind) -> bool {
        matches!(self, Self::Known { name, digest, .. } if locked.has_definition(kind, name, digest))
    }
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
        Self { locked: policy.locked().cloned(), asks: asks_about_drift(policy), ..Self::default() }
    }

    /// Holds what is listed to the lock of another policy. Where there was no lock, nothing of what was listed is known.
    pub(super) fn use_policy(&mut self, policy: &Policy) {
        if self.locked.is_none() {
            ItemKind::ALL.into_iter().for_each(|kind| self.mark_stale(kind));
        }
        self.locked = policy.locked().cloned();
        self.asks = asks_about_drift(policy);
        // Another lock may say other things of the same list.
        self.lists.iter_mut().for_each(|list| list.whole = None);
    }

    /// Whether the server has said in the middle of a list that it is another one now.
    pub(super) fn is_stale(&self, kind: ItemKind) -> bool {
        self.is_in_force() && self.list(kind).is_some_and(|list| list.is_stale)
    }

    pub(super) fn is_in_force(&self) -> bool {
        self.locked.is_some()
    }

    /// Begins a list anew: what is not on its pages is listed no more.
    pub(super) fn begin_list(&mut self, kind: ItemKind) {
        let list = self.list_mut(kind);
        *list = ListedDefinitions { reading: list.reading + 1, ..ListedDefinitions::default() };
    }

    /// Handles that the server has another list now: nothing counts as listed until it is read.
    pub(super) fn mark_stale(&mut self, kind: ItemKind) {
        self.begin_list(kind);
        self.list_mut(kind).is_stale = true;
    }

    /// Ends a list, unless it is an old one. `whole` is the page that it has been read from, if there was but one.
    pub(super) fn end_list(&mut self, kind: ItemKind, whole: Option<PageKey>) {
        let list = self.list_mut(kind);
        list.is_complete = !list.is_stale;
        list.whole = whole.filter(|_| list.is_complete);
    }

    /// Whether a list that begins with this page is the one that is known: nothing is to be learned from it again.
    pub(super) fn is_whole_list(&self, kind: ItemKind, page: PageKey) -> bool {
        self.list(kind).is_some_and(|list| list.whole == Some(page))
    }

    /// Records an item of a list, as the server wrote it. What is as the lock says has room, for the lock is bounded; of
    /// the rest that has none, it is known at least that it was left out: what was not recorded is not agreed to.
    pub(super) fn record(&mut self, kind: ItemKind, name: &str, item: &str) -> Earlier {
        let Some(locked) = &self.locked else { return Earlier::Stands };
        let read = self.reader.digest(kind, item);
        let digest = read.unwrap_or(UNREADABLE);
        let is_locked = locked.has_definition(kind, name, &digest);
        let Some(list) = self.lists.get_mut(kind as usize) else { return Earlier::Stands };
        let has_room = is_locked || list.count < MAX_LISTED_TOOLS && list.bytes + name.len() <= MAX_LISTED_NAMES;
        let key = key_of(kind, name);
        let mut stood = false;
        if has_room || list.by_fold.contains_key(&*key) {
            if list.is_cut && !list.by_fold.contains_key(&*key) {
                // What was left out before may be taken for it.
                let more = AlikeDefinitions { first: ListedDefinition::More, others: Vec::new() };
                list.by_fold.insert(key.clone().into(), more);
            }
            let alike = list.by_fold.get_mut(&*key);
            stood = alike.as_ref().is_some_and(|alike| alike.iter().all(|one| one.is_locked(locked, kind)));
            let is_it = |one: &ListedDefinition| match one {
                ListedDefinition::Known { name: known, digest: of, .. } => **known == *name && *of == digest,
                ListedDefinition::More => !has_room,
            };
            if !alike.as_ref().is_some_and(|alike| alike.iter().any(is_it)) {
                let is_told = self.asks && has_room && !is_locked && read.is_some();
                let text =
                    Some(self.reader.text()).filter(|text| is_told && list.kept + text.len() <= MAX_CHANGED_TEXT);
                list.kept += text.map_or(0, str::len);
                let one = match has_room {
                    true => ListedDefinition::Known { name: name.into(), digest, text: text.map(Into::into) },
                    false => ListedDefinition::More,
                };
                match alike {
                    Some(alike) => alike.others.push(one),
                    None => {
                        list.by_fold.insert(key.into(), AlikeDefinitions { first: one, others: Vec::new() });
                    }
                }
                (list.count, list.bytes) = (list.count + 1, list.bytes + if has_room { name.len() } else { 0 });
            }
        } else {
            list.is_cut = true;
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
        let list = self.list(kind)?;
        let Some(alike) = list.by_fold.get(&*key_of(kind, name)) else { return list.is_cut.then_some(Drift::Unread) };
        let differs = |one: &ListedDefinition| match one {
            ListedDefinition::Known { .. } => (!one.is_locked(locked, kind)).then_some(Drift::Changed),
            ListedDefinition::More => Some(Drift::Unread),
        };
        alike.iter().find_map(differs)
    }

    /// As [`find_drift`](Self::find_drift), for what is used: what is not listed now may be another by now.
    pub(super) fn find_used_drift(&self, kind: ItemKind, name: &str) -> Option<Drift> {
        self.find_drift(kind, name).or_else(|| {
            let is_locked = self.locked.as_ref()?.has_name(kind, name);
            let list = self.list(kind).filter(|list| is_locked && !list.has(kind, name))?;
            Some(if list.is_complete { Drift::Unlisted } else { Drift::Unread })
        })
    }

    /// Whether only the server's list can tell how something differs from the lock.
    pub(super) fn waits_for_list(&self, kind: ItemKind, name: &str) -> bool {
        let matters = self.locked.as_ref().is_some_and(|locked| self.asks || locked.has_name(kind, name));
        matters && self.list(kind).is_some_and(|list| !list.is_complete && !list.has(kind, name))
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
        let Some(list) = self.list(kind) else { return Digest::START };
        let alike = list.by_fold.get(&*key_of(kind, name));
        let digest_of = |one: &ListedDefinition| match one {
            ListedDefinition::Known { digest, .. } => Some(*digest),
            ListedDefinition::More => None,
        };
        let mut digests: Vec<_> = alike.into_iter().flat_map(AlikeDefinitions::iter).filter_map(digest_of).collect();
        digests.sort_unstable();
        let listed = Digest::of_text(digests.as_flattened());
        // What was left out may be another in each reading.
        let has_more = alike.map_or(list.is_cut, |alike| alike.iter().any(|one| digest_of(one).is_none()));
        if has_more { Digest::of_text(format!("{listed} {}", list.reading).as_bytes()) } else { listed }
    }

    /// Returns what changed of an item since the lock, riskiest first; `None` if nothing does, or if its definition was not kept.
    /// `class` is that by which the policy counts a tool.
    pub(super) fn find_changes(&self, kind: ItemKind, name: &str, class: Option<Class>) -> Option<Vec<Change>> {
        let locked = self.locked.as_deref()?;
        let (agreed, alike) = (locked.definitions()?, self.list(kind)?.by_fold.get(&*key_of(kind, name))?);
        let is_itself =
            |one: &&ListedDefinition| matches!(one, ListedDefinition::Known { name: of, .. } if **of == *name);
        let differing = || alike.iter().filter(|one| !one.is_locked(locked, kind));
        let ListedDefinition::Known { name, text: Some(text), .. } =
            differing().find(is_itself).or_else(|| differing().next())?
        else {
            return None;
        };
        let mut listed = Lock::new(agreed.server());
        listed.insert(kind, text, class).ok()?;
        Some(compare_item(agreed, &listed, kind, name))
    }

    /// Whether there is something to say of items that differ.
    #[inline]
    pub(super) fn has_unsaid(&self) -> bool {
        !self.unsaid.is_empty()
    }

    /// Returns what to say of the items that differ and were not said to: their names, and how many there are. `None` if there
    /// are none.
    pub(super) fn describe_unsaid(&mut self) -> Option<(String, String)> {
        if self.unsaid.is_empty() {
            return None;
        }
        let unsaid = std::mem::take(&mut self.unsaid);
        let describe = |(kind, name, drift): &(ItemKind, Box<str>, Drift)| {
            let how = drift.as_str();
            let name = escape_invisible(&shorten(name, MAX_QUOTED));
            format!("{how} {kind} {name}")
        };
        let mut items: Vec<_> = unsaid.iter().take(NAMED).map(describe).collect();
        if unsaid.len() > NAMED {
            items.push(format!("{} more", unsaid.len() - NAMED));
        }
        let mut counts = BTreeMap::new();
        for (kind, _, drift) in &unsaid {
            *counts.entry((drift.as_str(), *kind)).or_insert(0) += 1;
        }
        let counts: Vec<_> =
            counts.into_iter().map(|((how, kind), count)| count_of(count, &format!("{how} {kind}"))).collect();
        Some((items.join(", "), counts.join(", ")))
    }

    /// Says that what is used passes and differs from the lock.
    pub(super) fn say_used(&mut self, kind: ItemKind, name: &str, drift: Drift) {
        let of = Digest::of_text(name.as_bytes());
        if !self.said.iter().any(|(said, name, ..)| *said == kind && *name == of) {
            self.say_once(kind, name, UNREADABLE, drift);
        }
    }

    fn say_once(&mut self, kind: ItemKind, name: &str, digest: DefinitionDigest, drift: Drift) {
        // A server that lists ever new definitions is told of again in the end.
        if self.said.len() >= MAX_LISTED_TOOLS {
            self.said.clear();
        }
        if self.said.insert((kind, Digest::of_text(name.as_bytes()), digest, drift)) {
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

impl ListedDefinitions {
    /// Whether an item of this very name is listed, or one that there was no room for.
    fn has(&self, kind: ItemKind, name: &str) -> bool {
        let is_it = |one: &ListedDefinition| match one {
            ListedDefinition::Known { name: of, .. } => **of == *name,
            ListedDefinition::More => true,
        };
        self.by_fold.get(&*key_of(kind, name)).is_some_and(|alike| alike.iter().any(is_it))
    }
}

fn asks_about_drift(policy: &Policy) -> bool {
    policy.lock_mode().effect() == Effect::RequireApproval
}

/// What those names have in common that may be taken for one another.
fn key_of(kind: ItemKind, name: &str) -> Cow<'_, str> {
    match kind {
        ItemKind::Tool | ItemKind::Prompt => fold(name),
        ItemKind::Template | ItemKind::App | ItemKind::AppPage => {
            ComparedName::of_uri(name).folded().first().map(|place| place.to_string()).unwrap_or_default().into()
        }
    }
}
