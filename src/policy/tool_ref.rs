//! A tool that is decided about: its name, and what its server has said of it.

use crate::risk::{Class, Listed, classify_tool};

/// A tool that is decided about. A bare name stands for a tool of which nothing else is known.
#[derive(Clone, Copy, Debug)]
pub struct ToolRef<'t> {
    /// Its name, as in tools/list.
    pub name: &'t str,
    /// What is known of it beyond its name.
    pub listing: Listing,
}

/// What the server has said of a tool. It matters only where neither the policy nor a catalogue knows the tool's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Nobody asks the server: the tool is classed by its name.
    NotAsked,
    /// In this session the server has not listed it, so that it may be anything: it counts as `execute` at least.
    Missing,
    /// The class by which its listing counts.
    As(Class),
}

impl<'t, T: AsRef<str> + ?Sized> From<&'t T> for ToolRef<'t> {
    fn from(name: &'t T) -> Self {
        Self { name: name.as_ref(), listing: Listing::NotAsked }
    }
}

impl ToolRef<'_> {
    /// The class of a tool that neither the policy nor a catalogue knows.
    pub fn guess_class(self) -> Class {
        let by_name = || classify_tool(&Listed::with_name(self.name)).counts_as();
        match self.listing {
            Listing::NotAsked => by_name(),
            Listing::Missing => by_name().max(Class::Execute),
            Listing::As(class) => class,
        }
    }
}
