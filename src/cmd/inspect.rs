//! `policylayer inspect`: what an agent would see of a server, and what would happen to its calls. No tool is called.

mod text;

use std::sync::Arc;

use super::Env;
use super::output::{print_report, show_start};
use crate::cli::InspectArgs;
use crate::exit::Exit;
use crate::paths;
use crate::probe;
use crate::report::inspection::InspectReport;
use crate::report::lock_status::LockStatus;
use crate::term::style::terminal_width;

/// Starts the server, passes its lists through the policy, and prints the result.
pub(crate) fn run(args: &InspectArgs, env: &Env) -> anyhow::Result<Exit> {
    let settings = paths::load_settings(env)?;
    let server = settings.server_of_command(args.server.as_ref(), &args.command)?;
    // Before the server is started, since loading takes no time.
    let loaded = paths::load_policy(args.policy.as_deref(), &server, &settings, env)?;
    let policy = Arc::new(loaded.policy);
    let file = paths::lock_path(args.policy.as_deref(), server.name(), &settings, env)?;
    let lock = LockStatus::find(&file, server.name(), &args.command, env)?;
    let offer = probe::probe_command(&args.command, &show_start)?;
    let report = InspectReport::new(&offer, &policy, &args.command).with_lock(lock);
    print_report(&report, args.format, |out, report| text::write_text(out, report, terminal_width()))?;
    Ok(Exit::Ok)
}
