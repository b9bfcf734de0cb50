//! What a session holds a server's lists to: a digest for each definition that was agreed to.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{ItemKind, Lock, LockReader, canonical_instructions, write_definition};
use crate::risk::Class;

/// The SHA-256 of a definition in its canonical form.
pub type DefinitionDigest = [u8; 32];

/// The digests of all that a lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedDigests {
    /// Of each kind, in the order of [`ItemKind::ALL`]: by name.
    items: [HashMap<Box<str>, AgreedItem>; ItemKind::ALL.len()],
    instructions: Option<Box<str>>,
    /// The whole lock, where a person is to be told what changed.
    definitions: Option<Arc<Lock>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AgreedItem {
    digest: DefinitionDigest,
    class: Option<Class>,
}

impl From<&Lock> for LockedDigests {
    fn from(lock: &Lock) -> Self {
        let agreed = |kind| {
            lock.items(kind)
                .iter()
                .map(|item| (item.name.clone(), AgreedItem { digest: digest_of(&item.definition), class: item.class }))
        };
        Self {
            items: ItemKind::ALL.map(|kind| agreed(kind).collect()),
            instructions: lock.instructions.clone(),
            definitions: None,
        }
    }
}

impl LockedDigests {
    /// Keeps the whole lock, so that a person can be told what changed.
    #[must_use]
    pub fn with_definitions(self, lock: Arc<Lock>) -> Self {
        Self { definitions: Some(lock), ..self }
    }

    /// The whole lock, if it is kept.
    pub fn definitions(&self) -> Option<&Lock> {
        self.definitions.as_deref()
    }

    /// The class by which the policy counted a tool when it was locked.
    pub fn class_of(&self, tool: &str) -> Option<Class> {
        self.find(ItemKind::Tool, tool)?.class
    }

    /// Whether an item of exactly this name was agreed to.
    pub fn has_name(&self, kind: ItemKind, name: &str) -> bool {
        self.find(kind, name).is_some()
    }

    /// Whether an item of exactly this name was agreed to with this definition.
    pub fn has_definition(&self, kind: ItemKind, name: &str, definition: &DefinitionDigest) -> bool {
        self.find(kind, name).is_some_and(|agreed| agreed.digest == *definition)
    }

    /// Whether these instructions, the value of the member as written, were agreed to.
    pub fn has_instructions(&self, json: &str) -> bool {
        canonical_instructions(json).is_ok_and(|found| found.is_none() || found == self.instructions)
    }

    fn find(&self, kind: ItemKind, name: &str) -> Option<&AgreedItem> {
        self.items.get(kind as usize)?.get(name)
    }
}

impl LockReader {
    /// Returns the digest of a definition, as the server wrote it; `None` if parsers could read it differently.
    pub fn digest(&mut self, kind: ItemKind, definition: &str) -> Option<DefinitionDigest> {
        self.text.clear();
        write_definition(&mut self.canonicalizer, kind, definition, &mut self.text).ok()?;
        Some(digest_of(&self.text))
    }

    /// The canonical form of the definition that was read last.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn digest_of(definition: &str) -> DefinitionDigest {
    Sha256::digest(definition).into()
}
