//! Temporary: the policy room brings the real one.

use super::Env;
use crate::cli::CheckArgs;
use crate::exit::Exit;

/// Temporary.
///
/// # Errors
/// Always.
pub fn run(_args: &CheckArgs, _env: &Env) -> anyhow::Result<Exit> {
    anyhow::bail!("check is not here yet")
}
