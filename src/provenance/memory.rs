//! A memory of one process: for tests, and for calls that are tried.

use std::sync::{Mutex, PoisonError};

use super::index::Index;
use super::{CalledTool, Origins, Provenance, SessionFacts, Source};

/// Remembers the results of one process.
#[derive(Debug)]
pub struct SessionMemory(Mutex<Index>);

impl SessionMemory {
    /// Creates a memory whose digests are made under this key.
    pub fn new(key: [u8; 16]) -> Self {
        Self(Mutex::new(Index::new(key)))
    }

    fn with_index<T>(&self, use_index: impl FnOnce(&mut Index) -> T) -> T {
        use_index(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for SessionMemory {
    fn default() -> Self {
        Self::new([0; 16])
    }
}

impl Provenance for SessionMemory {
    fn find_origins(&self, text: &str) -> Origins {
        self.with_index(|index| index.find_origins(text))
    }

    fn session_facts(&self) -> SessionFacts {
        self.with_index(|index| index.session_facts())
    }

    fn remember_result(&self, source: &Source, result: &str) {
        self.with_index(|index| index.add_result(source, result));
    }

    fn remember_call(&self, call: &CalledTool, arguments: &str) {
        self.with_index(|index| index.add_call(call, arguments));
    }
}
