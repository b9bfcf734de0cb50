//! `policylayer unregister`: takes the wrapper out of a client's configuration, and restores what was there.

use super::Env;
use super::register::{carry_out, select};
use crate::cli::UnregisterArgs;
use crate::clients::program;
use crate::clients::register::unwrap_existing;
use crate::clients::servers::Clients;
use crate::exit::Exit;

/// Unwraps a server.
///
/// # Errors
/// If the program's path is not known, or stdout cannot be written.
pub fn run(args: &UnregisterArgs, env: &Env) -> anyhow::Result<Exit> {
    let program = program::path(env)?;
    let clients = Clients::look(env);
    let selection = select(&clients, &args.which, &program, env);
    carry_out(unwrap_existing(&selection, args.key.as_deref()), &selection, args.dry_run.into())
}
