//! The lock of a server, and whether the package that would start is the locked one.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::env::Env;
use crate::lock::LockedPackage;
use crate::package::{HeldStart, hold_package};
use crate::paths::{self, LockFileError};
use crate::policy::{LockMode, ServerName};
use crate::visible::{escape_invisible, visible_path};

/// A lock, and what it makes of a start.
#[derive(Debug, Serialize)]
pub(crate) struct LockStatus {
    /// The lock file.
    pub(crate) file: String,
    /// The day on which it was written last; `null` if the system does not say.
    pub(crate) day: Option<String>,
    /// What the policy says of it.
    pub(crate) mode: LockMode,
    /// The locked package; `null` if it has none.
    pub(crate) package: Option<LockedPackage>,
    /// How the package that would start is held, in a phrase.
    pub(crate) held: Option<String>,
    /// How what would start differs from the locked package, in a clause; `null` if it does not, or is not known to.
    pub(crate) mismatch: Option<String>,
}

impl LockStatus {
    /// Reads the lock of a server, and compares its package with what a command would start; `None` if there is no lock, or if
    /// the policy says that it is not read.
    ///
    /// # Errors
    /// Returns an error if the lock cannot be used.
    pub(crate) fn find(
        file: &Path,
        server: &ServerName,
        (command, env): (&[OsString], &Env),
        mode: LockMode,
    ) -> Result<Option<Self>, LockFileError> {
        if mode == LockMode::Off {
            return Ok(None);
        }
        let Some((lock, _)) = paths::read_lock(file, server)? else { return Ok(None) };
        let start = lock.package.as_ref().map(|locked| hold_package(command, locked, env)).transpose();
        let (held, mismatch) = match start {
            Ok(start) => (start.map(|HeldStart { facts, .. }| escape_invisible(&facts.to_string())), None),
            Err(mismatch) => (None, Some(mismatch.to_string())),
        };
        let written = fs::metadata(file).and_then(|found| found.modified()).ok();
        let day = written.and_then(|written| Timestamp::try_from(written).ok());
        Ok(Some(Self {
            file: visible_path(file),
            day: day.map(|day| day.to_zoned(TimeZone::system()).date().to_string()),
            mode,
            package: lock.package,
            held,
            mismatch,
        }))
    }
}

/// `locked 2026-11-28: @iterable/mcp 1.9.0 from npm, held by its integrity`
impl fmt::Display for LockStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("locked")?;
        self.day.as_ref().map_or(Ok(()), |day| write!(f, " {day}"))?;
        match (&self.mismatch, &self.held) {
            (Some(mismatch), _) if self.mode == LockMode::Warn => write!(f, ", and started all the same: {mismatch}"),
            (Some(mismatch), _) => write!(f, ", and not started: {mismatch}"),
            (None, Some(held)) => write!(f, ": {held}"),
            (None, None) => f.write_str(", without a package"),
        }
    }
}
