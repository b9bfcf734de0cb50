//! A server held against its lock: what it lists now, and what changed since it was agreed to.

mod server_lists;
mod target;

use std::time::Duration;

use serde::Serialize;

pub(crate) use self::server_lists::{CannotLock, is_app, lock_offer};
pub(crate) use self::target::{LockQuestion, LockTarget, choose_served};
use crate::exit::Exit;
use crate::lock::{Change, ItemKind, Lock, LockError, LockedPackage, Subject, compare};
use crate::package::{FileMoment, PackageFacts, find_facts, pin_version};
use crate::paths::{self, LockFileError, ReplaceError};
use crate::policy::{LockMode, ServerName, nearest_word};
use crate::probe::{self, AppPages, ProbeError, ProbeTarget, ServerOffer, ShowProgress};
use crate::report::client_servers::ServedError;
use crate::report::doctor::client_env::describe_unfilled;
use crate::visible::{escape_invisible, visible_path};

/// Why a server is not held against its lock. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockCommandError {
    /// It is not clear which server is meant.
    #[error("{0}")]
    Unclear(String),
    /// There is no such server.
    #[error("{0}")]
    Nowhere(String),
    #[error(transparent)]
    LockFile(#[from] LockFileError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Served(#[from] ServedError),
    #[error("{0} cannot be locked: {1}.\nwhat to do: tell the server's author; no agent can rely on such a list")]
    Cannot(ServerName, CannotLock),
    #[error("{0} has no lock yet, so there is nothing to {1}.\nwhat to do: make one with `policylayer lock {2}`")]
    Missing(ServerName, &'static str, String),
    #[error("{0}")]
    UnknownItem(String),
}

impl LockCommandError {
    /// Returns the exit code of a run that fails with this error.
    pub(crate) fn exit_code(&self) -> Exit {
        match self {
            Self::Unclear(_) => Exit::Usage,
            Self::Served(error) => error.exit_code(),
            _ => Exit::Failed,
        }
    }
}

/// How the server is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartAs {
    /// As its command says: a runner takes whatever is newest.
    Written,
    /// As `wrap` starts it: at the locked version.
    Wrapped,
}

/// A lock, and what the server lists now.
pub(crate) struct LockComparison {
    pub(crate) target: LockTarget,
    /// The lock, with the text of its file; `None` if there is none, or none that can be used.
    pub(crate) old: Option<(Lock, String)>,
    /// What the server lists now.
    pub(crate) new: Lock,
    facts: Option<PackageFacts>,
    notes: Vec<String>,
}

impl LockComparison {
    /// Starts the server, and compares what it lists with its lock.
    ///
    /// # Errors
    /// Returns an error if the server does not start or list, or cannot be locked.
    pub(crate) fn find(
        target: LockTarget,
        old: Option<(Lock, String)>,
        start: StartAs,
        patience: Duration,
        progress: ShowProgress<'_>,
    ) -> Result<Self, LockCommandError> {
        let locked = old.as_ref().and_then(|(lock, _)| lock.package.as_ref());
        let pinned =
            locked.filter(|_| start == StartAs::Wrapped).and_then(|locked| pin_version(&target.command, locked));
        let command = pinned.as_ref().unwrap_or(&target.command);
        target.check_headers()?;
        let offer = probe::probe_target(
            &ProbeTarget {
                command,
                shown: target.shown_command(),
                spawn_env: target.spawn_env.as_ref(),
                patience,
                apps: AppPages::Read,
            },
            progress,
        )?;
        let facts = find_facts(command, &target.env, FileMoment::After);
        Self::of_offer(target, old, &offer, facts)
    }

    /// Compares what a server listed with its lock.
    ///
    /// # Errors
    /// Returns an error if it cannot be locked.
    pub(crate) fn of_offer(
        target: LockTarget,
        old: Option<(Lock, String)>,
        offer: &ServerOffer,
        facts: Option<PackageFacts>,
    ) -> Result<Self, LockCommandError> {
        let mut new = lock_offer(offer, &target.policy)
            .map_err(|why| LockCommandError::Cannot(target.server.name().clone(), why))?;
        let mut notes: Vec<_> = offer.notes.iter().map(|note| escape_invisible(note)).collect();
        let unfilled = describe_unfilled(&target.unfilled, "its client");
        notes.extend(unfilled.map(|why| format!("it was started although {}", why.replace('\n', ", and "))));
        new.package = facts.as_ref().map(|facts| facts.package.clone());
        if let (Some((old, _)), Some(facts)) = (&old, &facts) {
            notes.extend(keep_unknown(old.package.as_ref(), &mut new, facts));
        }
        Ok(Self { target, old, new, facts, notes })
    }

    /// Returns what changed since the lock, riskiest first; nothing if there is no lock.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.old.as_ref().map(|(old, _)| compare(old, &self.new)).unwrap_or_default()
    }

    /// Whether the server is as its lock says.
    pub(crate) fn is_same(&self) -> bool {
        self.old.as_ref().is_some_and(|(old, _)| *old == self.new)
    }

    /// Returns the lock with what the server lists now of these items; of all if there are none.
    ///
    /// # Errors
    /// Returns an error if the lock and the server both do not have an item of that name.
    pub(crate) fn accept(&self, names: &[String]) -> Result<Lock, LockCommandError> {
        let Some((old, _)) = self.old.as_ref().filter(|_| !names.is_empty()) else { return Ok(self.new.clone()) };
        let mut accepted = old.clone();
        for name in names {
            let has = |kind| old.find(kind, name).is_some() || self.new.find(kind, name).is_some();
            let kinds: Vec<_> = ItemKind::ALL.into_iter().filter(|kind| has(*kind)).collect();
            match (kinds.as_slice(), name.as_str()) {
                ([], "instructions") => accepted.accept_instructions(&self.new),
                ([], "package") => accepted.package.clone_from(&self.new.package),
                ([], _) => return Err(self.describe_unknown(name)),
                (kinds, _) => kinds.iter().for_each(|kind| accepted.accept(*kind, name, &self.new)),
            }
        }
        Ok(accepted)
    }

    fn describe_unknown(&self, name: &str) -> LockCommandError {
        let changes = self.changes();
        let names: Vec<_> = changes.iter().map(|change| subject_name(&change.subject)).collect();
        let near = nearest_word(name, names.iter().copied());
        let near = near.map(|near| format!(" Did you mean {}?", escape_invisible(near))).unwrap_or_default();
        LockCommandError::UnknownItem(format!(
            "Neither {} nor its lock has a tool, prompt, template or app {}.{near} Nothing was written.",
            self.target.server,
            escape_invisible(name)
        ))
    }

    /// Writes the lock beside the policy.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or was written by somebody else meanwhile.
    pub(crate) fn write(&self, lock: &Lock, replaced: Option<&[u8]>) -> Result<(), LockCommandError> {
        Ok(paths::replace_file(&self.target.file, replaced, lock.write().as_bytes())?)
    }
}

/// Keeps what the lock says of the package where nothing else is known of it now, and says so.
fn keep_unknown(old: Option<&LockedPackage>, new: &mut Lock, facts: &PackageFacts) -> Option<String> {
    let (old, now) = (old?, new.package.as_mut()?);
    if (&old.name, &old.registry) != (&now.name, &now.registry) {
        return None;
    }
    let unknown = match (&now.version, &now.integrity) {
        (None, _) if old.version.is_some() => "version",
        (version, None) if *version == old.version && old.integrity.is_some() => "integrity",
        _ => return None,
    };
    now.version.clone_from(&old.version);
    now.integrity.clone_from(&old.integrity);
    let why = facts.gap.as_deref().unwrap_or("nothing on this machine shows it");
    Some(format!("its {unknown} cannot be compared with the lock: {why}"))
}

/// The name of what a change is about: that of the item, or `package` or `instructions`.
pub(crate) fn subject_name(subject: &Subject) -> &str {
    match subject {
        Subject::Package => "package",
        Subject::Instructions => "instructions",
        Subject::Item(_, name) => name,
    }
}

/// A server held against its lock.
#[derive(Debug, Serialize)]
pub(crate) struct LockReport {
    /// What changed since the lock, riskiest first. Of `lock accept`, what was or would be accepted.
    pub(crate) changes: Vec<Change>,
    /// The lock file.
    pub(crate) file: String,
    /// What the policy says about what is not in the lock.
    #[serde(skip)]
    pub(crate) mode: LockMode,
    /// How the package is held, in a phrase; `null` if the command does not show which package it starts.
    pub(crate) held: Option<String>,
    /// What could not be listed or compared, each in a clause.
    pub(crate) notes: Vec<String>,
    /// The package that the command starts.
    pub(crate) package: Option<LockedPackage>,
    /// The changes that are not accepted: of `lock accept` with names, those of other items.
    pub(crate) remaining: usize,
    /// Whether the server is as its lock says. `false` if it has none.
    pub(crate) same: bool,
    /// The server's name.
    pub(crate) server: String,
    /// The number of its tools, prompts, templates and apps.
    pub(crate) totals: LockTotals,
    /// Whether the file was written.
    pub(crate) written: bool,
}

/// The number of items of each kind that the server lists.
#[derive(Debug, Serialize)]
pub(crate) struct LockTotals {
    /// Its MCP Apps.
    pub(crate) apps: usize,
    /// Whether it has instructions.
    pub(crate) instructions: bool,
    /// Its prompts.
    pub(crate) prompts: usize,
    /// Its templates of resources.
    pub(crate) templates: usize,
    /// Its tools.
    pub(crate) tools: usize,
}

impl LockReport {
    /// `changes` are those that the report is about.
    pub(crate) fn new(comparison: &LockComparison, changes: Vec<Change>, written: Written) -> Self {
        let count = |kind| comparison.new.items(kind).len();
        let all = comparison.changes().len();
        Self {
            remaining: all - changes.len().min(all),
            changes,
            file: visible_path(&comparison.target.file),
            held: comparison.facts.as_ref().map(|facts| escape_invisible(&facts.to_string())),
            mode: comparison.target.policy.lock_mode(),
            notes: comparison.notes.clone(),
            package: comparison.new.package.clone(),
            same: comparison.is_same(),
            server: comparison.target.server.name().as_str().to_owned(),
            totals: LockTotals {
                apps: count(ItemKind::App).max(count(ItemKind::AppPage)),
                instructions: comparison.new.instructions().is_some(),
                prompts: count(ItemKind::Prompt),
                templates: count(ItemKind::Template),
                tools: count(ItemKind::Tool),
            },
            written: written == Written::Yes,
        }
    }
}

/// Whether a lock was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Yes,
    No,
}

/// Reads the lock of a server.
///
/// # Errors
/// Returns an error if it was written by a newer version, which knows more of it.
pub(crate) fn read_target_lock(target: &LockTarget) -> Result<OldLock, LockCommandError> {
    match paths::read_lock(&target.file, target.server.name()) {
        Ok(Some((lock, text))) => Ok(OldLock::Found(lock, text)),
        Ok(None) => Ok(OldLock::None),
        Err(error @ LockFileError::Invalid(_, LockError::Version(_))) => Err(error.into()),
        Err(error) => Ok(OldLock::Unusable(error)),
    }
}

/// What is in the place of a lock.
pub(crate) enum OldLock {
    None,
    Found(Lock, String),
    /// Something that is no lock of this server.
    Unusable(LockFileError),
}
