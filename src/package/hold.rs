//! Holds the package that a command starts to the one that was locked.

use std::ffi::OsString;

use super::{FileMoment, PackageFacts, describe_package, find_facts, pin_version};
use crate::env::Env;
use crate::limits::MAX_QUOTED;
use crate::lock::LockedPackage;
use crate::visible::{escape_invisible, shorten};

/// A start that is held to a lock.
#[derive(Debug)]
pub(crate) struct HeldStart {
    /// The command, at the locked version if its words leave the version open.
    pub(crate) command: Vec<OsString>,
    /// What was done, or what cannot be held, in a sentence each.
    pub(crate) notes: Vec<String>,
    /// What is known of the package before the start.
    pub(crate) facts: PackageFacts,
}

/// What would start is not what was locked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PackageMismatch {
    #[error("it has {0}, and the command starts {1}")]
    Other(String, String),
    #[error("it has {0}, and the command does not show which package it starts")]
    Unknown(String),
    #[error("it has {0}, and version {1} would start")]
    Version(String, String),
    #[error("it has {0} with the integrity {1}, and what is installed as that version has {2}")]
    Content(String, String, String),
}

/// Returns the command as it is started under a lock.
///
/// # Errors
/// Returns an error if the launcher's files tell that another package, version or content would start.
pub(crate) fn hold_package(
    command: &[OsString],
    locked: &LockedPackage,
    env: &Env,
) -> Result<HeldStart, PackageMismatch> {
    let mut notes = Vec::new();
    let pinned = pin_version(command, locked);
    if pinned.is_some() {
        notes.push(format!("it is started at its locked version: {}", show(&describe_package(locked))));
    }
    let command = pinned.unwrap_or_else(|| command.to_vec());
    let facts = check_package(&command, locked, env, &mut notes)?;
    Ok(HeldStart { command, notes, facts })
}

/// Compares what a command would start, as it is written, with the locked package. Adds to `notes` what cannot be compared.
///
/// # Errors
/// As [`hold_package`].
pub(crate) fn check_package(
    command: &[OsString],
    locked: &LockedPackage,
    env: &Env,
    notes: &mut Vec<String>,
) -> Result<PackageFacts, PackageMismatch> {
    let Some(facts) = find_facts(command, env, FileMoment::Before) else {
        return Err(PackageMismatch::Unknown(show(&describe_package(locked))));
    };
    compare_facts(locked, &facts)?;
    notes.extend(describe_unheld(locked, &facts));
    Ok(facts)
}

/// Compares what is known of a package with what was locked; what is not known is no difference.
fn compare_facts(locked: &LockedPackage, facts: &PackageFacts) -> Result<(), PackageMismatch> {
    let (found, what) = (&facts.package, show(&describe_package(locked)));
    if (&found.registry, &found.name) != (&locked.registry, &locked.name) {
        return Err(PackageMismatch::Other(what, show(&describe_package(found))));
    }
    match (&locked.version, &found.version) {
        (Some(locked), Some(found)) if locked != found => return Err(PackageMismatch::Version(what, show(found))),
        (Some(_), None) | (None, _) | (Some(_), Some(_)) => {}
    }
    match (&locked.integrity, &found.integrity) {
        (Some(locked), Some(found)) if locked != found && is_comparable(locked, found) => {
            Err(PackageMismatch::Content(what, show(locked), show(found)))
        }
        _ => Ok(()),
    }
}

/// Whether both are digests of the same thing: a wheel and what was installed of it are two.
fn is_comparable(one: &str, other: &str) -> bool {
    let algorithm = |text: &str| text.split([':', '-']).next().map(str::to_owned);
    algorithm(one) == algorithm(other)
}

/// Says what of the lock cannot be held before this start, if anything.
fn describe_unheld(locked: &LockedPackage, facts: &PackageFacts) -> Option<String> {
    let why = facts.gap.as_deref().unwrap_or("nothing on this machine shows it");
    let what = match (&locked.version, &locked.integrity) {
        (Some(_), _) if facts.package.version.is_none() => "version",
        (_, Some(integrity)) => match &facts.package.integrity {
            Some(found) if is_comparable(integrity, found) => return None,
            _ => "integrity",
        },
        _ => return None,
    };
    Some(format!("its {what} is not held to the lock this time: {}", show(why)))
}

fn show(text: &str) -> String {
    escape_invisible(&shorten(text, 3 * MAX_QUOTED))
}
