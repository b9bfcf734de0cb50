//! Whether the log is intact.

use std::path::Path;

use serde::Serialize;

use super::log_records::{LogError, LogRecords};
use crate::audit::list_recorded_servers;
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
    /// Verifies the log of `server` in `dir`, or all logs there, those too of which only the head is left.
    pub(crate) fn collect(dir: &Path, server: Option<&ServerName>) -> Result<Self, LogError> {
        let mut servers = list_recorded_servers(dir).map_err(|error| LogError::from_io(dir, error))?;
        servers.retain(|found| server.is_none_or(|server| server == found));
        if servers.is_empty() {
            LogRecords::open_existing(dir, server)?;
        }
        let verify = |server: &ServerName| {
            let found = verify_log(dir, server).map_err(|error| LogError::from_io(dir, error))?;
            Ok(ServerVerification { server: server.as_str().to_owned(), whole: found.broken.is_none(), found })
        };
        let servers = servers.iter().map(verify).collect::<Result<Vec<_>, LogError>>()?;
        Ok(Self { whole: servers.iter().all(|server| server.whole), servers })
    }
}
