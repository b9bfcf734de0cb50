//! `policylayer replay`: the recorded calls and other requests, decided again under another policy.

use jiff::Zoned;

use super::output::print_report;
use super::{Env, load_policy, tool_server};
use crate::cli::ReplayArgs;
use crate::exit::Exit;
use crate::paths;
use crate::policy::{Server, ServerName};
use crate::report::log_records::{LogRecords, choose_server};
use crate::report::replay::ReplayReport;
use crate::report::tool_names::judge_as_locked;
use crate::term::{faces, message};

/// Decides what is recorded again and prints which decisions change. Changes are not a failure.
pub(crate) fn run(args: &ReplayArgs, env: &Env) -> anyhow::Result<Exit> {
    let now = Zoned::now();
    let dir = paths::audit_dir(env)?;
    let of_policy = ServerName::from_policy_file(&args.policy);
    let server = choose_server(args.server.as_ref(), of_policy, &dir)?;
    let place = tool_server::find_policy_place(None, Some(server.as_str()), None, env).ok();
    let lock = place.and_then(|place| place.find_lock());
    let policy = load_policy(Some(&args.policy), &Server::by_name(&server), env)?.policy;
    let policy = judge_as_locked(policy, lock.as_deref());
    let mut records = LogRecords::open_existing(&dir, Some(&server))?;
    let since = args.since.map(|since| since.resolve_at(&now));
    let report = ReplayReport::collect(&mut records, &server, &policy, since)?;
    report.warnings.iter().for_each(|warning| message::print_warning(warning));
    print_report(&report, args.format, |out, report| faces::replay::write_replay(out, report, &now))?;
    Ok(Exit::Ok)
}
