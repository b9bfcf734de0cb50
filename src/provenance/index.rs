//! What is remembered, as it is looked up.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::siphash::{Key, SipHasher};
use super::values::{ValueKey, find_argument_values, find_result_values};
use super::{CalledTool, Origins, Returns, SessionFacts, Source, Unknown};

/// The digests of the values of a session's results, and where they came from.
#[derive(Debug)]
pub struct Index {
    key: Key,
    values: HashMap<ValueKey, Vec<usize>>,
    sources: Vec<Arc<Source>>,
    called: BTreeSet<CalledTool>,
    unknown: Option<Unknown>,
}

impl Index {
    /// Creates an empty index whose digests are made under this key.
    pub fn new(key: Key) -> Self {
        Self { key, values: HashMap::new(), sources: Vec::new(), called: BTreeSet::new(), unknown: None }
    }

    fn digest(&self, value: &str) -> ValueKey {
        let mut hasher = SipHasher::new(&self.key);
        value.bytes().for_each(|byte| hasher.push(byte.to_ascii_lowercase()));
        hasher.finish() as ValueKey
    }

    /// Adds the values of a result.
    pub fn add_result(&mut self, source: &Source, result: &str) {
        let at = self.sources.len();
        self.sources.push(Arc::new(source.clone()));
        let mut keys = Vec::new();
        find_result_values(result, &mut |value| keys.push(self.digest(value)));
        for key in keys {
            let places = self.values.entry(key).or_default();
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }

    /// Adds a call.
    pub fn add_call(&mut self, call: &CalledTool, _arguments: &str) {
        if !self.called.contains(call) {
            self.called.insert(call.clone());
        }
    }

    /// Returns where a text came from, or a part of it.
    pub fn find_origins(&self, text: &str) -> Origins {
        let mut places = BTreeSet::new();
        find_argument_values(text, &mut |value| {
            places.extend(self.values.get(&self.digest(value)).into_iter().flatten().copied());
        });
        let sources = places.into_iter().filter_map(|at| self.sources.get(at).map(Arc::clone)).collect();
        Origins { sources, unknown: self.unknown }
    }

    /// Returns what has happened.
    pub fn session_facts(&self) -> SessionFacts {
        let read = [Returns::Untrusted, Returns::Personal];
        let read = read.into_iter().filter(|what| self.sources.iter().any(|source| source.returns(*what)));
        SessionFacts { read: read.collect(), called: self.called.iter().cloned().collect(), unknown: self.unknown }
    }
}
