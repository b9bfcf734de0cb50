//! A tool to decide about: its name, and what its server has said about it.

use std::collections::HashMap;

use super::lock_terms::Drift;
use crate::risk::{Addressed, Class, Listed, classify_tool};
use crate::wire::fold::fold;

/// A tool to decide about. From a bare name, nothing else is known about it.
#[derive(Clone, Copy, Debug)]
pub struct ToolRef<'t> {
    /// The name in tools/list.
    pub name: &'t str,
    /// What is known about it beyond its name.
    pub listing: Listing,
    /// How it differs from the lock of its server.
    pub drift: Option<Drift>,
    /// Whether its arguments say whom or what a call reaches, as its server lists them.
    pub addressed: Addressed,
}

/// What a server is known to list of its tools, by the fold of the name: their classes, and whether their arguments say whom a call reaches.
pub type ToolListing = HashMap<Box<str>, (Class, Addressed)>;

/// What the server has said about a tool. It matters only if neither the policy nor a catalogue knows the tool's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Nobody asks the server: the name decides the class.
    NotAsked,
    /// The server has not listed the tool in this session, so it can be anything: it counts as `execute` at least.
    Missing,
    /// The class that follows from its listing.
    As(Class),
}

impl<'t, T: AsRef<str> + ?Sized> From<&'t T> for ToolRef<'t> {
    fn from(name: &'t T) -> Self {
        Self { name: name.as_ref(), listing: Listing::NotAsked, drift: None, addressed: Addressed::No }
    }
}

impl ToolRef<'_> {
    /// Returns the class of a tool that neither the policy nor a catalogue knows.
    pub fn guess_class(self) -> Class {
        let by_name = || {
            let class = classify_tool(&Listed::with_name(self.name)).counts_as();
            self.class_of_other_spelling().map_or(class, |other| class.max(other))
        };
        match self.listing {
            Listing::NotAsked => by_name(),
            Listing::Missing => by_name().max(Class::Execute),
            Listing::As(class) => class,
        }
    }

    /// The class by the name that a lenient server reads; `None` if that is this one, or none that words can be found in.
    /// Case alone is no other spelling: it tells words apart.
    pub fn class_of_other_spelling(self) -> Option<Class> {
        if self.name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let folded = fold(self.name);
        (folded.is_ascii() && folded != self.name).then(|| classify_tool(&Listed::with_name(&*folded)).counts_as())
    }
}
