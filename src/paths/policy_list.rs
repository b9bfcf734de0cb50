//! Lists the directory of policies.

use std::fs;
use std::path::{Path, PathBuf};

use super::{PolicyError, TextError, check_is_directory, configuration_dir, read_policy};
use crate::env::Env;
use crate::policy::{Format, ServerName};
use crate::state::file::is_missing;

/// The contents of the directory of policies.
#[derive(Debug, Default)]
pub struct PolicyList {
    /// The directory. It need not exist.
    pub dir: PathBuf,
    /// The servers that have a policy there, by name.
    pub servers: Vec<ServerName>,
    /// The tests of policies, each `NAME.test.ENDING`, by name.
    pub tests: Vec<PathBuf>,
    /// The servers that have a lock there, each `NAME.lock.json`.
    pub locks: Vec<ServerName>,
}

/// Lists the directory of policies, `policies` in the configuration directory.
///
/// # Errors
/// Returns an error if the configuration directory cannot be found or looked into.
pub fn list_policies(env: &Env) -> Result<PolicyList, PolicyError> {
    let mut listing = PolicyList { dir: configuration_dir(env)?.join("policies"), ..PolicyList::default() };
    let dir = listing.dir.clone();
    check_is_directory(&dir)?;
    let failed = |error| PolicyError::Unreadable(dir.clone(), TextError::Failed(error));
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(listing),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        if Format::from_ending(&ending).is_none() {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem.ends_with(".test") {
            if tested_policy_stem(&path).is_some() {
                listing.tests.push(path);
            }
        } else if let Some(locked) = stem.strip_suffix(".lock").filter(|_| ending == "json") {
            listing.locks.extend(ServerName::parse(locked).ok());
        } else if let Ok(server) = ServerName::parse(&stem) {
            listing.servers.push(server);
        }
    }
    listing.servers.sort();
    listing.servers.dedup();
    listing.tests.sort();
    Ok(listing)
}

/// Whether a policy of the directory may ask where values come from, by the words that it would have to use.
pub fn may_ask_for_origins(env: &Env) -> bool {
    const WORDS: [&str; 2] = ["came_from", "session."];
    let Ok(entries) = configuration_dir(env).and_then(|dir| {
        let dir = dir.join("policies");
        fs::read_dir(&dir).map_err(|error| PolicyError::Unreadable(dir, TextError::Failed(error)))
    }) else {
        return false;
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut policies = paths.filter(|path| {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        Format::from_ending(&ending).is_some() && tested_policy_stem(path).is_none()
    });
    policies.any(|path| {
        let source = read_policy(&path);
        source.is_ok_and(|source| WORDS.iter().any(|word| source.text().contains(word)))
    })
}

/// Returns the stem of the policy that a test file is named after: `iterable` for `iterable.test.toml`.
pub fn tested_policy_stem(file: &Path) -> Option<&str> {
    file.file_stem()?.to_str()?.strip_suffix(".test").filter(|stem| !stem.is_empty())
}
