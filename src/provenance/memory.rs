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

    fn write(&self, write: impl FnOnce(&mut Index) -> Vec<u8>) {
        self.with_index(|index| {
            let bytes = write(index);
            // An index reads what it writes.
            let _ = index.take_in(&bytes);
        });
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

    fn find_whole_origins(&self, text: &str) -> Origins {
        self.with_index(|index| index.find_whole_origins(text))
    }

    fn session_facts(&self) -> SessionFacts {
        self.with_index(|index| index.session_facts())
    }

    fn remember_result(&self, source: &Source, result: &str) {
        self.write(|index| {
            let values = index.read_result(result);
            index.write_result(source, &values)
        });
    }

    fn remember_call(&self, call: &CalledTool) {
        self.write(|index| index.write_call(call));
    }

    fn remember_written(&self, arguments: &str) {
        self.write(|index| {
            let values = index.read_arguments(arguments);
            index.write_written(&values)
        });
    }
}
