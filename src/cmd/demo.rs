//! Temporary: another founder brings the real one.

use super::Env;
use crate::cli::DemoArgs;
use crate::exit::Exit;

/// Temporary.
pub(super) fn run(_args: &DemoArgs, _env: &Env) -> anyhow::Result<Exit> {
    anyhow::bail!("demo is not here yet")
}
