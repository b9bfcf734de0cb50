//! What a session holds a server's lists to: a digest for each definition that was agreed to.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::{ItemKind, Lock, LockReader, canonical_instructions, write_definition};

/// The SHA-256 of a definition in its canonical form.
pub type DefinitionDigest = [u8; 32];

/// The digests of all that a lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedDigests {
    /// Of each kind, in the order of [`ItemKind::ALL`]: by name.
    items: [HashMap<Box<str>, DefinitionDigest>; ItemKind::ALL.len()],
    instructions: Option<Box<str>>,
}

impl From<&Lock> for LockedDigests {
    fn from(lock: &Lock) -> Self {
        let digests = |kind| lock.items(kind).iter().map(|item| (item.name.clone(), digest_of(&item.definition)));
        Self { items: ItemKind::ALL.map(|kind| digests(kind).collect()), instructions: lock.instructions.clone() }
    }
}

impl LockedDigests {
    /// Whether an item of exactly this name was agreed to.
    pub fn has_name(&self, kind: ItemKind, name: &str) -> bool {
        self.find(kind, name).is_some()
    }

    /// Whether an item of exactly this name was agreed to with this definition.
    pub fn has_definition(&self, kind: ItemKind, name: &str, definition: &DefinitionDigest) -> bool {
        self.find(kind, name) == Some(definition)
    }

    /// Whether these instructions, the value of the member as written, were agreed to.
    pub fn has_instructions(&self, json: &str) -> bool {
        canonical_instructions(json).is_ok_and(|found| found.is_none() || found == self.instructions)
    }

    fn find(&self, kind: ItemKind, name: &str) -> Option<&DefinitionDigest> {
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
}

fn digest_of(definition: &str) -> DefinitionDigest {
    Sha256::digest(definition).into()
}
