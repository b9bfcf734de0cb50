//! `policylayer unregister`: takes the wrapper out of a client's configuration, and restores what was there.

use super::Env;
use super::register::carry_out;
use super::register_all::{self, Direction};
use crate::cli::{UnregisterArgs, Which};
use crate::clients::plan::AllPlan;
use crate::clients::program;
use crate::clients::register::{Leave, unwrap_existing};
use crate::clients::select::Selection;
use crate::clients::servers::Clients;
use crate::exit::Exit;

pub(crate) fn run(args: &UnregisterArgs, env: &Env) -> anyhow::Result<Exit> {
    let program = program::path_to_write(env)?;
    let clients = Clients::find_all(env);
    let Which { client, all_clients } = &args.which;
    let selection = Selection::new(&clients, client, &program, env);
    let selection = Selection { all_clients: *all_clients, dry_run: args.dry_run, ..selection };
    if args.all.all {
        return register_all::run(AllPlan::unwrap_all(&selection)?, &selection, &args.all, Direction::Unregister);
    }
    let leave = if args.remove { Leave::Nothing } else { Leave::Server };
    carry_out(unwrap_existing(&selection, args.key.as_deref(), leave), &selection)
}
