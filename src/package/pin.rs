//! Starts a package at a locked version: `npx -y NAME` becomes `npx -y NAME@VERSION`.

use std::ffi::OsString;

use super::is_exact;
use crate::lock::LockedPackage;
use crate::policy::server::{Started, What, find_started};
use crate::risk::Registry;

/// The runners that take a version behind the name of the package.
const RUNNERS: &[&str] =
    &["npx", "npm exec", "npm x", "pnpx", "pnpm dlx", "yarn dlx", "bunx", "bun x", "deno run", "uvx"];

/// Returns the command with the locked version of its package, if the command leaves it open which version runs; `None` if it
/// does not, or if its words do not tell where the version belongs.
///
/// The command is read again with the version: it has to start the same package in the same way.
pub(crate) fn pin_version(command: &[OsString], locked: &LockedPackage) -> Option<Vec<OsString>> {
    let started = find_started(command)?;
    let What::Package { registry, name, version: None, runner, .. } = started.what() else { return None };
    let version = locked.version.as_deref().filter(|version| is_exact(*registry, version))?;
    let is_locked = match registry {
        Registry::Npm => locked.registry == "npm" && locked.name == *name,
        Registry::Pypi => locked.registry == "pypi" && same_project(&locked.name, name),
        _ => false,
    };
    if !is_locked || !RUNNERS.contains(&runner.as_str()) || started.doubt().is_some() {
        return None;
    }
    (0..command.len()).find_map(|at| {
        let word = command.get(at)?.to_str().filter(|word| word.contains(name.as_str()))?;
        let open = word.strip_suffix("@latest").unwrap_or(word);
        let is_requirement = word.starts_with("--from=") || (at > 0 && command.get(at - 1)?.to_str() == Some("--from"));
        let mark = if is_requirement { "==" } else { "@" };
        let mut pinned = command.to_vec();
        *pinned.get_mut(at)? = format!("{open}{mark}{version}").into();
        find_started(&pinned).filter(|pinned| is_same_start(pinned, &started, version)).map(|_| pinned)
    })
}

fn same_project(one: &str, other: &str) -> bool {
    super::pypi::normalize_name(one) == super::pypi::normalize_name(other)
}

/// Whether both start the same program of the same package in the same way, the first one at this version.
fn is_same_start(pinned: &Started, open: &Started, version: &str) -> bool {
    let parts = |started: &Started| match started.what() {
        What::Package { registry, name, version, runner, .. } => {
            Some((*registry, name.clone(), version.clone(), runner.clone()))
        }
        _ => None,
    };
    let (Some(pinned_parts), Some((registry, name, _, runner))) = (parts(pinned), parts(open)) else { return false };
    let way = |started: &Started| (started.program().map(str::to_owned), started.doubt(), started.launcher());
    pinned_parts == (registry, name, Some(version.to_owned()), runner) && way(pinned) == way(open)
}
