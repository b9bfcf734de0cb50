//! What was agreed to: a server's package, its instructions, and the definition of each tool, prompt, template and app.
//!
//! A server's lists are held to it: equal definitions in another order of keys, white space, escapes or pages are no
//! change; anything else is, at any depth, for a model may read it. [`compare`] says what changed, in terms of risk.

mod changes;
mod definition_changes;
mod digests;
mod file;
mod signs;
mod tool_changes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use changes::{Change, ChangeKind, Subject, compare, compare_item};
pub use digests::{DefinitionDigest, LockedDigests};
pub use file::LockError;

use crate::limits::MAX_LISTED_TOOLS;
use crate::risk::Class;
use crate::wire::canonical::{Canonicalizer, Layout};
use crate::wire::view::{decode_lossy, find_member};

/// What kind of item a lock holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A tool, an item of tools/list.
    Tool,
    /// A prompt, an item of prompts/list.
    Prompt,
    /// A template, an item of resources/templates/list.
    Template,
    /// An MCP App: an item of resources/list whose URI begins with `ui://`.
    App,
    /// What reading an app declares: an element of `contents` without its text.
    AppPage,
}

impl ItemKind {
    /// Every kind, in the order of the file.
    pub const ALL: [Self; 5] = [Self::Tool, Self::Prompt, Self::Template, Self::App, Self::AppPage];

    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Template => "template",
            Self::App => "app",
            Self::AppPage => "app page",
        }
    }

    /// The member of the definition that names it.
    fn name_key(self) -> &'static str {
        match self {
            Self::Tool | Self::Prompt => "name",
            Self::Template => "uriTemplate",
            Self::App | Self::AppPage => "uri",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The package that a server's command starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Its name, as its registry spells it; of a program, its file name.
    pub name: String,
    /// Where it is from: `npm`, `pypi`, `image`, `program`.
    pub registry: String,
    /// Its version, if that is known before a start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its content as its registry or launcher says it, with the algorithm before it: `sha512-…`, `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
}

/// A locked item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedItem {
    name: Box<str>,
    class: Option<Class>,
    definition: Box<str>,
}

impl LockedItem {
    /// Its name or URI, decoded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The class by which the policy counted the tool when it was locked; `None` for anything but tools.
    pub fn class(&self) -> Option<Class> {
        self.class
    }

    /// The whole definition, in its canonical form.
    pub fn definition(&self) -> &str {
        &self.definition
    }
}

/// What was agreed to of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    server: String,
    /// The package that its command starts, if that is known.
    pub package: Option<LockedPackage>,
    /// A JSON string in its canonical form.
    instructions: Option<Box<str>>,
    /// Of each kind, in the order of [`ItemKind::ALL`]: the items by their names.
    items: [Vec<LockedItem>; ItemKind::ALL.len()],
}

impl Lock {
    /// Makes a lock of a server, by the name that its policy goes by. It has no items yet: all of them are new to it.
    pub fn new(server: impl Into<String>) -> Self {
        Self { server: server.into(), ..Self::default() }
    }

    /// The server that it is of.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The items of a kind, by their names.
    pub fn items(&self, kind: ItemKind) -> &[LockedItem] {
        self.items.get(kind as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns an item by its exact name or URI.
    pub fn find(&self, kind: ItemKind, name: &str) -> Option<&LockedItem> {
        let items = self.items(kind);
        let at = items.binary_search_by(|item| (*item.name).cmp(name)).ok()?;
        items.get(at)
    }

    /// What the server says of itself in the answer to `initialize`, decoded.
    pub fn instructions(&self) -> Option<String> {
        self.instructions.as_deref().and_then(decode_lossy).map(Into::into)
    }

    /// Locks the instructions: the value of the member as written, if there is one. Empty ones are none.
    ///
    /// # Errors
    /// Returns an error if it is not JSON.
    pub fn set_instructions(&mut self, json: Option<&str>) -> Result<(), LockError> {
        self.instructions = json.map(canonical_instructions).transpose()?.flatten();
        Ok(())
    }

    /// Locks an item, in the place of one of its name. `definition` is the item as the server wrote it; of an
    /// [`AppPage`](ItemKind::AppPage), `text` and `blob` are left out, for they are content.
    ///
    /// # Errors
    /// Returns an error if parsers could read the definition differently, it has no name, or there are too many.
    pub fn insert(&mut self, kind: ItemKind, definition: &str, class: Option<Class>) -> Result<(), LockError> {
        let mut text = String::new();
        write_definition(&mut Canonicalizer::default(), kind, definition, &mut text)
            .map_err(|fault| LockError::Definition { kind, name: name_of(kind, definition), fault })?;
        let name = name_of(kind, &text);
        if !text.starts_with('{') || name.is_empty() {
            return Err(LockError::Unnamed(kind));
        }
        let item = LockedItem { name: name.into(), class, definition: text.into() };
        let Some(items) = self.items.get_mut(kind as usize) else { return Ok(()) };
        match items.binary_search_by(|other| other.name.cmp(&item.name)) {
            Ok(at) => items.splice(at..=at, [item]).for_each(drop),
            Err(_) if items.len() >= MAX_LISTED_TOOLS => return Err(LockError::TooMany(kind)),
            Err(at) => items.insert(at, item),
        }
        Ok(())
    }

    /// Removes an item. Returns whether there was one.
    pub fn remove(&mut self, kind: ItemKind, name: &str) -> bool {
        let Some(items) = self.items.get_mut(kind as usize) else { return false };
        let at = items.binary_search_by(|item| (*item.name).cmp(name));
        at.map(|at| items.remove(at)).is_ok()
    }

    /// Takes over what another lock says about an item: that it is there, or that it is not.
    pub fn accept(&mut self, kind: ItemKind, name: &str, from: &Self) {
        let Some(item) = from.find(kind, name) else {
            self.remove(kind, name);
            return;
        };
        let Some(items) = self.items.get_mut(kind as usize) else { return };
        match items.binary_search_by(|other| (*other.name).cmp(name)) {
            Ok(at) => items.splice(at..=at, [item.clone()]).for_each(drop),
            Err(at) => items.insert(at, item.clone()),
        }
    }

    /// Takes over the instructions of another lock.
    pub fn accept_instructions(&mut self, from: &Self) {
        self.instructions.clone_from(&from.instructions);
    }

    /// Parses a lock file. Errors have no path: the caller knows it.
    ///
    /// # Errors
    /// Returns an error if it is too large, broken, edited by hand, or written by a newer version.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        file::parse(text)
    }

    /// Writes the file: in a stable order, one member a line.
    pub fn write(&self) -> String {
        file::write(self)
    }
}

/// Reads listed items as a lock has them, and keeps its buffers from one item to the next.
#[derive(Debug, Default)]
pub struct LockReader {
    canonicalizer: Canonicalizer,
    text: String,
}

fn write_definition(
    canonicalizer: &mut Canonicalizer,
    kind: ItemKind,
    definition: &str,
    out: &mut String,
) -> Result<(), crate::wire::fault::Fault> {
    if kind != ItemKind::AppPage {
        return canonicalizer.write(definition, Layout::Compact, out);
    }
    let members = crate::wire::view::members(definition).filter(|member| {
        let key = member.key_lossy();
        key != "text" && key != "blob"
    });
    let members = members.map(|member| format!("{}:{}", member.written_key(), member.value));
    let declared = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    canonicalizer.write(&declared, Layout::Compact, out)
}

fn canonical_instructions(json: &str) -> Result<Option<Box<str>>, LockError> {
    let mut text = String::new();
    let written = Canonicalizer::default().write(json, Layout::Compact, &mut text);
    written.map_err(LockError::Instructions)?;
    Ok((text != "null" && text != "\"\"").then(|| text.into()))
}

/// The name in a definition; empty if it has none.
fn name_of(kind: ItemKind, definition: &str) -> String {
    find_member(definition, kind.name_key()).and_then(decode_lossy).unwrap_or_default().into_owned()
}
