//! What a session runs under: its policy, held to the lock of its server, and whether either has changed since.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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

/// How old a file's last change has to be for its times to tell of the next one: some file systems count in steps of two seconds.
const SETTLED: Duration = Duration::from_secs(5);

/// What was loaded last, to tell whether it has changed.
#[derive(Debug)]
pub struct InForce {
    source: Option<Source>,
    mode: LockMode,
    lock: Option<Digest>,
    /// The lock's file as it was when it was read last, if a change shows in that: then it need not be read.
    stamp: Option<FileStamp>,
}

/// What changes when a file does.
#[derive(Debug, PartialEq, Eq)]
struct FileStamp {
    path: PathBuf,
    len: u64,
    modified: SystemTime,
    /// Of Unix: the inode, and when anything about it was changed.
    inode: (u64, i64, i64),
}

impl FileStamp {
    /// Returns the stamp of a file; `None` if a change could leave it as it is.
    fn of(path: &Path) -> Option<Self> {
        let found = path.metadata().ok()?;
        let modified = found.modified().ok()?;
        let age = SystemTime::now().duration_since(modified).ok()?;
        let stamp = Self { path: path.to_owned(), len: found.len(), modified, inode: inode_of(&found) };
        (age >= SETTLED).then_some(stamp)
    }
}

#[cfg(unix)]
fn inode_of(found: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (found.ino(), found.ctime(), found.ctime_nsec())
}

#[cfg(not(unix))]
fn inode_of(_: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

impl InForce {
    /// Remembers what is in force.
    pub fn new(session: &LoadedSession) -> Self {
        let LoadedSession { loaded, lock } = session;
        let lock = lock.as_ref().map(|lock| lock.digest);
        Self { source: loaded.source.clone(), mode: loaded.policy.lock_mode(), lock, stamp: None }
    }
}

/// The policy that is found now, compared with the policy in force.
#[derive(Debug)]
#[must_use]
pub enum Current {
    /// The policy and the lock are the same as before.
    Unchanged,
    /// Another policy, which is valid, held to the lock with this digest.
    Changed(Box<LoadedPolicy>, Option<Digest>),
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
            // Taken before the file is read, so that no later change is missed.
            let stamp = FileStamp::of(&self.lock_path()?);
            if stamp.is_some() && stamp == in_force.stamp {
                return Ok(Current::Unchanged);
            }
            let found = self.read_lock(in_force.mode)?.map(|(_, text)| Digest::of_text(text.as_bytes()));
            if found == in_force.lock {
                in_force.stamp = stamp;
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
            None => Current::Changed(Box::new(session.loaded), in_force.lock),
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
                let package = lock.package.clone();
                let mut agreed = LockedDigests::from(&lock);
                if mode == LockMode::Ask {
                    agreed = agreed.with_definitions(Arc::new(lock));
                }
                policy = policy.with_lock(Arc::new(agreed));
                Some(SessionLock { path, package, digest: Digest::of_text(text.as_bytes()) })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::lock::{ItemKind, Lock};
    use crate::policy::ServerName;

    #[test]
    fn a_lock_is_read_again_if_its_file_has_changed_in_any_way() {
        let dir = tempfile::tempdir().unwrap();
        let (named, lock) = (dir.path().join("policy.json"), dir.path().join("stub.lock.json"));
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let write = |text: &str, modified| {
            let mut written = Lock::new("stub");
            written.insert(ItemKind::Tool, &format!(r#"{{"name":"t","description":"{text}"}}"#), None).unwrap();
            fs::write(&lock, written.write()).unwrap();
            fs::File::options().write(true).open(&lock).unwrap().set_modified(modified).unwrap();
        };
        fs::write(&named, r#"{"version":"1","default":"allow"}"#).unwrap();
        write("one", hour_ago);
        let env = Env::new(Vec::<(String, String)>::new(), dir.path().to_owned());
        let server = Server::by_name(&ServerName::parse("stub").unwrap());
        let place = SessionPlace { named: Some(named), server, settings: Settings::default(), env };
        let mut in_force = InForce::new(&place.load().unwrap());
        // A file system's clock may stand still for a moment, so each change has a time of its own.
        let mut texts = ["two", "six", "ten"].into_iter().zip(1..);
        for _ in 0..3 {
            for _ in 0..3 {
                assert!(matches!(place.reload(&mut in_force), Ok(Current::Unchanged)));
            }
            assert!(in_force.stamp.is_some(), "it need not be read again");
            let (text, minutes) = texts.next().unwrap();
            write(text, hour_ago + Duration::from_secs(60 * minutes));
            assert!(matches!(place.reload(&mut in_force), Ok(Current::Relocked(..))), "{text}");
        }
        // One that was changed a moment ago may be changed again without a sign.
        write("one", SystemTime::now() + Duration::from_secs(60));
        assert!(matches!(place.reload(&mut in_force), Ok(Current::Relocked(..))));
        assert!(matches!(place.reload(&mut in_force), Ok(Current::Unchanged)) && in_force.stamp.is_none());
    }
}
