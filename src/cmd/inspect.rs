//! `policylayer inspect`: what an agent would see of a server, and what would happen to its calls. No tool is called.

use std::sync::Arc;

use super::Env;
use super::output::{print_report, show_start};
use crate::cli::InspectArgs;
use crate::exit::Exit;
use crate::limits::OFFER_PATIENCE;
use crate::package::pin_version;
use crate::paths::{self, LoadedSession, SessionLock, SessionPlace};
use crate::policy::LockMode;
use crate::probe::{self, AppPages, ProbeTarget};
use crate::report::inspection::InspectReport;
use crate::report::lock::{LockQuestion, LockTarget};
use crate::report::lock_status::LockStatus;
use crate::term::faces::inspection;
use crate::term::style::terminal_width;

/// Starts the server, passes its lists through the policy, and prints the result.
pub(crate) fn run(args: &InspectArgs, env: &Env) -> anyhow::Result<Exit> {
    // Before the server is started, since loading takes no time.
    let target = LockTarget::find(&LockQuestion {
        server: args.key.as_deref().or(args.server.as_deref()),
        clients: &args.only.client,
        policy: args.policy.as_deref(),
        command: &args.command,
        verb: "inspect",
        env,
    })?;
    let settings = paths::load_settings(&target.env)?;
    let (named, server) = (target.named.clone(), target.server.clone());
    let place = SessionPlace { named, server, settings, env: target.env.clone() };
    let LoadedSession { loaded, lock } = place.load()?;
    let policy = Arc::new(loaded.policy);
    let find_status = |lock: &SessionLock| {
        LockStatus::find(&lock.path, place.server.name(), (&target.command, &target.env), policy.lock_mode())
    };
    let status = lock.as_ref().map(find_status).transpose()?.flatten();
    // As a session starts it.
    let locked = lock.as_ref().and_then(|lock| lock.package.as_ref()).filter(|_| policy.lock_mode() != LockMode::Warn);
    let pinned = locked.and_then(|locked| pin_version(&target.command, locked));
    let asked = ProbeTarget {
        command: pinned.as_deref().unwrap_or(&target.command),
        shown: target.shown_command(),
        spawn_env: target.spawn_env.as_ref(),
        patience: OFFER_PATIENCE,
        apps: AppPages::Skip,
    };
    target.check_headers()?;
    let offer = probe::probe_target(&asked, &show_start)?;
    let report = InspectReport::new(&offer, &policy, &target.command).with_lock(status);
    print_report(&report, args.format, |out, report| inspection::write_text(out, report, terminal_width()))?;
    Ok(Exit::Ok)
}
