//! Live reload: a saved policy takes effect for the next call. What cannot be put in force leaves the last good policy
//! where it is, and says so.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::link::{Link, lock};
use crate::engine::Action;
use crate::limits::{MAX_LINKS, RELOAD_POLL, RELOAD_SETTLE};
use crate::paths::{Current, LoadedPolicy, PolicyError};
use crate::policy::Colour;

/// Where the policy of a session comes from.
pub struct Reload {
    /// Every file that could be the policy.
    pub files: Vec<PathBuf>,
    /// What those files say now.
    pub look: Box<dyn FnMut() -> Result<Current, PolicyError> + Send>,
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Watches on a thread, until the process ends.
pub(super) fn watch(mut reload: Reload, link: Arc<Link>) -> io::Result<()> {
    thread::Builder::new().name("policy".to_owned()).spawn(move || {
        let mut folders = Folders::new();
        let mut said = None;
        loop {
            // First the watch, then the look: a change in between is seen by one of them.
            folders.watch(&reload.files);
            take(&mut reload, &link, &mut said);
            folders.wait();
        }
    })?;
    Ok(())
}

/// Looks once, and says each thing once.
fn take(reload: &mut Reload, link: &Link, said: &mut Option<String>) {
    let problem = match (reload.look)() {
        Ok(Current::Changed(loaded)) => {
            put_in_force(*loaded, link);
            None
        }
        Ok(Current::Unchanged) => None,
        Ok(Current::Gone) => Some("The policy file is gone.".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    match &problem {
        Some(problem) if said.as_ref() != Some(problem) => {
            for line in problem.lines() {
                tracing::warn!("{line}");
            }
            tracing::warn!("the policy that was in force stays in force");
        }
        None if said.is_some() => tracing::info!("the policy file is good again"),
        _ => {}
    }
    *said = problem;
}

fn put_in_force(loaded: LoadedPolicy, link: &Link) {
    let summary = loaded.policy.summary().to_string();
    let warnings = loaded.render_warnings(Colour::Plain);
    let mut actions = Vec::new();
    lock(&link.engine).replace_policy(Arc::new(loaded.policy), &mut actions);
    tracing::info!("a new policy is in force: {summary}");
    for line in warnings.lines() {
        tracing::warn!("{line}");
    }
    for action in actions {
        if let Action::Replace(line) = action {
            // A client that is gone ends the session elsewhere.
            let _ = link.client.write(&[&line]);
        }
    }
}

/// The folders in which a change may be one of the policy.
struct Folders {
    /// `None` where the system cannot watch: then only time tells.
    watcher: Option<RecommendedWatcher>,
    changes: Receiver<()>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    fn new() -> Self {
        // One waiting change stands for all that follow it.
        let (send, changes) = sync_channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own looks open and close the file.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = send.try_send(());
            }
        });
        Self { watcher: watcher.ok(), changes, watched: BTreeSet::new() }
    }

    /// Watches the folders of these files as they are now: a link on the way may lead elsewhere than before.
    fn watch(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<_> = files.iter().flat_map(|file| folders_of(file)).collect();
        // FSEvents follows paths, and each watch that is put up or taken down starts its one stream anew: only what has
        // changed is worth that. A link that leads elsewhere than before is another path then.
        #[cfg(target_os = "macos")]
        let wanted: BTreeSet<_> = wanted.into_iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        for gone in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        // A watch follows the folder, not its path, so what was replaced under the same name is watched anew.
        self.watched = wanted
            .into_iter()
            .filter(|folder| {
                if cfg!(target_os = "macos") && self.watched.contains(folder) {
                    return true;
                }
                let _ = watcher.unwatch(folder);
                watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
            })
            .collect();
    }

    /// Waits for a change and until it has settled, or for the time of a look without one: not every file system tells.
    fn wait(&self) {
        match self.changes.recv_timeout(RELOAD_POLL) {
            Ok(()) => {
                thread::sleep(RELOAD_SETTLE);
                let _ = self.changes.try_recv();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(RELOAD_POLL),
        }
    }
}

/// The folder of a file, that of each link on the way to it, and those of what the links lead to.
fn folders_of(file: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut paths = vec![std::path::absolute(file).unwrap_or_else(|_| file.to_owned())];
    for _ in 0..MAX_LINKS {
        let Some(path) = paths.pop() else { break };
        folders.extend(path.parent().map(Path::to_owned));
        for link in path.ancestors() {
            let (Ok(target), Some(parent)) = (fs::read_link(link), link.parent()) else { continue };
            folders.insert(parent.to_owned());
            let rest = path.strip_prefix(link).unwrap_or(Path::new(""));
            // Joining an empty path would add a slash that a file does not have.
            let target = parent.join(target);
            paths.push(if rest.as_os_str().is_empty() { target } else { target.join(rest) });
        }
    }
    folders
}
