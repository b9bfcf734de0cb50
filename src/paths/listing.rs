//! What is in the folder of the policies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{PolicyError, configuration_folder};
use crate::env::Env;
use crate::policy::{Format, ServerName};

/// What is in the folder of the policies.
#[derive(Debug, Default)]
pub struct Listing {
    /// The folder. It need not exist.
    pub folder: PathBuf,
    /// The servers that have a policy there, in the order of their names.
    pub servers: Vec<ServerName>,
    /// The tests of policies, each `NAME.test.ENDING`, in the order of their names.
    pub tests: Vec<PathBuf>,
}

/// Lists the folder of the policies, `policies` in the configuration folder.
///
/// # Errors
/// Where the configuration folder cannot be found or looked into.
pub fn list_policies(env: &Env) -> Result<Listing, PolicyError> {
    let mut listing = Listing { folder: configuration_folder(env)?.join("policies"), ..Listing::default() };
    let folder = listing.folder.clone();
    let failed = |error| PolicyError::Unreadable { path: folder.clone(), error };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(listing);
        }
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
            if stem_of_tested(&path).is_some() {
                listing.tests.push(path);
            }
        } else if let Ok(server) = ServerName::parse(&stem) {
            listing.servers.push(server);
        }
    }
    listing.servers.sort();
    listing.servers.dedup();
    listing.tests.sort();
    Ok(listing)
}

/// The stem of the policy that a test file is named after: `iterable` of `iterable.test.toml`.
pub fn stem_of_tested(file: &Path) -> Option<&str> {
    file.file_stem()?.to_str()?.strip_suffix(".test").filter(|stem| !stem.is_empty())
}
