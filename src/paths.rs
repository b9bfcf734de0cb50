//! Temporary: the policy room brings the real one.

use std::path::Path;

use crate::cmd::Env;
use crate::policy::{Policy, ServerName};

/// Temporary.
#[derive(Debug)]
pub struct LoadedPolicy {
    /// Temporary.
    pub policy: Policy,
    /// Temporary.
    pub notes: Vec<String>,
}

/// Temporary.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// Temporary.
///
/// # Errors
/// Temporary.
pub fn load_policy(named: Option<&Path>, _server: &ServerName, _env: &Env) -> Result<LoadedPolicy, PolicyError> {
    if let Some(file) = named {
        let text = std::fs::read_to_string(file)
            .map_err(|error| PolicyError(format!("cannot read {}: {error}", file.display())))?;
        serde_json::from_str::<serde_json::Value>(&text)
            .map_err(|error| PolicyError(format!("{}: {error}", file.display())))?;
    }
    Ok(LoadedPolicy { policy: Policy {}, notes: vec!["everything is allowed (temporary)".to_owned()] })
}
