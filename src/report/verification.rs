//! Whether the log is intact.

use std::path::Path;

use serde::Serialize;

use super::log_records::{LogError, LogRecords};
use crate::audit::verify::{self, verify_log};
use crate::policy::ServerName;

/// Whether logs are intact.
#[derive(Debug, Serialize)]
pub(crate) struct VerificationReport {
    /// Whether all of them are intact.
    pub(crate) whole: bool,
    /// Each log, by server.
    pub(crate) servers: Vec<ServerVerification>,
}

/// Whether the log of one server is intact.
#[derive(Debug, Serialize)]
pub(crate) struct ServerVerification {
    /// The server.
    pub(crate) server: String,
    /// Whether the log is intact.
    pub(crate) whole: bool,
    /// What was found.
    #[serde(flatten)]
    pub(crate) found: verify::VerifyReport,
}

impl VerificationReport {
    /// Verifies the logs in `dir` that `records` reads.
    pub(crate) fn collect(records: &LogRecords, dir: &Path) -> Result<Self, LogError> {
        let verify = |server: &ServerName| {
            let found = verify_log(dir, server).map_err(|error| LogError::from_io(dir, error))?;
            Ok(ServerVerification { server: server.as_str().to_owned(), whole: found.broken.is_none(), found })
        };
        let servers = records.servers().map(verify).collect::<Result<Vec<_>, LogError>>()?;
        Ok(Self { whole: servers.iter().all(|server| server.whole), servers })
    }
}
