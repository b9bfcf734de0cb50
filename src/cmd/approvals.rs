//! `policylayer approvals`: the calls that wait for a person at this machine, and the answers to them.

mod outcome;
mod watch;

use super::Env;
use super::output::{print, print_report};
use crate::cli::{
    ApprovalsApproveArgs, ApprovalsArgs, ApprovalsCommand, ApprovalsDenyArgs, ApprovalsListArgs, ApprovalsShowArgs,
    Format,
};
use crate::engine::{ApprovalAnswer, Channel};
use crate::exit::Exit;
use crate::paths;
use crate::policy::ServerName;
use crate::report::approval_stores::ApprovalStores;
use crate::report::client_servers::{ServedQuestion, find_served};
use crate::state::approvals::{Confirm, EntryKey, NotAnswered, unix_time};
use crate::term::confirm::confirm_on_terminal;
use crate::term::faces::approvals::list::Expired;
use crate::term::faces::approvals::outcome::describe_outcome;
use crate::term::faces::approvals::refusal::{explain_refusal, find_entry, read_refusal};
use crate::term::faces::approvals::{card, list};

/// Lists, shows or answers waiting calls.
pub(crate) fn run(args: &ApprovalsArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut stores = ApprovalStores::find_all(env)?;
    match &args.command {
        None => list_approvals(&mut stores, &args.list, env),
        Some(ApprovalsCommand::List(args)) => list_approvals(&mut stores, args, env),
        Some(ApprovalsCommand::Show(args)) => show_approval(&mut stores, args),
        Some(ApprovalsCommand::Approve(args)) => approve_call(&mut stores, args, env),
        Some(ApprovalsCommand::Deny(args)) => deny_call(&mut stores, args),
        Some(ApprovalsCommand::Watch) => watch::run(&mut stores, paths::load_confirm(env)?, env),
    }
}

/// Returns the names of the servers that a key or a name means.
fn find_servers(name: &str, env: &Env) -> anyhow::Result<Vec<ServerName>> {
    let mut names = Vec::new();
    for served in find_served(&ServedQuestion { name: Some(name), clients: &[], env }).servers {
        let server = served.load_settings().and_then(|settings| served.find_server(&settings));
        names.extend(server.map(|server| server.name().clone()));
    }
    match ServerName::parse(name) {
        Err(error) if names.is_empty() => return Err(error.into()),
        named => names.extend(named),
    }
    Ok(names)
}

fn list_approvals(stores: &mut ApprovalStores, args: &ApprovalsListArgs, env: &Env) -> anyhow::Result<Exit> {
    let mut all = stores.list_all()?;
    if let Some(name) = &args.server {
        let servers = find_servers(name, env)?;
        all.retain(|entry| servers.iter().any(|server| entry.server == server.as_str()));
    }
    // A program gets what can be answered, unless it asks for more.
    all.retain(|entry| args.all || args.format == Format::Text || entry.state.is_open());
    let expired = if args.all { Expired::Listed } else { Expired::Counted };
    print_report(&all, args.format, |out, all| {
        list::write_list(out, all, expired, unix_time())?;
        if all.is_empty() && !asks_here(env) {
            writeln!(
                out,
                "`channels` in config.toml does not include \"local\": only clients ask, and nothing waits here."
            )?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Whether config.toml has the local channel. Other commands report errors in the file.
fn asks_here(env: &Env) -> bool {
    paths::load_settings(env).map_or(true, |settings| settings.approvals.channels.contains(&Channel::Local))
}

fn show_approval(stores: &mut ApprovalStores, args: &ApprovalsShowArgs) -> anyhow::Result<Exit> {
    let all = stores.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    print_report(entry, args.format, |out, entry| card::write_card(out, entry, unix_time()))?;
    Ok(Exit::Ok)
}

fn approve_call(stores: &mut ApprovalStores, args: &ApprovalsApproveArgs, env: &Env) -> anyhow::Result<Exit> {
    let required = paths::load_confirm(env)?;
    let all = stores.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    let needed = entry.confirm.max(required);
    let answer = if args.session { ApprovalAnswer::Session } else { ApprovalAnswer::Once };
    if entry.state.is_open() && needed == Confirm::Code {
        confirm_on_terminal(entry, &answer)?;
    }
    record_answer(stores, &entry.key(), &answer, needed)
}

fn deny_call(stores: &mut ApprovalStores, args: &ApprovalsDenyArgs) -> anyhow::Result<Exit> {
    let refusal = read_refusal(args.reason.as_deref())?;
    let all = stores.list_all()?;
    let entry = find_entry(&all, &args.id)?;
    record_answer(stores, &entry.key(), &refusal, Confirm::None)
}

fn record_answer(
    stores: &mut ApprovalStores,
    of: &EntryKey,
    verdict: &ApprovalAnswer,
    given: Confirm,
) -> anyhow::Result<Exit> {
    if let Err(why) = stores.answer_question(of, verdict, given)? {
        return Err(explain_refusal(why, of, stores).into());
    }
    let Some(entry) = outcome::wait_for_outcome(stores, of.id())? else {
        return Err(explain_refusal(NotAnswered::Unknown, of, stores).into());
    };
    let came = describe_outcome(&entry, unix_time()).map_err(anyhow::Error::msg)?;
    print(|out| writeln!(out, "{came}"))?;
    Ok(Exit::Ok)
}
