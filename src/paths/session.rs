//! What a session runs under: its policy, held to the lock of its server, and whether either has changed since.

use std::path::PathBuf;
use std::sync::Arc;

use super::lock::{parse_lock, read_lock_text};
use super::{LoadedPolicy, PolicyError, check_bridge, find_policy, load_document, lock_path, read_policy};
use crate::env::Env;
use crate::lock::{LockedDigests, LockedPackage};
use crate::policy::{self, LockMode, Server, Source};
use crate::record::Digest;
use crate::settings::Settings;

/// Where the policy of a session is searched for.
#[derive(Debug)]
pub struct SessionPlace {
    /// The file given on the command line.
    pub named: Option<PathBuf>,
    /// The server.
    pub server: Server,
    /// Where config.toml says that policies are.
    pub settings: Settings,
    /// The environment.
    pub env: Env,
}

/// The policy of a session, held to the lock of its server.
#[derive(Debug)]
#[must_use]
pub struct LoadedSession {
    /// The policy.
    pub loaded: LoadedPolicy,
    /// `None` if there is none, or if the policy says that it is not read.
    pub lock: Option<SessionLock>,
}

/// The lock of a session.
#[derive(Debug)]
pub struct SessionLock {
    /// Its file.
    pub path: PathBuf,
    /// The package that was agreed to.
    pub package: Option<LockedPackage>,
    /// The digest of the file.
    pub digest: Digest,
}

/// What was loaded last, to tell whether it has changed.
#[derive(Debug)]
pub struct InForce {
    source: Option<Source>,
    mode: LockMode,
    lock: Option<Digest>,
}

impl InForce {
    /// Remembers what is in force.
    pub fn new(session: &LoadedSession) -> Self {
        let LoadedSession { loaded, lock } = session;
        let lock = lock.as_ref().map(|lock| lock.digest);
        Self { source: loaded.source.clone(), mode: loaded.policy.lock_mode(), lock }
    }
}

/// The policy that is found now, compared with the policy in force.
#[derive(Debug)]
#[must_use]
pub enum Current {
    /// The policy and the lock are the same as before.
    Unchanged,
    /// Another policy, which is valid.
    Changed(Box<LoadedPolicy>),
    /// The same policy, held to another lock with this digest.
    Relocked(Box<LoadedPolicy>, Digest),
    /// There was a policy file, and now there is none.
    Gone,
}

impl SessionPlace {
    /// Finds, reads and loads the policy in force and the lock beside it.
    ///
    /// # Errors
    /// Returns an error if a policy or a lock is named or found and cannot be used, or if the policy demands a lock and there
    /// is none. There is no falling back.
    pub fn load(&self) -> Result<LoadedSession, PolicyError> {
        let source = self.read_source()?;
        if source.is_none() {
            check_bridge(&self.server, &self.settings, &self.env)?;
        }
        self.load_with_lock(source)
    }

    /// Searches again where [`load`](Self::load) searched. `in_force` is what was loaded last; this replaces it with what is
    /// loaded now.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if the lock in force is gone.
    pub fn reload(&self, in_force: &mut InForce) -> Result<Current, PolicyError> {
        let source = self.read_source()?;
        let is_same = match (&in_force.source, &source) {
            (Some(_), None) => return Ok(Current::Gone),
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(old), Some(new)) => old.name() == new.name() && old.text() == new.text(),
        };
        if is_same {
            let found = self.read_lock(in_force.mode)?.map(|(_, text)| Digest::of_text(text.as_bytes()));
            if found == in_force.lock {
                return Ok(Current::Unchanged);
            }
        }
        let session = self.load_with_lock(source)?;
        let mode = session.loaded.policy.lock_mode();
        if in_force.lock.is_some() && session.lock.is_none() && mode != LockMode::Off {
            // Whoever removes it does not free the server from it.
            return Err(PolicyError::LockGone(self.lock_path()?));
        }
        let (old, new) = (in_force.lock, InForce::new(&session));
        *in_force = new;
        Ok(match in_force.lock.filter(|lock| is_same && Some(*lock) != old) {
            Some(lock) => Current::Relocked(Box::new(session.loaded), lock),
            None => Current::Changed(Box::new(session.loaded)),
        })
    }

    /// Returns every file that can be the lock.
    pub fn lock_files(&self) -> Vec<PathBuf> {
        let policies = super::policy_files(self.named.as_deref(), self.server.name(), &self.settings, &self.env);
        let mut files: Vec<_> =
            policies.iter().map(|policy| policy.with_file_name(super::lock::file_name(self.server.name()))).collect();
        files.dedup();
        files
    }

    fn read_source(&self) -> Result<Option<Source>, PolicyError> {
        let found = find_policy(self.named.as_deref(), self.server.name(), &self.settings, &self.env)?;
        found.as_deref().map(read_policy).transpose()
    }

    fn load_with_lock(&self, source: Option<Source>) -> Result<LoadedSession, PolicyError> {
        let LoadedPolicy { mut policy, source, warnings } = match source {
            Some(source) => load_document(source, &self.server)?,
            None => LoadedPolicy { policy: policy::builtin_policy(&self.server), source: None, warnings: Vec::new() },
        };
        let mode = policy.lock_mode();
        let lock = match self.read_lock(mode)? {
            None if mode == LockMode::Required => {
                return Err(PolicyError::NoLock(self.lock_path()?, self.server.name().clone()));
            }
            None => None,
            Some((path, text)) => {
                let lock = parse_lock(&path, &text, self.server.name())?;
                policy = policy.with_lock(Arc::new(LockedDigests::from(&lock)));
                Some(SessionLock { path, package: lock.package, digest: Digest::of_text(text.as_bytes()) })
            }
        };
        Ok(LoadedSession { loaded: LoadedPolicy { policy, source, warnings }, lock })
    }

    fn read_lock(&self, mode: LockMode) -> Result<Option<(PathBuf, String)>, PolicyError> {
        if mode == LockMode::Off {
            return Ok(None);
        }
        let path = self.lock_path()?;
        let text = read_lock_text(&path)?;
        Ok(text.map(|text| (path, text)))
    }

    fn lock_path(&self) -> Result<PathBuf, PolicyError> {
        lock_path(self.named.as_deref(), self.server.name(), &self.settings, &self.env)
    }
}
