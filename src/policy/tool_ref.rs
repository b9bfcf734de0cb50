//! A tool to decide about: its name, and what its server has said about it.

use crate::risk::{Class, Listed, classify_tool};

/// A tool to decide about. From a bare name, nothing else is known about it.
#[derive(Clone, Copy, Debug)]
pub struct ToolRef<'t> {
    /// The name in tools/list.
    pub name: &'t str,
    /// What is known about it beyond its name.
    pub listing: Listing,
}

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
        Self { name: name.as_ref(), listing: Listing::NotAsked }
    }
}

impl ToolRef<'_> {
    /// Returns the class of a tool that neither the policy nor a catalogue knows.
    pub fn guess_class(self) -> Class {
        let by_name = || classify_tool(&Listed::with_name(self.name)).counts_as();
        match self.listing {
            Listing::NotAsked => by_name(),
            Listing::Missing => by_name().max(Class::Execute),
            Listing::As(class) => class,
        }
    }
}
