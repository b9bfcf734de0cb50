//! Live reload: a saved policy, or lock, takes effect for the next call. One that is not valid is reported, and the last
//! valid one stays in force.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::outbox::{Outbox, ServerRoute};
use super::shared_session::SharedSession;
use crate::audit::PolicyText;
use crate::limits::{MAX_LINKS, RELOAD_POLL, RELOAD_SETTLE};
use crate::paths::{Current, LoadedPolicy, PolicyError};
use crate::policy::Colour;
use crate::record::Digest;
use crate::wire::frame::Framer;

/// Where the policy of a session comes from.
pub struct Reload {
    /// All files that can be the policy.
    pub files: Vec<PathBuf>,
    /// Loads the policy if those files have changed.
    pub look: Box<dyn FnMut() -> Result<Current, PolicyError> + Send>,
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Starts the thread that watches the policy. It ends with the process.
pub(super) fn spawn_watch(mut reload: Reload, session: Arc<SharedSession>) -> io::Result<()> {
    thread::Builder::new().name("policy".to_owned()).spawn(move || {
        let mut outbox = Outbox::new(session, ServerRoute::Queue);
        let mut directories = WatchedDirectories::new();
        let mut reported = None;
        loop {
            // The watch starts before the check, so that one of them sees a change in between.
            directories.update_watches(&reload.files);
            check_policy(&mut reload, &mut outbox, &mut reported);
            directories.wait_for_change();
        }
    })?;
    Ok(())
}

/// Checks the files once, and reports each problem once.
fn check_policy(reload: &mut Reload, outbox: &mut Outbox, reported: &mut Option<String>) {
    let problem = match (reload.look)() {
        Ok(Current::Changed(loaded, lock)) => {
            put_in_force(*loaded, lock, New::Policy, outbox);
            None
        }
        Ok(Current::Relocked(loaded, lock)) => {
            put_in_force(*loaded, Some(lock), New::Lock, outbox);
            None
        }
        Ok(Current::Unchanged) => None,
        Ok(Current::Gone) => Some("The policy file is gone.".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    match &problem {
        Some(problem) if reported.as_ref() != Some(problem) => {
            for line in problem.lines() {
                tracing::warn!("{line}");
            }
            tracing::warn!("the policy that was in force stays in force");
        }
        None if reported.is_some() => tracing::info!("the policy file and the lock are valid again"),
        _ => {}
    }
    *reported = problem;
}

/// What was found to be new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum New {
    Policy,
    Lock,
}

/// Puts a policy in force; `lock` is the digest of the lock that it holds sessions to.
fn put_in_force(loaded: LoadedPolicy, lock: Option<Digest>, new: New, outbox: &mut Outbox) {
    let summary = loaded.policy.summarize().to_string();
    let warnings = loaded.render_warnings(Colour::Plain);
    let text = loaded.source.as_ref().map(PolicyText::of_source);
    let digest = text.as_ref().map(PolicyText::digest);
    if let (Some(log), Some(text)) = (outbox.log(), text) {
        log.add_policy(text);
    }
    outbox.decide_without_line(|engine, now, actions| {
        engine.record_reload(digest, lock, now, actions);
        engine.replace_policy(Arc::new(loaded.policy), actions);
    });
    match new {
        New::Lock => tracing::info!("a new lock is in force, and the server's lists are held against it"),
        New::Policy => tracing::info!("a new policy is in force: {summary}"),
    }
    // With another lock, the policy is the same, and its warnings have been said.
    for line in warnings.lines().filter(|_| new == New::Policy) {
        tracing::warn!("{line}");
    }
    let no_lines = Framer::new(0);
    // A client that does not read must not hold up the record.
    outbox.hand_over(&no_lines);
    // A client that is gone ends the session elsewhere.
    let _ = outbox.deliver_all(&no_lines);
}

/// The directories in which a change may affect the policy.
struct WatchedDirectories {
    /// `None` if the system cannot watch: then the files are only polled.
    watcher: Option<RecommendedWatcher>,
    changes: Receiver<()>,
    watched: BTreeSet<PathBuf>,
}

impl WatchedDirectories {
    fn new() -> Self {
        // One waiting change is enough for all that follow it.
        let (send, changes) = sync_channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own checks open and close the file.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = send.try_send(());
            }
        });
        Self { watcher: watcher.ok(), changes, watched: BTreeSet::new() }
    }

    /// Watches the directories of these files as they are now: a link on the path may have changed.
    fn update_watches(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<_> = files.iter().flat_map(|file| list_directories(file)).collect();
        // FSEvents follows paths, and restarts its one stream for each watch that is added or removed, so only
        // differences are applied. A link that has changed then leads to another path.
        #[cfg(target_os = "macos")]
        let wanted: BTreeSet<_> = wanted.into_iter().filter_map(|directory| directory.canonicalize().ok()).collect();
        for gone in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        // A watch follows the directory, not its path, so a directory that was replaced under the same name needs a new
        // one.
        self.watched = wanted
            .into_iter()
            .filter(|directory| {
                if cfg!(target_os = "macos") && self.watched.contains(directory) {
                    return true;
                }
                let _ = watcher.unwatch(directory);
                watcher.watch(directory, RecursiveMode::NonRecursive).is_ok()
            })
            .collect();
    }

    /// Waits for a change and until it has settled, at most for the interval of polling: not every file system reports
    /// changes.
    fn wait_for_change(&self) {
        match self.changes.recv_timeout(RELOAD_POLL) {
            Ok(()) => {
                tracing::debug!("the system reports a change");
                thread::sleep(RELOAD_SETTLE);
                if self.changes.try_recv().is_ok() {
                    tracing::debug!("the system reports a change");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(RELOAD_POLL),
        }
    }
}

/// Returns the directory of a file, those of the links on its path, and those of the links' targets.
fn list_directories(file: &Path) -> BTreeSet<PathBuf> {
    let mut directories = BTreeSet::new();
    let mut paths = vec![std::path::absolute(file).unwrap_or_else(|_| file.to_owned())];
    for _ in 0..MAX_LINKS {
        let Some(path) = paths.pop() else { break };
        directories.extend(path.parent().map(Path::to_owned));
        for link in path.ancestors() {
            let (Ok(target), Some(parent)) = (fs::read_link(link), link.parent()) else { continue };
            directories.insert(parent.to_owned());
            let rest = path.strip_prefix(link).unwrap_or(Path::new(""));
            // Joining an empty path would add a slash that the path of a file does not have.
            let target = parent.join(target);
            paths.push(if rest.as_os_str().is_empty() { target } else { target.join(rest) });
        }
    }
    directories
}
