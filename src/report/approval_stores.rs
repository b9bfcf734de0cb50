//! The state stores of this machine that have questions for a person: a client may give a server another state directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client_servers::{ServedQuestion, find_served};
use crate::engine::ApprovalAnswer;
use crate::env::Env;
use crate::paths::{self, NoStateDir};
use crate::state::approvals::{ApprovalEntry, Confirm, EntryKey, NotAnswered, StoreError, StoredApprovals};

/// The questions in all stores that are known.
#[derive(Debug)]
pub(crate) struct ApprovalStores {
    /// That of this terminal.
    here: StoredApprovals,
    others: Vec<StoredApprovals>,
}

fn open_store(dir: &Path) -> StoredApprovals {
    StoredApprovals::new(dir, paths::STATE_FILE)
}

impl ApprovalStores {
    /// Finds the stores of this terminal and of the servers that clients start.
    pub(crate) fn find_all(env: &Env) -> Result<Self, NoStateDir> {
        let here = paths::state_dir(env)?;
        let served = find_served(&ServedQuestion { name: None, clients: &[], env });
        let mut dirs: Vec<PathBuf> = Vec::new();
        for served in &served.servers {
            let theirs = paths::state_dir(&served.env).ok();
            dirs.extend(theirs.filter(|theirs| *theirs != here && !dirs.contains(theirs)));
        }
        Ok(Self { here: open_store(&here), others: dirs.iter().map(|dir| open_store(dir)).collect() })
    }

    /// The files in which a change is seen.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.here).chain(&self.others).map(StoredApprovals::file)
    }

    /// Lists the questions of all stores, the oldest first. What cannot be read in another store than that of this terminal is
    /// said by its own session.
    pub(crate) fn list_all(&mut self) -> Result<Vec<ApprovalEntry>, StoreError> {
        let mut all = self.here.list_all()?;
        let ours = all.len();
        all.extend(self.others.iter_mut().filter_map(|other| other.list_all().ok()).flatten());
        if all.len() > ours {
            all.sort_by_key(|entry| entry.asked);
        }
        Ok(all)
    }

    /// Returns a question as it is now, of whichever store.
    pub(crate) fn find_entry(&mut self, id: &str) -> Result<Option<ApprovalEntry>, StoreError> {
        self.store_of(id).find_entry(id)
    }

    /// As [`StoredApprovals::answer_question`], in the store that has it.
    pub(crate) fn answer_question(
        &mut self,
        shown: &EntryKey,
        verdict: &ApprovalAnswer,
        given: Confirm,
    ) -> Result<Result<ApprovalEntry, NotAnswered>, StoreError> {
        self.store_of(shown.id()).answer_question(shown, verdict, given)
    }

    /// As [`StoredApprovals::wait_for_outcome`], in the store that has it.
    pub(crate) fn wait_for_outcome(
        &mut self,
        id: &str,
        on_wait: impl FnMut(Duration),
    ) -> Result<Option<ApprovalEntry>, StoreError> {
        self.store_of(id).wait_for_outcome(id, on_wait)
    }

    /// Returns the store that has the question; that of this terminal if none has it.
    fn store_of(&mut self, id: &str) -> &mut StoredApprovals {
        let has = |store: &mut StoredApprovals| matches!(store.find_entry(id), Ok(Some(_)));
        if self.others.is_empty() || has(&mut self.here) {
            return &mut self.here;
        }
        self.others.iter_mut().find_map(|other| has(other).then_some(other)).unwrap_or(&mut self.here)
    }
}
