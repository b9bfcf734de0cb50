//! Where values came from: what the results of a session held, whichever server gave them.
//!
//! Of a result nothing is kept but keyed digests of its values, with the tool that gave it. An argument came from a result if the
//! whole of it was in that result, or a part of it that can be addressed, or a copied run of its text.

mod addresses;
mod changes;
mod eights;
mod forms;
mod hosts;
mod index;
mod memory;
mod numbers;
mod pieces;
mod rarity;
mod records;
mod shingles;
mod siphash;
mod spans;
mod table;
mod values;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use addresses::{find_addresses, find_prose};
pub use index::{Damaged, Index, Values};
pub use memory::SessionMemory;
pub use shingles::SHARED;

pub use crate::risk::Returns;

/// What a session remembers of results. All wrappers of one client process share it.
pub trait Provenance: fmt::Debug + Send + Sync {
    /// Finds out whose session it is, while that can be told for certain. Call this soon after the first answers, which it would delay.
    fn settle(&self) {}

    /// Takes in what other wrappers have added: once for each judgement, before it looks anything up.
    fn refresh(&self) {}

    /// Returns where a text of an argument came from, or a part of it that can be addressed.
    fn find_origins(&self, text: &str) -> Origins;

    /// Returns where all of a text came from: it is one value, or one line or cell, of each of these results.
    fn find_whole_origins(&self, text: &str) -> Origins;

    /// Returns what has happened in the session.
    fn session_facts(&self) -> SessionFacts;

    /// Remembers a result, JSON as the client gets it, before it gets it.
    fn remember_result(&self, source: &Source, result: &str);

    /// Remembers that a call was let through.
    fn remember_call(&self, call: &CalledTool);

    /// Remembers what a call has in its arguments, JSON. What it had before anything was read that others can have written, or
    /// that is personal, did not come from there, also if it is read later.
    fn remember_written(&self, arguments: &str);

    /// Notes that a result will not be remembered, because nothing is.
    fn miss_result(&self) {}

    /// Whether anything is remembered. If not, nobody has to find out what results are.
    fn is_in_use(&self) -> bool {
        true
    }
}

/// What gave a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// The server's name.
    pub server: String,
    /// The tool, or the kind of other request: `resources/read`.
    pub tool: String,
    /// What was read, as a person would name it: `bill.txt`.
    pub detail: Option<String>,
    /// What such results are.
    pub returns: Vec<Returns>,
    /// When it came, since 1970 in UTC.
    pub at: Duration,
}

impl Source {
    /// Whether its results are of this kind.
    pub fn returns(&self, what: Returns) -> bool {
        self.returns.contains(&what)
    }

    /// Whether nothing but what was read, and when, is different.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.server == other.server && self.tool == other.tool && self.returns == other.returns
    }
}

/// A tool that was called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalledTool {
    /// The server's name.
    pub server: String,
    /// The tool's name.
    pub tool: String,
}

/// Where a text came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The results that had it, the first one first.
    pub sources: Vec<Arc<Source>>,
    /// Why there can be others; `None` if these are all.
    pub unknown: Option<Unknown>,
}

/// Why it is not known where values came from, or what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing, or not everything, is remembered in this session.
    NotRemembered,
    /// There is no more room to remember anything.
    Full,
    /// What is remembered cannot be read or written.
    Unreachable,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRemembered => "not everything that this session has read is remembered",
            Self::Full => "the session has read more than can be remembered",
            Self::Unreachable => "what the session has read cannot be looked up",
        })
    }
}

/// Whether a text came from a result of some kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameFrom {
    /// No such result had it.
    Nowhere,
    /// This one had it first.
    Here(Arc<Source>),
    /// It cannot be told: that counts as if one had.
    Unknown(Unknown),
}

impl Origins {
    /// Origins that cannot be told.
    pub fn unknown(why: Unknown) -> Self {
        Self { sources: Vec::new(), unknown: Some(why) }
    }

    /// Whether a result of the wanted kind had it.
    pub fn came_from(&self, is_wanted: impl Fn(&Source) -> bool) -> CameFrom {
        match (self.sources.iter().find(|source| is_wanted(source)), self.unknown) {
            (Some(source), _) => CameFrom::Here(Arc::clone(source)),
            (None, Some(why)) => CameFrom::Unknown(why),
            (None, None) => CameFrom::Nowhere,
        }
    }
}

/// What has happened in a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFacts {
    /// What results were of which kinds.
    pub read: Vec<Returns>,
    /// The tools whose calls were let through.
    pub called: Vec<CalledTool>,
    /// Why there can be more; `None` if this is all.
    pub unknown: Option<Unknown>,
}

/// The memory of a session that has none: nothing can be told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unremembered;

impl Provenance for Unremembered {
    fn find_origins(&self, _text: &str) -> Origins {
        Origins::unknown(Unknown::NotRemembered)
    }

    fn find_whole_origins(&self, text: &str) -> Origins {
        self.find_origins(text)
    }

    fn session_facts(&self) -> SessionFacts {
        SessionFacts { unknown: Some(Unknown::NotRemembered), ..SessionFacts::default() }
    }

    fn remember_result(&self, _source: &Source, _result: &str) {}

    fn remember_call(&self, _call: &CalledTool) {}

    fn remember_written(&self, _arguments: &str) {}

    fn is_in_use(&self) -> bool {
        false
    }
}
